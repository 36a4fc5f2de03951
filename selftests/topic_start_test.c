// SPDX-License-Identifier: GPL-2.0
/*
 * Bindings that begin with what their topic retains: start=.
 */
#include <sched.h>

#include "mq_test.h"
#include "fixtures/retain.h"

/* Bind self->q[i], which exists, and wait until it has @count messages. */
#define STARTED(i, words, count) do {					\
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[i], words));	\
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[i], sent) ==	\
				  (count)));				\
} while (0)

/* Expect the next messages of a queue to be m@first to m@last. */
static int get_range(int fd, int first, int last)
{
	char text[16];
	int error = 0;

	for (; !error && first <= last; first++) {
		snprintf(text, sizeof(text), "m%d", first);
		error = mq_get(fd, text);
	}
	return error;
}

TEST_F(topic, binding_starts_with_the_earliest)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "");
	ASSERT_EQ(0, mq_fill(self->fd, 200));
	STARTED(0, "start=earliest", 200);
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 200));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 201));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
}

TEST_F(topic, binding_starts_with_the_latest)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "");
	QUEUE(1, "");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	STARTED(0, "start=latest", 0);
	STARTED(1, "", 0);
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "x"));
}

TEST_F(topic, binding_starts_with_an_id)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "");
	QUEUE(1, "");
	ASSERT_EQ(0, mq_fill(self->fd, 9));
	STARTED(0, "start=id:7", 3);
	EXPECT_EQ(0, get_range(self->q_fd[0], 7, 9));
	STARTED(1, "start=id:10", 0);
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[1], sent) == 1));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "x"));
}

TEST_F(topic, binding_starts_with_a_time)
{
	uint64_t now;

	TOPIC("retain_messages=1000");
	QUEUE(0, "");
	QUEUE(1, "");
	QUEUE(2, "");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	now = mq_clock_ns(CLOCK_REALTIME) / 1000000000;
	while (mq_clock_ns(CLOCK_REALTIME) / 1000000000 == now)
		usleep(1000);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_control("bind %s %s start=time:%llu", self->queue.name,
				self->q[0].name, (unsigned long long)now + 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 1));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
	STARTED(1, "start=time:0", 3);
	ASSERT_EQ(0, mq_control("bind %s %s start=time:%llu", self->queue.name,
				self->q[2].name, (unsigned long long)now + 1000));
	EXPECT_EQ(1, mq_put(self->fd, "y"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[1], sent) == 4));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 2));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "y"));
}

/*
 * The last messages were purged, so the topic has come further than what it retains.
 * While a binding is not level, it has to be the only one of the two.
 */
TEST_F(topic, binding_is_level_though_the_last_messages_were_purged)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "");
	ASSERT_EQ(0, mq_fill(self->fd, 200));
	ASSERT_EQ(190, mq_purge_queue(&self->queue, 11, 0));
	STARTED(0, "start=earliest", 10);
	EXPECT_TRUE(mq_wait_until(topic_bind(&self->queue, &self->q[0],
					     "key=a") == 0));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 10));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
}

TEST_F(topic, binding_starts_with_what_its_filter_takes)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "a.b"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "2", .key = "b"));
	EXPECT_EQ(3, MQ_SEND(self->fd, .text = "3", .key = "a.c"));
	STARTED(0, "start=earliest key=a.*", 2);
	EXPECT_EQ(0, mq_get(self->q_fd[0], "1"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "3"));
}

TEST_F(topic, message_that_is_caught_up_tells_what_one_that_is_sent_tells)
{
	struct devmq_record record;

	TOPIC("retain_messages=1000");
	QUEUE(0, "priorities=2");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "k", .priority = 1));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	STARTED(0, "start=earliest", 1);
	ASSERT_EQ(0, mq_take(self->q_fd[0], &self->look));
	EXPECT_STREQ(self->queue.name, self->look.topic);
	EXPECT_EQ(1, self->look.extra.topic_id);
	EXPECT_STREQ("k", self->look.key);
	EXPECT_EQ(1, self->look.record.priority);
	EXPECT_EQ(record.time_ns, self->look.record.time_ns);
	EXPECT_EQ(getpid(), self->look.record.pid);
}

