/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdevmq: message queues as device files, from C.
 *
 * A queue is a device file, /dev/mq/NAME, that write(2) and read(2) work on.
 * This library is for what a plain file cannot say: metadata, batches,
 * settling, browsing and control. See libdevmq(7) for an overview and
 * <linux/devmq.h> for the kernel's side.
 *
 * Results
 *
 *  Every function that can fail returns an int: zero or more for success (a
 *  count where the function says so), a negative errno value for failure.
 *  errno itself is not part of the interface. Constructors store the new
 *  object through their first argument, and leave it alone on failure. The
 *  getters that cannot fail return their value. Errors of the kernel come
 *  through unchanged, and are listed at the top of <linux/devmq.h>; what is
 *  listed here at a function is what the library adds or what most callers
 *  should expect.
 *
 * Memory
 *
 *  The objects (struct devmq_queue, devmq_batch, devmq_buffer) are opaque,
 *  belong to the caller, who frees them with devmq_close(), devmq_batch_free()
 *  and devmq_buffer_free(), which all accept NULL. What is passed in (payload,
 *  key, names, ...) is copied before the call returns; the library keeps no
 *  pointer to it. A pointer to memory that the library owns is const, and
 *  each function says how long it lives. Other pointers must not be NULL
 *  where the description does not allow it.
 *
 * Threads
 *
 *  Different objects are independent. One struct devmq_queue may be used by
 *  any number of threads at the same time, for all calls but devmq_close(),
 *  which must be the last. A struct devmq_batch or devmq_buffer, and what was
 *  received into it, belongs to one thread at a time. Mind that deliveries
 *  and the consumer's mode belong to the open file, and so to all threads
 *  that share the handle. The library has no global state, starts no thread
 *  and touches no signal.
 *
 * Sleeping
 *
 *  Only sending and receiving sleep, if the queue was not opened with
 *  DEVMQ_OPEN_NONBLOCK, and devmq_call(), which does both; and what waits for a
 *  journal: devmq_sync(), DEVMQ_OPEN_SYNC. A signal handler
 *  without SA_RESTART ends the sleep with -EINTR; the library does not try
 *  again by itself. Another thread ends it by devmq_wake(). To wait for many
 *  things at once, use poll(2) or epoll(7) with devmq_fd(): see devmq-epoll(7).
 */
#ifndef DEVMQ_H
#define DEVMQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/devmq.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DEVMQ_VERSION_MAJOR	0
#define DEVMQ_VERSION_MINOR	1
#define DEVMQ_VERSION_PATCH	0
#define DEVMQ_VERSION		"0.1.0"

/*
 * Times here are nanoseconds, but for timeouts, which are milliseconds. These are
 * constant expressions where @n is one: DEVMQ_MS(1500), DEVMQ_SECONDS(30).
 */
#define DEVMQ_MS(n)		((n) * UINT64_C(1000000))
#define DEVMQ_SECONDS(n)	((n) * UINT64_C(1000000000))
#define DEVMQ_MINUTES(n)	((n) * UINT64_C(60000000000))

/** DEVMQ_NAME_SIZE - bytes of a buffer for any queue's name, NUL included. */
#define DEVMQ_NAME_SIZE		(DEVMQ_NAME_MAX + 1)

/**
 * devmq_version() - version of the library that the program runs with
 *
 * The headers it was compiled with say DEVMQ_VERSION.
 *
 * Return: a static string such as "0.1.0".
 */
const char *devmq_version(void);

/**
 * devmq_strerror() - what an error means for a queue
 * @error: what a function of this library returned, or the number without its
 *	sign
 *
 * Any thread may call it at any time. For an error that means nothing else for a
 * queue it is the text of the C library, in English.
 *
 * Return: a static string, such as "the queue is full" for -ENOSPC; never NULL.
 */
const char *devmq_strerror(int error);

/* ------------------------------------------------------------------ */
/* Queues                                                             */

/** struct devmq_queue - an open queue: an open file and its name */
struct devmq_queue;

/*
 * What a queue is opened for: receive, send, or both; or to look only, which
 * is enough for devmq_stat(), devmq_peek(), devmq_purge(), devmq_redrive(),
 * devmq_move() and devmq_revoke(), and makes the open file neither a consumer nor
 * a producer. An open file for both becomes a consumer when it first receives,
 * polls for input, or calls devmq_get_consumer() or devmq_set_consumer(), and a
 * producer when it first sends or polls for output.
 */
#define DEVMQ_OPEN_READ		(1U << 0)
#define DEVMQ_OPEN_WRITE	(1U << 1)
#define DEVMQ_OPEN_LOOK		(1U << 2)
/* Never sleep: -EAGAIN instead. */
#define DEVMQ_OPEN_NONBLOCK	(1U << 3)
/*
 * With DEVMQ_OPEN_READ: be the only consumer, or fail with -EBUSY. With
 * DEVMQ_OPEN_WRITE as well, the call that would make it a consumer fails.
 */
#define DEVMQ_OPEN_EXCLUSIVE	(1U << 4)
/*
 * Calls that send or settle return when the queue's journal has confirmed it: it
 * is on stable storage. A queue without a journal is not opened: -EINVAL. After -EIO
 * (the journal failed) and -EINTR it may be done all the same, unconfirmed.
 */
#define DEVMQ_OPEN_SYNC		(1U << 5)

/**
 * devmq_open() - open a queue
 * @queue: where the new handle goes; the caller frees it with devmq_close()
 * @name: a queue's name ("orders"), or a path if there is a '/' in it
 * @flags: DEVMQ_OPEN_READ, DEVMQ_OPEN_WRITE or both, or DEVMQ_OPEN_LOOK (which
 *	needs both permissions); with DEVMQ_OPEN_NONBLOCK, DEVMQ_OPEN_EXCLUSIVE
 *	and DEVMQ_OPEN_SYNC as wanted
 *
 * The descriptor is closed on exec. Do not pass a name that came from another
 * party without devmq_check_name(), since it might be a path; what
 * devmq_msg_reply_to() gives has been checked.
 *
 * Return: 0, -EINVAL (flags, a name that no queue can have, or DEVMQ_OPEN_SYNC and
 * no journal), -ENAMETOOLONG, -ENOTTY (it is not a queue), -ENODEV (it was removed,
 * or /sys is not mounted), -EBUSY (another consumer, and one of the two is
 * exclusive), -ENOMEM, or an error of open(2): -ENOENT, -EACCES...
 */
int devmq_open(struct devmq_queue **queue, const char *name,
	       unsigned int flags);

/**
 * devmq_open_fd() - make a handle of a descriptor, such as a passed one
 * @queue: where the new handle goes; the caller frees it with devmq_close()
 * @fd: descriptor of a queue. On success it belongs to the handle, which
 *	closes it; on failure it stays with the caller
 *
 * Return: 0, -EBADF, -ENOTTY (it is not a queue), -ENODEV (the queue has been
 * removed) or -ENOMEM.
 */
int devmq_open_fd(struct devmq_queue **queue, int fd);

/**
 * devmq_close() - close a queue and free its handle
 * @queue: the handle, or NULL
 *
 * Messages that this open file holds unsettled go back to the queue and count
 * as failed once the last copy of the descriptor (dup(2), fork(2)) is closed.
 */
void devmq_close(struct devmq_queue *queue);

/**
 * devmq_fd() - the descriptor of a queue, for poll(2), read(2) and the like
 * @queue: the handle, which still owns the descriptor
 */
int devmq_fd(const struct devmq_queue *queue);

/**
 * devmq_name() - the name of a queue, also when it was opened by a path
 * @queue: the handle
 *
 * Return: the name; it lives as long as the handle.
 */
const char *devmq_name(const struct devmq_queue *queue);

/**
 * devmq_check_name() - is this a name that a queue can have?
 * @name: a string
 *
 * Return: 0, -ENAMETOOLONG, or -EINVAL (characters other than A-Z a-z 0-9 . _
 * and -, or one of "", ".", "..", "control" and "none").
 */
int devmq_check_name(const char *name);

/* ------------------------------------------------------------------ */
/* Sending                                                            */

/**
 * devmq_send() - send one message that has a payload only
 * @queue: open for writing
 * @payload: its bytes; may be NULL if @size is zero
 * @size: how many; not zero, unless the queue's option allow_empty is 1
 * @id: where the message's id goes, or NULL
 *
 * Sleeps while the queue is full and its overflow option is "block", and while
 * its option paused holds senders off.
 *
 * Return: 0, -EINVAL (the message is empty, and the queue takes no empty ones),
 * -EAGAIN (it would sleep, and the queue was opened with DEVMQ_OPEN_NONBLOCK),
 * -ENOSPC (the queue is full, and its overflow option does not wait), -EDQUOT (the
 * same, if memory is used up), -EMSGSIZE (too large for this queue), -EINTR, -ENODEV,
 * -EBADF (not open for writing), -ENOMEM, -EIO (the queue's journal has failed) or
 * -ENOENT (it is a topic with on_unrouted=refuse, and nobody takes the message).
 * With DEVMQ_OPEN_SYNC, @id is written after -EIO and -EINTR if the message is in
 * the queue, unconfirmed; otherwise it is left alone on failure.
 */
