/* SPDX-License-Identifier: GPL-2.0 */
/*
 * devmq, inside: the structures, what protects them, and who offers what.
 *
 * The model
 *
 *   A message (mq_msg) is a record as its receiver gets it: the bytes that were
 *   sent, which never change, and its id, its state, its failures; what time will
 *   do to it and what it died of are apart (mq_more), as few have that.
 *   An entry (mq_entry) is its place in the lists and trees of a queue. The queue
 *   owns it, but for one in flight, which an open file holds. Message and entry
 *   are two pieces of one chunk (mq_chunk).
 *   A queue (mq_queue) is a device with its options, its entries in order and
 *   its counters. An open file (mq_file) is a producer, a consumer, both, or
 *   neither yet.
 *
 * Lock order, outermost first
 *
 *   a ring's lock      mutex     io_uring's, held where it issues a command
 *   mq_control.lock    mutex     an open control node
 *   mq_registry_lock   mutex     names and life of queues (registry.c)
 *   mq_file.tx         mutex     the unfinished line of a framing=line writer
 *   mq_file.rx         mutex     read(2) of one open file, copying included,
 *                                but for whole plain messages
 *   mq_queue.lock      spinlock  all that changes in a queue and in the parts
 *                                of its open files that say so
 *   mq_grave.lock      spinlock  what comes from other queues (grave.c); that
 *                                of one queue inside the lock of another
 *   mq_side.lock       spinlock  who waits in a call, for the counters
 *   mq_starved_lock    spinlock  whose pollers wait for memory (account.c)
 *   mq_accounts_lock   spinlock  who pays for memory (account.c)
 *   mq_keepers_lock    spinlock  memory that is kept (chunk.c)
 *   wait queue locks             inside the kernel's wait queue calls
 *
 *   tx and rx are never held together, nor is mq_queue.lock of two queues; rx is
 *   not held while waiting. Memory is allocated and freed with no spinlock
 *   held, but for a small text, and so is the user's memory touched, but for a
 *   small message that is read, where no fault is waited for. Every function
 *   whose name ends in _locked wants mq_queue.lock and asserts it.
 *
 *   mq_lock() does, besides, what time has done to the queue by now, but no more
 *   than a portion of it: what is left is done by the queue's work, and by those
 *   whom it matters to (time.c). mq_unlock() does what must wait until the lock is
 *   dropped: it wakes those whom the changes concern, frees the entries that
 *   left, and carries the dead to their dead-letter queue.
 *
 * Sleeping and waking
 *
 *   A sleeper queues itself, then looks; a waker changes the state under
 *   mq_queue.lock, unlocks, then looks for sleepers behind a full barrier
 *   (wq_has_sleeper). So one of the two sees the other. Looking takes no
 *   lock: what it reads is written in one piece (WRITE_ONCE, mq_count), and
 *   whoever wakes looks again under the lock. See wait.c for who is woken.
 */
#ifndef MQ_H
#define MQ_H

#include <linux/cdev.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/siphash.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/uidgid.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/devmq.h>

#include "account.h"
#include "compat.h"
#include "waiters.h"

struct mem_cgroup;
struct mq_entry;
struct mq_file;
struct mq_group;
struct mq_more;
struct mq_order;
struct mq_owner;
struct mq_queue;
struct mq_seen;
struct poll_table_struct;

/**
 * struct mq_msg - a message, stored as the record that its receiver gets
 * @size: bytes of the record
 * @flags: 0
 * @id: number in the queue
 * @time_ns: when it was sent, CLOCK_REALTIME
 * @holder: in flight: the open file that has it; NULL: a RECV is at work on it
 * @seen: not in the queue yet: its de-duplication id, or NULL
 * @target: in mq_queue.out and to leave: where it goes
 * @no_delay: all of these, 0 in a record that goes out
 * @more: what is rare, or NULL
 * @no_ttl: the same, 0 in a record that goes out
 * @since_ns: in flight, if there is a @holder: when it was handed out,
 *	CLOCK_BOOTTIME, 0: just now
 * @since: in any other state: when it came to that, and to the queue, mq_ticks()
 * @ids: of no meaning, as the next one: see mq_sender_of(); uid and gid in a
 *	record that goes out
 * @pid: the same
 * @attempt: how often it was handed out
 * @failures: how many of those went wrong
 * @priority: its level
 * @state: enum devmq_state; 0: not in the queue, or the mark of a cursor
 * @failure: enum devmq_failure, the last one
 * @reserved: 0
 * @extra_size: 0
 * @key_size: bytes of the key
 * @dedup_size: 0
 * @headers_size: bytes of the headers
 * @sizes: the last four; 0: there is nothing but a payload
 *
 * This is struct devmq_record. What a receiver finds zeroed there, or what
 * depends on who he is, has other uses while the message is stored, and is put in
 * order when it is handed out as a record (mq_msg_present()).
 *
 * Behind it stand key and headers, zeros up to a multiple of 8, the payload, and
 * zeros again to the next multiple of 8. These, the sizes and the time never
 * change once the message is in a queue, and stay where they are while anybody
 * has a reference to the chunk. All else is protected as the entry is.
 */
struct mq_msg {
	u32	size;
	u32	flags;
	u64	id;
	u64	time_ns;
	union {
		struct mq_file	*holder;
		struct mq_seen	*seen;
		struct mq_queue	*target;
		u64		no_delay;
	};
	union {
		struct mq_more	*more;
		u64		no_ttl;
	};
	union {
		u64		since_ns;
		u64		since;
		u64		ids;
	};
	u32	pid;
	u32	attempt;
	u32	failures;
	u8	priority;
	u8	state;
	u8	failure;
	u8	reserved;
	union {
		struct {
			u16	extra_size;
			u16	key_size;
			u16	dedup_size;
			u16	headers_size;
		};
		u64	sizes;
	};
};

#define MQ_SAME_PLACE(member, as)					\
	static_assert(offsetof(struct mq_msg, member) ==		\
		      offsetof(struct devmq_record, as))
MQ_SAME_PLACE(id, id);
MQ_SAME_PLACE(time_ns, time_ns);
MQ_SAME_PLACE(no_delay, delay_ns);
MQ_SAME_PLACE(no_ttl, ttl_ns);
MQ_SAME_PLACE(ids, uid);
static_assert(offsetof(struct devmq_record, gid) ==
	      offsetof(struct devmq_record, uid) + sizeof(u32));
MQ_SAME_PLACE(pid, pid);
MQ_SAME_PLACE(attempt, attempt);
MQ_SAME_PLACE(failures, failures);
MQ_SAME_PLACE(priority, priority);
MQ_SAME_PLACE(state, state);
MQ_SAME_PLACE(failure, failure);
MQ_SAME_PLACE(key_size, key_size);
MQ_SAME_PLACE(headers_size, headers_size);
static_assert(sizeof(struct mq_msg) == sizeof(struct devmq_record));

/**
 * struct mq_sizes - the sizes of a message's parts
 * @size: bytes of payload
 * @key_size: bytes of the key
 * @headers_size: bytes of the headers
 */
struct mq_sizes {
	u32	size;
	u16	key_size;
	u16	headers_size;
};

/* Bytes from the beginning of a record to its payload, with so much before. */
static inline u32 mq_offset(u32 meta)
{
	return sizeof(struct mq_msg) + ALIGN(meta, 8);
}

/* Bytes from a message's beginning to its payload. */
static inline u32 mq_msg_offset(const struct mq_msg *m)
{
	return mq_offset(m->key_size + m->headers_size);
}

/* Bytes of a message's payload. */
static inline u32 mq_msg_size(const struct mq_msg *m)
{
	return m->size - mq_msg_offset(m);
}

/* Bytes from one message's beginning to the next one's. */
static inline u64 mq_msg_step(const struct mq_msg *m)
{
	return ALIGN((u64)m->size, 8);
}

/* Bytes that a message counts in its queue's bound. */
static inline u64 mq_msg_bytes(const struct mq_msg *m)
{
	u32 meta;

	if (likely(!m->sizes))
		return m->size - sizeof(*m);
	barrier();	/* the rest is not for here */
	meta = m->key_size + m->headers_size;
	return (u64)m->size - mq_offset(meta) + meta;
}

