// SPDX-License-Identifier: GPL-2.0
/*
 * A queue: its lock, who uses it, and what comes in and goes out of it.
 */
#include <linux/ktime.h>
#include <linux/sched.h>

#include "mq.h"
#include "trace.h"

/**
 * mq_queue_tune_locked - an option has changed, or the queue is gone
 * @q: the queue
 *
 * See what that means for plain messages, which are nothing but their bytes and
 * a priority: whether one that comes in gets ready behind all others of its
 * level, and the first that is ready may be taken, and nothing else has to be
 * looked at for that.
 */
void mq_queue_tune_locked(struct mq_queue *q)
{
	const struct mq_options *o = &q->opt;

	lockdep_assert_held(&q->lock);
	q->plain = !q->gone && !q->order &&
		   o->paused == MQ_PAUSED_NONE && !o->single_active &&
		   o->overflow != MQ_OVERFLOW_DROP_HEAD && !mq_queue_times(q);
	WRITE_ONCE(q->plain_size,
		   q->plain ? min(o->max_message_size, o->max_bytes) : 0);
	mq_queue_room_locked(q);
}

static u64 mq_less(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

/*
 * See what senders may have stored. What came as dead is not theirs, so it has
 * its room besides; what is reserved for unfinished lines is not to be had.
 */
void mq_queue_room_locked(struct mq_queue *q)
{
	lockdep_assert_held(&q->lock);
	WRITE_ONCE(q->room_messages,
		   mq_less(q->opt.max_messages + q->buried, q->tails));
	WRITE_ONCE(q->room_bytes,
		   mq_less(q->opt.max_bytes + q->buried_bytes, q->tail_bytes));
}

/* Nothing comes in or out any more. */
void mq_queue_gone_locked(struct mq_queue *q)
{
	WRITE_ONCE(q->gone, true);
	mq_grave_close(q, true);
	mq_queue_tune_locked(q);
}

static void mq_time_passes(struct mq_queue *q)
{
	if (unlikely(mq_time_due(q)) && !q->gone && mq_time_pass_locked(q))
		mq_queue_kick(q);
}

/* Take the lock, and do what time has done by now, a portion of it. */
void mq_lock(struct mq_queue *q) __acquires(&q->lock)
{
	spin_lock(&q->lock);
	if (unlikely(q->timed))
		mq_time_passes(q);
}

/*
 * The same, and all of it, for one who is to see the queue as it is by now; not
 * if he is being killed.
 */
void mq_lock_looking(struct mq_queue *q) __acquires(&q->lock)
{
	mq_lock(q);
	while (unlikely(mq_time_due(q)) && !q->gone && !mq_dying()) {
		mq_unlock(q);
		cond_resched();
		mq_lock(q);
	}
}

/* What changed under the lock that others may wait for. */
struct mq_news {
	bool		freed;
	bool		was_full;
	bool		all;
	unsigned int	ready;
};

static struct mq_news mq_news_take(struct mq_queue *q)
{
	struct mq_news news = {
		.freed = q->freed,
		.was_full = q->was_full,
		.all = q->drained,
		.ready = q->news,
	};

	q->freed = false;
	q->drained = false;
	q->news = 0;
	return news;
}

/* Without the lock: wake them. */
static void mq_news_tell(struct mq_queue *q, struct mq_news news)
{
	if (news.freed)
		mq_wake_writers(q, news.was_full);
	/* Who waited behind a key may be at the end now; that is for all. */
	if (unlikely(news.all))
		mq_wake_readers(q, 0);
	else if (news.ready)
		mq_wake_readers(q, news.ready);
}

/* How many files that met a message look before others go on: see mq_unmeet(). */
#define MQ_UNMEETS	16

/* As mq_unlock(), where something has left or may have, or files are to look. */
static noinline void mq_unlock_dispose(struct mq_queue *q)
	__releases(&q->lock)
{
	struct mq_news news = mq_news_take(q);
	bool unmeets = mq_unmeet_locked(q);
	unsigned int tells = q->tells;
	LIST_HEAD(groups);
	LIST_HEAD(seen);
	LIST_HEAD(out);

	q->tells = 0;
	list_splice_init(&q->out, &out);
	list_splice_init(&q->dedup.old, &seen);
	q->dedup.forgotten = 0;
	if (unlikely(q->order))
		mq_order_clean_locked(q, &groups);
	spin_unlock(&q->lock);
	if (tells)
		mq_tell(q, tells);
	if (unlikely(unmeets) && mq_unmeet(q, MQ_UNMEETS))
		mq_queue_kick(q);
	mq_news_tell(q, news);
	mq_dispose(&out);
	mq_order_free(&groups);
	mq_dedup_free(&seen);
}

/*
 * Drop the lock, and do what had to wait for that: wake those whom the changes
 * concern, and dispose of what left.
 */
void mq_unlock(struct mq_queue *q) __releases(&q->lock)
{
	struct mq_news news;

	if (unlikely(!list_empty(&q->out) || !list_empty(&q->dedup.old) ||
		     q->order || q->tells || !list_empty(&q->met))) {
		mq_unlock_dispose(q);
		return;
	}
	news = mq_news_take(q);
	spin_unlock(&q->lock);
	mq_news_tell(q, news);
}

/* Is there no room for even a little? The edge that pollers wait for. */
bool mq_queue_is_full(const struct mq_queue *q)
{
	return !mq_queue_fits(q, 1, 1);
}

/* It makes room for another. */
static int mq_drop_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_leave_locked(q, e);
	q->stat.dropped++;
	trace_mq_drop(q, e);
	mq_out_locked(q, e);
	return 0;
}

