/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of waiting for room, and of wake-ups: kernel/wait/ and
 * base/waiters.c. See ./check for how it is run, and readers.pml for what is
 * one step and for the order of memory accesses.
 *
 * There is a queue of MAX bytes, which is full at first, two threads that send
 * messages of 1 and of 2 bytes, and a third one that sends messages of 2 bytes.
 * Switches change that:
 *
 *   POLLS	the third one polls through the open file of thread 0, and sends
 *		without waiting
 *   EXCLUSIVE	two pollers with EPOLLEXCLUSIVE, each with its own open file,
 *		replace that one and thread 1
 *   TAILS	thread 0 writes lines of 2 bytes in two pieces (line.c): the
 *		first piece needs a place like a message, and the queue has only
 *		PLACES places; the second piece waits in mq_gate.growth
 *   GONE	sending is paused and resumed, and then the queue is removed.
 *		There is no consumer, and each thread may lack memory once; with
 *		TAILS
 *   TWO	there is no third thread
 *   SPIN	a waiter may spin before it sleeps (spin.c)
 *   STOPS	a waiter that was woken may never run
 *   SIGNALS	thread 0 may be interrupted
 *   BREAK_x	without a step that is needed
 *
 * There are barriers between getting in line and looking: set_current_state()
 * and smp_mb() in mq_waiters_add(); between making room and looking for
 * waiters: mq_waiters_pending_mb(); in mq_side_answer() and mq_spin_end():
 * smp_mb__after_atomic(); and between counting a called waiter and looking
 * whether the timer runs: mq_side_call(). The timer stops and then looks for
 * called waiters.
 *
 * A parked SEND does the same as a thread: it gets in line, looks, is woken and
 * wakes the next. The end of its grace period is modelled in readers.pml.
 *
 * Waiting for memory is modelled in memory.pml.
 */
#ifndef MAX
#if defined(GONE)
#define MAX		4
#elif defined(TAILS)
#define MAX		3
#else
#define MAX		2
#endif
#endif
#define PLACES		MAX	/* mq_queue.room_messages, with TAILS */
#ifndef FREES
#define FREES		4	/* bytes */
#endif

#define BIT(t)		(1 << (t))
#ifdef TAILS
#define NEED(t)		((t) == 2 -> 2 : 1)
#else
#define NEED(t)		((t) == 0 -> 1 : 2)
#endif

byte st;		/* tasks that are TASK_INTERRUPTIBLE */
byte sig;		/* tasks with a signal pending */
byte room;		/* waiters in mq_gate.room */
byte growth;		/* waiters in mq_gate.growth */
byte noted;		/* waiters that mq_gate.room counts, too */
byte tails;		/* threads with an unfinished line, of 1 byte */
byte stored = MAX;	/* mq_queue.stored, and unfinished lines */
bool paused;		/* mq_queue.opt.paused, for sending */
bool gone;		/* mq_queue.gone */
byte woken;		/* mq_waiter.woken */
byte tx_called;		/* mq_side.called */
bool tx_late;		/* the grace period since mq_side.called_at is over */
bool tx_spins;		/* mq_side.spins */
bool grace;		/* mq_gate.grace is pending */
byte used = MAX;	/* mq_queue.stat.bytes */
byte ones = MAX;	/* number of messages of 1 byte */
byte frees = FREES;
byte asleep;		/* threads that sleep, for the verdict only */

byte writers;		/* pollers in mq_gate.writers */
byte ep_ready;		/* epoll: pollers whose files are on its ready list */
byte wants[3];		/* mq_stand.wants */
byte blocked;		/* mq_gate.blocked */

/* The file that the threads send through; with POLL another task polls it. */
#ifdef EXCLUSIVE
#define SENDS_BY	2
#else
#define SENDS_BY	0
#endif

/* mq_can_send() and mq_can_grow() */
#ifdef TAILS
#define GROWS(n)	(gone || (!paused && used + (n) <= MAX))
#define FITS(n)		(gone || (!paused && used + (n) <= MAX && stored < PLACES))
#else
#define GROWS(n)	false
#define FITS(n)		(used + (n) <= MAX)
#endif
#define HAS_TAIL(t)	((tails & BIT(t)) != 0)
#define MAY_GO(t)	((HAS_TAIL(t) && GROWS(1)) || (!HAS_TAIL(t) && FITS(NEED(t))))

