// SPDX-License-Identifier: GPL-2.0
/*
 * Pollers: those that wait with poll, select, epoll, or a poll of io_uring.
 *
 * A poller for messages, or for the removal of the queue, is in the wait queue
 * mq_stand.polls of its open file. A poller for room is in mq_gate.writers.
 * There are no more than these two, because io_uring supports only two wait
 * queues.
 *
 * An open file that has pollers is in mq_gate.polled. For all these files, the
 * queue has one wait queue entry in mq_gate.readers, mq_gate.crowd. It is
 * before the threads, which are exclusive waiters, so each message wakes it,
 * and its wake function notifies the pollers.
 *
 * A message notifies an exclusive poller (EPOLLEXCLUSIVE) instead of waking a
 * thread. So for its exclusive pollers, each file has a wait queue entry among
 * the threads, mq_stand.relay. If none of these pollers accepts the wake-up,
 * all of them are notified and the relay is removed. The first of them that
 * polls again adds the relay again.
 *
 * A file without credit notifies none of its pollers, so that they do not use
 * up wake-ups that others need. They are notified when the file gets credit
 * (mq_wake_stand()).
 *
 * Pollers need no thread each, so there may be many. A thread that brings
 * something notifies the first few of them. If there are more, the queue's work
 * notifies all, a portion in each hold of the locks.
 */
#include <linux/poll.h>

#include "base/compat.h"
#include "wait/everybody.h"
#include "wait/gate.h"
#include "wait/pollers.h"

/*
 * How many pollers are notified by a thread that brings something, and by the
 * work in each hold of the locks.
 */
#define MQ_TELL_FIRST	16
#define MQ_TELL_PORTION	64

#define MQ_IN	poll_to_key(EPOLLIN | EPOLLRDNORM)
#define MQ_OUT	poll_to_key(EPOLLOUT | EPOLLWRNORM)
#define MQ_OUT_GONE poll_to_key(EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLERR)
#define MQ_GONE	poll_to_key(EPOLLIN | EPOLLRDNORM | EPOLLHUP | EPOLLERR)

/**
 * enum mq_scope - which pollers in a wait queue are notified
 * @MQ_SHARED: those that are not exclusive
 * @MQ_ONE: those, and exclusive ones until one of these accepts the wake-up
 * @MQ_ALL: all
 */
enum mq_scope { MQ_SHARED, MQ_ONE, MQ_ALL };

/* Bits of mq_gate.untold_pollers: whom the queue's work must notify. */
enum {
	MQ_UNTOLD_CROWD,	/* pollers for messages */
	MQ_UNTOLD_ALL,		/* the same, and exclusive ones as well */
	MQ_UNTOLD_ROOM,		/* pollers for room */
	MQ_UNTOLD_READERS,	/* threads that wait for messages */
};

/**
 * struct mq_telling - a walk along a wait queue that notifies its pollers
 * @mark: wait queue entry before the pollers that are still to be notified
 * @left: how many pollers may be notified before the lock must be dropped
 * @scope: which pollers are notified
 * @heard: an exclusive poller has accepted the wake-up
 * @key: the events, as the key of a wake-up
 */
struct mq_telling {
	struct wait_queue_entry	mark;
	unsigned int		left;
	enum mq_scope		scope;
	bool			heard;
	void			*key;
};

/* The wake function of a mark, which does nothing. */
static int mq_mark_wake(struct wait_queue_entry *wait, unsigned int mode,
			int flags, void *key)
{
	return 0;
}

static void mq_telling_init(struct mq_telling *t, unsigned int left,
			    enum mq_scope scope, void *key)
{
	init_waitqueue_func_entry(&t->mark, mq_mark_wake);
	INIT_LIST_HEAD(&t->mark.entry);
	t->left = left;
	t->scope = scope;
	t->heard = false;
	t->key = key;
}

/* Notify the pollers behind the mark. Return: false if @t->left was too low. */
static bool mq_tell_behind(struct wait_queue_head *line, struct mq_telling *t)
{
	lockdep_assert_held(&line->lock);
	while (!list_is_last(&t->mark.entry, &line->head)) {
		struct wait_queue_entry *at = list_next_entry(&t->mark, entry);
		bool exclusive = at->flags & WQ_FLAG_EXCLUSIVE;

		if (exclusive && t->scope == MQ_SHARED)
			return true;
		if (!t->left)
			return false;
		t->left--;
		/* Pass @at first: its wake function may remove it. */
		list_move(&t->mark.entry, &at->entry);
		if (!at->func(at, TASK_NORMAL, 0, t->key) || !exclusive)
			continue;
		t->heard = true;
		if (t->scope == MQ_ONE)
			return true;
	}
	return true;
}