/* It has what it needs to die, if there is some to be had. */
static bool mq_spare_locked(struct mq_queue *q, struct mq_entry *e)
{
	if (!mq_msg(e)->more && q->spare)
		mq_more_add(e, &q->spare);
	return mq_msg(e)->more;
}

/*
 * It makes room by going to the dead-letter queue, if it has room there: dead in
 * this one it would make none. EBUSY: see mq_queue_spare().
 */
static int mq_move_locked(struct mq_queue *q, struct mq_entry *e)
{
	if (!mq_spare_locked(q, e))
		return -EBUSY;
	if (!mq_grave_reserve(q->dead_letter, mq_msg_bytes(mq_msg(e))))
		return -ENOSPC;
	mq_leave_locked(q, e);
	mq_dead_letter_locked(q, e, DEVMQ_REASON_OVERFLOW);
	return 0;
}

/* Have some for the next time, where that was not so. */
void mq_queue_spare(struct mq_queue *q)
{
	struct mq_more *spare;

	if (READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_DEAD_LETTER)
		return;
	spare = mq_more_alloc();
	spin_lock(&q->lock);
	swap(q->spare, spare);
	spin_unlock(&q->lock);
	mq_more_free(spare);
}

/* Would so much fit if so much less was stored? 0 messages: one has a place. */
static bool mq_would_fit(const struct mq_queue *q, u64 messages, u64 bytes,
			 u64 fewer, u64 fewer_bytes)
{
	return messages ? mq_within(q, q->stored - fewer + messages,
				    q->stat.bytes - fewer_bytes + bytes) :
			  q->stat.bytes - fewer_bytes + bytes <= q->room_bytes;
}

/*
 * Drop the oldest of the lowest priority until @messages, 1 or 0, of @bytes fit.
 * If dropping all that is ready would not do, nothing is dropped. In portions,
 * since a bound may just have been set much lower.
 */
static int mq_drop_until_fits(struct mq_queue *q, u64 messages, u64 bytes,
			      int (*drop)(struct mq_queue *q,
					  struct mq_entry *e))
{
	unsigned int n = 0;
	int err;

