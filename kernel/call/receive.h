/* SPDX-License-Identifier: GPL-2.0 */
/* Receiving: see receive.c. */
#ifndef MQ_CALL_RECEIVE_H
#define MQ_CALL_RECEIVE_H

#include <linux/fs.h>
#include <linux/types.h>
#include <linux/uio.h>

struct file;
struct mq_file;

ssize_t mq_read(struct file *file, char __user *to, size_t size, loff_t *pos);
ssize_t mq_read_iter(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to);
u32 mq_next_size(struct mq_file *f);

#endif /* MQ_CALL_RECEIVE_H */
