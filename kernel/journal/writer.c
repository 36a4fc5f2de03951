// SPDX-License-Identifier: GPL-2.0
/*
 * The thread that writes a journal, and those that wait for it.
 *
 * What changes is written in groups. A group takes the changes of all queues of
 * the journal, adds their records to the log, writes these and flushes. All who
 * wait share a flush: who comes while one is under way waits for the next. A
 * message that changes several times between two groups is written once, and
 * one that comes and goes not at all.
 *
 * The thread begins a group at once if somebody waits for it, except that it
 * gives those whom the last group released a moment to come again, or else there
 * would be two half groups in turn. If nobody waits, it lets changes gather for
 * journal_delay_ms.
 *
 * The first error is final. A flush that succeeds after one that failed proves
 * nothing, as the kernel may have thrown away what it could not write.
 */
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>

#include "base/base.h"
#include "journal/cleaner.h"
#include "journal/log.h"
#include "journal/objects.h"
#include "journal/record.h"
#include "journal/writer.h"
#include "memory/chunk.h"
#include "memory/durable.h"
#include "memory/text.h"

/* The most bytes that a group takes from one queue, while others have some. */
#define MQ_GROUP_BYTES	(512 << 10)

/* When nothing happens for so long, a mark says how far the last flush went. */
#define MQ_MARK_AFTER	(HZ / 2)

/* The share of a new measurement in the mean time of a flush: a quarter. */
#define MQ_FLUSH_SHIFT	2

static unsigned int mq_journal_delay_ms = 10;
module_param_named(journal_delay_ms, mq_journal_delay_ms, uint, 0644);
MODULE_PARM_DESC(journal_delay_ms,
		 "milliseconds after which a change is written to its journal, if nobody asks for it sooner");

/* -- those that have changes or wait ---------------------------------------- */

/* Let the thread take the changes of a queue. */
void mq_feed_say(struct mq_feed *f)
{
	struct mq_journal *j = f->journal;

	if (test_and_set_bit(MQ_FEED_HUNGRY, &f->flags))
		return;
	llist_add(&f->hungry, &j->hungry);
	wake_up(&j->work);
}

/* Let the thread write what the queue is. */
void mq_feed_define(struct mq_feed *f)
{
	set_bit(MQ_FEED_DEFINE, &f->flags);
	mq_feed_say(f);
}

/* A message that the journal may have is gone. Takes the message. */
void mq_feed_ended(struct mq_journal *j, struct mq_durable *d)
{
	if (llist_add(&d->ended, &j->ended))
		wake_up(&j->work);
}

/*
 * A message leaves a queue for another one. A group waits until those have
 * arrived that left before it began: their senders may wait for it.
 */
void mq_feed_moves(struct mq_journal *j, struct mq_durable *d)
{
	spin_lock(&j->lock);
	d->moving = j->begun & 1;
	atomic_inc(&j->moving[d->moving]);
	spin_unlock(&j->lock);
}

/*
 * A message that counts in mq_journal.moving[@moving] has arrived, or is gone.
 * Its change has been put down already.
 */
void mq_feed_moved(struct mq_journal *j, u8 moving)
{
	if (atomic_dec_and_test(&j->moving[moving]))
		wake_up(&j->moved);
}

/*
 * A message leaves a queue with a change that was not written yet: its sender may
 * wait for a group that has taken the changes of the queue where it arrives
 * already. So no group is confirmed until the message was written.
 */
void mq_feed_owes(struct mq_journal *j, struct mq_durable *d)
{
	if (d->owed)
		return;
	d->owed = true;
	atomic_inc(&j->owed);
}

/* A message is part of the group under way, or it is gone. */
void mq_feed_pays(struct mq_journal *j, struct mq_durable *d)
{
	if (!d->owed)
		return;
	d->owed = false;
	atomic_dec(&j->owed);
}

