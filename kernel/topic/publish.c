// SPDX-License-Identifier: GPL-2.0
/*
 * Sending to a topic. A publication takes these steps:
 *
 *   1. For each message: find where it goes (fanout.c), and make a copy for each
 *      queue (copies.c). Nothing is held meanwhile.
 *   2. Take the turns of all topics that are passed. If bindings of one have
 *      changed since step 1, begin again.
 *   3. Ask each queue for room, each under its own lock (queue/promise.c). Of
 *      several messages, as many go as find room everywhere. If there is none for
 *      the first, give all promises back, drop the turns, and wait at the queue
 *      that was full (patience.c), or fail.
 *   4. Give the messages their numbers in the topic, which retains them if its
 *      options say so (queue/retain.c), and link the copies in each queue, each
 *      under its own lock. This cannot fail.
 *
 * All messages of a topic are linked under its turn, so all of its queues have
 * them in the same order. Nobody allocates, copies or waits under a turn, but for
 * a binding that becomes level (catchup.c). Turns are taken in the order of their
 * topics' device numbers.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/alloc.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "queue/admit.h"
#include "queue/ceiling.h"
#include "queue/clock.h"
#include "queue/due.h"
#include "queue/heard.h"
#include "queue/lock.h"
#include "queue/look.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/position.h"
#include "queue/promise.h"
#include "queue/queue.h"
#include "queue/retain.h"
#include "queue/state.h"
#include "topic/binding.h"
#include "topic/copies.h"
#include "topic/fanout.h"
#include "topic/patience.h"
#include "topic/publish.h"
#include "topic/spreads.h"
#include "topic/topic.h"
#include "wait/gate.h"

/* The most copies that are made for more than one message. */
#define MQ_COPIES_MAX	4096
#define MQ_COPIES_BYTES	(16 << 20)

/* The most turns that are tried for without sleeping: lockdep counts each. */
#define MQ_TURNS_TRIED	16

/* The most messages that a queue drops to make room in one hold of its lock. */
#define MQ_DROPS_MAX	256

/**
 * struct mq_publication - a publication
 * @f: the producer
 * @b: the messages
 * @sent: those that went
 * @turn: the sender's turn, for patience
 * @how: how queues are asked for room
 * @o: where the messages go
 * @order: the topics that are passed, in the order in which their turns are taken
 * @full: the queue that had no room
 */
struct mq_publication {
	struct mq_file		*f;
	struct mq_batch		*b;
	struct list_head	sent;
	struct mq_turn		*turn;
	enum mq_publish_how	how;
	struct mq_fanout	*o;
	struct mq_topic		*order[DEVMQ_TOPICS_MAX];
	struct mq_queue		*full;
};

/* -- step 1 ---------------------------------------------------------------- */

/*
 * Find where the messages go, as many as a publication may have copies. Return 0, or
 * why the first does not go.
 */
static int mq_publish_route(struct mq_publication *p, struct mq_batch *b)
{
	struct mq_fanout *o = p->o;
	struct mq_entry *e;
	u64 bytes = 0;
	int err = 0;
	u32 from;

	list_for_each_entry(e, &b->list, list) {
		from = o->copy_count;
		o->mails[o->n].e = e;
		err = mq_fanout_route(o, o->n);
		if (err)
			break;
		bytes += (o->copy_count - from) * mq_copy_bytes(e);
		if (o->n && (o->copy_count > MQ_COPIES_MAX || bytes > MQ_COPIES_BYTES))
			break;
		o->n++;
	}
	return o->n ? 0 : err;
}

/* Find where the messages go, and make the copies. Return 0, or why none goes. */
static int mq_publish_prepare(struct mq_publication *p, struct mq_batch *b)
{
	int err = mq_publish_route(p, b) ?:
		  mq_copies_make(p->o, p->how == MQ_PUBLISH_ANYWAY) ?:
		  mq_copies_keep(p->o);

	return err || likely(!p->o->durable) ? err : mq_spreads_make(p->o);
}

