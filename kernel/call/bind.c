// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_BIND, DEVMQ_IOC_UNBIND and DEVMQ_IOC_BINDINGS.
 *
 * Who may bind: a queue that is full holds up the senders of its topics, and a
 * topic gives away what is sent to it. So it takes the owner of both nodes. The
 * commands of the control node, which do the same, are in device/control.c.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "call/bind.h"
#include "call/ioc.h"
#include "call/opened.h"
#include "queue/names.h"
#include "queue/openfile.h"
#include "queue/queue.h"
#include "topic/binding.h"
#include "topic/catchup.h"
#include "topic/filter.h"
#include "topic/index.h"
#include "topic/topic.h"

/* The most bytes of bindings that are collected in one hold of the lock. */
#define MQ_BINDINGS_PORTION	SZ_8K

/* -- filters from user space ----------------------------------------------- */

/*
 * Make a filter from terms that are each ended by a zero byte. One may be for @s,
 * which is NULL when unbinding. Return the filter, or an ERR_PTR.
 */
static struct mq_filter *mq_filter_of(const char *text, size_t size,
				      struct mq_start *s)
{
	const char *words[DEVMQ_FILTER_TERMS];
	struct mq_filter_fault fault;
	const char *end = text + size;
	unsigned int n = 0;
	int err;

	if (size && end[-1])
		return ERR_PTR(-EINVAL);
	for (; text < end; text += strlen(text) + 1) {
		if (s && mq_start_is(text)) {
			err = s->given ? -EINVAL : mq_start_parse(text, s);
			if (err)
				return ERR_PTR(err);
			continue;
		}
		if (n == ARRAY_SIZE(words))
			return ERR_PTR(-E2BIG);
		words[n++] = text;
	}
	return mq_filter_make(words, n, &fault);
}

/* Read the filter of a call. Return it, or an ERR_PTR. */
static struct mq_filter *mq_filter_read(const struct devmq_bind *a,
					struct mq_start *s)
{
	struct mq_filter *f;
	char *text;

	if (a->filter_size > DEVMQ_FILTER_MAX)
		return ERR_PTR(-E2BIG);
	if (!a->filter_size && a->filter)
		return ERR_PTR(-EINVAL);
	if (!a->filter_size)
		return mq_filter_of(NULL, 0, s);
	text = memdup_user(u64_to_user_ptr(a->filter), a->filter_size);
	if (IS_ERR(text))
		return ERR_CAST(text);
	f = mq_filter_of(text, a->filter_size, s);
	kfree(text);
	return f;
}

/* -- BIND and UNBIND ------------------------------------------------------- */

static bool mq_owns_node(const struct file *file)
{
	return uid_eq(file_inode(file)->i_uid, current_fsuid());
}

/*
 * Return the queue that the caller's descriptor is open for, if the caller may
 * bind it to the topic; or an ERR_PTR. @file gets a reference, or NULL.
 */
static struct mq_queue *mq_bind_target(const struct mq_ioc *ioc, int fd,
				       struct file **file)
{
	struct mq_file *f = mq_opened_get(fd, file);

	if (IS_ERR(f))
		return ERR_CAST(f);
	if (!(mq_owns_node(ioc->file) && mq_owns_node(*file)) &&
	    !capable(CAP_FOWNER))
		return ERR_PTR(-EPERM);
	return f->q;
}

/* Bind, or without @s unbind. @f is taken over, or NULL to unbind all. */
static int mq_bind_run(struct mq_queue *q, struct mq_queue *target,
		       const struct mq_start *s, struct mq_filter *f, u64 *id)
{
	const char *why;
	int err;

	if (!f) {
		err = mq_unbind_each(q, target, id);
		return err ?: mq_bind_confirm(q, target);
	}
	if (mutex_lock_killable(&mq_registry_lock)) {
		mq_filter_free(f);
		return -EINTR;
	}
	if (s) {
		*id = 0;
		err = mq_bind(q, target, f, s, id, &why);
	} else {
		err = mq_unbind(q, target, f);
		*id = !err;
		mq_filter_free(f);
	}
	mutex_unlock(&mq_registry_lock);
	return err ?: mq_bind_confirm(q, target);
}

