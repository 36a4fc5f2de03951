// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that messages are cut from.
 *
 * An open file that sends cuts its messages off the beginning of a chunk of
 * pages, and their entries off its end; the chunk is charged to the sender's
 * memory cgroup once, when it is allocated.
 * A message that goes only counts down the chunk's references. When all that
 * was cut from it has gone, the chunk is used again from its beginning; when it
 * is full, so is the one before it, if that is empty by then; else the file
 * lets go of that, and the last message frees it.
 *
 * The first messages of an open file have memory of their own, so that "echo x
 * > queue" takes no more than x needs. So has what is sent with a delay of more
 * than a second, and what goes to a dead-letter queue: it would keep the rest of a chunk
 * from being used for a long time. Chunks begin at a page and double. A large
 * message is all there is in its chunk, and the next one gets that again, if it
 * is empty by then.
 *
 * So an open file keeps some memory that no message is in, until it is closed,
 * or until the kernel wants it back (mq_shrinker). Where a queue is deep, a chunk
 * is empty only long after its file has let go of it; a few of those are kept for
 * a moment, for whoever needs the next one, as many kernels clear new pages.
 *
 * Who sends claims the file's chunk for that: nobody else touches it until it
 * is put back, and no lock is held while it is filled. Another thread that
 * sends with the same open file meanwhile takes memory of its own.
 */
#include <linux/cred.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "mq.h"

/*
 * The largest chunk, and the largest of small messages: one that stays long,
 * while all others of its chunk go, keeps no more than that from being used.
 */
#define MQ_CHUNK_MAX	SZ_64K
#define MQ_CHUNK_SMALL	SZ_16K

/* Of a chunk that is kept for less than such a part of it, the rest moves. */
#define MQ_CHUNK_LOW	4
/* How many messages of an open file come before its first chunk. */
#define MQ_ALONE_MAX	8

/* Where in a chunk its first message stands. */
#define MQ_CHUNK_START	ALIGN(sizeof(struct mq_chunk), 8)

/* The largest chunk that is kept for another large message. */
#define MQ_LARGE_MAX	(SZ_1M + SZ_64K)

static_assert(MQ_CHUNK_MAX / 8 <= U16_MAX);

/*
 * How many chunks are kept that no file has, and for how long at most: they may
 * be charged to a memory cgroup that sends nothing any more.
 */
#define MQ_POOL_MAX	16
#define MQ_POOL_TIME	HZ

/*
 * Open files that keep chunks, and chunks that no file has, as long as there are
 * such files. The lock is taken with no other but those of memory reclaim held,
 * and what is done under it is short.
 */
static DEFINE_SPINLOCK(mq_keepers_lock);
static LIST_HEAD(mq_keepers);
static struct mq_chunk *mq_pool[MQ_POOL_MAX];
static unsigned int mq_pooled;
static atomic_long_t mq_kept;	/* bytes */
static struct shrinker *mq_shrinker;

/**
 * mq_chunk_claim - begin to cut from a file's chunk
 * @f: the producer
 *
 * Return: what is to be given back with mq_chunk_unclaim().
 */
struct mq_chunk *mq_chunk_claim(struct mq_file *f)
{
	return xchg(&f->chunk, MQ_CHUNK_CLAIMED);
}

void mq_chunk_unclaim(struct mq_file *f, struct mq_chunk *c)
{
	if (c == MQ_CHUNK_CLAIMED)
		return;
	/* Pairs with the exchange of who claims it next. */
	smp_store_release(&f->chunk, c);
}

/* The caller sends. The kernel vouches for it, so only here. */
void mq_sender_stamp(struct mq_sender *s)
{
	s->uid = current_euid();
	s->gid = current_egid();
	s->pid = task_tgid_nr(current);
}

static struct mq_sender *mq_chunk_sender(struct mq_chunk *c)
{
	return (void *)c + c->sender * 8;
}

/* Nothing that was cut from it is left, and nobody looks at it. */
static bool mq_chunk_is_empty(const struct mq_chunk *c)
{
	return atomic64_read_acquire(&c->refs) == MQ_CHUNK_BIAS - c->given;
}

/* An empty chunk is used from its beginning. */
static void mq_chunk_reset(struct mq_chunk *c)
{
	c->first = *mq_chunk_sender(c);
	c->sender = offsetof(struct mq_chunk, first) / 8;
	c->used = MQ_CHUNK_START;
	c->top = c->size;
	c->given = 0;
	atomic64_set(&c->refs, MQ_CHUNK_BIAS);
}

