// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of the module: all of it is counted and charged to the right user,
 * within bounds, and a message that stays does not pin the memory of messages
 * that are gone.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"
#include "helpers/used.h"

#define USER_BYTES	"/sys/module/devmq/parameters/max_user_bytes"
#define MEBI		(1LL << 20)

FIXTURE(memory) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	char total[64];		/* max_total_bytes as it was */
};

FIXTURE_SETUP(memory)
{
	MQ_REQUIRE();
	self->fd = -1;
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, self->total,
				  sizeof(self->total)));
}

static long long number_in(const char *path)
{
	char text[64];
	int error = mq_read_file(path, text, sizeof(text));

	return error ? error : atoll(text);
}

FIXTURE_TEARDOWN(memory)
{
	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, self->total));
	/* 0 stands for the default, half of max_total_bytes. */
	EXPECT_EQ(0, mq_write_file(USER_BYTES, "0"));
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
	/* Everything that was charged has been uncharged. */
	EXPECT_TRUE(mq_wait_until(!mq_used())) {
		TH_LOG("%lld bytes are still charged", mq_used());
	}
}

#define CREATE(...) do {						\
	MQ_OPEN_QUEUE(__VA_ARGS__);					\
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));	\
} while (0)

/* -- small messages that stay ---------------------------------------------- */

#define ROUNDS	300		/* each leaves one small message */
#define LARGE	40		/* large messages beside each small one */

/* Send a small message between large ones, and acknowledge the large ones. */
static int leave_one(int fd, unsigned int i, bool keyed)
{
	char small[32], large[1001] = "";
	uint64_t first = 0, last = 0;
	int n;

	memset(large, 'l', sizeof(large) - 1);
	snprintf(small, sizeof(small), "small %u", i);
	for (n = 0; n < LARGE; n++) {
		long long id;

		if (n == LARGE / 2 &&
		    MQ_SEND(fd, .text = small,
			    .key = keyed ? small : NULL) < 0)
			return -EIO;
		id = MQ_SEND(fd, .text = large, .priority = 1);
		if (id < 0)
			return id;
	}
	for (n = 0; n < LARGE; n++) {
		if (mq_read(fd, large, sizeof(large)) != sizeof(large) - 1)
			return -EBADMSG;
		last = mq_last_id(fd);
		first = n ? first : last;
	}
	return mq_settle(fd, first, last, DEVMQ_ACTION_ACK) == LARGE ? 0 : -EIO;
}

/* The same, but move the small message to another queue before that. */
static int leave_one_elsewhere(int fd, int to, unsigned int i)
{
	char small[32], large[1001] = "";
	struct devmq_redrive redrive = {
		.size = sizeof(redrive),
		.flags = DEVMQ_REDRIVE_TO,
		.target_fd = to,
		.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY),
	};
	long long id;
	int n, error;

	memset(large, 'l', sizeof(large) - 1);
	snprintf(small, sizeof(small), "small %u", i);
	for (n = 0; n < LARGE; n++) {
		if (n == LARGE / 2) {
			id = MQ_SEND(fd, .text = small);
			if (id < 0)
				return id;
			redrive.first_id = id;
			redrive.last_id = id;
		}
		id = MQ_SEND(fd, .text = large, .priority = 1);
		if (id < 0)
			return id;
	}
	error = mq_ioctl(fd, DEVMQ_IOC_REDRIVE, &redrive);
	if (error || redrive.moved != 1)
		return error ?: -EIO;
	for (n = 0; n < LARGE; n++)
		if (mq_read(fd, large, sizeof(large)) != sizeof(large) - 1)
			return -EBADMSG;
	return mq_settle(fd, 1, UINT64_MAX, DEVMQ_ACTION_ACK) == LARGE ? 0 : -EIO;
}

/* Receive the next message, which must be a small one: its id. */
static long long take_small(int fd)
{
	char small[32];

	if (mq_read(fd, small, sizeof(small)) < 7 || memcmp(small, "small ", 6))
		return -EBADMSG;
	return mq_last_id(fd);
}

/* Expect that little more memory is used than the small messages need. */
#define IS_COMPACT() EXPECT_TRUE(mq_wait_until(mq_used() < 3 * MEBI)) {	\
	TH_LOG("%lld bytes are used", mq_used());				\
}

