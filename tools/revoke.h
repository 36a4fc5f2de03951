/* SPDX-License-Identifier: GPL-2.0 */
/* Settling what others hold. */
#ifndef MQCTL_REVOKE_H
#define MQCTL_REVOKE_H

#include "select.h"

#define OPT_HOLDER	326

/**
 * struct revoke - a revocation
 * @queue: open to look
 * @select: which messages
 * @holder: only what this process has received, 0: whoever has
 * @how: what is to become of them; its ids are not looked at
 * @settled: so many were settled
 * @busy: so many were left alone
 */
struct revoke {
	struct devmq_queue	*queue;
	const struct select	*select;
	uint32_t		holder;
	struct devmq_settlement	how;
	uint64_t		settled;
	uint64_t		busy;
};

void value_holder(struct args *args, struct revoke *r);
int revoke_range(uint64_t first, uint64_t last, void *arg);

/* Settle what is selected and in flight: 0, or an error; some may be settled then. */
int revoke_selected(struct revoke *r);

/* Say how many were left alone, if any: an exit status. */
int complain_busy(const char *name, const struct revoke *r);

#endif /* MQCTL_REVOKE_H */
