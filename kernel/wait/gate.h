/* SPDX-License-Identifier: GPL-2.0 */
/* The waiters of a queue and those of an open file: see wake.c. */
#ifndef MQ_WAIT_GATE_H
#define MQ_WAIT_GATE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/list.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "base/waiters.h"
#include "memory/shortage.h"
#include "wait/side.h"

struct mq_gate;
struct mq_patience;
struct mq_stand;

/**
 * struct mq_gate_ops - what waiters ask of the queue
 * @is_gone: returns true if the queue was removed, so that all waits end
 * @is_ready: returns true if there is a message that some consumer could
 *	receive, and receiving is not paused
 * @has_credit: returns true if the consumer may hold another delivery
 * @can_receive: returns true if a receive would not sleep. @partial: it is a
 *	read(2), which may continue a half-read message
 * @may_send: returns true if a writer should try to send a message with
 *	@payload bytes of payload and @meta bytes of key and headers: there is
 *	room for it, or there never will be
 * @may_grow: the same for an unfinished line that has @held bytes reserved and
 *	needs @size bytes
 * @room: gets the size of the largest message for which there is room; with
 *	@has_place, by how many bytes an unfinished line may grow that has
 *	reserved a place. Returns false if there is no room even for an empty
 *	message
 * @kick: queues the queue's work, which calls mq_pollers_work()
 *
 * All but @kick read fields of the queue without its lock. Each of these fields
 * is written in one piece.
 */
struct mq_gate_ops {
	bool	(*is_gone)(const struct mq_gate *g);
	bool	(*is_ready)(const struct mq_gate *g);
	bool	(*has_credit)(const struct mq_stand *stand);
	bool	(*can_receive)(const struct mq_stand *stand, bool partial);
	bool	(*may_send)(const struct mq_gate *g, u64 payload, u64 meta);
	bool	(*may_grow)(const struct mq_gate *g, u64 held, u64 size);
	bool	(*room)(const struct mq_gate *g, bool has_place, u64 *room);
	void	(*kick)(struct mq_gate *g);
};

/**
 * struct mq_gate - the waiters of a queue
 * @ops: what they ask of the queue (invariant)
 * @blocked: number of open files that want room: see mq_set_wanted_room()
 *	(atomic)
 * @readers: wait queue for messages: threads, @crowd, and for each open file
 *	mq_stand.relay and mq_stand.front
 * @writers: wait queue of pollers for room
 * @crowd: the wait queue entry in @readers for the pollers of all open files
 *	(lock of @readers)
 * @polled: the open files that have pollers (lock of @readers)
 * @polled_count: number of files in @polled (lock of @readers)
 * @untold_pollers: bits: which pollers the queue's work must notify, and whether it must
 *	wake all threads in @readers (pollers.c)
 * @room: wait list for room, with threads and parked commands, each with the
 *	size of its message
 * @growth: wait list of writers whose unfinished line has a place and needs
 *	more bytes
 * @parked: parked RECV commands, for changes that concern all of them
 * @rx: the waits of readers
 * @tx: the waits of writers
 * @grace: timer that wakes others if the waiters that are called do not run
 *	(wake.c)
 */
struct mq_gate {
	const struct mq_gate_ops *ops;
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
};

/**
 * struct mq_stand - the waiters of an open file
 * @gate: the gate of its queue (invariant)
 * @own: wait queue of its sleeping readers, for changes that concern only this
 *	file
 * @polls: wait queue of its pollers for messages, or for the removal of the
 *	queue
 * @relay: the wait queue entry in mq_gate.readers for its exclusive pollers
 *	(lock of mq_gate.readers)
 * @polled: link in mq_gate.polled, if the file has pollers (as @relay)
 * @away: @relay was removed, because no exclusive poller accepted a wake-up (as
 *	@relay, read without it)
 * @tell_all: the queue's work must notify all pollers of the file (lock of
 *	@polls)
 * @wants: bytes for which the last send found no room, 0: it found room
 *	(atomic)
 * @waiting: the parked RECV commands, the oldest first (lock of
 *	mq_gate.readers, read without it)
 * @front: the wait queue entry in mq_gate.readers for these commands (lock of
 *	mq_gate.readers)
 */
struct mq_stand {
	struct mq_gate		*gate;
	wait_queue_head_t	own;
	wait_queue_head_t	polls;
	wait_queue_entry_t	relay;
	struct list_head	polled;
	bool			away;
	bool			tell_all;
	unsigned long		wants;
	struct list_head	waiting;
	wait_queue_entry_t	front;
};

/**
 * struct mq_turn - state of a writer between two waits
 * @wait: since when the writer waits
 * @called: the writer was woken, and other waiters rely on it to try
 * @ticket: the writer's place in the wait list, 0: none yet
 * @memory: the same for waits for memory
 * @hurries: it must not even sleep for a mutex that others hold for a moment
 * @patience: what a sender of a topic notes besides, or NULL
 */
struct mq_turn {
	struct mq_wait		wait;
	bool			called;
	u64			ticket;
	struct mq_memory_turn	memory;
	bool			hurries;
	struct mq_patience	*patience;
};

/* Return true if the writer has not waited, and keeps nothing from others. */
static inline bool mq_turn_is_new(const struct mq_turn *turn)
{
	return !turn->wait.since && !turn->called && !turn->memory.payer &&
	       !turn->patience;
}

/* Set in the key of a wake-up that is for all waiters. */
#define MQ_TO_ALL	((__force __poll_t)BIT(20))

static inline bool mq_gate_is_gone(const struct mq_gate *g)
{
	return g->ops->is_gone(g);
}

static inline bool mq_stand_has_credit(const struct mq_stand *stand)
{
	return stand->gate->ops->has_credit(stand);
}

static inline bool mq_stand_can_receive(const struct mq_stand *stand,
					bool partial)
{
	return stand->gate->ops->can_receive(stand, partial);
}

#endif /* MQ_WAIT_GATE_H */
