// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching journals, detaching them, moving them to another file, and saying which
 * there are.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "device/journals.h"
#include "device/recover.h"
#include "device/registry.h"
#include "journal/attach.h"
#include "journal/jtrace.h"
#include "journal/list.h"
#include "journal/move.h"
#include "journal/notice.h"
#include "journal/writer.h"
#include "memory/durable.h"
#include "queue/close.h"
#include "queue/lock.h"
#include "queue/names.h"
#include "queue/queue.h"
#include "queue/walk.h"

/* Sizes of struct devmq_journal_info: of the first version, and the most. */
#define MQ_INFO_FIRST	offsetofend(struct devmq_journal_info, segment_size)
#define MQ_INFO_MOST	4096

/* How long a detach waits before it looks again whether a queue is removed. */
#define MQ_DETACH_MS	5

/**
 * mq_journal_attach - attach a journal and make its queues again
 * @a: the call; its results are filled in
 * @file: the journal's file, opened by the caller
 * @nodes: the file system for the nodes of the queues
 * @why: gets what is wrong, in words
 * @size: bytes of @why
 *
 * Return: 0 or an error.
 */
int mq_journal_attach(struct devmq_journal_attach *a, struct file *file,
		      struct super_block *nodes, char *why, size_t size)
{
	struct mq_attach at;
	const char *what;
	u32 i;
	int err;

	*why = '\0';
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	err = mq_attach_open(&at, a->name, file, &what);
	if (err)
		strscpy(why, what, size);
	else
		err = mq_recover(&at, nodes, why, size, &a->queues,
				 &a->messages);
	if (!err) {
		a->cut = 0;
		for (i = 0; i < MQ_J_STREAMS; i++)
			a->cut += at.log.tails[i].cut;
		trace_mq_journal_recover(at.j, a->queues, a->messages, a->cut);
		mq_journal_set_ready(at.j, true);
		at.j = NULL;
	}
	mq_attach_close(&at);
	if (err)
		module_put(THIS_MODULE);
	return err;
}

/* -- detaching ---------------------------------------------------------------- */

/*
 * Return 0 if the queues of a journal can be taken away; EAGAIN: one is being
 * removed; or another error, and say why.
 */
static int mq_detach_check_locked(struct mq_journal *j, bool force, char *why,
				  size_t size)
{
	struct mq_feed *f;
	int err = 0;

	lockdep_assert_held(&mq_registry_lock);
	spin_lock(&j->lock);
	if (j->move && !force) {
		snprintf(why, size, "it is being moved to another file");
		err = -EBUSY;
	}
	list_for_each_entry(f, &j->feeds, link) {
		if (err)
			break;
		struct mq_queue *q = container_of(f, struct mq_queue, feed);

		if (READ_ONCE(q->gone)) {
			err = -EAGAIN;
		} else if (READ_ONCE(q->users) && !force) {
			snprintf(why, size, "its queue '%s' is open", q->name);
			err = -EBUSY;
		}
	}
	spin_unlock(&j->lock);
	return err;
}

/* Let nothing enter or leave the queue any more, and keep its messages. */
static void mq_detach_queue(struct mq_queue *q)
{
	mq_lock(q);
	q->feed.detaching = true;
	mq_queue_mark_removed_locked(q);
	mq_unlock(q);
	mq_feed_say(&q->feed);
}

/* Return the first queue of a journal, or NULL, with no reference. */
static struct mq_queue *mq_detach_next(struct mq_journal *j)
{
	struct mq_feed *f;

	spin_lock(&j->lock);
	f = list_first_entry_or_null(&j->feeds, struct mq_feed, link);
	spin_unlock(&j->lock);
	return f ? container_of(f, struct mq_queue, feed) : NULL;
}

/* Make the queues of a journal impossible to find, and stop them. */
static void mq_detach_queues_locked(struct mq_journal *j)
{
	struct mq_feed *f;

	/*
	 * mq_registry_lock keeps queues from coming and going. All have to be
	 * stopped before the first link between two of them is cut.
	 */
	list_for_each_entry(f, &j->feeds, link)
		mq_detach_queue(container_of(f, struct mq_queue, feed));
	list_for_each_entry(f, &j->feeds, link)
		mq_unpublish(container_of(f, struct mq_queue, feed));
}

