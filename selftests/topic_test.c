// SPDX-License-Identifier: GPL-2.0
/*
 * Topics: what is sent to one goes to all queues that take it, or to none.
 */
#include <poll.h>
#include <signal.h>
#include <sys/uio.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "fixtures/topic.h"

/* -- routing --------------------------------------------------------------- */

TEST_F(topic, every_bound_queue_gets_a_message)
{
	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "");
	EXPECT_EQ(5, mq_put(self->fd, "hello"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "hello"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "hello"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.sent);
	EXPECT_EQ(1, self->stat.routed);
	EXPECT_EQ(0, self->stat.unrouted);
	EXPECT_EQ(2, self->stat.bindings);
	EXPECT_EQ(0, self->stat.ready);
	MQ_STAT(&self->q[0]);
	EXPECT_EQ(1, self->stat.bindings);
	EXPECT_EQ(1, self->stat.sent);
}

TEST_F(topic, filters_choose_by_key)
{
	TOPIC("");
	BOUND(0, "key=a.b", "");
	BOUND(1, "key=a.*", "");
	BOUND(2, "key=#.c", "");
	BOUND(3, "", "");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "a.b"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "2", .key = "a.c"));
	EXPECT_EQ(3, MQ_SEND(self->fd, .text = "3"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "1"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "1"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "2"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[1], ""));
	EXPECT_EQ(0, mq_get(self->q_fd[2], "2"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[2], ""));
	EXPECT_EQ(0, mq_get(self->q_fd[3], "1"));
	EXPECT_EQ(0, mq_get(self->q_fd[3], "2"));
	EXPECT_EQ(0, mq_get(self->q_fd[3], "3"));
}

TEST_F(topic, filters_choose_by_header)
{
	char headers[64];
	size_t size = mq_header_put(headers, "kind", "new", 3);

	TOPIC("");
	BOUND(0, "header.kind=new", "");
	BOUND(1, "header.kind=old", "");
	BOUND(2, "header.kind=old header.kind=new", "");
	mq_batch_add_full(&self->batch, NULL, 0, headers, size, "x", 1);
	ASSERT_EQ(0, mq_send(self->fd, self->batch.data, self->batch.size,
			     &self->send));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[1], ""));
	EXPECT_EQ(0, mq_get(self->q_fd[2], "x"));
}

TEST_F(topic, several_bindings_of_a_queue_take_a_message_once)
{
	TOPIC("");
	BOUND(0, "key=a.b", "");
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[0], "key=a.*"));
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[0], ""));
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "a.b"));
	EXPECT_EQ(1, mq_stat_of(&self->q[0], sent));
	EXPECT_EQ(3, mq_stat_of(&self->queue, bindings));
}

TEST_F(topic, message_that_nobody_takes_is_counted)
{
	TOPIC("");
	BOUND(0, "key=a", "");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "b"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.sent);
	EXPECT_EQ(0, self->stat.routed);
	EXPECT_EQ(1, self->stat.unrouted);
	EXPECT_EQ(0, mq_stat_of(&self->q[0], sent));
}

TEST_F(topic, message_that_nobody_takes_is_refused_on_demand)
{
	TOPIC("on_unrouted=refuse");
	BOUND(0, "key=a", "");
	EXPECT_EQ(-ENOENT, MQ_SEND(self->fd, .text = "1", .key = "b"));
	EXPECT_EQ(-ENOENT, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "a"));
}

TEST_F(topic, alternate_takes_what_no_filter_takes)
{
	QUEUE(1, "");
	TOPIC("alternate=%s on_unrouted=refuse", self->q[1].name);
	BOUND(0, "key=a", "");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "b"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "2", .key = "a"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "1"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[1], ""));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "2"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.routed);
	EXPECT_EQ(0, self->stat.unrouted);
	EXPECT_EQ(1, self->stat.bindings);
}

