// SPDX-License-Identifier: GPL-2.0
/*
 * retain_memory_bytes: what a topic retains in its journal alone is read back by readers,
 * PEEK and bindings with start=, wherever the cleaner, a move or an attach has put it.
 */
#include <pthread.h>

#include "mq_test.h"
#include "fixtures/journal.h"
#include "helpers/binding.h"
#include "helpers/process.h"
#include "helpers/thread.h"
#include "helpers/used.h"

/* Bytes of most messages, and of those that have a block for themselves. */
#define SIZE	4000
#define LARGE	60000

/* What may be in memory. */
#define LIMIT	65536

/* Messages that are sent: some twenty times as much. */
#define COUNT	300

static unsigned char expected[LARGE], got[LARGE + 1];

/* The bytes of the message with an id: no two are alike. */
static const void *bytes_of(unsigned int id, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		expected[i] = i < 4 ? id >> 8 * i : id * 31 + i * 7 + i / 251;
	return expected;
}

/* Send messages, whose ids are to be @first to @last. Returns 0 or a negative errno. */
static int put_range(int fd, unsigned int first, unsigned int last, size_t size)
{
	for (; first <= last; first++) {
		ssize_t done = mq_write(fd, bytes_of(first, size), size);

		if (done != (ssize_t)size)
			return done < 0 ? done : -EIO;
	}
	return 0;
}

/* Read a message and compare it. Returns 0 or a negative errno. */
static int get_one(int fd, unsigned int id, size_t size)
{
	ssize_t done;

	memset(got, MQ_POISON, sizeof(got));
	done = mq_read(fd, got, sizeof(got));
	if (done < 0)
		return done;
	if (done != (ssize_t)size || memcmp(got, bytes_of(id, size), size)) {
		fprintf(stderr, "# %zd bytes instead of message %u\n", done, id);
		return -EILSEQ;
	}
	return 0;
}

static int get_range(int fd, unsigned int first, unsigned int last, size_t size)
{
	int error = 0;

	for (; !error && first <= last; first++)
		error = get_one(fd, first, size);
	if (error)
		fprintf(stderr, "# message %u: error %d\n", first - 1, error);
	return error;
}

/* A new open file that reads the topic from its oldest message on, or from @id. */
static int reader(const struct mq_queue *topic, unsigned int id)
{
	int fd = mq_open(topic, O_RDONLY | O_NONBLOCK);

	if (fd >= 0 && id && lseek(fd, id, SEEK_SET) != (off_t)id) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

/* Read all from a new open file. Returns 0 or a negative errno. */
static int read_all(const struct mq_queue *topic, unsigned int first, unsigned int last,
		    size_t size)
{
	int fd = reader(topic, 0), error;

	if (fd < 0)
		return fd;
	error = get_range(fd, first, last, size);
	if (!error && mq_read(fd, got, sizeof(got)) != -EAGAIN)
		error = -ENOTEMPTY;
	close(fd);
	return error;
}

/* Create self->queue, a topic in the journal, and open it for sending as self->fd. */
#define KEEP_TOPIC(options, ...) do {					\
	mq_name(&self->queue);						\
	ASSERT_EQ(0, mq_control("create %s type=topic journal=%s "	\
				"max_message_size=60000 " options,	\
				self->queue.name, self->j.name,		\
				##__VA_ARGS__));			\
	OPEN(O_WRONLY | O_NONBLOCK);					\
} while (0)

/* One that has @count messages, most of them in the journal alone. */
#define KEEP_AWAY(count, size) do {					\
	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=%d", LIMIT);\
	ASSERT_EQ(0, put_range(self->fd, 1, count, size));		\
	AWAY(LIMIT);							\
} while (0)

/* All but so many bytes leave memory. */
#define AWAY(bytes) do {						\
	ASSERT_EQ(0, fsync(self->fd));					\
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue,		\
				  retained_memory_bytes) <= (bytes)));	\
} while (0)

/* Attach the journal again, after an orderly end or a crash. */
#define REOPEN(how) do {						\
	how();								\
	CLOSE();							\
	OPEN(O_WRONLY | O_NONBLOCK);					\
} while (0)

static int bind_to(const struct mq_queue *topic, const struct mq_queue *queue,
		   const char *words)
{
	return mq_control("bind %s %s %s", topic->name, queue->name, words);
}

/* -- the option -------------------------------------------------------------------- */

