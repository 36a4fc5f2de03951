/* SPDX-License-Identifier: GPL-2.0 */
/* The messages of a journal that is being attached: see restore.c. */
#ifndef MQ_DEVICE_RESTORE_H
#define MQ_DEVICE_RESTORE_H

#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/types.h>

struct mq_attach;
struct mq_j_copy;
struct mq_j_dedup;
struct mq_j_message;
struct mq_j_queue;
struct mq_queue;
struct mq_refills;
struct super_block;

/**
 * struct mq_recovered - a queue that is being made again
 * @link: link in mq_recovery.queues
 * @q: the queue
 * @entries: its messages, in the order of their ids
 * @rest: messages that have to be sorted into @entries
 * @at: the message in @entries that was added last
 * @serial: of the queue
 * @version: of the record of what it is
 * @delivered: messages below this id may have been delivered
 * @bindings: a copy of its record, if that has bindings; else NULL
 * @old: it had been removed, and the crash came before that was written
 * @published: it can be found
 */
struct mq_recovered {
	struct list_head	link;
	struct mq_queue		*q;
	struct list_head	entries;
	struct list_head	rest;
	struct list_head	*at;
	u64			serial;
	u32			version;
	u64			delivered;
	struct mq_j_queue	*bindings;
	bool			old;
	bool			published;
};

/**
 * struct mq_recovery - the recovery of a journal
 * @a: the journal
 * @nodes: the file system for the nodes of the queues
 * @queues: its queues
 * @refills: the memory that its messages get
 * @origin: where the last dead letter came from
 * @topic: the topic of the last binding
 * @room: how much memory messages could take when it began
 * @need: how much they need, if there is not so much
 * @short_of_room: there is not
 * @keep: bytes of what topics retain that may still come to memory before it is known how
 *	much they may have there
 * @kept: some did
 * @why: what is wrong, in words
 * @size: bytes of @why
 */
struct mq_recovery {
	struct mq_attach	*a;
	struct super_block	*nodes;
	struct list_head	queues;
	struct mq_refills	*refills;
	struct mq_recovered	*origin;
	struct mq_recovered	*topic;
	u64			room;
	u64			need;
	bool			short_of_room;
	u64			keep;
	bool			kept;
	char			*why;
	size_t			size;
};

__printf(3, 4) int mq_recover_refuse(struct mq_recovery *r, int err,
				     const char *fmt, ...);
void *mq_recover_message(void *context, const struct mq_j_message *m,
			 const struct mq_j_copy *copy);
int mq_recover_state(void *context, void *message,
		     const struct mq_j_copy *copy);
void mq_recover_drop(void *context, void *message);
int mq_recover_dedup(void *context, void *queue, const struct mq_j_dedup *d);
int mq_recover_short(struct mq_recovery *r);

#endif /* MQ_DEVICE_RESTORE_H */
