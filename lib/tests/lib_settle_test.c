// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdevmq with the kernel module: settling, and what senders set in a message.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib_test.h"

/* -- settling -------------------------------------------------------------- */

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

TEST_F(queue, one_call_acknowledges_and_receives_the_next)
{
	uint64_t acked = 99;
	int i;

	ASSERT_EQ(0, send_numbers(self->out, 9));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	for (i = 1; i <= 5; i++) {
		ASSERT_EQ(1, devmq_ack_recv(self->in, self->buffer, 1, 0, &acked));
		EXPECT_EQ(i == 1 ? 0 : 1, acked);
		ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
		EXPECT_EQ(i, devmq_msg_id(self->msg));
		EXPECT_EQ(i - 1, COUNTER(self->in, acked));
		EXPECT_EQ(1, COUNTER(self->in, in_flight));
	}
	ASSERT_EQ(4, devmq_ack_recv(self->in, self->buffer, 0, 0, NULL));
	/* Two that are settled already leave two, which are no range. */
	EXPECT_EQ(0, devmq_ack(self->in, 7));
	EXPECT_EQ(0, devmq_ack(self->in, 9));
	EXPECT_EQ(-EAGAIN, devmq_ack_recv(self->in, self->buffer, 0, 0, &acked));
	EXPECT_EQ(2, acked);
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	EXPECT_EQ(9, COUNTER(self->in, acked));
	EXPECT_EQ(0, COUNTER(self->in, in_flight));
}

TEST_F(queue, handle_that_can_be_woken_acknowledges_and_receives)
{
	uint64_t acked = 99;

	ASSERT_EQ(0, send_numbers(self->out, 2));
	ASSERT_EQ(0, devmq_set_ack(self->in, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, devmq_enable_wake(self->in));
	ASSERT_EQ(1, devmq_ack_recv(self->in, self->buffer, 1, 0, &acked));
	EXPECT_EQ(0, acked);
	ASSERT_EQ(0, devmq_wake(self->in));
	EXPECT_EQ(-ECANCELED, devmq_ack_recv(self->in, self->buffer, 1, -1,
					     &acked));
	EXPECT_EQ(1, acked);
	ASSERT_EQ(1, devmq_ack_recv(self->in, self->buffer, 1, -1, &acked));
	EXPECT_EQ(0, acked);
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
	/* 2 is acknowledged, 5 and 6 are read, the others are not. */
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
		s[i].first_id = i + 1;
		s[i].last_id = i + 1;
		s[i].action = DEVMQ_ACTION_ACK;
	}
	EXPECT_EQ(0, devmq_settle(self->in, s, COUNT, &settled));
	EXPECT_EQ(COUNT, settled);
	EXPECT_EQ(COUNT, COUNTER(self->in, acked));
}

/* Receive the next message within 20 s, or return NULL. */
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
	/* The note comes with the next delivery. */
	EXPECT_EQ(0, devmq_retry_note(self->in, 1, 1, "no\0route", 8));
	self->msg = next(self->in, self->buffer);
	ASSERT_NE(NULL, self->msg);
	note = devmq_msg_note(self->msg, &size);
	ASSERT_EQ(8, size);
	EXPECT_EQ(0, memcmp(note, "no\0route", 8));
	EXPECT_EQ(DEVMQ_REASON_NONE, devmq_msg_reason(self->msg));
	/* A delay of 1 ns is like none. */
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

/* -- what senders set in a message ----------------------------------------- */

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
	/*
	 * A duplicate needs no room, and is known after the first message is
	 * gone.
	 */
	while (devmq_recv(self->in, self->buffer, 0, 0) > 0)
		;
	ASSERT_EQ(0, add_letters(self->batch, "b"));
	EXPECT_EQ(0, devmq_send_batch(self->out, self->batch, NULL, &first,
				      NULL));
	EXPECT_EQ(3, first);
	EXPECT_EQ(0, COUNTER(self->in, ready));
}

TEST_HARNESS_MAIN
