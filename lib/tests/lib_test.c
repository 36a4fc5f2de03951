// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdevmq against the kernel module: every call, its results and errors, and
 * many threads on one handle. Needs the module loaded, and root; each test
 * makes its own queue.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "kselftest_harness.h"

#include "devmq.h"

/* Seconds for a test. Only a test that hangs needs them, on a busy machine as well. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 900

#define READY		DEVMQ_STATE_MASK(DEVMQ_STATE_READY)
#define IN_FLIGHT	DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT)
#define DELAYED		DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED)
#define DEFERRED	DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED)
#define DEAD		DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD)

FIXTURE(queue) {
	char name[DEVMQ_NAME_SIZE];
	struct devmq_queue *in, *out;
	struct devmq_batch *batch;
	struct devmq_buffer *buffer;
	const struct devmq_msg *msg;
};

FIXTURE_SETUP(queue)
{
	char reason[256];

	if (access("/dev/mq/control", W_OK))
		SKIP(return, "no /dev/mq/control to write to");
	snprintf(self->name, sizeof(self->name), "lib-test-%d", getpid());
	ASSERT_EQ(0, devmq_create(self->name, "max_messages=100", reason,
				  sizeof(reason))) {
		TH_LOG("%s", reason);
	}
	ASSERT_EQ(0, devmq_open(&self->in, self->name, DEVMQ_OPEN_READ |
				DEVMQ_OPEN_NONBLOCK));
	ASSERT_EQ(0, devmq_open(&self->out, self->name, DEVMQ_OPEN_WRITE |
				DEVMQ_OPEN_NONBLOCK));
	ASSERT_EQ(0, devmq_batch_new(&self->batch));
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
}

FIXTURE_TEARDOWN(queue)
{
	devmq_close(self->in);
	devmq_close(self->out);
	devmq_batch_free(self->batch);
	devmq_buffer_free(self->buffer);
	if (self->name[0])
		devmq_remove(self->name, true, NULL, 0);
}

static bool payload_is(const struct devmq_msg *msg, const char *text)
{
	size_t size;
	const void *p = devmq_msg_payload(msg, &size);

	return size == strlen(text) && !memcmp(p, text, size);
}

static int send_text(struct devmq_queue *q, const char *text)
{
	return devmq_send(q, text, strlen(text), NULL);
}

static uint64_t counter(struct devmq_queue *q, size_t offset)
{
	struct devmq_stat st;

	if (devmq_stat(q, &st, sizeof(st)))
		return UINT64_MAX;
	return *(uint64_t *)((char *)&st + offset);
}

#define COUNTER(q, member) counter(q, offsetof(struct devmq_stat, member))

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Let a thread get to where it sleeps. */
static void let_it_sleep(void)
{
	usleep(100 * 1000);
}

/* -- opening --------------------------------------------------------------- */

TEST_F(queue, open_gives_name_and_descriptor)
{
	struct devmq_queue *q;
	char path[128];

	EXPECT_STREQ(self->name, devmq_name(self->in));
	EXPECT_LE(0, devmq_fd(self->in));
	EXPECT_EQ(FD_CLOEXEC, fcntl(devmq_fd(self->in), F_GETFD));
	EXPECT_EQ(O_RDONLY, fcntl(devmq_fd(self->in), F_GETFL) & O_ACCMODE);
	EXPECT_NE(0, fcntl(devmq_fd(self->in), F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(O_WRONLY, fcntl(devmq_fd(self->out), F_GETFL) & O_ACCMODE);
	snprintf(path, sizeof(path), "/dev/../dev/mq/%s", self->name);
	ASSERT_EQ(0, devmq_open(&q, path, DEVMQ_OPEN_READ | DEVMQ_OPEN_WRITE));
	EXPECT_STREQ(self->name, devmq_name(q));
	EXPECT_EQ(O_RDWR, fcntl(devmq_fd(q), F_GETFL) & O_ACCMODE);
	EXPECT_EQ(0, fcntl(devmq_fd(q), F_GETFL) & O_NONBLOCK);
	/* It has neither received nor sent yet. */
	EXPECT_EQ(1, COUNTER(q, consumers));
	EXPECT_EQ(1, COUNTER(q, producers));
	devmq_close(q);
	EXPECT_EQ(1, COUNTER(self->in, consumers));
}

TEST_F(queue, open_refuses_what_is_no_queue)
{
	struct devmq_queue *q;

	EXPECT_EQ(-ENOENT, devmq_open(&q, "no-such-queue", DEVMQ_OPEN_READ));
	EXPECT_EQ(-EINVAL, devmq_open(&q, "control", DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOTTY, devmq_open(&q, "/dev/mq/control", DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOTTY, devmq_open(&q, "/dev/null", DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOTTY, devmq_open(&q, "/dev/mq/", DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOENT, devmq_open(&q, "/dev/mq/none", DEVMQ_OPEN_READ));
}

/* Nor are other files among the nodes, once the major number is known. */
TEST_F(queue, open_knows_what_is_not_a_queues_own_node)
{
	struct devmq_queue *q;
	struct stat st;

	ASSERT_EQ(0, fstat(devmq_fd(self->in), &st));
	ASSERT_EQ(0, mknod("/dev/mq/lib-null", S_IFCHR | 0600, makedev(1, 3)));
	EXPECT_EQ(-ENOTTY, devmq_open(&q, "lib-null", DEVMQ_OPEN_READ));
	EXPECT_EQ(0, unlink("/dev/mq/lib-null"));
	ASSERT_EQ(0, mknod("/dev/mq/lib-control", S_IFCHR | 0600,
			   makedev(major(st.st_rdev), 0)));
	EXPECT_EQ(-ENOTTY, devmq_open(&q, "lib-control", DEVMQ_OPEN_READ));
	EXPECT_EQ(0, unlink("/dev/mq/lib-control"));
	ASSERT_EQ(0, symlink(self->name, "/dev/mq/lib-link"));
	ASSERT_EQ(0, devmq_open(&q, "lib-link", DEVMQ_OPEN_READ));
	EXPECT_STREQ(self->name, devmq_name(q));
	devmq_close(q);
	EXPECT_EQ(0, unlink("/dev/mq/lib-link"));
}

TEST_F(queue, exclusive_is_the_only_consumer)
{
	struct devmq_queue *q, *other;

	EXPECT_EQ(-EBUSY, devmq_open(&q, self->name, DEVMQ_OPEN_READ |
				     DEVMQ_OPEN_EXCLUSIVE));
	devmq_close(self->in);
	self->in = NULL;
	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ |
				DEVMQ_OPEN_EXCLUSIVE));
	EXPECT_EQ(-EBUSY, devmq_open(&other, self->name, DEVMQ_OPEN_READ));
	ASSERT_EQ(0, devmq_open(&other, self->name, DEVMQ_OPEN_LOOK));
	devmq_close(other);
	devmq_close(q);
	ASSERT_EQ(0, devmq_open(&self->in, self->name, DEVMQ_OPEN_READ));
}

TEST_F(queue, looking_is_neither_consumer_nor_producer)
{
	struct devmq_queue *q;
	uint64_t purged;

	ASSERT_EQ(0, send_text(self->out, "a"));
	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_LOOK));
	EXPECT_EQ(1, COUNTER(q, consumers));
	EXPECT_EQ(1, COUNTER(q, producers));
	EXPECT_EQ(-EBADF, send_text(q, "b"));
	EXPECT_EQ(-EBADF, devmq_recv(q, self->buffer, 0, 0));
	EXPECT_EQ(-EBADF, devmq_ack(q, 1));
	EXPECT_EQ(1, devmq_peek(q, self->buffer, 0, 0, 0, DEVMQ_FOREVER));
	EXPECT_EQ(0, devmq_purge(q, 0, 0, 0, 0, &purged));
	EXPECT_EQ(1, purged);
	devmq_close(q);
}

TEST_F(queue, a_passed_descriptor_becomes_a_handle)
{
	char data = 0, room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &data, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct devmq_queue *q = NULL;
	int pair[2], fd = devmq_fd(self->out);

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	ASSERT_EQ(1, sendmsg(pair[0], &m, 0));
	ASSERT_EQ(1, recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	ASSERT_NE(devmq_fd(self->out), fd);
	ASSERT_EQ(0, devmq_open_fd(&q, fd));
	EXPECT_STREQ(self->name, devmq_name(q));
	EXPECT_EQ(0, send_text(q, "passed"));
	devmq_close(q);
	EXPECT_EQ(-1, fcntl(fd, F_GETFD));
	EXPECT_EQ(1, devmq_recv(self->in, self->buffer, 0, 0));

	fd = open("/dev/mq/control", O_RDONLY);
	EXPECT_EQ(-ENOTTY, devmq_open_fd(&q, fd));
	EXPECT_EQ(0, close(fd));
	fd = dup(devmq_fd(self->in));
	ASSERT_EQ(0, devmq_remove(self->name, true, NULL, 0));
	EXPECT_EQ(-ENODEV, devmq_open_fd(&q, fd));
	/* The next queue may get the same number, and is another queue. */
	ASSERT_EQ(0, devmq_create(self->name, NULL, NULL, 0));
	EXPECT_EQ(-ENODEV, devmq_open_fd(&q, fd));
	EXPECT_EQ(0, close(fd));
}

TEST_F(queue, permissions_are_those_of_the_node)
{
	struct devmq_queue *q = NULL;
	char path[128], reason[256];

	snprintf(path, sizeof(path), "/dev/mq/%s", self->name);
	ASSERT_EQ(0, chmod(path, 0644));
	ASSERT_EQ(0, seteuid(65534));
	EXPECT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ));
	devmq_close(q);
	EXPECT_EQ(-EACCES, devmq_open(&q, self->name, DEVMQ_OPEN_WRITE));
	EXPECT_EQ(-EACCES, devmq_open(&q, self->name, DEVMQ_OPEN_LOOK));
	EXPECT_EQ(-EACCES, devmq_create("never", NULL, reason,
					sizeof(reason)));
	EXPECT_STREQ("/dev/mq/control: Permission denied", reason);
	EXPECT_EQ(-EACCES, devmq_set_option(self->name, "max_messages", "1"));
	EXPECT_EQ(3, devmq_get_option(self->name, "max_messages", path, 64));
	ASSERT_EQ(0, seteuid(0));
}

/* -- sending and receiving ------------------------------------------------- */

TEST_F(queue, a_message_comes_as_it_was_sent)
{
	uint64_t id = 0, before = now_ns(CLOCK_REALTIME);
	size_t size, cursor = 0;
	struct devmq_header_view h;
	char name[DEVMQ_NAME_SIZE];

	ASSERT_EQ(0, devmq_batch_add(self->batch, "payload", 7));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, "key", 3));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "reply-to",
					    self->name, strlen(self->name)));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "correlation-id",
					    "\0\1\2", 3));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "content-type",
					    "text/plain", 10));
	ASSERT_EQ(0, devmq_send_batch(self->out, self->batch, &size, &id,
				      NULL));
	EXPECT_EQ(1, size);
	EXPECT_EQ(1, id);
	EXPECT_EQ(0, devmq_batch_count(self->batch));

	ASSERT_EQ(1, devmq_recv(self->in, self->buffer, 0, 0));
	EXPECT_EQ(1, devmq_buffer_count(self->buffer));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, "payload"));
	EXPECT_EQ(0, memcmp(devmq_msg_key(self->msg, &size), "key", 3));
	EXPECT_EQ(3, size);
	EXPECT_EQ(NULL, devmq_msg_dedup_id(self->msg, &size));
	EXPECT_EQ(1, devmq_msg_id(self->msg));
	EXPECT_LE(before, devmq_msg_time_ns(self->msg));
	EXPECT_GE(now_ns(CLOCK_REALTIME), devmq_msg_time_ns(self->msg));
	EXPECT_EQ(geteuid(), devmq_msg_uid(self->msg));
	EXPECT_EQ(getegid(), devmq_msg_gid(self->msg));
	EXPECT_EQ(getpid(), devmq_msg_pid(self->msg));
	EXPECT_EQ(1, devmq_msg_attempt(self->msg));
	EXPECT_EQ(0, devmq_msg_failures(self->msg));
	EXPECT_EQ(DEVMQ_FAILURE_NONE, devmq_msg_failure(self->msg));
	EXPECT_EQ(0, devmq_msg_priority(self->msg));
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, devmq_msg_state(self->msg));
	EXPECT_EQ(0, devmq_msg_delay_ns(self->msg));
	EXPECT_EQ(0, devmq_msg_ttl_ns(self->msg));
	EXPECT_EQ(7, devmq_msg_full_size(self->msg));
	EXPECT_EQ(0, devmq_msg_reply_to(self->msg, name, sizeof(name)));
	EXPECT_STREQ(self->name, name);
	EXPECT_EQ(0, memcmp(devmq_msg_correlation_id(self->msg, &size),
			    "\0\1\2", 3));
	EXPECT_EQ(3, size);
	EXPECT_NE(NULL, devmq_msg_content_type(self->msg, &size));
	EXPECT_EQ(10, size);
	EXPECT_TRUE(devmq_msg_next_header(self->msg, &cursor, &h));
	EXPECT_TRUE(devmq_msg_next_header(self->msg, &cursor, &h));
	EXPECT_TRUE(devmq_msg_next_header(self->msg, &cursor, &h));
	EXPECT_FALSE(devmq_msg_next_header(self->msg, &cursor, &h));
	EXPECT_EQ(0, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(1, COUNTER(self->in, acked));
}

