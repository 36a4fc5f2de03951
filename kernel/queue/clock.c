// SPDX-License-Identifier: GPL-2.0
/*
 * Clocks and the entries that wait for them.
 *
 * Relative times are measured with CLOCK_BOOTTIME, which includes the time that
 * the machine is suspended and never steps. A message that is sent with an
 * absolute time waits for that time of CLOCK_REALTIME, even if the clock is set
 * meanwhile. For each of the two clocks, a queue has a tree of the entries that
 * wait for it, ordered by time, and one hrtimer, whose interrupt only queues
 * mq_queue.work (due.c).
 *
 * Neighbours in mq_queue.all that wait for the same time share a node in the tree:
 * only the first of them, the leader, is in the tree, and the others follow it. So a
 * batch of messages with one delay costs one insertion. If an entry stops waiting,
 * the entry that follows it becomes a leader, in its place if it was one.
 *
 * The hrtimer is set for the first entry in the tree at which something happens that
 * does not depend on a caller: a lease or a time to live ends, or an instant comes. A
 * delay that ends only makes a message ready, and every call that takes the lock
 * finds that out (due.c). So a timer is set for it only if somebody waits for a
 * message: by the sender, if it finds a waiter, or by the waiter (mq_timers_ask).
 */
#include <linux/ktime.h>
#include <linux/notifier.h>
#include <linux/rbtree.h>
#include <linux/suspend.h>

#include "base/base.h"
#include "memory/entry.h"
#include "queue/clock.h"
#include "queue/ids.h"
#include "queue/queue.h"

static struct workqueue_struct *mq_workqueue;

/* Time that the machine was suspended, in jiffies: see mq_ticks(). */
u64 mq_suspended_ticks __read_mostly;

/*
 * Return the nanoseconds since @since, a value of mq_ticks(). What is older than the
 * machine has run is from before zero.
 */
u64 mq_ticks_age(u64 since)
{
	s64 age = mq_ticks() - since;

	return age > 0 ? jiffies64_to_nsecs(age) : 0;
}

static int mq_update_slept(struct notifier_block *nb, unsigned long event,
			   void *data)
{
	/* Not the difference of two readings: it could be less than nothing. */
	WRITE_ONCE(mq_suspended_ticks,
		   nsecs_to_jiffies64(ktime_mono_to_any(0, TK_OFFS_BOOT)));
	return NOTIFY_DONE;
}

static struct notifier_block mq_pm_notifier = {
	.notifier_call = mq_update_slept,
};

u64 mq_now(enum mq_clocks clock)
{
	return clock == MQ_BOOTTIME ? ktime_get_boottime_ns() :
				      ktime_get_real_ns();
}

/* Return @now plus @ns, or MQ_NEVER if no timer can be set that far ahead. */
u64 mq_later(u64 now, u64 ns)
{
	return ns < KTIME_MAX - now ? now + ns : MQ_NEVER;
}

struct mq_detail *mq_timer_first(const struct mq_clock *c)
{
	return rb_entry_safe(rb_first_cached(&c->tree), struct mq_detail, timer);
}

/* Order by time, and entries with the same time by id. */
static bool mq_timer_less(struct rb_node *a, const struct rb_node *b)
{
	const struct mq_detail *ma = rb_entry(a, struct mq_detail, timer);
	const struct mq_detail *mb = rb_entry(b, struct mq_detail, timer);

	return ma->when != mb->when ? ma->when < mb->when :
				      mq_msg(ma->e)->id < mq_msg(mb->e)->id;
}

void mq_clock_arm(struct mq_clock *c, u64 when)
{
	if (when >= c->armed)
		return;
	WRITE_ONCE(c->armed, when);
	hrtimer_start(&c->timer, ns_to_ktime(when), HRTIMER_MODE_ABS);
}

static void mq_clock_next(struct mq_clock *c)
{
	const struct mq_detail *m = mq_timer_first(c);

	WRITE_ONCE(c->next, m ? m->when : MQ_NEVER);
}

static void mq_clocks_tune(struct mq_queue *q)
{
	bool timed = q->clocks[MQ_BOOTTIME].next != MQ_NEVER ||
		     q->clocks[MQ_REALTIME].next != MQ_NEVER;

	WRITE_ONCE(q->timed, timed);
}

