// SPDX-License-Identifier: GPL-2.0
/*
 * What the judge makes of what processes tell it, where several of them settle the same
 * message in different lives of it: nothing is held to be confirmed that was not.
 *
 * And what it makes of journals with topics: of one that is as it has to be, and of the
 * same one with something wrong.
 */
#include <linux/devmq.h>

#include "kselftest_harness.h"
#include "model.h"
#include "verify_topics.h"

#define PRODUCER	2
#define NUMBER		230

FIXTURE(model) {
	struct model m;
};

FIXTURE_SETUP(model)
{
}

FIXTURE_TEARDOWN(model)
{
	free(self->m.producers[PRODUCER].messages);
	free(self->m.pending);
}

static void told_event(struct model *m, uint32_t worker, struct crash_event e)
{
	struct crash_block *b = calloc(1, sizeof(*b) + sizeof(e));

	e.incarnation = 1;
	b->magic = CRASH_MAGIC;
	b->worker = worker;
	b->count = 1;
	memcpy(b->events, &e, sizeof(e));
	model_told(m, b, sizeof(*b) + sizeof(e));
	free(b);
}

/* A worker tells of the message. */
static void told(struct model *m, uint32_t worker, struct crash_event e)
{
	e.producer = PRODUCER;
	e.number = NUMBER;
	e.count = 1;
	told_event(m, worker, e);
}

static void send(struct model *m, uint64_t id)
{
	told(m, 1, (struct crash_event){ .what = TOLD_SEND, .queue = QUEUE_MAIN });
	told(m, 1, (struct crash_event){
		.what = TOLD_SENT, .queue = QUEUE_MAIN, .id = id, .sync = 1,
	});
}

static void settle(struct model *m, uint32_t worker, unsigned int action,
		   uint64_t id)
{
	struct crash_event e = {
		.what = TOLD_TAKEN, .queue = QUEUE_MAIN, .id = id,
	};

	told(m, worker, e);
	e.what = TOLD_SETTLE;
	e.action = action;
	told(m, worker, e);
}

static void settled(struct model *m, uint32_t worker, unsigned int action,
		    uint64_t id, bool sync)
{
	told(m, worker, (struct crash_event){
		.what = TOLD_SETTLED, .queue = QUEUE_MAIN, .action = action,
		.id = id, .sync = sync,
	});
}

static void synced(struct model *m, uint32_t worker, unsigned int queue)
{
	told(m, worker, (struct crash_event){
		.what = TOLD_SYNCED, .queue = queue,
	});
}

static void redriven(struct model *m)
{
	told(m, 10, (struct crash_event){
		.what = TOLD_REDRIVE, .queue = QUEUE_DEAD,
	});
	synced(m, 10, QUEUE_DEAD);
}

TEST_F(model, reject_is_confirmed_by_a_later_fsync)
{
	struct known *k;

	send(&self->m, 7);
	k = model_find(&self->m, PRODUCER, NUMBER);
	settle(&self->m, 5, DEVMQ_ACTION_REJECT, 7);
	settled(&self->m, 5, DEVMQ_ACTION_REJECT, 7, false);
	EXPECT_FALSE(k->rejected);
	synced(&self->m, 6, QUEUE_MAIN);
	EXPECT_FALSE(k->rejected);
	synced(&self->m, 5, QUEUE_MAIN);
	EXPECT_TRUE(k->rejected);
	redriven(&self->m);
	EXPECT_FALSE(k->rejected);
}

TEST_F(model, reject_before_a_redrive_does_not_confirm_the_one_after_it)
{
	struct known *k;

	send(&self->m, 7);
	k = model_find(&self->m, PRODUCER, NUMBER);
	settle(&self->m, 5, DEVMQ_ACTION_REJECT, 7);
	settled(&self->m, 5, DEVMQ_ACTION_REJECT, 7, false);
	redriven(&self->m);
	settle(&self->m, 6, DEVMQ_ACTION_REJECT, 9);
	synced(&self->m, 5, QUEUE_MAIN);
	EXPECT_FALSE(k->rejected);
	settled(&self->m, 6, DEVMQ_ACTION_REJECT, 9, true);
	EXPECT_TRUE(k->rejected);
}

TEST_F(model, reject_whose_worker_tells_late_does_not_confirm_the_next)
{
	struct known *k;

	send(&self->m, 7);
	k = model_find(&self->m, PRODUCER, NUMBER);
	settle(&self->m, 5, DEVMQ_ACTION_REJECT, 7);
	redriven(&self->m);
	settle(&self->m, 6, DEVMQ_ACTION_REJECT, 9);
	settled(&self->m, 5, DEVMQ_ACTION_REJECT, 7, true);
	EXPECT_FALSE(k->rejected);
}

