// SPDX-License-Identifier: GPL-2.0
/*
 * Those who poll an open file for messages.
 *
 * They stand in mq_file.polls, and nowhere else for that: so io_uring, which takes
 * two wait queues, has one left for whoever polls for room as well. The file
 * stands for them in mq_queue.readers, in two places. Where all are told of each
 * message it tells those who want to hear of each; where sleepers stand it tells
 * one of those who want to be the only one (EPOLLEXCLUSIVE), and that counts as a
 * sleeper woken. A file that may not hold another delivery tells nobody, so its
 * pollers eat no wake-up that others could use; when that changes they are told
 * (mq_wake_file).
 */
#include <linux/poll.h>

#include "mq.h"

/* Is there somebody of that kind? With the lock of mq_file.polls held. */
static bool mq_relay_has(const struct mq_file *f, bool exclusive)
{
	const struct wait_queue_head *polls = &f->polls;
	const struct wait_queue_entry *at;

	if (list_empty(&polls->head))
		return false;
	/* The others stand first. */
	at = exclusive ? list_last_entry(&polls->head, typeof(*at), entry) :
			 list_first_entry(&polls->head, typeof(*at), entry);
	return !(at->flags & WQ_FLAG_EXCLUSIVE) == !exclusive;
}

/* Tell them, of the exclusive ones the first who listens. True if one does. */
static bool mq_relay_tell(struct mq_file *f, bool exclusive, unsigned int mode,
			  void *key)
{
	struct wait_queue_entry *at, *next;

	list_for_each_entry_safe(at, next, &f->polls.head, entry) {
		unsigned int flags = at->flags;

		if (flags & MQ_WQ_FLAG_BOOKMARK ||
		    !(flags & WQ_FLAG_EXCLUSIVE) != !exclusive)
			continue;
		if (at->func(at, mode, 0, key) && exclusive)
			return true;
	}
	return false;
}

/* There is something. The lock of mq_queue.readers is held. */
static int mq_relay_wake(struct mq_file *f, struct wait_queue_entry *relay,
			 unsigned int mode, void *key)
{
	bool exclusive = relay == &f->relay_one, told = false;
	bool all = key_to_poll(key) & MQ_TO_ALL;

	spin_lock(&f->polls.lock);
	/* WAIT(relay:nobody) */
	if (!mq_relay_has(f, exclusive))
		list_del_init(&relay->entry);
	/* WAIT(relay:no-credit) */
	else if (all || mq_has_credit(f))
		told = mq_relay_tell(f, exclusive, mode, key);
	spin_unlock(&f->polls.lock);
	return told;
}

static int mq_relay_wake_all(struct wait_queue_entry *wait, unsigned int mode,
			     int flags, void *key)
{
	return mq_relay_wake(container_of(wait, struct mq_file, relay_all),
			     wait, mode, key);
}

static int mq_relay_wake_one(struct wait_queue_entry *wait, unsigned int mode,
			     int flags, void *key)
{
	return mq_relay_wake(container_of(wait, struct mq_file, relay_one),
			     wait, mode, key);
}

void mq_relay_init(struct mq_file *f)
{
	init_waitqueue_head(&f->polls);
	init_waitqueue_func_entry(&f->relay_all, mq_relay_wake_all);
	init_waitqueue_func_entry(&f->relay_one, mq_relay_wake_one);
	INIT_LIST_HEAD(&f->relay_all.entry);
	INIT_LIST_HEAD(&f->relay_one.entry);
}

/* The last close: nobody polls it. */
void mq_relay_exit(struct mq_file *f)
{
	struct mq_queue *q = f->q;

	spin_lock_irq(&q->readers.lock);
	list_del_init(&f->relay_all.entry);
	list_del_init(&f->relay_one.entry);
	spin_unlock_irq(&q->readers.lock);
}

/* Somebody polls @f for messages; he looks after this, behind a full barrier. */
void mq_relay_poll(struct mq_file *f, struct file *file, poll_table *wait)
{
	struct mq_queue *q = f->q;

	/* Who comes back to look is there already. */
	if (mq_poll_looks(wait))
		return;
	/* WAIT(poll:polls) */
	poll_wait(file, &f->polls, wait);
	/* WAIT(poll:readers) */
	spin_lock_irq(&q->readers.lock);
	spin_lock(&f->polls.lock);
	if (list_empty(&f->relay_all.entry) && mq_relay_has(f, false))
		__add_wait_queue(&q->readers, &f->relay_all);
	if (list_empty(&f->relay_one.entry) && mq_relay_has(f, true))
		__add_wait_queue_entry_tail_exclusive(&q->readers,
						      &f->relay_one);
	spin_unlock(&f->polls.lock);
	spin_unlock_irq(&q->readers.lock);
}
