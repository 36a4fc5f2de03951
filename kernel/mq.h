/* SPDX-License-Identifier: GPL-2.0 */
/*
 * devmq, inside: the structures, what protects them, and who offers what.
 *
 * The model
 *
 *   A message (mq_msg) is the bytes that were sent and who sent them. It never
 *   changes and is counted, so several queues can share one.
 *   An entry (mq_entry) is the place of one message in one queue: its id, its
 *   state, how often it was handed out. The queue owns it while it is ready,
 *   an open file while it is in flight.
 *   A queue (mq_queue) is a device with its options, its entries in order and
 *   its counters. An open file (mq_file) is a producer, a consumer or both.
 *
 * Lock order, outermost first
 *
 *   mq_control.lock    mutex     an open control node
 *   mq_registry_lock   mutex     names and life of queues (registry.c)
 *   mq_file.tx         mutex     the unfinished line of a framing=line writer
 *   mq_file.rx         mutex     read(2) of one open file, copying included
 *   mq_queue.lock      spinlock  all that changes in a queue and in the parts
 *                                of its open files that say so
 *   mq_starved_lock    spinlock  who waits for the module's budget (message.c)
 *   wait queue locks             inside the kernel's wait queue calls
 *
 *   tx and rx are never held together; rx is not held while waiting. The user's memory is touched and memory
 *   is allocated or freed with no spinlock held. Every function whose name
 *   ends in _locked wants mq_queue.lock and asserts it.
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
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/uio.h>
#include <linux/wait.h>
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

/**
 * struct mq_entry - the place of a message in a queue
 * @list: ready, in the order of sending: link in mq_ready.fifo. On its way
 *	in or out: link in a list of its handler's
 * @node: ready but out of order: node in mq_ready.returned. In flight and not
 *	being copied: node in mq_file.held
 * @msg: the message, which this holds a reference to. NULL in a cursor
 * @id: number in the queue
 * @since_ns: in flight: when it was handed out, CLOCK_REALTIME
 * @attempt: how often it was handed out
 * @failures: how many of those went wrong
 * @state: enum devmq_state
 * @failure: enum devmq_failure, the last one
 * @returned: ready and in mq_ready.returned
 *
 * Protected by mq_queue.lock, but for an entry that its handler has taken out
 * of every list and tree ("in hand"), which is that one's alone.
 */
struct mq_entry {
	union {
		struct list_head list;
		struct rb_node	node;
	};
	struct mq_msg	*msg;
	u64		id;
	u64		since_ns;
	u32		attempt;
	u32		failures;
	u8		state;
	u8		failure;
	bool		returned;
};

/**
 * struct mq_ready - the entries that wait for a consumer
 * @fifo: those in the order of sending, by rising id, cursors among them
 * @returned: those that came back and whose place is amid @fifo, by id
 *
 * The next to deliver is the smaller of the two firsts. So sending and taking
 * are O(1), and a message that comes back finds its place in O(log n).
 */
struct mq_ready {
	struct list_head	fifo;
	struct rb_root_cached	returned;
};

/**
 * struct mq_cursor - a place in mq_ready.fifo that outlives the lock
 * @mark: an entry without a message. Linked: all before it have an id not
 *	above @mark.id, all behind it a larger one. Not linked: the beginning
 *
 * Whoever meets one at the head of the fifo unlinks it: nothing is lost by
 * that, as the head is then where it stood.
 */
struct mq_cursor {
	struct mq_entry	mark;
};

/*
 * The options of a queue, described in option.c's table, which reads and
 * writes them by offset; that is why they are all u64. Those that can change
 * live change with WRITE_ONCE.
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
	u64	framing;
	u64	eof;
	u64	ack;
	u64	prefetch;
};

enum { MQ_TYPE_QUEUE };
enum { MQ_OVERFLOW_BLOCK, MQ_OVERFLOW_REJECT, MQ_OVERFLOW_DROP_HEAD };
enum { MQ_FRAMING_RECORD, MQ_FRAMING_LINE };
enum { MQ_EOF_NEVER, MQ_EOF_EMPTY, MQ_EOF_HANGUP };

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
 * @lock: protects all that follows
 * @gone: removed; nothing comes in or out any more
 * @exclusive: its only consumer came with O_EXCL
 * @ready: what waits for a consumer
 * @next_id: the id that the next message gets
 * @flying: bytes of what is in flight
 * @files: all its open files
 * @holders: those of them that have something in mq_file.held
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

	spinlock_t		lock ____cacheline_aligned_in_smp;
	bool			gone;
	bool			exclusive;
	struct mq_ready		ready;
	u64			next_id;
	u64			flying;
	struct list_head	files;
	struct list_head	holders;
	struct devmq_stat	stat;
};

/**
 * struct mq_file - an open file of a queue
 * @q: the queue (invariant, holds a reference)
 * @link: in mq_queue.files (mq_queue.lock)
 * @holder: in mq_queue.holders while @held is not empty (mq_queue.lock)
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
 * @held: deliveries not settled and not in hand, by id (mq_queue.lock)
 * @held_count: deliveries not settled, those in hand too (mq_queue.lock,
 *	looked at without)
 * @last_id: message received last (mq_queue.lock)
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
	struct list_head	holder;
	fmode_t			mode;
	bool			look;
	u32			pid;

	struct mutex		rx;	/* read(2) */
	struct mq_entry		*partial;
	u32			partial_done;

	u32			ack;
	u32			prefetch;
	struct rb_root_cached	held;
	u64			held_count;
	u64			last_id;
	wait_queue_head_t	own;
	bool			wide;
	struct mq_cursor	cursor;

	unsigned long		wants;
	struct mutex		tx;	/* framing=line */
	bool			tx_waits;
	struct mq_entry		*tail;
};

