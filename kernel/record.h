/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records: how a message looks from user space, where it is more than its
 * payload. What is done for each of many is here, the rest in record.c.
 */
#ifndef MQ_RECORD_H
#define MQ_RECORD_H

#include "mq.h"

/**
 * struct mq_source - where the records of a SEND come from
 * @window: a piece of them, copied
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
 * struct mq_known - a sender, as the caller sees him
 * @sender: whose numbers these are
 * @uid: his effective user id
 * @gid: his effective group id
 * @pid: his process
 */
struct mq_known {
	const struct mq_sender	*sender;
	u32			uid;
	u32			gid;
	u32			pid;
};

/**
 * struct mq_show - a record with an extra block
 * @e: the entry; of it only the message is looked at any more
 * @r: the record's header
 * @x: the extra block
 * @origin: the name of the queue where it died, or NULL
 * @note: what it was rejected with, or NULL
 */
struct mq_show {
	const struct mq_entry	*e;
	struct devmq_record	r;
	struct devmq_extra	x;
	struct mq_text		*origin;
	struct mq_text		*note;
};

struct mq_entry *mq_record_get(struct mq_file *f, struct mq_chunk **c,
			       const struct mq_source *from, bool nowait,
			       u64 *step);
void mq_known_learn(struct mq_known *known, const struct mq_sender *s);
int mq_record_put(void __user *to, const struct mq_entry *e);
u64 mq_record_long_step(const struct mq_entry *e);
void mq_show_fill(struct mq_show *s, const struct mq_entry *e);
u64 mq_show_step(const struct mq_show *s, u32 size);
int mq_show_put(void __user *to, struct mq_show *s, u32 size);
u32 mq_record_pid(u32 pid);

/* Nothing but a payload and a priority: all else is left open. */
static inline bool mq_record_is_plain(const struct devmq_record *r)
{
	const u64 *w = (const u64 *)r;

	static_assert(sizeof(*r) == 9 * sizeof(*w));
	return !(r->flags | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] |
		 r->failures | r->state | r->failure | r->reserved | w[8]);
}

/* Has the kernel something to say of it that does not stand in the header? */
static inline bool mq_has_extra(const struct mq_entry *e)
{
	return unlikely(e->more) && (e->more->reason || e->more->origin);
}

/* Bytes that the record of an entry takes in a buffer. */
static inline u64 mq_record_step(const struct mq_entry *e)
{
	return likely(!mq_has_extra(e)) ?
	       sizeof(struct devmq_record) + mq_msg_extent(&e->msg) :
	       mq_record_long_step(e);
}

/**
 * mq_record_fill - fill in a record's header
 * @r: the header
 * @e: the entry
 * @offset: bytes of what stands before the payload
 * @known: whom the record before was sent by
 */
static inline void mq_record_fill(struct devmq_record *r,
				  const struct mq_entry *e, u32 offset,
				  struct mq_known *known)
{
	const struct mq_sender *s = mq_sender_of(e);
	u32 size = e->msg.size;
	u16 key_size = e->msg.key_size, headers_size = e->msg.headers_size;
	u64 id = e->id, time_ns = e->msg.time_ns;
	u32 attempt = e->attempt, failures = e->failures;
	u8 priority = e->priority, state = e->state, failure = e->failure;

	if (unlikely(known->sender != s))
		mq_known_learn(known, s);
	/* All is read before anything is written, so that this is done in words. */
	r->size = sizeof(*r) + offset + size;
	r->flags = 0;
	r->id = id;
	r->time_ns = time_ns;
	r->delay_ns = 0;
	r->ttl_ns = 0;
	r->uid = known->uid;
	r->gid = known->gid;
	r->pid = known->pid;
	r->attempt = attempt;
	r->failures = failures;
	r->priority = priority;
	r->state = state;
	r->failure = failure;
	r->reserved = 0;
	r->extra_size = 0;
	r->key_size = key_size;
	r->dedup_size = 0;
	r->headers_size = headers_size;
}

#endif /* MQ_RECORD_H */
