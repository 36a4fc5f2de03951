// SPDX-License-Identifier: GPL-2.0
/*
 * Places for messages that come to a queue from other queues. A place is
 * reserved here before the message leaves its old queue, so every message that
 * has left a queue has a place in another one.
 *
 * Dead letters have room of their own: max_messages and max_bytes bound them
 * separately from what is sent here, so neither keeps the other out. A message
 * that is redriven here is accepted whatever the bounds; it is only counted
 * while it is on its way.
 *
 * A message that has a place counts as stored here. If the queue is removed by
 * force before the message arrives, the message is freed with all others that
 * are stored.
 *
 * mq_places.lock may be taken while the lock of another queue is held. Only
 * wait queue locks are taken inside it.
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
 * @q: the queue that the message goes to
 * @bytes: what the message counts towards max_bytes
 *
 * Return: false if there is no room for the message, or @q was removed.
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

/* Count the place of a dead letter that a journal had. */
void mq_place_restore(struct mq_queue *q, u64 bytes)
{
	spin_lock(&q->places.lock);
	q->places.messages++;
	q->places.bytes += bytes;
	spin_unlock(&q->places.lock);
}

/*
 * Announce a message that is to be redriven. Return: false if @q was removed.
 */
bool mq_place_announce(struct mq_queue *q)
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

/* Note that an announced message has arrived, or does not come after all. */
void mq_place_arrived(struct mq_queue *q)
{
	spin_lock(&q->places.lock);
	q->places.coming--;
	spin_unlock(&q->places.lock);
}

/*
 * Accept no more messages from other queues. Return: false, and change nothing,
 * if messages are on their way and @force is not set.
 */
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

/* Count a dead letter that has arrived. It takes no room from senders. */
void mq_dead_letter_add_locked(struct mq_queue *q, struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	mq_msg(e)->detail->is_dead_letter = true;
	q->dead_letters++;
	q->dead_letter_bytes += mq_msg_bytes(mq_msg(e));
	mq_queue_update_room_locked(q);
}

/*
 * Stop counting a message as a dead letter: it leaves the queue, or is treated
 * as sent here from now on.
 */
void mq_dead_letter_del_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_places *g = &q->places;
	u64 bytes = mq_msg_bytes(mq_msg(e));

	lockdep_assert_held(&q->lock);
	mq_msg(e)->detail->is_dead_letter = false;
	q->dead_letters--;
	q->dead_letter_bytes -= bytes;
	mq_queue_update_room_locked(q);
	spin_lock(&g->lock);
	g->messages--;
	g->bytes -= bytes;
	spin_unlock(&g->lock);
}

/* Give back a reserved place: the message has arrived or does not come. */
void mq_queue_unreserve_locked(struct mq_queue *q, const struct mq_msg *msg)
{
	lockdep_assert_held(&q->lock);
	q->reserved--;
	q->reserved_bytes -= mq_msg_bytes(msg);
	mq_queue_update_room_locked(q);
}