TEST_F(topic, alternate_can_change)
{
	TOPIC("");
	QUEUE(0, "");
	EXPECT_EQ(0, mq_sysfs_set(&self->queue, "alternate", "%s",
				  self->q[0].name));
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "1"));
	EXPECT_EQ(0, mq_sysfs_set(&self->queue, "alternate", "none"));
	EXPECT_EQ(1, mq_put(self->fd, "2"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(1, mq_stat_of(&self->queue, unrouted));
	EXPECT_EQ(-ENOENT, mq_sysfs_set(&self->queue, "alternate", "nobody"));
	EXPECT_EQ(-ELOOP, mq_sysfs_set(&self->queue, "alternate", "%s",
				       self->queue.name));
}

TEST_F(topic, topics_feed_topics_and_a_diamond_gives_one_copy)
{
	struct mq_queue left, right;

	TOPIC("");
	ASSERT_EQ(0, create_topic(&left, ""));
	ASSERT_EQ(0, create_topic(&right, ""));
	QUEUE(0, "");
	QUEUE(1, "");
	ASSERT_EQ(0, topic_bind(&self->queue, &left, ""));
	ASSERT_EQ(0, topic_bind(&self->queue, &right, "key=a"));
	ASSERT_EQ(0, topic_bind(&left, &self->q[0], ""));
	ASSERT_EQ(0, topic_bind(&right, &self->q[0], ""));
	ASSERT_EQ(0, topic_bind(&right, &self->q[1], ""));
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "a"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "2", .key = "b"));
	EXPECT_EQ(2, mq_stat_of(&self->q[0], sent));
	EXPECT_EQ(1, mq_stat_of(&self->q[1], sent));
	MQ_STAT(&left);
	EXPECT_EQ(2, self->stat.routed);
	MQ_STAT(&right);
	EXPECT_EQ(1, self->stat.routed);
}

TEST_F(topic, loops_are_refused)
{
	struct mq_queue b, c;

	TOPIC("");
	ASSERT_EQ(0, create_topic(&b, ""));
	ASSERT_EQ(0, create_topic(&c, ""));
	EXPECT_EQ(-ELOOP, topic_bind(&self->queue, &self->queue, ""));
	ASSERT_EQ(0, topic_bind(&self->queue, &b, ""));
	ASSERT_EQ(0, topic_bind(&b, &c, ""));
	EXPECT_EQ(-ELOOP, topic_bind(&c, &self->queue, ""));
	EXPECT_EQ(-ELOOP, mq_sysfs_set(&c, "alternate", "%s",
				       self->queue.name));
	ASSERT_EQ(0, topic_unbind(&b, &c, ""));
	EXPECT_EQ(0, topic_bind(&c, &self->queue, ""));
}

TEST_F(topic, eight_topics_stand_one_behind_the_other_and_no_more)
{
	struct mq_queue t[9];
	int i;

	for (i = 0; i < 9; i++)
		ASSERT_EQ(0, create_topic(&t[i], ""));
	for (i = 1; i < 8; i++)
		ASSERT_EQ(0, topic_bind(&t[i - 1], &t[i], ""));
	EXPECT_EQ(-ELOOP, topic_bind(&t[7], &t[8], ""));
	EXPECT_EQ(-ELOOP, topic_bind(&t[8], &t[0], ""));
	EXPECT_EQ(0, topic_bind(&t[8], &t[1], ""));
	QUEUE(0, "");
	ASSERT_EQ(0, topic_bind(&t[7], &self->q[0], ""));
	self->fd = mq_open(&t[0], O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(4, mq_put(self->fd, "deep"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "deep"));
	/* With one less below, there is room for one more above. */
	ASSERT_EQ(0, topic_unbind(&t[6], &t[7], ""));
	EXPECT_EQ(0, topic_bind(&t[8], &t[0], ""));
}

TEST_F(topic, message_passes_64_topics_and_no_more)
{
	struct mq_queue first, t[64];
	char name[32];
	int i;

	ASSERT_EQ(0, create_topic(&first, ""));
	for (i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "wide%d.%d", getpid(), i);
		snprintf(t[i].name, sizeof(t[i].name), "%s", name);
		ASSERT_EQ(0, mq_control("create %s type=topic", name));
	}
	for (i = 0; i < 63; i++)
		EXPECT_EQ(0, topic_bind(&first, &t[i], ""));
	EXPECT_EQ(-E2BIG, topic_bind(&first, &t[63], ""));
	/* One that is below another one already is no other topic. */
	EXPECT_EQ(0, topic_bind(&t[0], &t[1], ""));
	EXPECT_EQ(-E2BIG, topic_bind(&t[0], &t[63], ""));
	QUEUE(0, "");
	for (i = 0; i < 63; i++)
		EXPECT_EQ(0, topic_bind(&t[i], &self->q[0], ""));
	self->fd = mq_open(&first, O_WRONLY | O_NONBLOCK);
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(1, mq_stat_of(&self->q[0], sent));
	for (i = 0; i < 64; i++)
		EXPECT_EQ(0, mq_remove(&t[i]));
}

/* -- what comes with a message ----------------------------------------------------- */

