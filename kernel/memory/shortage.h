/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting for memory: see shortage.c. */
#ifndef MQ_MEMORY_SHORTAGE_H
#define MQ_MEMORY_SHORTAGE_H

#include <linux/list.h>
#include <linux/types.h>

struct mq_payer;
struct mq_starved;
struct mq_user;
struct mq_waiters;

/**
 * struct mq_starved_ops - what is to be known of something that memory is for
 * @waits: would a sender who gets no memory for it wait? A look without a lock
 * @get: take a reference, if it is not about to go
 * @put: give that back
 * @tell: those who poll it, and those who wait for it without a thread, are to look
 */
struct mq_starved_ops {
	bool	(*waits)(const struct mq_starved *s);
	bool	(*get)(struct mq_starved *s);
	void	(*put)(struct mq_starved *s);
	void	(*tell)(struct mq_starved *s);
};

/**
 * struct mq_starved - something whose senders may wait for memory: a queue
 * @link: in the list of those that are to be told when there is some, or empty
 *	(mq_starved_lock)
 * @ops: the rest that is to be known of it (invariant)
 */
struct mq_starved {
	struct list_head		link;
	const struct mq_starved_ops	*ops;
};

/**
 * struct mq_memory_turn - a sender who waited for memory
 * @payer: who was to pay, if others rely on the sender to try; else NULL
 * @waiters: where the sender waited (only to be compared with, without a @payer)
 * @ticket: the sender's place in line there, 0: none yet
 */
struct mq_memory_turn {
	struct mq_payer		*payer;
	struct mq_waiters	*waiters;
	u64			ticket;
};

void mq_memory_freed(struct mq_user *u);
bool mq_memory_open(const struct mq_starved *s, struct mq_payer *p,
		    unsigned long bytes);
bool mq_memory_poll(struct mq_starved *s, struct mq_payer *p,
		    unsigned long bytes);
int mq_memory_wait(const struct mq_starved *s, unsigned long bytes,
		   struct mq_memory_turn *turn);
void mq_memory_answer(struct mq_memory_turn *turn);
void mq_memory_wake_all(void);
void mq_starved_init(struct mq_starved *s, const struct mq_starved_ops *ops);
void mq_starved_exit(struct mq_starved *s);
void mq_shortage_init(void);
void mq_shortage_exit(void);

#endif /* MQ_MEMORY_SHORTAGE_H */
