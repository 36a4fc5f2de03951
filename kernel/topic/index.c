// SPDX-License-Identifier: GPL-2.0
/*
 * The index of a topic's bindings. Bindings with the same filter are one rule.
 * A rule that asks for no header hangs at the end of its pattern in the trie,
 * and is found there. One that asks for headers is found by one of them: by the
 * name and value that the fewest other rules with the same pattern are found by.
 * If it has several values for the name, it is found by each.
 *
 * What can fail or take long is done before a binding is added and after it was
 * removed, and does not change what searches find: a rule without bindings is
 * not noticed.
 */
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/limits.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "memory/budget.h"
#include "topic/index.h"
#include "topic/rule.h"

struct mq_index *mq_index_alloc(void)
{
	struct mq_index *x = kzalloc(sizeof(*x), MQ_GFP);

	if (!x || mq_trie_init(&x->trie) < 0) {
		kfree(x);
		return NULL;
	}
	INIT_LIST_HEAD(&x->idle);
	return x;
}

/* It has no bindings any more. Searches may still go on. */
void mq_index_free(struct mq_index *x)
{
	mq_index_tidy(x);
	mq_trie_exit(&x->trie);
	mq_table_free(&x->rules);
	mq_table_free(&x->postings);
	mq_table_free(&x->bounds);
	kfree_rcu(x, rcu);
}

u64 mq_index_generation(const struct mq_index *x)
{
	/* What a search finds is not older than this. */
	return smp_load_acquire(&x->generation);
}

static void mq_index_changed(struct mq_index *x)
{
	/* Who sees this sees the change, too. */
	smp_store_release(&x->generation, x->generation + 1);
}

/* Return how many bindings there are. */
u32 mq_index_count(const struct mq_index *x)
{
	return x->bounds.count;
}

const struct mq_filter *mq_bound_filter(const struct mq_bound *b)
{
	return b->rule->filter;
}

/*
 * Return what a binding with this filter takes of memory at most, besides the
 * caller's part: as if no other had the same filter, nor any part of it.
 */
size_t mq_index_cost(const struct mq_filter *f)
{
	size_t filter = struct_size(f, pair, f->pairs) + 2 * f->text_size;
	size_t rule = struct_size_t(struct mq_rule, posting, f->pairs);

	return mq_kmalloc_bytes(filter) + mq_kmalloc_bytes(rule) +
	       (2 + f->pairs) * MQ_PLACE_COST + mq_trie_cost(f);
}

/* -- rules ----------------------------------------------------------------- */

/* Return the rule with this filter, or NULL. */
static struct mq_rule *mq_rule_find(const struct mq_index *x,
				    const struct mq_filter *f)
{
	const struct mq_buckets *b = mq_table_buckets(&x->rules);
	struct mq_hashed *h;
	struct mq_rule *r;

	for (h = mq_hashed_first(b, mq_trie_hash(&x->trie, f->text, f->text_size)); h;
	     h = mq_hashed_next(b, h)) {
		r = container_of(h, struct mq_rule, hashed);
		if (r->filter->text_size == f->text_size &&
		    memcmp(r->filter->text, f->text, f->text_size) == 0)
			return r;
	}
	return NULL;
}

/* Return how many rules with patterns that end at @end are found by @pair. */
static unsigned int mq_pair_load(const struct mq_index *x,
				 const struct mq_end *end,
				 const struct mq_pair *pair)
{
	const struct mq_buckets *b = mq_table_buckets(&x->postings);
	unsigned int load = 0;
	struct mq_hashed *h;

	for (h = mq_hashed_first(b, pair->hash ^ end->salt); h;
	     h = mq_hashed_next(b, h))
		if (mq_posting_is(container_of(h, struct mq_posting, hashed),
				  end, pair->at, pair->name_size, pair->size))
			load++;
	return load;
}

/*
 * Choose by which name the rule is found. Return: its number; -E2BIG: too many
 * others are found by each that the filter has.
 */
