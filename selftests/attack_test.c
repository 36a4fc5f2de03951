// SPDX-License-Identifier: GPL-2.0
/*
 * A user with one queue can harm other users only within bounds.
 *
 * The attacker is an unprivileged process that can open a queue of mode 0666.
 * It does what uses much memory while it stores few bytes, until it is refused
 * or has done it often enough, and then keeps what it has. During and after the
 * attack, the available memory may shrink by no more than max_total_bytes and a
 * tenth of that, plus some noise.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/userfaultfd.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/thread.h"
#include "helpers/used.h"

#define MEBI		(1 << 20)
#define TOTAL		(64 * MEBI)
#define USER_BYTES	"/sys/module/devmq/parameters/max_user_bytes"
#define UNPRIVILEGED	"/proc/sys/vm/unprivileged_userfaultfd"

/*
 * The kernel keeps freed pages in per-CPU lists, where they do not count as
 * available: tens of MiB, unless this setting limits the lists to a thousandth
 * of a zone.
 */
#define PER_CPU_PAGES	"/proc/sys/vm/percpu_pagelist_high_fraction"

/*
 * Memory that other processes and the kernel's caches take or free meanwhile.
 */
#define NOISE		(16 * MEBI)
#define ALLOWED		(TOTAL + TOTAL / 10 + NOISE)
/*
 * Stop an attack that has used this much: it has shown that there is no bound,
 * and the machine should survive the test.
 */
#define ENOUGH		(ALLOWED + 3 * NOISE)

#define PAGE		4096
#define LARGE		16264	/* four do not fit into the largest chunk */
#define VICTIM		1000	/* another user */

/* Shared with the attacker's process. */
struct report {
	bool done;		/* the attack is complete */
	bool stop;
	long refused;		/* calls that failed for want of room */
	long stored;
	long error;		/* of any other failure */
};

FIXTURE(attack) {
	struct mq_queue queue;
	struct report *report;
	char total[64], unprivileged[64];
	bool per_user;		/* the module has max_user_bytes */
	pid_t attacker;
	long long before;	/* bytes available */
	long long lowest;
};

/* -- the machine's memory -------------------------------------------------- */

static long long available(void)
{
	char text[4096], *line;

	if (mq_read_file("/proc/meminfo", text, sizeof(text)))
		return -1;
	line = strstr(text, "MemAvailable:");
	return line ? atoll(line + strlen("MemAvailable:")) * 1024 : -1;
}

/* The same, after the caches were dropped and pending frees have completed. */
static long long available_at_rest(void)
{
	long long last = 0, now = 0;
	int i;

	for (i = 0; i < 40; i++) {
		mq_write_file("/proc/sys/vm/drop_caches", "3");
		now = available();
		if (i && llabs(now - last) < MEBI / 4)
			break;
		last = now;
		mq_sleep_ms(100);
	}
	return now;
}

/* Debug kernels keep freed memory for a while, and pad allocations. */
static bool memory_can_be_measured(void)
{
	return access("/sys/kernel/debug/kmemleak", F_OK) != 0;
}

/* -- the attacker ---------------------------------------------------------- */

static bool is_refusal(long error)
{
	return error == -EAGAIN || error == -ENOSPC || error == -EDQUOT ||
	       error == -ENOMEM;
}

/* Record the result of a send: was the message stored? */
static bool noted(struct report *report, long result)
{
	if (result >= 0)
		report->stored++;
	else if (is_refusal(result))
		report->refused++;
	else if (!report->error)
		report->error = result;
	return result >= 0;
}

typedef void attack_fn(FIXTURE_DATA(attack) *self, int fd);