TEST_F(topic, binding_that_catches_up_waits_for_room)
{
	struct devmq_binding binding;

	TOPIC("retain_messages=1000");
	QUEUE(0, "max_messages=2");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	STARTED(0, "start=earliest", 2);
	EXPECT_TRUE(mq_wait_until(!binding_of(&self->queue, 1, &binding, NULL, 0) &&
				  binding.behind == 3));
	/* It does not hold senders off. */
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 2));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 4));
	EXPECT_EQ(0, get_range(self->q_fd[0], 3, 4));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 6));
	EXPECT_EQ(0, get_range(self->q_fd[0], 5, 5));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
	EXPECT_TRUE(binding_gets_level(&self->queue, 1));
	EXPECT_EQ(0, binding_of(&self->queue, 1, &binding, NULL, 0));
	EXPECT_EQ(6, binding.taken);
	EXPECT_EQ(0, binding.missed);
}

TEST_F(topic, binding_that_catches_up_waits_for_the_end_of_a_pause)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "paused=send");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	STARTED(0, "start=earliest", 0);
	EXPECT_EQ(0, mq_sysfs_set(&self->q[0], "paused", "none"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 5));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 5));
}

TEST_F(topic, queue_drops_nothing_that_it_catches_up_with)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "max_messages=2 overflow=drop-head");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	STARTED(0, "start=earliest", 2);
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 2));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 4));
	EXPECT_EQ(0, get_range(self->q_fd[0], 3, 4));
	EXPECT_EQ(0, mq_stat_of(&self->q[0], dropped));
}

TEST_F(topic, what_is_trimmed_before_it_is_missed)
{
	struct devmq_binding binding;

	TOPIC("retain_messages=5");
	QUEUE(0, "max_messages=2");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	STARTED(0, "start=earliest", 2);
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 2));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 4));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 2));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 6));
	EXPECT_EQ(0, get_range(self->q_fd[0], 3, 4));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 7));
	EXPECT_EQ(0, get_range(self->q_fd[0], 5, 5));
	EXPECT_EQ(0, binding_of(&self->queue, 1, &binding, NULL, 0));
	EXPECT_EQ(7, binding.taken);
	EXPECT_EQ(3, binding.missed);
}

/* It was sent when the topic still took more. */
TEST_F(topic, what_the_queue_could_never_store_is_missed)
{
	static const char large[100];
	struct devmq_binding binding;

	TOPIC("retain_messages=1000");
	ASSERT_EQ(100, mq_write(self->fd, large, sizeof(large)));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_message_size", "10"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "10"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	QUEUE(0, "max_message_size=10 max_bytes=10");
	STARTED(0, "start=earliest", 1);
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
	EXPECT_EQ(0, binding_of(&self->queue, 1, &binding, NULL, 0));
	EXPECT_EQ(1, binding.taken);
	EXPECT_EQ(1, binding.missed);
}

TEST_F(topic, binding_that_catches_up_can_be_taken_away)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "max_messages=2");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	STARTED(0, "key=# start=earliest", 2);
	EXPECT_EQ(-ENOENT, topic_unbind(&self->queue, &self->q[0], "key=x"));
	EXPECT_EQ(0, topic_unbind(&self->queue, &self->q[0], "key=#"));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 2));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bindings));
	STARTED(0, "start=id:5", 3);
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m5"));
	EXPECT_EQ(0, topic_unbind(&self->queue, &self->q[0], ""));
}

TEST_F(topic, queue_that_catches_up_can_be_removed)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "max_messages=2");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	STARTED(0, "start=earliest", 2);
	EXPECT_EQ(0, mq_remove(&self->q[0]));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bindings));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
}

TEST_F(topic, topic_can_be_removed_beneath_what_catches_up)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "max_messages=2");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	STARTED(0, "start=earliest", 2);
	EXPECT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 2));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
}

TEST_F(topic, start_refuses_what_is_not_there)
{
	struct mq_queue other;

	TOPIC("retain_messages=1000 max_message_size=10");
	QUEUE(0, "");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, create_topic(&other, ""));
#define REFUSED(error, words) \
	EXPECT_EQ(error, topic_bind(&self->queue, &self->q[0], words))
	REFUSED(-EINVAL, "start=");
	REFUSED(-EINVAL, "start=now");
	REFUSED(-EINVAL, "start=id:");
	REFUSED(-EINVAL, "start=id:x");
	REFUSED(-EINVAL, "start=id:-1");
	REFUSED(-EINVAL, "start=id:0");
	REFUSED(-EINVAL, "start=id:4");
	REFUSED(-ERANGE, "start=id:99999999999999999999");
	REFUSED(-EINVAL, "start=time:");
	REFUSED(-ERANGE, "start=time:99999999999");
	REFUSED(-EINVAL, "start=latest start=latest");
	EXPECT_EQ(-EINVAL, topic_bind(&self->queue, &other, "start=earliest"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bindings));
	REFUSED(0, "key=a");
	REFUSED(-EBUSY, "key=b start=earliest");
	EXPECT_EQ(-EINVAL, topic_unbind(&self->queue, &self->q[0],
					"start=earliest"));
}

