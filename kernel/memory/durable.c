// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of queues that have a journal need a struct mq_durable. It is
 * allocated with the message, so that no change of the message can fail, and
 * stays when the message has gone, until the journal has a record of that.
 * Messages that are sent together get theirs together.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "base/base.h"
#include "base/compat.h"
#include "memory/budget.h"
#include "memory/durable.h"
#include "memory/payer.h"
#include "memory/spread.h"

unsigned long mq_durable_cost(void)
{
	return mq_kmalloc_bytes(sizeof(struct mq_durable));
}

/* Return: the new struct, or ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT). */
struct mq_durable *mq_durable_new(struct mq_payer *p)
{
	struct mq_durable *d;

	if (!mq_charge(p, MQ_MESSAGES, mq_durable_cost()))
		return ERR_PTR(-EDQUOT);
	d = kzalloc(sizeof(*d), MQ_GFP);
	if (!d) {
		mq_uncharge(p, MQ_MESSAGES, mq_durable_cost());
		return ERR_PTR(-ENOMEM);
	}
	d->payer = p;
	return d;
}

/*
 * Allocate the mq_durable of @n messages, MQ_DURABLES at most, for the caller to fill
 * in: they are zero. Return: the memory, or NULL.
 */
struct mq_durables *mq_durables_new(struct mq_payer *p, u32 n)
{
	struct mq_durables *all;
	size_t size = struct_size(all, d, n);
	u32 bytes = mq_kmalloc_bytes(size);

	if (!mq_charge(p, MQ_MESSAGES, bytes))
		return NULL;
	all = kzalloc(size, MQ_GFP);
	if (!all) {
		mq_uncharge(p, MQ_MESSAGES, bytes);
		return NULL;
	}
	atomic_set(&all->left, n);
	all->bytes = bytes;
	all->payer = p;
	return all;
}

static void mq_durables_free(struct mq_durables *all)
{
	mq_uncharge(all->payer, MQ_MESSAGES, all->bytes);
	kfree(all);
}

/* Drop @n of those that were allocated together. */
void mq_durables_put(struct mq_durables *all, u32 n)
{
	if (atomic_sub_and_test(n, &all->left))
		mq_durables_free(all);
}

void mq_durable_free(struct mq_durable *d)
{
	if (!d)
		return;
	if (unlikely(d->spread))
		mq_spread_put(d->spread);
	if (d->together) {
		mq_durables_put(d->all, 1);
		return;
	}
	mq_uncharge(d->payer, MQ_MESSAGES, mq_durable_cost());
	kfree(d);
}