TEST_F(model, retry_before_a_redrive_is_no_failure_of_the_next_life)
{
	struct known *k;

	send(&self->m, 7);
	k = model_find(&self->m, PRODUCER, NUMBER);
	settle(&self->m, 5, DEVMQ_ACTION_RETRY, 7);
	settled(&self->m, 5, DEVMQ_ACTION_RETRY, 7, false);
	settle(&self->m, 6, DEVMQ_ACTION_REJECT, 7);
	settled(&self->m, 6, DEVMQ_ACTION_REJECT, 7, true);
	redriven(&self->m);
	settle(&self->m, 6, DEVMQ_ACTION_REJECT, 9);
	synced(&self->m, 5, QUEUE_MAIN);
	EXPECT_EQ(k->retries, 0);
	settled(&self->m, 6, DEVMQ_ACTION_REJECT, 9, true);
	EXPECT_TRUE(k->rejected);
}

/* -- topics ------------------------------------------------------------------- */

FIXTURE(topics) {
	struct model *m;
	struct journal_contents c;
	struct journal_queue *queues[QUEUES];
	char why[512];
};

static struct journal_queue *add_queue(struct journal_contents *c, unsigned int queue)
{
	struct journal_queue *q = calloc(1, sizeof(*q));

	q->record = calloc(1, 1024);
	q->record->serial = cpu_to_le64(queue + 1);
	q->record->name_size = cpu_to_le16(strlen(crash_names[queue]));
	snprintf(q->name, sizeof(q->name), "%s", crash_names[queue]);
	q->next_id = 1000;
	c->queues[c->count++] = q;
	return q;
}

static void add_binding(struct journal_queue *q, unsigned int topic, const char *filter)
{
	size_t size = *filter ? strlen(filter) + 1 : 0;
	u32 before = le32_to_cpu(q->record->bindings_size);
	struct mq_j_bytes left;
	struct mq_j_binding *b;

	/* Where bindings begin depends on whether there are any. */
	q->record->bindings_size = cpu_to_le32(before + ALIGN(sizeof(*b) + size, 8));
	mq_j_bindings_begin(q->record, &left);
	b = (void *)((uint8_t *)left.at + before);
	b->topic = cpu_to_le64(topic + 1);
	b->filter_size = cpu_to_le16(size);
	memcpy(b + 1, filter, size);
}

FIXTURE_SETUP(topics)
{
	unsigned int i;

	self->m = calloc(1, sizeof(*self->m));
	self->c.queues = calloc(QUEUES, sizeof(*self->c.queues));
	for (i = 0; i < QUEUES; i++)
		self->queues[i] = add_queue(&self->c, i);
	add_binding(self->queues[QUEUE_ALL], QUEUE_EVENTS, "key=a.#");
	add_binding(self->queues[QUEUE_ALL], QUEUE_EVENTS, "key=b.#");
	add_binding(self->queues[QUEUE_SOME], QUEUE_EVENTS, "key=*.x");
	add_binding(self->queues[QUEUE_NOW], QUEUE_STATE, "");
}

FIXTURE_TEARDOWN(topics)
{
	journal_contents_free(&self->c);
	free(self->m->topics.senders[PRODUCER].fans);
	free(self->m->pending);
	free(self->m);
}

/* A message of a topic from @number on: with this key, or a tombstone or none. */
static struct crash_payload message(unsigned int topic, const char *key,
				    bool tombstone, uint32_t number)
{
	struct crash_payload p = { topic, 1, PRODUCER, number };
	char text[CRASH_KEY];

	while (crash_key(&p, text), strcmp(text, key) ||
	       crash_is_tombstone(&p) != tombstone)
		p.number++;
	return p;
}

static void begin(struct model *m, const struct crash_payload *p)
{
	told_event(m, 1, (struct crash_event){
		.what = TOLD_SEND, .queue = p->queue, .producer = p->producer,
		.number = p->number, .count = 1,
	});
}

static void sent(struct model *m, const struct crash_payload *p, uint64_t id, bool sync)
{
	begin(m, p);
	told_event(m, 1, (struct crash_event){
		.what = TOLD_SENT, .queue = p->queue, .producer = p->producer,
		.number = p->number, .count = 1, .asked = 1, .id = id,
		.sync = sync,
	});
}

