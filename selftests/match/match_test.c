// SPDX-License-Identifier: GPL-2.0
/*
 * The index of a topic's filters: what it finds is compared with a simple answer,
 * its bounds are met, and the steps of the worst searches are counted.
 *
 * MATCH_SEED is the seed of what is random, MATCH_ROUNDS how much there is of it.
 */
#include <stdio.h>
#include <linux/devmq.h>

#include "kselftest_harness.h"
#include "set.h"
#include "topic/rule.h"

#define TARGETS		32
#define BINDINGS	200
/* What is left of an index without bindings: tables that stay as large. */
#define EMPTY_INDEX	20480
/* What a key can cost: see match.c. */
#define KEY_STEPS	(MQ_SHAPES_MAX + MQ_BEHIND_MAX * 256)

FIXTURE(match) {
	struct mq_index *x;
	struct mq_matches s;
	struct message m;
	const char *what;
	char targets[TARGETS];
	struct binding *many;
	size_t bytes;
};

FIXTURE_SETUP(match)
{
	char *seed = getenv("MATCH_SEED");

	user_seed(seed ? strtoull(seed, NULL, 0) : 1);
	self->bytes = user_bytes;
	self->x = mq_index_alloc();
	ASSERT_NE(NULL, self->x);
}

/* Nothing is left when all is unbound. */
FIXTURE_TEARDOWN(match)
{
	int i;

	for (i = 0; self->many && self->many[i].b.target; i++)
		if (self->many[i].bound)
			set_unbind(self->x, &self->many[i]);
	EXPECT_EQ(0, mq_index_count(self->x));
	mq_matches_free(&self->s);
	mq_index_tidy(self->x);
	EXPECT_GT(EMPTY_INDEX, user_bytes - self->bytes);
	EXPECT_EQ(0, self->x->trie.shapes);
	EXPECT_EQ(0, self->x->trie.behind);
	EXPECT_EQ(0, self->x->trie.headed);
	EXPECT_EQ(0, self->x->trie.words.count);
	EXPECT_EQ(0, self->x->rules.count);
	EXPECT_EQ(0, self->x->postings.count);
	mq_index_free(self->x);
	EXPECT_EQ(self->bytes, user_bytes);
	free(self->many);
}

/* Make room for @n bindings. */
#define MANY(n) do {							\
	self->many = calloc((n) + 1, sizeof(*self->many));		\
	ASSERT_NE(NULL, self->many);					\
} while (0)

#define BIND(b, target, words)						\
	set_bind(self->x, b, target, words, &self->what)

#define SEARCH(key) ({							\
	set_message(&self->m, key);					\
	set_search(self->x, &self->m, &self->s);			\
})

static const struct {
	const char *pattern;
	const char *key;
	bool takes;
} examples[] = {
	{ "a", "a", true }, { "a", "b", false }, { "a", "a.b", false },
	{ "a.b", "a.b", true }, { "a.b", "a", false }, { "", "", true },
	{ "", "a", false }, { "*", "a", true }, { "*", "", false },
	{ "*", "a.b", false }, { "#", "", true }, { "#", "a", true },
	{ "#", "a.b.c", true }, { "a.#", "a", true }, { "a.#", "a.b.c", true },
	{ "a.#", "b", false }, { "a.#", "", false }, { "#.a", "a", true },
	{ "#.a", "b.a", true }, { "#.a", "a.b", false }, { "#.a", "a.a", true },
	{ "*.#", "", false }, { "*.#", "a", true }, { "#.*", "a", true },
	{ "#.*", "", false }, { "a.*.c", "a.b.c", true },
	{ "a.*.c", "a.c", false }, { "a.#.c", "a.c", true },
	{ "a.#.c", "a.b.b.c", true }, { "a.#.c", "a.c.b", false },
	{ "#.a.#", "a", true }, { "#.a.#", "b.a.b", true },
	{ "#.a.#", "b", false }, { "#.#", "", true }, { "#.#", "a.b", true },
	{ "#.#.a", "b.a", true }, { "*.#.*", "a", false },
	{ "*.#.*", "a.b", true }, { "#.a.#.a", "a", false },
	{ "#.a.#.a", "a.a", true }, { "#.a.#.a", "a.b.a", true },
	/* A dot at an end has an empty word beside it. */
	{ "*", ".", false }, { "*.*", ".", true }, { "a.", "a.", true },
	{ "a.", "a", false }, { "a.*", "a.", true }, { ".#", "", false },
	{ ".#", ".a", true }, { "#.", ".", true }, { "#.", "a", false },
	{ "*..*", "a..b", true }, { "*..*", "a.b", false },
};

