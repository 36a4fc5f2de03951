/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lies between a queue and its journal. The queue says what has changed,
 * and the journal asks it for the changes when it writes.
 */
#ifndef MQ_JOURNAL_FEED_H
#define MQ_JOURNAL_FEED_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/types.h>

#include "journal/format.h"
#include "memory/layout.h"
#include "memory/stub.h"

struct mq_durable;
struct mq_feed;
struct mq_journal;
struct mq_msg;
struct mq_seen;
struct mq_subscription;
struct mq_text;

/**
 * struct mq_change - a message that has to be written, as its queue sees it
 * @d: the message
 * @seq: number of the change
 * @fresh: the record that it has with its other copies says all of it
 * @m: its bytes
 * @body: if @m is a stub: its bytes, as they were read back
 * @chunk: where @m lies, with a reference
 * @sender: who sent it
 * @s: its state, but for the serials and the version
 * @origin: name of the queue where it died, with a reference, or NULL
 * @note: with a reference, or NULL
 * @topic: the topic that it was sent to: see struct mq_detail; with a reference, or
 *	NULL
 */
struct mq_change {
	struct mq_durable	*d;
	u64			seq;
	bool			fresh;
	const struct mq_msg	*m;
	struct mq_bytes		body;
	struct mq_chunk		*chunk;
	struct mq_sender	sender;
	struct mq_j_state	s;
	struct mq_text		*origin;
	struct mq_text		*note;
	struct mq_text		*topic;
};

/*
 * The number of the change of a message that has come from another queue. Such changes
 * come before all others, and a group has all that came before it began, and those that
 * it waits for.
 */
#define MQ_SEQ_ARRIVED	1

/* The most changes, or de-duplication ids, that are taken at a time. */
#define MQ_CHANGES	64

/**
 * struct mq_dedup_change - a de-duplication id that has to be written
 * @d: the record, but for the serial of the queue
 * @size: of @bytes; 0: the id is forgotten
 * @bytes: the id
 */
struct mq_dedup_change {
	struct mq_j_dedup	d;
	u16			size;
	u8			bytes[DEVMQ_KEY_MAX];
};

/*
 * The most bytes of what a queue is: MQ_J_QUEUE with name and options, and of these
 * those that are for the bindings.
 */
#define MQ_DEFINITION_MAX	65536
#define MQ_DEFINITION_BINDINGS	(MQ_DEFINITION_MAX - 4096)

/**
 * struct mq_ceilings - ids and deliveries that may have been used
 * @next_id: no message has this id or a higher one
 * @delivered: no message with this id or a higher one was delivered
 */
struct mq_ceilings {
	u64	next_id;
	u64	delivered;
};

/**
 * struct mq_feed_walk - a walk through all that a queue has
 * @cursor: place among the messages: a struct mq_cursor, which is not in use
 * @after: id of the last message; 0 to begin
 * @after_dedup: id of the last message whose de-duplication id was seen
 * @side: of the file: see mq_journal.side
 * @more: there may be more messages
 * @more_dedups: there may be more de-duplication ids
 */
struct mq_feed_walk {
	void	*cursor;
	u64	after;
	u64	after_dedup;
	u32	side;
	bool	more;
	bool	more_dedups;
};

/**
 * struct mq_feed_ops - functions of the queue that a feed belongs to. The thread
 *	of the journal calls them, and holds no lock
 * @begin: a group begins: it has what has come from other queues until now. Return the
 *	number of the last change
 * @take: fill in the next changes, up to the one with number @last, MQ_CHANGES at
 *	most. Return how many
 * @take_late: the same for messages that have come from other queues, and that the group
 *	waits for
 * @put_off: changes after @written wait for the next group
 * @take_dedups: the same for de-duplication ids of messages whose changes have
 *	numbers up to @last, and were made before the group under way began
 * @walk: fill in the next messages that a file does not have, MQ_CHANGES at most.
 *	Those that will be taken as changes are left out. Return how many these are
 * @walk_dedups: the same for de-duplication ids, whichever the file has
 * @walk_end: forget the place of a walk
 * @remembers: return whether the queue remembers the de-duplication id of a
 *	message
 * @window: return for how long an id is remembered, in nanoseconds
 * @define: fill in the record of what the queue is, but for serial and version
 * @ceilings: fill in the ceilings that have to be written. Return false if those
 *	of the last time are high enough
 * @calm: nothing has happened for a while
 * @stored: all changes that were taken are on stable storage
 * @raise: these ceilings are on stable storage
 * @room: the journal has room again
 * @failed: the journal has failed
 * @works: it works again
 * @thawed: its file system is not frozen any more
 * @put: drop the reference to the queue
 */
