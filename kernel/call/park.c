// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of io_uring that wait for a message or for room, without a thread.
 *
 * A SEND stands where a thread would wait, in mq_gate.room. RECVs stand in their
 * open file's line, mq_stand.waiting, and the file for all of them in the queue's,
 * mq_gate.readers (mq_stand.front): as long as it has some that wait and may hold
 * another delivery. So what a message costs does not depend on how many wait.
 * Woken by the same rules as threads (wait.c), a command is carried out by its own
 * task when that enters the kernel; having lost the race it parks again.
 *
 * A wake-up, the deadline and being cancelled may come at the same time, from
 * anywhere and with locks held. Whoever changes @state from MQ_PARKED has ended
 * the wait, and calls for the task, once; that is all he does. Everything else,
 * queueing and freeing above all, is done under the ring's lock: by mq_park()
 * as it is issued, in the task's context by mq_parked_run(), and by
 * mq_park_cancel() for a ring that goes.
 *
 * Exclusive wake-ups are not lost: what was woken wakes the next, if it leaves a
 * message or room (mq_parked_pass_on). That covers being cancelled and dying as
 * well. And as the task may be stopped, or busy with something that it does not
 * leave for io_uring, a wake-up that it has not come for after MQ_GRACE is passed
 * on, too: to MQ_HEIRS others. All that waits on the same open file is called at
 * once, and stands in no line then until it comes. While any are so late, others
 * get but MQ_GRACE_SHORT. So it takes a few steps to get past those that do not
 * come, however many they are, and each of them is in the way once.
 */
#include <linux/cred.h>
#include <linux/hrtimer.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "base/compat.h"
#include "base/waiters.h"
#include "memory/budget.h"
#include "memory/keep.h"
#include "memory/shortage.h"
#include "memory/chunk.h"
#include "memory/cost.h"
#include "queue/bounds.h"
#include "queue/file.h"
#include "queue/look.h"
#include "queue/queue.h"
#include "wait/front.h"
#include "wait/side.h"
#include "wait/wake.h"
#include "call/ioc.h"
#include "call/park.h"

#ifdef MQ_HAVE_URING_CANCEL

/*
 * How long a wake-up may be held by a task that does not come, the same where
 * another has not come already, and how many are woken then.
 */
#define MQ_GRACE	(100 * NSEC_PER_MSEC)
#define MQ_GRACE_SHORT	(10 * NSEC_PER_MSEC)
#define MQ_HEIRS	8

/*
 * A look without the lock can say that there is something where trying finds
 * nothing. So that no task is kept busy with that, after so many tries in a row
 * a command rests for a while.
 */
#define MQ_TRIES	8
#define MQ_REST		(10 * NSEC_PER_MSEC)

/**
 * enum mq_parked_state - what goes on with a parked command
 * @MQ_BUSY: its task is at work on it
 * @MQ_PARKED: it waits
 * @MQ_WOKEN: a wake-up that was for one is in its hands
 * @MQ_CALLED: there is something to look at; others were told of it as well
 * @MQ_EXPIRED: its deadline has passed
 * @MQ_CANCELLED: it was told to end
 */
enum mq_parked_state {
	MQ_BUSY, MQ_PARKED, MQ_WOKEN, MQ_CALLED, MQ_EXPIRED, MQ_CANCELLED
};