TEST_F(topic, queue_that_catches_up_is_bound_once)
{
	TOPIC("retain_messages=1000");
	QUEUE(0, "max_messages=1");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	STARTED(0, "start=earliest", 1);
	EXPECT_EQ(-EBUSY, topic_bind(&self->queue, &self->q[0], "key=a"));
	EXPECT_EQ(-EBUSY, mq_sysfs_set(&self->queue, "alternate", "%s",
				       self->q[0].name));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 2));
	EXPECT_EQ(0, get_range(self->q_fd[0], 2, 2));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 3));
	EXPECT_EQ(0, get_range(self->q_fd[0], 3, 3));
	EXPECT_TRUE(mq_wait_until(!topic_bind(&self->queue, &self->q[0], "key=a")));
}

/* Make another topic, which gets what is sent to @topic. */
static int make_below(const struct mq_queue *topic, struct mq_queue *below,
		      const char *options)
{
	return create_topic(below, "%s", options) ?: topic_bind(topic, below, "");
}

TEST_F(topic, start_is_refused_where_another_topic_leads_to_the_queue)
{
	struct mq_queue below;

	TOPIC("retain_messages=1000");
	ASSERT_EQ(0, make_below(&self->queue, &below, ""));
	QUEUE(0, "");
	ASSERT_EQ(0, topic_bind(&below, &self->q[0], ""));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(-EBUSY, topic_bind(&self->queue, &self->q[0], "start=earliest"));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 3));
	EXPECT_EQ(0, mq_stat_of(&self->q[0], ready));
	/* When it leads there no longer, it is not. */
	ASSERT_EQ(0, topic_unbind(&below, &self->q[0], ""));
	STARTED(0, "start=earliest", 6);
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 3));
}

TEST_F(topic, start_is_refused_where_a_topic_above_leads_to_the_queue)
{
	struct mq_queue below;

	TOPIC("");
	ASSERT_EQ(0, make_below(&self->queue, &below, "retain_messages=1000"));
	BOUND(0, "", "");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	EXPECT_EQ(-EBUSY, topic_bind(&below, &self->q[0], "start=earliest"));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 1));
	EXPECT_EQ(0, mq_stat_of(&self->q[0], ready));
}

TEST_F(topic, start_does_not_mind_a_topic_that_has_nothing_to_do_with_it)
{
	struct mq_queue other;

	TOPIC("retain_messages=1000");
	ASSERT_EQ(0, create_topic(&other, "retain_messages=1000"));
	QUEUE(0, "");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, topic_bind(&other, &self->q[0], "start=earliest"));
	STARTED(0, "start=earliest", 3);
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 3));
}

TEST_F(topic, queue_that_catches_up_gets_no_way_past_that)
{
	struct mq_queue below, other;

	TOPIC("retain_messages=1000");
	ASSERT_EQ(0, make_below(&self->queue, &below, "retain_messages=1000"));
	ASSERT_EQ(0, create_topic(&other, ""));
	QUEUE(0, "max_messages=1");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	STARTED(0, "start=earliest", 1);
	EXPECT_EQ(-EBUSY, topic_bind(&below, &self->q[0], ""));
	EXPECT_EQ(-EBUSY, topic_bind(&below, &self->q[0], "start=earliest"));
	EXPECT_EQ(-EBUSY, mq_sysfs_set(&below, "alternate", "%s", self->q[0].name));
	/* Nor a topic behind the topic, which leads to the queue already. */
	EXPECT_EQ(0, topic_bind(&other, &self->q[0], ""));
	EXPECT_EQ(-EBUSY, topic_bind(&below, &other, ""));
	EXPECT_EQ(0, get_range(self->q_fd[0], 1, 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 2));
	EXPECT_EQ(0, get_range(self->q_fd[0], 2, 2));
	EXPECT_TRUE(mq_wait_until(!topic_bind(&below, &self->q[0], "")));
}

