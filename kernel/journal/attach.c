// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching a journal: its file is opened and read, and a new epoch begins in a
 * fresh segment. What is behind the end of the old one can never join it.
 */
#include <linux/build_bug.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uuid.h>

#include "base/base.h"
#include "journal/attach.h"
#include "journal/list.h"
#include "journal/log.h"
#include "journal/objects.h"
#include "journal/replay.h"
#include "journal/writer.h"

/* Return how much of the places messages may fill: three quarters. */
static u64 mq_attach_fill(u64 bytes)
{
	return bytes - bytes / 4;
}

/* Allocate what depends on the shape. */
static int mq_attach_memory(struct mq_journal *j)
{
	u32 i, size = j->shape.segment_size, count = j->shape.count;
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO;

	for (i = 0; i < MQ_J_STREAMS; i++) {
		j->streams[i].buffer = kvmalloc(size, gfp);
		if (!j->streams[i].buffer)
			return -ENOMEM;
	}
	j->victim = kvmalloc(size, gfp);
	j->header = kvmalloc(mq_j_header_size(&j->shape), gfp);
	j->segments = kvcalloc(count, sizeof(*j->segments), GFP_KERNEL_ACCOUNT);
	j->alive = kvcalloc(count, sizeof(*j->alive), GFP_KERNEL_ACCOUNT);
	j->scratch = kvzalloc(sizeof(*j->scratch), GFP_KERNEL_ACCOUNT);
	if (!j->victim || !j->header || !j->segments || !j->alive ||
	    !j->scratch)
		return -ENOMEM;
	return mq_objects_init(j);
}

/* Take over the segments that are needed. */
static void mq_attach_segments(struct mq_attach *a)
{
	struct mq_journal *j = a->j;
	u32 i;

	for (i = 0; i < j->shape.count; i++) {
		const struct mq_j_segment_info *s = &a->log.segments[i];

		j->segments[i].first_end = U64_MAX;
		if (!s->sequence) {
			j->places++;
			continue;
		}
		j->segments[i].sequence = s->sequence;
		j->segments[i].seed = s->seed;
		j->segments[i].state = MQ_SEGMENT_CLOSED;
		j->segments[i].unknown = true;
	}
	j->sequence = a->log.sequence;
	memcpy(j->marks, a->log.marks, sizeof(j->marks));
}

static int mq_attach_shape(struct mq_attach *a, const char **why)
{
	char as[DEVMQ_NAME_MAX + 1];
	struct mq_journal *j = a->j;
	u64 places;
	int err;

	err = mq_journal_identify(j, &a->log.shape, as);
	if (err) {
		snprintf(a->why, sizeof(a->why),
			 "a journal with its uuid is attached as '%s': it is that one, or a copy of it",
			 as);
		*why = a->why;
		return err;
	}
	if (j->shape.unit < j->medium.unit) {
		*why = "its units are smaller than the device can write";
		return -EINVAL;
	}
	j->medium.size = mq_j_segment_at(&j->shape, j->shape.count);
	j->epoch = get_random_u64();
	j->epochs = a->log.epochs + 1;
	j->seed = mq_j_seed(&j->shape, j->epoch);
	j->record_max = mq_log_record_max(&j->shape);
	j->large = j->record_max / 8;
	BUILD_BUG_ON(MQ_J_COUNT_RESERVED - MQ_LOG_RESERVE < 3);
	places = j->shape.count - min_t(u32, j->shape.count,
					MQ_J_COUNT_RESERVED);
	j->capacity = mq_attach_fill(places * j->record_max);
	return 0;
}

/* Say what an error of the scan means. */
static const char *mq_attach_why(const struct mq_attach *a, int err)
{
	if (a->log.fault.what)
		return a->log.fault.what;
	switch (err) {
	case -ENODATA:
		return "a move to it was not completed: attach the file that this came from";
	case -EMEDIUMTYPE:
		return "it is no journal: mqctl journal create makes one";
	case -EOPNOTSUPP:
		return "a newer version of devmq made it";
	case -ENOMEM:
		return "there is no memory";
	default:
		return "it cannot be read";
	}
}

/*
 * Open the file of a journal; with @target, of one to which the journal with that name
 * is to be moved.
 */
static int mq_attach_file(struct mq_attach *a, const char *name,
			  struct file *file, bool target, const char **why)
{
	char as[DEVMQ_NAME_MAX + 1];
	struct mq_journal *j;
	int err;

