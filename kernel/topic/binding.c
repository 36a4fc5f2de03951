// SPDX-License-Identifier: GPL-2.0
/*
 * Topics, and their bindings to queues and to other topics. mq_registry_lock
 * serialises all changes. What searches and senders see changes under the turn
 * of the topic, in a step that cannot fail.
 *
 * A binding holds a reference to its target for as long as a search may find it:
 * until a grace period after it was unbound.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <linux/devmq.h>

#include "base/waiters.h"
#include "memory/budget.h"
#include "memory/payer.h"
#include "queue/lock.h"
#include "queue/names.h"
#include "queue/options.h"
#include "queue/persist.h"
#include "queue/queue.h"
#include "queue/subscribe.h"
#include "topic/binding.h"
#include "topic/catchup.h"
#include "topic/filter.h"
#include "topic/graph.h"
#include "topic/index.h"
#include "topic/topic.h"

/* Frees bindings and topics. */
static struct workqueue_struct *mq_topics_work;

/*
 * How many bindings were ever taken away. A sender that waits looks whether its
 * message still goes where it waits.
 */
static atomic64_t mq_unbound = ATOMIC64_INIT(0);

u64 mq_binding_changes(void)
{
	return atomic64_read(&mq_unbound);
}

static void mq_topic_free_work(struct work_struct *work)
{
	struct mq_topic *t = container_of(work, struct mq_topic, work);

	mq_index_free(t->index);
	xa_destroy(&t->bindings);
	mutex_destroy(&t->turn);
	kfree(t);
}

/* Make a topic of a new queue. Return 0 or ENOMEM. */
int mq_topic_new(struct mq_queue *q)
{
	struct mq_topic *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return -ENOMEM;
	t->index = mq_index_alloc();
	if (!t->index) {
		kfree(t);
		return -ENOMEM;
	}
	t->q = q;
	mutex_init(&t->turn);
	xa_init_flags(&t->bindings, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&t->outlets);
	INIT_LIST_HEAD(&t->late);
	INIT_WORK(&t->work, mq_topic_free_work);
	t->next_id = 1;
	t->deep = 1;
	/* Each queue takes the priorities that it has. */
	q->opt.priorities = DEVMQ_PRIORITIES_MAX;
	q->topic = t;
	return 0;
}

/* Free what makes a topic of a queue, later: the caller may hold a lock. */
void mq_topic_free(struct mq_queue *q)
{
	if (q->topic)
		queue_work(mq_topics_work, &q->topic->work);
}

/* Return true if a queue with options @o takes all that a topic with @t takes. */
static bool mq_takes_all(const struct mq_options *o, const struct mq_options *t)
{
	return o->max_message_size >= t->max_message_size &&
	       o->max_bytes >= t->max_bytes && o->allow_empty >= t->allow_empty;
}

/*
 * Return true if each queue that is bound would take all that its topic takes, if
 * @q, one of the two, had the options @opt.
 */
bool mq_bound_limits_ok(struct mq_queue *q, const struct mq_options *opt)
{
	struct mq_outlet *o;

	lockdep_assert_held(&mq_registry_lock);
	hlist_for_each_entry(o, &q->feeds, feed)
		if (!mq_takes_all(opt, &o->topic->q->opt))
			return false;
	if (!q->topic)
		return true;
	list_for_each_entry(o, &q->topic->outlets, link) {
		if (!mq_takes_all(&o->target->opt, opt))
			return false;
		cond_resched();
	}
	return true;
}

/*
 * Return true if the journal of a topic keeps what leads from there to @target: it is
 * in the same journal.
 */
static bool mq_is_kept(const struct mq_queue *q, const struct mq_queue *target)
{
	return unlikely(q->feed.journal) &&
	       q->feed.journal == target->feed.journal;
}

/*
 * Return 0 if a topic may lead to @target, else an error, and say why.
 *
 * What leads from a topic in a journal has to be in that, too, or else be a queue in
 * memory: this is gone when its binding is. The alternate is an option of the topic,
 * so it has to be in the journal.
 */
