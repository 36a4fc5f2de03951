// SPDX-License-Identifier: GPL-2.0
/*
 * Who sleeps, and who wakes whom.
 *
 * Who stands where
 *
 *   A thread that waits for a message stands in two lines: in its open file's,
 *   mq_file.own, for what concerns that file alone (it may hold another delivery,
 *   it has a half-read message), and exclusively in the queue's, mq_queue.readers,
 *   as long as the file may hold another delivery ("has credit": prefetch,
 *   single_active, and messages that are handed out alone, see flight.c). So it
 *   eats no wake-up that others could use. Whoever stands in any line for messages
 *   does so on a file that is a consumer by then (mq_act_as).
 *   Commands of io_uring that wait for a message (park.c) stand in their open
 *   file's line, mq_file.waiting, and the file stands in mq_queue.readers for all
 *   of them, once, while it has credit (mq_file.front).
 *   Those who poll for messages (pollers.c) stand in mq_file.polls, and the queue
 *   itself in mq_queue.readers for all of them (mq_queue.crowd); for those that
 *   want to be the only one (EPOLLEXCLUSIVE) the file stands there (mq_file.relay).
 *   Threads and commands that wait for room stand in mq_queue.room, by the order
 *   of their coming and by how much they need (waiters.c); they hold no memory
 *   (send.c). Those who poll for room stand in mq_queue.writers.
 *
 * Who wakes whom
 *
 *   A message that becomes ready wakes one thread or command. Until that one has
 *   tried to take it, further messages wake nobody; when it has, it wakes the
 *   next, if there still is a message (mq_answer_message). So a burst costs few
 *   wake-ups. All who poll are told of each message, of those that want to be the
 *   only one (EPOLLEXCLUSIVE) one in place of a thread.
 *   Room that becomes free wakes the one who has waited longest of those for whom
 *   it is enough; who wakes the next in the same way (mq_answer_room). Who polls
 *   for room is told on the edge, when the queue ceases to be full, and besides
 *   while any file that polls is known to want room (mq_want_room).
 *   What is for all (an option, the end of the queue, the end of the file) wakes
 *   all, in portions where they may be many. Of those who poll, the first few are
 *   told by whoever brings something, and where there are more the queue's work
 *   tells all, as no thread stands behind each of them.
 *
 * Why nobody is missed
 *
 *   Whoever waits (1) gets in every line, then (2) looks, behind a full barrier,
 *   and then (3) sleeps. Whoever brings something (1) brings it, then (2) looks
 *   for somebody in line, behind a full barrier. So one of the two sees the other.
 *   A thread decides by its file's credit in which lines to stand. That is
 *   something that is brought, too: so it gets in the file's line first, and only
 *   then reads the credit (sleep:own, sleep:credit, sleep:readers, sleep:look). To
 *   be woken in the file's line is not to leave it: getting in the second line
 *   makes a thread a sleeper again, and what comes after that must find it.
 *   Credit that goes after that leaves it in the queue's line: the next message
 *   finds that out, takes it off there and goes on to the next (wake:no-credit);
 *   credit that comes back finds it in the file's (wake:own). A file that stands
 *   there for others does the same (front:no-credit, front:credit), or stays and
 *   tells nobody (relay:no-credit, wake:polls).
 *   Who is woken as the one to try is in debt to the others (mq_side.called), and
 *   pays whatever becomes of it: it finds nothing, its deadline passes, a signal
 *   or its death comes. A message that wakes nobody because somebody is called
 *   came before that one pays, and is seen then.
 *
 * Those who do not come
 *
 *   Who is woken may not get to run: its processor is busy, or its group has used
 *   up its time; the task of a command may be stopped. A thread has
 *   MQ_GRACE_JIFFIES, after which as many others are woken as have not come
 *   (mq_grace_over), a command MQ_GRACE (park.c). So the number of steps until
 *   somebody comes grows with the logarithm of how many do not, and each of these
 *   is in the way once: woken, it stands in no line any more. Pollers may not come
 *   either, as who polls is not asked; so where there are any, or commands
 *   (mq_side.watched), each message wakes one. A poller that was told alone and
 *   comes, but may not receive, wakes the next (mq_leave_to_others), and so does
 *   the last close of its file, if it does not come (mq_leave_all_to_others).
 *
 * The labels WAIT(...) mark the steps that the model in selftests/spin has.
 */
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "mq.h"

