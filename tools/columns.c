// SPDX-License-Identifier: GPL-2.0
/*
 * What can be known of a queue or a topic: its name, its node, its options and its
 * counters.
 */
#include <stddef.h>
#include <string.h>

#include <devmq.h>

#include "columns.h"

#define COUNTER(member)	offsetof(struct devmq_stat, member), false
#define TOPICS(member)	offsetof(struct devmq_stat, member), true
#define NO_COUNTER	0, false

const struct column columns[] = {
	{ "name", "NAME", KIND_TEXT, NO_COUNTER, "its name" },
	{ "node", "NODE", KIND_TEXT, NO_COUNTER,
	  "its device file: ok, missing, or wrong (another file)" },

	/* The options, which options.awk takes from the kernel's table. */
#include "columns.inc"

	{ "ready", "READY", KIND_NUMBER, COUNTER(ready),
	  "messages waiting for a consumer" },
	{ "in_flight", "IN-FLIGHT", KIND_NUMBER, COUNTER(in_flight),
	  "messages delivered and not settled" },
	{ "delayed", "DELAYED", KIND_NUMBER, COUNTER(delayed),
	  "messages waiting for their time" },
	{ "deferred", "DEFERRED", KIND_NUMBER, COUNTER(deferred),
	  "messages deferred by a consumer" },
	{ "dead", "DEAD", KIND_NUMBER, COUNTER(dead),
	  "dead messages kept in this queue" },
	{ "bytes", "BYTES", KIND_BYTES, COUNTER(bytes),
	  "payload, keys and headers stored" },
	{ "sent", "SENT", KIND_NUMBER, COUNTER(sent),
	  "messages accepted since the queue was created, or its journal attached" },
	{ "delivered", "DELIVERED", KIND_NUMBER, COUNTER(delivered),
	  "times that a message was delivered" },
	{ "acked", "ACKED", KIND_NUMBER, COUNTER(acked),
	  "messages acknowledged by their consumer" },
	{ "redelivered", "REDELIVERED", KIND_NUMBER, COUNTER(redelivered),
	  "deliveries that were not the first of their message" },
	{ "expired", "EXPIRED", KIND_NUMBER, COUNTER(expired),
	  "messages that expired, as their time to live ended" },
	{ "dead_lettered", "DEAD-LETTERED", KIND_NUMBER,
	  COUNTER(dead_lettered), "messages moved to a dead-letter queue" },
	{ "dropped", "DROPPED", KIND_NUMBER, COUNTER(dropped),
	  "messages dropped to make room" },
	{ "purged", "PURGED", KIND_NUMBER, COUNTER(purged),
	  "messages dropped by purge, or moved to another queue" },
	{ "deduplicated", "DEDUPLICATED", KIND_NUMBER, COUNTER(deduplicated),
	  "sends that stored nothing, as their dedup id was known" },
	{ "consumers", "CONSUMERS", KIND_NUMBER, COUNTER(consumers),
	  "open files that receive, or may do nothing else" },
	{ "producers", "PRODUCERS", KIND_NUMBER, COUNTER(producers),
	  "open files that send, or may do nothing else" },
	{ "oldest_ms", "OLDEST", KIND_MS, COUNTER(oldest_ms),
	  "how long the next message has been ready" },
	{ "dead_refused", "DEAD-REFUSED", KIND_NUMBER, COUNTER(dead_refused),
	  "times a message stayed ready, as max_dead were dead" },
	{ "dedup_forgotten", "DEDUP-FORGOTTEN", KIND_NUMBER,
	  COUNTER(dedup_forgotten), "dedup ids forgotten before dedup_window_ms ended" },
	{ "oldest_in_flight_ms", "OLDEST-IN-FLIGHT", KIND_MS,
	  COUNTER(oldest_in_flight_ms),
	  "how long the oldest delivery is held, or somewhat less" },
	{ "waiting_senders", "WAITING-SENDERS", KIND_NUMBER,
	  COUNTER(waiting_senders), "calls that wait for room" },
	{ "waiting_receivers", "WAITING-RECEIVERS", KIND_NUMBER,
	  COUNTER(waiting_receivers), "calls that wait for a message" },
	{ "sender_wait_ms", "SENDER-WAIT", KIND_MS, COUNTER(sender_wait_ms),
	  "how long the first of these senders has waited" },
	{ "receiver_wait_ms", "RECEIVER-WAIT", KIND_MS,
	  COUNTER(receiver_wait_ms),
	  "how long the first of these receivers has waited" },
	{ "routed", "ROUTED", KIND_NUMBER, TOPICS(routed),
	  "messages that a binding or the alternate took" },
	{ "unrouted", "UNROUTED", KIND_NUMBER, TOPICS(unrouted),
	  "messages that nobody took" },
	{ "bindings", "BINDINGS", KIND_NUMBER, TOPICS(bindings),
	  "how many bindings there are" },
	{ "retained", "RETAINED", KIND_NUMBER, TOPICS(retained),
	  "messages that a topic retains" },
	{ "trimmed", "TRIMMED", KIND_NUMBER, TOPICS(trimmed),
	  "messages that it retained, and does not any more" },
	{ "first_id", "FIRST-ID", KIND_NUMBER, TOPICS(first_id),
	  "id of the oldest that it retains" },
	{ "last_id", "LAST-ID", KIND_NUMBER, TOPICS(last_id),
	  "id of the newest that it retains" },
	{ "retained_memory_bytes", "IN-MEMORY", KIND_BYTES, TOPICS(retained_memory_bytes),
	  "bytes that it retains in memory, not in its journal alone" },
	{ "unreadable", "UNREADABLE", KIND_NUMBER, TOPICS(unreadable),
	  "times that one could not be read back from the journal" },
	{ NULL, NULL, KIND_TEXT, NO_COUNTER, NULL },
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
