// SPDX-License-Identifier: GPL-2.0
/*
 * devmq by its command, as a shell script uses it: a process for each send, which reads
 * the message from a pipe, and one for each receive, which writes it to a pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <devmq.h>

#include "channel.h"
#include "peer.h"

extern char **environ;

static const char *command_missing(void)
{
	if (access("/dev/mq/control", F_OK))
		return "the devmq module is not loaded";
	return system("mqctl --version >/dev/null 2>&1") ? "there is no mqctl" : NULL;
}

static int command_make(struct channel *c)
{
	char options[160], reason[160], *name = strdup(fresh_name());
	int err;

	if (!name)
		return -ENOMEM;
	snprintf(options, sizeof(options), "max_messages=%zu max_message_size=%zu",
		 c->setup.depth, c->setup.size);
	err = devmq_create(name, options, reason, sizeof(reason));
	if (err) {
		fprintf(stderr, "mqbench: command: %s\n", reason);
		free(name);
		return err;
	}
	snprintf(c->config, sizeof(c->config), "%s", options);
	c->state = name;
	return 0;
}

static void command_unmake(struct channel *c)
{
	devmq_remove(c->state, true, NULL, 0);
	free(c->state);
}

/*
 * Run mqctl with descriptor @fd at one end of a pipe: 0, which it reads, or 1, which it
 * writes. What it prints of a send is thrown away.
 */
static int command_start(char *const argv[], int fd, const int ends[2], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int err;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[fd], fd);
	if (!fd)
		posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	err = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

static int command_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status ? -EIO : 0;
}

static int command_send(struct channel *c)
{
	char *argv[] = { "mqctl", "send", c->state, NULL };
	int ends[2], err;
	pid_t pid;
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	err = command_start(argv, 0, ends, &pid);
	close(ends[0]);
	n = err ? 0 : write(ends[1], c->out, c->setup.size);
	close(ends[1]);
	if (err)
		return err;
	err = command_wait(pid);
	return n == (ssize_t)c->setup.size ? err : -EPROTO;
}

static int command_recv(struct channel *c)
{
	char *argv[] = { "mqctl", "recv", "--raw", c->state, NULL };
	size_t got = 0;
	ssize_t n = 1;
	int ends[2], err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	err = command_start(argv, 1, ends, &pid);
	close(ends[1]);
	for (; !err && n > 0 && got < c->setup.size; got += (size_t)n)
		n = read(ends[0], c->in + got, c->setup.size - got);
	close(ends[0]);
	if (err)
		return err;
	err = command_wait(pid);
	return n > 0 ? err : -EPROTO;
}

const struct peer peer_command = {
	.name = "command",
	.what = "devmq by mqctl send and mqctl recv, a process for each message",
	/* What it stores is devmq's. Thousands of messages would take minutes. */
	.can = ON_REQUEST,
	/* A pipe has room for it. */
	.max_size = 64 << 10,
	.size_reason = "it has to fit into a pipe",
	.missing = command_missing,
	.make = command_make,
	.unmake = command_unmake,
	.send = command_send,
	.recv = command_recv,
};
