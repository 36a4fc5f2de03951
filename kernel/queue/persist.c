// SPDX-License-Identifier: GPL-2.0
/*
 * What a queue tells its journal: ceiling.c has its ceilings, and heard.c has what it
 * hears from it.
 *
 * A change of a message puts the message into mq_feed.dirty, once, however often
 * it changes until the journal takes it. The journal then gets the state that
 * the message has at that moment, and a reference to its bytes. So no change
 * waits for the disk, and none can fail.
 */
#include <linux/kobject.h>
#include <linux/ktime.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "journal/journal.h"
#include "journal/notice.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "memory/seen.h"
#include "memory/spread.h"
#include "memory/text.h"
#include "queue/ceiling.h"
#include "queue/clock.h"
#include "queue/dedup.h"
#include "queue/persist.h"
#include "queue/queue.h"
#include "queue/walk.h"

static struct mq_queue *mq_feed_queue(struct mq_feed *f)
{
	return container_of(f, struct mq_queue, feed);
}

void mq_persist_init(struct mq_queue *q)
{
	INIT_LIST_HEAD(&q->feed.link);
	INIT_LIST_HEAD(&q->feed.taken);
	INIT_LIST_HEAD(&q->feed.dirty);
	INIT_LIST_HEAD(&q->feed.arrived);
	INIT_LIST_HEAD(&q->feed.arrivals);
	INIT_LIST_HEAD(&q->feed.owed);
	INIT_LIST_HEAD(&q->feed.dedups);
	INIT_LIST_HEAD(&q->feed.taking);
	INIT_LIST_HEAD(&q->feed.resident);
	mq_persist_ceilings_init(&q->feed);
	q->feed.seq = MQ_SEQ_ARRIVED;
}

/* Return the bytes of a message's record. */
static u64 mq_persist_bytes(u64 bytes)
{
	return bytes + sizeof(struct mq_j_message) + sizeof(struct mq_j_state);
}

/*
 * Return what a message of @bytes counts in mq_journal.live. A record does not
 * go on in the next segment, so large ones leave gaps; of two neighbours at least
 * one segment is full.
 */
u64 mq_persist_cost(const struct mq_journal *j, u64 bytes)
{
	u64 size = mq_persist_bytes(bytes);

	return size + (size > j->large ? size : size / 8) +
	       MQ_JOURNAL_BESIDE;
}

/* The most bytes of texts in the record of a message: note, origin and topic. */
#define MQ_PERSIST_TEXTS	(DEVMQ_NOTE_MAX + 2 * DEVMQ_NAME_MAX + 2 * sizeof(u64))

/* Return whether a message of @bytes fits into a segment of the journal. */
bool mq_persist_fits(const struct mq_queue *q, u64 bytes)
{
	return bytes <= mq_persist_most(q);
}

/* Return whether the journal of the queue, if it has one, has room for a note. */
bool mq_persist_fits_note(const struct mq_queue *q, const struct mq_text *note)
{
	return !q->feed.journal || mq_journal_fits(q->feed.journal, 2 * note->size);
}

/* Return the most bytes of a message that fits into a segment of the journal. */
u64 mq_persist_most(const struct mq_queue *q)
{
	const struct mq_journal *j = q->feed.journal;

	return likely(!j) ? U64_MAX :
			    READ_ONCE(j->record_max) - mq_persist_bytes(0) -
			    MQ_PERSIST_TEXTS;
}

/*
 * Return whether the journal has room for @n messages of @bytes in all, whichever
 * of them are large.
 */
bool mq_persist_has_room(const struct mq_journal *j, u32 n, u64 bytes)
{
	return mq_journal_fits(j, 2 * (bytes + n * mq_persist_bytes(0)) +
				  n * MQ_JOURNAL_BESIDE);
}

/* Count a message that was sent here, and its de-duplication id. */
void mq_persist_add_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_durable *d = mq_msg(e)->detail->durable;

	d->live = mq_persist_cost(q->feed.journal, mq_msg_bytes(mq_msg(e)));
	atomic64_add(d->live, &q->feed.journal->live);
}