static int mq_group_choose(const struct mq_index *x, const struct mq_end *end,
			   const struct mq_filter *f, const char **what)
{
	unsigned int load, least = UINT_MAX;
	unsigned int i, j;
	int group = 0;

	for (i = 0; i < f->pairs; i = j) {
		load = 0;
		for (j = i; j < f->pairs && f->pair[j].group == f->pair[i].group; j++)
			load = max(load, mq_pair_load(x, end, &f->pair[j]));
		if (load < least) {
			least = load;
			group = f->pair[i].group;
		}
	}
	if (f->pairs && least >= MQ_POSTINGS_MAX) {
		*what = "too many filters have the same headers";
		return -E2BIG;
	}
	return group;
}

/* Allocate a rule that is found by the pairs of @group. */
static struct mq_rule *mq_rule_alloc(struct mq_filter *f, unsigned int group)
{
	struct mq_rule *r;
	unsigned int i;

	r = kzalloc(struct_size(r, posting, f->pairs), MQ_GFP);
	if (!r)
		return NULL;
	r->filter = f;
	INIT_LIST_HEAD(&r->idle);
	for (i = 0; i < f->pairs; i++)
		if (f->pair[i].group == group) {
			r->posting[r->postings].rule = r;
			r->posting[r->postings++].pair = &f->pair[i];
		}
	return r;
}

/* Link a rule, so that it is found when it has bindings. */
static void mq_rule_link(struct mq_index *x, struct mq_rule *r)
{
	struct mq_filter *f = r->filter;
	unsigned int i;

	mq_table_add(&x->rules, &r->hashed,
		     mq_trie_hash(&x->trie, f->text, f->text_size));
	r->salt = r->hashed.hash;
	for (i = 0; i < r->postings; i++)
		mq_table_add(&x->postings, &r->posting[i].hashed,
			     r->posting[i].pair->hash ^ r->end->salt);
	if (!r->postings)
		rcu_assign_pointer(r->end->plain, r);
}

static void mq_rule_destroy(struct mq_index *x, struct mq_rule *r)
{
	unsigned int i;

	list_del(&r->idle);
	if (!r->postings)
		RCU_INIT_POINTER(r->end->plain, NULL);
	else
		mq_end_unheaded(&x->trie, r->end, r->word);
	for (i = 0; i < r->postings; i++)
		mq_table_remove(&x->postings, &r->posting[i].hashed);
	mq_table_remove(&x->rules, &r->hashed);
	/* Searches that pause look whether what they came to may be freed. */
	mq_index_changed(x);
	if (r->word)
		mq_trie_put(&x->trie, r->word);
	kfree_rcu(r->filter, rcu);
	kfree_rcu(r, rcu);
}

/* Make a rule that ends at @end. Return: 0, -E2BIG or -ENOMEM. */
static struct mq_rule *mq_rule_enter(struct mq_index *x, struct mq_filter *f,
				     struct mq_end *end, struct mq_word *word,
				     const char **what)
{
	struct mq_rule *r;
	int group, err = 0;

	if (mq_table_reserve(&x->rules, 1) < 0 ||
	    (f->pairs && mq_table_reserve(&x->postings, f->pairs) < 0))
		return ERR_PTR(-ENOMEM);
	group = mq_group_choose(x, end, f, what);
	if (group < 0)
		return ERR_PTR(group);
	r = mq_rule_alloc(f, group);
	if (!r)
		return ERR_PTR(-ENOMEM);
	if (r->postings)
		err = mq_end_headed(&x->trie, end, word, what);
	if (err) {
		kfree(r);
		return ERR_PTR(err);
	}
	r->end = end;
	r->word = word;
	mq_rule_link(x, r);
	return r;
}

/* Make the rule of a filter. Return: the rule, ERR_PTR(-E2BIG) or -ENOMEM. */
static struct mq_rule *mq_rule_make(struct mq_index *x, struct mq_filter *f,
				    const char **what)
{
	struct mq_word *w = NULL;
	struct mq_rule *r;
	unsigned int i;

	for (i = 0; i < f->pairs; i++)
		f->pair[i].hash = mq_trie_hash(&x->trie, f->pair[i].at,
					       f->pair[i].size);
	if (f->has_key) {
		w = mq_trie_get(&x->trie, f, what);
		if (IS_ERR(w))
			return ERR_CAST(w);
	}
	r = mq_rule_enter(x, f, w ? &w->end : &x->trie.all, w, what);
	if (IS_ERR(r) && w)
		mq_trie_put(&x->trie, w);
	return r;
}

