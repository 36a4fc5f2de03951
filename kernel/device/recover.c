// SPDX-License-Identifier: GPL-2.0
/*
 * Making the queues of a journal again, with their messages. All of it is read
 * before anybody can find a queue, and the journal is not written to before.
 */
#include <linux/cred.h>
#include <linux/list.h>
#include <linux/list_sort.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "device/define.h"
#include "device/link.h"
#include "device/recover.h"
#include "device/registry.h"
#include "device/reload.h"
#include "device/restore.h"
#include "journal/attach.h"
#include "journal/notice.h"
#include "journal/objects.h"
#include "journal/record.h"
#include "journal/replay.h"
#include "journal/writer.h"
#include "memory/alloc.h"
#include "memory/budget.h"
#include "memory/chunk.h"
#include "memory/copy.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/payer.h"
#include "memory/refill.h"
#include "memory/text.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/close.h"
#include "queue/due.h"
#include "queue/persist.h"
#include "queue/lock.h"
#include "queue/names.h"
#include "queue/order.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/retain.h"
#include "queue/state.h"
#include "topic/binding.h"
#include "topic/catchup.h"
#include "topic/filter.h"

/*
 * What topics retain may take one part in so many of the memory that there is, before it is
 * known how much of it may be in memory.
 */
#define MQ_RECOVER_PART	4

/* -- queues ------------------------------------------------------------------ */

static struct mq_recovered *mq_recover_new(struct mq_recovery *r,
					   const struct mq_j_queue *q)
{
	struct mq_recovered *x = kzalloc(sizeof(*x), GFP_KERNEL_ACCOUNT);
	char name[DEVMQ_NAME_MAX + 1];
	struct mq_options opt;
	int err;

	if (!x)
		return NULL;
	err = mq_define_read(q, name, &opt);
	if (err) {
		mq_recover_refuse(r, err, "what its queue '%s' is cannot be read",
				  name);
		kfree(x);
		return NULL;
	}
	strscpy(opt.journal, r->a->j->name, sizeof(opt.journal));
	/* Without its journal the queue forgets nothing that it is told now. */
	x->q = mq_queue_new(name, &opt, NULL);
	if (!x->q) {
		kfree(x);
		return NULL;
	}
	if (q->bindings_size) {
		x->bindings = kmemdup(q, le32_to_cpu(q->r.size),
				      GFP_KERNEL_ACCOUNT);
		if (!x->bindings) {
			mq_queue_put(x->q);
			kfree(x);
			return NULL;
		}
	}
	INIT_LIST_HEAD(&x->entries);
	INIT_LIST_HEAD(&x->rest);
	x->serial = le64_to_cpu(q->serial);
	x->version = le32_to_cpu(q->version);
	return x;
}

/* Make a queue. */
static void *mq_recover_queue(void *context, const struct mq_j_queue *q,
			      u64 next_id, u64 delivered)
{
	struct mq_recovery *r = context;
	struct mq_recovered *x = mq_recover_new(r, q);

	if (!x)
		return NULL;
	/* All messages are read: the chunks are closed when they get their queue. */
	mq_refills_close(r->refills);
	x->q->node_uid = make_kuid(&init_user_ns, le32_to_cpu(q->uid));
	x->q->node_gid = make_kgid(&init_user_ns, le32_to_cpu(q->gid));
	x->q->next_id = max_t(u64, next_id, 1);
	x->delivered = delivered;
	list_add_tail(&x->link, &r->queues);
	return x;
}

/* Return the id of the message that a link is of. */
static u64 mq_recover_id(const struct list_head *link)
{
	return mq_msg(list_entry(link, struct mq_entry, list))->id;
}

/*
 * Give a message a chunk of its own, with the larger entry if its queue has an
 * order.
 */
static struct mq_entry *mq_recover_alone(struct mq_queue *q, struct mq_entry *old)
{
	struct mq_kind kind = { .detail = true, .ordered = q->order };
	struct mq_entry *e = mq_entry_copy(old, kind);
	struct mq_msg *m, *from = mq_msg(old);
	int err;