TEST_F(match, examples_of_patterns_and_keys)
{
	char words[300];
	int i;

	MANY(1);
	for (i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		snprintf(words, sizeof(words), "key=%s", examples[i].pattern);
		ASSERT_EQ(0, BIND(self->many, self->targets, words));
		ASSERT_EQ(examples[i].takes,
			  simple_pattern(examples[i].pattern, examples[i].key));
		ASSERT_EQ(examples[i].takes, SEARCH(examples[i].key)) {
			TH_LOG("%s %s", examples[i].pattern, examples[i].key);
		}
		ASSERT_EQ(examples[i].takes, self->s.count);
		set_unbind(self->x, self->many);
		ASSERT_EQ(0, SEARCH(examples[i].key));
		mq_index_tidy(self->x);
	}
}

/* -- random bindings and messages ------------------------------------------- */

static const char *const letters[] = { "a", "b", "c", "", "*", "#" };

/* Few different words, so that much is the same. */
static void random_key(char *key, int words, int kinds)
{
	int i;

	*key = 0;
	for (i = 0; i < words; i++) {
		strcat(key, i ? "." : "");
		strcat(key, letters[user_random(kinds)]);
	}
}

static void random_filter(char *words)
{
	int i, headers = user_random(3) ? 0 : 1 + user_random(4);

	*words = 0;
	if (user_random(4)) {
		strcat(words, "key=");
		random_key(words + 4, user_random(6), 6);
	}
	for (i = 0; i < headers; i++)
		sprintf(words + strlen(words), "%sheader.%c=%u",
			*words ? " " : "", 'x' + user_random(3), user_random(3));
}

static void random_message(struct message *m)
{
	int i, headers = user_random(5);
	char key[256], name[2] = "", value[12];

	random_key(key, user_random(7), 4);
	set_message(m, key);
	for (i = 0; i < headers; i++) {
		name[0] = 'x' + user_random(3);
		sprintf(value, "%u", user_random(4));
		set_header(m, name, value);
	}
}

/* Is there a binding by the same filter to the same target? */
static bool bound_before(struct binding *many, const struct binding *b)
{
	int i;

	for (i = 0; i < BINDINGS; i++)
		if (&many[i] != b && many[i].bound &&
		    many[i].b.target == b->b.target &&
		    mq_bound_filter(&many[i].b) == mq_bound_filter(&b->b))
			return true;
	return false;
}

/* Bind or unbind one. Return: false if it did not do what it should. */
static bool random_change(struct mq_index *x, struct binding *many, char *targets)
{
	struct binding *b = &many[user_random(BINDINGS)];
	void *target = &targets[user_random(TARGETS)];
	u64 generation = mq_index_generation(x);
	struct mq_filter_fault fault;
	u32 count = mq_index_count(x);
	const char *what;
	char words[400];
	int err;

	if (b->bound) {
		set_unbind(x, b);
		b->b.target = target;
		if (!user_random(3))
			mq_index_tidy(x);
		return mq_index_generation(x) != generation &&
		       mq_index_count(x) == count - 1;
	}
	random_filter(words);
	memset(&fault, 0, sizeof(fault));
	err = set_bind(x, b, target, words, &what);
	b->b.target = target;
	if (err == -E2BIG)
		return strpbrk(words, "*#") && what && mq_index_count(x) == count;
	if (err == -EEXIST)
		return mq_index_count(x) == count &&
		       mq_index_generation(x) == generation;
	return !err && mq_index_count(x) == count + 1 && !bound_before(many, b) &&
	       mq_index_generation(x) != generation;
}

/* Does a search find what each binding alone would take? */
static bool right(struct mq_index *x, struct binding *many, char *targets,
		  struct message *m, struct mq_matches *s)
{
	bool expected[TARGETS] = { }, any = false;
	int i, found = set_search(x, m, s);

	for (i = 0; i < BINDINGS; i++)
		if (many[i].bound && simple_takes(&many[i], m)) {
			expected[(char *)many[i].b.target - targets] = true;
			any = true;
		}
	for (i = 0; i < TARGETS; i++)
		if (set_found(s, &targets[i]) != expected[i])
			return false;
	for (i = 0; i < s->count; i++)
		if (!simple_takes(container_of(s->found[i], struct binding, b), m))
			return false;
	return found == any;
}

