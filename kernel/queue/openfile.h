/* SPDX-License-Identifier: GPL-2.0 */
/* An open file of a queue. */
#ifndef MQ_QUEUE_OPENFILE_H
#define MQ_QUEUE_OPENFILE_H

#include <linux/bits.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/devmq.h>

#include "memory/chunk.h"
#include "memory/keep.h"
#include "queue/parts.h"
#include "queue/queue.h"
#include "wait/gate.h"

struct mm_struct;
struct mq_fanout;
struct mq_owner;
struct mq_portion;
struct mq_text;

/**
 * enum mq_no_credit - why a consumer may hold no other delivery
 * @MQ_HOLDS_ALONE: it holds a message that is handed out alone
 * @MQ_NEXT_IS_ALONE: it holds other deliveries, and the next message is handed
 *	out alone. The file is in mq_queue.alone_waiting, or mq_alone_tell() is
 *	about to clear this bit
 */
enum mq_no_credit { MQ_HOLDS_ALONE = BIT(0), MQ_NEXT_IS_ALONE = BIT(1) };

/**
 * struct mq_file - an open file of a queue
 * @q: the queue (invariant, holds a reference)
 * @link: link in mq_queue.consumers, if it is a consumer (mq_queue.lock)
 * @tell: link in mq_queue.notified or mq_queue.to_notify, if it is a consumer
 *	(mq_queue.lock)
 * @alone: link in mq_queue.alone_waiting or mq_queue.alone_untold
 *	(mq_queue.lock)
 * @rcu: frees the file, a grace period after it was detached
 * @mode: FMODE_READ and FMODE_WRITE as passed to open(2); neither: the file can
 *	only look at the queue (invariant)
 * @roles: FMODE_READ: it is a consumer; FMODE_WRITE: it is a producer. Roles
 *	are added and never removed (mq_queue.lock, read without it)
 * @look: the file may look at messages and purge them without being a consumer
 *	(invariant)
 * @exclusive: the file was opened with O_EXCL (invariant)
 * @sync: the file was opened with O_DSYNC or O_SYNC (invariant)
 * @plain: a consumer with ack=auto, no lease, and no reason in @no_credit: see
 *	mq_file_update_plain_locked() (mq_queue.lock)
 * @no_credit: mask of enum mq_no_credit (mq_queue.lock, read without it)
 * @holds: the same with ack=manual: it holds what it receives, without a lease, if
 *	it has credit (mq_queue.lock)
 * @pid: process that last received with the file, or else opened it, in the
 *	initial pid namespace (mq_queue.lock)
 * @rx: serialises read(2), so that a message that is read in parts goes to one
 *	reader at a time. A plain message that is read whole does not need it
 * @partial: message that was read in part; it is in @held between two reads.
 *	Changed with @rx and mq_queue.lock held; settling it, or the end of its
 *	lease, needs mq_queue.lock only
 * @partial_done: how many bytes of @partial were read (as @partial)
 * @ack: enum devmq_ack (mq_queue.lock)
 * @prefetch: maximum number of deliveries held, 0: unlimited (mq_queue.lock,
 *	read without it)
 * @reading: a thread that holds @rx has a message in hand and may leave it read
 *	in part (mq_queue.lock)
 * @lost: the message that was read in part was taken back, and no reader has
 *	been told yet (mq_queue.lock, read without it)
 * @lease_ns: how long a delivery may be held, 0: forever (mq_queue.lock)
 * @held: deliveries that are neither settled nor in hand (mq_queue.lock)
 * @held_count: deliveries that are not settled, including those in hand
 *	(mq_queue.lock, read without it)
 * @last_id: id of the message received last (mq_queue.lock)
 * @owner: process that last received with the file, see call/owner.c
 *	(mq_queue.lock, read without it)
 * @owner_mm: memory of that process (as @owner)
 * @disowned: several processes have received with the file (set once)
 * @stand: threads, commands and pollers that wait with the file
 * @cursor: where the last PEEK stopped (mq_queue.lock, and bit 0 of @looking)
 * @looking: bit 0: a PEEK is using @cursor (atomic)
 * @position: of a topic: id of the next message to read (@rx and mq_queue.lock,
 *	read without them)
 * @position_done: how many bytes of that message were read (as @position)
 * @portion: what was read back from the journal last, or NULL (@rx)
 * @frozen: the file system of the journal was frozen when that message was to be read
 *	back (written with @rx, read without it)
 * @buried: the last tombstone that went before the file had its position, or was
 *	told of it (as @position)
 * @fanout: of a producer of a topic, what its next publication uses, or NULL
 *	(atomic)
 * @full: the name of the queue for whose room a sender of a topic waits, or that
 *	refused the last message; or NULL (mq_queue.lock)
 * @supply: memory that messages sent with the file are cut from, and its payer
 * @tx: serialises the writers of a queue with framing=line
 * @tx_waits: the thread that holds @tx waits for room (@tx, read without it)
 * @tail: unfinished line, or NULL (@tx)
 * @tail_room: bytes of payload that @tail has memory for (@tx)
 * @tail_held: bytes that are reserved in the queue for @tail; 0: neither bytes
 *	nor a place for a message are reserved (mq_queue.lock, read without it)
 * @parked: commands of io_uring that wait (mq_queue.lock)
 * @parked_count: number of commands in @parked (mq_queue.lock)
 */
struct mq_file {
	struct mq_queue		*q;
	struct list_head	link;
	struct list_head	tell;
	struct list_head	alone;
	struct rcu_head		rcu;
	fmode_t			mode;
	fmode_t			roles;
	bool			look;
	bool			exclusive;
	bool			sync;
	bool			plain;
	u8			no_credit;
	bool			holds;
	u32			pid;

	struct mutex		rx;	/* serialises read(2) */
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

	u64			position;
	u32			position_done;
	bool			frozen;
	u64			buried;
	struct mq_portion	*portion;
	struct mq_fanout	*fanout;
	struct mq_text		*full;
	struct mq_supply	supply;

	struct mutex		tx;	/* serialises framing=line */
	bool			tx_waits;
	struct mq_entry		*tail;
	u32			tail_room;
	u32			tail_held;

	struct list_head	parked;	/* commands of io_uring */
	u32			parked_count;
};

/*
 * Set mq_file.plain, which says that a read(2) of a plain message needs no
 * check of the file, only of the queue; and mq_file.holds.
 */
static inline void mq_file_update_plain_locked(struct mq_file *f)
{
	bool plain = f->roles & FMODE_READ && !f->lease_ns && !f->no_credit;

	lockdep_assert_held(&f->q->lock);
	f->plain = plain && f->ack == DEVMQ_ACK_AUTO;
	f->holds = plain && f->ack == DEVMQ_ACK_MANUAL;
}

#endif /* MQ_QUEUE_OPENFILE_H */
