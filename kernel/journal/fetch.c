// SPDX-License-Identifier: GPL-2.0
/*
 * Reading messages back that only the file of a journal has: what topics retain, but not
 * in memory.
 *
 * The thread of the journal reads, as it alone knows where a message is at the moment: the
 * cleaner moves it. It does so between two groups (mq_writer_read). The caller names the
 * message by its serial; if the thread does not find that any more, the message is gone.
 *
 * What is read are blocks, whole, so that who reads one message after the other has the
 * next ones as well. They are checked as recovery does. A record never changes, so what
 * was read stays right, wherever the message is now.
 */
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/hash.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "base/base.h"
#include "journal/fetch.h"
#include "journal/log.h"
#include "journal/objects.h"
#include "journal/record.h"
#include "memory/budget.h"
#include "memory/cost.h"
#include "memory/durable.h"
#include "memory/message.h"
#include "memory/payer.h"
#include "memory/stub.h"

/* How often those who must not wait for the end of a freeze look whether there is one. */
#define MQ_FETCH_LOOK	(HZ / 20 + 1)

/* -- finding a message in blocks ------------------------------------------------ */

/* Return the next record of the blocks, or NULL: that was the last. */
static const struct mq_j_record *mq_records_next(struct mq_records *r)
{
	while (r->block < r->size) {
		const struct mq_j_block *b = (const void *)(r->at + r->block);
		const struct mq_j_record *next = mq_j_record_next(b, &r->next);

		if (next)
			return next;
		r->block += le32_to_cpu(b->size);
		r->next = 0;
	}
	return NULL;
}

/* Return whether a record has a message. */
static bool mq_record_has(const struct mq_j_record *r, u64 serial)
{
	struct mq_j_copies all;
	struct mq_j_copy copy;

	if (r->type != MQ_J_MESSAGE || !mq_j_record_is_valid(r))
		return false;
	mq_j_copies_begin((const void *)r, &all);
	while (mq_j_copies_next(&all, &copy))
		if (copy.s->serial == cpu_to_le64(serial))
			return true;
	return false;
}

static const struct mq_j_message *mq_records_search(struct mq_records *r, u64 serial)
{
	const struct mq_j_record *next;

	while ((next = mq_records_next(r)))
		if (mq_record_has(next, serial))
			return (const void *)next;
	return NULL;
}

/*
 * Find a message in blocks: it is often the next one. Return 0, and the bytes of @m, which
 * says how large the message is; ENOENT: it is not there; EBADMSG: it is another one.
 */
static int mq_records_find(struct mq_records *r, u64 serial, const struct mq_msg *m,
			   struct mq_bytes *bytes)
{
	const struct mq_j_message *found = mq_records_search(r, serial);
	struct mq_j_bytes key, headers, payload;

	if (!found) {
		r->block = 0;
		r->next = 0;
		found = mq_records_search(r, serial);
	}
	if (!found)
		return -ENOENT;
	mq_j_message_parts(found, &key, &headers, &payload);
	if (key.size != m->key_size || headers.size != m->headers_size ||
	    payload.size != mq_msg_size(m))
		return -EBADMSG;
	bytes->meta = key.at;
	bytes->payload = payload.at;
	return 0;
}

/* -- reading -------------------------------------------------------------------- */

/*
 * Check the blocks that were read from an offset of a segment on, @size bytes. Return how
 * many bytes are of valid ones.
 */
static u32 mq_fetch_check(const struct mq_journal *j, const struct mq_segment *g,
			  u32 offset, u32 size)
{
	u32 done = 0;

	while (done < size) {
		const struct mq_j_block *b = (const void *)(j->victim + done);

		if (!mq_j_block_is_valid(b, size - done, g->seed, g->sequence,
					 offset + done, j->shape.unit))
			break;
		done += le32_to_cpu(b->size);
	}
	return done;
}

/*
 * Read the header of a block from the file, at @from, with what follows it, @most bytes at
 * most; with less if some of that cannot be read. Return how many bytes were read, or 0.
 */