/* -- waking ------------------------------------------------------------------------- */

/* WAIT(wake:grace) mq_grace_begin() */
#if defined(STOPS) && !defined(BREAK_ARM)
#define ARM	grace = 1
#else
#define ARM	skip
#endif

#if defined(STOPS) && !defined(BREAK_SPIN_ARM)
#define SPIN_ARM	grace = 1
#else
#define SPIN_ARM	skip
#endif

#define wake_waiter(t)							\
	room = room & ~BIT(t);						\
	growth = growth & ~BIT(t);					\
	woken = woken | BIT(t);						\
	tx_called++;							\
	tx_late = 0;							\
	ARM;								\
	st = st & ~BIT(t)

/* WAIT(waiters:wake) mq_waiters_wake(): any one for which there is enough */
#define wake_one()							\
	if								\
	:: room & BIT(0) && FITS(1) -> wake_waiter(0)			\
	:: room & BIT(1) && FITS(NEED(1)) -> wake_waiter(1)		\
	:: room & BIT(2) && FITS(2) -> wake_waiter(2)			\
	:: else								\
	fi

inline mq_waiters_wake()
{
	atomic { wake_one() }
}

/* !mq_side_is_called(): no waiter is called, or it has not run in time */
#ifdef STOPS
#define unless_called(wake)						\
	if								\
	:: tx_spins							\
	:: !tx_spins && (!tx_called || tx_late) -> wake			\
	:: !tx_spins && tx_called && !tx_late -> grace = 1		\
	fi
#else
#define unless_called(wake)						\
	if								\
	:: tx_spins || tx_called					\
	:: else -> wake							\
	fi
#endif

#define ep_poll_callback(t)						\
	ep_ready = ep_ready | BIT(t); st = st & ~BIT(t)