TEST_F(topic, topic_that_a_queue_catches_up_with_is_fed_by_none_that_feeds_the_queue)
{
	struct mq_queue above;

	TOPIC("retain_messages=1000");
	ASSERT_EQ(0, create_topic(&above, ""));
	QUEUE(0, "max_messages=1");
	ASSERT_EQ(0, topic_bind(&above, &self->q[0], ""));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	STARTED(0, "start=earliest", 1);
	EXPECT_EQ(-EBUSY, topic_bind(&above, &self->queue, ""));
	ASSERT_EQ(0, topic_unbind(&above, &self->q[0], ""));
	EXPECT_EQ(0, topic_bind(&above, &self->queue, ""));
}

/* How many topics are looked at for one binding is bounded. */
TEST_F(topic, queue_catches_up_with_many_topics_at_once_and_not_with_any_number)
{
	struct mq_queue other;
	int n, fd;

	TOPIC("");
	QUEUE(0, "max_messages=1");
	for (n = 0; n < 200; n++) {
		ASSERT_EQ(0, create_topic(&other, "retain_messages=10"));
		fd = mq_open(&other, O_WRONLY);
		ASSERT_EQ(2, mq_write(fd, "m1", 2));
		ASSERT_EQ(2, mq_write(fd, "m2", 2));
		close(fd);
		if (topic_bind(&other, &self->q[0], "start=earliest"))
			break;
	}
	EXPECT_LE(60, n);
	EXPECT_GT(200, n);
	EXPECT_EQ(-EBUSY, topic_bind(&other, &self->q[0], "start=earliest"));
	/* Others are not concerned. */
	QUEUE(1, "");
	STARTED(1, "start=earliest", 0);
	EXPECT_EQ(0, topic_bind(&other, &self->q[1], "start=earliest"));
}

TEST_F(topic, start_is_a_term_of_the_ioctl)
{
	static const char terms[] = "start=id:2\0key=#";
	struct devmq_bind bind;

	TOPIC("retain_messages=1000");
	QUEUE(0, "");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, ioctl_bind(self->fd, DEVMQ_IOC_BIND, self->q_fd[0], terms,
				sizeof(terms), &bind));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], sent) == 2));
	EXPECT_EQ(0, get_range(self->q_fd[0], 2, 3));
	EXPECT_EQ(-EINVAL, ioctl_bind(self->fd, DEVMQ_IOC_UNBIND, self->q_fd[0],
				      terms, sizeof(terms), &bind));
}

/* Each queue has each message once and in order, whenever it was bound. */
TEST_F(topic, seam_beside_senders_loses_and_repeats_nothing)
{
	pthread_t threads[SENDERS];
	void *failed;
	int i, id;

	TOPIC("retain_messages=%d", SENDERS * EACH);
	for (i = 0; i < QUEUES; i++)
		QUEUE(i, "");
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, send_many,
					    &self->queue));
	for (i = 0; i < QUEUES; i++) {
		EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, sent) >=
					  (i + 1) * 200));
		EXPECT_EQ(0, topic_bind(&self->queue, &self->q[i],
					"start=earliest"));
	}
	for (i = 0; i < SENDERS; i++) {
		EXPECT_EQ(0, pthread_join(threads[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
	for (i = 0; i < QUEUES; i++) {
		EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[i], sent) ==
					  SENDERS * EACH));
		for (id = 1; id <= SENDERS * EACH; id++) {
			if (mq_take(self->q_fd[i], &self->look) ||
			    self->look.extra.topic_id != (uint64_t)id)
				break;
		}
		EXPECT_EQ(SENDERS * EACH + 1, id);
		EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[i], ""));
	}
}

/* Bindings that catch up come and go beside senders, and at last the topic. */
TEST_F(topic, bindings_come_and_go_while_they_catch_up)
{
	pthread_t threads[SENDERS];
	void *failed;
	int i, n;

	TOPIC("retain_messages=300");
	for (i = 0; i < QUEUES; i++)
		QUEUE(i, i % 2 ? "max_messages=50" : "");
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, send_many,
					    &self->queue));
	for (n = 0; n < 100; n++) {
		i = n % QUEUES;
		EXPECT_EQ(0, topic_bind(&self->queue, &self->q[i],
					"start=earliest"));
		mq_purge(self->q_fd[i], 0, 0);
		if (n % 3)
			sched_yield();
		EXPECT_EQ(0, topic_unbind(&self->queue, &self->q[i], ""));
	}
	for (i = 0; i < SENDERS; i++) {
		EXPECT_EQ(0, pthread_join(threads[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
	for (i = 0; i < QUEUES; i++)
		EXPECT_EQ(0, topic_bind(&self->queue, &self->q[i],
					"start=earliest"));
	EXPECT_EQ(0, mq_remove(&self->queue));
}

TEST_HARNESS_MAIN
