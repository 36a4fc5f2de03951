// SPDX-License-Identifier: GPL-2.0
/*
 * A message of a topic, laid out for each queue that gets it, with all that its
 * entry needs there: what the queue's options ask for, its times, its group, its
 * de-duplication id. All of that is allocated here, before the turn is taken, so
 * that linking cannot fail.
 *
 * Most queues need nothing but the message. Its copy is laid out as the record that
 * the receiver gets, what it tells of the topic included, and lies behind that of the
 * message before (memory/lot.c). Any other copy is a piece of memory of its own. So a
 * slow queue keeps no memory of another one. A payload of more than MQ_SHARED_OVER
 * bytes is not copied: it stays in the chunk of the sender's message, which has no
 * other message, until the last copy is freed. The sender pays for all of this.
 */
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/copy.h"
#include "memory/cost.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/lot.h"
#include "memory/message.h"
#include "memory/seen.h"
#include "memory/text.h"
#include "queue/options.h"
#include "queue/order.h"
#include "queue/position.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/retain.h"
#include "topic/copies.h"
#include "topic/fanout.h"
#include "topic/spreads.h"

/* Give a copy its own de-duplication id, if its queue remembers such. */
static int mq_copy_seen(struct mq_queue *q, struct mq_entry *e,
			const struct mq_seen *from)
{
	struct mq_seen *seen;

	if (likely(!from) || !READ_ONCE(q->opt.dedup_window_ms))
		return 0;
	seen = mq_seen_new(mq_chunk_of(e)->payer, from->size);
	if (IS_ERR(seen))
		return PTR_ERR(seen);
	memcpy(seen->bytes, from->bytes, from->size);
	seen->hash = from->hash;
	mq_msg(e)->seen = seen;
	return 0;
}

/* Return true if the sender of a message set a delay or a time to live. */
static bool mq_copy_is_timed(const struct mq_entry *from)
{
	const struct mq_detail *times = mq_msg(from)->detail;

	return unlikely(times) && (times->when || times->expires);
}

/* Give a copy the delay and the time to live that its sender set, if any. */
static void mq_copy_times(struct mq_entry *e, const struct mq_entry *from)
{
	const struct mq_detail *times = mq_msg(from)->detail;
	struct mq_detail *m = mq_msg(e)->detail;

	m->when = times ? times->when : 0;
	m->expires = times ? times->expires : 0;
	e->clock = from->clock;
}

/*
 * Return true if the queue needs nothing of a message but that it tells of its topic.
 */
static bool mq_copy_is_simple(const struct mq_queue *q, const struct mq_entry *from)
{
	return !mq_queue_times(q) && !q->order && !mq_copy_is_timed(from) &&
	       !mq_entry_lends(from);
}

/* Give a copy the priority of the message, as far as the queue has such. */
static void mq_copy_level(struct mq_queue *q, struct mq_entry *e,
			  const struct mq_entry *from)
{
	if (likely(!mq_msg(from)->priority))
		return;
	mq_msg(e)->priority = min_t(u32, mq_msg(from)->priority,
				    q->opt.priorities - 1);
	mq_ready_prepare(&q->ready, mq_msg(e)->priority);
}

/*
 * Return the entry in a queue of the message @from, which tells of @topic; or an
 * ERR_PTR: ENOMEM, EDQUOT.
 */
static struct mq_entry *mq_copy_entry(struct mq_queue *q,
				      const struct mq_entry *from,
				      struct mq_text *topic)
{
	struct mq_kind kind = mq_queue_kind(q);
	struct mq_entry *e;
	int err;

	/* It says which topic it comes from. */
	kind.detail = true;
	e = mq_entry_share(from, kind);
	if (IS_ERR(e))
		return e;
	mq_msg(e)->detail->expires = 0;
	mq_msg(e)->detail->topic = mq_text_get(topic);
	mq_copy_level(q, e, from);
	err = mq_order_prepare(q, e);
	if (likely(!err))
		return e;
	mq_entry_free(e);
	return ERR_PTR(err);
}

/*
 * Return what the copies of a message tell of the topic, where it has the number
 * @id, or an ERR_PTR.
 */
static struct mq_text *mq_copy_topic(const struct mq_entry *e,
				     const struct mq_queue *topic, u64 id)
{
	const struct mq_text *name = topic->origin;
	struct mq_text *t;

	t = mq_text_alloc(sizeof(id) + name->size, mq_chunk_of(e)->payer);
	if (IS_ERR(t))
		return t;
	memcpy(t->text, &id, sizeof(id));
	memcpy(t->text + sizeof(id), name->text, name->size);
	return t;
}

/*
 * Make what those copies of a message tell of the topic that do not tell it
 * themselves. Return 0, ENOMEM or EDQUOT.
 */
