// SPDX-License-Identifier: GPL-2.0
/*
 * mqbench: measure devmq and its peers in the same boot. This is the command
 * line.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../units.h"
#include "bench.h"
#include "compare.h"
#include "die.h"
#include "loads.h"
#include "peers.h"
#include "plot.h"
#include "raw.h"
#include "readme.h"
#include "result.h"
#include "server.h"
#include "system.h"
#include "table.h"

static const char usage[] =
"Usage: mqbench [option]...\n"
"       mqbench --read=FILE [--read=FILE] [--readme|--plot]\n"
"       mqbench [option]... --compare=FILE\n"
"       mqbench --list\n"
"Measure devmq and other ways to hand messages over, side by side.\n"
"\n"
"  -p, --peers=NAME,...      which (all but those on request; \"all\")\n"
"  -w, --workloads=NAME,...  what to do with them (all)\n"
"  -s, --size=SIZE,...       bytes of a message (64); sizes takes all of them\n"
"  -b, --batch=N,...         messages a call (1,4,16,64,256)\n"
"  -d, --depth=N,...         messages stored meanwhile (10,1000,100000)\n"
"  -q, --queues=N,...        other queues meanwhile (1,100,1000)\n"
"  -f, --fanout=N,...        subscriptions of a topic (1,8,64)\n"
"  -j, --procs=N             what N is in 1-N (4)\n"
"  -n, --count=N             messages a round (as many as suit the workload)\n"
"  -r, --rounds=N            rounds, of which the median counts (5)\n"
"  -t, --time=DURATION       how long a round of processes takes (500ms)\n"
"      --redis=SOCKET        where a redis-server listens; measure it, too\n"
"      --rabbitmq=HOST:PORT  where a RabbitMQ listens; measure it, too\n"
"      --beanstalkd=SOCKET   where a beanstalkd listens; measure it, too\n"
"      --journal=NAME[:FILE] an attached journal; measure its queues, too\n"
"      --raw=FILE            written over beside what is confirmed\n"
"      --json=FILE           write the results there, - for standard output\n"
"      --read=FILE           show results that were written before\n"
"      --compare=FILE        what changed since by more than 2 %\n"
"      --readme              a short table of them, as in the README\n"
"      --plot                a program for gnuplot that draws them as SVG\n"
"  -l, --list                peers and workloads there are\n"
"  -h, --help                this\n"
"  -V, --version             the version\n";

/* Options without a letter. */
enum {
	OPT_REDIS = 256,
	OPT_BEANSTALKD,
	OPT_JOURNAL,
	OPT_RAW,
	OPT_RABBITMQ,
	OPT_JSON,
	OPT_READ,
	OPT_COMPARE,
	OPT_README,
	OPT_PLOT,
};

