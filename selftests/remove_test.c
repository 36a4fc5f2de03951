// SPDX-License-Identifier: GPL-2.0
/* Removing a queue that is in use. */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/thread.h"

FIXTURE(remove) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	int blocking;		/* O_RDWR */
	int looker;
};

#define CREATE(options) do {						\
	ASSERT_EQ(0, mq_create(&self->queue, options));			\
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);		\
	self->blocking = mq_open(&self->queue, O_RDWR);			\
	self->looker = mq_open(&self->queue, MQ_LOOK);			\
	ASSERT_LE(0, self->fd);						\
	ASSERT_LE(0, self->blocking);					\
	ASSERT_LE(0, self->looker);					\
} while (0)

FIXTURE_SETUP(remove)
{
	MQ_REQUIRE();
	self->fd = -1;
	self->blocking = -1;
	self->looker = -1;
}

FIXTURE_TEARDOWN(remove)
{
	EXPECT_EQ(0, mq_cleanup());
	close(self->fd);
	close(self->blocking);
	close(self->looker);
}

TEST_F(remove, every_call_gives_enodev_afterwards)
{
	struct devmq_settlement settlement;
	struct devmq_consumer consumer;
	struct devmq_stat stat;
	struct devmq_recv recv;
	struct devmq_peek peek;
	char buffer[256], path[64];
	struct iovec vector = { buffer, 8 };

	CREATE("ack=manual");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_remove(&self->queue));

	EXPECT_EQ(-ENODEV, mq_read(self->fd, buffer, 100));
	EXPECT_EQ(-ENODEV, mq_read(self->blocking, buffer, 100));
	EXPECT_EQ(-ENODEV, mq_put(self->fd, "x"));
	EXPECT_EQ(-ENODEV, mq_put(self->blocking, "x"));
	EXPECT_EQ(-1, readv(self->fd, &vector, 1));
	EXPECT_EQ(ENODEV, errno);
	errno = 0;
	EXPECT_EQ(-1, writev(self->fd, &vector, 1));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-ENODEV, mq_fionread(self->fd));
	EXPECT_EQ(-ENODEV, mq_stat_fd(self->fd, &stat));
	EXPECT_EQ(-ENODEV, mq_stat_fd(self->looker, &stat));
	EXPECT_EQ(-ENODEV, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(-ENODEV, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	EXPECT_EQ(-ENODEV, mq_recv(self->fd, buffer, sizeof(buffer), &recv));
	EXPECT_EQ(-ENODEV, mq_recv(self->blocking, buffer, sizeof(buffer),
				   &recv));
	EXPECT_EQ(-ENODEV, mq_send_one(self->fd, "x", 1));
	EXPECT_EQ(-ENODEV, mq_peek(self->looker, buffer, sizeof(buffer),
				   &peek));
	EXPECT_EQ(-ENODEV, mq_purge(self->looker, 0, 0));
	mq_settlement(&settlement, 1, 1, DEVMQ_ACTION_ACK);
	EXPECT_EQ(-ENODEV, mq_settle_many(self->fd, &settlement, 1, NULL));
	EXPECT_EQ(-ENOTTY, mq_ioctl(self->fd, _IO(DEVMQ_IOC_MAGIC, 0xff),
				    NULL));

	/* fdinfo cannot return an error; it must still be readable. */
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	EXPECT_EQ(0, mq_read_file(path, buffer, sizeof(buffer)));
}

TEST_F(remove, old_node_cannot_be_opened)
{
	char path[64];
	int error, kept;

	/*
	 * Open the old node through /proc, by an O_PATH descriptor and by an
	 * open file.
	 */
	CREATE("");
	kept = open(self->queue.path, O_PATH | O_CLOEXEC);
	ASSERT_LE(0, kept);
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENOENT, mq_open(&self->queue, O_RDWR));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", kept);
	error = open(path, O_RDWR) < 0 ? errno : 0;
	EXPECT_TRUE(error == ENODEV || error == ENXIO || error == ENOENT) {
		TH_LOG("errno %d", error);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	error = open(path, O_RDWR) < 0 ? errno : 0;
	EXPECT_TRUE(error == ENODEV || error == ENXIO || error == ENOENT);
}

TEST_F(remove, old_node_does_not_lead_to_a_new_queue)
{
	struct mq_queue other;
	char path[64];
	int i, fd, kept;

	/*
	 * The device number may be given to another queue: an old node should
	 * not open that one.
	 */
	CREATE("");
	kept = open(self->queue.path, O_PATH | O_CLOEXEC);
	ASSERT_LE(0, kept);
	ASSERT_EQ(0, mq_remove(&self->queue));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, mq_create(&other, "mode=0600"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", kept);
	fd = open(path, O_RDWR | O_NONBLOCK);
	EXPECT_GT(0, fd);
}

TEST_F(remove, sleeping_readers_wake_with_enodev)
{
	struct mq_call calls[4];
	char data[4][8];
	int i, fds[4];

	CREATE("");
	for (i = 0; i < 4; i++) {
		/* Two readers share an open file, two have their own. */
		fds[i] = i < 2 ? self->blocking :
			 mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(-ENODEV, mq_call_result(&calls[i]));
}

TEST_F(remove, reader_that_prefetch_holds_off_wakes_with_enodev)
{
	struct mq_call call;
	char data[8];

	CREATE("ack=manual");
	ASSERT_EQ(0, mq_consumer_set(self->blocking, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->blocking, "m1"));
	ASSERT_EQ(0, mq_read_start(&call, self->blocking, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, mq_call_result(&call));
}

TEST_F(remove, sleeping_writers_wake_with_enodev)
{
	struct mq_call calls[4];
	int i;

	CREATE("max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, mq_write_start(&calls[i], self->blocking, "y", 1));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	ASSERT_EQ(0, mq_remove(&self->queue));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(-ENODEV, mq_call_result(&calls[i]));
}

TEST_F(remove, sleeping_line_writer_wakes_with_what_it_wrote)
{
	struct mq_call call;
	long result;

	CREATE("max_messages=1 framing=line");
	ASSERT_EQ(0, mq_write_start(&call, self->blocking, "a\nb\nc\n", 6));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_remove(&self->queue));
	result = mq_call_result(&call);
	EXPECT_TRUE(result == 2 || result == -ENODEV) {
		TH_LOG("got %ld", result);
	}
}

TEST_F(remove, sleeping_ioctls_wake_with_enodev)
{
	struct devmq_recv recv;
	struct devmq_send send = { .size = sizeof(send) };
	struct mq_batch batch = {};
	struct mq_call calls[2];
	char buffer[256];

	CREATE("max_messages=1");
	mq_recv_init(&recv, buffer, sizeof(buffer));
	recv.deadline_ns = DEVMQ_FOREVER;
	ASSERT_EQ(0, mq_ioctl_start(&calls[0], self->blocking, DEVMQ_IOC_RECV,
				    &recv));
	ASSERT_TRUE(mq_call_sleeps(&calls[0]));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(-ENODEV, mq_call_result(&calls[0]));
	close(self->fd);
	close(self->blocking);
	close(self->looker);

	CREATE("max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	mq_batch_add(&batch, "y");
	send.records = (uintptr_t)batch.data;
	send.records_size = batch.size;
	ASSERT_EQ(0, mq_ioctl_start(&calls[1], self->blocking, DEVMQ_IOC_SEND,
				    &send));
	ASSERT_TRUE(mq_call_sleeps(&calls[1]));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, mq_call_result(&calls[1]));
	mq_batch_free(&batch);
}

TEST_F(remove, sleeping_pollers_wake_with_hangup)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct mq_call call;

	CREATE("");
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(0, mq_poll_start(&call, self->blocking, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN | POLLHUP | POLLERR, call.events);
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLIN | EPOLLHUP | EPOLLERR, event.events);
	close(epoll);
}

TEST_F(remove, poll_only_for_hangup_wakes)
{
	struct mq_call call;

	CREATE("");
	ASSERT_EQ(0, mq_poll_start(&call, self->looker, 0));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLHUP | POLLERR, call.events);
}

TEST_F(remove, half_read_message_goes_with_the_queue)
{
	char byte;

	CREATE("");
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
}

TEST_F(remove, held_messages_go_with_the_queue)
{
	int i;

	CREATE("ack=manual");
	ASSERT_EQ(0, mq_fill(self->fd, 100));
	for (i = 0; i < 60; i++)
		ASSERT_LT(0, mq_read(i % 2 ? self->fd : self->blocking,
				     (char [8]) {}, 8));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, mq_ack(self->fd, 2));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, close(self->blocking));
	self->fd = -1;
	self->blocking = -1;
}

