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
#include "device/recover.h"
#include "device/registry.h"
#include "device/restore.h"
#include "journal/attach.h"
#include "journal/objects.h"
#include "journal/replay.h"
#include "journal/writer.h"
#include "memory/alloc.h"
#include "memory/budget.h"
#include "memory/chunk.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/payer.h"
#include "memory/seen.h"
#include "memory/text.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/close.h"
#include "queue/dedup.h"
#include "queue/persist.h"
#include "queue/lock.h"
#include "queue/names.h"
#include "queue/order.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/state.h"

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
	INIT_LIST_HEAD(&x->entries);
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
	x->q->node_uid = make_kuid(&init_user_ns, le32_to_cpu(q->uid));
	x->q->node_gid = make_kgid(&init_user_ns, le32_to_cpu(q->gid));
	x->q->next_id = max_t(u64, next_id, 1);
	x->delivered = delivered;
	list_add_tail(&x->link, &r->queues);
	return x;
}

/* Give a message the larger entry that a queue with an order needs. */
static struct mq_entry *mq_recover_ordered(struct mq_queue *q,
					   struct mq_entry *old)
{
	struct mq_kind kind = { .detail = true, .ordered = true };
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

/* Put a message into its queue. */
static int mq_recover_place(void *context, void *queue, void *message)
{
	struct mq_recovered *x = queue;
	struct mq_entry *e = message;

	if (x->q->order) {
		e = mq_recover_ordered(x->q, e);
		if (IS_ERR(e)) {
			mq_recover_drop(context, message);
			return PTR_ERR(e);
		}
	}
	/* It may have been delivered before the crash. */
	if (mq_msg(e)->id < x->delivered && !mq_msg(e)->attempt)
		mq_msg(e)->attempt = 1;
	mq_msg(e)->priority = min_t(u64, mq_msg(e)->priority,
				    x->q->opt.priorities - 1);
	mq_ready_prepare(&x->q->ready, mq_msg(e)->priority);
	list_add_tail(&e->list, &x->entries);
	return 0;
}

static int mq_recover_dedup(void *context, void *queue,
			    const struct mq_j_dedup *d)
{
	struct mq_queue *q = ((struct mq_recovered *)queue)->q;
	u64 sent = le64_to_cpu(d->sent_ns), window = mq_persist_window(&q->feed);
	struct mq_j_bytes id;
	struct mq_payer *p;
	struct mq_seen *s;
	bool known;

	mq_j_dedup_id(d, &id);
	if (!id.size) {
		spin_lock(&q->lock);
		mq_dedup_purge_locked(q, le64_to_cpu(d->id));
		spin_unlock(&q->lock);
		return 0;
	}
	if (!window || mq_later(sent, window) <= mq_now(MQ_REALTIME))
		return 0;
	p = mq_payer_get();
	if (!p)
		return -ENOMEM;
	s = mq_seen_new(p, id.size);
	mq_payer_put(p);
	if (IS_ERR(s))
		return PTR_ERR(s);
	memcpy(s->bytes, id.at, id.size);
	mq_seen_hash(s);
	s->id = le64_to_cpu(d->id);
	/* The clock may have been set back. */
	s->time = min(mq_persist_boot_time(sent), mq_now(MQ_BOOTTIME));
	spin_lock(&q->lock);
	known = !mq_dedup_restore_locked(q, s);
	spin_unlock(&q->lock);
	if (known)
		mq_seen_free(s);
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
	u64 x = mq_msg(list_entry(a, struct mq_entry, list))->id;
	u64 y = mq_msg(list_entry(b, struct mq_entry, list))->id;

	return x > y ? 1 : -1;
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
static void mq_recover_link(struct mq_queue *q, struct mq_entry *e)
{
	spin_lock(&q->lock);
	mq_msg(e)->holder = NULL;
	list_add_tail(&e->all, &q->all);
	mq_count(&q->stored, 1);
	mq_count(&q->stat.bytes, mq_msg_bytes(mq_msg(e)));
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
	struct mq_entry *e, *next;

	mq_recover_feed(r, x);
	list_sort(NULL, &x->entries, mq_recover_by_id);
	list_for_each_entry_safe(e, next, &x->entries, list) {
		list_del(&e->list);
		mq_recover_origin(r, mq_msg(e)->detail);
		mq_recover_link(x->q, e);
		cond_resched();
	}
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

/* Undo what was done for a queue that is not published. */
static void mq_recover_free(struct mq_recovery *r, struct mq_recovered *x)
{
	struct mq_entry *e, *next;

	list_for_each_entry_safe(e, next, &x->entries, list)
		mq_recover_drop(r, e);
	list_del(&x->link);
	mq_queue_put(x->q);
	kfree(x);
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
	list_del(&x->link);
	mq_queue_put(q);
	kfree(x);
}

/* Make queues of all that the journal has, which nobody can find yet. */
static int mq_recover_read(struct mq_recovery *r, struct mq_j_totals *totals)
{
	struct mq_j_log *log = &r->a->log;
	int err;

	err = mq_j_replay(log, &mq_recover_ops, r, totals);
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

/* Link the queues to their dead-letter queues. */
static int mq_recover_dead_letters_locked(struct mq_recovery *r)
{
	struct mq_recovered *x;
	int err;

	list_for_each_entry(x, &r->queues, link) {
		char name[DEVMQ_NAME_MAX + 1];

		strscpy(name, x->q->opt.dead_letter, sizeof(name));
		if (!*name || !x->published)
			continue;
		err = mq_link_dead_letter(x->q, name);
		/* It may have been removed by force, and the crash came then. */
		if (err == -ENOENT)
			x->q->opt.dead_letter[0] = '\0';
		else if (err)
			return mq_recover_refuse(r, err,
						 "the dead_letter of its queue '%s' is not possible",
						 x->q->name);
	}
	return 0;
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
	err = err ?: mq_recover_dead_letters_locked(r);
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
		list_del(&x->link);
		mq_queue_put(x->q);
		kfree(x);
	}
}

/* Free all that was made, after an error. */
static void mq_recover_cancel(struct mq_recovery *r, bool filled)
{
	struct mq_recovered *x, *next;

	list_for_each_entry_safe(x, next, &r->queues, link) {
		if (x->published) {
			list_del(&x->link);
			mq_queue_end(x->q);
			kfree(x);
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
	list_for_each_entry_safe(x, next, &r.queues, link) {
		list_del(&x->link);
		kfree(x);
	}
	*queues = totals.queues;
	*messages = totals.messages;
	return 0;
}
