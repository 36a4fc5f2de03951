// SPDX-License-Identifier: GPL-2.0
/*
 * What one user piles up costs others little: a call of a bystander on the same
 * queue takes about as long beside ten objects as beside ten thousand. And
 * every long call ends when its process is killed.
 *
 * The clock of the machine counts instructions (vm/run -i), so a time depends
 * only on what was executed. There is one CPU, and the bystander has real-time
 * priority: it gets the CPU as soon as the kernel can be preempted. Its call is
 * measured from the instant at which it was to wake, so the slowest call has the
 * longest time that the kernel spent on the work of another without a break, with
 * a lock or without.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "mq_test.h"
#include "fixtures/hold.h"
#include "helpers/look.h"
#include "helpers/record.h"
#include "helpers/ring.h"
#include "helpers/settle.h"

/* -- waking ---------------------------------------------------------------- */

static int poll_in_and_out(FIXTURE_DATA(hold) *self, int n)
{
	return poll_many(self, n, EPOLLIN | EPOLLOUT | EPOLLET);
}

static int write_option(FIXTURE_DATA(hold) *self, int n)
{
	return mq_sysfs_set(&self->queue, "retry_ms", "7");
}

/*
 * If each of ten thousand pollers woke all, that would be 100 million wake-ups.
 */
TEST_F(hold, option_that_changes_wakes_each_poller_once)
{
	static const struct attack attack = {
		"", send_and_look, poll_in_and_out, write_option,
	};

	EXPECT_BOUNDED(&attack, MANY);
}

/* Many deliveries whose leases end together, beside 2000 pollers. */
static int lease_many(FIXTURE_DATA(hold) *self, int n)
{
	return poll_in_and_out(self, 2000) ?: mq_fill_fast(self->fd, n) ?:
	       hold_many(self->fd, n);
}

static int let_leases_end(FIXTURE_DATA(hold) *self, int n)
{
	int done = mq_settle_after(self->fd, 1, n, DEVMQ_ACTION_EXTEND,
				   1 * MQ_MS);

	if (done < 0)
		return done;
	/* The timer has to end the leases, not a call that looks. */
	mq_sleep_ms(300);
	return mq_wait_until(!mq_stat_of(&self->queue, in_flight)) ?
	       0 : -ETIMEDOUT;
}

TEST_F(hold, leases_that_end_together_wake_their_consumer_once)
{
	static const struct attack attack = {
		"ack=manual lease_ms=3600000", send_one,
		lease_many, let_leases_end,
	};

	EXPECT_BOUNDED(&attack, 2 * MANY);
}

/* Finding the next active consumer must not walk through all open files. */
static int open_consumers(FIXTURE_DATA(hold) *self, int n)
{
	int error = open_many(self, n, O_WRONLY);

	/* They are closed in the order in which they were opened. */
	return error ?: open_many(self, 200, O_RDONLY);
}

static int close_consumers(FIXTURE_DATA(hold) *self, int n)
{
	int i;

	for (i = n; i < self->count; i++)
		close(self->fds[i]);
	self->count = n;
	return 0;
}

TEST_F(hold, next_active_consumer_is_at_hand)
{
	static const struct attack attack = {
		"single_active=1", send_and_look,
		open_consumers, close_consumers,
	};
	uint64_t call, few, many;

	ASSERT_EQ(0, worst(self, &attack, FEW, &call, &few));
	ASSERT_EQ(0, worst(self, &attack, MANY, &call, &many));
	TH_LOG("200 consumers closed in %llu us beside %d, %llu us beside %d",
	       (unsigned long long)few / 1000, FEW,
	       (unsigned long long)many / 1000, MANY);
	EXPECT_GE(2 * few, many);
	EXPECT_GE(SLACK_NS, call);
}

/* -- time ------------------------------------------------------------------ */

/* Send @n messages that are all due at the time @at. */
static int delay_many(FIXTURE_DATA(hold) *self, int n, uint64_t at)
{
	const struct mq_message message = {
		.text = "m", .flags = DEVMQ_RECORD_AT, .delay_ns = at,
	};
	int i, portion = n < 500 ? n : 500, error = 0;
	struct mq_batch batch = {};
	struct devmq_send send;

	for (i = 0; i < portion; i++)
		mq_batch_add_message(&batch, &message);
	for (i = 0; i < n && !error; i += portion) {
		error = mq_send(self->fd, batch.data, batch.size, &send);
		if (!error && send.count != portion)
			error = -EIO;
	}
	mq_batch_free(&batch);
	return error;
}

