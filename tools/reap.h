/* SPDX-License-Identifier: GPL-2.0 */
/* The end of a command: settling its messages. */
#ifndef MQCTL_REAP_H
#define MQCTL_REAP_H

#include "consume.h"
#include "outcome.h"

/* Settle all commands that have ended, and free their slots. */
void reap(struct consume *c);

/*
 * Settle the deliveries of a slot, and free it. If the lease was over, others may
 * have the messages, which is no error. If there is no memory for the note, it is
 * left out.
 */
void settle_slot(struct consume *c, struct slot *slot, struct outcome *o);

/* Receive nothing for a while, after messages were released. */
void pause_receiving(struct consume *c);

/* Send SIGKILL to the process groups of all commands. */
void kill_all(struct consume *c);

#endif /* MQCTL_REAP_H */
