// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation and every copy from or to user space fails once, in every
 * call: the call fails or does its work, and nothing is lost or left behind.
 *
 * The kernel does it: a number N in /proc/self/task/TID/fail-nth makes the N-th
 * chance to fail that comes next in this thread fail.
 */
#include "ring.h"

FIXTURE(fault) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	int fail_nth;
	struct mq_batch batch;
	char buffer[8192];
	struct devmq_stat before, after;
};

/* A knob of the fault injection, where the kernel has it. */
static int knob(const char *which, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", which, file);
	return mq_write_file(path, text);
}

FIXTURE_SETUP(fault)
{
	static const char * const which[] = {
		"failslab", "fail_page_alloc", "fail_usercopy",
	};
	char path[64];
	unsigned int i;
	int slab;

	MQ_REQUIRE();
	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth",
		 syscall(SYS_gettid));
	self->fail_nth = open(path, O_RDWR | O_CLOEXEC);
	if (self->fail_nth < 0)
		SKIP(return, "no fault injection in this kernel");
	slab = knob("failslab", "ignore-gfp-wait", "N");
	if (slab)
		SKIP(return, "no failslab in debugfs: %d", slab);
	knob("fail_page_alloc", "ignore-gfp-wait", "N");
	knob("fail_page_alloc", "ignore-gfp-highmem", "N");
	knob("fail_page_alloc", "min-order", "0");
	for (i = 0; i < ARRAY_SIZE(which); i++)
		knob(which[i], "verbose", "0");

	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual"));
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	/* The first use of anything may allocate what then stays. */
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(3, mq_purge(self->fd, 0, 0));
}

FIXTURE_TEARDOWN(fault)
{
	mq_batch_free(&self->batch);
	close(self->fail_nth);
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

static void arm(FIXTURE_DATA(fault) *self, unsigned int nth)
{
	char text[16];
	int size = snprintf(text, sizeof(text), "%u", nth);

	/* What is still armed may make the writing itself fail, once. */
	if (pwrite(self->fail_nth, text, size, 0) != size &&
	    pwrite(self->fail_nth, text, size, 0) != size)
		abort();
}

/* Has it failed?  Whatever is left is forgotten. */
static bool disarm(FIXTURE_DATA(fault) *self)
{
	char text[16] = "";
	ssize_t done = pread(self->fail_nth, text, sizeof(text) - 1, 0);

	/* The reading itself may be what fails: then nothing else has. */
	if (done < 0) {
		arm(self, 0);
		return false;
	}
	arm(self, 0);
	return atoi(text) == 0;
}

#define NOTHING	do { } while (0)

/*
 * Call with the first, second... chance failing, until none fails any more.
 * @prepare comes before each call, @call gives "result", and the rest looks at
 * it.
 * There must have been at least @least chances.
 */
#define SWEEP(least, prepare, call, ...) do {				\
	unsigned int __nth;						\
	bool __failed = true;						\
									\
	for (__nth = 1; __failed; __nth++) {				\
		long result;						\
									\
		ASSERT_GT(500, __nth);					\
		prepare;						\
		ASSERT_EQ(0, mq_stat(&self->queue, &self->before));	\
		arm(self, __nth);					\
		result = call;						\
		__failed = disarm(self);				\
		ASSERT_EQ(0, mq_stat(&self->queue, &self->after));	\
		ASSERT_TRUE(mq_conserved(&self->after));		\
		__VA_ARGS__;						\
		if (_metadata->exit_code == KSFT_FAIL) {		\
			TH_LOG("with failure %u: result %ld",		\
			       __nth, result);				\
			break;						\
		}							\
	}								\
	EXPECT_LE(least, __nth - 2);					\
} while (0)

/* Did the call leave all as it was, but for the roles that it acted in? */
static bool unchanged(FIXTURE_DATA(fault) *self)
{
	self->after.consumers = self->before.consumers;
	self->after.producers = self->before.producers;
	self->after.oldest_ms = self->before.oldest_ms;
	self->after.oldest_in_flight_ms = self->before.oldest_in_flight_ms;
	return !memcmp(&self->before, &self->after, sizeof(self->before));
}

static bool refused(long error)
{
	return error == -ENOMEM || error == -EFAULT;
}

/* What became of a write of @size bytes, whatever failed. */
#define CHECK_WRITE(size) do {						\
	if (result == (long)(size)) {					\
		EXPECT_EQ(self->before.sent + 1, self->after.sent);	\
	} else {							\
		EXPECT_TRUE(refused(result));				\
		EXPECT_TRUE(unchanged(self));				\
	}								\
} while (0)