/* Notify the pollers from @at on. Return: as mq_tell_behind(). */
static bool mq_tell_from(struct wait_queue_head *line, struct list_head *at,
			 struct mq_telling *t)
{
	bool done;

	list_add_tail(&t->mark.entry, at);
	done = mq_tell_behind(line, t);
	list_del_init(&t->mark.entry);
	return done;
}

static bool mq_tell_line(struct wait_queue_head *line, struct mq_telling *t)
{
	return list_empty(&line->head) || mq_tell_from(line, line->head.next, t);
}

/* Let the queue's work notify the pollers that the bit @whom stands for. */
static void mq_tell_later(struct mq_gate *g, unsigned int whom)
{
	set_bit(whom, &g->untold_pollers);
	g->ops->kick(g);
}

/* Let the queue's work wake all threads that wait for messages. */
void mq_tell_readers_later(struct mq_gate *g)
{
	mq_tell_later(g, MQ_UNTOLD_READERS);
}

/* -- the pollers of a file ------------------------------------------------- */

/* Return the last poller or NULL. The mark of the work may be behind it. */
static struct wait_queue_entry *mq_polls_last(struct mq_stand *stand)
{
	struct wait_queue_entry *last;

	list_for_each_entry_reverse(last, &stand->polls.head, entry)
		if (last->func != mq_mark_wake)
			return last;
	return NULL;
}

/* Return true if there are exclusive pollers. They are behind the others. */
static bool mq_polls_exclusive(struct mq_stand *stand)
{
	const struct wait_queue_entry *last = mq_polls_last(stand);

	return last && last->flags & WQ_FLAG_EXCLUSIVE;
}

/*
 * Notify the pollers of a file, if it has credit or @t->scope is MQ_ALL. If it
 * has no pollers any more, remove it from mq_gate.polled. Return: as
 * mq_tell_behind().
 */
static bool mq_polls_tell(struct mq_stand *stand, struct mq_telling *t)
{
	bool done = true;

	lockdep_assert_held(&stand->gate->readers.lock);
	spin_lock(&stand->polls.lock);
	if (list_empty(&stand->polls.head)) {
		list_del_init(&stand->polled);
		stand->gate->polled_count--;
	/* WAIT(relay:no-credit) */
	} else if (t->scope == MQ_ALL || mq_stand_has_credit(stand)) {
		done = mq_tell_line(&stand->polls, t);
	}
	spin_unlock(&stand->polls.lock);
	return done;
}

/* The same for one of many files. The file counts in @t->left like a poller. */
static bool mq_crowd_tell(struct mq_stand *stand, struct mq_telling *t)
{
	if (!t->left)
		return false;
	t->left--;
	return mq_polls_tell(stand, t);
}

/*
 * The wake function of mq_gate.crowd, with the lock of mq_gate.readers held:
 * notify the pollers of the queue's files. This returns 0, so that the wake-up
 * goes on to a thread as well.
 */
static int mq_crowd_wake(struct wait_queue_entry *wait, unsigned int mode,
			 int flags, void *key)
{
	struct mq_gate *g = container_of(wait, struct mq_gate, crowd);
	bool all = key_to_poll(key) & MQ_TO_ALL, done = true;
	struct mq_stand *stand, *next;
	struct mq_telling t;

	mq_telling_init(&t, MQ_TELL_FIRST, all ? MQ_ALL : MQ_SHARED, key);
	list_for_each_entry_safe(stand, next, &g->polled, polled) {
		done = mq_crowd_tell(stand, &t);
		if (!done)
			break;
	}
	/* WAIT(relay:nobody) */
	if (list_empty(&g->polled))
		list_del_init(&wait->entry);
	if (unlikely(!done))
		mq_tell_later(g, all ? MQ_UNTOLD_ALL : MQ_UNTOLD_CROWD);
	return 0;
}

/* Of the last few exclusive pollers of a file, return the first. */
static struct wait_queue_entry *mq_polls_last_few(struct mq_stand *stand)
{
	struct wait_queue_entry *at = mq_polls_last(stand);
	unsigned int n;

	for (n = 1; n < MQ_TELL_FIRST; n++) {
		if (list_is_first(&at->entry, &stand->polls.head) ||
		    !(list_prev_entry(at, entry)->flags & WQ_FLAG_EXCLUSIVE))
			break;
		at = list_prev_entry(at, entry);
	}
	return at;
}

/*
 * Notify one exclusive poller of a file of a message. If none of the last few
 * accepts the wake-up, remove the relay, and let the work notify all pollers of
 * the file. Return: true if one has accepted it.
 */
