// SPDX-License-Identifier: GPL-2.0
/*
 * Records, from and to user space: see record.h. A record that comes in is read
 * once and checked as a copy; one that goes out is zeroed first.
 */
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "call/record.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/keep.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "memory/seen.h"
#include "memory/text.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/queue.h"
#include "queue/ready.h"

/*
 * Check a record's header on its own. The fields that the kernel fills in must
 * be zero.
 */
static int mq_record_check(const struct mq_queue *q,
			   const struct devmq_record *r)
{
	if (unlikely(r->flags & ~DEVMQ_RECORD_AT || r->id | r->time_ns ||
		     r->uid | r->gid | r->pid | r->attempt | r->failures ||
		     r->state | r->failure | r->reserved | r->extra_size))
		return -EINVAL;
	if (r->priority >= q->opt.priorities || r->key_size > DEVMQ_KEY_MAX ||
	    r->dedup_size > DEVMQ_KEY_MAX)
		return -EINVAL;
	return 0;
}

static bool mq_header_name_ok(const u8 *name, size_t size)
{
	size_t i;

	if (!size || size > 255)
		return false;
	for (i = 0; i < size; i++)
		if (name[i] < '!' || name[i] > '~' || name[i] == '=')
			return false;
	return true;
}

/*
 * Check that the headers fill their space exactly, and that their names are
 * valid.
 */
static int mq_headers_check(const u8 *p, size_t size)
{
	while (size) {
		struct devmq_header h;

		if (size < sizeof(h))
			return -EINVAL;
		memcpy(&h, p, sizeof(h));
		p += sizeof(h);
		size -= sizeof(h);
		if (h.name_size > size || h.value_size > size - h.name_size ||
		    !mq_header_name_ok(p, h.name_size))
			return -EINVAL;
		p += h.name_size + h.value_size;
		size -= h.name_size + h.value_size;
	}
	return 0;
}

/*
 * Check the key and the headers of a record that lies in a chunk, where the message
 * begins, and make what follows them what it is in a message: zero the padding.
 * @pad gets the bytes of that. The queue takes runs (mq_queue.run_size). Return: false
 * if the record has other parts, or one that is not valid, or no payload; then it is to
 * be read as any other.
 */
bool mq_record_settle_meta(const struct mq_queue *q, struct devmq_record *r, u32 *pad)
{
	u32 meta = r->key_size + r->headers_size, offset = mq_payload_offset(meta);
	u8 *data = (u8 *)(r + 1);

	if (r->extra_size | r->dedup_size || r->key_size > DEVMQ_KEY_MAX ||
	    r->size <= offset ||
	    (r->size - sizeof(*r) > READ_ONCE(q->run_size) &&
	     !mq_size_ok(q, r->size - offset, meta)) ||
	    mq_headers_check(data + r->key_size, r->headers_size))
		return false;
	*pad = offset - sizeof(*r) - meta;
	memset(data + meta, 0, *pad);
	return true;
}

/*
 * Note the sender's priority, delay and time to live in the entry. The times
 * begin when the entry is linked.
 */
static void mq_record_times(struct mq_entry *e, const struct devmq_record *r)
{
	mq_msg(e)->priority = r->priority;
	if (likely(!mq_msg(e)->detail))
		return;
	mq_msg(e)->detail->expires = r->ttl_ns;
	mq_msg(e)->detail->when = r->delay_ns;
	e->clock = r->flags & DEVMQ_RECORD_AT ? MQ_REALTIME : MQ_BOOTTIME;
}

/*
 * Copy @size bytes of a record, from the offset @at of @body, or of @user if
 * @body is NULL.
 */
static int mq_record_copy(void *to, const void *body, const void __user *user,
			  u32 at, u32 size)
{
	if (likely(body))
		memcpy(to, body + at, size);
	else if (copy_from_user(to, user + at, size))
		return -EFAULT;
	return 0;
}

/*
 * Copy the key, the headers and the de-duplication id, which not every message
 * has. Receivers do not get the last.
 */
