/* SPDX-License-Identifier: GPL-2.0 */
/* Receiving: see receive.c. */
#ifndef MQ_CALL_RECEIVE_H
#define MQ_CALL_RECEIVE_H

#include <linux/fs.h>
#include <linux/types.h>
#include <linux/uio.h>

struct file;
struct mq_entry;
struct mq_file;
struct mq_ioc;
struct mq_queue;

ssize_t mq_read(struct file *file, char __user *to, size_t size, loff_t *pos);
ssize_t mq_read_iter(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to);
int mq_recv_plain(struct mq_ioc *ioc, struct mq_entry **large)
	__releases(&ioc->f->q->lock);
int mq_recv_large(struct mq_ioc *ioc, struct mq_entry *e);
u32 mq_next_size(struct mq_file *f);
u32 mq_read_size(const struct mq_queue *q, const struct mq_entry *e);
size_t mq_copy_pieces(const struct mq_entry *e, u32 done, size_t size,
		      struct iov_iter *to);
int mq_wait_to_read(struct mq_file *f, bool *called);

#endif /* MQ_CALL_RECEIVE_H */
