// SPDX-License-Identifier: GPL-2.0
/*
 * A message that has failed half of its deliveries is delivered alone.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"
#include "fixtures/retry.h"

/* -- handed out alone ------------------------------------------------------------ */

/* How many messages one RECV returns; @id gets the id of the first. */
static int take(int fd, char *buffer, size_t size, uint64_t *id)
{
	struct devmq_recv recv;
	int error = mq_recv(fd, buffer, size, &recv);

	if (error)
		return error;
	if (recv.count)
		*id = ((const struct devmq_record *)buffer)->id;
	return recv.count;
}

#define TAKE(fd) take(fd, self->buffer, sizeof(self->buffer), &id)

/* Receive the first @n messages and hold them: how many there were. */
static int hold_first(int fd, int n)
{
	char byte[8];
	int i;

	for (i = 0; i < n; i++)
		if (mq_read(fd, byte, sizeof(byte)) <= 0)
			break;
	return i;
}

static int release_first(int fd, int n)
{
	return n ? mq_settle(fd, 1, n, DEVMQ_ACTION_RELEASE) : 0;
}

/*
 * Create a queue with @count messages, one of which has failed @failures times.
 */
#define CREATE_FAILED(count, which, failures, ...) do {			\
	CREATE(__VA_ARGS__);						\
	ASSERT_EQ(0, mq_fill(self->fd, which));				\
	ASSERT_EQ((which) - 1, hold_first(self->fd, (which) - 1));	\
	ASSERT_EQ(0, fail(self->fd, which, failures));			\
	ASSERT_EQ((which) - 1, release_first(self->fd, (which) - 1));	\
	ASSERT_EQ(0, mq_fill(self->fd, (count) - (which)));		\
} while (0)

TEST_F(retry, half_of_the_deliveries_make_a_message_come_alone)
{
	static const struct {
		int most, alone;	/* failures; 0: never */
	} cases[] = {
		{ 0, 0 }, { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 },
		{ 20, 10 }, { 21, 11 },
	};
	unsigned int i;
	uint64_t id;
	int n;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		int last = 25;

		if (cases[i].most)
			last = cases[i].most - 1;
		CREATE("max_deliveries=%d", cases[i].most);
		ASSERT_EQ(0, mq_fill(self->fd, 3));
		for (n = 0; n <= last; n++) {
			bool alone = cases[i].alone && n >= cases[i].alone;

			EXPECT_EQ(alone ? 1 : 3, TAKE(self->fd)) {
				TH_LOG("%d of %d", n, cases[i].most);
			}
			EXPECT_EQ(1, id);
			if (!alone)
				ASSERT_EQ(2, mq_settle(self->fd, 2, 3,
						       DEVMQ_ACTION_RELEASE));
			if (n < last)
				ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
		}
		close(self->fd);
		self->fd = -1;
		ASSERT_EQ(0, mq_remove(&self->queue));
	}
}

TEST_F(retry, what_comes_before_one_that_comes_alone_comes_without_it)
{
	uint64_t id;

	CREATE_FAILED(6, 3, 2, "max_deliveries=4");
	EXPECT_EQ(2, TAKE(self->fd));
	EXPECT_EQ(1, id);
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(0, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(2, mq_fionread(self->fd));
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(3, id);
}

TEST_F(retry, who_holds_one_that_came_alone_gets_nothing_and_others_go_on)
{
	uint64_t id;
	int other;

	CREATE_FAILED(4, 1, 2, "max_deliveries=4");
	other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, other);
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(1, id);
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(0, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(3, TAKE(other));
	EXPECT_EQ(2, id);
	close(other);
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(3, TAKE(self->fd));
}

TEST_F(retry, each_end_of_the_flight_of_one_that_came_alone_frees_its_holder)
{
	static const int ends[] = {
		DEVMQ_ACTION_ACK, DEVMQ_ACTION_RELEASE, DEVMQ_ACTION_RETRY,
		DEVMQ_ACTION_REJECT, DEVMQ_ACTION_DEFER,
	};
	unsigned int i;
	uint64_t id;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		CREATE_FAILED(2, 1, 2, "max_deliveries=9");
		ASSERT_EQ(2, TAKE(self->fd));
		ASSERT_EQ(2, mq_settle(self->fd, 1, 2, DEVMQ_ACTION_RELEASE));
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "4"));
		EXPECT_EQ(1, TAKE(self->fd));
		EXPECT_EQ(-EAGAIN, TAKE(self->fd));
		ASSERT_EQ(1, mq_settle(self->fd, 1, 1, ends[i]));
		EXPECT_EQ(1, TAKE(self->fd));
		close(self->fd);
		self->fd = -1;
		ASSERT_EQ(0, mq_remove(&self->queue));
	}
}

