/* SPDX-License-Identifier: GPL-2.0 */
/* Workloads: messages on stable storage. */
#ifndef MQBENCH_CONFIRM_H
#define MQBENCH_CONFIRM_H

#include "plan.h"

void run_confirm(const struct plan *plan, const struct load *load,
		 const struct peer *peer);
void run_fair(const struct plan *plan, const struct load *load,
	      const struct peer *peer);
void run_cleaner(const struct plan *plan, const struct load *load,
		 const struct peer *peer);
void run_recovery(const struct plan *plan, const struct load *load,
		  const struct peer *peer);

#endif /* MQBENCH_CONFIRM_H */
