/* SPDX-License-Identifier: GPL-2.0 */
/* Trace events of journals. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM devmq

#if !defined(MQ_JTRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MQ_JTRACE_H

#include <linux/tracepoint.h>

#include "base/compat.h"
#include "journal/journal.h"

/* A segment was opened. */
TRACE_EVENT(mq_journal_append,
	TP_PROTO(const struct mq_journal *j, u32 stream, u64 sequence,
		 u32 position),
	TP_ARGS(j, stream, sequence, position),
	TP_STRUCT__entry(
		__string(journal, j->name)
		__field(u32, stream)
		__field(u32, position)
		__field(u64, sequence)
		__field(u32, places)
	),
	TP_fast_assign(
		mq_assign_str(journal, j->name);
		__entry->stream = stream;
		__entry->position = position;
		__entry->sequence = sequence;
		__entry->places = j->places;
	),
	TP_printk("journal=%s stream=%u sequence=%llu position=%u free=%u",
		  __get_str(journal), __entry->stream, __entry->sequence,
		  __entry->position, __entry->places)
);

/* A group is on stable storage. */
TRACE_EVENT(mq_journal_commit,
	TP_PROTO(const struct mq_journal *j, u64 group, u64 bytes, u64 took_ns),
	TP_ARGS(j, group, bytes, took_ns),
	TP_STRUCT__entry(
		__string(journal, j->name)
		__field(u64, group)
		__field(u64, bytes)
		__field(u64, took_ns)
		__field(u32, waiters)
	),
	TP_fast_assign(
		mq_assign_str(journal, j->name);
		__entry->group = group;
		__entry->bytes = bytes;
		__entry->took_ns = took_ns;
		__entry->waiters = j->waiting[group & 1];
	),
	TP_printk("journal=%s group=%llu bytes=%llu took_ns=%llu waiters=%u",
		  __get_str(journal), __entry->group, __entry->bytes,
		  __entry->took_ns, __entry->waiters)
);

/* A segment was cleaned: nothing in it is needed any more. */
TRACE_EVENT(mq_journal_clean,
	TP_PROTO(const struct mq_journal *j, u64 sequence, u64 copied),
	TP_ARGS(j, sequence, copied),
	TP_STRUCT__entry(
		__string(journal, j->name)
		__field(u64, sequence)
		__field(u64, copied)
	),
	TP_fast_assign(
		mq_assign_str(journal, j->name);
		__entry->sequence = sequence;
		__entry->copied = copied;
	),
	TP_printk("journal=%s sequence=%llu copied=%llu", __get_str(journal),
		  __entry->sequence, __entry->copied)
);

/* A journal was attached, and its queues are there again. */
TRACE_EVENT(mq_journal_recover,
	TP_PROTO(const struct mq_journal *j, u64 queues, u64 messages, u64 cut),
	TP_ARGS(j, queues, messages, cut),
	TP_STRUCT__entry(
		__string(journal, j->name)
		__field(u64, queues)
		__field(u64, messages)
		__field(u64, cut)
	),
	TP_fast_assign(
		mq_assign_str(journal, j->name);
		__entry->queues = queues;
		__entry->messages = messages;
		__entry->cut = cut;
	),
	TP_printk("journal=%s queues=%llu messages=%llu cut=%llu",
		  __get_str(journal), __entry->queues, __entry->messages,
		  __entry->cut)
);

#endif /* MQ_JTRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH journal
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE jtrace
#include <trace/define_trace.h>
