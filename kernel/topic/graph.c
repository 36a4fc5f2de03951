// SPDX-License-Identifier: GPL-2.0
/*
 * Which topics lead where. An outlet is all that leads from one topic to one
 * queue, or to another topic, by bindings or as the alternate. Topics and their
 * outlets are a graph without loops: a topic is never reached from itself. (The
 * dead of a queue cannot go to a topic, so no loop leads through a dead-letter
 * queue.) No way through it passes more than DEVMQ_TOPICS_DEEP topics, and from
 * no topic more than DEVMQ_TOPICS_MAX are reached.
 *
 * So a walk down from a topic comes to few topics, and functions that call
 * themselves do so at most DEVMQ_TOPICS_DEEP times. A walk up can come to many
 * topics; it is cut by cond_resched(). All of this is done under
 * mq_registry_lock, when something is bound or unbound.
 */
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/devmq.h>

#include "queue/lock.h"
#include "queue/names.h"
#include "queue/queue.h"
#include "topic/graph.h"
#include "topic/topic.h"

/* All outlets, by topic and target. */
static DEFINE_HASHTABLE(mq_outlets, 12);

/* The last walk through topics. */
static u64 mq_walk_number;

static unsigned long mq_pair_hash(const struct mq_topic *t,
				  const struct mq_queue *target)
{
	return (unsigned long)t ^ hash_ptr(target, BITS_PER_LONG);
}

/* Return the outlet from a topic to a target, or NULL. */
struct mq_outlet *mq_outlet_find(const struct mq_topic *t,
				 const struct mq_queue *target)
{
	struct mq_outlet *o;

	lockdep_assert_held(&mq_registry_lock);
	hash_for_each_possible(mq_outlets, o, pair, mq_pair_hash(t, target))
		if (o->topic == t && o->target == target)
			return o;
	return NULL;
}

/*
 * Return the first outlet of a topic that leads to another topic, or the next one
 * behind @o; NULL: there is none.
 */
static struct mq_outlet *mq_topic_below(const struct mq_topic *t,
					const struct mq_outlet *o)
{
	const struct list_head *at = o ? o->link.next : t->outlets.next;
	struct mq_outlet *next = list_entry(at, struct mq_outlet, link);

	return at != &t->outlets && next->target->topic ? next : NULL;
}

/*
 * Walk down from a topic. Return how many topics were reached for the first time
 * in this walk; add a large number if @goal was.
 */
#define MQ_REACHED_GOAL	BIT(20)

static unsigned int mq_walk_down(struct mq_topic *t, const struct mq_topic *goal)
{
	struct mq_outlet *o = NULL;
	unsigned int n = 1;

	if (t == goal)
		return MQ_REACHED_GOAL;
	if (t->down == mq_walk_number)
		return 0;
	t->down = mq_walk_number;
	while ((o = mq_topic_below(t, o)))
		n += mq_walk_down(o->target->topic, goal);
	return n;
}

/* Return how many topics are reached from a topic, itself included. */
static unsigned int mq_topics_reached(struct mq_topic *t)
{
	mq_walk_number++;
	return mq_walk_down(t, NULL);
}

/*
 * Return true if a topic, and all above it, reach no more topics than a message
 * may pass.
 */
static bool mq_reach_ok(struct mq_topic *t, u64 walk)
{
	struct mq_outlet *o;

	if (t->up == walk)
		return true;
	t->up = walk;
	cond_resched();
	if (mq_topics_reached(t) > DEVMQ_TOPICS_MAX)
		return false;
	hlist_for_each_entry(o, &t->q->feeds, feed)
		if (!mq_reach_ok(o->topic, walk))
			return false;
	return true;
}

/*
 * Something that is @deep topics deep was added below a topic: tell those above
 * it. Return: false if one of them gets too deep.
 */
static bool mq_deepen(struct mq_topic *t, unsigned int deep)
{
	struct mq_outlet *o;

	if (deep < t->deep)
		return true;
	if (deep + 1 > DEVMQ_TOPICS_DEEP)
		return false;
	t->deep = deep + 1;
	cond_resched();
	hlist_for_each_entry(o, &t->q->feeds, feed)
		if (!mq_deepen(o->topic, t->deep))
			return false;
	return true;
}

