/* SPDX-License-Identifier: GPL-2.0 */
/* The file of a journal, as the scan reads it: see source.c. */
#ifndef MQ_JOURNAL_SOURCE_H
#define MQ_JOURNAL_SOURCE_H

#include <linux/completion.h>
#include <linux/workqueue.h>

#include "journal/scan.h"

struct bio_vec;
struct mq_medium;
struct mq_source;

/**
 * struct mq_ahead - a read that was begun
 * @work: reads
 * @done: it has been read, or not
 * @source: of what
 * @pages: of the memory
 * @at: where in the file
 * @to: the memory
 * @size: bytes
 * @err: 0 or an error
 */
struct mq_ahead {
	struct work_struct	work;
	struct completion	done;
	struct mq_source	*source;
	struct bio_vec		*pages;
	u64			at;
	void			*to;
	u32			size;
	int			err;
};

/**
 * struct mq_source - the file of a journal, as the scan reads it
 * @s: what the scan calls
 * @medium: the file
 * @page: through which is read what does not lie in pages of its own
 * @stopped: nobody wants what is being read any more
 * @ahead: a read for each slot
 */
struct mq_source {
	struct mq_j_source	s;
	struct mq_medium	*medium;
	void			*page;
	bool			stopped;
	struct mq_ahead		*ahead;
};

int mq_source_init(struct mq_source *s);
void mq_source_open(struct mq_source *s, struct mq_medium *medium);
void mq_source_free(struct mq_source *s);

#endif /* MQ_JOURNAL_SOURCE_H */
