// SPDX-License-Identifier: GPL-2.0
/*
 * Search an index for the bindings that take a message.
 *
 * The patterns are walked one word of the key after the other, with the set of all
 * words of patterns that the key has led to so far. A word "#" stays in the set, as
 * it takes any further word, too. There is no recursion, and nothing is looked
 * at twice: a word of a pattern is reached only from the one before it.
 *
 * What it costs, whatever patterns there are:
 *
 *	the key		MQ_SHAPES_MAX + MQ_BEHIND_MAX * 256 words of patterns that
 *			are gone on from, as a key has 256 words at most; each
 *			costs up to three steps in the trie
 *	each header	MQ_HEADED_MAX + 2 lookups; for each header that is found
 *			up to MQ_POSTINGS_MAX rules with MQ_FILTER_HEADERS headers
 *
 * and besides what it finds. Where keys decide, it does not matter how many
 * bindings there are that do not take the message.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/rculist.h>
#include <linux/string.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "topic/match.h"
#include "topic/rule.h"

/* Ends of patterns with headers that a key can reach, a whole key and no key. */
#define MQ_ENDS_MAX	(MQ_HEADED_MAX + 2)
/* After so many headers others may run. */
#define MQ_HEADERS_PAUSE	256
/* The least room for a search, in bytes. */
#define MQ_AREA_MIN	512

/**
 * struct mq_header_at - a header of the message
 * @at: its name and its value
 * @hash: their hash
 * @next: the next one with a hash like that, from 1; 0: there is none
 * @name_size: bytes of the name
 * @size: bytes of both
 */
struct mq_header_at {
	const u8	*at;
	u32		hash;
	u32		next;
	u16		name_size;
	u32		size;
};

/**
 * struct mq_key_word - a word of the key
 * @text: its bytes
 * @size: how many they are
 * @hash: their hash
 * @hashed: @hash is known
 * @last: it is the last word
 */
struct mq_key_word {
	const u8	*text;
	u32		size;
	u32		hash;
	bool		hashed;
	bool		last;
};

/**
 * struct mq_search - a search
 * @x: the index
 * @m: the message
 * @s: where that goes what is found
 * @ends: ends of patterns that were reached, and have rules with headers
 * @ends_count: how many these are
 * @any: whether the message was taken
 * @room: for how many words each of the next two has room
 * @now: words that the key has led to
 * @next: words that its next word leads to
 * @now_count: how many words @now has
 * @next_count: how many words @next has
 * @stay: words "#" that the key has led to, and that others are behind
 * @stay_count: how many these are
 * @headers: the headers of the message
 * @headers_count: how many these are
 * @first: which of them is the first with a hash like that, from 1; 0: none is
 * @first_mask: how many places @first has, less one
 */
struct mq_search {
	const struct mq_index	*x;
	const struct mq_matched	*m;
	struct mq_matches	*s;
	const struct mq_end	*ends[MQ_ENDS_MAX];
	u32			ends_count;
	bool			any;
	u32			room;
	const struct mq_word	**now;
	const struct mq_word	**next;
	u32			now_count;
	u32			next_count;
	const struct mq_word	**stay;
	u32			stay_count;
	struct mq_header_at	*headers;
	u32			headers_count;
	u32			*first;
	u32			first_mask;
};

/* Return 0 if the search has so much room, or -ENOSPC. */
static int mq_search_room(struct mq_search *q, size_t size)
{
	if (size <= q->s->area_size)
		return 0;
	q->s->wants_area = roundup_pow_of_two(max_t(size_t, size, MQ_AREA_MIN));
	return -ENOSPC;
}

/*
 * After the header @i, let others run if it is time for that. Return 0, or ESTALE: what was
 * found may be gone.
 */
static int mq_search_pause(struct mq_search *q, u32 i)
{
	if (likely(!i || i % MQ_HEADERS_PAUSE))
		return 0;
	return !q->s->pause || q->s->pause(q->s) ? 0 : -ESTALE;
}

/* The rule takes the message: find its bindings. */
static int mq_rule_takes(struct mq_search *q, const struct mq_rule *r)
{
	struct mq_bound *b;
	int err;

	hlist_for_each_entry_rcu(b, &r->bound, node) {
		err = mq_matches_add(q->s, b);
		if (err < 0)
			return err;
		q->any = true;
	}
	return 0;
}

/* Patterns that end here take the key. */
static int mq_end_reach(struct mq_search *q, const struct mq_end *end)
{
	const struct mq_rule *r = rcu_dereference(end->plain);

	if (READ_ONCE(end->headed) && q->m->headers_size &&
	    q->ends_count < MQ_ENDS_MAX)
		q->ends[q->ends_count++] = end;
	return r ? mq_rule_takes(q, r) : 0;
}