TEST_F(journal, option_is_for_topics_in_a_journal)
{
	struct mq_queue memory;

	KEEP_TOPIC("retain_bytes=1M retain_memory_bytes=5K");
	EXPECT_EQ(5120, mq_sysfs_number(&self->queue, "retain_memory_bytes"));
	EXPECT_EQ(0, mq_sysfs_set(&self->queue, "retain_memory_bytes", "0"));
	EXPECT_EQ(0, mq_sysfs_set(&self->queue, "retain_memory_bytes", "1G"));
	EXPECT_EQ(-ERANGE, mq_sysfs_set(&self->queue, "retain_memory_bytes", "2000G"));
	EXPECT_EQ(1 << 30, mq_sysfs_number(&self->queue, "retain_memory_bytes"));
	mq_name(&memory);
	EXPECT_EQ(-EINVAL, mq_control("create %s type=topic retain_memory_bytes=1",
				      memory.name));
	EXPECT_EQ(-EINVAL, mq_control("create %s journal=%s retain_memory_bytes=1",
				      memory.name, self->j.name));
	ASSERT_EQ(0, mq_control("create %s type=topic retain_memory_bytes=0", memory.name));
	EXPECT_EQ(-EINVAL, mq_sysfs_set(&memory, "retain_memory_bytes", "1"));
	EXPECT_EQ(0, mq_sysfs_set(&memory, "retain_memory_bytes", "0"));
	EXPECT_EQ(0, mq_sysfs_number(&memory, "retain_memory_bytes"));
	REOPEN(AGAIN);
	EXPECT_EQ(1 << 30, mq_sysfs_number(&self->queue, "retain_memory_bytes"));
}

TEST_F(journal, without_the_option_all_is_in_memory)
{
	KEEP_TOPIC("retain_messages=1000");
	ASSERT_EQ(0, put_range(self->fd, 1, COUNT, SIZE));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(COUNT * SIZE, mq_stat_of(&self->queue, retained_memory_bytes));
	REOPEN(AGAIN);
	EXPECT_EQ(COUNT * SIZE, mq_stat_of(&self->queue, retained_memory_bytes));
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT, SIZE));
}

TEST_F(journal, option_can_change_at_any_time)
{
	KEEP_TOPIC("retain_messages=1000");
	ASSERT_EQ(0, put_range(self->fd, 1, COUNT, SIZE));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retain_memory_bytes", "100000"));
	AWAY(100000);
	EXPECT_LE(50000, mq_stat_of(&self->queue, retained_memory_bytes));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retain_memory_bytes", "1"));
	AWAY(0);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retain_memory_bytes", "0"));
	ASSERT_EQ(0, put_range(self->fd, COUNT + 1, COUNT + 3, SIZE));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(3 * SIZE, mq_stat_of(&self->queue, retained_memory_bytes));
	EXPECT_EQ((COUNT + 3) * SIZE, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT + 3, SIZE));
	/* What a reader gets does not come back to stay. */
	EXPECT_EQ(3 * SIZE, mq_stat_of(&self->queue, retained_memory_bytes));
}

/* -- reading back ------------------------------------------------------------------ */

TEST_F(journal, memory_is_bounded_and_all_can_be_read)
{
	long long before = mq_used_settled();

	KEEP_AWAY(COUNT, SIZE);
	EXPECT_EQ(COUNT * SIZE, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(COUNT, mq_stat_of(&self->queue, retained));
	EXPECT_LT(0, mq_stat_of(&self->queue, retained_memory_bytes));
	EXPECT_GT(before + COUNT * SIZE / 2, mq_used_settled());
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT, SIZE));
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT, SIZE));
	EXPECT_EQ(0, mq_stat_of(&self->queue, unreadable));
	EXPECT_GT(before + COUNT * SIZE / 2, mq_used_settled());
	/* Nothing is left of it. */
	ASSERT_EQ(0, mq_remove(&self->queue));
	CLOSE();
	EXPECT_TRUE(mq_wait_until(mq_used() <= before));
}

TEST_F(journal, reader_goes_to_any_message_and_reads_it_in_parts)
{
	unsigned int id;
	int fd;

	KEEP_AWAY(COUNT, SIZE);
	fd = reader(&self->queue, 0);
	ASSERT_LE(0, fd);
	for (id = COUNT; id > 7; id -= 7) {
		ASSERT_EQ(id, lseek(fd, id, SEEK_SET));
		EXPECT_EQ(SIZE, mq_fionread(fd));
		EXPECT_EQ(0, get_one(fd, id, SIZE));
	}
	ASSERT_EQ(5, lseek(fd, 5, SEEK_SET));
	memset(got, MQ_POISON, sizeof(got));
	ASSERT_EQ(1000, mq_read(fd, got, 1000));
	EXPECT_EQ(SIZE - 1000, mq_fionread(fd));
	ASSERT_EQ(SIZE - 1000, mq_read(fd, got + 1000, sizeof(got) - 1000));
	EXPECT_EQ(0, memcmp(got, bytes_of(5, SIZE), SIZE));
	EXPECT_EQ(0, get_one(fd, 6, SIZE));
	EXPECT_EQ(7, lseek(fd, 7, SEEK_DATA));
	close(fd);
}

