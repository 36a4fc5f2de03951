/* SPDX-License-Identifier: GPL-2.0 */
/* Send messages to a topic: see publish.c. */
#ifndef MQ_TOPIC_PUBLISH_H
#define MQ_TOPIC_PUBLISH_H

#include <linux/types.h>

struct mq_batch;
struct mq_file;
struct mq_turn;

/**
 * enum mq_publish_how - how a topic's queues are asked for room
 * @MQ_PUBLISH: they may have none, and the caller may wait for it
 * @MQ_PUBLISH_QUICKLY: the same, but do not even sleep for the topic's turn
 * @MQ_PUBLISH_ANYWAY: there is room in any case
 */
enum mq_publish_how { MQ_PUBLISH, MQ_PUBLISH_QUICKLY, MQ_PUBLISH_ANYWAY };

int mq_publish(struct mq_file *f, struct mq_batch *b, struct mq_turn *turn,
	       enum mq_publish_how how, u64 *last_id);

#endif /* MQ_TOPIC_PUBLISH_H */
