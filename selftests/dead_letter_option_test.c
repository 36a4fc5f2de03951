// SPDX-License-Identifier: GPL-2.0
/*
 * The option dead_letter, the chains it makes, and overflow=dead-letter.
 */
#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/process.h"
#include "fixtures/dead.h"

/* -- the option itself -------------------------------------------------------------- */

TEST_F(dead, option_shows_the_name_or_none)
{
	char text[128];

	BURY("");
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ(self->grave.name, text);
	ASSERT_EQ(0, mq_sysfs_get(&self->grave, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "none"));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s\n",
				  self->grave.name));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ(self->grave.name, text);
}

TEST_F(dead, unset_option_leaves_the_dead_in_place)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "none"));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 2));
	EXPECT_EQ(1, mq_stat_of(&self->grave, sent));
}

TEST_F(dead, option_set_later_concerns_later_deaths)
{
	CREATE("");
	self->grave_fd = OPEN(&self->grave, "");
	ASSERT_LE(0, self->grave_fd);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s",
				  self->grave.name));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	EXPECT_EQ(DEVMQ_STATE_READY, mq_state(&self->grave, 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead));
}

TEST_F(dead, target_that_is_not_there_is_enoent)
{
	struct mq_queue other;
	char text[128];

	CREATE("");
	mq_name(&other);
	EXPECT_EQ(-ENOENT, mq_sysfs_set(&self->queue, "dead_letter", "%s",
					other.name));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);
	EXPECT_EQ(-ENOENT, mq_create(&other, "dead_letter=nobody.knows.it"));
	EXPECT_EQ(-ENOENT, mq_open(&other, O_RDWR));
	EXPECT_EQ(-ENOENT, mq_control("remove %s", other.name));
}

TEST_F(dead, target_that_cannot_be_is_refused)
{
	static const char * const bad[] = {
		"a/b", "..", ".", "control", "a:b", "\xff", "None", "*",
	};
	char text[128];
	unsigned int i;
	int error;

	CREATE("");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		error = mq_sysfs_set(&self->queue, "dead_letter", "%s", bad[i]);
		EXPECT_TRUE(error == -ENOENT || error == -EINVAL) {
			TH_LOG("%s gives %d", bad[i], error);
		}
	}
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);
}

TEST_F(dead, itself_as_target_is_eloop)
{
	int error;

	CREATE("");
	EXPECT_EQ(-ELOOP, mq_sysfs_set(&self->queue, "dead_letter", "%s",
				       self->queue.name));
	mq_name(&self->grave);
	error = mq_control("create %s dead_letter=%s", self->grave.name,
			   self->grave.name);
	EXPECT_TRUE(error == -ELOOP || error == -ENOENT) {
		TH_LOG("error %d", error);
	}
	EXPECT_EQ(-ENOENT, mq_control("remove %s", self->grave.name));
}

