// SPDX-License-Identifier: GPL-2.0
/*
 * What a topic retains comes back as stubs when its journal is attached, so that it never
 * takes more memory than it may. When it is known how much that is, the newest messages
 * are read once more, now with their bytes. They lie together in the file.
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

/*
 * Return the link of the first message that is to be in memory, or @entries, and set @need
 * to about the memory that they take.
 */
static struct list_head *mq_reload_first(const struct mq_queue *q,
					 struct list_head *entries, u64 *need)
{
	u64 left = READ_ONCE(q->opt.retain_memory_bytes) ?: U64_MAX;
	struct list_head *first = entries;

	*need = 0;
	while (first->prev != entries) {
		struct mq_entry *e = list_entry(first->prev, struct mq_entry, list);
		u64 bytes = mq_msg_bytes(mq_msg(e));

		if (bytes > left)
			break;
		left -= bytes;
		*need += sizeof(struct mq_detail) +
			 mq_lot_bytes(mq_msg_padded_size(mq_msg(e)));
		first = &e->list;
	}
	return first;
}

/* Put a message into the place of its stub. Return 0 or an error. */
static int mq_reload_one(struct mq_journal *j, struct mq_lot *lot, struct mq_entry *stub)
{
	struct list_head *before = stub->list.prev;
	struct mq_bytes bytes;
	struct mq_entry *e;
	int err;

	err = mq_fetch_bytes(j, mq_msg(stub)->detail->durable, mq_msg(stub), &bytes);
	if (err)
		return err;
	list_del(&stub->list);
	e = mq_stub_load(lot, stub, &bytes);
	list_add(IS_ERR(e) ? &stub->list : &e->list, before);
	return PTR_ERR_OR_ZERO(e);
}

/**
 * mq_reload - bring the messages back to memory that a topic may have there
 * @j: the journal, whose thread does not run yet
 * @q: the topic
 * @entries: the stubs of its messages, in the order of their ids
 *
 * Return: 0, EIO, EBADMSG, ENOMEM or EDQUOT.
 */
int mq_reload(struct mq_journal *j, struct mq_queue *q, struct list_head *entries)
{
	struct mq_lot lot = { .store = &q->store };
	struct list_head *at, *next;
	int err = 0;

	at = mq_reload_first(q, entries, &lot.left);
	for (; at != entries && !err; at = next) {
		next = at->next;
		err = mq_reload_one(j, &lot, list_entry(at, struct mq_entry, list));
		cond_resched();
	}
	mq_lot_end(&lot);
	return err;
}
