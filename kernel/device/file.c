// SPDX-License-Identifier: GPL-2.0
/*
 * The file operations of a queue. There is no fsync here, and O_DSYNC is
 * refused: without a journal nothing reaches stable storage, and the EINVAL
 * that the kernel returns for a missing fsync says so.
 */
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/devmq.h>

#include "base/compat.h"
#include "call/line.h"
#include "call/opened.h"
#include "call/owner.h"
#include "call/park.h"
#include "call/receive.h"
#include "call/replay.h"
#include "call/return.h"
#include "call/send.h"
#include "device/file.h"
#include "device/ioctl.h"
#include "device/registry.h"
#include "device/uring.h"
#include "memory/budget.h"
#include "memory/chunk.h"
#include "memory/cost.h"
#include "memory/keep.h"
#include "memory/payer.h"
#include "memory/shortage.h"
#include "memory/supply.h"
#include "memory/text.h"
#include "queue/clock.h"
#include "queue/delivery.h"
#include "queue/held.h"
#include "queue/lock.h"
#include "queue/look.h"
#include "queue/members.h"
#include "queue/openfile.h"
#include "queue/persist.h"
#include "queue/options.h"
#include "queue/position.h"
#include "queue/queue.h"
#include "queue/walk.h"
#include "topic/fanout.h"
#include "wait/pollers.h"
#include "wait/wake.h"

static const struct file_operations mq_line_fops;
static const struct file_operations mq_topic_fops;

/* Return the bytes that an open file is charged. */
static unsigned long mq_file_bytes(void)
{
	return mq_kmalloc_bytes(sizeof(struct mq_file));
}

/*
 * Allocate an open file and charge it to its payer, the caller. Return it, or
 * an ERR_PTR: ENOMEM, EDQUOT.
 */
static struct mq_file *mq_file_alloc(void)
{
	struct mq_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!f)
		return ERR_PTR(err);
	f->supply.payer = mq_payer_get();
	if (!f->supply.payer)
		goto out_free;
	err = -EDQUOT;
	if (!mq_charge(f->supply.payer, MQ_BESIDE, mq_file_bytes()))
		goto out_put;
	return f;

out_put:
	mq_payer_put(f->supply.payer);
out_free:
	kfree(f);
	return ERR_PTR(err);
}

/* Free an open file after its last close. */
static void mq_file_free(struct mq_file *f)
{
	struct mq_payer *p = f->supply.payer;

	/* A waker may still look at its lines, which are empty. */
	kfree_rcu(f, rcu);
	mq_uncharge(p, MQ_BESIDE, mq_file_bytes());
	mq_payer_put(p);
}

static struct mq_file *mq_file_new(struct mq_queue *q, struct file *file)
{
	struct mq_file *f = mq_file_alloc();

	if (IS_ERR(f))
		return f;
	f->q = q;
	f->mode = file->f_mode & (FMODE_READ | FMODE_WRITE);
	/* Access mode 3: the kernel checks both permissions and grants none. */
	f->look = !f->mode;
	f->exclusive = file->f_flags & O_EXCL;
	f->sync = file->f_flags & O_DSYNC;
	f->pid = task_tgid_nr(current);
	mutex_init(&f->rx);
	mutex_init(&f->tx);
	f->ack = READ_ONCE(q->opt.ack);
	f->prefetch = READ_ONCE(q->opt.prefetch);
	f->lease_ns = READ_ONCE(q->opt.lease_ms) * NSEC_PER_MSEC;
	mq_held_init(&f->held);
	mq_supply_init(&f->supply, &q->store);
	INIT_LIST_HEAD(&f->alone);
	mq_stand_init(&f->stand, &q->gate);
	mq_park_init(f);
	mq_cursor_init(&f->cursor);
	return f;
}

/*
 * As stream_open(), but that an open file of a topic has a position that lseek(2)
 * moves.
 */
static int mq_topic_open(struct file *file)
{
	struct mq_file *f = file->private_data;

	file->f_op = &mq_topic_fops;
	file->f_mode &= ~(FMODE_PREAD | FMODE_PWRITE | FMODE_ATOMIC_POS);
	mq_replay_open(f);
	file->f_pos = f->position;
	return 0;
}

