// SPDX-License-Identifier: GPL-2.0
/*
 * Adding the records of a group to the log; while the journal is moved to another
 * file, also to the log of that one. Both get the same records, but for ends, which
 * name segments. What goes wrong with the other file is kept in its
 * mq_journal.broken, and does not concern the group.
 */
#include <linux/cred.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "base/base.h"
#include "journal/cleaner.h"
#include "journal/fetch.h"
#include "journal/log.h"
#include "journal/objects.h"
#include "journal/put.h"
#include "journal/record.h"
#include "memory/chunk.h"
#include "memory/durable.h"
#include "memory/spread.h"
#include "memory/text.h"

/* Return the bytes of a state with what follows it, and the padding. */
static u32 mq_put_state_size(const struct mq_change *c)
{
	return ALIGN(sizeof(c->s) + (c->origin ? c->origin->size : 0) +
		     (c->note ? c->note->size : 0), 8);
}

static void mq_put_state(struct mq_change *c, struct mq_j_state *to)
{
	u8 *at = (u8 *)(to + 1);

	c->s.origin_size = c->origin ? c->origin->size : 0;
	c->s.note_size = cpu_to_le16(c->note ? c->note->size : 0);
	*to = c->s;
	if (c->origin)
		memcpy(at, c->origin->text, c->origin->size);
	if (c->note)
		memcpy(at + c->s.origin_size, c->note->text, c->note->size);
}

/* Write the id of a message in its topic, and the name of that. */
static void mq_put_topic(u8 *at, const struct mq_text *topic)
{
	u64 id;
	__le64 to;

	memcpy(&id, topic->text, sizeof(id));
	to = cpu_to_le64(id);
	memcpy(at, &to, sizeof(to));
	memcpy(at + sizeof(to), topic->text + sizeof(id), topic->size - sizeof(id));
}

/*
 * Write a message from the topic @from, if any, but for its copies, of @size bytes in
 * all. Return the record, or an ERR_PTR.
 */
static struct mq_j_message *mq_put_body(struct mq_journal *j,
					const struct mq_change *c,
					const struct mq_text *from, u32 copies,
					u32 size)
{
	const struct mq_msg *m = c->m;
	bool stub = mq_msg_is_stub(m);
	u32 meta = m->key_size + m->headers_size, payload = mq_msg_size(m);
	u32 topic = from ? from->size : 0;
	struct mq_j_message *r;
	u8 *at;

	r = mq_log_add(j, MQ_J_HOT, sizeof(*r) + size + meta + topic + payload,
		       MQ_J_MESSAGE);
	if (IS_ERR(r))
		return r;
	r->time_ns = cpu_to_le64(m->time_ns);
	r->uid = cpu_to_le32(from_kuid(&init_user_ns, c->sender.uid));
	r->gid = cpu_to_le32(from_kgid(&init_user_ns, c->sender.gid));
	r->pid = cpu_to_le32(c->sender.pid);
	r->payload_size = cpu_to_le32(payload);
	r->key_size = cpu_to_le16(m->key_size);
	r->headers_size = cpu_to_le16(m->headers_size);
	r->copies = cpu_to_le16(copies);
	r->topic_size = cpu_to_le16(topic);
	r->copies_size = cpu_to_le32(size);
	at = (u8 *)(r + 1) + size;
	memcpy(at, stub ? c->body.meta : m + 1, meta);
	at += meta;
	if (topic)
		mq_put_topic(at, from);
	memcpy(at + topic, stub ? c->body.payload : mq_msg_payload(m), payload);
	return r;
}

/* Write a whole message. */
static int mq_put_message(struct mq_journal *j, struct mq_change *c)
{
	struct mq_j_message *r = mq_put_body(j, c, c->topic, 1,
					     mq_put_state_size(c));

	if (IS_ERR(r))
		return PTR_ERR(r);
	mq_put_state(c, (struct mq_j_state *)(r + 1));
	mq_objects_body(j, c->d, j->streams[MQ_J_HOT].position,
			j->streams[MQ_J_HOT].start, ALIGN(le32_to_cpu(r->r.size), 8));
	mq_objects_add(j, c->d);
	return 0;
}

