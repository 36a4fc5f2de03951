/* SPDX-License-Identifier: GPL-2.0 */
/* Records: their layout, and the ioctls that send and receive them. */
#ifndef MQ_TEST_RECORD_H
#define MQ_TEST_RECORD_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/devmq.h>

#include "helpers/call.h"

/* Records to be sent, one after the other. */
struct mq_batch {
	char *data;
	size_t size;		/* bytes up to the end of the last record */
	size_t capacity;
};

static inline void mq_batch_free(struct mq_batch *batch)
{
	free(batch->data);
	memset(batch, 0, sizeof(*batch));
}

/*
 * Add a record with copies of the key, headers and payload; a part of size 0 is
 * left out. The padding is poisoned. The returned pointer is valid until the
 * next record is added.
 */
static inline struct devmq_record *
mq_batch_add_full(struct mq_batch *batch, const void *key, size_t key_size,
		  const void *headers, size_t headers_size,
		  const void *payload, size_t payload_size)
{
	size_t start = DEVMQ_ALIGN(batch->size);
	size_t behind = sizeof(struct devmq_record) + key_size + headers_size;
	size_t size = DEVMQ_ALIGN(behind) + payload_size;
	struct devmq_record *record;
	char *data;

	if (start + DEVMQ_ALIGN(size) > batch->capacity) {
		batch->capacity = 2 * (start + DEVMQ_ALIGN(size));
		batch->data = realloc(batch->data, batch->capacity);
	}
	memset(batch->data + batch->size, MQ_POISON,
	       start + DEVMQ_ALIGN(size) - batch->size);
	record = (struct devmq_record *)(batch->data + start);
	memset(record, 0, sizeof(*record));
	record->size = size;
	record->key_size = key_size;
	record->headers_size = headers_size;
	data = (char *)(record + 1);
	if (key_size)
		memcpy(data, key, key_size);
	if (headers_size)
		memcpy(data + key_size, headers, headers_size);
	if (payload_size)
		memcpy((char *)record + DEVMQ_ALIGN(behind), payload,
		       payload_size);
	batch->size = start + size;
	return record;
}

static inline struct devmq_record *mq_batch_add(struct mq_batch *batch,
						const char *text)
{
	return mq_batch_add_full(batch, NULL, 0, NULL, 0, text, strlen(text));
}

static inline size_t mq_header_put(char *where, const char *name,
				   const void *value, size_t value_size)
{
	struct devmq_header header = {
		.name_size = strlen(name),
		.value_size = value_size,
	};

	memcpy(where, &header, sizeof(header));
	memcpy(where + sizeof(header), name, strlen(name));
	memcpy(where + sizeof(header) + strlen(name), value, value_size);
	return sizeof(header) + strlen(name) + value_size;
}

static inline int mq_send(int fd, const void *records, size_t size,
			  struct devmq_send *send)
{
	struct devmq_send local;

	if (!send)
		send = &local;
	memset(send, MQ_POISON, sizeof(*send));
	send->size = sizeof(*send);
	send->flags = 0;
	send->records = (uintptr_t)records;
	send->records_size = size;
	send->result = 0;
	return mq_ioctl(fd, DEVMQ_IOC_SEND, send);
}

/* Send a bare payload by DEVMQ_IOC_SEND: its id, or a negative errno. */
static inline long long mq_send_payload(int fd, const void *payload, size_t size)
{
	struct devmq_send send;
	int error;

	memset(&send, MQ_POISON, sizeof(send));
	send.size = sizeof(send);
	send.flags = DEVMQ_SEND_PAYLOAD;
	send.records = (uintptr_t)payload;
	send.records_size = size;
	send.result = 0;
	error = mq_ioctl(fd, DEVMQ_IOC_SEND, &send);
	if (error)
		return error;
	if (send.count != 1 || send.first_id != send.last_id || send.result)
		return -EBADMSG;
	return send.first_id;
}

/* Send one payload as a record: its id, or a negative errno. */
static inline long long mq_send_one(int fd, const void *payload, size_t size)
{
	struct mq_batch batch = {};
	struct devmq_send send;
	int error;

	mq_batch_add_full(&batch, NULL, 0, NULL, 0, payload, size);
	error = mq_send(fd, batch.data, batch.size, &send);
	mq_batch_free(&batch);
	if (error)
		return error;
	if (send.count != 1 || send.first_id != send.last_id)
		return -EBADMSG;
	return send.first_id;
}

