// SPDX-License-Identifier: GPL-2.0
/* SEND with DEVMQ_SEND_PAYLOAD: a bare payload instead of records. */
#include <pthread.h>
#include <signal.h>

#include "mq_test.h"
#include "helpers/memory.h"
#include "helpers/process.h"
#include "helpers/thread.h"
#include "fixtures/send.h"

/* Receive one record into self->buffer. */
static struct devmq_record *receive(FIXTURE_DATA(send) *self, int fd)
{
	struct devmq_recv recv;

	memset(self->buffer, MQ_POISON, sizeof(self->buffer));
	mq_recv_init(&recv, self->buffer, sizeof(self->buffer));
	recv.max_count = 1;
	if (mq_ioctl(fd, DEVMQ_IOC_RECV, &recv) || recv.count != 1)
		return NULL;
	return (struct devmq_record *)self->buffer;
}

TEST_F(send, payload_becomes_the_message_that_a_record_would)
{
	struct devmq_record *r, record;

	ASSERT_EQ(1, mq_send_one(self->fd, "payload", 7));
	r = receive(self, self->fd);
	ASSERT_NE(NULL, r);
	record = *r;
	EXPECT_EQ(2, mq_send_payload(self->fd, "payload", 7));
	r = receive(self, self->fd);
	ASSERT_NE(NULL, r);
	EXPECT_TRUE(mq_record_is(r, "payload"));
	EXPECT_EQ(2, r->id);
	EXPECT_LE(record.time_ns, r->time_ns);
	r->id = record.id;
	r->time_ns = record.time_ns;
	EXPECT_EQ(0, memcmp(&record, r, sizeof(record)));
}

TEST_F(send, payload_of_any_size_arrives_whole)
{
	static const size_t more[] = { 4095, 4096, 4097, 8192, 65000 };
	static char payload[65536];
	struct devmq_record *r;
	size_t i, size;

	for (i = 0; i < sizeof(payload); i++)
		payload[i] = i * 7;
	for (i = 1; i < 400 + ARRAY_SIZE(more); i++) {
		size = i < 400 ? i : more[i - 400];
		ASSERT_EQ(i, mq_send_payload(self->fd, payload, size));
		r = receive(self, self->fd);
		ASSERT_NE(NULL, r);
		ASSERT_EQ(size, mq_record_payload_size(r));
		ASSERT_EQ(0, memcmp(payload, mq_record_payload(r), size));
		for (size += sizeof(*r); size % 8; size++)
			ASSERT_EQ(0, self->buffer[size]);
		ASSERT_EQ((char)MQ_POISON, self->buffer[size]);
	}
}

TEST_F(send, payload_that_cannot_be_sent_stores_nothing)
{
	char *edge = mq_edge();

	EXPECT_EQ(-EINVAL, mq_send_payload(self->fd, "x", 0));
	EXPECT_EQ(-EFAULT, mq_send_payload(self->fd, MQ_BAD_POINTER, 8));
	EXPECT_EQ(-EFAULT, mq_send_payload(self->fd, edge - 7, 8));
	EXPECT_EQ(-EFAULT, mq_send_payload(self->fd, edge - 7000, 8000));
	EXPECT_EQ(-EMSGSIZE, mq_send_payload(self->fd, "x", (1 << 20) + 1));
	EXPECT_EQ(-EMSGSIZE, mq_send_payload(self->fd, "x", (1ULL << 32) + 1));
	EXPECT_EQ(-EMSGSIZE, mq_send_payload(self->fd, "x", SIZE_MAX));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(1, mq_send_payload(self->fd, edge - 8, 8));
}

TEST_F(send, empty_payload_is_sent_where_it_is_allowed)
{
	struct devmq_record *r;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	EXPECT_EQ(1, mq_send_payload(self->fd, NULL, 0));
	r = receive(self, self->fd);
	ASSERT_NE(NULL, r);
	EXPECT_EQ(sizeof(*r), r->size);
}

TEST_F(send, payload_is_one_message_with_framing_line)
{
	MQ_REOPEN_QUEUE("framing=line");
	EXPECT_EQ(1, mq_send_payload(self->fd, "a\nb\nc", 5));
	EXPECT_EQ(0, mq_get(self->fd, "a\nb\nc\n"));
}

