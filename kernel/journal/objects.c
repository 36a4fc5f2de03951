// SPDX-License-Identifier: GPL-2.0
/*
 * The messages and the queues that a journal has, by their serials, and how many
 * bytes of each segment the messages need. All of this belongs to the thread of the journal.
 */
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>

#include "base/base.h"
#include "journal/objects.h"
#include "memory/durable.h"

/* Bytes of the file for each list of messages: a small message takes 256. */
#define MQ_OBJECT_BYTES	1024

/* Bounds of the logarithm of the number of lists. */
#define MQ_OBJECT_BITS_MIN	10
#define MQ_OBJECT_BITS_MAX	24

int mq_objects_init(struct mq_journal *j)
{
	u64 bytes = (u64)j->shape.segment_size * j->shape.count;

	j->hash_bits = clamp_t(u32, ilog2(bytes / MQ_OBJECT_BYTES),
			       MQ_OBJECT_BITS_MIN, MQ_OBJECT_BITS_MAX);
	j->objects = kvcalloc(1UL << j->hash_bits, sizeof(*j->objects),
			      GFP_KERNEL_ACCOUNT);
	return j->objects ? 0 : -ENOMEM;
}

/* Forget the messages, which are not the journal's any more. */
void mq_objects_exit(struct mq_journal *j)
{
	kvfree(j->objects);
	j->objects = NULL;
}

static struct hlist_head *mq_objects_of(struct mq_journal *j, u64 serial)
{
	return &j->objects[hash_64(serial, j->hash_bits)];
}

struct mq_durable *mq_objects_find(struct mq_journal *j, u64 serial)
{
	struct mq_durable *d;

	hlist_for_each_entry(d, mq_objects_of(j, serial), hash)
		if (d->serial == serial)
			return d;
	return NULL;
}

/* Note that the segment at @segment has the message now, in @size bytes. */
void mq_objects_body(struct mq_journal *j, struct mq_durable *d, u32 segment,
		     u32 size)
{
	struct mq_where *at = &d->at[j->side];

	j->segments[at->segment].live -= at->size;
	at->segment = segment;
	at->size = size;
	j->segments[segment].live += size;
}

/*
 * Note that the segment at @segment has the newest state, in a record of @size
 * bytes; 0: it is in that of the message.
 */
void mq_objects_state(struct mq_journal *j, struct mq_durable *d, u32 segment,
		      u32 size)
{
	struct mq_where *at = &d->at[j->side];

	j->segments[at->state_segment].live -= at->state_size;
	at->state_segment = segment;
	at->state_size = size;
	j->segments[segment].live += size;
}

void mq_objects_add(struct mq_journal *j, struct mq_durable *d)
{
	hlist_add_head(&d->hash, mq_objects_of(j, d->serial));
}

/* Remove a message: its segments need it no longer. */
void mq_objects_del(struct mq_journal *j, struct mq_durable *d)
{
	mq_objects_body(j, d, d->at[j->side].segment, 0);
	mq_objects_state(j, d, d->at[j->side].state_segment, 0);
	hlist_del(&d->hash);
}

/* -- queues ------------------------------------------------------------------ */

static struct hlist_head *mq_feeds_of(struct mq_journal *j, u64 serial)
{
	return &j->scratch->feeds[hash_64(serial, MQ_FEED_BITS)];
}

void mq_feed_add(struct mq_journal *j, struct mq_feed *f)
{
	hlist_add_head(&f->by_serial, mq_feeds_of(j, f->serial));
}

/* Return the feed of a queue, or NULL: it was removed. */
struct mq_feed *mq_feed_find(struct mq_journal *j, u64 serial)
{
	struct mq_feed *f;

	hlist_for_each_entry(f, mq_feeds_of(j, serial), by_serial)
		if (f->serial == serial)
			return f;
	return NULL;
}
