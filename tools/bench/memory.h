/* SPDX-License-Identifier: GPL-2.0 */
/* Workloads: memory that messages and queues take. */
#ifndef MQBENCH_MEMORY_H
#define MQBENCH_MEMORY_H

#include "plan.h"

void run_memory(const struct plan *plan, const struct load *load,
		const struct peer *peer);
void run_idle(const struct plan *plan, const struct load *load,
	      const struct peer *peer);

#endif /* MQBENCH_MEMORY_H */