/* Receive and acknowledge all small messages, in order. */
static int all_small(int fd)
{
	char small[32], wanted[32];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ssize_t size = mq_read(fd, small, sizeof(small) - 1);

		if (size < 0)
			return size;
		small[size] = '\0';
		snprintf(wanted, sizeof(wanted), "small %d", i);
		if (strcmp(small, wanted))
			return -EBADMSG;
		if (mq_ack(fd, mq_last_id(fd)) != 1)
			return -ESTALE;
	}
	return mq_read(fd, small, sizeof(small)) == -EAGAIN ? 0 : -EEXIST;
}

TEST_F(memory, messages_that_wait_keep_little)
{
	unsigned int i;

	CREATE("priorities=2");
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, leave_one(self->fd, i, false));
	IS_COMPACT();
	EXPECT_EQ(ROUNDS, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, all_small(self->fd));
}

/* The chunks of moved messages belong to the queue that they have left. */
TEST_F(memory, messages_that_were_moved_keep_little)
{
	struct mq_queue other;
	unsigned int i;
	int to;

	CREATE("priorities=2");
	ASSERT_EQ(0, mq_create(&other, "ack=manual"));
	to = mq_open(&other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, to);
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, leave_one_elsewhere(self->fd, to, i));
	IS_COMPACT();
	EXPECT_EQ(ROUNDS, mq_stat_of(&other, ready));
	EXPECT_EQ(0, all_small(to));
	close(to);
}

#define FEW		200	/* messages, in several chunks */
#define KEEP		40	/* one of this many stays */

/* Send some small messages on a new open file, and settle most of them. */
static int leave_some(const struct mq_queue *queue, int fd)
{
	int i, from = mq_open(queue, O_WRONLY);
	char data[100] = {}, taken[100];

	if (from < 0)
		return from;
	for (i = 0; i < FEW; i++)
		if (mq_write(from, data, sizeof(data)) != sizeof(data))
			return -EIO;
	close(from);
	for (i = 0; i < FEW; i++) {
		if (mq_read(fd, taken, sizeof(taken)) != sizeof(taken))
			return -EBADMSG;
		if (i % KEEP != KEEP - 1 && mq_ack(fd, mq_last_id(fd)) != 1)
			return -ESTALE;
	}
	return 0;
}

/* Send messages to a queue until the bound of the caller is reached. */
static int use_up(const struct mq_queue *queue)
{
	static char data[60000];
	size_t size = sizeof(data);
	ssize_t done;
	int fd;

	do {
		/*
		 * The first message of an open file takes only the memory that
		 * it needs.
		 */
		fd = mq_open(queue, O_WRONLY);
		if (fd < 0)
			return fd;
		done = mq_write(fd, data, size);
		close(fd);
		if (done < 0)
			size /= 2;
	} while (size);
	return done == -EDQUOT ? 0 : -EIO;
}

/*
 * A message that dies while its sender has no memory left stays in its chunk,
 * amid freed messages, and is moved when the dead-letter queue is compacted.
 */
static int die_without_memory(const struct mq_queue *from,
			      const struct mq_queue *to,
			      const struct mq_queue *fill)
{
	int i, out = mq_open(from, O_RDONLY | O_NONBLOCK);
	int in = mq_open(to, O_RDWR | O_NONBLOCK);

	if (out < 0 || in < 0)
		return -EIO;
	if (mq_become(MQ_NOBODY, MQ_NOBODY) || leave_some(from, out))
		return -EPERM;
	for (i = 0; i < 8; i++)
		if (leave_some(to, in))
			return -EBADMSG;
	if (use_up(fill))
		return -ENOMEM;
	if (mq_settle(out, 1, FEW, DEVMQ_ACTION_REJECT) != FEW / KEEP)
		return -ESTALE;
	/*
	 * There is memory for this message once the queue has been compacted.
	 */
	return mq_put(in, "x") == 1 ? 0 : -EDQUOT;
}

