// SPDX-License-Identifier: GPL-2.0
/* Making the messages of a journal again. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include "base/base.h"
#include "device/restore.h"
#include "journal/attach.h"
#include "journal/objects.h"
#include "journal/record.h"
#include "journal/replay.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/cost.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "memory/payer.h"
#include "memory/seen.h"
#include "memory/stub.h"
#include "memory/text.h"
#include "queue/clock.h"
#include "queue/dedup.h"
#include "queue/persist.h"
#include "queue/queue.h"

/* Note why a journal cannot be attached. Return @err. */
int mq_recover_refuse(struct mq_recovery *r, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(r->why, r->size, fmt, args);
	va_end(args);
	return err;
}

static int mq_recover_new_text(struct mq_text **t, const struct mq_j_bytes *bytes,
			       struct mq_payer *p)
{
	struct mq_text *new = NULL;

	if (bytes->size) {
		new = mq_text_alloc(bytes->size, p);
		if (IS_ERR(new))
			return PTR_ERR(new);
		memcpy(new->text, bytes->at, bytes->size);
	}
	mq_text_put(*t);
	*t = new;
	return 0;
}

/* Replace a text of a message by bytes of a record. Return 0 or an error. */
static inline int mq_recover_text(struct mq_text **t, const struct mq_j_bytes *bytes,
				  struct mq_payer *p)
{
	/* Most messages have none. */
	return likely(!bytes->size && !*t) ? 0 : mq_recover_new_text(t, bytes, p);
}

/* Note which record has the newest state of a message. */
static void mq_recover_where(struct mq_recovery *r, struct mq_durable *d,
			     const struct mq_j_copy *copy)
{
	struct mq_journal *j = r->a->j;
	u32 size = sizeof(struct mq_j_record) +
		   ALIGN(sizeof(*copy->s) + copy->origin.size +
			 copy->note.size, 8);

	d->version = le32_to_cpu(copy->s->version);
	if (copy->place)
		mq_objects_state(j, d, copy->place - 1, size);
	else
		mq_objects_state(j, d, d->at[j->side].segment, 0);
}

/* Set the state of a message. */
int mq_recover_state(void *context, void *message,
		     const struct mq_j_copy *copy)
{
	struct mq_recovery *r = context;
	struct mq_entry *e = message;
	struct mq_msg *m = mq_msg(e);
	struct mq_detail *detail = m->detail;
	const struct mq_j_state *s = copy->s;
	struct mq_payer *p = mq_chunk_of(e)->payer;
	int err;

	m->id = le64_to_cpu(s->id);
	m->attempt = le32_to_cpu(s->attempt);
	m->failures = le32_to_cpu(s->failures);
	m->priority = s->priority;
	m->failure = s->failure;
	m->state = s->state;
	detail->when = le64_to_cpu(s->due_ns);
	detail->expires = mq_persist_boot_time(le64_to_cpu(s->expires_ns));
	detail->origin_id = le64_to_cpu(s->origin_id);
	detail->forgiven = le32_to_cpu(s->forgiven);
	detail->reason = le16_to_cpu(s->reason);
	err = mq_recover_text(&detail->origin, &copy->origin, p) ?:
	      mq_recover_text(&detail->note, &copy->note, p);
	if (!err)
		mq_recover_where(r, detail->durable, copy);
	return err;
}

/* Copy the bytes of a message. */
static void mq_recover_bytes(struct mq_entry *e, const struct mq_j_bytes *key,
			     const struct mq_j_bytes *headers,
			     const struct mq_j_bytes *payload)
{
	u8 *to = mq_entry_data(e);

	memcpy(to, key->at, key->size);
	memcpy(to + key->size, headers->at, headers->size);
	memcpy(mq_entry_payload(e), payload->at, payload->size);
}

/* Restore what a message tells of its topic. One that a topic retains tells of none. */
static int mq_recover_topic(struct mq_entry *e, const struct mq_j_message *m)
{
	struct mq_detail *detail = mq_msg(e)->detail;
	struct mq_j_bytes topic;
	__le64 id;
	u64 to;
	int err;

	if (!m->topic_size || mq_msg(e)->state == DEVMQ_STATE_RETAINED)
		return 0;
	mq_j_message_topic(m, &topic);
	err = mq_recover_text(&detail->topic, &topic, mq_chunk_of(e)->payer);
	if (err || !detail->topic)
		return err;
	memcpy(&id, topic.at, sizeof(id));
	to = le64_to_cpu(id);
	memcpy(detail->topic->text, &to, sizeof(to));
	return 0;
}

