// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the file of a journal that is being attached. The scan says ahead what it
 * will need, and works read that while it looks at what it has.
 */
#include <linux/bvec.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "journal/format.h"
#include "journal/medium.h"
#include "journal/source.h"

/* Bytes that are read at a time: to where the scan wants them, or by way of a page. */
#define MQ_SOURCE_READ	SZ_4M
#define MQ_SOURCE_PAGE	SZ_64K

/* Read some bytes into mq_source.page, in whole units, and copy them. */
static int mq_source_part(struct mq_source *s, u64 at, void *to, u32 size)
{
	int err = mq_medium_read(s->medium, at, s->page, ALIGN(size, MQ_J_UNIT_MAX));

	if (!err)
		memcpy(to, s->page, size);
	return err;
}

/*
 * Read for the scan. A segment, which fills pages, is read to where it is wanted.
 * What is not of whole units, or does not lie in pages of its own, is copied.
 */
static int mq_source_read(void *context, u64 at, void *to, u32 size)
{
	struct mq_source *s = context;
	bool whole = IS_ALIGNED(size, MQ_J_UNIT_MAX) && PAGE_ALIGNED(to);
	u32 most = whole ? MQ_SOURCE_READ : MQ_SOURCE_PAGE;

	while (size) {
		u32 n = min(size, most);
		int err;

		if (fatal_signal_pending(current))
			return -EINTR;
		err = whole ? mq_medium_read(s->medium, at, to, n) :
			      mq_source_part(s, at, to, n);
		if (err)
			return err;
		at += n;
		to += n;
		size -= n;
	}
	return 0;
}

/* Read what was begun, part by part. */
static void mq_ahead_work(struct work_struct *work)
{
	struct mq_ahead *ahead = container_of(work, struct mq_ahead, work);
	struct mq_medium medium = *ahead->source->medium;
	u32 done, n;

	/* The medium's own pages are for one read at a time. */
	medium.pages = ahead->pages;
	for (done = 0; done < ahead->size && !ahead->err; done += n) {
		n = min_t(u32, ahead->size - done, MQ_SOURCE_READ);
		ahead->err = READ_ONCE(ahead->source->stopped) ? -EINTR :
			     mq_medium_read(&medium, ahead->at + done,
					    ahead->to + done, n);
	}
	complete(&ahead->done);
}

/* Begin a read: see struct mq_j_source. */
static void mq_source_begin(void *context, u32 slot, u64 at, void *to, u32 size)
{
	struct mq_source *s = context;
	struct mq_ahead *ahead = &s->ahead[slot];

	ahead->at = at;
	ahead->to = to;
	ahead->size = size;
	ahead->err = 0;
	reinit_completion(&ahead->done);
	if (!ahead->pages)
		ahead->pages = mq_medium_pages_new();
	if (ahead->pages) {
		queue_work(system_unbound_wq, &ahead->work);
		return;
	}
	ahead->err = -ENOMEM;
	complete(&ahead->done);
}

/* Wait for a read. Who is killed waits for the part that is being read. */
static int mq_source_end(void *context, u32 slot)
{
	struct mq_source *s = context;
	struct mq_ahead *ahead = &s->ahead[slot];

	if (wait_for_completion_killable(&ahead->done))
		WRITE_ONCE(s->stopped, true);
	flush_work(&ahead->work);
	return s->stopped ? -EINTR : ahead->err;
}

/* Return 0 or ENOMEM; mq_source_free() is the caller's in any case. */
int mq_source_init(struct mq_source *s)
{
	u32 slot;

	s->page = kvmalloc(MQ_SOURCE_PAGE, GFP_KERNEL_ACCOUNT);
	s->ahead = kcalloc(MQ_J_SLOTS, sizeof(*s->ahead), GFP_KERNEL_ACCOUNT);
	if (!s->page || !s->ahead)
		return -ENOMEM;
	for (slot = 0; slot < MQ_J_SLOTS; slot++) {
		s->ahead[slot].source = s;
		INIT_WORK(&s->ahead[slot].work, mq_ahead_work);
		init_completion(&s->ahead[slot].done);
	}
	return 0;
}

/* Say which file is read. */
void mq_source_open(struct mq_source *s, struct mq_medium *medium)
{
	s->medium = medium;
	s->s = (struct mq_j_source){
		.read = mq_source_read,
		.context = s,
		.size = mq_medium_size(medium),
		.begin = mq_source_begin,
		.end = mq_source_end,
	};
}

/* Nothing may be being read any more. */
void mq_source_free(struct mq_source *s)
{
	u32 slot;

	for (slot = 0; s->ahead && slot < MQ_J_SLOTS; slot++)
		kfree(s->ahead[slot].pages);
	kfree(s->ahead);
	kvfree(s->page);
}
