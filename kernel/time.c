// SPDX-License-Identifier: GPL-2.0
/*
 * What time does: delays end, messages expire, leases run out, and a queue
 * that nobody uses goes.
 *
 * What is relative is measured with CLOCK_BOOTTIME, which goes on while the
 * machine sleeps and never steps. What is sent for an instant waits for that
 * of CLOCK_REALTIME, wherever that clock is set. For each clock a queue has a
 * tree of the entries that wait for it, by time, and one timer, which is set
 * for the first. The timer's interrupt only queues work. Besides, mq_lock()
 * does a portion of what is due by then; where that is not all, as much was made
 * for one moment, it sends for the work and goes on, for it may be taken on
 * behalf of somebody who has nothing to do with that.
 *
 * Nobody depends on how fast that work is. Who looks (STAT, PEEK, poll) waits
 * until all that is due has been done, and helps (mq_lock_looking). Who takes a
 * message does not take one that has expired, and who settles one finds that its
 * lease is over, though that has not been done yet. Who finds nothing to take, or
 * no room, while something is due tries again: each time a portion is done.
 */
#include <linux/notifier.h>
#include <linux/rbtree.h>
#include <linux/ktime.h>
#include <linux/suspend.h>

#include "mq.h"

static struct workqueue_struct *mq_workqueue;

/* How long the machine has slept since it was booted, in jiffies: see mq_ticks(). */
u64 mq_slept __read_mostly;

/* Nanoseconds since an instant of mq_ticks(). */
u64 mq_ticks_age(u64 since)
{
	u64 now = mq_ticks();

	return now > since ? jiffies64_to_nsecs(now - since) : 0;
}

static int mq_woke_up(struct notifier_block *nb, unsigned long event, void *data)
{
	WRITE_ONCE(mq_slept, nsecs_to_jiffies64(ktime_get_boottime_ns() -
						ktime_get_ns()));
	return NOTIFY_DONE;
}

static struct notifier_block mq_pm_notifier = { .notifier_call = mq_woke_up };

u64 mq_now(enum mq_clocks clock)
{
	return clock == MQ_BOOTTIME ? ktime_get_boottime_ns() :
				      ktime_get_real_ns();
}

/* @ns after @now; what is too far off does not come. */
u64 mq_later(u64 now, u64 ns)
{
	return ns < KTIME_MAX - now ? now + ns : MQ_NEVER;
}

static struct mq_more *mq_timer_first(const struct mq_clock *c)
{
	return rb_entry_safe(rb_first_cached(&c->tree), struct mq_more, timer);
}

/* By time, and in the order of their ids where that is the same. */
static bool mq_timer_less(struct rb_node *a, const struct rb_node *b)
{
	const struct mq_more *ma = rb_entry(a, struct mq_more, timer);
	const struct mq_more *mb = rb_entry(b, struct mq_more, timer);

	return ma->when != mb->when ? ma->when < mb->when :
				      mq_msg(ma->e)->id < mq_msg(mb->e)->id;
}

static void mq_clock_arm(struct mq_clock *c, u64 when)
{
	if (when >= c->armed)
		return;
	c->armed = when;
	hrtimer_start(&c->timer, ns_to_ktime(when), HRTIMER_MODE_ABS);
}

static void mq_clock_next(struct mq_clock *c)
{
	const struct mq_more *m = mq_timer_first(c);

	WRITE_ONCE(c->next, m ? m->when : MQ_NEVER);
}

static void mq_timed(struct mq_queue *q)
{
	bool timed = q->clocks[MQ_BOOTTIME].next != MQ_NEVER ||
		     q->clocks[MQ_REALTIME].next != MQ_NEVER;

	WRITE_ONCE(q->timed, timed);
}

/*
 * Something will happen to the entry, which has more and waits for nothing yet,
 * at @when.
 */
void mq_timer_set_locked(struct mq_queue *q, struct mq_entry *e,
			 enum mq_clocks clock, u64 when)
{
	struct mq_clock *c = &q->clocks[clock];

	lockdep_assert_held(&q->lock);
	/* An instant can be given that no timer can be set for. */
	mq_msg(e)->more->when = when < KTIME_MAX ? when : MQ_NEVER;
	if (mq_msg(e)->more->when == MQ_NEVER)
		return;
	e->clock = clock;
	e->timed = true;
	rb_add_cached(&mq_msg(e)->more->timer, &c->tree, mq_timer_less);
	if (when < c->next) {
		WRITE_ONCE(c->next, when);
		WRITE_ONCE(q->timed, true);
		mq_clock_arm(c, when);
	}
}

/* It will not. The timer is left alone: it goes off for nothing at worst. */
void mq_timer_clear_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_clock *c = &q->clocks[e->clock];

	lockdep_assert_held(&q->lock);
	rb_erase_cached(&mq_msg(e)->more->timer, &c->tree);
	e->timed = false;
	if (mq_msg(e)->more->when != c->next)
		return;
	mq_clock_next(c);
	mq_timed(q);
}

/* @e, which has the message of @old and its own mq_more, takes its place. */
void mq_timer_replace_locked(struct mq_queue *q, struct mq_entry *old,
			     struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	rb_replace_node_cached(&mq_msg(old)->more->timer,
			       &mq_msg(e)->more->timer,
			       &q->clocks[old->clock].tree);
}

