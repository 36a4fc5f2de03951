/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mqbench: what its parts share.
 *
 * A peer is a mechanism that hands messages over; a channel is one queue of a
 * peer's, as one process sees it; a workload is a way to use channels. A
 * workload runs the same loops for all peers, through the functions that stand
 * in struct peer, and makes JSON objects ("results"), from which every output is
 * made.
 */
#ifndef MQBENCH_H
#define MQBENCH_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MQBENCH_VERSION	"0.1.0"
/* Counts up when a member of the JSON changes its meaning or goes away. */
#define MQBENCH_SCHEMA	1

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* ------------------------------------------------------------------ */
/* Peers                                                              */

/* What is done to the messages besides handing them over. */
enum kind {
	KIND_PLAIN,
	KIND_ACK,		/* acknowledged by the receiver, afterwards */
	KIND_PRIORITY,		/* PRIORITIES levels in turn */
	KIND_KEY,		/* KEYS keys in turn, in order for each */
	KIND_DELAY,		/* ready DELAY_NS after sending */
};

#define PRIORITIES	10
#define KEYS		256
#define DELAY_NS	1000

/* Messages a call, where the workload does not vary them. */
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
#define ON_REQUEST	(1U << 8)	/* not measured unless asked for */

/**
 * struct setup - what a channel is to be good for
 * @size: bytes of every message
 * @depth: messages that it has to have room for
 * @batch: messages a call; zero for the calls that take one
 * @kind: what is done to the messages
 */
struct setup {
	size_t		size;
	size_t		depth;
	unsigned int	batch;
	enum kind	kind;
};

struct peer;

/**
 * struct channel - a queue of some peer's
 * @peer: whose
 * @setup: what it is for; the peer may lower nothing in it
 * @out: the message to send, @setup.size bytes
 * @in: where a message is received, @setup.size bytes
 * @stops: how many messages that begin with STOP were received in the last call
 * @sent: messages marked so far, for taking turns
 * @tx: descriptor or number to send with
 * @rx: descriptor or number to receive with
 * @state: the peer's own
 * @config: how it was configured, for the report
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

/* First byte of a message that tells a receiver to end; others begin with 0. */
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
 * @make: make a queue and be ready to send and receive; 0 or a negative errno
 * @idle: make a queue that nobody has open; NULL: as @make
 * @unmake: the end of what @make or @idle did, in the process that did it
 * @join: in a child process: connections of its own, which end with it; NULL:
 *	those that it inherited will do
 * @send: send @out
 * @recv: receive into @in; sleeps while there is nothing
 * @send_batch: send @out so many times
 * @recv_batch: receive at most so many, at least one; how many
 * @ack: acknowledge what the last call received
 * @server_cpu: nanoseconds of processor time that a server has used, or NULL
 *
 * All but the last return a negative errno on failure, zero else if nothing is
 * said.
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
	int		(*send)(struct channel *c);
	int		(*recv)(struct channel *c);
	int		(*send_batch)(struct channel *c, unsigned int count);
	int		(*recv_batch)(struct channel *c, unsigned int max);
	int		(*ack)(struct channel *c);
	uint64_t	(*server_cpu)(void);
};

extern const struct peer peer_devmq, peer_libdevmq, peer_uring, peer_pipe,
	peer_packet, peer_sysv, peer_posix, peer_seqpacket, peer_dgram, peer_null,
	peer_redis, peer_beanstalkd, peer_wfcqueue;

/* All of them, NULL behind the last; and the one with a name, or NULL. */
extern const struct peer *const peers[];
const struct peer *find_peer(const char *name);

/* Why a peer cannot do what the setup says, or NULL if it can. */
const char *why_not(const struct peer *peer, const struct setup *setup);

/* A channel with a queue of its own; on failure nothing is left of it. */
int channel_open(struct channel *c, const struct peer *peer,
		 const struct setup *setup);
/* The same with a queue that nobody has open, if the peer has such. */
int channel_idle(struct channel *c, const struct peer *peer,
		 const struct setup *setup);
void channel_close(struct channel *c);

/* A name that no other channel has, which lives until the next call. */
const char *fresh_name(void);

/* Where the servers listen, unix sockets; NULL if they were not told. */
extern const char *redis_socket, *beanstalkd_socket;

/* ------------------------------------------------------------------ */
/* Workloads                                                          */

