// SPDX-License-Identifier: GPL-2.0
/* Moving a journal to another file while it is used. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "mq_test.h"
#include "fixtures/journal.h"
#include "helpers/process.h"
#include "helpers/thread.h"

/* Move the journal to a new file. */
#define MOVE() do {							\
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));		\
	ASSERT_EQ(0, journal_move(&self->j, &self->to));		\
} while (0)

/* -- what is there afterwards --------------------------------------------------- */

TEST_F(journal, messages_are_in_the_other_file)
{
	KEEP(&self->queue, "priorities=4");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "first", .key = "k"));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "second", .priority = 3));
	MOVE();
	/* The descriptor is as good as before. */
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "third"));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, "second"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_STREQ("k", self->look.key);
	EXPECT_EQ(0, mq_get(self->fd, "first"));
	EXPECT_EQ(0, mq_get(self->fd, "third"));
}

/* Nothing needs to be confirmed after the move for that. */
TEST_F(journal, move_confirms_what_was_sent_before)
{
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 100));
	MOVE();
	CRASH();
	EXPECT_EQ(100, mq_stat_of(&self->queue, ready));
	EXPECT_LT(100, mq_send_one(self->fd, "x", 1));
}

TEST_F(journal, states_are_in_the_other_file)
{
	KEEP(&self->queue, "ack=manual max_deliveries=5");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill_states(self->fd));
	MOVE();
	CRASH();
	MQ_EXPECT(&self->queue, 1, DEFERRED, 1, 0, NONE);
	MQ_EXPECT(&self->queue, 2, DEAD, 1, 0, NONE);
	MQ_EXPECT(&self->queue, 3, DELAYED, 1, 1, RETRY);
	/* It was in flight. */
	MQ_EXPECT(&self->queue, 4, READY, 1, 0, NONE);
	EXPECT_EQ(DEVMQ_STATE_READY, mq_state(&self->queue, 5));
	EXPECT_EQ(DEVMQ_STATE_DELAYED, mq_state(&self->queue, 6));
}

TEST_F(journal, deliveries_go_on_during_a_move)
{
	KEEP(&self->queue, "ack=manual");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	MOVE();
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	ASSERT_EQ(1, mq_reject_with(self->fd, 2, 300, "bad"));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 1));
	MQ_EXPECT(&self->queue, 2, DEAD, 1, 0, NONE);
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_STREQ("bad", self->look.note);
	MQ_EXPECT(&self->queue, 3, READY, 1, 0, NONE);
}

TEST_F(journal, options_and_dead_letters_are_in_the_other_file)
{
	struct stat st;

	KEEP(&self->other, "mode=0640");
	KEEP(&self->queue, "ack=manual dead_letter=%s", self->other.name);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "17"));
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 1, 300, "bad"));
	MOVE();
	CRASH();
	EXPECT_EQ(17, mq_sysfs_number(&self->queue, "max_messages"));
	ASSERT_EQ(0, stat(self->other.path, &st));
	EXPECT_EQ(0640, st.st_mode & 07777);
	ASSERT_EQ(0, mq_look_id(&self->other, 1, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(1, self->look.extra.origin_id);
}

static int duplicate(int fd, const char *id)
{
	struct mq_message message = { .text = "d", .dedup = id };
	struct mq_batch batch = {};
	struct devmq_send send;
	int error;

	mq_batch_add_message(&batch, &message);
	error = mq_send(fd, batch.data, batch.size, &send);
	mq_batch_free(&batch);
	return error ?: send.result == DEVMQ_SENT_DUP;
}

TEST_F(journal, deduplication_ids_are_in_the_other_file)
{
	char id[16];
	int i;

	KEEP(&self->queue, "dedup_window_ms=3600000");
	OPEN(O_RDWR | O_NONBLOCK);
	for (i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "id%d", i);
		ASSERT_EQ(0, duplicate(self->fd, id));
		ASSERT_EQ(0, mq_get(self->fd, "d"));
	}
	ASSERT_EQ(0, duplicate(self->fd, "purged"));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(1, mq_purge(self->fd, 201, 201));
	MOVE();
	ASSERT_EQ(0, duplicate(self->fd, "later"));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	for (i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "id%d", i);
		EXPECT_EQ(1, duplicate(self->fd, id));
	}
	EXPECT_EQ(1, duplicate(self->fd, "later"));
	EXPECT_EQ(0, duplicate(self->fd, "purged"));
}

