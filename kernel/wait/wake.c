// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for messages and for room: who waits where, and who wakes whom.
 *
 * Who waits where
 *
 *   A thread that waits for a message is in two wait queues. It is in
 *   mq_stand.own for changes of its open file: the file may hold another
 *   delivery, or has a half-read message. It is in mq_gate.readers of the queue
 *   for messages, as an exclusive waiter, while its file has credit. A file has
 *   credit if it may hold another delivery; prefetch, single_active and
 *   messages that are handed out alone (alone.c) decide this. Without credit,
 *   the thread leaves mq_gate.readers, so that it does not use up wake-ups that
 *   others need. An open file becomes a consumer before anybody waits for
 *   messages with it (mq_take_role()).
 *
 *   RECV commands of io_uring that wait (park.c) are in mq_stand.waiting of
 *   their open file. For all of them, the file has one wait queue entry in
 *   mq_gate.readers while it has credit, mq_stand.front.
 *
 *   Pollers for messages (pollers.c) are in mq_stand.polls of their open file.
 *   For all of them, the queue has one wait queue entry in mq_gate.readers,
 *   mq_gate.crowd. For its exclusive pollers (EPOLLEXCLUSIVE), each file has
 *   another one there, mq_stand.relay.
 *
 *   Threads and commands that wait for room are in the wait list mq_gate.room,
 *   each with the amount that it needs (waiters.c). They hold no memory
 *   (send.c). Pollers for room are in mq_gate.writers.
 *
 * Who wakes whom
 *
 *   A message that becomes ready wakes one thread or command. From then until
 *   it has tried to receive, this waiter is "called" (mq_side.called), and
 *   further messages wake nobody. After it has tried, it wakes the next waiter
 *   if there still is a message (mq_answer_message()). So a burst of messages
 *   causes few wake-ups. Each message notifies all pollers but the exclusive
 *   ones, of which it notifies one instead of waking a thread.
 *
 *   Room that becomes free wakes the longest waiter for which there is enough.
 *   After it has tried, it wakes the next one in the same way
 *   (mq_answer_room()). Pollers for room are notified when the queue ceases to
 *   be full. While a file is known to want room (mq_set_wanted_room()), they are
 *   notified of any room.
 *
 *   A change that concerns everybody (an option, the removal of the queue, the
 *   end of file) wakes all waiters, in portions where there may be many, and so
 *   does a message that a topic retains. A thread that brings something notifies
 *   only the first few pollers, and wakes the first portion of the threads. If
 *   there are more, the queue's work notifies or wakes all of them, in portions.
 *
 * Why no wake-up is lost
 *
 *   A waiter (1) joins all its wait queues, (2) executes a full barrier and
 *   looks for what it waits for, and (3) sleeps. A thread that brings something
 *   (1) brings it, (2) executes a full barrier and looks for waiters. So at
 *   least one of the two sees what the other has done.
 *
 *   A thread joins mq_gate.readers only if its file has credit, and credit is
 *   itself something that another thread may bring. So it joins mq_stand.own
 *   first, and reads the credit after that (sleep:own, sleep:credit,
 *   sleep:readers, sleep:look). A wake-up in mq_stand.own does not remove the
 *   thread from there. When the thread joins mq_gate.readers, it sets its task
 *   state to sleep again, and later wake-ups must still find it in
 *   mq_stand.own.
 *
 *   If the file loses its credit after that, the thread is still in
 *   mq_gate.readers. The next message removes it from there and wakes the next
 *   waiter (wake:no-credit). If the file gets credit again, this wakes the
 *   thread in mq_stand.own (wake:own). mq_stand.front is removed and added
 *   again in the same way (front:no-credit, front:credit). mq_stand.relay
 *   stays, but notifies nobody without credit (relay:no-credit, wake:polls).
 *
 *   A waiter that is called must answer (mq_answer_message(),
 *   mq_answer_room()), because the others rely on it. It does so in any case:
 *   if it finds nothing, if its deadline passes, if it gets a signal, and if it
 *   is killed. A message that wakes nobody because a waiter is called becomes
 *   ready before this waiter's answer, which then finds the message.
 *
 * Waiters that do not run
 *
 *   A waiter that was woken may not get to run: its processor is busy, its task
 *   group has used up its CPU time, or the task of a command is stopped. After
 *   MQ_GRACE_JIFFIES for a thread, and MQ_GRACE (park.c) for a command, as many
 *   others are woken as have not run (mq_grace_expire()). So the number of steps
 *   until one of them runs grows with the logarithm of the number of those that
 *   do not. Each waiter causes this delay only once, because a wake-up removes
 *   it from its wait queue.
 *
 *   A poller that was notified may not receive at all. So if there are pollers
 *   or parked commands (mq_side.watched), each message wakes a waiter, even if
 *   another one is called. If an exclusive poller tries, but its file has no
 *   credit, it wakes the next waiter (mq_wake_next_without_credit()). If it does not
 *   try, the last close of its file does so (mq_wake_next_at_close()).
 *
 * The labels WAIT(...) mark the steps that the model in selftests/spin has.
 */
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/sched.h>

