/* SPDX-License-Identifier: GPL-2.0 */
/* Copies of entries: see copy.c. */
#ifndef MQ_MEMORY_COPY_H
#define MQ_MEMORY_COPY_H

#include <linux/types.h>

#include "memory/alloc.h"

struct mq_entry;
struct mq_lot;
struct mq_text;

/*
 * Payloads above this size are shared by the copies of a message. README, "Memory",
 * says why those and not others.
 */
#define MQ_SHARED_OVER	1024

struct mq_entry *mq_entry_move_alone(struct mq_entry *old);
struct mq_entry *mq_entry_clone_alone(const struct mq_entry *old);
void mq_entry_free_clone(struct mq_entry *e);
struct mq_entry *mq_entry_copy(const struct mq_entry *old, struct mq_kind kind);
struct mq_entry *mq_entry_share(const struct mq_entry *old, struct mq_kind kind);
u32 mq_entry_told_size(const struct mq_entry *old, const struct mq_text *topic);
struct mq_entry *mq_entry_copy_told(struct mq_lot *lot, const struct mq_entry *old,
				    const struct mq_text *topic);
bool mq_entry_lends(const struct mq_entry *e);
void mq_entry_move_times(struct mq_entry *e, struct mq_entry *old);
void mq_entry_share_topic(struct mq_entry *e, const struct mq_entry *old);

#endif /* MQ_MEMORY_COPY_H */
