// SPDX-License-Identifier: GPL-2.0
/*
 * RECV of one message a call. Plain messages go a quick way of their own, which has to
 * do what RECV of many does.
 */
#include <stddef.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/memory.h"
#include "helpers/settle.h"
#include "fixtures/settle.h"

/* An own consumer, with ack=auto or ack=manual. */
FIXTURE(one) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	struct mq_batch batch;
	struct devmq_recv recv;
	char buffer[1 << 17];
};

FIXTURE_VARIANT(one) {
	const char *options;
	bool manual;
};

FIXTURE_VARIANT_ADD(one, acknowledged) {
	.options = "allow_empty=1",
};

FIXTURE_VARIANT_ADD(one, held) {
	.options = "allow_empty=1 ack=manual", .manual = true,
};

FIXTURE_SETUP(one)
{
	MQ_REQUIRE();
	MQ_OPEN_QUEUE("%s", variant->options);
}

FIXTURE_TEARDOWN(one)
{
	mq_batch_free(&self->batch);
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

/* Receive one record to @buffer, of @size bytes. */
static int receive_to(FIXTURE_DATA(one) *self, void *buffer, size_t size)
{
	mq_recv_init(&self->recv, buffer, size);
	self->recv.max_count = 1;
	return mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv);
}

static int receive_one(FIXTURE_DATA(one) *self)
{
	memset(self->buffer, MQ_POISON, sizeof(self->buffer));
	return receive_to(self, self->buffer, sizeof(self->buffer));
}

/* Expect that nothing was received: message 1 is as it was sent. */
#define EXPECT_UNTOUCHED() do {						\
	struct devmq_stat __s;						\
									\
	ASSERT_EQ(0, mq_stat(&self->queue, &__s));			\
	EXPECT_EQ(1, __s.ready);					\
	EXPECT_EQ(0, __s.in_flight);					\
	EXPECT_EQ(0, __s.acked);					\
	EXPECT_EQ(0, __s.delivered);					\
	EXPECT_EQ(0, __s.redelivered);					\
	EXPECT_EQ(0, mq_held(self->fd));				\
	EXPECT_TRUE(mq_conserved(&__s));				\
} while (0)

/* Expect that all received messages are counted in their one state. */
#define EXPECT_TAKEN(n) do {						\
	struct devmq_stat __s;						\
									\
	ASSERT_EQ(0, mq_stat(&self->queue, &__s));			\
	EXPECT_EQ(n, __s.delivered);					\
	EXPECT_EQ(variant->manual ? n : 0, __s.in_flight);		\
	EXPECT_EQ(variant->manual ? 0 : n, __s.acked);			\
	EXPECT_EQ(variant->manual ? n : 0, mq_held(self->fd));		\
	EXPECT_EQ(n, mq_last_id(self->fd));				\
	EXPECT_TRUE(mq_conserved(&__s));				\
} while (0)

TEST_F(one, every_byte_is_as_it_was_sent)
{
	static const size_t more[] = { 255, 256, 257, 4096, 8192, 100000 };
	static char data[100000];
	char headers[100];
	struct devmq_record *sent, *got = (void *)self->buffer;
	size_t i, size, key, header, meta;

	for (i = 0; i < sizeof(data); i++)
		data[i] = i | 1;
	for (i = 0; i < 100 + ARRAY_SIZE(more); i++) {
		size = i < 100 ? i * 5 % 83 : more[i - 100];
		key = i % 4 ? 0 : i * 7 % 19;
		header = i % 5 ? 0 : mq_header_put(headers, "name", data, i % 11);
		self->batch.size = 0;
		sent = mq_batch_add_full(&self->batch, data, key, headers, header,
					 data, size);
		ASSERT_EQ(0, mq_send(self->fd, self->batch.data,
				     self->batch.size, NULL));
		ASSERT_EQ(0, receive_one(self));
		ASSERT_EQ(1, self->recv.count);
		ASSERT_EQ(0, self->recv.need);
		ASSERT_EQ(sent->size, got->size);
		ASSERT_EQ(DEVMQ_RECORD_STEP(got->size), self->recv.used);
		EXPECT_EQ(i + 1, got->id);
		EXPECT_EQ(0, got->flags | got->delay_ns | got->ttl_ns);
		EXPECT_EQ(getuid(), got->uid);
		EXPECT_EQ(getgid(), got->gid);
		EXPECT_EQ(getpid(), got->pid);
		EXPECT_EQ(1, got->attempt);
		EXPECT_EQ(0, got->failures);
		EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, got->state);
		EXPECT_EQ(0, got->failure);
		EXPECT_EQ(0, got->reserved);
		meta = sizeof(*got) + key + header;
		ASSERT_EQ(0, memcmp(data, got + 1, key));
		ASSERT_EQ(0, memcmp(headers, (char *)(got + 1) + key, header));
		for (; meta < DEVMQ_RECORD_PAYLOAD(got); meta++)
			ASSERT_EQ(0, self->buffer[meta]);
		ASSERT_EQ(size, mq_record_payload_size(got));
		ASSERT_EQ(0, memcmp(data, mq_record_payload(got), size));
		for (meta = got->size; meta < self->recv.used; meta++)
			ASSERT_EQ(0, self->buffer[meta]);
		ASSERT_EQ((char)MQ_POISON, self->buffer[self->recv.used]);
	}
	EXPECT_TAKEN(i);
	EXPECT_EQ(-EAGAIN, receive_one(self));
}

