/* SPDX-License-Identifier: GPL-2.0 */
/* Allocate and free entries with their messages: see alloc.c. */
#ifndef MQ_MEMORY_ALLOC_H
#define MQ_MEMORY_ALLOC_H

#include <linux/list.h>
#include <linux/types.h>

struct mq_chunk;
struct mq_detail;
struct mq_entry;
struct mq_lot;
struct mq_payer;
struct mq_refills;
struct mq_sender;
struct mq_sizes;
struct mq_supply;
struct mq_text;

/**
 * struct mq_kind - what is allocated with an entry, besides its message
 * @detail: a struct mq_detail
 * @ordered: a struct mq_ordered, of which the entry is the last member
 * @durable: a struct mq_durable, for which a @detail is needed
 */
struct mq_kind {
	bool	detail;
	bool	ordered;
	bool	durable;
};

/* For the files that allocate entries. */
u32 mq_kind_bytes(struct mq_kind kind);
struct mq_kind mq_kind_of(const struct mq_entry *e);
void mq_entry_init(struct mq_entry *e, const struct mq_sizes *sizes,
		   struct mq_kind kind);
u32 mq_sizes_step(const struct mq_sizes *s);
struct mq_entry *mq_entry_complete(struct mq_entry *e, struct mq_kind kind);

int mq_alloc_init(void);
void mq_alloc_exit(void);
struct mq_entry *mq_entry_alloc(struct mq_supply *s, struct mq_chunk **c,
				const struct mq_sizes *sizes,
				struct mq_kind kind, bool stays);
struct mq_entry *mq_entry_alloc_shared(struct mq_supply *s, struct mq_chunk **c,
				       const struct mq_sizes *sizes,
				       struct mq_kind kind);
struct mq_entry *mq_entry_new(struct mq_supply *s, u32 size,
			      struct mq_kind kind, bool shared);
struct mq_entry *mq_entry_alloc_line(u32 size, struct mq_kind kind);
void mq_entry_resize(struct mq_entry *e, u32 size);
void mq_entry_set_sender(struct mq_entry *e);
struct mq_entry *mq_entry_restore(struct mq_refills *all, u64 queue,
				  const struct mq_sizes *sizes,
				  const struct mq_sender *sender);
void mq_durable_follow(struct mq_detail *detail);
void mq_entry_move_durable(struct mq_entry *e, struct mq_entry *old);
int mq_entry_grow(struct mq_entry **e, u32 before, u32 room);
void mq_entry_free(struct mq_entry *e);
void mq_entries_free(struct list_head *list);
void mq_entries_free_plain(struct list_head *list, bool rare);
struct mq_detail *mq_detail_alloc(void);
void mq_detail_free(struct mq_detail *m);
void mq_detail_restore(struct mq_entry *e);
struct mq_detail *mq_detail_of(struct mq_entry *e);
void mq_detail_add(struct mq_entry *e, struct mq_detail **from);
void mq_detail_give_up(struct mq_entry *e);
void mq_entry_delay(struct mq_entry *e);
void mq_entry_order(struct mq_entry *e);
bool mq_entries_add_durable(struct mq_chunk *c, u32 n);

#endif /* MQ_MEMORY_ALLOC_H */
