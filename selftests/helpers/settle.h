/* SPDX-License-Identifier: GPL-2.0 */
/* The ioctls of consumers, CONSUMER and SETTLE, and PURGE and REDRIVE. */
#ifndef MQ_TEST_SETTLE_H
#define MQ_TEST_SETTLE_H

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <linux/devmq.h>

#include "helpers/call.h"
#include "helpers/queue.h"

static inline int mq_consumer_get(int fd, struct devmq_consumer *consumer)
{
	memset(consumer, MQ_POISON, sizeof(*consumer));
	consumer->size = sizeof(*consumer);
	consumer->flags = 0;
	return mq_ioctl(fd, DEVMQ_IOC_CONSUMER, consumer);
}

static inline int mq_consumer_set_lease(int fd, unsigned int ack,
					unsigned int prefetch,
					uint64_t lease_ns)
{
	struct devmq_consumer consumer;

	memset(&consumer, MQ_POISON, sizeof(consumer));
	consumer.size = sizeof(consumer);
	consumer.flags = DEVMQ_CONSUMER_SET;
	consumer.ack = ack;
	consumer.prefetch = prefetch;
	consumer.lease_ns = lease_ns;
	return mq_ioctl(fd, DEVMQ_IOC_CONSUMER, &consumer);
}

static inline int mq_consumer_set(int fd, unsigned int ack,
				  unsigned int prefetch)
{
	return mq_consumer_set_lease(fd, ack, prefetch, 0);
}

static inline long long mq_held(int fd)
{
	struct devmq_consumer consumer;
	int error = mq_consumer_get(fd, &consumer);

	return error ? error : (long long)consumer.held;
}

static inline long long mq_last_id(int fd)
{
	struct devmq_consumer consumer;
	int error = mq_consumer_get(fd, &consumer);

	return error ? error : (long long)consumer.last_id;
}

static inline void mq_settlement(struct devmq_settlement *settlement,
				 uint64_t first, uint64_t last, uint32_t action)
{
	memset(settlement, 0, sizeof(*settlement));
	settlement->first_id = first;
	settlement->last_id = last;
	settlement->action = action;
	memset(&settlement->settled, MQ_POISON, sizeof(settlement->settled));
	memset(&settlement->error, MQ_POISON, sizeof(settlement->error));
	memset(&settlement->dead, MQ_POISON, sizeof(settlement->dead));
}

static inline int mq_settle_many(int fd, struct devmq_settlement *settlements,
				 unsigned int count, uint64_t *settled)
{
	struct devmq_settle settle;
	int error;

	memset(&settle, MQ_POISON, sizeof(settle));
	settle.size = sizeof(settle);
	settle.flags = 0;
	settle.settlements = (uintptr_t)settlements;
	settle.count = count;
	settle.reserved = 0;
	error = mq_ioctl(fd, DEVMQ_IOC_SETTLE, &settle);
	if (settled)
		*settled = settle.settled;
	return error;
}

/*
 * Carry out one settlement: how many deliveries it settled, or a negative
 * errno.
 */
static inline int mq_settle_one(int fd, struct devmq_settlement *settlement)
{
	uint64_t settled;
	int error = mq_settle_many(fd, settlement, 1, &settled);

	if (error)
		return error;
	if (settlement->error || settlement->settled != settled)
		return -EBADMSG;
	return settled;
}

/* Settle a range: how many deliveries were settled, or a negative errno. */
static inline int mq_settle(int fd, uint64_t first, uint64_t last,
			    uint32_t action)
{
	struct devmq_settlement settlement;

	mq_settlement(&settlement, first, last, action);
	return mq_settle_one(fd, &settlement);
}

/* Settle a range with a delay, for retry and extend. */
static inline int mq_settle_after(int fd, uint64_t first, uint64_t last,
				  uint32_t action, uint64_t delay_ns)
{
	struct devmq_settlement settlement;

	mq_settlement(&settlement, first, last, action);
	settlement.delay_ns = delay_ns;
	return mq_settle_one(fd, &settlement);
}

static inline int mq_ack(int fd, uint64_t id)
{
	return mq_settle(fd, id, id, DEVMQ_ACTION_ACK);
}

static inline int mq_release(int fd, uint64_t id)
{
	return mq_settle(fd, id, id, DEVMQ_ACTION_RELEASE);
}

/* @delay_ns 0: as the queue's back-off says; 1: ready at once. */
static inline int mq_retry(int fd, uint64_t id, uint64_t delay_ns)
{
	return mq_settle_after(fd, id, id, DEVMQ_ACTION_RETRY, delay_ns);
}

