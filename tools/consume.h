/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of consume share. There is one slot for each command that may run
 * at a time. A slot holds its deliveries from when they are received until they are
 * settled, which is when the command has ended.
 */
#ifndef MQCTL_CONSUME_H
#define MQCTL_CONSUME_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <devmq.h>

#include "child.h"
#include "errout.h"
#include "runner.h"

/*
 * How many commands that have ended consume goes on to read the standard error of.
 * Processes that a command has left running may write there, and would be killed
 * if it was closed.
 */
#define ORPHANS_MAX	64

/*
 * Room for a command that runs; free if there is no process id. When its time is
 * over the command gets SIGTERM, and a little later SIGKILL.
 */
struct slot {
	pid_t		pid;
	uint64_t	*ids;
	size_t		count;
	uint64_t	end_ms;		/* when its time is over; 0: never */
	uint64_t	keep_ms;	/* --keep: when to extend the lease */
	bool		asked;		/* it has got SIGTERM */
	struct errout	errout;
	char		secret[RUNNER_NAME];
};

struct consume {
	struct devmq_queue	*queue;
	struct devmq_buffer	*buffer;
	const char		*name;
	char			**argv;
	struct slot		*slots;
	uint64_t		*ids;		/* of all slots */
	struct devmq_settlement	*settlements;	/* for one of them */
	struct pollfd		*fds;
	struct errout		orphans[ORPHANS_MAX];
	unsigned int		next_orphan;
	struct runner		runner;
	unsigned int		jobs;
	unsigned int		batch;		/* messages for a command */
	enum child_input	input;
	unsigned int		busy;		/* commands that run */
	uint64_t		limit;		/* commands to run; 0: any */
	uint64_t		started;
	uint64_t		lease_ns;	/* 0: no end */
	uint64_t		retry_ns;	/* 0: the queue's back-off */
	unsigned int		releases;	/* since the last success */
	uint64_t		pause_ms;	/* receive nothing until then */
	bool			lease_given;
	bool			keep;
	bool			sync;		/* what is settled */
	bool			failed;		/* a command, or its message */
	bool			until_empty;
	bool			empty;		/* when it was last received from */
	bool			eof;		/* likewise: end of file */
	bool			stop;		/* receive no more messages */
	bool			killed;		/* and kill the commands */
	bool			removed;	/* the queue was removed */
	int			status;
	int			signal_fd;
	struct child_signals	signals;
};

/* Milliseconds of CLOCK_BOOTTIME, which leases are measured with. */
uint64_t now_ms(void);

/* An error that ends consume; commands that run may still finish. */
void give_up(struct consume *c, int err, const char *what);

#endif /* MQCTL_CONSUME_H */