TEST_F(journal, messages_of_any_size_are_read_back)
{
	static const size_t sizes[] = { 1, 7, 100, 1024, 1025, 4096, 20000, LARGE };
	unsigned int i, id = 0;
	int fd;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	for (i = 0; i < 32; i++) {
		id++;
		ASSERT_EQ(0, put_range(self->fd, id, id, sizes[i % 8]));
		if (i % 3 == 0)
			ASSERT_EQ(0, fsync(self->fd));
	}
	AWAY(0);
	fd = reader(&self->queue, 0);
	ASSERT_LE(0, fd);
	for (i = 0; i < 32; i++)
		EXPECT_EQ(0, get_one(fd, i + 1, sizes[i % 8]));
	close(fd);
}

/* A reader that waits is told, and reads what has left memory by then. */
TEST_F(journal, reader_that_waits_gets_what_comes)
{
	struct mq_call call;
	int fd;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	ASSERT_EQ(0, put_range(self->fd, 1, 1, SIZE));
	AWAY(0);
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(POLLIN | POLLRDNORM, mq_poll(fd, POLLIN | POLLRDNORM));
	ASSERT_EQ(0, get_one(fd, 1, SIZE));
	EXPECT_EQ(0, mq_poll(fd, POLLIN | POLLRDNORM));
	memset(got, MQ_POISON, sizeof(got));
	ASSERT_EQ(0, mq_read_start(&call, fd, got, sizeof(got)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(SIZE, mq_write(self->fd, bytes_of(2, SIZE), SIZE));
	ASSERT_EQ(SIZE, mq_call_result(&call));
	EXPECT_EQ(0, memcmp(got, bytes_of(2, SIZE), SIZE));
	close(fd);
}

TEST_F(journal, peek_shows_key_headers_and_payload)
{
	char buffer[8192] __attribute__((aligned(8)));
	char headers[64], key[16];
	struct devmq_peek peek;
	int i, fd;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	for (i = 1; i <= 50; i++) {
		struct mq_batch batch = {};
		struct devmq_send send;
		size_t size = mq_header_put(headers, "name", "value", 5);

		snprintf(key, sizeof(key), "key%d", i);
		mq_batch_add_full(&batch, key, strlen(key), headers, size,
				  bytes_of(i, 600), 600);
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
		mq_batch_free(&batch);
	}
	AWAY(0);
	for (i = 50; i > 0; i -= 3) {
		struct devmq_record *record;

		fd = mq_open(&self->queue, MQ_LOOK);
		ASSERT_LE(0, fd);
		memset(buffer, MQ_POISON, sizeof(buffer));
		mq_peek_init(&peek, buffer, sizeof(buffer));
		peek.after_id = i - 1;
		peek.max_count = 1;
		ASSERT_EQ(0, mq_ioctl(fd, DEVMQ_IOC_PEEK, &peek));
		close(fd);
		record = mq_record_next(buffer, peek.used, NULL);
		ASSERT_TRUE(record);
		EXPECT_EQ(i, record->id);
		EXPECT_EQ(DEVMQ_STATE_RETAINED, record->state);
		ASSERT_EQ(600, mq_record_payload_size(record));
		EXPECT_EQ(0, memcmp(mq_record_payload(record), bytes_of(i, 600), 600));
		ASSERT_EQ(0, mq_look_at(record, &self->look));
		snprintf(key, sizeof(key), "key%d", i);
		EXPECT_STREQ(key, self->look.key);
		EXPECT_EQ(4 + 4 + 5, record->headers_size);
		EXPECT_EQ(0, memcmp((char *)(record + 1) + record->extra_size +
				    record->key_size + 4, "namevalue", 9));
	}
	/* Only what is asked for, and as many as fit. */
	fd = mq_open(&self->queue, MQ_LOOK);
	ASSERT_LE(0, fd);
	mq_peek_init(&peek, buffer, sizeof(buffer));
	peek.payload_max = 10;
	ASSERT_EQ(0, mq_ioctl(fd, DEVMQ_IOC_PEEK, &peek));
	EXPECT_LT(20, peek.count);
	mq_peek_init(&peek, buffer, 100);
	EXPECT_EQ(-EMSGSIZE, mq_ioctl(fd, DEVMQ_IOC_PEEK, &peek));
	EXPECT_LT(600, peek.need);
	close(fd);
}

/* -- bindings that catch up ---------------------------------------------------------- */

/* The next messages of a queue. */
static int receive_range(int fd, unsigned int first, unsigned int last, size_t size)
{
	for (; first <= last; first++) {
		int error;

		if (mq_poll_wait(fd, POLLIN) != POLLIN)
			return -ETIME;
		error = get_one(fd, first, size);
		if (error) {
			fprintf(stderr, "# message %u: error %d\n", first, error);
			return error;
		}
	}
	return 0;
}

TEST_F(journal, queue_of_the_same_journal_catches_up)
{
	int fd;

	KEEP_AWAY(COUNT, SIZE);
	KEEP(&self->other, "");
	ASSERT_EQ(0, bind_to(&self->queue, &self->other, "start=earliest"));
	fd = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, receive_range(fd, 1, COUNT, SIZE));
	ASSERT_EQ(0, put_range(self->fd, COUNT + 1, COUNT + 1, SIZE));
	EXPECT_EQ(0, receive_range(fd, COUNT + 1, COUNT + 1, SIZE));
	EXPECT_EQ(-EAGAIN, mq_read(fd, got, sizeof(got)));
	EXPECT_EQ(COUNT + 1, mq_stat_of(&self->other, sent));
	close(fd);
}

/* The journal has no room for all at once: the consumer makes it. */
TEST_F(journal, queue_of_a_journal_that_is_nearly_full_catches_up)
{
	int fd, n;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=%d", LIMIT);
	for (n = 1; mq_write(self->fd, bytes_of(n, SIZE), SIZE) == SIZE; n++)
		;
	n--;
	ASSERT_LT(COUNT, n);
	/* There has to be some, but less than a sixteenth. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retain_messages", "%d", n - 40));
	AWAY(LIMIT);
	KEEP(&self->other, "");
	ASSERT_EQ(0, bind_to(&self->queue, &self->other, "start=earliest"));
	fd = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, receive_range(fd, 41, n, SIZE));
	close(fd);
}

TEST_F(journal, queue_in_memory_catches_up_by_its_filter)
{
	struct devmq_send send;
	int i, fd;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	for (i = 1; i <= COUNT; i++) {
		struct mq_batch batch = {};

		mq_batch_add_full(&batch, i % 3 ? "no" : "yes", i % 3 ? 2 : 3, NULL, 0,
				  bytes_of(i, 500), 500);
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
		mq_batch_free(&batch);
	}
	AWAY(0);
	ASSERT_EQ(0, mq_create(&self->other, ""));
	ASSERT_EQ(0, bind_to(&self->queue, &self->other, "key=yes start=id:150"));
	fd = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	for (i = 150; i <= COUNT; i += 3)
		ASSERT_EQ(0, receive_range(fd, i, i, 500));
	EXPECT_EQ(-EAGAIN, mq_read(fd, got, sizeof(got)));
	close(fd);
}

static void *send_on(void *argument)
{
	int fd = *(int *)argument;
	unsigned int id;
	static unsigned char data[100];

	for (id = COUNT + 1; id <= 3 * COUNT; id++) {
		memset(data, id, sizeof(data));
		if (mq_write(fd, data, sizeof(data)) != sizeof(data))
			return argument;
		if (id % 16 == 0)
			fsync(fd);
	}
	return NULL;
}

/* Nothing is missing at the seam, and nothing comes twice, while all leaves memory. */
TEST_F(journal, binding_becomes_level_while_messages_are_sent)
{
	pthread_t thread;
	void *failed;
	int fd, i;

	KEEP_TOPIC("retain_messages=10000 retain_memory_bytes=1");
	ASSERT_EQ(0, put_range(self->fd, 1, COUNT, 100));
	AWAY(0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_on, &self->fd));
	ASSERT_EQ(0, mq_create(&self->other, ""));
	ASSERT_EQ(0, bind_to(&self->queue, &self->other, "start=earliest"));
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_FALSE(failed);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->other, ready) == 3 * COUNT));
	fd = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, receive_range(fd, 1, COUNT, 100));
	for (i = COUNT + 1; i <= 3 * COUNT; i++) {
		unsigned char byte = i;

		ASSERT_EQ(100, mq_read(fd, got, sizeof(got)));
		ASSERT_EQ(byte, got[0]);
		ASSERT_EQ(byte, got[99]);
	}
	close(fd);
	AWAY(0);
}

