// SPDX-License-Identifier: GPL-2.0
/* The leases of the deliveries that commands work on. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "lease.h"

/* How long a command may take to end after SIGTERM. */
#define GRACE_MS	1000

/* When a lease that begins now ends, rounded up; 0: never. */
static uint64_t lease_end(uint64_t lease_ns)
{
	if (!lease_ns || lease_ns == DEVMQ_FOREVER)
		return 0;
	return now_ms() + lease_ns / 1000000 + 1;
}

/* With --keep, a lease is extended when half of it is over. */
static uint64_t keep_time(const struct consume *c)
{
	return c->keep && c->lease_ns ? now_ms() + c->lease_ns / 2000000 : 0;
}

/* Begin the lease anew; zero: for as long as before. */
static int extend_slot(struct consume *c, struct slot *slot, uint64_t lease_ns)
{
	struct devmq_settlement how = {
		.action = DEVMQ_ACTION_EXTEND, .delay_ns = lease_ns,
	};
	int err;

	if (slot->asked)
		return -ESTALE;
	err = devmq_settle_ids(c->queue, slot->ids, slot->count, &how, NULL);
	if (!err)
		slot->end_ms = lease_end(lease_ns ? lease_ns : c->lease_ns);
	return err;
}

void lease_keep_all(struct consume *c)
{
	struct slot *slot;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (!slot->pid || !slot->keep_ms || now_ms() < slot->keep_ms)
			continue;
		slot->keep_ms = extend_slot(c, slot, 0) ? 0 : keep_time(c);
	}
}

int lease_answer(void *arg, const struct runner_request *request)
{
	struct consume *c = arg;
	struct slot *slot;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->pid && !strcmp(slot->secret, request->secret))
			return extend_slot(c, slot, request->lease_ns);
	}
	return -ENOENT;
}

void lease_end_overdue(struct consume *c)
{
	uint64_t now = now_ms();
	struct slot *slot;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (!slot->pid || !slot->end_ms || now < slot->end_ms)
			continue;
		kill(-slot->pid, slot->asked ? SIGKILL : SIGTERM);
		slot->end_ms = slot->asked ? 0 : now + GRACE_MS;
		slot->asked = true;
	}
}

void lease_begin(const struct consume *c, struct slot *slot)
{
	slot->asked = false;
	slot->end_ms = lease_end(c->lease_ns);
	slot->keep_ms = keep_time(c);
}
