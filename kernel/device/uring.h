/* SPDX-License-Identifier: GPL-2.0 */
/* Commands from io_uring: see uring.c. */
#ifndef MQ_DEVICE_URING_H
#define MQ_DEVICE_URING_H

struct io_uring_cmd;

int mq_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

#endif /* MQ_DEVICE_URING_H */
