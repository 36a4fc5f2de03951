// SPDX-License-Identifier: GPL-2.0
/*
 * In every call that has to do with topics, each allocation and each copy from
 * user space fails once: the call fails or does its work, a message is in all
 * queues or in none, and nothing is left behind. See fault_test.c.
 */
#include "fixtures/fault.h"
#include "helpers/binding.h"
#include "helpers/journal.h"
#include "helpers/look.h"

#define QUEUES		3

static struct mq_queue topic, queue[QUEUES];

static int bind_queue(unsigned int i, const char *filter)
{
	return mq_control("bind %s %s %s", topic.name, queue[i].name, filter);
}

/* Make the topic, and queues of different kinds, with a descriptor of the topic. */
#define MAKE(fd, bound) do {						\
	static const char * const __options[QUEUES] = {			\
		"", "order=key dedup_window_ms=3600000 priorities=4",	\
		"overflow=drop-head max_messages=50 ttl_ms=3600000",	\
	};								\
	int __i;							\
									\
	mq_name(&topic);						\
	ASSERT_EQ(0, mq_control("create %s type=topic", topic.name));	\
	for (__i = 0; __i < QUEUES; __i++) {				\
		ASSERT_EQ(0, mq_create(&queue[__i], "%s",		\
				       __options[__i]));		\
		if (bound)						\
			ASSERT_EQ(0, bind_queue(__i, "key=a.#"));	\
	}								\
	fd = mq_open(&topic, O_WRONLY | O_NONBLOCK);			\
	ASSERT_LE(0, fd);						\
} while (0)

/* How many messages were sent to the topic? -1: not all queues got them. */
static long sent_to_all(void)
{
	long long sent = mq_stat_of(&topic, sent);
	int i;

	for (i = 0; i < QUEUES; i++)
		if (mq_stat_of(&queue[i], sent) != sent)
			return -1;
	return mq_stat_of(&topic, routed) == sent ? sent : -1;
}

static void add_record(struct mq_batch *batch, unsigned int size)
{
	static char payload[20000];
	static unsigned int count;
	struct devmq_record *r;
	char meta[64];
	size_t used;

	/* The de-duplication id, and behind it the headers. */
	snprintf(meta, sizeof(meta), "%08u", count++);
	used = mq_header_put(meta + 8, "name", "value", 5);
	r = mq_batch_add_full(batch, "a.b.c", 5, meta, 8 + used, payload, size);
	r->dedup_size = 8;
	r->headers_size = used;
	r->priority = count % 4;
}

static const unsigned int sizes[] = { 1, 500, 5000, 20000 };

TEST_F(fault, send_to_a_topic)
{
	struct devmq_send send;
	unsigned int i, n;
	long before;
	int fd;

	MAKE(fd, true);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (n = 1; n < 4; n += 2)
			SWEEP(4, ({
				unsigned int k;

				mq_batch_free(&self->batch);
				for (k = 0; k < n; k++)
					add_record(&self->batch, sizes[i]);
				/* With the memory that an open file keeps, or not. */
				if (__nth % 2) {
					close(fd);
					fd = mq_open(&topic,
						     O_WRONLY | O_NONBLOCK);
					ASSERT_LE(0, fd);
				}
				before = sent_to_all();
				ASSERT_LE(0, before);
			      }), mq_send(fd, self->batch.data,
					  self->batch.size, &send), {
				if (!result) {
					EXPECT_LE(1, send.count);
					EXPECT_GE(n, send.count);
					EXPECT_EQ(before + send.count,
						  sent_to_all());
					EXPECT_EQ(sent_to_all(), send.last_id);
				} else {
					EXPECT_TRUE(refused(result));
					/* EFAULT may be of the results. */
					EXPECT_TRUE(sent_to_all() == before ||
						    (result == -EFAULT &&
						     sent_to_all() == before + n));
				}
			});
	close(fd);
}

