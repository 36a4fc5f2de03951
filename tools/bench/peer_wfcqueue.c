// SPDX-License-Identifier: GPL-2.0
/*
 * liburcu's wait-free queue, inside one process: what a message costs when no
 * kernel, no other address space and no bound are asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#ifdef HAVE_URCU

#include <urcu/wfcqueue.h>

struct wfc_state {
	struct cds_wfcq_head	head;
	struct cds_wfcq_tail	tail;
};

struct wfc_node {
	struct cds_wfcq_node	node;
	unsigned char		data[];
};

static int wfc_make(struct channel *c)
{
	struct wfc_state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	cds_wfcq_init(&s->head, &s->tail);
	c->state = s;
	return 0;
}

static int wfc_send(struct channel *c)
{
	struct wfc_state *s = c->state;
	struct wfc_node *n = malloc(sizeof(*n) + c->setup.size);

	if (!n)
		return -ENOMEM;
	cds_wfcq_node_init(&n->node);
	memcpy(n->data, c->out, c->setup.size);
	cds_wfcq_enqueue(&s->head, &s->tail, &n->node);
	return 0;
}

static int wfc_recv(struct channel *c)
{
	struct wfc_state *s = c->state;
	struct wfc_node *n;

	n = (void *)__cds_wfcq_dequeue_blocking(&s->head, &s->tail);
	if (!n)
		return -EAGAIN;
	memcpy(c->in, n->data, c->setup.size);
	free(n);
	return 0;
}

static void wfc_unmake(struct channel *c)
{
	struct wfc_state *s = c->state;

	while (!cds_wfcq_empty(&s->head, &s->tail))
		wfc_recv(c);
	cds_wfcq_destroy(&s->head, &s->tail);
	free(s);
}

#else

static const char *wfc_missing(void)
{
	return "not built in: there was no liburcu";
}

#endif

const struct peer peer_wfcqueue = {
	.name = "wfcqueue",
	.what = "liburcu's wait-free queue in one process: the floor",
	.can = ON_REQUEST,
	.max_size = SIZE_MAX / 2,
#ifdef HAVE_URCU
	.make = wfc_make,
	.unmake = wfc_unmake,
	.send = wfc_send,
	.recv = wfc_recv,
#else
	.missing = wfc_missing,
#endif
};