	if (IS_ERR(e))
		return e;
	m = mq_msg(e);
	m->id = from->id;
	m->attempt = from->attempt;
	m->failures = from->failures;
	m->priority = from->priority;
	m->failure = from->failure;
	m->state = from->state;
	err = mq_order_prepare(q, e);
	if (err) {
		mq_entry_free(e);
		return ERR_PTR(err);
	}
	swap(*m->detail, *from->detail);
	m->detail->e = e;
	m->detail->durable->detail = m->detail;
	mq_entry_free(old);
	return e;
}

/*
 * Add a message to those of its queue, which are in the order of their ids. Most come
 * in that order, one run after the other; those that do not are sorted later.
 */
static void mq_recover_add(struct mq_recovered *x, struct mq_entry *e)
{
	u64 id = mq_msg(e)->id;

	if (list_empty(&x->entries) || id < mq_first_id(&x->entries)) {
		list_add(&e->list, &x->entries);
	} else if (mq_recover_id(x->at) < id && (list_is_last(x->at, &x->entries) ||
						 id < mq_recover_id(x->at->next))) {
		list_add(&e->list, x->at);
	} else {
		list_add_tail(&e->list, &x->rest);
		return;
	}
	x->at = &e->list;
}

/* Put a message into its queue. */
static int mq_recover_place(void *context, void *queue, void *message)
{
	struct mq_recovered *x = queue;
	struct mq_entry *e = message;

	/* A topic has messages that it retains, and stubs of these; a queue has neither. */
	if ((mq_msg(e)->state == DEVMQ_STATE_RETAINED) != !!x->q->topic ||
	    (mq_msg_is_stub(mq_msg(e)) && !x->q->topic)) {
		mq_recover_drop(context, message);
		return mq_recover_refuse(context, -EUCLEAN,
					 "a message of its queue '%s' is in a state that it cannot have",
					 x->q->name);
	}
	/* One that was moved lies among the messages of another queue. */
	if (x->q->order || !mq_chunk_adopt(mq_chunk_of(e), &x->q->store)) {
		e = mq_recover_alone(x->q, e);
		if (IS_ERR(e)) {
			mq_recover_drop(context, message);
			return PTR_ERR(e);
		}
	}
	/* It may have been delivered before the crash. */
	if (mq_msg(e)->id < x->delivered && !mq_msg(e)->attempt && !x->q->topic)
		mq_msg(e)->attempt = 1;
	mq_msg(e)->priority = min_t(u64, mq_msg(e)->priority,
				    x->q->opt.priorities - 1);
	mq_ready_prepare(&x->q->ready, mq_msg(e)->priority);
	mq_recover_add(x, e);
	return 0;
}

static const struct mq_j_ops mq_recover_ops = {
	.message	= mq_recover_message,
	.state		= mq_recover_state,
	.drop		= mq_recover_drop,
	.queue		= mq_recover_queue,
	.place		= mq_recover_place,
	.dedup		= mq_recover_dedup,
};

static int mq_recover_by_id(void *priv, const struct list_head *a,
			    const struct list_head *b)
{
	return mq_recover_id(a) > mq_recover_id(b) ? 1 : -1;
}

/*
 * Sort what did not come in the order of ids into the other messages. Return: 0, or
 * EUCLEAN: two have the same id.
 */
static int mq_recover_sort(struct mq_recovery *r, struct mq_recovered *x)
{
	struct list_head *at = &x->entries;
	struct mq_entry *e, *next;

	list_sort(NULL, &x->rest, mq_recover_by_id);
	list_for_each_entry_safe(e, next, &x->rest, list) {
		while (!list_is_last(at, &x->entries) &&
		       mq_recover_id(at->next) <= mq_msg(e)->id)
			at = at->next;
		if (at != &x->entries && mq_recover_id(at) == mq_msg(e)->id)
			return mq_recover_refuse(r, -EUCLEAN,
						 "two messages of its queue '%s' have the id %llu",
						 x->q->name, mq_msg(e)->id);
		list_move(&e->list, at);
		at = &e->list;
		cond_resched();
	}
	return 0;
}

/* Return whether this is the queue of a name. */
static bool mq_recover_is(const struct mq_recovered *x, const struct mq_text *name)
{
	return strlen(x->q->name) == name->size &&
	       !memcmp(x->q->name, name->text, name->size);
}

