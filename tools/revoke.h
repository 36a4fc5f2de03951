/* SPDX-License-Identifier: GPL-2.0 */
/* Settling deliveries of other consumers. */
#ifndef MQCTL_REVOKE_H
#define MQCTL_REVOKE_H

#include "select.h"

#define OPT_HOLDER	326

/**
 * struct revoke - a revocation
 * @queue: open to look
 * @select: which messages
 * @holder: only deliveries of this process; 0: of any process
 * @how: what is to become of them; its ids are ignored
 * @settled: how many were settled
 * @busy: how many were left alone, as they were being handed to their consumers
 */
struct revoke {
	struct devmq_queue	*queue;
	const struct select	*select;
	uint32_t		holder;
	struct devmq_settlement	how;
	uint64_t		settled;
	uint64_t		busy;
};

/* Take the value of OPT_HOLDER. */
void value_holder(struct args *args, struct revoke *r);

/*
 * Settle the deliveries that are selected: 0, or an error, when some may have been
 * settled.
 */
int revoke_selected(struct revoke *r);

/* Say how many were left alone, if any. Returns an exit status. */
int complain_busy(const char *name, const struct revoke *r);

#endif /* MQCTL_REVOKE_H */