/**
 * struct mq_parked - a parked command
 * @cmd: io_uring's side of it (invariant)
 * @ioc: what is to be done (the ring's lock)
 * @cred: as whom (invariant, holds a reference)
 * @link: in mq_file.parked (mq_queue.lock)
 * @state: enum mq_parked_state; see above
 * @cancelled: it was told to end when it was not MQ_PARKED (set once, under
 *	mq_queue.lock or the ring's lock)
 * @line: a RECV's, in mq_stand.waiting
 * @turn: a SEND's, in mq_gate.room; a RECV's, in mq_gate.parked
 * @late: its task has not come within its grace (the timer's, then its task's)
 * @timer: the deadline, or the end of a rest, while it is MQ_PARKED; MQ_GRACE
 *	when it is MQ_WOKEN
 * @wait: since when it waits (the ring's lock)
 * @tries: how often in a row it was tried for nothing (the ring's lock; looked
 *	at without); from MQ_TRIES on it rests
 * @payload: a SEND's: bytes of the first message's payload (written when it is
 *	in no queue)
 * @meta: bytes of its key and headers (as @payload)
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

/* The command's own place for what belongs to it. */
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

/* End the wait, if nobody has. After that @p may be gone at any moment. */
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

/* Would it be of use to try? A look without the lock. */
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

