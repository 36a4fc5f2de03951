// SPDX-License-Identifier: GPL-2.0
/*
 * Create, list, use and remove ten thousand queues: none may be mistaken for
 * another, and their memory must be freed.
 *
 * SCALE_QUEUES sets another number. The test logs how long each step took;
 * under vm/run -i the times are instructions, and the last queues should cost
 * as much as the first.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/sysmacros.h>

#include "mq_test.h"

#define QUEUES		10000

/* The number of queues that are timed together. */
#define PART		(self->count / 10)

FIXTURE(scale) {
	char prefix[32];
	int control;
	int count;
};

/*
 * The number of queues of a test: 1/@share of all, much fewer on a debug
 * kernel, but at least 100.
 */
static int queue_count(int share)
{
	const char *wish = getenv("SCALE_QUEUES");
	int count = wish ? atoi(wish) : QUEUES;

	if (!wish && mq_is_debug_kernel())
		share *= 100;
	return count / share > 100 ? count / share : 100;
}

/* Write a command to the control node, which stays open. */
static int __attribute__((format(printf, 2, 3)))
command(int control, const char *format, ...)
{
	char text[1024];
	va_list args;
	ssize_t done;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	done = mq_write(control, text, strlen(text));
	return done < 0 ? done : done == (ssize_t)strlen(text) ? 0 : -EIO;
}

static void name_queue(const FIXTURE_DATA(scale) *self, struct mq_queue *queue,
		       int i)
{
	snprintf(queue->name, sizeof(queue->name), "%s%d", self->prefix, i);
	snprintf(queue->path, sizeof(queue->path), "/dev/mq/%s", queue->name);
}

static int make(FIXTURE_DATA(scale) *self, int i, const char *options)
{
	return command(self->control, "create %s%d %s", self->prefix, i,
		       options);
}

static int unmake(FIXTURE_DATA(scale) *self, int i)
{
	return command(self->control, "remove %s%d", self->prefix, i);
}

/*
 * Count how often a directory lists each queue, in @seen if given. Returns the
 * number of our queues' entries, or a negative errno: EBADMSG if an entry has
 * our prefix and is no queue of ours.
 */
static int list(const FIXTURE_DATA(scale) *self, const char *path,
		unsigned char *seen)
{
	size_t size = strlen(self->prefix);
	struct dirent *entry;
	int i, n = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, self->prefix, size))
			continue;
		i = atoi(entry->d_name + size);
		if (i < 0 || i >= self->count) {
			n = -EBADMSG;
			break;
		}
		if (seen)
			seen[i]++;
		n++;
	}
	closedir(dir);
	return n;
}

FIXTURE_SETUP(scale)
{
	MQ_REQUIRE();
	self->count = queue_count(10);
	snprintf(self->prefix, sizeof(self->prefix), "scale%d.", getpid());
	self->control = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->control);
}

FIXTURE_TEARDOWN(scale)
{
	int i;

	if (list(self, MQ_CLASS, NULL) > 0)
		for (i = 0; i < self->count; i++)
			command(self->control, "remove %s%d force",
				self->prefix, i);
	EXPECT_EQ(0, list(self, MQ_CLASS, NULL));
	EXPECT_EQ(0, mq_cleanup());
	close(self->control);
}

/*
 * Do a step for each queue, and log how long it takes on average for the first
 * and the last tenth of the queues.
 */
#define TIMED(what, step) do {						\
	uint64_t __start = mq_now_ns(), __first = 0;			\
	int i;								\
									\
	for (i = 0; i < self->count; i++) {				\
		ASSERT_EQ(0, step) {					\
			TH_LOG("%s %d", what, i);			\
		}							\
		if (i == PART - 1)					\
			__first = mq_now_ns() - __start;		\
		if (i == self->count - 1 - PART)			\
			__start = mq_now_ns();				\
	}								\
	TH_LOG("%s: %llu ns per queue in the first tenth, %llu in the last", \
	       what, (unsigned long long)__first / PART,		\
	       (unsigned long long)(mq_now_ns() - __start) / PART);	\
} while (0)

/* Receive the message that fill() sent: 0 if it is this queue's own. */
static int use(const FIXTURE_DATA(scale) *self, int i)
{
	struct mq_queue queue;
	struct devmq_stat stat;
	int fd, error;

	name_queue(self, &queue, i);
	fd = mq_open(&queue, O_RDWR | O_NONBLOCK);
	if (fd < 0)
		return fd;
	error = mq_get(fd, queue.name);
	if (!error)
		error = mq_stat_fd(fd, &stat);
	close(fd);
	if (error)
		return error;
	return stat.sent == 1 && stat.acked == 1 && !stat.bytes &&
	       mq_conserved(&stat) ? 0 : -EBADMSG;
}

