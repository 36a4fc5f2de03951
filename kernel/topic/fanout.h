/* SPDX-License-Identifier: GPL-2.0 */
/* Where the messages of one publication go: see fanout.c. */
#ifndef MQ_TOPIC_FANOUT_H
#define MQ_TOPIC_FANOUT_H

#include <linux/types.h>
#include <linux/devmq.h>

#include "topic/match.h"

struct mq_binding;
struct mq_entry;
struct mq_file;
struct mq_payer;
struct mq_queue;
struct mq_spread;
struct mq_text;

#define MQ_NONE		U32_MAX

/**
 * struct mq_mail - a message of a publication
 * @e: its entry, from the sender
 * @topic: what copies tell of the topic that do not tell it themselves, or NULL
 */
struct mq_mail {
	struct mq_entry		*e;
	struct mq_text		*topic;
};

/**
 * struct mq_copy - a message on its way to one queue
 * @binding: the binding that took it. Valid under the turns, while the bindings
 *	have not changed
 * @q: the queue; its fan has a reference
 * @e: its entry in the queue, or NULL
 * @mail: the number of the message
 * @next: the next copy for the same queue, or MQ_NONE
 * @promised: the queue has promised room
 * @linked: it is in the queue
 */
struct mq_copy {
	struct mq_binding	*binding;
	struct mq_queue		*q;
	struct mq_entry		*e;
	u32			mail;
	u32			next;
	bool			promised;
	bool			linked;
};

/**
 * struct mq_fan - a queue that gets messages
 * @q: the queue, with a reference
 * @first: its first copy
 * @last: its last copy
 * @n: @count and @bytes are of the copies of so many messages; 0: these cannot be
 *	handled together
 * @count: how many copies that are
 * @bytes: what they count towards max_bytes
 */
struct mq_fan {
	struct mq_queue		*q;
	u32			first;
	u32			last;
	u32			n;
	u32			count;
	u64			bytes;
};

/**
 * struct mq_passed - a topic that messages pass
 * @q: the topic, with a reference
 * @generation: its generation when its bindings were searched first
 * @sent: messages that pass it
 * @routed: messages of these that a binding or the alternate took
 * @first: the first pass of these with something to retain, or MQ_NONE
 * @last: the last one
 */
struct mq_passed {
	struct mq_queue		*q;
	u64			generation;
	u32			first;
	u32			last;
	u32			sent;
	u32			routed;
};

/**
 * struct mq_pass - a message passes a topic
 * @binding: the binding that led it there, as in struct mq_copy, or NULL
 * @mail: the number of the message
 * @passed: the number of the topic
 * @routed: a binding or the alternate took it
 * @kept: what the topic is to retain of it, or NULL. The first topic retains the
 *	sender's own
 * @next: the next pass of the topic with something to retain, or MQ_NONE
 */
struct mq_pass {
	struct mq_binding	*binding;
	struct mq_entry		*kept;
	u32			next;
	u32			mail;
	u16			passed;
	bool			routed;
};

/**
 * struct mq_fanout - a publication: messages, and where they go
 * @mails: the messages
 * @mail_count: number of messages
 * @mail_room: number that there is room for
 * @n: how many messages have all their copies
 * @copies: the copies, by message
 * @copy_count: number of copies
 * @copy_room: number that there is room for
 * @fans: the queues that get messages
 * @fan_count: number of queues
 * @fan_room: number that there is room for
 * @tabled: @slots has all queues
 * @slots: table of the queues by address, once there are several messages
 * @slot_mask: its size less one
 * @passes: which messages passed which topics
 * @pass_count: number of these
 * @pass_room: number that there is room for
 * @passed: the topics, the one that was sent to first
 * @passed_count: number of topics
 * @durable: one of the queues or topics is in a journal
 * @spreads: the messages that are in several queues of a journal, linked by
 *	mq_spread.next
 * @found: what the search for one message found
 * @cost: bytes that the copies of the first message are charged, about
 * @payer: who is charged for it while an open file keeps it
 * @charged: how many bytes
 */
struct mq_fanout {
	struct mq_mail		*mails;
	u32			mail_count;
	u32			mail_room;
	u32			n;
	struct mq_copy		*copies;
	u32			copy_count;
	u32			copy_room;
	struct mq_fan		*fans;
	u32			fan_count;
	u32			fan_room;
	bool			tabled;
	u32			*slots;
	u32			slot_mask;
	struct mq_pass		*passes;
	u32			pass_count;
	u32			pass_room;
	struct mq_passed	passed[DEVMQ_TOPICS_MAX];
	u32			passed_count;
	bool			durable;
	struct mq_spread	*spreads;
	struct mq_matches	found;
	u64			cost;
	struct mq_payer		*payer;
	size_t			charged;
};

struct mq_fanout *mq_fanout_get(struct mq_file *f, u32 mails);
int mq_fanout_route(struct mq_fanout *o, u32 mail);
int mq_fanout_check(const struct mq_fanout *o);
void mq_fanout_put(struct mq_file *f, struct mq_fanout *o);
void mq_fanout_free(struct mq_fanout *o);

#endif /* MQ_TOPIC_FANOUT_H */