/* -- the key --------------------------------------------------------------- */

/* There are more words than when the search began. */
static int mq_search_outgrown(struct mq_search *q)
{
	q->s->wants_area = 2 * q->s->area_size;
	return -ENOSPC;
}

/* The key has led to a word "#". Return: 1: for the first time, 0 or -ENOSPC. */
static int mq_any_reach(struct mq_search *q, const struct mq_word *w)
{
	/* To the first "#" there is only one way. */
	int err = w->hashes > 1 ? mq_matches_mark(q->s, w) : 1;

	if (err <= 0)
		return err;
	if (READ_ONCE(w->nexts)) {
		if (q->stay_count == q->room)
			return mq_search_outgrown(q);
		q->stay[q->stay_count++] = w;
	}
	return mq_end_reach(q, &w->end) ?: 1;
}

/*
 * The key has led to @w, and so to the "#" behind it, which takes no word as well.
 * @last: the key ends here.
 */
static int mq_word_reach(struct mq_search *q, const struct mq_word *w, bool last)
{
	int err = 1;

	if (w->kind == MQ_WORD_ANY) {
		err = mq_any_reach(q, w);
	} else if (last) {
		err = mq_end_reach(q, &w->end) ?: 1;
	} else if (READ_ONCE(w->nexts)) {
		if (q->next_count == q->room)
			return mq_search_outgrown(q);
		q->next[q->next_count++] = w;
	}
	while (err > 0 && (w = rcu_dereference(w->any)))
		err = mq_any_reach(q, w);
	return min(err, 0);
}

/* Return the word of patterns behind @w that is this word of the key, or NULL. */
static struct mq_word *mq_word_same(struct mq_search *q,
				    const struct mq_word *w,
				    struct mq_key_word *k)
{
	const struct mq_trie *t = &q->x->trie;

	if (!READ_ONCE(w->texts))
		return NULL;
	if (!k->hashed) {
		k->hash = mq_trie_hash(t, k->text, k->size);
		k->hashed = true;
	}
	return mq_word_behind(t, w, k->text, k->size, k->hash);
}

/* Go on from @w by a word of the key. */
static int mq_word_go(struct mq_search *q, const struct mq_word *w,
		      struct mq_key_word *k)
{
	const struct mq_word *next = mq_word_same(q, w, k);
	int err = 0;

	q->s->steps++;
	if (next)
		err = mq_word_reach(q, next, k->last);
	next = rcu_dereference(w->one);
	if (next && !err)
		err = mq_word_reach(q, next, k->last);
	return err;
}

/* Go on from all words that the key has led to. */
static int mq_words_go(struct mq_search *q, struct mq_key_word *k)
{
	/* A "#" that is reached now does not take this word. */
	u32 i, stay = q->stay_count;
	int err = 0;

	q->next_count = 0;
	for (i = 0; i < q->now_count && !err; i++)
		err = mq_word_go(q, q->now[i], k);
	for (i = 0; i < stay && !err; i++)
		err = mq_word_go(q, q->stay[i], k);
	swap(q->now, q->next);
	q->now_count = q->next_count;
	return err;
}

/* Make room for the words that the key can lead to at a time. */
static int mq_words_room(struct mq_search *q)
{
	const struct mq_trie *t = &q->x->trie;
	int err;

	q->room = READ_ONCE(t->shapes) + READ_ONCE(t->behind);
	err = mq_search_room(q, 3 * q->room * sizeof(*q->now));
	q->now = q->s->area;
	q->next = q->now + q->room;
	q->stay = q->next + q->room;
	return err;
}

/* Find the patterns with wildcards that take the key. */
static int mq_search_patterns(struct mq_search *q)
{
	const u8 *at = q->m->key, *end = at + q->m->key_size, *dot;
	int err = mq_words_room(q);

	if (!err)
		err = mq_word_reach(q, &q->x->trie.root, at == end);
	if (at == end)
		return err;	/* there is no word, not even an empty one */
	swap(q->now, q->next);
	q->now_count = q->next_count;
	while (!err && at <= end && q->now_count + q->stay_count) {
		struct mq_key_word k = { .text = at };

		dot = memchr(at, '.', end - at) ?: end;
		k.size = dot - at;
		k.last = dot == end;
		err = mq_words_go(q, &k);
		at = dot + 1;
	}
	return err;
}

/* Find the filters whose pattern takes the key, or that have none. */
static int mq_search_key(struct mq_search *q)
{
	const struct mq_trie *t = &q->x->trie;
	const struct mq_word *w;
	int err = mq_end_reach(q, &t->all);

	if (READ_ONCE(t->whole.texts) && !err) {
		w = mq_word_behind(t, &t->whole, q->m->key, q->m->key_size,
				   mq_trie_hash(t, q->m->key, q->m->key_size));
		if (w)
			err = mq_end_reach(q, &w->end);
	}
	if (READ_ONCE(t->root.nexts) && !err)
		err = mq_search_patterns(q);
	return err;
}

