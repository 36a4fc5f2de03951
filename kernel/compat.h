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
#include <linux/splice.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "devmq needs Linux 6.1 or later"
#endif

/* The device argument of the devnode callbacks became const. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define MQ_DEVNODE_CONST const
#else
#define MQ_DEVNODE_CONST
#endif

/* Splicing through a file's read_iter got a helper that copies. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define copy_splice_read generic_file_splice_read
#endif

/* A trace event's strings are assigned from what __string() was given. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define mq_assign_str(dst, src) __assign_str(dst)
#else
#define mq_assign_str(dst, src) __assign_str(dst, src)
#endif

#endif /* MQ_COMPAT_H */
