// SPDX-License-Identifier: GPL-2.0
/*
 * SEND, RECV and SETTLE by io_uring: done at once where they can be, waiting
 * without a thread where the kernel lets them, and nothing is lost however
 * that ends.
 */
#include "ring.h"

/* What a record with 1 to 8 bytes of payload takes. */
#define SMALL	(sizeof(struct devmq_record) + 8)

/* Our part of an SQE. */
static struct devmq_uring_cmd *ours_of(struct io_uring_sqe *sqe)
{
	return (struct devmq_uring_cmd *)sqe->cmd;
}

static void ring_withdraw(struct ring *ring, int fd, __u64 what, __u64 mine)
{
	struct io_uring_sqe *sqe;

	sqe = ring_command(ring, fd, DEVMQ_URING_CANCEL, NULL, mine);
	ours_of(sqe)->addr = what;
}

/* A RECV with room for some small messages. */
struct receipt {
	struct devmq_recv recv;
	char buffer[16 * SMALL] __attribute__((aligned(8)));
};

static struct io_uring_sqe *ring_recv(struct ring *ring, int fd,
				      struct receipt *receipt,
				      unsigned int max_count, __u64 user_data)
{
	memset(receipt->buffer, MQ_POISON, sizeof(receipt->buffer));
	mq_recv_init(&receipt->recv, receipt->buffer, sizeof(receipt->buffer));
	receipt->recv.deadline_ns = DEVMQ_FOREVER;
	receipt->recv.max_count = max_count;
	return ring_command(ring, fd, DEVMQ_IOC_RECV, &receipt->recv,
			    user_data);
}

/* Has it got one message, this one? */
static bool received(struct receipt *receipt, const char *text)
{
	struct devmq_record *record;

	record = mq_record_next(receipt->buffer, receipt->recv.used, NULL);
	return receipt->recv.count == 1 && record && mq_record_is(record, text);
}

/* A SEND of what is in @batch, which stays. */
static struct io_uring_sqe *ring_send(struct ring *ring, int fd,
				      struct devmq_send *send,
				      struct mq_batch *batch, __u64 user_data)
{
	memset(send, MQ_POISON, sizeof(*send));
	send->size = sizeof(*send);
	send->flags = 0;
	send->records = (uintptr_t)batch->data;
	send->records_size = batch->size;
	send->result = 0;
	return ring_command(ring, fd, DEVMQ_IOC_SEND, send, user_data);
}

/*
 * Can the kernel leave a command waiting, and cancel it? Its word, not ours:
 * asked once, as its list is long.
 */
static bool kernel_can_cancel;

static void __attribute__((constructor)) ask_the_kernel(void)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	char line[256];

	while (symbols && !kernel_can_cancel &&
	       fgets(line, sizeof(line), symbols))
		kernel_can_cancel = strstr(line,
					   " io_uring_cmd_mark_cancelable\n");
	if (symbols)
		fclose(symbols);
}

/* -- what is done at once --------------------------------------------------- */

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
	int error;

	MQ_REQUIRE();
	error = ring_open(&self->ring);
	if (RING_ABSENT(error))
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, mq_create(&self->queue, ""));
	self->fd = mq_open(&self->queue, O_RDWR);
	self->other = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(command)
{
	ring_close(&self->ring);
	mq_batch_free(&self->batch);
	close(self->fd);
	close(self->other);
	EXPECT_EQ(0, mq_cleanup());
}

/* Submit what is queued; the only completion is there at once. */
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
	/* A write of nothing is none. */
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
	EXPECT_EQ(3 * SMALL, receipt->recv.used);
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

	/* Nothing of it is held any more, and the caller is told. */
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
	self->receipt.recv.buffer_size = SMALL - 1;
	EXPECT_EQ(-EMSGSIZE, NOW());
	EXPECT_EQ(SMALL, self->receipt.recv.need);
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
		  sizeof(struct devmq_recv) },
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
		/* Our part of the SQE. */
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
			/* Some of these io_uring knows, and may refuse. */
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
	mq_recv_init(&larger.recv, self->receipt.buffer, SMALL);
	larger.recv.size = sizeof(larger);
	ring_command(&self->ring, self->fd, DEVMQ_IOC_RECV, &larger, 1);
	EXPECT_EQ(0, NOW());
	EXPECT_EQ(1, larger.recv.count);
}

