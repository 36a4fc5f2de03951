// SPDX-License-Identifier: GPL-2.0
/*
 * What belongs to a group: the changes of all queues of the journal, as they are when the
 * group takes them, and the ends of what is gone. writer.c says when there is a group.
 *
 * A caller waits for the group that begins next. So a group has all that was changed
 * before it began, but for the changes of a queue that has too many: its callers wait for
 * these as well. A message may leave its queue before its change is taken there, and
 * come to one whose changes were taken already; then the group waits for the message,
 * and takes it where it finds it. What was changed later may be part of the group, and may
 * not.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "base/base.h"
#include "journal/group.h"
#include "journal/move.h"
#include "journal/notice.h"
#include "journal/objects.h"
#include "journal/put.h"
#include "memory/durable.h"
#include "memory/spread.h"

/* The most bytes that a group takes from one queue, while others have some. */
#define MQ_GROUP_BYTES	(512 << 10)

/* The same of a queue for whose changes nobody waits, while others wait for theirs. */
#define MQ_BESIDE_BYTES	(64 << 10)

/*
 * For so long a group looks for messages that it waits for and that move on all the time.
 * If it does not find all of them, no caller is told before a later group has them.
 */
#define MQ_LATE_FOR	(HZ / 10 + 1)

/* Write the ends of @n messages, and free them. */
static int mq_group_end_some(struct mq_journal *j, struct mq_durable **d, u32 n)
{
	int err = mq_put_ends(j, d, n);
	u32 i;

	for (i = 0; i < n; i++) {
		mq_objects_del(j, d[i]);
		mq_durable_free(d[i]);
	}
	return err;
}

/* Write the ends of messages. Free all of @list, also after an error. */
static int mq_group_ends(struct mq_journal *j, struct llist_node *list)
{
	struct mq_durable *d, *next, **some = j->scratch->ended;
	int err = 0;
	u32 n = 0;

	llist_for_each_entry_safe(d, next, list, ended) {
		/* No file has it, unless it could be written. */
		if (!hlist_unhashed(&d->hash))
			some[n++] = d;
		else
			mq_durable_free(d);
		if (n < MQ_GROUP_ENDS)
			continue;
		err = mq_group_end_some(j, some, n) ?: err;
		n = 0;
		cond_resched();
	}
	return mq_group_end_some(j, some, n) ?: err;
}

/* Write what a queue that was removed has left: its own end. */
static int mq_group_queue_end(struct mq_journal *j, struct mq_feed *f)
{
	int err = mq_put_queue_end(j, f);

	hlist_del(&f->by_serial);
	mq_move_forget(j, f);
	mq_feed_leave(f);
	return err;
}

/*
 * Return how many bytes a group may take from a queue. One that floods the journal must
 * not hold up those who wait for others.
 */
static u64 mq_group_most(const struct mq_journal *j, const struct mq_feed *f)
{
	if (atomic_read(&j->wants_all))
		return U64_MAX;
	return f->awaited || (!j->expected && !atomic_read(&j->waiters)) ?
	       MQ_GROUP_BYTES : MQ_BESIDE_BYTES;
}

/*
 * Write the changes of a queue, as many as a group may have of it. Return 0, 1
 * if there are more, or an error.
 */
static int mq_group_changes(struct mq_journal *j, struct mq_feed *f)
{
	u64 begin = j->added, most = mq_group_most(j, f);
	struct mq_change *c = j->scratch->changes;
	int err = 0;
	u32 i, n;

	do {
		n = f->ops->take(f, c, f->last);
		for (i = 0; i < n; i++) {
			f->written = max(f->written, c[i].seq);
			err = mq_put_change(j, f, &c[i]) ?: err;
		}
		if (n == MQ_CHANGES && j->added - begin > most &&
		    c[n - 1].seq != MQ_SEQ_ARRIVED && !mq_move_is_last(j->move)) {
			f->ops->put_off(f);
			return err ?: 1;
		}
		cond_resched();
	} while (n == MQ_CHANGES);
	f->written = max(f->written, f->last);
	return err;
}

