/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * devmq: message queues as device files. The contract with user space.
 *
 * A queue is a character device, /dev/mq/NAME. write(2) sends a message,
 * read(2) receives one. This header holds what plain files cannot say: the
 * record layout, which carries a message with its metadata, and the ioctls.
 *
 * A topic is a device of the same kind (type=topic). What is sent to it goes to
 * the queues that are bound to it, to all whose filters take it or to none. See
 * struct devmq_bind. It may retain what was sent to it (the options
 * retain_messages, retain_bytes and retain_ms, of which one is not 0, or
 * compact=key).
 *
 * A topic that retains messages is read with read(2), which takes nothing away.
 * Each open file has a position, the id of the next message that it reads: at
 * first that of the oldest one there is. lseek(2) moves it: SEEK_SET to an id, of
 * which 0 stands for the oldest, SEEK_END behind the newest, SEEK_DATA to the next
 * id from there on that is retained (ENXIO: there is none); EINVAL: beyond the
 * end. The rest of a message that was read in part comes with the next read. A
 * reader that was overtaken, as messages from its position on are not retained any
 * more, gets EPIPE once, and goes on with the oldest; poll says EPOLLERR and
 * EPOLLPRI then. So it is if a tombstone, a message with a key and no payload that
 * compact=key keeps for tombstone_ms, has gone before it was read. Messages that were
 * purged or compacted from between others are stepped over.
 * pread(2) is ESPIPE, and offsets of io_uring have no effect.
 *
 * Rules that hold for every ioctl here
 *
 *  - The argument is a pointer to a structure that begins with its own size
 *    in bytes, set by the caller. A smaller structure than the module knows
 *    is taken as if the missing tail were zero, so long as it holds the
 *    members that every version has; a larger one is taken if what the
 *    module does not know is zero.
 *  - Flags that are not listed and members called reserved must be zero.
 *  - A member marked "out" is written on success, whatever it held before.
 *    After an error nothing has happened and nothing is written, except
 *    where an ioctl says so.
 *  - A call returns 0 or -1 with errno, never a positive number.
 *  - Calls that sleep end with EINTR on a signal (or are restarted, as the
 *    signal's handler asks) before they had any effect.
 *  - 32- and 64-bit callers use the same layout. Multi-byte integers are in
 *    the byte order of the machine.
 *
 * Consumers and producers
 *
 *  A file that was opened for reading only is a consumer from open to close,
 *  one that was opened for writing only a producer. One that was opened for both
 *  is a consumer from its first read(2), DEVMQ_IOC_RECV, DEVMQ_IOC_CONSUMER or
 *  poll for input on, and a producer from its first write(2), DEVMQ_IOC_SEND or
 *  poll for output on, even if that call fails, but for a malformed argument, a
 *  read or write of no bytes, or a buffer that cannot be used. To look
 *  (DEVMQ_IOC_STAT, DEVMQ_IOC_PEEK, DEVMQ_IOC_PURGE, DEVMQ_IOC_REDRIVE,
 *  DEVMQ_IOC_REVOKE, DEVMQ_IOC_BINDINGS, FIONREAD), to settle or to bind makes it
 *  neither. Roles are what O_EXCL and the options single_active and eof=hangup go
 *  by.
 *
 * Errors
 *
 *  ENOTTY      the command is not one of these
 *  EINVAL      a value, flag or reserved member is not allowed; a structure
 *              is smaller than its first version; a record is malformed, or its
 *              payload is empty and the queue's allow_empty is 0; the command
 *              is for a queue and this is a topic, or the other way round; read(2)
 *              of a topic that retains nothing; binding: a filter is malformed,
 *              or the queue would refuse what the topic takes
 *  E2BIG       a structure is larger than known, and its unknown tail is set;
 *              more settlements than DEVMQ_SETTLE_MAX; binding: the filter, or
 *              what it would cost to match it, is too large
 *  EFAULT      a pointer does not lead to memory that can be used
 *  EBADF       the descriptor is not open for reading (receiving, settling,
 *              peeking, purging) or for writing (sending)
 *  EAGAIN      the call would sleep, and the descriptor or the deadline says
 *              not to; so it is also where messages are there that this open
 *              file may not receive now: as it holds as many as its prefetch
 *              says, for instance, or what is next is handed out alone
 *  ETIMEDOUT   the deadline passed with nothing to receive
 *  EINTR       a signal came while the call slept
 *  EMSGSIZE    sending: a message is larger than max_message_size or could
 *              never fit max_bytes or a segment of the journal; receiving: the
 *              next record is larger than the buffer (the member "need" then
 *              says how much it takes)
 *  ENOSPC      the queue, or its journal, is full, and the queue's overflow
 *              option says not to wait; of a topic, so it is with one of the
 *              queues that are to get the message; binding: the topic has
 *              DEVMQ_BINDINGS_MAX bindings, or the journal, which keeps what is
 *              bound in it, is full
 *  EDQUOT      the messages of all queues, or those of the caller, take as much
 *              memory as they may (max_total_bytes, max_user_bytes) and the
 *              queue's overflow option says not to wait; or there is none for
 *              the note of a settlement, for a command of io_uring that is to
 *              wait, or for one more open file
 *  EIO         the queue's journal has failed: nothing can be sent, and what was
 *              sent or settled before may not be on stable storage; read(2) and
 *              PEEK of a topic: a message is in the journal's file alone, which
 *              cannot be read
 *  EBADMSG     the same, as the file is damaged there
 *  ENOMEM      the kernel, or the caller's memory cgroup, has no memory
 *  ENOENT      receiving by id: no message with that id is deferred; sending to a
 *              topic with on_unrouted=refuse: nobody takes the message;
 *              unbinding: there is no such binding
 *  EEXIST      binding: there is such a binding already
 *  ENODEV      the queue has been removed
 *  EPIPE       read(2) of a topic: messages that the open file had not read, or
 *              the rest of one, are not retained any more. The next read goes on
 *              with the oldest one
 *  ESTALE      a settlement names no delivery that this open file holds (any
 *              more: a lease may have run out); read(2): so it was with a
 *              message that was half read
 *  EBUSY       the consumer's mode cannot change while it holds deliveries; this
 *              open file, which is open for both sides, would be a consumer
 *              from now on, and O_EXCL, its own or another's, says that there
 *              is one only; read(2) and readv(2) give that as well. Binding: see
 *              struct devmq_bind
 *  ESRCH       a holder is named, and the caller sees none of their process ids
 *  ECANCELED   io_uring: it was told to end, and nothing has happened
 *  EOPNOTSUPP  io_uring: a command that does not come this way
 *  ELOOP       a chain of topics, alternates and dead-letter queues would close on
 *              itself, or topics would feed topics more than DEVMQ_TOPICS_DEEP deep
 *  EXDEV       messages are to go to a queue that is not in the same journal
 *  EPERM       binding: the caller does not own both nodes
 *  EPERM and EACCES also come from open(2): the node's mode decides who may do what
 */
#ifndef _UAPI_LINUX_DEVMQ_H
#define _UAPI_LINUX_DEVMQ_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DEVMQ_IOC_MAGIC		0xBE

/** DEVMQ_NAME_MAX - most bytes of a queue's name, without the final NUL. */
#define DEVMQ_NAME_MAX		63
/** DEVMQ_KEY_MAX - most bytes of a record's key, and of its dedup id. */
#define DEVMQ_KEY_MAX		255
/** DEVMQ_HEADERS_MAX - most bytes of all headers of one record together. */
#define DEVMQ_HEADERS_MAX	65535
/** DEVMQ_BATCH_MAX - most records that one SEND takes or one RECV gives. */
#define DEVMQ_BATCH_MAX		1024

/** DEVMQ_PARKED_MAX - most io_uring commands that wait on one open file. */
#define DEVMQ_PARKED_MAX	1024
/** DEVMQ_SETTLE_MAX - most settlements in one DEVMQ_IOC_SETTLE. */
#define DEVMQ_SETTLE_MAX	4096
/** DEVMQ_NOTE_MAX - most bytes of the note that comes with a retry or a reject. */
#define DEVMQ_NOTE_MAX		256
/** DEVMQ_PRIORITIES_MAX - most levels of priority that a queue can have. */
#define DEVMQ_PRIORITIES_MAX	256
/** DEVMQ_BINDINGS_MAX - most bindings that one topic has. */
#define DEVMQ_BINDINGS_MAX	65536
/** DEVMQ_FILTER_MAX - most bytes of a filter, the zero bytes counted. */
#define DEVMQ_FILTER_MAX	4096
/** DEVMQ_FILTER_TERMS - most terms of a filter: one key, and 16 headers. */
#define DEVMQ_FILTER_TERMS	17
/** DEVMQ_PATTERN_WORDS - most words of a filter's pattern for keys. */
#define DEVMQ_PATTERN_WORDS	16
/** DEVMQ_PATTERN_MANY - most of these words that are '#'. */
#define DEVMQ_PATTERN_MANY	2
/** DEVMQ_TOPICS_DEEP - most topics that stand one behind the other. */
#define DEVMQ_TOPICS_DEEP	8
/** DEVMQ_TOPICS_MAX - most topics that one message passes through. */
#define DEVMQ_TOPICS_MAX	64
/** DEVMQ_FOREVER - a deadline that never comes. */
#define DEVMQ_FOREVER		(~0ULL)

/**
 * enum devmq_state - where a message stands in its queue
 * @DEVMQ_STATE_READY: waits for a consumer
 * @DEVMQ_STATE_IN_FLIGHT: delivered to a consumer, which has not settled it
 * @DEVMQ_STATE_DELAYED: waits for its time
 * @DEVMQ_STATE_DEFERRED: set aside by a consumer, until somebody receives it by
 *	its id
 * @DEVMQ_STATE_DEAD: set aside after too many failures, a reject or an expiry,
 *	until its owner redrives or purges it
 * @DEVMQ_STATE_RETAINED: in a topic, which keeps it for readers
 *
 * Where an ioctl takes several states, it takes a mask of
 * DEVMQ_STATE_MASK(state).
 */
enum devmq_state {
	DEVMQ_STATE_READY	= 1,
	DEVMQ_STATE_IN_FLIGHT	= 2,
	DEVMQ_STATE_DELAYED	= 3,
	DEVMQ_STATE_DEFERRED	= 4,
	DEVMQ_STATE_DEAD	= 5,
	DEVMQ_STATE_RETAINED	= 6,
};

#define DEVMQ_STATE_MASK(state)	(1U << (state))

/**
 * enum devmq_failure - how a delivery of the message last went wrong
 * @DEVMQ_FAILURE_NONE: it never did
 * @DEVMQ_FAILURE_CRASH: the consumer's file was closed with it unsettled
 * @DEVMQ_FAILURE_RETRY: the consumer asked for a retry
 * @DEVMQ_FAILURE_LEASE: the lease ran out
 */
enum devmq_failure {
	DEVMQ_FAILURE_NONE	= 0,
	DEVMQ_FAILURE_CRASH	= 1,
	DEVMQ_FAILURE_RETRY	= 2,
	DEVMQ_FAILURE_LEASE	= 3,
};

/**
 * enum devmq_reason - why a message is dead, or went to a dead-letter queue
 * @DEVMQ_REASON_NONE: it is not, and did not
 * @DEVMQ_REASON_FAILURES: it failed max_deliveries times
 * @DEVMQ_REASON_REJECTED: a consumer rejected it and gave no reason
 * @DEVMQ_REASON_EXPIRED: its time to live ran out (on_expiry=dead)
 * @DEVMQ_REASON_OVERFLOW: it made room for another (overflow=dead-letter)
 * @DEVMQ_REASON_USER: this and larger numbers are what consumers reject with
 */
enum devmq_reason {
	DEVMQ_REASON_NONE	= 0,
	DEVMQ_REASON_FAILURES	= 1,
	DEVMQ_REASON_REJECTED	= 2,
	DEVMQ_REASON_EXPIRED	= 3,
	DEVMQ_REASON_OVERFLOW	= 4,
	DEVMQ_REASON_USER	= 256,
};

/* Record flag: delay_ns is an instant of CLOCK_REALTIME, not a duration. */
#define DEVMQ_RECORD_AT		0x1

/**
 * struct devmq_record - a message with its metadata, as it is sent, received
 *			 and peeked at
 * @size: bytes of this header and of all that follows it, the padding at the
 *	end not counted. The next record of a batch begins at the next
 *	multiple of 8 (see DEVMQ_RECORD_STEP)
 * @flags: when sending: zero or DEVMQ_RECORD_AT. Zero when received
 * @id: number of the message in its queue, from 1, in the order of sending,
 *	never used twice. Zero when sending
 * @time_ns: when it was sent, CLOCK_REALTIME. Zero when sending
 * @delay_ns: when sending: how long it waits before it is ready, measured
 *	with CLOCK_BOOTTIME, zero for the queue's delay_ms; with
 *	DEVMQ_RECORD_AT the instant of CLOCK_REALTIME at which it gets ready,
 *	at once if that has passed. Zero when received
 * @ttl_ns: when sending: how long it may wait to be delivered, from when it is
 *	ready for the first time, measured with CLOCK_BOOTTIME; zero for the
 *	queue's ttl_ms, DEVMQ_FOREVER for without end. Zero when received
 * @uid: effective user id of the sender, seen from the receiver's user
 *	namespace. Zero when sending: the kernel stamps it
 * @gid: effective group id of the sender, likewise
 * @pid: process id of the sender in the initial pid namespace; zero to a
 *	receiver in another one. Zero when sending
 * @attempt: how often it has been handed out, this delivery included. Zero
 *	when sending
 * @failures: how many of those went wrong. Zero when sending
 * @priority: higher is delivered first. Less than the queue's option
 *	priorities
 * @state: enum devmq_state. Zero when sending
 * @failure: enum devmq_failure, the last one. Zero when sending
 * @reserved: must be zero
 * @extra_size: bytes of struct devmq_extra where the kernel has something to
 *	say there, else zero. Zero when sending
 * @key_size: bytes of the key, at most DEVMQ_KEY_MAX
 * @dedup_size: bytes of the de-duplication id, at most DEVMQ_KEY_MAX. On a
 *	queue whose dedup_window_ms is zero it has no effect. Zero when received
 * @headers_size: bytes of the headers
 *
 * Behind it stand, with no space between them, the extra block, key, dedup id
 * and headers, then zero bytes up to a multiple of 8, then the payload up to
 * @size. DEVMQ_RECORD_PAYLOAD gives its place. An empty payload is sent only to
 * a queue with allow_empty=1: else EINVAL. The padding is zero when received, and
 * need not be when sent.
 */
struct devmq_record {
	__u32		size;
	__u32		flags;
	__aligned_u64	id;
	__aligned_u64	time_ns;
	__aligned_u64	delay_ns;
	__aligned_u64	ttl_ns;
	__u32		uid;
	__u32		gid;
	__u32		pid;
	__u32		attempt;
	__u32		failures;
	__u8		priority;
	__u8		state;
	__u8		failure;
	__u8		reserved;
	__u16		extra_size;
	__u16		key_size;
	__u16		dedup_size;
	__u16		headers_size;
};

#define DEVMQ_ALIGN(n)		(((n) + 7ULL) & ~7ULL)
/** DEVMQ_RECORD_STEP - bytes from a record of this size to the next one. */
#define DEVMQ_RECORD_STEP(size)	DEVMQ_ALIGN(size)
/** DEVMQ_RECORD_PAYLOAD - bytes from a record's start to its payload. */
#define DEVMQ_RECORD_PAYLOAD(r) DEVMQ_ALIGN(sizeof(struct devmq_record) + \
	(r)->extra_size + (r)->key_size + (r)->dedup_size + (r)->headers_size)