/* Start an unprivileged process that attacks, and then keeps what it has. */
static int attack_start(FIXTURE_DATA(attack) *self, attack_fn *attack)
{
	int fd;

	self->before = available_at_rest();
	self->lowest = self->before;
	self->attacker = mq_fork();
	if (self->attacker < 0)
		return -errno;
	if (self->attacker)
		return 0;
	/*
	 * After a change of user, a process has to be dumpable to read the
	 * state of its threads in /proc.
	 */
	if (mq_become(MQ_NOBODY, MQ_NOBODY) || prctl(PR_SET_DUMPABLE, 1))
		_exit(1);
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	if (fd < 0)
		_exit(2);
	attack(self, fd);
	__atomic_store_n(&self->report->done, true, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static void attack_end(FIXTURE_DATA(attack) *self)
{
	if (self->attacker <= 0)
		return;
	kill(self->attacker, SIGKILL);
	waitpid(self->attacker, NULL, 0);
	self->attacker = 0;
}

/*
 * Wait until the attack is complete, or has used ENOUGH memory. Return by how
 * much the available memory has shrunk at most; negative if the attacker died.
 */
static long long attack_watch(FIXTURE_DATA(attack) *self)
{
	long long now;

	while (!__atomic_load_n(&self->report->done, __ATOMIC_ACQUIRE)) {
		if (waitpid(self->attacker, NULL, WNOHANG) == self->attacker) {
			self->attacker = 0;
			return -ECHILD;
		}
		now = available();
		if (now < self->lowest)
			self->lowest = now;
		if (self->before - self->lowest > ENOUGH)
			break;
		mq_sleep_ms(5);
	}
	now = available();
	if (now < self->lowest)
		self->lowest = now;
	return self->before - self->lowest;
}

/*
 * Run an attack on memory: the available memory shrinks within bounds, during
 * the attack and while the attacker keeps what it has, and grows back when the
 * queues are removed.
 */
#define EXPECT_BOUNDED(attack) do {					\
	long long fall;							\
									\
	ASSERT_EQ(0, attack_start(self, attack));			\
	fall = attack_watch(self);					\
	EXPECT_LE(0, fall);						\
	EXPECT_GE(ALLOWED, fall) {					\
		TH_LOG("%lld KiB used, counter bytes %lld KiB, %ld stored, %ld refused", \
		       fall / 1024, mq_stat_of(&self->queue, bytes) / 1024, \
		       self->report->stored, self->report->refused);	\
	}								\
	EXPECT_EQ(0, self->report->error);				\
	EXPECT_LT(0, self->report->stored);				\
	attack_end(self);						\
	EXPECT_EQ(0, mq_cleanup());					\
	EXPECT_TRUE(mq_wait_until((fall = self->before -		\
				   available_at_rest()) < NOISE)) {	\
		TH_LOG("%lld KiB still used, %lld KiB accounted",	\
		       fall / 1024, mq_used() / 1024);			\
	}								\
} while (0)

FIXTURE_SETUP(attack)
{
	MQ_REQUIRE();
	if (geteuid())
		SKIP(return, "needs root: attacker and victim are two users");
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, self->total,
				  sizeof(self->total)));
	self->per_user = !access(USER_BYTES, W_OK);
	if (mq_read_file(UNPRIVILEGED, self->unprivileged,
			 sizeof(self->unprivileged)))
		self->unprivileged[0] = '\0';
	self->report = mmap(NULL, sizeof(*self->report), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->report);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "64M"));
	mq_write_file(PER_CPU_PAGES, "1000");
	/* Let one user have the whole budget, which is easier to exceed. */
	if (self->per_user)
		ASSERT_EQ(0, mq_write_file(USER_BYTES, "64M"));
}

FIXTURE_TEARDOWN(attack)
{
	mq_write_file(PER_CPU_PAGES, "0");
	attack_end(self);
	EXPECT_EQ(0, mq_cleanup());
	if (self->unprivileged[0])
		mq_write_file(UNPRIVILEGED, self->unprivileged);
	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, self->total));
	/* 0 stands for the default, half of max_total_bytes. */
	if (self->per_user)
		EXPECT_EQ(0, mq_write_file(USER_BYTES, "0"));
}

/* Create a queue that all users can open, with bounds that are not reached. */
#define CREATE(queue, options)						\
	ASSERT_EQ(0, mq_create(queue, "mode=0666 max_bytes=4G "		\
			       "max_messages=10000000 " options))

#define REQUIRE_MEASURE() do {						\
	if (!memory_can_be_measured())					\
		SKIP(return, "a debug kernel keeps freed memory");	\
} while (0)

/* -- small messages that pin the chunks of large ones ---------------------- */

