// SPDX-License-Identifier: GPL-2.0
/*
 * What can be read of a queue without its lock. Everything that is read here is
 * written in one piece. A caller that relies on it checks again under the lock.
 */
#include <linux/devmq.h>

#include "base/waiters.h"
#include "memory/cost.h"
#include "memory/durable.h"
#include "memory/shortage.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/look.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/order.h"
#include "queue/position.h"
#include "queue/queue.h"
#include "wait/gate.h"
#include "wait/wake.h"

/* Return true if @side (a bit of the option paused) is paused. */
bool mq_paused(const struct mq_queue *q, u64 side)
{
	return READ_ONCE(q->opt.paused) & side;
}

/* Return how many messages can be delivered to some consumer. */
u64 mq_deliverable(const struct mq_queue *q)
{
	return likely(!q->order) ? READ_ONCE(q->stat.ready) : mq_order_count(q);
}

/* Return true if a consumer may hold another delivery. */
bool mq_has_credit(const struct mq_file *f)
{
	u32 prefetch = READ_ONCE(f->prefetch);

	if (unlikely(READ_ONCE(f->q->opt.single_active))) {
		const struct mq_file *active = READ_ONCE(f->q->active);

		/* Without consumers, the file would become the active one. */
		if (active && active != f)
			return false;
	}
	/* It holds a message that is handed out alone, or has met one. */
	if (unlikely(READ_ONCE(f->no_credit)))
		return false;
	return READ_ONCE(f->ack) == DEVMQ_ACK_AUTO || !prefetch ||
	       READ_ONCE(f->held_count) < prefetch;
}

static bool mq_at_eof(const struct mq_queue *q)
{
	u64 eof = READ_ONCE(q->opt.eof);

	if (READ_ONCE(q->stat.ready))
		return false;
	return eof == MQ_EOF_EMPTY ||
	       (eof == MQ_EOF_HANGUP && !READ_ONCE(q->stat.producers));
}

/**
 * mq_can_receive - check whether a receive would return without sleeping
 * @f: the consumer
 * @partial: the caller is read(2), which can continue a message read in part
 *
 * Return: true if so. This is a hint, as the lock is not held.
 */
bool mq_can_receive(const struct mq_file *f, bool partial)
{
	const struct mq_queue *q = f->q;

	if (READ_ONCE(q->gone))
		return true;
	if (unlikely(q->topic))
		return mq_retain_can_read(f);
	if (partial && (READ_ONCE(f->partial) || READ_ONCE(f->lost)))
		return true;
	if (mq_paused(q, MQ_PAUSED_RECEIVE) || !mq_has_credit(f))
		return false;
	if (mq_deliverable(q) || mq_at_eof(q))
		return true;
	/* The caller may be about to wait for what is delayed. */
	mq_timers_ask(f->q);
	return false;
}

/* Return true if all senders have to wait, whatever the overflow option says. */
static bool mq_holds_senders(const struct mq_queue *q)
{
	return mq_paused(q, MQ_PAUSED_SEND) || READ_ONCE(q->feed.idless);
}

/* Return true if a send of @bytes would return without sleeping. */
bool mq_can_send(const struct mq_queue *q, u64 bytes)
{
	if (READ_ONCE(q->gone))
		return true;
	if (unlikely(mq_holds_senders(q)))
		return false;
	return READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK ||
	       mq_queue_fits(q, 1, bytes);
}

/*
 * Return true if an unfinished line that has a place could grow by @bytes
 * without sleeping.
 */
bool mq_can_grow(const struct mq_queue *q, u64 bytes)
{
	if (READ_ONCE(q->gone))
		return true;
	if (unlikely(mq_holds_senders(q)))
		return false;
	return READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK ||
	       mq_queue_fits_more(q, bytes);
}

/*
 * What a group of an order, with its key, and a de-duplication id may cost, which are
 * charged apart.
 */
#define MQ_COST_BESIDE	(3 * SZ_512)

/*
 * Return the bytes of memory that a message of @bytes may need: whoever has found none
 * waits until there is so much.
 */
unsigned long mq_send_cost(const struct mq_queue *q, u64 bytes)
{
	unsigned long cost = mq_cost(bytes);

	if (q->order || READ_ONCE(q->opt.dedup_window_ms))
		cost += MQ_COST_BESIDE;
	if (q->feed.journal)
		cost += mq_durable_cost();
	return cost;
}

