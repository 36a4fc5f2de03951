// SPDX-License-Identifier: GPL-2.0
/*
 * Dead messages that move to a dead-letter queue, and the room for them there.
 */
#include <poll.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/thread.h"
#include "fixtures/dead.h"

/* -- to the dead-letter queue ------------------------------------------------------ */

TEST_F(dead, rejected_message_moves_to_the_dead_letter_queue)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->grave_fd, 4));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 1));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(2, self->stat.sent);
	EXPECT_EQ(2, self->stat.bytes);
	MQ_STAT(&self->grave);
	EXPECT_EQ(5, self->stat.sent);
	EXPECT_EQ(5, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(10, self->stat.bytes);
	MQ_EXPECT(&self->grave, 5, READY, 0, 0, NONE);
}

TEST_F(dead, moved_message_tells_where_it_came_from_and_why)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->grave_fd, 1));
	ASSERT_EQ(1, mq_purge(self->grave_fd, 0, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 3, 999, "third"));
	ASSERT_EQ(0, mq_look_id(&self->grave, 2, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(3, self->look.extra.origin_id);
	EXPECT_EQ(999, self->look.extra.reason);
	EXPECT_STREQ("third", self->look.note);
	EXPECT_STREQ("m3", self->look.payload);
	EXPECT_EQ(2, self->look.record.id);

	/* The record that its consumer receives says the same. */
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_EQ(2, self->look.record.id);
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(3, self->look.extra.origin_id);
	EXPECT_EQ(999, self->look.extra.reason);
	EXPECT_STREQ("third", self->look.note);
	EXPECT_STREQ("m3", self->look.payload);
	EXPECT_EQ(1, self->look.record.attempt);
}

TEST_F(dead, received_record_says_nothing_extra_otherwise)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_take(self->fd, &self->look));
	EXPECT_EQ(0, self->look.record.extra_size);
}

TEST_F(dead, origin_and_note_need_room_in_the_buffer)
{
	struct devmq_recv recv;
	size_t need;

	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 1, 300, "a note"));
	need = DEVMQ_ALIGN(sizeof(struct devmq_record) +
			   sizeof(struct devmq_extra) +
			   strlen(self->queue.name) + 6) + 2;
	EXPECT_EQ(-EMSGSIZE, mq_recv(self->grave_fd, self->buffer, need - 1,
				     &recv));
	EXPECT_LE(need, recv.need);
	EXPECT_GE(DEVMQ_ALIGN(need), recv.need);
	MQ_EXPECT(&self->grave, 1, READY, 0, 0, NONE);
	EXPECT_EQ(0, mq_recv(self->grave_fd, self->buffer, recv.need, &recv));
	EXPECT_EQ(1, recv.count);
	ASSERT_EQ(0, mq_look_at((void *)self->buffer, &self->look));
	EXPECT_STREQ("a note", self->look.note);
}

TEST_F(dead, moved_message_keeps_key_headers_sender_and_payload)
{
	struct devmq_record *record, before;
	struct mq_batch batch = {};
	struct devmq_recv recv;
	char headers[64], *data;
	size_t size = mq_header_put(headers, "name", "value", 5);

	BURY("");
	mq_batch_add_full(&batch, "the key", 7, headers, size, "payload", 7);
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &before));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_recv(self->grave_fd, self->buffer,
			     sizeof(self->buffer), &recv));
	record = mq_record_next(self->buffer, recv.used, NULL);
	ASSERT_NE(NULL, record);
	EXPECT_TRUE(mq_record_is(record, "payload"));
	ASSERT_EQ(7, record->key_size);
	ASSERT_EQ(size, record->headers_size);
	data = (char *)(record + 1) + record->extra_size;
	EXPECT_EQ(0, memcmp(data, "the key", 7));
	EXPECT_EQ(0, memcmp(data + 7, headers, size));
	EXPECT_EQ(before.uid, record->uid);
	EXPECT_EQ(before.gid, record->gid);
	EXPECT_EQ(before.pid, record->pid);
	mq_batch_free(&batch);
}