static noinline int mq_record_meta(struct mq_queue *q, struct mq_entry *e,
				   const struct devmq_record *r,
				   const void *body, const void __user *user)
{
	u32 at = sizeof(*r) + r->key_size;
	u8 *data = mq_entry_data(e);
	struct mq_seen *seen;
	int err;

	err = mq_record_copy(data, body, user, sizeof(*r), r->key_size) ?:
	      mq_record_copy(data + r->key_size, body, user, at + r->dedup_size,
			     r->headers_size) ?:
	      mq_headers_check(data + r->key_size, r->headers_size);
	if (err || !r->dedup_size ||
	    !(READ_ONCE(q->opt.dedup_window_ms) || q->topic))
		return err;
	seen = mq_seen_new(mq_chunk_of(e)->payer, r->dedup_size);
	if (IS_ERR(seen))
		return PTR_ERR(seen);
	mq_msg(e)->seen = seen;
	err = mq_record_copy(seen->bytes, body, user, at,
			     r->dedup_size);
	mq_seen_hash(seen);
	return err;
}

/**
 * mq_record_get - read a record and make an entry for it
 * @f: the producer
 * @c: the producer's chunk, claimed
 * @from: the source, whose window has the record's header at least; no record
 *	may reach beyond the source's space
 * @step: gets the distance to the next record
 *
 * Return: the entry, or an ERR_PTR: EFAULT, EINVAL, EMSGSIZE, or an error of
 * mq_entry_alloc().
 */
struct mq_entry *mq_record_get(struct mq_file *f, struct mq_chunk **c,
			       const struct mq_source *from, u64 *step)
{
	const struct devmq_record *r = from->window + from->at;
	const void __user *user = from->user + from->at;
	u64 space = from->space - from->at;
	struct mq_queue *q = f->q;
	const void *body = r;
	struct mq_sizes sizes;
	struct mq_kind kind;
	struct mq_entry *e;
	u32 offset;
	int err;

	err = mq_record_check(q, r);
	if (unlikely(err))
		return ERR_PTR(err);
	offset = DEVMQ_RECORD_PAYLOAD(r);
	if (unlikely(r->size < offset || r->size > space))
		return ERR_PTR(-EINVAL);
	sizes.size = r->size - offset;
	sizes.key_size = r->key_size;
	sizes.headers_size = r->headers_size;
	if (unlikely(!sizes.size && !READ_ONCE(q->opt.allow_empty)))
		return ERR_PTR(-EINVAL);
	if (!mq_size_ok(q, sizes.size, r->key_size + r->headers_size))
		return ERR_PTR(-EMSGSIZE);
	if (unlikely(r->size > from->end - from->at)) {
		body = NULL;
		/* Do not drop messages for a record that cannot be read. */
		if (READ_ONCE(q->opt.overflow) == MQ_OVERFLOW_DROP_HEAD &&
		    fault_in_readable(user, r->size))
			return ERR_PTR(-EFAULT);
	}
	kind = mq_queue_kind(q);
	kind.detail = kind.detail || r->ttl_ns || r->delay_ns || r->flags;
	e = mq_shares(q, sizes.size) ?
	    mq_entry_alloc_shared(&f->supply, c, &sizes, kind) :
	    mq_entry_alloc(&f->supply, c, &sizes, kind,
			   r->delay_ns > MQ_LONG_DELAY);
	if (IS_ERR(e))
		return e;
	mq_record_times(e, r);
	if (likely(!q->topic))
		mq_ready_prepare(&q->ready, mq_msg(e)->priority);
	err = mq_record_copy(mq_entry_payload(e), body, user, offset, sizes.size);
	if (!err && unlikely(offset != sizeof(*r)))
		err = mq_record_meta(q, e, r, body, user);
	*step = min(DEVMQ_RECORD_STEP(r->size), space);
	if (likely(!err))
		return e;
	mq_entry_free(e);
	return ERR_PTR(err);
}

static u16 mq_text_size(const struct mq_text *t)
{
	return t ? t->size : 0;
}

