// SPDX-License-Identifier: GPL-2.0
/*
 * In every call, each allocation and each copy from or to user space fails
 * once: the call fails or does its work, and nothing is lost or left behind.
 *
 * A number N in /proc/self/task/TID/fail-nth makes the kernel fail the N-th
 * allocation or copy that follows in this thread.
 */
#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/ring.h"
#include "fixtures/fault.h"

/* Check a write of @size bytes: it sent a message, or changed nothing. */
#define CHECK_WRITE(size) do {						\
	if (result == (long)(size)) {					\
		EXPECT_EQ(self->before.sent + 1, self->after.sent);	\
	} else {							\
		EXPECT_TRUE(refused(result));				\
		EXPECT_TRUE(unchanged(self));				\
	}								\
} while (0)

/* The first message of an open file always needs new memory. */
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

/*
 * Later messages are cut from a chunk, and need new memory only if it is full.
 */
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
	SWEEP(4, NOTHING,
	      mq_send(self->fd, self->batch.data, self->batch.size, &send), {
		if (!result) {
			/*
			 * A batch that failed in the middle reports how far it
			 * got.
			 */
			EXPECT_TRUE(send.count >= 1 && send.count <= 5);
			EXPECT_EQ(self->before.sent + send.count,
				  self->after.sent);
			EXPECT_EQ(self->after.sent, send.last_id);
		} else {
			/*
			 * EFAULT after a send: the results could not be
			 * written.
			 */
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

	SWEEP(2, ASSERT_EQ(0, mq_fill(self->fd, 3)),
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
			/* No message is lost: all three can be read. */
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

	SWEEP(2, ASSERT_EQ(0, mq_fill(self->fd, 3)),
	      (mq_recv_init(&recv, self->buffer, sizeof(self->buffer)),
	       mq_ioctl(self->fd, DEVMQ_IOC_RECV, &recv)), {
		if (result)
			EXPECT_TRUE(unchanged(self));
		mq_settle(self->fd, 1, ~0ULL, DEVMQ_ACTION_RELEASE);
		EXPECT_EQ(3, mq_purge(self->fd, 0, 0));
	});
}

/* Queue a RECV that waits for one message. */
static void recv_by_ring(FIXTURE_DATA(fault) *self, struct ring *ring, int fd,
			 struct devmq_recv *recv)
{
	mq_recv_init(recv, self->buffer, sizeof(self->buffer));
	recv->deadline_ns = DEVMQ_FOREVER;
	recv->max_count = 1;
	ring_command(ring, fd, DEVMQ_IOC_RECV, recv, 1);
}

/* Submit the command; again, if the submission itself failed. */
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
	SWEEP(2, ({
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

/*
 * Open a blocking descriptor and a ring, and skip the test if this kernel does
 * not let a command wait.
 */
#define RING_THAT_WAITS(ring, fd, recv) do {				\
	fd = mq_open(&self->queue, O_RDWR);				\
	ASSERT_LE(0, fd);						\
	ASSERT_EQ(0, ring_open(ring));					\
	recv_by_ring(self, ring, fd, recv);				\
	submit_by_ring(ring);						\
	if (ring_done(ring, NULL) == -EAGAIN) {				\
		close(fd);						\
		ring_close(ring);					\
		SKIP(return, "this kernel does not let a command wait");	\
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
		if (result != -ENODATA) {
			EXPECT_TRUE(refused(result));
			EXPECT_TRUE(unchanged(self));
		} else {
			EXPECT_EQ(self->before.waiting_receivers + 1,
				  self->after.waiting_receivers);
			self->before.waiting_receivers++;
			EXPECT_TRUE(unchanged(self));
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
	SWEEP(2, ({
		recv_by_ring(self, &ring, fd, &recv);
		submit_by_ring(&ring);
	      }), mq_put(self->fd, "a") == 1 ? ring_wait(&ring, NULL) : 1, {
		if (result == 1) {
			/* The send failed. */
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
		 * The call settles all or nothing. Only if it could not write
		 * its results, it returns EFAULT although it has settled.
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
	SWEEP(2, mq_peek_init(&peek, self->buffer, sizeof(self->buffer)),
	      mq_ioctl(self->fd, DEVMQ_IOC_PEEK, &peek), {
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

	/*
	 * A close cannot fail: it returns what was held, even without memory.
	 */
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

/* -- times and order ------------------------------------------------------- */

TEST_F(fault, send_with_all_there_is)
{
	struct devmq_send send;
	struct mq_queue grave;
	char id[16], key[16];
	int i = 0;

	RECREATE(&grave, "order=key fairness=key priorities=3");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dedup_window_ms", "3600000"));
	SWEEP(4, {
		/* A new key and a new de-duplication id. */
		mq_batch_free(&self->batch);
		snprintf(id, sizeof(id), "id %d", i);
		snprintf(key, sizeof(key), "key %d", i++);
		mq_batch_add_message(&self->batch, &(struct mq_message) {
			.text = "x", .key = key, .dedup = id, .priority = 1,
			.delay_ns = MQ_HOUR, .ttl_ns = MQ_HOUR,
		});
	}, mq_send(self->fd, self->batch.data, self->batch.size, &send), {
		if (result && unchanged(self)) {
			EXPECT_TRUE(refused(result));
			/* The id of a refused message is not remembered. */
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

	/* Redrive from the dead-letter queue: no message is lost on the way. */
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

TEST_F(fault, line_write_and_close)
{
	struct mq_queue lines;
	long long sent;
	int fd, looker;

	ASSERT_EQ(0, mq_create(&lines, "framing=line"));
	looker = mq_open(&lines, MQ_LOOK);
	ASSERT_LE(0, looker);
	fd = mq_open(&lines, O_WRONLY);
	SWEEP(2, NOTHING, mq_put(fd, "first\nsecond\nthird"), {
		static const long cuts[] = { -1, 6, 13, 18 };
		int lines_taken = 0;

		/* The write takes all bytes, some whole lines, or nothing. */
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
	/* The close itself must not fail. */
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
			/*
			 * The driver core does not report a missing node; the
			 * module returns ENXIO.
			 */
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
		/* devtmpfs may have had no memory to remove the node. */
		unlink(node);
		ASSERT_EQ(0, mq_control("create %s", other.name));
	}, mq_put(fd, command), {
		/* The queue is gone, or there as before. */
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
		/* The read returns a reason or nothing. */
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
