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

/* The kernel is of this version or a later one. */
#define MQ_SINCE_STABLE(major, minor, stable) \
	(KERNEL_VERSION(major, minor, stable) <= LINUX_VERSION_CODE)
#define MQ_SINCE(major, minor)	MQ_SINCE_STABLE(major, minor, 0)

/*
 * Before 6.3, and the stable kernels 6.1.22 and 6.2.9, a command of io_uring
 * could only be completed with the ring's lock held, which a worker thread does
 * not hold.
 */
#if !MQ_SINCE_STABLE(6, 1, 22) || \
	(MQ_SINCE(6, 2) && !MQ_SINCE_STABLE(6, 2, 9))
#error "devmq needs Linux 6.1.22, 6.2.9 or 6.3, or later"
#endif

/* The device argument of a class's devnode became const, then a type's. */
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

/* Both arguments of a class attribute's functions, the class and itself. */
#if MQ_SINCE(6, 4)
#define MQ_CLASS_ATTR_CONST const
#else
#define MQ_CLASS_ATTR_CONST
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

/*
 * Does a poll look without getting in line? The kernel had poll_does_not_wait()
 * for that while others used it.
 */
static inline bool mq_poll_looks(const struct poll_table_struct *p)
{
	return !p || !p->_qproc;
}

/* A timer can be stopped for good. */
#if MQ_SINCE(6, 2)
#define mq_timer_stop timer_shutdown_sync
#else
#define mq_timer_stop del_timer_sync
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

/*
 * The memory cgroup that pays. NULL stands for the caller's own, and is all
 * that there is on a kernel without memory cgroups.
 */
#ifdef CONFIG_MEMCG
/* The caller's. It is only to be compared with: there is no reference. */
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

/* The caller's, with a reference that mq_memcg_put() returns. */
static inline struct mem_cgroup *mq_memcg_get_current(void)
{
	struct mem_cgroup *memcg;

	if (mem_cgroup_disabled())
		return NULL;
	rcu_read_lock();
	/* It fails only while the task moves to another cgroup. */
	do {
		memcg = mem_cgroup_from_task(current);
	} while (memcg && !css_tryget(&memcg->css));
	rcu_read_unlock();
	return memcg;
}

/* One more reference, for who has one. */
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
 * mq_memcg_charge_to - let a cgroup pay for what the caller allocates
 * @memcg: the cgroup, with a reference that is kept until the end of this;
 *	NULL for the caller's own
 *
 * It nests, and concerns allocations with __GFP_ACCOUNT only.
 *
 * Return: what is to be given to mq_memcg_charge_back().
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
 * Commands of io_uring: where the header is, where in the SQE the user's part
 * of it is, which of the flags are the user's, and how one is completed.
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
 * Does the ring poll for completions? Newer kernels say so only to a file that
 * can be polled, and take a command as on any other ring.
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
 * A command can be left waiting, as io_uring says when its ring or its task
 * goes. Without that it would keep both from going.
 */
#if MQ_SINCE(6, 12)
#define MQ_HAVE_URING_CANCEL

static inline bool mq_uring_cancels(unsigned int issue_flags)
{
	return issue_flags & IO_URING_F_CANCEL;
}

/* Of the same ring, and with this user_data? */
static inline bool mq_uring_match(struct io_uring_cmd *cmd,
				  struct io_uring_cmd *other, u64 user_data)
{
	struct io_kiocb *req = cmd_to_io_kiocb(cmd);

	return req->ctx == cmd_to_io_kiocb(other)->ctx &&
	       req->cqe.user_data == user_data;
}

/* May nobody but its task complete it? Then even a ring that goes waits. */
static inline bool mq_uring_bound(struct io_uring_cmd *cmd)
{
	return cmd_to_io_kiocb(cmd)->ctx->flags & IORING_SETUP_DEFER_TASKRUN;
}

/*
 * MQ_URING_TASK_WORK(name, fn): a function that is given to
 * io_uring_cmd_complete_in_task() and calls fn(cmd, issue_flags, dead). Dead
 * says that the task or its ring is going: its memory must not be touched, and
 * nobody would see a result.
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

#endif /* MQ_COMPAT_H */
