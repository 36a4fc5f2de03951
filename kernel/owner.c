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
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "mq.h"

#ifdef CONFIG_MMU_NOTIFIER

/**
 * struct mq_owner - a process, for what it holds
 * @notifier: tells of the end of its memory
 * @files: open files that it was the last to receive with (mq_owner_lock)
 */
struct mq_owner {
	struct mmu_notifier	notifier;
	struct list_head	files;
};

/* Protects who owns what. */
static DEFINE_MUTEX(mq_owner_lock);

static struct mq_owner *mq_owner_of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct mq_owner, notifier);
}

static int mq_is_file(const void *wanted, struct file *file, unsigned int fd)
{
	return file == wanted;
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

/* The memory of a process begins to go. */
static void mq_owner_gone(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct files_struct *files = current->files;
	struct mq_owner *o = mq_owner_of(notifier);
	bool dies;
	struct mq_file *f;

	/* It can end in other ways: execve(2), or when somebody looks at it. */
	dies = current->flags & PF_EXITING && !current->mm && files &&
	       mq_table_dies(files);
	mutex_lock(&mq_owner_lock);
	list_for_each_entry(f, &o->files, owned)
		if (dies && file_count(f->file) == 1 &&
		    iterate_fd(files, 0, mq_is_file, f->file))
			mq_return_all(f);
	mutex_unlock(&mq_owner_lock);
}

static struct mmu_notifier *mq_owner_alloc(struct mm_struct *mm)
{
	struct mq_owner *o = kzalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);

	if (!o)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&o->files);
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

	mutex_lock(&mq_owner_lock);
	before = f->owner;
	WRITE_ONCE(f->owner_mm, o ? o->notifier.mm : NULL);
	WRITE_ONCE(f->owner, o);
	list_del_init(&f->owned);
	if (o)
		list_add(&f->owned, &o->files);
	mutex_unlock(&mq_owner_lock);
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
