// SPDX-License-Identifier: LGPL-2.1-or-later
/* Topics: binding queues to them, and listing the bindings. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "queue.h"

/* So many bytes of bindings are listed by one call. */
#define LMQ_PORTION	(64 * 1024)
/* Bytes of the members that every version of struct devmq_binding has. */
#define LMQ_BINDING_FIRST	sizeof(struct devmq_binding)

static size_t lmq_count_terms(const char *const *filter)
{
	size_t count = 0;

	while (filter && filter[count])
		count++;
	return count;
}

/* -- by the control node ------------------------------------------------------- */

/* Put the words of a command together. 0, or a negative errno with its reason. */
static int lmq_join(char **command, const char *verb, const char *topic,
		    const char *queue, const char *const *filter)
{
	size_t room = strlen(verb) + strlen(topic) + strlen(queue) + 3, i;
	size_t count = lmq_count_terms(filter);
	char *p;

	for (i = 0; i < count; i++) {
		if (!filter[i][0] || filter[i][strcspn(filter[i], " \t\n")])
			return -EINVAL;
		room += strlen(filter[i]) + 1;
	}
	*command = malloc(room);
	if (!*command)
		return -ENOMEM;
	p = *command + sprintf(*command, "%s %s %s", verb, topic, queue);
	for (i = 0; i < count; i++)
		p += sprintf(p, " %s", filter[i]);
	return 0;
}

static int lmq_bind_by_name(const char *verb, const char *topic,
			    const char *queue, const char *const *filter,
			    char *reason, size_t size)
{
	char *command;
	int err = lmq_control_name(topic, "a topic's", reason, size);

	if (!err)
		err = lmq_control_name(queue, "a queue's", reason, size);
	if (err)
		return err;
	err = lmq_join(&command, verb, topic, queue, filter);
	if (err)
		return lmq_control_fail(err, reason, size, err == -EINVAL ?
					"a word of a filter is empty, or has a blank in it" :
					devmq_strerror(err));
	err = devmq_control(command, reason, size);
	free(command);
	return err;
}

LMQ_EXPORT int devmq_bind(const char *topic, const char *queue,
			  const char *const *filter, char *reason,
			  size_t reason_size)
{
	return lmq_bind_by_name("bind", topic, queue, filter, reason,
				reason_size);
}

LMQ_EXPORT int devmq_unbind(const char *topic, const char *queue,
			    const char *const *filter, char *reason,
			    size_t reason_size)
{
	return lmq_bind_by_name("unbind", topic, queue, filter, reason,
				reason_size);
}

/* -- by descriptors ------------------------------------------------------------ */

/* The terms one behind the other, each with its zero byte; NULL: no memory. */
static char *lmq_pack(const char *const *filter, size_t *size)
{
	size_t count = lmq_count_terms(filter), i;
	char *text, *p;

	for (*size = 0, i = 0; i < count; i++)
		*size += strlen(filter[i]) + 1;
	text = malloc(*size ? *size : 1);
	for (p = text, i = 0; text && i < count; i++)
		p = stpcpy(p, filter[i]) + 1;
	return text;
}

static int lmq_bind_queue(struct devmq_queue *topic, unsigned long command,
			  const struct devmq_queue *queue,
			  const char *const *filter, uint64_t *result)
{
	struct devmq_bind a = { .size = sizeof(a), .queue_fd = queue->fd };
	size_t size;
	char *text = lmq_pack(filter, &size);
	int err;

	if (!text)
		return -ENOMEM;
	if (size > UINT32_MAX) {
		free(text);
		return -E2BIG;
	}
	a.filter = size ? (uintptr_t)text : 0;
	a.filter_size = (uint32_t)size;
	err = lmq_ioctl(topic, command, &a);
	if (!err && result)
		*result = a.id;
	free(text);
	return err;
}

LMQ_EXPORT int devmq_bind_queue(struct devmq_queue *topic,
				const struct devmq_queue *queue,
				const char *const *filter, uint64_t *id)
{
	return lmq_bind_queue(topic, DEVMQ_IOC_BIND, queue, filter, id);
}

LMQ_EXPORT int devmq_unbind_queue(struct devmq_queue *topic,
				  const struct devmq_queue *queue,
				  const char *const *filter, uint64_t *gone)
{
	return lmq_bind_queue(topic, DEVMQ_IOC_UNBIND, queue, filter, gone);
}

/* -- listing ------------------------------------------------------------------- */

/**
 * struct devmq_bindings_list - the bindings of a topic, as they were listed
 * @data: as the kernel gave them: struct devmq_binding and its filter, each at a
 *	multiple of 8
 * @used: bytes of that
 * @room: bytes allocated
 * @count: how many there are
 * @next: where the one begins that comes next
 * @terms: room for the terms of any one of them, and the NULL behind
 * @view: the one that came last
 */
struct devmq_bindings_list {
	char			*data;
	size_t			used;
	size_t			room;
	size_t			count;
	size_t			next;
	const char		**terms;
	struct devmq_binding_view view;
};

LMQ_EXPORT void devmq_bindings_free(struct devmq_bindings_list *list)
{
	if (!list)
		return;
	free(list->terms);
	free(list->data);
	free(list);
}

