// SPDX-License-Identifier: GPL-2.0
/*
 * Who sleeps, and who wakes whom.
 *
 * Who stands where
 *
 *   A thread that waits for a message stands in two lines: in its open file's,
 *   mq_stand.own, for what concerns that file alone (it may hold another delivery,
 *   it has a half-read message), and exclusively in the queue's, mq_gate.readers,
 *   as long as the file may hold another delivery ("has credit": prefetch,
 *   single_active, and messages that are handed out alone, see alone.c). So it
 *   eats no wake-up that others could use. Whoever stands in any line for messages
 *   does so on a file that is a consumer by then (mq_act_as).
 *   Commands of io_uring that wait for a message (park.c) stand in their open
 *   file's line, mq_stand.waiting, and the file stands in mq_gate.readers for all
 *   of them, once, while it has credit (mq_stand.front).
 *   Those who poll for messages (pollers.c) stand in mq_stand.polls, and the queue
 *   itself in mq_gate.readers for all of them (mq_gate.crowd); for those that
 *   want to be the only one (EPOLLEXCLUSIVE) the file stands there (mq_stand.relay).
 *   Threads and commands that wait for room stand in mq_gate.room, by the order
 *   of their coming and by how much they need (waiters.c); they hold no memory
 *   (send.c). Those who poll for room stand in mq_gate.writers.
 *
 * Who wakes whom
 *
 *   A message that becomes ready wakes one thread or command. Until that one has
 *   tried to take it, further messages wake nobody; when it has, it wakes the
 *   next, if there still is a message (mq_answer_message). So a burst costs few
 *   wake-ups. All who poll are told of each message, of those that want to be the
 *   only one (EPOLLEXCLUSIVE) one in place of a thread.
 *   Room that becomes free wakes the one who has waited longest of those for whom
 *   it is enough; who wakes the next in the same way (mq_answer_room). Who polls
 *   for room is told on the edge, when the queue ceases to be full, and besides
 *   while any file that polls is known to want room (mq_want_room).
 *   What is for all (an option, the end of the queue, the end of the file) wakes
 *   all, in portions where they may be many. Of those who poll, the first few are
 *   told by whoever brings something, and where there are more the queue's work
 *   tells all, as no thread stands behind each of them.
 *
 * Why nobody is missed
 *
 *   Whoever waits (1) gets in every line, then (2) looks, behind a full barrier,
 *   and then (3) sleeps. Whoever brings something (1) brings it, then (2) looks
 *   for somebody in line, behind a full barrier. So one of the two sees the other.
 *   A thread decides by its file's credit in which lines to stand. That is
 *   something that is brought, too: so it gets in the file's line first, and only
 *   then reads the credit (sleep:own, sleep:credit, sleep:readers, sleep:look). To
 *   be woken in the file's line is not to leave it: getting in the second line
 *   makes a thread a sleeper again, and what comes after that must find it.
 *   Credit that goes after that leaves it in the queue's line: the next message
 *   finds that out, takes it off there and goes on to the next (wake:no-credit);
 *   credit that comes back finds it in the file's (wake:own). A file that stands
 *   there for others does the same (front:no-credit, front:credit), or stays and
 *   tells nobody (relay:no-credit, wake:polls).
 *   Who is woken as the one to try is in debt to the others (mq_side.called), and
 *   pays whatever becomes of it: it finds nothing, its deadline passes, a signal
 *   or its death comes. A message that wakes nobody because somebody is called
 *   came before that one pays, and is seen then.
 *
 * Those who do not come
 *
 *   Who is woken may not get to run: its processor is busy, or its group has used
 *   up its time; the task of a command may be stopped. A thread has
 *   MQ_GRACE_JIFFIES, after which as many others are woken as have not come
 *   (mq_grace_over), a command MQ_GRACE (park.c). So the number of steps until
 *   somebody comes grows with the logarithm of how many do not, and each of these
 *   is in the way once: woken, it stands in no line any more. Pollers may not come
 *   either, as who polls is not asked; so where there are any, or commands
 *   (mq_side.watched), each message wakes one. A poller that was told alone and
 *   comes, but may not receive, wakes the next (mq_leave_to_others), and so does
 *   the last close of its file, if it does not come (mq_leave_all_to_others).
 *
 * The labels WAIT(...) mark the steps that the model in selftests/spin has.
 */
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/sched.h>

#include "base/compat.h"
#include "base/waiters.h"
#include "wait/front.h"
#include "wait/gate.h"
#include "wait/pollers.h"
#include "wait/side.h"
#include "wait/wake.h"