/*
 * Return whether a group goes on after an error: if the journal is being moved, the
 * other file gets the records.
 */
static bool mq_group_goes_on(const struct mq_journal *j, int err)
{
	return !err || j->next;
}

/*
 * Write the de-duplication ids of messages whose changes the group has. They
 * come behind all of these: a crash must not leave the id alone, or else the
 * message that is sent again would be taken for a duplicate. So they wait while
 * a message that left with its change is not written where it has arrived.
 */
static int mq_group_dedups(struct mq_journal *j, struct mq_feed *f, bool whole)
{
	int err = 0;
	u32 i, n;

	do {
		n = whole ? f->ops->take_dedups(f, j->scratch->dedups, f->written) : 0;
		for (i = 0; i < n; i++)
			err = mq_put_dedup(j, f, &j->scratch->dedups[i]) ?: err;
		cond_resched();
	} while (n == MQ_CHANGES && mq_group_goes_on(j, err));
	if (!f->ends && !list_empty(&f->dedups))
		mq_feed_say(f);
	return err;
}

/* Write what a queue is, and its ceilings, if they have changed. */
static int mq_group_define(struct mq_journal *j, struct mq_feed *f)
{
	int err = READ_ONCE(j->error) ? -EIO : 0;

	if (mq_group_goes_on(j, err) &&
	    test_and_clear_bit(MQ_FEED_DEFINE, &f->flags))
		err = mq_put_queue(j, f) ?: err;
	if (mq_group_goes_on(j, err))
		err = mq_put_ceilings(j, f) ?: err;
	return err;
}

/* Write what one queue has for the group. */
static int mq_group_feed(struct mq_journal *j, struct mq_feed *f)
{
	int err = mq_group_define(j, f), ret;

	if (!mq_group_goes_on(j, err))
		return err;
	ret = mq_group_changes(j, f);
	return err ?: ret;
}

/* Take what was replaced in a topic. Its changes up to now are of the group, or older. */
static void mq_group_take_replaced(struct mq_feed *f)
{
	struct llist_node *newest = llist_del_all(&f->replaced), *oldest;

	if (!newest)
		return;
	oldest = llist_reverse_order(newest);
	if (f->replaces)
		f->replaces_last->next = oldest;
	else
		f->replaces = oldest;
	f->replaces_last = newest;
}

/*
 * Write the ends of messages that others have replaced, as far as these are written, or
 * of all. A record of all copies that comes only now does without what was retained.
 */
static int mq_group_replaced(struct mq_journal *j, struct mq_feed *f, bool all)
{
	struct llist_node *list = f->replaces, **at = &list;

	while (*at) {
		struct mq_durable *d = llist_entry(*at, struct mq_durable, ended);

		if (!all && d->seq > f->written)
			break;
		if (d->spread)
			mq_spread_leave(d->spread, d->copy);
		at = &(*at)->next;
	}
	f->replaces = *at;
	*at = NULL;
	return mq_group_ends(j, list);
}

/* Return whether the end of a queue belongs to the group that has begun. */
static bool mq_group_has_end(struct mq_journal *j, struct mq_feed *f)
{
	if (!test_bit(MQ_FEED_ENDS, &f->flags))
		return false;
	/* Pairs with mq_feed_end(). */
	smp_rmb();
	if (f->removed_in < j->begun)
		return true;
	mq_feed_say(f);
	return false;
}

