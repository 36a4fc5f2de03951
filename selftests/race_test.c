// SPDX-License-Identifier: GPL-2.0
/*
 * Two operations on the same messages at the same time: whichever is first, no
 * message is lost or duplicated, and the counters add up.
 */
#include <pthread.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"

/*
 * A race ends when each worker has completed ROUNDS rounds, or after AT_MOST_MS
 * when each has completed one.
 */
#define ROUNDS		100
#define AT_MOST_MS	10000

/* The number of messages; each has a number. */
#define MESSAGES	40

struct shared {
	int stop;
	unsigned int wrong;
	unsigned int finished[MESSAGES + 1];	/* how often acknowledged */
};

FIXTURE(race) {
	struct mq_queue queue;
	struct mq_queue grave;	/* its dead-letter queue */
	int fd;			/* MQ_LOOK on the queue */
	int grave_fd;		/* MQ_LOOK on the dead-letter queue */
	struct shared shared;
};

struct racer {
	FIXTURE_DATA(race) *fixture;
	void (*work)(struct racer *racer);
	unsigned int seed, rounds;
	int fd;			/* its own open file, or -1 */
	pthread_t thread;
};

static unsigned int next_random(struct racer *racer)
{
	racer->seed = racer->seed * 1103515245 + 12345;
	return racer->seed >> 16 & 0x7fff;
}

#define WRONG(racer, ...) do {						\
	if (__atomic_fetch_add(&(racer)->fixture->shared.wrong, 1,	\
			       __ATOMIC_RELAXED) < 10)			\
		fprintf(stderr, "# " __VA_ARGS__);			\
} while (0)

/* The call may succeed, or fail with one of these errors. */
#define ALLOW(racer, result, ...) do {					\
	static const int __allowed[] = { __VA_ARGS__ };			\
	long long __result = (result);					\
	unsigned int __i;						\
									\
	for (__i = 0; __i < ARRAY_SIZE(__allowed); __i++)		\
		if (__result >= 0 || __result == __allowed[__i])	\
			break;						\
	if (__i == ARRAY_SIZE(__allowed))				\
		WRONG(racer, "%s returns %lld\n", #result, __result);	\
} while (0)

#define MAY_FAIL_AS_REMOVED	-ENODEV, -ENOENT, -ENXIO

FIXTURE_SETUP(race)
{
	MQ_REQUIRE();
	ASSERT_EQ(0, mq_create(&self->grave, "ack=manual max_deliveries=0"));
	ASSERT_EQ(0, mq_create(&self->queue,
			       "ack=manual max_deliveries=0 dead_letter=%s",
			       self->grave.name));
	self->fd = mq_open(&self->queue, MQ_LOOK);
	self->grave_fd = mq_open(&self->grave, MQ_LOOK);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->grave_fd);
}

FIXTURE_TEARDOWN(race)
{
	close(self->fd);
	close(self->grave_fd);
	EXPECT_EQ(0, mq_cleanup());
}

static void *racer_thread(void *argument)
{
	struct racer *racer = argument;
	struct shared *shared = &racer->fixture->shared;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		racer->work(racer);
		__atomic_add_fetch(&racer->rounds, 1, __ATOMIC_RELAXED);
	}
	if (racer->fd >= 0)
		close(racer->fd);
	return NULL;
}

static unsigned int fewest_rounds(struct racer *racers, unsigned int count)
{
	unsigned int fewest = ~0U;

	while (count--) {
		unsigned int rounds = __atomic_load_n(&racers[count].rounds,
						      __ATOMIC_RELAXED);

		if (rounds < fewest)
			fewest = rounds;
	}
	return fewest;
}