/* It is taken away while it reads. */
TEST_F(journal, binding_that_catches_up_can_be_taken_away)
{
	int i;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	ASSERT_EQ(0, put_range(self->fd, 1, COUNT, SIZE));
	AWAY(0);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, mq_create(&self->other, ""));
		ASSERT_EQ(0, bind_to(&self->queue, &self->other, "start=earliest"));
		usleep(i * 200);
		ASSERT_EQ(0, mq_remove(&self->other));
	}
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT, SIZE));
}

TEST_F(journal, topic_behind_a_topic_lets_shared_payloads_go)
{
	struct mq_queue first;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	mq_name(&first);
	ASSERT_EQ(0, mq_control("create %s type=topic journal=%s max_message_size=60000",
				first.name, self->j.name));
	ASSERT_EQ(0, bind_to(&first, &self->queue, ""));
	CLOSE();
	self->fd = mq_open(&first, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, put_range(self->fd, 1, 50, 20000));
	AWAY(0);
	EXPECT_EQ(0, read_all(&self->queue, 1, 50, 20000));
	REOPEN(AGAIN);
	EXPECT_EQ(0, read_all(&self->queue, 1, 50, 20000));
}

/* -- what goes ---------------------------------------------------------------------- */

TEST_F(journal, what_is_in_the_journal_alone_is_trimmed_as_well)
{
	int fd;

	KEEP_AWAY(COUNT, SIZE);
	fd = reader(&self->queue, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_range(fd, 1, 3, SIZE));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retain_messages", "100"));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, retained) == 100));
	EXPECT_EQ(100 * SIZE, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(-EPIPE, mq_read(fd, got, sizeof(got)));
	EXPECT_EQ(0, get_range(fd, COUNT - 99, COUNT, SIZE));
	close(fd);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retain_bytes", "%d", 10 * SIZE));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, retained) == 10));
	EXPECT_EQ(10 * SIZE, mq_stat_of(&self->queue, retained_memory_bytes));
	REOPEN(CRASH);
	EXPECT_EQ(0, read_all(&self->queue, COUNT - 9, COUNT, SIZE));
	fd = mq_open(&self->queue, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(10, mq_purge(fd, 0, 0));
	close(fd);
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(0, mq_stat_of(&self->queue, retained_memory_bytes));
}

TEST_F(journal, newest_of_each_key_is_known_when_its_bytes_are_not)
{
	char key[16], text[32];
	int i, again, fd;

	KEEP_TOPIC("compact=key allow_empty=1 retain_memory_bytes=1");
	for (i = 1; i <= 500; i++) {
		snprintf(key, sizeof(key), "k%d", i % 50);
		snprintf(text, sizeof(text), "value %d", i);
		ASSERT_EQ(i, MQ_SEND(self->fd, .text = text, .key = key));
		if (i % 40 == 0)
			AWAY(0);
	}
	AWAY(0);
	for (again = 0; again < 2; again++) {
		EXPECT_EQ(50, mq_stat_of(&self->queue, retained));
		fd = reader(&self->queue, 0);
		ASSERT_LE(0, fd);
		for (i = 451; i <= 500; i++) {
			snprintf(text, sizeof(text), "value %d", i);
			ASSERT_EQ(0, mq_get(fd, text));
		}
		close(fd);
		REOPEN(CRASH);
	}
	/* A tombstone finds it, too. */
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "", .key = "k7"));
	AWAY(0);
	EXPECT_EQ(50, mq_stat_of(&self->queue, retained));
	EXPECT_EQ(-ENOENT, mq_look_id(&self->queue, 457, &self->look));
	REOPEN(AGAIN);
	EXPECT_EQ(50, mq_stat_of(&self->queue, retained));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "new", .key = "k8"));
	EXPECT_EQ(50, mq_stat_of(&self->queue, retained));
	EXPECT_EQ(-ENOENT, mq_look_id(&self->queue, 458, &self->look));
	ASSERT_EQ(0, mq_look_id(&self->queue, 459, &self->look));
	EXPECT_STREQ("value 459", self->look.payload);
	EXPECT_STREQ("k9", self->look.key);
}

