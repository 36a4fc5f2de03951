/* SPDX-License-Identifier: GPL-2.0 */
/* How much memory there may be: see budget.c. */
#ifndef MQ_MEMORY_BUDGET_H
#define MQ_MEMORY_BUDGET_H

#include <linux/log2.h>
#include <linux/types.h>

struct mq_payer;
struct mq_user;

/**
 * enum mq_budget - what memory is for, and so how much of it there may be
 * @MQ_MESSAGES: messages and what comes with them: max_user_bytes, but for those who
 *	are exempt, and max_total_bytes
 * @MQ_MOVES: what messages move to, to free more than that: all may exceed
 *	max_total_bytes by a 32nd. Once charged it is memory of messages
 * @MQ_BESIDE: open files, and commands that wait: a 32nd of each bound, of their own,
 *	and no bound for those who are exempt. It takes no room of messages, so that
 *	whoever is to make room can open a queue where messages have used up all; and
 *	who waits to send keeps no room from others
 */
enum mq_budget { MQ_MESSAGES, MQ_MOVES, MQ_BESIDE };

bool mq_charge(struct mq_payer *p, enum mq_budget what, unsigned long bytes);
bool mq_recharge(struct mq_payer *p, unsigned long from, unsigned long to);
void mq_uncharge(struct mq_payer *p, enum mq_budget what, unsigned long bytes);
bool mq_is_exempt(void);
unsigned long mq_total_room(void);
unsigned long mq_user_room(const struct mq_user *u);
bool mq_budget_fits(const struct mq_payer *p, unsigned long bytes);
const struct mq_user *mq_budget_short(const struct mq_payer *p);
bool mq_budget_never(unsigned long bytes);
void mq_budget_init(void);
void mq_budget_exit(void);

/* What the slab allocator takes for an object of @size bytes. */
static inline unsigned long mq_kmalloc_bytes(unsigned long size)
{
	if (size > 64 && size <= 96)
		return 96;
	if (size > 128 && size <= 192)
		return 192;
	return roundup_pow_of_two(size);
}

#endif /* MQ_MEMORY_BUDGET_H */
