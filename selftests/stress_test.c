// SPDX-License-Identifier: GPL-2.0
/*
 * Many producers and consumers at once, with signals and kills: no message is
 * lost, none comes twice without a crash, and those of each producer stay in
 * order.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"

#define PRODUCERS	4
#define CONSUMERS	4
#define MESSAGES	40000		/* of one producer, at most */
#define RUN_MS		1500
#define SIZE_MAX_HERE	3000

/* The head of a message; the rest is a pattern made from it. */
struct payload {
	__u32 producer, number, size, check;
};

/* Shared by all processes and threads of a test. */
struct shared {
	int stop;			/* tells producers to stop */
	int wrong;			/* the number of errors */
	int sent[PRODUCERS];		/* messages accepted */
	unsigned char seen[PRODUCERS][MESSAGES];
};

FIXTURE(stress) {
	struct mq_queue queue;
	struct shared *shared;
};

FIXTURE_SETUP(stress)
{
	MQ_REQUIRE();
	self->shared = mmap(NULL, sizeof(*self->shared),
			    PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(self->shared != MAP_FAILED);
}

FIXTURE_TEARDOWN(stress)
{
	EXPECT_EQ(0, mq_cleanup());
	munmap(self->shared, sizeof(*self->shared));
}

#define WRONG(shared, ...) do {						\
	if (__atomic_fetch_add(&(shared)->wrong, 1, __ATOMIC_RELAXED) < 10) {	\
		fprintf(stderr, "# " __VA_ARGS__);			\
		fprintf(stderr, "\n");					\
	}								\
} while (0)

static unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16 & 0x7fff;
}

static __u32 sum(const struct payload *payload)
{
	return payload->producer * 2654435761U ^ payload->number * 40503 ^
	       payload->size;
}

static size_t make(char *data, unsigned int producer, unsigned int number,
		   unsigned int *seed)
{
	struct payload *payload = (void *)data;
	size_t i, size = sizeof(*payload);

	/* Most messages are small, and some are large. */
	size += next_random(seed) % (next_random(seed) % 8 ? 60 :
				     SIZE_MAX_HERE - sizeof(*payload));
	payload->producer = producer;
	payload->number = number;
	payload->size = size;
	payload->check = sum(payload);
	for (i = sizeof(*payload); i < size; i++)
		data[i] = number + i;
	return size;
}

/* Is the message as make() made it? */
static bool check(struct shared *shared, const char *data, size_t size)
{
	const struct payload *payload = (const void *)data;
	size_t i;

	if (size < sizeof(*payload) || payload->size != size ||
	    payload->producer >= PRODUCERS || payload->number >= MESSAGES ||
	    payload->check != sum(payload)) {
		WRONG(shared, "a message of %zu bytes is damaged", size);
		return false;
	}
	for (i = sizeof(*payload); i < size; i++) {
		if (data[i] != (char)(payload->number + i)) {
			WRONG(shared, "byte %zu of %zu is wrong", i, size);
			return false;
		}
	}
	return true;
}

static void saw(struct shared *shared, const struct payload *payload)
{
	if (__atomic_fetch_add(&shared->seen[payload->producer]
			       [payload->number], 1, __ATOMIC_RELAXED))
		WRONG(shared, "message %u of producer %u came twice",
		      payload->number, payload->producer);
}

/* Check that a consumer gets each producer's messages in order. */
static void in_order(struct shared *shared, int *last,
		     const struct payload *payload)
{
	if ((int)payload->number <= last[payload->producer])
		WRONG(shared, "message %u of producer %u after %d",
		      payload->number, payload->producer,
		      last[payload->producer]);
	last[payload->producer] = payload->number;
}

struct worker {
	FIXTURE_DATA(stress) *fixture;
	int number, fd;
	bool ordered;		/* no other worker uses its descriptor */
	bool drops;		/* ENOSPC is fine: all may be in flight */
	pthread_t thread;
	pid_t child;
	bool ended;
};

/* -- producers ------------------------------------------------------------- */

static void produce(struct worker *worker)
{
	struct shared *shared = worker->fixture->shared;
	unsigned int seed = worker->number + 1;
	char data[SIZE_MAX_HERE];
	int number = 0;
	ssize_t done;
	size_t size;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED) &&
	       number < MESSAGES) {
		size = make(data, worker->number, number, &seed);
		if (number % 3)
			done = mq_write(worker->fd, data, size);
		else
			done = mq_send_one(worker->fd, data, size) > 0 ?
			       (ssize_t)size : -errno;
		if (done == -EINTR || (done == -ENOSPC && worker->drops))
			continue;
		if (done != (ssize_t)size) {
			WRONG(shared, "write of %zu gives %zd", size, done);
			break;
		}
		number++;
		__atomic_store_n(&shared->sent[worker->number], number,
				 __ATOMIC_RELAXED);
	}
}