#include "base/compat.h"
#include "base/waiters.h"
#include "wait/everybody.h"
#include "wait/front.h"
#include "wait/gate.h"
#include "wait/pollers.h"
#include "wait/side.h"
#include "wait/wake.h"

#define MQ_IN	poll_to_key(EPOLLIN | EPOLLRDNORM)
#define MQ_GONE	poll_to_key(EPOLLIN | EPOLLRDNORM | EPOLLHUP | EPOLLERR)

/*
 * How many jiffies the others wait for a waiter that is called but does not
 * run. The first is for when something new arrives meanwhile, the second for
 * when nothing does.
 */
#define MQ_GRACE_JIFFIES	1
#define MQ_LONG_GRACE		(HZ / 2)

/*
 * Start the grace period of a waiter that is called. If the waiter does not run
 * until the end of it, mq_grace_expire() wakes others.
 */
void mq_grace_begin(struct mq_gate *g)
{
	smp_mb__after_atomic(); /* call, then look: see mq_grace_expire() */
	/* WAIT(wake:grace) */
	if (!timer_pending(&g->grace))
		mod_timer(&g->grace, jiffies + MQ_LONG_GRACE);
}

/* Mark a waiter as called: it is being woken, and is going to try. */
void mq_side_call(struct mq_gate *g, struct mq_side *side)
{
	atomic_inc(&side->called);
	WRITE_ONCE(side->called_at, jiffies);
	mq_grace_begin(g);
}

/* Return true if a waiter is called or spinning, so that it is enough. */
static bool mq_side_is_called(struct mq_gate *g, const struct mq_side *side)
{
	if (READ_ONCE(side->watched))
		return false;
	if (READ_ONCE(side->spins))
		return true;
	if (!atomic_read(&side->called) ||
	    time_after(jiffies, READ_ONCE(side->called_at) + MQ_GRACE_JIFFIES))
		return false;
	/* If nothing else arrives, the end of the grace period wakes others. */
	timer_reduce(&g->grace, jiffies + MQ_GRACE_JIFFIES + 1);
	return true;
}

/* Wake others, because the waiters that were called may not be running. */
static void mq_grace_expire(struct timer_list *timer)
{
	struct mq_gate *g = container_of(timer, struct mq_gate, grace);
	int readers, writers;

	smp_mb(); /* not pending, then look: pairs with mq_grace_begin() */
	/* WAIT(grace:over) */
	readers = atomic_read(&g->rx.called);
	writers = atomic_read(&g->tx.called);
	/*
	 * Wake as many others as are called, which doubles their number in each
	 * step. Those that do run wake the next ones after trying.
	 */
	if (readers)
		mq_wake_next_reader(g, readers);
	if (writers)
		mq_wake_next_writers(g, writers);
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
	timer_setup(&g->grace, mq_grace_expire, 0);
}

/* Initialize the waiters of an open file, but for those of mq_front_init(). */
void mq_stand_init(struct mq_stand *stand, struct mq_gate *gate)
{
	stand->gate = gate;
	init_waitqueue_head(&stand->own);
	mq_pollers_init_file(stand);
}

/* Stop the timer, when the last reference to the queue has been dropped. */
void mq_gate_exit(struct mq_gate *g)
{
	mq_timer_stop(&g->grace);
}

/*
 * Clear *@called, after the caller has tried. Return: true if it was set, so
 * that the caller must look whether to wake the next waiter.
 */
static bool mq_side_answer(struct mq_side *side, bool *called)
{
	if (!*called)
		return false;
	*called = false;
	/* WAIT(answer) */
	atomic_dec(&side->called);
	/* What arrived before this woke nobody, but the caller sees it now. */
	smp_mb__after_atomic();
	return true;
}

/* A reader has tried to receive: if it was called, wake the next one. */
void mq_answer_message(struct mq_gate *g, bool *called)
{
	if (mq_side_answer(&g->rx, called))
		mq_wake_next_reader(g, 1);
}

/* A writer has tried to send: if it was called, wake the next one. */
void mq_answer_room(struct mq_gate *g, bool *called)
{
	if (mq_side_answer(&g->tx, called))
		mq_wake_writers(g, true);
}

/**
 * mq_set_wanted_room - set how much room the last send of a file could not get
 * @stand: the waiters of the producer
 * @bytes: the size of the message that did not fit; 0: it was sent, or given up
 *
 * A poll of the file reports room only if there is so much. Otherwise, a
 * process that polls and sends in a loop would not sleep.
 */
void mq_set_wanted_room(struct mq_stand *stand, u64 bytes)
{
	u64 before = xchg(&stand->wants, bytes);

	if (!before && bytes) {
		atomic_inc(&stand->gate->blocked);
	} else if (before && !bytes) {
		atomic_dec(&stand->gate->blocked);
		/* WAIT(want:none) pollers of the file wait for @before bytes */
		mq_notify_room_pollers(stand->gate);
	}
}