static void leave_holes(FIXTURE_DATA(attack) *self, int fd)
{
	struct report *report = self->report;
	static char data[LARGE], buffer[4 * (LARGE + 256)];
	struct devmq_recv recv;
	int i, round;

	if (mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 0)) {
		report->error = -EPROTO;
		return;
	}
	for (round = 0; round < 6000; round++) {
		for (i = 0; i < 3; i++)
			noted(report, mq_write(fd, data, LARGE));
		noted(report, mq_write(fd, data, 1));
		mq_recv_init(&recv, buffer, sizeof(buffer));
		if (mq_ioctl(fd, DEVMQ_IOC_RECV, &recv))
			continue;
		/* Acknowledge the large messages, and hold the small one. */
		for (i = 0; i < recv.count; i++) {
			struct devmq_record *r = (void *)buffer;
			size_t at = 0;
			int skip;

			for (skip = 0; skip < i; skip++) {
				at += DEVMQ_RECORD_STEP(r->size);
				r = (void *)(buffer + at);
			}
			if (mq_record_payload_size(r) == LARGE)
				mq_ack(fd, r->id);
		}
	}
}

TEST_F(attack, large_messages_that_went_leave_nothing_behind_small_ones)
{
	REQUIRE_MEASURE();
	CREATE(&self->queue, "overflow=reject");
	EXPECT_BOUNDED(leave_holes);
}

/* -- memory that an entry needs beside its message ------------------------- */

#define RECORDS	256

/* Send records that @fill makes, until a call is refused. */
static void send_until_refused(FIXTURE_DATA(attack) *self, int fd,
			       void (*fill)(struct mq_batch *, long), long most)
{
	struct report *report = self->report;
	struct mq_batch batch = {};
	struct devmq_send send;
	long i, sent = 0;
	int error;

	while (sent < most) {
		batch.size = 0;
		for (i = 0; i < RECORDS; i++)
			fill(&batch, sent + i);
		error = mq_send(fd, batch.data, batch.size, &send);
		if (!noted(report, error))
			break;
		sent += RECORDS;
	}
	/* Then send single records, until one is refused. */
	while (sent < most) {
		batch.size = 0;
		fill(&batch, sent);
		if (!noted(report, mq_send(fd, batch.data, batch.size, &send)))
			break;
		sent++;
	}
	mq_batch_free(&batch);
}

static void fill_key(struct mq_batch *batch, long number)
{
	struct devmq_record *record;
	char key[200], dedup[200];

	memset(key, 'k', sizeof(key));
	memset(dedup, 'd', sizeof(dedup));
	memcpy(key, &number, sizeof(number));
	memcpy(dedup, &number, sizeof(number));
	record = mq_batch_add_full(batch, key, sizeof(key), dedup,
				   sizeof(dedup), "x", 1);
	record->headers_size = 0;
	record->dedup_size = sizeof(dedup);
}

static void store_keys(FIXTURE_DATA(attack) *self, int fd)
{
	send_until_refused(self, fd, fill_key, 1000000);
}

TEST_F(attack, keys_groups_and_ids_that_were_seen_are_counted)
{
	REQUIRE_MEASURE();
	CREATE(&self->queue,
	       "overflow=reject order=key fairness=key dedup_window_ms=3600000 dedup_max=16777216");
	EXPECT_BOUNDED(store_keys);
	EXPECT_LT(0, self->report->refused);
}

/* De-duplication ids stay remembered after their messages are acknowledged. */
static void remember_ids(FIXTURE_DATA(attack) *self, int fd)
{
	struct report *report = self->report;
	struct mq_batch batch = {};
	static char data[RECORDS];
	struct devmq_send send;
	long i, sent = 0;

	while (sent < 600000) {
		batch.size = 0;
		for (i = 0; i < RECORDS; i++)
			fill_key(&batch, sent + i);
		if (!noted(report, mq_send(fd, batch.data, batch.size, &send)))
			break;
		for (i = 0; i < send.count; i++)
			if (mq_read(fd, data, sizeof(data)) != 1)
				report->error = -EPROTO;
		sent += RECORDS;
	}
	mq_batch_free(&batch);
}