void mq_feed_join(struct mq_journal *j, struct mq_feed *f)
{
	spin_lock(&j->lock);
	list_add_tail(&f->link, &j->feeds);
	j->queues++;
	spin_unlock(&j->lock);
}

/* The queue is no longer part of its journal. */
void mq_feed_leave(struct mq_feed *f)
{
	struct mq_journal *j = f->journal;

	spin_lock(&j->lock);
	list_del_init(&f->link);
	j->queues--;
	spin_unlock(&j->lock);
}

/* Return whether a group and the changes up to @seq are on stable storage. */
static bool mq_journal_has(const struct mq_journal *j, const struct mq_feed *f,
			   u64 seq, u64 group)
{
	return READ_ONCE(j->done) >= group &&
	       (!f || READ_ONCE(f->confirmed) >= seq);
}

/**
 * mq_journal_confirm - wait until changes are on stable storage
 * @j: the journal
 * @f: the feed of the queue, or NULL
 * @seq: number of the last of its changes that the caller wants
 *
 * All that was put down before the call is confirmed: ends of messages, and
 * what queues are, too.
 *
 * Return: 0, EINTR if the caller is being killed, or EIO: the journal failed.
 */
int mq_journal_confirm(struct mq_journal *j, struct mq_feed *f, u64 seq)
{
	u64 group;
	int err;

	spin_lock(&j->lock);
	group = j->begun + 1;
	j->waiting[group & 1]++;
	spin_unlock(&j->lock);
	atomic_inc(&j->quick);
	wake_up(&j->work);
	err = wait_event_killable(j->confirmed[group & 1],
				  mq_journal_has(j, f, seq, group) ||
				  READ_ONCE(j->error));
	atomic_dec(&j->quick);
	spin_lock(&j->lock);
	j->waiting[group & 1]--;
	spin_unlock(&j->lock);
	if (mq_journal_has(j, f, seq, group))
		return 0;
	return err ? -EINTR : -EIO;
}

/* -- records ---------------------------------------------------------------- */

/* Return the bytes of a state with what follows it, and the padding. */
static u32 mq_put_state_size(const struct mq_change *c)
{
	return ALIGN(sizeof(c->s) + (c->origin ? c->origin->size : 0) +
		     (c->note ? c->note->size : 0), 8);
}

static void mq_put_state(struct mq_change *c, struct mq_j_state *to)
{
	u8 *at = (u8 *)(to + 1);

	c->s.serial = cpu_to_le64(c->d->serial);
	c->s.version = cpu_to_le32(++c->d->version);
	c->s.origin_size = c->origin ? c->origin->size : 0;
	c->s.note_size = cpu_to_le16(c->note ? c->note->size : 0);
	*to = c->s;
	if (c->origin)
		memcpy(at, c->origin->text, c->origin->size);
	if (c->note)
		memcpy(at + c->s.origin_size, c->note->text, c->note->size);
}

/* Write a whole message. */
static int mq_put_message(struct mq_journal *j, struct mq_change *c)
{
	const struct mq_msg *m = c->m;
	u32 copies = mq_put_state_size(c);
	u32 meta = m->key_size + m->headers_size, payload = mq_msg_size(m);
	struct mq_j_message *r;
	u8 *at;

	r = mq_log_add(j, MQ_J_HOT, sizeof(*r) + copies + meta + payload,
		       MQ_J_MESSAGE);
	if (IS_ERR(r))
		return PTR_ERR(r);
	c->d->serial = j->serial++;
	r->time_ns = cpu_to_le64(m->time_ns);
	r->uid = cpu_to_le32(from_kuid(&init_user_ns, c->sender.uid));
	r->gid = cpu_to_le32(from_kgid(&init_user_ns, c->sender.gid));
	r->pid = cpu_to_le32(c->sender.pid);
	r->payload_size = cpu_to_le32(payload);
	r->key_size = cpu_to_le16(m->key_size);
	r->headers_size = cpu_to_le16(m->headers_size);
	r->copies = cpu_to_le16(1);
	r->copies_size = cpu_to_le32(copies);
	at = (u8 *)(r + 1);
	mq_put_state(c, (struct mq_j_state *)at);
	at += copies;
	memcpy(at, m + 1, meta);
	memcpy(at + meta, (const u8 *)m + mq_msg_offset(m), payload);
	mq_objects_body(j, c->d, j->streams[MQ_J_HOT].position,
			ALIGN(le32_to_cpu(r->r.size), 8));
	mq_objects_add(j, c->d);
	return 0;
}

