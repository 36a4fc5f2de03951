/* SPDX-License-Identifier: GPL-2.0 */
/* Pollers, which wait with poll, select or epoll: see pollers.c. */
#ifndef MQ_WAIT_POLLERS_H
#define MQ_WAIT_POLLERS_H

#include <linux/poll.h>
#include <linux/types.h>

struct file;
struct mq_gate;
struct mq_stand;

void mq_pollers_notify_file(struct mq_stand *stand, void *key);
void mq_pollers_notify_room(struct mq_gate *g, bool all);
void mq_tell_readers_later(struct mq_gate *g);
void mq_pollers_work(struct mq_gate *g);
void mq_pollers_init(struct mq_gate *g);
void mq_pollers_init_file(struct mq_stand *stand);
void mq_pollers_leave(struct mq_stand *stand);
void mq_pollers_join(struct mq_stand *stand, struct file *file, poll_table *wait);

#endif /* MQ_WAIT_POLLERS_H */