static inline int mq_extend(int fd, uint64_t id, uint64_t lease_ns)
{
	return mq_settle_after(fd, id, id, DEVMQ_ACTION_EXTEND, lease_ns);
}

static inline int mq_defer(int fd, uint64_t id)
{
	return mq_settle(fd, id, id, DEVMQ_ACTION_DEFER);
}

static inline int mq_reject(int fd, uint64_t id)
{
	return mq_settle(fd, id, id, DEVMQ_ACTION_REJECT);
}

/* @note is a string, or NULL for none. */
static inline int mq_reject_with(int fd, uint64_t id, unsigned int reason,
				 const char *note)
{
	struct devmq_settlement settlement;

	mq_settlement(&settlement, id, id, DEVMQ_ACTION_REJECT);
	settlement.reason = reason;
	settlement.note = (uintptr_t)note;
	settlement.note_size = note ? strlen(note) : 0;
	return mq_settle_one(fd, &settlement);
}

/* @delay_ns 0: as the queue's back-off says; 1: ready at once. */
static inline int mq_retry_with(int fd, uint64_t id, uint64_t delay_ns,
				const char *note)
{
	struct devmq_settlement settlement;

	mq_settlement(&settlement, id, id, DEVMQ_ACTION_RETRY);
	settlement.delay_ns = delay_ns;
	settlement.note = (uintptr_t)note;
	settlement.note_size = note ? strlen(note) : 0;
	return mq_settle_one(fd, &settlement);
}

/* Purge messages in these states: how many, or a negative errno. */
static inline long long mq_purge_states(int fd, uint64_t first, uint64_t last,
					uint32_t states)
{
	struct devmq_purge purge;
	int error;

	memset(&purge, 0, sizeof(purge));
	purge.size = sizeof(purge);
	purge.first_id = first;
	purge.last_id = last;
	purge.states = states;
	memset(&purge.purged, MQ_POISON, sizeof(purge.purged));
	error = mq_ioctl(fd, DEVMQ_IOC_PURGE, &purge);
	return error ? error : (long long)purge.purged;
}

/* Purge messages in all states but in flight: how many, or a negative errno. */
static inline long long mq_purge(int fd, uint64_t first, uint64_t last)
{
	return mq_purge_states(fd, first, last, 0);
}

/* The same by a descriptor of its own, for a topic whose readers may not purge it. */
static inline long long mq_purge_queue(const struct mq_queue *queue, uint64_t first,
				       uint64_t last)
{
	int fd = mq_open(queue, MQ_LOOK);
	long long purged;

	if (fd < 0)
		return fd;
	purged = mq_purge(fd, first, last);
	close(fd);
	return purged;
}

/*
 * Redrive messages to the queues that they came from, or to @target unless it
 * is negative. Returns how many were moved, or a negative errno.
 */
static inline long long mq_redrive(int fd, uint64_t first, uint64_t last,
				   int target, uint64_t *stranded)
{
	struct devmq_redrive redrive;
	int error;

	memset(&redrive, MQ_POISON, sizeof(redrive));
	redrive.size = sizeof(redrive);
	redrive.flags = target >= 0 ? DEVMQ_REDRIVE_TO : 0;
	redrive.first_id = first;
	redrive.last_id = last;
	redrive.target_fd = target >= 0 ? target : 0;
	redrive.states = 0;
	redrive.reason = 0;
	redrive.reserved = 0;
	error = mq_ioctl(fd, DEVMQ_IOC_REDRIVE, &redrive);
	if (stranded)
		*stranded = redrive.stranded;
	return error ? error : (long long)redrive.moved;
}

/* Move what is ready to another queue. Returns how many these are, or a negative errno. */
static inline long long mq_move_ready_fd(int fd, int target)
{
	struct devmq_redrive redrive = {
		.size = sizeof(redrive), .flags = DEVMQ_REDRIVE_TO, .target_fd = target,
		.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY),
	};
	int error = mq_ioctl(fd, DEVMQ_IOC_REDRIVE, &redrive);

	return error ? error : (long long)redrive.moved;
}

/* The same by descriptors of its own. */
static inline long long mq_move_ready(const struct mq_queue *from, const struct mq_queue *to)
{
	int fd = mq_open(from, O_RDONLY), target = mq_open(to, O_WRONLY);
	long long moved = mq_move_ready_fd(fd, target);

	close(fd);
	close(target);
	return moved;
}

#endif /* MQ_TEST_SETTLE_H */
