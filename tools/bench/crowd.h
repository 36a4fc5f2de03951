/* SPDX-License-Identifier: GPL-2.0 */
/* Processes that begin at the same time. */
#ifndef MQBENCH_CROWD_H
#define MQBENCH_CROWD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "peer.h"

#define SEATS_MAX	128

/**
 * struct seat - shared memory where a child process writes its result
 * @done_ns: when it was done
 * @err: why it failed, or zero
 */
struct seat {
	uint64_t	done_ns;
	int		err;
};

/**
 * struct crowd - the processes of one round
 * @gate: closed when all may begin
 * @ready: a byte from each process that is ready
 */
struct crowd {
	struct seat	*seats;
	pid_t		pids[SEATS_MAX];
	unsigned int	count;
	int		gate[2];
	int		ready[2];
};

typedef int (*work_fn)(struct channel *c, struct channel *back, size_t count);

/* Begin without processes. Returns a negative errno on failure. */
int crowd_open(struct crowd *crowd);
void crowd_close(struct crowd *crowd);

/* Make a process, which waits until all may begin, and then does the work. */
int crowd_add(struct crowd *crowd, work_fn work, struct channel *c,
	      struct channel *back, size_t count);

/* Wait until all are ready or have failed, and let them begin. Returns when. */
uint64_t crowd_start(struct crowd *crowd);

/* Wait for some of them. *@end is when the last was done. If one fails, kill all. */
int crowd_wait(struct crowd *crowd, unsigned int from, unsigned int to,
	       uint64_t *end);

#endif /* MQBENCH_CROWD_H */