TEST_F(remove, many_messages_go_with_the_queue_and_their_memory_too)
{
	char total[64];
	int round, fd;

	/*
	 * Each round needs a third of max_total_bytes, so leaked memory would
	 * add up.
	 */
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, total, sizeof(total)));
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	for (round = 0; round < 6; round++) {
		ASSERT_EQ(0, mq_create(&self->queue, ""));
		fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fd);
		EXPECT_EQ(0, mq_fill_fast(fd, 3000)) {
			TH_LOG("in round %d", round);
		}
		ASSERT_EQ(0, mq_remove(&self->queue));
		/* The memory is freed at once, not at the last close. */
		if (round % 2)
			close(fd);
	}
	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, total));
}

/*
 * Remove a queue whose oldest @held messages are held: the CPU time in
 * nanoseconds, or a negative errno.
 */
static long long removal_of(FIXTURE_DATA(remove) *self, unsigned int held,
			    unsigned int ready)
{
	static char buffer[1 << 20];
	struct devmq_recv recv;
	long long before;
	int error;

	error = mq_fill_fast(self->fd, held + ready);
	while (!error && held) {
		mq_recv_init(&recv, buffer, sizeof(buffer));
		recv.max_count = held;
		error = mq_ioctl(self->fd, DEVMQ_IOC_RECV, &recv);
		held -= recv.count;
	}
	before = mq_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	error = error ?: mq_remove(&self->queue);
	return error ?: (long long)mq_clock_ns(CLOCK_PROCESS_CPUTIME_ID) -
			before;
}