TEST_F(queue, empty_messages_and_empty_values_go_through)
{
	size_t size = 1;
	uint64_t id;

	EXPECT_EQ(-EINVAL, devmq_send(self->out, NULL, 0, &id));
	ASSERT_EQ(0, devmq_set_option(self->name, "allow_empty", "1"));
	ASSERT_EQ(0, devmq_send(self->out, NULL, 0, &id));
	EXPECT_EQ(1, id);
	ASSERT_EQ(0, devmq_batch_add(self->batch, NULL, 0));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, "odd", 3));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "h", NULL, 0));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	ASSERT_EQ(0, devmq_send_batch(self->out, self->batch, NULL, NULL,
				      NULL));
	ASSERT_EQ(3, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, ""));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, ""));
	EXPECT_NE(NULL, devmq_msg_header(self->msg, "h", &size));
	EXPECT_EQ(0, size);
	devmq_msg_key(self->msg, &size);
	EXPECT_EQ(3, size);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, "x"));
}

TEST_F(queue, metadata_may_be_as_large_as_it_may)
{
	static char big[DEVMQ_HEADERS_MAX];
	size_t size;

	memset(big, 'b', sizeof(big));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "p", 1));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, big, DEVMQ_KEY_MAX));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "h", big,
					    DEVMQ_HEADERS_MAX - 5));
	ASSERT_EQ(0, devmq_send_batch(self->out, self->batch, NULL, NULL,
				      NULL));
	/* The buffer is 64 KiB, so it has to grow. */
	ASSERT_EQ(1, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, "p"));
	EXPECT_EQ(0, memcmp(devmq_msg_header(self->msg, "h", &size), big,
			    DEVMQ_HEADERS_MAX - 5));
	EXPECT_EQ(DEVMQ_HEADERS_MAX - 5, size);
}

TEST_F(queue, what_the_queue_lacks_is_refused_and_can_be_dropped)
{
	size_t sent;
	int i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	ASSERT_EQ(0, devmq_batch_set_priority(self->batch, 255));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "last", 4));
	EXPECT_EQ(-EINVAL, devmq_send_batch(self->out, self->batch, &sent,
					    NULL, NULL));
	EXPECT_EQ(4, sent);
	EXPECT_EQ(2, devmq_batch_count(self->batch));
	EXPECT_EQ(0, devmq_batch_drop_first(self->batch));
	EXPECT_EQ(0, devmq_send_batch(self->out, self->batch, &sent, NULL,
				      NULL));
	EXPECT_EQ(1, sent);
	EXPECT_EQ(5, COUNTER(self->in, ready));
}

TEST_F(queue, a_full_queue_takes_part_of_a_batch)
{
	uint64_t first, last;
	size_t sent;
	int i;

	for (i = 0; i < 150; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, &i, sizeof(i)));
	EXPECT_EQ(-EAGAIN, devmq_send_batch(self->out, self->batch, &sent,
					    &first, &last));
	EXPECT_EQ(100, sent);
	EXPECT_EQ(1, first);
	EXPECT_EQ(100, last);
	EXPECT_EQ(50, devmq_batch_count(self->batch));
	EXPECT_EQ(-EAGAIN, devmq_send_batch(self->out, self->batch, &sent,
					    &first, &last));
	EXPECT_EQ(0, sent | first | last);
	EXPECT_EQ(-EAGAIN, send_text(self->out, "x"));
	ASSERT_EQ(70, devmq_recv(self->in, self->buffer, 70, 0));
	EXPECT_EQ(0, devmq_send_batch(self->out, self->batch, &sent, &first,
				      &last));
	EXPECT_EQ(50, sent);
	EXPECT_EQ(101, first);
	EXPECT_EQ(150, last);
	ASSERT_EQ(80, devmq_recv(self->in, self->buffer, 0, 0));
	for (i = 70; devmq_buffer_next(self->buffer, &self->msg) > 0; i++)
		EXPECT_EQ(i, *(int *)devmq_msg_payload(self->msg, NULL));
	EXPECT_EQ(150, i);
	ASSERT_EQ(0, devmq_set_option(self->name, "overflow", "reject"));
	for (i = 0; i < 101; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, &i, sizeof(i)));
	EXPECT_EQ(-ENOSPC, devmq_send_batch(self->out, self->batch, &sent,
					    NULL, NULL));
	EXPECT_EQ(100, sent);
	EXPECT_EQ(-ENOSPC, send_text(self->out, "x"));
}

