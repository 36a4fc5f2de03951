/* SPDX-License-Identifier: GPL-2.0 */
/* A journal that is attached. */
#ifndef MQ_JOURNAL_JOURNAL_H
#define MQ_JOURNAL_JOURNAL_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/devmq.h>

#include "journal/block.h"
#include "journal/feed.h"
#include "journal/medium.h"

struct mq_durable;
struct mq_j_log;
struct mq_move;
struct task_struct;

/**
 * enum mq_segment_states - what a place in the file is used for
 * @MQ_SEGMENT_FREE: nothing
 * @MQ_SEGMENT_OPEN: records are added to it
 * @MQ_SEGMENT_CLOSED: it is full
 * @MQ_SEGMENT_LEFT: nothing in it is needed, but the map on stable storage still
 *	has it: the place is free when the next header is
 */
enum mq_segment_states {
	MQ_SEGMENT_FREE, MQ_SEGMENT_OPEN, MQ_SEGMENT_CLOSED, MQ_SEGMENT_LEFT
};

/**
 * struct mq_segment - a place in the file
 * @sequence: of the segment there; 0: none
 * @seed: of its checksums
 * @state: enum mq_segment_states
 * @stale: see struct mq_j_segment_info
 * @unknown: it is from before the journal was attached, and its ends and
 *	de-duplication ids were not counted
 * @live: bytes of the messages, states, queues and ceilings that are needed
 * @ends: bytes of the ends, needed or not
 * @dedups: bytes of the de-duplication ids, needed or not
 * @dedup_until: when the last of these is not needed any more, CLOCK_REALTIME
 * @first_end: the first segment that an end in this one names
 * @last_end: the last such segment
 * @closed: the group in which it was closed
 */
struct mq_segment {
	u64	sequence;
	u32	seed;
	u8	state;
	bool	stale;
	bool	unknown;
	u32	live;
	u32	ends;
	u32	dedups;
	u64	dedup_until;
	u64	first_end;
	u64	last_end;
	u64	closed;
};

/**
 * struct mq_stream - the open segment of a stream
 * @buffer: the segment as it is in the file, or will be
 * @position: its place
 * @start: offset of the block that records are added to
 * @used: bytes of that block; 0: no block was begun
 * @written: up to this offset the segment is in the file
 * @open: there is an open segment
 */
struct mq_stream {
	u8	*buffer;
	u32	position;
	u32	start;
	u32	used;
	u32	written;
	bool	open;
};

/**
 * struct mq_records - blocks one behind the other, and a place among their records
 * @at: the first block
 * @size: bytes of all
 * @block: offset of the block of the place
 * @next: offset in that block of the next record; 0: the first
 */
struct mq_records {
	const u8	*at;
	u32		size;
	u32		block;
	u32		next;
};

/* Users are told apart by so many bits of a hash, when it is whose turn it is to read. */
#define MQ_FETCH_BITS	6
#define MQ_FETCH_USERS	BIT(MQ_FETCH_BITS)

/**
 * struct mq_fetched - what was read last to find a message
 * @sequence: of the segment; 0: it is not there any more, or was in the buffer of a
 *	stream
 * @from: offset of the first block in the segment
 * @records: the blocks
 */
struct mq_fetched {
	u64			sequence;
	u32			from;
	struct mq_records	records;
};

/* The most ends in a record. */
#define MQ_GROUP_ENDS	512

/* Logarithm of the number of lists of queues by serial. */
#define MQ_FEED_BITS	10

/**
 * struct mq_scratch - what is being written
 * @changes: changes of messages
 * @dedups: de-duplication ids
 * @definition: what a queue is
 * @ended: messages that are gone
 * @feeds: the queues, by serial
 */
struct mq_scratch {
	struct mq_change	changes[MQ_CHANGES];
	struct mq_dedup_change	dedups[MQ_CHANGES];
	u8			definition[MQ_DEFINITION_MAX] __aligned(8);
	struct mq_durable	*ended[MQ_GROUP_ENDS];
	struct hlist_head	feeds[1 << MQ_FEED_BITS];
};

