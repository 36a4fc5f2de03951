// SPDX-License-Identifier: GPL-2.0
/*
 * The messages and the queues that a journal has, by their serials, and how many
 * bytes of each segment the messages need. All of this belongs to the thread of the journal.
 */
#include <linux/build_bug.h>
#include <linux/hash.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "base/base.h"
#include "journal/objects.h"
#include "memory/durable.h"

/* Bytes of the file for each list of messages: a small message takes 256. */
#define MQ_OBJECT_BYTES	1024

/* Bounds of the logarithm of the number of lists. */
#define MQ_OBJECT_BITS_MIN	10
#define MQ_OBJECT_BITS_MAX	24

/* Lists that are gone through at a time. */
#define MQ_OBJECT_PORTION	4096

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

/*
 * Note that the segment at @segment has the message now, in @size bytes of the block at
 * @block.
 */
void mq_objects_body(struct mq_journal *j, struct mq_durable *d, u32 segment,
		     u32 block, u32 size)
{
	struct mq_where *at = &d->at[j->side];

	BUILD_BUG_ON(MQ_J_COUNT_MAX > U16_MAX);

	j->segments[at->segment].live -= at->size;
	at->segment = segment;
	at->block = block;
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

/* Add a message, unless it is there already. */
void mq_objects_add(struct mq_journal *j, struct mq_durable *d)
{
	if (hlist_unhashed(&d->hash))
		hlist_add_head(&d->hash, mq_objects_of(j, d->serial));
}

/* The segments of a file need a message no longer. */
static void mq_objects_leave(struct mq_journal *j, struct mq_durable *d)
{
	mq_objects_body(j, d, d->at[j->side].segment, 0, 0);
	mq_objects_state(j, d, d->at[j->side].state_segment, 0);
}

/* Remove a message. */
void mq_objects_del(struct mq_journal *j, struct mq_durable *d)
{
	mq_objects_leave(j, d);
	if (j->next)
		mq_objects_leave(j->next, d);
	hlist_del_init(&d->hash);
}

/* Return a serial for a message or a queue. */
u64 mq_objects_serial(struct mq_journal *j)
{
	u64 serial = j->serial++;

	if (j->next)
		j->next->serial = j->serial;
	return serial;
}

/*
 * Use the lists of @to, of which there are at least as many, instead of those of
 * @j. Its own are freed.
 */
static void mq_objects_rehash(struct mq_journal *j, struct mq_journal *to)
{
	struct hlist_node *next;
	struct mq_durable *d;
	u64 i;

	for (i = 0; i < 1ULL << j->hash_bits; i++) {
		hlist_for_each_entry_safe(d, next, &j->objects[i], hash) {
			hlist_del(&d->hash);
			hlist_add_head(&d->hash, mq_objects_of(to, d->serial));
		}
		cond_resched();
	}
	kvfree(j->objects);
	j->objects = to->objects;
	j->hash_bits = to->hash_bits;
}

/* Let another file of the journal find its messages and queues here as well. */
void mq_objects_share(struct mq_journal *j, struct mq_journal *with)
{
	if (with->hash_bits > j->hash_bits)
		mq_objects_rehash(j, with);
	else
		kvfree(with->objects);
	with->objects = j->objects;
	with->hash_bits = j->hash_bits;
	kvfree(with->scratch);
	with->scratch = j->scratch;
}

void mq_objects_unshare(struct mq_journal *with)
{
	with->objects = NULL;
	with->scratch = NULL;
}

/*
 * Forget where the file on a side has the messages of the lists from @list on, a
 * portion of these. Return the next list, or 0: those were all.
 */
u64 mq_objects_clear(struct mq_journal *j, u32 side, u64 list)
{
	u64 end = min(list + MQ_OBJECT_PORTION, 1ULL << j->hash_bits);
	struct mq_durable *d;

	for (; list < end; list++)
		hlist_for_each_entry(d, &j->objects[list], hash)
			memset(&d->at[side], 0, sizeof(d->at[side]));
	return end == 1ULL << j->hash_bits ? 0 : end;
}

/* -- queues ------------------------------------------------------------------ */

static struct hlist_head *mq_feeds_of(struct mq_journal *j, u64 serial)
{
	return &j->scratch->feeds[hash_64(serial, MQ_FEED_BITS)];
}

/* Give a queue a serial, and let it be found by that, unless that was done. */
void mq_feed_add(struct mq_journal *j, struct mq_feed *f)
{
	if (!f->serial)
		f->serial = mq_objects_serial(j);
	if (hlist_unhashed(&f->by_serial) && !list_empty(&f->link))
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
