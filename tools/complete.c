// SPDX-License-Identifier: GPL-2.0
/*
 * Completion in a shell, from the tables. "mqctl --complete WORD..." gets the words
 * behind "mqctl" up to the one that is to be completed. It prints a line for each
 * word that this may become: the whole word and, behind a tab, what it means. The
 * scripts for the shells only call it.
 *
 * A word that ends in '=' or ',' goes on; no space is to follow it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <devmq.h>

#include "columns.h"
#include "commands.h"
#include "complete.h"
#include "facts.h"
#include "mqctl.h"
#include "names.h"
#include "options.h"

/* Where the word to be completed stands. */
struct place {
	const struct command	*command;
	int			operands;	/* how many are before it */
	const struct opt	*opt;		/* it is the value of this */
	bool			ended;		/* after "--": it is no option */
	bool			tail;		/* a program's own word */
};

/*
 * Offer a name if it begins as the word does. The prefix is a part of the word
 * that stands before the name, such as "--output=".
 */
static void offer(const char *prefix, const char *name, const char *end,
		  const char *word, const char *help)
{
	size_t size = strlen(prefix);
	char whole[256];

	snprintf(whole, sizeof(whole), "%s%s", name, end);
	if (strncmp(prefix, word, size) != 0 ||
	    strncmp(whole, word + size, strlen(word + size)) != 0)
		return;
	printf("%s%s%s%s\n", prefix, whole, help ? "\t" : "",
	       help ? help : "");
}

static void offer_queues(const char *prefix, const char *word)
{
	char **names, **name;

	if (devmq_list(&names) < 0)
		return;
	for (name = names; *name; name++)
		offer(prefix, *name, "", word, NULL);
	free(names);
}

static void offer_topics(const char *prefix, const char *word)
{
	char **names, **name;

	if (devmq_list(&names) < 0)
		return;
	for (name = names; *name; name++) {
		if (is_topic(*name))
			offer(prefix, *name, "", word, NULL);
	}
	free(names);
}

/* The words that a filter begins with. */
static void offer_filters(const char *word)
{
	offer("", "key=", "", word, "a pattern of dot-separated words, with * and #");
	offer("", "header.", "", word, "NAME=VALUE, a header of the message");
}

/* The commands; of a group, its first word, once. */
static void offer_commands(const char *word)
{
	const struct command *const *c;
	const char *before = "";
	char group[32];
	size_t size;

	for (c = commands; *c; c++) {
		size = strcspn((*c)->name, " ");
		if (!(*c)->name[size]) {
			offer("", (*c)->name, "", word, (*c)->summary);
		} else if (strncmp(before, (*c)->name, size + 1) != 0) {
			snprintf(group, sizeof(group), "%.*s", (int)size,
				 (*c)->name);
			offer("", group, "", word, NULL);
		}
		before = (*c)->name;
	}
}

/* The second words of the commands of a group. */
static void offer_members(const char *group, const char *word)
{
	const struct command *const *c;
	size_t size = strlen(group);

	for (c = commands; *c; c++) {
		if (!strncmp((*c)->name, group, size) && (*c)->name[size] == ' ')
			offer("", (*c)->name + size + 1, "", word, (*c)->summary);
	}
}

static void offer_journals(const char *word)
{
	struct devmq_journal_info *infos;
	int i, n = devmq_journal_list(&infos, sizeof(*infos));

	for (i = 0; i < n; i++)
		offer("", infos[i].name, "", word, NULL);
	if (n >= 0)
		free(infos);
}

/* The values that an option of a queue can have; a number: its default. */
static void offer_values(const char *word, size_t name_size)
{
	char *text = option_text(), *p = text, *value, prefix[128];
	char flag[] = "0|1";
	struct option_row row;

	snprintf(prefix, sizeof(prefix), "%.*s=", (int)name_size, word);
	while (p && option_next(&p, &row)) {
		if (strlen(row.name) != name_size ||
		    memcmp(row.name, word, name_size) != 0)
			continue;
		if (!strcmp(row.kind, "queue"))
			offer_queues(prefix, word);
		if (!strcmp(row.bounds, "0..1"))
			row.bounds = flag;
		if (strstr(row.bounds, ".."))
			offer(prefix, row.def, "", word, row.help);
		else
			while ((value = strsep(&row.bounds, "|")))
				if (strcmp(value, "QUEUE") != 0)
					offer(prefix, value, "", word,
					      row.help);
	}
	free(text);
}

static void offer_options(const char *word, const char *end)
{
	char *text, *p;
	struct option_row row;

	if (*end && strchr(word, '=')) {
		offer_values(word, strcspn(word, "="));
		return;
	}
	text = option_text();
	p = text;
	while (p && option_next(&p, &row))
		offer("", row.name, end, word, row.help);
	free(text);
}

static void offer_columns(const char *prefix, const char *word)
{
	const struct column *c;

	for (c = columns; c->name; c++)
		offer(prefix, c->name, "", word, c->help);
}

static void offer_states(const char *prefix, const char *word)
{
	unsigned int state;

	for (state = 1; state_name(state); state++)
		offer(prefix, state_name(state), "", word, NULL);
}

static void offer_reasons(const char *prefix, const char *word)
{
	unsigned int why;

	for (why = 1; reason_name(why); why++)
		offer(prefix, reason_name(why), "", word, NULL);
}

/* The part of a word before the last item of a list, with the option's name. */
static const char *list_prefix(const char *prefix, const char *word,
			       char *buffer, size_t size)
{
	const char *comma = strrchr(word, ',');

	if (!comma)
		return prefix;
	snprintf(buffer, size, "%.*s", (int)(comma + 1 - word), word);
	return buffer;
}