/**
 * struct mq_journal - a journal that is attached
 * @refs: references: of its queues, and of its attachment
 * @link: link in the list of all
 * @ready: it can be used (under the lock of that list)
 * @name: its name (invariant)
 * @target: another journal is being moved to it, or was moved out of it: it has no
 *	thread and no queues, and is in the list for its file alone (invariant)
 * @medium: its file (changed under @lock and the lock of that list)
 * @shape: what its superblock says (changed under @lock)
 * @epoch: number of this attachment, random
 * @epochs: how often it was attached before
 * @seed: of the checksums
 * @capacity: bytes that all messages may take (read without lock)
 * @record_max: the most bytes of a record, which never shrinks (read without lock)
 * @large: larger records count double: see mq_persist_cost() (invariant)
 * @thread: writes it
 *
 * Of the thread:
 * @side: which of the two members of mq_durable.at, and of mq_feed.at, is for
 *	its file
 * @segments: the places
 * @places: how many of these are free
 * @left: how many are MQ_SEGMENT_LEFT
 * @sequence: of the last segment
 * @serial: of the next object
 * @streams: the open segments
 * @marks: up to where the streams are flushed
 * @header: a segment's header
 * @victim: the segment that is being cleaned, or what is read back
 * @fetched: what was read back last: see fetch.c
 * @alive: the sequences of the segments that are needed, sorted
 * @objects: the messages that the file has, by serial
 * @hash_bits: logarithm of the number of lists in @objects
 * @scratch: what is being written
 * @added: bytes of records that were added
 * @broken: the first error of a write or a flush: nothing is written any more
 * @unflushed: something was written since the last flush
 * @marked: a block after the last flush says how far it went
 * @flush_ns: mean time of a flush
 * @expected: how many callers may wait for the next group soon: those whom the last
 *	one released, and those who waited already then
 * @backlog: the last group had no room for all changes
 * @whole: the last group had all that was changed before it began
 * @renewed: the first group is over, and with it mq_log_renew()
 * @said_room: when senders were told last that there is room, in jiffies
 * @next: what is written goes to this file as well, to which the journal is moved
 *
 * Shared:
 * @lock: protects the members up to @move
 * @begun: number of the group that was begun last
 * @waiting: callers that wait for a group, by its parity; 0 from the moment on
 *	when it releases them
 * @uncounted: the last group that did so, by its parity (read without lock)
 * @feeds: of all its queues
 * @queues: how many these are
 * @fetches: what is to be read back: struct mq_portion, by their rounds
 * @round: that of the last one that was taken
 * @rounds: those of the last ones of users, by hash
 * @closed: nothing is read back any more
 * @move: it is being moved to another file (read by the thread without lock)
 * @done: number of the last group that is on stable storage (read without lock)
 * @confirmed: callers that wait for a group, by its parity
 * @work: the thread waits here for something to do
 * @wanted: how many callers it waits for
 * @delay: wakes it journal_delay_ms after the first change that waits
 * @due: that time is over
 * @waiters: callers that wait
 * @wants_all: those of them who wait for the changes of all queues
 * @hungry: feeds that have changes
 * @ended: messages that are gone
 * @orphans: messages whose journal is being detached
 * @moving: messages that are between two queues, by the parity of the group
 *	in which they left the first one
 * @moved: the thread waits here for them
 * @owed: messages that took an unwritten change with them when they left a queue, one
 *	that was made before the group under way began (under @lock). The group is not
 *	confirmed while there are any
 * @owed_late: the same for changes that were made after that (under @lock)
 * @late: feeds to which some of @owed have come, with a reference each
 * @held: a group before was not confirmed, and its callers still wait (of the
 *	thread)
 * @live: bytes that all messages may take on the disk: see mq_journal_fits()
 * @short_of_room: a sender found no room
 * @state: enum devmq_journal_states
 * @error: why it failed
 * @tell_failed: the queues have not been told yet
 * @tell_thawed: the same of the end of a freeze
 * @stop: the thread shall end
 * @written: bytes that were written
 * @cleaned: bytes that the cleaner copied
 * @flushes: flushes
 * @copied: what the messages and ids that were copied to it count in @live of the
 *	journal that is moved
 */
