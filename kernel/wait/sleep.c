// SPDX-License-Identifier: GPL-2.0
/*
 * How a thread sleeps: which wait queues it joins, what it looks at before it
 * sleeps, and what it must do for the others after it was woken. The comment at
 * the top of wake.c says how these belong together.
 */
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/devmq.h>

#include "base/waiters.h"
#include "wait/gate.h"
#include "wait/side.h"
#include "wait/sleep.h"
#include "wait/spin.h"
#include "wait/wake.h"

/**
 * struct mq_sleeper - a thread that sleeps in mq_gate.readers
 * @wait: its entry there
 * @stand: the waiters of its open file
 * @called: the thread was woken, and other waiters rely on it to try
 */
struct mq_sleeper {
	struct wait_queue_entry	wait;
	struct mq_stand		*stand;
	bool			called;
};

/*
 * The wake function of a thread in mq_gate.readers, whose lock is held. If the
 * file of the thread has no credit, this only removes the thread from the wait
 * queue, so that later messages skip it. The thread is still in mq_stand.own,
 * where it is woken when its file gets credit.
 */
static int mq_sleeper_wake(struct wait_queue_entry *wait, unsigned int mode,
			   int flags, void *key)
{
	struct mq_sleeper *s = container_of(wait, struct mq_sleeper, wait);
	struct mq_side *side = &s->stand->gate->rx;

	/* WAIT(wake:no-credit) */
	if (unlikely(!mq_stand_has_credit(s->stand) &&
		     !mq_gate_is_gone(s->stand->gate))) {
		list_del_init(&wait->entry);
		return 0;
	}
	/* Set this first: a thread that is awake may free @s at any moment. */
	s->called = true;
	mq_side_call(s->stand->gate, side);
	if (autoremove_wake_function(wait, mode, flags, key))
		return 1;
	/* The thread was awake already: finish_wait() waits for the lock. */
	s->called = false;
	atomic_dec(&side->called);
	return 0;
}

static void mq_sleeper_init(struct mq_sleeper *s, struct mq_stand *stand)
{
	init_wait_entry(&s->wait, WQ_FLAG_EXCLUSIVE);
	s->wait.func = mq_sleeper_wake;
	s->stand = stand;
	s->called = false;
}

/* Sleep until woken. Return: 0, or -ETIMEDOUT if the deadline has passed. */
static int mq_sleep(u64 deadline_ns)
{
	ktime_t deadline = min_t(u64, deadline_ns, KTIME_MAX);

	if (deadline_ns == DEVMQ_FOREVER) {
		schedule();
		return 0;
	}
	return schedule_hrtimeout_range(&deadline, 0, HRTIMER_MODE_ABS) ?
	       0 : -ETIMEDOUT;
}

static int mq_sleep_for_message(struct mq_stand *stand, bool partial,
				u64 deadline_ns, bool *called)
{
	struct mq_gate *g = stand->gate;
	struct wait_queue_entry own;
	struct mq_sleeper s;
	int err = 0;

	mq_sleeper_init(&s, stand);
	init_wait_entry(&own, 0);
	/*
	 * A wake-up must not remove the thread from mq_stand.own. When the
	 * thread joins mq_gate.readers, it sets its task state to sleep again,
	 * and later wake-ups must still reach it.
	 */
	own.func = default_wake_function;
	for (;;) {
		bool credit;
		int stop;

		if (s.called) {
			/* @s is in no wait queue: no other thread uses it. */
			if (mq_stand_can_receive(stand, partial)) {
				err = 0;
				break;
			}
			mq_answer_message(g, &s.called);
		}
		/* WAIT(sleep:own) */
		stop = prepare_to_wait_event(&stand->own, &own, TASK_INTERRUPTIBLE);
		/* WAIT(sleep:credit) */
		credit = mq_stand_has_credit(stand);
		/* WAIT(sleep:readers) */
		if (credit)
			prepare_to_wait_exclusive(&g->readers, &s.wait,
						  TASK_INTERRUPTIBLE);
		/* WAIT(sleep:look) */
		if (mq_stand_can_receive(stand, partial)) {
			err = 0;
			break;
		}
		err = err ?: stop;
		if (err)
			break;
		/* WAIT(sleep:sleep) */
		err = mq_sleep(deadline_ns);
		/* WAIT(sleep:leave) */
		finish_wait(&g->readers, &s.wait);
	}
	finish_wait(&g->readers, &s.wait);
	finish_wait(&stand->own, &own);
	*called = s.called;
	return err;
}

/**
 * mq_wait_message - spin or sleep until there may be something to receive
 * @stand: the waiters of the consumer
 * @partial: the caller is a read(2), which may continue a half-read message
 * @deadline_ns: when to give up, CLOCK_MONOTONIC; DEVMQ_FOREVER: never
 * @called: the result of the caller's last wait, false before the first one;
 *	gets whether other waiters rely on the caller to try
 *
 * The caller must call mq_answer_message() after it has tried to receive, and
 * before it waits for anything else.
 *
 * Return: 0 to try again, -ERESTARTSYS, or -ETIMEDOUT.
 */
