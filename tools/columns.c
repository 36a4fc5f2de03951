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
	{ "node", "NODE", KIND_TEXT, 0,
	  "its device file: ok, missing, or wrong (another file)" },

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
	  "when full: block, reject, drop-head, dead-letter" },
	{ "framing", "FRAMING", KIND_TEXT, 0,
	  "a message is a write (record) or a line" },
	{ "eof", "EOF", KIND_TEXT, 0,
	  "end of file when empty: never, empty or hangup" },
	{ "allow_empty", "ALLOW-EMPTY", KIND_NUMBER, 0,
	  "1: it takes messages without payload" },
	{ "ack", "ACK", KIND_TEXT, 0,
	  "how a file is acknowledged: auto or manual" },
	{ "prefetch", "PREFETCH", KIND_NUMBER, 0,
	  "most deliveries that a consumer holds, 0: no bound" },

	{ "lease_ms", "LEASE", KIND_MS, 0,
	  "how long a consumer may hold a delivery, 0: no bound" },
	{ "max_deliveries", "MAX-DELIVERIES", KIND_NUMBER, 0,
	  "after so many failures it is dead, 0: never" },
	{ "max_dead", "MAX-DEAD", KIND_NUMBER, 0,
	  "most dead messages kept in place" },
	{ "dead_letter", "DEAD-LETTER", KIND_TEXT, 0,
	  "queue to which the dead go, or none" },
	{ "on_expiry", "ON-EXPIRY", KIND_TEXT, 0,
	  "what becomes of the expired: drop or dead" },
	{ "retry_ms", "RETRY", KIND_MS, 0,
	  "how long a retry waits after the first failure" },
	{ "retry_backoff", "BACKOFF", KIND_NUMBER, 0,
	  "by what the wait grows with each failure" },
	{ "retry_max_ms", "RETRY-MAX", KIND_MS, 0,
	  "what it grows to, 0: no bound" },
	{ "delay_ms", "DELAY", KIND_MS, 0,
	  "how long a message waits that does not say" },
	{ "ttl_ms", "TTL", KIND_MS, 0,
	  "its time to live, likewise, 0: no end" },
	{ "priorities", "PRIORITIES", KIND_NUMBER, 0, "levels of priority" },
	{ "order", "ORDER", KIND_TEXT, 0,
	  "fifo, or key: one message of a key at a time" },
	{ "dedup_window_ms", "DEDUP-WINDOW", KIND_MS, 0,
	  "how long dedup ids are remembered, 0: not" },
	{ "dedup_max", "DEDUP-MAX", KIND_NUMBER, 0,
	  "most dedup ids remembered" },
	{ "single_active", "SINGLE-ACTIVE", KIND_NUMBER, 0,
	  "1: only the oldest consumer receives" },
	{ "fairness", "FAIRNESS", KIND_TEXT, 0,
	  "who takes turns: none, key or uid" },
	{ "paused", "PAUSED", KIND_TEXT, 0,
	  "what is held off: none, send, receive or both" },
	{ "auto_delete", "AUTO-DELETE", KIND_NUMBER, 0,
	  "1: it is removed when the last file closes" },
	{ "expires_ms", "EXPIRES", KIND_MS, 0,
	  "it is removed when unused for so long, 0: never" },

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
	  "messages removed by purge, or redriven elsewhere" },
	{ "deduplicated", "DEDUPLICATED", KIND_NUMBER, COUNTER(deduplicated),
	  "sends that stored nothing, having been seen before" },
	{ "consumers", "CONSUMERS", KIND_NUMBER, COUNTER(consumers),
	  "open files that receive, or may only do that" },
	{ "producers", "PRODUCERS", KIND_NUMBER, COUNTER(producers),
	  "open files that send, or may only do that" },
	{ "oldest_ms", "OLDEST", KIND_MS, COUNTER(oldest_ms),
	  "age of the message that is next in line" },
	{ "dead_refused", "DEAD-REFUSED", KIND_NUMBER, COUNTER(dead_refused),
	  "times one was to die beyond max_dead and stayed ready" },
	{ "dedup_forgotten", "DEDUP-FORGOTTEN", KIND_NUMBER,
	  COUNTER(dedup_forgotten), "dedup ids forgotten before their time" },
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
	/*
	 * A look costs half of what a single file of sysfs does, and leaves
	 * no inode of that behind, which counts where there are thousands.
	 */
	if (!devmq_open(&queue, name, DEVMQ_OPEN_LOOK)) {
		/* A link may lead to another queue. */
		err = strcmp(devmq_name(queue), name) ? -ENOTTY :
		      devmq_stat(queue, &facts->stat, sizeof(facts->stat));
		facts->has_stat = !err;
		devmq_close(queue);
		if (!err)
			return 0;
	}
	facts->node = devmq_check_node(name);
	err = devmq_get_option(name, "type", value, sizeof(value));
	return err < 0 ? err : 0;
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
	if (!strcmp(column->name, "node")) {
		snprintf(value, COLUMN_VALUE_MAX, "%s", !facts->node ? "ok" :
			 facts->node == -ENOTTY ? "wrong" : "missing");
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
