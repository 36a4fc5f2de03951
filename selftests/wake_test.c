// SPDX-License-Identifier: GPL-2.0
/*
 * Who is woken: as many as there is something for, and nobody else.
 *
 * The module wakes somebody else when a thread that was woken does not get to
 * run within a few milliseconds (MQ_GRACE_JIFFIES), and a machine may be too
 * busy for that. So where a test is about who must not be woken, one try of many
 * is to show it (UNTIL_CALM): a wake-up too many that is a fault comes in each.
 */
#include "mq_test.h"
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#define SLEEPERS 8
#define POLLERS 2
/* How often what a busy machine can spoil is tried. */
#define TRIES 50

FIXTURE(wake) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	struct mq_call calls[SLEEPERS];
	struct mq_call polls[POLLERS];
	int fds[SLEEPERS];
	char data[SLEEPERS][64];
	long switches[SLEEPERS];
	int tries;
	int vain;		/* wake-ups too many in this try */
};

static int set_up(FIXTURE_DATA(wake) *self)
{
	int i, error = mq_create(&self->queue, "max_bytes=1000");

	if (error)
		return error;
	for (i = 0; i < SLEEPERS; i++)
		self->fds[i] = -1;
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	return self->fd < 0 ? self->fd : 0;
}

FIXTURE_SETUP(wake)
{
	MQ_REQUIRE();
	ASSERT_EQ(0, set_up(self));
}

/* A call that was begun, if it was, ends. */
static bool ends(struct mq_call *call)
{
	bool is = !call->tid || mq_call_result(call) != -ETIME;

	call->tid = 0;
	return is;
}

/* Remove the queues, which ends all who wait: 0 if they did end. */
static int dismiss(FIXTURE_DATA(wake) *self)
{
	int i, error = mq_cleanup();

	for (i = 0; i < SLEEPERS; i++) {
		if (!ends(&self->calls[i]))
			error = -ETIME;
		if (self->fds[i] >= 0)
			close(self->fds[i]);
	}
	for (i = 0; i < POLLERS; i++)
		if (!ends(&self->polls[i]))
			error = -ETIME;
	close(self->fd);
	return error;
}

/* Begin another try, with a new queue, unless the last one was good. */
static bool try_again(struct __test_metadata *_metadata,
		      FIXTURE_DATA(wake) *self)
{
	if (self->tries && !self->vain)
		return false;
	if (self->tries == TRIES) {
		EXPECT_EQ(0, self->vain) {
			TH_LOG("in the last of %d tries", TRIES);
		}
		return false;
	}
	if (self->tries) {
		ASSERT_EQ(0, dismiss(self));
		ASSERT_EQ(0, set_up(self));
	}
	self->tries++;
	self->vain = 0;
	return true;
}

#define UNTIL_CALM() while (try_again(_metadata, self))

FIXTURE_TEARDOWN(wake)
{
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

/* Let all sleep in read, each with an open of its own; remember how often. */
#define START_READERS() do {						\
	int __i;							\
									\
	for (__i = 0; __i < SLEEPERS; __i++) {				\
		self->fds[__i] = mq_open(&self->queue, O_RDONLY);	\
		ASSERT_LE(0, self->fds[__i]);				\
		ASSERT_EQ(0, mq_read_start(&self->calls[__i],		\
					   self->fds[__i],		\
					   self->data[__i], 64));	\
		ASSERT_TRUE(mq_call_sleeps(&self->calls[__i]));		\
	}								\
	remember(self);							\
} while (0)

#define START_WRITERS(text) do {					\
	int __i;							\
									\
	for (__i = 0; __i < SLEEPERS; __i++) {				\
		self->fds[__i] = mq_open(&self->queue, O_WRONLY);	\
		ASSERT_LE(0, self->fds[__i]);				\
		ASSERT_EQ(0, mq_write_start(&self->calls[__i],		\
					    self->fds[__i], text,	\
					    strlen(text)));		\
		ASSERT_TRUE(mq_call_sleeps(&self->calls[__i]));		\
	}								\
	remember(self);							\
} while (0)

