// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdevmq with the kernel module: requests and replies. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib_test.h"

/* -- requests and replies -------------------------------------------------- */

/*
 * A thread that answers @count requests; those of one receive in reverse order.
 */
struct server {
	struct devmq_queue	*queue;
	int			count;
	atomic_int		errors;
};

static void serve_some(struct server *s, struct devmq_buffer *buffer,
		       struct devmq_batch *batch)
{
	const struct devmq_msg *msg[4];
	const void *payload;
	size_t size;
	int n = 0;

	while (n < 4 && devmq_buffer_next(buffer, &msg[n]) > 0)
		n++;
	s->count -= n;
	while (n--) {
		payload = devmq_msg_payload(msg[n], &size);
		devmq_batch_clear(batch);
		if (devmq_batch_add(batch, payload, size) ||
		    devmq_reply(msg[n], batch, "lib-test-", 0))
			s->errors++;
	}
	if (devmq_ack_buffer(s->queue, buffer, NULL))
		s->errors++;
}

static void *serve(void *arg)
{
	struct server *s = arg;
	struct devmq_buffer *buffer;
	struct devmq_batch *batch;

	devmq_buffer_new(&buffer, 0);
	devmq_batch_new(&batch);
	while (s->count > 0 && devmq_recv(s->queue, buffer, 4, 60000) > 0) {
		serve_some(s, buffer, batch);
		/* Let several requests come before the next receive. */
		usleep(1000);
	}
	devmq_batch_free(batch);
	devmq_buffer_free(buffer);
	return NULL;
}

struct caller {
	struct devmq_queue	*queue, *replies;
	int			number, calls;
	atomic_int		*errors;
	pthread_t		thread;
};

static void *call(void *arg)
{
	struct caller *c = arg;
	const struct devmq_msg *reply;
	struct devmq_buffer *buffer;
	struct devmq_batch *batch;
	char text[32];
	int i, err;

	devmq_buffer_new(&buffer, 0);
	devmq_batch_new(&batch);
	for (i = 0; i < c->calls; i++) {
		snprintf(text, sizeof(text), "%d.%d", c->number, i);
		devmq_batch_add(batch, text, strlen(text));
		err = devmq_call(c->queue, batch, c->replies, buffer, 60000,
				 &reply);
		if (err || !payload_is(reply, text)) {
			printf("# call %s: error %d\n", text, err);
			++*c->errors;
		}
		devmq_batch_clear(batch);
	}
	devmq_batch_free(batch);
	devmq_buffer_free(buffer);
	return NULL;
}

TEST_F(queue, callers_share_a_queue_for_replies)
{
	static struct caller callers[4];
	static struct server server;
	char name[DEVMQ_NAME_SIZE];
	struct devmq_queue *replies, *requests;
	pthread_t thread;
	int i;

	snprintf(name, sizeof(name), "%.40s.replies", self->name);
	ASSERT_EQ(0, devmq_create(name, NULL, NULL, 0));
	ASSERT_EQ(0, devmq_open(&server.queue, self->name, DEVMQ_OPEN_READ));
	ASSERT_EQ(0, devmq_set_ack(server.queue, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, devmq_open(&requests, self->name, DEVMQ_OPEN_WRITE));
	ASSERT_EQ(0, devmq_open(&replies, name, DEVMQ_OPEN_READ));
	server.count = 4 * 25;
	ASSERT_EQ(0, pthread_create(&thread, NULL, serve, &server));
	for (i = 0; i < 4; i++) {
		callers[i].queue = requests;
		callers[i].number = i;
		callers[i].calls = 25;
		callers[i].errors = &server.errors;
		callers[i].replies = replies;
		/*
		 * Half of the callers share a handle, the others have their
		 * own.
		 */
		if (i >= 2)
			ASSERT_EQ(0, devmq_open(&callers[i].replies, name,
						DEVMQ_OPEN_READ |
						DEVMQ_OPEN_NONBLOCK));
		ASSERT_EQ(0, pthread_create(&callers[i].thread, NULL, call,
					    &callers[i]));
	}
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_join(callers[i].thread, NULL));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, server.errors);
	EXPECT_EQ(100, COUNTER(replies, acked));
	EXPECT_EQ(0, COUNTER(replies, in_flight));
	EXPECT_EQ(0, COUNTER(replies, ready));
	for (i = 2; i < 4; i++)
		devmq_close(callers[i].replies);
	devmq_close(replies);
	devmq_close(requests);
	devmq_close(server.queue);
	EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
}