/* -- what a chunk is charged for ---------------------------------------------- */

/*
 * What @n messages may come to need beside them, which is charged with their
 * chunk: so what happens to a message later needs no charge, and cannot fail.
 */
static unsigned long mq_chunk_reserve(unsigned long n)
{
	return n * mq_kmalloc_bytes(sizeof(struct mq_more));
}

/* Memory for one message: bytes, this header included, from the kernel. */
static unsigned long mq_large_bytes(unsigned long all)
{
	/* vmalloc() needs a page's address for each page, and more. */
	return all > MQ_CHUNK_MAX ?
	       PAGE_ALIGN(all) + PAGE_ALIGN(all) / (PAGE_SIZE / 16) + SZ_256 :
	       mq_kmalloc_bytes(all);
}

/* A chunk of pages, from which as many messages may be cut as there is room for. */
static unsigned long mq_pages_bytes(u16 order)
{
	unsigned long bytes = PAGE_SIZE << order;
	unsigned long least = sizeof(struct mq_entry) + sizeof(struct mq_msg);

	return bytes + mq_chunk_reserve(bytes / (least + 8));
}

/**
 * mq_cost - what a message is charged for at most, with memory of its own
 * @bytes: of its payload, key and headers
 *
 * In a chunk it is less.
 */
unsigned long mq_cost(u64 bytes)
{
	/* Times and an order of its own stand before some entries. */
	u64 all = MQ_CHUNK_START + sizeof(struct mq_more) +
		  sizeof(struct mq_ordered) + mq_offset(0) + ALIGN(bytes, 8);

	return mq_large_bytes(all) + mq_chunk_reserve(1);
}

/* It turned out that so much of a chunk's charge is enough. */
static void mq_chunk_charge_down(struct mq_chunk *c, unsigned long charged)
{
	if (charged >= c->charged)
		return;
	mq_charge_less(c->payer, c->charged - charged);
	c->charged = charged;
}

/* The opposite, which may be too much: false. */
static bool mq_chunk_charge_up(struct mq_chunk *c, unsigned long charged)
{
	if (charged > c->charged &&
	    !mq_charge_more(c->payer, charged - c->charged))
		return false;
	c->charged = max_t(u32, c->charged, charged);
	return true;
}

/* The chunk is no longer one of its queue's that are mostly unused. */
static void mq_chunk_unwaste(struct mq_chunk *c)
{
	if (c->sparse)
		atomic_long_sub(c->size, &c->q->waste);
	c->sparse = false;
	if (c->q)
		mq_queue_put(c->q);
	c->q = NULL;
}

static void mq_chunk_give_back(struct mq_chunk *c)
{
	struct mq_payer *payer = c->payer;
	u32 charged = c->charged;

	mq_chunk_unwaste(c);
	if (c->order == MQ_LARGE)
		kvfree(c);
	else
		free_pages((unsigned long)c, c->order);
	mq_uncharge(payer, charged);
}

/* So many bytes more are kept that no message is in, or less. */
static void mq_kept_add(long bytes)
{
	atomic_long_add(bytes, &mq_kept);
}

/* One of those, of 2^@order pages, and charged as a new one would be; or NULL. */
static struct mq_chunk *mq_pool_get(struct mq_payer *p, u16 order)
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

/* Give back all of them. Return: how many bytes those were. */
static unsigned long mq_pool_empty(void)
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

