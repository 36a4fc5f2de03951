// SPDX-License-Identifier: GPL-2.0
/* The table of peers. */
#include <string.h>

#include "peers.h"

const struct peer *const peers[] = {
	&peer_devmq,
	&peer_libdevmq,
	&peer_durable,
	&peer_uring,
	&peer_command,
	&peer_pipe,
	&peer_packet,
	&peer_sysv,
	&peer_posix,
	&peer_seqpacket,
	&peer_dgram,
	&peer_null,
	&peer_redis,
	&peer_rabbitmq,
	&peer_beanstalkd,
	&peer_wfcqueue,
	NULL,
};

const struct peer *find_peer(const char *name)
{
	const struct peer *const *p;

	for (p = peers; *p; p++) {
		if (!strcmp((*p)->name, name))
			return *p;
	}
	return NULL;
}
