/* SPDX-License-Identifier: GPL-2.0 */
/* Sequences of operations, made from a seed. */
#ifndef PLAY_SEQUENCE_H
#define PLAY_SEQUENCE_H

#include "model/model.h"
#include "play/pace.h"
#include "play/profiles.h"

/*
 * An operation.  Which call it becomes depends on the state of the queues then.
 */
struct op {
	enum model_kind	kind;
	int		queue;
	__u64		seed;
};

struct sequence {
	__u64			seed;
	const struct profile	*profile;
	int			queues, topics;
	__u64			option[MODEL_QUEUES][MODEL_OPTIONS];
	unsigned int		count;
	struct op		op[OPS_MAX];
};

/*
 * The seed contains the number of the profile, so that it determines
 * everything.
 */
#define SEED_PROFILES	16

void draw_sequence(struct sequence *s, __u64 seed);

#endif /* PLAY_SEQUENCE_H */
