// SPDX-License-Identifier: GPL-2.0
/*
 * What kernel/topic/ calls of the kernel. There are no grace periods: what searches
 * may still see is freed at once, which is right if there is only one thread, or
 * when the test says that no search goes on.
 */
#include <pthread.h>

#include "memory/budget.h"
#include "user.h"

size_t user_bytes;
long user_alloc_left = -1;
bool user_keeps;

static struct kept {
	struct kept *next;
	void *p;
} *kept;

static u64 state = 1;

/* Before each piece of memory is its size. */
void *user_alloc(size_t size)
{
	size_t *p;

	if (user_alloc_left == 0) {
		user_alloc_left = -1;
		return NULL;
	}
	if (user_alloc_left > 0)
		user_alloc_left--;
	p = calloc(1, size + 2 * sizeof(size_t));
	*p = mq_kmalloc_bytes(size);
	__atomic_add_fetch(&user_bytes, *p, __ATOMIC_RELAXED);
	return p + 2;
}

void user_free(void *p)
{
	size_t *at;

	if (!p)
		return;
	at = (size_t *)p - 2;
	__atomic_sub_fetch(&user_bytes, *at, __ATOMIC_RELAXED);
	free(at);
}

void user_free_later(void *p)
{
	struct kept *k;

	if (!user_keeps) {
		user_free(p);
		return;
	}
	k = malloc(sizeof(*k));
	k->p = p;
	k->next = kept;
	kept = k;
}

/* -- grace periods: a reader holds a lock that the writer can wait for ------- */

static pthread_rwlock_t reading = PTHREAD_RWLOCK_INITIALIZER;

void rcu_read_lock(void)
{
	pthread_rwlock_rdlock(&reading);
}

void rcu_read_unlock(void)
{
	pthread_rwlock_unlock(&reading);
}

unsigned long get_state_synchronize_rcu(void)
{
	return 0;
}

void cond_synchronize_rcu(unsigned long state)
{
	if (!user_keeps)
		return;
	pthread_rwlock_wrlock(&reading);
	pthread_rwlock_unlock(&reading);
}

void user_reclaim(void)
{
	struct kept *k;

	cond_synchronize_rcu(0);
	while ((k = kept)) {
		kept = k->next;
		user_free(k->p);
		free(k);
	}
}

/* xorshift64* */
static u64 next_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

void user_seed(u64 seed)
{
	state = seed ?: 1;
}

u32 user_random(u32 below)
{
	return (next_random() >> 32) % below;
}

void get_random_bytes(void *at, size_t size)
{
	u8 *p = at;

	while (size--)
		*p++ = next_random() >> 40;
}

#define ROL(x, n)	((x) << (n) | (x) >> (64 - (n)))
#define ROUND	do {							\
	v[0] += v[1]; v[1] = ROL(v[1], 13) ^ v[0]; v[0] = ROL(v[0], 32);	\
	v[2] += v[3]; v[3] = ROL(v[3], 16) ^ v[2];			\
	v[0] += v[3]; v[3] = ROL(v[3], 21) ^ v[0];			\
	v[2] += v[1]; v[1] = ROL(v[1], 17) ^ v[2]; v[2] = ROL(v[2], 32);	\
} while (0)

/* SipHash-1-3, as the kernel has it on 64-bit machines. */
u32 hsiphash(const void *at, size_t size, const hsiphash_key_t *key)
{
	u64 v[4] = {
		0x736f6d6570736575ull ^ key->key[0],
		0x646f72616e646f6dull ^ key->key[1],
		0x6c7967656e657261ull ^ key->key[0],
		0x7465646279746573ull ^ key->key[1],
	};
	u64 word, last = (u64)size << 56;
	size_t i;

	for (i = 0; i + 8 <= size; i += 8) {
		memcpy(&word, (const char *)at + i, 8);
		v[3] ^= word;
		ROUND;
		v[0] ^= word;
	}
	word = 0;
	memcpy(&word, (const char *)at + i, size - i);
	last |= word;
	v[3] ^= last;
	ROUND;
	v[0] ^= last;
	v[2] ^= 0xff;
	ROUND;
	ROUND;
	ROUND;
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
