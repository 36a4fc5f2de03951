// SPDX-License-Identifier: GPL-2.0
/*
 * The model.  It looks through all messages for every question: what it says
 * must be plain, not fast.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define MS	1000000ULL

/* Whatever is shorter is over at once: a retry says 1 ns for "not at all". */
#define MODEL_INSTANT	1000

/* No time is longer: a hundred years. */
#define MODEL_MS_MAX	(100ULL * 36525 * 864 * 1000)

unsigned char model_byte(__u32 serial, __u32 i)
{
	return i < 4 ? serial >> 8 * i : serial * 31 + i * 7;
}

/* -- messages of a queue --------------------------------------------------- */

static bool is_on(const struct model_queue *q, enum model_option option,
		  __u64 value)
{
	return q->option[option] == value;
}

static struct model_entry *find(struct model_queue *q, __u64 id)
{
	unsigned int i;

	for (i = 0; i < q->count; i++)
		if (q->entry[i].id == id)
			return &q->entry[i];
	return NULL;
}

/* The first message behind @id that @file holds, up to @last. */
static struct model_entry *find_held(struct model_queue *q, int file, __u64 id,
				     __u64 last)
{
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];

		if (e->id > id && e->id <= last && e->holder == file &&
		    e->state == DEVMQ_STATE_IN_FLIGHT)
			return e;
	}
	return NULL;
}

static struct model_entry *append(struct model_queue *q,
				  const struct model_entry *e)
{
	struct model_entry *new;

	if (q->count == q->room) {
		q->room = 2 * q->room + 16;
		q->entry = realloc(q->entry, q->room * sizeof(*q->entry));
		if (!q->entry)
			abort();
	}
	new = &q->entry[q->count++];
	*new = *e;
	new->id = ++q->last_id;
	q->stat.sent++;
	return new;
}

static unsigned int count_state(const struct model_queue *q, __u32 state)
{
	unsigned int i, n = 0;

	for (i = 0; i < q->count; i++)
		n += q->entry[i].state == state;
	return n;
}

/* Messages that came as dead, or all others, and the bytes of those. */
struct stock {
	__u64 messages, bytes;
};

static struct stock stock_of(const struct model_queue *q, bool buried)
{
	struct stock s = {};
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		if (q->entry[i].buried != buried)
			continue;
		s.messages++;
		s.bytes += q->entry[i].bytes;
	}
	return s;
}

static bool fits(const struct model_queue *q, const struct stock *s,
		 __u64 bytes)
{
	return s->messages + 1 <= q->option[OPT_MAX_MESSAGES] &&
	       s->bytes + bytes <= q->option[OPT_MAX_BYTES];
}

/* Would one more of a sender's fit? */
static bool has_room(const struct model_queue *q, __u64 bytes)
{
	struct stock s = stock_of(q, false);

	return fits(q, &s, bytes);
}

/* And one more that comes as dead? */
static bool has_grave(const struct model_queue *q, __u64 bytes)
{
	struct stock s = stock_of(q, true);

	return fits(q, &s, bytes);
}

static int held_count(const struct model_queue *q, int file)
{
	unsigned int i, n = 0;

	for (i = 0; i < q->count; i++)
		n += q->entry[i].state == DEVMQ_STATE_IN_FLIGHT &&
		     q->entry[i].holder == file;
	return n;
}

static struct model_queue *dead_letter_of(struct model *m,
					  const struct model_queue *q)
{
	__u64 target = q->option[OPT_DEAD_LETTER];

	return target ? &m->queue[target - 1] : NULL;
}

/* -- the order of delivery ------------------------------------------------- */

/* Who takes turns with whom. */
static int group_of(const struct model_queue *q, const struct model_entry *e)
{
	return is_on(q, OPT_FAIRNESS, FAIR_KEY) ? e->key + 1 : e->user;
}

static bool goes_before(const struct model_entry *a,
			const struct model_entry *b)
{
	return a->priority != b->priority ? a->priority > b->priority :
					    a->id < b->id;
}

static bool has_turn_before(const struct model_entry *a,
			    const struct model_entry *b)
{
	return a->priority == b->priority && a->turn != b->turn ?
	       a->turn < b->turn : goes_before(a, b);
}

/*
 * order=key: which of a key may go, if it is ready: the one that is under way,
 * in flight or back from there; else the first that is ready.
 */
static const struct model_entry *key_front(const struct model_queue *q, int key)
{
	const struct model_entry *best = NULL;
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		const struct model_entry *e = &q->entry[i];

		if (e->key != key)
			continue;
		if (e->has_key && e->state != DEVMQ_STATE_READY)
			return e;
		if (e->state == DEVMQ_STATE_READY &&
		    (!best || e->has_key > best->has_key ||
		     (e->has_key == best->has_key && goes_before(e, best))))
			best = e;
	}
	return best;
}

static bool may_go(const struct model_queue *q, const struct model_entry *e)
{
	if (e->state != DEVMQ_STATE_READY)
		return false;
	return is_on(q, OPT_ORDER, ORDER_FIFO) || e->key < 0 ||
	       key_front(q, e->key) == e;
}

static struct model_entry *next_ready(struct model_queue *q)
{
	struct model_entry *best = NULL;
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];

		if (may_go(q, e) && (!best || has_turn_before(e, best)))
			best = e;
	}
	return best;
}

/* fairness: does another one of the same group stand there with its turn? */
static bool is_in_turns(const struct model_queue *q,
			const struct model_entry *e)
{
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		const struct model_entry *other = &q->entry[i];

		if (other->turn && other->priority == e->priority &&
		    group_of(q, other) == group_of(q, e) && may_go(q, other))
			return true;
	}
	return false;
}

/*
 * fairness: whoever may go for the first time gets a turn, the next of its
 * group at its level, but one that is still to come.  Turns of those that went
 * without are not waited for.  To be called after each single change.
 */
