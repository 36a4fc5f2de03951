// SPDX-License-Identifier: GPL-2.0
/*
 * Allocate and free entries with their messages. These functions do not take
 * mq_queue.lock. The functions that allocate, and those that free a list, may
 * sleep.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/group.h"
#include "memory/keep.h"
#include "memory/layout.h"
#include "memory/lot.h"
#include "memory/message.h"
#include "memory/payer.h"
#include "memory/refill.h"
#include "memory/seen.h"
#include "memory/supply.h"
#include "memory/text.h"

static struct kmem_cache *mq_detail_cache;

/* Return how many bytes are allocated before an entry of this kind. */
u32 mq_kind_bytes(struct mq_kind kind)
{
	return (kind.detail ? sizeof(struct mq_detail) : 0) +
	       (kind.ordered ? offsetof(struct mq_ordered, e) : 0);
}

/* Return the kind of an entry. */
struct mq_kind mq_kind_of(const struct mq_entry *e)
{
	return (struct mq_kind){ .detail = e->own_detail, .ordered = e->ordered };
}

/*
 * Give an entry that was allocated for a queue with a journal its mq_durable, @d, which
 * may be an ERR_PTR. Return the entry, or else that.
 */
static struct mq_entry *mq_entry_add_durable(struct mq_entry *e,
					     struct mq_durable *d)
{
	if (IS_ERR(d)) {
		mq_entry_free(e);
		return ERR_CAST(d);
	}
	d->detail = mq_msg(e)->detail;
	d->detail->durable = d;
	return e;
}

/* Return @e with all that its kind needs, or an ERR_PTR. */
struct mq_entry *mq_entry_complete(struct mq_entry *e, struct mq_kind kind)
{
	if (likely(!kind.durable))
		return e;
	return mq_entry_add_durable(e, mq_durable_new(mq_chunk_of(e)->payer));
}

static void mq_detail_init(struct mq_detail *detail, struct mq_entry *e)
{
	*detail = (struct mq_detail){ .e = e };
	mq_msg(e)->detail = detail;
}

/*
 * As mq_detail_init(), but for @timer, which is not used before mq_entry.timed is
 * set: that takes less time.
 */
static __always_inline void mq_detail_init_early(struct mq_detail *detail,
						 struct mq_entry *e)
{
	memset_startat(detail, 0, when);
	detail->e = e;
	e->own_detail = true;
	mq_msg(e)->detail = detail;
}

/* Make an entry the last member of a struct mq_ordered, which begins before it. */
void mq_entry_order(struct mq_entry *e)
{
	struct mq_ordered *x = mq_ordered_of(e);

	/* @link is not used before the entry is in a line. */
	x->key = NULL;
	x->fair = NULL;
	x->turn = 0;
	x->in_tree = false;
	x->eligible = false;
	x->waits = false;
	x->begun = false;
	x->joined = false;
	e->ordered = true;
}

/*
 * Give an entry the detail that lies before it, and the delay that its record, which
 * lies where its message is, asks for.
 */
void mq_entry_delay(struct mq_entry *e)
{
	struct mq_detail *detail = (void *)e - sizeof(*detail);

	mq_detail_init_early(detail, e);
	detail->when = mq_msg(e)->no_delay;
	mq_msg(e)->no_delay = 0;
}

/*
 * Give entries that lie one below the other, from the one of @detail on, what their
 * messages need in a queue with a journal. Return the last of their details.
 */
static struct mq_detail *mq_durables_give(struct mq_durables *all, u32 n,
					  struct mq_detail *detail)
{
	struct mq_durable *d = all->d, *end = d + n;

	for (;;) {
		mq_detail_init_early(detail, (void *)(detail + 1));
		detail->durable = d;
		d->detail = detail;
		d->together = true;
		d->all = all;
		if (++d == end)
			return detail;
		detail = (void *)detail - sizeof(struct mq_entry) - sizeof(*detail);
	}
}

/* Take back what mq_entries_add_durable() gave to the entries above @detail. */
static void mq_durables_take_back(struct mq_chunk *c, struct mq_detail *detail)
{
	void *end = (void *)c + c->top;

	while ((void *)detail < end) {
		mq_durable_free(detail->durable);
		detail = (void *)(detail + 1) + sizeof(struct mq_entry);
	}
}

