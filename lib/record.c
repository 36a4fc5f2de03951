// SPDX-License-Identifier: LGPL-2.1-or-later
/* Checking records, and reading their headers and their extra block. */
#include "record.h"

/* Bytes of the members that every version of struct devmq_extra has. */
#define LMQ_EXTRA_FIRST	(offsetof(struct devmq_extra, topic_id))

bool lmq_header_get(const char **p, size_t space,
		    struct devmq_header_view *view)
{
	struct devmq_header h;

	if (space < sizeof(h))
		return false;
	memcpy(&h, *p, sizeof(h));
	if (!h.name_size ||
	    (size_t)h.name_size + h.value_size > space - sizeof(h))
		return false;
	view->name = *p + sizeof(h);
	view->name_size = h.name_size;
	view->value = view->name + h.name_size;
	view->value_size = h.value_size;
	*p = view->name + h.name_size + h.value_size;
	return true;
}

/*
 * Later kernels may have more members, so the topic, the origin and the note, which
 * stand behind the members, are found from the end of the block. Their sizes are members
 * of the first version; a block that is shorter has none of them.
 */
struct devmq_extra lmq_extra(const struct devmq_record *r)
{
	struct devmq_extra extra = { 0 };
	size_t members = r->extra_size;

	if (members >= LMQ_EXTRA_FIRST) {
		memcpy(&extra, r + 1, LMQ_EXTRA_FIRST);
		members -= (size_t)extra.topic_size + extra.origin_size +
			   extra.note_size;
	}
	memcpy(&extra, r + 1, members < sizeof(extra) ?
	       members : sizeof(extra));
	if (r->extra_size < LMQ_EXTRA_FIRST) {
		extra.topic_size = 0;
		extra.origin_size = 0;
		extra.note_size = 0;
	}
	return extra;
}

/* Do the topic, the origin and the note fit behind the members of the first version? */
static bool lmq_extra_ok(const struct devmq_record *r)
{
	struct devmq_extra extra;

	if (r->extra_size < LMQ_EXTRA_FIRST)
		return true;
	memcpy(&extra, r + 1, LMQ_EXTRA_FIRST);
	return (size_t)extra.topic_size + extra.origin_size + extra.note_size <=
	       r->extra_size - LMQ_EXTRA_FIRST;
}

bool lmq_record_meta_ok(const struct devmq_record *r)
{
	struct devmq_header_view view;
	const char *p, *end;

	if (r->size < DEVMQ_RECORD_PAYLOAD(r) || !lmq_extra_ok(r))
		return false;
	p = lmq_headers(r);
	end = p + r->headers_size;
	while (p < end)
		if (!lmq_header_get(&p, end - p, &view))
			return false;
	return true;
}
