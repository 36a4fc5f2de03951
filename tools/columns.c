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
#include <sys/stat.h>

#include "mqctl.h"

#define COUNTER(member)	offsetof(struct devmq_stat, member)

const struct column columns[] = {
	{ "name", "NAME", KIND_TEXT, 0, "name of the queue" },
	{ "node", "NODE", KIND_TEXT, 0,
	  "its device file: ok, missing, or wrong (another file)" },

	/* The options, from the kernel's table: see options.awk. */
#include "columns.inc"

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
	  "how long the next in line has been ready" },
	{ "dead_refused", "DEAD-REFUSED", KIND_NUMBER, COUNTER(dead_refused),
	  "times one was to die beyond max_dead and stayed ready" },
	{ "dedup_forgotten", "DEDUP-FORGOTTEN", KIND_NUMBER,
	  COUNTER(dedup_forgotten), "dedup ids forgotten before their time" },
	{ "oldest_in_flight_ms", "OLDEST-IN-FLIGHT", KIND_MS,
	  COUNTER(oldest_in_flight_ms),
	  "how long the longest has been held, or somewhat less" },
	{ "waiting_senders", "WAITING-SENDERS", KIND_NUMBER,
	  COUNTER(waiting_senders), "calls that wait for room" },
	{ "waiting_receivers", "WAITING-RECEIVERS", KIND_NUMBER,
	  COUNTER(waiting_receivers), "calls that wait for a message" },
	{ "sender_wait_ms", "SENDER-WAIT", KIND_MS, COUNTER(sender_wait_ms),
	  "how long the first of the senders has waited" },
	{ "receiver_wait_ms", "RECEIVER-WAIT", KIND_MS,
	  COUNTER(receiver_wait_ms),
	  "how long the first of the receivers has waited" },
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

/*
 * Mode and owner of the device file as they are now, which chmod(1) and chown(1)
 * change; the options say what they were at first. False: it is none of these, or
 * there is no device file.
 */
static bool node_value(const char *name, const char *option,
		       char value[COLUMN_VALUE_MAX])
{
	char path[sizeof("/dev/mq/") + DEVMQ_NAME_MAX];
	bool mode = !strcmp(option, "mode"), uid = !strcmp(option, "uid");
	struct stat st;

	if (!mode && !uid && strcmp(option, "gid") != 0)
		return false;
	snprintf(path, sizeof(path), "/dev/mq/%s", name);
	if (lstat(path, &st) || !S_ISCHR(st.st_mode))
		return false;
	if (mode)
		snprintf(value, COLUMN_VALUE_MAX, "%04o", st.st_mode & 07777);
	else
		snprintf(value, COLUMN_VALUE_MAX, "%u",
			 uid ? st.st_uid : st.st_gid);
	return true;
}

int option_value(const char *name, const char *option,
		 char value[COLUMN_VALUE_MAX])
{
	int n;

	n = devmq_get_option(name, option, value, COLUMN_VALUE_MAX);
	if (n < 0)
		return n;
	node_value(name, option, value);
	return 0;
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
	return option_value(facts->name, column->name, value);
}
