// SPDX-License-Identifier: GPL-2.0
/* The options that say how messages are printed. */
#include "format.h"

bool format_option(struct args *args, int code, enum message_format *format)
{
	enum message_format wanted;

	switch (code) {
	case 'J':
		wanted = FORMAT_JSON;
		break;
	case OPT_RAW:
		wanted = FORMAT_RAW;
		break;
	case OPT_NULL:
		wanted = FORMAT_NULL;
		break;
	case 'l':
		wanted = FORMAT_LONG;
		break;
	default:
		return false;
	}
	if (*format != FORMAT_TEXT && *format != wanted)
		usage(args, "--json, --raw, --null and --long exclude each "
		      "other");
	*format = wanted;
	return true;
}
