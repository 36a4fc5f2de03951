/* SPDX-License-Identifier: GPL-2.0 */
/* DEVMQ_IOC_BIND, UNBIND and BINDINGS: see bind.c. */
#ifndef MQ_CALL_BIND_H
#define MQ_CALL_BIND_H

struct mq_ioc;

int mq_ioc_bind(struct mq_ioc *ioc);
int mq_ioc_unbind(struct mq_ioc *ioc);
int mq_ioc_bindings(struct mq_ioc *ioc);

#endif /* MQ_CALL_BIND_H */
