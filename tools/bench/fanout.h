/* SPDX-License-Identifier: GPL-2.0 */
/* Workloads: topics, which hand each message to many queues. */
#ifndef MQBENCH_FANOUT_H
#define MQBENCH_FANOUT_H

#include "plan.h"

void run_fanout(const struct plan *plan, const struct load *load,
		const struct peer *peer);
void run_fanstream(const struct plan *plan, const struct load *load,
		   const struct peer *peer);
void run_fanmemory(const struct plan *plan, const struct load *load,
		   const struct peer *peer);

#endif /* MQBENCH_FANOUT_H */
