// SPDX-License-Identifier: GPL-2.0
/*
 * Many commands that wait in rings, and many senders and receivers at once.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/settle.h"
#include "helpers/thread.h"
#include "fixtures/uring_cmd.h"

/* -- many waiting commands ------------------------------------------------- */

/*
 * Let @n RECVs, or SENDs if there is a batch, wait on @fd. They share one
 * result structure, as none of them completes before the ring is closed.
 */
static int park_many(struct ring *ring, int fd, struct mq_batch *batch, int n)
{
	static struct receipt receipt;
	static struct devmq_send send;
	long long before = parked(fd);
	int i;

	for (i = 0; i < n; i++) {
		if (batch)
			ring_send(ring, fd, &send, batch, 1);
		else
			ring_recv(ring, fd, &receipt, 1, 1);
		if (i % ENTRIES != ENTRIES - 1 && i != n - 1)
			continue;
		ring_submit(ring);
		if (!mq_wait_until(parked(fd) == before + i + 1))
			return -ETIME;
	}
	return 0;
}

TEST_F(parked, too_many_on_one_open_file_are_told)
{
	ASSERT_EQ(0, park_many(&self->ring, self->fd, NULL, DEVMQ_PARKED_MAX));
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 7);
	ASSERT_LE(0, ring_submit(&self->ring));
	COMPLETES(-ENOBUFS, 7);
	EXPECT_EQ(DEVMQ_PARKED_MAX, parked(self->fd));
	/* When commands end, others may wait. */
	ring_close(&self->ring);
	ASSERT_TRUE(mq_wait_until(parked(self->fd) == 0));
	ASSERT_EQ(0, ring_open_with(&self->ring, variant->flags));
	ring_recv(&self->ring, self->fd, &self->receipts[0], 1, 9);
	PARK(self->fd, 1);
}

#define CROWD_FILES	16

/*
 * The cost of a message beside waiting commands, at most, as a multiple of its
 * cost without them.
 */
#define CROWD_RATIO	4

TEST_F(parked, message_costs_the_same_beside_many_without_credit)
{
	int fds[CROWD_FILES], i;
	uint64_t alone, beside;
	char data[8];

	alone = mq_message_cost(self->other);
	ASSERT_NE(UINT64_MAX, alone);
	for (i = 0; i < CROWD_FILES; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_consumer_set(fds[i], DEVMQ_ACK_MANUAL, 1));
		ASSERT_EQ(1, mq_put(self->other, "h"));
		ASSERT_EQ(1, mq_read(fds[i], data, sizeof(data)));
		ASSERT_EQ(0, park_many(&self->ring, fds[i], NULL,
				       DEVMQ_PARKED_MAX));
	}
	EXPECT_TRUE(mq_wait_until((beside = mq_message_cost(self->other)) <=
				  CROWD_RATIO * alone));
	TH_LOG("%llu ns alone, %llu ns beside %d", (unsigned long long)alone,
	       (unsigned long long)beside, CROWD_FILES * DEVMQ_PARKED_MAX);
	for (i = 0; i < CROWD_FILES; i++)
		close(fds[i]);
}

