// SPDX-License-Identifier: GPL-2.0
/*
 * judge LOG POINTS [SEED [DIR SAMPLES]]: from the log of a disk's writes, make what
 * the power could have left of it at this many points, and judge each.
 *
 * At a point, all is on the disk that was written before the last flush. Of what
 * was written since, the disk may have any part. Several states are made at each
 * point: with nothing of it, with all, without each single write or with it
 * alone, with random ones, and with random sectors.
 *
 * Half of the points are just before a flush, where most can be lost.
 *
 * With a directory, so many of the states are left there as images.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "verify.h"
#include "writes.h"

#define DISK		(64 << 20)	/* at most */
#define SECTOR		512

/* The most writes since a flush of which each is left out once. */
#define SINGLES		4
/* States with random writes, and with random sectors, at each point. */
#define RANDOM		3

struct disk {
	uint8_t *flushed;		/* what is surely there */
	uint8_t *state;			/* what the power left */
	uint64_t size;
	uint64_t told;			/* from here on, nothing is of the journal */
	const struct write **since;	/* writes since the flush */
	size_t count;
	size_t room;
};

static struct model model;
static struct disk disk;
static uint64_t dice_state;
static uint64_t failures;
static const char *directory;
static unsigned long samples, sampled;

static uint32_t dice(uint32_t n)
{
	dice_state = dice_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (dice_state >> 33) % n;
}

static void put(uint8_t *to, const struct write *w, uint32_t from, uint32_t size)
{
	if (w->data)
		memcpy(to + w->at + from, w->data + from, size);
	else
		memset(to + w->at + from, 0, size);
}

/* -- states ------------------------------------------------------------------- */

enum modes { NONE, ALL, WITHOUT, ALONE, SOME, SECTORS, MODES };

static const char *const mode_names[MODES] = {
	"nothing of", "all of", "all but one of", "one of", "some of",
	"some sectors of"
};

static int disk_read(void *context, u64 at, void *to, u32 size)
{
	memcpy(to, disk.state + at, size);
	return 0;
}

/* -- failures ----------------------------------------------------------------- */

/* What differs in nothing but numbers is of one kind. */
struct kind {
	char		text[512];
	uint64_t	count;
};

static struct kind kinds[64];

/* Show the first of each kind. Returns whether this is one. */
static bool failed(size_t point, enum modes mode, const char *why)
{
	char text[512], *to = text;
	const char *from;
	struct kind *k;

	for (from = why; *from; from++)
		if (*from < '0' || *from > '9')
			*to++ = *from;
	*to = '\0';
	failures++;
	for (k = kinds; k < kinds + 63 && *k->text; k++)
		if (!strcmp(k->text, text))
			break;
	strcpy(k->text, text);
	if (k->count++)
		return false;
	printf("# before write %zu, with %s the %zu writes since the flush: %s\n",
	       point, mode_names[mode], disk.count, why);
	return true;
}

static void sample(size_t point, enum modes mode)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/state.%lu", directory, sampled++);
	f = fopen(path, "w");
	if (!f || fwrite(disk.state, 1, disk.size, f) != disk.size || fclose(f))
		perror(path);
	printf("# %s: before write %zu, with %s what was not flushed\n", path,
	       point, mode_names[mode]);
}

static void judge(size_t point, enum modes mode, size_t which, bool keep)
{
	struct mq_j_source source = { .read = disk_read, .size = disk.told };
	char why[512];
	uint32_t at;
	size_t i;

	for (i = 0; i < disk.count; i++) {
		const struct write *w = disk.since[i];

		if (mode == ALL || (mode == WITHOUT && i != which) ||
		    (mode == ALONE && i == which) || (mode == SOME && dice(2)))
			put(disk.state, w, 0, w->size);
		for (at = 0; mode == SECTORS && at < w->size; at += SECTOR)
			if (dice(which ? 8 : 2))
				put(disk.state, w, at, SECTOR);
	}
	if (verify(&model, &source, why, sizeof(why))) {
		if (failed(point, mode, why) && directory)
			sample(point, mode);
	} else if (keep && directory && sampled < samples) {
		sample(point, mode);
	}
	for (i = 0; i < disk.count; i++)
		memcpy(disk.state + disk.since[i]->at,
		       disk.flushed + disk.since[i]->at, disk.since[i]->size);
}

