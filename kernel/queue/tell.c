// SPDX-License-Identifier: GPL-2.0
/*
 * Open files whose waiters have to look again, because of a change that
 * concerns only this file, or all files. They are noted under the lock of the
 * queue and told after it was dropped.
 */
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "base/waiters.h"
#include "memory/shortage.h"
#include "queue/openfile.h"
#include "queue/queue.h"
#include "queue/tell.h"
#include "wait/pollers.h"
#include "wait/wake.h"

/*
 * Note that the waiters of a file have to look again. mq_unlock() tells them,
 * once even if this is called several times.
 */
void mq_notify_locked(struct mq_file *f)
{
	struct mq_queue *q = f->q;

	lockdep_assert_held(&q->lock);
	list_move(&f->tell, &q->to_notify);
	q->tells++;
}

/* Tell the next file in mq_queue.to_notify. Return: false if there is none. */
static bool mq_notify_next(struct mq_queue *q)
{
	struct mq_file *f;

	spin_lock(&q->lock);
	f = list_first_entry_or_null(&q->to_notify, struct mq_file, tell);
	if (f)
		list_move_tail(&f->tell, &q->notified);
	/* The file may be closed now; RCU keeps its memory. */
	rcu_read_lock();
	spin_unlock(&q->lock);
	if (f)
		mq_wake_stand(&f->stand);
	rcu_read_unlock();
	return f;
}

/*
 * Tell @n files, or as many as there are. The caller does not hold the lock.
 * Callers may tell each other's files. As each tells as many as it has noted,
 * no file is left.
 */
void mq_notify(struct mq_queue *q, unsigned int n)
{
	while (n-- && mq_notify_next(q))
		;
}

/* Tell the consumers of a queue, one at a time. */
static void mq_notify_all(struct mq_queue *q)
{
	u64 n;

	spin_lock(&q->lock);
	list_splice_tail_init(&q->notified, &q->to_notify);
	n = q->stat.consumers;
	spin_unlock(&q->lock);
	while (n-- && mq_notify_next(q))
		cond_resched();
}

/* Tell all waiters that an option changed. */
void mq_notify_options(struct mq_queue *q)
{
	/* WAIT(wake:options) */
	mq_notify_all(q);
	mq_wake_every_reader(&q->gate);
	mq_pollers_notify_room(&q->gate, true);
	mq_waiters_wake_all(&q->gate.room);
	mq_waiters_wake_all(&q->gate.growth);
	mq_memory_wake_all();
}

/* Tell all waiters that the queue was removed. */
void mq_notify_removed(struct mq_queue *q)
{
	mq_notify_all(q);
	mq_wake_all_readers(&q->gate, EPOLLHUP | EPOLLERR);
	mq_pollers_notify_room(&q->gate, true);
	mq_waiters_wake_all(&q->gate.room);
	mq_waiters_wake_all(&q->gate.growth);
	mq_memory_wake_all();
}
