/* SPDX-License-Identifier: GPL-2.0 */
/* Files that say which journals, queues and topics there should be: devmq.d(5). */
#ifndef MQCTL_CONF_H
#define MQCTL_CONF_H

#include "creation.h"

/* Where they are; those that end in .conf are read, in the order of their names. */
#define CONF_DIR	"/etc/devmq.d"

/* The line "journal NAME FILE". */
struct conf_journal {
	char	*where;		/* FILE:LINE, for complaints */
	char	*text;		/* what the others point into */
	char	*name;
	char	*path;
};

/* The line "create NAME [option=value]...". */
struct conf_queue {
	char		*where;
	char		*text;
	struct creation	want;
};

/* The line "bind TOPIC QUEUE [filter]...". */
struct conf_binding {
	char		*where;
	char		*text;
	char		*topic;
	char		*queue;
	const char	**filter;	/* its words, and NULL behind the last */
};

struct conf {
	struct conf_journal	*journals;
	struct conf_queue	*queues;
	struct conf_binding	*bindings;
	int			journal_count;
	int			queue_count;
	int			binding_count;
	int			files;		/* of CONF_DIR */
};

/*
 * Add what is in a file; or in all of CONF_DIR, if @path is NULL. Says what is wrong,
 * and goes on with the next line. Returns an exit status, that of the first fault.
 */
int conf_read(struct conf *conf, const char *path);

void conf_free(struct conf *conf);

#endif /* MQCTL_CONF_H */