static bool mq_relay_tell(struct mq_stand *stand, void *key)
{
	struct wait_queue_entry *at = mq_polls_last_few(stand);
	struct mq_telling t;

	mq_telling_init(&t, MQ_TELL_FIRST, MQ_ONE, key);
	mq_tell_from(&stand->polls, &at->entry, &t);
	if (t.heard)
		return true;
	/* WAIT(relay:away) */
	list_del_init(&stand->relay.entry);
	WRITE_ONCE(stand->away, true);
	if (!list_is_first(&at->entry, &stand->polls.head)) {
		stand->tell_all = true;
		mq_tell_later(stand->gate, MQ_UNTOLD_CROWD);
	}
	return false;
}

/* The wake function of mq_stand.relay, under the lock of mq_gate.readers. */
static int mq_relay_wake(struct wait_queue_entry *wait, unsigned int mode,
			 int flags, void *key)
{
	struct mq_stand *stand = container_of(wait, struct mq_stand, relay);
	bool heard = false;

	/* mq_crowd_wake() notifies all pollers. */
	if (key_to_poll(key) & MQ_TO_ALL)
		return 0;
	spin_lock(&stand->polls.lock);
	if (!mq_polls_exclusive(stand))
		list_del_init(&wait->entry);
	/* WAIT(relay:no-credit) */
	else if (mq_stand_has_credit(stand))
		heard = mq_relay_tell(stand, key);
	spin_unlock(&stand->polls.lock);
	return heard;
}

/* Notify all pollers of a file of a change that concerns only this file. */
void mq_pollers_notify_file(struct mq_stand *stand, void *key)
{
	struct mq_telling t;
	unsigned long flags;
	bool done;

	mq_telling_init(&t, MQ_TELL_FIRST, MQ_ALL, key);
	spin_lock_irqsave(&stand->polls.lock, flags);
	done = mq_tell_line(&stand->polls, &t);
	if (!done)
		stand->tell_all = true;
	spin_unlock_irqrestore(&stand->polls.lock, flags);
	if (!done)
		mq_tell_later(stand->gate, MQ_UNTOLD_CROWD);
}

static void *mq_room_key(const struct mq_gate *g)
{
	return mq_gate_is_gone(g) ? MQ_OUT_GONE : MQ_OUT;
}

/* Notify pollers for room. @all: not only one of the exclusive ones. */
void mq_pollers_notify_room(struct mq_gate *g, bool all)
{
	struct mq_telling t;
	unsigned long flags;
	bool done;

	mq_telling_init(&t, MQ_TELL_FIRST, all ? MQ_ALL : MQ_ONE,
			mq_room_key(g));
	spin_lock_irqsave(&g->writers.lock, flags);
	done = mq_tell_line(&g->writers, &t);
	spin_unlock_irqrestore(&g->writers.lock, flags);
	if (!done)
		mq_tell_later(g, MQ_UNTOLD_ROOM);
}

/* -- the queue's work ------------------------------------------------------ */

/* Notify all pollers for room. */
static void mq_pollers_room_work(struct mq_gate *g)
{
	struct mq_telling t;
	bool done;

	mq_telling_init(&t, 0, MQ_ALL, mq_room_key(g));
	spin_lock_irq(&g->writers.lock);
	list_add(&t.mark.entry, &g->writers.head);
	spin_unlock_irq(&g->writers.lock);
	do {
		cond_resched();
		t.left = MQ_TELL_PORTION;
		spin_lock_irq(&g->writers.lock);
		done = mq_tell_behind(&g->writers, &t);
		if (done)
			list_del_init(&t.mark.entry);
		spin_unlock_irq(&g->writers.lock);
	} while (!done);
}

/**
 * struct mq_crowd_walk - how the work walks through the files of mq_gate.polled
 * @files: how many files are still to be visited
 * @file: the file whose pollers are being notified. It is valid only while the
 *	mark is in its wait queue; the last close of the file removes the mark
 * @all: notify the exclusive pollers of all files as well
 * @t: the walk along the wait queue of @file
 */
struct mq_crowd_walk {
	unsigned int		files;
	struct mq_stand		*file;
	bool			all;
	struct mq_telling	t;
};

/* Go on to the next file. Return: false if there is none. */
static bool mq_crowd_next(struct mq_gate *g, struct mq_crowd_walk *w)
{
	struct mq_stand *stand = list_first_entry_or_null(&g->polled,
							  struct mq_stand,
							  polled);

	if (!stand || !w->files)
		return false;
	w->files--;
	w->t.left--;
	list_move_tail(&stand->polled, &g->polled);
	spin_lock(&stand->polls.lock);
	w->file = stand;
	w->t.scope = w->all || stand->tell_all ? MQ_ALL : MQ_SHARED;
	stand->tell_all = false;
	list_add(&w->t.mark.entry, &stand->polls.head);
	spin_unlock(&stand->polls.lock);
	return true;
}

/*
 * Notify a portion of the pollers, with the lock of mq_gate.readers held.
 * Return: false if none are left.
 */
