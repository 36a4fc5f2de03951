// SPDX-License-Identifier: GPL-2.0
/*
 * Moving a journal to another file, while it is used. All of this runs in the
 * thread of the journal, between two groups.
 *
 * The other file is a struct mq_journal, too: one without a thread and without
 * queues, mq_journal.next. From the beginning of the move on, put.c writes to both
 * what changes. What is there already is copied from memory, a portion after each
 * group, so that callers who wait for a group wait little longer. Groups are
 * confirmed by the old file until the other one has everything and is flushed; then
 * the two change places.
 *
 * So a crash leaves one of them complete. The superblock of the other file says
 * until then that it has nothing (MQ_J_PARTIAL). When it says that no longer, the
 * old one is told that another journal has gone on from it (MQ_J_MOVED), before
 * anything is written to the other file alone.
 *
 * A journal that has failed is moved in the same way. Nothing is written to its old
 * file, and nobody waits for that. What the queues have is in memory, and it works
 * again when the other file has it.
 *
 * If something goes wrong with the other file, the move is given up, and the journal
 * goes on where it is.
 */
#include <linux/freezer.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "journal/list.h"
#include "journal/log.h"
#include "journal/move.h"
#include "journal/objects.h"
#include "journal/put.h"
#include "memory/durable.h"

/* Bytes that are copied between two groups, and steps of the walk. */
#define MQ_MOVE_BYTES	(512 << 10)
#define MQ_MOVE_ROUNDS	256

/* -- what the caller has ------------------------------------------------------ */

/*
 * Make a move to a file that mq_attach_target() has prepared. It takes the file, and
 * @cursor, a struct mq_cursor that is not in use. Return NULL if there is no memory.
 */
struct mq_move *mq_move_new(struct mq_journal *to, void *cursor)
{
	struct mq_move *m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);

	if (!m)
		return NULL;
	kref_init(&m->refs);
	init_waitqueue_head(&m->wait);
	m->to = to;
	m->walk.cursor = cursor;
	return m;
}

/* Let go of the file that the journal does not have. */
static void mq_move_close(struct mq_move *m)
{
	if (!m->to)
		return;
	mq_journal_delist(m->to);
	mq_journal_close(m->to);
	mq_journal_put(m->to);
	m->to = NULL;
}

static void mq_move_free(struct kref *refs)
{
	struct mq_move *m = container_of(refs, struct mq_move, refs);

	mq_move_close(m);
	kfree(m->walk.cursor);
	kfree(m);
}

void mq_move_put(struct mq_move *m)
{
	kref_put(&m->refs, mq_move_free);
}

/*
 * Let the thread of a journal begin with a move. The journal cannot be detached
 * meanwhile. Return 0, or EBUSY: it is being moved already.
 */
int mq_move_start(struct mq_journal *j, struct mq_move *m)
{
	int err = 0;

	spin_lock(&j->lock);
	if (j->move)
		err = -EBUSY;
	else
		WRITE_ONCE(j->move, m);
	spin_unlock(&j->lock);
	if (err)
		return err;
	kref_get(&m->refs);
	wake_up(&j->work);
	return 0;
}

/*
 * Wait for the end of a move. Return its result, or EINTR: a signal came, and the move
 * is given up unless it is just done.
 *
 * The caller closes the file, and not the thread: a file that a thread of the kernel
 * closes keeps its file system busy for a while.
 */
int mq_move_wait(struct mq_journal *j, struct mq_move *m)
{
	/* Who sees that it is done sees the result: mq_move_finish(). */
	if (wait_event_freezable(m->wait, smp_load_acquire(&m->done))) {
		WRITE_ONCE(m->cancel, true);
		wake_up(&j->work);
		/* That may be too late, and the caller shall know which file it is. */
		if (wait_event_state(m->wait, smp_load_acquire(&m->done),
				     (TASK_KILLABLE | TASK_FREEZABLE)))
			return -EINTR;
	}
	mq_move_close(m);
	return m->err;
}

/* -- the end ------------------------------------------------------------------- */

static void mq_move_set_next(struct mq_journal *j, struct mq_journal *next)
{
	spin_lock(&j->lock);
	j->next = next;
	spin_unlock(&j->lock);
}

/* Stop the walk. */
static void mq_move_walk_end(struct mq_move *m)
{
	if (m->feed)
		m->feed->ops->walk_end(m->feed, &m->walk);
	m->feed = NULL;
}