TEST_F(attack, ids_of_messages_that_went_are_counted)
{
	REQUIRE_MEASURE();
	CREATE(&self->queue,
	       "overflow=reject dedup_window_ms=3600000 dedup_max=16777216");
	EXPECT_BOUNDED(remember_ids);
}

static void fill_delayed(struct mq_batch *batch, long number)
{
	struct devmq_record *record;

	record = mq_batch_add_full(batch, NULL, 0, NULL, 0, "x", 1);
	record->delay_ns = MQ_HOUR + number;
	record->ttl_ns = MQ_HOUR;
}

static void store_delayed(FIXTURE_DATA(attack) *self, int fd)
{
	send_until_refused(self, fd, fill_delayed, 2000000);
}

TEST_F(attack, delayed_messages_are_counted_with_all_they_need)
{
	REQUIRE_MEASURE();
	CREATE(&self->queue, "overflow=reject");
	EXPECT_BOUNDED(store_delayed);
	EXPECT_LT(0, self->report->refused);
}

/* Reject each message with a note; all of them stay in the queue as dead. */
static void write_notes(FIXTURE_DATA(attack) *self, int fd)
{
	static char buffer[RECORDS * 128], note[DEVMQ_NOTE_MAX];
	struct devmq_settlement settlements[RECORDS];
	struct report *report = self->report;
	struct mq_batch batch = {};
	struct devmq_recv recv;
	struct devmq_send send;
	long i, sent = 0;

	if (mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 0)) {
		report->error = -EPROTO;
		return;
	}
	memset(note, 'n', sizeof(note));
	for (i = 0; i < RECORDS; i++)
		mq_batch_add(&batch, "x");
	while (sent < 600000) {
		if (!noted(report, mq_send(fd, batch.data, batch.size, &send)))
			break;
		mq_recv_init(&recv, buffer, sizeof(buffer));
		if (mq_ioctl(fd, DEVMQ_IOC_RECV, &recv))
			break;
		for (i = 0; i < RECORDS; i++) {
			mq_settlement(&settlements[i], send.first_id + i,
				      send.first_id + i, DEVMQ_ACTION_REJECT);
			settlements[i].note = (uintptr_t)note;
			settlements[i].note_size = sizeof(note);
			settlements[i].reason = DEVMQ_REASON_USER;
		}
		/*
		 * Without memory for a note, the call fails or leaves the note
		 * out.
		 */
		mq_settle_many(fd, settlements, RECORDS, NULL);
		sent += RECORDS;
	}
	mq_batch_free(&batch);
}

TEST_F(attack, notes_are_counted)
{
	REQUIRE_MEASURE();
	CREATE(&self->queue, "overflow=reject max_dead=10000000");
	EXPECT_BOUNDED(write_notes);
}

/* -- memory that is in use, but not by stored messages --------------------- */

/* Each open file that sent a large message keeps memory for the next one. */
static void keep_for_later(FIXTURE_DATA(attack) *self, int fd)
{
	static char data[MEBI];
	int i, other;

	for (i = 0; i < 400; i++) {
		other = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
		if (other < 0)
			return;
		noted(self->report, mq_write(other, data, sizeof(data)));
		mq_read(fd, data, sizeof(data));
	}
}

TEST_F(attack, open_files_do_not_keep_much_for_later)
{
	REQUIRE_MEASURE();
	CREATE(&self->queue, "overflow=reject");
	EXPECT_BOUNDED(keep_for_later);
}

#define PEEKERS	200

static struct look {
	struct devmq_peek peek;
	int fd;
} looks[PEEKERS];

static void *look_thread(void *argument)
{
	struct look *look = argument;

	ioctl(look->fd, DEVMQ_IOC_PEEK, &look->peek);
	return NULL;
}

/* Map a page with userfaultfd: a thread that touches it stops. */
static int trap_page(char **page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	*page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	area.range.start = (uintptr_t)*page;
	area.range.len = PAGE;
	if (uffd < 0 || *page == MAP_FAILED || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &area))
		return -errno;
	return uffd;
}