/* The first message of an open file has memory of its own. */
TEST_F(fault, write_of_a_new_file)
{
	size_t sizes[] = { 1, 100, 1000, 5000, 70000 };
	char *data = calloc(1, 70000);
	unsigned int i;
	int fd = -1;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		SWEEP(2, {
			close(fd);
			fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
			ASSERT_LE(0, fd);
		}, mq_write(fd, data, sizes[i]), CHECK_WRITE(sizes[i]));
	close(fd);
}

/* Later ones are cut from a chunk, which fails only where that is full. */
TEST_F(fault, write)
{
	size_t sizes[] = { 1, 100, 1000, 5000, 70000 };
	char *data = calloc(1, 70000);
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (n = 0; n < 40; n++)
			SWEEP(1, NOTHING, mq_write(self->fd, data, sizes[i]),
			      CHECK_WRITE(sizes[i]));
}

TEST_F(fault, read)
{
	SWEEP(1, ASSERT_EQ(0, mq_fill(self->fd, 1)),
	      mq_read(self->fd, self->buffer, 100), {
		if (result == 2) {
			EXPECT_EQ(1, mq_settle(self->fd, 1, ~0ULL,
					       DEVMQ_ACTION_ACK));
		} else {
			EXPECT_TRUE(refused(result));
			EXPECT_TRUE(unchanged(self));
			EXPECT_EQ(1, mq_purge(self->fd, 0, 0));
		}
	});
}

TEST_F(fault, read_in_pieces)
{
	SWEEP(1, {
		ASSERT_EQ(4, mq_put(self->fd, "abcd"));
		ASSERT_EQ(2, mq_read(self->fd, self->buffer, 2));
	}, mq_read(self->fd, self->buffer + 2, 2), {
		if (result < 0) {
			EXPECT_TRUE(refused(result));
			EXPECT_TRUE(unchanged(self));
			EXPECT_EQ(2, mq_read(self->fd, self->buffer + 2, 2));
		}
		EXPECT_EQ(0, memcmp("abcd", self->buffer, 4));
		EXPECT_EQ(1, mq_settle(self->fd, 1, ~0ULL, DEVMQ_ACTION_ACK));
	});
}

TEST_F(fault, send)
{
	struct devmq_send send;
	char headers[64];
	size_t size = mq_header_put(headers, "name", "value", 5);
	int i;

	for (i = 0; i < 5; i++)
		mq_batch_add_full(&self->batch, "key", 3, headers, size,
				  headers, 3 + i * 12);
	SWEEP(4, NOTHING, mq_send(self->fd, self->batch.data, self->batch.size, &send),
	{
		if (!result) {
			/* A batch that failed in the middle says how far. */
			EXPECT_TRUE(send.count >= 1 && send.count <= 5);
			EXPECT_EQ(self->before.sent + send.count,
				  self->after.sent);
			EXPECT_EQ(self->after.sent, send.last_id);
		} else {
			/* Sent and EFAULT: it could not be told any more. */
			EXPECT_TRUE(refused(result));
			EXPECT_TRUE(unchanged(self) ||
				    (result == -EFAULT && self->after.sent ==
				     self->before.sent + 5));
		}
	});
}

TEST_F(fault, recv)
{
	struct devmq_recv recv;
	int i, done;

	SWEEP(3, ASSERT_EQ(0, mq_fill(self->fd, 3)),
	      (mq_recv_init(&recv, self->buffer, sizeof(self->buffer)),
	       mq_ioctl(self->fd, DEVMQ_IOC_RECV, &recv)), {
		if (!result) {
			EXPECT_TRUE(recv.count >= 1 && recv.count <= 3);
			EXPECT_EQ(recv.count, self->after.in_flight);
			EXPECT_EQ(recv.count, mq_settle(self->fd, 1, ~0ULL,
							DEVMQ_ACTION_ACK));
			EXPECT_EQ(3 - recv.count, mq_purge(self->fd, 0, 0));
		} else {
			EXPECT_TRUE(refused(result));
			/* Nothing is lost: all three can be read. */
			EXPECT_EQ(3, self->after.ready + self->after.in_flight);
			mq_settle(self->fd, 1, ~0ULL, DEVMQ_ACTION_RELEASE);
			for (i = 1; i <= 3; i++) {
				done = mq_read(self->fd, self->buffer, 10);
				EXPECT_EQ(2, done);
				EXPECT_EQ('0' + i, self->buffer[1]);
			}
			EXPECT_EQ(3, mq_settle(self->fd, 1, ~0ULL,
					       DEVMQ_ACTION_ACK));
		}
	});
}

