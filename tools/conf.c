// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "assignment.h"
#include "complain.h"
#include "conf.h"
#include "filter.h"
#include "options.h"
#include "text.h"

#define BLANKS	" \t"

static void NORETURN no_memory(void)
{
	exit(complain(NULL, -ENOMEM, "cannot read the configuration"));
}

static void *checked(void *memory)
{
	if (!memory)
		no_memory();
	return memory;
}

/* Cut the next word off a line; NULL at its end. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, BLANKS);
	size_t size = strcspn(word, BLANKS);

	*line = word + size;
	if (!size)
		return NULL;
	if (**line)
		*(*line)++ = '\0';
	return word;
}

/* The rest of a line, without blanks around it. */
static char *rest_of(char *line)
{
	size_t size;

	line += strspn(line, BLANKS);
	size = strlen(line);
	while (size && strchr(BLANKS, line[size - 1]))
		line[--size] = '\0';
	return line;
}

/* Check the second word of a line, the name of a queue or a journal. */
static int check_name(const char *where, const char *name, const char *whose)
{
	if (name && !devmq_check_name(name))
		return STATUS_DONE;
	if (name)
		complain(where, 0, "'%s' is not %s name " NAME_RULE, name, whose);
	else
		complain(where, 0, "%s name is missing", whose);
	return STATUS_USAGE;
}

/* -- journals ------------------------------------------------------------------ */

static int check_journal(const struct conf *conf, const struct conf_journal *j)
{
	int i, status = check_name(j->where, j->name, "a journal's");

	if (status)
		return status;
	if (*j->path != '/') {
		complain(j->where, 0, "journal %s: '%s' is not an absolute path",
			 j->name, j->path);
		return STATUS_USAGE;
	}
	for (i = 0; i < conf->journal_count; i++) {
		const struct conf_journal *other = &conf->journals[i];
		bool name = !strcmp(other->name, j->name);

		if (!name && strcmp(other->path, j->path) != 0)
			continue;
		complain(j->where, 0, "%s is in %s already", name ? j->name :
			 j->path, other->where);
		return STATUS_USAGE;
	}
	return STATUS_DONE;
}

static void free_journal(struct conf_journal *j)
{
	free(j->where);
	free(j->text);
}

static int add_journal(struct conf *conf, struct conf_journal *j, char *line)
{
	int status;

	j->name = next_word(&line);
	j->path = rest_of(line);
	status = check_journal(conf, j);
	if (status) {
		free_journal(j);
		return status;
	}
	conf->journals = checked(reallocarray(conf->journals,
					      (size_t)conf->journal_count + 1,
					      sizeof(*j)));
	conf->journals[conf->journal_count++] = *j;
	return STATUS_DONE;
}

/* -- queues -------------------------------------------------------------------- */

static bool is_plain(const char *word)
{
	for (; *word; word++) {
		if (*word <= ' ' || *word > '~')
			return false;
	}
	return true;
}

/* Check that an option exists, and comes once. */
static int check_option(const struct conf_queue *q, const char *word)
{
	const struct creation *want = &q->want;
	size_t size = strcspn(word, "=");
	struct option_row row;
	struct guess guess;
	char *text, *name;
	bool known;
	int i;

	for (i = 0; i < want->count; i++) {
		if (!strncmp(want->words[i], word, size + 1)) {
			complain(q->where, 0, "option '%.*s' is given twice",
				 (int)size, word);
			return STATUS_USAGE;
		}
	}
	known = option_find(word, size, &text, &row) || !text;
	free(text);
	if (known)
		return STATUS_DONE;
	name = checked(strndup(word, size));
	guess = (struct guess)GUESS(name);
	option_guess(&guess);
	complain(q->where, 0, "no option '%s'%s", name, guess_hint(&guess));
	free(name);
	return STATUS_OPTION;
}

