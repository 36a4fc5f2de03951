// SPDX-License-Identifier: GPL-2.0
/*
 * BIND, UNBIND and BINDINGS: calls made to the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "helpers/call.h"
#include "helpers/clock.h"
#include "helpers/queue.h"
#include "model/filter.h"
#include "model/retain.h"
#include "model/topics.h"
#include "play/bound.h"
#include "play/kernel.h"
#include "play/world.h"

#define HOUR	3600

bool is_bound_call(const struct model_call *c)
{
	return c->kind == CALL_BIND || c->kind == CALL_UNBIND ||
	       c->kind == CALL_BINDINGS;
}

static size_t start_text(const struct model_call *c, char *text)
{
	__u64 now = mq_clock_ns(CLOCK_REALTIME) / 1000000000;

	switch (c->start) {
	case START_LATEST:
		return sprintf(text, "start=latest");
	case START_EARLIEST:
		return sprintf(text, "start=earliest");
	case START_ID:
		return sprintf(text, "start=id:%llu", c->id);
	case START_PAST:
		return sprintf(text, "start=time:%llu", now - HOUR);
	case START_FUTURE:
		return sprintf(text, "start=time:%llu", now + HOUR);
	default:
		return 0;
	}
}

size_t filter_text(const struct model_call *c, char end, char *text)
{
	const struct model_filter *f = &c->filter;
	size_t size = 0, start;
	int i;

	if (f->pattern >= 0) {
		size += sprintf(text, "key=%s", pattern_texts[f->pattern]);
		text[size++] = end;
	}
	for (i = 0; i < MODEL_TERMS; i++) {
		if (!(f->terms & 1U << i))
			continue;
		size += sprintf(text + size, "header.%s=%s", header_terms[i].name,
				header_terms[i].value);
		text[size++] = end;
	}
	start = start_text(c, text + size);
	if (start) {
		size += start;
		text[size++] = end;
	}
	return size;
}

/* The filter of this text, or one that there is not. */
static struct model_filter filter_of(const char *text, size_t size)
{
	struct model_filter f = { .pattern = -1 };
	const char *end = text + size;
	char term[64];
	int i;

	for (; text < end; text += strlen(text) + 1) {
		if (!strncmp(text, "key=", 4)) {
			f.pattern = MODEL_PATTERNS;
			for (i = 0; i < MODEL_PATTERNS; i++)
				if (!strcmp(text + 4, pattern_texts[i]))
					f.pattern = i;
			continue;
		}
		for (i = 0; i < MODEL_TERMS; i++) {
			snprintf(term, sizeof(term), "header.%s=%s",
				 header_terms[i].name, header_terms[i].value);
			if (!strcmp(text, term))
				break;
		}
		f.terms |= 1U << i;
	}
	return f;
}

static void kernel_bindings(struct world *w, int queue, struct model_outcome *o)
{
	struct devmq_bindings b = {
		.size = sizeof(b),
		.buffer = (uintptr_t)w->buffer,
		.buffer_size = sizeof(w->buffer),
	};
	char *at = w->buffer;

	o->error = mq_ioctl(w->look[queue], DEVMQ_IOC_BINDINGS, &b);
	if (o->error)
		return;
	while (b.count-- && o->bindings < MODEL_BINDINGS) {
		struct devmq_binding *got = (struct devmq_binding *)at;

		o->bound[o->bindings++] = (struct model_bound) {
			.id = got->id,
			.target = queue_of_name(w, got->queue,
						strlen(got->queue)),
			.filter = filter_of(at + got->size - got->filter_size,
					    got->filter_size),
			.taken = got->taken,
			.missed = got->missed,
			.behind = got->behind,
			.position = w->model.queue[queue].last_id + 1 - got->behind,
		};
		at += DEVMQ_ALIGN(got->size);
	}
}

bool bindings_are_as_level(struct world *w, int queue)
{
	static struct model_outcome want, got;
	unsigned int i;
	bool same;

	want.bindings = 0;
	got.bindings = 0;
	call_bindings(&w->model, &w->model.queue[queue], NULL, &want);
	kernel_bindings(w, queue, &got);
	same = got.bindings == want.bindings;
	for (i = 0; i < want.bindings && same; i++)
		same = got.bound[i].behind == want.bound[i].behind;
	return same;
}

void bindings_look_late(struct world *w, int queue)
{
	static struct model_outcome got;
	bool any = false;
	unsigned int i;

	got.bindings = 0;
	kernel_bindings(w, queue, &got);
	for (i = 0; i < got.bindings; i++)
		any |= look_late(&w->model, queue, &got.bound[i]);
	if (any)
		catch_up(&w->model);
}

/* By the ioctl, on a descriptor that is neither a consumer nor a producer. */
static int ioctl_bound(struct world *w, const struct model_call *c, __u64 *id)
{
	int error, fd = mq_open(&w->queue[c->queue], O_RDWR);
	struct devmq_bind bind = {
		.size = sizeof(bind),
		.queue_fd = w->look[c->target_queue],
		.filter = (uintptr_t)w->buffer,
	};

	if (fd < 0)
		return fd;
	if (!c->any)
		bind.filter_size = filter_text(c, '\0', w->buffer);
	if (!bind.filter_size)
		bind.filter = 0;
	error = mq_ioctl(fd, c->kind == CALL_BIND ? DEVMQ_IOC_BIND :
						    DEVMQ_IOC_UNBIND, &bind);
	close(fd);
	*id = error ? 0 : bind.id;
	return error;
}

static __u64 count_of(struct world *w, int queue)
{
	struct devmq_stat stat;

	mq_stat_fd(w->look[queue], &stat);
	return stat.bindings;
}

/* By a command, which does not say the number. */
static int command_bound(struct world *w, const struct model_call *c, __u64 *id)
{
	static struct model_outcome o;
	__u64 before = count_of(w, c->queue);
	char text[512] = "";
	int error;

	if (!c->any)
		text[filter_text(c, ' ', text)] = '\0';
	error = mq_control("%s %s %s %s", c->kind == CALL_BIND ? "bind" : "unbind",
			   w->queue[c->queue].name,
			   w->queue[c->target_queue].name, text);
	*id = 0;
	if (error)
		return error;
	if (c->kind == CALL_UNBIND) {
		*id = before - count_of(w, c->queue);
		return 0;
	}
	o.bindings = 0;
	kernel_bindings(w, c->queue, &o);
	if (o.bindings)
		*id = o.bound[o.bindings - 1].id;
	return 0;
}

void bound_call(struct world *w, const struct model_call *c,
		struct model_outcome *o)
{
	if (c->kind == CALL_BINDINGS)
		kernel_bindings(w, c->queue, o);
	else if (c->set)
		o->error = ioctl_bound(w, c, &o->first);
	else
		o->error = command_bound(w, c, &o->first);
	/*
	 * The model copies at once what there is room for, the kernel in a work item. Let
	 * that run, as the next call may be refused until the binding is level.
	 */
	if (c->kind == CALL_BIND && c->start > START_LATEST && !o->error)
		mq_sleep_ms(1);
}
