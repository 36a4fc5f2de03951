// SPDX-License-Identifier: GPL-2.0
/*
 * Which queue leads to which other one by an option: dead_letter of a queue, and
 * alternate of a topic. mq_registry_lock protects the links, so that none leads to
 * a queue that is being removed.
 */
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "device/link.h"
#include "queue/bounds.h"
#include "queue/due.h"
#include "queue/lock.h"
#include "queue/names.h"
#include "queue/options.h"
#include "queue/persist.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "topic/binding.h"

/* Return 0 if the dead of @q may go to @target, else EINVAL, EXDEV or ELOOP. */
static int mq_may_link(const struct mq_queue *q, const struct mq_queue *target)
{
	const struct mq_queue *next;

	/* A dead message keeps its entry, which is too small for an order. */
	if (target->order || target->topic)
		return -EINVAL;
	/* A move to another journal, or to none, could lose the message. */
	if (target->feed.journal != q->feed.journal)
		return -EXDEV;
	/* No queue sends its dead to @q, so they cannot come back to @q. */
	if (target != q && hlist_empty(&q->sources))
		return 0;
	for (next = target; next; next = next->dead_letter)
		if (next == q)
			return -ELOOP;
	return 0;
}

/*
 * Move @q from the sources of @before to those of its dead-letter queue, after
 * a change from one to the other. Drop the reference to @before.
 */
static void mq_relink_source(struct mq_queue *q, struct mq_queue *before)
{
	if (before)
		hlist_del(&q->source);
	if (q->dead_letter)
		hlist_add_head(&q->source, &q->dead_letter->sources);
	if (!before)
		return;
	/* @before was in use until now, and may be unused from now on. */
	mq_lock(before);
	if (hlist_empty(&before->sources))
		mq_idle_locked(before);
	mq_unlock(before);
	mq_queue_put(before);
}

/*
 * Make @target, or none with NULL, the dead-letter queue of @q. Return the one
 * before.
 */
static struct mq_queue *mq_swap_dead_letter_locked(struct mq_queue *q,
						   struct mq_queue *target)
{
	struct mq_queue *before = q->dead_letter;

	lockdep_assert_held(&q->lock);
	WRITE_ONCE(q->dead_letter, target);
	/* The journal keeps the option of a queue that is detached with it. */
	if (!q->feed.detaching)
		strscpy(q->opt.dead_letter, target ? target->name : "",
			sizeof(q->opt.dead_letter));
	mq_queue_update_plain_locked(q);
	return before;
}

/*
 * Make the queue of this name the dead-letter queue of @q. Return 0, ENOENT,
 * EINVAL, EXDEV if the queues do not share a journal, or ELOOP if the dead would
 * go round in a circle.
 */
int mq_link_dead_letter(struct mq_queue *q, const char *name)
{
	struct mq_queue *target, *before;
	int err;

	lockdep_assert_held(&mq_registry_lock);
	target = strcmp(name, q->name) ? mq_find(name) : q;
	err = target ? mq_may_link(q, target) : -ENOENT;
	if (err)
		return err;
	get_device(&target->dev);
	mq_lock(q);
	before = mq_swap_dead_letter_locked(q, target);
	mq_unlock(q);
	mq_relink_source(q, before);
	return 0;
}

/*
 * Remove the dead-letter queue of @q, whatever the overflow option of @q says.
 */
static void mq_unlink_dead_letter(struct mq_queue *q)
{
	struct mq_queue *before;

	lockdep_assert_held(&mq_registry_lock);
	mq_lock(q);
	before = mq_swap_dead_letter_locked(q, NULL);
	mq_unlock(q);
	if (before && !READ_ONCE(q->gone))
		mq_persist_defined(q);
	mq_relink_source(q, before);
}

/*
 * As mq_unlink_dead_letter(), but return EINVAL if overflow=dead-letter needs
 * it.
 */
static int mq_give_up_dead_letter(struct mq_queue *q)
{
	struct mq_queue *before;

	lockdep_assert_held(&mq_registry_lock);
	mq_lock(q);
	if (q->opt.overflow == MQ_OVERFLOW_DEAD_LETTER) {
		mq_unlock(q);
		return -EINVAL;
	}
	before = mq_swap_dead_letter_locked(q, NULL);
	mq_unlock(q);
	mq_relink_source(q, before);
	return 0;
}

/* Remove @q as the dead-letter queue of all its sources. */
static void mq_unlink_sources(struct mq_queue *q)
{
	struct mq_queue *source;
	struct hlist_node *next;

	lockdep_assert_held(&mq_registry_lock);
	hlist_for_each_entry_safe(source, next, &q->sources, source) {
		mq_unlink_dead_letter(source);
		cond_resched();
	}
}

/* Remove all that leads to or from a queue that was closed. */
void mq_unlink_all(struct mq_queue *q)
{
	lockdep_assert_held(&mq_registry_lock);
	mq_unlink_sources(q);
	mq_unlink_dead_letter(q);
	mq_unbind_all(q);
}

/* Make the queue of this name the alternate of a topic. Return as mq_bind(). */
int mq_link_alternate(struct mq_queue *q, const char *name)
{
	struct mq_queue *target = NULL;
	const char *why;

	lockdep_assert_held(&mq_registry_lock);
	if (*name) {
		target = strcmp(name, q->name) ? mq_find(name) : q;
		if (!target)
			return -ENOENT;
	}
	return mq_set_alternate(q, target, &why);
}

/**
 * mq_set_link - change a queue's dead-letter queue, or a topic's alternate
 * @q: the queue or topic
 * @name: name of the other queue, or "" for none
 *
 * sysfs calls this. A removal waits for such calls while it holds
 * mq_registry_lock, so this must not wait for that lock.
 *
 * Return: as mq_link_dead_letter() or mq_link_alternate(); EINVAL also if
 * overflow=dead-letter needs one; ENODEV if the queue has been removed; or
 * ERESTARTNOINTR.
 */
int mq_set_link(struct mq_queue *q, const char *name)
{
	int err;

	if (!mutex_trylock(&mq_registry_lock))
		return restart_syscall();
	if (READ_ONCE(q->gone))
		err = -ENODEV;
	else if (q->topic)
		err = mq_link_alternate(q, name);
	else
		err = *name ? mq_link_dead_letter(q, name) :
			      mq_give_up_dead_letter(q);
	mutex_unlock(&mq_registry_lock);
	return err;
}
