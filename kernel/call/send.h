/* SPDX-License-Identifier: GPL-2.0 */
/* Sending: see send.c. */
#ifndef MQ_CALL_SEND_H
#define MQ_CALL_SEND_H

#include <linux/fs.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/devmq.h>

struct file;
struct mq_batch;
struct mq_entry;
struct mq_file;
struct mq_ioc;
struct mq_queue;
struct mq_turn;

/**
 * struct mq_sent - what became of messages that were sent
 * @last_id: id of the last message that was taken
 * @dup: nothing was stored: the message was a duplicate, and @last_id is the id
 *	of the message that came first
 */
struct mq_sent {
	u64	last_id;
	bool	dup;
};

/**
 * enum mq_patient - whether a sender waits for room
 * @MQ_WAITS: it does
 * @MQ_NOWAIT: it does not
 * @MQ_HURRIES: nor does it sleep for anything else
 */
enum mq_patient { MQ_WAITS, MQ_NOWAIT, MQ_HURRIES };

void mq_batch_init(struct mq_batch *b);
void mq_batch_add(struct mq_batch *b, struct mq_entry *e);
bool mq_send_may_retry(const struct mq_queue *q, int err);
int mq_send_prepare_retry(struct mq_queue *q);
void mq_send_wake_others(struct mq_file *f);
int mq_send(struct mq_file *f, struct mq_batch *b, struct mq_turn *turn,
	    struct mq_sent *sent);
void mq_turn_answer(struct mq_queue *q, struct mq_turn *turn);
void mq_turn_end(struct mq_queue *q, struct mq_turn *turn);
int mq_send_wait(struct mq_file *f, u64 payload, u64 meta, bool nowait, int err,
		 struct mq_turn *turn);
s64 mq_send_payload(struct mq_file *f, const char __user *from, u64 size,
		    enum mq_patient how);
bool mq_send_fetch(struct mq_ioc *ioc);
int mq_send_quick(struct mq_ioc *ioc);
ssize_t mq_write(struct file *file, const char __user *from, size_t size,
		 loff_t *pos);
ssize_t mq_write_confirm(struct mq_file *f, ssize_t ret);
ssize_t mq_write_iter(struct mq_file *f, struct kiocb *iocb,
		      struct iov_iter *from);

/* Write the results of a SEND of one message. Return 1, or EFAULT. */
static inline int mq_send_tell(struct devmq_send __user *to, u64 id)
{
	if (!user_access_begin(to, sizeof(*to)))
		return -EFAULT;
	unsafe_put_user(1, &to->count, fault);
	unsafe_put_user(id, &to->first_id, fault);
	unsafe_put_user(id, &to->last_id, fault);
	user_access_end();
	return 1;
fault:
	user_access_end();
	return -EFAULT;
}

#endif /* MQ_CALL_SEND_H */
