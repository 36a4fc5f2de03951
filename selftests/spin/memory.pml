/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of waiting for memory, and of wake-ups: kernel/memory/budget.c,
 * shortage.c and base/waiters.c. See ./check for how it is run, and readers.pml
 * for what is one step and for the order of memory accesses.
 *
 * There are two users. Each may use USER_MAX bytes, and both together
 * TOTAL_MAX, which are used up at first. Threads 0 and 1 belong to user 0,
 * thread 2 to user 1. Each sends a message of 1 byte, for which its queue has
 * room. Switches change that:
 *
 *   BIG	thread 1 sends 2 bytes
 *   ONE_USER	all threads belong to user 0
 *   POLLS	thread 1 polls instead (mq_starved), and sends without waiting
 *   TWO	there is no third thread
 *   BOUND	the bounds are raised by 1 byte, and less memory is freed
 *   STOPS	a waiter that was woken may never run
 *   SIGNALS	thread 0 may be interrupted
 *   BREAK_x	without a step that is needed
 *
 * The barriers are those of writers.pml: mq_waiters_add(), and
 * mq_waiters_pending_mb() in mq_memory_freed(); and smp_mb() in
 * mq_memory_poll(), between joining the list of queues with pollers and
 * looking.
 *
 * Looking how much memory is left and waking a waiter for it is one step. If
 * more is freed in between, the thread that frees it wakes a waiter, too; if
 * less is left, the woken waiter finds nothing, as if another one was faster.
 *
 * Waiters in a line are woken in any order, as the order is not promised.
 * writers.pml models that a ticket is valid in all lines.
 */
#define TOTAL_MAX	3
#define USER_MAX	2
#ifndef FREES
#ifdef BOUND
#define FREES		1
#else
#define FREES		2	/* bytes */
#endif
#endif

#define BIT(t)		(1 << (t))
#ifdef BIG
#define NEED(t)		((t) == 1 -> 2 : 1)
#else
#define NEED(t)		1
#endif
#ifdef ONE_USER
#define USER(t)		0
#else
#define USER(t)		((t) == 2)
#endif

byte st;		/* tasks that are TASK_INTERRUPTIBLE */
byte sig;		/* tasks with a signal pending */
byte line_user[2];	/* waiters in mq_user.waiters */
byte line_total;	/* waiters in mq_total_waiters */
byte woken;		/* mq_waiter.woken */
byte used[2];		/* mq_user.used */
byte total = TOTAL_MAX;	/* mq_total_used */
byte more;		/* by how much the bounds were raised */
byte frees = FREES;
bool work;		/* mq_memory_work is scheduled */
bool starved;		/* the poller's queue is on the list mq_starved */
bool ep_ready;		/* epoll: the file is on its ready list */
byte asleep;		/* threads that sleep, for the verdict only */

#define USER_ROOM(u)	(used[u] < USER_MAX + more -> USER_MAX + more - used[u] : 0)
#define TOTAL_ROOM	(total < TOTAL_MAX + more -> TOTAL_MAX + more - total : 0)

/* mq_budget_fits() */
#define FITS(u, n)	(used[u] + (n) <= USER_MAX + more && total + (n) <= TOTAL_MAX + more)

#define wake_waiter(line, t)						\
	line = line & ~BIT(t);						\
	woken = woken | BIT(t);						\
	st = st & ~BIT(t)

/* WAIT(waiters:wake) mq_waiters_wake(): any one for which there is enough */
#define wake_one(line, room, some)					\
	if								\
	:: (line & BIT(0)) && (room) >= NEED(0) ->			\
		wake_waiter(line, 0); some = 1				\
	:: (line & BIT(1)) && (room) >= NEED(1) ->			\
		wake_waiter(line, 1); some = 1				\
	:: (line & BIT(2)) && (room) >= NEED(2) ->			\
		wake_waiter(line, 2); some = 1				\
	:: else								\
	fi
#define mq_waiters_wake(line, room)					\
	atomic { wake_one(line, room, some); some = 0 }

