// SPDX-License-Identifier: GPL-2.0
/* What the parts of consume share. */
#include <errno.h>
#include <time.h>

#include "complain.h"
#include "consume.h"

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void give_up(struct consume *c, int err, const char *what)
{
	if (err == -ENODEV && c->removed)
		return;
	c->removed = c->removed || err == -ENODEV;
	c->stop = true;
	c->status = complain(c->name, err, "%s", what);
}
