// SPDX-License-Identifier: GPL-2.0
/*
 * What topics retain: readers, and bindings that catch up.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "model/filter.h"
#include "model/limits.h"
#include "model/messages.h"
#include "model/order.h"
#include "model/queues.h"
#include "model/retain.h"
#include "model/send.h"

bool retains(const struct model_queue *q)
{
	return q->option[OPT_RETAIN_MESSAGES] || q->option[OPT_RETAIN_BYTES] ||
	       q->option[OPT_COMPACT];
}

static void remove_retained(struct model_queue *q, struct model_entry *e)
{
	q->stat.trimmed++;
	remove_entry(q, e);
}

void drop_retained(struct model_queue *q, struct model_entry *e)
{
	/* Readers step over what goes from between others. */
	if (e == q->entry && e->id > q->gone)
		q->gone = e->id;
	remove_retained(q, e);
}

void bury(struct model_queue *q, struct model_entry *e)
{
	if (e->id > q->buried)
		q->buried = e->id;
	remove_retained(q, e);
}

/* compact=key: a message takes the place of the one before it with its key. */
static void compact(struct model *m, struct model_queue *q, struct model_entry *e)
{
	__u64 id = e->id;
	unsigned int i;

	for (i = 0; i < q->count; i++)
		if (q->entry[i].newest && q->entry[i].key == e->key)
			break;
	if (i < q->count)
		remove_retained(q, &q->entry[i]);
	e = find_entry(q, id);
	e->newest = e->size;
	if (!e->size)
		e->due = m->now + q->option[OPT_TOMBSTONE_MS] * MS;
}

void retain(struct model *m, struct model_queue *q, const struct model_entry *e)
{
	struct model_entry *new;

	if (!retains(q)) {
		q->stat.sent++;
		q->gone = ++q->last_id;
		return;
	}
	new = append_entry(q, e);
	new->state = DEVMQ_STATE_RETAINED;
	new->due = 0;
	new->ttl = 0;
	if (q->option[OPT_COMPACT] && new->key >= 0)
		compact(m, q, new);
}

void trim(struct model *m, struct model_queue *q)
{
	__u64 messages = q->option[OPT_RETAIN_MESSAGES];
	__u64 bytes = q->option[OPT_RETAIN_BYTES];

	if (messages && m->mutation == MUTATION_TRIM_LATE)
		messages++;
	while (q->count && (!retains(q) || (messages && q->count > messages) ||
			    (bytes && usage_of(q, false).bytes > bytes)))
		drop_retained(q, q->entry);
}

/* -- readers --------------------------------------------------------------- */

/* Is there, or will there be, anything to read? */
static bool is_active(const struct model_queue *q)
{
	return q->count || retains(q);
}

static __u64 oldest(const struct model_queue *q)
{
	return q->count ? q->entry[0].id : q->last_id + 1;
}

/* The first message with this id or a larger one, or NULL. */
static struct model_entry *entry_from(const struct model_queue *q, __u64 id)
{
	unsigned int i;

	for (i = 0; i < q->count; i++)
		if (q->entry[i].id >= id)
			return &q->entry[i];
	return NULL;
}

static void move_reader(const struct model_queue *q, struct model_file *f,
			__u64 id)
{
	f->position = id;
	f->partial_done = 0;
	f->buried = q->buried;
}

void reader_begin(const struct model_queue *q, struct model_file *f)
{
	move_reader(q, f, oldest(q));
}

static bool is_overtaken(const struct model *m, const struct model_queue *q,
			 const struct model_file *f)
{
	return m->mutation != MUTATION_NOT_OVERTAKEN &&
	       (f->position <= q->gone ||
		(q->buried > f->buried && f->position <= q->buried));
}

/* The message that a reader reads next, or NULL and an error. */
static struct model_entry *find_next(const struct model *m,
				     const struct model_queue *q,
				     struct model_file *f, int *error)
{
	struct model_entry *e = entry_from(q, f->position);

	*error = 0;
	if (!is_active(q)) {
		*error = -EINVAL;
	} else if (is_paused(q, PAUSED_RECEIVE)) {
		*error = -EAGAIN;
	} else if (is_overtaken(m, q, f)) {
		move_reader(q, f, oldest(q));
		*error = -EPIPE;
	} else if (f->partial_done && (!e || e->id != f->position)) {
		/* The rest of the message is gone. */
		move_reader(q, f, f->position + 1);
		*error = -EPIPE;
	} else if (!e) {
		*error = -EAGAIN;
	}
	return *error ? NULL : e;
}

void topic_read(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	struct model_entry *e;
	__u32 i;

	if (!c->size)
		return;
	o->error = become_consumer(m, q, f);
	if (o->error)
		return;
	e = find_next(m, q, f, &o->error);
	if (!e)
		return;
	f->position = e->id;
	for (i = 0; f->partial_done < e->size && i < c->size; i++)
		o->data[i] = model_byte(e->serial, f->partial_done++);
	o->result = i;
	if (f->partial_done < e->size)
		return;
	f->partial_done = 0;
	f->position++;
}

