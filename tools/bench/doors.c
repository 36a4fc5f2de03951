// SPDX-License-Identifier: GPL-2.0
/*
 * The table by door and by use: what a message of 64 bytes costs by each way into a
 * devmq queue, for each thing that is asked of the queue, and what it costs with the
 * peers that can do the same.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "doors.h"
#include "report.h"

#define SIZE	64
#define MANY	64

/**
 * struct use - a row
 * @title: what is asked of the queue
 * @one: the workload, one message a call
 * @many: the workload, several messages a call
 * @shape: of a fan-out, or NULL
 * @figure: which figure
 */
struct use {
	const char *title;
	const char *one;
	const char *many;
	const char *shape;
	const char *figure;
};

static const struct use uses[] = {
	{ "bare", "pair", "batch", NULL, "ns" },
	{ "acknowledged", "ack", "ack", NULL, "ns" },
	{ "ack and next", "next", "next", NULL, "ns" },
	{ "priorities", "priority", "priority", NULL, "ns" },
	{ "keys in order", "key", "key", NULL, "ns" },
	{ "delayed", "delay", "delay", NULL, "ns" },
	{ "fanned out to 8", "fanout", "fanout", "1-8", "ns" },
};

/* Confirmed messages a second of eight producers: the disk's time is in it. */
static const struct use durable = {
	"8 producers", "confirm", "confirm", "8", "rate"
};

/**
 * struct door - a column
 * @head: its heading
 * @peer: whose results
 * @many: several messages a call?
 * @library: the results of "devmq" with one message a call are the library's, and
 *	those without batches are of plain files
 */
struct door {
	const char *head;
	const char *peer;
	bool many;
	bool library;
};

static const struct door own[] = {
	{ "files", "devmq", false, false },
	{ "command", "command", false, false },
	{ "library", "libdevmq", false, true },
	{ "io_uring", "uring", false, false },
	{ "by 64", "devmq", true, false },
	{ NULL, NULL, false, false }
};

static const struct door others[] = {
	{ "pipe", "pipe", false, false },
	{ "sysv", "sysv", false, false },
	{ "posix", "posix", false, false },
	{ "seqpkt", "seqpacket", false, false },
	{ "beanst", "beanstalkd", false, false },
	{ "redis", "redis", false, false },
	{ "by 64", "redis", true, false },
	{ NULL, NULL, false, false }
};

static const struct door confirms[] = {
	{ "devmq", "durable", false, false },
	{ "by 64", "durable", true, false },
	{ "beanst", "beanstalkd", false, false },
	{ "redis", "redis", false, false },
	{ "by 64", "redis", true, false },
	{ "rabbit", "rabbitmq", false, false },
	{ "by 64", "rabbitmq", true, false },
	{ NULL, NULL, false, false }
};

static bool is_by(struct json_object *o, const struct door *door)
{
	const char *peer = member_text(o, "peer");
	double batch = member_number(o, "batch");

	if (door->many)
		return !strcmp(peer, door->peer) && batch == MANY;
	if (door->library && !strcmp(peer, "devmq"))
		return batch == 1;
	if (strcmp(peer, door->peer))
		return false;
	return batch == 0 || (batch == 1 && strcmp(peer, "devmq"));
}

static double find(struct json_object *reports, const struct use *use,
		   const struct door *door)
{
	struct cursor c = {
		.reports = reports, .load = door->many ? use->many : use->one,
	};
	struct json_object *o;

	while ((o = next_result(&c))) {
		const char *way = member_text(o, "way");

		if (is_by(o, door) && member_number(o, "size") == SIZE &&
		    (!*way || !strcmp(way, "topic")) &&
		    (!use->shape || !strcmp(member_text(o, "shape"), use->shape)) &&
		    member_number(o, use->figure) >= 0)
			return member_number(o, use->figure);
	}
	return -1;
}

static bool any(struct json_object *reports, const struct use *use,
		const struct door *doors)
{
	for (; doors->head; doors++)
		if (find(reports, use, doors) >= 0)
			return true;
	return false;
}

static void print_use(struct json_object *reports, const struct use *use,
		      const struct door *doors, const char *indent)
{
	double n;

	if (!any(reports, use, doors))
		return;
	printf("%s  %-17s", indent, use->title);
	for (; doors->head; doors++) {
		n = find(reports, use, doors);
		if (n < 0)
			printf("%8s", "-");
		else if (n < 1000000)
			printf("%8.0f", n);
		else
			printf("%7.1fM", n / 1000000);
	}
	putchar('\n');
}

static void print_heads(const char *title, const struct door *doors,
			const char *indent)
{
	printf("%s%-19s", indent, title);
	for (; doors->head; doors++)
		printf("%8s", doors->head);
	putchar('\n');
}

static void print_uses(struct json_object *reports, const char *title,
		       const struct door *doors, const char *indent)
{
	bool some = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(uses); i++)
		some |= any(reports, &uses[i], doors);
	if (!some)
		return;
	print_heads(title, doors, indent);
	for (i = 0; i < ARRAY_SIZE(uses); i++)
		print_use(reports, &uses[i], doors, indent);
}

void show_doors(struct json_object *reports, const char *indent)
{
	const char *unit = report_counts(json_object_array_get_idx(reports, 0)) ?
			   "instructions" : "ns";

	printf("%sa message of %d bytes, there and back, by the way in; %s\n", indent,
	       SIZE, unit);
	print_uses(reports, "devmq", own, indent);
	print_uses(reports, "peers that can", others, indent);
	if (!any(reports, &durable, confirms))
		return;
	printf("%son stable storage; confirmed messages a second\n", indent);
	print_heads("", confirms, indent);
	print_use(reports, &durable, confirms, indent);
}
