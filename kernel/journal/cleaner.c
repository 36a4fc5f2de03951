// SPDX-License-Identifier: GPL-2.0
/*
 * Making room. The cleaner chooses a segment, copies what is needed of it to the
 * cold stream, and leaves the segment out of the next map.
 *
 * What is needed: a message that is not gone, if this is the segment that has
 * it; its newest state; what a queue is, and its ceilings; an end, as long as
 * the segment that it names is in the map, because the message is there; a
 * de-duplication id until its window ends. Records are copied as they are, so
 * the queues have no part in it.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "base/base.h"
#include "journal/cleaner.h"
#include "journal/jtrace.h"
#include "journal/log.h"
#include "journal/objects.h"
#include "journal/record.h"
#include "journal/feed.h"
#include "memory/durable.h"

/* De-duplication ids are kept for so long after the end of their window. */
#define MQ_CLEAN_SLACK	(10 * NSEC_PER_SEC)

/* Below this share of free places segments are cleaned before they must be. */
#define MQ_CLEAN_SHARE	8

/**
 * struct mq_cleaning - the cleaning of a segment
 * @j: the journal
 * @position: place of the segment
 * @alive: how many segments there are in mq_journal.alive
 * @now: CLOCK_REALTIME
 */
struct mq_cleaning {
	struct mq_journal	*j;
	u32			position;
	u32			alive;
	u64			now;
};

/* Return the bytes of a segment that may be needed. */
static u64 mq_clean_used(const struct mq_segment *g, u64 now)
{
	return (u64)g->live + g->ends +
	       (g->dedup_until > now ? g->dedups : 0);
}

/*
 * Return how much it is worth to clean a segment: the bytes that this frees,
 * times its age, by the bytes that have to be read and written. An old segment
 * that is half full is better than a new one: more of the new one goes by
 * itself.
 */
static u64 mq_clean_worth(const struct mq_journal *j, const struct mq_segment *g,
			  u64 now)
{
	u64 size = j->shape.segment_size, used = mq_clean_used(g, now);
	u64 age = min_t(u64, j->begun - g->closed + 1, 1 << 20);

	if (used >= size)
		return 1;
	return 2 + div64_u64((size - used) * age, size + used);
}

/*
 * Choose a segment. Those that have older copies of messages come first. If room
 * is needed at once, take what frees the most. Return its place, or the number
 * of places: there is none.
 */
static u32 mq_clean_choose(const struct mq_journal *j, u64 now, bool must)
{
	u32 i, best = j->shape.count;
	u64 most = 0;

	for (i = 0; i < j->shape.count; i++) {
		const struct mq_segment *g = &j->segments[i];
		u64 worth;

		if (g->state != MQ_SEGMENT_CLOSED)
			continue;
		if (g->stale)
			return i;
		worth = must ? 1 + max_t(s64, (s64)j->shape.segment_size -
					 mq_clean_used(g, now), 0) :
			       mq_clean_worth(j, g, now);
		if (worth > most) {
			most = worth;
			best = i;
		}
	}
	return best;
}

