/* SPDX-License-Identifier: GPL-2.0 */
/* Making the queues of a journal again: see recover.c. */
#ifndef MQ_DEVICE_RECOVER_H
#define MQ_DEVICE_RECOVER_H

#include <linux/types.h>

struct mq_attach;
struct super_block;

int mq_recover(struct mq_attach *a, struct super_block *nodes, char *why,
	       size_t size, u64 *queues, u64 *messages);

#endif /* MQ_DEVICE_RECOVER_H */
