// SPDX-License-Identifier: GPL-2.0
/*
 * The file or the block device of a journal.
 *
 * The journal has an open file of its own, so that no flag that user space
 * changes and no error that user space has seen concerns it. It reads and writes
 * without the page cache where the file system can: after a write that failed
 * the cache shows bytes that the disk does not have.
 */
#include <linux/bvec.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/uio.h>

#include "base/base.h"
#include "base/compat.h"
#include "journal/format.h"
#include "journal/medium.h"

/* The most pages in one read or write: 4 MB, where they are not larger. */
#define MQ_MEDIUM_PAGES	1024

/* Allocate the pages of one read or write at a time. Return NULL without memory. */
struct bio_vec *mq_medium_pages_new(void)
{
	return kmalloc_array(MQ_MEDIUM_PAGES, sizeof(struct bio_vec), GFP_KERNEL_ACCOUNT);
}

/* Say why the file cannot be a journal. Return @err. */
static int mq_medium_refuse(const char **why, int err, const char *what)
{
	*why = what;
	return err;
}

/* Check what kind of file it is. */
static int mq_medium_kind(struct file *given, const char **why)
{
	struct inode *inode = file_inode(given);

	if (!S_ISREG(inode->i_mode) && !S_ISBLK(inode->i_mode))
		return mq_medium_refuse(why, -ENOTBLK,
				       "neither a regular file nor a block device");
	if ((given->f_mode & (FMODE_READ | FMODE_WRITE)) !=
	    (FMODE_READ | FMODE_WRITE))
		return mq_medium_refuse(why, -EBADF,
				       "the descriptor is not open for reading and writing");
	if (S_ISBLK(inode->i_mode))
		return 0;
	if (IS_SWAPFILE(inode))
		return mq_medium_refuse(why, -ETXTBSY, "it is a swap file");
	if (IS_APPEND(inode) || IS_IMMUTABLE(inode) || given->f_flags & O_APPEND)
		return mq_medium_refuse(why, -EPERM,
				       "it can only be appended to, or not be changed");
	if (!given->f_op->write_iter || !given->f_op->read_iter ||
	    !given->f_op->fsync)
		return mq_medium_refuse(why, -EOPNOTSUPP,
				       "its file system cannot write and flush for the kernel");
	/* A FUSE server may need the messages that it keeps from the disk. */
	if (inode->i_sb->s_magic == FUSE_SUPER_MAGIC)
		return mq_medium_refuse(why, -EOPNOTSUPP,
				       "it is on a FUSE file system");
	return 0;
}

/* Check that a regular file has no holes, and learn how it is to be written. */
static int mq_medium_facts(struct mq_medium *s, const char **why)
{
	struct kstat stat;
	int err;

	err = vfs_getattr(&s->file->f_path, &stat, STATX_BASIC_STATS | STATX_DIOALIGN,
			  AT_STATX_SYNC_AS_STAT);
	if (err)
		return mq_medium_refuse(why, err, "its attributes cannot be read");
	s->unit = MQ_J_UNIT_MAX;
	if (S_ISBLK(stat.mode))
		return 0;
	if (!stat.nlink)
		return mq_medium_refuse(why, -ENOENT, "it was removed");
	if (stat.result_mask & STATX_DIOALIGN && stat.dio_offset_align &&
	    stat.dio_offset_align < MQ_J_UNIT_MAX)
		s->unit = max_t(u32, stat.dio_offset_align, MQ_J_UNIT_MIN);
	if (stat.blocks * SECTOR_SIZE < stat.size)
		return mq_medium_refuse(why, -EINVAL,
				       "it has holes: mqctl journal create writes every block");
	return 0;
}

/* Open the file anew, without the page cache if that can be. */
static struct file *mq_medium_reopen(struct file *given)
{
	int flags = O_RDWR | O_LARGEFILE;
	struct file *file;

	file = dentry_open(&given->f_path, flags | O_DIRECT, given->f_cred);
	if (file == ERR_PTR(-EINVAL))
		file = dentry_open(&given->f_path, flags, given->f_cred);
	return file;
}

/**
 * mq_medium_open - open the file of a journal
 * @s: the file
 * @given: a descriptor's, which stays the caller's
 * @why: set to what is wrong, if anything is
 *
 * Return: 0 or an error.
 */
int mq_medium_open(struct mq_medium *s, struct file *given, const char **why)
{
	int err = mq_medium_kind(given, why);

	memset(s, 0, sizeof(*s));
	if (err)
		return err;
	s->pages = mq_medium_pages_new();
	if (!s->pages)
		return mq_medium_refuse(why, -ENOMEM, "there is no memory");
	s->file = mq_medium_reopen(given);
	if (IS_ERR(s->file)) {
		err = PTR_ERR(s->file);
		s->file = NULL;
		*why = "it cannot be opened for reading and writing";
	} else {
		err = mq_medium_facts(s, why);
	}
	if (!err && S_ISBLK(file_inode(s->file)->i_mode)) {
		err = mq_claim_begin(&s->claim, file_inode(s->file)->i_rdev,
				     s->pages);
		if (err)
			*why = "the device is mounted or in use";
	}
	if (err)
		mq_medium_close(s);
	return err;
}

