/* SPDX-License-Identifier: GPL-2.0 */
/* Records: going through those of a block, and their parts. */
#ifndef MQ_JOURNAL_RECORD_H
#define MQ_JOURNAL_RECORD_H

#include "journal/format.h"
#include "journal/pure.h"

/**
 * struct mq_j_bytes - a part of a record
 * @at: its first byte
 * @size: how many bytes it has
 */
struct mq_j_bytes {
	const void	*at;
	u32		size;
};

/**
 * struct mq_j_copy - a message in one of its queues
 * @s: its state
 * @origin: name of the queue where it died
 * @note: note of its last failure
 * @place: a state from a record of its own: the place of the segment that has
 *	it, plus one; else 0
 */
struct mq_j_copy {
	const struct mq_j_state	*s;
	struct mq_j_bytes	origin;
	struct mq_j_bytes	note;
	u32			place;
};

/**
 * struct mq_j_copies - going through the copies of a message
 * @at: the next one
 * @left: how many are left
 */
struct mq_j_copies {
	const u8	*at;
	u32		left;
};

const struct mq_j_record *mq_j_record_next(const struct mq_j_block *b,
					   u32 *offset);
bool mq_j_record_is_valid(const struct mq_j_record *r);

void mq_j_queue_parts(const struct mq_j_queue *q, struct mq_j_bytes *name,
		      struct mq_j_bytes *options);
u32 mq_j_queue_size(const struct mq_j_queue *q);
void mq_j_bindings_begin(const struct mq_j_queue *q, struct mq_j_bytes *left);
const struct mq_j_binding *mq_j_bindings_next(struct mq_j_bytes *left);
void mq_j_state_parts(const struct mq_j_state *s, struct mq_j_copy *copy);
void mq_j_copies_begin(const struct mq_j_message *m, struct mq_j_copies *all);
bool mq_j_copies_next(struct mq_j_copies *all, struct mq_j_copy *copy);
void mq_j_message_parts(const struct mq_j_message *m, struct mq_j_bytes *key,
			struct mq_j_bytes *headers, struct mq_j_bytes *payload);
void mq_j_message_topic(const struct mq_j_message *m, struct mq_j_bytes *topic);
u32 mq_j_end_count(const struct mq_j_end *e);
void mq_j_dedup_id(const struct mq_j_dedup *d, struct mq_j_bytes *id);

#endif /* MQ_JOURNAL_RECORD_H */
