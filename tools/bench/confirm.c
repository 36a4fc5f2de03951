// SPDX-License-Identifier: GPL-2.0
/*
 * Messages on stable storage: how many a second are confirmed, beside what the disk
 * can do; what a flood, and messages that stay, do to others; and how long it takes
 * until a journal is there again.
 *
 * A disk's speed changes from one moment to the next. So each round of a peer is
 * followed by one of the raw writer, and the ratio of the two is what counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <devmq.h>

#include "bench.h"
#include "channel.h"
#include "confirm.h"
#include "crowd.h"
#include "raw.h"
#include "result.h"
#include "server.h"
#include "stat.h"

/* The most messages of a round: a journal must have room for them. */
#define ROUND_MAX	60000
/* Confirms whose time is taken. */
#define CONFIRMS	500
/* Messages that a flood leaves in its queue. */
#define FLOOD_LAG	4096
/* The slow queue gets and loses a batch for so many of the fast one. */
#define SLOW_EACH	16

static const char *confirm_refused(const struct peer *peer,
				   const struct setup *setup)
{
	if (!(peer->can & CAN_CONFIRM))
		return "it does not say when a message is on stable storage";
	return why_not(peer, setup);
}

static const char *durable_refused(const struct peer *peer,
				   const struct setup *setup)
{
	if (peer != &peer_durable)
		return "it has no journal";
	return why_not(peer, setup);
}

/* ----------------------------------------------------------- confirms */

static int produce(struct channel *c, struct channel *back, size_t count)
{
	(void)back;
	return channel_fill(c, count);
}

/* Let all producers send @count messages in all, and see how long that takes. */
static int confirm_round(const struct peer *peer, struct setup *setup,
			 unsigned int producers, size_t count, uint64_t *ns)
{
	uint64_t start, end = 0;
	struct crowd crowd;
	struct channel c;
	unsigned int i;
	int err, late;

	setup->depth = count;
	err = channel_open(&c, peer, setup);
	if (err)
		return err;
	err = crowd_open(&crowd);
	for (i = 0; i < producers && !err; i++)
		err = crowd_add(&crowd, produce, &c, NULL, count / producers);
	start = crowd_start(&crowd);
	late = crowd_wait(&crowd, 0, crowd.count, &end);
	crowd_close(&crowd);
	channel_close(&c);
	*ns = end - start;
	return err ? err : late;
}

static int raw_round(struct raw *raw, size_t groups, uint64_t *ns)
{
	uint64_t start = now_ns();
	int err = raw_write(raw, groups);

	*ns = now_ns() - start;
	return err;
}

/* Choose how many messages make a round take the time that was asked for. */
static int confirm_count(const struct plan *plan, const struct peer *peer,
			 struct setup *setup, unsigned int producers,
			 size_t *count)
{
	size_t unit = producers * (setup->batch ? setup->batch : 1);
	uint64_t ns = 0;
	int err;

	*count = plan->count > unit ? plan->count / unit * unit :
				      plan->count ? unit : 8 * unit;
	err = confirm_round(peer, setup, producers, *count, &ns);
	if (!err && !plan->count)
		*count = (size_t)((double)*count * (double)plan->time_ns /
				  (double)ns);
	if (*count > ROUND_MAX)
		*count = ROUND_MAX;
	*count = *count < unit ? unit : *count / unit * unit;
	return err;
}

static int confirm_rounds(const struct plan *plan, const struct peer *peer,
			  struct setup *setup, unsigned int producers,
			  struct raw *raw, struct json_object *o)
{
	size_t unit = producers * (setup->batch ? setup->batch : 1), count;
	double rate[ROUNDS_MAX], limit[ROUNDS_MAX], share[ROUNDS_MAX];
	uint64_t ns = 0, raw_ns = 0;
	unsigned int i;
	int err;

	err = confirm_count(plan, peer, setup, producers, &count);
	for (i = 0; i < plan->rounds && !err; i++) {
		err = confirm_round(peer, setup, producers, count, &ns);
		if (!err && raw)
			err = raw_round(raw, count / unit, &raw_ns);
		rate[i] = (double)count * 1e9 / (double)ns;
		limit[i] = (double)count * 1e9 / (double)(raw_ns ? raw_ns : 1);
		share[i] = 100 * rate[i] / limit[i];
	}
	if (err)
		return err;
	result_number(o, "count", (double)count);
	result_rounds(o, "rate", rate, plan->rounds);
	if (!raw)
		return 0;
	result_number(o, "raw_rate", median(limit, plan->rounds));
	result_number(o, "raw_percent", median(share, plan->rounds));
	return 0;
}

