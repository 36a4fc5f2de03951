// SPDX-License-Identifier: GPL-2.0
/* Making a new journal: journal create. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "args.h"
#include "complain.h"
#include "journal_file.h"
#include "journal_new.h"
#include "units.h"

#define OPT_SIZE	(OPT_LONG + 0)
#define OPT_SEGMENT	(OPT_LONG + 1)

/* A device begins, or ends, with what says who uses it; within so many bytes. */
#define SIGNATURES	(1ULL << 20)

struct create {
	const struct args	*args;
	const char		*path;
	u64			size;		/* 0: all of a device */
	u64			segment_size;	/* 0: choose one */
	bool			force;
};

static uint64_t value_size(struct args *args)
{
	uint64_t bytes;

	if (parse_size(args->value, &bytes) || !bytes)
		usage(args, "--%s: '%s' is not a size such as 256M", args->opt->name,
		      args->value);
	return bytes;
}

static int make(const struct create *c, struct journal_file *file, u64 size)
{
	struct mq_j_shape shape;
	int status = journal_new_shape(&shape, c->path, size, c->segment_size);

	if (status)
		return status;
	status = journal_new_zero(file, &shape);
	if (status)
		return status;
	return journal_new_make(file, &shape);
}

static int create_file(const struct create *c)
{
	struct journal_file file;
	struct mq_j_shape shape;
	int status;

	if (!c->size)
		usage(c->args, "a new file needs --size");
	/* Nothing is created if the sizes are wrong. */
	status = journal_new_shape(&shape, c->path, c->size, c->segment_size) ?:
		 journal_file_make(&file, c->path);
	if (status)
		return status;
	return journal_file_close(&file, make(c, &file, c->size));
}

/* Refuse a device that has something, such as a file system or a journal. */
static int check_device(const struct journal_file *file)
{
	u64 size = file->size < SIGNATURES ? file->size : SIGNATURES;
	struct mq_j_log log;
	int err, empty;

	err = mq_j_log_open(&log, &file->source);
	mq_j_log_close(&log);
	if (!err || err == -EUCLEAN || err == -EOPNOTSUPP)
		return complain(file->path, 0, "cannot create: it holds a journal "
				"(--force destroys it)");
	empty = journal_file_is_zero(file, 0, size);
	if (empty > 0)
		empty = journal_file_is_zero(file, file->size - size, size);
	if (empty < 0)
		return complain_output(file->path, empty, "cannot read");
	if (!empty)
		return complain(file->path, 0, "cannot create: the device is not "
				"empty (--force overwrites it)");
	return STATUS_DONE;
}

static int create_on_device(const struct create *c)
{
	struct journal_file file;
	int status;

	/* With O_EXCL nobody else uses a device: no mount, no RAID, no swap. */
	status = journal_file_open(&file, c->path, O_RDWR | O_EXCL);
	if (status)
		return status;
	if (!file.device)
		status = complain(c->path, 0, "it is no device any more");
	else if (c->size > file.size)
		status = complain(c->path, 0, "cannot create: the device has "
				  "%" PRIu64 " bytes only", (uint64_t)file.size);
	else if (!c->force)
		status = check_device(&file);
	status = status ?: make(c, &file, c->size ? c->size : file.size);
	return journal_file_close(&file, status);
}

static int run_create(struct args *args)
{
	struct create c = { .args = args };
	struct stat st;
	int code;

	while ((code = args_next(args))) {
		if (code == OPT_SIZE)
			c.size = value_size(args);
		else if (code == OPT_SEGMENT)
			c.segment_size = value_size(args);
		else
			c.force = true;
	}
	c.path = args->operands[0];
	if (!stat(c.path, &st) && S_ISBLK(st.st_mode))
		return create_on_device(&c);
	return create_file(&c);
}

static const struct opt create_opts[] = {
	{ OPT_SIZE, "size", "SIZE", "how large the journal may be" },
	{ OPT_SEGMENT, "segment-size", "SIZE",
	  "bytes of a segment: a power of two, 256K to 64M" },
	{ 'f', "force", NULL, "use a device that is not empty; all on it is lost" },
	OPTS_END
};

const struct command cmd_journal_create = {
	.name = "journal create",
	.run = run_create,
	.synopsis = "FILE --size=SIZE [OPTION]...",
	.summary = "Make a new journal",
	.text =
"A journal keeps queues with their messages over a crash or a restart. FILE must\n"
"not exist; if it does, the exit status is 4. It gets SIZE bytes, or up to a\n"
"segment less, all of which are written, so that they are there when they are\n"
"needed. Only its owner may read and write it. If that fails or is interrupted,\n"
"the file is removed.\n"
"\n"
"FILE may be a block device; then --size is optional. One that is in use is\n"
"refused, and one that holds anything, unless --force is given.\n"
"\n"
"No message can be larger than a segment. Without --segment-size it is about a\n"
"64th of the journal.",
	.opts = create_opts,
	.operands = { COMPLETES_FILE },
	.min = 1,
	.max = 1,
};
