// SPDX-License-Identifier: GPL-2.0
/*
 * What became of the objects of a journal.
 *
 * All records of all segments that are needed are looked at, the newest segment
 * first, and in each segment messages last. So most ends are known before their
 * messages, which are then not even made. Nothing depends on that order: of the
 * states of a message the highest version holds, an end is final.
 *
 * A state without its message is of no interest, nor are ceilings without their
 * queue: the segment that had the message or the queue is not needed any more,
 * so it is gone. A message of a queue that is gone is gone, too.
 */
#include "journal/replay.h"

/* What an object is. That of an end is not known until another record is read. */
enum mq_j_kinds { MQ_J_UNKNOWN, MQ_J_IS_QUEUE, MQ_J_IS_MESSAGE };

/**
 * struct mq_j_object - a queue or a message
 * @serial: its number
 * @queue: a message: serial of its queue, as its newest state says
 * @message: what mq_j_ops.message made
 * @pending: a message that was not read yet: a copy of its newest state
 * @record: a queue: a copy of its newest record, until the queue is told of
 * @made: a queue: what mq_j_ops.queue made
 * @next_id: a queue: see struct mq_j_ceiling
 * @delivered: a queue: see struct mq_j_ceiling
 * @ceiling: a queue: the highest version of a ceiling that was read
 * @place: a message with a @pending state: where that was read
 * @version: the highest that was read
 * @kind: what it is, enum mq_j_kinds: says which of the members above it has
 * @ended: it is gone
 * @whole: a message: a segment has all of it
 */
struct mq_j_object {
	u64			serial;
	union {
		struct {
			u64			queue;
			void			*message;
			struct mq_j_state	*pending;
			u32			place;
		};
		struct {
			struct mq_j_queue	*record;
			void			*made;
			u64			next_id;
			u64			delivered;
			u64			ceiling;
		};
	};
	u32			version;
	u8			kind;
	bool			ended;
	bool			whole;
};

/**
 * struct mq_j_dedup_copy - a de-duplication id until its queue is known
 * @next: link in mq_j_table.dedups
 * @d: a copy of its record
 */
struct mq_j_dedup_copy {
	struct mq_j_dedup_copy	*next;
	struct mq_j_dedup	d;
};

/* How many objects are allocated together: they take 64 KB. */
#define MQ_J_OBJECTS	(((64 << 10) - 16) / sizeof(struct mq_j_object))

/**
 * struct mq_j_objects - some objects, in the order in which they were read of
 * @next: the next ones
 * @count: how many there are in @all
 * @all: they
 */
struct mq_j_objects {
	struct mq_j_objects	*next;
	u32			count;
	struct mq_j_object	all[MQ_J_OBJECTS];
};

/**
 * struct mq_j_table - all objects of a journal
 * @log: the journal
 * @ops: who is told
 * @context: see @ops
 * @first: the objects; NULL: there are none
 * @last: the last of these, which may have room for others
 * @index: where the objects are, each at its hash or behind it
 * @size: how many have room in @index, a power of two
 * @count: how many there are
 * @queue: the queue of the message that was told of last, or NULL
 * @serial: the first serial that no object has
 * @dedups: de-duplication ids
 */
struct mq_j_table {
	struct mq_j_log		*log;
	const struct mq_j_ops	*ops;
	void			*context;
	struct mq_j_objects	*first;
	struct mq_j_objects	*last;
	struct mq_j_object	**index;
	u64			size;
	u64			count;
	struct mq_j_object	*queue;
	u64			serial;
	struct mq_j_dedup_copy	*dedups;
};

static u64 mq_j_hash(u64 serial)
{
	return serial * 0x9e3779b97f4a7c15ULL >> 20;
}

/* Return the place in an index where an object is, or a free one for it. */
static struct mq_j_object **mq_j_index_at(struct mq_j_object **index, u64 size,
					  u64 serial)
{
	u64 i = mq_j_hash(serial);

	for (;; i++) {
		struct mq_j_object **o = &index[i & (size - 1)];

		if (!*o || (*o)->serial == serial)
			return o;
	}
}