static void *producer_thread(void *argument)
{
	struct worker *worker = argument;

	produce(worker);
	__atomic_store_n(&worker->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

/* -- consumers ------------------------------------------------------------- */

/* Receive until the end of file, at random by read() or RECV. */
static void consume(struct worker *worker)
{
	struct shared *shared = worker->fixture->shared;
	unsigned int seed = worker->number + 100;
	int last[PRODUCERS] = { -1, -1, -1, -1 };
	char data[2 * SIZE_MAX_HERE + 1024];
	struct devmq_record *record;
	struct devmq_recv recv;
	ssize_t done;

	for (;;) {
		if (next_random(&seed) % 2) {
			done = mq_read(worker->fd, data, sizeof(data));
			if (done == -EINTR)
				continue;
			if (done <= 0)
				break;
			if (!check(shared, data, done))
				continue;
			saw(shared, (void *)data);
			if (worker->ordered)
				in_order(shared, last, (void *)data);
			continue;
		}
		mq_recv_init(&recv, data, sizeof(data));
		recv.deadline_ns = DEVMQ_FOREVER;
		recv.max_count = next_random(&seed) % 5;
		done = mq_ioctl(worker->fd, DEVMQ_IOC_RECV, &recv);
		if (done == -EINTR)
			continue;
		if (done || !recv.count)
			break;
		record = NULL;
		while ((record = mq_record_next(data, recv.used, record))) {
			if (!check(shared, mq_record_payload(record),
				   mq_record_payload_size(record)))
				continue;
			saw(shared, (void *)mq_record_payload(record));
			if (worker->ordered)
				in_order(shared, last,
					 (void *)mq_record_payload(record));
			if (record->attempt != 1 || record->failures)
				WRONG(shared, "attempt %u without a crash",
				      record->attempt);
		}
	}
	if (done)
		WRONG(shared, "consumer ends with %zd", done);
}

static void *consumer_thread(void *argument)
{
	struct worker *worker = argument;

	consume(worker);
	__atomic_store_n(&worker->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Count the messages that were sent and not received, or the reverse. */
static int missing(struct shared *shared)
{
	int i, j, count = 0;

	for (i = 0; i < PRODUCERS; i++) {
		for (j = 0; j < MESSAGES; j++) {
			bool was_sent = j < shared->sent[i];

			if (!!shared->seen[i][j] != was_sent)
				count++;
		}
	}
	return count;
}

static int total(struct shared *shared)
{
	int i, count = 0;

	for (i = 0; i < PRODUCERS; i++)
		count += shared->sent[i];
	return count;
}

TEST_F(stress, threads_with_shared_and_own_descriptors_and_signals)
{
	struct worker producers[PRODUCERS] = {}, consumers[CONSUMERS] = {};
	struct shared *shared = self->shared;
	uint64_t end = mq_now_ms() + RUN_MS;
	unsigned int seed = 1;
	struct devmq_stat stat = {};
	int i;

	ASSERT_EQ(0, mq_create(&self->queue,
			       "eof=hangup max_messages=300 max_bytes=100K"));
	ASSERT_EQ(0, mq_catch_signal(0));
	/* Two of each kind share an open file, the others have one each. */
	for (i = 0; i < PRODUCERS; i++) {
		producers[i].fixture = self;
		producers[i].number = i;
		producers[i].fd = i == 1 ? producers[0].fd :
				  mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, producers[i].fd);
	}
	for (i = 0; i < CONSUMERS; i++) {
		consumers[i].fixture = self;
		consumers[i].number = i;
		consumers[i].ordered = i > 1;
		consumers[i].fd = i == 1 ? consumers[0].fd :
				  mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, consumers[i].fd);
	}
	for (i = 0; i < CONSUMERS; i++)
		ASSERT_EQ(0, pthread_create(&consumers[i].thread, NULL,
					    consumer_thread, &consumers[i]));
	for (i = 0; i < PRODUCERS; i++)
		ASSERT_EQ(0, pthread_create(&producers[i].thread, NULL,
					    producer_thread, &producers[i]));
	while (mq_now_ms() < end || stat.sent <= 100) {
		i = next_random(&seed) % (PRODUCERS + CONSUMERS);
		pthread_kill(i < PRODUCERS ? producers[i].thread :
			     consumers[i - PRODUCERS].thread, SIGUSR1);
		usleep(500);
		ASSERT_EQ(0, mq_stat(&self->queue, &stat));
		ASSERT_TRUE(mq_conserved(&stat));
		ASSERT_GE(300, stat.ready + stat.in_flight);
	}
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < PRODUCERS; i++) {
		ASSERT_TRUE(mq_wait_until(__atomic_load_n(&producers[i].ended,
							  __ATOMIC_ACQUIRE)));
		pthread_join(producers[i].thread, NULL);
	}
	/* The last close of a producer ends the file for consumers. */
	for (i = 0; i < PRODUCERS; i++)
		if (i != 1)
			close(producers[i].fd);
	for (i = 0; i < CONSUMERS; i++) {
		ASSERT_TRUE(mq_wait_until(__atomic_load_n(&consumers[i].ended,
							  __ATOMIC_ACQUIRE)));
		pthread_join(consumers[i].thread, NULL);
	}
	EXPECT_EQ(0, shared->wrong);
	EXPECT_EQ(0, missing(shared));
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_EQ(total(shared), stat.sent);
	EXPECT_EQ(stat.sent, stat.acked);
	EXPECT_EQ(stat.sent, stat.delivered);
	EXPECT_EQ(0, stat.bytes);
	TH_LOG("%llu messages", stat.sent);
}

TEST_F(stress, processes)
{
	struct worker producers[PRODUCERS] = {}, consumers[CONSUMERS] = {};
	struct shared *shared = self->shared;
	struct devmq_stat stat;
	int i, fd;

	ASSERT_EQ(0, mq_create(&self->queue,
			       "eof=hangup max_messages=300 max_bytes=100K"));
	/* The file must not end before all producers have. */
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < CONSUMERS; i++) {
		consumers[i].fixture = self;
		consumers[i].number = i;
		consumers[i].ordered = true;
		consumers[i].child = mq_fork();
		if (!consumers[i].child) {
			close(fd);
			consumers[i].fd = mq_open(&self->queue, O_RDONLY);
			consume(&consumers[i]);
			_exit(0);
		}
	}
	for (i = 0; i < PRODUCERS; i++) {
		producers[i].fixture = self;
		producers[i].number = i;
		producers[i].child = mq_fork();
		if (!producers[i].child) {
			producers[i].fd = mq_open(&self->queue, O_WRONLY);
			produce(&producers[i]);
			_exit(0);
		}
	}
	mq_sleep_ms(RUN_MS);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, sent) > 100));
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < PRODUCERS; i++)
		EXPECT_EQ(0, mq_wait_child(producers[i].child));
	close(fd);
	for (i = 0; i < CONSUMERS; i++)
		EXPECT_EQ(0, mq_wait_child(consumers[i].child));
	EXPECT_EQ(0, shared->wrong);
	EXPECT_EQ(0, missing(shared));
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_EQ(total(shared), stat.sent);
	EXPECT_EQ(stat.sent, stat.acked);
	EXPECT_EQ(0, stat.redelivered);
	TH_LOG("%llu messages", stat.sent);
}