/**
 * struct devmq_extra - what only some records have to say
 * @since_ns: DEVMQ_IOC_PEEK, in flight: when it was delivered, CLOCK_REALTIME;
 *	else zero
 * @holder_pid: DEVMQ_IOC_PEEK, in flight: process that received last with the
 *	open file which holds it, seen as @pid of struct devmq_record is; else
 *	zero, as also while DEVMQ_IOC_RECV is handing it over
 * @payload_size: bytes of the whole payload, of which DEVMQ_IOC_PEEK may show
 *	less
 * @due_ns: delayed: when it will be ready, or when its time to live ends if
 *	that is earlier; in flight: when its lease ends; CLOCK_REALTIME as it
 *	goes now. Else zero
 * @expires_ns: when its time to live ends, CLOCK_REALTIME as it goes now; zero
 *	if it has none, or it has not begun
 * @origin_id: its number in the queue that it came from as dead; zero if it
 *	was sent to this one
 * @reason: enum devmq_reason, or the number that a consumer rejected it with
 * @origin_size: bytes of the name of the queue that it came from as dead
 * @note_size: bytes of the note that came with the last failure, a retry's, or
 *	that it was rejected with
 * @topic_size: bytes of the name of the topic that it was sent to; zero if it
 *	was sent to a queue
 * @topic_id: its number in that topic; zero if it was sent to a queue
 *
 * The names of the topic and of the origin (no NUL) and the note follow at once,
 * in this order, and extra_size counts them. It stands directly behind the
 * record's header, in all that DEVMQ_IOC_PEEK shows, and where DEVMQ_IOC_RECV
 * gives a message that was sent to a topic, has been dead or has a note. Further
 * members may follow in later versions, before the names, so go by the end: the
 * note is the last note_size bytes of the extra_size, the origin's name stands
 * before it, and the topic's name before that.
 */
