// SPDX-License-Identifier: LGPL-2.1-or-later
/* Journals: attaching, moving, detaching and listing them, and waiting for them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "queue.h"

/* So many journals are listed without asking twice. */
#define LMQ_JOURNALS	16

LMQ_EXPORT int devmq_journal_attach(const char *name, int fd,
				    struct devmq_journal_attach *result,
				    size_t size, char *reason,
				    size_t reason_size)
{
	struct devmq_journal_attach a = { .size = sizeof(a), .fd = fd };
	int err = lmq_control_name(name, "a journal's", reason, reason_size);

	if (err)
		return err;
	strcpy(a.name, name);
	err = lmq_control_ioctl(DEVMQ_IOC_JOURNAL_ATTACH, &a, reason,
				reason_size);
	if (err || !result)
		return err;
	memset(result, 0, size);
	memcpy(result, &a, size < sizeof(a) ? size : sizeof(a));
	return 0;
}

LMQ_EXPORT int devmq_journal_detach(const char *name, unsigned int flags,
				    char *reason, size_t reason_size)
{
	struct devmq_journal_detach a = { .size = sizeof(a), .flags = flags };
	int err = lmq_control_name(name, "a journal's", reason, reason_size);

	if (err)
		return err;
	strcpy(a.name, name);
	return lmq_control_ioctl(DEVMQ_IOC_JOURNAL_DETACH, &a, reason,
				 reason_size);
}

LMQ_EXPORT int devmq_journal_move(const char *name, int fd, unsigned int flags,
				  char *reason, size_t reason_size)
{
	struct devmq_journal_move a = {
		.size = sizeof(a), .flags = flags, .fd = fd,
	};
	int err = lmq_control_name(name, "a journal's", reason, reason_size);

	if (err)
		return err;
	strcpy(a.name, name);
	return lmq_control_ioctl(DEVMQ_IOC_JOURNAL_MOVE, &a, reason,
				 reason_size);
}

LMQ_EXPORT int devmq_journal_list(struct devmq_journal_info **infos,
				  size_t info_size)
{
	struct devmq_journal_list a = {
		.size = sizeof(a), .info_size = (uint32_t)info_size,
	};
	uint32_t room = LMQ_JOURNALS;
	void *memory;
	int err;

	if (!info_size || info_size > UINT16_MAX)
		return -EINVAL;
	for (;;) {
		memory = calloc(room, info_size);
		if (!memory)
			return -ENOMEM;
		a.infos = (uintptr_t)memory;
		a.count = room;
		err = lmq_control_ioctl(DEVMQ_IOC_JOURNAL_LIST, &a, NULL, 0);
		if (!err && a.count <= room)
			break;
		free(memory);
		if (err)
			return err;
		/* Some more may come until the next call. */
		room = a.count + LMQ_JOURNALS;
	}
	*infos = memory;
	return (int)a.count;
}

LMQ_EXPORT int devmq_sync(struct devmq_queue *queue)
{
	return fsync(queue->fd) ? -errno : 0;
}
