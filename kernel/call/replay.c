// SPDX-License-Identifier: GPL-2.0
/*
 * Reading what a topic retains: read(2) and lseek(2). A read takes nothing away:
 * each open file has a position, the id of the next message. While a message is
 * copied out, a reference to its chunk keeps it, even if the topic trims it
 * meanwhile. One that is in the journal alone is read back, and the reader waits for
 * that even if it must not wait for a message: there is one. But it does not wait for the
 * end of a freeze of the journal's file system then, and poll says so until that. Nor does
 * a call wait for the disk if it is tried again in a thread that may wait (io_uring).
 *
 * Readers wait as those of a queue do, but each message wakes all of them.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/uio.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "call/iocb.h"
#include "call/receive.h"
#include "call/replay.h"
#include "journal/fetch.h"
#include "journal/journal.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "queue/back.h"
#include "queue/ids.h"
#include "queue/lock.h"
#include "queue/look.h"
#include "queue/members.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/position.h"
#include "queue/queue.h"
#include "queue/retain.h"
#include "wait/side.h"
#include "wait/wake.h"

/* A new open file of a topic begins with the oldest message. */
void mq_replay_open(struct mq_file *f)
{
	mq_lock(f->q);
	mq_retain_move_locked(f, mq_retain_oldest_locked(f->q));
	mq_unlock(f->q);
}

/*
 * Find the message at the position, and take a reference to its chunk. Return as
 * mq_retain_read_locked().
 */
static struct mq_entry *mq_replay_find(struct mq_file *f)
{
	struct mq_entry *e;

	mq_lock(f->q);
	e = mq_retain_read_locked(f);
	if (!IS_ERR(e))
		mq_chunk_get(mq_chunk_of(e));
	mq_unlock(f->q);
	return e;
}

/*
 * As mq_replay_find(), but wait for a message. The caller holds mq_file.rx, which
 * is not held any more after ERESTARTSYS.
 */
static struct mq_entry *mq_replay_wait(struct mq_file *f)
{
	struct mq_wait wait = {};
	bool called = false;
	struct mq_entry *e;
	int err;

	mq_wait_begin(&f->q->gate.rx, &wait);
	do {
		err = mq_wait_to_read(f, &called);
		e = err ? ERR_PTR(err) : mq_replay_find(f);
	} while (e == ERR_PTR(-EAGAIN));
	mq_wait_end(&f->q->gate.rx, &wait);
	if (!err)
		mq_answer_message(&f->q->gate, &called);
	return e;
}

/*
 * Read the message at the position back if it is in the journal alone. Return it, or an
 * ERR_PTR of mq_back_get(); EAGAIN: the journal is frozen, or the caller must not even wait
 * for the disk.
 */
static struct mq_entry *mq_replay_back(struct mq_file *f, struct mq_entry *e,
				       const struct kiocb *iocb)
{
	enum mq_back how = mq_iocb_hurries(iocb) ? MQ_BACK_AT_ONCE :
			   mq_iocb_nowait(iocb) ? MQ_BACK_NOT_FROZEN : MQ_BACK_WAITS;

	e = mq_back_get(f->q, e, &f->portion, how);
	WRITE_ONCE(f->frozen, e == ERR_PTR(-EAGAIN) && how == MQ_BACK_NOT_FROZEN);
	return e;
}

/* What was read back last is not needed any more. */
void mq_replay_close(struct mq_file *f)
{
	mq_portion_put(f->portion);
	f->portion = NULL;
}

/*
 * Return the message at the position, with a reference to its chunk; wait for one if the
 * call may. The caller holds mq_file.rx, which is not held any more after ERESTARTSYS.
 */
static struct mq_entry *mq_replay_next(struct mq_file *f, const struct kiocb *iocb)
{
	struct mq_entry *e;

	do {
		e = mq_replay_find(f);
		if (e == ERR_PTR(-EAGAIN)) {
			mq_replay_close(f);
			if (!mq_iocb_nowait(iocb))
				e = mq_replay_wait(f);
		}
		if (IS_ERR(e))
			return e;
		if (likely(!mq_msg_is_stub(mq_msg(e)))) {
			mq_replay_close(f);
			return e;
		}
		e = mq_replay_back(f, e, iocb);
		/* It was trimmed meanwhile. */
	} while (e == ERR_PTR(-ENOENT));
	return e;
}

/* The reader has read a message up to @done, or all of it. */
static void mq_replay_advance(struct mq_file *f, u64 id, u32 done, bool whole)
{
	spin_lock(&f->q->lock);
	f->last_id = id;
	WRITE_ONCE(f->position, whole ? id + 1 : id);
	WRITE_ONCE(f->position_done, whole ? 0 : done);
	WRITE_ONCE(f->frozen, false);
	spin_unlock(&f->q->lock);
}