TEST_F(queue, too_large_is_refused_where_it_stands)
{
	static char big[2000];
	size_t sent;

	ASSERT_EQ(0, devmq_set_option(self->name, "max_message_size", "1000"));
	EXPECT_EQ(-EMSGSIZE, devmq_send(self->out, big, 1001, NULL));
	EXPECT_EQ(0, devmq_send(self->out, big, 1000, NULL));
	ASSERT_EQ(0, devmq_batch_add(self->batch, big, 1));
	ASSERT_EQ(0, devmq_batch_add(self->batch, big, 1001));
	EXPECT_EQ(-EMSGSIZE, devmq_send_batch(self->out, self->batch, &sent,
					      NULL, NULL));
	EXPECT_EQ(1, sent);
	EXPECT_EQ(1, devmq_batch_count(self->batch));
}

TEST_F(queue, the_buffer_grows_for_a_large_message)
{
	static char big[1 << 20];
	struct devmq_buffer *small;
	size_t size;

	memset(big, 'g', sizeof(big));
	ASSERT_EQ(0, devmq_buffer_new(&small, 100));
	ASSERT_EQ(0, send_text(self->out, "small"));
	ASSERT_EQ(0, devmq_send(self->out, big, sizeof(big), NULL));
	ASSERT_EQ(0, send_text(self->out, "after"));
	ASSERT_EQ(1, devmq_peek(self->in, small, 1, 0, 1, DEVMQ_FOREVER));
	ASSERT_EQ(1, devmq_buffer_next(small, &self->msg));
	devmq_msg_payload(self->msg, &size);
	EXPECT_EQ(sizeof(big), size);
	devmq_buffer_free(small);
	ASSERT_EQ(0, devmq_buffer_new(&small, 1));
	ASSERT_EQ(1, devmq_recv(self->in, small, 1, 0));
	ASSERT_EQ(1, devmq_buffer_next(small, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, "small"));
	ASSERT_LE(1, devmq_recv(self->in, small, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(small, &self->msg));
	EXPECT_EQ(0, memcmp(devmq_msg_payload(self->msg, &size), big,
			    sizeof(big)));
	EXPECT_EQ(sizeof(big), size);
	EXPECT_EQ(1, devmq_msg_attempt(self->msg));
	devmq_buffer_free(small);
}

TEST_F(queue, a_received_message_can_be_sent_on)
{
	size_t size;

	ASSERT_EQ(0, devmq_batch_add(self->batch, "payload", 7));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, "k", 1));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "h", "v", 1));
	ASSERT_EQ(0, devmq_send_batch(self->out, self->batch, NULL, NULL,
				      NULL));
	ASSERT_EQ(1, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(0, devmq_batch_add_msg(self->batch, self->msg));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "i", "w", 1));
	ASSERT_EQ(0, devmq_send_batch(self->out, self->batch, NULL, NULL,
				      NULL));
	/* The same from a message that was peeked at, which has an extra block. */
	ASSERT_EQ(1, devmq_peek(self->in, self->buffer, 0, 0, 0,
				DEVMQ_FOREVER));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(0, devmq_batch_add_msg(self->batch, self->msg));
	ASSERT_EQ(0, devmq_send_batch(self->out, self->batch, NULL, NULL,
				      NULL));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 0, 0));
	while (devmq_buffer_next(self->buffer, &self->msg) > 0) {
		EXPECT_TRUE(payload_is(self->msg, "payload"));
		EXPECT_NE(NULL, devmq_msg_key(self->msg, &size));
		EXPECT_NE(NULL, devmq_msg_header(self->msg, "h", NULL));
		EXPECT_NE(NULL, devmq_msg_header(self->msg, "i", NULL));
	}
}

TEST_F(queue, access_modes_are_obeyed)
{
	EXPECT_EQ(-EBADF, send_text(self->in, "x"));
	EXPECT_EQ(-EBADF, devmq_recv(self->out, self->buffer, 0, 0));
	EXPECT_EQ(-EBADF, devmq_peek(self->out, self->buffer, 0, 0, 0, 0));
	EXPECT_EQ(-EBADF, devmq_purge(self->out, 0, 0, 0, 0, NULL));
	EXPECT_EQ(-EBADF, devmq_ack(self->out, 1));
	EXPECT_EQ(-EBADF, devmq_set_ack(self->out, DEVMQ_ACK_MANUAL, 0));
	EXPECT_EQ(1, COUNTER(self->out, producers));
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

/* Receive 150 messages, some at a time. */
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

/* A timer that ticks, so that a signal that comes too early is not the last. */
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

	/* With SA_RESTART the call goes on, with the same deadline. */
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

/* A consumer that goes on until it is woken. */
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
	/* While messages come, end one thread after the other. */
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
	/* One call waits in devmq_recv(); the other cannot sleep there, and polls. */
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

/* -- settling -------------------------------------------------------------- */

static int send_numbers(struct devmq_queue *q, int count)
{
	int i, err = 0;

	for (i = 1; !err && i <= count; i++)
		err = devmq_send(q, &i, sizeof(i), NULL);
	return err;
}

TEST_F(queue, ack_and_release_settle)
{
	struct devmq_consumer c;

	ASSERT_EQ(0, send_numbers(self->out, 3));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 2, 0));
	ASSERT_EQ(0, devmq_get_consumer(self->in, &c, sizeof(c)));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, c.ack);
	EXPECT_EQ(2, c.held);
	EXPECT_EQ(2, c.last_id);
	EXPECT_EQ(-EBUSY, devmq_set_ack(self->in, DEVMQ_ACK_AUTO, 0));
	EXPECT_EQ(0, devmq_ack(self->in, 2));
	EXPECT_EQ(-ESTALE, devmq_ack(self->in, 2));
	EXPECT_EQ(-ESTALE, devmq_ack(self->in, 3));
	EXPECT_EQ(-ESTALE, devmq_release(self->in, 77));
	EXPECT_EQ(-EINVAL, devmq_ack(self->in, 0));
	EXPECT_EQ(0, devmq_release(self->in, 1));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(1, devmq_msg_id(self->msg));
	EXPECT_EQ(1, devmq_msg_attempt(self->msg));
	EXPECT_EQ(0, devmq_msg_failures(self->msg));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(3, devmq_msg_id(self->msg));
}

TEST_F(queue, closing_gives_back_and_counts_a_failure)
{
	struct devmq_queue *q;

	ASSERT_EQ(0, send_numbers(self->out, 2));
	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_READ));
	ASSERT_EQ(0, devmq_set_ack(q, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(2, devmq_recv(q, self->buffer, 0, 0));
	EXPECT_EQ(-EAGAIN, devmq_recv(self->in, self->buffer, 0, 0));
	devmq_close(q);
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(1, devmq_msg_id(self->msg));
	EXPECT_EQ(2, devmq_msg_attempt(self->msg));
	EXPECT_EQ(1, devmq_msg_failures(self->msg));
	EXPECT_EQ(DEVMQ_FAILURE_CRASH, devmq_msg_failure(self->msg));
	EXPECT_EQ(2, COUNTER(self->in, redelivered));
}

TEST_F(queue, prefetch_bounds_what_is_held)
{
	struct devmq_consumer c;

	ASSERT_EQ(0, send_numbers(self->out, 10));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 4));
	ASSERT_EQ(0, devmq_get_consumer(self->in, &c, sizeof(c)));
	EXPECT_EQ(4, c.prefetch);
	EXPECT_EQ(4, devmq_recv(self->in, self->buffer, 0, 0));
	EXPECT_EQ(-EAGAIN, devmq_recv(self->in, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_ack(self->in, 2));
	EXPECT_EQ(1, devmq_recv(self->in, self->buffer, 0, 0));
	c.ack = DEVMQ_ACK_MANUAL;
	c.prefetch = 0;
	EXPECT_EQ(0, devmq_set_consumer(self->in, &c, sizeof(c)));
	EXPECT_EQ(5, c.last_id);
	EXPECT_EQ(4, c.held);
	EXPECT_EQ(5, devmq_recv(self->in, self->buffer, 0, 0));
	c.ack = 99;
	EXPECT_EQ(-EINVAL, devmq_set_consumer(self->in, &c, sizeof(c)));
}

