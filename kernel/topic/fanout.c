// SPDX-License-Identifier: GPL-2.0
/*
 * Where messages go: search the bindings of a topic, and of the topics that it
 * leads to, for each message of a publication.
 *
 * The search runs under RCU and allocates nothing. Amid thousands of headers it drops that
 * for a moment, and begins again if bindings have changed then. What it finds is used under
 * the turns of all topics that were passed, if none of them has changed by then
 * (mq_fanout_check); else the publication begins again. The queues are used
 * before that, to make copies for them, so each has a reference.
 *
 * An open file keeps its last fanout, so that the next publication has the room
 * that this one needed, unless that is much. It is charged for what it keeps.
 */
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/budget.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "memory/text.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/queue.h"
#include "topic/fanout.h"
#include "topic/topic.h"

/* The least room of each kind. */
#define MQ_FANOUT_LEAST	8
/* The most bytes that an open file keeps. */
#define MQ_FANOUT_KEPT	SZ_16K

/* Make room for @need things of @size bytes in *@at, of which @count are in use. */
static int mq_grow(void *at, u32 count, u32 *room, u32 need, size_t size)
{
	void **p = at, *new;
	u32 more;

	if (likely(need <= *room))
		return 0;
	more = roundup_pow_of_two(max_t(u32, MQ_FANOUT_LEAST, need));
	new = kvmalloc_array(more, size, MQ_GFP);
	if (!new)
		return -ENOMEM;
	if (count)
		memcpy(new, *p, count * size);
	kvfree(*p);
	*p = new;
	*room = more;
	return 0;
}

/* Free a fanout that is not in use. It may be NULL. */
void mq_fanout_free(struct mq_fanout *o)
{
	if (!o)
		return;
	if (o->charged)
		mq_uncharge(o->payer, MQ_BESIDE, o->charged);
	mq_matches_free(&o->found);
	kvfree(o->mails);
	kvfree(o->copies);
	kvfree(o->fans);
	kvfree(o->slots);
	kvfree(o->passes);
	kfree(o);
}

/**
 * mq_fanout_get - begin a publication
 * @f: the producer
 * @mails: how many messages it has
 *
 * Return: the fanout, for mq_fanout_put(), or NULL.
 */
struct mq_fanout *mq_fanout_get(struct mq_file *f, u32 mails)
{
	struct mq_fanout *o = xchg(&f->fanout, NULL);

	if (!o)
		o = kzalloc(sizeof(*o), MQ_GFP);
	if (!o)
		return NULL;
	if (mails > o->mail_room) {
		kvfree(o->mails);
		o->mail_room = 0;
		o->mails = kvcalloc(mails, sizeof(*o->mails), MQ_GFP);
		if (!o->mails) {
			mq_fanout_free(o);
			return NULL;
		}
		o->mail_room = mails;
	}
	memset(o->mails, 0, mails * sizeof(*o->mails));
	o->mail_count = mails;
	o->n = 0;
	o->copy_count = 0;
	o->tabled = false;
	o->fan_count = 0;
	o->pass_count = 0;
	o->passed[0] = (struct mq_passed){
		.q = f->q,
		.generation = mq_topic_generation(f->q->topic),
	};
	get_device(&f->q->dev);
	o->passed_count = 1;
	o->durable = f->q->feed.journal;
	o->spreads = NULL;
	o->cost = 0;
	return o;
}

/* Return how many bytes of memory a fanout has. */
static size_t mq_fanout_size(const struct mq_fanout *o)
{
	size_t size = mq_kmalloc_bytes(sizeof(*o)) + mq_matches_size(&o->found) +
		      o->mail_room * sizeof(*o->mails) +
		      o->copy_room * sizeof(*o->copies) +
		      o->fan_room * sizeof(*o->fans) +
		      o->pass_room * sizeof(*o->passes);

	return size + (o->slots ? (o->slot_mask + 1) * sizeof(*o->slots) : 0);
}

/* Return true if the open file may keep a fanout, for which it is charged. */
static bool mq_fanout_charge(struct mq_fanout *o, struct mq_payer *p)
{
	size_t size = mq_fanout_size(o);

	if (likely(size == o->charged))
		return true;
	if (size > MQ_FANOUT_KEPT)
		return false;
	if (o->charged)
		mq_uncharge(o->payer, MQ_BESIDE, o->charged);
	o->payer = p;
	o->charged = mq_charge(p, MQ_BESIDE, size) ? size : 0;
	return o->charged;
}

/*
 * End a publication: drop the references. The copies that are not linked, and
 * what the copies tell of the topic, are the caller's to free.
 */
