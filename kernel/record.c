// SPDX-License-Identifier: GPL-2.0
/*
 * Records: how a message looks from user space, where it is more than its
 * payload. What comes in is read once and checked as a copy; what goes out is
 * zeroed first.
 */
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/pagemap.h>
#include <linux/pid_namespace.h>
#include <linux/slab.h>
#include <linux/ktime.h>
#include <linux/uaccess.h>

#include "mq.h"

/* Check what the header says by itself; all that the kernel stamps is zero. */
static int mq_record_check(const struct mq_queue *q,
			   const struct devmq_record *r)
{
	if (r->flags & ~DEVMQ_RECORD_AT || r->id || r->time_ns || r->uid ||
	    r->gid || r->pid || r->attempt || r->failures || r->state ||
	    r->failure || r->reserved || r->extra_size)
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
		if (!isascii(name[i]) || !isgraph(name[i]) || name[i] == '=')
			return false;
	return true;
}

/* Headers fill their space exactly, each with a proper name. */
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

/* What the sender says of its time, for when it comes into the queue. */
static void mq_record_times(struct mq_entry *e, const struct devmq_record *r)
{
	e->priority = r->priority;
	e->expires = r->ttl_ns;
	e->when = r->delay_ns;
	e->clock = r->flags & DEVMQ_RECORD_AT ? MQ_REALTIME : MQ_BOOTTIME;
}

/* Its de-duplication id, if the queue looks at that. */
static int mq_record_dedup(struct mq_queue *q, struct mq_entry *e,
			   const void __user *from, u32 size)
{
	struct mq_seen *seen;

	if (likely(!size) || !READ_ONCE(q->opt.dedup_window_ms))
		return 0;
	seen = mq_seen_get(from, size);
	if (IS_ERR(seen))
		return PTR_ERR(seen);
	e->seen = seen;
	return 0;
}

/* The parts behind the header; the de-duplication id is not for receivers. */
static int mq_record_parts(struct mq_queue *q, struct mq_entry *e,
			   const struct devmq_record *r,
			   const void __user *from)
{
	const void __user *meta = from + sizeof(*r);
	struct mq_msg *m = e->msg;

	if (copy_from_user(m->data, meta, r->key_size) ||
	    copy_from_user(m->data + r->key_size,
			   meta + r->key_size + r->dedup_size,
			   r->headers_size) ||
	    copy_from_user(mq_msg_payload(m), from + DEVMQ_RECORD_PAYLOAD(r),
			   m->size))
		return -EFAULT;
	return mq_headers_check(m->data + r->key_size, r->headers_size) ?:
	       mq_record_dedup(q, e, meta + r->key_size, r->dedup_size);
}

/**
 * mq_record_get - make an entry of a record of the user's
 * @f: the producer
 * @from: the record
 * @space: bytes there; a record may not reach beyond
 * @nowait: as mq_entry_alloc()
 * @step: gets the distance to the next record
 *
 * Return: the entry, or an ERR_PTR: EFAULT, EINVAL, EMSGSIZE, and what
 * mq_entry_alloc() has.
 */
struct mq_entry *mq_record_get(struct mq_file *f, const void __user *from,
			       u64 space, bool nowait, u64 *step)
{
	struct mq_queue *q = f->q;
	struct devmq_record r;
	struct mq_entry *e;
	u64 payload, meta;
	u32 offset;
	int err;

	if (space < sizeof(r))
		return ERR_PTR(-EINVAL);
	if (copy_from_user(&r, from, sizeof(r)))
		return ERR_PTR(-EFAULT);
	err = mq_record_check(q, &r);
	if (err)
		return ERR_PTR(err);
	offset = DEVMQ_RECORD_PAYLOAD(&r);
	if (r.size < offset || r.size > space)
		return ERR_PTR(-EINVAL);
	payload = r.size - offset;
	meta = r.key_size + r.headers_size;
	if (!mq_size_ok(q, payload, meta))
		return ERR_PTR(-EMSGSIZE);

	/* Making room may cost others their messages: not for nothing. */
	if (READ_ONCE(q->opt.overflow) == MQ_OVERFLOW_DROP_HEAD &&
	    fault_in_readable(from, r.size))
		return ERR_PTR(-EFAULT);
	e = mq_entry_alloc(f, payload, r.key_size, r.headers_size, nowait);
	if (IS_ERR(e))
		return e;
	mq_record_times(e, &r);
	err = mq_record_parts(q, e, &r, from);
	if (err)
		goto out_free;
	mq_entry_stamp(e);
	err = mq_order_prepare(q, e);
	if (err)
		goto out_free;
	*step = min(DEVMQ_RECORD_STEP(r.size), space);
	return e;

out_free:
	mq_entry_free(e);
	return ERR_PTR(err);
}

/* Has the kernel something to say of it that does not stand in the header? */
static bool mq_has_extra(const struct mq_entry *e)
{
	return unlikely(e->reason || e->origin);
}

static u16 mq_extra_size(const struct mq_entry *e)
{
	return sizeof(struct devmq_extra) + (e->origin ? e->origin->size : 0) +
	       (e->note ? e->note->size : 0);
}