/* An open must not wait until all that is due is done. */
TEST_F(hold, who_does_not_look_does_not_wait_for_what_is_due)
{
	uint64_t at, now, from;
	struct bystander b;

	ASSERT_EQ(0, begin(self, ""));
	at = mq_clock_ns(CLOCK_REALTIME) + MQ_SECOND;
	ASSERT_EQ(0, delay_many(self, 10 * MANY, at));
	now = mq_clock_ns(CLOCK_REALTIME);
	ASSERT_LT(now, at);
	from = mq_now_ns() + at - now - MQ_MS;
	ASSERT_EQ(0, bystander_begin(&b, &self->queue, open_and_close, from));
	sleep_until(from + 100 * MQ_MS);
	/* The timer has done all of it, before anybody looks. */
	ASSERT_EQ(0, bystander_end(&b));
	EXPECT_EQ(0, mq_stat_of(&self->queue, delayed));
	EXPECT_EQ(10 * MANY, mq_stat_of(&self->queue, ready));
	TH_LOG("slowest open: %llu us", (unsigned long long)b.worst_ns / 1000);
	EXPECT_GE(SLACK_NS, b.worst_ns);
}

/* -- walks ----------------------------------------------------------------- */

/*
 * Send and hold @n messages, and release one in 400: only those can be purged.
 */
static int sow(FIXTURE_DATA(hold) *self, int n)
{
	int i, error = mq_fill_fast(self->fd, n) ?: hold_many(self->fd, n);

	for (i = 1; i <= n && !error; i += 400)
		error = mq_release(self->fd, i) == 1 ? 0 : -EIO;
	return error;
}

static int reap(FIXTURE_DATA(hold) *self, int n)
{
	long long done = mq_purge(self->fd, 1, n);

	if (done < 0)
		return done;
	return done == (n + 399) / 400 ? 0 : -EBADMSG;
}

TEST_F(hold, purge_passes_few_messages_at_a_time)
{
	static const struct attack attack = {
		"ack=manual", send_and_look, sow, reap,
	};

	EXPECT_BOUNDED(&attack, 50 * MANY);
}

/* Many messages, of which single ones are purged, from the middle on. */
static int fill(FIXTURE_DATA(hold) *self, int n)
{
	return mq_fill_fast(self->fd, n);
}

static int purge_one_by_one(FIXTURE_DATA(hold) *self, int n)
{
	int i, middle = n / 2;

	for (i = 0; i < 200 && i < n / 2; i++)
		if (mq_purge(self->fd, middle + i, middle + i) != 1)
			return -EBADMSG;
	return 0;
}

TEST_F(hold, message_is_looked_for_in_portions)
{
	static const struct attack attack = { "", send_and_look, fill, purge_one_by_one };

	EXPECT_BOUNDED(&attack, 50 * MANY);
}

/* A message is found fast from the near end, and from the last one found. */
TEST_F(hold, single_messages_are_found_from_where_that_is_near)
{
	uint64_t from, near_ns, far_ns;
	int i;

	ASSERT_EQ(0, begin(self, ""));
	ASSERT_EQ(0, mq_fill_fast(self->fd, 500000));
	from = mq_now_ns();
	for (i = 1; i <= 500; i++)
		ASSERT_EQ(1, mq_purge(self->fd, i, i));
	near_ns = mq_now_ns() - from;
	/* The first of these is far from both ends. */
	from = mq_now_ns();
	for (i = 1; i <= 500; i++)
		ASSERT_EQ(1, mq_purge(self->fd, 250000 + i, 250000 + i));
	for (i = 1; i <= 500; i++)
		ASSERT_EQ(1, mq_purge(self->fd, 500001 - i, 500001 - i));
	far_ns = mq_now_ns() - from;
	TH_LOG("500 at the beginning in %llu us, 1000 elsewhere in %llu us",
	       (unsigned long long)near_ns / 1000,
	       (unsigned long long)far_ns / 1000);
	/*
	 * Walks from the beginning would pass hundreds of millions of messages.
	 */
	EXPECT_GE(20 * near_ns, far_ns);
}

