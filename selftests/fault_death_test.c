// SPDX-License-Identifier: GPL-2.0
/*
 * Operations that must not fail for want of memory: settling, dying, and
 * dead-letter queues, while each allocation and each copy fails in turn.
 */
#include "mq_test.h"
#include "fixtures/fault.h"

/* -- operations that must not fail for want of memory ---------------------- */

TEST_F(fault, settle_with_every_action)
{
	static const unsigned int actions[] = {
		DEVMQ_ACTION_ACK, DEVMQ_ACTION_RELEASE, DEVMQ_ACTION_RETRY,
		DEVMQ_ACTION_REJECT, DEVMQ_ACTION_EXTEND, DEVMQ_ACTION_DEFER,
	};
	struct devmq_settlement settlements[6];
	uint64_t first = 4;
	bool noted;
	int i;

	/*
	 * The call settles all or nothing, except that the reject fails if
	 * there is no memory for its note. If the results cannot be written,
	 * all is settled.
	 */
	SWEEP(2, {
		ASSERT_EQ(0, mq_fill(self->fd, 6));
		for (i = 0; i < 6; i++) {
			ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
			mq_settlement(&settlements[i], first + i, first + i,
				      actions[i]);
		}
		settlements[2].delay_ns = MQ_HOUR;
		settlements[3].note = (uintptr_t)"a note";
		settlements[3].note_size = 6;
		settlements[4].delay_ns = MQ_HOUR;
	}, mq_settle_many(self->fd, settlements, 6, NULL), {
		EXPECT_TRUE(!result || refused(result));
		if (result && unchanged(self)) {
			EXPECT_EQ(6, mq_settle(self->fd, 1, ~0ULL,
					       DEVMQ_ACTION_ACK));
		} else {
			noted = self->after.dead;
			EXPECT_TRUE(noted ? !result || result == -EFAULT :
				    result == settlements[3].error);
			EXPECT_EQ(self->before.acked + 1, self->after.acked);
			EXPECT_EQ(1, self->after.ready);
			EXPECT_EQ(1, self->after.delayed);
			EXPECT_EQ(noted, self->after.dead);
			EXPECT_EQ(2 - noted, self->after.in_flight);
			EXPECT_EQ(1, self->after.deferred);
			EXPECT_EQ(2 - noted, mq_settle(self->fd, 1, ~0ULL,
						       DEVMQ_ACTION_ACK));
			EXPECT_EQ(3 + noted, mq_purge(self->fd, 0, 0));
		}
		first += 6;
	});
}

TEST_F(fault, reject_that_moves_to_the_dead_letter_queue)
{
	struct mq_queue grave;
	uint64_t id = 3;

	RECREATE(&grave, "");
	BURY(&grave);
	SWEEP(1, {
		ASSERT_EQ(0, mq_fill(self->fd, 1));
		ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
		id++;
	}, mq_reject_with(self->fd, id, 300, "a note"), {
		EXPECT_TRUE(result == 1 || refused(result));
		if (result < 0 && unchanged(self)) {
			EXPECT_EQ(1, mq_ack(self->fd, id));
		} else {
			EXPECT_TRUE(result == 1 || result == -EFAULT);
			EXPECT_EQ(self->before.dead_lettered + 1,
				  self->after.dead_lettered);
			EXPECT_EQ(1, empty(&grave));
		}
	});
}

TEST_F(fault, death_at_a_close_in_place)
{
	struct mq_queue grave;
	int fd;

	RECREATE(&grave, "max_deliveries=1");
	SWEEP(0, {
		ASSERT_EQ(0, mq_fill(self->fd, 5));
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(1, mq_read(fd, self->buffer, 1));
	}, close(fd), {
		EXPECT_EQ(0, result);
		EXPECT_EQ(3, self->after.dead);
		EXPECT_EQ(2, self->after.ready);
		EXPECT_EQ(0, self->after.in_flight);
		EXPECT_EQ(5, mq_purge(self->fd, 0, 0));
	});
}

TEST_F(fault, death_at_a_close_in_the_dead_letter_queue)
{
	struct mq_queue grave;
	int fd;

	RECREATE(&grave, "max_deliveries=1");
	BURY(&grave);
	SWEEP(0, {
		ASSERT_EQ(0, mq_fill(self->fd, 5));
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(1, mq_read(fd, self->buffer, 1));
	}, close(fd), {
		EXPECT_EQ(0, result);
		EXPECT_EQ(self->before.dead_lettered + 3,
			  self->after.dead_lettered);
		EXPECT_EQ(0, self->after.dead);
		EXPECT_EQ(0, self->after.in_flight);
		EXPECT_EQ(3, empty(&grave));
		EXPECT_EQ(2, mq_purge(self->fd, 0, 0));
	});
}

