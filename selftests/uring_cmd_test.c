// SPDX-License-Identifier: GPL-2.0
/*
 * SEND, RECV and SETTLE by io_uring, which complete at once if they can.
 */
#include <poll.h>
#include <stddef.h>

#include "mq_test.h"
#include "helpers/memory.h"
#include "helpers/settle.h"
#include "fixtures/uring_cmd.h"

/* -- commands that complete at once ---------------------------------------- */

FIXTURE(command) {
	struct mq_queue queue;
	int fd;			/* O_RDWR */
	int other;		/* O_RDWR, O_NONBLOCK */
	struct ring ring;
	struct mq_batch batch;
	struct devmq_send send;
	struct receipt receipt;
};

FIXTURE_SETUP(command)
{
	MQ_REQUIRE();
	RING_OPEN(0);
	RING_OPEN_QUEUE();
}

FIXTURE_TEARDOWN(command)
{
	mq_batch_free(&self->batch);
	RING_TEARDOWN();
}

/* Submit the queued command, which must complete at once: its result. */
#define NOW() ({							\
	int __submitted = ring_submit(&self->ring);			\
									\
	__submitted == 1 ? ring_done(&self->ring, NULL) : -ECHILD;	\
})

TEST_F(command, send_is_done_at_once)
{
	char text[8];
	int i;

	for (i = 1; i <= 3; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		mq_batch_add(&self->batch, text);
	}
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	EXPECT_EQ(0, NOW());
	EXPECT_EQ(3, self->send.count);
	EXPECT_EQ(0, self->send.result);
	EXPECT_EQ(1, self->send.first_id);
	EXPECT_EQ(3, self->send.last_id);
	EXPECT_EQ(0, workers());
	for (i = 1; i <= 3; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		EXPECT_EQ(0, mq_get(self->other, text));
	}
}

TEST_F(command, send_of_an_empty_message_is_einval_unless_it_is_allowed)
{
	mq_batch_add(&self->batch, "");
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	EXPECT_EQ(-EINVAL, NOW());
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	EXPECT_EQ(0, NOW());
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	/* A write of no bytes sends no message. */
	ring_sqe(&self->ring, IORING_OP_WRITE, self->fd, "", 0, 2);
	EXPECT_EQ(0, NOW());
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
}

TEST_F(command, recv_is_done_at_once)
{
	struct devmq_record *record = NULL;
	struct receipt *receipt = &self->receipt;
	char text[8];
	int i;

	ASSERT_EQ(0, mq_fill(self->other, 5));
	ring_recv(&self->ring, self->fd, receipt, 3, 1);
	EXPECT_EQ(0, NOW());
	EXPECT_EQ(3, receipt->recv.count);
	EXPECT_EQ(3 * MQ_SMALL, receipt->recv.used);
	EXPECT_EQ(0, receipt->recv.need);
	for (i = 1; i <= 3; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		record = mq_record_next(receipt->buffer, receipt->recv.used,
					record);
		ASSERT_NE(NULL, record);
		EXPECT_TRUE(mq_record_is(record, text));
		EXPECT_EQ(getpid(), record->pid);
	}
	EXPECT_EQ(0, workers());
	EXPECT_EQ(3, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
}

TEST_F(command, settle_is_done_at_once_and_tells_each_outcome)
{
	struct devmq_settlement settlements[2];
	struct devmq_settle settle = { .size = sizeof(settle) };

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->other, 3));
	ring_recv(&self->ring, self->fd, &self->receipt, 3, 1);
	ASSERT_EQ(0, NOW());
	ASSERT_EQ(3, mq_held(self->fd));
	mq_settlement(&settlements[0], 1, 2, DEVMQ_ACTION_ACK);
	mq_settlement(&settlements[1], 3, 3, DEVMQ_ACTION_RELEASE);
	settle.settlements = (uintptr_t)settlements;
	settle.count = 2;
	ring_command(&self->ring, self->fd, DEVMQ_IOC_SETTLE, &settle, 2);
	EXPECT_EQ(0, NOW());
	EXPECT_EQ(3, settle.settled);
	EXPECT_EQ(2, settlements[0].settled);
	EXPECT_EQ(1, settlements[1].settled);
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));

	/* None of them is held any more. */
	mq_settlement(&settlements[0], 1, 9, DEVMQ_ACTION_ACK);
	settle.count = 1;
	ring_command(&self->ring, self->fd, DEVMQ_IOC_SETTLE, &settle, 3);
	EXPECT_EQ(-ESTALE, NOW());
	EXPECT_EQ(0, settle.settled);
	EXPECT_EQ(-ESTALE, settlements[0].error);
	EXPECT_EQ(0, workers());
}