TEST_F(match, random_bindings_take_what_each_alone_would_take)
{
	char *rounds = getenv("MATCH_ROUNDS");
	long i, n = rounds ? atol(rounds) : 30000;

	MANY(BINDINGS);
	for (i = 0; i < BINDINGS; i++)
		self->many[i].b.target = self->targets;
	for (i = 0; i < n; i++) {
		ASSERT_TRUE(random_change(self->x, self->many, self->targets)) {
			TH_LOG("change %ld", i);
		}
		random_message(&self->m);
		ASSERT_TRUE(right(self->x, self->many, self->targets, &self->m,
				  &self->s)) {
			TH_LOG("search %ld", i);
		}
	}
}

TEST_F(match, cost_is_not_less_than_what_bindings_take)
{
	size_t before, cost = 0, most = 0;
	struct mq_filter *f;
	const char *what;
	int i, j, err;
	char words[400];

	MANY(BINDINGS);
	before = user_bytes;
	for (j = 0; j < 20; j++) {
		for (i = 0; i < BINDINGS; i++) {
			random_filter(words);
			err = set_bind(self->x, &self->many[i], self->targets,
				       words, &what);
			self->many[i].b.target = self->targets;
			if (err)
				continue;
			f = (struct mq_filter *)mq_bound_filter(&self->many[i].b);
			cost += mq_index_cost(f);
			ASSERT_GE(cost + EMPTY_INDEX, user_bytes - before);
			most = max(most, user_bytes - before);
		}
		for (i = 0; i < BINDINGS; i++)
			if (self->many[i].bound)
				set_unbind(self->x, &self->many[i]);
		mq_index_tidy(self->x);
		cost = 0;
	}
	EXPECT_LT(EMPTY_INDEX, most);
}

/* -- filters ---------------------------------------------------------------- */

static const struct {
	const char *words;
	int err;
	const char *what;
} faults[] = {
	{ "queue=a", -EINVAL, "a filter is" },
	{ "key", -EINVAL, "a filter is" },
	{ "Key=a", -EINVAL, "a filter is" },
	{ "key=a key=a", -EINVAL, "two patterns" },
	{ "key=a*", -EINVAL, "whole words" },
	{ "key=a.#b.c", -EINVAL, "whole words" },
	{ "key=**", -EINVAL, "whole words" },
	{ "key=#.#.#", -E2BIG, "more than 2 words #" },
	{ "key=*.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", -E2BIG, "more than 16 words" },
	{ "header.=a", -EINVAL, "no name" },
	{ "header.a", -EINVAL, "no value" },
	{ "header.\x7f=a", -EINVAL, "no name" },
	{ "header.a\xc3\xa4=a", -EINVAL, "printable" },
};

TEST_F(match, filter_that_is_wrong_is_refused_with_its_reason)
{
	struct binding b;
	int i;

	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		EXPECT_EQ(faults[i].err, BIND(&b, self->targets, faults[i].words)) {
			TH_LOG("%s", faults[i].words);
		}
		ASSERT_NE(NULL, self->what);
		EXPECT_NE(NULL, strstr(self->what, faults[i].what)) {
			TH_LOG("%s", self->what);
		}
	}
}

TEST_F(match, headers_of_a_filter_are_bounded)
{
	char words[300] = "header.0=0";
	struct binding b;
	int i;

	for (i = 1; i < MQ_FILTER_HEADERS; i++)
		sprintf(words + strlen(words), " header.%d=0", i);
	ASSERT_EQ(0, BIND(&b, self->targets, words));
	set_unbind(self->x, &b);
	strcat(words, " header.x=0");
	EXPECT_EQ(-E2BIG, BIND(&b, self->targets, words));
	EXPECT_NE(NULL, strstr(self->what, "more than 16 headers"));
}

TEST_F(match, fault_tells_which_word_it_is)
{
	static const char *const words[] = { "key=a", "header.a=1", "header.a" };
	struct mq_filter_fault fault = { 77, NULL };
	struct mq_filter *f = mq_filter_make(words, 3, &fault);

	ASSERT_TRUE(IS_ERR(f));
	EXPECT_EQ(-EINVAL, PTR_ERR(f));
	EXPECT_EQ(2, fault.word);
}