/* Return the bytes of the name of the topic that the message tells of, or 0. */
static u16 mq_topic_size(const struct mq_msg *m, const struct mq_text *t)
{
	const struct devmq_extra *own = mq_msg_extra(m);

	if (own)
		return own->topic_size;
	return t ? t->size - sizeof(u64) : 0;
}

/* Return that name, and its bytes in @size. */
static const char *mq_topic_name(const struct mq_show *s, u16 *size)
{
	const struct devmq_extra *own = mq_msg_extra(mq_msg(s->e));

	*size = mq_topic_size(mq_msg(s->e), s->topic);
	if (own)
		return (const char *)(own + 1);
	return s->topic ? s->topic->text + sizeof(u64) : NULL;
}

/* Return the number of the message in that topic, or 0. */
static u64 mq_topic_id(const struct mq_msg *m, const struct mq_text *t)
{
	const struct devmq_extra *own = mq_msg_extra(m);
	u64 id = 0;

	if (own)
		return own->topic_id;
	if (t)
		memcpy(&id, t->text, sizeof(id));
	return id;
}

/* Return the bytes that a record with an extra block takes in a buffer. */
u64 mq_record_long_stride(const struct mq_entry *e)
{
	return DEVMQ_ALIGN(sizeof(struct devmq_record) +
			   sizeof(struct devmq_extra) +
			   mq_topic_size(mq_msg(e), mq_msg(e)->detail->topic) +
			   mq_text_size(mq_msg(e)->detail->origin) +
			   mq_text_size(mq_msg(e)->detail->note) + mq_msg(e)->key_size +
			   mq_msg(e)->headers_size) + ALIGN((u64)mq_entry_size(e), 8);
}

/*
 * Convert an instant of CLOCK_BOOTTIME to CLOCK_REALTIME; MQ_NEVER becomes 0.
 * This uses the distance of the clocks, and not what they show, as an interrupt
 * may come between two readings.
 */
u64 mq_to_realtime(u64 time)
{
	s64 ahead = ktime_mono_to_any(0, TK_OFFS_REAL) -
		    ktime_mono_to_any(0, TK_OFFS_BOOT);

	return time == MQ_NEVER ? 0 : time + ahead;
}

/*
 * Fill in the extra block, which PEEK shows of each message, and RECV of one
 * with a history (mq_has_extra).
 */
static void mq_extra_fill(struct devmq_extra *x, const struct mq_entry *e,
			  const struct mq_detail *m)
{
	memset(x, 0, sizeof(*x));
	x->payload_size = mq_entry_size(e);
	x->topic_size = mq_topic_size(mq_msg(e), m ? m->topic : NULL);
	x->topic_id = mq_topic_id(mq_msg(e), m ? m->topic : NULL);
	if (!m)
		return;
	if (mq_msg(e)->state == DEVMQ_STATE_DELAYED ||
	    mq_msg(e)->state == DEVMQ_STATE_IN_FLIGHT)
		x->due_ns = e->clock == MQ_REALTIME && m->when != MQ_NEVER ?
			    m->when : mq_to_realtime(m->when);
	if (!e->fresh)
		x->expires_ns = mq_to_realtime(m->expires);
	x->origin_id = m->origin_id;
	x->reason = m->reason;
	x->origin_size = mq_text_size(m->origin);
	x->note_size = mq_text_size(m->note);
}

/* Fill in a record with an extra block. This takes no references. */
void mq_show_fill(struct mq_show *s, const struct mq_entry *e)
{
	/* A RECV that makes the record in place clears this meanwhile. */
	const struct mq_detail *m = READ_ONCE(mq_msg(e)->detail);

	s->e = e;
	s->topic = m ? m->topic : NULL;
	s->origin = m ? m->origin : NULL;
	s->note = m ? m->note : NULL;
	mq_record_fill(&s->r, e);
	mq_extra_fill(&s->x, e, m);
	s->r.extra_size = sizeof(s->x) + s->x.topic_size +
			  mq_text_size(s->origin) + mq_text_size(s->note);
}