/* Run all workers at once, and check all the time that the counters add up. */
#define RACE(...) do {							\
	static void (* const __works[])(struct racer *) = { __VA_ARGS__ }; \
	struct racer __racers[ARRAY_SIZE(__works)] = {};		\
	uint64_t __end = mq_now_ms() + AT_MOST_MS;			\
	struct devmq_stat __stat;					\
	unsigned int __i;						\
									\
	for (__i = 0; __i < ARRAY_SIZE(__works); __i++) {		\
		__racers[__i].fixture = self;				\
		__racers[__i].work = __works[__i];			\
		__racers[__i].seed = __i + 1;				\
		__racers[__i].fd = -1;					\
		ASSERT_EQ(0, pthread_create(&__racers[__i].thread, NULL, \
					    racer_thread,		\
					    &__racers[__i]));		\
	}								\
	while (fewest_rounds(__racers, ARRAY_SIZE(__works)) <		\
	       (mq_now_ms() < __end ? ROUNDS : 1) &&			\
	       mq_now_ms() < __end + MQ_PATIENCE_MS) {			\
		if (!mq_stat_fd(self->fd, &__stat))			\
			EXPECT_TRUE(mq_conserved(&__stat));		\
		if (!mq_stat_fd(self->grave_fd, &__stat))		\
			EXPECT_TRUE(mq_conserved(&__stat));		\
		usleep(300);						\
	}								\
	__atomic_store_n(&self->shared.stop, 1, __ATOMIC_RELAXED);	\
	for (__i = 0; __i < ARRAY_SIZE(__works); __i++) {		\
		pthread_join(__racers[__i].thread, NULL);		\
		EXPECT_LT(0, __racers[__i].rounds) {			\
			TH_LOG("worker %u completed no round", __i);	\
		}							\
	}								\
	EXPECT_EQ(0, self->shared.wrong);				\
	TH_LOG("%u rounds at least",					\
	       fewest_rounds(__racers, ARRAY_SIZE(__works)));		\
} while (0)

/* Send all the messages, each with its number. */
static int send_all(const struct mq_queue *queue, uint64_t ttl_ns)
{
	int i, fd = mq_open(queue, O_WRONLY | O_NONBLOCK);
	long long id = -EIO;
	char text[16];

	for (i = 1; i <= MESSAGES; i++) {
		snprintf(text, sizeof(text), "%d", i);
		id = MQ_SEND(fd, .text = text, .ttl_ns = ttl_ns);
		if (id <= 0)
			break;
	}
	close(fd);
	return id > 0 ? 0 : id;
}

/*
 * Record that a message was acknowledged, which must happen only once. The text
 * "x" is that of messages without a number.
 */
static void finish(struct racer *racer, const char *text)
{
	unsigned int number = atoi(text);

	if (*text == 'x')
		return;
	if (number < 1 || number > MESSAGES)
		WRONG(racer, "no message has the number %u\n", number);
	else if (__atomic_fetch_add(&racer->fixture->shared.finished[number],
				    1, __ATOMIC_RELAXED))
		WRONG(racer, "message %u is settled twice\n", number);
}

/*
 * Receive all messages of this queue, which must be ready, and mark each as
 * seen. Returns how many they were.
 */
static int collect(const struct mq_queue *queue, unsigned int *seen)
{
	int count = 0, fd = mq_open(queue, O_RDONLY | O_NONBLOCK);
	struct mq_look look;

	mq_consumer_set(fd, DEVMQ_ACK_AUTO, 0);
	while (!mq_take(fd, &look)) {
		unsigned int number = atoi(look.payload);

		if (number >= 1 && number <= MESSAGES)
			seen[number]++;
		count++;
	}
	close(fd);
	return count;
}

/*
 * After the race: make all remaining messages ready, and count them. Each
 * message must be finished or still there, exactly once.
 */
