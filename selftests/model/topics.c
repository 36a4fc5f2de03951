// SPDX-License-Identifier: GPL-2.0
/*
 * Topics: where their messages go, and how they get there. A message goes to all
 * queues that take it, or to none.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "model/filter.h"
#include "model/limits.h"
#include "model/messages.h"
#include "model/queues.h"
#include "model/retain.h"
#include "model/send.h"
#include "model/topics.h"

/* -- routing --------------------------------------------------------------- */

/* Where one message goes. */
struct route {
	struct model_entry	entry;
	int			dedup;
	bool			goes[MODEL_QUEUES];	/* queues and topics */
	bool			routed[MODEL_TOPICS];
	unsigned int		ways[MODEL_QUEUES];	/* that lead there */
	bool			promised[MODEL_PLAIN];
};

/* The messages of one call, and the queues in the order in which they are asked. */
struct publication {
	struct route		route[MODEL_BATCH];
	unsigned int		count;
	int			order[MODEL_PLAIN];
};

static int alternate_of(const struct model *m, int topic)
{
	return (int)m->queue[topic].option[OPT_ALTERNATE] - 1;
}

/* A message passes a topic: mark where it goes. Returns false if nobody takes it. */
static bool pass_topic(const struct model *m, struct route *r, int topic)
{
	bool any = false;
	unsigned int i;
	int to;

	for (i = 0; i < m->bindings; i++) {
		const struct model_binding *b = &m->binding[i];

		if (b->topic != topic || b->is.behind ||
		    !takes(m, &b->is.filter, &r->entry))
			continue;
		any = true;
		r->goes[b->is.target] = true;
		r->ways[b->is.target]++;
	}
	to = alternate_of(m, topic);
	if (any || to < 0)
		return any;
	r->goes[to] = true;
	r->ways[to]++;
	return true;
}

/*
 * Find where a message goes from @topic on. No way leads back to a topic that it
 * passed, so each is passed when all before it have been. Returns 0 or ENOENT.
 */
static int find_route(const struct model *m, struct route *r, int topic)
{
	bool passed[MODEL_QUEUES] = {};
	bool more = true;
	int i;

	r->goes[topic] = true;
	while (more) {
		more = false;
		for (i = MODEL_PLAIN; i < MODEL_QUEUES; i++) {
			if (!r->goes[i] || passed[i])
				continue;
			passed[i] = true;
			more = true;
			r->routed[i - MODEL_PLAIN] = pass_topic(m, r, i);
			if (!r->routed[i - MODEL_PLAIN] &&
			    option_is(&m->queue[i], OPT_ON_UNROUTED,
				      UNROUTED_REFUSE))
				return -ENOENT;
		}
	}
	return 0;
}

/* -- room ------------------------------------------------------------------ */

/* Ask a queue for room for a message. Returns 0 or an error. */
static int promise(struct model *m, int queue, struct route *r)
{
	struct model_queue *q = &m->queue[queue];
	int error;

	r->promised[queue] = false;
	if (is_duplicate(m, q, r->dedup))
		return 0;
	if (is_paused(q, PAUSED_SEND))
		return -EAGAIN;
	error = has_room(q, r->entry.bytes) ?
		0 : promise_room(m, q, r->entry.bytes);
	if (error)
		return error;
	r->promised[queue] = true;
	q->promised++;
	q->promised_bytes += r->entry.bytes;
	return 0;
}

static void take_back(struct model *m, int queue, struct route *r)
{
	if (!r->promised[queue])
		return;
	r->promised[queue] = false;
	m->queue[queue].promised--;
	m->queue[queue].promised_bytes -= r->entry.bytes;
}

/*
 * Ask a queue for room for the messages that go there. Those from the first on for
 * which there is none do not go.
 */
static int promise_all(struct model *m, struct publication *p, int queue)
{
	unsigned int i;
	int error;

	for (i = 0; i < p->count; i++) {
		struct route *r = &p->route[i];

		if (!r->goes[queue])
			continue;
		error = promise(m, queue, r);
		if (!error)
			continue;
		if (m->mutation == MUTATION_SOME_NOT_ALL) {
			r->goes[queue] = false;
			continue;
		}
		p->count = i;
		return error;
	}
	return 0;
}

/* Does it matter when a queue is asked? */
static bool may_refuse(const struct model *m, const struct publication *p,
		       int queue)
{
	const struct model_queue *q = &m->queue[queue];
	struct usage all = usage_of(q, false);
	bool goes = false;
	unsigned int i;

	for (i = 0; i < p->count; i++) {
		if (!p->route[i].goes[queue])
			continue;
		goes = true;
		all.messages++;
		all.bytes += p->route[i].entry.bytes;
	}
	return goes && (is_paused(q, PAUSED_SEND) ||
			all.messages > q->option[OPT_MAX_MESSAGES] ||
			all.bytes > q->option[OPT_MAX_BYTES]);
}

