// SPDX-License-Identifier: GPL-2.0
/*
 * The short table that the README has: that by door and by use, and one with a row for
 * what was measured and a column for each peer.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "doors.h"
#include "readme.h"
#include "report.h"

/**
 * struct pick - a row: which result, and which figure of it
 * @title: the title of the row
 * @load: the workload
 * @size: bytes of a message, zero for any
 * @batch: messages a call
 * @shape: of a stream, or NULL
 * @figure: which figure
 * @divisor: the figure is divided by this
 */
struct pick {
	const char	*title;
	const char	*load;
	unsigned int	size;
	unsigned int	batch;
	const char	*shape;
	const char	*figure;
	double		divisor;
};

static const struct pick costs[] = {
	{ "write + read", "pair", 0, 0, NULL, "ns", 1 },
	{ "batches of 64", "batch", 0, 64, NULL, "ns", 1 },
	{ "8 KiB messages", "sizes", 8192, 0, NULL, "ns", 1 },
	{ "1 MiB messages", "sizes", 1048576, 0, NULL, "ns", 1 },
};

static const struct pick memory[] = {
	{ "a stored message", "memory", 64, UINT32_MAX, NULL, "bytes", 1 },
	{ "an idle queue", "idle", 0, 0, NULL, "bytes", 1 },
};

static const struct pick rates[] = {
	{ "1 to 1", "stream", 0, 0, "1-1", "rate", 1000 },
	{ "1 to 1, by 64", "stream", 0, 64, "1-1", "rate", 1000 },
	{ "N to N", "stream", 0, 0, "N-N", "rate", 1000 },
};

static const struct pick delays[] = {
	{ "ping-pong, median", "pingpong", 0, 0, NULL, "p50", 1000 },
	{ "ping-pong, 99 %", "pingpong", 0, 0, NULL, "p99", 1000 },
};

static const struct pick brokers[] = {
	{ "one by one", "ack", 0, 1, NULL, "ns", 1 },
	{ "batches of 64", "ack", 0, 64, NULL, "ns", 1 },
};

/* The widths of the columns. */
#define KERNEL_WIDTH	9
#define BROKER_WIDTH	11

/* A column. */
struct who {
	const char *peer;
	const char *head;
};

static const struct who kernel_peers[] = {
	{ "devmq", "devmq" },
	{ "pipe", "pipe" },
	{ "packet", "packet" },
	{ "sysv", "sysv" },
	{ "posix", "posix" },
	{ "seqpacket", "seqpkt" },
	{ NULL, NULL }
};

static const struct who broker_peers[] = {
	{ "devmq", "devmq" },
	{ "redis", "redis" },
	{ "beanstalkd", "beanstalkd" },
	{ NULL, NULL }
};

static bool matches(struct json_object *o, const struct pick *pick,
		    const char *peer)
{
	if (strcmp(member_text(o, "peer"), peer) ||
	    (pick->size && member_number(o, "size") != pick->size) ||
	    (pick->shape && strcmp(member_text(o, "shape"), pick->shape)))
		return false;
	return pick->batch == UINT32_MAX ||
	       member_number(o, "batch") == pick->batch;
}

static double find(struct json_object *reports, const struct pick *pick,
		   const char *peer)
{
	struct cursor cursor = { .reports = reports, .load = pick->load };
	struct json_object *o;

	while ((o = next_result(&cursor))) {
		if (matches(o, pick, peer))
			return member_number(o, pick->figure) / pick->divisor;
	}
	return -1;
}

static void print_picks(struct json_object *reports, const char *what,
			const char *unit, const struct pick *picks,
			size_t count, const struct who *who, int width)
{
	const struct who *p;
	size_t i;
	double n;

	printf("    %s, %s\n", what, unit);
	for (i = 0; i < count; i++) {
		printf("      %-18s", picks[i].title);
		for (p = who; p->peer; p++) {
			n = find(reports, &picks[i], p->peer);
			if (n < 0)
				printf("%*s", width, "-");
			else
				printf("%*.*f", width, n < 100 ? 1 : 0, n);
		}
		putchar('\n');
	}
}

static void print_heads(const struct who *who, int width)
{
	printf("%24s", "");
	for (; who->peer; who++)
		printf("%*s", width, who->head);
	putchar('\n');
}

/* The unit of the costs, which are in the first report. */
static const char *unit_of(struct json_object *reports)
{
	return report_counts(json_object_array_get_idx(reports, 0)) ?
		"instructions" : "ns";
}

void show_readme(struct json_object *reports)
{
	const char *unit = unit_of(reports);

	show_doors(reports, "    ");
	putchar('\n');
	print_heads(kernel_peers, KERNEL_WIDTH);
	print_picks(reports, "a message there and back in one process", unit,
		    costs, ARRAY_SIZE(costs), kernel_peers, KERNEL_WIDTH);
	print_picks(reports, "kernel memory", "bytes", memory,
		    ARRAY_SIZE(memory), kernel_peers, KERNEL_WIDTH);
	print_picks(reports, "between processes", "1000 messages a second",
		    rates, ARRAY_SIZE(rates), kernel_peers, KERNEL_WIDTH);
	print_picks(reports, "there and back between two", "microseconds",
		    delays, ARRAY_SIZE(delays), kernel_peers, KERNEL_WIDTH);
	putchar('\n');
	print_heads(broker_peers, BROKER_WIDTH);
	print_picks(reports, "send, receive, acknowledge", unit, brokers,
		    ARRAY_SIZE(brokers), broker_peers, BROKER_WIDTH);
	putchar('\n');
	show_systems(reports, "    ");
}
