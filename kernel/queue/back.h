/* SPDX-License-Identifier: GPL-2.0 */
/* Messages that are read back from a journal: see back.c. */
#ifndef MQ_QUEUE_BACK_H
#define MQ_QUEUE_BACK_H

struct mq_entry;
struct mq_payer;
struct mq_portion;
struct mq_queue;

/* What a caller waits for. */
enum mq_back {
	MQ_BACK_WAITS,		/* the disk, and the end of a freeze */
	MQ_BACK_NOT_FROZEN,	/* the disk, unless its file system is frozen */
	MQ_BACK_AT_ONCE,	/* nothing: it takes what it has read already */
};

struct mq_entry *mq_back_look(struct mq_queue *q, struct mq_entry *stub,
			      struct mq_portion *p, struct mq_payer *payer);
struct mq_entry *mq_back_get(struct mq_queue *q, struct mq_entry *stub,
			     struct mq_portion **at, enum mq_back how);
void mq_back_count(struct mq_queue *q, int err);

#endif /* MQ_QUEUE_BACK_H */