/**
 * struct mq_text - a name or a note that several entries share
 * @payer: who pays for it, or NULL
 * @refs: how many do
 * @size: bytes of it
 * @text: the bytes, no NUL behind them
 */
struct mq_text {
	struct mq_payer	*payer;
	refcount_t	refs;
	u16		size;
	char		text[];
};

/**
 * struct mq_more - what only some entries need
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
 * @buried: it came here as dead, and counts in mq_queue.buried
 *
 * Protected as the entry is. It stands before the entry where its sender, or
 * the queue as it was then, let expect that it will be needed; else it is
 * added by whoever needs it, with mq_more_get(), before the lock is taken.
 */
struct mq_more {
	struct rb_node	timer;
	struct mq_entry	*e;
	u64		when;
	u64		expires;
	struct mq_text	*origin;
	u64		origin_id;
	struct mq_text	*note;
	u32		forgiven;
	u16		reason;
	bool		buried;
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
 * @leaving: in mq_queue.out, for a dead-letter queue
 * @ordered: it is the end of a struct mq_ordered
 * @deferred: in flight: it was deferred before
 * @own_more: mq_msg.more stands in the same piece of memory
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
			bool	own_more:1;
			u8	hold;
		};
	};
} __aligned(8);

#ifndef __CHECKER__	/* counts the bits otherwise */
static_assert(sizeof(struct mq_entry) <= 48);	/* for each message stored */
#endif
/* Places are counted in units of 8 bytes. */
static_assert(!(sizeof(struct mq_entry) % 8) && !(sizeof(struct mq_more) % 8));

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
 * @sparse: it counts in @q's waste (whose reference ended the fuller state)
 * @payer: who pays (invariant)
 * @q: the queue that it counts as sparse for, holds a reference; or NULL
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
	struct mq_queue		*q;
};

/* One message, or one who looks, in mq_chunk.refs; the bytes stand below. */
#define MQ_CHUNK_ONE	BIT_ULL(32)
#define MQ_CHUNK_BIAS	(BIT_ULL(62) | BIT_ULL(30))

#define MQ_LARGE	U16_MAX

static_assert(!(offsetof(struct mq_chunk, first) % 8));

static inline struct mq_chunk *mq_chunk_of(const struct mq_entry *e)
{
	return (void *)e - (long)e->chunk * 8;
}

static inline const struct mq_sender *mq_sender_of(const struct mq_entry *e)
{
	return (void *)mq_chunk_of(e) + (long)e->sender * 8;
}

/* How many entries one hold of the lock moves, where there may be many. */
#define MQ_PORTION	64

/* How many entries and cursors one hold of the lock passes in mq_queue.all. */
#define MQ_WALK_STEPS	512

/* A time that does not come. */
#define MQ_NEVER	U64_MAX

/* Most milliseconds of an option: a hundred years. */
#define MQ_MS_MAX	(100ULL * 36525 * 864 * 1000)

/**
 * struct mq_ready - the entries that wait for a consumer, by level
 * @fifo: of the lowest level, those in the order of sending, by rising id
 * @above: the same for each level above, made when one of them is first sent
 *	to (set once); NULL: what they have is in @returned
 * @levels: how many there are
 * @used: levels whose fifo is not empty, if there are several
 * @returned: those that came back and whose place is amid a fifo, or that have
 *	none: by level, the highest first, then by id
 * @buried: those that came as dead, in the same order; they are never dropped
 *	to make room
 * @in_trees: how many are in the two trees
 * @kept: how many are in @buried
 * @kept_bytes: bytes of those
 *
 * The next to deliver is the best of the three firsts. So sending and taking
 * are O(1), and a message that comes back finds its place in O(log n).
 */
struct mq_ready {
	struct list_head	fifo[1];
	struct list_head	*above;
	unsigned int		levels;
	DECLARE_BITMAP(used, DEVMQ_PRIORITIES_MAX);
	struct rb_root_cached	returned;
	struct rb_root_cached	buried;
	u64			in_trees;
	u64			kept;
	u64			kept_bytes;
};

/**
 * struct mq_cursor - a place in mq_queue.all that outlives the lock
 * @mark: an entry of no state. Linked: all before it have an id not
 *	above @place.id, all behind it a larger one. Not linked: nowhere
 * @place: its message
 * @goal: the id whose place was looked for last
 * @seeks: and was not reached yet
 */
struct mq_cursor {
	struct mq_entry	mark;
	struct mq_msg	place;
	u64		goal;
	bool		seeks;
};

/**
 * struct mq_held - deliveries not settled and not in hand, by id
 * @run: the last ones, in the order of their ids, as they most often come
 * @count: how many those are: a bounded number
 * @tree: all others
 *
 * So it is O(1) to hold one and to settle them in that order, O(log n) in any
 * other.
 */
struct mq_held {
	struct list_head	run;
	unsigned int		count;
	struct rb_root_cached	tree;
};

/**
 * enum mq_arrival - how a message comes from another queue
 * @MQ_ARRIVES_DEAD: as dead
 * @MQ_ARRIVES_ANEW: it has been redriven: as if it had just been sent
 * @MQ_ARRIVES_MOVED: the same, to a place that mq_queue_hold() reserved, and what
 *	was said of its times holds
 */
enum mq_arrival { MQ_ARRIVES_DEAD, MQ_ARRIVES_ANEW, MQ_ARRIVES_MOVED };

/**
 * struct mq_grave - what comes to a queue from others (grave.c)
 * @lock: protects the rest
 * @closed: the queue is gone, nothing more comes
 * @coming: messages that have left where they were, or are about to, and are not
 *	here yet
 * @messages: those that are here as dead, or come as dead
 * @bytes: bytes of those
 */
struct mq_grave {
	spinlock_t	lock;	/* all of this */
	bool		closed;
	u64		coming;
	u64		messages;
	u64		bytes;
};

enum mq_clocks { MQ_BOOTTIME, MQ_REALTIME, MQ_CLOCKS };

/**
 * struct mq_clock - what will happen by one clock
 * @timer: goes off when something is due, and queues mq_queue.work
 * @tree: the entries that something will happen to, by time
 * @next: the first of those times, or MQ_NEVER (looked at without the lock)
 * @armed: what @timer is set for, or MQ_NEVER; never later than @next
 */
struct mq_clock {
	struct hrtimer		timer;
	struct rb_root_cached	tree;
	u64			next;
	u64			armed;
};

/**
 * struct mq_dedup - the de-duplication ids that were seen
 * @tree: by their hash
 * @numbers: by the number of the message, which is by time as well
 * @count: how many there are
 * @old: forgotten, for mq_unlock() to free
 * @forgotten: how many those are
 */
struct mq_dedup {
	struct rb_root		tree;
	struct rb_root_cached	numbers;
	u64			count;
	struct list_head	old;
	unsigned int		forgotten;
};

#define MQ_AGES		32

/**
 * struct mq_ages - how old are those of a changing number of things
 * @base: what the first of @count stands for, in steps
 * @shift: a step is so many nanoseconds, as a power of two
 * @total: how many things there are
 * @count: how many have begun in each step; those that began earlier count in the
 *	first
 *
 * The steps get longer as what is counted gets older: so whatever comes and goes,
 * in any order, the age of the oldest is known to a sixteenth of the time between
 * that and the youngest, in O(1).
 */
struct mq_ages {
	u64	base;
	u32	shift;
	u32	total;
	u32	count[MQ_AGES];
};

/**
 * struct mq_wait - somebody waits for a message or for room, from one try to the
 *		    next
 * @link: in mq_side.waits
 * @since: when that began, CLOCK_BOOTTIME; 0: it has not
 */
struct mq_wait {
	struct list_head	link;
	u64			since;
};