/* Keep an empty chunk of pages for whoever needs the next one, if there may be. */
static bool mq_pool_put(struct mq_chunk *c)
{
	bool kept = false, first = false;

	mq_chunk_unwaste(c);
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

static void mq_chunk_free(struct mq_chunk *c)
{
	if (c->order == MQ_LARGE || !mq_pool_put(c))
		mq_chunk_give_back(c);
}

/* The last of it is in use, and keeps all of it: note that for its queue. */
static void mq_chunk_waste(struct mq_chunk *c)
{
	c->sparse = true;
	if (atomic_long_add_return(c->size, &c->q->waste) >
	    mq_compact_threshold(c->q))
		mq_compact_later(c->q);
}

/**
 * mq_chunk_ebb - little of a chunk is in use
 * @c: the chunk, which may be gone already unless one of the two is so:
 * @left: what is left of mq_chunk.refs: nothing, or
 * @put: what was given back: so much that more than @low were in use before
 * @low: its mq_chunk.low
 *
 * Who crosses that mark gives back one more reference, which held until then.
 */
void mq_chunk_ebb(struct mq_chunk *c, u64 left, u64 put, u32 low)
{
	if (left && (u32)(left + put) < low)
		return;
	if (left > MQ_CHUNK_ONE && c->q)
		mq_chunk_waste(c);
	if (!left || !atomic64_sub_return(MQ_CHUNK_ONE, &c->refs))
		mq_chunk_free(c);
}

/* The file will cut no more from it. One reference more than its messages stays. */
static void mq_chunk_retire(struct mq_chunk *c)
{
	if (!c)
		return;
	mq_kept_add(-(long)c->size);
	if (c->order != MQ_LARGE)
		mq_chunk_charge_down(c, c->size +
				     mq_chunk_reserve(c->given / MQ_CHUNK_ONE));
	mq_chunk_put(c, MQ_CHUNK_BIAS - c->given - MQ_CHUNK_ONE);
}

/* The file keeps a new chunk. */
static void mq_chunk_keep(struct mq_file *f, struct mq_chunk *c)
{
	atomic64_set(&c->refs, MQ_CHUNK_BIAS);
	mq_kept_add(c->size);
	if (!list_empty(&f->keeper))
		return;
	spin_lock(&mq_keepers_lock);
	if (list_empty(&f->keeper))
		list_add_tail(&f->keeper, &mq_keepers);
	spin_unlock(&mq_keepers_lock);
}

/* The open file goes, and with it what no file has: nothing is left of the last. */
void mq_chunk_drop(struct mq_file *f)
{
	bool keeper;

	spin_lock(&mq_keepers_lock);
	keeper = !list_empty(&f->keeper);
	list_del_init(&f->keeper);
	spin_unlock(&mq_keepers_lock);
	mq_chunk_retire(f->chunk);
	mq_chunk_retire(f->spare);
	mq_chunk_retire(f->large);
	f->chunk = NULL;
	f->spare = NULL;
	f->large = NULL;
	if (keeper)
		mq_pool_empty();
}

/* Who is about to wait keeps no memory for a large message. */
void mq_chunk_forgo(struct mq_file *f)
{
	if (READ_ONCE(f->large))
		mq_chunk_retire(xchg(&f->large, NULL));
}

/* Take from a file what it does not use at this moment; it is to be retired. */
static void mq_keeper_empty(struct mq_file *f, struct mq_chunk *c[3])
{
	c[0] = xchg(&f->large, NULL);
	c[1] = NULL;
	c[2] = xchg(&f->chunk, MQ_CHUNK_CLAIMED);
	if (c[2] == MQ_CHUNK_CLAIMED) {
		c[2] = NULL;
		return;
	}
	swap(c[1], f->spare);
	/* Pairs with the exchange of who claims it next. */
	smp_store_release(&f->chunk, NULL);
}

static unsigned long mq_shrink_count(struct shrinker *s,
				     struct shrink_control *control)
{
	return atomic_long_read(&mq_kept) >> PAGE_SHIFT ?: SHRINK_EMPTY;
}

/*
 * Take what one of the files keeps, of a file whose opener is @user if that is
 * not NULL. Only some are looked at; those that do not count go to the end.
 * Return: bytes; 0: there was nothing, but *@more says whether to go on.
 */
static unsigned long mq_keepers_empty_one(const struct mq_user *user, bool *more)
{
	struct mq_chunk *c[3] = {};
	unsigned long bytes = 0;
	struct mq_file *f;
	unsigned int i;

	spin_lock(&mq_keepers_lock);
	f = list_first_entry_or_null(&mq_keepers, struct mq_file, keeper);
	*more = f;
	if (f && user && f->payer->user != user) {
		list_move_tail(&f->keeper, &mq_keepers);
	} else if (f) {
		list_del_init(&f->keeper);
		mq_keeper_empty(f, c);
	}
	spin_unlock(&mq_keepers_lock);
	for (i = 0; i < ARRAY_SIZE(c); i++) {
		bytes += c[i] ? c[i]->size : 0;
		mq_chunk_retire(c[i]);
	}
	return bytes;
}

/* The kernel wants memory: files give back what they keep, one by one. */
static unsigned long mq_shrink_scan(struct shrinker *s,
				    struct shrink_control *control)
{
	unsigned long freed = mq_pool_empty() >> PAGE_SHIFT;
	bool more = true;

	while (more && freed < control->nr_to_scan)
		freed += mq_keepers_empty_one(NULL, &more) >> PAGE_SHIFT;
	/* Where another file is left, some of it has come here. */
	mq_pool_empty();
	return freed ?: SHRINK_STOP;
}

/* How many files are asked for what they keep, when a bound is reached. */
#define MQ_RECLAIM_FILES	64

/*
 * A charge of @p was not granted: have files give back what they keep, and free
 * chunks of which little is in use. Return: did that give anything?
 */
static bool mq_reclaim(struct mq_file *f, struct mq_payer *p,
		       struct mq_chunk **c)
{
	const struct mq_user *user = mq_user_short(p);
	unsigned long bytes = mq_pool_empty();
	bool more = true;
	unsigned int n;

	/* What this file has is the caller's own, and claimed. */
	if (*c != MQ_CHUNK_CLAIMED && f->spare) {
		mq_chunk_retire(f->spare);
		f->spare = NULL;
		bytes++;
	}
	for (n = 0; more && n < MQ_RECLAIM_FILES; n++)
		bytes += mq_keepers_empty_one(user, &more);
	bytes += mq_pool_empty();
	return mq_compact(f->q) || bytes;
}

int __init mq_chunk_module_init(void)
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

void mq_chunk_module_exit(void)
{
	shrinker_free(mq_shrinker);
	cancel_delayed_work_sync(&mq_pool_work);
	mq_pool_empty();
	WARN_ON_ONCE(atomic_long_read(&mq_kept));
}

static void mq_chunk_init(struct mq_chunk *c, u32 size, u16 order)
{
	c->size = size;
	c->order = order;
	c->low = order == MQ_LARGE ? 1 : size / MQ_CHUNK_LOW;
	c->sparse = false;
	c->q = NULL;
	c->used = MQ_CHUNK_START;
	c->top = size;
	c->given = 0;
	c->sender = offsetof(struct mq_chunk, first) / 8;
	mq_sender_stamp(&c->first);
}

/* Large ones do not press the kernel for pages in a row. */
static struct mq_chunk *mq_pages_alloc(struct mq_payer *p, u16 order)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_COMP;
	unsigned long charged = mq_pages_bytes(order);
	struct mq_chunk *c;

	if (!mq_charge(p, charged))
		return NULL;
	gfp |= order ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL;
	c = (void *)__get_free_pages(gfp, order);
	if (!c) {
		mq_uncharge(p, charged);
		return NULL;
	}
	c->payer = p;
	c->charged = charged;
	return c;
}

