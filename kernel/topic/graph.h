/* SPDX-License-Identifier: GPL-2.0 */
/* Which topics lead where: see graph.c. */
#ifndef MQ_TOPIC_GRAPH_H
#define MQ_TOPIC_GRAPH_H

#include <linux/types.h>

struct mq_outlet;
struct mq_queue;
struct mq_topic;

struct mq_outlet *mq_outlet_find(const struct mq_topic *t,
				 const struct mq_queue *target);
struct mq_outlet *mq_outlet_get(struct mq_topic *t, struct mq_queue *target,
				bool early, const char **why);
void mq_outlet_put(struct mq_outlet *o);
void mq_outlet_set_early(struct mq_outlet *o, bool early);

#endif /* MQ_TOPIC_GRAPH_H */