void mq_fanout_put(struct mq_file *f, struct mq_fanout *o)
{
	u32 i;

	for (i = 0; i < o->fan_count; i++)
		mq_queue_put(o->fans[i].q);
	for (i = 0; i < o->passed_count; i++)
		mq_queue_put(o->passed[i].q);
	if (!mq_fanout_charge(o, f->supply.payer) ||
	    cmpxchg(&f->fanout, NULL, o))
		mq_fanout_free(o);
}

/* Return true if the bindings of a topic that was passed have changed. */
static bool mq_fanout_is_stale(const struct mq_fanout *o)
{
	u32 i;

	for (i = 0; i < o->passed_count; i++)
		if (mq_topic_generation(o->passed[i].q->topic) !=
		    o->passed[i].generation)
			return true;
	return false;
}

/*
 * Ask, under the turns of all topics that were passed, whether what was found is right.
 * Return 0; ESTALE: bindings have changed since; ENODEV: one of the topics is being removed,
 * and may have lost bindings before it was passed.
 */
int mq_fanout_check(const struct mq_fanout *o)
{
	u32 i;

	if (mq_fanout_is_stale(o))
		return -ESTALE;
	for (i = 0; i < o->passed_count; i++)
		if (READ_ONCE(o->passed[i].q->gone))
			return -ENODEV;
	return 0;
}

/* Let others run amid a long search. Return false if what it found may be gone. */
static bool mq_fanout_pause(struct mq_matches *s)
{
	rcu_read_unlock();
	cond_resched();
	rcu_read_lock();
	return !mq_fanout_is_stale(container_of(s, struct mq_fanout, found));
}

/* -- the queues ------------------------------------------------------------ */

/* Return the place of a queue in the table: where it stands, or may stand. */
static u32 *mq_fan_slot(const struct mq_fanout *o, const struct mq_queue *q)
{
	u32 i = hash_ptr(q, 32) & o->slot_mask;

	while (o->slots[i] != MQ_NONE && o->fans[o->slots[i]].q != q)
		i = (i + 1) & o->slot_mask;
	return &o->slots[i];
}

/* Make the table of queues anew, at most half full with all there is room for. */
static int mq_fan_table(struct mq_fanout *o)
{
	u32 i, size = 2 * o->fan_room;

	if (!o->slots || o->slot_mask + 1 < size) {
		kvfree(o->slots);
		o->slots = kvmalloc_array(size, sizeof(*o->slots), MQ_GFP);
		if (!o->slots)
			return -ENOMEM;
		o->slot_mask = size - 1;
	}
	memset(o->slots, 0xff, (o->slot_mask + 1) * sizeof(*o->slots));
	for (i = 0; i < o->fan_count; i++)
		*mq_fan_slot(o, o->fans[i].q) = i;
	o->tabled = true;
	return 0;
}

/*
 * Make room for a message that @more queues may get. The queues of the first
 * message all differ, so they need no table.
 */
static int mq_fan_prepare(struct mq_fanout *o, u32 mail, u32 more)
{
	u32 before = o->fan_room;
	int err;

	err = mq_grow(&o->copies, o->copy_count, &o->copy_room,
		      o->copy_count + more, sizeof(*o->copies)) ?:
	      mq_grow(&o->fans, o->fan_count, &o->fan_room,
		      o->fan_count + more, sizeof(*o->fans)) ?:
	      mq_grow(&o->passes, o->pass_count, &o->pass_room,
		      o->pass_count + DEVMQ_TOPICS_MAX, sizeof(*o->passes));
	if (!err && mail && (!o->tabled || before != o->fan_room))
		err = mq_fan_table(o);
	return err;
}

/* Return true if mq_fan_prepare() has been called for so many. */
static bool mq_fan_has_room(const struct mq_fanout *o, u32 mail, u32 more)
{
	return o->copy_count + more <= o->copy_room &&
	       o->fan_count + more <= o->fan_room &&
	       (!mail || o->tabled);
}

/* Return the number of a queue, which is added unless it is there. */
static u32 mq_fan_of(struct mq_fanout *o, u32 mail, struct mq_queue *q)
{
	u32 *slot = mail ? mq_fan_slot(o, q) : NULL;

	if (slot && *slot != MQ_NONE)
		return *slot;
	if (slot)
		*slot = o->fan_count;
	get_device(&q->dev);
	o->durable = o->durable || q->feed.journal;
	o->fans[o->fan_count] = (struct mq_fan){
		.q = q, .first = MQ_NONE, .last = MQ_NONE,
	};
	return o->fan_count++;
}

/* A message goes to a queue. */
static void mq_copy_add(struct mq_fanout *o, u32 mail, struct mq_bound *b)
{
	struct mq_fan *fan = &o->fans[mq_fan_of(o, mail, mq_bound_queue(b))];
	u32 i = o->copy_count++;

	o->copies[i] = (struct mq_copy){
		.binding = container_of(b, struct mq_binding, bound),
		.q = fan->q,
		.mail = mail,
		.next = MQ_NONE,
	};
	if (fan->last == MQ_NONE)
		fan->first = i;
	else
		o->copies[fan->last].next = i;
	fan->last = i;
}