static int mq_file_open(struct inode *inode, struct file *file)
{
	struct mq_queue *q;
	struct mq_file *f;
	int err;

	q = mq_queue_get(iminor(inode));
	if (!q)
		return -ENXIO;
	/* A queue in memory cannot keep what this asks for. */
	err = -EINVAL;
	if (file->f_flags & O_DSYNC && !q->feed.journal)
		goto out_put;
	f = mq_file_new(q, file);
	err = PTR_ERR_OR_ZERO(f);
	if (err)
		goto out_put;
	err = mq_queue_attach(q, f);
	if (err)
		goto out_free;
	file->private_data = f;
	/* These have the same owner. */
	file->f_mode |= FMODE_NOWAIT;
	if (q->topic)
		return mq_topic_open(file);
	if (q->opt.framing == MQ_FRAMING_LINE)
		file->f_op = &mq_line_fops;
	return stream_open(inode, file);

out_free:
	mq_file_free(f);
out_put:
	mq_queue_put(q);
	return err;
}

static int mq_file_release(struct inode *inode, struct file *file)
{
	struct mq_file *f = file->private_data;
	struct mq_queue *q = f->q;

	mq_owner_forget(f);
	mq_line_finish(f);
	mq_set_wanted_room(&f->stand, 0);
	mq_deliveries_return(f);
	mq_deliveries_discard(f);
	mq_queue_detach(q, f);
	mq_pollers_leave(&f->stand);
	mq_wake_next_at_close(&q->gate, f->roles & FMODE_READ,
			      f->roles & FMODE_WRITE);
	if (f->mode)
		mq_reap(q, true);
	mq_supply_exit(&f->supply);
	mq_replay_close(f);
	mq_fanout_free(f->fanout);
	mq_text_put(f->full);
	mq_file_free(f);
	mq_queue_put(q);
	return 0;
}

static ssize_t mq_file_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	return mq_read_iter(iocb->ki_filp->private_data, iocb, to);
}

/* The position is the open file's own; the one in @iocb is only shown. */
static ssize_t mq_topic_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct mq_file *f = iocb->ki_filp->private_data;
	ssize_t ret = mq_replay_read(f, iocb, to);

	iocb->ki_pos = READ_ONCE(f->position);
	return ret;
}

static loff_t mq_topic_llseek(struct file *file, loff_t offset, int whence)
{
	loff_t to = mq_replay_seek(file->private_data, offset, whence);

	if (to >= 0)
		file->f_pos = to;
	return to;
}

static ssize_t mq_file_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct mq_file *f = iocb->ki_filp->private_data;
	bool sync = iocb->ki_flags & IOCB_DSYNC;
	ssize_t ret;

	if (sync && !f->q->feed.journal)
		return -EINVAL;
	if (READ_ONCE(f->q->gone))
		return -ENODEV;
	/* Waiting for the disk takes a thread. */
	if (sync && iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	if (f->q->opt.framing == MQ_FRAMING_LINE)
		ret = mq_line_write(f, iocb, from);
	else
		ret = mq_write_iter(f, iocb, from);
	return sync ? mq_write_confirm(f, ret) : ret;
}

/*
 * Return true if the poll is for input (or output), and the file is open for
 * that.
 */
static bool mq_poll_wants(const struct mq_file *f, const poll_table *wait,
			  fmode_t side)
{
	__poll_t events = side == FMODE_READ ? EPOLLIN | EPOLLRDNORM :
					       EPOLLOUT | EPOLLWRNORM;

	return f->mode & side && poll_requested_events(wait) & events;
}

/*
 * Register the poller, in two wait queues at most, as io_uring takes no more.
 * It registers for all that the file is open for, and not only for what is
 * wanted now: epoll may want something else later without registering again.
 */
static void mq_poll_wait(struct file *file, poll_table *wait)
{
	struct mq_file *f = file->private_data;

	if (mq_poll_wants(f, wait, FMODE_READ))
		WRITE_ONCE(f->q->gate.rx.watched, true);
	if (mq_poll_wants(f, wait, FMODE_WRITE))
		WRITE_ONCE(f->q->gate.tx.watched, true);
	/* A file that only looks still waits for the end of the queue. */
	if (f->mode != FMODE_WRITE)
		mq_pollers_join(&f->stand, file, wait);
	if (f->mode & FMODE_WRITE)
		poll_wait(file, &f->q->gate.writers, wait);
}