static int add_word(struct conf_queue *q, char *word)
{
	struct creation *want = &q->want;
	size_t room = (size_t)want->count + 1;
	struct assignment_fault fault;
	char *value = NULL;
	int status;

	if (!is_plain(word)) {
		complain(q->where, 0, "'%s' has a character that no option has",
			 word);
		return STATUS_USAGE;
	}
	value = assignment_plain(word, &fault);
	if (!value) {
		complain(q->where, 0, "%s", fault.why);
		return fault.status;
	}
	status = check_option(q, word);
	if (status) {
		free(value);
		return status;
	}
	want->words = checked(reallocarray(want->words, room, sizeof(char *)));
	want->values = checked(reallocarray(want->values, room, sizeof(char *)));
	want->words[want->count] = word;
	want->values[want->count++] = value;
	return STATUS_DONE;
}

static int check_queue(const struct conf *conf, const struct conf_queue *q)
{
	int i, status = check_name(q->where, q->want.name, "a queue's");

	for (i = 0; !status && i < conf->queue_count; i++) {
		const struct conf_queue *other = &conf->queues[i];

		if (strcmp(other->want.name, q->want.name) != 0)
			continue;
		complain(q->where, 0, "%s is in %s already", q->want.name,
			 other->where);
		status = STATUS_USAGE;
	}
	return status;
}

static void free_queue(struct conf_queue *q)
{
	int i;

	for (i = 0; i < q->want.count; i++)
		free(q->want.values[i]);
	free(q->want.values);
	free(q->want.words);
	free(q->where);
	free(q->text);
}

static int add_queue(struct conf *conf, struct conf_queue *q, char *line)
{
	char *word;
	int status;

	q->want.name = next_word(&line);
	status = check_queue(conf, q);
	while (!status && (word = next_word(&line)))
		status = add_word(q, word);
	if (status) {
		free_queue(q);
		return status;
	}
	conf->queues = checked(reallocarray(conf->queues,
					    (size_t)conf->queue_count + 1,
					    sizeof(*q)));
	conf->queues[conf->queue_count++] = *q;
	return STATUS_DONE;
}

/* -- bindings ------------------------------------------------------------------ */

static void free_binding(struct conf_binding *b)
{
	free(b->filter);
	free(b->where);
	free(b->text);
}

/* Read the filter, which is the rest of the line. */
static int add_filter(struct conf_binding *b, char *line)
{
	char why[FILTER_WHY_MAX], *word;
	int status = STATUS_DONE;
	size_t count = 0;

	b->filter = checked(calloc(1, sizeof(*b->filter)));
	while (!status && (word = next_word(&line))) {
		if (!filter_check(word, why)) {
			complain(b->where, 0, "%s", why);
			status = STATUS_USAGE;
		}
		b->filter = checked(reallocarray(b->filter, count + 2,
						 sizeof(*b->filter)));
		b->filter[count++] = word;
		b->filter[count] = NULL;
	}
	return status;
}

static int check_binding(const struct conf *conf, const struct conf_binding *b)
{
	int i;

	for (i = 0; i < conf->binding_count; i++) {
		const struct conf_binding *other = &conf->bindings[i];

		if (strcmp(other->topic, b->topic) != 0 ||
		    strcmp(other->queue, b->queue) != 0 ||
		    !filter_same(other->filter, b->filter))
			continue;
		complain(b->where, 0, "this binding of %s to %s is in %s already",
			 b->queue, b->topic, other->where);
		return STATUS_USAGE;
	}
	return STATUS_DONE;
}

static int add_binding(struct conf *conf, struct conf_binding *b, char *line)
{
	int status;

	b->topic = next_word(&line);
	status = check_name(b->where, b->topic, "a topic's");
	if (!status) {
		b->queue = next_word(&line);
		status = check_name(b->where, b->queue, "a queue's");
	}
	status = status ? status : add_filter(b, line);
	status = status ? status : check_binding(conf, b);
	if (status) {
		free_binding(b);
		return status;
	}
	conf->bindings = checked(reallocarray(conf->bindings,
					      (size_t)conf->binding_count + 1,
					      sizeof(*b)));
	conf->bindings[conf->binding_count++] = *b;
	return STATUS_DONE;
}

