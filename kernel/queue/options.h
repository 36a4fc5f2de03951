/* SPDX-License-Identifier: GPL-2.0 */
/* The options of a queue and their values. */
#ifndef MQ_QUEUE_OPTIONS_H
#define MQ_QUEUE_OPTIONS_H

#include <linux/types.h>
#include <linux/devmq.h>

/* Upper limit of the options in milliseconds: a hundred years. */
#define MQ_MS_MAX	(100ULL * 36525 * 864 * 1000)

/*
 * The options of a queue. They are described by the table in device/option.c,
 * which reads and writes them by offset and size, as unsigned numbers that are
 * wide enough for their bounds. Options that can change on a live queue are
 * written with WRITE_ONCE() under mq_queue.lock.
 */
struct mq_options {
	u64	max_bytes;
	u64	max_message_size;
	u64	lease_ms;
	u64	retry_ms;
	u64	retry_max_ms;
	u64	delay_ms;
	u64	ttl_ms;
	u64	dedup_window_ms;
	u64	expires_ms;
	u64	dead_ttl_ms;
	u64	retain_bytes;
	u64	retain_memory_bytes;
	u64	retain_ms;
	u64	tombstone_ms;
	u32	max_messages;
	u32	max_deliveries;
	u32	max_dead;
	u32	retain_messages;
	u32	dedup_max;
	u32	uid;
	u32	gid;
	u16	mode;
	u16	prefetch;
	u16	priorities;
	u16	retry_backoff;
	u8	type;
	u8	overflow;
	u8	framing;
	u8	eof;
	u8	allow_empty;
	u8	ack;
	u8	on_expiry;
	u8	order;
	u8	fairness;
	u8	single_active;
	u8	paused;
	u8	auto_delete;
	u8	on_unrouted;
	u8	compact;
	union {
		char	dead_letter[DEVMQ_NAME_MAX + 1];	/* of a queue */
		char	alternate[DEVMQ_NAME_MAX + 1];		/* of a topic */
	};
	char	journal[DEVMQ_NAME_MAX + 1];
};

enum {
	MQ_OVERFLOW_BLOCK, MQ_OVERFLOW_REJECT, MQ_OVERFLOW_DROP_HEAD,
	MQ_OVERFLOW_DEAD_LETTER
};

enum { MQ_TYPE_QUEUE, MQ_TYPE_TOPIC };
enum { MQ_COMPACT_NONE, MQ_COMPACT_KEY };
enum { MQ_FRAMING_RECORD, MQ_FRAMING_LINE };
enum { MQ_EOF_NEVER, MQ_EOF_EMPTY, MQ_EOF_HANGUP };
enum { MQ_UNROUTED_DROP, MQ_UNROUTED_REFUSE };
enum { MQ_EXPIRY_DROP, MQ_EXPIRY_DEAD };
enum { MQ_ORDER_FIFO, MQ_ORDER_KEY };
enum { MQ_FAIRNESS_NONE, MQ_FAIRNESS_KEY, MQ_FAIRNESS_UID };
/* Bits of the option paused. */
enum { MQ_PAUSED_NONE, MQ_PAUSED_SEND, MQ_PAUSED_RECEIVE, MQ_PAUSED_BOTH };

#endif /* MQ_QUEUE_OPTIONS_H */