TEST_F(command, others_do_not_come_this_way)
{
	static const unsigned int commands[] = {
		DEVMQ_IOC_CONSUMER, DEVMQ_IOC_PEEK, DEVMQ_IOC_PURGE,
		DEVMQ_IOC_REDRIVE, DEVMQ_IOC_STAT, 0, ~0U,
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

/* How to wait on a kernel that does not let a command do so. */
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

/* -- what waits ------------------------------------------------------------- */

FIXTURE(parked) {
	struct mq_queue queue;
	int fd;			/* O_RDWR */
	int other;		/* O_RDWR, O_NONBLOCK */
	struct ring ring;
	struct mq_batch batch;
	struct devmq_send send;
	struct receipt receipts[ENTRIES];
	char total[64];
};

FIXTURE_VARIANT(parked) {
	unsigned int flags;	/* of the ring */
};

FIXTURE_VARIANT_ADD(parked, plain) {
	.flags = 0,
};

/* Its task does what has come up only when it asks for completions. */
FIXTURE_VARIANT_ADD(parked, deferring) {
	.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

/* A kernel thread submits, and does what has come up. */
FIXTURE_VARIANT_ADD(parked, sqpoll) {
	.flags = IORING_SETUP_SQPOLL,
};

FIXTURE_SETUP(parked)
{
	int error;

	MQ_REQUIRE();
	if (!kernel_can_cancel)
		SKIP(return, "the kernel cannot cancel a command that waits");
	error = ring_open_with(&self->ring, variant->flags);
	if (RING_ABSENT(error))
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, self->total,
				  sizeof(self->total)));
	ASSERT_EQ(0, mq_create(&self->queue, ""));
	self->fd = mq_open(&self->queue, O_RDWR);
	self->other = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(parked)
{
	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, self->total));
	ring_close(&self->ring);
	mq_batch_free(&self->batch);
	close(self->fd);
	close(self->other);
	EXPECT_EQ(0, mq_cleanup());
}

/* How many commands wait in this process' rings, on that file? */
static long long parked(int fd)
{
	char path[64], text[4096], *line;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (mq_read_file(path, text, sizeof(text)))
		return -EIO;
	line = strstr(text, "\nmq-parked:\t");
	return line ? atoll(line + strlen("\nmq-parked:\t")) : -ENOENT;
}

/* Submit what is queued, and see that @n commands wait on that file. */
#define PARK(_fd, n) do {						\
	ASSERT_LE(0, ring_submit(&self->ring));				\
	ASSERT_TRUE(mq_wait_until(parked(_fd) == (n))) {		\
		TH_LOG("%lld are parked", parked(_fd));			\
	}								\
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));		\
	EXPECT_EQ(0, workers());					\
} while (0)

/* Wait for one completion, and see what it is. */
#define COMPLETES(expected, data) do {					\
	__u64 __which = 0;						\
									\
	EXPECT_EQ(expected, ring_wait(&self->ring, &__which));		\
	EXPECT_EQ(data, __which);					\
} while (0)

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

TEST_F(parked, recv_waits_until_its_deadline)
{
	uint64_t until = mq_now_ns() + 50 * MQ_MS;

	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 1);
	self->receipts[0].recv.deadline_ns = until;
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(-ETIMEDOUT, 1);
	EXPECT_LE(until, mq_now_ns());
	/* One that has passed: */
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
	/* Too little for the one in front, enough for the one behind. */
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
	/* One edge, room for all. */
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
	/* Room in the queue there always was. */
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
	/* Room for one comes many times over, and each gets in once. */
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
	/* A byte at a time, so that no size between is left out. */
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
	/* Of another open file, and of another ring. */
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

/* The ring's hold on the open file is the last. */
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

/* A child with a ring and @count RECVs waiting, whose ids it writes to a pipe. */
static pid_t parked_child(const struct mq_queue *queue, unsigned int flags,
			  int count, int told)
{
	static struct receipt receipts[ENTRIES];
	struct ring ring;
	__u64 which;
	pid_t child = mq_fork();
	int i, fd;

	if (child)
		return child;
	fd = mq_open(queue, O_RDONLY);
	if (fd < 0 || ring_open_with(&ring, flags))
		_exit(1);
	for (i = 0; i < count; i++)
		ring_recv(&ring, fd, &receipts[i], 1, i);
	if (ring_submit(&ring) != count ||
	    !mq_wait_until(parked(fd) == count) || write(told, "p", 1) != 1)
		_exit(2);
	for (i = 0; i < count; i++) {
		struct io_uring_cqe cqe;

		while (ring_cqe(&ring, &cqe))
			syscall(SYS_io_uring_enter, ring.fd, 0, 1,
				IORING_ENTER_GETEVENTS, NULL, 0);
		which = cqe.user_data;
		if (cqe.res || receipts[which].recv.count != 1)
			_exit(3);
		if (write(told, "m", 1) != 1)
			_exit(4);
	}
	_exit(0);
}