struct mq_feed_ops {
	u64	(*begin)(struct mq_feed *f);
	u32	(*take)(struct mq_feed *f, struct mq_change *c, u64 last);
	u32	(*take_late)(struct mq_feed *f, struct mq_change *c);
	void	(*put_off)(struct mq_feed *f);
	u32	(*take_dedups)(struct mq_feed *f, struct mq_dedup_change *c,
			       u64 last);
	u32	(*walk)(struct mq_feed *f, struct mq_feed_walk *w,
			struct mq_change *c);
	u32	(*walk_dedups)(struct mq_feed *f, struct mq_feed_walk *w,
			       struct mq_dedup_change *c);
	void	(*walk_end)(struct mq_feed *f, struct mq_feed_walk *w);
	bool	(*remembers)(struct mq_feed *f, u64 id);
	u64	(*window)(struct mq_feed *f);
	void	(*define)(struct mq_feed *f, struct mq_j_queue *q);
	bool	(*ceilings)(struct mq_feed *f, struct mq_ceilings *c);
	void	(*calm)(struct mq_feed *f);
	void	(*stored)(struct mq_feed *f);
	void	(*raise)(struct mq_feed *f, const struct mq_ceilings *c);
	void	(*room)(struct mq_feed *f);
	void	(*failed)(struct mq_feed *f);
	void	(*works)(struct mq_feed *f);
	void	(*thawed)(struct mq_feed *f);
	void	(*put)(struct mq_feed *f);
};

/* Bits of mq_feed.flags: what has to be written. */
enum {
	MQ_FEED_HUNGRY,		/* it is in mq_journal.hungry */
	MQ_FEED_DEFINE,		/* what the queue is */
	MQ_FEED_CEILINGS,	/* its ceilings, whatever they were before */
	MQ_FEED_ENDS,		/* the queue was removed */
	MQ_FEED_AWAITED,	/* its changes: a caller waits for them */
	MQ_FEED_LATE,		/* it is in mq_journal.late */
};

/**
 * struct mq_feed_where - where a file of the journal has what a queue is
 * @segment: place of the segment with the last record of that
 * @ceiling_segment: place of the segment with that of its ceilings
 * @size: bytes of the former; 0: none, or it is not known where that is
 * @older: segments before that may have older records
 * @raised: there is a record of its ceilings, and it is known where
 */
struct mq_feed_where {
	u32	segment;
	u32	ceiling_segment;
	u32	size;
	bool	older;
	bool	raised;
};

