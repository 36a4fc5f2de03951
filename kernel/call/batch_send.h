/* SPDX-License-Identifier: GPL-2.0 */
/* SEND: see batch_send.c. */
#ifndef MQ_CALL_BATCH_SEND_H
#define MQ_CALL_BATCH_SEND_H

struct mq_ioc;

int mq_record_quick(struct mq_ioc *ioc);
int mq_ioc_send(struct mq_ioc *ioc);

#endif /* MQ_CALL_BATCH_SEND_H */
