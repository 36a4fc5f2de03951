/* SPDX-License-Identifier: GPL-2.0 */
/* Reserve places for messages from other queues: see places.c. */
#ifndef MQ_QUEUE_PLACES_H
#define MQ_QUEUE_PLACES_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include "memory/entry.h"
#include "queue/parts.h"

struct mq_msg;
struct mq_queue;

void mq_places_init(struct mq_places *g);
bool mq_place_reserve(struct mq_queue *q, u64 bytes);
void mq_place_restore(struct mq_queue *q, u64 bytes);
bool mq_place_announce(struct mq_queue *q);
void mq_place_arrived(struct mq_queue *q);
bool mq_places_close(struct mq_queue *q, bool force);
void mq_dead_letter_add_locked(struct mq_queue *q, struct mq_entry *e);
void mq_dead_letter_del_locked(struct mq_queue *q, struct mq_entry *e);
void mq_queue_unreserve_locked(struct mq_queue *q, const struct mq_msg *msg);

#endif /* MQ_QUEUE_PLACES_H */