static void about(struct model *m, unsigned int what, unsigned int queue,
		  const struct crash_payload *p, unsigned int action, bool sync)
{
	told_event(m, 1, (struct crash_event){
		.what = what, .queue = queue, .producer = p->producer,
		.number = p->number, .count = 1, .id = 1, .action = action,
		.sync = sync,
	});
}

static void late(struct model *m, unsigned int what, uint32_t filter)
{
	told_event(m, 2, (struct crash_event){
		.what = what, .queue = QUEUE_LATE, .number = filter,
	});
}

/* The journal has a message, which had this id in its topic. */
static struct journal_body *has(struct journal_contents *c,
				const struct crash_payload *p, uint64_t id)
{
	struct journal_body *body = calloc(1, sizeof(*body));
	struct mq_j_message *m = calloc(1, sizeof(*m) + CRASH_PAYLOAD + 4096);
	const char *name = crash_names[p->queue];
	__le64 topic_id = cpu_to_le64(id);
	uint8_t *at = (uint8_t *)(m + 1);
	uint32_t n;

	m->time_ns = cpu_to_le64(1);
	m->pid = cpu_to_le32(1);
	n = crash_key(p, (char *)at);
	m->key_size = cpu_to_le16(n);
	at += n;
	n = crash_headers(p, at);
	m->headers_size = cpu_to_le16(n);
	at += n;
	memcpy(at, &topic_id, sizeof(topic_id));
	memcpy(at + sizeof(topic_id), name, strlen(name));
	n = sizeof(topic_id) + strlen(name);
	m->topic_size = cpu_to_le16(n);
	m->payload_size = cpu_to_le32(crash_fill(p, at + n));
	body->record = m;
	body->next = c->bodies;
	c->bodies = body;
	return body;
}

/* A copy of it is in a queue, or the topic retains it. */
static struct mq_j_state *in(struct journal_contents *c, struct journal_body *body,
			     unsigned int queue, uint64_t id)
{
	struct journal_copy *copy = calloc(1, sizeof(*copy));

	copy->state = calloc(1, sizeof(*copy->state));
	copy->state->queue = cpu_to_le64(queue + 1);
	copy->state->id = cpu_to_le64(id);
	copy->state->state = crash_is_topic(queue) ? DEVMQ_STATE_RETAINED :
						     DEVMQ_STATE_READY;
	copy->next = body->copies;
	body->copies = copy;
	c->totals.messages++;
	return copy->state;
}

/* The last copy is not there after all. */
static void lose(struct journal_contents *c, struct journal_body *body)
{
	struct journal_copy *copy = body->copies;

	body->copies = copy->next;
	free(copy->state);
	free(copy);
	c->totals.messages--;
}

#define JUDGE() ({							\
	struct verdict _v = { self->why, sizeof(self->why) };		\
									\
	topics_verify(&self->m->topics, &self->c, true, &_v);		\
	_v.failed;							\
})
#define RIGHT()		EXPECT_FALSE(JUDGE()) TH_LOG("%s", self->why)
#define WRONG(text) do {						\
	EXPECT_TRUE(JUDGE());						\
	EXPECT_NE(NULL, strstr(self->why, text))			\
		TH_LOG("%s", self->why);				\
} while (0)

TEST_F(topics, what_was_confirmed_is_in_all_queues)
{
	struct crash_payload p = message(QUEUE_EVENTS, "a.x", false, 0);
	struct journal_body *body;

	sent(self->m, &p, 7, true);
	WRONG("was confirmed, and is missing in all");
	body = has(&self->c, &p, 7);
	in(&self->c, body, QUEUE_EVENTS, 7);
	in(&self->c, body, QUEUE_ALL, 1);
	WRONG("was confirmed, and is missing in some");
	in(&self->c, body, QUEUE_SOME, 1);
	RIGHT();
}

TEST_F(topics, fsync_of_the_topic_confirms)
{
	struct crash_payload p = message(QUEUE_EVENTS, "a.x", false, 0);

	sent(self->m, &p, 7, false);
	RIGHT();
	told_event(self->m, 1, (struct crash_event){
		.what = TOLD_SYNCED, .queue = QUEUE_EVENTS,
	});
	WRONG("was confirmed, and is missing in all");
}

TEST_F(topics, what_was_not_confirmed_is_in_all_queues_or_in_none)
{
	struct crash_payload p = message(QUEUE_EVENTS, "a.x", false, 0);
	struct journal_body *body;

	begin(self->m, &p);
	RIGHT();
	body = has(&self->c, &p, 7);
	in(&self->c, body, QUEUE_EVENTS, 7);
	in(&self->c, body, QUEUE_SOME, 1);
	WRONG("is elsewhere, and is missing in all");
	in(&self->c, body, QUEUE_ALL, 1);
	RIGHT();
}