/* -- step 2 ---------------------------------------------------------------- */

static void mq_turns_sort(struct mq_publication *p)
{
	u32 i, j, n = p->o->passed_count;

	for (i = 0; i < n; i++) {
		struct mq_topic *t = p->o->passed[i].q->topic;

		for (j = i; j && p->order[j - 1]->q->minor > t->q->minor; j--)
			p->order[j] = p->order[j - 1];
		p->order[j] = t;
	}
}

/* Drop the turns of the first @n topics. */
static void mq_turns_drop(struct mq_publication *p, u32 n)
{
	while (n--)
		mutex_unlock(&p->order[n]->turn);
}

/* Take all turns without sleeping. Return 0 or EAGAIN. */
static int mq_turns_try(struct mq_publication *p)
{
	u32 i, n = p->o->passed_count;

	if (n > MQ_TURNS_TRIED)
		return -EAGAIN;
	for (i = 0; i < n; i++) {
		if (mutex_trylock(&p->order[i]->turn))
			continue;
		mq_turns_drop(p, i);
		return -EAGAIN;
	}
	return 0;
}

/*
 * Take all turns. Return 0; EAGAIN: one is taken; or EINTR: the caller is being
 * killed. The first is another lock to lockdep than the rest, which are nested
 * in it: so there need not be a class for each.
 */
static int mq_turns_take(struct mq_publication *p)
{
	struct mq_topic *first;
	u32 i;

	mq_turns_sort(p);
	if (p->how == MQ_PUBLISH_QUICKLY)
		return mq_turns_try(p);
	first = p->order[0];
	if (mutex_lock_killable_nested(&first->turn, SINGLE_DEPTH_NESTING)) {
		if (p->how != MQ_PUBLISH_ANYWAY)
			return -EINTR;
		mutex_lock_nested(&first->turn, SINGLE_DEPTH_NESTING);
	}
	for (i = 1; i < p->o->passed_count; i++)
		mutex_lock_nest_lock(&p->order[i]->turn, &first->turn);
	return 0;
}

/* -- step 3 ---------------------------------------------------------------- */

/*
 * Return true if the queue has promised room to all of its copies at once.
 */
static bool mq_promise_fan_together_locked(struct mq_fanout *o, const struct mq_fan *fan)
{
	u32 i;

	if (fan->n != o->n ||
	    !mq_promise_together_locked(fan->q, fan->count, fan->bytes))
		return false;
	for (i = fan->first; i != MQ_NONE; i = o->copies[i].next)
		o->copies[i].promised = o->copies[i].mail < o->n;
	return true;
}

/*
 * Ask one queue for room for its copies, as far as they are of messages that still
 * go. Return 0 or the error of the first that does not; @o->n is its message then.
 */
static int mq_promise_fan(struct mq_publication *p, const struct mq_fan *fan)
{
	bool force = p->how == MQ_PUBLISH_ANYWAY;
	struct mq_fanout *o = p->o;
	struct mq_copy *c;
	u64 bytes;
	int ret = 0;
	u32 i;

	mq_lock(fan->q);
	if (unlikely(mq_patience_kept(p->turn, fan->q, &bytes))) {
		mq_promise_drop_locked(fan->q, bytes);
		/* The message may have become a duplicate, and need no room any more. */
		mq_freed_locked(fan->q, 0, 0);
	}
	i = mq_promise_fan_together_locked(o, fan) ? MQ_NONE : fan->first;
	for (; i != MQ_NONE; i = c->next) {
		c = &o->copies[i];
		if (c->mail >= o->n)
			break;
		ret = mq_promise_locked(fan->q, c->e, force);
		if (ret < 0) {
			o->n = c->mail;
			break;
		}
		c->promised = ret != MQ_PROMISE_DUPLICATE;
	}
	mq_unlock(fan->q);
	return min(ret, 0);
}

/*
 * Give the promises of a queue back. With @keep, keep that of the first message; but not
 * where nobody waits for room: others would be refused, for a message that is not there.
 */