#define EXPECT_EACH_ONCE() do {						\
	unsigned int __times[MESSAGES + 1] = {};				\
	struct devmq_stat __stat;					\
	unsigned int __i;						\
									\
	EXPECT_TRUE(mq_wait_until(					\
		mq_stat_of(&self->queue, in_flight) == 0 &&		\
		mq_stat_of(&self->queue, delayed) == 0));		\
	EXPECT_LE(0, mq_redrive(self->fd, 0, 0, -1, NULL));		\
	EXPECT_LE(0, mq_redrive(self->grave_fd, 0, 0, -1, NULL));	\
	undefer(&self->queue);						\
	collect(&self->queue, __times);					\
	collect(&self->grave, __times);					\
	for (__i = 1; __i <= MESSAGES; __i++) {				\
		EXPECT_EQ(1, __times[__i] + self->shared.finished[__i]) { \
			TH_LOG("message %u: %u times there, %u finished", \
			       __i, __times[__i],			\
			       self->shared.finished[__i]);		\
		}							\
	}								\
	ASSERT_EQ(0, mq_stat(&self->queue, &__stat));			\
	EXPECT_TRUE(mq_conserved(&__stat));				\
	EXPECT_EQ(0, __stat.ready + __stat.in_flight + __stat.delayed +	\
		  __stat.deferred + __stat.dead);			\
	EXPECT_EQ(0, __stat.bytes);					\
	ASSERT_EQ(0, mq_stat(&self->grave, &__stat));			\
	EXPECT_TRUE(mq_conserved(&__stat));				\
	EXPECT_EQ(0, __stat.bytes);					\
} while (0)

/* Receive the deferred messages, and release them. */
static void undefer(const struct mq_queue *queue)
{
	int fd = mq_open(queue, O_RDONLY | O_NONBLOCK);
	char buffer[1024] __attribute__((aligned(8)));
	struct devmq_record *record = (void *)buffer;
	struct devmq_peek peek;
	struct devmq_recv recv;

	for (;;) {
		mq_peek_init(&peek, buffer, sizeof(buffer));
		peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED);
		peek.max_count = 1;
		if (mq_ioctl(fd, DEVMQ_IOC_PEEK, &peek) || !peek.count)
			break;
		if (mq_recv_id(fd, record->id, buffer, sizeof(buffer), &recv))
			break;
		mq_release(fd, record->id);
	}
	close(fd);
}

/* -- the workers ----------------------------------------------------------- */

static int own(struct racer *racer, const struct mq_queue *queue)
{
	if (racer->fd < 0)
		racer->fd = mq_open(queue, O_RDWR | O_NONBLOCK);
	return racer->fd;
}

static void drop_own(struct racer *racer)
{
	close(racer->fd);
	racer->fd = -1;
}

/*
 * Hold a message until about the end of its lease, then release or retry it,
 * close the file, or acknowledge the message if @ack.
 */
static void hold_with_lease(struct racer *racer, bool ack)
{
	int fd = own(racer, &racer->fixture->queue);
	uint64_t end, lease = MQ_MS / 2 + next_random(racer) * 20;
	struct mq_look look;
	int result;

	mq_consumer_set_lease(fd, DEVMQ_ACK_MANUAL, 0, lease);
	end = mq_boot_ns() + lease - MQ_MS / 4 + next_random(racer) * 16;
	if (mq_take(fd, &look)) {
		usleep(200);
		return;
	}
	while (mq_boot_ns() < end)
		;
	switch (next_random(racer) % (ack ? 4 : 3)) {
	case 0:
		result = mq_release(fd, look.record.id);
		break;
	case 1:
		result = mq_retry(fd, look.record.id, 1);
		break;
	case 2:
		drop_own(racer);
		return;
	default:
		result = mq_ack(fd, look.record.id);
		if (result == 1)
			finish(racer, look.payload);
	}
	if (result != 1 && result != -ESTALE)
		WRONG(racer, "settling returns %d\n", result);
}

static void lease_and_settle(struct racer *racer)
{
	hold_with_lease(racer, true);
}

static void lease_and_give_back(struct racer *racer)
{
	hold_with_lease(racer, false);
}

/* Retry, defer or reject a message. */
static void fail_and_die(struct racer *racer)
{
	int fd = own(racer, &racer->fixture->queue);
	struct mq_look look;

	if (mq_take(fd, &look)) {
		usleep(200);
		return;
	}
	switch (next_random(racer) % 5) {
	case 0:
		ALLOW(racer, mq_retry(fd, look.record.id, 1), -ESTALE);
		break;
	case 1:
		ALLOW(racer, mq_retry(fd, look.record.id, 300000), -ESTALE);
		break;
	case 2:
		ALLOW(racer, mq_defer(fd, look.record.id), -ESTALE);
		break;
	case 3:
		ALLOW(racer, mq_reject_with(fd, look.record.id, 300, "note"),
		      -ESTALE);
		break;
	default:
		ALLOW(racer, mq_reject(fd, look.record.id), -ESTALE);
	}
}

