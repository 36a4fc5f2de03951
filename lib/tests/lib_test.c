// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdevmq with the kernel module: opening, sending, receiving, and looking. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "lib_test.h"

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
	/* This file has neither received nor sent yet. */
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
	/* It has no journal. */
	EXPECT_EQ(-EINVAL, devmq_open(&q, self->name, DEVMQ_OPEN_WRITE |
				      DEVMQ_OPEN_SYNC));
}

/*
 * Other files in /dev/mq are refused as well; a link to a queue's node is
 * opened.
 */
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
	/* A new queue of the same name is another queue. */
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
	/*
	 * The same from a message that was peeked at, which has an extra block.
	 */
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

TEST_HARNESS_MAIN