#define MQ_IN	poll_to_key(EPOLLIN | EPOLLRDNORM)
#define MQ_GONE	poll_to_key(EPOLLIN | EPOLLRDNORM | EPOLLHUP | EPOLLERR)

/* Is that side held off? A look without the lock. */
bool mq_paused(const struct mq_queue *q, u64 side)
{
	return READ_ONCE(q->opt.paused) & side;
}

/* How many messages could be received by somebody. A look without the lock. */
u64 mq_deliverable(const struct mq_queue *q)
{
	return likely(!q->order) ? READ_ONCE(q->stat.ready) : mq_order_count(q);
}

/* May hold another delivery. A look without the lock. */
bool mq_has_credit(const struct mq_file *f)
{
	u32 prefetch = READ_ONCE(f->prefetch);

	if (unlikely(READ_ONCE(f->q->opt.single_active))) {
		const struct mq_file *active = READ_ONCE(f->q->active);

		/* Where there is no consumer, it would be the first. */
		if (active && active != f)
			return false;
	}
	/* It holds a message that is handed out alone, or such a one is next. */
	if (unlikely(READ_ONCE(f->apart)))
		return false;
	return READ_ONCE(f->ack) == DEVMQ_ACK_AUTO || !prefetch ||
	       READ_ONCE(f->held_count) < prefetch;
}

static bool mq_at_eof(const struct mq_queue *q)
{
	u64 eof = READ_ONCE(q->opt.eof);

	if (READ_ONCE(q->stat.ready))
		return false;
	return eof == MQ_EOF_EMPTY ||
	       (eof == MQ_EOF_HANGUP && !READ_ONCE(q->stat.producers));
}

/**
 * mq_can_receive - would a receive not sleep?
 * @f: the consumer
 * @partial: it is a read(2), which may go on with a half-read message
 *
 * A look without the lock.
 */
bool mq_can_receive(const struct mq_file *f, bool partial)
{
	const struct mq_queue *q = f->q;

	if (READ_ONCE(q->gone))
		return true;
	if (partial && (READ_ONCE(f->partial) || READ_ONCE(f->lost)))
		return true;
	return !mq_paused(q, MQ_PAUSED_RECEIVE) && mq_has_credit(f) &&
	       (mq_deliverable(q) || mq_at_eof(q));
}

/* Would a send of @bytes not sleep? A look without the lock. */
bool mq_can_send(const struct mq_queue *q, u64 bytes)
{
	if (READ_ONCE(q->gone))
		return true;
	if (unlikely(mq_paused(q, MQ_PAUSED_SEND)))
		return false;
	return READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK ||
	       mq_queue_fits(q, 1, bytes);
}

/* The same for an unfinished line that has a place and gets @bytes longer. */
bool mq_can_grow(const struct mq_queue *q, u64 bytes)
{
	if (READ_ONCE(q->gone))
		return true;
	if (unlikely(mq_paused(q, MQ_PAUSED_SEND)))
		return false;
	return READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK ||
	       mq_queue_fits_more(q, bytes);
}

/**
 * struct mq_sleeper - a thread asleep in mq_queue.readers
 * @wait: there
 * @f: the consumer
 * @called: it was woken as the one who is to try
 */
struct mq_sleeper {
	struct wait_queue_entry	wait;
	struct mq_file		*f;
	bool			called;
};

/*
 * How many jiffies others wait for one who was called, but does not get to run:
 * as something new comes, and where nothing does.
 */
#define MQ_GRACE_JIFFIES	1
#define MQ_LONG_GRACE		(HZ / 2)

/*
 * Somebody was called. If that one does not come, what is left for the others is
 * seen to when the time is over, even if nothing else happens.
 */