TEST_F(fault, death_of_an_expired_message_at_a_read)
{
	struct mq_queue grave;
	unsigned int nth;
	bool failed = true;
	ssize_t done;

	/* The read or the timer notices the expiry; the read gets nothing. */
	RECREATE(&grave, "on_expiry=dead");
	BURY(&grave);
	for (nth = 1; failed; nth++) {
		uint64_t end;

		ASSERT_GT(500, nth);
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_MS));
		for (end = mq_boot_ns() + MQ_MS; mq_boot_ns() <= end;)
			;
		arm(self, nth);
		done = mq_read(self->fd, self->buffer, 10);
		failed = disarm(self);
		EXPECT_TRUE(done == -EAGAIN || refused(done));
		EXPECT_TRUE(mq_wait_until(mq_stat_of(&grave, ready) == 1));
		EXPECT_EQ(nth, mq_stat_of(&self->queue, dead_lettered));
		EXPECT_EQ(1, empty(&grave));
	}
}

TEST_F(fault, make_room_by_moving_to_the_dead_letter_queue)
{
	struct mq_queue grave;

	RECREATE(&grave, "");
	BURY(&grave);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	SWEEP(2, NOTHING, mq_put(self->fd, "more"), {
		if (result == 4) {
			EXPECT_EQ(self->before.dead_lettered + 1,
				  self->after.dead_lettered);
			EXPECT_EQ(1, empty(&grave));
		} else {
			EXPECT_TRUE(refused(result));
			EXPECT_TRUE(unchanged(self));
			EXPECT_EQ(0, empty(&grave));
		}
	});
}

TEST_F(fault, close_hands_over_to_the_next_active_consumer)
{
	struct mq_queue grave;
	int fd, next;

	RECREATE(&grave, "");
	close(self->fd);
	self->fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "single_active", "1"));
	SWEEP(0, {
		ASSERT_EQ(0, mq_fill(self->fd, 1));
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		next = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_EQ(2, mq_read(fd, self->buffer, 10));
		ASSERT_EQ(-EAGAIN, mq_read(next, self->buffer, 10));
	}, close(fd), {
		EXPECT_EQ(0, result);
		EXPECT_EQ(2, mq_read(next, self->buffer, 10));
		EXPECT_EQ(1, mq_settle(next, 1, ~0ULL, DEVMQ_ACTION_ACK));
		close(next);
	});
}

TEST_F(fault, create_with_a_dead_letter_queue)
{
	struct mq_queue grave, other;
	char command[256];
	int fd;

	ASSERT_EQ(0, mq_create(&grave, ""));
	mq_name(&other);
	fd = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	snprintf(command, sizeof(command),
		 "create %s dead_letter=%s order=key fairness=key priorities=9",
		 other.name, grave.name);
	SWEEP(5, NOTHING, mq_put(fd, command), {
		if (result == (long)strlen(command)) {
			EXPECT_EQ(-EBUSY, mq_control("remove %s",
						     grave.name));
			EXPECT_EQ(0, mq_control("remove %s", other.name));
		} else {
			/* ENXIO: devtmpfs had no memory for the node. */
			EXPECT_TRUE(refused(result) || result == -ENXIO);
		}
		/*
		 * A queue that could not be created does not pin its
		 * dead-letter queue.
		 */
		EXPECT_EQ(0, mq_control("remove %s", grave.name));
		EXPECT_EQ(0, mq_control("create %s", grave.name));
	});
	close(fd);
}

TEST_F(fault, set_the_dead_letter_queue)
{
	struct mq_queue grave;
	char text[128];

	ASSERT_EQ(0, mq_create(&grave, ""));
	SWEEP(1, ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter",
					   "none")),
	      mq_sysfs_set(&self->queue, "dead_letter", "%s", grave.name), {
		ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
					  sizeof(text)));
		EXPECT_STREQ(result ? "none" : grave.name, text);
		EXPECT_EQ(result ? 0 : -EBUSY,
			  mq_control("remove %s", grave.name));
		if (result)
			ASSERT_EQ(0, mq_control("create %s", grave.name));
	});
}

TEST_HARNESS_MAIN
