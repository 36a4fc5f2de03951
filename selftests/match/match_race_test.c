// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that search an index while it changes, with the thread sanitizer: what
 * a search finds is exact if the generation is still the same under the turn.
 *
 * MATCH_CHANGES is how many changes there are.
 */
#include <pthread.h>
#include <stdio.h>

#include "kselftest_harness.h"
#include "set.h"

#define SEARCHERS	3
#define BINDINGS	600
#define TARGETS		16
/* So many changes share a grace period. */
#define CHANGES		40

static struct {
	struct mq_index *x;
	pthread_mutex_t turn;
	struct binding many[BINDINGS];
	char targets[TARGETS];
	bool ends;
	bool wrong;
	long exact;
	long stale;
} t = { .turn = PTHREAD_MUTEX_INITIALIZER };

static const char *const filters[] = {
	"key=a.b", "key=a.*", "key=#.b", "key=a.#", "key=*.b header.x=1",
	"header.x=1 header.y=1", "header.y=1", "", "key=#.a.#.b", "key=b",
	"key=#.*.b header.y=1 header.y=2",
};

static const struct {
	const char *key;
	const char *x;
	const char *y;
} messages[] = {
	{ "a.b", "1", "1" }, { "a.a.b", "1", "2" }, { "b", "2", "2" },
	{ "c.b", "2", "1" },
};

/* -- under the turn --------------------------------------------------------- */

static bool right(const struct message *m, const struct mq_matches *s)
{
	bool expected[TARGETS] = { };
	int i;

	for (i = 0; i < BINDINGS; i++)
		if (t.many[i].bound && simple_takes(&t.many[i], m))
			expected[(char *)t.many[i].b.target - t.targets] = true;
	for (i = 0; i < TARGETS; i++)
		if (set_found(s, &t.targets[i]) != expected[i])
			return false;
	return true;
}

static void search(struct message *m, struct mq_matches *s)
{
	u64 generation;
	int err;

	do {
		rcu_read_lock();
		mq_matches_begin(s);
		generation = mq_index_generation(t.x);
		err = mq_match(t.x, &m->m, s);
		rcu_read_unlock();
	} while (err == -ENOSPC && !mq_matches_grow(s));
	pthread_mutex_lock(&t.turn);
	if (mq_index_generation(t.x) != generation) {
		WRITE_ONCE(t.stale, t.stale + 1);
	} else {
		WRITE_ONCE(t.exact, t.exact + 1);
		if (err < 0 || !right(m, s))
			t.wrong = true;
	}
	pthread_mutex_unlock(&t.turn);
}

static void *searcher(void *unused)
{
	struct message m[4];
	struct mq_matches s = { };
	int i;

	for (i = 0; i < 4; i++) {
		set_message(&m[i], messages[i].key);
		set_header(&m[i], "x", messages[i].x);
		set_header(&m[i], "y", messages[i].y);
	}
	while (!READ_ONCE(t.ends))
		for (i = 0; i < 4; i++)
			search(&m[i], &s);
	mq_matches_free(&s);
	return NULL;
}

/* -- changes, all by one thread ---------------------------------------------- */

static void bind(struct binding *b)
{
	struct mq_filter_fault fault;
	struct mq_filter *f;
	const char *each[WORDS_MAX], *what;
	struct mq_rule *r;
	char own[40];
	int i;

	/* Some have a filter of their own, so the tables grow and shrink. */
	sprintf(own, "key=%d.*", (int)(b - t.many));
	set_words(b, user_random(2) ? own : filters[user_random(11)]);
	for (i = 0; i < b->count; i++)
		each[i] = b->words[i];
	f = mq_filter_make(each, b->count, &fault);
	b->b.target = &t.targets[user_random(TARGETS)];
	r = mq_index_prepare(t.x, f, b->b.target, &what);
	if (IS_ERR(r))
		return;
	pthread_mutex_lock(&t.turn);
	mq_index_add(t.x, r, &b->b);
	b->bound = true;
	pthread_mutex_unlock(&t.turn);
}

static void unbind(struct binding *b)
{
	pthread_mutex_lock(&t.turn);
	set_unbind(t.x, b);
	pthread_mutex_unlock(&t.turn);
	if (!user_random(4))
		mq_index_tidy(t.x);
}

/*
 * A binding that was unbound is not bound again in the same grace period, and
 * there are times in which most are bound, and others in which few are.
 */
static void changes(int round)
{
	bool binds = round / 40 % 2;
	struct binding *b;
	int i;

	for (i = 0; i < CHANGES; i++) {
		b = &t.many[(round * CHANGES + i * 7) % BINDINGS];
		if (b->bound && (!binds || !user_random(4)))
			unbind(b);
		else if (!b->bound && (binds || !user_random(4)))
			bind(b);
	}
	user_reclaim();
}

TEST(searches_are_exact_while_bindings_come_and_go)
{
	char *n = getenv("MATCH_CHANGES");
	long i, rounds = (n ? atol(n) : 20000) / CHANGES;
	pthread_t thread[SEARCHERS];

	user_keeps = true;
	t.x = mq_index_alloc();
	ASSERT_NE(NULL, t.x);
	for (i = 0; i < SEARCHERS; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, searcher, NULL));
	for (i = 0; i < rounds || READ_ONCE(t.exact) < 100; i++)
		changes(i);
	WRITE_ONCE(t.ends, true);
	for (i = 0; i < SEARCHERS; i++)
		pthread_join(thread[i], NULL);
	TH_LOG("%ld searches were exact, %ld had to be repeated", t.exact, t.stale);
	EXPECT_FALSE(t.wrong);
	for (i = 0; i < BINDINGS; i++)
		if (t.many[i].bound)
			set_unbind(t.x, &t.many[i]);
	mq_index_free(t.x);
	user_reclaim();
	EXPECT_EQ(0, user_bytes);
}

TEST_HARNESS_MAIN