/* WAIT(account:freed) wakes in the user's line and in the line of all users */
inline mq_memory_freed(u)
{
	if
	:: !line_total && !line_user[u] && !starved
	:: else ->
#ifndef BREAK_USER
		if
		:: line_user[u] ->
			mq_waiters_wake(line_user[u], USER_ROOM(u))
		:: else
		fi;
#endif
#ifndef BREAK_TOTAL
		if
		:: line_total ->
			mq_waiters_wake(line_total, TOTAL_ROOM)
		:: else
		fi;
#endif
#if (defined(STOPS) || defined(POLLS)) && !defined(BREAK_WORK)
		work = 1
#endif
	fi
}

/* mq_uncharge_messages() */
inline mq_uncharge_messages(u, n)
{
	d_step { used[u] = used[u] - (n); total = total - (n) };
	mq_memory_freed(u)
}

/* mq_charge_bounds() */
inline mq_charge(u, n, done)
{
	if
	:: atomic { used[u] + (n) <= USER_MAX + more -> used[u] = used[u] + (n) }
		if
		:: atomic { total + (n) <= TOTAL_MAX + more -> total = total + (n); done = 1 }
		:: atomic { total + (n) > TOTAL_MAX + more -> skip }
			used[u] = used[u] - (n);
			/* WAIT(account:back) the counter was too high */
#ifndef BREAK_BACK
			mq_memory_freed(u)
#endif
		fi
	:: atomic { used[u] + (n) > USER_MAX + more -> skip }
	fi
}

/* mq_memory_answer() */
inline mq_memory_answer()
{
	if
	:: called -> called = 0;
		/* WAIT(account:answer) */
#ifndef BREAK_ANSWER
		if
		:: in_total -> mq_waiters_wake(line_total, TOTAL_ROOM)
		:: else -> mq_waiters_wake(line_user[u], USER_ROOM(u))
		fi
#endif
	:: else
	fi
}

proctype sender(byte me)
{
	byte u = USER(me), need = NEED(me);
	bool called, in_total, done, some;

try:	mq_charge(u, need, done);
	if
	:: done -> done = 0; goto sent
	:: else
	fi;
	/* mq_send_wait(), mq_memory_wait() */
	/* WAIT(turn:end) */
#ifndef BREAK_TURN
	mq_memory_answer();
#else
	called = 0;
#endif
	/* WAIT(account:line) */
	in_total = (need <= USER_ROOM(u));
	/* mq_waiters_sleep() */
	st = st | BIT(me);
	/* WAIT(waiters:add) */
	atomic {
		if
		:: in_total -> line_total = line_total | BIT(me)
		:: else -> line_user[u] = line_user[u] | BIT(me)
		fi
#ifdef BREAK_LOOK
		; asleep = asleep | BIT(me)
#endif
	};
#ifndef BREAK_LOOK
	/* WAIT(waiters:look) mq_memory_may_go() */
	if
	:: need <= (in_total -> TOTAL_ROOM : USER_ROOM(u))
	:: atomic { need > (in_total -> TOTAL_ROOM : USER_ROOM(u)) ->
		asleep = asleep | BIT(me) }
#endif
end_sleep:	atomic { !(st & BIT(me)) || (sig & BIT(me)) -> asleep = asleep & ~BIT(me) }
#ifdef STOPS
		if
		:: woken & BIT(me) -> goto stopped
		:: true
		fi
#endif
#ifndef BREAK_LOOK
	fi;
#endif
	/* WAIT(waiters:leave) */
	atomic {
		st = st & ~BIT(me);
		line_total = line_total & ~BIT(me);
		line_user[u] = line_user[u] & ~BIT(me);
		called = (woken & BIT(me)) != 0;
		in_total = (called -> in_total : 0);
		woken = woken & ~BIT(me)
	}
	if
	:: sig & BIT(me)
#ifdef BREAK_SIGNAL
		-> goto stopped
#endif
	:: else -> goto try
	fi;
sent:	mq_memory_answer();
stopped: skip
}

