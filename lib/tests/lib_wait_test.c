// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdevmq with the kernel module: calls that wait, wake-ups, signals, and
 * threads that share a handle.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib_test.h"

/* Wait until a thread probably sleeps. */
static void let_it_sleep(void)
{
	usleep(100 * 1000);
}

/* -- waiting --------------------------------------------------------------- */

TEST_F(queue, timeouts_are_kept)
{
	struct devmq_queue *q;
	uint64_t start;

	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ));
	EXPECT_EQ(-EAGAIN, devmq_recv(q, self->buffer, 0, 0));
	start = now_ns(CLOCK_MONOTONIC);
	EXPECT_EQ(-ETIMEDOUT, devmq_recv(q, self->buffer, 0, 150));
	start = now_ns(CLOCK_MONOTONIC) - start;
	EXPECT_LE(150 * 1000000ULL, start);
	EXPECT_EQ(-EAGAIN, devmq_recv(self->in, self->buffer, 0, -1));
	EXPECT_EQ(-EAGAIN, devmq_recv(self->in, self->buffer, 0, 1000));
	devmq_close(q);
}

struct late {
	struct devmq_queue	*queue;
	const char		*text;
};

static void *send_late(void *arg)
{
	struct late *late = arg;

	let_it_sleep();
	send_text(late->queue, late->text);
	return NULL;
}

TEST_F(queue, a_sleeping_receiver_wakes)
{
	struct late late = { self->out, "late" };
	struct devmq_queue *q;
	pthread_t thread;

	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ));
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_late, &late));
	EXPECT_EQ(1, devmq_recv(q, self->buffer, 0, -1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_late, &late));
	EXPECT_EQ(1, devmq_recv(q, self->buffer, 0, 20000));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	devmq_close(q);
}

/* Receive 150 messages, in several calls. */
static void *receive_late(void *arg)
{
	struct devmq_buffer *buffer;
	long all = 0;
	int n;

	devmq_buffer_new(&buffer, 0);
	while (all < 150) {
		let_it_sleep();
		n = devmq_recv(arg, buffer, 30, 0);
		if (n < 0 && n != -EAGAIN)
			break;
		if (n > 0)
			all += n;
	}
	devmq_buffer_free(buffer);
	return (void *)all;
}

TEST_F(queue, a_blocking_batch_goes_on_as_there_is_room)
{
	uint64_t first, last;
	struct devmq_queue *q;
	pthread_t thread;
	void *received;
	size_t sent;
	int i;

	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_WRITE));
	for (i = 0; i < 250; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, &i, sizeof(i)));
	ASSERT_EQ(0, pthread_create(&thread, NULL, receive_late, self->in));
	EXPECT_EQ(0, devmq_send_batch(q, self->batch, &sent, &first, &last));
	ASSERT_EQ(0, pthread_join(thread, &received));
	EXPECT_EQ(250, sent);
	EXPECT_EQ(1, first);
	EXPECT_EQ(250, last);
	EXPECT_EQ(150, (long)received);
	EXPECT_EQ(100, COUNTER(q, ready));
	devmq_close(q);
}

static void on_alarm(int number)
{
}

