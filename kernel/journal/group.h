/* SPDX-License-Identifier: GPL-2.0 */
/* What belongs to a group of changes: see group.c. */
#ifndef MQ_JOURNAL_GROUP_H
#define MQ_JOURNAL_GROUP_H

#include <linux/list.h>
#include <linux/types.h>

#include "journal/journal.h"

void mq_group_take(struct mq_journal *j, struct list_head *feeds);
int mq_group_add(struct mq_journal *j, struct list_head *feeds, bool *whole);
void mq_group_tell(struct mq_journal *j, struct list_head *feeds, bool whole);
void mq_group_drop(struct mq_journal *j, struct list_head *feeds);

#endif /* MQ_JOURNAL_GROUP_H */