/* -- many ids -------------------------------------------------------------- */

static int send_ids(FIXTURE_DATA(hold) *self, int from, int n)
{
	struct mq_batch batch = {};
	struct devmq_send send;
	char id[2][16];
	int i, error = 0;

	for (i = 0; i < n && !error; i++) {
		snprintf(id[0], sizeof(id[0]), "%d", from + i);
		mq_batch_add_message(&batch, &(struct mq_message) {
				     .text = "m", .dedup = id[0] });
		if (i % 500 != 499 && i != n - 1)
			continue;
		error = mq_send(self->fd, batch.data, batch.size, &send);
		mq_batch_free(&batch);
	}
	mq_batch_free(&batch);
	return error;
}

static int remember(FIXTURE_DATA(hold) *self, int n)
{
	return send_ids(self, 0, n);
}

static int forget(FIXTURE_DATA(hold) *self, int n)
{
	return mq_sysfs_set(&self->queue, "dedup_max", "1") ?:
	       send_ids(self, n, 1000);
}

TEST_F(hold, ids_are_forgotten_in_portions)
{
	static const struct attack attack = {
		"dedup_window_ms=3600000 dedup_max=1000000", send_and_look,
		remember, forget,
	};

	EXPECT_BOUNDED(&attack, 10 * MANY);
}

/*
 * Let @n open files peek at a message in the middle: each leaves a cursor
 * there.
 */
static int leave_cursors(FIXTURE_DATA(hold) *self, int n)
{
	struct devmq_record record;
	char buffer[256];
	int i, error;

	error = mq_fill_fast(self->fd, 100) ?:
		open_many(self, n, O_RDONLY);
	for (i = 0; i < n && !error; i++) {
		struct devmq_peek peek;

		mq_peek_init(&peek, buffer, sizeof(buffer));
		peek.after_id = 49;
		peek.max_count = 1;
		error = mq_ioctl(self->fds[i], DEVMQ_IOC_PEEK, &peek);
		memcpy(&record, buffer, sizeof(record));
		if (!error && record.id != 50)
			error = -EBADMSG;
	}
	return error;
}

/* Peek and purge across the cursors of other open files. */
static int look_past_cursors(FIXTURE_DATA(hold) *self, int n)
{
	struct devmq_record record;
	int i, error = 0;

	for (i = 0; i < 50 && !error; i++)
		error = mq_peek_id(&self->queue, 51 + i % 50, &record);
	if (!error && mq_purge(self->fd, 40, 60) != 21)
		error = -EBADMSG;
	return error;
}

TEST_F(hold, places_of_others_are_passed_few_at_a_time)
{
	static const struct attack attack = {
		"", send_and_look, leave_cursors, look_past_cursors,
	};

	EXPECT_BOUNDED(&attack, MANY);
}

/* Send two messages for each of @n keys, and hold one of each key. */
static int fill_keys(FIXTURE_DATA(hold) *self, int n)
{
	char key[32];
	int i;

	for (i = 0; i < 2 * n; i++) {
		snprintf(key, sizeof(key), "key %d", i % n);
		if (MQ_SEND(self->fd, .text = "x", .key = key) < 0)
			return -EIO;
	}
	return hold_many(self->fd, n);
}

/* Release all and receive again: each key gets another turn. */
static int settle_keys(FIXTURE_DATA(hold) *self, int n)
{
	if (mq_settle(self->fd, 1, UINT64_MAX, DEVMQ_ACTION_RELEASE) != n)
		return -EBADMSG;
	return hold_many(self->fd, n);
}

TEST_F(hold, keys_take_turns_in_portions)
{
	static const struct attack attack = {
		"order=key fairness=key ack=manual", send_and_look,
		fill_keys, settle_keys,
	};

	EXPECT_BOUNDED(&attack, MANY);
}

