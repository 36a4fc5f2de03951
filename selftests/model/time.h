/* SPDX-License-Identifier: GPL-2.0 */
/* What time does: delays, leases and times to live that are over. */
#ifndef MODEL_TIME_H
#define MODEL_TIME_H

#include <stdbool.h>

#include "model/model.h"

bool is_in_window(const struct model *m, const struct model_queue *q,
		  const struct model_dedup *d);

#endif /* MODEL_TIME_H */
