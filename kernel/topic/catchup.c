// SPDX-License-Identifier: GPL-2.0
/*
 * A binding with start= begins with messages that its topic retains. Until it is
 * level it is not in the topic's index: senders do not know of it, and do not wait
 * for its queue. A work item copies the messages that its filter takes, a portion
 * at a time, as the queue has room. If it has none, the work stands in the line of
 * those who wait for room there.
 *
 * When it has copied all there is, it copies what came meanwhile, less than a
 * portion, under the turn of the topic, and adds the binding to the index in the
 * same hold: what was sent before that was copied, and what is sent afterwards
 * finds the binding. This is the one place where messages are copied under a turn;
 * it happens once, or again if the queue has no room then.
 *
 * Messages that are in the topic's journal alone are read back, a portion at a time. The
 * work does not wait for that: the thread of the journal queues it again. Nor is
 * anything read under the turn: what comes meanwhile stays in memory until the binding is
 * level.
 *
 * mq_registry_lock protects all but what only the work uses. Who holds it may wait
 * for the work, so the work only tries to take it.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kstrtox.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "base/compat.h"
#include "base/waiters.h"
#include "journal/fetch.h"
#include "memory/alloc.h"
#include "memory/budget.h"
#include "memory/chunk.h"
#include "memory/cost.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "memory/payer.h"
#include "queue/admit.h"
#include "queue/back.h"
#include "queue/bounds.h"
#include "queue/evict.h"
#include "queue/heard.h"
#include "queue/ids.h"
#include "queue/lock.h"
#include "queue/look.h"
#include "queue/names.h"
#include "queue/options.h"
#include "queue/queue.h"
#include "queue/retain.h"
#include "queue/subscribe.h"
#include "topic/catchup.h"
#include "topic/copies.h"
#include "topic/filter.h"
#include "topic/graph.h"
#include "topic/index.h"
#include "topic/match.h"
#include "topic/topic.h"

/*
 * How long to wait for memory, the first time and at most, or for a lock that others hold
 * for a moment.
 */
#define MQ_CATCHUP_MEMORY	(HZ / 10 + 1)
#define MQ_CATCHUP_MEMORY_MAX	(2 * HZ)
#define MQ_CATCHUP_LOCK		1

/**
 * struct mq_catchup - a binding that is not level yet
 * @b: the binding (mq_registry_lock, and the work)
 * @target: its queue (invariant)
 * @index: an index of its filter alone, to match messages (invariant)
 * @bound: the binding there
 * @found: what a search of it found (the work)
 * @position: id of the next message (the work; read without it)
 * @buried: the last tombstone that went, as far as it was counted (the work)
 * @from: messages that were sent before this are passed by, until one is not,
 *	CLOCK_REALTIME (the work)
 * @work: copies messages
 * @waiter: in the line of the queue, while there is no room
 * @bytes: bytes of the message for which there was none (the work)
 * @short_at: id of the message for which there was no memory last (the work)
 * @short_for: how long it waited for that then, in jiffies (the work)
 * @portion: what was read back from the journal of the topic last, or is being read; or
 *	NULL (the work)
 * @reading: it is being read, and @work is queued then
 * @turn: nothing is to be read (the work)
 * @holds: nothing leaves memory meanwhile (the work)
 * @stop: the binding is taken away
 * @cred: of who bound it, and may or may not exceed max_user_bytes (invariant)
 * @payer: who pays for @found (the work)
 * @charged: bytes that are charged for it (the work)
 */
struct mq_catchup {
	struct mq_binding	*b;
	struct mq_queue		*target;
	struct mq_index		*index;
	struct mq_bound		bound;
	struct mq_matches	found;
	u64			position;
	u64			buried;
	u64			from;
	struct delayed_work	work;
	struct mq_waiter	waiter;
	u64			bytes;
	u64			short_at;
	unsigned long		short_for;
	struct mq_portion	*portion;
	bool			reading;
	bool			turn;
	bool			holds;
	bool			stop;
	const struct cred	*cred;
	struct mq_payer		*payer;
	unsigned long		charged;
};

