// SPDX-License-Identifier: GPL-2.0
/*
 * Many senders of topics at the same time, while queues, topics and bindings come
 * and go: each message that a sender was told of is in all queues that it was to
 * come to, in the order of the topic, and no other is anywhere.
 */
#include "fixtures/crowd.h"

#define SENDERS		8

/* Senders to @queue, the first number @from, that send until they are ended. */
static void crowd(struct sender *s, unsigned int count, unsigned int from,
		  const struct mq_queue *queue, const char *key)
{
	unsigned int i;

	memset(s, 0, count * sizeof(*s));
	for (i = 0; i < count; i++) {
		s[i].to = queue;
		s[i].key = key;
		s[i].number = from + i;
		s[i].most = CROWD_MAX / 2 / SENDERS;
	}
}

/* How many messages the senders were told of. */
static unsigned int confirmed(const struct sender *s, unsigned int count)
{
	unsigned int all = 0;

	while (count--)
		all += s[count].confirmed;
	return all;
}

/* What the counters of the queue say of its places: are none kept any more? */
static bool nothing_reserved(const struct mq_queue *queue, int fd,
			     unsigned int places)
{
	unsigned int n = 0;

	while (mq_put(fd, "x") == 1)
		n++;
	return n == places && mq_stat_of(queue, ready) == places;
}

TEST_F(topic, queues_have_the_order_of_the_topic)
{
	unsigned int i, each = crowd_size(400);
	struct consumer c[3];
	struct sender s[SENDERS];

	TOPIC("");
	for (i = 0; i < 3; i++) {
		BOUND(i, "", "max_messages=16");
		ASSERT_EQ(0, consumer_start(&c[i], &self->q[i]));
	}
	crowd(s, SENDERS, 0, &self->queue, NULL);
	for (i = 0; i < SENDERS; i++) {
		s[i].most = each;
		s[i].batch = i % 4;
	}
	ASSERT_EQ(0, senders_start(s, SENDERS));
	senders_join(s, SENDERS);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, consumer_end(&c[i]));
	EXPECT_TRUE(same_order(&c[0], &c[1]));
	EXPECT_TRUE(same_order(&c[0], &c[2]));
	for (i = 0; i < SENDERS; i++) {
		EXPECT_EQ(0, s[i].error);
		EXPECT_EQ(each, s[i].confirmed);
		EXPECT_TRUE(all_came(&c[0], &s[i]));
	}
	MQ_STAT(&self->queue);
	EXPECT_EQ(SENDERS * each, self->stat.sent);
	EXPECT_EQ(SENDERS * each, self->stat.routed);
	for (i = 0; i < 3; i++)
		consumer_free(&c[i]);
}

/*
 * Queues that have room for one message each: who needs two of them at the same
 * time gets them, too, however many others need one.
 */
TEST_F(topic, overlapping_sets_of_full_queues_starve_nobody)
{
	static const char * const keys[] = { "ab", "bc", "ab", "bc", "b", "b" };
	unsigned int i, n, goal = crowd_size(24);
	struct consumer c[3];
	struct sender s[8];

	TOPIC("");
	for (i = 0; i < 3; i++) {
		QUEUE(i, "max_messages=1");
		ASSERT_EQ(0, consumer_start(&c[i], &self->q[i]));
	}
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[0], "key=ab"));
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[1], "key=ab"));
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[1], "key=bc"));
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[2], "key=bc"));
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[1], "key=b"));
	for (i = 0; i < 6; i++)
		crowd(&s[i], 1, i, &self->queue, keys[i]);
	/* These send to the queues themselves. */
	crowd(&s[6], 1, 6, &self->q[1], NULL);
	crowd(&s[7], 1, 7, &self->q[2], NULL);
	ASSERT_EQ(0, senders_start(s, 8));
	for (n = 1; n <= goal; n++)
		ASSERT_TRUE(mq_wait_until(fewest_confirmed(s, 8) >= n)) {
			for (i = 0; i < 8; i++)
				TH_LOG("sender %u has sent %u", i,
				       sender_confirmed(&s[i]));
		}
	senders_end(s, 8);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, consumer_end(&c[i]));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(0, s[i].error);
		if (i < 6 && i % 2 == 0)
			EXPECT_TRUE(all_came(&c[1], &s[i]));
	}
	EXPECT_TRUE(all_came(&c[0], &s[0]));
	EXPECT_TRUE(all_came(&c[0], &s[2]));
	EXPECT_TRUE(all_came(&c[2], &s[1]));
	EXPECT_TRUE(all_came(&c[2], &s[3]));
	EXPECT_TRUE(all_came(&c[1], &s[6]));
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(nothing_reserved(&self->q[i], self->q_fd[i], 1));
		consumer_free(&c[i]);
	}
}

