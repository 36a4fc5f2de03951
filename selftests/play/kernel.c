// SPDX-License-Identifier: GPL-2.0
/*
 * Calls made to the kernel, and their outcomes in the terms of the model.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "helpers/call.h"
#include "helpers/clock.h"
#include "helpers/look.h"
#include "helpers/queue.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "model/filter.h"
#include "play/bound.h"
#include "play/kernel.h"
#include "play/options.h"
#include "play/world.h"

const uid_t users[MODEL_USERS] = { 0, 1000, 1001 };

static size_t put_key(char *where, int key)
{
	if (key < 0)
		return 0;
	memcpy(where, key_texts[key], strlen(key_texts[key]));
	return strlen(key_texts[key]);
}

static int key_of(const char *text, size_t size)
{
	int i;

	for (i = 0; size && i < MODEL_KEYS; i++)
		if (size == strlen(key_texts[i]) &&
		    !memcmp(text, key_texts[i], size))
			return i;
	return size ? 99 : -1;
}

static size_t put_headers(char *where, int header)
{
	size_t size = 0;
	int i;

	for (i = 0; i < MODEL_TERMS; i++)
		if (header_kinds[header] & 1U << i)
			size += mq_header_put(where + size, header_terms[i].name,
					      header_terms[i].value,
					      strlen(header_terms[i].value));
	return size;
}

static int header_of(const char *headers, size_t size)
{
	char text[256];
	int i;

	for (i = 0; i < MODEL_HEADERS; i++)
		if (put_headers(text, i) == size && !memcmp(text, headers, size))
			return i;
	return 99;
}

/* A de-duplication id: @number + 1 times the same letter. */
static size_t put_letters(char *where, int number, char first)
{
	if (number < 0)
		return 0;
	memset(where, first + number, number + 1);
	return number + 1;
}

static void make_bytes(char *where, __u32 serial, __u32 size)
{
	__u32 i;

	for (i = 0; i < size; i++)
		where[i] = model_byte(serial, i);
}

/*
 * The serial number from which these bytes were made, or a wrong one if they do
 * not fit together.
 */
static __u32 serial_of(const char *from, __u32 size, __u32 whole)
{
	__u32 i, serial = 0;

	for (i = 0; i < 4 && i < size; i++)
		serial |= (__u32)(unsigned char)from[i] << 8 * i;
	for (i = 4; i < size; i++)
		if ((unsigned char)from[i] != model_byte(serial, i))
			return 0xbadbad;
	return serial;
}

/* Lay out the call's records end to end.  Returns their size. */
static size_t put_records(struct world *w, const struct model_call *c)
{
	size_t size = 0;
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		const struct model_record *from = &c->record[i];
		struct devmq_record *r;
		char *data;

		size = DEVMQ_ALIGN(size);
		r = (struct devmq_record *)(w->buffer + size);
		memset(r, 0, sizeof(*r));
		data = (char *)(r + 1);
		r->key_size = put_key(data, from->key);
		data += r->key_size;
		r->dedup_size = put_letters(data, from->dedup, 'p');
		data += r->dedup_size;
		r->headers_size = put_headers(data, from->header);
		r->priority = from->priority;
		r->delay_ns = from->delay;
		r->ttl_ns = from->ttl;
		if (from->at) {
			r->flags = DEVMQ_RECORD_AT;
			if (from->delay)
				r->delay_ns += mq_clock_ns(CLOCK_REALTIME);
		}
		r->size = DEVMQ_RECORD_PAYLOAD(r) + from->size;
		make_bytes(mq_record_payload(r), from->serial, from->size);
		size += r->size;
	}
	return size;
}

static void become(uid_t user)
{
	if (syscall(SYS_setresuid, -1, user, -1))
		abort();
}

static __u64 to_boottime(const struct world *w, __u64 real)
{
	return real ? real + w->real_to_boot : 0;
}

int queue_of_name(const struct world *w, const char *name, size_t size)
{
	int i;

	for (i = 0; size && i < MODEL_QUEUES; i++)
		if (size == strlen(w->queue[i].name) &&
		    !memcmp(name, w->queue[i].name, size))
			return i;
	return size ? 99 : -1;
}

