/* SPDX-License-Identifier: GPL-2.0 */
/* The ioctls: see ioctl.c. */
#ifndef MQ_DEVICE_IOCTL_H
#define MQ_DEVICE_IOCTL_H

struct file;
struct mq_ioc;

int mq_ioc_begin(struct mq_ioc *ioc, unsigned int cmd);
long mq_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* MQ_DEVICE_IOCTL_H */