/* -- lines and files ------------------------------------------------------------ */

static int add_line(struct conf *conf, const char *where, const char *line)
{
	struct conf_journal j = { .name = NULL };
	struct conf_queue q = { .text = NULL };
	struct conf_binding b = { .text = NULL };
	char *text = checked(strdup(line)), *rest = text;
	char *verb = next_word(&rest);

	if (verb && !strcmp(verb, "journal")) {
		j.text = text;
		j.where = checked(strdup(where));
		return add_journal(conf, &j, rest);
	}
	if (verb && !strcmp(verb, "create")) {
		q.text = text;
		q.where = checked(strdup(where));
		return add_queue(conf, &q, rest);
	}
	if (verb && !strcmp(verb, "bind")) {
		b.text = text;
		b.where = checked(strdup(where));
		return add_binding(conf, &b, rest);
	}
	if (verb && *verb != '#')
		complain(where, 0, "'%s': a line is journal NAME FILE, create "
			 "NAME [option=value]... or bind TOPIC QUEUE [filter]...",
			 verb);
	else
		verb = NULL;
	free(text);
	return verb ? STATUS_USAGE : STATUS_DONE;
}

static int read_lines(struct conf *conf, const char *path, FILE *in)
{
	int number = 0, status = STATUS_DONE, bad;
	char *line = NULL, *where;
	size_t room = 0;
	ssize_t size;

	while ((size = getline(&line, &room, in)) >= 0) {
		if (asprintf(&where, "%s:%d", path, ++number) < 0)
			no_memory();
		if (size && line[size - 1] == '\n')
			line[--size] = '\0';
		if (strlen(line) == (size_t)size) {
			bad = add_line(conf, where, line);
		} else {
			complain(where, 0, "the line has a zero byte");
			bad = STATUS_USAGE;
		}
		status = status ? status : bad;
		free(where);
	}
	if (ferror(in)) {
		complain(path, 0, "cannot read: %s", strerror(errno));
		status = STATUS_FAILED;
	}
	free(line);
	return status;
}

static int read_file(struct conf *conf, const char *path)
{
	FILE *in = fopen(path, "re");
	int status;

	if (!in)
		return complain(path, 0, "cannot open: %s", strerror(errno));
	status = read_lines(conf, path, in);
	fclose(in);
	return status;
}

/* The folder cannot be read. That it is missing is no fault. */
static int pass_by(const char *path, int err)
{
	if (err != ENOENT)
		complain(path, 0, "cannot read: %s", strerror(err));
	return err != ENOENT;
}

static int read_all(struct conf *conf)
{
	int status = STATUS_DONE, bad;
	glob_t found;
	size_t i;

	/* No locale is set: the order is that of the bytes. */
	bad = glob(CONF_DIR "/*.conf", 0, pass_by, &found);
	if (bad == GLOB_NOMATCH)
		return STATUS_DONE;
	if (bad == GLOB_NOSPACE)
		no_memory();
	if (bad)
		return STATUS_FAILED;
	for (i = 0; i < found.gl_pathc; i++) {
		bad = read_file(conf, found.gl_pathv[i]);
		status = status ? status : bad;
		conf->files++;
	}
	globfree(&found);
	return status;
}

int conf_read(struct conf *conf, const char *path)
{
	return path ? read_file(conf, path) : read_all(conf);
}

void conf_free(struct conf *conf)
{
	int i;

	for (i = 0; i < conf->journal_count; i++)
		free_journal(&conf->journals[i]);
	for (i = 0; i < conf->queue_count; i++)
		free_queue(&conf->queues[i]);
	for (i = 0; i < conf->binding_count; i++)
		free_binding(&conf->bindings[i]);
	free(conf->journals);
	free(conf->queues);
	free(conf->bindings);
}