static void judge_point(size_t point, bool keep)
{
	size_t i, n = disk.count;
	enum modes kept = keep ? dice(MODES) : MODES;

	judge(point, NONE, 0, kept == NONE || (!n && keep));
	if (!n)
		return;
	judge(point, ALL, 0, kept == ALL);
	for (i = 0; n > 1 && i < n && i < SINGLES; i++) {
		size_t which = n <= SINGLES ? i : dice(n);

		judge(point, WITHOUT, which, kept == WITHOUT && !i);
		/* The others have been there already. */
		if (n > 2)
			judge(point, ALONE, which, kept == ALONE && !i);
	}
	for (i = 0; n > 2 && i < RANDOM; i++)
		judge(point, SOME, 0, kept == SOME && !i);
	for (i = 0; i < RANDOM; i++)
		judge(point, SECTORS, i, kept == SECTORS && !i);
}

/* -- the log ------------------------------------------------------------------ */

static void since_add(const struct write *w)
{
	if (disk.count == disk.room) {
		disk.room = disk.room ? 2 * disk.room : 64;
		disk.since = realloc(disk.since,
				     disk.room * sizeof(*disk.since));
	}
	disk.since[disk.count++] = w;
}

static void flush(void)
{
	size_t i;

	for (i = 0; i < disk.count; i++) {
		put(disk.flushed, disk.since[i], 0, disk.since[i]->size);
		put(disk.state, disk.since[i], 0, disk.since[i]->size);
	}
	disk.count = 0;
}

static void step(const struct write *w)
{
	if (w->kind == WRITE_FLUSH)
		flush();
	else if (w->at >= disk.told)
		model_told(&model, w->data, w->data ? w->size : 0);
	else
		since_add(w);
}

/* Return where the disk ends: the program writes its place there. */
static int find_size(const struct writes *w)
{
	size_t i;

	for (i = 0; i < w->count; i++) {
		const struct crash_block *b = (const void *)w->all[i].data;

		if (w->all[i].kind == WRITE_DATA && b &&
		    b->magic == CRASH_MAGIC && !b->worker) {
			disk.told = w->all[i].at;
			disk.size = disk.told + CRASH_TOLD;
			return disk.size <= DISK ? 0 : -1;
		}
	}
	return -1;
}

/* Choose the points. */
static bool *choose(const struct writes *w, unsigned long points)
{
	bool *chosen = calloc(w->count, sizeof(*chosen));
	unsigned long tries = 100 * points;

	while (points && tries--) {
		size_t i = dice(w->count);

		if (points % 2)
			while (i < w->count - 1 && w->all[i].kind != WRITE_FLUSH)
				i++;
		if (chosen[i])
			continue;
		chosen[i] = true;
		points--;
	}
	return chosen;
}

int main(int argc, char **argv)
{
	unsigned long points, done = 0, apart;
	struct writes w;
	bool *chosen;
	size_t i;

	if (argc < 3 || writes_read(&w, argv[1]))
		return 2;
	points = strtoul(argv[2], NULL, 0);
	dice_state = crash_mix(argc > 3 ? strtoull(argv[3], NULL, 0) : 1);
	directory = argc > 5 ? argv[4] : NULL;
	samples = argc > 5 ? strtoul(argv[5], NULL, 0) : 0;
	apart = samples ? points / samples : 0;
	if (find_size(&w)) {
		fprintf(stderr, "judge: the log has nothing that was told\n");
		return 2;
	}
	disk.flushed = calloc(1, disk.size);
	disk.state = calloc(1, disk.size);
	chosen = choose(&w, points);
	setlinebuf(stdout);
	for (i = 0; i < w.count; i++) {
		if (chosen[i]) {
			judge_point(i, apart && done % apart == apart - 1);
			done++;
		}
		step(&w.all[i]);
		if (*model.fault) {
			failed(i + 1, ALL, model.fault);
			*model.fault = '\0';
		}
	}
	judge_point(i, false);
	printf("# %zu writes and flushes; %llu sends, %llu deliveries, %llu settled, %llu queues created\n",
	       w.count, (unsigned long long)model.counts[TOLD_SENT],
	       (unsigned long long)model.counts[TOLD_TAKEN],
	       (unsigned long long)model.counts[TOLD_SETTLED],
	       (unsigned long long)model.counts[TOLD_CREATED]);
	printf("# %lu points, %llu states, %llu of them torn; %llu messages looked at, %llu had to be there, %llu had to be gone, %llu de-duplication ids\n",
	       done + 1, (unsigned long long)verify_totals.states,
	       (unsigned long long)verify_totals.torn,
	       (unsigned long long)verify_totals.messages,
	       (unsigned long long)verify_totals.required,
	       (unsigned long long)verify_totals.ended,
	       (unsigned long long)verify_totals.dedups);
	for (i = 0; i < 64 && *kinds[i].text; i++)
		printf("# %llu times: %s\n", (unsigned long long)kinds[i].count,
		       kinds[i].text);
	printf("# %llu failures\n", (unsigned long long)failures);
	return failures ? 1 : 0;
}
