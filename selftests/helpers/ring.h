/* SPDX-License-Identifier: GPL-2.0 */
/* An io_uring ring, by plain system calls. */
#ifndef MQ_TEST_RING_H
#define MQ_TEST_RING_H

#include <dirent.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <linux/io_uring.h>

#include "mq_test.h"
#include "helpers/fixture.h"

#define ENTRIES 64

/* The errors of a kernel without io_uring, or with io_uring disabled. */
#define RING_ABSENT(error)	((error) == -ENOSYS || (error) == -EPERM)

struct ring {
	int fd;
	unsigned int flags;
	unsigned int *sq_head, *sq_tail, *sq_mask, *sq_array, *sq_flags;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned int tail;	/* after the last entry that is filled in */
	unsigned int queued;
	struct iovec maps[3];
};

static inline void *ring_map(struct ring *ring, int index, size_t size,
			     off_t offset)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, ring->fd, offset);

	if (map == MAP_FAILED)
		abort();
	ring->maps[index] = (struct iovec) { map, size };
	return map;
}

static inline int ring_open_with(struct ring *ring, unsigned int flags)
{
	struct io_uring_params params = { .flags = flags };
	char *sq, *cq;

	memset(ring, 0, sizeof(*ring));
	ring->flags = flags;
	ring->fd = syscall(SYS_io_uring_setup, ENTRIES, &params);
	if (ring->fd < 0)
		return -errno;
	sq = ring_map(ring, 0, params.sq_off.array + ENTRIES *
		      sizeof(unsigned int), IORING_OFF_SQ_RING);
	cq = ring_map(ring, 1, params.cq_off.cqes + params.cq_entries *
		      sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	ring->sqes = ring_map(ring, 2, ENTRIES * sizeof(struct io_uring_sqe),
			      IORING_OFF_SQES);
	ring->sq_head = (void *)(sq + params.sq_off.head);
	ring->sq_tail = (void *)(sq + params.sq_off.tail);
	ring->sq_mask = (void *)(sq + params.sq_off.ring_mask);
	ring->sq_array = (void *)(sq + params.sq_off.array);
	ring->sq_flags = (void *)(sq + params.sq_off.flags);
	ring->cq_head = (void *)(cq + params.cq_off.head);
	ring->cq_tail = (void *)(cq + params.cq_off.tail);
	ring->cq_mask = (void *)(cq + params.cq_off.ring_mask);
	ring->cqes = (void *)(cq + params.cq_off.cqes);
	return 0;
}

static inline int ring_open(struct ring *ring)
{
	return ring_open_with(ring, 0);
}

/* Unmap the ring as well: the kernel frees it only after its last mapping. */
static inline void ring_close(struct ring *ring)
{
	int i;

	for (i = 0; i < 3; i++)
		munmap(ring->maps[i].iov_base, ring->maps[i].iov_len);
	close(ring->fd);
}

/* Fill in the next submission queue entry. */
static inline struct io_uring_sqe *
ring_sqe(struct ring *ring, int opcode, int fd, void *data, size_t size,
	 __u64 user_data)
{
	unsigned int index = ring->tail++ & *ring->sq_mask;
	struct io_uring_sqe *sqe = &ring->sqes[index];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)data;
	sqe->len = size;
	sqe->off = -1;
	sqe->user_data = user_data;
	ring->sq_array[index] = index;
	ring->queued++;
	return sqe;
}

static inline struct io_uring_sqe *
ring_read(struct ring *ring, int fd, void *data, size_t size, __u64 user_data)
{
	return ring_sqe(ring, IORING_OP_READ, fd, data, size, user_data);
}

static inline struct io_uring_sqe *
ring_write(struct ring *ring, int fd, const char *text, __u64 user_data)
{
	return ring_sqe(ring, IORING_OP_WRITE, fd, (void *)text, strlen(text),
			user_data);
}

/* Queue a command whose structure is at @argument. */
static inline struct io_uring_sqe *
ring_command(struct ring *ring, int fd, unsigned int command,
	     const void *argument, __u64 user_data)
{
	struct devmq_uring_cmd ours = { .addr = (uintptr_t)argument };
	struct io_uring_sqe *sqe;

	sqe = ring_sqe(ring, IORING_OP_URING_CMD, fd, NULL, 0, user_data);
	sqe->off = 0;
	sqe->cmd_op = command;
	memcpy(sqe->cmd, &ours, sizeof(ours));
	return sqe;
}

/*
 * Enter the kernel: submit all queued entries, and run this task's pending
 * work.
 */
