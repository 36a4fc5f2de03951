// SPDX-License-Identifier: GPL-2.0
/*
 * Messages with their entries. Nothing here takes mq_queue.lock; all of it may
 * sleep.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mq.h"

static struct kmem_cache *mq_more_cache;

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

/* Bytes that the message takes. */
static u32 mq_sizes_step(const struct mq_sizes *s)
{
	return mq_offset(s->key_size + s->headers_size) + ALIGN(s->size, 8);
}

/* An entry in memory of its own; the sender is the caller. */
static struct mq_entry *mq_entry_lone(const struct mq_sizes *sizes, bool more,
				      bool ordered)
{
	struct mq_payer *p = mq_payer_get();
	struct mq_entry *e;

	if (!p)
		return ERR_PTR(-ENOMEM);
	e = mq_chunk_alone(p, mq_front(more, ordered), mq_sizes_step(sizes));
	mq_payer_put(p);
	if (!IS_ERR(e))
		mq_entry_begins(e, sizes, more, ordered);
	return e;
}

/**
 * mq_entry_alloc - make an entry with an empty message
 * @f: the producer
 * @c: its chunk, claimed
 * @sizes: the sizes of its parts
 * @more: it has times of its own
 * @stays: for long
 *
 * The zeros that belong between and behind the parts are in place; the parts
 * are the caller's to fill. The sender is the caller.
 *
 * Return: the entry, or an ERR_PTR of ENOMEM or EDQUOT.
 */
struct mq_entry *mq_entry_alloc(struct mq_file *f, struct mq_chunk **c,
				const struct mq_sizes *sizes, bool more,
				bool stays)
{
	bool ordered = f->q->order;
	struct mq_entry *e;

	more = more || mq_queue_times(f->q);
	/* What stays for long is not to keep a chunk from being used. */
	if (unlikely(stays))
		return mq_entry_lone(sizes, more, ordered);
	e = mq_chunk_cut(f, c, mq_front(more, ordered), mq_sizes_step(sizes));
	if (!IS_ERR(e))
		mq_entry_begins(e, sizes, more, ordered);
	return e;
}

/* The same for a message of @size bytes, without key and headers. */
struct mq_entry *mq_entry_new(struct mq_file *f, u32 size)
{
	struct mq_chunk *c = mq_chunk_claim(f);
	struct mq_sizes sizes = { .size = size };
	struct mq_entry *e = mq_entry_alloc(f, &c, &sizes, false, false);

	mq_chunk_unclaim(f, c);
	return e;
}

/* The message of @old in memory of its own, with its sender, who pays. */
static struct mq_entry *mq_entry_again(const struct mq_entry *old, bool more,
				       bool ordered,
				       struct mq_entry *(*alloc)(struct mq_payer *p,
								 u32 front,
								 u32 size))
{
	const struct mq_msg *from = mq_msg(old);
	struct mq_sizes sizes = {
		.size = mq_msg_size(from),
		.key_size = from->key_size,
		.headers_size = from->headers_size,
	};
	struct mq_entry *e;

	e = alloc(mq_chunk_of(old)->payer, mq_front(more, ordered),
		  mq_sizes_step(&sizes));
	if (IS_ERR(e))
		return e;
	mq_entry_begins(e, &sizes, more, ordered);
	memcpy(mq_data(e), from + 1, from->size - sizeof(*from));
	mq_msg(e)->time_ns = from->time_ns;
	mq_chunk_of(e)->first = *mq_sender_of(old);
	return e;
}

/* As mq_entry_new(), for a message that is to grow and gets its sender late. */
struct mq_entry *mq_entry_begin(struct mq_file *f, u32 size)
{
	struct mq_sizes sizes = { .size = size };

	return mq_entry_lone(&sizes, mq_queue_times(f->q), f->q->order);
}

/* The payload of what mq_entry_begin() or mq_entry_grow() made is so long. */
void mq_entry_resize(struct mq_entry *e, u32 size)
{
	mq_msg_set_size(mq_msg(e), size);
	mq_chunk_resize(mq_chunk_of(e), mq_msg_step(mq_msg(e)));
}

/* The caller is the sender, of what mq_entry_begin() or mq_entry_grow() made. */
void mq_entry_stamp(struct mq_entry *e)
{
	mq_sender_stamp(&mq_chunk_of(e)->first);
}

/**
 * mq_entry_grow - give an unfinished line more room
 * @e: the entry, in hand, its message without key and headers
 * @before: the room that it has
 * @room: the room that it gets
 *
 * The entry moves.
 *
 * Return: as mq_entry_alloc().
 */
int mq_entry_grow(struct mq_entry **e, u32 before, u32 room)
{
	struct mq_sizes sizes = { .size = room };
	struct mq_entry *old = *e, *new;
	u32 size = mq_size(old);

	new = mq_entry_lone(&sizes, old->own_more, old->ordered);
	if (IS_ERR(new))
		return PTR_ERR(new);
	memcpy(mq_data(new), mq_data(old), size);
	mq_msg_set_size(mq_msg(new), size);
	mq_order_move(new, old);
	*e = new;
	mq_msg_set_size(mq_msg(old), before);
	mq_chunk_put(mq_chunk_of(old), mq_entry_share(old));
	return 0;
}