static void run_confirms(const struct plan *plan, const struct load *load,
			 const struct peer *peer, unsigned int producers,
			 unsigned int batch)
{
	struct setup setup = { .size = plan->size, .batch = batch, .sync = true };
	struct json_object *o = result_new(plan, load, peer, &setup);
	const char *reason = confirm_refused(peer, &setup);
	struct raw raw;
	char shape[16];
	int err = 0;

	snprintf(shape, sizeof(shape), "%u", producers);
	result_text(o, "shape", shape);
	result_number(o, "producers", producers);
	if (reason) {
		result_text(o, "reason", reason);
		return;
	}
	if (raw_file)
		err = raw_open(&raw, producers * (batch ? batch : 1), plan->size);
	if (!err) {
		err = confirm_rounds(plan, peer, &setup, producers,
				     raw_file ? &raw : NULL, o);
		if (raw_file)
			raw_close(&raw);
	}
	if (err)
		result_error(o, err);
}

void run_confirm(const struct plan *plan, const struct load *load,
		 const struct peer *peer)
{
	static const unsigned int producers[] = { 1, 8, 64 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(producers); i++)
		run_confirms(plan, load, peer, producers[i], 0);
	for (i = 0; i < ARRAY_SIZE(producers); i++)
		run_confirms(plan, load, peer, producers[i], BATCH);
}

/* --------------------------------------------------------------- flood */

static int take_confirms(struct channel *c, uint64_t *took, size_t count)
{
	uint64_t start;
	size_t i;
	int err = 0;

	for (i = 0; i < count && !err; i++) {
		start = now_ns();
		err = c->peer->send(c);
		took[i] = now_ns() - start;
	}
	return err;
}

/* Send as fast as possible, and keep the queue from getting full. */
static int flood(struct channel *c)
{
	size_t lag = 0;
	int n, err;

	err = c->peer->join(c);
	while (!err) {
		err = c->peer->send_batch(c, BATCH);
		lag += BATCH;
		if (err || lag < FLOOD_LAG)
			continue;
		n = c->peer->recv_batch(c, BATCH);
		err = n < 0 ? n : 0;
		lag -= (size_t)(n > 0 ? n : 0);
	}
	return err;
}

/* Take the times of confirms while another process floods a queue. */
static int take_beside(struct channel *c, struct channel *other, uint64_t *took,
		       size_t count)
{
	int err, status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(-flood(other));
	err = take_confirms(c, took, count);
	/* It does not end by itself. */
	if (waitpid(pid, &status, WNOHANG) == pid)
		return err ? err : WIFEXITED(status) ? -WEXITSTATUS(status) :
						       -ECHILD;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return err;
}

/* The same, with a queue of @peer that is new each time. */
static int take_flooded(struct channel *c, const struct peer *peer,
			uint64_t *took, size_t count)
{
	struct setup setup = c->setup;
	struct channel other;
	int err;

	setup.sync = false;
	setup.batch = BATCH;
	setup.depth = 2 * FLOOD_LAG;
	err = channel_open(&other, peer, &setup);
	if (err)
		return err;
	err = take_beside(c, &other, took, count);
	channel_close(&other);
	return err;
}

/*
 * Take the times of confirms alone, beside a flood of a queue in memory, which takes
 * processor time alone, and beside one of a queue of the same journal.
 */
static int fair_round(struct channel *c, uint64_t *took, size_t count, double *p)
{
	const struct peer *const peers[] = { NULL, &peer_devmq, c->peer };
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(peers); i++) {
		err = peers[i] ? take_flooded(c, peers[i], took, count) :
				 take_confirms(c, took, count);
		if (err)
			return err;
		sort_u64(took, count);
		p[i * ROUNDS_MAX] = (double)permille(took, count, 500);
	}
	return 0;
}