static void give_turns(struct model_queue *q)
{
	__u64 *last, now;
	unsigned int i;

	if (is_on(q, OPT_FAIRNESS, FAIR_NONE))
		return;
	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];

		if (e->turn || !may_go(q, e))
			continue;
		last = &q->turns[e->priority][group_of(q, e)];
		now = q->turn[e->priority];
		if (!is_in_turns(q, e) || *last < now)
			*last = now;
		e->turn = ++*last;
	}
}

/* It leaves the queue for good. */
static void forget(struct model_queue *q, struct model_entry *e)
{
	unsigned int i = e - q->entry;

	memmove(e, e + 1, (--q->count - i) * sizeof(*e));
	give_turns(q);
}

/* -- how a message gets on ------------------------------------------------- */

static void land(struct model_queue *q, struct model_entry *e)
{
	struct model_file *f = &q->file[e->holder];

	if (e->state == DEVMQ_STATE_IN_FLIGHT && f->partial == e->id)
		f->partial = 0;
	e->lease = 0;
}

static void get_ready(struct model *m, struct model_queue *q,
		      struct model_entry *e)
{
	e->state = DEVMQ_STATE_READY;
	e->due = 0;
	if (e->ttl)
		e->expires = m->now + e->ttl;
	e->ttl = 0;
	give_turns(q);
}

/* Move it to another queue, as if it was sent there now. */
static void move(const struct model *m, struct model_queue *q,
		 struct model_entry *e, struct model_queue *to, bool buried)
{
	struct model_entry copy = *e;

	forget(q, e);
	copy.state = DEVMQ_STATE_READY;
	copy.attempt = 0;
	copy.due = 0;
	copy.ttl = 0;
	copy.expires = buried && to->option[OPT_TTL_MS] ?
		       m->now + to->option[OPT_TTL_MS] * MS : 0;
	copy.has_key = false;
	copy.turn = 0;
	copy.buried = buried;
	if (copy.priority >= to->option[OPT_PRIORITIES])
		copy.priority = to->option[OPT_PRIORITIES] - 1;
	append(to, &copy);
	give_turns(to);
}

/* What is said of its last failure, if anything. */
static void take_note(struct model_entry *e, const struct model_range *r)
{
	e->note = r ? r->note : 0;
	e->note_size = r ? r->note_size : 0;
}

/* False if it lives on, as there are enough dead. */
static bool die(struct model *m, struct model_queue *q, struct model_entry *e,
		__u32 reason, __u64 delay)
{
	struct model_queue *to = dead_letter_of(m, q);

	if (to && !has_grave(to, e->bytes))
		to = NULL;
	land(q, e);
	e->due = 0;
	e->ttl = 0;
	e->expires = 0;
	if (!to && count_state(q, DEVMQ_STATE_DEAD) >=
		   q->option[OPT_MAX_DEAD]) {
		e->state = delay > MODEL_INSTANT ? DEVMQ_STATE_DELAYED :
						   DEVMQ_STATE_READY;
		e->due = delay > MODEL_INSTANT ? m->now + delay : 0;
		q->stat.dead_refused++;
		give_turns(q);
		return false;
	}
	e->reason = reason;
	e->has_key = false;
	if (!to) {
		e->state = DEVMQ_STATE_DEAD;
		give_turns(q);
		return true;
	}
	if (e->origin < 0 && m->mutation != MUTATION_LOSE_ORIGIN) {
		e->origin = q - m->queue;
		e->origin_life = m->life[e->origin];
		e->origin_id = e->id;
	}
	e->failures_before = e->failures;
	q->stat.dead_lettered++;
	move(m, q, e, to, true);
	return true;
}

static void expire(struct model *m, struct model_queue *q,
		   struct model_entry *e)
{
	if (is_on(q, OPT_ON_EXPIRY, EXPIRY_DEAD)) {
		die(m, q, e, DEVMQ_REASON_EXPIRED, 0);
		return;
	}
	land(q, e);
	q->stat.expired++;
	forget(q, e);
}

static bool is_expired(const struct model *m, const struct model_entry *e)
{
	return e->expires && e->expires <= (m->noticed ?: m->now) &&
	       m->mutation != MUTATION_TTL_FOR_EVER;
}

/* A flight ends, and the message goes to @state. */
static void come_back(struct model *m, struct model_queue *q,
		      struct model_entry *e, __u32 state, __u64 due)
{
	land(q, e);
	if (is_expired(m, e)) {
		expire(m, q, e);
		return;
	}
	e->state = state;
	e->due = due;
	if (m->mutation == MUTATION_RETURN_TO_END)
		e->turn++;
	if (state == DEVMQ_STATE_DEFERRED)
		e->has_key = false;
	give_turns(q);
}

/* How long a message waits that fails after so many times. */
static __u64 back_off(const struct model_queue *q, const struct model_entry *e,
		      __u32 failures)
{
	__u64 delay = q->option[OPT_RETRY_MS];
	__u64 most = q->option[OPT_RETRY_MAX_MS];
	__u32 i;

	most = most ? most : MODEL_MS_MAX;
	most = most < delay ? delay : most;
	for (i = e->failures_before; i < failures && delay < most; i++)
		delay *= q->option[OPT_RETRY_BACKOFF];
	return (delay < most ? delay : most) * MS;
}

/*
 * A flight ends badly, and @r says why, if anybody does.  It stays away for @delay,
 * unless it dies: true.
 */
