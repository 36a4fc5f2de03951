/* SPDX-License-Identifier: GPL-2.0 */
/* A message as it is stored. */
#ifndef MQ_MESSAGE_H
#define MQ_MESSAGE_H

#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <linux/devmq.h>

struct mq_file;
struct mq_detail;
struct mq_queue;
struct mq_seen;

/**
 * struct mq_msg - a message, stored as the record that its receiver gets
 * @size: bytes of the record
 * @flags: 0
 * @id: number in the queue
 * @time_ns: when it was sent, CLOCK_REALTIME
 * @holder: in flight: the open file that has it; NULL: a RECV is at work on it
 * @seen: not in the queue yet: its de-duplication id, or NULL
 * @target: in mq_queue.unlinked and to leave: where it goes
 * @no_delay: all of these, 0 in a record that goes out
 * @detail: what is rare, or NULL
 * @no_ttl: the same, 0 in a record that goes out
 * @since_ns: in flight, if there is a @holder: when it was handed out,
 *	CLOCK_BOOTTIME, 0: just now
 * @since: in any other state: when it came to that, and to the queue, mq_ticks()
 * @ids: of no meaning, as the next one: see mq_sender_of(); uid and gid in a
 *	record that goes out
 * @pid: the same
 * @attempt: how often it was handed out
 * @failures: how many of those went wrong
 * @priority: its level
 * @state: enum devmq_state; 0: not in the queue, or the mark of a cursor
 * @failure: enum devmq_failure, the last one
 * @reserved: 0
 * @extra_size: 0
 * @key_size: bytes of the key
 * @dedup_size: 0
 * @headers_size: bytes of the headers
 * @sizes: the last four; 0: there is nothing but a payload
 *
 * This is struct devmq_record. What a receiver finds zeroed there, or what
 * depends on who he is, has other uses while the message is stored, and is put in
 * order when it is handed out as a record (mq_msg_present()).
 *
 * Behind it stand key and headers, zeros up to a multiple of 8, the payload, and
 * zeros again to the next multiple of 8. These, the sizes and the time never
 * change once the message is in a queue, and stay where they are while anybody
 * has a reference to the chunk. All else is protected as the entry is.
 */
struct mq_msg {
	u32	size;
	u32	flags;
	u64	id;
	u64	time_ns;
	union {
		struct mq_file	*holder;
		struct mq_seen	*seen;
		struct mq_queue	*target;
		u64		no_delay;
	};
	union {
		struct mq_detail *detail;
		u64		no_ttl;
	};
	union {
		u64		since_ns;
		u64		since;
		u64		ids;
	};
	u32	pid;
	u32	attempt;
	u32	failures;
	u8	priority;
	u8	state;
	u8	failure;
	u8	reserved;
	union {
		struct {
			u16	extra_size;
			u16	key_size;
			u16	dedup_size;
			u16	headers_size;
		};
		u64	sizes;
	};
};

#define MQ_SAME_PLACE(member, as)					\
	static_assert(offsetof(struct mq_msg, member) ==		\
		      offsetof(struct devmq_record, as))
MQ_SAME_PLACE(id, id);
MQ_SAME_PLACE(time_ns, time_ns);
MQ_SAME_PLACE(no_delay, delay_ns);
MQ_SAME_PLACE(no_ttl, ttl_ns);
MQ_SAME_PLACE(ids, uid);
static_assert(offsetof(struct devmq_record, gid) ==
	      offsetof(struct devmq_record, uid) + sizeof(u32));
MQ_SAME_PLACE(pid, pid);
MQ_SAME_PLACE(attempt, attempt);
MQ_SAME_PLACE(failures, failures);
MQ_SAME_PLACE(priority, priority);
MQ_SAME_PLACE(state, state);
MQ_SAME_PLACE(failure, failure);
MQ_SAME_PLACE(key_size, key_size);
MQ_SAME_PLACE(headers_size, headers_size);
static_assert(sizeof(struct mq_msg) == sizeof(struct devmq_record));

/**
 * struct mq_sizes - the sizes of a message's parts
 * @size: bytes of payload
 * @key_size: bytes of the key
 * @headers_size: bytes of the headers
 */
struct mq_sizes {
	u32	size;
	u16	key_size;
	u16	headers_size;
};

/* Bytes from the beginning of a record to its payload, with so much before. */
static inline u32 mq_offset(u32 meta)
{
	return sizeof(struct mq_msg) + ALIGN(meta, 8);
}

/* Bytes from a message's beginning to its payload. */
static inline u32 mq_msg_offset(const struct mq_msg *m)
{
	return mq_offset(m->key_size + m->headers_size);
}

/* Bytes of a message's payload. */
static inline u32 mq_msg_size(const struct mq_msg *m)
{
	return m->size - mq_msg_offset(m);
}

/* Bytes from one message's beginning to the next one's. */
static inline u64 mq_msg_step(const struct mq_msg *m)
{
	return ALIGN((u64)m->size, 8);
}

/* Bytes that a message counts in its queue's bound. */
static inline u64 mq_msg_bytes(const struct mq_msg *m)
{
	u32 meta;

	if (likely(!m->sizes))
		return m->size - sizeof(*m);
	barrier();	/* the rest is not for here */
	meta = m->key_size + m->headers_size;
	return (u64)m->size - mq_offset(meta) + meta;
}

/* A message in no queue, of a payload of @size bytes; its sender is known. */
static inline void mq_msg_init(struct mq_msg *m, u32 size)
{
	m->size = sizeof(*m) + size;
	m->flags = 0;
	m->no_delay = 0;
	m->no_ttl = 0;
	m->attempt = 0;
	m->failures = 0;
	m->priority = 0;
	m->state = 0;
	m->failure = 0;
	m->reserved = 0;
	m->sizes = 0;
}

/* Its payload becomes longer or shorter: see mq_entry_resize(). */
static inline void mq_msg_set_size(struct mq_msg *m, u32 size)
{
	m->size = mq_msg_offset(m) + size;
}

#endif /* MQ_MESSAGE_H */
