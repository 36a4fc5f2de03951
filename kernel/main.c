// SPDX-License-Identifier: GPL-2.0
/*
 * devmq: message queues as device files. This file starts and stops the module.
 *
 * See kernel/README for the folders of this directory and for the locks.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "call/batch.h"
#include "call/owner.h"
#include "device/control.h"
#include "device/file.h"
#include "device/registry.h"
#include "device/sysfs.h"
#include "memory/alloc.h"
#include "memory/budget.h"
#include "memory/chunk.h"
#include "memory/keep.h"
#include "memory/payer.h"
#include "memory/shortage.h"
#include "queue/clock.h"
#include "topic/binding.h"
#include "topic/patience.h"

static int __init devmq_init(void)
{
	int err;

	err = mq_queues_init();
	if (err)
		return err;
	mq_shortage_init();
	mq_budget_init();
	err = mq_alloc_init();
	if (err)
		goto out_queues;
	err = mq_keep_init();
	if (err)
		goto out_alloc;
	err = mq_clock_init();
	if (err)
		goto out_keep;
	err = mq_topics_init();
	if (err)
		goto out_clock;
	err = mq_sysfs_init();
	if (err)
		goto out_topics;
	mq_file_init();
	err = mq_registry_init(&mq_fops, &mq_control_fops, mq_sysfs_groups);
	if (err)
		goto out_sysfs;
	return 0;

out_sysfs:
	mq_sysfs_exit();
out_topics:
	mq_topics_exit();
out_clock:
	mq_clock_exit();
out_keep:
	mq_keep_exit();
out_alloc:
	mq_alloc_exit();
out_queues:
	mq_queues_exit();
	return err;
}

static void __exit devmq_exit(void)
{
	mq_registry_exit();
	mq_topics_drain();
	mq_patience_exit();
	mq_owner_exit();
	mq_batch_exit();
	mq_sysfs_exit();
	mq_clock_exit();
	mq_keep_exit();
	mq_alloc_exit();
	mq_shortage_exit();
	mq_budget_exit();
	mq_payers_exit();
	mq_topics_exit();
	mq_queues_exit();
}

module_init(devmq_init);
module_exit(devmq_exit);

MODULE_DESCRIPTION("Message queues as device files");
MODULE_AUTHOR("The devmq developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1");