TEST_F(send, payload_for_a_full_queue)
{
	MQ_REOPEN_QUEUE("max_messages=1");
	ASSERT_EQ(1, mq_send_payload(self->fd, "a", 1));
	EXPECT_EQ(-EAGAIN, mq_send_payload(self->fd, "b", 1));
	EXPECT_EQ(-EMSGSIZE, mq_send_payload(self->fd, "b", 1 << 21));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "reject"));
	EXPECT_EQ(-ENOSPC, mq_send_payload(self->fd, "b", 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head"));
	EXPECT_EQ(-EFAULT, mq_send_payload(self->fd, MQ_BAD_POINTER, 1));
	EXPECT_EQ(0, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(2, mq_send_payload(self->fd, "b", 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
	EXPECT_EQ(-EAGAIN, mq_send_payload(self->fd, "c", 1));
}

/* Prepare a SEND of the payload "late" for another thread. */
static void late(struct devmq_send *send)
{
	memset(send, MQ_POISON, sizeof(*send));
	send->size = sizeof(*send);
	send->flags = DEVMQ_SEND_PAYLOAD;
	send->records = (uintptr_t)"late";
	send->records_size = 4;
	send->result = 0;
}

TEST_F(send, payload_waits_for_room_and_signals_end_the_wait)
{
	struct devmq_send send, before;
	struct mq_call call;
	int fd;

	MQ_REOPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(0));
	ASSERT_EQ(1, mq_send_payload(fd, "early", 5));
	late(&send);
	before = send;
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_SEND, &send));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, mq_call_result(&call));
	EXPECT_EQ(0, memcmp(&before, &send, sizeof(send)));
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_SEND, &send));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_get(self->fd, "early"));
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_EQ(1, send.count);
	EXPECT_EQ(2, send.first_id);
	EXPECT_EQ(0, mq_get(self->fd, "late"));
}

TEST_F(send, payload_ends_with_the_queue)
{
	struct devmq_send send;
	struct mq_call call;
	int fd;

	MQ_REOPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_send_payload(fd, "early", 5));
	late(&send);
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_SEND, &send));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, mq_call_result(&call));
	EXPECT_EQ(-ENODEV, mq_send_payload(fd, "x", 1));
}

/* On each of these queues a message goes the long way. */
TEST_F(send, payload_does_what_the_queue_says)
{
	struct devmq_record *r;

	MQ_REOPEN_QUEUE("delay_ms=3600000");
	EXPECT_EQ(1, mq_send_payload(self->fd, "x", 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, delayed));
	MQ_REOPEN_QUEUE("order=key fairness=uid");
	EXPECT_EQ(1, mq_send_payload(self->fd, "x", 1));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	MQ_REOPEN_QUEUE("priorities=3");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "high", .priority = 1));
	EXPECT_EQ(2, mq_send_payload(self->fd, "low", 3));
	EXPECT_EQ(0, mq_get(self->fd, "high"));
	r = receive(self, self->fd);
	ASSERT_NE(NULL, r);
	EXPECT_EQ(0, r->priority);
	EXPECT_TRUE(mq_record_is(r, "low"));
}

TEST_F(send, payload_goes_through_a_topic)
{
	struct mq_queue topic;
	int fd;

	mq_name(&topic);
	ASSERT_EQ(0, mq_control("create %s type=topic", topic.name));
	ASSERT_EQ(0, mq_control("bind %s %s", topic.name, self->queue.name));
	fd = mq_open(&topic, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mq_send_payload(fd, "news", 4));
	EXPECT_EQ(2, mq_send_payload(fd, "more", 4));
	EXPECT_EQ(0, mq_get(self->fd, "news"));
	EXPECT_EQ(0, mq_get(self->fd, "more"));
	close(fd);
}

TEST_F(send, payload_makes_a_producer_only_if_it_can_be_sent)
{
	EXPECT_EQ(-EINVAL, mq_send_payload(self->fd, "x", 0));
	EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
	EXPECT_EQ(1, mq_send_payload(self->fd, "x", 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, producers));
}

TEST_HARNESS_MAIN
