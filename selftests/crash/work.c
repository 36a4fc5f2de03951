// SPDX-License-Identifier: GPL-2.0
/*
 * work run DISK SECONDS PHASES SEED SIZE: use queues with a journal of that size on
 * a disk, and tell the judge what happens. Runs in the machine.
 *
 * In each phase several processes send, receive and settle, until they are
 * killed in the midst of that; then the journal is detached and attached anew.
 *
 * work attach COUNT: attach the journals on the disks /dev/vda, vdb... one after
 * the other, and print their messages.
 */
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"

#include "crash/crash.h"

#define JOURNAL		"j"
#define BATCH		24
#define WORKERS		23

/* -- telling ------------------------------------------------------------------ */

static const char *disk;
static int told_fd = -1;
static off_t told_at;
static struct crash_block *told;
static uint64_t dice_state;

static void die(const char *what, long long error)
{
	fprintf(stderr, "work: %s: %s\n", what, strerror(-(int)error));
	exit(1);
}

static uint32_t dice(uint32_t n)
{
	dice_state = dice_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (dice_state >> 33) % n;
}

static void tell_open(uint32_t worker)
{
	uint64_t size;

	if (told_fd >= 0)
		close(told_fd);
	told_fd = open(disk, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (told_fd < 0 || ioctl(told_fd, BLKGETSIZE64, &size))
		die(disk, -errno);
	told_at = size - CRASH_TOLD + worker * CRASH_PLACE;
	told = mmap(NULL, CRASH_PLACE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	told->magic = CRASH_MAGIC;
	told->worker = worker;
}

/* Make known what was added. */
static void tell(void)
{
	size_t size = sizeof(*told) + told->count * sizeof(*told->events);

	if (!told->count)
		return;
	told->sequence++;
	size = (size + 511) & ~511UL;
	if (pwrite(told_fd, told, size, told_at) != (ssize_t)size)
		die("telling", -errno);
	told->count = 0;
}

static void add(struct crash_event event)
{
	if (told->count == CRASH_EVENTS)
		tell();
	told->events[told->count++] = event;
}

#define ADD(...)	add((struct crash_event){ __VA_ARGS__ })
#define TELL(...)	do { ADD(__VA_ARGS__); tell(); } while (0)

static void wrong(unsigned int queue, long long error, uint32_t line)
{
	fprintf(stderr, "work: queue %s, line %u: %s\n", crash_names[queue],
		line, strerror(-(int)error));
	TELL(.what = TOLD_WRONG, .queue = queue, .number = line, .id = -error);
	exit(1);
}

#define WRONG(queue, error) wrong(queue, error, __LINE__)

/* -- queues ------------------------------------------------------------------- */

static int queue_open(unsigned int queue, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/mq/%s", crash_names[queue]);
	fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		WRONG(queue, -errno);
	return fd;
}

#define TEXT(x)		#x
#define STRING(x)	TEXT(x)

static const char *options(unsigned int queue)
{
	switch (queue) {
	case QUEUE_MAIN:
		return "dead_letter=dead max_deliveries=3 priorities=4 retry_ms=1 max_messages=300";
	case QUEUE_DEAD:
		return "max_messages=300";
	case QUEUE_DEDUP:
		return "dedup_window_ms=3600000 dedup_max=100000 max_messages=200";
	case QUEUE_KEY:
		return "order=key max_messages=200";
	case QUEUE_ALL:
		return "dead_letter=lost max_deliveries=3 retry_ms=1 max_messages=150";
	case QUEUE_NOW:
		return "allow_empty=1 max_messages=150";
	case QUEUE_EVENTS:
		return "retain_messages=" STRING(CRASH_RETAINED)
		       " retain_memory_bytes=4000 alternate=rest";
	case QUEUE_STATE:
		return "compact=key allow_empty=1 retain_memory_bytes=1";
	default:
		return "max_messages=200";
	}
}

static void queue_create(unsigned int queue, uint32_t incarnation)
{
	int error;

	TELL(.what = TOLD_CREATE, .queue = queue, .incarnation = incarnation);
	error = mq_control("create %s journal=%s %s %s",
			   crash_names[queue], JOURNAL,
			   crash_is_topic(queue) ? "type=topic" : "ack=manual",
			   options(queue));
	if (error)
		WRONG(queue, error);
	TELL(.what = TOLD_CREATED, .queue = queue, .incarnation = incarnation);
}

static void queue_remove(unsigned int queue, uint32_t incarnation)
{
	int error;

	TELL(.what = TOLD_REMOVE, .queue = queue, .incarnation = incarnation);
	error = mq_control("remove %s force", crash_names[queue]);
	/* The last phase may have come that far. */
	if (error && error != -ENOENT)
		WRONG(queue, error);
	TELL(.what = TOLD_REMOVED, .queue = queue, .incarnation = incarnation);
}

/* -- sending ------------------------------------------------------------------ */

static struct mq_batch batch;

static void batch_add(const struct crash_payload *p)
{
	static uint8_t payload[CRASH_PAYLOAD], beside[CRASH_PAYLOAD];
	uint32_t size = crash_fill(p, payload), dedup, headers;
	struct devmq_record *r;
	char key[CRASH_KEY];

	/* The de-duplication id stands where the headers would begin. */
	dedup = crash_dedup(p, (char *)beside);
	headers = crash_headers(p, beside + dedup);
	r = mq_batch_add_full(&batch, key, crash_key(p, key), beside,
			      dedup + headers, payload, size);
	r->dedup_size = dedup;
	r->headers_size = headers;
	r->priority = crash_priority(p);
	r->delay_ns = crash_delay(p);
	r->ttl_ns = crash_ttl(p);
}

/* Send again what was confirmed: it has to be a duplicate. */
static void send_again(int fd, const struct crash_payload *p)
{
	struct devmq_send send = { .size = sizeof(send) };
	int error;

	mq_batch_free(&batch);
	batch_add(p);
	send.records = (uintptr_t)batch.data;
	send.records_size = batch.size;
	error = mq_ioctl(fd, DEVMQ_IOC_SEND, &send);
	if (error == -EAGAIN)
		return;
	if (error || send.result != DEVMQ_SENT_DUP)
		WRONG(p->queue, error);
	TELL(.what = TOLD_DUPLICATE, .queue = p->queue, .producer = p->producer,
	     .number = p->number, .incarnation = p->incarnation,
	     .id = send.first_id);
}

/*
 * Send up to @count messages, from @p->number on. Return how many were taken.
 */
static uint32_t send_some(int fd, const struct crash_payload *p, uint32_t count)
{
	struct devmq_send send = { .size = sizeof(send) };
	struct crash_payload one = *p;
	uint32_t i;
	int error;

	mq_batch_free(&batch);
	for (i = 0; i < count; i++, one.number++)
		batch_add(&one);
	TELL(.what = TOLD_SEND, .queue = p->queue, .producer = p->producer,
	     .number = p->number, .count = count, .incarnation = p->incarnation);
	send.records = (uintptr_t)batch.data;
	send.records_size = batch.size;
	send.flags = dice(4) ? DEVMQ_SEND_SYNC : 0;
	error = mq_ioctl(fd, DEVMQ_IOC_SEND, &send);
	if (error == -EAGAIN)
		send.count = 0;
	else if (error)
		WRONG(p->queue, error);
	TELL(.what = TOLD_SENT, .queue = p->queue, .producer = p->producer,
	     .number = p->number, .count = send.count, .asked = count,
	     .id = send.first_id, .incarnation = p->incarnation,
	     .sync = !!send.flags);
	return send.count;
}

static void synced(int fd, unsigned int queue)
{
	if (fsync(fd))
		WRONG(queue, -errno);
	TELL(.what = TOLD_SYNCED, .queue = queue);
}

static void __attribute__((noreturn))
produce(unsigned int queue, uint32_t producer)
{
	struct crash_payload p = {
		.queue = queue, .incarnation = 1, .producer = producer,
	};
	int fd = queue_open(queue, O_WRONLY);
	uint32_t n;

	for (;;) {
		n = send_some(fd, &p, 1 + (dice(3) ? dice(4) : dice(BATCH)));
		if (!n)
			usleep(2000 + dice(4000));
		p.number += n;
		if (!dice(8))
			synced(fd, queue);
		if (queue == QUEUE_DEDUP && p.number && !dice(4)) {
			struct crash_payload again = p;

			again.number = dice(p.number);
			send_again(fd, &again);
		}
		if (!dice(16))
			usleep(dice(30000));
	}
}

/* -- receiving ---------------------------------------------------------------- */

static struct devmq_settlement settlements[BATCH];
static struct crash_payload taken[BATCH];
static char notes[BATCH][CRASH_KEY];

static uint32_t choose_action(unsigned int queue)
{
	uint32_t n = dice(100);

	if (n < 75 || queue == QUEUE_OLD)
		return DEVMQ_ACTION_ACK;
	if (n < 80)
		return DEVMQ_ACTION_RELEASE;
	if (n < 90 || (queue != QUEUE_MAIN && queue != QUEUE_ALL))
		return DEVMQ_ACTION_RETRY;
	return DEVMQ_ACTION_REJECT;
}

static void settlement_make(struct devmq_settlement *s, char *note,
			    const struct crash_payload *p, uint64_t id,
			    uint32_t action)
{
	memset(s, 0, sizeof(*s));
	s->first_id = id;
	s->last_id = id;
	s->action = action;
	if (action == DEVMQ_ACTION_RETRY)
		s->delay_ns = 1;
	if (action == DEVMQ_ACTION_REJECT) {
		s->reason = crash_reason(p);
		s->note = (uintptr_t)note;
		s->note_size = crash_note(p, note);
	}
}

static void settlements_tell(unsigned int queue, uint32_t n, unsigned int what,
			     bool sync)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		ADD(.what = what, .queue = queue, .sync = sync,
		    .action = settlements[i].action,
		    .producer = taken[i].producer, .number = taken[i].number,
		    .incarnation = taken[i].incarnation,
		    .id = settlements[i].first_id);
	tell();
}

static bool record_identify(struct devmq_record *r, struct crash_payload *p)
{
	return crash_identify((char *)(r + 1) + r->extra_size + r->key_size,
			      r->headers_size, mq_record_payload(r),
			      mq_record_payload_size(r), p);
}

/*
 * Receive up to @max messages and settle them, or leave them in flight. Return
 * how many there were.
 */
static uint32_t consume_some(int fd, unsigned int queue, uint32_t max)
{
	static char buffer[BATCH * (CRASH_PAYLOAD + 512)];
	struct devmq_settle settle = { .size = sizeof(settle) };
	struct devmq_record *r = NULL;
	struct devmq_recv recv;
	uint32_t n = 0;
	int error;

	mq_recv_init(&recv, buffer, sizeof(buffer));
	recv.max_count = max;
	error = mq_ioctl(fd, DEVMQ_IOC_RECV, &recv);
	if (error == -EAGAIN)
		return 0;
	if (error)
		WRONG(queue, error);
	while (n < recv.count &&
	       (r = mq_record_next(buffer, recv.used, r))) {
		if (!record_identify(r, &taken[n]))
			WRONG(queue, -EBADMSG);
		settlement_make(&settlements[n], notes[n], &taken[n], r->id,
				choose_action(queue));
		n++;
	}
	settlements_tell(queue, n, TOLD_TAKEN, false);
	if (!dice(64))
		return n;
	settlements_tell(queue, n, TOLD_SETTLE, false);
	settle.settlements = (uintptr_t)settlements;
	settle.count = n;
	settle.flags = dice(3) ? DEVMQ_SETTLE_SYNC : 0;
	error = mq_ioctl(fd, DEVMQ_IOC_SETTLE, &settle);
	if (error)
		WRONG(queue, error);
	settlements_tell(queue, n, TOLD_SETTLED, settle.flags);
	return n;
}

static void __attribute__((noreturn))
consume(unsigned int queue)
{
	int fd = queue_open(queue, O_RDWR);

	for (;;) {
		if (!consume_some(fd, queue, 1 + dice(queue == QUEUE_OLD ? 1 : BATCH)))
			usleep(1000 + dice(3000));
		if (!dice(12))
			synced(fd, queue);
		if (queue == QUEUE_OLD)
			usleep(200000);
	}
}

/* Dead letters: most get another attempt, some are done with. */
static void __attribute__((noreturn)) bury(unsigned int queue)
{
	int fd = queue_open(queue, O_RDWR);

	for (;;) {
		struct devmq_redrive redrive = { .size = sizeof(redrive) };
		struct devmq_purge purge = { .size = sizeof(purge) };
		int error;

		usleep(20000 + dice(100000));
		if (dice(3)) {
			TELL(.what = TOLD_REDRIVE, .queue = queue);
			error = mq_ioctl(fd, DEVMQ_IOC_REDRIVE, &redrive);
			if (error)
				WRONG(queue, error);
		} else {
			TELL(.what = TOLD_SETTLE, .queue = queue,
			     .action = DEVMQ_ACTION_PURGE);
			error = mq_ioctl(fd, DEVMQ_IOC_PURGE, &purge);
			if (error)
				WRONG(queue, error);
		}
		synced(fd, queue);
	}
}

/* The incarnations of queues, which the next phase needs. */
static uint32_t *incarnations;

/* Remove a queue, and create it again. Return its incarnation. */
static uint32_t queue_anew(unsigned int queue)
{
	uint32_t *incarnation = &incarnations[queue];

	if (*incarnation)
		queue_remove(queue, *incarnation);
	queue_create(queue, ++*incarnation);
	return *incarnation;
}

static void __attribute__((noreturn)) recreate(uint32_t producer)
{
	struct crash_payload p = {
		.queue = QUEUE_AGAIN, .producer = producer,
	};
	int fd, i;

	for (;;) {
		p.incarnation = queue_anew(QUEUE_AGAIN);
		fd = queue_open(QUEUE_AGAIN, O_RDWR);
		for (i = dice(8) ? dice(12) : dice(200); i > 0; i--) {
			p.number += send_some(fd, &p, 1 + dice(6));
			if (!dice(3))
				consume_some(fd, QUEUE_AGAIN, 1 + dice(6));
			/* Another record of what it is. */
			if (!dice(3))
				mq_write_file(MQ_CLASS "/again/max_messages",
					      dice(2) ? "200" : "201");
		}
		close(fd);
		usleep(dice(50000));
	}
}

/* -- topics ------------------------------------------------------------------- */

static void bind_command(const char *command, unsigned int queue, const char *filter)
{
	unsigned int topic = queue == QUEUE_NOW ? QUEUE_STATE : QUEUE_EVENTS;
	int error;

	/* A full journal takes no more bindings until messages have gone. */
	while ((error = mq_control("%s %s %s %s", command, crash_names[topic],
				   crash_names[queue], filter)) == -ENOSPC)
		usleep(1000 + dice(3000));
	/* What a phase unbinds first may not have been bound. */
	if (error && error != -ENOENT)
		WRONG(queue, error);
}

/* The bindings that stay: see verify_topics.c. */
static void bind_all(void)
{
	bind_command("bind", QUEUE_ALL, "key=a.#");
	bind_command("bind", QUEUE_ALL, "key=b.#");
	bind_command("bind", QUEUE_SOME, "key=*.x");
	bind_command("bind", QUEUE_NOW, "");
}

/* A topic in the journal is bound to a queue in memory as well. */
static void memory_queue(const char *command, const char *words)
{
	int error = mq_control("%s memory %s", command, words);

	if (error)
		die("a queue in memory", error);
}

/* That is gone with the journal. */
static void bind_memory(void)
{
	int error = mq_control("bind %s memory key=a.#", crash_names[QUEUE_EVENTS]);

	if (error)
		die("binding a queue in memory", error);
}

static void bind_late(uint32_t filter, bool bind)
{
	TELL(.what = bind ? TOLD_BIND : TOLD_UNBIND, .queue = QUEUE_LATE,
	     .number = filter);
	bind_command(bind ? "bind" : "unbind", QUEUE_LATE, crash_filters[filter]);
	TELL(.what = bind ? TOLD_BOUND : TOLD_UNBOUND, .queue = QUEUE_LATE,
	     .number = filter);
}

static void __attribute__((noreturn)) rebind(void)
{
	bool bound[CRASH_FILTERS] = {};
	uint32_t i;

	for (i = 0; i < CRASH_FILTERS; i++)
		bind_late(i, false);
	for (;;) {
		i = dice(CRASH_FILTERS);
		bound[i] = !bound[i];
		bind_late(i, bound[i]);
		usleep(dice(100000));
	}
}

/* Take all messages, of which nothing is told. */
static void drain(int fd)
{
	static char buffer[BATCH * (CRASH_PAYLOAD + 512)];
	struct devmq_recv recv;
	int error;

	mq_recv_init(&recv, buffer, sizeof(buffer));
	recv.max_count = BATCH;
	error = mq_ioctl(fd, DEVMQ_IOC_RECV, &recv);
	if (!error)
		error = mq_settle(fd, 1, UINT64_MAX, DEVMQ_ACTION_ACK);
	if (error < 0 && error != -EAGAIN)
		WRONG(QUEUE_EARLY, error);
}

/* Again and again, begin with what is retained. */
static void __attribute__((noreturn)) catch_up(void)
{
	int fd, i;

	for (;;) {
		queue_anew(QUEUE_EARLY);
		bind_command("bind", QUEUE_EARLY, "start=earliest key=a.#");
		fd = queue_open(QUEUE_EARLY, O_RDWR);
		for (i = dice(12); i > 0; i--) {
			usleep(dice(50000));
			drain(fd);
		}
		close(fd);
	}
}

/* -- phases ------------------------------------------------------------------- */

static void work(uint32_t worker, uint32_t phase)
{
	uint32_t producer = phase * WORKERS + worker;

	tell_open(worker);
	dice_state = crash_mix(dice_state + producer);
	switch (worker) {
	case 1:
	case 2:
		produce(QUEUE_MAIN, producer);
	case 3:
		produce(QUEUE_DEDUP, producer);
	case 4:
		produce(QUEUE_KEY, producer);
	case 5:
	case 6:
		consume(QUEUE_MAIN);
	case 7:
		consume(QUEUE_DEDUP);
	case 8:
		consume(QUEUE_KEY);
	case 9:
		consume(QUEUE_OLD);
	case 10:
		bury(QUEUE_DEAD);
	case 11:
		recreate(producer);
	case 12:
	case 13:
		produce(QUEUE_EVENTS, producer);
	case 14:
		produce(QUEUE_STATE, producer);
	case 15:
		consume(QUEUE_ALL);
	case 16:
		consume(QUEUE_SOME);
	case 17:
		consume(QUEUE_LATE);
	case 18:
		consume(QUEUE_REST);
	case 19:
		consume(QUEUE_NOW);
	case 20:
		bury(QUEUE_LOST);
	case 21:
		rebind();
	case 22:
		catch_up();
	}
}

static void run(const char *command)
{
	if (system(command)) {
		fprintf(stderr, "work: %s failed\n", command);
		exit(1);
	}
}

static void attach(void)
{
	char command[128];

	snprintf(command, sizeof(command), "./mqctl journal attach %s %s >/dev/null",
		 disk, JOURNAL);
	run(command);
}

/* Run all workers for a while. One that ends by itself has failed. */
static void phase(uint32_t number, double seconds)
{
	pid_t children[WORKERS] = {};
	bool failed = false;
	uint32_t i;

	for (i = 1; i < WORKERS; i++) {
		children[i] = mq_fork();
		if (!children[i])
			work(i, number);
	}
	usleep(seconds * 1000000);
	for (i = 1; i < WORKERS; i++)
		kill(children[i], SIGKILL);
	for (i = 1; i < WORKERS; i++)
		failed |= mq_wait_child(children[i]) != 128 + SIGKILL;
	if (failed)
		exit(1);
}

/* Some queues are there from the start; one has messages that stay. */
static void prepare(void)
{
	struct crash_payload p = {
		.queue = QUEUE_OLD, .incarnation = 1, .producer = 0,
	};
	uint32_t i;
	int fd;

	for (i = 0; i < QUEUES; i++)
		if (i != QUEUE_AGAIN && i != QUEUE_EARLY)
			queue_create(i, 1);
	bind_all();
	fd = queue_open(QUEUE_OLD, O_WRONLY);
	while (p.number < 120)
		p.number += send_some(fd, &p, 1 + dice(BATCH));
	synced(fd, QUEUE_OLD);
	close(fd);
	TELL(.what = TOLD_READY);
}

/* Where the first segment begins. */
#define SEGMENTS	(64 << 10)

/*
 * Let unused places look as if they had been used before: a write that is torn there
 * lacks zeros, too.
 */
static void make_old(void)
{
	int fd = open(disk, O_RDWR | O_CLOEXEC);
	off_t at, end = lseek(fd, 0, SEEK_END) - CRASH_TOLD;
	uint64_t page[4096 / sizeof(uint64_t)];
	static const typeof(page) zeros;
	unsigned int i;

	for (at = SEGMENTS; at < end; at += sizeof(page)) {
		if (pread(fd, page, sizeof(page), at) != sizeof(page))
			break;
		if (memcmp(page, zeros, sizeof(page)))
			continue;
		for (i = 0; i < sizeof(page) / sizeof(*page); i++)
			page[i] = crash_mix(at + i);
		if (pwrite(fd, page, sizeof(page), at) != sizeof(page))
			break;
	}
	if (at < end || fsync(fd)) {
		perror(disk);
		exit(1);
	}
	close(fd);
}

static int work_run(char **argv)
{
	uint32_t i, phases = atoi(argv[2]);
	double seconds = atof(argv[1]);
	char command[128];

	disk = argv[0];
	dice_state = crash_mix(atoll(argv[3]));
	incarnations = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(command, sizeof(command),
		 "./mqctl journal create --force --size=%s %s >/dev/null",
		 argv[4], disk);
	run(command);
	make_old();
	attach();
	tell_open(0);
	prepare();
	memory_queue("create", "overflow=drop-head max_messages=40");
	for (i = 0; i < phases; i++) {
		bind_memory();
		phase(i, seconds);
		run(i % 2 ? "./mqctl journal detach " JOURNAL " --force" :
			    "./mqctl journal detach " JOURNAL);
		if (i + 1 < phases)
			attach();
	}
	memory_queue("remove", "force");
	return 0;
}

/* -- attaching ---------------------------------------------------------------- */

static void print_message(unsigned int journal, unsigned int queue,
			  struct devmq_record *r)
{
	static uint8_t payload[CRASH_PAYLOAD];
	size_t size = mq_record_payload_size(r);
	struct devmq_extra extra;
	struct crash_payload p = {};

	memcpy(&extra, r + 1, sizeof(extra));
	record_identify(r, &p);
	if (crash_size(&p) != size || crash_fill(&p, payload) != size ||
	    memcmp(payload, mq_record_payload(r), size))
		printf("%u: the next is not whole\n", journal);
	printf("%u: " CRASH_LINE "\n", journal, crash_names[queue],
	       (unsigned long long)r->id, crash_state(&p, r->state), r->priority, r->failures,
	       extra.reason, p.producer, p.number, (unsigned int)size);
}

/* Open a queue without being a consumer. Return: -1: it is not there. */
static int open_to_look(unsigned int queue)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/mq/%s", crash_names[queue]);
	return open(path, MQ_LOOK | O_CLOEXEC);
}

