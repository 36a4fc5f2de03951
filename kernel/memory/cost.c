// SPDX-License-Identifier: GPL-2.0
/*
 * How many bytes are charged for a chunk: its memory, and a detail (mq_detail)
 * for each message that may be in it.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "memory/budget.h"
#include "memory/cost.h"
#include "memory/entry.h"
#include "memory/layout.h"

/*
 * Return the memory of the details that @n messages may need later. It is
 * charged with their chunk, so that allocating a detail needs no charge and
 * cannot fail.
 */
unsigned long mq_chunk_reserve(unsigned long n)
{
	return n * mq_kmalloc_bytes(sizeof(struct mq_detail));
}

/* Return the memory that an MQ_LARGE chunk of @all bytes uses. */
unsigned long mq_large_bytes(unsigned long all)
{
	/* vmalloc() also needs page tables and an array of page pointers. */
	return all > MQ_CHUNK_MAX ?
	       PAGE_ALIGN(all) + PAGE_ALIGN(all) / (PAGE_SIZE / 16) + SZ_256 :
	       mq_kmalloc_bytes(all);
}

/* Return the charge for 2^@order pages full of messages without payload. */
unsigned long mq_pages_bytes(u16 order)
{
	unsigned long bytes = PAGE_SIZE << order;
	unsigned long least = sizeof(struct mq_entry) + sizeof(struct mq_msg);

	return bytes + mq_chunk_reserve(bytes / (least + 8));
}

/**
 * mq_cost - compute the highest charge that a message can cause
 * @bytes: the size of its payload, key and headers
 *
 * Return: the charge for the message in a chunk of its own.
 */
unsigned long mq_cost(u64 bytes)
{
	/* The entry may have a detail and a struct mq_ordered before it. */
	u64 all = MQ_CHUNK_START + sizeof(struct mq_detail) +
		  sizeof(struct mq_ordered) + mq_payload_offset(0) + ALIGN(bytes, 8);

	return mq_large_bytes(all) + mq_chunk_reserve(1);
}

/* Lower the charge for a chunk to @charged bytes, if it is higher. */
void mq_chunk_charge_down(struct mq_chunk *c, unsigned long charged)
{
	if (charged >= c->charged)
		return;
	mq_recharge(c->payer, c->charged, charged);
	c->charged = charged;
}

/*
 * Raise the charge for a chunk to @charged bytes, if it is lower. Return: false
 * if a bound would be exceeded.
 */
bool mq_chunk_charge_up(struct mq_chunk *c, unsigned long charged)
{
	if (charged > c->charged &&
	    !mq_recharge(c->payer, c->charged, charged))
		return false;
	c->charged = max_t(u32, c->charged, charged);
	return true;
}
