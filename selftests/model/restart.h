/* SPDX-License-Identifier: GPL-2.0 */
/* Queues of a journal that is attached anew. */
#ifndef MODEL_RESTART_H
#define MODEL_RESTART_H

#include "model/model.h"

/* The journal was detached, with no queue open, and attached again. */
void model_restart(struct model *m);

/* The machine crashed, and the journal has all that there was. */
void model_crash(struct model *m);

/* Does any queue have the message with this serial number? */
bool model_has(const struct model *m, __u32 serial);

#endif /* MODEL_RESTART_H */