static bool mq_crowd_portion(struct mq_gate *g, struct mq_crowd_walk *w)
{
	w->t.left = MQ_TELL_PORTION;
	while (w->t.left) {
		if (list_empty(&w->t.mark.entry) && !mq_crowd_next(g, w))
			return false;
		spin_lock(&w->file->polls.lock);
		if (mq_tell_behind(&w->file->polls, &w->t))
			list_del_init(&w->t.mark.entry);
		spin_unlock(&w->file->polls.lock);
	}
	return true;
}

/* Notify the pollers of all files. @all: the exclusive ones as well. */
static void mq_pollers_crowd_work(struct mq_gate *g, bool all)
{
	struct mq_crowd_walk w = { .all = all };
	bool more;

	mq_telling_init(&w.t, 0, MQ_SHARED,
			mq_gate_is_gone(g) ? MQ_GONE : MQ_IN);
	w.files = READ_ONCE(g->polled_count);
	do {
		spin_lock_irq(&g->readers.lock);
		more = mq_crowd_portion(g, &w);
		spin_unlock_irq(&g->readers.lock);
		cond_resched();
	} while (more);
}

/*
 * Notify the pollers that were too many for the threads that brought something, and wake
 * the threads that were. This does not look whether the files of the pollers have credit.
 * If there is something new meanwhile, the work calls this again.
 */
void mq_pollers_work(struct mq_gate *g)
{
	unsigned long whom = xchg(&g->untold_pollers, 0);

	if (whom & BIT(MQ_UNTOLD_READERS))
		mq_call_others(g);
	if (whom & BIT(MQ_UNTOLD_ROOM))
		mq_pollers_room_work(g);
	if (whom & (BIT(MQ_UNTOLD_CROWD) | BIT(MQ_UNTOLD_ALL)))
		mq_pollers_crowd_work(g, whom & BIT(MQ_UNTOLD_ALL));
}

/* -- begin and end of polling ---------------------------------------------- */

void mq_pollers_init(struct mq_gate *g)
{
	init_waitqueue_head(&g->writers);
	init_waitqueue_func_entry(&g->crowd, mq_crowd_wake);
	INIT_LIST_HEAD(&g->crowd.entry);
	INIT_LIST_HEAD(&g->polled);
}

void mq_pollers_init_file(struct mq_stand *stand)
{
	init_waitqueue_head(&stand->polls);
	init_waitqueue_func_entry(&stand->relay, mq_relay_wake);
	INIT_LIST_HEAD(&stand->relay.entry);
	INIT_LIST_HEAD(&stand->polled);
}

/*
 * Remove an open file at its last close. It has no pollers any more, but the
 * mark of the queue's work may be in its wait queue.
 */
void mq_pollers_leave(struct mq_stand *stand)
{
	struct mq_gate *g = stand->gate;

	spin_lock_irq(&g->readers.lock);
	list_del_init(&stand->relay.entry);
	if (!list_empty(&stand->polled)) {
		list_del_init(&stand->polled);
		g->polled_count--;
	}
	if (list_empty(&g->polled))
		list_del_init(&g->crowd.entry);
	spin_lock(&stand->polls.lock);
	if (!list_empty(&stand->polls.head))
		list_del_init(stand->polls.head.next);
	spin_unlock(&stand->polls.lock);
	spin_unlock_irq(&g->readers.lock);
}

/* Queue a file with pollers in mq_gate.polled and in mq_gate.readers. */
static void mq_pollers_queue_file(struct mq_stand *stand)
{
	struct mq_gate *g = stand->gate;

	spin_lock_irq(&g->readers.lock);
	WRITE_ONCE(stand->away, false);
	if (list_empty(&stand->polled)) {
		list_add_tail(&stand->polled, &g->polled);
		g->polled_count++;
	}
	if (list_empty(&g->crowd.entry))
		__add_wait_queue(&g->readers, &g->crowd);
	spin_lock(&stand->polls.lock);
	if (list_empty(&stand->relay.entry) && mq_polls_exclusive(stand))
		__add_wait_queue_entry_tail_exclusive(&g->readers, &stand->relay);
	spin_unlock(&stand->polls.lock);
	spin_unlock_irq(&g->readers.lock);
}

/*
 * Add a poller for messages. The caller must execute a full barrier after this,
 * and then look whether there is a message.
 */
void mq_pollers_join(struct mq_stand *stand, struct file *file, poll_table *wait)
{
	/* A poller that only looks is queued, but the relay may not be. */
	if (mq_poll_looks(wait)) {
		/* WAIT(poll:back) */
		if (unlikely(READ_ONCE(stand->away)))
			mq_pollers_queue_file(stand);
		return;
	}
	/* WAIT(poll:polls) */
	poll_wait(file, &stand->polls, wait);
	/* WAIT(poll:readers) */
	mq_pollers_queue_file(stand);
}