static int fill(const FIXTURE_DATA(scale) *self, int i)
{
	struct mq_queue queue;
	ssize_t done;
	int fd;

	name_queue(self, &queue, i);
	fd = mq_open(&queue, O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	done = mq_put(fd, queue.name);
	close(fd);
	return done == (ssize_t)strlen(queue.name) ? 0 : -EIO;
}

/* Was each queue with i % 2 == @odd listed this many times? */
static bool all_are(const FIXTURE_DATA(scale) *self, const unsigned char *seen,
		    int odd, unsigned char times)
{
	int i;

	for (i = odd; i < self->count; i += 2)
		if (seen[i] != times)
			return false;
	return true;
}

TEST_F(scale, each_queue_is_one_of_its_own)
{
	unsigned char *seen;

	self->count = queue_count(1);
	seen = calloc(self->count, 1);
	ASSERT_NE(NULL, seen);
	TIMED("create", make(self, i, ""));
	EXPECT_EQ(self->count, list(self, MQ_CLASS, seen));
	EXPECT_TRUE(all_are(self, seen, 0, 1) && all_are(self, seen, 1, 1));
	memset(seen, 0, self->count);
	EXPECT_EQ(self->count, list(self, "/dev/mq", seen));
	EXPECT_TRUE(all_are(self, seen, 0, 1) && all_are(self, seen, 1, 1));
	EXPECT_EQ(-EEXIST, make(self, 0, ""));
	EXPECT_EQ(-EEXIST, make(self, self->count / 2, ""));
	EXPECT_EQ(-EEXIST, make(self, self->count - 1, ""));
	TIMED("send", fill(self, i));
	EXPECT_EQ(-ENOTEMPTY, unmake(self, self->count / 2));
	TIMED("receive", use(self, i));
	TIMED("remove", unmake(self, i));
	EXPECT_EQ(0, list(self, MQ_CLASS, NULL));
	EXPECT_EQ(0, list(self, "/dev/mq", NULL));
	EXPECT_EQ(-ENOENT, unmake(self, self->count / 2));
	free(seen);
}

TEST_F(scale, removing_half_of_them_leaves_the_other)
{
	unsigned char *seen = calloc(self->count, 1);
	struct mq_queue queue;
	int i;

	ASSERT_NE(NULL, seen);
	for (i = 0; i < self->count; i++)
		ASSERT_EQ(0, make(self, i, "max_messages=1"));
	for (i = 1; i < self->count; i += 2)
		ASSERT_EQ(0, unmake(self, i));
	EXPECT_EQ((self->count + 1) / 2, list(self, MQ_CLASS, seen));
	EXPECT_TRUE(all_are(self, seen, 0, 1) && all_are(self, seen, 1, 0));
	memset(seen, 0, self->count);
	EXPECT_EQ((self->count + 1) / 2, list(self, "/dev/mq", seen));
	EXPECT_TRUE(all_are(self, seen, 0, 1) && all_are(self, seen, 1, 0));
	for (i = 0; i < self->count; i++) {
		name_queue(self, &queue, i);
		ASSERT_EQ(i % 2 ? -ENOENT : 1,
			  mq_sysfs_number(&queue, "max_messages"));
		ASSERT_EQ(i % 2 ? -ENOENT : 0, fill(self, i));
	}
	/* Their names are free, and new queues have the new options. */
	for (i = 1; i < self->count; i += 2)
		ASSERT_EQ(0, make(self, i, "max_messages=2"));
	for (i = 0; i < self->count; i++) {
		name_queue(self, &queue, i);
		ASSERT_EQ(1 + i % 2, mq_sysfs_number(&queue, "max_messages"));
		ASSERT_EQ(!(i % 2), mq_stat_of(&queue, ready));
	}
	free(seen);
}

/* Create and remove queues until told to stop. */
struct churn {
	FIXTURE_DATA(scale) *self;
	bool stop;
	int rounds;
	int error;
};

static void *churn(void *argument)
{
	struct churn *churn = argument;
	int i;

	while (!churn->error &&
	       !__atomic_load_n(&churn->stop, __ATOMIC_RELAXED)) {
		for (i = 1; i < 64 && !churn->error; i += 2)
			churn->error = make(churn->self, i, "");
		for (i = 1; i < 64 && !churn->error; i += 2)
			churn->error = unmake(churn->self, i);
		__atomic_add_fetch(&churn->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* A reader of the list sees each queue that stays exactly once. */
TEST_F(scale, a_list_has_all_that_stay_while_others_come_and_go)
{
	unsigned char *seen = calloc(self->count, 1);
	struct churn other = { .self = self };
	pthread_t thread;
	int i;

	ASSERT_NE(NULL, seen);
	for (i = 0; i < self->count; i += 2)
		ASSERT_EQ(0, make(self, i, ""));
	ASSERT_EQ(0, pthread_create(&thread, NULL, churn, &other));
	for (i = 0; i < 10; i++) {
		EXPECT_TRUE(mq_wait_until(__atomic_load_n(&other.rounds,
							  __ATOMIC_RELAXED) >
					  i));
		memset(seen, 0, self->count);
		EXPECT_LE(self->count / 2, list(self, MQ_CLASS, seen));
		EXPECT_TRUE(all_are(self, seen, 0, 1));
	}
	__atomic_store_n(&other.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, other.error);
	free(seen);
}

/* -- dead-letter queues ---------------------------------------------------- */

/* Each queue has the one before it as its dead-letter queue. */
TEST_F(scale, a_chain_of_dead_letter_queues_is_made_and_taken_apart)
{
	struct mq_queue queue;
	char options[64], text[64];
	int i;

	ASSERT_EQ(0, make(self, 0, ""));
	for (i = 1; i < self->count; i++) {
		snprintf(options, sizeof(options), "dead_letter=%s%d",
			 self->prefix, i - 1);
		ASSERT_EQ(0, make(self, i, options));
	}
	/* Closing the whole chain to a loop is refused. */
	name_queue(self, &queue, self->count - 1);
	snprintf(text, sizeof(text), "%s", queue.name);
	name_queue(self, &queue, 0);
	EXPECT_EQ(-ELOOP, mq_sysfs_set(&queue, "dead_letter", "%s", text));
	EXPECT_EQ(-EBUSY, unmake(self, 0));
	EXPECT_EQ(-EBUSY, unmake(self, self->count - 2));
	TIMED("remove the end of a chain",
	      unmake(self, self->count - 1 - i));
}

/* All queues have the same dead-letter queue, which is removed first. */
TEST_F(scale, a_dead_letter_queue_of_all_can_be_taken_from_them)
{
	struct mq_queue queue, shared, other;
	char options[96], text[64];
	int i;

	name_queue(self, &other, 8);
	ASSERT_EQ(0, mq_create(&shared, ""));
	snprintf(options, sizeof(options), "dead_letter=%s", shared.name);
	for (i = 0; i < self->count; i++)
		ASSERT_EQ(0, make(self, i, options));
	EXPECT_EQ(-EBUSY, mq_control("remove %s", shared.name));
	/* The module must not change a queue that has another target by now. */
	name_queue(self, &queue, 7);
	EXPECT_EQ(0, mq_sysfs_set(&queue, "dead_letter", "%s", other.name));
	EXPECT_EQ(0, mq_remove(&shared));
	for (i = 0; i < self->count; i++) {
		name_queue(self, &queue, i);
		ASSERT_EQ(0, mq_sysfs_get(&queue, "dead_letter", text,
					  sizeof(text)));
		ASSERT_STREQ(i == 7 ? other.name : "none", text);
	}
	EXPECT_EQ(-EBUSY, unmake(self, 8));
	EXPECT_EQ(0, unmake(self, 7));
	EXPECT_EQ(0, unmake(self, 8));
}

/* -- memory ---------------------------------------------------------------- */

/*
 * IDLE_MOST is how many bytes of kernel memory an idle queue may take: its own,
 * and those of the driver core and of its node. IDLE_SPREAD is how much that
 * may differ between queues with different options.
 *
 * These bounds do not count the files in sysfs, one for each option and each
 * counter. They take three quarters of the memory, and the kernel chooses their
 * size. FILE_MORE is what a file takes beside its kernfs_node: its name and its
 * number.
 */
#define IDLE_MOST	4352
#define IDLE_SPREAD	512
#define FILE_MORE	24
/* The queue's directory, and the links to it by its name and by its number. */
#define FILES_ELSEWHERE	3

/* Free the slabs' per-CPU objects, which count as used. */
static void shrink_slabs(void)
{
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[512];

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink",
			 entry->d_name);
		mq_write_file(path, "1");
	}
	if (dir)
		closedir(dir);
}

/* The number of bytes of all objects in the slabs, or a negative errno. */
static long long slab_bytes(void)
{
	unsigned long active, total, size;
	long long sum = 0;
	char line[512];
	FILE *file;

	shrink_slabs();
	file = fopen("/proc/slabinfo", "r");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %lu %lu %lu", &active, &total, &size) == 3)
			sum += (long long)active * size;
	fclose(file);
	return sum ?: -ENOENT;
}

#define REQUIRE_SLABS() do {						\
	if (mq_is_debug_kernel())					\
		SKIP(return, "a debug kernel's objects are larger");	\
	if (sizeof(long) != 8)						\
		SKIP(return, "the bound is for 64 bits");		\
	if (slab_bytes() < 0)						\
		SKIP(return, "no /proc/slabinfo: %s",			\
		     strerror(-slab_bytes()));				\
} while (0)

/*
 * The number of bytes that a queue's files in sysfs take, or a negative errno.
 */
static long long sysfs_bytes(FIXTURE_DATA(scale) *self)
{
	char path[256], text[32];
	struct mq_queue queue;
	struct dirent *entry;
	long long files = FILES_ELSEWHERE;
	int error;
	DIR *dir;

	error = mq_read_file("/sys/kernel/slab/kernfs_node_cache/slab_size",
			     text, sizeof(text));
	if (!error)
		error = make(self, 0, "");
	if (error)
		return error;
	name_queue(self, &queue, 0);
	snprintf(path, sizeof(path), MQ_CLASS "/%s/.", queue.name);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			files++;
	if (dir)
		closedir(dir);
	error = unmake(self, 0);
	return error ?: files * (atoll(text) + FILE_MORE);
}

/*
 * The number of bytes that each queue takes, or a negative errno: ENOSPC if
 * they are not free again when the queues are removed.
 */
static long long idle_bytes(FIXTURE_DATA(scale) *self, const char *options)
{
	long long before = slab_bytes(), after;
	int i, error = 0;

	for (i = 0; i < self->count && !error; i++)
		error = make(self, i, options);
	after = slab_bytes();
	for (i = 0; i < self->count && !error; i++)
		error = unmake(self, i);
	if (error)
		return error;
	/* Inodes are freed after an RCU grace period. */
	if (!mq_wait_until(slab_bytes() - before < 64LL * self->count))
		return -ENOSPC;
	return (after - before) / self->count;
}

/*
 * Likewise, the smallest of some measurements: what the kernel frees or keeps for
 * others meanwhile counts as well.
 */
static long long idle_bytes_at_least(FIXTURE_DATA(scale) *self)
{
	long long bytes, least = 0;
	int i;

	for (i = 0; i < 3; i++) {
		bytes = idle_bytes(self, "");
		if (bytes < 0)
			return bytes;
		if (!i || bytes < least)
			least = bytes;
	}
	return least;
}

TEST_F(scale, an_idle_queue_is_small_whatever_its_options)
{
	static const char *const options[] = {
		"priorities=256 order=key fairness=key",
		"priorities=256 fairness=uid dedup_window_ms=3600000",
		"lease_ms=1000 ttl_ms=1000 delay_ms=1000 retry_ms=1000 expires_ms=3600000 single_active=1 ack=manual",
	};
	long long plain, bytes, files;
	size_t i;

	REQUIRE_SLABS();
	files = sysfs_bytes(self);
	if (files < 0)
		SKIP(return, "the size of a file in sysfs is unknown: %s",
		     strerror(-files));
	plain = idle_bytes_at_least(self);
	TH_LOG("%lld bytes per queue, %lld of them for sysfs files", plain,
	       files);
	EXPECT_LE(1024, plain - files);
	EXPECT_GE(IDLE_MOST, plain - files);
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		bytes = idle_bytes(self, options[i]);
		EXPECT_LE(plain - IDLE_SPREAD, bytes);
		EXPECT_GE(plain + IDLE_SPREAD, bytes) {
			TH_LOG("with %s", options[i]);
		}
	}
}

/* Opening the nodes must not leave memory allocated. */
TEST_F(scale, who_looks_at_them_all_leaves_no_memory_behind)
{
	struct devmq_stat stat;
	struct mq_queue queue;
	long long before;
	int i;

	REQUIRE_SLABS();
	for (i = 0; i < self->count; i++)
		ASSERT_EQ(0, make(self, i, ""));
	before = slab_bytes();
	for (i = 0; i < self->count; i++) {
		name_queue(self, &queue, i);
		ASSERT_EQ(0, mq_stat(&queue, &stat));
	}
	EXPECT_TRUE(mq_wait_until(slab_bytes() - before <
				  64LL * self->count));
}

TEST_HARNESS_MAIN
