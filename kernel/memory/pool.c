// SPDX-License-Identifier: GPL-2.0
/*
 * The pool of empty chunks of pages, from which any open file takes its next
 * chunk.
 *
 * If a queue is deep, a chunk becomes empty long after its open file has
 * retired it. Many kernels zero new pages, so using the old ones again saves
 * time. The pool keeps a few chunks for a short time, as long as there are open
 * files that keep chunks.
 */
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "memory/budget.h"
#include "memory/cost.h"
#include "memory/layout.h"
#include "memory/payer.h"
#include "memory/pool.h"

/*
 * The most chunks in the pool, and the longest time that a chunk stays there.
 * The time is bounded because the memory cgroup to which a chunk is charged may
 * not send anything any more.
 */
#define MQ_POOL_MAX	16
#define MQ_POOL_TIME	HZ

/*
 * The open files that keep chunks (keep.c). The lock protects mq_pool as well.
 * The shrinker takes it, so it is not held while memory is allocated.
 */
DEFINE_SPINLOCK(mq_keepers_lock);
LIST_HEAD(mq_keepers);

static struct mq_chunk *mq_pool[MQ_POOL_MAX];
static unsigned int mq_pooled;
static atomic_long_t mq_kept;	/* bytes that files and the pool keep */

/* Remove a chunk from its store, and from the waste of it. */
static void mq_chunk_leave_store(struct mq_chunk *c)
{
	if (c->sparse)
		atomic_long_sub(c->size, &c->store->waste);
	c->sparse = false;
	if (c->store)
		c->store->ops->put(c->store);
	c->store = NULL;
}

void mq_chunk_give_back(struct mq_chunk *c)
{
	struct mq_payer *payer = c->payer;
	u32 charged = c->charged;

	mq_chunk_leave_store(c);
	if (c->order == MQ_LARGE)
		kvfree(c);
	else
		free_pages((unsigned long)c, c->order);
	mq_uncharge(payer, MQ_MESSAGES, charged);
}

/* Add to the bytes that open files and the pool keep for later messages. */
void mq_kept_add(long bytes)
{
	atomic_long_add(bytes, &mq_kept);
}

unsigned long mq_kept_bytes(void)
{
	return atomic_long_read(&mq_kept);
}

/*
 * Take a chunk of 2^@order pages from the pool, and charge it like a new one.
 * Return: the chunk; NULL if there is none that @p pays for, or if a bound
 * would be exceeded.
 */
struct mq_chunk *mq_pool_get(struct mq_payer *p, u16 order)
{
	u32 size = PAGE_SIZE << order;
	struct mq_chunk *c = NULL;
	unsigned int i;

	spin_lock(&mq_keepers_lock);
	for (i = 0; i < mq_pooled; i++) {
		if (mq_pool[i]->size != size || mq_pool[i]->payer != p)
			continue;
		c = mq_pool[i];
		mq_pool[i] = mq_pool[--mq_pooled];
		mq_kept_add(-(long)size);
		break;
	}
	spin_unlock(&mq_keepers_lock);
	if (!c || mq_chunk_charge_up(c, mq_pages_bytes(order)))
		return c;
	mq_chunk_give_back(c);
	return NULL;
}

/* Free all chunks in the pool. Return: their bytes. */
unsigned long mq_pool_empty(void)
{
	struct mq_chunk *c[MQ_POOL_MAX];
	unsigned long bytes = 0;
	unsigned int n;

	spin_lock(&mq_keepers_lock);
	n = mq_pooled;
	memcpy(c, mq_pool, n * sizeof(*c));
	mq_pooled = 0;
	spin_unlock(&mq_keepers_lock);
	while (n--) {
		bytes += c[n]->size;
		mq_kept_add(-(long)c[n]->size);
		mq_chunk_give_back(c[n]);
	}
	return bytes;
}

static void mq_pool_expire(struct work_struct *work)
{
	mq_pool_empty();
}

static DECLARE_DELAYED_WORK(mq_pool_work, mq_pool_expire);

/*
 * Put an empty chunk of pages into the pool. Return: false if the pool is full,
 * or if no open file keeps chunks.
 */
bool mq_pool_put(struct mq_chunk *c)
{
	bool kept = false, first = false;

	mq_chunk_leave_store(c);
	mq_chunk_charge_down(c, c->size);
	spin_lock(&mq_keepers_lock);
	if (!list_empty(&mq_keepers) && mq_pooled < MQ_POOL_MAX) {
		first = !mq_pooled;
		mq_pool[mq_pooled++] = c;
		mq_kept_add(c->size);
		kept = true;
	}
	spin_unlock(&mq_keepers_lock);
	if (first)
		schedule_delayed_work(&mq_pool_work, MQ_POOL_TIME);
	return kept;
}

/* Free the pool when the module is unloaded. */
void mq_pool_exit(void)
{
	cancel_delayed_work_sync(&mq_pool_work);
	mq_pool_empty();
	WARN_ON_ONCE(atomic_long_read(&mq_kept));
}