struct devmq_extra {
	__aligned_u64	since_ns;
	__u32		holder_pid;
	__u32		payload_size;
	__aligned_u64	due_ns;
	__aligned_u64	expires_ns;
	__aligned_u64	origin_id;
	__u16		reason;
	__u16		origin_size;
	__u16		note_size;
	__u16		topic_size;
	__aligned_u64	topic_id;
};

/**
 * struct devmq_header - one header: a name with a value
 * @name_size: bytes of the name, 1 to 255
 * @value_size: bytes of the value
 *
 * The name, then the value, follow at once, and the next header follows with
 * no padding, so this structure may stand at an odd address. Names are
 * printable ASCII without space and '='. A name may come more than once.
 */
struct devmq_header {
	__u16		name_size;
	__u16		value_size;
};

/* Names with a meaning that programs agree on. */
#define DEVMQ_HEADER_REPLY_TO		"reply-to"
#define DEVMQ_HEADER_CORRELATION_ID	"correlation-id"
#define DEVMQ_HEADER_MESSAGE_ID		"message-id"
#define DEVMQ_HEADER_CONTENT_TYPE	"content-type"
#define DEVMQ_HEADER_CONTENT_ENCODING	"content-encoding"
#define DEVMQ_HEADER_TYPE		"type"
#define DEVMQ_HEADER_APP_ID		"app-id"

/* Out, in struct devmq_send's result: the record was a duplicate. */
#define DEVMQ_SENT_DUP		0x1

/*
 * Return when the records that were taken are on stable storage, if the queue
 * has a journal. Without one it says nothing.
 */
#define DEVMQ_SEND_SYNC		0x1
/*
 * There is no record, but a bare payload, which becomes one message without key,
 * headers and times, of the lowest priority.
 */
#define DEVMQ_SEND_PAYLOAD	0x2

/**
 * struct devmq_send - argument of DEVMQ_IOC_SEND
 * @size: sizeof(struct devmq_send)
 * @flags: zero, or DEVMQ_SEND_SYNC and DEVMQ_SEND_PAYLOAD
 * @records: address of the first record; with DEVMQ_SEND_PAYLOAD of the payload
 * @records_size: bytes of all the records, the padding between them counted.
 *	What the last record leaves over (less than 8 bytes) is allowed. With
 *	DEVMQ_SEND_PAYLOAD the bytes of the payload
 * @count: out: how many records were taken, in order from the first
 * @result: must be zero; out: zero, or DEVMQ_SENT_DUP
 * @first_id: out: id of the first one taken; the others follow without a gap
 * @last_id: out: id of the last one taken
 *
 * Needs a descriptor open for writing. Waits for room for the first record
 * (unless O_NONBLOCK), then takes as many as there is room for, at most
 * DEVMQ_BATCH_MAX and about 16 MiB of them, and returns. A
 * record that is refused ends the batch: if it is the first, its error is the
 * call's, else the call succeeds with the records before it, and sending the
 * rest again gives the error. Each record is taken whole or not at all.
 *
 * A record whose de-duplication id was seen within the queue's window stores
 * nothing. It ends the batch like one that is refused; as the first, it is
 * taken alone: @count is 1, @result is DEVMQ_SENT_DUP, and both ids are that of
 * the message which was stored in its place.
 *
 * DEVMQ_SEND_PAYLOAD sends one message, as a record with nothing but this payload
 * would, and takes the least time. A queue with framing=line does not look for
 * lines in it, as write(2) does.
 *
 * DEVMQ_SEND_SYNC: the call succeeds when the journal has confirmed what was
 * taken. If it fails with EIO or EINTR after records were taken, the members
 * marked "out" are written, and the records are in the queue, unconfirmed: a
 * later fsync(2) may confirm them, and sending them again would double them. A
 * descriptor that was opened with O_DSYNC or O_SYNC does so without the flag.
 *
 * To a topic: each record goes to all queues whose filters take it, or, if there
 * is no room in one of them, to none. The ids are those of the topic, which sees
 * its messages in the same order as each of its queues does. Waits for a queue
 * that is full or paused and has overflow=block, holding no room elsewhere, and
 * shows that queue in /proc/PID/fdinfo/FD ("mq-full:"). A record that nobody takes
 * is refused with ENOENT if the topic, or one that it passes, has
 * on_unrouted=refuse. A priority that a queue does not have counts as its highest
 * one. A queue in which the record is a duplicate does not store it; the other
 * queues do, and @result is zero. Of a batch may be taken less than there is room
 * for, if many queues get each record.
 */
struct devmq_send {
	__u32		size;
	__u32		flags;
	__aligned_u64	records;
	__aligned_u64	records_size;
	__u32		count;
	__u32		result;
	__aligned_u64	first_id;
	__aligned_u64	last_id;
};

