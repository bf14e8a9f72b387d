// SPDX-License-Identifier: GPL-2.0
/* Verbs that take long: how far they are, and Ctrl-C. */
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <platform/vexfs-user.h>
#include "vexctl/vexctl.h"

static volatile sig_atomic_t stop; /* the signal that came */

static void on_signal(int sig)
{
	stop = sig;
}

static void on_signal_end(int sig)
{
	stop = sig;
	vexfs_kill(true);
}

static void handle(void (*handler)(int sig))
{
	struct sigaction sa = { .sa_handler = handler };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

void catch_signals(void)
{
	handle(on_signal);
}

void end_on_signals(void)
{
	handle(on_signal_end);
}

bool interrupted(void)
{
	return stop;
}

int interrupted_code(int code)
{
	return code == VEXCTL_FAILED && stop ? 128 + stop : code;
}

/* At most ten times a second on a terminal, once a second elsewhere. */
void progress(const char *what, __u64 done, __u64 total, const char *unit)
{
	static struct timespec before;
	static bool shown;
	struct timespec now;
	bool tty = isatty(STDERR_FILENO);
	double elapsed;
	int filled;

	if (!what) {
		if (tty && shown)
			fputs("\r\033[K", stderr);
		shown = false;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!before.tv_sec)
		before = now;
	elapsed = (now.tv_sec - before.tv_sec) + (now.tv_nsec - before.tv_nsec) / 1e9;
	if (elapsed < (tty ? 0.1 : 1))
		return;
	before = now;
	shown = true;
	if (!tty) {
		fprintf(stderr, "%s: %llu of %llu %s\n", printable(what), done, total, unit);
		return;
	}
	filled = total ? (int)(done * 30.0 / total) : 0;
	if (filled > 30)
		filled = 30;
	fprintf(stderr, "\r\033[K%s [%.*s%.*s] %3d%% %llu of %llu %s", printable(what), filled,
		"##############################", 30 - filled, "..............................",
		total ? (int)(done * 100.0 / total) : 0, done, total, unit);
}
