/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The differences between the kernel versions that devmq builds on. No other
 * file tests the kernel version.
 *
 * Where an older kernel can be given the interface of the newest one, this file
 * defines it under its own name. Where it cannot, the name begins with mq_ or
 * MQ_.
 *
 * Distributions backport interfaces. A macro is therefore tested for by its
 * name. A function cannot be, and is tested for by the kernel version that
 * introduced it.
 */
#ifndef MQ_COMPAT_H
#define MQ_COMPAT_H

#include <linux/version.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/memcontrol.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/timer.h>
#include <linux/wait.h>

/* True if the kernel is of this version or a later one. */
#define MQ_SINCE_STABLE(major, minor, stable) \
	(KERNEL_VERSION(major, minor, stable) <= LINUX_VERSION_CODE)
#define MQ_SINCE(major, minor)	MQ_SINCE_STABLE(major, minor, 0)

/*
 * Before 6.3 and the stable kernels 6.1.22 and 6.2.9, a command of io_uring
 * could only be completed with the ring's lock held. A worker thread of
 * io_uring does not hold this lock.
 */
#if !MQ_SINCE_STABLE(6, 1, 22) || \
	(MQ_SINCE(6, 2) && !MQ_SINCE_STABLE(6, 2, 9))
#error "devmq needs Linux 6.1.22, 6.2.9 or 6.3, or later"
#endif

/*
 * The device argument of the devnode function became const, first that of a
 * class, then that of a device type.
 */
#if MQ_SINCE(6, 2)
#define MQ_CLASS_DEVNODE_CONST const
#else
#define MQ_CLASS_DEVNODE_CONST
#endif
#if MQ_SINCE(6, 3)
#define MQ_TYPE_DEVNODE_CONST const
#else
#define MQ_TYPE_DEVNODE_CONST
#endif

/*
 * Both arguments of the functions of a class attribute, the class and the
 * attribute, became const.
 */
#if MQ_SINCE(6, 4)
#define MQ_CLASS_ATTR_CONST const
#else
#define MQ_CLASS_ATTR_CONST
#endif

/* The first piece of an iterator got a function. */
#if !MQ_SINCE(6, 4)
#define iter_iov(i)	((i)->iov)
#endif

/* The function that splices by calling read_iter was renamed. */
#if !MQ_SINCE(6, 5)
#define copy_splice_read generic_file_splice_read
#endif

/* __assign_str() lost its second argument: it uses the one of __string(). */
#if MQ_SINCE(6, 10)
#define mq_assign_str(dst, ...) __assign_str(dst)
#else
#define mq_assign_str(dst, ...) __assign_str(dst, __VA_ARGS__)
#endif

/*
 * Return true if a poll only asks for the events and does not queue the poller.
 * This is poll_does_not_wait(), which not all kernels have.
 */
static inline bool mq_poll_looks(const struct poll_table_struct *p)
{
	return !p || !p->_qproc;
}

/* Long wake-ups no longer keep their place by an entry, which has no wake function. */
#ifndef WQ_FLAG_BOOKMARK
#define WQ_FLAG_BOOKMARK 0
#endif

/* Stop a timer so that it cannot be started again. */
#if MQ_SINCE(6, 2)
#define mq_timer_stop timer_shutdown_sync
#else
#define mq_timer_stop del_timer_sync
#endif

/* Before 6.13, the function of an hrtimer was set apart from its clock. */
#if !MQ_SINCE(6, 13)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*fn)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}
#endif

/*
 * Since 6.7, the kernel allocates a shrinker, and registering one cannot fail.
 */
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

/* struct_size() of a type instead of a pointer. */
#ifndef struct_size_t
#define struct_size_t(type, member, count) \
	struct_size((type *)NULL, member, count)
#endif

/*
 * The memory cgroup that pays for an allocation. NULL stands for the caller's
 * memory cgroup. It is the only value on a kernel without memory cgroups.
 */
#ifdef CONFIG_MEMCG
/*
 * Return the caller's memory cgroup without a reference, so the result may only
 * be compared with.
 */
static inline struct mem_cgroup *mq_memcg_current(void)
{
	struct mem_cgroup *memcg;

	if (mem_cgroup_disabled())
		return NULL;
	rcu_read_lock();
	memcg = mem_cgroup_from_task(current);
	rcu_read_unlock();
	return memcg;
}

/* Return the caller's memory cgroup with a reference, for mq_memcg_put(). */
static inline struct mem_cgroup *mq_memcg_get_current(void)
{
	struct mem_cgroup *memcg;

	if (mem_cgroup_disabled())
		return NULL;
	rcu_read_lock();
	/* css_tryget() fails only while the task moves to another cgroup. */
	do {
		memcg = mem_cgroup_from_task(current);
	} while (memcg && !css_tryget(&memcg->css));
	rcu_read_unlock();
	return memcg;
}

/* Take another reference. The caller has one already. */
static inline struct mem_cgroup *mq_memcg_get(struct mem_cgroup *memcg)
{
	if (memcg)
		css_get(&memcg->css);
	return memcg;
}

static inline void mq_memcg_put(struct mem_cgroup *memcg)
{
	if (memcg)
		css_put(&memcg->css);
}
#else
static inline struct mem_cgroup *mq_memcg_current(void)
{
	return NULL;
}

static inline struct mem_cgroup *mq_memcg_get_current(void)
{
	return NULL;
}

static inline struct mem_cgroup *mq_memcg_get(struct mem_cgroup *memcg)
{
	return memcg;
}

static inline void mq_memcg_put(struct mem_cgroup *memcg)
{
}
#endif

static inline bool mq_memcg_is_current(const struct mem_cgroup *memcg)
{
	return memcg == mq_memcg_current();
}

