// SPDX-License-Identifier: GPL-2.0
/*
 * The options of a queue. One table says all about them: the parser, the files
 * in sysfs, the text of the control node and the check of the documentation use
 * it.
 */
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/devmq.h>

#include "device/option.h"
#include "queue/options.h"

static const char * const mq_types[] = {
	[MQ_TYPE_QUEUE] = "queue",
	[MQ_TYPE_TOPIC] = "topic",
	NULL
};

static const char * const mq_unrouteds[] = {
	[MQ_UNROUTED_DROP] = "drop",
	[MQ_UNROUTED_REFUSE] = "refuse",
	NULL
};

static const char * const mq_compacts[] = {
	[MQ_COMPACT_NONE] = "none",
	[MQ_COMPACT_KEY] = "key",
	NULL
};

static const char * const mq_overflows[] = {
	[MQ_OVERFLOW_BLOCK] = "block",
	[MQ_OVERFLOW_REJECT] = "reject",
	[MQ_OVERFLOW_DROP_HEAD] = "drop-head",
	[MQ_OVERFLOW_DEAD_LETTER] = "dead-letter",
	NULL
};

static const char * const mq_framings[] = {
	[MQ_FRAMING_RECORD] = "record",
	[MQ_FRAMING_LINE] = "line",
	NULL
};

static const char * const mq_eofs[] = {
	[MQ_EOF_NEVER] = "never",
	[MQ_EOF_EMPTY] = "empty",
	[MQ_EOF_HANGUP] = "hangup",
	NULL
};

static const char * const mq_acks[] = {
	[DEVMQ_ACK_AUTO] = "auto",
	[DEVMQ_ACK_MANUAL] = "manual",
	NULL
};

static const char * const mq_expiries[] = {
	[MQ_EXPIRY_DROP] = "drop",
	[MQ_EXPIRY_DEAD] = "dead",
	NULL
};

static const char * const mq_orders[] = {
	[MQ_ORDER_FIFO] = "fifo",
	[MQ_ORDER_KEY] = "key",
	NULL
};

static const char * const mq_fairnesses[] = {
	[MQ_FAIRNESS_NONE] = "none",
	[MQ_FAIRNESS_KEY] = "key",
	[MQ_FAIRNESS_UID] = "uid",
	NULL
};

static const char * const mq_pauses[] = {
	[MQ_PAUSED_NONE] = "none",
	[MQ_PAUSED_SEND] = "send",
	[MQ_PAUSED_RECEIVE] = "receive",
	[MQ_PAUSED_BOTH] = "both",
	NULL
};

#define MQ_FIELD(_name)							\
	.name = #_name, .offset = offsetof(struct mq_options, _name),	\
	.size = sizeof_field(struct mq_options, _name)

