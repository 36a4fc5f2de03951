/* SPDX-License-Identifier: GPL-2.0 */
/* The thread that writes a journal: see writer.c. */
#ifndef MQ_JOURNAL_WRITER_H
#define MQ_JOURNAL_WRITER_H

#include <linux/types.h>

#include "journal/journal.h"

int mq_writer_start(struct mq_journal *j);
void mq_writer_run(struct mq_journal *j);
void mq_writer_stop(struct mq_journal *j);
void mq_writer_init(struct mq_journal *j);
void mq_journal_fail(struct mq_journal *j, int err, const char *what);

#endif /* MQ_JOURNAL_WRITER_H */
