// SPDX-License-Identifier: GPL-2.0
/*
 * De-duplication: remember which de-duplication ids were seen within the
 * window, and the id of the first message that came with each. A struct mq_seen
 * is separate from its message and outlives it.
 *
 * The functions that end in _locked run under mq_queue.lock, and neither sleep
 * nor allocate.
 */
#include <linux/rbtree.h>
#include <linux/string.h>

#include "base/base.h"
#include "journal/journal.h"
#include "journal/notice.h"
#include "memory/seen.h"
#include "queue/clock.h"
#include "queue/dedup.h"
#include "queue/queue.h"

/*
 * Ids are forgotten in portions: MQ_TRIM_PORTION in one hold of the lock, or
 * MQ_TRIM_EACH for each message that is added if that is more. As each message
 * adds one id only, the number of ids shrinks if it is too large.
 */
#define MQ_TRIM_PORTION	64
#define MQ_TRIM_EACH	2

/* Bytes that an id takes in a journal besides its own. */
#define MQ_DEDUP_COST	64

static int mq_seen_compare(const struct mq_seen *a, const struct mq_seen *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	return memcmp(a->bytes, b->bytes, a->size);
}

static int mq_seen_order(const void *key, const struct rb_node *node)
{
	return mq_seen_compare(key, rb_entry(node, struct mq_seen, node));
}

static bool mq_seen_less(struct rb_node *a, const struct rb_node *b)
{
	return mq_seen_compare(rb_entry(a, struct mq_seen, node),
			       rb_entry(b, struct mq_seen, node)) < 0;
}

static bool mq_number_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct mq_seen, number)->id <
	       rb_entry(b, struct mq_seen, number)->id;
}

static int mq_number_order(const void *id, const struct rb_node *node)
{
	u64 other = rb_entry(node, struct mq_seen, number)->id;

	return *(const u64 *)id < other ? -1 : *(const u64 *)id > other;
}

/* Count what an id takes in the journal, or does no longer. */
static void mq_seen_count(struct mq_queue *q, const struct mq_seen *s, int sign)
{
	if (unlikely(q->feed.journal))
		atomic64_add(sign * (s64)(MQ_DEDUP_COST + s->size),
			     &q->feed.journal->live);
}

static void mq_forget(struct mq_queue *q, struct mq_seen *s)
{
	mq_seen_count(q, s, -1);
	rb_erase(&s->node, &q->dedup.tree);
	rb_erase_cached(&s->number, &q->dedup.numbers);
	list_del_init(&s->dirty);
	list_add_tail(&s->list, &q->dedup.old);
	q->dedup.count--;
	q->dedup.forgotten++;
}

/* Forget an id before its time. If the journal has it, it has to be told. */
static void mq_forget_early(struct mq_queue *q, struct mq_seen *s)
{
	mq_forget(q, s);
	if (likely(!q->feed.journal) || !s->taken || q->gone)
		return;
	list_del(&s->list);
	s->forgotten = true;
	s->seq = q->feed.seq;
	list_add_tail(&s->dirty, &q->feed.dedups);
	mq_feed_say(&q->feed);
}

static struct mq_seen *mq_oldest(struct mq_queue *q)
{
	return rb_entry_safe(rb_first_cached(&q->dedup.numbers), struct mq_seen,
			     number);
}

/* Return when the window of an id ends, CLOCK_BOOTTIME. */
u64 mq_dedup_end(const struct mq_queue *q, const struct mq_seen *s)
{
	return mq_later(s->time,
			READ_ONCE(q->opt.dedup_window_ms) * NSEC_PER_MSEC);
}

/* Return when the window of the oldest id ends, or MQ_NEVER. */
u64 mq_dedup_next(struct mq_queue *q)
{
	const struct mq_seen *s = mq_oldest(q);

	return s ? mq_dedup_end(q, s) : MQ_NEVER;
}

/* Return true if one more id may be forgotten, after @n for this message. */
static bool mq_may_forget(const struct mq_queue *q, unsigned int n)
{
	return n < MQ_TRIM_EACH || q->dedup.forgotten < MQ_TRIM_PORTION;
}

/*
 * Forget ids whose window has ended, a portion. Return: true if there are more.
 */
bool mq_dedup_trim_locked(struct mq_queue *q)
{
	unsigned int n = 0;
	struct mq_seen *s;
	u64 now;

	lockdep_assert_held(&q->lock);
	if (!q->dedup.count)
		return false;
	now = mq_now(MQ_BOOTTIME);
	while ((s = mq_oldest(q)) && mq_dedup_end(q, s) <= now) {
		if (!mq_may_forget(q, n++))
			return true;
		mq_forget(q, s);
	}
	return false;
}

/*
 * Find the message that came first with the same de-duplication id. Return: its
 * id, or 0 if there was none within the window.
 */