/* Make a filter with one word that is a letter @n times. */
static int filter_of(const char *begin, int n, const char *end)
{
	struct mq_filter_fault fault;
	char word[5000], letters[5000] = "", *words[] = { word };
	struct mq_filter *f;

	memset(letters, 'a', n);
	snprintf(word, sizeof(word), "%s%s%s", begin, letters, end);
	f = mq_filter_make((const char *const *)words, 1, &fault);
	if (IS_ERR(f))
		return PTR_ERR(f);
	mq_filter_free(f);
	return 0;
}

TEST_F(match, sizes_of_filters_are_bounded)
{
	EXPECT_EQ(0, filter_of("key=", DEVMQ_KEY_MAX, ""));
	EXPECT_EQ(-E2BIG, filter_of("key=", DEVMQ_KEY_MAX + 1, ""));
	EXPECT_EQ(0, filter_of("header.", 255, "=1"));
	EXPECT_EQ(-E2BIG, filter_of("header.", 256, "=1"));
	EXPECT_EQ(0, filter_of("header.a=", MQ_FILTER_TEXT - 10, ""));
	EXPECT_EQ(-E2BIG, filter_of("header.a=", MQ_FILTER_TEXT - 9, ""));
}

TEST_F(match, order_and_repetition_of_words_do_not_matter)
{
	struct mq_filter_fault fault;
	static const char *const words[] = {
		"header.b=1", "header.a=2", "key=x.*", "header.a=10", "header.b=1",
	};
	static const char text[] =
		"key=x.*\0header.a=10\0header.a=2\0header.b=1";
	struct mq_filter *f = mq_filter_make(words, 5, &fault);
	struct binding b, other;

	ASSERT_FALSE(IS_ERR(f));
	EXPECT_EQ(sizeof(text), f->text_size);
	EXPECT_EQ(0, memcmp(text, f->text, sizeof(text)));
	EXPECT_EQ(3, f->pairs);
	EXPECT_EQ(2, f->groups);

	ASSERT_EQ(0, BIND(&b, self->targets,
			  "header.a=10 header.b=1 header.a=2 key=x.*"));
	EXPECT_EQ(-EEXIST, BIND(&other, self->targets,
				"key=x.* header.b=1 header.a=2 header.a=10"));
	EXPECT_EQ(&b.b, mq_index_find(self->x, f, self->targets));
	EXPECT_EQ(NULL, mq_index_find(self->x, f, self->targets + 1));
	mq_filter_free(f);
	set_unbind(self->x, &b);
}

/* -- headers ---------------------------------------------------------------- */

TEST_F(match, several_values_of_a_name_are_alternatives)
{
	struct binding b;

	ASSERT_EQ(0, BIND(&b, self->targets,
			  "header.type=a header.type=b header.size=1"));
	set_message(&self->m, "any.key");
	EXPECT_EQ(0, set_search(self->x, &self->m, &self->s));
	set_header(&self->m, "type", "b");
	EXPECT_EQ(0, set_search(self->x, &self->m, &self->s));
	set_header(&self->m, "size", "1");
	EXPECT_EQ(1, set_search(self->x, &self->m, &self->s));
	/* All of the message's headers with the name are looked at. */
	set_message(&self->m, "");
	set_header(&self->m, "size", "2");
	set_header(&self->m, "type", "c");
	set_header(&self->m, "size", "1");
	EXPECT_EQ(0, set_search(self->x, &self->m, &self->s));
	set_header(&self->m, "type", "a");
	EXPECT_EQ(1, set_search(self->x, &self->m, &self->s));
	EXPECT_EQ(1, self->s.count);
	set_unbind(self->x, &b);
}

TEST_F(match, border_between_name_and_value_matters)
{
	struct binding b;

	ASSERT_EQ(0, BIND(&b, self->targets, "header.ab=c"));
	set_message(&self->m, "");
	set_header(&self->m, "a", "bc");
	set_header(&self->m, "abc", "");
	EXPECT_EQ(0, set_search(self->x, &self->m, &self->s));
	set_header(&self->m, "ab", "c");
	EXPECT_EQ(1, set_search(self->x, &self->m, &self->s));
	set_unbind(self->x, &b);
}

/* -- what it costs, and what is refused ------------------------------------- */