/* Put a message into its state. */
static void mq_recover_enter_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_detail *detail = mq_msg(e)->detail;
	u8 state = mq_msg(e)->state;
	u64 due = detail->when;

	detail->when = MQ_NEVER;
	switch (state) {
	case DEVMQ_STATE_DELAYED:
		/* A time to live can end the delay, and goes by the other clock. */
		if (detail->expires == MQ_NEVER)
			mq_delay_locked(q, e, MQ_REALTIME, due);
		else
			mq_delay_locked(q, e, MQ_BOOTTIME,
					mq_persist_boot_time(due));
		break;
	case DEVMQ_STATE_RETAINED:
		mq_retain_restore_locked(q, e);
		break;
	case DEVMQ_STATE_DEFERRED:
	case DEVMQ_STATE_DEAD:
		mq_state_enter_locked(q, e, state);
		mq_timer_set_locked(q, e, MQ_BOOTTIME, detail->expires);
		break;
	default:
		mq_ready_locked(q, e);
	}
}

/* Link a message into its queue. */
static void mq_recover_link_locked(struct mq_queue *q, struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	mq_msg(e)->holder = NULL;
	list_add_tail(&e->all, &q->all);
	mq_count(&q->stored, 1);
	mq_count(&q->stat.bytes, mq_msg_bytes(mq_msg(e)));
	/* What a topic counts as sent was also routed, and that is not known. */
	if (!q->topic)
		q->stat.sent++;
	if (mq_msg(e)->id >= q->next_id)
		q->next_id = mq_msg(e)->id + 1;
	if (mq_msg(e)->detail->origin) {
		mq_place_restore(q, mq_msg_bytes(mq_msg(e)));
		mq_dead_letter_add_locked(q, e);
	}
	if (q->order)
		mq_order_join_locked(q, e);
	mq_recover_enter_locked(q, e);
}

/* Link some of the messages. */
static void mq_recover_link(struct mq_queue *q, struct list_head *entries)
{
	struct mq_entry *e, *next;
	unsigned int n = 0;

	spin_lock(&q->lock);
	list_for_each_entry_safe(e, next, entries, list) {
		if (n++ == MQ_PORTION)
			break;
		list_del(&e->list);
		mq_recover_link_locked(q, e);
	}
	mq_unlock(q);
}

/*
 * A dead letter goes back to the queue where it died by the object that has that
 * queue's name: find it among the queues that are recovered.
 */
static void mq_recover_origin(struct mq_recovery *r, struct mq_detail *detail)
{
	struct mq_recovered *x = r->origin;

	if (!detail->origin)
		return;
	if (!x || !mq_recover_is(x, detail->origin)) {
		list_for_each_entry(x, &r->queues, link)
			if (!x->old && mq_recover_is(x, detail->origin))
				break;
		if (list_entry_is_head(x, &r->queues, link))
			return;
		r->origin = x;
	}
	mq_text_put(detail->origin);
	detail->origin = mq_text_get(x->q->origin);
}

/* Make a queue part of its journal, which does not have to be told of this. */
static void mq_recover_feed(struct mq_recovery *r, struct mq_recovered *x)
{
	struct mq_feed *f = &x->q->feed;

	f->serial = x->serial;
	f->version = x->version;
	/* Versions of this epoch are higher than those of all before. */
	f->ceiling = r->a->j->epochs << 32;
	/* There are older records, and it is not known where. */
	f->at[r->a->j->side].older = true;
	f->safe.delivered = x->delivered;
	f->floor = x->delivered;
	f->ops = &mq_journal_ops;
	f->quiet = true;
	kref_get(&r->a->j->refs);
	spin_lock(&x->q->lock);
	f->journal = r->a->j;
	mq_queue_update_plain_locked(x->q);
	spin_unlock(&x->q->lock);
}

/* Link all messages of a queue, in the order of their ids. */
static void mq_recover_fill(struct mq_recovery *r, struct mq_recovered *x)
{
	struct mq_entry *e;

	mq_recover_feed(r, x);
	list_for_each_entry(e, &x->entries, list)
		mq_recover_origin(r, mq_msg(e)->detail);
	while (!list_empty(&x->entries)) {
		mq_recover_link(x->q, &x->entries);
		cond_resched();
	}
	if (!x->q->topic)
		return;
	spin_lock(&x->q->lock);
	mq_retain_restored_locked(x->q);
	mq_timers_arm_locked(x->q);
	mq_unlock(x->q);
}

