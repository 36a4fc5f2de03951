/* SPDX-License-Identifier: GPL-2.0 */
/* The nodes of queues: see node.c. */
#ifndef MQ_DEVICE_NODE_H
#define MQ_DEVICE_NODE_H

#include <linux/types.h>

struct super_block;

int mq_node_check(struct super_block *nodes, const char *name, dev_t devt);

#endif /* MQ_DEVICE_NODE_H */