/**
 * mq_entry_copy - make an entry for another queue
 * @q: that queue; its bounds do not matter
 * @old: a message, to whose chunk the caller has a reference
 *
 * Return: the entry, with the same message and sender, or an ERR_PTR as
 * mq_entry_alloc().
 */
struct mq_entry *mq_entry_copy(struct mq_queue *q, const struct mq_entry *old)
{
	bool more = mq_queue_times(q) || old->own_more;
	struct mq_entry *e;

	e = mq_entry_again(old, more, q->order, mq_chunk_alone);
	if (!IS_ERR(e) && more)
		mq_msg(e)->more->expires = MQ_NEVER;
	return e;
}

/**
 * mq_entry_bequeath - what time has in store for an entry goes to its copy
 * @e: from mq_entry_copy()
 * @old: the entry, in hand and in no state
 */
void mq_entry_bequeath(struct mq_entry *e, struct mq_entry *old)
{
	struct mq_more *from = mq_msg(old)->more, *m = mq_msg(e)->more;

	mq_msg(e)->state = mq_msg(old)->state;
	e->fresh = old->fresh;
	e->clock = old->clock;
	if (!from)
		return;
	if (m) {
		m->when = from->when;
		m->expires = from->expires;
		return;
	}
	mq_msg(old)->more = NULL;
	mq_msg(e)->more = from;
	from->e = e;
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
	m->since = from->since;
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
	e = mq_entry_again(old, old->own_more, old->ordered, mq_chunk_alone);
	if (IS_ERR(e))
		return old;
	mq_entry_inherit(e, old);
	if (old->ordered)
		mq_order_entry_free(old);
	mq_chunk_put(mq_chunk_of(old), mq_entry_share(old));
	return e;
}

/* An entry that is to take the place of @old: mq_replace_locked(). */
struct mq_entry *mq_entry_refuge(const struct mq_entry *old)
{
	return mq_entry_again(old, old->own_more, old->ordered,
			      mq_chunk_refuge);
}

/* It does not. */
void mq_entry_discard(struct mq_entry *e)
{
	mq_chunk_put(mq_chunk_of(e), mq_entry_share(e));
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
	if (!mq_entry_is_common(e))
		mq_entry_free_rare(e);
	mq_chunk_put(mq_chunk_of(e), mq_entry_share(e));
}

/* What a text is charged for. */
static unsigned long mq_text_cost(u16 size)
{
	return mq_kmalloc_bytes(struct_size_t(struct mq_text, text, size));
}

/**
 * mq_text_alloc - room for a text
 * @size: bytes of it
 * @p: who pays for it; NULL: nobody, as there are but a few
 *
 * Return: the text, or an ERR_PTR of ENOMEM or EDQUOT.
 */
struct mq_text *mq_text_alloc(u16 size, struct mq_payer *p)
{
	struct mq_text *t;

	if (p && !mq_charge(p, mq_text_cost(size)))
		return ERR_PTR(-EDQUOT);
	t = kmalloc(struct_size(t, text, size), MQ_GFP);
	if (!t) {
		if (p)
			mq_uncharge(p, mq_text_cost(size));
		return ERR_PTR(-ENOMEM);
	}
	t->payer = p;
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
	if (!t || !refcount_dec_and_test(&t->refs))
		return;
	if (t->payer)
		mq_uncharge(t->payer, mq_text_cost(t->size));
	kfree(t);
}

/* The memory of all, which is nothing but that of messages. */
static void mq_run_put(struct list_head *list)
{
	struct list_head *at, *next;
	struct mq_chunk *chunk = NULL;
	u64 what = 0;
	int n = 0;

	for (at = list->next; at != list; at = next) {
		struct mq_entry *e = list_entry(at, struct mq_entry, list);
		struct mq_chunk *c = mq_chunk_of(e);

		next = at->next;
		if (unlikely(c != chunk || n == MQ_PORTION)) {
			if (n)
				mq_chunk_put(chunk, what);
			chunk = c;
			what = 0;
			n = 0;
			cond_resched();
		}
		what += mq_entry_share(e);
		n++;
	}
	if (n)
		mq_chunk_put(chunk, what);
	INIT_LIST_HEAD(list);
}

void mq_entries_free(struct list_head *list)
{
	struct mq_entry *e;

	list_for_each_entry(e, list, list)
		if (!mq_entry_is_common(e))
			mq_entry_free_rare(e);
	mq_run_put(list);
}

/* The same, where @rare says whether one of them has more than a message. */
void mq_run_free(struct list_head *list, bool rare)
{
	if (unlikely(rare))
		mq_entries_free(list);
	else
		mq_run_put(list);
}

int __init mq_message_init(void)
{
	get_random_bytes(&mq_hash_key, sizeof(mq_hash_key));
	mq_more_cache = KMEM_CACHE(mq_more, SLAB_ACCOUNT);
	return mq_more_cache ? 0 : -ENOMEM;
}

void mq_message_exit(void)
{
	kmem_cache_destroy(mq_more_cache);
}