static struct mq_chunk *mq_chunk_pages(struct mq_file *f, struct mq_payer *p,
				       u32 size)
{
	u16 order = get_order(size);
	struct mq_chunk *c;

	c = mq_pool_get(p, order) ?: mq_pages_alloc(p, order);
	if (!c)
		return NULL;
	mq_chunk_init(c, PAGE_SIZE << order, order);
	get_device(&f->q->dev);
	c->q = f->q;
	mq_chunk_keep(f, c);
	return c;
}

/**
 * mq_chunk_again - begin a chunk that is full anew
 * @c: the chunk, claimed
 * @size: bytes that are wanted of it
 *
 * Return: false if it is not empty, or has not so much.
 */
bool mq_chunk_again(struct mq_chunk *c, u32 size)
{
	if (!mq_chunk_is_empty(c) || size > c->size - MQ_CHUNK_START)
		return false;
	mq_chunk_reset(c);
	return true;
}

/*
 * Cut the only message off a chunk: there the entry stands before it, as the end
 * may be far away.
 */
static struct mq_entry *mq_chunk_take_all(struct mq_chunk *c, u32 front,
					  u32 size)
{
	struct mq_entry *e = (void *)c + MQ_CHUNK_START + front;

	c->used = c->top;
	c->given += MQ_CHUNK_ONE + size;
	e->place = (union mq_place){
		.msg = sizeof(*e) / 8,
		.chunk = (MQ_CHUNK_START + front) / 8,
		.sender = c->sender,
	};
	return e;
}

