// SPDX-License-Identifier: GPL-2.0
/*
 * What a topic retains in its journal alone is read back for somebody who looks at it: a
 * reader, a PEEK, a binding that catches up. Each of these has a portion of the journal,
 * and gets one message of it after the other, as a message of its own, for which it pays.
 * Nothing of that becomes part of the topic again.
 */
#include <linux/err.h>

#include "base/base.h"
#include "journal/fetch.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "memory/payer.h"
#include "memory/stub.h"
#include "queue/back.h"
#include "queue/queue.h"

/* Count a message that could not be read back. */
void mq_back_count(struct mq_queue *q, int err)
{
	if (err != -EIO && err != -EBADMSG)
		return;
	spin_lock(&q->lock);
	q->stat.unreadable++;
	spin_unlock(&q->lock);
}

/**
 * mq_back_look - look for the message of a stub in what was read
 * @q: the topic
 * @stub: the stub; the caller holds a reference to its chunk
 * @p: what was read, or NULL
 * @payer: who pays for the message
 *
 * Return: the message, to whose chunk the caller has a reference; or an ERR_PTR: ENOENT: it
 * is not there; EBADMSG, ENOMEM or EDQUOT.
 */
struct mq_entry *mq_back_look(struct mq_queue *q, struct mq_entry *stub,
			      struct mq_portion *p, struct mq_payer *payer)
{
	const struct mq_msg *m = mq_msg(stub);
	struct mq_bytes bytes;
	int err = p ? mq_portion_find(p, mq_msg_stub(m)->serial, m, &bytes) : -ENOENT;

	return err ? ERR_PTR(err) : mq_stub_read(stub, payer, &bytes);
}

/*
 * Read a portion with the message of a stub. Return 0 or an error of mq_fetch_wait(), ENOMEM,
 * EDQUOT or EAGAIN.
 */
static int mq_back_fetch(struct mq_journal *j, const struct mq_msg *m,
			 struct mq_portion **at, struct mq_payer *payer,
			 enum mq_back how)
{
	u32 room = mq_portion_room(m);
	int err;

	if (how == MQ_BACK_AT_ONCE)
		return -EAGAIN;
	do {
		if (!*at || (*at)->room < room) {
			struct mq_portion *p = mq_portion_new(payer, room);

			if (IS_ERR(p))
				return PTR_ERR(p);
			mq_portion_put(*at);
			*at = p;
		}
		err = mq_fetch_begin(j, *at, mq_msg_stub(m)->serial) ?:
		      mq_fetch_wait(j, *at, how == MQ_BACK_NOT_FROZEN);
		room = (*at)->need;
	} while (err == -EMSGSIZE);
	return err;
}

/**
 * mq_back_get - read the message of a stub back, and wait for that
 * @q: the topic
 * @stub: the stub; the caller's reference to its chunk is dropped
 * @at: what the caller has read last, or NULL; is replaced
 * @how: what to wait for
 *
 * Return: the message, to whose chunk the caller has a reference; or an ERR_PTR: ENOENT: it
 * is gone from the topic; EAGAIN: that is not waited for; ENODEV; EINTR; EIO; EBADMSG;
 * ENOMEM; EDQUOT.
 */
struct mq_entry *mq_back_get(struct mq_queue *q, struct mq_entry *stub,
			     struct mq_portion **at, enum mq_back how)
{
	struct mq_payer *payer = mq_payer_get();
	struct mq_entry *e = ERR_PTR(-ENOMEM);
	int err;

	if (payer) {
		e = mq_back_look(q, stub, *at, payer);
		if (e == ERR_PTR(-ENOENT)) {
			err = mq_back_fetch(q->feed.journal, mq_msg(stub), at, payer,
					    how);
			e = err ? ERR_PTR(err) : mq_back_look(q, stub, *at, payer);
			/* The thread has found it, but the blocks are of others. */
			if (!err && e == ERR_PTR(-ENOENT))
				e = ERR_PTR(-EBADMSG);
		}
		mq_payer_put(payer);
	}
	mq_chunk_put(mq_chunk_of(stub), MQ_CHUNK_ONE);
	if (IS_ERR(e))
		mq_back_count(q, PTR_ERR(e));
	/* Large messages are not kept, nor what the thread may still have. */
	if (*at && (IS_ERR(e) || (*at)->room > MQ_J_BLOCK_MAX)) {
		mq_portion_put(*at);
		*at = NULL;
	}
	return e;
}