/**
 * struct devmq_recv - argument of DEVMQ_IOC_RECV
 * @size: sizeof(struct devmq_recv)
 * @flags: must be zero
 * @buffer: where the records go
 * @buffer_size: bytes there
 * @deadline_ns: how long to wait for the first message: a time of
 *	CLOCK_MONOTONIC, zero not to wait at all, DEVMQ_FOREVER without end.
 *	O_NONBLOCK does not wait either
 * @id: zero, or the deferred message to take: this one alone, without waiting;
 *	ENOENT if it is not deferred
 * @max_count: receive at most so many; zero: as many as fit
 * @count: out: how many records there are
 * @used: out: bytes that they take, padding included
 * @need: out: zero; with EMSGSIZE: the bytes that the next record takes
 * @ack_first_id: zero, or the first of the deliveries to acknowledge before
 *	anything is received
 * @ack_last_id: the last of them, not below the first; zero if that is
 * @acked: out: how many deliveries were acknowledged
 *
 * Needs a descriptor open for reading. Takes messages in order, as many as
 * are ready and fit, at most DEVMQ_BATCH_MAX. With ack=auto they are settled once
 * they have been copied out, with ack=manual this open file holds them until it
 * settles them. Success with a count of zero is the end of file that the queue's
 * eof option asks for. A message that has failed half of the queue's
 * max_deliveries times is handed out alone: with no other in one call, to an open
 * file that holds none, and that gets none before it is settled. A message that
 * read(2) has begun on this descriptor stays with read(2). On EMSGSIZE the
 * structure is written (need); an EFAULT in a record behind the first ends the
 * batch, and that message stays in place.
 *
 * A consumer that works on one message after the other acknowledges the last one
 * and receives the next one by the same call: @ack_first_id and @ack_last_id are a
 * range as in struct devmq_settlement, which DEVMQ_IOC_SETTLE would acknowledge.
 * That comes first, and does not wait. What of it this open file does not hold (any
 * more) is no error: @acked says how many deliveries it held. Then the call receives.
 * If that fails, what was acknowledged stays so: if @acked is not zero, the structure
 * is written whatever the error, and a signal ends the call with EINTR, as it must
 * not be restarted. So it is when an io_uring command is cancelled.
 */
struct devmq_recv {
	__u32		size;
	__u32		flags;
	__aligned_u64	buffer;
	__aligned_u64	buffer_size;
	__aligned_u64	deadline_ns;
	__aligned_u64	id;
	__u32		max_count;
	__u32		count;
	__aligned_u64	used;
	__aligned_u64	need;
	__aligned_u64	ack_first_id;
	__aligned_u64	ack_last_id;
	__aligned_u64	acked;
};

/**
 * enum devmq_action - how to finish a delivery
 * @DEVMQ_ACTION_ACK: done; the message is gone
 * @DEVMQ_ACTION_RELEASE: undo: back in its place at once, the attempt not
 *	counted
 * @DEVMQ_ACTION_RETRY: it failed: back in its place after a while; dead, if
 *	that was one time too many. A note says why
 * @DEVMQ_ACTION_REJECT: it is no good: dead, and it goes to the dead-letter
 *	queue, if there is one and room in it for one more that comes as dead
 * @DEVMQ_ACTION_EXTEND: not finished: the lease begins anew
 * @DEVMQ_ACTION_DEFER: set aside, until somebody receives it by its id
 * @DEVMQ_ACTION_PURGE: dropped; for DEVMQ_IOC_REVOKE only
 */
enum devmq_action {
	DEVMQ_ACTION_ACK	= 1,
	DEVMQ_ACTION_RELEASE	= 2,
	DEVMQ_ACTION_RETRY	= 3,
	DEVMQ_ACTION_REJECT	= 4,
	DEVMQ_ACTION_EXTEND	= 5,
	DEVMQ_ACTION_DEFER	= 6,
	DEVMQ_ACTION_PURGE	= 7,
};

/**
 * struct devmq_settlement - what to do with a range of deliveries
 * @first_id: the range's first id, from 1
 * @last_id: its last, not below the first
 * @delay_ns: retry: how long it waits, zero for the queue's back-off (retry_ms,
 *	retry_backoff, retry_max_ms; give 1 for not at all); extend: the lease
 *	from now on, zero for as long as this consumer's deliveries get,
 *	DEVMQ_FOREVER for without end; CLOCK_BOOTTIME. Else must be zero
 * @note: retry, reject: address of a text that says why; else must be zero
 * @action: enum devmq_action
 * @note_size: retry, reject: bytes of the note, at most DEVMQ_NOTE_MAX; else
 *	must be zero
 * @reason: reject: zero, or a number from DEVMQ_REASON_USER on; else must be
 *	zero
 * @settled: out: how many deliveries this settled
 * @error: out: zero, or a negative errno: -ESTALE if this open file holds no
 *	delivery in the range; -ENOMEM or -EDQUOT if there is no memory for its
 *	note; -EINTR if the caller was killed before all of it was settled
 *	(@settled says how much was), or begun
 * @dead: out: how many of those settled are dead now: rejected, or retried one
 *	time too many. They stay here or went to the dead-letter queue
 * @reserved: must be zero
 *
 * A range settles every delivery that this open file holds within it; ids in
 * between that others hold are not touched.
 *
 * A message has one note, that of its last failure: a later retry's or reject's
 * takes its place, and so does a failure without one. Its memory is charged to
 * who settles.
 */
struct devmq_settlement {
	__aligned_u64	first_id;
	__aligned_u64	last_id;
	__aligned_u64	delay_ns;
	__aligned_u64	note;
	__u32		action;
	__u16		note_size;
	__u16		reason;
	__u32		settled;
	__s32		error;
	__u32		dead;
	__u32		reserved;
};

/*
 * Return when what was settled is on stable storage, if the queue has a journal.
 * Without one it says nothing.
 */
#define DEVMQ_SETTLE_SYNC	0x1

/**
 * struct devmq_settle - argument of DEVMQ_IOC_SETTLE
 * @size: sizeof(struct devmq_settle)
 * @flags: zero, or DEVMQ_SETTLE_SYNC
 * @settlements: address of an array of struct devmq_settlement
 * @count: how many there are, 1 to DEVMQ_SETTLE_MAX
 * @reserved: must be zero
 * @settled: out: how many deliveries were settled in all
 *
 * Needs a descriptor open for reading. All settlements are checked before the
 * first is carried out, and must not change during the call: one that has become
 * invalid by then has -EINVAL as its error. If one has an error, the rest goes
 * on, and the call fails with the first error, with all "out" members written.
 * It does not sleep, so no signal ends it but one that kills the caller. What had
 * not been settled by then is held on, and goes back at the last close.
 *
 * DEVMQ_SETTLE_SYNC: the call succeeds when the journal has confirmed all that
 * was settled: none of it comes back after a crash. With EIO or EINTR all
 * members marked "out" are written, and the deliveries are settled, unconfirmed.
 * Without the flag a message that was acknowledged may come again after a crash,
 * marked as redelivered.
 */
struct devmq_settle {
	__u32		size;
	__u32		flags;
	__aligned_u64	settlements;
	__u32		count;
	__u32		reserved;
	__aligned_u64	settled;
};

/* Show nothing but the deliveries that this open file holds. */
#define DEVMQ_PEEK_HELD		0x1

/**
 * struct devmq_peek - argument of DEVMQ_IOC_PEEK
 * @size: sizeof(struct devmq_peek)
 * @flags: must be zero, or DEVMQ_PEEK_HELD
 * @buffer: where the records go
 * @buffer_size: bytes there
 * @after_id: show messages with a larger id; zero: from the first
 * @states: mask of states; zero: all of them. With DEVMQ_PEEK_HELD it must be zero
 * @max_count: show at most so many; zero: as many as fit
 * @payload_max: show at most so many bytes of each payload; DEVMQ_FOREVER or
 *	any number not smaller than a payload shows it whole
 * @count: out: how many records there are; zero: there are no more
 * @reserved: must be zero
 * @used: out: bytes that they take, padding included
 * @need: out: zero; with EMSGSIZE: the bytes that the next record takes
 *
 * Needs a descriptor open for reading, or one opened with access mode 3 (see
 * open(2)), which is no consumer. Takes nothing and changes no count. Records
 * come in the order of ids; to go on, pass the last id as @after_id. What a topic
 * retains in its journal alone is read from there: EIO or EBADMSG, if no record was
 * shown before, when that is not possible. The call waits for that alone.
 */