TEST_F(retry, end_of_the_lease_of_one_that_came_alone_frees_its_holder)
{
	uint64_t id;

	CREATE_FAILED(2, 1, 2, "max_deliveries=4");
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	ASSERT_EQ(1, mq_extend(self->fd, 1, MQ_MS));
	ASSERT_TRUE(mq_wait_until(mq_held(self->fd) == 0));
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(1, id);
}

TEST_F(retry, reader_that_holds_others_is_told_when_another_takes_what_comes_alone)
{
	struct mq_call call;
	int fd, other;
	uint64_t id;

	CREATE_FAILED(3, 2, 2, "max_deliveries=4");
	fd = mq_open(&self->queue, O_RDONLY);
	other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, self->buffer, 10));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, take(other, self->buffer + 100, 1000, &id));
	EXPECT_EQ(2, id);
	/* m3, whose payload is "m1" as well. */
	EXPECT_EQ(2, mq_call_result(&call));
	MQ_EXPECT(&self->queue, 3, IN_FLIGHT, 1, 0, NONE);
	close(fd);
	close(other);
}

TEST_F(retry, poller_that_holds_others_is_told_when_what_comes_alone_is_purged)
{
	struct mq_call call;
	int fd;

	CREATE_FAILED(3, 2, 2, "max_deliveries=4");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_poll_start(&call, fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_purge(self->fd, 2, 2));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
	close(fd);
}

/* Somebody in epoll_wait(), with an open file that wants to be the only one told. */
struct waiter {
	int epoll;
	pid_t tid;
	int result;		/* of epoll_wait() */
	pthread_t thread;
};

static void *wait_alone(void *arg)
{
	struct waiter *w = arg;
	struct epoll_event event;

	__atomic_store_n(&w->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	w->result = epoll_wait(w->epoll, &event, 1, MQ_PATIENCE_MS);
	return NULL;
}

/* Wait until it sleeps: 0, or a negative errno. */
static int waiter_start(struct waiter *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int error;

	w->tid = 0;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	error = -pthread_create(&w->thread, NULL, wait_alone, w);
	if (error)
		return error;
	return mq_wait_until(__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE) &&
			     mq_is_asleep(getpid(), w->tid, SYS_epoll_wait)) ?
	       0 : -ETIME;
}

/* The first in line is told, and cannot receive it: then the next one is. */
TEST_F(retry, what_comes_alone_is_not_lost_on_an_exclusive_poller_that_holds_others)
{
	struct waiter first, second;
	int fd, other, third;
	uint64_t id;

	CREATE_FAILED(2, 2, 2, "max_deliveries=4");
	fd = mq_open(&self->queue, O_RDONLY);
	other = mq_open(&self->queue, O_RDONLY);
	third = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, third);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(1, take(third, self->buffer, sizeof(self->buffer), &id));
	ASSERT_EQ(0, waiter_start(&first, fd));
	ASSERT_EQ(0, waiter_start(&second, other));
	ASSERT_EQ(1, mq_release(third, id));
	ASSERT_EQ(0, pthread_join(second.thread, NULL));
	EXPECT_EQ(1, second.result);
	/* The first is told when it can receive it. */
	ASSERT_EQ(1, mq_ack(fd, 1));
	ASSERT_EQ(0, pthread_join(first.thread, NULL));
	EXPECT_EQ(1, first.result);
	close(first.epoll);
	close(second.epoll);
	close(fd);
	close(other);
	close(third);
}