TEST_F(queue, ranges_settle_what_is_held_in_them)
{
	struct devmq_settlement s[3] = {
		{ .first_id = 2, .last_id = 4, .action = DEVMQ_ACTION_ACK },
		{ .first_id = 50, .last_id = 60, .action = DEVMQ_ACTION_ACK },
		{ .first_id = 1, .last_id = UINT64_MAX,
		  .action = DEVMQ_ACTION_RELEASE },
	};
	uint64_t settled;

	ASSERT_EQ(0, send_numbers(self->out, 10));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(8, devmq_recv(self->in, self->buffer, 8, 0));
	EXPECT_EQ(-ESTALE, devmq_settle(self->in, s, 3, &settled));
	EXPECT_EQ(8, settled);
	EXPECT_EQ(3, s[0].settled);
	EXPECT_EQ(0, s[0].error);
	EXPECT_EQ(0, s[1].settled);
	EXPECT_EQ(-ESTALE, s[1].error);
	EXPECT_EQ(5, s[2].settled);
	EXPECT_EQ(0, s[2].error);
	EXPECT_EQ(7, COUNTER(self->in, ready));
	EXPECT_EQ(3, COUNTER(self->in, acked));
	s[1].action = 99;
	EXPECT_EQ(-EINVAL, devmq_settle(self->in, s, 3, &settled));
	EXPECT_EQ(0, settled);
}

TEST_F(queue, a_buffer_settles_its_own_messages_only)
{
	struct devmq_buffer *other;
	uint64_t settled;

	ASSERT_EQ(0, devmq_buffer_new(&other, 0));
	ASSERT_EQ(0, send_numbers(self->out, 10));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	/* The first buffer holds 1 3 4, the second 2 5 6 7 8 9 10. */
	ASSERT_EQ(2, devmq_recv(self->in, other, 2, 0));
	ASSERT_EQ(0, devmq_release(self->in, 1));
	ASSERT_EQ(3, devmq_recv(self->in, self->buffer, 3, 0));
	ASSERT_EQ(0, devmq_release(self->in, 2));
	ASSERT_EQ(7, devmq_recv(self->in, other, 0, 0));
	EXPECT_EQ(0, devmq_ack_buffer(self->in, self->buffer, &settled));
	EXPECT_EQ(3, settled);
	EXPECT_EQ(7, COUNTER(self->in, in_flight));
	EXPECT_EQ(-ESTALE, devmq_ack_buffer(self->in, self->buffer, &settled));
	EXPECT_EQ(0, settled);
	/* 2 is acked, 5 and 6 are seen, the others are not. */
	ASSERT_EQ(1, devmq_buffer_next(other, &self->msg));
	EXPECT_EQ(2, devmq_msg_id(self->msg));
	ASSERT_EQ(0, devmq_ack(self->in, 2));
	ASSERT_EQ(1, devmq_buffer_next(other, &self->msg));
	ASSERT_EQ(1, devmq_buffer_next(other, &self->msg));
	EXPECT_EQ(0, devmq_release_rest(self->in, other, &settled));
	EXPECT_EQ(4, settled);
	EXPECT_EQ(2, COUNTER(self->in, in_flight));
	EXPECT_EQ(-ESTALE, devmq_release_buffer(self->in, other, &settled));
	EXPECT_EQ(2, settled);
	EXPECT_EQ(6, COUNTER(self->in, ready));
	devmq_buffer_free(other);
}

