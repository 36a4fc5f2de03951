// SPDX-License-Identifier: GPL-2.0
/* Which files are open files of queues. */
#include <linux/fs.h>
#include <linux/init.h>

#include "queue/file.h"
#include "call/opened.h"

static const struct file_operations *mq_fops_known[2];

/* The operations that open files of queues have. */
void __init mq_opened_init(const struct file_operations *record,
			   const struct file_operations *line)
{
	mq_fops_known[0] = record;
	mq_fops_known[1] = line;
}

/* What the kernel knows as a file, as we do; NULL if it is not ours. */
struct mq_file *mq_file_of(const struct file *file)
{
	return file->f_op == mq_fops_known[0] ||
	       file->f_op == mq_fops_known[1] ? file->private_data : NULL;
}
