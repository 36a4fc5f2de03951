// SPDX-License-Identifier: GPL-2.0
/*
 * How messages that a journal has get memory, when it is attached.
 *
 * The records of a queue's messages lie together, some at a time, in the order of
 * sending. So each queue fills a chunk of its own, as an open file does (supply.c): the
 * messages of a chunk are of one queue, which compacts it later, and of one payer.
 *
 * How many messages a queue has is not known before all is read. So that many queues
 * with few messages take no more memory than the messages need, the first ones get a
 * chunk of their own, and a chunk of pages is never larger than a quarter of what the
 * messages before it took. The same holds for struct mq_durables.
 */
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "memory/chunk.h"
#include "memory/durable.h"
#include "memory/layout.h"
#include "memory/payer.h"
#include "memory/refill.h"

/* A chunk is at most one part in so many of what is there already. */
#define MQ_REFILL_PART	4

/* Close the chunk, and give back what was not used. Return whether there was any. */
static bool mq_refill_close(struct mq_refill *r)
{
	bool any = r->chunk || r->left;

	if (r->chunk)
		mq_chunk_close(r->chunk);
	if (r->left)
		mq_durables_put(r->durables, r->left);
	r->chunk = NULL;
	r->left = 0;
	return any;
}

static void mq_refill_exit(struct mq_refill *r)
{
	mq_refill_close(r);
	mq_payer_put(r->payer);
	*r = (struct mq_refill){};
}

/**
 * mq_refill_find - find the refill of a queue and a user
 * @r: all refills
 * @queue: serial of the queue
 * @sender: a process of the user
 *
 * It may take the place of that of another queue.
 *
 * Return: the refill, or NULL: there is no memory.
 */
struct mq_refill *mq_refill_find(struct mq_refills *r, u64 queue,
				 const struct mq_sender *sender)
{
	u64 key = queue ^ (u64)__kuid_val(sender->uid) << 32;
	struct mq_refill *x = &r->all[hash_64(key, MQ_REFILL_BITS)];

	if (likely(x->queue == queue && uid_eq(x->payer->user->uid, sender->uid)))
		return x;
	mq_refill_exit(x);
	x->payer = mq_payer_get_for(sender->uid);
	if (!x->payer)
		return NULL;
	x->queue = queue;
	return x;
}

/* Make @sender that of the next message. Return: false if the chunk is full. */
static bool mq_refill_is_sent_by(struct mq_chunk *c, const struct mq_sender *sender)
{
	u32 at = c->used, size = ALIGN(sizeof(*sender), 8);

	if (likely(!memcmp(mq_chunk_sender(c), sender, sizeof(*sender))))
		return true;
	if (size > c->top - at)
		return false;
	c->used = at + size;
	c->sender = at / 8;
	*mq_chunk_sender(c) = *sender;
	return true;
}

/* Return the size of a chunk for messages of about @all bytes; 0: they get none. */
static u32 mq_refill_size(const struct mq_refill *r, u32 all)
{
	u64 most = min_t(u64, r->bytes / MQ_REFILL_PART,
			 clamp_t(u32, 4 * all, MQ_CHUNK_SMALL, MQ_CHUNK_MAX));

	if (most < PAGE_SIZE || most < 4 * (u64)all)
		return 0;
	return rounddown_pow_of_two(most);
}

/* Close the chunk and open the next one. Return it, or NULL. */
static struct mq_chunk *mq_refill_step(struct mq_refill *r, u32 all)
{
	u32 size = mq_refill_size(r, all);

	if (r->chunk)
		mq_chunk_close(r->chunk);
	r->chunk = size ? mq_chunk_open(r->payer, get_order(size)) : NULL;
	return r->chunk;
}

/**
 * mq_refill_take - take memory for an entry and its message
 * @r: the refill of its queue and its user
 * @sender: who sent it
 * @front: bytes to take before the entry, a multiple of 8
 * @size: bytes of the message, a multiple of 8
 *
 * Return: the entry, of which only mq_entry.place is set, or ERR_PTR(-ENOMEM) or
 * ERR_PTR(-EDQUOT).
 */
struct mq_entry *mq_refill_take(struct mq_refill *r, const struct mq_sender *sender,
				u32 front, u32 size)
{
	u32 all = front + sizeof(struct mq_entry) + size;
	struct mq_chunk *c = r->chunk;
	struct mq_entry *e;

	r->count++;
	r->bytes += all;
	if (all <= MQ_CHUNK_MAX / 4) {
		if (likely(c && mq_refill_is_sent_by(c, sender) &&
			   mq_chunk_has(c, all)))
			return mq_chunk_take(c, front, size);
		c = mq_refill_step(r, all);
		if (c) {
			c->first = *sender;
			return mq_chunk_take(c, front, size);
		}
	}
	e = mq_chunk_alone(r->payer, front, size);
	if (!IS_ERR(e))
		mq_chunk_of(e)->first = *sender;
	return e;
}

/* Allocate several, as many as an allocation has room for. Return false: not now. */
static bool mq_refill_durables(struct mq_refill *r)
{
	u64 n = r->count / MQ_REFILL_PART;

	if (n < 2)
		return false;
	n = n < MQ_DURABLES ? rounddown_pow_of_two(n) : MQ_DURABLES;
	r->durables = mq_durables_new(r->payer, n);
	if (!r->durables)
		return false;
	r->left = n;
	return true;
}

/* Return a struct mq_durable for a message, or an ERR_PTR as mq_durable_new(). */
struct mq_durable *mq_refill_durable(struct mq_refill *r)
{
	struct mq_durable *d;

	if (unlikely(!r->left) && !mq_refill_durables(r))
		return mq_durable_new(r->payer);
	d = &r->durables->d[--r->left];
	d->together = true;
	d->all = r->durables;
	return d;
}

/*
 * Close all chunks: while one is open, it is charged for as many messages as it could
 * have. Return whether there were any.
 */
bool mq_refills_close(struct mq_refills *r)
{
	bool any = false;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(r->all); i++)
		any |= mq_refill_close(&r->all[i]);
	return any;
}

struct mq_refills *mq_refills_new(void)
{
	return kzalloc(sizeof(struct mq_refills), GFP_KERNEL_ACCOUNT);
}

void mq_refills_free(struct mq_refills *r)
{
	u32 i;

	if (!r)
		return;
	for (i = 0; i < ARRAY_SIZE(r->all); i++)
		mq_refill_exit(&r->all[i]);
	kfree(r);
}
