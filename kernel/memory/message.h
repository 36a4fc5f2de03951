/* SPDX-License-Identifier: GPL-2.0 */
/* A message as a queue stores it. */
#ifndef MQ_MESSAGE_H
#define MQ_MESSAGE_H

#include <linux/align.h>
#include <linux/bits.h>
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
 * @size: size of the record in bytes, without the padding at its end
 * @flags: MQ_MSG_BORROWS, MQ_MSG_STUB and so on; 0 in a record for user space
 * @id: id of the message in its queue
 * @time_ns: when the message was sent, CLOCK_REALTIME
 * @holder: the open file that has the delivery; NULL while a RECV copies the
 *	message out
 * @seen: the de-duplication id of the message, or NULL
 * @target: the dead-letter queue to which the message goes
 * @no_delay: the three fields above as one number; 0 in a record for user space
 * @detail: the fields that few messages need, or NULL
 * @no_ttl: @detail as a number; 0 in a record for user space
 * @since_ns: with a @holder: when the message was handed out, CLOCK_BOOTTIME;
 *	0: not set yet, as the consumer does not hold it yet
 * @since: when the message entered its state in this queue, mq_ticks()
 * @ids: uid and gid of the sender in a record for user space; mq_sender_of()
 *	has them while the message is stored
 * @pid: the pid of the sender, in the same way
 * @attempt: how often the message was handed out
 * @failures: how many of its deliveries failed
 * @priority: priority level
 * @state: enum devmq_state; 0: in no queue, or the mark of a cursor
 * @failure: enum devmq_failure, how the last failed delivery failed
 * @reserved: always 0
 * @extra_size: size of the extra block in bytes, or 0
 * @key_size: size of the key in bytes
 * @dedup_size: always 0
 * @headers_size: size of the headers in bytes
 * @sizes: the four sizes above as one number; 0: the message has only a payload
 *
 * Which members of the unions are in use depends on where the message is:
 *
 *   being sent, in no queue yet            @seen      @detail
 *   in a queue, and not in flight          -          @detail   @since
 *   in flight                              @holder    @detail   @since_ns
 *   unlinked, and mq_entry.leaving is set  @target    @detail   -
 *   acknowledged, to be copied out as a    @no_delay  @no_ttl   @ids
 *   record
 *
 * The layout is that of struct devmq_record. Some fields of the record are zero
 * for the receiver, or depend on the receiver. A stored message uses these
 * fields for other things; mq_msg_present() fills them in when the message is
 * handed out as a record.
 *
 * A copy of a topic's message may begin with an extra block, as its record does
 * (struct devmq_extra), which tells of the topic and nothing else.
 *
 * The key and the headers follow, padded with zeros to a multiple of 8 bytes,
 * then the payload, padded in the same way. With MQ_MSG_BORROWS, the message
 * shares the payload of another one, and a pointer to that is in its place; @size
 * counts the payload all the same. With MQ_MSG_STUB, a journal alone has all of these
 * bytes, and a struct mq_stub is in their place; the sizes are those of the message
 * all the same. While the message is in a queue, these bytes,
 * the sizes and @time_ns do not change. They also stay where they are, a shared
 * payload included, as long as anybody holds a reference to the chunk. The other
 * fields are protected like the entry.
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

/* In mq_msg.flags: the payload is that of another message. */
#define MQ_MSG_BORROWS	BIT(0)
/* A journal alone has key, headers and payload: see stub.c. */
#define MQ_MSG_STUB	BIT(1)
/* Of a stub: the key is here as well. */
#define MQ_MSG_KEYED	BIT(2)
/* Of a stub: the payload ends in a newline. */
#define MQ_MSG_LINE	BIT(3)

/**
 * struct mq_stub - what follows a message whose bytes a journal alone has
 * @serial: number of the message in the journal
 * @key: with MQ_MSG_KEYED: the key
 */
struct mq_stub {
	u64	serial;
	u8	key[];
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
 * @extra_size: bytes of the extra block
 */
struct mq_sizes {
	u32	size;
	u16	key_size;
	u16	headers_size;
	u16	extra_size;
};

/* Return the offset of the payload behind @meta bytes of extra block, key and headers. */
static inline u32 mq_payload_offset(u32 meta)
{
	return sizeof(struct mq_msg) + ALIGN(meta, 8);
}

/* Return the offset of the payload from the beginning of the message. */
static inline u32 mq_msg_offset(const struct mq_msg *m)
{
	return mq_payload_offset(m->extra_size + m->key_size + m->headers_size);
}

/* Return the size of the payload in bytes. */
static inline u32 mq_msg_size(const struct mq_msg *m)
{
	return m->size - mq_msg_offset(m);
}

/* Return true if the message shares the payload of another one. */
static inline bool mq_msg_borrows(const struct mq_msg *m)
{
	return m->flags & MQ_MSG_BORROWS;
}

/* Return the payload, wherever it is. Whoever reads one gets it here. */
static inline const u8 *mq_msg_payload(const struct mq_msg *m)
{
	const void *at = (const void *)m + mq_msg_offset(m);

	return likely(!mq_msg_borrows(m)) ? at : *(const u8 *const *)at;
}

/* Return true if a journal alone has the bytes of the message. */
static inline bool mq_msg_is_stub(const struct mq_msg *m)
{
	return m->flags & MQ_MSG_STUB;
}

static inline struct mq_stub *mq_msg_stub(const struct mq_msg *m)
{
	return (void *)(m + 1);
}

/* Return true if the payload ends in a newline. */
static inline bool mq_msg_ends_line(const struct mq_msg *m)
{
	u32 size = mq_msg_size(m);

	if (unlikely(mq_msg_is_stub(m)))
		return m->flags & MQ_MSG_LINE;
	return size && mq_msg_payload(m)[size - 1] == '\n';
}

/* Return the bytes that a stub with the key, or without, takes in a chunk. */
static inline u32 mq_stub_size(u16 key_size, bool keyed)
{
	return sizeof(struct mq_msg) + sizeof(struct mq_stub) +
	       (keyed ? ALIGN(key_size, 8) : 0);
}

/* Return the extra block that lies in the message, or NULL. */
static inline struct devmq_extra *mq_msg_extra(const struct mq_msg *m)
{
	return unlikely(m->extra_size) ? (void *)(m + 1) : NULL;
}

/* Return the size of the record with its padding. */
static inline u64 mq_msg_padded_size(const struct mq_msg *m)
{
	return ALIGN((u64)m->size, 8);
}

/* Return the bytes that the message takes in its chunk; what it shares counts, too. */
static inline u64 mq_msg_stored_size(const struct mq_msg *m)
{
	if (unlikely(mq_msg_is_stub(m)))
		return mq_stub_size(m->key_size, m->flags & MQ_MSG_KEYED);
	return mq_msg_padded_size(m);
}

/* Return the bytes that count against max_bytes: payload, key and headers. */
static inline u64 mq_msg_bytes(const struct mq_msg *m)
{
	u32 meta;

	if (likely(!m->sizes))
		return m->size - sizeof(*m);
	barrier();	/* do not compute the rest for a plain message */
	meta = m->key_size + m->headers_size;
	return (u64)m->size - mq_msg_offset(m) + meta;
}

/* Initialize a message of @size bytes of payload that is in no queue yet. */
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

/* Change the size of the payload. The caller must have room for it. */
static inline void mq_msg_set_size(struct mq_msg *m, u32 size)
{
	m->size = mq_msg_offset(m) + size;
}

#endif /* MQ_MESSAGE_H */
