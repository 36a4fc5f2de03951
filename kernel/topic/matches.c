// SPDX-License-Identifier: GPL-2.0
/*
 * What searches found: each target once. A table tells quickly whether a target
 * was found before. It is cleared by the list of its places that are taken, so
 * that a search costs nothing for the room that another one once needed.
 */
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "base/base.h"
#include "topic/matches.h"

/* For so many targets there is room at least. */
#define MQ_MATCHES_MIN	8

/* Begin a search, or begin it again. */
void mq_matches_begin(struct mq_matches *s)
{
	u32 i;

	for (i = 0; i < s->used_count; i++)
		s->set[s->used[i]] = NULL;
	s->used_count = 0;
	s->count = 0;
	s->steps = 0;
}

/* Note that @what was found. Return: 1, 0 if it had been before, or -ENOSPC. */
int mq_matches_mark(struct mq_matches *s, const void *what)
{
	u32 i = hash_ptr(what, 32);

	/* At most half of the places are taken. */
	if (2 * s->used_count >= s->set_mask) {
		s->wants_set = max_t(u32, 2 * (s->set_mask + 1),
				     2 * MQ_MATCHES_MIN);
		return -ENOSPC;
	}
	for (i &= s->set_mask; s->set[i]; i = (i + 1) & s->set_mask)
		if (s->set[i] == what)
			return 0;
	s->set[i] = what;
	s->used[s->used_count++] = i;
	return 1;
}

/* Find a binding. Return: 1, 0 if its target had been found, or -ENOSPC. */
int mq_matches_add(struct mq_matches *s, struct mq_bound *b)
{
	int err;

	if (s->count == s->room) {
		s->wants_found = max_t(u32, 2 * s->room, MQ_MATCHES_MIN);
		return -ENOSPC;
	}
	err = mq_matches_mark(s, b->target);
	if (err > 0)
		s->found[s->count++] = b;
	return err;
}

/* Return how many bytes mq_matches_grow() is going to allocate. */
size_t mq_matches_wants(const struct mq_matches *s)
{
	return s->wants_area + s->wants_found * sizeof(*s->found) +
	       s->wants_set * (sizeof(*s->set) + sizeof(*s->used));
}

/* Return how many bytes of memory there are. */
size_t mq_matches_size(const struct mq_matches *s)
{
	size_t size = s->area_size + s->room * sizeof(*s->found);

	if (s->set)
		size += (s->set_mask + 1ul) * (sizeof(*s->set) + sizeof(*s->used));
	return size;
}

/* Give @found the room that it wants. */
static int mq_found_grow(struct mq_matches *s)
{
	struct mq_bound **found;

	found = kvmalloc_array(s->wants_found, sizeof(*found), MQ_GFP);
	if (!found)
		return -ENOMEM;
	kvfree(s->found);
	s->found = found;
	s->room = s->wants_found;
	s->wants_found = 0;
	return 0;
}

/* Give @set the room that it wants, with @used behind it. */
static int mq_set_grow(struct mq_matches *s)
{
	u32 places = s->wants_set;
	const void **set;

	set = kvcalloc(places, sizeof(*set) + sizeof(*s->used), MQ_GFP);
	if (!set)
		return -ENOMEM;
	kvfree(s->set);
	s->set = set;
	s->set_mask = places - 1;
	s->used = (u32 *)(set + places);
	s->wants_set = 0;
	return 0;
}

/* Give @area the room that it wants. */
static int mq_area_grow(struct mq_matches *s)
{
	void *area = kvmalloc(s->wants_area, MQ_GFP);

	if (!area)
		return -ENOMEM;
	kvfree(s->area);
	s->area = area;
	s->area_size = s->wants_area;
	s->wants_area = 0;
	return 0;
}

/*
 * Give @s the room that a search missed, for the same search from its beginning.
 * Return: 0 or -ENOMEM.
 */
int mq_matches_grow(struct mq_matches *s)
{
	int err = 0;

	mq_matches_begin(s);
	if (s->wants_found)
		err = mq_found_grow(s);
	if (s->wants_set && !err)
		err = mq_set_grow(s);
	if (s->wants_area && !err)
		err = mq_area_grow(s);
	return err;
}

void mq_matches_free(struct mq_matches *s)
{
	kvfree(s->found);
	kvfree(s->set);
	kvfree(s->area);
	memset(s, 0, sizeof(*s));
}