/* Return true if the hrtimers are set for a later time than the first one. */
static bool mq_clock_unset(const struct mq_clock *c)
{
	return READ_ONCE(c->next) < READ_ONCE(c->armed);
}

/*
 * Have the timers set, for a caller that is about to wait for a message and is in
 * mq_gate.readers. The queue's work does that, as it needs the lock.
 *
 * A sender sets the first time, and then looks for waiters (mq_timer_set_locked).
 * The caller got in line before it looks here. Each has a full barrier between its
 * two steps, so one of them sees the other.
 */
void mq_timers_ask(struct mq_queue *q)
{
	if (unlikely(mq_clock_unset(&q->clocks[MQ_BOOTTIME]) ||
		     mq_clock_unset(&q->clocks[MQ_REALTIME])) &&
	    !READ_ONCE(q->gone))
		mq_queue_work_start(q);
}

/*
 * Return true if the queue has to do something at the end of the entry's wait. That is
 * so of an instant of CLOCK_REALTIME: how long ago it came cannot be told later, as the
 * clock may be set.
 */
static bool mq_timer_is_needed(struct mq_queue *q, const struct mq_entry *e)
{
	if (mq_msg(e)->state != DEVMQ_STATE_DELAYED ||
	    mq_msg(e)->detail->expires != MQ_NEVER || e->clock == MQ_REALTIME)
		return true;
	smp_mb();	/* see mq_timers_ask() */
	return waitqueue_active(&q->gate.readers);
}

static bool mq_timer_is_follower(const struct mq_entry *e)
{
	return e->timed && RB_EMPTY_NODE(&mq_msg(e)->detail->timer);
}

/* Return the entry that follows @e, or NULL. */
static struct mq_entry *mq_timer_follower(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_entry *next = list_next_entry(e, all);

	return &next->all != &q->all && mq_timer_is_follower(next) ? next : NULL;
}

/* Return true if the entry before @e waits for the same time. */
static bool mq_timer_can_follow(struct mq_queue *q, struct mq_entry *e)
{
	const struct mq_entry *before = list_prev_entry(e, all);

	return &before->all != &q->all && before->timed &&
	       before->clock == e->clock &&
	       mq_msg(before)->detail->when == mq_msg(e)->detail->when;
}

/* Add a leader to the tree. New entries usually wait longer than the others. */
static void mq_timer_lead(struct mq_clock *c, struct mq_entry *e)
{
	mq_tree_add(&mq_msg(e)->detail->timer, &c->tree, mq_timer_less);
}

/* Let @e not follow the entry before it any more, as another comes between them. */
void mq_timer_part_locked(struct mq_queue *q, struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	if (unlikely(mq_timer_is_follower(e)))
		mq_timer_lead(&q->clocks[e->clock], e);
}

/*
 * Make an entry wait until @when. The entry has an mq_detail and does not wait
 * for a time yet.
 */
void mq_timer_set_locked(struct mq_queue *q, struct mq_entry *e,
			 enum mq_clocks clock, u64 when)
{
	struct mq_clock *c = &q->clocks[clock];

	lockdep_assert_held(&q->lock);
	/* A sender may pass a time that no timer can be set for. */
	mq_msg(e)->detail->when = when < KTIME_MAX ? when : MQ_NEVER;
	if (mq_msg(e)->detail->when == MQ_NEVER)
		return;
	e->clock = clock;
	e->timed = true;
	if (mq_timer_can_follow(q, e))
		RB_CLEAR_NODE(&mq_msg(e)->detail->timer);
	else
		mq_timer_lead(c, e);
	if (when < c->next) {
		WRITE_ONCE(c->next, when);
		WRITE_ONCE(q->timed, true);
	}
	if (when < c->armed && mq_timer_is_needed(q, e))
		mq_clock_arm(c, when);
}

/*
 * Stop an entry from waiting for its time. The hrtimer is left set; at worst it
 * expires when nothing is due.
 */
