// SPDX-License-Identifier: GPL-2.0
/*
 * The control node, /dev/mq/control. Each write is one text command. A command
 * that fails leaves one line that says why, for a read of the same open file. A
 * read before the first write gets the option table.
 */
#include <linux/ctype.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "device/control.h"
#include "device/journals.h"
#include "device/option.h"
#include "device/registry.h"
#include "queue/names.h"
#include "queue/options.h"
#include "queue/queue.h"
#include "topic/binding.h"
#include "topic/catchup.h"
#include "topic/filter.h"

/* The longest command. A command with all options is a fraction of it. */
#define MQ_COMMAND_MAX	4096

/* The longest reason why a journal cannot be attached or detached. */
#define MQ_REASON_MAX	256

/**
 * struct mq_control - an open control node
 * @nodes: the file system in which it was opened (invariant)
 * @lock: serialises the users of the open file, and protects the rest
 * @fresh: nothing was written or read yet: a read gets the option table
 * @reply: what a read gets
 * @size: bytes of the reply
 * @pos: how many of them have been read
 */
struct mq_control {
	struct super_block *nodes;
	struct mutex	lock;	/* the fields below */
	bool		fresh;
	char		reply[MQ_COMMAND_MAX];
	size_t		size;
	size_t		pos;
};

/* Note why the command fails, in one printable line. Return @err. */
static __printf(3, 4) int mq_refuse(struct mq_control *c, int err,
				  const char *fmt, ...)
{
	va_list args;
	size_t i;

	va_start(args, fmt);
	c->size = vscnprintf(c->reply, sizeof(c->reply) - 1, fmt, args);
	va_end(args);
	for (i = 0; i < c->size; i++)
		if (!isascii(c->reply[i]) || !isprint(c->reply[i]))
			c->reply[i] = '?';
	c->reply[c->size++] = '\n';
	return err;
}

/* Cut the next word off the command. Return it, or NULL if there is none. */
static char *mq_word(char **line)
{
	char *word;

	do {
		word = strsep(line, " \t");
	} while (word && !*word);
	return word;
}

static int mq_check_name(struct mq_control *c, const char *name)
{
	if (!name)
		return mq_refuse(c, -EINVAL, "the queue's name is missing");
	if (strlen(name) > DEVMQ_NAME_MAX)
		return mq_refuse(c, -ENAMETOOLONG,
			       "name '%.80s' is longer than %d bytes", name,
			       DEVMQ_NAME_MAX);
	if (!mq_name_ok(name))
		return mq_refuse(c, -EINVAL,
			       "name '%s' has characters other than A-Z a-z 0-9 . _ -",
			       name);
	if (mq_name_is_reserved(name))
		return mq_refuse(c, -EINVAL, "name '%s' is reserved", name);
	return 0;
}

/* Set one "option=value" in @opt. @seen has a bit for each option so far. */
static int mq_take_option(struct mq_control *c, char *word,
			  struct mq_options *opt, u64 *seen)
{
	char *text = strchr(word, '=');
	const struct mq_option *o;
	char bounds[MQ_OPTION_TEXT];
	u64 value, bit;
	int err;

	if (!text)
		return mq_refuse(c, -EINVAL, "'%.80s' is not option=value", word);
	*text++ = '\0';
	o = mq_option_find(word);
	if (!o)
		return mq_refuse(c, -EINVAL, "unknown option '%.80s'", word);
	bit = BIT_ULL(o - mq_option_table);
	if (*seen & bit)
		return mq_refuse(c, -EINVAL, "option '%s' is given twice", word);
	*seen |= bit;
	if (mq_option_is_name(o) && *text) {
		if (strscpy(mq_option_name(o, opt), mq_option_queue(text),
			    DEVMQ_NAME_MAX + 1) < 0)
			return mq_refuse(c, -ENAMETOOLONG,
				       "%s=%.80s: longer than %d bytes",
				       o->name, text, DEVMQ_NAME_MAX);
		return 0;
	}
	err = mq_option_is_name(o) ? -EINVAL : mq_option_parse(o, text, &value);
	if (err) {
		mq_option_bounds(o, bounds, sizeof(bounds));
		return mq_refuse(c, err, "%s=%.80s: not one of %s", o->name, text,
			       bounds);
	}
	mq_option_set(o, opt, value);
	return 0;
}

