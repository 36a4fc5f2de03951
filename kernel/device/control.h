/* SPDX-License-Identifier: GPL-2.0 */
/* The control node: see control.c. */
#ifndef MQ_DEVICE_CONTROL_H
#define MQ_DEVICE_CONTROL_H

#include <linux/fs.h>

extern const struct file_operations mq_control_fops;

#endif /* MQ_DEVICE_CONTROL_H */
