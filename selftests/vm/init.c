// SPDX-License-Identifier: GPL-2.0
/*
 * The init of a test machine.
 *
 * It sets up the usual mounts, loads the modules given, runs one command (the
 * payload), and then judges the kernel: whether the log is clean, the modules
 * can be unloaded and nothing leaked.  Then it turns the machine off.
 *
 * It writes to the host through two of QEMU's debug ports.  These need no
 * driver and do not buffer, so that all output has arrived even if the next
 * instruction stops the machine:
 *
 *   OUT_PORT  the payload's stdout and stderr, byte for byte
 *   CTL_PORT  lines of init, each starting with this run's secret:
 *               SECRET start
 *               SECRET note TEXT
 *               SECRET error TEXT
 *               SECRET vm: exit=0 procs=ok log=clean unload=ok kmemleak=clean \
 *                       bytes=0
 *
 * The last line is the verdict; a run without it fails.  The secret is read
 * from a file that is removed before the payload starts.
 *
 * Files in the initramfs: /vm/conf ("KEY VALUE" lines, see read_conf), /vm/argv
 * and /vm/env (strings, each ending in a zero byte).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUT_PORT	0x9e0
#define CTL_PORT	0x9e1
#define PORTS		2

#define MAX_MODULES	64
#define MAX_EXPECTED	32
#define MAX_STRINGS	1024

/*
 * Time limits of steps other than the payload, in seconds. They are for a machine that
 * hangs, so they are long enough for one that gets a small part of a processor.
 */
#define KILL_SECONDS	120
#define MODULE_SECONDS	600
#define SCAN_SECONDS	900
/* kmemleak reports nothing that is younger than five seconds. */
#define KMEMLEAK_SECONDS 6

struct module {
	char *path;		/* in the initramfs */
	char *params;
	bool keep;		/* a dependency: do not unload it */
	bool loaded;
};

static char *secret = "-";
static char *mode = "run";
static int deadline = 60;
static bool want_kmemleak = true;
static struct module modules[MAX_MODULES];
static int module_count;
static char *expected[MAX_EXPECTED];	/* log lines with this text are good */
static int expected_count;

static int kmsg_fd = -1, signal_fd = -1, output_fd = -1;
static unsigned long long output_bytes;
static pid_t payload = -1;
static int payload_status = -1;

/* -- the two ports ------------------------------------------------------- */

static void put_bytes(unsigned short port, const char *data, size_t size)
{
	asm volatile("rep outsb" : "+S"(data), "+c"(size) : "d"(port)
		     : "memory");
}

static void __attribute__((format(printf, 2, 3)))
tell(const char *kind, const char *format, ...)
{
	char line[2048];
	va_list args;
	int used, more;

	used = snprintf(line, sizeof(line), "%s %s", secret, kind);
	va_start(args, format);
	more = vsnprintf(line + used, sizeof(line) - used, format, args);
	va_end(args);
	used += more;
	if (used > (int)sizeof(line) - 1)
		used = sizeof(line) - 1;
	for (int i = 0; i < used; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[used] = '\n';
	put_bytes(CTL_PORT, line, used + 1);
}

#define note(...)	tell("note ", __VA_ARGS__)
#define error(...)	tell("error ", __VA_ARGS__)

static void __attribute__((noreturn)) power_off(void)
{
	/* QEMU exits at a reboot (-no-reboot), which needs no ACPI. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

/* -- small helpers ------------------------------------------------------- */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Ignore errors, as a kernel may lack the file. */
static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, text, strlen(text));
	close(fd);
}

