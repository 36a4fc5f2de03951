// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching a journal: its file is opened and read, and a new epoch begins in a
 * fresh segment. What is behind the end of the old one can never join it.
 */
#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "journal/attach.h"
#include "journal/log.h"
#include "journal/objects.h"
#include "journal/writer.h"

/* Bytes that are read at a time. */
#define MQ_ATTACH_READ	BIT(20)

/* Return how much of the places messages may fill: three quarters. */
static u64 mq_attach_fill(u64 bytes)
{
	return bytes - bytes / 4;
}

/* Read for the scan, which may want bytes that do not begin at a unit. */
static int mq_attach_read(void *context, u64 at, void *to, u32 size)
{
	struct mq_attach *a = context;

	while (size) {
		u32 n = min_t(u32, size, MQ_ATTACH_READ);
		u32 whole = ALIGN(n, MQ_J_UNIT_MAX);
		int err;

		if (fatal_signal_pending(current))
			return -EINTR;
		err = mq_medium_read(&a->j->medium, at, a->page, whole);
		if (err)
			return err;
		memcpy(to, a->page, n);
		at += n;
		to += n;
		size -= n;
	}
	return 0;
}

/* The journals that are attached. */
static LIST_HEAD(mq_journals);
static DEFINE_SPINLOCK(mq_journals_lock);

/* Let go of the file and of all memory but the structure. */
void mq_journal_close(struct mq_journal *j)
{
	u32 i;

	mq_medium_close(&j->medium);
	for (i = 0; i < MQ_J_STREAMS; i++) {
		kvfree(j->streams[i].buffer);
		j->streams[i].buffer = NULL;
	}
	mq_objects_exit(j);
	kvfree(j->segments);
	kvfree(j->header);
	kvfree(j->victim);
	kvfree(j->alive);
	kvfree(j->scratch);
	j->scratch = NULL;
	j->segments = NULL;
	j->header = NULL;
	j->victim = NULL;
	j->alive = NULL;
}

static void mq_journal_free(struct kref *refs)
{
	struct mq_journal *j = container_of(refs, struct mq_journal, refs);

	mq_journal_close(j);
	kfree(j);
}

/*
 * Drop a reference. The last one may be dropped with a lock held: by then
 * mq_journal_close() was called.
 */
void mq_journal_put(struct mq_journal *j)
{
	if (j)
		kref_put(&j->refs, mq_journal_free);
}

/* Find an attached journal. Return it with a reference, or NULL. */
struct mq_journal *mq_journal_find(const char *name)
{
	struct mq_journal *j, *found = NULL;

	spin_lock(&mq_journals_lock);
	list_for_each_entry(j, &mq_journals, link)
		if (j->ready && !strcmp(j->name, name)) {
			kref_get(&j->refs);
			found = j;
			break;
		}
	spin_unlock(&mq_journals_lock);
	return found;
}

/* Return the next journal behind @before (NULL: the first) with a reference. */
struct mq_journal *mq_journal_after(struct mq_journal *before)
{
	struct mq_journal *j;

	spin_lock(&mq_journals_lock);
	j = before ? list_next_entry(before, link) :
		     list_first_entry(&mq_journals, struct mq_journal, link);
	if (list_entry_is_head(j, &mq_journals, link) ||
	    (before && list_empty(&before->link)))
		j = NULL;
	else
		kref_get(&j->refs);
	spin_unlock(&mq_journals_lock);
	mq_journal_put(before);
	return j;
}

/*
 * Add a journal to those that are attached. Return 0; EEXIST: one has the same
 * name; EBUSY: one has the same file.
 */
int mq_journal_enlist(struct mq_journal *j)
{
	struct mq_journal *other;
	int err = 0;

	spin_lock(&mq_journals_lock);
	list_for_each_entry(other, &mq_journals, link) {
		if (!strcmp(j->name, other->name))
			err = -EEXIST;
		else if (mq_medium_same(&j->medium, &other->medium))
			err = -EBUSY;
		if (err)
			break;
	}
	if (!err)
		list_add_tail(&j->link, &mq_journals);
	spin_unlock(&mq_journals_lock);
	return err;
}