struct devmq_peek {
	__u32		size;
	__u32		flags;
	__aligned_u64	buffer;
	__aligned_u64	buffer_size;
	__aligned_u64	after_id;
	__u32		states;
	__u32		max_count;
	__aligned_u64	payload_max;
	__u32		count;
	__u32		reserved;
	__aligned_u64	used;
	__aligned_u64	need;
};

/**
 * enum devmq_ack - when a delivery is settled
 * @DEVMQ_ACK_AUTO: by receiving all of it
 * @DEVMQ_ACK_MANUAL: by DEVMQ_IOC_SETTLE
 */
enum devmq_ack {
	DEVMQ_ACK_AUTO		= 0,
	DEVMQ_ACK_MANUAL	= 1,
};

#define DEVMQ_CONSUMER_SET	0x1

/**
 * struct devmq_consumer - argument of DEVMQ_IOC_CONSUMER
 * @size: sizeof(struct devmq_consumer)
 * @flags: DEVMQ_CONSUMER_SET: first take @ack, @prefetch and @lease_ns from
 *	here; without it they are out only
 * @ack: enum devmq_ack. It starts as the queue's option of that name
 * @prefetch: most deliveries held at a time, zero for no bound. With ack=auto
 *	it has no effect. It starts as the queue's option
 * @lease_ns: how long this open file may hold a delivery, CLOCK_BOOTTIME, zero
 *	for until it settles it or is closed. Counts for deliveries from now
 *	on. It does not end while the message is being copied out, however long
 *	that waits for a page, but as soon as that is over. It starts as the
 *	queue's lease_ms
 * @held: out: deliveries that this open file holds
 * @last_id: out: id of the message that this open file received last
 * @partial_id: out: id of the one that read(2) has begun on it and not finished,
 *	which is held; zero: there is none
 *
 * Needs a descriptor open for reading, which is a consumer from now on. @ack
 * cannot change while deliveries are held or a message is half read: EBUSY.
 */
struct devmq_consumer {
	__u32		size;
	__u32		flags;
	__u32		ack;
	__u32		prefetch;
	__aligned_u64	lease_ns;
	__aligned_u64	held;
	__aligned_u64	last_id;
	__aligned_u64	partial_id;
};

/**
 * struct devmq_stat - argument of DEVMQ_IOC_STAT: a consistent snapshot
 * @size: sizeof(struct devmq_stat)
 * @flags: must be zero
 * @ready: messages waiting for a consumer
 * @in_flight: messages delivered and not settled
 * @delayed: messages waiting for their time
 * @deferred: messages set aside by a consumer
 * @dead: messages set aside for good
 * @bytes: payload, key and headers of all messages stored
 * @sent: messages accepted since the queue was created, as all that follow; in a
 *	journal since that was attached, beginning with the messages it had stored
 * @delivered: times that a message was handed out
 * @acked: messages finished by their consumer
 * @redelivered: deliveries whose attempt was not the message's first; one
 *	that was released does not count as an attempt
 * @expired: messages whose time to live ran out
 * @dead_lettered: messages that went to another queue as dead
 * @dropped: messages dropped to make room (overflow=drop-head)
 * @purged: messages removed by DEVMQ_IOC_PURGE or DEVMQ_IOC_REVOKE, or moved
 *	elsewhere by DEVMQ_IOC_REDRIVE
 * @deduplicated: sends that stored nothing, having been seen before
 * @consumers: open files that are consumers now, see the top of this file
 * @producers: open files that are producers now
 * @oldest_ms: for how many milliseconds the message that is next in line has
 *	been ready in this queue, to a tick of the kernel's; zero if none is
 * @dead_refused: times that a message was to die and stayed ready, as max_dead
 *	were dead already
 * @dedup_forgotten: de-duplication ids forgotten before the window was over, as
 *	there were more than dedup_max
 * @oldest_in_flight_ms: for how many milliseconds, or somewhat fewer, the delivery
 *	has been held that has been for longest; zero if none is
 * @waiting_senders: how many calls and io_uring commands wait for room, or for
 *	memory, now; polls are not counted
 * @waiting_receivers: how many wait for a message
 * @sender_wait_ms: for how many milliseconds the first of the senders has
 * @receiver_wait_ms: for how many the first of the receivers has
 * @routed: a topic: messages that a binding or the alternate took
 * @unrouted: a topic: messages that nobody took
 * @bindings: a topic: how many it has; a queue: how many feed it
 * @retained: a topic: messages that it retains; @bytes is of these
 * @trimmed: a topic: messages that it retained and does not any more
 * @first_id: a topic: id of the oldest message that it retains; zero: none
 * @last_id: a topic: id of the newest message that it retains; zero: none
 * @retained_memory_bytes: a topic: those of @bytes that are in memory. The others are in
 *	its journal alone, and are read back when somebody looks at them
 * @unreadable: a topic: times that this failed, as the journal's file cannot be read or
 *	is damaged
 * @newest_id: id of the message that was sent here last, zero if none was; those that
 *	are sent later have greater ones. A crash may have made it greater than that
 *
 * No time here is moved by a step of the machine's clock, and all go on while it
 * sleeps. Works on any descriptor of the queue. At every instant sent = ready +
 * in_flight + delayed + deferred + dead + acked + expired + dead_lettered +
 * dropped + purged. Of a topic: sent = routed + unrouted, where sent also counts
 * what came from other topics; and retained + trimmed is what it ever retained.
 * What is not for topics is zero.
 */
struct devmq_stat {
	__u32		size;
	__u32		flags;
	__aligned_u64	ready;
	__aligned_u64	in_flight;
	__aligned_u64	delayed;
	__aligned_u64	deferred;
	__aligned_u64	dead;
	__aligned_u64	bytes;
	__aligned_u64	sent;
	__aligned_u64	delivered;
	__aligned_u64	acked;
	__aligned_u64	redelivered;
	__aligned_u64	expired;
	__aligned_u64	dead_lettered;
	__aligned_u64	dropped;
	__aligned_u64	purged;
	__aligned_u64	deduplicated;
	__aligned_u64	consumers;
	__aligned_u64	producers;
	__aligned_u64	oldest_ms;
	__aligned_u64	dead_refused;
	__aligned_u64	dedup_forgotten;
	__aligned_u64	oldest_in_flight_ms;
	__aligned_u64	waiting_senders;
	__aligned_u64	waiting_receivers;
	__aligned_u64	sender_wait_ms;
	__aligned_u64	receiver_wait_ms;
	__aligned_u64	routed;
	__aligned_u64	unrouted;
	__aligned_u64	bindings;
	__aligned_u64	retained;
	__aligned_u64	trimmed;
	__aligned_u64	first_id;
	__aligned_u64	last_id;
	__aligned_u64	retained_memory_bytes;
	__aligned_u64	unreadable;
	__aligned_u64	newest_id;
};