/* Take all queues that have changes. */
void mq_group_take(struct mq_journal *j, struct list_head *feeds)
{
	struct mq_feed *f, *next;

	llist_for_each_entry_safe(f, next, llist_del_all(&j->hungry), hungry) {
		clear_bit(MQ_FEED_HUNGRY, &f->flags);
		/* Changes that come from now on make it hungry again. */
		smp_mb__after_atomic();
		f->awaited = test_and_clear_bit(MQ_FEED_AWAITED, &f->flags);
		f->last = f->ops->begin(f);
		mq_feed_add(j, f);
		f->ends = mq_group_has_end(j, f);
		mq_group_take_replaced(f);
		list_add(&f->taken, feeds);
	}
}

/*
 * Write the messages that have come to a queue and that the group waits for. Return 0, 1
 * if there are more, or an error.
 */
static int mq_group_late_changes(struct mq_journal *j, struct mq_feed *f)
{
	struct mq_change *c = j->scratch->changes;
	u64 begin = j->added;
	int err = 0;
	u32 i, n;

	do {
		n = f->ops->take_late(f, c);
		for (i = 0; i < n; i++)
			err = mq_put_change(j, f, &c[i]) ?: err;
		cond_resched();
	} while (n == MQ_CHANGES && j->added - begin < MQ_GROUP_BYTES);
	return err ?: n == MQ_CHANGES;
}

/* Let the group have a queue to which something has come that it waits for. */
static int mq_group_late_feed(struct mq_journal *j, struct mq_feed *f,
			      struct list_head *feeds)
{
	int err = READ_ONCE(j->error) ? -EIO : 0, ret;

	/* If the queue was removed, its messages are gone. */
	if (test_bit(MQ_FEED_ENDS, &f->flags))
		return 0;
	if (list_empty(&f->taken)) {
		f->last = f->written;
		f->ends = false;
		mq_feed_add(j, f);
		list_add(&f->taken, feeds);
		err = mq_group_define(j, f);
	}
	if (!mq_group_goes_on(j, err))
		return err;
	ret = mq_group_late_changes(j, f);
	return err ?: ret;
}

/*
 * The same for all such queues. One that has more is in the list again, and so are those
 * for which there is no time before @until, but for the first.
 */
static int mq_group_late_feeds(struct mq_journal *j, struct list_head *feeds,
			       unsigned long until)
{
	struct mq_feed *f, *next;
	bool on_time = true;
	int err = 0, ret;

	llist_for_each_entry_safe(f, next, llist_del_all(&j->late), late) {
		clear_bit(MQ_FEED_LATE, &f->flags);
		/* What comes from now on puts the queue into the list again. */
		smp_mb__after_atomic();
		ret = on_time ? mq_group_late_feed(j, f, feeds) : 1;
		on_time = READ_ONCE(j->error) || time_before(jiffies, until);
		err = err ?: min(ret, 0);
		if (ret > 0 && !test_and_set_bit(MQ_FEED_LATE, &f->flags))
			mq_feed_late(f);
		else
			f->ops->put(f);
	}
	return err;
}

/* Return whether the group waits for messages that have left a queue with a change. */
static bool mq_group_is_owed(struct mq_journal *j)
{
	bool owed;

	spin_lock(&j->lock);
	owed = j->owed;
	spin_unlock(&j->lock);
	return owed;
}

/*
 * Write messages that left a queue before the group had taken their changes. They may
 * move on all the time, so each queue to which one comes says so, and the messages are
 * taken there at once. @err is what was wrong before. Return that, or what is wrong now.
 */
static int mq_group_late(struct mq_journal *j, struct list_head *feeds, int err)
{
	unsigned long until = jiffies + MQ_LATE_FOR;
	int ret;

	do {
		ret = mq_group_late_feeds(j, feeds, until);
		err = err ?: ret;
		if (!mq_group_goes_on(j, err) || !mq_group_is_owed(j))
			break;
		wait_event_timeout(j->moved, !llist_empty(&j->late), 1);
	} while (time_before(jiffies, until));
	return err;
}

/*
 * Messages that left a queue before it was removed may not be written, and some may be
 * written later with a copy that the queue had: its end waits for the next group. After
 * an error nothing is written any more, and the end waits for nothing.
 */