	if (!mq_would_fit(q, messages, bytes, q->stat.ready - q->ready.kept,
			  q->ready_bytes - q->ready.kept_bytes))
		return -ENOSPC;
	while (!mq_would_fit(q, messages, bytes, 0, 0)) {
		struct mq_entry *e = mq_ready_lowest(&q->ready);

		if (WARN_ON_ONCE(!e))
			return -ENOSPC;
		if (n++ == MQ_PORTION)
			return -EBUSY;
		err = drop(q, e);
		if (err)
			return err;
	}
	return 0;
}

/* There is no room for @messages, 1 or 0, of @bytes: do what overflow says. */
static int mq_overflow(struct mq_queue *q, u64 messages, u64 bytes)
{
	switch (READ_ONCE(q->opt.overflow)) {
	case MQ_OVERFLOW_DEAD_LETTER:
		if (!q->dead_letter)
			return -ENOSPC;
		return mq_drop_until_fits(q, messages, bytes, mq_move_locked);
	case MQ_OVERFLOW_DROP_HEAD:
		return mq_drop_until_fits(q, messages, bytes, mq_drop_locked);
	case MQ_OVERFLOW_REJECT:
		return -ENOSPC;
	default:
		return -EAGAIN;
	}
}

/**
 * mq_queue_admit_locked - may a message come in?
 * @q: the queue
 * @msg: the message
 *
 * Others may have to go for it.
 *
 * Return: 0, ENODEV, EMSGSIZE, ENOSPC, EAGAIN where it has to wait, or EBUSY
 * where there is more to drop: drop the lock, call mq_queue_spare(), and try
 * again.
 */
int mq_queue_admit_locked(struct mq_queue *q, const struct mq_msg *msg)
{
	u64 bytes = mq_msg_bytes(msg);

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	if (unlikely(mq_paused(q, MQ_PAUSED_SEND)))
		return -EAGAIN;
	/* A bound may have been set lower since that was looked at. */
	if (!mq_size_ok(q, mq_msg_size(msg), bytes - mq_msg_size(msg)))
		return -EMSGSIZE;
	if (likely(mq_queue_fits(q, 1, bytes)))
		return 0;
	return mq_overflow(q, 1, bytes);
}

/**
 * mq_queue_grow_locked - may an unfinished line be as long as this?
 * @q: the queue
 * @before: bytes that it has reserved, 0: it has no place yet
 * @size: bytes that it is to have, more than that
 *
 * Return: as mq_queue_admit_locked().
 */
int mq_queue_grow_locked(struct mq_queue *q, u64 before, u64 size)
{
	u64 messages = before ? 0 : 1;

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	if (mq_paused(q, MQ_PAUSED_SEND))
		return -EAGAIN;
	if (!mq_size_ok(q, size, 0))
		return -EMSGSIZE;
	if (mq_would_fit(q, messages, size - before, 0, 0))
		return 0;
	return mq_overflow(q, messages, size - before);
}

/**
 * mq_queue_hold - reserve a place for a message that is to be moved here
 * @q: the queue
 * @msg: the message
 *
 * As for a sender who does not wait and for whom nobody has to go.
 *
 * Return: 0, ENODEV, EMSGSIZE, or ENOSPC.
 */
int mq_queue_hold(struct mq_queue *q, const struct mq_msg *msg)
{
	u64 bytes = mq_msg_bytes(msg);
	int err = 0;

	mq_lock(q);
	if (q->gone) {
		err = -ENODEV;
	} else if (!mq_size_ok(q, mq_msg_size(msg), bytes - mq_msg_size(msg))) {
		err = -EMSGSIZE;
	} else if (mq_paused(q, MQ_PAUSED_SEND) ||
		   !mq_would_fit(q, 1, bytes, 0, 0)) {
		err = -ENOSPC;
	} else {
		q->tails++;
		q->tail_bytes += bytes;
		mq_queue_room_locked(q);
	}
	mq_unlock(q);
	return err;
}

/* The place is taken, or not needed any more. */
void mq_queue_unhold_locked(struct mq_queue *q, const struct mq_msg *msg)
{
	lockdep_assert_held(&q->lock);
	q->tails--;
	q->tail_bytes -= mq_msg_bytes(msg);
	mq_queue_room_locked(q);
}

