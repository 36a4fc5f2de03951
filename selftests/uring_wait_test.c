// SPDX-License-Identifier: GPL-2.0
/*
 * SEND and RECV by io_uring that wait without a thread, and their wake-ups.
 */
#include <sys/syscall.h>

#include "mq_test.h"
#include "helpers/settle.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"
#include "fixtures/uring_cmd.h"

/* -- waiting commands ------------------------------------------------------ */

TEST_F(parked, recv_waits_for_another_process)
{
	pid_t child;

	ring_recv(&self->ring, self->fd, &self->receipts[0], 0, 7);
	PARK(self->fd, 1);
	child = mq_fork();
	if (!child)
		_exit(mq_put(self->other, "hello") == 5 ? 0 : 1);
	EXPECT_EQ(0, mq_wait_child(child));
	COMPLETES(0, 7);
	EXPECT_TRUE(received(&self->receipts[0], "hello"));
	EXPECT_EQ(0, parked(self->fd));
	EXPECT_EQ(0, workers());
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_F(parked, recv_that_waited_takes_a_batch)
{
	ring_recv(&self->ring, self->fd, &self->receipts[0], 0, 1);
	PARK(self->fd, 1);
	mq_batch_add(&self->batch, "a");
	mq_batch_add(&self->batch, "b");
	ASSERT_EQ(0, mq_send(self->other, self->batch.data, self->batch.size,
			     &self->send));
	COMPLETES(0, 1);
	EXPECT_EQ(2, self->receipts[0].recv.count);
}

TEST_F(parked, each_gets_a_message_of_its_own)
{
	bool seen[ENTRIES] = {};
	__u64 which;
	int i;

	for (i = 0; i < 32; i++)
		ring_recv(&self->ring, self->fd, &self->receipts[i], 1, i);
	PARK(self->fd, 32);
	ASSERT_EQ(0, mq_fill(self->other, 32));
	for (i = 0; i < 32; i++) {
		struct devmq_record *record;

		ASSERT_EQ(0, ring_wait(&self->ring, &which)) {
			TH_LOG("only %d of 32", i);
		}
		ASSERT_EQ(1, self->receipts[which].recv.count);
		record = (void *)self->receipts[which].buffer;
		ASSERT_TRUE(record->id >= 1 && record->id <= 32);
		EXPECT_FALSE(seen[record->id]);
		seen[record->id] = true;
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, workers());
}

TEST_F(parked, recv_is_acknowledged_by_hand)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	PARK(self->fd, 1);
	ASSERT_EQ(1, mq_put(self->other, "a"));
	COMPLETES(0, 1);
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
}

/* Queue a RECV that acknowledges message @id first. */
static void ring_ack_recv(FIXTURE_DATA(parked) *self, __u64 id, __u64 deadline)
{
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	self->receipts[0].recv.ack_first_id = id;
	self->receipts[0].recv.ack_last_id = id;
	self->receipts[0].recv.deadline_ns = deadline;
}

TEST_F(parked, recv_acknowledges_before_it_waits)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->other, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ring_ack_recv(self, 1, DEVMQ_FOREVER);
	PARK(self->fd, 1);
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_held(self->fd));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	COMPLETES(0, 1);
	EXPECT_TRUE(received(&self->receipts[0], "a"));
	EXPECT_EQ(1, self->receipts[0].recv.acked);
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_F(parked, recv_that_is_cancelled_or_late_has_acknowledged)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->other, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ring_ack_recv(self, 1, DEVMQ_FOREVER);
	PARK(self->fd, 1);
	ring_withdraw(&self->ring, self->fd, 1, 2);
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(0, 2);
	COMPLETES(-ECANCELED, 1);
	EXPECT_EQ(1, self->receipts[0].recv.acked);
	EXPECT_EQ(1, mq_held(self->fd));
	ring_ack_recv(self, 2, mq_now_ns() + 20000000);
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(-ETIMEDOUT, 1);
	EXPECT_EQ(1, self->receipts[0].recv.acked);
	EXPECT_EQ(0, mq_held(self->fd));
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
}

TEST_F(parked, recv_waits_until_its_deadline)
{
	uint64_t until = mq_now_ns() + 50 * MQ_MS;

	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	self->receipts[0].recv.deadline_ns = until;
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(-ETIMEDOUT, 1);
	EXPECT_LE(until, mq_now_ns());
	/* A deadline in the past ends the wait at once. */
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 2);
	self->receipts[0].recv.deadline_ns = 1;
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(-ETIMEDOUT, 2);
	ASSERT_EQ(1, mq_put(self->other, "a"));
	EXPECT_EQ(0, mq_get(self->other, "a"));
}

