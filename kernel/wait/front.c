// SPDX-License-Identifier: GPL-2.0
/*
 * An open file stands in its queue's line for its commands of io_uring that wait for
 * a message (park.c): as long as it has some, and may hold another delivery.
 */
#include "wait/front.h"
#include "wait/gate.h"

/* A file without commands; @wake is called for the first of them. */
void mq_front_init(struct mq_stand *stand, wait_queue_func_t wake)
{
	INIT_LIST_HEAD(&stand->waiting);
	init_waitqueue_func_entry(&stand->front, wake);
	INIT_LIST_HEAD(&stand->front.entry);
}

/*
 * The lock of mq_gate.readers protects mq_stand.waiting and mq_stand.front as well:
 * it is held where the wait queue is gone through.
 */
void mq_front_lock(struct mq_gate *g, unsigned long *flags)
	__acquires(&g->readers.lock)
{
	spin_lock_irqsave(&g->readers.lock, *flags);
}

void mq_front_unlock(struct mq_gate *g, unsigned long flags)
	__releases(&g->readers.lock)
{
	spin_unlock_irqrestore(&g->readers.lock, flags);
}

/* The file stands in the queue's line if any of its RECVs could be served. */
void mq_front_step(struct mq_stand *stand)
{
	lockdep_assert_held(&stand->gate->readers.lock);
	if (list_empty(&stand->waiting))
		list_del_init(&stand->front.entry);
	else if (list_empty(&stand->front.entry) && mq_stand_has_credit(stand))
		__add_wait_queue_entry_tail_exclusive(&stand->gate->readers,
						      &stand->front);
}

/*
 * The consumer, which has commands that wait, may hold another delivery. Behind a
 * full barrier: who gets in mq_stand.waiting looks for credit after that. The caller
 * calls mq_pass_on(), as there may be a message.
 */
void mq_front_credit(struct mq_stand *stand)
{
	struct mq_gate *g = stand->gate;
	unsigned long flags;

	mq_front_lock(g, &flags);
	/* WAIT(front:credit) */
	mq_front_step(stand);
	mq_front_unlock(g, flags);
}
