// SPDX-License-Identifier: GPL-2.0
/* Names and notes, which several entries may share. */
#include <linux/err.h>
#include <linux/slab.h>

#include "base/base.h"
#include "base/compat.h"
#include "memory/budget.h"
#include "memory/payer.h"
#include "memory/text.h"

/* What a text is charged for. */
static unsigned long mq_text_cost(u16 size)
{
	return mq_kmalloc_bytes(struct_size_t(struct mq_text, text, size));
}

/**
 * mq_text_alloc - room for a text
 * @size: bytes of it
 * @p: who pays for it; NULL: nobody, as there are but a few
 *
 * Return: the text, or an ERR_PTR of ENOMEM or EDQUOT.
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

/* NULL stays NULL, as for the next. */
struct mq_text *mq_text_get(struct mq_text *t)
{
	if (t)
		refcount_inc(&t->refs);
	return t;
}

/* With or without a lock held. */
void mq_text_put(struct mq_text *t)
{
	if (!t || !refcount_dec_and_test(&t->refs))
		return;
	if (t->payer)
		mq_uncharge(t->payer, MQ_MESSAGES, mq_text_cost(t->size));
	kfree(t);
}