TEST_F(parked, message_costs_the_same_beside_many_that_do_not_fit)
{
	static char big[800];
	int fds[CROWD_FILES], i;
	uint64_t alone, beside;

	/* The queue has room for 700 bytes more. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "1000"));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(300, mq_write(self->other, big, 300));
	ASSERT_EQ(300, mq_read(self->fd, big, sizeof(big)));
	alone = mq_message_cost(self->other);
	ASSERT_NE(UINT64_MAX, alone);
	mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, big, sizeof(big));
	for (i = 0; i < CROWD_FILES; i++) {
		fds[i] = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, park_many(&self->ring, fds[i], &self->batch,
				       DEVMQ_PARKED_MAX));
	}
	EXPECT_TRUE(mq_wait_until((beside = mq_message_cost(self->other)) <=
				  CROWD_RATIO * alone));
	TH_LOG("%llu ns alone, %llu ns beside %d", (unsigned long long)alone,
	       (unsigned long long)beside, CROWD_FILES * DEVMQ_PARKED_MAX);
	for (i = 0; i < CROWD_FILES; i++)
		close(fds[i]);
}

/* Start a process whose RECVs are first in line, and stop it. */
static pid_t stopped_crowd(const struct mq_queue *queue, unsigned int flags,
			   int files, int each)
{
	struct ring ring;
	int told[2], i;
	pid_t child;
	char byte;

	if (pipe(told))
		return -1;
	child = mq_fork();
	if (!child) {
		if (ring_open_with(&ring, flags))
			_exit(1);
		for (i = 0; i < files; i++)
			if (park_many(&ring, mq_open(queue, O_RDONLY), NULL,
				      each))
				_exit(2);
		if (write(told[1], "p", 1) != 1)
			_exit(3);
		pause();
		_exit(4);
	}
	close(told[1]);
	if (child > 0 && (read(told[0], &byte, 1) != 1 ||
			  kill(child, SIGSTOP) ||
			  waitpid(child, NULL, WUNTRACED) != child))
		child = -1;
	close(told[0]);
	return child;
}

static void check_crowd(struct __test_metadata *_metadata,
			FIXTURE_DATA(parked) *self, unsigned int flags,
			int files, int each)
{
	pid_t child = stopped_crowd(&self->queue, flags, files, each);
	struct mq_call call;
	char data[8];
	int i;

	ASSERT_LT(0, child);
	/* A message must not wait for one stopped command after the other. */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, mq_read_start(&call, self->fd, data,
					   sizeof(data)));
		ASSERT_TRUE(mq_call_sleeps(&call));
		ASSERT_EQ(1, mq_put(self->other, "a"));
		ASSERT_EQ(1, mq_call_result(&call));
	}
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
}

TEST_F(parked, stopped_process_with_many_on_a_file_keeps_no_message)
{
	if (variant->flags & IORING_SETUP_SQPOLL)
		SKIP(return, "the thread of the ring is stopped as well");
	check_crowd(_metadata, self, variant->flags, 1, 1000);
}

TEST_F(parked, stopped_process_with_many_files_keeps_no_message)
{
	if (variant->flags & IORING_SETUP_SQPOLL)
		SKIP(return, "the thread of the ring is stopped as well");
	check_crowd(_metadata, self, variant->flags, 600, 1);
}

TEST_F(parked, sender_is_who_submitted)
{
	struct devmq_record record;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	mq_batch_add(&self->batch, "b");
	ASSERT_EQ(0, seteuid(1000));
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 1);
	ASSERT_LE(0, ring_submit(&self->ring));
	ASSERT_EQ(0, seteuid(0));
	ASSERT_TRUE(mq_wait_until(parked(self->fd) == 1));
	ASSERT_EQ(0, mq_get(self->other, "a"));
	COMPLETES(0, 1);
	ASSERT_EQ(0, mq_peek_id(&self->queue, 2, &record));
	/* SQPOLL's thread has the credentials of the ring's creator. */
	EXPECT_EQ(variant->flags & IORING_SETUP_SQPOLL ? 0 : 1000, record.uid);
	EXPECT_EQ(getpid(), record.pid);
}

/* -- many senders and receivers -------------------------------------------- */

#define SENDERS		3
#define RECEIVERS	3
#define EACH		400
#define ALL		(SENDERS * EACH)

struct tally {
	unsigned int count[ALL + 1];	/* how often each id was received */
	unsigned int received;
};

/* Keep some RECVs waiting, cancel one now and then, and count messages. */
static int receive_all(const struct mq_queue *queue, unsigned int flags,
		       struct tally *tally)
{
	static struct receipt receipts[16];
	unsigned int i, rounds = 0;
	struct io_uring_cqe cqe;
	struct ring ring;
	int fd = mq_open(queue, O_RDONLY);