static void print_bindings(unsigned int journal, unsigned int topic)
{
	static char buffer[1 << 16];
	struct devmq_bindings bindings = {
		.size = sizeof(bindings), .buffer = (uintptr_t)buffer,
		.buffer_size = sizeof(buffer),
	};
	int error, fd = open_to_look(topic);
	const char *at = buffer;

	if (fd < 0)
		return;
	error = mq_ioctl(fd, DEVMQ_IOC_BINDINGS, &bindings);
	if (error)
		die(crash_names[topic], error);
	while (bindings.count--) {
		const struct devmq_binding *b = (const void *)at;

		printf("%u: " CRASH_BINDING "\n", journal, crash_names[topic],
		       b->queue, (unsigned long long)b->id, (int)b->filter_size,
		       at + b->size - b->filter_size);
		at += DEVMQ_ALIGN(b->size);
	}
	close(fd);
}

static void print_queue(unsigned int journal, unsigned int queue)
{
	static char buffer[1 << 20];
	struct devmq_peek peek = {
		.size = sizeof(peek), .buffer = (uintptr_t)buffer,
		.buffer_size = sizeof(buffer), .payload_max = DEVMQ_FOREVER,
	};
	int error, fd = open_to_look(queue);
	struct devmq_record *r = NULL;

	if (fd < 0)
		return;
	do {
		error = mq_ioctl(fd, DEVMQ_IOC_PEEK, &peek);
		if (error)
			die(crash_names[queue], error);
		while ((r = mq_record_next(buffer, peek.used, r))) {
			print_message(journal, queue, r);
			peek.after_id = r->id;
		}
	} while (peek.count);
	close(fd);
}

static int work_attach(unsigned int count)
{
	unsigned int i, queue;
	char path[16];

	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/dev/vd%c", 'a' + i);
		disk = path;
		attach();
		for (queue = 0; queue < QUEUES; queue++)
			if (crash_is_topic(queue))
				print_bindings(i, queue);
			else
				print_queue(i, queue);
		run("./mqctl journal detach " JOURNAL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "run"))
		return work_run(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "attach"))
		return work_attach(atoi(argv[2]));
	return 2;
}