static int mq_recover_by_name(void *priv, const struct list_head *a,
			      const struct list_head *b)
{
	struct mq_recovered *x = list_entry(a, struct mq_recovered, link);
	struct mq_recovered *y = list_entry(b, struct mq_recovered, link);
	int order = strcmp(x->q->name, y->q->name);

	return order ?: x->serial > y->serial ? 1 : -1;
}

/*
 * Of two queues with the same name the older one had been removed, and the end
 * of that was not on the disk yet.
 */
static void mq_recover_find_old(struct mq_recovery *r)
{
	struct mq_recovered *x, *before = NULL;

	list_sort(NULL, &r->queues, mq_recover_by_name);
	list_for_each_entry(x, &r->queues, link) {
		if (before && !strcmp(before->q->name, x->q->name))
			before->old = true;
		before = x;
	}
}

/* Free what is known of a queue. The queue itself is the caller's. */
static void mq_recovered_free(struct mq_recovered *x)
{
	list_del(&x->link);
	kfree(x->bindings);
	kfree(x);
}

/* Undo what was done for a queue that is not published. */
static void mq_recover_free(struct mq_recovery *r, struct mq_recovered *x)
{
	struct mq_entry *e, *next;

	list_splice(&x->rest, &x->entries);
	list_for_each_entry_safe(e, next, &x->entries, list)
		mq_recover_drop(r, e);
	mq_queue_put(x->q);
	mq_recovered_free(x);
}

/* Stop a queue whose journal goes on without it, and keeps its messages. */
static void mq_recover_stop(struct mq_queue *q)
{
	spin_lock(&q->lock);
	q->feed.detaching = true;
	q->feed.detached = true;
	mq_queue_mark_removed_locked(q);
	spin_unlock(&q->lock);
}

/* As mq_recover_free(), for a queue whose messages are linked. */
static void mq_recover_undo(struct mq_recovered *x)
{
	struct mq_queue *q = x->q;

	mq_recover_stop(q);
	mq_queue_drain(q);
	mq_queue_put(q);
	mq_recovered_free(x);
}

/* Read the journal. */
static int mq_recover_replay(struct mq_recovery *r, struct mq_j_totals *totals)
{
	struct mq_recovered *x;
	int err;

	r->refills = mq_refills_new();
	err = r->refills ? mq_j_replay(&r->a->log, &mq_recover_ops, r, totals) : -ENOMEM;
	mq_refills_free(r->refills);
	list_for_each_entry(x, &r->queues, link) {
		err = err ?: mq_recover_sort(r, x);
		if (!err && x->q->topic)
			err = mq_reload(r->a->j, x->q, &x->entries);
	}
	return err;
}

/*
 * There was no memory. If something was kept that need not have been, forget all that was
 * read, and return true: read it again, and keep nothing.
 */
static bool mq_recover_anew(struct mq_recovery *r)
{
	struct mq_recovered *x, *next;

	if (!r->kept || *r->why)
		return false;
	list_for_each_entry_safe(x, next, &r->queues, link)
		mq_recover_free(r, x);
	r->keep = 0;
	r->kept = false;
	r->short_of_room = false;
	return true;
}

/* Make queues of all that the journal has, which nobody can find yet. */
static int mq_recover_read(struct mq_recovery *r, struct mq_j_totals *totals)
{
	struct mq_j_log *log = &r->a->log;
	int err = mq_recover_replay(r, totals);

	if ((err == -ENOMEM || err == -EDQUOT) && mq_recover_anew(r))
		err = mq_recover_replay(r, totals);
	if (!err || *r->why)
		return err;
	if (err == -EUCLEAN)
		return mq_recover_refuse(r, err,
					 "it is damaged at byte %llu, in segment %llu: %s",
					 log->fault.at, log->fault.sequence,
					 log->fault.what ?: "a record is not valid");
	if (err == -EDQUOT || r->short_of_room)
		return mq_recover_short(r);
	return mq_recover_refuse(r, err, err == -ENOMEM ?
				 "there is no memory for its messages" :
				 "it cannot be read");
}

/* Check that the names of all queues are free. */
static int mq_recover_names_locked(struct mq_recovery *r)
{
	struct mq_recovered *x;

	lockdep_assert_held(&mq_registry_lock);
	list_for_each_entry(x, &r->queues, link)
		if (!x->old && mq_find(x->q->name))
			return mq_recover_refuse(r, -EEXIST,
						 "there is a queue '%s' already",
						 x->q->name);
	return 0;
}

