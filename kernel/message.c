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
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "mq.h"

/*
 * Charged to the sender's cgroup. Where there is no memory the sender gets
 * ENOMEM; nobody is killed for it.
 */
#define MQ_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

static struct kmem_cache *mq_entry_cache;

/* The budget: what is used, how much there is, and who waits for some. */
static atomic_long_t mq_budget_used;
static unsigned long mq_budget_max;
static DECLARE_WAIT_QUEUE_HEAD(mq_budget_waiters);

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

/* What a message with this many bytes of data costs. */
static unsigned long mq_cost(u32 alloc)
{
	return sizeof(struct mq_entry) + sizeof(struct mq_msg) + alloc;
}

static bool mq_budget_charge(unsigned long cost)
{
	long used = atomic_long_add_return(cost, &mq_budget_used);

	if (likely(used <= READ_ONCE(mq_budget_max)))
		return true;
	atomic_long_sub(cost, &mq_budget_used);
	return false;
}

static void mq_budget_uncharge(unsigned long cost)
{
	atomic_long_sub(cost, &mq_budget_used);
	if (wq_has_sleeper(&mq_budget_waiters))
		mq_budget_wake();
}

void mq_budget_wake(void)
{
	wake_up_all(&mq_budget_waiters);
}

/* May a send that waits for the budget go on, if only to fail? */
static bool mq_budget_may_go(struct mq_queue *q, unsigned long cost)
{
	return READ_ONCE(q->gone) ||
	       READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK ||
	       atomic_long_read(&mq_budget_used) + cost <=
	       READ_ONCE(mq_budget_max);
}

/*
 * Charge @cost, and where the budget is used up do what the queue's overflow
 * option says.
 */
static int mq_budget_get(struct mq_queue *q, unsigned long cost, bool nowait)
{
	int err;

	while (!mq_budget_charge(cost)) {
		if (cost > READ_ONCE(mq_budget_max))
			return -EMSGSIZE;
		switch (READ_ONCE(q->opt.overflow)) {
		case MQ_OVERFLOW_REJECT:
			return -ENOSPC;
		case MQ_OVERFLOW_DROP_HEAD:
			if (!mq_queue_drop_oldest(q))
				return -ENOSPC;
			break;
		default:
			if (nowait)
				return -EAGAIN;
			err = wait_event_interruptible(mq_budget_waiters,
						       mq_budget_may_go(q,
									cost));
			if (err)
				return err;
		}
		if (READ_ONCE(q->gone))
			return -ENODEV;
	}
	return 0;
}

/* No byte of the kernel's own goes out behind the payload. */
void mq_msg_pad(struct mq_msg *m)
{
	memset(mq_msg_payload(m) + m->size, 0, ALIGN(m->size, 8) - m->size);
}

/**
 * mq_entry_alloc - make an entry with an empty message
 * @q: the queue that it is for; its overflow option says what to do where the
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
struct mq_entry *mq_entry_alloc(struct mq_queue *q, u32 size, u32 key_size,
				u32 headers_size, bool nowait)
{
	u32 meta = key_size + headers_size;
	u32 alloc = ALIGN(meta, 8) + ALIGN(size, 8);
	struct mq_entry *e;
	struct mq_msg *m;
	int err;

	err = mq_budget_get(q, mq_cost(alloc), nowait);
	if (err)
		return ERR_PTR(err);
	e = kmem_cache_alloc(mq_entry_cache, MQ_GFP);
	if (!e)
		goto out_uncharge;
	m = kvmalloc(struct_size(m, data, alloc), MQ_GFP);
	if (!m)
		goto out_free_entry;

	refcount_set(&m->refs, 1);
	m->alloc = alloc;
	m->size = size;
	m->key_size = key_size;
	m->headers_size = headers_size;
	memset(m->data + meta, 0, ALIGN(meta, 8) - meta);
	mq_msg_pad(m);
	memset(e, 0, sizeof(*e));
	e->msg = m;
	return e;

out_free_entry:
	kmem_cache_free(mq_entry_cache, e);
out_uncharge:
	mq_budget_uncharge(mq_cost(alloc));
	return ERR_PTR(-ENOMEM);
}

/* Who sends, and when. The kernel vouches for it, so only here. */
void mq_entry_stamp(struct mq_entry *e)
{
	struct mq_msg *m = e->msg;

	m->uid = current_euid();
	m->gid = current_egid();
	m->pid = task_tgid_nr(current);
	m->time_ns = ktime_get_real_ns();
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

void mq_entry_free(struct mq_entry *e)
{
	mq_msg_put(e->msg);
	kmem_cache_free(mq_entry_cache, e);
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
		mq_budget_max = totalram_pages() / 4 << PAGE_SHIFT;
	mq_entry_cache = KMEM_CACHE(mq_entry, SLAB_ACCOUNT);
	return mq_entry_cache ? 0 : -ENOMEM;
}

void mq_message_exit(void)
{
	WARN_ON_ONCE(atomic_long_read(&mq_budget_used));
	kmem_cache_destroy(mq_entry_cache);
}
