// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdevmq with the kernel module: topics. */
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib_test.h"

/* A topic that nothing is bound to, and a queue. */
FIXTURE(topic) {
	char name[DEVMQ_NAME_SIZE], queue_name[DEVMQ_NAME_SIZE];
	struct devmq_queue *topic, *queue;
	struct devmq_batch *batch;
	struct devmq_buffer *buffer;
	const struct devmq_msg *msg;
	char reason[256];
};

FIXTURE_SETUP(topic)
{
	if (access("/dev/mq/control", W_OK))
		SKIP(return, "no /dev/mq/control to write to");
	snprintf(self->name, sizeof(self->name), "lib-test-%d.t", getpid());
	snprintf(self->queue_name, sizeof(self->queue_name), "lib-test-%d.q",
		 getpid());
	ASSERT_EQ(0, devmq_create(self->name, "type=topic", self->reason,
				  sizeof(self->reason))) {
		TH_LOG("%s", self->reason);
	}
	ASSERT_EQ(0, devmq_create(self->queue_name, NULL, NULL, 0));
	ASSERT_EQ(0, devmq_open(&self->topic, self->name, DEVMQ_OPEN_WRITE |
				DEVMQ_OPEN_NONBLOCK));
	ASSERT_EQ(0, devmq_open(&self->queue, self->queue_name,
				DEVMQ_OPEN_READ | DEVMQ_OPEN_NONBLOCK));
	ASSERT_EQ(0, devmq_batch_new(&self->batch));
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
}

FIXTURE_TEARDOWN(topic)
{
	devmq_close(self->topic);
	devmq_close(self->queue);
	devmq_batch_free(self->batch);
	devmq_buffer_free(self->buffer);
	devmq_remove(self->name, true, NULL, 0);
	devmq_remove(self->queue_name, true, NULL, 0);
}

static const char *const signups[] = {
	"header.lang=de", "key=user.*.signup", NULL
};

TEST_F(topic, it_is_known_from_a_queue)
{
	struct devmq_bindings_list *list;

	EXPECT_EQ(1, devmq_is_topic(self->topic));
	EXPECT_EQ(0, devmq_is_topic(self->queue));
	EXPECT_EQ(0, devmq_bindings(self->topic, &list));
	devmq_bindings_free(list);
	EXPECT_EQ(-EINVAL, devmq_bindings(self->queue, &list));
	EXPECT_EQ(0, devmq_bind(self->name, self->queue_name, NULL, NULL, 0));
	EXPECT_EQ(1, devmq_is_topic(self->topic));
	EXPECT_EQ(0, devmq_remove(self->name, true, NULL, 0));
	EXPECT_EQ(-ENODEV, devmq_is_topic(self->topic));
}