static struct workqueue_struct *mq_catchup_work;

static void mq_catchup_later(struct mq_catchup *c, unsigned long delay)
{
	mod_delayed_work(mq_catchup_work, &c->work, delay);
}

/* -- start= ---------------------------------------------------------------- */

#define MQ_START	"start="

bool mq_start_is(const char *word)
{
	return !strncmp(word, MQ_START, strlen(MQ_START));
}

/* Parse digits up to @end, or to the end of the text. */
static int mq_start_number(const char *text, u64 *v)
{
	if (!*text || strspn(text, "0123456789") < strlen(text))
		return -EINVAL;
	return kstrtou64(text, 10, v);
}

/**
 * mq_start_parse - parse a word that mq_start_is() knows
 * @word: start=earliest, latest, id:N, or time:T in seconds
 * @s: gets what it says
 *
 * Return: 0, EINVAL or ERANGE.
 */
int mq_start_parse(const char *word, struct mq_start *s)
{
	const char *at = word + strlen(MQ_START);
	int err = 0;

	*s = (struct mq_start){ .given = true };
	if (!strcmp(at, "earliest")) {
		s->kind = MQ_START_EARLIEST;
	} else if (!strncmp(at, "id:", 3)) {
		s->kind = MQ_START_ID;
		err = mq_start_number(at + 3, &s->at);
	} else if (!strncmp(at, "time:", 5)) {
		s->kind = MQ_START_TIME;
		err = mq_start_number(at + 5, &s->at);
		if (!err && s->at > KTIME_MAX / NSEC_PER_SEC)
			err = -ERANGE;
		s->at *= NSEC_PER_SEC;
	} else if (strcmp(at, "latest")) {
		err = -EINVAL;
	}
	return err;
}

/* -- making and freeing ---------------------------------------------------- */

/* Put the filter in the index, alone. */
static int mq_catchup_index(struct mq_catchup *c, const struct mq_filter *f)
{
	struct mq_filter *own = mq_filter_of_text(f->text, f->text_size);
	const char *what;
	struct mq_rule *r;

	if (IS_ERR(own))
		return PTR_ERR(own);
	r = mq_index_prepare(c->index, own, c->target, &what);
	if (IS_ERR(r))
		return PTR_ERR(r);
	c->bound.target = c->target;
	mq_index_add(c->index, r, &c->bound);
	return 0;
}

/* Return about how many bytes it takes. */
size_t mq_catchup_cost(const struct mq_filter *f)
{
	return mq_kmalloc_bytes(sizeof(struct mq_catchup)) + PAGE_SIZE +
	       mq_index_cost(f);
}

static void mq_catchup_run(struct work_struct *work);

/*
 * Called with mq_waiters.lock held, when there is room. Others are woken besides,
 * as the work answers nobody.
 */
static bool mq_catchup_wake(struct mq_waiter *w)
{
	mq_catchup_later(container_of(w, struct mq_catchup, waiter), 0);
	return false;
}

/**
 * mq_catchup_new - make what a binding needs that begins with what is retained
 * @f: its filter
 * @target: its queue
 *
 * Return: that, for mq_catchup_start() or mq_catchup_free(); or an ERR_PTR.
 */
struct mq_catchup *mq_catchup_new(const struct mq_filter *f,
				  struct mq_queue *target)
{
	struct mq_catchup *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!c)
		return ERR_PTR(err);
	c->target = target;
	c->cred = get_current_cred();
	INIT_DELAYED_WORK(&c->work, mq_catchup_run);
	mq_waiter_init(&c->waiter, 0, mq_catchup_wake);
	c->index = mq_index_alloc();
	if (c->index)
		err = mq_catchup_index(c, f);
	if (!err)
		return c;
	mq_catchup_free(c);
	return ERR_PTR(err);
}