void mq_grace_begin(struct mq_queue *q)
{
	smp_mb__after_atomic(); /* called, then look: see mq_grace_over() */
	/* WAIT(wake:grace) */
	if (!timer_pending(&q->grace))
		mod_timer(&q->grace, jiffies + MQ_LONG_GRACE);
}

/* Somebody is woken, and is about to try. */
static void mq_side_call(struct mq_queue *q, struct mq_side *side)
{
	atomic_inc(&side->called);
	WRITE_ONCE(side->called_at, jiffies);
	mq_grace_begin(q);
}

/*
 * There is a message. A thread whose open file may not hold another one is not
 * woken, and does not stand in the way of the next message either: it sleeps on
 * in mq_file.own, where it is woken when that has changed.
 */
static int mq_sleeper_wake(struct wait_queue_entry *wait, unsigned int mode,
			   int flags, void *key)
{
	struct mq_sleeper *s = container_of(wait, struct mq_sleeper, wait);
	struct mq_side *side = &s->f->q->rx;

	/* WAIT(wake:no-credit) */
	if (unlikely(!mq_has_credit(s->f) && !READ_ONCE(s->f->q->gone))) {
		list_del_init(&wait->entry);
		return 0;
	}
	/* Once it is awake, it may be gone. */
	s->called = true;
	mq_side_call(s->f->q, side);
	if (autoremove_wake_function(wait, mode, flags, key))
		return 1;
	/* It was awake already, and waits for the lock held here. */
	s->called = false;
	atomic_dec(&side->called);
	return 0;
}

static void mq_sleeper_init(struct mq_sleeper *s, struct mq_file *f)
{
	init_wait_entry(&s->wait, WQ_FLAG_EXCLUSIVE);
	s->wait.func = mq_sleeper_wake;
	s->f = f;
	s->called = false;
}

/* Somebody has been woken, or looks, and is about to try: enough for now? */
static bool mq_side_is_called(struct mq_queue *q, const struct mq_side *side)
{
	if (READ_ONCE(side->watched))
		return false;
	if (READ_ONCE(side->spins))
		return true;
	if (!atomic_read(&side->called) ||
	    time_after(jiffies, READ_ONCE(side->called_at) + MQ_GRACE_JIFFIES))
		return false;
	/* If nothing else comes that would look again, this does. */
	timer_reduce(&q->grace, jiffies + MQ_GRACE_JIFFIES + 1);
	return true;
}

static void mq_grace_over(struct timer_list *timer)
{
	struct mq_queue *q = container_of(timer, struct mq_queue, grace);
	int readers, writers;

	smp_mb(); /* not pending, then look: see mq_grace_begin() */
	/* WAIT(grace:over) */
	readers = atomic_read(&q->rx.called);
	writers = atomic_read(&q->tx.called);
	/*
	 * As many as have not come: so few steps get past any number of these. Who
	 * has come wakes the next, if there is more.
	 */
	if (readers)
		mq_pass_on(q, readers);
	if (writers)
		mq_pass_room_on(q, writers);
}

/* Somebody begins to wait in a call, or as a command, or still does. */
void mq_wait_begin(struct mq_side *side, struct mq_wait *w)
{
	if (w->since)
		return;
	w->since = mq_now(MQ_BOOTTIME);
	spin_lock(&side->lock);
	list_add_tail(&w->link, &side->waits);
	side->waiting++;
	spin_unlock(&side->lock);
}

/* He waits no more, if he did. */
void mq_wait_end(struct mq_side *side, struct mq_wait *w)
{
	if (!w->since)
		return;
	spin_lock(&side->lock);
	list_del(&w->link);
	side->waiting--;
	spin_unlock(&side->lock);
	w->since = 0;
}

/* How many wait, and for how long the first has. */
void mq_wait_stat(struct mq_side *side, u64 *waiting, u64 *first_ms)
{
	u64 now = mq_now(MQ_BOOTTIME);
	const struct mq_wait *w;

	spin_lock(&side->lock);
	*waiting = side->waiting;
	w = list_first_entry_or_null(&side->waits, struct mq_wait, link);
	*first_ms = w && w->since < now ? div_u64(now - w->since,
						  NSEC_PER_MSEC) : 0;
	spin_unlock(&side->lock);
}

