// SPDX-License-Identifier: GPL-2.0
/*
 * beanstalkd, over a unix socket, in its text protocol: put, reserve, delete.
 * In batches the commands are sent together, and then the answers are read.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel.h"
#include "peer.h"
#include "server.h"
#include "system.h"

/* An answer is at most so long, and so are the words around a job. */
#define LINE_MAX_BYTES	64

/* A connection. Bytes from next to end have been read, but not used. */
struct bean_link {
	int	fd;
	char	*buffer;
	size_t	room;
	size_t	next;
	size_t	end;
};

struct bean_state {
	char			name[48];
	struct bean_link	tx;
	struct bean_link	rx;
	char			*out;
	size_t			out_room;
	uint64_t		*ids;
	unsigned int		messages;
};

static int bean_pid;

static const char *bean_missing(void)
{
	return beanstalkd_socket ? NULL : "no --beanstalkd=SOCKET was given";
}

static int bean_write(struct bean_link *link, const char *text, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(link->fd, text, size);
		if (n < 0)
			return -errno;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Read more, behind the bytes that are there. */
static int bean_more(struct bean_link *link)
{
	ssize_t n;

	if (link->next) {
		memmove(link->buffer, link->buffer + link->next,
			link->end - link->next);
		link->end -= link->next;
		link->next = 0;
	}
	n = read(link->fd, link->buffer + link->end, link->room - link->end);
	if (n <= 0)
		return n ? -errno : -EPIPE;
	link->end += (size_t)n;
	return 0;
}

/* The next line, ended by a NUL; valid until more is read. */
static int bean_line(struct bean_link *link, char **line)
{
	char *start, *end;
	int err;

	for (;;) {
		start = link->buffer + link->next;
		end = memchr(start, '\n', link->end - link->next);
		if (end)
			break;
		err = bean_more(link);
		if (err)
			return err;
	}
	*end = '\0';
	*line = start;
	link->next = (size_t)(end + 1 - link->buffer);
	return 0;
}

/* Read an answer, which must begin with a word. *@rest gets the rest of its line. */
static int bean_expect(struct bean_link *link, const char *word, char **rest)
{
	size_t size = strlen(word);
	char *line;
	int err = bean_line(link, &line);

	if (err)
		return err;
	if (strncmp(line, word, size)) {
		fprintf(stderr, "mqbench: beanstalkd: %s\n", line);
		return -EIO;
	}
	if (rest)
		*rest = line + size;
	return 0;
}

static int bean_say(struct bean_link *link, const char *command,
		    const char *name, const char *answer)
{
	char text[LINE_MAX_BYTES];
	int n = snprintf(text, sizeof(text), "%s %s\r\n", command, name);
	int err = bean_write(link, text, (size_t)n);

	return err ? err : bean_expect(link, answer, NULL);
}

static int bean_link_open(struct bean_link *link, size_t room)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	memset(link, 0, sizeof(*link));
	link->room = room;
	link->buffer = malloc(room);
	link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!link->buffer || link->fd < 0)
		return -ENOMEM;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", beanstalkd_socket);
	if (connect(link->fd, (struct sockaddr *)&at, sizeof(at)))
		return -errno;
	bean_pid = server_pid(link->fd);
	return 0;
}

static void bean_link_close(struct bean_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	free(link->buffer);
	link->fd = -1;
	link->buffer = NULL;
}

static unsigned int bean_batch(const struct channel *c)
{
	return c->setup.batch ? c->setup.batch : 1;
}

static int bean_join(struct channel *c)
{
	struct bean_state *s = c->state;
	size_t room = bean_batch(c) * (c->setup.size + LINE_MAX_BYTES);
	int err;

	bean_link_close(&s->tx);
	bean_link_close(&s->rx);
	err = bean_link_open(&s->tx, room);
	if (!err)
		err = bean_link_open(&s->rx, room);
	if (!err)
		err = bean_say(&s->tx, "use", s->name, "USING");
	if (!err)
		err = bean_say(&s->rx, "watch", s->name, "WATCHING");
	if (!err)
		err = bean_say(&s->rx, "ignore", "default", "WATCHING");
	return err;
}

static void bean_unmake(struct channel *c)
{
	struct bean_state *s = c->state;

	bean_link_close(&s->tx);
	bean_link_close(&s->rx);
	free(s->out);
	free(s->ids);
	free(s);
}