static bool fail(struct model *m, struct model_queue *q, struct model_entry *e,
		 __u32 failure, const struct model_range *r, __u64 delay)
{
	__u64 most = q->option[OPT_MAX_DELIVERIES];
	__u32 here;

	e->failures++;
	e->failure = failure;
	take_note(e, r);
	here = e->failures - e->failures_before;
	if (m->mutation == MUTATION_ONE_MORE)
		here--;
	if (most && here >= most)
		return die(m, q, e, DEVMQ_REASON_FAILURES, delay ? delay :
			   back_off(q, e, e->failures - 1));
	if (delay > MODEL_INSTANT)
		come_back(m, q, e, DEVMQ_STATE_DELAYED, m->now + delay);
	else
		come_back(m, q, e, DEVMQ_STATE_READY, 0);
	return false;
}

/* -- time ------------------------------------------------------------------ */

/* When something happens to a message by itself. */
static __u64 entry_deadline(const struct model *m, const struct model_entry *e)
{
	__u64 when = DEVMQ_FOREVER;

	switch (e->state) {
	case DEVMQ_STATE_IN_FLIGHT:
		return e->lease ? e->lease : when;
	case DEVMQ_STATE_DEAD:
		return when;
	case DEVMQ_STATE_DELAYED:
		when = e->due;
		break;
	}
	if (e->expires && e->expires < when &&
	    m->mutation != MUTATION_TTL_FOR_EVER)
		when = e->expires;
	return when;
}

/* The message of a queue to which something happens next. */
static struct model_entry *queue_event(const struct model *m, int queue)
{
	const struct model_queue *q = &m->queue[queue];
	struct model_entry *best = NULL;
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];

		if (entry_deadline(m, e) != DEVMQ_FOREVER &&
		    (!best || entry_deadline(m, e) < entry_deadline(m, best)))
			best = e;
	}
	return best;
}

/* The same of all queues, and in which. */
static struct model_entry *next_event(const struct model *m, int *queue)
{
	struct model_entry *best = NULL;
	int i;

	for (i = 0; i < MODEL_QUEUES; i++) {
		struct model_entry *e = queue_event(m, i);

		if (!e || (best && entry_deadline(m, e) >=
				   entry_deadline(m, best)))
			continue;
		best = e;
		*queue = i;
	}
	return best;
}

static void on_time(struct model *m, struct model_queue *q,
		    struct model_entry *e)
{
	struct model_file *f = &q->file[e->holder];

	if (e->state == DEVMQ_STATE_IN_FLIGHT) {
		f->stale |= f->partial == e->id;
		fail(m, q, e, DEVMQ_FAILURE_LEASE, NULL, 0);
	} else if (is_expired(m, e)) {
		expire(m, q, e);
	} else {
		get_ready(m, q, e);
	}
}

bool model_is_due(const struct model *m, int queue, __u64 now)
{
	const struct model_entry *e = queue_event(m, queue);

	return e && entry_deadline(m, e) <= now;
}

bool model_may_be_late(const struct model *m, int queue, __u64 now)
{
	const struct model_entry *e = queue_event(m, queue);

	return e && e->expires > entry_deadline(m, e) && e->expires <= now;
}

void model_step(struct model *m, int queue, __u64 now, bool late)
{
	struct model_entry *e = queue_event(m, queue);

	m->now = entry_deadline(m, e);
	m->noticed = late ? now : 0;
	on_time(m, &m->queue[queue], e);
	m->noticed = 0;
}

void model_pass(struct model *m, __u64 now)
{
	int queue;

	while (model_deadline(m) <= now) {
		next_event(m, &queue);
		model_step(m, queue, now, false);
	}
	m->now = now;
}

__u64 model_deadline(const struct model *m)
{
	int queue;
	struct model_entry *e = next_event(m, &queue);

	return e ? entry_deadline(m, e) : DEVMQ_FOREVER;
}

static __u64 window_end(const struct model_queue *q,
			const struct model_dedup *d)
{
	return d->sent + q->option[OPT_DEDUP_WINDOW_MS] * MS;
}

static bool is_remembered(const struct model *m, const struct model_queue *q,
			  const struct model_dedup *d)
{
	return window_end(q, d) > m->now;
}

/* The later of the two, if that which ends from @start to @end ends in between. */
static __u64 later_end(__u64 last, __u64 start, __u64 end, __u64 from, __u64 to)
{
	return start <= to && end >= from && end > last ? end : last;
}

__u64 model_silent_end(const struct model *m, __u64 from, __u64 to)
{
	const struct model_queue *q;
	__u64 end, last = 0;
	unsigned int i;

	for (q = m->queue; q < m->queue + MODEL_QUEUES; q++) {
		for (i = 0; i < q->dedups; i++) {
			end = window_end(q, &q->dedup[i]);
			last = later_end(last, end, end + q->dedup[i].late,
					 from, to);
		}
		for (i = 0; i < q->count; i++) {
			end = q->entry[i].expires;
			if (end && q->entry[i].state == DEVMQ_STATE_IN_FLIGHT)
				last = later_end(last, end, end, from, to);
		}
	}
	return last;
}

/* -- opening and closing --------------------------------------------------- */

/* It receives, or waits for a message, or sets its mode. 0 or -EBUSY. */
static int consume(struct model *m, struct model_queue *q, struct model_file *f)
{
	if (f->consumes)
		return 0;
	if (q->stat.consumers && (f->exclusive || q->exclusive))
		return -EBUSY;
	f->consumes = true;
	f->joined = ++m->joins;
	q->stat.consumers++;
	q->exclusive = f->exclusive;
	return 0;
}

/* It sends, or waits for room. */
static void produce(struct model_queue *q, struct model_file *f)
{
	q->stat.producers += !f->produces;
	f->produces = true;
}

static void call_open(struct model *m, struct model_queue *q,
		      const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];

	memset(f, 0, sizeof(*f));
	f->open = true;
	f->reads = c->mode != O_WRONLY;
	f->writes = c->mode != O_RDONLY;
	f->exclusive = c->exclusive;
	f->ack = q->option[OPT_ACK];
	f->prefetch = q->option[OPT_PREFETCH];
	f->lease = q->option[OPT_LEASE_MS] * MS;
	if (c->mode == O_WRONLY)
		produce(q, f);
	if (c->mode == O_RDONLY)
		o->error = consume(m, q, f);
	f->open = !o->error;
}