#define MQ_IN	poll_to_key(EPOLLIN | EPOLLRDNORM)
#define MQ_GONE	poll_to_key(EPOLLIN | EPOLLRDNORM | EPOLLHUP | EPOLLERR)

/*
 * How many jiffies others wait for one who was called, but does not get to run:
 * as something new comes, and where nothing does.
 */
#define MQ_GRACE_JIFFIES	1
#define MQ_LONG_GRACE		(HZ / 2)

/*
 * Somebody was called. If that one does not come, what is left for the others is
 * seen to when the time is over, even if nothing else happens.
 */
void mq_grace_begin(struct mq_gate *g)
{
	smp_mb__after_atomic(); /* called, then look: see mq_grace_over() */
	/* WAIT(wake:grace) */
	if (!timer_pending(&g->grace))
		mod_timer(&g->grace, jiffies + MQ_LONG_GRACE);
}

/* Somebody is woken, and is about to try. */
void mq_side_call(struct mq_gate *g, struct mq_side *side)
{
	atomic_inc(&side->called);
	WRITE_ONCE(side->called_at, jiffies);
	mq_grace_begin(g);
}

/* Somebody has been woken, or looks, and is about to try: enough for now? */
static bool mq_side_is_called(struct mq_gate *g, const struct mq_side *side)
{
	if (READ_ONCE(side->watched))
		return false;
	if (READ_ONCE(side->spins))
		return true;
	if (!atomic_read(&side->called) ||
	    time_after(jiffies, READ_ONCE(side->called_at) + MQ_GRACE_JIFFIES))
		return false;
	/* If nothing else comes that would look again, this does. */
	timer_reduce(&g->grace, jiffies + MQ_GRACE_JIFFIES + 1);
	return true;
}

static void mq_grace_over(struct timer_list *timer)
{
	struct mq_gate *g = container_of(timer, struct mq_gate, grace);
	int readers, writers;

	smp_mb(); /* not pending, then look: see mq_grace_begin() */
	/* WAIT(grace:over) */
	readers = atomic_read(&g->rx.called);
	writers = atomic_read(&g->tx.called);
	/*
	 * As many as have not come: so few steps get past any number of these. Who
	 * has come wakes the next, if there is more.
	 */
	if (readers)
		mq_pass_on(g, readers);
	if (writers)
		mq_pass_room_on(g, writers);
}

void mq_gate_init(struct mq_gate *g, const struct mq_gate_ops *ops)
{
	g->ops = ops;
	mq_side_init(&g->rx);
	mq_side_init(&g->tx);
	init_waitqueue_head(&g->readers);
	mq_pollers_init(g);
	mq_waiters_init(&g->room);
	mq_waiters_init(&g->growth);
	mq_waiters_init(&g->parked);
	timer_setup(&g->grace, mq_grace_over, 0);
}

/* Nobody waits with the open file yet. Its commands: mq_front_init(). */
void mq_stand_init(struct mq_stand *stand, struct mq_gate *gate)
{
	stand->gate = gate;
	init_waitqueue_head(&stand->own);
	mq_pollers_init_file(stand);
}

/* Nobody has a reference to the queue any more. */
void mq_gate_exit(struct mq_gate *g)
{
	mq_timer_stop(&g->grace);
}

/* Who was called has tried. True if so, and he may have to call the next. */
static bool mq_side_answer(struct mq_side *side, bool *called)
{
	if (!*called)
		return false;
	*called = false;
	/* WAIT(answer) */
	atomic_dec(&side->called);
	/* Who came before this woke nobody, and we see what he brought. */
	smp_mb__after_atomic();
	return true;
}

/* Who waited has tried to receive: if more is there, it is for the next. */
void mq_answer_message(struct mq_gate *g, bool *called)
{
	if (mq_side_answer(&g->rx, called))
		mq_pass_on(g, 1);
}

/* Who waited has tried to send: if room is left, it is for the next. */
void mq_answer_room(struct mq_gate *g, bool *called)
{
	if (mq_side_answer(&g->tx, called))
		mq_wake_writers(g, true);
}

/**
 * mq_want_room - remember that a send of this file would have slept
 * @stand: the producer
 * @bytes: what it sent, 0: it has got in, or gave up
 *
 * A poll waits for as much, so that who polls and tries again does not spin.
 */
void mq_want_room(struct mq_stand *stand, u64 bytes)
{
	u64 before = xchg(&stand->wants, bytes);

	if (!before && bytes) {
		atomic_inc(&stand->gate->blocked);
	} else if (before && !bytes) {
		atomic_dec(&stand->gate->blocked);
		/* WAIT(want:none) somebody may poll for what another could not send */
		mq_wake_pollers(stand->gate);
	}
}

