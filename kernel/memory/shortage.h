/* SPDX-License-Identifier: GPL-2.0 */
/* Senders and pollers that wait for memory: see shortage.c. */
#ifndef MQ_MEMORY_SHORTAGE_H
#define MQ_MEMORY_SHORTAGE_H

#include <linux/list.h>
#include <linux/types.h>

struct mq_payer;
struct mq_starved;
struct mq_user;
struct mq_waiters;

/**
 * struct mq_starved_ops - functions of a queue for memory shortage
 * @waits: returns true if a sender waits when its charge is refused, instead of
 *	getting an error. Called without a lock
 * @get: takes a reference to the queue. Returns false if it is being freed
 * @put: drops that reference
 * @tell: makes the pollers and the parked commands of the queue look again
 */
struct mq_starved_ops {
	bool	(*waits)(const struct mq_starved *s);
	bool	(*get)(struct mq_starved *s);
	void	(*put)(struct mq_starved *s);
	void	(*tell)(struct mq_starved *s);
};

/**
 * struct mq_starved - a queue whose senders may wait for memory
 * @link: link in the list of queues whose pollers wait for memory, or empty
 *	(mq_starved_lock)
 * @ops: functions of the queue (invariant)
 */
struct mq_starved {
	struct list_head		link;
	const struct mq_starved_ops	*ops;
};

/**
 * struct mq_memory_turn - state of a sender between two waits for memory
 * @payer: if other waiters rely on the sender to try: its payer, with a
 *	reference; otherwise NULL
 * @waiters: the wait list in which the sender waited. Without a @payer, only
 *	the address may be used, to compare it
 * @ticket: the sender's place in that wait list, 0: none yet
 */
struct mq_memory_turn {
	struct mq_payer		*payer;
	struct mq_waiters	*waiters;
	u64			ticket;
};

void mq_memory_freed(struct mq_user *u);
bool mq_memory_would_not_wait(const struct mq_starved *s, struct mq_payer *p,
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