TEST_F(topic, message_tells_the_topic_and_its_number_there)
{
	TOPIC("");
	BOUND(0, "key=b", "");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "a"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "2", .key = "b"));
	ASSERT_EQ(0, mq_look_id(&self->q[0], 1, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.topic);
	EXPECT_EQ(2, self->look.extra.topic_id);
	EXPECT_EQ(0, self->look.extra.origin_id);
	EXPECT_STREQ("", self->look.origin);
	EXPECT_STREQ("b", self->look.key);
	EXPECT_STREQ("2", self->look.payload);
	ASSERT_EQ(0, mq_take(self->q_fd[0], &self->look));
	EXPECT_STREQ(self->queue.name, self->look.topic);
	EXPECT_EQ(2, self->look.extra.topic_id);
	EXPECT_STREQ("b", self->look.key);
	EXPECT_STREQ("2", self->look.payload);
	EXPECT_EQ((uint32_t)getuid(), self->look.record.uid);
}

TEST_F(topic, dead_message_tells_its_topic_and_its_origin)
{
	TOPIC("");
	QUEUE(1, "");
	BOUND(0, "", "ack=manual dead_letter=%s", self->q[1].name);
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_get(self->q_fd[0], "x"));
	ASSERT_EQ(1, mq_reject_with(self->q_fd[0], 1, 300, "why"));
	ASSERT_EQ(0, mq_look_id(&self->q[1], 1, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.topic);
	EXPECT_EQ(1, self->look.extra.topic_id);
	EXPECT_STREQ(self->q[0].name, self->look.origin);
	EXPECT_EQ(1, self->look.extra.origin_id);
	EXPECT_STREQ("why", self->look.note);
}

TEST_F(topic, times_and_priority_hold_in_each_queue)
{
	TOPIC("");
	BOUND(0, "", "priorities=4");
	BOUND(1, "", "");
	BOUND(2, "", "delay_ms=3600000");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "low"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "high", .priority = 9));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "high"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "low"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "low"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "high"));
	EXPECT_EQ(2, mq_stat_of(&self->q[2], delayed));
	EXPECT_EQ(3, MQ_SEND(self->fd, .text = "later", .delay_ns = 1ULL << 50));
	EXPECT_EQ(1, mq_stat_of(&self->q[0], delayed));
	EXPECT_EQ(1, mq_stat_of(&self->q[1], delayed));
	EXPECT_EQ(4, MQ_SEND(self->fd, .text = "soon", .ttl_ns = 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[0], expired) == 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->q[1], expired) == 1));
}

TEST_F(topic, order_by_key_holds_in_its_queue)
{
	TOPIC("");
	BOUND(0, "", "order=key ack=manual");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "a1", .key = "a"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "a2", .key = "a"));
	EXPECT_EQ(3, MQ_SEND(self->fd, .text = "b1", .key = "b"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "a1"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "b1"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(1, mq_ack(self->q_fd[0], 1));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "a2"));
}

TEST_F(topic, duplicate_needs_no_room_where_it_is_one)
{
	TOPIC("");
	BOUND(0, "", "dedup_window_ms=3600000 max_messages=1");
	BOUND(1, "", "");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "x", .dedup = "id"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "x", .dedup = "id"));
	EXPECT_EQ(-EAGAIN, MQ_SEND(self->fd, .text = "x", .dedup = "other"));
	MQ_STAT(&self->q[0]);
	EXPECT_EQ(1, self->stat.sent);
	EXPECT_EQ(1, self->stat.deduplicated);
	EXPECT_EQ(2, mq_stat_of(&self->q[1], sent));
}

/* -- all or none ------------------------------------------------------------------- */

TEST_F(topic, nothing_goes_anywhere_if_one_queue_is_full)
{
	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "key=#", "max_messages=1");
	BOUND(2, "", "");
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "2"));
	EXPECT_EQ(1, mq_stat_of(&self->q[0], sent));
	EXPECT_EQ(1, mq_stat_of(&self->q[2], sent));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "1"));
	EXPECT_EQ(1, mq_put(self->fd, "3"));
	EXPECT_EQ(2, mq_stat_of(&self->q[2], sent));
}

TEST_F(topic, who_does_not_need_the_full_queue_does_not_wait)
{
	TOPIC("");
	BOUND(0, "key=a", "max_messages=1");
	BOUND(1, "key=b", "");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "a"));
	EXPECT_EQ(-EAGAIN, MQ_SEND(self->fd, .text = "2", .key = "a"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "3", .key = "b"));
}

TEST_F(topic, queue_that_rejects_tells_the_sender)
{
	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "max_messages=1 overflow=reject");
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "2"));
	EXPECT_EQ(1, mq_stat_of(&self->q[0], sent));
}

