/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who waits for room, or for memory, and who wakes him: kernel/wait.c, waiters.c,
 * account.c. See ./check for how this is run, and readers.pml for what is one step
 * and for the order of what is seen.
 *
 * A queue of MAX bytes, full to begin with, two threads that send messages of 1
 * and of 2 bytes, and a third one that sends one of 2 bytes, or what the switches
 * say:
 *
 *   POLL	polls through the same open file as thread 0, and sends without waiting
 *   EXCLUSIVE	two poll with EPOLLEXCLUSIVE, each through a file of its own, instead
 *		of that and of thread 1
 *   STOPS	who was woken may never run
 *   SIGNALS	thread 0 may be interrupted
 *   BREAK_x	without a step that is needed
 *
 * The barriers are: set_current_state() and smp_mb() in mq_waiters_add(), between
 * getting in line and looking; that of mq_waiters_any(), between making room and
 * looking who is in line; smp_mb__after_atomic() in mq_side_answer().
 *
 * A parked SEND does the same as a thread: it gets in line, looks, is woken and
 * passes on; what ends its grace is that of readers.pml.
 *
 * To wait for memory (mq_account_wait()) is the same with one line for all queues,
 * but for being called: there a wake-up is passed on by whoever leaves the line
 * woken (MEMORY).
 */
#ifndef MAX
#define MAX		2
#endif
#ifndef FREES
#define FREES		4	/* bytes */
#endif

#define BIT(t)		(1 << (t))
#define NEED(t)		((t) == 0 -> 1 : 2)

byte st;		/* tasks that are TASK_INTERRUPTIBLE */
byte sig;		/* tasks with a signal pending */
byte room;		/* who stands in mq_queue.room */
byte woken;		/* mq_waiter.woken */
byte tx_called;		/* mq_side.called */
bool tx_late;		/* mq_side.called_at is long ago */
bool grace;		/* mq_queue.grace is pending */
byte used = MAX;	/* mq_queue.stat.bytes */
byte ones = MAX;	/* how many messages of 1 byte that are */
byte frees = FREES;
byte asleep;		/* for the verdict alone */

byte writers;		/* who stands in mq_queue.writers: pollers */
byte ep_ready;		/* epoll: their files on its list of the ready */
byte wants[3];		/* mq_file.wants */
byte blocked;		/* mq_queue.blocked */

/* The file that the threads send through: with POLL it is polled by another. */
#ifdef EXCLUSIVE
#define SENDS_BY	2
#else
#define SENDS_BY	0
#endif

#define FITS(n)		(used + (n) <= MAX)

/* -- waking ------------------------------------------------------------------------- */

/* WAIT(wake:grace) */
#if defined(STOPS) && !defined(BREAK_ARM)
#define ARM	grace = 1
#else
#define ARM	skip
#endif

#define wake_waiter(t)							\
	room = room & ~BIT(t);						\
	woken = woken | BIT(t);						\
	tx_called++;							\
	tx_late = 0;							\
	ARM;								\
	st = st & ~BIT(t)

/* WAIT(waiters:wake) mq_waiters_wake(): any of those for whom there is enough */
inline mq_waiters_wake()
{
	atomic {
		if
		:: room & BIT(0) && FITS(1) -> wake_waiter(0)
		:: room & BIT(1) && FITS(2) -> wake_waiter(1)
		:: room & BIT(2) && FITS(2) -> wake_waiter(2)
		:: else
		fi
	}
}

#define ep_poll_callback(t)						\
	ep_ready = ep_ready | BIT(t); st = st & ~BIT(t)

/* __wake_up(&q->writers, TASK_INTERRUPTIBLE, 1, ...) */
inline mq_wake_pollers()
{
	atomic {
#ifdef EXCLUSIVE
		/* One is told and counted; those before it that do not sleep, told. */
		if
		:: writers & st & BIT(3) -> ep_poll_callback(3);
			if
			:: ep_ready = ep_ready | (writers & ~st)
			:: true
			fi
		:: writers & st & BIT(4) -> ep_poll_callback(4);
			if
			:: ep_ready = ep_ready | (writers & ~st)
			:: true
			fi
		:: else -> ep_ready = ep_ready | writers
		fi
#else
		if
		:: writers -> ep_poll_callback(3)
		:: else
		fi
#endif
	}
}

