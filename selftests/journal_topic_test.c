// SPDX-License-Identifier: GPL-2.0
/* Topics and journals: queues in a journal that are bound to topics. */
#include "mq_test.h"
#include "fixtures/journal.h"
#include "helpers/binding.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"
#include "helpers/used.h"

static int bind_to(const struct mq_queue *topic, const struct mq_queue *queue,
		   const char *filter)
{
	return mq_control("bind %s %s %s", topic->name, queue->name, filter);
}

/* Create self->other, a topic with these options. */
#define TOPIC(...) do {							\
	mq_name(&self->other);						\
	ASSERT_EQ(0, mq_control("create %s type=topic " __VA_ARGS__));	\
} while (0)

/* A topic in memory, opened as @to, to which self->queue is bound. */
#define BOUND(to, options) do {						\
	KEEP(&self->queue, options);					\
	TOPIC("max_message_size=60000", self->other.name);		\
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, ""));		\
	to = mq_open(&self->other, O_WRONLY | O_NONBLOCK);		\
	ASSERT_LE(0, to);						\
} while (0)

/* -- a topic in memory ------------------------------------------------------------- */

TEST_F(journal, queue_keeps_what_it_gets_from_a_topic)
{
	int topic;

	BOUND(topic, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(1, MQ_SEND(topic, .text = "first", .key = "k"));
	ASSERT_EQ(2, MQ_SEND(topic, .text = "second"));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_STREQ("second", self->look.payload);
	EXPECT_STREQ(self->other.name, self->look.topic);
	EXPECT_EQ(2, self->look.extra.topic_id);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_STREQ("first", self->look.payload);
	EXPECT_STREQ("k", self->look.key);
	EXPECT_EQ(1, self->look.extra.topic_id);
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	close(topic);
}

TEST_F(journal, dead_letter_keeps_its_topic_and_its_origin)
{
	struct mq_queue dead;
	int topic;

	KEEP(&dead, "");
	BOUND(topic, "ack=manual");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s", dead.name));
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(1, mq_put(topic, "x"));
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 1, 300, "why"));
	AGAIN();
	ASSERT_EQ(0, mq_look_id(&dead, 1, &self->look));
	EXPECT_STREQ("x", self->look.payload);
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(1, self->look.extra.origin_id);
	EXPECT_STREQ("why", self->look.note);
	EXPECT_STREQ(self->other.name, self->look.topic);
	EXPECT_EQ(1, self->look.extra.topic_id);
	close(topic);
}

/* Fill the journal by the queue @fd. */
static void fill_journal(int fd)
{
	static char data[60000];

	while (mq_write(fd, data, sizeof(data)) == sizeof(data))
		;
}

TEST_F(journal, full_journal_holds_up_a_topic_and_its_other_queues)
{
	static char data[60000];
	struct mq_queue memory;
	struct mq_call call;
	int topic;

	BOUND(topic, "");
	ASSERT_EQ(0, mq_create(&memory, ""));
	ASSERT_EQ(0, bind_to(&self->other, &memory, ""));
	OPEN(O_RDWR | O_NONBLOCK);
	fill_journal(self->fd);
	EXPECT_EQ(-EAGAIN, mq_write(topic, data, sizeof(data)));
	/* None is in any queue, and no place is kept. */
	EXPECT_EQ(0, mq_stat_of(&memory, ready));
	EXPECT_EQ(0, mq_stat_of(&self->other, sent));
	int waits = mq_open(&self->other, O_WRONLY);

	ASSERT_LE(0, waits);
	ASSERT_EQ(0, mq_write_start(&call, waits, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_stat_of(&memory, ready));
	ASSERT_LT(0, mq_purge(self->fd, 0, 0));
	EXPECT_EQ(sizeof(data), mq_call_result(&call));
	EXPECT_EQ(1, mq_stat_of(&memory, ready));
	close(waits);
	close(topic);
}

/*
 * A sender that has waited for long keeps the places that it was promised for a
 * moment; but not if it waits for a journal.
 */
TEST_F(journal, sender_that_waits_for_a_journal_keeps_no_place)
{
	static char data[60000];
	struct mq_queue memory;
	struct mq_call call;
	int topic, i;

	BOUND(topic, "");
	ASSERT_EQ(0, mq_create(&memory, "max_messages=1"));
	ASSERT_EQ(0, bind_to(&self->other, &memory, ""));
	OPEN(O_RDWR | O_NONBLOCK);
	fill_journal(self->fd);
	int waits = mq_open(&self->other, O_WRONLY);
	int fd = mq_open(&memory, O_RDWR | O_NONBLOCK);

	ASSERT_LE(0, waits);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_start(&call, waits, data, sizeof(data)));
	for (i = 0; i < 20; i++) {
		ASSERT_TRUE(mq_call_sleeps(&call));
		ASSERT_EQ(1, mq_put(fd, "x"));
		ASSERT_EQ(0, mq_get(fd, "x"));
	}
	ASSERT_LT(0, mq_purge(self->fd, 0, 0));
	EXPECT_EQ(sizeof(data), mq_call_result(&call));
	close(fd);
	close(waits);
	close(topic);
}