TEST_F(dead, read_gives_a_moved_message_like_any_other)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 1, 300, "note"));
	EXPECT_EQ(POLLIN, mq_poll(self->grave_fd, POLLIN));
	EXPECT_EQ(2, mq_fionread(self->grave_fd));
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
	EXPECT_EQ(1, mq_ack(self->grave_fd, 1));
}

TEST_F(dead, moved_message_keeps_its_failures_and_starts_counting_anew)
{
	int i;

	BURY("max_deliveries=2");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "3"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
	}
	MQ_EXPECT(&self->grave, 1, READY, 0, 3, RETRY);
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_FAILURES, self->look.extra.reason);
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->grave_fd, 1, 1));
	MQ_EXPECT(&self->grave, 1, READY, 1, 4, RETRY);
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	close(self->grave_fd);
	self->grave_fd = -1;
	MQ_EXPECT(&self->grave, 1, DEAD, 2, 5, CRASH);
}

TEST_F(dead, order_is_kept_in_the_dead_letter_queue)
{
	struct devmq_recv recv;
	char text[16], *buffer = malloc(1 << 20);
	int i;

	BURY("");
	ASSERT_EQ(0, mq_fill_fast(self->fd, 500));
	ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &recv));
	ASSERT_EQ(500, recv.count);
	EXPECT_EQ(500, mq_settle(self->fd, 1, 500, DEVMQ_ACTION_REJECT));
	for (i = 1; i <= 500; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
		ASSERT_STREQ(text, self->look.payload);
		ASSERT_EQ(i, self->look.record.id);
		ASSERT_EQ(i, self->look.extra.origin_id);
	}
	free(buffer);
}

TEST_F(dead, order_is_kept_when_a_consumer_crashes)
{
	char text[16];
	int i, fd;

	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "1"));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 50));
	for (i = 0; i < 50; i++)
		ASSERT_LT(0, mq_read(i % 3 ? fd : self->fd, self->buffer, 10));
	close(fd);
	close(self->fd);
	self->fd = -1;
	MQ_STAT(&self->queue);
	EXPECT_EQ(50, self->stat.dead_lettered);
	/* The messages of one consumer die first, then those of the other. */
	for (i = 0; i < 50; i++) {
		if (!(i % 3))
			continue;
		snprintf(text, sizeof(text), "m%d", i + 1);
		ASSERT_EQ(0, mq_get(self->grave_fd, text));
	}
	for (i = 0; i < 50; i += 3) {
		snprintf(text, sizeof(text), "m%d", i + 1);
		ASSERT_EQ(0, mq_get(self->grave_fd, text));
	}
}

TEST_F(dead, priority_is_kept_as_far_as_there_is_one)
{
	static const unsigned int priorities[] = { 0, 2, 3, 9 };
	static const unsigned int expected[] = { 0, 2, 2, 2 };
	unsigned int i;

	BURY("priorities=3");
	close(self->fd);
	CREATE("priorities=10 dead_letter=%s", self->grave.name);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(i + 1, MQ_SEND(self->fd, .text = "x",
					 .priority = priorities[i]));
		ASSERT_EQ(1, kill_next(self->fd, i + 1));
		ASSERT_EQ(0, mq_look_id(&self->grave, i + 1, &self->look));
		EXPECT_EQ(expected[i], self->look.record.priority);
	}
}

