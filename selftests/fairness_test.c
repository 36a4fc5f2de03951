// SPDX-License-Identifier: GPL-2.0
/*
 * fairness: keys or senders take turns.
 */
#include "mq_test.h"
#include "fixtures/order.h"

/* -- turns ----------------------------------------------------------------- */

TEST_F(order, keys_take_turns)
{
	CREATE("fairness=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 B1 B2 C1"));
	EXPECT_EQ(0, get_words(self->fd, "A1 B1 C1 A2 B2 A3"));
}

TEST_F(order, keys_take_turns_in_a_batch)
{
	CREATE("fairness=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 B1 B2 C1"));
	EXPECT_STREQ("A1 B1 C1 A2", receive(self, self->fd, 4));
	EXPECT_STREQ("B2 A3", receive(self, self->fd, 4));
}

TEST_F(order, no_turns_are_taken_by_default)
{
	CREATE("");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 B1 B2 C1"));
	EXPECT_EQ(0, get_words(self->fd, "A1 A2 A3 B1 B2 C1"));
}

TEST_F(order, messages_without_a_key_take_turns_as_one)
{
	CREATE("fairness=key");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2"));
	EXPECT_EQ(0, get_words(self->fd, "m1 A1 m2 A2 m3"));
}

TEST_F(order, turns_are_taken_within_a_priority)
{
	CREATE("fairness=key priorities=2");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 B1"));
	ASSERT_EQ(4, MQ_SEND(self->fd, .text = "A3", .key = "A",
			     .priority = 1));
	ASSERT_EQ(5, MQ_SEND(self->fd, .text = "A4", .key = "A",
			     .priority = 1));
	ASSERT_EQ(6, MQ_SEND(self->fd, .text = "B2", .key = "B",
			     .priority = 1));
	EXPECT_EQ(0, get_words(self->fd, "A3 B2 A4 A1 B1 A2"));
}

TEST_F(order, returned_message_keeps_its_turn)
{
	CREATE("fairness=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 B1 B2"));
	EXPECT_EQ(0, mq_get(self->fd, "A1"));
	EXPECT_EQ(0, mq_get(self->fd, "B1"));
	EXPECT_EQ(1, mq_release(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->other, "A1"));
	EXPECT_EQ(1, mq_retry(self->fd, 3, 1));
	EXPECT_EQ(0, mq_get(self->other, "B1"));
	EXPECT_EQ(0, mq_get(self->other, "A2"));
	EXPECT_EQ(0, mq_get(self->other, "B2"));
}

TEST_F(order, later_key_starts_at_the_current_turn)
{
	char words[64];

	CREATE("fairness=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 A4 A5"));
	EXPECT_EQ(0, mq_get(self->fd, "A1"));
	EXPECT_EQ(0, mq_get(self->fd, "A2"));
	ASSERT_EQ(0, put_keys(self->fd, "B1 B2 B3"));
	/* Key B gets its turns neither all at once nor late. */
	snprintf(words, sizeof(words), "%s", receive(self, self->fd, 0));
	EXPECT_TRUE(!strcmp(words, "A3 B1 A4 B2 A5 B3") ||
		    !strcmp(words, "B1 A3 B2 A4 B3 A5")) {
		TH_LOG("got %s", words);
	}
}

TEST_F(order, flood_of_one_key_starves_nobody)
{
	int i;

	CREATE("fairness=key");
	for (i = 0; i < 500; i++)
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "flood", .key = "A"));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "mine", .key = "B"));
	ASSERT_EQ(5, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(0, mq_get(self->fd, "mine"));
	for (i = 0; i < 20; i++) {
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "mine", .key = "B"));
		/* At most two other messages come first. */
		if (mq_read(self->fd, self->buffer, 10) == 4)
			continue;
		if (mq_read(self->fd, self->buffer, 10) == 4)
			continue;
		ASSERT_EQ(4, mq_read(self->fd, self->buffer, 10));
	}
}

TEST_F(order, senders_take_turns)
{
	int i;

	CREATE("fairness=uid");
	for (i = 0; i < 6; i++) {
		static const int uids[] = { 0, 0, 0, 1000, 1000, 2000 };
		static const char * const texts[] = {
			"A1", "A2", "A3", "B1", "B2", "C1",
		};

		ASSERT_EQ(0, seteuid(uids[i]));
		EXPECT_EQ(2, mq_put(self->fd, texts[i]));
		ASSERT_EQ(0, seteuid(0));
	}
	EXPECT_EQ(0, get_words(self->fd, "A1 B1 C1 A2 B2 A3"));
}

TEST_F(order, keys_do_not_matter_when_senders_take_turns)
{
	CREATE("fairness=uid");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 B1 C1"));
	ASSERT_EQ(0, seteuid(1000));
	EXPECT_EQ(0, put_keys(self->fd, "A3"));
	ASSERT_EQ(0, seteuid(0));
	EXPECT_EQ(0, get_words(self->fd, "A1 A3 A2 B1 C1"));
}

TEST_F(order, turns_and_keys_work_together)
{
	CREATE("fairness=key order=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 B1 B2 C1"));
	EXPECT_EQ(0, get_words(self->fd, "A1 B1 C1 A2 B2 A3"));
}

TEST_F(order, key_that_is_held_does_not_stop_the_turns_of_others)
{
	CREATE("fairness=key order=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 B1 B2 C1"));
	EXPECT_STREQ("A1 B1 C1", receive(self, self->fd, 0));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "A2"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(1, mq_ack(self->fd, 4));
	EXPECT_EQ(0, mq_get(self->fd, "B2"));
	EXPECT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(0, mq_get(self->fd, "A3"));
}

TEST_F(order, senders_and_keys_work_together)
{
	CREATE("fairness=uid order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 b1"));
	ASSERT_EQ(0, seteuid(1000));
	EXPECT_EQ(0, put_keys(self->fd, "a3 c1"));
	ASSERT_EQ(0, seteuid(0));
	/*
	 * A sender's turn goes to its first message whose key is not in flight.
	 */
	EXPECT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(0, mq_get(self->fd, "c1"));
	EXPECT_EQ(0, mq_get(self->fd, "b1"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "a2"));
	EXPECT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(0, mq_get(self->fd, "a3"));
}

TEST_F(order, nothing_is_lost_when_turns_come_and_go)
{
	unsigned int i, seed = 1, sent = 0, got = 0;
	char key[2] = "";

	CREATE("fairness=key priorities=3");
	for (i = 0; i < 3000; i++) {
		seed = seed * 1103515245 + 12345;
		key[0] = 'a' + (seed >> 16) % 20;
		switch (seed >> 24 & 3) {
		case 0:
		case 1:
			ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .key = key,
					     .priority = (seed >> 20) % 3));
			sent++;
			break;
		case 2:
			if (mq_take(self->fd, &self->look))
				break;
			ASSERT_EQ(1, mq_ack(self->fd, self->look.record.id));
			got++;
			break;
		default:
			if (mq_take(self->fd, &self->look))
				break;
			ASSERT_EQ(1, mq_release(self->fd,
						self->look.record.id));
		}
	}
	while (!mq_take(self->fd, &self->look)) {
		ASSERT_EQ(1, mq_ack(self->fd, self->look.record.id));
		got++;
	}
	EXPECT_EQ(sent, got);
	ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));
	EXPECT_TRUE(mq_conserved(&self->stat));
	EXPECT_EQ(sent, self->stat.acked);
}

TEST_HARNESS_MAIN