TEST_F(journal, reject_tells_the_topic_that_the_journal_is_full)
{
	static char data[60000];
	int topic;

	BOUND(topic, "overflow=reject");
	OPEN(O_RDWR | O_NONBLOCK);
	fill_journal(self->fd);
	EXPECT_EQ(-ENOSPC, mq_write(topic, data, sizeof(data)));
	ASSERT_LT(0, mq_purge(self->fd, 0, 0));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_TRUE(mq_wait_until(mq_write(topic, data, sizeof(data)) ==
				  sizeof(data)));
	close(topic);
}

/* What a send through a topic reserves in the journal is given back. */
TEST_F(journal, full_queue_leaves_the_room_of_the_journal_to_others)
{
	static char data[60000];
	struct mq_queue memory;
	uint64_t live;
	int topic, i;

	BOUND(topic, "");
	ASSERT_EQ(0, mq_create(&memory, "max_messages=1"));
	ASSERT_EQ(0, bind_to(&self->other, &memory, ""));
	ASSERT_EQ(sizeof(data), mq_write(topic, data, sizeof(data)));
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	live = self->info.live;
	for (i = 0; i < 300; i++)
		ASSERT_EQ(-EAGAIN, mq_write(topic, data, sizeof(data)));
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(live, self->info.live);
	close(topic);
}

TEST_F(journal, binding_catches_up_with_a_queue_in_a_journal)
{
	int topic, i;

	TOPIC("retain_messages=1000", self->other.name);
	topic = mq_open(&self->other, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, topic);
	for (i = 0; i < 200; i++)
		ASSERT_EQ(1, mq_put(topic, "x"));
	KEEP(&self->queue, "");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, "start=earliest"));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 200));
	AGAIN();
	EXPECT_EQ(200, mq_stat_of(&self->queue, ready));
	ASSERT_EQ(0, mq_look_id(&self->queue, 200, &self->look));
	EXPECT_EQ(200, self->look.extra.topic_id);
	close(topic);
}

/* -- a topic in the journal --------------------------------------------------------- */

/* Create self->other, a topic in the journal. */
#define KEEP_TOPIC(options)						\
	TOPIC("journal=%s " options, self->other.name, self->j.name)

/* How many bindings there are of the topic, or a negative errno. */
static int64_t bindings_of(const struct mq_queue *topic)
{
	return mq_stat_of(topic, bindings);
}