/* -- where the journal has it --------------------------------------------------------- */

TEST_F(journal, attach_brings_back_no_more_than_may_be_in_memory)
{
	long long before = mq_used_settled();

	KEEP_AWAY(COUNT, SIZE);
	REOPEN(AGAIN);
	EXPECT_GE(LIMIT, mq_stat_of(&self->queue, retained_memory_bytes));
	EXPECT_LT(LIMIT / 2, mq_stat_of(&self->queue, retained_memory_bytes));
	EXPECT_GT(before + COUNT * SIZE / 2, mq_used_settled());
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT, SIZE));
	ASSERT_EQ(0, put_range(self->fd, COUNT + 1, COUNT + 20, SIZE));
	AWAY(LIMIT);
	REOPEN(CRASH);
	EXPECT_GE(LIMIT, mq_stat_of(&self->queue, retained_memory_bytes));
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT + 20, SIZE));
	EXPECT_EQ(0, mq_stat_of(&self->queue, unreadable));
}

/* The messages of a topic take more memory than there is, their stubs do not. */
TEST_F(journal, attach_needs_no_memory_for_what_stays_in_the_journal)
{
	char total[32], text[32];
	int error;

	KEEP_AWAY(COUNT, SIZE);
	CLOSE();
	ASSERT_EQ(0, journal_detach(&self->j));
	self->attached = false;
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, total, sizeof(total)));
	snprintf(text, sizeof(text), "%lld", mq_used_settled() + COUNT * SIZE / 2);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, text));
	error = journal_attach(&self->j);
	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, total));
	ASSERT_EQ(0, error);
	self->attached = true;
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT, SIZE));
}

