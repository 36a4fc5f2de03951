// SPDX-License-Identifier: GPL-2.0
/* Put something into a new journal: journal_fixture FILE [torn|flushed|forged] */
#include <fcntl.h>
#include <unistd.h>

#include "journal_fixture.h"

static int fd;

static int file_write(void *context, u64 at, const void *data, u32 size)
{
	return pwrite(fd, data, size, at) == size ? 0 : -EIO;
}

static int file_flush(void *context)
{
	return 0;
}

int main(int argc, char **argv)
{
	struct journal_sink sink = { file_write, file_flush, NULL };
	enum fixture_tail tail = FIXTURE_WHOLE;
	struct mq_j_shape shape;
	struct mq_j_super super;

	if (argc > 2)
		tail = !strcmp(argv[2], "torn") ? FIXTURE_TORN :
		       !strcmp(argv[2], "forged") ? FIXTURE_FORGED :
		       !strcmp(argv[2], "twice") ? FIXTURE_TWICE :
		       FIXTURE_FLUSHED;
	fd = argc > 1 ? open(argv[1], O_RDWR) : -1;
	if (fd < 0 || pread(fd, &super, sizeof(super), 0) != sizeof(super) ||
	    mq_j_super_check(&super, &shape) ||
	    fixture_write(&sink, &shape, tail)) {
		fputs("journal_fixture: failed\n", stderr);
		return 1;
	}
	return 0;
}