/* -- struct mq_gate_ops: for waiters, see wait/gate.h ---------------------- */

static struct mq_queue *mq_gate_queue(const struct mq_gate *g)
{
	return container_of(g, struct mq_queue, gate);
}

static struct mq_file *mq_stand_file(const struct mq_stand *stand)
{
	return container_of(stand, struct mq_file, stand);
}

static bool mq_look_gone(const struct mq_gate *g)
{
	return READ_ONCE(mq_gate_queue(g)->gone);
}

static bool mq_look_ready(const struct mq_gate *g)
{
	const struct mq_queue *q = mq_gate_queue(g);

	return mq_deliverable(q) && !mq_paused(q, MQ_PAUSED_RECEIVE);
}

static bool mq_look_credit(const struct mq_stand *stand)
{
	return mq_has_credit(mq_stand_file(stand));
}

static bool mq_look_receive(const struct mq_stand *stand, bool partial)
{
	return mq_can_receive(mq_stand_file(stand), partial);
}

/* Return true if there is room, or can never be any: both end the wait. */
static bool mq_look_send(const struct mq_gate *g, u64 payload, u64 meta)
{
	const struct mq_queue *q = mq_gate_queue(g);

	return mq_can_send(q, payload + meta) || !mq_size_ok(q, payload, meta);
}

static bool mq_look_grow(const struct mq_gate *g, u64 held, u64 size)
{
	const struct mq_queue *q = mq_gate_queue(g);

	return mq_can_grow(q, size - held) || !mq_size_ok(q, size, 0);
}

/*
 * Set @room to the size of the largest message that there is room for, or, with
 * @has_place, to the bytes that a message may grow by. Return: false if there
 * is no room even for an empty message.
 */
static bool mq_look_room(const struct mq_gate *g, bool has_place, u64 *room)
{
	const struct mq_queue *q = mq_gate_queue(g);
	u64 bytes = READ_ONCE(q->stat.bytes), max = READ_ONCE(q->room_bytes);

	*room = U64_MAX;
	if (READ_ONCE(q->gone))
		return true;
	if (unlikely(mq_holds_senders(q)))
		return false;
	if (READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK)
		return true;
	*room = max - bytes;
	return bytes <= max &&
	       (has_place ? !READ_ONCE(q->feed.full) :
		READ_ONCE(q->stored) < READ_ONCE(q->room_messages));
}

static void mq_look_kick(struct mq_gate *g)
{
	mq_queue_work_start(mq_gate_queue(g));
}

const struct mq_gate_ops mq_gate_ops = {
	.is_gone	= mq_look_gone,
	.is_ready	= mq_look_ready,
	.has_credit	= mq_look_credit,
	.can_receive	= mq_look_receive,
	.may_send	= mq_look_send,
	.may_grow	= mq_look_grow,
	.room		= mq_look_room,
	.kick		= mq_look_kick,
};

/* -- struct mq_starved_ops: for senders without memory, see shortage.h ----- */

/* Return true if a sender that gets no memory has to wait for it. */
static bool mq_starved_waits(const struct mq_starved *s)
{
	const struct mq_queue *q = container_of(s, struct mq_queue, starved);

	return !READ_ONCE(q->gone) &&
	       READ_ONCE(q->opt.overflow) == MQ_OVERFLOW_BLOCK;
}

static bool mq_starved_get(struct mq_starved *s)
{
	struct mq_queue *q = container_of(s, struct mq_queue, starved);

	return kobject_get_unless_zero(&q->dev.kobj);
}

static void mq_starved_put(struct mq_starved *s)
{
	mq_queue_put(container_of(s, struct mq_queue, starved));
}

static void mq_starved_tell(struct mq_starved *s)
{
	struct mq_queue *q = container_of(s, struct mq_queue, starved);

	mq_notify_room_pollers(&q->gate);
	mq_waiters_wake_all(&q->gate.room);
}

const struct mq_starved_ops mq_starved_ops = {
	.waits	= mq_starved_waits,
	.get	= mq_starved_get,
	.put	= mq_starved_put,
	.tell	= mq_starved_tell,
};
