/* SPDX-License-Identifier: GPL-2.0 */
/* The journals that are attached: see list.c. */
#ifndef MQ_JOURNAL_LIST_H
#define MQ_JOURNAL_LIST_H

#include <linux/types.h>

struct mq_j_shape;
struct mq_journal;

void mq_journal_close(struct mq_journal *j);
void mq_journal_put(struct mq_journal *j);
struct mq_journal *mq_journal_find(const char *name);
struct mq_journal *mq_journal_after(struct mq_journal *before);
int mq_journal_enlist(struct mq_journal *j, char *as);
int mq_journal_identify(struct mq_journal *j, const struct mq_j_shape *shape,
			char *as);
void mq_journal_set_ready(struct mq_journal *j, bool ready);
void mq_journal_swap(struct mq_journal *j, struct mq_journal *to);
void mq_journal_delist(struct mq_journal *j);

#endif /* MQ_JOURNAL_LIST_H */
