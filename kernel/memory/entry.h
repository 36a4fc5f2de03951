/* SPDX-License-Identifier: GPL-2.0 */
/* An entry: the place of a message in a queue, and what some of them have besides. */
#ifndef MQ_ENTRY_H
#define MQ_ENTRY_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "base/base.h"
#include "memory/message.h"

struct mq_chunk;
struct mq_group;
struct mq_text;

/**
 * struct mq_detail - what only some entries need
 * @timer: node in a clock's tree, if the entry is timed
 * @e: the entry
 * @when: the key there, nanoseconds of that clock. Not in the queue yet: the
 *	delay that it was sent with. In flight: when the lease ends, or MQ_NEVER
 * @expires: when its time to live ends, CLOCK_BOOTTIME; MQ_NEVER: it does not.
 *	Of one whose first delay is not over: how long it will be. Not in the
 *	queue yet: the same, 0: as the queue says
 * @origin: queue that it came from as dead, or NULL
 * @origin_id: number that it had there
 * @note: what came with its last failure, or what it was rejected with, or NULL
 * @forgiven: how many failures do not count towards max_deliveries here
 * @reason: enum devmq_reason, or what a consumer said
 * @is_dead_letter: it came here as dead, and counts in mq_queue.dead_letters
 *
 * Protected as the entry is. It stands before the entry where its sender, or
 * the queue as it was then, let expect that it will be needed; else it is
 * added by whoever needs it, with mq_detail_add(), before the lock is taken.
 */
struct mq_detail {
	struct rb_node	timer;
	struct mq_entry	*e;
	u64		when;
	u64		expires;
	struct mq_text	*origin;
	u64		origin_id;
	struct mq_text	*note;
	u32		forgiven;
	u16		reason;
	bool		is_dead_letter;
} __aligned(8);

/**
 * enum mq_holds - where an entry in flight is
 * @MQ_IN_HAND: with whoever copies it out, and in nothing of the file's
 * @MQ_IN_RUN: in mq_held.run
 * @MQ_IN_TREE: in mq_held.tree
 */
enum mq_holds { MQ_IN_HAND, MQ_IN_RUN, MQ_IN_TREE };

/**
 * union mq_place - where an entry stands, in units of 8 bytes
 * @msg: how far behind it its message stands, or before it
 * @chunk: how far before it the chunk begins
 * @sender: how far behind that its sender stands
 * @flags: the entry's flags, all 0 at its birth
 * @word: all of them
 *
 * It is stored whole when an entry comes to life, and never again.
 */
union mq_place {
	struct {
		s16	msg;
		u16	chunk;
		u16	sender;
		u16	flags;
	};
	u64	word;
};

/* What one more of a member is in the word. */
#define MQ_PLACE_UNIT(member)	(((const union mq_place){ .member = 1 }).word)

/**
 * struct mq_entry - the place of a message in a queue
 * @all: in mq_queue.all
 * @list: ready: link in its level's fifo, if in the order of sending. Held:
 *	link in mq_held.run. On its way in or out: link in a list of its
 *	handler's
 * @node: ready but out of that order: node in a tree of mq_ready. Held, but not
 *	in the order of ids: node in mq_held.tree. Delayed, deferred or dead: node
 *	in mq_queue.aside
 * @place: where it stands, and no flags
 * @msg: as in union mq_place
 * @chunk: the same
 * @sender: the same
 * @returned: ready and in a tree of mq_ready
 * @timed: in the tree of a clock
 * @clock: which one: enum mq_clocks
 * @fresh: its first delay is not over
 * @leaving: in mq_queue.unlinked, for a dead-letter queue
 * @ordered: it is the end of a struct mq_ordered
 * @deferred: in flight: it was deferred before
 * @own_detail: mq_msg.detail stands in the same piece of memory
 * @hold: in flight: enum mq_holds
 *
 * Protected by mq_queue.lock. While its handler has one in flight "in hand",
 * in no tree of the file's, nobody else moves it.
 */
