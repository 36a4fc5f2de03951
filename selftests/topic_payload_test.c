// SPDX-License-Identifier: GPL-2.0
/*
 * Large payloads of a topic's messages: stored and charged once, however many queues
 * take them, and read whole everywhere.
 */
#include <sys/uio.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/used.h"
#include "fixtures/retain.h"

/* What a queue may take for a copy, besides the payload. */
#define EACH_COPY	1024

/* A payload that is shared, with some bytes behind its last multiple of 8. */
#define LARGE		8195

/* A payload in which no two neighbouring parts are the same. */
static char *payload_of(size_t size)
{
	char *data = malloc(size);
	size_t i;

	if (!data)
		abort();
	for (i = 0; i < size; i++)
		data[i] = 'a' + (i ^ i >> 8) % 26;
	return data;
}

/* Read the next message with one call. Returns 0 if it is the payload of @size. */
static int get_large(int fd, size_t size)
{
	char *want = payload_of(size), *got = calloc(1, size + 1);
	ssize_t n = mq_read(fd, got, size + 1);
	int ret = n < 0 ? (int)n : -EBADMSG;

	if (n == (ssize_t)size && !memcmp(want, got, size))
		ret = 0;
	free(want);
	free(got);
	return ret;
}

static int put_large(int fd, size_t size)
{
	char *data = payload_of(size);
	ssize_t n = mq_write(fd, data, size);

	free(data);
	return n == (ssize_t)size ? 0 : n < 0 ? (int)n : -EIO;
}

/* Return 0 if a record has the payload of @size, with zeros behind it. */
static int record_is_large(struct devmq_record *record, size_t size)
{
	char *want = payload_of(size), *at = mq_record_payload(record);
	static const char zeros[8];
	int ret = -EBADMSG;

	if (mq_record_payload_size(record) == size && !record->flags &&
	    !memcmp(want, at, size) &&
	    !memcmp(zeros, at + size, DEVMQ_ALIGN(size) - size))
		ret = 0;
	free(want);
	return ret;
}

/* -- memory ---------------------------------------------------------------- */

#define MANY	64

/* Bind @n queues to self->queue, and open them. */
static int bind_many(FIXTURE_DATA(topic) *self, struct mq_queue *q, int *fd, int n)
{
	int i, error = 0;

	for (i = 0; i < n && !error; i++) {
		error = mq_create(&q[i], "");
		fd[i] = error ? -1 : mq_open(&q[i], O_RDONLY | O_NONBLOCK);
		error = error ?: fd[i] < 0 ? fd[i] :
			topic_bind(&self->queue, &q[i], "");
	}
	return error;
}

/* Send a message to 64 queues and read it there. */
static void fan_out(struct __test_metadata *_metadata, FIXTURE_DATA(topic) *self,
		    size_t size)
{
	struct mq_queue q[MANY];
	long long before, after;
	int i, fd[MANY];

	TOPIC("");
	ASSERT_EQ(0, bind_many(self, q, fd, MANY));
	before = mq_used_settled();
	/* Another file than that of the fixture: it keeps nothing once it is closed. */
	i = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, i);
	ASSERT_EQ(0, put_large(i, size));
	close(i);
	after = mq_used();
	EXPECT_LE(before + (long long)size, after);
	EXPECT_GE(before + 2 * (long long)size + MANY * EACH_COPY, after);
	for (i = 0; i < MANY; i++) {
		EXPECT_EQ(size, mq_stat_of(&q[i], bytes));
		EXPECT_LE(before + (long long)size, mq_used());
		EXPECT_EQ(0, get_large(fd[i], size));
		EXPECT_EQ(0, mq_stat_of(&q[i], bytes));
	}
	/* The last reader has freed it. */
	EXPECT_TRUE(mq_wait_until(mq_used() <= before));
	for (i = 0; i < MANY; i++)
		close(fd[i]);
}

TEST_F(topic, payload_of_8_kib_is_stored_once)
{
	fan_out(_metadata, self, 8192);
}

TEST_F(topic, payload_of_1_mib_is_stored_once)
{
	fan_out(_metadata, self, 1 << 20);
}

