// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of io_uring that wait for a message or for room, without a thread.
 *
 * A SEND stands in mq_gate.room, where a thread would wait. A RECV stands in
 * its open file's line, mq_stand.waiting. The open file stands in the queue's
 * line, mq_gate.readers, once for all of its RECVs (mq_stand.front), as long as
 * it has some that wait and may hold another delivery. So the cost of a message
 * does not depend on how many commands wait. Commands are woken by the same
 * rules as threads (wake.c). The task of a command carries it out the next time
 * that it enters the kernel. If another receiver or sender was faster, the
 * command parks again.
 *
 * A wake-up, the deadline and a cancellation may come at the same time, from
 * anywhere and with locks held. The one that changes @state from MQ_PARKED has
 * ended the wait: it calls for the task, once, and does nothing else.
 * Everything else, queueing and freeing above all, is done under the ring's
 * lock: by mq_park() as the command is issued, by mq_parked_run() in the task's
 * context, and by mq_park_cancel_ring() when the ring goes away.
 *
 * Exclusive wake-ups are not lost: a command that was woken wakes the next
 * waiter if it leaves a message or room (mq_parked_pass_on), even if it was
 * cancelled or its task has died. The task may be stopped, or busy with
 * something that it does not leave for io_uring. So if it has not acted on a
 * wake-up within MQ_GRACE, the wake-up is passed on to MQ_HEIRS others. All
 * RECVs of the same open file are called at once then, and stand in no line
 * until their task comes. As long as any task is late, others get no more than
 * MQ_GRACE_SHORT. So it takes few steps to get past tasks that do not come,
 * however many they are, and each of them is in the way only once.
 */
#include <linux/cred.h>
#include <linux/hrtimer.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "base/compat.h"
#include "base/waiters.h"
#include "call/ioc.h"
#include "call/park.h"
#include "memory/budget.h"
#include "memory/chunk.h"
#include "memory/cost.h"
#include "memory/keep.h"
#include "memory/shortage.h"
#include "queue/bounds.h"
#include "queue/look.h"
#include "queue/openfile.h"
#include "queue/queue.h"
#include "wait/front.h"
#include "wait/side.h"
#include "wait/wake.h"

#ifdef MQ_HAVE_URING_CANCEL

/*
 * How long a task may take to act on a wake-up; the same, as long as another
 * task is late; and how many others are woken after that.
 */
#define MQ_GRACE	(100 * NSEC_PER_MSEC)
#define MQ_GRACE_SHORT	(10 * NSEC_PER_MSEC)
#define MQ_HEIRS	8

/*
 * A look without the lock can find something where the attempt under the lock
 * finds nothing. After MQ_TRIES such attempts in a row a command rests for
 * MQ_REST, so that its task is not kept busy.
 */
#define MQ_TRIES	8
#define MQ_REST		(10 * NSEC_PER_MSEC)

/**
 * enum mq_parked_state - the state of a parked command
 * @MQ_BUSY: its task is carrying it out
 * @MQ_PARKED: it waits
 * @MQ_WOKEN: it was woken alone, and has to wake the next waiter
 * @MQ_CALLED: it was told to look again, as others were
 * @MQ_EXPIRED: its deadline has passed
 * @MQ_CANCELLED: it was cancelled while it waited
 */
enum mq_parked_state {
	MQ_BUSY, MQ_PARKED, MQ_WOKEN, MQ_CALLED, MQ_EXPIRED, MQ_CANCELLED
};

