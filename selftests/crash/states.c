// SPDX-License-Identifier: GPL-2.0
/*
 * What the power could have left of a disk.
 *
 * At a point of the log, all is on the disk that was written before the last
 * flush. Of what was written since, the disk may have any part. Several states are
 * made at each point: with nothing of it, with all, without each single write or
 * with it alone, with random ones, and with random sectors.
 *
 * Two more are a pair. In one only those sectors are missing that are all zeros; in the
 * other only these are there. When a journal is attached that the first has torn, the
 * second shows whether what is written then could complete it. That needs a block of
 * one unit, over which the last block of the segment is written, with nothing behind its
 * first sector, where that has nothing either, and old bytes in its place:
 * disk_lacks_zeros().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "states.h"

#define SECTOR		512

/* The most writes since a flush of which each is left out once. */
#define SINGLES		4
/* States with random writes, and with random sectors, at each point. */
#define RANDOM		3

uint64_t dice_state;

uint32_t dice(uint32_t n)
{
	dice_state = dice_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (dice_state >> 33) % n;
}

void disk_make(struct disk *d, uint64_t size, uint64_t told)
{
	d->flushed = calloc(1, size);
	d->state = calloc(1, size);
	d->size = size;
	d->told = told;
}

/* -- failures ----------------------------------------------------------------- */

/* What differs in nothing but numbers is of one kind. */
struct kind {
	char		text[512];
	uint64_t	count;
};

#define KINDS	64

static struct kind kinds[KINDS];

bool disk_failed(struct disk *d, size_t point, const char *how, const char *why)
{
	char text[512], *to = text;
	const char *from;
	struct kind *k;

	for (from = why; *from && to < text + sizeof(text) - 1; from++)
		if (*from < '0' || *from > '9')
			*to++ = *from;
	*to = '\0';
	d->failures++;
	for (k = kinds; k < kinds + KINDS - 1 && *k->text; k++)
		if (!strcmp(k->text, text))
			break;
	memcpy(k->text, text, sizeof(text));
	if (k->count++)
		return false;
	printf("# before write %zu, with %s the %zu writes since the flush: %s\n",
	       point, how, d->count, why);
	return true;
}

void disk_report(const struct disk *d)
{
	size_t i;

	for (i = 0; i < KINDS && *kinds[i].text; i++)
		printf("# %llu times: %s\n", (unsigned long long)kinds[i].count,
		       kinds[i].text);
	printf("# %llu states, %llu failures\n", (unsigned long long)d->states,
	       (unsigned long long)d->failures);
}

/* -- states ------------------------------------------------------------------- */

enum modes { NONE, ALL, WITHOUT, ALONE, SOME, SECTORS, ZEROS, OTHERS, MODES };

static const char *const mode_names[MODES] = {
	"nothing of", "all of", "all but one of", "one of", "some of",
	"some sectors of", "the sectors of zeros of",
	"all but the sectors of zeros of"
};

static int state_read(void *context, u64 at, void *to, u32 size)
{
	const struct disk *d = context;

	if (at > d->told || size > d->told - at)
		return -EIO;
	memcpy(to, d->state + at, size);
	return 0;
}

static void sample(struct disk *d, size_t point, enum modes mode)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/state.%lu", d->directory, d->sampled++);
	f = fopen(path, "w");
	if (!f || fwrite(d->state, 1, d->size, f) != d->size || fclose(f))
		perror(path);
	printf("# %s: before write %zu, with %s what was not flushed\n", path,
	       point, mode_names[mode]);
}

static void put(uint8_t *to, const struct write *w, uint32_t from, uint32_t size)
{
	if (w->data)
		memcpy(to + w->at + from, w->data + from, size);
	else
		memset(to + w->at + from, 0, size);
}

static bool is_zero(const struct write *w, uint32_t from)
{
	static const uint8_t zeros[SECTOR];

	return !w->data || !memcmp(w->data + from, zeros, SECTOR);
}

/* Put some sectors of a write on the disk; of random ones half, or @most. */
static void put_sectors(struct disk *d, const struct write *w, enum modes mode,
			bool most)
{
	bool chosen;
	uint32_t at;

	for (at = 0; at < w->size; at += SECTOR) {
		if (mode == SECTORS)
			chosen = dice(most ? 8 : 2);
		else
			chosen = mode == (is_zero(w, at) ? ZEROS : OTHERS);
		if (chosen)
			put(d->state, w, at, SECTOR);
	}
}