TEST_F(fault, recv_that_fails_delivers_nothing)
{
	struct devmq_recv recv;

	SWEEP(3, ASSERT_EQ(0, mq_fill(self->fd, 3)),
	      (mq_recv_init(&recv, self->buffer, sizeof(self->buffer)),
	       mq_ioctl(self->fd, DEVMQ_IOC_RECV, &recv)), {
		if (result)
			EXPECT_TRUE(unchanged(self));
		mq_settle(self->fd, 1, ~0ULL, DEVMQ_ACTION_RELEASE);
		EXPECT_EQ(3, mq_purge(self->fd, 0, 0));
	});
}

/* Queue a RECV of one message that waits. */
static void recv_by_ring(FIXTURE_DATA(fault) *self, struct ring *ring, int fd,
			 struct devmq_recv *recv)
{
	mq_recv_init(recv, self->buffer, sizeof(self->buffer));
	recv->deadline_ns = DEVMQ_FOREVER;
	recv->max_count = 1;
	ring_command(ring, fd, DEVMQ_IOC_RECV, recv, 1);
}

/* Submit it; where that is what failed, it is left to submit. */
static void submit_by_ring(struct ring *ring)
{
	if (ring_submit(ring) != 1 && ring_submit(ring) != 1)
		abort();
}

TEST_F(fault, recv_by_ring)
{
	struct devmq_recv recv;
	struct ring ring;

	ASSERT_EQ(0, ring_open(&ring));
	SWEEP(3, ({
		ASSERT_EQ(0, mq_fill(self->fd, 1));
		recv_by_ring(self, &ring, self->fd, &recv);
	      }), (submit_by_ring(&ring), ring_wait(&ring, NULL)), {
		if (result) {
			EXPECT_TRUE(refused(result));
			EXPECT_TRUE(unchanged(self));
			EXPECT_EQ(1, mq_purge(self->fd, 0, 0));
		} else {
			EXPECT_EQ(1, recv.count);
			EXPECT_EQ(1, mq_settle(self->fd, 1, ~0ULL,
					       DEVMQ_ACTION_ACK));
		}
	});
	ring_close(&ring);
}

/* On a blocking descriptor, with the kernel to wait in. */
#define RING_THAT_WAITS(ring, fd, recv) do {				\
	fd = mq_open(&self->queue, O_RDWR);				\
	ASSERT_LE(0, fd);						\
	ASSERT_EQ(0, ring_open(ring));					\
	recv_by_ring(self, ring, fd, recv);				\
	submit_by_ring(ring);						\
	if (ring_done(ring, NULL) == -EAGAIN) {				\
		close(fd);						\
		ring_close(ring);					\
		SKIP(return, "no command can wait in this kernel");	\
	}								\
	ASSERT_EQ(0, mq_fill(self->fd, 1));				\
	ASSERT_EQ(0, ring_wait(ring, NULL));				\
	ASSERT_EQ(1, mq_settle(fd, 1, ~0ULL, DEVMQ_ACTION_ACK));	\
} while (0)

TEST_F(fault, recv_by_ring_that_waits)
{
	struct devmq_recv recv;
	struct ring ring;
	int fd;

	RING_THAT_WAITS(&ring, fd, &recv);
	SWEEP(2, recv_by_ring(self, &ring, fd, &recv),
	      (submit_by_ring(&ring), ring_done(&ring, NULL)), {
		EXPECT_TRUE(unchanged(self));
		if (result != -ENODATA) {
			EXPECT_TRUE(refused(result));
		} else {
			ASSERT_EQ(0, mq_fill(self->fd, 1));
			EXPECT_EQ(0, ring_wait(&ring, NULL));
			EXPECT_EQ(1, recv.count);
			EXPECT_EQ(1, mq_settle(fd, 1, ~0ULL, DEVMQ_ACTION_ACK));
		}
	});
	close(fd);
	ring_close(&ring);
}