/* An outlet of a topic is gone: it, and those above it, may be less deep. */
static void mq_flatten(struct mq_topic *t)
{
	struct mq_outlet *o = NULL;
	unsigned int deep = 1;

	while ((o = mq_topic_below(t, o)))
		deep = max(deep, o->target->topic->deep + 1);
	if (deep == t->deep)
		return;
	t->deep = deep;
	cond_resched();
	hlist_for_each_entry(o, &t->q->feeds, feed)
		mq_flatten(o->topic);
}

/* -- queues that catch up -------------------------------------------------- */

/*
 * A queue catches up with what a topic retains by a binding, whose outlet is early until
 * that is level. What is sent meanwhile, and comes to the topic and by some other way to
 * the queue, would come there at once, before older messages, and then once more. So
 * until it is level the binding is the only way from the topic, and from those above it,
 * to the queue. All outlets to such a queue are late: a new way to their topics has to
 * keep to that as well.
 */

/* The most outlets and topics that are looked at for one binding. */
#define MQ_WAYS_MAX	16384

/* All outlets to a queue are late, or none is. */
static bool mq_catches_up(const struct mq_queue *target)
{
	const struct mq_outlet *o = hlist_entry_safe(target->feeds.first,
						     struct mq_outlet, feed);

	return o && !list_empty(&o->late);
}

/* The binding of an outlet begins to catch up, or it is level, or gone. */
void mq_outlet_set_early(struct mq_outlet *o, bool early)
{
	struct mq_outlet *feed;
	bool any = false;

	lockdep_assert_held(&mq_registry_lock);
	o->early = early;
	hlist_for_each_entry(feed, &o->target->feeds, feed)
		any |= feed->early;
	if (any == mq_catches_up(o->target))
		return;
	hlist_for_each_entry(feed, &o->target->feeds, feed) {
		if (any)
			list_add(&feed->late, &feed->topic->late);
		else
			list_del_init(&feed->late);
	}
}

/* Take one from what is left of MQ_WAYS_MAX. Return false if nothing was. */
static bool mq_ways_take(unsigned int *left)
{
	cond_resched();
	return *left && (*left)--;
}

/* Mark a topic, and all above it; fewer if nothing is left. */
static void mq_mark_up(struct mq_topic *t, u64 mark, unsigned int *left)
{
	struct mq_outlet *o;

	if (t->up == mark || !mq_ways_take(left))
		return;
	t->up = mark;
	hlist_for_each_entry(o, &t->q->feeds, feed)
		mq_mark_up(o->topic, mark, left);
}

/* Return true if a topic, or one above it, has a mark of mq_mark_up(); or nothing is left. */
static bool mq_meets_mark(struct mq_topic *t, u64 mark, unsigned int *left)
{
	struct mq_outlet *o;

	if (t->up == mark)
		return true;
	if (t->down == mq_walk_number)
		return false;
	if (!mq_ways_take(left))
		return true;
	t->down = mq_walk_number;
	hlist_for_each_entry(o, &t->q->feeds, feed)
		if (mq_meets_mark(o->topic, mark, left))
			return true;
	return false;
}

/* Return 0 if an early outlet to a queue has no source in common with another one. */
static int mq_early_check(const struct mq_outlet *early, unsigned int *left)
{
	u64 mark = ++mq_walk_number;
	struct mq_outlet *o;

	mq_mark_up(early->topic, mark, left);
	mq_walk_number++;
	hlist_for_each_entry(o, &early->target->feeds, feed)
		if (!mq_ways_take(left) ||
		    (o != early && mq_meets_mark(o->topic, mark, left)))
			return -EBUSY;
	return *left ? 0 : -EBUSY;
}

/* The same for all early outlets to a queue. */
static int mq_ways_check(struct mq_queue *target, unsigned int *left)
{
	struct mq_outlet *o;
	int err = 0;

	if (!mq_catches_up(target))
		return 0;
	hlist_for_each_entry(o, &target->feeds, feed) {
		if (!mq_ways_take(left))
			return -EBUSY;
		/* Most queues have but one. */
		if (o->early && !hlist_is_singular_node(&o->feed, &target->feeds))
			err = mq_early_check(o, left);
		if (err)
			break;
	}
	return err;
}

