/* SPDX-License-Identifier: GPL-2.0 */
/* Looking at messages: PEEK, and parsing records. */
#ifndef MQ_TEST_LOOK_H
#define MQ_TEST_LOOK_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <linux/devmq.h>

#include "helpers/queue.h"
#include "helpers/record.h"
#include "helpers/settle.h"

static inline void mq_peek_init(struct devmq_peek *peek, void *buffer,
				size_t size)
{
	memset(peek, MQ_POISON, sizeof(*peek));
	peek->size = sizeof(*peek);
	peek->flags = 0;
	peek->buffer = (uintptr_t)buffer;
	peek->buffer_size = size;
	peek->after_id = 0;
	peek->states = 0;
	peek->max_count = 0;
	peek->payload_max = DEVMQ_FOREVER;
	peek->reserved = 0;
}

static inline int mq_peek(int fd, void *buffer, size_t size,
			  struct devmq_peek *peek)
{
	memset(buffer, MQ_POISON, size);
	mq_peek_init(peek, buffer, size);
	return mq_ioctl(fd, DEVMQ_IOC_PEEK, peek);
}

/*
 * Peek at the message with this id. Returns 0 and its header, or a negative
 * errno.
 */
static inline int mq_peek_id(const struct mq_queue *queue, uint64_t id,
			     struct devmq_record *record)
{
	char buffer[2048];
	struct devmq_peek peek;
	int error, fd = mq_open(queue, MQ_LOOK);

	if (fd < 0)
		return fd;
	memset(buffer, MQ_POISON, sizeof(buffer));
	mq_peek_init(&peek, buffer, sizeof(buffer));
	peek.after_id = id - 1;
	peek.max_count = 1;
	peek.payload_max = 0;
	error = mq_ioctl(fd, DEVMQ_IOC_PEEK, &peek);
	close(fd);
	if (error)
		return error;
	memcpy(record, buffer, sizeof(*record));
	return peek.count == 1 && record->id == id ? 0 : -ENOENT;
}

/* A parsed record. */
struct mq_look {
	struct devmq_record record;
	struct devmq_extra extra;	/* zero if the record has none */
	char topic[DEVMQ_NAME_MAX + 1];
	char origin[DEVMQ_NAME_MAX + 1];
	char note[DEVMQ_NOTE_MAX + 1];
	char key[DEVMQ_KEY_MAX + 1];
	char payload[64];		/* its first bytes, as a string */
};

/* Parse @record. Returns 0, or -EBADMSG if its sizes are inconsistent. */
static inline int mq_look_at(struct devmq_record *record, struct mq_look *look)
{
	char *data = (char *)(record + 1);
	size_t size;

	memset(look, 0, sizeof(*look));
	look->record = *record;
	if (record->extra_size) {
		if (record->extra_size < sizeof(look->extra))
			return -EBADMSG;
		memcpy(&look->extra, data, sizeof(look->extra));
		if (look->extra.origin_size > DEVMQ_NAME_MAX ||
		    look->extra.note_size > DEVMQ_NOTE_MAX ||
		    look->extra.topic_size > DEVMQ_NAME_MAX ||
		    record->extra_size < sizeof(look->extra) +
		    look->extra.topic_size + look->extra.origin_size +
		    look->extra.note_size)
			return -EBADMSG;
		data += record->extra_size - look->extra.topic_size -
			look->extra.origin_size - look->extra.note_size;
		memcpy(look->topic, data, look->extra.topic_size);
		data += look->extra.topic_size;
		memcpy(look->origin, data, look->extra.origin_size);
		memcpy(look->note, data + look->extra.origin_size,
		       look->extra.note_size);
		data += look->extra.origin_size + look->extra.note_size;
	}
	if (record->key_size > DEVMQ_KEY_MAX)
		return -EBADMSG;
	memcpy(look->key, data, record->key_size);
	size = mq_record_payload_size(record);
	memcpy(look->payload, mq_record_payload(record),
	       size < sizeof(look->payload) ? size : sizeof(look->payload) - 1);
	return 0;
}

/* Peek at the message with this id, and parse it. */
static inline int mq_look_id(const struct mq_queue *queue, uint64_t id,
			     struct mq_look *look)
{
	struct devmq_record *record;
	struct devmq_peek peek;
	int error, fd = mq_open(queue, MQ_LOOK);
	char buffer[4096] __attribute__((aligned(8)));

	memset(look, MQ_POISON, sizeof(*look));
	if (fd < 0)
		return fd;
	memset(buffer, MQ_POISON, sizeof(buffer));
	mq_peek_init(&peek, buffer, sizeof(buffer));
	peek.after_id = id - 1;
	peek.max_count = 1;
	error = mq_ioctl(fd, DEVMQ_IOC_PEEK, &peek);
	close(fd);
	if (error)
		return error;
	record = mq_record_next(buffer, peek.used, NULL);
	if (peek.count != 1 || !record || record->id != id)
		return -ENOENT;
	return mq_look_at(record, look);
}

/* Receive the next message without waiting, and parse it. */
static inline int mq_take(int fd, struct mq_look *look)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct devmq_record *record;
	struct devmq_recv recv;
	int error;

	memset(look, MQ_POISON, sizeof(*look));
	memset(buffer, MQ_POISON, sizeof(buffer));
	mq_recv_init(&recv, buffer, sizeof(buffer));
	recv.max_count = 1;
	error = mq_ioctl(fd, DEVMQ_IOC_RECV, &recv);
	if (error)
		return error;
	record = mq_record_next(buffer, recv.used, NULL);
	if (recv.count != 1 || !record)
		return -EBADMSG;
	return mq_look_at(record, look);
}

/* The state of a message, -ENOENT if there is none with this id. */
static inline int mq_state(const struct mq_queue *queue, uint64_t id)
{
	struct devmq_record record;

	return mq_peek_id(queue, id, &record) ?: record.state;
}

/*
 * Send six messages on a descriptor with ack=manual, and bring them into all
 * states: 1 is deferred, 2 dead, 3 delayed by a retry, 4 in flight, 5 ready, 6
 * delayed.
 */
static inline int mq_fill_states(int fd)
{
	char byte;
	int i;

	if (mq_fill(fd, 5) ||
	    MQ_SEND(fd, .text = "m6", .delay_ns = MQ_HOUR) != 6)
		return -EIO;
	for (i = 1; i <= 4; i++)
		if (mq_read(fd, &byte, 1) != 1 || mq_read(fd, &byte, 1) != 1)
			return -EIO;
	if (mq_defer(fd, 1) != 1 || mq_reject(fd, 2) != 1 ||
	    mq_retry(fd, 3, MQ_HOUR) != 1)
		return -ESTALE;
	return 0;
}

/* Expect a message to be in this state, with these attempts and failures. */
#define MQ_EXPECT(queue, id, in_state, attempts, failed, reason) do {	\
	struct devmq_record __record;					\
									\
	EXPECT_EQ(0, mq_peek_id(queue, id, &__record));			\
	EXPECT_EQ(DEVMQ_STATE_##in_state, __record.state);		\
	EXPECT_EQ(attempts, __record.attempt);				\
	EXPECT_EQ(failed, __record.failures);				\
	EXPECT_EQ(DEVMQ_FAILURE_##reason, __record.failure);		\
} while (0)

#endif /* MQ_TEST_LOOK_H */