/* Check that the options that were given are for what is created. */
static int mq_check_type(struct mq_control *c, const struct mq_options *opt,
			 u64 seen)
{
	bool topic = opt->type == MQ_TYPE_TOPIC;
	unsigned int i;

	for (i = 0; i < mq_option_count; i++)
		if (seen & BIT_ULL(i) &&
		    !mq_option_is_for(&mq_option_table[i], topic))
			return mq_refuse(c, -EINVAL,
				       "option '%s' is for %s, and this is a %s",
				       mq_option_table[i].name,
				       topic ? "queues" : "topics",
				       topic ? "topic" : "queue");
	return 0;
}

/*
 * Return what an error of mq_queue_create() says about the dead-letter queue, or
 * NULL.
 */
static const char *mq_dead_letter_why(int err)
{
	switch (err) {
	case -ENOENT:
		return "no such queue";
	case -ELOOP:
		return "the dead would go round in a circle";
	case -EINVAL:
		return "it is a topic, or has order=key or fairness, so it cannot take the dead";
	case -EXDEV:
		return "it is not in the same journal";
	default:
		return NULL;
	}
}

/* The same about the alternate of a topic. */
static const char *mq_alternate_why(int err)
{
	switch (err) {
	case -ENOENT:
		return "no such queue or topic";
	case -ELOOP:
		return "messages would go round in a circle, or pass more than 8 topics";
	case -E2BIG:
		return "a message would pass more than 64 topics";
	case -EINVAL:
		return "its max_message_size, max_bytes or allow_empty is less than the topic's";
	case -EXDEV:
		return "it is not in the same journal";
	default:
		return NULL;
	}
}

/* Check that the node's owner has an id in the caller's user namespace. */
static int mq_check_owner(struct mq_control *c, const struct mq_options *opt)
{
	if (opt->uid == (uid_t)-1)
		return mq_refuse(c, -EOVERFLOW,
			       "uid: you have none in your user namespace");
	if (opt->gid == (gid_t)-1)
		return mq_refuse(c, -EOVERFLOW,
			       "gid: you have none in your user namespace");
	if (!uid_valid(make_kuid(current_user_ns(), opt->uid)))
		return mq_refuse(c, -EINVAL, "uid=%u: no such user here",
			       opt->uid);
	if (!gid_valid(make_kgid(current_user_ns(), opt->gid)))
		return mq_refuse(c, -EINVAL, "gid=%u: no such group here",
			       opt->gid);
	return 0;
}

/* Note why mq_queue_create() failed. Return @err. */
static int mq_create_fail(struct mq_control *c, int err, const char *name,
			  const struct mq_options *opt)
{
	if (err == -EEXIST)
		return mq_refuse(c, err, "queue '%s' exists already", name);
	if (err == -ENOTCONN)
		return mq_refuse(c, err, "journal=%s: no such journal is attached",
				 opt->journal);
	if (err == -EIO)
		return mq_refuse(c, err, "journal=%s: it has failed",
				 opt->journal);
	if (err == -EBUSY)
		return mq_refuse(c, err,
			       "another file stands at /dev/mq/%s: move it away",
			       name);
	if (err == -ENXIO)
		return mq_refuse(c, err, "/dev/mq/%s could not be made", name);
	if (opt->type == MQ_TYPE_TOPIC && opt->alternate[0] &&
	    mq_alternate_why(err))
		return mq_refuse(c, err, "alternate=%s: %s", opt->alternate,
			       mq_alternate_why(err));
	if (opt->dead_letter[0] && mq_dead_letter_why(err))
		return mq_refuse(c, err, "dead_letter=%s: %s", opt->dead_letter,
			       mq_dead_letter_why(err));
	return mq_refuse(c, err, "queue '%s' cannot be made: error %d", name,
		       -err);
}