TEST_F(queue, a_call_without_a_reply_ends)
{
	char name[DEVMQ_NAME_SIZE];
	struct devmq_queue *replies;
	uint64_t start;

	snprintf(name, sizeof(name), "%.40s.replies", self->name);
	ASSERT_EQ(0, devmq_create(name, "eof=hangup", NULL, 0));
	ASSERT_EQ(0, devmq_open(&replies, name, DEVMQ_OPEN_READ |
				DEVMQ_OPEN_WRITE));
	ASSERT_EQ(0, send_text(replies, "to somebody else"));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "request", 7));
	/* It must not expire before it is received below. */
	ASSERT_EQ(0, devmq_batch_set_ttl(self->batch, DEVMQ_FOREVER));
	start = now_ns(CLOCK_MONOTONIC);
	EXPECT_EQ(-ETIMEDOUT, devmq_call(self->out, self->batch, replies,
					 self->buffer, 100, &self->msg));
	EXPECT_LE(100000000, now_ns(CLOCK_MONOTONIC) - start);
	EXPECT_EQ(NULL, self->msg);
	EXPECT_EQ(1, COUNTER(replies, ready));
	ASSERT_EQ(1, devmq_recv(replies, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(1, devmq_msg_attempt(self->msg));

	/*
	 * The reply goes to the request's reply queue, if its prefix is
	 * allowed.
	 */
	ASSERT_EQ(1, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "answer", 6));
	EXPECT_EQ(-EPERM, devmq_reply(self->msg, self->batch, "other.", 0));
	EXPECT_EQ(0, devmq_reply(self->msg, self->batch, self->name, 0));
	EXPECT_EQ(0, devmq_batch_count(self->batch));
	ASSERT_EQ(1, devmq_recv(replies, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, "answer"));
	EXPECT_NE(NULL, devmq_msg_correlation_id(self->msg, NULL));
	devmq_close(replies);
	EXPECT_EQ(0, devmq_remove(name, true, NULL, 0));
}

TEST_F(queue, a_request_ends_with_the_patience_of_its_caller)
{
	char name[DEVMQ_NAME_SIZE];
	struct devmq_queue *replies;

	snprintf(name, sizeof(name), "%.40s.replies", self->name);
	ASSERT_EQ(0, devmq_create(name, NULL, NULL, 0));
	ASSERT_EQ(0, devmq_open(&replies, name, DEVMQ_OPEN_READ));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "request", 7));
	EXPECT_EQ(-ETIMEDOUT, devmq_call(self->out, self->batch, replies,
					 self->buffer, 20, &self->msg));
	/*
	 * The caller and the queue do not read their clocks at the same time.
	 */
	while (!COUNTER(self->in, expired))
		usleep(1000);
	EXPECT_EQ(-EAGAIN, devmq_recv(self->in, self->buffer, 0, 0));
	devmq_close(replies);
	EXPECT_EQ(0, devmq_remove(name, true, NULL, 0));
}

/*
 * Send a request without waiting for its reply, and receive it as its server.
 */
static int abandon_call(struct devmq_queue *out, struct devmq_queue *in,
			struct devmq_queue *replies, struct devmq_batch *batch,
			struct devmq_buffer *buffer)
{
	const struct devmq_msg *reply;
	int err = devmq_batch_add(batch, "request", 7) ?:
		  devmq_call(out, batch, replies, buffer, 0, &reply);

	return err == -ETIMEDOUT ? devmq_recv(in, buffer, 1, 0) : err;
}

TEST_F(queue, a_late_answer_is_nobodys)
{
	char name[DEVMQ_NAME_SIZE];
	struct devmq_queue *replies;
	struct server server = { .count = 1 };
	pthread_t thread;

	snprintf(name, sizeof(name), "%.40s.replies", self->name);
	ASSERT_EQ(0, devmq_create(name, NULL, NULL, 0));
	ASSERT_EQ(0, devmq_open(&replies, name, DEVMQ_OPEN_READ));
	ASSERT_EQ(1, abandon_call(self->out, self->in, replies, self->batch,
				  self->buffer));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "late", 4));
	ASSERT_EQ(0, devmq_reply(self->msg, self->batch, NULL, 0));
	/*
	 * The next call takes its own reply and leaves that one in the queue.
	 */
	devmq_close(self->in);
	self->in = NULL;
	ASSERT_EQ(0, devmq_open(&server.queue, self->name, DEVMQ_OPEN_READ));
	ASSERT_EQ(0, devmq_set_ack(server.queue, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, serve, &server));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "mine", 4));
	EXPECT_EQ(0, devmq_call(self->out, self->batch, replies, self->buffer,
				-1, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, "mine"));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, server.errors);
	EXPECT_EQ(1, COUNTER(replies, ready));
	ASSERT_EQ(1, devmq_recv(replies, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, "late"));
	EXPECT_EQ(1, devmq_msg_attempt(self->msg));
	devmq_close(server.queue);
	devmq_close(replies);
	EXPECT_EQ(0, devmq_remove(name, true, NULL, 0));
}

TEST_F(queue, late_answers_go_where_the_queue_for_replies_says_so)
{
	char name[DEVMQ_NAME_SIZE];
	struct devmq_queue *replies;

	snprintf(name, sizeof(name), "%.40s.replies", self->name);
	ASSERT_EQ(0, devmq_create(name, "ttl_ms=20", NULL, 0));
	ASSERT_EQ(0, devmq_open(&replies, name, DEVMQ_OPEN_READ));
	ASSERT_EQ(1, abandon_call(self->out, self->in, replies, self->batch,
				  self->buffer));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "late", 4));
	ASSERT_EQ(0, devmq_reply(self->msg, self->batch, NULL, 0));
	while (!COUNTER(replies, expired))
		usleep(1000);
	EXPECT_EQ(0, COUNTER(replies, ready));
	devmq_close(replies);
	EXPECT_EQ(0, devmq_remove(name, true, NULL, 0));
}

TEST_HARNESS_MAIN
