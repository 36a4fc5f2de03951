// SPDX-License-Identifier: GPL-2.0
/* Making channels, and filling them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "channel.h"

static const struct {
	enum kind	kind;
	unsigned int	need;
	const char	*reason;
} needs[] = {
	{ KIND_ACK,	 CAN_ACK,      "it has no acknowledgement" },
	{ KIND_NEXT,	 CAN_NEXT,     "it has no call that does both" },
	{ KIND_PRIORITY, CAN_PRIORITY, "it has no priorities" },
	{ KIND_KEY,	 CAN_KEY,      "it has no order by key" },
	{ KIND_DELAY,	 CAN_DELAY,    "it has no delay" },
	{ KIND_TOPIC,	 CAN_TOPIC,    "it has no topics" },
};

const char *why_not(const struct peer *peer, const struct setup *setup)
{
	const char *missing = peer->missing ? peer->missing() : NULL;
	size_t i;

	if (missing)
		return missing;
	if (setup->size > peer->max_size)
		return peer->size_reason;
	if (peer->max_depth && setup->depth > peer->max_depth)
		return peer->depth_reason;
	if (setup->batch && !(peer->can & CAN_BATCH))
		return "it takes one message a call";
	for (i = 0; i < ARRAY_SIZE(needs); i++) {
		if (setup->kind == needs[i].kind &&
		    !(peer->can & needs[i].need))
			return needs[i].reason;
	}
	return NULL;
}

static int channel_init(struct channel *c, const struct peer *peer,
			const struct setup *setup,
			int (*make)(struct channel *c))
{
	int err;

	memset(c, 0, sizeof(*c));
	c->peer = peer;
	c->setup = *setup;
	c->rx = -1;
	c->tx = -1;
	c->out = calloc(1, setup->size);
	c->in = calloc(1, setup->size);
	err = c->out && c->in ? make(c) : -ENOMEM;
	if (err) {
		free(c->out);
		free(c->in);
	}
	return err;
}

int channel_open(struct channel *c, const struct peer *peer,
		 const struct setup *setup)
{
	return channel_init(c, peer, setup, peer->make);
}

int channel_idle(struct channel *c, const struct peer *peer,
		 const struct setup *setup)
{
	return channel_init(c, peer, setup,
			    peer->idle ? peer->idle : peer->make);
}

void channel_close(struct channel *c)
{
	c->peer->unmake(c);
	free(c->out);
	free(c->in);
}

int channel_fill(struct channel *c, size_t count)
{
	unsigned int n = c->setup.batch;
	int err = 0;

	for (; n && count >= n && !err; count -= n)
		err = c->peer->send_batch(c, n);
	for (; count && !err; count--)
		err = n ? c->peer->send_batch(c, 1) : c->peer->send(c);
	return err;
}

const char *fresh_name(void)
{
	static char name[40];
	static unsigned int number;

	snprintf(name, sizeof(name), "mqbench.%d.%u", (int)getpid(), number++);
	return name;
}
