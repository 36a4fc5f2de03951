/* SPDX-License-Identifier: GPL-2.0 */
/* How a message gets from one state to another, and how it dies. */
#ifndef MODEL_STATES_H
#define MODEL_STATES_H

#include <stdbool.h>

#include "model/model.h"

void clear_flight(struct model_queue *q, struct model_entry *e);
void make_ready(struct model *m, struct model_queue *q, struct model_entry *e);

/* Move a message to another queue, as if it was sent there now. */
void move_entry(const struct model *m, struct model_queue *q,
		struct model_entry *e, struct model_queue *to, bool buried);

/* Set the note of the last failure, or clear it. */
void set_note(struct model_entry *e, const struct model_range *r);

/*
 * Make a message dead.  Returns false if it stays alive because max_dead is
 * reached.
 */
bool make_dead(struct model *m, struct model_queue *q, struct model_entry *e,
	       __u32 reason, __u64 delay);

void expire_entry(struct model *m, struct model_queue *q,
		  struct model_entry *e);
bool is_expired(const struct model *m, const struct model_entry *e);

/* End the flight of a message, which goes to @state. */
void return_entry(struct model *m, struct model_queue *q, struct model_entry *e,
		  __u32 state, __u64 due);

/* The delay after this many failures. */
__u64 retry_delay(const struct model_queue *q, const struct model_entry *e,
		  __u32 failures);

/*
 * End the flight of a message with a failure, for which @r has the note, if
 * any.  The message is delayed by @delay.  Returns true if it dies instead.
 */
bool fail_delivery(struct model *m, struct model_queue *q,
		   struct model_entry *e, __u32 failure,
		   const struct model_range *r, __u64 delay);

#endif /* MODEL_STATES_H */
