// SPDX-License-Identifier: GPL-2.0
/*
 * Queues of a journal that is attached anew: open files, counters, turns, and which
 * message holds a key are not kept.
 */
#include <string.h>

#include "model/messages.h"
#include "model/restart.h"

static void restart_entry(const struct model *m, struct model_entry *e)
{
	e->lease = 0;
	e->holder = 0;
	e->alone = false;
	e->has_key = false;
	e->turn = 0;
	/* It is a dead letter if it says where it was. */
	e->buried = e->origin >= 0;
	/* A dead letter goes back by the name of its queue. */
	if (e->origin >= 0 && m->queue[e->origin].exists)
		e->origin_life = m->life[e->origin];
}

void model_restart(struct model *m)
{
	unsigned int i, j;

	for (i = 0; i < MODEL_QUEUES; i++) {
		struct model_queue *q = &m->queue[i];

		memset(q->file, 0, sizeof(q->file));
		memset(&q->stat, 0, sizeof(q->stat));
		memset(q->turn, 0, sizeof(q->turn));
		memset(q->turns, 0, sizeof(q->turns));
		q->exclusive = false;
		q->stat.sent = q->count;
		for (j = 0; j < q->count; j++)
			restart_entry(m, &q->entry[j]);
	}
}

void model_crash(struct model *m)
{
	unsigned int i, j;

	for (i = 0; i < MODEL_QUEUES; i++)
		for (j = 0; j < m->queue[i].count; j++) {
			struct model_entry *e = &m->queue[i].entry[j];

			if (e->state == DEVMQ_STATE_IN_FLIGHT)
				e->state = DEVMQ_STATE_READY;
		}
	model_restart(m);
}

bool model_has(const struct model *m, __u32 serial)
{
	unsigned int i, j;

	for (i = 0; i < MODEL_QUEUES; i++)
		for (j = 0; j < m->queue[i].count; j++)
			if (m->queue[i].entry[j].serial == serial)
				return true;
	return false;
}