static const struct option options[] = {
	{ "peers",	required_argument, NULL, 'p' },
	{ "workloads",	required_argument, NULL, 'w' },
	{ "size",	required_argument, NULL, 's' },
	{ "batch",	required_argument, NULL, 'b' },
	{ "depth",	required_argument, NULL, 'd' },
	{ "queues",	required_argument, NULL, 'q' },
	{ "fanout",	required_argument, NULL, 'f' },
	{ "procs",	required_argument, NULL, 'j' },
	{ "count",	required_argument, NULL, 'n' },
	{ "rounds",	required_argument, NULL, 'r' },
	{ "time",	required_argument, NULL, 't' },
	{ "redis",	required_argument, NULL, OPT_REDIS },
	{ "beanstalkd",	required_argument, NULL, OPT_BEANSTALKD },
	{ "journal",	required_argument, NULL, OPT_JOURNAL },
	{ "raw",	required_argument, NULL, OPT_RAW },
	{ "rabbitmq",	required_argument, NULL, OPT_RABBITMQ },
	{ "json",	required_argument, NULL, OPT_JSON },
	{ "read",	required_argument, NULL, OPT_READ },
	{ "compare",	required_argument, NULL, OPT_COMPARE },
	{ "readme",	no_argument,	   NULL, OPT_README },
	{ "plot",	no_argument,	   NULL, OPT_PLOT },
	{ "list",	no_argument,	   NULL, 'l' },
	{ "help",	no_argument,	   NULL, 'h' },
	{ "version",	no_argument,	   NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

/* What the command line asks for. */
struct request {
	struct plan		plan;
	const struct load	*loads[32];
	const char		*json;
	struct json_object	*read;
	struct json_object	*before;
	void			(*show)(struct json_object *report);
};

/* Exit, but fail if the output could not be written. */
static void finish(int status)
{
	if (fflush(stdout) || ferror(stdout))
		die(1, "cannot write the output");
	exit(status);
}

/* -------------------------------------------------------------- values */

static size_t one_number(const char *option, const char *text, uint64_t max,
			 bool size)
{
	uint64_t n;
	int err = size ? parse_size(text, &n) : parse_number(text, max, &n);

	if (err == -EINVAL)
		die(2, "--%s: '%s' is not a number%s", option, text,
		    size ? " of bytes" : "");
	if (err || !n || n > max)
		die(2, "--%s: %s is out of range (1 to %llu)", option, text,
		    (unsigned long long)max);
	return n;
}

static void number_list(const char *option, char *text, uint64_t max, bool size,
			size_t list[LIST_MAX + 1])
{
	size_t n = 0;
	char *word;

	while ((word = strsep(&text, ","))) {
		if (n == LIST_MAX)
			die(2, "--%s: more than %d values", option, LIST_MAX);
		list[n++] = one_number(option, word, max, size);
	}
	list[n] = 0;
}

static void add_peer(struct plan *plan, const struct peer *peer)
{
	const struct peer **p = plan->peers;

	while (*p && *p != peer)
		p++;
	*p = peer;
}

static void choose_peers(struct plan *plan, char *text)
{
	const struct peer *const *p;
	const struct peer *peer;
	char *word;

	while ((word = strsep(&text, ","))) {
		peer = find_peer(word);
		if (!peer && strcmp(word, "all"))
			die(2, "--peers: no peer '%s' (see mqbench --list)",
			    word);
		for (p = peers; !peer && *p; p++)
			add_peer(plan, *p);
		if (peer)
			add_peer(plan, peer);
	}
}

static void choose_loads(struct request *request, char *text)
{
	size_t n = 0, i;
	char *word;

	while ((word = strsep(&text, ","))) {
		request->loads[n] = find_load(word);
		if (!request->loads[n])
			die(2, "--workloads: no workload '%s' (see mqbench --list)",
			    word);
		for (i = 0; request->loads[i] != request->loads[n]; i++)
			;
		if (i == n)
			n++;
	}
	request->loads[n] = NULL;
}

static uint64_t duration(const char *option, const char *text)
{
	uint64_t ns;
	int err = parse_duration(text, &ns);

	if (err == -EINVAL)
		die(2, "--%s: '%s' is not a duration such as 500ms or 2s",
		    option, text);
	if (err || !ns || ns > 60ULL * 1000000000)
		die(2, "--%s: %s is out of range (1ms to 1m)", option, text);
	return ns;
}

/* The peer takes it apart; only see that it can. */
static const char *address(const char *option, const char *text)
{
	const char *port = strrchr(text, ':');
	uint64_t n;

	if (!port || port == text || strchr(text, ':') != port ||
	    parse_number(port + 1, 65535, &n) || !n)
		die(2, "--%s: '%s' is not HOST:PORT", option, text);
	return text;
}

static void add_report(struct json_object *reports, const char *path,
		       struct json_object *report)
{
	struct json_object *schema = NULL;

	if (json_object_is_type(report, json_type_object))
		schema = json_object_object_get(report, "schema");
	if (!schema || json_object_get_int(schema) != MQBENCH_SCHEMA)
		die(1, "%s: not a report of mqbench, schema %d", path,
		    MQBENCH_SCHEMA);
	json_object_array_add(reports, json_object_get(report));
}

/* A file has one report or an array of them; add all to one array, made if there is none. */
static void read_reports(struct json_object **reports, const char *path)
{
	struct json_object *o = json_object_from_file(path);
	size_t i;

	if (!o)
		die(1, "%s: cannot read: %s", path,
		    access(path, R_OK) ? strerror(errno) : "not JSON");
	if (!*reports)
		*reports = json_object_new_array();
	if (!json_object_is_type(o, json_type_array))
		add_report(*reports, path, o);
	else
		for (i = 0; i < json_object_array_length(o); i++)
			add_report(*reports, path, json_object_array_get_idx(o, i));
	json_object_put(o);
}

/* ---------------------------------------------------------- the options */

static void show_list(void)
{
	const struct peer *const *p;
	const char *missing;
	size_t i;

	puts("Peers (those with * on request):");
	for (p = peers; *p; p++) {
		missing = (*p)->missing ? (*p)->missing() : NULL;
		printf("  %-11s%c %s\n", (*p)->name,
		       (*p)->can & ON_REQUEST ? '*' : ' ', (*p)->what);
		if (missing)
			printf("  %-11s  (not now: %s)\n", "", missing);
	}
	puts("\nWorkloads:");
	for (i = 0; i < load_count; i++)
		printf("  %-11s  %s\n", loads[i].name, loads[i].what);
}

static bool take_value(struct request *r, int option, char *value)
{
	struct plan *plan = &r->plan;

	switch (option) {
	case 'p':
		choose_peers(plan, value);
		return true;
	case 'w':
		choose_loads(r, value);
		return true;
	case 's':
		number_list("size", value, 64 << 20, true, plan->sizes);
		plan->size = plan->sizes[0];
		return true;
	case 'b':
		number_list("batch", value, 1024, false, plan->batches);
		return true;
	case 'd':
		number_list("depth", value, 10000000, false, plan->depths);
		return true;
	case 'q':
		number_list("queues", value, 100000, false, plan->queues);
		return true;
	case 'f':
		number_list("fanout", value, 100, false, plan->subscriptions);
		return true;
	case 'j':
		plan->procs = (unsigned int)one_number("procs", value, 60,
						       false);
		return true;
	case 'n':
		plan->count = one_number("count", value, 1000000000, false);
		return true;
	case 'r':
		plan->rounds = (unsigned int)one_number("rounds", value,
							ROUNDS_MAX, false);
		return true;
	case 't':
		plan->time_ns = duration("time", value);
		return true;
	default:
		return false;
	}
}

static void take_option(struct request *r, int option, char *value)
{
	if (take_value(r, option, value))
		return;
	switch (option) {
	case OPT_REDIS:
		redis_socket = value;
		break;
	case OPT_BEANSTALKD:
		beanstalkd_socket = value;
		break;
	case OPT_JOURNAL:
		journal_name = strsep(&value, ":");
		journal_file = value;
		break;
	case OPT_RAW:
		raw_file = value;
		break;
	case OPT_RABBITMQ:
		rabbitmq_address = address("rabbitmq", value);
		break;
	case OPT_JSON:
		r->json = value;
		break;
	case OPT_READ:
		read_reports(&r->read, value);
		break;
	case OPT_COMPARE:
		read_reports(&r->before, value);
		break;
	case OPT_README:
		r->show = show_readme;
		break;
	case OPT_PLOT:
		r->show = show_plot;
		break;
	case 'l':
		show_list();
		finish(0);
		break;
	case 'V':
		puts("mqbench " MQBENCH_VERSION);
		finish(0);
		break;
	default:
		fputs(usage, stdout);
		finish(0);
	}
}

static void parse(struct request *r, int argc, char **argv)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":p:w:s:b:d:q:f:j:n:r:t:lhV",
				     options, NULL)) != -1) {
		if (option == ':')
			die(2, "%s needs a value (see mqbench --help)",
			    argv[optind - 1]);
		if (option == '?')
			die(2, "no option '%s' (see mqbench --help)",
			    argv[optind - 1]);
		take_option(r, option, optarg);
	}
	if (optind < argc)
		die(2, "'%s' is not an option (see mqbench --help)",
		    argv[optind]);
	if (r->show != show_tables && !r->read)
		die(2, "--readme and --plot are for --read");
	if (r->show != show_tables && r->before)
		die(2, "--compare shows neither --readme nor --plot");
}

