// SPDX-License-Identifier: GPL-2.0
/* The nodes of queues in devtmpfs. */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/string.h>

#include "device/node.h"

/*
 * Return what devtmpfs has of this name in @dir, or NULL. All that it has is in
 * the dentry cache.
 */
static struct dentry *mq_node_find(struct dentry *dir, const char *name)
{
	struct qstr word = QSTR_INIT(name, strlen(name));

	word.hash = full_name_hash(dir, name, word.len);
	return d_lookup(dir, &word);
}

/*
 * Check the node of this name. The driver core does not say whether the node
 * could be made: it could not if there is a file of that name.
 *
 * @nodes is the file system that should have the node. If that is no devtmpfs,
 * or NULL, some other program makes nodes, at a time of its own, and there is
 * nothing to check.
 *
 * Return 0; EBUSY if there is another file; ENXIO if there is none.
 */
int mq_node_check(struct super_block *nodes, const char *name,
		  dev_t devt)
{
	struct dentry *dir, *node = NULL;
	const struct inode *inode;
	int err = -ENXIO;

	if (!nodes || strcmp(nodes->s_type->name, "devtmpfs"))
		return 0;
	dir = mq_node_find(nodes->s_root, "mq");
	if (dir)
		node = mq_node_find(dir, name);
	inode = node ? d_inode(node) : NULL;
	if (inode)
		err = S_ISCHR(inode->i_mode) && inode->i_rdev == devt ?
		      0 : -EBUSY;
	dput(node);
	dput(dir);
	return err;
}
