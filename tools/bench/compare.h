/* SPDX-License-Identifier: GPL-2.0 */
/* What changed since an older report. */
#ifndef MQBENCH_COMPARE_H
#define MQBENCH_COMPARE_H

#include <json-c/json.h>

/* Both are arrays of reports. */
void show_changes(struct json_object *before, struct json_object *now);

#endif /* MQBENCH_COMPARE_H */
