/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records: how a message looks from user space, where it is more than its
 * payload. What is done for each of many is here, the rest in record.c.
 */
#ifndef MQ_CALL_RECORD_H
#define MQ_CALL_RECORD_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/devmq.h>

#include "memory/entry.h"
#include "memory/message.h"
#include "queue/known.h"

struct mq_chunk;
struct mq_file;
struct mq_text;

/**
 * struct mq_source - where the records of a SEND come from
 * @window: a piece of them, copied, or NULL: there has been none
 * @user: where that came from
 * @space: bytes of records there
 * @at: how far the window has been read
 * @end: how much there is in it
 */
struct mq_source {
	void		*window;
	void __user	*user;
	u64		space;
	u32		at;
	u32		end;
};

/**
 * struct mq_show - a record with an extra block
 * @e: the entry; of it only the message is looked at any more
 * @r: the record's header
 * @x: the extra block
 * @origin: the name of the queue where it died, or NULL
 * @note: what came with its last failure or a reject, or NULL
 */
struct mq_show {
	const struct mq_entry	*e;
	struct devmq_record	r;
	struct devmq_extra	x;
	struct mq_text		*origin;
	struct mq_text		*note;
};

struct mq_entry *mq_record_get(struct mq_file *f, struct mq_chunk **c,
			       const struct mq_source *from, u64 *step);
u64 mq_record_long_step(const struct mq_entry *e);
u64 mq_to_realtime(u64 time);
void mq_show_fill(struct mq_show *s, const struct mq_entry *e);
u64 mq_show_step(const struct mq_show *s, u32 size);
int mq_show_put(void __user *to, struct mq_show *s, u32 size);
int mq_record_put(void __user *to, const struct mq_entry *e);

/* The size of a record, and above that its flags. */
static inline u64 mq_record_head(const struct devmq_record *r)
{
	return r->size | (u64)r->flags << 32;
}

/* Bytes that it counts in its queue's bound, once it was checked. */
static inline u64 mq_record_bytes(const struct devmq_record *r)
{
	return (u64)r->size - DEVMQ_RECORD_PAYLOAD(r) + r->key_size +
	       r->headers_size;
}

/* Its priority, and above that what a sender has no say in. */
static inline u32 mq_record_level(const struct devmq_record *r)
{
	return r->priority | r->state << 8 | r->failure << 16 |
	       (u32)r->reserved << 24;
}

/* Is there nothing but these two and a payload? All else is left open. */
static inline bool mq_record_is_plain(const struct devmq_record *r)
{
	const u64 *w = (const u64 *)r;

	static_assert(sizeof(*r) == 9 * sizeof(*w));
	static_assert(offsetof(struct devmq_record, failures) == 7 * 8);
	static_assert(offsetof(struct devmq_record, priority) == 7 * 8 + 4);
	return !(w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | r->failures | w[8]);
}

/* Has the kernel something to say of it that does not stand in the header? */
static inline bool mq_has_extra(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return unlikely(detail) && (detail->reason || detail->origin || detail->note);
}

/* Bytes that the record of an entry takes in a buffer. */
static inline u64 mq_record_step(const struct mq_entry *e)
{
	return likely(!mq_has_extra(e)) ? mq_msg_step(mq_msg(e)) :
					  mq_record_long_step(e);
}

/* The same as a copy, of any message. */
static inline void mq_record_fill(struct devmq_record *r,
				  const struct mq_entry *e)
{
	struct mq_known known;

	mq_known_learn(&known, e);
	memcpy(r, mq_msg(e), sizeof(*r));
	r->delay_ns = 0;
	r->ttl_ns = 0;
	r->uid = known.uid;
	r->gid = known.gid;
	r->pid = known.pid;
}

#endif /* MQ_CALL_RECORD_H */
