// SPDX-License-Identifier: GPL-2.0
/*
 * Clocks and the entries that wait for them.
 *
 * Relative times are measured with CLOCK_BOOTTIME, which includes the time that
 * the machine is suspended and never steps. A message that is sent with an
 * absolute time waits for that time of CLOCK_REALTIME, even if the clock is set
 * meanwhile. For each of the two clocks, a queue has a tree of the entries that
 * wait for it, ordered by time, and one hrtimer that is set for the first of
 * them. The interrupt of that timer only queues mq_queue.work (due.c).
 */
#include <linux/ktime.h>
#include <linux/notifier.h>
#include <linux/rbtree.h>
#include <linux/suspend.h>

#include "base/base.h"
#include "memory/entry.h"
#include "queue/clock.h"
#include "queue/queue.h"

static struct workqueue_struct *mq_workqueue;

/* Time that the machine was suspended, in jiffies: see mq_ticks(). */
u64 mq_suspended_ticks __read_mostly;

/* Return the nanoseconds since @since, a value of mq_ticks(). */
u64 mq_ticks_age(u64 since)
{
	u64 now = mq_ticks();

	return now > since ? jiffies64_to_nsecs(now - since) : 0;
}

static int mq_update_slept(struct notifier_block *nb, unsigned long event,
			   void *data)
{
	WRITE_ONCE(mq_suspended_ticks, nsecs_to_jiffies64(ktime_get_boottime_ns() -
						ktime_get_ns()));
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
	c->armed = when;
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
	rb_add_cached(&mq_msg(e)->detail->timer, &c->tree, mq_timer_less);
	if (when < c->next) {
		WRITE_ONCE(c->next, when);
		WRITE_ONCE(q->timed, true);
		mq_clock_arm(c, when);
	}
}

/*
 * Stop an entry from waiting for its time. The hrtimer is left set; at worst it
 * expires when nothing is due.
 */
void mq_timer_clear_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_clock *c = &q->clocks[e->clock];

	lockdep_assert_held(&q->lock);
	rb_erase_cached(&mq_msg(e)->detail->timer, &c->tree);
	e->timed = false;
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