/* -- bindings -------------------------------------------------------------- */

static u32 mq_bound_hash(const struct mq_rule *r, const void *target)
{
	return hash_ptr(target, 32) ^ r->salt;
}

static struct mq_bound *mq_bound_find(const struct mq_index *x,
				      const struct mq_rule *r,
				      const void *target)
{
	const struct mq_buckets *b = mq_table_buckets(&x->bounds);
	struct mq_hashed *h;
	struct mq_bound *bound;

	for (h = mq_hashed_first(b, mq_bound_hash(r, target)); h;
	     h = mq_hashed_next(b, h)) {
		bound = container_of(h, struct mq_bound, same);
		if (bound->rule == r && bound->target == target)
			return bound;
	}
	return NULL;
}

/* Return the binding with this filter to @target, or NULL. */
struct mq_bound *mq_index_find(const struct mq_index *x,
			       const struct mq_filter *f, const void *target)
{
	const struct mq_rule *r = mq_rule_find(x, f);

	return r ? mq_bound_find(x, r, target) : NULL;
}

/*
 * Get ready for a binding with the filter @f to @target. The index takes over
 * the filter, also when this fails. Return: the rule for mq_index_add() or
 * mq_index_cancel(), or ERR_PTR:
 *
 *	-EEXIST: there is a binding like that; -ENOMEM
 *	-E2BIG: the filter could make searches too long, or -ENOSPC: there are
 *	too many bindings; @what says so
 */
struct mq_rule *mq_index_prepare(struct mq_index *x, struct mq_filter *f,
				 const void *target, const char **what)
{
	struct mq_rule *r = mq_rule_find(x, f);
	int err = 0;

	if (r && mq_bound_find(x, r, target)) {
		err = -EEXIST;
	} else if (x->bounds.count >= MQ_BINDINGS_MAX) {
		*what = "the topic has 65536 bindings";
		err = -ENOSPC;
	} else {
		err = mq_table_reserve(&x->bounds, 1);
	}
	if (err || r) {
		mq_filter_free(f);
	} else {
		r = mq_rule_make(x, f, what);
		if (IS_ERR(r)) {
			mq_filter_free(f);
			return r;
		}
	}
	if (err)
		return ERR_PTR(err);
	r->prepared++;
	return r;
}

/* Add a binding that was prepared. */
void mq_index_add(struct mq_index *x, struct mq_rule *r, struct mq_bound *b)
{
	r->prepared--;
	r->count++;
	list_del_init(&r->idle);
	b->rule = r;
	hlist_add_head_rcu(&b->node, &r->bound);
	mq_table_add(&x->bounds, &b->same, mq_bound_hash(r, b->target));
	mq_index_changed(x);
}

/* Bind nothing, although it was prepared. */
void mq_index_cancel(struct mq_index *x, struct mq_rule *r)
{
	r->prepared--;
	if (!r->prepared && !r->count)
		mq_rule_destroy(x, r);
}

/* Remove a binding. The caller frees it after a grace period. */
void mq_index_remove(struct mq_index *x, struct mq_bound *b)
{
	struct mq_rule *r = b->rule;

	hlist_del_rcu(&b->node);
	mq_table_remove(&x->bounds, &b->same);
	if (--r->count == 0)
		list_add(&r->idle, &x->idle);
	mq_index_changed(x);
}

/* Free the rules whose bindings were removed. */
void mq_index_drop_idle(struct mq_index *x)
{
	struct mq_rule *r, *next;

	list_for_each_entry_safe(r, next, &x->idle, idle) {
		if (!r->prepared)
			mq_rule_destroy(x, r);
		cond_resched();
	}
}

/* Give back all that bindings needed that were removed. */
void mq_index_tidy(struct mq_index *x)
{
	mq_index_drop_idle(x);
	mq_table_trim(&x->rules);
	mq_table_trim(&x->postings);
	mq_table_trim(&x->bounds);
	mq_trie_trim(&x->trie);
}
