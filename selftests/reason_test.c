// SPDX-License-Identifier: GPL-2.0
/*
 * What a read of the control node returns: after a command that failed, a line
 * that says why; on a new descriptor, the table of all options.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include <ctype.h>

#include "mq_test.h"
#include "fixtures/control.h"

/* Can @c be part of a name? */
static bool is_inside(char c)
{
	return isalnum(c) || c == '_' || c == '-';
}

/* Does @text contain @word, as a whole word? */
static bool mentions(const char *text, const char *word)
{
	const char *found = text;
	size_t size = strlen(word);

	while ((found = strstr(found, word))) {
		if ((found == text || !is_inside(found[-1])) &&
		    (!found[size] || !is_inside(found[size])))
			return true;
		found++;
	}
	return false;
}

/* -- the reason of a failure ----------------------------------------------- */

/*
 * Run a command that fails, and check that the line read after it names @word.
 */
static int reason_names(int fd, const char *word, int error,
			const char *command)
{
	char text[1024], byte;
	ssize_t done = mq_put(fd, command);

	if (done != error) {
		fprintf(stderr, "# \"%s\": %zd instead of %d\n", command, done,
			error);
		return -EINVAL;
	}
	memset(text, MQ_POISON, sizeof(text));
	done = mq_read(fd, text, sizeof(text) - 1);
	if (done <= 0) {
		fprintf(stderr, "# no reason: %zd\n", done);
		return -ENODATA;
	}
	text[done] = '\0';
	if (strlen(text) != (size_t)done || strchr(text, '\n') != text + done - 1) {
		fprintf(stderr, "# not one line: \"%s\"\n", text);
		return -EBADMSG;
	}
	if (!mentions(text, word)) {
		fprintf(stderr, "# no word \"%s\" in \"%s\"\n", word, text);
		return -ENOMSG;
	}
	done = mq_read(fd, &byte, 1);
	if (done) {
		fprintf(stderr, "# no end of file after the line\n");
		return -EOVERFLOW;
	}
	return 0;
}

TEST_F(control, reason_names_the_offending_word)
{
	static const struct {
		int error;
		const char *word, *command;
	} cases[] = {
		{ -EINVAL, "frobnicate", "frobnicate %s" },
		{ -EINVAL, "bound", "bound %s other" },
		{ -ENOENT, "other", "bind other %s" },
		{ -ENOENT, "other", "unbind other %s key=a" },
		{ -EINVAL, "kee=a", "bind other %s kee=a" },
		{ -EINVAL, "a/b", "create a/b" },
		{ -EINVAL, "..", "create .." },
		{ -EINVAL, "retain_ms", "create %s retain_ms=5" },
		{ -ERANGE, "retry_backoff", "create %s retry_backoff=0" },
		{ -ENOENT, "dead_letter", "create %s dead_letter=no.such" },
		{ -ENOENT, "no.such", "create %s dead_letter=no.such" },
		{ -EINVAL, "overflow", "create %s overflow=dead-letter" },
		{ -EINVAL, "colour", "create %s max_bytes=5 colour=red" },
		{ -EINVAL, "overflow", "create %s overflow=sometimes" },
		{ -EINVAL, "sometimes", "create %s overflow=sometimes" },
		{ -EINVAL, "framing", "create %s ack=auto framing=xml" },
		{ -ENOTCONN, "journal", "create %s type=topic journal=j" },
		{ -EINVAL, "ttl_ms", "create %s ttl_ms=5 type=topic" },
		{ -EINVAL, "alternate", "create %s alternate=other" },
		{ -EINVAL, "retain_memory_bytes", "create %s retain_memory_bytes=1" },
		{ -EINVAL, "retain_memory_bytes",
		  "create %s type=topic retain_memory_bytes=1" },
		{ -ENOENT, "alternate", "create %s type=topic alternate=other" },
		{ -EINVAL, "max_messages", "create %s max_messages=many" },
		{ -ERANGE, "max_messages", "create %s max_messages=0" },
		{ -ERANGE, "prefetch", "create %s prefetch=65536" },
		{ -EINVAL, "eof", "create %s eof=empty eof=empty" },
		{ -EINVAL, "nonsense", "create %s nonsense" },
		{ -EINVAL, "now", "remove %s now" },
	};
	char command[256];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(command, sizeof(command), cases[i].command,
			 self->queue.name);
		EXPECT_EQ(0, reason_names(self->fd, cases[i].word,
					  cases[i].error, command)) {
			TH_LOG("after \"%s\"", command);
		}
	}
	EXPECT_FALSE(exists(self->queue.name));
}

