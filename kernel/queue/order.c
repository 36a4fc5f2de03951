// SPDX-License-Identifier: GPL-2.0
/*
 * order=key and fairness: which ready messages may be delivered, and in which
 * order.
 *
 * In a queue without these options mq_queue.order is NULL. In a queue with one
 * of them each entry is the last member of a struct mq_ordered. A ready entry
 * is then not only in mq_ready, but also in one of two lines (struct mq_line):
 *
 *   - mq_order.turns: the entry is eligible. The first one is delivered next.
 *   - mq_group.waiting: the entry waits for another message of its key.
 *
 * order=key: at most one message of each key is past the gate (mq_group.out):
 * eligible, in flight, or delayed before a retry. Once it has been handed out,
 * it stays past the gate until it will not come back: it is acknowledged,
 * deferred, dead or removed. Then the first waiting message of the key passes
 * the gate. That message is the first of mq_group.waiting, so no search is
 * needed.
 *
 * fairness: a message is given the number of a turn when it becomes eligible.
 * It is the turn after the last one that its group was given at this level, if
 * the group has other eligible messages, or the turn after the one that is
 * being served at this level, whichever is later. So within a level, the n-th
 * messages of all groups are next to each other, and a group that joins later
 * does not make up for earlier turns. Lower turns are delivered first, and
 * lower ids within a turn. A message that comes back keeps its turn.
 *
 * The functions that end in _locked run under mq_queue.lock, and neither sleep
 * nor allocate.
 */
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/group.h"
#include "memory/layout.h"
#include "queue/ids.h"
#include "queue/options.h"
#include "queue/order.h"
#include "queue/queue.h"
#include "queue/ready.h"

/* Several small trees are searched in less time than one, and none is a list. */
#define MQ_GROUP_TREES	16

/**
 * struct mq_order - state of order=key and fairness in a queue
 * @turns: eligible entries: by level, the highest first, then turn, then id
 * @count: number of eligible entries (read without the lock)
 * @groups: all groups: a tree for each value of the last bits of the hash, by hash
 * @old: groups without members, for mq_unlock() to free
 * @now: fairness: the turn that is being served at the lowest level
 * @above: the same for each level above the lowest, allocated before the first
 *	message is sent to one of them (set once)
 */
struct mq_order {
	struct mq_line		turns;
	u64			count;
	struct rb_root		groups[MQ_GROUP_TREES];
	struct list_head	old;
	u64			now;
	u64			*above;
};

static bool mq_ordered_before(const struct mq_ordered *a,
			      const struct mq_ordered *b)
{
	if (mq_msg(&a->e)->priority != mq_msg(&b->e)->priority)
		return mq_msg(&a->e)->priority > mq_msg(&b->e)->priority;
	if (a->turn != b->turn)
		return a->turn < b->turn;
	return mq_msg(&a->e)->id < mq_msg(&b->e)->id;
}

static bool mq_ordered_less(struct rb_node *a, const struct rb_node *b)
{
	return mq_ordered_before(rb_entry(a, struct mq_ordered, node),
				 rb_entry(b, struct mq_ordered, node));
}

/* Messages of one key are ordered by level and id, not by turn. */
static bool mq_waiting_less(struct rb_node *a, const struct rb_node *b)
{
	return mq_delivered_before(&rb_entry(a, struct mq_ordered, node)->e,
			 &rb_entry(b, struct mq_ordered, node)->e);
}

/* The functions of a line get the order of its entries as @less. */
typedef bool mq_line_less(struct rb_node *a, const struct rb_node *b);

static struct mq_ordered *mq_line_head(struct mq_line *l)
{
	return list_first_entry_or_null(&l->list, struct mq_ordered, link);
}

static __always_inline void mq_line_add(struct mq_line *l, struct mq_ordered *x,
					mq_line_less *less)
{
	struct mq_ordered *last = list_last_entry(&l->list, struct mq_ordered, link);

	x->in_tree = false;
	if (list_empty(&l->list) || less(&last->node, &x->node)) {
		mq_list_append(&x->link, &l->list);
	} else if (less(&x->node, &mq_line_head(l)->node)) {
		list_add(&x->link, &l->list);
	} else {
		x->in_tree = true;
		rb_add_cached(&x->node, &l->tree, less);
	}
}

