// SPDX-License-Identifier: GPL-2.0
/*
 * A message that goes to several queues of a journal, and maybe stays with its topics
 * there, gets a struct mq_spread for each such journal: the journal writes all of it as
 * one record.
 */
#include <linux/err.h>
#include <linux/sched.h>

#include "base/base.h"
#include "journal/notice.h"
#include "memory/chunk.h"
#include "memory/durable.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "memory/spread.h"
#include "queue/persist.h"
#include "queue/position.h"
#include "queue/queue.h"
#include "topic/fanout.h"
#include "topic/spreads.h"

/**
 * struct mq_spreading - what one message consists of: its copies, and what its topics
 *	retain of it
 * @o: the publication
 * @mail: number of the message
 * @copy: number of its first copy
 * @copies: how many it has
 * @pass: number of its first pass
 * @passes: how many it has
 */
struct mq_spreading {
	struct mq_fanout	*o;
	u32			mail;
	u32			copy;
	u32			copies;
	u32			pass;
	u32			passes;
};

/*
 * Return the part with number @i, and its journal; or NULL: it is in none. Copies come
 * first, then what the topics retain.
 */
static struct mq_durable *mq_spread_part(const struct mq_spreading *s, u32 i,
					 struct mq_journal **j)
{
	struct mq_fanout *o = s->o;
	const struct mq_entry *e;
	struct mq_queue *q;

	if (i < s->copies) {
		q = o->copies[s->copy + i].q;
		e = o->copies[s->copy + i].e;
	} else {
		const struct mq_pass *pass = &o->passes[s->pass + i - s->copies];

		q = o->passed[pass->passed].q;
		e = pass->passed ? pass->kept :
		    mq_retains(q) ? o->mails[s->mail].e : NULL;
	}
	*j = q->feed.journal;
	return *j && e ? mq_msg(e)->detail->durable : NULL;
}

static u32 mq_spread_parts(const struct mq_spreading *s)
{
	return s->copies + s->passes;
}

/* Return how many parts from @i on are in the journal @j, and in no spread. */
static u32 mq_spread_count(const struct mq_spreading *s, u32 i, struct mq_journal *j)
{
	struct mq_journal *own;
	u32 n = 0;

	for (; i < mq_spread_parts(s); i++) {
		const struct mq_durable *d = mq_spread_part(s, i, &own);

		n += d && !d->spread && own == j;
		if (!(i % MQ_PORTION))
			cond_resched();
	}
	return n;
}

/* Spread the message over a journal, in which the part @i is the first. */
static int mq_spread_over(const struct mq_spreading *s, u32 i, struct mq_journal *j)
{
	const struct mq_mail *mail = &s->o->mails[s->mail];
	u32 n = mq_spread_count(s, i, j);
	struct mq_journal *own;
	struct mq_spread *to;

	if (n < 2)
		return 0;
	if (!mq_persist_fits_copies(j, mq_msg_bytes(mq_msg(mail->e)), n))
		return -EMSGSIZE;
	to = mq_spread_new(mq_chunk_of(mail->e)->payer, j, mail->topic, n);
	if (IS_ERR(to))
		return PTR_ERR(to);
	to->next = s->o->spreads;
	s->o->spreads = to;
	for (; i < mq_spread_parts(s); i++) {
		struct mq_durable *d = mq_spread_part(s, i, &own);

		if (d && !d->spread && own == j) {
			d->copy = mq_spread_join(to);
			d->spread = to;
		}
		if (!(i % MQ_PORTION))
			cond_resched();
	}
	return 0;
}

/* What the topic may retain could have been spread by an attempt that failed. */
static void mq_spread_again(struct mq_entry *e)
{
	struct mq_detail *m = mq_msg(e)->detail;

	if (!m || !m->durable || !m->durable->spread)
		return;
	mq_spread_put(m->durable->spread);
	m->durable->spread = NULL;
}

/* Spread a message over the journals of its queues. Return as mq_spreads_make(). */
static int mq_spread_mail(const struct mq_spreading *s)
{
	struct mq_journal *j;
	u32 i;
	int err = 0;

	mq_spread_again(s->o->mails[s->mail].e);
	for (i = 0; !err && i < mq_spread_parts(s); i++) {
		const struct mq_durable *d = mq_spread_part(s, i, &j);

		if (unlikely(d) && !d->spread)
			err = mq_spread_over(s, i, j);
		if (!(i % MQ_PORTION))
			cond_resched();
	}
	return err;
}

/* Go on to a message: its copies and passes lie behind those of the one before. */
static void mq_spread_next(struct mq_spreading *s, u32 mail)
{
	const struct mq_fanout *o = s->o;

	s->mail = mail;
	s->copy += s->copies;
	s->pass += s->passes;
	s->copies = 0;
	s->passes = 0;
	while (s->copy + s->copies < o->copy_count &&
	       o->copies[s->copy + s->copies].mail == mail)
		s->copies++;
	while (s->pass + s->passes < o->pass_count &&
	       o->passes[s->pass + s->passes].mail == mail)
		s->passes++;
}

/**
 * mq_spreads_make - spread messages over the journals of their queues
 * @o: the publication, which gets fewer messages if one cannot be spread
 *
 * Return: 0; or of the first message ENOMEM, EDQUOT, or EMSGSIZE: a journal has no room
 * for a record with all copies.
 */
int mq_spreads_make(struct mq_fanout *o)
{
	struct mq_spreading s = { .o = o };
	u32 i;

	for (i = 0; i < o->n; i++) {
		int err;

		mq_spread_next(&s, i);
		err = mq_spread_mail(&s);
		if (err) {
			o->n = i;
			return i ? 0 : err;
		}
	}
	return 0;
}

/* All copies that go are in their queues: the journals may write them. */
void mq_spreads_complete(struct mq_fanout *o)
{
	struct mq_spread *s;

	for (s = o->spreads; unlikely(s); s = s->next)
		mq_feed_spread(s);
}

/* The publication is over. */
void mq_spreads_put(struct mq_fanout *o)
{
	struct mq_spread *s;

	while (unlikely(s = o->spreads)) {
		o->spreads = s->next;
		mq_spread_put(s);
	}
}
