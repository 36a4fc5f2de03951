// SPDX-License-Identifier: GPL-2.0
/*
 * Open files whose waiters are to look because of what concerns them alone, or all:
 * noted under the queue's lock, and told when it has been dropped.
 */
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "base/waiters.h"
#include "memory/shortage.h"
#include "wait/pollers.h"
#include "wait/wake.h"
#include "queue/file.h"
#include "queue/queue.h"
#include "queue/tell.h"

/* The same, when the lock is dropped, and once however often this is called. */
void mq_tell_locked(struct mq_file *f)
{
	struct mq_queue *q = f->q;

	lockdep_assert_held(&q->lock);
	list_move(&f->tell, &q->untold);
	q->tells++;
}

/* Tell the next file, if there is one. */
static bool mq_tell_next(struct mq_queue *q)
{
	struct mq_file *f;

	spin_lock(&q->lock);
	f = list_first_entry_or_null(&q->untold, struct mq_file, tell);
	if (f)
		list_move_tail(&f->tell, &q->told);
	/* The file may be closed now, but its memory stays. */
	rcu_read_lock();
	spin_unlock(&q->lock);
	if (f)
		mq_wake_stand(&f->stand);
	rcu_read_unlock();
	return f;
}

/*
 * Without the lock: tell @n files, or as many as there are. Others may tell
 * those that the caller had in mind; as each tells as many as he has added, none
 * is left.
 */
void mq_tell(struct mq_queue *q, unsigned int n)
{
	while (n-- && mq_tell_next(q))
		;
}

/* Tell all files. */
static void mq_tell_all(struct mq_queue *q)
{
	u64 n;

	spin_lock(&q->lock);
	list_splice_tail_init(&q->told, &q->untold);
	n = q->stat.consumers;
	spin_unlock(&q->lock);
	while (n-- && mq_tell_next(q))
		cond_resched();
}

/* An option changed: everybody is to look. */
void mq_tell_options(struct mq_queue *q)
{
	/* WAIT(wake:options) */
	mq_tell_all(q);
	mq_wake_every_reader(&q->gate);
	mq_pollers_tell_room(&q->gate, true);
	mq_waiters_wake_all(&q->gate.room);
	mq_waiters_wake_all(&q->gate.growth);
	mq_memory_wake_all();
}

/* The queue was removed. */
void mq_tell_gone(struct mq_queue *q)
{
	mq_tell_all(q);
	mq_wake_all_readers(&q->gate, EPOLLHUP | EPOLLERR);
	mq_pollers_tell_room(&q->gate, true);
	mq_waiters_wake_all(&q->gate.room);
	mq_waiters_wake_all(&q->gate.growth);
	mq_memory_wake_all();
}