static void mq_side_init(struct mq_side *side)
{
	spin_lock_init(&side->lock);
	INIT_LIST_HEAD(&side->waits);
}

void mq_wait_init(struct mq_queue *q)
{
	mq_side_init(&q->rx);
	mq_side_init(&q->tx);
	init_waitqueue_head(&q->readers);
	mq_pollers_init(q);
	mq_waiters_init(&q->room);
	mq_waiters_init(&q->growth);
	mq_waiters_init(&q->parked);
	timer_setup(&q->grace, mq_grace_over, 0);
}

/* Nobody has a reference to the queue any more. */
void mq_wait_exit(struct mq_queue *q)
{
	mq_timer_stop(&q->grace);
}

/* Who was called has tried. True if so, and he may have to call the next. */
static bool mq_side_answer(struct mq_side *side, bool *called)
{
	if (!*called)
		return false;
	*called = false;
	/* WAIT(answer) */
	atomic_dec(&side->called);
	/* Who came before this woke nobody, and we see what he brought. */
	smp_mb__after_atomic();
	return true;
}

/* Sleep until woken: 0; or until the deadline: -ETIMEDOUT. */
static int mq_sleep(u64 deadline_ns)
{
	ktime_t deadline = min_t(u64, deadline_ns, KTIME_MAX);

	if (deadline_ns == DEVMQ_FOREVER) {
		schedule();
		return 0;
	}
	return schedule_hrtimeout_range(&deadline, 0, HRTIMER_MODE_ABS) ?
	       0 : -ETIMEDOUT;
}

static int mq_sleep_for_message(struct mq_file *f, bool partial,
				u64 deadline_ns, bool *called)
{
	struct mq_queue *q = f->q;
	struct wait_queue_entry own;
	struct mq_sleeper s;
	int err = 0;

	mq_sleeper_init(&s, f);
	init_wait_entry(&own, 0);
	/*
	 * To be woken there is not to leave: getting in the second line says
	 * once more that this sleeps, and what comes after that is for it, too.
	 */
	own.func = default_wake_function;
	for (;;) {
		bool credit;
		int stop;

		if (s.called) {
			/* Not queued, so nobody else touches it. */
			if (mq_can_receive(f, partial)) {
				err = 0;
				break;
			}
			mq_answer_message(q, &s.called);
		}
		/* WAIT(sleep:own) */
		stop = prepare_to_wait_event(&f->own, &own, TASK_INTERRUPTIBLE);
		/* WAIT(sleep:credit) */
		credit = mq_has_credit(f);
		/* WAIT(sleep:readers) */
		if (credit)
			prepare_to_wait_exclusive(&q->readers, &s.wait,
						  TASK_INTERRUPTIBLE);
		/* WAIT(sleep:look) */
		if (mq_can_receive(f, partial)) {
			err = 0;
			break;
		}
		err = err ?: stop;
		if (err)
			break;
		/* WAIT(sleep:sleep) */
		err = mq_sleep(deadline_ns);
		/* WAIT(sleep:leave) */
		finish_wait(&q->readers, &s.wait);
	}
	finish_wait(&q->readers, &s.wait);
	finish_wait(&f->own, &own);
	*called = s.called;
	return err;
}

/**
 * mq_wait_message - sleep until there may be something to receive
 * @f: the consumer
 * @partial: as for mq_can_receive()
 * @deadline_ns: not longer than this time of CLOCK_MONOTONIC
 * @called: what the last wait said, false before the first; gets whether a
 *	message may rely on the caller
 *
 * Whoever called this calls mq_answer_message() when he has tried to receive, and
 * before he waits for anything else.
 *
 * Return: 0 (look again), ERESTARTSYS, or ETIMEDOUT.
 */
int mq_wait_message(struct mq_file *f, bool partial, u64 deadline_ns,
		    bool *called)
{
	mq_answer_message(f->q, called);
	if (mq_has_credit(f) &&
	    mq_spin_message(f, partial, deadline_ns, called))
		return 0;
	return mq_sleep_for_message(f, partial, deadline_ns, called);
}

