/* SPDX-License-Identifier: GPL-2.0 */
/*
 * devmq, inside: the structures, what protects them, and who offers what.
 *
 * The model
 *
 *   A message (mq_msg) is the bytes that were sent and who sent them. It never
 *   changes and is counted, so several queues can share one.
 *   An entry (mq_entry) is the place of one message in one queue: its id, its
 *   state, its failures, what time will do to it. The queue owns it, but for
 *   one in flight, which an open file holds.
 *   A queue (mq_queue) is a device with its options, its entries in order and
 *   its counters. An open file (mq_file) is a producer, a consumer or both.
 *
 * Lock order, outermost first
 *
 *   mq_owner_lock      mutex     which open files a process owns (owner.c)
 *   mq_control.lock    mutex     an open control node
 *   mq_registry_lock   mutex     names and life of queues (registry.c)
 *   mq_file.tx         mutex     the unfinished line of a framing=line writer
 *   mq_file.rx         mutex     read(2) of one open file, copying included
 *   mq_queue.lock      spinlock  all that changes in a queue and in the parts
 *                                of its open files that say so
 *   mq_starved_lock    spinlock  who waits for the module's budget (message.c)
 *   wait queue locks             inside the kernel's wait queue calls
 *
 *   tx and rx are never held together, nor are the locks of two queues; rx is
 *   not held while waiting. The user's memory is touched and memory is
 *   allocated with no spinlock held, nor freed, but for a small text. Every
 *   function whose name ends in _locked wants mq_queue.lock and asserts it.
 *
 *   mq_lock() does, besides, what time has done to the queue by now, so nobody
 *   sees a message that has expired. mq_unlock() does what must wait until the
 *   lock is dropped: it wakes those whom the changes concern, frees the entries
 *   that left, and carries the dead to their dead-letter queue.
 *
 * Sleeping and waking
 *
 *   A sleeper queues itself, then looks; a waker changes the state under
 *   mq_queue.lock, unlocks, then looks for sleepers behind a full barrier
 *   (wq_has_sleeper). So one of the two sees the other. Looking takes no
 *   lock: what it reads is written with WRITE_ONCE, and whoever wakes looks
 *   again under the lock. See wait.c for who is woken.
 */
#ifndef MQ_H
#define MQ_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/devmq.h>

#include "compat.h"

/**
 * struct mq_msg - the bytes of a message and its sender
 * @refs: entries and readers that use it
 * @alloc: bytes at @data, charged to the module's budget
 * @size: bytes of payload
 * @key_size: bytes of the key
 * @headers_size: bytes of the headers
 * @uid: effective user id of the sender
 * @gid: effective group id of the sender
 * @pid: process of the sender, in the initial pid namespace
 * @time_ns: when it was sent, CLOCK_REALTIME
 * @data: as in a record: key, headers, zeros up to a multiple of 8, payload,
 *	and zeros again to the next multiple of 8
 *
 * All but @refs is invariant once the message is in a queue.
 */
struct mq_msg {
	refcount_t	refs;
	u32		alloc;
	u32		size;
	u16		key_size;
	u16		headers_size;
	kuid_t		uid;
	kgid_t		gid;
	u32		pid;
	u64		time_ns;
	u8		data[] __aligned(8);
};

/* Bytes from a message's data to its payload. */
static inline u32 mq_msg_offset(const struct mq_msg *m)
{
	return ALIGN(m->key_size + m->headers_size, 8);
}

static inline u8 *mq_msg_payload(struct mq_msg *m)
{
	return m->data + mq_msg_offset(m);
}

/* Bytes at a message's data that mean something; there may be room behind. */
static inline u64 mq_msg_extent(const struct mq_msg *m)
{
	return mq_msg_offset(m) + ALIGN((u64)m->size, 8);
}

/* Bytes that a message counts in its queue's bound. */
static inline u64 mq_msg_bytes(const struct mq_msg *m)
{
	return (u64)m->size + m->key_size + m->headers_size;
}

