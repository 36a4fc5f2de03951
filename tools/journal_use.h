/* SPDX-License-Identifier: GPL-2.0 */
/* Journals that the module uses. */
#ifndef MQCTL_JOURNAL_USE_H
#define MQCTL_JOURNAL_USE_H

#include <devmq.h>

/* Room for the reason why the module refuses a journal. */
#define JOURNAL_REASON_MAX	512

/* Attach a journal's file under a name. Says what is wrong. Returns an exit status. */
int journal_use_attach(const char *name, const char *path,
		       struct devmq_journal_attach *result);

/* Say that the module refused, or is not loaded. Returns STATUS_FAILED. */
int journal_use_complain(const char *subject, int err, const char *what,
			 const char *why);

#endif /* MQCTL_JOURNAL_USE_H */
