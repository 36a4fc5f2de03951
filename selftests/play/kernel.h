/* SPDX-License-Identifier: GPL-2.0 */
/* Calls made to the kernel, and their outcomes in the terms of the model. */
#ifndef PLAY_KERNEL_H
#define PLAY_KERNEL_H

#include <sys/types.h>

#include "model/model.h"
#include "play/world.h"

extern const uid_t users[MODEL_USERS];

void option_text(const struct world *w, enum model_option option, __u64 value,
		 char *text, size_t size);

/* The options that differ from the default, as words of a command. */
void options_text(const struct world *w, int queue, const __u64 *option,
		  char *text, size_t size);

/* The index of a queue, -1 without a name, 99 if it is none of these. */
int queue_of_name(const struct world *w, const char *name, size_t size);

void kernel_close_all(struct world *w, int queue);
void peer_call(struct world *w);
void peer_stat(struct world *w, int queue, struct devmq_stat *stat);

#endif /* PLAY_KERNEL_H */
