// SPDX-License-Identifier: GPL-2.0
/*
 * What a topic retains of the messages that were sent to it. They are entries of
 * its own, in the state DEVMQ_STATE_RETAINED: in mq_queue.all and, by id, in
 * mq_queue.aside. So PEEK, PURGE and compaction find them as they do those of a
 * queue.
 *
 * They go from the oldest on: as many as are too many go when a message is added,
 * and by age in the queue's work, for which a timer is set. Whoever removes one
 * remembers up to which id all are gone (mq_retained.gone). A reader whose
 * position is not beyond that was overtaken.
 *
 * With compact=key, a message with a key removes the one before it with the same
 * key, which is found in a tree (mq_retained.keys). Readers step over the gap. One
 * without a payload is a tombstone: it removes the other and goes itself after
 * tombstone_ms. A reader that had not come to it by then may have read what it was
 * to remove, so it is told as if it had been overtaken, and begins anew.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/rbtree.h>
#include <linux/string.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "memory/seen.h"
#include "queue/clock.h"
#include "queue/ids.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/persist.h"
#include "queue/position.h"
#include "queue/queue.h"
#include "queue/retain.h"
#include "queue/state.h"
#include "queue/trace.h"

/*
 * Make a message that was sent one that is retained: a de-duplication id, a delay
 * and a time to live are for queues.
 */
void mq_retain_prepare(struct mq_entry *e)
{
	struct mq_msg *m = mq_msg(e);

	if (m->seen)
		mq_seen_free(m->seen);
	m->seen = NULL;
	if (m->detail) {
		m->detail->when = MQ_NEVER;
		m->detail->expires = MQ_NEVER;
	}
}

/* -- compact=key ----------------------------------------------------------- */

/* Return the key of a message; a stub among the newest ones has it. */
static const u8 *mq_key_of(const struct mq_entry *e)
{
	const struct mq_msg *m = mq_msg(e);

	return unlikely(mq_msg_is_stub(m)) ? mq_msg_stub(m)->key : mq_entry_data(e);
}

static int mq_key_order(const struct mq_entry *a, const struct mq_entry *b)
{
	const struct mq_msg *ma = mq_msg(a), *mb = mq_msg(b);

	if (ma->key_size != mb->key_size)
		return ma->key_size < mb->key_size ? -1 : 1;
	return memcmp(mq_key_of(a), mq_key_of(b), ma->key_size);
}

static int mq_key_find(const void *key, const struct rb_node *node)
{
	return mq_key_order(key, rb_entry(node, struct mq_detail, timer)->e);
}

static bool mq_key_less(struct rb_node *a, const struct rb_node *b)
{
	return mq_key_order(rb_entry(a, struct mq_detail, timer)->e,
			    rb_entry(b, struct mq_detail, timer)->e) < 0;
}

/* A message is not the newest one of its key any more. */
static void mq_key_leave(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_detail *m = mq_msg(e)->detail;

	if (likely(!m || !m->is_newest))
		return;
	rb_erase(&m->timer, &q->retained.keys);
	m->is_newest = false;
}

/* Put the detail @new into the place of @old. */
void mq_retain_replace_locked(struct mq_queue *q, struct mq_detail *old,
			      struct mq_detail *new)
{
	lockdep_assert_held(&q->lock);
	rb_replace_node(&old->timer, &new->timer, &q->retained.keys);
}

/* Count the bytes of a message that come to memory, or leave it. */
static void mq_retain_memory(struct mq_queue *q, const struct mq_entry *e, int sign)
{
	const struct mq_msg *m = mq_msg(e);

	if (likely(!mq_msg_is_stub(m)))
		mq_count(&q->stat.retained_memory_bytes, sign * mq_msg_bytes(m));
}

/* Remove a message, which is counted. */
static void mq_retain_remove(struct mq_queue *q, struct mq_entry *e)
{
	u64 id = mq_msg(e)->id;

	mq_key_leave(q, e);
	mq_state_leave_locked(q, e);
	mq_retain_memory(q, e, -1);
	q->stat.trimmed++;
	trace_mq_drop(q, e);
	mq_queue_unlink_locked(q, e);
	if (id == q->retained.last) {
		e = mq_ids_last(&q->aside);
		WRITE_ONCE(q->retained.last, e ? mq_msg(e)->id : 0);
	}
}

/*
 * A message with a key, which is retained now, takes the place of the last one. It
 * was sent @age nanoseconds ago.
 */
