// SPDX-License-Identifier: GPL-2.0
/*
 * Sleeping: in which lines a thread stands, what it looks at, and what it owes to
 * others when it was woken. The top of wake.c says how these go together.
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
 * struct mq_sleeper - a thread asleep in mq_gate.readers
 * @wait: there
 * @stand: the consumer
 * @called: it was woken as the one who is to try
 */
struct mq_sleeper {
	struct wait_queue_entry	wait;
	struct mq_stand		*stand;
	bool			called;
};

/*
 * There is a message. A thread whose open file may not hold another one is not
 * woken, and does not stand in the way of the next message either: it sleeps on
 * in mq_stand.own, where it is woken when that has changed.
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
	/* Once it is awake, it may be gone. */
	s->called = true;
	mq_side_call(s->stand->gate, side);
	if (autoremove_wake_function(wait, mode, flags, key))
		return 1;
	/* It was awake already, and waits for the lock held here. */
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

/* Sleep until woken: 0; or until the deadline: -ETIMEDOUT. */
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
	 * To be woken there is not to leave: getting in the second line says
	 * once more that this sleeps, and what comes after that is for it, too.
	 */
	own.func = default_wake_function;
	for (;;) {
		bool credit;
		int stop;

		if (s.called) {
			/* Not queued, so nobody else touches it. */
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
 * mq_wait_message - sleep until there may be something to receive
 * @stand: the consumer
 * @partial: as for mq_stand_can_receive()
 * @deadline_ns: not longer than this time of CLOCK_MONOTONIC
 * @called: what the last wait said, false before the first; gets whether a
 *	message may rely on the caller
 *
 * Whoever called this calls mq_answer_message() when he has tried to receive, and
 * before he waits for anything else.
 *
 * Return: 0 (look again), ERESTARTSYS, or ETIMEDOUT.
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
 * @w: in mq_gate.room, or in mq_gate.growth
 * @gate: of the queue
 * @payload: bytes of its message's payload
 * @meta: bytes of its key and headers
 * @held: in mq_gate.growth: how many of these are reserved for it already
 */
struct mq_writer {
	struct mq_waiter	w;
	struct mq_gate		*gate;
	u64			payload;
	u64			meta;
	u64			held;
};

/* There is room, or there will never be any: both end the wait. */
static bool mq_writer_may_go(const struct mq_waiter *w)
{
	const struct mq_writer *x = container_of(w, struct mq_writer, w);

	return x->gate->ops->may_send(x->gate, x->payload, x->meta);
}

/* The same where it only is to grow. */
static bool mq_grower_may_go(const struct mq_waiter *w)
{
	const struct mq_writer *x = container_of(w, struct mq_writer, w);

	return x->gate->ops->may_grow(x->gate, x->held, x->payload);
}

static bool mq_writer_wake(struct mq_waiter *w)
{
	struct mq_writer *x = container_of(w, struct mq_writer, w);

	/* Before it runs: it may answer at once. */
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
	} while (!err && !may_go(&x->w));
	turn->called = x->w.woken;
	turn->ticket = x->w.ticket;
	return err;
}

/**
 * mq_wait_room - sleep until there may be room
 * @g: the queue
 * @payload: bytes of the message's payload
 * @meta: bytes of its key and headers
 * @turn: what the last wait said, all 0 before the first; gets whether others may
 *	rely on the caller, and his place in line
 *
 * Whoever called this calls mq_answer_room() when he has tried to send, and
 * before he waits for anything else.
 *
 * Return: 0 (try again) or ERESTARTSYS.
 */
int mq_wait_room(struct mq_gate *g, u64 payload, u64 meta,
		 struct mq_turn *turn)
{
	struct mq_writer x = { .gate = g, .payload = payload, .meta = meta };

	mq_waiter_init_thread(&x.w, payload + meta);
	return mq_sleep_for_room(&x, &g->room, mq_writer_may_go, turn);
}

/**
 * mq_wait_growth - sleep until an unfinished line that has a place may grow
 * @g: the queue
 * @before: bytes that it has reserved
 * @size: bytes that it is to have; the same: sleep until the end of a pause
 * @turn: as for mq_wait_room()
 *
 * As mq_wait_room(). It wants no message's place, so it stands in a line of its
 * own, and is looked for where somebody waits in the other one.
 */
int mq_wait_growth(struct mq_gate *g, u64 before, u64 size,
		   struct mq_turn *turn)
{
	struct mq_writer x = { .gate = g, .payload = size, .held = before };
	int err;

	mq_waiter_init_thread(&x.w, size - before);
	/* WAIT(growth:note) */
	mq_waiters_note(&g->room, 1);
	err = mq_sleep_for_room(&x, &g->growth, mq_grower_may_go, turn);
	mq_waiters_note(&g->room, -1);
	return err;
}
