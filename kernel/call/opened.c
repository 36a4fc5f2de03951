// SPDX-License-Identifier: GPL-2.0
/* Which files are open files of queues. */
#include <linux/fs.h>
#include <linux/init.h>

#include "call/opened.h"
#include "queue/openfile.h"

static const struct file_operations *mq_fops_known[2];

/* Note the file operations by which mq_file_of() knows open files of queues. */
void __init mq_opened_init(const struct file_operations *record,
			   const struct file_operations *line)
{
	mq_fops_known[0] = record;
	mq_fops_known[1] = line;
}

/* Return the mq_file of @file, or NULL if @file is no open file of a queue. */
struct mq_file *mq_file_of(const struct file *file)
{
	return file->f_op == mq_fops_known[0] ||
	       file->f_op == mq_fops_known[1] ? file->private_data : NULL;
}
