// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdevmq without a kernel: requests and replies, and waking.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "deadline.h"
#include "unit_test.h"

/* -- requests and replies -------------------------------------------------- */

/*
 * A fake queue for replies: the correlation ids of its messages, in order.
 * Messages that are held or gone are not delivered. The id "-" is replaced by
 * the request's id when that is sent.
 */
static struct {
	char		ids[8][64];
	bool		held[8], gone[8];
	int		count, received, peeked, acked, sent;
	bool		nonblock;
	uint64_t	ttl_ns;
	struct devmq_batch *batch;
} inbox;

static int inbox_send(struct devmq_send *a)
{
	const struct devmq_msg *msg = (void *)(uintptr_t)a->records;
	const char *id, *to;
	size_t size, to_size;
	int i;

	id = devmq_msg_correlation_id(msg, &size);
	to = devmq_msg_header(msg, "reply-to", &to_size);
	if (!id || size > 63 || !is(to, to_size, "pretended"))
		return -EINVAL;
	for (i = 0; i < inbox.count; i++)
		if (!strcmp(inbox.ids[i], "-")) {
			memcpy(inbox.ids[i], id, size);
			inbox.ids[i][size] = '\0';
		}
	inbox.sent++;
	inbox.ttl_ns = devmq_msg_record(msg)->ttl_ns;
	a->count = 1;
	a->first_id = 1;
	a->last_id = 1;
	return 0;
}

/*
 * Write the record of the next message from @from on; returns its size, or zero
 * if there is none.
 */
static size_t inbox_record(int from, bool all, void *to, int *index)
{
	struct devmq_record *r;
	int i;

	for (i = from; i < inbox.count; i++) {
		if (inbox.gone[i] || (inbox.held[i] && !all))
			continue;
		devmq_batch_clear(inbox.batch);
		devmq_batch_add(inbox.batch, "reply", 5);
		devmq_batch_add_header(inbox.batch, "correlation-id",
				       inbox.ids[i], strlen(inbox.ids[i]));
		r = (void *)inbox.batch->data;
		r->id = i + 1;
		memcpy(to, r, r->size);
		*index = i;
		return r->size;
	}
	return 0;
}

static int inbox_recv(struct devmq_recv *a)
{
	int i;

	if (a->max_count != 1)
		return -EINVAL;
	a->used = inbox_record(0, false, (void *)(uintptr_t)a->buffer, &i);
	if (!a->used)
		return a->deadline_ns && !inbox.nonblock ? -ETIMEDOUT :
							   -EAGAIN;
	inbox.held[i] = true;
	inbox.received++;
	a->count = 1;
	return 0;
}

static int inbox_settle(struct devmq_settle *a)
{
	struct devmq_settlement *s = (void *)(uintptr_t)a->settlements;
	uint64_t id;
	uint32_t i;

	for (i = 0; i < a->count; i++)
		for (id = s[i].first_id; id <= s[i].last_id; id++) {
			if (!inbox.held[id - 1])
				return -ESTALE;
			inbox.held[id - 1] = false;
			if (s[i].action == DEVMQ_ACTION_ACK) {
				inbox.gone[id - 1] = true;
				inbox.acked = id;
			}
			a->settled++;
		}
	return 0;
}

static int has_an_inbox(unsigned long command, void *arg)
{
	struct devmq_peek *peek = arg;
	int i;

	switch (command) {
	case DEVMQ_IOC_SEND:
		return inbox_send(arg);
	case DEVMQ_IOC_RECV:
		return inbox_recv(arg);
	case DEVMQ_IOC_SETTLE:
		return inbox_settle(arg);
	case DEVMQ_IOC_CONSUMER:
		return has_a_mode(command, arg);
	case DEVMQ_IOC_PEEK:
		peek->used = inbox_record(peek->after_id, true,
					  (void *)(uintptr_t)peek->buffer, &i);
		peek->count = peek->used ? 1 : 0;
		inbox.peeked++;
		return 0;
	default:
		return -EINVAL;
	}
}

static void set_inbox(struct devmq_batch *batch, int count,
		      const char *const *ids)
{
	int i;

	memset(&inbox, 0, sizeof(inbox));
	inbox.batch = batch;
	inbox.count = count;
	for (i = 0; i < count; i++)
		snprintf(inbox.ids[i], sizeof(inbox.ids[i]), "%s", ids[i]);
	kernel = has_an_inbox;
	memset(&mode, 0, sizeof(mode));
	mode.lease_ns = 5;
}

static bool inbox_is_free(void)
{
	int i;

	for (i = 0; i < inbox.count; i++)
		if (inbox.held[i])
			return false;
	return true;
}

FIXTURE(call) {
	struct devmq_batch *request, *records;
	struct devmq_buffer *buffer;
	const struct devmq_msg *msg;
};