/* The alarm repeats, as the first one may come too early. */
static void alarm_soon(int flags)
{
	struct sigaction action = { .sa_handler = on_alarm,
				    .sa_flags = flags };
	struct itimerval soon = { { 0, 100000 }, { 0, 100000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
}

TEST_F(queue, signals_end_the_sleep)
{
	struct itimerval off = { 0 };
	struct devmq_queue *q;
	size_t sent;
	int i;

	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ |
				DEVMQ_OPEN_WRITE));
	alarm_soon(0);
	EXPECT_EQ(-EINTR, devmq_recv(q, self->buffer, 0, -1));
	EXPECT_EQ(-EINTR, devmq_recv(q, self->buffer, 0, 20000));
	setitimer(ITIMER_REAL, &off, NULL);
	for (i = 0; i < 110; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, &i, sizeof(i)));
	alarm_soon(0);
	EXPECT_EQ(-EINTR, devmq_send_batch(q, self->batch, &sent, NULL, NULL));
	EXPECT_EQ(100, sent);
	EXPECT_EQ(10, devmq_batch_count(self->batch));
	EXPECT_EQ(-EINTR, send_text(q, "x"));
	setitimer(ITIMER_REAL, &off, NULL);
	EXPECT_EQ(0, devmq_purge(q, 0, 0, 0, 0, NULL));

	/* With SA_RESTART the call continues with the same deadline. */
	alarm_soon(SA_RESTART);
	EXPECT_EQ(-ETIMEDOUT, devmq_recv(q, self->buffer, 0, 350));
	setitimer(ITIMER_REAL, &off, NULL);
	devmq_close(q);
}

static void *wake_late(void *arg)
{
	let_it_sleep();
	return (void *)(long)devmq_wake(arg);
}

TEST_F(queue, a_sleeping_receiver_is_woken_without_a_message)
{
	struct devmq_queue *q;
	pthread_t thread;
	void *err;

	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ));
	EXPECT_EQ(-EINVAL, devmq_wake(q));
	ASSERT_EQ(0, devmq_enable_wake(q));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wake_late, q));
	EXPECT_EQ(-ECANCELED, devmq_recv(q, self->buffer, 0, -1));
	ASSERT_EQ(0, pthread_join(thread, &err));
	EXPECT_EQ(0, (long)err);
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	devmq_close(q);
}

TEST_F(queue, a_handle_that_can_be_woken_receives_as_others_do)
{
	struct late late = { self->out, "late" };
	struct devmq_queue *q;
	pthread_t thread;

	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ));
	ASSERT_EQ(0, devmq_enable_wake(q));
	EXPECT_EQ(-EAGAIN, devmq_recv(q, self->buffer, 0, 0));
	EXPECT_EQ(-ETIMEDOUT, devmq_recv(q, self->buffer, 0, 20));
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_late, &late));
	EXPECT_EQ(1, devmq_recv(q, self->buffer, 0, -1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, devmq_set_option(self->name, "eof", "empty"));
	EXPECT_EQ(0, devmq_recv(q, self->buffer, 0, -1));
	ASSERT_EQ(0, devmq_set_option(self->name, "eof", "never"));
	ASSERT_EQ(0, devmq_remove(self->name, true, NULL, 0));
	self->name[0] = '\0';
	EXPECT_EQ(-ENODEV, devmq_recv(q, self->buffer, 0, -1));
	devmq_close(q);
}

static struct devmq_queue *to_wake;

static void on_alarm_wake(int number)
{
	devmq_wake(to_wake);
}

/* One signal is enough, whether it comes before the sleep or during it. */
TEST_F(queue, a_signal_handler_may_wake)
{
	struct sigaction action = { .sa_handler = on_alarm_wake,
				    .sa_flags = SA_RESTART };
	struct itimerval once = { { 0 }, { 0, 1000 } };
	struct devmq_queue *q;
	int i, err;

	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ));
	ASSERT_EQ(0, devmq_enable_wake(q));
	to_wake = q;
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, setitimer(ITIMER_REAL, &once, NULL));
		err = devmq_recv(q, self->buffer, 0, -1);
		if (err == -EINTR)
			err = devmq_recv(q, self->buffer, 0, -1);
		ASSERT_EQ(-ECANCELED, err);
	}
	EXPECT_EQ(-EAGAIN, devmq_recv(q, self->buffer, 0, 0));
	devmq_close(q);
}

/* A consumer that receives until it is woken. */
struct worker {
	struct devmq_queue	*queue;
	pthread_t		thread;
	int			received, error;
};