/* It is not needed: others may have it. */
void mq_queue_unhold(struct mq_queue *q, const struct mq_msg *msg)
{
	mq_lock(q);
	mq_freed_locked(q, 0, 0);
	mq_queue_unhold_locked(q, msg);
	mq_unlock(q);
}

/* What its sender, or the queue, says of times begins to count. */
static void mq_begin(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_more *m = mq_msg(e)->more;
	u64 ttl = m->expires ?: READ_ONCE(q->opt.ttl_ms) * NSEC_PER_MSEC;
	u64 delay = m->when ?: READ_ONCE(q->opt.delay_ms) * NSEC_PER_MSEC;
	bool at = e->clock == MQ_REALTIME;

	m->expires = ttl ?: MQ_NEVER;
	if (at ? m->when > mq_now(MQ_REALTIME) : delay) {
		e->fresh = true;
		mq_delay_locked(q, e, e->clock,
				at ? m->when : mq_later(mq_now(MQ_BOOTTIME), delay));
		return;
	}
	e->clock = MQ_BOOTTIME;
	if (ttl && ttl != MQ_NEVER)
		m->expires = mq_later(mq_now(MQ_BOOTTIME), ttl);
	mq_ready_locked(q, e);
}

/* A message comes in at @now (CLOCK_REALTIME), and gets its id. */
void mq_queue_add_locked(struct mq_queue *q, struct mq_entry *e, u64 now)
{
	struct mq_seen *seen = mq_msg(e)->seen;

	lockdep_assert_held(&q->lock);
	mq_msg(e)->time_ns = now;
	mq_msg(e)->id = q->next_id++;
	mq_msg(e)->holder = NULL;
	list_add_tail(&e->all, &q->all);
	WRITE_ONCE(q->stored, q->stored + 1);
	WRITE_ONCE(q->stat.bytes, q->stat.bytes + mq_msg_bytes(mq_msg(e)));
	q->stat.sent++;
	trace_mq_send(q, e);
	if (unlikely(seen))
		mq_dedup_add_locked(q, seen, mq_msg(e)->id);
	if (unlikely(q->order))
		mq_order_join_locked(q, e);
	if (unlikely(mq_msg(e)->more))
		mq_begin(q, e);
	else
		mq_ready_locked(q, e);
}

/**
 * mq_queue_takes_run_locked - can a batch come in as it is, all of it?
 * @q: the queue
 * @b: the batch, of plain messages
 *
 * It can where each would get ready behind the others of its level, nothing else
 * has to be looked at, and nobody wants to be told of each.
 */
bool mq_queue_takes_run_locked(struct mq_queue *q, const struct mq_batch *b)
{
	lockdep_assert_held(&q->lock);
	return q->plain && mq_queue_fits(q, b->count, b->bytes) &&
	       !trace_mq_send_enabled();
}

/* It does, at @now. */
void mq_queue_add_run_locked(struct mq_queue *q, struct mq_batch *b, u64 now)
{
	struct list_head *last = q->all.prev;
	u64 id = q->next_id, since = mq_ticks();
	struct mq_entry *e;

	lockdep_assert_held(&q->lock);
	list_for_each_entry(e, &b->list, list) {
		struct mq_msg *m = mq_msg(e);

		m->time_ns = now;
		m->id = id++;
		m->since = since;
		m->state = DEVMQ_STATE_READY;
		last->next = &e->all;
		e->all.prev = last;
		last = &e->all;
	}
	last->next = &q->all;
	q->all.prev = last;
	mq_ready_append(&q->ready, &b->list);
	q->next_id = id;
	WRITE_ONCE(q->stored, q->stored + b->count);
	q->stat.sent += b->count;
	WRITE_ONCE(q->stat.ready, q->stat.ready + b->count);
	WRITE_ONCE(q->stat.bytes, q->stat.bytes + b->bytes);
	q->ready_bytes += b->bytes;
	q->news += b->count;
}