TEST_F(journal, topic_and_its_bindings_are_there_again)
{
	struct mq_queue second;

	KEEP_TOPIC("on_unrouted=refuse allow_empty=1");
	KEEP(&self->queue, "allow_empty=1");
	KEEP(&second, "allow_empty=1");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, "key=a.#"));
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, "header.x=1 header.y=2"));
	ASSERT_EQ(0, bind_to(&self->other, &second, ""));
	CRASH();
	char text[16];

	EXPECT_EQ(3, bindings_of(&self->other));
	EXPECT_EQ(2, mq_stat_of(&self->queue, bindings));
	EXPECT_EQ(1, mq_stat_of(&second, bindings));
	EXPECT_EQ(0, mq_sysfs_get(&self->other, "type", text, sizeof(text)));
	EXPECT_STREQ("topic", text);
	EXPECT_EQ(0, mq_sysfs_get(&self->other, "on_unrouted", text, sizeof(text)));
	EXPECT_STREQ("refuse", text);
	EXPECT_EQ(-EEXIST, bind_to(&self->other, &self->queue, "key=a.#"));
	int topic = mq_open(&self->other, O_WRONLY | O_NONBLOCK);

	ASSERT_LE(0, topic);
	ASSERT_LT(0, MQ_SEND(topic, .text = "1", .key = "a.b"));
	ASSERT_LT(0, MQ_SEND(topic, .text = "2", .key = "b"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(2, mq_stat_of(&second, ready));
	EXPECT_EQ(0, mq_get(self->fd, "1"));
	close(topic);
}

/* A filter with 14 headers, 3500 bytes together, that no other number has. */
static const char *large_filter(unsigned int number)
{
	static char text[4000];
	unsigned int i, at = 0;

	for (i = 0; i < 14; i++)
		at += snprintf(text + at, sizeof(text) - at, "%sheader.h%u=%0240u",
			       i ? " " : "", i, number);
	return text;
}

TEST_F(journal, bindings_for_which_the_journal_has_no_room_are_refused)
{
	long long before;
	int error = 0;
	unsigned int n;

	KEEP_TOPIC("");
	KEEP(&self->queue, "");
	before = mq_used_settled();
	for (n = 0; n < 100; n++) {
		error = bind_to(&self->other, &self->queue, large_filter(n));
		if (error)
			break;
	}
	EXPECT_EQ(-ENOSPC, error);
	EXPECT_LT(10, n);
	EXPECT_EQ(n, bindings_of(&self->other));
	/* One that is smaller has room. */
	EXPECT_EQ(0, bind_to(&self->other, &self->queue, "key=a"));
	CRASH();
	EXPECT_EQ(n + 1, bindings_of(&self->other));
	EXPECT_EQ(-EEXIST, bind_to(&self->other, &self->queue, large_filter(0)));
	ASSERT_EQ(0, mq_control("unbind %s %s", self->other.name, self->queue.name));
	EXPECT_EQ(0, bindings_of(&self->other));
	CLOSE();
	EXPECT_TRUE(mq_wait_until(mq_used() <= before));
	EXPECT_EQ(0, bind_to(&self->other, &self->queue, large_filter(n)));
}

#define MANY_QUEUES	50

/* Bindings take room from messages, and the journal never runs out of it. */
TEST_F(journal, bindings_of_many_queues_fill_the_journal)
{
	struct mq_queue queues[MANY_QUEUES];
	static char data[9000];
	int i, n, error = 0;
	int64_t bound;

	KEEP_TOPIC("");
	KEEP(&self->queue, "overflow=reject");
	OPEN(O_RDWR | O_NONBLOCK);
	for (i = 0; i < MANY_QUEUES; i++) {
		KEEP(&queues[i], "");
		for (n = 0; n < 20; n++) {
			error = bind_to(&self->other, &queues[i], large_filter(20 * i + n));
			if (error)
				break;
		}
		ASSERT_EQ(-ENOSPC, error);
		/* The messages have half of it. */
		if (i == MANY_QUEUES / 2)
			while ((n = mq_write(self->fd, data, sizeof(data))) > 0)
				;
	}
	ASSERT_EQ(-ENOSPC, mq_write(self->fd, data, sizeof(data)));
	ASSERT_LT(0, mq_stat_of(&self->queue, ready));
	/* What comes and goes has the journal cleaned. */
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(sizeof(data), mq_read(self->fd, data, sizeof(data)));
		ASSERT_TRUE(mq_wait_until(mq_write(self->fd, data, sizeof(data)) > 0));
		if (i % 10 == 0)
			ASSERT_EQ(0, fsync(self->fd));
	}
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(DEVMQ_JOURNAL_OK, self->info.state);
	/* Those that are gone leave their room. */
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, mq_control("unbind %s %s", self->other.name, queues[i].name));
	EXPECT_TRUE(mq_wait_until(mq_write(self->fd, data, sizeof(data)) > 0));
	bound = bindings_of(&self->other);
	CRASH();
	EXPECT_EQ(bound, bindings_of(&self->other));
	EXPECT_EQ(0, bind_to(&self->other, &queues[0], large_filter(0)));
}

TEST_F(journal, bindings_outlive_an_orderly_end)
{
	KEEP_TOPIC("");
	KEEP(&self->queue, "");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, "key=a"));
	AGAIN();
	AGAIN();
	EXPECT_EQ(1, bindings_of(&self->other));
	int topic = mq_open(&self->other, O_WRONLY | O_NONBLOCK);

	ASSERT_LE(0, topic);
	ASSERT_LT(0, MQ_SEND(topic, .text = "x", .key = "a"));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	close(topic);
}

TEST_F(journal, what_was_unbound_stays_so)
{
	KEEP_TOPIC("");
	KEEP(&self->queue, "");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, "key=a"));
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, "key=b"));
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, "key=c"));
	ASSERT_EQ(0, mq_control("unbind %s %s key=b", self->other.name,
				self->queue.name));
	CRASH();
	EXPECT_EQ(2, bindings_of(&self->other));
	EXPECT_EQ(-EEXIST, bind_to(&self->other, &self->queue, "key=a"));
	EXPECT_EQ(-EEXIST, bind_to(&self->other, &self->queue, "key=c"));
	EXPECT_EQ(0, bind_to(&self->other, &self->queue, "key=b"));
}

