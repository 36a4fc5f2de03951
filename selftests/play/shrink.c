// SPDX-License-Identifier: GPL-2.0
/*
 * Making a sequence that fails as short as possible.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "helpers/clock.h"
#include "helpers/process.h"
#include "play/options.h"
#include "play/orders.h"
#include "play/play.h"
#include "play/profiles.h"
#include "play/sequence.h"
#include "play/shrink.h"
#include "play/world.h"

static void remove_ops(struct sequence *s, unsigned int start,
		       unsigned int count)
{
	memmove(&s->op[start], &s->op[start + count],
		(s->count - start - count) * sizeof(s->op[0]));
	s->count -= count;
}

/*
 * Does the sequence still fail?  If so, cut off what comes after the failure.
 */
static bool still_fails(struct world *w, struct sequence *s)
{
	unsigned int at;

	if (play_at_pace(w, s, PEEK_ALWAYS, &at) != DIFFERED)
		return false;
	if (at < s->count)
		s->count = at + 1;
	return true;
}

static bool shrink_ops(struct world *w, struct sequence *s, __u64 end)
{
	unsigned int chunk = s->count, start;
	struct sequence try;
	bool better = false;

	while (chunk /= 2) {
		for (start = 0; start + chunk <= s->count;) {
			try = *s;
			remove_ops(&try, start, chunk);
			if (mq_now_ms() < end && still_fails(w, &try)) {
				*s = try;
				better = true;
			} else {
				start += chunk;
			}
		}
	}
	return better;
}

static bool exists_at_first(const struct sequence *s, int queue)
{
	return queue < s->queues || (queue >= MODEL_PLAIN &&
				     queue < MODEL_PLAIN + s->topics);
}

static bool shrink_options(struct world *w, struct sequence *s, __u64 end)
{
	struct sequence try;
	bool better = false;
	int i, j;

	for (i = 0; i < MODEL_QUEUES; i++) {
		for (j = 0; j < MODEL_OPTIONS; j++) {
			if (s->option[i][j] == options[j].usual ||
			    !has_option(i, j) || !exists_at_first(s, i))
				continue;
			try = *s;
			try.option[i][j] = options[j].usual;
			if (mq_now_ms() < end && still_fails(w, &try)) {
				*s = try;
				better = true;
			}
		}
	}
	return better;
}

/* Remove pairs of operations that are needed for each other only. */
static bool shrink_pairs(struct world *w, struct sequence *s, __u64 end)
{
	struct sequence try;
	unsigned int i, j;

	for (j = 1; j < s->count; j++) {
		for (i = 0; i < j; i++) {
			try = *s;
			remove_ops(&try, j, 1);
			remove_ops(&try, i, 1);
			if (mq_now_ms() < end && still_fails(w, &try)) {
				*s = try;
				return true;
			}
		}
	}
	return false;
}

bool shrink(struct world *w, struct sequence *s)
{
	/* Without a kernel, shrinking takes little time. */
	__u64 end = w->use_twin ? UINT64_MAX : mq_now_ms() + 60000;
	int tries = 0;

	w->until_ms = 0;
	while (!still_fails(w, s))
		if (++tries == 3)
			return false;
	/* Do not wait long for messages that are lost. */
	w->patience_ms = 100;
	do {
		while (shrink_ops(w, s, end) | shrink_options(w, s, end))
			;
	} while (shrink_pairs(w, s, end));
	w->patience_ms = MQ_PATIENCE_MS;
	return true;
}
