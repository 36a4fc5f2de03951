/* SPDX-License-Identifier: GPL-2.0 */
/* Names of queues, and notes: see text.c. */
#ifndef MQ_TEXT_H
#define MQ_TEXT_H

#include <linux/refcount.h>
#include <linux/types.h>

struct mq_payer;

/**
 * struct mq_text - the name of a queue or a note, which several entries share
 * @payer: the payer of this memory, or NULL
 * @refs: number of references
 * @size: size of the text
 * @text: the text, without a terminating NUL
 */
struct mq_text {
	struct mq_payer	*payer;
	refcount_t	refs;
	u16		size;
	char		text[];
};

struct mq_text *mq_text_alloc(u16 size, struct mq_payer *p);
struct mq_text *mq_text_get(struct mq_text *t);
void mq_text_put(struct mq_text *t);

#endif /* MQ_TEXT_H */
