// SPDX-License-Identifier: GPL-2.0
/*
 * Open files, options, and the creation and removal of queues.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "model/limits.h"
#include "model/messages.h"
#include "model/model.h"
#include "model/queues.h"
#include "model/retain.h"
#include "model/states.h"
#include "model/topics.h"

int become_consumer(struct model *m, struct model_queue *q,
		    struct model_file *f)
{
	if (f->consumes)
		return 0;
	if (q->stat.consumers && (f->exclusive || q->exclusive))
		return -EBUSY;
	f->consumes = true;
	f->joined = ++m->joins;
	q->stat.consumers++;
	q->exclusive = f->exclusive;
	return 0;
}

void become_producer(struct model_queue *q, struct model_file *f)
{
	q->stat.producers += !f->produces;
	f->produces = true;
}

void call_open(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];

	memset(f, 0, sizeof(*f));
	f->open = true;
	f->reads = c->mode != O_WRONLY;
	f->writes = c->mode != O_RDONLY;
	f->exclusive = c->exclusive;
	f->ack = q->option[OPT_ACK];
	f->prefetch = q->option[OPT_PREFETCH];
	f->lease = q->option[OPT_LEASE_MS] * MS;
	if (model_is_topic(c->queue))
		reader_begin(q, f);
	if (c->mode == O_WRONLY)
		become_producer(q, f);
	if (c->mode == O_RDONLY)
		o->error = become_consumer(m, q, f);
	f->open = !o->error;
}

void call_close(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	struct model_entry *e;
	__u64 id = 0;

	while ((e = find_held(q, c->file, id, ~0ULL))) {
		id = e->id;
		fail_delivery(m, q, e, DEVMQ_FAILURE_CRASH, NULL, 0);
	}
	q->stat.consumers -= f->consumes;
	q->stat.producers -= f->produces;
	if (f->consumes)
		q->exclusive = false;
	f->open = false;
}

/*
 * Dead-letter queues come in the order of their indices, so that no chain is a
 * circle.
 */
static int check_dead_letter(const struct model *m, int queue, __u64 target)
{
	const struct model_queue *to;

	if (!target)
		return 0;
	to = &m->queue[target - 1];
	if (!to->exists)
		return -ENOENT;
	if (!option_is(to, OPT_ORDER, ORDER_FIFO) ||
	    !option_is(to, OPT_FAIRNESS, FAIR_NONE))
		return -EINVAL;
	for (; target; target = m->queue[target - 1].option[OPT_DEAD_LETTER])
		if (target - 1 == queue)
			return -ELOOP;
	return 0;
}

static int check_options(const struct model *m, int queue, const __u64 *option)
{
	if (option[OPT_ALTERNATE])
		return check_alternate(m, queue, option[OPT_ALTERNATE] - 1);
	if (option[OPT_OVERFLOW] == OVERFLOW_DEAD && !option[OPT_DEAD_LETTER])
		return -EINVAL;
	return check_dead_letter(m, queue, option[OPT_DEAD_LETTER]);
}

void call_option(struct model *m, struct model_queue *q,
		 const struct model_call *c, struct model_outcome *o)
{
	__u64 option[MODEL_OPTIONS];

	memcpy(option, q->option, sizeof(option));
	option[c->option] = c->value;
	switch (c->option) {
	case OPT_DEAD_LETTER:
	case OPT_OVERFLOW:
	case OPT_ALTERNATE:
		o->error = check_options(m, q - m->queue, option);
		break;
	case OPT_MAX_MESSAGE_SIZE:
	case OPT_MAX_BYTES:
	case OPT_ALLOW_EMPTY:
		if (!limits_ok(m, q - m->queue, option))
			o->error = -EBUSY;
		break;
	default:
		break;
	}
	if (o->error)
		return;
	/* Those that wait for an option, or for a queue to which nothing leads now. */
	look_again(m, c->queue);
	if (c->option == OPT_ALTERNATE && q->option[OPT_ALTERNATE])
		look_again(m, q->option[OPT_ALTERNATE] - 1);
	q->option[c->option] = c->value;
	if (model_is_topic(c->queue))
		trim(m, q);
}

void drop_queue(struct model_queue *q)
{
	free(q->entry);
	memset(q, 0, sizeof(*q));
}

void call_remove(struct model *m, struct model_queue *q,
		 const struct model_call *c, struct model_outcome *o)
{
	int i;

	if (!q->exists) {
		o->error = -ENOENT;
		return;
	}
	if (q->option[OPT_ALTERNATE])
		look_again(m, q->option[OPT_ALTERNATE] - 1);
	drop_queue(q);
	unbind_all(m, c->queue);
	m->life[c->queue]++;
	for (i = 0; i < MODEL_QUEUES; i++)
		if (m->queue[i].option[OPT_DEAD_LETTER] == c->queue + 1)
			m->queue[i].option[OPT_DEAD_LETTER] = 0;
}

void call_create(struct model *m, struct model_queue *q,
		 const struct model_call *c, struct model_outcome *o)
{
	if (q->exists)
		o->error = -EEXIST;
	else
		o->error = check_options(m, c->queue, c->options);
	if (o->error)
		return;
	q->exists = true;
	memcpy(q->option, c->options, sizeof(q->option));
}
