// SPDX-License-Identifier: GPL-2.0
/*
 * Messages with their entries, and what all of them may take together.
 *
 * They are charged to the memory cgroup of the task that sends (chunk.c), and
 * to the module's own budget, max_total_bytes. Nothing here takes mq_queue.lock; all
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

static struct kmem_cache *mq_more_cache;

/* The budget: what is used, how much there is, and who waits for some. */
atomic_long_t mq_budget_used;
unsigned long mq_budget_max;
DECLARE_WAIT_QUEUE_HEAD(mq_budget_waiters);

/*
 * Queues with pollers that wait for some of the budget. The lock protects the
 * list and mq_queue.starved; it is taken last but for wait queue locks.
 */
static DEFINE_SPINLOCK(mq_starved_lock);
LIST_HEAD(mq_starved);

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

/* There may be more of the budget than before: all are to look. */
void mq_budget_wake(void)
{
	struct mq_queue *q, *next;

	wake_up_all(&mq_budget_waiters);
	spin_lock(&mq_starved_lock);
	list_for_each_entry_safe(q, next, &mq_starved, starved) {
		list_del_init(&q->starved);
		mq_wake_pollers(q);
		mq_waiters_wake_all(&q->room);
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
 * mq_budget_open - would the budget let a send go on, if only to fail?
 * @q: the queue
 * @bytes: what the message counts
 */
bool mq_budget_open(const struct mq_queue *q, u64 bytes)
{
	unsigned long cost = mq_cost(bytes);

	return likely(mq_budget_fits(cost)) ||
	       cost > READ_ONCE(mq_budget_max) ||
	       READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK;
}

/* The same; if not, those in mq_queue.writers are woken when it may. */
bool mq_budget_poll(struct mq_queue *q, u64 bytes)
{
	if (mq_budget_open(q, bytes))
		return true;
	spin_lock(&mq_starved_lock);
	if (list_empty(&q->starved))
		list_add_tail(&q->starved, &mq_starved);
	spin_unlock(&mq_starved_lock);
	smp_mb(); /* on the list, then look; as for who sleeps */
	return mq_budget_open(q, bytes);
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
static noinline int mq_budget_short(struct mq_queue *q, unsigned long cost,
				    bool nowait)
{
	struct mq_turn turn = {};

	do {
		int err;

		if (READ_ONCE(q->gone))
			return -ENODEV;
		if (cost > READ_ONCE(mq_budget_max))
			return -EMSGSIZE;
		if (mq_paused(q, MQ_PAUSED_SEND)) {
			/* Nobody goes for what could not come in. */
			err = nowait ? -EAGAIN :
				       mq_wait_room(q, 0, 0, &turn);
			mq_answer_room(q, &turn.called);
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
	} while (!mq_budget_charge(cost));
	return 0;
}

static int mq_budget_get(struct mq_queue *q, unsigned long cost, bool nowait)
{
	return likely(mq_budget_charge(cost)) ? 0 :
					       mq_budget_short(q, cost, nowait);
}

/* Bytes that stand before an entry in its piece of memory. */
static u32 mq_front(bool more, bool ordered)
{
	return (more ? sizeof(struct mq_more) : 0) +
	       (ordered ? offsetof(struct mq_ordered, e) : 0);
}

static void mq_more_init(struct mq_more *more, struct mq_entry *e)
{
	*more = (struct mq_more){ .e = e };
	mq_msg(e)->more = more;
}

/* What stands before the entry, begun. */
static void mq_front_init(struct mq_entry *e, bool more, bool ordered)
{
	struct mq_ordered *x = container_of(e, struct mq_ordered, e);

	e->ordered = ordered;
	e->own_more = more;
	if (ordered)
		memset(x, 0, offsetof(struct mq_ordered, e));
	if (more)
		mq_more_init((void *)e - mq_front(true, ordered), e);
}

/* Begin an entry and its message, with zeros between the parts and behind. */
static void mq_entry_begins(struct mq_entry *e, const struct mq_sizes *sizes,
			    bool more, bool ordered)
{
	u32 meta = sizes->key_size + sizes->headers_size;
	struct mq_msg *m = mq_msg(e);

	mq_msg_init(m, 0);
	m->size = mq_offset(meta) + sizes->size;
	m->key_size = sizes->key_size;
	m->headers_size = sizes->headers_size;
	if (unlikely(meta & 7))
		memset(mq_data(e) + meta, 0, ALIGN(meta, 8) - meta);
	if (unlikely(m->size & 7))
		mq_entry_pad(e);
	if (unlikely(more || ordered))
		mq_front_init(e, more, ordered);
}

static u64 mq_sizes_bytes(const struct mq_sizes *s)
{
	return (u64)s->size + s->key_size + s->headers_size;
}

/* Bytes that the message takes. */
static u32 mq_sizes_step(const struct mq_sizes *s)
{
	return mq_offset(s->key_size + s->headers_size) + ALIGN(s->size, 8);
}

/**
 * mq_entry_alloc - make an entry with an empty message
 * @f: the producer; its queue's overflow option says what to do where the
 *	module's budget is used up
 * @c: its chunk, claimed
 * @sizes: the sizes of its parts
 * @more: it has times of its own
 * @stays: for long
 * @nowait: do not wait for other queues to give memory back
 *
 * The zeros that belong between and behind the parts are in place; the parts
 * are the caller's to fill. The sender is the caller.
 *
 * Return: the entry, or an ERR_PTR of ENOMEM, EAGAIN, ENOSPC, EMSGSIZE,
 * ENODEV or ERESTARTSYS.
 */
struct mq_entry *mq_entry_alloc(struct mq_file *f, struct mq_chunk **c,
				const struct mq_sizes *sizes, bool more,
				bool stays, bool nowait)
{
	u64 bytes = mq_sizes_bytes(sizes);
	bool ordered = f->q->order;
	struct mq_entry *e;
	u32 front;
	int err;

	more = more || mq_queue_times(f->q);
	front = mq_front(more, ordered);
	err = mq_budget_get(f->q, mq_cost(bytes), nowait);
	if (unlikely(err)) {
		if (err == -EAGAIN)
			mq_want_room(f, bytes);
		return ERR_PTR(err);
	}
	/* What stays for long is not to keep a chunk from being used. */
	e = likely(!stays) ?
	    mq_chunk_cut(f, c, front, mq_sizes_step(sizes)) :
	    mq_chunk_alone(front, mq_sizes_step(sizes));
	if (unlikely(!e)) {
		mq_budget_uncharge(mq_cost(bytes));
		return ERR_PTR(-ENOMEM);
	}
	mq_entry_begins(e, sizes, more, ordered);
	return e;
}

/* The same for a message of @size bytes, without key and headers. */
struct mq_entry *mq_entry_new(struct mq_file *f, u32 size, bool nowait)
{
	struct mq_chunk *c = mq_chunk_claim(f);
	struct mq_sizes sizes = { .size = size };
	struct mq_entry *e = mq_entry_alloc(f, &c, &sizes, false, false, nowait);

	mq_chunk_unclaim(f, c);
	return e;
}

/* An entry in memory of its own, charged already; the sender is the caller. */
static struct mq_entry *mq_entry_alone(const struct mq_sizes *sizes, bool more,
				       bool ordered)
{
	struct mq_entry *e = mq_chunk_alone(mq_front(more, ordered),
					    mq_sizes_step(sizes));

	if (e)
		mq_entry_begins(e, sizes, more, ordered);
	return e;
}

/* The same, with the message of @old, and its sender. */
static struct mq_entry *mq_entry_again(const struct mq_entry *old, bool more,
				       bool ordered)
{
	const struct mq_msg *from = mq_msg(old);
	struct mq_sizes sizes = {
		.size = mq_msg_size(from),
		.key_size = from->key_size,
		.headers_size = from->headers_size,
	};
	struct mq_entry *e = mq_entry_alone(&sizes, more, ordered);

	if (!e)
		return NULL;
	memcpy(mq_data(e), from + 1, from->size - sizeof(*from));
	mq_msg(e)->time_ns = from->time_ns;
	mq_chunk_of(e)->first = *mq_sender_of(old);
	return e;
}

/* As mq_entry_new(), for a message that is to grow and gets its sender late. */
struct mq_entry *mq_entry_begin(struct mq_file *f, u32 size, bool nowait)
{
	bool more = mq_queue_times(f->q), ordered = f->q->order;
	struct mq_sizes sizes = { .size = size };
	struct mq_entry *e;
	int err;

	err = mq_budget_get(f->q, mq_cost(size), nowait);
	if (err)
		return ERR_PTR(err);
	e = mq_entry_alone(&sizes, more, ordered);
	if (e)
		return e;
	mq_budget_uncharge(mq_cost(size));
	return ERR_PTR(-ENOMEM);
}

/* The caller is the sender, of what mq_entry_begin() or mq_entry_grow() made. */
void mq_entry_stamp(struct mq_entry *e)
{
	mq_sender_stamp(&mq_chunk_of(e)->first);
}

/**
 * mq_entry_grow - give an unfinished line more room
 * @f: the producer
 * @e: the entry, in hand, its message without key and headers
 * @before: the room that it has
 * @room: the room that it gets
 * @nowait: as mq_entry_alloc()
 *
 * Only the difference is charged, so that nobody waits for himself. The entry
 * moves.
 *
 * Return: as mq_entry_alloc().
 */
int mq_entry_grow(struct mq_file *f, struct mq_entry **e, u32 before, u32 room,
		  bool nowait)
{
	struct mq_sizes sizes = { .size = room };
	struct mq_entry *old = *e, *new;
	u32 more = room - before;
	int err;

	err = mq_budget_get(f->q, more, nowait);
	if (err)
		return err;
	new = mq_entry_alone(&sizes, old->own_more, old->ordered);
	if (!new) {
		mq_budget_uncharge(more);
		return -ENOMEM;
	}
	mq_msg_set_size(mq_msg(new), mq_size(old));
	memcpy(mq_data(new), mq_data(old), mq_size(old));
	mq_order_move(new, old);
	*e = new;
	mq_chunk_put(mq_chunk_of(old));
	return 0;
}

/**
 * mq_entry_copy - make an entry for another queue
 * @q: that queue; its bounds do not matter
 * @old: a message, to whose chunk the caller has a reference
 *
 * Return: the entry, with the same message and sender, or NULL.
 */
struct mq_entry *mq_entry_copy(struct mq_queue *q, const struct mq_entry *old)
{
	bool more = mq_queue_times(q);
	struct mq_entry *e;

	e = mq_entry_again(old, more, q->order);
	if (!e)
		return NULL;
	if (more)
		mq_msg(e)->more->expires = MQ_NEVER;
	atomic_long_add(mq_entry_cost(e), &mq_budget_used);
	return e;
}

/* What an entry has besides its message, for one that takes its place. */
static void mq_entry_inherit(struct mq_entry *e, struct mq_entry *old)
{
	struct mq_msg *m = mq_msg(e), *from = mq_msg(old);

	m->id = from->id;
	m->attempt = from->attempt;
	m->failures = from->failures;
	m->priority = from->priority;
	m->state = from->state;
	m->failure = from->failure;
	m->target = from->target;
	e->leaving = old->leaving;
	if (m->more) {
		*m->more = *from->more;
		m->more->e = e;
	} else if (from->more) {
		m->more = from->more;
		m->more->e = e;
	}
}

/**
 * mq_entry_lift - give an entry memory of its own, if it stands in a chunk
 * @old: the entry, in hand, in no state, waiting for no time, and in no order
 *
 * Return: the entry that is in its place now; @old if there is no memory.
 */
struct mq_entry *mq_entry_lift(struct mq_entry *old)
{
	struct mq_entry *e;

	if (mq_chunk_of(old)->order == MQ_LARGE)
		return old;
	/* It may have to stay after all, where there may be an order. */
	e = mq_entry_again(old, old->own_more, old->ordered);
	if (!e)
		return old;
	mq_entry_inherit(e, old);
	if (old->ordered)
		mq_order_entry_free(old);
	mq_chunk_put(mq_chunk_of(old));
	return e;
}

/**
 * mq_more_alloc - have what an entry may need
 *
 * It is small, and who asks for it has something to finish that must not fail:
 * so this waits for memory, and does not fail. Never with a spinlock held.
 */
struct mq_more *mq_more_alloc(void)
{
	return kmem_cache_alloc(mq_more_cache,
				GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
}

void mq_more_free(struct mq_more *m)
{
	if (m)
		kmem_cache_free(mq_more_cache, m);
}

/* The place was used for something else: an entry has what stands before it. */
void mq_more_restore(struct mq_entry *e)
{
	mq_msg(e)->more = (void *)e - mq_front(true, e->ordered);
}

/* An entry, in hand or with its queue's lock held, has it from now on. */
void mq_more_add(struct mq_entry *e, struct mq_more **spare)
{
	struct mq_more *more = *spare;

	*spare = NULL;
	mq_more_init(more, e);
	more->when = MQ_NEVER;
	more->expires = MQ_NEVER;
}

/* What is rare: so much for it is not on the way of the others. */
static noinline void mq_entry_free_rare(struct mq_entry *e)
{
	struct mq_msg *m = mq_msg(e);
	struct mq_more *more = m->more;

	if (!m->state && m->seen)
		mq_seen_free(m->seen);
	if (e->ordered)
		mq_order_entry_free(e);
	if (!more)
		return;
	mq_text_put(more->origin);
	mq_text_put(more->note);
	if (!e->own_more)
		mq_more_free(more);
}

/* Nothing but a message, and it was in a queue. */
static bool mq_entry_is_common(const struct mq_entry *e)
{
	const struct mq_msg *m = mq_msg(e);

	return likely(!m->more && !e->ordered && m->state);
}

void mq_entry_free(struct mq_entry *e)
{
	unsigned long cost = mq_entry_cost(e);

	if (!mq_entry_is_common(e))
		mq_entry_free_rare(e);
	mq_chunk_put(mq_chunk_of(e));
	mq_budget_uncharge(cost);
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

/* The memory of all, which is nothing but that of messages. */
static void mq_run_put(struct list_head *list, u64 cost)
{
	struct list_head *at, *next;
	struct mq_chunk *chunk = NULL;
	int n = 0;

	for (at = list->next; at != list; at = next) {
		struct mq_chunk *c = mq_chunk_of(list_entry(at, struct mq_entry,
							    list));

		next = at->next;
		if (unlikely(c != chunk || n == MQ_PORTION)) {
			if (n)
				mq_chunk_put_many(chunk, n);
			chunk = c;
			n = 0;
			cond_resched();
		}
		n++;
	}
	if (n)
		mq_chunk_put_many(chunk, n);
	if (cost)
		mq_budget_uncharge(cost);
	INIT_LIST_HEAD(list);
}

void mq_entries_free(struct list_head *list)
{
	struct mq_entry *e;
	u64 cost = 0;

	list_for_each_entry(e, list, list) {
		cost += mq_entry_cost(e);
		if (!mq_entry_is_common(e))
			mq_entry_free_rare(e);
	}
	mq_run_put(list, cost);
}

/*
 * The same, of entries of which mq_flight_finish_run_locked(), or
 * mq_flight_ack_run_locked(), said what they cost.
 */
void mq_run_free(struct list_head *list, u64 cost)
{
	if (likely(cost))
		mq_run_put(list, cost);
	else
		mq_entries_free(list);
}

int __init mq_message_init(void)
{
	/* A parameter on the command line has been set by now. */
	if (!mq_budget_max)
		mq_budget_max = min_t(u64, LONG_MAX,
				      (u64)totalram_pages() / 4 << PAGE_SHIFT);
	get_random_bytes(&mq_hash_key, sizeof(mq_hash_key));
	mq_more_cache = KMEM_CACHE(mq_more, SLAB_ACCOUNT);
	return mq_more_cache ? 0 : -ENOMEM;
}

void mq_message_exit(void)
{
	WARN_ON_ONCE(atomic_long_read(&mq_budget_used));
	kmem_cache_destroy(mq_more_cache);
}