/* Read the binding at @offset. Return how many terms it has, or -EBADMSG. */
static int lmq_check_binding(const struct devmq_bindings_list *list,
			     size_t offset, struct devmq_binding *b)
{
	size_t left = list->used - offset, i;
	const char *filter;
	int terms = 0;

	if (left < LMQ_BINDING_FIRST)
		return -EBADMSG;
	memcpy(b, list->data + offset, LMQ_BINDING_FIRST);
	if (b->size > left || b->size < LMQ_BINDING_FIRST ||
	    b->filter_size > b->size - LMQ_BINDING_FIRST ||
	    !memchr(b->queue, '\0', sizeof(b->queue)))
		return -EBADMSG;
	filter = list->data + offset + b->size - b->filter_size;
	if (b->filter_size && filter[b->filter_size - 1])
		return -EBADMSG;
	for (i = 0; i < b->filter_size; i++)
		terms += !filter[i];
	return terms;
}

/* Go through what the kernel gave from @offset on. 0 or a negative errno. */
static int lmq_check_portion(struct devmq_bindings_list *list, size_t offset,
			     size_t *most, uint64_t *last)
{
	struct devmq_binding b;
	uint64_t before = *last;
	int terms;

	while (offset < list->used) {
		terms = lmq_check_binding(list, offset, &b);
		if (terms < 0)
			return terms;
		if (*most < (size_t)terms)
			*most = terms;
		*last = b.id;
		list->count++;
		offset += DEVMQ_ALIGN(b.size);
	}
	/* Otherwise the next call would give the same ones again. */
	return *last > before ? 0 : -EBADMSG;
}

static int lmq_make_room(struct devmq_bindings_list *list, uint64_t need)
{
	size_t room = list->room ? 2 * list->room : LMQ_PORTION;
	char *data;

	if (need > SIZE_MAX / 4 || list->room > SIZE_MAX / 4)
		return -ENOMEM;
	if (room < list->used + need)
		room = list->used + need;
	data = realloc(list->data, room);
	if (!data)
		return -ENOMEM;
	list->data = data;
	list->room = room;
	return 0;
}

/* Get the next portion: 1, 0 if there are no more, or a negative errno. */
static int lmq_next_portion(struct devmq_queue *topic,
			    struct devmq_bindings_list *list, size_t *most,
			    uint64_t *last)
{
	struct devmq_bindings a = {
		.size = sizeof(a),
		.buffer = (uintptr_t)(list->data + list->used),
		.buffer_size = list->room - list->used,
		.after_id = *last,
	};
	size_t offset = list->used;
	int err = lmq_ioctl(topic, DEVMQ_IOC_BINDINGS, &a);

	if (err == -EMSGSIZE && a.need > a.buffer_size)
		return lmq_make_room(list, a.need) ?: 1;
	if (err || !a.count)
		return err;
	if (a.used > a.buffer_size || a.used % 8)
		return -EBADMSG;
	list->used += a.used;
	return lmq_check_portion(list, offset, most, last) ?: 1;
}

LMQ_EXPORT int devmq_bindings(struct devmq_queue *topic,
			      struct devmq_bindings_list **list)
{
	struct devmq_bindings_list *l = calloc(1, sizeof(*l));
	uint64_t last = 0;
	size_t most = 0;
	int err;

	if (!l)
		return -ENOMEM;
	err = lmq_make_room(l, 0);
	while (!err && (err = lmq_next_portion(topic, l, &most, &last)) > 0)
		err = 0;
	if (!err && l->count > INT32_MAX)
		err = -ENOMEM;
	if (!err) {
		l->terms = calloc(most + 1, sizeof(*l->terms));
		err = l->terms ? 0 : -ENOMEM;
	}
	if (err) {
		devmq_bindings_free(l);
		return err;
	}
	*list = l;
	return (int)l->count;
}

LMQ_EXPORT void devmq_bindings_rewind(struct devmq_bindings_list *list)
{
	list->next = 0;
}

LMQ_EXPORT bool devmq_bindings_next(struct devmq_bindings_list *list,
				    const struct devmq_binding_view **binding)
{
	const struct devmq_binding *b;
	const char *term, *end;
	size_t n = 0;

	if (list->next >= list->used)
		return false;
	b = (const void *)(list->data + list->next);
	end = (const char *)b + b->size;
	for (term = end - b->filter_size; term < end; term += strlen(term) + 1)
		list->terms[n++] = term;
	list->terms[n] = NULL;
	list->view = (struct devmq_binding_view) {
		.id = b->id,
		.taken = b->taken,
		.missed = b->missed,
		.behind = b->behind,
		.queue = b->queue,
		.filter = list->terms,
	};
	list->next += DEVMQ_ALIGN(b->size);
	*binding = &list->view;
	return true;
}

LMQ_EXPORT int devmq_is_topic(const struct devmq_queue *queue)
{
	struct devmq_bindings a = { .size = sizeof(a) };
	int err = lmq_ioctl(queue, DEVMQ_IOC_BINDINGS, &a);

	/* There is no room for any binding. An older module has no topics. */
	if (!err || err == -EMSGSIZE)
		return 1;
	return err == -EINVAL || err == -ENOTTY ? 0 : err;
}