static void mq_retain_compact(struct mq_queue *q, struct mq_entry *e, u64 age)
{
	u64 ns = READ_ONCE(q->opt.tombstone_ms) * NSEC_PER_MSEC;
	struct mq_detail *m = mq_msg(e)->detail;
	struct rb_node *node;

	node = rb_find(e, &q->retained.keys, mq_key_find);
	if (node)
		mq_retain_remove(q, rb_entry(node, struct mq_detail, timer)->e);
	/* The option was set after the message had been made. */
	if (unlikely(!m))
		return;
	if (!mq_entry_size(e)) {
		mq_timer_set_locked(q, e, MQ_BOOTTIME,
				    mq_later(mq_now(MQ_BOOTTIME),
					     ns > age ? ns - age : 0));
		return;
	}
	m->is_newest = true;
	rb_add(&m->timer, &q->retained.keys, mq_key_less);
}

/* The time of a tombstone is over. */
void mq_retain_bury_locked(struct mq_queue *q, struct mq_entry *e)
{
	WRITE_ONCE(q->retained.buried, max(q->retained.buried, mq_msg(e)->id));
	mq_retain_remove(q, e);
}

/* -- adding and trimming --------------------------------------------------- */

/*
 * Add a message, which takes the next id, and tell the readers. The caller calls
 * mq_timers_arm_locked() after that.
 */
void mq_retain_add_locked(struct mq_queue *q, struct mq_entry *e, u64 now)
{
	struct mq_msg *m = mq_msg(e);

	lockdep_assert_held(&q->lock);
	m->id = q->next_id++;
	m->time_ns = now;
	list_add_tail(&e->all, &q->all);
	mq_count(&q->stored, 1);
	mq_count(&q->stat.bytes, mq_msg_bytes(m));
	mq_retain_memory(q, e, 1);
	if (unlikely(q->feed.journal))
		mq_persist_add_locked(q, e);
	mq_state_enter_locked(q, e, DEVMQ_STATE_RETAINED);
	if (unlikely(q->feed.journal))
		mq_persist_linked_locked(q, e);
	WRITE_ONCE(q->retained.last, m->id);
	if (unlikely(READ_ONCE(q->opt.compact) && m->key_size))
		mq_retain_compact(q, e, 0);
	/* Each reader has a position of its own. */
	q->drained = true;
}

/*
 * Retain a message again that the journal has. All come in the order of their ids,
 * and mq_retain_restored_locked() follows.
 */
void mq_retain_restore_locked(struct mq_queue *q, struct mq_entry *e)
{
	u64 now = mq_now(MQ_REALTIME), sent = mq_msg(e)->time_ns;
	u64 age = now > sent ? now - sent : 0;

	lockdep_assert_held(&q->lock);
	mq_state_enter_locked(q, e, DEVMQ_STATE_RETAINED);
	mq_retain_memory(q, e, 1);
	if (!mq_msg_is_stub(mq_msg(e)))
		mq_durable_list(mq_msg(e)->detail->durable, &q->feed.resident);
	/* As long as it had been retained before. */
	mq_msg(e)->since = mq_ticks() - nsecs_to_jiffies64(age);
	WRITE_ONCE(q->retained.last, mq_msg(e)->id);
	if (READ_ONCE(q->opt.compact) && mq_msg(e)->key_size)
		mq_retain_compact(q, e, age);
}

/*
 * All messages that the journal has are retained again. The caller calls
 * mq_timers_arm_locked() after that.
 */
void mq_retain_restored_locked(struct mq_queue *q)
{
	lockdep_assert_held(&q->lock);
	WRITE_ONCE(q->retained.gone, mq_retain_oldest_locked(q) - 1);
}

/* The messages up to the last id were not retained. */
void mq_retain_none_locked(struct mq_queue *q)
{
	lockdep_assert_held(&q->lock);
	WRITE_ONCE(q->retained.gone, q->next_id - 1);
}

/* Remove a message. */
void mq_retain_drop_locked(struct mq_queue *q, struct mq_entry *e)
{
	u64 id = mq_msg(e)->id;

	lockdep_assert_held(&q->lock);
	if (mq_ids_first(&q->aside) == e)
		WRITE_ONCE(q->retained.gone, max(q->retained.gone, id));
	mq_retain_remove(q, e);
}

/* Return how long messages are retained, in nanoseconds; 0: for ever. */
static u64 mq_retain_ns(const struct mq_queue *q)
{
	return READ_ONCE(q->opt.retain_ms) * NSEC_PER_MSEC;
}