TEST_F(queue, thousands_of_ranges_are_settled)
{
	enum { COUNT = 10000 };
	static struct devmq_settlement s[COUNT];
	uint64_t settled;
	int i, n = 0;

	ASSERT_EQ(0, devmq_set_option(self->name, "max_messages", "20000"));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	for (i = 0; i < COUNT; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	ASSERT_EQ(0, devmq_send_batch(self->out, self->batch, NULL, NULL,
				      NULL));
	while (n < COUNT) {
		i = devmq_recv(self->in, self->buffer, 0, 0);
		ASSERT_LT(0, i);
		n += i;
	}
	for (i = 0; i < COUNT; i++) {
		s[i].first_id = s[i].last_id = i + 1;
		s[i].action = DEVMQ_ACTION_ACK;
	}
	EXPECT_EQ(0, devmq_settle(self->in, s, COUNT, &settled));
	EXPECT_EQ(COUNT, settled);
	EXPECT_EQ(COUNT, COUNTER(self->in, acked));
}

/* The next message, or NULL if none comes within 20 s. */
static const struct devmq_msg *next(struct devmq_queue *q,
				    struct devmq_buffer *buffer)
{
	const struct devmq_msg *msg = NULL;
	struct pollfd in = { devmq_fd(q), POLLIN, 0 };

	poll(&in, 1, 20000);
	if (devmq_recv(q, buffer, 1, 0) == 1)
		devmq_buffer_next(buffer, &msg);
	return msg;
}

TEST_F(queue, a_retry_comes_back_after_its_delay)
{
	const void *note;
	uint64_t start;
	size_t size;

	ASSERT_EQ(0, devmq_set_option(self->name, "retry_ms", "3600000"));
	ASSERT_EQ(0, send_numbers(self->out, 2));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 0, 0));
	start = now_ns(CLOCK_BOOTTIME);
	EXPECT_EQ(0, devmq_retry(self->in, 1, 200000000));
	EXPECT_EQ(0, devmq_retry(self->in, 2, 0));
	EXPECT_EQ(-ESTALE, devmq_retry(self->in, 2, 0));
	EXPECT_EQ(2, COUNTER(self->in, delayed));
	self->msg = next(self->in, self->buffer);
	ASSERT_NE(NULL, self->msg);
	EXPECT_LE(200000000, now_ns(CLOCK_BOOTTIME) - start);
	EXPECT_EQ(1, devmq_msg_id(self->msg));
	EXPECT_EQ(2, devmq_msg_attempt(self->msg));
	EXPECT_EQ(1, devmq_msg_failures(self->msg));
	EXPECT_EQ(DEVMQ_FAILURE_RETRY, devmq_msg_failure(self->msg));
	/* The next delivery has the note of the failure. */
	EXPECT_EQ(0, devmq_retry_note(self->in, 1, 1, "no\0route", 8));
	self->msg = next(self->in, self->buffer);
	ASSERT_NE(NULL, self->msg);
	note = devmq_msg_note(self->msg, &size);
	ASSERT_EQ(8, size);
	EXPECT_EQ(0, memcmp(note, "no\0route", 8));
	EXPECT_EQ(DEVMQ_REASON_NONE, devmq_msg_reason(self->msg));
	/* A delay of one nanosecond is as good as none. */
	EXPECT_EQ(0, devmq_retry_buffer(self->in, self->buffer, 1, NULL));
	EXPECT_EQ(1, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_peek(self->in, self->buffer, 0, DELAYED, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(2, devmq_msg_id(self->msg));
	EXPECT_EQ(DEVMQ_STATE_DELAYED, devmq_msg_state(self->msg));
	EXPECT_LT(now_ns(CLOCK_REALTIME) + 1800 * 1000000000ULL,
		  devmq_msg_due_ns(self->msg));
	EXPECT_GT(now_ns(CLOCK_REALTIME) + 3601 * 1000000000ULL,
		  devmq_msg_due_ns(self->msg));
}

TEST_F(queue, a_rejected_message_says_why_and_can_be_redriven)
{
	uint64_t moved, stranded;
	const void *note;
	size_t size;

	ASSERT_EQ(0, send_numbers(self->out, 3));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(3, devmq_recv(self->in, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_reject(self->in, 1, 300, "no\0good", 7));
	EXPECT_EQ(0, devmq_reject(self->in, 2, 0, NULL, 0));
	EXPECT_EQ(-EINVAL, devmq_reject(self->in, 3, 255, NULL, 0));
	EXPECT_EQ(0, devmq_reject(self->in, 3, UINT16_MAX, NULL, 0));
	EXPECT_EQ(-EAGAIN, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(3, devmq_peek(self->in, self->buffer, 0, DEAD, 0,
				DEVMQ_FOREVER));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(300, devmq_msg_reason(self->msg));
	note = devmq_msg_note(self->msg, &size);
	ASSERT_EQ(7, size);
	EXPECT_EQ(0, memcmp(note, "no\0good", 7));
	EXPECT_EQ(NULL, devmq_msg_origin(self->msg, &size));
	EXPECT_EQ(0, devmq_msg_failures(self->msg));
	EXPECT_EQ(1, *(int *)devmq_msg_payload(self->msg, NULL));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(DEVMQ_REASON_REJECTED, devmq_msg_reason(self->msg));
	EXPECT_EQ(NULL, devmq_msg_note(self->msg, NULL));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(UINT16_MAX, devmq_msg_reason(self->msg));

	EXPECT_EQ(0, devmq_redrive(self->in, 2, 3, NULL, &moved, &stranded));
	EXPECT_EQ(2, moved);
	EXPECT_EQ(0, stranded);
	EXPECT_EQ(0, devmq_redrive(self->in, 0, 0, NULL, &moved, NULL));
	EXPECT_EQ(1, moved);
	ASSERT_EQ(3, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(1, devmq_msg_id(self->msg));
	EXPECT_EQ(0, devmq_msg_reason(self->msg));
	EXPECT_EQ(-EBADF, devmq_redrive(self->out, 0, 0, NULL, NULL, NULL));
}

TEST_F(queue, what_others_hold_can_be_revoked)
{
	struct devmq_settlement how = {
		.first_id = 2, .last_id = 3, .action = DEVMQ_ACTION_PURGE,
	};
	uint64_t settled, busy;

	ASSERT_EQ(0, send_numbers(self->out, 4));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(4, devmq_recv(self->in, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_revoke(self->in, &how, 0, &settled, &busy));
	EXPECT_EQ(2, settled);
	EXPECT_EQ(0, busy);
	EXPECT_EQ(2, COUNTER(self->in, purged));
	EXPECT_EQ(-ESTALE, devmq_ack(self->in, 2));
	EXPECT_EQ(0, devmq_ack(self->in, 1));
	how.last_id = UINT64_MAX;
	how.action = DEVMQ_ACTION_RELEASE;
	EXPECT_EQ(0, devmq_revoke(self->in, &how, 1 << 22, &settled, NULL));
	EXPECT_EQ(0, settled);
	EXPECT_EQ(0, devmq_revoke(self->in, &how, getpid(), NULL, NULL));
	EXPECT_EQ(1, COUNTER(self->in, ready));
	how.action = 99;
	EXPECT_EQ(-EINVAL, devmq_revoke(self->in, &how, 0, NULL, NULL));
	how.action = DEVMQ_ACTION_RELEASE;
	EXPECT_EQ(-EBADF, devmq_revoke(self->out, &how, 0, NULL, NULL));
}

TEST_F(queue, dead_letters_know_their_origin)
{
	char name[DEVMQ_NAME_SIZE], value[DEVMQ_NAME_SIZE];
	struct devmq_queue *dead;
	uint64_t moved, stranded;
	const char *origin;
	size_t size;

	snprintf(name, sizeof(name), "%.40s.dead", self->name);
	ASSERT_EQ(0, devmq_create(name, NULL, NULL, 0));
	ASSERT_EQ(0, devmq_open(&dead, name, DEVMQ_OPEN_READ |
				DEVMQ_OPEN_WRITE | DEVMQ_OPEN_NONBLOCK));
	ASSERT_EQ(0, devmq_set_option(self->name, "dead_letter", name));
	ASSERT_LT(0, devmq_get_option(self->name, "dead_letter", value,
				      sizeof(value)));
	EXPECT_STREQ(name, value);
	EXPECT_EQ(-ELOOP, devmq_set_option(name, "dead_letter", self->name));
	ASSERT_EQ(0, send_numbers(self->out, 2));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_reject_buffer(self->in, self->buffer, 300, "note",
					 4, &moved));
	EXPECT_EQ(2, moved);
	EXPECT_EQ(2, COUNTER(self->in, dead_lettered));
	ASSERT_EQ(0, devmq_set_ack(dead, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(2, devmq_recv(dead, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	origin = devmq_msg_origin(self->msg, &size);
	ASSERT_EQ(strlen(self->name), size);
	EXPECT_EQ(0, memcmp(origin, self->name, size));
	EXPECT_EQ(2, devmq_msg_origin_id(self->msg));
	EXPECT_EQ(300, devmq_msg_reason(self->msg));
	EXPECT_EQ(0, devmq_release_buffer(dead, self->buffer, NULL));

	EXPECT_EQ(0, devmq_redrive(dead, 1, 1, NULL, &moved, &stranded));
	EXPECT_EQ(1, moved);
	EXPECT_EQ(1, COUNTER(self->in, ready));
	EXPECT_EQ(0, devmq_redrive(dead, 0, 0, self->out, &moved, &stranded));
	EXPECT_EQ(1, moved);
	EXPECT_EQ(0, devmq_redrive(dead, 0, 0, dead, &moved, &stranded));
	EXPECT_EQ(0, moved);
	EXPECT_EQ(-EBADF, devmq_redrive(dead, 0, 0, self->in, NULL, NULL));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(3, devmq_msg_id(self->msg));
	EXPECT_EQ(NULL, devmq_msg_origin(self->msg, NULL));
	devmq_close(dead);
	EXPECT_EQ(-EBUSY, devmq_remove(name, false, NULL, 0));
	EXPECT_EQ(0, devmq_set_option(self->name, "dead_letter", "none"));
	EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
}

TEST_F(queue, a_lease_ends_and_can_be_extended)
{
	uint64_t lease = 1, settled;

	ASSERT_EQ(0, send_numbers(self->out, 3));
	ASSERT_EQ(0, devmq_get_lease(self->in, &lease));
	EXPECT_EQ(0, lease);
	ASSERT_EQ(0, devmq_set_lease(self->in, 400000000));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 3));
	ASSERT_EQ(0, devmq_get_lease(self->in, &lease));
	EXPECT_EQ(400000000, lease);
	ASSERT_EQ(3, devmq_recv(self->in, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_extend(self->in, 1, DEVMQ_FOREVER));
	EXPECT_EQ(0, devmq_extend(self->in, 2, 3600 * 1000000000ULL));
	EXPECT_EQ(-ESTALE, devmq_extend(self->in, 9, 0));
	self->msg = next(self->in, self->buffer);
	ASSERT_NE(NULL, self->msg);
	EXPECT_EQ(3, devmq_msg_id(self->msg));
	EXPECT_EQ(DEVMQ_FAILURE_LEASE, devmq_msg_failure(self->msg));
	EXPECT_EQ(0, devmq_extend_buffer(self->in, self->buffer,
					 DEVMQ_FOREVER, &settled));
	EXPECT_EQ(1, settled);
	ASSERT_EQ(3, devmq_peek(self->in, self->buffer, 0, IN_FLIGHT, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(0, devmq_msg_due_ns(self->msg));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_LT(now_ns(CLOCK_REALTIME) + 1800 * 1000000000ULL,
		  devmq_msg_due_ns(self->msg));
	EXPECT_EQ(0, devmq_extend(self->in, 2, 1000000));
	self->msg = next(self->in, self->buffer);
	ASSERT_NE(NULL, self->msg);
	EXPECT_EQ(2, devmq_msg_id(self->msg));
	EXPECT_EQ(0, devmq_ack(self->in, 1));
	EXPECT_EQ(0, devmq_ack(self->in, 3));
}

TEST_F(queue, a_deferred_message_waits_for_its_id)
{
	struct devmq_queue *other;
	uint64_t settled;

	ASSERT_EQ(0, send_numbers(self->out, 3));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 2, 0));
	EXPECT_EQ(0, devmq_defer_buffer(self->in, self->buffer, &settled));
	EXPECT_EQ(2, settled);
	EXPECT_EQ(2, devmq_peek(self->in, self->buffer, 0, DEFERRED, 0, 0));
	ASSERT_EQ(0, devmq_open(&other, self->name, DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOENT, devmq_recv_deferred(other, self->buffer, 3));
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	EXPECT_EQ(-EINVAL, devmq_recv_deferred(other, self->buffer, 0));
	ASSERT_EQ(1, devmq_recv_deferred(other, self->buffer, 2));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(2, devmq_msg_id(self->msg));
	EXPECT_EQ(2, devmq_msg_attempt(self->msg));
	EXPECT_EQ(0, devmq_msg_failures(self->msg));
	EXPECT_EQ(-ENOENT, devmq_recv_deferred(other, self->buffer, 2));
	ASSERT_EQ(1, devmq_recv_deferred(self->in, self->buffer, 1));
	EXPECT_EQ(0, devmq_defer(self->in, 1));
	EXPECT_EQ(1, COUNTER(self->in, deferred));
	devmq_close(other);
}

TEST_F(queue, ids_are_settled_in_any_order)
{
	static const uint64_t ids[] = { 7, 2, 3, 9, 1 };
	struct devmq_settlement how = { .action = DEVMQ_ACTION_RETRY,
					.delay_ns = 3600 * 1000000000ULL };
	uint64_t settled;

	ASSERT_EQ(0, send_numbers(self->out, 10));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(8, devmq_recv(self->in, self->buffer, 8, 0));
	EXPECT_EQ(-ESTALE, devmq_settle_ids(self->in, ids, 5, &how, &settled));
	EXPECT_EQ(4, settled);
	EXPECT_EQ(4, COUNTER(self->in, delayed));
	EXPECT_EQ(4, COUNTER(self->in, in_flight));
}

/* -- what a message is sent with ------------------------------------------- */

TEST_F(queue, delays_and_instants_are_kept)
{
	uint64_t now = now_ns(CLOCK_REALTIME), start;
	int i;

	ASSERT_EQ(0, devmq_set_option(self->name, "delay_ms", "3600000"));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, &i, sizeof(i)));
	ASSERT_EQ(0, devmq_batch_set_at(self->batch, 0));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "delay", 5));
	ASSERT_EQ(0, devmq_batch_set_delay(self->batch, 200000000));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "at", 2));
	ASSERT_EQ(0, devmq_batch_set_at(self->batch, now + 7200000000000ULL));
	start = now_ns(CLOCK_BOOTTIME);
	ASSERT_EQ(0, devmq_send_batch(self->out, self->batch, NULL, NULL,
				      NULL));
	EXPECT_EQ(6, COUNTER(self->in, delayed));
	self->msg = next(self->in, self->buffer);
	ASSERT_NE(NULL, self->msg);
	EXPECT_EQ(5, devmq_msg_id(self->msg));
	self->msg = next(self->in, self->buffer);
	ASSERT_NE(NULL, self->msg);
	EXPECT_TRUE(payload_is(self->msg, "delay"));
	EXPECT_LE(200000000, now_ns(CLOCK_BOOTTIME) - start);
	ASSERT_EQ(1, devmq_peek(self->in, self->buffer, 6, DELAYED, 0,
				DEVMQ_FOREVER));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, "at"));
	EXPECT_LT(now + 7190000000000ULL, devmq_msg_due_ns(self->msg));
	EXPECT_GT(now + 7210000000000ULL, devmq_msg_due_ns(self->msg));
}