/**
 * mq_entries_add_durable - prepare new messages for a queue with a journal
 * @c: the claimed chunk, below whose last entry there are the new ones, each with
 *	the memory for its detail before it
 * @n: how many there are
 *
 * Return: false if there is no memory. Then the entries are as before.
 */
bool mq_entries_add_durable(struct mq_chunk *c, u32 n)
{
	struct mq_detail *detail = (void *)c + c->top;

	while (n) {
		u32 some = min_t(u32, n, MQ_DURABLES);
		struct mq_durables *all = mq_durables_new(c->payer, some);

		if (!all) {
			mq_durables_take_back(c, detail);
			return false;
		}
		detail = (void *)detail - sizeof(struct mq_entry) - sizeof(*detail);
		detail = mq_durables_give(all, some, detail);
		n -= some;
	}
	return true;
}

/* Initialize what was allocated before an entry, which has no flags yet. */
static void mq_kind_init(struct mq_entry *e, struct mq_kind kind)
{
	e->own_detail = kind.detail;
	if (kind.ordered)
		mq_entry_order(e);
	if (kind.detail)
		mq_detail_init((void *)e - mq_kind_bytes(kind), e);
}

/* Initialize an entry and its message, and zero the padding of the message. */
void mq_entry_init(struct mq_entry *e, const struct mq_sizes *sizes,
		   struct mq_kind kind)
{
	u32 meta = sizes->extra_size + sizes->key_size + sizes->headers_size;
	struct mq_msg *m = mq_msg(e);

	mq_msg_init(m, 0);
	m->size = mq_payload_offset(meta) + sizes->size;
	m->extra_size = sizes->extra_size;
	m->key_size = sizes->key_size;
	m->headers_size = sizes->headers_size;
	if (unlikely(meta & 7))
		memset((void *)(m + 1) + meta, 0, ALIGN(meta, 8) - meta);
	if (unlikely(m->size & 7))
		mq_entry_pad(e);
	if (unlikely(kind.detail || kind.ordered))
		mq_kind_init(e, kind);
}

/* Return the size of a message with its padding. */
u32 mq_sizes_step(const struct mq_sizes *s)
{
	return mq_payload_offset(s->extra_size + s->key_size + s->headers_size) +
	       ALIGN(s->size, 8);
}

/* Allocate an entry in a chunk of its own. The caller is its sender. */
static struct mq_entry *mq_entry_alloc_alone(const struct mq_sizes *sizes,
					     struct mq_kind kind)
{
	struct mq_payer *p = mq_payer_get();
	struct mq_entry *e;

	if (!p)
		return ERR_PTR(-ENOMEM);
	e = mq_chunk_alone(p, mq_kind_bytes(kind), mq_sizes_step(sizes));
	mq_payer_put(p);
	if (IS_ERR(e))
		return e;
	mq_entry_init(e, sizes, kind);
	return mq_entry_complete(e, kind);
}

/* mq_entry_restore() with one refill. */
static struct mq_entry *mq_entry_refill(struct mq_refill *r,
					const struct mq_sizes *sizes,
					const struct mq_sender *sender)
{
	struct mq_kind kind = { .detail = true };
	struct mq_entry *e;

	e = mq_refill_take(r, sender, mq_kind_bytes(kind), mq_sizes_step(sizes));
	if (IS_ERR(e))
		return e;
	mq_entry_init(e, sizes, kind);
	return mq_entry_add_durable(e, mq_refill_durable(r));
}

/**
 * mq_entry_restore - allocate an entry for a message that a journal has
 * @all: the refills
 * @queue: serial of the queue where it seems to be; may turn out to be another
 * @sizes: the sizes of the parts of the message
 * @sender: who sent it
 *
 * mq_chunk_adopt() has to be called when its queue is known.
 *
 * Return: the entry, or ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
 */
struct mq_entry *mq_entry_restore(struct mq_refills *all, u64 queue,
				  const struct mq_sizes *sizes,
				  const struct mq_sender *sender)
{
	struct mq_refill *r = mq_refill_find(all, queue, sender);
	struct mq_entry *e;

	if (!r)
		return ERR_PTR(-ENOMEM);
	e = mq_entry_refill(r, sizes, sender);
	if (unlikely(e == ERR_PTR(-EDQUOT)) && mq_refills_close(all))
		e = mq_entry_refill(r, sizes, sender);
	return e;
}