TEST_F(match, bindings_are_bounded)
{
	char *targets;
	struct binding b;
	int i;

	MANY(0);
	free(self->many);
	self->many = NULL;
	targets = malloc(MQ_BINDINGS_MAX + 1);
	struct mq_bound *bound = calloc(MQ_BINDINGS_MAX, sizeof(*bound));

	for (i = 0; i < MQ_BINDINGS_MAX; i++) {
		struct mq_filter_fault fault;
		struct mq_filter *f = mq_filter_make(NULL, 0, &fault);
		struct mq_rule *r = mq_index_prepare(self->x, f, targets + i,
						     &self->what);

		ASSERT_FALSE(IS_ERR(r));
		bound[i].target = targets + i;
		mq_index_add(self->x, r, &bound[i]);
	}
	EXPECT_EQ(-ENOSPC, BIND(&b, targets + i, "key=a"));
	ASSERT_NE(NULL, self->what);
	EXPECT_EQ(-ENOSPC, BIND(&b, targets + i, ""));
	EXPECT_EQ(-EEXIST, BIND(&b, targets, ""));
	EXPECT_EQ(1, SEARCH("a"));
	EXPECT_EQ(MQ_BINDINGS_MAX, self->s.count);
	for (i = 0; i < MQ_BINDINGS_MAX; i++)
		mq_index_remove(self->x, &bound[i]);
	EXPECT_EQ(0, SEARCH("a"));
	free(bound);
	free(targets);
}

/* A pattern of @n words "a" or "*", as the bits of @which say, then @end. */
static void pattern_of(char *words, unsigned int which, int n, const char *end)
{
	int i;

	sprintf(words, "key=");
	for (i = 0; i < n; i++)
		strcat(words, which & 1 << (n - 1 - i) ? "*." : "a.");
	strcat(words, end);
}

/* Bind such patterns until one is refused. Return how many were not. */
static int bind_shapes(struct mq_index *x, struct binding *many, char *target,
		       int most, int n, const char *begin, const char *end,
		       int *err)
{
	char words[300], whole[400];
	const char *what;
	int i, bound = 0;

	for (i = 0; i < most; i++) {
		pattern_of(words, i, n, end);
		sprintf(whole, "key=%s%s", begin, words + 4);
		*err = set_bind(x, &many[i], target, whole, &what);
		many[i].b.target = target;
		if (*err)
			return i;
		bound++;
	}
	return bound;
}

TEST_F(match, shapes_of_patterns_are_bounded)
{
	int err, n;

	MANY(1 << 13);
	n = bind_shapes(self->x, self->many, self->targets, 1 << 13, 13, "", "#",
			&err);
	EXPECT_EQ(-E2BIG, err);
	EXPECT_LT(MQ_SHAPES_MAX / 2 - 20, n);
	EXPECT_GE(MQ_SHAPES_MAX, n);
	ASSERT_EQ(1, SEARCH("a.a.a.a.a.a.a.a.a.a.a.a.a.a"));
	EXPECT_GE(MQ_SHAPES_MAX, self->s.steps);
	EXPECT_LT(MQ_SHAPES_MAX - 50, self->s.steps);
	/* What was refused left nothing behind. */
	set_unbind(self->x, &self->many[0]);
	mq_index_tidy(self->x);
	EXPECT_EQ(0, BIND(&self->many[0], self->targets, "key=a.a.a.a.#"));
}

/* 256 words, the first 255 of them @word. */
static void long_key(char *key, const char *word)
{
	memset(key, '.', 255);
	if (*word)
		for (int i = 0; i < 255; i += 2)
			key[i] = *word;
	key[255] = 0;
}

TEST_F(match, shapes_behind_a_hash_are_bounded)
{
	char key[256];
	int err, n;

	MANY(1 << 8);
	n = bind_shapes(self->x, self->many, self->targets, 1 << 8, 8, "#.", "b",
			&err);
	EXPECT_EQ(-E2BIG, err);
	EXPECT_LT(MQ_BEHIND_MAX / 2 - 8, n);
	long_key(key, "a");
	SEARCH(key);
	EXPECT_GE(KEY_STEPS, self->s.steps);
	EXPECT_LT((MQ_BEHIND_MAX - 8) * 120, self->s.steps);
}

TEST_F(match, empty_words_are_the_longest_key)
{
	char key[256];
	int i, err = 0;

	MANY(40);
	for (i = 0; i < 40 && !err; i++) {
		char words[300] = "key=#";

		for (int j = 0; j < 14; j++)
			strcat(words, i & 1 << j % 5 ? ".*" : ".");
		strcat(words, ".b");
		err = BIND(&self->many[i], self->targets, words);
		self->many[i].b.target = self->targets;
	}
	long_key(key, "");
	SEARCH(key);
	EXPECT_GE(KEY_STEPS, self->s.steps);
	EXPECT_LT(KEY_STEPS / 4, self->s.steps);
}

