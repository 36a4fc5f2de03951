/* SPDX-License-Identifier: GPL-2.0 */
/* SETTLE and CONSUMER: see settle.c. */
#ifndef MQ_CALL_SETTLE_H
#define MQ_CALL_SETTLE_H

#include <linux/types.h>
#include <linux/devmq.h>

struct mq_ioc;
struct mq_text;

int mq_settlement_check(const struct devmq_settlement *s, u32 last_action);
struct mq_text *mq_settlement_note(const struct devmq_settlement *s);
int mq_ioc_settle(struct mq_ioc *ioc);
int mq_ioc_consumer(struct mq_ioc *ioc);

#endif /* MQ_CALL_SETTLE_H */