/* The held messages are passed once, not once for each message behind them. */
TEST_F(remove, many_messages_behind_many_that_are_held_go)
{
	long long alone, behind = 0;
	int try;

	CREATE("ack=manual max_messages=1000000 max_bytes=1G");
	alone = removal_of(self, 0, 50000);
	ASSERT_LT(0, alone);
	/*
	 * On a busy machine, the time of others may be accounted to this
	 * process.
	 */
	for (try = 0; !behind || (behind >= 20 * alone && try < 5); try++) {
		close(self->fd);
		close(self->blocking);
		close(self->looker);
		CREATE("ack=manual max_messages=1000000 max_bytes=1G");
		behind = removal_of(self, 50000, 50000);
		ASSERT_LT(0, behind);
	}
	EXPECT_GT(20 * alone, behind);
	EXPECT_EQ(-ENODEV, mq_put(self->fd, "x"));
}

TEST_F(remove, exclusive_open_of_the_old_queue_does_not_bar_the_new_one)
{
	int old, fd;

	CREATE("");
	close(self->fd);
	close(self->blocking);
	self->fd = -1;
	self->blocking = -1;
	old = mq_open(&self->queue, O_RDONLY | O_EXCL);
	ASSERT_LE(0, old);
	ASSERT_EQ(0, mq_remove(&self->queue));
	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	fd = mq_open(&self->queue, O_RDONLY | O_EXCL);
	EXPECT_LE(0, fd);
	close(old);
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	close(fd);
}

TEST_F(remove, remover_does_not_wait_for_open_files)
{
	CREATE("");
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
}

TEST_F(remove, sysfs_of_a_removed_queue)
{
	char path[256], text[64];
	int options, counters;
	ssize_t done;

	/*
	 * A sysfs file that is open when its queue is removed cannot be used
	 * any more.
	 */
	CREATE("");
	snprintf(path, sizeof(path), MQ_CLASS "/%s/max_messages",
		 self->queue.name);
	options = open(path, O_RDWR);
	ASSERT_LE(0, options);
	snprintf(path, sizeof(path), MQ_CLASS "/%s/ready", self->queue.name);
	counters = open(path, O_RDONLY);
	ASSERT_LE(0, counters);
	ASSERT_EQ(0, mq_remove(&self->queue));
	done = mq_read(counters, text, sizeof(text));
	EXPECT_GE(0, done);
	EXPECT_EQ(-ENODEV, mq_put(options, "5"));
	close(options);
	close(counters);
}

