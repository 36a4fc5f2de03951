/* SPDX-License-Identifier: GPL-2.0 */
/* Tables for people. */
#ifndef MQBENCH_TABLE_H
#define MQBENCH_TABLE_H

#include <json-c/json.h>

/* The reports are an array; each has a system, a plan and results. */
void show_tables(struct json_object *reports);

#endif /* MQBENCH_TABLE_H */