TEST_F(memory, dead_messages_that_could_not_get_memory_of_their_own_are_moved_in_their_order)
{
	struct mq_queue fill, dead;
	struct mq_look look;
	uint64_t last = 0;
	pid_t child;
	int n, fd;

	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "64M"));
	ASSERT_EQ(0, mq_write_file(USER_BYTES, "4M"));
	ASSERT_EQ(0, mq_create(&dead, "mode=0666 ack=manual overflow=reject"));
	ASSERT_EQ(0, mq_create(&fill, "mode=0666 overflow=reject max_bytes=1G"));
	CREATE("mode=0666 ack=manual dead_letter=%s", dead.name);
	fd = mq_open(&dead, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	child = mq_fork();
	if (!child)
		_exit(-die_without_memory(&self->queue, &dead, &fill));
	ASSERT_EQ(0, mq_wait_child(child));
	/*
	 * The messages that the child held there, those that died, and the last
	 * one.
	 */
	for (n = 0; !mq_take(fd, &look); n++) {
		EXPECT_LT(last, look.record.id);
		last = look.record.id;
	}
	EXPECT_EQ(9 * (FEW / KEEP) + 1, n);
	EXPECT_EQ(n, mq_settle(fd, 1, UINT64_MAX, DEVMQ_ACTION_ACK));
	EXPECT_EQ(0, mq_stat_of(&dead, ready));
	close(fd);
}

TEST_F(memory, messages_with_an_order_keep_little)
{
	unsigned int i;

	CREATE("priorities=2 order=key fairness=key");
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, leave_one(self->fd, i, true));
	IS_COMPACT();
	EXPECT_EQ(0, all_small(self->fd));
}

TEST_F(memory, messages_with_times_keep_little)
{
	unsigned int i;

	CREATE("priorities=2 ttl_ms=3600000");
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, leave_one(self->fd, i, false));
	IS_COMPACT();
	EXPECT_EQ(ROUNDS, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, all_small(self->fd));
}

TEST_F(memory, messages_in_flight_keep_little)
{
	long long ids[ROUNDS];
	unsigned int i;

	CREATE("priorities=2");
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, leave_one(self->fd, i, false));
		ids[i] = take_small(self->fd);
		ASSERT_LT(0, ids[i]);
	}
	IS_COMPACT();
	EXPECT_EQ(ROUNDS, mq_held(self->fd));
	/* Acknowledge every second message, and release the others. */
	for (i = 0; i < ROUNDS; i += 2)
		ASSERT_EQ(1, mq_ack(self->fd, ids[i]));
	for (i = 1; i < ROUNDS; i += 2)
		ASSERT_EQ(1, mq_release(self->fd, ids[i]));
	for (i = 1; i < ROUNDS; i += 2)
		ASSERT_EQ(ids[i], take_small(self->fd));
}

TEST_F(memory, messages_that_are_delayed_keep_little)
{
	unsigned int i;

	CREATE("priorities=2");
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, leave_one(self->fd, i, false));
		ASSERT_EQ(1, mq_retry(self->fd, take_small(self->fd),
				      MQ_HOUR + i));
	}
	IS_COMPACT();
	EXPECT_EQ(ROUNDS, mq_stat_of(&self->queue, delayed));
	/* Their timers can still be cancelled. */
	EXPECT_EQ(ROUNDS, mq_purge(self->fd, 0, 0));
}

TEST_F(memory, messages_that_moved_get_ready_in_time)
{
	unsigned int i;

	CREATE("priorities=2 delay_ms=2000");
	for (i = 0; i < ROUNDS; i++) {
		char small[32];

		snprintf(small, sizeof(small), "small %u", i);
		ASSERT_LT(0, MQ_SEND(self->fd, .text = small));
		/*
		 * Neighbours that are purged at once, and leave their memory
		 * unused.
		 */
		ASSERT_EQ(0, mq_fill_fast(self->fd, 100));
		ASSERT_EQ(100, mq_purge_states(self->fd, i * 101 + 2, 0, 0));
	}
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == ROUNDS));
	EXPECT_EQ(0, all_small(self->fd));
}

