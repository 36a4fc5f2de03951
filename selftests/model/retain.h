/* SPDX-License-Identifier: GPL-2.0 */
/* What topics retain: readers, and bindings that catch up. */
#ifndef MODEL_RETAIN_H
#define MODEL_RETAIN_H

#include <stdbool.h>

#include "model/model.h"

/* A message passes the topic, which retains it or not. */
void retain(struct model *m, struct model_queue *q, const struct model_entry *e);

/* Remove what is too much. */
void trim(struct model *m, struct model_queue *q);

bool retains(const struct model_queue *q);

/* Remove a message of a topic: it is purged, or a tombstone whose time is over. */
void drop_retained(struct model_queue *q, struct model_entry *e);
void bury(struct model_queue *q, struct model_entry *e);

/* A new open file begins with the oldest message. */
void reader_begin(const struct model_queue *q, struct model_file *f);

void topic_read(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o);
void topic_poll(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o);
void call_seek(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o);

/* With which id a binding begins. Returns 0 or an error. */
int start_of(const struct model_queue *q, const struct model_call *c, __u64 *id);

/* Bindings that wait for room in a queue look what their next message is by now. */
void look_again(struct model *m, int queue);

/*
 * The kernel may look for the first time when a message for which there was no room is
 * not there any more. Its binding, as @seen, has then come further than one that waits:
 * let that one look again. Returns true if it does.
 */
bool look_late(struct model *m, int topic, const struct model_bound *seen);

/* Copy to queues whose bindings catch up what they have room for. */
void catch_up(struct model *m);

#endif /* MODEL_RETAIN_H */