static void call_close(struct model *m, struct model_queue *q,
		       const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	struct model_entry *e;
	__u64 id = 0;

	while ((e = find_held(q, c->file, id, ~0ULL))) {
		id = e->id;
		fail(m, q, e, DEVMQ_FAILURE_CRASH, NULL, 0);
	}
	q->stat.consumers -= f->consumes;
	q->stat.producers -= f->produces;
	if (f->consumes)
		q->exclusive = false;
	f->open = false;
}

/* -- sending --------------------------------------------------------------- */

/*
 * The oldest of the lowest priority among those that are ready, and whose going
 * makes room.
 */
static struct model_entry *victim(struct model_queue *q)
{
	struct model_entry *worst = NULL;
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];

		if (e->state == DEVMQ_STATE_READY && !e->buried &&
		    (!worst || e->priority < worst->priority))
			worst = e;
	}
	return worst;
}

static int make_room(struct model *m, struct model_queue *q, __u64 bytes)
{
	bool drop = is_on(q, OPT_OVERFLOW, OVERFLOW_DROP_HEAD);
	struct stock stay = {};
	struct model_entry *e;
	unsigned int i;

	if (!drop && !dead_letter_of(m, q))
		return -ENOSPC;
	for (i = 0; i < q->count; i++) {
		e = &q->entry[i];
		if (e->state == DEVMQ_STATE_READY || e->buried)
			continue;
		stay.messages++;
		stay.bytes += e->bytes;
	}
	if (!fits(q, &stay, bytes))
		return -ENOSPC;
	while (!has_room(q, bytes)) {
		e = victim(q);
		if (!drop) {
			if (!has_grave(dead_letter_of(m, q), e->bytes))
				return -ENOSPC;
			die(m, q, e, DEVMQ_REASON_OVERFLOW, 0);
			continue;
		}
		q->stat.dropped++;
		forget(q, e);
	}
	return 0;
}

static int admit(struct model *m, struct model_queue *q, __u64 bytes)
{
	if (has_room(q, bytes))
		return 0;
	switch (q->option[OPT_OVERFLOW]) {
	case OVERFLOW_BLOCK:
		return -EAGAIN;
	case OVERFLOW_REJECT:
		return -ENOSPC;
	default:
		return make_room(m, q, bytes);
	}
}

static bool pauses(const struct model_queue *q, int side)
{
	return is_on(q, OPT_PAUSED, side) || is_on(q, OPT_PAUSED, PAUSED_BOTH);
}

/* Whose window is over is forgotten for nothing; else it is counted. */
static void remember(struct model *m, struct model_queue *q, int name, __u64 id)
{
	unsigned int i, n = 0;

	for (i = 0; i < q->dedups; i++)
		if (is_remembered(m, q, &q->dedup[i]))
			q->dedup[n++] = q->dedup[i];
	while (n && n >= q->option[OPT_DEDUP_MAX]) {
		memmove(q->dedup, q->dedup + 1, --n * sizeof(*q->dedup));
		q->stat.dedup_forgotten++;
	}
	q->dedup[n++] = (struct model_dedup) {
		.name = name, .id = id, .sent = m->now,
	};
	q->dedups = n;
}

/* It was purged: what it came with may be sent once more. */
static void unremember(struct model_queue *q, __u64 id)
{
	unsigned int i, n = 0;

	for (i = 0; i < q->dedups; i++)
		if (q->dedup[i].id != id)
			q->dedup[n++] = q->dedup[i];
	q->dedups = n;
}

static const struct model_dedup *seen_before(const struct model *m,
					     const struct model_queue *q,
					     int name)
{
	unsigned int i;

	for (i = 0; name >= 0 && i < q->dedups; i++)
		if (q->dedup[i].name == name &&
		    is_remembered(m, q, &q->dedup[i]))
			return &q->dedup[i];
	return NULL;
}

/* When it will be ready, 0: now. */
static __u64 due_of(const struct model *m, const struct model_queue *q,
		    const struct model_record *r)
{
	__u64 delay = r->delay;

	if (!delay && !r->at)
		delay = q->option[OPT_DELAY_MS] * MS;
	return delay > MODEL_INSTANT ? m->now + delay : 0;
}

static __u64 ttl_of(const struct model_queue *q, const struct model_record *r)
{
	if (r->ttl == DEVMQ_FOREVER)
		return 0;
	return r->ttl ? r->ttl : q->option[OPT_TTL_MS] * MS;
}

static __u64 record_bytes(const struct model_record *r)
{
	return r->size + (r->key + 1) + (r->header ? MODEL_HEADER_SIZE : 0);
}

/* 0, a negative errno, or 1 for a duplicate; @id gets the message's. */
static int send_one(struct model *m, struct model_queue *q,
		    const struct model_record *r, int user, __u64 *id)
{
	struct model_entry new = {
		.serial = r->serial,
		.size = r->size,
		.bytes = record_bytes(r),
		.key = r->key,
		.header = r->header,
		.user = user,
		.priority = r->priority,
		.origin = -1,
		.sent = m->now,
		.due = due_of(m, q, r),
		.ttl = ttl_of(q, r),
	};
	const struct model_dedup *first;
	struct model_entry *e;
	int error;

	if (r->priority >= q->option[OPT_PRIORITIES])
		return -EINVAL;
	if (!r->size && !q->option[OPT_ALLOW_EMPTY])
		return -EINVAL;
	if (r->size > q->option[OPT_MAX_MESSAGE_SIZE] ||
	    new.bytes > q->option[OPT_MAX_BYTES])
		return -EMSGSIZE;
	if (pauses(q, PAUSED_SEND))
		return -EAGAIN;
	first = q->option[OPT_DEDUP_WINDOW_MS] ?
		seen_before(m, q, r->dedup) : NULL;
	if (first) {
		q->stat.deduplicated++;
		*id = first->id;
		return 1;
	}
	error = admit(m, q, new.bytes);
	if (error)
		return error;
	e = append(q, &new);
	if (e->due)
		e->state = DEVMQ_STATE_DELAYED;
	else
		get_ready(m, q, e);
	if (r->dedup >= 0 && q->option[OPT_DEDUP_WINDOW_MS])
		remember(m, q, r->dedup, e->id);
	*id = e->id;
	return 0;
}

