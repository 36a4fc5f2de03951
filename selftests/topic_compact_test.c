// SPDX-License-Identifier: GPL-2.0
/*
 * compact=key: a topic retains the newest message of each key.
 */
#include "mq_test.h"
#include "fixtures/retain.h"

/* Send a message with a key; an empty text is a tombstone. */
#define PUT_KEY(id, k, t) \
	EXPECT_EQ(id, MQ_SEND(self->fd, .text = (t), .key = (k)))

TEST_F(topic, newest_message_of_each_key_stays)
{
	TOPIC("compact=key");
	READER(0, O_NONBLOCK);
	PUT_KEY(1, "a", "a1");
	PUT_KEY(2, "b", "b1");
	EXPECT_EQ(3, MQ_SEND(self->fd, .text = "none"));
	PUT_KEY(4, "a", "a2");
	PUT_KEY(5, "aa", "aa1");
	EXPECT_EQ(6, MQ_SEND(self->fd, .text = "none"));
	RETAINED(5, 2, 6);
	EXPECT_EQ(1, self->stat.trimmed);
	EXPECT_EQ(0, mq_get(self->q_fd[0], "b1"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "none"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "a2"));
	PUT_KEY(7, "aa", "aa2");
	EXPECT_EQ(0, mq_get(self->q_fd[0], "none"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "aa2"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
}

TEST_F(topic, compaction_goes_with_bounds)
{
	TOPIC("compact=key retain_messages=2");
	PUT_KEY(1, "a", "a1");
	PUT_KEY(2, "b", "b1");
	PUT_KEY(3, "c", "c1");
	RETAINED(2, 2, 3);
	PUT_KEY(4, "a", "a2");
	PUT_KEY(5, "a", "a3");
	RETAINED(2, 3, 5);
}

TEST_F(topic, compaction_begins_with_the_option)
{
	TOPIC("retain_messages=10");
	PUT_KEY(1, "a", "a1");
	SET("compact", "key");
	PUT_KEY(2, "a", "a2");
	PUT_KEY(3, "a", "a3");
	RETAINED(2, 1, 3);
	SET("compact", "none");
	PUT_KEY(4, "a", "a4");
	RETAINED(3, 1, 4);
	SET("retain_messages", "0");
	EXPECT_TRUE(mq_wait_until(!mq_stat_of(&self->queue, retained)));
}

TEST_F(topic, tombstone_removes_its_key_and_goes)
{
	TOPIC("compact=key allow_empty=1 tombstone_ms=100");
	READER(0, O_NONBLOCK);
	READER(1, O_NONBLOCK);
	PUT_KEY(1, "a", "a1");
	PUT_KEY(2, "b", "b1");
	EXPECT_EQ(0, mq_get(self->q_fd[0], "a1"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "a1"));
	PUT_KEY(3, "a", "");
	EXPECT_EQ(0, mq_get(self->q_fd[0], "b1"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], ""));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, retained) == 1));
	RETAINED(1, 2, 2);
	/* Who has read it goes on; who has not begins anew. */
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(POLLIN | POLLERR | POLLPRI,
		  polled(self->q_fd[1], POLLIN | POLLPRI));
	EXPECT_EQ(-EPIPE, mq_get(self->q_fd[1], ""));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "b1"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[1], ""));
	/* Who opens it now has missed nothing. */
	READER(2, O_NONBLOCK);
	EXPECT_EQ(0, mq_get(self->q_fd[2], "b1"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[2], ""));
}

TEST_F(topic, compaction_survives_moves_in_memory)
{
	char key[16], text[64];
	int i;

	TOPIC("compact=key retain_messages=100000");
	READER(0, O_NONBLOCK);
	for (i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "k%d", i % 100 ? i % 7 : i);
		memset(text, 'x', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		ASSERT_EQ(i + 1, MQ_SEND(self->fd, .text = text, .key = key));
	}
	EXPECT_EQ(36, mq_stat_of(&self->queue, retained));
	EXPECT_EQ(36, mq_purge_queue(&self->queue, 0, 0));
	RETAINED(0, 0, 0);
}

TEST_HARNESS_MAIN