static char *read_file(const char *path, size_t *size)
{
	size_t used = 0, space = 4096;
	char *text = malloc(space + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0 || !text) {
		free(text);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	while ((got = read(fd, text + used, space - used)) > 0) {
		used += got;
		if (used == space) {
			char *larger = realloc(text, 2 * space + 1);

			if (!larger)
				break;
			text = larger;
			space *= 2;
		}
	}
	close(fd);
	text[used] = '\0';
	if (size)
		*size = used;
	return text;
}

static char **read_strings(const char *path)
{
	static char *none[1];
	char **list = calloc(MAX_STRINGS + 1, sizeof(*list));
	size_t size;
	char *text = read_file(path, &size);
	int count = 0;

	if (!list || !text)
		return none;
	for (size_t at = 0; at < size && count < MAX_STRINGS;
	     at += strlen(text + at) + 1)
		list[count++] = text + at;
	return list;
}

/* -- the kernel's log ---------------------------------------------------- */

/*
 * Texts that must not be in the log.  Most reports have a backtrace, for which
 * "Call Trace:" suffices; the other texts are for reports without one, and to
 * show what happened.  '^' matches the beginning of a line.
 */
static const char *const bad[] = {
	"Call Trace:", "Call trace:", "cut here",
	/* Bugs and warnings */
	"BUG:", "^BUG ", "kernel BUG at", "WARNING:", "Oops", "Kernel panic",
	"nable to handle", "general protection fault", "double fault",
	"divide error", "invalid opcode", "stack guard page",
	"kernel stack overflow", "stack-protector", "corrupted stack end",
	"Fixing recursive fault", "exited with preempt_count",
	"exited with irqs disabled", "Bad page", "Bad rss-counter",
	"page dumped because", "usercopy:",
	/* Detectors */
	"KASAN", "KFENCE", "KCSAN", "KMSAN", "UBSAN:", "ODEBUG:",
	"pagealloc: ", "slab error in", "still has objects",
	"Objects remaining", "refcount_t", "list_add corruption",
	"list_del corruption", "trace event string verifier",
	/* Locks, RCU, sleeping where one must not */
	"DEBUG_LOCKS_WARN_ON", "possible circular", "possible recursive",
	"possible irq lock inversion", "possible deadlock",
	"irq-safe -> irq-unsafe", "nvalid wait context", "suspicious RCU",
	"inconsistent lock state", "trying to register non-static key",
	"turning off the locking correctness", "held lock freed",
	"lock held when returning", "still has locks held",
	"bad unlock balance", "bad contention detected",
	"sleeping function called", "scheduling while atomic",
	"Voluntary context switch within RCU", "huh, entered",
	"preemption imbalance",
	/* Stalls */
	"INFO: task ", "blocked for more than", "rcu: INFO:",
	"detected stall", "self-detected stall", "kthread starved",
	"soft lockup", "hard LOCKUP", "workqueue lockup",
	/* Lack of memory */
	"page allocation failure", "SLUB: Unable to allocate",
	"vmalloc error:", "invoked oom-killer", "oom-kill:", "ut of memory:",
	/* Kernel objects */
	"cannot create duplicate filename", "kobject_add_internal failed",
	"already present!", "file count is 0", "Busy inodes", "nobody cared",
};

/*
 * An injected fault logs a line that says so, and a backtrace, of which only
 * "Call Trace:" is in the list above.  So for each injected fault one such line
 * is good, within some lines, as those of other processors may come between.
 */
#define INJECTED	"FAULT_INJECTION: forcing a failure"
#define INJECTED_LINES	30

static int injected, injected_lines;

static bool is_of_injection(const char *text)
{
	if (injected_lines && !--injected_lines)
		injected = 0;
	if (strstr(text, INJECTED)) {
		injected++;
		injected_lines = INJECTED_LINES;
	}
	if (!injected || !strstr(text, "Call Trace:"))
		return false;
	injected--;
	return true;
}

/* The number of lines that are shown before and after a bad one, and in all. */
#define BEFORE	4
#define AFTER	60
#define AT_MOST	400

static bool log_armed;		/* set when the boot is over */
static int log_bad, log_shown, log_follow;
static bool log_lost;
static char *log_before[BEFORE];
static int log_next;

static bool is_bad(const char *text)
{
	if (is_of_injection(text))
		return false;
	for (int i = 0; i < expected_count; i++)
		if (strstr(text, expected[i]))
			return false;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (*bad[i] == '^' ?
		    !strncmp(text, bad[i] + 1, strlen(bad[i] + 1)) :
		    strstr(text, bad[i]) != NULL)
			return true;
	return false;
}

static void show_line(const char *line)
{
	if (log_shown++ < AT_MOST)
		note("log: %s", line);
}

/* Judge @text, and show @line, which is @text with its time, if needed. */
static void judge_line(const char *line, const char *text)
{
	char **slot = &log_before[log_next];

	if (is_bad(text)) {
		if (log_armed)
			log_bad++;
		if (!log_follow)
			for (int i = 0; i < BEFORE; i++) {
				char *old = log_before[(log_next + i) % BEFORE];

				if (old)
					show_line(old);
			}
		log_follow = log_armed ? AFTER : 1;
	}
	if (log_follow) {
		log_follow--;
		show_line(line);
		/* Do not show it again as a line before the next bad one. */
		line = NULL;
	}
	free(*slot);
	*slot = line ? strdup(line) : NULL;
	log_next = (log_next + 1) % BEFORE;
}

/* Read and judge what was logged since the last call. */
static void read_log(void)
{
	char record[9000], line[9100];

	for (;;) {
		ssize_t size = read(kmsg_fd, record, sizeof(record) - 1);
		unsigned long long micros = 0;
		char *text, *end;

		if (size < 0 && errno == EPIPE) {
			log_lost = true;
			continue;
		}
		if (size <= 0)
			return;
		record[size] = '\0';
		/* PRIORITY,SEQUENCE,MICROSECONDS,FLAGS...;TEXT\n KEY=VALUE\n */
		text = strchr(record, ';');
		if (!text)
			continue;
		sscanf(record, "%*u,%*u,%llu", &micros);
		end = strchr(++text, '\n');
		if (end)
			*end = '\0';
		snprintf(line, sizeof(line), "[%5llu.%06llu] %s",
			 micros / 1000000, micros % 1000000, text);
		judge_line(line, text);
	}
}

/*
 * Not as init, but on the host, for the harness's own tests: print for each
 * line on stdin whether it would be bad in the log.
 */
static int judge_stdin(void)
{
	char line[9000];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		printf("%s %s\n", is_bad(line) ? "bad" : "good", line);
	}
	return 0;
}

