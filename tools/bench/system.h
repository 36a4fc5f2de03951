/* SPDX-License-Identifier: GPL-2.0 */
/* The machine: its limits, its memory and its clock. */
#ifndef MQBENCH_SYSTEM_H
#define MQBENCH_SYSTEM_H

#include <json-c/json.h>
#include <stdint.h>

/* Raise the kernel's limits for peers; a limit that cannot be raised is printed. */
void raise_limits(void);

/* Bytes of memory that are free, or that caches of files could give back. */
int free_memory(uint64_t *bytes);

/* Kernel, module, processor, limits: what has to be known to repeat a run. */
struct json_object *describe_system(void);

/* Nanoseconds of processor time of a process; zero if unknown. */
uint64_t process_cpu(int pid);

#endif /* MQBENCH_SYSTEM_H */