static void mq_line_del(struct mq_line *l, struct mq_ordered *x)
{
	if (unlikely(x->in_tree))
		rb_erase_cached(&x->node, &l->tree);
	else
		mq_list_remove(&x->link);
}

/* Return the first entry of a line, or NULL. */
static __always_inline struct mq_ordered *mq_line_first(struct mq_line *l,
							mq_line_less *less)
{
	struct rb_node *node = rb_first_cached(&l->tree);
	struct mq_ordered *x = mq_line_head(l);

	if (likely(!node) || (x && less(&x->node, node)))
		return x;
	return rb_entry(node, struct mq_ordered, node);
}

/* Put @x, of which all but the link was copied from @old, into the place of @old. */
static void mq_line_replace(struct mq_line *l, struct mq_ordered *old,
			    struct mq_ordered *x)
{
	if (unlikely(x->in_tree))
		rb_replace_node_cached(&old->node, &x->node, &l->tree);
	else
		list_replace(&old->link, &x->link);
}

/**
 * struct mq_group_name - what a group is found by
 * @bytes: the key, or the uid of the sender
 * @hash: mq_group_hash() of all the rest
 * @size: size of @bytes, 0: no group is needed
 * @level: as in struct mq_group
 * @uid: @bytes may point here
 */
struct mq_group_name {
	const void	*bytes;
	u32		hash;
	u16		size;
	u16		level;
	uid_t		uid;
};

/* Return up to 8 bytes as a number: the first four of them, and the last four. */
static __always_inline u64 mq_bytes_word(const u8 *bytes, u32 size)
{
	u32 first = 0, last = 0;

	if (likely(size >= sizeof(first))) {
		memcpy(&first, bytes, sizeof(first));
		memcpy(&last, bytes + size - sizeof(last), sizeof(last));
		return (u64)last << 32 | first;
	}
	while (size--)
		first = first << 8 | bytes[size];
	return first;
}

/*
 * Return the order of two keys of @size bytes: not that of memcmp(), which goes byte by
 * byte.
 */
static __always_inline int mq_bytes_order(const u8 *a, const u8 *b, u32 size)
{
	for (;; size -= sizeof(u64), a += sizeof(u64), b += sizeof(u64)) {
		u32 n = min_t(u32, size, sizeof(u64));
		u64 x = mq_bytes_word(a, n), y = mq_bytes_word(b, n);

		if (x != y)
			return x < y ? -1 : 1;
		if (n == size)
			return 0;
	}
}

static __always_inline int mq_group_order(const void *key,
					  const struct rb_node *node)
{
	const struct mq_group *g = rb_entry(node, struct mq_group, node);
	const struct mq_group_name *n = key;

	if (likely(n->hash != g->hash))
		return n->hash < g->hash ? -1 : 1;
	if (n->level != g->level)
		return n->level < g->level ? -1 : 1;
	if (n->size != g->size)
		return n->size < g->size ? -1 : 1;
	return mq_bytes_order(n->bytes, g->bytes, n->size);
}

static bool mq_group_less(struct rb_node *a, const struct rb_node *b)
{
	const struct mq_group *g = rb_entry(a, struct mq_group, node);
	struct mq_group_name name = {
		.bytes = g->bytes,
		.hash = g->hash,
		.size = g->size,
		.level = g->level,
	};

	return mq_group_order(&name, b) < 0;
}

/* Fill in the name of the group of an entry's key. */
static __always_inline void mq_name_key(const struct mq_queue *q,
					const struct mq_entry *e,
					struct mq_group_name *n)
{
	n->size = q->opt.order == MQ_ORDER_KEY ? mq_msg(e)->key_size : 0;
	if (!n->size)
		return;
	n->bytes = mq_entry_data(e);
	n->level = MQ_ALL_LEVELS;
	n->hash = mq_group_hash(n->bytes, n->size, n->level);
}

/*
 * Fill in the name of the group with which an entry takes turns. Return: false if
 * there is no fairness. A message without a key has a group, too.
 */
