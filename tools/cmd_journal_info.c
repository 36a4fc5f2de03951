// SPDX-License-Identifier: GPL-2.0
/* What a journal has: journal info. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "complain.h"
#include "journal_names.h"
#include "journal_report.h"
#include "json.h"
#include "table.h"
#include "units.h"

struct info {
	const struct mq_j_log		*log;
	const struct journal_contents	*contents;
	uint64_t			needed;		/* segments */
	bool				raw;
};

static uint64_t count_needed(const struct mq_j_log *log)
{
	uint64_t needed = 0;
	u32 i;

	for (i = 0; i < log->shape.count; i++)
		needed += !!log->segments[i].sequence;
	return needed;
}

static void put_size(char text[UNITS_TEXT_MAX], uint64_t bytes, bool raw)
{
	if (raw)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64, bytes);
	else
		format_size(bytes, text);
}

static void print_shape(const struct info *info)
{
	const struct mq_j_shape *shape = &info->log->shape;
	char text[UNITS_TEXT_MAX], uuid[UUID_TEXT_MAX];

	printf("uuid %s\n", uuid_text(shape->uuid, uuid));
	format_time(shape->created, text);
	printf("created %s\n", text);
	put_size(text, (uint64_t)shape->segment_size * shape->count, info->raw);
	printf("bytes %s\n", text);
	put_size(text, shape->segment_size, info->raw);
	printf("segment_size %s\n", text);
	printf("unit %u\n", shape->unit);
	printf("segments %u\n", shape->count);
	printf("needed_segments %" PRIu64 "\n", info->needed);
	printf("attached %" PRIu64 "\n", (uint64_t)info->log->epochs);
	printf("cut %" PRIu64 "\n", (uint64_t)journal_report_torn(info->log));
	printf("moved %s\n", shape->features & MQ_J_MOVED ? "yes" : "no");
	printf("queues %" PRIu64 "\n", (uint64_t)info->contents->totals.queues);
	printf("messages %" PRIu64 "\n",
	       (uint64_t)info->contents->totals.messages);
}

#define COLUMNS	9

static const char *const headings[COLUMNS] = {
	"NAME", "READY", "DELAYED", "DEFERRED", "DEAD", "RETAINED", "BYTES",
	"OWNER", "OPTIONS",
};

static const bool left[COLUMNS] = { [0] = true, [7] = true, [8] = true };

/* Add the row of a queue; @options has room for those of any. */
static int add_row(struct table *table, const struct journal_queue *q, bool raw,
		   char *options_text)
{
	static const unsigned int states[] = {
		DEVMQ_STATE_READY, DEVMQ_STATE_DELAYED, DEVMQ_STATE_DEFERRED,
		DEVMQ_STATE_DEAD, DEVMQ_STATE_RETAINED,
	};
	char number[ARRAY_SIZE(states)][UNITS_TEXT_MAX], bytes[UNITS_TEXT_MAX];
	struct mq_j_bytes name, options;
	char owner[UNITS_TEXT_MAX];
	const char *cells[COLUMNS] = {
		q->name, number[0], number[1], number[2], number[3], number[4], bytes,
		owner, options_text,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(states); i++)
		snprintf(number[i], UNITS_TEXT_MAX, "%" PRIu64,
			 (uint64_t)q->states[states[i]]);
	put_size(bytes, q->bytes, raw);
	snprintf(owner, sizeof(owner), "%u:%u:%04o",
		 le32_to_cpu(q->record->uid), le32_to_cpu(q->record->gid),
		 le32_to_cpu(q->record->mode));
	mq_j_queue_parts(q->record, &name, &options);
	memcpy(options_text, options.at, options.size);
	options_text[options.size] = '\0';
	return table_add(table, cells);
}

static int print_queues(const struct info *info)
{
	struct table table = {
		.columns = COLUMNS, .headings = headings, .left = left,
	};
	char *options = malloc(UINT16_MAX + 1);
	int err = options ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; !err && i < info->contents->count; i++)
		err = add_row(&table, info->contents->queues[i], info->raw,
			      options);
	if (!err && table.rows) {
		putchar('\n');
		table_print(&table, true);
	}
	table_free(&table);
	free(options);
	return err;
}

static struct json_object *json_queue(const struct journal_queue *q)
{
	struct json_object *object = json_checked(json_object_new_object());
	struct mq_j_bytes name, options;
	char mode[UNITS_TEXT_MAX];