TEST_F(parked, message_comes_before_the_deadline)
{
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	self->receipts[0].recv.deadline_ns = mq_now_ns() + MQ_HOUR;
	ring_recv(&self->ring, self->fd, &self->receipts[1], 1, 1);
	self->receipts[1].recv.deadline_ns = DEVMQ_FOREVER - 1;
	PARK(self->fd, 2);
	ASSERT_EQ(0, mq_fill(self->other, 2));
	COMPLETES(0, 1);
	COMPLETES(0, 1);
}

TEST_F(parked, send_waits_for_room)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	mq_batch_add(&self->batch, "b");
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	PARK(self->fd, 1);
	ASSERT_EQ(0, mq_get(self->other, "a"));
	COMPLETES(0, 1);
	EXPECT_EQ(1, self->send.count);
	EXPECT_EQ(2, self->send.last_id);
	EXPECT_EQ(0, mq_get(self->other, "b"));
	EXPECT_EQ(0, workers());
}

TEST_F(parked, send_of_a_payload_waits_for_room)
{
	struct devmq_send *send = &self->send;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_fill(self->other, 1));
	ring_send(&self->ring, self->fd, send, &self->batch, 1);
	send->flags = DEVMQ_SEND_PAYLOAD;
	send->records = (uintptr_t)"late";
	send->records_size = 4;
	PARK(self->fd, 1);
	ASSERT_EQ(0, mq_get(self->other, "m1"));
	COMPLETES(0, 1);
	EXPECT_EQ(1, send->count);
	EXPECT_EQ(2, send->first_id);
	EXPECT_EQ(2, send->last_id);
	EXPECT_EQ(0, mq_get(self->other, "late"));
}

TEST_F(parked, send_is_passed_over_until_there_is_enough_room)
{
	struct mq_call call;
	char big[60];

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "64"));
	memset(big, 'x', sizeof(big));
	ASSERT_EQ(4, mq_put(self->other, "aaaa"));
	ASSERT_EQ(60, mq_write(self->other, big, 60));
	mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, big, 60);
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	PARK(self->fd, 1);
	ASSERT_EQ(0, mq_write_start(&call, self->fd, "bbbb", 4));
	ASSERT_TRUE(mq_call_sleeps(&call));
	/* There is too little room for the first, and enough for the second. */
	ASSERT_EQ(0, mq_get(self->other, "aaaa"));
	EXPECT_EQ(4, mq_call_result(&call));
	EXPECT_EQ(1, parked(self->fd));
	ASSERT_EQ(60, mq_read(self->other, big, 60));
	COMPLETES(0, 1);
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
}

TEST_F(parked, send_that_gets_in_wakes_the_next)
{
	struct mq_batch second = {};
	struct devmq_send send;
	struct mq_call call;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "4"));
	ASSERT_EQ(4, mq_put(self->other, "aaaa"));
	mq_batch_add(&self->batch, "b");
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	mq_batch_add(&second, "c");
	ring_send(&self->ring, self->fd, &send, &second, 2);
	PARK(self->fd, 2);
	ASSERT_EQ(0, mq_write_start(&call, self->fd, "d", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	/* One read makes room for all. */
	ASSERT_EQ(0, mq_get(self->other, "aaaa"));
	EXPECT_EQ(0, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, ring_wait(&self->ring, NULL));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	mq_batch_free(&second);
}

TEST_F(parked, send_that_has_become_too_large_is_told)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	mq_batch_add(&self->batch, "bbbb");
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	PARK(self->fd, 1);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_message_size", "3"));
	COMPLETES(-EMSGSIZE, 1);
}

TEST_F(parked, send_waits_for_the_budget)
{
	struct mq_queue second;
	char data[1000];
	int fd;

	ASSERT_EQ(0, mq_create(&second, ""));
	fd = mq_open(&second, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "64K"));
	memset(data, 'x', sizeof(data));
	while (mq_write(fd, data, sizeof(data)) == sizeof(data))
		;
	mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, data, sizeof(data));
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	PARK(self->fd, 1);
	/* The queue itself has had room all the time. */
	ASSERT_EQ(1000, mq_read(fd, data, sizeof(data)));
	ASSERT_EQ(1000, mq_read(fd, data, sizeof(data)));
	COMPLETES(0, 1);
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	close(fd);
}

