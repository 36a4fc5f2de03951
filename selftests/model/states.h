/* SPDX-License-Identifier: GPL-2.0 */
/* How a message gets from one state to another, and how it dies. */
#ifndef MODEL_STATES_H
#define MODEL_STATES_H

#include <stdbool.h>

#include "model/model.h"

void clear_flight(struct model_queue *q, struct model_entry *e);
void make_ready(struct model *m, struct model_queue *q, struct model_entry *e);

/* Move it to another queue, as if it was sent there now. */
void move_entry(const struct model *m, struct model_queue *q,
		struct model_entry *e, struct model_queue *to, bool buried);

/* What is said of its last failure, if anything. */
void set_note(struct model_entry *e, const struct model_range *r);

/* False if it lives on, as there are enough dead. */
bool make_dead(struct model *m, struct model_queue *q, struct model_entry *e,
	       __u32 reason, __u64 delay);

void expire_entry(struct model *m, struct model_queue *q,
		  struct model_entry *e);
bool is_expired(const struct model *m, const struct model_entry *e);

/* A flight ends, and the message goes to @state. */
void return_entry(struct model *m, struct model_queue *q, struct model_entry *e,
		  __u32 state, __u64 due);

/* How long a message waits that fails after so many times. */
__u64 retry_delay(const struct model_queue *q, const struct model_entry *e,
		  __u32 failures);

/*
 * A flight ends badly, and @r says why, if anybody does.  It stays away for @delay,
 * unless it dies: true.
 */
bool fail_delivery(struct model *m, struct model_queue *q,
		   struct model_entry *e, __u32 failure,
		   const struct model_range *r, __u64 delay);

#endif /* MODEL_STATES_H */