	mq_j_queue_parts(q->record, &name, &options);
	json_add_name(object, "name", q->name);
	json_add_number(object, "messages", journal_queue_messages(q));
	json_add_number(object, "ready", q->states[DEVMQ_STATE_READY]);
	json_add_number(object, "delayed", q->states[DEVMQ_STATE_DELAYED]);
	json_add_number(object, "deferred", q->states[DEVMQ_STATE_DEFERRED]);
	json_add_number(object, "dead", q->states[DEVMQ_STATE_DEAD]);
	json_add_number(object, "retained", q->states[DEVMQ_STATE_RETAINED]);
	json_add_number(object, "bytes", q->bytes);
	json_add_number(object, "dedup_ids", q->dedups);
	json_add_number(object, "serial", le64_to_cpu(q->record->serial));
	json_add_number(object, "uid", le32_to_cpu(q->record->uid));
	json_add_number(object, "gid", le32_to_cpu(q->record->gid));
	snprintf(mode, sizeof(mode), "%04o", le32_to_cpu(q->record->mode));
	json_add_name(object, "mode", mode);
	json_add_bytes(object, "options", options.at, options.size);
	return object;
}

static void json_segments(struct json_object *top, const struct mq_j_log *log)
{
	struct json_object *array = json_checked(json_object_new_array());
	struct json_object *object;
	u32 i;

	json_add(top, "needed_segments", array);
	for (i = 0; i < log->shape.count; i++) {
		const struct mq_j_segment_info *s = &log->segments[i];

		if (!s->sequence)
			continue;
		object = json_checked(json_object_new_object());
		json_add_number(object, "position", i);
		json_add_number(object, "sequence", s->sequence);
		json_add_name(object, "stream",
			      s->stream == MQ_J_HOT ? "hot" : "cold");
		if (json_object_array_add(array, object))
			json_checked(NULL);
	}
}

static int print_object(const struct info *info)
{
	struct json_object *top = json_checked(json_object_new_object()), *array;
	const struct mq_j_shape *shape = &info->log->shape;
	char uuid[UUID_TEXT_MAX];
	size_t i;

	json_add_name(top, "uuid", uuid_text(shape->uuid, uuid));
	json_add_number(top, "created_ns", shape->created);
	json_add_number(top, "bytes",
			(uint64_t)shape->segment_size * shape->count);
	json_add_number(top, "segment_size", shape->segment_size);
	json_add_number(top, "unit", shape->unit);
	json_add_number(top, "segments", shape->count);
	json_segments(top, info->log);
	json_add_number(top, "attached", info->log->epochs);
	json_add_number(top, "cut", journal_report_torn(info->log));
	json_add(top, "moved", json_checked(json_object_new_boolean(
				shape->features & MQ_J_MOVED)));
	json_add_number(top, "messages", info->contents->totals.messages);
	array = json_checked(json_object_new_array());
	json_add(top, "queues", array);
	for (i = 0; i < info->contents->count; i++) {
		if (json_object_array_add(array,
					  json_queue(info->contents->queues[i])))
			json_checked(NULL);
	}
	return print_json(top);
}

static int show(const struct journal_file *file, bool json, bool raw)
{
	struct journal_contents contents = { .keep = false };
	struct mq_j_log log;
	struct info info = { &log, &contents, 0, raw };
	int status, err = 0;

	status = journal_report_read(file, &log, &contents);
	if (!status) {
		info.needed = count_needed(&log);
		if (!json)
			print_shape(&info);
		err = json ? print_object(&info) : print_queues(&info);
	}
	journal_contents_free(&contents);
	mq_j_log_close(&log);
	return err ? complain_output(NULL, err, "cannot write the output") :
		     status;
}

static int run_info(struct args *args)
{
	bool json = false, raw = false;
	struct journal_file file;
	int code, status;

	while ((code = args_next(args))) {
		json = json || code == 'J';
		raw = raw || code == 'r';
	}
	status = journal_file_open(&file, args->operands[0], O_RDONLY);
	if (status)
		return status;
	return journal_file_close(&file, show(&file, json, raw));
}

static const struct opt info_opts[] = {
	{ 'r', "raw", NULL, "sizes in bytes" },
	{ 'J', "json", NULL, "one JSON object" },
	OPTS_END
};

const struct command cmd_journal_info = {
	.name = "journal info",
	.run = run_info,
	.synopsis = "FILE [OPTION]...",
	.summary = "Show what a journal has",
	.text =
"Reads the file of a journal that is not attached; needs no module. Shows its\n"
"identity and its shape, how many of its segments are needed, how often it was\n"
"attached before, and how many bytes a crash has torn (cut), of which nobody was\n"
"told that they were safe, and whether it was moved: then another file has what\n"
"this one had. Then its queues: how many messages they have in each state, the\n"
"bytes of these, the owner, group and mode of the device file, and the options\n"
"that are not the default. If the journal is damaged, the exit status is 7.",
	.opts = info_opts,
	.operands = { COMPLETES_FILE },
	.min = 1,
	.max = 1,
};
