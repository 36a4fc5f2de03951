// SPDX-License-Identifier: GPL-2.0
/* Processes that begin at the same time, each with channels of its own. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crowd.h"
#include "stat.h"

/* A process that waits for longer is ended by the kernel. */
#define STUCK_SECONDS	120

int crowd_open(struct crowd *crowd)
{
	memset(crowd, 0, sizeof(*crowd));
	crowd->seats = mmap(NULL, SEATS_MAX * sizeof(*crowd->seats),
			    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	if (crowd->seats == MAP_FAILED)
		return -ENOMEM;
	if (pipe(crowd->gate))
		return -errno;
	return pipe(crowd->ready) ? -errno : 0;
}

void crowd_close(struct crowd *crowd)
{
	munmap(crowd->seats, SEATS_MAX * sizeof(*crowd->seats));
	close(crowd->gate[0]);
	close(crowd->ready[0]);
	close(crowd->ready[1]);
}

static int join(struct channel *c)
{
	return c && c->peer->join ? c->peer->join(c) : 0;
}

static int leave(struct channel *c)
{
	return c && c->peer->leave ? c->peer->leave(c) : 0;
}

/* In the child: connect, wait for the others, do the work. */
static void sit(struct crowd *crowd, struct seat *seat, work_fn work,
		struct channel *c, struct channel *back, size_t count)
{
	char byte = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	alarm(STUCK_SECONDS);
	close(crowd->gate[1]);
	seat->err = join(c);
	if (!seat->err)
		seat->err = join(back);
	if (write(crowd->ready[1], &byte, 1) != 1 ||
	    read(crowd->gate[0], &byte, 1))
		seat->err = -EPIPE;
	if (!seat->err)
		seat->err = work(c, back, count);
	seat->done_ns = now_ns();
	if (!seat->err)
		seat->err = leave(c);
	if (!seat->err)
		seat->err = leave(back);
	_exit(seat->err ? 1 : 0);
}

int crowd_add(struct crowd *crowd, work_fn work, struct channel *c,
	      struct channel *back, size_t count)
{
	unsigned int n = crowd->count;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid)
		sit(crowd, &crowd->seats[n], work, c, back, count);
	crowd->pids[n] = pid;
	crowd->count++;
	return 0;
}

uint64_t crowd_start(struct crowd *crowd)
{
	unsigned int i;
	uint64_t start;
	char byte;

	for (i = 0; i < crowd->count; i++) {
		if (read(crowd->ready[0], &byte, 1) != 1)
			break;
	}
	start = now_ns();
	close(crowd->gate[1]);
	return start;
}

int crowd_wait(struct crowd *crowd, unsigned int from, unsigned int to,
	       uint64_t *end)
{
	unsigned int i, k;
	int status, err = 0;

	for (i = from; i < to; i++) {
		if (waitpid(crowd->pids[i], &status, 0) < 0)
			return -errno;
		crowd->pids[i] = 0;
		if (crowd->seats[i].done_ns > *end)
			*end = crowd->seats[i].done_ns;
		if (!status || err)
			continue;
		err = crowd->seats[i].err ? crowd->seats[i].err : -ETIMEDOUT;
		for (k = 0; k < crowd->count; k++) {
			if (crowd->pids[k])
				kill(crowd->pids[k], SIGKILL);
		}
	}
	return err;
}