const struct mq_option mq_option_table[] = {
	{
		MQ_FIELD(type), .kind = MQ_ENUM, .words = mq_types,
		.help = "what it is",
	}, {
		MQ_FIELD(mode), .kind = MQ_OCTAL, .max = 0777, .def = 0600,
		.help = "permissions of the node",
	}, {
		MQ_FIELD(uid), .kind = MQ_CREATOR, .max = U32_MAX - 1,
		.help = "owner of the node",
	}, {
		MQ_FIELD(gid), .kind = MQ_CREATOR, .max = U32_MAX - 1,
		.help = "group of the node",
	}, {
		MQ_FIELD(max_messages), .kind = MQ_NUMBER, .live = true,
		.what = MQ_FOR_QUEUE,
		.min = 1, .max = INT_MAX, .def = SZ_1M,
		.help = "most messages stored",
	}, {
		MQ_FIELD(max_bytes), .kind = MQ_SIZE, .live = true,
		.min = 1, .max = 1ULL << 40, .def = SZ_64M,
		.help = "most bytes stored: payload, key and headers",
	}, {
		MQ_FIELD(max_message_size), .kind = MQ_SIZE, .live = true,
		.min = 1, .max = SZ_256M, .def = SZ_1M,
		.help = "most bytes of a message's payload",
	}, {
		MQ_FIELD(overflow), .kind = MQ_ENUM, .live = true,
		.what = MQ_FOR_QUEUE,
		.words = mq_overflows,
		.help = "what a send does when the queue is full",
	}, {
		MQ_FIELD(framing), .kind = MQ_ENUM, .words = mq_framings,
		.help = "what a write is: one message, or one for each line",
	}, {
		MQ_FIELD(eof), .kind = MQ_ENUM, .live = true, .words = mq_eofs,
		.what = MQ_FOR_QUEUE,
		.help = "when a read of an empty queue is at its end",
	}, {
		MQ_FIELD(allow_empty), .kind = MQ_NUMBER, .live = true,
		.max = 1,
		.help = "1: messages without payload are taken",
	}, {
		MQ_FIELD(ack), .kind = MQ_ENUM, .live = true, .words = mq_acks,
		.what = MQ_FOR_QUEUE,
		.help = "how what a new open receives is settled",
	}, {
		MQ_FIELD(prefetch), .kind = MQ_NUMBER, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = U16_MAX,
		.help = "most unsettled deliveries of a new open, 0: no bound",
	}, {
		MQ_FIELD(lease_ms), .kind = MQ_DURATION, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = MQ_MS_MAX,
		.help = "how long a new open may hold a delivery, 0: for ever",
	}, {
		MQ_FIELD(max_deliveries), .kind = MQ_NUMBER, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = INT_MAX, .def = 20,
		.help = "a message that failed so often is dead, 0: never",
	}, {
		MQ_FIELD(max_dead), .kind = MQ_NUMBER, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = INT_MAX, .def = SZ_64K,
		.help = "most dead messages kept in place",
	}, {
		MQ_FIELD(dead_letter), .kind = MQ_QUEUE, .live = true,
		.what = MQ_FOR_QUEUE,
		.help = "the queue that the dead go to, none: they stay",
	}, {
		MQ_FIELD(journal), .kind = MQ_JOURNAL,
		.help = "the journal that keeps it, none: it is in memory alone",
	}, {
		MQ_FIELD(on_expiry), .kind = MQ_ENUM, .live = true,
		.what = MQ_FOR_QUEUE,
		.words = mq_expiries,
		.help = "what becomes of a message whose time to live is over",
	}, {
		MQ_FIELD(dead_ttl_ms), .kind = MQ_DURATION, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = MQ_MS_MAX,
		.help = "how long a dead message is kept in place, 0: for ever",
	}, {
		MQ_FIELD(retry_ms), .kind = MQ_DURATION, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = MQ_MS_MAX, .def = 100,
		.help = "how long a message waits after its first failed try",
	}, {
		MQ_FIELD(retry_backoff), .kind = MQ_NUMBER, .live = true,
		.what = MQ_FOR_QUEUE,
		.min = 1, .max = 1000, .def = 2,
		.help = "factor to that for each further one",
	}, {
		MQ_FIELD(retry_max_ms), .kind = MQ_DURATION, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = MQ_MS_MAX, .def = 60000,
		.help = "the longest that it grows to, 0: no bound",
	}, {
		MQ_FIELD(delay_ms), .kind = MQ_DURATION, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = MQ_MS_MAX,
		.help = "delay of a message that names none",
	}, {
		MQ_FIELD(ttl_ms), .kind = MQ_DURATION, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = MQ_MS_MAX,
		.help = "time to live of a message that names none, 0: for ever",
	}, {
		MQ_FIELD(priorities), .kind = MQ_NUMBER,
		.what = MQ_FOR_QUEUE,
		.min = 1,
		.max = DEVMQ_PRIORITIES_MAX, .def = 1,
		.help = "levels of priority",
	}, {
		MQ_FIELD(order), .kind = MQ_ENUM, .words = mq_orders,
		.what = MQ_FOR_QUEUE,
		.help = "whether messages of a key go one at a time",
	}, {
		MQ_FIELD(fairness), .kind = MQ_ENUM, .words = mq_fairnesses,
		.what = MQ_FOR_QUEUE,
		.help = "who takes turns",
	}, {
		MQ_FIELD(dedup_window_ms), .kind = MQ_DURATION, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = MQ_MS_MAX,
		.help = "how long a de-duplication id is remembered",
	}, {
		MQ_FIELD(dedup_max), .kind = MQ_NUMBER, .live = true,
		.what = MQ_FOR_QUEUE,
		.min = 1, .max = SZ_16M, .def = SZ_64K,
		.help = "most de-duplication ids remembered",
	}, {
		MQ_FIELD(single_active), .kind = MQ_NUMBER, .live = true,
		.what = MQ_FOR_QUEUE,
		.max = 1,
		.help = "1: only the oldest consumer receives",
	}, {
		MQ_FIELD(paused), .kind = MQ_ENUM, .live = true,
		.words = mq_pauses,
		.help = "which side is held off",
	}, {
		MQ_FIELD(auto_delete), .kind = MQ_NUMBER, .live = true,
		.max = 1,
		.help = "1: removed with all it holds at the last close",
	}, {
		MQ_FIELD(expires_ms), .kind = MQ_DURATION, .live = true,
		.max = MQ_MS_MAX,
		.help = "removed with all it holds when unused so long, 0: never",
	}, {
		MQ_FIELD(alternate), .kind = MQ_QUEUE, .what = MQ_FOR_TOPIC,
		.live = true,
		.help = "what gets messages that no filter takes",
	}, {
		MQ_FIELD(on_unrouted), .kind = MQ_ENUM, .what = MQ_FOR_TOPIC,
		.live = true, .words = mq_unrouteds,
		.help = "what becomes of one if there is no alternate",
	}, {
		MQ_FIELD(retain_messages), .kind = MQ_NUMBER,
		.what = MQ_FOR_TOPIC, .live = true,
		.max = INT_MAX,
		.help = "most messages retained, 0: no bound",
	}, {
		MQ_FIELD(retain_bytes), .kind = MQ_SIZE,
		.what = MQ_FOR_TOPIC, .live = true,
		.max = 1ULL << 40,
		.help = "most bytes retained, 0: no bound",
	}, {
		MQ_FIELD(retain_memory_bytes), .kind = MQ_SIZE,
		.what = MQ_FOR_TOPIC, .live = true,
		.max = 1ULL << 40,
		.help = "most of them in memory, the rest in the journal alone, 0: all",
	}, {
		MQ_FIELD(retain_ms), .kind = MQ_DURATION,
		.what = MQ_FOR_TOPIC, .live = true,
		.max = MQ_MS_MAX,
		.help = "how long a message is retained, 0: no bound",
	}, {
		MQ_FIELD(compact), .kind = MQ_ENUM,
		.what = MQ_FOR_TOPIC, .live = true, .words = mq_compacts,
		.help = "key: of each key the newest message is retained",
	}, {
		MQ_FIELD(tombstone_ms), .kind = MQ_DURATION,
		.what = MQ_FOR_TOPIC, .live = true,
		.max = MQ_MS_MAX, .def = 86400000,
		.help = "how long one with a key and no payload is, with compact=key",
	},
};

