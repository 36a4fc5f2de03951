// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of queues that have a journal need a struct mq_durable. It is
 * allocated with the message, so that no change of the message can fail, and
 * stays when the message has gone, until the journal has a record of that.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "base/base.h"
#include "base/compat.h"
#include "memory/budget.h"
#include "memory/durable.h"
#include "memory/payer.h"

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

void mq_durable_free(struct mq_durable *d)
{
	if (!d)
		return;
	mq_uncharge(d->payer, MQ_MESSAGES, mq_durable_cost());
	kfree(d);
}
