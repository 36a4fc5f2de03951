// SPDX-License-Identifier: GPL-2.0
/* RECV that acknowledges a range of deliveries before it receives. */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "mq_test.h"
#include "helpers/memory.h"
#include "helpers/process.h"
#include "helpers/settle.h"
#include "helpers/thread.h"
#include "fixtures/settle.h"

/* Prepare a call that acknowledges a range and receives up to @count. */
static void prepare(FIXTURE_DATA(settle) *self, __u64 first, __u64 last,
		    unsigned int count)
{
	memset(self->buffer, MQ_POISON, sizeof(self->buffer));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = count;
	self->recv.ack_first_id = first;
	self->recv.ack_last_id = last;
}

/* Carry it out without waiting: how many were received, or an error. */
static int ack_recv(FIXTURE_DATA(settle) *self, __u64 first, __u64 last,
		    unsigned int count)
{
	int error;

	prepare(self, first, last, count);
	error = mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv);
	return error ? error : (int)self->recv.count;
}

static __u64 received_id(FIXTURE_DATA(settle) *self)
{
	return ((struct devmq_record *)self->buffer)->id;
}

/* -- acknowledged, and received -------------------------------------------- */

TEST_F(settle, one_after_the_other)
{
	int i;

	ASSERT_EQ(0, mq_fill(self->fd, 20));
	ASSERT_EQ(1, ack_recv(self, 0, 0, 1));
	EXPECT_EQ(0, self->recv.acked);
	for (i = 1; i < 20; i++) {
		ASSERT_EQ(1, ack_recv(self, i, i, 1));
		EXPECT_EQ(1, self->recv.acked);
		EXPECT_EQ(i + 1, received_id(self));
		EXPECT_EQ(1, mq_held(self->fd));
		EXPECT_EQ(i + 1, mq_last_id(self->fd));
		EXPECT_EQ(i, mq_stat_of(&self->queue, acked));
		EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	}
	EXPECT_EQ(i, self->recv.ack_first_id + 1);
	EXPECT_EQ(i, self->recv.ack_last_id + 1);
}

TEST_F(settle, batch_after_batch)
{
	ASSERT_EQ(0, mq_fill_fast(self->fd, 700));
	ASSERT_EQ(300, ack_recv(self, 0, 0, 300));
	/* More than is acknowledged in one hold of the lock. */
	ASSERT_EQ(300, ack_recv(self, 1, 300, 300));
	EXPECT_EQ(300, self->recv.acked);
	EXPECT_EQ(301, received_id(self));
	ASSERT_EQ(100, ack_recv(self, 301, 600, 0));
	EXPECT_EQ(300, self->recv.acked);
	EXPECT_EQ(600, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(100, mq_held(self->fd));
}

TEST_F(settle, exactly_as_many_as_fit_one_hold_are_acknowledged)
{
	ASSERT_EQ(0, mq_fill_fast(self->fd, 520));
	ASSERT_EQ(256, ack_recv(self, 0, 0, 256));
	ASSERT_EQ(257, ack_recv(self, 1, 256, 257));
	EXPECT_EQ(256, self->recv.acked);
	ASSERT_EQ(1, ack_recv(self, 257, 513, 1));
	EXPECT_EQ(257, self->recv.acked);
	EXPECT_EQ(514, received_id(self));
}

TEST_F(settle, range_from_the_middle)
{
	ASSERT_EQ(0, mq_fill(self->fd, 6));
	ASSERT_EQ(0, take(self->fd, 1, 5));
	ASSERT_EQ(1, ack_recv(self, 2, 3, 1));
	EXPECT_EQ(2, self->recv.acked);
	EXPECT_EQ(6, received_id(self));
	EXPECT_EQ(4, mq_held(self->fd));
	EXPECT_EQ(-EAGAIN, ack_recv(self, 1, ~0ULL, 1));
	EXPECT_EQ(4, self->recv.acked);
	EXPECT_EQ(0, mq_held(self->fd));
}

TEST_F(settle, what_others_hold_stays_with_them)
{
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, get_filled(self->other, 1));
	ASSERT_EQ(0, get_filled(self->fd, 2));
	ASSERT_EQ(1, ack_recv(self, 1, 9, 1));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(3, received_id(self));
	EXPECT_EQ(1, mq_held(self->other));
	/* What is not held is no error. */
	ASSERT_EQ(1, ack_recv(self, 1, 2, 1));
	EXPECT_EQ(0, self->recv.acked);
	EXPECT_EQ(4, received_id(self));
	EXPECT_EQ(1, mq_held(self->other));
}

TEST_F(settle, large_message_comes_after_an_acknowledgement)
{
	static char large[20000];

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(2, mq_send_payload(self->fd, large, sizeof(large)));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(1, ack_recv(self, 1, 1, 1));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(2, received_id(self));
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_F(settle, half_read_message_is_acknowledged)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, mq_read(self->fd, self->buffer, 1));
	ASSERT_EQ(1, ack_recv(self, 1, 1, 1));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(2, received_id(self));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 1));
}

