/* SPDX-License-Identifier: GPL-2.0 */
/* The table by door and by use. */
#ifndef MQBENCH_DOORS_H
#define MQBENCH_DOORS_H

#include <json-c/json.h>

/* Print it, each line behind @indent; nothing if nothing of it was measured. */
void show_doors(struct json_object *reports, const char *indent);

#endif /* MQBENCH_DOORS_H */