/* The memory, from the cgroup of who pays. */
static struct mq_chunk *mq_large_alloc(struct mq_payer *p, size_t all)
{
	struct mem_cgroup *memcg = mq_memcg_charge_to(p->memcg);
	struct mq_chunk *c;

	c = all > MQ_CHUNK_MAX ? __vmalloc(all, MQ_GFP) : kmalloc(all, MQ_GFP);
	mq_memcg_charge_back(memcg);
	return c;
}

/*
 * A chunk with room for one message, which takes @size bytes in all, or an
 * ERR_PTR of ENOMEM or EDQUOT. @charge says how it is charged.
 */
static struct mq_chunk *mq_chunk_large(struct mq_payer *p, u32 size,
				       bool (*charge)(struct mq_payer *p,
						      unsigned long bytes))
{
	size_t all = MQ_CHUNK_START + (size_t)size;
	unsigned long charged = mq_large_bytes(all) + mq_chunk_reserve(1);
	struct mq_chunk *c;

	if (!charge(p, charged))
		return ERR_PTR(-EDQUOT);
	c = mq_large_alloc(p, all);
	if (!c) {
		mq_uncharge(p, charged);
		return ERR_PTR(-ENOMEM);
	}
	c->payer = p;
	c->charged = charged;
	mq_chunk_init(c, all, MQ_LARGE);
	return c;
}

static struct mq_entry *mq_chunk_lone(struct mq_payer *p, u32 front, u32 size,
				      bool (*charge)(struct mq_payer *p,
						     unsigned long bytes))
{
	struct mq_chunk *c;

	c = mq_chunk_large(p, front + sizeof(struct mq_entry) + size, charge);
	if (IS_ERR(c))
		return ERR_CAST(c);
	/* The message, and what stays until that is gone: mq_chunk_ebb(). */
	atomic64_set(&c->refs, 2 * MQ_CHUNK_ONE + size);
	return mq_chunk_take_all(c, front, size);
}

/**
 * mq_chunk_alone - memory for one message
 * @p: who pays
 * @front: bytes before its entry
 * @size: bytes of the message
 *
 * All of them are multiples of 8.
 *
 * Return: the entry, of which only the places of its chunk, of its message and
 * of its sender are filled in, or an ERR_PTR of ENOMEM or EDQUOT.
 */
struct mq_entry *mq_chunk_alone(struct mq_payer *p, u32 front, u32 size)
{
	return mq_chunk_lone(p, front, size, mq_charge);
}

/* The same for a message that moves, so that a chunk can be freed. */
struct mq_entry *mq_chunk_refuge(struct mq_payer *p, u32 front, u32 size)
{
	return mq_chunk_lone(p, front, size, mq_charge_to_move);
}

/* The message of such a chunk, which is nobody else's yet, takes @size bytes. */
void mq_chunk_resize(struct mq_chunk *c, u32 size)
{
	atomic64_set(&c->refs, 2 * MQ_CHUNK_ONE + size);
}

/* The same for a large message, from what there was for the one before. */
static struct mq_entry *mq_chunk_again_large(struct mq_file *f,
					     struct mq_payer *p, u32 front,
					     u32 size)
{
	struct mq_chunk *c = xchg(&f->large, NULL);
	u32 all = front + sizeof(struct mq_entry) + size;
	struct mq_entry *e;

	if (!c || c->payer != p || c->size / 2 > all ||
	    !mq_chunk_again(c, all)) {
		mq_chunk_retire(c);
		c = mq_chunk_large(p, all, mq_charge);
		if (IS_ERR(c))
			return ERR_CAST(c);
		mq_chunk_keep(f, c);
	}
	mq_sender_stamp(&c->first);
	e = mq_chunk_take_all(c, front, size);
	/* Unless another thread was faster. */
	if (cmpxchg(&f->large, NULL, c))
		mq_chunk_retire(c);
	return e;
}

/* Another one sends with this file: may it go on with the file's chunk? */
static bool mq_chunk_hand_over(struct mq_chunk *c)
{
	u32 at = c->used;

	if (!mq_payer_is_current(c->payer))
		return false;
	if (mq_chunk_again(c, 0)) {
		mq_sender_stamp(&c->first);
		return true;
	}
	if (ALIGN(sizeof(struct mq_sender), 8) > c->top - at)
		return false;
	c->used = at + ALIGN(sizeof(struct mq_sender), 8);
	c->sender = at / 8;
	mq_sender_stamp(mq_chunk_sender(c));
	return true;
}