static int mq_may_bind(const struct mq_queue *q, const struct mq_queue *target,
		       bool alternate, const char **why)
{
	const struct mq_options *o = &target->opt, *t = &q->opt;

	*why = NULL;
	if (READ_ONCE(q->gone) || READ_ONCE(target->gone))
		return -ENODEV;
	if (q->feed.journal && q->feed.journal != target->feed.journal &&
	    (target->feed.journal || target->topic || alternate)) {
		*why = "it is not in the topic's journal";
		return -EXDEV;
	}
	if (o->max_message_size < t->max_message_size)
		*why = "its max_message_size is less than the topic's";
	else if (o->max_bytes < t->max_bytes)
		*why = "its max_bytes is less than the topic's";
	else if (o->allow_empty < t->allow_empty)
		*why = "it has not allow_empty=1, as the topic has";
	return *why ? -EINVAL : 0;
}

/* -- making and freeing bindings ------------------------------------------- */

static void mq_binding_free(struct mq_binding *b)
{
	mq_uncharge(b->payer, MQ_MESSAGES, b->charged);
	mq_payer_put(b->payer);
	kfree(b);
}

static void mq_binding_free_work(struct work_struct *work)
{
	struct mq_binding *first = container_of(to_rcu_work(work), struct mq_binding,
						work);
	struct mq_binding *b, *next;

	list_for_each_entry_safe(b, next, &first->link, link) {
		mq_queue_put(mq_bound_queue(&b->bound));
		mq_binding_free(b);
	}
	mq_queue_put(mq_bound_queue(&first->bound));
	mq_binding_free(first);
}

/* Make a binding that is bound to nothing yet, at the caller's expense. */
static struct mq_binding *mq_binding_new(size_t cost)
{
	struct mq_binding *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);

	if (!b)
		return ERR_PTR(-ENOMEM);
	b->payer = mq_payer_get();
	if (!b->payer) {
		kfree(b);
		return ERR_PTR(-ENOMEM);
	}
	cost += mq_kmalloc_bytes(sizeof(*b)) +
		mq_kmalloc_bytes(sizeof(struct mq_outlet));
	if (!mq_charge(b->payer, MQ_MESSAGES, cost)) {
		mq_payer_put(b->payer);
		kfree(b);
		return ERR_PTR(-EDQUOT);
	}
	b->charged = cost;
	INIT_LIST_HEAD(&b->link);
	INIT_RCU_WORK(&b->work, mq_binding_free_work);
	return b;
}

/* Count bindings of an outlet in both queues, or no longer if @by is negative. */
static void mq_bindings_count(const struct mq_outlet *o, int by)
{
	struct mq_queue *q = o->topic->q, *target = o->target;

	spin_lock(&q->lock);
	q->stat.bindings += by;
	spin_unlock(&q->lock);
	/* What feeds a topic is counted where it comes from. */
	if (target->topic)
		return;
	spin_lock(&target->lock);
	target->stat.bindings += by;
	spin_unlock(&target->lock);
}

/* A binding, or the alternate, leads to the target of an outlet from now on. */
static void mq_binding_join(struct mq_binding *b, struct mq_outlet *o)
{
	get_device(&o->target->dev);
	b->outlet = o;
	b->bound.target = o->target;
	list_add_tail(&b->link, &o->bindings);
}

/* Bindings, or the alternate, which no sender uses any more, are gone. */
static void mq_bindings_leave(struct list_head *gone)
{
	struct mq_binding *first = list_first_entry(gone, struct mq_binding, link);

	/* One callback frees them all. */
	list_del(gone);
	queue_rcu_work(mq_topics_work, &first->work);
}

/* The same for one. */
static void mq_binding_leave(struct mq_binding *b)
{
	LIST_HEAD(gone);

	list_move(&b->link, &gone);
	mq_bindings_leave(&gone);
}

/*
 * After mq_bindings_leave(), count that. Senders look where their messages go now; those
 * that wait for the target are told by mq_unbound_tell().
 */
static void mq_outlet_left(struct mq_outlet *o)
{
	atomic64_inc(&mq_unbound);
	mq_outlet_put(o);
}

/* Bindings to a queue are gone: senders that wait for it look where their messages go. */
static void mq_unbound_tell(struct mq_queue *target)
{
	mq_waiters_wake_all(&target->gate.room);
}

