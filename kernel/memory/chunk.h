/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that messages are cut from: see chunk.c. */
#ifndef MQ_CHUNK_H
#define MQ_CHUNK_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cred.h>
#include <linux/limits.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/uidgid.h>

#include "memory/budget.h"
#include "memory/entry.h"

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

void mq_sender_stamp(struct mq_sender *s);
struct mq_sender *mq_chunk_sender(struct mq_chunk *c);
void mq_chunk_ebb(struct mq_chunk *c, u64 left, u64 put, u32 low);
void mq_chunk_retire(struct mq_chunk *c);
void mq_chunk_init(struct mq_chunk *c, u32 size, u16 order);
struct mq_chunk *mq_pages_alloc(struct mq_payer *p, u16 order);
bool mq_chunk_again(struct mq_chunk *c, u32 size);
struct mq_entry *mq_chunk_take_all(struct mq_chunk *c, u32 front, u32 size);
struct mq_chunk *mq_chunk_large(struct mq_payer *p, u32 size,
				enum mq_budget what);
struct mq_entry *mq_chunk_alone(struct mq_payer *p, u32 front, u32 size);
struct mq_entry *mq_chunk_refuge(struct mq_payer *p, u32 front, u32 size);
void mq_chunk_resize(struct mq_chunk *c, u32 size);

static inline struct mq_chunk *mq_chunk_of(const struct mq_entry *e)
{
	return (void *)e - (long)e->chunk * 8;
}

static inline const struct mq_sender *mq_sender_of(const struct mq_entry *e)
{
	return (void *)mq_chunk_of(e) + (long)e->sender * 8;
}

/* Is who sends now the one whose messages were cut from a chunk last? */
static inline bool mq_chunk_is_ours(const struct mq_chunk *c)
{
	const struct mq_sender *s = (void *)c + c->sender * 8;
	const struct cred *cred = current_cred();

	return s->pid == task_tgid_nr(current) && uid_eq(s->uid, cred->euid) &&
	       gid_eq(s->gid, cred->egid);
}

/* Is there so much left of it, if need be from its beginning again? */
static inline bool mq_chunk_has(struct mq_chunk *c, u32 size)
{
	return likely(size <= c->top - c->used) || mq_chunk_again(c, size);
}

/*
 * Cut off what an entry, with @front bytes before it, and its message of @size
 * bytes take, which are there.
 */
static inline struct mq_entry *mq_chunk_take(struct mq_chunk *c, u32 front,
					     u32 size)
{
	u32 at = c->used, top = c->top - sizeof(struct mq_entry);
	struct mq_entry *e = (void *)c + top;

	c->used = at + size;
	c->top = top - front;
	c->given += MQ_CHUNK_ONE + size;
	e->place = (union mq_place){
		.msg = (s32)(at - top) >> 3,
		.chunk = top / 8,
		.sender = c->sender,
	};
	return e;
}

static inline void mq_chunk_get(struct mq_chunk *c)
{
	atomic64_add(MQ_CHUNK_ONE, &c->refs);
}

/*
 * Give back what was in use: for each message, or reference, MQ_CHUNK_ONE, and
 * the bytes of the records.
 */
static inline void mq_chunk_put(struct mq_chunk *c, u64 what)
{
	/* Once that is given back, the chunk may be gone. */
	u32 low = READ_ONCE(c->low);
	u64 left = atomic64_sub_return(what, &c->refs);

	if (unlikely((u32)left < low))
		mq_chunk_ebb(c, left, what, low);
}

/* What an entry takes of its chunk, for mq_chunk_put(). */
static inline u64 mq_entry_share(const struct mq_entry *e)
{
	return MQ_CHUNK_ONE + mq_msg_step(mq_msg(e));
}

#endif /* MQ_CHUNK_H */