struct mq_file;
struct mq_order;
struct mq_owner;
struct mq_queue;
struct mq_seen;

/**
 * struct mq_text - a name or a note that several entries share
 * @refs: how many do
 * @size: bytes of it
 * @text: the bytes, no NUL behind them
 */
struct mq_text {
	refcount_t	refs;
	u16		size;
	char		text[];
};

/**
 * struct mq_entry - the place of a message in a queue
 * @all: in mq_queue.all
 * @list: ready: link in its level's fifo, if in the order of sending. On its
 *	way in or out: link in a list of its handler's
 * @node: ready but out of that order: node in mq_ready.returned. In flight and
 *	not being copied: node in mq_file.held. Delayed, deferred or dead: node
 *	in mq_queue.aside
 * @timer: node in a clock's tree, if @timed
 * @when: the key there, nanoseconds of that clock. Not in the queue yet: the
 *	delay that it was sent with. In flight: when the lease ends, or MQ_NEVER
 * @expires: when its time to live ends, CLOCK_BOOTTIME; MQ_NEVER: it does not.
 *	Of one whose first delay is not over: how long it will be. Not in the
 *	queue yet: the same, 0: as the queue says
 * @msg: the message, which this holds a reference to. NULL in a cursor
 * @holder: in flight: the open file that has it
 * @seen: not in the queue yet: its de-duplication id, or NULL
 * @target: in mq_queue.out and @leaving: where it goes
 * @id: number in the queue
 * @since_ns: in flight: when it was handed out, CLOCK_REALTIME
 * @origin: queue that it came from as dead, or NULL
 * @origin_id: number that it had there
 * @note: what it was rejected with, or NULL
 * @attempt: how often it was handed out
 * @failures: how many of those went wrong
 * @forgiven: how many of those do not count towards max_deliveries here
 * @reason: enum devmq_reason, or what a consumer said
 * @priority: its level
 * @state: enum devmq_state
 * @failure: enum devmq_failure, the last one
 * @returned: ready and in mq_ready.returned
 * @timed: in the tree of a clock
 * @clock: which one: enum mq_clocks
 * @fresh: its first delay is not over
 * @leaving: in mq_queue.out, for a dead-letter queue
 * @ordered: it is the beginning of a struct mq_ordered
 * @deferred: in flight: it was deferred before
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
	struct rb_node	timer;
	u64		when;
	u64		expires;
	struct mq_msg	*msg;
	union {
		struct mq_file	*holder;
		struct mq_seen	*seen;
		struct mq_queue	*target;
	};
	u64		id;
	u64		since_ns;
	struct mq_text	*origin;
	u64		origin_id;
	struct mq_text	*note;
	u32		attempt;
	u32		failures;
	u32		forgiven;
	u16		reason;
	u8		priority;
	u8		state;
	u8		failure;
	bool		returned:1;
	bool		timed:1;
	bool		clock:1;
	bool		fresh:1;
	bool		leaving:1;
	bool		ordered:1;
	bool		deferred:1;
};

/* How many entries one hold of the lock moves, where there may be many. */
#define MQ_PORTION	64

/* A time that does not come. */
#define MQ_NEVER	U64_MAX

/* Most milliseconds of an option: a hundred years. */
#define MQ_MS_MAX	(100ULL * 36525 * 864 * 1000)

/**
 * struct mq_ready - the entries that wait for a consumer, by level
 * @fifo: for each level those in the order of sending, by rising id
 * @levels: how many there are
 * @used: levels whose fifo is not empty
 * @returned: those that came back and whose place is amid a fifo: by level,
 *	the highest first, then by id
 *
 * The next to deliver is the better of the two firsts. So sending and taking
 * are O(1), and a message that comes back finds its place in O(log n).
 */