/* A poll waits for room for what did not fit. */
static void want(struct model_file *f, const struct model_record *r, int error)
{
	if (error == -EAGAIN)
		f->wants = record_bytes(r);
	else if (error >= 0)
		f->wants = 0;
}

static void call_write(struct model *m, struct model_queue *q,
		       const struct model_call *c, struct model_outcome *o)
{
	__u64 id;

	produce(q, &q->file[c->file]);
	o->error = send_one(m, q, &c->record[0], c->user, &id);
	want(&q->file[c->file], &c->record[0], o->error);
	if (!o->error)
		o->result = c->record[0].size;
}

static void call_send(struct model *m, struct model_queue *q,
		      const struct model_call *c, struct model_outcome *o)
{
	unsigned int i;
	int error;
	__u64 id;

	produce(q, &q->file[c->file]);
	for (i = 0; i < c->count; i++) {
		error = send_one(m, q, &c->record[i], c->user, &id);
		if (!i)
			want(&q->file[c->file], &c->record[0], error);
		if (error && i) {
			/* A later call tells; a duplicate is none yet. */
			if (error > 0)
				q->stat.deduplicated--;
			return;
		}
		if (error < 0) {
			o->error = error;
			return;
		}
		o->result++;
		o->first = i ? o->first : id;
		o->last = id;
		if (error) {
			o->flags = DEVMQ_SENT_DUP;
			return;
		}
	}
}

/* -- receiving ------------------------------------------------------------- */

/* What a record says of a message. */
static void show(const struct model_entry *e, struct model_seen *s)
{
	*s = (struct model_seen) {
		.id = e->id,
		.serial = e->size ? e->serial : 0,
		.size = e->size,
		.shown = e->size,
		.key = e->key,
		.header = e->header,
		.user = e->user,
		.attempt = e->attempt,
		.failures = e->failures,
		.failure = e->failure,
		.priority = e->priority,
		.state = e->state,
		.extra = e->reason || e->origin >= 0 || e->note_size,
		.reason = e->reason,
		.origin = e->origin,
		.origin_id = e->origin_id,
		.note = e->note_size ? e->note : 0,
		.note_size = e->note_size,
		.sent = e->sent,
	};
}

/* What a delivery says of times, where it says more than of any message. */
static void show_times(const struct model_entry *e, struct model_seen *s)
{
	s->due = s->extra ? e->lease : 0;
	s->expires = s->extra ? e->expires : 0;
}

static struct model_seen *add_seen(struct model_outcome *o,
				   const struct model_entry *e)
{
	struct model_seen *s = &o->seen[o->count];

	if (o->count == MODEL_SEEN)
		abort();
	o->count++;
	show(e, s);
	return s;
}

/* Bytes of the record, with all that stands in it. */
static __u64 record_step(const struct model_seen *s, size_t name_size)
{
	__u64 size = sizeof(struct devmq_record) + s->key + 1 +
		     (s->header ? MODEL_HEADER_SIZE : 0);

	if (s->extra)
		size += sizeof(struct devmq_extra) + s->note_size +
			(s->origin >= 0 ? name_size : 0);
	return DEVMQ_ALIGN(DEVMQ_ALIGN(size) + s->shown);
}

/* Has it used half of its deliveries? Then nothing is handed out with it. */
static bool is_alone(const struct model_queue *q, const struct model_entry *e)
{
	__u64 most = q->option[OPT_MAX_DELIVERIES];

	return most && 2ULL * (e->failures - e->failures_before) >= most;
}

static bool holds_alone(const struct model_queue *q, int file)
{
	unsigned int i;

	for (i = 0; i < q->count; i++)
		if (q->entry[i].state == DEVMQ_STATE_IN_FLIGHT &&
		    q->entry[i].holder == file && q->entry[i].alone)
			return true;
	return false;
}

/* May the file receive anything at all? */
static bool may_receive(const struct model_queue *q, int file)
{
	const struct model_file *f = &q->file[file];
	int i;

	if (pauses(q, PAUSED_RECEIVE) || holds_alone(q, file))
		return false;
	for (i = 0; is_on(q, OPT_SINGLE_ACTIVE, 1) && i < MODEL_FILES; i++)
		if (q->file[i].open && q->file[i].consumes &&
		    q->file[i].joined < f->joined)
			return false;
	return f->ack == DEVMQ_ACK_AUTO || !f->prefetch ||
	       held_count(q, file) < f->prefetch;
}

static bool at_end(const struct model_queue *q)
{
	if (count_state(q, DEVMQ_STATE_READY))
		return false;
	return is_on(q, OPT_EOF, EOF_EMPTY) ||
	       (is_on(q, OPT_EOF, EOF_HANGUP) && !q->stat.producers);
}

/* What is next for a file: NULL, and why in @error (0: end of file). */
static struct model_entry *next_for(struct model_queue *q, int file, int *error)
{
	struct model_entry *e = NULL;

	*error = -EAGAIN;
	if (!may_receive(q, file))
		return NULL;
	e = next_ready(q);
	if (e && is_alone(q, e) && held_count(q, file))
		return NULL;
	if (e || at_end(q))
		*error = 0;
	return e;
}

/*
 * order=key: the others of its key wait for it, unless it was deferred and
 * another one is under way: then it is outside the order.
 */