/**
 * struct mq_feed - a queue's part of its journal
 * @journal: the journal, or NULL: the queue has none (invariant until it is
 *	detached)
 * @full: the journal has no room, and so the queue has none (mq_queue.lock)
 * @idless: there are no ids until the journal has written that there are more, which
 *	all senders wait for, whatever the overflow option says; then it is @full as
 *	well (mq_queue.lock)
 * @behind: a message is ready, and @safe.delivered is too low for it
 *	(mq_queue.lock, read without it)
 * @detaching: the journal is being detached with the messages of the queue
 *	(mq_queue.lock)
 * @removed: the queue was removed, and its journal told so (of the remover)
 *
 * A queue without a journal has only these, and no memory for the rest
 * (MQ_FEED_HEAD). It finds that all but @journal is zero.
 *
 * @ops: functions of the queue (invariant)
 * @link: link in mq_journal.feeds (mq_journal.lock)
 * @hungry: link in mq_journal.hungry
 * @late: link in mq_journal.late
 * @flags: see above (atomic)
 *
 * Under mq_queue.lock:
 * @dirty: messages that have changed, in the order of their first change
 * @arrived: messages that have come from other queues, and have to be written
 * @arrivals: those of them that came before the group began
 * @owed: those that came later, and count in mq_journal.owed
 * @seq: number of the last one that was put into @dirty
 * @before: number of the last one that was there before @group began, and that it has, if
 *	the message has not left
 * @group: the group that was begun last when @before was set
 * @asked: ceilings that are needed
 * @safe: ceilings that are on stable storage
 * @floor: messages below this id may have been delivered before the journal was
 *	attached
 * @ahead: how far the ceiling of deliveries is raised above them
 * @raised_at: when it was changed last, in jiffies
 * @calm: nothing has happened for a while
 * @dedups: de-duplication ids that have to be written: struct mq_seen
 * @quiet: the messages are being put into the queue, as the journal has them
 * @detached: the journal has been detached
 * @subscribed: bindings from topics in the journal, or NULL (changed under
 *	mq_registry_lock, too)
 * @taking: of a topic: messages that were taken, and may not be on stable storage yet
 * @resident: of a topic: messages that are there, and are in memory as well; mostly in
 *	the order of their ids
 * @replaced: of a topic: messages that are gone. Others, with changes up to the
 *	mq_durable.seq that each has, may have taken their places
 *
 * Of the thread of the journal:
 * @written: changes up to this number are written, and on stable storage when
 *	the group is
 * @confirmed: up to this one they are (read by all)
 * @last: the last change that belongs to the group
 * @replaces: taken from @replaced, the oldest first: they wait until what replaces
 *	them is written
 * @replaces_last: the newest of these, if there is any
 * @ends: the queue was removed, and its end belongs to the group
 * @removed_in: number of the group that was under way when it was removed (set once,
 *	before MQ_FEED_ENDS)
 * @awaited: a caller waits for changes that the group may have
 * @serial: number of the queue in the journal
 * @by_serial: link in mq_scratch.feeds
 * @version: of the last record of what the queue is
 * @window: for how long it remembered a de-duplication id then
 * @ceiling: version of the last record of its ceilings
 * @at: where it is, by mq_journal.side
 * @pending: ceilings that the group has
 * @raises: it has some
 * @taken: link in the list of the group, or empty
 */
struct mq_feed {
	struct mq_journal		*journal;
	bool				full;
	bool				idless;
	bool				behind;
	bool				detaching;
	bool				removed;

	const struct mq_feed_ops	*ops;
	struct list_head		link;
	struct llist_node		hungry;
	struct llist_node		late;
	unsigned long			flags;

	struct list_head		dirty;
	struct list_head		arrived;
	struct list_head		arrivals;
	struct list_head		owed;
	u64				seq;
	u64				before;
	u64				group;
	struct mq_ceilings		asked;
	struct mq_ceilings		safe;
	u64				floor;
	u32				ahead;
	unsigned long			raised_at;
	bool				calm;
	struct list_head		dedups;
	bool				quiet;
	bool				detached;
	struct mq_subscription		*subscribed;
	struct list_head		taking;
	struct list_head		resident;
	struct llist_head		replaced;

	u64				written;
	u64				confirmed;
	u64				last;
	struct llist_node		*replaces;
	struct llist_node		*replaces_last;
	bool				ends;
	bool				awaited;
	u64				removed_in;
	u64				serial;
	struct hlist_node		by_serial;
	u32				version;
	u64				window;
	u64				ceiling;
	struct mq_feed_where		at[2];
	struct mq_ceilings		pending;
	bool				raises;
	struct list_head		taken;
};

/* Bytes of what each queue has, with and without a journal. */
#define MQ_FEED_HEAD	offsetofend(struct mq_feed, removed)

#endif /* MQ_JOURNAL_FEED_H */