static bool mq_name_fair(const struct mq_queue *q, const struct mq_entry *e,
			 struct mq_group_name *n)
{
	if (q->opt.fairness == MQ_FAIRNESS_NONE)
		return false;
	n->bytes = mq_entry_data(e);
	n->size = mq_msg(e)->key_size;
	n->level = mq_msg(e)->priority;
	if (q->opt.fairness == MQ_FAIRNESS_UID) {
		n->uid = __kuid_val(mq_sender_of(e)->uid);
		n->bytes = &n->uid;
		n->size = sizeof(n->uid);
	}
	n->hash = mq_group_hash(n->bytes, n->size, n->level);
	return true;
}

/* Return the tree that has the groups with this hash. */
static struct rb_root *mq_group_tree(struct mq_order *o, u32 hash)
{
	return &o->groups[hash % MQ_GROUP_TREES];
}

/* Return the group of the queue with this name, or else @spare. */
static __always_inline struct mq_group *
mq_group_find(struct mq_order *o, const struct mq_group_name *n,
	      struct mq_group *spare)
{
	struct rb_node *node = rb_find(n, mq_group_tree(o, n->hash),
				       mq_group_order);

	return node ? rb_entry(node, struct mq_group, node) : spare;
}

/*
 * Make an entry a member of @g, from mq_group_find() with @spare, which belongs to the
 * entry. If @g is another one, @spare is freed later.
 */
static void mq_group_join(struct mq_order *o, struct mq_group *g,
			  struct mq_group *spare)
{
	if (g == spare)
		rb_add(&g->node, mq_group_tree(o, g->hash), mq_group_less);
	else if (spare)
		list_add(&spare->old, &o->old);
	g->members++;
}

static void mq_group_leave(struct mq_order *o, struct mq_group *g)
{
	if (--g->members)
		return;
	rb_erase(&g->node, mq_group_tree(o, g->hash));
	list_add(&g->old, &o->old);
}

/* Put @e into the place of @old in the same queue. */
void mq_order_replace_locked(struct mq_queue *q, struct mq_entry *old,
			     struct mq_entry *e)
{
	struct mq_ordered *x = mq_ordered_of(e), *from = mq_ordered_of(old);

	lockdep_assert_held(&q->lock);
	x->key = from->key;
	x->fair = from->fair;
	x->turn = from->turn;
	x->in_tree = from->in_tree;
	x->eligible = from->eligible;
	x->waits = from->waits;
	x->begun = from->begun;
	x->joined = from->joined;
	if (x->eligible)
		mq_line_replace(&q->order->turns, from, x);
	if (x->waits)
		mq_line_replace(&x->key->waiting, from, x);
	if (x->key && x->key->out == from)
		x->key->out = x;
}

/* Return the turn that is being served at a level. */
static u64 *mq_turn_now(struct mq_order *o, unsigned int level)
{
	return level ? &READ_ONCE(o->above)[level - 1] : &o->now;
}

/* Return true if the turns of a level are counted: see mq_turns_prepare(). */
static bool mq_turn_is_known(struct mq_order *o, unsigned int level)
{
	return !level || READ_ONCE(o->above);
}

/*
 * Allocate the turns of the levels above the lowest, before a message is sent
 * to @level. Return: 0 or ENOMEM.
 */
static int mq_turns_prepare(struct mq_queue *q, unsigned int level)
{
	struct mq_order *o = q->order;
	u64 *above;

	if (!level || READ_ONCE(o->above))
		return 0;
	above = kcalloc(q->opt.priorities - 1, sizeof(*above), MQ_GFP);
	if (!above)
		return -ENOMEM;
	/* Another sender may have allocated them meanwhile. */
	if (cmpxchg(&o->above, NULL, above))
		kfree(above);
	return 0;
}

/**
 * mq_order_prepare - allocate the groups that an entry needs
 * @q: the queue that the entry is sent to
 * @e: the entry, complete except for its id
 *
 * May be called again if the sender of the entry has changed.
 *
 * Return: 0, ENOMEM or EDQUOT.
 */