/* Write a new state of a message that the journal has. */
static int mq_put_new_state(struct mq_journal *j, struct mq_change *c)
{
	u32 size = sizeof(struct mq_j_record) + mq_put_state_size(c);
	struct mq_j_state_record *r;

	r = mq_log_add(j, MQ_J_HOT, size, MQ_J_STATE);
	if (IS_ERR(r))
		return PTR_ERR(r);
	mq_put_state(c, &r->s);
	mq_objects_state(j, c->d, j->streams[MQ_J_HOT].position, ALIGN(size, 8));
	return 0;
}

/* Write a change, and give back what it holds. */
static int mq_put_change(struct mq_journal *j, struct mq_feed *f,
			 struct mq_change *c)
{
	int err;

	c->s.queue = cpu_to_le64(f->serial);
	if (READ_ONCE(j->error))
		err = -EIO;
	else if (c->d->size)
		err = mq_put_new_state(j, c);
	else
		err = mq_put_message(j, c);
	mq_chunk_put(c->chunk, MQ_CHUNK_ONE);
	mq_text_put(c->origin);
	mq_text_put(c->note);
	return err;
}

static int mq_put_dedup(struct mq_journal *j, struct mq_feed *f,
			const struct mq_dedup_change *c)
{
	u32 size = sizeof(struct mq_j_dedup) + c->size;
	struct mq_j_dedup *d = mq_log_add(j, MQ_J_HOT, size, MQ_J_DEDUP);
	struct mq_segment *g;

	if (IS_ERR(d))
		return PTR_ERR(d);
	d->queue = cpu_to_le64(f->serial);
	d->id = c->d.id;
	d->until_ns = c->d.until_ns;
	memcpy(d + 1, c->bytes, c->size);
	g = mq_log_segment(j, MQ_J_HOT);
	g->dedups += ALIGN(size, 8);
	g->dedup_until = max(g->dedup_until, le64_to_cpu(c->d.until_ns));
	return 0;
}

/* Write what a queue is. */
static int mq_put_queue(struct mq_journal *j, struct mq_feed *f)
{
	struct mq_j_queue *q = (void *)j->scratch->definition;
	void *to;
	u32 size;

	memset(q, 0, sizeof(*q));
	f->ops->define(f, q);
	size = sizeof(*q) + le16_to_cpu(q->name_size) +
	       le16_to_cpu(q->options_size);
	q->r.size = cpu_to_le32(size);
	q->r.type = MQ_J_QUEUE;
	q->serial = cpu_to_le64(f->serial);
	q->version = cpu_to_le32(++f->version);
	to = mq_log_add(j, MQ_J_HOT, size, MQ_J_QUEUE);
	if (IS_ERR(to))
		return PTR_ERR(to);
	memcpy(to, q, size);
	f->older = f->older || f->size;
	j->segments[f->segment].live -= f->size;
	f->segment = j->streams[MQ_J_HOT].position;
	f->size = ALIGN(size, 8);
	j->segments[f->segment].live += f->size;
	return 0;
}