TEST_F(topic, payload_of_a_line_is_stored_once)
{
	char *line = payload_of(LARGE);
	long long before;
	int i;

	line[LARGE - 1] = '\n';
	TOPIC("framing=line");
	for (i = 0; i < QUEUES; i++)
		BOUND(i, "", "");
	before = mq_used_settled();
	/* In two parts, the first of which waits for the rest. */
	EXPECT_EQ(5000, mq_write(self->fd, line, 5000));
	EXPECT_EQ(LARGE - 5000, mq_write(self->fd, line + 5000, LARGE - 5000));
	EXPECT_GE(before + 2 * 16384 + QUEUES * EACH_COPY, mq_used());
	for (i = 0; i < QUEUES; i++) {
		char got[LARGE] = {};

		EXPECT_EQ(LARGE, mq_read(self->q_fd[i], got, LARGE));
		EXPECT_EQ(0, memcmp(line, got, LARGE));
	}
	free(line);
}

/* A queue that is slow keeps what is left in it, and nothing else of the batch. */
TEST_F(topic, slow_queue_keeps_the_payloads_that_it_has)
{
	char *data = payload_of(LARGE);
	long long before, each;
	int i, fd;

	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "");
	before = mq_used_settled();
	fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	for (i = 0; i < 16; i++)
		mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, data, LARGE);
	ASSERT_EQ(0, mq_send(fd, self->batch.data, self->batch.size, &self->send));
	ASSERT_EQ(16, self->send.count);
	close(fd);
	each = (mq_used() - before) / 16;
	EXPECT_LE(LARGE, each);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(0, get_large(self->q_fd[0], LARGE));
	EXPECT_EQ(7, mq_purge(self->q_fd[1], 1, 7));
	EXPECT_EQ(8, mq_purge(self->q_fd[1], 9, 16));
	EXPECT_LE(before + LARGE, mq_used());
	EXPECT_GE(before + each, mq_used());
	EXPECT_EQ(0, get_large(self->q_fd[1], LARGE));
	EXPECT_TRUE(mq_wait_until(mq_used() <= before));
	free(data);
}

/* What is small is copied, so that it keeps nothing of another queue's. */
TEST_F(topic, small_payload_is_copied)
{
	long long before;

	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "");
	before = mq_used_settled();
	EXPECT_EQ(5, mq_put(self->fd, "small"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "small"));
	EXPECT_LT(before, mq_used());
	EXPECT_EQ(0, mq_get(self->q_fd[1], "small"));
}

/* -- who pays -------------------------------------------------------------- */

/* As an unprivileged user, send until that fails. Returns the error. */
static int nobody_publishes(const struct mq_queue *topic, size_t size, int most)
{
	pid_t child = mq_fork();

	if (!child) {
		int fd, error = 0;

		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(99);
		fd = mq_open(topic, O_WRONLY | O_NONBLOCK);
		if (fd < 0)
			_exit(98);
		while (most-- && !error)
			error = put_large(fd, size);
		_exit(-error);
	}
	return -mq_wait_child(child);
}

TEST_F(topic, charge_stays_with_the_publisher_until_the_last_copy_is_gone)
{
	long long root;
	int i;

	TOPIC("mode=0666");
	for (i = 0; i < QUEUES; i++)
		BOUND(i, "", "");
	root = mq_used_by(0);
	ASSERT_TRUE(mq_wait_until(!mq_used_by(MQ_NOBODY)));
	ASSERT_EQ(0, nobody_publishes(&self->queue, 1 << 20, 1));
	EXPECT_GE(root, mq_used_by(0));
	EXPECT_GE((2 << 20) + QUEUES * EACH_COPY, mq_used_by(MQ_NOBODY));
	for (i = 0; i < QUEUES; i++) {
		EXPECT_LE(1 << 20, mq_used_by(MQ_NOBODY));
		EXPECT_EQ(0, get_large(self->q_fd[i], 1 << 20));
	}
	EXPECT_TRUE(mq_wait_until(!mq_used_by(MQ_NOBODY)));
	EXPECT_GE(root, mq_used_by(0));
}

