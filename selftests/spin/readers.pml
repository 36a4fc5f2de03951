/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who waits for a message, and who wakes him: kernel/wait.c, spin.c, park.c.
 * See ./check for how this is run, and with which of the switches below.
 */
#ifndef PREFETCH
#define PREFETCH	1
#endif
#ifndef ROOM
#define ROOM		2
#endif
#ifndef SENDS
#define SENDS		3
#endif

#define BIT(t)		(1 << (t))
#define FILE(t)		((t) == 2)	/* threads 0 and 1 share file 0 */

/* With FINE each read of a look is a step. */
#ifdef FINE
#define LOOK		skip; skip;
#else
#define LOOK		atomic
#endif

byte st;		/* tasks that are TASK_INTERRUPTIBLE */
byte sig;		/* tasks with a signal pending */
byte readers;		/* who stands in mq_queue.readers */
byte own[2];		/* who stands in mq_file.own */
byte s_called;		/* mq_sleeper.called */
byte rx_called;		/* mq_side.called */
bool rx_late;		/* mq_side.called_at is long ago */
bool rx_spins;		/* mq_side.spins */
bool rx_watched;	/* mq_side.watched */
bool grace;		/* mq_queue.grace is pending */

byte ready;		/* mq_queue.stat.ready */
byte held[2];		/* mq_file.held_count */
byte stored;		/* mq_queue.stored */
byte sends;		/* how many were sent in all */
bool paused;		/* mq_queue.opt.paused, for receiving */
bool q_active;		/* mq_queue.active: which file */
byte asleep;		/* for the verdict alone: threads that sleep */

#ifdef ACTIVE
#define MAY(f)		(q_active == f)
#else
#define MAY(f)		true
#endif
#ifdef MANUAL
#define HOLDS(f)	true
#else
#define HOLDS(f)	(f == 0)
#endif
#define CREDIT(f)	(MAY(f) && held[f] < PREFETCH)
#define CAN(f)		(ready && !paused && CREDIT(f))

/* -- wait queues: what happens under their lock is one step ---------------------- */

/* A thread whose file may not hold another one goes, and is not counted. */
#if defined(OLD) || defined(BREAK_NO_CREDIT)
#define no_credit(t)	skip
#else
#define no_credit(t)							\
	/* WAIT(wake:no-credit) */					\
	if								\
	:: readers & BIT(t) && !CREDIT(FILE(t)) ->			\
		readers = readers & ~BIT(t)				\
	:: else								\
	fi
#endif

inline mq_sleeper_wake(t)
{
	s_called = s_called | BIT(t);
	rx_called++;
	rx_late = 0;
	st = st & ~BIT(t);
	readers = readers & ~BIT(t)
}

/* __wake_up(&q->readers, TASK_INTERRUPTIBLE, 1, ...) */
inline wake_up_one()
{
	atomic {
		no_credit(0);
		no_credit(1);
		no_credit(2);
		if
		:: readers & st & BIT(0) -> mq_sleeper_wake(0)
		:: readers & st & BIT(1) -> mq_sleeper_wake(1)
		:: readers & st & BIT(2) -> mq_sleeper_wake(2)
		:: else
		fi
	}
}

/* mq_wake_readers(q, 1) */
inline mq_wake_readers()
{
	if
	:: !readers
	:: else ->
#ifdef SPIN
		if
		:: rx_spins -> goto L
		:: else
		fi;
#endif
		if
		:: !rx_called -> wake_up_one()
		:: else ->
#ifdef STOPS
			if
			:: rx_late -> wake_up_one()
			:: else -> grace = 1
			fi
#endif
		fi
	fi
}

inline mq_pass_on()
{
	if
	:: ready && !paused -> mq_wake_readers()
	:: else
	fi
}

/* Who stands in mq_file.own stays there (or, in the old code, does not). */
inline mq_wake_file(f)
{
#ifdef AUTOREMOVE
	d_step { st = st & ~own[f]; own[f] = 0 }
#else
	st = st & ~own[f]
#endif
}

/* -- a consumer's thread ------------------------------------------------------------ */