/**
 * struct mq_parked - a parked command
 * @cmd: io_uring's structure of the command (invariant)
 * @ioc: the call to carry out (the ring's lock)
 * @cred: credentials to carry it out with (invariant, holds a reference)
 * @link: in mq_file.parked (mq_queue.lock)
 * @state: enum mq_parked_state (atomic); see the top of this file
 * @cancelled: it was cancelled when it was not MQ_PARKED (set once, under
 *	mq_queue.lock or the ring's lock)
 * @line: link of a RECV in mq_stand.waiting (the lock of mq_gate.readers)
 * @turn: link of a SEND in mq_gate.room; of a RECV in mq_gate.parked
 * @late: the task has not come within its grace (written by the timer, then by
 *	the task)
 * @timer: the deadline, or the end of a rest, while it is MQ_PARKED; the grace
 *	while it is MQ_WOKEN
 * @wait: since when it waits (the ring's lock)
 * @tries: how many attempts in a row have found nothing (the ring's lock; read
 *	without it); at MQ_TRIES it rests
 * @payload: bytes of the payload of a SEND's first message (written while the
 *	command is in no line)
 * @meta: bytes of the key and the headers of that message (as @payload)
 */
struct mq_parked {
	struct io_uring_cmd	*cmd;
	struct mq_ioc		ioc;
	const struct cred	*cred;
	struct list_head	link;
	int			state;
	bool			cancelled;
	struct list_head	line;
	struct mq_waiter	turn;
	bool			late;
	struct hrtimer		timer;
	struct mq_wait		wait;
	unsigned int		tries;
	u64			payload;
	u64			meta;
};

static void mq_parked_run(struct io_uring_cmd *cmd, unsigned int issue_flags,
			  bool dead);
MQ_URING_TASK_WORK(mq_parked_work, mq_parked_run)

/* Return the place for the driver's data in io_uring's structure. */
static struct mq_parked **mq_parked_of(struct io_uring_cmd *cmd)
{
	return io_uring_cmd_to_pdu(cmd, struct mq_parked *);
}

static bool mq_parked_receives(const struct mq_parked *p)
{
	return p->cmd->cmd_op == DEVMQ_IOC_RECV;
}

static struct mq_side *mq_parked_side(const struct mq_parked *p)
{
	struct mq_queue *q = p->ioc.f->q;

	return mq_parked_receives(p) ? &q->gate.rx : &q->gate.tx;
}

static u64 mq_parked_grace(const struct mq_parked *p)
{
	return atomic_read(&mq_parked_side(p)->late) ? MQ_GRACE_SHORT :
						       MQ_GRACE;
}

/*
 * End the wait, and return true; or return false if it has ended already. After
 * this the task may free @p at any moment.
 */
static bool mq_parked_end(struct mq_parked *p, enum mq_parked_state why)
{
	if (cmpxchg(&p->state, MQ_PARKED, why) != MQ_PARKED)
		return false;
	/* WAIT(park:grace) */
	if (why == MQ_WOKEN)
		hrtimer_start(&p->timer, ns_to_ktime(mq_parked_grace(p)),
			      HRTIMER_MODE_REL_SOFT);
	io_uring_cmd_complete_in_task(p->cmd, mq_parked_work);
	return true;
}

static bool mq_parked_rests(const struct mq_parked *p)
{
	return READ_ONCE(p->tries) >= MQ_TRIES;
}

/* Return true if an attempt may succeed. This looks without the lock. */
static bool mq_parked_may_go(const struct mq_parked *p)
{
	const struct mq_queue *q = p->ioc.f->q;

	if (unlikely(mq_parked_rests(p)))
		return false;
	if (mq_parked_receives(p))
		return mq_can_receive(p->ioc.f, false);
	return mq_can_send(q, p->payload + p->meta) ||
	       !mq_size_ok(q, p->payload, p->meta);
}

/* Bytes of memory that a SEND's first message may need. */
static unsigned long mq_parked_cost(const struct mq_parked *p)
{
	return mq_send_cost(p->ioc.f->q, p->payload + p->meta);
}

static u64 mq_parked_deadline(const struct mq_parked *p)
{
	return mq_parked_receives(p) ? p->ioc.arg.recv.deadline_ns :
				       DEVMQ_FOREVER;
}

static bool mq_parked_late(const struct mq_parked *p)
{
	u64 deadline = mq_parked_deadline(p);

	return deadline != DEVMQ_FOREVER && ktime_get_ns() >= deadline;
}

