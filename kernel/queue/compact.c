// SPDX-License-Identifier: GPL-2.0
/*
 * Move messages out of sparse chunks, so that a message that stays in the queue
 * does not keep the memory of messages that have left.
 *
 * A chunk counts as waste of its queue while less than a quarter of it is in
 * use (mq_chunk_low). When the waste exceeds the memory of the messages that
 * are stored, the queue's work walks through all messages, and moves those in
 * sparse chunks to memory of their own, which is charged to the same payer. So
 * one pass costs no more than what was sent and settled since the last one. A
 * sender that is refused memory runs a pass at once (mq_reclaim).
 *
 * A message in hand is not moved, since a thread is copying it. A caller that
 * looks at a message (PEEK, REDRIVE) holds a reference to the old chunk, where
 * the message stays unchanged.
 */
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/copy.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "queue/clock.h"
#include "queue/compact.h"
#include "queue/held.h"
#include "queue/lock.h"
#include "queue/order.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/retain.h"
#include "queue/walk.h"

/* Waste up to this is never worth a pass of the queue's work. */
#define MQ_WASTE_MIN	SZ_1M

/* Waste that makes a sender that is refused memory start a pass. */
#define MQ_WASTE_SHORT	SZ_64K

/* Maximum number of entries looked at in one hold of the lock. */
#define MQ_COMPACT_STEPS	256

static struct mq_queue *mq_store_queue(struct mq_store *s)
{
	return container_of(s, struct mq_queue, store);
}

/* Return how many bytes of waste are worth a pass through all messages. */
static unsigned long mq_compact_worth(struct mq_store *s)
{
	const struct mq_queue *q = mq_store_queue(s);
	const u64 *bytes = q->topic ? &q->stat.retained_memory_bytes : &q->stat.bytes;

	return MQ_WASTE_MIN + 2 * READ_ONCE(q->unmoved) +
	       READ_ONCE(*bytes) +
	       READ_ONCE(q->stored) * (sizeof(struct mq_entry) +
				       sizeof(struct mq_msg));
}

static void mq_compact_later(struct mq_store *s)
{
	struct mq_queue *q = mq_store_queue(s);

	if (!test_bit(0, &q->compacting) && !READ_ONCE(q->gone))
		mq_queue_work_start(q);
}

/* Return true if an entry is in a sparse chunk and no thread is copying it. */
static bool mq_has_to_move(const struct mq_entry *e)
{
	const struct mq_chunk *c = mq_chunk_of(e);

	return READ_ONCE(c->sparse) && c->order != MQ_LARGE &&
	       (mq_msg(e)->state != DEVMQ_STATE_IN_FLIGHT ||
		e->hold != MQ_IN_HAND);
}

/*
 * Find the next entry behind @after that has to be moved. Return: the entry,
 * with a reference to its chunk; NULL if there is none; or ERR_PTR(-EAGAIN):
 * call again.
 */
static struct mq_entry *mq_compact_next(struct mq_queue *q,
					struct mq_cursor *c, u64 *after)
{
	unsigned int steps, left = MQ_WALK_STEPS;
	struct mq_entry *e = ERR_PTR(-EAGAIN);

	spin_lock(&q->lock);
	for (steps = 0; steps < MQ_COMPACT_STEPS; steps++) {
		e = q->gone ? NULL : mq_walk_locked(q, c, U32_MAX, after,
						   &left);
		if (IS_ERR_OR_NULL(e))
			break;
		*after = mq_msg(e)->id;
		if (mq_has_to_move(e)) {
			mq_chunk_get(mq_chunk_of(e));
			break;
		}
		e = ERR_PTR(-EAGAIN);
	}
	spin_unlock(&q->lock);
	return e;
}

/* Move the mq_detail of @old to @e, if @old has one. */
static void mq_replace_detail(struct mq_queue *q, struct mq_entry *old,
			      struct mq_entry *e, struct mq_detail *own)
{
	struct mq_detail *detail = mq_msg(old)->detail;