/* Of the peers on request, those whose server or journal was named. */
static bool wanted(const struct peer *peer)
{
	if (peer == &peer_redis)
		return redis_socket;
	if (peer == &peer_rabbitmq)
		return rabbitmq_address;
	if (peer == &peer_beanstalkd)
		return beanstalkd_socket;
	if (peer == &peer_durable)
		return journal_name;
	return !(peer->can & ON_REQUEST);
}

/* Fill in what the command line did not name. */
static void complete(struct request *r)
{
	const struct peer *const *p;
	size_t i;

	if (!r->plan.peers[0]) {
		for (p = peers; *p; p++) {
			if (wanted(*p))
				add_peer(&r->plan, *p);
		}
	}
	if (!r->loads[0]) {
		for (i = 0; i < load_count; i++)
			r->loads[i] = &loads[i];
	}
}

/* ------------------------------------------------------------- a run */

static struct json_object *list_json(const size_t *list)
{
	struct json_object *o = json_object_new_array();

	for (; *list; list++)
		json_object_array_add(o, json_object_new_int64((int64_t)*list));
	return o;
}

static struct json_object *plan_json(const struct plan *plan)
{
	struct json_object *o = json_object_new_object();

	result_number(o, "size", (double)plan->size);
	json_object_object_add(o, "sizes", list_json(plan->sizes));
	json_object_object_add(o, "batches", list_json(plan->batches));
	json_object_object_add(o, "depths", list_json(plan->depths));
	json_object_object_add(o, "queues", list_json(plan->queues));
	json_object_object_add(o, "subscriptions",
			       list_json(plan->subscriptions));
	result_number(o, "count", (double)plan->count);
	result_number(o, "rounds", plan->rounds);
	result_number(o, "time_ns", (double)plan->time_ns);
	result_number(o, "procs", plan->procs);
	return o;
}

