/* SPDX-License-Identifier: GPL-2.0 */
/* The messages that a journal has, by their serials: see objects.c. */
#ifndef MQ_JOURNAL_OBJECTS_H
#define MQ_JOURNAL_OBJECTS_H

#include "journal/journal.h"

int mq_objects_init(struct mq_journal *j);
void mq_objects_exit(struct mq_journal *j);
void mq_objects_add(struct mq_journal *j, struct mq_durable *d);
void mq_objects_del(struct mq_journal *j, struct mq_durable *d);
struct mq_durable *mq_objects_find(struct mq_journal *j, u64 serial);
void mq_objects_body(struct mq_journal *j, struct mq_durable *d, u32 segment,
		     u32 block, u32 size);
void mq_objects_state(struct mq_journal *j, struct mq_durable *d, u32 segment,
		      u32 size);

u64 mq_objects_serial(struct mq_journal *j);
void mq_objects_share(struct mq_journal *j, struct mq_journal *with);
void mq_objects_unshare(struct mq_journal *with);
u64 mq_objects_clear(struct mq_journal *j, u32 side, u64 list);

void mq_feed_add(struct mq_journal *j, struct mq_feed *f);
struct mq_feed *mq_feed_find(struct mq_journal *j, u64 serial);

#endif /* MQ_JOURNAL_OBJECTS_H */