TEST_F(parked, sends_that_wait_for_the_budget_wait_in_peace)
{
	struct mq_batch batches[8] = {};
	struct devmq_send sends[8];
	struct mq_queue second;
	char data[1000];
	int i, fd, done;

	ASSERT_EQ(0, mq_create(&second, ""));
	fd = mq_open(&second, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "64K"));
	memset(data, 'x', sizeof(data));
	while (mq_write(fd, data, sizeof(data)) == sizeof(data))
		;
	for (i = 0; i < 8; i++) {
		mq_batch_add_full(&batches[i], NULL, 0, NULL, 0, data,
				  sizeof(data));
		ring_send(&self->ring, self->fd, &sends[i], &batches[i], i);
	}
	PARK(self->fd, 8);
	/* Each read makes room for one SEND, and one SEND completes. */
	for (done = 0; done < 8; done++) {
		ASSERT_EQ(1000, mq_read(fd, data, sizeof(data)));
		ASSERT_EQ(0, ring_wait(&self->ring, NULL)) {
			TH_LOG("%d of 8", done);
		}
	}
	EXPECT_EQ(8, mq_stat_of(&self->queue, ready));
	for (i = 0; i < 8; i++)
		mq_batch_free(&batches[i]);
	close(fd);
}

TEST_F(parked, send_at_the_very_edge_of_the_budget)
{
	struct mq_queue second;
	char data[1001], text[32];
	int fd, result = -ENODATA;
	unsigned int total = 65536;

	ASSERT_EQ(0, mq_create(&second, ""));
	fd = mq_open(&second, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "65536"));
	memset(data, 'x', sizeof(data));
	while (mq_write(fd, data, sizeof(data)) == sizeof(data))
		;
	mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, data, sizeof(data));
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	PARK(self->fd, 1);
	/* Raise the budget byte by byte, so that no size is left out. */
	while (result == -ENODATA && total < 65536 + 2048) {
		snprintf(text, sizeof(text), "%u", ++total);
		ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, text));
		ASSERT_LE(0, ring_enter(&self->ring, IORING_ENTER_GETEVENTS));
		result = ring_done(&self->ring, NULL);
	}
	if (result == -ENODATA)
		result = ring_wait(&self->ring, NULL);
	EXPECT_EQ(0, result);
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	close(fd);
}

TEST_F(parked, cancelled_command_leaves_the_message)
{
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 7);
	PARK(self->fd, 1);
	ring_withdraw(&self->ring, self->fd, 7, 8);
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(0, 8);
	COMPLETES(-ECANCELED, 7);
	EXPECT_EQ(0, parked(self->fd));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	EXPECT_EQ(0, mq_get(self->other, "a"));
}

TEST_F(parked, cancelled_send_stores_nothing)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	mq_batch_add(&self->batch, "b");
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 7);
	PARK(self->fd, 1);
	ring_withdraw(&self->ring, self->fd, 7, 8);
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(0, 8);
	COMPLETES(-ECANCELED, 7);
	ASSERT_EQ(0, mq_get(self->other, "a"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
}

TEST_F(parked, cancel_ends_all_of_a_number_and_no_others)
{
	int i, ends = 0, fd = mq_open(&self->queue, O_RDONLY);
	struct receipt elsewhere;
	struct ring ring;
	__u64 which;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ring_open(&ring));
	for (i = 0; i < 6; i++)
		ring_recv(&self->ring, self->fd, &self->receipts[i], 1,
			  7 + i % 2);
	PARK(self->fd, 6);
	/* The same number on another open file, and in another ring. */
	ring_recv(&self->ring, fd, &self->receipts[6], 1, 7);
	PARK(fd, 1);
	ring_recv(&ring, self->fd, &elsewhere, 1, 7);
	ASSERT_EQ(1, ring_submit(&ring));
	ASSERT_EQ(7, parked(self->fd));

	ring_withdraw(&self->ring, self->fd, 9, 1);
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(-ENOENT, 1);
	ring_withdraw(&self->ring, self->fd, 7, 1);
	ASSERT_LE(0, ring_submit(&self->ring));
	for (i = 0; i < 4; i++) {
		int result = ring_wait(&self->ring, &which);

		EXPECT_EQ(which == 7 ? -ECANCELED : 0, result);
		EXPECT_TRUE(which == 7 || which == 1);
		ends += which == 7;
	}
	EXPECT_EQ(3, ends);
	EXPECT_EQ(4, parked(self->fd));
	EXPECT_EQ(1, parked(fd));
	EXPECT_EQ(-ENODATA, ring_done(&ring, NULL));
	ring_withdraw(&self->ring, self->fd, 7, 1);
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(-ENOENT, 1);
	ring_close(&ring);
	close(fd);
}