/* -- consumers that are killed --------------------------------------------- */

/* Receive and acknowledge, and release a few messages. */
static void consume_by_hand(struct worker *worker, unsigned int seed)
{
	struct shared *shared = worker->fixture->shared;
	char data[2 * SIZE_MAX_HERE + 1024];
	struct devmq_record *record;
	struct payload *payload;
	struct devmq_recv recv;
	int error;

	for (;;) {
		mq_recv_init(&recv, data, sizeof(data));
		recv.deadline_ns = DEVMQ_FOREVER;
		recv.max_count = 1 + next_random(&seed) % 8;
		error = mq_ioctl(worker->fd, DEVMQ_IOC_RECV, &recv);
		if (error || !recv.count)
			break;
		record = NULL;
		while ((record = mq_record_next(data, recv.used, record))) {
			payload = (void *)mq_record_payload(record);
			if (!check(shared, mq_record_payload(record),
				   mq_record_payload_size(record)))
				continue;
			if (!(next_random(&seed) % 16)) {
				if (mq_release(worker->fd, record->id) != 1)
					WRONG(shared, "cannot release");
				continue;
			}
			/*
			 * A consumer that is killed between these two has
			 * counted the message and not acknowledged it. Then it
			 * comes again, with a failure.
			 */
			if (__atomic_fetch_add(&shared->seen[payload->producer]
					       [payload->number], 1,
					       __ATOMIC_RELAXED) &&
			    !record->failures)
				WRONG(shared, "message %u of producer %u came twice, never failed",
				      payload->number, payload->producer);
			if (mq_ack(worker->fd, record->id) != 1)
				WRONG(shared, "cannot acknowledge");
		}
	}
	if (error)
		WRONG(shared, "consumer ends with %d", error);
}