/*
 * Nobody knows which queue is asked first: m->order is the number of an order of
 * those for which that matters. The others come behind them.
 */
static void choose_order(struct model *m, struct publication *p)
{
	unsigned int j, n = 0, count = 0, number = m->order;
	int i, matters[MODEL_PLAIN];

	m->orders = 1;
	m->moved = false;
	for (i = 0; i < MODEL_PLAIN; i++) {
		if (!may_refuse(m, p, i))
			continue;
		matters[n++] = i;
		m->orders *= n;
		m->moved |= option_is(&m->queue[i], OPT_OVERFLOW, OVERFLOW_DEAD);
	}
	for (; n; n--) {
		j = number % n;
		number /= n;
		p->order[count++] = matters[j];
		memmove(&matters[j], &matters[j + 1],
			(n - 1 - j) * sizeof(matters[0]));
	}
	for (i = 0; i < MODEL_PLAIN; i++) {
		for (j = 0; j < count && p->order[j] != i; j++)
			;
		if (j == count)
			p->order[count++] = i;
	}
}

/* -- linking --------------------------------------------------------------- */

/* A binding that leads to @target may have taken the message, or one of several. */
static void count_taken(struct model *m, const struct route *r, int target)
{
	unsigned int i;

	for (i = 0; i < m->bindings; i++) {
		struct model_binding *b = &m->binding[i];

		if (b->is.target != target || b->is.behind || !r->goes[b->topic] ||
		    !takes(m, &b->is.filter, &r->entry))
			continue;
		b->is.taken++;
		b->is.taken_open |= r->ways[target] > 1;
	}
}

/* Put a message in a queue that promised room for it. */
static void link_message(struct model *m, int queue, int topic, struct route *r,
			 const struct model_record *record, __u64 id)
{
	struct model_queue *q = &m->queue[queue];
	unsigned int n = m->mutation == MUTATION_EACH_WAY ? r->ways[queue] : 1;
	bool promised = r->promised[queue];

	take_back(m, queue, r);
	if (!promised || is_duplicate(m, q, r->dedup)) {
		q->stat.deduplicated++;
		return;
	}
	if (!has_room(q, r->entry.bytes) &&
	    option_is(q, OPT_OVERFLOW, OVERFLOW_DROP_HEAD))
		make_room(m, q, r->entry.bytes);
	while (n--)
		store_copy(m, q, record, &r->entry, topic, id);
	count_taken(m, r, queue);
}

/* Count a message in the topics that it passes, which may retain it. */
static void count_passed(struct model *m, const struct route *r, int topic)
{
	int i;

	for (i = MODEL_PLAIN; i < MODEL_QUEUES; i++) {
		struct model_queue *q = &m->queue[i];
		bool routed = r->routed[i - MODEL_PLAIN];

		if (!r->goes[i])
			continue;
		if (m->mutation == MUTATION_COUNT_UNROUTED &&
		    q->option[OPT_ALTERNATE])
			routed = false;
		*(routed ? &q->stat.routed : &q->stat.unrouted) += 1;
		retain(m, q, &r->entry);
		if (i != topic)
			count_taken(m, r, i);
	}
}

static void link_all(struct model *m, struct publication *p, int topic,
		     const struct model_call *c)
{
	__u64 first = m->queue[topic].last_id + 1;
	unsigned int i;
	int queue;

	for (i = 0; i < p->count; i++)
		count_passed(m, &p->route[i], topic);
	for (queue = MODEL_PLAIN; queue < MODEL_QUEUES; queue++)
		if (m->queue[queue].exists)
			trim(m, &m->queue[queue]);
	for (queue = 0; queue < MODEL_PLAIN; queue++)
		for (i = 0; i < p->count; i++)
			if (p->route[i].goes[queue])
				link_message(m, queue, topic, &p->route[i],
					     &c->record[i], first + i);
}

int publish(struct model *m, int topic, const struct model_call *c)
{
	struct publication p = {};
	unsigned int i, asked;
	int error = 0, queue;

	for (; p.count < c->count; p.count++) {
		struct route *r = &p.route[p.count];

		error = check_record(&m->queue[topic], &c->record[p.count]);
		if (error)
			break;
		/* A message that the topic never takes is refused all the same. */
		if (is_paused(&m->queue[topic], PAUSED_SEND))
			return -EAGAIN;
		r->entry = entry_of(m, &m->queue[topic], &c->record[p.count],
				    c->user);
		r->dedup = c->record[p.count].dedup;
		error = find_route(m, r, topic);
		if (error)
			break;
	}
	if (!p.count)
		return error;
	asked = p.count;
	choose_order(m, &p);
	for (i = 0; i < MODEL_PLAIN && p.count; i++)
		error = promise_all(m, &p, p.order[i]);
	/* No message is dropped for one that does not go. */
	for (i = p.count; i < asked; i++)
		for (queue = 0; queue < MODEL_PLAIN; queue++)
			take_back(m, queue, &p.route[i]);
	link_all(m, &p, topic, c);
	return p.count ? (int)p.count : error;
}