static int fair_rounds(const struct plan *plan, struct channel *c,
		       struct json_object *o)
{
	static const char *const names[] = { "alone_ns", "busy_ns", "beside_ns" };
	size_t count = plan->count ? plan->count : CONFIRMS, i;
	uint64_t *took = calloc(count, sizeof(*took));
	double p[ARRAY_SIZE(names)][ROUNDS_MAX];
	int err = took ? 0 : -ENOMEM;

	for (i = 0; i < plan->rounds && !err; i++)
		err = fair_round(c, took, count, &p[0][i]);
	free(took);
	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		result_number(o, names[i], median(p[i], plan->rounds));
	result_number(o, "percent", 100 * median(p[2], plan->rounds) /
				    median(p[0], plan->rounds));
	return 0;
}

void run_fair(const struct plan *plan, const struct load *load,
	      const struct peer *peer)
{
	size_t count = plan->count ? plan->count : CONFIRMS;
	struct setup setup = {
		.size = plan->size, .sync = true,
		.depth = 3 * plan->rounds * count,
	};
	struct json_object *o = result_new(plan, load, peer, &setup);
	const char *reason = durable_refused(peer, &setup);
	struct channel c;
	int err;

	if (reason) {
		result_text(o, "reason", reason);
		return;
	}
	err = channel_open(&c, peer, &setup);
	if (!err) {
		err = fair_rounds(plan, &c, o);
		channel_close(&c);
	}
	if (err)
		result_error(o, err);
}

/* ------------------------------------------------------------- cleaner */

/* Find the journal. Returns zero or a negative errno. */
static int journal_find(struct devmq_journal_info *info)
{
	struct devmq_journal_info *all;
	int n = devmq_journal_list(&all, sizeof(*all)), i;

	for (i = 0; i < n; i++) {
		if (strcmp(all[i].name, journal_name))
			continue;
		*info = all[i];
		break;
	}
	if (n >= 0)
		free(all);
	return n < 0 ? n : i < n ? 0 : -ENOENT;
}

static int pass_batch(struct channel *c)
{
	int n, err = c->peer->send_batch(c, BATCH);
	unsigned int left = BATCH;

	for (; left && !err; left -= (unsigned int)n) {
		n = c->peer->recv_batch(c, left);
		if (n < 0)
			return n;
	}
	return err;
}

/* Batches go through the fast queue, and some through the slow one, if there is one. */
static int traffic(struct channel *fast, struct channel *slow, size_t count)
{
	size_t i;
	int err = 0;

	for (i = 0; i < count && !err; i++) {
		err = pass_batch(fast);
		if (!err && slow && !(i % SLOW_EACH))
			err = pass_batch(slow);
	}
	return err;
}

static int traffic_rate(struct channel *fast, struct channel *slow, size_t count,
			double *rate)
{
	uint64_t start = now_ns();
	int err = traffic(fast, slow, count);

	*rate = (double)count * BATCH * 1e9 / (double)(now_ns() - start);
	return err;
}

/* Fill the slow queue until half of what the journal can hold is alive. */
static int fill_half(struct channel *fast, struct channel *slow)
{
	struct devmq_journal_info info;
	int err;

	do {
		err = slow->peer->send_batch(slow, BATCH);
		if (!err)
			err = pass_batch(fast);
		if (!err)
			err = journal_find(&info);
	} while (!err && info.live < info.capacity / 2);
	return err;
}

/* As many batches as fill the journal about twice. */
static size_t twice(const struct devmq_journal_info *info,
		    const struct setup *setup)
{
	return 2 * info->bytes / (BATCH * (setup->size + 160));
}

static int cleaner_rounds(const struct plan *plan, struct channel *fast,
			  struct channel *slow, struct json_object *o)
{
	double before, during, after, alone;
	struct devmq_journal_info info;
	size_t count;
	int err;

	err = journal_find(&info);
	if (err)
		return err;
	count = plan->count ? plan->count : twice(&info, &fast->setup);
	err = traffic_rate(fast, NULL, count, &before);
	if (!err)
		err = fill_half(fast, slow);
	/* The cleaner has nothing to do until the journal has gone round. */
	if (!err)
		err = traffic(fast, slow, count);
	if (!err)
		err = traffic_rate(fast, slow, count, &during);
	if (err)
		return err;
	channel_close(slow);
	slow->peer = NULL;
	err = traffic(fast, NULL, count);
	if (!err)
		err = traffic_rate(fast, NULL, count, &after);
	if (err)
		return err;
	alone = (before + after) / 2;
	result_number(o, "alone_rate", alone);
	result_number(o, "beside_rate", during);
	result_number(o, "percent", 100 * during / alone);
	return 0;
}