TEST_F(topic, queue_that_drops_makes_room)
{
	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "max_messages=1 overflow=drop-head");
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(1, mq_put(self->fd, "2"));
	EXPECT_EQ(1, mq_stat_of(&self->q[1], dropped));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "2"));
	EXPECT_EQ(2, mq_stat_of(&self->q[0], ready));
}

TEST_F(topic, queue_drops_nothing_for_what_does_not_go)
{
	TOPIC("");
	BOUND(0, "", "max_messages=1 overflow=drop-head");
	BOUND(1, "", "max_messages=1");
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "2"));
	EXPECT_EQ(0, mq_stat_of(&self->q[0], dropped));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "1"));
}

TEST_F(topic, queue_that_dead_letters_makes_room)
{
	TOPIC("");
	QUEUE(1, "");
	BOUND(0, "", "max_messages=1 overflow=dead-letter dead_letter=%s",
	      self->q[1].name);
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(1, mq_put(self->fd, "2"));
	EXPECT_EQ(1, mq_stat_of(&self->q[0], dead_lettered));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "2"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "1"));
}

TEST_F(topic, paused_queue_counts_as_full)
{
	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "paused=send");
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "1"));
	EXPECT_EQ(0, mq_stat_of(&self->q[0], sent));
	ASSERT_EQ(0, mq_sysfs_set(&self->q[1], "paused", "none"));
	EXPECT_EQ(1, mq_put(self->fd, "1"));
}

TEST_F(topic, paused_topic_takes_nothing)
{
	TOPIC("paused=send");
	BOUND(0, "", "");
	EXPECT_EQ(0, mq_poll(self->fd, POLLOUT));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	EXPECT_EQ(POLLOUT, mq_poll(self->fd, POLLOUT));
	EXPECT_EQ(1, mq_put(self->fd, "1"));
}

TEST_F(topic, longest_prefix_of_a_batch_that_fits_goes)
{
	int i;

	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "max_messages=3");
	BOUND(2, "key=b", "max_messages=1");
	for (i = 0; i < 5; i++)
		mq_batch_add(&self->batch, "text");
	ASSERT_EQ(0, mq_send(self->fd, self->batch.data, self->batch.size,
			     &self->send));
	EXPECT_EQ(3, self->send.count);
	EXPECT_EQ(1, self->send.first_id);
	EXPECT_EQ(3, self->send.last_id);
	EXPECT_EQ(3, mq_stat_of(&self->q[0], sent));
	EXPECT_EQ(3, mq_stat_of(&self->q[1], sent));
	EXPECT_EQ(3, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(-EAGAIN, mq_send(self->fd, self->batch.data, self->batch.size,
				   &self->send));
	ASSERT_EQ(0, mq_get(self->q_fd[1], "text"));
	ASSERT_EQ(0, mq_send(self->fd, self->batch.data, self->batch.size,
			     &self->send));
	EXPECT_EQ(1, self->send.count);
	EXPECT_EQ(4, self->send.first_id);
}

TEST_F(topic, batch_goes_to_different_queues)
{
	static const char * const keys[] = { "a", "b", "a", "c", "b" };
	struct mq_message m = { .text = "x" };
	int i;

	TOPIC("");
	BOUND(0, "key=a", "");
	BOUND(1, "key=b", "");
	BOUND(2, "key=#", "");
	for (i = 0; i < 5; i++) {
		m.key = keys[i];
		mq_batch_add_message(&self->batch, &m);
	}
	ASSERT_EQ(0, mq_send(self->fd, self->batch.data, self->batch.size,
			     &self->send));
	EXPECT_EQ(5, self->send.count);
	EXPECT_EQ(2, mq_stat_of(&self->q[0], sent));
	EXPECT_EQ(2, mq_stat_of(&self->q[1], sent));
	EXPECT_EQ(5, mq_stat_of(&self->q[2], sent));
	ASSERT_EQ(0, mq_look_id(&self->q[0], 2, &self->look));
	EXPECT_EQ(3, self->look.extra.topic_id);
	ASSERT_EQ(0, mq_look_id(&self->q[1], 2, &self->look));
	EXPECT_EQ(5, self->look.extra.topic_id);
}

/* -- waiting ----------------------------------------------------------------------- */