/**
 * mq_memcg_charge_to - charge the caller's allocations to a memory cgroup
 * @memcg: the memory cgroup; NULL: the caller's own. The caller keeps its
 *	reference until mq_memcg_charge_back()
 *
 * This affects only allocations with __GFP_ACCOUNT. Calls may be nested.
 *
 * Return: the value to pass to mq_memcg_charge_back().
 */
static inline struct mem_cgroup *mq_memcg_charge_to(struct mem_cgroup *memcg)
{
	return set_active_memcg(memcg);
}

static inline void mq_memcg_charge_back(struct mem_cgroup *old)
{
	set_active_memcg(old);
}

/*
 * Commands of io_uring: the header that declares them, the payload in the SQE,
 * the flags that belong to user space, and how a command is completed.
 */
#if MQ_SINCE(6, 8)
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

#define MQ_URING_USER_FLAGS	0x00ffffffU

static inline const void *mq_uring_payload(const struct io_uring_cmd *cmd)
{
#if MQ_SINCE(6, 4)
	return cmd->sqe->cmd;
#else
	return cmd->cmd;
#endif
}

/*
 * Return true if the ring polls for completions (IORING_SETUP_IOPOLL). Newer
 * kernels set IO_URING_F_IOPOLL only for a file that has a uring_cmd_iopoll
 * function. For other files they issue the command as on any other ring.
 */
static inline bool mq_uring_polls(struct io_uring_cmd *cmd,
				  unsigned int issue_flags)
{
#if MQ_SINCE(6, 12)
	return cmd_to_io_kiocb(cmd)->ctx->flags & IORING_SETUP_IOPOLL;
#else
	return issue_flags & IO_URING_F_IOPOLL;
#endif
}

static inline void mq_uring_done(struct io_uring_cmd *cmd, int ret,
				 unsigned int issue_flags)
{
#if MQ_SINCE(6, 18)
	io_uring_cmd_done(cmd, ret, issue_flags);
#else
	io_uring_cmd_done(cmd, ret, 0, issue_flags);
#endif
}

/*
 * Since 6.12, a command may stay parked: when its ring is closed or its task
 * exits, io_uring asks for its cancellation. On older kernels, a parked command
 * would keep both from ending.
 */
#if MQ_SINCE(6, 12)
#define MQ_HAVE_URING_CANCEL

static inline bool mq_uring_cancels(unsigned int issue_flags)
{
	return issue_flags & IO_URING_F_CANCEL;
}

/* Return true if @cmd has this user_data and is of the same ring as @other. */
static inline bool mq_uring_match(struct io_uring_cmd *cmd,
				  struct io_uring_cmd *other, u64 user_data)
{
	struct io_kiocb *req = cmd_to_io_kiocb(cmd);

	return req->ctx == cmd_to_io_kiocb(other)->ctx &&
	       req->cqe.user_data == user_data;
}

/*
 * Return true if only the task of the command may complete it. Even a ring that
 * is being closed waits for the task then.
 */
static inline bool mq_uring_bound(struct io_uring_cmd *cmd)
{
	return cmd_to_io_kiocb(cmd)->ctx->flags & IORING_SETUP_DEFER_TASKRUN;
}

/*
 * MQ_URING_TASK_WORK(name, fn) defines a function for
 * io_uring_cmd_complete_in_task(). It calls fn(cmd, issue_flags, dead). If
 * @dead is true, the task exits or its ring is being closed: fn must not access
 * memory of the task, and nobody will see the result.
 */
#if MQ_SINCE(6, 19)
#define MQ_URING_TASK_WORK(name, fn)					\
static void name(struct io_tw_req tw_req, io_tw_token_t tw)		\
{									\
	fn(io_uring_cmd_from_tw(tw_req),				\
	   IO_URING_CMD_TASK_WORK_ISSUE_FLAGS, tw.cancel);		\
}
#else
static inline bool mq_uring_dead(struct io_uring_cmd *cmd)
{
	return current->flags & (PF_KTHREAD | PF_EXITING) ||
	       percpu_ref_is_dying(&cmd_to_io_kiocb(cmd)->ctx->refs);
}

#define MQ_URING_TASK_WORK(name, fn)					\
static void name(struct io_uring_cmd *cmd, unsigned int issue_flags)	\
{									\
	fn(cmd, issue_flags, mq_uring_dead(cmd));			\
}
#endif
#else
static inline bool mq_uring_cancels(unsigned int issue_flags)
{
	return false;
}
#endif

/*
 * The checksum of the journal, without the inversions. Since 6.14 crc32c() is
 * a function of the kernel; before, it was in a module.
 */
#if MQ_SINCE(6, 14)
#include <linux/crc32c.h>
#define mq_crc32c(crc, data, size) crc32c(crc, data, size)
#else
#include <linux/crc32.h>
#ifdef CONFIG_X86_64
#include <asm/cpufeature.h>

/* With the instruction for it, which takes a tenth of the time. */
static inline u32 mq_crc32c_quick(u32 crc, const u8 *data, size_t size)
{
	u64 sum = crc;

	for (; size >= sizeof(u64); size -= sizeof(u64), data += sizeof(u64))
		asm("crc32q %1, %0" : "+r" (sum) : "m" (*(const u64 *)data));
	crc = sum;
	for (; size; size--, data++)
		asm("crc32b %1, %0" : "+r" (crc) : "m" (*data));
	return crc;
}
#endif

static inline u32 mq_crc32c(u32 crc, const void *data, size_t size)
{
#ifdef CONFIG_X86_64
	if (static_cpu_has(X86_FEATURE_XMM4_2))
		return mq_crc32c_quick(crc, data, size);
#endif
	return __crc32c_le(crc, data, size);
}
#endif

#endif /* MQ_COMPAT_H */
