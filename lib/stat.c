// SPDX-License-Identifier: LGPL-2.1-or-later
/* Counters of a queue; purging, redriving, moving and revoking messages. */
#include <errno.h>
#include <string.h>

#include "queue.h"

LMQ_EXPORT int devmq_stat(struct devmq_queue *queue, struct devmq_stat *stat,
			  size_t size)
{
	if (size < offsetof(struct devmq_stat, ready) || size > UINT32_MAX)
		return -EINVAL;
	memset(stat, 0, size);
	stat->size = size;
	return lmq_ioctl(queue, DEVMQ_IOC_STAT, stat);
}

LMQ_EXPORT int devmq_purge(struct devmq_queue *queue, uint64_t first_id,
			   uint64_t last_id, uint64_t older_than_ns,
			   unsigned int states, uint64_t *purged)
{
	struct devmq_purge a = {
		.size = sizeof(a),
		.first_id = first_id,
		.last_id = last_id,
		.older_than_ns = older_than_ns,
		.states = states,
	};
	int err = lmq_ioctl(queue, DEVMQ_IOC_PURGE, &a);

	if (!err && purged)
		*purged = a.purged;
	return err;
}

LMQ_EXPORT int devmq_revoke(struct devmq_queue *queue,
			    const struct devmq_settlement *how,
			    uint32_t holder_pid, uint64_t *settled,
			    uint64_t *busy)
{
	struct devmq_revoke a = {
		.size = sizeof(a),
		.holder_pid = holder_pid,
		.how = *how,
	};
	int err = lmq_ioctl(queue, DEVMQ_IOC_REVOKE, &a);

	if (!err && settled)
		*settled = a.how.settled;
	if (!err && busy)
		*busy = a.busy;
	return err;
}

LMQ_EXPORT int devmq_purge_by(struct devmq_queue *queue,
			      struct devmq_purge *purge, size_t size)
{
	if (size < offsetof(struct devmq_purge, first_id) || size > UINT32_MAX)
		return -EINVAL;
	purge->size = size;
	return lmq_ioctl(queue, DEVMQ_IOC_PURGE, purge);
}

LMQ_EXPORT int devmq_redrive_by(struct devmq_queue *queue,
				struct devmq_redrive *redrive, size_t size)
{
	if (size < offsetof(struct devmq_redrive, first_id) ||
	    size > UINT32_MAX)
		return -EINVAL;
	redrive->size = size;
	return lmq_ioctl(queue, DEVMQ_IOC_REDRIVE, redrive);
}

LMQ_EXPORT int devmq_move(struct devmq_queue *queue, uint64_t first_id,
			  uint64_t last_id, unsigned int states,
			  const struct devmq_queue *target, uint64_t *moved,
			  uint64_t *stranded)
{
	struct devmq_redrive a = {
		.flags = DEVMQ_REDRIVE_TO,
		.first_id = first_id,
		.last_id = last_id,
		.target_fd = target->fd,
		.states = states ? states : DEVMQ_STATE_MASK(DEVMQ_STATE_READY),
	};
	int err = devmq_redrive_by(queue, &a, sizeof(a));

	/* If the target is full, some may have been moved before. */
	if (moved)
		*moved = a.moved;
	if (stranded)
		*stranded = a.stranded;
	return err;
}

LMQ_EXPORT int devmq_redrive(struct devmq_queue *queue, uint64_t first_id,
			     uint64_t last_id,
			     const struct devmq_queue *target,
			     uint64_t *moved, uint64_t *stranded)
{
	struct devmq_redrive a = {
		.size = sizeof(a),
		.flags = target ? DEVMQ_REDRIVE_TO : 0,
		.first_id = first_id,
		.last_id = last_id,
		.target_fd = target ? target->fd : 0,
	};
	int err = lmq_ioctl(queue, DEVMQ_IOC_REDRIVE, &a);

	if (!err && moved)
		*moved = a.moved;
	if (!err && stranded)
		*stranded = a.stranded;
	return err;
}
