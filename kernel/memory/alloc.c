// SPDX-License-Identifier: GPL-2.0
/*
 * Messages with their entries. Nothing here takes mq_queue.lock; all of it may
 * sleep.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "memory/keep.h"
#include "memory/layout.h"
#include "memory/payer.h"
#include "memory/chunk.h"
#include "memory/supply.h"
#include "memory/alloc.h"
#include "memory/entry.h"
#include "memory/group.h"
#include "memory/message.h"
#include "memory/seen.h"
#include "memory/text.h"

static struct kmem_cache *mq_detail_cache;

/* Bytes that stand before an entry in its piece of memory. */
static u32 mq_kind_bytes(struct mq_kind kind)
{
	return (kind.detail ? sizeof(struct mq_detail) : 0) +
	       (kind.ordered ? offsetof(struct mq_ordered, e) : 0);
}

/* What an entry is of. */
static struct mq_kind mq_kind_of(const struct mq_entry *e)
{
	return (struct mq_kind){ .detail = e->own_detail, .ordered = e->ordered };
}

static void mq_detail_init(struct mq_detail *detail, struct mq_entry *e)
{
	*detail = (struct mq_detail){ .e = e };
	mq_msg(e)->detail = detail;
}

/* What stands before the entry, begun. */
static void mq_kind_init(struct mq_entry *e, struct mq_kind kind)
{
	struct mq_ordered *x = container_of(e, struct mq_ordered, e);

	e->ordered = kind.ordered;
	e->own_detail = kind.detail;
	if (kind.ordered)
		memset(x, 0, offsetof(struct mq_ordered, e));
	if (kind.detail)
		mq_detail_init((void *)e - mq_kind_bytes(kind), e);
}

/* Begin an entry and its message, with zeros between the parts and behind. */
static void mq_entry_begins(struct mq_entry *e, const struct mq_sizes *sizes,
			    struct mq_kind kind)
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
	if (unlikely(kind.detail || kind.ordered))
		mq_kind_init(e, kind);
}

/* Bytes that the message takes. */
static u32 mq_sizes_step(const struct mq_sizes *s)
{
	return mq_offset(s->key_size + s->headers_size) + ALIGN(s->size, 8);
}

/* An entry in memory of its own; the sender is the caller. */
static struct mq_entry *mq_entry_lone(const struct mq_sizes *sizes,
				      struct mq_kind kind)
{
	struct mq_payer *p = mq_payer_get();
	struct mq_entry *e;

	if (!p)
		return ERR_PTR(-ENOMEM);
	e = mq_chunk_alone(p, mq_kind_bytes(kind), mq_sizes_step(sizes));
	mq_payer_put(p);
	if (!IS_ERR(e))
		mq_entry_begins(e, sizes, kind);
	return e;
}

/**
 * mq_entry_alloc - make an entry with an empty message
 * @s: memory of the producer's
 * @c: its chunk, claimed
 * @sizes: the sizes of its parts
 * @kind: what the entry has besides
 * @stays: for long
 *
 * The zeros that belong between and behind the parts are in place; the parts
 * are the caller's to fill. The sender is the caller.
 *
 * Return: the entry, or an ERR_PTR of ENOMEM or EDQUOT.
 */
struct mq_entry *mq_entry_alloc(struct mq_supply *s, struct mq_chunk **c,
				const struct mq_sizes *sizes,
				struct mq_kind kind, bool stays)
{
	struct mq_entry *e;

	/* What stays for long is not to keep a chunk from being used. */
	if (unlikely(stays))
		return mq_entry_lone(sizes, kind);
	e = mq_chunk_cut(s, c, mq_kind_bytes(kind), mq_sizes_step(sizes));
	if (!IS_ERR(e))
		mq_entry_begins(e, sizes, kind);
	return e;
}

/* The same for a message of @size bytes, without key and headers. */
struct mq_entry *mq_entry_new(struct mq_supply *s, u32 size, struct mq_kind kind)
{
	struct mq_chunk *c = mq_chunk_claim(s);
	struct mq_sizes sizes = { .size = size };
	struct mq_entry *e = mq_entry_alloc(s, &c, &sizes, kind, false);

	mq_chunk_unclaim(s, c);
	return e;
}

/* The message of @old in memory of its own, with its sender, who pays. */
static struct mq_entry *mq_entry_again(const struct mq_entry *old,
				       struct mq_kind kind,
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

	e = alloc(mq_chunk_of(old)->payer, mq_kind_bytes(kind),
		  mq_sizes_step(&sizes));
	if (IS_ERR(e))
		return e;
	mq_entry_begins(e, &sizes, kind);
	memcpy(mq_data(e), from + 1, from->size - sizeof(*from));
	mq_msg(e)->time_ns = from->time_ns;
	mq_chunk_of(e)->first = *mq_sender_of(old);
	return e;
}