int mq_order_prepare(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_payer *payer = mq_chunk_of(e)->payer;
	struct mq_ordered *x = mq_ordered_of(e);
	struct mq_group_name name;
	struct mq_group *g;

	if (likely(!q->order))
		return 0;
	mq_name_key(q, e, &name);
	if (name.size && !x->key) {
		g = mq_group_alloc(payer, name.bytes, name.size, name.level);
		if (IS_ERR(g))
			return PTR_ERR(g);
		x->key = g;
	}
	if (!mq_name_fair(q, e, &name))
		return 0;
	if (mq_turns_prepare(q, mq_msg(e)->priority))
		return -ENOMEM;
	g = mq_group_alloc(payer, name.bytes, name.size, name.level);
	if (IS_ERR(g))
		return PTR_ERR(g);
	mq_group_free(x->fair);
	x->fair = g;
	return 0;
}

/*
 * Make an entry that is to be added to the queue a member of its groups, unless it is
 * one. Return: false if the queue does not have both, and neither has the entry.
 */
bool mq_order_join_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_group *key = NULL, *fair = NULL;
	struct mq_ordered *x = mq_ordered_of(e);
	struct mq_group_name name;

	lockdep_assert_held(&q->lock);
	if (x->joined)
		return true;
	mq_name_key(q, e, &name);
	if (name.size) {
		key = mq_group_find(q->order, &name, x->key);
		if (!key)
			return false;
	}
	if (mq_name_fair(q, e, &name)) {
		fair = mq_group_find(q->order, &name, x->fair);
		if (!fair || !mq_turn_is_known(q->order, name.level))
			return false;
	}
	if (key)
		mq_group_join(q->order, key, x->key);
	if (fair)
		mq_group_join(q->order, fair, x->fair);
	x->key = key;
	x->fair = fair;
	x->joined = true;
	return true;
}

/* Join the entries of a batch. Return: the first that lacks a group, or NULL. */
struct mq_entry *mq_order_join_all_locked(struct mq_queue *q, struct list_head *list)
{
	struct mq_entry *e, *lacks = NULL;

	list_for_each_entry(e, list, list)
		if (!mq_order_join_locked(q, e) && !lacks)
			lacks = e;
	return lacks;
}

static struct mq_entry *mq_order_join_all(struct mq_queue *q, struct list_head *list)
{
	struct mq_entry *lacks;

	spin_lock(&q->lock);
	lacks = mq_order_join_all_locked(q, list);
	spin_unlock(&q->lock);
	return lacks;
}

/**
 * mq_order_enter - make new messages members of their groups before they are added
 * @q: the queue, which has an order
 * @list: their entries, 1024 at most, linked by mq_entry.list
 * @err: gets ENOMEM or EDQUOT where there is no memory
 *
 * The groups that the queue has are found first, so that only others are allocated.
 * Those of the entries stay as long as they are members. The caller adds the entries,
 * or has those that it did not add leave: mq_order_retreat_locked().
 *
 * Return: NULL; or the first entry for which there is no memory. Those before it are
 * members.
 */
struct mq_entry *mq_order_enter(struct mq_queue *q, struct list_head *list, int *err)
{
	struct mq_entry *e;

	while ((e = mq_order_join_all(q, list))) {
		list_for_each_entry_from(e, list, list) {
			*err = mq_ordered_of(e)->joined ? 0 :
			       mq_order_prepare(q, e);
			if (*err) {
				/* Those before it have their groups. */
				mq_order_join_all(q, list);
				return e;
			}
		}
	}
	return NULL;
}

/* Let entries that were not added leave their groups. */
void mq_order_retreat_locked(struct mq_queue *q, struct list_head *list)
{
	struct mq_entry *e;

	lockdep_assert_held(&q->lock);
	list_for_each_entry(e, list, list) {
		if (!mq_ordered_of(e)->joined)
			continue;
		mq_order_leave_locked(q, e);
		mq_ordered_of(e)->joined = false;
	}
}

/* Remove an entry that leaves the queue from its groups. */
void mq_order_leave_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_ordered *x = mq_ordered_of(e);

	if (x->key)
		mq_group_leave(q->order, x->key);
	if (x->fair)
		mq_group_leave(q->order, x->fair);
	x->key = NULL;
	x->fair = NULL;
}