int devmq_send(struct devmq_queue *queue, const void *payload, size_t size,
	       uint64_t *id);

/**
 * struct devmq_batch - messages to be sent, in the order they were added
 *
 * devmq_batch_add() begins a message; the setters change the message that was
 * added last. To send a single message with a key or headers, use a batch of one
 * message. To use a batch again after sending saves allocations.
 */
struct devmq_batch;

/**
 * devmq_batch_new() - make an empty batch
 * @batch: where it goes; the caller frees it with devmq_batch_free()
 *
 * Return: 0 or -ENOMEM.
 */
int devmq_batch_new(struct devmq_batch **batch);

/**
 * devmq_batch_free() - free a batch with the messages that are in it
 * @batch: the batch, or NULL
 */
void devmq_batch_free(struct devmq_batch *batch);

/**
 * devmq_batch_clear() - forget all messages, keep the memory for new ones
 * @batch: the batch
 */
void devmq_batch_clear(struct devmq_batch *batch);

/**
 * devmq_batch_count() - how many messages are in a batch
 * @batch: the batch
 */
size_t devmq_batch_count(const struct devmq_batch *batch);

/**
 * devmq_batch_bytes() - how many bytes a batch takes, metadata included
 * @batch: the batch
 */
size_t devmq_batch_bytes(const struct devmq_batch *batch);

/**
 * devmq_batch_add() - add a message
 * @batch: the batch
 * @payload: its bytes; may be NULL if @size is zero
 * @size: how many; an empty message is sent only to a queue with allow_empty=1
 *
 * Return: 0, -EMSGSIZE (no record can be that large: 4 GiB) or -ENOMEM. After
 * an error the batch is as before, here and in the setters.
 */
int devmq_batch_add(struct devmq_batch *batch, const void *payload,
		    size_t size);

struct devmq_msg;

/**
 * devmq_batch_add_msg() - add a copy of a received message
 * @batch: the batch
 * @msg: a message, which may be of any queue
 *
 * Copies payload, key, headers, de-duplication id and priority. Id, times, sender
 * and counts are those of the new message. The setters may change the copy.
 *
 * Return: as devmq_batch_add().
 */
int devmq_batch_add_msg(struct devmq_batch *batch,
			const struct devmq_msg *msg);

/**
 * devmq_batch_set_key() - set the key of the message that was added last
 * @batch: the batch
 * @key: its bytes; may be NULL if @size is zero
 * @size: how many, at most DEVMQ_KEY_MAX; zero: the message has no key
 *
 * Return: 0, -EINVAL (too long, or the batch is empty), -EMSGSIZE or -ENOMEM.
 */
int devmq_batch_set_key(struct devmq_batch *batch, const void *key,
			size_t size);

/**
 * devmq_batch_set_dedup_id() - set the de-duplication id of the last message
 * @batch: the batch
 * @dedup_id: its bytes; may be NULL if @size is zero
 * @size: how many, at most DEVMQ_KEY_MAX; zero: the message has none
 *
 * A queue with the option dedup_window_ms stores no second message with the
 * same de-duplication id within that time: sending it succeeds, with the id of
 * the first message. devmq_send_some() tells which messages were duplicates.
 *
 * Return: as devmq_batch_set_key().
 */
int devmq_batch_set_dedup_id(struct devmq_batch *batch, const void *dedup_id,
			     size_t size);

/**
 * devmq_batch_add_header() - add a header to the message that was added last
 * @batch: the batch
 * @name: 1 to 255 printable ASCII characters without space and '='; see
 *	DEVMQ_HEADER_REPLY_TO and its neighbours for names that programs
 *	agree on. A name may come more than once
 * @value: any bytes; may be NULL if @size is zero
 * @size: how many
 *
 * Return: 0, -EINVAL (the name, or the batch is empty), -EMSGSIZE (all
 * headers of a message together are at most DEVMQ_HEADERS_MAX) or -ENOMEM.
 */
int devmq_batch_add_header(struct devmq_batch *batch, const char *name,
			   const void *value, size_t size);

/**
 * devmq_batch_set_priority() - set the priority of the last message
 * @batch: the batch
 * @priority: higher is delivered first
 *
 * Return: 0 or -EINVAL (the batch is empty). If the queue does not have such a
 * priority, sending the message fails.
 */
int devmq_batch_set_priority(struct devmq_batch *batch, uint8_t priority);

/**
 * devmq_batch_set_delay() - set the delay of the last message
 * @batch: the batch
 * @delay_ns: nanoseconds of CLOCK_BOOTTIME from sending until it is ready, such
 *	as DEVMQ_SECONDS(5); zero: the queue's option delay_ms
 *
 * Replaces what devmq_batch_set_at() has set.
 *
 * Return: 0 or -EINVAL (the batch is empty).
 */
int devmq_batch_set_delay(struct devmq_batch *batch, uint64_t delay_ns);

/**
 * devmq_batch_set_at() - set the instant at which the last message becomes ready
 * @batch: the batch
 * @time_ns: nanoseconds of CLOCK_REALTIME, since 1970; an instant that is past,
 *	such as zero: at once, whatever the queue's option delay_ms is
 *
 * Replaces what devmq_batch_set_delay() has set.
 *
 * Return: 0 or -EINVAL (the batch is empty).
 */
int devmq_batch_set_at(struct devmq_batch *batch, uint64_t time_ns);

/**
 * devmq_batch_set_ttl() - set the time to live of the last message
 * @batch: the batch
 * @ttl_ns: nanoseconds from when it is first ready until it expires, if nobody has
 *	received it, such as DEVMQ_MS(200); zero: the queue's option ttl_ms;
 *	DEVMQ_FOREVER: never
 *
 * Return: 0 or -EINVAL (the batch is empty).
 */
int devmq_batch_set_ttl(struct devmq_batch *batch, uint64_t ttl_ns);

/**
 * devmq_send_batch() - send all messages of a batch
 * @queue: open for writing
 * @batch: the batch. What was sent is removed from it, so it is empty on
 *	success, and calling again after an error goes on with the rest
 * @sent: where the number of messages sent by this call goes, or NULL
 * @first_id: where the id of the first one goes, or NULL
 * @last_id: where the id of the last one goes, or NULL
 *
 * Goes on until all are sent or an error stops it, and sleeps as devmq_send()
 * does. The three results are written in both cases, as zeros if nothing was
 * sent. A duplicate (see devmq_batch_set_dedup_id()) counts as sent, and its id
 * is that of the message that was stored first. If no message has a
 * de-duplication id, the ids are consecutive if last_id - first_id + 1 equals
 * sent; if not, messages of other senders have ids in between. An empty batch is
 * a success. To learn each id, and each duplicate, use devmq_send_some(). With
 * DEVMQ_OPEN_SYNC, the last messages that were sent may be unconfirmed after -EIO
 * and -EINTR: devmq_sync() confirms them, or fails.
 *
 * Return: 0; or an error as of devmq_send(), when part of the batch may have
 * been sent, or -EINVAL if the first message that is left asks for something
 * that the queue does not have, such as a priority. devmq_batch_drop_first() drops
 * that message.
 */
int devmq_send_batch(struct devmq_queue *queue, struct devmq_batch *batch,
		     size_t *sent, uint64_t *first_id, uint64_t *last_id);

/**
 * devmq_send_some() - send the first messages of a batch, by one system call
 * @queue: open for writing
 * @batch: the batch. What was sent is removed from it
 * @sent: where the number of messages sent goes; zero on failure
 * @first_id: where the id of the first one goes, or NULL. The others follow
 *	without a gap
 * @duplicate: set to whether the message was a duplicate, or NULL. If it was, it
 *	is the only one, nothing was stored, and the id is that of the message
 *	that was stored first
 *
 * To learn the id of every message, and which messages were duplicates, call this
 * until devmq_batch_count() is zero. An empty batch is a success with nothing sent.
 * Sleeps as devmq_send() does.
 *
 * Return: 0, or an error as of devmq_send_batch(), when nothing was sent; but with
 * DEVMQ_OPEN_SYNC, after -EIO and -EINTR, what @sent says was, and is unconfirmed.
 */
int devmq_send_some(struct devmq_queue *queue, struct devmq_batch *batch,
		    size_t *sent, uint64_t *first_id, bool *duplicate);

