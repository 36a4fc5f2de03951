// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors that come in pairs: pipes and unix sockets; and /dev/null, which
 * shows what two system calls on a file cost that do nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

#define PAGE		4096
/* What the kernel counts for a datagram besides its bytes, with room to spare. */
#define SKB_OVERHEAD	1024

static int file_send(struct channel *c)
{
	ssize_t n = write(c->tx, c->out, c->setup.size);

	return n == (ssize_t)c->setup.size ? 0 : n < 0 ? -errno : -EPROTO;
}

static int file_recv(struct channel *c)
{
	ssize_t n = read(c->rx, c->in, c->setup.size);

	return n == (ssize_t)c->setup.size ? 0 : n < 0 ? -errno : -EPROTO;
}

static void file_unmake(struct channel *c)
{
	close(c->tx);
	close(c->rx);
	free(c->state);
}

/* --------------------------------------------------------------- null */

static int null_make(struct channel *c)
{
	c->tx = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (c->tx < 0)
		return -errno;
	c->rx = dup(c->tx);
	return c->rx < 0 ? -errno : 0;
}

static int null_recv(struct channel *c)
{
	ssize_t n = read(c->rx, c->in, c->setup.size);

	return n ? -EPROTO : 0;
}

const struct peer peer_null = {
	.name = "null",
	.what = "/dev/null: the floor, a write and a read that do nothing",
	.can = 0,
	.max_size = SIZE_MAX,
	.make = null_make,
	.unmake = file_unmake,
	.send = file_send,
	.recv = null_recv,
};

/* -------------------------------------------------------------- pipes */

/* Make a pipe of at least so many bytes. */
static int pipe_with(struct channel *c, int flags, size_t bytes)
{
	int fd[2], got;

	if (pipe2(fd, flags | O_CLOEXEC))
		return -errno;
	c->rx = fd[0];
	c->tx = fd[1];
	got = fcntl(c->tx, F_GETPIPE_SZ);
	if (got >= 0 && (size_t)got != bytes)
		got = fcntl(c->tx, F_SETPIPE_SZ, bytes < PAGE ? PAGE : bytes);
	if (got < 0) {
		got = -errno;
		file_unmake(c);
		return got;
	}
	snprintf(c->config, sizeof(c->config), "F_SETPIPE_SZ=%d", got);
	return 0;
}

static int pipe_make(struct channel *c)
{
	return pipe_with(c, 0, c->setup.depth * c->setup.size);
}

/* A packet takes a page, however small it is. */
static int packet_make(struct channel *c)
{
	return pipe_with(c, O_DIRECT, c->setup.depth * PAGE);
}

/* A stream may give less than asked for; the rest follows. */
static int pipe_recv(struct channel *c)
{
	size_t done = 0;
	ssize_t n;

	for (;;) {
		n = read(c->rx, c->in + done, c->setup.size - done);
		if (n <= 0)
			return n ? -errno : -EPROTO;
		done += (size_t)n;
		if (done == c->setup.size)
			return 0;
	}
}

static int pipe_send(struct channel *c)
{
	size_t done = 0;
	ssize_t n;

	for (;;) {
		n = write(c->tx, c->out + done, c->setup.size - done);
		if (n < 0)
			return -errno;
		done += (size_t)n;
		if (done == c->setup.size)
			return 0;
	}
}

const struct peer peer_pipe = {
	.name = "pipe",
	.what = "a pipe: bytes without boundaries, all messages the same size",
	.can = CAN_SHARE | CAN_KEEP,
	.max_size = 1 << 30,
	.size_reason = "a pipe is at most 1 GiB",
	.make = pipe_make,
	.unmake = file_unmake,
	.send = pipe_send,
	.recv = pipe_recv,
};

const struct peer peer_packet = {
	.name = "packet",
	.what = "a pipe in packet mode (O_DIRECT)",
	.can = CAN_SHARE | CAN_KEEP,
	.max_size = PAGE,
	.size_reason = "a packet is at most a page",
	.max_depth = 65536,
	.depth_reason = "every packet takes a page",
	.make = packet_make,
	.unmake = file_unmake,
	.send = file_send,
	.recv = file_recv,
};

/* ------------------------------------------------------- unix sockets */

struct unix_state {
	struct mmsghdr	*out;
	struct mmsghdr	*in;
};