inline mq_wake_writers(edge)
{
	/* WAIT(wake:room) */
	if
	:: !room && !writers
	:: else ->
		if
		:: !room
		:: else ->
#ifdef MEMORY
			mq_waiters_wake();
#ifdef STOPS
			grace = 1
#endif
#else
			if
			:: !tx_called -> mq_waiters_wake()
			:: else ->
#ifdef STOPS
				if
				:: tx_late -> mq_waiters_wake()
				:: else -> grace = 1
				fi
#endif
			fi
#endif
		fi;
#ifdef POLLS
		if
		:: edge || blocked -> mq_wake_pollers()
		:: else
		fi
#endif
	fi
}

#ifdef POLLS
/* mq_want_room() */
inline mq_want_room(f, bytes)
{
	if
	:: atomic { !wants[f] && bytes -> wants[f] = bytes; blocked++ }
	:: atomic { wants[f] && !bytes -> wants[f] = 0; blocked-- };
#ifndef BREAK_WANT
		/* WAIT(want:none) */
		mq_wake_pollers()
#endif
	:: atomic { !wants[f] == !bytes -> wants[f] = bytes }
	fi
}
#endif

inline mq_send_others(f)
{
#ifndef POLLS
	skip
#else
	if
	:: blocked ->
		if
		:: wants[f] -> mq_want_room(f, 0)
		:: else
		fi;
		mq_wake_writers(false)
	:: else
	fi
#endif
}

/* -- a sender ------------------------------------------------------------------------- */

proctype sender(byte me)
{
	byte need = NEED(me);
	bool called;

try:	true;
	if
	:: atomic { FITS(need) -> used = used + need;
		if
		:: need == 1 -> ones++
		:: else
		fi }
		goto sent
	:: atomic { !FITS(need) -> skip }
	fi;
wait:	true;
	if
	:: called -> called = 0;
		/* WAIT(answer) */
		tx_called--;
		mq_wake_writers(true)
	:: else
	fi;
	/* mq_waiters_sleep() */
	st = st | BIT(me);
	/* WAIT(waiters:add) WAIT(park:room) */
#ifdef BREAK_LOOK
	atomic { room = room | BIT(me); asleep = asleep | BIT(me) }
#else
	room = room | BIT(me);
	/* WAIT(waiters:look) */
	if
	:: FITS(need)
	:: atomic { !FITS(need) -> asleep = asleep | BIT(me) }
#endif
end_sleep:	atomic { !(st & BIT(me)) || (sig & BIT(me)) -> asleep = asleep & ~BIT(me) }
#ifdef STOPS
		if
		:: woken & BIT(me) -> goto done
		:: true
		fi
#endif
#ifndef BREAK_LOOK
	fi;
#endif
	/* WAIT(waiters:leave) */
	atomic {
		st = st & ~BIT(me);
		room = room & ~BIT(me);
		called = (woken & BIT(me)) != 0;
		woken = woken & ~BIT(me)
	}
	if
	:: sig & BIT(me) -> goto signalled
	:: else
	fi;
	if
	:: FITS(need) -> goto try
	:: else -> goto wait
	fi;
signalled:
#ifndef BREAK_SIGNAL
	if
	:: called -> called = 0; tx_called--; mq_wake_writers(true)
	:: else
	fi;
#endif
	goto done;
sent:	true;
	if
	:: called -> called = 0; tx_called--;
#ifndef BREAK_ANSWER
		mq_wake_writers(true)
#endif
	:: else
	fi;
	mq_send_others(SENDS_BY);
	if
#ifndef STOPS
	:: frees -> goto try
#endif
	:: true
	fi;
done:	skip
}