/* A message to be sent. A member that is zero or NULL is left out. */
struct mq_message {
	const char *text, *key, *dedup;
	uint64_t delay_ns, ttl_ns;
	unsigned int priority, flags;
};

static inline struct devmq_record *
mq_batch_add_message(struct mq_batch *batch, const struct mq_message *message)
{
	const char *text = message->text ?: "", *key = message->key ?: "";
	const char *dedup = message->dedup ?: "";
	struct devmq_record *record;

	/* The de-duplication id takes the place of the headers. */
	record = mq_batch_add_full(batch, key, strlen(key), dedup,
				   strlen(dedup), text, strlen(text));
	record->headers_size = 0;
	record->dedup_size = strlen(dedup);
	record->delay_ns = message->delay_ns;
	record->ttl_ns = message->ttl_ns;
	record->priority = message->priority;
	record->flags = message->flags;
	return record;
}

/* Send one message: its id, or a negative errno. */
static inline long long mq_send_message(int fd,
					const struct mq_message *message)
{
	struct mq_batch batch = {};
	struct devmq_send send;
	int error;

	mq_batch_add_message(&batch, message);
	error = mq_send(fd, batch.data, batch.size, &send);
	mq_batch_free(&batch);
	if (error)
		return error;
	if (send.count != 1 || send.first_id != send.last_id || send.result)
		return -EBADMSG;
	return send.first_id;
}

#define MQ_SEND(fd, ...) \
	mq_send_message(fd, &(struct mq_message){ __VA_ARGS__ })

/* Like mq_fill(), but with up to 512 messages in each call. */
static inline int mq_fill_fast(int fd, unsigned int count)
{
	struct mq_batch batch = {};
	struct devmq_send send;
	unsigned int i, n = 0;
	char text[32];
	int error;

	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "m%u", i);
		mq_batch_add(&batch, text);
		n++;
		if (i < count && n < 512)
			continue;
		error = mq_send(fd, batch.data, batch.size, &send);
		if (!error && send.count != n)
			error = -EIO;
		mq_batch_free(&batch);
		if (error)
			return error;
		n = 0;
	}
	return 0;
}

static inline void mq_recv_init(struct devmq_recv *recv, void *buffer,
				size_t size)
{
	memset(recv, MQ_POISON, sizeof(*recv));
	recv->size = sizeof(*recv);
	recv->flags = 0;
	recv->buffer = (uintptr_t)buffer;
	recv->buffer_size = size;
	recv->deadline_ns = 0;
	recv->id = 0;
	recv->max_count = 0;
	recv->ack_first_id = 0;
	recv->ack_last_id = 0;
}

/* Receive the ready messages, without waiting, into a poisoned buffer. */
static inline int mq_recv(int fd, void *buffer, size_t size,
			  struct devmq_recv *recv)
{
	memset(buffer, MQ_POISON, size);
	mq_recv_init(recv, buffer, size);
	return mq_ioctl(fd, DEVMQ_IOC_RECV, recv);
}

/* Receive a deferred message. */
static inline int mq_recv_id(int fd, uint64_t id, void *buffer, size_t size,
			     struct devmq_recv *recv)
{
	memset(buffer, MQ_POISON, size);
	mq_recv_init(recv, buffer, size);
	recv->id = id;
	return mq_ioctl(fd, DEVMQ_IOC_RECV, recv);
}

/*
 * The record after @record, or the first one if @record is NULL, among @used
 * bytes in @buffer. Returns NULL if no complete record follows.
 */
static inline struct devmq_record *
mq_record_next(void *buffer, size_t used, struct devmq_record *record)
{
	size_t place = 0;

	if (record)
		place = (char *)record - (char *)buffer +
			DEVMQ_RECORD_STEP(record->size);
	if (place + sizeof(*record) > used)
		return NULL;
	record = (struct devmq_record *)((char *)buffer + place);
	if (record->size < sizeof(*record) || place + record->size > used)
		return NULL;
	return record;
}

static inline char *mq_record_payload(struct devmq_record *record)
{
	return (char *)record + DEVMQ_RECORD_PAYLOAD(record);
}

static inline size_t mq_record_payload_size(struct devmq_record *record)
{
	return record->size - DEVMQ_RECORD_PAYLOAD(record);
}

/* Is the record's payload this text? */
static inline bool mq_record_is(struct devmq_record *record, const char *text)
{
	return mq_record_payload_size(record) == strlen(text) &&
	       !memcmp(mq_record_payload(record), text, strlen(text));
}

#endif /* MQ_TEST_RECORD_H */
