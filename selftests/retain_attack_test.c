// SPDX-License-Identifier: GPL-2.0
/*
 * What readers and bindings of a topic whose messages are in its journal alone can do to
 * others, and to the kernel's memory.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#include "mq_test.h"
#include "fixtures/journal.h"
#include "helpers/binding.h"
#include "helpers/process.h"
#include "helpers/used.h"

#define USER_BYTES	"/sys/module/devmq/parameters/max_user_bytes"

/* Bytes of a message that has a block of the journal for itself. */
#define LARGE	60000

/* Create self->queue, a topic in the journal, and open it for sending as self->fd. */
#define KEEP_TOPIC(options, ...) do {					\
	mq_name(&self->queue);						\
	ASSERT_EQ(0, mq_control("create %s type=topic journal=%s "	\
				"max_message_size=%d " options,		\
				self->queue.name, self->j.name, LARGE,	\
				##__VA_ARGS__));			\
	OPEN(O_WRONLY | O_NONBLOCK);					\
} while (0)

/* All leaves memory. */
#define AWAY() do {							\
	ASSERT_EQ(0, fsync(self->fd));					\
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue,		\
				  retained_memory_bytes) == 0));	\
} while (0)

static char data[LARGE];

/* -- what a stub says --------------------------------------------------------------- */

/* With framing=line, a read appends a newline to a message that has none at its end. */
TEST_F(journal, size_of_a_line_is_known_when_its_bytes_are_not)
{
	int again, fd;

	KEEP_TOPIC("retain_messages=100 retain_memory_bytes=1 framing=line");
	memset(data, 'x', sizeof(data));
	ASSERT_LE(0, mq_send_one(self->fd, data, LARGE));
	data[LARGE - 1] = '\n';
	ASSERT_LE(0, mq_send_one(self->fd, data, LARGE));
	AWAY();
	for (again = 0; again < 2; again++) {
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		EXPECT_EQ(LARGE + 1, mq_fionread(fd));
		ASSERT_EQ(2, lseek(fd, 2, SEEK_SET));
		EXPECT_EQ(LARGE, mq_fionread(fd));
		close(fd);
		CLOSE();
		ASSERT_EQ(0, journal_crash(&self->j));
		OPEN(O_WRONLY | O_NONBLOCK);
	}
}

/* -- what leaves memory -------------------------------------------------------------- */

/* Messages without any bytes stay, and are no hindrance to those behind them. */
TEST_F(journal, messages_without_bytes_do_not_keep_others_in_memory)
{
	int i;

	KEEP_TOPIC("retain_messages=10000 retain_memory_bytes=1 allow_empty=1");
	for (i = 0; i < 3000; i++)
		ASSERT_LE(0, mq_send_one(self->fd, "", 0));
	for (i = 0; i < 10; i++)
		ASSERT_LE(0, mq_send_one(self->fd, data, 1000));
	AWAY();
	EXPECT_EQ(3010, mq_stat_of(&self->queue, retained));
}

/* -- the file ------------------------------------------------------------------------ */

/* Return whether zeros are behind the name in each record of a queue with bindings. */
static int count_pads(const char *path, const char *name, unsigned int pad, int *bad)
{
	static unsigned char file[JOURNAL_BYTES];
	size_t size = strlen(name), at, end = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC), found = 0;
	unsigned int i;
	ssize_t done;

	if (fd < 0)
		return -errno;
	while ((done = pread(fd, file + end, sizeof(file) - end, end)) > 0)
		end += done;
	close(fd);
	*bad = 0;
	for (at = 0; at + size + pad <= end; at++) {
		if (memcmp(file + at, name, size))
			continue;
		found++;
		for (i = 0; i < pad; i++)
			*bad += !!file[at + size + i];
	}
	return found;
}