/**
 * struct devmq_purge - argument of DEVMQ_IOC_PURGE
 * @size: sizeof(struct devmq_purge)
 * @flags: must be zero
 * @first_id: drop messages with this id or a larger one; zero: from the first
 * @last_id: drop messages with this id or a smaller one; zero: to the last
 * @older_than_ns: drop messages that came to this queue, and to the state in which
 *	they are, longer ago than this; zero: of any age. No step of the
 *	machine's clock makes a message older. Times are known to a tick of
 *	the kernel's, and what might be younger than this stays
 * @states: mask of states; zero: all. What is in flight always stays
 * @reason: drop messages that are, or were elsewhere, dead for this reason (enum
 *	devmq_reason, or a consumer's number); zero: whatever it is
 * @purged: out: how many messages were dropped
 *
 * Needs a descriptor open for reading, or one opened with access mode 3; of a topic,
 * whose readers take nothing away, one open for reading and writing, or with mode 3. A
 * message that is sent while the call runs is not dropped. The de-duplication id of
 * one that is dropped can be sent once more. The call does not
 * sleep, so no signal ends it but one that kills the caller; some may have been
 * dropped then, and the queue's counter "purged" knows.
 */
struct devmq_purge {
	__u32		size;
	__u32		flags;
	__aligned_u64	first_id;
	__aligned_u64	last_id;
	__aligned_u64	older_than_ns;
	__u32		states;
	__u32		reason;
	__aligned_u64	purged;
};

/**
 * struct devmq_redrive - argument of DEVMQ_IOC_REDRIVE
 * @size: sizeof(struct devmq_redrive)
 * @flags: must be zero, or DEVMQ_REDRIVE_TO
 * @first_id: move messages with this id or a larger one; zero: from the first
 * @last_id: move messages with this id or a smaller one; zero: to the last
 * @target_fd: with DEVMQ_REDRIVE_TO: a descriptor, open for writing, of the
 *	queue that they go to; else must be zero
 * @states: zero, or with DEVMQ_REDRIVE_TO a mask of the states of messages to
 *	be moved, dead or not
 * @moved: out: how many messages were moved
 * @stranded: out: how many were not, as the queue that they came from is gone
 *	(another one of its name is not it), or the caller may not write to it;
 *	with @states: as they are larger than the queue given takes
 * @reason: move messages that are, or were elsewhere, dead for this reason (enum
 *	devmq_reason, or a consumer's number); zero: whatever it is
 * @reserved: must be zero
 *
 * Makes another attempt of messages that are dead here, or that came here as
 * dead from another queue and are ready, deferred or dead. Without
 * DEVMQ_REDRIVE_TO each goes back to where it came from: those that were sent
 * to this queue get ready here, in their place; those from another queue go
 * there, under a new number, if the caller could open its node, /dev/mq/NAME, for
 * writing now. With it all go to the queue given, which may be this one: there
 * they get ready in their place, and belong here from now on. Failures count from
 * zero again, reason, note and origin are gone, they have no time to live, and no
 * bound of the receiving queue keeps them out.
 *
 * With @states, all messages in one of these states are moved, whether they have
 * been dead or not, to the queue given, which must be another one. What is in
 * flight stays. They keep their order, their times of sending and to live, and
 * those that are delayed stay so; attempts and failures count from zero. Here the
 * bounds of the receiving queue hold as for a sender: what is larger than it
 * takes is stranded, and where it is full, or paused for senders, the call ends
 * with ENOSPC, with all "out" members written; nothing is dropped there for what
 * is moved, and the call does not wait. Each message is at every instant in one of
 * the two queues, or on its way in this call, which a signal that kills does not
 * interrupt between them.
 *
 * Needs a descriptor open for reading, or one opened with access mode 3. On
 * ENOMEM and ENODEV (of the queue given), and where the caller is killed, some
 * may have been moved; the queue's counter "purged" knows of those that went
 * elsewhere. No other signal ends the call.
 */
struct devmq_redrive {
	__u32		size;
	__u32		flags;
	__aligned_u64	first_id;
	__aligned_u64	last_id;
	__s32		target_fd;
	__u32		states;
	__aligned_u64	moved;
	__aligned_u64	stranded;
	__u32		reason;
	__u32		reserved;
};

#define DEVMQ_REDRIVE_TO	0x1

/**
 * struct devmq_revoke - argument of DEVMQ_IOC_REVOKE
 * @size: sizeof(struct devmq_revoke)
 * @flags: must be zero
 * @holder_pid: only what was received with an open file of this process, as
 *	holder_pid in struct devmq_extra has it; zero: whoever holds it
 * @reserved: must be zero
 * @how: which deliveries, and what is to become of them, as in a settlement;
 *	its last_id may be any number not below its first_id, settled is how many
 *	they were, and dead how many of them are dead now
 * @busy: out: how many were left alone, as they are being copied to their
 *	consumer at this moment
 *
 * Settles what others hold, as if they had done so: for them it is as if a lease
 * had run out, so that a settlement of theirs is ESTALE, and so is the next
 * read(2) of one that was half read. DEVMQ_ACTION_PURGE drops it, it counts as
 * purged, and its de-duplication id can be sent once more. DEVMQ_ACTION_EXTEND
 * leaves it where it is; with a delay_ns of zero it is held as long again as the
 * holder's deliveries are.
 *
 * Needs a descriptor open for reading, or one opened with access mode 3. What is
 * handed out while the call runs may be left alone. ESRCH: @holder_pid is not
 * zero, and the caller is in a pid namespace that sees no process ids of holders.
 * The call does not sleep, so no signal ends it but one that kills the caller.
 */
struct devmq_revoke {
	__u32		size;
	__u32		flags;
	__u32		holder_pid;
	__u32		reserved;
	struct devmq_settlement how;
	__aligned_u64	busy;
};

/**
 * struct devmq_bind - argument of DEVMQ_IOC_BIND and DEVMQ_IOC_UNBIND
 * @size: sizeof(struct devmq_bind)
 * @flags: must be zero
 * @queue_fd: any descriptor of the queue, or of the other topic, that the topic
 *	is to feed
 * @filter_size: bytes of the filter; zero: everything is taken
 * @filter: address of the filter; zero if @filter_size is
 * @id: out: BIND: number of the binding in the topic, from 1, never used twice;
 *	UNBIND: how many bindings are gone
 *
 * A filter is a sequence of terms, each ended by a zero byte, and takes what all
 * of them take:
 *
 *   key=PATTERN        the key, as words between dots: in the pattern "*" stands
 *                      for one word, and "#" for any number of words, also none. An
 *                      empty key has no words. Once in a filter
 *   header.NAME=VALUE  the message has a header of this name and value. Of several
 *                      terms with the same NAME one is enough
 *
 * One more term, which is no part of the filter, may say with what the binding
 * begins. Without it that is what is sent from now on:
 *
 *   start=earliest     with the oldest message that the topic retains
 *   start=id:N         with the one with this id, 1 or larger, or that comes next
 *   start=time:T       with the first that was sent T seconds after 1970 began, or
 *                      later
 *   start=latest       with what is sent from now on
 *
 * Until the queue has caught up with what is sent, it holds no sender off: it gets
 * what is retained as it has room, whatever its overflow, and its own delay_ms and
 * ttl_ms hold. What the topic trims meanwhile is missed. Such a binding is the only
 * one between a topic and a queue when it begins, and until the queue has caught up:
 * else EBUSY, as the queue would get messages twice. So it is if what comes to the topic
 * could come to the queue by way of another topic as well, then or by what is bound
 * before the queue has caught up. A topic cannot catch up: EINVAL, as for an id that has
 * not come yet.
 *
 * Several bindings of the same two take what any of them takes, once; so it is if
 * a message gets to a queue through several topics. The order of terms does not
 * matter, and a term that is given twice counts once.
 *
 * UNBIND with a filter takes the binding away that has exactly these terms,
 * without a filter all bindings between the two.
 *
 * For a descriptor of the topic, open for writing. The caller must own both nodes
 * or have CAP_FOWNER: EPERM. Who may write to the control node has its commands
 * bind and unbind for the same. EINVAL: @queue_fd is no queue or topic, a term is
 * malformed, or the queue's max_message_size, max_bytes or allow_empty is less than
 * the topic's: it would refuse what the topic takes. While it is bound, these cannot
 * be set to less: EBUSY. EXDEV: the topic is in a journal, and the other is in another
 * one, or is a topic in none. If both are in the same one, the call returns when what
 * it did is on stable storage there. EIO: it is done, but the journal has failed.
 */