void mq_catchup_free(struct mq_catchup *c)
{
	mq_portion_put(c->portion);
	if (c->index) {
		if (c->bound.rule)
			mq_index_remove(c->index, &c->bound);
		mq_index_tidy(c->index);
		mq_index_free(c->index);
	}
	mq_matches_free(&c->found);
	if (c->payer)
		mq_uncharge(c->payer, MQ_MESSAGES, c->charged);
	put_cred(c->cred);
	kfree(c);
}

/**
 * mq_catchup_check - ask whether a binding may begin so
 * @q: the topic
 * @s: with what it is to begin
 * @why: gets what is wrong, in words
 *
 * Return: 0 or EINVAL.
 */
int mq_catchup_check(const struct mq_queue *q, const struct mq_start *s,
		     const char **why)
{
	if (s->kind != MQ_START_ID ||
	    (s->at && s->at <= READ_ONCE(q->next_id)))
		return 0;
	*why = "the topic has not come to that id";
	return -EINVAL;
}

/* A new binding begins with what is retained. */
void mq_catchup_start(struct mq_catchup *c, struct mq_binding *b,
		      const struct mq_start *s)
{
	struct mq_queue *q = b->outlet->topic->q;

	c->b = b;
	b->catchup = c;
	mq_lock(q);
	c->position = mq_retain_oldest_locked(q);
	c->buried = q->retained.buried;
	mq_unlock(q);
	if (s->kind == MQ_START_ID)
		c->position = s->at;
	else if (s->kind == MQ_START_TIME)
		c->from = s->at;
	mq_catchup_later(c, 0);
}

/* The binding is level, or will not be for a while: messages may leave memory. */
static void mq_catchup_unhold(struct mq_catchup *c, struct mq_queue *topic)
{
	if (c->holds)
		mq_evict_go_on(topic);
	c->holds = false;
}

/* The same, and nothing is read any more. */
static void mq_catchup_let_go(struct mq_catchup *c, struct mq_queue *topic)
{
	mq_catchup_unhold(c, topic);
	if (!c->reading)
		return;
	/* The thread may have begun. */
	mq_fetch_cancel(topic->feed.journal, c->portion);
	mq_portion_put(c->portion);
	c->portion = NULL;
	c->reading = false;
}

/* A binding that is not level is taken away. Nothing is copied any more. */
void mq_catchup_stop(struct mq_binding *b)
{
	struct mq_catchup *c = b->catchup;

	b->catchup = NULL;
	WRITE_ONCE(c->stop, true);
	cancel_delayed_work_sync(&c->work);
	/* The work may have joined the line, and been queued from there. */
	mq_waiters_del(&c->target->gate.room, &c->waiter);
	mq_catchup_let_go(c, b->outlet->topic->q);
	cancel_delayed_work_sync(&c->work);
	mq_catchup_free(c);
}

/*
 * Return how many ids a binding is behind its topic: at least one until it is level.
 * The caller holds mq_registry_lock.
 */
u64 mq_catchup_behind(const struct mq_binding *b)
{
	const struct mq_catchup *c = b->catchup;
	u64 position, next;

	if (!c)
		return 0;
	position = READ_ONCE(c->position);
	next = READ_ONCE(b->outlet->topic->q->next_id);
	return next > position ? next - position : 1;
}

/* -- copying --------------------------------------------------------------- */

/*
 * Find the next message, with a reference to its chunk, and its id. What was
 * trimmed before it came to that is missed. Return NULL if the binding is level.
 */
static struct mq_entry *mq_catchup_next(struct mq_catchup *c, u64 *id)
{
	struct mq_queue *q = c->b->outlet->topic->q;
	u64 gone, missed = 0;
	struct mq_entry *e;

