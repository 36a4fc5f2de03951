// SPDX-License-Identifier: GPL-2.0
/*
 * json_check [-l] [POINTER]...: check that standard input is JSON
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
	const char *text;

	if (!*pointer)
		found = object;
	else if (json_pointer_get(object, pointer, &found))
		return (void)puts("absent");
	if (!json_object_is_type(found, json_type_string)) {
		text = json_object_to_json_string_ext(found,
						      JSON_C_TO_STRING_PLAIN);
		puts(text);
		return;
	}
	fwrite(json_object_get_string(found), 1,
	       (size_t)json_object_get_string_len(found), stdout);
	putchar('\n');
}

/* Parse @text into *@object; white space may follow the value. */
static bool parse(const char *text, size_t size, int flags,
		  struct json_object **object)
{
	struct json_tokener *tokener = json_tokener_new();
	size_t end;
	bool good;

	json_tokener_set_flags(tokener, flags);
	*object = json_tokener_parse_ex(tokener, text, (int)size);
	end = json_tokener_get_parse_end(tokener);
	while (end < size && strchr(" \t\n", text[end]))
		end++;
	good = json_tokener_get_error(tokener) == json_tokener_success &&
	       end == size;
	json_tokener_free(tokener);
	return good;
}

/*
 * In strict mode, json-c 0.18 mistakes bytes of UTF-8 for control characters.
 * So parse a copy in strict mode that has a letter in place of each such byte:
 * outside of a string, a letter is an error, too.
 */
static bool strict(const char *text, size_t size)
{
	struct json_object *object;
	char *ascii = malloc(size);
	bool good = true;

	for (size_t i = 0; i < size; i++) {
		ascii[i] = text[i] & 0x80 ? 'x' : text[i];
		/* Older versions of json-c accept control characters in a string. */
		if ((unsigned char)text[i] < ' ' && !strchr("\t\n\r", text[i]))
			good = false;
	}
	good = parse(ascii, size, JSON_TOKENER_STRICT, &object) && good;
	free(ascii);
	json_object_put(object);
	return good;
}

static int check(const char *text, size_t size, char **pointers)
{
	struct json_object *object;

	if (!strict(text, size) ||
	    !parse(text, size, JSON_TOKENER_VALIDATE_UTF8, &object)) {
		fprintf(stderr, "json_check: not JSON: %.*s\n", (int)size,
			text);
		return 1;
	}
	for (; *pointers; pointers++)
		show(object, *pointers);
	json_object_put(object);
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
