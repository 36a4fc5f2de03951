// SPDX-License-Identifier: GPL-2.0
/* Messages on standard output. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "message.h"
#include "message_json.h"
#include "names.h"
#include "output.h"
#include "units.h"

/* Escape what would end the quotes or the line. */
static void print_quoted(const char *name, const void *bytes, size_t size)
{
	const unsigned char *p = bytes, *end = p + size;

	printf(" %s=\"", name);
	for (; p < end; p++) {
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < ' ' || *p > '~')
			printf("\\x%02x", *p);
		else
			putchar(*p);
	}
	putchar('"');
}

static void print_time(const char *name, uint64_t ns)
{
	char text[UNITS_TEXT_MAX];

	if (!ns)
		return;
	format_time(ns, text);
	printf(" %s=%s", name, text);
}

/* Why it is dead, and where it came from. */
static void print_past(const struct devmq_msg *msg)
{
	unsigned int why = devmq_msg_reason(msg);
	const char *origin, *topic;
	const void *note;
	size_t size;

	if (why && reason_name(why))
		printf(" reason=%s", reason_name(why));
	else if (why)
		printf(" reason=%u", why);
	note = devmq_msg_note(msg, &size);
	if (note)
		print_quoted("note", note, size);
	origin = devmq_msg_origin(msg, &size);
	if (origin)
		printf(" origin=%.*s/%" PRIu64, (int)size, origin,
		       devmq_msg_origin_id(msg));
	topic = devmq_msg_topic(msg, &size);
	if (topic)
		printf(" topic=%.*s/%" PRIu64, (int)size, topic,
		       devmq_msg_topic_id(msg));
}

static void print_line(const struct devmq_msg *msg)
{
	const char *state = state_name(devmq_msg_state(msg));
	const char *failure = failure_name(devmq_msg_failure(msg));
	const void *key;
	uint64_t since_ns;
	uint32_t pid;
	size_t size;

	printf("%" PRIu64 " %s", devmq_msg_id(msg), state ? state : "?");
	print_time("sent", devmq_msg_time_ns(msg));
	printf(" uid=%u attempt=%u", devmq_msg_uid(msg),
	       devmq_msg_attempt(msg));
	if (devmq_msg_failures(msg) || devmq_msg_failure(msg))
		printf(" failures=%u failure=%s", devmq_msg_failures(msg),
		       failure ? failure : "?");
	if (devmq_msg_priority(msg))
		printf(" priority=%u", devmq_msg_priority(msg));
	key = devmq_msg_key(msg, &size);
	if (key)
		print_quoted("key", key, size);
	if (devmq_msg_holder(msg, &pid, &since_ns)) {
		printf(" holder=%u", pid);
		print_time("since", since_ns);
	}
	print_time("due", devmq_msg_due_ns(msg));
	print_time("expires", devmq_msg_expires_ns(msg));
	print_past(msg);
	printf(" size=%zu\n", devmq_msg_full_size(msg));
}

int print_message(const struct devmq_msg *msg, enum message_format format)
{
	const char *payload;
	size_t size;
	int end = EOF;

	if (format == FORMAT_JSON)
		return print_json(json_message(msg));
	payload = devmq_msg_payload(msg, &size);
	if (format == FORMAT_NULL)
		end = '\0';
	else if (format != FORMAT_RAW && (!size || payload[size - 1] != '\n'))
		end = '\n';
	if (format == FORMAT_LONG)
		print_line(msg);
	errno = EIO;
	if (format == FORMAT_RAW || format == FORMAT_NULL)
		fwrite(payload, 1, size, stdout);
	else
		print_bytes(payload, size);
	if (end != EOF)
		putchar(end);
	return ferror(stdout) ? -errno : 0;
}
