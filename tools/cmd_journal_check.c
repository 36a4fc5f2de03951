// SPDX-License-Identifier: GPL-2.0
/* Whether a journal is sound, and what can be read of one that is not: journal check. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "complain.h"
#include "journal_copy.h"
#include "journal_new.h"
#include "journal_report.h"

#define OPT_SALVAGE	(OPT_LONG + 0)

static void print_number(const char *name, u64 number)
{
	printf("%s %" PRIu64 "\n", name, (uint64_t)number);
}

static void print_if(const char *name, u64 number)
{
	if (number)
		print_number(name, number);
}

/* Read all of a journal. Returns an exit status, and whether that was possible. */
static int check(const struct journal_file *file, bool *readable)
{
	struct journal_contents contents = { .keep = false };
	const char *super = journal_report_super(file);
	struct mq_j_log log;
	int status;

	status = journal_report_read(file, &log, &contents);
	*readable = !status;
	if (!status) {
		print_number("queues", contents.totals.queues);
		print_number("messages", contents.totals.messages);
		print_if("cut", journal_report_torn(&log));
		if (log.shape.features & MQ_J_MOVED)
			puts("moved yes");
	}
	if (!status && super) {
		complain(file->path, 0, "damaged: %s; all else is sound", super);
		status = STATUS_DAMAGED;
	}
	journal_contents_free(&contents);
	mq_j_log_close(&log);
	return status;
}

static int complain_salvage(const char *path, int err)
{
	if (err == -EUCLEAN)
		return complain(path, 0, "cannot salvage: nothing of it is readable");
	if (err == -ENOSPC)
		return complain(path, 0, "cannot salvage: no journal is large enough "
				"for what is readable");
	return complain_output(path, err, "cannot salvage");
}

/*
 * A shape with room for the contents: that of the damaged journal, or one with more
 * segments if what had ended is there again.
 */
static int fit(struct mq_j_shape *shape, const struct journal_contents *c,
	       const struct journal_salvage *s)
{
	struct journal_writer count = { .shape = &s->shape };
	u64 need;
	int err;

	err = journal_writer_begin(&count) ?: journal_copy(&count, c, s) ?:
	      journal_writer_end(&count);
	need = count.sequence + count.sequence / 4 + 8;
	journal_writer_free(&count);
	*shape = s->shape;
	if (need > MQ_J_COUNT_MAX)
		return -ENOSPC;
	if (shape->count < need)
		shape->count = (u32)need;
	return err;
}

static int fill(struct journal_file *file, struct mq_j_shape *shape,
		const struct journal_contents *c, const struct journal_salvage *s)
{
	struct journal_writer w = {
		.sink = &file->sink,
		.shape = shape,
		.epoch = journal_new_epoch(),
		.serial = c->totals.serial,
	};
	int err = journal_new_identity(shape) ?: journal_writer_begin(&w) ?:
		  journal_copy(&w, c, s) ?: journal_writer_end(&w);

	journal_writer_free(&w);
	return err ? complain_salvage(file->path, err) : STATUS_DONE;
}

static int write_new(const char *path, const struct journal_contents *c,
		     const struct journal_salvage *s)
{
	struct mq_j_shape shape;
	struct journal_file file;
	int err, status;

	err = fit(&shape, c, s);
	if (err)
		return complain_salvage(path, err);
	status = journal_file_make(&file, path);
	if (status)
		return status;
	status = journal_new_zero(&file, &shape) ?: fill(&file, &shape, c, s);
	return journal_file_close(&file, status);
}

static void print_salvaged(const struct journal_contents *c,
			   const struct journal_salvage *s)
{
	u64 queues = 0, made_up = 0;
	size_t i;

	for (i = 0; i < c->count; i++) {
		if (journal_copy_omits(c->queues[i], s))
			continue;
		queues++;
		made_up += journal_salvage_made_up(s,
				le64_to_cpu(c->queues[i]->record->serial));
	}
	print_number("readable_queues", queues);
	print_number("readable_messages", c->totals.messages);
	print_if("unnamed_queues", made_up);
	print_if("lost_segments", s->segments);
	print_if("lost_blocks", s->holes);
	print_if("lost_records", s->records);
}

/* Read what is readable; write it to a new journal, unless there is no path. */
static int salvage(const struct journal_file *file, const char *path)
{
	struct journal_contents c = { .keep = path, .mend = true };
	struct journal_salvage s;
	struct mq_j_log log = { .buffer = NULL };
	int err, status = STATUS_DONE;

	err = journal_salvage_open(&s, &file->source);
	if (!err)
		err = mq_j_log_open(&log, &s.source) ?: journal_read(&log, &c);
	if (err && path)
		status = complain_salvage(file->path, err);
	else if (path)
		status = write_new(path, &c, &s);
	if (!status)
		print_salvaged(&c, &s);
	journal_contents_free(&c);
	mq_j_log_close(&log);
	journal_salvage_close(&s);
	return status;
}

static int run_check(struct args *args)
{
	const char *new = NULL;
	struct journal_file file;
	int status, salvaged = STATUS_DONE;
	bool readable;

	while (args_next(args))
		new = args->value;
	status = journal_file_open(&file, args->operands[0], O_RDONLY);
	if (status)
		return status;
	status = check(&file, &readable);
	if ((status == STATUS_DAMAGED && !readable) || (readable && new))
		salvaged = salvage(&file, new);
	if (new && salvaged)
		status = salvaged;
	return journal_file_close(&file, status);
}

static const struct opt check_opts[] = {
	{ OPT_SALVAGE, "salvage", "NEW",
	  "write what is readable to this new journal" },
	OPTS_END
};

const struct command cmd_journal_check = {
	.name = "journal check",
	.run = run_check,
	.synopsis = "FILE [--salvage=NEW]",
	.summary = "Check a journal, and salvage a damaged one",
	.text =
"Reads all of a journal, as attaching it does, and writes nothing to it. Needs\n"
"no module. If it is sound, the output says how many queues and messages it has,\n"
"and how many bytes at its end a crash has torn (cut): nobody was told that\n"
"these were safe, and attaching leaves them out. moved means that another file\n"
"has what this one had, and that this one is not attached any more.\n"
"\n"
"If it is damaged, the message says what is wrong first, and where; the output\n"
"says what is readable nevertheless, and the exit status is 7. Unless only one\n"
"of the two superblocks is damaged, the journal cannot be attached.\n"
"\n"
"--salvage writes all that is readable to a new journal, as large as this one or\n"
"larger, which can be attached. Messages may be missing from it, others may be\n"
"there again although they were acknowledged, all count as delivered before, and\n"
"a queue of which only messages were readable is called lost.NUMBER. The exit\n"
"status is 7 then, too; it is 4 if the new file exists already, and 1 if it\n"
"could not be made.",
	.opts = check_opts,
	.operands = { COMPLETES_FILE },
	.min = 1,
	.max = 1,
};