/*
 * Return true if a send of as many bytes as the last one wanted, or of one
 * byte, would not wait.
 */
static bool mq_poll_fits(struct mq_file *f)
{
	u64 room = max(READ_ONCE(f->stand.wants), 1UL);
	struct mq_queue *q = f->q;
	bool fits = READ_ONCE(f->tail_held) ? mq_can_grow(q, room) :
					      mq_can_send(q, room);

	return fits && mq_memory_poll(&q->starved, f->supply.payer,
				      mq_send_cost(q, room));
}

/*
 * Return true if a send would not wait. A poller that finds no room is counted
 * as one that wants a byte, so that a sender that gets room wakes others while
 * there is more (mq_send_wake_others). A sender that got room before the poller
 * was counted has woken nobody, so the poller looks once more.
 */
static bool mq_poll_room(struct mq_file *f)
{
	struct mq_queue *q = f->q;

	/* WAIT(poll:room) */
	if (!mq_poll_fits(f)) {
		/* WAIT(poll:want) */
		if (cmpxchg(&f->stand.wants, 0, 1))
			return false;
		atomic_inc(&q->gate.blocked);
		smp_mb__after_atomic(); /* counted, then look */
		if (!mq_poll_fits(f))
			return false;
	}
	if (unlikely(cmpxchg(&f->stand.wants, 1, 0) == 1))
		atomic_dec(&q->gate.blocked);
	return true;
}

/*
 * Give the file the roles for which it polls. A poll that does not sleep
 * counts, too: epoll asks that way when what it wants has changed, and waits
 * after that. Return true if the file may not become a consumer, as a receive
 * would say at once.
 */
static bool mq_poll_act(struct mq_file *f, const poll_table *wait)
{
	bool barred = mq_poll_wants(f, wait, FMODE_READ) &&
		      mq_take_role(f, FMODE_READ) == -EBUSY;

	if (mq_poll_wants(f, wait, FMODE_WRITE))
		mq_take_role(f, FMODE_WRITE);
	return barred;
}

/*
 * Return true if a receive would not sleep. The next message may be one that is
 * handed out alone, and not to a consumer that holds others. Only
 * mq_delivery_next_locked() finds that out, and notes it for mq_can_receive().
 */
static bool mq_poll_message(struct mq_file *f)
{
	if (!mq_can_receive(f, true))
		return false;
	if (likely(!READ_ONCE(f->held_count)))
		return true;
	mq_lock(f->q);
	mq_delivery_next_locked(f->q, f);
	mq_unlock(f->q);
	return mq_can_receive(f, true);
}

/*
 * As mq_poll_message(). A poller that was woken alone and may not receive wakes
 * the next one.
 */
static bool mq_poll_receive(struct mq_file *f, const poll_table *wait)
{
	if (mq_poll_message(f))
		return true;
	if (mq_poll_looks(wait) && mq_poll_wants(f, wait, FMODE_READ))
		mq_wake_next_without_credit(&f->stand);
	return false;
}

/*
 * Return what the poll of a topic says besides output: nothing if the topic
 * retains nothing, and an overtaken reader is told of it as by /dev/kmsg.
 */
static __poll_t mq_topic_events(const struct mq_file *f, __poll_t events)
{
	if (!(f->mode & FMODE_READ))
		return events;
	if (!mq_retain_active(f->q))
		return events & ~(EPOLLIN | EPOLLRDNORM);
	return mq_retain_passed(f) ? events | EPOLLERR | EPOLLPRI : events;
}

