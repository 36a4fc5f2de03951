/* SPDX-License-Identifier: GPL-2.0 */
/* The consumers and producers of a queue: see members.c. */
#ifndef MQ_QUEUE_MEMBERS_H
#define MQ_QUEUE_MEMBERS_H

#include <linux/compiler.h>
#include <linux/fs.h>
#include <linux/types.h>

#include "queue/openfile.h"

bool mq_is_barred(const struct mq_file *f);
int mq_queue_join(struct mq_queue *q, struct mq_file *f, fmode_t role);
int mq_queue_attach(struct mq_queue *q, struct mq_file *f);
void mq_queue_detach(struct mq_queue *q, struct mq_file *f);

/*
 * Give an open file a role before it acts in that role: FMODE_READ before its
 * first receive or wait for a message, FMODE_WRITE before its first send or
 * wait for room. Return: as mq_queue_join().
 */
static inline int mq_take_role(struct mq_file *f, fmode_t role)
{
	return likely(READ_ONCE(f->roles) & role) ? 0 :
						    mq_queue_join(f->q, f, role);
}

#endif /* MQ_QUEUE_MEMBERS_H */
