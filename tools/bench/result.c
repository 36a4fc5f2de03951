// SPDX-License-Identifier: GPL-2.0
/* Results: a JSON object for every measurement. */
#include <stdio.h>
#include <string.h>

#include "result.h"
#include "stat.h"

static const char *const kind_names[] = {
	[KIND_PLAIN] = "plain",
	[KIND_ACK] = "ack",
	[KIND_NEXT] = "next",
	[KIND_PRIORITY] = "priority",
	[KIND_KEY] = "key",
	[KIND_DELAY] = "delay",
	[KIND_TOPIC] = "topic",
};

bool anything_failed;

void result_text(struct json_object *result, const char *name, const char *text)
{
	json_object_object_add(result, name, json_object_new_string(text));
}

/* One decimal place is more than the figures are good for. */
void result_number(struct json_object *result, const char *name, double value)
{
	struct json_object *number;
	char text[32];

	snprintf(text, sizeof(text), "%.1f", value);
	if (value == (double)(int64_t)value)
		number = json_object_new_int64((int64_t)value);
	else
		number = json_object_new_double_s(value, text);
	json_object_object_add(result, name, number);
}

void result_rounds(struct json_object *result, const char *name, double *values,
		   unsigned int rounds)
{
	char bound[32];

	result_number(result, "rounds", rounds);
	result_number(result, name, median(values, rounds));
	snprintf(bound, sizeof(bound), "%s_min", name);
	result_number(result, bound, values[0]);
	snprintf(bound, sizeof(bound), "%s_max", name);
	result_number(result, bound, values[rounds - 1]);
}

struct json_object *result_new(const struct plan *plan, const struct load *load,
			       const struct peer *peer,
			       const struct setup *setup)
{
	struct json_object *o = json_object_new_object();

	result_text(o, "workload", load->name);
	result_text(o, "peer", peer->name);
	result_number(o, "size", (double)setup->size);
	result_number(o, "batch", setup->batch);
	result_number(o, "capacity", (double)setup->depth);
	result_text(o, "kind", kind_names[setup->kind]);
	json_object_array_add(plan->results, o);
	return o;
}

static const char *text_of(struct json_object *result, const char *name)
{
	return json_object_get_string(json_object_object_get(result, name));
}

void result_error(struct json_object *result, int err)
{
	anything_failed = true;
	result_text(result, "error", strerror(-err));
	fprintf(stderr, "mqbench: %s: %s: %s\n", text_of(result, "workload"),
		text_of(result, "peer"), strerror(-err));
}