/* What a queue is lies in the file with its bindings, and nothing of another queue. */
TEST_F(journal, nothing_stale_is_written_to_the_file)
{
	char name[DEVMQ_NAME_MAX + 1], words[DEVMQ_NAME_MAX + 1];
	unsigned int size;
	int bad = -1;

	KEEP_TOPIC("");
	for (size = 20; size < 28; size++) {
		snprintf(name, sizeof(name), "s%d.%u", getpid(), size);
		memset(name + strlen(name), 'n', size - strlen(name));
		name[size] = '\0';
		/* One whose record is longer, so that the next one is where that was. */
		memset(words, 'W', DEVMQ_NAME_MAX);
		words[DEVMQ_NAME_MAX] = '\0';
		ASSERT_EQ(0, mq_control("create %s journal=%s", words, self->j.name));
		ASSERT_EQ(0, mq_control("create %s journal=%s", name, self->j.name));
		ASSERT_EQ(0, mq_control("remove %s", words));
		ASSERT_EQ(0, mq_control("create %s journal=%s", words, self->j.name));
		ASSERT_EQ(0, fsync(self->fd));
		ASSERT_EQ(0, mq_control("bind %s %s", self->queue.name, name));
		ASSERT_EQ(0, fsync(self->fd));
		/* The options are all defaults, so the bindings follow the name. */
		EXPECT_LT(1, count_pads(self->j.path, name, -size % 8, &bad));
		EXPECT_EQ(0, bad);
		ASSERT_EQ(0, mq_control("remove %s", words));
		ASSERT_EQ(0, mq_control("remove %s", name));
	}
}

/* -- what is charged ----------------------------------------------------------------- */

#define BOUND_QUEUES	4

static int bind_from_the_beginning(int topic, int queue)
{
	static const char filter[] = "start=earliest";
	struct devmq_bind bind = {
		.size = sizeof(bind), .queue_fd = queue,
		.filter = (uintptr_t)filter, .filter_size = sizeof(filter),
	};

	return mq_ioctl(topic, DEVMQ_IOC_BIND, &bind);
}

/* What bindings copy counts against max_user_bytes as what the user sends does. */
TEST_F(journal, copies_for_bindings_stay_below_the_bound_of_the_user)
{
	struct mq_queue topic, q[BOUND_QUEUES];
	const long long most = 2 << 20;
	int fd, q_fd[BOUND_QUEUES], i, sent, bound;
	char text[32];
	pid_t child;

	mq_name(&topic);
	ASSERT_EQ(0, mq_control("create %s type=topic retain_messages=100000 uid=%d",
				topic.name, MQ_NOBODY));
	fd = mq_open(&topic, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	for (i = 0; i < BOUND_QUEUES; i++) {
		ASSERT_EQ(0, mq_create(&q[i], "uid=%d max_messages=100000", MQ_NOBODY));
		q_fd[i] = mq_open(&q[i], O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, q_fd[i]);
	}
	snprintf(text, sizeof(text), "%lld", most);
	ASSERT_EQ(0, mq_write_file(USER_BYTES, text));
	child = mq_fork();
	if (!child) {
		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(1);
		while (mq_used_by(MQ_NOBODY) < most / 2)
			if (mq_write(fd, data, 900) != 900)
				_exit(2);
		/* What the first ones copy may leave no memory for another binding. */
		for (i = 0; i < BOUND_QUEUES; i++)
			if (bind_from_the_beginning(fd, q_fd[i]))
				break;
		_exit(i ? 10 + i : 3);
	}
	bound = mq_wait_child(child) - 10;
	ASSERT_LE(1, bound);
	/* Those that there is no memory for wait, and try again some times a second. */
	EXPECT_TRUE(mq_wait_until(mq_used_by(MQ_NOBODY) > most - most / 8));
	usleep(500000);
	EXPECT_GE(most, mq_used_by(MQ_NOBODY));
	/* They go on when there is some. */
	sent = mq_stat_of(&topic, sent);
	for (i = 0; i < bound; i++)
		EXPECT_TRUE(mq_wait_until(({
			int k;

			for (k = 0; k < BOUND_QUEUES; k++)
				mq_purge(q_fd[k], 0, 0);
			mq_stat_of(&q[i], sent) == sent;
		})));
	EXPECT_EQ(0, mq_write_file(USER_BYTES, "0"));
	for (i = 0; i < BOUND_QUEUES; i++)
		close(q_fd[i]);
	close(fd);
}

/* What a search needs is charged as long as the binding catches up. */
TEST_F(journal, search_of_thousands_of_headers_is_charged)
{
	static char headers[60000];
	struct mq_batch batch = {};
	long long before;
	size_t used = 0;
	int i;

	KEEP_TOPIC("retain_messages=100");
	for (i = 0; used + 8 < sizeof(headers); i++) {
		char name[16];

		snprintf(name, sizeof(name), "%04d", i);
		used += mq_header_put(headers + used, name, "", 0);
	}
	mq_batch_add_full(&batch, NULL, 0, headers, used, "x", 1);
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
	mq_batch_free(&batch);
	/* The queue is full, so the binding does not become level. */
	ASSERT_EQ(0, mq_create(&self->other, "max_messages=1"));
	CLOSE();
	self->fd = mq_open(&self->other, O_WRONLY);
	ASSERT_EQ(1, mq_write(self->fd, "x", 1));
	CLOSE();
	before = mq_used_settled();
	ASSERT_EQ(0, mq_control("bind %s %s header.1234= start=earliest",
				self->queue.name, self->other.name));
	EXPECT_TRUE(mq_wait_until(mq_used() > before + 200000));
	ASSERT_EQ(0, mq_control("unbind %s %s", self->queue.name, self->other.name));
	EXPECT_TRUE(mq_wait_until(mq_used() <= before));
}

/* -- what waits ----------------------------------------------------------------------- */

#define FLOODERS	32
#define FLOOD_MESSAGES	500
#define FLOOD_SIZE	4000
#define CONFIRMS	50

struct flood {
	const struct mq_queue *topic;
	unsigned int seed;
	uid_t uid;
	long long read;
	bool stop;
	pthread_t thread;
};

/* Read one message after the other, each from another place. */
/*
 * Let this thread run whenever it can, so that it waits for the journal alone, and not for
 * a processor that others keep busy.
 */
static int go_first(void)
{
	struct sched_param p = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &p) ? -errno : 0;
}

