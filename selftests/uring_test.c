// SPDX-License-Identifier: GPL-2.0
/*
 * A queue under io_uring: what is ready is done at once, what is not waits for
 * poll, and no worker thread comes into it.
 */
#include "mq_test.h"
#include <linux/io_uring.h>

#define ENTRIES 64

struct ring {
	int fd;
	unsigned int *sq_head, *sq_tail, *sq_mask, *sq_array;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned int queued;
	struct iovec maps[3];
};

static void *ring_map(struct ring *ring, int index, size_t size, off_t offset)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, ring->fd, offset);

	if (map == MAP_FAILED)
		abort();
	ring->maps[index] = (struct iovec) { map, size };
	return map;
}

static int ring_open(struct ring *ring)
{
	struct io_uring_params params = {};
	char *sq, *cq;

	memset(ring, 0, sizeof(*ring));
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
	ring->cq_head = (void *)(cq + params.cq_off.head);
	ring->cq_tail = (void *)(cq + params.cq_off.tail);
	ring->cq_mask = (void *)(cq + params.cq_off.ring_mask);
	ring->cqes = (void *)(cq + params.cq_off.cqes);
	return 0;
}

/* A ring goes with its last mapping. */
static void ring_close(struct ring *ring)
{
	int i;

	for (i = 0; i < 3; i++)
		munmap(ring->maps[i].iov_base, ring->maps[i].iov_len);
	close(ring->fd);
}

/* The next entry to fill in. */
static struct io_uring_sqe *ring_sqe(struct ring *ring, int opcode, int fd,
				     void *data, size_t size, __u64 user_data)
{
	unsigned int tail = *ring->sq_tail, index = tail & *ring->sq_mask;
	struct io_uring_sqe *sqe = &ring->sqes[index];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)data;
	sqe->len = size;
	sqe->off = -1;
	sqe->user_data = user_data;
	ring->sq_array[index] = index;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	ring->queued++;
	return sqe;
}

static struct io_uring_sqe *ring_read(struct ring *ring, int fd, void *data,
				      size_t size, __u64 user_data)
{
	return ring_sqe(ring, IORING_OP_READ, fd, data, size, user_data);
}

static struct io_uring_sqe *ring_write(struct ring *ring, int fd,
				       const char *text, __u64 user_data)
{
	return ring_sqe(ring, IORING_OP_WRITE, fd, (void *)text, strlen(text),
			user_data);
}

/* Submit all, and wait for nothing. */
static int ring_submit(struct ring *ring)
{
	int done = syscall(SYS_io_uring_enter, ring->fd, ring->queued, 0, 0,
			   NULL, 0);

	if (done < 0)
		return -errno;
	ring->queued -= done;
	return done;
}

/* A completion that is there already: its result, or -ENODATA. */
static int ring_done(struct ring *ring, __u64 *user_data)
{
	unsigned int head = *ring->cq_head;
	struct io_uring_cqe *cqe;
	int result;

	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return -ENODATA;
	cqe = &ring->cqes[head & *ring->cq_mask];
	result = cqe->res;
	if (user_data)
		*user_data = cqe->user_data;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return result;
}

/* Wait for a completion. */
static int ring_wait(struct ring *ring, __u64 *user_data)
{
	uint64_t end = mq_now_ms() + MQ_PATIENCE_MS;
	int result;

	while ((result = ring_done(ring, user_data)) == -ENODATA &&
	       mq_now_ms() < end) {
		/* What poll has found is done by us, in the kernel. */
		syscall(SYS_io_uring_enter, ring->fd, 0, 0,
			IORING_ENTER_GETEVENTS, NULL, 0);
		usleep(500);
	}
	return result;
}

/* How many worker threads we have. */
static int workers(void)
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

FIXTURE(uring) {
	struct mq_queue queue;
	int fd;			/* O_RDWR */
	int other;		/* O_RDWR, O_NONBLOCK */
	struct ring ring;
	char data[ENTRIES][64];
};