/* A topic that is made again is another one: nothing is bound to it. */
TEST_F(journal, removed_topic_takes_its_bindings_along)
{
	KEEP_TOPIC("");
	KEEP(&self->queue, "");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, ""));
	ASSERT_EQ(0, mq_control("remove %s", self->other.name));
	ASSERT_EQ(0, mq_control("create %s type=topic journal=%s",
				self->other.name, self->j.name));
	CRASH();
	EXPECT_EQ(0, bindings_of(&self->other));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bindings));
}

TEST_F(journal, removed_queue_takes_its_bindings_along)
{
	KEEP_TOPIC("");
	KEEP(&self->queue, "");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, ""));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(0, mq_control("create %s journal=%s", self->queue.name,
				self->j.name));
	CRASH();
	EXPECT_EQ(0, bindings_of(&self->other));
}

TEST_F(journal, topics_of_topics_and_the_alternate_are_there_again)
{
	struct mq_queue second, rest;

	KEEP_TOPIC("");
	KEEP(&self->queue, "");
	KEEP(&rest, "");
	mq_name(&second);
	ASSERT_EQ(0, mq_control("create %s type=topic journal=%s alternate=%s",
				second.name, self->j.name, rest.name));
	ASSERT_EQ(0, bind_to(&self->other, &second, ""));
	ASSERT_EQ(0, bind_to(&second, &self->queue, "key=a"));
	CRASH();
	int topic = mq_open(&self->other, O_WRONLY | O_NONBLOCK);

	ASSERT_LE(0, topic);
	ASSERT_LT(0, MQ_SEND(topic, .text = "1", .key = "a"));
	ASSERT_LT(0, MQ_SEND(topic, .text = "2", .key = "b"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1, mq_stat_of(&rest, ready));
	close(topic);
	/* It is gone from the option, too. */
	ASSERT_EQ(0, mq_control("remove %s force", rest.name));
	CRASH();
	char text[80];

	EXPECT_EQ(0, mq_sysfs_get(&second, "alternate", text, sizeof(text)));
	EXPECT_STREQ("none", text);
	EXPECT_EQ(0, mq_control("remove %s", second.name));
}

TEST_F(journal, topic_leads_to_its_own_journal_or_to_queues_in_memory)
{
	struct mq_queue memory, topic;

	KEEP_TOPIC("");
	ASSERT_EQ(0, mq_create(&memory, ""));
	mq_name(&topic);
	ASSERT_EQ(0, mq_control("create %s type=topic", topic.name));
	EXPECT_EQ(0, bind_to(&self->other, &memory, ""));
	EXPECT_EQ(-EXDEV, bind_to(&self->other, &topic, ""));
	EXPECT_EQ(0, bind_to(&topic, &self->other, ""));
	EXPECT_EQ(-EXDEV, mq_sysfs_set(&self->other, "alternate", "%s",
				       memory.name));
	KEEP(&self->queue, "");
	EXPECT_EQ(0, mq_sysfs_set(&self->other, "alternate", "%s",
				  self->queue.name));
	ASSERT_EQ(0, mq_control("remove %s", topic.name));
	/* The binding to the queue in memory is in memory, too. */
	AGAIN();
	EXPECT_EQ(0, bindings_of(&self->other));
	EXPECT_EQ(0, mq_stat_of(&memory, bindings));
}

TEST_F(journal, two_journals_are_not_mixed)
{
	struct mq_queue there;

	KEEP_TOPIC("");
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	ASSERT_EQ(0, journal_attach(&self->to));
	ASSERT_EQ(0, mq_create(&there, "journal=%s", self->to.name));
	EXPECT_EQ(-EXDEV, bind_to(&self->other, &there, ""));
	ASSERT_EQ(0, mq_remove(&there));
	ASSERT_EQ(0, journal_detach(&self->to));
}

TEST_F(journal, sync_confirms_what_a_topic_has_put_into_its_queues)
{
	struct mq_queue second;
	int topic;

	KEEP_TOPIC("");
	KEEP(&self->queue, "");
	KEEP(&second, "");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, ""));
	ASSERT_EQ(0, bind_to(&self->other, &second, ""));
	topic = mq_open(&self->other, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, topic);
	ASSERT_EQ(1, mq_put(topic, "1"));
	ASSERT_EQ(0, fsync(topic));
	ASSERT_EQ(0, journal_image(&self->j));
	close(topic);
	topic = mq_open(&self->other, O_WRONLY | O_DSYNC);
	ASSERT_LE(0, topic);
	ASSERT_EQ(1, mq_put(topic, "2"));
	ASSERT_EQ(0, journal_image(&self->j));
	close(topic);
	ASSERT_EQ(0, journal_go_on(&self->j));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(2, mq_stat_of(&second, ready));
}

