// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_REDRIVE: makes dead messages ready again, and moves dead and other
 * messages to another queue.
 *
 * A message that goes to another queue is copied first, to memory of its own. A
 * queue that has an order needs a larger entry; and a chunk is compacted by the
 * queue that its messages were sent to, which does not find one that has left.
 * After the copy the message is looked up once more, as another thread may have
 * taken it meanwhile.
 *
 * A message that is moved though it is not dead has its place in the other
 * queue's bounds reserved before it leaves this queue (mq_queue_reserve).
 * Nothing sleeps or fails between its leaving and its arrival. So a caller that
 * is killed neither loses a message nor makes two of one.
 */
#include <linux/file.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "call/ioc.h"
#include "call/opened.h"
#include "call/peek.h"
#include "call/redrive.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/copy.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/text.h"
#include "queue/admit.h"
#include "queue/lock.h"
#include "queue/names.h"
#include "queue/openfile.h"
#include "queue/order.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/state.h"
#include "queue/trace.h"
#include "queue/walk.h"

/* States of messages that are dead, or came here as dead. */
#define MQ_REDRIVEN	(DEVMQ_STATE_MASK(DEVMQ_STATE_READY) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD))
/* States of messages that can be moved. */
#define MQ_MOVABLE	(MQ_REDRIVEN | DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED))

/**
 * struct mq_redrive - a call of REDRIVE
 * @q: the queue
 * @to: the queue that all messages go to; NULL: each goes to where it died
 * @cursor: the cursor of the walk
 * @after: the last id that was looked at
 * @last: the last id to look at
 * @states: mask of the states to look at
 * @moves: move all messages in these states, dead or not
 * @reason: only messages that died of this, 0: any
 * @e: the message that is to go to another queue, with a reference to its chunk
 * @origin: the origin of @e, with a reference
 * @priority: the priority of @e
 */
struct mq_redrive {
	struct mq_queue		*q;
	struct mq_queue		*to;
	struct mq_cursor	cursor;
	u64			after;
	u64			last;
	u32			states;
	bool			moves;
	u32			reason;
	const struct mq_entry	*e;
	struct mq_text		*origin;
	u8			priority;
};

/* Return true if the message died in another queue. */
static bool mq_is_foreign(const struct mq_queue *q, const struct mq_entry *e)
{
	return mq_entry_origin(e) && mq_entry_origin(e) != q->origin;
}

/* Return true if the message is dead, or came here as dead. */
static bool mq_is_redriven(const struct mq_entry *e)
{
	return mq_msg(e)->state == DEVMQ_STATE_DEAD || mq_is_dead_letter(e);
}

/* Return true if the message is one of those that the call means. */
static bool mq_is_meant(const struct mq_redrive *r, const struct mq_entry *e)
{
	if (r->reason && r->reason != mq_entry_reason(e))
		return false;
	return r->moves || mq_is_redriven(e);
}

/* Make a message ready again, in its place, as if it had never failed. */
static void mq_revive_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_leave_locked(q, e);
	mq_reset_history_locked(q, e);
	trace_mq_redrive(q, e);
	mq_ready_locked(q, e);
}

/* Return true if the message gets ready in the queue where it is. */
static bool mq_stays_here(const struct mq_redrive *r, const struct mq_entry *e)
{
	return r->to ? r->to == r->q : !mq_is_foreign(r->q, e);
}

/*
 * Find the next message. Return 1 if it was made ready here; 2 if it is to go
 * to another queue, and is in @r; 0 at the end; EAGAIN to go on with the next;
 * or ENODEV.
 */
static int mq_redrive_next(struct mq_redrive *r)
{
	unsigned int left = MQ_WALK_STEPS;
	struct mq_queue *q = r->q;
	struct mq_entry *e;
	int ret = 0;

	mq_lock(q);
	e = q->gone ? ERR_PTR(-ENODEV) :
		      mq_walk_locked(q, &r->cursor, r->states, &r->after,
				     &left);
	if (IS_ERR(e)) {
		ret = PTR_ERR(e);
	} else if (e && mq_msg(e)->id <= r->last) {
		r->after = mq_msg(e)->id;
		ret = -EAGAIN;
		if (!mq_is_meant(r, e)) {
			/* Skip it. */
		} else if (mq_stays_here(r, e)) {
			mq_revive_locked(q, e);
			ret = 1;
		} else {
			r->e = e;
			mq_chunk_get(mq_chunk_of(e));
			r->origin = mq_text_get(mq_entry_origin(e));
			r->priority = mq_msg(e)->priority;
			ret = 2;
		}
	}
	mq_unlock(q);
	return ret;
}

