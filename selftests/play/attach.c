// SPDX-License-Identifier: GPL-2.0
/*
 * A journal that is attached anew, on the kernel's side or that of the twin.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helpers/journal.h"
#include "helpers/queue.h"
#include "helpers/record.h"
#include "model/restart.h"
#include "play/attach.h"
#include "play/dice.h"
#include "play/kernel.h"
#include "play/options.h"

/* -- the twin ---------------------------------------------------------------- */

static __u64 highest_id(const struct world *w, int queue)
{
	__u64 id = 0;
	unsigned int k;

	for (k = 0; k < w->past.count; k++)
		if (w->past.at[k]->queue[queue].last_id > id)
			id = w->past.at[k]->queue[queue].last_id;
	return id;
}

/* Was this message delivered at any moment that the past has? */
static bool was_delivered(const struct world *w, int queue, __u64 id)
{
	unsigned int j, k;

	for (k = 0; k < w->past.count; k++) {
		const struct model_queue *q = &w->past.at[k]->queue[queue];

		for (j = 0; j < q->count; j++)
			if (q->entry[j].id == id && q->entry[j].attempt)
				return true;
	}
	return false;
}

/* Break what a crash leaves, as a mutation says. */
static void break_queue(struct world *w, int queue)
{
	struct model_queue *q = &w->twin.queue[queue];
	struct model_entry e = q->entry[0];
	unsigned int i;

	switch (w->mutation) {
	case MUTATION_LOSE_CONFIRMED:
		memmove(q->entry, q->entry + 1, --q->count * sizeof(e));
		break;
	case MUTATION_INVENT:
		e.serial++;
		model_append(&w->twin, queue, &e);
		break;
	case MUTATION_TWICE:
		model_append(&w->twin, queue, &e);
		break;
	case MUTATION_UNMARKED:
		for (i = 0; i < q->count; i++)
			q->entry[i].attempt = 0;
		break;
	default:
		break;
	}
}

/* Any moment of the past may be what is left, and more may count as delivered. */
static bool twin_crash(struct world *w)
{
	const struct model *left = w->past.at[roll(&w->dice, w->past.count)];
	unsigned int i, j;

	model_copy(&w->twin, left);
	model_crash(&w->twin);
	for (i = 0; i < MODEL_QUEUES; i++) {
		struct model_queue *q = &w->twin.queue[i];

		for (j = 0; j < q->count; j++)
			if (!q->entry[j].attempt)
				q->entry[j].attempt = roll(&w->dice, 2) ||
					was_delivered(w, i, q->entry[j].id);
		if (!q->exists)
			continue;
		if (q->count)
			break_queue(w, i);
		q->stat.sent = q->count;
		q->last_id = highest_id(w, i) + roll(&w->dice, 100);
		if (w->mutation == MUTATION_IDS_AGAIN && highest_id(w, i))
			q->last_id = highest_id(w, i) - 1;
	}
	/* It went on after what is left. */
	w->twin.now = w->model.now;
	w->twin.joins = w->model.joins;
	return true;
}

/* -- the kernel -------------------------------------------------------------- */

static bool kernel_look(struct world *w)
{
	int i;

	for (i = 0; i < MODEL_QUEUES; i++) {
		if (!peer_exists(w, i))
			continue;
		w->look[i] = mq_open(&w->queue[i], MQ_LOOK);
		if (w->look[i] < 0)
			return false;
	}
	return true;
}

static void kernel_close(struct world *w)
{
	int i;

	for (i = 0; i < MODEL_QUEUES; i++)
		kernel_close_all(w, i);
}

static bool kernel_again(struct world *w)
{
	kernel_close(w);
	return !journal_detach(&w->journal) && !journal_attach(&w->journal) &&
	       kernel_look(w);
}

static bool kernel_crash(struct world *w)
{
	int error;

	if (journal_image(&w->journal))
		return false;
	kernel_close(w);
	error = journal_go_on(&w->journal);
	if (error)
		printf("# a crash left what cannot be attached: error %d, in %s\n",
		       -error, w->journal.path);
	return !error && kernel_look(w);
}

#define OBSTACLES	4

/* Options that could keep a message out. */
static const struct {
	enum model_option	option;
	const char		*text;
} obstacles[OBSTACLES] = {
	{ OPT_PAUSED, "none" },
	{ OPT_MAX_MESSAGES, "1000000" },
	{ OPT_MAX_BYTES, "10000000" },
	{ OPT_MAX_MESSAGE_SIZE, "1000" },
};

static bool kernel_probe(struct world *w, int queue, __u64 *id)
{
	struct mq_queue *q = &w->queue[queue];
	char was[OBSTACLES][64], *payload = "probe";
	struct devmq_purge purge = { .size = sizeof(purge) };
	struct devmq_record *r = (struct devmq_record *)w->buffer;
	struct devmq_send send = {
		.size = sizeof(send), .records = (uintptr_t)w->buffer,
	};
	int fd = mq_open(q, O_WRONLY | O_NONBLOCK), error = fd < 0;
	unsigned int i;

	memset(r, 0, sizeof(*r));
	r->size = DEVMQ_RECORD_PAYLOAD(r) + strlen(payload);
	memcpy(mq_record_payload(r), payload, strlen(payload));
	send.records_size = r->size;
	for (i = 0; i < OBSTACLES; i++) {
		const char *name = options[obstacles[i].option].name;

		error = error ?: mq_sysfs_get(q, name, was[i], sizeof(was[i])) ?:
			mq_sysfs_set(q, name, "%s", obstacles[i].text);
	}
	error = error ?: mq_ioctl(fd, DEVMQ_IOC_SEND, &send);
	*id = send.first_id;
	purge.first_id = *id;
	purge.last_id = *id;
	error = error ?: mq_ioctl(w->look[queue], DEVMQ_IOC_PURGE, &purge);
	for (i = 0; !error && i < OBSTACLES; i++)
		error = mq_sysfs_set(q, options[obstacles[i].option].name, "%s",
				     was[i]);
	close(fd);
	return !error && purge.purged == 1;
}

/* -- either ------------------------------------------------------------------ */

bool peer_again(struct world *w)
{
	if (!w->use_twin)
		return kernel_again(w);
	model_restart(&w->twin);
	return true;
}

bool peer_crash(struct world *w)
{
	return w->use_twin ? twin_crash(w) : kernel_crash(w);
}

bool peer_exists(struct world *w, int queue)
{
	char text[64];

	return w->use_twin ? w->twin.queue[queue].exists :
	       !mq_sysfs_get(&w->queue[queue], "ready", text, sizeof(text));
}

bool peer_has_option(struct world *w, int queue, enum model_option option,
		     __u64 value)
{
	char want[DEVMQ_NAME_MAX + 1], got[DEVMQ_NAME_MAX + 1];

	if (w->use_twin)
		return w->twin.queue[queue].option[option] == value;
	option_text(w, option, value, want, sizeof(want));
	return !mq_sysfs_get(&w->queue[queue], options[option].name, got,
			     sizeof(got)) && !strcmp(want, got);
}

bool peer_probe(struct world *w, int queue, __u64 *id)
{
	struct model_queue *q = &w->twin.queue[queue];

	if (!w->use_twin)
		return kernel_probe(w, queue, id);
	*id = ++q->last_id;
	q->stat.sent++;
	q->stat.purged++;
	return true;
}