/* An id that was told is not given again, though the topic keeps no message. */
TEST_F(journal, ids_of_a_topic_are_not_used_again)
{
	int topic;

	KEEP_TOPIC("");
	KEEP(&self->queue, "");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, ""));
	topic = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, topic);
	ASSERT_EQ(1, mq_put(topic, "x"));
	ASSERT_EQ(1, mq_put(topic, "x"));
	close(topic);
	CRASH();
	topic = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, topic);
	EXPECT_LT(2, MQ_SEND(topic, .text = "y"));
	close(topic);
}

/* -- a message in several queues ------------------------------------------------------ */

/* A topic in the journal, opened as @to, to which self->queue and @second are bound. */
#define SPREAD(to, second, options) do {				\
	KEEP_TOPIC("max_message_size=60000");				\
	KEEP(&self->queue, options);					\
	KEEP(second, options);						\
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, ""));		\
	ASSERT_EQ(0, bind_to(&self->other, second, ""));		\
	to = mq_open(&self->other, O_WRONLY | O_NONBLOCK);		\
	ASSERT_LE(0, to);						\
} while (0)

TEST_F(journal, payload_is_written_once_for_all_queues)
{
	static char data[60000];
	struct mq_queue second, third;
	uint64_t before;
	int topic;

	SPREAD(topic, &second, "");
	KEEP(&third, "");
	ASSERT_EQ(0, bind_to(&self->other, &third, ""));
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	before = self->info.written;
	ASSERT_EQ(sizeof(data), mq_write(topic, data, sizeof(data)));
	ASSERT_EQ(0, fsync(topic));
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_LE(before + sizeof(data), self->info.written);
	EXPECT_GT(before + 2 * sizeof(data), self->info.written);
	close(topic);
	CRASH();
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1, mq_stat_of(&second, ready));
	EXPECT_EQ(1, mq_stat_of(&third, ready));
	EXPECT_EQ(sizeof(data), mq_stat_of(&third, bytes));
}

/* A record has more bytes for each queue, so what one queue takes may be too much. */
TEST_F(journal, message_whose_record_fits_in_no_segment_is_refused)
{
	static char data[256 << 10];
	struct mq_queue second;
	size_t most = sizeof(data);
	int topic;

	KEEP_TOPIC("max_message_size=1M");
	KEEP(&self->queue, "max_message_size=1M");
	KEEP(&second, "max_message_size=1M");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, ""));
	ASSERT_EQ(0, bind_to(&self->other, &second, ""));
	OPEN(O_RDWR | O_NONBLOCK);
	topic = mq_open(&self->other, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, topic);
	while (most && mq_write(self->fd, data, most) == -EMSGSIZE)
		most -= 8;
	ASSERT_LT(100000, most);
	EXPECT_EQ(-EMSGSIZE, mq_write(topic, data, most));
	EXPECT_EQ(0, mq_stat_of(&self->other, sent));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_stat_of(&second, ready));
	EXPECT_EQ(most - 80, mq_write(topic, data, most - 80));
	EXPECT_EQ(0, fsync(topic));
	close(topic);
	CRASH();
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1, mq_stat_of(&second, ready));
}