void mq_timer_clear_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_entry *next = mq_timer_follower(q, e);
	struct rb_node *node = &mq_msg(e)->detail->timer;
	struct mq_clock *c = &q->clocks[e->clock];
	bool follows = mq_timer_is_follower(e);

	lockdep_assert_held(&q->lock);
	e->timed = false;
	if (next && follows)
		mq_timer_lead(c, next);
	else if (next)
		rb_replace_node_cached(node, &mq_msg(next)->detail->timer,
				       &c->tree);
	if (next || follows)
		return;
	rb_erase_cached(node, &c->tree);
	if (mq_msg(e)->detail->when != c->next)
		return;
	mq_clock_next(c);
	mq_clocks_tune(q);
}

/*
 * Put @e into the place of @old in the tree of a clock. @e has the contents of
 * the message of @old, and an mq_detail of its own.
 */
void mq_timer_replace_locked(struct mq_queue *q, struct mq_entry *old,
			     struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	if (mq_timer_is_follower(old))
		RB_CLEAR_NODE(&mq_msg(e)->detail->timer);
	else
		rb_replace_node_cached(&mq_msg(old)->detail->timer,
				       &mq_msg(e)->detail->timer,
				       &q->clocks[old->clock].tree);
}

static bool mq_clock_due(const struct mq_queue *q, enum mq_clocks clock)
{
	u64 next = READ_ONCE(q->clocks[clock].next);

	return unlikely(next != MQ_NEVER) && next <= mq_now(clock);
}

/* Return true if mq_due_do_locked() has something to do. */
bool mq_has_due(const struct mq_queue *q)
{
	return unlikely(READ_ONCE(q->timed)) &&
	       (mq_clock_due(q, MQ_BOOTTIME) || mq_clock_due(q, MQ_REALTIME));
}

/*
 * Queue mq_queue.work. While it is queued or running, the work holds a
 * reference to the queue. The caller holds a reference too; for a timer, that
 * is the one of the registry, which is dropped after the timer was cancelled.
 */
void mq_queue_work_start(struct mq_queue *q)
{
	get_device(&q->dev);
	if (!queue_work(mq_workqueue, &q->work))
		put_device(&q->dev);
}

static enum hrtimer_restart mq_boottime_up(struct hrtimer *timer)
{
	mq_queue_work_start(container_of(timer, struct mq_queue,
					 clocks[MQ_BOOTTIME].timer));
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart mq_realtime_up(struct hrtimer *timer)
{
	mq_queue_work_start(container_of(timer, struct mq_queue,
					 clocks[MQ_REALTIME].timer));
	return HRTIMER_NORESTART;
}

void mq_clocks_start(struct mq_queue *q)
{
	unsigned int i;

	hrtimer_setup(&q->clocks[MQ_BOOTTIME].timer, mq_boottime_up,
		      CLOCK_BOOTTIME, HRTIMER_MODE_ABS);
	hrtimer_setup(&q->clocks[MQ_REALTIME].timer, mq_realtime_up,
		      CLOCK_REALTIME, HRTIMER_MODE_ABS);
	for (i = 0; i < MQ_CLOCKS; i++) {
		q->clocks[i].tree = RB_ROOT_CACHED;
		q->clocks[i].next = MQ_NEVER;
		q->clocks[i].armed = MQ_NEVER;
	}
}

/* Stop the timers of a queue that was removed: nothing is due any more. */
void mq_clocks_stop(struct mq_queue *q)
{
	unsigned int i;

	WARN_ON_ONCE(!q->gone);
	for (i = 0; i < MQ_CLOCKS; i++) {
		WRITE_ONCE(q->clocks[i].next, MQ_NEVER);
		hrtimer_cancel(&q->clocks[i].timer);
	}
	WRITE_ONCE(q->timed, false);
}

int __init mq_clock_init(void)
{
	mq_workqueue = alloc_workqueue("devmq", WQ_UNBOUND, 0);
	if (!mq_workqueue)
		return -ENOMEM;
	register_pm_notifier(&mq_pm_notifier);
	mq_update_slept(NULL, 0, NULL);
	return 0;
}

/*
 * Wait for the work of all queues: it holds references to its queues, but not
 * to the module.
 */
void mq_clock_exit(void)
{
	unregister_pm_notifier(&mq_pm_notifier);
	destroy_workqueue(mq_workqueue);
}