static void remember(FIXTURE_DATA(wake) *self)
{
	int i;

	for (i = 0; i < SLEEPERS; i++)
		self->switches[i] = mq_switches(getpid(), self->calls[i].tid);
}

/* Wait until each one has ended or sleeps. */
static bool settled(FIXTURE_DATA(wake) *self)
{
	int i;

	for (i = 0; i < SLEEPERS; i++) {
		struct mq_call *call = &self->calls[i];

		if (!mq_wait_until(mq_call_done(call) ||
				   mq_is_asleep(getpid(), call->tid,
						call->number)))
			return false;
	}
	return true;
}

/* How many have ended. */
static int ended(FIXTURE_DATA(wake) *self)
{
	int i, count = 0;

	for (i = 0; i < SLEEPERS; i++)
		count += mq_call_done(&self->calls[i]);
	return count;
}

/* How many of those who still sleep were woken in between. */
static int woken_in_vain(FIXTURE_DATA(wake) *self)
{
	int i, count = 0;

	for (i = 0; i < SLEEPERS; i++)
		if (!mq_call_done(&self->calls[i]) &&
		    mq_switches(getpid(), self->calls[i].tid) !=
		    self->switches[i])
			count++;
	return count;
}

/* So many of the sleepers end; others that were woken are counted. */
#define EXPECT_WOKEN(count) do {					\
	EXPECT_TRUE(mq_wait_until(ended(self) == (count)));		\
	ASSERT_TRUE(settled(self));					\
	EXPECT_EQ(count, ended(self));					\
	self->vain += woken_in_vain(self);				\
} while (0)

TEST_F(wake, one_message_wakes_one_reader)
{
	int i;

	UNTIL_CALM() {
		START_READERS();
		for (i = 1; i <= SLEEPERS; i++) {
			ASSERT_EQ(1, mq_put(self->fd, "x"));
			EXPECT_WOKEN(i);
		}
	}
}

TEST_F(wake, readers_are_served_in_the_order_of_their_coming)
{
	int i;

	START_READERS();
	for (i = 0; i < SLEEPERS; i++) {
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_EQ(1, mq_call_result(&self->calls[i]));
	}
}

TEST_F(wake, batch_of_messages_wakes_as_many_readers)
{
	struct mq_batch batch = {};
	int i;

	for (i = 0; i < 3; i++)
		mq_batch_add(&batch, "x");
	UNTIL_CALM() {
		START_READERS();
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
		EXPECT_WOKEN(3);
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
		ASSERT_TRUE(mq_wait_until(ended(self) == SLEEPERS));
		EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	}
	mq_batch_free(&batch);
}

TEST_F(wake, refused_message_wakes_nobody)
{
	static char big[1001];

	START_READERS();
	EXPECT_EQ(-EMSGSIZE, mq_write(self->fd, big, sizeof(big)));
	EXPECT_EQ(-EFAULT, mq_write(self->fd, MQ_BAD_POINTER, 10));
	EXPECT_EQ(0, mq_write(self->fd, "", 0));
	ASSERT_TRUE(settled(self));
	EXPECT_EQ(0, ended(self));
	EXPECT_EQ(0, woken_in_vain(self));
}

TEST_F(wake, interrupted_reader_leaves_the_message_to_the_next)
{
	int i, round;

	/* A signal and a message at the same time: one of them is first. */
	ASSERT_EQ(0, mq_catch_signal(0));
	for (round = 0; round < 20; round++) {
		START_READERS();
		pthread_kill(self->calls[0].thread, SIGUSR1);
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 0))
		{
			TH_LOG("in round %d", round);
		}
		for (i = 1; i < SLEEPERS; i++)
			ASSERT_EQ(1, mq_put(self->fd, "x"));
		/* One left over if the first reader ended with EINTR. */
		ASSERT_TRUE(mq_wait_until(ended(self) == SLEEPERS));
		for (i = 0; i < SLEEPERS; i++) {
			pthread_join(self->calls[i].thread, NULL);
			close(self->fds[i]);
		}
		mq_read(self->fd, self->data[0], 64);
		ASSERT_EQ(0, mq_stat_of(&self->queue, ready));
	}
}

