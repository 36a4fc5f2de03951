// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which library this is. */
#include "internal.h"

LMQ_EXPORT const char *devmq_version(void)
{
	return DEVMQ_VERSION;
}