FIXTURE_SETUP(call)
{
	ASSERT_EQ(0, devmq_batch_new(&self->request));
	ASSERT_EQ(0, devmq_batch_new(&self->records));
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	ASSERT_EQ(0, devmq_batch_add(self->request, "request", 7));
}

FIXTURE_TEARDOWN(call)
{
	devmq_batch_free(self->request);
	devmq_batch_free(self->records);
	devmq_buffer_free(self->buffer);
}

TEST_F(call, gets_its_reply)
{
	static const char *const ids[] = { "-" };
	size_t size;
	const void *p;

	set_inbox(self->records, 1, ids);
	ASSERT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				-1, &self->msg));
	p = devmq_msg_payload(self->msg, &size);
	EXPECT_TRUE(is(p, size, "reply"));
	EXPECT_EQ(1, inbox.acked);
	EXPECT_EQ(0, inbox.peeked);
	EXPECT_EQ(32, strlen(inbox.ids[0]));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, mode.ack);
	EXPECT_EQ(5, mode.lease_ns);
	EXPECT_EQ(0, devmq_batch_count(self->request));
}

TEST_F(call, leaves_replies_to_others)
{
	static const char *const ids[] = { "a", "b", "-", "c", "-x" };
	static const char *const late[] = { "a", "b", "cc", "c" };
	int i;

	set_inbox(self->records, 5, ids);
	ASSERT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				1000, &self->msg));
	EXPECT_EQ(3, devmq_msg_id(self->msg));
	EXPECT_EQ(3, inbox.acked);
	EXPECT_TRUE(inbox_is_free());
	for (i = 0; i < 5; i++)
		EXPECT_EQ(i == 2, inbox.gone[i]);
	/* If the request has a correlation id, the call uses it. */
	set_inbox(self->records, 4, late);
	ASSERT_EQ(0, devmq_batch_add(self->request, "again", 5));
	ASSERT_EQ(0, devmq_batch_add_header(self->request, "correlation-id",
					    "c", 1));
	ASSERT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				1000, &self->msg));
	EXPECT_EQ(4, devmq_msg_id(self->msg));
}

TEST_F(call, ends_in_time_and_gives_all_back)
{
	static const char *const ids[] = { "a", "b" };
	uint64_t start = lmq_now();

	set_inbox(self->records, 2, ids);
	EXPECT_EQ(-ETIMEDOUT, devmq_call(&queue, self->request, &queue,
					 self->buffer, 50, &self->msg));
	EXPECT_LE(50 * 1000000ULL, lmq_now() - start);
	EXPECT_EQ(NULL, self->msg);
	EXPECT_TRUE(inbox_is_free());
	EXPECT_EQ(0, inbox.acked);
	EXPECT_EQ(1, inbox.sent);
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	/* The queue is empty, and the timeout is zero. */
	set_inbox(self->records, 0, NULL);
	ASSERT_EQ(0, devmq_batch_add(self->request, "again", 5));
	EXPECT_EQ(-ETIMEDOUT, devmq_call(&queue, self->request, &queue,
					 self->buffer, 0, &self->msg));
	/* With a non-blocking handle the call waits, too. */
	set_inbox(self->records, 0, NULL);
	inbox.nonblock = true;
	start = lmq_now();
	ASSERT_EQ(0, devmq_batch_add(self->request, "again", 5));
	EXPECT_EQ(-ETIMEDOUT, devmq_call(&queue, self->request, &queue,
					 self->buffer, 30, &self->msg));
	EXPECT_LE(30 * 1000000ULL, lmq_now() - start);
}

static int refuses_to_send(unsigned long command, void *arg)
{
	return command == DEVMQ_IOC_SEND ? -EAGAIN : has_a_mode(command, arg);
}

TEST_F(call, sends_the_same_again_after_an_error)
{
	static const char *const ids[] = { "-" };
	char first[64];
	size_t size;
	const void *p;

	kernel = refuses_to_send;
	EXPECT_EQ(-EAGAIN, devmq_call(&queue, self->request, &queue,
				      self->buffer, -1, &self->msg));
	ASSERT_EQ(1, devmq_batch_count(self->request));
	p = devmq_msg_correlation_id(lmq_batch_msg(self->request), &size);
	ASSERT_EQ(32, size);
	memcpy(first, p, size);
	set_inbox(self->records, 1, ids);
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				-1, &self->msg));
	EXPECT_EQ(0, memcmp(first, inbox.ids[0], 32));
}

TEST_F(call, request_lives_as_long_as_its_caller_waits)
{
	static const char *const ids[] = { "-" };

	set_inbox(self->records, 1, ids);
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				1500, &self->msg));
	EXPECT_EQ(DEVMQ_MS(1500), inbox.ttl_ns);
}

