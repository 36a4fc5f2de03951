/* SPDX-License-Identifier: GPL-2.0 */
/* REDRIVE: see redrive.c. */
#ifndef MQ_CALL_REDRIVE_H
#define MQ_CALL_REDRIVE_H

struct mq_ioc;

int mq_ioc_redrive(struct mq_ioc *ioc);

#endif /* MQ_CALL_REDRIVE_H */