/* -- processes ----------------------------------------------------------- */

/* Pass on some of the payload's output.  Returns false if there was none. */
static bool copy_output(void)
{
	static char buffer[65536];
	ssize_t size;

	if (output_fd < 0)
		return false;
	size = read(output_fd, buffer, sizeof(buffer));
	if (size > 0) {
		put_bytes(OUT_PORT, buffer, size);
		output_bytes += size;
		return true;
	}
	if (!size || errno != EAGAIN) {
		close(output_fd);
		output_fd = -1;
	}
	return false;
}

/* Reap children, and get the status of @pid.  Returns true if any are left. */
static bool reap(pid_t pid, int *status)
{
	for (;;) {
		int this_status;
		pid_t dead = waitpid(-1, &this_status, WNOHANG);

		if (dead < 0)
			return false;
		if (!dead)
			return true;
		if (dead == pid)
			*status = this_status;
	}
}

/* Wait for a child to die, output to come or a line to be logged. */
static void wait_for_news(double until)
{
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = kmsg_fd, .events = POLLIN },
		{ .fd = output_fd, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	double left = until - now();

	if (left < 0)
		left = 0;
	poll(fds, 3, left > 1 ? 1000 : (int)(left * 1000) + 1);
	while (read(signal_fd, &info, sizeof(info)) > 0)
		;
	copy_output();
	read_log();
}

/*
 * Run a step that may hang in the kernel in a child process.  Returns its exit
 * status, or -1 if it has not ended after @seconds.
 */
static int in_child(int (*step)(void *), void *arg, int seconds)
{
	double until = now() + seconds;
	int status = -1;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return 255;
	if (!pid)
		_exit(step(arg));
	while (reap(pid, &status), status == -1 && now() < until)
		wait_for_news(until);
	return status == -1 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* Report the state and kernel stack of each process, to explain a hang. */
static void show_processes(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		char path[64], *stack, *line, *status, *end;
		int pid = atoi(entry->d_name);

		if (pid < 2)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
		line = read_file(path, NULL);
		/* A kernel thread has no command line. */
		if (!line || !*line) {
			free(line);
			continue;
		}
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		status = read_file(path, NULL);
		end = status ? strrchr(status, ')') : NULL;
		note("process %d (%s) state %c", pid, line, end ? end[2] : '?');
		snprintf(path, sizeof(path), "/proc/%d/stack", pid);
		stack = read_file(path, NULL);
		for (char *save, *at = stack ? strtok_r(stack, "\n", &save) : NULL;
		     at; at = strtok_r(NULL, "\n", &save))
			note("    %s", at);
		free(line);
		free(status);
		free(stack);
	}
	if (proc)
		closedir(proc);
}

