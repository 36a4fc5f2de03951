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

#define FULL_MAX	160

/* Say in @why what keeps a queue or a topic from taking a message. */
static void find_full(const char *name, char *why)
{
	uint64_t messages = number_of(name, "max_messages");

	if (is_paused(name))
		snprintf(why, FULL_MAX, "the %s is paused",
			 is_topic(name) ? "topic" : "queue");
	else if (is_topic(name))
		snprintf(why, FULL_MAX, "a queue that takes it is full or paused");
	else if (messages && stored(name) >= messages)
		snprintf(why, FULL_MAX,
			 "the queue is full (max_messages is %" PRIu64 ")", messages);
	else
		snprintf(why, FULL_MAX, "the queue is full (max_bytes is %" PRIu64
			 ", of which %" PRIu64 " are used)",
			 number_of(name, "max_bytes"), number_of(name, "bytes"));
}

int complain_full(const char *name, const char *what)
{
	char why[FULL_MAX];

	find_full(name, why);
	return complain(name, 0, "%s: %s", what, why);
}

/* Get the name of the queue that has refused what was sent to a topic. */
static bool refusing_queue(int fd, char *name)
{
	char path[64], line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "mq-full: %63[^\n]", name) == 1;
	fclose(file);
	return found;
}

int complain_refused(const char *name, int fd, const char *what)
{
	char queue[DEVMQ_NAME_SIZE], why[FULL_MAX];

	if (is_paused(name) || !refusing_queue(fd, queue) || !strcmp(queue, name))
		return complain_full(name, what);
	find_full(queue, why);
	return complain(name, 0, "%s to '%s': %s", what, queue, why);
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