static void mq_promises_return(struct mq_publication *p, const struct mq_fan *fan,
			       bool keep)
{
	struct mq_copy *c;
	u32 i;

	keep = keep && READ_ONCE(fan->q->opt.overflow) == MQ_OVERFLOW_BLOCK;
	mq_lock(fan->q);
	for (i = fan->first; i != MQ_NONE; i = c->next) {
		c = &p->o->copies[i];
		if (!c->promised)
			continue;
		c->promised = false;
		if (keep && !c->mail &&
		    mq_patience_keep(p->turn, fan->q, mq_msg_bytes(mq_msg(c->e))))
			continue;
		mq_promise_drop_locked(fan->q, mq_msg_bytes(mq_msg(c->e)));
		mq_freed_locked(fan->q, 0, 0);
	}
	mq_unlock(fan->q);
}

/* Return the bytes of the messages that go. */
static u64 mq_publish_bytes(const struct mq_publication *p)
{
	struct mq_entry *e;
	u32 n = p->o->n;
	u64 bytes = 0;

	list_for_each_entry(e, &p->b->list, list) {
		if (!n--)
			break;
		bytes += mq_msg_bytes(mq_msg(e));
	}
	return bytes;
}

/*
 * Ask a topic in a journal whether that takes the messages that go, or else the first
 * one alone. Return 0, or an error.
 */
static int mq_publish_admit(struct mq_publication *p, struct mq_queue *q)
{
	struct mq_fanout *o = p->o;
	bool keeps = mq_retains(q);
	int err;

	mq_lock(q);
	err = mq_heard_admit_topic_locked(q, o->n, keeps ? o->n : 0,
					  keeps ? mq_publish_bytes(p) : 0);
	if (err == -EAGAIN && o->n > 1) {
		o->n = 1;
		err = mq_heard_admit_topic_locked(q, 1, keeps,
						  keeps ? mq_publish_bytes(p) : 0);
	}
	mq_unlock(q);
	if (err)
		p->full = q;
	return err;
}

/* Ask all topics that are passed, and are in a journal. */
static int mq_publish_admit_all(struct mq_publication *p)
{
	int err = 0;
	u32 i;

	if (p->how == MQ_PUBLISH_ANYWAY)
		return 0;
	for (i = 0; !err && i < p->o->passed_count; i++)
		if (unlikely(p->o->passed[i].q->feed.journal))
			err = mq_publish_admit(p, p->o->passed[i].q);
	return err;
}

/* Ask all queues for room. Return 0, or an error if the first message has none. */
static int mq_promise_all(struct mq_publication *p)
{
	struct mq_fanout *o = p->o;
	int err = 0;
	bool keep;
	u32 i;

	err = mq_publish_admit_all(p);
	if (unlikely(err))
		return err;
	for (i = 0; i < o->fan_count; i++) {
		err = mq_promise_fan(p, &o->fans[i]);
		if (!o->n)
			break;
		if (!(i % MQ_PORTION))
			cond_resched();
	}
	if (likely(o->n))
		return 0;
	p->full = o->fans[i].q;
	/* Who waits for room in a journal may wait for long. */
	keep = err == -EAGAIN && !READ_ONCE(p->full->feed.full) &&
	       mq_patience_keeps(p->turn, o->fan_count);
	do {
		mq_promises_return(p, &o->fans[i], keep);
		if (!(i % MQ_PORTION))
			cond_resched();
	} while (i--);
	return err;
}

/* -- step 4 ---------------------------------------------------------------- */

/* The first topic retains the sender's messages. */
static void mq_retain_sent_locked(struct mq_publication *p, struct mq_queue *q,
				  u64 now)
{
	struct mq_entry *e, *next;

	list_for_each_entry_safe(e, next, &p->sent, list) {
		list_del(&e->list);
		mq_retain_add_locked(q, e, now);
	}
}