static struct mq_entry *mq_recover_alloc(struct mq_recovery *r,
					 const struct mq_j_message *m,
					 const struct mq_j_state *s,
					 const struct mq_sizes *sizes)
{
	/* Its ids are those of the initial user namespace: nothing is mapped. */
	struct mq_sender sender = {
		.uid = KUIDT_INIT(le32_to_cpu(m->uid)),
		.gid = KGIDT_INIT(le32_to_cpu(m->gid)),
		.pid = le32_to_cpu(m->pid),
	};

	return mq_entry_restore(r->refills, le64_to_cpu(s->queue), sizes, &sender);
}

/*
 * Return how many bytes of a record a copy of a message counts: the first one all but
 * those of the others.
 */
static u32 mq_recover_size(const struct mq_j_message *m, const struct mq_j_copy *copy)
{
	u32 size = ALIGN(le32_to_cpu(m->r.size), 8);
	const struct mq_j_state *first = (const void *)(m + 1);

	if (copy->s->serial != first->serial)
		return sizeof(*copy->s);
	return size - (le16_to_cpu(m->copies) - 1) * sizeof(*copy->s);
}

/*
 * Return whether what a topic retains comes to memory at once. How much of it may be there
 * is not known yet: see reload.c.
 */
static bool mq_recover_keeps(struct mq_recovery *r, const struct mq_sizes *sizes)
{
	u64 bytes = (u64)sizes->size + sizes->key_size + sizes->headers_size;

	if (bytes > r->keep)
		return false;
	r->keep -= bytes;
	r->kept = true;
	return true;
}

/* Allocate a stub of what a topic retains, with the key: others may be compared with it. */
static struct mq_entry *mq_recover_stub(struct mq_recovery *r,
					const struct mq_j_message *m,
					const struct mq_j_state *s,
					const struct mq_sizes *sizes)
{
	struct mq_j_bytes key, headers, payload;
	struct mq_sizes stub = {};
	struct mq_entry *e;

	mq_j_message_parts(m, &key, &headers, &payload);
	stub.size = mq_stub_size(key.size, true) - mq_payload_offset(0);
	e = mq_recover_alloc(r, m, s, &stub);
	if (!IS_ERR(e))
		mq_stub_init(e, sizes, le64_to_cpu(s->serial), key.at, payload.size &&
			     ((const u8 *)payload.at)[payload.size - 1] == '\n');
	return e;
}

/* Allocate a message with its bytes, or a stub. */
static struct mq_entry *mq_recover_entry(struct mq_recovery *r,
					 const struct mq_j_message *m,
					 const struct mq_j_state *s)
{
	struct mq_j_bytes key, headers, payload;
	struct mq_sizes sizes;
	struct mq_entry *e;

	mq_j_message_parts(m, &key, &headers, &payload);
	sizes = (struct mq_sizes){ payload.size, key.size, headers.size };
	if (s->state == DEVMQ_STATE_RETAINED && !mq_recover_keeps(r, &sizes))
		return mq_recover_stub(r, m, s, &sizes);
	e = mq_recover_alloc(r, m, s, &sizes);
	if (!IS_ERR(e))
		mq_recover_bytes(e, &key, &headers, &payload);
	return e;
}

/* Make a message. */
void *mq_recover_message(void *context, const struct mq_j_message *m,
			 const struct mq_j_copy *copy)
{
	struct mq_recovery *r = context;
	struct mq_durable *d;
	struct mq_entry *e;

	e = mq_recover_entry(r, m, copy->s);
	if (IS_ERR(e)) {
		r->short_of_room = PTR_ERR(e) == -EDQUOT;
		return NULL;
	}
	mq_msg(e)->time_ns = le64_to_cpu(m->time_ns);
	d = mq_msg(e)->detail->durable;
	d->serial = le64_to_cpu(copy->s->serial);
	d->taken = true;
	d->live = mq_persist_cost(r->a->j, mq_msg_bytes(mq_msg(e)));
	atomic64_add(d->live, &r->a->j->live);
	mq_objects_body(r->a->j, d, r->a->log.position, r->a->log.block,
			mq_recover_size(m, copy));
	mq_objects_add(r->a->j, d);
	if (!mq_recover_state(r, e, copy) && !mq_recover_topic(e, m))
		return e;
	mq_objects_del(r->a->j, d);
	mq_entry_free(e);
	return NULL;
}