FIXTURE_SETUP(uring)
{
	int error;

	MQ_REQUIRE();
	error = ring_open(&self->ring);
	if (error == -ENOSYS || error == -EPERM)
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, mq_create(&self->queue, ""));
	self->fd = mq_open(&self->queue, O_RDWR);
	self->other = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(uring)
{
	ring_close(&self->ring);
	close(self->fd);
	close(self->other);
	EXPECT_EQ(0, mq_cleanup());
}

TEST_F(uring, ready_reads_are_done_at_once_without_a_worker)
{
	__u64 which;
	int i;

	ASSERT_EQ(0, mq_fill(self->other, 8));
	for (i = 0; i < 8; i++)
		ring_read(&self->ring, self->fd, self->data[i], 64, i);
	ASSERT_EQ(8, ring_submit(&self->ring));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(2, ring_done(&self->ring, &which)) {
			TH_LOG("completion %d is not there", i);
		}
		EXPECT_EQ(i, which);
		EXPECT_EQ('1' + i, self->data[i][1]);
	}
	EXPECT_EQ(0, workers());
	EXPECT_EQ(8, mq_stat_of(&self->queue, acked));
}

TEST_F(uring, ready_writes_are_done_at_once_without_a_worker)
{
	char texts[8][8];
	int i;

	for (i = 0; i < 8; i++) {
		snprintf(texts[i], sizeof(texts[i]), "m%d", i + 1);
		ring_write(&self->ring, self->fd, texts[i], i);
	}
	ASSERT_EQ(8, ring_submit(&self->ring));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(2, ring_done(&self->ring, NULL)) {
			TH_LOG("completion %d is not there", i);
		}
	}
	EXPECT_EQ(0, workers());
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, mq_get(self->other, texts[i]));
}

TEST_F(uring, large_ready_messages_are_done_at_once)
{
	char *data = malloc(100000), *got = malloc(100000);

	memset(data, 'x', 100000);
	ring_sqe(&self->ring, IORING_OP_WRITE, self->fd, data, 100000, 1);
	ring_read(&self->ring, self->fd, got, 100000, 2);
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(100000, ring_done(&self->ring, NULL));
	EXPECT_EQ(100000, ring_done(&self->ring, NULL));
	EXPECT_EQ(0, workers());
	EXPECT_EQ(0, memcmp(data, got, 100000));
}

TEST_F(uring, read_waits_for_a_message_without_a_worker)
{
	ring_read(&self->ring, self->fd, self->data[0], 64, 7);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	EXPECT_EQ(0, workers());
	ASSERT_EQ(5, mq_put(self->other, "hello"));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[0], "hello", 5));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, write_waits_for_room_without_a_worker)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	ring_write(&self->ring, self->fd, "b", 1);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	EXPECT_EQ(0, workers());
	ASSERT_EQ(0, mq_get(self->other, "a"));
	EXPECT_EQ(1, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, mq_get(self->other, "b"));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, many_reads_wait_and_each_gets_a_message)
{
	bool seen[ENTRIES] = {};
	__u64 which;
	int i;

	for (i = 0; i < 32; i++)
		ring_read(&self->ring, self->fd, self->data[i], 64, i);
	ASSERT_EQ(32, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	ASSERT_EQ(0, mq_fill(self->other, 32));
	for (i = 0; i < 32; i++) {
		int message;

		ASSERT_LE(2, ring_wait(&self->ring, &which)) {
			TH_LOG("only %d of 32", i);
		}
		message = atoi(self->data[which] + 1);
		ASSERT_TRUE(message >= 1 && message <= 32);
		EXPECT_FALSE(seen[message]);
		seen[message] = true;
	}
	EXPECT_EQ(0, workers());
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
}

TEST_F(uring, read_told_not_to_wait_completes_with_eagain)
{
	ring_read(&self->ring, self->fd, self->data[0], 64, 1)->rw_flags =
		RWF_NOWAIT;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, ring_done(&self->ring, NULL));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, errors_complete)
{
	int i, result[5] = {};
	__u64 which;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_message_size", "4"));
	ring_write(&self->ring, self->fd, "12345", 1);
	ring_sqe(&self->ring, IORING_OP_WRITE, self->fd, MQ_BAD_POINTER, 4, 2);
	ring_sqe(&self->ring, IORING_OP_FSYNC, self->fd, NULL, 0, 3)->off = 0;
	ASSERT_EQ(3, ring_submit(&self->ring));
	for (i = 0; i < 3; i++) {
		int error = ring_wait(&self->ring, &which);

		ASSERT_LE(which, 3);
		result[which] = error;
	}
	EXPECT_EQ(-EMSGSIZE, result[1]);
	EXPECT_EQ(-EFAULT, result[2]);
	EXPECT_EQ(-EINVAL, result[3]);
	ASSERT_EQ(1, mq_put(self->other, "x"));
	ring_read(&self->ring, self->fd, MQ_BAD_POINTER, 4, 4);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-EFAULT, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, mq_get(self->other, "x"));
}

