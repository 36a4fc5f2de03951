// SPDX-License-Identifier: GPL-2.0
/*
 * Batches that are sent to a topic: the copies of a queue lie together, and each of
 * them tells of the topic, whatever becomes of it.
 */
#include "mq_test.h"
#include "fixtures/topic.h"
#include "helpers/used.h"

#define BATCH		64

/* Send a batch of BATCH messages m1, m2... with the key "k". Returns 0 or an error. */
static int send_batch(FIXTURE_DATA(topic) *self, int fd)
{
	char text[16];
	int i, error;

	for (i = 1; i <= BATCH; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		mq_batch_add_full(&self->batch, "k", 1, NULL, 0, text, strlen(text));
	}
	error = mq_send(fd, self->batch.data, self->batch.size, &self->send);
	mq_batch_free(&self->batch);
	return error ?: self->send.count == BATCH ? 0 : -EIO;
}

/* Return true if a message is the one with this number in the topic. */
static bool tells(FIXTURE_DATA(topic) *self, unsigned int number)
{
	char text[16];

	snprintf(text, sizeof(text), "m%d", (number - 1) % BATCH + 1);
	return !strcmp(self->queue.name, self->look.topic) &&
	       self->look.extra.topic_id == number &&
	       self->look.extra.payload_size == strlen(text) &&
	       !self->look.record.flags && !strcmp("k", self->look.key) &&
	       !strcmp(text, self->look.payload);
}

TEST_F(topic, each_message_of_a_batch_tells_its_topic)
{
	struct devmq_record *record = NULL;
	struct devmq_recv recv;
	int i;

	TOPIC("");
	BOUND(0, "", "");
	/* One that makes its messages otherwise. */
	BOUND(1, "", "ttl_ms=3600000");
	ASSERT_EQ(0, send_batch(self, self->fd));
	ASSERT_EQ(0, mq_recv(self->q_fd[0], self->buffer, sizeof(self->buffer), &recv));
	ASSERT_EQ(BATCH, recv.count);
	for (i = 1; i <= BATCH; i++) {
		record = mq_record_next(self->buffer, recv.used, record);
		ASSERT_NE(NULL, record);
		ASSERT_EQ(0, mq_look_at(record, &self->look));
		EXPECT_TRUE(tells(self, i));
		EXPECT_EQ(i, self->look.record.id);
	}
	for (i = 1; i <= BATCH; i++) {
		ASSERT_EQ(0, mq_take(self->q_fd[1], &self->look));
		EXPECT_TRUE(tells(self, i));
	}
}

TEST_F(topic, message_of_a_batch_is_read_and_shown)
{
	TOPIC("");
	BOUND(0, "", "");
	ASSERT_EQ(0, send_batch(self, self->fd));
	ASSERT_EQ(0, mq_look_id(&self->q[0], 7, &self->look));
	EXPECT_TRUE(tells(self, 7));
	/* Nine texts of two bytes, the rest of three, and the keys. */
	EXPECT_EQ(9 * 2 + 55 * 3 + BATCH, mq_stat_of(&self->q[0], bytes));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m1"));
	ASSERT_EQ(0, mq_take(self->q_fd[0], &self->look));
	EXPECT_TRUE(tells(self, 2));
}

TEST_F(topic, message_that_comes_back_tells_its_topic)
{
	TOPIC("");
	BOUND(0, "", "ack=manual");
	ASSERT_EQ(0, send_batch(self, self->fd));
	ASSERT_EQ(0, mq_take(self->q_fd[0], &self->look));
	ASSERT_EQ(1, mq_retry_with(self->q_fd[0], 1, 0, "why"));
	ASSERT_EQ(0, mq_take(self->q_fd[0], &self->look));
	EXPECT_TRUE(tells(self, 1));
	EXPECT_STREQ("why", self->look.note);
	EXPECT_EQ(2, self->look.record.attempt);
}

