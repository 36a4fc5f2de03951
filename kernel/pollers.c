// SPDX-License-Identifier: GPL-2.0
/*
 * Those who poll.
 *
 * Who polls for messages, or for the end of the queue, stands in the line of the
 * open file, mq_file.polls, and who polls for room in mq_queue.writers: in two
 * wait queues at the most, as io_uring takes no more.
 *
 * An open file with pollers is in mq_queue.polled, and for all of these the queue
 * itself stands in mq_queue.readers, before the sleepers (mq_queue.crowd), so that
 * they are told of each message. Pollers that want to be the only one
 * (EPOLLEXCLUSIVE) are told of a message in place of a sleeper: for those the file
 * stands among the sleepers (mq_file.relay). If none of them listens, it leaves
 * that line; all of them have been told then, and the first one that looks puts
 * it back. A file that may not hold another delivery tells nobody, so its pollers
 * eat no wake-up that others could use; when that changes they are told
 * (mq_wake_file).
 *
 * Pollers need no thread, so they can be many: whoever brings something tells the
 * first few of them, and the queue's work tells all, a portion in each hold of the
 * locks.
 */
#include <linux/poll.h>

#include "mq.h"

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

/* Bits of mq_queue.untold_pollers: whom the work is to tell. */
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
static void mq_tell_later(struct mq_queue *q, unsigned int whom)
{
	set_bit(whom, &q->untold_pollers);
	mq_queue_kick(q);
}

/* -- who polls a file --------------------------------------------------------------- */

/* The last of them, or NULL. The mark of the queue's work may stand behind it. */
static struct wait_queue_entry *mq_polls_last(struct mq_file *f)
{
	struct wait_queue_entry *last;

	list_for_each_entry_reverse(last, &f->polls.head, entry)
		if (last->func != mq_mark_wake)
			return last;
	return NULL;
}

/* Does one of them want to be the only one? Those stand behind the others. */
static bool mq_polls_exclusive(struct mq_file *f)
{
	const struct wait_queue_entry *last = mq_polls_last(f);

	return last && last->flags & WQ_FLAG_EXCLUSIVE;
}

/* Tell those who poll a file of what @t says. Return: false if some are left. */
static bool mq_polls_tell(struct mq_file *f, struct mq_telling *t)
{
	bool done = true;

	lockdep_assert_held(&f->q->readers.lock);
	spin_lock(&f->polls.lock);
	if (list_empty(&f->polls.head)) {
		list_del_init(&f->polled);
		f->q->polled_count--;
	/* WAIT(relay:no-credit) */
	} else if (t->scope == MQ_ALL || mq_has_credit(f)) {
		done = mq_tell_line(&f->polls, t);
	}
	spin_unlock(&f->polls.lock);
	return done;
}

/* The same for one file of many, which takes a step as well. */
static bool mq_crowd_tell(struct mq_file *f, struct mq_telling *t)
{
	if (!t->left)
		return false;
	t->left--;
	return mq_polls_tell(f, t);
}

/*
 * There is something for those who poll the queue's files, for which @wait stands
 * in mq_queue.readers, the lock of which is held. Nobody waits in vain because of
 * that, so it counts for nothing.
 */
static int mq_crowd_wake(struct wait_queue_entry *wait, unsigned int mode,
			 int flags, void *key)
{
	struct mq_queue *q = container_of(wait, struct mq_queue, crowd);
	bool all = key_to_poll(key) & MQ_TO_ALL, done = true;
	struct mq_file *f, *next;
	struct mq_telling t;

	mq_telling_init(&t, MQ_TELL_FIRST, all ? MQ_ALL : MQ_SHARED, key);
	list_for_each_entry_safe(f, next, &q->polled, polled) {
		done = mq_crowd_tell(f, &t);
		if (!done)
			break;
	}
	/* WAIT(relay:nobody) */
	if (list_empty(&q->polled))
		list_del_init(&wait->entry);
	if (unlikely(!done))
		mq_tell_later(q, all ? MQ_UNTOLD_ALL : MQ_UNTOLD_CROWD);
	return 0;
}

/* The last few of those who want to be the only one: the first of these. */
static struct wait_queue_entry *mq_polls_few(struct mq_file *f)
{
	struct wait_queue_entry *at = mq_polls_last(f);
	unsigned int n;

