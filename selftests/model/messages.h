/* SPDX-License-Identifier: GPL-2.0 */
/* A queue's messages: finding, counting and adding them, and the room for them. */
#ifndef MODEL_MESSAGES_H
#define MODEL_MESSAGES_H

#include <stdbool.h>

#include "model/model.h"

bool option_is(const struct model_queue *q, enum model_option option,
	       __u64 value);

struct model_entry *find_entry(struct model_queue *q, __u64 id);

/* The first message after @id, up to @last, that @file holds. */
struct model_entry *find_held(struct model_queue *q, int file, __u64 id,
			      __u64 last);

struct model_entry *append_entry(struct model_queue *q,
				 const struct model_entry *e);

unsigned int count_state(const struct model_queue *q, __u32 state);

/* The messages that came as dead, or all other ones, and their bytes. */
struct usage {
	__u64 messages, bytes;
};

struct usage usage_of(const struct model_queue *q, bool buried);

bool fits(const struct model_queue *q, const struct usage *s, __u64 bytes);

/* Is there room for one more message of a sender? */
bool has_room(const struct model_queue *q, __u64 bytes);

/* Is there room for one more message that comes as dead? */
bool has_room_for_dead(const struct model_queue *q, __u64 bytes);

int held_count(const struct model_queue *q, int file);

struct model_queue *dead_letter_of(struct model *m,
				   const struct model_queue *q);

#endif /* MODEL_MESSAGES_H */
