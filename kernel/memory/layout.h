/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How messages, their entries and their senders stand in a chunk of memory, and whose
 * that is.
 */
#ifndef MQ_MEMORY_LAYOUT_H
#define MQ_MEMORY_LAYOUT_H

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "memory/entry.h"
#include "memory/message.h"

struct mq_payer;
struct mq_store;

/**
 * struct mq_sender - who sent
 * @uid: effective user id
 * @gid: effective group id
 * @pid: process, in the initial pid namespace
 */
struct mq_sender {
	kuid_t	uid;
	kgid_t	gid;
	u32	pid;
};

/**
 * struct mq_chunk - memory that the messages of one open file are cut from
 * @refs: what of it is in use: for each message in it MQ_CHUNK_ONE and the bytes
 *	of its record, and MQ_CHUNK_ONE for each who looks at one. Besides, as
 *	long as an open file cuts from it, MQ_CHUNK_BIAS less @given; after that
 *	MQ_CHUNK_ONE, until less than @low bytes are in use
 * @given: the messages that were cut, counted as in @refs
 * @size: bytes, this header included
 * @used: how many of them messages have taken, from the beginning
 * @top: where the entries begin, which are cut off the end
 * @low: so few bytes in use are hardly worth the whole (invariant)
 * @sender: where the sender of what is cut now stands, in units of 8 bytes
 * @order: pages it is made of; MQ_LARGE: it is as large as its one message
 *	needs
 * @charged: bytes that @payer pays for it
 * @first: the first sender
 * @sparse: it counts in @store's waste (whose reference ended the fuller state)
 * @payer: who pays (invariant)
 * @store: the queue's that it counts as sparse for, holds a reference; or NULL
 *
 * Messages that come after each other stand so, as they go in and out in one
 * piece; so their entries are apart. Senders stand between the messages, where
 * they change. @refs counts down without a lock; all else belongs to who has
 * claimed the chunk (chunk.c).
 */
struct mq_chunk {
	atomic64_t		refs;
	u64			given;
	u32			size;
	u32			used;
	u32			top;
	u32			low;
	u16			sender;
	u16			order;
	u32			charged;
	struct mq_sender	first;
	bool			sparse;
	struct mq_payer		*payer;
	struct mq_store		*store;
};

/* One message, or one who looks, in mq_chunk.refs; the bytes stand below. */
#define MQ_CHUNK_ONE	BIT_ULL(32)
#define MQ_CHUNK_BIAS	(BIT_ULL(62) | BIT_ULL(30))

#define MQ_LARGE	U16_MAX

/*
 * The largest chunk of pages: a message that stays long, while all others of its
 * chunk go, keeps no more than that from being used.
 */
#define MQ_CHUNK_MAX	SZ_64K

/* Where in a chunk its first message stands. */
#define MQ_CHUNK_START	ALIGN(sizeof(struct mq_chunk), 8)

static_assert(MQ_CHUNK_MAX / 8 <= U16_MAX);
static_assert(!(offsetof(struct mq_chunk, first) % 8));

/**
 * struct mq_store_ops - what a queue does for the memory of its messages
 * @get: take a reference to the queue
 * @put: give that back
 * @worth: bytes of waste that are worth a pass through all of its messages
 * @later: have that done
 * @compact: do it. Return: there is less waste than before
 */
struct mq_store_ops {
	void		(*get)(struct mq_store *s);
	void		(*put)(struct mq_store *s);
	unsigned long	(*worth)(struct mq_store *s);
	void		(*later)(struct mq_store *s);
	bool		(*compact)(struct mq_store *s);
};

/**
 * struct mq_store - the memory of a queue's messages
 * @waste: bytes of chunks of which little is in use (atomic)
 * @ops: what is done about that (invariant)
 */
struct mq_store {
	atomic_long_t			waste;
	const struct mq_store_ops	*ops;
};

static inline struct mq_chunk *mq_chunk_of(const struct mq_entry *e)
{
	return (void *)e - (long)e->chunk * 8;
}

static inline const struct mq_sender *mq_sender_of(const struct mq_entry *e)
{
	return (void *)mq_chunk_of(e) + (long)e->sender * 8;
}

/* What an entry takes of its chunk, for mq_chunk_put(). */
static inline u64 mq_entry_share(const struct mq_entry *e)
{
	return MQ_CHUNK_ONE + mq_msg_step(mq_msg(e));
}

#endif /* MQ_MEMORY_LAYOUT_H */