/* -- races ----------------------------------------------------------------- */

struct racer {
	const struct mq_queue *queue;
	void (*work)(struct racer *racer);
	int *stop;
	int good, bad, wrong;
	pthread_t thread;
};

static void *racer_thread(void *argument)
{
	struct racer *racer = argument;

	while (!__atomic_load_n(racer->stop, __ATOMIC_RELAXED))
		racer->work(racer);
	return NULL;
}

static void count(struct racer *racer, int result, const int *allowed)
{
	if (result >= 0) {
		racer->good++;
		return;
	}
	racer->bad++;
	for (; *allowed; allowed++)
		if (result == *allowed)
			return;
	fprintf(stderr, "# unexpected error %d\n", result);
	racer->wrong++;
}

static void race_create(struct racer *racer)
{
	static const int allowed[] = { -EEXIST, 0 };

	count(racer, mq_control("create %s max_messages=50",
				racer->queue->name), allowed);
}

static void race_remove(struct racer *racer)
{
	static const int allowed[] = { -ENOENT, 0 };

	count(racer, mq_control("remove %s force", racer->queue->name),
	      allowed);
	usleep(100);
}

static void race_use(struct racer *racer)
{
	static const int allowed[] = {
		-ENOENT, -ENODEV, -EAGAIN, -ENXIO, 0
	};
	struct devmq_stat stat;
	struct devmq_recv recv;
	struct devmq_peek peek;
	char buffer[1024];
	int i, fd = mq_open(racer->queue, O_RDWR | O_NONBLOCK);

	if (fd < 0) {
		count(racer, fd, allowed);
		return;
	}
	for (i = 0; i < 5; i++) {
		count(racer, mq_put(fd, "message"), allowed);
		count(racer, mq_put(fd, "another"), allowed);
		count(racer, mq_read(fd, buffer, 3), allowed);
		count(racer, mq_stat_fd(fd, &stat), allowed);
		count(racer, mq_recv(fd, buffer, sizeof(buffer), &recv),
		      allowed);
		count(racer, mq_peek(fd, buffer, sizeof(buffer), &peek),
		      allowed);
		mq_poll(fd, POLLIN | POLLOUT);
	}
	close(fd);
}

static void race_sleep(struct racer *racer)
{
	static const int allowed[] = { -ENOENT, -ENODEV, -ENXIO, 0 };
	char buffer[64];
	int fd = mq_open(racer->queue, O_RDONLY);

	if (fd >= 0) {
		count(racer, mq_read(fd, buffer, sizeof(buffer)), allowed);
		close(fd);
	}
}

static void race_hold(struct racer *racer)
{
	static const int allowed[] = {
		-ENOENT, -ENODEV, -EAGAIN, -ESTALE, -ENXIO, 0
	};
	char buffer[64];
	int fd = mq_open(racer->queue, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return;
	mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 0);
	count(racer, mq_read(fd, buffer, sizeof(buffer)), allowed);
	count(racer, mq_read(fd, buffer, sizeof(buffer)), allowed);
	count(racer, mq_settle(fd, 1, ~0ULL, DEVMQ_ACTION_ACK), allowed);
	count(racer, mq_read(fd, buffer, sizeof(buffer)), allowed);
	close(fd);
}

static void race_sysfs(struct racer *racer)
{
	mq_sysfs_number(racer->queue, "ready");
	mq_sysfs_number(racer->queue, "sent");
	mq_sysfs_set(racer->queue, "max_messages", "60");
	mq_sysfs_set(racer->queue, "overflow", "block");
	racer->good++;
}

static void race_purge(struct racer *racer)
{
	static const int allowed[] = { -ENOENT, -ENODEV, -ENXIO, 0 };
	int fd = mq_open(racer->queue, MQ_LOOK);

	if (fd < 0)
		return;
	count(racer, mq_purge(fd, 0, 0), allowed);
	close(fd);
}