/* Revoke all deliveries. */
static int revoke_all(FIXTURE_DATA(hold) *self, int n)
{
	struct devmq_revoke revoke = { .size = sizeof(revoke) };
	int error;

	mq_settlement(&revoke.how, 1, UINT64_MAX, DEVMQ_ACTION_RELEASE);
	error = mq_ioctl(self->fd, DEVMQ_IOC_REVOKE, &revoke);
	return error ?: revoke.how.settled == n ? 0 : -EBADMSG;
}

static int hold_all(FIXTURE_DATA(hold) *self, int n)
{
	return mq_fill_fast(self->fd, n) ?: hold_many(self->fd, n);
}

TEST_F(hold, revoking_settles_few_at_a_time)
{
	static const struct attack attack = {
		"ack=manual", send_and_look, hold_all, revoke_all,
	};

	EXPECT_BOUNDED(&attack, 10 * MANY);
}

/*
 * @n consumers hold a message each. The next message has failed and is
 * delivered alone, so they get nothing until another consumer takes it.
 */
static int meet_many(FIXTURE_DATA(hold) *self, int n)
{
	char data[64];
	int i, error;

	error = mq_fill_fast(self->fd, n + 1) ?:
		open_many(self, n, O_RDONLY);
	for (i = 0; i < n && !error; i++)
		error = mq_read(self->fds[i], data, sizeof(data)) > 0 ?
			0 : -EIO;
	if (error)
		return error;
	/* The last message has failed once, and dies of a second failure. */
	if (mq_read(self->fd, data, sizeof(data)) <= 0 ||
	    mq_retry(self->fd, n + 1, 1) != 1)
		return -EIO;
	for (i = 0; i < n && !error; i++)
		if (mq_read(self->fds[i], data, sizeof(data)) != -EAGAIN)
			error = -EBADMSG;
	return error;
}

static int take_alone(FIXTURE_DATA(hold) *self, int n)
{
	char data[64];

	if (mq_read(self->fd, data, sizeof(data)) <= 0 ||
	    mq_last_id(self->fd) != n + 1)
		return -EBADMSG;
	mq_sleep_ms(100);
	return 0;
}

TEST_F(hold, consumers_that_waited_for_one_to_be_taken_are_told_in_portions)
{
	static const struct attack attack = {
		"ack=manual max_deliveries=2 retry_ms=0", send_and_look,
		meet_many, take_alone,
	};

	EXPECT_BOUNDED(&attack, MANY);
}

/* -- killed processes ------------------------------------------------------ */

/*
 * Kill a process that is in the middle of @run. Returns how many nanoseconds it
 * takes to exit, or a negative errno: EALREADY if @run ended first.
 */
static long long killed_ns(FIXTURE_DATA(hold) *self,
			   int (*run)(FIXTURE_DATA(hold) *self))
{
	int begun[2], status;
	uint64_t from;
	pid_t child;
	char byte;

	if (pipe(begun))
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		if (write(begun[1], "x", 1) != 1)
			_exit(1);
		_exit(run(self) ? 2 : 3);
	}
	if (read(begun[0], &byte, 1) != 1)
		return -EIO;
	close(begun[0]);
	close(begun[1]);
	mq_sleep_ms(300);
	from = mq_now_ns();
	kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child)
		return -errno;
	if (!WIFSIGNALED(status))
		return -EALREADY;
	return mq_now_ns() - from;
}

#define EXPECT_DIES(run) do {						\
	long long __ns = killed_ns(self, run);				\
									\
	ASSERT_LE(0, __ns);						\
	TH_LOG("exited after %lld ms", __ns / 1000000);			\
	EXPECT_GE(DEATH_NS, __ns);					\
} while (0)

/* Settle as often as one call allows: each time, extend all deliveries. */
static int extend_all(FIXTURE_DATA(hold) *self)
{
	struct devmq_settlement *s = calloc(DEVMQ_SETTLE_MAX, sizeof(*s));
	uint64_t settled;
	int i;

	for (i = 0; i < DEVMQ_SETTLE_MAX; i++) {
		mq_settlement(&s[i], 1, 100000, DEVMQ_ACTION_EXTEND);
		s[i].delay_ns = MQ_HOUR;
	}
	return mq_settle_many(self->fd, s, DEVMQ_SETTLE_MAX, &settled);
}