/* What became of each copy is its own. */
TEST_F(journal, copies_go_their_own_ways)
{
	struct mq_queue second;
	int topic;

	SPREAD(topic, &second, "ack=manual");
	OPEN(O_RDWR | O_NONBLOCK);
	int fd = mq_open(&second, O_RDWR | O_NONBLOCK);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(topic, "1"));
	ASSERT_EQ(1, mq_put(topic, "2"));
	ASSERT_EQ(1, mq_put(topic, "3"));
	/* Before anything is written, as far as the test can tell, and after that. */
	ASSERT_EQ(0, mq_get(fd, "1"));
	ASSERT_EQ(1, mq_ack(fd, 1));
	ASSERT_EQ(0, fsync(topic));
	ASSERT_EQ(0, mq_get(fd, "2"));
	ASSERT_EQ(1, mq_reject_with(fd, 2, 300, "bad"));
	ASSERT_EQ(0, mq_get(self->fd, "1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, MQ_HOUR, "later"));
	ASSERT_EQ(0, mq_get(self->fd, "2"));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	ASSERT_EQ(0, fsync(self->fd));
	close(fd);
	close(topic);
	CRASH();
	EXPECT_EQ(0, mq_stat_of(&self->queue, dead));
	MQ_EXPECT(&self->queue, 1, DELAYED, 1, 1, RETRY);
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	MQ_EXPECT(&second, 2, DEAD, 1, 0, NONE);
	EXPECT_EQ(1, mq_stat_of(&second, ready));
	ASSERT_EQ(0, mq_look_id(&second, 2, &self->look));
	EXPECT_STREQ("bad", self->look.note);
	EXPECT_STREQ("2", self->look.payload);
}

/*
 * Of each message one queue or both let go, while so much else is sent that all segments
 * are cleaned: what is gone must not come back from a record that the other queue needs,
 * and that queue must not lose it.
 */
TEST_F(journal, cleaner_keeps_the_copies_that_are_alive)
{
	int rounds = mq_is_debug_kernel() ? 60 : 300, topic, i, k;
	struct mq_queue second, others;
	static char data[20000];
	char text[16];

	SPREAD(topic, &second, "");
	KEEP(&others, "");
	OPEN(O_RDWR | O_NONBLOCK);
	int fd = mq_open(&second, O_RDWR | O_NONBLOCK);
	int noise = mq_open(&others, O_RDWR | O_NONBLOCK);

	ASSERT_LE(0, fd);
	ASSERT_LE(0, noise);
	for (i = 1; i <= rounds; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		ASSERT_LT(0, mq_put(topic, text));
		for (k = 0; k < 5; k++)
			ASSERT_EQ(sizeof(data), mq_write(noise, data, sizeof(data)));
		ASSERT_EQ(0, fsync(noise));
		ASSERT_EQ(5, mq_purge(noise, 0, 0));
		if (i % 3 != 1)
			ASSERT_EQ(1, mq_purge(self->fd, i, i));
		if (i % 3 != 2)
			ASSERT_EQ(1, mq_purge(fd, i, i));
	}
	ASSERT_EQ(0, fsync(topic));
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(0, self->info.error);
	EXPECT_LT(0, self->info.cleaned);
	close(noise);
	close(topic);
	close(fd);
	CRASH();
	EXPECT_EQ(rounds / 3, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(rounds / 3, mq_stat_of(&second, ready));
	AGAIN();
	EXPECT_EQ(rounds / 3, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(rounds / 3, mq_stat_of(&second, ready));
	ASSERT_EQ(0, mq_look_id(&self->queue, rounds - 2, &self->look));
	snprintf(text, sizeof(text), "m%d", rounds - 2);
	EXPECT_STREQ(text, self->look.payload);
}

/* A journal that is moved has all copies in the other file. */
TEST_F(journal, move_takes_all_copies_along)
{
	struct mq_queue second;
	int topic, i;

	SPREAD(topic, &second, "");
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	for (i = 0; i < 200; i++)
		ASSERT_EQ(1, mq_put(topic, "x"));
	ASSERT_EQ(0, fsync(topic));
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(100, mq_purge(self->fd, 1, 100));
	ASSERT_EQ(1, mq_put(topic, "y"));
	ASSERT_EQ(0, journal_move(&self->j, &self->to));
	ASSERT_EQ(1, mq_put(topic, "z"));
	ASSERT_EQ(0, fsync(topic));
	close(topic);
	CRASH();
	EXPECT_EQ(102, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(202, mq_stat_of(&second, ready));
	EXPECT_EQ(2, bindings_of(&self->other));
}

/*
 * Whenever the machine crashes, a message is in both queues, or in none, and what was
 * confirmed is in both.
 */
TEST_F(journal, crash_finds_a_message_in_all_queues_or_in_none)
{
	struct mq_queue second;
	struct devmq_stat stat;
	int topic, i, k;

	SPREAD(topic, &second, "");
	for (i = 0; i < 10; i++) {
		for (k = 0; k < 50; k++)
			ASSERT_EQ(1, mq_put(topic, "x"));
		if (i == 4)
			ASSERT_EQ(0, fsync(topic));
		usleep(i * 1000);
	}
	close(topic);
	CRASH();
	ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));
	ASSERT_EQ(0, mq_stat(&second, &stat));
	EXPECT_LE(250, stat.ready);
	EXPECT_EQ(self->stat.ready, stat.ready);
}

/* -- what a topic in the journal retains --------------------------------------------- */

/* The ids of the messages that a topic retains: how many, the first and the last. */
#define RETAINED(n, first, last) do {					\
	ASSERT_EQ(0, mq_stat(&self->other, &self->stat));		\
	EXPECT_EQ(n, self->stat.retained);				\
	EXPECT_EQ(first, self->stat.first_id);				\
	EXPECT_EQ(last, self->stat.last_id);				\
} while (0)

TEST_F(journal, retained_messages_are_there_again)
{
	int topic, i;
	char text[16];

	KEEP_TOPIC("retain_messages=10");
	topic = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, topic);
	for (i = 1; i <= 15; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		ASSERT_LT(0, mq_put(topic, text));
	}
	ASSERT_EQ(0, fsync(topic));
	close(topic);
	KEEP(&self->queue, "");
	CRASH();
	RETAINED(10, 6, 15);
	topic = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, topic);
	ASSERT_LE(0, lseek(topic, 0, SEEK_SET));
	for (i = 6; i <= 15; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		EXPECT_EQ(0, mq_get(topic, text));
	}
	EXPECT_EQ(-EAGAIN, mq_get(topic, ""));
	/* Retention goes on where it was. */
	ASSERT_LT(0, mq_put(topic, "more"));
	ASSERT_EQ(0, mq_stat(&self->other, &self->stat));
	EXPECT_EQ(10, self->stat.retained);
	EXPECT_EQ(7, self->stat.first_id);
	close(topic);
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, "start=earliest"));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 10));
	ASSERT_TRUE(binding_gets_level(&self->other, 1));
	AGAIN();
	EXPECT_EQ(10, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1, bindings_of(&self->other));
}