TEST_F(topic, a_binding_takes_what_its_filter_says)
{
	uint64_t id;
	size_t size;
	const void *p;

	EXPECT_EQ(0, devmq_bind(self->name, self->queue_name, signups,
				self->reason, sizeof(self->reason)));
	EXPECT_STREQ("", self->reason);
	EXPECT_EQ(0, devmq_send(self->topic, "no", 2, &id));
	EXPECT_EQ(1, id);
	ASSERT_EQ(0, devmq_batch_add(self->batch, "yes", 3));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, "user.7.signup", 13));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "lang", "de", 2));
	EXPECT_EQ(0, devmq_send_batch(self->topic, self->batch, NULL, &id, NULL));
	EXPECT_EQ(2, id);
	ASSERT_EQ(1, devmq_recv(self->queue, self->buffer, 0, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_TRUE(payload_is(self->msg, "yes"));
	EXPECT_EQ(1, devmq_msg_id(self->msg));
	p = devmq_msg_topic(self->msg, &size);
	ASSERT_EQ(strlen(self->name), size);
	EXPECT_EQ(0, memcmp(self->name, p, size));
	EXPECT_EQ(2, devmq_msg_topic_id(self->msg));
	EXPECT_EQ(NULL, devmq_msg_origin(self->msg, NULL));
	EXPECT_EQ(2, COUNTER(self->topic, sent));
	EXPECT_EQ(1, COUNTER(self->topic, routed));
	EXPECT_EQ(1, COUNTER(self->topic, unrouted));
	EXPECT_EQ(1, COUNTER(self->topic, bindings));
}

TEST_F(topic, what_is_sent_to_the_queue_has_no_topic)
{
	struct devmq_queue *out;
	size_t size = 1;

	ASSERT_EQ(0, devmq_open(&out, self->queue_name, DEVMQ_OPEN_WRITE));
	EXPECT_EQ(0, send_text(out, "x"));
	devmq_close(out);
	ASSERT_EQ(1, devmq_peek(self->queue, self->buffer, 0, 0, 1, 0));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(NULL, devmq_msg_topic(self->msg, &size));
	EXPECT_EQ(0, size);
	EXPECT_EQ(0, devmq_msg_topic_id(self->msg));
}

TEST_F(topic, bindings_come_and_go_by_name)
{
	static const char *const turned[] = {
		"key=user.*.signup", "header.lang=de", NULL
	};

	EXPECT_EQ(0, devmq_bind(self->name, self->queue_name, signups, NULL, 0));
	EXPECT_EQ(0, devmq_bind(self->name, self->queue_name, NULL, NULL, 0));
	EXPECT_EQ(-EEXIST, devmq_bind(self->name, self->queue_name, turned,
				      self->reason, sizeof(self->reason)));
	EXPECT_NE('\0', self->reason[0]);
	EXPECT_EQ(NULL, strchr(self->reason, '\n'));
	EXPECT_EQ(2, COUNTER(self->topic, bindings));
	EXPECT_EQ(0, devmq_unbind(self->name, self->queue_name, turned, NULL, 0));
	EXPECT_EQ(1, COUNTER(self->topic, bindings));
	EXPECT_EQ(-ENOENT, devmq_unbind(self->name, self->queue_name, signups,
					self->reason, sizeof(self->reason)));
	EXPECT_NE('\0', self->reason[0]);
	EXPECT_EQ(0, devmq_unbind(self->name, self->queue_name, NULL, NULL, 0));
	EXPECT_EQ(0, COUNTER(self->topic, bindings));
	EXPECT_EQ(-ENOENT, devmq_bind(self->name, "lib-test-nosuch", NULL,
				      self->reason, sizeof(self->reason)));
	EXPECT_NE(NULL, strstr(self->reason, "lib-test-nosuch"));
}

TEST_F(topic, bindings_come_and_go_by_descriptor)
{
	static const char *const blanks[] = { "header.subject=a b\tc", NULL };
	uint64_t id = 0, gone = 0;

	EXPECT_EQ(0, devmq_bind_queue(self->topic, self->queue, signups, &id));
	EXPECT_EQ(1, id);
	EXPECT_EQ(0, devmq_bind_queue(self->topic, self->queue, blanks, &id));
	EXPECT_EQ(2, id);
	EXPECT_EQ(-EEXIST, devmq_bind_queue(self->topic, self->queue, blanks,
					    &id));
	EXPECT_EQ(2, id);
	EXPECT_EQ(0, devmq_unbind_queue(self->topic, self->queue, blanks, &gone));
	EXPECT_EQ(1, gone);
	EXPECT_EQ(-ENOENT, devmq_unbind_queue(self->topic, self->queue, blanks,
					      &gone));
	EXPECT_EQ(0, devmq_bind_queue(self->topic, self->queue, NULL, &id));
	EXPECT_EQ(3, id);
	EXPECT_EQ(0, devmq_unbind_queue(self->topic, self->queue, NULL, &gone));
	EXPECT_EQ(2, gone);
	EXPECT_EQ(0, COUNTER(self->topic, bindings));
}

/* Neither of the two becomes a consumer or a producer by it. */
TEST_F(topic, what_is_not_open_as_it_must_be_is_refused)
{
	struct devmq_queue *look;

	ASSERT_EQ(0, devmq_open(&look, self->name, DEVMQ_OPEN_LOOK));
	EXPECT_EQ(-EBADF, devmq_bind_queue(look, self->queue, NULL, NULL));
	EXPECT_EQ(-EBADF, devmq_unbind_queue(look, self->queue, NULL, NULL));
	devmq_close(look);
	ASSERT_EQ(0, devmq_open(&look, self->queue_name, DEVMQ_OPEN_LOOK));
	EXPECT_EQ(0, devmq_bind_queue(self->topic, look, NULL, NULL));
	EXPECT_EQ(1, COUNTER(self->queue, consumers));
	EXPECT_EQ(0, COUNTER(self->queue, producers));
	EXPECT_EQ(-ELOOP, devmq_bind_queue(self->topic, self->topic, NULL, NULL));
	devmq_close(look);
	ASSERT_EQ(0, devmq_open(&look, self->queue_name, DEVMQ_OPEN_WRITE));
	EXPECT_EQ(-EINVAL, devmq_bind_queue(look, self->queue, NULL, NULL));
	devmq_close(look);
}

/* As a user who owns @topic and @queue only. Returns what binding gave. */
static int bind_as(uid_t uid, const char *topic, const char *queue)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct devmq_queue *t, *q;
		int err = setuid(uid) ? -errno : 0;

		if (!err)
			err = devmq_open(&t, topic, DEVMQ_OPEN_WRITE) ?:
			      devmq_open(&q, queue, DEVMQ_OPEN_LOOK) ?:
			      devmq_bind_queue(t, q, NULL, NULL);
		_exit(-err);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

TEST_F(topic, the_owner_of_both_may_bind)
{
	char topic[96], queue[96];

	snprintf(topic, sizeof(topic), "/dev/mq/%s", self->name);
	snprintf(queue, sizeof(queue), "/dev/mq/%s", self->queue_name);
	ASSERT_EQ(0, chmod(topic, 0666) | chmod(queue, 0666));
	EXPECT_EQ(-EPERM, bind_as(1234, self->name, self->queue_name));
	ASSERT_EQ(0, chown(topic, 1234, 0));
	EXPECT_EQ(-EPERM, bind_as(1234, self->name, self->queue_name));
	ASSERT_EQ(0, chown(queue, 1234, 0));
	EXPECT_EQ(0, bind_as(1234, self->name, self->queue_name));
	EXPECT_EQ(1, COUNTER(self->topic, bindings));
	ASSERT_EQ(0, chown(topic, 0, 0));
	EXPECT_EQ(-EPERM, bind_as(1234, self->name, self->queue_name));
}

/* More than one call of the kernel shows. */
TEST_F(topic, many_bindings_are_listed)
{
	const struct devmq_binding_view *b;
	struct devmq_bindings_list *list;
	char key[80], header[80];
	const char *const filter[] = { header, key, NULL };
	int i;

	for (i = 1; i <= 1000; i++) {
		snprintf(key, sizeof(key), "key=a.%060d", i);
		snprintf(header, sizeof(header), "header.n=%060d", i);
		ASSERT_EQ(0, devmq_bind_queue(self->topic, self->queue, filter,
					      NULL));
	}
	ASSERT_EQ(1000, devmq_bindings(self->topic, &list));
	for (i = 1; i <= 1000; i++) {
		ASSERT_TRUE(devmq_bindings_next(list, &b));
		snprintf(key, sizeof(key), "key=a.%060d", i);
		snprintf(header, sizeof(header), "header.n=%060d", i);
		ASSERT_EQ(i, b->id);
		ASSERT_EQ(0, b->taken | b->missed);
		ASSERT_STREQ(self->queue_name, b->queue);
		/* The key comes first. */
		ASSERT_STREQ(key, b->filter[0]);
		ASSERT_STREQ(header, b->filter[1]);
		ASSERT_EQ(NULL, b->filter[2]);
	}
	EXPECT_FALSE(devmq_bindings_next(list, &b));
	/* What was listed can be taken away as it was listed. */
	devmq_bindings_rewind(list);
	for (i = 1; i <= 1000; i++) {
		ASSERT_TRUE(devmq_bindings_next(list, &b));
		ASSERT_EQ(0, devmq_unbind_queue(self->topic, self->queue,
						b->filter, NULL));
	}
	devmq_bindings_free(list);
	EXPECT_EQ(0, COUNTER(self->topic, bindings));
}

TEST_F(topic, taken_counts_what_each_binding_took)
{
	static const char *const a[] = { "key=a", NULL };
	const struct devmq_binding_view *b;
	struct devmq_bindings_list *list;
	uint64_t taken;
	int i;

	EXPECT_EQ(0, devmq_bind_queue(self->topic, self->queue, a, NULL));
	EXPECT_EQ(0, devmq_bind_queue(self->topic, self->queue, NULL, NULL));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
		if (i)
			ASSERT_EQ(0, devmq_batch_set_key(self->batch, "a", 1));
	}
	EXPECT_EQ(0, devmq_send_batch(self->topic, self->batch, NULL, NULL, NULL));
	EXPECT_EQ(3, COUNTER(self->queue, ready));
	ASSERT_EQ(2, devmq_bindings(self->topic, &list));
	ASSERT_TRUE(devmq_bindings_next(list, &b));
	taken = b->taken;
	ASSERT_TRUE(devmq_bindings_next(list, &b));
	/* What both take counts in one of them. */
	EXPECT_LE(1, b->taken);
	EXPECT_EQ(3, taken + b->taken);
	devmq_bindings_free(list);
}