TEST_F(queue, a_time_to_live_ends)
{
	ASSERT_EQ(0, devmq_set_option(self->name, "ttl_ms", "50"));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "queue's", 7));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "long", 4));
	ASSERT_EQ(0, devmq_batch_set_ttl(self->batch, 3600 * 1000000000ULL));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "for ever", 8));
	ASSERT_EQ(0, devmq_batch_set_ttl(self->batch, DEVMQ_FOREVER));
	ASSERT_EQ(0, devmq_send_batch(self->out, self->batch, NULL, NULL,
				      NULL));
	usleep(100 * 1000);
	ASSERT_EQ(2, devmq_peek(self->in, self->buffer, 0, 0, 0,
				DEVMQ_FOREVER));
	EXPECT_EQ(1, COUNTER(self->in, expired));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, "long"));
	EXPECT_LT(now_ns(CLOCK_REALTIME) + 1800 * 1000000000ULL,
		  devmq_msg_expires_ns(self->msg));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(0, devmq_msg_expires_ns(self->msg));
}

TEST_F(queue, higher_priorities_come_first)
{
	char name[DEVMQ_NAME_SIZE];
	struct devmq_queue *q;
	int i;

	snprintf(name, sizeof(name), "%.40s.prio", self->name);
	ASSERT_EQ(0, devmq_create(name, "priorities=10", NULL, 0));
	ASSERT_EQ(0, devmq_open(&q, name, DEVMQ_OPEN_READ | DEVMQ_OPEN_WRITE));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, devmq_batch_add(self->batch, &i, sizeof(i)));
		ASSERT_EQ(0, devmq_batch_set_priority(self->batch, i));
	}
	ASSERT_EQ(0, devmq_send_batch(q, self->batch, NULL, NULL, NULL));
	ASSERT_EQ(10, devmq_recv(q, self->buffer, 0, 0));
	for (i = 9; devmq_buffer_next(self->buffer, &self->msg) > 0; i--) {
		EXPECT_EQ(i, *(int *)devmq_msg_payload(self->msg, NULL));
		EXPECT_EQ(i, devmq_msg_priority(self->msg));
	}
	EXPECT_EQ(-1, i);
	devmq_close(q);
	EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
}

/* Add messages with these letters as dedup ids; '-' is for none. */
static int add_letters(struct devmq_batch *batch, const char *letters)
{
	int err = 0;

	for (; !err && *letters; letters++) {
		err = devmq_batch_add(batch, letters, 1);
		if (!err && *letters != '-')
			err = devmq_batch_set_dedup_id(batch, letters, 1);
	}
	return err;
}

TEST_F(queue, duplicates_are_sent_and_not_stored)
{
	static const struct {
		size_t	 sent;
		uint64_t id;
		bool	 duplicate;
	} want[] = {
		{ 1, 1, true }, { 2, 6, false }, { 1, 7, true },
		{ 1, 8, false }, { 1, 4, true },
	};
	uint64_t first, last;
	bool duplicate;
	size_t sent;
	int i;

	ASSERT_EQ(0, devmq_set_option(self->name, "dedup_window_ms",
				      "3600000"));
	ASSERT_EQ(0, add_letters(self->batch, "a-bac-a"));
	EXPECT_EQ(0, devmq_send_batch(self->out, self->batch, &sent, &first,
				      &last));
	EXPECT_EQ(7, sent);
	EXPECT_EQ(1, first);
	EXPECT_EQ(1, last);
	EXPECT_EQ(5, COUNTER(self->in, ready));
	EXPECT_EQ(2, COUNTER(self->in, deduplicated));
	ASSERT_EQ(0, add_letters(self->batch, "a-dd-c"));
	for (i = 0; devmq_batch_count(self->batch); i++) {
		ASSERT_GT(5, i);
		ASSERT_EQ(0, devmq_send_some(self->out, self->batch, &sent,
					     &first, &duplicate));
		EXPECT_EQ(want[i].sent, sent);
		EXPECT_EQ(want[i].id, first);
		EXPECT_EQ(want[i].duplicate, duplicate);
	}
	EXPECT_EQ(5, i);
	/* That works if the queue is full, and if the first message is gone. */
	while (devmq_recv(self->in, self->buffer, 0, 0) > 0)
		;
	ASSERT_EQ(0, add_letters(self->batch, "b"));
	EXPECT_EQ(0, devmq_send_batch(self->out, self->batch, NULL, &first,
				      NULL));
	EXPECT_EQ(3, first);
	EXPECT_EQ(0, COUNTER(self->in, ready));
}

/* -- requests and replies -------------------------------------------------- */

/* Reply to so many requests; to those of one buffer in reverse order. */
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
		/* Let more requests come before the next receive. */
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
		/* Half of them share a handle, the others do not. */
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
	/* It is received below, however long that takes. */
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

	/* The reply has the correlation id, and goes only to queues with the prefix. */
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
	/* The caller and the kernel read the clock at different instants. */
	while (!COUNTER(self->in, expired))
		usleep(1000);
	EXPECT_EQ(-EAGAIN, devmq_recv(self->in, self->buffer, 0, 0));
	devmq_close(replies);
	EXPECT_EQ(0, devmq_remove(name, true, NULL, 0));
}

/* Send a request that nobody waits for, and receive it on the other side. */
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
	/* The next call takes its own reply, and leaves the other one alone. */
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

/* -- looking --------------------------------------------------------------- */

TEST_F(queue, peek_takes_nothing)
{
	uint64_t since, last = 0;
	struct devmq_queue *q;
	uint32_t pid;
	size_t size;
	int n = 0;

	ASSERT_EQ(0, send_numbers(self->out, 10));
	ASSERT_EQ(0, devmq_open(&q, self->name, DEVMQ_OPEN_LOOK));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 2, 0));
	while (devmq_peek(q, self->buffer, last, 0, 3, DEVMQ_FOREVER) > 0)
		while (devmq_buffer_next(self->buffer, &self->msg) > 0) {
			last = devmq_msg_id(self->msg);
			EXPECT_EQ(++n, last);
			EXPECT_EQ(n, *(int *)devmq_msg_payload(self->msg,
							       NULL));
			EXPECT_EQ(n < 3, devmq_msg_holder(self->msg, &pid,
							  &since));
			EXPECT_EQ(n < 3 ? DEVMQ_STATE_IN_FLIGHT :
				  DEVMQ_STATE_READY,
				  devmq_msg_state(self->msg));
			if (n < 3) {
				EXPECT_EQ(getpid(), pid);
				EXPECT_GE(now_ns(CLOCK_REALTIME), since);
			}
		}
	EXPECT_EQ(10, n);
	EXPECT_EQ(8, devmq_peek(q, self->buffer, 0, READY, 0, 0));
	EXPECT_EQ(2, devmq_peek(q, self->buffer, 0, IN_FLIGHT, 0, 2));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(4, devmq_msg_full_size(self->msg));
	devmq_msg_payload(self->msg, &size);
	EXPECT_EQ(2, size);
	EXPECT_EQ(-EINVAL, devmq_peek(q, self->buffer, 0, 1, 0, 0));
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	EXPECT_EQ(2, COUNTER(q, delivered));
	devmq_close(q);
}