TEST_F(memory, messages_set_aside_keep_little)
{
	long long ids[ROUNDS];
	char buffer[512];
	struct devmq_recv recv;
	unsigned int i;

	CREATE("priorities=2");
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, leave_one(self->fd, i, false));
		ids[i] = take_small(self->fd);
		ASSERT_EQ(1, i % 2 ? mq_defer(self->fd, ids[i]) :
				     mq_reject_with(self->fd, ids[i], 0, "why"));
	}
	IS_COMPACT();
	for (i = 1; i < ROUNDS; i += 2) {
		ASSERT_EQ(0, mq_recv_id(self->fd, ids[i], buffer,
					sizeof(buffer), &recv));
		ASSERT_EQ(1, mq_ack(self->fd, ids[i]));
	}
	EXPECT_EQ(ROUNDS / 2, mq_stat_of(&self->queue, dead));
	EXPECT_EQ(ROUNDS / 2, mq_redrive(self->fd, 0, 0, -1, NULL));
	for (i = 0; i < ROUNDS; i += 2)
		ASSERT_EQ(ids[i], take_small(self->fd));
}

TEST_F(memory, half_read_message_that_moved_is_read_on)
{
	char part[4] = {};
	unsigned int i;

	CREATE("priorities=2");
	ASSERT_EQ(0, leave_one(self->fd, 0, false));
	ASSERT_EQ(3, mq_read(self->fd, part, 3));
	EXPECT_STREQ("sma", part);
	for (i = 1; i < ROUNDS; i++) {
		int other = mq_open(&self->queue, O_RDWR | O_NONBLOCK);

		ASSERT_EQ(0, mq_consumer_set(other, DEVMQ_ACK_MANUAL, 0));
		ASSERT_EQ(0, leave_one(other, i, false));
		close(other);
	}
	IS_COMPACT();
	ASSERT_EQ(3, mq_read(self->fd, part, 3));
	EXPECT_STREQ("ll ", part);
}

/* -- the memory of a user -------------------------------------------------- */

/* As an unprivileged user, send until that fails: the error. */
static int nobody_sends(const struct mq_queue *queue, bool waits, size_t size)
{
	pid_t child = mq_fork();

	if (!child) {
		char *data = calloc(1, size);
		ssize_t done;
		int fd;

		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(99);
		fd = mq_open(queue, O_WRONLY | (waits ? 0 : O_NONBLOCK));
		do {
			done = mq_write(fd, data, size);
		} while (done == size);
		_exit(-done);
	}
	return -mq_wait_child(child);
}

TEST_F(memory, a_user_has_half_and_no_more)
{
	CREATE("mode=0666 max_bytes=1G overflow=reject");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "8M"));
	ASSERT_EQ(4 * MEBI, number_in(USER_BYTES));
	EXPECT_EQ(-EDQUOT, nobody_sends(&self->queue, false, 1000));
	EXPECT_LT(3 * MEBI, mq_used_by(MQ_NOBODY));
	EXPECT_GE(4 * MEBI, mq_used_by(MQ_NOBODY));
	EXPECT_GE(mq_used(), mq_used_by(MQ_NOBODY));
	/* The rest of the memory is left for others. */
	EXPECT_EQ(1000000, mq_write(self->fd, calloc(1, 1000000), 1000000));
	EXPECT_LT(1000000, mq_used_by(0));
}

TEST_F(memory, user_without_room_waits_or_is_told)
{
	CREATE("mode=0666 max_message_size=16M max_bytes=1G");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "8M"));
	EXPECT_EQ(-EAGAIN, nobody_sends(&self->queue, false, 1000));
	EXPECT_EQ(-EMSGSIZE, nobody_sends(&self->queue, true, 5 * MEBI));
}

TEST_F(memory, whoever_may_exceed_limits_has_all)
{
	char data[1000] = {};

	CREATE("max_bytes=1G overflow=reject");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "8M"));
	ASSERT_EQ(0, mq_write_file(USER_BYTES, "1M"));
	EXPECT_EQ(MEBI, number_in(USER_BYTES));
	while (mq_write(self->fd, data, sizeof(data)) == sizeof(data))
		;
	EXPECT_EQ(-EDQUOT, mq_write(self->fd, data, sizeof(data)));
	EXPECT_LT(7 * MEBI, mq_used_by(0));
	/* The slack is for the memory of open files. */
	EXPECT_GE(8 * MEBI + (128 << 10), mq_used());
}

