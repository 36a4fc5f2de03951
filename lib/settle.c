// SPDX-License-Identifier: LGPL-2.1-or-later
/* Settling deliveries. */
#include <errno.h>
#include <string.h>

#include "buffer.h"
#include "queue.h"

/* Ranges in one call when ids or buffers are settled. */
#define LMQ_RANGES	256

static int lmq_settle_some(struct devmq_queue *queue,
			   struct devmq_settlement *settlements,
			   uint32_t count, uint64_t *settled)
{
	struct devmq_settle a = {
		.size = sizeof(a),
		.flags = queue->sync ? DEVMQ_SETTLE_SYNC : 0,
		.settlements = (uintptr_t)settlements,
		.count = count,
	};
	int err = lmq_ioctl(queue, DEVMQ_IOC_SETTLE, &a);

	*settled += a.settled;
	return err;
}

LMQ_EXPORT int devmq_settle(struct devmq_queue *queue,
			    struct devmq_settlement *settlements,
			    size_t count, uint64_t *settled)
{
	uint64_t done = 0;
	int first = 0, err;
	size_t n;

	while (count) {
		n = count < DEVMQ_SETTLE_MAX ? count : DEVMQ_SETTLE_MAX;
		err = lmq_settle_some(queue, settlements, n, &done);
		if (!first)
			first = err;
		/* Go on after errors of single settlements. */
		if (err && err != -ESTALE && err != -EDQUOT && err != -ENOMEM)
			break;
		settlements += n;
		count -= n;
	}
	if (settled)
		*settled = done;
	return first;
}

/* Settle one delivery; the ids of @how are set here. */
static int lmq_settle_one(struct devmq_queue *queue, uint64_t id,
			  struct devmq_settlement how)
{
	how.first_id = id;
	how.last_id = id;
	return devmq_settle(queue, &how, 1, NULL);
}

static const struct devmq_settlement lmq_ack = {
	.action = DEVMQ_ACTION_ACK,
};

static const struct devmq_settlement lmq_release = {
	.action = DEVMQ_ACTION_RELEASE,
};

static const struct devmq_settlement lmq_defer = {
	.action = DEVMQ_ACTION_DEFER,
};

static struct devmq_settlement lmq_retry(uint64_t delay_ns)
{
	return (struct devmq_settlement) {
		.action = DEVMQ_ACTION_RETRY,
		.delay_ns = delay_ns,
	};
}

static struct devmq_settlement lmq_extend(uint64_t lease_ns)
{
	return (struct devmq_settlement) {
		.action = DEVMQ_ACTION_EXTEND,
		.delay_ns = lease_ns,
	};
}

/* Refuse what does not fit its member: cut off, it would mean something else. */
static int lmq_reject(struct devmq_settlement *how, unsigned int reason,
		      const void *note, size_t note_size)
{
	if (reason > UINT16_MAX || note_size > DEVMQ_NOTE_MAX)
		return -EINVAL;
	*how = (struct devmq_settlement) {
		.action = DEVMQ_ACTION_REJECT,
		.reason = reason,
		.note = note_size ? (uintptr_t)note : 0,
		.note_size = note_size,
	};
	return 0;
}

LMQ_EXPORT int devmq_ack(struct devmq_queue *queue, uint64_t id)
{
	return lmq_settle_one(queue, id, lmq_ack);
}

LMQ_EXPORT int devmq_release(struct devmq_queue *queue, uint64_t id)
{
	return lmq_settle_one(queue, id, lmq_release);
}

LMQ_EXPORT int devmq_retry(struct devmq_queue *queue, uint64_t id,
			   uint64_t delay_ns)
{
	return lmq_settle_one(queue, id, lmq_retry(delay_ns));
}

LMQ_EXPORT int devmq_retry_note(struct devmq_queue *queue, uint64_t id,
				uint64_t delay_ns, const void *note,
				size_t note_size)
{
	struct devmq_settlement how = lmq_retry(delay_ns);

	if (note_size > DEVMQ_NOTE_MAX)
		return -EINVAL;
	how.note = note_size ? (uintptr_t)note : 0;
	how.note_size = note_size;
	return lmq_settle_one(queue, id, how);
}

LMQ_EXPORT int devmq_reject(struct devmq_queue *queue, uint64_t id,
			    unsigned int reason, const void *note,
			    size_t note_size)
{
	struct devmq_settlement how;
	int err = lmq_reject(&how, reason, note, note_size);

	return err ? err : lmq_settle_one(queue, id, how);
}

LMQ_EXPORT int devmq_extend(struct devmq_queue *queue, uint64_t id,
			    uint64_t lease_ns)
{
	return lmq_settle_one(queue, id, lmq_extend(lease_ns));
}

LMQ_EXPORT int devmq_defer(struct devmq_queue *queue, uint64_t id)
{
	return lmq_settle_one(queue, id, lmq_defer);
}

/*
 * A source of ids: an array, or the messages of a buffer. @at is the next index, or
 * the next offset.
 */
struct lmq_ids {
	const uint64_t			*ids;
	size_t				count;
	const struct devmq_buffer	*buffer;
	size_t				at;
};