static inline int ring_enter(struct ring *ring, unsigned int flags)
{
	int done;

	__atomic_store_n(ring->sq_tail, ring->tail, __ATOMIC_RELEASE);
	if (ring->flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	done = syscall(SYS_io_uring_enter, ring->fd, ring->queued, 0, flags,
		       NULL, 0);
	if (done < 0)
		return -errno;
	ring->queued -= done;
	return done;
}

/* Submit all queued entries, without waiting. */
static inline int ring_submit(struct ring *ring)
{
	return ring_enter(ring, 0);
}

/* Get a completion if one is there: 0, or -ENODATA. */
static inline int ring_cqe(struct ring *ring, struct io_uring_cqe *cqe)
{
	unsigned int head = *ring->cq_head;

	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return -ENODATA;
	*cqe = ring->cqes[head & *ring->cq_mask];
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return 0;
}

/* Wait for a completion. */
static inline int ring_wait_cqe(struct ring *ring, struct io_uring_cqe *cqe)
{
	uint64_t end = mq_now_ms() + MQ_PATIENCE_MS;
	int error = ring_cqe(ring, cqe);

	while (error && mq_now_ms() < end) {
		/*
		 * The kernel runs the work of a woken command in the task that
		 * enters it.
		 */
		ring_enter(ring, IORING_ENTER_GETEVENTS);
		usleep(500);
		error = ring_cqe(ring, cqe);
	}
	return error;
}

/* The result of a command that is complete, or -ENODATA. */
static inline int ring_done(struct ring *ring, __u64 *user_data)
{
	struct io_uring_cqe cqe;

	if (ring_cqe(ring, &cqe))
		return -ENODATA;
	if (user_data)
		*user_data = cqe.user_data;
	return cqe.res;
}

/* Wait for a command: its result, or -ENODATA. */
static inline int ring_wait(struct ring *ring, __u64 *user_data)
{
	struct io_uring_cqe cqe;

	if (ring_wait_cqe(ring, &cqe))
		return -ENODATA;
	if (user_data)
		*user_data = cqe.user_data;
	return cqe.res;
}

/* How many worker threads of io_uring this process has. */
static inline int workers(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	char path[300], name[64];
	int count = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm",
			 entry->d_name);
		if (!mq_read_file(path, name, sizeof(name)))
			count += !strncmp(name, "iou-wrk", 7);
	}
	closedir(dir);
	return count;
}

/* Cancel the command with this user_data; the user_data of the cancel is 0. */
static inline struct io_uring_sqe *ring_cancel(struct ring *ring, __u64 what)
{
	struct io_uring_sqe *sqe;

	sqe = ring_sqe(ring, IORING_OP_ASYNC_CANCEL, -1, NULL, 0, 0);
	sqe->addr = what;
	sqe->off = 0;
	return sqe;
}

/* Does the kernel support this operation? */
static inline bool ring_has(struct ring *ring, int opcode)
{
	struct {
		struct io_uring_probe probe;
		struct io_uring_probe_op ops[256];
	} all = {};

	if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_PROBE,
		    &all, 256))
		return false;
	return opcode <= all.probe.last_op &&
	       all.ops[opcode].flags & IO_URING_OP_SUPPORTED;
}

/* -- provided buffers ------------------------------------------------------ */

#define BUFFERS		16	/* entries in the ring of buffers */
#define BUFFER_SIZE	16

struct buffers {
	struct io_uring_buf_ring *ring;
	char data[BUFFERS][BUFFER_SIZE];
};

/* Provide buffer @id to the kernel. */
static inline void buffer_give(struct buffers *buffers, unsigned int id)
{
	struct io_uring_buf *slot;

	slot = &buffers->ring->bufs[buffers->ring->tail % BUFFERS];
	slot->addr = (uintptr_t)buffers->data[id];
	slot->len = BUFFER_SIZE;
	slot->bid = id;
	__atomic_store_n(&buffers->ring->tail, buffers->ring->tail + 1,
			 __ATOMIC_RELEASE);
}

/* Register buffer group 0, with @count buffers in it. */
static inline int buffers_open(struct ring *ring, struct buffers *buffers,
			       unsigned int count)
{
	struct io_uring_buf_reg reg = { .ring_entries = BUFFERS };
	unsigned int i;

	buffers->ring = mmap(NULL, sysconf(_SC_PAGESIZE),
			     PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffers->ring == MAP_FAILED)
		return -ENOMEM;
	memset(buffers->data, MQ_POISON, sizeof(buffers->data));
	reg.ring_addr = (uintptr_t)buffers->ring;
	if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_PBUF_RING,
		    &reg, 1))
		return -errno;
	for (i = 0; i < count; i++)
		buffer_give(buffers, i);
	return 0;
}

/* -- fixtures with a ring -------------------------------------------------- */

/* Open self->ring, or skip. */
#define RING_OPEN(flags) do {						\
	int __error = ring_open_with(&self->ring, flags);		\
									\
	if (RING_ABSENT(__error))					\
		SKIP(return, "no io_uring");				\
	ASSERT_EQ(0, __error);						\
} while (0)

/* Create self->queue; self->fd blocks, self->other is non-blocking. */
#define RING_OPEN_QUEUE() do {						\
	ASSERT_EQ(0, mq_create(&self->queue, ""));			\
	MQ_OPEN(fd, O_RDWR);						\
	MQ_OPEN(other, O_RDWR | O_NONBLOCK);				\
} while (0)

/* The end of such a fixture's teardown. */
#define RING_TEARDOWN() do {						\
	ring_close(&self->ring);					\
	close(self->fd);						\
	close(self->other);						\
	EXPECT_EQ(0, mq_cleanup());					\
} while (0)

#endif /* MQ_TEST_RING_H */