static void *work_until_woken(void *arg)
{
	struct worker *w = arg;
	struct devmq_buffer *buffer;
	int n = devmq_buffer_new(&buffer, 0);

	if (!n)
		while ((n = devmq_recv(w->queue, buffer, 3, -1)) > 0)
			w->received += n;
	w->error = n;
	devmq_buffer_free(buffer);
	return NULL;
}

TEST_F(queue, each_wake_up_ends_one_thread_and_no_message_is_lost)
{
	struct worker w[4] = { 0 };
	int i, k, received = 0, n;
	struct devmq_queue *q;

	ASSERT_EQ(0, devmq_set_option(self->name, "max_messages", "5000"));
	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ));
	ASSERT_EQ(0, devmq_enable_wake(q));
	for (i = 0; i < 4; i++) {
		w[i].queue = q;
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL,
					    work_until_woken, &w[i]));
	}
	/* While messages come, wake one thread after the other. */
	for (i = 0; i < 4; i++) {
		for (k = 0; k < 500; k++)
			ASSERT_EQ(0, send_text(self->out, "x"));
		ASSERT_EQ(0, devmq_wake(q));
	}
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(w[i].thread, NULL));
		EXPECT_EQ(-ECANCELED, w[i].error);
		received += w[i].received;
	}
	while ((n = devmq_recv(q, self->buffer, 0, 0)) > 0)
		received += n;
	EXPECT_EQ(-EAGAIN, n);
	EXPECT_EQ(2000, received);
	EXPECT_EQ(2000, COUNTER(q, acked));
	devmq_close(q);
}

TEST_F(queue, a_wake_up_ends_a_call)
{
	char name[DEVMQ_NAME_SIZE];
	struct devmq_queue *replies;
	unsigned int flags;
	pthread_t thread;

	snprintf(name, sizeof(name), "%.40s.replies", self->name);
	ASSERT_EQ(0, devmq_create(name, NULL, NULL, 0));
	/* A blocking handle waits in devmq_recv(), a non-blocking one polls. */
	for (flags = 0; flags <= DEVMQ_OPEN_NONBLOCK;
	     flags += DEVMQ_OPEN_NONBLOCK) {
		ASSERT_EQ(0, devmq_open(&replies, name,
					DEVMQ_OPEN_READ | flags));
		ASSERT_EQ(0, devmq_enable_wake(replies));
		ASSERT_EQ(0, devmq_batch_add(self->batch, "request", 7));
		ASSERT_EQ(0, pthread_create(&thread, NULL, wake_late, replies));
		EXPECT_EQ(-ECANCELED, devmq_call(self->out, self->batch,
						 replies, self->buffer, -1,
						 &self->msg));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		devmq_close(replies);
	}
	EXPECT_EQ(0, devmq_remove(name, true, NULL, 0));
}

TEST_F(queue, poll_works_on_the_descriptor)
{
	struct pollfd in = { devmq_fd(self->in), POLLIN, 0 };
	struct pollfd out = { devmq_fd(self->out), POLLOUT, 0 };

	EXPECT_EQ(0, poll(&in, 1, 0));
	EXPECT_EQ(1, poll(&out, 1, 0));
	ASSERT_EQ(0, send_text(self->out, "x"));
	EXPECT_EQ(1, poll(&in, 1, 0));
	ASSERT_EQ(0, devmq_set_option(self->name, "max_messages", "1"));
	EXPECT_EQ(0, poll(&out, 1, 0));
}

TEST_F(queue, end_of_file_is_zero)
{
	ASSERT_EQ(0, devmq_set_option(self->name, "eof", "empty"));
	EXPECT_EQ(0, devmq_recv(self->in, self->buffer, 0, -1));
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	ASSERT_EQ(0, devmq_set_option(self->name, "eof", "hangup"));
	EXPECT_EQ(-EAGAIN, devmq_recv(self->in, self->buffer, 0, 0));
	devmq_close(self->out);
	self->out = NULL;
	EXPECT_EQ(0, devmq_recv(self->in, self->buffer, 0, -1));
}