/* Wake the next @n waiters, if a message or room is left. */
static void mq_parked_pass_on(struct mq_parked *p, unsigned int n)
{
	struct mq_queue *q = p->ioc.f->q;

	if (mq_parked_receives(p))
		mq_wake_next_reader(&q->gate, n);
	else
		mq_wake_next_writers(&q->gate, n);
}

/* -- the line of an open file's RECVs -------------------------------------- */

/*
 * End the wait of the first RECV of the file that still waits. Return false if
 * there is none.
 */
static bool mq_front_end(struct mq_file *f, enum mq_parked_state why)
{
	struct mq_parked *p;
	bool ended = false;

	lockdep_assert_held(&f->q->gate.readers.lock);
	while (!ended && !list_empty(&f->stand.waiting)) {
		p = list_first_entry(&f->stand.waiting, struct mq_parked, line);
		list_del_init(&p->line);
		/* The task needs this lock before it can free @p. */
		ended = mq_parked_end(p, why);
	}
	return ended;
}

/*
 * Wake the first RECV of the file, as there is a message, and move the file to
 * the end of the queue's line, so that the next message is for another file.
 * What concerns all RECVs reaches them through mq_parked_all().
 */
static int mq_front_wake(struct wait_queue_entry *wait, unsigned int mode,
			 int flags, void *key)
{
	struct mq_file *f = container_of(wait, struct mq_file, stand.front);
	bool woken;

	if (key_to_poll(key) & MQ_TO_ALL)
		return 0;
	/* WAIT(front:no-credit) mq_front_credit() puts the file back */
	if (!mq_has_credit(f)) {
		list_del_init(&wait->entry);
		return 0;
	}
	/* WAIT(front:nothing) the taker looks for more: wake nobody */
	if (!mq_can_receive(f, false))
		return -1;
	woken = mq_front_end(f, MQ_WOKEN);
	if (list_empty(&f->stand.waiting))
		list_del_init(&wait->entry);
	else
		list_move_tail(&wait->entry, &f->q->gate.readers.head);
	return woken;
}

void mq_park_init(struct mq_file *f)
{
	INIT_LIST_HEAD(&f->parked);
	mq_front_init(&f->stand, mq_front_wake);
}

/*
 * Tell all RECVs that wait on an open file to look again. They leave its line.
 */
static void mq_front_call(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	unsigned long flags;
	unsigned int n;

	do {
		mq_front_lock(&q->gate, &flags);
		for (n = 0; n < MQ_PORTION && mq_front_end(f, MQ_CALLED); n++)
			;
		mq_front_step(&f->stand);
		mq_front_unlock(&q->gate, flags);
	} while (n == MQ_PORTION);
}

/* Tell a RECV in mq_gate.parked to look again: a change concerns all RECVs. */
static bool mq_parked_all(struct mq_waiter *w)
{
	return mq_parked_end(container_of(w, struct mq_parked, turn),
			     MQ_CALLED);
}

/* -- being woken ----------------------------------------------------------- */

/* The task has not come within its grace: see the top of this file. */
static void mq_parked_is_late(struct mq_parked *p)
{
	/* The timer may go off for the grace, and before that as the deadline's. */
	if (!p->late) {
		p->late = true;
		atomic_inc(&mq_parked_side(p)->late);
	}
	if (mq_parked_receives(p))
		mq_front_call(p->ioc.f);
	mq_parked_pass_on(p, MQ_HEIRS);
}

static enum hrtimer_restart mq_parked_time_up(struct hrtimer *timer)
{
	struct mq_parked *p = container_of(timer, struct mq_parked, timer);

	/* The task waits for the end of this function before it frees @p. */
	if (READ_ONCE(p->state) == MQ_WOKEN)
		mq_parked_is_late(p);
	else
		mq_parked_end(p, mq_parked_late(p) ? MQ_EXPIRED : MQ_CALLED);
	return HRTIMER_NORESTART;
}

/*
 * Wake a SEND, as there is room. Return false if the wake-up is for the next
 * SEND instead, because this one will only find that the module's budget is
 * used up, and register to be told when that changes.
 */