/* -- headers --------------------------------------------------------------- */

/* Return the header at @p, and the place behind it. */
static const u8 *mq_header_next(const u8 *p, struct mq_header_at *header)
{
	struct devmq_header h;

	memcpy(&h, p, sizeof(h));
	header->at = p + sizeof(h);
	header->name_size = h.name_size;
	header->size = h.name_size + h.value_size;
	return header->at + header->size;
}

/* Have a look at the headers of the message, and make room for them. */
static int mq_headers_room(struct mq_search *q)
{
	const u8 *p = q->m->headers, *end = p + q->m->headers_size;
	struct mq_header_at header;
	u32 count = 0, places;
	int err;

	for (; p < end; count++)
		p = mq_header_next(p, &header);
	places = roundup_pow_of_two(max(count, 1U));
	err = mq_search_room(q, count * sizeof(header) + places * sizeof(u32));
	q->headers = q->s->area;
	q->headers_count = count;
	q->first = (u32 *)(q->headers + count);
	q->first_mask = places - 1;
	return err;
}

/* Take the headers of the message apart, by their hashes. */
static int mq_headers_read(struct mq_search *q)
{
	const u8 *p = q->m->headers;
	struct mq_header_at *h;
	u32 i, *first;
	int err = mq_headers_room(q);

	if (err)
		return err;
	memset(q->first, 0, (q->first_mask + 1) * sizeof(*q->first));
	for (i = 0; i < q->headers_count && !err; i++) {
		h = &q->headers[i];
		p = mq_header_next(p, h);
		h->hash = mq_trie_hash(&q->x->trie, h->at, h->size);
		first = &q->first[h->hash & q->first_mask];
		h->next = *first;
		*first = i + 1;
		err = mq_search_pause(q, i);
	}
	return err;
}

/* Return true if the message has this header. */
static bool mq_headers_have(struct mq_search *q, const struct mq_pair *pair)
{
	u32 i = q->first[pair->hash & q->first_mask];
	struct mq_header_at *h;

	q->s->steps++;
	for (; i; i = h->next) {
		h = &q->headers[i - 1];
		if (h->hash == pair->hash && h->size == pair->size &&
		    h->name_size == pair->name_size &&
		    memcmp(h->at, pair->at, h->size) == 0)
			return true;
	}
	return false;
}

/* Return true if the message has a header of each name, with a right value. */
static bool mq_filter_takes_headers(struct mq_search *q,
				    const struct mq_filter *f)
{
	unsigned int i, missing = 0;

	for (i = 0; i < f->pairs && f->pair[i].group <= missing; i++)
		if (f->pair[i].group == missing &&
		    mq_headers_have(q, &f->pair[i]))
			missing++;
	return missing == f->groups;
}

/* Find the rules that end at @end, and are found by this header. */
static int mq_search_header(struct mq_search *q, const struct mq_end *end,
			    const struct mq_header_at *h)
{
	const struct mq_buckets *b = mq_table_buckets(&q->x->postings);
	struct mq_hashed *hashed;
	struct mq_posting *p;
	int err;

	q->s->steps++;
	for (hashed = mq_hashed_first(b, h->hash ^ end->salt); hashed;
	     hashed = mq_hashed_next(b, hashed)) {
		p = container_of(hashed, struct mq_posting, hashed);
		if (!mq_posting_is(p, end, h->at, h->name_size, h->size) ||
		    (p->rule->filter->groups > 1 &&
		     !mq_filter_takes_headers(q, p->rule->filter)))
			continue;
		err = mq_rule_takes(q, p->rule);
		if (err)
			return err;
	}
	return 0;
}

/* Find the rules with headers, of the patterns that take the key. */
static int mq_search_headers(struct mq_search *q)
{
	int err = mq_headers_read(q);
	u32 i, j;

	for (i = 0; i < q->headers_count && !err; i++) {
		for (j = 0; j < q->ends_count && !err; j++)
			err = mq_search_header(q, q->ends[j], &q->headers[i]);
		err = err ?: mq_search_pause(q, i);
	}
	return err;
}

/*
 * Add to @s what takes the message. The caller holds rcu_read_lock(). Return: 1,
 * or 0 if nothing takes it; -ENOSPC: there is not room enough in @s; -ESTALE: see
 * mq_matches.pause.
 */
int mq_match(const struct mq_index *x, const struct mq_matched *m,
	     struct mq_matches *s)
{
	struct mq_search q = { .x = x, .m = m, .s = s };
	int err = mq_search_key(&q);

	if (!err && q.ends_count)
		err = mq_search_headers(&q);
	return err ?: q.any;
}
