/* SPDX-License-Identifier: GPL-2.0 */
/* The pool of empty chunks: see pool.c. */
#ifndef MQ_MEMORY_POOL_H
#define MQ_MEMORY_POOL_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct mq_chunk;
struct mq_payer;

extern spinlock_t mq_keepers_lock;
extern struct list_head mq_keepers;

void mq_chunk_give_back(struct mq_chunk *c);
void mq_kept_add(long bytes);
unsigned long mq_kept_bytes(void);
struct mq_chunk *mq_pool_get(struct mq_payer *p, u16 order);
unsigned long mq_pool_empty(void);
bool mq_pool_put(struct mq_chunk *c);
void mq_pool_exit(void);

#endif /* MQ_MEMORY_POOL_H */
