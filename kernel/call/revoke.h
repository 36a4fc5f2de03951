/* SPDX-License-Identifier: GPL-2.0 */
/* REVOKE: see revoke.c. */
#ifndef MQ_CALL_REVOKE_H
#define MQ_CALL_REVOKE_H

struct mq_ioc;

int mq_ioc_revoke(struct mq_ioc *ioc);

#endif /* MQ_CALL_REVOKE_H */
