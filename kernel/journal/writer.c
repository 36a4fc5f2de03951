// SPDX-License-Identifier: GPL-2.0
/*
 * The thread that writes a journal. notice.c has those that have changes for it, or
 * wait for it.
 *
 * What changes is written in groups. A group takes the changes of all queues of
 * the journal, adds their records to the log, writes these and flushes. All who
 * wait share a flush: who comes while one is under way waits for the next. A
 * message that changes several times between two groups is written once, and
 * one that comes and goes not at all.
 *
 * The thread begins a group at once if somebody waits for it, except that it
 * gives those whom the last group released a moment to come again, or else there
 * would be two half groups in turn. If nobody waits, changes gather for
 * journal_delay_ms: the first one sets a timer, and none of them wakes the thread.
 * Of those who wait, only the last one that the thread gives a moment to wakes it.
 *
 * The first error is final. A flush that succeeds after one that failed proves
 * nothing, as the kernel may have thrown away what it could not write.
 */
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>

#include "base/base.h"
#include "base/compat.h"
#include "journal/cleaner.h"
#include "journal/fetch.h"
#include "journal/jtrace.h"
#include "journal/log.h"
#include "journal/move.h"
#include "journal/notice.h"
#include "journal/objects.h"
#include "journal/put.h"
#include "journal/writer.h"
#include "memory/durable.h"
#include "memory/spread.h"

/* The most bytes that a group takes from one queue, while others have some. */
#define MQ_GROUP_BYTES	(512 << 10)

/* The same of a queue for whose changes nobody waits, while others wait for theirs. */
#define MQ_BESIDE_BYTES	(64 << 10)

/* When nothing happens for so long, a mark says how far the last flush went. */
#define MQ_MARK_AFTER	(HZ / 2)

/* Senders look again after so long, though little is free. */
#define MQ_ROOM_AFTER	(HZ / 8 + 1)

/* The share of a new measurement in the mean time of a flush: a quarter. */
#define MQ_FLUSH_SHIFT	2

/* The most messages that are read back between two groups. */
#define MQ_READS	16

/* The share of the mean time of a flush for that, while callers wait: a half. */
#define MQ_READ_SHIFT	1

/* -- groups ----------------------------------------------------------------- */

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
		    c[n - 1].seq != MQ_SEQ_ARRIVED && !mq_move_is_last(j->move))
			return err ?: 1;
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

	if (!whole && !f->ends) {
		if (!list_empty(&f->dedups))
			mq_feed_say(f);
		return 0;
	}
	do {
		n = f->ops->take_dedups(f, j->scratch->dedups, f->written);
		for (i = 0; i < n; i++)
			err = mq_put_dedup(j, f, &j->scratch->dedups[i]) ?: err;
		cond_resched();
	} while (n == MQ_CHANGES && mq_group_goes_on(j, err));
	return err;
}