/**
 * devmq_batch_drop_first() - remove the first message of a batch
 * @batch: the batch
 *
 * To go on with the rest after devmq_send_batch() has failed for good.
 *
 * Return: 0 or -EINVAL (the batch is empty).
 */
int devmq_batch_drop_first(struct devmq_batch *batch);

/* ------------------------------------------------------------------ */
/* Receiving                                                          */

/**
 * struct devmq_buffer - received messages, one after the other
 *
 * Made once and used for many calls of devmq_recv() or devmq_peek(). Each
 * call replaces what is in it. It grows when a message does not fit.
 */
struct devmq_buffer;

/**
 * struct devmq_msg - a message inside a struct devmq_buffer
 *
 * Read-only, and only valid until the next devmq_recv(), devmq_peek() or
 * devmq_buffer_free() with that buffer. The same holds for every pointer that
 * the devmq_msg functions return.
 */
struct devmq_msg;

/**
 * devmq_buffer_new() - make a buffer
 * @buffer: where it goes; the caller frees it with devmq_buffer_free()
 * @capacity: its first size in bytes, metadata included; zero: 64 KiB. A larger
 *	buffer lets one call receive more messages
 *
 * Return: 0 or -ENOMEM.
 */
int devmq_buffer_new(struct devmq_buffer **buffer, size_t capacity);

/**
 * devmq_buffer_free() - free a buffer with the messages that are in it
 * @buffer: the buffer, or NULL
 *
 * Messages that were received with ack=manual stay with the open file until
 * they are settled.
 */
void devmq_buffer_free(struct devmq_buffer *buffer);

/**
 * devmq_recv() - receive messages
 * @queue: open for reading
 * @buffer: where they go
 * @max: at most so many; zero: as many as fit
 * @timeout_ms: how long to wait for the first message: negative: without end;
 *	zero: not at all. It does not wait for a second one
 *
 * With ack=auto this call settles them. With ack=manual this open file holds them
 * until devmq_ack() or another settlement, or until it is closed.
 * A message that has failed half of max_deliveries times is delivered alone: it is
 * the only one of its call, it is received only while this open file holds no other
 * delivery, and this open file receives no other until it is settled.
 *
 * Return: how many messages there are; or 0 for the end of file that the
 * queue's eof option asks for; or -EAGAIN (nothing there, and @timeout_ms is
 * zero or the queue was opened with DEVMQ_OPEN_NONBLOCK, or the prefetch is
 * used up, or the queue is paused, or a message that is delivered alone is next or
 * held), -ETIMEDOUT, -EINTR, -ECANCELED (devmq_wake()), -ENODEV (the queue was
 * removed), -EBADF (not open for reading), -EBUSY (the queue was opened for both
 * sides, is no consumer yet, and may not become one because of DEVMQ_OPEN_EXCLUSIVE,
 * its own or another's), or -ENOMEM (there is no memory for a message, which stays in
 * the queue). After 0 and errors the buffer is empty.
 */
int devmq_recv(struct devmq_queue *queue, struct devmq_buffer *buffer,
	       unsigned int max, int timeout_ms);

/**
 * devmq_ack_recv() - acknowledge all messages in a buffer, and receive the next ones
 * @queue: a queue opened for receiving, with DEVMQ_ACK_MANUAL
 * @buffer: holds what was received last, or nothing; gets the next messages
 * @max: as for devmq_recv()
 * @timeout_ms: as for devmq_recv()
 * @acked: gets how many were acknowledged; or NULL
 *
 * For a consumer that works on one batch after the other: mostly one system call,
 * where devmq_ack_buffer() and devmq_recv() take two. First all messages in the buffer
 * are acknowledged, which does not wait. Those that this handle does not hold any more,
 * as their lease has ended, are passed over: @acked is less than
 * devmq_buffer_count() then. What was acknowledged stays so if nothing can be received
 * after that: @acked is set whatever is returned, and the buffer is empty then. A
 * handle that was opened with DEVMQ_OPEN_SYNC waits for the journal in between; if that
 * fails nothing is received, and the buffer stays as it was.
 *
 * Return: as devmq_recv(); -EIO from the journal.
 */
int devmq_ack_recv(struct devmq_queue *queue, struct devmq_buffer *buffer,
		   unsigned int max, int timeout_ms, uint64_t *acked);

/**
 * devmq_enable_wake() - let devmq_wake() end devmq_recv() of this handle
 * @queue: open for reading
 *
 * Call this before the threads that are to be woken call devmq_recv(): a thread that
 * sleeps already is not woken. From then on, devmq_recv() of this handle sleeps in
 * poll(2). So any signal handler ends the sleep, with SA_RESTART or without, and the
 * thread is not counted as waiting_receivers in struct devmq_stat. Calling it again
 * changes nothing. It costs a descriptor, and one or more system calls for each
 * devmq_recv() of this handle; other handles pay nothing.
 *
 * Return: 0, -EMFILE, -ENFILE or -ENOMEM.
 */
int devmq_enable_wake(struct devmq_queue *queue);

/**
 * devmq_wake() - end one devmq_recv()
 * @queue: a handle for which devmq_enable_wake() was called
 *
 * Each call makes one devmq_recv() of this handle return -ECANCELED, without having
 * received a message: one that sleeps now, or else the next one, whether there are
 * messages or not. So a wake-up that comes before the thread sleeps is not lost; to
 * end n threads, call it n times. devmq_call() with this handle as @replies ends as
 * well.
 *
 * Any thread, and any signal handler, may call it: it does not sleep and leaves
 * errno alone.
 *
 * Return: 0, -EINVAL (devmq_enable_wake() was not called), or -EAGAIN (as many
 * wake-ups are waiting as 64 bits can count).
 */
int devmq_wake(struct devmq_queue *queue);

/**
 * devmq_recv_deferred() - receive the message that was deferred, by its id
 * @queue: open for reading
 * @buffer: where it goes
 * @id: its id, which the consumer that deferred it has kept; devmq_peek() with
 *	DEVMQ_STATE_DEFERRED shows all that are deferred
 *
 * Any consumer of the queue may receive it. Never waits. The message is settled as
 * one that devmq_recv() receives.
 *
 * Return: 1, or -ENOENT (no message with that id is deferred), -EAGAIN (the
 * queue is paused, another consumer is the active one, or the prefetch is used
 * up), -EINVAL (@id is zero), -ENODEV, -EBADF, -ENOMEM. After errors the buffer
 * is empty.
 */
int devmq_recv_deferred(struct devmq_queue *queue,
			struct devmq_buffer *buffer, uint64_t id);

/**
 * devmq_buffer_next() - go to the next message
 * @buffer: the buffer
 * @msg: where the message goes; set to NULL if there is none
 *
 * Return: 1, or 0 if there are no more, or -EBADMSG if the records are
 * malformed, which the kernel never does; the messages after that cannot be
 * reached.
 */
int devmq_buffer_next(struct devmq_buffer *buffer,
		      const struct devmq_msg **msg);

/**
 * devmq_buffer_rewind() - go back to before the first message
 * @buffer: the buffer
 */
void devmq_buffer_rewind(struct devmq_buffer *buffer);

/**
 * devmq_buffer_count() - how many messages are in a buffer
 * @buffer: the buffer
 */
size_t devmq_buffer_count(const struct devmq_buffer *buffer);

/**
 * devmq_msg_record() - the message as <linux/devmq.h> has it
 * @msg: the message
 *
 * Return: its record; all sizes in it have been checked.
 */
const struct devmq_record *devmq_msg_record(const struct devmq_msg *msg);

/**
 * devmq_msg_payload() - the payload
 * @msg: the message
 * @size: where its size goes, or NULL
 *
 * Return: its first byte, aligned to 8 bytes; never NULL, also if it is empty.
 * No NUL stands behind the payload.
 */
const void *devmq_msg_payload(const struct devmq_msg *msg, size_t *size);

/**
 * devmq_msg_full_size() - size of the payload in the queue
 * @msg: the message
 *
 * Return: the size that devmq_msg_payload() says, or more if devmq_peek() was
 * asked to show less of it.
 */
size_t devmq_msg_full_size(const struct devmq_msg *msg);

/**
 * devmq_msg_key() - the key
 * @msg: the message
 * @size: where its size goes, or NULL
 *
 * Return: its first byte (no NUL behind it), or NULL and a size of zero if the
 * message has none.
 */
const void *devmq_msg_key(const struct devmq_msg *msg, size_t *size);

/**
 * devmq_msg_dedup_id() - the de-duplication id, as devmq_msg_key()
 * @msg: the message
 * @size: where its size goes, or NULL
 */