TEST_F(parked, killed_process_leaves_the_messages)
{
	int told[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(told));
	child = parked_child(&self->queue, variant->flags, 8, told[1]);
	ASSERT_EQ(1, read(told[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 0));
	ASSERT_EQ(0, mq_fill(self->other, 8));
	EXPECT_EQ(8, mq_stat_of(&self->queue, ready));
}

TEST_F(parked, process_that_is_killed_as_messages_come_loses_none)
{
	int told[2], round, kept = 0, given = 0;
	pid_t child;
	char byte;

	ASSERT_EQ(0, mq_consumer_set(self->other, DEVMQ_ACK_AUTO, 0));
	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, pipe(told));
		ASSERT_EQ(0, fcntl(told[0], F_SETFL, O_NONBLOCK));
		child = parked_child(&self->queue, variant->flags, 8, told[1]);
		close(told[1]);
		ASSERT_TRUE(mq_wait_until(read(told[0], &byte, 1) == 1));
		ASSERT_EQ(0, mq_fill(self->other, 4 + round % 3));
		ASSERT_EQ(0, kill(child, SIGKILL));
		EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
		ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue,
						     consumers) == 1));
		/* What has gone was given to the child and acknowledged. */
		given = mq_stat_of(&self->queue, acked);
		kept = mq_stat_of(&self->queue, ready);
		EXPECT_EQ(mq_stat_of(&self->queue, sent), given + kept);
		EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
		close(told[0]);
		while (mq_read(self->other, &byte, 1) > 0)
			;
	}
}

TEST_F(parked, stopped_process_does_not_keep_a_message_from_others)
{
	struct mq_call call;
	char data[8], byte;
	int told[2], status;
	pid_t child;

	ASSERT_EQ(0, pipe(told));
	child = parked_child(&self->queue, variant->flags, 1, told[1]);
	ASSERT_EQ(1, read(told[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGSTOP));
	ASSERT_EQ(child, waitpid(child, &status, WUNTRACED));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	/* The first in line is the one that is stopped. */
	ASSERT_EQ(1, mq_put(self->other, "a"));
	EXPECT_EQ(1, mq_call_result(&call));
	ASSERT_EQ(0, kill(child, SIGCONT));
	ASSERT_EQ(1, mq_put(self->other, "b"));
	ASSERT_EQ(1, read(told[0], &byte, 1));
	EXPECT_EQ('m', byte);
	EXPECT_EQ(0, mq_wait_child(child));
}

/* The ring goes by somebody else's hand, and the task does not come for it. */
TEST_F(parked, stopped_process_does_not_keep_its_ring_from_going)
{
	int told[2], status;
	pid_t child;
	char byte;

	if (variant->flags)
		SKIP(return, "only whoever made such a ring can submit to it");
	ASSERT_EQ(0, pipe(told));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY);

		ring_recv(&self->ring, fd, &self->receipts[0], 1, 1);
		if (fd < 0 || ring_submit(&self->ring) != 1 || parked(fd) != 1)
			_exit(1);
		ring_close(&self->ring);
		close(fd);
		if (write(told[1], "p", 1) != 1)
			_exit(2);
		pause();
		_exit(3);
	}
	close(told[1]);
	ASSERT_EQ(1, read(told[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGSTOP));
	ASSERT_EQ(child, waitpid(child, &status, WUNTRACED));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	ring_close(&self->ring);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 0));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	ASSERT_EQ(0, ring_open(&self->ring));
}

/*
 * Of two children that wait, which one a message wakes: the other one did not
 * wake as well, unless @vain says so.
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
	/* Another is woken where the first does not get to run in time. */
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
		/* It is for the command, which is woken, and cancelled. */
		ASSERT_EQ(1, mq_put(self->other, "a"));
		ring_withdraw(&self->ring, self->fd, 7, 8);
		ASSERT_LE(0, ring_submit(&self->ring));
		for (i = got = 0; i < 2; i++) {
			int result = ring_wait(&self->ring, &which);

			ASSERT_NE(-ENODATA, result);
			got += which == 7 && !result;
		}
		/* Whoever was faster: one of them has it, or will. */
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
		/* It has not stayed behind with somebody asleep beside it. */
		ASSERT_TRUE(mq_wait_until(!mq_stat_of(&self->queue, ready)));
		/* If the command had it before the ring went, here is one. */
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
	/* It waits for that, too. */
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

