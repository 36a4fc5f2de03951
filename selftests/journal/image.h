/* SPDX-License-Identifier: GPL-2.0 */
/* A journal in memory, and a sum of what it has. */
#ifndef MQ_TEST_JOURNAL_IMAGE_H
#define MQ_TEST_JOURNAL_IMAGE_H

#include <stdio.h>

#include "journal_read.h"

struct image {
	u8 *bytes;
	u64 size;
};

static inline int image_read(void *context, u64 at, void *to, u32 size)
{
	const struct image *image = context;

	if (at > image->size || size > image->size - at)
		return -EIO;
	memcpy(to, image->bytes + at, size);
	return 0;
}

static inline struct mq_j_source image_source(struct image *image)
{
	return (struct mq_j_source){
		.read = image_read, .context = image, .size = image->size,
	};
}

/* Read a file. Returns 0 or -1. */
static inline int image_load(struct image *image, const char *path)
{
	FILE *f = fopen(path, "r");
	long size = -1;

	if (f && !fseek(f, 0, SEEK_END))
		size = ftell(f);
	image->bytes = malloc(size > 0 ? size : 1);
	image->size = size;
	if (size <= 0 || fseek(f, 0, SEEK_SET) ||
	    fread(image->bytes, 1, size, f) != (size_t)size) {
		perror(path);
		size = -1;
	}
	if (f)
		fclose(f);
	return size < 0 ? -1 : 0;
}

static inline u64 image_mix(u64 a, u64 b)
{
	a = (a ^ b) * 0xff51afd7ed558ccdULL;
	return a ^ a >> 33;
}

static inline u64 image_hash(u64 sum, const void *data, u64 size)
{
	const u8 *p = data;
	u64 word = 0;

	for (; size >= sizeof(word); size -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum = image_mix(sum, word);
	}
	word = size;
	memcpy(&word, p, size);
	return image_mix(sum, word);
}

/* A sum of a message and its copies, without where the copies were read. */
static inline u64 image_body_sum(const struct journal_body *body)
{
	const struct mq_j_message *m = body->record;
	const struct journal_copy *copy;
	struct mq_j_bytes key, headers, payload;
	u64 sum, all = 0;

	mq_j_message_parts(m, &key, &headers, &payload);
	sum = image_hash(le64_to_cpu(m->time_ns), key.at, key.size);
	sum = image_hash(sum, headers.at, headers.size);
	sum = image_hash(sum, payload.at, payload.size);
	sum = image_mix(sum, (u64)le32_to_cpu(m->uid) << 32 | le32_to_cpu(m->pid));
	for (copy = body->copies; copy; copy = copy->next)
		all += image_hash(sum, copy->state, copy->size);
	return all;
}

/* A sum of all that a reader learns, which does not depend on the order. */
static inline u64 image_sum(const struct journal_contents *c)
{
	const struct journal_body *body;
	const struct journal_dedup *d;
	u64 sum = 0;
	size_t i;

	for (i = 0; i < c->count; i++)
		sum += image_mix(image_mix(image_hash(3, c->queues[i]->record,
				le32_to_cpu(c->queues[i]->record->r.size)),
				c->queues[i]->next_id), c->queues[i]->delivered);
	for (body = c->bodies; body; body = body->next)
		sum += image_body_sum(body);
	for (d = c->dedups; d; d = d->next)
		sum += image_hash(5, d->record, le32_to_cpu(d->record->r.size));
	return sum;
}

/* Read the journal. Returns 0 or an error; what was wrong is in @fault. */
static inline int image_sum_up(struct image *image, u64 *sum,
			       struct mq_j_fault *fault)
{
	struct mq_j_source source = image_source(image);
	struct journal_contents c = { .keep = true };
	struct mq_j_log log;
	int err;

	err = mq_j_log_open(&log, &source) ?: journal_read(&log, &c);
	*sum = err ? 0 : image_sum(&c);
	*fault = log.fault;
	journal_contents_free(&c);
	mq_j_log_close(&log);
	return err;
}

#endif /* MQ_TEST_JOURNAL_IMAGE_H */