/* Return the oldest message if it is not to be retained any more, or NULL. */
static struct mq_entry *mq_retain_surplus(struct mq_queue *q)
{
	struct mq_entry *e = mq_ids_first(&q->aside);
	u64 messages = READ_ONCE(q->opt.retain_messages);
	u64 bytes = READ_ONCE(q->opt.retain_bytes), ns = mq_retain_ns(q);

	if (!e || q->gone)
		return NULL;
	/* Readers were told that it has gone: the options did not retain it for a while. */
	if (!mq_retains(q) || mq_msg(e)->id <= q->retained.gone)
		return e;
	if ((messages && q->stat.retained > messages) ||
	    (bytes && q->stat.bytes > bytes))
		return e;
	return ns && mq_ticks_age(mq_msg(e)->since) >= ns ? e : NULL;
}

/*
 * Remove what is not to be retained any more, @most messages. Return: true if
 * there may be more.
 */
bool mq_retain_trim_locked(struct mq_queue *q, unsigned int most)
{
	struct mq_entry *e;

	lockdep_assert_held(&q->lock);
	if (likely(!q->stat.retained))
		return false;
	while ((e = mq_retain_surplus(q))) {
		if (!most--)
			return true;
		mq_retain_drop_locked(q, e);
	}
	return false;
}

/*
 * Return when the oldest message is to go by its age, or MQ_NEVER. It may stay for
 * somewhat longer, so that a timer is set for many of them.
 */
u64 mq_retain_next(const struct mq_queue *q)
{
	u64 ns = mq_retain_ns(q), age;
	struct rb_node *node;

	if (likely(!ns) || !q->stat.retained)
		return MQ_NEVER;
	node = rb_first_cached(&q->aside);
	age = mq_ticks_age(mq_msg(mq_ids_entry(node))->since);
	ns += TICK_NSEC + min_t(u64, ns / 8, NSEC_PER_SEC);
	return mq_later(mq_now(MQ_BOOTTIME), ns > age ? ns - age : 0);
}

/* Fill in the ids that STAT shows. */
void mq_retain_stat_locked(struct mq_queue *q, struct devmq_stat *s)
{
	struct mq_entry *e = mq_ids_first(&q->aside);

	lockdep_assert_held(&q->lock);
	s->first_id = e ? mq_msg(e)->id : 0;
	s->last_id = q->retained.last;
}

/* -- readers --------------------------------------------------------------- */

/* Return the id of the oldest message, or that of the next one if there is none. */
u64 mq_retain_oldest_locked(struct mq_queue *q)
{
	struct mq_entry *e = mq_ids_first(&q->aside);

	lockdep_assert_held(&q->lock);
	return e ? mq_msg(e)->id : q->next_id;
}

/* Move a reader to a message, or to the next one that will come. */
void mq_retain_move_locked(struct mq_file *f, u64 id)
{
	lockdep_assert_held(&f->q->lock);
	WRITE_ONCE(f->position, id);
	WRITE_ONCE(f->position_done, 0);
	WRITE_ONCE(f->frozen, false);
	WRITE_ONCE(f->buried, f->q->retained.buried);
}

/**
 * mq_retain_read_locked - find the message at the position of a reader
 * @f: the reader; the caller holds mq_file.rx
 *
 * Return: the message, and the position is its id; or an ERR_PTR: ENODEV; EINVAL:
 * the topic retains nothing; EAGAIN: there is none yet; EPIPE: the reader was
 * overtaken, and goes on with the oldest message.
 */
struct mq_entry *mq_retain_read_locked(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	struct mq_entry *e;

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return ERR_PTR(-ENODEV);
	if (!mq_retain_active(q))
		return ERR_PTR(-EINVAL);
	if (READ_ONCE(q->opt.paused) & MQ_PAUSED_RECEIVE)
		return ERR_PTR(-EAGAIN);
	if (unlikely(mq_retain_passed(f))) {
		mq_retain_move_locked(f, mq_retain_oldest_locked(q));
		return ERR_PTR(-EPIPE);
	}
	e = mq_ids_after(&q->aside, f->position - 1);
	if (unlikely(f->position_done && (!e || mq_msg(e)->id != f->position))) {
		/* The rest of the message that was half read is gone. */
		mq_retain_move_locked(f, f->position + 1);
		return ERR_PTR(-EPIPE);
	}
	if (!e)
		return ERR_PTR(-EAGAIN);
	WRITE_ONCE(f->position, mq_msg(e)->id);
	return e;
}