/* Headers for a batch; unless @apart, all messages have the same payload. */
static struct mmsghdr *headers(unsigned int count, unsigned char *data,
			       size_t size, bool apart)
{
	struct mmsghdr *h = calloc(count, sizeof(*h) + sizeof(struct iovec));
	struct iovec *v = (void *)(h + count);
	unsigned int i;

	for (i = 0; h && i < count; i++) {
		v[i].iov_base = data + (apart ? i * size : 0);
		v[i].iov_len = size;
		h[i].msg_hdr.msg_iov = v + i;
		h[i].msg_hdr.msg_iovlen = 1;
	}
	return h;
}

static int unix_batches(struct channel *c)
{
	struct unix_state *s = calloc(1, sizeof(*s));
	size_t size = c->setup.size;
	unsigned int n = c->setup.batch;
	unsigned char *in = realloc(c->in, n * size);

	c->state = s;
	if (in)
		c->in = in;
	if (!s || !in)
		return -ENOMEM;
	s->out = headers(n, c->out, size, false);
	s->in = headers(n, c->in, size, true);
	return s->out && s->in ? 0 : -ENOMEM;
}

/* The kernel doubles the value of SO_SNDBUF. */
static int unix_room(struct channel *c)
{
	size_t bytes = c->setup.depth * (c->setup.size * 2 + SKB_OVERHEAD);
	int half = bytes / 2 > 1 << 29 ? 1 << 29 : (int)(bytes / 2);
	int got = 0;
	socklen_t size = sizeof(got);

	if (setsockopt(c->tx, SOL_SOCKET, SO_SNDBUFFORCE, &half, sizeof(half)) &&
	    setsockopt(c->tx, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half)))
		return -errno;
	if (getsockopt(c->tx, SOL_SOCKET, SO_SNDBUF, &got, &size))
		return -errno;
	snprintf(c->config, sizeof(c->config), "SO_SNDBUF=%d", got);
	return 0;
}

static int unix_make(struct channel *c, int type)
{
	int fd[2], err;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd))
		return -errno;
	c->tx = fd[0];
	c->rx = fd[1];
	err = unix_room(c);
	if (!err && c->setup.batch)
		err = unix_batches(c);
	if (err)
		c->peer->unmake(c);
	return err;
}

static int seqpacket_make(struct channel *c)
{
	return unix_make(c, SOCK_SEQPACKET);
}

static int dgram_make(struct channel *c)
{
	return unix_make(c, SOCK_DGRAM);
}

static void unix_unmake(struct channel *c)
{
	struct unix_state *s = c->state;

	if (s) {
		free(s->out);
		free(s->in);
	}
	file_unmake(c);
}

static int unix_send_many(struct channel *c, unsigned int count)
{
	struct unix_state *s = c->state;
	unsigned int done = 0;
	int n;

	while (done < count) {
		n = sendmmsg(c->tx, s->out + done, count - done, 0);
		if (n < 0)
			return -errno;
		done += (unsigned int)n;
	}
	return 0;
}

static int unix_recv_many(struct channel *c, unsigned int max)
{
	struct unix_state *s = c->state;
	int n, i;

	n = recvmmsg(c->rx, s->in, max, MSG_WAITFORONE, NULL);
	if (n <= 0)
		return n ? -errno : -EPROTO;
	c->stops = 0;
	for (i = 0; i < n; i++) {
		if (s->in[i].msg_len != c->setup.size)
			return -EPROTO;
		c->stops += c->in[(size_t)i * c->setup.size] == STOP;
	}
	return n;
}

#define UNIX_DEPTH	262144

const struct peer peer_seqpacket = {
	.name = "seqpacket",
	.what = "a socketpair, AF_UNIX SOCK_SEQPACKET; batches by sendmmsg",
	.can = CAN_SHARE | CAN_BATCH | CAN_KEEP,
	.max_size = 16 << 20,
	.size_reason = "a packet has to be in one piece",
	.max_depth = UNIX_DEPTH,
	.depth_reason = "SO_SNDBUF ends there",
	.make = seqpacket_make,
	.unmake = unix_unmake,
	.send = file_send,
	.recv = file_recv,
	.send_batch = unix_send_many,
	.recv_batch = unix_recv_many,
};

const struct peer peer_dgram = {
	.name = "dgram",
	.what = "a socketpair, AF_UNIX SOCK_DGRAM; batches by sendmmsg",
	.can = CAN_SHARE | CAN_BATCH | CAN_KEEP,
	.max_size = 16 << 20,
	.size_reason = "a datagram has to be in one piece",
	.max_depth = UNIX_DEPTH,
	.depth_reason = "SO_SNDBUF ends there",
	.make = dgram_make,
	.unmake = unix_unmake,
	.send = file_send,
	.recv = file_recv,
	.send_batch = unix_send_many,
	.recv_batch = unix_recv_many,
};
