/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting until the queue's journal has what was done (--sync). */
#ifndef MQCTL_SYNC_H
#define MQCTL_SYNC_H

#include <devmq.h>

#define OPT_SYNC	's'
#define OPTS_SYNC(what)	{ OPT_SYNC, "sync", NULL, what }

/* Complain if the queue has no journal, or it has failed, before anything is done. */
int sync_check(struct devmq_queue *queue, const char *name);

/* Wait for all that was done; @done is that in a word. Returns an exit status. */
int sync_wait(struct devmq_queue *queue, const char *name, const char *done);

#endif /* MQCTL_SYNC_H */