TEST_F(command, recv_that_is_told_not_to_wait_does_not)
{
	ring_recv(&self->ring, self->fd, &self->receipt, 1, 1);
	self->receipt.recv.deadline_ns = 0;
	EXPECT_EQ(-EAGAIN, NOW());
	ring_recv(&self->ring, self->other, &self->receipt, 1, 2);
	EXPECT_EQ(-EAGAIN, NOW());
	ring_recv(&self->ring, self->fd, &self->receipt, 1, 3);
	self->receipt.recv.id = 7;
	EXPECT_EQ(-ENOENT, NOW());
	EXPECT_EQ(0, workers());
}

TEST_F(command, send_to_a_full_queue_that_is_told_not_to_wait_does_not)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	mq_batch_add(&self->batch, "b");
	ring_send(&self->ring, self->other, &self->send, &self->batch, 1);
	EXPECT_EQ(-EAGAIN, NOW());
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "reject"));
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 2);
	EXPECT_EQ(-ENOSPC, NOW());
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
}

TEST_F(command, recv_says_what_a_record_needs)
{
	ASSERT_EQ(1, mq_put(self->other, "a"));
	ring_recv(&self->ring, self->fd, &self->receipt, 0, 1);
	self->receipt.recv.buffer_size = MQ_SMALL - 1;
	EXPECT_EQ(-EMSGSIZE, NOW());
	EXPECT_EQ(MQ_SMALL, self->receipt.recv.need);
	EXPECT_EQ(0, self->receipt.recv.count);
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

TEST_F(command, nothing_is_lost_where_results_cannot_be_told)
{
	struct devmq_recv *edge = (void *)(mq_edge() - sizeof(*edge) / 2);

	ASSERT_EQ(1, mq_put(self->other, "a"));
	ring_recv(&self->ring, self->fd, &self->receipt, 0, 1);
	self->receipt.recv.buffer = (uintptr_t)MQ_BAD_POINTER;
	EXPECT_EQ(-EFAULT, NOW());
	ring_command(&self->ring, self->fd, DEVMQ_IOC_RECV, MQ_BAD_POINTER, 2);
	EXPECT_EQ(-EFAULT, NOW());
	memcpy(edge, &self->receipt.recv, sizeof(*edge) / 2);
	ring_command(&self->ring, self->fd, DEVMQ_IOC_RECV, edge, 3);
	EXPECT_EQ(-EFAULT, NOW());
	EXPECT_EQ(0, mq_get(self->other, "a"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
}

TEST_F(command, bad_arguments)
{
	union {
		__u32 size;
		struct devmq_send send;
		struct devmq_recv recv;
		struct devmq_settle settle;
		char bytes[256];
	} argument;
	static const struct {
		unsigned int command;
		size_t size, flags, min_size;
	} commands[] = {
		{ DEVMQ_IOC_SEND, sizeof(struct devmq_send),
		  offsetof(struct devmq_send, flags),
		  sizeof(struct devmq_send) },
		{ DEVMQ_IOC_RECV, sizeof(struct devmq_recv),
		  offsetof(struct devmq_recv, flags),
		  offsetof(struct devmq_recv, ack_first_id) },
		{ DEVMQ_IOC_SETTLE, sizeof(struct devmq_settle),
		  offsetof(struct devmq_settle, flags),
		  sizeof(struct devmq_settle) },
	};
	struct devmq_uring_cmd *ours;
	struct io_uring_sqe *sqe;
	int i, bit;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		unsigned int command = commands[i].command;

#define QUEUE()	({							\
	memset(&argument, 0, sizeof(argument));				\
	argument.size = commands[i].size;				\
	sqe = ring_command(&self->ring, self->fd, command, &argument, 1); \
	ours = ours_of(sqe);						\
})
		/* Each bit of the flags and of reserved is refused. */
		for (bit = 0; bit < 32; bit++) {
			QUEUE();
			ours->flags = 1U << bit;
			EXPECT_EQ(-EINVAL, NOW());
			QUEUE();
			ours->reserved = 1U << bit;
			EXPECT_EQ(-EINVAL, NOW());
			QUEUE();
			memcpy(argument.bytes + commands[i].flags,
			       &(__u32) { 1U << bit }, 4);
			EXPECT_EQ(-EINVAL, NOW());
			/* io_uring itself may refuse some of these. */
			QUEUE();
			sqe->rw_flags = 1U << bit;
			EXPECT_GT(0, NOW());
		}
		QUEUE();
		argument.size = commands[i].min_size - 1;
		EXPECT_EQ(-EINVAL, NOW());
		QUEUE();
		argument.size = 0;
		EXPECT_EQ(-EINVAL, NOW());
		QUEUE();
		argument.size = sizeof(argument);
		argument.bytes[sizeof(argument) - 1] = 1;
		EXPECT_EQ(-E2BIG, NOW());
		QUEUE();
		argument.size = 0x7fffffff;
		EXPECT_EQ(-E2BIG, NOW());
		QUEUE();
		ours->addr = 0;
		EXPECT_EQ(-EFAULT, NOW());
		QUEUE();
		ours->addr = ~0ULL;
		EXPECT_EQ(-EFAULT, NOW());
	}
	ring_withdraw(&self->ring, self->fd, 1, 2);
	EXPECT_EQ(-ENOENT, NOW());
	for (bit = 0; bit < 32; bit++) {
		sqe = ring_command(&self->ring, self->fd, DEVMQ_URING_CANCEL,
				   NULL, 1);
		ours_of(sqe)->flags = 1U << bit;
		EXPECT_EQ(-EINVAL, NOW());
		sqe = ring_command(&self->ring, self->fd, DEVMQ_URING_CANCEL,
				   NULL, 1);
		ours_of(sqe)->reserved = 1U << bit;
		EXPECT_EQ(-EINVAL, NOW());
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, workers());
}

