/* SPDX-License-Identifier: GPL-2.0 */
/* Binding queues to topics. */
#ifndef MQCTL_BINDING_H
#define MQCTL_BINDING_H

#include <stdbool.h>
#include <stddef.h>

/* Room for the reason why a binding is refused. */
#define BINDING_REASON_MAX	512

/* A binding that is wanted, or is to go. */
struct wanted {
	const char		*topic;
	const char		*queue;
	const char *const	*filter;
};

/*
 * Bind, or with @gone take away: by the control node, or if that may not be used, or the
 * filter has blanks in it, as the owner of both. Returns 0, or a negative errno and why.
 */
int binding_make(const struct wanted *want, bool gone,
		 char why[BINDING_REASON_MAX]);

/* Say why that failed. Returns an exit status. */
int binding_complain(const struct wanted *want, bool gone, int err,
		     const char *why);

/*
 * List the bindings of a topic: how many there are, or a negative errno; -ENOTDIR: it is
 * a queue.
 */
struct devmq_bindings_list;
int binding_list(const char *topic, struct devmq_bindings_list **list);

#endif /* MQCTL_BINDING_H */
