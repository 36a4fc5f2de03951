// SPDX-License-Identifier: GPL-2.0
/*
 * Output: messages as text and as JSON, and complaints.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mqctl.h"
#include "text.h"
#include "units.h"

/* What the library calls it, and for memory which bound it is. */
static const char *reason(int error)
{
	return error == -EDQUOT ? memory_reason() : devmq_strerror(error);
}

/* It stays one line, and a terminal's, whatever a name or value has in it. */
static void make_plain(char *line)
{
	size_t left = strlen(line), n;
	bool escaped;

	for (; left; left -= n, line += n) {
		n = next_character(line, left, &escaped);
		if (escaped || *line == '\n' || *line == '\t')
			memset(line, '?', n);
	}
}

void say(const char *subject, const char *format, va_list ap, const char *why)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, ap);
	make_plain(line);
	fflush(stdout);
	fprintf(stderr, "mqctl: %s%s%s%s\n", subject ? subject : "",
		subject ? ": " : "", line, why);
}

int complain(const char *subject, int error, const char *format, ...)
{
	char why[160] = "";
	va_list ap;

	if (error)
		snprintf(why, sizeof(why), ": %s", reason(error));
	va_start(ap, format);
	say(subject, format, ap, why);
	va_end(ap);
	return STATUS_FAILED;
}

int complain_output(const char *subject, int error, const char *what)
{
	return complain(subject, 0, "%s: %s", what, strerror(-error));
}

int complain_open(const char *name, int error)
{
	char **names;
	int n;

	if (error == -ENOTTY)
		return complain(name, 0, "cannot open: /dev/mq/%s is another "
				"file, not a queue", name);
	if (error == -ENOENT && devmq_check_node(name) == -ENXIO)
		return complain(name, 0, "cannot open: the queue is there, but "
				"/dev/mq/%s is missing", name);
	if (error != -ENOENT && error != -ENODEV)
		return complain(name, error, "cannot open");
	n = devmq_list(&names);
	if (n == -ENOENT)
		return complain(name, 0, "cannot open: "
				"the devmq module is not loaded");
	if (n >= 0)
		free(names);
	return complain(name, 0, "no such queue");
}

int flush_output(void)
{
	bool broken = ferror(stdout);

	if (fflush(stdout))
		return -errno;
	return broken ? -EIO : 0;
}

const char *state_name(unsigned int state)
{
	static const char *const names[] = {
		[DEVMQ_STATE_READY]	= "ready",
		[DEVMQ_STATE_IN_FLIGHT]	= "in-flight",
		[DEVMQ_STATE_DELAYED]	= "delayed",
		[DEVMQ_STATE_DEFERRED]	= "deferred",
		[DEVMQ_STATE_DEAD]	= "dead",
	};

	return state < ARRAY_SIZE(names) ? names[state] : NULL;
}

static const char *failure_name(unsigned int failure)
{
	static const char *const names[] = {
		[DEVMQ_FAILURE_NONE]	= "none",
		[DEVMQ_FAILURE_CRASH]	= "crash",
		[DEVMQ_FAILURE_RETRY]	= "retry",
		[DEVMQ_FAILURE_LEASE]	= "lease",
	};

	return failure < ARRAY_SIZE(names) ? names[failure] : NULL;
}

/* What the kernel gives as a reason; a consumer's own has no name. */
const char *reason_name(unsigned int why)
{
	static const char *const names[] = {
		[DEVMQ_REASON_FAILURES]	= "failures",
		[DEVMQ_REASON_REJECTED]	= "rejected",
		[DEVMQ_REASON_EXPIRED]	= "expired",
		[DEVMQ_REASON_OVERFLOW]	= "overflow",
	};

	return why < ARRAY_SIZE(names) ? names[why] : NULL;
}

unsigned int parse_reason(const char *text)
{
	unsigned int why;
	uint64_t number;

	for (why = 1; reason_name(why); why++) {
		if (!strcmp(reason_name(why), text))
			return why;
	}
	if (parse_number(text, UINT16_MAX, &number) ||
	    number < DEVMQ_REASON_USER)
		return DEVMQ_REASON_NONE;
	return (unsigned int)number;
}