static int mq_put_ceilings(struct mq_journal *j, struct mq_feed *f)
{
	struct mq_j_ceiling *c;

	if (!f->ops->ceilings(f, &f->pending))
		return 0;
	c = mq_log_add(j, MQ_J_HOT, sizeof(*c), MQ_J_CEILING);
	if (IS_ERR(c))
		return PTR_ERR(c);
	c->queue = cpu_to_le64(f->serial);
	c->version = cpu_to_le64(f->ceiling + 1);
	c->next_id = cpu_to_le64(f->pending.next_id);
	c->delivered = cpu_to_le64(f->pending.delivered);
	if (f->raised)
		j->segments[f->ceiling_segment].live -= sizeof(*c);
	f->raised = true;
	f->ceiling++;
	f->ceiling_segment = j->streams[MQ_J_HOT].position;
	j->segments[f->ceiling_segment].live += sizeof(*c);
	f->raises = true;
	return 0;
}

/* Write the ends of @n objects. */
static int mq_put_ends(struct mq_journal *j, const struct mq_j_gone *gone, u32 n)
{
	struct mq_j_end *e;
	u32 i;

	e = mq_log_add(j, MQ_J_HOT, struct_size(e, gone, n), MQ_J_END);
	if (IS_ERR(e))
		return PTR_ERR(e);
	memcpy(e->gone, gone, n * sizeof(*gone));
	for (i = 0; i < n; i++)
		mq_clean_count_end(mq_log_segment(j, MQ_J_HOT),
				   le64_to_cpu(gone[i].segment));
	return 0;
}

/* -- groups ----------------------------------------------------------------- */

/* Write the ends of messages. Free all of @list, also after an error. */
static int mq_group_ends(struct mq_journal *j, struct llist_node *list)
{
	struct mq_durable *d, *next;
	int err = 0;
	u32 n = 0;

	llist_for_each_entry_safe(d, next, list, ended) {
		if (d->size && !READ_ONCE(j->error)) {
			j->scratch->gone[n++] = (struct mq_j_gone){
				.serial = cpu_to_le64(d->serial),
				.segment = cpu_to_le64(
					j->segments[d->segment].sequence),
			};
			mq_objects_del(j, d);
		}
		mq_durable_free(d);
		if (n == MQ_GROUP_ENDS) {
			err = err ?: mq_put_ends(j, j->scratch->gone, n);
			n = 0;
			cond_resched();
		}
	}
	return err ?: n ? mq_put_ends(j, j->scratch->gone, n) : 0;
}

/* Write what a queue that was removed has left: its own end. */
static int mq_group_queue_end(struct mq_journal *j, struct mq_feed *f)
{
	struct mq_j_gone gone = {
		.serial = cpu_to_le64(f->serial),
		.segment = cpu_to_le64(j->segments[f->segment].sequence |
				       (f->older ? MQ_J_OR_BEFORE : 0)),
	};
	int err = mq_put_ends(j, &gone, 1);

	j->segments[f->segment].live -= f->size;
	if (f->raised)
		j->segments[f->ceiling_segment].live -=
			sizeof(struct mq_j_ceiling);
	mq_feed_leave(f);
	return err;
}

/*
 * Write the changes of a queue, as many as a group may have of it. Return 0, 1
 * if there are more, or an error.
 */
static int mq_group_changes(struct mq_journal *j, struct mq_feed *f)
{
	u64 begin = j->added;
	int err = 0;
	u32 i, n;

	do {
		n = f->ops->take(f, j->scratch->changes, f->last);
		for (i = 0; i < n; i++) {
			f->written = max(f->written, j->scratch->changes[i].seq);
			err = mq_put_change(j, f, &j->scratch->changes[i]) ?: err;
		}
		if (n == MQ_CHANGES && j->added - begin > MQ_GROUP_BYTES)
			return err ?: 1;
		cond_resched();
	} while (n == MQ_CHANGES);
	f->written = max(f->written, f->last);
	while (!err && (n = f->ops->take_dedups(f, j->scratch->dedups)))
		for (i = 0; i < n && !err; i++)
			err = mq_put_dedup(j, f, &j->scratch->dedups[i]);
	return err;
}