struct devmq_bind {
	__u32		size;
	__u32		flags;
	__s32		queue_fd;
	__u32		filter_size;
	__aligned_u64	filter;
	__aligned_u64	id;
};

/**
 * struct devmq_binding - a binding, as DEVMQ_IOC_BINDINGS shows it
 * @size: bytes of this structure and of the filter behind it, without the padding.
 *	The next binding begins at the next multiple of 8
 * @filter_size: bytes of the filter, the last of @size; zero: everything is taken
 * @id: number of the binding in the topic
 * @taken: messages that came to the queue by it, or to the other topic. One that
 *	several bindings take to the same counts in one of them
 * @missed: of a binding that began earlier: ids that the topic trimmed before it came
 *	to them, whether or not the filter would have taken these messages; and messages
 *	that are too large for the queue, or that could not be read back from the journal
 * @behind: zero, or, while a binding that began earlier has yet to become level with
 *	the topic: how many ids it is behind the topic's newest, at least one
 * @queue: name of the queue or topic that it feeds
 *
 * Further members may follow in later versions, before the filter.
 */
struct devmq_binding {
	__u32		size;
	__u32		filter_size;
	__aligned_u64	id;
	__aligned_u64	taken;
	__aligned_u64	missed;
	__aligned_u64	behind;
	char		queue[DEVMQ_NAME_MAX + 1];
};

/**
 * struct devmq_bindings - argument of DEVMQ_IOC_BINDINGS
 * @size: sizeof(struct devmq_bindings)
 * @flags: must be zero
 * @buffer: where the bindings go
 * @buffer_size: bytes there
 * @after_id: show bindings with a larger number; zero: from the first
 * @max_count: show at most so many; zero: as many as fit
 * @count: out: how many bindings there are; zero: there are no more
 * @used: out: bytes that they take, padding included
 * @need: out: zero; with EMSGSIZE: the bytes that the next binding takes
 *
 * Works on any descriptor of the topic. Bindings come in the order of their
 * numbers; to go on, pass the last number as @after_id.
 */
struct devmq_bindings {
	__u32		size;
	__u32		flags;
	__aligned_u64	buffer;
	__aligned_u64	buffer_size;
	__aligned_u64	after_id;
	__u32		max_count;
	__u32		count;
	__aligned_u64	used;
	__aligned_u64	need;
};

/* Detach although queues of the journal are open; they are closed. */
#define DEVMQ_JOURNAL_FORCE	0x1

/**
 * struct devmq_journal_attach - argument of DEVMQ_IOC_JOURNAL_ATTACH
 * @size: sizeof(struct devmq_journal_attach)
 * @flags: must be zero
 * @fd: descriptor of the journal, a regular file or a block device, open for
 *	reading and writing. It may be closed afterwards
 * @reserved: must be zero
 * @name: how the journal is called while it is attached, by the rules for names
 *	of queues
 * @queues: out: how many queues the journal had
 * @messages: out: how many messages these had
 * @cut: out: bytes of a torn tail that a crash left, which nobody was told were
 *	safe
 *
 * For a descriptor of the control node. Reads the journal, makes its queues
 * again with their messages, and writes to it from then on. The queues have the
 * owners and permissions that they were created with: what chmod(2) and chown(2)
 * have changed since is forgotten. If the call fails, no queue was made; the
 * control node says why in one line.
 *
 * EEXIST: a journal of that name is attached, or a queue of the journal has the name of
 * another queue. EBUSY: the file is attached already, or a copy of it, or a device is in
 * use, or another file has the name of the device node of one of its queues. EPERM: the
 * file can only be appended to, or not be changed. EUCLEAN: the journal is damaged.
 * ENOTBLK: neither a regular file nor a block device. EBADF: the descriptor is not open
 * for reading and writing. ETXTBSY: a swap file. EOPNOTSUPP: the file system cannot, or
 * a newer module wrote the journal. ENODATA: no journal, or a move to it was not
 * completed. ENOENT: the file was removed, so that it has no name. ESTALE: it was moved
 * to another file. EINVAL: the file has holes, or is shorter than the journal. EDQUOT:
 * its messages need more memory than there may be (max_total_bytes, and max_user_bytes
 * without CAP_SYS_RESOURCE). EINTR: a signal came.
 */
struct devmq_journal_attach {
	__u32		size;
	__u32		flags;
	__s32		fd;
	__u32		reserved;
	char		name[DEVMQ_NAME_MAX + 1];
	__aligned_u64	queues;
	__aligned_u64	messages;
	__aligned_u64	cut;
};

/**
 * struct devmq_journal_detach - argument of DEVMQ_IOC_JOURNAL_DETACH
 * @size: sizeof(struct devmq_journal_detach)
 * @flags: zero, or DEVMQ_JOURNAL_FORCE
 * @name: the journal
 *
 * For a descriptor of the control node. Writes what is not written yet, takes
 * the queues away, and lets go of the file, which has all of them. EBUSY: a
 * queue of it is open, or it is being moved. ENOENT: no such journal. EIO: it has
 * failed. EINTR: a signal came while it waited for the disk; nothing was detached.
 * With DEVMQ_JOURNAL_FORCE a move is given up, and a journal that has failed is
 * detached, too; what it could not write is lost.
 */
struct devmq_journal_detach {
	__u32		size;
	__u32		flags;
	char		name[DEVMQ_NAME_MAX + 1];
};

/**
 * struct devmq_journal_move - argument of DEVMQ_IOC_JOURNAL_MOVE
 * @size: sizeof(struct devmq_journal_move)
 * @flags: must be zero
 * @fd: descriptor of the other file, as for DEVMQ_IOC_JOURNAL_ATTACH: a journal
 *	without queues, one that was moved itself, or one to which a move was begun
 * @reserved: must be zero
 * @name: the journal, which is attached
 *
 * For a descriptor of the control node. Writes all that the journal has to the
 * other file, and goes on there; its queues are used meanwhile. A journal that has
 * failed works again after this, with what its queues have in memory. The old file
 * is marked, so that it cannot be attached any more, and is free for other use.
 *
 * If the call fails, the journal is where it was. EINTR: a signal came; but a call that
 * is killed may have moved it: DEVMQ_IOC_JOURNAL_LIST says by its uuid. A crash leaves
 * one of the two files complete: attach the other one, and if that is refused with
 * ENODATA, the old one.
 *
 * ENOENT: no such journal, or it was detached meanwhile, or the other file was removed.
 * EBUSY: it is being moved already, the other file is attached (it may be the journal's
 * own) or in use, or its file system is frozen. ENOSPC: it is too small. EMSGSIZE: its
 * segments are smaller than those of the journal. ENOTEMPTY: it has queues. The others
 * are those of DEVMQ_IOC_JOURNAL_ATTACH, of the other file, and errors of its file
 * system.
 */
struct devmq_journal_move {
	__u32		size;
	__u32		flags;
	__s32		fd;
	__u32		reserved;
	char		name[DEVMQ_NAME_MAX + 1];
};