/* Double the index. */
static int mq_j_index_grow(struct mq_j_table *t)
{
	u64 size = t->size ? 2 * t->size : 1024;
	struct mq_j_object **index = mq_j_alloc(size * sizeof(*index));
	struct mq_j_objects *some;
	u32 i;

	if (!index)
		return -ENOMEM;
	for (some = t->first; some; some = some->next)
		for (i = 0; i < some->count; i++)
			*mq_j_index_at(index, size, some->all[i].serial) =
				&some->all[i];
	mq_j_free(t->index);
	t->index = index;
	t->size = size;
	return 0;
}

/* Return a new object, or NULL. */
static struct mq_j_object *mq_j_object_new(struct mq_j_table *t, u64 serial)
{
	struct mq_j_objects *some = t->last;
	struct mq_j_object *o;

	if (!some || some->count == MQ_J_OBJECTS) {
		some = mq_j_alloc(sizeof(*some));
		if (!some)
			return NULL;
		if (t->last)
			t->last->next = some;
		else
			t->first = some;
		t->last = some;
	}
	o = &some->all[some->count++];
	o->serial = serial;
	t->count++;
	return o;
}

/*
 * Return an object in @to, which is new if nothing was read of it yet. Return 0,
 * -ENOMEM, or -EUCLEAN: it is of another kind.
 */
static int mq_j_object(struct mq_j_table *t, u64 serial, enum mq_j_kinds kind,
		       struct mq_j_object **to)
{
	struct mq_j_object **at, *o;

	if (2 * t->count >= t->size && mq_j_index_grow(t))
		return -ENOMEM;
	at = mq_j_index_at(t->index, t->size, serial);
	if (!*at)
		*at = mq_j_object_new(t, serial);
	o = *at;
	if (!o)
		return -ENOMEM;
	if (t->serial <= serial)
		t->serial = serial + 1;
	if (!o->kind)
		o->kind = kind;
	*to = o;
	return !kind || o->kind == kind ? 0 : -EUCLEAN;
}

/* Return an object, or NULL if nothing was read of it. */
static struct mq_j_object *mq_j_object_find(struct mq_j_table *t, u64 serial)
{
	return t->size ? *mq_j_index_at(t->index, t->size, serial) : NULL;
}

static void *mq_j_copy_of(const void *data, u32 size)
{
	void *copy = mq_j_alloc(size);

	if (copy)
		memcpy(copy, data, size);
	return copy;
}

/* Free what an object has: it is gone, or the replay failed. */
static void mq_j_object_clear(struct mq_j_table *t, struct mq_j_object *o)
{
	if (o->kind == MQ_J_IS_MESSAGE) {
		if (o->message)
			t->ops->drop(t->context, o->message);
		mq_j_free(o->pending);
		o->message = NULL;
		o->pending = NULL;
	} else if (o->kind == MQ_J_IS_QUEUE) {
		mq_j_free(o->record);
		o->record = NULL;
	}
}

static int mq_j_object_end(struct mq_j_table *t, u64 serial)
{
	struct mq_j_object *o;
	int err = mq_j_object(t, serial, MQ_J_UNKNOWN, &o);

	if (err)
		return err;
	mq_j_object_clear(t, o);
	o->ended = true;
	return 0;
}

static int mq_j_read_end(struct mq_j_table *t, const struct mq_j_end *e)
{
	u32 i, n = mq_j_end_count(e);
	int err = 0;

	for (i = 0; i < n && !err; i++)
		err = mq_j_object_end(t, le64_to_cpu(e->gone[i].serial));
	return err;
}

static int mq_j_read_queue(struct mq_j_table *t, const struct mq_j_queue *q)
{
	u32 version = le32_to_cpu(q->version);
	struct mq_j_object *o;
	void *copy;
	int err;

	err = mq_j_object(t, le64_to_cpu(q->serial), MQ_J_IS_QUEUE, &o);
	if (err)
		return err;
	if (o->ended || (o->record && version <= o->version))
		return 0;
	copy = mq_j_copy_of(q, le32_to_cpu(q->r.size));
	if (!copy)
		return -ENOMEM;
	mq_j_free(o->record);
	o->record = copy;
	o->version = version;
	return 0;
}

