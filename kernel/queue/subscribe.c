// SPDX-License-Identifier: GPL-2.0
/*
 * The bindings that lead to a queue from topics of the same journal, as the journal
 * keeps them: with what the queue is. So a queue that is removed takes its bindings
 * along, and one that is bound to many topics or by many filters is written anew for
 * each.
 *
 * They are kept here, and not looked for where the topics have them, so that the
 * thread of the journal finds them while the journal is being detached: then the
 * queues are unbound already.
 */
#include <linux/align.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "journal/objects.h"
#include "journal/record.h"
#include "queue/names.h"
#include "queue/persist.h"
#include "queue/queue.h"
#include "queue/subscribe.h"

/**
 * struct mq_subscription - a binding
 * @next: the next binding of the queue, or NULL
 * @topic: the topic that it leads from, which cannot go before the binding
 * @id: its number there
 * @size: bytes of @filter
 * @level: the queue has got what it was to catch up with: only then is the binding
 *	written
 * @filter: the words of the filter, each ended by a zero byte
 */
struct mq_subscription {
	struct mq_subscription	*next;
	struct mq_feed		*topic;
	u64			id;
	u16			size;
	bool			level;
	char			filter[];
};

/* Return the bytes of a binding in the record of its queue. */
static u32 mq_subscription_bytes(size_t filter_size)
{
	return ALIGN(sizeof(struct mq_j_binding) + filter_size, 8);
}

/* Return the bytes of memory that a binding takes here. */
size_t mq_subscription_cost(size_t filter_size)
{
	return mq_kmalloc_bytes(struct_size_t(struct mq_subscription, filter,
					      filter_size));
}

/*
 * Return what a binding counts in mq_journal.live: as a large record does, since it is
 * in one with the others of its queue (mq_persist_cost).
 */
static u64 mq_subscription_live(size_t filter_size)
{
	return 2 * mq_subscription_bytes(filter_size);
}

/* Return whether the record of a queue has room for @bytes more of bindings. */
static bool mq_subscription_fits(const struct mq_queue *q, u32 bytes)
{
	const struct mq_subscription *s;

	for (s = q->feed.subscribed; s; s = s->next)
		bytes += mq_subscription_bytes(s->size);
	return bytes <= MQ_DEFINITION_BINDINGS;
}

/**
 * mq_subscribe - let the journal of a queue keep a binding
 * @q: the queue
 * @topic: the topic, which is in the same journal
 * @id: number of the binding there
 * @filter: the words of the filter, each ended by a zero byte
 * @size: bytes of these
 * @level: write it; otherwise mq_subscription_level() will say so
 *
 * The memory is charged with the binding: mq_subscription_cost().
 *
 * Return: 0, ENOMEM, or ENOSPC: there are too many, or the journal is full.
 */
int mq_subscribe(struct mq_queue *q, struct mq_queue *topic, u64 id,
		 const char *filter, size_t size, bool level)
{
	struct mq_journal *j = q->feed.journal;
	struct mq_subscription *s;

	lockdep_assert_held(&mq_registry_lock);
	if (!mq_subscription_fits(q, mq_subscription_bytes(size)))
		return -ENOSPC;
	/* While it is being attached, it has the binding already. */
	if (READ_ONCE(j->ready) && !mq_journal_fits(j, mq_subscription_live(size)))
		return -ENOSPC;
	s = kmalloc(struct_size(s, filter, size), GFP_KERNEL_ACCOUNT);
	if (!s)
		return -ENOMEM;
	s->topic = &topic->feed;
	s->id = id;
	s->size = size;
	s->level = level;
	memcpy(s->filter, filter, size);
	atomic64_add(mq_subscription_live(size), &j->live);
	spin_lock(&q->lock);
	s->next = q->feed.subscribed;
	q->feed.subscribed = s;
	spin_unlock(&q->lock);
	if (level)
		mq_persist_defined(q);
	return 0;
}

/* Return the pointer to a binding, or the one at the end, which is NULL. */
static struct mq_subscription **mq_subscription_find(struct mq_queue *q,
						     struct mq_queue *topic, u64 id)
{
	struct mq_subscription **s;

	lockdep_assert_held(&mq_registry_lock);
	for (s = &q->feed.subscribed; *s; s = &(*s)->next)
		if ((*s)->topic == &topic->feed && (*s)->id == id)
			break;
	return s;
}

/* The queue has got what it was to catch up with. */
void mq_subscription_level(struct mq_queue *q, struct mq_queue *topic, u64 id)
{
	struct mq_subscription *s = *mq_subscription_find(q, topic, id);

	if (!s)
		return;
	spin_lock(&q->lock);
	s->level = true;
	spin_unlock(&q->lock);
	mq_persist_defined(q);
}

/*
 * A binding is gone; but not for the journal, if that is being detached with the
 * queue.
 */
void mq_unsubscribe(struct mq_queue *q, struct mq_queue *topic, u64 id)
{
	struct mq_subscription **at = mq_subscription_find(q, topic, id), *s = *at;

	if (!s || READ_ONCE(q->feed.detaching))
		return;
	spin_lock(&q->lock);
	*at = s->next;
	spin_unlock(&q->lock);
	atomic64_sub(mq_subscription_live(s->size), &q->feed.journal->live);
	kfree(s);
	if (!READ_ONCE(q->gone))
		mq_persist_defined(q);
}

/* Free the bindings of a queue that is being freed. */
void mq_subscriptions_free(struct mq_queue *q)
{
	struct mq_subscription *s;

	while ((s = q->feed.subscribed)) {
		q->feed.subscribed = s->next;
		kfree(s);
	}
}

/*
 * Add the bindings to the record of what a queue is, which has room for
 * MQ_DEFINITION_BINDINGS bytes of them. The thread of the journal calls this.
 */
void mq_subscriptions_write_locked(struct mq_queue *q, struct mq_j_queue *r)
{
	u32 size = mq_j_queue_size(r);
	u8 *from = (u8 *)r + ALIGN(size, 8), *to = from;
	const struct mq_subscription *s;

	lockdep_assert_held(&q->lock);
	memset((u8 *)r + size, 0, ALIGN(size, 8) - size);
	for (s = q->feed.subscribed; s; s = s->next) {
		struct mq_j_binding *b = (void *)to;

		if (!s->level)
			continue;
		mq_feed_add(q->feed.journal, s->topic);
		memset(b, 0, mq_subscription_bytes(s->size));
		b->topic = cpu_to_le64(s->topic->serial);
		b->id = cpu_to_le64(s->id);
		b->filter_size = cpu_to_le16(s->size);
		memcpy(b + 1, s->filter, s->size);
		to += mq_subscription_bytes(s->size);
	}
	r->bindings_size = cpu_to_le32(to - from);
}