static u32 mq_fetch_begun(struct mq_journal *j, u64 from, u32 most)
{
	if (!mq_medium_read(&j->medium, from, j->victim, most))
		return most;
	return mq_medium_read(&j->medium, from, j->victim, j->shape.unit) ?
	       0 : j->shape.unit;
}

/*
 * Read the block of a message from the file, and those behind it that come along. Return
 * 0, EIO, or EBADMSG: it is damaged.
 */
static int mq_fetch_read(struct mq_journal *j, const struct mq_where *at)
{
	const struct mq_segment *g = &j->segments[at->segment];
	u32 room = j->shape.segment_size - at->block, first, size;
	u64 from = mq_j_segment_at(&j->shape, at->segment) + at->block;
	const struct mq_j_block *b = (const void *)j->victim;
	struct mq_fetched *r = &j->fetched;

	r->sequence = 0;
	first = mq_fetch_begun(j, from, min_t(u32, room, MQ_J_BLOCK_MAX));
	if (!first)
		return -EIO;
	if (!mq_j_head_is_valid(b, room, g->seed, g->sequence, at->block, j->shape.unit))
		return -EBADMSG;
	size = max(first, le32_to_cpu(b->size));
	if (size > first && mq_medium_read(&j->medium, from + first, j->victim + first,
					   size - first))
		return -EIO;
	r->records = (struct mq_records){
		.at = j->victim, .size = mq_fetch_check(j, g, at->block, size),
	};
	if (!r->records.size)
		return -EBADMSG;
	r->sequence = g->sequence;
	r->from = at->block;
	return 0;
}

/*
 * Find the blocks with a message: what was read last, what is about to be written, or what
 * the file has. Return them, until the next call of a function of the journal; or an
 * ERR_PTR.
 */
static struct mq_records *mq_fetch_records(struct mq_journal *j, const struct mq_where *at)
{
	struct mq_fetched *r = &j->fetched;
	int err;

	if (!at->size)
		return ERR_PTR(-EIO);
	if (r->sequence == j->segments[at->segment].sequence && at->block >= r->from &&
	    at->block - r->from < r->records.size)
		return &r->records;
	r->records = (struct mq_records){};
	r->sequence = 0;
	r->records.at = mq_log_written(j, at->segment, at->block, &r->records.size);
	if (r->records.at)
		return &r->records;
	err = mq_fetch_read(j, at);
	return err ? ERR_PTR(err) : &r->records;
}

/**
 * mq_fetch_bytes - read a message back, in the thread or before it runs
 * @j: the journal
 * @d: the message
 * @m: its stub
 * @bytes: gets where its bytes are until the next call of a function of the journal
 *
 * Return: 0, EIO, or EBADMSG: it is damaged.
 */
int mq_fetch_bytes(struct mq_journal *j, const struct mq_durable *d,
		   const struct mq_msg *m, struct mq_bytes *bytes)
{
	struct mq_records *r = mq_fetch_records(j, &d->at[j->side]);

	if (IS_ERR(r))
		return PTR_ERR(r);
	return mq_records_find(r, d->serial, m, bytes) ? -EBADMSG : 0;
}

/* -- portions, for callers ------------------------------------------------------- */

static unsigned long mq_portion_cost(u32 room)
{
	return mq_kmalloc_bytes(sizeof(struct mq_portion)) + mq_large_bytes(room);
}

/* Return the bytes that a portion has to have at least for a message. */
u32 mq_portion_room(const struct mq_msg *m)
{
	u64 record = sizeof(struct mq_j_block) + sizeof(struct mq_j_message) +
		     sizeof(struct mq_j_state) + mq_msg_bytes(m);

	return max_t(u64, MQ_J_BLOCK_MAX, ALIGN(record, MQ_J_UNIT_MAX));
}

/* Allocate a portion, of the memory cgroup of the payer. Return it, or NULL. */
static struct mq_portion *mq_portion_alloc(struct mq_payer *payer, u32 room)
{
	struct mem_cgroup *memcg = mq_memcg_charge_to(payer->memcg);
	struct mq_portion *p = kzalloc(sizeof(*p), MQ_GFP);

