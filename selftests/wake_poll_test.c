// SPDX-License-Identifier: GPL-2.0
/*
 * Pollers with EPOLLEXCLUSIVE: one of them is woken, and no wake-up is lost.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/settle.h"
#include "fixtures/wake.h"

struct poller {
	int epoll;
	int fd;
	pid_t tid;
	ssize_t result;
};

/* Send one message after an event, and again if others have taken the room since. */
static void *poll_and_put(void *arg)
{
	struct poller *p = arg;
	struct epoll_event event;

	__atomic_store_n(&p->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	do {
		p->result = epoll_wait(p->epoll, &event, 1, MQ_PATIENCE_MS);
		if (p->result == 1)
			p->result = mq_put(p->fd, "p");
	} while (p->result == -EAGAIN);
	return NULL;
}

/* The poller that is woken uses only a part of the room. */
TEST_F(wake, exclusive_poller_hands_the_room_on)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLEXCLUSIVE };
	struct poller p = { .epoll = epoll_create1(0) };
	pthread_t thread;
	int i;

	ASSERT_EQ(0, mq_create(&self->queue, "max_messages=4"));
	p.fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, p.fd);
	ASSERT_EQ(0, mq_fill(p.fd, 4));
	ASSERT_EQ(0, epoll_ctl(p.epoll, EPOLL_CTL_ADD, p.fd, &event));
	ASSERT_EQ(0, pthread_create(&thread, NULL, poll_and_put, &p));
	ASSERT_TRUE(mq_wait_until(__atomic_load_n(&p.tid, __ATOMIC_ACQUIRE) &&
				  mq_is_asleep(getpid(), p.tid,
					       SYS_epoll_wait)));
	START_WRITERS("w");
	ASSERT_EQ(4, mq_purge(p.fd, 0, 0));
	/*
	 * Some writers fill the queue, and others get in as messages are read.
	 */
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 4));
	for (i = 0; i < SLEEPERS + 1; i++)
		EXPECT_TRUE(mq_wait_until(mq_read(p.fd, self->data[0], 64) > 0));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(1, p.result);
	EXPECT_TRUE(mq_wait_until(ended(self) == SLEEPERS));
	close(p.epoll);
	close(p.fd);
}

/*
 * Of two exclusive pollers, the first one leaves room for the second, which
 * must be woken.
 */
TEST_F(wake, exclusive_poller_hands_on_room_that_nobody_was_refused)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLEXCLUSIVE };
	struct poller p[2] = {};
	pthread_t threads[2];
	int i;

	ASSERT_EQ(0, mq_create(&self->queue, "max_messages=4"));
	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	for (i = 0; i < 2; i++) {
		p[i].epoll = epoll_create1(0);
		p[i].fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
		ASSERT_LE(0, p[i].fd);
		ASSERT_EQ(0, epoll_ctl(p[i].epoll, EPOLL_CTL_ADD, p[i].fd,
				       &event));
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, poll_and_put,
					    &p[i]));
		ASSERT_TRUE(mq_wait_thread_asleep(&p[i].tid, SYS_epoll_wait));
	}
	ASSERT_EQ(4, mq_purge(self->fd, 0, 0));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(1, p[i].result);
		close(p[i].epoll);
		close(p[i].fd);
	}
}

/*
 * A write that was too large for the room was refused, and a thread polls for
 * that room, while a small write succeeds.
 */
TEST_F(wake, poller_that_wants_much_is_told_after_another_got_a_little_in)
{
	struct mq_call call;
	char data[8];

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "10"));
	ASSERT_EQ(5, mq_put(self->fd, "aaaaa"));
	ASSERT_EQ(-EAGAIN, mq_put(self->fd, "bbbbbbbb"));
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLOUT));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_put(self->fd, "c"));
	ASSERT_EQ(5, mq_read(self->fd, data, sizeof(data)));
	ASSERT_EQ(1, mq_read(self->fd, data, sizeof(data)));
	EXPECT_EQ(1, mq_call_result(&call));
}

/* The poller cannot receive, so it must not be woken instead of the reader. */
TEST_F(wake, exclusive_poller_without_credit_eats_no_message)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct poller p = { .epoll = epoll_create1(0) };
	struct mq_call call;
	pthread_t thread;
	char data[8];
	int fd;

	p.fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, p.fd);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(p.fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	ASSERT_EQ(1, mq_read(p.fd, data, sizeof(data)));
	ASSERT_EQ(0, epoll_ctl(p.epoll, EPOLL_CTL_ADD, p.fd, &event));
	ASSERT_EQ(0, pthread_create(&thread, NULL, poll_and_put, &p));
	ASSERT_TRUE(mq_wait_until(__atomic_load_n(&p.tid, __ATOMIC_ACQUIRE) &&
				  mq_is_asleep(getpid(), p.tid,
					       SYS_epoll_wait)));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_put(self->fd, "b"));
	EXPECT_EQ(1, mq_call_result(&call));
	/* With credit, the poller is woken. */
	ASSERT_EQ(1, mq_put(self->fd, "c"));
	ASSERT_EQ(1, mq_ack(p.fd, mq_last_id(p.fd)));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(1, p.result);
	close(p.epoll);
	close(p.fd);
	close(fd);
}