struct mq_ready {
	struct list_head	*fifo;
	unsigned int		levels;
	DECLARE_BITMAP(used, DEVMQ_PRIORITIES_MAX);
	struct rb_root_cached	returned;
};

/**
 * struct mq_cursor - a place in mq_queue.all that outlives the lock
 * @mark: an entry without a message. Linked: all before it have an id not
 *	above @mark.id, all behind it a larger one. Not linked: the beginning
 */
struct mq_cursor {
	struct mq_entry	mark;
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
 * @list: by time, the oldest first
 * @count: how many there are
 * @old: forgotten, for mq_unlock() to free
 */
struct mq_dedup {
	struct rb_root		tree;
	struct list_head	list;
	u64			count;
	struct list_head	old;
};

/*
 * The options of a queue, described in option.c's table, which reads and
 * writes them by offset; that is why all numbers are u64. Those that can change
 * live change with WRITE_ONCE, under mq_queue.lock.
 */
struct mq_options {
	u64	type;
	u64	mode;
	u64	uid;
	u64	gid;
	u64	max_messages;
	u64	max_bytes;
	u64	max_message_size;
	u64	overflow;
	char	dead_letter[DEVMQ_NAME_MAX + 1];
	u64	framing;
	u64	eof;
	u64	ack;
	u64	prefetch;
	u64	lease_ms;
	u64	max_deliveries;
	u64	max_dead;
	u64	on_expiry;
	u64	retry_ms;
	u64	retry_backoff;
	u64	retry_max_ms;
	u64	delay_ms;
	u64	ttl_ms;
	u64	priorities;
	u64	order;
	u64	fairness;
	u64	dedup_window_ms;
	u64	dedup_max;
	u64	single_active;
	u64	paused;
	u64	auto_delete;
	u64	expires_ms;
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
 * @name: its name (invariant)
 * @node_uid: owner of the node (invariant)
 * @node_gid: group of the node (invariant)
 * @by_name: link in the registry (protected by mq_registry_lock)
 * @opt: its options (written under @lock, read without)
 * @blocked: writers asleep, and files that found no room and may be polled
 * @readers: consumers that wait for a message, and pollers
 * @writers: producers that wait for room, and pollers
 * @starved: in message.c's list of queues whose pollers wait for the budget
 * @work: does what time does, and removes the queue when it has expired
 * @origin: its name, for those that die here (invariant)
 * @dead_letter: its dead-letter queue, or NULL (written under @lock and
 *	mq_registry_lock, holds a reference)
 * @sources: how many queues have this as their dead-letter queue
 *	(mq_registry_lock)
 * @order: what order=key and fairness need, else NULL (invariant)
 * @lock: protects all that follows
 * @gone: removed; nothing comes in or out any more
 * @exclusive: its only consumer came with O_EXCL
 * @freed: there is more room than when the lock was taken
 * @was_full: and then there was none
 * @drained: nothing is ready any more, where readers may have slept behind a
 *	key and are at the end of file now
 * @news: how many messages can be delivered that could not when the lock was
 *	taken
 * @out: entries that have left since then
 * @all: all entries, by id, and cursors among them
 * @ready: what waits for a consumer
 * @ready_bytes: bytes of that
 * @aside: what is delayed, deferred or dead, by id
 * @clocks: what time will do
 * @idle_since: when the last consumer or producer went, CLOCK_BOOTTIME
 * @dedup: what was seen
 * @next_id: the id that the next message gets
 * @files: all its open files, the oldest first
 * @active: the oldest consumer (looked at without)
 * @stat: its counters, in the form that user space sees. ready, in_flight,
 *	bytes and producers are read without the lock by those who look
 */
struct mq_queue {
	struct device		dev;
	u32			minor;
	char			name[DEVMQ_NAME_MAX + 1];
	kuid_t			node_uid;
	kgid_t			node_gid;
	struct hlist_node	by_name;
	struct mq_options	opt;