static bool begins_key(const struct model_queue *q, const struct model_entry *e)
{
	unsigned int i;

	if (is_on(q, OPT_ORDER, ORDER_FIFO) || e->key < 0)
		return false;
	for (i = 0; i < q->count; i++)
		if (&q->entry[i] != e && q->entry[i].key == e->key &&
		    q->entry[i].has_key)
			return false;
	return true;
}

static void take(struct model *m, struct model_queue *q, int file,
		 struct model_entry *e)
{
	struct model_file *f = &q->file[file];

	/* One after the other: their leases end in this order. */
	m->now++;
	e->state = DEVMQ_STATE_IN_FLIGHT;
	e->holder = file;
	e->alone = is_alone(q, e);
	e->lease = f->lease ? m->now + f->lease : 0;
	e->has_key = begins_key(q, e);
	if (e->turn > q->turn[e->priority])
		q->turn[e->priority] = e->turn;
	q->stat.delivered++;
	if (e->attempt++)
		q->stat.redelivered++;
}

static void acknowledge(struct model_queue *q, struct model_entry *e)
{
	land(q, e);
	q->stat.acked++;
	forget(q, e);
}

static void call_read(struct model *m, struct model_queue *q,
		      const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	struct model_entry *e = NULL;
	__u32 i;

	if (!c->size)
		return;
	o->error = consume(m, q, f);
	if (o->error)
		return;
	if (f->stale) {
		f->stale = false;
		o->error = -ESTALE;
		return;
	}
	if (f->partial)
		e = find(q, f->partial);
	if (!e) {
		e = next_for(q, c->file, &o->error);
		if (!e)
			return;
		take(m, q, c->file, e);
		f->partial = e->id;
		f->partial_done = 0;
	}
	f->last_id = e->id;
	for (i = 0; f->partial_done < e->size && i < c->size; i++)
		o->data[i] = model_byte(e->serial, f->partial_done++);
	o->result = i;
	if (f->partial_done < e->size)
		return;
	f->partial = 0;
	if (f->ack == DEVMQ_ACK_AUTO)
		acknowledge(q, e);
}

static void call_recv(struct model *m, struct model_queue *q,
		      const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	__u64 used = 0, ids[MODEL_SEEN];
	unsigned int i;

	o->error = consume(m, q, f);
	if (o->error)
		return;
	while (!c->count || o->count < c->count) {
		struct model_entry *e = next_for(q, c->file, &o->error);
		struct model_seen *s;
		__u64 step;

		if (!e)
			break;
		s = add_seen(o, e);
		step = record_step(s, c->name_size);
		if (used + step > c->size) {
			o->count--;
			if (!o->count)
				o->first = step;
			o->error = -EMSGSIZE;
			break;
		}
		used += step;
		take(m, q, c->file, e);
		show(e, s);
		show_times(e, s);
		ids[o->count - 1] = e->id;
		f->last_id = e->id;
	}
	if (o->count)
		o->error = 0;
	o->result = used;
	for (i = 0; f->ack == DEVMQ_ACK_AUTO && i < o->count; i++)
		acknowledge(q, find(q, ids[i]));
}

static void call_recv_id(struct model *m, struct model_queue *q,
			 const struct model_call *c, struct model_outcome *o)
{
	struct model_entry *e = find(q, c->id);
	struct model_file *f = &q->file[c->file];
	struct model_seen *s;
	__u64 step;

	o->error = consume(m, q, f);
	if (o->error)
		return;
	if (!may_receive(q, c->file)) {
		o->error = -EAGAIN;
		return;
	}
	if (!e || e->state != DEVMQ_STATE_DEFERRED) {
		o->error = -ENOENT;
		return;
	}
	if (is_alone(q, e) && held_count(q, c->file)) {
		o->error = -EAGAIN;
		return;
	}
	s = add_seen(o, e);
	step = record_step(s, c->name_size);
	if (step > c->size) {
		o->count = 0;
		o->first = step;
		o->error = -EMSGSIZE;
		return;
	}
	o->result = step;
	take(m, q, c->file, e);
	show(e, s);
	show_times(e, s);
	f->last_id = e->id;
	if (f->ack == DEVMQ_ACK_AUTO)
		acknowledge(q, e);
}

/* Events, and how much a read would give. */
static void call_poll(struct model *m, struct model_queue *q,
		      const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	struct model_entry *e = NULL;
	int error = -EAGAIN;

	if (f->writes)
		produce(q, f);
	if (f->reads && consume(m, q, f))
		o->flags |= POLLIN | POLLERR;
	if (f->reads && f->partial)
		o->first = find(q, f->partial)->size - f->partial_done;
	if (f->consumes)
		e = next_for(q, c->file, &error);
	if (e && !f->partial)
		o->first = e->size;
	if (f->consumes && (!error || f->partial || f->stale))
		o->flags |= POLLIN;
	if (f->writes && !pauses(q, PAUSED_SEND) &&
	    (!is_on(q, OPT_OVERFLOW, OVERFLOW_BLOCK) ||
	     has_room(q, f->wants ? f->wants : 1)))
		o->flags |= POLLOUT;
}

/* -- settling -------------------------------------------------------------- */

static bool range_ok(const struct model_range *r)
{
	if (r->action < DEVMQ_ACTION_ACK || r->action > DEVMQ_ACTION_DEFER ||
	    !r->first || r->last < r->first)
		return false;
	if (r->delay && r->action != DEVMQ_ACTION_RETRY &&
	    r->action != DEVMQ_ACTION_EXTEND)
		return false;
	if (r->reason && r->action != DEVMQ_ACTION_REJECT)
		return false;
	if (r->note_size && r->action != DEVMQ_ACTION_REJECT &&
	    r->action != DEVMQ_ACTION_RETRY)
		return false;
	return r->note_size <= DEVMQ_NOTE_MAX &&
	       (!r->reason || r->reason >= DEVMQ_REASON_USER);
}

