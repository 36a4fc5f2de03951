// SPDX-License-Identifier: GPL-2.0
/*
 * A consumer that does not wait gets what is ready in a queue that a journal keeps. When
 * the journal has to be asked first it waits for the answer, also if that comes between
 * its look at the queue and its wait.
 */
#include <dirent.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "mq_test.h"
#include "fixtures/journal.h"
#include "helpers/process.h"

/* Queues of a test; the journal is asked for the first message of each one, at least. */
#define ROUNDS		40
#define MESSAGES	4

FIXTURE(ready) {
	struct journal_file j;
	struct mq_queue other;	/* which the writer writes */
	char delay[16];
	pid_t writer;
};

/* Let the thread of the journal run at once whenever it has something to do. */
static int prefer_thread(const struct journal_file *j)
{
	struct sched_param param = { .sched_priority = 1 };
	char path[300], name[64], expected[64];
	struct dirent *d;
	DIR *proc;

	snprintf(expected, sizeof(expected), "mq/%s", j->name);
	proc = opendir("/proc");
	if (!proc)
		return -1;
	while ((d = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
		if (atoi(d->d_name) &&
		    !mq_read_file(path, name, sizeof(name)) &&
		    !strncmp(name, expected, strlen(expected))) {
			closedir(proc);
			return sched_setscheduler(atoi(d->d_name), SCHED_FIFO,
						  &param);
		}
	}
	closedir(proc);
	return -1;
}

/* Write the journal all the time. */
static void write_on(const struct mq_queue *queue)
{
	int fd = mq_open(queue, O_WRONLY);

	while (mq_send_one(fd, "y", 1) > 0 && !fsync(fd))
		;
	_exit(1);
}

FIXTURE_SETUP(ready)
{
	MQ_REQUIRE();
	ASSERT_EQ(0, journal_make(&self->j, JOURNAL_BYTES));
	ASSERT_EQ(0, journal_attach(&self->j));
	EXPECT_EQ(0, prefer_thread(&self->j));
	EXPECT_EQ(0, mq_create(&self->other, "journal=%s overflow=drop-head max_messages=1",
			       self->j.name));
	ASSERT_EQ(0, mq_read_file(JOURNAL_DELAY, self->delay, sizeof(self->delay)));
	ASSERT_EQ(0, mq_write_file(JOURNAL_DELAY, "0"));
	self->writer = mq_fork();
	if (!self->writer)
		write_on(&self->other);
	ASSERT_LT(0, self->writer);
}

FIXTURE_TEARDOWN(ready)
{
	int status;

	/* It has written all the time. */
	kill(self->writer, SIGKILL);
	EXPECT_EQ(self->writer, waitpid(self->writer, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	EXPECT_EQ(0, mq_remove(&self->other));
	EXPECT_EQ(0, journal_detach(&self->j));
	journal_unlink(&self->j);
	EXPECT_EQ(0, mq_write_file(JOURNAL_DELAY, self->delay));
}

static int read_one(int fd)
{
	char text[8];

	return mq_read(fd, text, sizeof(text));
}

static int recv_one(int fd)
{
	struct devmq_recv recv;
	char data[256];

	return mq_recv(fd, data, sizeof(data), &recv) ?: (int)recv.count;
}

static int see_one(int fd)
{
	int size = -EPERM;

	if (ioctl(fd, FIONREAD, &size))
		return -errno;
	return size == 1 ? read_one(fd) : size;
}

/* Return 1 if each message can be had by @take when it was sent, or what that said. */
static int take_each(struct journal_file *j, int (*take)(int fd))
{
	struct mq_queue queue;
	int i, fd, taken = 1;

	if (mq_create(&queue, "journal=%s", j->name))
		return -EPERM;
	fd = mq_open(&queue, O_RDWR | O_NONBLOCK);
	for (i = 0; i < MESSAGES && taken == 1; i++)
		taken = mq_send_one(fd, "x", 1) > 0 ? take(fd) : -EPERM;
	close(fd);
	return mq_remove(&queue) ?: taken;
}

/* The same with a new queue each time, whose first message always has to wait. */
static int take_all(struct journal_file *j, int (*take)(int fd))
{
	int i, taken = 1;

	for (i = 0; i < ROUNDS && taken == 1; i++)
		taken = take_each(j, take);
	return taken;
}

TEST_F(ready, read_gets_it)
{
	EXPECT_EQ(1, take_all(&self->j, read_one));
}

TEST_F(ready, recv_gets_it)
{
	EXPECT_EQ(1, take_all(&self->j, recv_one));
}

TEST_F(ready, fionread_sees_it)
{
	EXPECT_EQ(1, take_all(&self->j, see_one));
}

TEST_HARNESS_MAIN