bool format_option(struct args *args, int code, enum message_format *format)
{
	enum message_format wanted;

	switch (code) {
	case 'J':
		wanted = FORMAT_JSON;
		break;
	case OPT_RAW:
		wanted = FORMAT_RAW;
		break;
	case OPT_NULL:
		wanted = FORMAT_NULL;
		break;
	case 'l':
		wanted = FORMAT_LONG;
		break;
	default:
		return false;
	}
	if (*format != FORMAT_TEXT && *format != wanted)
		usage(args, "--json, --raw, --null and --long exclude each "
		      "other");
	*format = wanted;
	return true;
}

/* ------------------------------------------------------------------ */
/* JSON. An allocation that fails is an object that is NULL.          */

static void *checked(void *pointer)
{
	if (!pointer)
		exit(complain(NULL, -ENOMEM, "cannot write JSON"));
	return pointer;
}

static void add(struct json_object *object, const char *name,
		struct json_object *value)
{
	if (json_object_object_add(object, name, value))
		checked(NULL);
}

static void add_number(struct json_object *object, const char *name,
		       uint64_t number)
{
	add(object, name, checked(json_object_new_uint64(number)));
}

static void add_name(struct json_object *object, const char *name,
		     const char *value)
{
	add(object, name, value ? checked(json_object_new_string(value))
				: NULL);
}

/* Zero is no such thing. */
static void add_if(struct json_object *object, const char *name,
		   uint64_t number)
{
	if (number)
		add_number(object, name, number);
	else
		add(object, name, NULL);
}

static struct json_object *base64_object(const void *bytes, size_t size)
{
	struct json_object *object;
	char *text;

	text = checked(base64_encode(bytes, size));
	object = checked(json_object_new_string(text));
	free(text);
	return object;
}

/* Bytes as a string; as NAME_base64 if they are not UTF-8. */
static void add_bytes(struct json_object *object, const char *name,
		      const void *bytes, size_t size)
{
	char other[32];

	if (utf8_valid(bytes, size)) {
		add(object, name, checked(
			json_object_new_string_len(bytes, (int)size)));
		return;
	}
	snprintf(other, sizeof(other), "%s_base64", name);
	add(object, other, base64_object(bytes, size));
}

/* Likewise; null if there are none. */
static void add_bytes_if(struct json_object *object, const char *name,
			 const void *bytes, size_t size)
{
	if (bytes)
		add_bytes(object, name, bytes, size);
	else
		add(object, name, NULL);
}

/* A name that comes again makes its value an array. */
static void add_header(struct json_object *headers, const char *name,
		       struct json_object *value)
{
	struct json_object *old, *array;

	if (!json_object_object_get_ex(headers, name, &old)) {
		add(headers, name, value);
		return;
	}
	if (!json_object_is_type(old, json_type_array)) {
		array = checked(json_object_new_array());
		if (json_object_array_add(array, json_object_get(old)))
			checked(NULL);
		add(headers, name, array);
		old = array;
	}
	if (json_object_array_add(old, value))
		checked(NULL);
}

static void add_headers(struct json_object *object,
			const struct devmq_msg *msg)
{
	struct json_object *plain, *coded = NULL;
	struct devmq_header_view header;
	size_t cursor = 0;
	char name[256];

	plain = checked(json_object_new_object());
	add(object, "headers", plain);
	while (devmq_msg_next_header(msg, &cursor, &header)) {
		snprintf(name, sizeof(name), "%.*s", (int)header.name_size,
			 header.name);
		if (utf8_valid(header.value, header.value_size)) {
			add_header(plain, name, checked(
				json_object_new_string_len(header.value,
						(int)header.value_size)));
			continue;
		}
		if (!coded) {
			coded = checked(json_object_new_object());
			add(object, "headers_base64", coded);
		}
		add_header(coded, name, base64_object(header.value,
						      header.value_size));
	}
}

/* When it will change by itself, and why it is dead or was so elsewhere. */
static void add_extra(struct json_object *object, const struct devmq_msg *msg)
{
	unsigned int why = devmq_msg_reason(msg);
	const void *bytes;
	size_t size;

	add_if(object, "due_ns", devmq_msg_due_ns(msg));
	add_if(object, "expires_ns", devmq_msg_expires_ns(msg));
	if (why && !reason_name(why))
		add_number(object, "reason", why);
	else
		add_name(object, "reason", reason_name(why));
	bytes = devmq_msg_note(msg, &size);
	add_bytes_if(object, "note", bytes, size);
	bytes = devmq_msg_origin(msg, &size);
	add_bytes_if(object, "origin", bytes, size);
	add_if(object, "origin_id", devmq_msg_origin_id(msg));
}