static int mq_command_create(struct mq_control *c, char *rest)
{
	char *name = mq_word(&rest);
	struct mq_options opt;
	u64 seen = 0;
	char *word;
	int err;

	err = mq_check_name(c, name);
	if (err)
		return err;
	mq_options_init(&opt);
	while ((word = mq_word(&rest))) {
		err = mq_take_option(c, word, &opt, &seen);
		if (err)
			return err;
	}
	err = mq_check_type(c, &opt, seen) ?: mq_check_owner(c, &opt);
	if (err)
		return err;
	if (opt.overflow == MQ_OVERFLOW_DEAD_LETTER && !opt.dead_letter[0])
		return mq_refuse(c, -EINVAL,
			       "overflow=dead-letter: there is no dead_letter");
	if (opt.retain_memory_bytes && !opt.journal[0])
		return mq_refuse(c, -EINVAL,
				 "retain_memory_bytes=%llu: the topic has no journal",
				 opt.retain_memory_bytes);
	err = mq_queue_create(name, &opt, c->nodes);
	return err ? mq_create_fail(c, err, name, &opt) : 0;
}

static int mq_command_remove(struct mq_control *c, char *rest)
{
	char *name = mq_word(&rest);
	char *word = mq_word(&rest);
	bool force = false;
	int err;

	err = mq_check_name(c, name);
	if (err)
		return err;
	if (word) {
		force = !strcmp(word, "force");
		if (!force)
			return mq_refuse(c, -EINVAL, "'%.80s' is not 'force'",
				       word);
		word = mq_word(&rest);
		if (word)
			return mq_refuse(c, -EINVAL, "'%.80s' is too much", word);
	}
	err = mq_queue_remove(name, force);
	if (err == -ENOENT)
		return mq_refuse(c, err, "queue '%s' does not exist", name);
	if (err == -EBUSY)
		return mq_refuse(c, err,
			       "queue '%s' is the dead_letter or alternate of others; 'force' takes it from them",
			       name);
	if (err)
		return mq_refuse(c, err,
			       "queue '%s' stores messages; 'force' drops them",
			       name);
	return 0;
}

/* Take a word start=... of a command. Return 0, or what mq_refuse() says. */
static int mq_take_start(struct mq_control *c, const char *word,
			 struct mq_start *s)
{
	int err = s->given ? -EINVAL : mq_start_parse(word, s);

	if (!err)
		return 0;
	return mq_refuse(c, err,
			 "'%.80s': start= is earliest, latest, id:N or time:SECONDS, once",
			 word);
}

/*
 * Make a filter of the rest of a command, where one word may be for @s, which is
 * NULL when unbinding. Return the filter, or an ERR_PTR.
 */
static struct mq_filter *mq_take_filter(struct mq_control *c, char *rest,
					struct mq_start *s)
{
	const char *words[DEVMQ_FILTER_TERMS];
	struct mq_filter_fault fault;
	struct mq_filter *f;
	unsigned int n = 0;
	char *word;

	while ((word = mq_word(&rest))) {
		if (s && mq_start_is(word)) {
			int err = mq_take_start(c, word, s);

			if (err)
				return ERR_PTR(err);
			continue;
		}
		if (n == ARRAY_SIZE(words))
			break;
		words[n++] = word;
	}
	if (word)
		return ERR_PTR(mq_refuse(c, -E2BIG,
				       "a filter has at most 17 words"));
	f = mq_filter_make(words, n, &fault);
	if (f == ERR_PTR(-ENOMEM))
		mq_refuse(c, -ENOMEM, "there is no memory for the filter");
	else if (IS_ERR(f))
		mq_refuse(c, PTR_ERR(f), "'%.80s': %s", words[fault.word],
			  fault.what);
	return f;
}

