/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every source of libdevmq needs. What one source offers to others is
 * in the header of its name; names there begin with lmq_. Which source may use
 * which is in floors.
 */
#ifndef LIBDEVMQ_INTERNAL_H
#define LIBDEVMQ_INTERNAL_H

#include "devmq.h"

#define LMQ_EXPORT	__attribute__((visibility("default")))

#define LMQ_DEV_DIR	"/dev/mq/"
#define LMQ_CONTROL	LMQ_DEV_DIR "control"
#define LMQ_CLASS_DIR	"/sys/class/mq/"

#endif /* LIBDEVMQ_INTERNAL_H */