static void extend(struct model *m, struct model_entry *e, __u64 lease)
{
	e->lease = lease && lease != DEVMQ_FOREVER ? m->now + lease : 0;
}

/* True if the message is dead. */
static bool settle(struct model *m, struct model_queue *q,
		   struct model_entry *e, const struct model_range *r)
{
	struct model_file *f = &q->file[e->holder];
	__u64 delay;

	switch (r->action) {
	case DEVMQ_ACTION_ACK:
		acknowledge(q, e);
		break;
	case DEVMQ_ACTION_RELEASE:
		if (m->mutation != MUTATION_RELEASE_COUNTS)
			e->attempt--;
		come_back(m, q, e, DEVMQ_STATE_READY, 0);
		break;
	case DEVMQ_ACTION_RETRY:
		delay = r->delay ? r->delay :
				     back_off(q, e, e->failures);
		return fail(m, q, e, DEVMQ_FAILURE_RETRY, r, delay);
	case DEVMQ_ACTION_REJECT:
		take_note(e, r);
		return die(m, q, e, r->reason ? r->reason :
			   DEVMQ_REASON_REJECTED, back_off(q, e, e->failures));
	case DEVMQ_ACTION_EXTEND:
		extend(m, e, r->delay ? r->delay : f->lease);
		break;
	case DEVMQ_ACTION_DEFER:
		come_back(m, q, e, DEVMQ_STATE_DEFERRED, 0);
		break;
	}
	return false;
}

static void call_settle(struct model *m, struct model_queue *q,
			const struct model_call *c, struct model_outcome *o)
{
	struct model_entry *e;
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		if (!range_ok(&c->range[i])) {
			o->error = -EINVAL;
			return;
		}
	}
	for (i = 0; i < c->count; i++) {
		const struct model_range *r = &c->range[i];
		__u64 id = r->first - 1;

		while ((e = find_held(q, c->file, id, r->last))) {
			id = e->id;
			o->range[i].dead += settle(m, q, e, r);
			/* Who was extended first is first to lapse. */
			m->now++;
			o->range[i].settled++;
			o->result++;
		}
		if (!o->range[i].settled) {
			o->range[i].error = -ESTALE;
			o->error = -ESTALE;
		}
	}
}

static void call_consumer(struct model *m, struct model_queue *q,
			  const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];

	if (c->set && c->ack > DEVMQ_ACK_MANUAL) {
		o->error = -EINVAL;
		return;
	}
	o->error = consume(m, q, f);
	if (o->error)
		return;
	if (c->set && c->ack != f->ack && held_count(q, c->file)) {
		o->error = -EBUSY;
		return;
	}
	if (c->set) {
		f->ack = c->ack;
		f->prefetch = c->prefetch;
		f->lease = c->lease;
	}
	o->result = f->ack;
	o->flags = f->prefetch;
	o->first = f->lease;
	o->held = held_count(q, c->file);
	o->last = f->last_id;
}

/* -- looking, purging, redriving ------------------------------------------- */

static void call_peek(struct model *m, struct model_queue *q,
		      const struct model_call *c, struct model_outcome *o)
{
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];
		struct model_seen *s;

		if (e->id <= c->id ||
		    (c->states && !(c->states & DEVMQ_STATE_MASK(e->state))))
			continue;
		s = add_seen(o, e);
		s->extra = true;
		if (s->shown > c->payload_max)
			s->shown = c->payload_max;
		s->expires = e->expires;
		/* When it will be ready or gone. */
		if (e->state == DEVMQ_STATE_DELAYED)
			s->due = e->expires && e->expires < e->due ?
				 e->expires : e->due;
		if (e->state == DEVMQ_STATE_IN_FLIGHT) {
			s->due = e->lease;
			s->held = true;
		}
		if (c->count && o->count == c->count)
			return;
	}
}

static void call_purge(struct model *m, struct model_queue *q,
		       const struct model_call *c, struct model_outcome *o)
{
	__u64 last = c->last ? c->last : ~0ULL;
	unsigned int i = 0;

	if (last < c->first) {
		o->error = -EINVAL;
		return;
	}
	while (i < q->count) {
		struct model_entry *e = &q->entry[i];

		if (e->id < c->first || e->id > last ||
		    (e->state == DEVMQ_STATE_IN_FLIGHT &&
		     m->mutation != MUTATION_PURGE_FLYING) ||
		    (c->states && !(c->states & DEVMQ_STATE_MASK(e->state))) ||
		    e->sent + c->age > m->now) {
			i++;
			continue;
		}
		q->stat.purged++;
		o->result++;
		unremember(q, e->id);
		forget(q, e);
	}
}

/* Another attempt: what happened before counts no more. */
static void pardon(struct model_entry *e)
{
	e->failures = 0;
	e->failures_before = 0;
	e->failure = DEVMQ_FAILURE_NONE;
	e->reason = DEVMQ_REASON_NONE;
	e->note_size = 0;
	e->origin = -1;
	e->origin_id = 0;
	e->expires = 0;
	e->buried = false;
}

static void call_redrive(struct model *m, struct model_queue *q,
			 const struct model_call *c, struct model_outcome *o)
{
	__u64 last = c->last ? c->last : ~0ULL;
	int here = q - m->queue;
	unsigned int i = 0;

	if (last < c->first) {
		o->error = -EINVAL;
		return;
	}
	if (c->set && !m->queue[c->target_queue].file[c->target_file].writes) {
		o->error = -EBADF;
		return;
	}
	while (i < q->count) {
		struct model_entry *e = &q->entry[i];
		bool away = e->origin >= 0 && e->origin != here;
		int to = c->set ? c->target_queue : away ? e->origin : here;

		if (e->id < c->first || e->id > last ||
		    !(e->state == DEVMQ_STATE_DEAD ||
		      (e->buried && (e->state == DEVMQ_STATE_READY ||
				     e->state == DEVMQ_STATE_DEFERRED)))) {
			i++;
			continue;
		}
		if (!m->queue[to].exists ||
		    (!c->set && away && e->origin_life != m->life[to])) {
			o->first++;
			i++;
			continue;
		}
		o->result++;
		pardon(e);
		if (to == here) {
			e->state = DEVMQ_STATE_READY;
			give_turns(q);
			i++;
			continue;
		}
		q->stat.purged++;
		move(m, q, e, &m->queue[to], false);
	}
}

