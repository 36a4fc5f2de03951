/* SPDX-License-Identifier: GPL-2.0 */
/* The memory that the module has charged. */
#ifndef MQ_TEST_USED_H
#define MQ_TEST_USED_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "helpers/file.h"

#define MQ_USED_BYTES	"/sys/module/devmq/parameters/used_bytes"
#define MQ_USED_BY	"/sys/module/devmq/parameters/used_by"

/* The bytes that are charged in all, or a negative errno. */
static inline long long mq_used(void)
{
	char text[64];
	int error = mq_read_file(MQ_USED_BYTES, text, sizeof(text));

	return error ? error : atoll(text);
}

/*
 * The same when it has not changed for a tenth of a second: queues of an earlier test
 * are freed some time after they were removed.
 */
static inline long long mq_used_settled(void)
{
	long long used = mq_used(), before;

	do {
		before = used;
		usleep(100000);
		used = mq_used();
	} while (used != before);
	return used;
}

/* The bytes that are charged to a user, 0 if the user has none. */
static inline long long mq_used_by(uid_t uid)
{
	char text[4096], *line, *rest = text;

	if (mq_read_file(MQ_USED_BY, text, sizeof(text)))
		return -EIO;
	while ((line = strsep(&rest, "\n"))) {
		unsigned int who;
		long long bytes;

		if (sscanf(line, "%u %lld", &who, &bytes) == 2 && who == uid)
			return bytes;
	}
	return 0;
}

#endif /* MQ_TEST_USED_H */