	atomic_t		blocked;
	wait_queue_head_t	readers;
	wait_queue_head_t	writers;

	struct list_head	starved;
	struct work_struct	work;
	struct mq_text		*origin;
	struct mq_queue		*dead_letter;
	unsigned int		sources;
	struct mq_order		*order;

	spinlock_t		lock ____cacheline_aligned_in_smp;
	bool			gone;
	bool			exclusive;
	bool			freed;
	bool			was_full;
	bool			drained;
	unsigned int		news;
	struct list_head	out;
	struct list_head	all;
	struct mq_ready		ready;
	u64			ready_bytes;
	struct rb_root_cached	aside;
	struct mq_clock		clocks[MQ_CLOCKS];
	u64			idle_since;
	struct mq_dedup		dedup;
	u64			next_id;
	struct list_head	files;
	struct mq_file		*active;
	struct devmq_stat	stat;
};

/**
 * struct mq_file - an open file of a queue
 * @q: the queue (invariant, holds a reference)
 * @link: in mq_queue.files (mq_queue.lock)
 * @mode: FMODE_READ and FMODE_WRITE as it was opened; neither: for looking
 *	only (invariant)
 * @look: may look and purge without being a consumer (invariant)
 * @pid: process that opened it, in the initial pid namespace (invariant)
 * @rx: serialises read(2), so that a message that is read in parts goes to
 *	one reader at a time
 * @partial: half-read message, in @held between reads (mq_queue.lock; changed
 *	with @rx held as well, but for settling)
 * @partial_done: bytes of it that were read (as @partial)
 * @ack: enum devmq_ack (mq_queue.lock)
 * @prefetch: most deliveries held, 0: no bound (mq_queue.lock, looked at
 *	without)
 * @lost: the half-read message was taken back, and nobody has been told
 *	(mq_queue.lock, looked at without)
 * @lease_ns: how long a delivery may be held, 0: for ever (mq_queue.lock)
 * @held: deliveries not settled and not in hand, by id (mq_queue.lock)
 * @held_count: deliveries not settled, those in hand too (mq_queue.lock,
 *	looked at without)
 * @last_id: message received last (mq_queue.lock)
 * @file: the kernel's side of it, which goes after this (invariant)
 * @owner: process that received with it last, for owner.c (mq_owner_lock
 *	there, looked at without)
 * @owner_mm: its memory (as @owner)
 * @disowned: several processes received with it (set once)
 * @owned: in the owner's list (mq_owner_lock)
 * @own: its sleeping readers and its pollers, for what concerns it alone
 * @wide: it has pollers that are in mq_queue.readers instead (set once)
 * @cursor: where the last PEEK stopped (mq_queue.lock)
 * @wants: what the last send could not get room for, 0: it could (atomic)
 * @tx: serialises the writers of a framing=line queue
 * @tx_waits: who has @tx waits for room (@tx, looked at without)
 * @tail: unfinished line, or NULL (@tx)
 */
struct mq_file {
	struct mq_queue		*q;
	struct list_head	link;
	fmode_t			mode;
	bool			look;
	u32			pid;

	struct mutex		rx;	/* read(2) */
	struct mq_entry		*partial;
	u32			partial_done;
	bool			lost;

	u32			ack;
	u32			prefetch;
	u64			lease_ns;
	struct rb_root_cached	held;
	u64			held_count;
	u64			last_id;
	struct file		*file;
	struct mq_owner		*owner;
	struct mm_struct	*owner_mm;
	bool			disowned;
	struct list_head	owned;
	wait_queue_head_t	own;
	bool			wide;
	struct mq_cursor	cursor;