/* Who waited has tried to receive: if more is there, it is for the next. */
void mq_answer_message(struct mq_queue *q, bool *called)
{
	if (mq_side_answer(&q->rx, called))
		mq_pass_on(q, 1);
}

/**
 * struct mq_writer - a writer that waits for room
 * @w: in mq_queue.room, or in mq_queue.growth
 * @q: the queue
 * @payload: bytes of its message's payload
 * @meta: bytes of its key and headers
 * @held: in mq_queue.growth: how many of these are reserved for it already
 */
struct mq_writer {
	struct mq_waiter	w;
	struct mq_queue		*q;
	u64			payload;
	u64			meta;
	u64			held;
};

/* There is room, or there will never be any: both end the wait. */
static bool mq_writer_may_go(const struct mq_waiter *w)
{
	const struct mq_writer *x = container_of(w, struct mq_writer, w);

	return mq_can_send(x->q, x->payload + x->meta) ||
	       !mq_size_ok(x->q, x->payload, x->meta);
}

/* The same where it only is to grow. */
static bool mq_grower_may_go(const struct mq_waiter *w)
{
	const struct mq_writer *x = container_of(w, struct mq_writer, w);

	return mq_can_grow(x->q, x->payload - x->held) ||
	       !mq_size_ok(x->q, x->payload, 0);
}

static bool mq_writer_wake(struct mq_waiter *w)
{
	struct mq_writer *x = container_of(w, struct mq_writer, w);

	/* Before it runs: it may answer at once. */
	w->woken = true;
	mq_side_call(x->q, &x->q->tx);
	wake_up_process(w->task);
	return true;
}

static int mq_sleep_for_room(struct mq_writer *x, struct mq_waiters *line,
			     bool (*may_go)(const struct mq_waiter *w),
			     struct mq_turn *turn)
{
	struct mq_queue *q = x->q;
	int err;

	mq_answer_room(q, &turn->called);
	x->w.wake = mq_writer_wake;
	x->w.ticket = turn->ticket;
	do {
		mq_answer_room(q, &x->w.woken);
		err = mq_waiters_sleep(line, &x->w, may_go);
	} while (!err && !may_go(&x->w));
	turn->called = x->w.woken;
	turn->ticket = x->w.ticket;
	return err;
}

/**
 * mq_wait_room - sleep until there may be room
 * @q: the queue
 * @payload: bytes of the message's payload
 * @meta: bytes of its key and headers
 * @turn: what the last wait said, all 0 before the first; gets whether others may
 *	rely on the caller, and his place in line
 *
 * Whoever called this calls mq_answer_room() when he has tried to send, and
 * before he waits for anything else.
 *
 * Return: 0 (try again) or ERESTARTSYS.
 */
int mq_wait_room(struct mq_queue *q, u64 payload, u64 meta,
		 struct mq_turn *turn)
{
	struct mq_writer x = { .q = q, .payload = payload, .meta = meta };

	mq_waiter_init_thread(&x.w, payload + meta);
	return mq_sleep_for_room(&x, &q->room, mq_writer_may_go, turn);
}

/**
 * mq_wait_growth - sleep until an unfinished line that has a place may grow
 * @q: the queue
 * @before: bytes that it has reserved
 * @size: bytes that it is to have; the same: sleep until the end of a pause
 * @turn: as for mq_wait_room()
 *
 * As mq_wait_room(). It wants no message's place, so it stands in a line of its
 * own, and is looked for where somebody waits in the other one.
 */
int mq_wait_growth(struct mq_queue *q, u64 before, u64 size,
		   struct mq_turn *turn)
{
	struct mq_writer x = { .q = q, .payload = size, .held = before };
	int err;

	mq_waiter_init_thread(&x.w, size - before);
	/* WAIT(growth:note) */
	mq_waiters_note(&q->room, 1);
	err = mq_sleep_for_room(&x, &q->growth, mq_grower_may_go, turn);
	mq_waiters_note(&q->room, -1);
	return err;
}

/* Who waited has tried to send: if room is left, it is for the next. */
void mq_answer_room(struct mq_queue *q, bool *called)
{
	if (mq_side_answer(&q->tx, called))
		mq_wake_writers(q, true);
}