TEST_F(wake, killed_reader_takes_no_message)
{
	struct mq_call call;
	int fd, round, result;
	pid_t child;
	char data[8];

	/*
	 * The first in line is killed, then a message comes: it is for the
	 * second.  A process that is dying would never look at it.
	 */
	for (round = 0; round < 30; round++) {
		child = mq_fork();
		if (!child) {
			fd = mq_open(&self->queue, O_RDONLY);
			mq_read(fd, data, sizeof(data));
			_exit(0);
		}
		ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
		fd = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
		ASSERT_TRUE(mq_call_sleeps(&call));
		kill(child, SIGKILL);
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		result = mq_wait_child(child);
		EXPECT_EQ(128 + SIGKILL, result);
		ASSERT_EQ(1, mq_call_result(&call)) {
			TH_LOG("lost in round %d", round);
		}
		close(fd);
	}
}

TEST_F(wake, closing_reader_leaves_the_message_to_the_next)
{
	struct mq_call call;
	int fd, round;
	pid_t child;
	char data[8];

	/* The same when the message is first and the kill comes at once. */
	for (round = 0; round < 30; round++) {
		child = mq_fork();
		if (!child) {
			fd = mq_open(&self->queue, O_RDONLY);
			mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 0);
			mq_read(fd, data, sizeof(data));
			for (;;)
				pause();
		}
		ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
		fd = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
		ASSERT_TRUE(mq_call_sleeps(&call));
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		kill(child, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
		ASSERT_EQ(1, mq_call_result(&call)) {
			TH_LOG("lost in round %d", round);
		}
		close(fd);
	}
	EXPECT_EQ(30, mq_stat_of(&self->queue, acked));
}

TEST_F(wake, reader_in_poll_and_reader_in_read)
{
	int i;

	/* Everyone who polls is told; of those who read, one gets it. */
	UNTIL_CALM() {
		for (i = 0; i < POLLERS; i++) {
			ASSERT_EQ(0, mq_poll_start(&self->polls[i], self->fd,
						   POLLIN));
			ASSERT_TRUE(mq_call_sleeps(&self->polls[i]));
		}
		START_READERS();
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		EXPECT_WOKEN(1);
		ASSERT_EQ(1, mq_put(self->fd, "y"));
		ASSERT_TRUE(mq_wait_until(ended(self) == 2));
	}
}

TEST_F(wake, two_messages_wake_two_readers_even_if_the_first_is_slow)
{
	int round, i;

	/* Messages in quick succession: no wake-up may be swallowed. */
	for (round = 0; round < 10; round++) {
		START_READERS();
		for (i = 0; i < SLEEPERS; i++)
			ASSERT_EQ(1, mq_put(self->fd, "x"));
		for (i = 0; i < SLEEPERS; i++) {
			ASSERT_EQ(1, mq_call_result(&self->calls[i])) {
				TH_LOG("reader %d in round %d", i, round);
			}
			close(self->fds[i]);
		}
	}
}

/* On a processor that somebody else has, so that who is woken there must wait. */
static int occupy(cpu_set_t *set)
{
	struct sched_param param = { .sched_priority = 10 };
	int cpu, ready[2];
	char byte;
	pid_t pid;

	for (cpu = CPU_SETSIZE - 1; cpu && !CPU_ISSET(cpu, set); cpu--)
		;
	CPU_ZERO(set);
	CPU_SET(cpu, set);
	if (pipe(ready))
		return -1;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sched_setaffinity(0, sizeof(*set), set) ||
		    sched_setscheduler(0, SCHED_FIFO, &param))
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			;
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

/*
 * One message may wait for a reader that does not get to run, and no more. The
 * kernel lets each have a little of a processor's time after a while; where that
 * came first, nothing is proved.
 */