/*
 * Get the id at *@at, and move *@at to the next. Return: 1, 0 if there are no more, or
 * an error.
 */
static inline int lmq_next_id(const struct lmq_ids *from, size_t *at,
			      uint64_t *id)
{
	const struct devmq_msg *msg;
	int err;

	if (from->buffer) {
		err = lmq_buffer_at(from->buffer, at, &msg);
		if (err > 0)
			*id = devmq_msg_record(msg)->id;
		return err;
	}
	if (*at == from->count)
		return 0;
	*id = from->ids[(*at)++];
	return 1;
}

/*
 * Fill @ranges with the next ids. Only consecutive ids share a range: between others
 * there may be deliveries that are not to be settled. Return: how many ranges, or
 * -EBADMSG.
 */
static int lmq_ranges(struct lmq_ids *from,
		      const struct devmq_settlement *how,
		      struct devmq_settlement ranges[LMQ_RANGES],
		      uint64_t *deliveries)
{
	size_t at = from->at;
	uint64_t id, next = 0;
	int n = 0, err;

	while ((err = lmq_next_id(from, &at, &id)) > 0) {
		if (id == next && n) {
			ranges[n - 1].last_id = id;
		} else if (n == LMQ_RANGES) {
			break;
		} else {
			ranges[n] = *how;
			ranges[n].first_id = id;
			ranges[n++].last_id = id;
		}
		++*deliveries;
		next = id + 1;
		from->at = at;
	}
	return n || err >= 0 ? n : err;
}

static int lmq_settle_all(struct devmq_queue *queue, struct lmq_ids from,
			  const struct devmq_settlement *how,
			  uint64_t *settled)
{
	struct devmq_settlement ranges[LMQ_RANGES];
	uint64_t deliveries = 0, done = 0;
	int first = 0, err, n;

	while ((n = lmq_ranges(&from, how, ranges, &deliveries)) > 0) {
		err = lmq_settle_some(queue, ranges, n, &done);
		if (!first)
			first = err;
		if (err && err != -ESTALE)
			break;
	}
	if (!first && n < 0)
		first = n;
	/* To the kernel, a range is no error if one of its deliveries is held. */
	if (!first && done != deliveries)
		first = -ESTALE;
	if (settled)
		*settled = done;
	return first;
}

LMQ_EXPORT int devmq_settle_ids(struct devmq_queue *queue, const uint64_t *ids,
				size_t count,
				const struct devmq_settlement *how,
				uint64_t *settled)
{
	struct lmq_ids from = { .ids = ids, .count = count };

	return lmq_settle_all(queue, from, how, settled);
}

LMQ_EXPORT int devmq_settle_buffer(struct devmq_queue *queue,
				   const struct devmq_buffer *buffer,
				   const struct devmq_settlement *how,
				   uint64_t *settled)
{
	struct lmq_ids from = { .buffer = buffer };

	return lmq_settle_all(queue, from, how, settled);
}

LMQ_EXPORT int devmq_ack_buffer(struct devmq_queue *queue,
				const struct devmq_buffer *buffer,
				uint64_t *settled)
{
	return devmq_settle_buffer(queue, buffer, &lmq_ack, settled);
}

LMQ_EXPORT int devmq_release_buffer(struct devmq_queue *queue,
				    const struct devmq_buffer *buffer,
				    uint64_t *settled)
{
	return devmq_settle_buffer(queue, buffer, &lmq_release, settled);
}

LMQ_EXPORT int devmq_retry_buffer(struct devmq_queue *queue,
				  const struct devmq_buffer *buffer,
				  uint64_t delay_ns, uint64_t *settled)
{
	struct devmq_settlement how = lmq_retry(delay_ns);

	return devmq_settle_buffer(queue, buffer, &how, settled);
}

LMQ_EXPORT int devmq_reject_buffer(struct devmq_queue *queue,
				   const struct devmq_buffer *buffer,
				   unsigned int reason, const void *note,
				   size_t note_size, uint64_t *settled)
{
	struct devmq_settlement how;
	int err = lmq_reject(&how, reason, note, note_size);

	if (err && settled)
		*settled = 0;
	return err ? err : devmq_settle_buffer(queue, buffer, &how, settled);
}

LMQ_EXPORT int devmq_extend_buffer(struct devmq_queue *queue,
				   const struct devmq_buffer *buffer,
				   uint64_t lease_ns, uint64_t *settled)
{
	struct devmq_settlement how = lmq_extend(lease_ns);

	return devmq_settle_buffer(queue, buffer, &how, settled);
}

LMQ_EXPORT int devmq_defer_buffer(struct devmq_queue *queue,
				  const struct devmq_buffer *buffer,
				  uint64_t *settled)
{
	return devmq_settle_buffer(queue, buffer, &lmq_defer, settled);
}

LMQ_EXPORT int devmq_release_rest(struct devmq_queue *queue,
				  const struct devmq_buffer *buffer,
				  uint64_t *settled)
{
	struct lmq_ids from = { .buffer = buffer, .at = buffer->next };

	return lmq_settle_all(queue, from, &lmq_release, settled);
}
