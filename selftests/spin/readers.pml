/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of waiting for messages, and of wake-ups: kernel/wait/ and
 * call/park.c, with few pollers, so that all of them are told at once. See
 * ./check for how it is run. A mark WAIT and a name in parentheses stands here
 * and beside the line of code that it models.
 *
 * There are two producers, two threads on one consumer's open file (0), and
 * another consumer (1), which is a thread. Switches change that:
 *
 *   ACTIVE	single_active: this file may receive, the other after its close
 *   PAUSE	receiving is paused, and later resumed
 *   SPIN	a waiter may spin before it sleeps (spin.c)
 *   STOPS	a waiter that was woken may never run, so that grace is needed
 *   SIGNALS	thread 0 may be interrupted
 *   POLL	the other consumer polls, and receives without waiting
 *   EXCLUSIVE	it polls with EPOLLEXCLUSIVE
 *   PARK	it is a ring with two RECVs (park.c), and file 0 has one thread;
 *		with STOPS the ring may never run
 *   LONE	there is no other consumer
 *   LONE_PRODUCER	there is one producer
 *   BATCH	a producer may send two messages at once
 *   MANUAL	the other consumer settles deliveries later, too
 *   FINE	each read of a look is a separate step
 *   OLD	the code before a fix
 *   BREAK_x	without a step that is needed
 *
 * These are one step in the model:
 *
 *   Changes with mq_queue.lock or a wait queue's lock held. A look without a
 *   lock may see half of them. But then the wake-up that follows the changes is
 *   still to come, and only waiters that are already in line look without a
 *   lock.
 *   A look that reads several fields, without FINE. It says no only if one of
 *   the fields says no at the moment of its read, and at that moment a look in
 *   one step would say no. If it says yes wrongly, the try finds nothing, as if
 *   another consumer was faster.
 *   Leaving a line after a wake-up: wake-ups skip a task that is not
 *   TASK_INTERRUPTIBLE, whether it is in line or not.
 *
 * A wake-up reaches any one waiter in line, as the order is not promised.
 *
 * The model sees memory in program order. So does the code where it matters, as
 * there is a full barrier between
 *
 *   getting in line and looking: set_current_state() in prepare_to_wait*(),
 *   smp_mb() in mq_poll(), mq_front_join() and mq_parked_look();
 *   changing something and looking for waiters: wq_has_sleeper(), after
 *   mq_unlock();
 *   mq_side_answer() or mq_spin_end() and looking for messages:
 *   smp_mb__after_atomic();
 *   calling a waiter and looking whether the timer runs: mq_grace_begin(). The
 *   timer stops and then looks for called waiters: mq_grace_expire();
 *   adding a message and looking for called waiters: wq_has_sleeper() again.
 */
#ifndef PREFETCH
#define PREFETCH	1
#endif
#ifndef ROOM
#define ROOM		2
#endif
#ifndef SENDS
#define SENDS		2
#endif

#define BIT(t)		(1 << (t))
#define FILE(t)		((t) == 2)	/* threads 0 and 1 share file 0 */
#define POLLER		BIT(3)		/* of file 1, or that file's relay */
#define FRONT		BIT(3)		/* mq_stand.front of file 1 */

byte st;		/* tasks that are TASK_INTERRUPTIBLE */
byte sig;		/* tasks with a signal pending */
byte readers;		/* waiters in mq_gate.readers */
bool locked;		/* the lock of readers is held for several steps */
byte own[2];		/* waiters in mq_stand.own, or in mq_stand.polls */
byte s_called;		/* mq_sleeper.called */
byte rx_called;		/* mq_side.called */
bool rx_late;		/* the grace period since mq_side.called_at is over */
bool rx_spins;		/* mq_side.spins */
bool rx_watched;	/* mq_side.watched */
bool grace;		/* mq_gate.grace is pending */

byte ready;		/* mq_queue.stat.ready */
byte held[2];		/* mq_file.held_count */
byte stored;		/* mq_queue.stored */
byte sends;		/* number of messages sent in all */
bool paused;		/* mq_queue.opt.paused, for receiving */
byte q_active;		/* mq_queue.active: number of the file */
byte users[2];		/* threads that have the file open */
byte asleep;		/* threads that sleep, for the verdict only */

bool ep_ready;		/* epoll: the file is on its ready list */
bool away;		/* mq_stand.away */

