/* SPDX-License-Identifier: GPL-2.0 */
/* What a queue tells its journal: see persist.c. */
#ifndef MQ_QUEUE_PERSIST_H
#define MQ_QUEUE_PERSIST_H

#include <linux/types.h>

#include "base/base.h"
#include "journal/feed.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/message.h"

struct mq_entry;
struct mq_file;
struct mq_queue;
struct mq_seen;

/**
 * struct mq_persist_run - messages that are sent together to a queue with a journal
 * @last: link of the last one in mq_feed.dirty
 * @seq: its number
 * @live: what all of them count in mq_journal.live
 * @bytes: bytes of the last one
 * @cost: what it counts there
 */
struct mq_persist_run {
	struct list_head	*last;
	u64			seq;
	u64			live;
	u64			bytes;
	u64			cost;
};

void mq_persist_init(struct mq_queue *q);
u64 mq_persist_cost(const struct mq_journal *j, u64 bytes);
bool mq_persist_fits(const struct mq_queue *q, u64 bytes);
u64 mq_persist_most(const struct mq_queue *q);
bool mq_persist_has_room(const struct mq_journal *j, u32 n, u64 bytes);
void mq_persist_flight_gone_locked(struct mq_queue *q, struct mq_entry *e);
void mq_persist_removed(struct mq_queue *q);
void mq_persist_forget(struct mq_queue *q);
void mq_persist_join(struct mq_queue *q, const struct mq_feed_ops *ops);
void mq_persist_hold_locked(struct mq_queue *q, u64 from, u64 to);
void mq_persist_add_locked(struct mq_queue *q, struct mq_entry *e);
void mq_persist_linked_locked(struct mq_queue *q, struct mq_entry *e);
bool mq_persist_fits_copies(const struct mq_journal *j, u64 bytes, u32 copies);
void mq_persist_run_begin_locked(struct mq_queue *q, struct mq_persist_run *run);
void mq_persist_run_end_locked(struct mq_queue *q, struct mq_persist_run *run);
void mq_persist_changed_locked(struct mq_queue *q, struct mq_entry *e);
void mq_persist_gone_locked(struct mq_queue *q, struct mq_entry *e);
void mq_persist_arrived_locked(struct mq_queue *q, struct mq_entry *e);
void mq_persist_lost_locked(struct mq_queue *q, struct mq_entry *e);
bool mq_persist_fits_note(const struct mq_queue *q, const struct mq_text *note);
int mq_persist_confirm(struct mq_queue *q);
const char *mq_persist_word(const struct mq_queue *q);
void mq_persist_defined(struct mq_queue *q);

/*
 * As mq_persist_add_locked() and mq_persist_changed_locked(), for a message of a
 * run, which is ready and has no times of its own.
 */
static inline void mq_persist_run_add_locked(struct mq_persist_run *run,
					     const struct mq_journal *j,
					     const struct mq_msg *m)
{
	struct mq_detail *detail = m->detail;
	struct mq_durable *d = detail->durable;
	u64 bytes = mq_msg_bytes(m);

	detail->when = MQ_NEVER;
	detail->expires = MQ_NEVER;
	/* Most are as large as the one before. */
	if (unlikely(bytes != run->bytes)) {
		run->bytes = bytes;
		run->cost = mq_persist_cost(j, bytes);
	}
	d->live = run->cost;
	run->live += run->cost;
	d->seq = ++run->seq;
	run->last->next = &d->dirty;
	d->dirty.prev = run->last;
	run->last = &d->dirty;
}

u64 mq_persist_begin(struct mq_feed *f);
u32 mq_persist_take(struct mq_feed *f, struct mq_change *c, u64 last);
u32 mq_persist_take_late(struct mq_feed *f, struct mq_change *c);
void mq_persist_put_off(struct mq_feed *f);
u32 mq_persist_take_dedups(struct mq_feed *f, struct mq_dedup_change *c, u64 last);
u32 mq_persist_walk(struct mq_feed *f, struct mq_feed_walk *w,
		    struct mq_change *c);
u32 mq_persist_walk_dedups(struct mq_feed *f, struct mq_feed_walk *w,
			   struct mq_dedup_change *c);
void mq_persist_walk_end(struct mq_feed *f, struct mq_feed_walk *w);
u64 mq_persist_window(struct mq_feed *f);
bool mq_persist_remembers(struct mq_feed *f, u64 id);
void mq_persist_put(struct mq_feed *f);
u64 mq_persist_time(u64 boot_ns);
u64 mq_persist_boot_time(u64 real_ns);

#endif /* MQ_QUEUE_PERSIST_H */