TEST_F(memory, bound_of_a_user_follows_that_of_all_until_it_is_set)
{
	EXPECT_EQ(number_in(MQ_TOTAL_BYTES) / 2, number_in(USER_BYTES));
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "6M"));
	EXPECT_EQ(3 * MEBI, number_in(USER_BYTES));
	EXPECT_EQ(-EINVAL, mq_write_file(USER_BYTES, "some"));
	EXPECT_EQ(-EINVAL, mq_write_file(USER_BYTES, "-1"));
	EXPECT_EQ(3 * MEBI, number_in(USER_BYTES));
}

TEST_F(memory, nobody_else_loses_what_never_got_in)
{
	static char large[2 << 20];
	char data[1000] = {};
	struct mq_queue other;
	pid_t children[4];
	int i, fd;

	CREATE("mode=0666 max_message_size=2M max_bytes=1G overflow=reject");
	ASSERT_EQ(0, mq_create(&other, "overflow=drop-head"));
	fd = mq_open(&other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "3M"));
	for (i = 0; i < 4; i++) {
		children[i] = mq_fork();
		if (children[i])
			continue;
		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(1);
		i = mq_open(&self->queue, O_WRONLY);
		while (true)
			mq_write(i, large, sizeof(large));
	}
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(sizeof(data), mq_write(fd, data, sizeof(data)));
	for (i = 0; i < 4; i++) {
		kill(children[i], SIGKILL);
		mq_wait_child(children[i]);
	}
	EXPECT_EQ(1000, mq_stat_of(&other, ready));
	EXPECT_EQ(0, mq_stat_of(&other, dropped));
	close(fd);
}

TEST_F(memory, drop_head_makes_room_for_a_large_message_of_another_user)
{
	static char large[1 << 20];
	char data[1000] = {};
	pid_t child;

	CREATE("mode=0666 max_message_size=2M max_bytes=1G overflow=drop-head");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "8M"));
	/* There is room for small messages, and for a chunk, but not for this one. */
	while (mq_used() < 7 * MEBI + MEBI / 2)
		ASSERT_EQ(sizeof(data), mq_write(self->fd, data, sizeof(data)));
	child = mq_fork();
	if (!child) {
		int fd;

		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(1);
		fd = mq_open(&self->queue, O_WRONLY);
		_exit(mq_write(fd, large, sizeof(large)) == sizeof(large) ? 0 : 2);
	}
	EXPECT_EQ(0, mq_wait_child(child));
	EXPECT_LT(300, mq_stat_of(&self->queue, dropped));
}

TEST_F(memory, drop_head_drops_nothing_for_a_user_who_would_not_get_enough)
{
	static char large[200 << 10];
	struct mq_queue other;
	char data[1000] = {};
	int i, status;
	pid_t child;

	CREATE("mode=0666 max_bytes=1G overflow=drop-head");
	ASSERT_EQ(0, mq_create(&other, "mode=0666 max_bytes=1G"));
	ASSERT_EQ(0, mq_write_file(USER_BYTES, "1M"));
	child = mq_fork();
	if (!child) {
		int fd, stuffed;

		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(1);
		fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
		stuffed = mq_open(&other, O_WRONLY | O_NONBLOCK);
		if (mq_write(fd, data, sizeof(data)) != sizeof(data))
			_exit(2);
		while (mq_write(stuffed, data, sizeof(data)) == sizeof(data))
			;
		/* Others' messages stand behind the first one. */
		while (mq_stat_of(&self->queue, sent) < 500)
			usleep(1000);
		_exit(mq_write(fd, large, sizeof(large)) == -EDQUOT ? 0 : 3);
	}
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, sent) == 1));
	for (i = 1; i < 500; i++)
		ASSERT_EQ(sizeof(data), mq_write(self->fd, data, sizeof(data)));
	status = mq_wait_child(child);
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(500, mq_stat_of(&self->queue, ready));
}

/* -- waiting for memory ---------------------------------------------------- */

#define WRITERS	20

/* Send messages of 4000 bytes until max_total_bytes allows no more. */
#define FILL()	do {							\
	char data[4000] = {};						\
									\
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));		\
	while (mq_write(self->fd, data, sizeof(data)) == sizeof(data))	\
		;							\
} while (0)

/* Receive and acknowledge the oldest message, which frees its memory. */
#define FREE_ONE() do {							\
	char data[4000];						\
									\
	ASSERT_EQ(sizeof(data), mq_read(self->fd, data, sizeof(data)));	\
	ASSERT_EQ(1, mq_ack(self->fd, mq_last_id(self->fd)));		\
} while (0)