TEST_F(parked, end_of_file_ends_the_wait)
{
	int fd, writer;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "eof", "hangup"));
	close(self->fd);
	close(self->other);
	self->other = -1;
	writer = mq_open(&self->queue, O_WRONLY);
	fd = self->fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ring_recv(&self->ring, fd, &self->receipts[0], 1, 1);
	ring_recv(&self->ring, fd, &self->receipts[1], 1, 1);
	PARK(fd, 2);
	close(writer);
	COMPLETES(0, 1);
	COMPLETES(0, 1);
	EXPECT_EQ(0, self->receipts[0].recv.count);
	EXPECT_EQ(0, self->receipts[1].recv.count);
}

TEST_F(parked, removal_ends_the_wait)
{
	int i, recvs = 0, sends = 0;
	__u64 which;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "receive"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	for (i = 0; i < 4; i++)
		ring_recv(&self->ring, self->fd, &self->receipts[i], 1, 1);
	mq_batch_add(&self->batch, "b");
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 2);
	PARK(self->fd, 5);
	ASSERT_EQ(0, mq_remove(&self->queue));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(-ENODEV, ring_wait(&self->ring, &which));
		recvs += which == 1;
		sends += which == 2;
	}
	EXPECT_EQ(4, recvs);
	EXPECT_EQ(1, sends);
	EXPECT_EQ(0, parked(self->fd));
}

TEST_F(parked, nothing_is_lost_where_the_results_cannot_be_told)
{
	char *edge = mq_edge() - sizeof(struct receipt);
	size_t page = sysconf(_SC_PAGESIZE);
	struct receipt *receipt = (void *)((uintptr_t)edge & ~7UL);
	struct mq_call call;
	char data[8];

	ring_recv(&self->ring, self->fd, receipt, 1, 1);
	PARK(self->fd, 1);
	ASSERT_EQ(0, mq_read_start(&call, self->fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, munmap((void *)((uintptr_t)receipt & ~(page - 1)),
			    page * 2));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	COMPLETES(-EFAULT, 1);
	/* It is for the next. */
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
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
	EXPECT_EQ(SMALL, self->receipts[0].recv.need);
	EXPECT_EQ(1, mq_call_result(&call));
}

/* -- many that wait ------------------------------------------------------------ */

/*
 * Let @n RECVs, or SENDs if there is a batch, wait on @fd; what they say goes to one
 * place, as none of them ends before its ring goes.
 */
static int park_many(struct ring *ring, int fd, struct mq_batch *batch, int n)
{
	static struct receipt receipt;
	static struct devmq_send send;
	long long before = parked(fd);
	int i;

	for (i = 0; i < n; i++) {
		if (batch)
			ring_send(ring, fd, &send, batch, 1);
		else
			ring_recv(ring, fd, &receipt, 1, 1);
		if (i % ENTRIES != ENTRIES - 1 && i != n - 1)
			continue;
		ring_submit(ring);
		if (!mq_wait_until(parked(fd) == before + i + 1))
			return -ETIME;
	}
	return 0;
}

TEST_F(parked, too_many_on_one_open_file_are_told)
{
	ASSERT_EQ(0, park_many(&self->ring, self->fd, NULL, DEVMQ_PARKED_MAX));
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 7);
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(-ENOBUFS, 7);
	EXPECT_EQ(DEVMQ_PARKED_MAX, parked(self->fd));
	/* What ends makes room for others. */
	ring_close(&self->ring);
	ASSERT_TRUE(mq_wait_until(parked(self->fd) == 0));
	ASSERT_EQ(0, ring_open_with(&self->ring, variant->flags));
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 9);
	PARK(self->fd, 1);
}

#define CROWD_FILES	16

/* What a message costs beside so many that wait, at most, of what it costs alone. */
#define CROWD_RATIO	4

TEST_F(parked, message_costs_the_same_beside_many_without_credit)
{
	int fds[CROWD_FILES], i;
	uint64_t alone, beside;
	char data[8];

	alone = mq_message_cost(self->other);
	ASSERT_NE(UINT64_MAX, alone);
	for (i = 0; i < CROWD_FILES; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_consumer_set(fds[i], DEVMQ_ACK_MANUAL, 1));
		ASSERT_EQ(1, mq_put(self->other, "h"));
		ASSERT_EQ(1, mq_read(fds[i], data, sizeof(data)));
		ASSERT_EQ(0, park_many(&self->ring, fds[i], NULL,
				       DEVMQ_PARKED_MAX));
	}
	EXPECT_TRUE(mq_wait_until((beside = mq_message_cost(self->other)) <=
				  CROWD_RATIO * alone));
	TH_LOG("%llu ns alone, %llu ns beside %d", (unsigned long long)alone,
	       (unsigned long long)beside, CROWD_FILES * DEVMQ_PARKED_MAX);
	for (i = 0; i < CROWD_FILES; i++)
		close(fds[i]);
}

