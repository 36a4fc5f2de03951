// SPDX-License-Identifier: GPL-2.0
/*
 * Starting a command with a message, or several, as its standard input.
 *
 * The messages are in a sealed file in memory: a command may read as much of it
 * as it likes, or seek in it, and neither process waits for the other.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "mqctl.h"
#include "runner.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL		0x0008U
#endif

#define HEADER_PREFIX		"DEVMQ_HEADER_"
/* No name of a header is longer than 255 bytes. */
#define HEADER_VARIABLE_MAX	(sizeof(HEADER_PREFIX) + 255)

/* ------------------------------------------------------------------ */
/* Standard input                                                     */

/* Kernels before 6.3 do not have the flag; later ones may insist on it. */
static int memory_file(void)
{
	int fd;

	fd = memfd_create("devmq-message", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("devmq-message",
				  MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(fd, bytes, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* As recv prints it with --raw, without options, or with --null. */
static int write_message(int fd, const struct devmq_msg *msg,
			 enum child_input input)
{
	const char *payload;
	size_t size;
	int err;

	payload = devmq_msg_payload(msg, &size);
	err = write_all(fd, payload, size);
	if (!err && input == INPUT_NULS)
		err = write_all(fd, "", 1);
	else if (!err && input == INPUT_LINES &&
		 (!size || payload[size - 1] != '\n'))
		err = write_all(fd, "\n", 1);
	return err;
}

static int message_file(struct devmq_buffer *buffer, enum child_input input)
{
	const struct devmq_msg *msg;
	int fd, err = 0;

	fd = memory_file();
	if (fd < 0)
		return fd;
	devmq_buffer_rewind(buffer);
	while (!err && devmq_buffer_next(buffer, &msg) > 0)
		err = write_message(fd, msg, input);
	if (!err && (lseek(fd, 0, SEEK_SET) < 0 ||
		     fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK |
			   F_SEAL_GROW | F_SEAL_SEAL)))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* ------------------------------------------------------------------ */
/* Environment. A value with a NUL cannot be in it.                   */

static void set_bytes(const char *name, const void *bytes, size_t size)
{
	char *value;

	if (memchr(bytes, '\0', size))
		return;
	value = strndup(bytes, size);
	if (value)
		setenv(name, value, 1);
	free(value);
}

static void set_number(const char *name, uint64_t number)
{
	char value[24];

	snprintf(value, sizeof(value), "%" PRIu64, number);
	setenv(name, value, 1);
}

/* Headers that consume itself was given do not belong to this message. */
static void unset_headers(void)
{
	char name[HEADER_VARIABLE_MAX];
	size_t i = 0, size;

	while (environ && environ[i]) {
		size = strcspn(environ[i], "=");
		if (size < sizeof(name) && environ[i][size] &&
		    !strncmp(environ[i], HEADER_PREFIX,
			     strlen(HEADER_PREFIX))) {
			memcpy(name, environ[i], size);
			name[size] = '\0';
			unsetenv(name);
		} else {
			i++;
		}
	}
}

static void set_header(const struct devmq_header_view *header)
{
	char name[HEADER_VARIABLE_MAX] = HEADER_PREFIX;
	char *p = name + strlen(HEADER_PREFIX);
	size_t i;

	for (i = 0; i < header->name_size && i < 255; i++) {
		unsigned char c = (unsigned char)header->name[i];

		*p++ = isalnum(c) ? (char)toupper(c) : '_';
	}
	*p = '\0';
	set_bytes(name, header->value, header->value_size);
}

/* The metadata of one message. */
static void set_metadata(const struct devmq_msg *msg)
{
	struct devmq_header_view header;
	size_t cursor = 0, size;
	const void *bytes;

	set_number("DEVMQ_ID", devmq_msg_id(msg));
	set_number("DEVMQ_ATTEMPT", devmq_msg_attempt(msg));
	set_number("DEVMQ_FAILURES", devmq_msg_failures(msg));
	set_number("DEVMQ_UID", devmq_msg_uid(msg));
	bytes = devmq_msg_key(msg, &size);
	if (bytes)
		set_bytes("DEVMQ_KEY", bytes, size);
	if (devmq_msg_reason(msg))
		set_number("DEVMQ_REASON", devmq_msg_reason(msg));
	bytes = devmq_msg_note(msg, &size);
	if (bytes)
		set_bytes("DEVMQ_NOTE", bytes, size);
	bytes = devmq_msg_origin(msg, &size);
	if (bytes) {
		set_bytes("DEVMQ_ORIGIN", bytes, size);
		set_number("DEVMQ_ORIGIN_ID", devmq_msg_origin_id(msg));
	}
	bytes = devmq_msg_topic(msg, &size);
	if (bytes) {
		set_bytes("DEVMQ_TOPIC", bytes, size);
		set_number("DEVMQ_TOPIC_ID", devmq_msg_topic_id(msg));
	}
	while (devmq_msg_next_header(msg, &cursor, &header))
		set_header(&header);
}

/* Of several messages: how many there are, and their ids. */
static void set_ids(struct devmq_buffer *buffer)
{
	const struct devmq_msg *msg;
	uint64_t count = 0;
	char *ids = NULL;
	size_t size;
	FILE *out;

	out = open_memstream(&ids, &size);
	if (!out)
		return;
	while (devmq_buffer_next(buffer, &msg) > 0)
		fprintf(out, "%s%" PRIu64, count++ ? " " : "",
			devmq_msg_id(msg));
	if (!fclose(out))
		setenv("DEVMQ_IDS", ids, 1);
	set_number("DEVMQ_COUNT", count);
	free(ids);
}

static void set_environment(const char *queue, struct devmq_buffer *buffer,
			    enum child_input input, const char *runner)
{
	static const char *const names[] = {
		"DEVMQ_ID", "DEVMQ_ATTEMPT", "DEVMQ_FAILURES", "DEVMQ_UID",
		"DEVMQ_KEY", "DEVMQ_REASON", "DEVMQ_NOTE", "DEVMQ_ORIGIN",
		"DEVMQ_ORIGIN_ID", "DEVMQ_TOPIC", "DEVMQ_TOPIC_ID", "DEVMQ_IDS", "DEVMQ_COUNT",
	};
	const struct devmq_msg *msg;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		unsetenv(names[i]);
	unset_headers();
	setenv("DEVMQ_QUEUE", queue, 1);
	setenv(RUNNER_VARIABLE, runner, 1);
	devmq_buffer_rewind(buffer);
	if (input != INPUT_EXACT)
		set_ids(buffer);
	else if (devmq_buffer_next(buffer, &msg) > 0)
		set_metadata(msg);
}

/* ------------------------------------------------------------------ */

/*
 * In the new process: run the command. If the parent dies, the command gets
 * SIGKILL: the kernel hands the message to the next consumer at that moment, and a
 * command that tidied up first would work at the same time as the next one.
 */
static int become(char *const argv[], int stdin_fd, int stderr_fd,
		  pid_t parent, const struct child_signals *signals)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	if (getppid() != parent)
		_exit(127);
	setpgid(0, 0);
	if (dup2(stdin_fd, STDIN_FILENO) < 0 ||
	    dup2(stderr_fd, STDERR_FILENO) < 0)
		return -errno;
	sigaction(SIGPIPE, &signals->pipe, NULL);
	sigprocmask(SIG_SETMASK, &signals->mask, NULL);
	execvp(argv[0], argv);
	return -errno;
}

/* exec closes the pipe; if it fails, the pipe brings the error. */
static int exec_error(int fd)
{
	ssize_t n;
	int err;

	do {
		n = read(fd, &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(err) ? err : 0;
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* One pipe for the error of exec, another for the standard error. */
static int make_pipes(int report[2], int errors[2])
{
	int err;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	if (!pipe2(errors, O_CLOEXEC)) {
		if (!fcntl(errors[0], F_SETFL, O_NONBLOCK))
			return 0;
		close_pair(errors);
	}
	err = -errno;
	close_pair(report);
	return err;
}

/* Fork and run. Closes the ends of the pipes that the command has. */
static pid_t start(char *const argv[], const char *queue,
		   struct devmq_buffer *buffer, enum child_input input,
		   const char *runner, const struct child_signals *signals,
		   int message, const int report[2], const int errors[2])
{
	pid_t parent = getpid(), pid;
	int err;

	pid = fork();
	if (!pid) {
		set_environment(queue, buffer, input, runner);
		err = become(argv, message, errors[1], parent, signals);
		_exit(write(report[1], &err, sizeof(err)) < 0 ? 126 : 127);
	}
	err = pid < 0 ? -errno : 0;
	close(report[1]);
	close(errors[1]);
	if (err)
		return err;
	setpgid(pid, pid);
	err = exec_error(report[0]);
	if (err)
		waitpid(pid, NULL, 0);
	return err ? err : pid;
}

pid_t child_start(char *const argv[], const char *queue,
		  struct devmq_buffer *buffer, enum child_input input,
		  const char *runner, const struct child_signals *signals,
		  int *errors)
{
	int message, report[2], said[2];
	pid_t pid;

	message = message_file(buffer, input);
	if (message < 0)
		return message;
	pid = make_pipes(report, said);
	if (!pid) {
		pid = start(argv, queue, buffer, input, runner, signals,
			    message, report, said);
		close(report[0]);
		if (pid < 0)
			close(said[0]);
		else
			*errors = said[0];
	}
	close(message);
	return pid;
}

bool child_may_start(int error)
{
	switch (-error) {
	case EAGAIN:
	case ENOMEM:
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE:
	case E2BIG:
	case ETXTBSY:
		return true;
	default:
		return false;
	}
}