	for (n = 1; n < MQ_TELL_FIRST; n++) {
		if (list_is_first(&at->entry, &f->polls.head) ||
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
static bool mq_relay_tell(struct mq_file *f, void *key)
{
	struct wait_queue_entry *at = mq_polls_few(f);
	struct mq_telling t;

	mq_telling_init(&t, MQ_TELL_FIRST, MQ_ONE, key);
	mq_tell_from(&f->polls, &at->entry, &t);
	if (t.heard)
		return true;
	/* WAIT(relay:away) */
	list_del_init(&f->relay.entry);
	WRITE_ONCE(f->away, true);
	if (!list_is_first(&at->entry, &f->polls.head)) {
		f->tell_all = true;
		mq_tell_later(f->q, MQ_UNTOLD_CROWD);
	}
	return false;
}

static int mq_relay_wake(struct wait_queue_entry *wait, unsigned int mode,
			 int flags, void *key)
{
	struct mq_file *f = container_of(wait, struct mq_file, relay);
	bool heard = false;

	/* All are told by the queue. */
	if (key_to_poll(key) & MQ_TO_ALL)
		return 0;
	spin_lock(&f->polls.lock);
	if (!mq_polls_exclusive(f))
		list_del_init(&wait->entry);
	/* WAIT(relay:no-credit) */
	else if (mq_has_credit(f))
		heard = mq_relay_tell(f, key);
	spin_unlock(&f->polls.lock);
	return heard;
}

/* What concerns a file alone: its pollers are to look. */
void mq_pollers_tell_file(struct mq_file *f, void *key)
{
	struct mq_telling t;
	unsigned long flags;
	bool done;

	mq_telling_init(&t, MQ_TELL_FIRST, MQ_ALL, key);
	spin_lock_irqsave(&f->polls.lock, flags);
	done = mq_tell_line(&f->polls, &t);
	if (!done)
		f->tell_all = true;
	spin_unlock_irqrestore(&f->polls.lock, flags);
	if (!done)
		mq_tell_later(f->q, MQ_UNTOLD_CROWD);
}

static void *mq_room_key(const struct mq_queue *q)
{
	return READ_ONCE(q->gone) ? MQ_OUT_GONE : MQ_OUT;
}

/* There is room, or all who poll for that are to look. */
void mq_pollers_tell_room(struct mq_queue *q, bool all)
{
	struct mq_telling t;
	unsigned long flags;
	bool done;

	mq_telling_init(&t, MQ_TELL_FIRST, all ? MQ_ALL : MQ_ONE,
			mq_room_key(q));
	spin_lock_irqsave(&q->writers.lock, flags);
	done = mq_tell_line(&q->writers, &t);
	spin_unlock_irqrestore(&q->writers.lock, flags);
	if (!done)
		mq_tell_later(q, MQ_UNTOLD_ROOM);
}

/* -- the queue's work --------------------------------------------------------- */

static void mq_pollers_room_work(struct mq_queue *q)
{
	struct mq_telling t;
	bool done;

	mq_telling_init(&t, 0, MQ_ALL, mq_room_key(q));
	spin_lock_irq(&q->writers.lock);
	list_add(&t.mark.entry, &q->writers.head);
	spin_unlock_irq(&q->writers.lock);
	do {
		cond_resched();
		t.left = MQ_TELL_PORTION;
		spin_lock_irq(&q->writers.lock);
		done = mq_tell_behind(&q->writers, &t);
		if (done)
			list_del_init(&t.mark.entry);
		spin_unlock_irq(&q->writers.lock);
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
	struct mq_file		*file;
	bool			all;
	struct mq_telling	t;
};

/* Go on to the next file. False: that was the last one. */
static bool mq_crowd_next(struct mq_queue *q, struct mq_crowd_walk *w)
{
	struct mq_file *f = list_first_entry_or_null(&q->polled, struct mq_file,
						     polled);

	if (!f || !w->files)
		return false;
	w->files--;
	w->t.left--;
	list_move_tail(&f->polled, &q->polled);
	spin_lock(&f->polls.lock);
	w->file = f;
	w->t.scope = w->all || f->tell_all ? MQ_ALL : MQ_SHARED;
	f->tell_all = false;
	list_add(&w->t.mark.entry, &f->polls.head);
	spin_unlock(&f->polls.lock);
	return true;
}

/* A portion, in a hold of the lock of mq_queue.readers. False: that was all. */
static bool mq_crowd_portion(struct mq_queue *q, struct mq_crowd_walk *w)
{
	w->t.left = MQ_TELL_PORTION;
	while (w->t.left) {
		if (list_empty(&w->t.mark.entry) && !mq_crowd_next(q, w))
			return false;
		spin_lock(&w->file->polls.lock);
		if (mq_tell_behind(&w->file->polls, &w->t))
			list_del_init(&w->t.mark.entry);
		spin_unlock(&w->file->polls.lock);
	}
	return true;
}

static void mq_pollers_crowd_work(struct mq_queue *q, bool all)
{
	struct mq_crowd_walk w = { .all = all };
	bool more;

	mq_telling_init(&w.t, 0, MQ_SHARED,
			READ_ONCE(q->gone) ? MQ_GONE : MQ_IN);
	w.files = READ_ONCE(q->polled_count);
	do {
		spin_lock_irq(&q->readers.lock);
		more = mq_crowd_portion(q, &w);
		spin_unlock_irq(&q->readers.lock);
		cond_resched();
	} while (more);
}

/*
 * Tell those who were too many, whether their files may hold another delivery or
 * not. If more comes meanwhile, this is called again.
 */
void mq_pollers_work(struct mq_queue *q)
{
	unsigned long whom = xchg(&q->untold_pollers, 0);

	if (whom & BIT(MQ_UNTOLD_ROOM))
		mq_pollers_room_work(q);
	if (whom & (BIT(MQ_UNTOLD_CROWD) | BIT(MQ_UNTOLD_ALL)))
		mq_pollers_crowd_work(q, whom & BIT(MQ_UNTOLD_ALL));
}

/* -- coming and going ---------------------------------------------------------- */

void mq_pollers_init(struct mq_queue *q)
{
	init_waitqueue_head(&q->writers);
	init_waitqueue_func_entry(&q->crowd, mq_crowd_wake);
	INIT_LIST_HEAD(&q->crowd.entry);
	INIT_LIST_HEAD(&q->polled);
}

void mq_pollers_init_file(struct mq_file *f)
{
	init_waitqueue_head(&f->polls);
	init_waitqueue_func_entry(&f->relay, mq_relay_wake);
	INIT_LIST_HEAD(&f->relay.entry);
	INIT_LIST_HEAD(&f->polled);
}

/* The last close: nobody polls the file, and the work's mark may be in its line. */
void mq_pollers_leave(struct mq_file *f)
{
	struct mq_queue *q = f->q;

	spin_lock_irq(&q->readers.lock);
	list_del_init(&f->relay.entry);
	if (!list_empty(&f->polled)) {
		list_del_init(&f->polled);
		q->polled_count--;
	}
	if (list_empty(&q->polled))
		list_del_init(&q->crowd.entry);
	spin_lock(&f->polls.lock);
	if (!list_empty(&f->polls.head))
		list_del_init(f->polls.head.next);
	spin_unlock(&f->polls.lock);
	spin_unlock_irq(&q->readers.lock);
}

/* The file, and the queue for it, stands where its pollers want to be told. */
static void mq_polled(struct mq_file *f)
{
	struct mq_queue *q = f->q;

	spin_lock_irq(&q->readers.lock);
	WRITE_ONCE(f->away, false);
	if (list_empty(&f->polled)) {
		list_add_tail(&f->polled, &q->polled);
		q->polled_count++;
	}
	if (list_empty(&q->crowd.entry))
		__add_wait_queue(&q->readers, &q->crowd);
	spin_lock(&f->polls.lock);
	if (list_empty(&f->relay.entry) && mq_polls_exclusive(f))
		__add_wait_queue_entry_tail_exclusive(&q->readers, &f->relay);
	spin_unlock(&f->polls.lock);
	spin_unlock_irq(&q->readers.lock);
}

/* Somebody polls @f for messages; he looks after this, behind a full barrier. */
void mq_pollers_join(struct mq_file *f, struct file *file, poll_table *wait)
{
	/* Who comes back to look is in line, unless the file has left its own. */
	if (mq_poll_looks(wait)) {
		/* WAIT(poll:back) */
		if (unlikely(READ_ONCE(f->away)))
			mq_polled(f);
		return;
	}
	/* WAIT(poll:polls) */
	poll_wait(file, &f->polls, wait);
	/* WAIT(poll:readers) */
	mq_polled(f);
}
