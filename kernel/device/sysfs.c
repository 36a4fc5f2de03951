// SPDX-License-Identifier: GPL-2.0
/*
 * Options and counters as files in /sys/class/mq/NAME/. The files are made from
 * the option table and from the list of counters, so they cannot differ from
 * them.
 */
#include <linux/device.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/devmq.h>

#include "device/option.h"
#include "device/registry.h"
#include "device/sysfs.h"
#include "queue/bounds.h"
#include "queue/due.h"
#include "queue/lock.h"
#include "queue/options.h"
#include "queue/persist.h"
#include "queue/queue.h"
#include "queue/stat.h"
#include "queue/tell.h"

/**
 * struct mq_attr - a file
 * @attr: the driver core's structure
 * @option: the option that the file shows, or NULL
 * @counter: else the offset of a counter in struct devmq_stat
 */
struct mq_attr {
	struct device_attribute	attr;
	const struct mq_option	*option;
	size_t			counter;
};

#define MQ_COUNTER(_name) { #_name, offsetof(struct devmq_stat, _name) }

static const struct {
	const char	*name;
	size_t		offset;
} mq_counters[] = {
	MQ_COUNTER(ready),
	MQ_COUNTER(in_flight),
	MQ_COUNTER(delayed),
	MQ_COUNTER(deferred),
	MQ_COUNTER(dead),
	MQ_COUNTER(bytes),
	MQ_COUNTER(sent),
	MQ_COUNTER(delivered),
	MQ_COUNTER(acked),
	MQ_COUNTER(redelivered),
	MQ_COUNTER(expired),
	MQ_COUNTER(dead_lettered),
	MQ_COUNTER(dropped),
	MQ_COUNTER(purged),
	MQ_COUNTER(deduplicated),
	MQ_COUNTER(consumers),
	MQ_COUNTER(producers),
	MQ_COUNTER(oldest_ms),
	MQ_COUNTER(dead_refused),
	MQ_COUNTER(dedup_forgotten),
	MQ_COUNTER(oldest_in_flight_ms),
	MQ_COUNTER(waiting_senders),
	MQ_COUNTER(waiting_receivers),
	MQ_COUNTER(sender_wait_ms),
	MQ_COUNTER(receiver_wait_ms),
};

static struct mq_attr *mq_attrs;
static struct attribute_group mq_sysfs_group;
const struct attribute_group *mq_sysfs_groups[] = { &mq_sysfs_group, NULL };

static struct mq_queue *mq_attr_queue(struct device *dev)
{
	return container_of(dev, struct mq_queue, dev);
}

static struct mq_attr *mq_attr_of(struct device_attribute *attr)
{
	return container_of(attr, struct mq_attr, attr);
}

/* Return the owner or the group of the node, in the reader's user namespace. */
static u32 mq_node_owner(const struct mq_queue *q, const struct mq_option *o)
{
	return mq_option_is(o, uid) ?
	       from_kuid_munged(current_user_ns(), q->node_uid) :
	       from_kgid_munged(current_user_ns(), q->node_gid);
}

static ssize_t mq_option_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	const struct mq_option *o = mq_attr_of(attr)->option;
	struct mq_queue *q = mq_attr_queue(dev);
	char text[MQ_OPTION_TEXT];

	if (o->kind == MQ_CREATOR)
		return sysfs_emit(buf, "%u\n", mq_node_owner(q, o));
	/* The lock keeps a queue's name from changing amid the copy. */
	spin_lock(&q->lock);
	mq_option_text(o, &q->opt, text, sizeof(text));
	spin_unlock(&q->lock);
	return sysfs_emit(buf, "%s\n", text);
}

/*
 * Set an option to a number that is in its bounds. Return 0, or EINVAL if that
 * does not go with other options.
 */
static int mq_option_apply(struct mq_queue *q, const struct mq_option *o,
			   u64 value)
{
	int err = 0;

	mq_lock(q);
	if (mq_option_is(o, overflow) && value == MQ_OVERFLOW_DEAD_LETTER &&
	    !q->dead_letter)
		err = -EINVAL;
	else
		mq_option_set(o, &q->opt, value);
	mq_queue_update_plain_locked(q);
	if (mq_option_is(o, expires_ms))
		mq_idle_locked(q);
	if (mq_option_is(o, dedup_window_ms))
		mq_timers_arm_locked(q);
	mq_unlock(q);
	return err;
}

static ssize_t mq_option_store(struct device *dev,
			       struct device_attribute *attr, const char *buf,
			       size_t count)
{
	const struct mq_option *o = mq_attr_of(attr)->option;
	struct mq_queue *q = mq_attr_queue(dev);
	size_t len = count;
	char text[MQ_OPTION_TEXT];
	u64 value;
	int err;

	if (len && buf[len - 1] == '\n')
		len--;
	if (!len || len >= sizeof(text) || strnlen(buf, len) != len)
		return -EINVAL;
	memcpy(text, buf, len);
	text[len] = '\0';
	if (o->kind == MQ_QUEUE)
		err = mq_set_dead_letter(q, mq_option_queue(text));
	else
		err = mq_option_parse(o, text, &value) ?:
		      mq_option_apply(q, o, value);
	if (err)
		return err;
	mq_persist_defined(q);
	mq_notify_options(q);
	return count;
}

static ssize_t mq_counter_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct devmq_stat s = { .size = sizeof(s) };
	int err;

	err = mq_queue_stat(mq_attr_queue(dev), &s);
	if (err)
		return err;
	return sysfs_emit(buf, "%llu\n",
			  *(u64 *)((void *)&s + mq_attr_of(attr)->counter));
}

static ssize_t journal_state_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", mq_persist_word(mq_attr_queue(dev)));
}
static DEVICE_ATTR_RO(journal_state);

static void mq_attr_set(struct mq_attr *a, const char *name, umode_t mode)
{
	sysfs_attr_init(&a->attr.attr);
	a->attr.attr.name = name;
	a->attr.attr.mode = mode;
}

int __init mq_sysfs_init(void)
{
	unsigned int count = mq_option_count + ARRAY_SIZE(mq_counters);
	struct attribute **list;
	unsigned int i;

	mq_attrs = kcalloc(count, sizeof(*mq_attrs), GFP_KERNEL);
	list = kcalloc(count + 2, sizeof(*list), GFP_KERNEL);
	if (!mq_attrs || !list) {
		kfree(mq_attrs);
		kfree(list);
		return -ENOMEM;
	}
	for (i = 0; i < count; i++) {
		struct mq_attr *a = &mq_attrs[i];

		if (i < mq_option_count) {
			a->option = &mq_option_table[i];
			mq_attr_set(a, a->option->name,
				    a->option->live ? 0644 : 0444);
			a->attr.show = mq_option_show;
			if (a->option->live)
				a->attr.store = mq_option_store;
		} else {
			unsigned int c = i - mq_option_count;

			a->counter = mq_counters[c].offset;
			mq_attr_set(a, mq_counters[c].name, 0444);
			a->attr.show = mq_counter_show;
		}
		list[i] = &a->attr.attr;
	}
	list[count] = &dev_attr_journal_state.attr;
	mq_sysfs_group.attrs = list;
	return 0;
}

void mq_sysfs_exit(void)
{
	kfree(mq_sysfs_group.attrs);
	kfree(mq_attrs);
}