/* All readers are to look, because of what @why says besides. */
void mq_wake_all_readers(struct mq_gate *g, __poll_t why)
{
	__wake_up(&g->readers, TASK_INTERRUPTIBLE, 0,
		  poll_to_key(EPOLLIN | EPOLLRDNORM | MQ_TO_ALL | why));
	mq_waiters_wake_all(&g->parked);
}

/* As mq_wake_readers(), where somebody sleeps there. */
void mq_wake_sleeping_readers(struct mq_gate *g, unsigned int n)
{
	if (mq_side_is_called(g, &g->rx))
		return;
	/* A thread that is woken wakes the next. */
	__wake_up(&g->readers, TASK_INTERRUPTIBLE,
		  READ_ONCE(g->rx.watched) ? n : 1, MQ_IN);
}

/* What is ready was not for us: wake the next, or @n who are to share it. */
void mq_pass_on(struct mq_gate *g, unsigned int n)
{
	/* WAIT(pass-on) after a pause all are woken; in it they would wake each other */
	if (!g->ops->is_ready(g))
		return;
	if (n > 1)
		__wake_up(&g->readers, TASK_INTERRUPTIBLE, n, MQ_IN);
	else
		mq_wake_readers(g, 1);
}

/**
 * mq_leave_to_others - a consumer that does not wait may not receive what is there
 * @stand: the consumer
 *
 * Who polls alone (EPOLLEXCLUSIVE) is told of a message in place of others, and its
 * file may have received something else since, or meet what is handed out alone
 * only now. Others have not been told then, and nobody but the poller can do so.
 */
void mq_leave_to_others(const struct mq_stand *stand)
{
	if (unlikely(READ_ONCE(stand->gate->rx.watched)) &&
	    !mq_stand_has_credit(stand))
		mq_pass_on(stand->gate, 1);
}

/**
 * mq_leave_all_to_others - an open file goes, and nobody polls it any more
 * @g: the gate of its queue, at which it has left all lines
 * @received: it was a consumer
 * @sent: it was a producer
 *
 * One of its pollers may have been told alone of a message, or of room, and has
 * ended before it could try.
 */
void mq_leave_all_to_others(struct mq_gate *g, bool received, bool sent)
{
	if (received && unlikely(READ_ONCE(g->rx.watched)))
		mq_pass_on(g, 1);
	if (sent && unlikely(READ_ONCE(g->tx.watched)))
		mq_wake_writers(g, false);
}

/* As mq_wake_writers(), where somebody waits. */
void mq_wake_sleeping_writers(struct mq_gate *g, bool edge)
{
	u64 room;

	/* WAIT(wake:growth) */
	if (mq_waiters_some(&g->growth) && g->ops->room(g, true, &room) &&
	    !mq_side_is_called(g, &g->tx))
		mq_waiters_wake(&g->growth, room);
	if (mq_waiters_some(&g->room) && g->ops->room(g, false, &room) &&
	    !mq_side_is_called(g, &g->tx))
		mq_waiters_wake(&g->room, room);
	if (edge || atomic_read(&g->blocked))
		mq_wake_pollers(g);
}

/* Wake one, whoever else is called. */
static bool mq_room_wake(struct mq_gate *g)
{
	u64 room;

	return (g->ops->room(g, true, &room) &&
		mq_waiters_wake(&g->growth, room)) ||
	       (g->ops->room(g, false, &room) &&
		mq_waiters_wake(&g->room, room));
}

/* Room was not for us: wake the next, or @n who are to share it. */
void mq_pass_room_on(struct mq_gate *g, unsigned int n)
{
	/* WAIT(room:pass-on) */
	mq_wake_writers(g, true);
	while (--n && mq_room_wake(g))
		;
}

/* All who poll for room are to look. */
void mq_wake_pollers(struct mq_gate *g)
{
	/* Callers come from a full barrier: who polls gets in line, then looks. */
	if (waitqueue_active(&g->writers))
		mq_pollers_tell_room(g, false);
}

/* @stand may hold more deliveries than before, or has a half-read message. */
void mq_wake_stand(struct mq_stand *stand)
{
	void *why = unlikely(mq_gate_is_gone(stand->gate)) ? MQ_GONE : MQ_IN;

	/* WAIT(wake:own) */
	if (wq_has_sleeper(&stand->own))
		__wake_up(&stand->own, TASK_INTERRUPTIBLE, 0, why);
	/* WAIT(wake:polls): wq_has_sleeper() has the barrier for this as well. */
	if (waitqueue_active(&stand->polls))
		mq_pollers_tell_file(stand, why);
	if (unlikely(!list_empty(&stand->waiting))) {
		mq_front_credit(stand);
		mq_pass_on(stand->gate, 1);
	}
}