/* Kill all other processes. Returns false if some do not end. */
static bool kill_all(void)
{
	double until = now() + KILL_SECONDS;

	while (kill(-1, SIGKILL), reap(payload, &payload_status)) {
		if (now() > until) {
			show_processes();
			return false;
		}
		wait_for_news(now() + 0.1 < until ? now() + 0.1 : until);
	}
	/* There are no writers any more: pass on what is left in the pipe. */
	while (copy_output())
		;
	return true;
}

static void start_payload(void)
{
	char **argv = read_strings("/vm/argv"), **env = read_strings("/vm/env");
	sigset_t none;
	int ends[2];

	if (!argv[0]) {
		error("no command given");
		return;
	}
	/* Hide init's files from the payload. */
	unlink("/vm/argv");
	unlink("/vm/env");
	rmdir("/vm");
	if (pipe2(ends, O_CLOEXEC)) {
		error("no pipe: %m");
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	output_fd = ends[0];
	payload = fork();
	if (payload)
		close(ends[1]);
	if (payload < 0)
		error("no process: %m");
	if (payload)
		return;

	/*
	 * The payload must not write to the ports. Besides, with I/O permissions
	 * each return from a system call takes fifty instructions more.
	 */
	ioperm(OUT_PORT, PORTS, 0);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(ends[1], 1);
	dup2(ends[1], 2);
	if (chdir("/payload"))
		dprintf(2, "cannot enter /payload: %m\n");
	environ = env;
	execvpe(argv[0], argv, env);
	dprintf(2, "cannot run %s: %m\n", argv[0]);
	_exit(errno == ENOENT ? 127 : 126);
}

/* -- modules ------------------------------------------------------------- */

static const char *module_name(const struct module *module)
{
	static char name[128];
	const char *slash = strrchr(module->path, '/');
	char *at;

	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : module->path);
	at = strstr(name, ".ko");
	if (at)
		*at = '\0';
	for (at = name; *at; at++)
		if (*at == '-')
			*at = '_';
	return name;
}

static int load_step(void *arg)
{
	struct module *module = arg;
	int fd = open(module->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, module->params, 0)) {
		if (module->keep && errno == EEXIST)
			return 0;
		error("cannot load %s: %m", module->path);
		return 1;
	}
	return 0;
}

static bool load_modules(void)
{
	for (int i = 0; i < module_count; i++) {
		struct module *module = &modules[i];
		int status = in_child(load_step, module, MODULE_SECONDS);

		if (status) {
			if (status < 0) {
				error("loading %s hangs", module->path);
				show_processes();
			}
			return false;
		}
		module->loaded = true;
	}
	return true;
}

static int unload_step(void *arg)
{
	const char *name = module_name(arg);
	double until = now() + 5;

	/* References of killed processes are dropped after some delay. */
	while (syscall(SYS_delete_module, name, O_NONBLOCK)) {
		int why = errno;
		char path[160], *count;

		/* The payload may have unloaded it itself. */
		if (why == ENOENT)
			return 0;
		if (why == EWOULDBLOCK && now() < until) {
			usleep(50000);
			continue;
		}
		snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
		count = read_file(path, NULL);
		note("cannot unload %s: %s, references: %s", name,
		     strerror(why), count ? count : "?");
		return 1;
	}
	return 0;
}

static const char *unload_modules(void)
{
	const char *verdict = "ok";

	for (int i = module_count - 1; i >= 0; i--) {
		int status;

		if (!modules[i].loaded || modules[i].keep)
			continue;
		status = in_child(unload_step, &modules[i], MODULE_SECONDS);
		if (status < 0) {
			note("unloading %s hangs", module_name(&modules[i]));
			show_processes();
			return "hung";
		}
		if (status)
			verdict = "failed";
	}
	return verdict;
}

