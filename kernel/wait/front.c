// SPDX-License-Identifier: GPL-2.0
/*
 * The wait queue entry of an open file for its parked RECV commands (park.c).
 * It is in mq_gate.readers while the file has such commands and has credit.
 */
#include "wait/front.h"
#include "wait/gate.h"

/* Initialize a file without commands. @wake wakes the first of them later. */
void mq_front_init(struct mq_stand *stand, wait_queue_func_t wake)
{
	INIT_LIST_HEAD(&stand->waiting);
	init_waitqueue_func_entry(&stand->front, wake);
	INIT_LIST_HEAD(&stand->front.entry);
}

/*
 * Take the lock of mq_gate.readers, which protects mq_stand.waiting and
 * mq_stand.front as well. A wake-up of mq_stand.front has this lock held
 * already.
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

/* Add or remove mq_stand.front as the commands and the credit require. */
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
 * Add mq_stand.front, after a file with parked commands got credit. The caller
 * has executed a full barrier, which pairs with that of a command that joins
 * mq_stand.waiting and then looks for credit. The caller must call
 * mq_wake_next_reader() after this, because there may be a message.
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
