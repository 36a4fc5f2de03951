// SPDX-License-Identifier: GPL-2.0
/*
 * Random sequences of all operations on queues, against a model: after each
 * operation, the model and the kernel must agree.
 *
 * A sequence is made from a seed, and from nothing else except how long things
 * take.  A sequence that fails is shrunk as far as possible, and then printed.
 *
 *   MODEL_OPS=N      operations of all tests together (180000, most of them with
 *                    topics)
 *   MODEL_SECONDS=N  the longest time that they may take (15000)
 *   MODEL_SEED=SEED  run only the sequence with this seed, and print all of it
 *
 * A duration is either hours, so that it never ends, or short.  Before each
 * operation, the tester makes sure that no short duration ends during the
 * operation: it sleeps until those that are nearly over have ended.  The kernel
 * knows best when they ended exactly.  The model adopts the kernel's times when
 * the two agree within what the pace of the machine leaves open.
 *
 * Events that were due since the last comparison may have happened in more than
 * one order, as each queue has a timer of its own and a dead message is on its
 * way to another queue for a moment.  The model predicts every possible outcome,
 * and the kernel's outcome has to be one of them.  If the machine was so slow
 * that a duration may have begun and ended unseen, or may have ended during an
 * operation, a difference proves nothing: then short durations are made longer,
 * and the sequence begins anew.
 */
#include <stdlib.h>
#include <sys/utsname.h>

#include "mq_test.h"
#include "play/compare.h"
#include "play/dice.h"
#include "play/orders.h"
#include "play/pace.h"
#include "play/play.h"
#include "play/profiles.h"
#include "play/sequence.h"
#include "play/shrink.h"
#include "play/print.h"
#include "play/world.h"

/* Sequences played against a twin that is late. */
#define LATE_SEQUENCES	600

/* The time that all tests together may take. It is rarely needed. */
#define SECONDS_USUAL	15000

/* A debug kernel on an emulated machine needs longer durations. */
static void know_the_machine(void)
{
	struct utsname name;

	if (uname(&name) || !strstr(name.release, "debug"))
		return;
	calm_ms = 300;
	short_ms = calm_ms;
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	int i, j;

	if (w) {
		w->patience_ms = MQ_PATIENCE_MS;
		w->clock = MQ_HOUR;
	}
	for (i = 0; w && i < MODEL_QUEUES; i++) {
		mq_name(&w->queue[i]);
		w->name_size[i] = strlen(w->queue[i].name);
		w->look[i] = -1;
		for (j = 0; j < MODEL_FILES; j++)
			w->fd[i][j] = -1;
	}
	return w;
}

static void world_free(struct world *w)
{
	world_reset(w);
	free(w);
}

FIXTURE(model) {
	struct world *world;
};

FIXTURE_SETUP(model)
{
	MQ_REQUIRE();
	know_the_machine();
	self->world = world_new();
	ASSERT_TRUE(self->world);
}

FIXTURE_TEARDOWN(model)
{
	world_free(self->world);
	EXPECT_EQ(0, mq_cleanup());
}

/* A number from the environment, or @usual. */
static __u64 environment(const char *name, __u64 usual)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : usual;
}

static __u64 new_seed(unsigned int profile)
{
	static __u64 dice;

	if (!dice)
		dice = mq_boot_ns() * getpid();
	return roll64(&dice) / SEED_PROFILES * SEED_PROFILES + profile;
}

/* How many operations there are of a profile. */
static __u64 operations_of(const struct profile *profile)
{
	__u64 all = environment("MODEL_OPS", 0);

	if (all)
		return all * profile->share / 100;
	return profile->operations ?: profile->share * 1000;
}

/* Print how a sequence just failed, then shrink it and print it again. */
static void print_failure(struct world *w, struct sequence *s, unsigned int at)
{
	unsigned int before = s->count;

	printf("# sequence %#llx of %s (MODEL_SEED) fails at operation %u\n",
	       s->seed, s->profile->name, at + 1);
	printf("# ");
	print_call(w, &w->call);
	printf("\n");
	print_difference(w);
	fflush(stdout);
	if (!shrink(w, s)) {
		printf("# but not again: look at its times\n");
		fflush(stdout);
		return;
	}
	printf("# %u of its %u operations suffice:\n", s->count, before);
	if (play_at_pace(w, s, PEEK_ALWAYS | PRINT, &at) != DIFFERED)
		printf("# not this time: look at its times\n");
	fflush(stdout);
}

/* Play sequences of a profile.  Returns how many of them failed. */
static int play_profile(struct __test_metadata *_metadata, struct world *w,
			unsigned int profile)
{
	__u64 seed = environment("MODEL_SEED", 0);
	__u64 ops = operations_of(&profiles[profile]);
	__u64 ms = environment("MODEL_SECONDS", SECONDS_USUAL) * 10 *
		   profiles[profile].share;
	unsigned int at, sequences = 0, slow = 0;
	static struct sequence s;
	__u64 start = mq_now_ms();

	/* The last sequence may take up to 20 seconds more. */
	w->until_ms = seed ? 0 : start + ms + 20000;
	if (seed && seed % SEED_PROFILES != profile)
		return 0;
	do {
		enum verdict verdict;

		draw_sequence(&s, seed ? seed : new_seed(profile));
		verdict = play_at_pace(w, &s, seed ? PRINT : 0, &at);
		sequences++;
		slow += verdict == TOO_SLOW;
		if (verdict == DIFFERED) {
			print_failure(w, &s, at);
			return 1;
		}
	} while (!seed && w->calls < ops && mq_now_ms() < start + ms);
	TH_LOG("%llu operations in %u sequences, %llu ms; too slow: %u, in another order: %u",
	       w->calls, sequences, mq_now_ms() - start, slow, w->reordered);
	return 0;
}