/* -- leaks --------------------------------------------------------------- */

#define KMEMLEAK "/sys/kernel/debug/kmemleak"

static int scan_step(void *unused)
{
	int fd = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);

	(void)unused;
	return fd < 0 || write(fd, "scan", 4) != 4;
}

static const char *find_leaks(void)
{
	double until;
	char *text, *save;

	if (!want_kmemleak)
		return "skipped";
	if (access(KMEMLEAK, R_OK | W_OK))
		return "absent";
	/*
	 * An object is reported when it is old enough and two scans found it
	 * unreferenced with the same contents.
	 */
	until = now() + KMEMLEAK_SECONDS;
	if (in_child(scan_step, NULL, SCAN_SECONDS))
		return "off";
	while (now() < until)
		wait_for_news(until);
	if (in_child(scan_step, NULL, SCAN_SECONDS))
		return "off";
	text = read_file(KMEMLEAK, NULL);
	if (!text)
		return "unreadable";
	if (!*text)
		return "clean";
	for (char *at = strtok_r(text, "\n", &save); at;
	     at = strtok_r(NULL, "\n", &save))
		if (log_shown++ < 2 * AT_MOST)
			note("leak: %s", at);
	return "leaks";
}

/* -- the machine --------------------------------------------------------- */

/*
 * A program that runs for a moment uses few pages of its file: to map those beside them
 * takes longer than the faults that it saves, above all on a debug kernel.
 */
#define FAULT_AROUND "/sys/kernel/debug/fault_around_bytes"

static void mount_one(const char *type, const char *where, const char *options)
{
	mkdir(where, 0755);
	/* Ignore errors, as a kernel may lack the file system. */
	mount(type, where, type, 0, options);
}

static void set_up_machine(void)
{
	static const struct { int what; rlim_t value; } limits[] = {
		{ RLIMIT_NOFILE, 65536 },
		{ RLIMIT_MEMLOCK, RLIM_INFINITY },
		{ RLIMIT_MSGQUEUE, RLIM_INFINITY },
		{ RLIMIT_CORE, 0 },
	};
	struct ifreq loopback = { .ifr_name = "lo" };
	int fd;

	umask(022);
	mount_one("devtmpfs", "/dev", "mode=0755");
	mount_one("proc", "/proc", NULL);
	mount_one("sysfs", "/sys", NULL);
	mount_one("tmpfs", "/tmp", "mode=1777");
	mount_one("tmpfs", "/run", "mode=0755");
	mount_one("devpts", "/dev/pts", "mode=0620,ptmxmode=0666");
	mount_one("tmpfs", "/dev/shm", "mode=1777");
	mount_one("mqueue", "/dev/mqueue", NULL);
	mount_one("debugfs", "/sys/kernel/debug", NULL);
	write_file(FAULT_AROUND, "4096");
	mount_one("tracefs", "/sys/kernel/tracing", NULL);
	mount_one("cgroup2", "/sys/fs/cgroup", NULL);
	(void)!symlink("/proc/self/fd", "/dev/fd");
	(void)!symlink("/proc/self/fd/0", "/dev/stdin");
	(void)!symlink("/proc/self/fd/1", "/dev/stdout");
	(void)!symlink("/proc/self/fd/2", "/dev/stderr");
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+pids");
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+cpu");
	sethostname("vm", 2);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit = { limits[i].value, limits[i].value };

		setrlimit(limits[i].what, &limit);
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		loopback.ifr_flags = IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &loopback);
		close(fd);
	}
}

/*
 * KEY VALUE lines: secret TEXT, mode run|probe|shell, deadline SECONDS,
 * kmemleak 0|1, module PATH [PARAMETERS], dependency PATH, expect TEXT.
 */
