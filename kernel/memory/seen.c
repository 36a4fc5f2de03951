// SPDX-License-Identifier: GPL-2.0
/*
 * Allocate and free de-duplication ids. A sender allocates one when it reads a
 * record that has one, and is charged for it. The queue of the message keeps it
 * (dedup.c).
 */
#include <linux/err.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "base/base.h"
#include "base/compat.h"
#include "memory/budget.h"
#include "memory/payer.h"
#include "memory/seen.h"

/* A secret key, so that senders cannot choose ids whose hashes are the same. */
static siphash_key_t mq_hash_key __read_mostly;

/* Return the charge for a de-duplication id of @size bytes. */
static unsigned long mq_seen_cost(u32 size)
{
	return mq_kmalloc_bytes(struct_size_t(struct mq_seen, bytes, size));
}

/*
 * Allocate memory for a de-duplication id of @size bytes. The caller fills in
 * the bytes. Return: the memory, or ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
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
	INIT_LIST_HEAD(&s->dirty);
	s->payer = p;
	s->size = size;
	return s;
}

/* Compute the hash, after the caller has filled in the bytes. */
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