/* Acknowledge, reject or release a message of the dead-letter queue. */
static void settle_dead(struct racer *racer)
{
	int fd = own(racer, &racer->fixture->grave);
	struct mq_look look;

	if (mq_take(fd, &look)) {
		usleep(200);
		return;
	}
	switch (next_random(racer) % 6) {
	case 0:
		if (mq_ack(fd, look.record.id) == 1)
			finish(racer, look.payload);
		break;
	case 1:
	case 2:
		ALLOW(racer, mq_reject(fd, look.record.id), -ESTALE);
		break;
	default:
		ALLOW(racer, mq_release(fd, look.record.id), -ESTALE);
	}
}

static void redrive_back(struct racer *racer)
{
	ALLOW(racer, mq_redrive(racer->fixture->grave_fd, 0, 0, -1, NULL),
	      -EINTR);
	ALLOW(racer, mq_redrive(racer->fixture->fd, 0, 0, -1, NULL), -EINTR);
	undefer(&racer->fixture->queue);
	usleep(200);
}

/* Redrive from each queue to the other one, by descriptor. */
static void redrive_across(struct racer *racer)
{
	int to_queue = mq_open(&racer->fixture->queue, O_WRONLY);
	int to_grave = mq_open(&racer->fixture->grave, O_WRONLY);

	ALLOW(racer, mq_redrive(racer->fixture->grave_fd, 0, 0, to_queue,
				NULL), -EINTR);
	ALLOW(racer, mq_redrive(racer->fixture->fd, 0, 0, to_grave, NULL),
	      -EINTR);
	close(to_queue);
	close(to_grave);
	usleep(200);
}

/* Set or unset the dead-letter queue. */
static void toggle_dead_letter(struct racer *racer)
{
	ALLOW(racer, mq_sysfs_set(&racer->fixture->queue, "dead_letter", "%s",
				  next_random(racer) % 2 ? "none" :
				  racer->fixture->grave.name), 0);
	usleep(300);
}

static void peek_both(struct racer *racer)
{
	char *buffer = malloc(65536);
	struct devmq_peek peek;
	struct devmq_record *record = NULL;
	uint64_t last = 0;

	ALLOW(racer, mq_peek(racer->fixture->fd, buffer, 65536, &peek),
	      -EINTR);
	while ((record = mq_record_next(buffer, peek.used, record))) {
		struct mq_look look;

		if (mq_look_at(record, &look))
			WRONG(racer, "record %llu is broken\n", record->id);
		if (record->id <= last)
			WRONG(racer, "ids do not ascend\n");
		last = record->id;
	}
	ALLOW(racer, mq_peek(racer->fixture->grave_fd, buffer, 65536, &peek),
	      -EINTR);
	free(buffer);
}

TEST_F(race, settlement_and_the_end_of_its_lease)
{
	ASSERT_EQ(0, send_all(&self->queue, 0));
	RACE(lease_and_settle, lease_and_settle, lease_and_settle, peek_both);
	EXPECT_EACH_ONCE();
}

TEST_F(race, close_and_the_end_of_a_lease)
{
	ASSERT_EQ(0, send_all(&self->queue, 0));
	RACE(lease_and_give_back, lease_and_give_back, lease_and_give_back,
	     lease_and_give_back);
	EXPECT_EACH_ONCE();
	EXPECT_EQ(MESSAGES, mq_stat_of(&self->queue, acked));
}

TEST_F(race, retry_and_redrive)
{
	ASSERT_EQ(0, send_all(&self->queue, 0));
	RACE(fail_and_die, fail_and_die, redrive_back, settle_dead);
	EXPECT_EACH_ONCE();
}

TEST_F(race, redrive_in_both_directions)
{
	ASSERT_EQ(0, send_all(&self->queue, 0));
	RACE(fail_and_die, settle_dead, redrive_across, redrive_across,
	     redrive_back);
	EXPECT_EACH_ONCE();
}