/* Its owner wants it gone. */
void mq_queue_purge_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_leave_locked(q, e);
	mq_purged_locked(q, e);
}

/* What dropping all that is ready would give back, if it were all alike. */
u64 mq_queue_droppable(struct mq_queue *q)
{
	u64 bytes;

	spin_lock(&q->lock);
	bytes = (q->stat.ready - q->ready.kept) *
		(sizeof(struct mq_entry) + sizeof(struct mq_msg)) +
		q->ready_bytes - q->ready.kept_bytes;
	spin_unlock(&q->lock);
	return bytes;
}

/* Make room in memory at the cost of this queue. Return: bytes of what went. */
u64 mq_queue_drop_oldest(struct mq_queue *q)
{
	struct mq_entry *e;
	u64 bytes = 0;

	mq_lock(q);
	e = q->gone ? NULL : mq_ready_lowest(&q->ready);
	if (e) {
		bytes = sizeof(*e) + mq_msg_step(mq_msg(e));
		mq_drop_locked(q, e);
	}
	mq_unlock(q);
	return bytes;
}

/* The oldest of the consumers is the active one. */
static void mq_choose_active(struct mq_queue *q)
{
	struct mq_file *f = list_first_entry_or_null(&q->consumers,
						     struct mq_file, link);

	WRITE_ONCE(q->active, f);
	/* WAIT(active:next) edge: it may receive now */
	if (f)
		mq_tell_locked(f);
}

/* See whether its plain reads need a look at nothing but the queue. */
void mq_file_tune_locked(struct mq_file *f)
{
	lockdep_assert_held(&f->q->lock);
	f->plain = f->roles & FMODE_READ && f->ack == DEVMQ_ACK_AUTO &&
		   !f->lease_ns && !f->apart;
}

/* Does O_EXCL, its own or another's, keep it from becoming a consumer? */
bool mq_is_barred(const struct mq_file *f)
{
	const struct mq_queue *q = f->q;

	return !(READ_ONCE(f->roles) & FMODE_READ) &&
	       READ_ONCE(q->stat.consumers) &&
	       (f->exclusive || READ_ONCE(q->exclusive));
}

static void mq_join_consumers(struct mq_queue *q, struct mq_file *f)
{
	list_add_tail(&f->link, &q->consumers);
	list_add_tail(&f->tell, &q->told);
	WRITE_ONCE(q->stat.consumers, q->stat.consumers + 1);
	WRITE_ONCE(q->exclusive, f->exclusive);
	if (!q->active)
		WRITE_ONCE(q->active, f);
}

static int mq_join_locked(struct mq_queue *q, struct mq_file *f, fmode_t role)
{
	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	/* Two threads may act for the first time at once. */
	if (f->roles & role)
		return 0;
	if (role == FMODE_READ && mq_is_barred(f))
		return -EBUSY;
	if (role == FMODE_READ)
		mq_join_consumers(q, f);
	else
		WRITE_ONCE(q->stat.producers, q->stat.producers + 1);
	WRITE_ONCE(f->roles, f->roles | role);
	mq_file_tune_locked(f);
	return 0;
}

/**
 * mq_queue_join - an open file becomes a consumer, or a producer
 * @q: the queue
 * @f: the file
 * @role: FMODE_READ or FMODE_WRITE
 *
 * It is so until it is closed.
 *
 * Return: 0, ENODEV, or EBUSY: O_EXCL keeps it from becoming a consumer.
 */
int mq_queue_join(struct mq_queue *q, struct mq_file *f, fmode_t role)
{
	int err;

	mq_lock(q);
	err = mq_join_locked(q, f, role);
	mq_unlock(q);
	return err;
}

/**
 * mq_queue_attach - count an open file in
 * @q: the queue
 * @f: the file
 *
 * One that was opened for reading only is a consumer from now on, one for writing
 * only a producer; one for both is what it acts as: see mq_act_as().
 *
 * Return: as mq_queue_join().
 */