u64 mq_dedup_find_locked(struct mq_queue *q, struct mq_seen *s)
{
	struct rb_node *node;
	struct mq_seen *first;

	mq_dedup_trim_locked(q);
	node = rb_find(s, &q->dedup.tree, mq_seen_order);
	if (!node)
		return 0;
	first = rb_entry(node, struct mq_seen, node);
	/* A portion may not have reached this id, although it is old. */
	if (mq_dedup_end(q, first) > mq_now(MQ_BOOTTIME))
		return first->id;
	mq_forget(q, first);
	return 0;
}

/* Forget the id of a purged message, so that it may be sent once more. */
void mq_dedup_purge_locked(struct mq_queue *q, u64 id)
{
	struct rb_node *node;

	lockdep_assert_held(&q->lock);
	node = rb_find(&id, &q->dedup.numbers.rb_root, mq_number_order);
	if (node)
		mq_forget_early(q, rb_entry(node, struct mq_seen, number));
}

/*
 * Remember an id that mq_dedup_find_locked() has just not found. Return: true
 * if it is the only one, so the caller has to set a timer for the end of its
 * window.
 */
bool mq_dedup_add_locked(struct mq_queue *q, struct mq_seen *s, u64 id)
{
	unsigned int n = 0;

	lockdep_assert_held(&q->lock);
	if (!READ_ONCE(q->opt.dedup_window_ms)) {
		/* The window was set to 0 after the sender allocated @s. */
		list_add(&s->list, &q->dedup.old);
		return false;
	}
	s->id = id;
	s->time = mq_now(MQ_BOOTTIME);
	mq_seen_count(q, s, 1);
	rb_add(&s->node, &q->dedup.tree, mq_seen_less);
	rb_add_cached(&s->number, &q->dedup.numbers, mq_number_less);
	q->dedup.count++;
	if (unlikely(q->feed.journal)) {
		/* The message's own change comes next. */
		s->seq = q->feed.seq + 1;
		list_add_tail(&s->dirty, &q->feed.dedups);
		mq_feed_say(&q->feed);
	}
	/* Shrink by a few ids each time, if dedup_max was lowered. */
	while (q->dedup.count > READ_ONCE(q->opt.dedup_max) &&
	       mq_may_forget(q, n++)) {
		/* After a crash as many are remembered again: the newest. */
		mq_forget(q, mq_oldest(q));
		q->stat.dedup_forgotten++;
	}
	return q->dedup.count == 1;
}

/*
 * Remember an id that a journal had, with its message and its time. Return: false
 * if that of the message is known already, or if a later message had the same: the
 * window may have been extended since the first one was forgotten.
 */
bool mq_dedup_restore_locked(struct mq_queue *q, struct mq_seen *s)
{
	struct rb_node *node;

	lockdep_assert_held(&q->lock);
	if (rb_find(&s->id, &q->dedup.numbers.rb_root, mq_number_order))
		return false;
	node = rb_find(s, &q->dedup.tree, mq_seen_order);
	if (node && rb_entry(node, struct mq_seen, node)->id > s->id)
		return false;
	if (node)
		mq_forget(q, rb_entry(node, struct mq_seen, node));
	s->taken = true;
	mq_seen_count(q, s, 1);
	rb_add(&s->node, &q->dedup.tree, mq_seen_less);
	rb_add_cached(&s->number, &q->dedup.numbers, mq_number_less);
	q->dedup.count++;
	/* All that it had written may be here, the old ones, too. */
	while (q->dedup.count > READ_ONCE(q->opt.dedup_max))
		mq_forget(q, mq_oldest(q));
	return true;
}

/* Return the id that came with the next message behind @id, or NULL. */
const struct mq_seen *mq_dedup_after_locked(struct mq_queue *q, u64 id)
{
	struct rb_node *node = q->dedup.numbers.rb_root.rb_node;
	const struct mq_seen *found = NULL;

	lockdep_assert_held(&q->lock);
	while (node) {
		struct mq_seen *s = rb_entry(node, struct mq_seen, number);

		if (s->id > id)
			found = s;
		node = s->id > id ? node->rb_left : node->rb_right;
	}
	return found;
}

/* Return whether the id that came with a message is remembered. */
bool mq_dedup_knows_locked(struct mq_queue *q, u64 id)
{
	lockdep_assert_held(&q->lock);
	return rb_find(&id, &q->dedup.numbers.rb_root, mq_number_order);
}

/* Free forgotten ids. The caller does not hold the lock. */
void mq_dedup_free(struct list_head *old)
{
	struct mq_seen *s, *next;

	list_for_each_entry_safe(s, next, old, list)
		mq_seen_free(s);
}

void mq_dedup_init(struct mq_queue *q)
{
	q->dedup.tree = RB_ROOT;
	q->dedup.numbers = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&q->dedup.old);
}

/* Free all ids, when the queue is freed. */
void mq_dedup_exit(struct mq_queue *q)
{
	struct mq_seen *s, *next;

	if (*q->opt.journal)
		list_for_each_entry_safe(s, next, &q->feed.dedups, dirty)
			if (s->forgotten)
				mq_seen_free(s);
	rbtree_postorder_for_each_entry_safe(s, next, &q->dedup.tree, node) {
		mq_seen_count(q, s, -1);
		mq_seen_free(s);
	}
	mq_dedup_free(&q->dedup.old);
}
