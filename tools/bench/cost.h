/* SPDX-License-Identifier: GPL-2.0 */
/* Workloads: what a message costs in one process. */
#ifndef MQBENCH_COST_H
#define MQBENCH_COST_H

#include "plan.h"

void run_pair(const struct plan *plan, const struct load *load,
	      const struct peer *peer);
void run_sizes(const struct plan *plan, const struct load *load,
	       const struct peer *peer);
void run_batch(const struct plan *plan, const struct load *load,
	       const struct peer *peer);
void run_kind(const struct plan *plan, const struct load *load,
	      const struct peer *peer);
void run_depth(const struct plan *plan, const struct load *load,
	       const struct peer *peer);
void run_others(const struct plan *plan, const struct load *load,
		const struct peer *peer);

#endif /* MQBENCH_COST_H */
