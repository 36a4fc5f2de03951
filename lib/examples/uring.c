// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * uring QUEUE: receive and acknowledge through io_uring, with one system call
 * for each batch: it acknowledges the batch before and waits for the next.
 * Needs no library for io_uring. Before Linux 6.12 it has to poll if there is no
 * message.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/io_uring.h>

#include "devmq.h"

#define ENTRIES	4

struct ring {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned int queued;
};

static void *map(int fd, size_t size, off_t offset)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, fd, offset);
}

static int ring_open(struct ring *ring)
{
	struct io_uring_params p = { 0 };
	char *sq, *cq;

	ring->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (ring->fd < 0)
		return -errno;
	sq = map(ring->fd, p.sq_off.array + p.sq_entries * sizeof(int),
		 IORING_OFF_SQ_RING);
	cq = map(ring->fd, p.cq_off.cqes + p.cq_entries *
		 sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	ring->sqes = map(ring->fd, p.sq_entries * sizeof(struct io_uring_sqe),
			 IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || ring->sqes == MAP_FAILED)
		return -ENOMEM;
	ring->sq_tail = (unsigned int *)(sq + p.sq_off.tail);
	ring->sq_mask = (unsigned int *)(sq + p.sq_off.ring_mask);
	ring->sq_array = (unsigned int *)(sq + p.sq_off.array);
	ring->cq_head = (unsigned int *)(cq + p.cq_off.head);
	ring->cq_tail = (unsigned int *)(cq + p.cq_off.tail);
	ring->cq_mask = (unsigned int *)(cq + p.cq_off.ring_mask);
	ring->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	return 0;
}

/* Queue a command; the kernel uses the structure at @argument until it is done. */
static void ring_command(struct ring *ring, int fd, unsigned int command,
			 void *argument)
{
	struct devmq_uring_cmd ours = { .addr = (uintptr_t)argument };
	unsigned int index = *ring->sq_tail & *ring->sq_mask;
	struct io_uring_sqe *sqe = &ring->sqes[index];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = command;
	sqe->user_data = command;
	memcpy(sqe->cmd, &ours, sizeof(ours));
	ring->sq_array[index] = index;
	__atomic_store_n(ring->sq_tail, *ring->sq_tail + 1, __ATOMIC_RELEASE);
	ring->queued++;
}

/* Submit all commands, and wait for all. Return: 0, or the first error. */
static int ring_run(struct ring *ring)
{
	unsigned int head, left = ring->queued;
	int done, err = 0;

	while (left) {
		done = (int)syscall(SYS_io_uring_enter, ring->fd, ring->queued,
				    left, IORING_ENTER_GETEVENTS, NULL, 0);
		if (done < 0 && errno != EINTR)
			return -errno;
		ring->queued -= done > 0 ? (unsigned int)done : 0;
		head = *ring->cq_head;
		while (head != __atomic_load_n(ring->cq_tail,
					       __ATOMIC_ACQUIRE)) {
			if (!err)
				err = ring->cqes[head & *ring->cq_mask].res;
			head++;
			left--;
		}
		__atomic_store_n(ring->cq_head, head, __ATOMIC_RELEASE);
	}
	return err;
}

/* Print the messages that were received, and store the range of their ids in @done. */
static void work(const struct devmq_recv *recv, struct devmq_settlement *done)
{
	const char *at = (const char *)(uintptr_t)recv->buffer;
	const struct devmq_record *record;
	unsigned int i, offset;

	for (i = 0; i < recv->count; i++) {
		record = (const struct devmq_record *)at;
		offset = (unsigned int)DEVMQ_RECORD_PAYLOAD(record);
		printf("%llu: %.*s\n", (unsigned long long)record->id,
		       (int)(record->size - offset), at + offset);
		if (!i)
			done->first_id = record->id;
		if (!i || record->id > done->last_id)
			done->last_id = record->id;
		if (record->id < done->first_id)
			done->first_id = record->id;
		at += DEVMQ_RECORD_STEP(record->size);
	}
	fflush(stdout);
}

static int consume(int fd, struct ring *ring)
{
	static char buffer[1 << 16] __attribute__((aligned(8)));
	/* A range settles all deliveries in it that are held: those of this batch. */
	struct devmq_settlement done = { .action = DEVMQ_ACTION_ACK };
	struct devmq_settle settle = {
		.size = sizeof(settle),
		.settlements = (uintptr_t)&done,
		.count = 1,
	};
	struct devmq_recv recv = {
		.size = sizeof(recv),
		.buffer = (uintptr_t)buffer,
		.buffer_size = sizeof(buffer),
		.deadline_ns = DEVMQ_FOREVER,
	};
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	int err;

	do {
		if (recv.count)
			ring_command(ring, fd, DEVMQ_IOC_SETTLE, &settle);
		recv.count = 0;
		ring_command(ring, fd, DEVMQ_IOC_RECV, &recv);
		err = ring_run(ring);
		if (!err)
			work(&recv, &done);
		else if (err == -EAGAIN && poll(&readable, 1, -1) < 0)
			return -errno;
	} while (err == -EAGAIN || (!err && recv.count));
	return err;
}

int main(int argc, char **argv)
{
	struct devmq_queue *queue = NULL;
	struct ring ring = { .fd = -1 };
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: uring QUEUE\n");
		return 2;
	}
	err = devmq_open(&queue, argv[1], DEVMQ_OPEN_READ);
	if (!err)
		err = devmq_set_ack(queue, DEVMQ_ACK_MANUAL, 0);
	if (!err)
		err = ring_open(&ring);
	if (!err)
		err = consume(devmq_fd(queue), &ring);
	if (err)
		fprintf(stderr, "uring: %s: %s\n", argv[1], devmq_strerror(err));
	devmq_close(queue);
	return err ? 1 : 0;
}