TEST_F(fault, recv_by_ring_that_is_woken)
{
	struct devmq_recv recv;
	struct ring ring;
	int fd;

	RING_THAT_WAITS(&ring, fd, &recv);
	SWEEP(3, ({
		recv_by_ring(self, &ring, fd, &recv);
		submit_by_ring(&ring);
	      }), mq_put(self->fd, "a") == 1 ? ring_wait(&ring, NULL) : 1, {
		if (result == 1) {
			/* It was the sending that failed. */
			EXPECT_TRUE(unchanged(self));
			EXPECT_EQ(1, mq_put(self->fd, "a"));
			result = ring_wait(&ring, NULL);
			EXPECT_EQ(0, result);
		}
		if (result) {
			EXPECT_TRUE(refused(result));
			EXPECT_EQ(1, self->after.ready);
			EXPECT_EQ(1, mq_purge(self->fd, 0, 0));
		} else {
			EXPECT_EQ(1, recv.count);
			EXPECT_EQ(1, mq_settle(fd, 1, ~0ULL, DEVMQ_ACTION_ACK));
		}
	});
	close(fd);
	ring_close(&ring);
}

TEST_F(fault, settle)
{
	struct devmq_settlement settlements[3];
	uint64_t first = 4;
	int i;

	SWEEP(2, {
		ASSERT_EQ(0, mq_fill(self->fd, 3));
		for (i = 0; i < 3; i++) {
			ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
			mq_settlement(&settlements[i], first + i, first + i,
				      i == 1 ? DEVMQ_ACTION_RELEASE :
				      DEVMQ_ACTION_ACK);
		}
	}, mq_settle_many(self->fd, settlements, 3, NULL), {
		/*
		 * All or nothing; only when what it did could not be told any
		 * more is it done and EFAULT all the same.
		 */
		EXPECT_TRUE(!result || refused(result));
		if (result && unchanged(self)) {
			EXPECT_EQ(3, mq_settle(self->fd, 1, ~0ULL,
					       DEVMQ_ACTION_ACK));
		} else {
			EXPECT_TRUE(!result || result == -EFAULT);
			EXPECT_EQ(self->before.acked + 2, self->after.acked);
			EXPECT_EQ(0, self->after.in_flight);
			EXPECT_EQ(1, mq_purge(self->fd, 0, 0));
		}
		first += 3;
	});
}

TEST_F(fault, peek)
{
	struct devmq_peek peek;

	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
	SWEEP(3, NOTHING, (mq_peek_init(&peek, self->buffer, sizeof(self->buffer)),
		    mq_ioctl(self->fd, DEVMQ_IOC_PEEK, &peek)), {
		EXPECT_TRUE(unchanged(self));
		EXPECT_TRUE(refused(result) || (!result && peek.count >= 1 &&
						peek.count <= 5));
	});
}

TEST_F(fault, purge)
{
	SWEEP(1, ASSERT_EQ(0, mq_fill(self->fd, 5)),
	      mq_purge(self->fd, 0, 0), {
		EXPECT_TRUE(result == 5 || refused(result));
		if (result < 0 && unchanged(self)) {
			EXPECT_EQ(5, mq_purge(self->fd, 0, 0));
		} else {
			EXPECT_EQ(self->before.purged + 5, self->after.purged);
			EXPECT_EQ(0, self->after.ready);
		}
	});
}

TEST_F(fault, consumer)
{
	struct devmq_consumer consumer;

	SWEEP(1, ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 3)),
	      mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 7), {
		ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
		EXPECT_TRUE(consumer.prefetch == 7 ||
			    (result && consumer.prefetch == 3));
		EXPECT_TRUE(!result || refused(result));
		EXPECT_TRUE(unchanged(self));
	});
}

TEST_F(fault, stat)
{
	struct devmq_stat stat;

	SWEEP(1, NOTHING, mq_stat_fd(self->fd, &stat), {
		EXPECT_TRUE(!result || refused(result));
		EXPECT_TRUE(unchanged(self));
	});
}

TEST_F(fault, fionread)
{
	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	SWEEP(0, NOTHING, mq_fionread(self->fd), {
		EXPECT_TRUE(result == 5 || refused(result));
		EXPECT_TRUE(unchanged(self));
	});
}

TEST_F(fault, open_and_close)
{
	SWEEP(2, NOTHING, mq_open(&self->queue, O_RDONLY | O_NONBLOCK), {
		if (result >= 0) {
			EXPECT_EQ(1, self->after.consumers);
			EXPECT_EQ(0, close(result));
			EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
		} else {
			EXPECT_TRUE(unchanged(self));
		}
	});
}