TEST_F(topic, publisher_without_memory_is_told_and_nothing_is_stored)
{
	char total[64];
	uint64_t sent;
	int error;

	TOPIC("mode=0666");
	BOUND(0, "", "max_bytes=1G");
	BOUND(1, "", "max_bytes=1G");
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, total, sizeof(total)));
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "8M"));
	/* A user has half of that. */
	error = nobody_publishes(&self->queue, 100000, 100);
	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, total));
	EXPECT_EQ(-EAGAIN, error);
	EXPECT_LT(3 << 20, mq_used_by(MQ_NOBODY));
	EXPECT_GE(4 << 20, mq_used_by(MQ_NOBODY));
	sent = mq_stat_of(&self->queue, sent);
	/* Copied, they would be half as many at the most. */
	EXPECT_LT(25, sent);
	EXPECT_EQ(sent, mq_stat_of(&self->q[0], ready));
	EXPECT_EQ(sent, mq_stat_of(&self->q[1], ready));
	EXPECT_EQ(sent, mq_purge(self->q_fd[0], 0, 0));
	EXPECT_LT(3 << 20, mq_used_by(MQ_NOBODY));
	EXPECT_EQ(sent, mq_purge(self->q_fd[1], 0, 0));
	EXPECT_TRUE(mq_wait_until(!mq_used_by(MQ_NOBODY)));
}

/* -- every way to read it -------------------------------------------------- */

TEST_F(topic, shared_payload_is_read_whole)
{
	char *want = payload_of(LARGE), got[LARGE] = {};
	struct iovec parts[] = { { got, 5000 }, { got + 5000, LARGE - 5000 } };
	int left = 0;

	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "");
	BOUND(2, "", "");
	ASSERT_EQ(0, put_large(self->fd, LARGE));
	EXPECT_EQ(0, ioctl(self->q_fd[0], FIONREAD, &left));
	EXPECT_EQ(LARGE, left);
	EXPECT_EQ(0, get_large(self->q_fd[0], LARGE));
	/* In parts, the second of which begins in the middle. */
	EXPECT_EQ(3001, mq_read(self->q_fd[1], got, 3001));
	EXPECT_EQ(LARGE - 3001, mq_read(self->q_fd[1], got + 3001, LARGE));
	EXPECT_EQ(0, memcmp(want, got, LARGE));
	memset(got, 0, sizeof(got));
	EXPECT_EQ(LARGE, readv(self->q_fd[2], parts, 2));
	EXPECT_EQ(0, memcmp(want, got, LARGE));
	free(want);
}

TEST_F(topic, shared_payload_comes_with_key_and_topic)
{
	char *data = payload_of(LARGE), buffer[4 * LARGE] __attribute__((aligned(8)));
	struct devmq_record *record = NULL;
	struct devmq_peek peek;
	struct devmq_recv recv;
	int i;

	TOPIC("");
	BOUND(0, "", "ack=manual");
	for (i = 0; i < 2; i++)
		mq_batch_add_full(&self->batch, "a.key", 5, NULL, 0, data, LARGE);
	free(data);
	ASSERT_EQ(0, mq_send(self->fd, self->batch.data, self->batch.size,
			     &self->send));
	ASSERT_EQ(2, self->send.count);
	ASSERT_EQ(0, mq_peek(self->q_fd[0], buffer, sizeof(buffer), &peek));
	ASSERT_EQ(2, peek.count);
	for (i = 1; i <= 2; i++) {
		record = mq_record_next(buffer, peek.used, record);
		ASSERT_NE(NULL, record);
		EXPECT_EQ(0, record_is_large(record, LARGE));
		ASSERT_EQ(0, mq_look_at(record, &self->look));
		EXPECT_STREQ(self->queue.name, self->look.topic);
		EXPECT_EQ(i, self->look.extra.topic_id);
		EXPECT_EQ(LARGE, self->look.extra.payload_size);
	}
	record = NULL;
	ASSERT_EQ(0, mq_recv(self->q_fd[0], buffer, sizeof(buffer), &recv));
	ASSERT_EQ(2, recv.count);
	for (i = 1; i <= 2; i++) {
		record = mq_record_next(buffer, recv.used, record);
		ASSERT_NE(NULL, record);
		EXPECT_EQ(0, record_is_large(record, LARGE));
		ASSERT_EQ(0, mq_look_at(record, &self->look));
		EXPECT_STREQ(self->queue.name, self->look.topic);
		EXPECT_STREQ("a.key", self->look.key);
	}
	EXPECT_EQ(2, mq_settle(self->q_fd[0], 1, 2, DEVMQ_ACTION_ACK));
}