/* Read the extra block of a record, if it has one. */
static void read_extra(const struct world *w, struct devmq_record *r,
		       struct model_seen *s)
{
	struct devmq_extra *x = (struct devmq_extra *)(r + 1);
	char *topic = (char *)(x + 1), *name = topic + x->topic_size;
	char *note = name + x->origin_size;

	s->size = x->payload_size;
	s->due = to_boottime(w, x->due_ns);
	s->expires = to_boottime(w, x->expires_ns);
	s->reason = x->reason;
	s->topic = queue_of_name(w, topic, x->topic_size);
	s->topic_id = x->topic_id;
	s->origin = queue_of_name(w, name, x->origin_size);
	s->origin_id = x->origin_id;
	s->note_size = x->note_size;
	s->note = serial_of(note, x->note_size, x->note_size);
	s->held = x->since_ns || x->holder_pid;
	if (s->held && x->holder_pid != getpid())
		s->origin = 98;
	if (r->extra_size != sizeof(*x) + x->topic_size + x->origin_size +
			     x->note_size)
		s->origin = 97;
}

static void read_record(const struct world *w, struct devmq_record *r,
			struct model_seen *s)
{
	char *key = (char *)(r + 1) + r->extra_size;
	int i;

	*s = (struct model_seen) {
		.id = r->id,
		.size = mq_record_payload_size(r),
		.shown = mq_record_payload_size(r),
		.key = key_of(key, r->key_size),
		.header = header_of(key + r->key_size, r->headers_size),
		.user = -1,
		.attempt = r->attempt,
		.failures = r->failures,
		.failure = r->failure,
		.priority = r->priority,
		.state = r->state,
		.extra = r->extra_size,
		.origin = -1,
		.topic = -1,
		.sent = to_boottime(w, r->time_ns),
	};
	for (i = 0; i < MODEL_USERS; i++)
		if (r->uid == users[i])
			s->user = i;
	if (r->extra_size)
		read_extra(w, r, s);
	s->serial = serial_of(mq_record_payload(r), s->shown, s->size);
}

static void read_records(const struct world *w, struct model_outcome *o,
			 char *from, size_t used)
{
	struct devmq_record *r = NULL;

	while (o->count < MODEL_SEEN && (r = mq_record_next(from, used, r)))
		read_record(w, r, &o->seen[o->count++]);
}

static void kernel_send(struct world *w, const struct model_call *c, int fd,
			struct model_outcome *o)
{
	size_t size = put_records(w, c);
	struct devmq_send send = {
		.size = sizeof(send),
		.records = (uintptr_t)w->buffer,
		.records_size = size,
		.flags = c->sync ? DEVMQ_SEND_SYNC : 0,
	};

	become(users[c->user]);
	o->error = mq_ioctl(fd, DEVMQ_IOC_SEND, &send);
	become(0);
	if (o->error)
		return;
	o->result = send.count;
	o->flags = send.result;
	o->first = send.first_id;
	o->last = send.last_id;
}

static void kernel_write(struct world *w, const struct model_call *c, int fd,
			 struct model_outcome *o)
{
	make_bytes(w->buffer, c->record[0].serial, c->record[0].size);
	become(users[c->user]);
	o->result = mq_write(fd, w->buffer, c->record[0].size);
	become(0);
}

static void kernel_recv(struct world *w, const struct model_call *c, int fd,
			struct model_outcome *o)
{
	struct devmq_recv recv;

	mq_recv_init(&recv, w->buffer, c->size);
	recv.max_count = c->count;
	recv.id = c->id;
	o->error = mq_ioctl(fd, DEVMQ_IOC_RECV, &recv);
	if (o->error == -EMSGSIZE)
		o->first = recv.need;
	if (o->error)
		return;
	o->result = recv.used;
	read_records(w, o, w->buffer, recv.used);
	if (o->count != recv.count)
		o->flags = recv.count;
}

static void kernel_settle(struct world *w, const struct model_call *c, int fd,
			  struct model_outcome *o)
{
	struct devmq_settlement settlement[MODEL_RANGES] = {};
	struct devmq_settle settle = {
		.size = sizeof(settle),
		.settlements = (uintptr_t)settlement,
		.count = c->count,
		.flags = c->sync ? DEVMQ_SETTLE_SYNC : 0,
	};
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		const struct model_range *r = &c->range[i];
		char *note = w->buffer + i * 1024;

