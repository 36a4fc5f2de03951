/* SPDX-License-Identifier: GPL-2.0 */
/* Reading what a topic retains: see replay.c. */
#ifndef MQ_CALL_REPLAY_H
#define MQ_CALL_REPLAY_H

#include <linux/fs.h>
#include <linux/types.h>
#include <linux/uio.h>

struct mq_file;

void mq_replay_open(struct mq_file *f);
void mq_replay_close(struct mq_file *f);
ssize_t mq_replay_read(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to);
loff_t mq_replay_seek(struct mq_file *f, loff_t offset, int whence);
u32 mq_replay_next_size(struct mq_file *f);

#endif /* MQ_CALL_REPLAY_H */
