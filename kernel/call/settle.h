/* SPDX-License-Identifier: GPL-2.0 */
/* SETTLE and CONSUMER: see settle.c. */
#ifndef MQ_CALL_SETTLE_H
#define MQ_CALL_SETTLE_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/devmq.h>

struct mq_file;
struct mq_ioc;
struct mq_text;

/* The most deliveries of a range that are settled in one hold of the lock. */
#define MQ_SETTLE_PORTION	256

int mq_settlement_check(const struct devmq_settlement *s, u32 last_action);
struct mq_text *mq_settlement_note(const struct devmq_settlement *s);
void mq_settle_range(struct mq_file *f, struct devmq_settlement *s,
		     struct mq_text *note);
int mq_settle_quick(struct mq_file *f, struct devmq_settle __user *a);
int mq_ioc_settle(struct mq_ioc *ioc);
int mq_ioc_consumer(struct mq_ioc *ioc);

#endif /* MQ_CALL_SETTLE_H */