TEST_F(parked, cancel_by_a_worker)
{
	int i, ends = 0;
	__u64 which;

	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 7);
	PARK(self->fd, 1);
	ring_withdraw(&self->ring, self->fd, 7, 8);
	self->ring.sqes[(self->ring.tail - 1) & *self->ring.sq_mask].flags =
		IOSQE_ASYNC;
	ASSERT_LE(0, ring_submit(&self->ring));
	for (i = 0; i < 2; i++) {
		int result = ring_wait(&self->ring, &which);

		EXPECT_EQ(which == 7 ? -ECANCELED : 0, result);
		ends += which;
	}
	EXPECT_EQ(15, ends);
}

TEST_F(parked, ring_that_closes_leaves_the_messages)
{
	int i;

	for (i = 0; i < 8; i++)
		ring_recv(&self->ring, self->fd, &self->receipts[i], 1, i);
	PARK(self->fd, 8);
	ring_close(&self->ring);
	EXPECT_TRUE(mq_wait_until(parked(self->fd) == 0));
	ASSERT_EQ(0, ring_open(&self->ring));
	ASSERT_EQ(0, mq_fill(self->other, 8));
	EXPECT_EQ(8, mq_stat_of(&self->queue, ready));
}

/* The ring has the last reference to the open file. */
TEST_F(parked, file_goes_with_its_ring)
{
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	PARK(self->fd, 1);
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	ring_close(&self->ring);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 0));
	ASSERT_EQ(0, ring_open(&self->ring));
}

/*
 * Let two children wait, and send a message, which wakes one of them. @vain
 * says whether it woke the other one as well.
 */
static void wake_one(struct __test_metadata *_metadata,
		     FIXTURE_DATA(parked) *self, unsigned int flags, bool *vain)
{
	int told[2][2], i, first;
	pid_t children[2];
	long before[2];
	char byte;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pipe(told[i]));
		children[i] = parked_child(&self->queue, flags, 1, told[i][1]);
		ASSERT_EQ(1, read(told[i][0], &byte, 1));
		ASSERT_TRUE(mq_wait_asleep(children[i], children[i],
					   SYS_io_uring_enter));
		before[i] = mq_switches(children[i], children[i]);
	}
	ASSERT_EQ(1, mq_put(self->other, "a"));
	ASSERT_EQ(0, fcntl(told[0][0], F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, fcntl(told[1][0], F_SETFL, O_NONBLOCK));
	ASSERT_TRUE(mq_wait_until(read(told[first = 0][0], &byte, 1) == 1 ||
				  read(told[first = 1][0], &byte, 1) == 1));
	EXPECT_EQ('m', byte);
	EXPECT_EQ(0, mq_wait_child(children[first]));
	*vain = before[!first] != mq_switches(children[!first],
					      children[!first]);
	ASSERT_EQ(1, mq_put(self->other, "b"));
	EXPECT_EQ(0, mq_wait_child(children[!first]));
	for (i = 0; i < 2; i++) {
		close(told[i][0]);
		close(told[i][1]);
	}
}

TEST_F(parked, message_wakes_one)
{
	bool vain = true;
	int try;

	if (variant->flags & IORING_SETUP_SQPOLL)
		SKIP(return, "the thread that is woken is the kernel's");
	/* The module wakes another one if the first does not run in time. */
	for (try = 0; try < 50 && vain; try++)
		wake_one(_metadata, self, variant->flags, &vain);
	EXPECT_FALSE(vain);
}

TEST_F(parked, wake_up_is_not_eaten_by_a_command_that_is_cancelled)
{
	struct mq_call call;
	char data[8];
	__u64 which;
	int i, round, got;

	for (round = 0; round < 20; round++) {
		ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 7);
		PARK(self->fd, 1);
		ASSERT_EQ(0, mq_read_start(&call, self->fd, data, 8));
		ASSERT_TRUE(mq_call_sleeps(&call));
		/* The message wakes the command, which is then cancelled. */
		ASSERT_EQ(1, mq_put(self->other, "a"));
		ring_withdraw(&self->ring, self->fd, 7, 8);
		ASSERT_LE(0, ring_submit(&self->ring));
		for (i = got = 0; i < 2; i++) {
			int result = ring_wait(&self->ring, &which);

			ASSERT_NE(-ENODATA, result);
			got += which == 7 && !result;
		}
		/* Either the command or the reader gets the message. */
		if (variant->flags & IORING_SETUP_DEFER_TASKRUN)
			ASSERT_EQ(0, got);
		if (got)
			ASSERT_EQ(1, mq_put(self->other, "b"));
		EXPECT_EQ(1, mq_call_result(&call));
		EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
	}
}

