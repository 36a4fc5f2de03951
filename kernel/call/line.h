/* SPDX-License-Identifier: GPL-2.0 */
/* framing=line: see line.c. */
#ifndef MQ_CALL_LINE_H
#define MQ_CALL_LINE_H

#include <linux/fs.h>
#include <linux/types.h>
#include <linux/uio.h>

struct mq_file;

ssize_t mq_line_write(struct mq_file *f, struct kiocb *iocb,
		      struct iov_iter *from);
void mq_line_finish(struct mq_file *f);

#endif /* MQ_CALL_LINE_H */