/* Offer the words of a kind; the word to be completed begins with a prefix. */
static void offer_kind(enum completes kind, const char *prefix,
		       const char *word)
{
	char buffer[256];
	size_t i;

	switch (kind) {
	case COMPLETES_QUEUE:
		offer_queues(prefix, word);
		break;
	case COMPLETES_TOPIC:
		offer_topics(prefix, word);
		break;
	case COMPLETES_FILTER:
		offer_filters(word);
		break;
	case COMPLETES_OPTION:
		offer_options(word, "=");
		break;
	case COMPLETES_OPTION_NAME:
		offer_options(word, "");
		break;
	case COMPLETES_COLUMN:
		offer_columns(prefix, word);
		break;
	case COMPLETES_COLUMNS:
		offer_columns(list_prefix(prefix, word, buffer,
					  sizeof(buffer)), word);
		break;
	case COMPLETES_STATES:
		offer_states(list_prefix(prefix, word, buffer,
					 sizeof(buffer)), word);
		break;
	case COMPLETES_REASON:
		offer_reasons(prefix, word);
		break;
	case COMPLETES_ACTION:
		for (i = 0; settle_actions[i]; i++)
			offer(prefix, settle_actions[i], "", word, NULL);
		break;
	case COMPLETES_COMMAND:
		offer_commands(word);
		break;
	case COMPLETES_JOURNAL:
		offer_journals(word);
		break;
	default:	/* the shell completes it, or nobody */
		break;
	}
}

/* The kind of an option's value, by the word that help has for it. */
static enum completes value_kind(const struct opt *opt)
{
	static const struct {
		const char	*value;
		enum completes	kind;
	} kinds[] = {
		{ "STATE,...", COMPLETES_STATES },
		{ "COL,COL...", COMPLETES_COLUMNS },
		{ "COL", COMPLETES_COLUMN },
		{ "QUEUE", COMPLETES_QUEUE },
		{ "REASON", COMPLETES_REASON },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i].value, opt->value))
			return kinds[i].kind;
	}
	return COMPLETES_NOTHING;
}

static const struct opt *opt_of_word(const struct command *command,
				     const char *word)
{
	const struct opt *opt;
	size_t size = strcspn(word, "=");

	for (opt = command->opts; opt->name; opt++) {
		if (!strncmp(word, "--", 2) && size > 2 &&
		    strlen(opt->name) == size - 2 &&
		    !memcmp(word + 2, opt->name, size - 2))
			return opt;
		if (opt->code < OPT_LONG && word[0] == '-' &&
		    word[1] == opt->code && !word[2])
			return opt;
	}
	return NULL;
}

/* Go through all words but the last, as args_next() does. */
static void find_place(struct place *place, int argc, char **argv)
{
	const struct opt *opt;
	int i;

	for (i = 1; i < argc - 1; i++) {
		place->opt = NULL;
		if (place->command->tail && place->operands == 2) {
			place->tail = true;
		} else if (!place->ended && !strcmp(argv[i], "--")) {
			place->ended = true;
		} else if (!place->ended && argv[i][0] == '-' && argv[i][1]) {
			opt = opt_of_word(place->command, argv[i]);
			if (opt && opt->value && !strchr(argv[i], '='))
				place->opt = opt;
		} else {
			place->operands++;
			continue;
		}
		/* Its value is the next word, which is not an operand. */
		if (place->opt && i < argc - 2) {
			place->opt = NULL;
			i++;
		}
	}
	if (place->command->tail && place->operands == 2)
		place->tail = true;
}

static void offer_opts(const struct command *command, const char *word)
{
	const struct opt *opt;
	char name[64];

	for (opt = command->opts; opt->name; opt++) {
		snprintf(name, sizeof(name), "--%s", opt->name);
		offer("", name, opt->value ? "=" : "", word, opt->help);
	}
}

static enum completes operand_kind(const struct command *command, int index)
{
	int last = 0;

	if (command->max >= 0 && index >= command->max)
		return COMPLETES_NOTHING;
	while (last + 1 < OPERANDS_MAX && command->operands[last + 1])
		last++;
	return command->operands[index < last ? index : last];
}

static void complete_command(const struct command *command, int argc,
			     char **argv)
{
	struct place place = { .command = command };
	const char *word = argv[argc - 1], *equals = strchr(word, '=');
	const struct opt *opt;
	char prefix[128];

	find_place(&place, argc, argv);
	if (place.tail)
		return;
	if (place.opt) {
		offer_kind(value_kind(place.opt), "", word);
	} else if (word[0] == '-' && equals && !place.ended) {
		opt = opt_of_word(command, word);
		snprintf(prefix, sizeof(prefix), "%.*s",
			 (int)(equals + 1 - word), word);
		if (opt && opt->value)
			offer_kind(value_kind(opt), prefix, word);
	} else if (word[0] == '-' && !place.ended) {
		offer_opts(command, word);
	} else {
		offer_kind(operand_kind(command, place.operands), "", word);
	}
}

int show_completions(int argc, char **argv)
{
	const struct command *command;
	int words;

	if (argc <= 1) {
		offer_commands(argc ? argv[0] : "");
		if (argc) {
			offer("", "--help", "", argv[0], "show help");
			offer("", "--version", "", argv[0], "show the version");
		}
		return STATUS_DONE;
	}
	if (argc == 2 && is_group(argv[0])) {
		offer_members(argv[0], argv[1]);
		return STATUS_DONE;
	}
	command = find_command(argc, argv);
	words = command ? command_words(command) : 0;
	if (command)
		complete_command(command, argc - words + 1, argv + words - 1);
	return STATUS_DONE;
}
