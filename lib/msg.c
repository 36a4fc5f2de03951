// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages inside a buffer. A struct devmq_msg is the record itself. lmq_record_ok()
 * has checked its sizes, so nothing here reads past its end.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "record.h"

LMQ_EXPORT const struct devmq_record *
devmq_msg_record(const struct devmq_msg *msg)
{
	return (const void *)msg;
}

/* A part of a record and its size: NULL and zero if the record has none. */
static const void *lmq_part(const char *p, size_t size, size_t *size_out)
{
	if (size_out)
		*size_out = size;
	return size ? p : NULL;
}

LMQ_EXPORT const void *devmq_msg_payload(const struct devmq_msg *msg,
					 size_t *size)
{
	const struct devmq_record *r = devmq_msg_record(msg);
	size_t offset = lmq_is_plain(r) ? sizeof(*r) : DEVMQ_RECORD_PAYLOAD(r);

	if (size)
		*size = r->size - offset;
	return (const char *)r + offset;
}

LMQ_EXPORT const void *devmq_msg_key(const struct devmq_msg *msg, size_t *size)
{
	const struct devmq_record *r = devmq_msg_record(msg);

	return lmq_part((const char *)(r + 1) + r->extra_size, r->key_size,
			size);
}

LMQ_EXPORT const void *devmq_msg_dedup_id(const struct devmq_msg *msg,
					  size_t *size)
{
	const struct devmq_record *r = devmq_msg_record(msg);

	return lmq_part((const char *)(r + 1) + r->extra_size + r->key_size,
			r->dedup_size, size);
}

LMQ_EXPORT uint64_t devmq_msg_id(const struct devmq_msg *msg)
{
	return devmq_msg_record(msg)->id;
}

LMQ_EXPORT uint64_t devmq_msg_time_ns(const struct devmq_msg *msg)
{
	return devmq_msg_record(msg)->time_ns;
}

LMQ_EXPORT uint64_t devmq_msg_delay_ns(const struct devmq_msg *msg)
{
	return devmq_msg_record(msg)->delay_ns;
}

LMQ_EXPORT uint64_t devmq_msg_ttl_ns(const struct devmq_msg *msg)
{
	return devmq_msg_record(msg)->ttl_ns;
}

LMQ_EXPORT uint32_t devmq_msg_uid(const struct devmq_msg *msg)
{
	return devmq_msg_record(msg)->uid;
}

LMQ_EXPORT uint32_t devmq_msg_gid(const struct devmq_msg *msg)
{
	return devmq_msg_record(msg)->gid;
}

LMQ_EXPORT uint32_t devmq_msg_pid(const struct devmq_msg *msg)
{
	return devmq_msg_record(msg)->pid;
}

LMQ_EXPORT uint32_t devmq_msg_attempt(const struct devmq_msg *msg)
{
	return devmq_msg_record(msg)->attempt;
}

LMQ_EXPORT uint32_t devmq_msg_failures(const struct devmq_msg *msg)
{
	return devmq_msg_record(msg)->failures;
}

LMQ_EXPORT enum devmq_failure devmq_msg_failure(const struct devmq_msg *msg)
{
	return (enum devmq_failure)devmq_msg_record(msg)->failure;
}

LMQ_EXPORT uint8_t devmq_msg_priority(const struct devmq_msg *msg)
{
	return devmq_msg_record(msg)->priority;
}

LMQ_EXPORT enum devmq_state devmq_msg_state(const struct devmq_msg *msg)
{
	return (enum devmq_state)devmq_msg_record(msg)->state;
}

LMQ_EXPORT size_t devmq_msg_full_size(const struct devmq_msg *msg)
{
	size_t full = lmq_extra(devmq_msg_record(msg)).payload_size, size;

	devmq_msg_payload(msg, &size);
	return full > size ? full : size;
}

LMQ_EXPORT bool devmq_msg_holder(const struct devmq_msg *msg, uint32_t *pid,
				 uint64_t *since_ns)
{
	struct devmq_extra extra = lmq_extra(devmq_msg_record(msg));

	if (!extra.since_ns)
		return false;
	if (pid)
		*pid = extra.holder_pid;
	if (since_ns)
		*since_ns = extra.since_ns;
	return true;
}

LMQ_EXPORT unsigned int devmq_msg_reason(const struct devmq_msg *msg)
{
	return lmq_extra(devmq_msg_record(msg)).reason;
}

