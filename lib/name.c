// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of queues: checked, so that no path or option gets in by a name. */
#include <errno.h>
#include <string.h>

#include "internal.h"

static const char lmq_name_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" "abcdefghijklmnopqrstuvwxyz"
	"0123456789" "._-";

LMQ_EXPORT int devmq_check_name(const char *name)
{
	size_t length = strspn(name, lmq_name_chars);

	if (!length || name[length] || !strcmp(name, ".") ||
	    !strcmp(name, "..") || !strcmp(name, "control") ||
	    !strcmp(name, "none"))
		return -EINVAL;
	return length > DEVMQ_NAME_MAX ? -ENAMETOOLONG : 0;
}
