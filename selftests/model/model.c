// SPDX-License-Identifier: GPL-2.0
/*
 * The model as a whole.  It looks through all messages to answer any question: what
 * it says has to be plain, not fast.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "model/browse.h"
#include "model/messages.h"
#include "model/model.h"
#include "model/queues.h"
#include "model/receive.h"
#include "model/retain.h"
#include "model/send.h"
#include "model/settle.h"
#include "model/topics.h"

void model_reset(struct model *m)
{
	int i;

	for (i = 0; i < MODEL_QUEUES; i++)
		drop_queue(&m->queue[i]);
	memset(m, 0, sizeof(*m));
}

static void copy_queue(struct model_queue *to, const struct model_queue *from)
{
	struct model_entry *entry = to->entry;

	memcpy(to, from, offsetof(struct model_queue, dedup) +
			 from->dedups * sizeof(from->dedup[0]));
	to->entry = realloc(entry, (from->room + 1) * sizeof(*entry));
	if (!to->entry)
		abort();
	memcpy(to->entry, from->entry, from->count * sizeof(*entry));
}

void model_copy(struct model *to, const struct model *from)
{
	int i;

	memcpy(to, from, offsetof(struct model, queue));
	for (i = 0; i < MODEL_QUEUES; i++)
		copy_queue(&to->queue[i], &from->queue[i]);
}

void model_call(struct model *m, const struct model_call *c,
		struct model_outcome *o)
{
	static void (* const calls[MODEL_KINDS])(struct model *,
						 struct model_queue *,
						 const struct model_call *,
						 struct model_outcome *) = {
		[CALL_OPEN] = call_open,
		[CALL_CLOSE] = call_close,
		[CALL_WRITE] = call_write,
		[CALL_SEND] = call_send,
		[CALL_READ] = call_read,
		[CALL_RECV] = call_recv,
		[CALL_RECV_ID] = call_recv_id,
		[CALL_SETTLE] = call_settle,
		[CALL_CONSUMER] = call_consumer,
		[CALL_POLL] = call_poll,
		[CALL_PEEK] = call_peek,
		[CALL_PURGE] = call_purge,
		[CALL_REDRIVE] = call_redrive,
		[CALL_OPTION] = call_option,
		[CALL_REMOVE] = call_remove,
		[CALL_CREATE] = call_create,
		[CALL_BIND] = call_bind,
		[CALL_UNBIND] = call_unbind,
		[CALL_BINDINGS] = call_bindings,
		[CALL_SEEK] = call_seek,
	};

	m->orders = 1;
	m->moved = false;
	if (calls[c->kind])
		calls[c->kind](m, &m->queue[c->queue], c, o);
	catch_up(m);
}

void model_append(struct model *m, int queue, const struct model_entry *e)
{
	append_entry(&m->queue[queue], e);
}

void model_stat(const struct model *m, int queue, struct devmq_stat *stat)
{
	const struct model_queue *q = &m->queue[queue];

	*stat = q->stat;
	stat->size = sizeof(*stat);
	stat->ready = count_state(q, DEVMQ_STATE_READY);
	stat->in_flight = count_state(q, DEVMQ_STATE_IN_FLIGHT);
	stat->delayed = count_state(q, DEVMQ_STATE_DELAYED);
	stat->deferred = count_state(q, DEVMQ_STATE_DEFERRED);
	stat->dead = count_state(q, DEVMQ_STATE_DEAD);
	stat->bytes = usage_of(q, false).bytes + usage_of(q, true).bytes;
	stat->bindings = count_bindings(m, queue);
	stat->retained = count_state(q, DEVMQ_STATE_RETAINED);
	if (stat->retained) {
		stat->first_id = q->entry[0].id;
		stat->last_id = q->entry[q->count - 1].id;
	}
}