static void *flood_on(void *argument)
{
	static __thread char got[FLOOD_SIZE];
	struct flood *f = argument;
	int fd = mq_open(f->topic, O_RDONLY | O_NONBLOCK);

	/* This thread alone. */
	if (f->uid && syscall(SYS_setresuid, -1, f->uid, -1))
		abort();
	while (fd >= 0 && !__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE)) {
		lseek(fd, 1 + rand_r(&f->seed) % FLOOD_MESSAGES, SEEK_SET);
		if (mq_read(fd, got, sizeof(got)) == sizeof(got))
			__atomic_add_fetch(&f->read, 1, __ATOMIC_RELAXED);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static long long flooded(const struct flood *f)
{
	long long read = 0;
	int i;

	for (i = 0; i < FLOODERS; i++)
		read += __atomic_load_n(&f[i].read, __ATOMIC_RELAXED);
	return read;
}

static int order(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return x < y ? -1 : x > y;
}

/*
 * However many read, a group does not wait for all of them. What counts is how many were
 * served while one change was confirmed, in most cases.
 */
TEST_F(journal, readers_do_not_keep_others_from_being_confirmed)
{
	static struct flood f[FLOODERS];
	long long before, served[CONFIRMS];
	int i, fd;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	for (i = 0; i < FLOOD_MESSAGES; i++)
		ASSERT_EQ(FLOOD_SIZE, mq_write(self->fd, data, FLOOD_SIZE));
	AWAY();
	KEEP(&self->other, "");
	fd = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < FLOODERS; i++) {
		f[i] = (struct flood){ .topic = &self->queue, .seed = i };
		ASSERT_EQ(0, pthread_create(&f[i].thread, NULL, flood_on, &f[i]));
	}
	EXPECT_TRUE(mq_wait_until(flooded(f) > 10 * FLOODERS));
	ASSERT_EQ(0, go_first());
	for (i = 0; i < CONFIRMS; i++) {
		before = flooded(f);
		ASSERT_EQ(1, mq_write(fd, "x", 1));
		ASSERT_EQ(0, fsync(fd));
		served[i] = flooded(f) - before;
	}
	/* They are served, too. */
	before = flooded(f);
	EXPECT_TRUE(mq_wait_until(flooded(f) > before + FLOODERS));
	for (i = 0; i < FLOODERS; i++) {
		__atomic_store_n(&f[i].stop, true, __ATOMIC_RELEASE);
		ASSERT_EQ(0, pthread_join(f[i].thread, NULL));
	}
	qsort(served, CONFIRMS, sizeof(*served), order);
	EXPECT_GT(FLOODERS / 4, served[CONFIRMS / 2]) {
		TH_LOG("%lld to %lld reads for each", served[0], served[CONFIRMS - 1]);
	}
	close(fd);
}

