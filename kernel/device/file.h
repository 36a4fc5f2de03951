/* SPDX-License-Identifier: GPL-2.0 */
/* The file operations of a queue: see file.c. */
#ifndef MQ_DEVICE_FILE_H
#define MQ_DEVICE_FILE_H

#include <linux/fs.h>

extern const struct file_operations mq_fops;

void mq_file_init(void);

#endif /* MQ_DEVICE_FILE_H */
