// SPDX-License-Identifier: GPL-2.0
/*
 * Creating and removing queues, their devices and nodes. Queues are found by
 * device number here, and by name in names.c.
 *
 * The registry holds one reference to each queue, and one to the module for
 * each of them; each open file holds a reference to its queue. A queue that was
 * removed stays in memory, closed and empty, until its last open file is
 * closed.
 */
#include <linux/cdev.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "base/base.h"
#include "base/compat.h"
#include "device/define.h"
#include "device/link.h"
#include "device/node.h"
#include "device/registry.h"
#include "journal/list.h"
#include "journal/journal.h"
#include "memory/alloc.h"
#include "memory/entry.h"
#include "memory/shortage.h"
#include "memory/text.h"
#include "queue/alone.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/close.h"
#include "queue/compact.h"
#include "queue/dedup.h"
#include "queue/due.h"
#include "queue/evict.h"
#include "queue/heard.h"
#include "queue/persist.h"
#include "queue/lock.h"
#include "queue/look.h"
#include "queue/names.h"
#include "queue/options.h"
#include "queue/order.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/retain.h"
#include "queue/subscribe.h"
#include "queue/tell.h"
#include "queue/trace.h"
#include "topic/binding.h"
#include "wait/pollers.h"
#include "wait/wake.h"

#define MQ_MINORS	BIT(MINORBITS)

/* For queues with a journal, and for those without. */
static struct kmem_cache *mq_durable_queue_cache;
static struct kmem_cache *mq_queue_cache;
/*
 * Queues by minor number. Minor 0 is the control node. The array has its own
 * lock.
 *
 * A number is reused as late as possible: a process that still has the node of
 * a removed queue could open a new queue by it, with the permissions of the old
 * node. For the same reason the first number is random when the module is
 * loaded: a node that was linked or made elsewhere may be older than the
 * module.
 */
static DEFINE_XARRAY_ALLOC1(mq_minors);
static u32 mq_next_minor;

static const struct attribute_group **mq_groups;	/* files of a queue */
static dev_t mq_devt;
static struct cdev mq_cdev;
static struct cdev mq_control_cdev;
static struct device *mq_control_dev;

static struct mq_queue *mq_queue_of(const struct device *dev)
{
	return container_of(dev, struct mq_queue, dev);
}

static char *mq_class_devnode(MQ_CLASS_DEVNODE_CONST struct device *dev,
			      umode_t *mode)
{
	if (mode && dev->devt == mq_devt)
		*mode = 0600;
	return kasprintf(GFP_KERNEL, "mq/%s", dev_name(dev));
}

static char *mq_devnode(MQ_TYPE_DEVNODE_CONST struct device *dev,
			umode_t *mode, kuid_t *uid, kgid_t *gid)
{
	const struct mq_queue *q = mq_queue_of(dev);

	/* Without the type, a mode of 0 would mean "no mode". */
	if (mode)
		*mode = S_IFCHR | q->opt.mode;
	if (uid)
		*uid = q->node_uid;
	if (gid)
		*gid = q->node_gid;
	return NULL;	/* the class has the name */
}

static struct class mq_class = {
	.name		= "mq",
	.devnode	= mq_class_devnode,
};

static const struct device_type mq_device_type = {
	.name		= "queue",
	.devnode	= mq_devnode,
};

static struct kmem_cache *mq_queue_cache_of(const struct mq_options *opt)
{
	return *opt->journal ? mq_durable_queue_cache : mq_queue_cache;
}

static void mq_device_release(struct device *dev)
{
	struct mq_queue *q = mq_queue_of(dev);

	mq_gate_exit(&q->gate);
	mq_starved_exit(&q->starved);
	mq_topic_free(q);
	mq_order_exit(q);
	mq_ready_exit(&q->ready);
	mq_dedup_exit(q);
	mq_detail_free(q->spare_detail);
	mq_text_put(q->origin);
	mq_journal_put(q->feed.journal);
	/* A queue in memory does not have this member. */
	if (*q->opt.journal)
		mq_subscriptions_free(q);
	kmem_cache_free(mq_queue_cache_of(&q->opt), q);
}

struct mq_queue *mq_queue_get(u32 minor)
{
	struct mq_queue *q;

