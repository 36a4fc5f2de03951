// SPDX-License-Identifier: GPL-2.0
/*
 * judge [--full] LOG POINTS [SEED [DIR SAMPLES]]: go through the log of a disk's writes, and
 * judge what the power could have left of the disk at this many points. Many of
 * them are just before a flush, where most can be lost, or torn, above all where that
 * is the header of a segment. With a directory, so many of the states are left there as
 * images, and those that are wrong. A quarter of the former are ones that what attaching
 * writes could complete, at points of their own. With --full, a message may have been
 * rejected when the journal had no room for the note.
 *
 * judge --attached FILE DIR COUNT: see attached.h.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "attached.h"
#include "states.h"
#include "verify.h"
#include "verify_topics.h"
#include "writes.h"

#define DISK_MAX	(64 << 20)

static struct model model;
static struct disk disk;

static int verify_model(const struct mq_j_source *source, char *why, size_t size)
{
	return verify(&model, source, why, size);
}

static bool is_header(const struct write *w)
{
	const struct mq_j_segment *h = (const void *)w->data;

	return h && w->at < disk.told && w->size >= sizeof(*h) &&
	       le32_to_cpu(h->magic) == MQ_J_MAGIC_SEGMENT;
}

/* Return the newest header that is on stable storage, or NULL. */
static const struct mq_j_segment *newest_header(const struct mq_j_shape *shape)
{
	const struct mq_j_segment *newest = NULL;
	uint32_t i;

	for (i = 0; i < shape->count; i++) {
		const void *at = disk.flushed + mq_j_segment_at(shape, i);
		const struct mq_j_segment *h = at;

		if (mq_j_segment_is_valid(h, shape, i) &&
		    (!newest || le64_to_cpu(h->sequence) >
				le64_to_cpu(newest->sequence)))
			newest = h;
	}
	return newest;
}

/*
 * A place must not be used again while the map on stable storage has the segment
 * there. A header is torn only if what it says has more than a sector, so no state may
 * show that.
 */
static void check_place(const struct write *w, size_t point)
{
	const struct mq_j_segment *newest, *h = (const void *)w->data;
	struct mq_j_shape shape;
	uint32_t position;

	if (!is_header(w) || mq_j_super_check((void *)disk.flushed, &shape))
		return;
	newest = newest_header(&shape);
	position = le32_to_cpu(h->position);
	if (newest && position < shape.count && newest->map[position])
		disk_failed(&disk, point, "all of",
			    "a place is used again, and the map has what was there");
}

static void step(const struct write *w)
{
	if (w->kind == WRITE_DATA && w->at >= disk.told)
		model_told(&model, w->data, w->data ? w->size : 0);
	else
		disk_step(&disk, w);
}

/* Make the disk: the first process of the program writes behind the journal. */
static int make(const struct writes *w)
{
	size_t i;

	for (i = 0; i < w->count; i++) {
		const struct crash_block *b = (const void *)w->all[i].data;
		uint64_t at = w->all[i].at;

		if (w->all[i].kind == WRITE_DATA && b &&
		    b->magic == CRASH_MAGIC && !b->worker && at < DISK_MAX) {
			disk_make(&disk, at + CRASH_TOLD, at);
			disk.verify = verify_model;
			return 0;
		}
	}
	fprintf(stderr, "judge: the log has nothing that was told\n");
	return -1;
}

static bool is_of_journal(const struct write *w)
{
	return w->at < disk.told;
}

/* The flushes that have at least @least such writes before them. */
struct flushes {
	size_t *all;
	size_t count;
};

static struct flushes find_flushes(const struct writes *w, size_t least,
				   bool (*is_such)(const struct write *w))
{
	struct flushes f = { calloc(w->count + 1, sizeof(*f.all)), 0 };
	size_t i, since = 0;

	for (i = 0; i < w->count; i++) {
		if (w->all[i].kind != WRITE_FLUSH) {
			since += is_such(&w->all[i]);
			continue;
		}
		if (since >= least)
			f.all[f.count++] = i;
		since = 0;
	}
	return f;
}

/*
 * A quarter anywhere, a quarter before flushes, a quarter where most can be torn,
 * and a quarter where a header can.
 */