/* -- binding --------------------------------------------------------------- */

/* Return the bytes that a binding takes besides its own. */
static size_t mq_binding_cost(const struct mq_filter *f, const struct mq_start *s,
			      bool kept)
{
	return mq_index_cost(f) +
	       (kept ? mq_subscription_cost(f->text_size) : 0) +
	       (s->kind == MQ_START_LATEST ? 0 : mq_catchup_cost(f));
}

static void mq_turn_take(struct mq_topic *t)
{
	mutex_lock_nested(&t->turn, SINGLE_DEPTH_NESTING);
}

/* Let the journal keep a binding, if its topic and its target are in one. */
static int mq_binding_keep(struct mq_binding *b, const struct mq_start *s,
			   const char **why)
{
	struct mq_queue *q = b->outlet->topic->q, *target = b->outlet->target;
	const struct mq_filter *f = mq_bound_filter(&b->bound);
	int err;

	if (!mq_is_kept(q, target))
		return 0;
	err = mq_subscribe(target, q, b->id, f->text, f->text_size,
			   s->kind == MQ_START_LATEST);
	if (err == -ENOSPC)
		*why = "the journal keeps no more bindings of it, or is full";
	return err;
}

/* Give a binding its number, @id or, if that is 0, the next one, and have it kept. */
static int mq_binding_number(struct mq_binding *b, const struct mq_start *s, u64 id,
			     const char **why)
{
	struct mq_topic *t = b->outlet->topic;
	int err;

	b->id = id ?: t->next_id;
	err = xa_insert(&t->bindings, b->id, b, GFP_KERNEL);
	if (err)
		return err;
	err = mq_binding_keep(b, s, why);
	if (err)
		xa_erase(&t->bindings, b->id);
	else
		t->next_id = max(t->next_id, b->id + 1);
	return err;
}

/* Add a binding to the index of its topic. */
static int mq_binding_add(struct mq_binding *b, struct mq_filter *f,
			  const struct mq_start *s, u64 id, const char **why)
{
	struct mq_topic *t = b->outlet->topic;
	struct mq_rule *r;
	int err;

	r = mq_index_prepare(t->index, f, b->outlet->target, why);
	if (IS_ERR(r))
		return PTR_ERR(r);
	b->bound.rule = r;
	err = mq_binding_number(b, s, id, why);
	if (err) {
		mq_index_cancel(t->index, r);
		return err;
	}
	/* One that begins earlier adds itself when it is level. */
	if (s->kind == MQ_START_LATEST) {
		mq_turn_take(t);
		mq_index_add(t->index, r, &b->bound);
		mutex_unlock(&t->turn);
	}
	mq_bindings_count(b->outlet, 1);
	return 0;
}

/*
 * Return 0 if a binding may begin with what is retained, or an error: it has to be
 * the only one between the two. mq_outlet_get() looks at the other ways.
 */
static int mq_may_start(struct mq_queue *q, struct mq_queue *target,
			const struct mq_start *s, const char **why)
{
	struct mq_outlet *o = mq_outlet_find(q->topic, target);
	struct mq_binding *b;

	if (s->kind != MQ_START_LATEST) {
		if (o) {
			*why = "it is bound already, so it cannot start earlier";
			return -EBUSY;
		}
		if (target->topic) {
			*why = "it is a topic, which starts with what is sent now";
			return -EINVAL;
		}
		return mq_catchup_check(q, s, why);
	}
	if (!o)
		return 0;
	b = list_first_entry(&o->bindings, struct mq_binding, link);
	if (!b->catchup)
		return 0;
	*why = "it catches up with what the topic retains, by another binding";
	return -EBUSY;
}

/**
 * mq_bind - bind a queue to a topic
 * @q: the topic
 * @target: the queue, or the other topic
 * @f: the filter, which this takes over, also if it fails
 * @s: with what the binding begins
 * @id: the number of the binding; 0: gets the next one
 * @why: gets what is wrong, in words, or NULL
 *
 * If both are in a journal, so is the binding: mq_bind_confirm() waits for that.
 *
 * Return: 0, EINVAL, ENODEV, EXDEV, ELOOP, E2BIG, ENOSPC, EEXIST, EBUSY, EDQUOT
 * or ENOMEM.
 */
