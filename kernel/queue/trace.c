// SPDX-License-Identifier: GPL-2.0
/* Define the trace events; no other file may. */
#define CREATE_TRACE_POINTS
#include "queue/trace.h"
