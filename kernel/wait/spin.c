// SPDX-License-Identifier: GPL-2.0
/*
 * Spinning for a short time before sleeping.
 *
 * A sleep and a wake-up take several times as long as sending and receiving a
 * message, for both sides. So before a thread sleeps, it looks in a loop for a
 * message, or for room, for up to spin_us microseconds. If messages follow each
 * other closely, it finds the next one without sleeping.
 *
 * After a spin that found nothing, the next wait sleeps at once. After each
 * further such spin, twice as many waits do. In each queue, at most one reader
 * and one writer spin at a time, and only while their processors have nothing
 * else to do.
 *
 * A thread that spins counts as called (wake.c): a message that arrives
 * meanwhile wakes nobody else. If the thread ends the spin without having found
 * anything, it wakes another waiter for what may have arrived since its last
 * look.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/devmq.h>

#include "wait/gate.h"
#include "wait/side.h"
#include "wait/spin.h"
#include "wait/wake.h"

#define MQ_SPIN_US_MAX	1000

/* The most waits in a row that sleep at once. */
#define MQ_SPIN_REST	1024

static unsigned int mq_spin_us = 50;

static int mq_spin_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, MQ_SPIN_US_MAX);
}

static const struct kernel_param_ops mq_spin_ops = {
	.set	= mq_spin_set,
	.get	= param_get_uint,
};
module_param_cb(spin_us, &mq_spin_ops, &mq_spin_us, 0644);
MODULE_PARM_DESC(spin_us,
		 "most microseconds to look for a message or for room before sleeping (0 to 1000, default 50; 0: never)");

/* Return true if the caller may spin: it may pay, and no other thread does. */
static bool mq_spin_begin(struct mq_side *s)
{
	u32 rest = READ_ONCE(s->rest);

	if (!READ_ONCE(mq_spin_us) || num_online_cpus() == 1)
		return false;
	if (rest) {
		WRITE_ONCE(s->rest, rest - 1);
		return false;
	}
	/* WAIT(spin:begin) */
	return !test_and_set_bit(0, &s->spins);
}

/* End a spin. If the caller found something, count it as called. */
static void mq_spin_end(struct mq_gate *g, struct mq_side *s, bool found,
			bool *called)
{
	/* A thread that ends its spin may write this as well: only a hint. */
	u32 misses = found ? 0 : min(READ_ONCE(s->misses) * 2 + 1, MQ_SPIN_REST);

	WRITE_ONCE(s->misses, misses);
	WRITE_ONCE(s->rest, misses);
	*called = found;
	if (found) {
		atomic_inc(&s->called);
		WRITE_ONCE(s->called_at, jiffies);
	}
	/* WAIT(spin:end) */
	clear_bit_unlock(0, &s->spins);
	/* What arrived before this woke nobody, but the caller sees it now. */
	smp_mb__after_atomic();
	/* Others rely on this thread to take it, but it may be preempted. */
	if (found)
		mq_grace_begin(g);
}

/* Return true if others need this processor, a signal came, or time is up. */
static bool mq_spin_must_stop(u64 end_ns)
{
	return need_resched() || !single_task_running() ||
	       signal_pending(current) || ktime_get_ns() >= end_ns;
}

static u64 mq_spin_end_time(u64 deadline_ns)
{
	return min(deadline_ns, ktime_get_ns() +
		   READ_ONCE(mq_spin_us) * (u64)NSEC_PER_USEC);
}

/**
 * mq_spin_message - spin until there is something to receive
 * @stand: the waiters of the consumer, which has credit
 * @partial: as for mq_wait_message()
 * @deadline_ns: as for mq_wait_message()
 * @called: as for mq_wait_message()
 *
 * Return: true if there is something to receive.
 */
bool mq_spin_message(struct mq_stand *stand, bool partial, u64 deadline_ns,
		     bool *called)
{
	struct mq_gate *g = stand->gate;
	bool found;
	u64 end;

	if (!mq_spin_begin(&g->rx))
		return false;
	/* Messages wake nobody meanwhile, so this thread must keep running. */
	preempt_disable();
	end = mq_spin_end_time(deadline_ns);
	while (!(found = mq_stand_can_receive(stand, partial)) &&
	       mq_stand_has_credit(stand) && !mq_spin_must_stop(end))
		cpu_relax();
	mq_spin_end(g, &g->rx, found, called);
	preempt_enable();
	if (!found)
		mq_wake_next_reader(g, 1);
	return found;
}

/**
 * mq_spin_room - spin until there is room
 * @g: the gate of the queue
 * @bytes: size of the caller's message
 * @called: mq_turn.called of the caller
 *
 * Return: true if there is room.
 */
bool mq_spin_room(struct mq_gate *g, u64 bytes, bool *called)
{
	bool found;
	u64 end;

	if (!mq_spin_begin(&g->tx))
		return false;
	preempt_disable();
	end = mq_spin_end_time(DEVMQ_FOREVER);
	while (!(found = g->ops->may_send(g, bytes, 0)) && !mq_spin_must_stop(end))
		cpu_relax();
	mq_spin_end(g, &g->tx, found, called);
	preempt_enable();
	if (!found)
		mq_wake_writers(g, true);
	return found;
}
