// SPDX-License-Identifier: GPL-2.0
/*
 * What chunks are charged for: their memory, with what their messages may come to
 * need beside it.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "memory/budget.h"
#include "memory/cost.h"
#include "memory/entry.h"
#include "memory/layout.h"

/*
 * What @n messages may come to need beside them, which is charged with their
 * chunk: so what happens to a message later needs no charge, and cannot fail.
 */
unsigned long mq_chunk_reserve(unsigned long n)
{
	return n * mq_kmalloc_bytes(sizeof(struct mq_detail));
}

/* Memory for one message: bytes, this header included, from the kernel. */
unsigned long mq_large_bytes(unsigned long all)
{
	/* vmalloc() needs a page's address for each page, and more. */
	return all > MQ_CHUNK_MAX ?
	       PAGE_ALIGN(all) + PAGE_ALIGN(all) / (PAGE_SIZE / 16) + SZ_256 :
	       mq_kmalloc_bytes(all);
}

/* A chunk of pages, from which as many messages may be cut as there is room for. */
unsigned long mq_pages_bytes(u16 order)
{
	unsigned long bytes = PAGE_SIZE << order;
	unsigned long least = sizeof(struct mq_entry) + sizeof(struct mq_msg);

	return bytes + mq_chunk_reserve(bytes / (least + 8));
}

/**
 * mq_cost - what a message is charged for at most, with memory of its own
 * @bytes: of its payload, key and headers
 *
 * In a chunk it is less.
 */
unsigned long mq_cost(u64 bytes)
{
	/* Times and an order of its own stand before some entries. */
	u64 all = MQ_CHUNK_START + sizeof(struct mq_detail) +
		  sizeof(struct mq_ordered) + mq_offset(0) + ALIGN(bytes, 8);

	return mq_large_bytes(all) + mq_chunk_reserve(1);
}

/* It turned out that so much of a chunk's charge is enough. */
void mq_chunk_charge_down(struct mq_chunk *c, unsigned long charged)
{
	if (charged >= c->charged)
		return;
	mq_recharge(c->payer, c->charged, charged);
	c->charged = charged;
}

/* The opposite, which may be too much: false. */
bool mq_chunk_charge_up(struct mq_chunk *c, unsigned long charged)
{
	if (charged > c->charged &&
	    !mq_recharge(c->payer, c->charged, charged))
		return false;
	c->charged = max_t(u32, c->charged, charged);
	return true;
}
