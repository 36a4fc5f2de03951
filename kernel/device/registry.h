/* SPDX-License-Identifier: GPL-2.0 */
/* Creating and removing queues: see registry.c. */
#ifndef MQ_DEVICE_REGISTRY_H
#define MQ_DEVICE_REGISTRY_H

#include <linux/fs.h>
#include <linux/types.h>

struct attribute_group;
struct mq_journal;
struct mq_options;
struct mq_queue;
struct super_block;

struct mq_queue *mq_queue_get(u32 minor);
struct mq_queue *mq_queue_new(const char *name, const struct mq_options *opt,
			      struct mq_journal *j);
int mq_queue_publish_locked(struct mq_queue *q, struct super_block *nodes);
void mq_unpublish(struct mq_queue *q);
void mq_queue_end(struct mq_queue *q);
int mq_queue_create(const char *name, const struct mq_options *opt,
		    struct super_block *nodes);
int mq_queue_remove(const char *name, bool force);
void mq_reap(struct mq_queue *q, bool closed);
int mq_queues_init(void);
void mq_queues_exit(void);
int mq_registry_init(const struct file_operations *fops,
		     const struct file_operations *control_fops,
		     const struct attribute_group **groups);
void mq_registry_exit(void);

#endif /* MQ_DEVICE_REGISTRY_H */