/*
 * Find the message with the id @r->after. The caller holds the queue's lock,
 * which is dropped between portions. Return its entry, another one behind it,
 * or NULL.
 */
static struct mq_entry *mq_redrive_find(struct mq_redrive *r)
{
	struct mq_queue *q = r->q;
	u64 before = r->after - 1;
	struct mq_entry *e;

	for (;;) {
		unsigned int left = MQ_WALK_STEPS;

		e = q->gone ? NULL :
			      mq_walk_locked(q, &r->cursor, r->states,
					     &before, &left);
		if (e != ERR_PTR(-EAGAIN))
			return e;
		mq_unlock(q);
		mq_lock_pause();
		mq_lock(q);
	}
}

/*
 * Unlink the message with the id @r->after. Return its entry, or NULL if it is
 * gone, or is not what it was.
 */
static struct mq_entry *mq_redrive_take(struct mq_redrive *r)
{
	struct mq_queue *q = r->q;
	struct mq_entry *e;

	mq_lock(q);
	e = mq_redrive_find(r);
	if (!e || mq_msg(e)->id != r->after || !mq_is_meant(r, e) ||
	    (!r->to && mq_entry_origin(e) != r->origin)) {
		e = NULL;
	} else {
		trace_mq_redrive(q, e);
		mq_state_leave_locked(q, e);
		q->stat.purged++;
		e->leaving = true;
		mq_queue_unlink_locked(q, e);
		e->leaving = false;
		/* mq_unlock() must not free it. */
		list_del(&e->list);
	}
	mq_unlock(q);
	return e;
}

/* Return the priority that the message gets in @target. */
static u8 mq_redrive_level(const struct mq_redrive *r,
			   const struct mq_queue *target)
{
	return min_t(u64, r->priority, target->opt.priorities - 1);
}

/*
 * Make the entry of the message in @target. Return it; or an ERR_PTR; or NULL
 * if the message keeps its entry: that is memory of its own already, or there
 * is no memory for another, and @target needs no larger one.
 */
static struct mq_entry *mq_redrive_entry(struct mq_redrive *r,
					 struct mq_queue *target)
{
	struct mq_entry *e;
	int err;

	if (!target->order && mq_chunk_of(r->e)->order == MQ_LARGE)
		return NULL;
	e = mq_entry_copy(r->e, mq_queue_kind(target));
	if (IS_ERR(e))
		return target->order ? e : NULL;
	mq_msg(e)->priority = mq_redrive_level(r, target);
	err = mq_order_prepare(target, e);
	if (likely(!err))
		return e;
	mq_entry_free(e);
	return ERR_PTR(err);
}

/* Reserve a place in @target. Return 0, ENODEV, EMSGSIZE or ENOSPC. */
static int mq_redrive_reserve(struct mq_redrive *r, struct mq_queue *target)
{
	int err = 0;

	if (r->moves)
		err = mq_queue_reserve(target, mq_msg(r->e));
	if (err || mq_place_announce(target))
		return err;
	if (r->moves)
		mq_queue_unreserve(target, mq_msg(r->e));
	return -ENODEV;
}

/* Give the place in @target back. */
static void mq_redrive_cancel(struct mq_redrive *r, struct mq_queue *target)
{
	mq_place_arrived(target);
	if (r->moves)
		mq_queue_unreserve(target, mq_msg(r->e));
}

/*
 * Move the message in @r to @target. Return 1; EAGAIN if another thread has
 * taken it; EXDEV if the queues do not share a journal; ENOMEM, EDQUOT; or an
 * error of mq_redrive_reserve().
 */
static int mq_redrive_move(struct mq_redrive *r, struct mq_queue *target)
{
	enum mq_arrival how = r->moves ? MQ_ARRIVES_MOVED : MQ_ARRIVES_ANEW;
	struct mq_entry *old, *e;
	int ret;

	/* A move to another journal, or to none, could lose the message. */
	if (target->feed.journal != r->q->feed.journal)
		return -EXDEV;
	mq_ready_prepare(&target->ready, mq_redrive_level(r, target));
	e = mq_redrive_entry(r, target);
	if (IS_ERR(e))
		return PTR_ERR(e);
	ret = mq_redrive_reserve(r, target);
	if (ret)
		goto out_free;
	old = mq_redrive_take(r);
	if (!old) {
		mq_redrive_cancel(r, target);
		ret = -EAGAIN;
		goto out_free;
	}
	if (e && r->moves)
		mq_entry_move_times(e, old);
	if (e) {
		mq_entry_move_durable(e, old);
		mq_entry_share_topic(e, old);
	}
	mq_queue_add_moved(target, e ?: old, how);
	if (e)
		mq_entry_free(old);
	return 1;

out_free:
	if (e)
		mq_entry_free(e);
	return ret;
}

