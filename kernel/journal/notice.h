/* SPDX-License-Identifier: GPL-2.0 */
/* Those that have changes for a journal, or wait for it: see notice.c. */
#ifndef MQ_JOURNAL_NOTICE_H
#define MQ_JOURNAL_NOTICE_H

#include <linux/types.h>

struct mq_durable;
struct mq_feed;
struct mq_journal;
struct mq_spread;
struct timer_list;

void mq_feed_delay_over(struct timer_list *t);
int mq_journal_confirm_all(struct mq_journal *j);
int mq_journal_confirm(struct mq_journal *j, struct mq_feed *f, u64 seq);
void mq_feed_spread(struct mq_spread *s);
void mq_feed_join(struct mq_journal *j, struct mq_feed *f);
void mq_feed_leave(struct mq_feed *f);
void mq_feed_say(struct mq_feed *f);
void mq_feed_define(struct mq_feed *f);
void mq_feed_end(struct mq_feed *f);
void mq_feed_ended(struct mq_journal *j, struct mq_durable *d);
void mq_feed_replaced(struct mq_feed *f, struct mq_durable *d);
void mq_feed_moves(struct mq_feed *f, struct mq_durable *d);
void mq_feed_moved(struct mq_journal *j, u8 moving);
bool mq_feed_is_late(const struct mq_feed *f, const struct mq_durable *d);
void mq_feed_late(struct mq_feed *f);
void mq_feed_paid(struct mq_journal *j, u32 since);
void mq_feed_pays(struct mq_journal *j, struct mq_durable *d);

#endif /* MQ_JOURNAL_NOTICE_H */
