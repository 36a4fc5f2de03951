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

/* How often the journal ends, and messages that are confirmed each time before. */
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
	long long moved;
	int i;

	for (i = 0; i < QUEUES; i++) {
		moved = mq_move_ready_fd(fd[i], fd[(i + 1) % QUEUES]);
		if (moved < 0)
			return moved;
		__atomic_fetch_add(&m->count, moved, __ATOMIC_RELAXED);
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
	ASSERT_LE(0, mq_send_one(self->fd, "lost", 4));
	ASSERT_EQ(0, truncate(self->j.path, 0));
	EXPECT_EQ(-1, fsync(self->fd));
	ASSERT_EQ(2, mq_move_ready(&self->queue, &self->other));
	ASSERT_EQ(2, mq_move_ready(&self->other, &self->queue));
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

/* Send a message after the other, and wait for each. Return 0 or a negative errno. */
static int send_confirmed(const struct mq_queue *queue)
{
	int fd = mq_open(queue, O_WRONLY), error = 0, i;

	for (i = 0; !error && i < CONFIRMED; i++)
		error = mq_fill(fd, 1) ?: fsync(fd) ? -errno : 0;
	close(fd);
	return error;
}

TEST_F(journal, what_is_confirmed_is_there_after_a_crash_though_it_moves)
{
	struct mq_queue queue[QUEUES];
	char delay[32];
	struct moves *m;
	int round, i;

	/* Nothing is written that nobody waits for. */
	ASSERT_EQ(0, mq_read_file(JOURNAL_DELAY, delay, sizeof(delay)));
	ASSERT_EQ(0, mq_write_file(JOURNAL_DELAY, "3600000"));
	for (i = 0; i < QUEUES; i++)
		KEEP(&queue[i], "");
	for (round = 1; round <= CRASHES; round++) {
		m = start_moves(queue);
		EXPECT_NE(NULL, m);
		EXPECT_EQ(0, send_confirmed(&queue[0]));
		EXPECT_EQ(0, stop_moves(m));
		EXPECT_EQ(0, journal_crash(&self->j));
		EXPECT_EQ(round * CONFIRMED, count_all(queue));
	}
	EXPECT_EQ(0, mq_write_file(JOURNAL_DELAY, delay));
}

TEST_F(journal, forced_detach_keeps_messages_that_are_moved)
{
	struct mq_queue queue[QUEUES];
	struct moves *m;
	int round, i;

	for (i = 0; i < QUEUES; i++)
		KEEP(&queue[i], "");
	for (round = 1; round <= CRASHES; round++) {
		m = start_moves(queue);
		ASSERT_NE(NULL, m);
		EXPECT_EQ(0, send_confirmed(&queue[0]));
		ASSERT_EQ(0, journal_detach_name(self->j.name, DEVMQ_JOURNAL_FORCE));
		self->attached = false;
		EXPECT_EQ(0, stop_moves(m));
		ASSERT_EQ(0, journal_attach(&self->j));
		self->attached = true;
		EXPECT_EQ(round * CONFIRMED, count_all(queue));
	}
}

TEST_HARNESS_MAIN
