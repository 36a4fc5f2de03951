/* SPDX-License-Identifier: GPL-2.0 */
/* PEEK and PURGE: see peek.c. */
#ifndef MQ_CALL_PEEK_H
#define MQ_CALL_PEEK_H

#include <linux/types.h>

struct mq_cursor;
struct mq_file;
struct mq_ioc;
struct mq_queue;

struct mq_cursor *mq_walk_cursor_get(struct mq_file *f, struct mq_cursor *own);
void mq_walk_cursor_put(struct mq_file *f, struct mq_cursor *c);
int mq_ioc_peek(struct mq_ioc *ioc);
int mq_bound_last_id(struct mq_queue *q, u64 *last_id);
int mq_ioc_purge(struct mq_ioc *ioc);

#endif /* MQ_CALL_PEEK_H */