static void check_hold_up(struct __test_metadata *_metadata,
			  FIXTURE_DATA(wake) *self, unsigned int pause_us)
{
	cpu_set_t all, one;
	pid_t hog;
	int i;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	if (CPU_COUNT(&all) < 2)
		SKIP(return, "one processor");
	UNTIL_CALM() {
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(all), &all));
		START_READERS();
		one = all;
		hog = occupy(&one);
		ASSERT_LT(0, hog);
		/* The first one has to wait there for what it is woken for. */
		ASSERT_EQ(0, sched_setaffinity(self->calls[0].tid, sizeof(one),
					       &one));
		CPU_XOR(&one, &all, &one);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
		for (i = 1; i < SLEEPERS; i++)
			ASSERT_EQ(0, sched_setaffinity(self->calls[i].tid,
						       sizeof(one), &one));
		for (i = 0; i < 4; i++) {
			ASSERT_EQ(1, mq_put(self->fd, "x"));
			usleep(pause_us);
		}
		EXPECT_TRUE(mq_wait_until(ended(self) >= 3));
		self->vain = mq_call_done(&self->calls[0]);
		kill(hog, SIGKILL);
		ASSERT_EQ(hog, waitpid(hog, NULL, 0));
		EXPECT_TRUE(mq_wait_until(ended(self) == 4));
	}
}

TEST_F(wake, reader_that_does_not_get_to_run_holds_up_no_later_message)
{
	check_hold_up(_metadata, self, 20000);
}

TEST_F(wake, reader_that_does_not_get_to_run_holds_up_no_burst)
{
	check_hold_up(_metadata, self, 0);
}

/* What cannot be received yet wakes nobody for nothing, again and again. */
TEST_F(wake, message_in_a_paused_queue_leaves_sleepers_asleep)
{
	int i;

	START_READERS();
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "receive"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	usleep(20000);
	ASSERT_TRUE(settled(self));
	EXPECT_EQ(0, ended(self));
	for (i = 0; i < SLEEPERS; i++)
		EXPECT_GE(self->switches[i] + 4,
			  mq_switches(getpid(), self->calls[i].tid));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	EXPECT_TRUE(mq_wait_until(ended(self) == 1));
}

struct poller {
	int epoll;
	int fd;
	pid_t tid;
	ssize_t result;
};

/* Wait until there is room, and put one message there. */
static void *poll_and_put(void *arg)
{
	struct poller *p = arg;
	struct epoll_event event;

	__atomic_store_n(&p->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	p->result = epoll_wait(p->epoll, &event, 1, MQ_PATIENCE_MS);
	if (p->result == 1)
		p->result = mq_put(p->fd, "p");
	return NULL;
}

/* A poller that alone was told of much room takes little of it. */
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
	/* All of it is used, by whoever comes first; the others come after. */
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 4));
	for (i = 0; i < SLEEPERS + 1; i++)
		EXPECT_TRUE(mq_wait_until(mq_read(p.fd, self->data[0], 64) > 0));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(1, p.result);
	EXPECT_TRUE(mq_wait_until(ended(self) == SLEEPERS));
	close(p.epoll);
	close(p.fd);
}

/* Two that want to be the only one told: much room is for both, one after the other. */
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
		ASSERT_TRUE(mq_wait_until(
			__atomic_load_n(&p[i].tid, __ATOMIC_ACQUIRE) &&
			mq_is_asleep(getpid(), p[i].tid, SYS_epoll_wait)));
	}
	ASSERT_EQ(4, mq_purge(self->fd, 0, 0));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(1, p[i].result);
		close(p[i].epoll);
		close(p[i].fd);
	}
}

/* What one thread was refused the other polls for, while a third gets a little in. */
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

/* It could not receive, so it must not be the one who is told. */
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
	/* When it could, it is told. */
	ASSERT_EQ(1, mq_put(self->fd, "c"));
	ASSERT_EQ(1, mq_ack(p.fd, mq_last_id(p.fd)));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(1, p.result);
	close(p.epoll);
	close(p.fd);
	close(fd);
}

/* Somebody who waits in epoll_wait() and receives without waiting. */
struct epoller {
	int epoll;
	int fd;
	pid_t tid;
	pthread_t thread;
};