TEST_F(settle, lease_that_is_over_is_not_acknowledged)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_MANUAL, 0, 1000000));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 2));
	ASSERT_EQ(1, ack_recv(self, 1, 1, 1));
	EXPECT_EQ(0, self->recv.acked);
	EXPECT_EQ(1, received_id(self));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
}

TEST_F(settle, deferred_message_is_received_after_an_acknowledgement)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	ASSERT_EQ(1, mq_defer(self->fd, 1));
	prepare(self, 2, 2, 1);
	self->recv.id = 1;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(1, received_id(self));
	prepare(self, 1, 1, 1);
	self->recv.id = 7;
	EXPECT_EQ(-ENOENT, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(0, mq_held(self->fd));
}

/* -- what it makes room for ------------------------------------------------- */

TEST_F(settle, acknowledgement_gives_credit_for_the_next)
{
	int i;

	ASSERT_EQ(0, mq_fill(self->fd, 10));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(1, ack_recv(self, 0, 0, 1));
	EXPECT_EQ(-EAGAIN, ack_recv(self, 0, 0, 1));
	EXPECT_EQ(0xa5a5a5a5a5a5a5a5ULL, self->recv.acked);
	for (i = 1; i < 10; i++)
		ASSERT_EQ(1, ack_recv(self, i, i, 1));
}

TEST_F(settle, message_that_is_handed_out_alone_comes_after_the_last)
{
	MQ_REOPEN_PAIR("ack=manual max_deliveries=2");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	ASSERT_EQ(1, mq_retry(self->fd, 2, 1));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	EXPECT_EQ(-EAGAIN, ack_recv(self, 0, 0, 1));
	ASSERT_EQ(1, ack_recv(self, 1, 1, 1));
	EXPECT_EQ(2, received_id(self));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, ack_recv(self, 2, 2, 1));
	EXPECT_EQ(3, received_id(self));
}

TEST_F(settle, acknowledgement_makes_room_for_a_sender)
{
	struct mq_call call;
	int fd;

	MQ_REOPEN_PAIR("ack=manual max_messages=2");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(0, mq_write_start(&call, fd, "more", 4));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, ack_recv(self, 1, 1, 1));
	EXPECT_EQ(4, mq_call_result(&call));
	EXPECT_EQ(0, mq_poll(fd, POLLOUT));
	ASSERT_EQ(1, ack_recv(self, 2, 2, 1));
	EXPECT_EQ(POLLOUT, mq_poll(fd, POLLOUT));
}

/* -- errors ----------------------------------------------------------------- */

TEST_F(settle, range_that_is_none_is_einval)
{
	static const __u64 bad[][2] = { { 0, 1 }, { 1, 0 }, { 2, 1 }, { ~0ULL, 1 } };
	struct devmq_recv before;
	unsigned int i;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		prepare(self, bad[i][0], bad[i][1], 1);
		before = self->recv;
		EXPECT_EQ(-EINVAL, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
		EXPECT_EQ(0, memcmp(&before, &self->recv, sizeof(before)));
	}
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

TEST_F(settle, with_nothing_to_receive_it_says_what_it_acknowledged)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	EXPECT_EQ(-EAGAIN, ack_recv(self, 1, 2, 1));
	EXPECT_EQ(2, self->recv.acked);
	EXPECT_EQ(0, self->recv.count);
	EXPECT_EQ(0, self->recv.used);
	EXPECT_EQ((char)MQ_POISON, self->buffer[0]);
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
	/* After an error that has acknowledged nothing, nothing is written. */
	EXPECT_EQ(-EAGAIN, ack_recv(self, 1, 2, 1));
	EXPECT_EQ(0xa5a5a5a5a5a5a5a5ULL, self->recv.acked);
}

TEST_F(settle, end_of_file_says_what_it_acknowledged)
{
	MQ_REOPEN_PAIR("ack=manual eof=empty");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	EXPECT_EQ(0, ack_recv(self, 1, 1, 1));
	EXPECT_EQ(1, self->recv.acked);
}

TEST_F(settle, record_without_room_says_what_it_acknowledged)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	prepare(self, 1, 1, 1);
	self->recv.buffer_size = 8;
	EXPECT_EQ(-EMSGSIZE, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(MQ_SMALL, self->recv.need);
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

TEST_F(settle, buffer_that_cannot_be_written_says_what_it_acknowledged)
{
	static char large[5000];
	char *edge = mq_edge();

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(3, mq_send_payload(self->fd, large, sizeof(large)));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	prepare(self, 1, 1, 1);
	self->recv.buffer = (uintptr_t)(edge - 16);
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(0, mq_held(self->fd));
	ASSERT_EQ(0, get_filled(self->fd, 2));
	prepare(self, 2, 2, 1);
	self->recv.buffer = (uintptr_t)(edge - 4096);
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
}

/* What could not be copied is not counted as received, however large it is. */
TEST_F(settle, buffer_that_cannot_be_written_counts_nothing)
{
	static const size_t sizes[] = { 10, 300, 20000 };
	static char large[20000];
	char *edge = mq_edge();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		MQ_REOPEN_PAIR("ack=manual");
		ASSERT_EQ(0, mq_fill(self->fd, 1));
		ASSERT_EQ(2, mq_send_payload(self->fd, large, sizes[i]));
		ASSERT_EQ(0, get_filled(self->fd, 1));
		prepare(self, 1, 1, 1);
		self->recv.buffer = (uintptr_t)(edge - 16);
		EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
		EXPECT_EQ(1, self->recv.acked);
		EXPECT_EQ(0, self->recv.count);
		EXPECT_EQ(0, self->recv.used);
		EXPECT_EQ(0, self->recv.need);
		EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	}
}

