// SPDX-License-Identifier: GPL-2.0
/*
 * A journal in a machine without memory: ./pressure runs this in one that is small
 * enough to be filled.
 *
 *   PRESSURE_FS     where the file system of the journal is mounted
 *   PRESSURE_GROUP  a cgroup2 with the memory controller, or not set
 *
 * Producers that wait for the journal must get on while no memory is free, as the
 * thread that writes must not wait for memory that only it can free. The victims of the
 * OOM killer must end even if the journal cannot be written at all, or no memory is
 * ever free.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "mq_test.h"
#include "helpers/clock.h"
#include "helpers/fixture.h"
#include "helpers/journal.h"
#include "helpers/process.h"
#include "helpers/record.h"

#define PRODUCERS	3
#define PAGE		4096

/* More than such a machine has. */
#define MORE_THAN_ALL	(4ULL << 30)

/* Bytes that may be left. */
#define LITTLE		(1 << 20)

/* Messages that are enough to see that producers get on. */
#define SOME		20

/* Shared with the children. */
struct shared {
	unsigned int	confirmed[PRODUCERS];
	unsigned int	refused;	/* sends of a user without memory */
	unsigned long long used;	/* bytes that the last victim had */
	bool		filled;		/* one has so many, and keeps them */
};

FIXTURE(pressure) {
	struct journal_file j;
	struct mq_queue queue, other;
	struct shared *shared;
	pid_t producer[PRODUCERS];
	int root;
	char group[128];
};

/* The OOM killer takes those with 1000 first, and none with -1000. */
static void be_a_victim(int score)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", score);
	if (mq_write_file("/proc/self/oom_score_adj", text))
		_exit(99);
}

/*
 * Send messages and wait for each to be on the disk, for ever. One is refused if there
 * is no memory for it.
 */
static void produce(const struct mq_queue *queue, unsigned int *confirmed)
{
	int fd = mq_open(queue, O_WRONLY | O_DSYNC);

	be_a_victim(-1000);
	for (;;)
		if (mq_write(fd, "confirmed", 9) == 9)
			__atomic_add_fetch(confirmed, 1, __ATOMIC_RELAXED);
		else if (errno != ENOMEM)
			_exit(1);
}

static unsigned int confirmed(const struct shared *s)
{
	unsigned int i, n = 0;

	for (i = 0; i < PRODUCERS; i++)
		n += __atomic_load_n(&s->confirmed[i], __ATOMIC_RELAXED);
	return n;
}

/* Use @bytes of memory, or what there is. */
static void use_memory(struct shared *s, unsigned long long bytes)
{
	char *map = mmap(NULL, MORE_THAN_ALL, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned long long at;

	if (map == MAP_FAILED)
		_exit(98);
	for (at = 0; at < bytes; at += PAGE) {
		map[at] = 1;
		s->used = at;
	}
}

/*
 * Ask for some memory, as others do on any machine. A file system in the middle of a
 * write waits for memory, but may not have anybody killed for it: it relies on others.
 */
static void want_memory(void)
{
	unsigned int at, size = 64 * PAGE;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return;
	for (at = 0; at < size; at += PAGE)
		map[at] = 1;
	munmap(map, size);
}

/* As mq_wait_until(), many times as long: without memory all that runs is slow. */
#define wait_long_until(condition) ({					\
	unsigned int __times = 10;					\
	bool __is;							\
									\
	while (!(__is = mq_wait_until(condition)) && --__times)		\
		want_memory();						\
	__is;								\
})

/* Has a child ended by SIGKILL within the patience of a test? */
static bool was_killed(pid_t pid)
{
	int status = 0;

	return wait_long_until(waitpid(pid, &status, WNOHANG) == pid) &&
	       WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

FIXTURE_SETUP(pressure)
{
	const char *fs = getenv("PRESSURE_FS");

	MQ_REQUIRE();
	if (!fs)
		SKIP(return, "this is not the machine for it: see ./pressure");
	self->root = open(fs, O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, self->root);
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
	ASSERT_EQ(0, journal_make_in(&self->j, fs, 8 << 20));
	ASSERT_EQ(0, journal_attach(&self->j));
	ASSERT_EQ(0, mq_create(&self->queue,
			       "journal=%s max_messages=100 overflow=drop-head",
			       self->j.name));
	ASSERT_EQ(0, mq_create(&self->other, "journal=%s", self->j.name));
}

FIXTURE_TEARDOWN(pressure)
{
	unsigned int i;

	ioctl(self->root, FITHAW, 0);
	for (i = 0; i < PRODUCERS; i++)
		if (self->producer[i] > 0) {
			kill(self->producer[i], SIGKILL);
			waitpid(self->producer[i], NULL, 0);
		}
	if (self->group[0])
		rmdir(self->group);
	EXPECT_EQ(0, mq_cleanup());
	EXPECT_EQ(0, journal_detach(&self->j));
	journal_unlink(&self->j);
	close(self->root);
}

#define PRODUCE() do {							\
	unsigned int __i;						\
									\
	for (__i = 0; __i < PRODUCERS; __i++) {				\
		self->producer[__i] = mq_fork();			\
		ASSERT_LE(0, self->producer[__i]);			\
		if (!self->producer[__i])				\
			produce(&self->queue,				\
				&self->shared->confirmed[__i]);		\
	}								\
	ASSERT_TRUE(wait_long_until(confirmed(self->shared) >= SOME));	\
} while (0)