/* Until there is something but messages in its epoll. */
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
 * Both pollers of an open file that may hold one delivery are told of a message
 * each, and one of the messages is for somebody else.
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
		ASSERT_TRUE(mq_wait_until(mq_held(fd) == 1));
		ASSERT_EQ(1, mq_settle(fd, 1, UINT64_MAX, DEVMQ_ACTION_ACK));
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

/* A child that polls a queue alone, and is gone as soon as it is told. */
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

#define CROWD		1500
#define CROWD_RATIO	4

/* Each waits for more room than there is, in a thread with little memory. */
static void *write_big(void *arg)
{
	static const char big[800];

	return (void *)(long)mq_write(*(int *)arg, big, sizeof(big));
}

/* How many threads of this process are asleep in a system call. */
static int count_asleep(long call)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir)))
		n += mq_is_asleep(getpid(), atoi(entry->d_name), call);
	if (dir)
		closedir(dir);
	return n;
}

TEST_F(wake, message_costs_the_same_beside_many_writers_that_do_not_fit)
{
	static pthread_t threads[CROWD];
	int fd = mq_open(&self->queue, O_WRONLY), i;
	int holder = mq_open(&self->queue, O_RDONLY);
	uint64_t alone, beside;
	pthread_attr_t attr;
	void *result;
	char data[300] = {};

	ASSERT_LE(0, fd);
	ASSERT_LE(0, holder);
	ASSERT_EQ(0, mq_consumer_set(holder, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(300, mq_write(self->fd, data, 300));
	ASSERT_EQ(300, mq_read(holder, data, 300));
	alone = mq_message_cost(self->fd);
	ASSERT_NE(UINT64_MAX, alone);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (i = 0; i < CROWD; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], &attr, write_big,
					    &fd));
	/* When all are asleep, and the machine lets it be seen. */
	ASSERT_TRUE(mq_wait_until(count_asleep(SYS_write) == CROWD));
	EXPECT_TRUE(mq_wait_until((beside = mq_message_cost(self->fd)) <=
				  CROWD_RATIO * alone));
	TH_LOG("%llu ns alone, %llu ns beside %d", (unsigned long long)alone,
	       (unsigned long long)beside, CROWD);
	ASSERT_EQ(0, mq_remove(&self->queue));
	for (i = 0; i < CROWD; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(-ENODEV, (long)result);
	}
	close(fd);
	close(holder);
}

/* Messages that come while somebody just looks for them are not left behind. */
TEST_F(wake, looking_before_sleeping_loses_no_message)
{
	int round, i;

	for (i = 0; i < 2; i++) {
		self->fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, self->fds[i]);
	}
	for (round = 0; round < 1000; round++) {
		for (i = 0; i < 2; i++)
			ASSERT_EQ(0, mq_read_start(&self->calls[i], self->fds[i],
						   self->data[i], 64));
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_EQ(1, mq_put(self->fd, "y"));
		for (i = 0; i < 2; i++)
			ASSERT_EQ(1, mq_call_result(&self->calls[i])) {
				TH_LOG("reader %d in round %d", i, round);
			}
	}
}

TEST_F(wake, one_place_wakes_one_writer)
{
	int i;

	UNTIL_CALM() {
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		START_WRITERS("y");
		for (i = 1; i <= SLEEPERS; i++) {
			ASSERT_EQ(1, mq_read(self->fd, self->data[0], 64));
			EXPECT_WOKEN(i);
			EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
		}
	}
}

TEST_F(wake, much_room_wakes_as_many_writers_as_fit)
{
	char text[101];

	/* 1000 bytes in one message make room for eight of 100. */
	memset(text, 'x', 100);
	text[100] = '\0';
	ASSERT_EQ(1000, mq_write(self->fd, (char [1000]){}, 1000));
	START_WRITERS(text);
	ASSERT_EQ(1000, mq_read(self->fd, (char [1000]){}, 1000));
	ASSERT_TRUE(mq_wait_until(ended(self) == SLEEPERS));
	EXPECT_EQ(100 * SLEEPERS, mq_stat_of(&self->queue, bytes));
}