/* Users take turns: one with many readers does not keep that of another from reading. */
TEST_F(journal, readers_of_a_user_do_not_keep_those_of_others_from_reading)
{
	static struct flood f[FLOODERS];
	long long before, others[CONFIRMS];
	int i, fd;

	KEEP_TOPIC("retain_messages=1000 retain_memory_bytes=1");
	for (i = 0; i < FLOOD_MESSAGES; i++)
		ASSERT_EQ(FLOOD_SIZE, mq_write(self->fd, data, FLOOD_SIZE));
	AWAY();
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	for (i = 0; i < FLOODERS; i++) {
		f[i] = (struct flood){
			.topic = &self->queue, .seed = i, .uid = MQ_NOBODY,
		};
		ASSERT_EQ(0, pthread_create(&f[i].thread, NULL, flood_on, &f[i]));
	}
	EXPECT_TRUE(mq_wait_until(flooded(f) > 10 * FLOODERS));
	ASSERT_EQ(0, go_first());
	for (i = 0; i < CONFIRMS; i++) {
		before = flooded(f);
		lseek(fd, 1 + i * 20 % FLOOD_MESSAGES, SEEK_SET);
		ASSERT_EQ(FLOOD_SIZE, mq_read(fd, data, FLOOD_SIZE));
		others[i] = flooded(f) - before;
	}
	for (i = 0; i < FLOODERS; i++) {
		__atomic_store_n(&f[i].stop, true, __ATOMIC_RELEASE);
		ASSERT_EQ(0, pthread_join(f[i].thread, NULL));
	}
	qsort(others, CONFIRMS, sizeof(*others), order);
	EXPECT_GT(FLOODERS / 4, others[CONFIRMS / 2]) {
		TH_LOG("%lld to %lld of others for each", others[0], others[CONFIRMS - 1]);
	}
	close(fd);
}

/* -- what goes ------------------------------------------------------------------------ */

/* A topic is removed at the moment when a binding has become level. */
TEST_F(journal, topic_can_go_when_a_binding_is_level)
{
	int i;

	for (i = 0; i < 40; i++) {
		KEEP_TOPIC("retain_messages=100 retain_memory_bytes=1");
		ASSERT_EQ(2000, mq_write(self->fd, data, 2000));
		AWAY();
		ASSERT_EQ(0, mq_create(&self->other, ""));
		ASSERT_EQ(0, mq_control("bind %s %s start=earliest", self->queue.name,
					self->other.name));
		CLOSE();
		while (mq_stat_of(&self->other, sent) < 1)
			;
		ASSERT_EQ(0, mq_remove(&self->queue));
		ASSERT_EQ(0, mq_remove(&self->other));
	}
}

/* -- all at the same time -------------------------------------------------------------- */

struct rush {
	const struct mq_queue *topic;
	const struct journal_file *j;
	struct mq_queue q;
	unsigned int seed;
	bool stop;
	pthread_t thread;
};

static bool rushes(struct rush *r)
{
	return !__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE);
}

static unsigned int some(struct rush *r, unsigned int below)
{
	return rand_r(&r->seed) % below;
}