/* Somebody looks with its open file before it comes, and finds that it cannot. */
TEST_F(retry, what_comes_alone_is_not_lost_on_one_whose_file_met_it_otherwise)
{
	struct mq_call call;
	struct waiter first;
	int fd, other, third;
	uint64_t id;

	CREATE_FAILED(2, 2, 2, "max_deliveries=4");
	fd = mq_open(&self->queue, O_RDONLY);
	other = mq_open(&self->queue, O_RDONLY);
	third = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, third);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(1, take(third, self->buffer, sizeof(self->buffer), &id));
	ASSERT_EQ(0, waiter_start(&first, fd));
	ASSERT_EQ(0, mq_read_start(&call, other, self->buffer, 10));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_release(third, id));
	EXPECT_EQ(0, mq_fionread(fd));
	EXPECT_EQ(2, mq_call_result(&call));
	ASSERT_EQ(1, mq_ack(fd, 1));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, pthread_join(first.thread, NULL));
	EXPECT_EQ(1, first.result);
	close(first.epoll);
	close(fd);
	close(other);
	close(third);
}

TEST_F(retry, reader_that_holds_others_gets_an_urgent_one_before_what_comes_alone)
{
	struct mq_call call;
	int fd;

	CREATE_FAILED(2, 2, 2, "max_deliveries=4 priorities=2");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, self->buffer, 10));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "now", .priority = 1));
	EXPECT_EQ(3, mq_call_result(&call));
	close(fd);
}

TEST_F(retry, reader_gets_what_comes_alone_when_it_has_settled_all_others)
{
	struct mq_call call;
	int fd;

	CREATE_FAILED(3, 3, 2, "max_deliveries=4");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_get(fd, "m2"));
	ASSERT_EQ(0, mq_read_start(&call, fd, self->buffer, 10));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_ack(fd, 1));
	EXPECT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_ack(fd, 2));
	EXPECT_EQ(2, mq_call_result(&call));
	MQ_EXPECT(&self->queue, 3, IN_FLIGHT, 3, 2, RETRY);
	close(fd);
}

