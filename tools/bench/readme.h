/* SPDX-License-Identifier: GPL-2.0 */
/* The short table that the README has. */
#ifndef MQBENCH_README_H
#define MQBENCH_README_H

#include <json-c/json.h>

/* The reports are an array; each has a system, a plan and results. */
void show_readme(struct json_object *reports);

#endif /* MQBENCH_README_H */