TEST_F(uring, removal_completes_what_waits)
{
	struct io_uring_sqe *sqe;
	int i;

	for (i = 0; i < 4; i++)
		ring_read(&self->ring, self->fd, self->data[i], 64, i);
	sqe = ring_sqe(&self->ring, IORING_OP_POLL_ADD, self->fd, NULL, 0, 9);
	sqe->off = 0;
	sqe->poll32_events = POLLIN;
	ASSERT_EQ(5, ring_submit(&self->ring));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	for (i = 0; i < 5; i++) {
		__u64 which;
		int result = ring_wait(&self->ring, &which);

		EXPECT_EQ(which == 9 ? POLLIN | POLLERR | POLLHUP : -ENODEV,
			  result);
	}
}

TEST_F(uring, removal_completes_a_waiting_write)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	ring_write(&self->ring, self->fd, "b", 1);
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, ring_wait(&self->ring, NULL));
}

TEST_F(uring, cancelled_read_leaves_the_message)
{
	struct io_uring_sqe *sqe;
	__u64 which;
	int i, result;

	ring_read(&self->ring, self->fd, self->data[0], 64, 7);
	ASSERT_EQ(1, ring_submit(&self->ring));
	sqe = ring_sqe(&self->ring, IORING_OP_ASYNC_CANCEL, -1, NULL, 0, 8);
	sqe->addr = 7;
	sqe->off = 0;
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < 2; i++) {
		result = ring_wait(&self->ring, &which);
		EXPECT_EQ(which == 7 ? -ECANCELED : 0, result);
	}
	ASSERT_EQ(5, mq_put(self->other, "hello"));
	EXPECT_EQ(0, mq_get(self->other, "hello"));
}

TEST_F(uring, ring_that_closes_leaves_the_messages)
{
	int i;

	for (i = 0; i < 8; i++)
		ring_read(&self->ring, self->fd, self->data[i], 64, i);
	ASSERT_EQ(8, ring_submit(&self->ring));
	ring_close(&self->ring);
	/* The ring goes in its own time, and with it its hold on the file. */
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, ring_open(&self->ring));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 1));
	ASSERT_EQ(0, mq_fill(self->other, 8));
	EXPECT_EQ(0, mq_get(self->other, "m1"));
	EXPECT_EQ(7, mq_stat_of(&self->queue, ready));
}

TEST_F(uring, killed_process_leaves_the_messages)
{
	struct ring ring;
	int ready[2], i;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY);

		if (ring_open(&ring))
			_exit(1);
		for (i = 0; i < 8; i++)
			ring_read(&ring, fd, self->data[i], 64, i);
		if (ring_submit(&ring) != 8 || write(ready[1], "x", 1) != 1)
			_exit(2);
		pause();
		_exit(3);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 2));
	ASSERT_EQ(0, mq_fill(self->other, 8));
	EXPECT_EQ(8, mq_stat_of(&self->queue, ready));
}

TEST_F(uring, forced_worker_waits_and_is_woken)
{
	ring_read(&self->ring, self->fd, self->data[0], 64, 1)->flags =
		IOSQE_ASYNC;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	ASSERT_EQ(5, mq_put(self->other, "hello"));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[0], "hello", 5));
}