TEST_F(one, what_is_only_in_does_not_change)
{
	struct devmq_recv want;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = 1;
	self->recv.deadline_ns = 77;
	want = self->recv;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	want.count = 1;
	want.used = MQ_SMALL;
	want.need = 0;
	want.acked = 0;
	EXPECT_EQ(0, memcmp(&want, &self->recv, sizeof(want)));
}

TEST_F(one, caller_that_knows_no_acknowledgement_gets_no_more_than_it_knows)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	memset(&self->recv, MQ_POISON, sizeof(self->recv));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	memset(&self->recv.ack_first_id, MQ_POISON, 2 * sizeof(__u64));
	self->recv.size = offsetof(struct devmq_recv, ack_first_id);
	self->recv.max_count = 1;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(1, self->recv.count);
	EXPECT_EQ(0xa5a5a5a5a5a5a5a5ULL, self->recv.ack_first_id);
	EXPECT_EQ(0xa5a5a5a5a5a5a5a5ULL, self->recv.ack_last_id);
	EXPECT_EQ(0xa5a5a5a5a5a5a5a5ULL, self->recv.acked);
}

/* With the queue's lock held the kernel cannot wait for a page. */
TEST_F(one, buffer_whose_pages_are_not_there_yet)
{
	char *buffer = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct devmq_record *got = (void *)(buffer + 4096 - 40);

	ASSERT_NE(MAP_FAILED, buffer);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, receive_to(self, got, 1024));
	EXPECT_EQ(1, self->recv.count);
	EXPECT_TRUE(mq_record_is(got, "m1"));
	EXPECT_EQ(1, got->attempt);
	EXPECT_EQ(0, got->failures);
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, got->state);
	EXPECT_TAKEN(1);
}

TEST_F(one, argument_whose_page_is_not_there_yet)
{
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct devmq_recv *recv = (void *)(map + 4096 - 48);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = 1;
	/* The members that are written lie in both pages. */
	memcpy(recv, &self->recv, sizeof(*recv));
	ASSERT_EQ(0, madvise(map + 4096, 4096, MADV_DONTNEED));
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, recv));
	EXPECT_EQ(1, recv->count);
	EXPECT_EQ(MQ_SMALL, recv->used);
	EXPECT_EQ(0, recv->need);
	EXPECT_EQ(0, recv->acked);
	EXPECT_TAKEN(1);
}

TEST_F(one, buffer_that_cannot_be_written_leaves_the_message)
{
	static char large[8192];
	char *edge = mq_edge();
	size_t i, sizes[] = { 2, 300, sizeof(large) };

	memset(large, 'l', sizeof(large));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		MQ_REOPEN_QUEUE("%s", variant->options);
		ASSERT_EQ(1, mq_send_payload(self->fd, large, sizes[i]));
		EXPECT_EQ(-EFAULT, receive_to(self, edge - 8, 1 << 16));
		EXPECT_EQ(-EFAULT, receive_to(self, edge - sizeof(struct devmq_record),
					      1 << 16));
		EXPECT_EQ(-EFAULT, receive_to(self, MQ_BAD_POINTER, 1 << 16));
		EXPECT_UNTOUCHED();
		ASSERT_EQ(0, receive_one(self));
		EXPECT_EQ(1, ((struct devmq_record *)self->buffer)->attempt);
		EXPECT_EQ(0, ((struct devmq_record *)self->buffer)->failures);
		EXPECT_TAKEN(1);
	}
}

