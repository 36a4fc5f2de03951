// SPDX-License-Identifier: GPL-2.0
/* The memory of messages that come back when a journal is attached. */
#include "mq_test.h"
#include "fixtures/journal.h"
#include "helpers/clock.h"
#include "helpers/process.h"
#include "helpers/used.h"

/* Bytes of each message. */
#define BYTES	200

static const char *message(unsigned int number)
{
	static char text[BYTES + 1];

	memset(text, 'x', BYTES);
	text[snprintf(text, sizeof(text), "m%u", number)] = ' ';
	return text;
}

/* Send messages 1 to @count. Returns 0 or a negative errno. */
static int fill(int fd, unsigned int count)
{
	unsigned int i;
	ssize_t done;

	for (i = 1; i <= count; i++) {
		done = mq_put(fd, message(i));
		if (done != BYTES)
			return done < 0 ? done : -EIO;
	}
	return fsync(fd) ? -errno : 0;
}

TEST_F(journal, what_comes_back_takes_no_more_memory_than_what_was_sent)
{
	long long before = mq_used_settled(), sent;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, fill(self->fd, 3000));
	CLOSE();
	sent = mq_used();
	AGAIN();
	EXPECT_EQ(3000, mq_stat_of(&self->queue, ready));
	CLOSE();
	EXPECT_GE(sent, mq_used());
	OPEN(O_RDWR | O_NONBLOCK);
	/* All of it is given back. */
	ASSERT_EQ(2999, mq_purge(self->fd, 1, 2999));
	EXPECT_EQ(0, mq_get(self->fd, message(3000)));
	ASSERT_EQ(0, fsync(self->fd));
	CLOSE();
	EXPECT_TRUE(mq_wait_until(mq_used() == before));
}

TEST_F(journal, few_messages_take_no_more_memory_than_they_need)
{
	unsigned int counts[] = { 1, 3, 7, 12, 20, 50 }, i;
	long long sent;

	for (i = 0; i < 6; i++) {
		long long before = mq_used_settled();

		KEEP(&self->queue, "");
		OPEN(O_RDWR | O_NONBLOCK);
		ASSERT_EQ(0, fill(self->fd, counts[i]));
		CLOSE();
		sent = mq_used();
		AGAIN();
		/* An open file takes memory, too. */
		CLOSE();
		/* A quarter is what chunks may take that are not full. */
		EXPECT_GE(sent + sent / 4, mq_used());
		OPEN(O_RDWR | O_NONBLOCK);
		EXPECT_EQ(counts[i], mq_purge(self->fd, 0, 0));
		ASSERT_EQ(0, fsync(self->fd));
		CLOSE();
		ASSERT_EQ(0, mq_remove(&self->queue));
		EXPECT_TRUE(mq_wait_until(mq_used() == before));
	}
}

TEST_F(journal, what_is_left_of_what_came_back_is_compacted)
{
	unsigned int i, count = 8000, step = 50;
	long long full;

	KEEP(&self->queue, "max_messages=%u", count);
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, fill(self->fd, count));
	AGAIN();
	full = mq_used();
	for (i = 0; i < count; i += step)
		ASSERT_EQ(step - 1, mq_purge(self->fd, i + 1, i + step - 1));
	/* Otherwise nearly each chunk would be kept by a message or two. */
	EXPECT_TRUE(mq_wait_until(mq_used() < full / 2));
	for (i = step; i <= count; i += step)
		ASSERT_EQ(0, mq_get(self->fd, message(i)));
	EXPECT_EQ(-EAGAIN, mq_get(self->fd, ""));
}

TEST_F(journal, senders_of_what_comes_back_are_told_apart)
{
	unsigned int i;
	pid_t pid[20];

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, fill(self->fd, 200));
	for (i = 0; i < 20; i++) {
		pid[i] = mq_fork();
		if (!pid[i])
			_exit(mq_put(self->fd, message(i)) != BYTES);
		ASSERT_EQ(0, mq_wait_child(pid[i]));
	}
	ASSERT_EQ(0, fsync(self->fd));
	AGAIN();
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, mq_look_id(&self->queue, 201 + i, &self->look));
		EXPECT_EQ(pid[i], self->look.record.pid);
	}
}

/* Attach, and read how much memory the messages need. Returns an errno. */
static int attach_with(const struct journal_file *j, long long total,
		       long long *need)
{
	int control = open(MQ_CONTROL, O_RDWR | O_CLOEXEC), error;
	struct devmq_journal_attach a = { .size = sizeof(a) };
	char all[64], text[512] = "";
	const char *words;

	if (mq_read_file(MQ_TOTAL_BYTES, all, sizeof(all)))
		return -EIO;
	snprintf(text, sizeof(text), "%lld", total);
	if (mq_write_file(MQ_TOTAL_BYTES, text))
		return -EIO;
	a.fd = open(j->path, O_RDWR | O_CLOEXEC);
	snprintf(a.name, sizeof(a.name), "%s", j->name);
	error = mq_ioctl(control, DEVMQ_IOC_JOURNAL_ATTACH, &a);
	memset(text, 0, sizeof(text));
	if (error && read(control, text, sizeof(text) - 1) < 0)
		error = -EIO;
	words = strstr(text, "need up to ");
	*need = words ? atoll(words + strlen("need up to ")) : 0;
	close(a.fd);
	close(control);
	return mq_write_file(MQ_TOTAL_BYTES, all) ?: error;
}

TEST_F(journal, without_memory_nothing_changes_and_what_is_asked_for_is_enough)
{
	long long before = mq_used_settled(), need, unused;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, fill(self->fd, 3000));
	CLOSE();
	ASSERT_EQ(0, journal_detach(&self->j));
	self->attached = false;
	ASSERT_EQ(-EDQUOT, attach_with(&self->j, before + (300 << 10), &need));
	EXPECT_EQ(before, mq_used());
	EXPECT_EQ(-ENOENT, mq_open(&self->queue, O_RDWR));
	ASSERT_LT(300 << 10, need);
	ASSERT_EQ(0, attach_with(&self->j, before + need, &unused));
	self->attached = true;
	OPEN(O_RDWR | O_NONBLOCK);
	EXPECT_EQ(3000, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, message(1)));
}

TEST_HARNESS_MAIN