TEST_F(control, reason_names_the_queue)
{
	char command[256];
	int fd;

	snprintf(command, sizeof(command), "remove %s", self->queue.name);
	EXPECT_EQ(0, reason_names(self->fd, self->queue.name, -ENOENT,
				  command));
	snprintf(command, sizeof(command), "create %s", self->queue.name);
	ASSERT_EQ(strlen(command), mq_put(self->fd, command));
	EXPECT_EQ(0, reason_names(self->fd, self->queue.name, -EEXIST,
				  command));
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "x"));
	snprintf(command, sizeof(command), "remove %s", self->queue.name);
	EXPECT_EQ(0, reason_names(self->fd, self->queue.name, -ENOTEMPTY,
				  command));
	snprintf(command, sizeof(command), "create %s", LONG_NAME "4");
	EXPECT_EQ(0, reason_names(self->fd, LONG_NAME "4", -ENAMETOOLONG,
				  command));
}

TEST_F(control, reason_can_be_read_in_pieces)
{
	char whole[512], pieces[512], command[128];
	ssize_t got;
	int used = 0;

	snprintf(command, sizeof(command), "remove %s", self->queue.name);
	ASSERT_EQ(-ENOENT, mq_put(self->fd, command));
	ASSERT_LT(0, read_all(self->fd, whole, sizeof(whole)));
	ASSERT_EQ(-ENOENT, mq_put(self->fd, command));
	while ((got = mq_read(self->fd, pieces + used, 3)) > 0)
		used += got;
	EXPECT_EQ(0, got);
	pieces[used] = '\0';
	EXPECT_STREQ(whole, pieces);
}

