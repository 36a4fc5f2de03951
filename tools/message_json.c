// SPDX-License-Identifier: GPL-2.0
/* A message as a JSON object. */
#include <stdio.h>

#include "json.h"
#include "message_json.h"
#include "names.h"
#include "text.h"

/* If a name comes more than once, its value becomes an array. */
static void add_header(struct json_object *headers, const char *name,
		       struct json_object *value)
{
	struct json_object *old, *array;

	if (!json_object_object_get_ex(headers, name, &old)) {
		json_add(headers, name, value);
		return;
	}
	if (!json_object_is_type(old, json_type_array)) {
		array = json_checked(json_object_new_array());
		if (json_object_array_add(array, json_object_get(old)))
			json_checked(NULL);
		json_add(headers, name, array);
		old = array;
	}
	if (json_object_array_add(old, value))
		json_checked(NULL);
}

static void add_headers(struct json_object *object,
			const struct devmq_msg *msg)
{
	struct json_object *plain, *coded = NULL, *text;
	struct devmq_header_view header;
	size_t cursor = 0;
	char name[256];

	plain = json_checked(json_object_new_object());
	json_add(object, "headers", plain);
	while (devmq_msg_next_header(msg, &cursor, &header)) {
		snprintf(name, sizeof(name), "%.*s", (int)header.name_size,
			 header.name);
		if (utf8_valid(header.value, header.value_size)) {
			text = json_object_new_string_len(header.value,
							  (int)header.value_size);
			add_header(plain, name, json_checked(text));
			continue;
		}
		if (!coded) {
			coded = json_checked(json_object_new_object());
			json_add(object, "headers_base64", coded);
		}
		add_header(coded, name, json_base64(header.value,
						    header.value_size));
	}
}

/* When it will change by itself, why it is or was dead, and where it came from. */
static void add_extra(struct json_object *object, const struct devmq_msg *msg)
{
	unsigned int why = devmq_msg_reason(msg);
	const void *bytes;
	size_t size;

	json_add_if(object, "due_ns", devmq_msg_due_ns(msg));
	json_add_if(object, "expires_ns", devmq_msg_expires_ns(msg));
	if (why && !reason_name(why))
		json_add_number(object, "reason", why);
	else
		json_add_name(object, "reason", reason_name(why));
	bytes = devmq_msg_note(msg, &size);
	json_add_bytes_if(object, "note", bytes, size);
	bytes = devmq_msg_origin(msg, &size);
	json_add_bytes_if(object, "origin", bytes, size);
	json_add_if(object, "origin_id", devmq_msg_origin_id(msg));
	bytes = devmq_msg_topic(msg, &size);
	json_add_bytes_if(object, "topic", bytes, size);
	json_add_if(object, "topic_id", devmq_msg_topic_id(msg));
}

struct json_object *json_message(const struct devmq_msg *msg)
{
	struct json_object *object = json_checked(json_object_new_object());
	const void *bytes;
	uint64_t since_ns;
	uint32_t pid;
	size_t size;

	json_add_number(object, "id", devmq_msg_id(msg));
	bytes = devmq_msg_payload(msg, &size);
	json_add_bytes(object, "payload", bytes, size);
	json_add_number(object, "priority", devmq_msg_priority(msg));
	bytes = devmq_msg_key(msg, &size);
	json_add_bytes_if(object, "key", bytes, size);
	json_add_number(object, "attempt", devmq_msg_attempt(msg));
	json_add_number(object, "failures", devmq_msg_failures(msg));
	json_add_name(object, "failure", failure_name(devmq_msg_failure(msg)));
	json_add_number(object, "time_ns", devmq_msg_time_ns(msg));
	json_add_number(object, "uid", devmq_msg_uid(msg));
	json_add_number(object, "gid", devmq_msg_gid(msg));
	json_add_number(object, "pid", devmq_msg_pid(msg));
	add_headers(object, msg);
	json_add_name(object, "state", state_name(devmq_msg_state(msg)));
	add_extra(object, msg);
	if (devmq_msg_holder(msg, &pid, &since_ns)) {
		json_add_number(object, "holder_pid", pid);
		json_add_number(object, "since_ns", since_ns);
	}
	return object;
}
