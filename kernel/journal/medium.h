/* SPDX-License-Identifier: GPL-2.0 */
/* The file or the block device of a journal: see medium.c. */
#ifndef MQ_JOURNAL_MEDIUM_H
#define MQ_JOURNAL_MEDIUM_H

#include <linux/types.h>

#include "base/compat_block.h"

struct bio_vec;
struct file;

/**
 * struct mq_medium - the file of a journal
 * @file: an open file of our own
 * @claim: on a block device
 * @size: bytes that the journal needs
 * @unit: reads and writes begin and end at multiples of it
 * @pages: for one read or write at a time
 */
struct mq_medium {
	struct file	*file;
	struct mq_claim	claim;
	u64		size;
	u32		unit;
	struct bio_vec	*pages;
};

struct bio_vec *mq_medium_pages_new(void);
int mq_medium_open(struct mq_medium *s, struct file *given, const char **why);
void mq_medium_close(struct mq_medium *s);
bool mq_medium_same(const struct mq_medium *a, const struct mq_medium *b);
u64 mq_medium_size(const struct mq_medium *s);
bool mq_medium_is_removed(const struct mq_medium *s);
int mq_medium_read(struct mq_medium *s, u64 at, void *to, u32 size);
int mq_medium_write(struct mq_medium *s, u64 at, void *from, u32 size);
int mq_medium_flush(struct mq_medium *s);

#endif /* MQ_JOURNAL_MEDIUM_H */