TEST_F(fault, close_with_messages_held)
{
	int fd;

	/* A close cannot fail: what it held is back, whatever there is. */
	SWEEP(0, {
		ASSERT_EQ(0, mq_fill(self->fd, 5));
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(1, mq_read(fd, self->buffer, 1));
	}, close(fd), {
		EXPECT_EQ(0, result);
		EXPECT_EQ(5, self->after.ready);
		EXPECT_EQ(0, self->after.in_flight);
		EXPECT_EQ(5, mq_purge(self->fd, 0, 0));
	});
}

/* -- what must not fail, whatever memory there is ---------------------------- */

/* The queue anew with some options, beside one that takes its dead. */
#define RECREATE(grave_queue, ...) do {					\
	close(self->fd);						\
	ASSERT_EQ(0, mq_create(grave_queue, "ack=manual"));		\
	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual " __VA_ARGS__)); \
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);		\
	ASSERT_LE(0, self->fd);						\
	ASSERT_EQ(0, mq_fill(self->fd, 3));				\
	ASSERT_EQ(3, mq_purge(self->fd, 0, 0));				\
} while (0)

#define BURY(grave_queue) \
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s", \
				  (grave_queue)->name))

/* How many messages a queue has ready; then it has none. */
static long long empty(const struct mq_queue *queue)
{
	int fd = mq_open(queue, MQ_LOOK);
	long long ready = mq_stat_of(queue, ready);

	if (mq_purge(fd, 0, 0) < ready)
		ready = -EIO;
	close(fd);
	return ready;
}

TEST_F(fault, settle_with_every_action)
{
	static const unsigned int actions[] = {
		DEVMQ_ACTION_ACK, DEVMQ_ACTION_RELEASE, DEVMQ_ACTION_RETRY,
		DEVMQ_ACTION_REJECT, DEVMQ_ACTION_EXTEND, DEVMQ_ACTION_DEFER,
	};
	struct devmq_settlement settlements[6];
	uint64_t first = 4;
	bool noted;
	int i;

	/*
	 * All of it is done or nothing, but for what cannot be noted; what cannot be
	 * told is done.
	 */
	SWEEP(2, {
		ASSERT_EQ(0, mq_fill(self->fd, 6));
		for (i = 0; i < 6; i++) {
			ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
			mq_settlement(&settlements[i], first + i, first + i,
				      actions[i]);
		}
		settlements[2].delay_ns = MQ_HOUR;
		settlements[3].note = (uintptr_t)"a note";
		settlements[3].note_size = 6;
		settlements[4].delay_ns = MQ_HOUR;
	}, mq_settle_many(self->fd, settlements, 6, NULL), {
		EXPECT_TRUE(!result || refused(result));
		if (result && unchanged(self)) {
			EXPECT_EQ(6, mq_settle(self->fd, 1, ~0ULL,
					       DEVMQ_ACTION_ACK));
		} else {
			noted = self->after.dead;
			EXPECT_TRUE(noted ? !result || result == -EFAULT :
				    result == settlements[3].error);
			EXPECT_EQ(self->before.acked + 1, self->after.acked);
			EXPECT_EQ(1, self->after.ready);
			EXPECT_EQ(1, self->after.delayed);
			EXPECT_EQ(noted, self->after.dead);
			EXPECT_EQ(2 - noted, self->after.in_flight);
			EXPECT_EQ(1, self->after.deferred);
			EXPECT_EQ(2 - noted, mq_settle(self->fd, 1, ~0ULL,
						       DEVMQ_ACTION_ACK));
			EXPECT_EQ(3 + noted, mq_purge(self->fd, 0, 0));
		}
		first += 6;
	});
}

TEST_F(fault, reject_that_moves_to_the_dead_letter_queue)
{
	struct mq_queue grave;
	uint64_t id = 3;

	RECREATE(&grave, "");
	BURY(&grave);
	SWEEP(1, {
		ASSERT_EQ(0, mq_fill(self->fd, 1));
		ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
		id++;
	}, mq_reject_with(self->fd, id, 300, "a note"), {
		EXPECT_TRUE(result == 1 || refused(result));
		if (result < 0 && unchanged(self)) {
			EXPECT_EQ(1, mq_ack(self->fd, id));
		} else {
			EXPECT_TRUE(result == 1 || result == -EFAULT);
			EXPECT_EQ(self->before.dead_lettered + 1,
				  self->after.dead_lettered);
			EXPECT_EQ(1, empty(&grave));
		}
	});
}