/* Make an entry eligible, and give it a turn if it has none. */
static void mq_add_eligible(struct mq_queue *q, struct mq_ordered *x)
{
	struct mq_order *o = q->order;

	if (x->fair && !x->turn) {
		/*
		 * No message of the group is eligible: forget the turns of
		 * those that left without being delivered.
		 */
		if (!x->fair->eligible)
			x->fair->turn = 0;
		x->fair->turn = max(x->fair->turn,
				    *mq_turn_now(o, mq_msg(&x->e)->priority)) + 1;
		x->turn = x->fair->turn;
	}
	if (x->fair)
		x->fair->eligible++;
	mq_line_add(&o->turns, x, mq_ordered_less);
	x->eligible = true;
	mq_count(&o->count, 1);
	q->became_ready++;
}

static void mq_add_waiting(struct mq_ordered *x)
{
	mq_line_add(&x->key->waiting, x, mq_waiting_less);
	x->waits = true;
}

static void mq_remove_eligible(struct mq_order *o, struct mq_ordered *x)
{
	mq_line_del(&o->turns, x);
	x->eligible = false;
	if (x->fair)
		x->fair->eligible--;
	mq_count(&o->count, -1);
}

/*
 * Move the message that is past the gate of a key back to the waiting ones,
 * unless it has been handed out. Return: true if no message is past the gate.
 */
static bool mq_clear_gate(struct mq_order *o, struct mq_group *key)
{
	if (!key->out)
		return true;
	if (!key->out->eligible || key->out->begun)
		return false;
	mq_remove_eligible(o, key->out);
	mq_add_waiting(key->out);
	return true;
}

/* Let an entry pass the gate of its key if it may. Return: true if it did. */
static bool mq_pass_gate(struct mq_order *o, struct mq_ordered *x)
{
	struct mq_group *key = x->key;

	if (!key || key->out == x)
		return true;
	if (key->out && !mq_delivered_before(&x->e, &key->out->e))
		return false;
	if (!mq_clear_gate(o, key))
		return false;
	key->out = x;
	return true;
}

/* Add an entry that became ready to the order. */
void mq_order_ready_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_ordered *x = mq_ordered_of(e);

	lockdep_assert_held(&q->lock);
	if (mq_pass_gate(q->order, x))
		mq_add_eligible(q, x);
	else
		mq_add_waiting(x);
}

/* Add the entries of a batch, which became ready. */
void mq_order_ready_all_locked(struct mq_queue *q, struct list_head *list)
{
	struct mq_entry *e;

	list_for_each_entry(e, list, list)
		mq_order_ready_locked(q, e);
}

/* Remove an entry that is not ready any more from the order. */
void mq_order_unready_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_ordered *x = mq_ordered_of(e);

	lockdep_assert_held(&q->lock);
	if (x->eligible)
		mq_remove_eligible(q->order, x);
	if (x->waits)
		mq_line_del(&x->key->waiting, x);
	x->waits = false;
}

/* Note that the handing out of an entry was undone. */
void mq_order_undo_begin_locked(struct mq_queue *q, struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	mq_ordered_of(e)->begun = false;
}

/*
 * Note that an entry is being handed out: its turn is the one that is served
 * now. A message that was deferred passes the gate of its key, unless another
 * message of the key has been handed out; then it is delivered outside the
 * order.
 */
void mq_order_begin_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_ordered *x = mq_ordered_of(e);
	struct mq_group *key = x->key;
	u64 *now;

	lockdep_assert_held(&q->lock);
	if (x->fair) {
		now = mq_turn_now(q->order, mq_msg(e)->priority);
		*now = max(*now, x->turn);
	}
	if (!key)
		return;
	if (key->out != x && mq_clear_gate(q->order, key))
		key->out = x;
	x->begun = key->out == x;
}

/*
 * Note that an entry will not become ready again from the state that it enters:
 * let the next message of its key pass the gate.
 */
void mq_order_end_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_ordered *x = mq_ordered_of(e);
	struct mq_group *key = x->key;
	struct mq_ordered *next;

	lockdep_assert_held(&q->lock);
	if (!key || key->out != x)
		return;
	x->begun = false;
	next = mq_line_first(&key->waiting, mq_waiting_less);
	key->out = next;
	if (!next)
		return;
	mq_line_del(&key->waiting, next);
	next->waits = false;
	mq_add_eligible(q, next);
}

