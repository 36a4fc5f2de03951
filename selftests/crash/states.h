/* SPDX-License-Identifier: GPL-2.0 */
/* What the power could have left of a disk. */
#ifndef MQ_CRASH_STATES_H
#define MQ_CRASH_STATES_H

#include <stdbool.h>

#include "journal/record.h"
#include "journal/scan.h"
#include "writes.h"

/**
 * struct disk - a disk at a point of the log of its writes
 * @verify: judge a state. Returns 0, or -1 with what is wrong in @why
 * @flushed: what is surely there
 * @state: what the power left
 * @size: bytes
 * @told: from here on, nothing is of the journal
 * @since: writes since the last flush
 * @count: how many these are
 * @room: of @since
 * @directory: where to leave states as images, or NULL
 * @samples: how many
 * @sampled: how many are there
 * @states: how many states were judged
 * @failures: how many were wrong
 */
struct disk {
	int			(*verify)(const struct mq_j_source *source,
					  char *why, size_t size);
	uint8_t			*flushed;
	uint8_t			*state;
	uint64_t		size;
	uint64_t		told;
	const struct write	**since;
	size_t			count;
	size_t			room;
	const char		*directory;
	unsigned long		samples;
	unsigned long		sampled;
	uint64_t		states;
	uint64_t		failures;
};

extern uint64_t dice_state;

/* A number below @n. */
uint32_t dice(uint32_t n);

/* Make a disk of @size bytes, all zero. */
void disk_make(struct disk *d, uint64_t size, uint64_t told);

/* Carry out a write to the journal, or a flush. */
void disk_step(struct disk *d, const struct write *w);

/* Which state of a point to leave as an image: that without the sectors of zeros? */
enum keeps { KEEP_NONE, KEEP_ANY, KEEP_OTHERS };

/*
 * Judge the states that are possible before write number @point, and leave one of them
 * as an image.
 */
void disk_judge(struct disk *d, size_t point, enum keeps keep);

/*
 * Return whether a block with messages, or ends of some, would be torn if its sectors of
 * zeros were missing, and completed by those of a last block that is written over it.
 */
bool disk_lacks_zeros(const struct disk *d);

/* Count something that is wrong, and show it if it is the first of its kind. */
bool disk_failed(struct disk *d, size_t point, const char *how, const char *why);

/* Print the kinds of failures, and how many there were of each. */
void disk_report(const struct disk *d);

#endif /* MQ_CRASH_STATES_H */
