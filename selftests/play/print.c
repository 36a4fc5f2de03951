// SPDX-License-Identifier: GPL-2.0
/*
 * Calls and outcomes in words.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "play/bound.h"
#include "play/kernel.h"
#include "play/options.h"
#include "play/pace.h"
#include "play/print.h"
#include "play/world.h"

static const char * const kind_names[MODEL_KINDS] = {
	"open", "close", "write", "send", "read", "recv", "recv-id", "settle",
	"consumer", "poll", "peek", "purge", "redrive", "set", "remove",
	"create", "step", "sync", "again", "crash", "bind", "unbind", "bindings",
	"seek",
};

static const char * const action_names[] = {
	"?0", "ack", "release", "retry", "reject", "extend", "defer", "?7",
};

static const char * const state_names[] = {
	"?", "ready", "in-flight", "delayed", "deferred", "dead", "retained",
};

const struct counter counters[COUNTERS] = {
	COUNTER(ready), COUNTER(in_flight), COUNTER(delayed),
	COUNTER(deferred), COUNTER(dead), COUNTER(bytes), COUNTER(sent),
	COUNTER(delivered), COUNTER(acked), COUNTER(redelivered),
	COUNTER(expired), COUNTER(dead_lettered), COUNTER(dropped),
	COUNTER(purged), COUNTER(deduplicated), COUNTER(consumers),
	COUNTER(producers), COUNTER(dead_refused), COUNTER(dedup_forgotten),
	COUNTER(routed), COUNTER(unrouted), COUNTER(bindings), COUNTER(retained),
	COUNTER(trimmed), COUNTER(first_id), COUNTER(last_id),
};

char queue_letter(int queue)
{
	return model_is_topic(queue) ? 'S' + queue - MODEL_PLAIN : 'A' + queue;
}

__u64 counter_of(const struct devmq_stat *stat, unsigned int i)
{
	return *(const __u64 *)((const char *)stat + counters[i].place);
}

static void print_duration(const char *what, __u64 ns)
{
	if (ns == DEVMQ_FOREVER)
		printf(" %s=forever", what);
	else if (ns >= NSEC_PER_MSEC)
		printf(" %s=%llums", what, ns / NSEC_PER_MSEC);
	else if (ns)
		printf(" %s=%lluns", what, ns);
}

static void print_record(const struct model_record *r)
{
	printf(" {%u bytes", r->size);
	if (r->key >= 0)
		printf(" key=%d", r->key);
	if (r->dedup >= 0)
		printf(" dedup=%d", r->dedup);
	if (r->header)
		printf(" header=%d", r->header);
	if (r->priority)
		printf(" priority=%u", r->priority);
	print_duration(r->at ? "at=now+" : "delay", r->delay);
	if (r->at && !r->delay)
		printf(" at=0");
	print_duration("ttl", r->ttl);
	printf("}");
}

static void print_range(const struct model_range *r)
{
	printf(" {%s %llu..%llu", action_names[r->action], r->first, r->last);
	print_duration("delay", r->delay);
	if (r->reason)
		printf(" reason=%u", r->reason);
	if (r->note_size)
		printf(" note of %u", r->note_size);
	printf("}");
}

void print_call(const struct world *w, const struct model_call *c)
{
	static const char * const modes[] = { "reading", "writing", "both" };
	unsigned int i;
	char text[1024];

	printf("%c.%s", queue_letter(c->queue), kind_names[c->kind]);
	switch (c->kind) {
	case CALL_OPEN:
		printf(" file %d for %s%s", c->file, modes[c->mode],
		       c->exclusive ? " O_EXCL" : "");
		break;
	case CALL_CLOSE:
	case CALL_POLL:
	case CALL_SYNC:
		printf(" file %d", c->file);
		break;
	case CALL_WRITE:
	case CALL_SEND:
		printf(" file %d", c->file);
		if (c->user)
			printf(" as user %d", users[c->user]);
		for (i = 0; i < c->count; i++)
			print_record(&c->record[i]);
		break;
	case CALL_READ:
		printf(" file %d, %llu bytes", c->file, c->size);
		break;
	case CALL_RECV:
	case CALL_RECV_ID:
		printf(" file %d, at most %u, buffer %llu", c->file, c->count,
		       c->size);
		if (c->kind == CALL_RECV_ID)
			printf(", id %llu", c->id);
		break;
	case CALL_SETTLE:
		printf(" file %d", c->file);
		for (i = 0; i < c->count; i++)
			print_range(&c->range[i]);
		break;
	case CALL_CONSUMER:
		printf(" file %d", c->file);
		if (c->set)
			printf(" ack=%u prefetch=%u", c->ack, c->prefetch);
		print_duration("lease", c->lease);
		break;
	case CALL_PEEK:
		printf(" states %#x after %llu at most %u", c->states, c->id,
		       c->count);
		break;
	case CALL_PURGE:
		printf(" states %#x, %llu..%llu", c->states, c->first, c->last);
		print_duration("age", c->age);
		break;
	case CALL_REDRIVE:
		printf(" %llu..%llu", c->first, c->last);
		if (c->set)
			printf(" to %c by file %d", queue_letter(c->target_queue),
			       c->target_file);
		break;
	case CALL_BIND:
	case CALL_UNBIND:
		text[filter_text(c, ' ', text)] = '\0';
		printf(" %c %s", queue_letter(c->target_queue),
		       c->any ? "all" : text);
		break;
	case CALL_SEEK:
		printf(" file %d, %s %lld", c->file,
		       c->whence == SEEK_SET ? "to" :
		       c->whence == SEEK_CUR ? "by" :
		       c->whence == SEEK_END ? "to the end" : "to data from",
		       c->offset);
		break;
	case CALL_OPTION:
		option_text(w, c->option, c->value, text, sizeof(text));
		printf(" %s=%s", options[c->option].name, text);
		break;
	case CALL_CREATE:
		options_text(w, c->queue, c->options, text, sizeof(text));
		printf("%s", text);
		break;
	default:
		break;
	}
	if (c->sync)
		printf(" sync");
}

static void print_time(const struct world *w, const char *what, __u64 time)
{
	if (time)
		printf(" %s=%+lldms", what,
		       (long long)(time - w->model.now) /
		       (long long)NSEC_PER_MSEC);
}

static void print_seen(const struct world *w, const struct model_seen *s)
{
	printf("id=%llu %08x/%u", s->id, s->serial, s->size);
	if (s->shown != s->size)
		printf("(%u)", s->shown);
	if (s->key >= 0)
		printf(" key=%d", s->key);
	if (s->header)
		printf(" header=%d", s->header);
	if (s->user)
		printf(" user=%d", s->user);
	printf(" %s attempt=%u failures=%u/%u priority=%u",
	       state_names[s->state <= 6 ? s->state : 0], s->attempt,
	       s->failures, s->failure, s->priority);
	if (s->extra)
		printf(" reason=%u origin=%d:%llu note=%08x/%u", s->reason,
		       s->origin, s->origin_id, s->note, s->note_size);
	if (s->topic >= 0)
		printf(" topic=%d:%llu", s->topic, s->topic_id);
	if (s->held)
		printf(" held");
	print_time(w, "sent", s->sent);
	print_time(w, "due", s->due);
	print_time(w, "expires", s->expires);
}

void print_outcome(const struct world *w, const struct model_call *c,
		   const struct model_outcome *o)
{
	unsigned int i;

	if (o->error)
		printf("%s", strerror(-o->error));
	else
		printf("%lld", o->result);
	if (o->first || o->last)
		printf(", %llu..%llu", o->first, o->last);
	if (o->flags)
		printf(", flags %#x", o->flags);
	if (c->kind == CALL_CONSUMER)
		printf(", held %llu", o->held);
	for (i = 0; c->kind == CALL_SETTLE && i < c->count; i++)
		printf(" {%u %u %d}", o->range[i].settled, o->range[i].dead,
		       o->range[i].error);
	for (i = 0; c->kind == CALL_READ && i < o->result && i < 8; i++)
		printf(" %02x", o->data[i]);
	printf("\n");
	for (i = 0; i < o->bindings; i++)
		printf("#          binding %llu to %c, filter %d %#x, taken %llu%s, missed %llu%s%s\n",
		       o->bound[i].id, queue_letter(o->bound[i].target),
		       o->bound[i].filter.pattern, o->bound[i].filter.terms,
		       o->bound[i].taken, o->bound[i].taken_open ? "?" : "",
		       o->bound[i].missed, o->bound[i].missed_open ? "?" : "",
		       o->bound[i].behind ? ", behind" : "");
	for (i = 0; i < o->count; i++) {
		printf("#          ");
		print_seen(w, &o->seen[i]);
		printf("\n");
	}
}