TEST_F(parked, message_costs_the_same_beside_many_that_do_not_fit)
{
	static char big[800];
	int fds[CROWD_FILES], i;
	uint64_t alone, beside;

	/* There is room for 700 bytes. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "1000"));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(300, mq_write(self->other, big, 300));
	ASSERT_EQ(300, mq_read(self->fd, big, sizeof(big)));
	alone = mq_message_cost(self->other);
	ASSERT_NE(UINT64_MAX, alone);
	mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, big, sizeof(big));
	for (i = 0; i < CROWD_FILES; i++) {
		fds[i] = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, park_many(&self->ring, fds[i], &self->batch,
				       DEVMQ_PARKED_MAX));
	}
	EXPECT_TRUE(mq_wait_until((beside = mq_message_cost(self->other)) <=
				  CROWD_RATIO * alone));
	TH_LOG("%llu ns alone, %llu ns beside %d", (unsigned long long)alone,
	       (unsigned long long)beside, CROWD_FILES * DEVMQ_PARKED_MAX);
	for (i = 0; i < CROWD_FILES; i++)
		close(fds[i]);
}

/* A process whose RECVs are first in line, and that is stopped then. */
static pid_t stopped_crowd(const struct mq_queue *queue, unsigned int flags,
			   int files, int each)
{
	struct ring ring;
	int told[2], i;
	pid_t child;
	char byte;

	if (pipe(told))
		return -1;
	child = mq_fork();
	if (!child) {
		if (ring_open_with(&ring, flags))
			_exit(1);
		for (i = 0; i < files; i++)
			if (park_many(&ring, mq_open(queue, O_RDONLY), NULL,
				      each))
				_exit(2);
		if (write(told[1], "p", 1) != 1)
			_exit(3);
		pause();
		_exit(4);
	}
	close(told[1]);
	if (child > 0 && (read(told[0], &byte, 1) != 1 ||
			  kill(child, SIGSTOP) ||
			  waitpid(child, NULL, WUNTRACED) != child))
		child = -1;
	close(told[0]);
	return child;
}

static void check_crowd(struct __test_metadata *_metadata,
			FIXTURE_DATA(parked) *self, unsigned int flags,
			int files, int each)
{
	pid_t child = stopped_crowd(&self->queue, flags, files, each);
	struct mq_call call;
	char data[8];
	int i;

	ASSERT_LT(0, child);
	/* Each of them has its time to come, but not one after the other. */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, mq_read_start(&call, self->fd, data,
					   sizeof(data)));
		ASSERT_TRUE(mq_call_sleeps(&call));
		ASSERT_EQ(1, mq_put(self->other, "a"));
		ASSERT_EQ(1, mq_call_result(&call));
	}
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
}

TEST_F(parked, stopped_process_with_many_on_a_file_keeps_no_message)
{
	if (variant->flags & IORING_SETUP_SQPOLL)
		SKIP(return, "the thread of the ring is stopped as well");
	check_crowd(_metadata, self, variant->flags, 1, 1000);
}

TEST_F(parked, stopped_process_with_many_files_keeps_no_message)
{
	if (variant->flags & IORING_SETUP_SQPOLL)
		SKIP(return, "the thread of the ring is stopped as well");
	check_crowd(_metadata, self, variant->flags, 600, 1);
}

TEST_F(parked, sender_is_who_submitted)
{
	struct devmq_record record;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	mq_batch_add(&self->batch, "b");
	ASSERT_EQ(0, seteuid(1000));
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	ASSERT_LE(0, ring_submit(&self->ring));
	ASSERT_EQ(0, seteuid(0));
	ASSERT_TRUE(mq_wait_until(parked(self->fd) == 1));
	ASSERT_EQ(0, mq_get(self->other, "a"));
	COMPLETES(0, 1);
	ASSERT_EQ(0, mq_peek_id(&self->queue, 2, &record));
	/* SQPOLL's thread is who set up the ring. */
	EXPECT_EQ(variant->flags & IORING_SETUP_SQPOLL ? 0 : 1000, record.uid);
	EXPECT_EQ(getpid(), record.pid);
}