int mq_bind(struct mq_queue *q, struct mq_queue *target, struct mq_filter *f,
	    const struct mq_start *s, u64 *id, const char **why)
{
	struct mq_catchup *c = NULL;
	struct mq_binding *b;
	struct mq_outlet *o;
	int err;

	lockdep_assert_held(&mq_registry_lock);
	err = mq_may_bind(q, target, false, why) ?:
	      mq_may_start(q, target, s, why);
	if (err)
		goto out_filter;
	b = mq_binding_new(mq_binding_cost(f, s, mq_is_kept(q, target)));
	err = PTR_ERR_OR_ZERO(b);
	if (err)
		goto out_filter;
	if (s->kind != MQ_START_LATEST) {
		c = mq_catchup_new(f, target);
		err = PTR_ERR_OR_ZERO(c);
		if (err)
			goto out_binding;
	}
	o = mq_outlet_get(q->topic, target, c, why);
	err = PTR_ERR_OR_ZERO(o);
	if (err)
		goto out_catchup;
	mq_binding_join(b, o);
	err = mq_binding_add(b, f, s, *id, why);
	if (err) {
		list_del(&b->link);
		mq_outlet_put(o);
		mq_queue_put(target);
		f = NULL;
		goto out_catchup;
	}
	*id = b->id;
	if (c)
		mq_catchup_start(c, b, s);
	return 0;

out_catchup:
	if (c)
		mq_catchup_free(c);
out_binding:
	mq_binding_free(b);
out_filter:
	mq_filter_free(f);
	return err;
}

/**
 * mq_bind_confirm - after binding or unbinding, wait until that is on stable storage
 * @q: the topic
 * @target: the queue, or the other topic
 *
 * Return: 0, EIO or EINTR.
 */
int mq_bind_confirm(struct mq_queue *q, struct mq_queue *target)
{
	return mq_is_kept(q, target) ? mq_persist_confirm(target) : 0;
}

/* Take the turn of a topic, until mq_topic_changed(): nothing is sent to it. */
void mq_topic_hold(struct mq_topic *t)
{
	mq_turn_take(t);
}

/* What a topic does has changed: senders that have begun begin again. */
void mq_topic_changed(struct mq_topic *t)
{
	WRITE_ONCE(t->changes, t->changes + 1);
	mutex_unlock(&t->turn);
}

/* Make @b the alternate of a topic, or with NULL nothing. */
static void mq_alternate_replace(struct mq_topic *t, struct mq_binding *b)
{
	mq_turn_take(t);
	rcu_assign_pointer(t->alternate, b);
	WRITE_ONCE(t->changes, t->changes + 1);
	mutex_unlock(&t->turn);
	spin_lock(&t->q->lock);
	/* The journal keeps the option of a topic that is detached with it. */
	if (!t->q->feed.detaching)
		strscpy(t->q->opt.alternate, b ? b->outlet->target->name : "",
			sizeof(t->q->opt.alternate));
	spin_unlock(&t->q->lock);
}

/* Take the alternate of a topic away. */
static void mq_alternate_remove(struct mq_binding *b)
{
	struct mq_outlet *o = b->outlet;
	struct mq_topic *t = o->topic;

	mq_alternate_replace(t, NULL);
	if (!READ_ONCE(t->q->gone))
		mq_persist_defined(t->q);
	mq_binding_leave(b);
	mq_outlet_left(o);
}

/* What leads through an outlet has left the index of the topic: take it away. */
static void mq_bindings_remove(struct mq_outlet *o, struct list_head *gone)
{
	struct mq_topic *t = o->topic;
	struct mq_binding *b;
	int n = 0;

	list_for_each_entry(b, gone, link) {
		xa_erase(&t->bindings, b->id);
		if (mq_is_kept(t->q, o->target))
			mq_unsubscribe(o->target, t->q, b->id);
		n++;
	}
	mq_bindings_leave(gone);
	mq_bindings_count(o, -n);
	mq_outlet_left(o);
}