TEST_F(call, request_keeps_a_time_to_live_of_its_own)
{
	static const char *const ids[] = { "-" };

	set_inbox(self->records, 1, ids);
	ASSERT_EQ(0, devmq_batch_set_ttl(self->request, DEVMQ_FOREVER));
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				1500, &self->msg));
	EXPECT_EQ(DEVMQ_FOREVER, inbox.ttl_ns);
}

/* Without a finite timeout, the call sets no time to live. */
TEST_F(call, request_of_no_timeout_lives_as_the_queue_says)
{
	static const char *const ids[] = { "-" };

	set_inbox(self->records, 1, ids);
	inbox.ttl_ns = 1;
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				-1, &self->msg));
	EXPECT_EQ(0, inbox.ttl_ns);
	set_inbox(self->records, 1, ids);
	inbox.ttl_ns = 1;
	ASSERT_EQ(0, devmq_batch_add(self->request, "again", 5));
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				0, &self->msg));
	EXPECT_EQ(0, inbox.ttl_ns);
}

TEST_F(call, request_that_was_not_sent_gets_the_next_calls_time_to_live)
{
	static const char *const ids[] = { "-" };

	kernel = refuses_to_send;
	EXPECT_EQ(-EAGAIN, devmq_call(&queue, self->request, &queue,
				      self->buffer, 1500, &self->msg));
	EXPECT_EQ(0, devmq_msg_record(lmq_batch_msg(self->request))->ttl_ns);
	set_inbox(self->records, 1, ids);
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				2500, &self->msg));
	EXPECT_EQ(DEVMQ_MS(2500), inbox.ttl_ns);
}

TEST_F(call, takes_exactly_one_request)
{
	set_inbox(self->records, 0, NULL);
	ASSERT_EQ(0, devmq_batch_add(self->request, "two", 3));
	EXPECT_EQ(-EINVAL, devmq_call(&queue, self->request, &queue,
				      self->buffer, 0, &self->msg));
	devmq_batch_clear(self->request);
	EXPECT_EQ(-EINVAL, devmq_call(&queue, self->request, &queue,
				      self->buffer, 0, &self->msg));
	ASSERT_EQ(0, devmq_batch_add(self->request, "x", 1));
	ASSERT_EQ(0, devmq_batch_add_header(self->request, "correlation-id",
					    "", 0));
	EXPECT_EQ(-EINVAL, devmq_call(&queue, self->request, &queue,
				      self->buffer, 0, &self->msg));
	EXPECT_EQ(0, inbox.sent);
}

TEST_F(call, a_reply_goes_where_it_may)
{
	struct devmq_buffer *buffer;

	ASSERT_EQ(0, devmq_batch_add(self->records, "answer", 6));
	buffer = load_batch(self->request);
	ASSERT_EQ(1, devmq_buffer_next(buffer, &self->msg));
	EXPECT_EQ(-ENOENT, devmq_reply(self->msg, self->records, NULL, 0));
	EXPECT_EQ(-EINVAL, devmq_reply(self->msg, self->records, NULL,
				       DEVMQ_OPEN_READ));
	devmq_buffer_free(buffer);
	ASSERT_EQ(0, devmq_batch_add_header(self->request, "reply-to",
					    "no-such-queue", 13));
	ASSERT_EQ(0, devmq_batch_add_header(self->request, "correlation-id",
					    "c", 1));
	buffer = load_batch(self->request);
	ASSERT_EQ(1, devmq_buffer_next(buffer, &self->msg));
	EXPECT_EQ(-EPERM, devmq_reply(self->msg, self->records, "reply", 0));
	EXPECT_EQ(-ENOENT, devmq_reply(self->msg, self->records, "no-", 0));
	EXPECT_EQ(-ENOENT, devmq_reply(self->msg, self->records, NULL, 0));
	/* The reply has one correlation id, after several tries. */
	EXPECT_EQ(sizeof(struct devmq_header) + 14 + 1,
		  devmq_msg_record(lmq_batch_msg(self->records))->headers_size);
	devmq_batch_clear(self->records);
	EXPECT_EQ(-EINVAL, devmq_reply(self->msg, self->records, NULL, 0));
	devmq_buffer_free(buffer);
}

/* -- waking ---------------------------------------------------------------- */

/* A fake queue with so many messages; a pipe stands for it in poll(). */
static int messages, blocking_calls;

static int has_messages(unsigned long command, void *arg)
{
	struct devmq_recv *a = arg;
	struct devmq_record r = { .size = sizeof(r) };

	if (command != DEVMQ_IOC_RECV)
		return -EINVAL;
	if (a->deadline_ns)
		blocking_calls++;
	if (!messages)
		return -EAGAIN;
	r.id = messages--;
	memcpy((void *)(uintptr_t)a->buffer, &r, sizeof(r));
	a->count = 1;
	a->used = sizeof(r);
	return 0;
}

