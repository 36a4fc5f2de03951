// SPDX-License-Identifier: GPL-2.0
/*
 * Those that have changes for a journal, and those that wait for it. Nothing here
 * waits for the disk but mq_journal_confirm().
 */
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/timer.h>
#include <linux/wait.h>

#include "journal/journal.h"
#include "journal/notice.h"
#include "memory/durable.h"
#include "memory/spread.h"

static unsigned int mq_journal_delay_ms = 10;
module_param_named(journal_delay_ms, mq_journal_delay_ms, uint, 0644);
MODULE_PARM_DESC(journal_delay_ms,
		 "milliseconds after which a change is written to its journal, if nobody asks for it sooner");

/* -- those that have changes -------------------------------------------------- */

static void mq_feed_due(struct mq_journal *j)
{
	WRITE_ONCE(j->due, true);
	wake_up(&j->work);
}

/* The function of mq_journal.delay. */
void mq_feed_delay_over(struct timer_list *t)
{
	mq_feed_due(container_of(t, struct mq_journal, delay));
}

/*
 * There is a first change for the next group. If the timer is set, for a change that
 * another group took, it is soon enough for this one.
 */
static void mq_feed_begin_delay(struct mq_journal *j)
{
	unsigned long delay = msecs_to_jiffies(READ_ONCE(mq_journal_delay_ms));

	if (!delay)
		mq_feed_due(j);
	else if (!timer_pending(&j->delay))
		mod_timer(&j->delay, jiffies + delay);
}

/* Let the thread take the changes of a queue. */
void mq_feed_say(struct mq_feed *f)
{
	struct mq_journal *j = f->journal;

	if (test_and_set_bit(MQ_FEED_HUNGRY, &f->flags))
		return;
	if (llist_add(&f->hungry, &j->hungry))
		mq_feed_begin_delay(j);
}

/* Let the thread write what the queue is. */
void mq_feed_define(struct mq_feed *f)
{
	set_bit(MQ_FEED_DEFINE, &f->flags);
	mq_feed_say(f);
}

/*
 * The queue was removed. Messages that left it for other queues may have come there too
 * late for the group under way: its end belongs to the next one.
 */
void mq_feed_end(struct mq_feed *f)
{
	spin_lock(&f->journal->lock);
	f->removed_in = f->journal->begun;
	spin_unlock(&f->journal->lock);
	/* Who sees the bit sees the number. */
	smp_mb__before_atomic();
	set_bit(MQ_FEED_ENDS, &f->flags);
	mq_feed_say(f);
}

/* A message that the journal may have is gone. Takes the message. */
void mq_feed_ended(struct mq_journal *j, struct mq_durable *d)
{
	if (llist_add(&d->ended, &j->ended))
		mq_feed_begin_delay(j);
}

/*
 * A message that a topic retained is gone, and the journal may have it. Newer ones have
 * taken its place: it goes from the journal when that has them, or else a crash could
 * leave neither. Takes the message.
 */
void mq_feed_replaced(struct mq_feed *f, struct mq_durable *d)
{
	d->seq = f->seq;
	llist_add(&d->ended, &f->replaced);
	mq_feed_say(f);
}

/*
 * A message leaves a queue with a change that was not written yet: its sender may
 * wait for a group that has taken the changes of the queue where it arrives
 * already. So the group is not confirmed until the message was written. Who waits for a
 * change that was made after the group began waits for a later one.
 */
static void mq_feed_owes(struct mq_feed *f, struct mq_durable *d)
{
	struct mq_journal *j = f->journal;

	lockdep_assert_held(&j->lock);
	if (d->owed)
		return;
	if (d->seq != MQ_SEQ_ARRIVED)
		d->since = mq_since(d->seq <= mq_feed_before(f) ? j->begun - 1 : j->begun);
	d->owed = true;
	if (d->since == mq_since(j->begun))
		j->owed_late++;
	else
		j->owed++;
}

/*
 * A message leaves a queue for another one. A group waits until those have
 * arrived that left before it began: their senders may wait for it.
 */
void mq_feed_moves(struct mq_feed *f, struct mq_durable *d)
{
	struct mq_journal *j = f->journal;

	spin_lock(&j->lock);
	if (d->seq)
		mq_feed_owes(f, d);
	else
		d->since = mq_since(j->begun);
	d->moving = j->begun & 1;
	atomic_inc(&j->moving[d->moving]);
	spin_unlock(&j->lock);
}

/*
 * A message that counts in mq_journal.moving[@moving] has arrived, or is gone.
 * Its change has been put down already.
 */
void mq_feed_moved(struct mq_journal *j, u8 moving)
{
	if (atomic_dec_and_test(&j->moving[moving]))
		wake_up(&j->moved);
}

