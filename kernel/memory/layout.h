/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The layout of a chunk of memory: where its messages, their entries and their
 * senders lie, and which queue and which payer it belongs to.
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
 * struct mq_sender - the process that sent a message
 * @uid: effective user id
 * @gid: effective group id
 * @pid: process id, in the initial pid namespace
 */
struct mq_sender {
	kuid_t	uid;
	kgid_t	gid;
	u32	pid;
};

/**
 * struct mq_chunk - a piece of memory that holds messages of one open file
 * @refs: two counts in one number. Bits 32 and up count the messages in the
 *	chunk and the references of readers that look at one (MQ_CHUNK_ONE
 *	each). The bits below count the bytes of the messages. As long as an
 *	open file puts messages into the chunk, MQ_CHUNK_BIAS - @given is added;
 *	after that, one reference is added, until less than @low bytes are in
 *	use
 * @given: the messages that were put into the chunk, counted like @refs
 * @size: size in bytes, including this header
 * @used: offset of the end of the messages, which grow from the beginning
 * @top: offset of the first entry; the entries grow downwards from the end
 * @low: with less than this number of bytes in use, the chunk is sparse
 *	(invariant)
 * @sender: offset of the sender of the next message, in units of 8 bytes
 * @order: the chunk has 2^@order pages; MQ_LARGE: it has the size that its only
 *	message needs
 * @charged: bytes that are charged to @payer
 * @first: the first sender
 * @sparse: @size counts in the waste of @store. Set by the thread whose
 *	mq_chunk_put() takes the bytes in use below @low, which happens once
 * @payer: the payer (invariant)
 * @store: the store whose waste the chunk counts in when it is sparse, with a
 *	reference to its queue; NULL: it never counts as sparse
 * @lender: the chunk with the payload that the only message of this one shares,
 *	with a reference; or NULL. It is an MQ_LARGE chunk, and has no lender itself
 *
 * Consecutive messages lie behind each other, so that they can be copied in one
 * piece. This is why their entries lie elsewhere. If the sender changes, the
 * new sender lies between the messages. @refs is decreased without a lock. The
 * other fields belong to the thread that has claimed the chunk (supply.c).
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
	struct mq_chunk		*lender;
};

/* One message, or one reader's reference, in mq_chunk.refs; bytes lie below. */
#define MQ_CHUNK_ONE	BIT_ULL(32)
#define MQ_CHUNK_BIAS	(BIT_ULL(62) | BIT_ULL(30))

#define MQ_LARGE	U16_MAX

/*
 * The largest size of a chunk that is made of pages. A message that stays long
 * after all others of its chunk have left keeps no more memory than this.
 */
#define MQ_CHUNK_MAX	SZ_64K

/* The largest chunk for messages of up to a quarter of this size. */
#define MQ_CHUNK_SMALL	SZ_16K

/* Offset of the first message in a chunk. */
#define MQ_CHUNK_START	ALIGN(sizeof(struct mq_chunk), 8)

static_assert(MQ_CHUNK_MAX / 8 <= U16_MAX);
static_assert(!(offsetof(struct mq_chunk, first) % 8));

/**
 * struct mq_store_ops - functions of the queue that a store belongs to
 * @get: takes a reference to the queue
 * @put: drops that reference
 * @worth: returns the bytes of waste from which on compaction is worth a walk
 *	through all messages of the queue
 * @later: queues work that compacts the store
 * @compact: moves messages out of sparse chunks. Returns true if there is less
 *	waste than before
 */
struct mq_store_ops {
	void		(*get)(struct mq_store *s);
	void		(*put)(struct mq_store *s);
	unsigned long	(*worth)(struct mq_store *s);
	void		(*later)(struct mq_store *s);
	bool		(*compact)(struct mq_store *s);
};

/**
 * struct mq_store - the memory of the messages of a queue
 * @waste: bytes of the chunks that are sparse (atomic)
 * @ops: functions of the queue (invariant)
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

/* Return what an entry and its message count in mq_chunk.refs. */
static inline u64 mq_entry_refs(const struct mq_entry *e)
{
	return MQ_CHUNK_ONE + mq_msg_stored_size(mq_msg(e));
}

#endif /* MQ_MEMORY_LAYOUT_H */
