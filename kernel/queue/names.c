// SPDX-License-Identifier: GPL-2.0
/*
 * Find queues by name. mq_registry_lock protects the names; registry.c takes it
 * to serialise the creation and removal of queues.
 */
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/string.h>
#include <linux/devmq.h>

#include "memory/text.h"
#include "queue/names.h"
#include "queue/queue.h"

/* Serialises creation and removal of queues, and protects mq_names. */
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
 * Find the queue that messages with this origin come from. Return: the queue
 * with a reference, or NULL if it was removed. A later queue of the same name
 * has another origin.
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

/* Add a queue whose name is new. */
void mq_names_add(struct mq_queue *q)
{
	lockdep_assert_held(&mq_registry_lock);
	rb_add(&q->by_name, &mq_names, mq_name_less);
}

void mq_names_del(struct mq_queue *q)
{
	lockdep_assert_held(&mq_registry_lock);
	rb_erase(&q->by_name, &mq_names);
}