static int bean_make(struct channel *c)
{
	struct bean_state *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		return err;
	c->state = s;
	s->tx.fd = -1;
	s->rx.fd = -1;
	snprintf(s->name, sizeof(s->name), "%s", fresh_name());
	s->out_room = bean_batch(c) * (c->setup.size + LINE_MAX_BYTES);
	s->out = malloc(s->out_room);
	s->ids = calloc(bean_batch(c), sizeof(*s->ids));
	if (s->out && s->ids)
		err = bean_join(c);
	if (err)
		bean_unmake(c);
	snprintf(c->config, sizeof(c->config), "a tube");
	return err;
}

static int bean_send_many(struct channel *c, unsigned int count)
{
	struct bean_state *s = c->state;
	size_t at = 0;
	unsigned int i;
	int err;

	for (i = 0; i < count; i++) {
		at += (size_t)snprintf(s->out + at, s->out_room - at,
				       "put 0 0 60 %zu\r\n",
				       c->setup.size);
		memcpy(s->out + at, c->out, c->setup.size);
		at += c->setup.size;
		memcpy(s->out + at, "\r\n", 2);
		at += 2;
	}
	err = bean_write(&s->tx, s->out, at);
	for (i = 0; i < count && !err; i++)
		err = bean_expect(&s->tx, "INSERTED ", NULL);
	return err;
}

/* The job behind a line "RESERVED ID SIZE". */
static int bean_job(struct channel *c, char *words)
{
	struct bean_state *s = c->state;
	struct bean_link *link = &s->rx;
	char *end;
	size_t size;
	int err;

	s->ids[s->messages++] = strtoull(words, &end, 10);
	size = strtoull(end, NULL, 10);
	if (size != c->setup.size)
		return -EPROTO;
	while (link->end - link->next < size + 2) {
		err = bean_more(link);
		if (err)
			return err;
	}
	memcpy(c->in, link->buffer + link->next, size);
	link->next += size + 2;
	c->stops += c->in[0] == STOP;
	return 0;
}

/*
 * The first reserve waits, the others take a job if there is one. A reserve that
 * finds none costs time, too, so send about as many as found one the last time.
 */
static int bean_recv_many(struct channel *c, unsigned int max)
{
	static const char wait[] = "reserve\r\n";
	static const char more[] = "reserve-with-timeout 0\r\n";
	struct bean_state *s = c->state;
	size_t at = sizeof(wait) - 1;
	unsigned int i;
	char *line;
	int err;

	if (max > s->messages * 2 + 1)
		max = s->messages * 2 + 1;
	memcpy(s->out, wait, at);
	for (i = 1; i < max; i++, at += sizeof(more) - 1)
		memcpy(s->out + at, more, sizeof(more) - 1);
	s->messages = 0;
	c->stops = 0;
	err = bean_write(&s->rx, s->out, at);
	for (i = 0; i < max && !err; i++) {
		err = bean_line(&s->rx, &line);
		if (err || !strncmp(line, "TIMED_OUT", 9))
			continue;
		if (strncmp(line, "RESERVED ", 9))
			return -EIO;
		err = bean_job(c, line + 9);
	}
	return err ? err : (int)s->messages;
}

static int bean_send(struct channel *c)
{
	return bean_send_many(c, 1);
}

static int bean_recv(struct channel *c)
{
	int n = bean_recv_many(c, 1);

	return n < 0 ? n : 0;
}

static int bean_ack(struct channel *c)
{
	struct bean_state *s = c->state;
	size_t at = 0;
	unsigned int i;
	int err;

	for (i = 0; i < s->messages; i++)
		at += (size_t)snprintf(s->out + at, s->out_room - at,
				       "delete %llu\r\n",
				       (unsigned long long)s->ids[i]);
	err = bean_write(&s->rx, s->out, at);
	for (i = 0; i < s->messages && !err; i++)
		err = bean_expect(&s->rx, "DELETED", NULL);
	return err;
}

static uint64_t bean_cpu(void)
{
	return process_cpu(bean_pid);
}

const struct peer peer_beanstalkd = {
	.name = "beanstalkd",
	.what = "beanstalkd: put, reserve, delete; batches sent together",
	.can = CAN_CONFIRM | CAN_SHARE | CAN_BATCH | CAN_ACK | MUST_ACK | ON_REQUEST,
	.max_size = 1 << 20,
	.size_reason = "a job is at most 1 MiB",
	.missing = bean_missing,
	.make = bean_make,
	.unmake = bean_unmake,
	.join = bean_join,
	.send = bean_send,
	.recv = bean_recv,
	.send_batch = bean_send_many,
	.recv_batch = bean_recv_many,
	.ack = bean_ack,
	.server_cpu = bean_cpu,
};
