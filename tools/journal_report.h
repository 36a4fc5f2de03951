/* SPDX-License-Identifier: GPL-2.0 */
/* Reading the file of a journal, and saying what is wrong with it. */
#ifndef MQCTL_JOURNAL_REPORT_H
#define MQCTL_JOURNAL_REPORT_H

#include "journal_file.h"
#include "journal_read.h"

/*
 * Open a journal's log, and read its contents. Says what is wrong. Returns an exit
 * status; STATUS_DAMAGED: it is a journal. Log and contents are to be closed and freed
 * in any case.
 */
int journal_report_read(const struct journal_file *file, struct mq_j_log *log,
			struct journal_contents *contents);

/* What is wrong with one of the two superblocks, when the other is valid; or NULL. */
const char *journal_report_super(const struct journal_file *file);

/*
 * Which journal a file has. Returns an exit status: STATUS_NOTHING, with nothing said,
 * if no superblock of it is valid.
 */
int journal_report_uuid(const char *path, unsigned char uuid[16]);

/* Bytes that a crash has torn. */
u64 journal_report_torn(const struct mq_j_log *log);

#endif /* MQCTL_JOURNAL_REPORT_H */