/**
 * mq_want_room - remember that a send of this file would have slept
 * @f: the producer
 * @bytes: what it sent, 0: it has got in, or gave up
 *
 * A poll waits for as much, so that who polls and tries again does not spin.
 */
void mq_want_room(struct mq_file *f, u64 bytes)
{
	u64 before = xchg(&f->wants, bytes);

	if (!before && bytes) {
		atomic_inc(&f->q->blocked);
	} else if (before && !bytes) {
		atomic_dec(&f->q->blocked);
		/* WAIT(want:none) somebody may poll for what another could not send */
		mq_wake_pollers(f->q);
	}
}

static void mq_wake_all_readers(struct mq_queue *q, __poll_t why)
{
	__wake_up(&q->readers, TASK_INTERRUPTIBLE, 0,
		  poll_to_key(EPOLLIN | EPOLLRDNORM | MQ_TO_ALL | why));
	mq_waiters_wake_all(&q->parked);
}

/* As mq_wake_readers(), where somebody sleeps there. */
void mq_wake_sleeping_readers(struct mq_queue *q, unsigned int n)
{
	if (!n) {
		mq_wake_all_readers(q, 0);
		return;
	}
	if (mq_side_is_called(q, &q->rx))
		return;
	/* A thread that is woken wakes the next. */
	__wake_up(&q->readers, TASK_INTERRUPTIBLE,
		  READ_ONCE(q->rx.watched) ? n : 1, MQ_IN);
}

/* What is ready was not for us: wake the next, or @n who are to share it. */
void mq_pass_on(struct mq_queue *q, unsigned int n)
{
	/* WAIT(pass-on) after a pause all are woken; in it they would wake each other */
	if (!mq_deliverable(q) || mq_paused(q, MQ_PAUSED_RECEIVE))
		return;
	if (n > 1)
		__wake_up(&q->readers, TASK_INTERRUPTIBLE, n, MQ_IN);
	else
		mq_wake_readers(q, 1);
}

/**
 * mq_leave_to_others - a consumer that does not wait may not receive what is there
 * @f: the consumer
 *
 * Who polls alone (EPOLLEXCLUSIVE) is told of a message in place of others, and its
 * file may have received something else since, or meet what is handed out alone
 * only now. Others have not been told then, and nobody but the poller can do so.
 */
void mq_leave_to_others(const struct mq_file *f)
{
	if (unlikely(READ_ONCE(f->q->rx.watched)) && !mq_has_credit(f))
		mq_pass_on(f->q, 1);
}

/**
 * mq_leave_all_to_others - an open file goes, and nobody polls it any more
 * @f: the file, which has left all lines
 *
 * One of its pollers may have been told alone of a message, or of room, and has
 * ended before it could try.
 */
void mq_leave_all_to_others(const struct mq_file *f)
{
	struct mq_queue *q = f->q;

	if (f->roles & FMODE_READ && unlikely(READ_ONCE(q->rx.watched)))
		mq_pass_on(q, 1);
	if (f->roles & FMODE_WRITE && unlikely(READ_ONCE(q->tx.watched)))
		mq_wake_writers(q, false);
}

/*
 * The largest message that there is room for, or by how much one that has a place
 * may grow; false: none, not even an empty one.
 */
static bool mq_room(const struct mq_queue *q, bool has_place, u64 *room)
{
	u64 bytes = READ_ONCE(q->stat.bytes), max = READ_ONCE(q->room_bytes);

	*room = U64_MAX;
	if (READ_ONCE(q->gone))
		return true;
	if (unlikely(mq_paused(q, MQ_PAUSED_SEND)))
		return false;
	if (READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK)
		return true;
	*room = max - bytes;
	return bytes <= max &&
	       (has_place ||
		READ_ONCE(q->stored) < READ_ONCE(q->room_messages));
}