TEST_F(parked, wake_up_is_not_eaten_by_a_ring_that_closes)
{
	struct mq_call call;
	char data[8];
	int round;

	for (round = 0; round < 5; round++) {
		ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 7);
		PARK(self->fd, 1);
		ASSERT_EQ(0, mq_read_start(&call, self->fd, data, 8));
		ASSERT_TRUE(mq_call_sleeps(&call));
		ASSERT_EQ(1, mq_put(self->other, "a"));
		ring_close(&self->ring);
		ASSERT_TRUE(mq_wait_until(parked(self->fd) == 0));
		/* The message must not stay while the reader sleeps. */
		ASSERT_TRUE(mq_wait_until(!mq_stat_of(&self->queue, ready)));
		/* If the command got that one, the reader gets this one. */
		ASSERT_EQ(1, mq_put(self->other, "b"));
		EXPECT_EQ(1, mq_call_result(&call));
		(void)mq_read(self->other, data, sizeof(data));
		ASSERT_EQ(0, ring_open_with(&self->ring, variant->flags));
	}
}

TEST_F(parked, consumer_without_credit_is_passed_over)
{
	struct mq_call call;
	char data[8];
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(0, 1);
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 2);
	PARK(self->fd, 1);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_put(self->other, "b"));
	EXPECT_EQ(1, mq_call_result(&call));
	ASSERT_EQ(1, mq_put(self->other, "c"));
	EXPECT_EQ(1, parked(self->fd));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	/* An acknowledgment gives it credit, and wakes it. */
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	COMPLETES(0, 2);
	EXPECT_TRUE(received(&self->receipts[0], "c"));
	close(fd);
}

TEST_F(parked, active_consumer_takes_over)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "single_active", "1"));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	ring_recv(&self->ring, self->other, &self->receipts[0], 1, 1);
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(-EAGAIN, 1);
	ASSERT_EQ(0, fcntl(self->other, F_SETFL, 0));
	ring_recv(&self->ring, self->other, &self->receipts[0], 1, 2);
	PARK(self->other, 1);
	ASSERT_EQ(1, mq_put(self->other, "a"));
	EXPECT_EQ(1, parked(self->other));
	close(self->fd);
	self->fd = -1;
	COMPLETES(0, 2);
	ASSERT_EQ(0, fcntl(self->other, F_SETFL, O_NONBLOCK));
}

TEST_F(parked, paused_queue_is_waited_for)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "both"));
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	mq_batch_add(&self->batch, "a");
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 2);
	PARK(self->fd, 2);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "receive"));
	COMPLETES(0, 2);
	EXPECT_EQ(1, parked(self->fd));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	COMPLETES(0, 1);
	EXPECT_TRUE(received(&self->receipts[0], "a"));
}

TEST_F(parked, delayed_message_is_waited_for)
{
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	PARK(self->fd, 1);
	ASSERT_LT(0, MQ_SEND(self->other, .text = "a", .delay_ns = 20 * MQ_MS));
	COMPLETES(0, 1);
	EXPECT_TRUE(received(&self->receipts[0], "a"));
}

TEST_F(parked, delayed_message_was_sent_before_anybody_waited)
{
	ASSERT_LT(0, MQ_SEND(self->other, .text = "a", .delay_ns = 300 * MQ_MS));
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	PARK(self->fd, 1);
	COMPLETES(0, 1);
	EXPECT_TRUE(received(&self->receipts[0], "a"));
}

TEST_F(parked, recv_says_what_a_record_needs_and_wakes_the_next)
{
	struct mq_call call;
	char data[8];

	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	self->receipts[0].recv.buffer_size = 8;
	PARK(self->fd, 1);
	ASSERT_EQ(0, mq_read_start(&call, self->fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	COMPLETES(-EMSGSIZE, 1);
	EXPECT_EQ(MQ_SMALL, self->receipts[0].recv.need);
	EXPECT_EQ(1, mq_call_result(&call));
}

TEST_HARNESS_MAIN