static bool *choose(const struct writes *w, unsigned long points)
{
	struct flushes crowded = find_flushes(w, 2, is_of_journal);
	struct flushes headers = find_flushes(w, 1, is_header);
	bool *chosen = calloc(w->count, sizeof(*chosen));
	unsigned long tries = 100 * points;

	while (points && tries--) {
		size_t i = dice(w->count);

		if (points % 4)
			while (i < w->count - 1 && w->all[i].kind != WRITE_FLUSH)
				i++;
		if (points % 4 == 2 && crowded.count)
			i = crowded.all[dice(crowded.count)];
		if (points % 4 == 3 && headers.count)
			i = headers.all[dice(headers.count)];
		/* When all of these have been chosen, another will do. */
		if (chosen[i] && tries % 8)
			continue;
		if (chosen[i])
			i = dice(w->count);
		points -= !chosen[i];
		chosen[i] = true;
	}
	free(crowded.all);
	free(headers.all);
	return chosen;
}

static void report(const struct writes *w, unsigned long points)
{
	const struct verify_totals *t = &verify_totals;

	printf("# %zu writes and flushes; %llu sends, %llu deliveries, %llu settled, %llu queues created\n",
	       w->count, (unsigned long long)model.counts[TOLD_SENT],
	       (unsigned long long)model.counts[TOLD_TAKEN],
	       (unsigned long long)model.counts[TOLD_SETTLED],
	       (unsigned long long)model.counts[TOLD_CREATED]);
	printf("# %lu points, %llu states torn; looked at %llu messages; %llu had to be there, %llu had to be gone; %llu de-duplication ids\n",
	       points, (unsigned long long)t->torn,
	       (unsigned long long)t->messages,
	       (unsigned long long)t->required, (unsigned long long)t->ended,
	       (unsigned long long)t->dedups);
	printf("# topics: looked at %llu copies; %llu had to be there, %llu of them as another copy was; %llu retained messages, %llu bindings\n",
	       (unsigned long long)topics_totals.copies,
	       (unsigned long long)topics_totals.required,
	       (unsigned long long)topics_totals.half,
	       (unsigned long long)topics_totals.kept,
	       (unsigned long long)topics_totals.bindings);
	if (model.full)
		printf("# %llu were rejected when there was no room for a note\n",
		       (unsigned long long)t->noteless);
	disk_report(&disk);
}

/* How many samples of states without their zeros there are to be, and are. */
static unsigned long others, kept_others;

/* Return whether such a state is to be kept here: they are spread over the log. */
static bool keeps_others(const struct writes *w, size_t point)
{
	return kept_others < others && model.ready &&
	       point > kept_others * (w->count / (others + 1)) &&
	       disk_lacks_zeros(&disk);
}

static int judge(const struct writes *w, unsigned long points)
{
	unsigned long done = 0, apart;
	bool *chosen;
	size_t i;

	others = (disk.samples + 3) / 4;
	apart = disk.samples > others ? points / (disk.samples - others) : 0;
	chosen = choose(w, points);
	for (i = 0; i < w->count; i++) {
		if (keeps_others(w, i)) {
			disk_judge(&disk, i, KEEP_OTHERS);
			kept_others++;
		} else if (chosen[i]) {
			disk_judge(&disk, i, apart && model.ready &&
				   done % apart == apart - 1 ? KEEP_ANY : KEEP_NONE);
			done++;
		}
		check_place(&w->all[i], i);
		step(&w->all[i]);
		if (*model.fault) {
			disk_failed(&disk, i + 1, "all of", model.fault);
			*model.fault = '\0';
		}
	}
	disk_judge(&disk, i, KEEP_NONE);
	report(w, done + kept_others + 1);
	return disk.failures ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct writes w;

	setlinebuf(stdout);
	if (argc == 5 && !strcmp(argv[1], "--attached"))
		return attached_judge(argv[2], argv[3], atoi(argv[4]));
	if (argc > 1 && !strcmp(argv[1], "--full")) {
		model.full = true;
		argv++;
		argc--;
	}
	if (argc < 3 || writes_read(&w, argv[1]) || make(&w))
		return 2;
	dice_state = crash_mix(argc > 3 ? strtoull(argv[3], NULL, 0) : 1);
	if (argc > 5) {
		disk.directory = argv[4];
		disk.samples = strtoul(argv[5], NULL, 0);
	}
	return judge(&w, strtoul(argv[2], NULL, 0));
}