TEST_F(fault, write_to_a_topic)
{
	char *data = calloc(1, 20000);
	unsigned int i;
	long before;
	int fd, k;

	MAKE(fd, false);
	for (k = 0; k < QUEUES; k++)
		ASSERT_EQ(0, bind_queue(k, "key=#"));
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		SWEEP(4, ({
			before = sent_to_all();
			ASSERT_LE(0, before);
		      }), mq_write(fd, data, sizes[i]), {
			if (result == sizes[i]) {
				EXPECT_EQ(before + 1, sent_to_all());
			} else {
				EXPECT_TRUE(refused(result));
				EXPECT_EQ(before, sent_to_all());
			}
		});
	close(fd);
	free(data);
}

/* A queue that is full: what the sender notes for its wait is allocated, too. */
TEST_F(fault, send_to_a_topic_with_a_full_queue)
{
	int fd;

	MAKE(fd, true);
	ASSERT_EQ(0, mq_sysfs_set(&queue[0], "max_messages", "1"));
	ASSERT_EQ(1, MQ_SEND(fd, .text = "first", .key = "a"));
	SWEEP(4, NOTHING, MQ_SEND(fd, .text = "second", .key = "a"), {
		EXPECT_TRUE(result == -EAGAIN || refused(result));
		EXPECT_EQ(1, sent_to_all());
	});
	close(fd);
}

TEST_F(fault, bind)
{
	static const char * const filters[] = {
		"", "key=a.b", "key=a.*.b.#.c", "header.x=1 header.y=2",
		"key=*.b header.x=1 header.x=2",
	};
	unsigned int i;
	int fd;

	MAKE(fd, false);
	for (i = 0; i < ARRAY_SIZE(filters); i++)
		SWEEP(4, EXPECT_EQ(0, mq_stat_of(&topic, bindings)),
		      bind_queue(0, filters[i]), {
			if (!result) {
				EXPECT_EQ(1, mq_stat_of(&topic, bindings));
				EXPECT_EQ(1, mq_stat_of(&queue[0], bindings));
				EXPECT_EQ(0, mq_control("unbind %s %s",
							topic.name,
							queue[0].name));
			} else {
				EXPECT_TRUE(refused(result));
				EXPECT_EQ(0, mq_stat_of(&topic, bindings));
				EXPECT_EQ(0, mq_stat_of(&queue[0], bindings));
			}
		});
	close(fd);
}

/* -- what is retained ---------------------------------------------------------------- */

#define KEPT	100
#define SIZE	4000

static struct journal_file journal;
static char kept[SIZE];

/*
 * Make the topic, in a journal, with messages of which @memory bytes may be in memory, and
 * a queue that has room for @room of them.
 */
#define RETAIN(fd, memory, room) do {					\
	int __i;							\
									\
	ASSERT_EQ(0, journal_make(&journal, 8 << 20));			\
	ASSERT_EQ(0, journal_attach(&journal));				\
	mq_name(&topic);						\
	ASSERT_EQ(0, mq_control("create %s type=topic journal=%s "	\
				"retain_messages=1000 "			\
				"retain_memory_bytes=%d", topic.name,	\
				journal.name, memory));			\
	ASSERT_EQ(0, mq_create(&queue[0], "max_messages=%d", room));	\
	fd = mq_open(&topic, O_RDWR | O_NONBLOCK);			\
	ASSERT_LE(0, fd);						\
	for (__i = 0; __i < KEPT; __i++)				\
		ASSERT_EQ(SIZE, mq_write(fd, kept, SIZE));		\
	ASSERT_EQ(0, fsync(fd));					\
	if (memory)							\
		ASSERT_TRUE(mq_wait_until(!in_memory()));		\
} while (0)

#define RETAIN_END(fd) do {						\
	close(fd);							\
	ASSERT_EQ(0, mq_remove(&topic));				\
	ASSERT_EQ(0, mq_remove(&queue[0]));				\
	ASSERT_EQ(0, journal_detach(&journal));				\
	journal_unlink(&journal);					\
} while (0)