/* -- the topics ------------------------------------------------------------ */

/*
 * Return the number of a topic among those that were passed, to which it is
 * added; or ELOOP if they are too many.
 */
static int mq_passed_add(struct mq_fanout *o, struct mq_queue *q)
{
	u32 i;

	for (i = 0; i < o->passed_count; i++)
		if (o->passed[i].q == q)
			return i;
	if (i == DEVMQ_TOPICS_MAX)
		return -ELOOP;
	get_device(&q->dev);
	o->durable = o->durable || q->feed.journal;
	o->passed[i] = (struct mq_passed){
		.q = q, .generation = mq_topic_generation(q->topic),
	};
	o->passed_count++;
	return i;
}

/*
 * Search one topic. Return 0; ENOSPC: the search needs more room; ENOENT: nobody
 * takes the message, and the sender is to be told; or ELOOP: too many topics are
 * passed.
 */
static int mq_pass_topic(struct mq_fanout *o, u32 mail, struct mq_queue *q,
			 struct mq_binding *by, const struct mq_matched *m)
{
	struct mq_binding *alternate;
	int ret, passed;

	passed = mq_passed_add(o, q);
	if (passed < 0)
		return passed;
	ret = mq_match(q->topic->index, m, &o->found);
	if (!ret) {
		alternate = rcu_dereference(q->topic->alternate);
		if (alternate) {
			ret = mq_matches_add(&o->found, &alternate->bound);
			ret = ret < 0 ? ret : 1;
		}
	}
	if (ret < 0)
		return ret;
	if (!ret && READ_ONCE(q->opt.on_unrouted) == MQ_UNROUTED_REFUSE)
		return -ENOENT;
	o->passes[o->pass_count++] = (struct mq_pass){
		.binding = by, .mail = mail, .passed = passed, .routed = ret,
	};
	return 0;
}

/* Search all topics that a message passes. Return as mq_pass_topic(). */
static int mq_pass_topics(struct mq_fanout *o, u32 mail,
			  const struct mq_matched *m)
{
	u32 i;
	int err;

	err = mq_pass_topic(o, mail, o->passed[0].q, NULL, m);
	/* What is found at one topic may be the next. */
	for (i = 0; !err && i < o->found.count; i++) {
		struct mq_bound *b = o->found.found[i];

		if (mq_bound_queue(b)->topic)
			err = mq_pass_topic(o, mail, mq_bound_queue(b),
					    container_of(b, struct mq_binding,
							 bound), m);
	}
	return err;
}

/*
 * Search under RCU. Return 0, ENOENT, ELOOP, or ENOSPC: more room is needed, in
 * @o->found, or for as many copies as were found; or ESTALE: bindings have changed.
 */
static int mq_fanout_search(struct mq_fanout *o, u32 mail,
			    const struct mq_matched *m)
{
	u32 i, before = o->pass_count;
	int err;

	mq_matches_begin(&o->found);
	o->found.pause = mq_fanout_pause;
	rcu_read_lock();
	err = mq_pass_topics(o, mail, m);
	if (!err && !mq_fan_has_room(o, mail, o->found.count))
		err = -ENOSPC;
	for (i = 0; !err && i < o->found.count; i++)
		if (!mq_bound_queue(o->found.found[i])->topic)
			mq_copy_add(o, mail, o->found.found[i]);
	rcu_read_unlock();
	if (err)
		o->pass_count = before;
	return err;
}

/**
 * mq_fanout_route - find where a message goes
 * @o: the publication
 * @mail: the number of the message, which is the next one
 *
 * Return: 0, and its copies are added, without entries; or ENOENT: nobody takes
 * it, and the sender is to be told; ENOMEM; ELOOP; ESTALE.
 */
int mq_fanout_route(struct mq_fanout *o, u32 mail)
{
	const struct mq_msg *msg = mq_msg(o->mails[mail].e);
	struct mq_matched m = {
		.key = mq_entry_data(o->mails[mail].e),
		.headers = mq_entry_data(o->mails[mail].e) + msg->key_size,
		.key_size = msg->key_size,
		.headers_size = msg->headers_size,
	};
	u32 count;
	int err;

	err = mq_fan_prepare(o, mail, MQ_FANOUT_LEAST);
	while (!err) {
		err = mq_fanout_search(o, mail, &m);
		if (likely(err != -ENOSPC))
			break;
		count = o->found.count;
		err = mq_matches_grow(&o->found) ?:
		      mq_fan_prepare(o, mail, count);
		cond_resched();
	}
	return err;
}