static int mq_mail_topic(struct mq_mail *mail, const struct mq_queue *topic)
{
	struct mq_text *t;

	if (mail->topic)
		return 0;
	t = mq_copy_topic(mail->e, topic, 0);
	if (IS_ERR(t))
		return PTR_ERR(t);
	mail->topic = t;
	return 0;
}

/* Return the copy of a message for a queue that needs nothing else, or an ERR_PTR. */
static struct mq_entry *mq_copy_simple(struct mq_queue *q, const struct mq_entry *from,
				       const struct mq_queue *topic, struct mq_lot *lot)
{
	struct mq_entry *e = mq_entry_copy_told(lot, from, topic->origin);

	if (!IS_ERR(e))
		mq_copy_level(q, e, from);
	return e;
}

/* Return the copy of a message for a queue that needs more, as mq_copy_entry(). */
static struct mq_entry *mq_copy_with_detail(struct mq_queue *q, struct mq_mail *mail,
					    const struct mq_queue *topic)
{
	int err = mq_mail_topic(mail, topic);
	struct mq_entry *e;

	if (err)
		return ERR_PTR(err);
	e = mq_copy_entry(q, mail->e, mail->topic);
	if (!IS_ERR(e))
		mq_copy_times(e, mail->e);
	return e;
}

/* Return the copy of a message that is sent, as mq_copy_entry(). */
static struct mq_entry *mq_copy_sent(struct mq_queue *q, struct mq_mail *mail,
				     const struct mq_queue *topic, struct mq_lot *lot)
{
	struct mq_entry *e;
	int err;

	e = mq_copy_is_simple(q, mail->e) ?
	    mq_copy_simple(q, mail->e, topic, lot) :
	    mq_copy_with_detail(q, mail, topic);
	if (IS_ERR(e))
		return e;
	err = mq_copy_seen(q, e, mq_msg(mail->e)->seen);
	if (likely(!err))
		return e;
	mq_entry_free(e);
	return ERR_PTR(err);
}

/**
 * mq_copy_retained - copy a message that a topic retains for a queue
 * @q: the queue
 * @from: the message; the caller holds a reference to its chunk
 * @topic: the topic
 * @id: id of the message there
 *
 * The delay and the time to live are those that the queue sets.
 *
 * Return: the entry, or an ERR_PTR: ENOMEM, EDQUOT.
 */
struct mq_entry *mq_copy_retained(struct mq_queue *q, const struct mq_entry *from,
				  const struct mq_queue *topic, u64 id)
{
	struct mq_text *t = mq_copy_topic(from, topic, id);
	struct mq_entry *e;

	if (IS_ERR(t))
		return ERR_CAST(t);
	e = mq_copy_entry(q, from, t);
	mq_text_put(t);
	return e;
}

/* Return how many bytes of a message its copies have for themselves. */
u64 mq_copy_bytes(const struct mq_entry *e)
{
	u64 bytes = mq_msg_bytes(mq_msg(e));

	return mq_entry_lends(e) ? bytes - mq_entry_size(e) + sizeof(void *) : bytes;
}

/* Return the charge for a payload that the copies of a message share. */
static u64 mq_cost_shared(const struct mq_entry *e)
{
	return mq_entry_lends(e) ? mq_cost(mq_msg_bytes(mq_msg(e))) : 0;
}

/*
 * Return about how many bytes of memory the copies for a queue take, as far as they
 * are of messages that go.
 */
static u64 mq_fan_need(const struct mq_fanout *o, const struct mq_fan *fan)
{
	const struct mq_text *name = o->passed[0].q->origin;
	u64 need = 0;
	u32 i;

	for (i = fan->first; i != MQ_NONE; i = o->copies[i].next) {
		const struct mq_mail *mail = &o->mails[o->copies[i].mail];

		if (o->copies[i].mail >= o->n)
			break;
		if (mq_copy_is_simple(fan->q, mail->e))
			need += mq_lot_bytes(mq_entry_told_size(mail->e, name));
	}
	return need;
}

/* A copy is made: note what there is for its queue. */
static void mq_fan_count(struct mq_fan *fan, const struct mq_entry *e)
{
	/* A de-duplication id is looked up, and a detail may mean a delay. */
	if (mq_msg(e)->seen || mq_msg(e)->detail)
		fan->n = 0;
	fan->count++;
	fan->bytes += mq_msg_bytes(mq_msg(e));
}

/*
 * Make the copies for a queue. Return 0, or the error of the first that cannot be
 * made; @o->n is its message then.
 */