static void state_make(struct disk *d, enum modes mode, size_t which)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		const struct write *w = d->since[i];

		if (mode == ALL || (mode == WITHOUT && i != which) ||
		    (mode == ALONE && i == which) || (mode == SOME && dice(2)))
			put(d->state, w, 0, w->size);
		if (mode == SECTORS || mode == ZEROS || mode == OTHERS)
			put_sectors(d, w, mode, which);
	}
}

static void state_undo(struct disk *d)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		const struct write *w = d->since[i];

		memcpy(d->state + w->at, d->flushed + w->at, w->size);
	}
}

static void judge(struct disk *d, size_t point, enum modes mode, size_t which,
		  bool keep)
{
	struct mq_j_source source = {
		.read = state_read, .context = d, .size = d->told,
	};
	bool failed, first = false;
	char why[512];

	state_make(d, mode, which);
	d->states++;
	failed = d->verify(&source, why, sizeof(why));
	if (failed)
		first = disk_failed(d, point, mode_names[mode], why);
	if (d->directory &&
	    (first || (keep && !failed && d->sampled < d->samples)))
		sample(d, point, mode);
	state_undo(d);
}

/* Return true if a state of this mode is made where @n writes were not flushed. */
static bool is_made(enum modes mode, size_t n)
{
	switch (mode) {
	case NONE:
		return true;
	case WITHOUT:
		return n > 1;
	case ALONE:
	case SOME:
		return n > 2;
	default:
		return n;
	}
}

static bool has_messages(const struct mq_j_block *b)
{
	const struct mq_j_record *r;
	u32 offset = 0;

	while ((r = mq_j_record_next(b, &offset)))
		if (r->type == MQ_J_MESSAGE || r->type == MQ_J_END)
			return true;
	return false;
}

bool disk_lacks_zeros(const struct disk *d)
{
	const struct write *w = d->count ? d->since[0] : NULL;
	const struct mq_j_block *b = w ? (const void *)w->data : NULL;
	bool differs = false;
	uint32_t at;

	if (!b || w->size < MQ_J_UNIT_MAX ||
	    b->magic != cpu_to_le32(MQ_J_MAGIC_BLOCK) ||
	    le32_to_cpu(b->size) != MQ_J_UNIT_MAX || !has_messages(b))
		return false;
	for (at = SECTOR; at < MQ_J_UNIT_MAX; at += SECTOR) {
		if (!is_zero(w, at))
			return false;
		differs |= memcmp(d->flushed + w->at + at, w->data + at, SECTOR);
	}
	return differs;
}

void disk_judge(struct disk *d, size_t point, enum keeps keep)
{
	enum modes kept = keep == KEEP_OTHERS ? OTHERS : MODES;
	size_t i, n = d->count;

	if (keep == KEEP_ANY) {
		do
			kept = dice(MODES);
		while (!is_made(kept, n));
	}
	judge(d, point, NONE, 0, kept == NONE);
	if (!n)
		return;
	judge(d, point, ALL, 0, kept == ALL);
	for (i = 0; n > 1 && i < n && i < SINGLES; i++) {
		size_t which = n <= SINGLES ? i : dice(n);

		judge(d, point, WITHOUT, which, kept == WITHOUT && !i);
		/* With two, that is the same. */
		if (n > 2)
			judge(d, point, ALONE, which, kept == ALONE && !i);
	}
	for (i = 0; n > 2 && i < RANDOM; i++)
		judge(d, point, SOME, 0, kept == SOME && !i);
	for (i = 0; i < RANDOM; i++)
		judge(d, point, SECTORS, i, kept == SECTORS && !i);
	judge(d, point, ZEROS, 0, kept == ZEROS);
	judge(d, point, OTHERS, 0, kept == OTHERS);
}

/* -- the log ------------------------------------------------------------------ */

static void add(struct disk *d, const struct write *w)
{
	if (d->count == d->room) {
		d->room = d->room ? 2 * d->room : 64;
		d->since = realloc(d->since, d->room * sizeof(*d->since));
	}
	d->since[d->count++] = w;
}

static void flush(struct disk *d)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		put(d->flushed, d->since[i], 0, d->since[i]->size);
		put(d->state, d->since[i], 0, d->since[i]->size);
	}
	d->count = 0;
}

void disk_step(struct disk *d, const struct write *w)
{
	if (w->kind == WRITE_FLUSH)
		flush(d);
	else
		add(d, w);
}
