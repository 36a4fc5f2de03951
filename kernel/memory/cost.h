/* SPDX-License-Identifier: GPL-2.0 */
/* How many bytes are charged for a chunk: see cost.c. */
#ifndef MQ_MEMORY_COST_H
#define MQ_MEMORY_COST_H

#include <linux/types.h>

struct mq_chunk;

unsigned long mq_chunk_reserve(unsigned long n);
unsigned long mq_large_bytes(unsigned long all);
unsigned long mq_pages_bytes(u16 order);
unsigned long mq_cost(u64 bytes);
void mq_chunk_charge_down(struct mq_chunk *c, unsigned long charged);
bool mq_chunk_charge_up(struct mq_chunk *c, unsigned long charged);

#endif /* MQ_MEMORY_COST_H */
