// SPDX-License-Identifier: GPL-2.0
/*
 * Whether a topic retains messages, and what a reader's position says, as far as that
 * can be read without the lock.
 */
#include <linux/compiler.h>

#include "journal/journal.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/position.h"
#include "queue/queue.h"

/* Return true if a topic retains what is sent to it. */
bool mq_retains(const struct mq_queue *q)
{
	return READ_ONCE(q->opt.retain_messages) ||
	       READ_ONCE(q->opt.retain_bytes) || READ_ONCE(q->opt.retain_ms) ||
	       READ_ONCE(q->opt.compact);
}

/* Return true if more of that is in memory than may be. */
bool mq_retains_much(const struct mq_queue *q)
{
	u64 most = READ_ONCE(q->opt.retain_memory_bytes);

	return unlikely(most) && READ_ONCE(q->stat.retained_memory_bytes) > most &&
	       !READ_ONCE(q->retained.holds);
}

/* Return true if there are, or will be, messages to read. */
bool mq_retain_active(const struct mq_queue *q)
{
	return READ_ONCE(q->retained.last) || mq_retains(q);
}

/* Return true if messages that a reader has not read are not retained any more. */
bool mq_retain_passed(const struct mq_file *f)
{
	const struct mq_retained *r = &f->q->retained;
	u64 position = READ_ONCE(f->position), buried = READ_ONCE(r->buried);

	return position <= READ_ONCE(r->gone) ||
	       unlikely(buried > READ_ONCE(f->buried) && position <= buried);
}

/* Return true if a reader was told to come back when its journal is not frozen any more. */
static bool mq_retain_is_frozen(const struct mq_file *f)
{
	return unlikely(READ_ONCE(f->frozen)) && mq_journal_is_frozen(f->q->feed.journal);
}

/* Return true if a read would return without sleeping. This is a hint. */
bool mq_retain_can_read(const struct mq_file *f)
{
	const struct mq_queue *q = f->q;
	u64 last = READ_ONCE(q->retained.last);

	if (READ_ONCE(q->gone) || !mq_retain_active(q))
		return true;
	if (READ_ONCE(q->opt.paused) & MQ_PAUSED_RECEIVE)
		return false;
	return mq_retain_passed(f) ||
	       ((last >= READ_ONCE(f->position) || READ_ONCE(f->position_done)) &&
		!mq_retain_is_frozen(f));
}