/**
 * struct mq_side - the readers or the writers of a queue: who is about to act
 * @spins: bit 0: somebody looks for a while before he sleeps (atomic)
 * @misses: how many waits went to sleep at once after the last time that was in
 *	vain; 0: it was not
 * @rest: how many still do
 * @called: how many sleepers were woken and have not tried yet (atomic)
 * @called_at: when that was last, in jiffies
 * @late: how many commands of io_uring were woken, but their tasks have not come
 *	in time (atomic)
 * @watched: there are pollers, or commands of io_uring (set once)
 * @lock: protects the next two; nothing is locked inside of it
 * @waits: who waits in a call, or as a command, in the order of their coming
 * @waiting: how many those are
 *
 * @misses, @rest and @called_at are hints, written by whoever comes by.
 */
struct mq_side {
	unsigned long	spins;
	u32		misses;
	u32		rest;
	atomic_t	called;
	unsigned long	called_at;
	atomic_t	late;
	bool		watched;
	spinlock_t	lock;	/* the next two */
	struct list_head waits;
	u32		waiting;
};

/*
 * The options of a queue, described in option.c's table, which reads and
 * writes them by offset and size: unsigned numbers, as large as their bounds
 * want. Those that can change live change with WRITE_ONCE, under
 * mq_queue.lock.
 */
struct mq_options {
	u64	max_bytes;
	u64	max_message_size;
	u64	lease_ms;
	u64	retry_ms;
	u64	retry_max_ms;
	u64	delay_ms;
	u64	ttl_ms;
	u64	dedup_window_ms;
	u64	expires_ms;
	u64	dead_ttl_ms;
	u32	max_messages;
	u32	max_deliveries;
	u32	max_dead;
	u32	dedup_max;
	u32	uid;
	u32	gid;
	u16	mode;
	u16	prefetch;
	u16	priorities;
	u16	retry_backoff;
	u8	type;
	u8	overflow;
	u8	framing;
	u8	eof;
	u8	allow_empty;
	u8	ack;
	u8	on_expiry;
	u8	order;
	u8	fairness;
	u8	single_active;
	u8	paused;
	u8	auto_delete;
	char	dead_letter[DEVMQ_NAME_MAX + 1];
};

enum {
	MQ_OVERFLOW_BLOCK, MQ_OVERFLOW_REJECT, MQ_OVERFLOW_DROP_HEAD,
	MQ_OVERFLOW_DEAD_LETTER
};

enum { MQ_TYPE_QUEUE };
enum { MQ_FRAMING_RECORD, MQ_FRAMING_LINE };
enum { MQ_EOF_NEVER, MQ_EOF_EMPTY, MQ_EOF_HANGUP };
enum { MQ_EXPIRY_DROP, MQ_EXPIRY_DEAD };
enum { MQ_ORDER_FIFO, MQ_ORDER_KEY };
enum { MQ_FAIRNESS_NONE, MQ_FAIRNESS_KEY, MQ_FAIRNESS_UID };
/* A mask. */
enum { MQ_PAUSED_NONE, MQ_PAUSED_SEND, MQ_PAUSED_RECEIVE, MQ_PAUSED_BOTH };

/**
 * struct mq_queue - a queue
 * @dev: its device, which counts the references and frees the whole
 * @minor: its device number (invariant)
 * @name: its name, which is the device's (invariant)
 * @node_uid: owner of the node (invariant)
 * @node_gid: group of the node (invariant)
 * @by_name: node in the registry (protected by mq_registry_lock)
 * @opt: its options (written under @lock, read without)
 * @plain_size: most bytes of a plain message, 0: none is (written under @lock,
 *	read without)
 * @room_messages: what @stored may be where senders are concerned: see
 *	mq_queue_room_locked() (written under @lock, read without)
 * @room_bytes: the same for the bytes of that
 * @blocked: files that found no room, and may be polled
 * @readers: consumers that wait for a message, and open files for their pollers
 *	and their commands of io_uring
 * @writers: pollers that wait for room
 * @crowd: the queue itself in @readers, for those who poll its files (lock of that)
 * @polled: its files that are polled (lock of @readers)
 * @polled_count: how many those are (lock of @readers)
 * @untold_pollers: bits: whom @work is to tell that there is something (pollers.c)
 * @room: producers that wait for it, each for as much as its message needs
 * @growth: writers whose unfinished line needs more room, but no place
 * @parked: commands of io_uring that wait for a message, for what concerns all
 * @rx: readers that are about to receive
 * @tx: writers that are about to send
 * @grace: who was woken has not tried yet: how long is that waited for (wait.c)
 * @starved: in account.c's list of queues whose pollers wait for memory
 * @waste: bytes of chunks of which little is in use (atomic)
 * @unmoved: how many of them the last compaction left (who set @compacting;
 *	looked at without)
 * @compacting: bit 0: somebody is compacting the queue (atomic)
 * @work: compacts, does what time does, and removes the queue when it has expired
 * @origin: its name, for those that die here; no other queue has the same object
 *	(invariant)
 * @dead_letter: its dead-letter queue, or NULL (written under @lock and
 *	mq_registry_lock, holds a reference)
 * @sources: the queues that have this as their dead-letter queue
 *	(mq_registry_lock; looked at without)
 * @source: link in @dead_letter's list of them (mq_registry_lock)
 * @order: what order=key and fairness need, else NULL (invariant)
 * @grave: what comes from other queues
 * @lock: protects all that follows
 * @gone: removed; nothing comes in or out any more
 * @plain: what its options say needs no look at a message: see
 *	mq_queue_tune_locked()
 * @timed: an entry waits for a time (looked at without)
 * @exclusive: its only consumer came with O_EXCL (looked at without)
 * @freed: there is more room than when the lock was taken
 * @was_full: and then there was none
 * @drained: nothing is ready any more, where readers may have slept behind a
 *	key and are at the end of file now
 * @news: how many messages can be delivered that could not when the lock was
 *	taken
 * @spare: for one that dies to make room, or NULL
 * @out: entries that have left since then
 * @all: all entries, by id, and cursors among them
 * @cursors: how many those are
 * @ready: what waits for a consumer
 * @ready_bytes: bytes of that
 * @stored: messages, whatever their state: what the bounds bound (looked at
 *	without)
 * @buried: how many of them came as dead, and do not count in what senders may
 *	store
 * @buried_bytes: bytes of those
 * @tails: unfinished lines and messages that are being moved here, each of which
 *	has its place reserved
 * @tail_bytes: bytes of those
 * @aside: what is delayed, deferred or dead, by id
 * @clocks: what time will do
 * @flights: how long what is held has been
 * @idle_since: when the last consumer or producer went, CLOCK_BOOTTIME
 * @dedup: what was seen
 * @next_id: the id that the next message gets
 * @users: its open files, but for those that only look
 * @consumers: those of them that receive, the oldest consumer first
 * @active: the first of them, or NULL (looked at without)
 * @met: those of them that hold deliveries and found that the next message is
 *	handed out alone: see mq_comes_alone()
 * @unmet: those that had, and whose waiters are to look as it no longer is next
 * @untold: those of @consumers whose waiters are to look
 * @told: the others
 * @tells: how many mq_unlock() has to tell
 * @stat: its counters, in the form that user space sees. ready, in_flight,
 *	bytes, consumers and producers are read without the lock by those who
 *	look
 */
struct mq_queue {
	struct device		dev;
	u32			minor;
	const char		*name;
	kuid_t			node_uid;
	kgid_t			node_gid;
	struct rb_node		by_name;
	struct mq_options	opt;

	u64			plain_size;
	u64			room_messages;
	u64			room_bytes;
	atomic_t		blocked;
	wait_queue_head_t	readers;
	wait_queue_head_t	writers;
	wait_queue_entry_t	crowd;
	struct list_head	polled;
	unsigned int		polled_count;
	unsigned long		untold_pollers;
	struct mq_waiters	room;
	struct mq_waiters	growth;
	struct mq_waiters	parked;
	struct mq_side		rx;
	struct mq_side		tx;
	struct timer_list	grace;