/* Threads peek at messages, and continue when the messages are purged. */
static void look_for_ever(FIXTURE_DATA(attack) *self, int fd)
{
	struct report *report = self->report;
	static char data[MEBI];
	struct pollfd trap = { .events = POLLIN };
	struct uffd_msg message;
	pthread_attr_t attr;
	pthread_t thread;
	char *page;
	int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	trap.fd = trap_page(&page);
	if (trap.fd < 0) {
		report->error = trap.fd;
		return;
	}
	for (i = 0; i < PEEKERS; i++) {
		if (!noted(report, mq_write(fd, data, sizeof(data))))
			break;
		mq_peek_init(&looks[i].peek, page, PAGE);
		looks[i].peek.payload_max = 0;
		looks[i].fd = fd;
		if (pthread_create(&thread, &attr, look_thread, &looks[i]))
			break;
		/* The thread has the message, and stops in copying it. */
		if (poll(&trap, 1, MQ_PATIENCE_MS) != 1 ||
		    read(trap.fd, &message, sizeof(message)) < 0)
			report->error = -ETIME;
		mq_purge(fd, 0, 0);
	}
}

TEST_F(attack, messages_that_are_looked_at_are_counted_until_nobody_does)
{
	REQUIRE_MEASURE();
	if (!self->unprivileged[0] || mq_write_file(UNPRIVILEGED, "1"))
		SKIP(return, "no userfaultfd for unprivileged users");
	CREATE(&self->queue, "overflow=reject");
	EXPECT_BOUNDED(look_for_ever);
}

/* -- bounds that all users share ------------------------------------------- */

/* One message of this size is stored; a second one exceeds the bound. */
#define HOPELESS	(5 * MEBI)

static void *write_in_vain(void *argument)
{
	FIXTURE_DATA(attack) *self = argument;
	char *data = mmap(NULL, HOPELESS, PROT_READ,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);

	while (!__atomic_load_n(&self->report->stop, __ATOMIC_RELAXED)) {
		ssize_t done = mq_write(fd, data, HOPELESS);

		if (is_refusal(done))
			__atomic_add_fetch(&self->report->refused, 1,
					   __ATOMIC_RELAXED);
		else
			self->report->error = done ?: -EPROTO;
	}
	return NULL;
}

static void write_in_vain_by_four(FIXTURE_DATA(attack) *self, int fd)
{
	pthread_t threads[4];
	int i;

	noted(self->report, mq_write(fd, mmap(NULL, HOPELESS, PROT_READ,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1,
					      0), HOPELESS));
	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, write_in_vain, self);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/*
 * Send messages as another user, though there is room for all: how many failed.
 */
static int send_as_victim(const struct mq_queue *queue, int count, size_t size)
{
	static char data[1000];
	pid_t child = mq_fork();
	int i, fd, refused = 0;

	if (child)
		return mq_wait_child(child);
	if (mq_become(VICTIM, VICTIM))
		_exit(200);
	fd = mq_open(queue, O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		_exit(201);
	for (i = 0; i < count; i++)
		if (mq_write(fd, data, size) != (ssize_t)size)
			refused++;
	_exit(refused > 100 ? 100 : refused);
}

TEST_F(attack, writes_that_cannot_fit_cost_others_no_message)
{
	struct mq_queue lossy, strict;
	const int count = 3000;
	long tries;

	CREATE(&self->queue, "max_message_size=16M");
	CREATE(&lossy, "overflow=drop-head");
	CREATE(&strict, "overflow=reject");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "8M"));
	ASSERT_EQ(0, attack_start(self, write_in_vain_by_four));
	EXPECT_TRUE(mq_wait_until(__atomic_load_n(&self->report->refused,
						  __ATOMIC_RELAXED) > 8));

	EXPECT_EQ(0, send_as_victim(&lossy, count, 100));
	EXPECT_EQ(0, mq_stat_of(&lossy, dropped));
	EXPECT_EQ(count, mq_stat_of(&lossy, ready));
	EXPECT_EQ(0, send_as_victim(&strict, count, 100));
	EXPECT_EQ(count, mq_stat_of(&strict, ready));

	/* The attacker kept trying meanwhile. */
	tries = __atomic_load_n(&self->report->refused, __ATOMIC_RELAXED);
	EXPECT_TRUE(mq_wait_until(__atomic_load_n(&self->report->refused,
						  __ATOMIC_RELAXED) > tries));
	__atomic_store_n(&self->report->stop, true, __ATOMIC_RELAXED);
	EXPECT_EQ(0, self->report->error);
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
}