/* A thread that waits in epoll_wait() and receives without waiting. */
struct epoller {
	int epoll;
	int fd;
	pid_t tid;
	pthread_t thread;
};

/* Receive after each event, until the stop event comes. */
static void *poll_and_take(void *arg)
{
	struct epoller *t = arg;
	struct epoll_event event = {};
	char data[8];

	__atomic_store_n(&t->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (epoll_wait(t->epoll, &event, 1, -1) == 1 && !event.data.u32)
		mq_read(t->fd, data, sizeof(data));
	return NULL;
}

static int epoller_start(struct epoller *t, int fd, int stop)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct epoll_event last = { .events = EPOLLIN, .data.u32 = 1 };

	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->fd = fd;
	if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event) ||
	    epoll_ctl(t->epoll, EPOLL_CTL_ADD, stop, &last))
		return -errno;
	return -pthread_create(&t->thread, NULL, poll_and_take, t);
}

static bool epoller_sleeps(struct epoller *t)
{
	return mq_wait_until(__atomic_load_n(&t->tid, __ATOMIC_ACQUIRE) &&
			     mq_is_asleep(getpid(), t->tid, SYS_epoll_wait));
}

#define TAKE_ROUNDS	50

/*
 * An open file may hold one delivery, and has two pollers, which are woken for
 * a message each. It must leave one of the messages to another open file.
 */
TEST_F(wake, exclusive_pollers_of_one_file_leave_what_it_may_not_hold)
{
	struct epoller epollers[2] = {};
	int i, n, fd, other, stop = eventfd(0, EFD_CLOEXEC);
	struct mq_call call;
	char data[8];

	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	other = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 1));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, epoller_start(&epollers[i], fd, stop));
	for (n = 0; n < TAKE_ROUNDS; n++) {
		ASSERT_EQ(0, mq_read_start(&call, other, data, sizeof(data)));
		ASSERT_TRUE(mq_call_sleeps(&call));
		ASSERT_TRUE(epoller_sleeps(&epollers[0]));
		ASSERT_TRUE(epoller_sleeps(&epollers[1]));
		ASSERT_EQ(1, mq_put(self->fd, "a"));
		ASSERT_EQ(1, mq_put(self->fd, "b"));
		ASSERT_EQ(1, mq_call_result(&call));
		/* It is held, but cannot be settled, until its reader has it. */
		ASSERT_TRUE(mq_wait_until(mq_settle(fd, 1, UINT64_MAX,
						    DEVMQ_ACTION_ACK) == 1));
	}
	ASSERT_EQ(0, eventfd_write(stop, 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(epollers[i].thread, NULL));
		close(epollers[i].epoll);
	}
	close(stop);
	close(fd);
	close(other);
}

/* Start a child that polls a queue exclusively, and exits when it is woken. */
static pid_t poll_and_die(const struct mq_queue *queue, int flags,
			  uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLEXCLUSIVE };
	pid_t child = mq_fork();
	int epoll, fd;

	if (!child) {
		fd = mq_open(queue, flags | O_NONBLOCK);
		epoll = epoll_create1(0);
		if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			_exit(1);
		_exit(epoll_wait(epoll, &event, 1, -1) == 1 ? 0 : 2);
	}
	return mq_wait_asleep(child, child, SYS_epoll_wait) ? child : -ETIME;
}

TEST_F(wake, exclusive_poller_that_dies_leaves_the_message_to_the_next)
{
	struct mq_call call;
	char data[8];
	pid_t child;
	int fd;

	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	child = poll_and_die(&self->queue, O_RDONLY, EPOLLIN);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	EXPECT_EQ(0, mq_wait_child(child));
	EXPECT_EQ(1, mq_call_result(&call));
	close(fd);
}

TEST_F(wake, exclusive_poller_that_dies_leaves_the_room_to_the_next)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLEXCLUSIVE };
	struct poller p = { .epoll = epoll_create1(0) };
	pthread_t thread;
	pid_t child;
	char data[8];

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	p.fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, p.fd);
	child = poll_and_die(&self->queue, O_WRONLY, EPOLLOUT);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, epoll_ctl(p.epoll, EPOLL_CTL_ADD, p.fd, &event));
	ASSERT_EQ(0, pthread_create(&thread, NULL, poll_and_put, &p));
	ASSERT_TRUE(mq_wait_until(__atomic_load_n(&p.tid, __ATOMIC_ACQUIRE) &&
				  mq_is_asleep(getpid(), p.tid,
					       SYS_epoll_wait)));
	ASSERT_EQ(1, mq_read(self->fd, data, sizeof(data)));
	EXPECT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(1, p.result);
	close(p.epoll);
	close(p.fd);
}

TEST_HARNESS_MAIN
