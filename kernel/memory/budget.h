/* SPDX-License-Identifier: GPL-2.0 */
/* The bounds max_total_bytes and max_user_bytes: see budget.c. */
#ifndef MQ_MEMORY_BUDGET_H
#define MQ_MEMORY_BUDGET_H

#include <linux/log2.h>
#include <linux/types.h>

struct mq_payer;
struct mq_user;

/**
 * enum mq_budget - what memory is used for, which decides how it is bounded
 * @MQ_MESSAGES: messages and what belongs to them. Bounded by max_total_bytes,
 *	and by max_user_bytes unless the user is exempt
 * @MQ_MOVES: memory to which messages are moved, in order to free more memory
 *	than that. May exceed max_total_bytes by one 32nd. Once charged, it
 *	counts as MQ_MESSAGES
 * @MQ_BESIDE: open files, and parked commands. Has bounds of its own, which are
 *	one 32nd of the other ones, and do not apply to exempt users. So if
 *	messages use up all memory, a consumer can still open a queue and take
 *	some; and parked senders use no memory that messages need
 */
enum mq_budget { MQ_MESSAGES, MQ_MOVES, MQ_BESIDE };

bool mq_charge(struct mq_payer *p, enum mq_budget what, unsigned long bytes);
bool mq_recharge(struct mq_payer *p, unsigned long from, unsigned long to);
void mq_uncharge(struct mq_payer *p, enum mq_budget what, unsigned long bytes);
bool mq_is_exempt(void);
unsigned long mq_total_room(void);
unsigned long mq_user_room(const struct mq_user *u);
bool mq_budget_fits(const struct mq_payer *p, unsigned long bytes);
const struct mq_user *mq_budget_limiting_user(const struct mq_payer *p,
					      unsigned long bytes);
bool mq_budget_exceeds_bounds(unsigned long bytes);
void mq_budget_init(void);
void mq_budget_exit(void);

/* Return what the slab allocator uses for an object of @size bytes. */
static inline unsigned long mq_kmalloc_bytes(unsigned long size)
{
	if (size > 64 && size <= 96)
		return 96;
	if (size > 128 && size <= 192)
		return 192;
	return roundup_pow_of_two(size);
}

#endif /* MQ_MEMORY_BUDGET_H */
