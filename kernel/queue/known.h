/* SPDX-License-Identifier: GPL-2.0 */
/* The sender of a message, as seen by the caller: see known.c. */
#ifndef MQ_QUEUE_KNOWN_H
#define MQ_QUEUE_KNOWN_H

#include <linux/types.h>

#include "memory/entry.h"
#include "memory/message.h"

/**
 * struct mq_sender_view - the sender of a message, as seen by the caller
 * @sender: mq_entry.sender that these numbers were read for
 * @pid: process id
 * @uid: effective user id
 * @gid: effective group id
 * @ids: @uid and @gid in one number
 */
struct mq_sender_view {
	u16	sender;
	u32	pid;
	union {
		struct {
			u32	uid;
			u32	gid;
		};
		u64	ids;
	};
};

u32 mq_record_pid(u32 pid);
void mq_sender_view_set(struct mq_sender_view *known, const struct mq_entry *e);

/*
 * Turn a message that is in hand, and whose @detail is NULL, into the record
 * that its receiver gets. @known describes its sender.
 */
static inline void mq_msg_present(struct mq_msg *m,
				  const struct mq_sender_view *known)
{
	m->no_delay = 0;
	m->ids = known->ids;
	m->pid = known->pid;
}

#endif /* MQ_QUEUE_KNOWN_H */
