/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parts of a queue and of an open file, each of which is looked after by the file of
 * its name: places.c, clock.c, dedup.c, ages.c, held.c, walk.c.
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
#include "queue/parts.h"

/**
 * struct mq_places - what comes to a queue from others (places.c)
 * @lock: protects the rest
 * @closed: the queue is gone, nothing more comes
 * @coming: messages that have left where they were, or are about to, and are not
 *	here yet
 * @messages: those that are here as dead, or come as dead
 * @bytes: bytes of those
 */
struct mq_places {
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

#endif /* MQ_QUEUE_PARTS_H */
