/* SPDX-License-Identifier: GPL-2.0 */
/* What a journal has: its queues, and their messages. */
#ifndef MQCTL_JOURNAL_READ_H
#define MQCTL_JOURNAL_READ_H

#include <devmq.h>

#include "journal/replay.h"

/* What follows a state stands behind it: the origin and the note, padded. */
struct journal_copy {
	struct journal_copy	*next;
	u32			size;
	struct mq_j_state	*state;
};

/* A message, and its copies in all queues that it is in. */
struct journal_body {
	struct journal_body	*next;
	struct journal_body	*previous;
	struct mq_j_message	*record;
	struct journal_copy	*copies;
	u32			users;
};

struct journal_queue {
	struct mq_j_queue	*record;
	char			name[DEVMQ_NAME_MAX + 1];
	u64			next_id;
	u64			delivered;
	u64			states[DEVMQ_STATE_RETAINED + 1];
	u64			bytes;		/* of payload, keys and headers */
	u64			dedups;
};

struct journal_dedup {
	struct journal_dedup	*next;
	struct mq_j_dedup	*record;
};

/*
 * The queues are sorted by their names. One that had been removed, as there is a newer one
 * of its name, is left out. Bodies and dedups are there only with @keep,
 * which takes as much memory as they have. With @mend, queues get other names where
 * theirs cannot be used, and none is left out.
 */
struct journal_contents {
	bool			keep;
	bool			mend;
	struct journal_queue	**queues;
	size_t			count;
	struct journal_body	*bodies;
	struct journal_dedup	*dedups;
	struct mq_j_totals	totals;
};

/*
 * Read all of a journal. Returns 0, -EUCLEAN: it is damaged, as log->fault says;
 * or another negative errno. The contents are to be freed in any case.
 */
int journal_read(struct mq_j_log *log, struct journal_contents *c);

void journal_contents_free(struct journal_contents *c);

/* How many messages a queue has. */
u64 journal_queue_messages(const struct journal_queue *q);

#endif /* MQCTL_JOURNAL_READ_H */