/* Free the messages whose journal does not need to know of them any more. */
static void mq_detach_orphans(struct mq_journal *j)
{
	struct llist_node *list = llist_del_all(&j->orphans);
	struct mq_durable *d, *next;

	llist_for_each_entry_safe(d, next, list, ended)
		mq_durable_free(d);
}

/* Free the queues of a journal whose thread has stopped. */
static void mq_detach_free(struct mq_journal *j)
{
	struct mq_queue *q;

	while ((q = mq_detach_next(j))) {
		spin_lock(&q->lock);
		q->feed.detached = true;
		spin_unlock(&q->lock);
		mq_feed_leave(&q->feed);
		mq_queue_end(q);
		mq_queue_put(q);
	}
	mq_detach_orphans(j);
}

/*
 * Write all that the queues have. Return 0 or an error; a journal that has
 * failed cannot, and is only detached by force.
 */
static int mq_detach_write(struct mq_journal *j, bool force, char *why,
			   size_t size)
{
	int err = mq_journal_confirm(j, NULL, 0);

	if (err == -EIO && force)
		return 0;
	if (err)
		snprintf(why, size, "%s", err == -EIO ?
			 "it has failed; a move to another file saves what it has, force loses it" :
			 "a signal came before it was written");
	return err;
}

/*
 * Write what there is, and stop all queues of a journal. Return 0; EAGAIN: try
 * again, as one of them is being removed; or another error.
 */
static int mq_detach_stop(struct mq_journal *j, bool force, char *why,
			  size_t size)
{
	int err;

	/* Most of it is written here, where others need not wait. */
	err = mq_detach_write(j, force, why, size);
	if (err)
		return err;
	mutex_lock(&mq_registry_lock);
	if (!j->ready) {
		snprintf(why, size, "it is being detached already");
		err = -ENOENT;
	}
	err = err ?: mq_detach_check_locked(j, force, why, size);
	if (!err) {
		mq_journal_set_ready(j, false);
		mq_detach_queues_locked(j);
	}
	mutex_unlock(&mq_registry_lock);
	return err;
}

/**
 * mq_journal_detach - detach a journal
 * @a: the call
 * @why: gets what is wrong, in words
 * @size: bytes of @why
 *
 * Return: 0 or an error, and nothing was detached.
 */
int mq_journal_detach(const struct devmq_journal_detach *a, char *why,
		      size_t size)
{
	bool force = a->flags & DEVMQ_JOURNAL_FORCE;
	struct mq_journal *j = mq_journal_find(a->name);
	int err;

	if (!j) {
		snprintf(why, size, "no such journal is attached");
		return -ENOENT;
	}
	do {
		err = mq_detach_stop(j, force, why, size);
	} while (err == -EAGAIN && !msleep_interruptible(MQ_DETACH_MS));
	if (err == -EAGAIN) {
		snprintf(why, size, "a signal came");
		err = -EINTR;
	}
	if (!err) {
		mq_writer_stop(j);
		mq_detach_free(j);
		mq_journal_delist(j);
		mq_journal_close(j);
		mq_journal_put(j);
		module_put(THIS_MODULE);
	}
	mq_journal_put(j);
	return err;
}

/* -- moving ------------------------------------------------------------------- */

/* Let the thread of a journal begin with a move, unless it is being detached. */
static int mq_move_hand_over(struct mq_journal *j, struct mq_move *m)
{
	int err = -ENOENT;

	mutex_lock(&mq_registry_lock);
	if (j->ready)
		err = mq_move_start(j, m);
	mutex_unlock(&mq_registry_lock);
	return err;
}

/* Make a move to a file that is prepared. Takes the file if that succeeds. */
static struct mq_move *mq_move_prepare(struct mq_attach *at)
{
	struct mq_cursor *cursor = kmalloc(sizeof(*cursor), GFP_KERNEL_ACCOUNT);
	struct mq_move *m = cursor ? mq_move_new(at->j, cursor) : NULL;

