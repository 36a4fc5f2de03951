/* SPDX-License-Identifier: GPL-2.0 */
/* Messages that go to several queues of a journal: see spreads.c. */
#ifndef MQ_TOPIC_SPREADS_H
#define MQ_TOPIC_SPREADS_H

struct mq_fanout;

int mq_spreads_make(struct mq_fanout *o);
void mq_spreads_complete(struct mq_fanout *o);
void mq_spreads_put(struct mq_fanout *o);

#endif /* MQ_TOPIC_SPREADS_H */