/* -- bindings -------------------------------------------------------------- */

unsigned int count_bindings(const struct model *m, int queue)
{
	unsigned int i, n = 0;

	for (i = 0; i < m->bindings; i++)
		n += (model_is_topic(queue) ? m->binding[i].topic :
					      m->binding[i].is.target) == queue;
	return n;
}

/* Does anything lead from @topic to @queue, by whatever way? */
static bool leads_to(const struct model *m, int topic, int queue)
{
	unsigned int i;
	int to = alternate_of(m, topic);

	if (topic == queue || to == queue)
		return true;
	if (to >= MODEL_PLAIN && leads_to(m, to, queue))
		return true;
	for (i = 0; i < m->bindings; i++) {
		to = m->binding[i].is.target;
		if (m->binding[i].topic == topic && model_is_topic(to) &&
		    leads_to(m, to, queue))
			return true;
	}
	return false;
}

static bool takes_all(const __u64 *queue, const __u64 *topic)
{
	return queue[OPT_MAX_MESSAGE_SIZE] >= topic[OPT_MAX_MESSAGE_SIZE] &&
	       queue[OPT_MAX_BYTES] >= topic[OPT_MAX_BYTES] &&
	       queue[OPT_ALLOW_EMPTY] >= topic[OPT_ALLOW_EMPTY];
}

bool limits_ok(const struct model *m, int queue, const __u64 *option)
{
	int i, topic, to;

	/* The alternates come behind the bindings. */
	for (i = 0; i < (int)m->bindings + MODEL_TOPICS; i++) {
		if (i < (int)m->bindings) {
			topic = m->binding[i].topic;
			to = m->binding[i].is.target;
		} else {
			topic = MODEL_PLAIN + i - m->bindings;
			to = alternate_of(m, topic);
		}
		if ((to == queue && !takes_all(option, m->queue[topic].option)) ||
		    (to >= 0 && topic == queue &&
		     !takes_all(m->queue[to].option, option)))
			return false;
	}
	return true;
}

/* The binding between the two that catches up, or NULL. */
static struct model_binding *behind_of(struct model *m, int topic, int target)
{
	unsigned int i;

	for (i = 0; i < m->bindings; i++)
		if (m->binding[i].topic == topic && m->binding[i].is.behind &&
		    m->binding[i].is.target == target)
			return &m->binding[i];
	return NULL;
}

/* What has to hold for anything that leads from a topic to @target. */
static int check_link(struct model *m, int topic, int target)
{
	if (!takes_all(m->queue[target].option, m->queue[topic].option))
		return -EINVAL;
	return behind_of(m, topic, target) ? -EBUSY : 0;
}

static int check_circle(const struct model *m, int topic, int target)
{
	return model_is_topic(target) && leads_to(m, target, topic) ? -ELOOP : 0;
}

/* What leads from topics to queues and other topics, and to which queues early. */
struct ways {
	bool lead[MODEL_QUEUES][MODEL_QUEUES];
	bool early[MODEL_QUEUES][MODEL_QUEUES];
};

static void find_ways(const struct model *m, struct ways *ways)
{
	unsigned int i;
	int topic, to;

	memset(ways, 0, sizeof(*ways));
	for (i = 0; i < m->bindings; i++) {
		const struct model_binding *b = &m->binding[i];

		ways->lead[b->topic][b->is.target] = true;
		ways->early[b->topic][b->is.target] |= b->is.behind;
	}
	for (topic = MODEL_PLAIN; topic < MODEL_QUEUES; topic++) {
		to = m->queue[topic].exists ? alternate_of(m, topic) : -1;
		if (to >= 0)
			ways->lead[topic][to] = true;
	}
}

/* Does a topic lead to @to, itself or through others? It leads to itself. */
static bool way_leads(const struct ways *ways, int topic, int to)
{
	int next;

	if (topic == to)
		return true;
	for (next = MODEL_PLAIN; next < MODEL_QUEUES; next++)
		if (ways->lead[topic][next] && way_leads(ways, next, to))
			return true;
	return false;
}

/* Can a message come to both of two topics? */
static bool ways_meet(const struct ways *ways, int one, int other)
{
	int top;

	for (top = MODEL_PLAIN; top < MODEL_QUEUES; top++)
		if (way_leads(ways, top, one) && way_leads(ways, top, other))
			return true;
	return false;
}

