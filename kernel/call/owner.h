/* SPDX-License-Identifier: GPL-2.0 */
/* Returning early what a dying process holds: see owner.c. */
#ifndef MQ_CALL_OWNER_H
#define MQ_CALL_OWNER_H

struct mq_file;

void mq_owner_note(struct mq_file *f);
void mq_owner_forget(struct mq_file *f);
void mq_owner_exit(void);

#endif /* MQ_CALL_OWNER_H */