/* Fill in the state of a copy as it came to its queue, in the record of all copies. */
static void mq_put_spread_copy(struct mq_journal *j, const struct mq_spread_copy *c,
			       struct mq_j_state *to)
{
	mq_feed_add(j, c->feed);
	c->d->serial = c->d->serial ?: mq_objects_serial(j);
	c->d->version = 1;
	to->serial = cpu_to_le64(c->d->serial);
	to->queue = cpu_to_le64(c->feed->serial);
	to->id = cpu_to_le64(c->id);
	to->due_ns = cpu_to_le64(c->due_ns);
	to->expires_ns = cpu_to_le64(c->expires_ns);
	to->version = cpu_to_le32(1);
	to->state = c->state;
	to->priority = c->priority;
}

/*
 * Write a message with all of its copies that are not gone. Of the bytes of the record
 * the first copy counts all but those of the other states.
 */
static int mq_put_copies(struct mq_journal *j, const struct mq_change *c,
			 const struct mq_spread *s)
{
	const struct mq_stream *hot = &j->streams[MQ_J_HOT];
	u32 i, n = 0, each = sizeof(struct mq_j_state), size;
	struct mq_j_message *r;
	struct mq_j_state *to;

	for (i = 0; i < s->count; i++)
		n += !!s->copies[i].d;
	/* The change may be of what a topic retains, which tells of none. */
	r = mq_put_body(j, c, s->topic, n, n * each);
	if (IS_ERR(r))
		return PTR_ERR(r);
	to = (struct mq_j_state *)(r + 1);
	size = ALIGN(le32_to_cpu(r->r.size), 8) - (n - 1) * each;
	for (i = 0; i < s->count; i++) {
		if (!s->copies[i].d)
			continue;
		mq_put_spread_copy(j, &s->copies[i], to++);
		mq_objects_body(j, s->copies[i].d, hot->position, hot->start, size);
		mq_objects_add(j, s->copies[i].d);
		size = each;
	}
	return 0;
}

/*
 * Write a message of a topic that is in several queues of the journal, which has none of
 * its copies yet. Wait until all are in their queues: who puts them there does nothing
 * else, and waits for nothing.
 */
static int mq_put_spread(struct mq_journal *j, const struct mq_change *c)
{
	struct mq_spread *s = c->d->spread;
	int err;

	/* Who sees that they are sees the copies: mq_feed_spread(). */
	wait_event(j->moved, smp_load_acquire(&s->complete));
	if (!s->copies)
		return 0;
	mq_spread_begin(s);
	err = mq_put_copies(j, c, s);
	mq_spread_end(s);
	return err;
}

/* Write a new state of a message that the journal has. */
static int mq_put_new_state(struct mq_journal *j, struct mq_change *c)
{
	u32 size = sizeof(struct mq_j_record) + mq_put_state_size(c);
	struct mq_j_state_record *r;

	r = mq_log_add(j, MQ_J_HOT, size, MQ_J_STATE);
	if (IS_ERR(r))
		return PTR_ERR(r);
	mq_put_state(c, &r->s);
	mq_objects_state(j, c->d, j->streams[MQ_J_HOT].position, ALIGN(size, 8));
	return 0;
}

/* Write a message to a file: all of it, unless the file has that. */
static int mq_put_to(struct mq_journal *j, struct mq_change *c)
{
	if (!c->d->at[j->side].size)
		return mq_put_message(j, c);
	return c->fresh ? 0 : mq_put_new_state(j, c);
}

static void mq_put_begin(struct mq_journal *j, struct mq_feed *f,
			 struct mq_change *c, u32 version)
{
	if (!c->d->serial)
		c->d->serial = mq_objects_serial(j);
	c->s.queue = cpu_to_le64(f->serial);
	c->s.serial = cpu_to_le64(c->d->serial);
	c->s.version = cpu_to_le32(version);
}

/* Give back what a change holds. */
static void mq_put_end(struct mq_change *c)
{
	mq_chunk_put(c->chunk, MQ_CHUNK_ONE);
	mq_text_put(c->origin);
	mq_text_put(c->note);
	mq_text_put(c->topic);
}

/* Write a change, and give back what it holds. */
int mq_put_change(struct mq_journal *j, struct mq_feed *f,
		  struct mq_change *c)
{
	int err = READ_ONCE(j->error) ? -EIO : 0;

	/* A file to which the journal is moved gets each copy by itself. */
	if (!err && unlikely(c->d->spread) && !c->d->at[j->side].size)
		err = mq_put_spread(j, c);
	mq_put_begin(j, f, c, c->d->version + 1);
	err = err ?: mq_put_to(j, c);
	if (j->next)
		mq_put_to(j->next, c);
	/* Not before: to make room, the record that was the newest may be copied. */
	c->d->version++;
	mq_put_end(c);
	return err;
}

