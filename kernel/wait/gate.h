/* SPDX-License-Identifier: GPL-2.0 */
/* Where those stand who wait for messages and for room: see wake.c. */
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
struct mq_stand;

/**
 * struct mq_gate_ops - what those who wait have to know of a queue
 * @is_gone: it was removed: all waiting ends
 * @is_ready: there is a message that somebody could receive, and no pause
 * @has_credit: a consumer may hold another delivery
 * @can_receive: a receive would not sleep; @partial: it is a read(2), which may
 *	go on with a half-read message
 * @may_send: it is of use to try to send so many bytes of payload, and of key and
 *	headers
 * @may_grow: the same for an unfinished line that has @held bytes reserved and is
 *	to have @size
 * @room: for how large a message there is room, or by how much an unfinished line
 *	that has a place may grow; false: not for an empty one
 * @kick: have the queue's work run, which calls mq_pollers_work()
 *
 * All but the last look without the queue's lock, at what is written in one piece.
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
 * struct mq_gate - who waits at a queue
 * @ops: what is to be known of the queue (invariant)
 * @blocked: files that found no room, and may be polled
 * @readers: consumers that wait for a message, and open files for their pollers
 *	and their commands of io_uring
 * @writers: pollers that wait for room
 * @crowd: the gate itself in @readers, for those who poll files (lock of that)
 * @polled: the files that are polled (lock of @readers)
 * @polled_count: how many those are (lock of @readers)
 * @untold_pollers: bits: whom the queue's work is to tell (pollers.c)
 * @room: producers that wait for it, each for as much as its message needs
 * @growth: writers whose unfinished line needs more room, but no place
 * @parked: commands of io_uring that wait for a message, for what concerns all
 * @rx: readers that are about to receive
 * @tx: writers that are about to send
 * @grace: who was woken has not tried yet: how long is that waited for (wait.c)
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
 * struct mq_stand - who waits with an open file
 * @gate: at the gate of its queue (invariant)
 * @own: its sleeping readers, for what concerns it alone
 * @polls: those who poll it for messages, or for the end of the queue
 * @relay: the file itself in mq_gate.readers, for those of them who want to be
 *	the only one (lock of that)
 * @polled: link in mq_gate.polled, if there are any (as @relay)
 * @away: @relay has left its line, as none of them listened (as @relay, looked at
 *	without)
 * @tell_all: the queue's work is to tell all of them (lock of @polls)
 * @wants: what the last send could not get room for, 0: it could (atomic)
 * @waiting: its commands of io_uring that wait for a message, in order (lock of
 *	mq_gate.readers, looked at without)
 * @front: the file itself, in mq_gate.readers for these (lock of that)
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
	struct mq_memory_turn	memory;
};

/* In the key of a wake-up: it is not for one, but for all. */
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