static int mq_bind_call(struct mq_ioc *ioc, bool bind)
{
	struct devmq_bind *a = &ioc->arg.bind;
	struct mq_start start = {}, *s = bind ? &start : NULL;
	struct mq_filter *f = NULL;
	struct mq_queue *target;
	struct file *file;
	int err;

	if (a->flags)
		return -EINVAL;
	target = mq_bind_target(ioc, a->queue_fd, &file);
	err = PTR_ERR_OR_ZERO(target);
	if (!err && (bind || a->filter_size || a->filter)) {
		f = mq_filter_read(a, s);
		err = PTR_ERR_OR_ZERO(f);
	}
	if (!err)
		err = mq_bind_run(ioc->f->q, target, s, f, &a->id);
	if (file)
		fput(file);
	return err;
}

int mq_ioc_bind(struct mq_ioc *ioc)
{
	return mq_bind_call(ioc, true);
}

int mq_ioc_unbind(struct mq_ioc *ioc)
{
	return mq_bind_call(ioc, false);
}

/* -- BINDINGS -------------------------------------------------------------- */

/* Show a binding. @to has room for @size bytes, of which the end is padding. */
static void mq_binding_show(struct devmq_binding *to, u32 size,
			    const struct mq_binding *b,
			    const struct mq_filter *f)
{
	memset(to, 0, size);
	to->size = sizeof(*to) + f->text_size;
	to->filter_size = f->text_size;
	to->id = b->id;
	to->taken = READ_ONCE(b->taken);
	to->missed = READ_ONCE(b->missed);
	to->behind = mq_catchup_behind(b);
	strscpy(to->queue, b->outlet->target->name, sizeof(to->queue));
	memcpy(to + 1, f->text, f->text_size);
}

/*
 * Collect the next bindings in @to, of @size bytes. Return 0; or EMSGSIZE: the
 * next one needs more room, @a->need bytes; or EINTR.
 */
static int mq_bindings_collect(struct mq_topic *t, struct devmq_bindings *a,
			       void *to, size_t size, u32 max, size_t *used)
{
	unsigned long at = a->after_id + 1;
	struct mq_binding *b;
	int err = 0;

	*used = 0;
	if (!at)
		return 0;
	if (mutex_lock_killable(&mq_registry_lock))
		return -EINTR;
	for (b = xa_find(&t->bindings, &at, ULONG_MAX, XA_PRESENT); b && max--;
	     b = xa_find_after(&t->bindings, &at, ULONG_MAX, XA_PRESENT)) {
		const struct mq_filter *f = mq_bound_filter(&b->bound);
		size_t step = DEVMQ_ALIGN(sizeof(struct devmq_binding) +
					  f->text_size);

		if (step > size - *used) {
			a->need = step;
			err = -EMSGSIZE;
			break;
		}
		mq_binding_show(to + *used, step, b, f);
		*used += step;
		a->after_id = b->id;
		a->count++;
	}
	mutex_unlock(&mq_registry_lock);
	return err;
}

/* Fill the buffer of a call, in portions. Return 0 or an error. */
static int mq_bindings_fill(struct mq_topic *t, struct devmq_bindings *a,
			    void *portion)
{
	void __user *to = u64_to_user_ptr(a->buffer);
	u64 after_id = a->after_id;
	size_t used, size;
	int err;

	do {
		u32 max = a->max_count ? a->max_count - a->count : U32_MAX;

		size = min_t(u64, a->buffer_size - a->used, MQ_BINDINGS_PORTION);
		err = mq_bindings_collect(t, a, portion, size, max, &used);
		if (used && copy_to_user(to + a->used, portion, used))
			return -EFAULT;
		a->used += used;
		/* A portion is large enough for any one. */
		if (err == -EMSGSIZE && a->buffer_size - a->used < a->need)
			break;
		if (mq_dying())
			err = -EINTR;
	} while (used && (!err || err == -EMSGSIZE));
	a->after_id = after_id;
	if (err == -EMSGSIZE && a->count) {
		a->need = 0;
		err = 0;
	}
	return err;
}

int mq_ioc_bindings(struct mq_ioc *ioc)
{
	struct devmq_bindings *a = &ioc->arg.bindings;
	void *portion;
	int err;

	if (a->flags)
		return -EINVAL;
	a->count = 0;
	a->used = 0;
	a->need = 0;
	portion = kmalloc(MQ_BINDINGS_PORTION, GFP_KERNEL_ACCOUNT);
	if (!portion)
		return -ENOMEM;
	err = mq_bindings_fill(ioc->f->q->topic, a, portion);
	kfree(portion);
	return err;
}
