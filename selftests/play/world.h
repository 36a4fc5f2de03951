/* SPDX-License-Identifier: GPL-2.0 */
/* Everything that a sequence runs on. */
#ifndef PLAY_WORLD_H
#define PLAY_WORLD_H

#include <stdbool.h>

#include "helpers/journal.h"
#include "helpers/queue.h"
#include "model/model.h"
#include "play/pace.h"

/* Calls of a sequence, and what is before them and behind. */
#define PAST_MAX	(OPS_MAX + 2)

/* What the model was since something was confirmed last: see durable.c. */
struct past {
	unsigned int	count;
	struct model	*at[PAST_MAX];
};

/*
 * All that a sequence runs on.  As long as a test runs its queues have the
 * same names, and each sequence makes them anew.
 */
struct world {
	struct model		model;
	struct model		twin;	/* instead of the kernel */
	bool			use_twin;
	bool			is_late; /* the twin, and does things when it gets to */
	__u64			dice;	/* by how much */
	enum model_mutation	mutation;
	struct mq_queue		queue[MODEL_QUEUES];
	__u32			name_size[MODEL_QUEUES];
	int			look[MODEL_QUEUES];	/* -1: no such queue */
	int			fd[MODEL_QUEUES][MODEL_FILES];
	__u64			real_to_boot;
	struct model_outcome	want, got;
	struct model_call	call;
	/* What time did, and the model did after it: not yet compared. */
	bool			passing;
	struct model		before;
	struct model		asked;	/* before a call that leaves an order open */
	__u64			first;	/* when it began */
	/* The kernel's side by now. */
	struct devmq_stat	stat[MODEL_QUEUES];
	struct model_outcome	state[MODEL_QUEUES];
	/* A journal that is attached, if its name is not empty. */
	struct journal_file	journal;
	struct past		past;
	__u64			late;	/* what began then may have by so much */
	__u64			clock;	/* without a kernel there is no other */
	__u64			patience_ms;
	__u64			until_ms; /* no more operations after that */
	__u64			calls;	/* made by operations */
	unsigned int		reordered; /* how often in another order */
	char			buffer[2 << 20];
};

#endif /* PLAY_WORLD_H */