TEST_F(settle, argument_that_cannot_be_written_acknowledges_nothing)
{
	struct devmq_recv *recv = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, recv);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	prepare(self, 1, 1, 1);
	*recv = self->recv;
	ASSERT_EQ(0, mprotect(recv, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_RECV, recv));
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
}

TEST_F(settle, removed_queue_is_enodev)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, ack_recv(self, 1, 1, 1));
}

/* -- waiting ---------------------------------------------------------------- */

/* Hold message 1 with @fd, and let a call that acknowledges it wait. */
#define WAIT(call, fd, deadline) do {					\
	ASSERT_EQ(0, mq_fill(self->fd, 1));				\
	ASSERT_EQ(0, get_filled(fd, 1));				\
	prepare(self, 1, 1, 1);						\
	self->recv.deadline_ns = deadline;				\
	ASSERT_EQ(0, mq_ioctl_start(call, fd, DEVMQ_IOC_RECV,		\
				    &self->recv));			\
} while (0)

TEST_F(settle, acknowledges_before_it_waits)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;

	ASSERT_LE(0, fd);
	WAIT(&call, fd, DEVMQ_FOREVER);
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	ASSERT_EQ(4, mq_put(self->fd, "next"));
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(1, self->recv.count);
	EXPECT_EQ(2, received_id(self));
	EXPECT_EQ(1, mq_held(fd));
}

TEST_F(settle, deadline_that_passes_says_what_was_acknowledged)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;

	ASSERT_LE(0, fd);
	WAIT(&call, fd, mq_now_ns() + 20000000);
	EXPECT_EQ(-ETIMEDOUT, mq_call_result(&call));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(0, self->recv.count);
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_F(settle, signal_does_not_restart_what_has_acknowledged)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(SA_RESTART));
	WAIT(&call, fd, DEVMQ_FOREVER);
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, mq_call_result(&call));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(0, mq_held(fd));
}

TEST_F(settle, signal_restarts_what_has_acknowledged_nothing)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(SA_RESTART));
	prepare(self, 5, 6, 1);
	self->recv.deadline_ns = DEVMQ_FOREVER;
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_RECV, &self->recv));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_TRUE(mq_call_outlasts(&call, SIGUSR1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_EQ(0, self->recv.acked);
	EXPECT_EQ(1, self->recv.count);
}

/* -- several consumers ------------------------------------------------------ */

#define RACERS	4
#define RACES	2000

struct racer {
	const struct mq_queue *queue;
	pthread_t thread;
	__u64 acked;
	int error;
};

/* Receive messages one after the other until one is "end". */
static void *race(void *argument)
{
	struct racer *racer = argument;
	char buffer[4 * MQ_SMALL];
	struct devmq_record *r = (void *)buffer;
	struct devmq_recv recv;
	int fd = mq_open(racer->queue, O_RDONLY);
	__u64 id = 0;

	racer->error = fd < 0 ? fd : 0;
	while (!racer->error) {
		mq_recv_init(&recv, buffer, sizeof(buffer));
		recv.deadline_ns = DEVMQ_FOREVER;
		recv.max_count = 1;
		recv.ack_first_id = id;
		recv.ack_last_id = id;
		racer->error = mq_ioctl(fd, DEVMQ_IOC_RECV, &recv);
		if (!racer->error && (recv.count != 1 || recv.acked != !!id))
			racer->error = -EBADMSG;
		if (racer->error)
			break;
		racer->acked += recv.acked;
		id = r->id;
		if (mq_record_is(r, "end"))
			break;
	}
	if (!racer->error && mq_ack(fd, id) != 1)
		racer->error = -ESTALE;
	close(fd);
	return NULL;
}

TEST_F(settle, several_consumers_acknowledge_each_message_once)
{
	struct racer racers[RACERS] = {};
	__u64 acked = 0;
	int i;

	for (i = 0; i < RACERS; i++) {
		racers[i].queue = &self->queue;
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race,
					    &racers[i]));
	}
	for (i = 0; i < RACES; i++)
		ASSERT_LT(0, mq_put(self->fd, "m"));
	for (i = 0; i < RACERS; i++)
		ASSERT_EQ(3, mq_put(self->fd, "end"));
	for (i = 0; i < RACERS; i++) {
		pthread_join(racers[i].thread, NULL);
		EXPECT_EQ(0, racers[i].error);
		acked += racers[i].acked;
	}
	EXPECT_EQ(RACES, acked);
	EXPECT_EQ(RACES + RACERS, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_stat_of(&self->queue, redelivered));
}

TEST_HARNESS_MAIN
