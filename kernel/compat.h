/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that devmq builds on, and nothing else.
 * No other file asks for a kernel version. Names are the newest kernel's
 * where an older one can be given the same, mq_ or MQ_ where it cannot.
 *
 * Distributions backport, so what is a macro is tested for by name and what
 * is a function goes by the version that brought it.
 */
#ifndef MQ_COMPAT_H
#define MQ_COMPAT_H

#include <linux/version.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/overflow.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/splice.h>

/* The kernel is of this version or a later one. */
#define MQ_SINCE(major, minor) \
	(KERNEL_VERSION(major, minor, 0) <= LINUX_VERSION_CODE)

#if !MQ_SINCE(6, 1)
#error "devmq needs Linux 6.1 or later"
#endif

/* The device argument of the devnode callbacks became const. */
#if MQ_SINCE(6, 2)
#define MQ_DEVNODE_CONST const
#else
#define MQ_DEVNODE_CONST
#endif

/* Splicing through a file's read_iter got a helper that copies. */
#if !MQ_SINCE(6, 5)
#define copy_splice_read generic_file_splice_read
#endif

/* A trace event's strings are assigned from what __string() was given. */
#if MQ_SINCE(6, 10)
#define mq_assign_str(dst, ...) __assign_str(dst)
#else
#define mq_assign_str(dst, ...) __assign_str(dst, __VA_ARGS__)
#endif

/* A timer and its function are set up in one call. */
#if !MQ_SINCE(6, 13)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*fn)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}
#endif

/* A shrinker is allocated, and cannot fail to be registered. */
#if MQ_SINCE(6, 7)
static inline int mq_shrinker_register(struct shrinker *s)
{
	shrinker_register(s);
	return 0;
}
#else
static inline struct shrinker *shrinker_alloc(unsigned int flags,
					      const char *name)
{
	return kzalloc(sizeof(struct shrinker), GFP_KERNEL);
}

static inline int mq_shrinker_register(struct shrinker *s)
{
	return register_shrinker(s, "devmq");
}

static inline void shrinker_free(struct shrinker *s)
{
	unregister_shrinker(s);
	kfree(s);
}
#endif

/* The size of a structure that ends in an array, by its type. */
#ifndef struct_size_t
#define struct_size_t(type, member, count) \
	struct_size((type *)NULL, member, count)
#endif

#endif /* MQ_COMPAT_H */