/* As mq_wake_writers(), where somebody waits. */
void mq_wake_sleeping_writers(struct mq_queue *q, bool edge)
{
	u64 room;

	/* WAIT(wake:growth) */
	if (mq_waiters_some(&q->growth) && mq_room(q, true, &room) &&
	    !mq_side_is_called(q, &q->tx))
		mq_waiters_wake(&q->growth, room);
	if (mq_waiters_some(&q->room) && mq_room(q, false, &room) &&
	    !mq_side_is_called(q, &q->tx))
		mq_waiters_wake(&q->room, room);
	if (edge || atomic_read(&q->blocked))
		mq_wake_pollers(q);
}

/* Wake one, whoever else is called. */
static bool mq_room_wake(struct mq_queue *q)
{
	u64 room;

	return (mq_room(q, true, &room) && mq_waiters_wake(&q->growth, room)) ||
	       (mq_room(q, false, &room) && mq_waiters_wake(&q->room, room));
}

/* Room was not for us: wake the next, or @n who are to share it. */
void mq_pass_room_on(struct mq_queue *q, unsigned int n)
{
	/* WAIT(room:pass-on) */
	mq_wake_writers(q, true);
	while (--n && mq_room_wake(q))
		;
}

/* All who poll for room are to look. */
void mq_wake_pollers(struct mq_queue *q)
{
	/* Callers come from a full barrier: who polls gets in line, then looks. */
	if (waitqueue_active(&q->writers))
		mq_pollers_tell_room(q, false);
}

/* @f may hold more deliveries than before, or has a half-read message. */
void mq_wake_file(struct mq_file *f)
{
	void *why = unlikely(READ_ONCE(f->q->gone)) ? MQ_GONE : MQ_IN;

	/* WAIT(wake:own) */
	if (wq_has_sleeper(&f->own))
		__wake_up(&f->own, TASK_INTERRUPTIBLE, 0, why);
	/* WAIT(wake:polls): wq_has_sleeper() has the barrier for this as well. */
	if (waitqueue_active(&f->polls))
		mq_pollers_tell_file(f, why);
	if (unlikely(!list_empty(&f->waiting)))
		mq_park_credit(f);
}

/* The same, when the lock is dropped, and once however often this is called. */
void mq_tell_locked(struct mq_file *f)
{
	struct mq_queue *q = f->q;

	lockdep_assert_held(&q->lock);
	list_move(&f->tell, &q->untold);
	q->tells++;
}

/* Tell the next file, if there is one. */
static bool mq_tell_next(struct mq_queue *q)
{
	struct mq_file *f;

	spin_lock(&q->lock);
	f = list_first_entry_or_null(&q->untold, struct mq_file, tell);
	if (f)
		list_move_tail(&f->tell, &q->told);
	/* The file may be closed now, but its memory stays. */
	rcu_read_lock();
	spin_unlock(&q->lock);
	if (f)
		mq_wake_file(f);
	rcu_read_unlock();
	return f;
}

/*
 * Without the lock: tell @n files, or as many as there are. Others may tell
 * those that the caller had in mind; as each tells as many as he has added, none
 * is left.
 */
void mq_tell(struct mq_queue *q, unsigned int n)
{
	while (n-- && mq_tell_next(q))
		;
}

/* Tell all files. */
static void mq_tell_all(struct mq_queue *q)
{
	u64 n;

	spin_lock(&q->lock);
	list_splice_tail_init(&q->told, &q->untold);
	n = q->stat.consumers;
	spin_unlock(&q->lock);
	while (n-- && mq_tell_next(q))
		cond_resched();
}

/* An option changed: everybody is to look. */
void mq_wake_options(struct mq_queue *q)
{
	/* WAIT(wake:options) */
	mq_tell_all(q);
	mq_wake_readers(q, 0);
	mq_pollers_tell_room(q, true);
	mq_waiters_wake_all(&q->room);
	mq_waiters_wake_all(&q->growth);
	mq_account_wake();
}

/* The queue was removed. */
void mq_wake_all(struct mq_queue *q)
{
	mq_tell_all(q);
	mq_wake_all_readers(q, EPOLLHUP | EPOLLERR);
	mq_pollers_tell_room(q, true);
	mq_waiters_wake_all(&q->room);
	mq_waiters_wake_all(&q->growth);
	mq_account_wake();
}
