// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of messages and entries.
 *
 * Both are charged to the memory cgroup of the task that sends, and to the
 * module's own budget, max_total_bytes. Nothing here takes mq_queue.lock; all
 * of it may sleep.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "mq.h"

static struct kmem_cache *mq_entry_cache;

/* The budget: what is used, how much there is, and who waits for some. */
static atomic_long_t mq_budget_used;
static unsigned long mq_budget_max;
static DECLARE_WAIT_QUEUE_HEAD(mq_budget_waiters);

/*
 * Queues with pollers that wait for some of the budget. The lock protects the
 * list and mq_queue.starved; it is taken last but for wait queue locks.
 */
static DEFINE_SPINLOCK(mq_starved_lock);
static LIST_HEAD(mq_starved);

static int mq_budget_set(const char *text, const struct kernel_param *kp)
{
	char *end;
	u64 max = memparse(text, &end);

	if (end == text || *skip_spaces(end) || !max || max > LONG_MAX)
		return -EINVAL;
	WRITE_ONCE(mq_budget_max, max);
	mq_budget_wake();
	return 0;
}

static const struct kernel_param_ops mq_budget_ops = {
	.set	= mq_budget_set,
	.get	= param_get_ulong,
};

module_param_cb(max_total_bytes, &mq_budget_ops, &mq_budget_max, 0644);
MODULE_PARM_DESC(max_total_bytes,
		 "most bytes of memory for the messages of all queues (K, M or G may follow; default a quarter of RAM)");

/*
 * What a message with @bytes of data costs, but for what the allocator rounds
 * up.
 */
unsigned long mq_cost(u64 bytes)
{
	return sizeof(struct mq_entry) + sizeof(struct mq_msg) + bytes;
}

/* In one step, so that who fails is never seen to have used anything. */
static bool mq_budget_charge(unsigned long cost)
{
	unsigned long max = READ_ONCE(mq_budget_max);
	long used = atomic_long_read(&mq_budget_used);

	do {
		if (used + cost > max)
			return false;
	} while (!atomic_long_try_cmpxchg(&mq_budget_used, &used, used + cost));
	return true;
}

static void mq_budget_uncharge(unsigned long cost)
{
	atomic_long_sub(cost, &mq_budget_used);
	/* The barrier in wq_has_sleeper() is for the list as well. */
	if (wq_has_sleeper(&mq_budget_waiters) || !list_empty(&mq_starved))
		mq_budget_wake();
}

/* There may be more of the budget than before: all are to look. */
void mq_budget_wake(void)
{
	struct mq_queue *q, *next;

	wake_up_all(&mq_budget_waiters);
	spin_lock(&mq_starved_lock);
	list_for_each_entry_safe(q, next, &mq_starved, starved) {
		list_del_init(&q->starved);
		mq_wake_pollers(q);
	}
	spin_unlock(&mq_starved_lock);
}

/* A queue goes: no one polls it any more. */
void mq_budget_forget(struct mq_queue *q)
{
	spin_lock(&mq_starved_lock);
	list_del_init(&q->starved);
	spin_unlock(&mq_starved_lock);
}

static bool mq_budget_fits(unsigned long cost)
{
	return atomic_long_read(&mq_budget_used) + cost <=
	       READ_ONCE(mq_budget_max);
}

/**
 * mq_budget_poll - would the budget let a send go on, if only to fail?
 * @q: the queue
 * @bytes: what the message counts
 *
 * If not, the pollers in mq_queue.writers are woken when it may.
 */
bool mq_budget_poll(struct mq_queue *q, u64 bytes)
{
	unsigned long cost = mq_cost(bytes);

	if (likely(mq_budget_fits(cost)) || cost > READ_ONCE(mq_budget_max) ||
	    READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK)
		return true;
	spin_lock(&mq_starved_lock);
	if (list_empty(&q->starved))
		list_add_tail(&q->starved, &mq_starved);
	spin_unlock(&mq_starved_lock);
	smp_mb(); /* on the list, then look; as for who sleeps */
	return mq_budget_fits(cost);
}

/**
 * mq_budget_wait - sleep until there may be so much left
 * @q: the queue that it is for
 * @cost: how much
 *
 * Return: 0 (try again, if only to fail) or ERESTARTSYS.
 */