TEST_F(race, death_and_a_target_that_is_full)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "max_messages", "3"));
	ASSERT_EQ(0, send_all(&self->queue, 0));
	RACE(fail_and_die, fail_and_die, redrive_back, settle_dead,
	     settle_dead);
	EXPECT_EACH_ONCE();
}

TEST_F(race, death_and_a_target_that_comes_and_goes)
{
	ASSERT_EQ(0, send_all(&self->queue, 0));
	RACE(fail_and_die, fail_and_die, toggle_dead_letter, redrive_back,
	     lease_and_settle);
	EXPECT_EACH_ONCE();
}

TEST_F(race, death_at_the_close_of_many_consumers)
{
	struct mq_look look;
	int round, i, j, fds[4];

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "1"));
	for (round = 0; round < 10; round++) {
		pid_t children[4];

		if (!round)
			ASSERT_EQ(0, send_all(&self->queue, 0));
		for (i = 0; i < 4; i++) {
			children[i] = mq_fork();
			if (children[i])
				continue;
			fds[i] = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
			for (j = 0; j < MESSAGES / 4; j++)
				mq_take(fds[i], &look);
			_exit(0);
		}
		for (i = 0; i < 4; i++)
			ASSERT_EQ(0, mq_wait_child(children[i]));
		ASSERT_EQ(MESSAGES, mq_stat_of(&self->grave, ready) +
			  mq_stat_of(&self->queue, ready));
		ASSERT_LE(0, mq_redrive(self->grave_fd, 0, 0, -1, NULL));
	}
	EXPECT_EACH_ONCE();
}

/* -- expiry ---------------------------------------------------------------- */

/* Send with a time to live so short that it ends about when others receive. */
static void send_short(struct racer *racer)
{
	int fd = own(racer, &racer->fixture->queue);

	ALLOW(racer, MQ_SEND(fd, .text = "x",
			     .ttl_ns = 1 + next_random(racer) * 30ULL,
			     .delay_ns = next_random(racer) % 3 * 100000),
	      -EAGAIN);
	usleep(next_random(racer) % 300);
}

static void take_and_settle(struct racer *racer)
{
	int fd = own(racer, &racer->fixture->queue);
	struct mq_look look;
	int result = mq_take(fd, &look);

	if (result) {
		if (result != -EAGAIN)
			WRONG(racer, "receiving gives %d\n", result);
		return;
	}
	usleep(next_random(racer) % 300);
	switch (next_random(racer) % 5) {
	case 0:
		ALLOW(racer, mq_ack(fd, look.record.id), -ESTALE);
		break;
	case 1:
		ALLOW(racer, mq_release(fd, look.record.id), -ESTALE);
		break;
	case 2:
		ALLOW(racer, mq_retry(fd, look.record.id, 100000), -ESTALE);
		break;
	case 3:
		ALLOW(racer, mq_defer(fd, look.record.id), -ESTALE);
		break;
	default:
		drop_own(racer);
	}
}

static void purge_some(struct racer *racer)
{
	ALLOW(racer, mq_purge(racer->fixture->fd, 0, 0), -EINTR);
	usleep(2000);
}

static void toggle_expiry(struct racer *racer)
{
	ALLOW(racer, mq_sysfs_set(&racer->fixture->queue, "on_expiry", "%s",
				  next_random(racer) % 2 ? "drop" : "dead"),
	      MAY_FAIL_AS_REMOVED);
	usleep(500);
}

/* Expect that no message remains, and that some have expired. */
#define EXPECT_NOTHING_LEFT() do {					\
	struct devmq_stat __stat;					\
									\
	EXPECT_LE(0, mq_purge(self->fd, 0, 0));				\
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, bytes) == 0)); \
	ASSERT_EQ(0, mq_stat(&self->queue, &__stat));			\
	EXPECT_TRUE(mq_conserved(&__stat));				\
	EXPECT_LT(0, __stat.expired + __stat.dead_lettered);		\
	TH_LOG("%llu sent, %llu acked, %llu expired, %llu dead",	\
	       __stat.sent, __stat.acked, __stat.expired,		\
	       __stat.dead_lettered);					\
} while (0)