TEST_F(retry, sleeper_with_free_hands_gets_what_comes_alone_past_those_that_hold)
{
	struct mq_call calls[3];
	char data[3][8] = {};
	int fds[3], i;

	CREATE("max_deliveries=4");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	for (i = 0; i < 3; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, fail(fds[0], 1, 2));
	ASSERT_EQ(1, mq_read(fds[0], data[0], 1) > 0);
	ASSERT_EQ(0, mq_get(fds[1], "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(0, mq_read_start(&calls[1], fds[1], data[1], 8));
	ASSERT_TRUE(mq_call_sleeps(&calls[1]));
	ASSERT_EQ(0, mq_read_start(&calls[2], fds[2], data[2], 8));
	ASSERT_TRUE(mq_call_sleeps(&calls[2]));
	/* The first waiting reader holds another message. */
	close(fds[0]);
	EXPECT_EQ(2, mq_call_result(&calls[2]));
	EXPECT_STREQ("m1", data[2]);
	EXPECT_TRUE(mq_call_sleeps(&calls[1]));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(1, mq_call_result(&calls[1]));
	close(fds[1]);
	close(fds[2]);
}

TEST_F(retry, what_comes_alone_by_its_id_comes_so_as_well)
{
	struct devmq_recv recv;
	uint64_t id;

	CREATE_FAILED(3, 1, 2, "max_deliveries=4");
	EXPECT_EQ(1, TAKE(self->fd));
	ASSERT_EQ(1, mq_defer(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(-EAGAIN, mq_recv_id(self->fd, 1, self->buffer,
				      sizeof(self->buffer), &recv));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(0, mq_recv_id(self->fd, 1, self->buffer,
				sizeof(self->buffer), &recv));
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(3, id);
}

TEST_F(retry, what_comes_alone_does_so_where_receiving_acknowledges)
{
	uint64_t id;

	CREATE_FAILED(5, 3, 2, "max_deliveries=4");
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	EXPECT_EQ(2, TAKE(self->fd));
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(3, id);
	EXPECT_EQ(2, TAKE(self->fd));
	EXPECT_EQ(5, mq_stat_of(&self->queue, acked));
}

TEST_F(retry, what_comes_alone_does_so_in_a_queue_with_an_order)
{
	struct mq_call call;
	uint64_t id;
	int fd;

	CREATE_FAILED(4, 2, 2, "max_deliveries=4 order=key fairness=key");
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(1, id);
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, TAKE(fd));
	EXPECT_EQ(2, id);
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(2, TAKE(self->fd));
	close(fd);
}

TEST_F(retry, failures_elsewhere_do_not_make_a_dead_message_come_alone)
{
	struct mq_queue other;
	uint64_t id;
	int fd;

	CREATE("max_deliveries=2");
	ASSERT_EQ(0, mq_create(&other, "max_deliveries=2 dead_letter=%s",
			       self->queue.name));
	fd = mq_open(&other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(fd, 2));
	ASSERT_EQ(0, fail(fd, 1, 2));
	ASSERT_EQ(0, fail(fd, 2, 2));
	EXPECT_EQ(2, TAKE(self->fd));
	close(fd);
}

/*
 * A worker that receives 16 messages at a time, handles them in order, and is
 * killed by the poison message.
 */
static void work_on_16(const struct mq_queue *queue)
{
	int fd = mq_open(queue, O_RDONLY | O_NONBLOCK);
	struct devmq_recv recv;
	char buffer[16384];
	size_t at = 0;

	if (fd < 0 || mq_recv(fd, buffer, sizeof(buffer), &recv))
		_exit(1);
	if (!recv.count)
		_exit(2);
	while (at < recv.used) {
		const struct devmq_record *r = (void *)(buffer + at);

		if (!memcmp((char *)r + DEVMQ_RECORD_PAYLOAD(r), "poison", 6))
			raise(SIGKILL);
		at += DEVMQ_RECORD_STEP(r->size);
	}
	/* The worker acknowledges all messages of a batch together. */
	if (mq_settle(fd, 1, 100, DEVMQ_ACTION_ACK) != recv.count)
		_exit(3);
	_exit(0);
}

TEST_F(retry, poison_that_kills_its_worker_dies_alone)
{
	struct devmq_stat stat;
	int i, kills = 0;

	CREATE("max_deliveries=4");
	for (i = 1; i <= 16; i++)
		ASSERT_LT(0, mq_put(self->fd, i == 7 ? "poison" : "good"));
	/*
	 * Two batches of all 16, then each message alone, the poison message
	 * twice more.
	 */
	for (i = 0; i < 2 + 16 + 1; i++) {
		pid_t child = mq_fork();
		int status;

		if (!child)
			work_on_16(&self->queue);
		status = mq_wait_child(child);
		kills += status == 128 + SIGKILL;
		ASSERT_TRUE(!status || status == 128 + SIGKILL) {
			TH_LOG("worker %d exited with %d", i, status);
		}
	}
	EXPECT_EQ(4, kills);
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_EQ(15, stat.acked);
	EXPECT_EQ(1, stat.dead);
	MQ_EXPECT(&self->queue, 7, DEAD, 4, 4, CRASH);
}

TEST_HARNESS_MAIN