/* Count @to bytes of a message that is to come, in place of @from. */
void mq_persist_hold_locked(struct mq_queue *q, u64 from, u64 to)
{
	struct mq_journal *j = q->feed.journal;

	lockdep_assert_held(&q->lock);
	if (from)
		atomic64_sub(mq_persist_cost(j, from), &j->live);
	if (to)
		atomic64_add(mq_persist_cost(j, to), &j->live);
}

/*
 * Count the note and the origin of a message, which each of its states has, and its
 * topic.
 */
static void mq_persist_texts(struct mq_queue *q, struct mq_durable *d)
{
	const struct mq_detail *detail = d->detail;
	u32 texts = 2 * ((detail->note ? detail->note->size : 0) +
			 (detail->origin ? detail->origin->size : 0)) +
		    (detail->topic ? detail->topic->size : 0);

	if (likely(texts == d->texts))
		return;
	atomic64_add((s64)texts - d->texts, &q->feed.journal->live);
	d->live += texts - d->texts;
	d->texts = texts;
}

/* Let the journal write what has become of a message. */
void mq_persist_changed_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_durable *d = mq_msg(e)->detail->durable;

	lockdep_assert_held(&q->lock);
	mq_persist_texts(q, d);
	d->fresh = false;
	if (d->seq || q->gone || q->feed.quiet)
		return;
	mq_durable_unlist(d);
	mq_feed_before(&q->feed);
	d->seq = ++q->feed.seq;
	list_add_tail(&d->dirty, &q->feed.dirty);
	mq_feed_say(&q->feed);
}

/* Convert a time of CLOCK_BOOTTIME to one of CLOCK_REALTIME, MQ_NEVER to 0. */
u64 mq_persist_time(u64 boot_ns)
{
	if (boot_ns == MQ_NEVER)
		return 0;
	return boot_ns - mq_now(MQ_BOOTTIME) + mq_now(MQ_REALTIME);
}

/* Fill in the times of a message. */
static void mq_persist_times(const struct mq_entry *e,
			     const struct mq_detail *detail,
			     struct mq_j_state *s)
{
	u64 due = 0, expires = mq_persist_time(detail->expires);

	if (s->state == DEVMQ_STATE_DELAYED) {
		due = e->clock == MQ_REALTIME ? detail->when :
						mq_persist_time(detail->when);
		/* The time to live begins when the first delay ends. */
		if (e->fresh && detail->expires != MQ_NEVER)
			expires = mq_later(due, detail->expires);
	}
	s->due_ns = cpu_to_le64(due);
	s->expires_ns = cpu_to_le64(expires);
}

/*
 * A message of a topic was linked. If it is in other queues of the journal as well,
 * note how it came here, for the record that it has with them.
 */
void mq_persist_linked_locked(struct mq_queue *q, struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;
	struct mq_durable *d = detail->durable;
	struct mq_spread_copy copy = {
		.d = d,
		.feed = &q->feed,
		.id = mq_msg(e)->id,
		.state = mq_msg(e)->state,
		.priority = mq_msg(e)->priority,
	};
	struct mq_j_state s = { .state = copy.state };

	lockdep_assert_held(&q->lock);
	if (!d->spread)
		return;
	mq_persist_times(e, detail, &s);
	copy.due_ns = le64_to_cpu(s.due_ns);
	copy.expires_ns = le64_to_cpu(s.expires_ns);
	mq_spread_link(d->spread, d->copy, &copy);
	d->fresh = true;
}

/* Return whether a message of @bytes fits into a segment with all of its copies. */
bool mq_persist_fits_copies(const struct mq_journal *j, u64 bytes, u32 copies)
{
	u64 size = mq_persist_bytes(bytes) + MQ_PERSIST_TEXTS +
		   (copies - 1) * sizeof(struct mq_j_state);

	return copies <= U16_MAX && size <= READ_ONCE(j->record_max);
}

