/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events: one for each change of a message's state, and two for the
 * creation and removal of a queue. Those of messages fire under mq_queue.lock,
 * so they come in the order of the changes.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM devmq

#if !defined(MQ_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MQ_TRACE_H

#include <linux/tracepoint.h>

#include "queue/queue.h"

DECLARE_EVENT_CLASS(mq_message,
	TP_PROTO(const struct mq_queue *q, const struct mq_entry *e),
	TP_ARGS(q, e),
	TP_STRUCT__entry(
		__string(queue, q->name)
		__field(u64, id)
		__field(u32, size)
		__field(u32, attempt)
		__field(u32, failures)
	),
	TP_fast_assign(
		mq_assign_str(queue, q->name);
		__entry->id = mq_msg(e)->id;
		__entry->size = mq_entry_size(e);
		__entry->attempt = mq_msg(e)->attempt;
		__entry->failures = mq_msg(e)->failures;
	),
	TP_printk("queue=%s id=%llu size=%u attempt=%u failures=%u",
		  __get_str(queue), __entry->id, __entry->size,
		  __entry->attempt, __entry->failures)
);

#define MQ_MESSAGE_EVENT(name)						\
	DEFINE_EVENT(mq_message, name,					\
		     TP_PROTO(const struct mq_queue *q,			\
			      const struct mq_entry *e),		\
		     TP_ARGS(q, e))

MQ_MESSAGE_EVENT(mq_send);	/* it was added to the queue */
MQ_MESSAGE_EVENT(mq_deliver);	/* it was handed out to a consumer */
MQ_MESSAGE_EVENT(mq_ack);	/* its consumer acknowledged it */
MQ_MESSAGE_EVENT(mq_release);	/* it was handed back without a failure */
MQ_MESSAGE_EVENT(mq_return);	/* it came back: its consumer was closed */
MQ_MESSAGE_EVENT(mq_lease);	/* it came back: its lease expired */
MQ_MESSAGE_EVENT(mq_retry);	/* its consumer asked for a retry */
MQ_MESSAGE_EVENT(mq_extend);	/* its lease was extended */
MQ_MESSAGE_EVENT(mq_defer);	/* its consumer deferred it */
MQ_MESSAGE_EVENT(mq_delay);	/* its delay begins */
MQ_MESSAGE_EVENT(mq_due);	/* its delay ended */
MQ_MESSAGE_EVENT(mq_expire);	/* its time to live ended */
MQ_MESSAGE_EVENT(mq_dead);	/* it died and stays in the queue */
MQ_MESSAGE_EVENT(mq_dead_letter); /* it died and moves to another queue */
MQ_MESSAGE_EVENT(mq_redrive);	/* it is redriven */
MQ_MESSAGE_EVENT(mq_dedup);	/* its id was seen before: it is not stored */
MQ_MESSAGE_EVENT(mq_drop);	/* it was dropped to make room */
MQ_MESSAGE_EVENT(mq_purge);	/* it was purged */

DECLARE_EVENT_CLASS(mq_queue,
	TP_PROTO(const struct mq_queue *q),
	TP_ARGS(q),
	TP_STRUCT__entry(
		__string(queue, q->name)
		__field(u32, minor)
	),
	TP_fast_assign(
		mq_assign_str(queue, q->name);
		__entry->minor = q->minor;
	),
	TP_printk("queue=%s minor=%u", __get_str(queue), __entry->minor)
);

DEFINE_EVENT(mq_queue, mq_create,
	     TP_PROTO(const struct mq_queue *q), TP_ARGS(q));
DEFINE_EVENT(mq_queue, mq_remove,
	     TP_PROTO(const struct mq_queue *q), TP_ARGS(q));

#endif /* MQ_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH queue
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