/* Another topic that they pass retains copies. */
static void mq_retain_kept_locked(struct mq_publication *p,
				  const struct mq_passed *passed, u64 now)
{
	struct mq_pass *pass;
	u32 i;

	for (i = passed->first; i != MQ_NONE; i = pass->next) {
		pass = &p->o->passes[i];
		mq_retain_add_locked(passed->q, pass->kept, now);
		pass->kept = NULL;
	}
}

/* Give what passes a topic its ids there, and retain it. Return true to trim on. */
static bool mq_retain_passed_locked(struct mq_publication *p,
				    const struct mq_passed *passed, u64 now)
{
	struct mq_queue *q = passed->q;

	if (likely(!mq_retains(q)) || q->gone) {
		q->next_id += passed->sent;
		mq_retain_none_locked(q);
		return false;
	}
	if (passed == p->o->passed)
		mq_retain_sent_locked(p, q, now);
	else
		mq_retain_kept_locked(p, passed, now);
	mq_timers_arm_locked(q);
	return mq_retain_trim_locked(q, passed->sent + MQ_PORTION);
}

/* Count what passes a topic. Return the number of the first message there. */
static u64 mq_passed_count(struct mq_publication *p, struct mq_passed *passed,
			   u64 now)
{
	struct mq_queue *q = passed->q;
	bool trim;
	u64 first;

	mq_lock(q);
	first = q->next_id;
	q->stat.sent += passed->sent;
	q->stat.routed += passed->routed;
	q->stat.unrouted += passed->sent - passed->routed;
	trim = mq_retain_passed_locked(p, passed, now);
	if (unlikely(q->feed.journal))
		mq_persist_ids_locked(q);
	mq_unlock(q);
	if (unlikely(trim))
		mq_queue_work_start(q);
	return first;
}

/* A topic is to retain what passes it. */
static void mq_passed_keep(struct mq_fanout *o, struct mq_passed *passed, u32 pass)
{
	o->passes[pass].next = MQ_NONE;
	if (passed->first == MQ_NONE)
		passed->first = pass;
	else
		o->passes[passed->last].next = pass;
	passed->last = pass;
}

/* Count the messages in all topics. Return the number of the first one. */
static u64 mq_publish_count(struct mq_publication *p, u64 now)
{
	struct mq_fanout *o = p->o;
	u64 first;
	u32 i;

	for (i = 0; i < o->passed_count; i++) {
		o->passed[i].sent = 0;
		o->passed[i].routed = 0;
		o->passed[i].first = MQ_NONE;
	}
	for (i = 0; i < o->pass_count; i++) {
		const struct mq_pass *pass = &o->passes[i];

		if (pass->mail >= o->n)
			break;
		o->passed[pass->passed].sent++;
		o->passed[pass->passed].routed += pass->routed;
		if (pass->binding)
			WRITE_ONCE(pass->binding->taken,
				   pass->binding->taken + 1);
		if (unlikely(pass->kept))
			mq_passed_keep(o, &o->passed[pass->passed], i);
	}
	first = mq_passed_count(p, &o->passed[0], now);
	for (i = 1; i < o->passed_count; i++)
		mq_passed_count(p, &o->passed[i], now);
	return first;
}

/* Link all copies of one queue at once. Return false if that is not possible. */
static bool mq_link_fan_together(struct mq_fanout *o, const struct mq_fan *fan, u64 now)
{
	struct mq_batch b = { .count = fan->count, .bytes = fan->bytes };
	struct mq_copy *c;
	bool linked;
	u32 i;

	if (fan->n != o->n)
		return false;
	INIT_LIST_HEAD(&b.list);
	for (i = fan->first; i != MQ_NONE && o->copies[i].mail < o->n; i = c->next) {
		c = &o->copies[i];
		list_add_tail(&c->e->list, &b.list);
	}
	mq_lock(fan->q);
	linked = mq_promise_redeem_together_locked(fan->q, &b, now);
	mq_unlock(fan->q);
	if (unlikely(!linked))
		return false;
	for (i = fan->first; i != MQ_NONE && o->copies[i].mail < o->n; i = c->next) {
		c = &o->copies[i];
		c->linked = true;
		WRITE_ONCE(c->binding->taken, c->binding->taken + 1);
	}
	return true;
}

