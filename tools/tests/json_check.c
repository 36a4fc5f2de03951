// SPDX-License-Identifier: GPL-2.0
/*
 * json_check [-l] [POINTER]...: is standard input JSON?
 *
 * It must be one value, or with -l one in each line, and nothing else. For
 * each value, prints what the JSON pointers (RFC 6901) lead to, a line each:
 * strings as they are, all else as JSON; "absent" if there is no such thing.
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(struct json_object *object, const char *pointer)
{
	struct json_object *found;

	if (!*pointer)
		found = object;
	else if (json_pointer_get(object, pointer, &found))
		return (void)puts("absent");
	if (!json_object_is_type(found, json_type_string))
		return (void)puts(json_object_to_json_string_ext(found,
						JSON_C_TO_STRING_PLAIN));
	fwrite(json_object_get_string(found), 1,
	       (size_t)json_object_get_string_len(found), stdout);
	putchar('\n');
}

static int check(const char *text, size_t size, char **pointers)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;
	size_t end;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
			       JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)size);
	end = json_tokener_get_parse_end(tokener);
	while (end < size && strchr(" \t\n", text[end]))
		end++;
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    end < size) {
		fprintf(stderr, "json_check: no JSON: %.*s\n", (int)size,
			text);
		return 1;
	}
	for (; *pointers; pointers++)
		show(object, *pointers);
	json_object_put(object);
	json_tokener_free(tokener);
	return 0;
}

int main(int argc, char **argv)
{
	bool lines = argc > 1 && !strcmp(argv[1], "-l");
	char *text = NULL;
	size_t room = 0;
	ssize_t size;
	int status = 0;

	while (!status && (size = getdelim(&text, &room, lines ? '\n' : EOF,
					   stdin)) > 0)
		status = check(text, (size_t)size, argv + 1 + lines);
	free(text);
	return status;
}
