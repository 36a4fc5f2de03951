/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as the kernel lays them out: finding and checking their parts. */
#ifndef LIBDEVMQ_RECORD_H
#define LIBDEVMQ_RECORD_H

#include <stddef.h>
#include <string.h>

#include "internal.h"

/* Does the payload follow the record's header at once, as it mostly does? */
static inline bool lmq_is_plain(const struct devmq_record *r)
{
	uint64_t sizes;

	_Static_assert(sizeof(*r) - offsetof(struct devmq_record, extra_size) ==
		       sizeof(sizes), "the sizes are one word");
	memcpy(&sizes, &r->extra_size, sizeof(sizes));
	return !sizes;
}

/* Bytes of the metadata between a record's header and its payload. */
static inline size_t lmq_meta_size(const struct devmq_record *r)
{
	return (size_t)r->extra_size + r->key_size + r->dedup_size +
	       r->headers_size;
}

/* Do the sizes of a record that has metadata agree with each other? */
bool lmq_record_meta_ok(const struct devmq_record *r);

/*
 * Do the first @space bytes hold a whole record, with sizes that agree? Nothing
 * else may be read of a record before this is known.
 */
static inline bool lmq_record_ok(const struct devmq_record *r, size_t space)
{
	return space >= sizeof(*r) && r->size <= space &&
	       r->size >= sizeof(*r) &&
	       (lmq_is_plain(r) || lmq_record_meta_ok(r));
}

/* Where the headers of a record begin. */
static inline const char *lmq_headers(const struct devmq_record *r)
{
	return (const char *)(r + 1) + r->extra_size + r->key_size +
	       r->dedup_size;
}

/*
 * Read the header at *@p, which has at most @space bytes, and move *@p behind
 * it. Return: false if it is malformed.
 */
bool lmq_header_get(const char **p, size_t space,
		    struct devmq_header_view *view);

/* The extra block; members that the kernel did not give are zero. */
struct devmq_extra lmq_extra(const struct devmq_record *r);

#endif /* LIBDEVMQ_RECORD_H */
