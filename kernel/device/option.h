/* SPDX-License-Identifier: GPL-2.0 */
/* The option table, for code that reads and writes options by name. */
#ifndef MQ_OPTION_H
#define MQ_OPTION_H

#include "queue/options.h"

/**
 * enum mq_option_kind - how a value is written
 * @MQ_NUMBER: decimal
 * @MQ_SIZE: decimal; K, M or G may follow
 * @MQ_OCTAL: octal
 * @MQ_CREATOR: decimal; the default is the id of the queue's creator
 * @MQ_ENUM: one of a list of words
 * @MQ_DURATION: decimal, in milliseconds
 * @MQ_QUEUE: a queue's name, or "none". Options of this kind and the next are
 *	no numbers in struct mq_options
 * @MQ_JOURNAL: a journal's name, or "none"
 */
enum mq_option_kind {
	MQ_NUMBER, MQ_SIZE, MQ_OCTAL, MQ_CREATOR, MQ_ENUM, MQ_DURATION, MQ_QUEUE,
	MQ_JOURNAL
};

#define MQ_NO_QUEUE	"none"

/**
 * enum mq_option_for - what an option is for, a mask
 * @MQ_FOR_BOTH: for both. This is what 0 means in the table, too
 * @MQ_FOR_QUEUE: for queues
 * @MQ_FOR_TOPIC: for topics
 */
enum mq_option_for { MQ_FOR_BOTH, MQ_FOR_QUEUE, MQ_FOR_TOPIC };

/**
 * struct mq_option - an option
 * @name: its name
 * @help: what it is, in a few words
 * @kind: how its value is written
 * @what: what it is for
 * @live: it can change while the queue is in use
 * @min: least value
 * @max: largest value
 * @def: default value
 * @words: the words of an MQ_ENUM, indexed by its values
 * @offset: offset of its field in struct mq_options
 * @size: bytes of this field
 */
struct mq_option {
	const char		*name;
	const char		*help;
	enum mq_option_kind	kind;
	enum mq_option_for	what;
	bool			live;
	u64			min;
	u64			max;
	u64			def;
	const char * const	*words;
	u16			offset;
	u16			size;
};

extern const struct mq_option mq_option_table[];
extern const unsigned int mq_option_count;

/* True if @o is the option of this name. */
#define mq_option_is(o, _name) \
	((o)->offset == offsetof(struct mq_options, _name))

/* Return whether there is an option for queues, or for topics. */
static inline bool mq_option_is_for(const struct mq_option *o, bool topic)
{
	return o->what != (topic ? MQ_FOR_QUEUE : MQ_FOR_TOPIC);
}

/* Return whether the value of an option is a name, or "none". */
static inline bool mq_option_is_name(const struct mq_option *o)
{
	return o->kind == MQ_QUEUE || o->kind == MQ_JOURNAL;
}

/* Size of a buffer for any value, or for any option's bounds, as text. */
#define MQ_OPTION_TEXT	80

void mq_options_init(struct mq_options *opt);
const struct mq_option *mq_option_find(const char *name);
u64 mq_option_get(const struct mq_option *o, const struct mq_options *opt);
void mq_option_set(const struct mq_option *o, struct mq_options *opt, u64 v);
int mq_option_parse(const struct mq_option *o, const char *text, u64 *v);
bool mq_name_ok(const char *name);
bool mq_name_is_reserved(const char *name);
bool mq_name_is_valid(const char *name);
const char *mq_option_queue(const char *text);
char *mq_option_name(const struct mq_option *o, struct mq_options *opt);
int mq_option_text(const struct mq_option *o, const struct mq_options *opt,
		   char *buf, size_t size);
int mq_option_print(const struct mq_option *o, u64 v, char *buf, size_t size);
int mq_option_bounds(const struct mq_option *o, char *buf, size_t size);
size_t mq_option_describe(char *buf, size_t size);

#endif /* MQ_OPTION_H */