	struct list_head	starved;
	atomic_long_t		waste;
	long			unmoved;
	unsigned long		compacting;
	struct work_struct	work;
	struct mq_text		*origin;
	struct mq_queue		*dead_letter;
	struct hlist_head	sources;
	struct hlist_node	source;
	struct mq_order		*order;
	struct mq_grave		grave;

	spinlock_t		lock ____cacheline_aligned_in_smp;
	bool			gone;
	bool			plain;
	bool			timed;
	bool			exclusive;
	bool			freed;
	bool			was_full;
	bool			drained;
	unsigned int		news;
	struct mq_more		*spare;
	struct list_head	out;
	struct list_head	all;
	unsigned int		cursors;
	struct mq_ready		ready;
	u64			ready_bytes;
	u64			stored;
	u64			buried;
	u64			buried_bytes;
	u64			tails;
	u64			tail_bytes;
	struct rb_root_cached	aside;
	struct mq_clock		clocks[MQ_CLOCKS];
	struct mq_ages		flights;
	u64			idle_since;
	struct mq_dedup		dedup;
	u64			next_id;
	u32			users;
	struct list_head	consumers;
	struct mq_file		*active;
	struct list_head	met;
	struct list_head	unmet;
	struct list_head	untold;
	struct list_head	told;
	unsigned int		tells;
	struct devmq_stat	stat;
};

/**
 * enum mq_apart - a consumer and messages that are handed out alone
 * @MQ_HOLDS_ALONE: what it holds is such a message
 * @MQ_MET_ALONE: it holds others, and such a message is next: it is in
 *	mq_queue.met, or was a moment ago
 */
enum mq_apart { MQ_HOLDS_ALONE = BIT(0), MQ_MET_ALONE = BIT(1) };

/**
 * struct mq_file - an open file of a queue
 * @q: the queue (invariant, holds a reference)
 * @link: a consumer's, in mq_queue.consumers (mq_queue.lock)
 * @tell: the same, in mq_queue.told or mq_queue.untold (mq_queue.lock)
 * @met: in mq_queue.met or mq_queue.unmet (mq_queue.lock)
 * @rcu: frees it, a while after it has been detached
 * @mode: FMODE_READ and FMODE_WRITE as it was opened; neither: for looking
 *	only (invariant)
 * @roles: FMODE_READ: it is a consumer; FMODE_WRITE: it is a producer. Roles are
 *	added and never lost (mq_queue.lock, looked at without)
 * @look: may look and purge without being a consumer (invariant)
 * @exclusive: came with O_EXCL (invariant)
 * @plain: a consumer that acknowledges by receiving, has no lease and is not
 *	@apart: see mq_file_tune_locked() (mq_queue.lock)
 * @apart: enum mq_apart, a mask: why it may hold no other delivery
 *	(mq_queue.lock, looked at without)
 * @pid: process that received with it last, or opened it, in the initial pid
 *	namespace (mq_queue.lock)
 * @rx: serialises read(2), so that a message that is read in parts goes to
 *	one reader at a time; a whole plain one is read without it
 * @partial: half-read message, in @held between reads (mq_queue.lock; changed
 *	with @rx held as well, but for settling)
 * @partial_done: bytes of it that were read (as @partial)
 * @ack: enum devmq_ack (mq_queue.lock)
 * @prefetch: most deliveries held, 0: no bound (mq_queue.lock, looked at
 *	without)
 * @reading: somebody who has @rx has a message in hand, which may be half read
 *	in the end (mq_queue.lock)
 * @lost: the half-read message was taken back, and nobody has been told
 *	(mq_queue.lock, looked at without)
 * @lease_ns: how long a delivery may be held, 0: for ever (mq_queue.lock)
 * @held: deliveries not settled and not in hand (mq_queue.lock)
 * @held_count: deliveries not settled, those in hand too (mq_queue.lock,
 *	looked at without)
 * @last_id: message received last (mq_queue.lock)
 * @owner: process that received with it last, for owner.c (mq_queue.lock,
 *	looked at without)
 * @owner_mm: its memory (as @owner)
 * @disowned: several processes received with it (set once)
 * @own: its sleeping readers, for what concerns it alone
 * @polls: those who poll it for messages, or for the end of the queue
 * @relay: the file itself in mq_queue.readers, for those of them who want to be
 *	the only one (lock of that)
 * @polled: link in mq_queue.polled, if there are any (as @relay)
 * @away: @relay has left its line, as none of them listened (as @relay, looked at
 *	without)
 * @tell_all: the queue's work is to tell all of them (lock of @polls)
 * @cursor: where the last PEEK stopped (who set @looking, and mq_queue.lock)
 * @looking: bit 0: a PEEK is at work there (atomic)
 * @payer: who opened it, for what it sends (invariant)
 * @chunk: what its messages are cut from; NULL: there is none yet;
 *	MQ_CHUNK_CLAIMED: somebody does so now (exchanged)
 * @spare: the one before that (who has claimed @chunk, as the next two)
 * @large: what its last large message was cut from, or NULL (exchanged)
 * @keeper: in chunk.c's list of those who keep chunks (mq_keepers_lock)
 * @chunk_size: bytes that the next chunk gets
 * @alone: how many messages have got memory of their own before the first
 * @wants: what the last send could not get room for, 0: it could (atomic)
 * @tx: serialises the writers of a framing=line queue
 * @tx_waits: who has @tx waits for room (@tx, looked at without)
 * @tail: unfinished line, or NULL (@tx)
 * @tail_room: bytes of payload that there is room for in it (@tx)
 * @tail_held: bytes that are reserved for it in the queue's bounds; 0: neither
 *	these nor a message's place (mq_queue.lock, looked at without)
 * @parked: commands of io_uring that wait (mq_queue.lock)
 * @parked_count: how many there are (mq_queue.lock)
 * @waiting: those that wait for a message, in order (lock of mq_queue.readers,
 *	looked at without)
 * @front: the file itself, in mq_queue.readers for these (lock of that)
 */
struct mq_file {
	struct mq_queue		*q;
	struct list_head	link;
	struct list_head	tell;
	struct list_head	met;
	struct rcu_head		rcu;
	fmode_t			mode;
	fmode_t			roles;
	bool			look;
	bool			exclusive;
	bool			plain;
	u8			apart;
	u32			pid;

	struct mutex		rx;	/* read(2) */
	struct mq_entry		*partial;
	u32			partial_done;
	bool			reading;
	bool			lost;

	u32			ack;
	u32			prefetch;
	u64			lease_ns;
	struct mq_held		held;
	u64			held_count;
	u64			last_id;
	struct mq_owner		*owner;
	struct mm_struct	*owner_mm;
	bool			disowned;
	wait_queue_head_t	own;
	wait_queue_head_t	polls;
	wait_queue_entry_t	relay;
	struct list_head	polled;
	bool			away;
	bool			tell_all;
	struct mq_cursor	cursor;
	unsigned long		looking;

	struct mq_payer		*payer;
	struct mq_chunk		*chunk;
	struct mq_chunk		*spare;
	struct mq_chunk		*large;
	struct list_head	keeper;
	u32			chunk_size;
	u32			alone;

	unsigned long		wants;
	struct mutex		tx;	/* framing=line */
	bool			tx_waits;
	struct mq_entry		*tail;
	u32			tail_room;
	u32			tail_held;

	struct list_head	parked;	/* io_uring */
	u32			parked_count;
	struct list_head	waiting;
	wait_queue_entry_t	front;
};

/*
 * Charged to the sender's cgroup. Where there is no memory the sender gets
 * ENOMEM; nobody is killed for it.
 */
#define MQ_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/*
 * Is the caller to go, so that nobody hears of what he does? A call that takes
 * long ends then, from io_uring too. The last close goes on.
 */
static inline bool mq_dying(void)
{
	return fatal_signal_pending(current) || current->flags & PF_EXITING;
}

/*
 * May time do anything to the messages of this queue, or death take them
 * elsewhere? Those that are sent from now on have room to say so. What fails, and
 * waits for its next attempt, gets that then.
 */
