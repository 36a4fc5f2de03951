// SPDX-License-Identifier: GPL-2.0
/*
 * The ceilings of a queue that has a journal: how far ids and deliveries may go.
 *
 * That a message is in flight is not written. After a crash it is ready again,
 * and marked as redelivered if its id is below the ceiling of deliveries: no
 * message is handed out before a ceiling above its id is on stable storage. In
 * the same way no id is given to a message before a ceiling above it is.
 */
#include <linux/jiffies.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "journal/journal.h"
#include "journal/notice.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "queue/ceiling.h"
#include "queue/queue.h"

/* How far the ceiling of ids is ahead; it is raised when half of that is used. */
#define MQ_IDS_AHEAD		BIT(20)

/*
 * The same of deliveries. What is below the ceiling, and was not delivered, counts as
 * redelivered after a crash, so the ceiling is no farther ahead than it has to be: the
 * distance doubles when it is used up within MQ_AHEAD_SOON, and shrinks otherwise. When
 * it has not been raised for MQ_AHEAD_LATE, or nothing happens, the ceiling comes down.
 */
#define MQ_AHEAD_MIN		16
#define MQ_AHEAD_MAX		4096
#define MQ_AHEAD_SOON		(HZ / 10)
#define MQ_AHEAD_LATE		HZ

static struct mq_queue *mq_ceiling_queue(struct mq_feed *f)
{
	return container_of(f, struct mq_queue, feed);
}

void mq_persist_ceilings_init(struct mq_feed *f)
{
	f->ahead = MQ_AHEAD_MIN;
	f->raised_at = jiffies - MQ_AHEAD_SOON;
}

/*
 * Return whether a message must not be handed out yet, as the ceiling of
 * deliveries is too low for it. Have it raised, also if it soon will be.
 */
bool mq_persist_bars_locked(struct mq_queue *q, const struct mq_entry *e)
{
	struct mq_feed *f = &q->feed;
	u64 id = mq_msg(e)->id;

	if (f->asked.delivered <= id)
		f->asked.delivered = id + 1;
	if (likely(id + f->ahead / 2 < f->safe.delivered))
		return false;
	mq_feed_say(f);
	if (id < f->safe.delivered || READ_ONCE(f->journal->error))
		return false;
	WRITE_ONCE(f->behind, true);
	return true;
}

/*
 * After a receive that met a message which must not be handed out yet: wait for the
 * ceiling, and return 0 to try again, or EINTR. A caller that must not wait for a
 * message waits all the same, since there is one and it only takes a flush, but not
 * for the end of a freeze: then return EAGAIN.
 */
int mq_persist_unbar(struct mq_queue *q, bool nowait)
{
	int err;

	/* The ceiling may have been raised since, or the message have gone. */
	if (!READ_ONCE(q->feed.behind))
		return 0;
	if (nowait && mq_journal_is_frozen(q->feed.journal))
		return -EAGAIN;
	err = mq_journal_confirm(q->feed.journal, NULL, 0);
	return err == -EINTR ? err : 0;
}

/* Return whether the ceiling of deliveries is farther ahead than it has to be. */
static bool mq_persist_is_high(const struct mq_feed *f)
{
	return f->asked.delivered &&
	       f->safe.delivered > max(f->floor, f->asked.delivered +
						 2 * MQ_AHEAD_MIN);
}

/* Nothing has happened for a while: let the ceiling of deliveries come down. */
void mq_persist_calm(struct mq_feed *f)
{
	struct mq_queue *q = mq_ceiling_queue(f);

	spin_lock(&q->lock);
	f->calm = mq_persist_is_high(f);
	if (f->calm)
		mq_feed_say(f);
	spin_unlock(&q->lock);
}

/* Choose another ceiling of deliveries. Return false if the old one is right. */
static bool mq_persist_choose(struct mq_feed *f, struct mq_ceilings *c)
{
	u64 asked = f->asked.delivered;
	bool calm = f->calm || time_after(jiffies, f->raised_at + MQ_AHEAD_LATE);

	f->calm = false;
	if (!asked)
		return false;
	if (asked + f->ahead / 2 > f->safe.delivered) {
		if (time_before(jiffies, f->raised_at + MQ_AHEAD_SOON))
			f->ahead = min_t(u32, 2 * f->ahead, MQ_AHEAD_MAX);
		else
			f->ahead = max_t(u32, f->ahead / 2, MQ_AHEAD_MIN);
		c->delivered = asked + f->ahead;
	} else if (calm && mq_persist_is_high(f)) {
		f->ahead = MQ_AHEAD_MIN;
		c->delivered = max(f->floor, asked + f->ahead);
		/* No delivery goes by the higher one from now on. */
		f->safe.delivered = c->delivered;
	} else {
		return false;
	}
	f->raised_at = jiffies;
	return true;
}

bool mq_persist_ceilings(struct mq_feed *f, struct mq_ceilings *c)
{
	struct mq_queue *q = mq_ceiling_queue(f);
	bool ids, deliveries;

	spin_lock(&q->lock);
	*c = f->safe;
	if (READ_ONCE(f->journal->error)) {
		/*
		 * Nothing holds deliveries back. All are below the ids that there
		 * can be until this is written again, after the journal works.
		 */
		c->next_id = max(c->next_id, q->next_id + MQ_IDS_AHEAD);
		c->delivered = c->next_id;
		spin_unlock(&q->lock);
		return true;
	}
	if (f->detaching) {
		/* The states say what was delivered, but not what is in flight. */
		c->next_id = q->next_id;
		c->delivered = f->floor;
		if (q->stat.in_flight)
			c->delivered = max(f->floor, f->asked.delivered);
		c->delivered = min(c->delivered, c->next_id);
		spin_unlock(&q->lock);
		return true;
	}
	ids = q->next_id + MQ_IDS_AHEAD / 2 > f->safe.next_id;
	deliveries = mq_persist_choose(f, c);
	if (ids)
		c->next_id = q->next_id + MQ_IDS_AHEAD;
	spin_unlock(&q->lock);
	return ids || deliveries;
}

/* Have the ceiling of ids raised in time, after a topic has given some. */
void mq_persist_ids_locked(struct mq_queue *q)
{
	lockdep_assert_held(&q->lock);
	if (q->next_id + MQ_IDS_AHEAD / 2 > q->feed.safe.next_id)
		mq_feed_say(&q->feed);
}
