/* SPDX-License-Identifier: GPL-2.0 */
/* SEND and RECV: see batch.c. */
#ifndef MQ_CALL_BATCH_H
#define MQ_CALL_BATCH_H

struct mq_ioc;

void mq_batch_exit(void);
int mq_ioc_send(struct mq_ioc *ioc);
int mq_ioc_recv(struct mq_ioc *ioc);

#endif /* MQ_CALL_BATCH_H */