/*
 * Return the bytes that the record takes in a buffer, with @size bytes of
 * payload.
 */
u64 mq_show_stride(const struct mq_show *s, u32 size)
{
	const struct mq_msg *m = mq_msg(s->e);

	return DEVMQ_ALIGN(sizeof(s->r) + s->r.extra_size + m->key_size +
			   m->headers_size) + ALIGN((u64)size, 8);
}

static_assert(offsetof(struct mq_show, x) ==
	      offsetof(struct mq_show, r) + sizeof(struct devmq_record));

/* Copy a part of a message out. Its size is known, so it is not checked again. */
static unsigned long mq_piece_put(void __user *to, const void *from, u32 size)
{
	return size ? _copy_to_user(to, from, size) : 0;
}

static unsigned long mq_piece_clear(void __user *to, u32 size)
{
	return size ? clear_user(to, size) : 0;
}

/**
 * mq_show_put - copy a message out as a record with an extra block
 * @to: user address; there is room for mq_show_stride()
 * @s: the record, whose message does not change meanwhile
 * @size: bytes of the payload to show
 *
 * Return: 0 or EFAULT.
 */
int mq_show_put(void __user *to, struct mq_show *s, u32 size)
{
	const struct mq_entry *e = s->e;
	u32 meta = mq_msg(e)->key_size + mq_msg(e)->headers_size;
	u32 pad, at = sizeof(s->r) + sizeof(s->x);
	const char *topic;
	u16 topic_size;

	pad = DEVMQ_ALIGN(sizeof(s->r) + s->r.extra_size + meta) -
	      (sizeof(s->r) + s->r.extra_size + meta);
	s->r.size = sizeof(s->r) + s->r.extra_size + meta + pad + size;
	topic = mq_topic_name(s, &topic_size);
	/* The two lie one behind the other, as they do in the buffer. */
	if (copy_to_user(to, &s->r, at) || mq_piece_put(to + at, topic, topic_size))
		return -EFAULT;
	at += topic_size;
	if (s->origin && mq_piece_put(to + at, s->origin->text, s->origin->size))
		return -EFAULT;
	at += mq_text_size(s->origin);
	if (s->note && mq_piece_put(to + at, s->note->text, s->note->size))
		return -EFAULT;
	at += mq_text_size(s->note);
	if (mq_piece_put(to + at, mq_entry_data(e), meta) ||
	    mq_piece_clear(to + at + meta, pad))
		return -EFAULT;
	at += meta + pad;
	if (mq_piece_put(to + at, mq_msg_payload(mq_msg(e)), size) ||
	    mq_piece_clear(to + at + size, ALIGN(size, 8) - size))
		return -EFAULT;
	return 0;
}

/* Copy what follows on the header of a record. It is laid out as the message is. */
static unsigned long mq_record_put_rest(void __user *to, const struct mq_msg *m)
{
	u32 offset = mq_msg_offset(m), size = mq_msg_size(m);

	if (likely(!mq_msg_borrows(m)))
		return _copy_to_user(to + sizeof(*m), m + 1,
				     mq_msg_padded_size(m) - sizeof(*m));
	return mq_piece_put(to + sizeof(*m), m + 1, offset - sizeof(*m)) ?:
	       mq_piece_put(to + offset, mq_msg_payload(m), size) ?:
	       mq_piece_clear(to + offset + size, ALIGN(size, 8) - size);
}

/*
 * Copy a message in hand out as a record. There is room for mq_record_stride().
 */
int mq_record_put(void __user *to, const struct mq_entry *e)
{
	struct devmq_record r;
	struct mq_show show;

	if (mq_has_extra(e)) {
		mq_show_fill(&show, e);
		return mq_show_put(to, &show, mq_entry_size(e));
	}
	mq_record_fill(&r, e);
	if (copy_to_user(to, &r, sizeof(r)) || mq_record_put_rest(to, mq_msg(e)))
		return -EFAULT;
	return 0;
}
