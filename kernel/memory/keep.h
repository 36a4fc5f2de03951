/* SPDX-License-Identifier: GPL-2.0 */
/* What open files keep for the messages to come: see keep.c. */
#ifndef MQ_MEMORY_KEEP_H
#define MQ_MEMORY_KEEP_H

#include <linux/types.h>

struct mq_chunk;
struct mq_payer;
struct mq_supply;

int mq_keep_init(void);
void mq_keep_exit(void);
void mq_chunk_keep(struct mq_supply *s, struct mq_chunk *c);
void mq_chunk_drop(struct mq_supply *s);
void mq_chunk_forgo(struct mq_supply *s);
bool mq_reclaim(struct mq_supply *s, struct mq_payer *p, struct mq_chunk **c);

#endif /* MQ_MEMORY_KEEP_H */
