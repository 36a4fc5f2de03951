/* SPDX-License-Identifier: GPL-2.0 */
/* Options and counters as files: see sysfs.c. */
#ifndef MQ_DEVICE_SYSFS_H
#define MQ_DEVICE_SYSFS_H

struct attribute_group;

extern const struct attribute_group *mq_sysfs_groups[];

int mq_sysfs_init(void);
void mq_sysfs_exit(void);

#endif /* MQ_DEVICE_SYSFS_H */
