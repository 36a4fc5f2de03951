/* SPDX-License-Identifier: GPL-2.0 */
/* Options by which one queue leads to another: see link.c. */
#ifndef MQ_DEVICE_LINK_H
#define MQ_DEVICE_LINK_H

struct mq_queue;

int mq_link_dead_letter(struct mq_queue *q, const char *name);
int mq_link_alternate(struct mq_queue *q, const char *name);
int mq_set_link(struct mq_queue *q, const char *name);
void mq_unlink_all(struct mq_queue *q);

#endif /* MQ_DEVICE_LINK_H */