	if (p)
		p->records.at = kvmalloc(room, MQ_GFP);
	mq_memcg_charge_back(memcg);
	if (p && p->records.at)
		return p;
	kfree(p);
	return NULL;
}

/* Make a portion of @room bytes. Return it, or an ERR_PTR: ENOMEM or EDQUOT. */
struct mq_portion *mq_portion_new(struct mq_payer *payer, u32 room)
{
	struct mq_portion *p;

	if (!mq_charge(payer, MQ_MESSAGES, mq_portion_cost(room)))
		return ERR_PTR(-EDQUOT);
	p = mq_portion_alloc(payer, room);
	if (!p) {
		mq_uncharge(payer, MQ_MESSAGES, mq_portion_cost(room));
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&p->refs, 1);
	RB_CLEAR_NODE(&p->node);
	init_waitqueue_head(&p->wait);
	p->payer = payer;
	p->room = room;
	return p;
}

void mq_portion_put(struct mq_portion *p)
{
	if (!p || !refcount_dec_and_test(&p->refs))
		return;
	mq_uncharge(p->payer, MQ_MESSAGES, mq_portion_cost(p->room));
	kvfree(p->records.at);
	kfree(p);
}

/*
 * Find the message of a stub in what was read. Return 0, ENOENT: it is not there; or
 * EBADMSG. The bytes are there as long as the portion.
 */
int mq_portion_find(struct mq_portion *p, u64 serial, const struct mq_msg *m,
		    struct mq_bytes *bytes)
{
	return mq_records_find(&p->records, serial, m, bytes);
}

static bool mq_fetch_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct mq_portion, node)->round <
	       rb_entry(b, struct mq_portion, node)->round;
}

/*
 * Users take turns, however much each of them wants to read: in each round, one portion of
 * a user is read.
 */
static void mq_fetch_add_locked(struct mq_journal *j, struct mq_portion *p)
{
	u64 *last = &j->rounds[hash_ptr(p->payer->user, MQ_FETCH_BITS)];

	lockdep_assert_held(&j->lock);
	p->round = max(j->round, *last) + 1;
	*last = p->round;
	rb_add_cached(&p->node, &j->fetches, mq_fetch_less);
}

static void mq_fetch_del_locked(struct mq_journal *j, struct mq_portion *p)
{
	lockdep_assert_held(&j->lock);
	rb_erase_cached(&p->node, &j->fetches);
	RB_CLEAR_NODE(&p->node);
}

/**
 * mq_fetch_begin - let the thread read a message back
 * @j: the journal
 * @p: where it goes, with what follows it in the file as far as there is room
 * @serial: its number
 *
 * Return: 0, and mq_fetch_wait() or mq_portion.notify tells when it is done; or ENODEV.
 */
int mq_fetch_begin(struct mq_journal *j, struct mq_portion *p, u64 serial)
{
	int err = 0;

	p->serial = serial;
	p->done = false;
	spin_lock(&j->lock);
	if (j->closed) {
		err = -ENODEV;
	} else {
		refcount_inc(&p->refs);
		mq_fetch_add_locked(j, p);
	}
	spin_unlock(&j->lock);
	if (!err)
		wake_up(&j->work);
	return err;
}

/* The owner does not wait any more. What the thread has begun with, it ends. */
void mq_fetch_cancel(struct mq_journal *j, struct mq_portion *p)
{
	bool waited;

	spin_lock(&j->lock);
	p->notify = NULL;
	waited = !RB_EMPTY_NODE(&p->node);
	if (waited)
		mq_fetch_del_locked(j, p);
	spin_unlock(&j->lock);
	if (waited)
		mq_portion_put(p);
}

static bool mq_fetch_is_done(struct mq_portion *p)
{
	/* Who sees that it is done sees the rest: mq_fetch_done(). */
	return smp_load_acquire(&p->done);
}

/*
 * Wait until a portion is read, or until the file system is frozen. Return 0, EINTR or
 * EAGAIN.
 */