TEST_F(topic, killed_senders_keep_no_room)
{
	unsigned int i, round, rounds = crowd_size(40);
	struct consumer c;
	pid_t child[6];
	int fd;

	TOPIC("");
	BOUND(0, "", "max_messages=2");
	BOUND(1, "", "max_messages=3");
	ASSERT_EQ(0, consumer_start(&c, &self->q[0]));
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < 6; i++) {
			child[i] = mq_fork();
			if (child[i])
				continue;
			fd = mq_open(&self->queue, O_WRONLY);
			while (mq_put(fd, "1.1") == 3)
				;
			_exit(1);
		}
		/* Now and then there is room. */
		usleep(round * 100);
		mq_purge(self->q_fd[1], 0, 0);
		for (i = 0; i < 6; i++)
			kill(child[i], SIGKILL);
		for (i = 0; i < 6; i++)
			EXPECT_EQ(128 + SIGKILL, mq_wait_child(child[i]));
	}
	EXPECT_EQ(0, consumer_end(&c));
	mq_purge(self->q_fd[1], 0, 0);
	EXPECT_TRUE(nothing_reserved(&self->q[0], self->q_fd[0], 2));
	EXPECT_TRUE(nothing_reserved(&self->q[1], self->q_fd[1], 3));
	MQ_STAT(&self->queue);
	EXPECT_EQ(self->stat.routed, mq_stat_of(&self->q[0], sent) - 2);
	EXPECT_EQ(self->stat.routed, mq_stat_of(&self->q[1], sent) - 3);
	EXPECT_EQ(2, mq_purge(self->q_fd[0], 0, 0));
	EXPECT_EQ(0, mq_control("remove %s", self->q[0].name));
	consumer_free(&c);
}

TEST_F(topic, signals_lose_and_double_nothing)
{
	unsigned int i, goal = crowd_size(300);
	struct consumer c[2];
	struct sender s[4];

	ASSERT_EQ(0, mq_catch_signal(0));
	TOPIC("");
	for (i = 0; i < 2; i++) {
		BOUND(i, "", "max_messages=2");
		ASSERT_EQ(0, consumer_start(&c[i], &self->q[i]));
	}
	crowd(s, 4, 0, &self->queue, NULL);
	ASSERT_EQ(0, senders_start(s, 4));
	while (fewest_confirmed(s, 4) < goal)
		for (i = 0; i < 4; i++) {
			pthread_kill(s[i].thread, SIGUSR1);
			usleep(50);
		}
	senders_end(s, 4);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, consumer_end(&c[i]));
	EXPECT_TRUE(same_order(&c[0], &c[1]));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, s[i].error);
		EXPECT_TRUE(all_came(&c[0], &s[i]));
	}
	for (i = 0; i < 2; i++)
		consumer_free(&c[i]);
}

/* -- while the graph changes -------------------------------------------------- */

TEST_F(topic, queues_that_come_and_go_lose_nothing_of_others)
{
	unsigned int i, rounds = crowd_size(80);
	struct mq_queue guest;
	struct sender s[4];
	struct consumer c;

	TOPIC("");
	BOUND(0, "", "max_messages=64");
	ASSERT_EQ(0, consumer_start(&c, &self->q[0]));
	crowd(s, 4, 0, &self->queue, NULL);
	ASSERT_EQ(0, senders_start(s, 4));
	for (i = 0; i < rounds; i++) {
		mq_names_count = 2;	/* forget the guests that are gone */
		ASSERT_EQ(0, mq_create(&guest, "max_messages=%u overflow=%s",
				       i % 5 + 1, i % 3 ? "block" : "drop-head"));
		ASSERT_EQ(0, topic_bind(&self->queue, &guest, i % 2 ? "" :
					"key=#"));
		usleep(i % 7 * 300);
		ASSERT_EQ(0, mq_remove(&guest));
	}
	senders_end(s, 4);
	EXPECT_EQ(0, consumer_end(&c));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, s[i].error);
		EXPECT_TRUE(all_came(&c, &s[i]));
	}
	MQ_STAT(&self->queue);
	EXPECT_EQ(confirmed(s, 4), self->stat.sent);
	EXPECT_EQ(1, self->stat.bindings);
	consumer_free(&c);
}