	/* The lock keeps the registry from dropping its reference. */
	xa_lock(&mq_minors);
	q = xa_load(&mq_minors, minor);
	if (q)
		get_device(&q->dev);
	xa_unlock(&mq_minors);
	return q;
}

/*
 * Allocate the parts of a queue that mq_device_release() frees. Return 0 or
 * ENOMEM.
 */
static int mq_queue_parts(struct mq_queue *q, const char *name)
{
	int err = dev_set_name(&q->dev, "%s", name);
	struct mq_text *origin;

	if (err)
		return err;
	q->name = dev_name(&q->dev);
	origin = mq_text_alloc(strlen(name), NULL);
	if (IS_ERR(origin))
		return PTR_ERR(origin);
	q->origin = origin;
	memcpy(origin->text, name, origin->size);
	return q->opt.type == MQ_TYPE_TOPIC ? mq_topic_new(q) :
					      mq_order_init(q);
}

static void mq_device_init(struct device *dev)
{
	device_initialize(dev);
	dev->class = &mq_class;
	dev->type = &mq_device_type;
	dev->groups = mq_groups;
	dev->release = mq_device_release;
	/* No power is managed: the device needs no files or suspend. */
	device_set_pm_not_required(dev);
}

static void mq_queue_work(struct work_struct *work);

/**
 * mq_queue_new - make a queue that nobody can find yet
 * @name: its name
 * @opt: its options
 * @j: its journal, with a reference that the queue takes over, or NULL
 *
 * Return: the queue, for mq_queue_publish_locked() or mq_queue_put(); or NULL,
 * and the caller still has the reference to @j.
 */
struct mq_queue *mq_queue_new(const char *name, const struct mq_options *opt,
			      struct mq_journal *j)
{
	struct mq_queue *q = kmem_cache_zalloc(mq_queue_cache_of(opt),
					       GFP_KERNEL);

	if (!q)
		return NULL;
	q->opt = *opt;
	q->node_uid = make_kuid(current_user_ns(), opt->uid);
	q->node_gid = make_kgid(current_user_ns(), opt->gid);
	if (*opt->journal)
		mq_persist_init(q);
	mq_gate_init(&q->gate, &mq_gate_ops);
	mq_places_init(&q->places);
	spin_lock_init(&q->lock);
	mq_ready_init(&q->ready, opt->priorities);
	q->aside = RB_ROOT_CACHED;
	q->next_id = 1;
	mq_starved_init(&q->starved, &mq_starved_ops);
	q->store.ops = &mq_store_ops;
	INIT_LIST_HEAD(&q->unlinked);
	INIT_LIST_HEAD(&q->all);
	INIT_LIST_HEAD(&q->consumers);
	INIT_LIST_HEAD(&q->alone_waiting);
	INIT_LIST_HEAD(&q->alone_untold);
	INIT_LIST_HEAD(&q->to_notify);
	INIT_LIST_HEAD(&q->notified);
	mq_dedup_init(q);
	mq_clocks_start(q);
	INIT_WORK(&q->work, mq_queue_work);
	mq_device_init(&q->dev);
	if (mq_queue_parts(q, name)) {
		mq_queue_put(q);
		return NULL;
	}
	q->feed.journal = j;
	mq_lock(q);
	mq_queue_update_plain_locked(q);
	mq_unlock(q);
	return q;
}

/* Give the queue its number and its device, with a node in @nodes. */
static int mq_publish(struct mq_queue *q, struct super_block *nodes)
{
	int err;

	err = xa_alloc_cyclic(&mq_minors, &q->minor, q,
			      XA_LIMIT(1, MQ_MINORS - 1), &mq_next_minor,
			      GFP_KERNEL);
	if (err < 0)
		return err == -EBUSY ? -ENOSPC : err;
	q->dev.devt = MKDEV(MAJOR(mq_devt), q->minor);
	err = device_add(&q->dev);
	if (!err) {
		err = mq_node_check(nodes, q->name, q->dev.devt);
		if (err)
			device_del(&q->dev);
	}
	if (err) {
		/* A process may have opened it by its number already. */
		mq_queue_close(q, true);
		xa_erase(&mq_minors, q->minor);
		mq_notify_removed(q);
		mq_queue_drain(q);
	}
	return err;
}