/* A move, also to a queue for which the entry has to be made anew, and a death. */
TEST_F(topic, shared_payload_moves_with_its_message)
{
	long long before;

	TOPIC("");
	QUEUE(1, "");
	QUEUE(2, "order=key");
	before = mq_used_settled();
	BOUND(0, "", "ack=manual dead_letter=%s", self->q[1].name);
	BOUND(3, "", "");
	ASSERT_EQ(0, put_large(self->fd, LARGE));
	ASSERT_EQ(0, get_large(self->q_fd[0], LARGE));
	ASSERT_EQ(1, mq_reject(self->q_fd[0], 1));
	EXPECT_EQ(LARGE, mq_stat_of(&self->q[1], bytes));
	EXPECT_EQ(1, mq_redrive(self->q_fd[1], 0, 0, self->q_fd[2], NULL));
	EXPECT_EQ(0, get_large(self->q_fd[2], LARGE));
	EXPECT_LE(before + LARGE, mq_used());
	EXPECT_EQ(0, get_large(self->q_fd[3], LARGE));
}

TEST_F(topic, redriven_message_is_whole_where_it_came_from)
{
	TOPIC("");
	QUEUE(1, "");
	BOUND(0, "", "ack=manual dead_letter=%s", self->q[1].name);
	ASSERT_EQ(0, put_large(self->fd, LARGE));
	ASSERT_EQ(0, get_large(self->q_fd[0], LARGE));
	ASSERT_EQ(1, mq_reject(self->q_fd[0], 1));
	EXPECT_EQ(1, mq_redrive(self->q_fd[1], 0, 0, -1, NULL));
	EXPECT_EQ(0, get_large(self->q_fd[0], LARGE));
}

/* -- retained -------------------------------------------------------------- */

/* The topic, a topic behind it and the queues have the payload once. */
TEST_F(topic, retained_messages_share_the_payload)
{
	long long before, after;
	struct mq_queue behind;
	int i, fd;

	TOPIC("retain_messages=10");
	ASSERT_EQ(0, create_topic(&behind, "retain_messages=10"));
	ASSERT_EQ(0, topic_bind(&self->queue, &behind, ""));
	BOUND(0, "", "");
	BOUND(1, "", "");
	QUEUE(2, "");
	before = mq_used_settled();
	fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, put_large(fd, 1 << 20));
	close(fd);
	EXPECT_EQ(0, topic_bind(&self->queue, &self->q[2], "start=earliest"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[2], sent) == 1));
	after = mq_used();
	EXPECT_LE(before + (1 << 20), after);
	EXPECT_GE(before + (2 << 20) + 8 * EACH_COPY, after);
	/* The topics give up theirs; the queues have it all the same. */
	SET("retain_messages", "0");
	ASSERT_EQ(0, mq_sysfs_set(&behind, "retain_messages", "%s", "0"));
	EXPECT_TRUE(mq_wait_until(!mq_stat_of(&self->queue, retained) &&
				  !mq_stat_of(&behind, retained)));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, get_large(self->q_fd[i], 1 << 20));
}

TEST_F(topic, reader_of_a_topic_gets_a_shared_payload_whole)
{
	struct mq_queue behind;
	int fd;

	TOPIC("retain_messages=10");
	ASSERT_EQ(0, create_topic(&behind, "retain_messages=10"));
	ASSERT_EQ(0, topic_bind(&self->queue, &behind, ""));
	BOUND(1, "", "");
	ASSERT_EQ(0, put_large(self->fd, LARGE));
	READER(0, O_NONBLOCK);
	EXPECT_EQ(0, get_large(self->q_fd[0], LARGE));
	fd = mq_open(&behind, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	/* The queue's copy is gone, and that of the other topic is trimmed. */
	EXPECT_EQ(0, get_large(self->q_fd[1], LARGE));
	SET("retain_messages", "0");
	EXPECT_TRUE(mq_wait_until(!mq_stat_of(&self->queue, retained)));
	EXPECT_EQ(0, get_large(fd, LARGE));
	close(fd);
}

TEST_HARNESS_MAIN
