/* SPDX-License-Identifier: GPL-2.0 */
/* Bindings that begin with what their topic retains: see catchup.c. */
#ifndef MQ_TOPIC_CATCHUP_H
#define MQ_TOPIC_CATCHUP_H

#include <linux/types.h>

struct mq_binding;
struct mq_catchup;
struct mq_filter;
struct mq_queue;

/**
 * enum mq_start_kind - with what a binding begins
 * @MQ_START_LATEST: with what is sent from now on
 * @MQ_START_EARLIEST: with the oldest message that the topic retains
 * @MQ_START_ID: with this id
 * @MQ_START_TIME: with the first message that was sent at this time or later
 */
enum mq_start_kind {
	MQ_START_LATEST, MQ_START_EARLIEST, MQ_START_ID, MQ_START_TIME
};

/**
 * struct mq_start - with what a binding begins
 * @given: it was said
 * @kind: with what
 * @at: the id, or the time, CLOCK_REALTIME
 */
struct mq_start {
	bool			given;
	enum mq_start_kind	kind;
	u64			at;
};

bool mq_start_is(const char *word);
int mq_start_parse(const char *word, struct mq_start *s);
struct mq_catchup *mq_catchup_new(const struct mq_filter *f,
				  struct mq_queue *target);
void mq_catchup_free(struct mq_catchup *c);
size_t mq_catchup_cost(const struct mq_filter *f);
int mq_catchup_check(const struct mq_queue *q, const struct mq_start *s,
		     const char **why);
void mq_catchup_start(struct mq_catchup *c, struct mq_binding *b,
		      const struct mq_start *s);
void mq_catchup_stop(struct mq_binding *b);
u64 mq_catchup_behind(const struct mq_binding *b);
int mq_catchup_init(void);
void mq_catchup_exit(void);

#endif /* MQ_TOPIC_CATCHUP_H */