TEST_F(dead, chain_that_closes_is_eloop)
{
	struct mq_queue chain[5];
	char text[128];
	int i;

	ASSERT_EQ(0, mq_create(&chain[0], ""));
	for (i = 1; i < 5; i++)
		ASSERT_EQ(0, mq_create(&chain[i], "dead_letter=%s",
				       chain[i - 1].name));
	for (i = 1; i < 5; i++)
		EXPECT_EQ(-ELOOP, mq_sysfs_set(&chain[0], "dead_letter", "%s",
					       chain[i].name));
	ASSERT_EQ(0, mq_sysfs_get(&chain[0], "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);

	/* With a link in its middle cut, the chain's ends may be joined. */
	ASSERT_EQ(0, mq_sysfs_set(&chain[2], "dead_letter", "none"));
	EXPECT_EQ(0, mq_sysfs_set(&chain[0], "dead_letter", "%s",
				  chain[4].name));
	EXPECT_EQ(-ELOOP, mq_sysfs_set(&chain[2], "dead_letter", "%s",
				       chain[1].name));
	EXPECT_EQ(0, mq_sysfs_set(&chain[0], "dead_letter", "none"));
}

TEST_F(dead, two_that_close_a_chain_at_once_do_not_both_succeed)
{
	struct mq_queue a, b;
	int round, status;
	pid_t child;

	ASSERT_EQ(0, mq_create(&a, ""));
	ASSERT_EQ(0, mq_create(&b, ""));
	for (round = 0; round < 50; round++) {
		int mine;

		child = mq_fork();
		if (!child)
			_exit(-mq_sysfs_set(&a, "dead_letter", "%s", b.name));
		mine = mq_sysfs_set(&b, "dead_letter", "%s", a.name);
		status = mq_wait_child(child);
		ASSERT_TRUE((!mine && status == ELOOP) ||
			    (mine == -ELOOP && !status)) {
			TH_LOG("%d and %d", mine, -status);
		}
		ASSERT_EQ(0, mq_sysfs_set(&a, "dead_letter", "none"));
		ASSERT_EQ(0, mq_sysfs_set(&b, "dead_letter", "none"));
	}
}

TEST_F(dead, target_is_not_removed)
{
	BURY("");
	EXPECT_EQ(-EBUSY, mq_control("remove %s", self->grave.name));
	EXPECT_EQ(0, access(self->grave.path, F_OK));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "none"));
	EXPECT_EQ(0, mq_control("remove %s", self->grave.name));
}

TEST_F(dead, target_can_be_removed_when_its_last_queue_is)
{
	struct mq_queue second;

	BURY("");
	ASSERT_EQ(0, mq_create(&second, "dead_letter=%s", self->grave.name));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(-EBUSY, mq_control("remove %s", self->grave.name));
	ASSERT_EQ(0, mq_control("remove %s", second.name));
	EXPECT_EQ(0, mq_control("remove %s", self->grave.name));
}

TEST_F(dead, failed_create_does_not_hold_the_target)
{
	struct mq_queue other;

	self->grave_fd = OPEN(&self->grave, "");
	ASSERT_LE(0, self->grave_fd);
	CREATE("");
	EXPECT_EQ(-EEXIST, mq_control("create %s dead_letter=%s",
				      self->queue.name, self->grave.name));
	EXPECT_EQ(-EINVAL, mq_create(&other, "dead_letter=%s eof=nonsense",
				     self->grave.name));
	EXPECT_EQ(0, mq_control("remove %s", self->grave.name));
}

TEST_F(dead, forced_removal_of_the_target_leaves_the_dead_in_place)
{
	char text[128];

	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_control("remove %s force", self->grave.name));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);
	EXPECT_EQ(1, mq_reject(self->fd, 2));
	MQ_EXPECT(&self->queue, 2, DEAD, 1, 0, NONE);
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(1, self->stat.dead);
	EXPECT_EQ(0, mq_control("create %s", self->grave.name));
	EXPECT_EQ(1, kill_next(self->fd, 3));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));
}

