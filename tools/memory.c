// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that messages take: what there may be, and whose it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mqctl.h"
#include "units.h"

#define PARAMETERS	"/sys/module/devmq/parameters/"

static const char * const memory_names[] = {
	"max_total_bytes", "max_user_bytes", "used_bytes", NULL
};

/* A parameter of the module: 0, or -ENOENT and the like. */
static int parameter(const char *name, uint64_t *value)
{
	char path[128], text[64] = "";
	FILE *file;
	int err;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	err = fgets(text, sizeof(text), file) ? 0 : -EIO;
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	return err ? err : parse_number(text, UINT64_MAX, value) ? -EIO : 0;
}

/* Call @each for each user with messages. */
static int each_user(int (*each)(unsigned int uid, uint64_t bytes, void *arg),
		     void *arg)
{
	FILE *file = fopen(PARAMETERS "used_by", "re");
	unsigned int uid;
	uint64_t bytes;
	int err = 0;

	if (!file)
		return -errno;
	while (!err && fscanf(file, "%u %" SCNu64, &uid, &bytes) == 2)
		err = each(uid, bytes, arg);
	fclose(file);
	return err;
}

static int find_user(unsigned int uid, uint64_t bytes, void *arg)
{
	if (uid == geteuid())
		*(uint64_t *)arg = bytes;
	return 0;
}

/* Which of the bounds it is that the kernel means by EDQUOT. */
const char *memory_reason(void)
{
	uint64_t max, mine = 0;

	if (!parameter("max_user_bytes", &max) && !each_user(find_user, &mine) &&
	    mine >= max - max / 8)
		return "your messages take all the memory that one user's may "
		       "(max_user_bytes)";
	return "the messages of all queues take all the memory that they may "
	       "(max_total_bytes)";
}

static int print_user(unsigned int uid, uint64_t bytes, void *arg)
{
	char name[32];

	(void)arg;
	snprintf(name, sizeof(name), "used by %u", uid);
	printf("%-18s  %" PRIu64 "\n", name, bytes);
	return 0;
}

static int add_user(unsigned int uid, uint64_t bytes, void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", uid);
	return json_object_object_add(arg, name,
				      json_object_new_uint64(bytes)) ?
	       -ENOMEM : 0;
}

static int print_memory_json(void)
{
	struct json_object *object = json_object_new_object();
	struct json_object *users = json_object_new_object();
	uint64_t value;
	int err = 0, i;

	if (!object || !users)
		return -ENOMEM;
	for (i = 0; !err && memory_names[i]; i++) {
		err = parameter(memory_names[i], &value);
		if (!err && json_object_object_add(object, memory_names[i],
						   json_object_new_uint64(value)))
			err = -ENOMEM;
	}
	err = err ? err : each_user(add_user, users);
	if (!err && json_object_object_add(object, "used_by", users))
		err = -ENOMEM;
	return err ? err : print_json(object);
}

static int print_memory_text(void)
{
	uint64_t value;
	int err, i;

	for (i = 0; memory_names[i]; i++) {
		err = parameter(memory_names[i], &value);
		if (err)
			return err;
		printf("%-18s  %" PRIu64 "\n", memory_names[i], value);
	}
	return each_user(print_user, NULL);
}

int show_memory(bool json)
{
	int err = json ? print_memory_json() : print_memory_text();

	if (err == -ENOENT)
		return complain(NULL, 0, "cannot look at memory: "
				"the devmq module is not loaded");
	return err ? complain(NULL, err, "cannot look at memory") : STATUS_DONE;
}