static struct json_object *json_message(const struct devmq_msg *msg)
{
	struct json_object *object = checked(json_object_new_object());
	const void *bytes;
	uint64_t since_ns;
	uint32_t pid;
	size_t size;

	add_number(object, "id", devmq_msg_id(msg));
	bytes = devmq_msg_payload(msg, &size);
	add_bytes(object, "payload", bytes, size);
	add_number(object, "priority", devmq_msg_priority(msg));
	bytes = devmq_msg_key(msg, &size);
	add_bytes_if(object, "key", bytes, size);
	add_number(object, "attempt", devmq_msg_attempt(msg));
	add_number(object, "failures", devmq_msg_failures(msg));
	add_name(object, "failure", failure_name(devmq_msg_failure(msg)));
	add_number(object, "time_ns", devmq_msg_time_ns(msg));
	add_number(object, "uid", devmq_msg_uid(msg));
	add_number(object, "gid", devmq_msg_gid(msg));
	add_number(object, "pid", devmq_msg_pid(msg));
	add_headers(object, msg);
	add_name(object, "state", state_name(devmq_msg_state(msg)));
	add_extra(object, msg);
	if (devmq_msg_holder(msg, &pid, &since_ns)) {
		add_number(object, "holder_pid", pid);
		add_number(object, "since_ns", since_ns);
	}
	return object;
}

struct json_object *json_value(const struct column *column,
			       const char *value)
{
	if (column->kind == KIND_TEXT)
		return checked(json_object_new_string(value));
	return checked(json_object_new_uint64(strtoull(value, NULL, 10)));
}

/*
 * The library leaves characters alone that JSON allows in a string and that a
 * terminal acts on; they are all of the Basic Multilingual Plane.
 */
static void print_json_text(const char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	bool escaped;
	size_t n;

	for (; size; size -= n, p += n) {
		n = next_character(p, size, &escaped);
		if (!escaped)
			fwrite(p, 1, n, stdout);
		else if (n == 3)
			printf("\\u%04x", (p[0] & 0x0f) << 12 |
			       (p[1] & 0x3f) << 6 | (p[2] & 0x3f));
		else
			printf("\\u%04x", n == 2 ? (p[0] & 0x1f) << 6 |
			       (p[1] & 0x3f) : p[0]);
	}
}

int print_json(struct json_object *object)
{
	const char *text;
	size_t size;

	text = json_object_to_json_string_length(object,
			JSON_C_TO_STRING_PLAIN |
			JSON_C_TO_STRING_NOSLASHESCAPE, &size);
	checked((void *)(uintptr_t)text);
	errno = EIO;
	print_json_text(text, size);
	json_object_put(object);
	return ferror(stdout) || putchar('\n') == EOF ? -errno : 0;
}

int print_sent_json(uint64_t id, bool duplicate)
{
	struct json_object *object = checked(json_object_new_object());

	add_number(object, "id", id);
	add(object, "duplicate",
	    checked(json_object_new_boolean(duplicate)));
	return print_json(object);
}

/* ------------------------------------------------------------------ */
/* A line about a message: words with a value                         */

/* Bytes that others chose stay within their quotes, and on the line. */
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

static void print_death(const struct devmq_msg *msg)
{
	unsigned int why = devmq_msg_reason(msg);
	const char *origin;
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
	print_death(msg);
	printf(" size=%zu\n", devmq_msg_full_size(msg));
}

/* Does somebody read it whose terminal acts on what it gets? */
static bool on_terminal(void)
{
	static int terminal = -1;

	if (terminal < 0)
		terminal = isatty(STDOUT_FILENO);
	return terminal;
}

static void print_escaped(const unsigned char *p, size_t size)
{
	bool escaped;
	size_t n, i;

	for (; size; size -= n, p += n) {
		n = next_character(p, size, &escaped);
		for (i = 0; i < n && escaped; i++)
			printf("\\x%02x", p[i]);
		if (!escaped)
			fwrite(p, 1, n, stdout);
	}
}

void print_bytes(const void *bytes, size_t size)
{
	if (on_terminal())
		print_escaped(bytes, size);
	else
		fwrite(bytes, 1, size, stdout);
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