/* Bytes of a key, and messages that have one. */
#define KEY		200
#define KEYED		1000

/* A stub has no key if nothing is compared with it, nor has it one after an attach. */
TEST_F(journal, attach_leaves_no_keys_in_memory)
{
	long long before = mq_used_settled(), used;
	char key[KEY + 1], text[32];
	int i, fd;

	KEEP_TOPIC("retain_messages=%d retain_memory_bytes=1", KEYED);
	for (i = 1; i <= KEYED; i++) {
		snprintf(key, sizeof(key), "%0*d", KEY, i);
		snprintf(text, sizeof(text), "value %d", i);
		ASSERT_EQ(i, MQ_SEND(self->fd, .text = text, .key = key));
	}
	AWAY(0);
	CLOSE();
	used = mq_used_settled() - before;
	OPEN(O_WRONLY);
	REOPEN(AGAIN);
	CLOSE();
	TH_LOG("%lld bytes before, %lld after", used, mq_used_settled() - before);
	EXPECT_GT(used + KEYED * KEY / 2, mq_used_settled() - before);
	for (i = 1; i <= KEYED; i += 100) {
		ASSERT_EQ(0, mq_look_id(&self->queue, i, &self->look));
		snprintf(key, sizeof(key), "%0*d", KEY, i);
		EXPECT_STREQ(key, self->look.key);
	}
	/* With compact=key, all are compared. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "compact", "key"));
	OPEN(O_WRONLY);
	REOPEN(AGAIN);
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "new", .key = key));
	EXPECT_EQ(KEYED, mq_stat_of(&self->queue, retained));
	fd = reader(&self->queue, i - 100);
	ASSERT_LE(0, fd);
	snprintf(text, sizeof(text), "value %d", i - 99);
	EXPECT_EQ(0, mq_get(fd, text));
	close(fd);
}

/* What a topic may not have in memory takes none that the messages of a queue need. */
TEST_F(journal, attach_keeps_no_memory_from_queues)
{
	char total[32], text[32];
	long long need;
	int error;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	ASSERT_EQ(0, put_range(self->fd, 1, COUNT, SIZE));
	AWAY(0);
	CLOSE();
	KEEP(&self->other, "max_message_size=60000 max_bytes=4M");
	self->fd = mq_open(&self->other, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, put_range(self->fd, 1, COUNT * 2, SIZE));
	ASSERT_EQ(0, fsync(self->fd));
	CLOSE();
	need = mq_used_settled();
	ASSERT_EQ(0, journal_detach(&self->j));
	self->attached = false;
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, total, sizeof(total)));
	snprintf(text, sizeof(text), "%lld", need + COUNT * SIZE / 2);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, text));
	error = journal_attach(&self->j);
	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, total));
	ASSERT_EQ(0, error);
	self->attached = true;
	EXPECT_EQ(0, mq_stat_of(&self->queue, retained_memory_bytes));
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT, SIZE));
	EXPECT_EQ(COUNT * 2, mq_stat_of(&self->other, ready));
}

/*
 * Each message lies amid so much that goes again that all segments are cleaned, several
 * times: the messages move from one to the next.
 */
TEST_F(journal, cleaner_keeps_what_is_in_the_journal_alone)
{
	int rounds = mq_is_debug_kernel() ? 120 : 400, i, k, noise, fd;
	static char data[20000];
	struct mq_queue second;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=%d", LIMIT);
	KEEP(&self->other, "");
	/* Each message is in a queue as well, in the same record, and goes there. */
	KEEP(&second, "");
	ASSERT_EQ(0, bind_to(&self->queue, &second, ""));
	noise = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	fd = mq_open(&second, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, noise);
	ASSERT_LE(0, fd);
	for (i = 1; i <= rounds; i++) {
		ASSERT_EQ(0, put_range(self->fd, i, i, SIZE));
		for (k = 0; k < 5; k++)
			ASSERT_EQ(sizeof(data), mq_write(noise, data, sizeof(data)));
		ASSERT_EQ(0, fsync(noise));
		ASSERT_EQ(5, mq_purge(noise, 0, 0));
		ASSERT_EQ(1, mq_purge(fd, 0, 0));
		if (i % 100 == 0)
			ASSERT_EQ(0, read_all(&self->queue, 1, i, SIZE));
	}
	AWAY(LIMIT);
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(0, self->info.error);
	EXPECT_LT(rounds * SIZE / 2, self->info.cleaned);
	close(noise);
	close(fd);
	EXPECT_EQ(0, read_all(&self->queue, 1, rounds, SIZE));
	REOPEN(CRASH);
	EXPECT_EQ(0, read_all(&self->queue, 1, rounds, SIZE));
	REOPEN(AGAIN);
	EXPECT_EQ(0, read_all(&self->queue, 1, rounds, SIZE));
	EXPECT_EQ(0, mq_stat_of(&self->queue, unreadable));
}