	mq_lock(q);
	gone = q->retained.gone;
	if (unlikely(c->position <= gone)) {
		missed = gone + 1 - c->position;
		WRITE_ONCE(c->position, gone + 1);
	}
	if (unlikely(c->buried != q->retained.buried)) {
		c->buried = q->retained.buried;
		missed += c->position <= c->buried;
	}
	e = mq_ids_after(&q->aside, c->position - 1);
	if (e) {
		*id = mq_msg(e)->id;
		mq_chunk_get(mq_chunk_of(e));
	} else {
		/* The last ones may have been purged. */
		WRITE_ONCE(c->position, q->next_id);
	}
	mq_unlock(q);
	if (unlikely(missed))
		WRITE_ONCE(c->b->missed, c->b->missed + missed);
	return e;
}

/* Called with mq_journal.lock held, when a portion was read. */
static void mq_catchup_read(struct mq_portion *p)
{
	mq_catchup_later(p->owner, 0);
}

/*
 * Let the thread of the journal read a portion with the message of a stub, of @room bytes.
 * Return EINPROGRESS, ENODEV, ENOMEM or EDQUOT.
 */
static int mq_catchup_fetch(struct mq_catchup *c, struct mq_entry *stub, u32 room)
{
	struct mq_queue *q = c->b->outlet->topic->q;
	struct mq_portion *p = c->portion;
	int err;

	if (!p || p->room < room || p->room > MQ_J_BLOCK_MAX) {
		p = mq_portion_new(mq_chunk_of(stub)->payer, room);
		if (IS_ERR(p))
			return PTR_ERR(p);
		mq_portion_put(c->portion);
		c->portion = p;
	}
	p->owner = c;
	p->notify = mq_catchup_read;
	err = mq_fetch_begin(q->feed.journal, p, mq_msg_stub(mq_msg(stub))->serial);
	c->reading = !err;
	return err ?: -EINPROGRESS;
}

/*
 * Return the message of a stub, or an ERR_PTR: EINPROGRESS: it is being read; EBUSY: it is
 * not to be read now; ENOENT: it is gone; or an error of mq_fetch_wait() or
 * mq_back_look().
 */
static struct mq_entry *mq_catchup_look(struct mq_catchup *c, struct mq_entry *stub)
{
	u32 room = mq_portion_room(mq_msg(stub));
	struct mq_queue *q = c->b->outlet->topic->q;
	struct mq_portion *p = c->portion;
	bool was_read = c->reading;
	struct mq_entry *e;

	/* Who sees that it is done sees the rest: mq_fetch_done(). */
	if (was_read && !smp_load_acquire(&p->done))
		return ERR_PTR(-EINPROGRESS);
	/* The thread may be about to queue the work, which may be over before that. */
	if (was_read)
		mq_fetch_cancel(q->feed.journal, p);
	c->reading = false;
	if (was_read && p->err == -EMSGSIZE)
		return ERR_PTR(mq_catchup_fetch(c, stub, max(room, p->need)));
	if (was_read && p->err && p->serial == mq_msg_stub(mq_msg(stub))->serial)
		return ERR_PTR(p->err);
	e = mq_back_look(q, stub, p, mq_chunk_of(stub)->payer);
	if (e != ERR_PTR(-ENOENT))
		return e;
	if (was_read && p->serial == mq_msg_stub(mq_msg(stub))->serial)
		return ERR_PTR(-EBADMSG);
	return ERR_PTR(c->turn ? -EBUSY : mq_catchup_fetch(c, stub, room));
}

/*
 * If a message is in the journal alone, return it as it was read back, in place of the
 * caller's reference to the chunk of its stub. Otherwise return an ERR_PTR as
 * mq_catchup_look(); but if it cannot be read, it is missed, and that is ENOENT as well.
 */
static struct mq_entry *mq_catchup_back(struct mq_catchup *c, struct mq_entry *stub, u64 id)
{
	struct mq_entry *e;