const void *devmq_msg_dedup_id(const struct devmq_msg *msg, size_t *size);

/** devmq_msg_id() - number of the message in its queue */
uint64_t devmq_msg_id(const struct devmq_msg *msg);
/** devmq_msg_time_ns() - when it was sent, of CLOCK_REALTIME */
uint64_t devmq_msg_time_ns(const struct devmq_msg *msg);
/** devmq_msg_delay_ns() - zero; see devmq_msg_due_ns() */
uint64_t devmq_msg_delay_ns(const struct devmq_msg *msg);
/** devmq_msg_ttl_ns() - zero; see devmq_msg_expires_ns() */
uint64_t devmq_msg_ttl_ns(const struct devmq_msg *msg);
/** devmq_msg_uid() - user id of the sender, stamped by the kernel */
uint32_t devmq_msg_uid(const struct devmq_msg *msg);
/** devmq_msg_gid() - group id of the sender, stamped by the kernel */
uint32_t devmq_msg_gid(const struct devmq_msg *msg);
/** devmq_msg_pid() - process id of the sender, stamped by the kernel */
uint32_t devmq_msg_pid(const struct devmq_msg *msg);
/** devmq_msg_attempt() - how often it was delivered, this time included */
uint32_t devmq_msg_attempt(const struct devmq_msg *msg);
/** devmq_msg_failures() - how many of these deliveries failed */
uint32_t devmq_msg_failures(const struct devmq_msg *msg);
/** devmq_msg_failure() - how the last one failed (enum devmq_failure) */
enum devmq_failure devmq_msg_failure(const struct devmq_msg *msg);
/** devmq_msg_priority() - its priority */
uint8_t devmq_msg_priority(const struct devmq_msg *msg);
/** devmq_msg_state() - its state in its queue (enum devmq_state) */
enum devmq_state devmq_msg_state(const struct devmq_msg *msg);

/**
 * devmq_msg_holder() - who holds a message in flight that devmq_peek() showed
 * @msg: the message
 * @pid: where the process id goes, or NULL: of the process that received last
 *	through the open file that holds the message. Zero if the caller is in
 *	another pid namespace, and while the message is being copied to the consumer
 * @since_ns: where the time of delivery (CLOCK_REALTIME) goes, or NULL
 *
 * Return: whether the message says so; if not, nothing is stored.
 */
bool devmq_msg_holder(const struct devmq_msg *msg, uint32_t *pid,
		      uint64_t *since_ns);

/**
 * devmq_msg_due_ns() - when a message that devmq_peek() showed changes by itself
 * @msg: the message
 *
 * Return: for a delayed message the time when it becomes ready, for one in flight
 * the time when its lease ends, of CLOCK_REALTIME as it is set now; else zero.
 */
uint64_t devmq_msg_due_ns(const struct devmq_msg *msg);

/**
 * devmq_msg_expires_ns() - when the time to live of a message ends
 * @msg: a message that devmq_peek() showed
 *
 * Return: the time, of CLOCK_REALTIME as it is set now; zero if it has no time to
 * live, or that has not begun.
 */
uint64_t devmq_msg_expires_ns(const struct devmq_msg *msg);

/**
 * devmq_msg_reason() - why the message is dead, or was dead in another queue
 * @msg: a message, shown by devmq_peek() or received
 *
 * Return: enum devmq_reason, a larger number that a consumer rejected it with,
 * or DEVMQ_REASON_NONE. A message keeps this and the next three in a dead-letter
 * queue, and loses them when it is redriven.
 */
unsigned int devmq_msg_reason(const struct devmq_msg *msg);

/**
 * devmq_msg_note() - the note of its last failure, or of its rejection
 * @msg: as for devmq_msg_reason()
 * @size: where its size goes, or NULL
 *
 * Return: its first byte (no NUL behind it; any bytes that the consumer gave),
 * or NULL and a size of zero if there is none.
 */
const void *devmq_msg_note(const struct devmq_msg *msg, size_t *size);

/**
 * devmq_msg_origin() - name of the queue in which a message became dead
 * @msg: as for devmq_msg_reason()
 * @size: where its size goes, or NULL
 *
 * Return: its first byte (no NUL behind it), or NULL and a size of zero if it
 * was sent to this queue.
 */
const char *devmq_msg_origin(const struct devmq_msg *msg, size_t *size);

/** devmq_msg_origin_id() - its id there, or zero */
uint64_t devmq_msg_origin_id(const struct devmq_msg *msg);

/**
 * devmq_msg_topic() - name of the topic that a message was sent to
 * @msg: a message, shown by devmq_peek() or received
 * @size: where its size goes, or NULL
 *
 * Return: its first byte (no NUL behind it), or NULL and a size of zero if it
 * was sent to a queue.
 */
const char *devmq_msg_topic(const struct devmq_msg *msg, size_t *size);

/** devmq_msg_topic_id() - its id there, or zero */
uint64_t devmq_msg_topic_id(const struct devmq_msg *msg);

/**
 * struct devmq_header_view - one header inside a message
 * @name: its name, without a NUL behind it
 * @name_size: bytes of the name
 * @value: its value, without a NUL behind it
 * @value_size: bytes of the value, may be zero
 */
struct devmq_header_view {
	const char	*name;
	size_t		name_size;
	const void	*value;
	size_t		value_size;
};

/**
 * devmq_msg_next_header() - go through the headers, in the order sent
 * @msg: the message
 * @cursor: zero before the first call; changed by each
 * @header: where the next header goes
 *
 * Return: whether there was one.
 */
bool devmq_msg_next_header(const struct devmq_msg *msg, size_t *cursor,
			   struct devmq_header_view *header);

/**
 * devmq_msg_header() - value of the first header with a name
 * @msg: the message
 * @name: its name; upper and lower case differ
 * @size: where the value's size goes, or NULL
 *
 * Return: the value's first byte (no NUL behind it), or NULL and a size of
 * zero if there is no such header.
 */
const void *devmq_msg_header(const struct devmq_msg *msg, const char *name,
			     size_t *size);

/** devmq_msg_correlation_id() - as devmq_msg_header() with that name */
const void *devmq_msg_correlation_id(const struct devmq_msg *msg,
				     size_t *size);
/** devmq_msg_content_type() - as devmq_msg_header() with that name */
const void *devmq_msg_content_type(const struct devmq_msg *msg, size_t *size);

/**
 * devmq_msg_reply_to() - the queue to which an answer should go
 * @msg: the message
 * @name: where the name goes, NUL-terminated; empty on failure
 * @size: bytes there; DEVMQ_NAME_SIZE is enough for every name
 *
 * The name comes from the sender. It has been checked to be a name and not a
 * path, but whether the sender may name that queue is for the caller to judge.
 *
 * Return: 0, -ENOENT (the message has none), -EINVAL or -ENAMETOOLONG (it is
 * no queue's name) or -ERANGE (@size is too small).
 */
int devmq_msg_reply_to(const struct devmq_msg *msg, char *name, size_t size);

/* ------------------------------------------------------------------ */
/* Settling (with ack=manual)                                         */

/**
 * devmq_get_consumer() - how this open file receives
 * @queue: open for reading
 * @consumer: where it goes; members that the kernel does not have become zero
 * @size: sizeof(*consumer)
 *
 * Return: 0, -EBADF, -ENODEV, -EINVAL (@size) or -EBUSY (as devmq_recv()).
 */
int devmq_get_consumer(struct devmq_queue *queue,
		       struct devmq_consumer *consumer, size_t size);

/**
 * devmq_set_consumer() - say how this open file receives
 * @queue: open for reading
 * @consumer: the members ack, prefetch and lease_ns are taken from here (size
 *	and flags are set by the library); all are written on success
 * @size: sizeof(*consumer)
 *
 * Return: 0, -EBUSY (ack cannot change while deliveries are held; or as
 * devmq_recv()), -EINVAL, -EBADF, -ENODEV.
 */
int devmq_set_consumer(struct devmq_queue *queue,
		       struct devmq_consumer *consumer, size_t size);

/**
 * devmq_set_ack() - choose auto or manual acknowledgement for this open file
 * @queue: open for reading
 * @ack: DEVMQ_ACK_AUTO or DEVMQ_ACK_MANUAL
 * @prefetch: most deliveries held at a time; zero: no bound
 *
 * The lease stays what it is. As the kernel takes all of it at once, two
 * threads that share an open file should not call this and devmq_set_lease()
 * at the same time.
 *
 * Return: as devmq_set_consumer().
 */
int devmq_set_ack(struct devmq_queue *queue, enum devmq_ack ack,
		  unsigned int prefetch);

