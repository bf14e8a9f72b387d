// SPDX-License-Identifier: GPL-2.0
/* A call that takes long: how far it is, five times a second, and Ctrl-C meanwhile. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include "vexctl/vexctl.h"

#define END	SIGUSR1			/* the call has returned */

/*
 * The signals are blocked everywhere else.  One that interrupts is done to the process again, after
 * the line is cleared: it ends it, or is what Ctrl-C is in an image (image.c).
 */
static void *watcher(void *arg)
{
	const struct timespec fifth = { .tv_nsec = 200000000 };
	const struct watch *w = arg;
	struct vexfs_ioc_info info;
	sigset_t one;
	int sig;

	while ((sig = sigtimedwait(&w->signals, NULL, &fifth)) != END) {
		if (sig > 0) {
			progress(NULL, 0, 0, NULL);
			sigemptyset(&one);
			sigaddset(&one, sig);
			kill(getpid(), sig);
			pthread_sigmask(SIG_UNBLOCK, &one, NULL);
			pthread_sigmask(SIG_BLOCK, &one, NULL);
		} else if (!vexfs_info(w->fd, &info)) {
			w->show(w->dir, &info);
		}
	}
	return NULL;
}

void watch_begin(struct watch *w)
{
	sigemptyset(&w->signals);
	sigaddset(&w->signals, SIGINT);
	sigaddset(&w->signals, SIGTERM);
	sigaddset(&w->signals, END);
	pthread_sigmask(SIG_BLOCK, &w->signals, &w->before);
	w->watching = !pthread_create(&w->thread, NULL, watcher, w);
	if (!w->watching)
		pthread_sigmask(SIG_SETMASK, &w->before, NULL);
}

void watch_end(struct watch *w)
{
	if (!w->watching)
		return;
	pthread_kill(w->thread, END);
	pthread_join(w->thread, NULL);
	progress(NULL, 0, 0, NULL);
	pthread_sigmask(SIG_SETMASK, &w->before, NULL);
}