/* The journal stays where it is. */
static void mq_move_give_up(struct mq_journal *j, struct mq_move *m, int err,
			    const char *why)
{
	mq_move_walk_end(m);
	if (m->phase != MQ_MOVE_BEGINS)
		WRITE_ONCE(j->capacity, m->capacity);
	mq_move_set_next(j, NULL);
	m->err = err;
	m->why = why;
	m->phase = MQ_MOVE_CLEARS;
}

/* The same, as there is an error of the other file. */
static void mq_move_fail(struct mq_journal *j, struct mq_move *m, int err)
{
	switch (err) {
	case -ENOSPC:
		return mq_move_give_up(j, m, err, "the other file has no room");
	case -ENXIO:
		return mq_move_give_up(j, m, err, "the other file was cut short");
	case -ENOENT:
		return mq_move_give_up(j, m, err, "the other file was removed");
	case -EAGAIN:
		return mq_move_give_up(j, m, -EBUSY,
				       "the file system of the other file is frozen");
	case -EBADMSG:
		return mq_move_give_up(j, m, err,
				       "a message that a topic retains cannot be read in its file: purge what that topic retains");
	default:
		return mq_move_give_up(j, m, err,
				       "the other file cannot be written");
	}
}

/* Nothing knows of the file any more: tell the caller. */
static void mq_move_finish(struct mq_journal *j, struct mq_move *m)
{
	struct mq_journal *to = m->to;
	struct mq_feed *f;

	spin_lock(&j->lock);
	list_for_each_entry(f, &j->feeds, link)
		memset(&f->at[to->side], 0, sizeof(f->at[to->side]));
	j->move = NULL;
	spin_unlock(&j->lock);
	if (to->objects == j->objects)
		mq_objects_unshare(to);
	/* Who sees this sees the result. */
	smp_store_release(&m->done, true);
	wake_up(&m->wait);
	mq_move_put(m);
}

/* Forget what was known of that file, a portion. */
static void mq_move_clear(struct mq_journal *j, struct mq_move *m)
{
	m->list = mq_objects_clear(j, m->to->side, m->list);
	if (!m->list)
		mq_move_finish(j, m);
}

/* -- copying ------------------------------------------------------------------- */

/* Go on to a queue, or NULL: those were all. */
static void mq_move_to_feed(struct mq_journal *j, struct mq_move *m,
			    struct mq_feed *f)
{
	m->feed = f;
	m->walk.after = 0;
	m->walk.after_dedup = 0;
	m->walk.more = true;
	m->fresh = true;
	if (f)
		return;
	m->group = j->begun;
	m->phase = MQ_MOVE_LAST;
}

static void mq_move_next_feed(struct mq_journal *j, struct mq_move *m)
{
	struct mq_feed *f = m->feed;

	f->ops->walk_end(f, &m->walk);
	spin_lock(&j->lock);
	f = list_is_last(&f->link, &j->feeds) ? NULL : list_next_entry(f, link);
	spin_unlock(&j->lock);
	mq_move_to_feed(j, m, f);
}

/* A queue that was removed is about to leave the journal. */
void mq_move_forget(struct mq_journal *j, struct mq_feed *f)
{
	struct mq_move *m = j->move;

	if (m && m->feed == f)
		mq_move_next_feed(j, m);
}

static void mq_move_begin(struct mq_journal *j, struct mq_move *m)
{
	struct mq_journal *to = m->to;
	struct mq_feed *f;

	to->side = !j->side;
	to->serial = j->serial;
	mq_objects_share(j, to);
	m->capacity = j->capacity;
	m->phase = MQ_MOVE_COPIES;
	WRITE_ONCE(j->capacity, min(j->capacity, to->capacity));
	/* More may have come since the caller looked. */
	if (atomic64_read(&j->live) > to->capacity)
		return mq_move_fail(j, m, -ENOSPC);
	spin_lock(&j->lock);
	j->next = to;
	f = list_first_entry_or_null(&j->feeds, struct mq_feed, link);
	spin_unlock(&j->lock);
	mq_move_to_feed(j, m, f);
}