/* The same for all queues that a topic leads to. */
static int mq_ways_check_below(struct mq_topic *t, u64 walk, unsigned int *left)
{
	struct mq_outlet *o;
	int err = 0;

	if (t->ways == walk)
		return 0;
	t->ways = walk;
	list_for_each_entry(o, &t->late, late) {
		err = mq_ways_check(o->target, left);
		if (err)
			return err;
	}
	o = NULL;
	while (!err && (o = mq_topic_below(t, o)))
		err = mq_ways_check_below(o->target->topic, walk, left);
	return err;
}

/*
 * Return 0 if a new outlet, which is linked, gets past no binding that catches up; or
 * EBUSY: it does, or there are too many to tell.
 */
static int mq_outlet_check(const struct mq_outlet *o, const char **why)
{
	struct mq_topic *below = o->target->topic;
	unsigned int left = MQ_WAYS_MAX;
	int err;

	if (below)
		err = mq_ways_check_below(below, ++mq_walk_number, &left);
	else
		err = mq_ways_check(o->target, &left);
	if (err)
		*why = left ? "messages would come twice to a queue that catches up" :
			      "too many bindings lead to queues that catch up";
	return err;
}

/* -- outlets --------------------------------------------------------------- */

static void mq_outlet_unlink(struct mq_outlet *o)
{
	if (o->early)
		mq_outlet_set_early(o, false);
	list_del(&o->late);
	list_del(&o->link);
	hlist_del(&o->feed);
	hash_del(&o->pair);
	if (o->target->topic)
		mq_flatten(o->topic);
}

/* Link a new outlet, unless that would make the graph too large. */
static int mq_outlet_link(struct mq_outlet *o, const char **why)
{
	struct mq_topic *t = o->topic, *below = o->target->topic;

	mq_walk_number++;
	if (below && mq_walk_down(below, t) >= MQ_REACHED_GOAL) {
		*why = "messages would go round in a circle";
		return -ELOOP;
	}
	if (mq_catches_up(o->target))
		list_add(&o->late, &t->late);
	hlist_add_head(&o->feed, &o->target->feeds);
	hash_add(mq_outlets, &o->pair, mq_pair_hash(t, o->target));
	if (!below) {
		list_add_tail(&o->link, &t->outlets);
		return 0;
	}
	list_add(&o->link, &t->outlets);
	if (!mq_deepen(t, below->deep)) {
		*why = "more than 8 topics would stand one behind the other";
		mq_outlet_unlink(o);
		return -ELOOP;
	}
	if (!mq_reach_ok(t, ++mq_walk_number)) {
		*why = "a message would pass more than 64 topics";
		mq_outlet_unlink(o);
		return -E2BIG;
	}
	return 0;
}

/**
 * mq_outlet_get - return the outlet from a topic to a target
 * @t: the topic
 * @target: the queue, or the other topic
 * @early: the binding is to catch up: mq_outlet_set_early()
 * @why: gets what is wrong, in words
 *
 * Makes it, if there is none. The caller adds a binding, or calls
 * mq_outlet_put().
 *
 * Return: the outlet, or an ERR_PTR: ELOOP, E2BIG, EBUSY, ENOMEM.
 */
struct mq_outlet *mq_outlet_get(struct mq_topic *t, struct mq_queue *target,
				bool early, const char **why)
{
	struct mq_outlet *o = mq_outlet_find(t, target);
	int err;

	if (o)
		return o;
	o = kzalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	if (!o)
		return ERR_PTR(-ENOMEM);
	o->topic = t;
	o->target = target;
	INIT_LIST_HEAD(&o->bindings);
	INIT_LIST_HEAD(&o->late);
	err = mq_outlet_link(o, why);
	if (err)
		goto out_free;
	if (early)
		mq_outlet_set_early(o, true);
	err = mq_outlet_check(o, why);
	if (!err)
		return o;
	mq_outlet_unlink(o);
out_free:
	kfree(o);
	return ERR_PTR(err);
}

/* Free an outlet, unless it has bindings. */
void mq_outlet_put(struct mq_outlet *o)
{
	lockdep_assert_held(&mq_registry_lock);
	if (!list_empty(&o->bindings))
		return;
	mq_outlet_unlink(o);
	kfree(o);
}
