// SPDX-License-Identifier: GPL-2.0
/* --watch: showing something again and again. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "complain.h"
#include "output.h"
#include "watch.h"

#define NSEC_PER_SEC	1000000000ULL

bool watch_option(struct args *args, int code, struct watch *watch)
{
	if (code == 'w') {
		watch->on = true;
	} else if (code == OPT_INTERVAL) {
		watch->on = true;
		watch->interval_ns = value_duration(args);
		if (!watch->interval_ns)
			usage(args, "--interval takes more than 0");
	} else {
		return false;
	}
	return true;
}

static void pause_ns(uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / NSEC_PER_SEC),
		.tv_nsec = (long)(ns % NSEC_PER_SEC),
	};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

int watch(const struct watch *watch, int (*show)(void *arg), void *arg)
{
	bool terminal = watch->on && isatty(STDOUT_FILENO);
	bool first = true;
	int status, err;

	for (;;) {
		/* Go to the top of the screen, and clear it. */
		if (terminal)
			fputs("\033[H\033[J", stdout);
		else if (!first && !watch->dense)
			putchar('\n');
		status = show(arg);
		if (!watch->on || status != STATUS_DONE)
			return status;
		err = flush_output();
		if (err)
			return complain_output(NULL, err,
					       "cannot write the output");
		first = false;
		pause_ns(watch->interval_ns ? watch->interval_ns :
					      NSEC_PER_SEC);
	}
}