/* Let one queue be found. */
static int mq_recover_publish_locked(struct mq_recovery *r,
				     struct mq_recovered *x)
{
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	err = mq_queue_publish_locked(x->q, r->nodes);
	if (err) {
		module_put(THIS_MODULE);
		return mq_recover_refuse(r, err, "its queue '%s' cannot be made: error %d",
					 x->q->name, -err);
	}
	x->published = true;
	return 0;
}

/* Link the queues to their dead-letter queues, and topics to their alternates. */
static int mq_recover_links_locked(struct mq_recovery *r)
{
	struct mq_recovered *x;
	int err;

	list_for_each_entry(x, &r->queues, link) {
		char name[DEVMQ_NAME_MAX + 1];

		/* It is where a topic has its alternate. */
		strscpy(name, x->q->opt.dead_letter, sizeof(name));
		if (!*name || !x->published)
			continue;
		err = x->q->topic ? mq_link_alternate(x->q, name) :
				    mq_link_dead_letter(x->q, name);
		/* It may have been removed by force, and the crash came then. */
		if (err == -ENOENT)
			x->q->opt.dead_letter[0] = '\0';
		else if (err)
			return mq_recover_refuse(r, err,
						 "the %s of its queue '%s' is not possible",
						 x->q->topic ? "alternate" :
							       "dead_letter",
						 x->q->name);
	}
	return 0;
}

/* Return the topic with a serial, or NULL: it was removed. */
static struct mq_queue *mq_recover_topic(struct mq_recovery *r, u64 serial)
{
	struct mq_recovered *x = r->topic;

	if (!x || x->serial != serial) {
		list_for_each_entry(x, &r->queues, link)
			if (x->serial == serial)
				break;
		if (list_entry_is_head(x, &r->queues, link))
			return NULL;
		r->topic = x;
	}
	return x->published && x->q->topic ? x->q : NULL;
}

/* Make one binding again. */
static int mq_recover_binding_locked(struct mq_recovery *r, struct mq_queue *q,
				     const struct mq_j_binding *b)
{
	struct mq_queue *topic = mq_recover_topic(r, le64_to_cpu(b->topic));
	const struct mq_start latest = {};
	u64 id = le64_to_cpu(b->id);
	const char *why = NULL;
	struct mq_filter *f;
	int err;

	/* The topic was removed, and the crash came before this was written anew. */
	if (!topic)
		return 0;
	f = mq_filter_of_text((const char *)(b + 1), le16_to_cpu(b->filter_size));
	err = PTR_ERR_OR_ZERO(f);
	if (!err)
		err = mq_bind(topic, q, f, &latest, &id, &why);
	if (!err)
		return 0;
	return mq_recover_refuse(r, err, "its queue '%s' cannot be bound to '%s': %s",
				 q->name, topic->name, why ?: "there is no memory");
}

/* Bind the queues to their topics. */
static int mq_recover_bindings_locked(struct mq_recovery *r)
{
	const struct mq_j_binding *b;
	struct mq_recovered *x;
	struct mq_j_bytes left;
	int err = 0;

	list_for_each_entry(x, &r->queues, link) {
		if (!x->bindings || !x->published)
			continue;
		mq_j_bindings_begin(x->bindings, &left);
		while (!err && (b = mq_j_bindings_next(&left)))
			err = mq_recover_binding_locked(r, x->q, b);
		if (err)
			break;
		cond_resched();
	}
	return err;
}

/* Take the queues back that were published. */
static void mq_recover_hide_locked(struct mq_recovery *r)
{
	struct mq_recovered *x;

	list_for_each_entry(x, &r->queues, link)
		mq_recover_stop(x->q);
	list_for_each_entry(x, &r->queues, link)
		if (x->published)
			mq_unpublish(x->q);
}

/* Let all queues be found, or none. */
static int mq_recover_publish(struct mq_recovery *r)
{
	struct mq_recovered *x;
	int err;

	mutex_lock(&mq_registry_lock);
	err = mq_recover_names_locked(r);
	list_for_each_entry(x, &r->queues, link)
		if (!err && !x->old)
			err = mq_recover_publish_locked(r, x);
	err = err ?: mq_recover_links_locked(r) ?: mq_recover_bindings_locked(r);
	if (err)
		mq_recover_hide_locked(r);
	mutex_unlock(&mq_registry_lock);
	return err;
}

