// SPDX-License-Identifier: GPL-2.0
/* Count the calls and the io_uring commands that wait, and for how long. */
#include <linux/ktime.h>
#include <linux/math64.h>

#include "wait/side.h"

void mq_side_init(struct mq_side *side)
{
	spin_lock_init(&side->lock);
	INIT_LIST_HEAD(&side->waits);
}

/* Begin a wait of a call or a command, unless it has begun already. */
void mq_wait_begin(struct mq_side *side, struct mq_wait *w)
{
	if (w->since)
		return;
	w->since = ktime_get_boottime_ns();
	spin_lock(&side->lock);
	list_add_tail(&w->link, &side->waits);
	side->waiting++;
	spin_unlock(&side->lock);
}

/* End a wait, if it has begun. */
void mq_wait_end(struct mq_side *side, struct mq_wait *w)
{
	if (!w->since)
		return;
	spin_lock(&side->lock);
	list_del(&w->link);
	side->waiting--;
	spin_unlock(&side->lock);
	w->since = 0;
}

/* Get the number of waits, and how long the oldest has lasted. */
void mq_wait_stat(struct mq_side *side, u64 *waiting, u64 *first_ms)
{
	u64 now = ktime_get_boottime_ns();
	const struct mq_wait *w;

	spin_lock(&side->lock);
	*waiting = side->waiting;
	w = list_first_entry_or_null(&side->waits, struct mq_wait, link);
	*first_ms = w && w->since < now ? div_u64(now - w->since,
						  NSEC_PER_MSEC) : 0;
	spin_unlock(&side->lock);
}