/**
 * devmq_set_lease() - say how long this open file may hold a delivery
 * @queue: open for reading
 * @lease_ns: nanoseconds of CLOCK_BOOTTIME, such as DEVMQ_MINUTES(1), after which
 *	a delivery that has not been settled goes back and counts as failed;
 *	zero: without end
 *
 * Applies to deliveries from now on; an open file begins with the queue's option
 * lease_ms. A lease does not end while the kernel is copying the message, however
 * long that waits for a page of memory, but as soon as it is copied. See also
 * devmq_extend().
 *
 * Return: as devmq_set_consumer().
 */
int devmq_set_lease(struct devmq_queue *queue, uint64_t lease_ns);

/**
 * devmq_get_lease() - how long this open file may hold a delivery
 * @queue: open for reading
 * @lease_ns: where the time goes; zero: without end
 *
 * Return: as devmq_get_consumer().
 */
int devmq_get_lease(struct devmq_queue *queue, uint64_t *lease_ns);

/**
 * devmq_ack() - acknowledge a delivery: the message is done and gone
 * @queue: open for reading, the handle that received it (or one that shares
 *	its open file)
 * @id: its id
 *
 * Return: 0, -ESTALE (this open file does not hold this delivery, or no longer, as
 * the lease has ended), -EINVAL (@id is zero), -EBADF, -ENODEV.
 */
int devmq_ack(struct devmq_queue *queue, uint64_t id);

/**
 * devmq_release() - put a message back in its place, without counting the attempt
 * @queue: as for devmq_ack()
 * @id: its id
 *
 * Return: as devmq_ack().
 */
int devmq_release(struct devmq_queue *queue, uint64_t id);

/**
 * devmq_retry() - say that a delivery failed: the message is delivered again later
 * @queue: as for devmq_ack()
 * @id: its id
 * @delay_ns: nanoseconds of CLOCK_BOOTTIME until it is ready again; zero: as the
 *	queue's options retry_ms, retry_backoff and retry_max_ms say; 1: at once
 *
 * Counts as a failure. After max_deliveries failures the message is dead.
 *
 * Return: as devmq_ack().
 */
int devmq_retry(struct devmq_queue *queue, uint64_t id, uint64_t delay_ns);

/**
 * devmq_retry_note() - the same, and say why
 * @queue: as for devmq_ack()
 * @id: its id
 * @delay_ns: as for devmq_retry()
 * @note: a text that says why, for whoever looks at the message or receives it
 *	next; may be NULL if @note_size is zero
 * @note_size: its bytes, at most DEVMQ_NOTE_MAX
 *
 * A message has one note, that of its last failure: the next failure replaces it, or
 * removes it if it comes without a note.
 *
 * Return: as devmq_ack(), or -EINVAL (note), -EDQUOT or -ENOMEM (no memory for
 * the note; the delivery is held on).
 */
int devmq_retry_note(struct devmq_queue *queue, uint64_t id, uint64_t delay_ns,
		     const void *note, size_t note_size);

/**
 * devmq_reject() - say that a message cannot be processed: it is dead
 * @queue: as for devmq_ack()
 * @id: its id
 * @reason: zero, or a number of your own from DEVMQ_REASON_USER to 65535
 * @note: a text that says why, for whoever looks at it; may be NULL if
 *	@note_size is zero
 * @note_size: its bytes, at most DEVMQ_NOTE_MAX
 *
 * The message goes to the queue's dead-letter queue; if there is none, or no room in
 * it, it stays dead in this queue.
 *
 * Return: as devmq_ack(), or -EINVAL (reason or note).
 */
int devmq_reject(struct devmq_queue *queue, uint64_t id, unsigned int reason,
		 const void *note, size_t note_size);

/**
 * devmq_extend() - begin the lease of a delivery anew
 * @queue: as for devmq_ack()
 * @id: its id
 * @lease_ns: how long it may be held from now on; zero: as long as
 *	devmq_set_lease() said; DEVMQ_FOREVER: without end
 *
 * Return: as devmq_ack().
 */
int devmq_extend(struct devmq_queue *queue, uint64_t id, uint64_t lease_ns);

/**
 * devmq_defer() - set a message aside, until it is received by its id
 * @queue: as for devmq_ack()
 * @id: its id, which devmq_recv_deferred() takes
 *
 * Not a failure. No consumer receives the message by devmq_recv().
 *
 * Return: as devmq_ack().
 */
int devmq_defer(struct devmq_queue *queue, uint64_t id);

/**
 * devmq_settle() - settle ranges of deliveries, in any way
 * @queue: as for devmq_ack()
 * @settlements: what to do with each range; see struct devmq_settlement, of
 *	which the members settled and error are written. Set all others that
 *	you do not use to zero
 * @count: how many there are, any number
 * @settled: where the number of deliveries settled goes, or NULL. Written
 *	also on failure
 *
 * A range settles all deliveries in it that this open file holds. If one settlement
 * fails, the others are carried out nevertheless. They are checked before the first
 * is carried out, DEVMQ_SETTLE_MAX at a time.
 *
 * Return: 0 or the first error: -ESTALE (a range without a delivery),
 * -EINVAL, -EBADF, -ENODEV. With DEVMQ_OPEN_SYNC also -EIO and -EINTR: what was
 * settled is so, but unconfirmed, and may come again after a crash.
 */
int devmq_settle(struct devmq_queue *queue,
		 struct devmq_settlement *settlements, size_t count,
		 uint64_t *settled);

/**
 * devmq_settle_ids() - settle deliveries that are given by an array of ids
 * @queue: as for devmq_ack()
 * @ids: the ids, in any order; each one once
 * @count: how many there are, any number
 * @how: what to do with each; its ids are ignored, and nothing is written to it
 * @settled: where the number of deliveries settled goes, or NULL. Written also
 *	on failure
 *
 * Settles no other delivery. Consecutive ids go to the kernel as one range. An empty
 * array is a success.
 *
 * Return: 0, -ESTALE (one or more are not held any more; all others are
 * settled), -EINVAL, -EBADF, -ENODEV.
 */
int devmq_settle_ids(struct devmq_queue *queue, const uint64_t *ids,
		     size_t count, const struct devmq_settlement *how,
		     uint64_t *settled);

/**
 * devmq_settle_buffer() - settle all messages in a buffer, in any way
 * @queue: the handle that received them
 * @buffer: the buffer
 * @how: as for devmq_settle_ids()
 * @settled: as for devmq_ack_buffer()
 *
 * Return: as devmq_ack_buffer(), or -EINVAL.
 */
int devmq_settle_buffer(struct devmq_queue *queue,
			const struct devmq_buffer *buffer,
			const struct devmq_settlement *how,
			uint64_t *settled);

/**
 * devmq_ack_buffer() - acknowledge all messages in a buffer
 * @queue: the handle that received them
 * @buffer: the buffer
 * @settled: where the number of messages settled goes, or NULL. Written also
 *	on failure
 *
 * Settles no other delivery. devmq_buffer_next() goes on where it was. An empty
 * buffer is a success.
 *
 * Return: 0, -ESTALE (one or more are not held any more; all others are
 * settled), -EBADMSG, -EBADF, -ENODEV.
 */
int devmq_ack_buffer(struct devmq_queue *queue,
		     const struct devmq_buffer *buffer, uint64_t *settled);

/**
 * devmq_release_buffer() - release all messages in a buffer
 * @queue: the handle that received them
 * @buffer: the buffer
 * @settled: as for devmq_ack_buffer()
 *
 * Return: as devmq_ack_buffer().
 */
int devmq_release_buffer(struct devmq_queue *queue,
			 const struct devmq_buffer *buffer,
			 uint64_t *settled);

/**
 * devmq_retry_buffer() - devmq_retry() for all messages in a buffer
 * @queue: the handle that received them
 * @buffer: the buffer
 * @delay_ns: as for devmq_retry()
 * @settled: as for devmq_ack_buffer()
 *
 * Return: as devmq_ack_buffer().
 */
int devmq_retry_buffer(struct devmq_queue *queue,
		       const struct devmq_buffer *buffer, uint64_t delay_ns,
		       uint64_t *settled);

/**
 * devmq_reject_buffer() - devmq_reject() for all messages in a buffer
 * @queue: the handle that received them
 * @buffer: the buffer
 * @reason: as for devmq_reject()
 * @note: as for devmq_reject(); every message gets it
 * @note_size: its bytes
 * @settled: as for devmq_ack_buffer()
 *
 * Return: as devmq_ack_buffer(), or -EINVAL (reason or note).
 */
int devmq_reject_buffer(struct devmq_queue *queue,
			const struct devmq_buffer *buffer,
			unsigned int reason, const void *note,
			size_t note_size, uint64_t *settled);