TEST_F(race, expiry_and_receiving)
{
	RACE(send_short, send_short, take_and_settle, take_and_settle,
	     peek_both);
	EXPECT_NOTHING_LEFT();
}

TEST_F(race, expiry_and_death_and_purge)
{
	RACE(send_short, send_short, take_and_settle, purge_some,
	     toggle_expiry, settle_dead);
	EXPECT_NOTHING_LEFT();
}

/* -- removal --------------------------------------------------------------- */

static void remove_and_create(struct racer *racer)
{
	static const char options[] =
		"max_deliveries=2 order=key fairness=key retry_ms=1";
	struct mq_queue *queue = &racer->fixture->queue;
	struct mq_queue *grave = &racer->fixture->grave;

	usleep(2000 + next_random(racer) % 3000);
	ALLOW(racer, mq_remove(queue), -ENOENT);
	ALLOW(racer, mq_control("create %s %s", queue->name, options),
	      -EEXIST);
	ALLOW(racer, mq_sysfs_set(queue, "dead_letter", "%s", grave->name),
	      MAY_FAIL_AS_REMOVED);
}

static void remove_the_target(struct racer *racer)
{
	struct mq_queue *grave = &racer->fixture->grave;

	usleep(2000 + next_random(racer) % 3000);
	ALLOW(racer, mq_control("remove %s", grave->name), -EBUSY, -ENOENT,
	      -ENOTEMPTY);
	ALLOW(racer, mq_remove(grave), -ENOENT);
	ALLOW(racer, mq_control("create %s ack=manual", grave->name), -EEXIST);
	ALLOW(racer, mq_sysfs_set(&racer->fixture->queue, "dead_letter", "%s",
				  grave->name), MAY_FAIL_AS_REMOVED, -ELOOP);
}

/* Make random calls on the queue that has this name at the moment. */
static void do_anything(struct racer *racer, const struct mq_queue *queue)
{
	int target, i, fd = mq_open(queue, O_RDWR | O_NONBLOCK);
	struct mq_look look = {};
	char key[2] = "";
	unsigned int id;

	if (fd < 0) {
		ALLOW(racer, fd, MAY_FAIL_AS_REMOVED);
		return;
	}
	mq_consumer_set_lease(fd, DEVMQ_ACK_MANUAL, 4,
			      next_random(racer) % 3 * MQ_MS);
	for (i = 0; i < 30; i++) {
		id = look.record.id ?: 1;
		key[0] = 'a' + next_random(racer) % 4;
		switch (next_random(racer) % 14) {
		case 0:
		case 1:
		case 2:
			ALLOW(racer, MQ_SEND(fd, .text = "x", .key = key,
					     .ttl_ns = next_random(racer) %
					     3 * MQ_MS,
					     .delay_ns = next_random(racer) %
					     3 * MQ_MS), -EAGAIN, -ENOSPC,
			      -ENODEV);
			break;
		case 3:
		case 4:
		case 5:
			ALLOW(racer, mq_take(fd, &look), -EAGAIN, -ENODEV);
			break;
		case 6:
			ALLOW(racer, mq_ack(fd, id), -ESTALE, -ENODEV);
			break;
		case 7:
			ALLOW(racer, mq_retry(fd, id, 0), -ESTALE, -ENODEV);
			break;
		case 8:
			ALLOW(racer, mq_reject_with(fd, id, 999, "note"),
			      -ESTALE, -ENODEV);
			break;
		case 9:
			ALLOW(racer, mq_defer(fd, id), -ESTALE, -ENODEV);
			break;
		case 10:
			ALLOW(racer, mq_extend(fd, id, MQ_MS), -ESTALE,
			      -ENODEV);
			break;
		case 11:
			ALLOW(racer, mq_redrive(fd, 0, 0, -1, NULL), -ENODEV,
			      -EINTR);
			break;
		case 12:
			target = mq_open(&racer->fixture->grave, O_WRONLY);
			if (target >= 0) {
				ALLOW(racer, mq_redrive(fd, 0, 0, target,
							NULL), -ENODEV,
				      -EINTR);
				close(target);
			}
			break;
		default:
			ALLOW(racer, mq_release(fd, id), -ESTALE, -ENODEV);
		}
	}
	close(fd);
}