static int mq_j_read_ceiling(struct mq_j_table *t, const struct mq_j_ceiling *c)
{
	struct mq_j_object *o;
	int err = mq_j_object(t, le64_to_cpu(c->queue), MQ_J_IS_QUEUE, &o);

	if (err)
		return err;
	if (le64_to_cpu(c->version) <= o->ceiling)
		return 0;
	o->ceiling = le64_to_cpu(c->version);
	o->next_id = le64_to_cpu(c->next_id);
	o->delivered = le64_to_cpu(c->delivered);
	return 0;
}

/* Take a state of a message, from a record of its own. */
static int mq_j_read_state(struct mq_j_table *t,
			   const struct mq_j_state_record *r)
{
	const struct mq_j_state *s = &r->s;
	u32 size = le32_to_cpu(r->r.size) - sizeof(r->r);
	u32 version = le32_to_cpu(s->version);
	struct mq_j_object *o;
	struct mq_j_copy copy;
	void *pending;
	int err;

	err = mq_j_object(t, le64_to_cpu(s->serial), MQ_J_IS_MESSAGE, &o);
	if (err)
		return err;
	if (o->ended || ((o->message || o->pending) && version <= o->version))
		return 0;
	o->version = version;
	o->queue = le64_to_cpu(s->queue);
	if (o->message) {
		mq_j_state_parts(s, &copy);
		copy.place = t->log->position + 1;
		return t->ops->state(t->context, o->message, &copy);
	}
	pending = mq_j_copy_of(s, size);
	if (!pending)
		return -ENOMEM;
	mq_j_free(o->pending);
	o->pending = pending;
	o->place = t->log->position + 1;
	return 0;
}

static int mq_j_read_dedup(struct mq_j_table *t, const struct mq_j_dedup *d)
{
	u32 size = le32_to_cpu(d->r.size);
	struct mq_j_dedup_copy *copy;

	copy = mq_j_alloc(offsetof(struct mq_j_dedup_copy, d) + size);
	if (!copy)
		return -ENOMEM;
	/* Bytes, as the id behind the structure is copied, too. */
	memcpy((u8 *)copy + offsetof(struct mq_j_dedup_copy, d), d, size);
	copy->next = t->dedups;
	t->dedups = copy;
	return 0;
}

/* Take a message in one of its queues. */
static int mq_j_read_copy(struct mq_j_table *t, const struct mq_j_message *m,
			  const struct mq_j_copy *copy)
{
	struct mq_j_copy newest = *copy;
	struct mq_j_object *o;
	int err;

	err = mq_j_object(t, le64_to_cpu(copy->s->serial), MQ_J_IS_MESSAGE, &o);
	if (err)
		return err;
	if (o->whole)
		t->log->segments[t->log->position].stale = true;
	o->whole = true;
	if (o->ended)
		return 0;
	if (o->message) {
		/* The cleaner copied it; this one may have the newer state. */
		if (le32_to_cpu(copy->s->version) <= o->version)
			return 0;
		o->version = le32_to_cpu(copy->s->version);
		o->queue = le64_to_cpu(copy->s->queue);
		return t->ops->state(t->context, o->message, copy);
	}
	if (o->pending && o->version >= le32_to_cpu(copy->s->version)) {
		mq_j_state_parts(o->pending, &newest);
		newest.place = o->place;
	}
	o->message = t->ops->message(t->context, m, &newest);
	if (!o->message)
		return -ENOMEM;
	o->version = le32_to_cpu(newest.s->version);
	o->queue = le64_to_cpu(newest.s->queue);
	mq_j_free(o->pending);
	o->pending = NULL;
	return 0;
}