TEST_F(journal, what_is_gone_is_not_in_the_other_file)
{
	KEEP(&self->other, "");
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 20));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(10, mq_purge(self->fd, 1, 10));
	MOVE();
	ASSERT_EQ(5, mq_purge(self->fd, 11, 15));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, mq_remove(&self->other));
	CRASH();
	EXPECT_EQ(5, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, "m16"));
	EXPECT_EQ(-ENOENT, mq_open(&self->other, O_RDWR));
}

TEST_F(journal, journal_can_be_moved_back_and_forth)
{
	char text[32];
	int i;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	for (i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "r%d", i);
		ASSERT_LT(0, mq_put(self->fd, text));
		ASSERT_EQ(0, journal_move(&self->j, &self->to));
		if (i % 2)
			CRASH();
	}
	for (i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "r%d", i);
		EXPECT_EQ(0, mq_get(self->fd, text));
	}
	EXPECT_EQ(-EAGAIN, mq_get(self->fd, ""));
}

TEST_F(journal, old_file_is_refused_and_free)
{
	struct devmq_journal_attach a;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	MOVE();
	EXPECT_EQ(-ESTALE, journal_attach_path(self->to.path, "old", &a));
	AGAIN();
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(-ESTALE, journal_attach_path(self->to.path, "old", &a));
}

/* A file of another size has as much room as one that was attached. */
TEST_F(journal, larger_file_gives_more_room)
{
	static char data[60000];
	struct mq_call call;
	__u64 before;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	while (mq_write(self->fd, data, sizeof(data)) == sizeof(data))
		;
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	before = self->info.capacity;
	int fd = mq_open(&self->queue, O_WRONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, journal_make(&self->to, 2 * JOURNAL_BYTES));
	ASSERT_EQ(0, journal_move(&self->j, &self->to));
	EXPECT_EQ(sizeof(data), mq_call_result(&call));
	close(fd);
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_LT(before, self->info.capacity);
	EXPECT_EQ(0, self->info.moved);
	AGAIN();
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_LT(before, self->info.capacity);
}

/* -- under load ----------------------------------------------------------------- */

struct load {
	const struct mq_queue *queue;
	unsigned int number;
	unsigned int confirmed;	/* messages that are on stable storage */
	int error;
	bool stop;
	pthread_t thread;
};

/* Send messages that are confirmed one by one. */
static void *load_send(void *argument)
{
	struct load *l = argument;
	int fd = mq_open(l->queue, O_WRONLY | O_SYNC);
	char text[32];
	ssize_t n;

	while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE)) {
		snprintf(text, sizeof(text), "%u.%u", l->number, l->confirmed);
		n = mq_put(fd, text);
		if (n <= 0) {
			l->error = n ?: -EIO;
			break;
		}
		__atomic_store_n(&l->confirmed, l->confirmed + 1,
				 __ATOMIC_RELEASE);
	}
	close(fd);
	return NULL;
}

static bool load_goes_on(struct load *l, unsigned int than)
{
	return __atomic_load_n(&l->confirmed, __ATOMIC_ACQUIRE) > than;
}

#define SENDERS	3

TEST_F(journal, senders_go_on_and_nothing_is_lost)
{
	unsigned int i, n, before, round, next[SENDERS] = {};
	struct load load[SENDERS] = {};
	char text[32];

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	for (i = 0; i < SENDERS; i++) {
		load[i] = (struct load){ .queue = &self->queue, .number = i };
		ASSERT_EQ(0, pthread_create(&load[i].thread, NULL, load_send,
					    &load[i]));
	}
	for (round = 0; round < 4; round++) {
		before = load[0].confirmed;
		ASSERT_TRUE(mq_wait_until(load_goes_on(&load[0], before + 3)));
		EXPECT_EQ(0, journal_move(&self->j, &self->to));
	}
	for (i = 0; i < SENDERS; i++)
		__atomic_store_n(&load[i].stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < SENDERS; i++)
		pthread_join(load[i].thread, NULL);
	CRASH();
	for (i = 0, n = 0; i < SENDERS; i++) {
		EXPECT_EQ(0, load[i].error);
		n += load[i].confirmed;
	}
	EXPECT_EQ(n, mq_stat_of(&self->queue, ready));
	while (n--) {
		ssize_t size = mq_read(self->fd, text, sizeof(text) - 1);
		unsigned int number, k;

		ASSERT_LT(0, size);
		text[size] = '\0';
		ASSERT_EQ(2, sscanf(text, "%u.%u", &number, &k));
		ASSERT_GT(SENDERS, number);
		/* Those of each sender are in order. */
		ASSERT_EQ(next[number]++, k);
	}
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(DEVMQ_JOURNAL_OK, self->info.state);
}