/* Let a queue remember a de-duplication id, or forget that of a message. */
int mq_recover_dedup(void *context, void *queue, const struct mq_j_dedup *d)
{
	struct mq_queue *q = ((struct mq_recovered *)queue)->q;
	u64 sent = le64_to_cpu(d->sent_ns), window = mq_persist_window(&q->feed);
	struct mq_j_bytes id;
	struct mq_payer *p;
	struct mq_seen *s;
	bool known;

	mq_j_dedup_id(d, &id);
	if (!id.size) {
		spin_lock(&q->lock);
		mq_dedup_purge_locked(q, le64_to_cpu(d->id));
		spin_unlock(&q->lock);
		return 0;
	}
	if (!window || mq_later(sent, window) <= mq_now(MQ_REALTIME))
		return 0;
	p = mq_payer_get();
	if (!p)
		return -ENOMEM;
	s = mq_seen_new(p, id.size);
	mq_payer_put(p);
	if (IS_ERR(s))
		return PTR_ERR(s);
	memcpy(s->bytes, id.at, id.size);
	mq_seen_hash(s);
	s->id = le64_to_cpu(d->id);
	/* The clock may have been set back. */
	s->time = min(mq_persist_boot_time(sent), mq_now(MQ_BOOTTIME));
	spin_lock(&q->lock);
	known = !mq_dedup_restore_locked(q, s);
	spin_unlock(&q->lock);
	if (known)
		mq_seen_free(s);
	return 0;
}

/* -- how much memory is needed ------------------------------------------------- */

/* What is made of a message is the number of bytes that it needs. */
static void *mq_need_message(void *context, const struct mq_j_message *m,
			     const struct mq_j_copy *copy)
{
	unsigned long bytes = le32_to_cpu(m->payload_size) +
			      le16_to_cpu(m->key_size) +
			      le16_to_cpu(m->headers_size);

	/* Chunks that are not full can take a quarter more: refill.c. */
	return (void *)((mq_cost(bytes) + mq_durable_cost()) / 4 * 5);
}

static int mq_need_state(void *context, void *message,
			 const struct mq_j_copy *copy)
{
	return 0;
}

static void mq_need_drop(void *context, void *message)
{
}

static void *mq_need_queue(void *context, const struct mq_j_queue *q,
			   u64 next_id, u64 delivered)
{
	return context;
}

static int mq_need_place(void *context, void *queue, void *message)
{
	struct mq_recovery *r = context;

	r->need += (unsigned long)message;
	return 0;
}

static int mq_need_dedup(void *context, void *queue, const struct mq_j_dedup *d)
{
	return 0;
}

static const struct mq_j_ops mq_need_ops = {
	.message	= mq_need_message,
	.state		= mq_need_state,
	.drop		= mq_need_drop,
	.queue		= mq_need_queue,
	.place		= mq_need_place,
	.dedup		= mq_need_dedup,
};

/*
 * There is not enough memory for the messages. Say how much they need, for which all
 * of the journal is read once more. A caller without CAP_SYS_RESOURCE is bounded by
 * max_user_bytes, too. Return EDQUOT.
 */
int mq_recover_short(struct mq_recovery *r)
{
	struct mq_j_totals totals;

	if (mq_j_replay(&r->a->log, &mq_need_ops, r, &totals))
		return mq_recover_refuse(r, -EDQUOT,
					 "there is no memory for its messages");
	return mq_recover_refuse(r, -EDQUOT,
				 "its messages need up to %llu bytes of memory, and there were %llu: raise the module's parameter %s",
				 r->need, r->room, r->need > r->room ?
				 "max_total_bytes" : "max_user_bytes");
}

void mq_recover_drop(void *context, void *message)
{
	struct mq_recovery *r = context;
	struct mq_durable *d = mq_msg(message)->detail->durable;

	mq_objects_del(r->a->j, d);
	atomic64_sub(d->live, &r->a->j->live);
	mq_entry_free(message);
}
