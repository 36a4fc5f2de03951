// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "complain.h"
#include "journal_file.h"
#include "journal_use.h"

int journal_use_complain(const char *subject, int err, const char *what,
			 const char *why)
{
	char **names;
	int n = err == -ENOENT ? devmq_list(&names) : 0;

	if (n == -ENOENT)
		return complain(subject, 0, "%s: the devmq module is not loaded",
				what);
	if (n > 0)
		free(names);
	if (*why)
		return complain(subject, 0, "%s: %s", what, why);
	if (err == -EACCES)
		return complain(subject, 0, "%s: /dev/mq/control: %s", what,
				strerror(EACCES));
	return complain(subject, err, "%s", what);
}

int journal_use_attach(const char *name, const char *path,
		       struct devmq_journal_attach *result)
{
	char why[JOURNAL_REASON_MAX] = "";
	struct journal_file file;
	int err, status;

	status = journal_file_open(&file, path, O_RDWR);
	if (status)
		return status;
	err = devmq_journal_attach(name, file.fd, result, sizeof(*result), why,
				   sizeof(why));
	status = journal_file_close(&file, STATUS_DONE);
	if (err == -EUCLEAN) {
		complain(path, 0, "cannot attach: %s", why);
		return STATUS_DAMAGED;
	}
	return err ? journal_use_complain(path, err, "cannot attach", why) : status;
}