/* Two queues between which messages move all the time. */
static void *load_move(void *argument)
{
	struct load *l = argument;
	int fd = mq_open(l->queue, O_RDWR | O_NONBLOCK);

	while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE) && !l->error) {
		struct devmq_redrive r = {
			.size = sizeof(r), .flags = DEVMQ_REDRIVE_TO,
			.target_fd = l->number,
			.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY),
			.first_id = 1, .last_id = ~0ULL,
		};

		l->error = mq_ioctl(fd, DEVMQ_IOC_REDRIVE, &r);
		l->confirmed += r.moved;
	}
	close(fd);
	return NULL;
}

TEST_F(journal, messages_that_move_between_queues_are_there_once)
{
	struct load load[2] = {};
	unsigned int i, round;
	int fds[2];

	KEEP(&self->other, "");
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 200));
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	fds[0] = mq_open(&self->other, O_WRONLY);
	fds[1] = mq_open(&self->queue, O_WRONLY);
	for (i = 0; i < 2; i++) {
		load[i] = (struct load){ .queue = i ? &self->other : &self->queue,
					 .number = fds[i] };
		ASSERT_EQ(0, pthread_create(&load[i].thread, NULL, load_move,
					    &load[i]));
	}
	for (round = 0; round < 4; round++)
		EXPECT_EQ(0, journal_move(&self->j, &self->to));
	for (i = 0; i < 2; i++)
		__atomic_store_n(&load[i].stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++) {
		pthread_join(load[i].thread, NULL);
		EXPECT_EQ(0, load[i].error);
		close(fds[i]);
	}
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(200, mq_stat_of(&self->queue, ready) +
		       mq_stat_of(&self->other, ready));
}

TEST_F(journal, queues_that_come_and_go_during_a_move)
{
	unsigned int i, round;
	pid_t child;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill_fast(self->fd, 3000));
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	child = mq_fork();
	if (!child) {
		for (i = 0; ; i++) {
			if (mq_control("create %s.%u journal=%s",
				       self->queue.name, i, self->j.name) ||
			    mq_control("remove %s.%u", self->queue.name, i))
				_exit(1);
		}
	}
	ASSERT_LT(0, child);
	for (round = 0; round < 4; round++)
		EXPECT_EQ(0, journal_move(&self->j, &self->to));
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	CRASH();
	EXPECT_EQ(3000, mq_stat_of(&self->queue, ready));
	for (i = 0; i < 3000; i++) {
		char name[DEVMQ_NAME_MAX + 8];

		snprintf(name, sizeof(name), "%s.%u", self->queue.name, i);
		mq_control("remove %s force", name);
	}
}

/* -- a journal that has failed ---------------------------------------------------- */

TEST_F(journal, failed_journal_works_again_in_another_file)
{
	KEEP(&self->queue, "ack=manual dedup_window_ms=3600000");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 10));
	ASSERT_EQ(0, duplicate(self->fd, "a"));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, truncate(self->j.path, 0));
	/* It may be noticed now or later, and is then taken or not. */
	ssize_t sent = mq_put(self->fd, "last");

	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-EIO, mq_put(self->fd, "x"));
	/* What becomes of messages meanwhile is kept. */
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	ASSERT_EQ(1, mq_reject_with(self->fd, 2, 300, "bad"));
	MOVE();
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(DEVMQ_JOURNAL_OK, self->info.state);
	EXPECT_EQ(0, self->info.error);
	ASSERT_LT(0, mq_put(self->fd, "x"));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 1));
	MQ_EXPECT(&self->queue, 2, DEAD, 1, 0, NONE);
	MQ_EXPECT(&self->queue, 3, READY, 1, 0, NONE);
	EXPECT_EQ(DEVMQ_STATE_READY, mq_state(&self->queue, 10));
	EXPECT_EQ(10 + (sent > 0), mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1, duplicate(self->fd, "a"));
}