/**
 * enum devmq_journal_states - how a journal is
 * @DEVMQ_JOURNAL_OK: it works
 * @DEVMQ_JOURNAL_FROZEN: its file system is frozen, and it waits for the end of
 *	that
 * @DEVMQ_JOURNAL_FAILED: a write or a flush failed, or the file was cut short.
 *	Nothing is written any more, nothing can be confirmed, and nothing can be
 *	sent to its queues
 */
enum devmq_journal_states {
	DEVMQ_JOURNAL_OK,
	DEVMQ_JOURNAL_FROZEN,
	DEVMQ_JOURNAL_FAILED,
};

/**
 * struct devmq_journal_info - a journal that is attached
 * @name: its name
 * @uuid: which journal it is
 * @state: enum devmq_journal_states
 * @error: why it failed, a negative errno, or 0
 * @bytes: size of all its segments
 * @live: bytes of what is needed in them
 * @written: bytes written since it was attached
 * @cleaned: bytes of these that the cleaner copied
 * @flushes: flushes since it was attached
 * @waiters: calls that wait for it to confirm something
 * @queues: queues in it
 * @segments: number of segments
 * @free_segments: how many of these are free
 * @segment_size: bytes of each
 * @moved: while it is moved, how many of the bytes in @live the other file has
 * @capacity: the most bytes that @live may be
 */
struct devmq_journal_info {
	char		name[DEVMQ_NAME_MAX + 1];
	__u8		uuid[16];
	__u32		state;
	__s32		error;
	__aligned_u64	bytes;
	__aligned_u64	live;
	__aligned_u64	written;
	__aligned_u64	cleaned;
	__aligned_u64	flushes;
	__u32		waiters;
	__u32		queues;
	__u32		segments;
	__u32		free_segments;
	__aligned_u64	segment_size;
	__aligned_u64	moved;
	__aligned_u64	capacity;
};

/**
 * struct devmq_journal_list - argument of DEVMQ_IOC_JOURNAL_LIST
 * @size: sizeof(struct devmq_journal_list)
 * @flags: must be zero
 * @infos: address of an array of struct devmq_journal_info
 * @count: how many there is room for; out: how many journals there are, which
 *	may be more
 * @info_size: sizeof(struct devmq_journal_info). If that of the module is larger,
 *	its last members are left out; if smaller, they are zero
 *
 * For a descriptor of the control node. EINVAL: @info_size is less than that of
 * the first version.
 */
struct devmq_journal_list {
	__u32		size;
	__u32		flags;
	__aligned_u64	infos;
	__u32		count;
	__u32		info_size;
};

/*
 * The size is inside each structure, so the numbers do not carry it.
 * Groups leave room for what is to come.
 */
#define DEVMQ_IOC_SEND		_IO(DEVMQ_IOC_MAGIC, 0x00)
#define DEVMQ_IOC_RECV		_IO(DEVMQ_IOC_MAGIC, 0x10)
#define DEVMQ_IOC_SETTLE	_IO(DEVMQ_IOC_MAGIC, 0x11)
#define DEVMQ_IOC_CONSUMER	_IO(DEVMQ_IOC_MAGIC, 0x12)
#define DEVMQ_IOC_PEEK		_IO(DEVMQ_IOC_MAGIC, 0x20)
#define DEVMQ_IOC_PURGE		_IO(DEVMQ_IOC_MAGIC, 0x21)
#define DEVMQ_IOC_REDRIVE	_IO(DEVMQ_IOC_MAGIC, 0x22)
#define DEVMQ_IOC_REVOKE	_IO(DEVMQ_IOC_MAGIC, 0x23)
#define DEVMQ_IOC_STAT		_IO(DEVMQ_IOC_MAGIC, 0x30)
#define DEVMQ_IOC_JOURNAL_ATTACH _IO(DEVMQ_IOC_MAGIC, 0x50)
#define DEVMQ_IOC_JOURNAL_DETACH _IO(DEVMQ_IOC_MAGIC, 0x51)
#define DEVMQ_IOC_JOURNAL_LIST	_IO(DEVMQ_IOC_MAGIC, 0x52)
#define DEVMQ_IOC_JOURNAL_MOVE	_IO(DEVMQ_IOC_MAGIC, 0x53)
#define DEVMQ_IOC_BIND		_IO(DEVMQ_IOC_MAGIC, 0x60)
#define DEVMQ_IOC_UNBIND	_IO(DEVMQ_IOC_MAGIC, 0x61)
#define DEVMQ_IOC_BINDINGS	_IO(DEVMQ_IOC_MAGIC, 0x62)

/**
 * struct devmq_uring_cmd - SEND, RECV and SETTLE from io_uring
 * @addr: address of the command's own structure, struct devmq_send, devmq_recv
 *	or devmq_settle; DEVMQ_URING_CANCEL: the user_data of another SQE
 * @flags: must be zero
 * @reserved: must be zero
 *
 * This stands in the member cmd of an SQE whose opcode is IORING_OP_URING_CMD,
 * whose fd is a queue's, and whose cmd_op is DEVMQ_IOC_SEND, DEVMQ_IOC_RECV,
 * DEVMQ_IOC_SETTLE or DEVMQ_URING_CANCEL; uring_cmd_flags is zero. The first
 * three do what the ioctl of that number does, with the same checks, and write
 * their results to the structure, before the CQE is there; its res is 0 or a
 * negative errno, never a count. The structure, and what it leads to, belongs
 * to the kernel until then, and may be read more than once. After an error
 * members marked "out" may be zero.
 *
 * What can be done at once is done while the SQE is submitted. A SEND without
 * room, and a RECV with nothing there, waits as the ioctl would: not at all
 * with O_NONBLOCK (EAGAIN), and a RECV until deadline_ns. How, is up to the
 * kernel and to IOSQE_ASYNC:
 *
 *  - From Linux 6.12 on, without IOSQE_ASYNC, it takes no thread. It ends with
 *    ECANCELED when the ring or the task that submitted it goes, and nothing
 *    has happened then, or on DEVMQ_URING_CANCEL. IORING_OP_ASYNC_CANCEL and
 *    IORING_OP_LINK_TIMEOUT do not reach it. DEVMQ_PARKED_MAX may wait like
 *    this on one open file; one more ends with ENOBUFS, and one for which
 *    there is no memory with ENOMEM or EDQUOT, and nothing has happened.
 *  - On an older kernel, without IOSQE_ASYNC, it does not wait: EAGAIN. Link
 *    it to an IORING_OP_POLL_ADD, or use IORING_OP_READ and IORING_OP_WRITE,
 *    which wait by themselves.
 *  - A SEND to a topic that has to wait goes to a worker thread by itself.
 *  - With IOSQE_ASYNC it waits in a worker thread of the ring, on any kernel.
 *    IORING_OP_ASYNC_CANCEL and IORING_OP_LINK_TIMEOUT end that (EINTR, or
 *    ECANCELED before it began).
 *
 * A command that has waited is carried out when its task enters the kernel,
 * with the credentials of the one who submitted it. If the task does not come
 * soon, as it has been stopped, the message is not kept from others.
 *
 * Other commands: EOPNOTSUPP. A ring with IORING_SETUP_IOPOLL: EOPNOTSUPP.
 */
struct devmq_uring_cmd {
	__aligned_u64	addr;
	__u32		flags;
	__u32		reserved;
};

/**
 * DEVMQ_URING_CANCEL - end what waits
 *
 * A command for io_uring only. All SENDs and RECVs that were submitted to the
 * same ring, for the same open file and with the user_data given, and wait
 * without a thread, end with ECANCELED. Their CQEs follow. ENOENT: there are
 * none; what was done already has its CQE.
 */
#define DEVMQ_URING_CANCEL	_IO(DEVMQ_IOC_MAGIC, 0x40)

#endif /* _UAPI_LINUX_DEVMQ_H */