/**
 * mq_entry_alloc - allocate an entry and its message
 * @s: the supply of the producer
 * @c: the chunk that mq_chunk_claim() returned; may be replaced by another
 * @sizes: the sizes of the parts of the message
 * @kind: what to allocate with the entry
 * @stays: the message is expected to stay in the queue for long
 *
 * The caller is the sender. It fills in the key, the headers and the payload;
 * the padding between and behind them is zero already.
 *
 * Return: the entry, or ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
 */
struct mq_entry *mq_entry_alloc(struct mq_supply *s, struct mq_chunk **c,
				const struct mq_sizes *sizes,
				struct mq_kind kind, bool stays)
{
	struct mq_entry *e;

	/* A message that stays must not keep the rest of a chunk from reuse. */
	if (unlikely(stays))
		return mq_entry_alloc_alone(sizes, kind);
	e = mq_supply_take(s, c, mq_kind_bytes(kind), mq_sizes_step(sizes));
	if (IS_ERR(e))
		return e;
	mq_entry_init(e, sizes, kind);
	return mq_entry_complete(e, kind);
}

/*
 * As mq_entry_alloc(), for a message whose payload its copies are to share
 * (mq_entry_share): so it must not lie in one chunk with others.
 */
struct mq_entry *mq_entry_alloc_shared(struct mq_supply *s, struct mq_chunk **c,
				       const struct mq_sizes *sizes,
				       struct mq_kind kind)
{
	struct mq_entry *e;

	e = mq_supply_take_apart(s, c, mq_kind_bytes(kind), mq_sizes_step(sizes));
	if (IS_ERR(e))
		return e;
	mq_entry_init(e, sizes, kind);
	return mq_entry_complete(e, kind);
}

/*
 * Allocate an entry for a message of @size bytes without key and headers. @shared:
 * as mq_entry_alloc_shared().
 */
struct mq_entry *mq_entry_new(struct mq_supply *s, u32 size, struct mq_kind kind,
			      bool shared)
{
	struct mq_chunk *c = mq_chunk_claim(s);
	struct mq_sizes sizes = { .size = size };
	struct mq_entry *e;

	e = shared ? mq_entry_alloc_shared(s, &c, &sizes, kind) :
		     mq_entry_alloc(s, &c, &sizes, kind, false);
	mq_chunk_unclaim(s, c);
	return e;
}

/* Allocate an entry in a chunk of its own, for a line that is to grow. */
struct mq_entry *mq_entry_alloc_line(u32 size, struct mq_kind kind)
{
	struct mq_sizes sizes = { .size = size };

	return mq_entry_alloc_alone(&sizes, kind);
}

/*
 * Set the payload size of an entry from mq_entry_alloc_line() or
 * mq_entry_grow().
 */
void mq_entry_resize(struct mq_entry *e, u32 size)
{
	mq_msg_set_size(mq_msg(e), size);
	mq_chunk_resize(mq_chunk_of(e), mq_msg_padded_size(mq_msg(e)));
}

/* Make the caller the sender of an entry as for mq_entry_resize(). */
void mq_entry_set_sender(struct mq_entry *e)
{
	mq_sender_set_current(&mq_chunk_of(e)->first);
}

/* The mq_durable of a detail, if it has one, follows it. */
void mq_durable_follow(struct mq_detail *detail)
{
	if (detail->durable)
		detail->durable->detail = detail;
}

/*
 * Move what the journal knows of a message to a copy of its entry. Both have a
 * detail if the queue has a journal.
 */
void mq_entry_move_durable(struct mq_entry *e, struct mq_entry *old)
{
	struct mq_detail *from = mq_msg(old)->detail, *m = mq_msg(e)->detail;

	if (!from || !m || from == m || !from->durable)
		return;
	m->durable = from->durable;
	from->durable = NULL;
	mq_durable_follow(m);
}

/**
 * mq_entry_grow - make room for a longer payload
 * @e: the entry of an unfinished line, which no other thread knows of. It is
 *	replaced by an entry that is larger
 * @before: the bytes that @e has room for
 * @room: the bytes that the new entry is to have room for
 *
 * The message has neither key nor headers.
 *
 * Return: 0, -ENOMEM or -EDQUOT.
 */
int mq_entry_grow(struct mq_entry **e, u32 before, u32 room)
{
	struct mq_sizes sizes = { .size = room };
	struct mq_entry *old = *e, *new;
	u32 size = mq_entry_size(old);

	new = mq_entry_alloc_alone(&sizes, mq_kind_of(old));
	if (IS_ERR(new))
		return PTR_ERR(new);
	memcpy(mq_entry_data(new), mq_entry_data(old), size);
	mq_msg_set_size(mq_msg(new), size);
	mq_groups_move(new, old);
	mq_entry_move_durable(new, old);
	*e = new;
	mq_msg_set_size(mq_msg(old), before);
	mq_chunk_put(mq_chunk_of(old), mq_entry_refs(old));
	return 0;
}