/* Who pays for what the caller sends with this file; or NULL. */
static struct mq_payer *mq_file_payer(struct mq_file *f)
{
	return likely(mq_payer_is_current(f->payer)) ?
	       mq_payer_hold(f->payer) : mq_payer_get();
}

/**
 * mq_chunk_step - go on to the next chunk
 * @f: the producer
 * @p: who pays
 * @c: its chunk, claimed, which is full, or somebody else's; or NULL
 * @size: bytes that there is to be room for
 *
 * Return: the next one, or NULL; claimed, too.
 */
static struct mq_chunk *mq_chunk_step(struct mq_file *f, struct mq_payer *p,
				      struct mq_chunk *c, u32 size)
{
	struct mq_chunk *spare = f->spare;
	u32 most;

	f->spare = c;
	/* A smaller one would be full before the other is empty again. */
	if (spare && c && spare->size >= c->size &&
	    spare->payer == p && mq_chunk_again(spare, size)) {
		mq_sender_stamp(&spare->first);
		return spare;
	}
	mq_chunk_retire(spare);
	most = clamp_t(u32, 4 * size, MQ_CHUNK_SMALL, MQ_CHUNK_MAX);
	f->chunk_size = clamp_t(u32, 2 * f->chunk_size, PAGE_SIZE, most);
	return mq_chunk_pages(f, p, max_t(u32, f->chunk_size,
					  size + MQ_CHUNK_START));
}

/* The same, with the caller paying. */
struct mq_chunk *mq_chunk_next(struct mq_file *f, struct mq_chunk *c, u32 size)
{
	struct mq_payer *p = mq_file_payer(f);

	if (unlikely(!p)) {
		mq_chunk_retire(c);
		return NULL;
	}
	c = mq_chunk_step(f, p, c, size);
	mq_payer_put(p);
	return c;
}

/* Memory from a chunk that is begun, gone on with, or the message's own. */
static struct mq_entry *mq_chunk_find(struct mq_file *f, struct mq_payer *p,
				      struct mq_chunk **c, u32 front, u32 size)
{
	u32 all = front + sizeof(struct mq_entry) + size;

	if (all > MQ_CHUNK_MAX / 4 && all < MQ_LARGE_MAX)
		return mq_chunk_again_large(f, p, front, size);
	if (*c == MQ_CHUNK_CLAIMED || all > MQ_CHUNK_MAX / 4)
		return mq_chunk_alone(p, front, size);
	if (!*c && f->alone < MQ_ALONE_MAX) {
		f->alone++;
		return mq_chunk_alone(p, front, size);
	}
	if (*c && (mq_chunk_is_ours(*c) || mq_chunk_hand_over(*c))) {
		if (mq_chunk_has(*c, all))
			return mq_chunk_take(*c, front, size);
	}
	*c = mq_chunk_step(f, p, *c, all);
	return *c ? mq_chunk_take(*c, front, size) :
		    mq_chunk_alone(p, front, size);
}

/* As mq_chunk_cut(), where the chunk as it stands will not do. */
static noinline struct mq_entry *mq_chunk_slow(struct mq_file *f,
					       struct mq_chunk **c, u32 front,
					       u32 size)
{
	struct mq_payer *p = mq_file_payer(f);
	struct mq_entry *e;

	if (!p)
		return ERR_PTR(-ENOMEM);
	e = mq_chunk_find(f, p, c, front, size);
	if (unlikely(e == ERR_PTR(-EDQUOT)) && mq_reclaim(f, p, c))
		e = mq_chunk_find(f, p, c, front, size);
	mq_payer_put(p);
	return e;
}

/**
 * mq_chunk_cut - memory for a message
 * @f: the producer
 * @c: its chunk, claimed
 * @front: bytes before the entry
 * @size: bytes of the message
 *
 * Return: as mq_chunk_alone().
 */
struct mq_entry *mq_chunk_cut(struct mq_file *f, struct mq_chunk **c,
			      u32 front, u32 size)
{
	struct mq_chunk *chunk = *c;

	if (likely(chunk && chunk != MQ_CHUNK_CLAIMED &&
		   mq_chunk_is_ours(chunk) &&
		   mq_chunk_has(chunk, front + sizeof(struct mq_entry) + size)))
		return mq_chunk_take(chunk, front, size);
	return mq_chunk_slow(f, c, front, size);
}