/* What a SEND's message counts in the module's budget. */
static u64 mq_parked_bytes(const struct mq_parked *p)
{
	return p->payload + p->meta;
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

/* What is left is for the next @n. */
static void mq_parked_pass_on(struct mq_parked *p, unsigned int n)
{
	struct mq_queue *q = p->ioc.f->q;

	if (mq_parked_receives(p))
		mq_pass_on(&q->gate, n);
	else
		mq_pass_room_on(&q->gate, n);
}

/* -- the line of an open file's RECVs ---------------------------------------- */

/* The first of the file's RECVs whose wait has not ended yet ends it. */
static bool mq_front_end(struct mq_file *f, enum mq_parked_state why)
{
	struct mq_parked *p;
	bool ended = false;

	lockdep_assert_held(&f->q->gate.readers.lock);
	while (!ended && !list_empty(&f->stand.waiting)) {
		p = list_first_entry(&f->stand.waiting, struct mq_parked, line);
		list_del_init(&p->line);
		/* Its task has to take this lock before it frees it. */
		ended = mq_parked_end(p, why);
	}
	return ended;
}

/*
 * There is a message: it is for the first of the file's RECVs, and the next one
 * is for another file. What is for all is told them otherwise (mq_parked_all).
 */
static int mq_front_wake(struct wait_queue_entry *wait, unsigned int mode,
			 int flags, void *key)
{
	struct mq_file *f = container_of(wait, struct mq_file, stand.front);
	bool woken;

	if (key_to_poll(key) & MQ_TO_ALL)
		return 0;
	/* WAIT(front:no-credit) it comes back when that has changed */
	if (!mq_has_credit(f)) {
		list_del_init(&wait->entry);
		return 0;
	}
	/* WAIT(front:nothing) whoever took it looks for more: wake nobody */
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

/* All RECVs that wait on an open file are to look, and leave its line for that. */
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

/* Something has changed that is for all RECVs of a queue. */
static bool mq_parked_all(struct mq_waiter *w)
{
	return mq_parked_end(container_of(w, struct mq_parked, turn),
			     MQ_CALLED);
}

/* -- being woken --------------------------------------------------------------- */

/* Its task has not come: see the top of this file. */
static void mq_parked_is_late(struct mq_parked *p)
{
	p->late = true;
	atomic_inc(&mq_parked_side(p)->late);
	if (mq_parked_receives(p))
		mq_front_call(p->ioc.f);
	mq_parked_pass_on(p, MQ_HEIRS);
}

static enum hrtimer_restart mq_parked_time_up(struct hrtimer *timer)
{
	struct mq_parked *p = container_of(timer, struct mq_parked, timer);

	/* Its task waits for this function to end before it frees @p. */
	if (READ_ONCE(p->state) == MQ_WOKEN)
		mq_parked_is_late(p);
	else
		mq_parked_end(p, mq_parked_late(p) ? MQ_EXPIRED : MQ_CALLED);
	return HRTIMER_NORESTART;
}

/*
 * There is room for a SEND. One that only goes to see that the module's budget is
 * used up, and is to be told when that changes, does not count.
 */
static bool mq_parked_wake_room(struct mq_waiter *w)
{
	struct mq_parked *p = container_of(w, struct mq_parked, turn);
	bool counts = mq_memory_open(&p->ioc.f->q->starved, p->ioc.f->supply.payer,
				      mq_cost(mq_parked_bytes(p)));

	return mq_parked_end(p, counts ? MQ_WOKEN : MQ_CALLED) && counts;
}

/*
 * What room a SEND needs. Its records have been checked, but are the user's:
 * if they have changed, this is some number, and trying will tell.
 */
static void mq_parked_measure(struct mq_parked *p)
{
	struct devmq_record r;

	p->payload = 0;
	p->meta = 0;
	p->turn.need = 0;
	if (copy_from_user(&r, u64_to_user_ptr(p->ioc.arg.send.records),
			   sizeof(r)) || r.size < DEVMQ_RECORD_PAYLOAD(&r))
		return;
	p->payload = r.size - DEVMQ_RECORD_PAYLOAD(&r);
	p->meta = r.key_size + r.headers_size;
	p->turn.need = p->payload + p->meta;
}

/* A RECV gets in its file's line, and with that the file in the queue's. */
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
		/* In no line. */
		hrtimer_start(&p->timer, ns_to_ktime(MQ_REST),
			      HRTIMER_MODE_REL_SOFT);
		return;
	}
	/* First of all, as a wake-up sets it anew. */
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

/* After this nobody else knows of @p, but for mq_file.parked. */
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

/* Look, once it can be woken, whether what it waits for has come before that. */
static void mq_parked_look(struct mq_parked *p)
{
	/* WAIT(park:look) */
	smp_mb(); /* queued and MQ_PARKED, then look: see wake.c */
	if (mq_parked_late(p))
		mq_parked_end(p, MQ_EXPIRED);
	else if (mq_parked_may_go(p) &&
		 (mq_parked_receives(p) ||
		  mq_memory_poll(&p->ioc.f->q->starved, p->ioc.f->supply.payer,
				 mq_cost(mq_parked_bytes(p)))))
		mq_parked_end(p, MQ_CALLED);
}

/*
 * Begin to wait. False if it was told to end meanwhile. What ends the wait may
 * come as soon as it is MQ_PARKED, but takes the ring's lock before it does more
 * than to say so. It must not be in line before that: a wake-up would go by it.
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

/* Memory for a command: ENOMEM, EDQUOT. */
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

/* Carry it out, as whom it is from. */
static int mq_parked_try(struct mq_parked *p)
{
	const struct cred *cred = override_creds(p->cred);
	int err = mq_ioc_run(&p->ioc);

	revert_creds(cred);
	return err;
}

/* The wait is over: in the task's context, with the ring's lock held. */
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

/* It is one more, if that is not too many. */
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
 * mq_park - leave a command waiting
 * @cmd: SEND or RECV, tried a moment ago
 * @ioc: the same
 * @issue_flags: io_uring's, the ring's lock being held
 *
 * Return: EIOCBQUEUED, it is completed later; or ENOMEM, EDQUOT, or ENOBUFS: too
 * many wait on this open file.
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
 * The ring or the task goes; the ring's lock is held. Its task may not come for
 * long, so what only waits is finished here, if io_uring allows that.
 */
void mq_park_cancel(struct io_uring_cmd *cmd, unsigned int issue_flags)
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
 * mq_park_withdraw - cancel what is parked
 * @f: the open file of the commands
 * @cmd: a command of the same ring
 * @user_data: of the commands
 *
 * Return: 0, or ENOENT if there are none.
 */
int mq_park_withdraw(struct mq_file *f, struct io_uring_cmd *cmd, u64 user_data)
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

#else /* what would have to wait does not */

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

void mq_park_cancel(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
}

int mq_park_withdraw(struct mq_file *f, struct io_uring_cmd *cmd, u64 user_data)
{
	return -ENOENT;
}

#endif
