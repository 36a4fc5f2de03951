/* SPDX-License-Identifier: GPL-2.0 */
/* Building JSON objects, and printing them. No memory for one exits. */
#ifndef MQCTL_JSON_H
#define MQCTL_JSON_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "columns.h"

/* The pointer, unless it is NULL: then there is no memory. */
void *json_checked(void *pointer);

void json_add(struct json_object *object, const char *name,
	      struct json_object *value);
void json_add_number(struct json_object *object, const char *name,
		     uint64_t number);

/* A number; null if it is zero. */
void json_add_if(struct json_object *object, const char *name,
		 uint64_t number);

/* A string; null if it is NULL. */
void json_add_name(struct json_object *object, const char *name,
		   const char *value);

/* Bytes as a string; if they are not UTF-8, in base64 as NAME_base64. */
void json_add_bytes(struct json_object *object, const char *name,
		    const void *bytes, size_t size);

/* The same; null if @bytes is NULL. */
void json_add_bytes_if(struct json_object *object, const char *name,
		       const void *bytes, size_t size);

/* The value of a column: a string or a number. */
struct json_object *json_value(const struct column *column,
			       const char *value);

struct json_object *json_base64(const void *bytes, size_t size);

/*
 * Print an object on one line, and free it. Returns 0 or a negative errno.
 */
int print_json(struct json_object *object);

#endif /* MQCTL_JSON_H */