static int mq_j_read_message(struct mq_j_table *t, const struct mq_j_message *m)
{
	struct mq_j_copies all;
	struct mq_j_copy copy;
	int err = 0;

	mq_j_copies_begin(m, &all);
	while (!err && mq_j_copies_next(&all, &copy))
		err = mq_j_read_copy(t, m, &copy);
	return err;
}

static int mq_j_read_record(struct mq_j_table *t, const struct mq_j_record *r)
{
	switch (r->type) {
	case MQ_J_QUEUE:
		return mq_j_read_queue(t, (const void *)r);
	case MQ_J_CEILING:
		return mq_j_read_ceiling(t, (const void *)r);
	case MQ_J_MESSAGE:
		return mq_j_read_message(t, (const void *)r);
	case MQ_J_STATE:
		return mq_j_read_state(t, (const void *)r);
	case MQ_J_END:
		return mq_j_read_end(t, (const void *)r);
	default:
		return mq_j_read_dedup(t, (const void *)r);
	}
}

/* Take the records of a block: only messages, or all but these. */
static int mq_j_read_block(struct mq_j_table *t, const struct mq_j_block *b,
			   u32 position, bool messages)
{
	const struct mq_j_record *r;
	u32 offset = 0;
	bool is_message;
	int err = 0;

	t->log->block = le32_to_cpu(b->offset);
	while (!err && (r = mq_j_record_next(b, &offset))) {
		is_message = r->type == MQ_J_MESSAGE;
		if (is_message != messages)
			continue;
		if (!mq_j_record_is_valid(r)) {
			err = -EUCLEAN;
		} else {
			t->log->segments[position].records++;
			err = mq_j_read_record(t, r);
		}
	}
	if (err == -EUCLEAN || (!err && offset != le32_to_cpu(b->used)))
		err = mq_j_damaged(t->log, "a record is not valid", position,
				   le32_to_cpu(b->offset));
	return err;
}

/* Take all records of the segment in the buffer, whose blocks end at @end. */
static int mq_j_read_segment(struct mq_j_table *t, u32 position, u32 end)
{
	const struct mq_j_block *b;
	u32 offset, messages;
	int err = 0;

	/* All may be read a second time, with other memory. */
	t->log->segments[position].records = 0;
	t->log->segments[position].stale = false;
	for (messages = 0; messages < 2 && !err; messages++) {
		offset = 0;
		while (!err && (b = mq_j_block_next(t->log, end, &offset)))
			err = mq_j_read_block(t, b, position, messages);
	}
	return err;
}

/* Return the position, plus 1, of the newest segment below a sequence; 0: none. */
static u32 mq_j_segment_below(const struct mq_j_log *log, u64 below)
{
	u32 i, at = 0;
	u64 newest = 0;

	for (i = 0; i < log->shape.count; i++) {
		u64 sequence = log->segments[i].sequence;

		if (sequence < below && sequence > newest) {
			newest = sequence;
			at = i + 1;
		}
	}
	return at;
}

/* Read all segments, the newest first. While one is looked at, the next is read. */
static int mq_j_read_segments(struct mq_j_table *t)
{
	struct mq_j_log *log = t->log;
	u32 at = mq_j_segment_below(log, ~0ULL), next, end;
	int err = 0;

	for (; at && !err; at = next) {
		err = mq_j_segment_load(log, at - 1, &end);
		next = mq_j_segment_below(log, log->segments[at - 1].sequence);
		if (!err && next)
			mq_j_segment_ahead(log, next - 1);
		err = err ?: mq_j_read_segment(t, at - 1, end);
	}
	return err;
}

/* Tell of a queue. */
static int mq_j_tell_queue(struct mq_j_table *t, struct mq_j_object *o,
			   struct mq_j_totals *totals)
{
	if (o->kind != MQ_J_IS_QUEUE || !o->record)
		return 0;
	o->made = t->ops->queue(t->context, o->record, o->next_id, o->delivered);
	if (!o->made)
		return -ENOMEM;
	totals->queues++;
	return 0;
}