/* Copy some of what a queue has, or go on to the next queue. */
static void mq_move_some(struct mq_journal *j, struct mq_move *m)
{
	struct mq_scratch *s = j->scratch;
	struct mq_feed *f = m->feed;
	u32 i, n;

	if (m->fresh) {
		mq_feed_add(j, f);
		mq_put_queue_copy(j, f);
		m->fresh = false;
		m->walk.side = j->next->side;
	}
	if (m->walk.more) {
		n = f->ops->walk(f, &m->walk, s->changes);
		for (i = 0; i < n; i++)
			mq_put_copy(j, f, &s->changes[i]);
		return;
	}
	n = f->ops->walk_dedups(f, &m->walk, s->dedups);
	for (i = 0; i < n; i++)
		mq_put_dedup_copy(j, f, &s->dedups[i]);
	if (!m->walk.more_dedups)
		mq_move_next_feed(j, m);
}

/* Copy a portion. */
static void mq_move_copy(struct mq_journal *j, struct mq_move *m)
{
	struct mq_journal *to = j->next;
	u64 begin = to->added;
	u32 rounds = 0;

	while (m->feed && !to->broken && rounds++ < MQ_MOVE_ROUNDS &&
	       to->added - begin < MQ_MOVE_BYTES) {
		mq_move_some(j, m);
		cond_resched();
	}
	/* What goes wrong is seen in the next step. */
	mq_log_write(to);
}

/* -- the change of files -------------------------------------------------------- */

/*
 * The other file is complete: let the journal go on there. Return 0 or an error of
 * that file.
 */
static int mq_move_commit(struct mq_journal *j)
{
	struct mq_journal *to = j->next;
	int err = mq_medium_is_removed(&to->medium) ? -ENOENT : mq_log_settle(to);

	if (err)
		return err;
	err = mq_log_super(to, 0);
	if (err) {
		/* Nobody shall take it for complete, if that can be prevented. */
		mq_log_super(to, MQ_J_PARTIAL);
		return err;
	}
	if (mq_log_super(j, MQ_J_MOVED))
		pr_warn("devmq: journal %s was moved, but its old file could not be marked: do not attach that file again\n",
			j->name);
	to->written += j->written;
	to->cleaned += j->cleaned;
	to->flushes += j->flushes;
	mq_journal_swap(j, to);
	WRITE_ONCE(j->state, DEVMQ_JOURNAL_OK);
	WRITE_ONCE(j->error, 0);
	return 0;
}

/* Wait for a group that has all that was missing, and change files. */
static enum mq_move_news mq_move_last(struct mq_journal *j, struct mq_move *m)
{
	int err;

	if (READ_ONCE(j->error) && !m->ceilings) {
		m->ceilings = true;
		m->group = j->begun;
		return MQ_MOVE_CEILINGS;
	}
	if (j->begun == m->group || !j->whole)
		return MQ_MOVE_NO_NEWS;
	err = mq_move_commit(j);
	if (err) {
		mq_move_fail(j, m, err);
		return MQ_MOVE_NO_NEWS;
	}
	m->phase = MQ_MOVE_CLEARS;
	return MQ_MOVE_WORKS;
}

/* Go on with a move, if there is one, after a group. */
enum mq_move_news mq_move_step(struct mq_journal *j)
{
	struct mq_move *m = READ_ONCE(j->move);

	if (!m)
		return MQ_MOVE_NO_NEWS;
	if (READ_ONCE(m->cancel) && m->phase != MQ_MOVE_CLEARS)
		mq_move_give_up(j, m, -EINTR, "a signal came");
	else if (j->next && j->next->broken)
		mq_move_fail(j, m, j->next->broken);
	switch (m->phase) {
	case MQ_MOVE_BEGINS:
		mq_move_begin(j, m);
		break;
	case MQ_MOVE_COPIES:
		mq_move_copy(j, m);
		break;
	case MQ_MOVE_LAST:
		return mq_move_last(j, m);
	case MQ_MOVE_CLEARS:
		mq_move_clear(j, m);
	}
	return MQ_MOVE_NO_NEWS;
}

/* The journal is being detached: give up what has not been done. */
void mq_move_cancel(struct mq_journal *j)
{
	struct mq_move *m = READ_ONCE(j->move);

	if (m && m->phase != MQ_MOVE_CLEARS)
		mq_move_give_up(j, m, -ENOENT, "it was detached");
	while (READ_ONCE(j->move))
		mq_move_clear(j, m);
}
