/* SPDX-License-Identifier: GPL-2.0 */
/* Entries: they link messages into a queue, and some of them have details. */
#ifndef MQ_ENTRY_H
#define MQ_ENTRY_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "base/base.h"
#include "memory/message.h"

struct mq_chunk;
struct mq_durable;
struct mq_group;
struct mq_text;

/**
 * struct mq_detail - the fields that only some entries need
 * @timer: node in the tree of a clock, if mq_entry.timed is set, or in that of the
 *	keys that a topic retains, if @is_newest is
 * @e: the entry
 * @when: the key in the tree of the clock, in nanoseconds. In flight: when the
 *	lease ends, or MQ_NEVER. Before the message is in a queue: the delay
 *	that it was sent with
 * @expires: when the time to live ends, CLOCK_BOOTTIME, or MQ_NEVER. During the
 *	first delay: how long the time to live will be. Before the message is in
 *	a queue: the same; 0: use the time to live that the queue sets
 * @origin: name of the queue that the message came from as dead, or NULL
 * @origin_id: id of the message in that queue
 * @note: note of the last failure or of the reject, or NULL
 * @durable: what the journal of the queue has to know, or NULL
 * @topic: the topic that the message was sent to: its id there, 8 bytes, and the
 *	topic's name; NULL: it was sent to a queue, or tells that itself, by an extra
 *	block. All queues that got the message share it
 * @forgiven: how many failures do not count towards max_deliveries in this
 *	queue
 * @reason: why the message died: enum devmq_reason, or the reason that a
 *	consumer gave
 * @is_newest: the message is in mq_retained.keys, by @timer
 * @is_dead_letter: the message came to this queue as dead, and counts in
 *	mq_queue.dead_letters
 *
 * This is protected like the entry. If the sender or the options of the queue
 * make it likely that it will be needed, it is allocated with the entry and
 * lies before it. Otherwise a caller that needs it allocates it before taking
 * mq_queue.lock, and attaches it with mq_detail_add().
 */
struct mq_detail {
	struct rb_node	timer;
	struct mq_entry	*e;
	u64		when;
	u64		expires;
	struct mq_text	*origin;
	u64		origin_id;
	struct mq_text	*note;
	struct mq_durable *durable;
	struct mq_text	*topic;
	u32		forgiven;
	u16		reason;
	bool		is_newest;
	bool		is_dead_letter;
} __aligned(8);

/**
 * enum mq_holds - where an entry in flight is linked
 * @MQ_IN_HAND: in hand: a thread is working on the entry, for example copying
 *	it out. It is in neither of the following, so no other thread moves it
 * @MQ_IN_RUN: in mq_held.run of the open file
 * @MQ_IN_TREE: in mq_held.tree of the open file
 */
enum mq_holds { MQ_IN_HAND, MQ_IN_RUN, MQ_IN_TREE };

/**
 * union mq_place - where an entry lies in its chunk, in units of 8 bytes
 * @msg: distance from the entry to its message, negative if that lies before it
 * @chunk: distance from the beginning of the chunk to the entry
 * @sender: distance from the beginning of the chunk to the sender
 * @flags: the flags of the entry, all 0 when it is made
 * @word: all of these as one number
 *
 * This is written once, as a whole, when the entry is made.
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

/* The amount to add to @word to increase a member by one. */
#define MQ_PLACE_UNIT(member)	(((const union mq_place){ .member = 1 }).word)

/**
 * struct mq_entry - links a message into a queue
 * @all: link in mq_queue.all
 * @list: ready, in the order of sending: link in the fifo of its level. Held:
 *	link in mq_held.run. Being sent, handed out or freed: link in a list of
 *	the thread that does that
 * @node: ready, but returned out of that order: node in a tree of mq_ready.
 *	Held, but not in the order of ids: node in mq_held.tree. Delayed,
 *	deferred or dead: node in mq_queue.aside
 * @place: where the entry lies in its chunk, to be written when it is made
 * @msg: see union mq_place
 * @chunk: see union mq_place
 * @sender: see union mq_place
 * @returned: ready, and in a tree of mq_ready
 * @timed: in the tree of a clock
 * @clock: the clock that mq_detail.when is a time of: enum mq_clocks
 * @fresh: the first delay is not over
 * @leaving: in mq_queue.unlinked, on the way to a dead-letter queue
 * @ordered: the entry is the last member of a struct mq_ordered
 * @deferred: in flight: the message was deferred before it was handed out
 * @own_detail: mq_msg.detail was allocated with the entry and lies before it; or that
 *	is NULL, and the memory there is for the next one (mq_detail_give_up)
 * @hold: in flight: enum mq_holds
 *
 * mq_queue.lock protects all of this. While an entry in flight is in hand
 * (MQ_IN_HAND), only the thread that has it changes its state.
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

#ifndef __CHECKER__	/* sparse lays out the bit fields differently */
static_assert(sizeof(struct mq_entry) <= 48);	/* for each message stored */
#endif
/* union mq_place counts in units of 8 bytes. */
static_assert(!(sizeof(struct mq_entry) % 8) && !(sizeof(struct mq_detail) % 8));