static void anything_here(struct racer *racer)
{
	do_anything(racer, &racer->fixture->queue);
}

static void anything_there(struct racer *racer)
{
	do_anything(racer, &racer->fixture->grave);
}

static void sleep_for_a_message(struct racer *racer)
{
	int fd = mq_open(&racer->fixture->queue, O_RDONLY);
	struct devmq_recv recv;
	char buffer[1024];

	if (fd < 0)
		return;
	mq_recv_init(&recv, buffer, sizeof(buffer));
	recv.deadline_ns = mq_now_ns() + 5 * MQ_MS;
	ALLOW(racer, mq_ioctl(fd, DEVMQ_IOC_RECV, &recv), -ETIMEDOUT,
	      -ENODEV);
	close(fd);
}

TEST_F(race, removal_and_everything_else)
{
	RACE(remove_and_create, anything_here, anything_here, anything_there,
	     sleep_for_a_message);
}

TEST_F(race, removal_of_the_target_and_everything_else)
{
	RACE(remove_the_target, anything_here, anything_here, anything_there,
	     sleep_for_a_message);
}

TEST_F(race, removal_of_both_and_everything_else)
{
	RACE(remove_and_create, remove_the_target, anything_here,
	     anything_here, anything_there, toggle_expiry);
}

/* -- options --------------------------------------------------------------- */

static void set_anything(struct racer *racer)
{
	static const struct {
		const char *name, *values[3];
	} options[] = {
		{ "single_active", { "0", "1", "0" } },
		{ "paused", { "none", "both", "receive" } },
		{ "max_dead", { "0", "5", "1000" } },
		{ "max_deliveries", { "0", "1", "3" } },
		{ "overflow", { "block", "drop-head", "reject" } },
		{ "max_messages", { "1000", "20", "5" } },
		{ "retry_ms", { "0", "1", "2" } },
		{ "delay_ms", { "0", "1", "2" } },
		{ "ttl_ms", { "0", "2", "1000" } },
		{ "dedup_window_ms", { "0", "1", "1000" } },
		{ "dedup_max", { "1", "10", "1000" } },
		{ "on_expiry", { "drop", "dead", "drop" } },
	};
	unsigned int which = next_random(racer) % ARRAY_SIZE(options);

	ALLOW(racer, mq_sysfs_set(&racer->fixture->queue, options[which].name,
				  "%s", options[which].values
				  [next_random(racer) % 3]), 0);
	usleep(200);
}

TEST_F(race, options_and_everything_else)
{
	struct devmq_stat stat;

	RACE(set_anything, anything_here, anything_here, anything_there,
	     sleep_for_a_message, purge_some);
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_TRUE(mq_conserved(&stat));
	EXPECT_EQ(0, stat.in_flight);
}

TEST_F(race, chains_that_are_tied_and_untied)
{
	/*
	 * Two queues try to become each other's dead-letter queue: at most one
	 * does.
	 */
	unsigned int round;
	char text[2][128];

	for (round = 0; round < 50; round++) {
		pid_t child = mq_fork();

		if (!child) {
			mq_sysfs_set(&self->queue, "dead_letter", "none");
			mq_sysfs_set(&self->grave, "dead_letter", "%s",
				     self->queue.name);
			_exit(0);
		}
		mq_sysfs_set(&self->grave, "dead_letter", "none");
		mq_sysfs_set(&self->queue, "dead_letter", "%s",
			     self->grave.name);
		ASSERT_EQ(0, mq_wait_child(child));
		ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text[0],
					  sizeof(text[0])));
		ASSERT_EQ(0, mq_sysfs_get(&self->grave, "dead_letter", text[1],
					  sizeof(text[1])));
		EXPECT_TRUE(!strcmp(text[0], "none") ||
			    !strcmp(text[1], "none")) {
			TH_LOG("%s and %s", text[0], text[1]);
		}
	}
}

TEST_HARNESS_MAIN