TEST_F(journal, move_takes_along_what_is_in_the_journal_alone)
{
	KEEP_AWAY(COUNT, SIZE);
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	ASSERT_EQ(0, journal_move(&self->j, &self->to));
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT, SIZE));
	EXPECT_GE(LIMIT, mq_stat_of(&self->queue, retained_memory_bytes));
	ASSERT_EQ(0, put_range(self->fd, COUNT + 1, COUNT + 20, SIZE));
	AWAY(LIMIT);
	REOPEN(CRASH);
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT + 20, SIZE));
}

/* A journal that has failed still reads, and lets nothing more leave memory. */
TEST_F(journal, failed_journal_reads_and_is_moved)
{
	KEEP_AWAY(COUNT, SIZE);
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	/* The last segment is not in use. */
	ASSERT_LT(1, self->info.free_segments);
	ASSERT_EQ(0, truncate(self->j.path, 65536 - 4096 +
			      self->info.segments * self->info.segment_size));
	ASSERT_EQ(SIZE, mq_write(self->fd, bytes_of(COUNT + 1, SIZE), SIZE));
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT + 1, SIZE));
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	ASSERT_EQ(0, journal_move(&self->j, &self->to));
	ASSERT_EQ(0, put_range(self->fd, COUNT + 2, COUNT + 2, SIZE));
	AWAY(LIMIT);
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT + 2, SIZE));
	REOPEN(CRASH);
	EXPECT_EQ(0, read_all(&self->queue, 1, COUNT + 2, SIZE));
}

/* -- damage ------------------------------------------------------------------------- */

/* Change a byte of the message with an id wherever the file has it. */
static int damage(const char *path, unsigned int id, size_t size)
{
	static unsigned char file[JOURNAL_BYTES];
	const unsigned char *want = bytes_of(id, size);
	int fd = open(path, O_RDWR | O_CLOEXEC), n = 0;
	size_t at, end;

	if (fd < 0)
		return -errno;
	for (end = 0; end < sizeof(file); end += n) {
		n = pread(fd, file + end, sizeof(file) - end, end);
		if (n < 0)
			return -errno;
		if (!n)
			break;
	}
	for (n = 0, at = 0; at + size <= end; at++) {
		if (memcmp(file + at, want, size))
			continue;
		file[at + size / 2] ^= 1;
		if (pwrite(fd, &file[at + size / 2], 1, at + size / 2) != 1)
			return -EIO;
		n++;
	}
	close(fd);
	return n;
}

TEST_F(journal, damaged_message_is_an_error_and_no_other_bytes)
{
	struct devmq_binding binding;
	struct devmq_record record;
	int fd;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	ASSERT_EQ(0, put_range(self->fd, 1, 20, LARGE));
	AWAY(0);
	ASSERT_LT(0, damage(self->j.path, 10, LARGE));
	fd = reader(&self->queue, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, get_range(fd, 1, 9, LARGE));
	memset(got, MQ_POISON, sizeof(got));
	EXPECT_EQ(-EBADMSG, mq_read(fd, got, sizeof(got)));
	EXPECT_EQ(MQ_POISON, got[0]);
	EXPECT_EQ(1, mq_stat_of(&self->queue, unreadable));
	/* The reader stays there, or goes on behind it. */
	EXPECT_EQ(10, lseek(fd, 0, SEEK_CUR));
	EXPECT_EQ(-EBADMSG, mq_read(fd, got, sizeof(got)));
	EXPECT_EQ(11, lseek(fd, 1, SEEK_CUR));
	EXPECT_EQ(0, get_range(fd, 11, 20, LARGE));
	close(fd);
	EXPECT_EQ(2, mq_sysfs_number(&self->queue, "unreadable"));
	EXPECT_EQ(-EBADMSG, mq_peek_id(&self->queue, 10, &record));
	/* A binding does without. */
	ASSERT_EQ(0, mq_create(&self->other, ""));
	ASSERT_EQ(0, bind_to(&self->queue, &self->other, "start=earliest"));
	fd = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, receive_range(fd, 1, 9, LARGE));
	EXPECT_EQ(0, receive_range(fd, 11, 20, LARGE));
	close(fd);
	ASSERT_EQ(0, binding_of(&self->queue, 1, &binding, NULL, 0));
	EXPECT_EQ(19, binding.taken);
	EXPECT_EQ(1, binding.missed);
	/* A move leaves nothing behind, so it is not done before that is purged. */
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	EXPECT_EQ(-EBADMSG, journal_move(&self->j, &self->to));
	fd = mq_open(&self->queue, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_purge(fd, 10, 10));
	close(fd);
	ASSERT_EQ(0, journal_move(&self->j, &self->to));
	fd = reader(&self->queue, 11);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, get_range(fd, 11, 20, LARGE));
	close(fd);
}