/* Producers get on from here. */
#define EXPECT_PROGRESS() do {						\
	unsigned int __from = confirmed(self->shared);			\
									\
	EXPECT_TRUE(wait_long_until(confirmed(self->shared) >=		\
				    __from + SOME));			\
} while (0)

/* Use all memory again and again: each time somebody is killed for it. */
TEST_F(pressure, producers_get_on_while_others_are_killed_for_memory)
{
	unsigned int i;

	PRODUCE();
	for (i = 0; i < 6; i++) {
		pid_t hog = mq_fork();

		ASSERT_LE(0, hog);
		if (!hog) {
			int fd = mq_open(&self->other, O_WRONLY);

			be_a_victim(1000);
			/* What nobody has confirmed is no reason to wait. */
			mq_write(fd, "lazy", 4);
			use_memory(self->shared, MORE_THAN_ALL);
			_exit(97);
		}
		EXPECT_TRUE(was_killed(hog));
		EXPECT_PROGRESS();
	}
}

/*
 * All memory stays in use but a little, and the kernel has to reclaim for each page.
 * How much there is shows when somebody is killed for it.
 */
TEST_F(pressure, producers_get_on_while_hardly_any_memory_is_free)
{
	unsigned long long bytes = MORE_THAN_ALL;
	unsigned int i;
	pid_t hog = -1;

	PRODUCE();
	for (i = 0; i < 10 && !self->shared->filled; i++) {
		hog = mq_fork();
		ASSERT_LE(0, hog);
		if (!hog) {
			be_a_victim(1000);
			use_memory(self->shared, bytes);
			self->shared->filled = true;
			for (;;)
				pause();
		}
		wait_long_until(self->shared->filled ||
				waitpid(hog, NULL, WNOHANG) == hog);
		bytes = self->shared->used - LITTLE;
	}
	ASSERT_TRUE(self->shared->filled);
	for (i = 0; i < 5; i++)
		EXPECT_PROGRESS();
	kill(hog, SIGKILL);
	waitpid(hog, NULL, 0);
}

static void *wait_for_the_journal(void *queue)
{
	int fd = mq_open(queue, O_WRONLY | O_DSYNC);

	mq_write(fd, "confirmed", 9);
	return NULL;
}

/* It has sent, and waits for the journal, and it has messages not confirmed. */
TEST_F(pressure, victim_does_not_wait_for_a_journal_that_cannot_be_written)
{
	pthread_t thread;
	char state[32];
	pid_t victim;

	ASSERT_EQ(0, ioctl(self->root, FIFREEZE, 0));
	victim = mq_fork();
	ASSERT_LE(0, victim);
	if (!victim) {
		int fd = mq_open(&self->other, O_WRONLY);

		be_a_victim(1000);
		mq_write(fd, "lazy", 4);
		pthread_create(&thread, NULL, wait_for_the_journal, &self->other);
		if (!wait_long_until(!mq_sysfs_get(&self->other, "journal_state", state,
						   sizeof(state)) &&
				     !strcmp(state, "frozen")))
			_exit(96);
		use_memory(self->shared, MORE_THAN_ALL);
		_exit(97);
	}
	EXPECT_TRUE(was_killed(victim));
	ASSERT_EQ(0, mq_sysfs_get(&self->other, "journal_state", state, sizeof(state)));
	EXPECT_STREQ("frozen", state);
	EXPECT_EQ(0, ioctl(self->root, FITHAW, 0));
	PRODUCE();
	EXPECT_EQ(2, mq_stat_of(&self->other, ready));
}

/* A user whose control group has no memory left, and who goes on asking for it. */
TEST_F(pressure, user_without_memory_is_no_harm_to_others)
{
	const char *groups = getenv("PRESSURE_GROUP");
	char path[256];
	pid_t user;

	if (!groups)
		SKIP(return, "no control groups for memory");
	snprintf(self->group, sizeof(self->group), "%s/pressure.%d", groups, getpid());
	ASSERT_EQ(0, mkdir(self->group, 0755));
	snprintf(path, sizeof(path), "%s/memory.max", self->group);
	ASSERT_EQ(0, mq_write_file(path, "3M"));
	PRODUCE();
	user = mq_fork();
	ASSERT_LE(0, user);
	if (!user) {
		int fd = mq_open(&self->other, O_WRONLY | O_NONBLOCK);
		static char data[30000];

		be_a_victim(1000);
		snprintf(path, sizeof(path), "%s/cgroup.procs", self->group);
		if (mq_write_file(path, "0"))
			_exit(95);
		for (;;)
			if (mq_write(fd, data, sizeof(data)) < 0)
				__atomic_add_fetch(&self->shared->refused, 1,
						   __ATOMIC_RELAXED);
	}
	EXPECT_TRUE(wait_long_until(self->shared->refused > SOME ||
				    waitpid(user, NULL, WNOHANG) == user));
	EXPECT_PROGRESS();
	EXPECT_PROGRESS();
	kill(user, SIGKILL);
	waitpid(user, NULL, 0);
	EXPECT_PROGRESS();
}

TEST_HARNESS_MAIN