/* Return what mq_j_ops.queue made of a queue; NULL: it was removed. */
static int mq_j_queue_of(struct mq_j_table *t, u64 serial, void **queue)
{
	struct mq_j_object *o = t->queue;

	if (!o || o->serial != serial)
		o = mq_j_object_find(t, serial);
	t->queue = o;
	if (!o || o->kind == MQ_J_IS_MESSAGE || (!o->ended && !o->made))
		return -EUCLEAN;
	*queue = o->ended ? NULL : o->made;
	return 0;
}

/* Tell of a message. */
static int mq_j_tell_message(struct mq_j_table *t, struct mq_j_object *o,
			     struct mq_j_totals *totals)
{
	void *queue, *message;
	int err;

	if (o->kind != MQ_J_IS_MESSAGE || !o->message)
		return 0;
	message = o->message;
	err = mq_j_queue_of(t, o->queue, &queue);
	if (err) {
		t->log->fault.what = "the queue of a message is missing";
		return err;
	}
	o->message = NULL;
	if (!queue) {
		t->ops->drop(t->context, message);
		return 0;
	}
	totals->messages++;
	return t->ops->place(t->context, queue, message);
}

/* Tell of all queues, or of all messages. */
static int mq_j_tell(struct mq_j_table *t, struct mq_j_totals *totals,
		     int (*tell)(struct mq_j_table *t, struct mq_j_object *o,
				 struct mq_j_totals *totals))
{
	struct mq_j_objects *some;
	int err = 0;
	u32 i;

	for (some = t->first; some; some = some->next)
		for (i = 0; i < some->count && !err; i++)
			err = tell(t, &some->all[i], totals);
	return err;
}

/* Tell of de-duplication ids, or of those that are forgotten. */
static int mq_j_tell_dedups(struct mq_j_table *t, struct mq_j_totals *totals,
			    bool forgotten)
{
	struct mq_j_dedup_copy *c;
	void *queue;
	int err = 0;

	for (c = t->dedups; c && !err; c = c->next) {
		struct mq_j_bytes id;

		mq_j_dedup_id(&c->d, &id);
		if (!id.size != forgotten)
			continue;
		if (mq_j_queue_of(t, le64_to_cpu(c->d.queue), &queue) || !queue)
			continue;
		err = t->ops->dedup(t->context, queue, &c->d);
		totals->dedups++;
	}
	return err;
}

static void mq_j_table_free(struct mq_j_table *t)
{
	struct mq_j_objects *some;
	struct mq_j_dedup_copy *c;
	u32 i;

	while ((some = t->first)) {
		t->first = some->next;
		for (i = 0; i < some->count; i++)
			mq_j_object_clear(t, &some->all[i]);
		mq_j_free(some);
	}
	mq_j_free(t->index);
	while ((c = t->dedups)) {
		t->dedups = c->next;
		mq_j_free(c);
	}
}

/**
 * mq_j_replay - tell what a journal has
 * @log: the journal, open
 * @ops: who is told
 * @context: the first argument of each of @ops
 * @totals: what was told, in numbers
 *
 * Return: 0; -EUCLEAN: it is damaged, as @log->fault says; -ENOMEM; an error of
 * @ops or of the source. After an error the queues that were told of stay for
 * the caller to undo.
 */
int mq_j_replay(struct mq_j_log *log, const struct mq_j_ops *ops, void *context,
		struct mq_j_totals *totals)
{
	struct mq_j_table t = { .log = log, .ops = ops, .context = context };
	int err;

	memset(totals, 0, sizeof(*totals));
	t.serial = log->serial;
	err = mq_j_read_segments(&t);
	err = err ?: mq_j_tell(&t, totals, mq_j_tell_queue);
	err = err ?: mq_j_tell(&t, totals, mq_j_tell_message);
	err = err ?: mq_j_tell_dedups(&t, totals, false);
	err = err ?: mq_j_tell_dedups(&t, totals, true);
	totals->serial = t.serial;
	mq_j_table_free(&t);
	return err;
}
