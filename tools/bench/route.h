/* SPDX-License-Identifier: GPL-2.0 */
/* Workload: what it costs to find the subscriptions of a message. */
#ifndef MQBENCH_ROUTE_H
#define MQBENCH_ROUTE_H

#include "plan.h"

void run_route(const struct plan *plan, const struct load *load,
	       const struct peer *peer);

#endif /* MQBENCH_ROUTE_H */