		settlement[i].first_id = r->first;
		settlement[i].last_id = r->last;
		settlement[i].delay_ns = r->delay;
		settlement[i].action = r->action;
		settlement[i].reason = r->reason;
		settlement[i].note_size = r->note_size;
		if (r->note_size)
			settlement[i].note = (uintptr_t)note;
		make_bytes(note, r->note, r->note_size);
	}
	o->error = mq_ioctl(fd, DEVMQ_IOC_SETTLE, &settle);
	if (o->error && o->error != -ESTALE)
		return;
	o->result = settle.settled;
	for (i = 0; i < c->count; i++) {
		o->range[i].settled = settlement[i].settled;
		o->range[i].dead = settlement[i].dead;
		o->range[i].error = settlement[i].error;
	}
}

static void kernel_consumer(struct world *w, const struct model_call *c, int fd,
			    struct model_outcome *o)
{
	struct devmq_consumer consumer = {
		.size = sizeof(consumer),
		.flags = c->set ? DEVMQ_CONSUMER_SET : 0,
		.ack = c->ack,
		.prefetch = c->prefetch,
		.lease_ns = c->lease,
	};

	o->error = mq_ioctl(fd, DEVMQ_IOC_CONSUMER, &consumer);
	if (o->error)
		return;
	o->result = consumer.ack;
	o->flags = consumer.prefetch;
	o->first = consumer.lease_ns;
	o->held = consumer.held;
	o->last = consumer.last_id;
}

static void kernel_peek(struct world *w, const struct model_call *c,
			struct model_outcome *o)
{
	struct devmq_peek peek;

	mq_peek_init(&peek, w->buffer, sizeof(w->buffer));
	peek.after_id = c->id;
	peek.states = c->states;
	peek.max_count = c->count;
	peek.payload_max = c->payload_max;
	o->error = mq_ioctl(w->look[c->queue], DEVMQ_IOC_PEEK, &peek);
	if (o->error)
		return;
	read_records(w, o, w->buffer, peek.used);
	if (o->count != peek.count)
		o->flags = peek.count;
}

static void kernel_purge(struct world *w, const struct model_call *c,
			 struct model_outcome *o)
{
	struct devmq_purge purge = {
		.size = sizeof(purge),
		.first_id = c->first,
		.last_id = c->last,
		.older_than_ns = c->age,
		.states = c->states,
	};

	o->error = mq_ioctl(w->look[c->queue], DEVMQ_IOC_PURGE, &purge);
	if (!o->error)
		o->result = purge.purged;
}

static void kernel_redrive(struct world *w, const struct model_call *c,
			   struct model_outcome *o)
{
	struct devmq_redrive redrive = {
		.size = sizeof(redrive),
		.flags = c->set ? DEVMQ_REDRIVE_TO : 0,
		.first_id = c->first,
		.last_id = c->last,
	};

	if (c->set)
		redrive.target_fd = w->fd[c->target_queue][c->target_file];
	o->error = mq_ioctl(w->look[c->queue], DEVMQ_IOC_REDRIVE, &redrive);
	if (o->error)
		return;
	o->result = redrive.moved;
	o->first = redrive.stranded;
}

void option_text(const struct world *w, enum model_option option, __u64 value,
		 char *text, size_t size)
{
	if (option == OPT_DEAD_LETTER || option == OPT_ALTERNATE)
		snprintf(text, size, "%s",
			 value ? w->queue[value - 1].name : "none");
	else if (options[option].word[0])
		snprintf(text, size, "%s", options[option].word[value]);
	else
		snprintf(text, size, "%llu", value);
}

static int kernel_option(struct world *w, const struct model_call *c)
{
	char text[DEVMQ_NAME_MAX + 1];

	option_text(w, c->option, c->value, text, sizeof(text));
	return mq_sysfs_set(&w->queue[c->queue], options[c->option].name, "%s",
			    text);
}

void options_text(const struct world *w, int queue, const __u64 *option,
		  char *text, size_t size)
{
	char value[DEVMQ_NAME_MAX + 1];
	size_t used = 0;
	int i;

	*text = '\0';
	for (i = 0; i < MODEL_OPTIONS; i++) {
		if (!has_option(queue, i) ||
		    (option[i] == options[i].usual && !options[i].told))
			continue;
		option_text(w, i, option[i], value, sizeof(value));
		used += snprintf(text + used, size - used, " %s=%s",
				 options[i].name, value);
	}
}