	if (old->own_detail && !detail) {
		own->when = MQ_NEVER;
		own->expires = MQ_NEVER;
	} else if (old->own_detail) {
		*own = *detail;
		if (own->durable)
			own->durable->detail = own;
		mq_msg(e)->detail = own;
		if (old->timed)
			mq_timer_replace_locked(q, old, e);
		if (unlikely(detail->is_newest))
			mq_retain_replace_locked(q, detail, own);
	}
	if (detail)
		mq_msg(e)->detail->e = e;
}

/* Put @e, a copy of @old, into the place of @old in the queue. */
void mq_replace_locked(struct mq_queue *q, struct mq_entry *old, struct mq_entry *e)
{
	struct mq_detail *own = mq_msg(e)->detail;

	lockdep_assert_held(&q->lock);
	*mq_msg(e) = *mq_msg(old);
	e->place.flags = old->place.flags;
	mq_replace_detail(q, old, e, own);
	if (old->ordered)
		mq_order_replace_locked(q, old, e);
	list_replace(&old->all, &e->all);
	switch (mq_msg(e)->state) {
	case DEVMQ_STATE_READY:
		mq_ready_replace(&q->ready, old, e);
		break;
	case DEVMQ_STATE_IN_FLIGHT:
		mq_held_replace_locked(old, e);
		break;
	default:
		rb_replace_node_cached(&old->node, &e->node, &q->aside);
	}
}

/*
 * Move the entry with the id @id, if that is still @old. Return: false if
 * there is no memory for it.
 */
static bool mq_compact_move(struct mq_queue *q, struct mq_cursor *c,
			    struct mq_entry *old, u64 id)
{
	struct mq_entry *e = mq_entry_clone_alone(old);
	unsigned int left = MQ_WALK_STEPS;
	u64 before = id - 1;
	bool moved;

	if (IS_ERR(e))
		return false;
	spin_lock(&q->lock);
	moved = !q->gone &&
		mq_walk_locked(q, c, U32_MAX, &before, &left) == old &&
		mq_msg(old)->id == id && mq_has_to_move(old);
	if (moved)
		mq_replace_locked(q, old, e);
	spin_unlock(&q->lock);
	if (moved)
		mq_chunk_put(mq_chunk_of(old), mq_entry_refs(old));
	else
		mq_entry_free_clone(e);
	return true;
}

/*
 * Move all messages out of sparse chunks, and so free these. Return: true if
 * there is less waste than before.
 */
static bool mq_compact(struct mq_store *s)
{
	struct mq_queue *q = mq_store_queue(s);
	long before = atomic_long_read(&s->waste);
	struct mq_cursor c;
	struct mq_entry *e;
	bool room = true;
	u64 after = 0;

	if (before - READ_ONCE(q->unmoved) < MQ_WASTE_SHORT ||
	    test_and_set_bit_lock(0, &q->compacting))
		return false;
	mq_cursor_init(&c);
	do {
		e = mq_compact_next(q, &c, &after);
		if (!IS_ERR_OR_NULL(e)) {
			room = mq_compact_move(q, &c, e, after);
			mq_chunk_put(mq_chunk_of(e), MQ_CHUNK_ONE);
		}
		mq_lock_pause();
	} while (e && room && !mq_dying());
	spin_lock(&q->lock);
	mq_cursor_unlink_locked(q, &c);
	spin_unlock(&q->lock);
	WRITE_ONCE(q->unmoved, max(atomic_long_read(&s->waste), 0L));
	clear_bit_unlock(0, &q->compacting);
	return atomic_long_read(&s->waste) < before;
}

/* Compact a queue if its waste is worth a pass. Called by the queue's work. */
void mq_compact_due(struct mq_queue *q)
{
	if (atomic_long_read(&q->store.waste) > mq_compact_worth(&q->store))
		mq_compact(&q->store);
}

static void mq_store_get(struct mq_store *s)
{
	get_device(&mq_store_queue(s)->dev);
}

static void mq_store_put(struct mq_store *s)
{
	mq_queue_put(mq_store_queue(s));
}

const struct mq_store_ops mq_store_ops = {
	.get		= mq_store_get,
	.put		= mq_store_put,
	.worth		= mq_compact_worth,
	.later		= mq_compact_later,
	.compact	= mq_compact,
};