#ifdef POLLS
/* epoll_wait(), level-triggered, and sending without waiting. */
proctype poller(byte me)
{
	byte u = USER(me);
	bool done, some;

	ep_ready = 1;
wait:	true;
	if
	:: atomic { ep_ready -> ep_ready = 0 }
		/* mq_memory_poll() */
		if
		:: atomic { FITS(u, NEED(1)) -> ep_ready = 1 }
		:: atomic { !FITS(u, NEED(1)) -> skip }
			/* WAIT(account:poll) */
			starved = 1;
#ifndef BREAK_POLL_LOOK
			if
			:: atomic { FITS(u, NEED(1)) -> ep_ready = 1 }
			:: atomic { !FITS(u, NEED(1)) -> goto wait }
			fi
#else
			goto wait
#endif
		fi
	:: atomic { !ep_ready -> st = st | BIT(me) }
end_poll:	!(st & BIT(me));
		goto wait
	fi;
	/* told */
	mq_charge(u, NEED(1), done);
	if
	:: done
	:: !done -> goto wait
	fi
}
#endif

/* Messages leave the queue, and their memory is freed. */
proctype consumer()
{
	bool some;

	do
	:: atomic { frees && used[0] -> frees-- }
		mq_uncharge_messages(0, 1)
	:: atomic { frees && used[1] -> frees-- }
		mq_uncharge_messages(1, 1)
	:: atomic { frees > 1 && used[0] > 1 -> frees = frees - 2 }
		mq_uncharge_messages(0, 2)
	:: break
	od
}

#if defined(STOPS) || defined(POLLS)
/* mq_memory_later() */
active proctype later()
{
	bool some;

end:	do
	/* WAIT(account:later) repeats while it wakes a waiter */
	:: work -> work = 0;
		atomic { wake_one(line_total, TOTAL_ROOM, some) };
		atomic { wake_one(line_user[0], USER_ROOM(0), some) };
		atomic { wake_one(line_user[1], USER_ROOM(1), some) };
#ifdef POLLS
		/* WAIT(account:starved) */
		if
		:: starved -> starved = 0;
			d_step { ep_ready = 1; st = st & ~BIT(1) }
		:: else
		fi;
#endif
		if
#ifndef BREAK_AGAIN
		:: some -> some = 0; work = 1
#endif
		:: else -> some = 0
		fi
	od
}
#endif

#ifdef BOUND
#define wake_all(line)							\
	atomic {							\
		if							\
		:: line & BIT(0) -> wake_waiter(line, 0)		\
		:: else							\
		fi;							\
		if							\
		:: line & BIT(1) -> wake_waiter(line, 1)		\
		:: else							\
		fi;							\
		if							\
		:: line & BIT(2) -> wake_waiter(line, 2)		\
		:: else							\
		fi							\
	}

/* mq_bytes_set() */
active proctype administrator()
{
	if
	:: more = 1;
		/* WAIT(account:wake) */
#ifndef BREAK_BOUND
		wake_all(line_total);
		wake_all(line_user[0]);
		wake_all(line_user[1]);
#ifdef POLLS
		if
		:: starved -> work = 1
		:: else
		fi
#endif
#endif
	:: true
	fi
}
#endif

#ifdef SIGNALS
active proctype signals()
{
	if
	:: (asleep & 1) -> d_step { sig = sig | 1; st = st & ~1 }
	:: true
	fi
}
#endif

/* No thread can run: is one asleep that could send? */
#define COULD(t)	((asleep & BIT(t)) && FITS(USER(t), NEED(t)))

active proctype verdict()
{
end:	timeout ->
	assert(!COULD(0) && !COULD(1) && !COULD(2));
	assert(!((st & BIT(1)) && !(asleep & BIT(1)) && !ep_ready && FITS(0, NEED(1))));
}

init {
	atomic {
		used[0] = 2;
		used[1] = 1;
		run sender(0);
#ifdef POLLS
		run poller(1);
#else
		run sender(1);
#endif
#ifndef TWO
		run sender(2);
#endif
		run consumer()
	}
}