/*
 * Read a message back that is to be moved, if only the file of the journal has it. If
 * that is not possible, the move is given up: nothing is left behind.
 */
static int mq_put_read(struct mq_journal *j, struct mq_change *c)
{
	if (likely(!mq_msg_is_stub(c->m)) ||
	    !mq_fetch_bytes(j, c->d, c->m, &c->body))
		return 0;
	j->next->broken = j->next->broken ?: -EBADMSG;
	return -EBADMSG;
}

/*
 * Write a message to the file that the journal is moved to, and give back what
 * @c holds. It keeps its version: the other file has a record of that.
 */
void mq_put_copy(struct mq_journal *j, struct mq_feed *f, struct mq_change *c)
{
	c->d->version = c->d->version ?: 1;
	mq_put_begin(j, f, c, c->d->version);
	if (!mq_put_read(j, c) && !mq_put_to(j->next, c))
		j->next->copied += READ_ONCE(c->d->live);
	mq_put_end(c);
}

static int mq_put_dedup_to(struct mq_journal *j, struct mq_feed *f,
			   const struct mq_dedup_change *c)
{
	u32 size = sizeof(struct mq_j_dedup) + c->size;
	struct mq_j_dedup *d = mq_log_add(j, MQ_J_HOT, size, MQ_J_DEDUP);
	struct mq_segment *g;

	if (IS_ERR(d))
		return PTR_ERR(d);
	d->queue = cpu_to_le64(f->serial);
	d->id = c->d.id;
	d->sent_ns = c->d.sent_ns;
	memcpy(d + 1, c->bytes, c->size);
	g = mq_log_segment(j, MQ_J_HOT);
	g->dedups += ALIGN(size, 8);
	g->dedup_until = max(g->dedup_until,
			     mq_clean_dedup_end(f, le64_to_cpu(c->d.sent_ns)));
	return 0;
}

int mq_put_dedup(struct mq_journal *j, struct mq_feed *f,
		 const struct mq_dedup_change *c)
{
	int err = READ_ONCE(j->error) ? -EIO : mq_put_dedup_to(j, f, c);

	if (j->next)
		mq_put_dedup_to(j->next, f, c);
	return err;
}

/* Write a de-duplication id to the file that the journal is moved to. */
void mq_put_dedup_copy(struct mq_journal *j, struct mq_feed *f,
		       const struct mq_dedup_change *c)
{
	if (!mq_put_dedup_to(j->next, f, c))
		j->next->copied += sizeof(struct mq_j_dedup) + c->size;
}

static struct mq_j_queue *mq_put_definition(struct mq_journal *j,
					    struct mq_feed *f, u32 version)
{
	struct mq_j_queue *q = (void *)j->scratch->definition;

	memset(q, 0, sizeof(*q));
	f->ops->define(f, q);
	q->r.size = cpu_to_le32(mq_j_queue_size(q));
	q->r.type = MQ_J_QUEUE;
	q->serial = cpu_to_le64(f->serial);
	q->version = cpu_to_le32(version);
	return q;
}

static int mq_put_queue_to(struct mq_journal *j, struct mq_feed *f,
			   const struct mq_j_queue *q)
{
	struct mq_feed_where *at = &f->at[j->side];
	u32 size = le32_to_cpu(q->r.size);
	void *to = mq_log_add(j, MQ_J_HOT, size, MQ_J_QUEUE);

	if (IS_ERR(to))
		return PTR_ERR(to);
	memcpy(to, q, size);
	at->older = at->older || at->size;
	j->segments[at->segment].live -= at->size;
	at->segment = j->streams[MQ_J_HOT].position;
	at->size = ALIGN(size, 8);
	j->segments[at->segment].live += at->size;
	return 0;
}

/* Write what a queue is. */
int mq_put_queue(struct mq_journal *j, struct mq_feed *f)
{
	struct mq_j_queue *q = mq_put_definition(j, f, f->version + 1);
	int err;

	mq_clean_window(j, f);
	err = READ_ONCE(j->error) ? -EIO : mq_put_queue_to(j, f, q);
	if (j->next)
		mq_put_queue_to(j->next, f, q);
	f->version++;
	return err;
}

