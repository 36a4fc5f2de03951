/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mqbench: what all its files use. floors lists the files from top to bottom.
 *
 * A peer is a mechanism that hands messages over. A channel is one queue of a
 * peer, as one process uses it. A workload is a way to use channels: it runs the
 * same loops for all peers, through the functions in struct peer, and makes JSON
 * objects ("results"). All output is made from results.
 */
#ifndef MQBENCH_BENCH_H
#define MQBENCH_BENCH_H

#define MQBENCH_VERSION	"0.1.0"
/* Counts up when a member of the JSON changes its meaning or goes away. */
#define MQBENCH_SCHEMA	1

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#endif /* MQBENCH_BENCH_H */
