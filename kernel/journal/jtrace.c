// SPDX-License-Identifier: GPL-2.0
/* Define the trace events of journals; no other file may. */
#define CREATE_TRACE_POINTS
#include "journal/jtrace.h"