TEST_F(topic, sender_waits_and_shows_for_which_queue)
{
	char name[DEVMQ_NAME_MAX + 1];
	struct mq_call call;
	int fd;

	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	SENDER_WAITS(fd, &call, "2");
	full_of(fd, name, sizeof(name));
	EXPECT_STREQ(self->q[1].name, name);
	EXPECT_EQ(1, mq_stat_of(&self->queue, waiting_senders));
	/* It holds no room anywhere. */
	EXPECT_EQ(1, mq_stat_of(&self->q[0], sent));
	ASSERT_EQ(0, mq_get(self->q_fd[1], "1"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "2"));
	full_of(fd, name, sizeof(name));
	EXPECT_STREQ("", name);
	EXPECT_EQ(0, mq_stat_of(&self->queue, waiting_senders));
	close(fd);
}

TEST_F(topic, sender_that_waits_ends_when_a_queue_is_unbound)
{
	struct mq_call call;
	int fd;

	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	SENDER_WAITS(fd, &call, "2");
	ASSERT_EQ(0, topic_unbind(&self->queue, &self->q[1], ""));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(2, mq_stat_of(&self->q[0], sent));
	EXPECT_EQ(1, mq_stat_of(&self->q[1], sent));
	close(fd);
}

TEST_F(topic, sender_that_waits_ends_when_the_queue_is_removed)
{
	struct mq_call call;
	int fd;

	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	SENDER_WAITS(fd, &call, "2");
	ASSERT_EQ(0, mq_remove(&self->q[1]));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(2, mq_stat_of(&self->q[0], sent));
	EXPECT_EQ(1, mq_stat_of(&self->queue, bindings));
	close(fd);
}

TEST_F(topic, sender_that_waits_ends_when_the_topic_is_removed)
{
	struct mq_call call;
	int fd;

	TOPIC("");
	BOUND(0, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	SENDER_WAITS(fd, &call, "2");
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(-ENODEV, mq_call_result(&call));
	EXPECT_EQ(0, mq_stat_of(&self->q[0], bindings));
	close(fd);
}

TEST_F(topic, sender_that_waits_ends_on_a_signal)
{
	struct mq_call call;
	int fd;

	TOPIC("");
	BOUND(0, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	ASSERT_EQ(0, mq_catch_signal(0));
	SENDER_WAITS(fd, &call, "2");
	ASSERT_EQ(0, syscall(SYS_tgkill, getpid(), call.tid, SIGUSR1));
	EXPECT_EQ(-EINTR, mq_call_result(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	close(fd);
}

/* -- binding ----------------------------------------------------------------------- */

TEST_F(topic, binding_is_there_once)
{
	TOPIC("");
	BOUND(0, "key=a header.h=1", "");
	EXPECT_EQ(-EEXIST, topic_bind(&self->queue, &self->q[0], "key=a header.h=1"));
	EXPECT_EQ(-EEXIST, topic_bind(&self->queue, &self->q[0], "header.h=1 key=a"));
	EXPECT_EQ(0, topic_bind(&self->queue, &self->q[0], "key=a header.h=2"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, bindings));
}

TEST_F(topic, one_binding_is_unbound_by_its_filter_or_all)
{
	TOPIC("");
	BOUND(0, "key=a", "");
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[0], "key=b"));
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[0], "key=c"));
	EXPECT_EQ(-ENOENT, topic_unbind(&self->queue, &self->q[0], "key=d"));
	EXPECT_EQ(0, topic_unbind(&self->queue, &self->q[0], "key=b"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, bindings));
	EXPECT_EQ(0, topic_unbind(&self->queue, &self->q[0], ""));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bindings));
	EXPECT_EQ(0, mq_stat_of(&self->q[0], bindings));
	EXPECT_EQ(-ENOENT, topic_unbind(&self->queue, &self->q[0], ""));
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "a"));
	EXPECT_EQ(0, mq_stat_of(&self->q[0], sent));
}

TEST_F(topic, queue_that_would_refuse_messages_is_not_bound)
{
	TOPIC("max_message_size=100 max_bytes=1000");
	QUEUE(0, "max_message_size=99 max_bytes=1000");
	EXPECT_EQ(-EINVAL, topic_bind(&self->queue, &self->q[0], ""));
	QUEUE(1, "max_message_size=100 max_bytes=999");
	EXPECT_EQ(-EINVAL, topic_bind(&self->queue, &self->q[1], ""));
	BOUND(2, "", "max_message_size=100 max_bytes=1000");
	EXPECT_EQ(-EBUSY, mq_sysfs_set(&self->q[2], "max_bytes", "999"));
	EXPECT_EQ(-EBUSY, mq_sysfs_set(&self->q[2], "max_message_size", "99"));
	EXPECT_EQ(-EBUSY, mq_sysfs_set(&self->queue, "max_bytes", "1001"));
	EXPECT_EQ(-EBUSY, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	EXPECT_EQ(1000, mq_sysfs_number(&self->queue, "max_bytes"));
	EXPECT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "999"));
	EXPECT_EQ(0, mq_sysfs_set(&self->q[2], "max_bytes", "999"));
	EXPECT_EQ(0, topic_unbind(&self->queue, &self->q[2], ""));
	EXPECT_EQ(0, mq_sysfs_set(&self->q[2], "max_bytes", "1"));
}