/* __wake_up(&q->writers, TASK_INTERRUPTIBLE, 1, ...) */
inline mq_notify_room_pollers()
{
	atomic {
#ifdef EXCLUSIVE
		/* One poller is counted; awake ones before it are told. */
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

/* WAIT(wake:growth) unfinished lines come first */
inline mq_wake_growth()
{
#if defined(TAILS) && !defined(BREAK_GROWTH)
	if
	:: growth && GROWS(1) ->
		unless_called(atomic {
			if
			:: growth & BIT(0) && GROWS(1) -> wake_waiter(0)
			:: growth & BIT(1) && GROWS(1) -> wake_waiter(1)
			:: else
			fi })
	:: else
	fi
#else
	skip
#endif
}

inline mq_wake_writers(edge)
{
	/* WAIT(wake:room) */
	if
	:: !room && !noted && !writers
	:: else ->
		mq_wake_growth();
		if
		:: !room
		:: else -> unless_called(mq_waiters_wake())
		fi;
#ifdef POLLS
		if
		:: edge || blocked -> mq_notify_room_pollers()
		:: else
		fi
#endif
	fi
}

#ifdef STOPS
/* WAIT(room:pass-on) mq_wake_next_writers(): as many as did not run in time */
inline mq_wake_next_writers(n)
{
	mq_wake_writers(true);
	do
	:: n > 1 -> n--;
		atomic {
			if
			:: growth & BIT(0) && GROWS(1) -> wake_waiter(0)
			:: growth & BIT(1) && GROWS(1) -> wake_waiter(1)
			:: else -> wake_one()
			fi
		}
	:: else -> break
	od
}
#endif

#ifdef POLLS
/* mq_set_wanted_room() */
inline mq_set_wanted_room(f, bytes)
{
	/* WAIT(want:none) option 2; spin reports all on the first line */
	if
	:: atomic { !wants[f] && bytes -> wants[f] = bytes; blocked++ }
	:: atomic { wants[f] && !bytes -> wants[f] = 0; blocked-- };
#ifndef BREAK_WANT
		mq_notify_room_pollers()
#endif
	:: atomic { !wants[f] == !bytes -> wants[f] = bytes }
	fi
}
#endif

inline mq_send_wake_others(f)
{
#ifndef POLLS
	skip
#else
	if
	:: blocked ->
		if
		:: wants[f] -> mq_set_wanted_room(f, 0)
		:: else
		fi;
		mq_wake_writers(false)
	:: else
	fi
#endif
}

/* -- a sender ------------------------------------------------------------------------- */

#ifdef GONE
byte ticket[3];		/* mq_waiter.ticket */
byte next_ticket = 1;
#ifdef BREAK_TICKET
byte next_growth = 1;	/* before a fix: each line has its own tickets */
#define NEXT_GROWTH	next_growth
#else
#define NEXT_GROWTH	next_ticket
#endif

/* WAIT(waiters:ticket) a waiter gets a ticket, and keeps it while trying */
#define get_ticket(next)						\
	if								\
	:: !ticket[me] -> ticket[me] = next; next++			\
	:: else								\
	fi
#else
#define get_ticket(next)	skip
#endif

#define take()								\
	used = used + (HAS_TAIL(me) -> 1 : need);			\
	if								\
	:: HAS_TAIL(me) -> tails = tails & ~BIT(me)			\
	:: else -> stored++;						\
		if							\
		:: LINES(me) -> tails = tails | BIT(me)			\
		:: !LINES(me) && need == 1 -> ones++			\
		:: else							\
		fi							\
	fi

#ifdef TAILS
#define LINES(t)	((t) == 0)
#else
#define LINES(t)	false
#endif

/* A waiter that lacked memory waits only for the end of a pause. */
#ifdef GONE
#define GOES(t)		(is_short -> (gone || !paused) : MAY_GO(t))
#define IS_SHORT	is_short
#else
#define GOES(t)		MAY_GO(t)
#define IS_SHORT	false
#endif

proctype sender(byte me)
{
	byte need = NEED(me);
	bool called;
#ifdef GONE
	bool is_short, was_short;
#endif

try:	true;
	if
#ifdef GONE
	:: gone -> goto sent
	/* There was no memory, and then sending was paused. */
	:: !was_short && !paused && MAY_GO(me) ->
		was_short = 1;
		if
		:: paused -> is_short = 1; goto wait
		:: else -> goto try
		fi
#endif
	:: atomic { MAY_GO(me) -> take() }
		goto sent
	:: atomic { !MAY_GO(me) -> skip }
	fi;
#ifdef SPIN
	if
	:: called -> called = 0; tx_called--; mq_wake_writers(true)
	:: else
	fi;
	if
	:: atomic { !tx_spins -> tx_spins = 1 }
		if
		:: atomic { MAY_GO(me) -> called = 1; tx_called++; tx_late = 0 }
			/* WAIT(spin:end) */
			tx_spins = 0;
			SPIN_ARM;
#ifdef STOPS
			if
			:: goto done
			:: true
			fi;
#endif
			goto try
		:: true -> tx_spins = 0;
#ifndef BREAK_SPIN
			mq_wake_writers(true)
#endif
		fi
	:: true
	fi;
#endif
wait:	true;
	if
	:: called -> called = 0;
		/* WAIT(answer) */
		tx_called--;
		mq_wake_writers(true)
	:: else
	fi;
#ifdef TAILS
	/* WAIT(growth:note) mq_wait_growth() */
#ifndef BREAK_NOTE
	if
	:: HAS_TAIL(me) || IS_SHORT -> noted = noted | BIT(me)
	:: else
	fi;
#endif
#endif
	/* mq_waiters_sleep() */
	st = st | BIT(me);
	/* WAIT(waiters:add) WAIT(park:room) */
	atomic {
		if
#ifdef GONE
		:: HAS_TAIL(me) || IS_SHORT -> get_ticket(NEXT_GROWTH);
			growth = growth | BIT(me)
		:: else -> get_ticket(next_ticket);
			room = room | BIT(me)
#else
		:: HAS_TAIL(me) -> growth = growth | BIT(me)
		:: else -> room = room | BIT(me)
#endif
		fi
#ifdef BREAK_LOOK
		; asleep = asleep | BIT(me)
#endif
	};
#ifndef BREAK_LOOK
	/* WAIT(waiters:look) */
	if
	:: GOES(me)
	:: atomic { !GOES(me) -> asleep = asleep | BIT(me) }
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
		growth = growth & ~BIT(me);
		noted = noted & ~BIT(me);
		called = (woken & BIT(me)) != 0;
		woken = woken & ~BIT(me)
	}
	if
	:: sig & BIT(me) -> goto signalled
	:: else
	fi;
	if
#ifdef GONE
	:: GOES(me) -> is_short = 0; goto try
#else
	:: GOES(me) -> goto try
#endif
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
	mq_send_wake_others(SENDS_BY);
#ifdef GONE
	ticket[me] = 0;
#endif
	if
#if !defined(STOPS) && !defined(GONE)
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
		mq_send_wake_others(f)
	:: atomic { !FITS(1) -> skip }
		mq_set_wanted_room(f, 1)
#ifdef POLL
	/* It sends more than it polled for. */
	:: atomic { !FITS(2) -> skip }
		mq_set_wanted_room(f, 2)
#endif
	fi;
	if
	:: goto wait
	:: mq_set_wanted_room(f, 0)
	fi;
	skip
}
#endif

/* A consumer: it removes messages of one or two bytes, one or two at once. */
#ifndef GONE
proctype consumer()
{
	bool edge;

	do
	:: atomic { frees && ones ->
		edge = !writers || !FITS(1);
		frees--; ones--; used--; stored-- }
		mq_wake_writers(edge)
	:: atomic { frees > 1 && ones > 1 ->
		edge = !writers || !FITS(1);
		frees = frees - 2; ones = ones - 2; used = used - 2;
		stored = stored - 2 }
		mq_wake_writers(edge)
	:: atomic { frees > 1 && used > ones + tails ->
		edge = !writers || !FITS(1);
		frees = frees - 2; used = used - 2; stored-- }
		mq_wake_writers(edge)
	:: break
	od
}
#endif

#ifdef STOPS
/* mq_grace_expire() */
active proctype clock()
{
	byte n;

end:	do
	:: d_step { tx_called && !tx_late -> tx_late = 1 }
#ifndef BREAK_GRACE
	/* WAIT(grace:over) */
	:: grace -> grace = 0;
		n = tx_called;
		if
		:: n -> mq_wake_next_writers(n); n = 0
		:: else
		fi
#endif
	od
}
#endif

#ifdef GONE
byte w_last, w_end, w_at;

#define IN(line, t)	((line & BIT(t)) && ticket[t] > w_last)
#define FIRST(line, t)	(IN(line, t) &&					\
	(!IN(line, 0) || ticket[t] <= ticket[0]) &&			\
	(!IN(line, 1) || ticket[t] <= ticket[1]) &&			\
	(!IN(line, 2) || ticket[t] <= ticket[2]))

