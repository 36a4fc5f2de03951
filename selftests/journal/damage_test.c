// SPDX-License-Identifier: GPL-2.0
/*
 * damage_test [-d] JOURNAL...: damage of a journal is noticed, and said where it is.
 *
 * Each byte of some blocks of each kind is changed, and the journal read again. What
 * a flush had confirmed must not be missing then, so the journal is refused, and the
 * place that is named is that of the block. What nobody needs may be damaged. The end
 * that no flush is known to have reached is cut, from the damage on. Nothing is
 * ever there that was not before.
 *
 * With -d, the journals were detached in order, so there are marks behind all records,
 * those included that an earlier epoch had left without one. Nothing is changed.
 */
#include "journal_salvage.h"
#include "places.h"

/* Of one of a kind, each byte that is used is changed, if these are not more. */
#define WHOLE		4096
/* Of the others, so many at the beginning, and each so manyth of the rest. */
#define BYTES		96
#define STRIDE		509
/* How many of a kind: the first, the last, and some between. */
#define BLOCKS		4

static const char *const names[PLACE_KINDS] = {
	"superblock is read from its copy",
	"copy of the superblock is not needed while the superblock is there",
	"damage of the newest header is noticed",
	"damage of a header is noticed",
	"damage of a block of new records is noticed",
	"damage of a block of the cleaner is noticed",
	"damage of a last block is noticed",
	"damage behind the last mark cuts the end off",
	"damage of what is not needed is of no interest",
};

static struct {
	u64 tried;
	u64 failures;
} salvages;

static struct {
	u64 changes;
	u64 failures;
	bool whole;
} results[PLACE_KINDS];

static void fail(const struct place *place, u64 at, const char *what,
		 const struct mq_j_fault *fault)
{
	if (results[place->kind].failures++ > 3)
		return;
	printf("# byte %llu, %llu of a place at %llu: %s%s%s at %llu\n",
	       (unsigned long long)at, (unsigned long long)(at - place->at),
	       (unsigned long long)place->at, what, fault->what ? ": " : "",
	       fault->what ?: "", (unsigned long long)fault->at);
}

/* What is there without this block and all behind it in its segment. */
static int sum_without(struct image *image, const struct mq_j_shape *shape,
		       const struct place *place, u64 *sum)
{
	u64 end = mq_j_segment_at(shape, place->position + 1);
	u8 *kept = malloc(end - place->at);
	struct mq_j_fault fault;
	int err;

	memcpy(kept, image->bytes + place->at, end - place->at);
	memset(image->bytes + place->at, 0, end - place->at);
	err = image_sum_up(image, sum, &fault);
	memcpy(image->bytes + place->at, kept, end - place->at);
	free(kept);
	return err;
}

static void change(struct image *image, const struct place *place, u64 at,
		   u64 expected)
{
	struct mq_j_fault fault;
	u64 sum;
	int err;

	image->bytes[at] ^= 1 << at % 8;
	err = image_sum_up(image, &sum, &fault);
	image->bytes[at] ^= 1 << at % 8;
	results[place->kind].changes++;
	if (!place->guarded && err)
		fail(place, at, "it is refused", &fault);
	else if (!place->guarded && sum != expected)
		fail(place, at, "something else is there", &fault);
	else if (place->guarded && !err)
		fail(place, at, "it was not noticed", &fault);
	else if (place->guarded && (err != -EUCLEAN || !fault.what ||
				    fault.at != place->at))
		fail(place, at, "another place is named", &fault);
}

static void change_each(struct image *image, const struct mq_j_shape *shape,
			const struct place *place, u64 whole)
{
	bool all = !results[place->kind].whole && place->used <= WHOLE;
	u32 i;

	results[place->kind].whole |= all;
	if (place->kind == PLACE_TAIL &&
	    sum_without(image, shape, place, &whole)) {
		results[place->kind].failures++;
		printf("# it cannot be read without its end\n");
		return;
	}
	for (i = 0; i < place->size; i++)
		if (i < (all ? place->used : BYTES) || i + 8 > place->size ||
		    i % STRIDE == 0)
			change(image, place, place->at + i, whole);
}

/* The first and the last of each kind, and some between. */
static bool is_chosen(const struct places *p, size_t which)
{
	size_t i, before = 0, count = 0;

	for (i = 0; i < p->count; i++) {
		bool same = p->all[i].kind == p->all[which].kind &&
			    p->all[i].guarded == p->all[which].guarded;

		before += same && i < which;
		count += same;
	}
	return !before || before + 1 == count ||
	       before * (BLOCKS - 2) / count != (before - 1) * (BLOCKS - 2) / count;
}

