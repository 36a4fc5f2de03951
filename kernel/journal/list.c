// SPDX-License-Identifier: GPL-2.0
/* The journals that are attached, and the end of one. */
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "base/base.h"
#include "base/compat.h"
#include "journal/journal.h"
#include "journal/list.h"
#include "journal/objects.h"

static LIST_HEAD(mq_journals);
static DEFINE_SPINLOCK(mq_journals_lock);

/* Let go of the file and of all memory but the structure. */
void mq_journal_close(struct mq_journal *j)
{
	u32 i;

	mq_medium_close(&j->medium);
	for (i = 0; i < MQ_J_STREAMS; i++) {
		kvfree(j->streams[i].buffer);
		j->streams[i].buffer = NULL;
	}
	mq_objects_exit(j);
	kvfree(j->segments);
	kvfree(j->header);
	kvfree(j->victim);
	kvfree(j->alive);
	kvfree(j->scratch);
	j->scratch = NULL;
	j->segments = NULL;
	j->header = NULL;
	j->victim = NULL;
	j->alive = NULL;
}

static void mq_journal_free(struct kref *refs)
{
	struct mq_journal *j = container_of(refs, struct mq_journal, refs);

	mq_timer_stop(&j->delay);
	mq_journal_close(j);
	kfree(j);
}

/*
 * Drop a reference. The last one may be dropped with a lock held: by then
 * mq_journal_close() was called.
 */
void mq_journal_put(struct mq_journal *j)
{
	if (j)
		kref_put(&j->refs, mq_journal_free);
}

/* Find an attached journal. Return it with a reference, or NULL. */
struct mq_journal *mq_journal_find(const char *name)
{
	struct mq_journal *j, *found = NULL;

	spin_lock(&mq_journals_lock);
	list_for_each_entry(j, &mq_journals, link)
		if (j->ready && !strcmp(j->name, name)) {
			kref_get(&j->refs);
			found = j;
			break;
		}
	spin_unlock(&mq_journals_lock);
	return found;
}

/* Return the next journal behind @before (NULL: the first) with a reference. */
struct mq_journal *mq_journal_after(struct mq_journal *before)
{
	struct mq_journal *j;

	spin_lock(&mq_journals_lock);
	j = before ? list_next_entry(before, link) :
		     list_first_entry(&mq_journals, struct mq_journal, link);
	while (!list_entry_is_head(j, &mq_journals, link) && j->target)
		j = list_next_entry(j, link);
	if (list_entry_is_head(j, &mq_journals, link) ||
	    (before && list_empty(&before->link)))
		j = NULL;
	else
		kref_get(&j->refs);
	spin_unlock(&mq_journals_lock);
	mq_journal_put(before);
	return j;
}

/*
 * Add a journal to those that are attached. Return 0; EEXIST: one has the same
 * name; EBUSY: one has the same file, and @as gets its name (DEVMQ_NAME_MAX + 1).
 */
int mq_journal_enlist(struct mq_journal *j, char *as)
{
	struct mq_journal *other;
	int err = 0;

	spin_lock(&mq_journals_lock);
	list_for_each_entry(other, &mq_journals, link) {
		if (!j->target && !other->target && !strcmp(j->name, other->name))
			err = -EEXIST;
		else if (mq_medium_same(&j->medium, &other->medium))
			err = -EBUSY;
		if (err) {
			strscpy(as, other->name, sizeof(other->name));
			break;
		}
	}
	if (!err)
		list_add_tail(&j->link, &mq_journals);
	spin_unlock(&mq_journals_lock);
	return err;
}

/*
 * Let a journal have the shape that its file says. A loop device over the file of
 * another journal, or a copy of that file, has the same uuid, and would write over
 * that journal or have its messages twice. Return 0; or EBUSY: another one has it, and
 * @as gets its name (DEVMQ_NAME_MAX + 1).
 */
int mq_journal_identify(struct mq_journal *j, const struct mq_j_shape *shape,
			char *as)
{
	struct mq_journal *other;
	int err = 0;

	spin_lock(&mq_journals_lock);
	list_for_each_entry(other, &mq_journals, link) {
		if (other == j || memcmp(other->shape.uuid, shape->uuid,
					 sizeof(shape->uuid)))
			continue;
		strscpy(as, other->name, sizeof(other->name));
		err = -EBUSY;
	}
	if (!err)
		j->shape = *shape;
	spin_unlock(&mq_journals_lock);
	return err;
}

/* Let queues be made in a journal, or do so no longer. */
void mq_journal_set_ready(struct mq_journal *j, bool ready)
{
	spin_lock(&mq_journals_lock);
	j->ready = ready;
	spin_unlock(&mq_journals_lock);
}

/* Let a journal have the file of another one, to which it was moved. */
void mq_journal_swap(struct mq_journal *j, struct mq_journal *to)
{
	u32 i;

	spin_lock(&j->lock);
	spin_lock(&mq_journals_lock);
	swap(j->medium, to->medium);
	swap(j->shape, to->shape);
	spin_unlock(&mq_journals_lock);
	swap(j->epoch, to->epoch);
	swap(j->epochs, to->epochs);
	swap(j->seed, to->seed);
	WRITE_ONCE(j->capacity, to->capacity);
	WRITE_ONCE(j->record_max, to->record_max);
	swap(j->side, to->side);
	swap(j->segments, to->segments);
	swap(j->places, to->places);
	swap(j->left, to->left);
	swap(j->sequence, to->sequence);
	for (i = 0; i < MQ_J_STREAMS; i++) {
		swap(j->streams[i], to->streams[i]);
		swap(j->marks[i], to->marks[i]);
	}
	swap(j->header, to->header);
	swap(j->victim, to->victim);
	swap(j->fetched, to->fetched);
	swap(j->alive, to->alive);
	swap(j->broken, to->broken);
	swap(j->unflushed, to->unflushed);
	swap(j->marked, to->marked);
	swap(j->written, to->written);
	swap(j->cleaned, to->cleaned);
	swap(j->flushes, to->flushes);
	j->next = NULL;
	spin_unlock(&j->lock);
}

void mq_journal_delist(struct mq_journal *j)
{
	spin_lock(&mq_journals_lock);
	j->ready = false;
	list_del_init(&j->link);
	spin_unlock(&mq_journals_lock);
}