TEST_F(control, success_reads_as_end_of_file)
{
	char command[128], byte;

	snprintf(command, sizeof(command), "create %s", self->queue.name);
	ASSERT_EQ(strlen(command), mq_put(self->fd, command));
	EXPECT_EQ(0, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(0, mq_read(self->fd, &byte, 1));
}

TEST_F(control, success_forgets_the_reason_before_it)
{
	char command[128], byte;

	ASSERT_EQ(-EINVAL, mq_put(self->fd, "nonsense"));
	snprintf(command, sizeof(command), "create %s", self->queue.name);
	ASSERT_EQ(strlen(command), mq_put(self->fd, command));
	EXPECT_EQ(0, mq_read(self->fd, &byte, 1));
}

TEST_F(control, new_reason_replaces_the_old_one)
{
	char command[128], byte;

	ASSERT_EQ(-EINVAL, mq_put(self->fd, "nonsense"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	snprintf(command, sizeof(command), "remove %s", self->queue.name);
	EXPECT_EQ(0, reason_names(self->fd, self->queue.name, -ENOENT,
				  command));
}

TEST_F(control, reason_belongs_to_its_descriptor)
{
	char mine[4096], other[4096];
	int fd = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(-EINVAL, mq_put(self->fd, "nonsense"));
	ASSERT_EQ(-EINVAL, mq_put(fd, "rubbish"));
	ASSERT_LT(0, read_all(self->fd, mine, sizeof(mine)));
	ASSERT_LT(0, read_all(fd, other, sizeof(other)));
	EXPECT_TRUE(mentions(mine, "nonsense"));
	EXPECT_FALSE(mentions(mine, "rubbish"));
	EXPECT_TRUE(mentions(other, "rubbish"));
	close(fd);
}

TEST_F(control, reason_into_a_bad_pointer_is_efault_and_stays)
{
	char text[512];

	ASSERT_EQ(-EINVAL, mq_put(self->fd, "nonsense"));
	EXPECT_EQ(-EFAULT, mq_read(self->fd, MQ_BAD_POINTER, 100));
	ASSERT_LT(0, read_all(self->fd, text, sizeof(text)));
	EXPECT_TRUE(mentions(text, "nonsense"));
}

TEST_F(control, reason_has_no_control_characters)
{
	static const char * const bad[] = {
		"create a\x01\x02\x1b[31m", "create %s x\x7fy=1", "\xff\xfe",
		"create %s overflow=\x1b]0;",
	};
	char command[256], text[1024];
	unsigned int i;
	char *c;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(command, sizeof(command), bad[i], self->queue.name);
		EXPECT_EQ(-EINVAL, mq_put(self->fd, command));
		ASSERT_LT(0, read_all(self->fd, text, sizeof(text)));
		for (c = text; *c; c++) {
			EXPECT_TRUE(*c == '\n' ||
				    (unsigned char)*c >= ' ') {
				TH_LOG("byte %02x after command %u",
				       (unsigned char)*c, i);
			}
		}
	}
}

TEST_F(control, fresh_descriptor_reads_the_option_table)
{
	static const char * const names[] = {
		"type", "mode", "uid", "gid", "max_messages", "max_bytes",
		"max_message_size", "overflow", "framing", "eof",
		"allow_empty", "ack", "prefetch", "lease_ms",
		"max_deliveries", "max_dead", "dead_letter", "journal", "on_expiry",
		"dead_ttl_ms", "retry_ms", "retry_backoff", "retry_max_ms", "delay_ms",
		"ttl_ms", "priorities", "order",
		"fairness", "dedup_window_ms", "dedup_max", "single_active",
		"paused", "auto_delete", "expires_ms", "alternate",
		"on_unrouted", "retain_messages", "retain_bytes",
		"retain_memory_bytes", "retain_ms", "compact", "tombstone_ms",
	};
	static const char * const both[] = {
		"type", "mode", "uid", "gid", "max_bytes", "max_message_size",
		"framing", "allow_empty", "journal", "paused", "auto_delete",
		"expires_ms",
	};
	static const char * const topics[] = {
		"alternate", "on_unrouted", "retain_messages", "retain_bytes",
		"retain_memory_bytes", "retain_ms", "compact", "tombstone_ms",
	};
	static const char * const fixed[] = {
		"type", "mode", "uid", "gid", "framing", "priorities", "order",
		"fairness", "journal",
	};
	char text[16384], *line, *rest, *next, *word[6];
	unsigned int i, j, found[ARRAY_SIZE(names)] = {};
	const char *what;
	bool is_live;
	char byte;

	ASSERT_LT(0, read_all(self->fd, text, sizeof(text)));
	EXPECT_EQ('\n', text[strlen(text) - 1]);
	EXPECT_EQ(0, mq_read(self->fd, &byte, 1));
	for (line = text; *line; line = next) {
		next = strchr(line, '\n');
		ASSERT_NE(NULL, next);
		*next++ = '\0';
		if (*line == '#')
			continue;
		rest = line;
		for (i = 0; i < 6; i++) {
			word[i] = strtok_r(rest, " \t", &rest);
			ASSERT_NE(NULL, word[i]) {
				TH_LOG("line too short at word %u", i);
			}
		}
		for (i = 0; i < ARRAY_SIZE(names); i++)
			if (!strcmp(word[0], names[i]))
				break;
		ASSERT_LT(i, ARRAY_SIZE(names)) {
			TH_LOG("unexpected option \"%s\"", word[0]);
		}
		found[i]++;
		is_live = true;
		for (j = 0; j < ARRAY_SIZE(fixed); j++)
			is_live &= strcmp(word[0], fixed[j]) != 0;
		/*
		 * A line has the name, type, default, bounds, live or fixed,
		 * queue, topic or both, description.
		 */
		EXPECT_STREQ(is_live ? "live" : "fixed", word[4]) {
			TH_LOG("option %s", word[0]);
		}
		what = "queue";
		for (j = 0; j < ARRAY_SIZE(both); j++)
			what = strcmp(word[0], both[j]) ? what : "both";
		for (j = 0; j < ARRAY_SIZE(topics); j++)
			what = strcmp(word[0], topics[j]) ? what : "topic";
		EXPECT_STREQ(what, word[5]) {
			TH_LOG("option %s", word[0]);
		}
		EXPECT_LT(3, strlen(rest)) {
			TH_LOG("option %s is not described", word[0]);
		}
	}
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(1, found[i]) {
			TH_LOG("option %s is listed %u times", names[i],
			       found[i]);
		}
	}
}

TEST_F(control, option_table_can_be_read_in_pieces)
{
	char whole[16384], pieces[16384];
	int used = 0, fd = open(MQ_CONTROL, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	ASSERT_LE(0, fd);
	ASSERT_LT(0, read_all(fd, whole, sizeof(whole)));
	while ((got = mq_read(self->fd, pieces + used, 7)) > 0)
		used += got;
	EXPECT_EQ(0, got);
	pieces[used] = '\0';
	EXPECT_STREQ(whole, pieces);
	close(fd);
}

TEST_HARNESS_MAIN