static int kernel_create(struct world *w, const struct model_call *c)
{
	const struct mq_queue *queue = &w->queue[c->queue];
	char text[1024];
	int error;

	options_text(w, c->queue, c->options, text, sizeof(text));
	error = mq_control("create %s%s%s%s%s", queue->name,
			   model_is_topic(c->queue) ? " type=topic" : "", text,
			   w->journal.name[0] ? " journal=" : "", w->journal.name);
	if (error)
		return error;
	w->look[c->queue] = mq_open(queue, MQ_LOOK);
	return w->look[c->queue] < 0 ? w->look[c->queue] : 0;
}

void kernel_close_all(struct world *w, int queue)
{
	int i;

	for (i = 0; i < MODEL_FILES; i++) {
		if (w->fd[queue][i] >= 0)
			close(w->fd[queue][i]);
		w->fd[queue][i] = -1;
	}
	if (w->look[queue] >= 0)
		close(w->look[queue]);
	w->look[queue] = -1;
}

static int kernel_remove(struct world *w, int queue)
{
	int error = mq_remove(&w->queue[queue]);

	if (!error)
		kernel_close_all(w, queue);
	return error;
}

static int kernel_open(struct world *w, const struct model_call *c, int *fd)
{
	*fd = mq_open(&w->queue[c->queue], c->mode | O_NONBLOCK |
					   (c->exclusive ? O_EXCL : 0));
	return *fd < 0 ? *fd : 0;
}

static void kernel_call(struct world *w, const struct model_call *c,
			struct model_outcome *o)
{
	int *fd = &w->fd[c->queue][c->file];

	switch (c->kind) {
	case CALL_OPEN:
		o->error = kernel_open(w, c, fd);
		break;
	case CALL_CLOSE:
		close(*fd);
		*fd = -1;
		break;
	case CALL_WRITE:
		kernel_write(w, c, *fd, o);
		break;
	case CALL_SEND:
		kernel_send(w, c, *fd, o);
		break;
	case CALL_READ:
		o->result = mq_read(*fd, o->data, c->size);
		break;
	case CALL_RECV:
	case CALL_RECV_ID:
		kernel_recv(w, c, *fd, o);
		break;
	case CALL_SETTLE:
		kernel_settle(w, c, *fd, o);
		break;
	case CALL_CONSUMER:
		kernel_consumer(w, c, *fd, o);
		break;
	case CALL_POLL:
		o->flags = mq_poll(*fd, POLLIN | POLLOUT);
		o->first = mq_fionread(*fd);
		break;
	case CALL_PEEK:
		kernel_peek(w, c, o);
		break;
	case CALL_PURGE:
		kernel_purge(w, c, o);
		break;
	case CALL_REDRIVE:
		kernel_redrive(w, c, o);
		break;
	case CALL_OPTION:
		o->error = kernel_option(w, c);
		break;
	case CALL_REMOVE:
		o->error = kernel_remove(w, c->queue);
		break;
	case CALL_CREATE:
		o->error = kernel_create(w, c);
		break;
	case CALL_SYNC:
		o->error = fsync(*fd) ? -errno : 0;
		break;
	case CALL_SEEK:
		o->result = lseek(*fd, c->offset, c->whence);
		if (o->result < 0)
			o->result = -errno;
		break;
	default:
		break;
	}
	/* read(2) and write(2) return the result or the error. */
	if (o->result < 0) {
		o->error = o->result;
		o->result = 0;
	}
}

void peer_call(struct world *w)
{
	if (w->use_twin) {
		/* Any order will do, but the same each time. */
		w->twin.order = w->call.record[0].serial;
		model_call(&w->twin, &w->call, &w->got);
		return;
	}
	if (is_bound_call(&w->call))
		bound_call(w, &w->call, &w->got);
	else
		kernel_call(w, &w->call, &w->got);
}

void peer_stat(struct world *w, int queue, struct devmq_stat *stat)
{
	if (w->use_twin)
		model_stat(&w->twin, queue, stat);
	else
		mq_stat_fd(w->look[queue], stat);
}