TEST_F(queue, held_deliveries_are_shown)
{
	struct devmq_queue *other;

	ASSERT_EQ(0, send_numbers(self->out, 5));
	ASSERT_EQ(0, devmq_open(&other, self->name, DEVMQ_OPEN_READ |
				DEVMQ_OPEN_NONBLOCK));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, devmq_set_ack(other, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(1, devmq_recv(self->in, self->buffer, 1, 0));
	ASSERT_EQ(1, devmq_recv(other, self->buffer, 1, 0));
	ASSERT_EQ(1, devmq_recv(self->in, self->buffer, 1, 0));
	ASSERT_EQ(2, devmq_peek_held(self->in, self->buffer, 0, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(1, devmq_msg_id(self->msg));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(3, devmq_msg_id(self->msg));
	EXPECT_EQ(1, devmq_peek_held(self->in, self->buffer, 1, 0, 0));
	EXPECT_EQ(1, devmq_peek_held(self->in, self->buffer, 0, 1, 0));
	EXPECT_EQ(0, devmq_peek_held(self->in, self->buffer, 3, 0, 0));
	EXPECT_EQ(1, devmq_peek_held(other, self->buffer, 0, 0, 0));
	EXPECT_EQ(-EBADF, devmq_peek_held(self->out, self->buffer, 0, 0, 0));
	devmq_close(other);
}

TEST_F(queue, stat_is_consistent)
{
	struct devmq_stat st;

	ASSERT_EQ(0, send_numbers(self->out, 10));
	ASSERT_EQ(3, devmq_recv(self->in, self->buffer, 3, 0));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 2, 0));
	EXPECT_EQ(0, devmq_purge(self->in, 0, 6, 0, 0, NULL));
	ASSERT_EQ(0, devmq_stat(self->in, &st, sizeof(st)));
	EXPECT_EQ(10, st.sent);
	EXPECT_EQ(3, st.acked);
	EXPECT_EQ(2, st.in_flight);
	EXPECT_EQ(1, st.purged);
	EXPECT_EQ(4, st.ready);
	EXPECT_EQ(24, st.bytes);
	EXPECT_EQ(5, st.delivered);
	EXPECT_EQ(1, st.consumers);
	EXPECT_EQ(1, st.producers);
}

TEST_F(queue, stat_of_another_size)
{
	struct {
		struct devmq_stat st;
		uint64_t more[4];
	} future;

	memset(&future, 0x55, sizeof(future));
	ASSERT_EQ(0, send_numbers(self->out, 1));
	EXPECT_EQ(0, devmq_stat(self->in, &future.st, sizeof(future)));
	EXPECT_EQ(1, future.st.ready);
	EXPECT_EQ(0, future.more[0] | future.more[3]);
	EXPECT_EQ(-EINVAL, devmq_stat(self->in, &future.st, 4));
}

TEST_F(queue, purge_drops_what_it_is_told)
{
	uint64_t purged;

	ASSERT_EQ(0, send_numbers(self->out, 20));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 2, 0));
	EXPECT_EQ(0, devmq_purge(self->in, 0, 0, 3600000000000, 0, &purged));
	EXPECT_EQ(0, purged);
	EXPECT_EQ(0, devmq_purge(self->in, 5, 7, 0, READY, &purged));
	EXPECT_EQ(3, purged);
	EXPECT_EQ(-EINVAL, devmq_purge(self->in, 7, 5, 0, 0, &purged));
	EXPECT_EQ(0, devmq_purge(self->in, 0, 0, 0, 0, &purged));
	EXPECT_EQ(15, purged);
	EXPECT_EQ(2, COUNTER(self->in, in_flight));
	EXPECT_EQ(0, devmq_ack(self->in, 1));
}

TEST_F(queue, purge_by_reason)
{
	struct devmq_purge purge = { .reason = 300 };

	ASSERT_EQ(0, send_numbers(self->out, 2));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(2, devmq_recv(self->in, self->buffer, 0, 0));
	ASSERT_EQ(0, devmq_reject(self->in, 1, 300, NULL, 0));
	ASSERT_EQ(0, devmq_reject(self->in, 2, 301, NULL, 0));
	EXPECT_EQ(0, devmq_purge_by(self->in, &purge, sizeof(purge)));
	EXPECT_EQ(1, purge.purged);
	EXPECT_EQ(1, COUNTER(self->in, dead));
	EXPECT_EQ(-EINVAL, devmq_purge_by(self->in, &purge, 4));
	purge.reason = 65536;
	EXPECT_EQ(-EINVAL, devmq_purge_by(self->in, &purge, sizeof(purge)));
}

TEST_F(queue, move_takes_what_is_ready_and_tells_of_a_full_target)
{
	struct devmq_redrive redrive = { .reserved = 1 };
	uint64_t moved = 99, stranded = 99;
	struct devmq_queue *to, *look;
	char name[64];

	snprintf(name, sizeof(name), "%.50s.to", self->name);
	ASSERT_EQ(0, devmq_create(name, "max_messages=2 max_message_size=1000",
				  NULL, 0));
	ASSERT_EQ(0, devmq_open(&to, name,
				DEVMQ_OPEN_READ | DEVMQ_OPEN_WRITE));
	ASSERT_EQ(0, devmq_open(&look, self->name, DEVMQ_OPEN_LOOK));
	ASSERT_EQ(0, send_numbers(self->out, 4));
	EXPECT_EQ(0, devmq_move(look, 1, 1, 0, to, &moved, &stranded));
	EXPECT_EQ(1, moved);
	EXPECT_EQ(0, stranded);
	EXPECT_EQ(-ENOSPC, devmq_move(look, 0, 0, READY, to, &moved, NULL));
	EXPECT_EQ(1, moved);
	EXPECT_EQ(2, COUNTER(self->in, ready));
	EXPECT_EQ(2, COUNTER(to, ready));
	EXPECT_EQ(-EINVAL, devmq_move(look, 0, 0, READY, self->out, &moved,
				      &stranded));
	EXPECT_EQ(0, moved);
	EXPECT_EQ(-EBADF, devmq_move(look, 0, 0, READY, look, NULL, NULL));
	EXPECT_EQ(-EBADF, devmq_move(self->out, 0, 0, READY, to, NULL, NULL));
	EXPECT_EQ(-EINVAL, devmq_redrive_by(look, &redrive, sizeof(redrive)));
	EXPECT_EQ(-EINVAL, devmq_redrive_by(look, &redrive, 4));
	devmq_close(look);
	devmq_close(to);
	EXPECT_EQ(0, devmq_remove(name, true, NULL, 0));
}

/* -- control --------------------------------------------------------------- */

TEST_F(queue, create_says_what_was_wrong)
{
	char name[DEVMQ_NAME_SIZE], reason[256], tiny[8];

	EXPECT_EQ(-EEXIST, devmq_create(self->name, NULL, reason,
					sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, self->name));
	snprintf(name, sizeof(name), "%.40s.2", self->name);
	EXPECT_EQ(-EINVAL, devmq_create(name, "bogus=1", reason,
					sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, "bogus"));
	EXPECT_EQ(NULL, strchr(reason, '\n'));
	EXPECT_EQ(-EINVAL, devmq_create(name, "bogus=1", tiny, sizeof(tiny)));
	EXPECT_EQ(7, strlen(tiny));
	EXPECT_EQ(-EINVAL, devmq_create(name, "bogus=1", NULL, 0));
	EXPECT_EQ(-EINVAL, devmq_create(name, "overflow=maybe", reason,
					sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, "maybe"));
	EXPECT_EQ(-ERANGE, devmq_create(name, "max_messages=0", reason,
					sizeof(reason)));
	EXPECT_EQ(-EINVAL, devmq_create(name, "ack=auto ack=manual", reason,
					sizeof(reason)));
	EXPECT_EQ(-EINVAL, devmq_create(name, "\nremove x", reason,
					sizeof(reason)));
	EXPECT_EQ(0, devmq_create(name, "ack=manual  prefetch=7", reason,
				  sizeof(reason)));
	EXPECT_STREQ("", reason);
	EXPECT_EQ(1, devmq_get_option(name, "prefetch", tiny, sizeof(tiny)));
	EXPECT_STREQ("7", tiny);
	EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
	EXPECT_EQ(0, devmq_create(name, "", NULL, 0));
	EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
}

