/* SPDX-License-Identifier: GPL-2.0 */
/* Wake those that wait for messages or for room: see wake.c. */
#ifndef MQ_WAIT_WAKE_H
#define MQ_WAIT_WAKE_H

#include <linux/compiler.h>
#include <linux/poll.h>
#include <linux/types.h>

#include "base/waiters.h"
#include "wait/gate.h"

void mq_grace_begin(struct mq_gate *g);
void mq_side_call(struct mq_gate *g, struct mq_side *side);
void mq_gate_init(struct mq_gate *g, const struct mq_gate_ops *ops);
void mq_stand_init(struct mq_stand *stand, struct mq_gate *gate);
void mq_gate_exit(struct mq_gate *g);
void mq_answer_message(struct mq_gate *g, bool *called);
void mq_answer_room(struct mq_gate *g, bool *called);
void mq_set_wanted_room(struct mq_stand *stand, u64 bytes);
void mq_wake_all_readers(struct mq_gate *g, __poll_t why);
void mq_wake_sleeping_readers(struct mq_gate *g, unsigned int n);
void mq_wake_next_reader(struct mq_gate *g, unsigned int n);
void mq_wake_next_without_credit(const struct mq_stand *stand);
void mq_wake_next_at_close(struct mq_gate *g, bool received, bool sent);
void mq_wake_sleeping_writers(struct mq_gate *g, bool edge);
void mq_wake_next_writers(struct mq_gate *g, unsigned int n);
void mq_notify_room_pollers(struct mq_gate *g);
void mq_wake_stand(struct mq_stand *stand);

/* Wake readers, because @n messages became ready. */
static inline void mq_wake_readers(struct mq_gate *g, unsigned int n)
{
	if (unlikely(wq_has_sleeper(&g->readers)))
		mq_wake_sleeping_readers(g, n);
}

/* Wake all readers, because of a change that concerns all of them. */
static inline void mq_wake_every_reader(struct mq_gate *g)
{
	if (unlikely(wq_has_sleeper(&g->readers) ||
		     mq_waiters_pending(&g->parked)))
		mq_wake_all_readers(g, 0);
}

/*
 * Wake writers, because room became free or is left. @edge: the queue was full.
 * If it was not, pollers are notified only if a file is known to want room.
 */
static inline void mq_wake_writers(struct mq_gate *g, bool edge)
{
	/* WAIT(wake:room) */
	if (unlikely(mq_waiters_pending_mb(&g->room) ||
		     /* after the barrier of mq_waiters_pending_mb() */
		     waitqueue_active(&g->writers)))
		mq_wake_sleeping_writers(g, edge);
}

#endif /* MQ_WAIT_WAKE_H */
