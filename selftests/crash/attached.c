// SPDX-License-Identifier: GPL-2.0
/*
 * States that were attached in a machine: what the kernel has found is what the
 * recovery in user space finds, and so it stays, wherever the power fails while
 * the journal is attached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/devmq.h>

#include "attached.h"
#include "bodies.h"
#include "crash.h"
#include "journal/record.h"
#include "journal_read.h"
#include "states.h"

/* A message in words, as the program in the machine has them. */
struct line {
	char text[192];
};

struct lines {
	struct line *all;
	size_t count;
};

static void line_add(struct lines *l, const char *text)
{
	if (!(l->count & (l->count - 1)))
		l->all = realloc(l->all, (l->count ? 2 * l->count : 1) *
				 sizeof(*l->all));
	snprintf(l->all[l->count++].text, sizeof(l->all->text), "%s", text);
}

static int line_order(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void lines_sort(struct lines *l)
{
	qsort(l->all, l->count, sizeof(*l->all), line_order);
}

static void copy_line(struct lines *l, const struct journal_contents *c,
		      const struct journal_body *body,
		      const struct journal_copy *copy)
{
	const struct mq_j_message *m = body->record;
	const struct mq_j_state *s = copy->state;
	struct crash_payload p = {};
	const char *name = "?";
	char text[192];
	size_t i;

	for (i = 0; i < c->count; i++)
		if (c->queues[i]->record->serial == s->queue)
			name = c->queues[i]->name;
	/* What a topic has too much of goes when it is attached. */
	if (s->state == DEVMQ_STATE_RETAINED)
		return;
	body_identify(m, &p);
	snprintf(text, sizeof(text), CRASH_LINE, name,
		 (unsigned long long)le64_to_cpu(s->id), crash_state(&p, s->state), s->priority,
		 le32_to_cpu(s->failures), le16_to_cpu(s->reason), p.producer,
		 p.number, le32_to_cpu(m->payload_size));
	line_add(l, text);
}

static void binding_lines(struct lines *l, const struct journal_contents *c,
			  const struct journal_queue *q)
{
	const struct mq_j_binding *b;
	struct mq_j_bytes left;
	char text[192];
	size_t i;

	mq_j_bindings_begin(q->record, &left);
	while ((b = mq_j_bindings_next(&left)))
		for (i = 0; i < c->count; i++) {
			if (c->queues[i]->record->serial != b->topic)
				continue;
			snprintf(text, sizeof(text), CRASH_BINDING,
				 c->queues[i]->name, q->name,
				 (unsigned long long)le64_to_cpu(b->id),
				 le16_to_cpu(b->filter_size),
				 (const char *)(b + 1));
			line_add(l, text);
		}
}

/* Read a journal. Returns 0, or -1 with what is wrong in @why. */
static int journal_lines(const struct mq_j_source *source, struct lines *l,
			 char *why, size_t size)
{
	struct journal_contents c = { .keep = true };
	const struct journal_body *body;
	const struct journal_copy *copy;
	struct mq_j_log log;
	size_t i;
	int err;

	l->count = 0;
	err = mq_j_log_open(&log, source) ?: journal_read(&log, &c);
	if (err)
		snprintf(why, size, "it cannot be read: %s: %s", strerror(-err),
			 log.fault.what ?: "");
	for (body = c.bodies; !err && body; body = body->next)
		for (copy = body->copies; copy; copy = copy->next)
			copy_line(l, &c, body, copy);
	for (i = 0; !err && i < c.count; i++)
		binding_lines(l, &c, c.queues[i]);
	lines_sort(l);
	journal_contents_free(&c);
	mq_j_log_close(&log);
	return err ? -1 : 0;
}

static int lines_compare(const struct lines *a, const struct lines *b, char *why,
			 size_t size)
{
	size_t i;

	for (i = 0; i < a->count && i < b->count; i++)
		if (strcmp(a->all[i].text, b->all[i].text))
			break;
	if (i == a->count && i == b->count)
		return 0;
	snprintf(why, size, "expected '%s', found '%s'",
		 i < a->count ? a->all[i].text : "",
		 i < b->count ? b->all[i].text : "");
	return -1;
}

/* What there was before. */
static struct lines before;

static int same_as_before(const struct mq_j_source *source, char *why, size_t size)
{
	struct lines now = {};
	int err = journal_lines(source, &now, why, size) ?:
		  lines_compare(&before, &now, why, size);

	free(now.all);
	return err;
}

static int image_read(struct disk *d, const char *path)
{
	FILE *f = fopen(path, "r");
	long size;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) <= CRASH_TOLD ||
	    fseek(f, 0, SEEK_SET)) {
		perror(path);
		return -1;
	}
	disk_make(d, size, size - CRASH_TOLD);
	if (fread(d->state, 1, size, f) != (size_t)size) {
		perror(path);
		return -1;
	}
	fclose(f);
	memcpy(d->flushed, d->state, size);
	return 0;
}

static int image_source(void *context, u64 at, void *to, u32 size)
{
	const struct disk *d = context;

	memcpy(to, d->state + at, size);
	return 0;
}

static void kernel_lines(FILE *f, unsigned int number, struct lines *l)
{
	unsigned int of;
	char text[256];
	int at;

	l->count = 0;
	rewind(f);
	while (fgets(text, sizeof(text), f)) {
		text[strcspn(text, "\n")] = '\0';
		if (sscanf(text, "%u: %n", &of, &at) == 1 && of == number)
			line_add(l, text + at);
	}
	lines_sort(l);
}

/* Returns how many failures there were. */
static uint64_t judge_one(FILE *f, const char *directory, unsigned int number)
{
	struct disk d = { .verify = same_as_before };
	struct mq_j_source source = { .read = image_source, .context = &d };
	struct lines found = {};
	char path[4096], why[512];
	struct writes w;
	size_t i;

	snprintf(path, sizeof(path), "%s/before%u", directory, number);
	if (image_read(&d, path))
		return 1;
	source.size = d.told;
	kernel_lines(f, number, &found);
	if (journal_lines(&source, &before, why, sizeof(why)) ||
	    lines_compare(&before, &found, why, sizeof(why)))
		disk_failed(&d, 0, "the kernel in place of", why);
	snprintf(path, sizeof(path), "%s/after%u.log", directory, number);
	if (writes_read(&w, path))
		return 1;
	for (i = 0; i < w.count; i++) {
		disk_judge(&d, i, KEEP_NONE);
		if (w.all[i].kind == WRITE_FLUSH || w.all[i].at < d.told)
			disk_step(&d, &w.all[i]);
	}
	disk_judge(&d, i, KEEP_NONE);
	printf("# state %u: %zu messages, %zu writes and flushes, %llu states, %llu failures\n",
	       number, before.count, w.count, (unsigned long long)d.states,
	       (unsigned long long)d.failures);
	free(found.all);
	free(d.flushed);
	free(d.state);
	return d.failures + !w.count;
}

int attached_judge(const char *path, const char *directory, unsigned int count)
{
	FILE *f = fopen(path, "r");
	uint64_t failures = 0;
	unsigned int i;

	if (!f) {
		perror(path);
		return 2;
	}
	for (i = 0; i < count; i++)
		failures += judge_one(f, directory, i);
	fclose(f);
	return failures ? 1 : 0;
}
