// SPDX-License-Identifier: GPL-2.0
/*
 * What a queue hears from its journal: that there is no room, or is again, that
 * ceilings are on stable storage, and that the journal has failed.
 */
#include <linux/kobject.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "journal/journal.h"
#include "journal/notice.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/close.h"
#include "queue/heard.h"
#include "queue/lock.h"
#include "queue/persist.h"
#include "queue/position.h"
#include "queue/queue.h"
#include "queue/state.h"

static struct mq_queue *mq_heard_queue(struct mq_feed *f)
{
	return container_of(f, struct mq_queue, feed);
}

/* Let senders look for room again. */
static void mq_heard_look_locked(struct mq_queue *q)
{
	if (!q->feed.full)
		return;
	WRITE_ONCE(q->feed.full, false);
	WRITE_ONCE(q->feed.idless, false);
	mq_queue_update_room_locked(q);
	mq_freed_locked(q, 0, 0);
}

/*
 * Check whether the journal takes a message of @bytes. Return 0; EIO: it has
 * failed; ENOSPC: it has no room; or EAGAIN: ids have run out until it has
 * written that there are more.
 */
int mq_heard_admit_locked(struct mq_queue *q, u64 bytes)
{
	struct mq_journal *j = q->feed.journal;

	lockdep_assert_held(&q->lock);
	if (READ_ONCE(j->error))
		return -EIO;
	if (unlikely(q->next_id + q->promised >= q->feed.safe.next_id)) {
		WRITE_ONCE(q->feed.idless, true);
		mq_heard_full_locked(q);
		return -EAGAIN;
	}
	if (unlikely(!mq_journal_fits(j, mq_persist_cost(j, bytes))))
		return -ENOSPC;
	mq_heard_look_locked(q);
	return 0;
}

/*
 * Check whether the journal takes @n messages of @bytes in all. If not, it may take
 * some of them.
 */
bool mq_heard_admits_batch_locked(struct mq_queue *q, u32 n, u64 bytes)
{
	struct mq_journal *j = q->feed.journal;

	lockdep_assert_held(&q->lock);
	return !READ_ONCE(j->error) &&
	       q->next_id + q->promised + n <= q->feed.safe.next_id &&
	       mq_persist_has_room(j, n, bytes);
}

/*
 * Check whether the journal of a topic takes what @n messages need that are sent to
 * it: their ids, and room for @kept of them, of @bytes in all, which the topic
 * retains. Return 0, EIO, or EAGAIN: not now.
 */
int mq_heard_admit_topic_locked(struct mq_queue *q, u32 n, u32 kept, u64 bytes)
{
	struct mq_journal *j = q->feed.journal;

	lockdep_assert_held(&q->lock);
	if (READ_ONCE(j->error))
		return -EIO;
	if (q->next_id + n > q->feed.safe.next_id ||
	    (kept && !mq_persist_has_room(j, kept, bytes))) {
		mq_heard_full_locked(q);
		return -EAGAIN;
	}
	mq_heard_look_locked(q);
	return 0;
}

/*
 * The journal has no room: the queue counts as full until the journal calls
 * mq_heard_room() or mq_heard_raise().
 */
void mq_heard_full_locked(struct mq_queue *q)
{
	WRITE_ONCE(q->feed.full, true);
	mq_queue_update_room_locked(q);
	WRITE_ONCE(q->feed.journal->short_of_room, true);
	mq_feed_say(&q->feed);
}

/* Let receivers look again that found the ceiling of deliveries too low. */
static void mq_heard_unbar_locked(struct mq_queue *q)
{
	if (!q->feed.behind)
		return;
	WRITE_ONCE(q->feed.behind, false);
	q->became_ready += q->stat.ready;
}

void mq_heard_raise(struct mq_feed *f, const struct mq_ceilings *c)
{
	struct mq_queue *q = mq_heard_queue(f);

	spin_lock(&q->lock);
	f->safe = *c;
	mq_heard_look_locked(q);
	mq_heard_unbar_locked(q);
	mq_unlock(q);
}

/* What a topic retains may leave memory now, if that is too much. */
void mq_heard_stored(struct mq_feed *f)
{
	struct mq_queue *q = mq_heard_queue(f);
	bool much;

	if (!q->topic)
		return;
	spin_lock(&q->lock);
	list_splice_tail_init(&f->taking, &f->resident);
	much = mq_retains_much(q);
	spin_unlock(&q->lock);
	if (unlikely(much))
		mq_queue_work_start(q);
}

void mq_heard_room(struct mq_feed *f)
{
	struct mq_queue *q = mq_heard_queue(f);

	spin_lock(&q->lock);
	mq_heard_look_locked(q);
	mq_unlock(q);
}

void mq_heard_failed(struct mq_feed *f)
{
	struct mq_queue *q = mq_heard_queue(f);

	spin_lock(&q->lock);
	WRITE_ONCE(q->feed.full, true);
	mq_heard_look_locked(q);
	mq_heard_unbar_locked(q);
	mq_unlock(q);
	/* For those that watch /sys/class/mq/NAME/journal_state. */
	kobject_uevent(&q->dev.kobj, KOBJ_CHANGE);
}

/* The journal was moved: it may have more room, and works again if it had failed. */
void mq_heard_works(struct mq_feed *f)
{
	struct mq_queue *q = mq_heard_queue(f);

	spin_lock(&q->lock);
	mq_heard_look_locked(q);
	mq_heard_unbar_locked(q);
	mq_unlock(q);
	kobject_uevent(&q->dev.kobj, KOBJ_CHANGE);
}

/* What a topic has in the journal alone can be read again. */
void mq_heard_thawed(struct mq_feed *f)
{
	struct mq_queue *q = mq_heard_queue(f);

	if (!q->topic)
		return;
	spin_lock(&q->lock);
	q->drained = true;
	mq_unlock(q);
}

/* The queue could not be made after all. */
void mq_heard_withdraw(struct mq_queue *q)
{
	if (!q->feed.journal || q->feed.removed)
		return;
	mq_queue_close(q, true);
	mq_persist_removed(q);
}