	unsigned long		wants;
	struct mutex		tx;	/* framing=line */
	bool			tx_waits;
	struct mq_entry		*tail;
};

/*
 * Charged to the sender's cgroup. Where there is no memory the sender gets
 * ENOMEM; nobody is killed for it.
 */
#define MQ_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* message.c: memory of messages and entries, and the budget of the module */
int mq_message_init(void);
void mq_message_exit(void);
struct mq_entry *mq_entry_alloc(struct mq_file *f, u32 size, u32 key_size,
				u32 headers_size, bool nowait);
struct mq_entry *mq_entry_clone(struct mq_queue *q, struct mq_msg *msg);
void mq_entry_free(struct mq_entry *e);
void mq_entries_free(struct list_head *list);
void mq_msg_put(struct mq_msg *m);
void mq_msg_pad(struct mq_msg *m);
int mq_entry_grow(struct mq_queue *q, struct mq_entry *e, u32 alloc,
		  bool nowait);
bool mq_budget_poll(struct mq_queue *q, u64 bytes);
void mq_budget_forget(struct mq_queue *q);
int mq_budget_wait(struct mq_queue *q, unsigned long cost);
unsigned long mq_cost(u64 bytes);
void mq_entry_stamp(struct mq_entry *e);
void mq_budget_wake(void);
struct mq_text *mq_text_alloc(u16 size);
struct mq_text *mq_text_get(struct mq_text *t);
void mq_text_put(struct mq_text *t);

/* ready.c: the order of delivery, trees by id, walking through a queue */
int mq_ready_init(struct mq_ready *r, unsigned int levels);
void mq_ready_exit(struct mq_ready *r);
void mq_ready_insert(struct mq_ready *r, struct mq_entry *e);
void mq_ready_remove(struct mq_ready *r, struct mq_entry *e);
bool mq_before(const struct mq_entry *a, const struct mq_entry *b);
struct mq_entry *mq_ready_first(struct mq_ready *r);
struct mq_entry *mq_ready_lowest(struct mq_ready *r);
void mq_ids_insert(struct rb_root_cached *root, struct mq_entry *e);
struct mq_entry *mq_ids_first(struct rb_root_cached *root);
struct mq_entry *mq_ids_after(struct rb_root_cached *root, u64 id);
void mq_cursor_init(struct mq_cursor *c);
void mq_cursor_unlink(struct mq_cursor *c);
void mq_all_insert(struct mq_queue *q, struct mq_entry *e);
struct mq_entry *mq_walk_locked(struct mq_queue *q, struct mq_cursor *c,
				u32 states, u64 *after);

/* order.c: order=key and fairness */
int mq_order_module_init(void);
void mq_order_module_exit(void);
int mq_order_init(struct mq_queue *q);
void mq_order_exit(struct mq_queue *q);
struct mq_entry *mq_order_entry_alloc(void);
void mq_order_entry_free(struct mq_entry *e);
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
u64 mq_now(enum mq_clocks clock);
u64 mq_later(u64 now, u64 ns);
bool mq_time_due(const struct mq_queue *q);
bool mq_time_pass_locked(struct mq_queue *q);
void mq_timer_set_locked(struct mq_queue *q, struct mq_entry *e,
			 enum mq_clocks clock, u64 when);
void mq_timer_clear_locked(struct mq_queue *q, struct mq_entry *e);
u64 mq_idle_end(const struct mq_queue *q);
void mq_idle_locked(struct mq_queue *q);

/* dedup.c: what was sent already */
extern siphash_key_t mq_hash_key;
struct mq_seen *mq_seen_get(const void __user *from, u32 size);
void mq_seen_free(struct mq_seen *s);
u64 mq_dedup_find_locked(struct mq_queue *q, struct mq_seen *s);
void mq_dedup_add_locked(struct mq_queue *q, struct mq_seen *s, u64 id);
bool mq_dedup_trim_locked(struct mq_queue *q);
u64 mq_dedup_next(struct mq_queue *q);
void mq_dedup_free(struct list_head *old);
void mq_dedup_init(struct mq_queue *q);
void mq_dedup_exit(struct mq_queue *q);

/* queue.c: what comes in and goes out; who uses it */
void mq_lock(struct mq_queue *q) __acquires(&q->lock);
void mq_unlock(struct mq_queue *q) __releases(&q->lock);
int mq_queue_attach(struct mq_queue *q, struct mq_file *f, bool exclusive);
void mq_queue_detach(struct mq_queue *q, struct mq_file *f);
bool mq_queue_fits(const struct mq_queue *q, u64 bytes);
bool mq_queue_was_full(const struct mq_queue *q);
u64 mq_queue_droppable(struct mq_queue *q);
int mq_queue_admit_locked(struct mq_queue *q, const struct mq_msg *msg);
void mq_queue_add_locked(struct mq_queue *q, struct mq_entry *e, u64 now);
void mq_queue_purge_locked(struct mq_queue *q, struct mq_entry *e);
bool mq_queue_drop_oldest(struct mq_queue *q);
int mq_queue_close(struct mq_queue *q, bool force);
void mq_queue_drain(struct mq_queue *q);
int mq_queue_stat(struct mq_queue *q, struct devmq_stat *s);

/* state.c: from one state to another */
void mq_enter_locked(struct mq_queue *q, struct mq_entry *e,
		     enum devmq_state state);
void mq_leave_locked(struct mq_queue *q, struct mq_entry *e);
void mq_out_locked(struct mq_queue *q, struct mq_entry *e);
void mq_ready_locked(struct mq_queue *q, struct mq_entry *e);
void mq_back_locked(struct mq_queue *q, struct mq_entry *e);
void mq_delay_locked(struct mq_queue *q, struct mq_entry *e,
		     enum mq_clocks clock, u64 due);
void mq_due_locked(struct mq_queue *q, struct mq_entry *e);
void mq_expire_locked(struct mq_queue *q, struct mq_entry *e);
void mq_die_locked(struct mq_queue *q, struct mq_entry *e, u16 reason,
		   struct mq_text *note);
bool mq_arrive(struct mq_queue *q, struct mq_entry *e);
void mq_stay(struct mq_queue *q, struct mq_entry *e, enum devmq_state state,
	     u64 *left);
void mq_dispose(struct mq_queue *q, struct list_head *out);

/* flight.c: what a consumer has in its hands */
struct mq_entry *mq_flight_next_locked(struct mq_queue *q, struct mq_file *f);
struct mq_entry *mq_flight_deferred_locked(struct mq_queue *q,
					   struct mq_file *f, u64 id);
void mq_flight_take_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_hold_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_unhold_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_ack_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_release_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_retry_locked(struct mq_file *f, struct mq_entry *e, u64 delay);
void mq_flight_reject_locked(struct mq_file *f, struct mq_entry *e, u16 reason,
			     struct mq_text *note);
void mq_flight_extend_locked(struct mq_file *f, struct mq_entry *e, u64 lease);
void mq_flight_defer_locked(struct mq_file *f, struct mq_entry *e);
void mq_flight_lapse_locked(struct mq_queue *q, struct mq_entry *e);
void mq_flight_undeliver_locked(struct mq_file *f, struct mq_entry *e);
void mq_return_all(struct mq_file *f);

/* owner.c: what a dying process holds */
void mq_own(struct mq_file *f);
void mq_disown(struct mq_file *f);
void mq_owner_exit(void);

/* wait.c: who sleeps, who is woken */
bool mq_can_receive(const struct mq_file *f, bool partial);
bool mq_can_send(const struct mq_queue *q, u64 bytes);
int mq_wait_message(struct mq_file *f, bool partial, u64 deadline_ns);
int mq_wait_room(struct mq_queue *q, u64 payload, u64 meta);
void mq_want_room(struct mq_file *f, u64 bytes);
bool mq_has_credit(const struct mq_file *f);
void mq_pass_on(struct mq_queue *q);
bool mq_paused(const struct mq_queue *q, u64 side);
void mq_wake_readers(struct mq_queue *q, unsigned int n);
void mq_wake_writers(struct mq_queue *q, bool edge);
void mq_wake_pollers(struct mq_queue *q);
void mq_wake_file(struct mq_file *f);
void mq_wake_options(struct mq_queue *q);
void mq_wake_all(struct mq_queue *q);

/* send.c, receive.c: one message through a queue, top to bottom */
bool mq_size_ok(const struct mq_queue *q, u64 payload, u64 meta);
int mq_send(struct mq_file *f, struct list_head *batch, bool nowait,
	    u64 *last_id, bool *dup);
ssize_t mq_write(struct mq_file *f, struct kiocb *iocb, struct iov_iter *from);
ssize_t mq_read(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to);
u32 mq_next_size(struct mq_file *f);

/* line.c: framing=line */
ssize_t mq_line_write(struct mq_file *f, struct kiocb *iocb,
		      struct iov_iter *from);
void mq_line_finish(struct mq_file *f);

/* record.c: records from and to user space */
struct mq_entry *mq_record_get(struct mq_file *f, const void __user *from,
			       u64 space, bool nowait, u64 *step);
u64 mq_record_step(const struct mq_entry *e);
void mq_record_fill(struct devmq_record *r, const struct mq_entry *e);
int mq_record_put(void __user *to, const struct mq_entry *e);
void mq_extra_fill(struct devmq_extra *x, const struct mq_entry *e);
u64 mq_record_show_step(const struct mq_entry *e, u32 size);
int mq_record_show(void __user *to, struct devmq_record *r,
		   const struct devmq_extra *x, const struct mq_entry *e,
		   u32 size);
u32 mq_record_pid(u32 pid);

/* batch.c, settle.c, browse.c: the ioctls; ioctl.c: how they are called */
union mq_ioc_arg {
	u32			size;
	struct devmq_send	send;
	struct devmq_recv	recv;
	struct devmq_settle	settle;
	struct devmq_consumer	consumer;
	struct devmq_peek	peek;
	struct devmq_purge	purge;
	struct devmq_redrive	redrive;
	struct devmq_stat	stat;
};

/**
 * struct mq_ioc - an ioctl under way
 * @f: the open file
 * @nowait: the descriptor says not to sleep
 * @arg: the kernel's copy of the argument
 * @uarg: the user's
 * @usize: bytes of it that both sides know
 * @published: the results have been written to the user already
 */
struct mq_ioc {
	struct mq_file	*f;
	bool		nowait;
	union mq_ioc_arg arg;
	void __user	*uarg;
	u32		usize;
	bool		published;
};

long mq_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int mq_ioc_publish(struct mq_ioc *ioc);
int mq_ioc_send(struct mq_ioc *ioc);
int mq_ioc_recv(struct mq_ioc *ioc);
int mq_ioc_settle(struct mq_ioc *ioc);
int mq_ioc_consumer(struct mq_ioc *ioc);
int mq_ioc_peek(struct mq_ioc *ioc);
int mq_ioc_purge(struct mq_ioc *ioc);
int mq_ioc_redrive(struct mq_ioc *ioc);
int mq_last_now(struct mq_queue *q, u64 *last_id);

/* file.c: the file operations of a queue */
extern const struct file_operations mq_fops;

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
int mq_registry_init(void);
void mq_registry_exit(void);
int mq_create(const char *name, const struct mq_options *opt);
int mq_remove(const char *name, bool force);
void mq_reap(struct mq_queue *q, bool closed);
struct mq_queue *mq_queue_by_name(const struct mq_text *name);
int mq_set_dead_letter(struct mq_queue *q, const char *name);
struct mq_queue *mq_queue_get(u32 minor);
void mq_queue_put(struct mq_queue *q);

/* sysfs.c: options and counters as files */
int mq_sysfs_init(void);
void mq_sysfs_exit(void);
extern const struct attribute_group *mq_sysfs_groups[];

#endif /* MQ_H */
