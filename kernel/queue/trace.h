/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events: one for each change of a message's state, and the coming and
 * going of queues. Fired under mq_queue.lock, so their order is the truth.
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
		__entry->size = mq_size(e);
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

MQ_MESSAGE_EVENT(mq_send);	/* came in */
MQ_MESSAGE_EVENT(mq_deliver);	/* was handed to a consumer */
MQ_MESSAGE_EVENT(mq_ack);	/* was finished by it */
MQ_MESSAGE_EVENT(mq_release);	/* was handed back, no failure */
MQ_MESSAGE_EVENT(mq_return);	/* came back as its consumer closed */
MQ_MESSAGE_EVENT(mq_lease);	/* came back as its lease ran out */
MQ_MESSAGE_EVENT(mq_retry);	/* was handed back, a failure */
MQ_MESSAGE_EVENT(mq_extend);	/* got a new lease */
MQ_MESSAGE_EVENT(mq_defer);	/* was set aside by its consumer */
MQ_MESSAGE_EVENT(mq_delay);	/* begins to wait for its time */
MQ_MESSAGE_EVENT(mq_due);	/* has waited for it */
MQ_MESSAGE_EVENT(mq_expire);	/* its time to live is over */
MQ_MESSAGE_EVENT(mq_dead);	/* is dead, and stays */
MQ_MESSAGE_EVENT(mq_dead_letter); /* is dead, and goes elsewhere */
MQ_MESSAGE_EVENT(mq_redrive);	/* was dead, and gets another attempt */
MQ_MESSAGE_EVENT(mq_dedup);	/* was seen before, and is not stored */
MQ_MESSAGE_EVENT(mq_drop);	/* made room for another */
MQ_MESSAGE_EVENT(mq_purge);	/* was removed by its owner */

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
