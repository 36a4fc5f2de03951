// SPDX-License-Identifier: GPL-2.0
/* The memory that messages take: its bounds, and who has how much. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "units.h"

#define PARAMETERS	"/sys/module/devmq/parameters/"

int memory_parameter(const char *name, uint64_t *value)
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

int memory_each_user(int (*each)(unsigned int uid, uint64_t bytes, void *arg),
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

const char *memory_reason(void)
{
	uint64_t max, mine = 0;

	if (!memory_parameter("max_user_bytes", &max) &&
	    !memory_each_user(find_user, &mine) && mine >= max - max / 8)
		return "your messages take all the memory that one user's may "
		       "(max_user_bytes)";
	return "the messages of all queues take all the memory that they may "
	       "(max_total_bytes)";
}