/* The queue makes a list for a priority only when somebody sends with it. */
TEST_F(dead, the_dead_go_first_at_levels_that_nobody_had_sent_to)
{
	static const char *const order[] = {
		"dead 2", "batch 2", "dead 1", "batch 1", "dead 0", "batch 0",
	};
	char dead[3][16], sent[3][16];
	struct mq_batch batch = {};
	struct devmq_send send;
	unsigned int i;

	BURY("priorities=3");
	close(self->fd);
	CREATE("priorities=3 dead_letter=%s", self->grave.name);
	for (i = 0; i < 3; i++) {
		snprintf(dead[i], sizeof(dead[i]), "dead %u", i);
		ASSERT_EQ(i + 1, MQ_SEND(self->fd, .text = dead[i],
					 .priority = i));
		ASSERT_EQ(1, kill_next(self->fd, i + 1));
	}
	for (i = 0; i < 3; i++) {
		snprintf(sent[i], sizeof(sent[i]), "batch %u", i);
		mq_batch_add_message(&batch, &(struct mq_message) {
			.text = sent[i], .priority = i });
	}
	ASSERT_EQ(0, mq_send(self->grave_fd, batch.data, batch.size, &send));
	EXPECT_EQ(3, send.count);
	mq_batch_free(&batch);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		EXPECT_EQ(0, mq_get(self->grave_fd, order[i]));
	MQ_STAT(&self->grave);
	EXPECT_EQ(0, self->stat.ready);
}

/* -- room for the dead ------------------------------------------------------------- */

TEST_F(dead, max_messages_of_the_dead_letter_queue_bounds_the_dead)
{
	BURY("max_messages=2");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 3, 999, "third"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 3, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_EQ(999, self->look.extra.reason);
	EXPECT_STREQ("third", self->look.note);
	EXPECT_EQ(0, self->look.extra.origin_size);
	EXPECT_EQ(0, self->look.extra.origin_id);
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.dead_lettered);
	EXPECT_EQ(1, self->stat.dead);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead_refused);
	MQ_STAT(&self->grave);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(2, self->stat.sent);
}

TEST_F(dead, max_bytes_of_the_dead_letter_queue_bounds_the_dead)
{
	BURY("max_bytes=10");
	ASSERT_EQ(11, mq_put(self->fd, "eleven byte"));
	ASSERT_EQ(8, mq_put(self->fd, "eight by"));
	ASSERT_EQ(3, mq_put(self->fd, "123"));
	ASSERT_EQ(2, mq_put(self->fd, "12"));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.dead_lettered);
	EXPECT_EQ(2, self->stat.dead);
	EXPECT_EQ(14, self->stat.bytes);
	MQ_STAT(&self->grave);
	EXPECT_EQ(10, self->stat.bytes);
	EXPECT_EQ(0, mq_get(self->grave_fd, "eight by"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "12"));
}

TEST_F(dead, range_that_fills_the_dead_letter_queue_is_settled_all_the_same)
{
	struct devmq_recv recv;
	char *buffer = malloc(1 << 20);
	unsigned int id;

	BURY("max_messages=300");
	ASSERT_EQ(0, mq_fill_fast(self->fd, 1000));
	ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &recv));
	ASSERT_EQ(1000, recv.count);
	EXPECT_EQ(1000, mq_settle(self->fd, 1, 1000, DEVMQ_ACTION_REJECT));
	MQ_STAT(&self->queue);
	EXPECT_EQ(300, self->stat.dead_lettered);
	EXPECT_EQ(700, self->stat.dead);
	MQ_STAT(&self->grave);
	EXPECT_EQ(300, self->stat.ready);
	for (id = 299; id <= 302; id++)
		EXPECT_EQ(id <= 300 ? -ENOENT : DEVMQ_STATE_DEAD,
			  mq_state(&self->queue, id));
	free(buffer);
}