TEST_F(topics, copy_whose_end_was_begun_may_be_gone)
{
	struct crash_payload p = message(QUEUE_EVENTS, "b.y", false, 0);
	struct journal_body *body;

	sent(self->m, &p, 7, true);
	about(self->m, TOLD_TAKEN, QUEUE_ALL, &p, 0, false);
	body = has(&self->c, &p, 7);
	in(&self->c, body, QUEUE_EVENTS, 7);
	WRONG("missing in all");
	about(self->m, TOLD_SETTLE, QUEUE_ALL, &p, DEVMQ_ACTION_ACK, false);
	RIGHT();
	in(&self->c, body, QUEUE_ALL, 1)->attempt = cpu_to_le32(1);
	RIGHT();
	about(self->m, TOLD_SETTLED, QUEUE_ALL, &p, DEVMQ_ACTION_ACK, true);
	WRONG("its end in all was confirmed, and it is back");
}

TEST_F(topics, message_is_where_its_key_leads)
{
	struct crash_payload p = message(QUEUE_EVENTS, "c.y", false, 0);
	struct journal_body *body;

	sent(self->m, &p, 7, true);
	body = has(&self->c, &p, 7);
	in(&self->c, body, QUEUE_EVENTS, 7);
	WRONG("missing in rest");
	in(&self->c, body, QUEUE_REST, 1);
	RIGHT();
	in(&self->c, body, QUEUE_SOME, 1);
	WRONG("it is in some, and nothing led there");
}

/* Whatever the alternate got has gone nowhere else. */
TEST_F(topics, binding_leads_to_its_queue_while_it_is_there)
{
	struct crash_payload p = message(QUEUE_EVENTS, "c.y", false, 0);
	struct crash_payload next = message(QUEUE_EVENTS, "c.y", false, p.number + 1);
	struct journal_body *body = has(&self->c, &p, 7);

	late(self->m, TOLD_BIND, 1);
	sent(self->m, &p, 7, true);
	late(self->m, TOLD_BOUND, 1);
	add_binding(self->queues[QUEUE_LATE], QUEUE_EVENTS, crash_filters[1]);
	in(&self->c, body, QUEUE_EVENTS, 7);
	in(&self->c, body, QUEUE_REST, 1);
	RIGHT();
	sent(self->m, &next, 8, true);
	body = has(&self->c, &next, 8);
	in(&self->c, body, QUEUE_EVENTS, 8);
	in(&self->c, body, QUEUE_LATE, 1);
	RIGHT();
	lose(&self->c, body);
	in(&self->c, body, QUEUE_REST, 2);
	WRONG("it is in rest, and nothing led there");
}

TEST_F(topics, binding_that_was_confirmed_is_there)
{
	late(self->m, TOLD_BIND, 0);
	RIGHT();
	late(self->m, TOLD_BOUND, 0);
	WRONG("was confirmed, and is missing");
	add_binding(self->queues[QUEUE_LATE], QUEUE_EVENTS, crash_filters[0]);
	RIGHT();
	late(self->m, TOLD_UNBIND, 0);
	RIGHT();
	late(self->m, TOLD_UNBOUND, 0);
	WRONG("and is bound again");
}

TEST_F(topics, bindings_that_stay_are_all_there)
{
	RIGHT();
	self->queues[QUEUE_ALL]->record->bindings_size = 0;
	WRONG("queue all has the bindings 0 of 2");
	add_binding(self->queues[QUEUE_ALL], QUEUE_EVENTS, "key=a.#");
	add_binding(self->queues[QUEUE_ALL], QUEUE_STATE, "key=b.#");
	WRONG("queue all has the bindings");
}

TEST_F(topics, queues_have_the_order_of_the_topic)
{
	struct crash_payload p = message(QUEUE_EVENTS, "b.y", false, 0);
	struct crash_payload next = message(QUEUE_EVENTS, "b.y", false, p.number + 1);
	struct journal_body *first = has(&self->c, &p, 7);
	struct journal_body *second = has(&self->c, &next, 8);
	struct mq_j_state *s;

	begin(self->m, &p);
	begin(self->m, &next);
	in(&self->c, first, QUEUE_EVENTS, 7);
	in(&self->c, first, QUEUE_ALL, 5);
	in(&self->c, second, QUEUE_EVENTS, 8);
	s = in(&self->c, second, QUEUE_ALL, 6);
	RIGHT();
	s->id = cpu_to_le64(4);
	WRONG("queue all has message 7 of its topic behind 8");
	s->id = cpu_to_le64(5);
	WRONG("two messages of queue all have the id 5");
}