/* As mq_entry_new(), for a message that is to grow and gets its sender late. */
struct mq_entry *mq_entry_begin(u32 size, struct mq_kind kind)
{
	struct mq_sizes sizes = { .size = size };

	return mq_entry_lone(&sizes, kind);
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

	new = mq_entry_lone(&sizes, mq_kind_of(old));
	if (IS_ERR(new))
		return PTR_ERR(new);
	memcpy(mq_data(new), mq_data(old), size);
	mq_msg_set_size(mq_msg(new), size);
	mq_groups_move(new, old);
	*e = new;
	mq_msg_set_size(mq_msg(old), before);
	mq_chunk_put(mq_chunk_of(old), mq_entry_share(old));
	return 0;
}

/**
 * mq_entry_copy - make an entry for another queue
 * @old: a message, to whose chunk the caller has a reference
 * @kind: what entries of that queue have; its bounds do not matter
 *
 * Return: the entry, with the same message and sender, or an ERR_PTR as
 * mq_entry_alloc().
 */
struct mq_entry *mq_entry_copy(const struct mq_entry *old, struct mq_kind kind)
{
	struct mq_entry *e;

	kind.detail = kind.detail || old->own_detail;
	e = mq_entry_again(old, kind, mq_chunk_alone);
	if (!IS_ERR(e) && kind.detail)
		mq_msg(e)->detail->expires = MQ_NEVER;
	return e;
}

/**
 * mq_entry_bequeath - what time has in store for an entry goes to its copy
 * @e: from mq_entry_copy()
 * @old: the entry, in hand and in no state
 */
void mq_entry_bequeath(struct mq_entry *e, struct mq_entry *old)
{
	struct mq_detail *from = mq_msg(old)->detail, *m = mq_msg(e)->detail;

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
	mq_msg(old)->detail = NULL;
	mq_msg(e)->detail = from;
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
	if (m->detail) {
		*m->detail = *from->detail;
		m->detail->e = e;
	} else if (from->detail) {
		m->detail = from->detail;
		m->detail->e = e;
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
	e = mq_entry_again(old, mq_kind_of(old), mq_chunk_alone);
	if (IS_ERR(e))
		return old;
	mq_entry_inherit(e, old);
	if (old->ordered)
		mq_groups_free(old);
	mq_chunk_put(mq_chunk_of(old), mq_entry_share(old));
	return e;
}

/* An entry that is to take the place of @old: mq_replace_locked(). */
struct mq_entry *mq_entry_refuge(const struct mq_entry *old)
{
	return mq_entry_again(old, mq_kind_of(old), mq_chunk_refuge);
}

/* It does not. */
void mq_entry_discard(struct mq_entry *e)
{
	mq_chunk_put(mq_chunk_of(e), mq_entry_share(e));
}

/**
 * mq_detail_alloc - have what an entry may need
 *
 * It is small, and who asks for it has something to finish that must not fail:
 * so this waits for memory, and does not fail. Never with a spinlock held.
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

/* The place was used for something else: an entry has what stands before it. */
void mq_detail_restore(struct mq_entry *e)
{
	mq_msg(e)->detail = (void *)e - mq_kind_bytes(mq_kind_of(e));
}

/* An entry, in hand or with its queue's lock held, has it from now on. */
void mq_detail_add(struct mq_entry *e, struct mq_detail **from)
{
	struct mq_detail *detail = *from;

	*from = NULL;
	mq_detail_init(detail, e);
	detail->when = MQ_NEVER;
	detail->expires = MQ_NEVER;
}

/* What is rare: so much for it is not on the way of the others. */
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
	if (!e->own_detail)
		mq_detail_free(detail);
}

/* Nothing but a message, and it was in a queue. */
static bool mq_entry_is_common(const struct mq_entry *e)
{
	const struct mq_msg *m = mq_msg(e);

	return likely(!m->detail && !e->ordered && m->state);
}

void mq_entry_free(struct mq_entry *e)
{
	if (!mq_entry_is_common(e))
		mq_entry_free_rare(e);
	mq_chunk_put(mq_chunk_of(e), mq_entry_share(e));
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
void mq_entries_free_plain(struct list_head *list, bool rare)
{
	if (unlikely(rare))
		mq_entries_free(list);
	else
		mq_run_put(list);
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