static void *remove_late(void *name)
{
	let_it_sleep();
	return (void *)(long)devmq_remove(name, true, NULL, 0);
}

TEST_F(queue, removal_ends_everything)
{
	struct devmq_consumer consumer;
	struct devmq_queue *q;
	struct devmq_stat st;
	pthread_t thread;
	void *err;

	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ |
				DEVMQ_OPEN_WRITE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, remove_late, self->name));
	EXPECT_EQ(-ENODEV, devmq_recv(q, self->buffer, 0, -1));
	ASSERT_EQ(0, pthread_join(thread, &err));
	EXPECT_EQ(NULL, err);
	EXPECT_EQ(-ENODEV, send_text(q, "x"));
	EXPECT_EQ(-ENODEV, devmq_recv(q, self->buffer, 0, 0));
	EXPECT_EQ(-ENODEV, devmq_peek(q, self->buffer, 0, 0, 0, 0));
	EXPECT_EQ(-ENODEV, devmq_stat(q, &st, sizeof(st)));
	EXPECT_EQ(-ENODEV, devmq_purge(q, 0, 0, 0, 0, NULL));
	EXPECT_EQ(-ENODEV, devmq_ack(q, 1));
	EXPECT_EQ(-ENODEV, devmq_get_consumer(q, &consumer,
					      sizeof(consumer)));
	EXPECT_EQ(-ENODEV, devmq_set_ack(q, DEVMQ_ACK_MANUAL, 0));
	EXPECT_STREQ(self->name, devmq_name(q));
	devmq_close(q);
	EXPECT_EQ(-ENOENT, devmq_open(&q, self->name, DEVMQ_OPEN_READ));
}

/* -- threads --------------------------------------------------------------- */

enum { THREADS = 16, EACH = 500 };

struct crowd {
	struct devmq_queue	*queue;
	atomic_int		errors;
	atomic_int		left;
	atomic_char		seen[THREADS * EACH];
};

struct member {
	struct crowd	*crowd;
	int		index;
	pthread_t	thread;
};

static void *crowd_send(void *arg)
{
	struct member *me = arg;
	struct devmq_batch *batch;
	struct devmq_stat st;
	int i, number;

	devmq_batch_new(&batch);
	for (i = 0; i < EACH; i++) {
		number = me->index * EACH + i;
		devmq_batch_add(batch, &number, sizeof(number));
		devmq_batch_set_key(batch, "key", i % 4);
		if (rand() % 8 && i < EACH - 1)
			continue;
		if (devmq_send_batch(me->crowd->queue, batch, NULL, NULL,
				     NULL) || devmq_batch_count(batch) ||
		    devmq_stat(me->crowd->queue, &st, sizeof(st)))
			me->crowd->errors++;
	}
	devmq_batch_free(batch);
	return NULL;
}

/* Receive messages and acknowledge them; now and then, release some. */
static void crowd_settle(struct crowd *crowd, struct devmq_buffer *buffer)
{
	const struct devmq_msg *msg;
	uint64_t settled;
	int n = 0;

	if (rand() % 8 == 0) {
		if (devmq_release_buffer(crowd->queue, buffer, NULL))
			crowd->errors++;
		return;
	}
	while (devmq_buffer_next(buffer, &msg) > 0) {
		crowd->seen[*(int *)devmq_msg_payload(msg, NULL)]++;
		n++;
	}
	if (rand() % 2) {
		if (devmq_ack_buffer(crowd->queue, buffer, &settled) ||
		    settled != (uint64_t)n)
			crowd->errors++;
	} else {
		devmq_buffer_rewind(buffer);
		while (devmq_buffer_next(buffer, &msg) > 0)
			if (devmq_ack(crowd->queue, devmq_msg_id(msg)))
				crowd->errors++;
	}
	crowd->left -= n;
}

