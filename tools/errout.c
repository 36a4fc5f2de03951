// SPDX-License-Identifier: GPL-2.0
/* The standard error of the commands that consume runs. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "errout.h"

void errout_begin(struct errout *s, int fd)
{
	s->fd = fd;
	s->last_size = 0;
	s->line_size = 0;
}

/* If it cannot be written, it is lost, as it would be without consume. */
static void pass_on(const char *bytes, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(STDERR_FILENO, bytes, size);
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
}

static bool is_blank(const char *line, size_t size)
{
	while (size && (*line == ' ' || *line == '\t' || *line == '\r')) {
		line++;
		size--;
	}
	return !size;
}

static void end_line(struct errout *s)
{
	if (!is_blank(s->line, s->line_size)) {
		memcpy(s->last, s->line, s->line_size);
		s->last_size = s->line_size;
	}
	s->line_size = 0;
}

static void note(struct errout *s, const char *bytes, size_t size)
{
	for (; size; bytes++, size--) {
		if (*bytes == '\n')
			end_line(s);
		else if (s->line_size < ERROUT_LINE)
			s->line[s->line_size++] = *bytes;
	}
}

void errout_read(struct errout *s)
{
	char bytes[4096];
	ssize_t n;

	while (s->fd >= 0) {
		n = read(s->fd, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(s->fd);
			s->fd = -1;
			return;
		}
		pass_on(bytes, (size_t)n);
		note(s, bytes, (size_t)n);
	}
}

size_t errout_last(const struct errout *s, const char **line)
{
	bool open = !is_blank(s->line, s->line_size);
	size_t size = open ? s->line_size : s->last_size;

	*line = open ? s->line : s->last;
	while (size && ((*line)[size - 1] == '\r' || (*line)[size - 1] == ' '))
		size--;
	return size;
}