static long long in_memory(void)
{
	return mq_stat_of(&topic, retained_memory_bytes);
}

TEST_F(fault, bind_to_what_is_retained)
{
	int fd, memory;

	for (memory = 0; memory < 2; memory++) {
		RETAIN(fd, memory, 1000);
		SWEEP(4, EXPECT_EQ(0, mq_stat_of(&topic, bindings)),
		      bind_queue(0, "start=earliest"), {
			EXPECT_EQ(!result, mq_stat_of(&topic, bindings));
			if (!result) {
				EXPECT_TRUE(mq_wait_until(KEPT ==
					mq_stat_of(&queue[0], ready)));
				EXPECT_EQ(0, mq_control("unbind %s %s",
							topic.name,
							queue[0].name));
			} else {
				EXPECT_TRUE(refused(result));
			}
			EXPECT_EQ(result ? 0 : KEPT, empty(&queue[0]));
		});
		RETAIN_END(fd);
	}
}

TEST_F(fault, read_of_what_is_in_the_journal_alone)
{
	static char got[SIZE];
	int fd, reader = -1;

	RETAIN(fd, 1, 1);
	SWEEP(3, ({
		close(reader);
		reader = mq_open(&topic, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, reader);
		ASSERT_EQ(50, lseek(reader, 50, SEEK_SET));
	      }), mq_read(reader, got, SIZE), {
		EXPECT_TRUE(result == SIZE || refused(result));
		/* It is read in the end, and by another reader. */
		EXPECT_EQ(SIZE, mq_read(reader, got, SIZE));
		EXPECT_EQ(result == SIZE ? 52 : 51, lseek(reader, 0, SEEK_CUR));
	});
	close(reader);
	EXPECT_EQ(0, mq_stat_of(&topic, unreadable));
	RETAIN_END(fd);
}

TEST_F(fault, peek_at_what_is_in_the_journal_alone)
{
	struct devmq_record record;
	int fd;

	RETAIN(fd, 1, 1);
	SWEEP(3, NOTHING, mq_peek_id(&topic, 50, &record),
	      EXPECT_TRUE(!result || result == -EBADF || refused(result)));
	EXPECT_EQ(0, mq_peek_id(&topic, 50, &record));
	EXPECT_EQ(0, mq_stat_of(&topic, unreadable));
	RETAIN_END(fd);
}

/* Write until it is written: the write itself may be short of memory. */
static bool set_surely(const char *path, const char *text)
{
	return mq_wait_until(!mq_write_file(path, text));
}

/*
 * What the queue's work and that of a binding allocate fails again and again: they go on
 * where they were.
 */
TEST_F(fault, work_goes_on_when_there_is_memory)
{
	static const char probability[] = "/sys/kernel/debug/failslab/probability";
	char memory[128], room[128];
	int fd, i;

	RETAIN(fd, 0, 1);
	snprintf(memory, sizeof(memory), "/sys/class/mq/%s/retain_memory_bytes",
		 topic.name);
	snprintf(room, sizeof(room), "/sys/class/mq/%s/max_messages", queue[0].name);
	ASSERT_EQ(0, bind_queue(0, "start=earliest"));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&queue[0], ready) == 1));
	knob("failslab", "times", "-1");
	ASSERT_TRUE(set_surely(probability, "40"));
	EXPECT_TRUE(set_surely(memory, "1"));
	EXPECT_TRUE(set_surely(room, "1000"));
	for (i = 0; i < 50; i++) {
		usleep(10000);
		fsync(fd);
	}
	ASSERT_TRUE(set_surely(probability, "0"));
	/* A change makes the work look again. */
	EXPECT_EQ(SIZE, mq_write(fd, kept, SIZE));
	EXPECT_EQ(0, fsync(fd));
	EXPECT_TRUE(mq_wait_until(!in_memory()));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&queue[0], ready) == KEPT + 1));
	EXPECT_EQ(0, mq_stat_of(&topic, unreadable));
	RETAIN_END(fd);
}

TEST_HARNESS_MAIN