TEST_F(topic, malformed_bindings_are_refused)
{
	TOPIC("");
	QUEUE(0, "");
	EXPECT_EQ(-EINVAL, topic_bind(&self->queue, &self->q[0], "key"));
	EXPECT_EQ(-EINVAL, topic_bind(&self->queue, &self->q[0], "key=a key=b"));
	EXPECT_EQ(-EINVAL, topic_bind(&self->queue, &self->q[0], "key=a*"));
	EXPECT_EQ(-E2BIG, topic_bind(&self->queue, &self->q[0], "key=#.#.#"));
	EXPECT_EQ(-E2BIG, topic_bind(&self->queue, &self->q[0],
				     "key=*.1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16"));
	EXPECT_EQ(-EINVAL, topic_bind(&self->q[0], &self->queue, ""));
	EXPECT_EQ(-ENOENT, mq_control("bind %s nobody", self->queue.name));
	EXPECT_EQ(-ENOENT, mq_control("bind nobody %s", self->q[0].name));
	EXPECT_EQ(-EINVAL, mq_control("bind %s", self->queue.name));
	EXPECT_EQ(-EINVAL, mq_control("unbind"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bindings));
}

/* Room for a binding without a filter, and for no other one besides. */
#define ONE	(sizeof(struct devmq_binding) + 4)

TEST_F(topic, ioctls_bind_and_list)
{
	static const char filter[] = "header.h=x y\0key=a.#";
	struct devmq_bindings bindings;
	struct devmq_binding binding;
	struct devmq_bind bind;
	char text[64];

	TOPIC("");
	QUEUE(0, "");
	QUEUE(1, "");
	ASSERT_EQ(0, ioctl_bind(self->fd, DEVMQ_IOC_BIND, self->q_fd[0], NULL, 0,
				&bind));
	EXPECT_EQ(1, bind.id);
	ASSERT_EQ(0, ioctl_bind(self->fd, DEVMQ_IOC_BIND, self->q_fd[1], filter,
				sizeof(filter), &bind));
	EXPECT_EQ(2, bind.id);
	EXPECT_EQ(2, mq_send_one(self->fd, "x", 1) + 1);
	ASSERT_EQ(0, binding_of(&self->queue, 1, &binding, NULL, 0));
	EXPECT_STREQ(self->q[0].name, binding.queue);
	EXPECT_EQ(1, binding.taken);
	EXPECT_EQ(0, binding.filter_size);
	EXPECT_EQ(0, binding.missed);
	ASSERT_EQ(0, binding_of(&self->queue, 2, &binding, text, sizeof(text)));
	EXPECT_STREQ(self->q[1].name, binding.queue);
	EXPECT_EQ(0, binding.taken);
	ASSERT_EQ(sizeof(filter), binding.filter_size);
	EXPECT_EQ(0, memcmp(text, "key=a.#\0header.h=x y", sizeof(filter)));
	/* In portions: room for the first one only. */
	ASSERT_EQ(0, ioctl_bindings(self->fd, self->buffer, ONE, 0, &bindings));
	EXPECT_EQ(1, bindings.count);
	EXPECT_EQ(sizeof(binding), bindings.used);
	EXPECT_EQ(0, bindings.need);
	EXPECT_EQ(-EMSGSIZE, ioctl_bindings(self->fd, self->buffer, ONE, 1,
					    &bindings));
	EXPECT_EQ(0, bindings.count);
	EXPECT_EQ(DEVMQ_ALIGN(sizeof(binding) + sizeof(filter)), bindings.need);
	ASSERT_EQ(0, ioctl_bindings(self->fd, self->buffer, ONE, 2, &bindings));
	EXPECT_EQ(0, bindings.count);
	/* And away again. */
	EXPECT_EQ(-ENOENT, ioctl_bind(self->fd, DEVMQ_IOC_UNBIND, self->q_fd[0],
				      filter, sizeof(filter), &bind));
	ASSERT_EQ(0, ioctl_bind(self->fd, DEVMQ_IOC_UNBIND, self->q_fd[1], filter,
				sizeof(filter), &bind));
	EXPECT_EQ(1, bind.id);
	ASSERT_EQ(0, ioctl_bind(self->fd, DEVMQ_IOC_UNBIND, self->q_fd[0], NULL, 0,
				&bind));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bindings));
}

