/* SPDX-License-Identifier: GPL-2.0 */
/* The leases of the deliveries that commands work on. */
#ifndef MQCTL_LEASE_H
#define MQCTL_LEASE_H

#include "consume.h"

/* The lease of a slot begins now. */
void lease_begin(const struct consume *c, struct slot *slot);

/* With --keep: extend the leases of which half is over. */
void lease_keep_all(struct consume *c);

/* For runner_serve(): a command asks for more time. */
int lease_answer(void *arg, const struct runner_request *request);

/*
 * End the commands whose lease is over: other consumers may have their messages.
 */
void lease_end_overdue(struct consume *c);

#endif /* MQCTL_LEASE_H */
