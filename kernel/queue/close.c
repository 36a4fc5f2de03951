// SPDX-License-Identifier: GPL-2.0
/* The end of a queue: nothing more comes in or out, and what was stored goes. */
#include <linux/sched.h>
#include <linux/devmq.h>

#include "memory/entry.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/close.h"
#include "queue/lock.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/state.h"
#include "queue/walk.h"

/* Nothing comes in or out any more. */
void mq_queue_gone_locked(struct mq_queue *q)
{
	WRITE_ONCE(q->gone, true);
	mq_places_close(q, true);
	mq_queue_tune_locked(q);
}

/**
 * mq_queue_close - let nothing more in or out
 * @q: the queue
 * @force: even though it stores messages
 *
 * Return: 0, or ENOTEMPTY and nothing has changed.
 */
int mq_queue_close(struct mq_queue *q, bool force)
{
	int err = 0;

	mq_lock(q);
	if ((!force && q->stored) || !mq_places_close(q, force))
		err = -ENOTEMPTY;
	else
		mq_queue_gone_locked(q);
	mq_unlock(q);
	return err;
}

/*
 * Free what was in a queue that is closed. What is in flight stays with its
 * holder, and goes with that.
 */
void mq_queue_drain(struct mq_queue *q)
{
	struct mq_cursor c;
	struct mq_entry *e;
	u64 after = 0;

	WARN_ON_ONCE(!q->gone);
	mq_clocks_stop(q);
	mq_cursor_init(&c);
	do {
		unsigned int left = MQ_WALK_STEPS;

		spin_lock(&q->lock);
		e = mq_walk_locked(q, &c, ~DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT),
				   &after, &left);
		if (!IS_ERR_OR_NULL(e)) {
			after = mq_msg(e)->id;
			mq_state_leave_locked(q, e);
			mq_queue_unlink_locked(q, e);
		} else if (!e) {
			mq_cursor_unlink_locked(q, &c);
		}
		mq_unlock(q);
		cond_resched();
	} while (e);
}