/* Bytes of a record with an extra block and @size bytes of payload. */
u64 mq_record_show_step(const struct mq_entry *e, u32 size)
{
	const struct mq_msg *m = e->msg;

	return DEVMQ_ALIGN(sizeof(struct devmq_record) + mq_extra_size(e) +
			   m->key_size + m->headers_size) + ALIGN((u64)size, 8);
}

/* Bytes that the record of an entry takes in a buffer. */
u64 mq_record_step(const struct mq_entry *e)
{
	const struct mq_msg *m = e->msg;

	if (likely(!mq_has_extra(e)))
		return sizeof(struct devmq_record) + mq_msg_extent(m);
	return mq_record_show_step(e, m->size);
}

/* A process id, as it may be told to the caller. */
u32 mq_record_pid(u32 pid)
{
	return task_active_pid_ns(current) == &init_pid_ns ? pid : 0;
}

/* Fill in a record's header. */
void mq_record_fill(struct devmq_record *r, const struct mq_entry *e)
{
	const struct mq_msg *m = e->msg;
	struct user_namespace *ns = current_user_ns();

	memset(r, 0, sizeof(*r));
	r->size = sizeof(*r) + mq_msg_offset(m) + m->size;
	r->priority = e->priority;
	r->id = e->id;
	r->time_ns = m->time_ns;
	r->uid = from_kuid_munged(ns, m->uid);
	r->gid = from_kgid_munged(ns, m->gid);
	r->pid = mq_record_pid(m->pid);
	r->attempt = e->attempt;
	r->failures = e->failures;
	r->state = e->state;
	r->failure = e->failure;
	r->key_size = m->key_size;
	r->headers_size = m->headers_size;
}

/* An instant of CLOCK_BOOTTIME, as CLOCK_REALTIME goes now. */
static u64 mq_to_realtime(u64 time)
{
	s64 ahead = ktime_get_real_ns() - ktime_get_boottime_ns();

	return time == MQ_NEVER ? 0 : time + ahead;
}

/* Fill in the extra block, but for what PEEK alone knows. */
void mq_extra_fill(struct devmq_extra *x, const struct mq_entry *e)
{
	memset(x, 0, sizeof(*x));
	x->payload_size = e->msg->size;
	if (e->state == DEVMQ_STATE_DELAYED ||
	    e->state == DEVMQ_STATE_IN_FLIGHT)
		x->due_ns = e->clock == MQ_REALTIME && e->when != MQ_NEVER ?
			    e->when : mq_to_realtime(e->when);
	if (!e->fresh)
		x->expires_ns = mq_to_realtime(e->expires);
	x->origin_id = e->origin_id;
	x->reason = e->reason;
	x->origin_size = e->origin ? e->origin->size : 0;
	x->note_size = e->note ? e->note->size : 0;
}

/**
 * mq_record_show - copy a message out as a record with an extra block
 * @to: where; there is room for mq_record_show_step()
 * @r: its header, filled in but for what follows from the extra block
 * @x: the extra block
 * @e: the entry, which nobody changes
 * @size: show so many bytes of the payload
 *
 * Return: 0 or EFAULT.
 */
int mq_record_show(void __user *to, struct devmq_record *r,
		   const struct devmq_extra *x, const struct mq_entry *e,
		   u32 size)
{
	struct mq_msg *m = e->msg;
	u32 meta = m->key_size + m->headers_size;
	u32 pad, at = sizeof(*r) + sizeof(*x);

	r->extra_size = mq_extra_size(e);
	pad = DEVMQ_ALIGN(sizeof(*r) + r->extra_size + meta) -
	      (sizeof(*r) + r->extra_size + meta);
	r->size = sizeof(*r) + r->extra_size + meta + pad + size;
	if (copy_to_user(to, r, sizeof(*r)) ||
	    copy_to_user(to + sizeof(*r), x, sizeof(*x)))
		return -EFAULT;
	if (x->origin_size &&
	    copy_to_user(to + at, e->origin->text, x->origin_size))
		return -EFAULT;
	at += x->origin_size;
	if (x->note_size && copy_to_user(to + at, e->note->text, x->note_size))
		return -EFAULT;
	at += x->note_size;
	if (copy_to_user(to + at, m->data, meta) ||
	    clear_user(to + at + meta, pad))
		return -EFAULT;
	at += meta + pad;
	if (copy_to_user(to + at, mq_msg_payload(m), size) ||
	    clear_user(to + at + size, ALIGN(size, 8) - size))
		return -EFAULT;
	return 0;
}

/* Copy an entry in hand out as a record. There is room for its step. */
int mq_record_put(void __user *to, const struct mq_entry *e)
{
	struct devmq_record r;
	struct devmq_extra x;

	mq_record_fill(&r, e);
	if (mq_has_extra(e)) {
		mq_extra_fill(&x, e);
		return mq_record_show(to, &r, &x, e, e->msg->size);
	}
	/* Behind the header the data is laid out as in the record. */
	if (copy_to_user(to, &r, sizeof(r)) ||
	    copy_to_user(to + sizeof(r), e->msg->data, mq_msg_extent(e->msg)))
		return -EFAULT;
	return 0;
}