/* Give the promises of a queue back that are for messages which do not go. */
static void mq_link_cut_locked(struct mq_fanout *o, const struct mq_fan *fan)
{
	struct mq_copy *c;
	u32 i;

	lockdep_assert_held(&fan->q->lock);
	for (i = fan->first; i != MQ_NONE; i = c->next) {
		c = &o->copies[i];
		if (c->mail < o->n || !c->promised)
			continue;
		mq_promise_drop_locked(fan->q, mq_msg_bytes(mq_msg(c->e)));
		mq_freed_locked(fan->q, 0, 0);
	}
}

/*
 * Link the copies of one queue. What is promised and not used is given back before that,
 * or a queue with overflow=drop-head would drop messages for it.
 */
static void mq_link_fan(struct mq_fanout *o, const struct mq_fan *fan, u64 now)
{
	struct mq_queue *q = fan->q;
	u64 spare = MQ_DROPS_MAX;
	struct mq_copy *c;
	u32 i;

	mq_lock(q);
	mq_link_cut_locked(o, fan);
	for (i = fan->first; i != MQ_NONE && o->copies[i].mail < o->n; i = c->next) {
		c = &o->copies[i];
		if (c->promised)
			c->linked = mq_promise_redeem_locked(q, c->e, now, &spare);
		else if (!q->gone)
			mq_promise_duplicate_locked(q, c->e);
		if (c->linked)
			WRITE_ONCE(c->binding->taken, c->binding->taken + 1);
	}
	mq_unlock(q);
}

/*
 * The messages that go leave the batch. What is of no use beside their copies, or
 * is not for messages that are retained, is freed.
 */
static void mq_publish_take(struct mq_publication *p)
{
	bool retains = mq_retains(p->f->q);
	struct mq_batch *b = p->b;
	struct mq_entry *e, *next;
	u32 n = p->o->n;

	list_for_each_entry_safe(e, next, &b->list, list) {
		if (!n--)
			break;
		b->count--;
		b->bytes -= mq_msg_bytes(mq_msg(e));
		list_move_tail(&e->list, &p->sent);
		if (unlikely(retains))
			mq_retain_prepare(e);
	}
}

/* Put the messages in all queues. Return the number of the last one. */
static u64 mq_publish_link(struct mq_publication *p)
{
	struct mq_fanout *o = p->o;
	u64 now = ktime_get_real_ns(), first;
	u32 i;

	mq_publish_take(p);
	first = mq_publish_count(p, now);
	mq_copies_number(o, first);
	for (i = 0; i < o->fan_count; i++) {
		if (unlikely(!mq_link_fan_together(o, &o->fans[i], now)))
			mq_link_fan(o, &o->fans[i], now);
		if (!(i % MQ_PORTION))
			cond_resched();
	}
	mq_spreads_complete(o);
	return first + o->n - 1;
}

/* -- all of it ------------------------------------------------------------- */

/*
 * Steps 2 to 4. Return how many messages went; ESTALE: bindings have changed; or
 * another error.
 */
static int mq_publish_try(struct mq_publication *p, u64 *last_id)
{
	struct mq_fanout *o = p->o;
	u32 n = o->n;
	int err;

	p->full = NULL;
	err = mq_turns_take(p);
	if (err)
		return err;
	err = mq_fanout_check(o) ?: mq_promise_all(p);
	if (!err)
		*last_id = mq_publish_link(p);
	mq_turns_drop(p, o->passed_count);
	if (!err)
		return o->n;
	o->n = n;
	return err;
}

/* Return true if an attempt that failed may succeed at once. */
static bool mq_publish_retries(struct mq_publication *p, int *err)
{
	struct mq_queue *q = p->full;

	if (*err != -EBUSY &&
	    ((*err != -EAGAIN && *err != -ENOSPC) || !q || !mq_has_due(q)))
		return false;
	if (mq_dying() && p->how != MQ_PUBLISH_ANYWAY) {
		*err = -EINTR;
		return false;
	}
	mq_overflow_prepare(q);
	mq_lock_pause();
	return true;
}

