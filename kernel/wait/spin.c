// SPDX-License-Identifier: GPL-2.0
/*
 * Looking for a while before sleeping.
 *
 * To fall asleep and to be woken takes several times what a message takes, for
 * both sides. So where messages follow each other closely, who waits for the
 * next one looks for it for up to spin_us microseconds first; and so does who
 * waits for room.
 *
 * That has to pay: after it was in vain, the next wait goes to sleep at once,
 * and after each further time twice as many do. Only one of each side of a queue
 * looks at a time, and only while its processor has nothing else to do.
 *
 * Who looks counts as woken (wait.c): what comes meanwhile wakes nobody else, and
 * if he ceases to look without having found it, he passes it on.
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

/* How many waits in a row go to sleep at once, at most. */
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

/* Is it worth trying, and nobody else at it? Then it is our turn. */
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

/* What was found is ours to take, as if we had been woken for it. */
static void mq_spin_end(struct mq_gate *g, struct mq_side *s, bool found,
			bool *called)
{
	/* Who had this turn before may have ended it just now: only a hint. */
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
	/* Who came before this saw us looking, and we see what he brought. */
	smp_mb__after_atomic();
	/* It is not ours alone, and we may not get to run. */
	if (found)
		mq_grace_begin(g);
}

/* Others want this processor, or somebody wants us. */
static bool mq_spin_must_stop(u64 end_ns)
{
	return need_resched() || !single_task_running() ||
	       signal_pending(current) || ktime_get_ns() >= end_ns;
}

static u64 mq_spin_until(u64 deadline_ns)
{
	return min(deadline_ns, ktime_get_ns() +
		   READ_ONCE(mq_spin_us) * (u64)NSEC_PER_USEC);
}

/**
 * mq_spin_message - look for something to receive
 * @stand: the consumer, which may receive
 * @partial: as for mq_stand_can_receive()
 * @deadline_ns: not longer than this time of CLOCK_MONOTONIC
 * @called: as for mq_wait_message()
 *
 * Return: is there something?
 */
bool mq_spin_message(struct mq_stand *stand, bool partial, u64 deadline_ns,
		     bool *called)
{
	struct mq_gate *g = stand->gate;
	bool found;
	u64 end;

	if (!mq_spin_begin(&g->rx))
		return false;
	/* Messages that rely on us must not wait until we run again. */
	preempt_disable();
	end = mq_spin_until(deadline_ns);
	while (!(found = mq_stand_can_receive(stand, partial)) && mq_stand_has_credit(stand) &&
	       !mq_spin_must_stop(end))
		cpu_relax();
	mq_spin_end(g, &g->rx, found, called);
	preempt_enable();
	if (!found)
		mq_pass_on(g, 1);
	return found;
}

/**
 * mq_spin_room - look for room
 * @g: the queue
 * @bytes: for a message of so many
 * @called: as for mq_wait_room()
 *
 * Return: is there some?
 */
bool mq_spin_room(struct mq_gate *g, u64 bytes, bool *called)
{
	bool found;
	u64 end;

	if (!mq_spin_begin(&g->tx))
		return false;
	preempt_disable();
	end = mq_spin_until(DEVMQ_FOREVER);
	while (!(found = g->ops->may_send(g, bytes, 0)) && !mq_spin_must_stop(end))
		cpu_relax();
	mq_spin_end(g, &g->tx, found, called);
	preempt_enable();
	if (!found)
		mq_wake_writers(g, true);
	return found;
}