/* epoll_wait(), level-triggered, and sending without waiting. */
#ifdef POLLS
proctype poller(byte me)
{
	byte f = me - 3;

	writers = writers | BIT(me);
	ep_ready = ep_ready | BIT(me);
wait:	true;
	if
	:: atomic { ep_ready & BIT(me) -> ep_ready = ep_ready & ~BIT(me) }
		/* mq_poll_room() */
look:		true;
		if
		/* WAIT(poll:room) */
		:: atomic { wants[f] <= 1 && FITS(1) -> ep_ready = ep_ready | BIT(me) }
			if
			:: atomic { wants[f] == 1 -> wants[f] = 0; blocked-- }
			:: else
			fi
		:: atomic { wants[f] > 1 && FITS(wants[f]) ->
			ep_ready = ep_ready | BIT(me) }
		:: else ->
			if
			/* WAIT(poll:want) */
#ifndef BREAK_POLL_WANT
			:: atomic { !wants[f] -> wants[f] = 1; blocked++ }
#ifndef BREAK_POLL_AGAIN
				goto look
#endif
#endif
			:: else
			fi;
			goto wait
		fi
	:: atomic { !(ep_ready & BIT(me)) -> st = st | BIT(me) }
end_poll:	!(st & BIT(me));
		goto wait
	fi;
	/* told */
	if
	:: atomic { FITS(1) -> used++; ones++ }
		mq_send_others(f)
	:: atomic { !FITS(1) -> skip }
		mq_want_room(f, 1)
#ifdef POLL
	/* It sends more than was asked for. */
	:: atomic { !FITS(2) -> skip }
		mq_want_room(f, 2)
#endif
	fi;
	if
	:: goto wait
	:: mq_want_room(f, 0)
	fi;
	skip
}
#endif

/* A consumer: messages of one byte, and of two, leave, perhaps some at once. */
proctype consumer()
{
	bool edge;

	do
	:: atomic { frees && ones ->
		edge = !writers || !FITS(1);
		frees--; ones--; used-- }
		mq_wake_writers(edge)
	:: atomic { frees > 1 && ones > 1 ->
		edge = !writers || !FITS(1);
		frees = frees - 2; ones = ones - 2; used = used - 2 }
		mq_wake_writers(edge)
	:: atomic { frees > 1 && used > ones ->
		edge = !writers || !FITS(1);
		frees = frees - 2; used = used - 2 }
		mq_wake_writers(edge)
	:: break
	od
}

#ifdef STOPS
active proctype clock()
{
#ifdef MEMORY
	byte before;

#endif
end:	do
#ifdef MEMORY
	/* WAIT(account:later) as long as somebody is woken */
	:: atomic { grace -> before = woken; grace = 0 };
		mq_waiters_wake();
		if
		:: before != woken -> grace = 1
		:: else
		fi;
		before = 0
#else
	:: d_step { tx_called && !tx_late -> tx_late = 1 }
#endif
#if !defined(BREAK_GRACE) && !defined(MEMORY)
	/* WAIT(grace:over) */
	:: grace -> grace = 0; mq_wake_writers(true)
#endif
	od
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

/* All awake threads have nothing to do: may those who sleep? */
#define COULD(t)	((asleep & BIT(t)) && FITS(NEED(t)))
#define WANT(f)		(wants[f] > 1 -> wants[f] : 1)
#define UNTOLD(f)	((st & BIT(3 + f)) && !(ep_ready & BIT(3 + f)) && FITS(WANT(f)))

active proctype verdict()
{
end:	timeout ->
	assert(!COULD(0) && !COULD(1) && !COULD(2));
	assert(!UNTOLD(0) && !UNTOLD(1));
}

init {
	atomic {
		/* It may have nothing to send. */
		if
		:: run sender(0)
		:: true
		fi;
#ifndef EXCLUSIVE
		run sender(1);
#endif
#ifdef POLLS
		run poller(3);
#endif
#ifdef EXCLUSIVE
		run poller(4);
#endif
#ifndef POLLS
		run sender(2);
#endif
		run consumer()
	}
}