	if (fd < 0 || ring_open_with(&ring, flags))
		return 1;
	for (i = 0; i < 16; i++)
		ring_recv(&ring, fd, &receipts[i], 1 + i % 3, i);
	while (__atomic_load_n(&tally->received, __ATOMIC_ACQUIRE) < ALL) {
		struct devmq_record *record = NULL;
		struct receipt *receipt;

		if (++rounds % 7 == 0)
			ring_withdraw(&ring, fd, rounds % 16, 100);
		ring_enter(&ring, IORING_ENTER_GETEVENTS);
		if (ring_cqe(&ring, &cqe)) {
			usleep(200);
			continue;
		}
		if (cqe.user_data == 100)
			continue;
		receipt = &receipts[cqe.user_data];
		if (cqe.res && cqe.res != -ECANCELED)
			return 2;
		while (!cqe.res &&
		       (record = mq_record_next(receipt->buffer,
						receipt->recv.used, record))) {
			if (record->id > ALL)
				return 3;
			__atomic_add_fetch(&tally->count[record->id], 1,
					   __ATOMIC_RELAXED);
			__atomic_add_fetch(&tally->received, 1,
					   __ATOMIC_RELEASE);
		}
		ring_recv(&ring, fd, receipt, 1 + cqe.user_data % 3,
			  cqe.user_data);
	}
	return 0;
}

/* Submit EACH messages, with up to eight SENDs at a time. */
static int send_all(const struct mq_queue *queue, unsigned int flags)
{
	static struct mq_batch batches[8];
	static struct devmq_send sends[8];
	unsigned int i, begun = 0, done = 0;
	struct io_uring_cqe cqe;
	struct ring ring;
	int fd = mq_open(queue, O_WRONLY);
	uint64_t end = mq_now_ms() + MQ_PATIENCE_MS;

	if (fd < 0 || ring_open_with(&ring, flags))
		return 1;
	for (i = 0; i < 8; i++, begun++) {
		mq_batch_add(&batches[i], "hello");
		ring_send(&ring, fd, &sends[i], &batches[i], i);
	}
	while (done < EACH && mq_now_ms() < end) {
		ring_enter(&ring, IORING_ENTER_GETEVENTS);
		if (ring_cqe(&ring, &cqe)) {
			usleep(200);
			continue;
		}
		if (cqe.res || sends[cqe.user_data].count != 1)
			return 2;
		done++;
		if (begun++ < EACH)
			ring_send(&ring, fd, &sends[cqe.user_data],
				  &batches[cqe.user_data], cqe.user_data);
	}
	return done == EACH ? 0 : 3;
}

TEST_F(parked, of_many_senders_and_receivers_each_message_is_received_once)
{
	pid_t senders[SENDERS], receivers[RECEIVERS];
	unsigned int i;
	struct tally *tally = mmap(NULL, sizeof(*tally),
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, tally);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "5"));
	for (i = 0; i < RECEIVERS; i++) {
		receivers[i] = mq_fork();
		if (!receivers[i])
			_exit(receive_all(&self->queue, variant->flags, tally));
	}
	for (i = 0; i < SENDERS; i++) {
		senders[i] = mq_fork();
		if (!senders[i])
			_exit(send_all(&self->queue, variant->flags));
	}
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(0, mq_wait_child(senders[i]));
	for (i = 0; i < RECEIVERS; i++)
		EXPECT_EQ(0, mq_wait_child(receivers[i]));
	for (i = 1; i <= ALL; i++)
		EXPECT_EQ(1, tally->count[i]) {
			TH_LOG("message %u", i);
		}
	EXPECT_EQ(ALL, mq_stat_of(&self->queue, acked));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 0));
}

TEST_HARNESS_MAIN
