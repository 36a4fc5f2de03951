// SPDX-License-Identifier: GPL-2.0
/*
 * Copies of entries: for another queue, or in the place of an entry whose chunk is to
 * be freed. A large payload is not copied but shared.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/copy.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/group.h"
#include "memory/layout.h"
#include "memory/lot.h"
#include "memory/message.h"
#include "memory/seen.h"
#include "memory/text.h"

typedef struct mq_entry *(*mq_alone_fn)(struct mq_payer *p, u32 front, u32 size);

/*
 * Allocate an entry in a chunk of its own, with all that lies before the payload of
 * @old, with its sender, and with room for @size bytes of payload. The same payer
 * pays for it.
 */
static struct mq_entry *mq_entry_like(const struct mq_entry *old, u32 size,
				      struct mq_kind kind, mq_alone_fn alloc)
{
	const struct mq_msg *from = mq_msg(old);
	struct mq_sizes sizes = {
		.size = size,
		.key_size = from->key_size,
		.headers_size = from->headers_size,
		.extra_size = from->extra_size,
	};
	struct mq_entry *e;

	e = alloc(mq_chunk_of(old)->payer, mq_kind_bytes(kind),
		  mq_sizes_step(&sizes));
	if (IS_ERR(e))
		return e;
	mq_entry_init(e, &sizes, kind);
	memcpy(mq_msg(e) + 1, from + 1, mq_msg_offset(from) - sizeof(*from));
	mq_msg(e)->time_ns = from->time_ns;
	mq_chunk_of(e)->first = *mq_sender_of(old);
	return e;
}

/*
 * Return true if copies of a message can share its payload: if that is large, and is
 * in a chunk without other messages, which the copies would keep from being freed.
 */
bool mq_entry_lends(const struct mq_entry *e)
{
	return mq_msg_borrows(mq_msg(e)) ||
	       (mq_entry_size(e) > MQ_SHARED_OVER &&
		mq_chunk_of(e)->order == MQ_LARGE);
}

/*
 * Make an entry for another message with the payload of @old, which mq_entry_lends().
 * It has a detail, so the short ways, which take the payload to lie behind the
 * message, leave it alone.
 */
static struct mq_entry *mq_entry_borrow(const struct mq_entry *old,
					struct mq_kind kind, mq_alone_fn alloc)
{
	struct mq_chunk *c = mq_chunk_of(old);
	const struct mq_msg *from = mq_msg(old);
	const u8 *payload = mq_msg_payload(from);
	struct mq_entry *e;

	e = mq_entry_like(old, sizeof(payload), kind, alloc);
	if (IS_ERR(e))
		return e;
	*(const u8 **)mq_entry_payload(e) = payload;
	mq_msg(e)->flags = MQ_MSG_BORROWS;
	mq_msg(e)->size = from->size;
	/* mq_entry_refs() counts the payload as if it were there. */
	mq_chunk_resize(mq_chunk_of(e), mq_msg_padded_size(from));
	mq_chunk_borrow(mq_chunk_of(e), c->lender ?: c);
	return e;
}

/* Copy a stub, which has only what lies in it. */
static struct mq_entry *mq_entry_clone_stub(const struct mq_entry *old,
					    struct mq_kind kind, mq_alone_fn alloc)
{
	const struct mq_msg *from = mq_msg(old);
	u32 size = mq_msg_stored_size(from);
	struct mq_sizes none = {};
	struct mq_entry *e;

	e = alloc(mq_chunk_of(old)->payer, mq_kind_bytes(kind), size);
	if (IS_ERR(e))
		return e;
	mq_entry_init(e, &none, kind);
	mq_msg(e)->size = from->size;
	mq_msg(e)->sizes = from->sizes;
	mq_msg(e)->flags = from->flags;
	mq_msg(e)->time_ns = from->time_ns;
	memcpy(mq_msg(e) + 1, from + 1, size - sizeof(*from));
	mq_chunk_of(e)->first = *mq_sender_of(old);
	return e;
}

/*
 * Copy the message and the sender of @old to memory that the same payer pays. What
 * @old borrows, the copy borrows, too.
 */
