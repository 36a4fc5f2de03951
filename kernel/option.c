// SPDX-License-Identifier: GPL-2.0
/*
 * The options of a queue. One table says all there is to say of them: it
 * drives the parser, the files in sysfs, what the control node prints, and
 * the check of the documentation.
 */
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "option.h"

static const char * const mq_types[] = { "queue", NULL };

static const char * const mq_overflows[] = {
	[MQ_OVERFLOW_BLOCK] = "block",
	[MQ_OVERFLOW_REJECT] = "reject",
	[MQ_OVERFLOW_DROP_HEAD] = "drop-head",
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

#define MQ_FIELD(_name)							\
	.name = #_name, .offset = offsetof(struct mq_options, _name)

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
		.words = mq_overflows,
		.help = "what a send does when the queue is full",
	}, {
		MQ_FIELD(framing), .kind = MQ_ENUM, .words = mq_framings,
		.help = "what a write is: one message, or one for each line",
	}, {
		MQ_FIELD(eof), .kind = MQ_ENUM, .live = true, .words = mq_eofs,
		.help = "when a read of an empty queue is at its end",
	}, {
		MQ_FIELD(ack), .kind = MQ_ENUM, .live = true, .words = mq_acks,
		.help = "how what a new open receives is settled",
	}, {
		MQ_FIELD(prefetch), .kind = MQ_NUMBER, .live = true,
		.max = U16_MAX,
		.help = "most unsettled deliveries of a new open, 0: no bound",
	},
};

const unsigned int mq_option_count = ARRAY_SIZE(mq_option_table);

static u64 *mq_option_field(const struct mq_option *o, struct mq_options *opt)
{
	return (void *)opt + o->offset;
}

u64 mq_option_get(const struct mq_option *o, struct mq_options *opt)
{
	return READ_ONCE(*mq_option_field(o, opt));
}

void mq_option_set(const struct mq_option *o, struct mq_options *opt, u64 v)
{
	WRITE_ONCE(*mq_option_field(o, opt), v);
}

/* The defaults, with the caller as the owner. */
void mq_options_init(struct mq_options *opt)
{
	unsigned int i;

	for (i = 0; i < mq_option_count; i++)
		mq_option_set(&mq_option_table[i], opt, mq_option_table[i].def);
	opt->uid = from_kuid_munged(current_user_ns(), current_fsuid());
	opt->gid = from_kgid_munged(current_user_ns(), current_fsgid());
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

/* Digits, and for a size one of K, M and G behind them. */
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
	/* kstrtoull() takes a sign and more; a number here is digits. */
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

/**
 * mq_option_parse - read an option's value
 * @o: the option
 * @text: the value
 * @v: gets it
 *
 * Return: 0, EINVAL, or ERANGE for a number out of bounds.
 */
int mq_option_parse(const struct mq_option *o, const char *text, u64 *v)
{
	return o->kind == MQ_ENUM ? mq_parse_word(o, text, v) :
				    mq_parse_number(o, text, v);
}

/* A value as it is parsed. Return: characters written, as scnprintf(). */
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

/* What values there are: words, or the least and the largest number. */
int mq_option_bounds(const struct mq_option *o, char *buf, size_t size)
{
	unsigned int i;
	int n = 0;

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
 * The table, for people and for programs, a line an option:
 * name, kind, default, bounds, whether it changes live, what it is.
 */
size_t mq_option_describe(char *buf, size_t size)
{
	static const char * const kinds[] = {
		[MQ_NUMBER] = "number", [MQ_SIZE] = "size",
		[MQ_OCTAL] = "octal", [MQ_CREATOR] = "number",
		[MQ_ENUM] = "word",
	};
	unsigned int i;
	size_t n = 0;

	for (i = 0; i < mq_option_count; i++) {
		const struct mq_option *o = &mq_option_table[i];

		n += scnprintf(buf + n, size - n, "%s %s ", o->name,
			       kinds[o->kind]);
		if (o->kind == MQ_CREATOR)
			n += scnprintf(buf + n, size - n, "creator");
		else
			n += mq_option_print(o, o->def, buf + n, size - n);
		n += scnprintf(buf + n, size - n, " ");
		n += mq_option_bounds(o, buf + n, size - n);
		n += scnprintf(buf + n, size - n, " %s %s\n",
			       o->live ? "live" : "fixed", o->help);
	}
	return n;
}
