/* SPDX-License-Identifier: GPL-2.0 */
/* Which files are open files of queues: see opened.c. */
#ifndef MQ_CALL_OPENED_H
#define MQ_CALL_OPENED_H

#include <linux/fs.h>

struct file;
struct mq_file;

void mq_opened_init(const struct file_operations *record,
		    const struct file_operations *line,
		    const struct file_operations *topic);
struct mq_file *mq_file_of(const struct file *file);
struct mq_file *mq_opened_get(int fd, struct file **file);

#endif /* MQ_CALL_OPENED_H */
