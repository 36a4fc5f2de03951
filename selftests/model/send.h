/* SPDX-License-Identifier: GPL-2.0 */
/* Sending: write(2) and SEND, and making room for it. */
#ifndef MODEL_SEND_H
#define MODEL_SEND_H

#include <stdbool.h>

#include "model/model.h"

bool is_paused(const struct model_queue *q, int side);

/* What a message is before it is in a queue; whether a queue may ever take it. */
struct model_entry entry_of(const struct model *m, const struct model_queue *q,
			    const struct model_record *r, int user);
int check_record(const struct model_queue *q, const struct model_record *r);
bool is_duplicate(const struct model *m, const struct model_queue *q, int dedup);

/* Make room for a message as the overflow option says. Returns 0 or an error. */
int make_room(struct model *m, struct model_queue *q, __u64 bytes);

/* A queue without room is asked for some by a message of a topic. */
int promise_room(struct model *m, struct model_queue *q, __u64 bytes);

/* Put a copy of a message of a topic, where it has @id, in a queue. */
void store_copy(struct model *m, struct model_queue *q,
		const struct model_record *r, const struct model_entry *from,
		int topic, __u64 id);

/* A purged message frees its de-duplication id. */
void forget_dedup(struct model_queue *q, __u64 id);

void call_write(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o);
void call_send(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o);

#endif /* MODEL_SEND_H */
