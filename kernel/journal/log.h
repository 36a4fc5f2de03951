/* SPDX-License-Identifier: GPL-2.0 */
/* Adding records to the segments of a journal: see log.c. */
#ifndef MQ_JOURNAL_LOG_H
#define MQ_JOURNAL_LOG_H

#include "journal/journal.h"

/*
 * Places that the hot stream leaves to the cleaner, and to the next times that
 * the journal is attached after a crash.
 */
#define MQ_LOG_RESERVE	5

void *mq_log_add(struct mq_journal *j, u32 stream, u32 size,
		 enum mq_j_types type);
int mq_log_write(struct mq_journal *j);
int mq_log_flush(struct mq_journal *j);
int mq_log_settle(struct mq_journal *j);
int mq_log_mark(struct mq_journal *j);
int mq_log_super(struct mq_journal *j, u64 features);
int mq_log_begin(struct mq_journal *j);
int mq_log_renew(struct mq_journal *j);
u32 mq_log_record_max(const struct mq_j_shape *shape);
bool mq_log_is_needed(const struct mq_segment *s);
const u8 *mq_log_written(struct mq_journal *j, u32 position, u32 block, u32 *size);

/* Return the open segment of a stream. */
static inline struct mq_segment *mq_log_segment(struct mq_journal *j, u32 stream)
{
	return &j->segments[j->streams[stream].position];
}

#endif /* MQ_JOURNAL_LOG_H */