TEST_F(command, larger_structure_with_a_clean_tail_is_taken)
{
	struct {
		struct devmq_recv recv;
		char tail[64];
	} larger = {};

	ASSERT_EQ(1, mq_put(self->other, "a"));
	mq_recv_init(&larger.recv, self->receipt.buffer, MQ_SMALL);
	larger.recv.size = sizeof(larger);
	ring_command(&self->ring, self->fd, DEVMQ_IOC_RECV, &larger, 1);
	EXPECT_EQ(0, NOW());
	EXPECT_EQ(1, larger.recv.count);
}

TEST_F(command, others_do_not_come_this_way)
{
	static const unsigned int commands[] = {
		DEVMQ_IOC_CONSUMER, DEVMQ_IOC_PEEK, DEVMQ_IOC_PURGE,
		DEVMQ_IOC_REDRIVE, DEVMQ_IOC_REVOKE, DEVMQ_IOC_STAT, 0, ~0U,
		_IO(DEVMQ_IOC_MAGIC, 0xff), _IO('x', 0x10),
	};
	struct devmq_stat stat = { .size = sizeof(stat) };
	int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		ring_command(&self->ring, self->fd, commands[i], &stat, 1);
		EXPECT_EQ(-EOPNOTSUPP, NOW());
	}
	EXPECT_EQ(-ENOTTY, mq_ioctl(self->fd, DEVMQ_URING_CANCEL, &stat));
}

TEST_F(command, descriptor_says_who_may)
{
	int reader = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	int writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	int looker = mq_open(&self->queue, MQ_LOOK);
	struct devmq_settle settle = { .size = sizeof(settle) };

	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	ASSERT_LE(0, looker);
	mq_batch_add(&self->batch, "a");
	ring_send(&self->ring, reader, &self->send, &self->batch, 1);
	EXPECT_EQ(-EBADF, NOW());
	ring_send(&self->ring, looker, &self->send, &self->batch, 1);
	EXPECT_EQ(-EBADF, NOW());
	ring_recv(&self->ring, writer, &self->receipt, 1, 1);
	EXPECT_EQ(-EBADF, NOW());
	ring_recv(&self->ring, looker, &self->receipt, 1, 1);
	EXPECT_EQ(-EBADF, NOW());
	ring_command(&self->ring, writer, DEVMQ_IOC_SETTLE, &settle, 1);
	EXPECT_EQ(-EBADF, NOW());
	ring_send(&self->ring, writer, &self->send, &self->batch, 1);
	EXPECT_EQ(0, NOW());
	ring_recv(&self->ring, reader, &self->receipt, 1, 1);
	EXPECT_EQ(0, NOW());
	EXPECT_TRUE(received(&self->receipt, "a"));
	close(reader);
	close(writer);
	close(looker);
}

TEST_F(command, queue_that_was_removed_says_so)
{
	struct devmq_settle settle = { .size = sizeof(settle) };

	mq_batch_add(&self->batch, "a");
	ASSERT_EQ(0, mq_remove(&self->queue));
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	EXPECT_EQ(-ENODEV, NOW());
	ring_recv(&self->ring, self->fd, &self->receipt, 1, 1);
	EXPECT_EQ(-ENODEV, NOW());
	ring_command(&self->ring, self->fd, DEVMQ_IOC_SETTLE, &settle, 1);
	EXPECT_EQ(-ENODEV, NOW());
}

TEST_F(command, ring_that_polls_for_completion_is_refused)
{
	struct ring ring;

	ASSERT_EQ(0, ring_open_with(&ring, IORING_SETUP_IOPOLL));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	ring_recv(&ring, self->fd, &self->receipt, 1, 1);
	ASSERT_EQ(1, ring_submit(&ring));
	EXPECT_EQ(-EOPNOTSUPP, ring_wait(&ring, NULL));
	ring_close(&ring);
	EXPECT_EQ(0, mq_get(self->other, "a"));
}