/* Make a queue that was closed impossible to find: by name, number and node. */
void mq_unpublish(struct mq_queue *q)
{
	lockdep_assert_held(&mq_registry_lock);
	mq_unlink_all(q);
	mq_names_del(q);
	xa_erase(&mq_minors, q->minor);
	device_del(&q->dev);
	trace_mq_remove(q);
}

/* Free what a removed queue stored, and drop the registry's references. */
void mq_queue_end(struct mq_queue *q)
{
	mq_notify_removed(q);
	mq_queue_drain(q);
	mq_queue_put(q);
	module_put(THIS_MODULE);
}

/**
 * mq_queue_publish_locked - let a new queue be found
 * @q: the queue, with a reference to the module, both of which the registry takes
 *	over
 * @nodes: the file system that the node is to be in, if that is a devtmpfs
 *
 * Return: 0, EEXIST, or an error of mq_publish(). If the queue has a journal, it
 * may have to learn that the queue was there: mq_persist_removed().
 */
int mq_queue_publish_locked(struct mq_queue *q, struct super_block *nodes)
{
	int err;

	lockdep_assert_held(&mq_registry_lock);
	if (mq_find(q->name))
		return -EEXIST;
	err = mq_publish(q, nodes);
	if (err)
		return err;
	mq_names_add(q);
	trace_mq_create(q);
	mq_lock(q);
	mq_idle_locked(q);
	mq_unlock(q);
	return 0;
}

/* Remove a queue that was published, unless that has been done meanwhile. */
static void mq_queue_take_back(struct mq_queue *q)
{
	bool here;

	mutex_lock(&mq_registry_lock);
	here = mq_find(q->name) == q && !mq_queue_close(q, true);
	if (here)
		mq_unpublish(q);
	mutex_unlock(&mq_registry_lock);
	if (here)
		mq_queue_end(q);
}

/* Link a new queue to its dead-letter queue, or a topic to its alternate. */
static int mq_queue_link(struct mq_queue *q)
{
	return q->topic ? mq_link_alternate(q, q->opt.alternate) :
			  mq_link_dead_letter(q, q->opt.dead_letter);
}

/*
 * Link a new queue to its dead-letter queue and its journal, and let it be
 * found.
 */
static int mq_queue_settle_in(struct mq_queue *q, struct super_block *nodes)
{
	int err = 0;

	mutex_lock(&mq_registry_lock);
	if (mq_find(q->name))
		err = -EEXIST;
	else if (q->feed.journal && !READ_ONCE(q->feed.journal->ready))
		err = -ENOTCONN;	/* it was detached meanwhile */
	else if (*q->opt.dead_letter)
		err = mq_queue_link(q);
	if (!err) {
		mq_persist_join(q, &mq_journal_ops);
		err = mq_queue_publish_locked(q, nodes);
		if (err) {
			mq_unlink_all(q);
			mq_heard_withdraw(q);
		}
	}
	mutex_unlock(&mq_registry_lock);
	return err;
}

/* Find the journal that the options name. Return 0 or ENOTCONN. */
static int mq_queue_journal(const struct mq_options *opt, struct mq_journal **j)
{
	*j = *opt->journal ? mq_journal_find(opt->journal) : NULL;
	return *j || !*opt->journal ? 0 : -ENOTCONN;
}

/**
 * mq_queue_create - create a queue
 * @name: its name, checked
 * @opt: its options, checked
 * @nodes: the file system that the node is to be in, if that is a devtmpfs
 *
 * A queue with a journal is on stable storage when this returns.
 *
 * Return: 0, EEXIST, an error of mq_link_dead_letter(), EBUSY (another file has
 * the name of the node), ENXIO (the node could not be made), ENOSPC (out of
 * device numbers), ENODEV (the module is being unloaded), ENOTCONN (no such
 * journal), EIO (it has failed), EINTR (the caller is being killed), ENOMEM, or
 * an error of the driver core.
 */
