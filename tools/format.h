/* SPDX-License-Identifier: GPL-2.0 */
/* The options that say how messages are printed. */
#ifndef MQCTL_FORMAT_H
#define MQCTL_FORMAT_H

#include "args.h"
#include "message.h"

#define OPT_RAW		300
#define OPT_NULL	301
#define OPTS_FORMAT \
	{ 'J', "json", NULL, "one JSON object a line, with all metadata" }, \
	{ OPT_RAW, "raw", NULL, "payloads exactly, nothing between them" }, \
	{ OPT_NULL, "null", NULL, "payloads exactly, a NUL behind each" }

/* Take the code of one of these options; false if it is another option's. */
bool format_option(struct args *args, int code, enum message_format *format);

#endif /* MQCTL_FORMAT_H */