/**
 * devmq_extend_buffer() - devmq_extend() for all messages in a buffer
 * @queue: the handle that received them
 * @buffer: the buffer
 * @lease_ns: as for devmq_extend()
 * @settled: as for devmq_ack_buffer(); how many leases were extended
 *
 * Return: as devmq_ack_buffer(). A message that has been settled already makes it
 * -ESTALE; if only some have been settled, use devmq_settle() or
 * devmq_settle_ids().
 */
int devmq_extend_buffer(struct devmq_queue *queue,
			const struct devmq_buffer *buffer, uint64_t lease_ns,
			uint64_t *settled);

/**
 * devmq_defer_buffer() - devmq_defer() for all messages in a buffer
 * @queue: the handle that received them
 * @buffer: the buffer
 * @settled: as for devmq_ack_buffer()
 *
 * Return: as devmq_ack_buffer().
 */
int devmq_defer_buffer(struct devmq_queue *queue,
		       const struct devmq_buffer *buffer, uint64_t *settled);

/**
 * devmq_release_rest() - release the messages that devmq_buffer_next() has not given
 * @queue: the handle that received them
 * @buffer: the buffer
 * @settled: as for devmq_ack_buffer()
 *
 * For a consumer that stops before the end of a buffer.
 *
 * Return: as devmq_ack_buffer().
 */
int devmq_release_rest(struct devmq_queue *queue,
		       const struct devmq_buffer *buffer, uint64_t *settled);

/* ------------------------------------------------------------------ */
/* Requests and replies                                               */

/**
 * devmq_call() - send a request and wait for its reply
 * @queue: where the request goes; open for writing
 * @request: a batch with the request as its only message. It gets the header
 *	reply-to with the name of @replies, and correlation-id with a random
 *	text, unless it has such headers. Empty on success, and as soon as the
 *	request was sent; so if it is not empty after an error, calling again
 *	sends the same request. It gets a time to live of @timeout_ms, if that is
 *	positive and the request has none (see devmq_batch_set_ttl())
 * @replies: the queue where the reply will come; open for reading
 * @buffer: where the reply goes
 * @timeout_ms: how long to wait for it, once the request has been sent:
 *	negative without end, zero not at all
 * @reply: where the reply goes, which lives as long as what is in @buffer;
 *	NULL on failure
 *
 * The reply is the first message in @replies with the header correlation-id of
 * the request. It has been acknowledged when the call returns. All other messages
 * are left to the calls that wait for them: this call peeks to look for its reply,
 * and releases what it has to receive to get at it, without counting the attempts.
 * So callers may share a queue for replies. A caller with a queue of its own learns of
 * its reply at once; while a shared queue has replies to others, a caller looks again
 * after at most 16 ms.
 *
 * If no consumer has received the request when the call gives up, the request
 * expires, so that nobody works on it in vain. A reply to a request that was received
 * may still come: no later call takes it for its own, as each has another correlation
 * id, and it stays in the queue until it expires by the ttl_ms of that queue.
 *
 * The handle @replies is set to DEVMQ_ACK_MANUAL with no bound on deliveries
 * held, if it was DEVMQ_ACK_AUTO, and stays so. Threads may share both handles
 * and call at the same time, each with a batch and a buffer of its own.
 *
 * Sleeps for room in @queue as devmq_send() does, however long that takes. Sleeps
 * for the reply even with DEVMQ_OPEN_NONBLOCK.
 *
 * Return: 0; -EINVAL (there is not exactly one message in @request, or its
 * correlation id is empty or longer than 255 bytes); an error of
 * devmq_send_batch() or devmq_batch_add_header(), and nothing was sent; or,
 * after it was sent, -ETIMEDOUT, -EINTR, -ECANCELED (devmq_wake()), -ENODEV,
 * -ENOMEM, -EBADF (@replies is not open for reading; nothing was sent).
 */
int devmq_call(struct devmq_queue *queue, struct devmq_batch *request,
	       struct devmq_queue *replies, struct devmq_buffer *buffer,
	       int timeout_ms, const struct devmq_msg **reply);

/**
 * devmq_reply() - answer a request
 * @request: a message that was received
 * @reply: a batch with the answer as its only message. It gets the correlation
 *	id of the request, if that has one, unless it has one already. Empty on
 *	success; after an error, calling again sends the same answer
 * @prefix: refuse to send to a queue whose name does not begin so. The sender of
 *	the request names the queue, but this process writes to it, with the
 *	permissions of this process. NULL: any queue
 * @flags: zero, or DEVMQ_OPEN_NONBLOCK not to sleep if that queue is full
 *
 * Opens the queue that the header reply-to names, sends, and closes it again.
 * Does not settle the request: acknowledge it after it was answered, so that another
 * consumer answers if this process dies.
 *
 * Return: 0, -ENOENT (the request has no reply-to, or there is no such queue),
 * -EINVAL or -ENAMETOOLONG (it is no queue's name; or there is not exactly one
 * message in @reply), -EPERM (the name does not begin with @prefix), or an
 * error of devmq_open() or devmq_send_batch().
 */
int devmq_reply(const struct devmq_msg *request, struct devmq_batch *reply,
		const char *prefix, unsigned int flags);

/* ------------------------------------------------------------------ */
/* Looking                                                            */

/**
 * devmq_peek() - show messages and take nothing
 * @queue: open for reading or to look
 * @buffer: where copies of them go
 * @after_id: show messages with a larger id; to go on, pass the id of the
 *	last message seen; zero: from the first
 * @states: DEVMQ_STATE_MASK() of the states wanted, or'ed; zero: all
 * @max: at most so many; zero: as many as fit
 * @payload_max: at most so many bytes of each payload; DEVMQ_FOREVER: all
 *
 * Never sleeps, and changes no counter.
 *
 * Return: how many messages there are, 0 if there are no more, or -EINVAL,
 * -EBADF, -ENODEV, -ENOMEM. After 0 and errors the buffer is empty.
 */
int devmq_peek(struct devmq_queue *queue, struct devmq_buffer *buffer,
	       uint64_t after_id, unsigned int states, unsigned int max,
	       uint64_t payload_max);

/**
 * devmq_peek_held() - show the deliveries that this open file holds
 * @queue: open for reading
 * @buffer: where copies of them go
 * @after_id: show messages with a larger id; zero: from the first
 * @max: at most so many; zero: as many as fit
 * @payload_max: at most so many bytes of each payload
 *
 * Return: as devmq_peek().
 */
int devmq_peek_held(struct devmq_queue *queue, struct devmq_buffer *buffer,
		    uint64_t after_id, unsigned int max, uint64_t payload_max);

/**
 * devmq_stat() - counters of a queue, as one consistent snapshot
 * @queue: open in any way
 * @stat: where they go; members that the kernel does not have become zero
 * @size: sizeof(*stat)
 *
 * Return: 0, -EINVAL (@size) or -ENODEV.
 */
int devmq_stat(struct devmq_queue *queue, struct devmq_stat *stat,
	       size_t size);

/**
 * devmq_purge() - drop messages that are not in flight
 * @queue: open for reading or to look; a topic: for reading and writing, or to look
 * @first_id: from this id; zero: from the first
 * @last_id: to this id; zero: to the last
 * @older_than_ns: only messages that have been in this queue, and in their state,
 *	for longer; zero: of any age. Setting the machine's clock does not make a
 *	message older
 * @states: DEVMQ_STATE_MASK() of the states, or'ed; zero: all
 * @purged: where the number of messages dropped goes, or NULL
 *
 * The de-duplication id of a message that is dropped can be sent once more.
 *
 * Return: 0, -EINTR (part may have been dropped), -EINVAL, -EBADF, -ENODEV.
 */
int devmq_purge(struct devmq_queue *queue, uint64_t first_id,
		uint64_t last_id, uint64_t older_than_ns, unsigned int states,
		uint64_t *purged);

/**
 * devmq_revoke() - settle what other consumers hold
 * @queue: open for reading or to look
 * @how: which deliveries, by their ids, and what to do with them: an action of
 *	devmq_settle(), or DEVMQ_ACTION_PURGE, which drops them. Nothing is written
 *	to it
 * @holder_pid: only deliveries of the process that devmq_peek() shows as their
 *	holder; zero: of any process
 * @settled: where the number of deliveries settled goes, or NULL
 * @busy: where the number of deliveries goes that were left alone, as they were being
 *	copied to their consumers at that moment, or NULL
 *
 * For the holder it is as if the lease had ended: its own settlement fails with
 * -ESTALE.
 *
 * Return: 0, -EINTR (part may have been settled), -EINVAL, -EBADF, -EDQUOT or
 * -ENOMEM (for a note), -ENODEV, or -ESRCH: a holder was named, and the caller
 * sees no process ids of holders in its pid namespace.
 */
