// SPDX-License-Identifier: GPL-2.0
/* Words for states, failures, reasons and actions. */
#include <string.h>

#include <devmq.h>

#include "mqctl.h"
#include "names.h"
#include "units.h"

const char *state_name(unsigned int state)
{
	static const char *const names[] = {
		[DEVMQ_STATE_READY]	= "ready",
		[DEVMQ_STATE_IN_FLIGHT]	= "in-flight",
		[DEVMQ_STATE_DELAYED]	= "delayed",
		[DEVMQ_STATE_DEFERRED]	= "deferred",
		[DEVMQ_STATE_DEAD]	= "dead",
		[DEVMQ_STATE_RETAINED]	= "retained",
	};

	return state < ARRAY_SIZE(names) ? names[state] : NULL;
}

const char *failure_name(unsigned int failure)
{
	static const char *const names[] = {
		[DEVMQ_FAILURE_NONE]	= "none",
		[DEVMQ_FAILURE_CRASH]	= "crash",
		[DEVMQ_FAILURE_RETRY]	= "retry",
		[DEVMQ_FAILURE_LEASE]	= "lease",
	};

	return failure < ARRAY_SIZE(names) ? names[failure] : NULL;
}

const char *reason_name(unsigned int why)
{
	static const char *const names[] = {
		[DEVMQ_REASON_FAILURES]	= "failures",
		[DEVMQ_REASON_REJECTED]	= "rejected",
		[DEVMQ_REASON_EXPIRED]	= "expired",
		[DEVMQ_REASON_OVERFLOW]	= "overflow",
	};

	return why < ARRAY_SIZE(names) ? names[why] : NULL;
}

unsigned int parse_reason(const char *text)
{
	unsigned int why;
	uint64_t number;

	for (why = 1; reason_name(why); why++) {
		if (!strcmp(reason_name(why), text))
			return why;
	}
	if (parse_number(text, UINT16_MAX, &number) ||
	    number < DEVMQ_REASON_USER)
		return DEVMQ_REASON_NONE;
	return (unsigned int)number;
}

const char *const settle_actions[] = {
	"ack", "release", "retry", "reject", "extend", "defer", NULL
};

_Static_assert(DEVMQ_ACTION_ACK == 1 && DEVMQ_ACTION_RELEASE == 2 &&
	       DEVMQ_ACTION_RETRY == 3 && DEVMQ_ACTION_REJECT == 4 &&
	       DEVMQ_ACTION_EXTEND == 5 && DEVMQ_ACTION_DEFER == 6,
	       "the words stand in the order of enum devmq_action");