static void mq_group_put_off_ends(struct list_head *feeds)
{
	struct mq_feed *f;

	list_for_each_entry(f, feeds, taken) {
		if (!f->ends)
			continue;
		f->ends = false;
		mq_feed_say(f);
	}
}

/*
 * Add the records of a group to the log. Set @whole to whether it has all that was
 * changed before it began.
 */
int mq_group_add(struct mq_journal *j, struct list_head *feeds, bool *whole)
{
	struct mq_feed *f;
	int err, ret;

	/*
	 * Ends come first: room for the messages that take the place of these
	 * may be needed. The list has all messages of the queues that end.
	 */
	err = mq_group_ends(j, llist_del_all(&j->ended));
	list_for_each_entry(f, feeds, taken) {
		ret = mq_group_feed(j, f);
		if (ret > 0) {
			if (f->awaited)
				set_bit(MQ_FEED_AWAITED, &f->flags);
			mq_feed_say(f);
			j->backlog = true;
		}
		err = err ?: min(ret, 0);
	}
	err = mq_group_late(j, feeds, err);
	/* A message that ends owes nothing, but then its end is seen below. */
	*whole = !mq_group_is_owed(j);
	if (!mq_group_goes_on(j, err))
		return err;
	if (!*whole)
		mq_group_put_off_ends(feeds);
	/*
	 * A message whose change belongs to the group may have ended before the
	 * change was taken. Who waits for the change, as of a reject, must not
	 * find it undone after a crash.
	 */
	ret = mq_group_ends(j, llist_del_all(&j->ended));
	err = err ?: ret;
	list_for_each_entry(f, feeds, taken) {
		ret = mq_group_replaced(j, f, f->ends);
		err = err ?: ret;
		ret = mq_group_dedups(j, f, *whole);
		err = err ?: ret;
	}
	list_for_each_entry(f, feeds, taken) {
		if (!f->ends || list_empty(&f->link))
			continue;
		ret = mq_group_queue_end(j, f);
		err = err ?: ret;
	}
	return err;
}

/*
 * Let go of a queue that was removed and has ended. Its remover may still be
 * about to say that it has something to write: then it is in mq_journal.hungry
 * once more, and the next group lets go of it. Otherwise it looks from now on as
 * if it were there, so that nobody adds it.
 */
static void mq_group_let_go(struct mq_feed *f)
{
	if (!test_and_set_bit(MQ_FEED_HUNGRY, &f->flags))
		f->ops->put(f);
}

/*
 * Tell the queues of a group that is on stable storage. If it is not @whole, a message
 * whose change it should have may be in none: a later group confirms the changes.
 */
void mq_group_tell(struct mq_journal *j, struct list_head *feeds, bool whole)
{
	struct mq_feed *f, *next;

	list_for_each_entry_safe(f, next, feeds, taken) {
		if (whole) {
			WRITE_ONCE(f->confirmed, f->written);
		} else {
			if (f->awaited)
				set_bit(MQ_FEED_AWAITED, &f->flags);
			mq_feed_say(f);
		}
		f->ops->stored(f);
		if (f->raises)
			f->ops->raise(f, &f->pending);
		f->raises = false;
		list_del_init(&f->taken);
		if (f->ends)
			mq_group_let_go(f);
	}
}

/* After an error, let go of the queues of a group. */
void mq_group_drop(struct mq_journal *j, struct list_head *feeds)
{
	struct mq_feed *f, *next;

	list_for_each_entry_safe(f, next, feeds, taken) {
		list_del_init(&f->taken);
		mq_group_replaced(j, f, true);
		if (!f->ends)
			continue;
		if (!list_empty(&f->link)) {
			hlist_del_init(&f->by_serial);
			mq_move_forget(j, f);
			mq_feed_leave(f);
		}
		mq_group_let_go(f);
	}
}
