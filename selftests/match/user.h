/* SPDX-License-Identifier: GPL-2.0 */
/* A kernel for kernel/topic/, in user space: see user.c. */
#ifndef MATCH_USER_H
#define MATCH_USER_H

#include "kernel.h"

/* The next allocations succeed, so many of them; then one fails. */
extern long user_alloc_left;
/* How many bytes are allocated, as the kernel would count them. */
extern size_t user_bytes;
/* Whether what searches may still see is freed at once, or by user_reclaim(). */
extern bool user_keeps;

void user_reclaim(void);
u32 user_random(u32 below);
void user_seed(u64 seed);

#endif /* MATCH_USER_H */