static void read_conf(void)
{
	char *text = read_file("/vm/conf", NULL), *save;

	for (char *at = text ? strtok_r(text, "\n", &save) : NULL; at;
	     at = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(at, ' ');
		bool is_dependency;

		if (!value)
			continue;
		*value++ = '\0';
		is_dependency = !strcmp(at, "dependency");
		if (!strcmp(at, "secret")) {
			secret = value;
		} else if (!strcmp(at, "mode")) {
			mode = value;
		} else if (!strcmp(at, "deadline")) {
			deadline = atoi(value);
		} else if (!strcmp(at, "kmemleak")) {
			want_kmemleak = atoi(value);
		} else if (!strcmp(at, "expect") &&
			   expected_count < MAX_EXPECTED) {
			expected[expected_count++] = value;
		} else if ((is_dependency || !strcmp(at, "module")) &&
			   module_count < MAX_MODULES) {
			char *params = strchr(value, ' ');

			if (params)
				*params++ = '\0';
			modules[module_count++] = (struct module) {
				.path = value,
				.params = params ? params : "",
				.keep = is_dependency,
			};
		}
	}
	unlink("/vm/conf");
}

/* Run an interactive shell on the console. */
static void run_shell(void)
{
	char **env = read_strings("/vm/env");
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		sigset_t none;
		int fd;

		setsid();
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		fd = open("/dev/ttyS0", O_RDWR);
		for (int i = 0; i < 3; i++)
			dup2(fd, i);
		ioctl(0, TIOCSCTTY, 1);
		if (chdir("/payload"))
			perror("/payload");
		environ = env;
		execlp("sh", "sh", (char *)NULL);
		_exit(127);
	}
	while (reap(pid, &status), status == -1)
		wait_for_news(now() + 1);
}

static void run_payload(void)
{
	double until = now() + deadline;
	const char *procs = "ok", *unload, *leaks;
	char ended[32];
	bool late;

	start_payload();
	if (payload < 0)
		return;
	while (reap(payload, &payload_status),
	       payload_status == -1 && now() < until)
		wait_for_news(until);
	late = payload_status == -1;
	if (late) {
		note("the command did not end within %d seconds", deadline);
		show_processes();
	}
	if (!kill_all())
		procs = "stuck";
	read_log();
	if (late)
		snprintf(ended, sizeof(ended), "late");
	else
		snprintf(ended, sizeof(ended), "%d",
			 WIFEXITED(payload_status) ?
			 WEXITSTATUS(payload_status) :
			 128 + WTERMSIG(payload_status));
	unload = unload_modules();
	leaks = find_leaks();
	read_log();
	if (log_shown > AT_MOST)
		note("(%d more lines)", log_shown - AT_MOST);
	if (log_lost)
		note("lines of the log were overwritten before they were read");
	tell("vm: ", "exit=%s procs=%s log=%s unload=%s kmemleak=%s bytes=%llu",
	     ended, procs, log_bad ? "dirty" : log_lost ? "lost" : "clean",
	     unload, leaks, output_bytes);
}

static int sync_step(void *unused)
{
	(void)unused;
	sync();
	return 0;
}

int main(int argc, char **argv)
{
	sigset_t all;

	if (getpid() != 1 && argc == 2 && !strcmp(argv[1], "judge"))
		return judge_stdin();
	if (getpid() != 1) {
		fprintf(stderr, "this is the init of a test machine\n");
		return 2;
	}
	read_conf();
	if (ioperm(OUT_PORT, PORTS, 1))
		power_off();
	if (!strcmp(mode, "probe")) {
		tell("vm: ", "probe");
		power_off();
	}
	set_up_machine();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal_fd = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (signal_fd < 0 || kmsg_fd < 0) {
		error("cannot set up: %m");
		power_off();
	}
	/* Messages of the boot do not count. */
	read_log();
	log_armed = true;
	log_follow = 0;
	/* Leaks are looked for in the end. */
	write_file(KMEMLEAK, "scan=off");
	write_file(KMEMLEAK, "clear");
	tell("start", " %.2f", now());
	if (load_modules()) {
		if (!strcmp(mode, "shell"))
			run_shell();
		else
			run_payload();
		in_child(sync_step, NULL, KILL_SECONDS);
	} else {
		read_log();
	}
	power_off();
}
