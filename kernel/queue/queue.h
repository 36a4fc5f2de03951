/* SPDX-License-Identifier: GPL-2.0 */
/* A queue. */
#ifndef MQ_QUEUE_QUEUE_H
#define MQ_QUEUE_QUEUE_H

#include <linux/compiler.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include <linux/devmq.h>

#include "memory/alloc.h"
#include "memory/shortage.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "wait/gate.h"
#include "queue/options.h"
#include "queue/parts.h"
#include "queue/ready.h"

struct mq_file;
struct mq_order;
struct mq_text;

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
 * @gate: who waits for a message or for room
 * @starved: for its senders who wait for memory
 * @store: the memory of its messages
 * @unmoved: how many bytes of @store's waste the last compaction left (who set @compacting;
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
 * @places: what comes from other queues
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
 * @spare_detail: for one that dies to make room, or NULL
 * @unlinked: entries that have left since then
 * @all: all entries, by id, and cursors among them
 * @cursors: how many those are
 * @ready: what waits for a consumer
 * @ready_bytes: bytes of that
 * @stored: messages, whatever their state: what the bounds bound (looked at
 *	without)
 * @dead_letters: how many of them came as dead, and do not count in what senders may
 *	store
 * @dead_letter_bytes: bytes of those
 * @reserved: unfinished lines and messages that are being moved here, each of which
 *	has its place reserved
 * @reserved_bytes: bytes of those
 * @aside: what is delayed, deferred or dead, by id
 * @clocks: what time will do
 * @hold_ages: how long what is held has been
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
	struct mq_gate		gate;

	struct mq_starved	starved;
	struct mq_store		store;
	long			unmoved;
	unsigned long		compacting;
	struct work_struct	work;
	struct mq_text		*origin;
	struct mq_queue		*dead_letter;
	struct hlist_head	sources;
	struct hlist_node	source;
	struct mq_order		*order;
	struct mq_places	places;

	spinlock_t		lock ____cacheline_aligned_in_smp;
	bool			gone;
	bool			plain;
	bool			timed;
	bool			exclusive;
	bool			freed;
	bool			was_full;
	bool			drained;
	unsigned int		news;
	struct mq_detail		*spare_detail;
	struct list_head	unlinked;
	struct list_head	all;
	unsigned int		cursors;
	struct mq_ready		ready;
	u64			ready_bytes;
	u64			stored;
	u64			dead_letters;
	u64			dead_letter_bytes;
	u64			reserved;
	u64			reserved_bytes;
	struct rb_root_cached	aside;
	struct mq_clock		clocks[MQ_CLOCKS];
	struct mq_ages		hold_ages;
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

/* What the messages that are sent to a queue have besides. */
static inline struct mq_kind mq_queue_kind(const struct mq_queue *q)
{
	return (struct mq_kind){
		.detail = mq_queue_times(q),
		.ordered = q->order,
	};
}

/* With or without a lock held. */
static inline void mq_queue_put(struct mq_queue *q)
{
	put_device(&q->dev);
}

#endif /* MQ_QUEUE_QUEUE_H */