/* -- options and the life of queues ---------------------------------------- */

/* The dead come in order, and go to no queue that they have been in. */
static int check_dead_letter(const struct model *m, int queue, __u64 target)
{
	const struct model_queue *to;

	if (!target)
		return 0;
	to = &m->queue[target - 1];
	if (!to->exists)
		return -ENOENT;
	if (!is_on(to, OPT_ORDER, ORDER_FIFO) ||
	    !is_on(to, OPT_FAIRNESS, FAIR_NONE))
		return -EINVAL;
	for (; target; target = m->queue[target - 1].option[OPT_DEAD_LETTER])
		if (target - 1 == queue)
			return -ELOOP;
	return 0;
}

static int check_options(const struct model *m, int queue, const __u64 *option)
{
	if (option[OPT_OVERFLOW] == OVERFLOW_DEAD && !option[OPT_DEAD_LETTER])
		return -EINVAL;
	return check_dead_letter(m, queue, option[OPT_DEAD_LETTER]);
}

static void call_option(struct model *m, struct model_queue *q,
			const struct model_call *c, struct model_outcome *o)
{
	__u64 option[MODEL_OPTIONS];

	memcpy(option, q->option, sizeof(option));
	option[c->option] = c->value;
	if (c->option == OPT_DEAD_LETTER || c->option == OPT_OVERFLOW)
		o->error = check_options(m, q - m->queue, option);
	if (!o->error)
		q->option[c->option] = c->value;
}

static void drop_queue(struct model_queue *q)
{
	free(q->entry);
	memset(q, 0, sizeof(*q));
}

/* By force: with all that it holds. */
static void call_remove(struct model *m, struct model_queue *q,
			const struct model_call *c, struct model_outcome *o)
{
	int i;

	if (!q->exists) {
		o->error = -ENOENT;
		return;
	}
	drop_queue(q);
	m->life[c->queue]++;
	for (i = 0; i < MODEL_QUEUES; i++)
		if (m->queue[i].option[OPT_DEAD_LETTER] == c->queue + 1)
			m->queue[i].option[OPT_DEAD_LETTER] = 0;
}

static void call_create(struct model *m, struct model_queue *q,
			const struct model_call *c, struct model_outcome *o)
{
	if (q->exists)
		o->error = -EEXIST;
	else
		o->error = check_options(m, c->queue, c->options);
	if (o->error)
		return;
	q->exists = true;
	memcpy(q->option, c->options, sizeof(q->option));
}

/* -- all of it ------------------------------------------------------------- */

void model_reset(struct model *m)
{
	int i;

	for (i = 0; i < MODEL_QUEUES; i++)
		drop_queue(&m->queue[i]);
	memset(m, 0, sizeof(*m));
}

static void copy_queue(struct model_queue *to, const struct model_queue *from)
{
	struct model_entry *entry = to->entry;

	memcpy(to, from, offsetof(struct model_queue, dedup) +
			 from->dedups * sizeof(from->dedup[0]));
	to->entry = realloc(entry, (from->room + 1) * sizeof(*entry));
	if (!to->entry)
		abort();
	memcpy(to->entry, from->entry, from->count * sizeof(*entry));
}

void model_copy(struct model *to, const struct model *from)
{
	int i;

	memcpy(to, from, offsetof(struct model, queue));
	for (i = 0; i < MODEL_QUEUES; i++)
		copy_queue(&to->queue[i], &from->queue[i]);
}

void model_call(struct model *m, const struct model_call *c,
		struct model_outcome *o)
{
	static void (* const calls[MODEL_KINDS])(struct model *,
						 struct model_queue *,
						 const struct model_call *,
						 struct model_outcome *) = {
		[CALL_OPEN] = call_open,
		[CALL_CLOSE] = call_close,
		[CALL_WRITE] = call_write,
		[CALL_SEND] = call_send,
		[CALL_READ] = call_read,
		[CALL_RECV] = call_recv,
		[CALL_RECV_ID] = call_recv_id,
		[CALL_SETTLE] = call_settle,
		[CALL_CONSUMER] = call_consumer,
		[CALL_POLL] = call_poll,
		[CALL_PEEK] = call_peek,
		[CALL_PURGE] = call_purge,
		[CALL_REDRIVE] = call_redrive,
		[CALL_OPTION] = call_option,
		[CALL_REMOVE] = call_remove,
		[CALL_CREATE] = call_create,
	};

	if (calls[c->kind])
		calls[c->kind](m, &m->queue[c->queue], c, o);
}

void model_stat(const struct model *m, int queue, struct devmq_stat *stat)
{
	const struct model_queue *q = &m->queue[queue];

	*stat = q->stat;
	stat->size = sizeof(*stat);
	stat->ready = count_state(q, DEVMQ_STATE_READY);
	stat->in_flight = count_state(q, DEVMQ_STATE_IN_FLIGHT);
	stat->delayed = count_state(q, DEVMQ_STATE_DELAYED);
	stat->deferred = count_state(q, DEVMQ_STATE_DEFERRED);
	stat->dead = count_state(q, DEVMQ_STATE_DEAD);
	stat->bytes = stock_of(q, false).bytes + stock_of(q, true).bytes;
}