/* Write what one queue has for the group. */
static int mq_group_feed(struct mq_journal *j, struct mq_feed *f)
{
	int ret = READ_ONCE(j->error) ? -EIO : 0;

	if (!ret && !f->serial)
		f->serial = j->serial++;
	if (!ret && test_and_clear_bit(MQ_FEED_DEFINE, &f->flags))
		ret = mq_put_queue(j, f);
	ret = ret ?: mq_put_ceilings(j, f);
	return ret ?: mq_group_changes(j, f);
}

/* Take all queues that have changes. */
static void mq_group_take(struct mq_journal *j, struct list_head *feeds)
{
	struct mq_feed *f, *next;

	llist_for_each_entry_safe(f, next, llist_del_all(&j->hungry), hungry) {
		clear_bit(MQ_FEED_HUNGRY, &f->flags);
		/* Changes that come from now on make it hungry again. */
		smp_mb__after_atomic();
		f->last = READ_ONCE(f->seq);
		f->ends = test_bit(MQ_FEED_ENDS, &f->flags);
		list_add(&f->taken, feeds);
	}
}

/*
 * Add the records of a group to the log. Set @whole to whether it has all that was
 * changed before it began.
 */
static int mq_group_add(struct mq_journal *j, struct list_head *feeds, bool *whole)
{
	struct mq_feed *f;
	int err;

	/*
	 * Ends come first: room for the messages that take the place of these
	 * may be needed. The list has all messages of the queues that end.
	 */
	err = mq_group_ends(j, llist_del_all(&j->ended));
	list_for_each_entry(f, feeds, taken) {
		int ret = mq_group_feed(j, f);

		if (ret > 0)
			mq_feed_say(f);
		err = err ?: min(ret, 0);
	}
	*whole = !atomic_read(&j->owed);
	/* A message that ends owes nothing, but then its end is seen here. */
	smp_mb();
	/*
	 * A message whose change belongs to the group may have ended before the
	 * change was taken. Who waits for the change, as of a reject, must not
	 * find it undone after a crash.
	 */
	err = err ?: mq_group_ends(j, llist_del_all(&j->ended));
	list_for_each_entry(f, feeds, taken)
		if (!err && f->ends && !list_empty(&f->link))
			err = mq_group_queue_end(j, f);
	return err;
}

/*
 * Let go of a queue that was removed and has ended. Its remover may still be
 * about to say that it has something to write: then it is in mq_journal.hungry
 * once more, and the next group lets go of it. Otherwise it looks from now on as
 * if it were there, so that nobody adds it.
 */
static void mq_group_let_go(struct mq_feed *f)
{
	if (!test_and_set_bit(MQ_FEED_HUNGRY, &f->flags))
		f->ops->put(f);
}

/* Tell the queues of a group that is on stable storage. */
static void mq_group_tell(struct mq_journal *j, struct list_head *feeds)
{
	struct mq_feed *f, *next;

	list_for_each_entry_safe(f, next, feeds, taken) {
		WRITE_ONCE(f->confirmed, f->written);
		if (f->raises)
			f->ops->raise(f, &f->pending);
		f->raises = false;
		list_del(&f->taken);
		if (f->ends)
			mq_group_let_go(f);
	}
}

/* Let senders of all queues look for room again, if there may be some. */
static void mq_group_room(struct mq_journal *j)
{
	struct mq_feed *f;
	u32 i = 0, n;

	if (!READ_ONCE(j->short_of_room) ||
	    !mq_journal_fits(j, j->capacity / 16))
		return;
	WRITE_ONCE(j->short_of_room, false);
	/*
	 * Only this thread takes feeds away, so a feed that was found stays.
	 * New ones are added at the end.
	 */
	spin_lock(&j->lock);
	n = j->queues;
	f = list_first_entry(&j->feeds, struct mq_feed, link);
	spin_unlock(&j->lock);
	for (; i < n; i++) {
		f->ops->room(f);
		spin_lock(&j->lock);
		f = list_next_entry(f, link);
		spin_unlock(&j->lock);
	}
}