/* A part of the extra block that ends @behind bytes before the block does. */
static const void *lmq_extra_part(const struct devmq_record *r, size_t part,
				  size_t behind, size_t *size)
{
	return lmq_part((const char *)(r + 1) + r->extra_size - behind - part,
			part, size);
}

LMQ_EXPORT const void *devmq_msg_note(const struct devmq_msg *msg,
				      size_t *size)
{
	const struct devmq_record *r = devmq_msg_record(msg);

	return lmq_extra_part(r, lmq_extra(r).note_size, 0, size);
}

LMQ_EXPORT const char *devmq_msg_origin(const struct devmq_msg *msg,
					size_t *size)
{
	const struct devmq_record *r = devmq_msg_record(msg);
	struct devmq_extra extra = lmq_extra(r);

	return lmq_extra_part(r, extra.origin_size, extra.note_size, size);
}

LMQ_EXPORT uint64_t devmq_msg_origin_id(const struct devmq_msg *msg)
{
	return lmq_extra(devmq_msg_record(msg)).origin_id;
}

LMQ_EXPORT const char *devmq_msg_topic(const struct devmq_msg *msg,
				       size_t *size)
{
	const struct devmq_record *r = devmq_msg_record(msg);
	struct devmq_extra extra = lmq_extra(r);

	return lmq_extra_part(r, extra.topic_size,
			      (size_t)extra.origin_size + extra.note_size,
			      size);
}

LMQ_EXPORT uint64_t devmq_msg_topic_id(const struct devmq_msg *msg)
{
	return lmq_extra(devmq_msg_record(msg)).topic_id;
}

LMQ_EXPORT uint64_t devmq_msg_due_ns(const struct devmq_msg *msg)
{
	return lmq_extra(devmq_msg_record(msg)).due_ns;
}

LMQ_EXPORT uint64_t devmq_msg_expires_ns(const struct devmq_msg *msg)
{
	return lmq_extra(devmq_msg_record(msg)).expires_ns;
}

LMQ_EXPORT bool devmq_msg_next_header(const struct devmq_msg *msg,
				      size_t *cursor,
				      struct devmq_header_view *header)
{
	const struct devmq_record *r = devmq_msg_record(msg);
	const char *p;

	if (*cursor >= r->headers_size)
		return false;
	p = lmq_headers(r) + *cursor;
	if (!lmq_header_get(&p, r->headers_size - *cursor, header))
		return false;
	*cursor = p - lmq_headers(r);
	return true;
}

static bool lmq_find_header(const struct devmq_msg *msg, const char *name,
			    struct devmq_header_view *header)
{
	size_t cursor = 0, size = strlen(name);

	while (devmq_msg_next_header(msg, &cursor, header))
		if (header->name_size == size &&
		    !memcmp(header->name, name, size))
			return true;
	return false;
}

LMQ_EXPORT const void *devmq_msg_header(const struct devmq_msg *msg,
					const char *name, size_t *size)
{
	struct devmq_header_view header;

	if (!lmq_find_header(msg, name, &header)) {
		if (size)
			*size = 0;
		return NULL;
	}
	if (size)
		*size = header.value_size;
	return header.value;
}

LMQ_EXPORT const void *devmq_msg_correlation_id(const struct devmq_msg *msg,
						size_t *size)
{
	return devmq_msg_header(msg, DEVMQ_HEADER_CORRELATION_ID, size);
}

LMQ_EXPORT const void *devmq_msg_content_type(const struct devmq_msg *msg,
					      size_t *size)
{
	return devmq_msg_header(msg, DEVMQ_HEADER_CONTENT_TYPE, size);
}

LMQ_EXPORT int devmq_msg_reply_to(const struct devmq_msg *msg, char *name,
				  size_t size)
{
	struct devmq_header_view header;
	char word[DEVMQ_NAME_SIZE];
	int err;

	if (size)
		name[0] = '\0';
	if (!lmq_find_header(msg, DEVMQ_HEADER_REPLY_TO, &header))
		return -ENOENT;
	if (header.value_size >= sizeof(word))
		return -ENAMETOOLONG;
	if (memchr(header.value, '\0', header.value_size))
		return -EINVAL;
	memcpy(word, header.value, header.value_size);
	word[header.value_size] = '\0';
	err = devmq_check_name(word);
	if (err)
		return err;
	if (header.value_size >= size)
		return -ERANGE;
	memcpy(name, word, header.value_size + 1);
	return 0;
}