/* WAIT(waiters:wake-all) mq_waiters_wake_all(), one waiter at a time */
inline mq_waiters_wake_all(line, next)
{
	w_last = 0;
	w_end = 255;
	do
	:: atomic {
		w_end = (w_end == 255 -> next : w_end);
		if
		:: FIRST(line, 0) -> w_at = 0
		:: FIRST(line, 1) -> w_at = 1
		:: FIRST(line, 2) -> w_at = 2
		:: else -> w_at = 3
		fi;
		if
		:: w_at == 3 -> break
		:: else ->
			if
			:: ticket[w_at] >= w_end -> break
			:: else -> w_last = ticket[w_at]; wake_waiter(w_at)
			fi
		fi
		}
	od;
	atomic { w_last = 0; w_end = 0; w_at = 0 }
}

/* mq_notify_options(), and mq_notify_removed() */
active proctype owner()
{
	if
	:: paused = 1;
		paused = 0;
#ifndef BREAK_OPTIONS
		mq_waiters_wake_all(room, next_ticket);
		mq_waiters_wake_all(growth, NEXT_GROWTH);
#endif
	:: true
	fi;
	if
	:: gone = 1;
		mq_waiters_wake_all(room, next_ticket);
		mq_waiters_wake_all(growth, NEXT_GROWTH)
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
#define COULD(t)	((asleep & BIT(t)) && MAY_GO(t))
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
#ifdef TAILS
		/* The queue has a first piece of a line and short messages. */
		tails = 1;
		ones = MAX - 1;
#endif
#ifdef GONE
		/* The queue has room for one byte more. */
		ones--;
		used--;
		stored--;
#endif
		/* Thread 0 may have nothing to send. */
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
#if !defined(POLLS) && !defined(TWO)
		run sender(2);
#endif
#ifndef GONE
		run consumer()
#endif
	}
}