/* Return whether the group under way waits for a message that arrives in the queue. */
bool mq_feed_is_late(const struct mq_feed *f, const struct mq_durable *d)
{
	return d->owed && d->since != mq_since(READ_ONCE(f->journal->begun));
}

/*
 * Let the group under way take the messages of the queue that it waits for. The caller
 * has set MQ_FEED_LATE, and leaves a reference to the queue.
 */
void mq_feed_late(struct mq_feed *f)
{
	struct mq_journal *j = f->journal;

	llist_add(&f->late, &j->late);
	if (wq_has_sleeper(&j->moved))
		wake_up(&j->moved);
}

/* A message that owed a change from such a group is written, or gone. */
void mq_feed_paid(struct mq_journal *j, u32 since)
{
	spin_lock(&j->lock);
	if (since == mq_since(j->begun))
		j->owed_late--;
	else
		j->owed--;
	spin_unlock(&j->lock);
}

/* A message is part of the group under way, or it is gone. */
void mq_feed_pays(struct mq_journal *j, struct mq_durable *d)
{
	if (likely(!d->owed))
		return;
	d->owed = false;
	mq_feed_paid(j, d->since);
}

/* The copies of a message are in all queues that they come to. */
void mq_feed_spread(struct mq_spread *s)
{
	/* Who sees this sees the copies. */
	smp_store_release(&s->complete, true);
	if (wq_has_sleeper(&s->journal->moved))
		wake_up(&s->journal->moved);
}

void mq_feed_join(struct mq_journal *j, struct mq_feed *f)
{
	spin_lock(&j->lock);
	list_add_tail(&f->link, &j->feeds);
	j->queues++;
	spin_unlock(&j->lock);
}

/* The queue is no longer part of its journal. */
void mq_feed_leave(struct mq_feed *f)
{
	struct mq_journal *j = f->journal;

	spin_lock(&j->lock);
	list_del_init(&f->link);
	j->queues--;
	spin_unlock(&j->lock);
}

/* -- those that wait ---------------------------------------------------------- */

/* Return whether a group and the changes up to @seq are on stable storage. */
static bool mq_journal_has(const struct mq_journal *j, const struct mq_feed *f,
			   u64 seq, u64 group)
{
	return READ_ONCE(j->done) >= group &&
	       (!f || READ_ONCE(f->confirmed) >= seq);
}

/* Count a caller that waits for the next group. Return the number of that. */
static u64 mq_journal_wait_begin(struct mq_journal *j)
{
	u32 waiting;
	u64 group;

	atomic_inc(&j->waiters);
	spin_lock(&j->lock);
	group = j->begun + 1;
	waiting = ++j->waiting[group & 1];
	spin_unlock(&j->lock);
	/* The thread looks for callers after it has said how many it wants. */
	if (wq_has_sleeper(&j->work) && waiting >= READ_ONCE(j->wanted))
		wake_up(&j->work);
	return group;
}

/* A caller does not wait any more. Most were released by their group. */
static void mq_journal_wait_end(struct mq_journal *j, u64 group)
{
	atomic_dec(&j->waiters);
	if (likely(READ_ONCE(j->uncounted[group & 1]) >= group))
		return;
	spin_lock(&j->lock);
	if (j->uncounted[group & 1] < group)
		j->waiting[group & 1]--;
	spin_unlock(&j->lock);
}

/**
 * mq_journal_confirm - wait until changes are on stable storage
 * @j: the journal
 * @f: the feed of the queue, or NULL
 * @seq: number of the last of its changes that the caller wants
 *
 * All that was put down before the call is confirmed: ends of messages, and
 * what queues are, too.
 *
 * Return: 0, EINTR if the caller is being killed, or EIO: the journal failed.
 */
int mq_journal_confirm(struct mq_journal *j, struct mq_feed *f, u64 seq)
{
	u64 group;
	int err;

	if (f && !test_bit(MQ_FEED_AWAITED, &f->flags))
		set_bit(MQ_FEED_AWAITED, &f->flags);
	group = mq_journal_wait_begin(j);
	err = wait_event_state(j->confirmed[group & 1],
			       mq_journal_has(j, f, seq, group) ||
			       READ_ONCE(j->error),
			       (TASK_KILLABLE | TASK_FREEZABLE));
	mq_journal_wait_end(j, group);
	if (mq_journal_has(j, f, seq, group))
		return 0;
	return err ? -EINTR : -EIO;
}

/*
 * Wait until all that was put down before, in all queues, is on stable storage: the
 * next group takes as much of each as there is. Return as mq_journal_confirm().
 */
int mq_journal_confirm_all(struct mq_journal *j)
{
	int err;

	/* The group that this waits for begins after it. */
	atomic_inc(&j->wants_all);
	err = mq_journal_confirm(j, NULL, 0);
	atomic_dec(&j->wants_all);
	return err;
}
