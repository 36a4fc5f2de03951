/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Structures that are embedded in a queue or in an open file. Each is
 * maintained by one file: places.c, clock.c, dedup.c, retain.c, ages.c, held.c,
 * walk.c.
 */
#ifndef MQ_QUEUE_PARTS_H
#define MQ_QUEUE_PARTS_H

#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "memory/entry.h"
#include "memory/message.h"

/**
 * struct mq_places - messages that come to a queue from other queues
 * @lock: protects the rest
 * @closed: the queue was removed, and no more messages are accepted
 * @coming: messages that have left their old queue, or are about to, and have
 *	not arrived
 * @messages: dead letters that are stored here or have a place reserved
 * @bytes: what these count towards max_bytes
 */
struct mq_places {
	spinlock_t	lock;	/* protects all members */
	bool		closed;
	u64		coming;
	u64		messages;
	u64		bytes;
};

enum mq_clocks { MQ_BOOTTIME, MQ_REALTIME, MQ_CLOCKS };

/**
 * struct mq_clock - the entries of a queue that wait for a time of one clock
 * @timer: queues mq_queue.work when something is due
 * @tree: the waiting entries, ordered by time; not those that follow another one
 * @next: the first time in @tree, or MQ_NEVER (mq_queue.lock, read without it)
 * @armed: the time that @timer is set for, or MQ_NEVER; never later than the first
 *	time in @tree, except for that of a delay while nobody waits for a message
 *	(mq_queue.lock, read without it)
 */
struct mq_clock {
	struct hrtimer		timer;
	struct rb_root_cached	tree;
	u64			next;
	u64			armed;
};

/**
 * struct mq_dedup - the de-duplication ids that a queue remembers
 * @tree: all of them, ordered by hash
 * @numbers: all of them, ordered by the id of their message, which is also the
 *	order of time
 * @count: number of ids in the trees
 * @old: forgotten ids, for mq_unlock() to free
 * @forgotten: number of ids forgotten since the lock was taken
 */
struct mq_dedup {
	struct rb_root		tree;
	struct rb_root_cached	numbers;
	u64			count;
	struct list_head	old;
	unsigned int		forgotten;
};

/**
 * struct mq_retained - which messages a topic retains: those in mq_queue.aside
 * @last: id of the newest one, 0: there is none (mq_queue.lock, read without it)
 * @gone: messages up to this id are not retained, or not any more (as @last)
 * @buried: id of the last tombstone whose time was over (as @last)
 * @holds: bindings that are about to be level, until when nothing leaves memory (as
 *	@last)
 * @keys: with compact=key: the details of the newest messages of all keys, by key
 */
struct mq_retained {
	u64		last;
	u64		gone;
	u64		buried;
	u32		holds;
	struct rb_root	keys;
};

#define MQ_AGES		32

/**
 * struct mq_ages - how old the members of a changing set are
 * @base: the step that the first element of @count stands for
 * @shift: the length of a step is 1 << @shift nanoseconds
 * @total: number of members
 * @count: number of members that began in each step; the first element includes
 *	all that began earlier
 *
 * Steps get longer as the members get older. So the age of the oldest member is
 * known to a sixteenth of the time between the oldest and the youngest, in
 * O(1), in whatever order members come and go.
 */
struct mq_ages {
	u64	base;
	u32	shift;
	u32	total;
	u32	count[MQ_AGES];
};

/**
 * struct mq_held - deliveries of a consumer that are neither settled nor in
 *	hand
 * @run: the most recent deliveries, in the order of their ids
 * @count: number of deliveries in @run, at most MQ_HELD_LIST_MAX
 * @tree: all other deliveries, by id
 *
 * Deliveries usually come in the order of their ids. Holding and settling them
 * in that order is O(1), in any other order O(log n).
 */
struct mq_held {
	struct list_head	run;
	unsigned int		count;
	struct rb_root_cached	tree;
};

/**
 * struct mq_cursor - a position in mq_queue.all, kept while the lock is dropped
 * @mark: an entry whose message has no state. While it is linked, all entries
 *	before it have an id not above @place.id, and all entries after it a
 *	larger one
 * @place: message of @mark
 * @goal: id whose position was looked for last
 * @seeks: the position of @goal has not been reached yet
 */
struct mq_cursor {
	struct mq_entry	mark;
	struct mq_msg	place;
	u64		goal;
	bool		seeks;
};

#endif /* MQ_QUEUE_PARTS_H */
