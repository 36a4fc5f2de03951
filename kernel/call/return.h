/* SPDX-License-Identifier: GPL-2.0 */
/* Returning what a consumer holds: see return.c. */
#ifndef MQ_CALL_RETURN_H
#define MQ_CALL_RETURN_H

struct mq_file;

void mq_deliveries_return(struct mq_file *f);
void mq_deliveries_discard(struct mq_file *f);

#endif /* MQ_CALL_RETURN_H */