/* Begin to add messages that are sent together. */
void mq_persist_run_begin_locked(struct mq_queue *q, struct mq_persist_run *run)
{
	lockdep_assert_held(&q->lock);
	mq_feed_before(&q->feed);
	*run = (struct mq_persist_run){
		.last = q->feed.dirty.prev,
		.seq = q->feed.seq,
		.cost = mq_persist_cost(q->feed.journal, 0),
	};
}

/* All are added: let the journal write them. It is told once. */
void mq_persist_run_end_locked(struct mq_queue *q, struct mq_persist_run *run)
{
	struct mq_feed *f = &q->feed;

	lockdep_assert_held(&q->lock);
	run->last->next = &f->dirty;
	f->dirty.prev = run->last;
	WRITE_ONCE(f->seq, run->seq);
	atomic64_add(run->live, &f->journal->live);
	mq_feed_say(f);
}

static void mq_persist_clean(struct mq_durable *d)
{
	mq_durable_unlist(d);
	if (!d->seq)
		return;
	list_del(&d->dirty);
	d->seq = 0;
}

/*
 * Return whether the journal has a record of a message that is gone, or may have one.
 * What a topic retained stays in the record of all copies.
 */
static bool mq_persist_is_known(const struct mq_queue *q, struct mq_durable *d)
{
	return d->taken ||
	       (unlikely(d->spread) &&
		(q->topic || !mq_spread_leave(d->spread, d->copy)));
}

/*
 * A message that a topic retained is gone before it was written: what came last is
 * written in its turn. Who waits for the message must not find neither after a crash.
 */
static void mq_persist_replace(struct mq_feed *f, struct mq_durable *d)
{
	struct mq_durable *last;

	if (!d->seq)
		return;
	last = list_last_entry(&f->dirty, struct mq_durable, dirty);
	if (last == d)
		return;
	list_move(&last->dirty, &d->dirty);
	last->seq = d->seq;
}

/*
 * A message is gone. If the journal does not have it, its mq_durable is freed
 * with the entry. Otherwise the journal takes it, and writes that it is gone;
 * but not if the journal is being detached with its messages.
 */
static void mq_persist_end(struct mq_queue *q, struct mq_detail *detail)
{
	struct mq_durable *d = detail->durable;
	struct mq_journal *j = q->feed.journal;
	u32 since = d->since;
	bool owed;

	if (q->topic)
		mq_persist_replace(&q->feed, d);
	mq_persist_clean(d);
	atomic64_sub(d->live, &j->live);
	d->live = 0;
	if (!mq_persist_is_known(q, d) || q->feed.detached) {
		mq_feed_pays(j, d);
		return;
	}
	detail->durable = NULL;
	d->detail = NULL;
	if (q->feed.detaching) {
		mq_feed_pays(j, d);
		llist_add(&d->ended, &j->orphans);
		return;
	}
	/* A message never leaves a topic for another queue, so it owes nothing. */
	if (q->topic) {
		mq_feed_replaced(&q->feed, d);
		return;
	}
	owed = d->owed;
	d->owed = false;
	mq_feed_ended(j, d);
	/*
	 * @d may be freed by now. mq_group_add() looks at what is owed first, and then
	 * for what has ended; mq_journal.lock orders that.
	 */
	if (owed)
		mq_feed_paid(j, since);
}

/*
 * The queue was removed. A message in flight stays with the open file that holds
 * it, but it is gone for the journal.
 */
void mq_persist_flight_gone_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_detail *detail = mq_detail_of(e);

	lockdep_assert_held(&q->lock);
	if (detail && detail->durable)
		mq_persist_end(q, detail);
}

/* The queue is about to be found: it is part of its journal from now on. */
void mq_persist_join(struct mq_queue *q, const struct mq_feed_ops *ops)
{
	struct mq_feed *f = &q->feed;

	if (!f->journal)
		return;
	f->ops = ops;
	f->quiet = false;
	get_device(&q->dev);
	mq_feed_join(f->journal, f);
	set_bit(MQ_FEED_DEFINE, &f->flags);
	mq_feed_say(f);
}