/* Write what one queue has for the group. */
static int mq_group_feed(struct mq_journal *j, struct mq_feed *f)
{
	int err = READ_ONCE(j->error) ? -EIO : 0, ret;

	if (mq_group_goes_on(j, err) &&
	    test_and_clear_bit(MQ_FEED_DEFINE, &f->flags))
		err = mq_put_queue(j, f) ?: err;
	if (mq_group_goes_on(j, err))
		err = mq_put_ceilings(j, f) ?: err;
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
static void mq_group_take(struct mq_journal *j, struct list_head *feeds)
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
 * Add the records of a group to the log. Set @whole to whether it has all that was
 * changed before it began.
 */
static int mq_group_add(struct mq_journal *j, struct list_head *feeds, bool *whole)
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
	*whole = !atomic_read(&j->owed);
	/* A message that ends owes nothing, but then its end is seen here. */
	smp_mb();
	/*
	 * A message whose change belongs to the group may have ended before the
	 * change was taken. Who waits for the change, as of a reject, must not
	 * find it undone after a crash.
	 */
	if (!mq_group_goes_on(j, err))
		return err;
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

/* Tell the queues of a group that is on stable storage. */
static void mq_group_tell(struct mq_journal *j, struct list_head *feeds)
{
	struct mq_feed *f, *next;

	list_for_each_entry_safe(f, next, feeds, taken) {
		WRITE_ONCE(f->confirmed, f->written);
		f->ops->stored(f);
		if (f->raises)
			f->ops->raise(f, &f->pending);
		f->raises = false;
		list_del(&f->taken);
		if (f->ends)
			mq_group_let_go(f);
	}
}

/*
 * Call a function for all queues. Only this thread takes feeds away, so a feed that
 * was found stays. New ones are added at the end.
 */
static void mq_group_each(struct mq_journal *j, void (*fn)(struct mq_feed *f))
{
	struct mq_feed *f;
	u32 i = 0, n;

	spin_lock(&j->lock);
	n = j->queues;
	f = list_first_entry(&j->feeds, struct mq_feed, link);
	spin_unlock(&j->lock);
	for (; i < n; i++) {
		fn(f);
		spin_lock(&j->lock);
		f = list_next_entry(f, link);
		spin_unlock(&j->lock);
	}
}

static void mq_group_say_room(struct mq_feed *f)
{
	f->ops->room(f);
}

static void mq_group_say_calm(struct mq_feed *f)
{
	f->ops->calm(f);
}

static void mq_group_say_failed(struct mq_feed *f)
{
	f->ops->failed(f);
}

/* Let the next group have the ceilings of a queue. */
static void mq_group_say_ceilings(struct mq_feed *f)
{
	set_bit(MQ_FEED_CEILINGS, &f->flags);
	mq_feed_say(f);
}

static void mq_group_say_works(struct mq_feed *f)
{
	mq_group_say_ceilings(f);
	f->ops->works(f);
}

static void mq_group_say_thawed(struct mq_feed *f)
{
	f->ops->thawed(f);
}

/*
 * Let senders of all queues look for room again, if there may be some. Not each time that
 * little is free; but now and then, as there may never be more.
 */
static void mq_group_room(struct mq_journal *j)
{
	bool soon = time_before(jiffies, j->said_room + MQ_ROOM_AFTER);

	if (!READ_ONCE(j->short_of_room) ||
	    !mq_journal_fits(j, soon ? j->capacity / 16 : 1))
		return;
	j->said_room = jiffies;
	WRITE_ONCE(j->short_of_room, false);
	mq_group_each(j, mq_group_say_room);
}

/*
 * Fail: nothing is written any more. Wake all who wait, and let the queues tell
 * their senders.
 */
void mq_journal_fail(struct mq_journal *j, int err, const char *what)
{
	if (READ_ONCE(j->error))
		return;
	pr_err("devmq: journal %s failed: %s: error %d. Nothing sent to its queues from now on is taken; move it to another file to keep what is in memory, or attach it anew to recover what it has\n",
	       j->name, what, err);
	j->broken = j->broken ?: err;
	WRITE_ONCE(j->error, err);
	WRITE_ONCE(j->state, DEVMQ_JOURNAL_FAILED);
	wake_up_all(&j->confirmed[0]);
	wake_up_all(&j->confirmed[1]);
	WRITE_ONCE(j->tell_failed, true);
	wake_up(&j->work);
}

/* Begin a group. Return its number. */
static u64 mq_group_begin(struct mq_journal *j)
{
	u64 group;

	/* The delay of what comes after this has not begun. */
	WRITE_ONCE(j->due, false);
	spin_lock(&j->lock);
	group = ++j->begun;
	spin_unlock(&j->lock);
	/* Messages that left their queue before this are on their way. */
	wait_event(j->moved, !atomic_read(&j->moving[(group - 1) & 1]));
	return group;
}

/* Flush, and measure how long that takes. */
static int mq_group_flush(struct mq_journal *j, u64 group)
{
	u64 began = ktime_get_ns(), before = j->written, took;
	int err;

	/* Somebody may have cut the file short, also of what is confirmed. */
	if (mq_medium_size(&j->medium) < j->medium.size)
		j->broken = j->broken ?: -ENXIO;
	err = mq_log_settle(j);
	took = ktime_get_ns() - began;
	j->flush_ns += (took >> MQ_FLUSH_SHIFT) - (j->flush_ns >> MQ_FLUSH_SHIFT);
	if (!err)
		trace_mq_journal_commit(j, group, j->written - before, took);
	return err;
}

/* Release those who wait for the group. */
static void mq_group_release(struct mq_journal *j, u64 group, bool backlog)
{
	spin_lock(&j->lock);
	j->expected = j->waiting[0] + j->waiting[1];
	/* But those of a group before that was not confirmed are counted with others. */
	j->waiting[group & 1] = 0;
	WRITE_ONCE(j->uncounted[group & 1], group);
	spin_unlock(&j->lock);
	/* Who sees that it is done sees mq_feed.confirmed, too. */
	smp_store_release(&j->done, group);
	wake_up_all(&j->confirmed[group & 1]);
	/*
	 * Callers may still wait for a group that was not confirmed, or for changes
	 * that the last group had no room for.
	 */
	if (backlog || j->held)
		wake_up_all(&j->confirmed[(group + 1) & 1]);
	j->held = false;
}

/* After an error, let go of the queues of a group. */
static void mq_group_drop(struct mq_journal *j, struct list_head *feeds)
{
	struct mq_feed *f, *next;

	list_for_each_entry_safe(f, next, feeds, taken) {
		list_del(&f->taken);
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

/*
 * The first group has what all queues are, so that the cleaner knows them. Who attaches
 * the journal waits for this.
 */
static void mq_group_renew(struct mq_journal *j)
{
	int err = mq_log_renew(j);

	j->renewed = true;
	if (err)
		mq_journal_fail(j, err, "it cannot be cleaned");
}

static void mq_group_write(struct mq_journal *j)
{
	u64 group = mq_group_begin(j);
	bool backlog = j->backlog;
	LIST_HEAD(feeds);
	bool whole;
	int err;

	j->backlog = false;
	mq_group_take(j, &feeds);
	err = mq_group_add(j, &feeds, &whole);
	j->whole = whole && !j->backlog;
	if (!err)
		err = mq_group_flush(j, group);
	if (err)
		mq_journal_fail(j, err, "it cannot be written");
	if (READ_ONCE(j->error)) {
		mq_group_drop(j, &feeds);
		return;
	}
	mq_group_tell(j, &feeds);
	if (!j->renewed)
		mq_group_renew(j);
	if (whole)
		mq_group_release(j, group, backlog);
	else
		j->held = true;
	mq_group_room(j);
	if (mq_clean_is_due(j)) {
		err = mq_clean(j, false);
		if (err)
			mq_journal_fail(j, err, "it cannot be cleaned");
	}
}

/* -- the thread -------------------------------------------------------------- */

/* Return how many callers wait for the next group. */
static u32 mq_writer_awaited(const struct mq_journal *j)
{
	return READ_ONCE(j->waiting[(j->begun + 1) & 1]);
}

/* Return whether what there is must not wait for more to come. */
static bool mq_writer_is_urged(const struct mq_journal *j)
{
	return mq_writer_awaited(j) || j->held || READ_ONCE(j->tell_failed) ||
	       READ_ONCE(j->stop) || READ_ONCE(j->move) || j->backlog;
}

static bool mq_writer_has_changes(const struct mq_journal *j)
{
	return !llist_empty(&j->hungry) || !llist_empty(&j->ended);
}

static bool mq_writer_has_work(const struct mq_journal *j)
{
	return mq_writer_is_urged(j) ||
	       (READ_ONCE(j->due) && mq_writer_has_changes(j));
}

/*
 * Give those whom the last group released a moment to come again: half the mean
 * time of a flush at most. If others wait already, groups of halves in turn would
 * stay so without that; and if there is more of what nobody waits for, they would
 * have to wait for a group with that and then for theirs.
 */
static void mq_writer_gather(struct mq_journal *j)
{
	ktime_t most = ns_to_ktime(j->flush_ns / 2);

	WRITE_ONCE(j->wanted, j->expected);
	wait_event_interruptible_hrtimeout(j->work, mq_writer_awaited(j) >=
					   j->expected, most);
}

/*
 * Read what is wanted, some of it. However many want to read, the others wait little longer
 * for their group; and there is at least one read for each group.
 */
static void mq_writer_read(struct mq_journal *j)
{
	u64 most = j->flush_ns >> MQ_READ_SHIFT, began = ktime_get_ns();
	u32 n = 0;

	while (n++ < MQ_READS && mq_fetch_serve(j) &&
	       (!mq_writer_is_urged(j) || ktime_get_ns() - began < most))
		cond_resched();
}

/*
 * Wait for something to write, and read what is wanted meanwhile. Return false if nothing
 * had to be written for a while.
 */
static bool mq_writer_wait(struct mq_journal *j)
{
	unsigned long calm;

	WRITE_ONCE(j->wanted, 1);
	do {
		calm = jiffies + MQ_MARK_AFTER;
		do {
			wait_event_freezable_timeout(j->work,
						     mq_writer_has_work(j) ||
						     mq_fetch_is_wanted(j),
						     j->marked ? MAX_SCHEDULE_TIMEOUT :
								 MQ_MARK_AFTER);
			mq_writer_read(j);
		} while (!mq_writer_has_work(j) &&
			 (j->marked || time_before(jiffies, calm)));
	} while (!mq_writer_has_work(j) && mq_writer_has_changes(j));
	if (!mq_writer_has_work(j))
		return false;
	mq_writer_gather(j);
	return true;
}

/* Go on with a move to another file. */
static void mq_writer_move(struct mq_journal *j)
{
	switch (mq_move_step(j)) {
	case MQ_MOVE_CEILINGS:
		mq_group_each(j, mq_group_say_ceilings);
		break;
	case MQ_MOVE_WORKS:
		mq_group_each(j, mq_group_say_works);
		break;
	default:
		break;
	}
}

/* Say in the file how far the last flush went. */
static void mq_writer_mark(struct mq_journal *j)
{
	int err;

	if (j->marked || READ_ONCE(j->error))
		return;
	err = mq_log_mark(j);
	if (err)
		mq_journal_fail(j, err, "it cannot be written");
}

/*
 * Nothing has happened for a while. Let the queues have a last group, and then
 * add a mark, for which nobody waits.
 */
static void mq_writer_calm(struct mq_journal *j)
{
	if (j->marked || READ_ONCE(j->error))
		return;
	mq_group_each(j, mq_group_say_calm);
	mq_group_write(j);
	mq_writer_mark(j);
}

static void mq_writer_work(struct mq_journal *j)
{
	if (mq_writer_wait(j)) {
		mq_group_write(j);
		mq_writer_move(j);
	} else {
		mq_writer_calm(j);
	}
	if (READ_ONCE(j->tell_failed)) {
		WRITE_ONCE(j->tell_failed, false);
		mq_group_each(j, mq_group_say_failed);
	}
	if (unlikely(j->tell_thawed)) {
		j->tell_thawed = false;
		mq_group_each(j, mq_group_say_thawed);
	}
}

/*
 * Memory reclaim must not come back to the file system of the journal, nor wait
 * for what the thread is to write.
 */
static int mq_writer_thread(void *arg)
{
	struct mq_journal *j = arg;

	current->flags |= PF_LOCAL_THROTTLE;
	memalloc_noio_save();
	set_freezable();
	while (!kthread_should_stop()) {
		mq_writer_work(j);
		try_to_freeze();
		cond_resched();
	}
	mq_move_cancel(j);
	/* Write all that is left, and free what has gone. */
	do {
		mq_group_write(j);
	} while ((!llist_empty(&j->hungry) || !llist_empty(&j->ended)) &&
		 !READ_ONCE(j->error));
	mq_writer_mark(j);
	return 0;
}

void mq_writer_init(struct mq_journal *j)
{
	u32 i;

	spin_lock_init(&j->lock);
	INIT_LIST_HEAD(&j->feeds);
	j->fetches = RB_ROOT_CACHED;
	j->said_room = jiffies;
	init_llist_head(&j->hungry);
	init_llist_head(&j->ended);
	init_waitqueue_head(&j->work);
	timer_setup(&j->delay, mq_feed_delay_over, 0);
	init_waitqueue_head(&j->moved);
	for (i = 0; i < 2; i++)
		init_waitqueue_head(&j->confirmed[i]);
}

/* Make the thread, which does not run before mq_writer_run(). */
int mq_writer_start(struct mq_journal *j)
{
	struct task_struct *t = kthread_create(mq_writer_thread, j, "mq/%s",
					       j->name);

	if (IS_ERR(t))
		return PTR_ERR(t);
	j->thread = t;
	return 0;
}

void mq_writer_run(struct mq_journal *j)
{
	wake_up_process(j->thread);
}

/* Stop the thread, after it has written all that it was told of, if it ran. */
void mq_writer_stop(struct mq_journal *j)
{
	if (!j->thread)
		return;
	WRITE_ONCE(j->stop, true);
	wake_up(&j->work);
	kthread_stop(j->thread);
	j->thread = NULL;
	mq_fetch_end(j);
	mq_timer_stop(&j->delay);
	/* Nothing can be confirmed any more. */
	if (!j->error)
		WRITE_ONCE(j->error, -ESHUTDOWN);
	wake_up_all(&j->confirmed[0]);
	wake_up_all(&j->confirmed[1]);
}
