// SPDX-License-Identifier: GPL-2.0
/*
 * What comes to a queue from other queues: its place is reserved here before it
 * leaves where it is, so nothing that has left is ever without a place.
 *
 * The dead have room of their own: max_messages and max_bytes bound them apart
 * from what is sent here, so neither keeps the other out. What is redriven here
 * is let in whatever the bounds; it is only counted while it is on its way.
 *
 * A message that has its place counts as stored here. If the queue is removed by
 * force before it arrives, it goes with all else that is stored.
 *
 * The lock here may be taken with another queue's lock held, and is the last but
 * for wait queue locks.
 */
#include "memory/entry.h"
#include "memory/message.h"
#include "queue/bounds.h"
#include "queue/places.h"
#include "queue/queue.h"

void mq_places_init(struct mq_places *g)
{
	spin_lock_init(&g->lock);
}

/**
 * mq_place_reserve - reserve a place for a message that dies in another queue
 * @q: the queue that it is to go to
 * @bytes: what the message counts
 *
 * Return: false if there is no room for it, or @q is gone.
 */
bool mq_place_reserve(struct mq_queue *q, u64 bytes)
{
	struct mq_places *g = &q->places;
	bool fits;

	spin_lock(&g->lock);
	fits = !g->closed &&
	       g->messages < READ_ONCE(q->opt.max_messages) &&
	       g->bytes + bytes <= READ_ONCE(q->opt.max_bytes);
	if (fits) {
		g->messages++;
		g->bytes += bytes;
		g->coming++;
	}
	spin_unlock(&g->lock);
	return fits;
}

/* A message is to be redriven to @q. Return: false if @q is gone. */
bool mq_place_expect(struct mq_queue *q)
{
	struct mq_places *g = &q->places;
	bool open;

	spin_lock(&g->lock);
	open = !g->closed;
	if (open)
		g->coming++;
	spin_unlock(&g->lock);
	return open;
}

/* One that was on its way has arrived, or does not come. */
void mq_place_taken(struct mq_queue *q)
{
	spin_lock(&q->places.lock);
	q->places.coming--;
	spin_unlock(&q->places.lock);
}

/* Let nothing more come. Return: false if something does, unless @force. */
bool mq_places_close(struct mq_queue *q, bool force)
{
	struct mq_places *g = &q->places;
	bool ok;

	spin_lock(&g->lock);
	ok = force || !g->coming;
	if (ok)
		g->closed = true;
	spin_unlock(&g->lock);
	return ok;
}

/* A message that came as dead is here now: senders do not feel it. */
void mq_dead_letter_add_locked(struct mq_queue *q, struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	mq_msg(e)->detail->is_dead_letter = true;
	q->dead_letters++;
	q->dead_letter_bytes += mq_msg_bytes(mq_msg(e));
	mq_queue_room_locked(q);
}

/* It leaves, or is one of the queue's own from now on. */
void mq_dead_letter_del_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_places *g = &q->places;
	u64 bytes = mq_msg_bytes(mq_msg(e));

	lockdep_assert_held(&q->lock);
	mq_msg(e)->detail->is_dead_letter = false;
	q->dead_letters--;
	q->dead_letter_bytes -= bytes;
	mq_queue_room_locked(q);
	spin_lock(&g->lock);
	g->messages--;
	g->bytes -= bytes;
	spin_unlock(&g->lock);
}

/* The place is taken, or not needed any more. */
void mq_queue_unreserve_locked(struct mq_queue *q, const struct mq_msg *msg)
{
	lockdep_assert_held(&q->lock);
	q->reserved--;
	q->reserved_bytes -= mq_msg_bytes(msg);
	mq_queue_room_locked(q);
}