static int done_of(const struct mq_call *calls)
{
	int i, done = 0;

	for (i = 0; i < WRITERS; i++)
		done += mq_call_done((struct mq_call *)&calls[i]);
	return done;
}

/* How many writers that still wait were woken since then, other than @but. */
static int woken_since(const struct mq_call *calls, const long *switches,
		       int but)
{
	int i, woken = 0;

	for (i = 0; i < WRITERS; i++)
		woken += i != but &&
			 !mq_call_done((struct mq_call *)&calls[i]) &&
			 switches[i] != mq_switches(getpid(), calls[i].tid);
	return woken;
}

TEST_F(memory, what_is_freed_wakes_as_many_as_it_is_enough_for)
{
	struct mq_call calls[WRITERS];
	long switches[WRITERS];
	struct mq_queue other;
	char data[4000] = {};
	int i, fd, oldest, step;
	bool calm = false;

	CREATE("max_bytes=1G");
	ASSERT_EQ(0, mq_create(&other, ""));
	fd = mq_open(&other, O_RDWR);
	ASSERT_LE(0, fd);
	FILL();
	for (i = 0; i < WRITERS; i++) {
		ASSERT_EQ(0, mq_write_start(&calls[i], fd, data,
					    sizeof(data)));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	/*
	 * Freed memory goes to the writer that has waited longest. Few others
	 * are woken, and only if that writer is slow.
	 */
	for (step = 1; step <= 6 && !calm; step++) {
		for (oldest = 0; mq_call_done(&calls[oldest]); oldest++)
			;
		for (i = 0; i < WRITERS; i++)
			switches[i] = mq_switches(getpid(), calls[i].tid);
		FREE_ONE();
		ASSERT_TRUE(mq_wait_until(done_of(calls) == step));
		mq_sleep_ms(100);
		calm = mq_call_done(&calls[oldest]) &&
		       woken_since(calls, switches, oldest) < WRITERS / 4;
	}
	EXPECT_TRUE(calm);
	/* With the full bound restored, each writer gets memory. */
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, self->total));
	for (i = 0; i < WRITERS; i++)
		EXPECT_EQ(sizeof(data), mq_call_result(&calls[i]));
	EXPECT_EQ(WRITERS, mq_stat_of(&other, ready));
	close(fd);
}

TEST_F(memory, a_writer_that_is_stopped_keeps_memory_from_nobody)
{
	struct mq_queue other;
	struct mq_call call;
	char data[4000] = {};
	pid_t child;
	int fd, i;

	CREATE("max_bytes=1G");
	ASSERT_EQ(0, mq_create(&other, ""));
	fd = mq_open(&other, O_RDWR);
	ASSERT_LE(0, fd);
	FILL();
	child = mq_fork();
	if (!child)
		_exit(mq_write(fd, data, sizeof(data)) != sizeof(data));
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_write));
	ASSERT_EQ(0, kill(child, SIGSTOP));
	ASSERT_EQ(0, mq_write_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	/* Free enough for both; the writer that is first in line is stopped. */
	for (i = 0; i < 8; i++)
		FREE_ONE();
	EXPECT_EQ(sizeof(data), mq_call_result(&call));
	ASSERT_EQ(0, kill(child, SIGCONT));
	EXPECT_EQ(0, mq_wait_child(child));
	close(fd);
}

TEST_F(memory, user_who_waits_goes_on_when_that_user_has_memory_again)
{
	char data[4000] = {};
	pid_t child;
	int i;

	CREATE("mode=0666 max_bytes=1G");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "8M"));
	ASSERT_EQ(0, mq_write_file(USER_BYTES, "256K"));
	child = mq_fork();
	if (!child) {
		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(1);
		i = mq_open(&self->queue, O_WRONLY);
		for (int n = 0; n < 200; n++)
			if (mq_write(i, data, sizeof(data)) != sizeof(data))
				_exit(2);
		_exit(0);
	}
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_write));
	EXPECT_GE(256 * 1024, mq_used_by(MQ_NOBODY));
	/*
	 * Each acknowledgment frees memory of that user, whose writer
	 * continues.
	 */
	for (i = 0; i < 200; i++) {
		ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready)));
		FREE_ONE();
	}
	EXPECT_EQ(0, mq_wait_child(child));
}