static bool mq_parked_wake_room(struct mq_waiter *w)
{
	struct mq_parked *p = container_of(w, struct mq_parked, turn);
	bool counts = mq_memory_would_not_wait(&p->ioc.f->q->starved,
					       p->ioc.f->supply.payer,
					       mq_parked_cost(p));

	return mq_parked_end(p, counts ? MQ_WOKEN : MQ_CALLED) && counts;
}

/*
 * Note how much room a SEND needs. Its records have been checked, but the user
 * can change them: then these are arbitrary numbers, and the attempt finds that
 * out.
 */
static void mq_parked_measure(struct mq_parked *p)
{
	const struct devmq_send *a = &p->ioc.arg.send;
	struct devmq_record r;

	p->payload = 0;
	p->meta = 0;
	if (a->flags & DEVMQ_SEND_PAYLOAD) {
		p->payload = a->records_size;
	} else if (!copy_from_user(&r, u64_to_user_ptr(a->records), sizeof(r)) &&
		   r.size >= DEVMQ_RECORD_PAYLOAD(&r)) {
		p->payload = r.size - DEVMQ_RECORD_PAYLOAD(&r);
		p->meta = r.key_size + r.headers_size;
	}
	p->turn.need = p->payload + p->meta;
}

/* Put a RECV in its file's line, and the file in the queue's line. */
static void mq_front_join(struct mq_parked *p)
{
	struct mq_file *f = p->ioc.f;
	unsigned long flags;

	mq_front_lock(&f->q->gate, &flags);
	/* WAIT(park:own) */
	list_add_tail(&p->line, &f->stand.waiting);
	smp_mb(); /* in line, then look for credit: see mq_wake_stand() */
	/* WAIT(park:readers) */
	mq_front_step(&f->stand);
	mq_front_unlock(&f->q->gate, flags);
}

static void mq_parked_enqueue(struct mq_parked *p)
{
	u64 deadline = mq_parked_deadline(p);
	struct mq_file *f = p->ioc.f;

	if (unlikely(mq_parked_rests(p))) {
		/* A command that rests stands in no line. */
		hrtimer_start(&p->timer, ns_to_ktime(MQ_REST),
			      HRTIMER_MODE_REL_SOFT);
		return;
	}
	/* Start the timer first: a wake-up restarts it. */
	if (deadline != DEVMQ_FOREVER)
		hrtimer_start(&p->timer, min_t(u64, deadline, KTIME_MAX),
			      HRTIMER_MODE_ABS_SOFT);
	if (mq_parked_receives(p)) {
		WRITE_ONCE(f->q->gate.rx.watched, true);
		mq_waiters_add(&f->q->gate.parked, &p->turn);
		mq_front_join(p);
	} else {
		WRITE_ONCE(f->q->gate.tx.watched, true);
		/* WAIT(park:room) */
		mq_waiters_add(&f->q->gate.room, &p->turn);
	}
}

/*
 * Take @p out of all lines and stop its timer. Only mq_file.parked refers to it
 * after this.
 */
static void mq_parked_dequeue(struct mq_parked *p)
{
	struct mq_file *f = p->ioc.f;
	unsigned long flags;

	if (mq_parked_receives(p)) {
		mq_front_lock(&f->q->gate, &flags);
		list_del_init(&p->line);
		mq_front_step(&f->stand);
		mq_front_unlock(&f->q->gate, flags);
		mq_waiters_del(&f->q->gate.parked, &p->turn);
	} else {
		mq_waiters_del(&f->q->gate.room, &p->turn);
	}
	hrtimer_cancel(&p->timer);
	if (p->late) {
		p->late = false;
		atomic_dec(&mq_parked_side(p)->late);
	}
}

/*
 * Look for what @p waits for once more, as it may have come before @p could be
 * woken.
 */
static void mq_parked_look(struct mq_parked *p)
{
	/* WAIT(park:look) */
	smp_mb(); /* queued and MQ_PARKED, then look: see wake.c */
	if (mq_parked_late(p))
		mq_parked_end(p, MQ_EXPIRED);
	else if (mq_parked_may_go(p) &&
		 (mq_parked_receives(p) ||
		  mq_memory_poll(&p->ioc.f->q->starved, p->ioc.f->supply.payer,
				 mq_parked_cost(p))))
		mq_parked_end(p, MQ_CALLED);
}