/* What is retained is in the same record, and tells of no topic. */
TEST_F(journal, queues_of_a_topic_that_retains_keep_its_name)
{
	struct mq_queue second;
	int topic;

	KEEP_TOPIC("retain_messages=10");
	KEEP(&self->queue, "");
	KEEP(&second, "");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, ""));
	ASSERT_EQ(0, bind_to(&self->other, &second, ""));
	topic = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, topic);
	ASSERT_EQ(1, mq_put(topic, "1"));
	ASSERT_EQ(1, mq_put(topic, "2"));
	ASSERT_EQ(0, fsync(topic));
	close(topic);
	CRASH();
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_STREQ(self->other.name, self->look.topic);
	EXPECT_EQ(2, self->look.extra.topic_id);
	ASSERT_EQ(0, mq_look_id(&second, 1, &self->look));
	EXPECT_STREQ(self->other.name, self->look.topic);
	EXPECT_EQ(1, self->look.extra.topic_id);
	ASSERT_EQ(0, mq_look_id(&self->other, 2, &self->look));
	EXPECT_STREQ("2", self->look.payload);
	EXPECT_STREQ("", self->look.topic);
}

TEST_F(journal, what_was_trimmed_does_not_come_again)
{
	static char data[20000];
	int topic, i;

	KEEP_TOPIC("retain_bytes=100000");
	KEEP(&self->queue, "");
	topic = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, topic);
	/* Several times as much as the journal has. */
	for (i = 1; i <= 1200; i++)
		ASSERT_EQ(sizeof(data), mq_write(topic, data, sizeof(data)));
	ASSERT_EQ(0, fsync(topic));
	close(topic);
	CRASH();
	RETAINED(5, 1196, 1200);
	AGAIN();
	RETAINED(5, 1196, 1200);
}

TEST_F(journal, compaction_is_there_again)
{
	int topic;

	KEEP_TOPIC("compact=key allow_empty=1");
	KEEP(&self->queue, "");
	topic = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, topic);
	ASSERT_LT(0, MQ_SEND(topic, .text = "a1", .key = "a"));
	ASSERT_LT(0, MQ_SEND(topic, .text = "b1", .key = "b"));
	ASSERT_LT(0, MQ_SEND(topic, .text = "a2", .key = "a"));
	ASSERT_LT(0, MQ_SEND(topic, .text = "", .key = "b"));
	ASSERT_EQ(0, fsync(topic));
	close(topic);
	CRASH();
	RETAINED(2, 3, 4);
	topic = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, topic);
	/* The newest of a key is known again. */
	ASSERT_LT(0, MQ_SEND(topic, .text = "a3", .key = "a"));
	ASSERT_EQ(0, mq_stat(&self->other, &self->stat));
	EXPECT_EQ(2, self->stat.retained);
	EXPECT_EQ(4, self->stat.first_id);
	close(topic);
}

/* Most are replaced before the journal has them, but are in a queue as well. */
TEST_F(journal, what_was_replaced_before_it_was_written_is_only_in_queues)
{
	char text[16], key[4];
	int topic, i;

	KEEP_TOPIC("compact=key");
	KEEP(&self->queue, "");
	ASSERT_EQ(0, bind_to(&self->other, &self->queue, ""));
	topic = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, topic);
	for (i = 1; i <= 200; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		snprintf(key, sizeof(key), "k%d", i % 3);
		ASSERT_EQ(i, MQ_SEND(topic, .text = text, .key = key));
	}
	ASSERT_EQ(0, fsync(topic));
	close(topic);
	CRASH();
	RETAINED(3, 198, 200);
	EXPECT_EQ(200, mq_stat_of(&self->queue, ready));
	ASSERT_EQ(0, mq_look_id(&self->other, 199, &self->look));
	EXPECT_STREQ("m199", self->look.payload);
	ASSERT_EQ(0, mq_look_id(&self->queue, 100, &self->look));
	EXPECT_EQ(100, self->look.extra.topic_id);
	AGAIN();
	RETAINED(3, 198, 200);
	EXPECT_EQ(200, mq_stat_of(&self->queue, ready));
}