/* Copy a message out, from where the last read stopped, and drop the reference. */
static ssize_t mq_replay_copy(struct mq_file *f, struct mq_entry *e,
			      struct iov_iter *to)
{
	u32 done = f->position_done, all = mq_read_size(f->q, e);
	size_t size = min_t(size_t, all - done, iov_iter_count(to)), copied;

	copied = mq_copy_pieces(e, done, size, to);
	if (copied || !size)
		mq_replay_advance(f, f->position, done + copied,
				  done + copied == all);
	mq_chunk_put(mq_chunk_of(e), MQ_CHUNK_ONE);
	return copied || !size ? copied : -EFAULT;
}

/**
 * mq_replay_read - read bytes of the message at the position
 * @f: the open file of a topic
 * @iocb: how to wait
 * @to: where the bytes go
 *
 * Return: how many bytes; or ENODEV, EINVAL, EBUSY, EAGAIN, EPIPE, EFAULT, ERESTARTSYS, or
 * an error of mq_back_get().
 */
ssize_t mq_replay_read(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to)
{
	struct mq_entry *e;
	ssize_t ret;
	int err;

	if (!iov_iter_count(to))
		return 0;
	err = mq_take_role(f, FMODE_READ) ?: mq_iocb_lock(iocb, &f->rx);
	if (err)
		return err;
	e = mq_replay_next(f, iocb);
	if (e == ERR_PTR(-ERESTARTSYS))
		return -ERESTARTSYS;
	ret = IS_ERR(e) ? PTR_ERR(e) : mq_replay_copy(f, e, to);
	mutex_unlock(&f->rx);
	return ret;
}

/* Return the next id from @id on that is retained, or ENXIO. */
static loff_t mq_replay_data_locked(struct mq_queue *q, u64 id)
{
	struct mq_entry *e = mq_ids_after(&q->aside, id ? id - 1 : 0);

	return e ? mq_msg(e)->id : -ENXIO;
}

/* Return the position that lseek(2) names, or an error. */
static loff_t mq_replay_where_locked(struct mq_file *f, loff_t offset, int whence)
{
	struct mq_queue *q = f->q;
	loff_t base = 0;

	if (q->gone)
		return -ENODEV;
	if (!mq_retain_active(q))
		return -ESPIPE;
	if (whence == SEEK_CUR)
		base = f->position;
	else if (whence == SEEK_END)
		base = q->next_id;
	else if (whence != SEEK_SET && whence != SEEK_DATA)
		return -EINVAL;
	if (offset < -base || offset > (loff_t)q->next_id - base)
		return -EINVAL;
	if (whence == SEEK_DATA)
		return mq_replay_data_locked(q, offset);
	return base + offset ?: mq_retain_oldest_locked(q);
}

/**
 * mq_replay_seek - move the position of an open file of a topic
 * @f: the open file
 * @offset: an id, or a distance
 * @whence: SEEK_SET, SEEK_CUR, SEEK_END or SEEK_DATA
 *
 * A message that was read in part is begun anew, or not read any more, unless the
 * position is only asked for.
 *
 * Return: the position; or ENODEV, EINVAL, ERESTARTSYS; ENXIO: no message is
 * retained from there on; or ESPIPE: the topic retains nothing.
 */
loff_t mq_replay_seek(struct mq_file *f, loff_t offset, int whence)
{
	loff_t to;

	if (mutex_lock_interruptible(&f->rx))
		return -ERESTARTSYS;
	mq_lock(f->q);
	to = mq_replay_where_locked(f, offset, whence);
	if (to > 0 && (whence != SEEK_CUR || offset))
		mq_retain_move_locked(f, to);
	mq_unlock(f->q);
	mutex_unlock(&f->rx);
	/* Others that wait with this file may have something to read now. */
	mq_wake_stand(&f->stand);
	return to;
}

/* FIONREAD: return the bytes that are left of the message at the position. */
u32 mq_replay_next_size(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	struct mq_entry *e = NULL;
	u32 size = 0;

	if (!(f->mode & FMODE_READ))
		return 0;
	mq_lock(q);
	if (!mq_paused(q, MQ_PAUSED_RECEIVE) && !mq_retain_passed(f))
		e = mq_ids_after(&q->aside, f->position - 1);
	if (e)
		size = mq_read_size(q, e);
	if (e && mq_msg(e)->id == f->position)
		size -= f->position_done;
	mq_unlock(q);
	return size;
}