mtype = { BUSY, PARKED, WOKEN, CALLED, GONE };
mtype p_state[2] = BUSY;	/* mq_parked.state */
byte waiting;		/* mq_stand.waiting of file 1: parked commands */
bool p_late[2];		/* mq_parked.late */
byte firing;		/* 1 + number of the command whose timer runs */

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

/* -- parked commands, under the lock of mq_gate.readers ------------------- */

#define front_step()							\
	if								\
	:: !waiting -> readers = readers & ~FRONT			\
	:: waiting && CREDIT(1) -> readers = readers | FRONT		\
	:: else								\
	fi

/* mq_parked_end() of a command in line, whose timer starts then */
#define parked_end(i, why)						\
	waiting = waiting & ~BIT(i);					\
	if								\
	:: p_state[i] == PARKED -> p_state[i] = why			\
	:: else								\
	fi

#define WAITS(i)	((waiting & BIT(i)) && p_state[i] == PARKED)

/* -- wait queues ------------------------------------------------------------------- */

/* WAIT(wake:no-credit) a waiter without credit leaves, and is not counted */
#if defined(OLD) || defined(BREAK_NO_CREDIT)
#define no_credit(t)	skip
#else
#define no_credit(t)							\
	if								\
	:: readers & BIT(t) && !CREDIT(FILE(t)) ->			\
		readers = readers & ~BIT(t)				\
	:: else								\
	fi
#endif

/* WAIT(wake:grace) mq_grace_begin() */
#if defined(STOPS) && !defined(WATCHED) && !defined(BREAK_ARM)
#define ARM	grace = 1
#else
#define ARM	skip
#endif

#define mq_sleeper_wake(t)						\
	s_called = s_called | BIT(t);					\
	rx_called++;							\
	rx_late = 0;							\
	ARM;								\
	st = st & ~BIT(t);						\
	readers = readers & ~BIT(t)

/* WAIT(relay:no-credit) pollers of a file without credit are not told */
#ifdef BREAK_RELAY
#define RELAYS		(readers & POLLER)
#else
#define RELAYS		((readers & POLLER) && CREDIT(1))
#endif

/* WAIT(relay:nobody) the file leaves the line when it has no poller */
#define relay_nobody()							\
	if								\
	:: readers & POLLER && !(own[1] & POLLER) ->			\
		readers = readers & ~POLLER				\
	:: else								\
	fi

/* WAIT(relay:away) no poller sleeps, and all have been told */
#define relay_away()							\
	ep_ready = 1; readers = readers & ~POLLER; away = 1

#define ep_poll_callback()						\
	ep_ready = 1; st = st & ~POLLER


/* May the wake-up go to that thread? */
#ifdef BREAK_NO_CREDIT
#define WAKES(t)	(readers & st & BIT(t))
#else
#define WAKES(t)	((readers & st & BIT(t)) && CREDIT(FILE(t)))
#endif

