// SPDX-License-Identifier: GPL-2.0
/*
 * What a topic retains, when its journal is attached. How much of it may be in memory is in
 * the record of what the topic is, which may be the last one that is read. So the newest
 * messages, which are read first, come to memory as far as they take no more than a part of
 * what there is (mq_recovery.keep), and of the others there are stubs. When all is known,
 * what is in memory and may not be there gets stubs, which takes no more memory; and what
 * may be in memory and is not there is read once more. It lies together in the file.
 */
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/sched.h>

#include "device/reload.h"
#include "journal/fetch.h"
#include "memory/copy.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/lot.h"
#include "memory/message.h"
#include "memory/stub.h"
#include "queue/queue.h"

/**
 * struct mq_reload - what becomes of the messages of a topic
 * @j: the journal, whose thread does not run yet
 * @q: the topic
 * @lot: where messages get their memory
 * @keyed: others are compared with their keys
 */
struct mq_reload {
	struct mq_journal	*j;
	struct mq_queue		*q;
	struct mq_lot		lot;
	bool			keyed;
};

typedef struct mq_entry *(*mq_reload_fn)(struct mq_reload *r, struct mq_entry *e);

/* Return the bytes that the stub of a message takes, or 0: it is to stay as it is. */
static u32 mq_reload_stub_bytes(const struct mq_reload *r, const struct mq_entry *e)
{
	const struct mq_msg *m = mq_msg(e);

	if (mq_msg_is_stub(m) ? r->keyed || !m->key_size : !mq_msg_bytes(m))
		return 0;
	return sizeof(struct mq_detail) +
	       mq_lot_bytes(mq_stub_size(m->key_size, r->keyed));
}

/* The same for a message that is to be in memory. */
static u32 mq_reload_bytes(const struct mq_reload *r, const struct mq_entry *e)
{
	if (!mq_msg_is_stub(mq_msg(e)))
		return 0;
	return sizeof(struct mq_detail) + mq_lot_bytes(mq_msg_padded_size(mq_msg(e)));
}

static struct mq_entry *mq_reload_leave(struct mq_reload *r, struct mq_entry *e)
{
	return mq_stub_leave(&r->lot, e, r->keyed);
}

static struct mq_entry *mq_reload_fetch(struct mq_reload *r, struct mq_entry *e)
{
	struct mq_bytes bytes;
	int err = mq_fetch_bytes(r->j, mq_msg(e)->detail->durable, mq_msg(e), &bytes);

	return err ? ERR_PTR(err) : mq_stub_load(&r->lot, e, &bytes);
}

/*
 * Put what @make returns into the place of each message from the link @at to that before
 * @end, unless @bytes returns 0 for it. Return 0 or an error.
 */
static int mq_reload_each(struct mq_reload *r, struct list_head *at, struct list_head *end,
			  u32 (*bytes)(const struct mq_reload *r, const struct mq_entry *e),
			  mq_reload_fn make)
{
	struct list_head *next, *before;
	struct mq_entry *e, *new;

	r->lot = (struct mq_lot){ .store = &r->q->store };
	for (next = at; next != end; next = next->next)
		r->lot.left += bytes(r, list_entry(next, struct mq_entry, list));
	for (new = NULL; at != end && !IS_ERR(new); at = next) {
		e = list_entry(at, struct mq_entry, list);
		next = at->next;
		before = at->prev;
		cond_resched();
		if (!bytes(r, e))
			continue;
		list_del(at);
		new = make(r, e);
		list_add(IS_ERR(new) ? at : &new->list, before);
	}
	mq_lot_end(&r->lot);
	return PTR_ERR_OR_ZERO(new);
}

/* Return the link of the first message that is to be in memory, or @entries. */
static struct list_head *mq_reload_first(const struct mq_queue *q,
					 struct list_head *entries)
{
	u64 left = READ_ONCE(q->opt.retain_memory_bytes) ?: U64_MAX;
	struct list_head *first = entries;

	while (first->prev != entries) {
		u64 bytes = mq_msg_bytes(mq_msg(list_entry(first->prev, struct mq_entry,
							   list)));

		if (bytes > left)
			break;
		left -= bytes;
		first = first->prev;
	}
	return first;
}

/**
 * mq_reload - let the newest messages of a topic be in memory, as far as they may, and
 *	stubs of the others
 * @j: the journal, whose thread does not run yet
 * @q: the topic
 * @entries: its messages, in the order of their ids; stubs have their keys
 *
 * Return: 0, EIO, EBADMSG, ENOMEM or EDQUOT.
 */
int mq_reload(struct mq_journal *j, struct mq_queue *q, struct list_head *entries)
{
	struct mq_reload r = { .j = j, .q = q, .keyed = READ_ONCE(q->opt.compact) };
	struct list_head *first = mq_reload_first(q, entries);

	return mq_reload_each(&r, entries->next, first, mq_reload_stub_bytes,
			      mq_reload_leave) ?:
	       mq_reload_each(&r, first, entries, mq_reload_bytes, mq_reload_fetch);
}