/* -- all memory is charged ------------------------------------------------- */

/*
 * In a child: as an unprivileged user, open the queue until that fails: its
 * errno.
 */
static int open_until_refused(const struct mq_queue *queue)
{
	struct rlimit limit = { 100000, 100000 };
	int fd;

	if (setrlimit(RLIMIT_NOFILE, &limit) ||
	    mq_become(MQ_NOBODY, MQ_NOBODY))
		_exit(99);
	do {
		fd = mq_open(queue, O_RDONLY);
	} while (fd >= 0);
	return -fd;
}

/* As an unprivileged user, open the queue until that fails: the error. */
static int nobody_opens(const struct mq_queue *queue)
{
	pid_t child = mq_fork();

	if (!child)
		_exit(open_until_refused(queue));
	return -mq_wait_child(child);
}

TEST_F(memory, open_files_count)
{
	long long before;
	int fds[100], i;

	CREATE("");
	before = mq_used_settled();
	for (i = 0; i < 100; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
	}
	EXPECT_LE(before + 100 * 512, mq_used());
	EXPECT_GE(before + 100 * 2048, mq_used());
	for (i = 0; i < 100; i++)
		close(fds[i]);
	EXPECT_EQ(before, mq_used());
}

TEST_F(memory, user_has_no_more_open_files_than_memory)
{
	CREATE("mode=0666");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "4M"));
	EXPECT_EQ(-EDQUOT, nobody_opens(&self->queue));
	/* The child has exited, so its open files are not charged any more. */
	EXPECT_EQ(0, mq_used_by(MQ_NOBODY));
	EXPECT_EQ(-EDQUOT, nobody_opens(&self->queue));
}

/* Open a queue once as this user: 0 or a negative errno. */
static int opens_as(const struct mq_queue *queue, uid_t uid)
{
	pid_t child = mq_fork();

	if (!child) {
		int fd;

		if (mq_become(uid, uid))
			_exit(99);
		fd = mq_open(queue, O_RDONLY);
		_exit(fd < 0 ? -fd : 0);
	}
	return -mq_wait_child(child);
}

/* max_total_bytes is so low that the minimum bounds for open files apply. */
TEST_F(memory, open_files_of_one_user_leave_some_to_another)
{
	int pipes[2];
	pid_t child;
	char byte;

	CREATE("mode=0666");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "2M"));
	ASSERT_EQ(0, pipe(pipes));
	child = mq_fork();
	if (!child) {
		open_until_refused(&self->queue);
		if (write(pipes[1], "x", 1) != 1)
			_exit(99);
		pause();
	}
	ASSERT_EQ(1, read(pipes[0], &byte, 1));
	EXPECT_LE(64 * 1024, mq_used_by(MQ_NOBODY));
	EXPECT_EQ(-EDQUOT, nobody_opens(&self->queue));
	EXPECT_EQ(0, opens_as(&self->queue, MQ_NOBODY - 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(memory, queue_can_be_opened_where_messages_take_all)
{
	char data[1000] = {};
	pid_t child;
	int fd;

	CREATE("mode=0666 max_bytes=1G overflow=reject");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "4M"));
	EXPECT_EQ(-EDQUOT, nobody_sends(&self->queue, false, 1000));
	while (mq_write(self->fd, data, 1) == 1)
		;
	ASSERT_EQ(-EDQUOT, mq_write(self->fd, data, 1));
	child = mq_fork();
	if (!child) {
		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(99);
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		_exit(fd < 0 ? -fd : mq_read(fd, data, sizeof(data)) < 0);
	}
	EXPECT_EQ(0, mq_wait_child(child));
	/*
	 * A privileged user can still open the queue after others used up their
	 * bound.
	 */
	EXPECT_EQ(-EDQUOT, nobody_opens(&self->queue));
	fd = mq_open(&self->queue, O_RDWR);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(memory, open_files_take_no_room_of_messages)
{
	char data[1000] = {};
	int fds[200], i;

	CREATE("max_bytes=1G overflow=reject");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	while (mq_write(self->fd, data, sizeof(data)) == sizeof(data))
		;
	for (i = 0; i < 200; i++) {
		fds[i] = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fds[i]);
	}
	/*
	 * The open files take more memory than these messages free, but from a
	 * bound of their own.
	 */
	for (i = 0; i < 150; i++)
		ASSERT_EQ(1000, mq_read(self->fd, data, sizeof(data)));
	ASSERT_EQ(150, mq_settle(self->fd, 1, UINT64_MAX, DEVMQ_ACTION_ACK));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(1000, mq_write(self->fd, data, sizeof(data)));
	for (i = 0; i < 200; i++)
		close(fds[i]);
}