TEST_F(queue, create_undoes_itself_where_a_file_is_in_the_way)
{
	char name[DEVMQ_NAME_SIZE], path[DEVMQ_NAME_SIZE + 16], reason[256];
	int fd;

	snprintf(name, sizeof(name), "%.40s.2", self->name);
	snprintf(path, sizeof(path), "/dev/mq/%s", name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-EBUSY, devmq_create(name, NULL, reason, sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, path));
	EXPECT_EQ(-ENOENT, devmq_check_node(name));
	EXPECT_EQ(0, unlink(path));
	EXPECT_EQ(0, devmq_create(name, NULL, reason, sizeof(reason)));
	EXPECT_EQ(0, devmq_check_node(name));
	EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
}

TEST_F(queue, lost_node_is_known)
{
	char path[DEVMQ_NAME_SIZE + 16], other[DEVMQ_NAME_SIZE + 32];
	int fd;

	snprintf(path, sizeof(path), "/dev/mq/%s", self->name);
	snprintf(other, sizeof(other), "%s.other", path);
	EXPECT_EQ(0, devmq_check_node(self->name));
	ASSERT_EQ(0, rename(path, other));
	EXPECT_EQ(-ENXIO, devmq_check_node(self->name));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-ENOTTY, devmq_check_node(self->name));
	ASSERT_EQ(0, unlink(path));
	/* The node of another queue is not this queue's. */
	ASSERT_EQ(0, symlink("control", path));
	EXPECT_EQ(-ENOTTY, devmq_check_node(self->name));
	ASSERT_EQ(0, unlink(path));
	ASSERT_EQ(0, rename(other, path));
	EXPECT_EQ(0, devmq_check_node(self->name));
}

/* As after a reload with such a file: see module_test.sh. */
TEST_F(queue, file_in_the_place_of_the_control_node_gets_no_command)
{
	char reason[256], *table, text[8];
	int fd;

	ASSERT_EQ(0, rename("/dev/mq/control", "/dev/mq/control.kept"));
	fd = open("/dev/mq/control", O_RDWR | O_CREAT | O_EXCL, 0600);
	EXPECT_LE(0, fd);
	EXPECT_EQ(-ENOTTY, devmq_control("create x", reason, sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, "/dev/mq/control is another file"));
	EXPECT_EQ(-ENOTTY, devmq_create("x", NULL, NULL, 0));
	EXPECT_EQ(-ENOTTY, devmq_remove("x", false, NULL, 0));
	EXPECT_EQ(-ENOTTY, devmq_option_table(&table));
	EXPECT_EQ(0, read(fd, text, sizeof(text)));
	close(fd);
	EXPECT_EQ(0, unlink("/dev/mq/control"));
	/* A device that is not a queue is refused, too. */
	EXPECT_EQ(0, symlink("/dev/null", "/dev/mq/control"));
	EXPECT_EQ(-ENOTTY, devmq_control("create x", NULL, 0));
	EXPECT_EQ(0, unlink("/dev/mq/control"));
	ASSERT_EQ(0, rename("/dev/mq/control.kept", "/dev/mq/control"));
	EXPECT_EQ(0, devmq_option_table(&table));
	free(table);
}

TEST_F(queue, remove_says_what_was_wrong)
{
	char reason[256];

	ASSERT_EQ(0, send_text(self->out, "x"));
	EXPECT_EQ(-ENOTEMPTY, devmq_remove(self->name, false, reason,
					   sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, self->name));
	EXPECT_EQ(0, devmq_remove(self->name, true, reason, sizeof(reason)));
	EXPECT_STREQ("", reason);
	EXPECT_EQ(-ENOENT, devmq_remove(self->name, true, reason,
					sizeof(reason)));
	EXPECT_NE(0, strlen(reason));
}

TEST_F(queue, control_takes_commands)
{
	char command[128], reason[256];

	snprintf(command, sizeof(command), "create %s.3", self->name);
	EXPECT_EQ(0, devmq_control(command, reason, sizeof(reason)));
	memcpy(command, "remove", 6);
	EXPECT_EQ(0, devmq_control(command, reason, sizeof(reason)));
	EXPECT_EQ(-ENOENT, devmq_control(command, reason, sizeof(reason)));
	EXPECT_EQ(-EINVAL, devmq_control("dance", reason, sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, "dance"));
	EXPECT_EQ(-EINVAL, devmq_control("", reason, sizeof(reason)));
	EXPECT_EQ(-EINVAL, devmq_control("remove x\n", NULL, 0));
}

TEST_F(queue, options_are_read_and_set)
{
	char value[64];

	EXPECT_EQ(3, devmq_get_option(self->name, "max_messages", value,
				      sizeof(value)));
	EXPECT_STREQ("100", value);
	EXPECT_EQ(-ERANGE, devmq_get_option(self->name, "max_messages", value,
					    3));
	EXPECT_EQ(0, devmq_set_option(self->name, "max_messages", "200"));
	EXPECT_EQ(3, devmq_get_option(self->name, "max_messages", value, 4));
	EXPECT_STREQ("200", value);
	EXPECT_EQ(0, devmq_set_option(self->name, "max_bytes", "3K"));
	EXPECT_LT(0, devmq_get_option(self->name, "max_bytes", value, 64));
	EXPECT_STREQ("3072", value);
	EXPECT_LT(0, devmq_get_option(self->name, "consumers", value, 64));
	EXPECT_STREQ("1", value);
	EXPECT_LT(0, devmq_get_option(self->name, "mode", value, 64));
	EXPECT_STREQ("0600", value);
	EXPECT_EQ(-EINVAL, devmq_set_option(self->name, "overflow", "maybe"));
	EXPECT_EQ(-EINVAL, devmq_set_option(self->name, "overflow", ""));
	EXPECT_EQ(-EINVAL, devmq_set_option(self->name, "ack", "auto\n"));
	EXPECT_EQ(-ERANGE, devmq_set_option(self->name, "max_messages", "0"));
	EXPECT_EQ(-EACCES, devmq_set_option(self->name, "framing", "line"));
	EXPECT_EQ(-EACCES, devmq_set_option(self->name, "ready", "0"));
	EXPECT_EQ(-ENOENT, devmq_set_option(self->name, "bogus", "0"));
	EXPECT_EQ(-ENOENT, devmq_get_option(self->name, "bogus", value, 64));
	EXPECT_EQ(-ENOENT, devmq_get_option(self->name, "power", value, 64));
	EXPECT_EQ(-ENOENT, devmq_get_option("no-such-queue", "ack", value,
					    64));
	EXPECT_EQ(-EINVAL, devmq_get_option("control", "uevent", value, 64));
}

TEST_F(queue, the_option_table_is_there)
{
	char *table = NULL, *line, *rest, word[64], value[64];
	int lines = 0;

	ASSERT_EQ(0, devmq_option_table(&table));
	for (line = strtok_r(table, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		ASSERT_EQ(1, sscanf(line, "%63s", word));
		EXPECT_LT(0, devmq_get_option(self->name, word, value,
					      sizeof(value))) {
			TH_LOG("%s", word);
		}
		lines++;
	}
	EXPECT_LT(10, lines);
	free(table);
}

TEST_F(queue, list_has_it_once_and_in_order)
{
	char **names, other[DEVMQ_NAME_SIZE];
	int i, n, found = 0;

	snprintf(other, sizeof(other), "a-%.40s", self->name);
	ASSERT_EQ(0, devmq_create(other, NULL, NULL, 0));
	n = devmq_list(&names);
	ASSERT_LE(2, n);
	for (i = 0; i < n; i++) {
		found += !strcmp(names[i], self->name);
		found += !strcmp(names[i], other);
		EXPECT_NE(0, strcmp(names[i], "control"));
		if (i) {
			EXPECT_GT(0, strcmp(names[i - 1], names[i]));
		}
	}
	EXPECT_EQ(2, found);
	EXPECT_EQ(NULL, names[n]);
	free(names);
	EXPECT_EQ(0, devmq_remove(other, false, NULL, 0));
}

TEST_F(queue, many_queues_are_listed)
{
	char name[DEVMQ_NAME_SIZE], **names;
	int i, n, before;

	before = devmq_list(&names);
	ASSERT_LT(0, before);
	free(names);
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%.30s.%030d", self->name, i);
		ASSERT_EQ(0, devmq_create(name, NULL, NULL, 0));
	}
	n = devmq_list(&names);
	EXPECT_LE(before + 200, n);
	if (n > 0)
		free(names);
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%.30s.%030d", self->name, i);
		EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
	}
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

/* Take messages and acknowledge them; now and then, give some back. */
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
