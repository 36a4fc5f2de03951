// SPDX-License-Identifier: GPL-2.0
/*
 * The machine: its limits, its memory, its clock, and what has to be known of
 * it to repeat a run.
 */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <devmq.h>

#include "bench.h"
#include "result.h"
#include "stat.h"
#include "system.h"

/* The first line of a file, without its end; empty if it cannot be read. */
static void first_line(const char *path, char *line, int size)
{
	FILE *f = fopen(path, "re");

	line[0] = '\0';
	if (!f)
		return;
	if (!fgets(line, size, f))
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
}

static int write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	int err = f ? 0 : -errno;

	if (!f)
		return err;
	if (fputs(text, f) < 0)
		err = -EIO;
	if (fclose(f))
		err = -errno;
	return err;
}

/* ------------------------------------------------------------- limits */

/* The largest values that the kernel allows, so that no peer is limited by less. */
static const struct {
	const char *path;
	const char *value;
} limits[] = {
	{ "/proc/sys/kernel/msgmax", "67108864" },
	{ "/proc/sys/kernel/msgmnb", "1073741824" },
	{ "/proc/sys/kernel/msgmni", "32000" },
	{ "/proc/sys/fs/mqueue/msg_max", "65536" },
	{ "/proc/sys/fs/mqueue/msgsize_max", "16777216" },
	{ "/proc/sys/fs/mqueue/queues_max", "32000" },
	{ "/proc/sys/fs/pipe-max-size", "1073741824" },
};

static void raise_rlimit(int which, rlim_t wanted)
{
	struct rlimit r = { wanted, wanted };

	if (!setrlimit(which, &r) || getrlimit(which, &r))
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(which, &r);
}

void raise_limits(void)
{
	size_t i;
	int err;

	raise_rlimit(RLIMIT_NOFILE, 65536);
	raise_rlimit(RLIMIT_MSGQUEUE, RLIM_INFINITY);
	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		err = write_file(limits[i].path, limits[i].value);
		if (err && err != -ENOENT)
			fprintf(stderr, "mqbench: %s stays as it is: %s\n",
				limits[i].path, strerror(-err));
	}
}

static struct json_object *describe_limits(void)
{
	struct json_object *o = json_object_new_object();
	char line[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		first_line(limits[i].path, line, sizeof(line));
		json_object_object_add(o, limits[i].path + 10,
				       json_object_new_string(line));
	}
	return o;
}

/* ------------------------------------------------------------- memory */

/* Let the kernel free empty slabs, if it can be asked to. */
static void shrink_slabs(void)
{
	glob_t found;
	size_t i;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++)
		write_file(found.gl_pathv[i], "1");
	globfree(&found);
}

/* Add up the numbers that follow a word, in all lines of a file that have it. */
static uint64_t sum_of(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	uint64_t sum = 0, n;
	char line[256], name[64];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %63s %" SCNu64, name, &n) == 2 &&
		    !strcmp(name, word))
			sum += n;
	}
	fclose(f);
	return sum;
}

/*
 * Add up free pages, pages that are cached for one processor, and the cache of
 * files. Messages are in none of these, so they take what is missing afterwards,
 * whoever is charged for it and however it was allocated.
 */
int free_memory(uint64_t *bytes)
{
	uint64_t kib, pages;

	shrink_slabs();
	kib = sum_of("/proc/meminfo", "MemFree:");
	if (!kib)
		return -ENODATA;
	kib += sum_of("/proc/meminfo", "Cached:") +
	       sum_of("/proc/meminfo", "Buffers:");
	pages = sum_of("/proc/zoneinfo", "count:");
	*bytes = kib * 1024 + pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

/* -------------------------------------------------------------- clock */

#define LOOPS	1000000UL

#ifdef __x86_64__
/* Loops of two and of ten instructions. */
static void turn_short(void)
{
	unsigned long n = LOOPS;

	asm volatile("1: dec %0\n\tjnz 1b" : "+r" (n) : : "cc");
}

static void turn_long(void)
{
	unsigned long n = LOOPS;

	asm volatile("1: nop; nop; nop; nop; nop; nop; nop; nop\n\t"
		     "dec %0\n\tjnz 1b" : "+r" (n) : : "cc");
}

/* The fastest of several runs counts, as other processes may run in between. */
static bool takes(void (*turn)(void), unsigned long instructions)
{
	uint64_t start, took, best = UINT64_MAX;
	int i;

	for (i = 0; i < 5; i++) {
		start = now_ns();
		turn();
		took = now_ns() - start;
		best = took < best ? took : best;
	}
	return best > instructions - instructions / 50 &&
	       best < instructions + instructions / 50;
}

/*
 * Does the clock count instructions? Then each takes a nanosecond, in a short loop
 * and in a long one, which no real processor does.
 */
static bool clock_counts(void)
{
	return takes(turn_short, 2 * LOOPS) && takes(turn_long, 10 * LOOPS);
}
#else
static bool clock_counts(void)
{
	return false;
}
#endif

uint64_t process_cpu(int pid)
{
	char path[40], line[128];

	if (!pid)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	first_line(path, line, sizeof(line));
	return strtoull(line, NULL, 10);
}

/* -------------------------------------------------------------- words */

/* What stands behind "NAME : " in /proc/cpuinfo. */
static void processor_name(char *name, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *colon;

	snprintf(name, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		colon = strchr(line, ':');
		if (!colon || strncmp(line, "model name", 10))
			continue;
		colon[strcspn(colon, "\n")] = '\0';
		snprintf(name, size, "%s", colon + 2);
		break;
	}
	if (f)
		fclose(f);
}

static void add_mitigations(struct json_object *system)
{
	static const char dir[] = "/sys/devices/system/cpu/vulnerabilities/";
	struct json_object *o = json_object_new_object();
	char line[256];
	glob_t found;
	size_t i;

	if (!glob("/sys/devices/system/cpu/vulnerabilities/*", 0, NULL,
		  &found)) {
		for (i = 0; i < found.gl_pathc; i++) {
			first_line(found.gl_pathv[i], line, sizeof(line));
			result_text(o, found.gl_pathv[i] + sizeof(dir) - 1,
				    line);
		}
		globfree(&found);
	}
	json_object_object_add(system, "mitigations", o);
}

static void add_time(struct json_object *system)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[32];

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	result_text(system, "time", text);
}

struct json_object *describe_system(void)
{
	struct json_object *o = json_object_new_object();
	struct utsname u;
	char line[1024];

	uname(&u);
	result_text(o, "mqbench", MQBENCH_VERSION);
	result_text(o, "libdevmq", devmq_version());
	first_line("/sys/module/devmq/version", line, sizeof(line));
	result_text(o, "devmq", line);
	result_text(o, "kernel", u.release);
	result_text(o, "kernel_version", u.version);
	result_text(o, "machine", u.machine);
	processor_name(line, sizeof(line));
	result_text(o, "processor", line);
	result_number(o, "cpus", (double)sysconf(_SC_NPROCESSORS_ONLN));
	result_number(o, "memory", (double)sysconf(_SC_PHYS_PAGES) *
				   (double)sysconf(_SC_PAGESIZE));
	result_text(o, "clock", clock_counts() ? "icount" : "real");
	first_line("/proc/cmdline", line, sizeof(line));
	result_text(o, "cmdline", line);
	add_time(o);
	add_mitigations(o);
	json_object_object_add(o, "limits", describe_limits());
	return o;
}