void run_cleaner(const struct plan *plan, const struct load *load,
		 const struct peer *peer)
{
	struct setup setup = {
		.size = plan->size, .batch = BATCH, .depth = 1 << 20,
	};
	struct setup confirmed = setup;
	struct json_object *o;
	struct channel fast, slow;
	const char *reason;
	int err;

	confirmed.sync = true;
	o = result_new(plan, load, peer, &confirmed);
	reason = durable_refused(peer, &setup);
	if (reason) {
		result_text(o, "reason", reason);
		return;
	}
	err = channel_open(&fast, peer, &confirmed);
	if (!err) {
		err = channel_open(&slow, peer, &setup);
		if (!err) {
			err = cleaner_rounds(plan, &fast, &slow, o);
			if (slow.peer)
				channel_close(&slow);
		}
		channel_close(&fast);
	}
	if (err)
		result_error(o, err);
}

/* ------------------------------------------------------------ recovery */

#define READ_BYTES	(1UL << 20)

/*
 * Read the file of the journal, past the cache. A file system in memory has none, and
 * before Linux 6.6 refuses that.
 */
static int read_all(uint64_t *ns)
{
	uint64_t start = now_ns();
	void *buffer = NULL;
	ssize_t n;
	int fd;

	fd = open(journal_file, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 && errno == EINVAL)
		fd = open(journal_file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || posix_memalign(&buffer, 4096, READ_BYTES))
		return fd < 0 ? -errno : -ENOMEM;
	while ((n = read(fd, buffer, READ_BYTES)) > 0)
		;
	*ns = now_ns() - start;
	free(buffer);
	close(fd);
	return n ? -errno : 0;
}

/* Detach the journal and attach it again. */
static int attach_again(uint64_t *ns)
{
	int fd = open(journal_file, O_RDWR | O_CLOEXEC);
	struct devmq_journal_attach a;
	char reason[256] = "";
	uint64_t start;
	int err;

	if (fd < 0)
		return -errno;
	err = devmq_journal_detach(journal_name, 0, reason, sizeof(reason));
	start = now_ns();
	if (!err)
		err = devmq_journal_attach(journal_name, fd, &a, sizeof(a),
					   reason, sizeof(reason));
	*ns = now_ns() - start;
	close(fd);
	if (err)
		fprintf(stderr, "mqbench: recovery: %s\n", reason);
	return err;
}

static int recovery_rounds(const struct plan *plan, struct json_object *o)
{
	double attach[ROUNDS_MAX], whole[ROUNDS_MAX], ratio[ROUNDS_MAX];
	uint64_t ns = 0, read_ns = 0;
	unsigned int i;
	int err = 0;

	for (i = 0; i < plan->rounds && !err; i++) {
		err = attach_again(&ns);
		if (!err)
			err = read_all(&read_ns);
		attach[i] = (double)ns;
		whole[i] = (double)read_ns;
		ratio[i] = 100 * attach[i] / whole[i];
	}
	if (err)
		return err;
	result_number(o, "attach_ns", median(attach, plan->rounds));
	result_number(o, "read_ns", median(whole, plan->rounds));
	result_number(o, "percent", median(ratio, plan->rounds));
	return 0;
}

void run_recovery(const struct plan *plan, const struct load *load,
		  const struct peer *peer)
{
	struct setup setup = {
		.size = plan->size, .batch = 256,
		.depth = plan->count ? plan->count : 1000000,
	};
	struct json_object *o = result_new(plan, load, peer, &setup);
	const char *reason = durable_refused(peer, &setup);
	struct channel c;
	int err;

	if (!reason && !journal_file)
		reason = "the file of the journal was not named (--journal)";
	if (reason) {
		result_text(o, "reason", reason);
		return;
	}
	err = channel_idle(&c, peer, &setup);
	if (!err) {
		err = peer->join(&c);
		if (!err)
			err = channel_fill(&c, setup.depth);
		if (!err)
			err = peer->leave(&c);
		if (!err)
			err = recovery_rounds(plan, o);
		channel_close(&c);
	}
	result_number(o, "count", (double)setup.depth);
	if (err)
		result_error(o, err);
}