/* All messages of a queue that was removed are gone: so is the queue. */
void mq_persist_removed(struct mq_queue *q)
{
	q->feed.removed = true;
	mq_feed_end(&q->feed);
}

/*
 * The thread of the journal has not run, nor will it: free what is gone of the messages
 * that were made again, as compact=key has replaced it.
 */
void mq_persist_forget(struct mq_queue *q)
{
	struct mq_durable *d, *next;

	llist_for_each_entry_safe(d, next, llist_del_all(&q->feed.replaced), ended)
		mq_durable_free(d);
}

/* A message leaves the queue: it is gone, or on its way to another queue. */
void mq_persist_gone_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_detail *detail = mq_msg(e)->detail;

	lockdep_assert_held(&q->lock);
	if (!detail->durable)
		return;
	if (!e->leaving) {
		mq_persist_end(q, detail);
		return;
	}
	mq_feed_moves(&q->feed, detail->durable);
	mq_persist_clean(detail->durable);
}

/*
 * A message has come from another queue of the same journal. It is written with
 * the next group that begins, before what else this queue has: a sender to the other
 * queue may wait for it. A group that has begun does not wait for it, or else who moves
 * messages all the time could keep that group from its end; but if it waits for the
 * message, as its sender may wait for the group, it takes the message now.
 */
void mq_persist_arrived_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_durable *d = mq_msg(e)->detail->durable;
	struct mq_feed *f = &q->feed;
	bool late = mq_feed_is_late(f, d);

	lockdep_assert_held(&q->lock);
	mq_persist_clean(d);
	d->fresh = false;
	d->seq = MQ_SEQ_ARRIVED;
	list_add_tail(&d->dirty, late ? &f->owed : &f->arrived);
	mq_feed_say(f);
	if (late && !test_and_set_bit(MQ_FEED_LATE, &f->flags)) {
		get_device(&q->dev);
		mq_feed_late(f);
	}
	mq_feed_moved(f->journal, d->moving);
}

/* A message was to come from another queue, but this one was removed. */
void mq_persist_lost_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_durable *d = mq_msg(e)->detail->durable;
	u8 moving = d->moving;

	mq_persist_end(q, mq_msg(e)->detail);
	/* @d may be freed by now. */
	mq_feed_moved(q->feed.journal, moving);
}

/* Return how the journal of a queue is, in a word. */
const char *mq_persist_word(const struct mq_queue *q)
{
	if (!q->feed.journal)
		return "none";
	switch (READ_ONCE(q->feed.journal->state)) {
	case DEVMQ_JOURNAL_FROZEN:
		return "frozen";
	case DEVMQ_JOURNAL_FAILED:
		return "failed";
	default:
		return "ok";
	}
}

/* -- what the journal takes -------------------------------------------------- */

/* The other way round. A time that is over stays one. */
u64 mq_persist_boot_time(u64 real_ns)
{
	u64 now, boot;

	if (!real_ns)
		return MQ_NEVER;
	now = mq_now(MQ_REALTIME);
	boot = mq_now(MQ_BOOTTIME);
	if (real_ns >= now)
		return mq_later(boot, real_ns - now);
	return now - real_ns < boot ? boot - (now - real_ns) : 1;
}

/* Return the state that a message has after a crash. */
static u8 mq_persist_state(const struct mq_entry *e)
{
	u8 state = mq_msg(e)->state;

	if (state != DEVMQ_STATE_IN_FLIGHT)
		return state;
	return e->deferred ? DEVMQ_STATE_DEFERRED : DEVMQ_STATE_READY;
}