struct mq_entry {
	struct list_head	all;
	union {
		struct list_head list;
		struct rb_node	node;
	};
	union {
		union mq_place	place;
		struct {
			s16	msg;
			u16	chunk;
			u16	sender;
			bool	returned:1;
			bool	timed:1;
			bool	clock:1;
			bool	fresh:1;
			bool	leaving:1;
			bool	ordered:1;
			bool	deferred:1;
			bool	own_detail:1;
			u8	hold;
		};
	};
} __aligned(8);

#ifndef __CHECKER__	/* counts the bits otherwise */
static_assert(sizeof(struct mq_entry) <= 48);	/* for each message stored */
#endif
/* Places are counted in units of 8 bytes. */
static_assert(!(sizeof(struct mq_entry) % 8) && !(sizeof(struct mq_detail) % 8));

/**
 * struct mq_ordered - an entry in a queue with order=key or fairness
 * @node: ready: in mq_order.turns or in mq_group.waiting
 * @key: group of its key, if order=key and it has one
 * @fair: group that it takes turns in, if there is fairness
 * @turn: its number there, 0: none yet
 * @eligible: in mq_order.turns
 * @waits: in mq_group.waiting
 * @begun: past the gate of its key, and was delivered since
 * @joined: @key and @fair are the queue's; else they are its own proposals
 * @e: the entry
 */
struct mq_ordered {
	struct rb_node		node;
	struct mq_group		*key;
	struct mq_group		*fair;
	u64			turn;
	bool			eligible;
	bool			waits;
	bool			begun;
	bool			joined;
	struct mq_entry		e;
};

static_assert(!(offsetof(struct mq_ordered, e) % 8));

static inline struct mq_msg *mq_msg(const struct mq_entry *e)
{
	return (void *)e + (long)e->msg * 8;
}

/* Bytes of its payload. */
static inline u32 mq_size(const struct mq_entry *e)
{
	return mq_msg_size(mq_msg(e));
}

static inline u8 *mq_data(const struct mq_entry *e)
{
	return (u8 *)(mq_msg(e) + 1);
}

static inline u8 *mq_payload(const struct mq_entry *e)
{
	return (u8 *)mq_msg(e) + mq_msg_offset(mq_msg(e));
}

/* Zeros behind the payload: no byte of the kernel's own goes out. */
static inline void mq_entry_pad(struct mq_entry *e)
{
	struct mq_msg *m = mq_msg(e);

	memset((void *)m + m->size, 0, mq_msg_step(m) - m->size);
}

/*
 * Copying from and to the user. The kernel's check that what is copied lies
 * within one of its objects has nothing to look up here: a message is a piece
 * of a chunk, and has its own size. What comes in is a plain message.
 */
static inline bool mq_copy_in(struct mq_entry *e, const void __user *from,
			      size_t size)
{
	return !_copy_from_user(mq_data(e), from, size);
}

static inline size_t mq_copy_out(void __user *to, const struct mq_entry *e,
				 u32 at, size_t size)
{
	return size - _copy_to_user(to, mq_payload(e) + at, size);
}

/* What it came from as dead, or NULL. */
static inline struct mq_text *mq_origin(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return unlikely(detail) ? detail->origin : NULL;
}

/* Why it is dead, or was elsewhere; or zero. */
static inline u16 mq_reason(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return unlikely(detail) ? detail->reason : DEVMQ_REASON_NONE;
}

/* When its time to live is over, or MQ_NEVER. */
static inline u64 mq_expires(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return unlikely(detail) ? detail->expires : MQ_NEVER;
}

/* Of a list of entries that is not empty. */
static inline u64 mq_first_id(const struct list_head *list)
{
	return mq_msg(list_first_entry(list, struct mq_entry, list))->id;
}

static inline u64 mq_last_id(const struct list_head *list)
{
	return mq_msg(list_last_entry(list, struct mq_entry, list))->id;
}

/* Did it come here as dead? */
static inline bool mq_is_dead_letter(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return unlikely(detail) && detail->is_dead_letter;
}

#endif /* MQ_ENTRY_H */
