/* SPDX-License-Identifier: GPL-2.0 */
/* Who sent a message, as the caller may see it: see known.c. */
#ifndef MQ_QUEUE_KNOWN_H
#define MQ_QUEUE_KNOWN_H

#include <linux/types.h>

#include "memory/entry.h"
#include "memory/message.h"

/**
 * struct mq_known - a sender, as the caller sees him
 * @sender: mq_entry.sender of whom these numbers are
 * @pid: his process
 * @uid: his effective user id
 * @gid: his effective group id
 * @ids: the last two
 */
struct mq_known {
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
void mq_known_learn(struct mq_known *known, const struct mq_entry *e);

/*
 * Make a message that is in hand, and whose @detail is NULL, the record that its
 * receiver gets. @known: who sent it.
 */
static inline void mq_msg_present(struct mq_msg *m,
				  const struct mq_known *known)
{
	m->no_delay = 0;
	m->ids = known->ids;
	m->pid = known->pid;
}

#endif /* MQ_QUEUE_KNOWN_H */