const unsigned int mq_option_count = ARRAY_SIZE(mq_option_table);

u64 mq_option_get(const struct mq_option *o, const struct mq_options *opt)
{
	const void *field = (const void *)opt + o->offset;

	switch (o->size) {
	case sizeof(u8):
		return READ_ONCE(*(const u8 *)field);
	case sizeof(u16):
		return READ_ONCE(*(const u16 *)field);
	case sizeof(u32):
		return READ_ONCE(*(const u32 *)field);
	default:
		return READ_ONCE(*(const u64 *)field);
	}
}

/* Set an option to a value that is in its bounds, which fit its field. */
void mq_option_set(const struct mq_option *o, struct mq_options *opt, u64 v)
{
	void *field = (void *)opt + o->offset;

	switch (o->size) {
	case sizeof(u8):
		WRITE_ONCE(*(u8 *)field, v);
		break;
	case sizeof(u16):
		WRITE_ONCE(*(u16 *)field, v);
		break;
	case sizeof(u32):
		WRITE_ONCE(*(u32 *)field, v);
		break;
	default:
		WRITE_ONCE(*(u64 *)field, v);
	}
}

/*
 * Fill in the defaults. The owner is the caller, by the ids that the caller's
 * user namespace has for it; these are invalid if there are none.
 */