/* Return the first error of a sender, or 0. */
static int error_of(const struct sender *s, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (s[i].error)
			return s[i].error;
	return 0;
}

/* Whoever waits for another queue takes no room in one that has always some. */
TEST_F(topic, queue_that_drops_its_oldest_refuses_nobody)
{
	unsigned int goal = crowd_size(150);
	struct sender s[8];
	struct consumer c;
	int error = 0;

	TOPIC("");
	BOUND(0, "", "max_messages=1");
	BOUND(1, "", "max_messages=1 overflow=drop-head");
	ASSERT_EQ(0, consumer_start(&c, &self->q[0]));
	crowd(s, 8, 0, &self->queue, NULL);
	ASSERT_EQ(0, senders_start(s, 8));
	while (!error && !error_of(s, 8) && fewest_confirmed(s, 8) < goal) {
		long long id = MQ_SEND(self->q_fd[1], .text = "beside");

		error = id < 0 ? id : 0;
	}
	senders_end(s, 8);
	EXPECT_EQ(0, consumer_end(&c));
	EXPECT_EQ(0, error);
	EXPECT_EQ(0, error_of(s, 8));
	consumer_free(&c);
}

TEST_F(topic, bindings_that_come_and_go_keep_the_order)
{
	unsigned int i, rounds = crowd_size(400);
	struct consumer c[2];
	struct sender s[4];

	TOPIC("");
	BOUND(0, "", "max_messages=64");
	QUEUE(1, "max_messages=64");
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, consumer_start(&c[i], &self->q[i]));
	crowd(s, 4, 0, &self->queue, "a.b");
	ASSERT_EQ(0, senders_start(s, 4));
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, topic_bind(&self->queue, &self->q[1], "key=a.*"));
		if (i % 2)
			ASSERT_EQ(0, topic_bind(&self->queue, &self->q[1],
						"key=#.b"));
		usleep(i % 5 * 100);
		ASSERT_EQ(0, topic_unbind(&self->queue, &self->q[1], ""));
	}
	senders_end(s, 4);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, consumer_end(&c[i]));
	EXPECT_TRUE(part_in_order(&c[1], &c[0]));
	EXPECT_LT(0, c[1].count);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, s[i].error);
		EXPECT_TRUE(all_came(&c[0], &s[i]));
	}
	EXPECT_EQ(confirmed(s, 4), mq_stat_of(&self->queue, routed));
	for (i = 0; i < 2; i++)
		consumer_free(&c[i]);
}

/* There is a filter that takes the message at any time, though not always one. */
TEST_F(topic, exchange_of_bindings_refuses_nothing)
{
	static const char * const filters[] = { "key=a.b", "key=*.b", "key=a.#" };
	unsigned int i, rounds = crowd_size(600);
	struct sender s[4];
	struct consumer c;

	TOPIC("on_unrouted=refuse");
	BOUND(0, "key=a.b", "max_messages=64");
	ASSERT_EQ(0, consumer_start(&c, &self->q[0]));
	crowd(s, 4, 0, &self->queue, "a.b");
	ASSERT_EQ(0, senders_start(s, 4));
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, topic_bind(&self->queue, &self->q[0],
					filters[(i + 1) % 3]));
		ASSERT_EQ(0, topic_unbind(&self->queue, &self->q[0],
					  filters[i % 3]));
	}
	senders_end(s, 4);
	EXPECT_EQ(0, consumer_end(&c));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, s[i].error);
		EXPECT_TRUE(all_came(&c, &s[i]));
	}
	consumer_free(&c);
}

TEST_F(topic, topics_that_are_removed_tell_their_senders)
{
	unsigned int i, round, rounds = crowd_size(100);
	struct consumer c;
	struct sender s[4];

	QUEUE(0, "max_messages=4");
	for (round = 0; round < rounds; round++) {
		mq_names_count = 1;
		ASSERT_EQ(0, create_topic(&self->queue, ""));
		ASSERT_EQ(0, topic_bind(&self->queue, &self->q[0], ""));
		ASSERT_EQ(0, consumer_start(&c, &self->q[0]));
		crowd(s, 4, 0, &self->queue, NULL);
		ASSERT_EQ(0, senders_start(s, 4));
		ASSERT_TRUE(mq_wait_until(fewest_confirmed(s, 4) >= 1 + round % 30));
		ASSERT_EQ(0, mq_control("remove %s%s", self->queue.name,
					round % 2 ? " force" : ""));
		senders_join(s, 4);
		EXPECT_EQ(0, consumer_end(&c));
		for (i = 0; i < 4; i++) {
			EXPECT_EQ(-ENODEV, s[i].error);
			EXPECT_TRUE(all_came(&c, &s[i]));
		}
		consumer_free(&c);
	}
	EXPECT_EQ(0, mq_stat_of(&self->q[0], bindings));
}