TEST_F(topic, only_the_owner_of_both_nodes_binds)
{
	struct devmq_bind bind;
	pid_t child;

	TOPIC("uid=%d mode=0666", MQ_NOBODY);
	QUEUE(0, "uid=%d mode=0666", MQ_NOBODY);
	QUEUE(1, "mode=0666");
	child = mq_fork();
	if (!child) {
		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(1);
		if (ioctl_bind(self->fd, DEVMQ_IOC_BIND, self->q_fd[1], NULL, 0,
			       &bind) != -EPERM)
			_exit(2);
		if (ioctl_bind(self->fd, DEVMQ_IOC_BIND, self->q_fd[0], NULL, 0,
			       &bind))
			_exit(3);
		_exit(0);
	}
	EXPECT_EQ(0, mq_wait_child(child));
	EXPECT_EQ(1, mq_stat_of(&self->queue, bindings));
	EXPECT_EQ(0, mq_stat_of(&self->q[1], bindings));
}

TEST_F(topic, ioctl_bind_needs_good_arguments)
{
	struct devmq_bind bind;
	int fd;

	TOPIC("");
	QUEUE(0, "");
	EXPECT_EQ(-EBADF, ioctl_bind(self->fd, DEVMQ_IOC_BIND, -1, NULL, 0, &bind));
	EXPECT_EQ(-EINVAL, ioctl_bind(self->fd, DEVMQ_IOC_BIND, 0, NULL, 0, &bind));
	EXPECT_EQ(-EINVAL, ioctl_bind(self->fd, DEVMQ_IOC_BIND, self->q_fd[0],
				      "key=a", 5, &bind));
	EXPECT_EQ(-EFAULT, ioctl_bind(self->fd, DEVMQ_IOC_BIND, self->q_fd[0],
				      MQ_BAD_POINTER, 6, &bind));
	EXPECT_EQ(-E2BIG, ioctl_bind(self->fd, DEVMQ_IOC_BIND, self->q_fd[0],
				     self->buffer, DEVMQ_FILTER_MAX + 1, &bind));
	EXPECT_EQ(-EINVAL, ioctl_bind(self->q_fd[0], DEVMQ_IOC_BIND, self->q_fd[0],
				      NULL, 0, &bind));
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, ioctl_bind(fd, DEVMQ_IOC_BIND, self->q_fd[0], NULL, 0,
				     &bind));
	close(fd);
	EXPECT_EQ(0, mq_stat_of(&self->queue, bindings));
}

/* -- a topic as a file ------------------------------------------------------------- */

TEST_F(topic, reading_a_topic_is_refused)
{
	struct devmq_recv recv;
	int fd;

	TOPIC("");
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, mq_read(fd, self->buffer, 10));
	EXPECT_EQ(-EINVAL, mq_recv(fd, self->buffer, sizeof(self->buffer), &recv));
	EXPECT_EQ(0, mq_poll(fd, POLLIN));
	EXPECT_EQ(POLLOUT, mq_poll(fd, POLLOUT));
	EXPECT_EQ(2, mq_put(fd, "ok"));
	close(fd);
}

TEST_F(topic, topic_has_files_for_its_own_options_alone)
{
	char text[64];

	TOPIC("");
	QUEUE(0, "");
	EXPECT_EQ(0, mq_sysfs_get(&self->queue, "type", text, sizeof(text)));
	EXPECT_STREQ("topic", text);
	EXPECT_EQ(0, mq_sysfs_get(&self->queue, "on_unrouted", text, sizeof(text)));
	EXPECT_STREQ("drop", text);
	EXPECT_EQ(0, mq_sysfs_number(&self->queue, "routed"));
	EXPECT_EQ(-ENOENT, mq_sysfs_number(&self->queue, "max_messages"));
	EXPECT_EQ(-ENOENT, mq_sysfs_number(&self->queue, "ready"));
	EXPECT_EQ(-ENOENT, mq_sysfs_get(&self->q[0], "alternate", text,
					sizeof(text)));
	EXPECT_EQ(-ENOENT, mq_sysfs_number(&self->q[0], "routed"));
	EXPECT_EQ(-EINVAL, mq_control("create x type=topic max_messages=1"));
	EXPECT_EQ(-ENOTCONN, mq_control("create x type=topic journal=j"));
	EXPECT_EQ(-EINVAL, mq_control("create x on_unrouted=drop"));
}

