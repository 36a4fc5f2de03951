/* SPDX-License-Identifier: GPL-2.0 */
/* Commands of io_uring that wait without a thread: see park.c. */
#ifndef MQ_CALL_PARK_H
#define MQ_CALL_PARK_H

#include <linux/types.h>

struct io_uring_cmd;
struct mq_file;
struct mq_ioc;

void mq_park_init(struct mq_file *f);
int mq_park(struct io_uring_cmd *cmd, const struct mq_ioc *ioc,
	    unsigned int issue_flags);
void mq_park_cancel_ring(struct io_uring_cmd *cmd, unsigned int issue_flags);
int mq_park_cancel_user(struct mq_file *f, struct io_uring_cmd *cmd, u64 user_data);

#endif /* MQ_CALL_PARK_H */
