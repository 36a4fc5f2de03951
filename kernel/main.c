// SPDX-License-Identifier: GPL-2.0
/*
 * devmq: message queues as device files. The module comes and goes here.
 *
 * See kernel/README for the rooms of this directory and mq.h for the locks.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "mq.h"

static int __init devmq_init(void)
{
	int err;

	err = mq_queues_init();
	if (err)
		return err;
	err = mq_account_init();
	if (err)
		goto out_queues;
	err = mq_message_init();
	if (err)
		goto out_account;
	err = mq_chunk_module_init();
	if (err)
		goto out_message;
	err = mq_time_init();
	if (err)
		goto out_chunk;
	err = mq_sysfs_init();
	if (err)
		goto out_time;
	err = mq_registry_init();
	if (err)
		goto out_sysfs;
	return 0;

out_sysfs:
	mq_sysfs_exit();
out_time:
	mq_time_exit();
out_chunk:
	mq_chunk_module_exit();
out_message:
	mq_message_exit();
out_account:
	mq_account_exit();
out_queues:
	mq_queues_exit();
	return err;
}

static void __exit devmq_exit(void)
{
	mq_registry_exit();
	mq_owner_exit();
	mq_batch_exit();
	mq_sysfs_exit();
	mq_time_exit();
	mq_chunk_module_exit();
	mq_message_exit();
	mq_account_exit();
	mq_queues_exit();
}

module_init(devmq_init);
module_exit(devmq_exit);

MODULE_DESCRIPTION("Message queues as device files");
MODULE_AUTHOR("The devmq developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1");