/* Take a binding away that is not level yet. */
static void mq_binding_stop(struct mq_binding *b)
{
	struct mq_outlet *o = b->outlet;
	LIST_HEAD(gone);

	mq_catchup_stop(b);
	mq_outlet_set_early(o, false);
	mq_index_cancel(o->topic->index, b->bound.rule);
	list_move(&b->link, &gone);
	mq_bindings_remove(o, &gone);
}

/* Take one binding away that is level. */
static void mq_binding_remove(struct mq_binding *b)
{
	struct mq_outlet *o = b->outlet;
	struct mq_topic *t = o->topic;
	LIST_HEAD(gone);

	mq_turn_take(t);
	mq_index_remove(t->index, &b->bound);
	mutex_unlock(&t->turn);
	mq_index_tidy(t->index);
	list_move(&b->link, &gone);
	mq_bindings_remove(o, &gone);
}

/*
 * Take a portion of the bindings of an outlet away, in one hold of the turn: of those
 * whose number is not above @last. Return how many, less than a portion if none is left.
 * The outlet is gone then, unless something else leads through it.
 */
static unsigned int mq_outlet_clear(struct mq_outlet *o, u64 last)
{
	struct mq_binding *b, *next;
	struct mq_topic *t = o->topic;
	unsigned int n = 0;
	bool more = false;
	LIST_HEAD(gone);

	/* It is the only one then. */
	b = list_first_entry(&o->bindings, struct mq_binding, link);
	if (b->catchup) {
		if (b->id > last)
			return 0;
		mq_binding_stop(b);
		return 1;
	}
	mq_turn_take(t);
	list_for_each_entry_safe(b, next, &o->bindings, link) {
		/* Later ones stand behind it. */
		if (b->id > last)
			break;
		/* The alternate is none. */
		if (!b->id)
			continue;
		more = n == MQ_PORTION;
		if (more)
			break;
		mq_index_remove(t->index, &b->bound);
		list_move_tail(&b->link, &gone);
		n++;
	}
	mutex_unlock(&t->turn);
	if (!n)
		return 0;
	/* To trim again and again would be to wait for a grace period each time. */
	if (more)
		mq_index_drop_idle(t->index);
	else
		mq_index_tidy(t->index);
	mq_bindings_remove(o, &gone);
	return n;
}

/*
 * Return the binding of an outlet that is not level yet, if there is one and it has
 * the filter @f.
 */
static struct mq_binding *mq_outlet_catching_up(struct mq_outlet *o,
						const struct mq_filter *f)
{
	struct mq_binding *b = list_first_entry(&o->bindings, struct mq_binding,
						link);
	const struct mq_filter *own;

	if (!b->catchup)
		return NULL;
	own = mq_bound_filter(&b->bound);
	return own->text_size == f->text_size &&
	       !memcmp(own->text, f->text, f->text_size) ? b : NULL;
}

/**
 * mq_unbind - take a binding between a topic and a queue away
 * @q: the topic
 * @target: the queue, or the other topic
 * @f: the filter of the binding
 *
 * Return: 0, or ENOENT: there is none.
 */
int mq_unbind(struct mq_queue *q, struct mq_queue *target, const struct mq_filter *f)
{
	struct mq_binding *early;
	struct mq_outlet *o;
	struct mq_bound *b;

	lockdep_assert_held(&mq_registry_lock);
	o = mq_outlet_find(q->topic, target);
	if (!o)
		return -ENOENT;
	early = mq_outlet_catching_up(o, f);
	b = mq_index_find(q->topic->index, f, target);
	if (early)
		mq_binding_stop(early);
	else if (b)
		mq_binding_remove(container_of(b, struct mq_binding, bound));
	else
		return -ENOENT;
	mq_unbound_tell(target);
	return 0;
}

/**
 * mq_unbind_each - take all bindings between a topic and a queue away
 * @q: the topic; the caller has a reference to both
 * @target: the queue, or the other topic
 * @count: gets how many are gone
 *
 * There may be many, so this drops mq_registry_lock after each portion. Those that are
 * made meanwhile stay.
 *
 * Return: 0; ENOENT: there was none; or EINTR: some may be left.
 */
