// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "bodies.h"

bool body_identify(const struct mq_j_message *m, struct crash_payload *p)
{
	struct mq_j_bytes key, headers, payload;

	mq_j_message_parts(m, &key, &headers, &payload);
	return crash_identify(headers.at, headers.size, payload.at, payload.size, p);
}

static bool is_same(const struct mq_j_bytes *bytes, const void *expected, u32 size)
{
	return bytes->size == size && !memcmp(bytes->at, expected, size);
}

const char *body_fault(const struct mq_j_message *m, const struct crash_payload *p)
{
	static uint8_t payload_of[CRASH_PAYLOAD], headers_of[CRASH_PAYLOAD];
	struct mq_j_bytes key, headers, payload;
	char key_of[CRASH_KEY];

	mq_j_message_parts(m, &key, &headers, &payload);
	if (!is_same(&key, key_of, crash_key(p, key_of)))
		return "it has another key";
	if (!is_same(&headers, headers_of, crash_headers(p, headers_of)))
		return "it has other headers";
	if (!is_same(&payload, payload_of, crash_fill(p, payload_of)))
		return "it is not whole";
	if (!m->time_ns || m->uid || m->gid || !m->pid)
		return "its sender or its time is missing";
	return NULL;
}