/*
 * Begin to wait. Return false if the command was cancelled meanwhile.
 *
 * Once it is MQ_PARKED, other threads may end the wait, but all that follows
 * from that needs the ring's lock, which the caller holds. It must be MQ_PARKED
 * before it stands in a line, because a wake-up would pass it by otherwise.
 */
static bool mq_parked_wait(struct mq_parked *p)
{
	struct mq_queue *q = p->ioc.f->q;
	bool cancelled;

	if (!mq_parked_receives(p))
		mq_parked_measure(p);
	spin_lock(&q->lock);
	cancelled = p->cancelled;
	if (!cancelled)
		WRITE_ONCE(p->state, MQ_PARKED);
	spin_unlock(&q->lock);
	if (cancelled)
		return false;
	mq_parked_enqueue(p);
	mq_parked_look(p);
	return true;
}

static unsigned long mq_parked_size(void)
{
	return mq_kmalloc_bytes(sizeof(struct mq_parked));
}

/*
 * Allocate a command, and charge it to the open file's payer. Return it, or an
 * ERR_PTR: ENOMEM, EDQUOT.
 */
static struct mq_parked *mq_parked_alloc(struct mq_file *f)
{
	struct mq_parked *p;

	if (!mq_charge(f->supply.payer, MQ_BESIDE, mq_parked_size()))
		return ERR_PTR(-EDQUOT);
	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (p)
		return p;
	mq_uncharge(f->supply.payer, MQ_BESIDE, mq_parked_size());
	return ERR_PTR(-ENOMEM);
}

static void mq_parked_free(struct mq_parked *p)
{
	struct mq_payer *payer = p->ioc.f->supply.payer;

	put_cred(p->cred);
	kfree(p);
	mq_uncharge(payer, MQ_BESIDE, mq_parked_size());
}

static void mq_parked_finish(struct mq_parked *p, int err,
			     unsigned int issue_flags)
{
	struct io_uring_cmd *cmd = p->cmd;
	struct mq_queue *q = p->ioc.f->q;

	spin_lock(&q->lock);
	list_del(&p->link);
	p->ioc.f->parked_count--;
	spin_unlock(&q->lock);
	mq_wait_end(mq_parked_side(p), &p->wait);
	mq_parked_free(p);
	mq_uring_done(cmd, err, issue_flags);
}

/* Carry out the command with the credentials of the task that issued it. */
static int mq_parked_try(struct mq_parked *p)
{
	const struct cred *cred = override_creds(p->cred);
	int err = mq_ioc_run(&p->ioc);

	revert_creds(cred);
	return err;
}

/*
 * Carry out a command whose wait is over. This runs in the task's context, with
 * the ring's lock held.
 */
static void mq_parked_run(struct io_uring_cmd *cmd, unsigned int issue_flags,
			  bool dead)
{
	struct mq_parked *p = *mq_parked_of(cmd);
	int err, why = READ_ONCE(p->state);

	mq_parked_dequeue(p);
	if (dead || why == MQ_CANCELLED || READ_ONCE(p->cancelled))
		err = -ECANCELED;
	else if (why == MQ_EXPIRED)
		err = -ETIMEDOUT;
	else
		err = mq_parked_try(p);
	if (why == MQ_WOKEN)
		mq_parked_pass_on(p, 1);
	if (err == -EAGAIN) {
		WRITE_ONCE(p->tries, mq_parked_rests(p) ? 0 : p->tries + 1);
		if (mq_parked_wait(p))
			return;
		err = -ECANCELED;
	}
	mq_parked_finish(p, err, issue_flags);
}

/* Add the command to its open file. Return false if that has too many. */
static bool mq_parked_count(struct mq_parked *p)
{
	struct mq_file *f = p->ioc.f;
	bool fits;

	spin_lock(&f->q->lock);
	fits = f->parked_count < DEVMQ_PARKED_MAX;
	if (fits) {
		list_add_tail(&p->link, &f->parked);
		f->parked_count++;
	}
	spin_unlock(&f->q->lock);
	return fits;
}