TEST_F(dead, what_is_sent_to_the_dead_letter_queue_keeps_no_dead_out)
{
	BURY("max_messages=2 max_bytes=5 max_message_size=2");
	ASSERT_EQ(0, mq_fill(self->grave_fd, 2));
	ASSERT_EQ(4, mq_put(self->fd, "dead"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	MQ_STAT(&self->grave);
	EXPECT_EQ(4, self->stat.ready);
	EXPECT_EQ(9, self->stat.bytes);
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(-EAGAIN, mq_put(self->grave_fd, "y"));
}

TEST_F(dead, the_dead_keep_no_sender_out)
{
	int i;

	BURY("max_messages=2 max_bytes=4");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	for (i = 1; i <= 2; i++)
		ASSERT_EQ(1, kill_next(self->fd, i));
	EXPECT_EQ(POLLOUT, mq_poll(self->grave_fd, POLLOUT));
	EXPECT_EQ(0, mq_fill(self->grave_fd, 2));
	EXPECT_EQ(-EAGAIN, mq_put(self->grave_fd, "x"));
	EXPECT_EQ(0, mq_poll(self->grave_fd, POLLOUT));
	MQ_STAT(&self->grave);
	EXPECT_EQ(4, self->stat.ready);

	/* A message that came as dead leaves room for the dead alone. */
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 1));
	EXPECT_EQ(-EAGAIN, mq_put(self->grave_fd, "x"));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m2"));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 3));
	EXPECT_EQ(1, mq_put(self->grave_fd, "x"));
}

TEST_F(dead, writer_does_not_wake_for_the_room_of_the_dead)
{
	struct mq_call call;
	int fd;

	BURY("max_messages=1");
	fd = mq_open(&self->grave, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(4, mq_put(self->grave_fd, "mine"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "new", 3));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_get(self->grave_fd, "mine"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 2));
	EXPECT_EQ(3, mq_call_result(&call));
	close(fd);
}

TEST_F(dead, writer_wakes_for_his_room_whatever_is_dead_there)
{
	struct mq_call call;
	int i, fd;

	BURY("max_messages=2 max_bytes=6");
	fd = mq_open(&self->grave, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	for (i = 1; i <= 2; i++)
		ASSERT_EQ(1, kill_next(self->fd, i));
	ASSERT_EQ(6, mq_put(self->grave_fd, "sender"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "all of", 6));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_purge(self->grave_fd, 3, 3));
	EXPECT_EQ(6, mq_call_result(&call));
	MQ_STAT(&self->grave);
	EXPECT_EQ(3, self->stat.ready);
	EXPECT_EQ(10, self->stat.bytes);
	close(fd);
}

TEST_F(dead, those_that_found_no_room_stay_and_are_redriven_or_purged)
{
	uint64_t stranded;

	BURY("max_messages=1");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));

	/* New room is for messages that die from now on. */
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 1));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead_lettered));

	EXPECT_EQ(1, mq_purge(self->fd, 2, 2));
	EXPECT_EQ(1, mq_redrive(self->fd, 0, 0, -1, &stranded));
	EXPECT_EQ(0, stranded);
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.dead);
}

/* However a message leaves the queue, its place is free after that. */
TEST_F(dead, place_in_the_dead_letter_queue_is_free_when_a_message_has_left)
{
	char buffer[512];
	struct devmq_recv recv;
	uint64_t stranded;
	int i, id = 0, fd;

	BURY("max_messages=1 max_bytes=8");
	fd = mq_open(&self->grave, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_AUTO, 0));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(4, mq_put(self->fd, "text"));
		ASSERT_EQ(1, kill_next(self->fd, ++id));
		ASSERT_EQ(i + 1, mq_stat_of(&self->queue, dead_lettered)) {
			TH_LOG("round %d", i);
		}
		switch (i) {
		case 0:
			ASSERT_EQ(0, mq_get(fd, "text"));
			break;
		case 1:
			ASSERT_EQ(0, mq_recv(fd, buffer, sizeof(buffer), &recv));
			ASSERT_EQ(1, recv.count);
			break;
		case 2:
			ASSERT_EQ(0, mq_recv(self->grave_fd, buffer,
					     sizeof(buffer), &recv));
			ASSERT_EQ(1, mq_ack(self->grave_fd, i + 1));
			break;
		case 3:
			ASSERT_EQ(1, mq_purge(self->grave_fd, 0, 0));
			break;
		case 4:
			ASSERT_EQ(1, kill_next(self->grave_fd, i + 1));
			ASSERT_EQ(1, mq_purge(self->grave_fd, 0, 0));
			break;
		case 5:
		case 6:
			ASSERT_EQ(1, mq_redrive(self->grave_fd, 0, 0,
						i == 5 ? -1 : self->fd,
						&stranded));
			ASSERT_EQ(1, mq_purge(self->fd, 0, 0));
			id++;
			break;
		default:
			ASSERT_EQ(1, mq_purge(self->grave_fd, 0, 0));
		}
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, dead));
	close(fd);
}

