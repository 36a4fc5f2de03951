/* SPDX-License-Identifier: GPL-2.0 */
/* The thread that writes a journal, and those that wait for it: see writer.c. */
#ifndef MQ_JOURNAL_WRITER_H
#define MQ_JOURNAL_WRITER_H

#include <linux/types.h>

#include "journal/journal.h"

struct mq_durable;
struct mq_feed;

int mq_writer_start(struct mq_journal *j);
void mq_writer_run(struct mq_journal *j);
void mq_writer_stop(struct mq_journal *j);
void mq_writer_init(struct mq_journal *j);
void mq_journal_fail(struct mq_journal *j, int err, const char *what);
int mq_journal_confirm(struct mq_journal *j, struct mq_feed *f, u64 seq);

void mq_feed_join(struct mq_journal *j, struct mq_feed *f);
void mq_feed_leave(struct mq_feed *f);
void mq_feed_say(struct mq_feed *f);
void mq_feed_define(struct mq_feed *f);
void mq_feed_ended(struct mq_journal *j, struct mq_durable *d);
void mq_feed_moves(struct mq_journal *j, struct mq_durable *d);
void mq_feed_moved(struct mq_journal *j, u8 moving);
void mq_feed_owes(struct mq_journal *j, struct mq_durable *d);
void mq_feed_pays(struct mq_journal *j, struct mq_durable *d);

#endif /* MQ_JOURNAL_WRITER_H */