static int mq_fan_make(struct mq_fanout *o, struct mq_fan *fan)
{
	struct mq_lot lot = {
		.store = &fan->q->store,
		.left = mq_fan_need(o, fan),
	};
	struct mq_entry *e = NULL;
	struct mq_copy *c;
	u32 i;

	fan->n = o->n;
	fan->count = 0;
	fan->bytes = 0;
	for (i = fan->first; i != MQ_NONE; i = c->next) {
		c = &o->copies[i];
		if (c->mail >= o->n)
			break;
		e = mq_copy_sent(fan->q, &o->mails[c->mail], o->passed[0].q, &lot);
		if (IS_ERR(e)) {
			o->n = c->mail;
			break;
		}
		c->e = e;
		mq_fan_count(fan, e);
		cond_resched();
	}
	mq_lot_end(&lot);
	return PTR_ERR_OR_ZERO(e);
}

/* Estimate the charge for the copies of the first message. */
static u64 mq_copies_cost(const struct mq_fanout *o)
{
	const struct mq_entry *e = o->mails[0].e;
	u64 each = mq_cost(mq_copy_bytes(e)), cost = mq_cost_shared(e);
	u32 i;

	for (i = 0; i < o->copy_count && !o->copies[i].mail; i++)
		cost += each;
	return cost;
}

/**
 * mq_copies_make - make the copies of the messages of a publication
 * @o: the publication, which gets fewer messages if there is no memory for all
 * @anyway: also if the caller is being killed
 *
 * Return: 0; or ENOMEM or EDQUOT: there is none for the first message; or EINTR: the
 * caller is being killed.
 */
int mq_copies_make(struct mq_fanout *o, bool anyway)
{
	u32 i;
	int err = 0;

	o->cost = mq_copies_cost(o);
	for (i = 0; i < o->fan_count && o->n; i++) {
		err = mq_fan_make(o, &o->fans[i]);
		if (!anyway && mq_dying())
			return -EINTR;
	}
	return o->n ? 0 : err;
}

/* Return true if a topic is to retain a message that passes it. */
static bool mq_pass_keeps(const struct mq_fanout *o, const struct mq_pass *pass)
{
	/* The first of the topics retains the sender's message itself. */
	return pass->passed && unlikely(mq_retains(o->passed[pass->passed].q));
}

/* Make what a topic is to retain of a message. Return 0, ENOMEM or EDQUOT. */
static int mq_pass_keep(struct mq_fanout *o, struct mq_pass *pass)
{
	const struct mq_queue *q = o->passed[pass->passed].q;
	const struct mq_entry *e = o->mails[pass->mail].e;
	struct mq_kind kind = { .durable = q->feed.journal };
	struct mq_entry *kept;

	kind.detail = kind.durable || READ_ONCE(q->opt.compact);
	kept = mq_entry_share(e, kind);
	if (IS_ERR(kept))
		return PTR_ERR(kept);
	mq_msg(kept)->priority = mq_msg(e)->priority;
	mq_retain_prepare(kept);
	pass->kept = kept;
	if (!pass->mail)
		o->cost += mq_cost(mq_copy_bytes(e));
	return 0;
}

/**
 * mq_copies_keep - make what the topics that messages pass are to retain of them
 * @o: the publication, which gets fewer messages if there is no memory for all
 *
 * Return: as mq_copies_make().
 */
int mq_copies_keep(struct mq_fanout *o)
{
	int err = 0;
	u32 i;

	for (i = 0; i < o->pass_count && o->passes[i].mail < o->n && !err; i++) {
		if (!mq_pass_keeps(o, &o->passes[i]))
			continue;
		err = mq_pass_keep(o, &o->passes[i]);
		if (err)
			o->n = o->passes[i].mail;
	}
	return o->n ? 0 : err;
}

/* The messages get their numbers in the topic, from @first on. */
void mq_copies_number(struct mq_fanout *o, u64 first)
{
	u32 i;

	for (i = 0; i < o->copy_count && o->copies[i].mail < o->n; i++) {
		struct devmq_extra *own = mq_msg_extra(mq_msg(o->copies[i].e));

		if (likely(own))
			own->topic_id = first + o->copies[i].mail;
	}
	for (i = 0; i < o->n; i++, first++)
		if (unlikely(o->mails[i].topic))
			memcpy(o->mails[i].topic->text, &first, sizeof(first));
}

/* Free the copies that are not linked, and what is the publication's own. */
void mq_copies_free(struct mq_fanout *o)
{
	u32 i;

	for (i = 0; i < o->copy_count; i++) {
		struct mq_copy *c = &o->copies[i];

		if (c->e && !c->linked)
			mq_entry_free(c->e);
		if (!(i % MQ_PORTION))
			cond_resched();
	}
	for (i = 0; i < o->pass_count; i++)
		if (unlikely(o->passes[i].kept))
			mq_entry_free(o->passes[i].kept);
	mq_spreads_put(o);
	for (i = 0; i < o->mail_count; i++) {
		mq_text_put(o->mails[i].topic);
		o->mails[i].topic = NULL;
	}
}
