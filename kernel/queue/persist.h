/* SPDX-License-Identifier: GPL-2.0 */
/* What a queue tells its journal: see persist.c. */
#ifndef MQ_QUEUE_PERSIST_H
#define MQ_QUEUE_PERSIST_H

#include <linux/types.h>

#include "journal/feed.h"

struct mq_entry;
struct mq_file;
struct mq_queue;
struct mq_seen;

void mq_persist_init(struct mq_queue *q);
u64 mq_persist_cost(const struct mq_journal *j, u64 bytes);
bool mq_persist_fits(const struct mq_queue *q, u64 bytes);
void mq_persist_flight_gone_locked(struct mq_queue *q, struct mq_entry *e);
void mq_persist_removed(struct mq_queue *q);
void mq_persist_join(struct mq_queue *q, const struct mq_feed_ops *ops);
void mq_persist_hold_locked(struct mq_queue *q, u64 from, u64 to);
void mq_persist_add_locked(struct mq_queue *q, struct mq_entry *e);
void mq_persist_changed_locked(struct mq_queue *q, struct mq_entry *e);
void mq_persist_gone_locked(struct mq_queue *q, struct mq_entry *e);
void mq_persist_arrived_locked(struct mq_queue *q, struct mq_entry *e);
void mq_persist_lost_locked(struct mq_queue *q, struct mq_entry *e);
bool mq_persist_bars_locked(struct mq_queue *q, const struct mq_entry *e);
int mq_persist_unbar(struct mq_queue *q, bool nowait);
int mq_persist_confirm(struct mq_queue *q);
const char *mq_persist_word(const struct mq_queue *q);
void mq_persist_defined(struct mq_queue *q);

u32 mq_persist_take(struct mq_feed *f, struct mq_change *c, u64 last);
u32 mq_persist_take_dedups(struct mq_feed *f, struct mq_dedup_change *c, u64 last);
u32 mq_persist_walk(struct mq_feed *f, struct mq_feed_walk *w,
		    struct mq_change *c);
u32 mq_persist_walk_dedups(struct mq_feed *f, struct mq_feed_walk *w,
			   struct mq_dedup_change *c);
void mq_persist_walk_end(struct mq_feed *f, struct mq_feed_walk *w);
u64 mq_persist_window(struct mq_feed *f);
bool mq_persist_remembers(struct mq_feed *f, u64 id);
bool mq_persist_ceilings(struct mq_feed *f, struct mq_ceilings *c);
void mq_persist_calm(struct mq_feed *f);
void mq_persist_put(struct mq_feed *f);
u64 mq_persist_time(u64 boot_ns);
u64 mq_persist_boot_time(u64 real_ns);

#endif /* MQ_QUEUE_PERSIST_H */