/**
 * mq_detail_alloc - allocate a detail for an entry that was made without one
 *
 * This waits for memory and does not fail, because its callers must not fail. A
 * detail is small. Do not call this with a spinlock held.
 *
 * Return: the detail, which mq_detail_add() initializes.
 */
struct mq_detail *mq_detail_alloc(void)
{
	return kmem_cache_alloc(mq_detail_cache,
				GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
}

void mq_detail_free(struct mq_detail *m)
{
	if (m)
		kmem_cache_free(mq_detail_cache, m);
}

/*
 * Set mq_msg.detail to the detail before the entry again, after the field was
 * used for the record that went out (mq_msg.no_ttl).
 */
void mq_detail_restore(struct mq_entry *e)
{
	mq_msg(e)->detail = (void *)e - mq_kind_bytes(mq_kind_of(e));
}

/* Return the detail of an entry, whether or not the field is overwritten. */
struct mq_detail *mq_detail_of(struct mq_entry *e)
{
	return e->own_detail ? (void *)e - mq_kind_bytes(mq_kind_of(e)) :
			       mq_msg(e)->detail;
}

/*
 * Attach *@from to an entry that is in hand or whose mq_queue.lock is held. An entry
 * that has given up its own detail gets that instead.
 */
void mq_detail_add(struct mq_entry *e, struct mq_detail **from)
{
	struct mq_detail *detail = *from;

	if (e->own_detail)
		detail = mq_detail_of(e);
	else
		*from = NULL;
	mq_detail_init(detail, e);
	detail->when = MQ_NEVER;
	detail->expires = MQ_NEVER;
}

/*
 * Let the message be a plain one, if it has a detail of its own that says nothing any
 * more, as after a delay. The memory stays where it is: if a detail is needed
 * later, mq_detail_add() uses it again.
 */
void mq_detail_give_up(struct mq_entry *e)
{
	struct mq_detail *m = mq_msg(e)->detail;

	if (!e->own_detail || m->expires != MQ_NEVER || m->origin || m->note ||
	    m->durable || m->topic || m->forgiven || m->reason ||
	    m->is_newest || m->is_dead_letter)
		return;
	m->when = MQ_NEVER;
	mq_msg(e)->detail = NULL;
}

/* Free what only few entries have. Kept out of the code for common entries. */
static noinline void mq_entry_free_rare(struct mq_entry *e)
{
	struct mq_msg *m = mq_msg(e);
	struct mq_detail *detail = m->detail;

	if (!m->state && m->seen)
		mq_seen_free(m->seen);
	if (e->ordered)
		mq_groups_free(e);
	if (!detail)
		return;
	mq_text_put(detail->origin);
	mq_text_put(detail->note);
	mq_text_put(detail->topic);
	mq_durable_free(detail->durable);
	if (!e->own_detail)
		mq_detail_free(detail);
}

/* Return true if the entry has only its message, and was in a queue. */
static bool mq_entry_is_common(const struct mq_entry *e)
{
	const struct mq_msg *m = mq_msg(e);

	return likely(!m->detail && !e->ordered && m->state);
}

void mq_entry_free(struct mq_entry *e)
{
	if (!mq_entry_is_common(e))
		mq_entry_free_rare(e);
	mq_chunk_put(mq_chunk_of(e), mq_entry_refs(e));
}

/* Free a list of entries that have only their messages. */
static void mq_messages_put(struct list_head *list)
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
		what += mq_entry_refs(e);
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
	mq_messages_put(list);
}

/* Free a list of entries. @rare: one of them may have more than its message. */
void mq_entries_free_plain(struct list_head *list, bool rare)
{
	if (unlikely(rare))
		mq_entries_free(list);
	else
		mq_messages_put(list);
}

int __init mq_alloc_init(void)
{
	mq_seen_init();
	mq_detail_cache = KMEM_CACHE(mq_detail, SLAB_ACCOUNT);
	return mq_detail_cache ? 0 : -ENOMEM;
}

void mq_alloc_exit(void)
{
	kmem_cache_destroy(mq_detail_cache);
}