TEST_F(command, linked_commands_go_one_after_the_other)
{
	struct devmq_settle settle = { .size = sizeof(settle), .count = 1 };
	struct devmq_settlement settlement;
	__u64 which;
	int i;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	mq_settlement(&settlement, 1, 1, DEVMQ_ACTION_ACK);
	settle.settlements = (uintptr_t)&settlement;
	mq_batch_add(&self->batch, "a");
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1)->flags =
		IOSQE_IO_LINK;
	ring_recv(&self->ring, self->fd, &self->receipt, 1, 2)->flags =
		IOSQE_IO_LINK;
	ring_command(&self->ring, self->fd, DEVMQ_IOC_SETTLE, &settle, 3);
	ASSERT_EQ(3, ring_submit(&self->ring));
	for (i = 1; i <= 3; i++) {
		EXPECT_EQ(0, ring_wait(&self->ring, &which));
		EXPECT_EQ(i, which);
	}
	EXPECT_TRUE(received(&self->receipt, "a"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_F(command, failed_command_ends_its_link)
{
	__u64 which;

	ring_recv(&self->ring, self->fd, &self->receipt, 1, 1)->flags =
		IOSQE_IO_LINK;
	self->receipt.recv.deadline_ns = 0;
	ring_sqe(&self->ring, IORING_OP_NOP, -1, NULL, 0, 2)->off = 0;
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, ring_wait(&self->ring, &which));
	EXPECT_EQ(1, which);
	EXPECT_EQ(-ECANCELED, ring_wait(&self->ring, &which));
	EXPECT_EQ(2, which);
}

/* The way to wait on a kernel where a command cannot wait. */
TEST_F(command, recv_linked_to_a_poll)
{
	struct io_uring_sqe *sqe;
	__u64 which;

	sqe = ring_sqe(&self->ring, IORING_OP_POLL_ADD, self->fd, NULL, 0, 1);
	sqe->off = 0;
	sqe->poll32_events = POLLIN;
	sqe->flags = IOSQE_IO_LINK;
	ring_recv(&self->ring, self->fd, &self->receipt, 1, 2);
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	EXPECT_EQ(POLLIN, ring_wait(&self->ring, &which));
	EXPECT_EQ(1, which);
	EXPECT_EQ(0, ring_wait(&self->ring, &which));
	EXPECT_EQ(2, which);
	EXPECT_TRUE(received(&self->receipt, "a"));
	EXPECT_EQ(0, workers());
}

TEST_F(command, what_would_wait_does_not_where_it_could_not_be_cancelled)
{
	if (kernel_can_cancel)
		SKIP(return, "the kernel can cancel commands");
	ring_recv(&self->ring, self->fd, &self->receipt, 1, 1);
	EXPECT_EQ(-EAGAIN, NOW());
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	mq_batch_add(&self->batch, "b");
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 2);
	EXPECT_EQ(-EAGAIN, NOW());
	EXPECT_EQ(0, workers());
}

TEST_F(command, forced_worker_waits_and_is_woken)
{
	ring_recv(&self->ring, self->fd, &self->receipt, 1, 1)->flags =
		IOSQE_ASYNC;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_TRUE(mq_wait_until(workers() == 1));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	EXPECT_EQ(0, ring_wait(&self->ring, NULL));
	EXPECT_TRUE(received(&self->receipt, "a"));
}

TEST_F(command, forced_worker_that_is_told_not_to_wait_does_not)
{
	ring_recv(&self->ring, self->fd, &self->receipt, 1, 1)->flags =
		IOSQE_ASYNC;
	self->receipt.recv.deadline_ns = 0;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, ring_wait(&self->ring, NULL));
}

TEST_F(command, forced_worker_can_be_cancelled)
{
	__u64 which = 0;
	int result;

	ring_recv(&self->ring, self->fd, &self->receipt, 1, 7)->flags =
		IOSQE_ASYNC;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_TRUE(mq_wait_until(workers() == 1));
	ring_cancel(&self->ring, 7);
	ASSERT_EQ(1, ring_submit(&self->ring));
	while (which != 7) {
		result = ring_wait(&self->ring, &which);
		ASSERT_NE(-ENODATA, result);
	}
	EXPECT_TRUE(result == -EINTR || result == -ECANCELED) {
		TH_LOG("got %d", result);
	}
	ASSERT_EQ(1, mq_put(self->other, "a"));
	EXPECT_EQ(0, mq_get(self->other, "a"));
}

TEST_HARNESS_MAIN