TEST_F(match, patterns_behind_two_hashes_are_bounded)
{
	char key[256], words[300];
	int i, err = 0;

	MANY(100);
	for (i = 0; i < 100 && !err; i++) {
		sprintf(words, "key=#.%c%c.#.x", 'a' + i % 26, 'a' + i / 26);
		err = BIND(&self->many[i], self->targets, words);
		self->many[i].b.target = self->targets;
	}
	EXPECT_EQ(-E2BIG, err);
	EXPECT_LT(MQ_BEHIND_MAX / 2, i);
	/* A "#" at the end costs nothing, so there may be any number. */
	for (; i < 100; i++) {
		sprintf(words, "key=#.%d.#", i);
		ASSERT_EQ(0, BIND(&self->many[i], self->targets, words));
	}
	*key = 0;
	for (i = 0; i < 85; i++)
		sprintf(key + strlen(key), "%s%c%c", i ? "." : "", 'a' + i % 26,
			'a' + i / 26);
	SEARCH(key);
	EXPECT_GE(KEY_STEPS, self->s.steps);
	EXPECT_LT(85 * 32, self->s.steps);
}

/* The key leads to the second "#" again with each word. */
TEST_F(match, second_hash_is_gone_on_from_once_a_word)
{
	char key[256];

	MANY(2);
	ASSERT_EQ(0, BIND(&self->many[0], self->targets, "key=#.a.#.b"));
	ASSERT_EQ(0, BIND(&self->many[1], self->targets, "key=#.a.#"));
	long_key(key, "a");
	ASSERT_EQ(1, SEARCH(key));
	EXPECT_GE(128 * 3 + 1, self->s.steps);
	EXPECT_EQ(1, self->s.count);
}

TEST_F(match, many_patterns_of_one_shape_cost_no_steps)
{
	char words[300];
	int i;

	MANY(5000);
	for (i = 0; i < 5000; i++) {
		sprintf(words, i % 2 ? "key=orders.*.c%d.#" : "key=#.error.c%d.*", i);
		ASSERT_EQ(0, BIND(&self->many[i], self->targets + i % TARGETS,
				  words));
	}
	EXPECT_EQ(1, SEARCH("orders.eu.c77.new"));
	EXPECT_EQ(1, self->s.count);
	EXPECT_GT(20, self->s.steps);
	EXPECT_EQ(1, SEARCH("eu.error.c44.disk"));
	EXPECT_EQ(1, self->s.count);
	EXPECT_GT(20, self->s.steps);
}

TEST_F(match, kinds_of_patterns_with_headers_are_bounded)
{
	char words[300];
	int i, err = 0;

	MANY(1100);
	/* As many as you like are one kind. */
	for (i = 0; i < 1000; i++) {
		sprintf(words, "key=a.*.%d header.x=1", i);
		ASSERT_EQ(0, BIND(&self->many[i], self->targets, words));
	}
	for (; i < 1100 && !err; i++) {
		pattern_of(words, i, 8, "*");
		strcat(words, " header.x=1");
		err = BIND(&self->many[i], self->targets, words);
		self->many[i].b.target = self->targets;
	}
	EXPECT_EQ(-E2BIG, err);
	EXPECT_NE(NULL, strstr(self->what, "with headers"));
	EXPECT_EQ(1000 + MQ_HEADED_MAX, i);
}

TEST_F(match, filters_with_the_same_headers_are_bounded)
{
	char words[300];
	int i, err = 0;

	MANY(200);
	/* All of them have all but one of so many headers. */
	for (i = 0; i < 200 && !err; i++) {
		sprintf(words, "header.a=1 header.b=%d header.b=0", i + 1);
		err = BIND(&self->many[i], self->targets, words);
		self->many[i].b.target = self->targets;
	}
	EXPECT_EQ(-E2BIG, err);
	EXPECT_NE(NULL, strstr(self->what, "same headers"));
	EXPECT_LE(MQ_POSTINGS_MAX, i);
	set_message(&self->m, "");
	set_header(&self->m, "a", "1");
	EXPECT_EQ(0, set_search(self->x, &self->m, &self->s));
	set_header(&self->m, "b", "0");
	EXPECT_EQ(1, set_search(self->x, &self->m, &self->s));
	EXPECT_GE(2 * (1 + MQ_POSTINGS_MAX * MQ_FILTER_HEADERS), self->s.steps);
}

