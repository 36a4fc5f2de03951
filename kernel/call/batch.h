/* SPDX-License-Identifier: GPL-2.0 */
/* RECV, and what SEND shares with it: see batch.c. */
#ifndef MQ_CALL_BATCH_H
#define MQ_CALL_BATCH_H

#include <linux/types.h>

struct mq_ioc;

void *mq_window_get(gfp_t gfp);
void mq_window_put(void *window);
void mq_batch_exit(void);
bool mq_recv_fetch(struct mq_ioc *ioc);
int mq_ioc_recv(struct mq_ioc *ioc);

#endif /* MQ_CALL_BATCH_H */