static inline bool mq_queue_times(const struct mq_queue *q)
{
	return READ_ONCE(q->opt.ttl_ms) || READ_ONCE(q->opt.delay_ms) ||
	       READ_ONCE(q->opt.lease_ms) || READ_ONCE(q->dead_letter);
}

/* chunk.c: memory that messages are cut from */
int mq_chunk_module_init(void);
void mq_chunk_module_exit(void);
struct mq_chunk *mq_chunk_claim(struct mq_file *f);
void mq_chunk_unclaim(struct mq_file *f, struct mq_chunk *c);
struct mq_entry *mq_chunk_cut(struct mq_file *f, struct mq_chunk **c,
			      u32 front, u32 size);
struct mq_entry *mq_chunk_alone(struct mq_payer *p, u32 front, u32 size);
struct mq_chunk *mq_chunk_next(struct mq_file *f, struct mq_chunk *c, u32 size);
bool mq_chunk_again(struct mq_chunk *c, u32 size);
void mq_chunk_drop(struct mq_file *f);
void mq_chunk_forgo(struct mq_file *f);
void mq_sender_stamp(struct mq_sender *s);
void mq_chunk_ebb(struct mq_chunk *c, u64 left, u64 put, u32 low);

#define MQ_CHUNK_CLAIMED	((struct mq_chunk *)1UL)

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

/*
 * Memory for a plain message, as mq_chunk_cut(), where that is a matter of a
 * few instructions; else NULL.
 */
