// SPDX-License-Identifier: GPL-2.0
/* Moving a journal to another file while it is used: journal move. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "complain.h"
#include "journal_new.h"
#include "journal_use.h"
#include "units.h"

#define OPT_SIZE	(OPT_LONG + 0)

/* How often it is said how far it is. */
#define PROGRESS_NS	200000000

struct move {
	const char	*name;
	const char	*path;
	uint64_t	size;		/* of a new file; 0: as large as the old one */
	bool		done;		/* atomic */
};

static int find_journal(const char *name, struct devmq_journal_info *info)
{
	struct devmq_journal_info *infos;
	int i, n = devmq_journal_list(&infos, sizeof(*infos)), err = -ENOENT;

	if (n < 0)
		return n;
	for (i = 0; err && i < n; i++) {
		if (strcmp(infos[i].name, name))
			continue;
		*info = infos[i];
		err = 0;
	}
	free(infos);
	return err;
}

/* -- progress ------------------------------------------------------------------- */

static void show_progress(const struct move *m)
{
	struct devmq_journal_info info;
	char of[UNITS_TEXT_MAX];

	if (find_journal(m->name, &info) || !info.moved)
		return;
	format_size(info.live, of);
	fprintf(stderr, "\r%s: %" PRIu64 "%% of %s", m->path,
		(uint64_t)(info.moved * 100 / info.live), of);
}

static void *run_progress(void *argument)
{
	const struct timespec pause = { .tv_nsec = PROGRESS_NS };
	struct move *m = argument;

	while (!__atomic_load_n(&m->done, __ATOMIC_ACQUIRE)) {
		nanosleep(&pause, NULL);
		show_progress(m);
	}
	return NULL;
}

/* A signal is to end the call of the other thread, not a pause of this one. */
static bool start_progress(struct move *m, pthread_t *thread)
{
	sigset_t all, old;
	bool runs;

	if (!isatty(STDERR_FILENO))
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	runs = !pthread_create(thread, NULL, run_progress, m);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return runs;
}

/* -- moving --------------------------------------------------------------------- */

static int move_to(struct move *m, const struct journal_file *file)
{
	char why[JOURNAL_REASON_MAX] = "";
	pthread_t thread;
	bool shows = start_progress(m, &thread);
	int err = devmq_journal_move(m->name, file->fd, 0, why, sizeof(why));

	__atomic_store_n(&m->done, true, __ATOMIC_RELEASE);
	if (shows) {
		pthread_join(thread, NULL);
		fprintf(stderr, "\r\033[K");
	}
	return err ? journal_use_complain(m->name, err, "cannot move", why) :
		     STATUS_DONE;
}

/* Make a file like that of the journal. */
static int make_file(struct move *m, struct journal_file *file,
		     const struct devmq_journal_info *info)
{
	u64 size = m->size ? m->size : info->bytes + MQ_J_SEGMENTS;
	struct mq_j_shape shape;
	int status;

	status = journal_new_shape(&shape, m->path, size, info->segment_size) ?:
		 journal_file_make(file, m->path);
	if (status)
		return status;
	status = journal_new_zero(file, &shape) ?: journal_new_make(file, &shape);
	return status ?: move_to(m, file);
}

static int move(struct move *m)
{
	struct devmq_journal_info info;
	struct journal_file file = { .fd = -1 };
	struct stat st;
	int err, status;

	err = find_journal(m->name, &info);
	if (err)
		return journal_use_complain(m->name, err, "cannot move",
					    err == -ENOENT ?
					    "no such journal is attached" : "");
	if (stat(m->path, &st)) {
		status = make_file(m, &file, &info);
	} else if (m->size) {
		complain(m->path, 0, "cannot create: it exists already");
		return STATUS_EXISTS;
	} else {
		status = journal_file_open(&file, m->path, O_RDWR);
		if (!status)
			status = move_to(m, &file);
	}
	return file.fd < 0 ? status : journal_file_close(&file, status);
}

static int run_move(struct args *args)
{
	struct move m = { .name = NULL };
	uint64_t bytes;

	while (args_next(args)) {
		if (parse_size(args->value, &bytes) || !bytes)
			usage(args, "--%s: '%s' is not a size such as 256M",
			      args->opt->name, args->value);
		m.size = bytes;
	}
	m.name = args->operands[0];
	m.path = args->operands[1];
	if (devmq_check_name(m.name))
		usage(args, "'%s' is not a journal's name " NAME_RULE, m.name);
	journal_file_catch_signals();
	return move(&m);
}

static const struct opt move_opts[] = {
	{ OPT_SIZE, "size", "SIZE", "how large a new file may be" },
	OPTS_END
};

const struct command cmd_journal_move = {
	.name = "journal move",
	.run = run_move,
	.synopsis = "NAME FILE [--size=SIZE]",
	.summary = "Move a journal to another file while it is used",
	.text =
"Writes all that the queues of the journal have to FILE, and goes on there. Its\n"
"queues are used meanwhile. A journal that has failed works again afterwards:\n"
"what is alive is in memory, and nothing of it is lost.\n"
"\n"
"If FILE does not exist, it is made, as large as the old one unless --size is\n"
"given; the exit status is 4 if there is a file then. Otherwise it is a journal\n"
"without queues (journal create), on a block device, too, or one that was moved\n"
"itself. It must have room for what is alive, and its segments must not be\n"
"smaller than those of the old one.\n"
"\n"
"Afterwards the old file cannot be attached any more, so that old messages cannot\n"
"come back, and may be removed. If journals are attached at boot, write the new\n"
"path into the file that says so. If the move fails or is interrupted, the\n"
"journal is where it was, and a file that was made is removed. After a crash\n"
"attach FILE; if the answer is that a move to it was not completed, attach the\n"
"old file, which has everything.",
	.opts = move_opts,
	.operands = { COMPLETES_JOURNAL, COMPLETES_FILE },
	.min = 2,
	.max = 2,
};