static void *rush_send(void *argument)
{
	static __thread char text[3000], key[8];
	struct rush *r = argument;
	int fd = mq_open(r->topic, O_WRONLY | O_NONBLOCK);

	while (rushes(r)) {
		struct mq_batch batch = {};
		int i;

		for (i = some(r, 8); i >= 0; i--) {
			snprintf(key, sizeof(key), "k%u", some(r, 50));
			mq_batch_add_full(&batch, key, some(r, 2) ? strlen(key) : 0, NULL, 0,
					  text, some(r, 10) ? some(r, sizeof(text)) : 0);
		}
		mq_send(fd, batch.data, batch.size, NULL);
		mq_batch_free(&batch);
		if (!some(r, 4))
			fsync(fd);
	}
	close(fd);
	return NULL;
}

static void *rush_read(void *argument)
{
	static const int whences[] = { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA };
	char got[4000];
	struct rush *r = argument;
	int fd = mq_open(r->topic, O_RDONLY | O_NONBLOCK);

	while (rushes(r)) {
		int i, n = some(r, 20);

		lseek(fd, some(r, 2) ? 0 : (int)some(r, 2000) - 500, whences[some(r, 4)]);
		for (i = 0; i < n; i++) {
			mq_fionread(fd);
			mq_read(fd, got, 1 + some(r, sizeof(got)));
		}
		if (!some(r, 10)) {
			close(fd);
			fd = mq_open(r->topic, O_RDONLY | O_NONBLOCK);
		}
	}
	close(fd);
	return NULL;
}

static void *rush_look(void *argument)
{
	static __thread char got[20000] __attribute__((aligned(8)));
	struct rush *r = argument;
	int fd = mq_open(r->topic, O_RDWR | O_NONBLOCK);
	struct devmq_peek peek;

	while (rushes(r)) {
		uint64_t last = mq_stat_of(r->topic, last_id);

		mq_peek_init(&peek, got, 1 + some(r, sizeof(got)));
		peek.after_id = last ? rand_r(&r->seed) % last : 0;
		peek.max_count = some(r, 10);
		mq_ioctl(fd, DEVMQ_IOC_PEEK, &peek);
		if (last && !some(r, 10))
			mq_purge(fd, last - some(r, 100), last - some(r, 50));
	}
	close(fd);
	return NULL;
}

static void *rush_set(void *argument)
{
	static const char * const values[][2] = {
		{ "retain_memory_bytes", "0" }, { "retain_memory_bytes", "1" },
		{ "retain_memory_bytes", "20000" }, { "retain_memory_bytes", "200000" },
		{ "retain_messages", "300" }, { "retain_messages", "1000" },
		{ "retain_bytes", "100000" }, { "retain_bytes", "0" },
		{ "retain_ms", "50" }, { "retain_ms", "0" },
		{ "compact", "key" }, { "compact", "none" },
		{ "tombstone_ms", "20" }, { "tombstone_ms", "100000" },
		{ "paused", "receive" }, { "paused", "none" }, { "paused", "none" },
	};
	struct rush *r = argument;

	while (rushes(r)) {
		unsigned int i = some(r, sizeof(values) / sizeof(*values));

		mq_sysfs_set(r->topic, values[i][0], "%s", values[i][1]);
		usleep(some(r, 5000));
	}
	return NULL;
}

static void *rush_bind(void *argument)
{
	static const char * const starts[] = {
		"start=earliest", "start=id:1", "start=time:1", "key=k1 start=earliest",
		"header.a=b start=earliest", "start=latest",
	};
	static const char * const kinds[] = {
		"", "max_messages=3", "order=key ttl_ms=100", "overflow=drop-head max_messages=20",
		"journal",
	};
	struct rush *r = argument;

	while (rushes(r)) {
		const char *kind = kinds[some(r, 5)];

		if (strcmp(kind, "journal"))
			mq_control("create %s %s", r->q.name, kind);
		else
			mq_control("create %s journal=%s", r->q.name, r->j->name);
		mq_control("bind %s %s %s", r->topic->name, r->q.name, starts[some(r, 6)]);
		usleep(some(r, 20000));
		if (some(r, 2))
			mq_control("unbind %s %s", r->topic->name, r->q.name);
		mq_control("remove %s force", r->q.name);
	}
	return NULL;
}