static int mq_put_ceilings_to(struct mq_journal *j, struct mq_feed *f,
			      u64 version)
{
	struct mq_feed_where *at = &f->at[j->side];
	struct mq_j_ceiling *c;

	c = mq_log_add(j, MQ_J_HOT, sizeof(*c), MQ_J_CEILING);
	if (IS_ERR(c))
		return PTR_ERR(c);
	c->queue = cpu_to_le64(f->serial);
	c->version = cpu_to_le64(version);
	c->next_id = cpu_to_le64(f->pending.next_id);
	c->delivered = cpu_to_le64(f->pending.delivered);
	if (at->raised)
		j->segments[at->ceiling_segment].live -= sizeof(*c);
	at->raised = true;
	at->ceiling_segment = j->streams[MQ_J_HOT].position;
	j->segments[at->ceiling_segment].live += sizeof(*c);
	return 0;
}

int mq_put_ceilings(struct mq_journal *j, struct mq_feed *f)
{
	bool must = test_and_clear_bit(MQ_FEED_CEILINGS, &f->flags);
	int err;

	if (!f->ops->ceilings(f, &f->pending) && !must)
		return 0;
	err = READ_ONCE(j->error) ? -EIO :
				    mq_put_ceilings_to(j, f, f->ceiling + 1);
	if (j->next)
		mq_put_ceilings_to(j->next, f, f->ceiling + 1);
	f->ceiling++;
	/* Those of a journal that has failed are too high: see mq_persist_ceilings(). */
	f->raises = !err;
	return err;
}

/* Write what a queue is, and its ceilings, to the file that the journal is moved to. */
void mq_put_queue_copy(struct mq_journal *j, struct mq_feed *f)
{
	struct mq_feed_where *at = &f->at[j->next->side];

	f->version = f->version ?: 1;
	f->ceiling = f->ceiling ?: 1;
	if (!at->size)
		mq_put_queue_to(j->next, f,
				mq_put_definition(j, f, f->version));
	if (at->raised)
		return;
	f->ops->ceilings(f, &f->pending);
	mq_put_ceilings_to(j->next, f, f->ceiling);
}

/* Add a record for @n ends. */
static struct mq_j_end *mq_put_ends_add(struct mq_journal *j, u32 n)
{
	struct mq_j_end *e;

	return mq_log_add(j, MQ_J_HOT, struct_size(e, gone, n), MQ_J_END);
}

/* Fill in one end, after its record was added: that may have moved the object. */
static void mq_put_gone(struct mq_journal *j, struct mq_j_gone *gone, u64 serial,
			u64 segment)
{
	gone->serial = cpu_to_le64(serial);
	gone->segment = cpu_to_le64(segment);
	mq_clean_count_end(mq_log_segment(j, MQ_J_HOT), segment);
}

static int mq_put_ends_to(struct mq_journal *j, struct mq_durable **d, u32 n)
{
	struct mq_j_end *e;
	u32 i, k = 0, had = 0;

	for (i = 0; i < n; i++)
		had += !!d[i]->at[j->side].size;
	if (!had)
		return 0;
	e = mq_put_ends_add(j, had);
	if (IS_ERR(e))
		return PTR_ERR(e);
	for (i = 0; i < n; i++) {
		const struct mq_where *at = &d[i]->at[j->side];

		if (at->size)
			mq_put_gone(j, &e->gone[k++], d[i]->serial,
				    j->segments[at->segment].sequence);
	}
	return 0;
}

/* Write the ends of @n messages, MQ_GROUP_ENDS at most. */
int mq_put_ends(struct mq_journal *j, struct mq_durable **d, u32 n)
{
	int err = mq_put_ends_to(j, d, n);

	if (j->next)
		mq_put_ends_to(j->next, d, n);
	return err;
}

static int mq_put_queue_end_to(struct mq_journal *j, struct mq_feed *f)
{
	struct mq_feed_where *at = &f->at[j->side];
	struct mq_j_end *e;

	/* The file has nothing of it, nor is there an older record. */
	if (!at->size && !at->older)
		return 0;
	e = mq_put_ends_add(j, 1);
	if (!IS_ERR(e))
		mq_put_gone(j, &e->gone[0], f->serial,
			    j->segments[at->segment].sequence |
			    (at->older ? MQ_J_OR_BEFORE : 0));
	j->segments[at->segment].live -= at->size;
	if (at->raised)
		j->segments[at->ceiling_segment].live -=
			sizeof(struct mq_j_ceiling);
	memset(at, 0, sizeof(*at));
	return PTR_ERR_OR_ZERO(e);
}

/* Write the end of a queue that was removed. */
int mq_put_queue_end(struct mq_journal *j, struct mq_feed *f)
{
	int err = mq_put_queue_end_to(j, f);

	if (j->next)
		mq_put_queue_end_to(j->next, f);
	return err;
}
