// SPDX-License-Identifier: GPL-2.0
/*
 * Returning early what a dying process holds.
 *
 * When a process is killed, the kernel tears down its memory first, which takes
 * a tenth of a second for each GiB, and closes its files after that. An mmu
 * notifier is called before the first page is freed. If nobody else can use the
 * open file at that time, mq_owner_gone() returns its deliveries at once. If
 * that is not certain, the last close returns them.
 *
 * It is certain if the task is exiting and is the last user of its memory, so
 * that none of its threads will run user code again; if only such threads share
 * its table of descriptors; and if that table has the only reference to the
 * open file. A process that takes a reference out of the table later (with
 * pidfd_getfd(2), for example) gets an open file that holds nothing.
 *
 * This costs a process that acknowledges by hand one notifier. If the notifier
 * cannot be had, the deliveries only return later. An open file that several
 * processes receive with has no owner.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "call/opened.h"
#include "call/owner.h"
#include "call/return.h"
#include "queue/openfile.h"
#include "queue/queue.h"

#ifdef CONFIG_MMU_NOTIFIER

/**
 * struct mq_owner - a process that may hold deliveries
 * @notifier: called when the memory of the process is torn down
 *
 * Its open files are those that it was the last to receive with
 * (mq_file.owner).
 */
struct mq_owner {
	struct mmu_notifier	notifier;
};

static struct mq_owner *mq_owner_of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct mq_owner, notifier);
}

/**
 * struct mq_search - a search through a table of descriptors
 * @owner: the owner of the open files to find
 * @found: gets the file that was found, with a reference
 */
struct mq_search {
	const struct mq_owner	*owner;
	struct file		**found;
};

/*
 * Stop iterate_fd() at an open file that belongs to the owner and that nobody
 * else can use. Return the descriptor to go on with, or 0 to continue.
 */
static int mq_is_owned(const void *search, struct file *file, unsigned int fd)
{
	const struct mq_file *f = mq_file_of(file);
	const struct mq_search *s = search;

	if (!f || READ_ONCE(f->owner) != s->owner || file_count(file) != 1)
		return 0;
	*s->found = get_file(file);
	return fd + 1;
}

/*
 * Return true if only threads of this dying process use its table of
 * descriptors.
 */
static bool mq_table_dies(struct files_struct *files)
{
	struct task_struct *t;
	int n = 0;

	rcu_read_lock();
	for_each_thread(current, t) {
		task_lock(t);
		n += t->files == files;
		task_unlock(t);
	}
	rcu_read_unlock();
	return atomic_read(&files->count) == n;
}

/*
 * Return what the open files of a dying process hold, before its memory is torn
 * down. The search takes a reference to each open file that it finds. So no
 * lock is held while the file returns its deliveries, of which there may be
 * many.
 */
static void mq_owner_gone(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct files_struct *files = current->files;
	struct file *file;
	struct mq_search s = {
		.owner = mq_owner_of(notifier),
		.found = &file,
	};
	unsigned int fd = 0;

	/* Memory also ends in execve(2), or in another task that used it. */
	if (!(current->flags & PF_EXITING) || current->mm || !files ||
	    !mq_table_dies(files))
		return;
	while ((fd = iterate_fd(files, fd, mq_is_owned, &s))) {
		mq_deliveries_return(mq_file_of(file));
		fput(file);
		cond_resched();
	}
}

static struct mmu_notifier *mq_owner_alloc(struct mm_struct *mm)
{
	struct mq_owner *o = kzalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);

	if (!o)
		return ERR_PTR(-ENOMEM);
	return &o->notifier;
}

static void mq_owner_free(struct mmu_notifier *notifier)
{
	kfree(mq_owner_of(notifier));
}

static const struct mmu_notifier_ops mq_owner_ops = {
	.release	= mq_owner_gone,
	.alloc_notifier	= mq_owner_alloc,
	.free_notifier	= mq_owner_free,
};

/*
 * Make @o the owner of @f, and pass the caller's reference to @o on; NULL:
 * none.
 */
static void mq_owner_change(struct mq_file *f, struct mq_owner *o)
{
	struct mq_owner *before;

	spin_lock(&f->q->lock);
	before = f->owner;
	WRITE_ONCE(f->owner_mm, o ? o->notifier.mm : NULL);
	WRITE_ONCE(f->owner, o);
	spin_unlock(&f->q->lock);
	if (before)
		mmu_notifier_put(&before->notifier);
}

/**
 * mq_owner_note - note that this process receives with an open file
 * @f: the consumer
 *
 * The note makes mq_owner_gone() return what the process holds when it dies. If
 * the note cannot be made, the last close returns it. May sleep.
 */
void mq_owner_note(struct mq_file *f)
{
	struct mq_owner *o = READ_ONCE(f->owner);
	struct mmu_notifier *notifier;

	/* The notifier holds the mm, so no other mm has its address. */
	if (likely(o && READ_ONCE(f->owner_mm) == current->mm))
		return;
	if (!current->mm || READ_ONCE(f->disowned))
		return;
	if (o) {
		/* Several processes take turns: have no owner from now on. */
		WRITE_ONCE(f->disowned, true);
		mq_owner_change(f, NULL);
		return;
	}
	notifier = mmu_notifier_get(&mq_owner_ops, current->mm);
	if (IS_ERR(notifier))
		return;
	mq_owner_change(f, mq_owner_of(notifier));
}

/* Remove the owner of an open file, at its last close. */
void mq_owner_forget(struct mq_file *f)
{
	if (f->owner)
		mq_owner_change(f, NULL);
}

/* Wait until the notifiers that were put are freed. */
void mq_owner_exit(void)
{
	mmu_notifier_synchronize();
}

#else

void mq_owner_note(struct mq_file *f)
{
}

void mq_owner_forget(struct mq_file *f)
{
}

void mq_owner_exit(void)
{
}

#endif