/**
 * mq_park - let a command wait without a thread
 * @cmd: a SEND or RECV that has just failed with EAGAIN
 * @ioc: its call
 * @issue_flags: from io_uring; the caller holds the ring's lock
 *
 * Return: EIOCBQUEUED: the command will be completed later; or ENOMEM, EDQUOT,
 * or ENOBUFS: too many commands wait on this open file.
 */
int mq_park(struct io_uring_cmd *cmd, const struct mq_ioc *ioc,
	    unsigned int issue_flags)
{
	struct mq_parked *p;

	p = mq_parked_alloc(ioc->f);
	if (IS_ERR(p))
		return PTR_ERR(p);
	p->cmd = cmd;
	p->ioc = *ioc;
	p->cred = get_current_cred();
	INIT_LIST_HEAD(&p->line);
	mq_waiter_init(&p->turn, 0, mq_parked_receives(p) ?
				    mq_parked_all : mq_parked_wake_room);
	hrtimer_setup(&p->timer, mq_parked_time_up, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_SOFT);
	*mq_parked_of(cmd) = p;
	if (!mq_parked_count(p)) {
		mq_parked_free(p);
		return -ENOBUFS;
	}
	io_uring_cmd_mark_cancelable(cmd, issue_flags);
	mq_wait_begin(mq_parked_side(p), &p->wait);
	if (!mq_parked_wait(p))
		mq_parked_finish(p, -ECANCELED, issue_flags);
	return -EIOCBQUEUED;
}

static void mq_parked_cancel_locked(struct mq_queue *q, struct mq_parked *p)
{
	lockdep_assert_held(&q->lock);
	if (!mq_parked_end(p, MQ_CANCELLED))
		WRITE_ONCE(p->cancelled, true);
}

/*
 * Cancel a command whose ring or task goes away. The caller holds the ring's
 * lock. The task may not come for long, so this function itself finishes a
 * command that only waits, if io_uring allows that.
 */
void mq_park_cancel_ring(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct mq_parked *p = *mq_parked_of(cmd);

	if (cmpxchg(&p->state, MQ_PARKED, MQ_CANCELLED) != MQ_PARKED) {
		WRITE_ONCE(p->cancelled, true);
	} else if (mq_uring_bound(cmd)) {
		io_uring_cmd_complete_in_task(cmd, mq_parked_work);
	} else {
		mq_parked_dequeue(p);
		mq_parked_finish(p, -ECANCELED, issue_flags);
	}
}

/**
 * mq_park_cancel_user - cancel parked commands
 * @f: the open file of the commands
 * @cmd: a command of the same ring
 * @user_data: user data of the commands to cancel
 *
 * Return: 0, or ENOENT if there are none.
 */
int mq_park_cancel_user(struct mq_file *f, struct io_uring_cmd *cmd, u64 user_data)
{
	struct mq_queue *q = f->q;
	struct mq_parked *p;
	int err = -ENOENT;

	spin_lock(&q->lock);
	list_for_each_entry(p, &f->parked, link) {
		if (!mq_uring_match(p->cmd, cmd, user_data))
			continue;
		mq_parked_cancel_locked(q, p);
		err = 0;
	}
	spin_unlock(&q->lock);
	return err;
}

#else /* io_uring cannot cancel: no command is parked */

void mq_park_init(struct mq_file *f)
{
	INIT_LIST_HEAD(&f->parked);
	INIT_LIST_HEAD(&f->stand.waiting);
}

int mq_park(struct io_uring_cmd *cmd, const struct mq_ioc *ioc,
	    unsigned int issue_flags)
{
	return -EAGAIN;
}

void mq_park_cancel_ring(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
}

int mq_park_cancel_user(struct mq_file *f, struct io_uring_cmd *cmd, u64 user_data)
{
	return -ENOENT;
}

#endif