int mq_wait_message(struct mq_stand *stand, bool partial, u64 deadline_ns,
		    bool *called)
{
	mq_answer_message(stand->gate, called);
	if (mq_stand_has_credit(stand) &&
	    mq_spin_message(stand, partial, deadline_ns, called))
		return 0;
	return mq_sleep_for_message(stand, partial, deadline_ns, called);
}

/**
 * struct mq_writer - a writer that waits for room
 * @w: waiter in mq_gate.room or mq_gate.growth
 * @gate: the gate of the queue
 * @payload: size of the payload of its message
 * @meta: size of the key and the headers
 * @held: in mq_gate.growth: how many bytes of @payload are reserved already
 */
struct mq_writer {
	struct mq_waiter	w;
	struct mq_gate		*gate;
	u64			payload;
	u64			meta;
	u64			held;
};

/* Return true if a writer has room, or will never have it. */
static bool mq_writer_may_go(const struct mq_waiter *w)
{
	const struct mq_writer *x = container_of(w, struct mq_writer, w);

	return x->gate->ops->may_send(x->gate, x->payload, x->meta);
}

/* The same for a writer whose unfinished line needs more room. */
static bool mq_grower_may_go(const struct mq_waiter *w)
{
	const struct mq_writer *x = container_of(w, struct mq_writer, w);

	return x->gate->ops->may_grow(x->gate, x->held, x->payload);
}

static bool mq_writer_wake(struct mq_waiter *w)
{
	struct mq_writer *x = container_of(w, struct mq_writer, w);

	/* Set this first: a thread that runs may answer at once. */
	w->woken = true;
	mq_side_call(x->gate, &x->gate->tx);
	wake_up_process(w->task);
	return true;
}

static int mq_sleep_for_room(struct mq_writer *x, struct mq_waiters *line,
			     bool (*may_go)(const struct mq_waiter *w),
			     struct mq_turn *turn)
{
	struct mq_gate *g = x->gate;
	int err;

	mq_answer_room(g, &turn->called);
	x->w.wake = mq_writer_wake;
	x->w.ticket = turn->ticket;
	do {
		mq_answer_room(g, &x->w.woken);
		err = mq_waiters_sleep(line, &x->w, may_go);
	} while (!err && !x->w.timeout && !may_go(&x->w));
	turn->called = x->w.woken;
	turn->ticket = x->w.ticket;
	return err;
}

/**
 * mq_wait_room - sleep until there may be room
 * @g: the gate of the queue
 * @payload: size of the payload of the caller's message
 * @meta: size of its key and headers
 * @turn: the result of the caller's last wait, all 0 before the first one; gets
 *	whether other waiters rely on the caller to try, and its place in the
 *	wait list
 *
 * The caller must call mq_answer_room() after it has tried to send, and before
 * it waits for anything else.
 *
 * Return: 0 to try again, or -ERESTARTSYS.
 */
int mq_wait_room(struct mq_gate *g, u64 payload, u64 meta,
		 struct mq_turn *turn)
{
	struct mq_writer x = { .gate = g, .payload = payload, .meta = meta };

	mq_waiter_init_thread(&x.w, payload + meta);
	return mq_sleep_for_room(&x, &g->room, mq_writer_may_go, turn);
}

/**
 * mq_wait_room_for - as mq_wait_room(), but for a while
 * @g: as there
 * @payload: as there
 * @meta: as there
 * @turn: as there
 * @timeout: how long, in jiffies, more than 0
 *
 * This also ends at any other wake-up, with or without room.
 *
 * Return: as mq_wait_room().
 */
int mq_wait_room_for(struct mq_gate *g, u64 payload, u64 meta,
		     struct mq_turn *turn, unsigned long timeout)
{
	struct mq_writer x = { .gate = g, .payload = payload, .meta = meta };

	mq_waiter_init_thread(&x.w, payload + meta);
	x.w.timeout = timeout;
	return mq_sleep_for_room(&x, &g->room, mq_writer_may_go, turn);
}

/**
 * mq_wait_growth - sleep until an unfinished line that has a place may grow
 * @g: the gate of the queue
 * @before: bytes that are reserved for the line
 * @size: bytes that it needs. If this is @before, sleep until sending is not
 *	paused any more
 * @turn: as for mq_wait_room()
 *
 * The line has a place for its message already, so it waits in another wait
 * list than new messages. It is counted in mq_gate.room, because
 * mq_wake_writers() looks for waiters only there.
 *
 * Return: as mq_wait_room(), whose duties the caller has as well.
 */
int mq_wait_growth(struct mq_gate *g, u64 before, u64 size,
		   struct mq_turn *turn)
{
	struct mq_writer x = { .gate = g, .payload = size, .held = before };
	int err;

	mq_waiter_init_thread(&x.w, size - before);
	/* WAIT(growth:note) */
	mq_waiters_count_elsewhere(&g->room, 1);
	err = mq_sleep_for_room(&x, &g->growth, mq_grower_may_go, turn);
	mq_waiters_count_elsewhere(&g->room, -1);
	return err;
}