TEST_F(memory, keys_and_ids_count)
{
	char key[201] = "", id[201] = "";
	long long plain;
	unsigned int i;

	CREATE("order=key fairness=key dedup_window_ms=3600000");
	for (i = 0; i < 1000; i++)
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "x"));
	plain = mq_used();
	for (i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "%0200u", i);
		snprintf(id, sizeof(id), "%0200u", i);
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .key = key,
				     .dedup = id));
	}
	/*
	 * A copy of the key in the message, two groups, and the remembered id.
	 */
	EXPECT_LT(plain + 1000 * 4 * 200, mq_used());
	/* The ids stay remembered after the messages are acknowledged. */
	for (i = 0; i < 2000; i++)
		ASSERT_EQ(1, mq_read(self->fd, key, sizeof(key)));
	ASSERT_EQ(2000, mq_settle(self->fd, 1, UINT64_MAX, DEVMQ_ACTION_ACK));
	EXPECT_LT(1000 * 200, mq_used());
}

TEST_F(memory, notes_count)
{
	char note[DEVMQ_NOTE_MAX + 1] = "";
	long long before;
	unsigned int i;

	CREATE("");
	memset(note, 'n', DEVMQ_NOTE_MAX);
	ASSERT_EQ(0, mq_fill_fast(self->fd, 1000));
	before = mq_used_settled();
	for (i = 0; i < 1000; i++) {
		char data[64];

		ASSERT_LT(0, mq_read(self->fd, data, sizeof(data)));
		ASSERT_EQ(1, mq_reject_with(self->fd, mq_last_id(self->fd), 0,
					    note));
	}
	EXPECT_LT(before + 1000 * DEVMQ_NOTE_MAX, mq_used());
	EXPECT_EQ(1000, mq_purge(self->fd, 0, 0));
}

TEST_F(memory, note_of_a_retry_counts_until_the_next_takes_its_place)
{
	char note[DEVMQ_NOTE_MAX + 1] = "", data[64];
	long long before, with_one;
	unsigned int i;

	CREATE("max_deliveries=0");
	memset(note, 'n', DEVMQ_NOTE_MAX);
	ASSERT_EQ(0, mq_fill_fast(self->fd, 1));
	before = mq_used_settled();
	for (i = 0; i < 100; i++) {
		ASSERT_LT(0, mq_read(self->fd, data, sizeof(data)));
		ASSERT_EQ(1, mq_retry_with(self->fd, 1, 1, note));
		if (!i)
			with_one = mq_used();
	}
	EXPECT_LE(before + DEVMQ_NOTE_MAX, with_one);
	EXPECT_EQ(with_one, mq_used());
	ASSERT_LT(0, mq_read(self->fd, data, sizeof(data)));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
	EXPECT_EQ(before, mq_used());
}

TEST_F(memory, note_without_memory_for_it_changes_nothing)
{
	char note[DEVMQ_NOTE_MAX + 1] = "", data[1000] = {};

	CREATE("max_bytes=1G overflow=reject");
	memset(note, 'n', DEVMQ_NOTE_MAX);
	ASSERT_EQ(sizeof(data), mq_write(self->fd, data, sizeof(data)));
	ASSERT_EQ(sizeof(data), mq_read(self->fd, data, sizeof(data)));
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	while (mq_write(self->fd, data, 1) == 1)
		;
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "64K"));
	EXPECT_EQ(-EDQUOT, mq_reject_with(self->fd, 1, 0, note));
	EXPECT_EQ(-EDQUOT, mq_retry_with(self->fd, 1, 1, note));
	EXPECT_EQ(1, mq_held(self->fd));
	/* A reject without a note needs no more memory, and does not fail. */
	EXPECT_EQ(1, mq_reject(self->fd, 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead));
}

TEST_HARNESS_MAIN