TEST_F(match, header_that_fewest_ask_for_is_looked_up)
{
	char words[300], value[20];
	int i;

	MANY(10000);
	for (i = 0; i < 10000; i++) {
		sprintf(words, "header.type=order header.customer=%d", i);
		ASSERT_EQ(0, BIND(&self->many[i], self->targets, words));
	}
	for (i = 0; i < 10000; i += 999) {
		sprintf(value, "%d", i);
		set_message(&self->m, "");
		set_header(&self->m, "customer", value);
		EXPECT_EQ(0, set_search(self->x, &self->m, &self->s));
		set_header(&self->m, "type", "order");
		EXPECT_EQ(1, set_search(self->x, &self->m, &self->s));
		EXPECT_EQ(&self->many[i].b, self->s.found[0]);
		EXPECT_GT(10, self->s.steps);
	}
}

TEST_F(match, many_headers_of_a_message_cost_a_step_each)
{
	char words[300], name[20];
	int i, headers;

	MANY(MQ_HEADED_MAX + 1);
	for (i = 0; i < MQ_HEADED_MAX; i++) {
		pattern_of(words, i, 8, "#");
		strcat(words, " header.x=1");
		ASSERT_EQ(0, BIND(&self->many[i], self->targets, words));
	}
	ASSERT_EQ(0, BIND(&self->many[i], self->targets, "header.y=1"));
	set_message(&self->m, "a.a.a.a.a.a.a.a");
	for (headers = 0; self->m.m.headers_size < 65500; headers++) {
		sprintf(name, "%d", headers);
		set_header(&self->m, name, "");
	}
	EXPECT_EQ(0, set_search(self->x, &self->m, &self->s));
	EXPECT_GE((MQ_HEADED_MAX + 2) * headers + KEY_STEPS, self->s.steps);
	EXPECT_LT(MQ_HEADED_MAX * headers, self->s.steps);
}

/* -- memory ----------------------------------------------------------------- */

/* Let the allocation @n of a bind fail. Return whether there was one. */
static bool bind_fails(struct mq_index *x, struct binding *b, void *target,
		       const char *words, long n, int *err)
{
	const char *what;
	bool met;

	user_alloc_left = n;
	*err = set_bind(x, b, target, words, &what);
	met = user_alloc_left < 0;
	user_alloc_left = -1;
	return met;
}

TEST_F(match, bind_without_memory_changes_nothing)
{
	static const char *const filters[] = {
		"", "key=a", "key=a.*.b.#", "key=a.# header.x=1 header.y=2",
		"header.x=1 header.x=2", "key=a.*.c.#.d.e",
	};
	u64 generation;
	size_t bytes;
	int i, n, err;

	MANY(6);
	for (i = 0; i < 6; i++) {
		for (n = 0;; n++) {
			generation = mq_index_generation(self->x);
			mq_index_tidy(self->x);
			bytes = user_bytes;
			if (!bind_fails(self->x, &self->many[i], self->targets,
					filters[i], n, &err))
				break;
			ASSERT_EQ(-ENOMEM, err);
			ASSERT_EQ(i, mq_index_count(self->x));
			ASSERT_EQ(generation, mq_index_generation(self->x));
			mq_index_tidy(self->x);
			/* A table may have grown. */
			ASSERT_GE(bytes + 1024, user_bytes);
		}
		ASSERT_EQ(0, err);
		ASSERT_LT(1, n);
	}
	ASSERT_EQ(1, SEARCH("a.b.b"));
}

TEST_F(match, search_without_memory_can_be_repeated)
{
	struct mq_matches s = { };
	struct binding b;
	int err, times;

	ASSERT_EQ(0, BIND(&b, self->targets, "key=*.a.#"));
	set_message(&self->m, "b.a.c");
	for (times = 0; times < 20; times++) {
		mq_matches_begin(&s);
		err = mq_match(self->x, &self->m.m, &s);
		if (err != -ENOSPC)
			break;
		EXPECT_LT(0, mq_matches_wants(&s));
		user_alloc_left = 0;
		EXPECT_EQ(-ENOMEM, mq_matches_grow(&s));
		EXPECT_EQ(0, mq_matches_grow(&s));
		EXPECT_EQ(0, mq_matches_wants(&s));
	}
	EXPECT_EQ(1, err);
	EXPECT_EQ(1, s.count);
	mq_matches_free(&s);
	set_unbind(self->x, &b);
}