void mq_medium_close(struct mq_medium *s)
{
	/* A journal that is moved gives its struct mq_medium another address. */
	mq_claim_end(&s->claim, s->pages);
	if (s->file)
		fput(s->file);
	kfree(s->pages);
	s->file = NULL;
	s->pages = NULL;
}

/* Return whether both are the same file, by whatever name. */
bool mq_medium_same(const struct mq_medium *a, const struct mq_medium *b)
{
	return a->file->f_mapping->host == b->file->f_mapping->host;
}

/* Return how large the file is now. */
u64 mq_medium_size(const struct mq_medium *s)
{
	return i_size_read(s->file->f_mapping->host);
}

/*
 * Return whether the file has no name any more: nobody will find it again when the
 * journal has been detached.
 */
bool mq_medium_is_removed(const struct mq_medium *s)
{
	const struct inode *inode = file_inode(s->file);

	if (!S_ISREG(inode->i_mode))
		return false;
	/* NFS gives a file that is open another name until it is closed. */
	return !READ_ONCE(inode->i_nlink) ||
	       READ_ONCE(s->file->f_path.dentry->d_flags) & DCACHE_NFSFS_RENAMED;
}

/* Fill in the pages of @size bytes, which lie in pages of their own. */
static u32 mq_medium_pages(struct bio_vec *v, void *data, u32 size)
{
	u32 n, done = 0;

	for (n = 0; n < MQ_MEDIUM_PAGES && done < size; n++) {
		void *at = data + done;

		v[n].bv_page = is_vmalloc_addr(at) ? vmalloc_to_page(at) :
						     virt_to_page(at);
		v[n].bv_offset = offset_in_page(at);
		v[n].bv_len = min_t(u32, size - done, PAGE_SIZE - v[n].bv_offset);
		done += v[n].bv_len;
	}
	return done;
}

/* Read or write @size bytes, as many as there are pages for. */
static ssize_t mq_medium_io(struct mq_medium *s, u64 at, void *data, u32 size,
			    bool writes)
{
	struct bio_vec *v = s->pages;
	struct kiocb iocb;
	struct iov_iter iter;
	u32 n;

	size = mq_medium_pages(v, data, size);
	n = DIV_ROUND_UP(offset_in_page(data) + size, PAGE_SIZE);
	iov_iter_bvec(&iter, writes ? ITER_SOURCE : ITER_DEST, v, n, size);
	init_sync_kiocb(&iocb, s->file);
	iocb.ki_pos = at;
	return writes ? s->file->f_op->write_iter(&iocb, &iter) :
			s->file->f_op->read_iter(&iocb, &iter);
}

static int mq_medium_all(struct mq_medium *s, u64 at, void *data, u32 size,
			 bool writes)
{
	ssize_t n = 0;

	while (size) {
		n = mq_medium_io(s, at, data, size, writes);
		/* A short write is an error, too: there is no room for the rest. */
		if (n <= 0 || !IS_ALIGNED(n, MQ_J_UNIT_MIN))
			break;
		at += n;
		data += n;
		size -= n;
	}
	if (!size)
		return 0;
	return n < 0 ? n : -EIO;
}

/* Read @size bytes into memory that begins at a page or is aligned to a unit. */
int mq_medium_read(struct mq_medium *s, u64 at, void *to, u32 size)
{
	return mq_medium_all(s, at, to, size, false);
}

/*
 * Write @size bytes. Return 0; -EAGAIN: the file system is frozen, and nothing
 * was written; -ENXIO: the file is shorter than it was; or an error of the file
 * system.
 */
int mq_medium_write(struct mq_medium *s, u64 at, void *from, u32 size)
{
	int err;

	if (mq_medium_size(s) < s->size)
		return -ENXIO;
	/* Waiting for the end of a freeze would keep the system from a suspend. */
	if (S_ISREG(file_inode(s->file)->i_mode) &&
	    !file_start_write_trylock(s->file))
		return -EAGAIN;
	err = mq_medium_all(s, at, from, size, true);
	if (S_ISREG(file_inode(s->file)->i_mode))
		file_end_write(s->file);
	return err == -EAGAIN ? -EIO : err;
}

/* Bring all that was written to stable storage. */
int mq_medium_flush(struct mq_medium *s)
{
	return vfs_fsync_range(s->file, 0, LLONG_MAX, 1);
}
