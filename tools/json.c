// SPDX-License-Identifier: GPL-2.0
/* Building JSON objects, and printing them. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "complain.h"
#include "json.h"
#include "text.h"

void *json_checked(void *pointer)
{
	if (!pointer)
		exit(complain(NULL, -ENOMEM, "cannot write JSON"));
	return pointer;
}

void json_add(struct json_object *object, const char *name,
	      struct json_object *value)
{
	if (json_object_object_add(object, name, value))
		json_checked(NULL);
}

void json_add_number(struct json_object *object, const char *name,
		     uint64_t number)
{
	json_add(object, name, json_checked(json_object_new_uint64(number)));
}

void json_add_name(struct json_object *object, const char *name,
		   const char *value)
{
	json_add(object, name,
		 value ? json_checked(json_object_new_string(value)) : NULL);
}

void json_add_if(struct json_object *object, const char *name,
		 uint64_t number)
{
	if (number)
		json_add_number(object, name, number);
	else
		json_add(object, name, NULL);
}

struct json_object *json_base64(const void *bytes, size_t size)
{
	struct json_object *object;
	char *text;

	text = json_checked(base64_encode(bytes, size));
	object = json_checked(json_object_new_string(text));
	free(text);
	return object;
}

void json_add_bytes(struct json_object *object, const char *name,
		    const void *bytes, size_t size)
{
	struct json_object *text;
	char other[32];

	if (utf8_valid(bytes, size)) {
		text = json_object_new_string_len(bytes, (int)size);
		json_add(object, name, json_checked(text));
		return;
	}
	snprintf(other, sizeof(other), "%s_base64", name);
	json_add(object, other, json_base64(bytes, size));
}

void json_add_bytes_if(struct json_object *object, const char *name,
		       const void *bytes, size_t size)
{
	if (bytes)
		json_add_bytes(object, name, bytes, size);
	else
		json_add(object, name, NULL);
}

/*
 * json-c does not escape the control characters that JSON allows in a string,
 * such as those of Latin-1, but a terminal acts on them. All of them have at most
 * three bytes in UTF-8.
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
	json_checked((void *)(uintptr_t)text);
	errno = EIO;
	print_json_text(text, size);
	json_object_put(object);
	return ferror(stdout) || putchar('\n') == EOF ? -errno : 0;
}

struct json_object *json_value(const struct column *column,
			       const char *value)
{
	if (column->kind == KIND_TEXT)
		return json_checked(json_object_new_string(value));
	return json_checked(json_object_new_uint64(strtoull(value, NULL, 10)));
}