/*
 * A search says that a message cannot go. Bindings may have changed meanwhile, so
 * that it was wrong: return an error of mq_fanout_check() then, else @err.
 */
static int mq_publish_sure(struct mq_publication *p, int err)
{
	int ret;

	if (err != -ENOENT && err != -ELOOP)
		return err;
	ret = mq_turns_take(p);
	if (ret)
		return ret;
	ret = mq_fanout_check(p->o);
	mq_turns_drop(p, p->o->passed_count);
	return ret ?: err;
}

/* Let fdinfo name the queue that has refused a message, until the next one. */
static void mq_publish_show(struct mq_publication *p, int ret)
{
	bool full = p->full && (ret == -EAGAIN || ret == -ENOSPC);

	mq_patience_show(p->f, full ? p->full->origin : NULL);
}

/* One publication. Return as mq_publish_try(). */
static int mq_publish_once(struct mq_publication *p, u64 *last_id)
{
	struct mq_batch *b = p->b;
	u64 changes = mq_binding_changes();
	int ret, err;

	p->full = NULL;
	INIT_LIST_HEAD(&p->sent);
	p->o = mq_fanout_get(p->f, b->count);
	if (!p->o)
		return -ENOMEM;
	ret = mq_publish_sure(p, mq_publish_prepare(p, b));
	if (!ret) {
		do {
			ret = mq_publish_try(p, last_id);
		} while (mq_publish_retries(p, &ret));
	}
	mq_publish_show(p, ret);
	if (ret == -EAGAIN || ret == -EDQUOT) {
		err = mq_patience_begin(p->turn, p->full, p->o->cost, changes);
		ret = err ?: ret;
	}
	mq_copies_free(p->o);
	mq_fanout_put(p->f, p->o);
	if (ret > 0)
		mq_patience_went(p->turn);
	/* The copies have what was of use, unless the topic retains them. */
	mq_entries_free(&p->sent);
	return ret;
}

/**
 * mq_publish - send messages to a topic, as far as there is room for them
 * @f: the producer
 * @b: the messages, in order; those that are taken leave it, and are freed
 * @turn: the sender's turn; mq_patience_end() ends it
 * @how: how queues are asked for room
 * @last_id: gets the number of the last one that was taken
 *
 * Return: how many were taken, at least one; or ENODEV, EMSGSIZE, ENOSPC, ENOENT,
 * EAGAIN, EDQUOT, ENOMEM, ELOOP, EIO (a journal has failed) or EINTR, if none was.
 */
int mq_publish(struct mq_file *f, struct mq_batch *b, struct mq_turn *turn,
	       enum mq_publish_how how, u64 *last_id)
{
	struct mq_publication p = { .f = f, .b = b, .turn = turn, .how = how };
	int ret;

	for (;;) {
		if (READ_ONCE(f->q->gone))
			return -ENODEV;
		if (how != MQ_PUBLISH_ANYWAY && mq_paused(f->q, MQ_PAUSED_SEND))
			return mq_patience_begin(turn, NULL, 0, 0) ?: -EAGAIN;
		ret = mq_publish_once(&p, last_id);
		/* Bindings have changed, or a queue that is going was bound. */
		if (ret != -ESTALE && ret != -ENODEV)
			return ret;
		if (mq_dying() && how != MQ_PUBLISH_ANYWAY)
			return -EINTR;
		/* Who removes the queue may need this processor to unbind it. */
		if (ret == -ENODEV && how == MQ_PUBLISH_QUICKLY)
			return mq_patience_begin(turn, NULL, 0, 0) ?: -EAGAIN;
		if (ret == -ENODEV)
			schedule_timeout_uninterruptible(1);
		else
			mq_lock_pause();
	}
}