inline wake_thread()
{
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

/* __wake_up(&q->readers, TASK_INTERRUPTIBLE, 1, ...) */
inline wake_up_one()
{
#if defined(PARK)
	if
	:: atomic { !locked && (WAKES(0) || WAKES(1) || !(readers & FRONT)) ->
		wake_thread()
		}
	/* mq_front_wake() */
	:: atomic { !locked && (readers & FRONT) -> locked = 1 };
		if
		/* WAIT(front:no-credit) it comes back with credit */
		:: atomic { !CREDIT(1) ->
			readers = readers & ~FRONT;
			wake_thread()
			}
		:: CREDIT(1) ->
			/* WAIT(front:nothing) */
			atomic {
				if
				:: CAN(1) ->
					/* mq_front_end() */
					if
					:: WAITS(0) -> parked_end(0, WOKEN)
					:: WAITS(1) -> parked_end(1, WOKEN)
					:: else -> waiting = 0;
						wake_thread()
					fi;
					if
					:: !waiting -> readers = readers & ~FRONT
					:: else
					fi
				:: else
				fi
			}
		fi;
		locked = 0
	fi
#elif defined(EXCLUSIVE)
	atomic {
		relay_nobody();
		/* A sleeping poller is counted; those before it are told. */
		if
		:: WAKES(0) || WAKES(1) ->
			wake_thread();
			if
			:: RELAYS && !(st & POLLER) -> relay_away()
			:: true
			fi
		:: RELAYS && (st & POLLER) -> ep_poll_callback()
		:: !WAKES(0) && !WAKES(1) && !(RELAYS && (st & POLLER)) ->
			wake_thread();
			if
			:: RELAYS -> relay_away()
			:: else
			fi
		fi
	}
#elif defined(POLL)
	atomic {
		relay_nobody();
		if
		:: RELAYS -> ep_poll_callback()
		:: else
		fi;
		wake_thread()
	}
#else
	atomic { wake_thread() }
#endif
}

/* The same for all waiters. */
inline wake_up_each()
{
	atomic {
		!locked;
		no_credit(0);
		no_credit(1);
		no_credit(2);
		if :: readers & st & BIT(0) -> mq_sleeper_wake(0) :: else fi;
		if :: readers & st & BIT(1) -> mq_sleeper_wake(1) :: else fi;
		if :: readers & st & BIT(2) -> mq_sleeper_wake(2) :: else fi;
#ifdef POLL
		if :: readers & POLLER -> ep_poll_callback() :: else fi;
#endif
	}
}

/* mq_wake_readers(q, 1) */
inline mq_wake_readers()
{
	if
	:: !readers
	:: else ->
#ifdef WATCHED
		wake_up_one()
#else
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
#endif
	fi
}

inline mq_wake_next_reader()
{
	if
#ifdef BREAK_PASS_ON
	:: true
#else
	/* WAIT(pass-on) */
	:: ready && !paused -> mq_wake_readers()
	:: else
#endif
	fi
}

/* Waiters in mq_stand.own stay there (in the old code they leave). */
inline mq_wake_stand(f)
{
	/* WAIT(wake:own) */
#if defined(OLD) || defined(AUTOREMOVE)
	atomic { st = st & ~own[f]; own[f] = 0 }
#else
	atomic {
		st = st & ~own[f];
#ifdef POLL
		/* WAIT(wake:polls) */
		if :: own[f] & POLLER -> ep_ready = 1 :: else fi
#endif
	}
#endif
#ifdef PARK
	if
	:: f == 1 && waiting ->
		/* WAIT(front:credit) */
		atomic { !locked; front_step() };
		mq_wake_next_reader()
	:: else
	fi
#endif
}

/* -- a consumer's thread ------------------------------------------------------------ */

proctype thread(byte me)
{
	byte f = FILE(me);
#ifdef ACTIVE
	byte other = 1 - f;
#endif
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
		mq_wake_stand(f);
		goto idle
	:: !called -> goto done
	fi;
took:	true;
	d_step { called = 0; rx_called-- };
	mq_wake_next_reader();
	goto idle;
failed:	true;
	/* WAIT(answer) */
	d_step { called = 0; rx_called-- };
	mq_wake_next_reader();
begin:
#ifdef SPIN
	if
	:: CREDIT(f) ->
		if
		/* WAIT(spin:begin) */
		:: atomic { !rx_spins -> rx_spins = 1 }
			if
			:: atomic { CAN(f) -> called = 1; rx_called++; rx_late = 0 }
				rx_spins = 0;
#ifndef BREAK_SPIN_ARM
				ARM;
#endif
#ifdef STOPS
				if
				:: goto stopped_here
				:: true
				fi;
#endif
				goto idle
			/* WAIT(spin:end) */
			:: true -> rx_spins = 0; mq_wake_next_reader()
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
not_for_us: true;
	d_step { s_called = s_called & ~BIT(me); rx_called-- };
	mq_wake_next_reader();
line_up:
#ifdef OLD
	true;
#endif
	/* WAIT(sleep:own) */
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
#ifndef BREAK_READERS
		/* WAIT(sleep:readers) */
		atomic { !locked; readers = readers | BIT(me); st = st | BIT(me) }
#endif
	:: else
	fi;
	/* WAIT(sleep:look) */
#ifdef BREAK_LOOK
	asleep = asleep | BIT(me);
#else
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
#endif
	/* WAIT(sleep:sleep) */
end_sleep:
	atomic {
#ifdef SIGNALS
		!locked && (!(st & BIT(me)) || (sig & BIT(me))) ->
#else
		!locked && !(st & BIT(me)) ->
#endif
		/* WAIT(sleep:leave) */
		asleep = asleep & ~BIT(me);
		st = st & ~BIT(me);
		readers = readers & ~BIT(me);
#ifdef STOPS
		if
#ifndef PARK
		:: s_called & BIT(me) -> goto stopped_here
#endif
		:: goto again
		fi
#else
		goto again
#endif
	}
found:	true;
	atomic {
		!locked;
		st = st & ~BIT(me);
		readers = readers & ~BIT(me);
		own[f] = own[f] & ~BIT(me);
		called = (s_called & BIT(me)) != 0;
		s_called = s_called & ~BIT(me);
		goto idle
	}
#ifdef SIGNALS
signalled: true;
	atomic {
		!locked;
		st = st & ~BIT(me);
		readers = readers & ~BIT(me);
		own[f] = own[f] & ~BIT(me);
		called = (s_called & BIT(me)) != 0;
		s_called = s_called & ~BIT(me);
		stop = 0;
		if
#ifdef BREAK_SIGNAL
		:: goto done
#else
		:: called -> called = 0; rx_called--
		:: !called -> goto done
#endif
		fi
	}
	mq_wake_next_reader();
#endif
done:	true;
#ifdef ACTIVE
	/* The last thread closes the file, which returns its deliveries. */
	atomic {
		users[f]--;
		if
		:: users[f] || !held[f] -> goto detach
		:: else -> ready = ready + held[f]; held[f] = 0
		fi
	}
	mq_wake_readers();
detach:	true;
	atomic {
		if
		/* WAIT(active:next) */
		:: !users[f] && q_active == f && users[other] -> q_active = other
		:: else -> goto stopped_here
		fi
	}
	mq_wake_stand(other);
#endif
stopped_here:
	skip
}

#ifdef POLL
/* epoll_wait(), level-triggered, and receiving without waiting. */
proctype poller()
{
	/* WAIT(poll:polls) */
	own[1] = own[1] | POLLER;
	/* WAIT(poll:readers) */
	readers = readers | POLLER;
	ep_ready = 1;			/* EPOLL_CTL_ADD looks at the file */
wait:	true;
	if
	:: atomic { ep_ready -> ep_ready = 0 }
#if defined(EXCLUSIVE) && !defined(BREAK_AWAY)
		/* WAIT(poll:back) the first that looks puts the file back */
		if
		:: away -> atomic { away = 0; readers = readers | POLLER }
		:: else
		fi;
#endif
		/* WAIT(poll:look) */
		if
		:: CAN(1) -> ep_ready = 1
		:: else -> goto wait
		fi
	:: atomic { !ep_ready -> st = st | POLLER };
end_poll:	!(st & POLLER);
		goto wait
	fi;
	if
	:: atomic { CAN(1) -> ready--;
		if
		:: HOLDS(1) -> held[1]++
		:: else -> stored--
		fi }
	:: atomic { !CAN(1) -> skip }
	fi;
	if
	:: goto wait
	:: atomic { held[1] -> held[1]--; stored-- }
		mq_wake_stand(1);
		goto wait
	:: true
	fi;
	/* It polls no longer. */
	own[1] = own[1] & ~POLLER
}
#endif

#ifdef PARK
/* mq_parked_run(), or issuing the command: the ring's lock serializes them */
inline parked_run(i)
{
	/* mq_parked_dequeue() */
	atomic { !locked; waiting = waiting & ~BIT(i); front_step() };
	/* hrtimer_cancel() */
	atomic { firing != i + 1 ->
		why = p_state[i];
		p_state[i] = BUSY;
		p_late[i] = 0
	};
	if
	/* The command was told to end, or its ring ends. */
	:: atomic { why != BUSY -> can = 1; gone = 1 }
	:: atomic { CAN(1) -> can = 1; ready--;
		if
		:: HOLDS(1) -> held[1]++
		:: else -> stored--
		fi }
	:: atomic { !CAN(1) -> can = 0 }
	fi;
	if
#ifndef BREAK_PARK_PASS
	:: why == WOKEN -> mq_wake_next_reader()
#endif
	:: else
	fi;
	if
	:: atomic { can -> can = 0; p_state[i] = (gone -> GONE : BUSY); gone = 0; why = BUSY }
	:: else ->
		/* mq_parked_wait() */
		why = BUSY;
		p_state[i] = PARKED;
		/* WAIT(park:own) */
		atomic { !locked; waiting = waiting | BIT(i);
			/* WAIT(park:readers) */
			front_step() };
		/* WAIT(park:look) */
#ifndef BREAK_PARK_LOOK
		if
		:: atomic { CAN(1) ->
			if
			:: p_state[i] == PARKED -> p_state[i] = CALLED
			:: else
			fi }
		:: else
		fi
#endif
	fi
}

#define DUE(i)	(p_state[i] == BUSY || p_state[i] == WOKEN || p_state[i] == CALLED)

proctype ring()
{
	bool can, gone;
	mtype why = BUSY;

end_ring:
	do
	:: DUE(0) -> parked_run(0)
	:: DUE(1) -> parked_run(1)
	:: atomic { held[1] -> held[1]--; stored-- }
		mq_wake_stand(1)
#ifdef STOPS
	:: break
#endif
	od
}

#ifdef STOPS
/* mq_parked_is_late() */
inline parked_is_late(i)
{
	atomic {
		!locked;
		if :: waiting & BIT(0) -> parked_end(0, CALLED) :: else fi;
		if :: waiting & BIT(1) -> parked_end(1, CALLED) :: else fi;
		front_step()
	};
	if
	:: ready && !paused -> wake_up_each()
	:: else
	fi
}

active proctype timers()
{
end:	do
	:: false
#ifndef BREAK_PARK_GRACE
	/* WAIT(park:grace) */
	:: atomic { p_state[0] == WOKEN && !p_late[0] -> p_late[0] = 1; firing = 1 }
		parked_is_late(0);
		firing = 0
	:: atomic { p_state[1] == WOKEN && !p_late[1] -> p_late[1] = 1; firing = 2 }
		parked_is_late(1);
		firing = 0
#endif
	od
}
#endif
#endif

proctype producer()
{
	do
#ifdef BATCH
	:: d_step { sends + 2 <= SENDS && stored + 2 <= ROOM -> sends = sends + 2; stored = stored + 2; ready = ready + 2 };
		mq_wake_readers()
#endif
	:: d_step { sends < SENDS && stored < ROOM -> sends++; stored++; ready++ };
		mq_wake_readers()
	:: break
	od
}

/* The timers. */
#if defined(STOPS) && !defined(WATCHED)
active proctype clock()
{
	byte n;

end:	do
	:: d_step { rx_called && !rx_late -> rx_late = 1 }
#ifndef BREAK_GRACE
	/* mq_grace_expire() */
	:: grace -> grace = 0;
		/* WAIT(grace:over) */
		n = rx_called;
		if
		:: n > 1 && ready && !paused -> wake_up_each()
		:: n == 1 -> mq_wake_next_reader()
		:: else
		fi;
		n = 0
#endif
	od
}
#endif

#ifdef PAUSE
/* mq_notify_options() */
active proctype options()
{
	if
	:: true -> paused = 1
	:: true -> goto done
	fi;
	paused = 0;
#ifndef BREAK_OPTIONS
	/* WAIT(wake:options) */
	mq_wake_stand(0);
	mq_wake_stand(1);
	if
	:: !readers
	:: else -> wake_up_each()
	fi;
#endif
done:	skip
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

/* No thread can run: is one asleep that could receive? */
#define COULD(t)	((asleep & BIT(t)) && CAN(FILE(t)))

active proctype verdict()
{
end:	timeout ->
	assert(!COULD(0) && !COULD(1) && !COULD(2));
	assert(!((st & POLLER) && !ep_ready && CAN(1)));
	assert(!(p_state[0] == PARKED && CAN(1)));
	assert(!(p_state[1] == PARKED && CAN(1)));
}

init {
	atomic {
		/* The queue is empty, or file 0 holds a delivery. */
		if
		:: true
		:: held[0] = 1; stored = 1
		fi;
		users[0] = 2;
		users[1] = 1;
#ifdef ACTIVE
		q_active = ACTIVE;
#endif
		run thread(0);
#ifndef PARK
		run thread(1);
#endif
#if defined(POLL)
		run poller();
#elif defined(PARK)
		run ring();
#elif !defined(LONE)
		run thread(2);
#endif
		run producer();
#ifndef LONE_PRODUCER
		run producer()
#endif
	}
}
