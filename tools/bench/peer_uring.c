// SPDX-License-Identifier: GPL-2.0
/*
 * devmq through io_uring: reads and writes one by one, batches as SEND and RECV
 * commands. Each call is one submission that waits for its completion.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#ifdef HAVE_LIBURING

#include <liburing.h>
#include <linux/devmq.h>

/**
 * struct uring_state - a queue with a ring
 * @devmq: the state of the peer devmq
 * @ring: the ring of this process
 * @is_open: is the ring open?
 * @step: bytes from one record to the next
 * @records: a batch of them to send
 * @got: where a batch is received
 */
struct uring_state {
	void		*devmq;
	struct io_uring	ring;
	bool		is_open;
	size_t		step;
	unsigned char	*records;
	unsigned char	*got;
};

static const char *uring_missing(void)
{
	const char *reason = peer_devmq.missing();
	struct io_uring ring;

	if (reason)
		return reason;
	if (io_uring_queue_init(1, &ring, 0))
		return "the kernel has no io_uring";
	io_uring_queue_exit(&ring);
	return NULL;
}

static int uring_open(struct uring_state *s)
{
	int err = io_uring_queue_init(4, &s->ring, 0);

	s->is_open = !err;
	return err;
}

/* All messages of a batch are the same. */
static int uring_records(struct channel *c, struct uring_state *s)
{
	size_t n = c->setup.batch ? c->setup.batch : 1, i;
	struct devmq_record *r;

	s->step = DEVMQ_ALIGN(sizeof(*r) + c->setup.size);
	s->records = calloc(n, s->step);
	s->got = calloc(n, s->step);
	if (!s->records || !s->got)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		r = (void *)(s->records + i * s->step);
		r->size = (uint32_t)(sizeof(*r) + c->setup.size);
	}
	return 0;
}

static void uring_unmake(struct channel *c)
{
	struct uring_state *s = c->state;

	if (s->is_open)
		io_uring_queue_exit(&s->ring);
	c->state = s->devmq;
	peer_devmq.unmake(c);
	free(s->records);
	free(s->got);
	free(s);
}

static int uring_make(struct channel *c)
{
	struct uring_state *s = calloc(1, sizeof(*s));
	int err = s ? peer_devmq.make(c) : -ENOMEM;

	if (err) {
		free(s);
		return err;
	}
	s->devmq = c->state;
	c->state = s;
	err = uring_records(c, s);
	if (!err)
		err = uring_open(s);
	if (err)
		uring_unmake(c);
	return err;
}

/* A child process needs a ring of its own. */
static int uring_join(struct channel *c)
{
	struct uring_state *s = c->state;
	int err;

	c->state = s->devmq;
	err = peer_devmq.join(c);
	c->state = s;
	return err ? err : uring_open(s);
}

/* Submit what was prepared last and wait for it. */
static int uring_do(struct uring_state *s)
{
	struct io_uring_cqe *cqe;
	int res;

	res = io_uring_submit_and_wait(&s->ring, 1);
	if (res >= 0)
		res = io_uring_wait_cqe(&s->ring, &cqe);
	if (res < 0)
		return res;
	res = cqe->res;
	io_uring_cqe_seen(&s->ring, cqe);
	return res;
}

/* A read or a write of one message. */
static int uring_one(struct channel *c, int op, int fd, void *data)
{
	struct uring_state *s = c->state;
	int n;

	io_uring_prep_rw(op, io_uring_get_sqe(&s->ring), fd, data,
			 (unsigned int)c->setup.size, 0);
	n = uring_do(s);
	return n == (int)c->setup.size ? 0 : n < 0 ? n : -EPROTO;
}

static int uring_send(struct channel *c)
{
	return uring_one(c, IORING_OP_WRITE, c->tx, c->out);
}

static int uring_recv(struct channel *c)
{
	return uring_one(c, IORING_OP_READ, c->rx, c->in);
}

/* Run a command. Before Linux 6.12 it does not wait by itself, so poll. */
static int uring_command(struct uring_state *s, int fd, unsigned int command,
			 void *arg, short events)
{
	struct devmq_uring_cmd ours = { .addr = (uintptr_t)arg };
	struct io_uring_sqe *sqe;
	int err;

	for (;;) {
		sqe = io_uring_get_sqe(&s->ring);
		io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
		sqe->cmd_op = command;
		memcpy(sqe->cmd, &ours, sizeof(ours));
		err = uring_do(s);
		if (err != -EAGAIN)
			return err;
		io_uring_prep_poll_add(io_uring_get_sqe(&s->ring), fd, events);
		err = uring_do(s);
		if (err < 0)
			return err;
	}
}

static int uring_send_batch(struct channel *c, unsigned int count)
{
	struct uring_state *s = c->state;
	unsigned int i;
	int err = 0;

	for (i = 0; i < count; i++)
		memcpy(s->records + i * s->step + sizeof(struct devmq_record),
		       c->out, c->setup.size);
	for (i = 0; i < count && !err;) {
		struct devmq_send a = {
			.size = sizeof(a),
			.records = (uintptr_t)(s->records + i * s->step),
			.records_size = (count - i) * s->step,
		};

		err = uring_command(s, c->tx, DEVMQ_IOC_SEND, &a, POLLOUT);
		i += a.count;
	}
	return err;
}

/* Read every message, as a real receiver does. */
static int uring_recv_batch(struct channel *c, unsigned int max)
{
	struct uring_state *s = c->state;
	struct devmq_recv a = {
		.size = sizeof(a),
		.buffer = (uintptr_t)s->got,
		.buffer_size = c->setup.batch * s->step,
		.max_count = max,
		.deadline_ns = DEVMQ_FOREVER,
	};
	const struct devmq_record *r;
	size_t at;
	int err;

	err = uring_command(s, c->rx, DEVMQ_IOC_RECV, &a, POLLIN);
	if (err)
		return err;
	c->stops = 0;
	for (at = 0; at < a.used; at += s->step) {
		r = (const void *)(s->got + at);
		if (r->size != sizeof(*r) + c->setup.size)
			return -EPROTO;
		c->stops += *(const unsigned char *)(r + 1) == STOP;
	}
	return (int)a.count;
}

#else

static const char *uring_missing(void)
{
	return "not built in: there was no liburing";
}

#endif

const struct peer peer_uring = {
	.name = "uring",
	.what = "a devmq queue through io_uring, a submission a call",
	.can = CAN_SHARE | CAN_BATCH,
	.max_size = 256 << 20,
	.size_reason = "a message is at most 256 MiB",
	.missing = uring_missing,
#ifdef HAVE_LIBURING
	.make = uring_make,
	.unmake = uring_unmake,
	.join = uring_join,
	.send = uring_send,
	.recv = uring_recv,
	.send_batch = uring_send_batch,
	.recv_batch = uring_recv_batch,
#endif
};