/* Note why something could not be bound. Return @err. */
static int mq_bind_fail(struct mq_control *c, int err, const char *topic,
			const char *name, const char *why)
{
	if (err == -EEXIST)
		return mq_refuse(c, err, "'%s' is bound to '%s' like that already",
			       name, topic);
	if (err == -EDQUOT)
		why = "max_total_bytes or max_user_bytes leave no memory for it";
	if (why)
		return mq_refuse(c, err, "'%s': %s", name, why);
	return mq_refuse(c, err, "'%s' cannot be bound: error %d", name, -err);
}

static int mq_unbind_fail(struct mq_control *c, int err, const char *topic,
			  const char *name)
{
	if (err == -EINTR)
		return mq_refuse(c, err, "a signal came");
	return mq_refuse(c, err, "there is no such binding of '%s' to '%s'", name, topic);
}

/*
 * Bind, or without @s unbind, under mq_registry_lock. @f is taken over, or NULL: the
 * caller unbinds all. If that succeeds, @both get the topic and the other one, with references.
 */
static int mq_command_link(struct mq_control *c, const char *topic,
			   const char *name, const struct mq_start *s,
			   struct mq_filter *f, struct mq_queue **both)
{
	struct mq_queue *q = mq_find(topic), *target = mq_find(name);
	const char *why = NULL;
	u64 n = 0;
	int err;

	if (!q || !target) {
		mq_filter_free(f);
		return mq_refuse(c, -ENOENT, "'%s' does not exist",
			       q ? name : topic);
	}
	if (!q->topic) {
		mq_filter_free(f);
		return mq_refuse(c, -EINVAL, "'%s' is no topic", topic);
	}
	if (!s && f) {
		err = mq_unbind(q, target, f);
		mq_filter_free(f);
		if (err)
			return mq_unbind_fail(c, err, topic, name);
	} else if (s) {
		err = mq_bind(q, target, f, s, &n, &why);
		if (err)
			return mq_bind_fail(c, err, topic, name, why);
	}
	get_device(&q->dev);
	get_device(&target->dev);
	both[0] = q;
	both[1] = target;
	return 0;
}

/* Wait until a binding, or that it is gone, is on stable storage. */
static int mq_command_confirm(struct mq_control *c, struct mq_queue **both)
{
	int err = mq_bind_confirm(both[0], both[1]);

	if (err)
		mq_refuse(c, err, err == -EINTR ?
			  "it is done, but a signal came before that was on stable storage" :
			  "it is done, but the journal has failed");
	mq_queue_put(both[0]);
	mq_queue_put(both[1]);
	return err;
}

static int mq_command_bind(struct mq_control *c, char *rest, bool bind)
{
	char *topic = mq_word(&rest);
	char *name = mq_word(&rest);
	struct mq_start start = {}, *s = bind ? &start : NULL;
	struct mq_filter *f = NULL;
	struct mq_queue *both[2];
	bool each;
	u64 n;
	int err;

	err = mq_check_name(c, topic) ?: mq_check_name(c, name);
	if (err)
		return err;
	if (rest)
		rest = skip_spaces(rest);
	if (bind || (rest && *rest)) {
		f = mq_take_filter(c, rest, s);
		if (IS_ERR(f))
			return PTR_ERR(f);
	}
	each = !f;
	if (mutex_lock_killable(&mq_registry_lock)) {
		mq_filter_free(f);
		return mq_refuse(c, -EINTR, "a signal came");
	}
	err = mq_command_link(c, topic, name, s, f, both);
	mutex_unlock(&mq_registry_lock);
	if (err)
		return err;
	err = each ? mq_unbind_each(both[0], both[1], &n) : 0;
	if (!err)
		return mq_command_confirm(c, both);
	mq_queue_put(both[0]);
	mq_queue_put(both[1]);
	return mq_unbind_fail(c, err, topic, name);
}

