// SPDX-License-Identifier: GPL-2.0
/* The bounds of a queue: how much may be stored, given its options. */
#include "queue/bounds.h"
#include "queue/persist.h"
#include "queue/options.h"
#include "queue/queue.h"

/* Return @a - @b, or 0 if @b is larger. */
static u64 mq_subtract(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

/*
 * Compute mq_queue.room_messages and room_bytes: how much may be stored while
 * senders are still admitted. Dead letters from other queues take no room from
 * senders, so they are added to the bounds. Reserved places are subtracted. If
 * the journal is full, so is the queue.
 */
void mq_queue_update_room_locked(struct mq_queue *q)
{
	lockdep_assert_held(&q->lock);
	/* What a topic retains is trimmed, and takes no room from senders. */
	if (q->topic) {
		WRITE_ONCE(q->room_messages, q->feed.full ? 0 : S64_MAX);
		WRITE_ONCE(q->room_bytes, S64_MAX);
		return;
	}
	WRITE_ONCE(q->room_messages, q->feed.full ? 0 :
		   mq_subtract(q->opt.max_messages + q->dead_letters,
			       q->reserved));
	WRITE_ONCE(q->room_bytes,
		   mq_subtract(q->opt.max_bytes + q->dead_letter_bytes,
			       q->reserved_bytes));
}

/**
 * mq_queue_update_plain_locked - update what depends on the options
 * @q: the queue, after an option changed or the queue was removed
 *
 * Decides whether the short ways for plain messages may be used
 * (mq_queue.plain): a plain message that is added becomes ready behind all
 * others of its level, and the first ready message may be taken, without any
 * other check. With a journal only the former is so (mq_queue.runs), and only if
 * the journal is asked. With an order, messages come in runs, too, and the order
 * is told of each.
 */
void mq_queue_update_plain_locked(struct mq_queue *q)
{
	const struct mq_options *o = &q->opt;
	bool runs;

	lockdep_assert_held(&q->lock);
	runs = !q->gone && !q->topic && o->paused == MQ_PAUSED_NONE &&
	       !o->single_active && o->overflow != MQ_OVERFLOW_DROP_HEAD &&
	       !o->ttl_ms && !o->delay_ms;
	q->plain = runs && !q->order && !mq_queue_times(q);
	q->runs = runs && (!mq_queue_times(q) || (!q->order && q->feed.journal));
	WRITE_ONCE(q->run_size, !q->runs ? 0 :
		   min3(o->max_message_size, o->max_bytes, mq_persist_most(q)));
	WRITE_ONCE(q->plain_size, q->plain ? q->run_size : 0);
	mq_queue_update_room_locked(q);
}

/*
 * Return true if there is no room for even the smallest message. Pollers wait
 * for the moment when this changes.
 */
bool mq_queue_is_full(const struct mq_queue *q)
{
	return !mq_queue_fits(q, 1, 1);
}

/**
 * mq_size_ok - check whether a message of this size could ever be stored
 * @q: the queue
 * @payload: bytes of payload
 * @meta: bytes of key and headers
 *
 * Return: true if the message exceeds neither max_message_size nor max_bytes, nor
 * what the journal can store.
 */
bool mq_size_ok(const struct mq_queue *q, u64 payload, u64 meta)
{
	return payload <= READ_ONCE(q->opt.max_message_size) &&
	       payload + meta <= READ_ONCE(q->opt.max_bytes) &&
	       mq_persist_fits(q, payload + meta);
}
