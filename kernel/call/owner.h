/* SPDX-License-Identifier: GPL-2.0 */
/* Returning early what a dying process holds: see owner.c. */
#ifndef MQ_CALL_OWNER_H
#define MQ_CALL_OWNER_H

struct mq_file;

void mq_own(struct mq_file *f);
void mq_disown(struct mq_file *f);
void mq_owner_exit(void);

#endif /* MQ_CALL_OWNER_H */
