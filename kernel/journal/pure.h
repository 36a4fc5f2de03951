/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the pure parts of the journal need of their world: the format, its
 * checks, the scan and the replay. They also build in user space, where the
 * command uses them and tests run them by the million.
 */
#ifndef MQ_JOURNAL_PURE_H
#define MQ_JOURNAL_PURE_H

#ifdef __KERNEL__

#include <linux/align.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/vmalloc.h>
#include <asm/byteorder.h>

#include "base/compat.h"

#define mq_j_crc(crc, data, size)	mq_crc32c(crc, data, size)
static inline void *mq_j_alloc(size_t size)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO;

	/* kvmalloc() refuses what a journal of many messages needs. */
	return size <= SZ_1M ? kvmalloc(size, gfp) : __vmalloc(size, gfp);
}

/* Most objects have nothing to free, and kvfree() looks where that lies. */
static inline void mq_j_free(const void *p)
{
	if (p)
		kvfree(p);
}

#else

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define le16_to_cpu	le16toh
#define le32_to_cpu	le32toh
#define le64_to_cpu	le64toh
#define cpu_to_le16	htole16
#define cpu_to_le32	htole32
#define cpu_to_le64	htole64
#define ALIGN(n, to) \
	({ __typeof__(n) mask_ = (to) - 1; ((n) + mask_) & ~mask_; })
#define IS_ALIGNED(n, to) (!((n) & ((__typeof__(n))(to) - 1)))
#define min(a, b) \
	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })

/* CRC-32C without the inversions, as the kernel's crc32c() has it. */
u32 mq_j_crc(u32 crc, const void *data, size_t size);
#define mq_j_alloc(size)		calloc(1, size)
#define mq_j_free(p)			free(p)

#endif

#endif /* MQ_JOURNAL_PURE_H */