TEST_F(topic, writev_gathers_one_message)
{
	struct iovec parts[] = { { "ab", 2 }, { "cd", 2 } };

	TOPIC("");
	BOUND(0, "", "");
	EXPECT_EQ(4, writev(self->fd, parts, 2));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "abcd"));
}

TEST_F(topic, lines_are_messages)
{
	TOPIC("framing=line");
	BOUND(0, "", "");
	BOUND(1, "", "");
	EXPECT_EQ(11, mq_put(self->fd, "one\ntwo\nthr"));
	EXPECT_EQ(2, mq_stat_of(&self->q[0], sent));
	EXPECT_EQ(3, mq_put(self->fd, "ee\n"));
	EXPECT_EQ(4, mq_put(self->fd, "tail"));
	EXPECT_EQ(3, mq_stat_of(&self->q[1], sent));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, mq_get(self->q_fd[1], "one\n"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "two\n"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "three\n"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "tail"));
	EXPECT_EQ(4, mq_stat_of(&self->q[0], ready));
}

TEST_F(topic, tail_enters_a_full_queue_at_the_last_close)
{
	TOPIC("framing=line");
	BOUND(0, "", "max_messages=1");
	EXPECT_EQ(4, mq_put(self->fd, "one\n"));
	EXPECT_EQ(4, mq_put(self->fd, "tail"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "\n"));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, mq_get(self->q_fd[0], "one\n"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "tail"));
}

/* More than a portion of bindings, which go one portion after the other. */
#define BINDINGS	200

static int bind_keys(const struct mq_queue *topic, const struct mq_queue *queue)
{
	char filter[16];
	int i, error = 0;

	for (i = 0; !error && i < BINDINGS; i++) {
		snprintf(filter, sizeof(filter), "key=%d", i);
		error = topic_bind(topic, queue, filter);
	}
	return error;
}

TEST_F(topic, unbinding_without_a_filter_takes_all_of_many_away)
{
	struct devmq_bind bind;

	TOPIC("");
	BOUND(0, "key=a", "");
	QUEUE(1, "");
	ASSERT_EQ(0, bind_keys(&self->queue, &self->q[1]));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "alternate", "%s", self->q[1].name));
	ASSERT_EQ(0, ioctl_bind(self->fd, DEVMQ_IOC_UNBIND, self->q_fd[1], NULL, 0,
				&bind));
	EXPECT_EQ(BINDINGS, bind.id);
	EXPECT_EQ(0, mq_stat_of(&self->q[1], bindings));
	EXPECT_EQ(1, mq_stat_of(&self->queue, bindings));
	EXPECT_EQ(-ENOENT, ioctl_bind(self->fd, DEVMQ_IOC_UNBIND, self->q_fd[1], NULL,
				      0, &bind));
	/* The alternate stays. */
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "1"));
}

TEST_F(topic, removal_takes_all_of_many_bindings_away)
{
	TOPIC("");
	BOUND(0, "key=a", "");
	QUEUE(1, "");
	ASSERT_EQ(0, bind_keys(&self->queue, &self->q[1]));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "alternate", "%s", self->q[1].name));
	ASSERT_EQ(0, mq_remove(&self->q[1]));
	EXPECT_EQ(1, mq_stat_of(&self->queue, bindings));
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, unrouted));
}

/* -- removal ----------------------------------------------------------------------- */

TEST_F(topic, removal_unbinds)
{
	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "key=a", "");
	ASSERT_EQ(0, topic_bind(&self->queue, &self->q[1], "key=b"));
	EXPECT_EQ(0, mq_control("remove %s", self->q[1].name));
	EXPECT_EQ(1, mq_stat_of(&self->queue, bindings));
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(0, mq_stat_of(&self->q[0], bindings));
	EXPECT_EQ(-ENODEV, mq_put(self->fd, "2"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "1"));
}

TEST_F(topic, alternate_is_removed_by_force_alone)
{
	char text[64];

	QUEUE(0, "");
	TOPIC("alternate=%s", self->q[0].name);
	EXPECT_EQ(-EBUSY, mq_control("remove %s", self->q[0].name));
	EXPECT_EQ(0, mq_remove(&self->q[0]));
	EXPECT_EQ(0, mq_sysfs_get(&self->queue, "alternate", text, sizeof(text)));
	EXPECT_STREQ("none", text);
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, unrouted));
}

TEST_HARNESS_MAIN