TEST_F(model, plain_queue)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_plain_queue));
}

TEST_F(model, manual_ack)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_manual_ack));
}

TEST_F(model, failures_and_dead)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_failures_and_dead));
}

TEST_F(model, dead_letter_queue)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_dead_letter_queue));
}

TEST_F(model, time)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_time));
}

TEST_F(model, leases)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_leases));
}

TEST_F(model, retries)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_retries));
}

TEST_F(model, priorities)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_priorities));
}

TEST_F(model, keys)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_keys));
}

TEST_F(model, fairness)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_fairness));
}

TEST_F(model, dedup)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_dedup));
}

TEST_F(model, bounds)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_bounds));
}

TEST_F(model, everything)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_everything));
}

TEST_F(model, topics)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_topics));
}

#define JOURNAL_DELAY	"/sys/module/devmq/parameters/journal_delay_ms"

/*
 * Queues in a journal, which writes nothing that nobody asks for: so most crashes
 * lose something.
 */
TEST_F(model, durable)
{
	struct world *w = self->world;
	char delay[32];

	ASSERT_EQ(0, mq_read_file(JOURNAL_DELAY, delay, sizeof(delay)));
	ASSERT_EQ(0, journal_make(&w->journal, 2816 << 10));
	ASSERT_EQ(0, journal_attach(&w->journal));
	ASSERT_EQ(0, mq_write_file(JOURNAL_DELAY, "3600000"));
	EXPECT_EQ(0, play_profile(_metadata, w, PROFILE_durable));
	EXPECT_EQ(0, mq_write_file(JOURNAL_DELAY, delay));
	world_reset(w);
	EXPECT_EQ(0, journal_detach_name(w->journal.name, DEVMQ_JOURNAL_FORCE));
	journal_unlink(&w->journal);
}

/*
 * Find a sequence that shows the mutation, and shrink it.  Returns its
 * operations, 0 if none is found.
 */
static unsigned int find_mutation(struct world *w, enum model_mutation mutation)
{
	unsigned int profile = mutation == MUTATION_TTL_FOR_EVER ?
			       PROFILE_time :
			       mutation >= MUTATION_STAR_IS_MANY ?
			       PROFILE_topics :
			       mutation >= MUTATION_LOSE_CONFIRMED ?
			       PROFILE_durable : PROFILE_dead_letter_queue;
	static struct sequence s;
	unsigned int at, tries;

	w->mutation = mutation;
	for (tries = 0; tries < 100; tries++) {
		draw_sequence(&s, new_seed(profile));
		if (play_at_pace(w, &s, 0, &at) == DIFFERED && shrink(w, &s))
			return s.count;
	}
	return 0;
}

/* Two models play against each other, one of which is wrong. */
TEST(wrong_prediction_is_found_and_made_short)
{
	struct world *w = world_new();
	enum model_mutation mutation;
	unsigned int count, tries;

	ASSERT_TRUE(w);
	w->use_twin = true;
	for (mutation = MUTATION_NONE + 1; mutation < MUTATIONS; mutation++) {
		count = 0;
		/* Now and then one cannot be made short by leaving things out. */
		for (tries = 0; tries < 5 && (!count || count > 15); tries++)
			count = find_mutation(w, mutation);
		TH_LOG("mutation %d: %u operations", mutation, count);
		EXPECT_LT(0, count);
		EXPECT_GE(15, count);
	}
	world_free(w);
}

/* Two models that are right agree. */
TEST(model_agrees_with_itself)
{
	struct world *w = world_new();
	static struct sequence s;
	enum verdict verdict;
	unsigned int at, i;

	ASSERT_TRUE(w);
	w->use_twin = true;
	for (i = 0; i < PROFILES; i++) {
		draw_sequence(&s, new_seed(i));
		verdict = play_at_pace(w, &s, PEEK_ALWAYS, &at);
		EXPECT_EQ(AGREED, verdict)
			print_failure(w, &s, at);
	}
	world_free(w);
}

/* A twin that is right may be late, and handle events in another order. */
TEST(what_time_leaves_open_is_no_difference)
{
	static const unsigned int timed[] = {
		PROFILE_time, PROFILE_leases, PROFILE_retries,
		PROFILE_everything,
	};
	struct world *w = world_new();
	static struct sequence s;
	unsigned int at, i, slow = 0;
	enum verdict verdict;

	ASSERT_TRUE(w);
	w->use_twin = true;
	w->is_late = true;
	w->dice = mq_boot_ns();
	for (i = 0; i < LATE_SEQUENCES; i++) {
		draw_sequence(&s, new_seed(timed[i % ARRAY_SIZE(timed)]));
		verdict = play_at_pace(w, &s, PEEK_ALWAYS, &at);
		slow += verdict == TOO_SLOW;
		EXPECT_NE(DIFFERED, verdict) {
			TH_LOG("sequence %#llx of %s, operation %u", s.seed,
			       s.profile->name, at + 1);
			print_difference(w);
			break;
		}
	}
	TH_LOG("in another order: %u, too slow: %u", w->reordered, slow);
	EXPECT_LT(0, w->reordered);
	EXPECT_GT(LATE_SEQUENCES / 4, slow);
	world_free(w);
}

/* How far it is shrunk depends on the time, so its length is not asserted. */
TEST_F(model, wrong_prediction_is_found_in_the_kernel)
{
	EXPECT_LT(0, find_mutation(self->world, MUTATION_RELEASE_COUNTS));
}

TEST_HARNESS_MAIN