static int mq_fetch_wait_thawed(struct mq_journal *j, struct mq_portion *p)
{
	long left;

	do {
		if (mq_journal_is_frozen(j) && !mq_fetch_is_done(p))
			return -EAGAIN;
		left = wait_event_killable_timeout(p->wait, mq_fetch_is_done(p),
						   MQ_FETCH_LOOK);
	} while (!left);
	return left < 0 ? -EINTR : 0;
}

/**
 * mq_fetch_wait - wait until a portion is read
 * @j: the journal
 * @p: the portion, after mq_fetch_begin()
 * @nowait: do not wait for the end of a freeze
 *
 * Return: 0; EINTR: the caller is being killed, or EAGAIN: the file system is frozen, and
 * the caller only drops the portion; ENOENT: the message is gone; EMSGSIZE: see
 * mq_portion.need; ENODEV: the journal was detached; EIO; or EBADMSG: the file is damaged.
 */
int mq_fetch_wait(struct mq_journal *j, struct mq_portion *p, bool nowait)
{
	int err;

	if (nowait)
		err = mq_fetch_wait_thawed(j, p);
	else if (wait_event_state(p->wait, mq_fetch_is_done(p),
				  (TASK_KILLABLE | TASK_FREEZABLE)))
		err = -EINTR;
	else
		err = 0;
	if (err)
		mq_fetch_cancel(j, p);
	return err ?: p->err;
}

/* -- the thread ------------------------------------------------------------------- */

/* Copy what was read to a portion, as many blocks as it has room for. */
static int mq_fetch_copy(struct mq_portion *p, const struct mq_records *from, u32 block)
{
	u32 size = 0;

	while (block + size < from->size) {
		const struct mq_j_block *b = (const void *)(from->at + block + size);
		u32 step = le32_to_cpu(b->size);

		if (size + step > p->room)
			break;
		size += step;
	}
	if (!size) {
		p->need = le32_to_cpu(((const struct mq_j_block *)(from->at + block))->size);
		return -EMSGSIZE;
	}
	memcpy((void *)p->records.at, from->at + block, size);
	p->records.size = size;
	p->records.block = 0;
	p->records.next = 0;
	return 0;
}

static int mq_fetch_one(struct mq_journal *j, struct mq_portion *p)
{
	struct mq_durable *d = mq_objects_find(j, p->serial);
	const struct mq_where *at;
	struct mq_records *r;

	p->records.size = 0;
	if (!d)
		return -ENOENT;
	at = &d->at[j->side];
	r = mq_fetch_records(j, at);
	if (IS_ERR(r))
		return PTR_ERR(r);
	return mq_fetch_copy(p, r, j->fetched.sequence ? at->block - j->fetched.from : 0);
}

/* Take the next portion that is wanted, or NULL. */
static struct mq_portion *mq_fetch_next(struct mq_journal *j)
{
	struct mq_portion *p = NULL;
	struct rb_node *node;

	spin_lock(&j->lock);
	node = rb_first_cached(&j->fetches);
	if (node) {
		p = rb_entry(node, struct mq_portion, node);
		j->round = p->round;
		mq_fetch_del_locked(j, p);
	}
	spin_unlock(&j->lock);
	return p;
}

static void mq_fetch_done(struct mq_journal *j, struct mq_portion *p, int err)
{
	p->err = err;
	spin_lock(&j->lock);
	/* Who sees this sees the rest. */
	smp_store_release(&p->done, true);
	if (p->notify)
		p->notify(p);
	wake_up(&p->wait);
	spin_unlock(&j->lock);
	mq_portion_put(p);
}

/* Read what is wanted first. Return false if nothing is. */
bool mq_fetch_serve(struct mq_journal *j)
{
	struct mq_portion *p = mq_fetch_next(j);

	if (!p)
		return false;
	mq_fetch_done(j, p, mq_fetch_one(j, p));
	return true;
}

/* The thread has ended: nothing is read any more. */
void mq_fetch_end(struct mq_journal *j)
{
	struct mq_portion *p;

	spin_lock(&j->lock);
	j->closed = true;
	spin_unlock(&j->lock);
	while ((p = mq_fetch_next(j)))
		mq_fetch_done(j, p, -ENODEV);
}
