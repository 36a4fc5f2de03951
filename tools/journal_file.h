/* SPDX-License-Identifier: GPL-2.0 */
/* The file of a journal: opening and reading it, and making a new one. */
#ifndef MQCTL_JOURNAL_FILE_H
#define MQCTL_JOURNAL_FILE_H

#include <stdbool.h>

#include "journal/scan.h"
#include "journal_make.h"

/* A regular file or a block device; its errors have been said by these functions. */
struct journal_file {
	const char		*path;
	int			fd;
	bool			device;
	bool			made;		/* by journal_file_make() */
	u64			size;
	struct mq_j_source	source;		/* to read it */
	struct journal_sink	sink;		/* to write it */
};

/* Open a file that is there, with the flags of open(2). Returns an exit status. */
int journal_file_open(struct journal_file *file, const char *path, int flags);

/* Make a new regular file. Returns an exit status: STATUS_EXISTS as well. */
int journal_file_make(struct journal_file *file, const char *path);

/*
 * Let SIGINT, SIGTERM and SIGHUP end a call that waits, and not the program, so that a
 * file is not left half made.
 */
void journal_file_catch_signals(void);

/*
 * Fill a file with zeros up to a size; on a terminal standard error says how far that
 * is. SIGINT, SIGTERM and SIGHUP end it. Returns an exit status.
 */
int journal_file_zero(struct journal_file *file, u64 size);

/* Whether all bytes of a part are zero: 1, 0 or a negative errno. */
int journal_file_is_zero(const struct journal_file *file, u64 at, u64 size);

/*
 * Close a file. One that was made is kept if @status is STATUS_DONE, and is then on
 * stable storage with its name; if not, it is removed. Returns the exit status.
 */
int journal_file_close(struct journal_file *file, int status);

#endif /* MQCTL_JOURNAL_FILE_H */
