// SPDX-License-Identifier: GPL-2.0
/*
 * Handing back early what a dying process holds.
 *
 * The kernel closes the files of a process that was killed after it has torn
 * down its memory, which takes a tenth of a second for each GiB. But the
 * beginning of that can be learned of: an mmu notifier is told before the first
 * page goes. If by then nobody else could use the open file any more, its
 * deliveries go back at once; if that is not certain, they go back at the last
 * close, as always.
 *
 * It is certain if the task is exiting and the last user of its memory, so
 * that none of its threads will run user code again; if all who share its
 * table of descriptors are such threads; and if that table has the only
 * reference to the open file. Who takes a reference out of the table later (by
 * pidfd_getfd(2), say) gets an open file that holds nothing.
 *
 * This costs a process that acknowledges by hand one notifier; where it cannot
 * be had nothing is missing but speed. An open file that several processes
 * receive with has no owner.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "queue/file.h"
#include "queue/queue.h"
#include "call/opened.h"
#include "call/owner.h"
#include "call/return.h"

#ifdef CONFIG_MMU_NOTIFIER

/**
 * struct mq_owner - a process, for what it holds
 * @notifier: tells of the end of its memory
 *
 * The open files that it was the last to receive with name it (mq_file.owner).
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
 * @owner: whose open files are looked for
 * @found: gets the one that was found, with a reference
 */
struct mq_search {
	const struct mq_owner	*owner;
	struct file		**found;
};

/* Did the owner receive with this, and can nobody else use it? */
static int mq_is_owned(const void *search, struct file *file, unsigned int fd)
{
	const struct mq_file *f = mq_file_of(file);
	const struct mq_search *s = search;

	if (!f || READ_ONCE(f->owner) != s->owner || file_count(file) != 1)
		return 0;
	*s->found = get_file(file);
	return fd + 1;
}

/* Do only threads of this dying process use its table of descriptors? */
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
 * The memory of a process begins to go. Its table of descriptors is gone through
 * once. No lock is held while an open file gives back what it holds, which may be
 * much: it stays open as it stands in the table, which nobody else uses.
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

	/* It can end in other ways: execve(2), or when somebody looks at it. */
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

/* The owner of @f is @o, of which the caller has a reference, from now on. */
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
 * mq_own - note that this process receives, and may hold what it gets
 * @f: the consumer
 *
 * Without an effect where that cannot be noted. May sleep.
 */
void mq_own(struct mq_file *f)
{
	struct mq_owner *o = READ_ONCE(f->owner);
	struct mmu_notifier *notifier;

	/* The notifier keeps the mm, so this is not another at its address. */
	if (likely(o && READ_ONCE(f->owner_mm) == current->mm))
		return;
	if (!current->mm || READ_ONCE(f->disowned))
		return;
	if (o) {
		/* Several take turns: it would change hands all the time. */
		WRITE_ONCE(f->disowned, true);
		mq_owner_change(f, NULL);
		return;
	}
	notifier = mmu_notifier_get(&mq_owner_ops, current->mm);
	if (IS_ERR(notifier))
		return;
	mq_owner_change(f, mq_owner_of(notifier));
}

/* The open file goes. */
void mq_disown(struct mq_file *f)
{
	if (f->owner)
		mq_owner_change(f, NULL);
}

/* Notifiers are freed a while after they were put. */
void mq_owner_exit(void)
{
	mmu_notifier_synchronize();
}

#else

void mq_own(struct mq_file *f)
{
}

void mq_disown(struct mq_file *f)
{
}

void mq_owner_exit(void)
{
}

#endif