static int good_of(struct racer *racer)
{
	return __atomic_load_n(&racer->good, __ATOMIC_RELAXED);
}

static bool each_got_through(struct racer *racers, unsigned int n)
{
	while (n--)
		if (!good_of(&racers[n]))
			return false;
	return true;
}

TEST_F(remove, everything_at_once)
{
	static void (* const works[])(struct racer *) = {
		race_create, race_remove, race_use, race_use, race_sleep,
		race_sleep, race_hold, race_sysfs, race_purge,
	};
	struct racer racers[ARRAY_SIZE(works)] = {};
	struct racer *creator = &racers[0], *remover = &racers[1];
	int stop = 0, stop_removing = 0;
	unsigned int i;

	mq_name(&self->queue);
	for (i = 0; i < ARRAY_SIZE(works); i++) {
		racers[i].queue = &self->queue;
		racers[i].work = works[i];
		racers[i].stop = &racers[i] == remover ? &stop_removing : &stop;
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL,
					    racer_thread, &racers[i]));
	}
	mq_sleep_ms(3000);
	/*
	 * On a busy machine, queues may always be removed before one of the
	 * other threads succeeds. So stop removing, and let them go on with one
	 * that stays.
	 */
	mq_wait_until(good_of(remover));
	__atomic_store_n(&stop_removing, 1, __ATOMIC_RELAXED);
	mq_wait_until(each_got_through(racers, ARRAY_SIZE(works)));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(creator->thread, NULL);
	/* Sleeping threads wake once there is no queue any more. */
	ASSERT_TRUE(mq_wait_until(mq_remove(&self->queue) == -ENOENT));
	for (i = 1; i < ARRAY_SIZE(works); i++)
		pthread_join(racers[i].thread, NULL);
	for (i = 0; i < ARRAY_SIZE(works); i++) {
		EXPECT_EQ(0, racers[i].wrong) {
			TH_LOG("thread %u", i);
		}
		/* Each thread has succeeded at least once. */
		EXPECT_LT(0, racers[i].good) {
			TH_LOG("thread %u", i);
		}
	}
	EXPECT_EQ(-ENOENT, mq_open(&self->queue, O_RDONLY));
}

static void race_create_only(struct racer *racer)
{
	static const int allowed[] = { -EEXIST, 0 };

	count(racer, mq_control("create %s", racer->queue->name), allowed);
}

TEST_F(remove, only_one_of_many_creators_succeeds)
{
	struct racer racers[4] = {};
	int i, stop = 0, good = 0;

	mq_name(&self->queue);
	for (i = 0; i < 4; i++) {
		racers[i].queue = &self->queue;
		racers[i].work = race_create_only;
		racers[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL,
					    racer_thread, &racers[i]));
	}
	mq_sleep_ms(100);
	mq_wait_until(good_of(&racers[0]) + good_of(&racers[1]) +
		      good_of(&racers[2]) + good_of(&racers[3]));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 4; i++) {
		pthread_join(racers[i].thread, NULL);
		good += racers[i].good;
		EXPECT_EQ(0, racers[i].wrong);
	}
	EXPECT_EQ(1, good);
}

TEST_F(remove, every_created_queue_is_removed_once)
{
	struct racer racers[4] = {};
	int i, stop = 0, created, removed;

	mq_name(&self->queue);
	for (i = 0; i < 4; i++) {
		racers[i].queue = &self->queue;
		racers[i].work = i % 2 ? race_remove : race_create_only;
		racers[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL,
					    racer_thread, &racers[i]));
	}
	mq_sleep_ms(1000);
	mq_wait_until(good_of(&racers[0]) + good_of(&racers[2]) > 10);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 4; i++) {
		pthread_join(racers[i].thread, NULL);
		EXPECT_EQ(0, racers[i].wrong);
	}
	created = racers[0].good + racers[2].good;
	removed = racers[1].good + racers[3].good;
	if (!mq_control("remove %s", self->queue.name))
		removed++;
	EXPECT_EQ(created, removed);
	EXPECT_LT(10, created);
}

TEST_HARNESS_MAIN