/*
 * Two ways to the same queues, one of which comes and goes: each message comes once,
 * and both queues have the messages of each topic in its order. There is no order
 * between the messages of two topics, as long as none feeds the other.
 */
TEST_F(topic, topics_that_feed_topics_keep_their_orders)
{
	unsigned int i, rounds = crowd_size(150);
	struct mq_queue below;
	struct consumer c[2];
	struct sender s[6];

	TOPIC("");
	ASSERT_EQ(0, create_topic(&below, ""));
	for (i = 0; i < 2; i++) {
		QUEUE(i, "max_messages=32");
		ASSERT_EQ(0, topic_bind(&below, &self->q[i], ""));
		ASSERT_EQ(0, topic_bind(&self->queue, &self->q[i], "key=a.*"));
		ASSERT_EQ(0, consumer_start(&c[i], &self->q[i]));
	}
	crowd(s, 3, 0, &self->queue, "a.b");
	crowd(s + 3, 3, 3, &below, NULL);
	ASSERT_EQ(0, senders_start(s, 6));
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, topic_bind(&self->queue, &below, "key=#.b"));
		usleep(i % 5 * 100);
		ASSERT_EQ(0, topic_unbind(&self->queue, &below, ""));
	}
	senders_end(s, 6);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, consumer_end(&c[i]));
	EXPECT_TRUE(same_order_of(&c[0], &c[1], 0, 2));
	EXPECT_TRUE(same_order_of(&c[0], &c[1], 3, 5));
	for (i = 0; i < 6; i++) {
		EXPECT_EQ(0, s[i].error);
		EXPECT_TRUE(all_came(&c[0], &s[i]));
	}
	EXPECT_EQ(confirmed(s, 3), mq_stat_of(&self->queue, sent));
	EXPECT_EQ(mq_stat_of(&below, sent), mq_stat_of(&below, routed));
	EXPECT_LE(confirmed(s + 3, 3), mq_stat_of(&below, sent));
	for (i = 0; i < 2; i++)
		consumer_free(&c[i]);
}

/* -- waiting for something else than room -------------------------------------- */

/* Do all of them sleep in their call? */
static bool all_sleep(struct sender *s, unsigned int count)
{
	while (count--)
		if (!mq_is_asleep(getpid(), s[count].tid, SYS_ioctl))
			return false;
	return true;
}

/* Is there room, after a while? */
static bool gets_in(int fd)
{
	return mq_wait_until(mq_put(fd, "9.9") == 3);
}

/*
 * Senders that lost often keep the places that they got, for a moment. They must
 * not take them along into a wait that has no end.
 */
TEST_F(topic, senders_of_a_paused_topic_keep_no_room)
{
	unsigned int i, round, rounds = crowd_size(20), target;
	struct consumer c[2];
	struct sender s[4];

	TOPIC("");
	for (i = 0; i < 2; i++) {
		BOUND(i, "", "max_messages=1");
		ASSERT_EQ(0, consumer_start(&c[i], &self->q[i]));
		c[i].pause_us = 100;
	}
	crowd(s, 4, 0, &self->queue, NULL);
	ASSERT_EQ(0, senders_start(s, 4));
	for (round = 0; round < rounds; round++) {
		target = fewest_confirmed(s, 4) + 1;
		ASSERT_TRUE(mq_wait_until(fewest_confirmed(s, 4) >= target));
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
		ASSERT_TRUE(mq_wait_until(all_sleep(s, 4)));
		for (i = 0; i < 2; i++)
			ASSERT_TRUE(gets_in(self->q_fd[i]));
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	}
	senders_end(s, 4);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, consumer_end(&c[i]));
		EXPECT_TRUE(nothing_reserved(&self->q[i], self->q_fd[i], 1));
		consumer_free(&c[i]);
	}
}

TEST_HARNESS_MAIN