/* Let queues be made in a journal, or do so no longer. */
void mq_journal_set_ready(struct mq_journal *j, bool ready)
{
	spin_lock(&mq_journals_lock);
	j->ready = ready;
	spin_unlock(&mq_journals_lock);
}

void mq_journal_delist(struct mq_journal *j)
{
	spin_lock(&mq_journals_lock);
	j->ready = false;
	list_del_init(&j->link);
	spin_unlock(&mq_journals_lock);
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
		j->segments[i].state = MQ_SEGMENT_CLOSED;
		j->segments[i].unknown = true;
	}
	j->sequence = a->log.sequence;
	memcpy(j->marks, a->log.marks, sizeof(j->marks));
}

static int mq_attach_shape(struct mq_attach *a, const char **why)
{
	struct mq_journal *j = a->j;
	u64 places;

	j->shape = a->log.shape;
	if (j->shape.unit < j->medium.unit) {
		*why = "its units are smaller than the device can write";
		return -EINVAL;
	}
	j->medium.size = mq_j_segment_at(&j->shape, j->shape.count);
	j->epoch = get_random_u64();
	j->epochs = a->log.epochs + 1;
	j->seed = mq_j_seed(&j->shape, j->epoch);
	j->record_max = mq_log_record_max(&j->shape);
	places = j->shape.count - min_t(u32, j->shape.count, MQ_LOG_RESERVE + 3);
	j->capacity = mq_attach_fill(places * j->record_max);
	return 0;
}

/* Say what an error of the scan means. */
static const char *mq_attach_why(const struct mq_attach *a, int err)
{
	if (a->log.fault.what)
		return a->log.fault.what;
	switch (err) {
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
	struct mq_journal *j;
	int err;

	*why = "there is no memory";
	memset(a, 0, sizeof(*a));
	j = kzalloc(sizeof(*j), GFP_KERNEL_ACCOUNT);
	a->page = kvmalloc(MQ_ATTACH_READ, GFP_KERNEL_ACCOUNT);
	a->j = j;
	if (!j || !a->page)
		return -ENOMEM;
	strscpy(j->name, name, sizeof(j->name));
	kref_init(&j->refs);
	INIT_LIST_HEAD(&j->link);
	mq_writer_init(j);
	err = mq_medium_open(&j->medium, file, why);
	if (err)
		return err;
	err = mq_journal_enlist(j);
	if (err) {
		*why = err == -EEXIST ? "a journal of that name is attached" :
					"it is attached already";
		return err;
	}
	a->source = (struct mq_j_source){
		.read = mq_attach_read,
		.context = a,
		.size = mq_medium_size(&j->medium),
	};
	err = mq_j_log_open(&a->log, &a->source);
	if (err) {
		*why = mq_attach_why(a, err);
		return err == -EMEDIUMTYPE ? -ENODATA : err;
	}
	err = mq_attach_shape(a, why);
	if (err)
		return err;
	*why = "there is no memory";
	err = mq_attach_memory(j);
	if (!err)
		mq_attach_segments(a);
	return err;
}

/*
 * End the last segment of a stream with a last block of its own epoch, where the
 * crash or the orderly end left it. What the crash tore lies behind that.
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
	memset(b, 0, unit);
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
 * Begin a new epoch: end the segments of the one before, and open another. The
 * thread is there, for mq_writer_run(). @serial is the first that no object has.
 */
int mq_attach_begin(struct mq_attach *a, u64 serial)
{
	struct mq_journal *j = a->j;
	u32 i;

	j->serial = serial;
	for (i = 0; i < j->shape.count; i++)
		j->segments[i].stale = a->log.segments[i].stale;
	return mq_writer_start(j) ?: mq_attach_end_streams(a) ?:
	       mq_log_begin(j);
}

/* Close what was needed to attach. The journal stays, unless @a has it still. */
void mq_attach_close(struct mq_attach *a)
{
	mq_j_log_close(&a->log);
	kvfree(a->page);
	if (!a->j)
		return;
	mq_writer_stop(a->j);
	mq_journal_delist(a->j);
	mq_journal_close(a->j);
	mq_journal_put(a->j);
}