/*
 * Wake all readers, so that they look again: a portion, and the rest from the queue's
 * work. @why: further events to report.
 */
void mq_wake_all_readers(struct mq_gate *g, __poll_t why)
{
	if (unlikely(!mq_call_some(g, why)))
		mq_tell_readers_later(g);
	mq_waiters_wake_all(&g->parked);
}

/* Wake readers as mq_wake_readers(), which has found waiters. */
void mq_wake_sleeping_readers(struct mq_gate *g, unsigned int n)
{
	if (mq_side_is_called(g, &g->rx))
		return;
	/* A thread wakes the next one; pollers and commands may not. */
	__wake_up(&g->readers, TASK_INTERRUPTIBLE,
		  READ_ONCE(g->rx.watched) ? n : 1, MQ_IN);
}

/* Wake the next reader, or the next @n, if a message is left for them. */
void mq_wake_next_reader(struct mq_gate *g, unsigned int n)
{
	/* WAIT(pass-on) in a pause, readers would wake each other in vain */
	if (!g->ops->is_ready(g))
		return;
	if (n > 1)
		__wake_up(&g->readers, TASK_INTERRUPTIBLE, n, MQ_IN);
	else
		mq_wake_readers(g, 1);
}

/**
 * mq_wake_next_without_credit - wake the next reader if a consumer has no credit
 * @stand: the waiters of the consumer, which has tried to receive without
 *	waiting
 *
 * The caller may be an exclusive poller (EPOLLEXCLUSIVE) that was notified of a
 * message instead of other waiters. If its file has lost its credit since then,
 * it cannot receive the message, and only the caller knows that others must be
 * woken.
 */
void mq_wake_next_without_credit(const struct mq_stand *stand)
{
	if (unlikely(READ_ONCE(stand->gate->rx.watched)) &&
	    !mq_stand_has_credit(stand))
		mq_wake_next_reader(stand->gate, 1);
}

/**
 * mq_wake_next_at_close - wake others at the last close of an open file
 * @g: the gate of the queue; the file has left all wait queues
 * @received: the file was a consumer
 * @sent: the file was a producer
 *
 * One of its pollers may have been notified of a message or of room instead of
 * other waiters, and may have ended before it tried.
 */
void mq_wake_next_at_close(struct mq_gate *g, bool received, bool sent)
{
	if (received && unlikely(READ_ONCE(g->rx.watched)))
		mq_wake_next_reader(g, 1);
	if (sent && unlikely(READ_ONCE(g->tx.watched)))
		mq_wake_writers(g, false);
}

/* Wake writers as mq_wake_writers(), which has found waiters. */
void mq_wake_sleeping_writers(struct mq_gate *g, bool edge)
{
	u64 room;

	/* WAIT(wake:growth) */
	if (mq_waiters_pending(&g->growth) && g->ops->room(g, true, &room) &&
	    !mq_side_is_called(g, &g->tx))
		mq_waiters_wake(&g->growth, room);
	if (mq_waiters_pending(&g->room) && g->ops->room(g, false, &room) &&
	    !mq_side_is_called(g, &g->tx))
		mq_waiters_wake(&g->room, room);
	if (edge || atomic_read(&g->blocked))
		mq_notify_room_pollers(g);
}

/* Wake one writer, even if others are called. */
static bool mq_room_wake(struct mq_gate *g)
{
	u64 room;

	return (g->ops->room(g, true, &room) &&
		mq_waiters_wake(&g->growth, room)) ||
	       (g->ops->room(g, false, &room) &&
		mq_waiters_wake(&g->room, room));
}

/* Wake the next writer, or the next @n, if room is left for them. */
void mq_wake_next_writers(struct mq_gate *g, unsigned int n)
{
	/* WAIT(room:pass-on) */
	mq_wake_writers(g, true);
	while (--n && mq_room_wake(g))
		;
}

/* Notify pollers for room. */
void mq_notify_room_pollers(struct mq_gate *g)
{
	/* The caller has executed a full barrier, after it has made room. */
	if (waitqueue_active(&g->writers))
		mq_pollers_notify_room(g, false);
}

/* Wake the waiters of a file that got credit or has a half-read message. */
void mq_wake_stand(struct mq_stand *stand)
{
	void *why = unlikely(mq_gate_is_gone(stand->gate)) ? MQ_GONE : MQ_IN;

	/* WAIT(wake:own) */
	if (wq_has_sleeper(&stand->own))
		__wake_up(&stand->own, TASK_INTERRUPTIBLE, 0, why);
	/*
	 * WAIT(wake:polls): the barrier of wq_has_sleeper() is for this, too.
	 */
	if (waitqueue_active(&stand->polls))
		mq_pollers_notify_file(stand, why);
	if (unlikely(!list_empty(&stand->waiting))) {
		mq_front_credit(stand);
		mq_wake_next_reader(stand->gate, 1);
	}
}
