/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unit tests: libdevmq without a kernel. Built with sanitizers; every buffer is
 * exactly as large as its contents.
 */
#ifndef LIBDEVMQ_UNIT_H
#define LIBDEVMQ_UNIT_H

#include "batch.h"
#include "buffer.h"
#include "queue.h"

/* The pretended kernel: what ioctl(2) does, and how often it was called. */
extern int (*kernel)(unsigned long command, void *arg);
extern int kernel_calls;

/* How many allocations succeed from here on before all fail; -1: none fails. */
extern int allocations;

/* A queue of the pretended kernel. */
extern struct devmq_queue queue;

/* Put bytes into a buffer of exactly that size, as if they had been received. */
struct devmq_buffer *load(const void *bytes, size_t size, size_t count);

/* The same with the records of a batch. */
struct devmq_buffer *load_batch(const struct devmq_batch *batch);

/* Call all getters of a message; the sanitizers check what they read. */
uint64_t touch(const struct devmq_msg *msg);

/* Are the bytes this text? */
bool is(const void *p, size_t size, const char *text);

/* A pretended kernel that only has a consumer, which is set and read here. */
extern struct devmq_consumer mode;
int has_a_mode(unsigned long command, void *arg);

#endif /* LIBDEVMQ_UNIT_H */