	if (likely(!mq_msg_is_stub(mq_msg(stub))))
		return stub;
	e = mq_catchup_look(c, stub);
	mq_chunk_put(mq_chunk_of(stub), MQ_CHUNK_ONE);
	if (e != ERR_PTR(-EIO) && e != ERR_PTR(-EBADMSG))
		return e;
	mq_back_count(c->b->outlet->topic->q, PTR_ERR(e));
	WRITE_ONCE(c->b->missed, c->b->missed + 1);
	c->position = id + 1;
	return ERR_PTR(-ENOENT);
}

/* Let others run amid a long search of the index, which nobody changes. */
static bool mq_catchup_pause(struct mq_matches *s)
{
	rcu_read_unlock();
	cond_resched();
	rcu_read_lock();
	return true;
}

/* Let @bytes be charged for what a search needs. Return false if that is too much. */
static bool mq_catchup_charge(struct mq_catchup *c, unsigned long bytes)
{
	if (c->payer) {
		if (!mq_recharge(c->payer, c->charged, bytes))
			return false;
	} else {
		if (!mq_charge(c->b->payer, MQ_MESSAGES, bytes))
			return false;
		c->payer = c->b->payer;
	}
	c->charged = bytes;
	return true;
}

/* Give a search the room that it missed. Return 0, ENOMEM or EDQUOT. */
static int mq_catchup_grow(struct mq_catchup *c)
{
	struct mq_matches *s = &c->found;
	struct mem_cgroup *memcg;
	int err;

	if (!mq_catchup_charge(c, mq_matches_size(s) + mq_matches_wants(s)))
		return -EDQUOT;
	memcg = mq_memcg_charge_to(c->payer->memcg);
	err = mq_matches_grow(s);
	mq_memcg_charge_back(memcg);
	/* The old room is free. */
	mq_catchup_charge(c, mq_matches_size(s));
	return err;
}

/* Return 1 if the filter takes a message, 0 if not, ENOMEM or EDQUOT. */
static int mq_catchup_takes(struct mq_catchup *c, const struct mq_entry *e)
{
	const struct mq_msg *msg = mq_msg(e);
	struct mq_matched m = {
		.key = mq_entry_data(e),
		.headers = mq_entry_data(e) + msg->key_size,
		.key_size = msg->key_size,
		.headers_size = msg->headers_size,
	};
	int ret;

	if (msg->time_ns < c->from)
		return 0;
	/* The clock may have been set back since then. */
	c->from = 0;
	c->found.pause = mq_catchup_pause;
	for (;;) {
		mq_matches_begin(&c->found);
		rcu_read_lock();
		ret = mq_match(c->index, &m, &c->found);
		rcu_read_unlock();
		if (likely(ret != -ENOSPC))
			return ret;
		ret = mq_catchup_grow(c);
		if (ret)
			return ret;
	}
}

/* Return 0 if there is room for a message, EAGAIN or ENODEV. */
static int mq_catchup_room_locked(struct mq_catchup *c, u64 bytes)
{
	struct mq_queue *q = c->target;

	c->bytes = bytes;
	if (q->gone)
		return -ENODEV;
	if (mq_paused(q, MQ_PAUSED_SEND) || !mq_queue_fits(q, 1, bytes))
		return -EAGAIN;
	if (likely(!q->feed.journal) || !mq_heard_admit_locked(q, bytes))
		return 0;
	/* A journal that has failed may be moved. */
	mq_heard_full_locked(q);
	return -EAGAIN;
}

/* Copy a message for the queue, at the expense of its sender. */
static struct mq_entry *mq_catchup_copy(struct mq_catchup *c, const struct mq_entry *e,
					u64 id)
{
	struct mem_cgroup *memcg = mq_memcg_charge_to(mq_chunk_of(e)->payer->memcg);
	struct mq_entry *copy;

	copy = mq_copy_retained(c->target, e, c->b->outlet->topic->q, id);
	mq_memcg_charge_back(memcg);
	return copy;
}