TEST_F(topic, nobody_takes_it_and_the_sender_is_told)
{
	ASSERT_EQ(0, devmq_set_option(self->name, "on_unrouted", "refuse"));
	EXPECT_EQ(-ENOENT, send_text(self->topic, "x"));
	EXPECT_EQ(0, COUNTER(self->topic, sent));
	ASSERT_EQ(0, devmq_bind_queue(self->topic, self->queue, NULL, NULL));
	EXPECT_EQ(0, send_text(self->topic, "x"));
	EXPECT_EQ(1, COUNTER(self->queue, ready));
}

TEST_F(topic, nothing_can_be_received_from_it)
{
	struct devmq_queue *in;

	ASSERT_EQ(0, devmq_open(&in, self->name, DEVMQ_OPEN_READ |
				DEVMQ_OPEN_NONBLOCK));
	EXPECT_EQ(-EINVAL, devmq_recv(in, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_peek(in, self->buffer, 0, 0, 0, 0));
	devmq_close(in);
}

/* Looking takes nothing away, and what is purged is not retained any more. */
TEST_F(topic, what_it_retains_can_be_looked_at_and_purged)
{
	struct devmq_queue *in;
	uint64_t purged = 0;

	ASSERT_EQ(0, devmq_set_option(self->name, "retain_messages", "9"));
	ASSERT_EQ(0, send_text(self->topic, "x"));
	ASSERT_EQ(0, send_text(self->topic, "y"));
	ASSERT_EQ(0, devmq_open(&in, self->name, DEVMQ_OPEN_LOOK |
				DEVMQ_OPEN_NONBLOCK));
	EXPECT_EQ(2, devmq_peek(in, self->buffer, 0, 0, 0, 0));
	EXPECT_EQ(2, devmq_peek(in, self->buffer, 0, 0, 0, 0));
	EXPECT_EQ(0, devmq_purge(in, 1, 1, 0, 0, &purged));
	EXPECT_EQ(1, purged);
	EXPECT_EQ(1, devmq_peek(in, self->buffer, 0, 0, 0, 0));
	devmq_close(in);
}

TEST_HARNESS_MAIN