TEST_F(fault, death_at_a_close_in_place)
{
	struct mq_queue grave;
	int fd;

	RECREATE(&grave, "max_deliveries=1");
	SWEEP(0, {
		ASSERT_EQ(0, mq_fill(self->fd, 5));
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(1, mq_read(fd, self->buffer, 1));
	}, close(fd), {
		EXPECT_EQ(0, result);
		EXPECT_EQ(3, self->after.dead);
		EXPECT_EQ(2, self->after.ready);
		EXPECT_EQ(0, self->after.in_flight);
		EXPECT_EQ(5, mq_purge(self->fd, 0, 0));
	});
}

TEST_F(fault, death_at_a_close_in_the_dead_letter_queue)
{
	struct mq_queue grave;
	int fd;

	RECREATE(&grave, "max_deliveries=1");
	BURY(&grave);
	SWEEP(0, {
		ASSERT_EQ(0, mq_fill(self->fd, 5));
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(1, mq_read(fd, self->buffer, 1));
	}, close(fd), {
		EXPECT_EQ(0, result);
		EXPECT_EQ(self->before.dead_lettered + 3,
			  self->after.dead_lettered);
		EXPECT_EQ(0, self->after.dead);
		EXPECT_EQ(0, self->after.in_flight);
		EXPECT_EQ(3, empty(&grave));
		EXPECT_EQ(2, mq_purge(self->fd, 0, 0));
	});
}

TEST_F(fault, death_of_an_expired_message_at_a_read)
{
	struct mq_queue grave;
	unsigned int nth;
	bool failed = true;
	ssize_t done;

	/* Whoever comes first finds it; the read has nothing to get. */
	RECREATE(&grave, "on_expiry=dead");
	BURY(&grave);
	for (nth = 1; failed; nth++) {
		uint64_t end;

		ASSERT_GT(500, nth);
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_MS));
		for (end = mq_boot_ns() + MQ_MS; mq_boot_ns() <= end;)
			;
		arm(self, nth);
		done = mq_read(self->fd, self->buffer, 10);
		failed = disarm(self);
		EXPECT_TRUE(done == -EAGAIN || refused(done));
		EXPECT_TRUE(mq_wait_until(mq_stat_of(&grave, ready) == 1));
		EXPECT_EQ(nth, mq_stat_of(&self->queue, dead_lettered));
		EXPECT_EQ(1, empty(&grave));
	}
}

TEST_F(fault, make_room_by_moving_to_the_dead_letter_queue)
{
	struct mq_queue grave;

	RECREATE(&grave, "");
	BURY(&grave);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	SWEEP(2, NOTHING, mq_put(self->fd, "more"), {
		if (result == 4) {
			EXPECT_EQ(self->before.dead_lettered + 1,
				  self->after.dead_lettered);
			EXPECT_EQ(1, empty(&grave));
		} else {
			EXPECT_TRUE(refused(result));
			EXPECT_TRUE(unchanged(self));
			EXPECT_EQ(0, empty(&grave));
		}
	});
}

TEST_F(fault, close_hands_over_to_the_next_active_consumer)
{
	struct mq_queue grave;
	int fd, next;

	RECREATE(&grave, "");
	close(self->fd);
	self->fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "single_active", "1"));
	SWEEP(0, {
		ASSERT_EQ(0, mq_fill(self->fd, 1));
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		next = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(-EAGAIN, mq_read(next, self->buffer, 10));
	}, close(fd), {
		EXPECT_EQ(0, result);
		EXPECT_EQ(2, mq_read(next, self->buffer, 10));
		EXPECT_EQ(1, mq_settle(next, 1, ~0ULL, DEVMQ_ACTION_ACK));
		close(next);
	});
}

/* -- the rest of what time and order do --------------------------------------- */

TEST_F(fault, send_with_all_there_is)
{
	struct devmq_send send;
	struct mq_queue grave;
	char id[16], key[16];
	int i = 0;

	RECREATE(&grave, "order=key fairness=key priorities=3");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dedup_window_ms", "3600000"));
	SWEEP(4, {
		/* A key and an id that were never there before. */
		mq_batch_free(&self->batch);
		snprintf(id, sizeof(id), "id %d", i);
		snprintf(key, sizeof(key), "key %d", i++);
		mq_batch_add_message(&self->batch, &(struct mq_message){
			.text = "x", .key = key, .dedup = id, .priority = 1,
			.delay_ns = MQ_HOUR, .ttl_ns = MQ_HOUR,
		});
	}, mq_send(self->fd, self->batch.data, self->batch.size, &send), {
		if (result && unchanged(self)) {
			EXPECT_TRUE(refused(result));
			/* Nothing is remembered of what was refused. */
			ASSERT_EQ(0, mq_send(self->fd, self->batch.data,
					     self->batch.size, &send));
			EXPECT_EQ(0, send.result);
		} else {
			EXPECT_TRUE(!result || result == -EFAULT);
			EXPECT_EQ(self->before.delayed + 1,
				  self->after.delayed);
		}
		ASSERT_EQ(0, mq_send(self->fd, self->batch.data,
				     self->batch.size, &send));
		EXPECT_EQ(DEVMQ_SENT_DUP, send.result);
	});
}