void mq_options_init(struct mq_options *opt)
{
	unsigned int i;

	opt->dead_letter[0] = '\0';
	opt->journal[0] = '\0';
	for (i = 0; i < mq_option_count; i++)
		if (!mq_option_is_name(&mq_option_table[i]))
			mq_option_set(&mq_option_table[i], opt,
				      mq_option_table[i].def);
	opt->uid = from_kuid(current_user_ns(), current_fsuid());
	opt->gid = from_kgid(current_user_ns(), current_fsgid());
}

const struct mq_option *mq_option_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < mq_option_count; i++)
		if (!strcmp(mq_option_table[i].name, name))
			return &mq_option_table[i];
	return NULL;
}

static int mq_parse_word(const struct mq_option *o, const char *text, u64 *v)
{
	unsigned int i;

	for (i = 0; o->words[i]; i++) {
		if (!strcmp(o->words[i], text)) {
			*v = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Parse digits, and K, M or G behind them for a size. */
static int mq_parse_number(const struct mq_option *o, const char *text, u64 *v)
{
	unsigned int base = o->kind == MQ_OCTAL ? 8 : 10;
	size_t len = strlen(text);
	unsigned int shift = 0;
	char digits[24];
	int err;

	if (len && o->kind == MQ_SIZE) {
		const char *units = "KMG";
		const char *unit = strchr(units, text[len - 1]);

		if (unit) {
			shift = 10 * (unit - units + 1);
			len--;
		}
	}
	/* kstrtou64() takes a sign and more; this takes only digits. */
	if (!len || strspn(text, "0123456789") < len)
		return -EINVAL;
	if (len >= sizeof(digits))
		return -ERANGE;
	memcpy(digits, text, len);
	digits[len] = '\0';
	err = kstrtou64(digits, base, v);
	if (err)
		return err;
	if (*v > o->max >> shift || *v << shift < o->min)
		return -ERANGE;
	*v <<= shift;
	return 0;
}

/* Return whether all characters of a name are allowed. */
bool mq_name_ok(const char *name)
{
	for (; *name; name++)
		if (!isascii(*name) || (!isalnum(*name) && !strchr("._-", *name)))
			return false;
	return true;
}

/* dead_letter= could not name a queue called "none". */
bool mq_name_is_reserved(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..") ||
	       !strcmp(name, "control") || !strcmp(name, MQ_NO_QUEUE);
}

/* Return whether a queue may have this name. */
bool mq_name_is_valid(const char *name)
{
	return *name && strlen(name) <= DEVMQ_NAME_MAX && mq_name_ok(name) &&
	       !mq_name_is_reserved(name);
}

/* Return the name that the value of an option stands for: "" for none. */
const char *mq_option_queue(const char *text)
{
	return strcmp(text, MQ_NO_QUEUE) ? text : "";
}

/* Return where an option has its name, of DEVMQ_NAME_MAX bytes at most. */
char *mq_option_name(const struct mq_option *o, struct mq_options *opt)
{
	return (char *)opt + o->offset;
}

/**
 * mq_option_parse - parse the value of an option
 * @o: the option, whose value is no name
 * @text: the text of the value
 * @v: gets the value
 *
 * Return: 0, EINVAL, or ERANGE for a number out of bounds.
 */
int mq_option_parse(const struct mq_option *o, const char *text, u64 *v)
{
	return o->kind == MQ_ENUM ? mq_parse_word(o, text, v) :
				    mq_parse_number(o, text, v);
}

/*
 * Print an option of a queue in the form that is parsed. Return as scnprintf().
 */
int mq_option_text(const struct mq_option *o, const struct mq_options *opt,
		   char *buf, size_t size)
{
	if (mq_option_is_name(o)) {
		const char *name = (const char *)opt + o->offset;

		return scnprintf(buf, size, "%s", *name ? name : MQ_NO_QUEUE);
	}
	return mq_option_print(o, mq_option_get(o, opt), buf, size);
}

/* Print a value in the form that is parsed. Return as scnprintf(). */
int mq_option_print(const struct mq_option *o, u64 v, char *buf, size_t size)
{
	switch (o->kind) {
	case MQ_ENUM:
		return scnprintf(buf, size, "%s", o->words[v]);
	case MQ_OCTAL:
		return scnprintf(buf, size, "%04llo", v);
	default:
		return scnprintf(buf, size, "%llu", v);
	}
}

/* Print an option's bounds: all words, or the least and the largest number. */
int mq_option_bounds(const struct mq_option *o, char *buf, size_t size)
{
	unsigned int i;
	int n = 0;

	if (mq_option_is_name(o))
		return scnprintf(buf, size, "%s|%s", MQ_NO_QUEUE,
				 o->kind == MQ_QUEUE ? "QUEUE" : "JOURNAL");
	if (o->kind == MQ_ENUM) {
		for (i = 0; o->words[i]; i++)
			n += scnprintf(buf + n, size - n, "%s%s",
				       i ? "|" : "", o->words[i]);
		return n;
	}
	n = mq_option_print(o, o->min, buf, size);
	n += scnprintf(buf + n, size - n, "..");
	return n + mq_option_print(o, o->max, buf + n, size - n);
}

/*
 * Print the table, for people and for programs, one line for each option: name,
 * kind, default, bounds, whether it can change live, whether it is for queues or
 * for topics, and what it is.
 */
size_t mq_option_describe(char *buf, size_t size)
{
	static const char * const kinds[] = {
		[MQ_NUMBER] = "number", [MQ_SIZE] = "size",
		[MQ_OCTAL] = "octal", [MQ_CREATOR] = "number",
		[MQ_ENUM] = "word", [MQ_DURATION] = "duration",
		[MQ_QUEUE] = "queue", [MQ_JOURNAL] = "journal",
	};
	static const char * const whats[] = {
		[MQ_FOR_BOTH] = "both", [MQ_FOR_QUEUE] = "queue",
		[MQ_FOR_TOPIC] = "topic",
	};
	unsigned int i;
	size_t n = 0;

	for (i = 0; i < mq_option_count; i++) {
		const struct mq_option *o = &mq_option_table[i];

		n += scnprintf(buf + n, size - n, "%s %s ", o->name,
			       kinds[o->kind]);
		if (o->kind == MQ_CREATOR)
			n += scnprintf(buf + n, size - n, "creator");
		else if (mq_option_is_name(o))
			n += scnprintf(buf + n, size - n, "%s", MQ_NO_QUEUE);
		else
			n += mq_option_print(o, o->def, buf + n, size - n);
		n += scnprintf(buf + n, size - n, " ");
		n += mq_option_bounds(o, buf + n, size - n);
		n += scnprintf(buf + n, size - n, " %s %s %s\n",
			       o->live ? "live" : "fixed", whats[o->what],
			       o->help);
	}
	return n;
}