/*
 * Fail: nothing is written any more. Wake all who wait, and let the queues tell
 * their senders.
 */
void mq_journal_fail(struct mq_journal *j, int err, const char *what)
{
	if (READ_ONCE(j->error))
		return;
	pr_err("devmq: journal %s failed: %s: error %d. Nothing sent to its queues from now on is taken; attach it anew to recover what it has\n",
	       j->name, what, err);
	WRITE_ONCE(j->error, err);
	WRITE_ONCE(j->state, DEVMQ_JOURNAL_FAILED);
	wake_up_all(&j->confirmed[0]);
	wake_up_all(&j->confirmed[1]);
	WRITE_ONCE(j->tell_failed, true);
	wake_up(&j->work);
}

/* Let the senders of all queues know that the journal has failed. */
static void mq_group_failed(struct mq_journal *j)
{
	struct mq_feed *f;
	u32 i = 0, n;

	spin_lock(&j->lock);
	n = j->queues;
	f = list_first_entry(&j->feeds, struct mq_feed, link);
	spin_unlock(&j->lock);
	for (; i < n; i++) {
		f->ops->failed(f);
		spin_lock(&j->lock);
		f = list_next_entry(f, link);
		spin_unlock(&j->lock);
	}
}

/* Begin a group. Return its number. */
static u64 mq_group_begin(struct mq_journal *j)
{
	u64 group;

	spin_lock(&j->lock);
	group = ++j->begun;
	spin_unlock(&j->lock);
	/* Messages that left their queue before this are on their way. */
	wait_event(j->moved, !atomic_read(&j->moving[(group - 1) & 1]));
	return group;
}

/* Flush, and measure how long that takes. */
static int mq_group_flush(struct mq_journal *j)
{
	u64 began = ktime_get_ns(), took;
	int err;

	/* Somebody may have cut the file short, also of what is confirmed. */
	if (mq_medium_size(&j->medium) < j->medium.size)
		return -ENXIO;
	err = mq_log_settle(j);
	took = ktime_get_ns() - began;
	j->flush_ns += (took >> MQ_FLUSH_SHIFT) - (j->flush_ns >> MQ_FLUSH_SHIFT);
	return err;
}

/* Release those who wait for the group. */
static void mq_group_release(struct mq_journal *j, u64 group)
{
	j->released = READ_ONCE(j->waiting[group & 1]);
	smp_store_release(&j->done, group);
	wake_up_all(&j->confirmed[group & 1]);
	if (j->held)
		wake_up_all(&j->confirmed[~group & 1]);
	j->held = false;
}

/* After an error, let go of the queues of a group. */
static void mq_group_drop(struct list_head *feeds)
{
	struct mq_feed *f, *next;

	list_for_each_entry_safe(f, next, feeds, taken) {
		list_del(&f->taken);
		if (!f->ends)
			continue;
		if (!list_empty(&f->link))
			mq_feed_leave(f);
		mq_group_let_go(f);
	}
}

static void mq_group_write(struct mq_journal *j)
{
	u64 group = mq_group_begin(j);
	LIST_HEAD(feeds);
	bool whole;
	int err;

	mq_group_take(j, &feeds);
	err = mq_group_add(j, &feeds, &whole);
	if (!err)
		err = mq_group_flush(j);
	if (err)
		mq_journal_fail(j, err, "it cannot be written");
	if (READ_ONCE(j->error)) {
		mq_group_drop(&feeds);
		return;
	}
	mq_group_tell(j, &feeds);
	if (whole)
		mq_group_release(j, group);
	else
		j->held = true;
	mq_group_room(j);
	if (mq_clean_is_due(j)) {
		err = mq_clean(j, false);
		if (err)
			mq_journal_fail(j, err, "it cannot be cleaned");
	}
}