/*
 * Return true if the caller may open the queue for writing. The node decides,
 * as its owner and mode may have been changed, and the queue can only be opened
 * by it.
 */
static bool mq_may_write(const struct mq_queue *q)
{
	char name[sizeof("/dev/mq/") + DEVMQ_NAME_MAX];
	const struct inode *inode;
	struct path path;
	bool may;

	snprintf(name, sizeof(name), "/dev/mq/%s", q->name);
	if (kern_path(name, LOOKUP_FOLLOW, &path))
		return false;
	inode = d_backing_inode(path.dentry);
	may = S_ISCHR(inode->i_mode) && inode->i_rdev == q->dev.devt &&
	      !(path.mnt->mnt_flags & MNT_NODEV) &&
	      !(path.mnt->mnt_sb->s_iflags & SB_I_NODEV) &&
	      !path_permission(&path, MAY_WRITE | MAY_OPEN);
	path_put(&path);
	return may;
}

/*
 * Move the message in @r to @r->to, or else to the queue where it died. Return
 * as mq_redrive_move(); ENODEV also if the caller may not write there.
 */
static int mq_redrive_out(struct mq_redrive *r)
{
	struct mq_queue *target;
	int ret = -ENODEV;

	if (r->to)
		return mq_redrive_move(r, r->to);
	target = mq_queue_by_origin(r->origin);
	if (target) {
		if (mq_may_write(target))
			ret = mq_redrive_move(r, target);
		mq_queue_put(target);
	}
	return ret;
}

/* Walk through the queue. Return 0 or an error. */
static int mq_redrive_all(struct mq_redrive *r, struct devmq_redrive *a)
{
	int ret;

	while ((ret = mq_redrive_next(r))) {
		if (ret == 2) {
			ret = mq_redrive_out(r);
			mq_chunk_put(mq_chunk_of(r->e), MQ_CHUNK_ONE);
			mq_text_put(r->origin);
		}
		if (ret == 1)
			a->moved++;
		else if (ret == -EMSGSIZE ||
			 (ret == -ENODEV && !r->to && !READ_ONCE(r->q->gone)))
			a->stranded++;
		else if (ret && ret != -EAGAIN)
			return ret;
		mq_lock_pause();
		/* Each caller that survives learns of all that it moved. */
		if (mq_dying())
			return -EINTR;
	}
	return 0;
}

/*
 * Return the queue that the caller's descriptor is open for writing, or an
 * ERR_PTR. @file gets a reference, or NULL.
 */
static struct mq_queue *mq_redrive_target(int fd, struct file **file)
{
	struct mq_file *f = mq_opened_get(fd, file);

	if (IS_ERR(f))
		return ERR_CAST(f);
	if (!(f->mode & FMODE_WRITE))
		return ERR_PTR(-EBADF);
	if (f->q->topic)
		return ERR_PTR(-EINVAL);
	return READ_ONCE(f->q->gone) ? ERR_PTR(-ENODEV) : f->q;
}

static int mq_redrive_check(const struct devmq_redrive *a)
{
	bool to = a->flags & DEVMQ_REDRIVE_TO;

	if (a->flags & ~DEVMQ_REDRIVE_TO || a->reserved ||
	    a->reason > U16_MAX || a->states & ~MQ_MOVABLE ||
	    ((a->target_fd || a->states) && !to) ||
	    (a->last_id && a->last_id < a->first_id))
		return -EINVAL;
	return 0;
}

int mq_ioc_redrive(struct mq_ioc *ioc)
{
	struct devmq_redrive *a = &ioc->arg.redrive;
	struct mq_redrive r = {
		.q = ioc->f->q,
		.last = a->last_id,
		.states = a->states ?: MQ_REDRIVEN,
		.moves = a->states,
		.reason = a->reason,
	};
	struct file *file = NULL;
	int err;

	err = mq_redrive_check(a);
	if (err)
		return err;
	r.after = a->first_id ? a->first_id - 1 : 0;
	a->moved = 0;
	a->stranded = 0;
	if (a->flags & DEVMQ_REDRIVE_TO)
		r.to = mq_redrive_target(a->target_fd, &file);
	err = PTR_ERR_OR_ZERO(r.to);
	if (!err && r.moves && r.to == r.q)
		err = -EINVAL;
	if (!err)
		err = mq_bound_last_id(r.q, &r.last);
	if (!err) {
		mq_cursor_init(&r.cursor);
		err = mq_redrive_all(&r, a);
		spin_lock(&r.q->lock);
		mq_cursor_unlink_locked(r.q, &r.cursor);
		mq_unlock(r.q);
	}
	if (file)
		fput(file);
	return err;
}