int devmq_revoke(struct devmq_queue *queue, const struct devmq_settlement *how,
		 uint32_t holder_pid, uint64_t *settled, uint64_t *busy);

/**
 * devmq_purge_by() - drop messages, by all that the kernel can select by
 * @queue: as for devmq_purge()
 * @purge: which messages, see struct devmq_purge; its member size is set here
 * @size: bytes of the caller's structure
 *
 * Return: as devmq_purge().
 */
int devmq_purge_by(struct devmq_queue *queue, struct devmq_purge *purge,
		   size_t size);

/**
 * devmq_redrive() - make dead messages ready again
 * @queue: open for reading or to look
 * @first_id: from this id; zero: from the first
 * @last_id: to this id; zero: to the last
 * @target: NULL: each message goes back to where it came from. Those that became
 *	dead in this queue become ready in it, in their place; those that came from
 *	another queue as dead go back there, be they ready, deferred or dead now.
 *	Otherwise a queue, open for writing, to which all of them go. That may be
 *	this queue: they become ready in their place, and lose their origin
 * @moved: where the number of messages moved goes, or NULL
 * @stranded: where the number of messages goes that were not moved, as the queue that
 *	they came from was removed (a new queue of the same name is another one),
 *	or as the caller may not write to its node; or NULL
 *
 * Failures count from zero again; reason, note and origin are gone. In another
 * queue a message has a new id. No bound of the queue keeps them out.
 *
 * Return: 0, -EINTR (part may have been moved), -EINVAL, -EBADF (one of the
 * two is not open as it must be), -ENODEV.
 */
int devmq_redrive(struct devmq_queue *queue, uint64_t first_id,
		  uint64_t last_id, const struct devmq_queue *target,
		  uint64_t *moved, uint64_t *stranded);

/**
 * devmq_redrive_by() - redrive or move, by all that the kernel can select by
 * @queue: as for devmq_redrive()
 * @redrive: which messages, and where to, see struct devmq_redrive; its member size is
 *	set here
 * @size: bytes of the caller's structure
 *
 * Return: as devmq_redrive(), or -ENOSPC as devmq_move().
 */
int devmq_redrive_by(struct devmq_queue *queue, struct devmq_redrive *redrive,
		     size_t size);

/**
 * devmq_move() - move messages to another queue, dead or not
 * @queue: open for reading or to look
 * @first_id: from this id; zero: from the first
 * @last_id: to this id; zero: to the last
 * @states: DEVMQ_STATE_MASK() of the states, or'ed: ready, delayed, deferred,
 *	dead; zero: those that are ready
 * @target: another queue, open for writing
 * @moved: where the number of messages moved goes, on failure as well, or NULL
 * @stranded: where the number of messages goes that are too large for @target,
 *	likewise
 *
 * If a process is killed in the meantime, each message is in one of the two queues. It
 * gets a new id, and keeps what its sender gave it, its times included. Attempts and
 * failures count from zero.
 *
 * Return: 0, -ENOSPC (@target is full, or paused for senders), -EINTR (part may
 * have been moved), -EINVAL, -EBADF (one of the two is not open as it must be),
 * -ENODEV, -ENOMEM or -EDQUOT.
 */
int devmq_move(struct devmq_queue *queue, uint64_t first_id, uint64_t last_id,
	       unsigned int states, const struct devmq_queue *target,
	       uint64_t *moved, uint64_t *stranded);

/* ------------------------------------------------------------------ */
/* Control: need permission for /dev/mq/control or the option's file  */

/**
 * devmq_create() - create a queue
 * @name: its name
 * @options: "option=value" words separated by spaces, or NULL for none. Only a newline
 *	is refused: do not pass words that came from another party unchecked
 * @reason: where a line saying what was wrong goes, NUL-terminated and cut to
 *	fit, empty on success; may be NULL
 * @reason_size: bytes there
 *
 * If the device node, /dev/mq/NAME, cannot be made, no queue is created.
 *
 * Return: 0, -EEXIST, -EBUSY (another file stands where the node should be: see
 * devmq_check_node()), -ENXIO (the node could not be made), -EINVAL (name, option
 * or value), -ENAMETOOLONG, -ERANGE (a number is out of bounds), -E2BIG (longer
 * than a command may be), -EACCES, -ENOENT (the module is not loaded), -ENOTTY
 * (/dev/mq/control is not the module's) or -ENOMEM.
 */
int devmq_create(const char *name, const char *options, char *reason,
		 size_t reason_size);

/**
 * devmq_remove() - remove a queue
 * @name: its name
 * @force: also if it still stores messages, which are then lost
 * @reason: as for devmq_create()
 * @reason_size: bytes there
 *
 * Programs that have the queue open get -ENODEV from then on.
 *
 * Return: 0, -ENOTEMPTY (it stores messages and @force is false), -ENOENT,
 * -EINVAL or -ENAMETOOLONG (the name), -EACCES.
 */
int devmq_remove(const char *name, bool force, char *reason,
		 size_t reason_size);

/**
 * devmq_control() - give a command to /dev/mq/control
 * @command: one command as the control node takes it. Not checked, except that it
 *	is one line: do not build it from strings of another party; devmq_create()
 *	and devmq_remove() check the name
 * @reason: as for devmq_create()
 * @reason_size: bytes there
 *
 * Return: 0, -EINVAL, -E2BIG, -ENOTTY (/dev/mq/control is not the module's) or
 * the command's error.
 */
int devmq_control(const char *command, char *reason, size_t reason_size);

/**
 * devmq_check_node() - does a queue have its device node?
 * @name: the queue's name
 *
 * Looks at /dev/mq/NAME and at sysfs; opens neither. Without its node nobody can
 * use a queue, and what is written to another file of its name is not sent.
 *
 * Return: 0, -ENOENT (there is no queue of this name), -ENXIO (there is a queue,
 * and nothing at /dev/mq/NAME), -ENOTTY (there is a queue, and /dev/mq/NAME is
 * another file), -EINVAL or -ENAMETOOLONG (the name).
 */
int devmq_check_node(const char *name);

/**
 * devmq_option_table() - which options this kernel module has
 * @table: where the text goes: one line an option with name, kind, default,
 *	bounds, "live" or "fixed", what it is for ("queue", "topic" or "both"), and a
 *	description. The caller frees it with free(3)
 *
 * Return: 0, -ENOENT (the module is not loaded), -ENOTTY (/dev/mq/control is not
 * the module's), -EACCES or -ENOMEM.
 */
int devmq_option_table(char **table);

/**
 * devmq_get_option() - read an option or a counter of a queue
 * @name: the queue's name
 * @option: name of the option or counter
 * @value: where its value goes, NUL-terminated and without a newline
 * @size: bytes there; 64 are enough for all options of this version
 *
 * Needs no open queue and no permission.
 *
 * Return: length of the value, -ENOENT (no such queue or option), -EINVAL or
 * -ENAMETOOLONG (no queue or option can have that name) or -ERANGE (@size is
 * too small).
 */
int devmq_get_option(const char *name, const char *option, char *value,
		     size_t size);

/**
 * devmq_set_option() - change an option of a queue while it is in use
 * @name: the queue's name
 * @option: name of the option
 * @value: its new value, as for devmq_create()
 *
 * Return: 0, -ENOENT (no such queue or option), -EACCES (no permission, or
 * the option is fixed), -EINVAL or -ERANGE (the value, or the names as for
 * devmq_get_option()).
 */
int devmq_set_option(const char *name, const char *option, const char *value);

/**
 * devmq_list() - names of all queues, sorted
 * @names: where the array goes, which ends with NULL. Array and names are one
 *	allocation, which the caller frees with free(3)
 *
 * Return: how many there are, -ENOENT (the module is not loaded), -ENOMEM.
 */
int devmq_list(char ***names);

/* ------------------------------------------------------------------ */
/* Topics: what is sent to one goes to the queues that are bound to it */

/*
 * A filter is an array of terms that ends with NULL: "key=PATTERN" and
 * "header.NAME=VALUE", as struct devmq_bind describes them. A binding takes what all
 * terms take. An array without terms, or NULL in its place, takes everything. For a
 * new binding, a term "start=earliest", "start=id:N" or "start=time:T" says with what
 * of the messages that the topic retains it begins.
 *
 * A topic is created by devmq_create() with the option type=topic, opened by
 * devmq_open() and sent to as a queue is. See devmq-topics(7).
 */