TEST_F(topic, dead_message_of_a_batch_tells_its_topic_where_it_goes)
{
	TOPIC("");
	QUEUE(1, "");
	QUEUE(2, "order=key");
	BOUND(0, "", "ack=manual");
	ASSERT_EQ(0, send_batch(self, self->fd));
	ASSERT_EQ(0, mq_take(self->q_fd[0], &self->look));
	/* To a queue for which it is made anew, and from there to another one. */
	ASSERT_EQ(1, mq_reject_with(self->q_fd[0], 1, 300, "why"));
	ASSERT_EQ(0, mq_look_id(&self->q[0], 1, &self->look));
	EXPECT_TRUE(tells(self, 1));
	EXPECT_STREQ("why", self->look.note);
	EXPECT_EQ(1, mq_redrive(self->q_fd[0], 0, 0, self->q_fd[2], NULL));
	ASSERT_EQ(0, mq_look_id(&self->q[2], 1, &self->look));
	EXPECT_TRUE(tells(self, 1));
	EXPECT_EQ(0, mq_get(self->q_fd[2], "m1"));
}

TEST_F(topic, message_of_a_batch_dies_in_its_dead_letter_queue)
{
	TOPIC("");
	QUEUE(1, "");
	BOUND(0, "", "ack=manual");
	ASSERT_EQ(0, send_batch(self, self->fd));
	/* Its messages were made before the queue had such. */
	ASSERT_EQ(0, mq_sysfs_set(&self->q[0], "dead_letter", "%s", self->q[1].name));
	ASSERT_EQ(0, mq_take(self->q_fd[0], &self->look));
	ASSERT_EQ(1, mq_reject(self->q_fd[0], 1));
	ASSERT_EQ(0, mq_look_id(&self->q[1], 1, &self->look));
	EXPECT_TRUE(tells(self, 1));
	EXPECT_STREQ(self->q[0].name, self->look.origin);
	ASSERT_EQ(0, mq_take(self->q_fd[1], &self->look));
	EXPECT_TRUE(tells(self, 1));
}

/* Of a batch one message finds room everywhere, so a queue drops nothing for the others. */
TEST_F(topic, messages_that_do_not_go_drop_none)
{
	TOPIC("");
	BOUND(0, "", "max_messages=%d overflow=drop-head", BATCH);
	BOUND(1, "", "max_messages=1");
	ASSERT_EQ(3, mq_put(self->q_fd[0], "own"));
	EXPECT_EQ(-EIO, send_batch(self, self->fd));
	EXPECT_EQ(1, self->send.count);
	EXPECT_EQ(2, mq_stat_of(&self->q[0], ready));
	EXPECT_EQ(0, mq_stat_of(&self->q[0], dropped));
	EXPECT_EQ(1, mq_stat_of(&self->q[1], ready));
}

/* -- memory ---------------------------------------------------------------- */

TEST_F(topic, batch_takes_little_and_each_queue_its_own)
{
	long long before, both, one;
	int fd;

	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "");
	before = mq_used_settled();
	fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, send_batch(self, fd));
	close(fd);
	both = mq_used() - before;
	EXPECT_GE(2 * BATCH * 450, both);
	EXPECT_EQ(BATCH, mq_purge(self->q_fd[0], 0, 0));
	one = mq_used() - before;
	/* What one queue is done with is free, though the other has all of its own. */
	EXPECT_GE(both / 2, one);
	EXPECT_EQ(BATCH, mq_purge(self->q_fd[1], 0, 0));
	EXPECT_TRUE(mq_wait_until(mq_used() <= before));
}

/* A queue that leaves one message of each batch does not keep the memory of all. */
TEST_F(topic, what_is_left_of_batches_moves_together)
{
	long long before;
	int i;

	TOPIC("");
	BOUND(0, "", "");
	before = mq_used_settled();
	for (i = 0; i < 400; i++) {
		ASSERT_EQ(0, send_batch(self, self->fd));
		ASSERT_EQ(BATCH - 1, mq_purge(self->q_fd[0], i * BATCH + 2,
					      (i + 1) * BATCH));
	}
	/* Not 400 times what a batch takes, but 1 MiB of waste at the most. */
	EXPECT_TRUE(mq_wait_until(mq_used() < before + (5 << 19))) {
		TH_LOG("%lld bytes", mq_used() - before);
	}
	for (i = 0; i < 400; i++) {
		ASSERT_EQ(0, mq_take(self->q_fd[0], &self->look));
		EXPECT_TRUE(tells(self, i * BATCH + 1));
	}
}

TEST_HARNESS_MAIN
