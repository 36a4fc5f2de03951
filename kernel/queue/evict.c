// SPDX-License-Identifier: GPL-2.0
/*
 * What a topic in a journal retains leaves memory, the oldest first, if that is more than
 * retain_memory_bytes: a stub takes the place of the message (memory/stub.c). That is
 * done by the queue's work, for messages that are on stable storage, which the thread of
 * the journal says after each group (mq_heard_stored).
 *
 * Some more than has to leaves at a time, so that stubs lie together.
 */
#include <linux/err.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "journal/journal.h"
#include "memory/chunk.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/lot.h"
#include "memory/message.h"
#include "memory/stub.h"
#include "queue/clock.h"
#include "queue/compact.h"
#include "queue/evict.h"
#include "queue/ids.h"
#include "queue/lock.h"
#include "queue/position.h"
#include "queue/queue.h"

/* One part in so many leaves besides. */
#define MQ_EVICT_PART	8

/* Bytes that a stub takes in a lot, without a key. */
#define MQ_EVICT_STUB	(sizeof(struct mq_detail) + sizeof(struct mq_entry) + \
			 sizeof(struct mq_msg) + sizeof(struct mq_stub))

/**
 * struct mq_eviction - a message that is to leave memory
 * @e: the message, with a reference to its chunk; or NULL
 * @id: its id
 * @serial: its number in the journal
 * @keyed: it is the newest one of its key
 * @need: about how many bytes its stub and the next ones take, a portion of these
 */
struct mq_eviction {
	struct mq_entry	*e;
	u64		id;
	u64		serial;
	bool		keyed;
	u64		need;
};

/* Return the bytes that may stay in memory when something leaves it. */
static u64 mq_evict_goal(const struct mq_queue *q)
{
	u64 most = READ_ONCE(q->opt.retain_memory_bytes);

	return most - most / MQ_EVICT_PART;
}

/*
 * Return whether a message has to leave. One that a journal which has failed was not told
 * to keep could not be moved to another file.
 */
static bool mq_evict_has_to(const struct mq_queue *q)
{
	return !q->gone && !q->retained.holds && READ_ONCE(q->opt.retain_memory_bytes) &&
	       q->stat.retained_memory_bytes > mq_evict_goal(q) &&
	       !READ_ONCE(q->feed.journal->error);
}

/* Return how many messages are to leave, a portion at most, if all are as large as @m. */
static u64 mq_evict_count(const struct mq_queue *q, const struct mq_msg *m)
{
	u64 bytes = q->stat.retained_memory_bytes - mq_evict_goal(q);

	return min_t(u64, DIV64_U64_ROUND_UP(bytes, mq_msg_bytes(m)), MQ_PORTION);
}

/* Take a message that is to leave memory. */
static void mq_evict_take_locked(struct mq_queue *q, const struct mq_durable *d,
				 struct mq_eviction *v)
{
	lockdep_assert_held(&q->lock);
	v->e = d->detail->e;
	v->id = mq_msg(v->e)->id;
	v->serial = d->serial;
	v->keyed = d->detail->is_newest;
	v->need = mq_evict_count(q, mq_msg(v->e)) * MQ_EVICT_STUB;
	mq_chunk_get(mq_chunk_of(v->e));
}

/*
 * Find the next message that is to leave memory. Return false if there is none. If all
 * of a portion may stay, @v->e is NULL.
 */
static bool mq_evict_next(struct mq_queue *q, struct mq_eviction *v)
{
	unsigned int left = MQ_PORTION;
	struct mq_durable *d = NULL;

	v->e = NULL;
	spin_lock(&q->lock);
	while (!v->e && left-- && mq_evict_has_to(q)) {
		d = list_first_entry_or_null(&q->feed.resident, struct mq_durable, dirty);
		if (!d)
			break;
		/* One without any bytes may stay as it is. */
		if (mq_msg_bytes(mq_msg(d->detail->e)))
			mq_evict_take_locked(q, d, v);
		else
			mq_durable_unlist(d);
	}
	spin_unlock(&q->lock);
	return d;
}

/* Put a stub into the place of a message, if that is where it was. */
static bool mq_evict_replace(struct mq_queue *q, const struct mq_eviction *v,
			     struct mq_entry *stub)
{
	u32 flags = mq_msg(stub)->flags;
	bool same;

	spin_lock(&q->lock);
	same = !q->gone && mq_ids_after(&q->aside, v->id - 1) == v->e;
	if (same) {
		mq_durable_unlist(mq_msg(v->e)->detail->durable);
		mq_count(&q->stat.retained_memory_bytes, -mq_msg_bytes(mq_msg(v->e)));
		mq_replace_locked(q, v->e, stub);
		mq_msg(stub)->flags = flags;
	}
	spin_unlock(&q->lock);
	return same;
}

/* Let a message leave memory. Return false if there is no memory for its stub. */
static bool mq_evict(struct mq_queue *q, struct mq_lot *lot, const struct mq_eviction *v)
{
	struct mq_entry *stub = mq_stub_make(lot, v->e, v->serial, v->keyed);

	if (!IS_ERR(stub)) {
		struct mq_entry *old = mq_evict_replace(q, v, stub) ? v->e : stub;

		mq_chunk_put(mq_chunk_of(old), mq_entry_refs(old));
	}
	mq_chunk_put(mq_chunk_of(v->e), MQ_CHUNK_ONE);
	return !IS_ERR(stub);
}

/* Let what is too much leave memory. Called by the queue's work. */
void mq_evict_due(struct mq_queue *q)
{
	struct mq_lot lot = { .store = &q->store };
	struct mq_eviction v;
	bool room = true;
	u32 n = 0;

	if (likely(!q->topic) || !mq_retains_much(q))
		return;
	while (room && mq_evict_next(q, &v)) {
		if (v.e) {
			lot.left = v.need;
			/* What has left memory since then may have made room. */
			if (!(n++ % MQ_PORTION))
				lot.dry = false;
			room = mq_evict(q, &lot, &v);
		}
		mq_lock_pause();
	}
	mq_lot_end(&lot);
}

/* Let nothing leave memory for a moment, until mq_evict_go_on(). */
void mq_evict_hold(struct mq_queue *q)
{
	spin_lock(&q->lock);
	WRITE_ONCE(q->retained.holds, q->retained.holds + 1);
	spin_unlock(&q->lock);
}

void mq_evict_go_on(struct mq_queue *q)
{
	spin_lock(&q->lock);
	WRITE_ONCE(q->retained.holds, q->retained.holds - 1);
	spin_unlock(&q->lock);
	if (mq_retains_much(q))
		mq_queue_work_start(q);
}
