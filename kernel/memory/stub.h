/* SPDX-License-Identifier: GPL-2.0 */
/* Messages whose bytes a journal alone has: see stub.c. */
#ifndef MQ_MEMORY_STUB_H
#define MQ_MEMORY_STUB_H

#include <linux/types.h>

struct mq_entry;
struct mq_lot;
struct mq_msg;
struct mq_payer;
struct mq_sizes;

/**
 * struct mq_bytes - the bytes of a message, as a journal has them
 * @meta: its key, which the headers follow
 * @payload: its payload
 */
struct mq_bytes {
	const void	*meta;
	const void	*payload;
};

struct mq_entry *mq_stub_make(struct mq_lot *l, const struct mq_entry *e, u64 serial,
			      bool keyed);
void mq_stub_init(struct mq_entry *e, const struct mq_sizes *sizes, u64 serial,
		  const void *key, bool line);
struct mq_entry *mq_stub_read(const struct mq_entry *stub, struct mq_payer *p,
			      const struct mq_bytes *bytes);
struct mq_entry *mq_stub_load(struct mq_lot *l, struct mq_entry *stub,
			      const struct mq_bytes *bytes);
struct mq_entry *mq_stub_leave(struct mq_lot *l, struct mq_entry *e, bool keyed);

#endif /* MQ_MEMORY_STUB_H */