static __poll_t mq_file_poll(struct file *file, poll_table *wait)
{
	struct mq_file *f = file->private_data;
	struct mq_queue *q = f->q;
	__poll_t events = 0;

	if (mq_poll_act(f, wait))
		events |= EPOLLIN | EPOLLRDNORM | EPOLLERR;
	mq_poll_wait(file, wait);
	/* WAIT(poll:look): in line, then look. Not all kernels order it. */
	smp_mb();
	if (unlikely(mq_has_due(q))) {
		mq_lock_current(q);
		mq_unlock(q);
	}
	/* A poller may not look again once others have taken what is ready. */
	mq_timers_ask(q);
	if (f->mode & FMODE_READ && mq_poll_receive(f, wait))
		events |= EPOLLIN | EPOLLRDNORM;
	if (unlikely(q->topic))
		events = mq_topic_events(f, events);
	if (mq_poll_wants(f, wait, FMODE_WRITE) && mq_poll_room(f))
		events |= EPOLLOUT | EPOLLWRNORM;
	if (READ_ONCE(q->gone))
		events |= EPOLLHUP | EPOLLERR;
	return events;
}

/*
 * fsync(2): wait until all that was sent to the queue and settled in it is on
 * stable storage. EINVAL, as of a device: the queue is in memory alone.
 */
static int mq_file_fsync(struct file *file, loff_t from, loff_t to, int datasync)
{
	struct mq_file *f = file->private_data;

	if (!f->q->feed.journal)
		return -EINVAL;
	return READ_ONCE(f->q->gone) ? -ENODEV : mq_persist_confirm(f->q);
}

static const char *mq_role_names(fmode_t roles)
{
	if (!roles)
		return "none";
	if (roles == FMODE_READ)
		return "consumer";
	return roles == FMODE_WRITE ? "producer" : "consumer,producer";
}

static void mq_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct mq_file *f = file->private_data;
	u64 held, last_id, lease_ns;
	u32 ack, prefetch, parked;
	struct mq_text *full;
	fmode_t roles;

	spin_lock(&f->q->lock);
	roles = f->roles;
	ack = f->ack;
	prefetch = f->prefetch;
	lease_ns = f->lease_ns;
	held = f->held_count;
	last_id = f->last_id;
	parked = f->parked_count;
	full = mq_text_get(f->full);
	spin_unlock(&f->q->lock);
	seq_printf(m, "mq-roles:\t%s\n", mq_role_names(roles));
	seq_printf(m, "mq-mode:\t%s\n",
		   ack == DEVMQ_ACK_MANUAL ? "manual" : "auto");
	seq_printf(m, "mq-lease-ns:\t%llu\n", lease_ns);
	seq_printf(m, "mq-prefetch:\t%u\n", prefetch);
	seq_printf(m, "mq-held:\t%llu\n", held);
	seq_printf(m, "mq-last-id:\t%llu\n", last_id);
	seq_printf(m, "mq-parked:\t%u\n", parked);
	if (f->q->topic)
		seq_printf(m, "mq-position:\t%llu\n", READ_ONCE(f->position));
	if (full)
		seq_printf(m, "mq-full:\t%.*s\n", full->size, full->text);
	mq_text_put(full);
}

/* The operations of all open files of queues. */
#define MQ_FOPS								\
	.owner		= THIS_MODULE,					\
	.open		= mq_file_open,					\
	.release	= mq_file_release,					\
	.write_iter	= mq_file_write_iter,				\
	.splice_read	= copy_splice_read,				\
	.splice_write	= iter_file_splice_write,			\
	.poll		= mq_file_poll,					\
	.fsync		= mq_file_fsync,				\
	.unlocked_ioctl	= mq_ioctl,					\
	.compat_ioctl	= compat_ptr_ioctl,				\
	.uring_cmd	= mq_uring_cmd,					\
	.show_fdinfo	= mq_show_fdinfo

/*
 * read(2) and write(2) have shorter functions of their own. With framing=line
 * they use the iterators, as all other calls do.
 */
const struct file_operations mq_fops = {
	MQ_FOPS,
	.read_iter	= mq_file_read_iter,
	.read		= mq_read,
	.write		= mq_write,
};

static const struct file_operations mq_line_fops = {
	MQ_FOPS,
	.read_iter	= mq_file_read_iter,
};

static const struct file_operations mq_topic_fops = {
	MQ_FOPS,
	.read_iter	= mq_topic_read_iter,
	.llseek		= mq_topic_llseek,
};

void __init mq_file_init(void)
{
	mq_opened_init(&mq_fops, &mq_line_fops, &mq_topic_fops);
}