TEST_F(topics, copy_is_whole_and_tells_of_its_topic)
{
	struct crash_payload p = message(QUEUE_EVENTS, "b.y", false, 0);
	struct journal_body *body = has(&self->c, &p, 7);
	struct mq_j_bytes topic;

	sent(self->m, &p, 7, true);
	in(&self->c, body, QUEUE_EVENTS, 7);
	in(&self->c, body, QUEUE_ALL, 1);
	RIGHT();
	mq_j_message_topic(body->record, &topic);
	((uint8_t *)topic.at)[sizeof(__le64)]++;
	WRONG("it tells of another topic");
	((uint8_t *)topic.at)[sizeof(__le64)]--;
	((uint8_t *)topic.at)[topic.size + crash_size(&p) - 1]++;
	WRONG("it is not whole");
}

TEST_F(topics, dead_letter_is_a_copy_that_may_have_died)
{
	struct crash_payload p = message(QUEUE_EVENTS, "b.y", false, 0);
	struct journal_body *body = has(&self->c, &p, 7);

	sent(self->m, &p, 7, true);
	in(&self->c, body, QUEUE_EVENTS, 7);
	in(&self->c, body, QUEUE_LOST, 1);
	WRONG("it is in queue lost, and nobody let it die");
	about(self->m, TOLD_SETTLE, QUEUE_ALL, &p, DEVMQ_ACTION_REJECT, false);
	RIGHT();
	in(&self->c, body, QUEUE_ALL, 1);
	WRONG("it is in all twice");
}

TEST_F(topics, delivery_leaves_a_mark)
{
	struct crash_payload p = message(QUEUE_EVENTS, "b.y", false, 0);
	struct journal_body *body = has(&self->c, &p, 7);

	sent(self->m, &p, 7, true);
	in(&self->c, body, QUEUE_EVENTS, 7);
	in(&self->c, body, QUEUE_ALL, 1);
	RIGHT();
	about(self->m, TOLD_TAKEN, QUEUE_ALL, &p, 0, false);
	WRONG("it was delivered from all, and is not marked");
	self->queues[QUEUE_ALL]->delivered = 2;
	RIGHT();
}

/* Messages 1 to @count, which nobody has confirmed but for the first. */
static void retained(struct model *m, struct journal_contents *c, uint32_t count)
{
	struct crash_payload p = { .number = -1 };
	uint32_t i;

	for (i = 1; i <= count; i++) {
		struct journal_body *body;

		p = message(QUEUE_EVENTS, "b.y", false, p.number + 1);
		sent(m, &p, i, i == 1);
		about(m, TOLD_SETTLE, QUEUE_ALL, &p, DEVMQ_ACTION_ACK, false);
		if (i == 1)
			continue;
		body = has(c, &p, i);
		in(c, body, QUEUE_EVENTS, i);
	}
}

TEST_F(topics, message_is_retained_until_enough_newer_ones_are_there)
{
	retained(self->m, &self->c, CRASH_RETAINED + 1);
	RIGHT();
	lose(&self->c, self->c.bodies);
	WRONG("its topic has neither it nor what replaced it");
}

TEST_F(topics, newest_of_each_key_is_retained)
{
	struct crash_payload p = message(QUEUE_STATE, "key-3", false, 0);
	struct crash_payload next = message(QUEUE_STATE, "key-3", true, 0);
	struct crash_payload other = message(QUEUE_STATE, "key-4", false, 0);
	struct journal_body *body;

	sent(self->m, &p, 1, true);
	about(self->m, TOLD_SETTLE, QUEUE_NOW, &p, DEVMQ_ACTION_ACK, false);
	begin(self->m, &next);
	begin(self->m, &other);
	WRONG("its topic has neither it nor what replaced it");
	body = has(&self->c, &other, 2);
	in(&self->c, body, QUEUE_NOW, 1);
	in(&self->c, body, QUEUE_STATE, 2);
	WRONG("its topic has neither it nor what replaced it");
	body = has(&self->c, &next, 3);
	in(&self->c, body, QUEUE_NOW, 2);
	in(&self->c, body, QUEUE_STATE, 3);
	RIGHT();
}

TEST_HARNESS_MAIN
