// SPDX-License-Identifier: GPL-2.0
/*
 * Stubs: messages whose key, headers and payload a journal alone has. A stub is an
 * entry of its queue like any other, and says how large the message is, but has only
 * the number by which the journal finds the bytes, and the key if others are compared
 * with it. Who needs the bytes reads them back, into a message of his own.
 */
#include <linux/err.h>
#include <linux/string.h>

#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/lot.h"
#include "memory/message.h"
#include "memory/stub.h"

/**
 * mq_stub_init - make a message that was allocated for a stub one
 * @e: the entry, whose payload has the bytes of mq_stub_size() behind the header
 * @sizes: the sizes of the message
 * @serial: its number in the journal
 * @key: its key, or NULL: the stub has none
 * @line: its payload ends in a newline
 */
void mq_stub_init(struct mq_entry *e, const struct mq_sizes *sizes, u64 serial,
		  const void *key, bool line)
{
	struct mq_msg *m = mq_msg(e);

	m->key_size = sizes->key_size;
	m->headers_size = sizes->headers_size;
	mq_msg_set_size(m, sizes->size);
	m->flags = MQ_MSG_STUB | (key ? MQ_MSG_KEYED : 0) | (line ? MQ_MSG_LINE : 0);
	mq_msg_stub(m)->serial = serial;
	if (key)
		memcpy(mq_msg_stub(m)->key, key, sizes->key_size);
}

/* Return the sizes of a message. What is retained has no extra block. */
static struct mq_sizes mq_stub_sizes(const struct mq_msg *m)
{
	return (struct mq_sizes){
		.size = mq_msg_size(m),
		.key_size = m->key_size,
		.headers_size = m->headers_size,
	};
}

/*
 * Take memory from a lot; or if there is none, which takes long to find out, from then on
 * what a message may take that moves to free more than that.
 */
static struct mq_entry *mq_stub_take(struct mq_lot *l, const struct mq_entry *from,
				     u32 front, u32 size)
{
	struct mq_entry *e = ERR_PTR(-ENOMEM);

	if (likely(!l->dry))
		e = mq_lot_take(l, from, front, size);
	if (!IS_ERR(e))
		return e;
	l->dry = true;
	e = mq_chunk_alone_to_free(mq_chunk_of(from)->payer, front, size);
	if (!IS_ERR(e))
		mq_chunk_of(e)->first = *mq_sender_of(from);
	return e;
}

/* Return the key of a message, or of a stub that has it. */
static const void *mq_stub_key(const struct mq_entry *e)
{
	return mq_msg_is_stub(mq_msg(e)) ? mq_msg_stub(mq_msg(e))->key : mq_entry_data(e);
}

/**
 * mq_stub_make - make a stub of a message
 * @l: where it gets its memory
 * @e: the message, or a stub of it
 * @serial: its number in the journal
 * @keyed: let the stub have the key
 *
 * Return: the stub, with the kind of @e, to take its place in the queue; or an ERR_PTR.
 */
struct mq_entry *mq_stub_make(struct mq_lot *l, const struct mq_entry *e, u64 serial,
			      bool keyed)
{
	struct mq_sizes sizes = mq_stub_sizes(mq_msg(e)), none = {};
	struct mq_kind kind = mq_kind_of(e);
	struct mq_entry *stub;

	stub = mq_stub_take(l, e, mq_kind_bytes(kind),
			    mq_stub_size(sizes.key_size, keyed));
	if (IS_ERR(stub))
		return stub;
	mq_entry_init(stub, &none, kind);
	mq_stub_init(stub, &sizes, serial, keyed ? mq_stub_key(e) : NULL,
		     mq_msg_ends_line(mq_msg(e)));
	return stub;
}

/* Copy what the journal has. */
static void mq_stub_fill(struct mq_entry *e, const struct mq_bytes *bytes)
{
	const struct mq_msg *m = mq_msg(e);

	memcpy(mq_entry_data(e), bytes->meta, m->key_size + m->headers_size);
	memcpy(mq_entry_payload(e), bytes->payload, mq_msg_size(m));
}

/**
 * mq_stub_read - make a message for somebody who looks at that of a stub
 * @stub: the stub; the caller holds a reference to its chunk
 * @p: who pays for it
 * @bytes: what the journal has
 *
 * Return: the message, which is in no queue. The caller has a reference to its chunk,
 * and the last one frees it. Or an ERR_PTR.
 */
struct mq_entry *mq_stub_read(const struct mq_entry *stub, struct mq_payer *p,
			      const struct mq_bytes *bytes)
{
	const struct mq_msg *from = mq_msg(stub);
	struct mq_sizes sizes = mq_stub_sizes(from);
	struct mq_entry *e = mq_chunk_alone(p, 0, mq_sizes_step(&sizes));

	if (IS_ERR(e))
		return e;
	mq_entry_init(e, &sizes, (struct mq_kind){});
	mq_stub_fill(e, bytes);
	mq_msg(e)->id = from->id;
	mq_msg(e)->time_ns = from->time_ns;
	mq_msg(e)->priority = from->priority;
	mq_msg(e)->state = from->state;
	mq_chunk_of(e)->first = *mq_sender_of(stub);
	/* It is as if the message had left its queue while it is looked at. */
	mq_chunk_get(mq_chunk_of(e));
	mq_chunk_put(mq_chunk_of(e), mq_entry_refs(e));
	return e;
}

/*
 * Put an entry of the same message into the place of another one, which is in no queue yet
 * and is freed. Its flags say what it has of the message.
 */
static void mq_stub_succeed(struct mq_entry *e, struct mq_entry *old, u32 flags)
{
	struct mq_detail *own = mq_msg(e)->detail;

	*mq_msg(e) = *mq_msg(old);
	mq_msg(e)->flags = flags;
	mq_msg(e)->detail = own;
	*own = *mq_msg(old)->detail;
	own->e = e;
	mq_durable_follow(own);
	mq_chunk_put(mq_chunk_of(old), mq_entry_refs(old));
}

/**
 * mq_stub_load - put the message of a stub into its place
 * @l: where it gets its memory
 * @stub: the stub, in no queue yet; is freed
 * @bytes: what the journal has
 *
 * Return: the message, or an ERR_PTR, and the stub is as it was.
 */
struct mq_entry *mq_stub_load(struct mq_lot *l, struct mq_entry *stub,
			      const struct mq_bytes *bytes)
{
	struct mq_sizes sizes = mq_stub_sizes(mq_msg(stub));
	struct mq_kind kind = mq_kind_of(stub);
	struct mq_entry *e;

	e = mq_lot_take(l, stub, mq_kind_bytes(kind), mq_sizes_step(&sizes));
	if (IS_ERR(e))
		return e;
	mq_entry_init(e, &sizes, kind);
	mq_stub_fill(e, bytes);
	mq_stub_succeed(e, stub, 0);
	return e;
}

/**
 * mq_stub_leave - put a stub into the place of a message
 * @l: where it gets its memory
 * @e: the message, or a stub of it, in no queue yet; is freed
 * @keyed: let the stub have the key; @e has it
 *
 * Return: the stub, or an ERR_PTR, and the message is as it was.
 */
struct mq_entry *mq_stub_leave(struct mq_lot *l, struct mq_entry *e, bool keyed)
{
	struct mq_entry *stub = mq_stub_make(l, e, mq_msg(e)->detail->durable->serial, keyed);

	if (!IS_ERR(stub))
		mq_stub_succeed(stub, e, mq_msg(stub)->flags);
	return stub;
}
