/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for a message or for devmq_wake(). */
#ifndef LIBDEVMQ_WAKE_H
#define LIBDEVMQ_WAKE_H

#include "internal.h"

/* Take one wake-up, if there is one. */
bool lmq_take_wake(const struct devmq_queue *queue);

/*
 * Wait for a message or for a wake-up. Return: more than 0, or 0 if neither came
 * in time, or an error.
 */
int lmq_poll(const struct devmq_queue *queue, int timeout_ms);

#endif /* LIBDEVMQ_WAKE_H */