int mq_budget_wait(struct mq_queue *q, unsigned long cost)
{
	return wait_event_interruptible(mq_budget_waiters,
			READ_ONCE(q->gone) || mq_budget_fits(cost) ||
			cost > READ_ONCE(mq_budget_max) ||
			READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK);
}

/*
 * Make room in the budget by dropping what is ready in @q, if that suffices;
 * else nothing is dropped.
 */
static int mq_budget_drop(struct mq_queue *q, unsigned long cost)
{
	if (!mq_budget_fits(cost) && mq_queue_droppable(q) < cost)
		return -ENOSPC;
	while (!mq_budget_fits(cost)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (!mq_queue_drop_oldest(q))
			return -ENOSPC;
		cond_resched();
	}
	return 0;
}

/*
 * Charge @cost, and where the budget is used up do what the queue's overflow
 * option says.
 */
static int mq_budget_get(struct mq_queue *q, unsigned long cost, bool nowait)
{
	while (!mq_budget_charge(cost)) {
		int err;

		if (READ_ONCE(q->gone))
			return -ENODEV;
		if (cost > READ_ONCE(mq_budget_max))
			return -EMSGSIZE;
		if (mq_paused(q, MQ_PAUSED_SEND)) {
			/* Nobody goes for what could not come in. */
			err = nowait ? -EAGAIN : mq_wait_room(q, 0, 0);
			if (err)
				return err;
			continue;
		}
		switch (READ_ONCE(q->opt.overflow)) {
		case MQ_OVERFLOW_REJECT:
		case MQ_OVERFLOW_DEAD_LETTER:	/* moving frees nothing */
			return -ENOSPC;
		case MQ_OVERFLOW_DROP_HEAD:
			err = mq_budget_drop(q, cost);
			break;
		default:
			err = nowait ? -EAGAIN : mq_budget_wait(q, cost);
		}
		if (err)
			return err;
	}
	return 0;
}

/* Large ones do not press the kernel for pages in a row. */
static struct mq_msg *mq_msg_alloc(u32 alloc)
{
	size_t size = struct_size_t(struct mq_msg, data, alloc);
	void *m;

	if (size <= PAGE_SIZE)
		return kmalloc(size, MQ_GFP);
	m = kmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN);
	return m ?: __vmalloc(size, MQ_GFP);
}

/* No byte of the kernel's own goes out behind the payload. */
void mq_msg_pad(struct mq_msg *m)
{
	memset(mq_msg_payload(m) + m->size, 0, ALIGN(m->size, 8) - m->size);
}

/* An entry of the kind that the queue needs. */
static struct mq_entry *mq_entry_new(const struct mq_queue *q)
{
	return likely(!q->order) ? kmem_cache_zalloc(mq_entry_cache, MQ_GFP) :
				   mq_order_entry_alloc();
}

static void mq_entry_release(struct mq_entry *e)
{
	if (likely(!e->ordered))
		kmem_cache_free(mq_entry_cache, e);
	else
		mq_order_entry_free(e);
}

/**
 * mq_entry_alloc - make an entry with an empty message
 * @f: the producer; its queue's overflow option says what to do where the
 *	module's budget is used up
 * @size: bytes of payload
 * @key_size: bytes of the key
 * @headers_size: bytes of the headers
 * @nowait: do not wait for other queues to give memory back
 *
 * The zeros that belong between and behind the parts are in place; the parts
 * are the caller's to fill.
 *
 * Return: the entry, or an ERR_PTR of ENOMEM, EAGAIN, ENOSPC, EMSGSIZE,
 * ENODEV or ERESTARTSYS.
 */
