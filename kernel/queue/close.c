// SPDX-License-Identifier: GPL-2.0
/* Close a queue when it is removed, and free what it stores. */
#include <linux/sched.h>
#include <linux/devmq.h>

#include "memory/entry.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/close.h"
#include "queue/persist.h"
#include "queue/lock.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/state.h"
#include "queue/walk.h"

/* Mark a queue as removed: no message enters or leaves it from now on. */
void mq_queue_mark_removed_locked(struct mq_queue *q)
{
	WRITE_ONCE(q->gone, true);
	mq_places_close(q, true);
	mq_queue_update_plain_locked(q);
}

/**
 * mq_queue_close - close a queue, so that no message enters or leaves it
 * @q: the queue
 * @force: close it even if it stores messages or messages are coming to it
 *
 * Return: 0, or ENOTEMPTY and nothing has changed.
 */
int mq_queue_close(struct mq_queue *q, bool force)
{
	int err = 0;

	mq_lock(q);
	if ((!force && (q->stored || q->promised)) || !mq_places_close(q, force))
		err = -ENOTEMPTY;
	else
		mq_queue_mark_removed_locked(q);
	mq_unlock(q);
	return err;
}

/*
 * Call @fn for all messages of a queue that was closed, in the states of the
 * mask @states, in portions.
 */
static void mq_closed_walk(struct mq_queue *q, u32 states,
			   void (*fn)(struct mq_queue *q, struct mq_entry *e))
{
	struct mq_cursor c;
	struct mq_entry *e;
	u64 after = 0;

	mq_cursor_init(&c);
	do {
		unsigned int left = MQ_WALK_STEPS;

		spin_lock(&q->lock);
		e = mq_walk_locked(q, &c, states, &after, &left);
		if (!IS_ERR_OR_NULL(e)) {
			after = mq_msg(e)->id;
			fn(q, e);
		} else if (!e) {
			mq_cursor_unlink_locked(q, &c);
		}
		mq_unlock(q);
		mq_lock_pause();
	} while (e);
}

static void mq_drain_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_leave_locked(q, e);
	mq_queue_unlink_locked(q, e);
}

/*
 * Free the messages of a queue that was closed. Deliveries in flight stay with
 * the open files that hold them, and are freed when these are closed.
 */
void mq_queue_drain(struct mq_queue *q)
{
	u32 flight = DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);

	WARN_ON_ONCE(!q->gone);
	mq_clocks_stop(q);
	mq_closed_walk(q, ~flight, mq_drain_locked);
	if (!q->feed.journal || q->feed.detaching)
		return;
	mq_closed_walk(q, flight, mq_persist_flight_gone_locked);
	mq_persist_removed(q);
}