	*why = "there is no memory";
	memset(a, 0, sizeof(*a));
	err = mq_source_init(&a->source);
	j = err ? NULL : kzalloc(sizeof(*j), GFP_KERNEL_ACCOUNT);
	if (!j)
		return -ENOMEM;
	a->j = j;
	strscpy(j->name, name, sizeof(j->name));
	j->target = target;
	kref_init(&j->refs);
	INIT_LIST_HEAD(&j->link);
	mq_writer_init(j);
	err = mq_medium_open(&j->medium, file, why);
	if (err)
		return err;
	err = mq_journal_enlist(j, as);
	if (err) {
		snprintf(a->why, sizeof(a->why), "it is attached already, as '%s'",
			 as);
		*why = err == -EEXIST ? "a journal of that name is attached" :
					a->why;
		return err;
	}
	mq_source_open(&a->source, &j->medium);
	return 0;
}

/**
 * mq_attach_open - open a journal, and find what it has
 * @a: the journal; the caller calls mq_attach_close() in any case
 * @name: its name
 * @file: its file
 * @why: set to what is wrong, if anything is
 *
 * Return: 0 or an error.
 */
int mq_attach_open(struct mq_attach *a, const char *name, struct file *file,
		   const char **why)
{
	int err = mq_attach_file(a, name, file, false, why);

	if (err)
		return err;
	err = mq_j_log_open(&a->log, &a->source.s);
	if (err) {
		*why = mq_attach_why(a, err);
		return err == -EMEDIUMTYPE ? -ENODATA : err;
	}
	if (a->log.shape.features & MQ_J_MOVED) {
		*why = "it was moved: attach the file to which it was";
		return -ESTALE;
	}
	err = mq_attach_shape(a, why);
	if (err)
		return err;
	*why = "there is no memory";
	err = mq_attach_memory(a->j);
	if (!err)
		mq_attach_segments(a);
	return err;
}

/* -- the file that a journal is moved to --------------------------------------- */

/* The file to be has to have no queues; without queues nothing has messages. */
static void *mq_target_message(void *context, const struct mq_j_message *m,
			       const struct mq_j_copy *copy)
{
	return context;
}

static int mq_target_state(void *context, void *message,
			   const struct mq_j_copy *copy)
{
	return 0;
}

static void mq_target_drop(void *context, void *message)
{
}

/* What is made of a queue makes the replay fail when it is used. */
static void *mq_target_queue(void *context, const struct mq_j_queue *q,
			     u64 next_id, u64 delivered)
{
	struct mq_attach *a = context;

	a->queues++;
	return a;
}

static int mq_target_place(void *context, void *queue, void *message)
{
	return -ENOTEMPTY;
}

static int mq_target_dedup(void *context, void *queue,
			   const struct mq_j_dedup *d)
{
	return -ENOTEMPTY;
}

static const struct mq_j_ops mq_target_ops = {
	.message	= mq_target_message,
	.state		= mq_target_state,
	.drop		= mq_target_drop,
	.queue		= mq_target_queue,
	.place		= mq_target_place,
	.dedup		= mq_target_dedup,
};

/*
 * Check that a file is a journal without queues: a new one, one that was moved itself,
 * or one to which a move was begun.
 */
static int mq_target_check(struct mq_attach *a, const char **why)
{
	struct mq_j_totals totals;
	int err = mq_j_log_open(&a->log, &a->source.s);

	if (a->log.shape.features && (!err || err == -ENODATA))
		return 0;
	err = err ?: mq_j_replay(&a->log, &mq_target_ops, a, &totals);
	if (err == -ENOTEMPTY || (!err && a->queues)) {
		*why = "the other file has queues: mqctl journal create makes one that has none";
		return -ENOTEMPTY;
	}
	if (err)
		*why = mq_attach_why(a, err);
	return err == -EMEDIUMTYPE ? -ENODATA : err;
}

/* Check that the other file is large enough for all that the journal has. */
static int mq_target_size(const struct mq_journal *to,
			  const struct mq_journal *from, const char **why)
{
	if (to->record_max < READ_ONCE(from->record_max)) {
		*why = "the segments of the other file are smaller than its own";
		return -EMSGSIZE;
	}
	if (atomic64_read(&from->live) > to->capacity) {
		*why = "the other file is too small for what it has";
		return -ENOSPC;
	}
	return 0;
}

/* Make an empty journal, which says of itself that it is not complete. */
static int mq_target_make(struct mq_journal *to, const char **why)
{
	int err = mq_log_super(to, MQ_J_PARTIAL) ?: mq_log_begin(to);

	if (err == -EAGAIN) {
		*why = "the file system of the other file is frozen";
		return -EBUSY;
	}
	if (err)
		*why = "the other file cannot be written";
	return err;
}

/**
 * mq_attach_target - prepare a file to which a journal is to be moved
 * @a: the other file; the caller calls mq_attach_close() in any case
 * @from: the journal
 * @file: the file
 * @why: set to what is wrong, if anything is
 *
 * What the file had cannot be found any more afterwards: it has another uuid.
 *
 * Return: 0 or an error. ENODATA: the file is no journal.
 */
