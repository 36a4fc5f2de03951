/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who waits for a message, and who wakes him: kernel/wait.c, spin.c.
 */
#ifndef PREFETCH
#define PREFETCH	1
#endif
#ifndef ROOM
#define ROOM		2
#endif
#ifndef PRODUCERS
#define PRODUCERS	2
#endif

#define BIT(t)		(1 << (t))
#define FILE(t)		((t) == 2)	/* threads 0 and 1 share file 0 */

byte st;		/* tasks that are TASK_INTERRUPTIBLE */
byte sig;		/* tasks with a signal pending */
byte readers;		/* who stands in mq_queue.readers */
byte own[2];		/* who stands in mq_file.own */
byte s_called;		/* mq_sleeper.called */
byte rx_called;		/* mq_side.called */
bool rx_late;		/* mq_side.called_at is long ago */
bool rx_spins;		/* mq_side.spins */
bool grace;		/* mq_queue.grace is pending */

byte ready;		/* mq_queue.stat.ready */
byte held[2];		/* mq_file.held_count */
byte stored;		/* mq_queue.stored */
bool paused;		/* mq_queue.opt.paused, for receiving */
bool q_active;		/* mq_queue.active: which file */
byte asleep;		/* for the verdict alone: threads in mq_sleep() */

#ifdef ACTIVE
#define CREDIT(f)	(held[f] < PREFETCH && q_active == f)
#else
#define CREDIT(f)	(held[f] < PREFETCH)
#endif
#define CAN(f)		(ready && !paused && CREDIT(f))

/* -- looks ----------------------------------------------------------------------- */

inline mq_can_receive(f, ret)
{
#ifdef FINE
	ret = !paused;
	if
	:: ret -> ret = CREDIT(f)
	:: else
	fi;
	if
	:: ret -> ret = ready > 0
	:: else
	fi
#else
	ret = CAN(f)
#endif
}

/* -- wait queues: what happens under their lock is one step ---------------------- */

inline mq_sleeper_wake(t)
{
	s_called = s_called | BIT(t);
	rx_called++;
	rx_late = 0;
	st = st & ~BIT(t);
	readers = readers & ~BIT(t)
}

/* A thread whose file may not hold another one goes, and is not counted. */
inline dequeue_no_credit(t)
{
#ifndef OLD
	if
	:: readers & BIT(t) && !CREDIT(FILE(t)) -> readers = readers & ~BIT(t)
	:: else
	fi
#else
	skip
#endif
}

/* __wake_up(&q->readers, TASK_INTERRUPTIBLE, 1, ...) */
inline wake_up_one()
{
	atomic {
		dequeue_no_credit(0);
		dequeue_no_credit(1);
		dequeue_no_credit(2);
		if
		:: readers & st & BIT(0) -> mq_sleeper_wake(0)
		:: readers & st & BIT(1) -> mq_sleeper_wake(1)
		:: readers & st & BIT(2) -> mq_sleeper_wake(2)
		:: else
		fi
	}
}

inline wake_up_each()
{
	d_step {
		dequeue_no_credit(0);
		dequeue_no_credit(1);
		dequeue_no_credit(2);
		if :: readers & st & BIT(0) -> mq_sleeper_wake(0) :: else fi;
		if :: readers & st & BIT(1) -> mq_sleeper_wake(1) :: else fi;
		if :: readers & st & BIT(2) -> mq_sleeper_wake(2) :: else fi
	}
}

/* mq_wake_readers(q, 1) */
inline mq_wake_readers()
{
	if
	:: !readers
	:: else ->
		if
#ifdef SPIN
		:: rx_spins
#endif
		:: else ->
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

inline mq_answer_message(called)
{
	if
	:: called ->
		d_step { called = 0; rx_called-- };
		mq_pass_on()
	:: else
	fi
}

/* -- a consumer's thread ------------------------------------------------------------ */

proctype thread(byte me)
{
	byte f = FILE(me);
	bool called, credit, can, stop;

idle:
	if
	/* mq_batch_take() */
	:: atomic { CAN(f) -> ready--; held[f]++ }
		mq_answer_message(called);
#ifdef AUTO
		d_step { held[f]--; stored-- };
#endif
		goto idle
	:: atomic { !CAN(f) -> skip }
		goto wait
#ifndef AUTO
	:: atomic { !called && held[f] -> held[f]--; stored-- }
		mq_wake_file(f);
		goto idle
#endif
	:: !called -> goto done
	fi;

wait:
	mq_answer_message(called);
#ifdef SPIN
	if
	:: CREDIT(f) ->
		if
		:: d_step { !rx_spins -> rx_spins = 1 };
			do
			:: mq_can_receive(f, can);
				if
				:: can -> break
				:: else -> break
				:: else
				fi;
			od;
			d_step {
				called = can;
				rx_called = rx_called + can;
				if
				:: can -> rx_late = 0
				:: else
				fi
			};
			rx_spins = 0;
			if
			:: can -> can = 0; goto idle
			:: else -> mq_pass_on()
			fi
		:: true
		fi
	:: else
	fi;
#endif
	/* mq_sleep_for_message() */
	do
	:: true ->
#ifdef OLD
		credit = CREDIT(f);
#endif
		if
		:: s_called & BIT(me) ->
#ifdef OLD
			if
			:: credit -> mq_can_receive(f, can)
			:: else
			fi;
#else
			mq_can_receive(f, can);
#endif
			if
			:: can -> break
			:: else
			fi;
			d_step { s_called = s_called & ~BIT(me); rx_called-- };
			mq_pass_on()
		:: else
		fi;
		d_step {
			stop = (sig & BIT(me)) != 0;
			if
			:: !stop -> own[f] = own[f] | BIT(me)
			:: else
			fi;
			st = st | BIT(me)
		};
#ifndef OLD
		credit = CREDIT(f);
#endif
		if
		:: credit -> d_step { credit = 0; readers = readers | BIT(me); st = st | BIT(me) }
		:: else
		fi;
		mq_can_receive(f, can);
		if
		:: can -> break
		:: else
		fi;
		if
		:: stop -> break
		:: else
		fi;
		asleep = asleep | BIT(me);
end_sleep:	d_step { !(st & BIT(me)) || (sig & BIT(me)) -> asleep = asleep & ~BIT(me) };
#ifdef STOPS
		if
		:: s_called & BIT(me) -> goto done
		:: true
		fi;
#endif
		d_step { st = st & ~BIT(me); readers = readers & ~BIT(me) }
	od;
	atomic {
		st = st & ~BIT(me);
		readers = readers & ~BIT(me);
		own[f] = own[f] & ~BIT(me);
		called = (s_called & BIT(me)) != 0;
		s_called = s_called & ~BIT(me);
		credit = can;
		can = 0;
		stop = 0
	};
	if
	:: credit -> credit = 0; goto idle
	:: else -> mq_answer_message(called)
	fi;
done:
	skip
}

proctype producer()
{
	do
	:: d_step { stored < ROOM -> stored++; ready++ };
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
#if PRODUCERS > 1
		run producer();
#endif
	}
}