/* All was delivered while nothing held that back. */
TEST_F(journal, deliveries_of_a_failed_journal_are_marked)
{
	struct devmq_record *r;
	static char data[1 << 18];
	struct devmq_recv recv;
	unsigned int n = 0;

	KEEP(&self->queue, "ack=manual max_messages=100000");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill_fast(self->fd, 9000));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, truncate(self->j.path, 0));
	mq_put(self->fd, "last");
	EXPECT_EQ(-1, fsync(self->fd));
	while (n < 8000) {
		ASSERT_EQ(0, mq_recv(self->fd, data, sizeof(data), &recv));
		r = (void *)data;
		EXPECT_EQ(n + 1, r->id);
		n += recv.count;
	}
	MOVE();
	CRASH();
	EXPECT_LE(9000, mq_stat_of(&self->queue, ready));
	MQ_EXPECT(&self->queue, 1, READY, 1, 0, NONE);
	MQ_EXPECT(&self->queue, 8000, READY, 1, 0, NONE);
}

/* -- what is refused ------------------------------------------------------------- */

/* The journal works in its own file. */
static int journal_is_unmoved(struct journal_file *j, struct mq_queue *queue)
{
	int fd = mq_open(queue, O_WRONLY | O_SYNC), error;

	error = mq_put(fd, "still") < 0;
	close(fd);
	error = error ?: journal_crash(j);
	return error ?: mq_stat_of(queue, ready) == 2 ? 0 : -ENODATA;
}

#define EXPECT_REFUSED(error, call) do {				\
	EXPECT_EQ(error, call);						\
	EXPECT_EQ(0, journal_is_unmoved(&self->j, &self->queue));	\
	OPEN(O_RDWR | O_NONBLOCK);					\
	EXPECT_EQ(0, mq_get(self->fd, "first"));			\
	EXPECT_EQ(0, mq_get(self->fd, "still"));			\
	CLOSE();							\
} while (0)

#define FIRST() do {							\
	KEEP(&self->queue, "");						\
	OPEN(O_RDWR | O_NONBLOCK);					\
	ASSERT_EQ(5, mq_put(self->fd, "first"));			\
	CLOSE();							\
} while (0)

TEST_F(journal, move_to_itself_is_refused)
{
	FIRST();
	EXPECT_REFUSED(-EBUSY, journal_move_path(self->j.name, self->j.path));
}

TEST_F(journal, move_to_a_journal_with_queues_is_refused)
{
	FIRST();
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	ASSERT_EQ(0, journal_attach(&self->to));
	EXPECT_EQ(-EBUSY, journal_move_path(self->j.name, self->to.path));
	ASSERT_EQ(0, mq_create(&self->other, "journal=%s", self->to.name));
	ASSERT_EQ(0, journal_detach(&self->to));
	EXPECT_REFUSED(-ENOTEMPTY, journal_move_path(self->j.name, self->to.path));
	/* That one was not touched. */
	ASSERT_EQ(0, journal_attach(&self->to));
	ASSERT_EQ(0, mq_remove(&self->other));
	ASSERT_EQ(0, journal_detach(&self->to));
	EXPECT_EQ(0, journal_move(&self->j, &self->to));
}

TEST_F(journal, move_to_a_file_that_is_too_small_is_refused)
{
	static char data[60000];
	int n = 0;

	FIRST();
	OPEN(O_RDWR | O_NONBLOCK);
	while (n < 60 && mq_write(self->fd, data, sizeof(data)) == sizeof(data))
		n++;
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES / 2));
	EXPECT_EQ(-ENOSPC, journal_move_path(self->j.name, self->to.path));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(1 + n, mq_stat_of(&self->queue, ready));
	/* The other file is as it was. */
	ASSERT_EQ(n, mq_purge(self->fd, 2, 1000));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, journal_move(&self->j, &self->to));
	EXPECT_EQ(0, mq_get(self->fd, "first"));
}

