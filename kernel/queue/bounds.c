// SPDX-License-Identifier: GPL-2.0
/* The bounds of a queue: what may be stored, and what its options mean for that. */
#include "queue/bounds.h"
#include "queue/options.h"
#include "queue/queue.h"

static u64 mq_less(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

/*
 * See what senders may have stored. What came as dead is not theirs, so it has
 * its room besides; what is reserved for unfinished lines is not to be had.
 */
void mq_queue_room_locked(struct mq_queue *q)
{
	lockdep_assert_held(&q->lock);
	WRITE_ONCE(q->room_messages,
		   mq_less(q->opt.max_messages + q->dead_letters, q->reserved));
	WRITE_ONCE(q->room_bytes,
		   mq_less(q->opt.max_bytes + q->dead_letter_bytes, q->reserved_bytes));
}

/**
 * mq_queue_tune_locked - an option has changed, or the queue is gone
 * @q: the queue
 *
 * See what that means for plain messages, which are nothing but their bytes and
 * a priority: whether one that comes in gets ready behind all others of its
 * level, and the first that is ready may be taken, and nothing else has to be
 * looked at for that.
 */
void mq_queue_tune_locked(struct mq_queue *q)
{
	const struct mq_options *o = &q->opt;

	lockdep_assert_held(&q->lock);
	q->plain = !q->gone && !q->order &&
		   o->paused == MQ_PAUSED_NONE && !o->single_active &&
		   o->overflow != MQ_OVERFLOW_DROP_HEAD && !mq_queue_times(q);
	WRITE_ONCE(q->plain_size,
		   q->plain ? min(o->max_message_size, o->max_bytes) : 0);
	mq_queue_room_locked(q);
}

/* Is there no room for even a little? The edge that pollers wait for. */
bool mq_queue_is_full(const struct mq_queue *q)
{
	return !mq_queue_fits(q, 1, 1);
}

/**
 * mq_size_ok - may a message of this size ever come in?
 * @q: the queue
 * @payload: bytes of payload
 * @meta: bytes of key and headers
 */
bool mq_size_ok(const struct mq_queue *q, u64 payload, u64 meta)
{
	return payload <= READ_ONCE(q->opt.max_message_size) &&
	       payload + meta <= READ_ONCE(q->opt.max_bytes);
}
