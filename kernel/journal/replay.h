/* SPDX-License-Identifier: GPL-2.0 */
/* What became of the objects of a journal. */
#ifndef MQ_JOURNAL_REPLAY_H
#define MQ_JOURNAL_REPLAY_H

#include "journal/record.h"
#include "journal/scan.h"

/**
 * struct mq_j_ops - who is told what a journal has
 * @message: make a message of a copy in one of its queues. Return it, or NULL:
 *	there is no memory
 * @state: a message, from @message, is as @copy says. Return 0 or an errno
 * @drop: a message is not needed after all: free it
 * @queue: there is this queue; no id below @next_id may be given to a message,
 *	and messages with an id below @delivered may have been delivered. Return
 *	the queue, or NULL: there is no memory
 * @place: put a message into its queue. The messages come in the order in which
 *	they were read, which is that of sending in each segment of a journal that no
 *	cleaner has been through. Takes the message. Return 0 or an errno
 * @dedup: a de-duplication id that the queue has to remember, maybe told twice;
 *	or, after all of these, without the id: forget that of the message
 *
 * @context of mq_j_replay() is the first argument of each. @message, @state and
 * @drop are called while the journal is read, the others after that.
 */
struct mq_j_ops {
	void	*(*message)(void *context, const struct mq_j_message *m,
			    const struct mq_j_copy *copy);
	int	(*state)(void *context, void *message,
			 const struct mq_j_copy *copy);
	void	(*drop)(void *context, void *message);
	void	*(*queue)(void *context, const struct mq_j_queue *q,
			  u64 next_id, u64 delivered);
	int	(*place)(void *context, void *queue, void *message);
	int	(*dedup)(void *context, void *queue, const struct mq_j_dedup *d);
};

/**
 * struct mq_j_totals - what a journal has, in numbers
 * @queues: queues
 * @messages: messages in them, each copy of a topic's message for itself
 * @dedups: de-duplication ids
 * @serial: the first serial that no object has
 */
struct mq_j_totals {
	u64	queues;
	u64	messages;
	u64	dedups;
	u64	serial;
};

int mq_j_replay(struct mq_j_log *log, const struct mq_j_ops *ops, void *context,
		struct mq_j_totals *totals);

#endif /* MQ_JOURNAL_REPLAY_H */