/* Put a copy of a message in the queue. Return 0 or an error. */
static int mq_catchup_put(struct mq_catchup *c, const struct mq_entry *e, u64 id)
{
	struct mq_queue *q = c->target;
	struct mq_instant sent = { .real = mq_msg(e)->time_ns };
	u64 bytes = mq_msg_bytes(mq_msg(e));
	struct mq_entry *copy;
	int err;

	/* One that could never be stored would hold up all behind it. */
	if (unlikely(!mq_size_ok(q, mq_entry_size(e), bytes - mq_entry_size(e)))) {
		WRITE_ONCE(c->b->missed, c->b->missed + 1);
		return 0;
	}
	mq_lock(q);
	err = mq_catchup_room_locked(c, bytes);
	mq_unlock(q);
	if (err)
		return err;
	copy = mq_catchup_copy(c, e, id);
	if (IS_ERR(copy))
		return PTR_ERR(copy);
	mq_lock(q);
	err = mq_catchup_room_locked(c, bytes);
	if (!err) {
		/* Who receives the copy finds it counted. */
		WRITE_ONCE(c->b->taken, c->b->taken + 1);
		mq_queue_add_locked(q, copy, &sent);
	}
	mq_unlock(q);
	if (err)
		mq_entry_free(copy);
	return err;
}

/*
 * Copy a portion. Return 0: the binding was level; EBUSY: there is more; EAGAIN:
 * there is no room; EINPROGRESS: more is being read; or ENODEV, ENOMEM or EDQUOT.
 */
static int mq_catchup_portion(struct mq_catchup *c)
{
	struct mq_entry *e;
	unsigned int n;
	int ret;
	u64 id;

	for (n = 0; n < MQ_PORTION; n++) {
		/* Who takes the binding away waits, with mq_registry_lock. */
		if (READ_ONCE(c->stop))
			return -ENODEV;
		e = mq_catchup_next(c, &id);
		if (!e)
			return 0;
		e = mq_catchup_back(c, e, id);
		if (e == ERR_PTR(-ENOENT))
			continue;
		if (IS_ERR(e))
			return PTR_ERR(e);
		ret = mq_catchup_takes(c, e);
		if (ret > 0)
			ret = mq_catchup_put(c, e, id);
		mq_chunk_put(mq_chunk_of(e), MQ_CHUNK_ONE);
		if (ret < 0)
			return ret;
		c->position = id + 1;
		cond_resched();
	}
	return -EBUSY;
}

/* Return true if less than a portion is left. */
static bool mq_catchup_is_near(const struct mq_catchup *c)
{
	return READ_ONCE(c->b->outlet->topic->q->next_id) - c->position <
	       MQ_PORTION;
}

/* -- the seam -------------------------------------------------------------- */

/*
 * Copy the rest, and add the binding to the index. The caller holds
 * mq_registry_lock. Return as mq_catchup_portion(); after 0 the binding is live.
 */
static int mq_catchup_close_up(struct mq_catchup *c)
{
	struct mq_binding *b = c->b;
	struct mq_topic *t = b->outlet->topic;
	int ret;

	mutex_lock_nested(&t->turn, SINGLE_DEPTH_NESTING);
	c->turn = true;
	ret = mq_catchup_is_near(c) ? mq_catchup_portion(c) : -EBUSY;
	c->turn = false;
	if (!ret) {
		mq_index_add(t->index, b->bound.rule, &b->bound);
		b->catchup = NULL;
	}
	mutex_unlock(&t->turn);
	if (ret)
		return ret;
	mq_outlet_set_early(b->outlet, false);
	if (unlikely(t->q->feed.journal) && c->target->feed.journal)
		mq_subscription_level(c->target, t->q, b->id);
	/* The topic may be removed as soon as the lock is dropped. */
	mq_catchup_let_go(c, t->q);
	return 0;
}