struct mq_entry *mq_entry_alloc(struct mq_file *f, u32 size, u32 key_size,
				u32 headers_size, bool nowait)
{
	u32 meta = key_size + headers_size;
	u32 alloc = ALIGN(meta, 8) + ALIGN(size, 8);
	struct mq_entry *e;
	struct mq_msg *m;
	int err;

	err = mq_budget_get(f->q, mq_cost(alloc), nowait);
	if (err == -EAGAIN)
		mq_want_room(f, (u64)size + meta);
	if (err)
		return ERR_PTR(err);
	e = mq_entry_new(f->q);
	if (!e)
		goto out_uncharge;
	m = mq_msg_alloc(alloc);
	if (!m)
		goto out_free_entry;

	refcount_set(&m->refs, 1);
	m->alloc = alloc;
	m->size = size;
	m->key_size = key_size;
	m->headers_size = headers_size;
	memset(m->data + meta, 0, ALIGN(meta, 8) - meta);
	mq_msg_pad(m);
	e->msg = m;
	return e;

out_free_entry:
	mq_entry_release(e);
out_uncharge:
	mq_budget_uncharge(mq_cost(alloc));
	return ERR_PTR(-ENOMEM);
}

/**
 * mq_entry_grow - give an entry's message more room for its payload
 * @q: the queue that it is for
 * @e: the entry, in hand, its message without key and headers
 * @alloc: the room
 * @nowait: as mq_entry_alloc()
 *
 * Only the difference is charged, so that nobody waits for himself.
 *
 * Return: as mq_entry_alloc().
 */
int mq_entry_grow(struct mq_queue *q, struct mq_entry *e, u32 alloc,
		  bool nowait)
{
	struct mq_msg *old = e->msg;
	u32 more = ALIGN(alloc, 8) - old->alloc;
	struct mq_msg *m;
	int err;

	err = mq_budget_get(q, more, nowait);
	if (err)
		return err;
	m = mq_msg_alloc(old->alloc + more);
	if (!m) {
		mq_budget_uncharge(more);
		return -ENOMEM;
	}
	memcpy(m, old, sizeof(*old) + old->size);
	m->alloc += more;
	e->msg = m;
	kvfree(old);
	return 0;
}

/* Who sends. The kernel vouches for it, so only here. */
void mq_entry_stamp(struct mq_entry *e)
{
	struct mq_msg *m = e->msg;

	m->uid = current_euid();
	m->gid = current_egid();
	m->pid = task_tgid_nr(current);
}

void mq_msg_put(struct mq_msg *m)
{
	unsigned long cost;

	if (!refcount_dec_and_test(&m->refs))
		return;
	cost = mq_cost(m->alloc);
	kvfree(m);
	mq_budget_uncharge(cost);
}

/* Another entry for a message, in @q; NULL if there is no memory. */
struct mq_entry *mq_entry_clone(struct mq_queue *q, struct mq_msg *msg)
{
	struct mq_entry *e = mq_entry_new(q);

	if (!e)
		return NULL;
	refcount_inc(&msg->refs);
	e->msg = msg;
	e->expires = MQ_NEVER;
	return e;
}

void mq_entry_free(struct mq_entry *e)
{
	if (unlikely(!e->state && e->seen))
		mq_seen_free(e->seen);
	mq_text_put(e->origin);
	mq_text_put(e->note);
	mq_msg_put(e->msg);
	mq_entry_release(e);
}

/* Room for a text of @size bytes, or NULL. */
struct mq_text *mq_text_alloc(u16 size)
{
	struct mq_text *t = kmalloc(struct_size(t, text, size), MQ_GFP);

	if (!t)
		return NULL;
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
	if (t && refcount_dec_and_test(&t->refs))
		kfree(t);
}

void mq_entries_free(struct list_head *list)
{
	struct mq_entry *e, *next;

	list_for_each_entry_safe(e, next, list, list) {
		mq_entry_free(e);
		cond_resched();
	}
	INIT_LIST_HEAD(list);
}

int __init mq_message_init(void)
{
	/* A parameter on the command line has been set by now. */
	if (!mq_budget_max)
		mq_budget_max = min_t(u64, LONG_MAX,
				      (u64)totalram_pages() / 4 << PAGE_SHIFT);
	get_random_bytes(&mq_hash_key, sizeof(mq_hash_key));
	mq_entry_cache = KMEM_CACHE(mq_entry, SLAB_ACCOUNT);
	return mq_entry_cache ? 0 : -ENOMEM;
}

void mq_message_exit(void)
{
	WARN_ON_ONCE(atomic_long_read(&mq_budget_used));
	kmem_cache_destroy(mq_entry_cache);
}
