// SPDX-License-Identifier: GPL-2.0
/*
 * De-duplication ids in memory: made as a record is read, kept by the queue that
 * the message is sent to (dedup.c), and charged to its sender.
 */
#include <linux/err.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "base/base.h"
#include "base/compat.h"
#include "memory/budget.h"
#include "memory/payer.h"
#include "memory/seen.h"

/* Nobody outside can choose ids so that their hashes meet. */
static siphash_key_t mq_hash_key __read_mostly;

/* What is charged for an id. */
static unsigned long mq_seen_cost(u32 size)
{
	return mq_kmalloc_bytes(struct_size_t(struct mq_seen, bytes, size));
}

/*
 * For an id of @size bytes, which are to be filled in; or an ERR_PTR of ENOMEM or
 * EDQUOT.
 */
struct mq_seen *mq_seen_new(struct mq_payer *p, u32 size)
{
	struct mq_seen *s;

	if (!mq_charge(p, MQ_MESSAGES, mq_seen_cost(size)))
		return ERR_PTR(-EDQUOT);
	s = kzalloc(struct_size(s, bytes, size), MQ_GFP);
	if (!s) {
		mq_uncharge(p, MQ_MESSAGES, mq_seen_cost(size));
		return ERR_PTR(-ENOMEM);
	}
	s->payer = p;
	s->size = size;
	return s;
}

/* The bytes of the id are filled in. */
void mq_seen_hash(struct mq_seen *s)
{
	s->hash = siphash(s->bytes, s->size, &mq_hash_key);
}

void mq_seen_free(struct mq_seen *s)
{
	mq_uncharge(s->payer, MQ_MESSAGES, mq_seen_cost(s->size));
	kfree(s);
}

void __init mq_seen_init(void)
{
	get_random_bytes(&mq_hash_key, sizeof(mq_hash_key));
}