TEST_F(fault, recv_by_id)
{
	struct devmq_recv recv;
	uint64_t id = 3;

	SWEEP(2, {
		ASSERT_EQ(0, mq_fill(self->fd, 1));
		ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
		ASSERT_EQ(1, mq_defer(self->fd, ++id));
		mq_recv_init(&recv, self->buffer, sizeof(self->buffer));
		recv.id = id;
	}, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &recv), {
		if (!result) {
			EXPECT_EQ(1, recv.count);
			EXPECT_EQ(1, mq_ack(self->fd, id));
		} else {
			EXPECT_TRUE(refused(result));
			EXPECT_TRUE(unchanged(self));
			EXPECT_EQ(1, mq_purge(self->fd, 0, 0));
		}
	});
}

TEST_F(fault, redrive)
{
	struct mq_queue grave;
	int i, grave_fd;

	/* Back from the dead-letter queue: none is lost on the way. */
	RECREATE(&grave, "");
	BURY(&grave);
	grave_fd = mq_open(&grave, MQ_LOOK);
	ASSERT_LE(0, grave_fd);
	SWEEP(1, {
		ASSERT_EQ(0, mq_fill(self->fd, 3));
		for (i = 0; i < 3; i++)
			ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
		ASSERT_EQ(3, mq_settle(self->fd, 1, ~0ULL,
				       DEVMQ_ACTION_REJECT));
	}, mq_redrive(grave_fd, 0, 0, -1, NULL), {
		EXPECT_TRUE((result >= 0 && result <= 3) || refused(result));
		EXPECT_EQ(3, mq_stat_of(&grave, ready) + self->after.ready);
		EXPECT_LE(0, empty(&grave));
		EXPECT_LE(0, mq_purge(self->fd, 0, 0));
	});
	close(grave_fd);
}

TEST_F(fault, redrive_here)
{
	SWEEP(1, {
		ASSERT_EQ(0, mq_fill(self->fd, 2));
		ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
		ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
		ASSERT_EQ(2, mq_settle(self->fd, 1, ~0ULL,
				       DEVMQ_ACTION_REJECT));
	}, mq_redrive(self->fd, 0, 0, -1, NULL), {
		EXPECT_TRUE(result == 2 || refused(result));
		EXPECT_EQ(2, self->after.ready + self->after.dead);
		EXPECT_EQ(2, mq_purge(self->fd, 0, 0));
	});
}

TEST_F(fault, create_with_a_dead_letter_queue)
{
	struct mq_queue grave, other;
	char command[256];
	int fd;

	ASSERT_EQ(0, mq_create(&grave, ""));
	mq_name(&other);
	fd = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	snprintf(command, sizeof(command),
		 "create %s dead_letter=%s order=key fairness=key priorities=9",
		 other.name, grave.name);
	SWEEP(5, NOTHING, mq_put(fd, command), {
		if (result == (long)strlen(command)) {
			EXPECT_EQ(-EBUSY, mq_control("remove %s",
						     grave.name));
			EXPECT_EQ(0, mq_control("remove %s", other.name));
		} else {
			/* Or devtmpfs had no memory for the node. */
			EXPECT_TRUE(refused(result) || result == -ENXIO);
		}
		/* Nothing keeps the target that is not there. */
		EXPECT_EQ(0, mq_control("remove %s", grave.name));
		EXPECT_EQ(0, mq_control("create %s", grave.name));
	});
	close(fd);
}

TEST_F(fault, set_the_dead_letter_queue)
{
	struct mq_queue grave;
	char text[128];

	ASSERT_EQ(0, mq_create(&grave, ""));
	SWEEP(1, ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter",
					   "none")),
	      mq_sysfs_set(&self->queue, "dead_letter", "%s", grave.name), {
		ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
					  sizeof(text)));
		EXPECT_STREQ(result ? "none" : grave.name, text);
		EXPECT_EQ(result ? 0 : -EBUSY,
			  mq_control("remove %s", grave.name));
		if (result)
			ASSERT_EQ(0, mq_control("create %s", grave.name));
	});
}

