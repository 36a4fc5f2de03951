/* SPDX-License-Identifier: GPL-2.0 */
/* Attaching a journal and letting go of it: see attach.c. */
#ifndef MQ_JOURNAL_ATTACH_H
#define MQ_JOURNAL_ATTACH_H

#include "journal/journal.h"
#include "journal/scan.h"
#include "journal/source.h"

struct file;

/**
 * struct mq_attach - a journal that is being attached
 * @j: the journal
 * @log: what is in it
 * @source: where that is read from
 * @queues: how many queues it has, if another journal is to be moved to it
 * @why: what is wrong, where that names something
 */
struct mq_attach {
	struct mq_journal	*j;
	struct mq_j_log		log;
	struct mq_source	source;
	u64			queues;
	char			why[160];
};

int mq_attach_open(struct mq_attach *a, const char *name, struct file *file,
		   const char **why);
int mq_attach_target(struct mq_attach *a, const struct mq_journal *from,
		     struct file *file, const char **why);
int mq_attach_begin(struct mq_attach *a, u64 serial);
void mq_attach_close(struct mq_attach *a);

#endif /* MQ_JOURNAL_ATTACH_H */
