// SPDX-License-Identifier: GPL-2.0
/* Returning what a consumer holds, when it is closed or its process dies. */
#include <linux/sched.h>

#include "base/base.h"
#include "call/return.h"
#include "memory/alloc.h"
#include "memory/entry.h"
#include "queue/delivery.h"
#include "queue/held.h"
#include "queue/lock.h"
#include "queue/openfile.h"
#include "queue/queue.h"
#include "queue/state.h"

/*
 * Return all that a consumer holds, at its last close or when its process dies.
 * The oldest message goes first, so that those that become dead go to the
 * dead-letter queue in order. The lock is dropped between portions, as there is
 * no bound to what a consumer may hold.
 */
void mq_deliveries_return(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	struct mq_detail *detail = NULL;
	unsigned int n;
	bool needs;

	do {
		struct mq_entry *e;

		needs = false;
		mq_lock(q);
		for (n = 0; n < MQ_PORTION && !q->gone; n++) {
			e = mq_held_first(&f->held);
			needs = e && !mq_delivery_prepare_locked(q, e, 0, &detail);
			if (!e || needs)
				break;
			mq_delivery_unhold_locked(f, e);
			mq_delivery_return_locked(f, e);
		}
		mq_unlock(q);
		mq_lock_pause();
		if (needs)
			detail = mq_detail_alloc();
	} while (needs || n == MQ_PORTION);
	mq_detail_free(detail);
}

/* Free what a consumer still holds of a queue that has been removed. */
void mq_deliveries_discard(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	struct mq_entry *e;

	do {
		mq_lock(q);
		e = mq_held_first(&f->held);
		if (e) {
			mq_delivery_unhold_locked(f, e);
			mq_state_leave_locked(q, e);
			mq_queue_unlink_locked(q, e);
		}
		mq_unlock(q);
		mq_lock_pause();
	} while (e);
}
