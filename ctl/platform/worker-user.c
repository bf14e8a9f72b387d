// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * The worker of a mount in user space: a thread that is begun when it is first needed, and joined
 * at the unmount.  See collection/platform.h.
 *
 * Lock: vexfs_worker.lock, for a moment; a leaf.
 */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"
#include "search/search.h"

void vexfs_worker_init(struct vexfs_worker *w)
{
	*w = (struct vexfs_worker){};
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->poked_or_stopped, NULL);
}

static void *work(void *arg)
{
	struct super_block *sb = arg;
	struct vexfs_worker *w = &VEXFS_SB(sb)->worker;

	setpriority(PRIO_PROCESS, gettid(), 19);	/* of this thread, in Linux */
	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (!w->poked) {
			pthread_cond_wait(&w->poked_or_stopped, &w->lock);
			continue;
		}
		w->poked = false;
		pthread_mutex_unlock(&w->lock);
		vexfs_collections_upkeep(sb);
		vexfs_recalls(sb);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Signals are for the threads of the program.  lock held. */
static void begin(struct super_block *sb, struct vexfs_worker *w)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!pthread_create(&w->thread, NULL, work, sb))
		w->pid = getpid();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* What cannot be begun now is begun by the next one who asks. */
void vexfs_worker_poke(struct super_block *sb)
{
	struct vexfs_worker *w = &VEXFS_SB(sb)->worker;

	pthread_mutex_lock(&w->lock);
	w->poked = true;
	if (!w->pid && !w->stop)
		begin(sb, w);
	pthread_cond_signal(&w->poked_or_stopped);
	pthread_mutex_unlock(&w->lock);
}

bool vexfs_worker_should_stop(const struct super_block *sb)
{
	return READ_ONCE(VEXFS_SB(sb)->worker.stop);
}

/* The mount is not made read-only, and its end waits for the thread. */
bool vexfs_worker_write(struct super_block *sb)
{
	return vexfs_may_work(sb);
}

void vexfs_worker_written(struct super_block *sb)
{
	(void)sb;
}

/* A child of fork() has no such thread. */
void vexfs_worker_end(struct vexfs_worker *w)
{
	pthread_mutex_lock(&w->lock);
	WRITE_ONCE(w->stop, true);
	pthread_cond_signal(&w->poked_or_stopped);
	pthread_mutex_unlock(&w->lock);
	if (w->pid == getpid())
		pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->poked_or_stopped);
	pthread_mutex_destroy(&w->lock);
}