TEST_F(wake, room_for_some_wakes_some)
{
	char text[101];

	memset(text, 'x', 100);
	text[100] = '\0';
	ASSERT_EQ(350, mq_write(self->fd, (char [350]){}, 350));
	ASSERT_EQ(650, mq_write(self->fd, (char [650]){}, 650));
	START_WRITERS(text);
	ASSERT_EQ(350, mq_read(self->fd, (char [1000]){}, 1000));
	ASSERT_TRUE(mq_wait_until(ended(self) == 3));
	ASSERT_TRUE(settled(self));
	EXPECT_EQ(3, ended(self));
	EXPECT_EQ(950, mq_stat_of(&self->queue, bytes));
}

TEST_F(wake, killed_writer_leaves_the_room_to_the_next)
{
	struct mq_call call;
	int fd, round, status;
	long long sent = 0;
	pid_t child;
	char byte;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	for (round = 0; round < 30; round++) {
		ASSERT_EQ(1, mq_put(self->fd, "a"));
		child = mq_fork();
		if (!child) {
			fd = mq_open(&self->queue, O_WRONLY);
			mq_put(fd, "b");
			_exit(0);
		}
		ASSERT_TRUE(mq_wait_asleep(child, child, SYS_write));
		fd = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, mq_write_start(&call, fd, "c", 1));
		ASSERT_TRUE(mq_call_sleeps(&call));
		kill(child, SIGKILL);
		ASSERT_EQ(0, mq_get(self->fd, "a"));
		status = mq_wait_child(child);
		EXPECT_EQ(128 + SIGKILL, status);
		/* The dying one may have got in first: room again. */
		if (mq_stat_of(&self->queue, sent) == sent + 2 &&
		    !mq_call_done(&call))
			mq_read(self->fd, &byte, 1);
		ASSERT_EQ(1, mq_call_result(&call)) {
			TH_LOG("stuck in round %d", round);
		}
		while (mq_read(self->fd, &byte, 1) == 1)
			;
		sent = mq_stat_of(&self->queue, sent);
		close(fd);
	}
}

TEST_F(wake, writers_alternate_with_readers_without_a_pause)
{
	char byte;
	int i;

	/* Many writers at a queue of one place, one reader: all get through. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	START_WRITERS("y");
	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, self->fd);
	for (i = 0; i < SLEEPERS + 1; i++)
		ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	for (i = 0; i < SLEEPERS; i++)
		EXPECT_EQ(1, mq_call_result(&self->calls[i]));
}

TEST_F(wake, threads_sharing_one_open_are_woken_one_by_one)
{
	int fd, i;

	UNTIL_CALM() {
		fd = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fd);
		for (i = 0; i < SLEEPERS; i++) {
			ASSERT_EQ(0, mq_read_start(&self->calls[i], fd,
						   self->data[i], 64));
			ASSERT_TRUE(mq_call_sleeps(&self->calls[i]));
		}
		remember(self);
		for (i = 1; i <= SLEEPERS; i++) {
			ASSERT_EQ(1, mq_put(self->fd, "x"));
			EXPECT_WOKEN(i);
		}
		close(fd);
	}
}

TEST_F(wake, thread_that_shares_gets_the_rest_of_a_half_read_message)
{
	struct mq_call call;
	int fd = mq_open(&self->queue, O_RDONLY);
	char rest[8] = {};

	/* Both sleep in read of one byte; a message of two bytes is for both. */
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&call, fd, rest, 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_read_start(&self->calls[0], fd, self->data[0], 1));
	ASSERT_TRUE(mq_call_sleeps(&self->calls[0]));
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(1, mq_call_result(&self->calls[0]));
	EXPECT_EQ('a' + 'b', rest[0] + self->data[0][0]);
}

/* -- credit that comes back just as somebody begins to wait -------------------- */

#define CREDIT_ROUNDS	4000
/* Or as many as a slow machine does in this time. */
#define CREDIT_MS	60000

/* A thread that receives one message for each round that begins. */
struct taker {
	int fd;
	int round;		/* the last one that began, -1: end */
	int taken;		/* the last one that it has a message of */
	uint64_t id;		/* of that message */
	int result;
};

