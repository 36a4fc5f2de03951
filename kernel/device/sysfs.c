// SPDX-License-Identifier: GPL-2.0
/*
 * Options and counters as files in /sys/class/mq/NAME/. The files are made from
 * the option table and from the list of counters, so they cannot differ from
 * them.
 */
#include <linux/device.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/devmq.h>

#include "device/link.h"
#include "device/option.h"
#include "device/registry.h"
#include "device/sysfs.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/due.h"
#include "queue/lock.h"
#include "queue/names.h"
#include "queue/options.h"
#include "queue/persist.h"
#include "queue/queue.h"
#include "queue/stat.h"
#include "queue/tell.h"
#include "topic/binding.h"

/**
 * struct mq_attr - a file
 * @attr: the driver core's structure
 * @option: the option that the file shows, or NULL
 * @counter: else the offset of a counter in struct devmq_stat
 * @what: whether queues or topics have the file
 */
struct mq_attr {
	struct device_attribute	attr;
	const struct mq_option	*option;
	size_t			counter;
	enum mq_option_for	what;
};

#define MQ_COUNTER(_name) \
	{ #_name, offsetof(struct devmq_stat, _name), MQ_FOR_QUEUE }
#define MQ_COUNTER_FOR(_what, _name) \
	{ #_name, offsetof(struct devmq_stat, _name), MQ_FOR_##_what }

static const struct {
	const char		*name;
	size_t			offset;
	enum mq_option_for	what;
} mq_counters[] = {
	MQ_COUNTER(ready),
	MQ_COUNTER(in_flight),
	MQ_COUNTER(delayed),
	MQ_COUNTER(deferred),
	MQ_COUNTER(dead),
	MQ_COUNTER_FOR(BOTH, bytes),
	MQ_COUNTER_FOR(BOTH, sent),
	MQ_COUNTER(delivered),
	MQ_COUNTER(acked),
	MQ_COUNTER(redelivered),
	MQ_COUNTER(expired),
	MQ_COUNTER(dead_lettered),
	MQ_COUNTER_FOR(BOTH, dropped),
	MQ_COUNTER(purged),
	MQ_COUNTER(deduplicated),
	MQ_COUNTER_FOR(BOTH, consumers),
	MQ_COUNTER_FOR(BOTH, producers),
	MQ_COUNTER(oldest_ms),
	MQ_COUNTER(dead_refused),
	MQ_COUNTER(dedup_forgotten),
	MQ_COUNTER(oldest_in_flight_ms),
	MQ_COUNTER_FOR(BOTH, waiting_senders),
	MQ_COUNTER(waiting_receivers),
	MQ_COUNTER_FOR(BOTH, sender_wait_ms),
	MQ_COUNTER(receiver_wait_ms),
	MQ_COUNTER_FOR(TOPIC, routed),
	MQ_COUNTER_FOR(TOPIC, unrouted),
	MQ_COUNTER_FOR(TOPIC, bindings),
	MQ_COUNTER_FOR(TOPIC, retained),
	MQ_COUNTER_FOR(TOPIC, trimmed),
	MQ_COUNTER_FOR(TOPIC, first_id),
	MQ_COUNTER_FOR(TOPIC, last_id),
	MQ_COUNTER_FOR(TOPIC, retained_memory_bytes),
	MQ_COUNTER_FOR(TOPIC, unreadable),
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

/* Return whether an option decides if a queue takes all that its topics take. */
static bool mq_option_is_limit(const struct mq_option *o)
{
	return mq_option_is(o, max_message_size) || mq_option_is(o, max_bytes) ||
	       mq_option_is(o, allow_empty);
}

/*
 * Set one of these. Return 0; EBUSY: a queue would refuse what a topic takes to
 * which it is bound; or ERESTARTNOINTR: see mq_set_link().
 */
static int mq_limit_apply(struct mq_queue *q, const struct mq_option *o, u64 value)
{
	struct mq_options opt = q->opt;
	bool ok;

	if (!mutex_trylock(&mq_registry_lock))
		return restart_syscall();
	mq_option_set(o, &opt, value);
	ok = mq_bound_limits_ok(q, &opt);
	if (ok) {
		mq_lock(q);
		mq_option_set(o, &q->opt, value);
		mq_queue_update_plain_locked(q);
		mq_unlock(q);
	}
	mutex_unlock(&mq_registry_lock);
	return ok ? 0 : -EBUSY;
}

/* Return whether an option decides how much a topic retains. */
static bool mq_option_retains(const struct mq_option *o)
{
	return mq_option_is(o, retain_messages) ||
	       mq_option_is(o, retain_bytes) || mq_option_is(o, retain_ms) ||
	       mq_option_is(o, compact);
}

/*
 * Set how much of that may be in memory, and let the rest leave it. Return 0, or EINVAL: the
 * topic has no journal.
 */
static int mq_memory_apply(struct mq_queue *q, const struct mq_option *o, u64 value)
{
	if (value && !q->feed.journal)
		return -EINVAL;
	mq_lock(q);
	mq_option_set(o, &q->opt, value);
	mq_unlock(q);
	mq_queue_work_start(q);
	return 0;
}

/*
 * Set one of these, and begin to trim what is retained too much. Nothing is
 * sent to the topic meanwhile, so each message is retained or not.
 */
static int mq_retain_apply(struct mq_queue *q, const struct mq_option *o, u64 value)
{
	mq_topic_hold(q->topic);
	mq_lock(q);
	mq_option_set(o, &q->opt, value);
	mq_unlock(q);
	mq_topic_changed(q->topic);
	mq_queue_work_start(q);
	return 0;
}

/*
 * Set an option to a number that is in its bounds. Return 0, or EINVAL if that
 * does not go with other options, or an error of mq_limit_apply().
 */
static int mq_option_apply(struct mq_queue *q, const struct mq_option *o,
			   u64 value)
{
	int err = 0;

	if (mq_option_is_limit(o))
		return mq_limit_apply(q, o, value);
	if (mq_option_retains(o))
		return mq_retain_apply(q, o, value);
	if (mq_option_is(o, retain_memory_bytes))
		return mq_memory_apply(q, o, value);
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
		err = mq_set_link(q, mq_option_queue(text));
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

/* Queues and topics have files for what they have: others are not there. */
static umode_t mq_attr_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	const struct mq_queue *q = mq_attr_queue(kobj_to_dev(kobj));
	bool topic = q->opt.type == MQ_TYPE_TOPIC;
	const struct mq_attr *a;

	if (attr == &dev_attr_journal_state.attr)
		return attr->mode;
	a = container_of(attr, struct mq_attr, attr.attr);
	return a->what == (topic ? MQ_FOR_QUEUE : MQ_FOR_TOPIC) ? 0 : attr->mode;
}

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
			a->what = a->option->what;
			mq_attr_set(a, a->option->name,
				    a->option->live ? 0644 : 0444);
			a->attr.show = mq_option_show;
			if (a->option->live)
				a->attr.store = mq_option_store;
		} else {
			unsigned int c = i - mq_option_count;

			a->counter = mq_counters[c].offset;
			a->what = mq_counters[c].what;
			mq_attr_set(a, mq_counters[c].name, 0444);
			a->attr.show = mq_counter_show;
		}
		list[i] = &a->attr.attr;
	}
	list[count] = &dev_attr_journal_state.attr;
	mq_sysfs_group.attrs = list;
	mq_sysfs_group.is_visible = mq_attr_visible;
	return 0;
}

void mq_sysfs_exit(void)
{
	kfree(mq_sysfs_group.attrs);
	kfree(mq_attrs);
}
