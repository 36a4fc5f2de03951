// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <devmq.h>

#include "binding.h"
#include "complain.h"
#include "creation.h"
#include "filter.h"

/* -- as the owner of both ------------------------------------------------------ */

/* What an errno of these calls means, in place of the line of the control node. */
static const char *call_reason(int err, bool gone)
{
	switch (err) {
	case -EEXIST:
		return "there is such a binding already";
	case -ENOENT:
		return gone ? "there is no such binding" : NULL;
	case -EINVAL:
		return gone ? "a word of the filter is malformed" :
			      "a word of the filter is malformed, or the queue would "
			      "refuse what the topic takes (max_message_size, "
			      "max_bytes, allow_empty)";
	case -EBUSY:
		return "it is bound already, and would get messages twice";
	case -E2BIG:
		return "the filter is too large or would cost too much, or messages "
		       "would pass too many topics";
	case -ENOSPC:
		return "the topic has as many bindings as it can";
	case -ELOOP:
		return "messages would go round in a circle, or through too many "
		       "topics one behind the other";
	case -EXDEV:
		return "it is not in the topic's journal";
	case -EPERM:
		return "both have to be yours, if you may not write to "
		       "/dev/mq/control";
	default:
		return NULL;
	}
}

/* Why a queue or topic cannot be opened. */
static int open_reason(const char *name, int err, char why[BINDING_REASON_MAX])
{
	if (err == -ENOENT && creation_loaded())
		snprintf(why, BINDING_REASON_MAX, "%s: no such queue", name);
	else if (err != -ENOENT)
		snprintf(why, BINDING_REASON_MAX, "%s: cannot open: %s", name,
			 devmq_strerror(err));
	return err;
}

static int call(struct devmq_queue *topic, const struct devmq_queue *queue,
		const struct wanted *want, bool gone)
{
	return gone ? devmq_unbind_queue(topic, queue, want->filter, NULL) :
		      devmq_bind_queue(topic, queue, want->filter, NULL);
}

static int make_as_owner(const struct wanted *want, bool gone,
			 char why[BINDING_REASON_MAX])
{
	struct devmq_queue *topic = NULL, *queue = NULL;
	const char *reason;
	int err;

	*why = '\0';
	err = devmq_open(&topic, want->topic, DEVMQ_OPEN_WRITE);
	if (err)
		return open_reason(want->topic, err, why);
	err = devmq_open(&queue, want->queue, DEVMQ_OPEN_LOOK);
	if (err) {
		open_reason(want->queue, err, why);
	} else if (!devmq_is_topic(topic)) {
		err = -EINVAL;
		snprintf(why, BINDING_REASON_MAX, "%s is a queue, not a topic",
			 want->topic);
	} else {
		err = call(topic, queue, want, gone);
		reason = call_reason(err, gone);
		if (reason)
			snprintf(why, BINDING_REASON_MAX, "%s", reason);
	}
	devmq_close(queue);
	devmq_close(topic);
	return err;
}

/* ------------------------------------------------------------------------------ */

int binding_make(const struct wanted *want, bool gone,
		 char why[BINDING_REASON_MAX])
{
	int err;

	if (!filter_is_plain(want->filter))
		return make_as_owner(want, gone, why);
	if (gone)
		err = devmq_unbind(want->topic, want->queue, want->filter, why,
				   BINDING_REASON_MAX);
	else
		err = devmq_bind(want->topic, want->queue, want->filter, why,
				 BINDING_REASON_MAX);
	return err == -EACCES ? make_as_owner(want, gone, why) : err;
}

int binding_complain(const struct wanted *want, bool gone, int err,
		     const char *why)
{
	char what[96];

	snprintf(what, sizeof(what), gone ? "cannot unbind %s" : "cannot bind %s",
		 want->queue);
	creation_complain_control(want->topic, err, what, why);
	return err == -EEXIST ? STATUS_EXISTS : STATUS_FAILED;
}

/* ------------------------------------------------------------------------------ */

int binding_list(const char *topic, struct devmq_bindings_list **list)
{
	static const unsigned int ways[] = {
		DEVMQ_OPEN_LOOK, DEVMQ_OPEN_READ, DEVMQ_OPEN_WRITE
	};
	struct devmq_queue *queue;
	int err = -EACCES;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways) && err == -EACCES; i++)
		err = devmq_open(&queue, topic, ways[i]);
	if (err)
		return err;
	if (!devmq_is_topic(queue))
		err = -ENOTDIR;
	else
		err = devmq_bindings(queue, list);
	devmq_close(queue);
	return err;
}
