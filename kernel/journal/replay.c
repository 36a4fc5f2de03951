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
 * @serial: its number; 0: this place of the table is free
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
 * @kind: what it is
 * @ended: it is gone
 * @whole: a message: a segment has all of it
 */
struct mq_j_object {
	u64			serial;
	u64			queue;
	void			*message;
	struct mq_j_state	*pending;
	struct mq_j_queue	*record;
	void			*made;
	u64			next_id;
	u64			delivered;
	u64			ceiling;
	u32			place;
	u32			version;
	enum mq_j_kinds		kind;
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

/**
 * struct mq_j_table - all objects of a journal
 * @log: the journal
 * @ops: who is told
 * @context: see @ops
 * @objects: the objects, each at its hash or behind it
 * @size: how many have room in @objects, a power of two
 * @count: how many there are
 * @serial: the first serial that no object has
 * @dedups: de-duplication ids
 */
struct mq_j_table {
	struct mq_j_log		*log;
	const struct mq_j_ops	*ops;
	void			*context;
	struct mq_j_object	*objects;
	u64			size;
	u64			count;
	u64			serial;
	struct mq_j_dedup_copy	*dedups;
};

static u64 mq_j_hash(u64 serial)
{
	return serial * 0x9e3779b97f4a7c15ULL >> 20;
}

static struct mq_j_object *mq_j_object_at(struct mq_j_object *objects, u64 size,
					  u64 serial)
{
	u64 i = mq_j_hash(serial);

	for (;; i++) {
		struct mq_j_object *o = &objects[i & (size - 1)];

		if (!o->serial || o->serial == serial)
			return o;
	}
}

/* Double the table. */
static int mq_j_table_grow(struct mq_j_table *t)
{
	u64 i, size = t->size ? 2 * t->size : 1024;
	struct mq_j_object *objects = mq_j_alloc(size * sizeof(*objects));

	if (!objects)
		return -ENOMEM;
	for (i = 0; i < t->size; i++)
		if (t->objects[i].serial)
			*mq_j_object_at(objects, size, t->objects[i].serial) =
				t->objects[i];
	mq_j_free(t->objects);
	t->objects = objects;
	t->size = size;
	return 0;
}

/*
 * Return an object in @to, which is new if nothing was read of it yet. Return 0,
 * -ENOMEM, or -EUCLEAN: it is of another kind.
 */
static int mq_j_object(struct mq_j_table *t, u64 serial, enum mq_j_kinds kind,
		       struct mq_j_object **to)
{
	struct mq_j_object *o;

	if (4 * t->count >= 3 * t->size && mq_j_table_grow(t))
		return -ENOMEM;
	o = mq_j_object_at(t->objects, t->size, serial);
	if (!o->serial) {
		o->serial = serial;
		t->count++;
	}
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
	struct mq_j_object *o;

	if (!t->size)
		return NULL;
	o = mq_j_object_at(t->objects, t->size, serial);
	return o->serial ? o : NULL;
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
	if (o->message)
		t->ops->drop(t->context, o->message);
	mq_j_free(o->pending);
	mq_j_free(o->record);
	o->message = NULL;
	o->pending = NULL;
	o->record = NULL;
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
	int err = 0;

	while (!err && (r = mq_j_record_next(b, &offset))) {
		if (!mq_j_record_is_valid(r))
			err = -EUCLEAN;
		else if ((r->type == MQ_J_MESSAGE) == messages)
			err = mq_j_read_record(t, r);
	}
	if (err == -EUCLEAN || (!err && offset != le32_to_cpu(b->used)))
		err = mq_j_damaged(t->log, "a record is not valid", position,
				   le32_to_cpu(b->offset));
	return err;
}

static int mq_j_read_segment(struct mq_j_table *t, u32 position)
{
	const struct mq_j_block *b;
	u32 end, offset, messages;
	int err;

	err = mq_j_segment_load(t->log, position, &end);
	for (messages = 0; messages < 2 && !err; messages++) {
		offset = 0;
		while (!err && (b = mq_j_block_next(t->log, end, &offset)))
			err = mq_j_read_block(t, b, position, messages);
	}
	return err;
}

/* Read all segments, the newest first. */
static int mq_j_read_segments(struct mq_j_table *t)
{
	u64 below = ~0ULL;
	int err = 0;

	while (!err) {
		u32 i, position = 0;
		u64 next = 0;

		for (i = 0; i < t->log->shape.count; i++) {
			u64 sequence = t->log->segments[i].sequence;

			if (sequence < below && sequence > next) {
				next = sequence;
				position = i;
			}
		}
		if (!next)
			break;
		err = mq_j_read_segment(t, position);
		below = next;
	}
	return err;
}

/* Tell of the queues. */
static int mq_j_tell_queues(struct mq_j_table *t, struct mq_j_totals *totals)
{
	u64 i;

	for (i = 0; i < t->size; i++) {
		struct mq_j_object *o = &t->objects[i];

		if (!o->record)
			continue;
		o->made = t->ops->queue(t->context, o->record, o->next_id,
					o->delivered);
		if (!o->made)
			return -ENOMEM;
		totals->queues++;
	}
	return 0;
}

/* Return what mq_j_ops.queue made of a queue; NULL: it was removed. */
static int mq_j_queue_of(struct mq_j_table *t, u64 serial, void **queue)
{
	struct mq_j_object *o = mq_j_object_find(t, serial);

	if (!o || o->kind == MQ_J_IS_MESSAGE || (!o->ended && !o->made))
		return -EUCLEAN;
	*queue = o->ended ? NULL : o->made;
	return 0;
}

static int mq_j_tell_messages(struct mq_j_table *t, struct mq_j_totals *totals)
{
	void *queue, *message;
	int err = 0;
	u64 i;

	for (i = 0; i < t->size && !err; i++) {
		struct mq_j_object *o = &t->objects[i];

		if (!o->message)
			continue;
		err = mq_j_queue_of(t, o->queue, &queue);
		if (err) {
			t->log->fault.what = "the queue of a message is missing";
			break;
		}
		message = o->message;
		o->message = NULL;
		if (!queue) {
			t->ops->drop(t->context, message);
			continue;
		}
		err = t->ops->place(t->context, queue, message);
		totals->messages++;
	}
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
	struct mq_j_dedup_copy *c;
	u64 i;

	for (i = 0; i < t->size; i++)
		mq_j_object_clear(t, &t->objects[i]);
	mq_j_free(t->objects);
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
	err = err ?: mq_j_tell_queues(&t, totals);
	err = err ?: mq_j_tell_messages(&t, totals);
	err = err ?: mq_j_tell_dedups(&t, totals, false);
	err = err ?: mq_j_tell_dedups(&t, totals, true);
	totals->serial = t.serial;
	mq_j_table_free(&t);
	return err;
}