/**
 * struct plan - what the command line asks for
 * @size: bytes of a message where the workload does not vary it
 * @sizes: for the workloads that do; a zero ends each of these lists
 * @batches: messages a call
 * @depths: messages stored meanwhile
 * @queues: how many others there are
 * @count: messages a round; zero: as the workload thinks fit
 * @rounds: how often each is measured; the median counts
 * @time_ns: how long a round of several processes takes, if there is no @count
 * @procs: what N is in 1->N
 * @peers: those to be measured, NULL behind the last
 * @results: where the results go, an array
 */
#define LIST_MAX	16
#define ROUNDS_MAX	101
struct plan {
	size_t			size;
	size_t			sizes[LIST_MAX + 1];
	size_t			batches[LIST_MAX + 1];
	size_t			depths[LIST_MAX + 1];
	size_t			queues[LIST_MAX + 1];
	size_t			count;
	unsigned int		rounds;
	uint64_t		time_ns;
	unsigned int		procs;
	const struct peer	*peers[32];
	struct json_object	*results;
};

/**
 * struct load - a workload
 * @name: as users call it
 * @what: what it does, in one line
 * @run: measure it with one peer
 */
struct load {
	const char	*name;
	const char	*what;
	void		(*run)(const struct plan *plan, const struct load *load,
			       const struct peer *peer);
};

extern const struct load loads[];
extern const size_t load_count;
const struct load *find_load(const char *name);

/* cost.c, flow.c, memory.c: how loads are run. */
void run_pair(const struct plan *plan, const struct load *load,
	      const struct peer *peer);
void run_sizes(const struct plan *plan, const struct load *load,
	       const struct peer *peer);
void run_batch(const struct plan *plan, const struct load *load,
	       const struct peer *peer);
void run_kind(const struct plan *plan, const struct load *load,
	      const struct peer *peer);
void run_depth(const struct plan *plan, const struct load *load,
	       const struct peer *peer);
void run_others(const struct plan *plan, const struct load *load,
		const struct peer *peer);
void run_stream(const struct plan *plan, const struct load *load,
		const struct peer *peer);
void run_pingpong(const struct plan *plan, const struct load *load,
		  const struct peer *peer);
void run_memory(const struct plan *plan, const struct load *load,
		const struct peer *peer);
void run_idle(const struct plan *plan, const struct load *load,
	      const struct peer *peer);

/*
 * A result with what all results have; it belongs to the plan's results. Then
 * it gets figures, or the reason why the peer cannot take part, or the errno
 * that ended it, which is said at once and lets the program fail at its end.
 */
struct json_object *result_new(const struct plan *plan, const struct load *load,
			       const struct peer *peer,
			       const struct setup *setup);
void result_number(struct json_object *result, const char *name, double value);
void result_text(struct json_object *result, const char *name,
		 const char *text);
void result_error(struct json_object *result, int err);
extern bool anything_failed;

/* Send @count messages as the setup says, and receive them. */
int channel_fill(struct channel *c, size_t count);
int channel_drain(struct channel *c, size_t count);

/* Is every message acknowledged? */
static inline bool acks(const struct channel *c)
{
	return c->setup.kind == KIND_ACK || c->peer->can & MUST_ACK;
}

/* ------------------------------------------------------------------ */
/* Statistics, the system, output                                     */

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/* Sorts the values. */
double median(double *values, size_t count);
/* The smallest value that so many per mille are not above; values are sorted. */
uint64_t permille(const uint64_t *sorted, size_t count, unsigned int n);
void sort_u64(uint64_t *values, size_t count);

/* Limits of the kernel's raised for peers; what could not be is said. */
void raise_limits(void);
/* Bytes of memory that nobody uses, with what caches could give back. */
int free_memory(uint64_t *bytes);
/* Does the clock count instructions? */
bool clock_counts(void);
/* Kernel, module, processor, limits: what has to be known to repeat a run. */
struct json_object *describe_system(void);
/* Nanoseconds of processor time of a process, zero if it cannot be known. */
uint64_t process_cpu(int pid);

/* An array of reports, each with a system, a plan and results. */
void show_tables(struct json_object *reports);
void show_readme(struct json_object *reports);
void show_plot(struct json_object *reports);

/* One line on standard error; then exit with that status. */
__attribute__((noreturn, format(printf, 2, 3)))
void die(int status, const char *format, ...);

#endif /* MQBENCH_H */
