// SPDX-License-Identifier: GPL-2.0
/*
 * What there is to know of a queue: its name, options and counters. What a
 * module does not have is passed over.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "mqctl.h"

#define COUNTER(member)	offsetof(struct devmq_stat, member)

const struct column columns[] = {
	{ "name", "NAME", KIND_TEXT, 0, "name of the queue" },

	{ "type", "TYPE", KIND_TEXT, 0, "what it is: queue" },
	{ "mode", "MODE", KIND_TEXT, 0, "permissions of the device file" },
	{ "uid", "UID", KIND_NUMBER, 0, "owner of the device file" },
	{ "gid", "GID", KIND_NUMBER, 0, "group of the device file" },
	{ "max_messages", "MAX-MESSAGES", KIND_NUMBER, 0,
	  "most messages stored" },
	{ "max_bytes", "MAX-BYTES", KIND_BYTES, 0, "most bytes stored" },
	{ "max_message_size", "MAX-SIZE", KIND_BYTES, 0,
	  "most bytes of one message" },
	{ "overflow", "OVERFLOW", KIND_TEXT, 0,
	  "when full: block, reject or drop-head" },
	{ "framing", "FRAMING", KIND_TEXT, 0,
	  "a message is a write (record) or a line" },
	{ "eof", "EOF", KIND_TEXT, 0,
	  "end of file when empty: never, empty or hangup" },
	{ "ack", "ACK", KIND_TEXT, 0,
	  "how a file is acknowledged: auto or manual" },
	{ "prefetch", "PREFETCH", KIND_NUMBER, 0,
	  "most deliveries that a consumer holds, 0: no bound" },

	{ "ready", "READY", KIND_NUMBER, COUNTER(ready),
	  "messages waiting for a consumer" },
	{ "in_flight", "IN-FLIGHT", KIND_NUMBER, COUNTER(in_flight),
	  "messages delivered and not settled" },
	{ "delayed", "DELAYED", KIND_NUMBER, COUNTER(delayed),
	  "messages waiting for their time" },
	{ "deferred", "DEFERRED", KIND_NUMBER, COUNTER(deferred),
	  "messages set aside by a consumer" },
	{ "dead", "DEAD", KIND_NUMBER, COUNTER(dead),
	  "messages set aside for good" },
	{ "bytes", "BYTES", KIND_BYTES, COUNTER(bytes),
	  "payload, keys and headers stored" },
	{ "sent", "SENT", KIND_NUMBER, COUNTER(sent),
	  "messages accepted so far, as all that follow" },
	{ "delivered", "DELIVERED", KIND_NUMBER, COUNTER(delivered),
	  "times that a message was handed out" },
	{ "acked", "ACKED", KIND_NUMBER, COUNTER(acked),
	  "messages finished by their consumer" },
	{ "redelivered", "REDELIVERED", KIND_NUMBER, COUNTER(redelivered),
	  "deliveries that were not the first of their message" },
	{ "expired", "EXPIRED", KIND_NUMBER, COUNTER(expired),
	  "messages whose time to live ran out" },
	{ "dead_lettered", "DEAD-LETTERED", KIND_NUMBER,
	  COUNTER(dead_lettered), "messages moved to a dead-letter queue" },
	{ "dropped", "DROPPED", KIND_NUMBER, COUNTER(dropped),
	  "messages dropped to make room" },
	{ "purged", "PURGED", KIND_NUMBER, COUNTER(purged),
	  "messages removed by purge" },
	{ "deduplicated", "DEDUPLICATED", KIND_NUMBER, COUNTER(deduplicated),
	  "sends that stored nothing, having been seen before" },
	{ "consumers", "CONSUMERS", KIND_NUMBER, COUNTER(consumers),
	  "files open for reading" },
	{ "producers", "PRODUCERS", KIND_NUMBER, COUNTER(producers),
	  "files open for writing" },
	{ "oldest_ms", "OLDEST", KIND_MS, COUNTER(oldest_ms),
	  "age of the message that is next in line" },
	{ NULL, NULL, KIND_TEXT, 0, NULL },
};

const struct column *find_column(const char *name)
{
	const struct column *c;

	for (c = columns; c->name; c++) {
		if (!strcmp(c->name, name))
			return c;
	}
	return NULL;
}

int facts_get(struct facts *facts, const char *name)
{
	char value[COLUMN_VALUE_MAX];
	struct devmq_queue *queue;
	int err;

	*facts = (struct facts) { .name = name };
	err = devmq_get_option(name, "type", value, sizeof(value));
	if (err < 0)
		return err;
	if (!devmq_open(&queue, name, DEVMQ_OPEN_LOOK)) {
		err = devmq_stat(queue, &facts->stat, sizeof(facts->stat));
		facts->has_stat = !err;
		devmq_close(queue);
	}
	return 0;
}

int facts_value(const struct facts *facts, const struct column *column,
		char value[COLUMN_VALUE_MAX])
{
	uint64_t number;
	int n;

	if (!strcmp(column->name, "name")) {
		snprintf(value, COLUMN_VALUE_MAX, "%s", facts->name);
		return 0;
	}
	if (column->counter && facts->has_stat) {
		memcpy(&number, (const char *)&facts->stat + column->counter,
		       sizeof(number));
		snprintf(value, COLUMN_VALUE_MAX, "%" PRIu64, number);
		return 0;
	}
	n = devmq_get_option(facts->name, column->name, value,
			     COLUMN_VALUE_MAX);
	return n < 0 ? n : 0;
}
