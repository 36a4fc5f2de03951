// SPDX-License-Identifier: GPL-2.0
/*
 * Queues by name. Creation and removal (registry.c) are serialised by the lock here,
 * mq_registry_lock, which protects the names as well.
 */
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/string.h>
#include <linux/devmq.h>

#include "memory/text.h"
#include "queue/names.h"
#include "queue/queue.h"

/* Serialises creation and removal; protects mq_names. */
DEFINE_MUTEX(mq_registry_lock);
static struct rb_root mq_names = RB_ROOT;

static int mq_name_order(const void *name, const struct rb_node *node)
{
	return strcmp(name, rb_entry(node, struct mq_queue, by_name)->name);
}

static bool mq_name_less(struct rb_node *a, const struct rb_node *b)
{
	return mq_name_order(rb_entry(a, struct mq_queue, by_name)->name, b) < 0;
}

struct mq_queue *mq_find(const char *name)
{
	lockdep_assert_held(&mq_registry_lock);
	return rb_entry_safe(rb_find(name, &mq_names, mq_name_order),
			     struct mq_queue, by_name);
}

/*
 * The queue that messages with this origin come from, which the caller puts, or
 * NULL: it is gone. Another one of the same name has an origin of its own.
 */
struct mq_queue *mq_queue_by_origin(const struct mq_text *origin)
{
	char text[DEVMQ_NAME_MAX + 1] = "";
	struct mq_queue *q;

	memcpy(text, origin->text, origin->size);
	mutex_lock(&mq_registry_lock);
	q = mq_find(text);
	if (q && q->origin != origin)
		q = NULL;
	if (q)
		get_device(&q->dev);
	mutex_unlock(&mq_registry_lock);
	return q;
}

/* The queue, whose name is new, is to be found by it. */
void mq_names_add(struct mq_queue *q)
{
	lockdep_assert_held(&mq_registry_lock);
	rb_add(&q->by_name, &mq_names, mq_name_less);
}

/* It is not any more. */
void mq_names_del(struct mq_queue *q)
{
	lockdep_assert_held(&mq_registry_lock);
	rb_erase(&q->by_name, &mq_names);
}