	if (!m) {
		kfree(cursor);
		return NULL;
	}
	mq_cursor_init(cursor);
	at->j = NULL;
	return m;
}

/* Move a journal to a file. Return 0; or an error, and @why gets what is wrong. */
static int mq_move_to(struct mq_journal *j, struct file *file, char *why,
		      size_t size)
{
	struct mq_move *m = NULL;
	struct mq_attach at;
	const char *what;
	int err = mq_attach_target(&at, j, file, &what);

	if (!err) {
		m = mq_move_prepare(&at);
		err = m ? mq_move_hand_over(j, m) : -ENOMEM;
		what = err == -ENOMEM ? "there is no memory" :
		       err == -EBUSY ? "it is being moved already" :
				       "it is being detached";
	}
	mq_attach_close(&at);
	if (!err) {
		err = mq_move_wait(j, m);
		what = err == -EINTR ? "a signal came" : m->why;
	}
	/* The words may be in what ends here. */
	if (err)
		strscpy(why, what, size);
	if (m)
		mq_move_put(m);
	return err;
}

/**
 * mq_journal_move - move a journal to another file
 * @a: the call
 * @file: the other file, opened by the caller
 * @why: gets what is wrong, in words
 * @size: bytes of @why
 *
 * Return: 0 or an error, and the journal is where it was.
 */
int mq_journal_move(const struct devmq_journal_move *a, struct file *file,
		    char *why, size_t size)
{
	struct mq_journal *j = mq_journal_find(a->name);
	int err;

	if (!j) {
		strscpy(why, "no such journal is attached", size);
		return -ENOENT;
	}
	err = mq_move_to(j, file, why, size);
	mq_journal_put(j);
	return err;
}

/* -- listing ----------------------------------------------------------------- */

static void mq_journal_info(struct mq_journal *j, struct devmq_journal_info *i)
{
	spin_lock(&j->lock);
	*i = (struct devmq_journal_info){
		.state = READ_ONCE(j->state),
		.error = READ_ONCE(j->error),
		.bytes = (u64)j->shape.segment_size * j->shape.count,
		.live = atomic64_read(&j->live),
		.written = READ_ONCE(j->written),
		.cleaned = READ_ONCE(j->cleaned),
		.flushes = READ_ONCE(j->flushes),
		.waiters = atomic_read(&j->waiters),
		.segments = j->shape.count,
		.free_segments = READ_ONCE(j->places),
		.segment_size = j->shape.segment_size,
		.queues = j->queues,
		.moved = j->next ? READ_ONCE(j->next->copied) : 0,
		.capacity = READ_ONCE(j->capacity),
	};
	i->moved = min(i->moved, i->live);
	memcpy(i->uuid, j->shape.uuid, sizeof(i->uuid));
	spin_unlock(&j->lock);
	strscpy(i->name, j->name, sizeof(i->name));
}

/* Copy one to the caller, who may know fewer members, or more. */
static int mq_journal_info_copy(u64 to, u32 size,
				const struct devmq_journal_info *i)
{
	void __user *at = u64_to_user_ptr(to);
	u32 known = min_t(u32, size, sizeof(*i));

	if (copy_to_user(at, i, known) || clear_user(at + known, size - known))
		return -EFAULT;
	return 0;
}

/* Say which journals there are. Return 0, EINVAL or EFAULT. */
int mq_journal_list(struct devmq_journal_list *a)
{
	struct devmq_journal_info info;
	struct mq_journal *j = NULL;
	u32 n = 0;

	if (a->flags || a->info_size < MQ_INFO_FIRST ||
	    a->info_size > MQ_INFO_MOST)
		return -EINVAL;
	while ((j = mq_journal_after(j))) {
		mq_journal_info(j, &info);
		if (n < a->count &&
		    mq_journal_info_copy(a->infos + (u64)n * a->info_size,
					 a->info_size, &info)) {
			mq_journal_put(j);
			return -EFAULT;
		}
		n++;
	}
	a->count = n;
	return 0;
}