TEST_F(uring, forced_worker_can_be_cancelled)
{
	struct io_uring_sqe *sqe;
	__u64 which = 0;
	int result;

	ring_read(&self->ring, self->fd, self->data[0], 64, 7)->flags =
		IOSQE_ASYNC;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_TRUE(mq_wait_until(workers() == 1));
	sqe = ring_sqe(&self->ring, IORING_OP_ASYNC_CANCEL, -1, NULL, 0, 8);
	sqe->addr = 7;
	sqe->off = 0;
	ASSERT_EQ(1, ring_submit(&self->ring));
	while (which != 7) {
		result = ring_wait(&self->ring, &which);
		ASSERT_NE(-ENODATA, result);
	}
	EXPECT_TRUE(result == -EINTR || result == -ECANCELED) {
		TH_LOG("got %d", result);
	}
	ASSERT_EQ(5, mq_put(self->other, "hello"));
	EXPECT_EQ(0, mq_get(self->other, "hello"));
}

TEST_F(uring, linked_write_and_read)
{
	__u64 which;

	ring_write(&self->ring, self->fd, "hello", 1)->flags = IOSQE_IO_LINK;
	ring_read(&self->ring, self->fd, self->data[0], 64, 2);
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(5, ring_wait(&self->ring, &which));
	EXPECT_EQ(1, which);
	EXPECT_EQ(5, ring_wait(&self->ring, &which));
	EXPECT_EQ(2, which);
	EXPECT_EQ(0, memcmp(self->data[0], "hello", 5));
}

TEST_F(uring, registered_buffers)
{
	struct iovec vectors[2] = {
		{ self->data[0], 64 }, { self->data[1], 64 },
	};

	ASSERT_EQ(0, syscall(SYS_io_uring_register, self->ring.fd,
			     IORING_REGISTER_BUFFERS, vectors, 2));
	strcpy(self->data[0], "hello");
	ring_sqe(&self->ring, IORING_OP_WRITE_FIXED, self->fd, self->data[0],
		 5, 1)->buf_index = 0;
	ring_sqe(&self->ring, IORING_OP_READ_FIXED, self->fd, self->data[1],
		 64, 2)->buf_index = 1;
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[1], "hello", 5));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, vectors)
{
	struct iovec out[2] = { { "hel", 3 }, { "lo", 2 } };
	struct iovec in[2] = { { self->data[0], 2 }, { self->data[1], 64 } };

	ring_sqe(&self->ring, IORING_OP_WRITEV, self->fd, out, 2, 1);
	ring_sqe(&self->ring, IORING_OP_READV, self->fd, in, 2, 2);
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[0], "he", 2));
	EXPECT_EQ(0, memcmp(self->data[1], "llo", 3));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
}

TEST_F(uring, short_read_goes_on_with_the_next)
{
	ASSERT_EQ(5, mq_put(self->other, "hello"));
	ring_read(&self->ring, self->fd, self->data[0], 2, 1)->flags =
		IOSQE_IO_LINK;
	ring_read(&self->ring, self->fd, self->data[1], 64, 2);
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(2, ring_wait(&self->ring, NULL));
	EXPECT_EQ(3, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[1], "llo", 3));
}

TEST_F(uring, poll_tells_a_message)
{
	struct io_uring_sqe *sqe;

	sqe = ring_sqe(&self->ring, IORING_OP_POLL_ADD, self->fd, NULL, 0, 1);
	sqe->off = 0;
	sqe->poll32_events = POLLIN;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	ASSERT_EQ(1, mq_put(self->other, "x"));
	EXPECT_EQ(POLLIN, ring_wait(&self->ring, NULL));
}

TEST_F(uring, waiting_read_does_not_swallow_what_a_plain_reader_waits_for)
{
	struct mq_call call;
	char data[8];
	int i, fd = mq_open(&self->queue, O_RDONLY);
	int done = 0;

	/* Both kinds of waiters, as many messages as waiters: all are served. */
	ASSERT_LE(0, fd);
	for (i = 0; i < 3; i++)
		ring_read(&self->ring, self->fd, self->data[i], 64, i);
	ASSERT_EQ(3, ring_submit(&self->ring));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_fill(self->other, 4));
	for (i = 0; i < 3; i++)
		done += ring_wait(&self->ring, NULL) == 2;
	EXPECT_EQ(3, done);
	EXPECT_EQ(2, mq_call_result(&call));
}

TEST_HARNESS_MAIN
