// SPDX-License-Identifier: GPL-2.0
/*
 * The thread that writes a journal. group.c has what it writes at a time, and notice.c
 * those that have changes for it, or wait for it.
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
#include "journal/group.h"
#include "journal/jtrace.h"
#include "journal/log.h"
#include "journal/move.h"
#include "journal/notice.h"
#include "journal/writer.h"

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
	group = j->begun + 1;
	WRITE_ONCE(j->begun, group);
	j->owed += j->owed_late;
	j->owed_late = 0;
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

	/* Somebody may have cut the file short, also of what is confirmed, or removed it. */
	if (mq_medium_size(&j->medium) < j->medium.size)
		j->broken = j->broken ?: -ENXIO;
	if (mq_medium_is_removed(&j->medium))
		j->broken = j->broken ?: -ENOENT;
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
		mq_journal_fail(j, err, mq_medium_is_removed(&j->medium) ?
				"its file was removed" : "it cannot be written");
	if (READ_ONCE(j->error)) {
		mq_group_drop(j, &feeds);
		j->held = false;
		return;
	}
	mq_group_tell(j, &feeds, whole);
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
	/*
	 * Write all that is left, and free what has gone. Also after an error,
	 * queues in the list of late ones have a reference to be dropped.
	 */
	do {
		mq_group_write(j);
	} while (!llist_empty(&j->late) ||
		 (mq_writer_has_changes(j) && !READ_ONCE(j->error)));
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
	init_llist_head(&j->late);
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