proctype thread(byte me)
{
	byte f = FILE(me);
	bool called;		/* as in mq_batch_wait() */
#ifdef SIGNALS
	bool stop;
#endif
#ifdef OLD
	bool credit;
#endif

idle:	true;
	if
	:: atomic { CAN(f) ->
		ready--;
		if
		:: HOLDS(f) -> held[f]++
		:: else -> stored--
		fi;
		if
		:: called -> goto took
		:: else -> goto idle
		fi }
	:: atomic { !CAN(f) ->
		if
		:: called -> goto failed
		:: else -> goto begin
		fi }
	:: atomic { !called && held[f] -> held[f]--; stored-- }
		mq_wake_file(f);
		goto idle
	:: !called -> goto done
	fi;
took:	true;
	d_step { called = 0; rx_called-- };
	mq_pass_on();
	goto idle;
failed:	true;
	d_step { called = 0; rx_called-- };
	mq_pass_on();
begin:
#ifdef SPIN
	if
	:: CREDIT(f) ->
		if
		:: atomic { !rx_spins -> rx_spins = 1 }
			if
			:: atomic { CAN(f) -> called = 1; rx_called++; rx_late = 0 }
				atomic { rx_spins = 0; goto idle }
			:: true -> rx_spins = 0; mq_pass_on()
			fi
		:: true
		fi
	:: else
	fi;
#endif
	/* mq_sleep_for_message() */
again:
	atomic {
#ifdef OLD
		credit = CREDIT(f);
#endif
		if
		:: s_called & BIT(me) ->
			if
#ifdef OLD
			:: credit && CAN(f) -> goto found
#else
			:: CAN(f) -> goto found
#endif
			:: else -> goto not_for_us
			fi
		:: else -> goto line_up
		fi
	}
not_for_us:	true;
	d_step { s_called = s_called & ~BIT(me); rx_called-- };
	mq_pass_on();
line_up:
	/* WAIT(sleep:own) */
#ifdef OLD
	true;
#endif
	atomic {
#ifdef SIGNALS
		stop = (sig & BIT(me)) != 0;
		if
		:: stop
		:: else -> own[f] = own[f] | BIT(me)
		fi;
#else
		own[f] = own[f] | BIT(me);
#endif
		st = st | BIT(me)
	}
	if
	/* WAIT(sleep:credit) */
#ifdef OLD
	:: credit ->
#else
	:: CREDIT(f) ->
#endif
		/* WAIT(sleep:readers) */
		atomic { readers = readers | BIT(me); st = st | BIT(me) }
	:: else
	fi;
	/* WAIT(sleep:look) */
	atomic {
		if
		:: CAN(f) -> goto found
#ifdef SIGNALS
		:: !CAN(f) && stop -> goto signalled
		:: !CAN(f) && !stop -> asleep = asleep | BIT(me)
#else
		:: else -> asleep = asleep | BIT(me)
#endif
		fi
	}
	/* WAIT(sleep:sleep) */
end_sleep:
	atomic {
#ifdef SIGNALS
		!(st & BIT(me)) || (sig & BIT(me)) ->
#else
		!(st & BIT(me)) ->
#endif
		/* WAIT(sleep:leave) */
		asleep = asleep & ~BIT(me);
		st = st & ~BIT(me);
		readers = readers & ~BIT(me);
#ifdef STOPS
		if
		:: s_called & BIT(me) -> goto done
		:: goto again
		fi
#else
		goto again
#endif
	}
found:	true;
	atomic {
		st = st & ~BIT(me);
		readers = readers & ~BIT(me);
		own[f] = own[f] & ~BIT(me);
		called = (s_called & BIT(me)) != 0;
		s_called = s_called & ~BIT(me);
		goto idle
	}
#ifdef SIGNALS
signalled:	true;
	atomic {
		st = st & ~BIT(me);
		readers = readers & ~BIT(me);
		own[f] = own[f] & ~BIT(me);
		called = (s_called & BIT(me)) != 0;
		s_called = s_called & ~BIT(me);
		stop = 0;
		if
		:: called -> called = 0; rx_called--
		:: else -> goto done
		fi
	}
	mq_pass_on();
#endif
done:
	skip
}

proctype producer()
{
	do
	:: d_step { sends < SENDS && stored < ROOM -> sends++; stored++; ready++ };
		mq_wake_readers()
	:: break
	od
}

/* Time. */
#ifdef STOPS
active proctype clock()
{
end:	do
	:: d_step { rx_called && !rx_late -> rx_late = 1 }
	:: grace -> grace = 0; mq_pass_on()
	od
}
#endif

#ifdef SIGNALS
active proctype signals()
{
	byte n;

	do
	:: n < SIGNALS && (asleep & 1) -> d_step { sig = sig | 1; st = st & ~1 }; n++
	:: break
	od
}
#endif

/* All awake threads have nothing to do: may those who sleep? */
#define COULD(t)	((asleep & BIT(t)) && CAN(FILE(t)))

active proctype verdict()
{
end:	timeout -> assert(!COULD(0) && !COULD(1) && !COULD(2))
}

init {
	atomic {
		run thread(0);
		run thread(1);
		run thread(2);
		run producer();
		run producer();
	}
}
