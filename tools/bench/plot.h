/* SPDX-License-Identifier: GPL-2.0 */
/* A program for gnuplot that draws the results. */
#ifndef MQBENCH_PLOT_H
#define MQBENCH_PLOT_H

#include <json-c/json.h>

/* The reports are an array; each has a system, a plan and results. */
void show_plot(struct json_object *reports);

#endif /* MQBENCH_PLOT_H */