static int pauses, pauses_left;

static bool pause_search(struct mq_matches *s)
{
	pauses++;
	return pauses_left-- > 0;
}

/* Thousands of headers: others may run meanwhile, and the search may be in vain. */
TEST_F(match, long_search_pauses)
{
	struct binding b;
	char name[16];
	int i;

	ASSERT_EQ(0, BIND(&b, self->targets, "header.4000=x"));
	set_message(&self->m, "");
	for (i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		set_header(&self->m, name, "x");
	}
	self->s.pause = pause_search;
	pauses_left = 1000;
	EXPECT_EQ(1, set_search(self->x, &self->m, &self->s));
	EXPECT_LT(20, pauses);
	EXPECT_GT(200, pauses);
	/* While the headers are read, and while they are looked up. */
	for (i = 0; i < 38; i += 25) {
		pauses_left = i;
		EXPECT_EQ(-ESTALE, set_search(self->x, &self->m, &self->s));
	}
	self->s.pause = NULL;
	EXPECT_EQ(1, set_search(self->x, &self->m, &self->s));
	set_unbind(self->x, &b);
}

TEST_F(match, cancelled_bind_leaves_nothing)
{
	static const char *const words[] = { "key=a.*", "header.x=1" };
	struct mq_filter_fault fault;
	struct mq_rule *r;
	struct binding b;
	size_t bytes;

	mq_index_tidy(self->x);
	r = mq_index_prepare(self->x, mq_filter_make(words, 2, &fault),
			     self->targets, &self->what);
	ASSERT_FALSE(IS_ERR(r));
	bytes = user_bytes;
	mq_index_cancel(self->x, r);
	EXPECT_GT(bytes, user_bytes);
	EXPECT_EQ(0, mq_index_count(self->x));
	/* A rule that others use stays. */
	ASSERT_EQ(0, BIND(&b, self->targets, "key=a.* header.x=1"));
	r = mq_index_prepare(self->x, mq_filter_make(words, 2, &fault),
			     self->targets + 1, &self->what);
	ASSERT_FALSE(IS_ERR(r));
	mq_index_cancel(self->x, r);
	set_message(&self->m, "a.b");
	set_header(&self->m, "x", "1");
	EXPECT_EQ(1, set_search(self->x, &self->m, &self->s));
	/* And one whose last binding went meanwhile, too. */
	r = mq_index_prepare(self->x, mq_filter_make(words, 2, &fault),
			     self->targets + 1, &self->what);
	set_unbind(self->x, &b);
	mq_index_tidy(self->x);
	b.b.target = self->targets + 1;
	mq_index_add(self->x, r, &b.b);
	EXPECT_EQ(1, set_search(self->x, &self->m, &self->s));
	set_unbind(self->x, &b);
}

TEST_F(match, targets_of_several_topics_are_found_once)
{
	struct mq_index *other = mq_index_alloc();
	struct binding b[4];

	ASSERT_EQ(0, BIND(&b[0], self->targets, "key=a.#"));
	ASSERT_EQ(0, BIND(&b[1], self->targets + 1, "key=*"));
	ASSERT_EQ(0, set_bind(other, &b[2], self->targets, "", &self->what));
	ASSERT_EQ(0, set_bind(other, &b[3], self->targets + 2, "key=a",
			      &self->what));
	ASSERT_EQ(1, SEARCH("a"));
	ASSERT_EQ(2, self->s.count);
	ASSERT_EQ(1, mq_match(other, &self->m.m, &self->s));
	EXPECT_EQ(3, self->s.count);
	EXPECT_TRUE(set_found(&self->s, self->targets));
	EXPECT_TRUE(set_found(&self->s, self->targets + 1));
	EXPECT_TRUE(set_found(&self->s, self->targets + 2));
	EXPECT_EQ(0, mq_matches_add(&self->s, &b[0].b));
	set_unbind(self->x, &b[0]);
	set_unbind(self->x, &b[1]);
	set_unbind(other, &b[2]);
	set_unbind(other, &b[3]);
	mq_index_free(other);
}

TEST_HARNESS_MAIN
