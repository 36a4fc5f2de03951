/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What kernel/topic/ needs of the kernel, in user space. The compiler reads it
 * before each file, and the headers of the kernel are empty.
 */
#ifndef MATCH_KERNEL_H
#define MATCH_KERNEL_H

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define __rcu
#define likely(x)		__builtin_expect(!!(x), 1)
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define min(a, b) \
	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) \
	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define swap(a, b) \
	do { __typeof__(a) t_ = (a); (a) = (b); (b) = t_; } while (0)
#define struct_size(p, member, n) \
	(sizeof(*(p)) + (n) * sizeof((p)->member[0]))
#define struct_size_t(type, member, n)	struct_size((type *)NULL, member, n)
#define cond_resched()		do { } while (0)
#define sort(at, n, size, compare, swap)	qsort(at, n, size, compare)

static inline unsigned long roundup_pow_of_two(unsigned long n)
{
	return n <= 1 ? 1 : 1UL << (64 - __builtin_clzl(n - 1));
}

static inline u32 hash_ptr(const void *p, unsigned int bits)
{
	return (u64)(uintptr_t)p * 0x61c8864680b583ebull >> (64 - bits);
}

/* -- errors as pointers ---------------------------------------------------- */

#define ERR_PTR(err)		((void *)(long)(err))
#define PTR_ERR(p)		((long)(p))
#define ERR_CAST(p)		((void *)(p))
#define IS_ERR(p)		((unsigned long)(p) >= (unsigned long)-4095)

/* -- memory ---------------------------------------------------------------- */

#define MQ_GFP			0
#define __GFP_ZERO		0

/* Fails when the test wants it to: see user.c. */
void *user_alloc(size_t size);
void user_free(void *p);
void user_free_later(void *p);

#define kmalloc(size, gfp)	user_alloc(size)
#define kzalloc(size, gfp)	user_alloc(size)
#define kvmalloc(size, gfp)	user_alloc(size)
#define kvzalloc(size, gfp)	user_alloc(size)
#define kvcalloc(n, size, gfp)	user_alloc((size_t)(n) * (size))
#define kvmalloc_array		kvcalloc
#define kfree(p)		user_free(p)
#define kvfree(p)		user_free((void *)(p))
#define kfree_rcu(p, member)	user_free_later(p)
#define kvfree_rcu		kfree_rcu

/* -- accesses that others may make at the same time ------------------------- */

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
/* A dependency is an acquire where the compiler knows of no dependencies. */
#define rcu_dereference(p)	__atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_dereference_check(p, c)	rcu_dereference(p)
#define rcu_dereference_protected(p, c)	READ_ONCE(p)
#define rcu_assign_pointer(p, v)	__atomic_store_n(&(p), v, __ATOMIC_RELEASE)
#define RCU_INIT_POINTER(p, v)	WRITE_ONCE(p, v)

struct rcu_head {
	void *unused;
};

void rcu_read_lock(void);
void rcu_read_unlock(void);
unsigned long get_state_synchronize_rcu(void);
void cond_synchronize_rcu(unsigned long state);

/* -- lists ----------------------------------------------------------------- */

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

static inline void INIT_LIST_HEAD(struct list_head *l)
{
	l->next = l;
	l->prev = l;
}

static inline void list_add(struct list_head *l, struct list_head *head)
{
	l->next = head->next;
	l->prev = head;
	head->next->prev = l;
	head->next = l;
}

static inline void list_del(struct list_head *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
}

static inline void list_del_init(struct list_head *l)
{
	list_del(l);
	INIT_LIST_HEAD(l);
}

#define list_for_each_entry_safe(e, n, head, member)			\
	for (e = container_of((head)->next, __typeof__(*e), member),	\
	     n = container_of(e->member.next, __typeof__(*e), member);	\
	     &e->member != (head);					\
	     e = n, n = container_of(n->member.next, __typeof__(*e), member))

#define hlist_first_rcu(head)	((head)->first)
#define hlist_next_rcu(node)	((node)->next)

static inline void hlist_add_head_rcu(struct hlist_node *n,
				      struct hlist_head *head)
{
	struct hlist_node *first = head->first;

	WRITE_ONCE(n->next, first);
	n->pprev = &head->first;
	rcu_assign_pointer(head->first, n);
	if (first)
		first->pprev = &n->next;
}

#define hlist_add_head		hlist_add_head_rcu

static inline void hlist_del_rcu(struct hlist_node *n)
{
	WRITE_ONCE(*n->pprev, n->next);
	if (n->next)
		n->next->pprev = n->pprev;
}

#define hlist_for_each_entry_rcu(e, head, member)			\
	for (struct hlist_node *node_ = rcu_dereference((head)->first);	\
	     node_ &&							\
	     ({ e = container_of(node_, __typeof__(*e), member); 1; });	\
	     node_ = rcu_dereference(node_->next))

/* -- hashes ---------------------------------------------------------------- */

typedef struct {
	u64 key[2];
} hsiphash_key_t;

u32 hsiphash(const void *at, size_t size, const hsiphash_key_t *key);
void get_random_bytes(void *at, size_t size);

#endif /* MATCH_KERNEL_H */
