/* SPDX-License-Identifier: GPL-2.0 */
/* Messages that are read back from a journal: see back.c. */
#ifndef MQ_QUEUE_BACK_H
#define MQ_QUEUE_BACK_H

struct mq_entry;
struct mq_payer;
struct mq_portion;
struct mq_queue;

struct mq_entry *mq_back_look(struct mq_queue *q, struct mq_entry *stub,
			      struct mq_portion *p, struct mq_payer *payer);
struct mq_entry *mq_back_get(struct mq_queue *q, struct mq_entry *stub,
			     struct mq_portion **at, bool nowait);
void mq_back_count(struct mq_queue *q, int err);

#endif /* MQ_QUEUE_BACK_H */
