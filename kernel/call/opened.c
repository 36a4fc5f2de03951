// SPDX-License-Identifier: GPL-2.0
/* Which files are open files of queues. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>

#include "call/opened.h"
#include "queue/openfile.h"

static const struct file_operations *mq_fops_known[3];

/* Note the file operations by which mq_file_of() knows open files of queues. */
void __init mq_opened_init(const struct file_operations *record,
			   const struct file_operations *line,
			   const struct file_operations *topic)
{
	mq_fops_known[0] = record;
	mq_fops_known[1] = line;
	mq_fops_known[2] = topic;
}

/* Return the mq_file of @file, or NULL if @file is no open file of a queue. */
struct mq_file *mq_file_of(const struct file *file)
{
	return file->f_op == mq_fops_known[0] ||
	       file->f_op == mq_fops_known[1] ||
	       file->f_op == mq_fops_known[2] ? file->private_data : NULL;
}

/**
 * mq_opened_get - find the open file of a queue by a descriptor of the caller
 * @fd: the descriptor
 * @file: gets the file, with a reference for fput(), also if it is another one; NULL:
 *	there is none
 *
 * Return: the open file; ERR_PTR(-EBADF): the descriptor is not open;
 * ERR_PTR(-EINVAL): it is open for something else.
 */
struct mq_file *mq_opened_get(int fd, struct file **file)
{
	*file = fget(fd);
	if (!*file)
		return ERR_PTR(-EBADF);
	return mq_file_of(*file) ?: ERR_PTR(-EINVAL);
}