/* A peer that waits for what never comes must not hang the run. */
#define STUCK_SECONDS	300

static const struct load *current_load;
static const struct peer *current_peer;

static void stuck(int number)
{
	(void)number;
	die(1, "%s: %s: stuck for %d seconds", current_load->name,
	    current_peer->name, STUCK_SECONDS);
}

static void measure_one(const struct plan *plan, const struct load *load,
			const struct peer *peer)
{
	current_load = load;
	current_peer = peer;
	alarm(STUCK_SECONDS);
	load->run(plan, load, peer);
	alarm(0);
}

static struct json_object *measure_all(struct request *r)
{
	struct json_object *report = json_object_new_object();
	const struct load *const *load;
	const struct peer *const *peer;

	raise_limits();
	r->plan.results = json_object_new_array();
	json_object_object_add(report, "schema",
			       json_object_new_int(MQBENCH_SCHEMA));
	json_object_object_add(report, "system", describe_system());
	json_object_object_add(report, "plan", plan_json(&r->plan));
	json_object_object_add(report, "results", r->plan.results);
	for (load = r->loads; *load; load++) {
		for (peer = r->plan.peers; *peer; peer++)
			measure_one(&r->plan, *load, *peer);
	}
	return report;
}

static void write_json(const char *path, struct json_object *report)
{
	int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
		    JSON_C_TO_STRING_NOSLASHESCAPE;
	bool out = !strcmp(path, "-");
	FILE *f = out ? stdout : fopen(path, "we");

	if (!f)
		die(1, "%s: cannot write: %s", path, strerror(errno));
	fputs(json_object_to_json_string_ext(report, flags), f);
	fputc('\n', f);
	if ((fflush(f) | ferror(f)) || (!out && fclose(f)))
		die(1, "%s: cannot write: %s", path, strerror(errno));
}

/* Show reports as was asked for. */
static void show(const struct request *r, struct json_object *reports)
{
	if (r->before)
		show_changes(r->before, reports);
	else
		r->show(reports);
}

static void run(struct request *r)
{
	struct json_object *all = json_object_new_array(), *report;

	report = measure_all(r);
	json_object_array_add(all, report);
	if (r->json)
		write_json(r->json, report);
	if (!r->json || strcmp(r->json, "-"))
		show(r, all);
	json_object_put(all);
}

int main(int argc, char **argv)
{
	static struct request r = {
		.plan = {
			.size = 64,
			.sizes = { 16, 64, 256, 1024, 8192, 65536, 1048576 },
			.batches = { 1, 4, 16, 64, 256 },
			.depths = { 10, 1000, 100000 },
			.queues = { 1, 100, 1000 },
			.subscriptions = { 1, 8, 64 },
			.rounds = 5,
			.time_ns = 500000000,
			.procs = 4,
		},
		.show = show_tables,
	};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, stuck);
	parse(&r, argc, argv);
	complete(&r);
	if (r.read) {
		show(&r, r.read);
		json_object_put(r.read);
	} else {
		run(&r);
	}
	json_object_put(r.before);
	finish(anything_failed);
}
