// SPDX-License-Identifier: GPL-2.0
/*
 * Messages that are moved between queues of a journal all the time: what their sender was
 * told is true, and others are told in time.
 */
#include <sys/mman.h>

#include "mq_test.h"
#include "fixtures/journal.h"
#include "helpers/process.h"
#include "helpers/thread.h"

/* Processes that move messages, and the queues between which they do. */
#define MOVERS		2
#define QUEUES		3

#define MOVED		100

/* How often a caller waits for the journal meanwhile. */
#define CONFIRMS	20

/* How often the journal ends without notice, and messages that are confirmed before. */
#define CRASHES		15
#define CONFIRMED	5

struct moves {
	struct mq_queue queue[QUEUES];
	pid_t mover[MOVERS];
	unsigned long count;	/* messages that were moved */
	int error;
};

/* Open a queue that may just not be there. */
static int open_again(const struct mq_queue *queue)
{
	int fd;

	while ((fd = mq_open(queue, O_RDWR | O_NONBLOCK)) < 0)
		usleep(1000);
	return fd;
}

/* Move all messages from each queue to the next one, until a call fails. */
static int move_round(struct moves *m, const int *fd)
{
	int i, error;

	for (i = 0; i < QUEUES; i++) {
		struct devmq_redrive r = {
			.size = sizeof(r), .flags = DEVMQ_REDRIVE_TO,
			.target_fd = fd[(i + 1) % QUEUES],
			.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY),
		};

		error = mq_ioctl(fd[i], DEVMQ_IOC_REDRIVE, &r);
		if (error)
			return error;
		__atomic_fetch_add(&m->count, r.moved, __ATOMIC_RELAXED);
	}
	return 0;
}

static void move_all(struct moves *m)
{
	int fd[QUEUES], i, error;

	for (;;) {
		for (i = 0; i < QUEUES; i++)
			fd[i] = open_again(&m->queue[i]);
		while (!(error = move_round(m, fd)))
			;
		/* The journal has ended, or the queues are being removed. */
		if (error != -ENODEV)
			m->error = error;
		for (i = 0; i < QUEUES; i++)
			close(fd[i]);
	}
}

/* Return NULL if that cannot be done. */
static struct moves *start_moves(const struct mq_queue *queue)
{
	struct moves *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t mover;
	int i;

	if (m == MAP_FAILED)
		return NULL;
	memcpy(m->queue, queue, sizeof(m->queue));
	for (i = 0; i < MOVERS; i++) {
		mover = mq_fork();
		if (!mover)
			move_all(m);
		m->mover[i] = mover;
	}
	return m;
}

/* Return what was wrong with moving, or 0. */
static int stop_moves(struct moves *m)
{
	int i, error;

	for (i = 0; i < MOVERS; i++) {
		kill(m->mover[i], SIGKILL);
		mq_wait_child(m->mover[i]);
	}
	error = m->error;
	munmap(m, sizeof(*m));
	return error;
}

/* Wait until messages were moved that were not before. */
static bool moves_go_on(struct moves *m)
{
	unsigned long count = __atomic_load_n(&m->count, __ATOMIC_RELAXED);

	return mq_wait_until(__atomic_load_n(&m->count, __ATOMIC_RELAXED) > count);
}

TEST_F(journal, callers_are_confirmed_while_others_move_messages)
{
	struct mq_queue queue[QUEUES];
	struct mq_call call;
	struct moves *m;
	int i, fd;

	for (i = 0; i < QUEUES; i++)
		KEEP(&queue[i], "");
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	fd = mq_open(&queue[0], O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(fd, MOVED));
	close(fd);
	m = start_moves(queue);
	ASSERT_NE(NULL, m);
	for (i = 0; i < CONFIRMS; i++) {
		ASSERT_TRUE(moves_go_on(m));
		ASSERT_LE(0, mq_send_one(self->fd, "mine", 4));
		call = (struct mq_call){ .number = SYS_fsync, .fd = self->fd };
		ASSERT_EQ(0, mq_call_start(&call));
		ASSERT_EQ(0, mq_call_result(&call));
	}
	EXPECT_EQ(0, stop_moves(m));
}

/* Move all messages of a queue to another one. Return how many these are, or an error. */
static long move_to(const struct mq_queue *from, const struct mq_queue *to)
{
	int fd = mq_open(from, O_RDONLY), target = mq_open(to, O_WRONLY), error;
	struct devmq_redrive r = {
		.size = sizeof(r), .flags = DEVMQ_REDRIVE_TO, .target_fd = target,
		.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY),
	};

	error = mq_ioctl(fd, DEVMQ_IOC_REDRIVE, &r);
	close(fd);
	close(target);
	return error ?: (long)r.moved;
}

/* Nothing can write what a message owes that has moved. */
TEST_F(journal, failed_one_is_detached_though_a_message_has_moved)
{
	struct mq_queue removed;
	pid_t detacher;

	KEEP(&self->queue, "");
	KEEP(&self->other, "");
	KEEP(&removed, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, truncate(self->j.path, 0));
	ASSERT_LE(0, mq_send_one(self->fd, "lost", 4));
	EXPECT_EQ(-1, fsync(self->fd));
	ASSERT_EQ(2, move_to(&self->queue, &self->other));
	ASSERT_EQ(2, move_to(&self->other, &self->queue));
	CLOSE();
	EXPECT_EQ(-EIO, mq_remove(&removed));
	detacher = mq_fork();
	if (!detacher)
		_exit(-journal_detach_name(self->j.name, DEVMQ_JOURNAL_FORCE));
	ASSERT_EQ(0, mq_wait_child(detacher));
	self->attached = false;
}

/* Return how many messages there are in all queues between which they are moved. */
static unsigned long count_all(const struct mq_queue *queue)
{
	unsigned long n = 0;
	int i;

	for (i = 0; i < QUEUES; i++)
		n += mq_stat_of(&queue[i], ready);
	return n;
}

TEST_F(journal, what_is_confirmed_is_there_though_it_is_moved_all_the_time)
{
	struct mq_queue queue[QUEUES];
	unsigned long sent = 0;
	struct moves *m;
	int round, i, fd;

	for (i = 0; i < QUEUES; i++)
		KEEP(&queue[i], "");
	for (round = 0; round < CRASHES; round++) {
		m = start_moves(queue);
		ASSERT_NE(NULL, m);
		fd = mq_open(&queue[0], O_WRONLY);
		ASSERT_LE(0, fd);
		for (i = 0; i < CONFIRMED; i++) {
			ASSERT_EQ(0, mq_fill(fd, 1));
			ASSERT_EQ(0, fsync(fd));
			sent++;
		}
		/* What was not written by now is lost, as in a crash. */
		ASSERT_EQ(0, journal_detach_name(self->j.name, DEVMQ_JOURNAL_FORCE));
		self->attached = false;
		close(fd);
		ASSERT_EQ(0, stop_moves(m));
		ASSERT_EQ(0, journal_attach(&self->j));
		self->attached = true;
		ASSERT_EQ(sent, count_all(queue));
	}
}

TEST_HARNESS_MAIN
