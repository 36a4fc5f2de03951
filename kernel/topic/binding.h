/* SPDX-License-Identifier: GPL-2.0 */
/* Topics and their bindings: see binding.c. */
#ifndef MQ_TOPIC_BINDING_H
#define MQ_TOPIC_BINDING_H

#include <linux/types.h>

struct mq_filter;
struct mq_options;
struct mq_queue;
struct mq_start;
struct mq_topic;

int mq_topic_new(struct mq_queue *q);
void mq_topic_free(struct mq_queue *q);
void mq_topic_hold(struct mq_topic *t);
void mq_topic_changed(struct mq_topic *t);
int mq_bind(struct mq_queue *q, struct mq_queue *target, struct mq_filter *f,
	    const struct mq_start *s, u64 *id, const char **why);
int mq_bind_confirm(struct mq_queue *q, struct mq_queue *target);
int mq_unbind(struct mq_queue *q, struct mq_queue *target, const struct mq_filter *f);
int mq_unbind_each(struct mq_queue *q, struct mq_queue *target, u64 *count);
int mq_set_alternate(struct mq_queue *q, struct mq_queue *target,
		     const char **why);
bool mq_is_alternate(const struct mq_queue *q);
void mq_unbind_all(struct mq_queue *q);
bool mq_bound_limits_ok(struct mq_queue *q, const struct mq_options *opt);
u64 mq_binding_changes(void);
int mq_topics_init(void);
void mq_topics_drain(void);
void mq_topics_exit(void);

#endif /* MQ_TOPIC_BINDING_H */