/* -- many at a time ---------------------------------------------------------- */

#define SENDERS		3
#define RECEIVERS	3
#define EACH		400
#define ALL		(SENDERS * EACH)

struct tally {
	unsigned int count[ALL + 1];	/* how often each id was received */
	unsigned int received;
};

/* Keep some RECVs waiting, withdraw one now and then, and count. */
static int receive_all(const struct mq_queue *queue, unsigned int flags,
		       struct tally *tally)
{
	static struct receipt receipts[16];
	unsigned int i, rounds = 0;
	struct io_uring_cqe cqe;
	struct ring ring;
	int fd = mq_open(queue, O_RDONLY);

	if (fd < 0 || ring_open_with(&ring, flags))
		return 1;
	for (i = 0; i < 16; i++)
		ring_recv(&ring, fd, &receipts[i], 1 + i % 3, i);
	while (__atomic_load_n(&tally->received, __ATOMIC_ACQUIRE) < ALL) {
		struct devmq_record *record = NULL;
		struct receipt *receipt;

		if (++rounds % 7 == 0)
			ring_withdraw(&ring, fd, rounds % 16, 100);
		ring_enter(&ring, IORING_ENTER_GETEVENTS);
		if (ring_cqe(&ring, &cqe)) {
			usleep(200);
			continue;
		}
		if (cqe.user_data == 100)
			continue;
		receipt = &receipts[cqe.user_data];
		if (cqe.res && cqe.res != -ECANCELED)
			return 2;
		while (!cqe.res &&
		       (record = mq_record_next(receipt->buffer,
						receipt->recv.used, record))) {
			if (record->id > ALL)
				return 3;
			__atomic_add_fetch(&tally->count[record->id], 1,
					   __ATOMIC_RELAXED);
			__atomic_add_fetch(&tally->received, 1,
					   __ATOMIC_RELEASE);
		}
		ring_recv(&ring, fd, receipt, 1 + cqe.user_data % 3,
			  cqe.user_data);
	}
	return 0;
}

/* Have up to eight SENDs under way, until all have been sent. */
static int send_all(const struct mq_queue *queue, unsigned int flags)
{
	static struct mq_batch batches[8];
	static struct devmq_send sends[8];
	unsigned int i, begun = 0, done = 0;
	struct io_uring_cqe cqe;
	struct ring ring;
	int fd = mq_open(queue, O_WRONLY);
	uint64_t end = mq_now_ms() + MQ_PATIENCE_MS;

	if (fd < 0 || ring_open_with(&ring, flags))
		return 1;
	for (i = 0; i < 8; i++, begun++) {
		mq_batch_add(&batches[i], "hello");
		ring_send(&ring, fd, &sends[i], &batches[i], i);
	}
	while (done < EACH && mq_now_ms() < end) {
		ring_enter(&ring, IORING_ENTER_GETEVENTS);
		if (ring_cqe(&ring, &cqe)) {
			usleep(200);
			continue;
		}
		if (cqe.res || sends[cqe.user_data].count != 1)
			return 2;
		done++;
		if (begun++ < EACH)
			ring_send(&ring, fd, &sends[cqe.user_data],
				  &batches[cqe.user_data], cqe.user_data);
	}
	return done == EACH ? 0 : 3;
}

TEST_F(parked, of_many_senders_and_receivers_each_message_is_received_once)
{
	pid_t senders[SENDERS], receivers[RECEIVERS];
	unsigned int i;
	struct tally *tally = mmap(NULL, sizeof(*tally),
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, tally);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "5"));
	for (i = 0; i < RECEIVERS; i++) {
		receivers[i] = mq_fork();
		if (!receivers[i])
			_exit(receive_all(&self->queue, variant->flags, tally));
	}
	for (i = 0; i < SENDERS; i++) {
		senders[i] = mq_fork();
		if (!senders[i])
			_exit(send_all(&self->queue, variant->flags));
	}
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(0, mq_wait_child(senders[i]));
	for (i = 0; i < RECEIVERS; i++)
		EXPECT_EQ(0, mq_wait_child(receivers[i]));
	for (i = 1; i <= ALL; i++)
		EXPECT_EQ(1, tally->count[i]) {
			TH_LOG("message %u", i);
		}
	EXPECT_EQ(ALL, mq_stat_of(&self->queue, acked));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 0));
}

TEST_HARNESS_MAIN
