/* SPDX-License-Identifier: GPL-2.0 */
/* The ioctls of the control node: see journals.c. */
#ifndef MQ_DEVICE_JOURNALS_H
#define MQ_DEVICE_JOURNALS_H

#include <linux/types.h>
#include <linux/devmq.h>

struct file;
struct super_block;

int mq_journal_attach(struct devmq_journal_attach *a, struct file *file,
		      struct super_block *nodes, char *why, size_t size);
int mq_journal_detach(const struct devmq_journal_detach *a, char *why,
		      size_t size);
int mq_journal_move(const struct devmq_journal_move *a, struct file *file,
		    char *why, size_t size);
int mq_journal_list(struct devmq_journal_list *a);

#endif /* MQ_DEVICE_JOURNALS_H */
