// SPDX-License-Identifier: GPL-2.0
/*
 * The two kinds of message queue that Unix has had: System V's and POSIX's.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "channel.h"
#include "peer.h"

/* ---------------------------------------------------------- System V */

struct sysv_message {
	long		type;
	unsigned char	data[];
};

struct sysv_state {
	struct sysv_message	*out;
	struct sysv_message	*in;
};

static void sysv_unmake(struct channel *c)
{
	struct sysv_state *s = c->state;

	msgctl(c->tx, IPC_RMID, NULL);
	free(s->out);
	free(s->in);
	free(s);
}

static int sysv_make(struct channel *c)
{
	struct sysv_state *s = calloc(1, sizeof(*s));
	size_t whole = sizeof(struct sysv_message) + c->setup.size;
	struct msqid_ds ds;
	int err;

	if (!s)
		return -ENOMEM;
	c->state = s;
	s->out = calloc(1, whole);
	s->in = calloc(1, whole);
	c->tx = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	c->rx = c->tx;
	if (!s->out || !s->in || c->tx < 0 || msgctl(c->tx, IPC_STAT, &ds))
		goto fail;
	ds.msg_qbytes = c->setup.depth * c->setup.size;
	if (msgctl(c->tx, IPC_SET, &ds))
		goto fail;
	snprintf(c->config, sizeof(c->config), "msg_qbytes=%zu",
		 c->setup.depth * c->setup.size);
	return 0;
fail:
	err = -errno;
	sysv_unmake(c);
	return err;
}

/* msgrcv(2) with a negative type receives the message of the lowest type first. */
static int sysv_send(struct channel *c)
{
	struct sysv_state *s = c->state;

	s->out->type = 1;
	if (c->setup.kind == KIND_PRIORITY)
		s->out->type += PRIORITIES - 1 - c->sent++ % PRIORITIES;
	s->out->data[0] = c->out[0];
	return msgsnd(c->tx, s->out, c->setup.size, 0) ? -errno : 0;
}

static int sysv_recv(struct channel *c)
{
	struct sysv_state *s = c->state;
	long type = c->setup.kind == KIND_PRIORITY ? -PRIORITIES : 0;
	ssize_t n = msgrcv(c->rx, s->in, c->setup.size, type, 0);

	if (n < 0)
		return -errno;
	c->in[0] = s->in->data[0];
	return n == (ssize_t)c->setup.size ? 0 : -EPROTO;
}

const struct peer peer_sysv = {
	.name = "sysv",
	.what = "a System V message queue",
	.can = CAN_SHARE | CAN_PRIORITY | CAN_KEEP,
	.max_size = 64 << 20,
	.size_reason = "kernel.msgmax was raised to 64 MiB",
	.make = sysv_make,
	.unmake = sysv_unmake,
	.send = sysv_send,
	.recv = sysv_recv,
};

/* ------------------------------------------------------------- POSIX */

/* HARD_MSGMAX of the kernel. */
#define POSIX_DEPTH	65536

static int posix_make(struct channel *c)
{
	struct mq_attr attr = {
		.mq_maxmsg = (long)c->setup.depth,
		.mq_msgsize = (long)c->setup.size,
	};
	char name[48];

	snprintf(name, sizeof(name), "/%s", fresh_name());
	c->tx = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	if (c->tx < 0)
		return -errno;
	c->rx = c->tx;
	mq_unlink(name);
	snprintf(c->config, sizeof(c->config), "mq_maxmsg=%ld mq_msgsize=%ld",
		 attr.mq_maxmsg, attr.mq_msgsize);
	return 0;
}

static void posix_unmake(struct channel *c)
{
	mq_close(c->tx);
}

static int posix_send(struct channel *c)
{
	unsigned int priority = 0;

	if (c->setup.kind == KIND_PRIORITY)
		priority = c->sent++ % PRIORITIES;
	return mq_send(c->tx, (char *)c->out, c->setup.size, priority) ?
		-errno : 0;
}

static int posix_recv(struct channel *c)
{
	ssize_t n = mq_receive(c->rx, (char *)c->in, c->setup.size, NULL);

	return n == (ssize_t)c->setup.size ? 0 : n < 0 ? -errno : -EPROTO;
}

const struct peer peer_posix = {
	.name = "posix",
	.what = "a POSIX message queue",
	.can = CAN_SHARE | CAN_PRIORITY | CAN_KEEP,
	.max_size = 16 << 20,
	.size_reason = "fs.mqueue.msgsize_max ends at 16 MiB",
	.max_depth = POSIX_DEPTH,
	.depth_reason = "fs.mqueue.msg_max ends at 65536",
	.make = posix_make,
	.unmake = posix_unmake,
	.send = posix_send,
	.recv = posix_recv,
};
