// SPDX-License-Identifier: GPL-2.0
/* The sender of a message, as seen by the caller. */
#include <linux/pid_namespace.h>

#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "queue/known.h"

/* Return @pid if the caller is in the initial pid namespace, else 0. */
u32 mq_record_pid(u32 pid)
{
	return task_active_pid_ns(current) == &init_pid_ns ? pid : 0;
}

/* Translate the sender of an entry to the namespaces of the caller. */
void mq_sender_view_set(struct mq_sender_view *known, const struct mq_entry *e)
{
	const struct mq_sender *s = mq_sender_of(e);
	struct user_namespace *ns = current_user_ns();

	known->sender = e->sender;
	if (likely(ns == &init_user_ns)) {
		known->uid = __kuid_val(s->uid);
		known->gid = __kgid_val(s->gid);
	} else {
		known->uid = from_kuid_munged(ns, s->uid);
		known->gid = from_kgid_munged(ns, s->gid);
	}
	known->pid = mq_record_pid(s->pid);
}