/* Remove an entry that leaves the queue from the order. */
void mq_order_done_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_order_end_locked(q, e);
	mq_order_leave_locked(q, e);
}

/* The same for the entries of a batch. */
void mq_order_end_all_locked(struct mq_queue *q, struct list_head *list)
{
	struct mq_entry *e;

	list_for_each_entry(e, list, list)
		mq_order_done_locked(q, e);
}

/* Return the next entry to deliver, or NULL. */
struct mq_entry *mq_order_first(struct mq_queue *q)
{
	struct mq_ordered *x = mq_line_first(&q->order->turns, mq_ordered_less);

	return x ? &x->e : NULL;
}

/*
 * Note whether the queue has no ready message any more, as one has left.
 */
void mq_order_drained_locked(struct mq_queue *q)
{
	lockdep_assert_held(&q->lock);
	q->drained = !q->stat.ready && READ_ONCE(q->opt.eof) != MQ_EOF_NEVER;
}

/*
 * Hand out an entry that is eligible. The caller has taken it out of mq_ready, and
 * counted it.
 */
void mq_order_deliver_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_order_begin_locked(q, e);
	mq_order_unready_locked(q, e);
	mq_order_drained_locked(q);
}

/**
 * mq_order_take_locked - hand out plain messages, as many as come next
 * @q: the queue, which has an order
 * @list: gets their entries
 * @max: maximum number of messages
 * @space: bytes available for their records, reduced by what they take
 * @bytes: increased by what they count towards max_bytes
 *
 * Stops at a message that has a detail or was handed out before. The caller counts the
 * messages.
 *
 * Return: how many messages were taken.
 */
u32 mq_order_take_locked(struct mq_queue *q, struct list_head *list, u32 max,
			 u64 *space, u64 *bytes)
{
	struct mq_entry *e;
	u32 n;

	lockdep_assert_held(&q->lock);
	for (n = 0; n < max; n++) {
		struct mq_msg *m;
		u64 step;

		e = mq_order_first(q);
		if (!e)
			break;
		m = mq_msg(e);
		step = mq_msg_padded_size(m);
		if (m->no_ttl | m->attempt || step > *space)
			break;
		mq_order_begin_locked(q, e);
		mq_order_unready_locked(q, e);
		mq_ready_remove(&q->ready, e);
		m->state = DEVMQ_STATE_IN_FLIGHT;
		m->attempt = 1;
		m->holder = NULL;
		m->since_ns = 0;
		mq_list_append(&e->list, list);
		*space -= step;
		*bytes += mq_msg_bytes(m);
	}
	return n;
}

/* Return how many messages can be delivered. May be called without the lock. */
u64 mq_order_count(const struct mq_queue *q)
{
	return READ_ONCE(q->order->count);
}

/* Return true if there are groups without members. */
bool mq_order_has_old(const struct mq_queue *q)
{
	return !list_empty(&q->order->old);
}

/* Move the groups without members to @old, for mq_order_free(). */
void mq_order_clean_locked(struct mq_queue *q, struct list_head *old)
{
	list_splice_init(&q->order->old, old);
}

/* Free groups. The caller does not hold the lock. */
void mq_order_free(struct list_head *old)
{
	struct mq_group *g, *next;

	list_for_each_entry_safe(g, next, old, old)
		mq_group_free(g);
}

int mq_order_init(struct mq_queue *q)
{
	struct mq_order *o;

	if (q->opt.order == MQ_ORDER_FIFO &&
	    q->opt.fairness == MQ_FAIRNESS_NONE)
		return 0;
	o = kzalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	if (!o)
		return -ENOMEM;
	mq_line_init(&o->turns);
	INIT_LIST_HEAD(&o->old);
	q->order = o;
	return 0;
}

void mq_order_exit(struct mq_queue *q)
{
	unsigned int i;

	if (!q->order)
		return;
	for (i = 0; i < MQ_GROUP_TREES; i++)
		WARN_ON_ONCE(!RB_EMPTY_ROOT(&q->order->groups[i]));
	mq_order_free(&q->order->old);
	kfree(q->order->above);
	kfree(q->order);
}