static bool mq_clock_due(const struct mq_queue *q, enum mq_clocks clock)
{
	u64 next = READ_ONCE(q->clocks[clock].next);

	return unlikely(next != MQ_NEVER) && next <= mq_now(clock);
}

/* Is there something to do for mq_time_pass_locked()? */
bool mq_time_due(const struct mq_queue *q)
{
	return unlikely(READ_ONCE(q->timed)) &&
	       (mq_clock_due(q, MQ_BOOTTIME) || mq_clock_due(q, MQ_REALTIME));
}

/* The time that an entry waited for has come. */
static void mq_time_comes(struct mq_queue *q, struct mq_entry *e)
{
	switch (mq_msg(e)->state) {
	case DEVMQ_STATE_IN_FLIGHT:
		mq_flight_lapse_locked(q, e);
		break;
	case DEVMQ_STATE_DELAYED:
		mq_due_locked(q, e);
		break;
	case DEVMQ_STATE_DEAD:
		mq_dead_over_locked(q, e);
		break;
	default:
		mq_expire_locked(q, e);
	}
}

/* Do what is due, a portion of it. Return: there may be more. */
bool mq_time_pass_locked(struct mq_queue *q)
{
	unsigned int n = 0, clock;

	lockdep_assert_held(&q->lock);
	for (clock = 0; clock < MQ_CLOCKS; clock++) {
		struct mq_clock *c = &q->clocks[clock];
		u64 now = mq_now(clock);

		while (c->next != MQ_NEVER && c->next <= now) {
			if (n++ == MQ_PORTION)
				return true;
			mq_time_comes(q, mq_timer_first(c)->e);
		}
	}
	return false;
}

/* When the queue has been unused for too long, or MQ_NEVER. */
u64 mq_idle_end(const struct mq_queue *q)
{
	u64 ms = READ_ONCE(q->opt.expires_ms);

	if (!ms || q->gone || q->users)
		return MQ_NEVER;
	return mq_later(q->idle_since, ms * NSEC_PER_MSEC);
}

/* See to it that the timers go off for the next that is due. */
void mq_time_arm_locked(struct mq_queue *q)
{
	struct mq_clock *c = q->clocks;
	u64 idle = MQ_NEVER;

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return;
	/* One that is in use by others' dead stays until it no longer is. */
	if (hlist_empty(&q->sources))
		idle = mq_idle_end(q);
	mq_clock_arm(&c[MQ_REALTIME], c[MQ_REALTIME].next);
	mq_clock_arm(&c[MQ_BOOTTIME],
		     min3(c[MQ_BOOTTIME].next, idle, mq_dedup_next(q)));
}

/* The last who used the queue went, or how long it may be so changed. */
void mq_idle_locked(struct mq_queue *q)
{
	q->idle_since = mq_now(MQ_BOOTTIME);
	mq_time_arm_locked(q);
}

static void mq_time_work(struct work_struct *work)
{
	struct mq_queue *q = container_of(work, struct mq_queue, work);
	bool idle;

	mq_pollers_work(q);
	mq_unmeet(q, UINT_MAX);
	mq_lock_looking(q);
	while (mq_dedup_trim_locked(q)) {
		mq_unlock(q);
		cond_resched();
		mq_lock(q);
	}
	q->clocks[MQ_BOOTTIME].armed = MQ_NEVER;
	q->clocks[MQ_REALTIME].armed = MQ_NEVER;
	idle = mq_idle_end(q) <= mq_now(MQ_BOOTTIME);
	mq_time_arm_locked(q);
	mq_unlock(q);
	if (idle)
		mq_reap(q, false);
	else
		mq_compact_due(q);
	mq_queue_put(q);
}

/*
 * Have the queue's work run. It holds a reference to the queue, and so does the
 * caller; the registry's outlives the timer.
 */
void mq_queue_kick(struct mq_queue *q)
{
	get_device(&q->dev);
	if (!queue_work(mq_workqueue, &q->work))
		put_device(&q->dev);
}

static enum hrtimer_restart mq_boottime_up(struct hrtimer *timer)
{
	mq_queue_kick(container_of(timer, struct mq_queue,
				   clocks[MQ_BOOTTIME].timer));
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart mq_realtime_up(struct hrtimer *timer)
{
	mq_queue_kick(container_of(timer, struct mq_queue,
				   clocks[MQ_REALTIME].timer));
	return HRTIMER_NORESTART;
}

void mq_time_start(struct mq_queue *q)
{
	unsigned int i;

	INIT_WORK(&q->work, mq_time_work);
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

/* The queue is gone: nothing happens any more. */
void mq_time_stop(struct mq_queue *q)
{
	unsigned int i;

	WARN_ON_ONCE(!q->gone);
	for (i = 0; i < MQ_CLOCKS; i++) {
		WRITE_ONCE(q->clocks[i].next, MQ_NEVER);
		hrtimer_cancel(&q->clocks[i].timer);
	}
	WRITE_ONCE(q->timed, false);
}

int __init mq_time_init(void)
{
	mq_workqueue = alloc_workqueue("devmq", WQ_UNBOUND, 0);
	if (!mq_workqueue)
		return -ENOMEM;
	register_pm_notifier(&mq_pm_notifier);
	mq_woke_up(NULL, 0, NULL);
	return 0;
}

/* Work that is under way has a reference to its queue, but not to the module. */
void mq_time_exit(void)
{
	unregister_pm_notifier(&mq_pm_notifier);
	destroy_workqueue(mq_workqueue);
}