static void *rush_kill(void *argument)
{
	struct rush *r = argument;

	while (rushes(r)) {
		pid_t child = mq_fork();

		if (!child) {
			struct rush own = { .topic = r->topic, .seed = getpid() };

			rush_read(&own);
			_exit(0);
		}
		usleep(some(r, 20000));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return NULL;
}

static void *(* const rushers[])(void *) = {
	rush_send, rush_send, rush_read, rush_read, rush_look, rush_set, rush_bind,
	rush_bind, rush_kill,
};

#define RUSHERS	(sizeof(rushers) / sizeof(*rushers))

static struct rush rushing[RUSHERS];

/* Names are not given by several threads. */
static void rush_names(void)
{
	unsigned int i;

	for (i = 0; i < RUSHERS; i++)
		mq_name(&rushing[i].q);
}

static void rush(const struct mq_queue *topic, const struct journal_file *j)
{
	unsigned int i;

	for (i = 0; i < RUSHERS; i++) {
		rushing[i].topic = topic;
		rushing[i].j = j;
		rushing[i].seed++;
		rushing[i].stop = false;
		if (pthread_create(&rushing[i].thread, NULL, rushers[i], &rushing[i]))
			abort();
	}
}

static void rush_end(void)
{
	unsigned int i;

	for (i = 0; i < RUSHERS; i++) {
		__atomic_store_n(&rushing[i].stop, true, __ATOMIC_RELEASE);
		pthread_join(rushing[i].thread, NULL);
		/* It was kept if its journal went. */
		mq_control("remove %s force", rushing[i].q.name);
	}
}

#define RUSH_TOPIC()							\
	ASSERT_EQ(0, mq_control("create %s type=topic journal=%s allow_empty=1 "	\
				"retain_messages=500 retain_memory_bytes=1 "	\
				"compact=key", self->queue.name, self->j.name))

/* Messages come, leave memory, are read, and go, while the journal is moved. */
TEST_F(journal, all_that_can_be_done_is_done_at_the_same_time)
{
	int i, rounds = atoi(getenv("RUSH_ROUNDS") ?: "10");
	long long before = mq_used_settled();

	ASSERT_EQ(0, journal_make(&self->to, JOURNAL_BYTES));
	mq_name(&self->queue);
	rush_names();
	RUSH_TOPIC();
	rush(&self->queue, &self->j);
	for (i = 0; i < rounds; i++) {
		usleep(200000);
		EXPECT_EQ(0, journal_move(&self->j, &self->to));
	}
	rush_end();
	OPEN(O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));
	EXPECT_TRUE(mq_conserved(&self->stat));
	EXPECT_EQ(0, self->stat.unreadable);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retain_memory_bytes", "1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "compact", "none"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retain_ms", "0"));
	ASSERT_EQ(1000, mq_write(self->fd, data, 1000));
	AWAY();
	CLOSE();
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_TRUE(mq_wait_until(mq_used() <= before));
}

/* The same, and the journal goes. */
TEST_F(journal, journal_goes_while_all_that_can_be_done_is_done)
{
	int i, k, rounds = atoi(getenv("RUSH_ROUNDS") ?: "10");

	mq_name(&self->queue);
	rush_names();
	for (i = 0; i < rounds; i++) {
		RUSH_TOPIC();
		rush(&self->queue, &self->j);
		usleep(100000);
		/* Without force, it goes only if nobody has opened one of its queues. */
		if (journal_detach_name(self->j.name, 0))
			ASSERT_EQ(0, journal_detach_name(self->j.name,
							 DEVMQ_JOURNAL_FORCE));
		self->attached = false;
		rush_end();
		ASSERT_EQ(0, journal_attach(&self->j));
		self->attached = true;
		EXPECT_EQ(0, mq_stat_of(&self->queue, unreadable));
		ASSERT_EQ(0, mq_remove(&self->queue));
		for (k = 0; k < RUSHERS; k++)
			mq_control("remove %s force", rushing[k].q.name);
	}
}

TEST_HARNESS_MAIN