int mq_queue_attach(struct mq_queue *q, struct mq_file *f)
{
	int err = 0;

	mq_lock(q);
	if (q->gone)
		err = -ENODEV;
	else if (f->mode && f->mode != (FMODE_READ | FMODE_WRITE))
		err = mq_join_locked(q, f, f->mode);
	if (!err && f->mode)
		q->users++;
	mq_unlock(q);
	return err;
}

static void mq_leave_consumers(struct mq_queue *q, struct mq_file *f)
{
	list_del(&f->link);
	list_del(&f->tell);
	list_del_init(&f->met);
	WRITE_ONCE(q->stat.consumers, q->stat.consumers - 1);
	WRITE_ONCE(q->exclusive, false);
	if (q->active == f)
		mq_choose_active(q);
}

void mq_queue_detach(struct mq_queue *q, struct mq_file *f)
{
	bool hangup = false;

	mq_lock(q);
	mq_cursor_unlink_locked(q, &f->cursor);
	if (f->roles & FMODE_READ)
		mq_leave_consumers(q, f);
	if (f->roles & FMODE_WRITE) {
		WRITE_ONCE(q->stat.producers, q->stat.producers - 1);
		hangup = !q->stat.producers;
	}
	if (f->mode && !--q->users)
		mq_idle_locked(q);
	mq_unlock(q);
	/* Edge: the last producer went, and readers may want to know. */
	if (hangup && READ_ONCE(q->opt.eof) == MQ_EOF_HANGUP)
		mq_wake_readers(q, 0);
}

/**
 * mq_queue_close - let nothing more in or out
 * @q: the queue
 * @force: even though it stores messages
 *
 * Return: 0, or ENOTEMPTY and nothing has changed.
 */
int mq_queue_close(struct mq_queue *q, bool force)
{
	int err = 0;

	mq_lock(q);
	if ((!force && q->stored) || !mq_grave_close(q, force))
		err = -ENOTEMPTY;
	else
		mq_queue_gone_locked(q);
	mq_unlock(q);
	return err;
}

/*
 * Free what was in a queue that is closed. What is in flight stays with its
 * holder, and goes with that.
 */
void mq_queue_drain(struct mq_queue *q)
{
	struct mq_cursor c;
	struct mq_entry *e;
	u64 after = 0;

	WARN_ON_ONCE(!q->gone);
	mq_time_stop(q);
	mq_cursor_init(&c);
	do {
		unsigned int left = MQ_WALK_STEPS;

		spin_lock(&q->lock);
		e = mq_walk_locked(q, &c, ~DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT),
				   &after, &left);
		if (!IS_ERR_OR_NULL(e)) {
			after = mq_msg(e)->id;
			mq_leave_locked(q, e);
			mq_out_locked(q, e);
		} else if (!e) {
			mq_cursor_unlink_locked(q, &c);
		}
		mq_unlock(q);
		cond_resched();
	} while (e);
}

/* A consistent snapshot of the counters; ENODEV if the queue is gone. */
int mq_queue_stat(struct mq_queue *q, struct devmq_stat *s)
{
	u32 size = s->size, flags = s->flags;
	struct mq_entry *e;
	bool gone;

	mq_lock_looking(q);
	gone = q->gone;
	*s = q->stat;
	e = q->order ? mq_order_first(q) : mq_ready_first(&q->ready);
	if (e)
		s->oldest_ms = div_u64(mq_ticks_age(mq_msg(e)->since),
				       NSEC_PER_MSEC);
	s->oldest_in_flight_ms = div_u64(mq_ages_oldest(&q->flights),
					 NSEC_PER_MSEC);
	mq_unlock(q);
	mq_wait_stat(&q->tx, &s->waiting_senders, &s->sender_wait_ms);
	mq_wait_stat(&q->rx, &s->waiting_receivers, &s->receiver_wait_ms);
	s->size = size;
	s->flags = flags;
	return gone ? -ENODEV : 0;
}