TEST_F(dead, target_is_in_use_whatever_its_options_say)
{
	/* Nobody has the queue open, but it is a dead-letter queue. */
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "auto_delete", "1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "expires_ms", "10"));
	close(self->grave_fd);
	self->grave_fd = -1;
	mq_sleep_ms(50);
	EXPECT_EQ(0, access(self->grave.path, F_OK));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(1, mq_stat_of(&self->grave, ready));

	/* When no queue names it any more, it can be removed. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "none"));
	EXPECT_TRUE(mq_wait_until(access(self->grave.path, F_OK)));
}

/* -- overflow=dead-letter ------------------------------------------------------------- */

TEST_F(dead, overflow_moves_the_oldest)
{
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(2, self->stat.dead_lettered);
	EXPECT_EQ(0, self->stat.dropped);
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_STREQ("m1", self->look.payload);
	EXPECT_EQ(DEVMQ_REASON_OVERFLOW, self->look.extra.reason);
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(1, self->look.extra.origin_id);
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_STREQ("m2", self->look.payload);
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(0, mq_get(self->fd, "m4"));
}

TEST_F(dead, overflow_moves_as_many_as_it_needs)
{
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "10"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	EXPECT_EQ(5, mq_put(self->fd, "12345"));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(9, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(3, mq_stat_of(&self->grave, ready));
	EXPECT_EQ(0, mq_get(self->fd, "m4"));
}

TEST_F(dead, overflow_that_cannot_make_room_is_enospc_and_moves_nothing)
{
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "8"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(4, mq_put(self->fd, "held"));
	ASSERT_EQ(0, mq_get(self->fd, "held"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "12345"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead_lettered);
	EXPECT_EQ(0, mq_stat_of(&self->grave, sent));
	EXPECT_EQ(4, mq_put(self->fd, "1234"));
	EXPECT_EQ(1, mq_stat_of(&self->grave, sent));
}

TEST_F(dead, overflow_to_nowhere_is_einval)
{
	struct mq_queue other;
	char text[64];

	CREATE("");
	EXPECT_EQ(-EINVAL, mq_sysfs_set(&self->queue, "overflow",
					"dead-letter"));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "overflow", text,
				  sizeof(text)));
	EXPECT_STREQ("block", text);
	EXPECT_EQ(-EINVAL, mq_create(&other, "overflow=dead-letter"));
	EXPECT_EQ(-ENOENT, mq_open(&other, O_RDWR));

	/* The two options together are accepted in any order. */
	EXPECT_EQ(0, mq_create(&other, "overflow=dead-letter dead_letter=%s",
			       self->queue.name));
	EXPECT_EQ(0, mq_create(&other, "dead_letter=%s overflow=dead-letter",
			       self->queue.name));
	EXPECT_EQ(-EINVAL, mq_sysfs_set(&other, "dead_letter", "none"));
	ASSERT_EQ(0, mq_sysfs_get(&other, "dead_letter", text, sizeof(text)));
	EXPECT_STREQ(self->queue.name, text);
	EXPECT_EQ(0, mq_sysfs_set(&other, "overflow", "block"));
	EXPECT_EQ(0, mq_sysfs_set(&other, "dead_letter", "none"));
}

TEST_F(dead, overflow_to_a_target_removed_by_force_rejects)
{
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_control("remove %s force", self->grave.name));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "x"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
}

TEST_F(dead, overflow_that_the_dead_letter_queue_refuses_is_enospc)
{
	BURY("max_messages=3");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "x"));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "x"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(3, self->stat.dead_lettered);
	EXPECT_EQ(0, self->stat.dropped);
	EXPECT_EQ(0, self->stat.dead_refused);
	EXPECT_EQ(5, self->stat.sent);
	EXPECT_EQ(3, mq_stat_of(&self->grave, ready));

	/* With room in the dead-letter queue, sending succeeds. */
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 1));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(4, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(0, mq_get(self->fd, "m5"));
}

TEST_F(dead, overflow_cascades_down_no_chain)
{
	/*
	 * A message that comes as dead evicts none from the dead-letter queue.
	 */
	struct mq_queue last;

	ASSERT_EQ(0, mq_create(&last, ""));
	BURY("max_messages=1 overflow=dead-letter dead_letter=%s", last.name);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "x"));
	EXPECT_EQ(1, mq_stat_of(&self->grave, ready));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(0, mq_stat_of(&last, sent));

	/* A message that is sent there evicts one that was sent there. */
	ASSERT_EQ(2, mq_put(self->grave_fd, "s1"));
	ASSERT_EQ(2, mq_put(self->grave_fd, "s2"));
	EXPECT_EQ(2, mq_stat_of(&self->grave, ready));
	EXPECT_EQ(1, mq_stat_of(&last, sent));
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "s2"));
}

TEST_HARNESS_MAIN