int mq_unbind_each(struct mq_queue *q, struct mq_queue *target, u64 *count)
{
	struct mq_outlet *o;
	unsigned int n;
	u64 last = 0;
	int err = 0;

	*count = 0;
	do {
		if (mutex_lock_killable(&mq_registry_lock)) {
			err = -EINTR;
			break;
		}
		last = last ?: q->topic->next_id - 1;
		o = mq_outlet_find(q->topic, target);
		n = o ? mq_outlet_clear(o, last) : 0;
		mutex_unlock(&mq_registry_lock);
		*count += n;
		if (n == MQ_PORTION && mq_dying())
			err = -EINTR;
		cond_resched();
	} while (n == MQ_PORTION && !err);
	if (*count)
		mq_unbound_tell(target);
	return err ?: *count ? 0 : -ENOENT;
}

/**
 * mq_set_alternate - set what takes the messages of a topic that no binding takes
 * @q: the topic
 * @target: a queue or another topic; NULL: nothing
 * @why: gets what is wrong, in words, or NULL
 *
 * Return: as mq_bind().
 */
int mq_set_alternate(struct mq_queue *q, struct mq_queue *target,
		     const char **why)
{
	struct mq_topic *t = q->topic;
	struct mq_binding *b = NULL, *before;
	const struct mq_start latest = {};
	struct mq_outlet *o;
	int err;

	lockdep_assert_held(&mq_registry_lock);
	before = rcu_dereference_protected(t->alternate, true);
	if (target) {
		err = mq_may_bind(q, target, true, why) ?:
		      mq_may_start(q, target, &latest, why);
		if (err)
			return err;
		b = mq_binding_new(0);
		if (IS_ERR(b))
			return PTR_ERR(b);
		o = mq_outlet_get(t, target, false, why);
		if (IS_ERR(o)) {
			mq_binding_free(b);
			return PTR_ERR(o);
		}
		mq_binding_join(b, o);
	}
	mq_alternate_replace(t, b);
	if (before) {
		o = before->outlet;
		target = o->target;
		mq_binding_leave(before);
		mq_outlet_left(o);
		mq_unbound_tell(target);
	}
	return 0;
}

/* Return true if a queue is the alternate of a topic. */
bool mq_is_alternate(const struct mq_queue *q)
{
	struct mq_binding *b;
	struct mq_outlet *o;

	lockdep_assert_held(&mq_registry_lock);
	hlist_for_each_entry(o, &q->feeds, feed) {
		b = rcu_dereference_protected(o->topic->alternate, true);
		if (b && b->outlet == o)
			return true;
	}
	return false;
}

/* A queue, or its topic, is removed: take all away that leads through an outlet. */
static void mq_outlet_remove(struct mq_outlet *o)
{
	struct mq_queue *target = o->target;
	struct mq_topic *t = o->topic;
	struct mq_binding *alternate;

	alternate = rcu_dereference_protected(t->alternate, true);
	/* Each step may be the one with which the outlet goes. */
	if (alternate && alternate->outlet == o)
		mq_alternate_remove(alternate);
	while (mq_outlet_find(t, target) && mq_outlet_clear(o, U64_MAX))
		cond_resched();
	mq_unbound_tell(target);
}

/* A queue or topic that was closed is removed: unbind all that leads from and to it. */
void mq_unbind_all(struct mq_queue *q)
{
	struct hlist_node *next;
	struct mq_outlet *o, *after;

	lockdep_assert_held(&mq_registry_lock);
	hlist_for_each_entry_safe(o, next, &q->feeds, feed)
		mq_outlet_remove(o);
	if (!q->topic)
		return;
	list_for_each_entry_safe(o, after, &q->topic->outlets, link)
		mq_outlet_remove(o);
}

int __init mq_topics_init(void)
{
	int err = mq_catchup_init();

	if (err)
		return err;
	mq_topics_work = alloc_workqueue("devmq-topics", WQ_UNBOUND, 0);
	if (mq_topics_work)
		return 0;
	mq_catchup_exit();
	return -ENOMEM;
}

/* Wait until all bindings are freed. None is made any more. */
void mq_topics_drain(void)
{
	mq_catchup_exit();
	rcu_barrier();
	flush_workqueue(mq_topics_work);
}

/* The same for topics, when nothing has a reference to one any more. */
void mq_topics_exit(void)
{
	destroy_workqueue(mq_topics_work);
}