TEST_F(stress, consumers_are_killed_all_the_time)
{
	struct worker producers[PRODUCERS] = {}, consumers[CONSUMERS] = {};
	struct shared *shared = self->shared;
	uint64_t end = mq_now_ms() + 2 * RUN_MS;
	unsigned int seed = 1, kills = 0;
	struct devmq_stat stat = {};
	int i, fd, status;

	ASSERT_EQ(0, mq_create(&self->queue,
			       "ack=manual eof=hangup max_messages=300 max_deliveries=0"));
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < PRODUCERS; i++) {
		producers[i].fixture = self;
		producers[i].number = i;
		producers[i].child = mq_fork();
		if (!producers[i].child) {
			producers[i].fd = mq_open(&self->queue, O_WRONLY);
			produce(&producers[i]);
			_exit(0);
		}
	}
	/* Continue until a consumer was killed while it held a message. */
	while (mq_now_ms() < end || !stat.redelivered) {
		for (i = 0; i < CONSUMERS; i++) {
			if (consumers[i].child)
				continue;
			consumers[i].fixture = self;
			consumers[i].child = mq_fork();
			if (!consumers[i].child) {
				close(fd);
				consumers[i].fd = mq_open(&self->queue,
							  O_RDONLY);
				consume_by_hand(&consumers[i], seed + i);
				_exit(0);
			}
		}
		usleep(next_random(&seed) % 20000);
		i = next_random(&seed) % CONSUMERS;
		kill(consumers[i].child, SIGKILL);
		ASSERT_EQ(128 + SIGKILL, mq_wait_child(consumers[i].child));
		consumers[i].child = 0;
		kills++;
		ASSERT_EQ(0, mq_stat(&self->queue, &stat));
		ASSERT_TRUE(mq_conserved(&stat));
	}
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < PRODUCERS; i++) {
		/* The consumers that are left make room for them. */
		status = mq_wait_child(producers[i].child);
		EXPECT_EQ(0, status);
	}
	close(fd);
	for (i = 0; i < CONSUMERS; i++)
		if (consumers[i].child)
			EXPECT_EQ(0, mq_wait_child(consumers[i].child));

	/*
	 * Receive messages that came back after the others had found the end of
	 * the file.
	 */
	consumers[0].fixture = self;
	consumers[0].fd = mq_open(&self->queue, O_RDONLY);
	consume_by_hand(&consumers[0], seed);
	close(consumers[0].fd);
	EXPECT_EQ(0, shared->wrong);
	EXPECT_EQ(0, missing(shared));
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_EQ(total(shared), stat.sent);
	EXPECT_EQ(stat.sent, stat.acked);
	EXPECT_EQ(0, stat.in_flight);
	EXPECT_EQ(0, stat.ready);
	EXPECT_LT(0, stat.redelivered);
	TH_LOG("%llu messages, %u kills, %llu redeliveries", stat.sent,
	       kills, stat.redelivered);
}

/* -- consumers that read in pieces, and close in the middle ---------------- */

