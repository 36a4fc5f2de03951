/* SPDX-License-Identifier: GPL-2.0 */
/* What a message in a journal is, whatever its state. */
#ifndef MQ_CRASH_BODIES_H
#define MQ_CRASH_BODIES_H

#include <stdbool.h>

#include "crash.h"
#include "journal/record.h"

/* Find what a message begins with. Returns false if it is none of ours. */
bool body_identify(const struct mq_j_message *m, struct crash_payload *p);

/* What is not as it was sent, in words, or NULL. */
const char *body_fault(const struct mq_j_message *m, const struct crash_payload *p);

#endif /* MQ_CRASH_BODIES_H */