/* message.c: memory of messages and entries, and the budget of the module */
int mq_message_init(void);
void mq_message_exit(void);
struct mq_entry *mq_entry_alloc(struct mq_file *f, u32 size, u32 key_size,
				u32 headers_size, bool nowait);
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

/* ready.c: the order of delivery */
void mq_ready_init(struct mq_ready *r);
void mq_ready_add(struct mq_ready *r, struct mq_entry *e);
void mq_ready_return(struct mq_ready *r, struct mq_entry *e);
void mq_ready_remove(struct mq_ready *r, struct mq_entry *e);
struct mq_entry *mq_ready_first(struct mq_ready *r);
struct mq_entry *mq_ready_next(struct mq_ready *r, struct mq_cursor *c,
			       u64 after);
void mq_cursor_init(struct mq_cursor *c);
void mq_cursor_unlink(struct mq_cursor *c);
void mq_ids_insert(struct rb_root_cached *root, struct mq_entry *e);
struct mq_entry *mq_ids_first(struct rb_root_cached *root);
struct mq_entry *mq_ids_last(struct rb_root_cached *root);
struct mq_entry *mq_ids_after(struct rb_root_cached *root, u64 id);

/* queue.c: what happens to messages; each change of state is one function */
int mq_queue_attach(struct mq_queue *q, struct mq_file *f, bool exclusive);
void mq_queue_detach(struct mq_queue *q, struct mq_file *f);
bool mq_queue_fits(const struct mq_queue *q, u64 bytes);
bool mq_queue_full(const struct mq_queue *q);
u64 mq_queue_droppable(struct mq_queue *q);
int mq_queue_admit_locked(struct mq_queue *q, const struct mq_msg *msg,
			  struct list_head *dropped);
void mq_queue_add_locked(struct mq_queue *q, struct mq_entry *e, u64 now);
struct mq_entry *mq_queue_next_locked(struct mq_queue *q, struct mq_file *f);
void mq_queue_take_locked(struct mq_file *f, struct mq_entry *e);
void mq_queue_hold_locked(struct mq_file *f, struct mq_entry *e);
void mq_queue_unhold_locked(struct mq_file *f, struct mq_entry *e);
void mq_queue_ack_locked(struct mq_file *f, struct mq_entry *e);
void mq_queue_release_locked(struct mq_file *f, struct mq_entry *e);
void mq_queue_undeliver_locked(struct mq_file *f, struct mq_entry *e);
void mq_queue_purge_locked(struct mq_queue *q, struct mq_entry *e);
bool mq_queue_drop_oldest(struct mq_queue *q);
int mq_queue_close(struct mq_queue *q, bool force);
void mq_queue_drain(struct mq_queue *q);
int mq_queue_stat(struct mq_queue *q, struct devmq_stat *s);

/* wait.c: who sleeps, who is woken */
bool mq_can_receive(const struct mq_file *f, bool partial);
bool mq_can_send(const struct mq_queue *q, u64 bytes);
int mq_wait_message(struct mq_file *f, bool partial, u64 deadline_ns);
int mq_wait_room(struct mq_queue *q, u64 payload, u64 meta);
void mq_want_room(struct mq_file *f, u64 bytes);
void mq_pass_on(struct mq_queue *q);
void mq_wake_readers(struct mq_queue *q, unsigned int n);
void mq_wake_writers(struct mq_queue *q, bool edge);
void mq_wake_pollers(struct mq_queue *q);
void mq_wake_file(struct mq_file *f);
void mq_wake_options(struct mq_queue *q);
void mq_wake_all(struct mq_queue *q);

/* send.c, receive.c: one message through a queue, top to bottom */
bool mq_size_ok(const struct mq_queue *q, u64 payload, u64 meta);
int mq_send(struct mq_file *f, struct list_head *batch, bool nowait,
	    u64 *last_id);
ssize_t mq_write(struct mq_file *f, struct kiocb *iocb, struct iov_iter *from);
ssize_t mq_read(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to);
u32 mq_next_size(struct mq_file *f);
void mq_return_all(struct mq_file *f);

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
struct mq_queue *mq_queue_get(u32 minor);
void mq_queue_put(struct mq_queue *q);

/* sysfs.c: options and counters as files */
int mq_sysfs_init(void);
void mq_sysfs_exit(void);
extern const struct attribute_group *mq_sysfs_groups[];

#endif /* MQ_H */
