/* SPDX-License-Identifier: GPL-2.0 */
/* Workloads: processes that wait for each other. */
#ifndef MQBENCH_FLOW_H
#define MQBENCH_FLOW_H

#include "plan.h"

void run_stream(const struct plan *plan, const struct load *load,
		const struct peer *peer);
void run_pingpong(const struct plan *plan, const struct load *load,
		  const struct peer *peer);

#endif /* MQBENCH_FLOW_H */
