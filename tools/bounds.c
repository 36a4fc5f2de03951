// SPDX-License-Identifier: GPL-2.0
/*
 * Which bound refused a message: the kernel only says that the queue is full, or
 * that the message is too large.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "complain.h"
#include "facts.h"
#include "mqctl.h"
#include "units.h"

/* An option or a counter that is a number; zero if it cannot be read. */
static uint64_t number_of(const char *name, const char *option)
{
	char value[COLUMN_VALUE_MAX];
	uint64_t number;

	if (option_value(name, option, value) ||
	    parse_number(value, UINT64_MAX, &number))
		return 0;
	return number;
}

static bool is_paused(const char *name)
{
	char value[COLUMN_VALUE_MAX];

	if (option_value(name, "paused", value))
		return false;
	return !strcmp(value, "send") || !strcmp(value, "both");
}

/* How many messages it stores, in all states. */
static uint64_t stored(const char *name)
{
	static const char *const states[] = {
		"ready", "in_flight", "delayed", "deferred", "dead",
	};
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(states); i++)
		sum += number_of(name, states[i]);
	return sum;
}

int complain_full(const char *name, const char *what)
{
	uint64_t messages = number_of(name, "max_messages");
	uint64_t bytes = number_of(name, "max_bytes");

	if (is_paused(name))
		return complain(name, 0, "%s: the %s is paused", what,
				is_topic(name) ? "topic" : "queue");
	if (is_topic(name))
		return complain(name, 0, "%s: a queue that takes it is full or "
				"paused", what);
	if (messages && stored(name) >= messages)
		return complain(name, 0, "%s: the queue is full (max_messages "
				"is %" PRIu64 ")", what, messages);
	return complain(name, 0, "%s: the queue is full (max_bytes is %" PRIu64
			", of which %" PRIu64 " are used)", what, bytes,
			number_of(name, "bytes"));
}

int complain_too_large(const char *name, const char *what, uint64_t size)
{
	uint64_t most = number_of(name, "max_message_size");

	if (size > most)
		return complain(name, 0, "%s: the message has %" PRIu64
				" bytes, and the %s takes %" PRIu64
				" (max_message_size)", what, size,
				is_topic(name) ? "topic" : "queue", most);
	return complain(name, 0, "%s: with its key and headers the message is "
			"larger than all that the %s %s (max_bytes is %" PRIu64 ")",
			what, is_topic(name) ? "topic" : "queue",
			is_topic(name) ? "takes" : "stores",
			number_of(name, "max_bytes"));
}
