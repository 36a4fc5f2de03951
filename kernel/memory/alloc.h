/* SPDX-License-Identifier: GPL-2.0 */
/* Allocate and free entries with their messages: see alloc.c. */
#ifndef MQ_MEMORY_ALLOC_H
#define MQ_MEMORY_ALLOC_H

#include <linux/list.h>
#include <linux/types.h>

struct mq_chunk;
struct mq_detail;
struct mq_entry;
struct mq_payer;
struct mq_sender;
struct mq_sizes;
struct mq_supply;

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

int mq_alloc_init(void);
void mq_alloc_exit(void);
struct mq_entry *mq_entry_alloc(struct mq_supply *s, struct mq_chunk **c,
				const struct mq_sizes *sizes,
				struct mq_kind kind, bool stays);
struct mq_entry *mq_entry_new(struct mq_supply *s, u32 size,
			      struct mq_kind kind);
struct mq_entry *mq_entry_alloc_line(u32 size, struct mq_kind kind);
void mq_entry_resize(struct mq_entry *e, u32 size);
void mq_entry_set_sender(struct mq_entry *e);
struct mq_entry *mq_entry_move_alone(struct mq_entry *old);
struct mq_entry *mq_entry_clone_alone(const struct mq_entry *old);
void mq_entry_free_clone(struct mq_entry *e);
struct mq_entry *mq_entry_copy(const struct mq_entry *old, struct mq_kind kind);
void mq_entry_move_times(struct mq_entry *e, struct mq_entry *old);
void mq_entry_move_durable(struct mq_entry *e, struct mq_entry *old);
struct mq_entry *mq_entry_restore(struct mq_payer *p, const struct mq_sizes *sizes,
				  struct mq_kind kind,
				  const struct mq_sender *sender);
int mq_entry_grow(struct mq_entry **e, u32 before, u32 room);
void mq_entry_free(struct mq_entry *e);
void mq_entries_free(struct list_head *list);
void mq_entries_free_plain(struct list_head *list, bool rare);
struct mq_detail *mq_detail_alloc(void);
void mq_detail_free(struct mq_detail *m);
void mq_detail_restore(struct mq_entry *e);
struct mq_detail *mq_detail_of(struct mq_entry *e);
void mq_detail_add(struct mq_entry *e, struct mq_detail **from);

#endif /* MQ_MEMORY_ALLOC_H */