TEST_F(one, argument_that_cannot_be_written_leaves_the_message)
{
	struct devmq_recv *recv = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, recv);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	mq_recv_init(recv, self->buffer, sizeof(self->buffer));
	recv->max_count = 1;
	ASSERT_EQ(0, mprotect(recv, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_RECV, recv));
	EXPECT_UNTOUCHED();
}

TEST_F(one, buffer_that_is_too_small_leaves_the_message)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	memset(self->buffer, MQ_POISON, MQ_SMALL);
	EXPECT_EQ(-EMSGSIZE, receive_to(self, self->buffer, MQ_SMALL - 1));
	EXPECT_EQ(MQ_SMALL, self->recv.need);
	EXPECT_EQ((char)MQ_POISON, self->buffer[0]);
	EXPECT_UNTOUCHED();
	EXPECT_EQ(0, receive_to(self, self->buffer, MQ_SMALL));
	EXPECT_TAKEN(1);
}

/* -- what is held ----------------------------------------------------------- */

TEST_F(settle, one_message_that_is_held_has_its_holder_and_its_time)
{
	struct devmq_extra *extra;
	struct devmq_record *r;
	struct devmq_peek peek;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, receive(self, self->fd, 1));
	mq_peek_init(&peek, self->buffer, sizeof(self->buffer));
	peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
	ASSERT_EQ(0, mq_ioctl(self->other, DEVMQ_IOC_PEEK, &peek));
	ASSERT_EQ(1, peek.count);
	r = (void *)self->buffer;
	extra = (void *)(r + 1);
	EXPECT_EQ(1, r->id);
	EXPECT_EQ(1, r->attempt);
	EXPECT_EQ(getpid(), r->pid);
	EXPECT_EQ(getpid(), extra->holder_pid);
	EXPECT_LT(0, extra->since_ns);
	EXPECT_EQ(0, extra->due_ns);
}

TEST_F(settle, prefetch_bounds_what_is_received_one_by_one)
{
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 2));
	EXPECT_EQ(1, receive(self, self->fd, 1));
	EXPECT_EQ(1, receive(self, self->fd, 1));
	EXPECT_EQ(-EAGAIN, receive(self, self->fd, 1));
	EXPECT_EQ(2, mq_held(self->fd));
	EXPECT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(1, receive(self, self->fd, 1));
	EXPECT_EQ(-EAGAIN, receive(self, self->fd, 1));
}

TEST_F(settle, released_and_failed_messages_are_received_one_by_one_again)
{
	struct devmq_record *r = (void *)self->buffer;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, receive(self, self->fd, 1));
	ASSERT_EQ(1, mq_release(self->fd, 1));
	ASSERT_EQ(1, receive(self, self->other, 1));
	EXPECT_EQ(1, r->id);
	EXPECT_EQ(1, r->attempt);
	close(self->other);
	MQ_OPEN(other, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(1, receive(self, self->other, 1));
	EXPECT_EQ(1, r->id);
	EXPECT_EQ(2, r->attempt);
	EXPECT_EQ(1, r->failures);
	EXPECT_EQ(DEVMQ_FAILURE_CRASH, r->failure);
	EXPECT_EQ(1, mq_stat_of(&self->queue, redelivered));
	EXPECT_EQ(1, mq_ack(self->other, 1));
	ASSERT_EQ(1, receive(self, self->other, 1));
	EXPECT_EQ(2, r->id);
}

/* A message that was released while others were held comes back in the middle. */
TEST_F(settle, one_by_one_keeps_the_order_of_what_came_back)
{
	struct devmq_record *r = (void *)self->buffer;
	int i, order[] = { 2, 4, 5 };

	ASSERT_EQ(0, mq_fill(self->fd, 5));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(1, receive(self, self->fd, 1));
	ASSERT_EQ(1, mq_release(self->fd, 2));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, receive(self, self->fd, 1));
		EXPECT_EQ(order[i], r->id);
	}
	EXPECT_EQ(5, mq_settle(self->fd, 1, 5, DEVMQ_ACTION_ACK));
}

TEST_F(settle, lease_begins_with_one_message_as_with_many)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_MANUAL, 0, 1000000));
	ASSERT_EQ(1, receive(self, self->fd, 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	EXPECT_EQ(0, mq_held(self->fd));
}

TEST_HARNESS_MAIN
