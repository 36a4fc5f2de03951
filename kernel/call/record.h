/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records: the form in which SEND, RECV and PEEK exchange messages with user
 * space. The functions that run for each of many messages are inline here; the
 * others are in record.c.
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
struct mq_queue;
struct mq_text;

/**
 * struct mq_source - where SEND reads its records from
 * @window: buffer with a copy of the next bytes, or NULL if none was needed yet
 * @user: user address of the beginning of the window
 * @space: bytes of records from there on
 * @at: offset of the next record in the window
 * @end: bytes in the window
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
 * @e: the entry, of which only the message is used
 * @r: the header of the record
 * @x: the extra block
 * @topic: what the message tells of the topic it was sent to, or NULL
 * @origin: the name of the queue where the message died, or NULL
 * @note: the note of its last failure or reject, or NULL
 */
struct mq_show {
	const struct mq_entry	*e;
	struct devmq_record	r;
	struct devmq_extra	x;
	struct mq_text		*topic;
	struct mq_text		*origin;
	struct mq_text		*note;
};

/*
 * A message with a longer delay than this stays for long, where its memory is
 * concerned. An instant of CLOCK_REALTIME (DEVMQ_RECORD_AT) is always longer.
 */
#define MQ_LONG_DELAY	NSEC_PER_SEC

bool mq_record_settle_meta(const struct mq_queue *q, struct devmq_record *r,
			   u32 *pad);
struct mq_entry *mq_record_get(struct mq_file *f, struct mq_chunk **c,
			       const struct mq_source *from, u64 *step);
u64 mq_record_long_stride(const struct mq_entry *e);
u64 mq_to_realtime(u64 time);
void mq_show_fill(struct mq_show *s, const struct mq_entry *e);
u64 mq_show_stride(const struct mq_show *s, u32 size);
int mq_show_put(void __user *to, struct mq_show *s, u32 size);
int mq_record_put(void __user *to, const struct mq_entry *e);

/* Return the size of a record, and above it the flags. */
static inline u64 mq_record_head(const struct devmq_record *r)
{
	return r->size | (u64)r->flags << 32;
}

/*
 * Return the bytes that a record, which was checked, counts in a queue's bound.
 */
static inline u64 mq_record_bytes(const struct devmq_record *r)
{
	return (u64)r->size - DEVMQ_RECORD_PAYLOAD(r) + r->key_size +
	       r->headers_size;
}

/*
 * Return the priority, and above it the fields that a sender has to leave zero.
 */
static inline u32 mq_record_level(const struct devmq_record *r)
{
	return r->priority | r->state << 8 | r->failure << 16 |
	       (u32)r->reserved << 24;
}

/*
 * Return true if a record has nothing but the fields of mq_record_head() and
 * mq_record_level(), which the caller checks, a delay if it @may_wait, the sizes of
 * its parts, and these.
 */
static inline bool mq_record_is_simple(const struct devmq_record *r, bool may_wait)
{
	const u64 *w = (const u64 *)r;

	static_assert(sizeof(*r) == 9 * sizeof(*w));
	static_assert(offsetof(struct devmq_record, delay_ns) == 3 * 8);
	static_assert(offsetof(struct devmq_record, failures) == 7 * 8);
	static_assert(offsetof(struct devmq_record, priority) == 7 * 8 + 4);
	static_assert(offsetof(struct devmq_record, extra_size) == 8 * 8);
	return !(w[1] | w[2] | (may_wait ? 0 : w[3]) | w[4] | w[5] | w[6] |
		 r->failures);
}

/* Return the sizes of a record's parts as one number; 0: it has only a payload. */
static inline u64 mq_record_sizes(const struct devmq_record *r)
{
	return ((const u64 *)r)[8];
}

/* Return true if the record of the message needs an extra block that is to be made. */
static inline bool mq_has_extra(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	/* An extra block that lies in the message says nothing of the rest. */
	return unlikely(detail) && (detail->reason || detail->origin ||
				    detail->note || detail->topic ||
				    mq_msg(e)->extra_size);
}

/* Return the bytes that the record of a message takes in a buffer. */
static inline u64 mq_record_stride(const struct mq_entry *e)
{
	return likely(!mq_has_extra(e)) ? mq_msg_padded_size(mq_msg(e)) :
					  mq_record_long_stride(e);
}

/* Fill in the header of a message's record, as the caller may see it. */
static inline void mq_record_fill(struct devmq_record *r,
				  const struct mq_entry *e)
{
	struct mq_sender_view known;

	mq_sender_view_set(&known, e);
	memcpy(r, mq_msg(e), sizeof(*r));
	r->flags = 0;
	r->delay_ns = 0;
	r->ttl_ns = 0;
	r->uid = known.uid;
	r->gid = known.gid;
	r->pid = known.pid;
}

#endif /* MQ_CALL_RECORD_H */