struct mq_journal {
	struct kref		refs;
	struct list_head	link;
	bool			ready;
	bool			target;
	char			name[DEVMQ_NAME_MAX + 1];
	struct mq_medium	medium;
	struct mq_j_shape	shape;
	u64			epoch;
	u64			epochs;
	u32			seed;
	u64			capacity;
	u32			record_max;
	u32			large;
	struct task_struct	*thread;

	u32			side;
	struct mq_segment	*segments;
	u32			places;
	u32			left;
	u64			sequence;
	u64			serial;
	struct mq_stream	streams[MQ_J_STREAMS];
	struct mq_j_place	marks[MQ_J_STREAMS];
	struct mq_j_segment	*header;
	u8			*victim;
	struct mq_fetched	fetched;
	u64			*alive;
	struct hlist_head	*objects;
	u32			hash_bits;
	struct mq_scratch	*scratch;
	u64			added;
	int			broken;
	bool			unflushed;
	bool			marked;
	u64			flush_ns;
	u32			expected;
	bool			backlog;
	bool			whole;
	bool			renewed;
	unsigned long		said_room;
	struct mq_journal	*next;

	spinlock_t		lock;	/* the members up to @move */
	u64			begun;
	u32			waiting[2];
	u64			uncounted[2];
	struct list_head	feeds;
	u32			queues;
	struct rb_root_cached	fetches;
	u64			round;
	u64			rounds[MQ_FETCH_USERS];
	bool			closed;
	struct mq_move		*move;
	u64			done;
	wait_queue_head_t	confirmed[2];
	wait_queue_head_t	work;
	u32			wanted;
	struct timer_list	delay;
	bool			due;
	atomic_t		waiters;
	atomic_t		wants_all;
	struct llist_head	hungry;
	struct llist_head	ended;
	struct llist_head	orphans;
	atomic_t		moving[2];
	wait_queue_head_t	moved;
	u32			owed;
	u32			owed_late;
	struct llist_head	late;
	bool			held;
	atomic64_t		live;
	bool			short_of_room;
	u32			state;
	int			error;
	bool			tell_failed;
	bool			tell_thawed;
	bool			stop;
	u64			written;
	u64			cleaned;
	u64			flushes;
	u64			copied;
};

/* What a message counts in mq_journal.live besides its record: state and end. */
#define MQ_JOURNAL_BESIDE	128

/* Return whether a record of @bytes can be stored now, as far as one can see. */
static inline bool mq_journal_fits(const struct mq_journal *j, u64 bytes)
{
	return atomic64_read(&j->live) + bytes <= READ_ONCE(j->capacity);
}

/*
 * Return whether the file system is frozen, and the thread waits: it neither writes nor
 * reads before that ends.
 */
static inline bool mq_journal_is_frozen(const struct mq_journal *j)
{
	return READ_ONCE(j->state) == DEVMQ_JOURNAL_FROZEN;
}

/*
 * Return the number of the last change of a queue that the group under way has. That is
 * the last one that was made before it began, unless it had no room for all of these. It is
 * called under mq_queue.lock, and before a change gets its number. Who sees too late that
 * a group has begun counts a change among those before.
 */
static inline u64 mq_feed_before(struct mq_feed *f)
{
	u64 begun = READ_ONCE(f->journal->begun);

	if (f->group != begun) {
		f->group = begun;
		f->before = f->seq;
	}
	return f->before;
}

#endif /* MQ_JOURNAL_JOURNAL_H */