/* Return how many messages can be salvaged. */
static u64 salvage(struct image *image)
{
	struct mq_j_source source = image_source(image);
	struct journal_contents c = { .mend = true };
	struct journal_salvage s;
	struct mq_j_log log = {};
	u64 messages = ~0ULL;

	if (!journal_salvage_open(&s, &source) &&
	    !mq_j_log_open(&log, &s.source) && !journal_read(&log, &c))
		messages = c.totals.messages;
	journal_contents_free(&c);
	mq_j_log_close(&log);
	journal_salvage_close(&s);
	return messages;
}

/* Without the header of a segment, all of its messages can still be read. */
static void lose_header(struct image *image, const struct place *place, u64 whole)
{
	u8 *magic = image->bytes + place->at;
	u64 messages;

	*magic ^= 1;
	messages = salvage(image);
	*magic ^= 1;
	salvages.tried++;
	if (messages == whole)
		return;
	salvages.failures++;
	printf("# without the header at %llu, %lld of %llu messages\n",
	       (unsigned long long)place->at, (long long)messages,
	       (unsigned long long)whole);
}

static int damage(const char *path)
{
	struct mq_j_fault fault;
	struct mq_j_shape shape;
	struct image image;
	struct places p;
	u64 sum, messages;
	size_t i;

	if (image_load(&image, path))
		return -1;
	if (image_sum_up(&image, &sum, &fault) || places_find(&p, &image) ||
	    mq_j_super_check((void *)image.bytes, &shape)) {
		printf("# %s is not sound: %s\n", path, fault.what ?: "?");
		return -1;
	}
	messages = salvage(&image);
	for (i = 0; i < p.count; i++) {
		if (is_chosen(&p, i))
			change_each(&image, &shape, &p.all[i], sum);
		if (p.all[i].kind == PLACE_HEADER ||
		    p.all[i].kind == PLACE_NEWEST)
			lose_header(&image, &p.all[i], messages);
	}
	places_free(&p);
	free(image.bytes);
	return 0;
}

/* Whether the journal is sound, and marks are behind all of its records. */
static bool is_marked(const char *path)
{
	struct image image;
	struct places p;
	u64 tails = 0;
	size_t i;

	if (image_load(&image, path) || places_find(&p, &image)) {
		printf("# %s is not sound\n", path);
		return false;
	}
	for (i = 0; i < p.count; i++) {
		const struct mq_j_block *b = (void *)(image.bytes + p.all[i].at);

		if (p.all[i].kind != PLACE_TAIL ||
		    le32_to_cpu(b->used) == sizeof(*b))
			continue;
		printf("# %s: the block at %llu has no mark\n", path,
		       (unsigned long long)p.all[i].at);
		tails++;
	}
	places_free(&p);
	free(image.bytes);
	return !tails;
}

static int test_detached(char **paths)
{
	bool marked = true;

	printf("TAP version 13\n1..1\n");
	while (*paths)
		marked &= is_marked(*paths++);
	printf("%s 1 marks are behind all records of a detached journal\n",
	       marked ? "ok" : "not ok");
	return marked ? 0 : 1;
}

int main(int argc, char **argv)
{
	u64 failures = 0;
	int i, err = 0;

	if (argc > 2 && !strcmp(argv[1], "-d"))
		return test_detached(argv + 2);
	printf("TAP version 13\n1..%d\n", PLACE_KINDS + 1);
	for (i = 1; i < argc && !err; i++)
		err = damage(argv[i]);
	if (argc < 2 || err) {
		printf("Bail out! no journal, or none that can be used\n");
		return 1;
	}
	for (i = 0; i < PLACE_KINDS; i++) {
		const char *state = results[i].failures ? "not ok" : "ok";

		failures += results[i].failures;
		if (!results[i].changes)
			printf("ok %d %s # SKIP no journal has it\n", i + 1,
			       names[i]);
		else
			printf("%s %d %s\n", state, i + 1, names[i]);
		printf("# %llu bytes changed\n",
		       (unsigned long long)results[i].changes);
	}
	printf("%s %d what lost its header can be salvaged\n",
	       salvages.failures ? "not ok" : "ok", PLACE_KINDS + 1);
	failures += salvages.failures;
	return failures ? 1 : 0;
}
