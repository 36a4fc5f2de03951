/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the sources of libdevmq share. Names here begin with lmq_. */
#ifndef LIBDEVMQ_INTERNAL_H
#define LIBDEVMQ_INTERNAL_H

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "devmq.h"

#define LMQ_EXPORT	__attribute__((visibility("default")))

#define LMQ_DEV_DIR	"/dev/mq/"
#define LMQ_CONTROL	LMQ_DEV_DIR "control"
#define LMQ_CLASS_DIR	"/sys/class/mq/"

/**
 * struct devmq_queue - an open queue; but for @wake_fd nothing changes after opening
 * @fd: the descriptor, ours to close
 * @wake_fd: the eventfd of devmq_wake(), ours to close; -1: there is none, and
 *	there may be one at any time. Read by lmq_wake_fd()
 * @name: the queue's name
 */
struct devmq_queue {
	int	fd;
	int	wake_fd;
	char	name[DEVMQ_NAME_SIZE];
};

/**
 * struct devmq_batch - records laid end to end, as the kernel takes them
 * @data: the memory, from malloc()
 * @room: bytes there
 * @last: offset of the last record, if there is one; not next to @end, or the
 *	compiler stores both as a vector, which takes longer
 * @start: offset of the first record, a multiple of 8; grows as records are
 *	sent
 * @end: offset behind the last record and its padding, a multiple of 8
 * @count: how many records there are
 */
struct devmq_batch {
	unsigned char	*data;
	size_t		room;
	size_t		last;
	size_t		start;
	size_t		end;
	size_t		count;
};

/**
 * struct devmq_buffer - records laid end to end, as the kernel gives them
 * @data: the memory, from malloc()
 * @room: bytes there
 * @used: bytes that the records take
 * @next: offset of the record that devmq_buffer_next() gives next
 * @count: how many records the kernel says there are
 */
struct devmq_buffer {
	unsigned char	*data;
	size_t		room;
	size_t		used;
	size_t		next;
	size_t		count;
};

/* queue.c */
int lmq_ioctl(const struct devmq_queue *queue, unsigned long command,
	      void *arg);
/* 0, or -ENOTTY: this file is not the control node. */
int lmq_check_control(const struct stat *st);

/* buffer.c */
void lmq_buffer_reset(struct devmq_buffer *buffer);
int lmq_buffer_grow(struct devmq_buffer *buffer, uint64_t need);
int lmq_buffer_take(struct devmq_buffer *buffer, uint64_t used,
		    uint64_t count);

/* batch.c */
const struct devmq_msg *lmq_batch_msg(const struct devmq_batch *b);
void lmq_batch_sent(struct devmq_batch *batch, size_t count);

/* recv.c */
uint64_t lmq_now(void);
uint64_t lmq_deadline(int timeout_ms);
int lmq_left_ms(uint64_t deadline_ns);
int lmq_recv(struct devmq_queue *queue, struct devmq_buffer *buffer,
	     struct devmq_recv *a);

/* wake.c */
/* Wait for a message or a wake-up: 1 or 2; or 0: the time is over; or an error. */
int lmq_poll(const struct devmq_queue *queue, int timeout_ms);
/* As lmq_recv(), or -ECANCELED: devmq_wake() was called. */
int lmq_recv_or_wake(struct devmq_queue *queue, struct devmq_buffer *buffer,
		     struct devmq_recv *a);

static inline int lmq_wake_fd(const struct devmq_queue *queue)
{
	return __atomic_load_n(&queue->wake_fd, __ATOMIC_ACQUIRE);
}

static inline bool lmq_can_be_woken(const struct devmq_queue *queue)
{
	return lmq_wake_fd(queue) >= 0;
}

/* msg.c */
bool lmq_record_meta_ok(const struct devmq_record *r);

/* Is there nothing between a record's header and its payload? Most have not. */
static inline bool lmq_is_plain(const struct devmq_record *r)
{
	uint64_t sizes;

	_Static_assert(sizeof(*r) - offsetof(struct devmq_record, extra_size) ==
		       sizeof(sizes), "the sizes are one word");
	memcpy(&sizes, &r->extra_size, sizeof(sizes));
	return !sizes;
}

/* Is there a record that is all there? */
static inline bool lmq_record_ok(const struct devmq_record *r, size_t space)
{
	return space >= sizeof(*r) && r->size <= space &&
	       r->size >= sizeof(*r) &&
	       (lmq_is_plain(r) || lmq_record_meta_ok(r));
}

/* The message at *@offset, which then moves on. As devmq_buffer_next(). */
static inline int lmq_buffer_at(const struct devmq_buffer *buffer,
				size_t *offset, const struct devmq_msg **msg)
{
	size_t at = *offset, space = buffer->used - at, step;
	const struct devmq_record *r = (const void *)(buffer->data + at);

	*msg = NULL;
	if (!space)
		return 0;
	if (!lmq_record_ok(r, space))
		return -EBADMSG;
	*msg = (const void *)r;
	step = DEVMQ_RECORD_STEP(r->size);
	*offset = at + (step < space ? step : space);
	return 1;
}

/* Bytes of the metadata between a record's header and its payload. */
static inline size_t lmq_meta_size(const struct devmq_record *r)
{
	return (size_t)r->extra_size + r->key_size + r->dedup_size +
	       r->headers_size;
}

#endif /* LIBDEVMQ_INTERNAL_H */