static int mq_command(struct mq_control *c, char *line)
{
	char *verb = mq_word(&line);

	if (!verb)
		return mq_refuse(c, -EINVAL, "the command is missing");
	if (!strcmp(verb, "create"))
		return mq_command_create(c, line);
	if (!strcmp(verb, "remove"))
		return mq_command_remove(c, line);
	if (!strcmp(verb, "bind"))
		return mq_command_bind(c, line, true);
	if (!strcmp(verb, "unbind"))
		return mq_command_bind(c, line, false);
	return mq_refuse(c, -EINVAL,
		       "unknown command '%.80s': create, remove, bind and unbind are known",
		       verb);
}

/* Carry out a command of @size bytes, as it was written. */
static int mq_command_line(struct mq_control *c, char *line, size_t size)
{
	if (size && line[size - 1] == '\n')
		line[--size] = '\0';
	if (strlen(line) != size)
		return mq_refuse(c, -EINVAL, "the command has a zero byte");
	if (strchr(line, '\n'))
		return mq_refuse(c, -EINVAL, "more than one line in a write");
	return mq_command(c, line);
}

static int mq_take_command(struct mq_control *c, const char __user *from,
			   size_t size)
{
	char *line;
	int err;

	lockdep_assert_held(&c->lock);
	c->fresh = false;
	c->size = 0;
	c->pos = 0;
	if (size > MQ_COMMAND_MAX)
		return mq_refuse(c, -EINVAL, "the command is longer than %d bytes",
			       MQ_COMMAND_MAX);
	line = memdup_user_nul(from, size);
	if (IS_ERR(line))
		return mq_refuse(c, PTR_ERR(line), "the command cannot be read");
	err = mq_command_line(c, line, size);
	kfree(line);
	return err;
}

static ssize_t mq_control_write(struct file *file, const char __user *from,
				size_t size, loff_t *pos)
{
	struct mq_control *c = file->private_data;
	int err;

	if (!size)
		return 0;
	mutex_lock(&c->lock);
	err = mq_take_command(c, from, size);
	mutex_unlock(&c->lock);
	return err ?: size;
}

static ssize_t mq_control_read(struct file *file, char __user *to, size_t size,
			       loff_t *pos)
{
	struct mq_control *c = file->private_data;
	ssize_t ret = 0;

	mutex_lock(&c->lock);
	if (c->fresh)
		c->size = mq_option_describe(c->reply, sizeof(c->reply));
	c->fresh = false;
	size = min(size, c->size - c->pos);
	if (size) {
		/* The bytes that could be copied have been read. */
		ret = size - copy_to_user(to, c->reply + c->pos, size);
		c->pos += ret;
		ret = ret ?: -EFAULT;
	}
	mutex_unlock(&c->lock);
	return ret;
}

static_assert(sizeof(struct devmq_journal_attach) == 104);
static_assert(sizeof(struct devmq_journal_detach) == 72);
static_assert(sizeof(struct devmq_journal_move) == 80);
static_assert(sizeof(struct devmq_journal_info) == 168);
static_assert(sizeof(struct devmq_journal_list) == 24);

/* Fetch the argument of an ioctl. Return 0 or an error. */
static int mq_control_fetch(void *to, u32 known, void __user *from)
{
	u32 size;
	int err;

	if (get_user(size, (u32 __user *)from))
		return -EFAULT;
	if (size < known)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(to, known, from, size);
	/* Use the size that was checked: the user may have changed it. */
	*(u32 *)to = size;
	return err;
}

/* Check the name of a journal, as that of a queue. */
static int mq_journal_name(struct mq_control *c, const char *name)
{
	if (strnlen(name, DEVMQ_NAME_MAX + 1) > DEVMQ_NAME_MAX)
		return mq_refuse(c, -EINVAL, "the journal's name does not end");
	if (!*name)
		return mq_refuse(c, -EINVAL, "the journal's name is missing");
	return mq_check_name(c, name);
}

