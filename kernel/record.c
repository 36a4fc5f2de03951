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
#include <linux/uaccess.h>

#include "mq.h"

/* Check what the header says by itself; all that the kernel stamps is zero. */
static int mq_record_check(const struct devmq_record *r)
{
	if (r->flags || r->id || r->time_ns || r->uid || r->gid || r->pid ||
	    r->attempt || r->failures || r->state || r->failure ||
	    r->reserved || r->extra_size || r->priority)
		return -EINVAL;
	if (r->delay_ns || r->ttl_ns || r->dedup_size)
		return -EOPNOTSUPP;
	if (r->key_size > DEVMQ_KEY_MAX)
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

/**
 * mq_record_get - make an entry of a record of the user's
 * @f: the producer
 * @from: the record
 * @space: bytes there; a record may not reach beyond
 * @nowait: as mq_entry_alloc()
 * @step: gets the distance to the next record
 *
 * Return: the entry, or an ERR_PTR: EFAULT, EINVAL, EOPNOTSUPP, EMSGSIZE, and
 * what mq_entry_alloc() has.
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
	err = mq_record_check(&r);
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
	err = -EFAULT;
	if (copy_from_user(e->msg->data, from + sizeof(r), meta) ||
	    copy_from_user(mq_msg_payload(e->msg), from + offset, payload))
		goto out_free;
	err = mq_headers_check(e->msg->data + r.key_size, r.headers_size);
	if (err)
		goto out_free;
	mq_entry_stamp(e);
	*step = min(DEVMQ_RECORD_STEP(r.size), space);
	return e;

out_free:
	mq_entry_free(e);
	return ERR_PTR(err);
}

/* Bytes that the record of an entry takes in a buffer. */
u64 mq_record_step(const struct mq_entry *e)
{
	return sizeof(struct devmq_record) + mq_msg_extent(e->msg);
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

/* Copy an entry in hand out as a record. There is room for its step. */
int mq_record_put(void __user *to, const struct mq_entry *e)
{
	struct devmq_record r;

	mq_record_fill(&r, e);
	/* Behind the header the data is laid out as in the record. */
	if (copy_to_user(to, &r, sizeof(r)) ||
	    copy_to_user(to + sizeof(r), e->msg->data, mq_msg_extent(e->msg)))
		return -EFAULT;
	return 0;
}