TEST_F(journal, age_goes_on_while_the_journal_is_away)
{
	uint64_t begun;
	unsigned int ms;
	int topic;

	KEEP_TOPIC("retain_messages=10");
	KEEP(&self->queue, "");
	/* On a slow machine it may be old before the journal is away: use more time. */
	for (ms = 3000;; ms *= 4) {
		ASSERT_EQ(0, mq_sysfs_set(&self->other, "retain_ms", "%u", ms));
		begun = mq_now_ms();
		topic = mq_open(&self->other, O_WRONLY);
		ASSERT_LE(0, topic);
		ASSERT_EQ(1, mq_put(topic, "x"));
		ASSERT_EQ(0, fsync(topic));
		close(topic);
		CRASH();
		if (mq_now_ms() - begun < ms)
			break;
	}
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->other, retained) == 0));
	EXPECT_LE(1, mq_stat_of(&self->other, trimmed));
}

/* A clock that nobody had set yet told when the message was sent. */
TEST_F(journal, message_that_was_sent_decades_ago_is_too_old)
{
	struct timespec now, then;
	int topic, error;

	KEEP_TOPIC("retain_ms=3600000");
	KEEP(&self->queue, "");
	topic = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, topic);
	ASSERT_EQ(0, clock_gettime(CLOCK_REALTIME, &now));
	/* It cannot be set to before the machine was started. */
	ASSERT_EQ(0, clock_gettime(CLOCK_MONOTONIC, &then));
	then.tv_sec += 1000;
	ASSERT_EQ(0, clock_settime(CLOCK_REALTIME, &then));
	error = mq_put(topic, "x");
	ASSERT_EQ(0, clock_settime(CLOCK_REALTIME, &now));
	EXPECT_EQ(1, error);
	EXPECT_EQ(1, mq_put(topic, "y"));
	ASSERT_EQ(0, fsync(topic));
	EXPECT_EQ(2, mq_stat_of(&self->other, retained));
	close(topic);
	AGAIN();
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->other, retained) == 1));
	EXPECT_EQ(1, mq_stat_of(&self->other, trimmed));
	EXPECT_EQ(2, mq_stat_of(&self->other, first_id));
}

/* An attach that fails frees what compaction would have removed. */
TEST_F(journal, attach_that_fails_frees_what_was_replaced)
{
	long long before;
	int topic, i;

	KEEP_TOPIC("retain_messages=1000");
	topic = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, topic);
	for (i = 1; i <= 500; i++)
		ASSERT_EQ(i, MQ_SEND(topic, .text = "x", .key = "k"));
	close(topic);
	ASSERT_EQ(0, mq_sysfs_set(&self->other, "compact", "key"));
	EXPECT_EQ(500, mq_stat_of(&self->other, retained));
	ASSERT_EQ(0, journal_detach(&self->j));
	self->attached = false;
	before = mq_used_settled();
	/* The node cannot be made. */
	i = open(self->other.path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	ASSERT_LE(0, i);
	close(i);
	EXPECT_EQ(-EBUSY, journal_attach(&self->j));
	ASSERT_EQ(0, unlink(self->other.path));
	EXPECT_EQ(before, mq_used_settled());
	ASSERT_EQ(0, journal_attach(&self->j));
	self->attached = true;
	EXPECT_EQ(1, mq_stat_of(&self->other, retained));
	EXPECT_EQ(500, mq_stat_of(&self->other, first_id));
}

/* A topic whose journal is full of what it retains makes its senders wait. */
TEST_F(journal, full_journal_holds_up_a_topic_that_retains)
{
	static char data[60000];
	int topic;

	KEEP_TOPIC("retain_bytes=1G max_message_size=60000");
	topic = mq_open(&self->other, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, topic);
	while (mq_write(topic, data, sizeof(data)) == sizeof(data))
		;
	EXPECT_EQ(-EAGAIN, mq_write(topic, data, sizeof(data)));
	ASSERT_LT(20, mq_stat_of(&self->other, retained));
	ASSERT_EQ(0, mq_sysfs_set(&self->other, "retain_messages", "10"));
	ASSERT_EQ(0, fsync(topic));
	EXPECT_TRUE(mq_wait_until(mq_write(topic, data, sizeof(data)) ==
				  sizeof(data)));
	close(topic);
}

TEST_HARNESS_MAIN
