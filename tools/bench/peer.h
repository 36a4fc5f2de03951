/* SPDX-License-Identifier: GPL-2.0 */
/* Peers and channels: what a peer offers, and what workloads use of it. */
#ifndef MQBENCH_PEER_H
#define MQBENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is asked of a queue besides handing messages over. */
enum kind {
	KIND_PLAIN,
	KIND_ACK,		/* the receiver acknowledges them */
	KIND_NEXT,		/* the same, by the call that receives the next */
	KIND_PRIORITY,		/* PRIORITIES levels in turn */
	KIND_KEY,		/* KEYS keys in turn, in order for each */
	KIND_DELAY,		/* ready DELAY_NS after sending */
	KIND_TOPIC,		/* not received: goes to the topic's subscriptions */
};

#define PRIORITIES	10
#define KEYS		256
#define DELAY_NS	1000

/* Messages a call, if the workload does not vary that. */
#define BATCH		64

/* What a peer can do. */
#define CAN_SHARE	(1U << 0)	/* several processes on each side */
#define CAN_BATCH	(1U << 1)	/* several messages a call */
#define CAN_ACK		(1U << 2)
#define CAN_PRIORITY	(1U << 3)
#define CAN_KEY		(1U << 4)
#define CAN_DELAY	(1U << 5)
#define CAN_KEEP	(1U << 6)	/* stores what is sent, in the kernel */
#define MUST_ACK	(1U << 7)	/* has no other way to receive */
#define CAN_CONFIRM	(1U << 9)	/* a send may return when it is on a disk */
#define ON_REQUEST	(1U << 8)	/* not measured unless asked for */
#define CAN_TOPIC	(1U << 10)	/* has topics, which queues subscribe to */
#define CAN_NEXT	(1U << 11)	/* acknowledges and receives by one call */

struct channel;

/**
 * struct setup - what a channel must be able to do
 * @size: bytes of every message
 * @depth: messages that it must have room for
 * @batch: messages a call; zero for the calls that take one
 * @kind: what is done to the messages
 * @sync: a send returns when its messages are on stable storage
 * @topic: the topic that the queue subscribes to, or NULL
 */
struct setup {
	size_t		size;
	size_t		depth;
	unsigned int	batch;
	enum kind	kind;
	bool		sync;
	const struct channel *topic;
};

struct peer;

/**
 * struct channel - a queue of a peer
 * @peer: the peer
 * @setup: what it must be able to do
 * @out: the message to send, @setup.size bytes
 * @in: where a message is received, @setup.size bytes
 * @stops: how many messages that begin with STOP the last call received
 * @sent: messages sent so far, which chooses the next priority or key
 * @tx: descriptor or number to send with
 * @rx: descriptor or number to receive with
 * @state: for the peer alone
 * @config: how it was configured, as the report says it
 */
struct channel {
	const struct peer	*peer;
	struct setup		setup;
	unsigned char		*out;
	unsigned char		*in;
	unsigned int		stops;
	unsigned int		sent;
	int			tx;
	int			rx;
	void			*state;
	char			config[160];
};

/* First byte of a message that tells a receiver to end; the others begin with 0. */
#define STOP	0xff

/**
 * struct peer - a mechanism, and how to use it
 * @name: as users call it
 * @what: what it is, in some words
 * @can: CAN_...
 * @max_size: largest message in bytes
 * @size_reason: why it is not larger
 * @max_depth: most messages that one queue can hold, zero for no bound
 * @depth_reason: why not more
 * @missing: why it cannot be used here, or NULL
 * @make: make a queue and open it for sending and receiving
 * @idle: make a queue that no process has open; NULL: as @make
 * @unmake: undo @make or @idle, in the process that called it
 * @join: in a child process: open connections of its own, which end with the
 *	process; NULL: it uses those that it inherited
 * @leave: close what @make or @join opened, so that nothing is lost that was sent;
 *	NULL: the end of the process does that
 * @send: send @out
 * @recv: receive into @in; sleeps while there is nothing
 * @send_batch: send @out @count times
 * @recv_batch: receive one to @max messages, and return how many
 * @ack: acknowledge the messages that the last call received
 * @used: bytes of memory that the peer itself counts for its messages; NULL: it does
 *	not tell
 * @server_cpu: nanoseconds of processor time that a server has used, or NULL
 *
 * Functions that return an int return zero, or what is said above, or a negative
 * errno.
 */
struct peer {
	const char	*name;
	const char	*what;
	unsigned int	can;
	size_t		max_size;
	const char	*size_reason;
	size_t		max_depth;
	const char	*depth_reason;
	const char	*(*missing)(void);
	int		(*make)(struct channel *c);
	int		(*idle)(struct channel *c);
	void		(*unmake)(struct channel *c);
	int		(*join)(struct channel *c);
	int		(*leave)(struct channel *c);
	int		(*send)(struct channel *c);
	int		(*recv)(struct channel *c);
	int		(*send_batch)(struct channel *c, unsigned int count);
	int		(*recv_batch)(struct channel *c, unsigned int max);
	int		(*ack)(struct channel *c);
	int		(*used)(struct channel *c, uint64_t *bytes);
	uint64_t	(*server_cpu)(void);
};

extern const struct peer peer_devmq, peer_libdevmq, peer_durable, peer_uring, peer_pipe,
	peer_packet, peer_sysv, peer_posix, peer_seqpacket, peer_dgram, peer_null,
	peer_command, peer_redis, peer_rabbitmq, peer_beanstalkd, peer_wfcqueue;

/* Is every message acknowledged? */
static inline bool acks(const struct channel *c)
{
	return c->setup.kind == KIND_ACK || c->peer->can & MUST_ACK;
}

#endif /* MQBENCH_PEER_H */