static inline struct mq_entry *mq_chunk_quick(struct mq_file *f, u32 size)
{
	struct mq_chunk *c = xchg(&f->chunk, MQ_CHUNK_CLAIMED);
	struct mq_entry *e = NULL;

	if (unlikely(c == MQ_CHUNK_CLAIMED))
		return NULL;
	if (likely(c && mq_chunk_is_ours(c) &&
		   mq_chunk_has(c, sizeof(*e) + size)))
		e = mq_chunk_take(c, 0, size);
	/* Pairs with the exchange of who claims it next. */
	smp_store_release(&f->chunk, c);
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

struct mq_entry *mq_chunk_refuge(struct mq_payer *p, u32 front, u32 size);
void mq_chunk_resize(struct mq_chunk *c, u32 size);

/* compact.c: moving messages out of chunks of which little is in use */
unsigned long mq_compact_threshold(struct mq_queue *q);
void mq_compact_later(struct mq_queue *q);
bool mq_compact(struct mq_queue *q);
void mq_compact_due(struct mq_queue *q);

/* message.c: messages and their entries */
int mq_message_init(void);
void mq_message_exit(void);
struct mq_entry *mq_entry_alloc(struct mq_file *f, struct mq_chunk **c,
				const struct mq_sizes *sizes, bool more,
				bool stays);
struct mq_entry *mq_entry_new(struct mq_file *f, u32 size);
struct mq_entry *mq_entry_begin(struct mq_file *f, u32 size);
void mq_entry_resize(struct mq_entry *e, u32 size);
void mq_entry_stamp(struct mq_entry *e);
struct mq_entry *mq_entry_lift(struct mq_entry *old);
struct mq_entry *mq_entry_refuge(const struct mq_entry *old);
void mq_entry_discard(struct mq_entry *e);
struct mq_entry *mq_entry_copy(struct mq_queue *q, const struct mq_entry *old);
void mq_entry_bequeath(struct mq_entry *e, struct mq_entry *old);
int mq_entry_grow(struct mq_entry **e, u32 before, u32 room);
void mq_entry_free(struct mq_entry *e);
void mq_entries_free(struct list_head *list);
void mq_run_free(struct list_head *list, bool rare);
struct mq_more *mq_more_alloc(void);
void mq_more_free(struct mq_more *m);
void mq_more_restore(struct mq_entry *e);
void mq_more_add(struct mq_entry *e, struct mq_more **spare);
unsigned long mq_cost(u64 bytes);

/* What an entry takes of its chunk, for mq_chunk_put(). */
static inline u64 mq_entry_share(const struct mq_entry *e)
{
	return MQ_CHUNK_ONE + mq_msg_step(mq_msg(e));
}

struct mq_text *mq_text_alloc(u16 size, struct mq_payer *p);
struct mq_text *mq_text_get(struct mq_text *t);
void mq_text_put(struct mq_text *t);

/* A message in no queue, of a payload of @size bytes; its sender is known. */
static inline void mq_msg_init(struct mq_msg *m, u32 size)
{
	m->size = sizeof(*m) + size;
	m->flags = 0;
	m->no_delay = 0;
	m->no_ttl = 0;
	m->attempt = 0;
	m->failures = 0;
	m->priority = 0;
	m->state = 0;
	m->failure = 0;
	m->reserved = 0;
	m->sizes = 0;
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

/*
 * As list_add_tail() and list_del(), which on many kernels look whether the
 * neighbours are sound: for each message that is a tenth of all that is done.
 */
static inline void mq_list_append(struct list_head *new, struct list_head *head)
{
	struct list_head *last = head->prev;

	new->next = head;
	new->prev = last;
	last->next = new;
	head->prev = new;
}

static inline void mq_list_remove(struct list_head *entry)
{
	__list_del(entry->prev, entry->next);
}

/* Its payload becomes longer or shorter: see mq_entry_resize(). */
static inline void mq_msg_set_size(struct mq_msg *m, u32 size)
{
	m->size = mq_msg_offset(m) + size;
}

/* Zeros behind the payload: no byte of the kernel's own goes out. */
static inline void mq_entry_pad(struct mq_entry *e)
{
	struct mq_msg *m = mq_msg(e);

	memset((void *)m + m->size, 0, mq_msg_step(m) - m->size);
}

/* What it came from as dead, or NULL. */
static inline struct mq_text *mq_origin(const struct mq_entry *e)
{
	const struct mq_more *more = mq_msg(e)->more;

	return unlikely(more) ? more->origin : NULL;
}

/* Why it is dead, or was elsewhere; or zero. */
static inline u16 mq_reason(const struct mq_entry *e)
{
	const struct mq_more *more = mq_msg(e)->more;

	return unlikely(more) ? more->reason : DEVMQ_REASON_NONE;
}

/* When its time to live is over, or MQ_NEVER. */
static inline u64 mq_expires(const struct mq_entry *e)
{
	const struct mq_more *more = mq_msg(e)->more;

	return unlikely(more) ? more->expires : MQ_NEVER;
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

/* ready.c: the order of delivery, trees by id, walking through a queue */
void mq_ready_init(struct mq_ready *r, unsigned int levels);
void mq_ready_make(struct mq_ready *r);
void mq_ready_exit(struct mq_ready *r);
void mq_ready_insert(struct mq_ready *r, struct mq_entry *e);
void mq_ready_append(struct mq_ready *r, struct list_head *list);
void mq_ready_replace(struct mq_ready *r, struct mq_entry *old,
		      struct mq_entry *e);
void mq_ready_remove(struct mq_ready *r, struct mq_entry *e);
unsigned int mq_ready_top(const struct mq_ready *r);
bool mq_before(const struct mq_entry *a, const struct mq_entry *b);

/* The fifo of a level, or NULL: it has none. */
static inline struct list_head *mq_ready_fifo(struct mq_ready *r,
					      unsigned int level)
{
	struct list_head *above;

	if (likely(!level))
		return r->fifo;
	above = READ_ONCE(r->above);
	return above ? &above[level - 1] : NULL;
}

/* See to it that a level has a fifo, if there is memory for it; without a lock. */
static inline void mq_ready_prepare(struct mq_ready *r, unsigned int level)
{
	if (unlikely(level && !READ_ONCE(r->above)))
		mq_ready_make(r);
}

struct mq_entry *mq_ready_first(struct mq_ready *r);
struct mq_entry *mq_ready_lowest(struct mq_ready *r);
void mq_ids_insert(struct rb_root_cached *root, struct mq_entry *e);
struct mq_entry *mq_ids_first(struct rb_root_cached *root);
struct mq_entry *mq_ids_after(struct rb_root_cached *root, u64 id);
void mq_cursor_init(struct mq_cursor *c);
void mq_cursor_unlink_locked(struct mq_queue *q, struct mq_cursor *c);
struct mq_entry *mq_walk_locked(struct mq_queue *q, struct mq_cursor *c,
				u32 states, u64 *after, unsigned int *left);

/* order.c: order=key and fairness */
int mq_order_init(struct mq_queue *q);
void mq_order_exit(struct mq_queue *q);
void mq_order_entry_free(struct mq_entry *e);
void mq_order_move(struct mq_entry *e, struct mq_entry *old);
void mq_order_replace_locked(struct mq_queue *q, struct mq_entry *old,
			     struct mq_entry *e);
int mq_order_prepare(struct mq_queue *q, struct mq_entry *e);
void mq_order_join_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_leave_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_ready_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_unready_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_take_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_untake_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_done_locked(struct mq_queue *q, struct mq_entry *e);
struct mq_entry *mq_order_first(struct mq_queue *q);
u64 mq_order_count(const struct mq_queue *q);
void mq_order_free(struct list_head *old);
void mq_order_clean_locked(struct mq_queue *q, struct list_head *old);

/* time.c: what time does to messages, and to a queue that nobody uses */
int mq_time_init(void);
void mq_time_exit(void);
void mq_time_start(struct mq_queue *q);
void mq_time_stop(struct mq_queue *q);
void mq_time_arm_locked(struct mq_queue *q);
void mq_queue_kick(struct mq_queue *q);
extern u64 mq_slept;
u64 mq_ticks_age(u64 since);
u64 mq_now(enum mq_clocks clock);
u64 mq_later(u64 now, u64 ns);
bool mq_time_due(const struct mq_queue *q);
bool mq_time_pass_locked(struct mq_queue *q);
void mq_timer_set_locked(struct mq_queue *q, struct mq_entry *e,
			 enum mq_clocks clock, u64 when);
void mq_timer_clear_locked(struct mq_queue *q, struct mq_entry *e);
void mq_timer_replace_locked(struct mq_queue *q, struct mq_entry *old,
			     struct mq_entry *e);
u64 mq_idle_end(const struct mq_queue *q);
void mq_idle_locked(struct mq_queue *q);

/*
 * A coarse clock that costs next to nothing to read, in jiffies: it goes on while
 * the machine sleeps, as CLOCK_BOOTTIME does, and no step moves it.
 */
static inline u64 mq_ticks(void)
{
	return get_jiffies_64() + READ_ONCE(mq_slept);
}

/* Is the time to live of what is ready or deferred over, though it is there? */
static inline bool mq_is_over(const struct mq_entry *e)
{
	u64 expires = mq_expires(e);

	return unlikely(expires != MQ_NEVER) && expires <= mq_now(MQ_BOOTTIME);
}

/* dedup.c: what was sent already */
extern siphash_key_t mq_hash_key;
struct mq_seen *mq_seen_new(struct mq_payer *p, u32 size);
u8 *mq_seen_bytes(struct mq_seen *s);
void mq_seen_hash(struct mq_seen *s);
void mq_seen_free(struct mq_seen *s);
u64 mq_dedup_find_locked(struct mq_queue *q, struct mq_seen *s);
void mq_dedup_purge_locked(struct mq_queue *q, u64 id);
void mq_dedup_add_locked(struct mq_queue *q, struct mq_seen *s, u64 id);
bool mq_dedup_trim_locked(struct mq_queue *q);
u64 mq_dedup_next(struct mq_queue *q);
void mq_dedup_free(struct list_head *old);
void mq_dedup_init(struct mq_queue *q);
void mq_dedup_exit(struct mq_queue *q);

/**
 * struct mq_batch - messages on their way into a queue
 * @list: their entries, by mq_entry.list
 * @count: how many there are
 * @bytes: what they count in the queue's bound
 * @plain: none of them has anything but a message
 */
struct mq_batch {
	struct list_head	list;
	u32			count;
	u64			bytes;
	bool			plain;
};

/**
 * struct mq_sent - what became of messages that were sent
 * @last_id: id of the last one taken
 * @dup: that is the number of another message with the same de-duplication id,
 *	and nothing else has happened
 */
struct mq_sent {
	u64	last_id;
	bool	dup;
};

/* May senders have so much stored? */
static inline bool mq_within(const struct mq_queue *q, u64 messages, u64 bytes)
{
	return messages <= READ_ONCE(q->room_messages) &&
	       bytes <= READ_ONCE(q->room_bytes);
}

/*
 * Counters that are looked at without the lock, as hints. On 64 bits this is one
 * instruction, so they are seen whole, and a volatile access would make it three.
 */
static inline void mq_count(u64 *counter, s64 by)
{
	*counter += by;
}

/* Is there room for so many messages of so many bytes? Also without the lock. */
static inline bool mq_queue_fits(const struct mq_queue *q, u64 messages,
				 u64 bytes)
{
	return mq_within(q, READ_ONCE(q->stored) + messages,
			 READ_ONCE(q->stat.bytes) + bytes);
}

/* Is there room for a message that has a place to be so many bytes longer? */
static inline bool mq_queue_fits_more(const struct mq_queue *q, u64 bytes)
{
	return READ_ONCE(q->stat.bytes) + bytes <= READ_ONCE(q->room_bytes);
}

/* queue.c: what comes in and goes out; who uses it */
void mq_lock(struct mq_queue *q) __acquires(&q->lock);
void mq_lock_looking(struct mq_queue *q) __acquires(&q->lock);
void mq_unlock(struct mq_queue *q) __releases(&q->lock);
void mq_file_tune_locked(struct mq_file *f);
bool mq_is_barred(const struct mq_file *f);
int mq_queue_attach(struct mq_queue *q, struct mq_file *f);
int mq_queue_join(struct mq_queue *q, struct mq_file *f, fmode_t role);
void mq_queue_detach(struct mq_queue *q, struct mq_file *f);
bool mq_queue_is_full(const struct mq_queue *q);
u64 mq_queue_droppable(struct mq_queue *q);
int mq_queue_admit_locked(struct mq_queue *q, const struct mq_msg *m);
int mq_queue_grow_locked(struct mq_queue *q, u64 before, u64 size);
int mq_queue_hold(struct mq_queue *q, const struct mq_msg *msg);
void mq_queue_unhold_locked(struct mq_queue *q, const struct mq_msg *msg);
void mq_queue_unhold(struct mq_queue *q, const struct mq_msg *msg);
void mq_queue_spare(struct mq_queue *q);
void mq_queue_add_locked(struct mq_queue *q, struct mq_entry *e, u64 now);
bool mq_queue_takes_run_locked(struct mq_queue *q, const struct mq_batch *b);
void mq_queue_add_run_locked(struct mq_queue *q, struct mq_batch *b, u64 now);
void mq_queue_purge_locked(struct mq_queue *q, struct mq_entry *e);
u64 mq_queue_drop_oldest(struct mq_queue *q);
int mq_queue_close(struct mq_queue *q, bool force);
void mq_queue_drain(struct mq_queue *q);
void mq_queue_tune_locked(struct mq_queue *q);
void mq_queue_room_locked(struct mq_queue *q);
void mq_queue_gone_locked(struct mq_queue *q);
int mq_queue_stat(struct mq_queue *q, struct devmq_stat *s);

/*
 * Have a role before acting in it: FMODE_READ before the first receive or wait for
 * a message, FMODE_WRITE before the first send or wait for room. Return: as
 * mq_queue_join().
 */
static inline int mq_act_as(struct mq_file *f, fmode_t role)
{
	return likely(READ_ONCE(f->roles) & role) ? 0 :
						    mq_queue_join(f->q, f, role);
}

/* state.c: from one state to another */
void mq_enter_locked(struct mq_queue *q, struct mq_entry *e,
		     enum devmq_state state);
void mq_leave_locked(struct mq_queue *q, struct mq_entry *e);
void mq_freed_locked(struct mq_queue *q, u32 messages, u64 bytes);
void mq_out_locked(struct mq_queue *q, struct mq_entry *e);
void mq_ready_locked(struct mq_queue *q, struct mq_entry *e);
void mq_back_locked(struct mq_queue *q, struct mq_entry *e);
void mq_delay_locked(struct mq_queue *q, struct mq_entry *e,
		     enum mq_clocks clock, u64 due);
void mq_due_locked(struct mq_queue *q, struct mq_entry *e);
void mq_purged_locked(struct mq_queue *q, struct mq_entry *e);
void mq_expire_locked(struct mq_queue *q, struct mq_entry *e);
void mq_dead_over_locked(struct mq_queue *q, struct mq_entry *e);
void mq_note_locked(struct mq_entry *e, struct mq_text *note);
bool mq_die_locked(struct mq_queue *q, struct mq_entry *e, u16 reason, u64 delay);
void mq_absolve_locked(struct mq_queue *q, struct mq_entry *e);
void mq_dead_letter_locked(struct mq_queue *q, struct mq_entry *e, u16 reason);
void mq_arrive(struct mq_queue *q, struct mq_entry *e, enum mq_arrival how);
void mq_dispose(struct list_head *out);

/* grave.c: what comes from other queues */
void mq_grave_init(struct mq_grave *g);
bool mq_grave_reserve(struct mq_queue *q, u64 bytes);
bool mq_grave_expect(struct mq_queue *q);
void mq_grave_arrived(struct mq_queue *q);
bool mq_grave_close(struct mq_queue *q, bool force);
void mq_bury_locked(struct mq_queue *q, struct mq_entry *e);
void mq_unbury_locked(struct mq_queue *q, struct mq_entry *e);

/* Did it come here as dead? */
static inline bool mq_is_buried(const struct mq_entry *e)
{
	const struct mq_more *more = mq_msg(e)->more;

	return unlikely(more) && more->buried;
}

/* ages.c: the age of the oldest of many */
void mq_ages_add(struct mq_ages *a, u64 since, u32 n);
void mq_ages_del(struct mq_ages *a, u64 since, u32 n);
u64 mq_ages_oldest(const struct mq_ages *a);

/* flight.c: what a consumer has in its hands */
bool mq_comes_alone(const struct mq_queue *q, const struct mq_entry *e);
bool mq_unmeet_locked(struct mq_queue *q);
bool mq_unmeet(struct mq_queue *q, unsigned int most);
void mq_held_init(struct mq_held *h);
void mq_held_replace_locked(struct mq_entry *old, struct mq_entry *e);
struct mq_entry *mq_held_first(struct mq_held *h);
struct mq_entry *mq_held_after(struct mq_held *h, u64 id);
u32 mq_flight_ack_run_locked(struct mq_file *f, u64 first_id, u64 last_id,
			     u32 max, struct list_head *batch, bool *rare);
int mq_flight_may_locked(struct mq_queue *q, struct mq_file *f);
struct mq_entry *mq_flight_next_locked(struct mq_queue *q, struct mq_file *f);
struct mq_entry *mq_flight_deferred_locked(struct mq_queue *q,
					   struct mq_file *f, u64 id);
void mq_flight_take_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_lease(struct mq_file *f, struct mq_entry *e);
bool mq_flight_prepare_locked(struct mq_queue *q, struct mq_entry *e, u32 action,
			      struct mq_more **spare);
void mq_flight_hold_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_hold_run_locked(struct mq_file *f, struct list_head *batch);
void mq_flight_finished_locked(struct mq_file *f, u32 n, u64 bytes);
bool mq_flight_finish_run_locked(struct mq_file *f, struct list_head *batch);
void mq_flight_unhold_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_finish_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_ack_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_release_locked(struct mq_file *f, struct mq_entry *e);
bool mq_flight_retry_locked(struct mq_file *f, struct mq_entry *e, u64 delay,
			    struct mq_text *note);
bool mq_flight_reject_locked(struct mq_file *f, struct mq_entry *e, u16 reason,
			     struct mq_text *note);
void mq_flight_extend_locked(struct mq_file *f, struct mq_entry *e, u64 lease);
void mq_flight_defer_locked(struct mq_file *f, struct mq_entry *e);
bool mq_flight_is_over(const struct mq_entry *e);
void mq_flight_lapse_locked(struct mq_queue *q, struct mq_entry *e);
void mq_flight_purge_locked(struct mq_file *f, struct mq_entry *e);
bool mq_flight_revoke_locked(struct mq_entry *e,
			     const struct devmq_settlement *how,
			     struct mq_text *note);
void mq_flight_undeliver_locked(struct mq_file *f, struct mq_entry *e);
void mq_return_all(struct mq_file *f);

/**
 * struct mq_span - messages in hand that stand behind each other in a chunk
 * @last: link of the last one's entry
 * @from: the first one's record
 * @end: behind the last one's
 * @bytes: what they count in the queue's bound
 * @n: how many they are
 */
struct mq_span {
	struct list_head	*last;
	void			*from;
	void			*end;
	u64			bytes;
	u32			n;
};

/**
 * struct mq_hand - what a RECV has in hand
 * @list: the entries, in order
 * @span: room for MQ_SPANS spans, or NULL
 * @spans: how many the first of the entries are, 0: that is not known
 * @n: how many entries those have
 * @bytes: what these count in the queue's bound
 *
 * What is in a span has nothing but a message, and its record is as it goes out.
 */
struct mq_hand {
	struct list_head	list;
	struct mq_span		*span;
	u32			spans;
	u32			n;
	u64			bytes;
};

/* Bytes of a window: see batch.c. */
#define MQ_WINDOW	SZ_8K

/* How many spans go in there. */
#define MQ_SPANS	(MQ_WINDOW / sizeof(struct mq_span))

/* span.c: many plain messages, handed out and finished in one go */
u32 mq_span_take_locked(struct mq_file *f, struct mq_hand *h, u32 max,
			u64 *space);
bool mq_span_finish_locked(struct mq_file *f, struct mq_hand *h,
			   struct list_head *batch);
void mq_span_free(const struct mq_hand *h);

/* owner.c: what a dying process holds */
void mq_own(struct mq_file *f);
void mq_disown(struct mq_file *f);
void mq_owner_exit(void);

/* pollers.c: those who poll */
void mq_pollers_init(struct mq_queue *q);
void mq_pollers_init_file(struct mq_file *f);
void mq_pollers_leave(struct mq_file *f);
void mq_pollers_join(struct mq_file *f, struct file *file,
		     struct poll_table_struct *wait);
void mq_pollers_tell_file(struct mq_file *f, void *key);
void mq_pollers_tell_room(struct mq_queue *q, bool all);
void mq_pollers_work(struct mq_queue *q);

/* spin.c: who looks for a while before sleeping */
bool mq_spin_message(struct mq_file *f, bool partial, u64 deadline_ns,
		     bool *called);
bool mq_spin_room(struct mq_queue *q, u64 bytes, bool *called);

/**
 * struct mq_turn - a writer in line, from one try to the next
 * @called: others rely on him to try
 * @ticket: his place in line, 0: none yet
 * @memory: the same, where he waited for memory
 * @wait: since when he waits
 */
struct mq_turn {
	struct mq_wait		wait;
	bool			called;
	u64			ticket;
	struct mq_account_turn	memory;
};

/* wait.c: who sleeps, who is woken */
u64 mq_deliverable(const struct mq_queue *q);
bool mq_can_receive(const struct mq_file *f, bool partial);
bool mq_can_send(const struct mq_queue *q, u64 bytes);
bool mq_can_grow(const struct mq_queue *q, u64 bytes);
int mq_wait_message(struct mq_file *f, bool partial, u64 deadline_ns,
		    bool *called);
void mq_answer_message(struct mq_queue *q, bool *called);
int mq_wait_room(struct mq_queue *q, u64 payload, u64 meta,
		 struct mq_turn *turn);
int mq_wait_growth(struct mq_queue *q, u64 before, u64 size,
		   struct mq_turn *turn);
void mq_answer_room(struct mq_queue *q, bool *called);
void mq_grace_begin(struct mq_queue *q);
void mq_wait_begin(struct mq_side *side, struct mq_wait *w);
void mq_wait_end(struct mq_side *side, struct mq_wait *w);
void mq_wait_stat(struct mq_side *side, u64 *waiting, u64 *first_ms);
void mq_wait_init(struct mq_queue *q);
void mq_wait_exit(struct mq_queue *q);
void mq_want_room(struct mq_file *f, u64 bytes);
bool mq_has_credit(const struct mq_file *f);
void mq_pass_on(struct mq_queue *q, unsigned int n);
void mq_leave_to_others(const struct mq_file *f);
void mq_leave_all_to_others(const struct mq_file *f);
void mq_pass_room_on(struct mq_queue *q, unsigned int n);
bool mq_paused(const struct mq_queue *q, u64 side);
void mq_wake_sleeping_readers(struct mq_queue *q, unsigned int n);
void mq_wake_sleeping_writers(struct mq_queue *q, bool edge);
void mq_wake_pollers(struct mq_queue *q);
void mq_wake_file(struct mq_file *f);
void mq_tell_locked(struct mq_file *f);
void mq_tell(struct mq_queue *q, unsigned int n);
void mq_wake_options(struct mq_queue *q);
void mq_wake_all(struct mq_queue *q);

/* In the key of a wake-up: it is not for one, but for all. */
#define MQ_TO_ALL	((__force __poll_t)BIT(20))

/* @n messages became ready; 0: all readers are to look. */
static inline void mq_wake_readers(struct mq_queue *q, unsigned int n)
{
	if (unlikely(wq_has_sleeper(&q->readers) ||
		     (!n && mq_waiters_some(&q->parked))))
		mq_wake_sleeping_readers(q, n);
}

/*
 * There is more room than before, or some is left. @edge: the queue was full;
 * if not, only those pollers look who need more than a little.
 */
static inline void mq_wake_writers(struct mq_queue *q, bool edge)
{
	/* WAIT(wake:room) */
	if (unlikely(mq_waiters_any(&q->room) ||
		     /* behind the barrier of that */
		     waitqueue_active(&q->writers)))
		mq_wake_sleeping_writers(q, edge);
}

/* send.c, receive.c: one message through a queue, top to bottom */
bool mq_size_ok(const struct mq_queue *q, u64 payload, u64 meta);
void mq_batch_init(struct mq_batch *b);
void mq_batch_add(struct mq_batch *b, struct mq_entry *e);
void mq_send_others(struct mq_file *f);
bool mq_send_changes(const struct mq_queue *q, int err);
int mq_send_more(struct mq_queue *q);
int mq_send(struct mq_file *f, struct mq_batch *b, struct mq_sent *sent);
void mq_turn_answer(struct mq_queue *q, struct mq_turn *turn);
void mq_turn_end(struct mq_queue *q, struct mq_turn *turn);
int mq_send_wait(struct mq_file *f, u64 payload, u64 meta, bool nowait, int err,
		 struct mq_turn *turn);
ssize_t mq_write(struct file *file, const char __user *from, size_t size,
		 loff_t *pos);
ssize_t mq_write_iter(struct mq_file *f, struct kiocb *iocb,
		      struct iov_iter *from);
ssize_t mq_read(struct file *file, char __user *to, size_t size, loff_t *pos);
ssize_t mq_read_iter(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to);
u32 mq_next_size(struct mq_file *f);

/* line.c: framing=line */
ssize_t mq_line_write(struct mq_file *f, struct kiocb *iocb,
		      struct iov_iter *from);
void mq_line_finish(struct mq_file *f);

/* batch.c, settle.c, browse.c: the ioctls; ioctl.c: how they are called */
struct io_uring_cmd;
struct mq_ioc_op;

union mq_ioc_arg {
	u32			size;
	struct devmq_send	send;
	struct devmq_recv	recv;
	struct devmq_settle	settle;
	struct devmq_consumer	consumer;
	struct devmq_peek	peek;
	struct devmq_purge	purge;
	struct devmq_redrive	redrive;
	struct devmq_revoke	revoke;
	struct devmq_stat	stat;
};

/**
 * struct mq_ioc - an ioctl, or the same command from io_uring, under way
 * @f: the open file
 * @op: which one it is
 * @nowait: not to sleep, as the descriptor or io_uring says
 * @arg: the kernel's copy of the argument
 * @uarg: the user's
 * @usize: bytes of it that both sides know
 * @published: the results have been written to the user already
 */
struct mq_ioc {
	struct mq_file	*f;
	const struct mq_ioc_op *op;
	bool		nowait;
	union mq_ioc_arg arg;
	void __user	*uarg;
	u32		usize;
	bool		published;
};

long mq_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int mq_ioc_begin(struct mq_ioc *ioc, unsigned int cmd);
int mq_ioc_run(struct mq_ioc *ioc);
int mq_ioc_publish(struct mq_ioc *ioc);
void mq_batch_exit(void);
int mq_ioc_send(struct mq_ioc *ioc);
int mq_ioc_recv(struct mq_ioc *ioc);
int mq_ioc_settle(struct mq_ioc *ioc);
int mq_ioc_consumer(struct mq_ioc *ioc);
int mq_ioc_peek(struct mq_ioc *ioc);
int mq_ioc_purge(struct mq_ioc *ioc);
int mq_ioc_redrive(struct mq_ioc *ioc);
int mq_ioc_revoke(struct mq_ioc *ioc);
int mq_settlement_check(const struct devmq_settlement *s, u32 last_action);
struct mq_text *mq_settlement_note(const struct devmq_settlement *s);
bool mq_settle_one_locked(struct mq_file *f, struct mq_entry *e,
			  const struct devmq_settlement *s,
			  struct mq_text *note);
struct mq_cursor *mq_look_begin(struct mq_file *f, struct mq_cursor *own);
void mq_look_end(struct mq_file *f, struct mq_cursor *c);
int mq_last_now(struct mq_queue *q, u64 *last_id);

/* uring.c: the same from io_uring; park.c: its commands that wait */
int mq_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);
int mq_park(struct io_uring_cmd *cmd, const struct mq_ioc *ioc,
	    unsigned int issue_flags);
void mq_park_init(struct mq_file *f);
void mq_park_credit(struct mq_file *f);
void mq_park_cancel(struct io_uring_cmd *cmd, unsigned int issue_flags);
int mq_park_withdraw(struct mq_file *f, struct io_uring_cmd *cmd,
		     u64 user_data);

/* file.c: the file operations of a queue */
extern const struct file_operations mq_fops;
struct mq_file *mq_file_of(const struct file *file);

/* May not sleep for a message or for room: both ways of saying so. */
static inline bool mq_iocb_nowait(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT ||
	       iocb->ki_filp->f_flags & O_NONBLOCK;
}

/*
 * These locks are held while others copy, not while they wait for a message,
 * so O_NONBLOCK takes them: EAGAIN is to mean that nothing is there. Only
 * IOCB_NOWAIT, whose caller asks again, must not sleep even for that.
 */
static inline int mq_iocb_lock(const struct kiocb *iocb, struct mutex *lock)
{
	if (iocb->ki_flags & IOCB_NOWAIT)
		return mutex_trylock(lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(lock) ? -ERESTARTSYS : 0;
}

/* control.c: the control node */
extern const struct file_operations mq_control_fops;

/* registry.c: queues by name and by number */
int mq_queues_init(void);
void mq_queues_exit(void);
int mq_registry_init(void);
void mq_registry_exit(void);
int mq_create(const char *name, const struct mq_options *opt,
	      struct super_block *nodes);
int mq_remove(const char *name, bool force);
void mq_reap(struct mq_queue *q, bool closed);
struct mq_queue *mq_queue_by_origin(const struct mq_text *origin);
int mq_set_dead_letter(struct mq_queue *q, const char *name);
struct mq_queue *mq_queue_get(u32 minor);
void mq_queue_put(struct mq_queue *q);

/* sysfs.c: options and counters as files */
int mq_sysfs_init(void);
void mq_sysfs_exit(void);
extern const struct attribute_group *mq_sysfs_groups[];

#endif /* MQ_H */
