// SPDX-License-Identifier: GPL-2.0
/*
 * Chunks that open files keep for their next messages, and how these are taken
 * back: by the shrinker, if the kernel needs memory, and by a sender whose
 * charge was refused.
 */
#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include "base/base.h"
#include "memory/budget.h"
#include "memory/chunk.h"
#include "memory/keep.h"
#include "memory/payer.h"
#include "memory/pool.h"

static struct shrinker *mq_shrinker;

/* Make a new chunk one that the open file keeps. */
void mq_supply_keep(struct mq_supply *s, struct mq_chunk *c)
{
	atomic64_set(&c->refs, MQ_CHUNK_BIAS);
	mq_kept_add(c->size);
	if (!list_empty(&s->keeper))
		return;
	spin_lock(&mq_keepers_lock);
	if (list_empty(&s->keeper))
		list_add_tail(&s->keeper, &mq_keepers);
	spin_unlock(&mq_keepers_lock);
}

/*
 * Retire all chunks of an open file that is being closed. This empties the pool
 * as well, so that after the last close no memory is kept.
 */
void mq_supply_exit(struct mq_supply *s)
{
	bool keeper;

	spin_lock(&mq_keepers_lock);
	keeper = !list_empty(&s->keeper);
	list_del_init(&s->keeper);
	spin_unlock(&mq_keepers_lock);
	mq_chunk_retire(s->chunk);
	mq_chunk_retire(s->previous);
	mq_chunk_retire(s->large);
	s->chunk = NULL;
	s->previous = NULL;
	s->large = NULL;
	if (keeper)
		mq_pool_empty();
}

/* Retire the chunk of the last large message, before the caller waits. */
void mq_supply_drop_large(struct mq_supply *s)
{
	if (READ_ONCE(s->large))
		mq_chunk_retire(xchg(&s->large, NULL));
}

/* Take the chunks of a file that no thread uses. The caller retires them. */
static void mq_keeper_empty(struct mq_supply *s, struct mq_chunk *c[3])
{
	c[0] = xchg(&s->large, NULL);
	c[1] = NULL;
	c[2] = xchg(&s->chunk, MQ_CHUNK_CLAIMED);
	if (c[2] == MQ_CHUNK_CLAIMED) {
		c[2] = NULL;
		return;
	}
	swap(c[1], s->previous);
	/* Pairs with the xchg() of the next thread that claims the chunk. */
	smp_store_release(&s->chunk, NULL);
}

static unsigned long mq_shrink_count(struct shrinker *s,
				     struct shrink_control *control)
{
	return mq_kept_bytes() >> PAGE_SHIFT ?: SHRINK_EMPTY;
}

/*
 * Retire what the first file in mq_keepers keeps. If @user is not NULL and did
 * not open that file, move the file to the end of the list instead.
 * Return: the bytes that were retired. *@more gets false if the list was empty.
 */
static unsigned long mq_keepers_empty_one(const struct mq_user *user, bool *more)
{
	struct mq_chunk *c[3] = {};
	unsigned long bytes = 0;
	struct mq_supply *s;
	unsigned int i;

	spin_lock(&mq_keepers_lock);
	s = list_first_entry_or_null(&mq_keepers, struct mq_supply, keeper);
	*more = s;
	if (s && user && s->payer->user != user) {
		list_move_tail(&s->keeper, &mq_keepers);
	} else if (s) {
		list_del_init(&s->keeper);
		mq_keeper_empty(s, c);
	}
	spin_unlock(&mq_keepers_lock);
	for (i = 0; i < ARRAY_SIZE(c); i++) {
		bytes += c[i] ? c[i]->size : 0;
		mq_chunk_retire(c[i]);
	}
	return bytes;
}

/* The shrinker: retire what the files keep, one file after the other. */
static unsigned long mq_shrink_scan(struct shrinker *s,
				    struct shrink_control *control)
{
	unsigned long freed = mq_pool_empty() >> PAGE_SHIFT;
	bool more = true;

	while (more && freed < control->nr_to_scan)
		freed += mq_keepers_empty_one(NULL, &more) >> PAGE_SHIFT;
	/* While there are other keepers, retired chunks go to the pool. */
	mq_pool_empty();
	return freed ?: SHRINK_STOP;
}

/* The most files from which mq_reclaim() takes chunks. */
#define MQ_RECLAIM_FILES	64

/*
 * Free memory after a charge to @p was refused: retire what files keep, and
 * move messages out of sparse chunks. @c is the claimed chunk of the caller.
 * Return: true if that freed anything.
 */
bool mq_reclaim(struct mq_supply *s, struct mq_payer *p, struct mq_chunk **c)
{
	const struct mq_user *user = mq_budget_limiting_user(p, 0);
	unsigned long bytes = mq_pool_empty();
	bool more = true;
	unsigned int n;

	/* Only the thread that has claimed the chunk may take @previous. */
	if (*c != MQ_CHUNK_CLAIMED && s->previous) {
		mq_chunk_retire(s->previous);
		s->previous = NULL;
		bytes++;
	}
	for (n = 0; more && n < MQ_RECLAIM_FILES; n++)
		bytes += mq_keepers_empty_one(user, &more);
	bytes += mq_pool_empty();
	return s->store->ops->compact(s->store) || bytes;
}

int __init mq_keep_init(void)
{
	int err;

	mq_shrinker = shrinker_alloc(0, "devmq");
	if (!mq_shrinker)
		return -ENOMEM;
	mq_shrinker->count_objects = mq_shrink_count;
	mq_shrinker->scan_objects = mq_shrink_scan;
	mq_shrinker->seeks = DEFAULT_SEEKS;
	err = mq_shrinker_register(mq_shrinker);
	if (err)
		kfree(mq_shrinker);
	return err;
}

void mq_keep_exit(void)
{
	shrinker_free(mq_shrinker);
	mq_pool_exit();
}