int mq_queue_create(const char *name, const struct mq_options *opt,
		    struct super_block *nodes)
{
	struct mq_journal *j;
	struct mq_queue *q;
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	err = mq_queue_journal(opt, &j);
	if (err)
		goto out_module;
	q = mq_queue_new(name, opt, j);
	if (!q) {
		mq_journal_put(j);
		err = -ENOMEM;
		goto out_module;
	}
	get_device(&q->dev);
	err = mq_queue_settle_in(q, nodes);
	if (err) {
		mq_queue_put(q);
		mq_queue_put(q);
		goto out_module;
	}
	err = mq_persist_confirm(q);
	if (err)
		mq_queue_take_back(q);
	mq_queue_put(q);
	return err;

out_module:
	module_put(THIS_MODULE);
	return err;
}

/*
 * Do all that is due in the queue of this name: messages that have expired must
 * not keep it from being removed.
 */
static void mq_catch_up(const char *name)
{
	struct mq_queue *q;

	mutex_lock(&mq_registry_lock);
	q = mq_find(name);
	if (q)
		get_device(&q->dev);
	mutex_unlock(&mq_registry_lock);
	if (!q)
		return;
	mq_lock_current(q);
	mq_unlock(q);
	mq_queue_put(q);
}

/*
 * Close a queue for good, see mq_queue_close(). A message that is being sent to a topic
 * either is there before that, or finds that the topic has gone.
 */
static int mq_registry_close(struct mq_queue *q, bool force)
{
	int err;

	lockdep_assert_held(&mq_registry_lock);
	if (q->topic)
		mq_topic_hold(q->topic);
	err = mq_queue_close(q, force);
	if (q->topic)
		mq_topic_changed(q->topic);
	return err;
}

/**
 * mq_queue_remove - remove a queue
 * @name: its name
 * @force: even if it stores messages, or is the dead-letter queue of others
 *
 * Return: 0, ENOENT, EBUSY or ENOTEMPTY. EIO or EINTR: it was removed, but that
 * may not be on stable storage.
 */
int mq_queue_remove(const char *name, bool force)
{
	struct mq_queue *q;
	int err;

	/* This may take long, so it comes before mq_registry_lock. */
	if (!force)
		mq_catch_up(name);
	mutex_lock(&mq_registry_lock);
	q = mq_find(name);
	if (!q)
		err = -ENOENT;
	else if ((!hlist_empty(&q->sources) || mq_is_alternate(q)) && !force)
		err = -EBUSY;
	else
		err = mq_registry_close(q, force);
	if (!err) {
		get_device(&q->dev);
		mq_unpublish(q);
	}
	mutex_unlock(&mq_registry_lock);
	if (err)
		return err;
	mq_queue_end(q);
	err = mq_persist_confirm(q);
	mq_queue_put(q);
	return err;
}

/* Return true if the queue is not in use and its options say that it goes. */
static bool mq_is_unused(const struct mq_queue *q, bool closed)
{
	lockdep_assert_held(&q->lock);
	if (q->gone || q->users)
		return false;
	if (closed)
		return READ_ONCE(q->opt.auto_delete);
	return mq_idle_end(q) <= mq_now(MQ_BOOTTIME);
}

/**
 * mq_reap - remove a queue that is not in use, if its options say so
 * @q: the queue, to which the caller has a reference
 * @closed: its last user has just gone (auto_delete); else time has passed
 *	(expires_ms)
 *
 * A queue to which others send their dead is in use.
 */
void mq_reap(struct mq_queue *q, bool closed)
{
	bool over;

	/* Do not take mq_registry_lock for nothing. */
	if (closed && !READ_ONCE(q->opt.auto_delete))
		return;
	mutex_lock(&mq_registry_lock);
	mq_lock(q);
	over = hlist_empty(&q->sources) && !mq_is_alternate(q) &&
	       mq_is_unused(q, closed);
	if (over)
		mq_queue_mark_removed_locked(q);
	mq_unlock(q);
	if (over)
		mq_unpublish(q);
	mutex_unlock(&mq_registry_lock);
	if (over)
		mq_queue_end(q);
}

/*
 * The queue's work: tell pollers, do what is due where no call did, forget
 * de-duplication ids, remove a queue that has expired, or compact it.
 */
