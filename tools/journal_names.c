// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal_names.h"
#include "mqctl.h"

const char *uuid_text(const unsigned char uuid[16], char text[UUID_TEXT_MAX])
{
	char *next = text;
	int i;

	for (i = 0; i < 16; i++)
		next += sprintf(next, "%s%02x", i == 4 || i == 6 || i == 8 ||
				i == 10 ? "-" : "", uuid[i]);
	return text;
}

const char *journal_state_name(unsigned int state)
{
	static const char *const names[] = {
		[DEVMQ_JOURNAL_OK]	= "ok",
		[DEVMQ_JOURNAL_FROZEN]	= "frozen",
		[DEVMQ_JOURNAL_FAILED]	= "failed",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

const char *journal_attached(const unsigned char uuid[16],
			     char name[DEVMQ_NAME_MAX + 1])
{
	struct devmq_journal_info *infos;
	int i, n = devmq_journal_list(&infos, sizeof(*infos));
	bool found = false;

	for (i = 0; i < n && !found; i++) {
		found = !memcmp(infos[i].uuid, uuid, sizeof(infos[i].uuid));
		if (found)
			snprintf(name, DEVMQ_NAME_MAX + 1, "%s", infos[i].name);
	}
	if (n >= 0)
		free(infos);
	return found ? name : NULL;
}
