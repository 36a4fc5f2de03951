// SPDX-License-Identifier: GPL-2.0
/* The consumers and producers of a queue, and its other open files. */
#include "queue/due.h"
#include "queue/lock.h"
#include "queue/members.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/queue.h"
#include "queue/tell.h"
#include "queue/walk.h"
#include "wait/wake.h"

/* Make the oldest consumer the active one. */
static void mq_choose_active(struct mq_queue *q)
{
	struct mq_file *f = list_first_entry_or_null(&q->consumers,
						     struct mq_file, link);

	WRITE_ONCE(q->active, f);
	/* WAIT(active:next) edge: @f may receive now */
	if (f)
		mq_notify_locked(f);
}

/*
 * Return true if a file cannot become a consumer, because it or the only
 * consumer was opened with O_EXCL.
 */
bool mq_is_barred(const struct mq_file *f)
{
	const struct mq_queue *q = f->q;

	return !(READ_ONCE(f->roles) & FMODE_READ) &&
	       READ_ONCE(q->stat.consumers) &&
	       (f->exclusive || READ_ONCE(q->exclusive));
}

static void mq_join_consumers(struct mq_queue *q, struct mq_file *f)
{
	list_add_tail(&f->link, &q->consumers);
	list_add_tail(&f->tell, &q->notified);
	mq_count(&q->stat.consumers, 1);
	WRITE_ONCE(q->exclusive, f->exclusive);
	if (!q->active)
		WRITE_ONCE(q->active, f);
}

static int mq_join_locked(struct mq_queue *q, struct mq_file *f, fmode_t role)
{
	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	/* Another thread may have given the file this role meanwhile. */
	if (f->roles & role)
		return 0;
	if (role == FMODE_READ && mq_is_barred(f))
		return -EBUSY;
	if (role == FMODE_READ)
		mq_join_consumers(q, f);
	else
		mq_count(&q->stat.producers, 1);
	WRITE_ONCE(f->roles, f->roles | role);
	mq_file_update_plain_locked(f);
	return 0;
}

/**
 * mq_queue_join - make an open file a consumer or a producer
 * @q: the queue
 * @f: the file
 * @role: FMODE_READ or FMODE_WRITE
 *
 * The file keeps the role until it is closed.
 *
 * Return: 0, ENODEV, or EBUSY if O_EXCL keeps it from becoming a consumer.
 */
int mq_queue_join(struct mq_queue *q, struct mq_file *f, fmode_t role)
{
	int err;

	mq_lock(q);
	err = mq_join_locked(q, f, role);
	mq_unlock(q);
	return err;
}

/**
 * mq_queue_attach - add an open file to a queue
 * @q: the queue
 * @f: the file
 *
 * A file that was opened only for reading becomes a consumer now, and one that
 * was opened only for writing a producer. A file that was opened for both gets
 * each role when it first acts in it: see mq_take_role().
 *
 * Return: as mq_queue_join().
 */
int mq_queue_attach(struct mq_queue *q, struct mq_file *f)
{
	int err = 0;

	mq_lock(q);
	if (q->gone)
		err = -ENODEV;
	else if (f->mode && f->mode != (FMODE_READ | FMODE_WRITE))
		err = mq_join_locked(q, f, f->mode);
	if (!err && f->mode)
		q->users++;
	mq_unlock(q);
	return err;
}

static void mq_leave_consumers(struct mq_queue *q, struct mq_file *f)
{
	list_del(&f->link);
	list_del(&f->tell);
	list_del_init(&f->alone);
	mq_count(&q->stat.consumers, -1);
	WRITE_ONCE(q->exclusive, false);
	if (q->active == f)
		mq_choose_active(q);
}

void mq_queue_detach(struct mq_queue *q, struct mq_file *f)
{
	bool hangup = false;

	mq_lock(q);
	mq_cursor_unlink_locked(q, &f->cursor);
	if (f->roles & FMODE_READ)
		mq_leave_consumers(q, f);
	if (f->roles & FMODE_WRITE) {
		mq_count(&q->stat.producers, -1);
		hangup = !q->stat.producers;
	}
	if (f->mode && !--q->users)
		mq_idle_locked(q);
	mq_unlock(q);
	/* Edge: the last producer left. Readers may be at end of file. */
	if (hangup && READ_ONCE(q->opt.eof) == MQ_EOF_HANGUP)
		mq_wake_every_reader(&q->gate);
}