TEST_F(dead, message_keeps_its_place_as_long_as_it_is_there)
{
	BURY("max_messages=1");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	/* The message is in flight, then deferred, then dead. */
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(1, mq_defer(self->grave_fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	ASSERT_EQ(0, mq_recv_id(self->grave_fd, 1, self->buffer,
				sizeof(self->buffer),
				&(struct devmq_recv) {}));
	ASSERT_EQ(1, mq_reject(self->grave_fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->grave, 1));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(3, self->stat.dead);
}

TEST_F(dead, room_for_the_dead_changes_live)
{
	BURY("max_messages=3");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "max_messages", "1"));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(1, mq_put(self->grave_fd, "x"));
	EXPECT_EQ(-EAGAIN, mq_put(self->grave_fd, "y"));
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "max_messages", "3"));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead_lettered));
	ASSERT_EQ(1, kill_next(self->fd, 5));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));
}

TEST_F(dead, max_dead_bounds_what_found_no_room)
{
	BURY("max_messages=1");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_dead", "1"));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(1, self->stat.dead);
	EXPECT_EQ(1, self->stat.dead_refused);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
}

TEST_F(dead, drop_head_takes_none_of_those_that_came_as_dead)
{
	BURY("max_messages=2 overflow=drop-head");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(2, mq_put(self->grave_fd, "s1"));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(2, mq_put(self->grave_fd, "s2"));
	ASSERT_EQ(2, mq_put(self->grave_fd, "s3"));
	MQ_STAT(&self->grave);
	EXPECT_EQ(1, self->stat.dropped);
	EXPECT_EQ(4, self->stat.ready);
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "m2"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "s2"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "s3"));

	/* If no other message is ready, drop-head drops none. */
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, mq_release(self->grave_fd, 1));
	EXPECT_EQ(-ENOSPC, mq_put(self->grave_fd, "s4"));
	EXPECT_EQ(1, mq_stat_of(&self->grave, dropped));
}

TEST_F(dead, those_that_came_as_dead_are_delivered_in_order_with_the_others)
{
	static const char *const order[] = {
		"s2", "dead 2", "dead 1", "s1", "late 1", "s0", "dead 0",
	};
	unsigned int i;

	BURY("priorities=3");
	close(self->fd);
	CREATE("priorities=3 dead_letter=%s", self->grave.name);
	ASSERT_LT(0, MQ_SEND(self->grave_fd, .text = "s0"));
	ASSERT_LT(0, MQ_SEND(self->grave_fd, .text = "s2", .priority = 2));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "dead 0"));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "dead 1", .priority = 1));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "dead 2", .priority = 2));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_LT(0, MQ_SEND(self->grave_fd, .text = "s1", .priority = 1));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "late 1", .priority = 1));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	for (i = 0; i < ARRAY_SIZE(order); i++)
		EXPECT_EQ(0, mq_get(self->grave_fd, order[i]));
	for (i = 1; i <= ARRAY_SIZE(order); i++)
		ASSERT_EQ(1, mq_release(self->grave_fd, i));
	for (i = 0; i < ARRAY_SIZE(order); i++)
		EXPECT_EQ(0, mq_get(self->grave_fd, order[i]));
}

TEST_F(dead, room_in_the_queue_is_free_when_a_message_has_moved)
{
	struct mq_call call;
	int fd;

	BURY("");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "new", 3));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	EXPECT_EQ(3, mq_call_result(&call));
	close(fd);
}

TEST_F(dead, settings_for_senders_do_not_concern_the_dead)
{
	BURY("paused=send delay_ms=3600000");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.expires_ns);
	EXPECT_EQ(0, self->look.extra.due_ns);
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
}

