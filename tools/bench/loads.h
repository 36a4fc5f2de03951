/* SPDX-License-Identifier: GPL-2.0 */
/* The table of workloads. */
#ifndef MQBENCH_LOADS_H
#define MQBENCH_LOADS_H

#include "plan.h"

extern const struct load loads[];
extern const size_t load_count;

/* The workload of that name, or NULL. */
const struct load *find_load(const char *name);

#endif /* MQBENCH_LOADS_H */