/**
 * struct mq_ordered - an entry in a queue with order=key or fairness
 * @link: ready: link in mq_order.turns or in mq_group.waiting
 * @node: the same, if @in_tree: node there
 * @key: with order=key: the group of the message's key; NULL: it has no key
 * @fair: with fairness: the group with which the message takes turns
 * @turn: the number of its turn in @fair, 0: none yet
 * @in_tree: in the tree of one of these two
 * @eligible: in mq_order.turns
 * @waits: in mq_group.waiting, because another message of the key comes first
 * @begun: the message is the one of its key that may be delivered
 *	(mq_group.out), and was delivered since
 * @joined: @key and @fair are groups of the queue, and count the entry as a member.
 *	Until then, they were made for this entry, and belong to it
 * @e: the entry
 */
struct mq_ordered {
	union {
		struct list_head link;
		struct rb_node	node;
	};
	struct mq_group		*key;
	struct mq_group		*fair;
	u64			turn;
	bool			in_tree;
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

/* Return the size of the payload in bytes. */
static inline u32 mq_entry_size(const struct mq_entry *e)
{
	return mq_msg_size(mq_msg(e));
}

/* Return the key, which the headers follow. */
static inline u8 *mq_entry_data(const struct mq_entry *e)
{
	return (u8 *)(mq_msg(e) + 1) + mq_msg(e)->extra_size;
}

/* Return where the payload of a new message goes. */
static inline u8 *mq_entry_payload(const struct mq_entry *e)
{
	return (u8 *)mq_msg(e) + mq_msg_offset(mq_msg(e));
}

/* Zero the padding behind the payload: the receiver gets it with the record. */
static inline void mq_entry_pad(struct mq_entry *e)
{
	struct mq_msg *m = mq_msg(e);

	memset((void *)m + m->size, 0, mq_msg_padded_size(m) - m->size);
}

/*
 * Copy a message from or to user space. These skip the hardened usercopy check:
 * a message is only a part of a chunk, so the allocator does not know its size.
 * mq_entry_copy_from_user() requires a message without key and headers.
 */
static inline bool mq_entry_copy_from_user(struct mq_entry *e, const void __user *from,
					   size_t size)
{
	return !_copy_from_user(mq_msg(e) + 1, from, size);
}

static inline size_t mq_entry_copy_to_user(void __user *to, const struct mq_entry *e,
					   u32 at, size_t size)
{
	return size - _copy_to_user(to, mq_msg_payload(mq_msg(e)) + at, size);
}

/* Return the name of the queue that the message came from as dead, or NULL. */
static inline struct mq_text *mq_entry_origin(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return unlikely(detail) ? detail->origin : NULL;
}

/* Return why the message died, here or in its queue of origin, or 0. */
static inline u16 mq_entry_reason(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return unlikely(detail) ? detail->reason : DEVMQ_REASON_NONE;
}

/* Return when the time to live ends, or MQ_NEVER. */
static inline u64 mq_entry_expires(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return unlikely(detail) ? detail->expires : MQ_NEVER;
}

/* Return the first or the last id of a list of entries that is not empty. */
static inline u64 mq_first_id(const struct list_head *list)
{
	return mq_msg(list_first_entry(list, struct mq_entry, list))->id;
}

static inline u64 mq_last_id(const struct list_head *list)
{
	return mq_msg(list_last_entry(list, struct mq_entry, list))->id;
}

/* Return true if the message came to its queue as dead. */
static inline bool mq_is_dead_letter(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return unlikely(detail) && detail->is_dead_letter;
}

#endif /* MQ_ENTRY_H */
