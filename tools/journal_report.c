// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "complain.h"
#include "journal_names.h"
#include "journal_report.h"

/* A journal that is attached changes while it is read. */
static void describe_attached(const struct mq_j_log *log, char *text, size_t size)
{
	char name[DEVMQ_NAME_MAX + 1];

	*text = '\0';
	if (log->segments && journal_attached(log->shape.uuid, name))
		snprintf(text, size, "; it is attached as %s, so detach it first",
			 name);
}

static int complain_damage(const struct journal_file *file,
			   const struct mq_j_log *log)
{
	const struct mq_j_fault *fault = &log->fault;
	char where[80] = "", attached[128];

	if (fault->at && fault->sequence)
		snprintf(where, sizeof(where), ", at byte %" PRIu64
			 ", in segment %" PRIu64, (uint64_t)fault->at,
			 (uint64_t)fault->sequence);
	else if (fault->at)
		snprintf(where, sizeof(where), ", at byte %" PRIu64,
			 (uint64_t)fault->at);
	describe_attached(log, attached, sizeof(attached));
	complain(file->path, 0, "damaged: %s%s%s",
		 fault->what ? fault->what : "a record is not valid", where,
		 attached);
	return STATUS_DAMAGED;
}

static int complain_read(const struct journal_file *file,
			 const struct mq_j_log *log, int err)
{
	switch (err) {
	case -EUCLEAN:
		return complain_damage(file, log);
	case -EMEDIUMTYPE:
		return complain(file->path, 0, "it is not a journal");
	case -ENODATA:
		return complain(file->path, 0, "it has nothing: a move to it was not "
				"completed");
	case -EOPNOTSUPP:
		return complain(file->path, 0, "cannot read: a newer version of "
				"devmq made this journal");
	default:
		return complain_output(file->path, err, "cannot read");
	}
}

int journal_report_read(const struct journal_file *file, struct mq_j_log *log,
			struct journal_contents *contents)
{
	int err = mq_j_log_open(log, &file->source) ?:
		  journal_read(log, contents);

	return err ? complain_read(file, log, err) : STATUS_DONE;
}

static bool read_super(const struct journal_file *file, u64 at,
		       struct mq_j_shape *shape)
{
	struct mq_j_super s;

	return !file->source.read(file->source.context, at, &s, sizeof(s)) &&
	       !mq_j_super_check(&s, shape);
}

const char *journal_report_super(const struct journal_file *file)
{
	struct mq_j_shape shape;
	bool first = read_super(file, 0, &shape);
	bool copy = read_super(file, MQ_J_COPY, &shape);

	if (first == copy)
		return NULL;
	return first ? "the copy of the superblock is not valid" :
		       "the superblock is not valid, its copy is";
}

int journal_report_uuid(const char *path, unsigned char uuid[16])
{
	struct journal_file file;
	struct mq_j_shape shape;
	int status = journal_file_open(&file, path, O_RDONLY);

	if (status)
		return status;
	if (read_super(&file, 0, &shape) || read_super(&file, MQ_J_COPY, &shape))
		memcpy(uuid, shape.uuid, sizeof(shape.uuid));
	else
		status = STATUS_NOTHING;
	journal_file_close(&file, STATUS_DONE);
	return status;
}

u64 journal_report_torn(const struct mq_j_log *log)
{
	return (u64)log->tails[MQ_J_HOT].cut + log->tails[MQ_J_COLD].cut;
}