static void *crowd_receive(void *arg)
{
	struct member *me = arg;
	struct devmq_buffer *buffer;
	int n;

	devmq_buffer_new(&buffer, 0);
	while (me->crowd->left > 0) {
		n = devmq_recv(me->crowd->queue, buffer, 1 + rand() % 20, 50);
		if (n > 0)
			crowd_settle(me->crowd, buffer);
		else if (n != -ETIMEDOUT)
			me->crowd->errors++;
	}
	devmq_buffer_free(buffer);
	return NULL;
}

TEST_F(queue, threads_share_a_handle)
{
	static struct crowd crowd;
	static struct member members[2 * THREADS];
	struct devmq_stat st;
	int i;

	ASSERT_EQ(0, devmq_open(&crowd.queue, self->name, DEVMQ_OPEN_READ |
				DEVMQ_OPEN_WRITE));
	ASSERT_EQ(0, devmq_set_ack(crowd.queue, DEVMQ_ACK_MANUAL, 60));
	crowd.left = THREADS * EACH;
	for (i = 0; i < 2 * THREADS; i++) {
		members[i].crowd = &crowd;
		members[i].index = i;
		ASSERT_EQ(0, pthread_create(&members[i].thread, NULL,
					    i < THREADS ? crowd_send :
					    crowd_receive, &members[i]));
	}
	for (i = 0; i < 2 * THREADS; i++)
		ASSERT_EQ(0, pthread_join(members[i].thread, NULL));
	EXPECT_EQ(0, crowd.errors);
	for (i = 0; i < THREADS * EACH; i++)
		ASSERT_EQ(1, crowd.seen[i]);
	ASSERT_EQ(0, devmq_stat(crowd.queue, &st, sizeof(st)));
	EXPECT_EQ(THREADS * EACH, st.sent);
	EXPECT_EQ(THREADS * EACH, st.acked);
	EXPECT_EQ(0, st.ready | st.in_flight | st.bytes | st.dropped);
	devmq_close(crowd.queue);
}

static void *open_and_close(void *arg)
{
	struct member *me = arg;
	struct devmq_queue *q;
	char **names;
	int i, n;

	for (i = 0; i < 20; i++) {
		if (devmq_open(&q, devmq_name(me->crowd->queue),
			       DEVMQ_OPEN_READ | DEVMQ_OPEN_WRITE)) {
			me->crowd->errors++;
			continue;
		}
		if (send_text(q, "x"))
			me->crowd->errors++;
		devmq_close(q);
		n = devmq_list(&names);
		if (n > 0)
			free(names);
		else
			me->crowd->errors++;
	}
	return NULL;
}

TEST_F(queue, threads_open_and_close)
{
	static struct crowd crowd;
	static struct member members[THREADS];
	int i;

	crowd.queue = self->in;
	ASSERT_EQ(0, devmq_set_option(self->name, "max_messages", "10000"));
	for (i = 0; i < THREADS; i++) {
		members[i].crowd = &crowd;
		ASSERT_EQ(0, pthread_create(&members[i].thread, NULL,
					    open_and_close, &members[i]));
	}
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_join(members[i].thread, NULL));
	EXPECT_EQ(0, crowd.errors);
	EXPECT_EQ(THREADS * 20, COUNTER(self->in, ready));
	EXPECT_EQ(1, COUNTER(self->in, consumers));
}

TEST_F(queue, a_killed_consumer_gives_back)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, send_numbers(self->out, 3));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct devmq_queue *q;

		if (devmq_open(&q, self->name, DEVMQ_OPEN_READ) ||
		    devmq_set_ack(q, DEVMQ_ACK_MANUAL, 0) ||
		    devmq_recv(q, self->buffer, 2, 0) != 2)
			_exit(1);
		raise(SIGKILL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(3, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(1, devmq_msg_id(self->msg));
	EXPECT_EQ(2, devmq_msg_attempt(self->msg));
}

TEST_HARNESS_MAIN
