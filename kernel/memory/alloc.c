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
#include "memory/message.h"
#include "memory/payer.h"
#include "memory/seen.h"
#include "memory/supply.h"
#include "memory/text.h"

static struct kmem_cache *mq_detail_cache;

/* Return how many bytes are allocated before an entry of this kind. */
static u32 mq_kind_bytes(struct mq_kind kind)
{
	return (kind.detail ? sizeof(struct mq_detail) : 0) +
	       (kind.ordered ? offsetof(struct mq_ordered, e) : 0);
}

/* Return the kind of an entry. */
static struct mq_kind mq_kind_of(const struct mq_entry *e)
{
	return (struct mq_kind){ .detail = e->own_detail, .ordered = e->ordered };
}

/*
 * Give an entry that was allocated for a queue with a journal its mq_durable.
 * Return the entry, or an ERR_PTR.
 */
static struct mq_entry *mq_entry_add_durable(struct mq_entry *e)
{
	struct mq_durable *d = mq_durable_new(mq_chunk_of(e)->payer);

	if (IS_ERR(d)) {
		mq_entry_free(e);
		return ERR_CAST(d);
	}
	d->detail = mq_msg(e)->detail;
	d->detail->durable = d;
	return e;
}

/* Return @e with all that its kind needs, or an ERR_PTR. */
static struct mq_entry *mq_entry_complete(struct mq_entry *e,
					  struct mq_kind kind)
{
	return unlikely(kind.durable) ? mq_entry_add_durable(e) : e;
}

static void mq_detail_init(struct mq_detail *detail, struct mq_entry *e)
{
	*detail = (struct mq_detail){ .e = e };
	mq_msg(e)->detail = detail;
}

/* Initialize what was allocated before an entry. */
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

/* Initialize an entry and its message, and zero the padding of the message. */
static void mq_entry_init(struct mq_entry *e, const struct mq_sizes *sizes,
			  struct mq_kind kind)
{
	u32 meta = sizes->key_size + sizes->headers_size;
	struct mq_msg *m = mq_msg(e);

	mq_msg_init(m, 0);
	m->size = mq_payload_offset(meta) + sizes->size;
	m->key_size = sizes->key_size;
	m->headers_size = sizes->headers_size;
	if (unlikely(meta & 7))
		memset(mq_entry_data(e) + meta, 0, ALIGN(meta, 8) - meta);
	if (unlikely(m->size & 7))
		mq_entry_pad(e);
	if (unlikely(kind.detail || kind.ordered))
		mq_kind_init(e, kind);
}

/* Return the size of a message with its padding. */
static u32 mq_sizes_step(const struct mq_sizes *s)
{
	return mq_payload_offset(s->key_size + s->headers_size) + ALIGN(s->size, 8);
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

/**
 * mq_entry_restore - allocate an entry in a chunk of its own for a message that
 *	a journal has
 * @p: who pays for it
 * @sizes: the sizes of the parts of the message
 * @kind: what to allocate with the entry
 * @sender: who sent it
 *
 * Return: the entry, or ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
 */
struct mq_entry *mq_entry_restore(struct mq_payer *p, const struct mq_sizes *sizes,
				  struct mq_kind kind,
				  const struct mq_sender *sender)
{
	struct mq_entry *e = mq_chunk_alone(p, mq_kind_bytes(kind),
					    mq_sizes_step(sizes));

	if (IS_ERR(e))
		return e;
	mq_entry_init(e, sizes, kind);
	mq_chunk_of(e)->first = *sender;
	return mq_entry_complete(e, kind);
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

/* Allocate an entry for a message of @size bytes without key and headers. */
struct mq_entry *mq_entry_new(struct mq_supply *s, u32 size, struct mq_kind kind)
{
	struct mq_chunk *c = mq_chunk_claim(s);
	struct mq_sizes sizes = { .size = size };
	struct mq_entry *e = mq_entry_alloc(s, &c, &sizes, kind, false);

	mq_chunk_unclaim(s, c);
	return e;
}

/*
 * Copy the message and the sender of @old to memory that the same payer pays.
 */
static struct mq_entry *mq_entry_clone(const struct mq_entry *old,
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
	mq_entry_init(e, &sizes, kind);
	memcpy(mq_entry_data(e), from + 1, from->size - sizeof(*from));
	mq_msg(e)->time_ns = from->time_ns;
	mq_chunk_of(e)->first = *mq_sender_of(old);
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
 * mq_entry_copy - copy an entry for another queue
 * @old: the entry; the caller holds a reference to its chunk
 * @kind: the kind of entries of the other queue
 *
 * The copy has the same message and sender. This does not check the bounds of
 * the other queue.
 *
 * Return: the copy, or ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
 */
struct mq_entry *mq_entry_copy(const struct mq_entry *old, struct mq_kind kind)
{
	struct mq_entry *e;

	kind.detail = kind.detail || old->own_detail;
	/* That of the old entry moves to the copy: mq_entry_move_durable(). */
	kind.durable = false;
	e = mq_entry_clone(old, kind, mq_chunk_alone);
	if (!IS_ERR(e) && kind.detail)
		mq_msg(e)->detail->expires = MQ_NEVER;
	return e;
}

/**
 * mq_entry_move_times - move the state and the times of an entry to its copy
 * @e: the copy, from mq_entry_copy()
 * @old: the entry, which is in hand and has left its state
 */
void mq_entry_move_times(struct mq_entry *e, struct mq_entry *old)
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

/* The mq_durable of a detail, if it has one, follows it. */
static void mq_durable_follow(struct mq_detail *detail)
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

/* Copy the state of @old to @e, which takes its place, and move the detail. */
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
		mq_durable_follow(m->detail);
	} else if (from->detail) {
		m->detail = from->detail;
		m->detail->e = e;
	}
}

/**
 * mq_entry_move_alone - move an entry to a chunk of its own
 * @old: the entry, which is in hand and has left its state, its clock and the
 *	order of its queue
 *
 * Return: the new entry. @old, if it has a chunk of its own already, or if
 * there is no memory.
 */
struct mq_entry *mq_entry_move_alone(struct mq_entry *old)
{
	struct mq_entry *e;

	if (mq_chunk_of(old)->order == MQ_LARGE)
		return old;
	/*
	 * Of the same kind, so that mq_entry_inherit() finds room for a detail.
	 */
	e = mq_entry_clone(old, mq_kind_of(old), mq_chunk_alone);
	if (IS_ERR(e))
		return old;
	mq_entry_inherit(e, old);
	if (old->ordered)
		mq_groups_free(old);
	mq_chunk_put(mq_chunk_of(old), mq_entry_refs(old));
	return e;
}

/*
 * Copy an entry to a chunk of its own, so that the chunk of @old can be freed
 * after mq_replace_locked(). Return: the copy or an ERR_PTR.
 */
struct mq_entry *mq_entry_clone_alone(const struct mq_entry *old)
{
	return mq_entry_clone(old, mq_kind_of(old), mq_chunk_alone_for_move);
}

/* Free an entry from mq_entry_clone_alone() that was not used. */
void mq_entry_free_clone(struct mq_entry *e)
{
	mq_chunk_put(mq_chunk_of(e), mq_entry_refs(e));
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

/* Attach *@from to an entry that is in hand or whose mq_queue.lock is held. */
void mq_detail_add(struct mq_entry *e, struct mq_detail **from)
{
	struct mq_detail *detail = *from;

	*from = NULL;
	mq_detail_init(detail, e);
	detail->when = MQ_NEVER;
	detail->expires = MQ_NEVER;
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