/* -- those who read meanwhile --------------------------------------------------------- */

#define READERS	4

struct reading {
	const struct mq_queue *topic;
	long long read;
	int error;
	bool stop;
	pthread_t thread;
};

/* Read all, again and again, until an error. */
static void *read_on(void *argument)
{
	static __thread unsigned char data[SIZE];
	struct reading *r = argument;
	int fd = mq_open(r->topic, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		r->error = fd;
	while (!r->error && !__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		ssize_t done = mq_read(fd, data, sizeof(data));

		if (done == -EAGAIN) {
			done = lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
			if (done)
				r->error = done;
		} else if (done != SIZE) {
			r->error = done < 0 ? done : -EILSEQ;
		} else {
			__atomic_add_fetch(&r->read, 1, __ATOMIC_RELEASE);
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* The topic goes, or its journal does, while others read. */
TEST_F(journal, readers_of_what_is_taken_away_get_an_error)
{
	struct reading r[READERS];
	int round, i;

	for (round = 0; round < 6; round++) {
		KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
		ASSERT_EQ(0, put_range(self->fd, 1, 100, SIZE));
		AWAY(0);
		memset(r, 0, sizeof(r));
		for (i = 0; i < READERS; i++) {
			r[i].topic = &self->queue;
			ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, read_on, &r[i]));
		}
		for (i = 0; i < READERS; i++)
			ASSERT_TRUE(mq_wait_until(__atomic_load_n(&r[i].read,
								  __ATOMIC_ACQUIRE) > 20));
		CLOSE();
		if (round % 2) {
			ASSERT_EQ(0, mq_remove(&self->queue));
		} else {
			ASSERT_EQ(0, journal_detach_name(self->j.name,
							 DEVMQ_JOURNAL_FORCE));
			self->attached = false;
		}
		for (i = 0; i < READERS; i++) {
			ASSERT_EQ(0, pthread_join(r[i].thread, NULL));
			EXPECT_EQ(-ENODEV, r[i].error);
		}
		if (!self->attached) {
			ASSERT_EQ(0, journal_attach(&self->j));
			self->attached = true;
			EXPECT_EQ(0, read_all(&self->queue, 1, 100, SIZE));
			ASSERT_EQ(0, mq_remove(&self->queue));
		}
	}
}

/* What a reader has that is killed goes with it. */
TEST_F(journal, readers_can_be_killed)
{
	long long before;
	pid_t child;
	int i;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	ASSERT_EQ(0, put_range(self->fd, 1, 100, SIZE));
	AWAY(0);
	before = mq_used_settled();
	for (i = 0; i < 20; i++) {
		child = mq_fork();
		if (!child) {
			struct reading r = { .topic = &self->queue };

			read_on(&r);
			_exit(1);
		}
		ASSERT_LT(0, child);
		usleep(1000 * i);
		kill(child, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	}
	EXPECT_TRUE(mq_wait_until(mq_used() <= before));
	EXPECT_EQ(0, read_all(&self->queue, 1, 100, SIZE));
}

/* Senders, the cleaner and readers at the same time; then a crash. */
TEST_F(journal, readers_and_senders_do_not_wait_for_each_other)
{
	struct reading r[READERS] = {};
	int i, last = 100;

	KEEP_TOPIC("retain_messages=200 retain_memory_bytes=1");
	ASSERT_EQ(0, put_range(self->fd, 1, last, SIZE));
	AWAY(0);
	for (i = 0; i < READERS; i++) {
		r[i].topic = &self->queue;
		ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, read_on, &r[i]));
	}
	while (last < (mq_is_debug_kernel() ? 1000 : 5000)) {
		ASSERT_EQ(0, put_range(self->fd, last + 1, last + 20, SIZE));
		last += 20;
		ASSERT_EQ(0, fsync(self->fd));
	}
	for (i = 0; i < READERS; i++) {
		__atomic_store_n(&r[i].stop, true, __ATOMIC_RELEASE);
		ASSERT_EQ(0, pthread_join(r[i].thread, NULL));
		/* It may have been overtaken. */
		EXPECT_TRUE(!r[i].error || r[i].error == -EPIPE);
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, unreadable));
	REOPEN(CRASH);
	EXPECT_EQ(0, read_all(&self->queue, last - 199, last, SIZE));
}

TEST_HARNESS_MAIN
