// SPDX-License-Identifier: GPL-2.0
/* Names of queues, and notes: texts with a reference count. */
#include <linux/err.h>
#include <linux/slab.h>

#include "base/base.h"
#include "base/compat.h"
#include "memory/budget.h"
#include "memory/payer.h"
#include "memory/text.h"

/* Return the charge for a text of @size bytes. */
static unsigned long mq_text_cost(u16 size)
{
	return mq_kmalloc_bytes(struct_size_t(struct mq_text, text, size));
}

/**
 * mq_text_alloc - allocate a text
 * @size: size of the text
 * @p: the payer; NULL: do not charge the text, because there are only a few
 *	such
 *
 * The caller fills in the text.
 *
 * Return: the text, or ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
 */
struct mq_text *mq_text_alloc(u16 size, struct mq_payer *p)
{
	struct mq_text *t;

	if (p && !mq_charge(p, MQ_MESSAGES, mq_text_cost(size)))
		return ERR_PTR(-EDQUOT);
	t = kmalloc(struct_size(t, text, size), MQ_GFP);
	if (!t) {
		if (p)
			mq_uncharge(p, MQ_MESSAGES, mq_text_cost(size));
		return ERR_PTR(-ENOMEM);
	}
	t->payer = p;
	refcount_set(&t->refs, 1);
	t->size = size;
	return t;
}

/* Take a reference. @t may be NULL. */
struct mq_text *mq_text_get(struct mq_text *t)
{
	if (t)
		refcount_inc(&t->refs);
	return t;
}

/* Drop a reference. @t may be NULL. This does not sleep. */
void mq_text_put(struct mq_text *t)
{
	if (!t || !refcount_dec_and_test(&t->refs))
		return;
	if (t->payer)
		mq_uncharge(t->payer, MQ_MESSAGES, mq_text_cost(t->size));
	kfree(t);
}
