// SPDX-License-Identifier: GPL-2.0
/*
 * A queue's messages: finding, counting and adding them, and the room for them.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "model/messages.h"

unsigned char model_byte(__u32 serial, __u32 i)
{
	return i < 4 ? serial >> 8 * i : serial * 31 + i * 7;
}

bool option_is(const struct model_queue *q, enum model_option option,
	       __u64 value)
{
	return q->option[option] == value;
}

struct model_entry *find_entry(struct model_queue *q, __u64 id)
{
	unsigned int i;

	for (i = 0; i < q->count; i++)
		if (q->entry[i].id == id)
			return &q->entry[i];
	return NULL;
}

struct model_entry *find_held(struct model_queue *q, int file, __u64 id,
			      __u64 last)
{
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];

		if (e->id > id && e->id <= last && e->holder == file &&
		    e->state == DEVMQ_STATE_IN_FLIGHT)
			return e;
	}
	return NULL;
}

struct model_entry *append_entry(struct model_queue *q,
				 const struct model_entry *e)
{
	struct model_entry *new;

	if (q->count == q->room) {
		q->room = 2 * q->room + 16;
		q->entry = realloc(q->entry, q->room * sizeof(*q->entry));
		if (!q->entry)
			abort();
	}
	new = &q->entry[q->count++];
	*new = *e;
	new->id = ++q->last_id;
	q->stat.sent++;
	return new;
}

unsigned int count_state(const struct model_queue *q, __u32 state)
{
	unsigned int i, n = 0;

	for (i = 0; i < q->count; i++)
		n += q->entry[i].state == state;
	return n;
}

struct usage usage_of(const struct model_queue *q, bool buried)
{
	struct usage s = {};
	unsigned int i;

	/* What is promised is as good as there. */
	if (!buried)
		s = (struct usage) { q->promised, q->promised_bytes };
	for (i = 0; i < q->count; i++) {
		if (q->entry[i].buried != buried)
			continue;
		s.messages++;
		s.bytes += q->entry[i].bytes;
	}
	return s;
}

bool fits(const struct model_queue *q, const struct usage *s, __u64 bytes)
{
	return s->messages + 1 <= q->option[OPT_MAX_MESSAGES] &&
	       s->bytes + bytes <= q->option[OPT_MAX_BYTES];
}

bool has_room(const struct model_queue *q, __u64 bytes)
{
	struct usage s = usage_of(q, false);

	return fits(q, &s, bytes);
}

bool has_room_for_dead(const struct model_queue *q, __u64 bytes)
{
	struct usage s = usage_of(q, true);

	return fits(q, &s, bytes);
}

int held_count(const struct model_queue *q, int file)
{
	unsigned int i, n = 0;

	for (i = 0; i < q->count; i++)
		n += q->entry[i].state == DEVMQ_STATE_IN_FLIGHT &&
		     q->entry[i].holder == file;
	return n;
}

struct model_queue *dead_letter_of(struct model *m, const struct model_queue *q)
{
	__u64 target = q->option[OPT_DEAD_LETTER];

	return target ? &m->queue[target - 1] : NULL;
}
