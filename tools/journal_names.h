/* SPDX-License-Identifier: GPL-2.0 */
/* How journals are called: UUIDs, states. */
#ifndef MQCTL_JOURNAL_NAMES_H
#define MQCTL_JOURNAL_NAMES_H

#include <devmq.h>

#define UUID_TEXT_MAX	37

/* A UUID as RFC 9562 writes it. Returns the text. */
const char *uuid_text(const unsigned char uuid[16], char text[UUID_TEXT_MAX]);

/* A state of a journal that is attached. */
const char *journal_state_name(unsigned int state);

/* The name under which a journal is attached, if that can be known; else NULL. */
const char *journal_attached(const unsigned char uuid[16],
			     char name[DEVMQ_NAME_MAX + 1]);

#endif /* MQCTL_JOURNAL_NAMES_H */
