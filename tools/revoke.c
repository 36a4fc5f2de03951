// SPDX-License-Identifier: GPL-2.0
/* Settling deliveries of other consumers. */
#include <inttypes.h>

#include "complain.h"
#include "revoke.h"

static int revoke_range(uint64_t first, uint64_t last, void *arg)
{
	struct revoke *r = arg;
	struct devmq_settlement how = r->how;
	uint64_t settled, busy;
	int err;

	how.first_id = first ? first : 1;
	how.last_id = last ? last : UINT64_MAX;
	err = devmq_revoke(r->queue, &how, r->holder, &settled, &busy);
	if (!err) {
		r->settled += settled;
		r->busy += busy;
	}
	return err;
}

int revoke_selected(struct revoke *r)
{
	struct select select = *r->select;

	/* The kernel selects deliveries by id and holder only. */
	if (!select_looks(&select) && !select.older_ns && !select.reason)
		return revoke_range(select.first, select.last, r);
	select.states = DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
	return select_each(r->queue, &select, revoke_range, r);
}

void value_holder(struct args *args, struct revoke *r)
{
	r->holder = (uint32_t)value_number(args, 1, UINT32_MAX);
}

int complain_busy(const char *name, const struct revoke *r)
{
	if (!r->busy)
		return STATUS_DONE;
	return complain(name, 0, "%" PRIu64 " left alone: on their way to their "
			"consumer at this moment", r->busy);
}