/* Check the names before the journal is written to. */
static int mq_recover_check(struct mq_recovery *r)
{
	int err;

	mutex_lock(&mq_registry_lock);
	err = mq_recover_names_locked(r);
	mutex_unlock(&mq_registry_lock);
	return err;
}

/* Let all queues be part of their journal. */
static void mq_recover_join(struct mq_recovery *r)
{
	struct mq_recovered *x;

	list_for_each_entry(x, &r->queues, link)
		mq_persist_join(x->q, &mq_journal_ops);
}

/* Undo that: the thread has not run. */
static void mq_recover_leave(struct mq_recovery *r)
{
	struct mq_recovered *x;

	list_for_each_entry(x, &r->queues, link) {
		mq_feed_leave(&x->q->feed);
		mq_queue_put(x->q);
	}
}

/* Remove the queues that had been removed: this is the rest of that. */
static void mq_recover_remove_old(struct mq_recovery *r)
{
	struct mq_recovered *x, *next;

	list_for_each_entry_safe(x, next, &r->queues, link) {
		if (!x->old)
			continue;
		mq_queue_close(x->q, true);
		mq_queue_drain(x->q);
		mq_queue_put(x->q);
		mq_recovered_free(x);
	}
}

/* Free all that was made, after an error. */
static void mq_recover_cancel(struct mq_recovery *r, bool filled)
{
	struct mq_recovered *x, *next;

	list_for_each_entry_safe(x, next, &r->queues, link) {
		mq_persist_forget(x->q);
		if (x->published) {
			mq_queue_end(x->q);
			mq_recovered_free(x);
		} else if (filled) {
			mq_recover_undo(x);
		} else {
			mq_recover_free(r, x);
		}
	}
}

/* Let the queues be found, and begin to write. */
static int mq_recover_begin(struct mq_recovery *r, u64 serial)
{
	struct mq_attach *a = r->a;
	int err;

	err = mq_attach_begin(a, serial);
	if (err == -ENOSPC)
		return mq_recover_refuse(r, err,
					 "it has no free segment: mqctl journal check --salvage copies it");
	if (err)
		return mq_recover_refuse(r, err, "it cannot be written");
	mq_recover_join(r);
	err = mq_recover_publish(r);
	if (err) {
		mq_recover_leave(r);
		return err;
	}
	mq_writer_run(a->j);
	mq_recover_remove_old(r);
	/*
	 * Senders need the new ceilings. If this fails, so do they, and the
	 * journal says so.
	 */
	mq_journal_confirm(a->j, NULL, 0);
	return 0;
}

/**
 * mq_recover - make the queues of a journal again
 * @a: the journal, from mq_attach_open()
 * @nodes: the file system for the nodes of the queues
 * @why: gets what is wrong, in words, if anything is
 * @size: bytes of @why
 * @queues: gets how many queues there are
 * @messages: gets how many messages they have
 *
 * Return: 0, and the thread of the journal runs; or an error, and nothing has
 * changed but that the journal may have another segment.
 */
int mq_recover(struct mq_attach *a, struct super_block *nodes, char *why,
	       size_t size, u64 *queues, u64 *messages)
{
	struct mq_recovery r = {
		.a = a, .nodes = nodes, .why = why, .size = size,
		.room = mq_total_room(),
	};
	struct mq_recovered *x, *next;
	struct mq_j_totals totals;
	bool filled = false;
	int err;

	INIT_LIST_HEAD(&r.queues);
	r.keep = r.room / MQ_RECOVER_PART;
	err = mq_recover_read(&r, &totals);
	mq_recover_find_old(&r);
	err = err ?: mq_recover_check(&r);
	if (!err) {
		filled = true;
		list_for_each_entry(x, &r.queues, link)
			mq_recover_fill(&r, x);
		err = mq_recover_begin(&r, totals.serial);
	}
	if (err) {
		mq_recover_cancel(&r, filled);
		return err;
	}
	list_for_each_entry_safe(x, next, &r.queues, link)
		mq_recovered_free(x);
	*queues = totals.queues;
	*messages = totals.messages;
	return 0;
}