static struct mq_entry *mq_entry_clone(const struct mq_entry *old,
				       struct mq_kind kind, mq_alone_fn alloc)
{
	const struct mq_msg *from = mq_msg(old);
	struct mq_entry *e;

	if (unlikely(mq_msg_is_stub(from)))
		return mq_entry_clone_stub(old, kind, alloc);
	if (unlikely(mq_msg_borrows(from)))
		return mq_entry_borrow(old, kind, alloc);
	e = mq_entry_like(old, mq_msg_size(from), kind, alloc);
	if (!IS_ERR(e))
		memcpy(mq_entry_payload(e), mq_msg_payload(from), mq_msg_size(from));
	return e;
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

/*
 * Make an entry for another message that says the same, of the kind @kind, with the
 * payload of @old if that lends it. @old may be freed before its payload is.
 */
struct mq_entry *mq_entry_share(const struct mq_entry *old, struct mq_kind kind)
{
	bool lends = mq_entry_lends(old);
	struct mq_entry *e;

	kind.detail = kind.detail || lends;
	e = lends ? mq_entry_borrow(old, kind, mq_chunk_alone) :
		    mq_entry_clone(old, kind, mq_chunk_alone);
	if (IS_ERR(e))
		return e;
	if (kind.detail)
		mq_msg(e)->detail->expires = MQ_NEVER;
	return mq_entry_complete(e, kind);
}

/* Return the sizes of a copy of @old that tells of @topic. */
static struct mq_sizes mq_told_sizes(const struct mq_entry *old,
				     const struct mq_text *topic)
{
	const struct mq_msg *from = mq_msg(old);

	return (struct mq_sizes){
		.size = mq_msg_size(from),
		.key_size = from->key_size,
		.headers_size = from->headers_size,
		.extra_size = sizeof(struct devmq_extra) + topic->size,
	};
}

/* Return the bytes of a message from mq_entry_copy_told(). */
u32 mq_entry_told_size(const struct mq_entry *old, const struct mq_text *topic)
{
	struct mq_sizes sizes = mq_told_sizes(old, topic);

	return mq_sizes_step(&sizes);
}

/**
 * mq_entry_copy_told - copy a message of a topic for a queue that needs only that
 * @lot: where the copy gets its memory
 * @old: the message, which has no extra block
 * @topic: the name of the topic
 *
 * The copy tells of the topic in an extra block, where devmq_extra.topic_id is left to
 * be filled in. So it is laid out as its receiver gets it, and needs no detail.
 *
 * Return: the copy, or ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
 */
struct mq_entry *mq_entry_copy_told(struct mq_lot *lot, const struct mq_entry *old,
				    const struct mq_text *topic)
{
	struct mq_sizes sizes = mq_told_sizes(old, topic);
	const struct mq_msg *from = mq_msg(old);
	struct devmq_extra *extra;
	struct mq_entry *e;

	e = mq_lot_take(lot, old, 0, mq_sizes_step(&sizes));
	if (IS_ERR(e))
		return e;
	mq_entry_init(e, &sizes, (struct mq_kind){});
	extra = mq_msg_extra(mq_msg(e));
	memset(extra, 0, sizeof(*extra));
	extra->payload_size = sizes.size;
	extra->topic_size = topic->size;
	memcpy(extra + 1, topic->text, topic->size);
	memcpy(mq_entry_data(e), mq_entry_data(old), sizes.key_size + sizes.headers_size);
	memcpy(mq_entry_payload(e), mq_msg_payload(from), sizes.size);
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

/* Let a copy of an entry tell the same topic, if the entry has one. */
void mq_entry_share_topic(struct mq_entry *e, const struct mq_entry *old)
{
	const struct mq_detail *from = mq_msg(old)->detail;
	struct mq_detail *m = mq_msg(e)->detail;

	if (from && m && m != from && !m->topic)
		m->topic = mq_text_get(from->topic);
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
	e = mq_entry_clone(old, mq_kind_of(old), mq_chunk_alone_at_once);
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