TEST_F(hold, settling_ends_with_its_process)
{
	ASSERT_EQ(0, begin(self, "ack=manual"));
	ASSERT_EQ(0, mq_fill_fast(self->fd, 5 * MANY));
	ASSERT_EQ(0, hold_many(self->fd, 5 * MANY));
	EXPECT_DIES(extend_all);
	/* All deliveries are still held. */
	EXPECT_EQ(5 * MANY, mq_held(self->fd));
}

/* The same, by a command of io_uring. */
static int extend_all_by_ring(FIXTURE_DATA(hold) *self)
{
	static struct devmq_settlement s[DEVMQ_SETTLE_MAX];
	struct devmq_settle settle = {
		.size = sizeof(settle),
		.settlements = (uintptr_t)s,
		.count = DEVMQ_SETTLE_MAX,
	};
	struct ring ring;
	int i;

	if (ring_open(&ring))
		return -ENOSYS;
	for (i = 0; i < DEVMQ_SETTLE_MAX; i++) {
		mq_settlement(&s[i], 1, 100000, DEVMQ_ACTION_EXTEND);
		s[i].delay_ns = MQ_HOUR;
	}
	ring_command(&ring, self->fd, DEVMQ_IOC_SETTLE, &settle, 1);
	return ring_submit(&ring) == 1 ? 0 : -EIO;
}

TEST_F(hold, settling_by_io_uring_ends_with_its_process)
{
	struct ring ring;
	int error = ring_open(&ring);

	if (RING_ABSENT(error))
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, error);
	ring_close(&ring);
	ASSERT_EQ(0, begin(self, "ack=manual"));
	ASSERT_EQ(0, mq_fill_fast(self->fd, 5 * MANY));
	ASSERT_EQ(0, hold_many(self->fd, 5 * MANY));
	EXPECT_DIES(extend_all_by_ring);
	/*
	 * All deliveries are still held. The kernel frees the ring, and its
	 * reference to the file, only later.
	 */
	EXPECT_EQ(5 * MANY, mq_held(self->fd));
}

#define LINES	(64 << 20)
static char lines[LINES];

/* Each newline is a message. */
static int write_newlines(FIXTURE_DATA(hold) *self)
{
	return mq_write(self->fd, lines, LINES) == LINES ? 0 : -EIO;
}

TEST_F(hold, write_of_lines_ends_with_its_process)
{
	memset(lines, '\n', LINES);
	ASSERT_EQ(0, begin(self, "framing=line overflow=drop-head"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "100"));
	EXPECT_DIES(write_newlines);
	EXPECT_EQ(100, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(100, mq_stat_of(&self->queue, bytes));
}

/* -- a consumer that dies -------------------------------------------------- */

/* Fork a process that holds @n deliveries: its pid, or a negative errno. */
static pid_t holder(FIXTURE_DATA(hold) *self, int n)
{
	int pipes[2], fd;
	pid_t child;
	char byte;

	if (pipe(pipes))
		return -errno;
	child = fork();
	if (!child) {
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		if (fd < 0 || hold_many(fd, n) ||
		    write(pipes[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	close(pipes[1]);
	if (child > 0 && read(pipes[0], &byte, 1) != 1)
		child = -EIO;
	close(pipes[0]);
	return child;
}

TEST_F(hold, consumer_that_dies_with_much_keeps_nobody_waiting)
{
	struct mq_queue other;
	struct bystander b;
	int fd, status;
	pid_t child;

	ASSERT_EQ(0, begin(self, "ack=manual max_deliveries=0"));
	ASSERT_EQ(0, mq_fill_fast(self->fd, 300000));
	child = holder(self, 300000);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, mq_create(&other, "ack=manual max_deliveries=0"));
	fd = mq_open(&other, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "x"));
	ASSERT_EQ(0, bystander_begin(&b, &other, receive_and_close, 0));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, bystander_end(&b));
	EXPECT_EQ(300000, mq_stat_of(&self->queue, ready));
	close(fd);
	TH_LOG("slowest bystander receive: %llu us",
	       (unsigned long long)b.worst_ns / 1000);
	EXPECT_GE(SLACK_NS, b.worst_ns);
}

TEST_HARNESS_MAIN
