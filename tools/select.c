// SPDX-License-Identifier: GPL-2.0
/*
 * Selecting messages. The kernel selects by id, state, reason and age. Key and
 * headers are compared here, and the kernel then gets the ids of the messages that
 * match: key and headers of a message never change, and no id is used twice. State
 * and reason can change in the meantime, so the kernel compares them again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "select.h"

static void add_header(struct args *args, struct select *s)
{
	char *equals = strchr(args->value, '=');

	if (!*args->value || equals == args->value)
		usage(args, "--header: '%s' is not NAME or NAME=VALUE",
		      args->value);
	if (s->n_headers == HEADERS_MAX)
		usage(args, "more than %d times --header", HEADERS_MAX);
	s->headers[s->n_headers].name = args->value;
	if (equals) {
		*equals = '\0';
		s->headers[s->n_headers].value = equals + 1;
	}
	s->n_headers++;
}

bool select_option(struct args *args, int code, struct select *s)
{
	switch (code) {
	case OPT_STATE:
		s->states = value_states(args);
		return true;
	case OPT_ID:
		value_range(args, &s->first, &s->last);
		return true;
	case OPT_KEY:
		s->key = value_key(args);
		return true;
	case OPT_HEADER:
		add_header(args, s);
		return true;
	case OPT_REASON:
		s->reason = value_reason(args);
		return true;
	case OPT_OLDER:
		s->older_ns = value_duration(args);
		return true;
	default:
		return false;
	}
}

static bool same(const void *bytes, size_t size, const char *text)
{
	return strlen(text) == size && !memcmp(bytes, text, size);
}

/* A header that comes more than once has each of its values. */
static bool has_header(const struct devmq_msg *msg, const char *name,
		       const char *value)
{
	struct devmq_header_view header;
	size_t cursor = 0;

	while (devmq_msg_next_header(msg, &cursor, &header)) {
		if (same(header.name, header.name_size, name) &&
		    (!value || same(header.value, header.value_size, value)))
			return true;
	}
	return false;
}

/* Was it delivered, if it is in flight, or else sent, at least @ns ago? */
static bool is_older(const struct devmq_msg *msg, uint64_t ns)
{
	uint64_t now, then;
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
	if (!devmq_msg_holder(msg, NULL, &then))
		then = devmq_msg_time_ns(msg);
	return now > ns && then <= now - ns;
}

bool select_takes(const struct select *s, const struct devmq_msg *msg)
{
	const void *key;
	size_t size, i;

	if (s->key) {
		key = devmq_msg_key(msg, &size);
		if (!key || !same(key, size, s->key))
			return false;
	}
	for (i = 0; i < s->n_headers; i++) {
		if (!has_header(msg, s->headers[i].name, s->headers[i].value))
			return false;
	}
	if (s->reason && s->reason != devmq_msg_reason(msg))
		return false;
	return !s->older_ns || is_older(msg, s->older_ns);
}

bool select_looks(const struct select *s)
{
	return s->key || s->n_headers;
}

/* Consecutive ids that match, which have not been given to the caller yet. */
struct run {
	uint64_t	first;
	uint64_t	last;
	int		(*each)(uint64_t first, uint64_t last, void *arg);
	void		*arg;
};

static int end_run(struct run *run)
{
	uint64_t first = run->first;

	run->first = 0;
	return first ? run->each(first, run->last, run->arg) : 0;
}

static int add_to_run(struct run *run, uint64_t id)
{
	int err = 0;

	if (run->first && id != run->last + 1)
		err = end_run(run);
	if (!run->first)
		run->first = id;
	run->last = id;
	return err;
}

/*
 * Compare some messages. One that does not match ends the run, so that no run
 * contains its id. Return: 1, 0 at the end, or an error.
 */
static int look(struct devmq_queue *queue, struct devmq_buffer *buffer,
		const struct select *s, uint64_t *after, uint64_t last,
		struct run *run)
{
	const struct devmq_msg *msg;
	int n, err = 0;

	n = devmq_peek(queue, buffer, *after, s->states, 0, 0);
	if (n <= 0)
		return n;
	while (!err && devmq_buffer_next(buffer, &msg) > 0) {
		*after = devmq_msg_id(msg);
		if (*after > last)
			return end_run(run);
		err = select_takes(s, msg) ? add_to_run(run, *after) :
					     end_run(run);
	}
	return err ? err : 1;
}

int select_each(struct devmq_queue *queue, const struct select *s,
		int (*each)(uint64_t first, uint64_t last, void *arg),
		void *arg)
{
	struct run run = { .each = each, .arg = arg };
	uint64_t after = s->first ? s->first - 1 : 0, last;
	struct devmq_buffer *buffer;
	struct devmq_stat stat;
	int err;

	/* A message that comes later has a greater id. */
	err = devmq_stat(queue, &stat, sizeof(stat));
	if (err)
		return err;
	last = s->last && s->last < stat.newest_id ? s->last : stat.newest_id;
	err = devmq_buffer_new(&buffer, 0);
	if (err)
		return err;
	do {
		err = look(queue, buffer, s, &after, last, &run);
	} while (err > 0);
	if (!err)
		err = end_run(&run);
	devmq_buffer_free(buffer);
	return err;
}