static void *take_each(void *arg)
{
	char buffer[256] __attribute__((aligned(8)));
	struct devmq_recv recv;
	struct taker *t = arg;
	int round;

	for (;;) {
		while ((round = __atomic_load_n(&t->round, __ATOMIC_ACQUIRE)) ==
		       t->taken)
			;
		if (round < 0)
			return NULL;
		mq_recv_init(&recv, buffer, sizeof(buffer));
		recv.max_count = 1;
		recv.deadline_ns = DEVMQ_FOREVER;
		t->result = mq_ioctl(t->fd, DEVMQ_IOC_RECV, &recv);
		t->id = ((struct devmq_record *)buffer)->id;
		__atomic_store_n(&t->taken, round, __ATOMIC_RELEASE);
	}
}

static void begin(struct taker *t, int round)
{
	__atomic_store_n(&t->round, round, __ATOMIC_RELEASE);
}

static bool has_taken(struct taker *t, int round)
{
	return mq_wait_until(__atomic_load_n(&t->taken, __ATOMIC_ACQUIRE) ==
			     round);
}

/* A moment of another length in each round, from nothing to some microseconds. */
static void linger(int round)
{
	volatile int i;

	for (i = 0; i < round * 7919 % 4001; i++)
		;
}

TEST_F(wake, credit_that_comes_back_as_a_thread_begins_to_wait)
{
	struct taker t = { .fd = mq_open(&self->queue, O_RDONLY) };
	uint64_t end = mq_now_ms() + CREDIT_MS;
	pthread_t thread;
	int round;

	/* One settles what the other received, while that one asks for more. */
	ASSERT_LE(0, t.fd);
	ASSERT_EQ(0, mq_consumer_set(t.fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, take_each, &t));
	for (round = 1; round <= CREDIT_ROUNDS && mq_now_ms() < end; round++) {
		uint64_t id = t.id;

		begin(&t, round);
		linger(round);
		if (round > 1)
			ASSERT_EQ(1, mq_ack(t.fd, id));
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_TRUE(has_taken(&t, round)) {
			TH_LOG("round %d: ready %llu, in flight %llu", round,
			       mq_stat_of(&self->queue, ready),
			       mq_stat_of(&self->queue, in_flight));
		}
		ASSERT_EQ(0, t.result);
	}
	begin(&t, -1);
	pthread_join(thread, NULL);
	close(t.fd);
}

TEST_F(wake, active_consumer_that_goes_as_another_begins_to_wait)
{
	struct taker t = {};
	uint64_t end = mq_now_ms() + CREDIT_MS;
	pthread_t thread;
	int round, active;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "single_active", "1"));
	close(self->fd);
	self->fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, take_each, &t));
	for (round = 1; round <= CREDIT_ROUNDS && mq_now_ms() < end; round++) {
		active = mq_open(&self->queue, O_RDONLY);
		t.fd = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, active);
		ASSERT_LE(0, t.fd);
		begin(&t, round);
		linger(round);
		close(active);
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_TRUE(has_taken(&t, round)) {
			TH_LOG("in round %d", round);
		}
		ASSERT_EQ(0, t.result);
		close(t.fd);
	}
	begin(&t, -1);
	pthread_join(thread, NULL);
}

/* -- by time, and by what happens elsewhere -------------------------------------- */

/* Three messages that are held by somebody. */
#define HOLD_THREE(holder) do {						\
	holder = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);		\
	ASSERT_LE(0, holder);						\
	ASSERT_EQ(0, mq_consumer_set(holder, DEVMQ_ACK_MANUAL, 0));	\
	ASSERT_EQ(0, mq_fill(self->fd, 3));				\
	ASSERT_EQ(0, mq_get(holder, "m1"));				\
	ASSERT_EQ(0, mq_get(holder, "m2"));				\
	ASSERT_EQ(0, mq_get(holder, "m3"));				\
} while (0)

TEST_F(wake, delayed_messages_wake_as_many_readers)
{
	int i;

	UNTIL_CALM() {
		START_READERS();
		for (i = 1; i <= 3; i++)
			ASSERT_EQ(i, MQ_SEND(self->fd, .text = "x",
					     .delay_ns = 30 * MQ_MS));
		EXPECT_WOKEN(3);
	}
}