/* Describe a message as it is now. */
static void mq_persist_describe(struct mq_durable *d, struct mq_change *c)
{
	const struct mq_detail *detail = d->detail;
	struct mq_entry *e = detail->e;
	const struct mq_msg *m = mq_msg(e);

	c->d = d;
	c->seq = d->seq;
	c->fresh = d->fresh;
	c->m = m;
	c->chunk = mq_chunk_of(e);
	mq_chunk_get(c->chunk);
	c->sender = *mq_sender_of(e);
	c->origin = mq_text_get(detail->origin);
	c->note = mq_text_get(detail->note);
	c->topic = mq_text_get(detail->topic);
	c->s = (struct mq_j_state){
		.id = cpu_to_le64(m->id),
		.origin_id = cpu_to_le64(detail->origin_id),
		.attempt = cpu_to_le32(m->attempt),
		.failures = cpu_to_le32(m->failures),
		.forgiven = cpu_to_le32(detail->forgiven),
		.state = mq_persist_state(e),
		.priority = m->priority,
		.failure = m->failure,
		.reason = cpu_to_le16(detail->reason),
	};
	mq_persist_times(e, detail, &c->s);
}

/*
 * What has come from other queues until now belongs to the group. One of these messages
 * that leaves before it is taken leaves the list, too, and no other takes its place.
 * What the group before waited for in vain is part of it.
 */
u64 mq_persist_begin(struct mq_feed *f)
{
	struct mq_queue *q = mq_feed_queue(f);
	u64 last;

	spin_lock(&q->lock);
	list_splice_tail_init(&f->owed, &f->arrivals);
	list_splice_tail_init(&f->arrived, &f->arrivals);
	last = f->seq;
	spin_unlock(&q->lock);
	return last;
}

/* Take from one list. Return how many changes @c has then; it had @n. */
static u32 mq_persist_take_from(struct mq_queue *q, struct list_head *list,
				struct mq_change *c, u32 n, u64 last)
{
	struct mq_feed *f = &q->feed;
	struct mq_durable *d, *next;

	lockdep_assert_held(&q->lock);
	list_for_each_entry_safe(d, next, list, dirty) {
		if (n == MQ_CHANGES || d->seq > last)
			break;
		mq_persist_describe(d, &c[n++]);
		mq_persist_clean(d);
		if (q->topic)
			mq_durable_list(d, &f->taking);
		mq_feed_pays(f->journal, d);
		d->taken = true;
		d->fresh = false;
	}
	return n;
}

u32 mq_persist_take(struct mq_feed *f, struct mq_change *c, u64 last)
{
	struct mq_queue *q = mq_feed_queue(f);
	u32 n;

	spin_lock(&q->lock);
	n = mq_persist_take_from(q, &f->arrivals, c, 0, last);
	n = mq_persist_take_from(q, &f->dirty, c, n, last);
	spin_unlock(&q->lock);
	return n;
}

u32 mq_persist_take_late(struct mq_feed *f, struct mq_change *c)
{
	struct mq_queue *q = mq_feed_queue(f);
	u32 n;

	spin_lock(&q->lock);
	n = mq_persist_take_from(q, &f->owed, c, 0, MQ_SEQ_ARRIVED);
	spin_unlock(&q->lock);
	return n;
}

/*
 * The group does not wait for messages either that leave with a change that it has no room
 * for, or else who floods a queue and moves the flood on could keep it from its end.
 */
void mq_persist_put_off(struct mq_feed *f)
{
	struct mq_queue *q = mq_feed_queue(f);

	spin_lock(&q->lock);
	f->before = min(mq_feed_before(f), f->written);
	spin_unlock(&q->lock);
}

/*
 * A message that was not taken yet is left out if it will be: then the file gets it
 * with the changes.
 */
static bool mq_persist_is_missing(const struct mq_durable *d, u32 side)
{
	return d && !d->at[side].size && (d->taken || !d->seq);
}

u32 mq_persist_walk(struct mq_feed *f, struct mq_feed_walk *w,
		    struct mq_change *c)
{
	struct mq_queue *q = mq_feed_queue(f);
	unsigned int left = MQ_WALK_STEPS;
	struct mq_entry *e = NULL;
	u32 n = 0;

	spin_lock(&q->lock);
	while (n < MQ_CHANGES) {
		struct mq_detail *detail;

		e = mq_walk_locked(q, w->cursor, ~0U, &w->after, &left);
		if (IS_ERR_OR_NULL(e))
			break;
		w->after = mq_msg(e)->id;
		detail = mq_msg(e)->detail;
		if (!mq_persist_is_missing(detail->durable, w->side))
			continue;
		mq_persist_describe(detail->durable, &c[n++]);
		detail->durable->taken = true;
	}
	spin_unlock(&q->lock);
	w->more = e;
	return n;
}

