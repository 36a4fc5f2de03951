// SPDX-License-Identifier: GPL-2.0
/*
 * Those who poll.
 *
 * Who polls for messages, or for the end of the queue, stands in the line of the
 * open file, mq_stand.polls, and who polls for room in mq_gate.writers: in two
 * wait queues at the most, as io_uring takes no more.
 *
 * An open file with pollers is in mq_gate.polled, and for all of these the queue
 * itself stands in mq_gate.readers, before the sleepers (mq_gate.crowd), so that
 * they are told of each message. Pollers that want to be the only one
 * (EPOLLEXCLUSIVE) are told of a message in place of a sleeper: for those the file
 * stands among the sleepers (mq_stand.relay). If none of them listens, it leaves
 * that line; all of them have been told then, and the first one that looks puts
 * it back. A file that may not hold another delivery tells nobody, so its pollers
 * eat no wake-up that others could use; when that changes they are told
 * (mq_wake_stand).
 *
 * Pollers need no thread, so they can be many: whoever brings something tells the
 * first few of them, and the queue's work tells all, a portion in each hold of the
 * locks.
 */
#include <linux/poll.h>

#include "base/compat.h"
#include "wait/gate.h"
#include "wait/pollers.h"

/* How many are told by whoever brings something, and by the work in a hold. */
#define MQ_TELL_FIRST	16
#define MQ_TELL_PORTION	64

#define MQ_IN	poll_to_key(EPOLLIN | EPOLLRDNORM)
#define MQ_OUT	poll_to_key(EPOLLOUT | EPOLLWRNORM)
#define MQ_OUT_GONE poll_to_key(EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLERR)
#define MQ_GONE	poll_to_key(EPOLLIN | EPOLLRDNORM | EPOLLHUP | EPOLLERR)

/**
 * enum mq_scope - who of a line is told
 * @MQ_SHARED: those who do not mind that others are told as well
 * @MQ_ONE: these, and of those who want to be the only one the first who listens
 * @MQ_ALL: all
 */
enum mq_scope { MQ_SHARED, MQ_ONE, MQ_ALL };

/* Bits of mq_gate.untold_pollers: whom the work is to tell. */
enum {
	MQ_UNTOLD_CROWD,	/* of a message */
	MQ_UNTOLD_ALL,		/* of what concerns all */
	MQ_UNTOLD_ROOM,		/* who polls for room */
};

/**
 * struct mq_telling - somebody tells those in a line
 * @mark: stands in the line, before those who are still to be told
 * @left: how many may be told before the lock is dropped
 * @scope: who is told
 * @heard: one who wants to be the only one listens
 * @key: what they are told
 */
struct mq_telling {
	struct wait_queue_entry	mark;
	unsigned int		left;
	enum mq_scope		scope;
	bool			heard;
	void			*key;
};

/* A mark is told of nothing. */
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

/* Tell those behind the mark. Return: false if some are left. */
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
		/* To be told may be to leave. */
		list_move(&t->mark.entry, &at->entry);
		if (!at->func(at, TASK_NORMAL, 0, t->key) || !exclusive)
			continue;
		t->heard = true;
		if (t->scope == MQ_ONE)
			return true;
	}
	return true;
}

/* Tell those of a line from @at on, but not too many. Return: as above. */
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

/* Have the queue's work tell those who are left. */
static void mq_tell_later(struct mq_gate *g, unsigned int whom)
{
	set_bit(whom, &g->untold_pollers);
	g->ops->kick(g);
}

/* -- who polls a file --------------------------------------------------------------- */

/* The last of them, or NULL. The mark of the queue's work may stand behind it. */
static struct wait_queue_entry *mq_polls_last(struct mq_stand *stand)
{
	struct wait_queue_entry *last;

	list_for_each_entry_reverse(last, &stand->polls.head, entry)
		if (last->func != mq_mark_wake)
			return last;
	return NULL;
}

/* Does one of them want to be the only one? Those stand behind the others. */
static bool mq_polls_exclusive(struct mq_stand *stand)
{
	const struct wait_queue_entry *last = mq_polls_last(stand);

	return last && last->flags & WQ_FLAG_EXCLUSIVE;
}

/* Tell those who poll a file of what @t says. Return: false if some are left. */
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

/* The same for one file of many, which takes a step as well. */
static bool mq_crowd_tell(struct mq_stand *stand, struct mq_telling *t)
{
	if (!t->left)
		return false;
	t->left--;
	return mq_polls_tell(stand, t);
}

/*
 * There is something for those who poll the queue's files, for which @wait stands
 * in mq_gate.readers, the lock of which is held. Nobody waits in vain because of
 * that, so it counts for nothing.
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

/* The last few of those who want to be the only one: the first of these. */
static struct wait_queue_entry *mq_polls_few(struct mq_stand *stand)
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
 * There is a message for one of those who poll a file and want to be the only one.
 * If nobody listens, and not all have been told yet, the work tells all.
 */
static bool mq_relay_tell(struct mq_stand *stand, void *key)
{
	struct wait_queue_entry *at = mq_polls_few(stand);
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

static int mq_relay_wake(struct wait_queue_entry *wait, unsigned int mode,
			 int flags, void *key)
{
	struct mq_stand *stand = container_of(wait, struct mq_stand, relay);
	bool heard = false;

	/* All are told by the queue. */
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

/* What concerns a file alone: its pollers are to look. */
void mq_pollers_tell_file(struct mq_stand *stand, void *key)
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

/* There is room, or all who poll for that are to look. */
void mq_pollers_tell_room(struct mq_gate *g, bool all)
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

/* -- the queue's work --------------------------------------------------------- */

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
 * struct mq_crowd_walk - the work tells those who poll a queue's files
 * @files: how many are still to be gone through
 * @file: one of which some are told, if the mark is in its line; when it is
 *	closed, the mark is not
 * @all: all are to be told
 * @t: of what
 */
struct mq_crowd_walk {
	unsigned int		files;
	struct mq_stand		*file;
	bool			all;
	struct mq_telling	t;
};

/* Go on to the next file. False: that was the last one. */
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

/* A portion, in a hold of the lock of mq_gate.readers. False: that was all. */
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
 * Tell those who were too many, whether their files may hold another delivery or
 * not. If more comes meanwhile, this is called again.
 */
void mq_pollers_work(struct mq_gate *g)
{
	unsigned long whom = xchg(&g->untold_pollers, 0);

	if (whom & BIT(MQ_UNTOLD_ROOM))
		mq_pollers_room_work(g);
	if (whom & (BIT(MQ_UNTOLD_CROWD) | BIT(MQ_UNTOLD_ALL)))
		mq_pollers_crowd_work(g, whom & BIT(MQ_UNTOLD_ALL));
}

/* -- coming and going ---------------------------------------------------------- */

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

/* The last close: nobody polls the file, and the work's mark may be in its line. */
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

/* The file, and the queue for it, stands where its pollers want to be told. */
static void mq_polled(struct mq_stand *stand)
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

/* Somebody polls @stand for messages; he looks after this, behind a full barrier. */
void mq_pollers_join(struct mq_stand *stand, struct file *file, poll_table *wait)
{
	/* Who comes back to look is in line, unless the file has left its own. */
	if (mq_poll_looks(wait)) {
		/* WAIT(poll:back) */
		if (unlikely(READ_ONCE(stand->away)))
			mq_polled(stand);
		return;
	}
	/* WAIT(poll:polls) */
	poll_wait(file, &stand->polls, wait);
	/* WAIT(poll:readers) */
	mq_polled(stand);
}