TEST_F(wake, messages_retried_after_a_delay_wake_as_many_readers)
{
	int holder;

	UNTIL_CALM() {
		HOLD_THREE(holder);
		START_READERS();
		ASSERT_EQ(3, mq_settle_after(holder, 1, 3, DEVMQ_ACTION_RETRY,
					     30 * MQ_MS));
		EXPECT_WOKEN(3);
		close(holder);
	}
}

TEST_F(wake, messages_whose_lease_ends_wake_as_many_readers)
{
	int holder;

	UNTIL_CALM() {
		HOLD_THREE(holder);
		START_READERS();
		ASSERT_EQ(3, mq_settle_after(holder, 1, 3, DEVMQ_ACTION_EXTEND,
					     30 * MQ_MS));
		EXPECT_WOKEN(3);
		close(holder);
	}
}

TEST_F(wake, redriven_messages_wake_as_many_readers)
{
	int holder;

	UNTIL_CALM() {
		HOLD_THREE(holder);
		ASSERT_EQ(3, mq_settle(holder, 1, 3, DEVMQ_ACTION_REJECT));
		START_READERS();
		ASSERT_EQ(3, mq_redrive(self->fd, 0, 0, -1, NULL));
		EXPECT_WOKEN(3);
		close(holder);
	}
}

TEST_F(wake, dead_messages_that_stay_wake_nobody)
{
	int holder;

	HOLD_THREE(holder);
	START_READERS();
	ASSERT_EQ(2, mq_settle(holder, 1, 2, DEVMQ_ACTION_REJECT));
	ASSERT_EQ(1, mq_defer(holder, 3));
	EXPECT_WOKEN(0);
	EXPECT_EQ(0, self->vain);
	close(holder);
}

TEST_F(wake, dead_messages_that_move_wake_readers_over_there)
{
	struct mq_queue grave;
	int i, holder, fd;

	/* The sleepers wait at the queue that takes the dead. */
	UNTIL_CALM() {
		grave = self->queue;
		fd = self->fd;
		ASSERT_EQ(0, mq_create(&self->queue, "dead_letter=%s",
				       grave.name));
		self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, self->fd);
		HOLD_THREE(holder);
		for (i = 0; i < SLEEPERS; i++) {
			self->fds[i] = mq_open(&grave, O_RDONLY);
			ASSERT_LE(0, self->fds[i]);
			ASSERT_EQ(0, mq_read_start(&self->calls[i],
						   self->fds[i],
						   self->data[i], 64));
			ASSERT_TRUE(mq_call_sleeps(&self->calls[i]));
		}
		remember(self);
		ASSERT_EQ(3, mq_settle(holder, 1, 3, DEVMQ_ACTION_REJECT));
		EXPECT_WOKEN(3);
		close(holder);
		close(fd);
	}
}

/* Have three messages that @holder holds expire when they come back. */
static int hold_expired(FIXTURE_DATA(wake) *self, int holder)
{
	uint64_t end = 0, ttl = 20 * MQ_MS;
	int held = 0;

	while (held < 3) {
		if (MQ_SEND(self->fd, .text = "x", .ttl_ns = ttl) < 0)
			return -EIO;
		end = mq_boot_ns() + ttl;
		if (mq_read(holder, self->data[0], 64) == 1)
			held++;
		else
			ttl *= 2;
	}
	while (mq_boot_ns() <= end)
		usleep(1000);
	return 0;
}

TEST_F(wake, expired_messages_wake_as_many_writers)
{
	int holder;

	UNTIL_CALM() {
		holder = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, holder);
		ASSERT_EQ(0, mq_consumer_set(holder, DEVMQ_ACK_MANUAL, 0));
		ASSERT_EQ(0, hold_expired(self, holder));
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "3"));
		START_WRITERS("y");
		ASSERT_EQ(3, mq_settle(holder, 1, ~0ULL,
				       DEVMQ_ACTION_RELEASE));
		EXPECT_WOKEN(3);
		EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
		close(holder);
	}
}

TEST_HARNESS_MAIN
