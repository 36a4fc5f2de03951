/* SPDX-License-Identifier: GPL-2.0 */
/* An open file of a queue. */
#ifndef MQ_QUEUE_FILE_H
#define MQ_QUEUE_FILE_H

#include <linux/bits.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/devmq.h>

#include "memory/chunk.h"
#include "memory/keep.h"
#include "wait/gate.h"
#include "queue/parts.h"
#include "queue/queue.h"

struct mm_struct;
struct mq_owner;

/**
 * enum mq_apart - a consumer and messages that are handed out alone
 * @MQ_HOLDS_ALONE: what it holds is such a message
 * @MQ_MET_ALONE: it holds others, and such a message is next: it is in
 *	mq_queue.met, or was a moment ago
 */
enum mq_apart { MQ_HOLDS_ALONE = BIT(0), MQ_MET_ALONE = BIT(1) };

/**
 * struct mq_file - an open file of a queue
 * @q: the queue (invariant, holds a reference)
 * @link: a consumer's, in mq_queue.consumers (mq_queue.lock)
 * @tell: the same, in mq_queue.told or mq_queue.untold (mq_queue.lock)
 * @met: in mq_queue.met or mq_queue.unmet (mq_queue.lock)
 * @rcu: frees it, a while after it has been detached
 * @mode: FMODE_READ and FMODE_WRITE as it was opened; neither: for looking
 *	only (invariant)
 * @roles: FMODE_READ: it is a consumer; FMODE_WRITE: it is a producer. Roles are
 *	added and never lost (mq_queue.lock, looked at without)
 * @look: may look and purge without being a consumer (invariant)
 * @exclusive: came with O_EXCL (invariant)
 * @plain: a consumer that acknowledges by receiving, has no lease and is not
 *	@apart: see mq_file_tune_locked() (mq_queue.lock)
 * @apart: enum mq_apart, a mask: why it may hold no other delivery
 *	(mq_queue.lock, looked at without)
 * @pid: process that received with it last, or opened it, in the initial pid
 *	namespace (mq_queue.lock)
 * @rx: serialises read(2), so that a message that is read in parts goes to
 *	one reader at a time; a whole plain one is read without it
 * @partial: half-read message, in @held between reads (mq_queue.lock; changed
 *	with @rx held as well, but for settling)
 * @partial_done: bytes of it that were read (as @partial)
 * @ack: enum devmq_ack (mq_queue.lock)
 * @prefetch: most deliveries held, 0: no bound (mq_queue.lock, looked at
 *	without)
 * @reading: somebody who has @rx has a message in hand, which may be half read
 *	in the end (mq_queue.lock)
 * @lost: the half-read message was taken back, and nobody has been told
 *	(mq_queue.lock, looked at without)
 * @lease_ns: how long a delivery may be held, 0: for ever (mq_queue.lock)
 * @held: deliveries not settled and not in hand (mq_queue.lock)
 * @held_count: deliveries not settled, those in hand too (mq_queue.lock,
 *	looked at without)
 * @last_id: message received last (mq_queue.lock)
 * @owner: process that received with it last, for owner.c (mq_queue.lock,
 *	looked at without)
 * @owner_mm: its memory (as @owner)
 * @disowned: several processes received with it (set once)
 * @stand: who waits with it
 * @cursor: where the last PEEK stopped (who set @looking, and mq_queue.lock)
 * @looking: bit 0: a PEEK is at work there (atomic)
 * @supply: memory for what it sends, and who pays for that
 * @tx: serialises the writers of a framing=line queue
 * @tx_waits: who has @tx waits for room (@tx, looked at without)
 * @tail: unfinished line, or NULL (@tx)
 * @tail_room: bytes of payload that there is room for in it (@tx)
 * @tail_held: bytes that are reserved for it in the queue's bounds; 0: neither
 *	these nor a message's place (mq_queue.lock, looked at without)
 * @parked: commands of io_uring that wait (mq_queue.lock)
 * @parked_count: how many there are (mq_queue.lock)
 */
struct mq_file {
	struct mq_queue		*q;
	struct list_head	link;
	struct list_head	tell;
	struct list_head	met;
	struct rcu_head		rcu;
	fmode_t			mode;
	fmode_t			roles;
	bool			look;
	bool			exclusive;
	bool			plain;
	u8			apart;
	u32			pid;

	struct mutex		rx;	/* read(2) */
	struct mq_entry		*partial;
	u32			partial_done;
	bool			reading;
	bool			lost;

	u32			ack;
	u32			prefetch;
	u64			lease_ns;
	struct mq_held		held;
	u64			held_count;
	u64			last_id;
	struct mq_owner		*owner;
	struct mm_struct	*owner_mm;
	bool			disowned;
	struct mq_stand		stand;
	struct mq_cursor	cursor;
	unsigned long		looking;

	struct mq_supply	supply;

	struct mutex		tx;	/* framing=line */
	bool			tx_waits;
	struct mq_entry		*tail;
	u32			tail_room;
	u32			tail_held;

	struct list_head	parked;	/* io_uring */
	u32			parked_count;
};

/* See whether its plain reads need a look at nothing but the queue. */
static inline void mq_file_tune_locked(struct mq_file *f)
{
	lockdep_assert_held(&f->q->lock);
	f->plain = f->roles & FMODE_READ && f->ack == DEVMQ_ACK_AUTO &&
		   !f->lease_ns && !f->apart;
}

#endif /* MQ_QUEUE_FILE_H */