/* -- the thread -------------------------------------------------------------- */

static bool mq_writer_has_work(const struct mq_journal *j)
{
	return !llist_empty(&j->hungry) || !llist_empty(&j->ended) ||
	       atomic_read(&j->quick) || READ_ONCE(j->tell_failed) ||
	       READ_ONCE(j->stop);
}

/*
 * Give those whom the last group released a moment to come again: half the mean
 * time of a flush at most. One alone need not wait for itself.
 */
static void mq_writer_gather(struct mq_journal *j)
{
	ktime_t until = ktime_add_ns(ktime_get(), j->flush_ns / 2);

	while (j->released > 1 &&
	       (u32)atomic_read(&j->quick) < j->released &&
	       ktime_before(ktime_get(), until)) {
		set_current_state(TASK_IDLE);
		schedule_hrtimeout(&until, HRTIMER_MODE_ABS);
	}
}

/* Wait for something to do, and for more to come. Return whether there is any. */
static bool mq_writer_wait(struct mq_journal *j)
{
	long left = wait_event_freezable_timeout(j->work, mq_writer_has_work(j),
						 MQ_MARK_AFTER);

	if (!left)
		return false;
	if (atomic_read(&j->quick))
		mq_writer_gather(j);
	else
		wait_event_freezable_timeout(j->work,
			atomic_read(&j->quick) || READ_ONCE(j->stop) ||
			READ_ONCE(j->tell_failed),
			msecs_to_jiffies(READ_ONCE(mq_journal_delay_ms)));
	return true;
}

static void mq_writer_work(struct mq_journal *j)
{
	int err;

	if (mq_writer_wait(j)) {
		mq_group_write(j);
	} else if (!j->marked && !READ_ONCE(j->error)) {
		err = mq_log_mark(j);
		if (err)
			mq_journal_fail(j, err, "it cannot be written");
	}
	if (READ_ONCE(j->tell_failed)) {
		WRITE_ONCE(j->tell_failed, false);
		mq_group_failed(j);
	}
}

/*
 * Memory reclaim must not come back to the file system of the journal, nor wait
 * for what the thread is to write.
 */
static int mq_writer_thread(void *arg)
{
	struct mq_journal *j = arg;

	current->flags |= PF_LOCAL_THROTTLE;
	memalloc_noio_save();
	set_freezable();
	while (!kthread_should_stop()) {
		mq_writer_work(j);
		try_to_freeze();
	}
	/* What has gone meanwhile is freed. */
	mq_group_write(j);
	return 0;
}

void mq_writer_init(struct mq_journal *j)
{
	u32 i;

	spin_lock_init(&j->lock);
	INIT_LIST_HEAD(&j->feeds);
	init_llist_head(&j->hungry);
	init_llist_head(&j->ended);
	init_waitqueue_head(&j->work);
	init_waitqueue_head(&j->moved);
	for (i = 0; i < 2; i++)
		init_waitqueue_head(&j->confirmed[i]);
}

/* Start the thread. Return 0 or an error. */
int mq_writer_start(struct mq_journal *j)
{
	struct task_struct *t = kthread_run(mq_writer_thread, j, "mq/%s",
					    j->name);

	if (IS_ERR(t))
		return PTR_ERR(t);
	j->thread = t;
	return 0;
}

/* Stop the thread, after it has written all that it was told of. */
void mq_writer_stop(struct mq_journal *j)
{
	if (!j->thread)
		return;
	WRITE_ONCE(j->stop, true);
	wake_up(&j->work);
	kthread_stop(j->thread);
	j->thread = NULL;
	/* Nothing can be confirmed any more. */
	if (!j->error)
		WRITE_ONCE(j->error, -ESHUTDOWN);
	wake_up_all(&j->confirmed[0]);
	wake_up_all(&j->confirmed[1]);
}