TEST_F(fault, line_write_and_close)
{
	struct mq_queue lines;
	long long sent;
	int fd, looker;

	ASSERT_EQ(0, mq_create(&lines, "framing=line"));
	looker = mq_open(&lines, MQ_LOOK);
	ASSERT_LE(0, looker);
	fd = mq_open(&lines, O_WRONLY);
	SWEEP(3, NOTHING, mq_put(fd, "first\nsecond\nthird"), {
		static const long cuts[] = { -1, 6, 13, 18 };
		int lines_taken = 0;

		/* All of it, or whole lines of it, or nothing. */
		EXPECT_TRUE(refused(result) || result == 6 || result == 13 ||
			    result == 18);
		if (result > 0)
			while (lines_taken < 3 && cuts[lines_taken + 1] <= result)
				lines_taken++;
		/* The tail becomes a message at the close. */
		EXPECT_EQ(0, close(fd));
		sent = mq_purge(looker, 0, 0);
		EXPECT_EQ(lines_taken, sent);
		fd = mq_open(&lines, O_WRONLY);
		ASSERT_LE(0, fd);
	});
	/* And the close itself. */
	SWEEP(0, {
		fd = mq_open(&lines, O_WRONLY);
		ASSERT_LE(0, fd);
		ASSERT_EQ(4, mq_put(fd, "tail"));
	}, close(fd), {
		EXPECT_EQ(0, result);
		EXPECT_EQ(1, mq_purge(looker, 0, 0));
	});
	close(looker);
}

TEST_F(fault, create_and_remove)
{
	struct mq_queue other;
	char command[128];
	int fd, opened;

	mq_name(&other);
	fd = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	snprintf(command, sizeof(command),
		 "create %s max_messages=5 overflow=reject", other.name);
	SWEEP(5, NOTHING, mq_put(fd, command), {
		if (result == (long)strlen(command)) {
			opened = mq_open(&other, O_RDWR);
			EXPECT_LE(0, opened);
			close(opened);
			EXPECT_EQ(5, mq_sysfs_number(&other, "max_messages"));
			EXPECT_EQ(0, mq_control("remove %s", other.name));
		} else {
			/* The driver core does not say that there is no node. */
			EXPECT_TRUE(refused(result) || result == -ENXIO);
			EXPECT_EQ(-ENOENT, mq_open(&other, O_RDWR));
			EXPECT_EQ(-ENOENT, mq_control("remove %s", other.name));
		}
	});
	close(fd);
}

TEST_F(fault, remove)
{
	struct mq_queue other;
	char command[128], node[128];
	int fd;

	mq_name(&other);
	fd = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	snprintf(command, sizeof(command), "remove %s force", other.name);
	snprintf(node, sizeof(node), "/dev/mq/%s", other.name);
	SWEEP(1, {
		/* devtmpfs had no memory to remove it. */
		unlink(node);
		ASSERT_EQ(0, mq_control("create %s", other.name));
	}, mq_put(fd, command), {
		/* Gone, or there as before. */
		EXPECT_EQ(result == (long)strlen(command) ? -ENOENT : 0,
			  mq_control("remove %s", other.name));
	});
	close(fd);
}

TEST_F(fault, control_reason)
{
	char text[256];
	int fd;

	SWEEP(1, {
		fd = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, fd);
	}, mq_put(fd, "frobnicate"), {
		EXPECT_TRUE(result == -EINVAL || refused(result));
		/* A reason or none; no crash, and no half of one. */
		EXPECT_LE(0, mq_read(fd, text, sizeof(text)));
		close(fd);
	});
	SWEEP(1, {
		fd = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, fd);
	}, mq_read(fd, text, sizeof(text)), {
		EXPECT_TRUE(result > 0 || refused(result));
		close(fd);
	});
}

TEST_F(fault, sysfs)
{
	int error;

	SWEEP(1, ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "10")),
	      mq_sysfs_set(&self->queue, "max_messages", "20"), {
		error = mq_sysfs_number(&self->queue, "max_messages");
		EXPECT_EQ(result ? 10 : 20, error);
	});
	SWEEP(1, NOTHING, mq_sysfs_number(&self->queue, "max_messages"),
	      EXPECT_TRUE(result == 20 || result < 0));
}

TEST_HARNESS_MAIN