static void mq_queue_work(struct work_struct *work)
{
	struct mq_queue *q = container_of(work, struct mq_queue, work);
	bool idle;

	mq_pollers_work(&q->gate);
	mq_alone_tell(q, UINT_MAX);
	mq_lock_current(q);
	while (mq_dedup_trim_locked(q) ||
	       mq_retain_trim_locked(q, MQ_PORTION)) {
		mq_unlock(q);
		mq_lock_pause();
		mq_lock(q);
	}
	WRITE_ONCE(q->clocks[MQ_BOOTTIME].armed, MQ_NEVER);
	WRITE_ONCE(q->clocks[MQ_REALTIME].armed, MQ_NEVER);
	idle = mq_idle_end(q) <= mq_now(MQ_BOOTTIME);
	mq_timers_arm_locked(q);
	mq_unlock(q);
	if (idle) {
		mq_reap(q, false);
	} else {
		mq_evict_due(q);
		mq_compact_due(q);
	}
	mq_queue_put(q);
}

static int __init mq_add_cdev(struct cdev *cdev,
			      const struct file_operations *fops, dev_t devt,
			      unsigned int count)
{
	cdev_init(cdev, fops);
	cdev->owner = THIS_MODULE;
	return cdev_add(cdev, devt, count);
}

int __init mq_queues_init(void)
{
	mq_durable_queue_cache = KMEM_CACHE(mq_queue, SLAB_ACCOUNT);
	if (!mq_durable_queue_cache)
		return -ENOMEM;
	mq_queue_cache = kmem_cache_create("mq_queue_in_memory",
					   offsetof(struct mq_queue, feed) +
					   MQ_FEED_HEAD,
					   __alignof__(struct mq_queue),
					   SLAB_ACCOUNT, NULL);
	if (mq_queue_cache)
		return 0;
	kmem_cache_destroy(mq_durable_queue_cache);
	return -ENOMEM;
}

/* Destroy the caches, when nothing has a reference to a queue any more. */
void mq_queues_exit(void)
{
	kmem_cache_destroy(mq_queue_cache);
	kmem_cache_destroy(mq_durable_queue_cache);
}

/*
 * Check the control node, as far as the process that loads the module sees it.
 */
static int __init mq_control_check(void)
{
	struct path dev;
	int err;

	if (kern_path("/dev", LOOKUP_FOLLOW, &dev))
		return 0;
	err = mq_node_check(dev.dentry->d_sb, "control", mq_devt);
	path_put(&dev);
	if (err == -EBUSY)
		pr_err("devmq: another file stands at /dev/mq/control: move it away\n");
	else if (err)
		pr_err("devmq: /dev/mq/control could not be made\n");
	return err;
}

/* Set up the device numbers, the class and the control node. */
int __init mq_registry_init(const struct file_operations *fops,
			    const struct file_operations *control_fops,
			    const struct attribute_group **groups)
{
	int err;

	mq_groups = groups;

	mq_next_minor = 1 + get_random_u32() % (MQ_MINORS - 1);
	err = alloc_chrdev_region(&mq_devt, 0, MQ_MINORS, "mq");
	if (err)
		return err;
	err = class_register(&mq_class);
	if (err)
		goto out_region;
	err = mq_add_cdev(&mq_cdev, fops, mq_devt + 1, MQ_MINORS - 1);
	if (err)
		goto out_class;
	err = mq_add_cdev(&mq_control_cdev, control_fops, mq_devt, 1);
	if (err)
		goto out_cdev;
	mq_control_dev = device_create(&mq_class, NULL, mq_devt, NULL,
				       "control");
	err = PTR_ERR_OR_ZERO(mq_control_dev);
	if (err)
		goto out_control;
	err = mq_control_check();
	if (err)
		goto out_device;
	return 0;

out_device:
	device_destroy(&mq_class, mq_devt);
out_control:
	cdev_del(&mq_control_cdev);
out_cdev:
	cdev_del(&mq_cdev);
out_class:
	class_unregister(&mq_class);
out_region:
	unregister_chrdev_region(mq_devt, MQ_MINORS);
	return err;
}

/* Undo mq_registry_init(). Each queue holds the module, so none is left. */
void mq_registry_exit(void)
{
	device_destroy(&mq_class, mq_devt);
	cdev_del(&mq_control_cdev);
	cdev_del(&mq_cdev);
	class_unregister(&mq_class);
	unregister_chrdev_region(mq_devt, MQ_MINORS);
	xa_destroy(&mq_minors);
}