TEST_F(dead, time_to_live_does_not_go_with_the_message)
{
	BURY("");
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_HOUR));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.expires_ns);
}

TEST_F(dead, moved_message_wakes_a_sleeping_reader_and_poll)
{
	struct mq_call calls[2];
	char data[8] = {};
	int fd;

	BURY("");
	fd = mq_open(&self->grave, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_poll_start(&calls[1], self->grave_fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&calls[1]));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(1, mq_call_result(&calls[1]));
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&calls[0], fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&calls[0]));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	EXPECT_EQ(2, mq_call_result(&calls[0]));
	EXPECT_STREQ("m2", data);
	close(fd);
}

TEST_F(dead, max_dead_does_not_concern_what_moves)
{
	BURY("max_dead=0");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_dead", "0"));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(0, mq_stat_of(&self->queue, dead_refused));
	EXPECT_EQ(2, mq_stat_of(&self->grave, ready));
}

TEST_F(dead, two_queues_share_a_dead_letter_queue)
{
	struct mq_queue second;
	int fd;

	BURY("");
	fd = OPEN(&second, "dead_letter=%s", self->grave.name);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_fill(fd, 2));
	ASSERT_EQ(1, kill_next(fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(fd, 2));
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_STREQ(second.name, self->look.origin);
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.origin);
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_STREQ(second.name, self->look.origin);
	EXPECT_EQ(2, self->look.extra.origin_id);
	close(fd);
}

TEST_F(dead, chain_keeps_the_first_origin_and_the_last_reason)
{
	struct mq_queue last;
	int fd;

	fd = OPEN(&last, "");
	ASSERT_LE(0, fd);
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "dead_letter", "%s",
				  last.name));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 2, 300, "first"));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m2"));
	ASSERT_EQ(1, mq_reject_with(self->grave_fd, 1, 400, "second"));
	ASSERT_EQ(0, mq_look_id(&last, 1, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(2, self->look.extra.origin_id);
	EXPECT_EQ(400, self->look.extra.reason);
	EXPECT_STREQ("second", self->look.note);
	EXPECT_EQ(1, mq_stat_of(&self->grave, dead_lettered));

	/* A death without a note clears the note of the death before. */
	ASSERT_EQ(0, mq_get(fd, "m2"));
	ASSERT_EQ(1, mq_reject(fd, 1));
	ASSERT_EQ(0, mq_look_id(&last, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_EQ(DEVMQ_REASON_REJECTED, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.note_size);
	EXPECT_STREQ(self->queue.name, self->look.origin);
	close(fd);
}

TEST_F(dead, message_is_dead_in_place_where_the_chain_ends)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->grave_fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(1, self->look.extra.origin_id);
	MQ_STAT(&self->grave);
	EXPECT_EQ(1, self->stat.dead);
}

TEST_F(dead, longest_name_is_told_as_origin)
{
	char name[DEVMQ_NAME_MAX + 1];
	struct mq_queue origin;
	int fd;

	self->grave_fd = OPEN(&self->grave, "");
	ASSERT_LE(0, self->grave_fd);
	memset(name, 'n', DEVMQ_NAME_MAX);
	name[DEVMQ_NAME_MAX] = '\0';
	snprintf(origin.name, sizeof(origin.name), "%s", name);
	snprintf(origin.path, sizeof(origin.path), "/dev/mq/%s", name);
	ASSERT_EQ(0, mq_control("create %s ack=manual dead_letter=%s", name,
				self->grave.name));
	fd = mq_open(&origin, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(fd, 1));
	EXPECT_EQ(1, kill_next(fd, 1));
	close(fd);
	EXPECT_EQ(0, mq_control("remove %s force", name));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_STREQ(name, self->look.origin);
}

TEST_F(dead, origin_that_is_gone_is_told_all_the_same)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.origin);
}

TEST_HARNESS_MAIN