#define WRITERS	70

static struct mq_call writers[WRITERS];

/* Fill the queue, and let many writers wait for room. */
static void block_many(FIXTURE_DATA(attack) *self, int fd)
{
	static char data[MEBI];
	int i, waiting = mq_open(&self->queue, O_WRONLY);

	while (mq_write(fd, data, sizeof(data)) == sizeof(data))
		self->report->stored++;
	for (i = 0; i < WRITERS; i++)
		if (mq_write_start(&writers[i], waiting, data, sizeof(data)))
			self->report->error = -EPROTO;
	for (i = 0; i < WRITERS; i++)
		if (!mq_call_sleeps(&writers[i]))
			self->report->error = -EPROTO;
}

TEST_F(attack, writers_that_wait_take_no_room_from_others)
{
	struct mq_queue other;
	long long fall;

	ASSERT_EQ(0, mq_create(&self->queue, "mode=0666 max_bytes=2M"));
	CREATE(&other, "overflow=reject");
	ASSERT_EQ(0, attack_start(self, block_many));
	fall = attack_watch(self);
	EXPECT_EQ(0, self->report->error);
	/*
	 * There would be no room for these if the waiting writers held memory.
	 */
	EXPECT_EQ(0, send_as_victim(&other, 4000, 1000));
	EXPECT_EQ(4000, mq_stat_of(&other, ready));
	EXPECT_LE(0, fall);
	if (!memory_can_be_measured())
		return;
	EXPECT_GE(ALLOWED, fall);
	/* The messages of the waiting writers would take 70 MiB. */
	EXPECT_TRUE(mq_wait_until(self->before - available_at_rest() <
				  2 * NOISE));
}

/* The same for writers that wait because max_total_bytes is reached. */
TEST_F(attack, writers_that_wait_for_memory_hold_none)
{
	long long fall;

	REQUIRE_MEASURE();
	ASSERT_EQ(0, mq_create(&self->queue, "mode=0666 max_bytes=4G"));
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "8M"));
	ASSERT_EQ(0, attack_start(self, block_many));
	fall = attack_watch(self);
	EXPECT_EQ(0, self->report->error);
	EXPECT_LE(0, fall);
	EXPECT_GE(8 * MEBI + 2 * NOISE, fall);
}

/* -- what a search for the bindings of a topic needs ------------------------- */

#define SENDING_FILES	400

/* Each open file sends one message with as many headers as there can be. */
static void route_many_headers(FIXTURE_DATA(attack) *self, int fd)
{
	static char headers[DEVMQ_HEADERS_MAX];
	struct report *report = self->report;
	struct mq_batch batch = {};
	struct devmq_send send;
	size_t size = 0;
	char name[16];
	int i;

	for (i = 0; size + sizeof(name) < sizeof(headers); i++) {
		snprintf(name, sizeof(name), "%x", i);
		size += mq_header_put(headers + size, name, "", 0);
	}
	mq_batch_add_full(&batch, "key", 3, headers, size, "x", 1);
	for (i = 0; i < SENDING_FILES; i++) {
		fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
		if (fd < 0) {
			if (!report->error)
				report->error = fd;
			break;
		}
		noted(report, mq_send(fd, batch.data, batch.size, &send));
	}
	mq_batch_free(&batch);
}

TEST_F(attack, open_files_of_a_topic_keep_little_of_what_a_search_needs)
{
	struct mq_queue queue;

	REQUIRE_MEASURE();
	CREATE(&queue, "overflow=drop-head");
	ASSERT_EQ(0, mq_sysfs_set(&queue, "max_messages", "1"));
	mq_name(&self->queue);
	ASSERT_EQ(0, mq_control("create %s type=topic mode=0666",
				self->queue.name));
	ASSERT_EQ(0, mq_control("bind %s %s", self->queue.name, queue.name));
	ASSERT_EQ(0, mq_control("bind %s %s header.none=1", self->queue.name,
				queue.name));
	EXPECT_BOUNDED(route_many_headers);
}

TEST_HARNESS_MAIN
