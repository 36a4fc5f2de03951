/* SPDX-License-Identifier: GPL-2.0 */
/* Messages on standard output. */
#ifndef MQCTL_MESSAGE_H
#define MQCTL_MESSAGE_H

#include <devmq.h>

enum message_format {
	FORMAT_TEXT,
	FORMAT_LONG,
	FORMAT_RAW,
	FORMAT_NULL,
	FORMAT_JSON,
};

/*
 * Print a message; 0 or a negative errno. The long format begins with a line of
 * metadata.
 */
int print_message(const struct devmq_msg *msg, enum message_format format);

#endif /* MQCTL_MESSAGE_H */