/* A new way must not get past a binding that catches up. */
static int check_ways(const struct model *m, int topic, int target, bool early)
{
	struct ways ways;
	int from, to, other;

	find_ways(m, &ways);
	if (ways.lead[topic][target])
		return 0;
	ways.lead[topic][target] = true;
	ways.early[topic][target] = early;
	for (to = 0; to < MODEL_PLAIN; to++)
		for (from = MODEL_PLAIN; from < MODEL_QUEUES; from++)
			for (other = MODEL_PLAIN; other < MODEL_QUEUES; other++)
				if (ways.early[from][to] && other != from &&
				    ways.lead[other][to] &&
				    ways_meet(&ways, from, other))
					return -EBUSY;
	return 0;
}

int check_alternate(const struct model *m, int topic, int target)
{
	int error;

	if (!m->queue[target].exists)
		return -ENOENT;
	error = check_link((struct model *)m, topic, target);
	if (!error)
		error = check_circle(m, topic, target);
	return error ? error : check_ways(m, topic, target, false);
}

static unsigned int find_binding(const struct model *m, int topic, int target,
				 const struct model_filter *f)
{
	unsigned int i;

	for (i = 0; i < m->bindings; i++)
		if (m->binding[i].topic == topic &&
		    m->binding[i].is.target == target &&
		    (!f || same_filter(&m->binding[i].is.filter, f)))
			break;
	return i;
}

/* May a binding begin with what is retained? It has to be the only one. */
static int check_start(const struct model *m, int topic,
		       const struct model_call *c, __u64 *id)
{
	if (c->start <= START_LATEST)
		return 0;
	if (find_binding(m, topic, c->target_queue, NULL) < m->bindings ||
	    alternate_of(m, topic) == c->target_queue)
		return -EBUSY;
	if (model_is_topic(c->target_queue))
		return -EINVAL;
	return start_of(&m->queue[topic], c, id);
}

void call_bind(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o)
{
	int topic = q - m->queue;
	struct model_binding *b;
	__u64 id = 0;

	/* An earlier start is refused for that before anything else is. */
	o->error = takes_all(m->queue[c->target_queue].option, q->option) ?
		   check_start(m, topic, c, &id) : -EINVAL;
	if (!o->error)
		o->error = check_link(m, topic, c->target_queue);
	if (!o->error)
		o->error = check_circle(m, topic, c->target_queue);
	if (!o->error)
		o->error = check_ways(m, topic, c->target_queue,
				      c->start > START_LATEST);
	if (!o->error && find_binding(m, topic, c->target_queue, &c->filter) <
			 m->bindings)
		o->error = -EEXIST;
	if (o->error)
		return;
	b = &m->binding[m->bindings++];
	*b = (struct model_binding) {
		.topic = topic,
		.is.id = ++q->next_binding,
		.is.target = c->target_queue,
		.is.filter = c->filter,
		.is.behind = c->start > START_LATEST,
		.is.position = id,
		.buried = q->buried,
		.start = c->start,
	};
	o->first = b->is.id;
}

static void remove_binding(struct model *m, unsigned int i)
{
	look_again(m, m->binding[i].is.target);
	memmove(&m->binding[i], &m->binding[i + 1],
		(--m->bindings - i) * sizeof(m->binding[0]));
}

void call_unbind(struct model *m, struct model_queue *q,
		 const struct model_call *c, struct model_outcome *o)
{
	int topic = q - m->queue;
	unsigned int i;

	while ((i = find_binding(m, topic, c->target_queue,
				 c->any ? NULL : &c->filter)) < m->bindings) {
		remove_binding(m, i);
		o->first++;
	}
	if (!o->first)
		o->error = -ENOENT;
}

void call_bindings(struct model *m, struct model_queue *q,
		   const struct model_call *c, struct model_outcome *o)
{
	unsigned int i;

	/* They are in the order of their numbers, as they were made. */
	for (i = 0; i < m->bindings; i++) {
		if (m->binding[i].topic != q - m->queue)
			continue;
		o->bound[o->bindings] = m->binding[i].is;
		/* One that waits for room counts what it missed when it goes on. */
		o->bound[o->bindings++].missed_open |= m->binding[i].is.behind;
	}
}

void unbind_all(struct model *m, int queue)
{
	unsigned int i = 0;

	while (i < m->bindings) {
		if (m->binding[i].topic == queue ||
		    m->binding[i].is.target == queue)
			remove_binding(m, i);
		else
			i++;
	}
	for (i = MODEL_PLAIN; i < MODEL_QUEUES; i++)
		if (alternate_of(m, i) == queue)
			m->queue[i].option[OPT_ALTERNATE] = 0;
}
