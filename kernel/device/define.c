// SPDX-License-Identifier: GPL-2.0
/*
 * What a queue or a topic is, as its journal has it: its name, its owner, the
 * options that differ from their defaults, as words of the option table, and the
 * bindings that lead to it.
 */
#include <linux/cred.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include "device/define.h"
#include "device/option.h"
#include "journal/record.h"
#include "queue/ceiling.h"
#include "queue/heard.h"
#include "queue/persist.h"
#include "queue/options.h"
#include "queue/queue.h"
#include "queue/subscribe.h"

/*
 * Return whether an option is in the words, of a queue or of a topic: others have
 * members of their own.
 */
static bool mq_define_has(const struct mq_option *o, bool topic)
{
	return mq_option_is_for(o, topic) && o->kind != MQ_JOURNAL &&
	       o->kind != MQ_CREATOR && !mq_option_is(o, mode);
}

/* Return whether an option has its default value. */
static bool mq_define_is_default(const struct mq_option *o,
				 struct mq_options *opt)
{
	return mq_option_is_name(o) ? !*mq_option_name(o, opt) :
				      mq_option_get(o, opt) == o->def;
}

/* Fill in the record of what a queue is. It has room for MQ_DEFINITION_MAX. */
static void mq_define_write(struct mq_feed *f, struct mq_j_queue *r)
{
	struct mq_queue *q = container_of(f, struct mq_queue, feed);
	size_t room = MQ_DEFINITION_MAX - MQ_DEFINITION_BINDINGS - sizeof(*r), n = 0, name;
	char *to = (char *)(r + 1);
	unsigned int i;

	name = scnprintf(to, room, "%s", q->name);
	to += name;
	room -= name;
	/* The lock keeps a queue's name from changing amid the copy. */
	spin_lock(&q->lock);
	for (i = 0; i < mq_option_count; i++) {
		const struct mq_option *o = &mq_option_table[i];

		if (!mq_define_has(o, q->topic) ||
		    mq_define_is_default(o, &q->opt))
			continue;
		n += scnprintf(to + n, room - n, "%s%s=", n ? " " : "", o->name);
		n += mq_option_text(o, &q->opt, to + n, room - n);
	}
	r->name_size = cpu_to_le16(name);
	r->options_size = cpu_to_le16(n);
	mq_subscriptions_write_locked(q, r);
	spin_unlock(&q->lock);
	r->uid = cpu_to_le32(from_kuid(&init_user_ns, q->node_uid));
	r->gid = cpu_to_le32(from_kgid(&init_user_ns, q->node_gid));
	r->mode = cpu_to_le32(q->opt.mode);
}

const struct mq_feed_ops mq_journal_ops = {
	.begin		= mq_persist_begin,
	.take		= mq_persist_take,
	.take_late	= mq_persist_take_late,
	.put_off	= mq_persist_put_off,
	.take_dedups	= mq_persist_take_dedups,
	.walk		= mq_persist_walk,
	.walk_dedups	= mq_persist_walk_dedups,
	.walk_end	= mq_persist_walk_end,
	.remembers	= mq_persist_remembers,
	.window		= mq_persist_window,
	.define		= mq_define_write,
	.ceilings	= mq_persist_ceilings,
	.calm		= mq_persist_calm,
	.stored		= mq_heard_stored,
	.raise		= mq_heard_raise,
	.room		= mq_heard_room,
	.failed		= mq_heard_failed,
	.works		= mq_heard_works,
	.thawed		= mq_heard_thawed,
	.put		= mq_persist_put,
};

/* Set one option from its word; that for the type is the first. Return 0 or EINVAL. */
static int mq_define_word(char *word, struct mq_options *opt)
{
	char *text = strchr(word, '=');
	const struct mq_option *o;
	u64 value;

	if (!text)
		return -EINVAL;
	*text++ = '\0';
	o = mq_option_find(word);
	if (!o || !mq_define_has(o, opt->type == MQ_TYPE_TOPIC))
		return -EINVAL;
	if (mq_option_is_name(o))
		return strscpy(mq_option_name(o, opt), text,
			       DEVMQ_NAME_MAX + 1) < 0 ? -EINVAL : 0;
	if (mq_option_parse(o, text, &value))
		return -EINVAL;
	mq_option_set(o, opt, value);
	return 0;
}

/**
 * mq_define_read - read what a queue is
 * @q: its record, which is valid
 * @name: gets its name, DEVMQ_NAME_MAX + 1 bytes
 * @opt: gets its options; the ids are those of the initial user namespace
 *
 * Return: 0; EINVAL: an option is unknown or has a value that is; or ENOMEM.
 */
int mq_define_read(const struct mq_j_queue *q, char *name,
		   struct mq_options *opt)
{
	struct mq_j_bytes n, words;
	char *text, *at, *word;
	int err = 0;

	mq_j_queue_parts(q, &n, &words);
	if (!n.size || n.size > DEVMQ_NAME_MAX)
		return -EINVAL;
	memcpy(name, n.at, n.size);
	name[n.size] = '\0';
	if (strlen(name) != n.size || !mq_name_is_valid(name))
		return -EINVAL;
	text = kmemdup_nul(words.at, words.size, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	mq_options_init(opt);
	at = text;
	while (!err && (word = strsep(&at, " ")))
		if (*word)
			err = mq_define_word(word, opt);
	kfree(text);
	opt->uid = le32_to_cpu(q->uid);
	opt->gid = le32_to_cpu(q->gid);
	opt->mode = le32_to_cpu(q->mode) & 0777;
	return err;
}