static int mq_control_attach(struct mq_control *c, void __user *arg)
{
	struct devmq_journal_attach a;
	char why[MQ_REASON_MAX];
	struct file *file;
	int err;

	err = mq_control_fetch(&a, sizeof(a), arg);
	if (err)
		return err;
	if (a.flags || a.reserved)
		return -EINVAL;
	err = mq_journal_name(c, a.name);
	if (err)
		return err;
	file = fget(a.fd);
	if (!file)
		return mq_refuse(c, -EBADF, "journal '%s': the descriptor is not open",
				 a.name);
	err = mq_journal_attach(&a, file, c->nodes, why, sizeof(why));
	fput(file);
	if (err)
		return mq_refuse(c, err, "journal '%s': %s", a.name, why);
	return copy_to_user(arg, &a, sizeof(a)) ? -EFAULT : 0;
}

static int mq_control_move(struct mq_control *c, void __user *arg)
{
	struct devmq_journal_move a;
	char why[MQ_REASON_MAX];
	struct file *file;
	int err;

	err = mq_control_fetch(&a, sizeof(a), arg);
	if (err)
		return err;
	if (a.flags || a.reserved)
		return -EINVAL;
	err = mq_journal_name(c, a.name);
	if (err)
		return err;
	file = fget(a.fd);
	if (!file)
		return mq_refuse(c, -EBADF, "journal '%s': the descriptor is not open",
				 a.name);
	err = mq_journal_move(&a, file, why, sizeof(why));
	fput(file);
	return err ? mq_refuse(c, err, "journal '%s': %s", a.name, why) : 0;
}

static int mq_control_detach(struct mq_control *c, void __user *arg)
{
	struct devmq_journal_detach a;
	char why[MQ_REASON_MAX];
	int err;

	err = mq_control_fetch(&a, sizeof(a), arg);
	if (err)
		return err;
	if (a.flags & ~DEVMQ_JOURNAL_FORCE)
		return -EINVAL;
	err = mq_journal_name(c, a.name);
	if (err)
		return err;
	err = mq_journal_detach(&a, why, sizeof(why));
	return err ? mq_refuse(c, err, "journal '%s': %s", a.name, why) : 0;
}

static int mq_control_list(struct mq_control *c, void __user *arg)
{
	struct devmq_journal_list a;
	int err;

	err = mq_control_fetch(&a, sizeof(a), arg) ?: mq_journal_list(&a);
	if (err)
		return err;
	return copy_to_user(arg, &a, sizeof(a)) ? -EFAULT : 0;
}

static long mq_control_ioctl(struct file *file, unsigned int cmd,
			     unsigned long arg)
{
	struct mq_control *c = file->private_data;
	void __user *uarg = (void __user *)arg;
	int err;

	if (cmd != DEVMQ_IOC_JOURNAL_LIST && !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	mutex_lock(&c->lock);
	c->fresh = false;
	c->size = 0;
	c->pos = 0;
	switch (cmd) {
	case DEVMQ_IOC_JOURNAL_ATTACH:
		err = mq_control_attach(c, uarg);
		break;
	case DEVMQ_IOC_JOURNAL_DETACH:
		err = mq_control_detach(c, uarg);
		break;
	case DEVMQ_IOC_JOURNAL_MOVE:
		err = mq_control_move(c, uarg);
		break;
	case DEVMQ_IOC_JOURNAL_LIST:
		err = mq_control_list(c, uarg);
		break;
	default:
		err = -ENOTTY;
	}
	mutex_unlock(&c->lock);
	return err;
}

static int mq_control_open(struct inode *inode, struct file *file)
{
	struct mq_control *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return -ENOMEM;
	mutex_init(&c->lock);
	c->nodes = file->f_path.dentry->d_sb;
	c->fresh = true;
	file->private_data = c;
	return stream_open(inode, file);
}

static int mq_control_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

const struct file_operations mq_control_fops = {
	.owner		= THIS_MODULE,
	.open		= mq_control_open,
	.release	= mq_control_release,
	.read		= mq_control_read,
	.write		= mq_control_write,
	.unlocked_ioctl	= mq_control_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};
