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

#include "journal/feed.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/copy.h"
#include "memory/entry.h"
#include "memory/shortage.h"
#include "queue/options.h"
#include "queue/parts.h"
#include "queue/ready.h"
#include "wait/gate.h"

struct mq_file;
struct mq_order;
struct mq_text;
struct mq_topic;

/**
 * struct mq_queue - a queue
 * @dev: its device, which counts references and frees the queue
 * @minor: device number (invariant)
 * @name: name of the queue and of its device (invariant)
 * @node_uid: owner of the device node (invariant)
 * @node_gid: group of the device node (invariant)
 * @by_name: node in the tree of names (mq_registry_lock)
 * @opt: the options (written under @lock, read without it)
 * @plain_size: maximum size of a message that can be sent as plain, 0: none can
 *	(written under @lock, read without it)
 * @run_size: the same of one that can be sent in a run (call/batch_send.c). That of a
 *	queue with a journal or an order is not 0, though none is plain there
 * @room_messages: upper limit of @stored for senders: see
 *	mq_queue_update_room_locked() (written under @lock, read without it)
 * @room_bytes: upper limit of the stored bytes for senders (as @room_messages)
 * @gate: threads, commands and pollers that wait for a message or for room
 * @starved: senders of this queue that wait for memory
 * @store: memory of the messages
 * @unmoved: bytes of @store's waste that the last compaction left behind
 *	(written by the thread that set @compacting, read without it)
 * @compacting: bit 0: a thread is compacting the queue (atomic)
 * @work: compacts the queue, does what is due, and removes the queue after it
 *	has been idle for expires_ms
 * @origin: name of the queue, for the messages that die here. Each queue has
 *	its own object, even if two queues have the same name in turn
 *	(invariant)
 * @dead_letter: dead-letter queue, or NULL (written under @lock and
 *	mq_registry_lock, holds a reference)
 * @sources: queues whose dead-letter queue this is (mq_registry_lock, read
 *	without it)
 * @source: link in @sources of @dead_letter (mq_registry_lock)
 * @topic: what makes a topic of it, or NULL if it is a queue (invariant)
 * @feeds: what leads here from topics: struct mq_outlet (mq_registry_lock)
 * @order: state of order=key and fairness, or NULL if the queue has neither
 *	(invariant)
 * @places: places for messages that come from other queues
 * @lock: protects all that follows
 * @gone: the queue was removed; no message enters or leaves it
 * @plain: the options need no check of a plain message: see
 *	mq_queue_update_plain_locked()
 * @runs: messages that could be plain but for the journal or the order may be added
 *	as a batch: see mq_queue_can_add_batch_locked()
 * @timed: an entry waits for a time (read without @lock)
 * @exclusive: the only consumer was opened with O_EXCL (read without @lock)
 * @freed: room was freed since the lock was taken
 * @was_full: when room was freed first, the queue was full, or no poller waited
 *	for room
 * @drained: all readers are to be woken: the last ready message left a queue with an
 *	order and eof=empty or eof=hangup, so that readers that slept behind a key may be
 *	at end of file; or there is something to read for all readers of a topic
 * @became_ready: number of messages that became deliverable since the lock was
 *	taken
 * @spare_detail: an mq_detail for a message that is moved to the dead-letter
 *	queue to make room, or NULL
 * @unlinked: entries that left the queue since the lock was taken
 * @all: all entries and cursors, ordered by id
 * @cursors: number of cursors in @all
 * @ready: ready messages, in the order of delivery
 * @ready_bytes: bytes of the ready messages
 * @stored: number of messages in any state, which max_messages bounds (read
 *	without @lock)
 * @dead_letters: stored messages that arrived as dead letters; they take no
 *	room from senders
 * @dead_letter_bytes: bytes of these
 * @reserved: places that are reserved for unfinished lines and for messages
 *	that are being moved here
 * @reserved_bytes: bytes of these
 * @promised: how many of the places in @reserved are promised to messages of
 *	topics: see promise.c
 * @aside: delayed, deferred, dead and retained messages, by id
 * @clocks: entries that wait for a time of each clock
 * @hold_ages: since when the deliveries that consumers hold have been in flight
 * @retained: which messages a topic retains
 * @idle_since: when @users became 0 or expires_ms changed, CLOCK_BOOTTIME
 * @dedup: de-duplication ids that the queue remembers
 * @next_id: id of the next message
 * @users: open files, except those that only look
 * @consumers: open files that are consumers, the oldest consumer first
 * @active: the first of @consumers, or NULL (read without @lock)
 * @alone_waiting: consumers that hold deliveries and found that the next
 *	message is handed out alone: see alone.c
 * @alone_untold: consumers that were in @alone_waiting, and whose waiters have
 *	to look again because that message is no longer next
 * @to_notify: those of @consumers whose waiters have to look again
 * @notified: the other consumers
 * @tells: how many files mq_unlock() has to tell
 * @stat: the counters, in the format of user space. ready, in_flight, bytes,
 *	consumers and producers are also read without @lock
 * @feed: the queue's part of its journal; of a queue without one, only
 *	MQ_FEED_HEAD bytes
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
	u64			run_size;
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
	struct mq_topic		*topic;
	struct hlist_head	feeds;
	struct mq_order		*order;
	struct mq_places	places;

	spinlock_t		lock ____cacheline_aligned_in_smp;
	bool			gone;
	bool			plain;
	bool			runs;
	bool			timed;
	bool			exclusive;
	bool			freed;
	bool			was_full;
	bool			drained;
	unsigned int		became_ready;
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
	u32			promised;
	struct rb_root_cached	aside;
	struct mq_clock		clocks[MQ_CLOCKS];
	union {
		struct mq_ages		hold_ages;	/* of a queue */
		struct mq_retained	retained;	/* of a topic */
	};
	u64			idle_since;
	struct mq_dedup		dedup;
	u64			next_id;
	u32			users;
	struct list_head	consumers;
	struct mq_file		*active;
	struct list_head	alone_waiting;
	struct list_head	alone_untold;
	struct list_head	to_notify;
	struct list_head	notified;
	unsigned int		tells;
	struct devmq_stat	stat;
	struct mq_feed		feed;
};

/*
 * Return true if messages of this queue are likely to need an mq_detail: a time
 * is set for them, they may be moved to a dead-letter queue, or the queue has a
 * journal, whose messages all have one, or it is a topic that compacts what it
 * retains. Messages that are sent from now on get one at once. A message that
 * fails and waits for its next attempt gets its mq_detail then.
 */
static inline bool mq_queue_times(const struct mq_queue *q)
{
	return READ_ONCE(q->opt.ttl_ms) || READ_ONCE(q->opt.delay_ms) ||
	       READ_ONCE(q->opt.lease_ms) || READ_ONCE(q->dead_letter) ||
	       READ_ONCE(q->opt.compact) ||
	       q->feed.journal;
}

/* Return true if a payload of @size bytes that is sent to @q is for copies to share. */
static inline bool mq_shares(const struct mq_queue *q, u32 size)
{
	return unlikely(q->topic) && size > MQ_SHARED_OVER;
}

/* Return what messages that are sent to a queue need besides their entry. */
static inline struct mq_kind mq_queue_kind(const struct mq_queue *q)
{
	return (struct mq_kind){
		.detail = mq_queue_times(q),
		.ordered = q->order,
		.durable = q->feed.journal,
	};
}

/* Drop a reference. May be called with a lock held. */
static inline void mq_queue_put(struct mq_queue *q)
{
	put_device(&q->dev);
}

#endif /* MQ_QUEUE_QUEUE_H */
