// SPDX-License-Identifier: GPL-2.0
/*
 * vexd [--config FILE] [--check]
 *
 * SIGHUP reads the configuration again; with an error in it, the one in force stays.  SIGTERM and
 * SIGINT end it.  Exit codes: 0 ended, or --check found nothing wrong; 1 it cannot run; 2 the
 * command line is wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <systemd/sd-daemon.h>
#include <vexfs/vexfs.h>
#include "vexd.h"

#define TICK_MS		5000		/* for what has no event: clients without patience */

struct config config;
bool quit;

static const char *path = VEXD_CONFIG;
static bool optional = true;		/* nobody named the file */
static bool journal;			/* stderr is one that knows levels */
static double start_time;
static int loop = -1;
static bool rescan;			/* mounts have changed since programs were looked at */

const char *config_path(void)
{
	return path;
}

double started(void)
{
	return start_time;
}

/* A log that cannot be written is not worth dying for. */
void log_line(int level, const char *fmt, ...)
{
	char msg[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (journal)
		fprintf(stderr, "<%d>%s\n", level, printable(msg));
	else
		fprintf(stderr, "vexd: %s\n", printable(msg));
}

/* --- the loop --- */

int loop_add(struct source *s, __u32 events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	return epoll_ctl(loop, EPOLL_CTL_ADD, s->fd, &e);
}

int loop_mod(struct source *s, __u32 events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	return epoll_ctl(loop, EPOLL_CTL_MOD, s->fd, &e);
}

void loop_del(struct source *s)
{
	epoll_ctl(loop, EPOLL_CTL_DEL, s->fd, NULL);
}

void mounts_changed(void)
{
	rescan = true;
}

static void tell_systemd(void)
{
	size_t i, loaded = 0;

	for (i = 0; i < config.programs; i++)
		loaded += config.program[i].state >= PROGRAM_LOADED;
	sd_notifyf(0, "READY=1\nSTATUS=%zu of %zu programs loaded", loaded, config.programs);
}

static void apply(void)
{
	events_retry();
	programs_apply(&config);
	tell_systemd();
}

int reload(char *why, size_t size)
{
	struct config new, old;
	int err;

	sd_notify(0, "RELOADING=1");
	err = config_read(path, optional, &new, why, size);
	if (err) {
		log_error("%s; the configuration in force stays", why);
		tell_systemd();
		return err;
	}
	if (strcmp(new.socket, config.socket))
		log_warn("the socket stays %s until vexd is restarted", config.socket);
	if (new.metrics != config.metrics) {
		char msg[256];

		metrics_close();
		if (metrics_open(new.metrics, msg, sizeof(msg)))
			log_error("%s", msg);
	}
	old = config;
	config = new;
	config_free(&old);
	log_note("configuration read: %zu programs", config.programs);
	apply();
	return 0;
}

static void on_signal(struct source *s, __u32 events)
{
	struct signalfd_siginfo info;
	char why[512];

	(void)events;
	if (read(s->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload(why, sizeof(why));
	else
		quit = true;
}

static int run(void)
{
	struct epoll_event events[64];
	int n, i;

	while (!quit) {
		n = epoll_wait(loop, events, 64, TICK_MS);
		for (i = 0; i < n; i++) {
			struct source *s = events[i].data.ptr;

			s->ready(s, events[i].events);
		}
		if (n < 0 && errno != EINTR) {
			log_error("cannot wait for events: %s", strerror(errno));
			return 1;
		}
		/* after the events, so that what they freed is not in the array any more */
		server_sweep();
		metrics_tick();
		if (rescan) {
			rescan = false;
			apply();
		}
	}
	return 0;
}

static int start(void)
{
	static struct source signals;
	sigset_t mask;
	char why[512];

	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	loop = epoll_create1(EPOLL_CLOEXEC);
	signals.fd = signalfd(-1, &mask, SFD_CLOEXEC);
	signals.ready = on_signal;
	if (loop < 0 || signals.fd < 0 || loop_add(&signals, EPOLLIN)) {
		log_error("cannot start: %s", strerror(errno));
		return -EIO;
	}
	if (server_open(config.socket, why, sizeof(why))) {
		log_error("%s", why);
		return -EIO;
	}
	if (metrics_open(config.metrics, why, sizeof(why)))
		log_error("%s", why);	/* the rest is worth having without */
	return events_open();
}

/* The command line is wrong. */
static int usage(const char *what, const char *arg)
{
	fprintf(stderr, "vexd: %s %s; see `vexd --help`\n", what, printable(arg));
	return 2;
}

/* The end of what only prints. */
static int printed(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	fprintf(stderr, "vexd: cannot write the output: %s\n", strerror(errno));
	return 1;
}

static int help(void)
{
	fputs("usage: vexd [--config FILE] [--check]\n"
	      "Keep VexFS programs loaded and collections bound to them, and tell what happens.\n"
	      "  -c, --config FILE  [" VEXD_CONFIG "]\n"
	      "      --check        read it and the objects that it names, say what is wrong, and end\n"
	      "  -h, --help\n"
	      "  -V, --version\n"
	      "SIGHUP reads the configuration again.  Exit code: 0 ended, 1 it cannot run, 2 the command line is wrong.\n",
	      stdout);
	return printed();
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'V' },	    { "help", no_argument, NULL, 'h' },
		{}
	};
	struct timespec now;
	bool check = false;
	char why[512];
	int c, code;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* the write fails, and that is said */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			optional = false;
			break;
		case 'k':
			check = true;
			break;
		case 'V':
			printf("vexd %s\n", VEXFS_VERSION);
			return printed();
		case 'h':
			return help();
		default:
			return usage("the option is unknown or lacks its value:", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return usage("it takes no argument:", argv[optind]);
	journal = !check && getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO);
	setvbuf(stderr, NULL, _IOLBF, 0);
	if (config_read(path, optional, &config, why, sizeof(why))) {
		log_error("%s", why);
		return 1;
	}
	if (check) {
		code = programs_check(&config) ? 1 : 0;
		if (config.absent)
			printf("%s: not there, so the defaults hold: no programs, nothing wrong\n",
			       printable(path));
		else if (!code)
			printf("%s: %zu programs, nothing wrong\n", printable(path),
			       config.programs);
		code = printed() ?: code;
		config_free(&config);
		return code;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	start_time = now.tv_sec + now.tv_nsec / 1e9;
	code = start() ? 1 : 0;
	if (!code) {
		log_note("vexd %s at %s, %zu programs configured", VEXFS_VERSION, config.socket,
			 config.programs);
		apply();
		code = run();
		sd_notify(0, "STOPPING=1");
		log_note("ended; programs stay loaded");
	}
	metrics_close();
	events_close();
	server_close();
	config_free(&config);
	return code;
}