FIXTURE(wake) {
	struct devmq_queue queue;
	struct devmq_buffer *buffer;
	int pipe[2];
};

FIXTURE_SETUP(wake)
{
	ASSERT_EQ(0, pipe(self->pipe));
	self->queue.fd = self->pipe[0];
	self->queue.wake_fd = -1;
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	kernel = has_messages;
	kernel_calls = 0;
	messages = 0;
	blocking_calls = 0;
}

FIXTURE_TEARDOWN(wake)
{
	devmq_buffer_free(self->buffer);
	close(self->pipe[0]);
	close(self->pipe[1]);
	if (self->queue.wake_fd >= 0)
		close(self->queue.wake_fd);
}

TEST_F(wake, has_to_be_enabled)
{
	EXPECT_EQ(-EINVAL, devmq_wake(&self->queue));
	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	EXPECT_EQ(0, devmq_wake(&self->queue));
}

TEST_F(wake, costs_nothing_where_it_is_not_enabled)
{
	messages = 1;
	EXPECT_EQ(1, devmq_recv(&self->queue, self->buffer, 0, -1));
	EXPECT_EQ(1, kernel_calls);
	EXPECT_EQ(1, blocking_calls);
}

TEST_F(wake, is_enabled_once)
{
	int fd;

	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	fd = self->queue.wake_fd;
	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	EXPECT_EQ(fd, self->queue.wake_fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
}

TEST_F(wake, needs_a_descriptor)
{
	struct rlimit limit, none;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, devmq_enable_wake(&self->queue));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EINVAL, devmq_wake(&self->queue));
}

/*
 * A wake-up lasts until a receive has returned, even one that would find a
 * message.
 */
TEST_F(wake, ends_the_next_receive_which_takes_nothing)
{
	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	messages = 1;
	ASSERT_EQ(0, devmq_wake(&self->queue));
	EXPECT_EQ(-ECANCELED, devmq_recv(&self->queue, self->buffer, 0, -1));
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	EXPECT_EQ(0, kernel_calls);
	EXPECT_EQ(1, devmq_recv(&self->queue, self->buffer, 0, -1));
}

TEST_F(wake, ends_as_many_receives_as_it_was_called_times)
{
	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	messages = 1;
	ASSERT_EQ(0, devmq_wake(&self->queue));
	ASSERT_EQ(0, devmq_wake(&self->queue));
	EXPECT_EQ(-ECANCELED, devmq_recv(&self->queue, self->buffer, 0, -1));
	EXPECT_EQ(-ECANCELED, devmq_recv(&self->queue, self->buffer, 0, 0));
	EXPECT_EQ(1, devmq_recv(&self->queue, self->buffer, 0, -1));
	EXPECT_EQ(-EAGAIN, devmq_recv(&self->queue, self->buffer, 0, 0));
}

TEST_F(wake, leaves_timeouts_as_they_are)
{
	uint64_t start = lmq_now();

	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	EXPECT_EQ(-EAGAIN, devmq_recv(&self->queue, self->buffer, 0, 0));
	EXPECT_EQ(-ETIMEDOUT, devmq_recv(&self->queue, self->buffer, 0, 30));
	EXPECT_LE(DEVMQ_MS(30), lmq_now() - start);
	EXPECT_EQ(0, blocking_calls);
	/* A non-blocking handle stays so. */
	ASSERT_EQ(0, fcntl(self->queue.fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, devmq_recv(&self->queue, self->buffer, 0, -1));
}

TEST_F(wake, leaves_errno_alone)
{
	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	errno = EXDEV;
	EXPECT_EQ(0, devmq_wake(&self->queue));
	EXPECT_EQ(EXDEV, errno);
	/* The eventfd cannot count further. */
	ASSERT_EQ(8, write(self->queue.wake_fd, &(uint64_t){ UINT64_MAX - 2 },
			   8));
	errno = EXDEV;
	EXPECT_EQ(-EAGAIN, devmq_wake(&self->queue));
	EXPECT_EQ(EXDEV, errno);
}

TEST_F(call, is_ended_by_a_wake_up)
{
	struct devmq_queue replies = queue;

	set_inbox(self->records, 0, NULL);
	ASSERT_EQ(0, devmq_enable_wake(&replies));
	ASSERT_EQ(0, devmq_wake(&replies));
	EXPECT_EQ(-ECANCELED, devmq_call(&queue, self->request, &replies,
					 self->buffer, -1, &self->msg));
	EXPECT_EQ(NULL, self->msg);
	EXPECT_EQ(1, inbox.sent);
	close(replies.wake_fd);
}

TEST_HARNESS_MAIN