void mq_persist_walk_end(struct mq_feed *f, struct mq_feed_walk *w)
{
	struct mq_queue *q = mq_feed_queue(f);

	spin_lock(&q->lock);
	mq_cursor_unlink_locked(q, w->cursor);
	spin_unlock(&q->lock);
}

/* Describe a de-duplication id that is remembered, or is forgotten. */
static void mq_persist_describe_dedup(const struct mq_seen *s,
				      struct mq_dedup_change *c)
{
	c->d.id = cpu_to_le64(s->id);
	c->d.sent_ns = cpu_to_le64(mq_persist_time(s->time));
	c->size = s->forgotten ? 0 : s->size;
	memcpy(c->bytes, s->bytes, c->size);
}

/*
 * An id without its message would be worse than none: after a crash its sender,
 * who was told nothing, would find that it had been sent. The group has all messages that
 * were sent before it began, but not all that were sent later: they may have left.
 */
u32 mq_persist_take_dedups(struct mq_feed *f, struct mq_dedup_change *c, u64 last)
{
	struct mq_queue *q = mq_feed_queue(f);
	struct mq_seen *s, *next;
	LIST_HEAD(forgotten);
	u32 n = 0;

	spin_lock(&q->lock);
	last = min(last, mq_feed_before(f));
	list_for_each_entry_safe(s, next, &f->dedups, dirty) {
		if (n == MQ_CHANGES || s->seq > last)
			break;
		mq_persist_describe_dedup(s, &c[n++]);
		list_del_init(&s->dirty);
		if (s->forgotten)
			list_add(&s->list, &forgotten);
		s->taken = true;
	}
	spin_unlock(&q->lock);
	mq_dedup_free(&forgotten);
	return n;
}

u32 mq_persist_walk_dedups(struct mq_feed *f, struct mq_feed_walk *w,
			   struct mq_dedup_change *c)
{
	struct mq_queue *q = mq_feed_queue(f);
	const struct mq_seen *s;
	u32 i, n = 0;

	spin_lock(&q->lock);
	for (i = 0; i < MQ_CHANGES; i++) {
		s = mq_dedup_after_locked(q, w->after_dedup);
		if (!s)
			break;
		w->after_dedup = s->id;
		/* One that was not taken yet comes behind its message. */
		if (s->taken)
			mq_persist_describe_dedup(s, &c[n++]);
	}
	spin_unlock(&q->lock);
	w->more_dedups = i == MQ_CHANGES;
	return n;
}

u64 mq_persist_window(struct mq_feed *f)
{
	return READ_ONCE(mq_feed_queue(f)->opt.dedup_window_ms) * NSEC_PER_MSEC;
}

bool mq_persist_remembers(struct mq_feed *f, u64 id)
{
	struct mq_queue *q = mq_feed_queue(f);
	bool known;

	spin_lock(&q->lock);
	known = mq_dedup_knows_locked(q, id);
	spin_unlock(&q->lock);
	return known;
}

/* -- calls that wait --------------------------------------------------------- */

/*
 * Wait until all that was done in the queue before is on stable storage; of a topic
 * also what it has put into queues of its journal. Return 0, EIO or EINTR; 0 at
 * once if the queue has no journal.
 */
int mq_persist_confirm(struct mq_queue *q)
{
	struct mq_feed *f = &q->feed;

	if (!f->journal)
		return 0;
	if (q->topic)
		return mq_journal_confirm_all(f->journal);
	return mq_journal_confirm(f->journal, f, READ_ONCE(f->seq));
}

/* What the queue is has changed. */
void mq_persist_defined(struct mq_queue *q)
{
	if (unlikely(q->feed.journal))
		mq_feed_define(&q->feed);
}

void mq_persist_put(struct mq_feed *f)
{
	mq_queue_put(mq_feed_queue(f));
}