int mq_attach_target(struct mq_attach *a, const struct mq_journal *from,
		     struct file *file, const char **why)
{
	struct mq_journal *to;
	int err = mq_attach_file(a, from->name, file, true, why) ?:
		  mq_target_check(a, why);

	if (err)
		return err;
	to = a->j;
	generate_random_uuid(a->log.shape.uuid);
	a->log.shape.created = ktime_get_real_ns();
	err = mq_attach_shape(a, why) ?: mq_target_size(to, from, why);
	if (err)
		return err;
	to->epochs = from->epochs;
	to->places = to->shape.count;
	*why = "the other file cannot be read";
	err = mq_j_sequence_find(&a->log, &to->sequence);
	if (err)
		return err;
	*why = "there is no memory";
	err = mq_attach_memory(to);
	return err ?: mq_target_make(to, why);
}

/*
 * End the last segment of a stream with a last block of its own epoch, where the
 * crash or the orderly end left it. That is written over what the crash tore. If the
 * power fails again, only some sectors of the last block may be on the disk, and they
 * must not be those that the torn block lacks, often zeros: it would become valid, and
 * what recovery has found would change. So the rest of the last block is random.
 */
static int mq_attach_end_stream(struct mq_attach *a, u32 stream)
{
	struct mq_journal *j = a->j;
	struct mq_j_tail *tail = &a->log.tails[stream];
	struct mq_j_block *b = (void *)j->streams[stream].buffer;
	u32 i, unit = j->shape.unit;

	if (!tail->end.sequence || tail->closed)
		return 0;
	/* The writer always leaves room for the last block. */
	if (tail->end.offset + unit > j->shape.segment_size)
		return -EUCLEAN;
	memset(b, 0, sizeof(*b));
	get_random_bytes(b + 1, unit - sizeof(*b));
	b->size = cpu_to_le32(unit);
	b->used = cpu_to_le32(sizeof(*b));
	b->sequence = cpu_to_le64(tail->end.sequence);
	b->offset = cpu_to_le32(tail->end.offset);
	b->flags = cpu_to_le32(MQ_J_BLOCK_LAST);
	for (i = 0; i < MQ_J_STREAMS; i++)
		mq_j_mark_set(&b->marks[i], &j->marks[i]);
	mq_j_block_seal(b, a->log.segments[tail->position].seed);
	return mq_medium_write(&j->medium,
			       mq_j_segment_at(&j->shape, tail->position) +
			       tail->end.offset, b, unit);
}

/*
 * End both streams: the next header needs that. It also has to say that all that
 * was recovered is flushed now: the cold stream may not go on for long.
 */
static int mq_attach_end_streams(struct mq_attach *a)
{
	struct mq_journal *j = a->j;
	int err = 0;
	u32 i;

	for (i = 0; i < MQ_J_STREAMS && !err; i++)
		err = mq_attach_end_stream(a, i);
	err = err ?: mq_medium_flush(&j->medium);
	for (i = 0; i < MQ_J_STREAMS && !err; i++) {
		const struct mq_j_tail *tail = &a->log.tails[i];

		if (mq_j_before(&j->marks[i], &tail->end))
			j->marks[i] = tail->end;
		if (tail->end.sequence && !tail->closed &&
		    j->marks[i].sequence == tail->end.sequence)
			j->marks[i].offset += j->shape.unit;
	}
	return err;
}

/*
 * Note what is known of the segments. Those without a record, as a crash leaves them
 * while a journal is attached, are not in the map of the next header. So a machine
 * that crashes each time does not use up all places.
 */
static void mq_attach_known(struct mq_attach *a)
{
	struct mq_journal *j = a->j;
	u32 i;

	for (i = 0; i < j->shape.count; i++) {
		struct mq_segment *g = &j->segments[i];

		g->stale = a->log.segments[i].stale;
		if (g->state != MQ_SEGMENT_CLOSED || a->log.segments[i].records)
			continue;
		g->state = MQ_SEGMENT_LEFT;
		j->left++;
	}
}

/*
 * Begin a new epoch: end the segments of the one before, and open another. The
 * thread is there, for mq_writer_run(). @serial is the first that no object has.
 */
int mq_attach_begin(struct mq_attach *a, u64 serial)
{
	a->j->serial = serial;
	mq_attach_known(a);
	return mq_writer_start(a->j) ?: mq_attach_end_streams(a) ?:
	       mq_log_begin(a->j);
}

/* Close what was needed to attach. The journal stays, unless @a has it still. */
void mq_attach_close(struct mq_attach *a)
{
	mq_j_log_close(&a->log);
	mq_source_free(&a->source);
	if (!a->j)
		return;
	mq_writer_stop(a->j);
	mq_journal_delist(a->j);
	mq_journal_close(a->j);
	mq_journal_put(a->j);
}