static void *piecewise_thread(void *argument)
{
	struct worker *worker = argument;
	struct shared *shared = worker->fixture->shared;
	unsigned int seed = worker->number + 7;
	struct payload *payload;
	char data[SIZE_MAX_HERE];
	size_t used = 0, want;
	ssize_t done;

	worker->fd = mq_open(&worker->fixture->queue, O_RDONLY);
	for (;;) {
		/* Now and then close in the middle of a message. */
		if (!(next_random(&seed) % 50)) {
			close(worker->fd);
			worker->fd = mq_open(&worker->fixture->queue,
					     O_RDONLY);
			used = 0;
		}
		want = 1 + next_random(&seed) % 700;
		if (want > sizeof(data) - used)
			want = sizeof(data) - used;
		done = mq_read(worker->fd, data + used, want);
		if (done <= 0)
			break;
		used += done;
		payload = (void *)data;
		if (used < sizeof(*payload) || used < payload->size)
			continue;
		if (check(shared, data, used))
			saw(shared, payload);
		used = 0;
	}
	if (done)
		WRONG(shared, "reader ends with %zd", done);
	if (used)
		WRONG(shared, "end of file in the middle of a message");
	close(worker->fd);
	__atomic_store_n(&worker->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

TEST_F(stress, readers_in_pieces_that_close_in_the_middle)
{
	struct worker producers[PRODUCERS] = {}, consumers[CONSUMERS] = {};
	struct shared *shared = self->shared;
	struct worker rest = {};
	struct devmq_stat stat;
	int i, fd;

	ASSERT_EQ(0, mq_create(&self->queue,
			       "eof=hangup max_messages=300 max_bytes=100K"));
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < CONSUMERS; i++) {
		consumers[i].fixture = self;
		consumers[i].number = i;
		ASSERT_EQ(0, pthread_create(&consumers[i].thread, NULL,
					    piecewise_thread, &consumers[i]));
	}
	for (i = 0; i < PRODUCERS; i++) {
		producers[i].fixture = self;
		producers[i].number = i;
		producers[i].fd = fd;
		ASSERT_EQ(0, pthread_create(&producers[i].thread, NULL,
					    producer_thread, &producers[i]));
	}
	mq_sleep_ms(RUN_MS);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, redelivered) > 0));
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < PRODUCERS; i++) {
		ASSERT_TRUE(mq_wait_until(__atomic_load_n(&producers[i].ended,
							  __ATOMIC_ACQUIRE)));
		pthread_join(producers[i].thread, NULL);
	}
	close(fd);
	for (i = 0; i < CONSUMERS; i++) {
		ASSERT_TRUE(mq_wait_until(__atomic_load_n(&consumers[i].ended,
							  __ATOMIC_ACQUIRE)));
		pthread_join(consumers[i].thread, NULL);
	}
	/* Receive the messages that came back after all readers had ended. */
	rest.fixture = self;
	piecewise_thread(&rest);
	EXPECT_EQ(0, shared->wrong);
	EXPECT_EQ(0, missing(shared));
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_EQ(total(shared), stat.sent);
	EXPECT_EQ(stat.sent, stat.acked);
	EXPECT_LT(0, stat.redelivered);
	TH_LOG("%llu messages, %llu redeliveries", stat.sent,
	       stat.redelivered);
}

/* -- dropped messages are counted ------------------------------------------ */

TEST_F(stress, received_and_dropped_make_up_what_was_sent)
{
	struct worker producers[PRODUCERS] = {}, consumers[CONSUMERS] = {};
	struct shared *shared = self->shared;
	struct devmq_stat stat;
	int i, j, fd, seen = 0;

	ASSERT_EQ(0, mq_create(&self->queue,
			       "eof=hangup max_messages=20 overflow=drop-head"));
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < PRODUCERS; i++) {
		producers[i].fixture = self;
		producers[i].number = i;
		producers[i].fd = fd;
		producers[i].drops = true;
		ASSERT_EQ(0, pthread_create(&producers[i].thread, NULL,
					    producer_thread, &producers[i]));
	}
	for (i = 0; i < 2; i++) {
		consumers[i].fixture = self;
		consumers[i].number = i;
		consumers[i].ordered = true;
		consumers[i].fd = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, consumers[i].fd);
		ASSERT_EQ(0, pthread_create(&consumers[i].thread, NULL,
					    consumer_thread, &consumers[i]));
	}
	mq_sleep_ms(RUN_MS);
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(producers[i].thread, NULL);
	close(fd);
	for (i = 0; i < 2; i++)
		pthread_join(consumers[i].thread, NULL);
	for (i = 0; i < PRODUCERS; i++)
		for (j = 0; j < MESSAGES; j++)
			seen += shared->seen[i][j];
	EXPECT_EQ(0, shared->wrong);
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_TRUE(mq_conserved(&stat));
	EXPECT_EQ(total(shared), stat.sent);
	EXPECT_EQ(seen, stat.acked);
	EXPECT_EQ(total(shared) - seen, stat.dropped);
	EXPECT_EQ(0, stat.bytes);
	TH_LOG("%llu messages, %llu dropped", stat.sent, stat.dropped);
}

TEST_HARNESS_MAIN