TEST_F(journal, move_to_what_is_no_journal_is_refused)
{
	int fd, ends[2];

	FIRST();
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	EXPECT_EQ(-EBADF, journal_move_fd(self->j.name, -1));
	ASSERT_EQ(0, pipe(ends));
	EXPECT_EQ(-ENOTBLK, journal_move_fd(self->j.name, ends[0]));
	close(ends[0]);
	close(ends[1]);
	fd = open(self->to.path, O_RDONLY);
	EXPECT_EQ(-EBADF, journal_move_fd(self->j.name, fd));
	close(fd);
	EXPECT_EQ(-ENOENT, journal_move_path("nosuch", self->to.path));
	EXPECT_EQ(-EINVAL, journal_move_path("", self->to.path));
	fd = open(self->to.path, O_RDWR);
	ASSERT_LE(0, fd);
	static char zeros[8192];

	ASSERT_EQ(sizeof(zeros), pwrite(fd, zeros, sizeof(zeros), 0));
	close(fd);
	EXPECT_REFUSED(-ENODATA, journal_move_path(self->j.name, self->to.path));
	ASSERT_EQ(0, truncate(self->to.path, 0));
	ASSERT_EQ(0, truncate(self->to.path, JOURNAL_BYTES));
	EXPECT_EQ(-EINVAL, journal_move_path(self->j.name, self->to.path));
}

TEST_F(journal, arguments_of_a_move_are_checked)
{
	struct devmq_journal_move m = { .size = sizeof(m), .fd = -1 };
	int control = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, control);
	snprintf(m.name, sizeof(m.name), "%s", self->j.name);
	m.flags = 1;
	EXPECT_EQ(-EINVAL, mq_ioctl(control, DEVMQ_IOC_JOURNAL_MOVE, &m));
	m.flags = 0;
	m.reserved = 1;
	EXPECT_EQ(-EINVAL, mq_ioctl(control, DEVMQ_IOC_JOURNAL_MOVE, &m));
	m.reserved = 0;
	m.size = sizeof(m) - 1;
	EXPECT_EQ(-EINVAL, mq_ioctl(control, DEVMQ_IOC_JOURNAL_MOVE, &m));
	EXPECT_EQ(-EFAULT, mq_ioctl(control, DEVMQ_IOC_JOURNAL_MOVE, NULL));
	close(control);
	control = open(MQ_CONTROL, O_RDONLY | O_CLOEXEC);
	m.size = sizeof(m);
	EXPECT_EQ(-EBADF, mq_ioctl(control, DEVMQ_IOC_JOURNAL_MOVE, &m));
	close(control);
}

/* -- moves that do not end -------------------------------------------------------- */

/* A mover that is killed leaves the journal where it was, or where it is to be. */
TEST_F(journal, killed_mover_loses_nothing)
{
	static char data[3000];
	struct devmq_journal_attach a;
	int i, status;
	pid_t child;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(sizeof(data), mq_write(self->fd, data, sizeof(data)));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	child = mq_fork();
	if (!child)
		_exit(journal_move_path(self->j.name, self->to.path) ? 1 : 0);
	ASSERT_LT(0, child);
	do {
		ASSERT_EQ(0, journal_info(&self->j, &self->info));
	} while (!self->info.moved && !waitpid(child, &status, WNOHANG));
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	/* One of the files has the journal, and it still works. */
	ASSERT_EQ(1000, mq_stat_of(&self->queue, ready));
	ASSERT_LT(0, mq_put(self->fd, "x"));
	ASSERT_EQ(0, fsync(self->fd));
	CLOSE();
	ASSERT_TRUE(mq_wait_until(journal_detach(&self->j) == 0));
	self->attached = false;
	i = journal_attach_path(self->to.path, self->j.name, &a);
	if (i) {
		EXPECT_EQ(-ENODATA, i);
		EXPECT_EQ(0, journal_attach_path(self->j.path, self->j.name, &a));
	} else {
		self->attached = true;
		EXPECT_EQ(-ESTALE, journal_attach_path(self->j.path, "old", NULL));
	}
	self->attached = true;
	EXPECT_EQ(1001, mq_stat_of(&self->queue, ready));
}

TEST_HARNESS_MAIN