/* Copy a portion, or the rest. Return as mq_catchup_portion(), or EINTR. */
static int mq_catchup_step(struct mq_catchup *c)
{
	struct mq_queue *topic = c->b->outlet->topic->q;
	int ret = mq_catchup_portion(c);

	/* Nobody waits for that. Under the turn, only what came meanwhile is left. */
	if (!mq_catchup_is_near(c)) {
		/* Senders were faster, and may be so for long. */
		mq_catchup_unhold(c, topic);
		return ret ?: -EBUSY;
	}
	if (ret)
		return ret;
	/* What has left memory by now is read before that. */
	if (!c->holds) {
		mq_evict_hold(topic);
		c->holds = true;
		return -EBUSY;
	}
	/* Who holds this lock may wait for this work. */
	if (!mutex_trylock(&mq_registry_lock))
		return -EINTR;
	ret = READ_ONCE(c->stop) ? -ENODEV : mq_catchup_close_up(c);
	mutex_unlock(&mq_registry_lock);
	return ret;
}

/*
 * The same for who bound the queue: a thread of the kernel may charge as much as it likes.
 */
static int mq_catchup_step_for_binder(struct mq_catchup *c)
{
	const struct cred *own = override_creds(c->cred);
	int ret = mq_catchup_step(c);

	revert_creds(own);
	return ret;
}

/* There is no room: stand in line, and look once more. */
static void mq_catchup_wait(struct mq_catchup *c)
{
	struct mq_queue *q = c->target;
	int err;

	c->waiter.need = c->bytes;
	mq_waiters_add(&q->gate.room, &c->waiter);
	mq_lock(q);
	err = mq_catchup_room_locked(c, c->bytes);
	mq_unlock(q);
	if (!err)
		mq_catchup_later(c, 0);
}

/* There is no memory: look again later, and less and less often if there never is. */
static void mq_catchup_starve(struct mq_catchup *c)
{
	bool again = c->short_at == c->position;

	c->short_at = c->position;
	c->short_for = again ? min_t(unsigned long, 2 * c->short_for,
				     MQ_CATCHUP_MEMORY_MAX) : MQ_CATCHUP_MEMORY;
	mq_catchup_later(c, c->short_for);
}

static void mq_catchup_run(struct work_struct *work)
{
	struct mq_catchup *c = container_of(to_delayed_work(work),
					    struct mq_catchup, work);
	struct mq_queue *q;

	/* Who takes the binding away waits for this, and it is there until then. */
	if (READ_ONCE(c->stop))
		return;
	q = c->b->outlet->topic->q;
	mq_waiters_del(&c->target->gate.room, &c->waiter);
	switch (mq_catchup_step_for_binder(c)) {
	case 0:
		/*
		 * The topic and the queue may be gone by now. Whoever made room may
		 * have queued the work once more.
		 */
		cancel_delayed_work(&c->work);
		mq_catchup_free(c);
		break;
	case -EBUSY:
		mq_catchup_later(c, 0);
		break;
	case -EINTR:
		mq_catchup_later(c, MQ_CATCHUP_LOCK);
		break;
	case -EAGAIN:
		mq_catchup_let_go(c, q);
		mq_catchup_wait(c);
		break;
	case -EINPROGRESS:
		/* mq_catchup_read() queues it. */
		break;
	case -ENODEV:
		/* The queue is being removed, and the binding with it. */
		break;
	default:
		mq_catchup_let_go(c, q);
		mq_catchup_starve(c);
	}
}

int __init mq_catchup_init(void)
{
	mq_catchup_work = alloc_workqueue("devmq-catchup", WQ_UNBOUND, 0);
	return mq_catchup_work ? 0 : -ENOMEM;
}

/* No binding is left, and so no work. */
void mq_catchup_exit(void)
{
	destroy_workqueue(mq_catchup_work);
}