void topic_poll(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	bool overtaken = is_overtaken(m, q, f);
	struct model_entry *e = entry_from(q, f->position);

	if (f->writes) {
		become_producer(q, f);
		if (!is_paused(q, PAUSED_SEND))
			o->flags |= POLLOUT;
	}
	if (!f->reads)
		return;
	if (become_consumer(m, q, f))
		o->flags |= POLLIN | POLLERR;
	if (!is_paused(q, PAUSED_RECEIVE) && !overtaken && e)
		o->first = e->size -
			   (e->id == f->position ? f->partial_done : 0);
	if (!is_active(q)) {
		o->flags &= ~POLLIN;
		return;
	}
	if (overtaken)
		o->flags |= POLLERR;
	if (!is_paused(q, PAUSED_RECEIVE) &&
	    (overtaken || e || f->partial_done))
		o->flags |= POLLIN;
}

void call_seek(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	long long end = q->last_id + 1, base = 0;
	struct model_entry *e;

	if (!is_active(q)) {
		o->error = -ESPIPE;
		return;
	}
	if (c->whence == SEEK_CUR)
		base = f->position;
	else if (c->whence == SEEK_END)
		base = end;
	if (base + c->offset < 0 || base + c->offset > end) {
		o->error = -EINVAL;
		return;
	}
	o->result = base + c->offset;
	if (c->whence == SEEK_DATA) {
		e = entry_from(q, c->offset);
		o->error = e ? 0 : -ENXIO;
		o->result = e ? e->id : 0;
	} else if (!o->result) {
		o->result = oldest(q);
	}
	if (!o->error && (c->whence != SEEK_CUR || c->offset))
		move_reader(q, f, o->result);
}

/* -- bindings that catch up ------------------------------------------------ */

int start_of(const struct model_queue *q, const struct model_call *c, __u64 *id)
{
	*id = oldest(q);
	if (c->start != START_ID)
		return 0;
	*id = c->id;
	return c->id && c->id <= q->last_id + 1 ? 0 : -EINVAL;
}

/* The next message for a binding. What went before it came to that is missed. */
static struct model_entry *next_to_copy(struct model_queue *q,
					struct model_binding *b)
{
	if (b->is.position <= q->gone) {
		b->is.missed += q->gone + 1 - b->is.position;
		b->is.position = q->gone + 1;
	}
	if (b->buried != q->buried) {
		b->buried = q->buried;
		b->is.missed += b->is.position <= b->buried;
		/* It may have looked in between, or not. */
		b->is.missed_open = true;
	}
	if (!entry_from(q, b->is.position))
		b->is.position = q->last_id + 1;
	return entry_from(q, b->is.position);
}

static void copy_retained(struct model *m, int topic, struct model_queue *to,
			  const struct model_entry *e)
{
	/* The delay and the time to live are the queue's. */
	const struct model_record r = { .dedup = -1 };

	store_copy(m, to, &r, e, topic, e->id);
}

/* Returns true if there is no room: the binding waits for so many bytes. */
static bool has_to_wait(struct model_binding *b, const struct model_queue *to,
			__u32 bytes)
{
	b->bytes = bytes;
	b->waits = is_paused(to, PAUSED_SEND) || !has_room(to, bytes);
	return b->waits;
}

void look_again(struct model *m, int queue)
{
	unsigned int i;

	for (i = 0; i < m->bindings; i++)
		if (m->binding[i].is.target == queue)
			m->binding[i].waits = false;
}

bool look_late(struct model *m, int topic, const struct model_bound *seen)
{
	unsigned int i;

	for (i = 0; i < m->bindings; i++) {
		struct model_binding *b = &m->binding[i];

		if (b->topic != topic || b->is.id != seen->id || !b->waits ||
		    (seen->behind && seen->position <= b->is.position))
			continue;
		b->waits = false;
		return true;
	}
	return false;
}

/*
 * Copy messages until there is no room. Returns true if the binding is level. One that
 * waits for room does so even if the message for which it does is not there any more,
 * until something else than room has it look again.
 */
static bool catch_up_binding(struct model *m, struct model_binding *b)
{
	struct model_queue *q = &m->queue[b->topic];
	struct model_queue *to = &m->queue[b->is.target];
	struct model_entry *e;

	if (b->waits && has_to_wait(b, to, b->bytes))
		return false;
	while ((e = next_to_copy(q, b))) {
		if (b->start != START_FUTURE && takes(m, &b->is.filter, e)) {
			if (has_to_wait(b, to, e->bytes))
				return false;
			if (m->mutation != MUTATION_SEAM || e->id != q->last_id)
				copy_retained(m, b->topic, to, e);
			b->is.taken++;
		}
		b->is.position = e->id + 1;
	}
	return true;
}

void catch_up(struct model *m)
{
	unsigned int i;

	for (i = 0; i < m->bindings; i++)
		if (m->binding[i].is.behind && catch_up_binding(m, &m->binding[i]))
			m->binding[i].is.behind = false;
}