static int mq_clean_order(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Note the sequences of all segments that are needed, but for the one cleaned. */
static void mq_clean_begin(struct mq_cleaning *c)
{
	struct mq_journal *j = c->j;
	u32 i;

	c->alive = 0;
	for (i = 0; i < j->shape.count; i++)
		if (i != c->position && mq_log_is_needed(&j->segments[i]))
			j->alive[c->alive++] = j->segments[i].sequence;
	sort(j->alive, c->alive, sizeof(*j->alive), mq_clean_order, NULL);
}

/* Return how many of the segments have @sequence or a lower one. */
static u32 mq_clean_upto(const struct mq_cleaning *c, u64 sequence)
{
	u32 low = 0, high = c->alive;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (c->j->alive[middle] <= sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Return whether an end is needed: its message, or older ones, are there. */
static bool mq_clean_needs_end(const struct mq_cleaning *c, u64 segment)
{
	u64 sequence = segment & ~MQ_J_OR_BEFORE;
	u32 n = mq_clean_upto(c, sequence);

	if (segment & MQ_J_OR_BEFORE)
		return n;
	return n && c->j->alive[n - 1] == sequence;
}

/* Copy a record to the cold stream. Return the copy or an error. */
static void *mq_clean_copy(struct mq_cleaning *c, const struct mq_j_record *r)
{
	u32 size = le32_to_cpu(r->size);
	void *to = mq_log_add(c->j, MQ_J_COLD, size, r->type);

	if (IS_ERR(to))
		return to;
	memcpy(to, r, size);
	c->j->cleaned += size;
	return to;
}

/* Return a copy of a message, or NULL: it is gone, or not this record has it. */
static struct mq_durable *mq_clean_alive(const struct mq_cleaning *c,
					 const struct mq_j_state *s)
{
	struct mq_durable *d = mq_objects_find(c->j, le64_to_cpu(s->serial));
	const struct mq_where *at = d ? &d->at[c->j->side] : NULL;

	return at && at->segment == c->position && at->size ? d : NULL;
}

/* Return the bytes of a copy in the record of its message. */
static u32 mq_clean_copy_size(const struct mq_j_copy *copy)
{
	return ALIGN(sizeof(*copy->s) + copy->origin.size + copy->note.size, 8);
}

/*
 * Write the copies of a message that are alive to @to, and note that they are there.
 * The first one counts the rest of the record, of @size bytes without the copies.
 */
static void mq_clean_copies(struct mq_cleaning *c, const struct mq_j_message *m,
			    u8 *to, u32 size)
{
	const struct mq_stream *cold = &c->j->streams[MQ_J_COLD];
	struct mq_j_copies all;
	struct mq_j_copy copy;

	mq_j_copies_begin(m, &all);
	while (mq_j_copies_next(&all, &copy)) {
		struct mq_durable *d = mq_clean_alive(c, copy.s);
		u32 step = mq_clean_copy_size(&copy);

		if (!d)
			continue;
		memcpy(to, copy.s, step);
		to += step;
		mq_objects_body(c->j, d, cold->position, cold->start, step + size);
		size = 0;
	}
}

/*
 * Copy a message, with those of its copies that are alive. The others must not be
 * copied: that they are gone is written only as long as this segment is there.
 */
static int mq_clean_message(struct mq_cleaning *c, const struct mq_j_message *m)
{
	u32 before = le32_to_cpu(m->copies_size), n = 0, size = 0, rest;
	const u8 *from = (const u8 *)(m + 1) + before;
	struct mq_j_message *to;
	struct mq_j_record head;
	struct mq_j_copies all;
	struct mq_j_copy copy;

	mq_j_copies_begin(m, &all);
	while (mq_j_copies_next(&all, &copy)) {
		if (!mq_clean_alive(c, copy.s))
			continue;
		size += mq_clean_copy_size(&copy);
		n++;
	}
	if (!n)
		return 0;
	rest = le32_to_cpu(m->r.size) - sizeof(*m) - before;
	to = mq_log_add(c->j, MQ_J_COLD, sizeof(*m) + size + rest, MQ_J_MESSAGE);
	if (IS_ERR(to))
		return PTR_ERR(to);
	head = to->r;
	*to = *m;
	to->r = head;
	to->copies = cpu_to_le16(n);
	to->copies_size = cpu_to_le32(size);
	memcpy((u8 *)(to + 1) + size, from, rest);
	mq_clean_copies(c, m, (u8 *)(to + 1), ALIGN(sizeof(*m) + size + rest, 8) - size);
	c->j->cleaned += sizeof(*m) + size + rest;
	return 0;
}

static int mq_clean_state(struct mq_cleaning *c,
			  const struct mq_j_state_record *r)
{
	struct mq_durable *d = mq_objects_find(c->j, le64_to_cpu(r->s.serial));
	const struct mq_where *at = d ? &d->at[c->j->side] : NULL;
	void *to;

	if (!at || d->version != le32_to_cpu(r->s.version) ||
	    !at->state_size || at->state_segment != c->position)
		return 0;
	to = mq_clean_copy(c, &r->r);
	if (IS_ERR(to))
		return PTR_ERR(to);
	mq_objects_state(c->j, d, c->j->streams[MQ_J_COLD].position,
			 at->state_size);
	return 0;
}

/* Count an end in the segment that has it. */
void mq_clean_count_end(struct mq_segment *g, u64 segment)
{
	u64 sequence = segment & ~MQ_J_OR_BEFORE;

	g->ends += sizeof(struct mq_j_gone);
	if (sequence != g->sequence || segment & MQ_J_OR_BEFORE) {
		g->first_end = segment & MQ_J_OR_BEFORE ? 0 :
			       min(g->first_end, sequence);
		g->last_end = max(g->last_end, sequence);
	}
}

/* Copy those ends of a record that are needed. */
static int mq_clean_ends(struct mq_cleaning *c, const struct mq_j_end *e)
{
	u32 i, k = 0, n = 0, count = mq_j_end_count(e);
	struct mq_j_end *to;

	for (i = 0; i < count; i++)
		n += mq_clean_needs_end(c, le64_to_cpu(e->gone[i].segment));
	if (!n)
		return 0;
	to = mq_log_add(c->j, MQ_J_COLD, struct_size(e, gone, n), MQ_J_END);
	if (IS_ERR(to))
		return PTR_ERR(to);
	for (i = 0; i < count; i++) {
		u64 segment = le64_to_cpu(e->gone[i].segment);

		if (!mq_clean_needs_end(c, segment))
			continue;
		to->gone[k++] = e->gone[i];
		mq_clean_count_end(mq_log_segment(c->j, MQ_J_COLD), segment);
	}
	c->j->cleaned += n * sizeof(*e->gone);
	return 0;
}

static int mq_clean_queue(struct mq_cleaning *c, const struct mq_j_queue *q)
{
	struct mq_feed *f = mq_feed_find(c->j, le64_to_cpu(q->serial));
	struct mq_feed_where *at = f ? &f->at[c->j->side] : NULL;
	void *to;

	/* Of a queue that was just recovered it is not known where this is. */
	if (!at || f->version != le32_to_cpu(q->version) ||
	    (at->size && at->segment != c->position))
		return 0;
	to = mq_clean_copy(c, &q->r);
	if (IS_ERR(to))
		return PTR_ERR(to);
	c->j->segments[at->segment].live -= at->size;
	at->segment = c->j->streams[MQ_J_COLD].position;
	at->size = ALIGN(le32_to_cpu(q->r.size), 8);
	c->j->segments[at->segment].live += at->size;
	/* After a crash both segments may have it. */
	at->older = true;
	return 0;
}

static int mq_clean_ceiling(struct mq_cleaning *c, const struct mq_j_ceiling *r)
{
	struct mq_feed *f = mq_feed_find(c->j, le64_to_cpu(r->queue));
	struct mq_feed_where *at = f ? &f->at[c->j->side] : NULL;
	void *to;

	if (!at || (at->raised && (at->ceiling_segment != c->position ||
				   f->ceiling != le64_to_cpu(r->version))))
		return 0;
	to = mq_clean_copy(c, &r->r);
	if (IS_ERR(to) || !at->raised)
		return PTR_ERR_OR_ZERO(to);
	c->j->segments[c->position].live -= sizeof(*r);
	at->ceiling_segment = c->j->streams[MQ_J_COLD].position;
	c->j->segments[at->ceiling_segment].live += sizeof(*r);
	return 0;
}

/*
 * Return until when a de-duplication id of a queue is needed, CLOCK_REALTIME, and some
 * more: if the window is changed at its end, the thread hears of that a bit later.
 */
u64 mq_clean_dedup_end(struct mq_feed *f, u64 sent)
{
	u64 end = sent + f->ops->window(f) + MQ_CLEAN_SLACK;

	return end < sent ? U64_MAX : end;
}

static void mq_clean_window_of(struct mq_journal *j, u64 end)
{
	u32 i;

	for (i = 0; i < j->shape.count; i++)
		if (j->segments[i].dedups)
			j->segments[i].dedup_until =
				max(j->segments[i].dedup_until, end);
}

/*
 * If the window of a queue has become longer, so have segments to be kept that may have
 * ids of it.
 */
void mq_clean_window(struct mq_journal *j, struct mq_feed *f)
{
	u64 window = f->ops->window(f);

	if (window > f->window && f->version) {
		u64 end = mq_clean_dedup_end(f, ktime_get_real_ns());

		mq_clean_window_of(j, end);
		if (j->next)
			mq_clean_window_of(j->next, end);
	}
	f->window = window;
}

static int mq_clean_dedup(struct mq_cleaning *c, const struct mq_j_dedup *d)
{
	struct mq_feed *f = mq_feed_find(c->j, le64_to_cpu(d->queue));
	struct mq_segment *g;
	void *to;
	u64 end;

	if (!f)
		return 0;
	/* That an id was forgotten is of interest until its window ends. */
	end = mq_clean_dedup_end(f, le64_to_cpu(d->sent_ns));
	if (le32_to_cpu(d->r.size) == sizeof(*d) && end <= c->now)
		return 0;
	if (le32_to_cpu(d->r.size) > sizeof(*d) &&
	    !f->ops->remembers(f, le64_to_cpu(d->id)))
		return 0;
	to = mq_clean_copy(c, &d->r);
	if (IS_ERR(to))
		return PTR_ERR(to);
	g = mq_log_segment(c->j, MQ_J_COLD);
	g->dedups += ALIGN(le32_to_cpu(d->r.size), 8);
	g->dedup_until = max(g->dedup_until, end);
	return 0;
}

/* Copy a record if it is needed. */
static int mq_clean_record(struct mq_cleaning *c, const struct mq_j_record *r)
{
	switch (r->type) {
	case MQ_J_QUEUE:
		return mq_clean_queue(c, (const void *)r);
	case MQ_J_CEILING:
		return mq_clean_ceiling(c, (const void *)r);
	case MQ_J_MESSAGE:
		return mq_clean_message(c, (const void *)r);
	case MQ_J_STATE:
		return mq_clean_state(c, (const void *)r);
	case MQ_J_END:
		return mq_clean_ends(c, (const void *)r);
	default:
		return mq_clean_dedup(c, (const void *)r);
	}
}

static int mq_clean_block(struct mq_cleaning *c, const struct mq_j_block *b)
{
	const struct mq_j_record *r;
	u32 offset = 0;
	int err = 0;

	while (!err && (r = mq_j_record_next(b, &offset)))
		err = mq_j_record_is_valid(r) ? mq_clean_record(c, r) : -EUCLEAN;
	return err;
}

/* Return the block at an offset of the segment that is being cleaned. */
static const struct mq_j_block *mq_clean_block_at(const struct mq_cleaning *c,
						  u32 seed, u32 offset)
{
	const struct mq_journal *j = c->j;
	const struct mq_j_block *b = (const void *)(j->victim + offset);

	if (offset >= j->shape.segment_size ||
	    !mq_j_block_is_valid(b, j->shape.segment_size - offset, seed,
				 j->segments[c->position].sequence, offset,
				 j->shape.unit))
		return NULL;
	return b;
}

/*
 * Copy what is needed of a segment. It was flushed as a whole, or recovery has
 * cut what was torn, so it ends with its last block or where none is valid.
 */
static int mq_clean_copy_all(struct mq_cleaning *c)
{
	struct mq_journal *j = c->j;
	const struct mq_j_segment *h = (const void *)j->victim;
	u32 seed, offset = mq_j_header_size(&j->shape);
	const struct mq_j_block *b;
	bool last = false;
	int err;

	j->fetched.sequence = 0;
	err = mq_medium_read(&j->medium, mq_j_segment_at(&j->shape, c->position),
			     j->victim, j->shape.segment_size);
	if (err)
		return err;
	if (!mq_j_segment_is_valid(h, &j->shape, c->position))
		return -EUCLEAN;
	seed = mq_j_seed(&j->shape, le64_to_cpu(h->epoch));
	while (!err && !last) {
		b = mq_clean_block_at(c, seed, offset);
		if (!b)
			break;
		err = mq_clean_block(c, b);
		offset += le32_to_cpu(b->size);
		last = le32_to_cpu(b->flags) & MQ_J_BLOCK_LAST;
		cond_resched();
	}
	if (!err && !last && le64_to_cpu(h->epoch) == j->epoch)
		err = -EUCLEAN;
	return err;
}

/*
 * Return whether nothing in a segment is needed, as far as the counts tell. Its
 * ends are needed only while a segment that they name is there.
 */
static bool mq_clean_is_empty(const struct mq_cleaning *c,
			      const struct mq_segment *g)
{
	if (g->live || g->stale || g->unknown ||
	    (g->dedups && g->dedup_until > c->now))
		return false;
	if (!g->last_end)
		return true;
	return mq_clean_upto(c, g->last_end) ==
	       (g->first_end ? mq_clean_upto(c, g->first_end - 1) : 0);
}

/* Leave a segment out of the map from now on. */
static void mq_clean_leave(struct mq_journal *j, u32 position)
{
	WARN_ON_ONCE(j->segments[position].live);
	j->segments[position].state = MQ_SEGMENT_LEFT;
	j->left++;
}

/*
 * Leave out all segments that are empty already. Return whether there were any.
 * What made them empty is on stable storage.
 */
static bool mq_clean_empty_ones(struct mq_cleaning *c)
{
	struct mq_journal *j = c->j;
	bool any = false;
	u32 i;

	/* These have to be left out before any other is. */
	for (i = 0; i < j->shape.count; i++)
		if (j->segments[i].state == MQ_SEGMENT_CLOSED &&
		    j->segments[i].stale)
			return false;
	c->position = j->shape.count;
	mq_clean_begin(c);
	for (i = 0; i < j->shape.count; i++) {
		struct mq_segment *g = &j->segments[i];

		if (g->state != MQ_SEGMENT_CLOSED || !mq_clean_is_empty(c, g))
			continue;
		mq_clean_leave(j, i);
		any = true;
	}
	return any;
}

/**
 * mq_clean - make room
 * @j: the journal
 * @must: choose a segment even if that gives little
 *
 * Return: 0; ENOSPC: nothing can be cleaned; or another error, after which the
 * journal has failed.
 */
int mq_clean(struct mq_journal *j, bool must)
{
	struct mq_cleaning c = { .j = j, .now = ktime_get_real_ns() };
	u64 before = j->cleaned;
	int err;

	/* What is not needed any more because of new records is, without them. */
	err = mq_log_settle(j);
	if (err || mq_clean_empty_ones(&c))
		return err;
	c.position = mq_clean_choose(j, c.now, must);
	if (c.position == j->shape.count)
		return must ? -ENOSPC : 0;
	mq_clean_begin(&c);
	err = mq_clean_copy_all(&c) ?: mq_log_settle(j);
	if (err)
		return err;
	trace_mq_journal_clean(j, j->segments[c.position].sequence,
			       j->cleaned - before);
	mq_clean_leave(j, c.position);
	return 0;
}

/* Return whether it is time to clean, though nobody waits for room yet. */
bool mq_clean_is_due(const struct mq_journal *j)
{
	return j->places + j->left < j->shape.count / MQ_CLEAN_SHARE +
				    MQ_LOG_RESERVE;
}