/**
 * devmq_bind() - bind a queue to a topic, by the control node
 * @topic: the topic's name
 * @queue: name of the queue, or of the topic, that it is to feed
 * @filter: what the binding takes. No blanks can be in a term here; with
 *	devmq_bind_queue() they can
 * @reason: as for devmq_create()
 * @reason_size: bytes there
 *
 * Return: 0, -EEXIST (there is such a binding), -ENOENT (no such topic or queue, or
 * the module is not loaded), -ELOOP (messages would go round in a circle, or pass too
 * many topics one behind the other), -E2BIG (the filter is too large or costs too much,
 * or a message would pass too many topics), -ENOSPC (the topic has DEVMQ_BINDINGS_MAX
 * bindings), -EXDEV (the topic is in a journal, and the other is neither there nor a queue
 * in memory), -EIO (it is done, but the journal has failed), -EBUSY (it is bound already, and would
 * get messages twice with start=), -EINVAL (the filter, a name; it is no topic; or the queue would refuse what the topic takes), -EDQUOT or -ENOMEM; or as
 * devmq_create(), of the control node and the names.
 */
int devmq_bind(const char *topic, const char *queue,
	       const char *const *filter, char *reason, size_t reason_size);

/**
 * devmq_unbind() - take bindings away, by the control node
 * @topic: the topic's name
 * @queue: the queue's name
 * @filter: the binding that has exactly these terms, in any order; without terms:
 *	all bindings between the two
 * @reason: as for devmq_create()
 * @reason_size: bytes there
 *
 * What the queue has got stays there.
 *
 * Return: 0, -ENOENT (no such binding, topic or queue), or as devmq_bind().
 */
int devmq_unbind(const char *topic, const char *queue,
		 const char *const *filter, char *reason, size_t reason_size);

/**
 * devmq_bind_queue() - bind a queue to a topic, by the owner of both
 * @topic: open for writing
 * @queue: the queue, or the other topic, open in any way
 * @filter: what the binding takes
 * @id: where the number of the binding goes, or NULL
 *
 * Needs no permission for the control node.
 *
 * Return: 0, -EPERM (the caller does not own both nodes), -EBADF, -ENODEV (one of the
 * two was removed), -ENOTTY (the module knows no topics), or as devmq_bind().
 */
int devmq_bind_queue(struct devmq_queue *topic,
		     const struct devmq_queue *queue,
		     const char *const *filter, uint64_t *id);

/**
 * devmq_unbind_queue() - take bindings away, by the owner of both
 * @topic: open for writing
 * @queue: the queue, or the other topic, open in any way
 * @filter: as for devmq_unbind()
 * @gone: where the number of bindings that are gone goes, or NULL
 *
 * Return: 0, -ENOENT (there is no such binding), or as devmq_bind_queue().
 */
int devmq_unbind_queue(struct devmq_queue *topic,
		       const struct devmq_queue *queue,
		       const char *const *filter, uint64_t *gone);

/** struct devmq_bindings_list - the bindings of a topic, as they were listed */
struct devmq_bindings_list;

/**
 * struct devmq_binding_view - a binding in a list
 * @id: number of the binding in its topic
 * @taken: messages that it took
 * @missed: messages that the topic trimmed before a binding with start= came to them,
 *	that are too large for the queue, or that could not be read back
 * @behind: zero, or how many ids a binding with start= is behind the topic's newest
 * @queue: name of the queue or topic that it feeds
 * @filter: its terms, and NULL behind the last
 *
 * Later versions may have more members.
 */
struct devmq_binding_view {
	uint64_t		id;
	uint64_t		taken;
	uint64_t		missed;
	uint64_t		behind;
	const char		*queue;
	const char *const	*filter;
};

/**
 * devmq_bindings() - list the bindings of a topic
 * @topic: open in any way
 * @list: where the list goes; the caller frees it with devmq_bindings_free()
 *
 * They come in the order in which they were made. Of those that come or go
 * meanwhile some may be in the list.
 *
 * Return: how many there are, -EINVAL (it is a queue), -ENOTTY (the module knows no
 * topics), -ENODEV, -ENOMEM or -EBADMSG.
 */
int devmq_bindings(struct devmq_queue *topic,
		   struct devmq_bindings_list **list);

/**
 * devmq_bindings_next() - the next binding of a list
 * @list: the list
 * @binding: where the address of the binding goes, which is valid until the next call
 *
 * Return: false at the end of the list.
 */
bool devmq_bindings_next(struct devmq_bindings_list *list,
			 const struct devmq_binding_view **binding);

/**
 * devmq_bindings_rewind() - go to the beginning of a list
 * @list: the list
 */
void devmq_bindings_rewind(struct devmq_bindings_list *list);

/**
 * devmq_bindings_free() - free a list
 * @list: the list, or NULL
 */
void devmq_bindings_free(struct devmq_bindings_list *list);

/**
 * devmq_is_topic() - is this a topic?
 * @queue: a queue or a topic, open in any way
 *
 * Return: 1 if it is a topic, 0 if it is a queue, -ENODEV.
 */
int devmq_is_topic(const struct devmq_queue *queue);

/* ------------------------------------------------------------------ */
/* Journals: need permission for /dev/mq/control, as above            */

/**
 * devmq_journal_attach() - attach a journal: its queues are there again
 * @name: how it is called while it is attached, by the rules for names of queues
 * @fd: the journal, a regular file or a block device, open for reading and
 *	writing; it may be closed afterwards
 * @result: where the numbers of queues and messages go, and the bytes that a crash
 *	has torn; or NULL. Written on success
 * @size: sizeof(*result)
 * @reason: as for devmq_create()
 * @reason_size: bytes there
 *
 * The journal is read whole, which may take a while. If that fails, no queue was
 * created. "mqctl journal create" makes a new journal.
 *
 * Return: 0, or an error as struct devmq_journal_attach has them: -EEXIST, -EBUSY,
 * -EUCLEAN (it is damaged: "mqctl journal check" says what is readable), -ESTALE (it
 * was moved to another file), -EBADF,
 * -EINVAL...; or as devmq_create(), of the control node and the name; or -ENOTTY
 * (the module knows no journals).
 */
int devmq_journal_attach(const char *name, int fd,
			 struct devmq_journal_attach *result, size_t size,
			 char *reason, size_t reason_size);

/**
 * devmq_journal_detach() - write what is not written, and let go of a journal
 * @name: its name
 * @flags: zero, or DEVMQ_JOURNAL_FORCE: although queues of it are open, which are
 *	closed, and although it has failed
 * @reason: as for devmq_create()
 * @reason_size: bytes there
 *
 * Its queues go away with it. They are in the journal, and there again when it is
 * attached.
 *
 * Return: 0, -EBUSY (a queue of it is open, or it is being moved), -ENOENT (no such
 * journal), -EINTR (a signal came; nothing was detached), -EIO (it has failed), or as
 * devmq_journal_attach().
 */
int devmq_journal_detach(const char *name, unsigned int flags, char *reason,
			 size_t reason_size);

/**
 * devmq_journal_move() - write all that a journal has to another file, and go on there
 * @name: its name
 * @fd: the other file, open for reading and writing: a journal without queues, or one
 *	that was moved itself. It may be closed afterwards
 * @flags: zero
 * @reason: as for devmq_create()
 * @reason_size: bytes there
 *
 * Its queues are used meanwhile. A journal that has failed works again afterwards, with
 * what its queues have in memory. The old file cannot be attached again. If the call
 * fails, also with -EINTR (a signal came), the journal is where it was. If the caller is
 * killed, it may just have been moved. devmq_journal_list() says in moved how far it is.
 *
 * Return: 0, or an error as struct devmq_journal_move has them: -ENOENT, -EBUSY,
 * -ENOSPC (the other file is too small), -EMSGSIZE (its segments are), -ENOTEMPTY (it
 * has queues), -ENODATA (it is no journal)...; or as devmq_journal_attach().
 */
int devmq_journal_move(const char *name, int fd, unsigned int flags,
		       char *reason, size_t reason_size);

/**
 * devmq_journal_list() - the journals that are attached
 * @infos: where the array goes, which the caller frees with free(3)
 * @info_size: sizeof(**infos)
 *
 * Return: how many there are, -ENOENT (the module is not loaded), -ENOTTY (it knows
 * no journals), -EINVAL (@info_size), -EACCES or -ENOMEM.
 */
int devmq_journal_list(struct devmq_journal_info **infos, size_t info_size);

/**
 * devmq_sync() - wait until all is on stable storage
 * @queue: open in any way
 *
 * All that was sent and settled through this open file before the call. Calls that
 * wait at the same time share what the disk does for them, so to send many
 * messages and call this once is faster than DEVMQ_OPEN_SYNC.
 *
 * Return: 0, -EINVAL (the queue has no journal), -EIO (the journal has failed: what
 * was not confirmed before may be lost), -EINTR or -ENODEV.
 */
int devmq_sync(struct devmq_queue *queue);

#ifdef __cplusplus
}
#endif

#endif /* DEVMQ_H */
