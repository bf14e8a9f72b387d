// SPDX-License-Identifier: GPL-2.0
/*
 * What keeps a mount by FUSE: commits every few seconds, as the module makes them, and a clean end
 * when a signal asks for it.
 *
 * The end is an unmount while requests are still answered, so that what was changed by mappings is
 * written first.  Where somebody has a file open, that is written as far as syncfs(2) reaches it, and
 * the mount is taken away from under him.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <platform/image.h>
#include "fuse/fuse.h"

#define KICK	SIGUSR1			/* makes the main thread look whether it is over */

extern char **environ;

static void wanted(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

static void on_kick(int sig)
{
	(void)sig;
}

void keep_signals(void)
{
	struct sigaction kick = { .sa_handler = on_kick };
	sigset_t set;

	wanted(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(KICK, &kick, NULL);	/* without SA_RESTART: it interrupts */
	signal(SIGPIPE, SIG_IGN);
}

static bool ended(struct mounted *m)
{
	return __atomic_load_n(&m->ended, __ATOMIC_ACQUIRE);
}

/* As the system lets who has mounted it.  0: it is unmounted. */
static int unmount(const char *dir)
{
	char *const argv[] = { "fusermount3", "-u", "-q", "--", (char *)dir, NULL };
	posix_spawn_file_actions_t quiet;
	int err, status;
	pid_t pid;

	if (!umount2(dir, UMOUNT_NOFOLLOW))
		return 0;
	if (errno != EPERM)
		return -errno;
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	err = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EBUSY : 0;
}

static void end_session(struct mounted *m)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	int fd;

	if (unmount(m->dir)) {
		fd = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0) {
			syncfs(fd);
			close(fd);
		}
		fuse_session_exit(m->session);
	}
	/* it looks and then waits, so one kick may come in between */
	for (; !ended(m); nanosleep(&nap, NULL))
		pthread_kill(m->main, KICK);
}

static void *keep(void *arg)
{
	struct mounted *m = arg;
	const struct timespec period = { .tv_sec = m->commit };
	sigset_t set;
	int sig;

	wanted(&set);
	while (!ended(m)) {
		sig = sigtimedwait(&set, NULL, &period);
		if (ended(m))
			break;
		if (sig > 0)
			end_session(m);
		else if (errno == EAGAIN)
			vexfs_image_sync(m->image);	/* it says itself what went wrong */
	}
	return NULL;
}

int keep_begin(struct mounted *m)
{
	m->main = pthread_self();
	return -pthread_create(&m->keeper, NULL, keep, m);
}

void keep_end(struct mounted *m)
{
	__atomic_store_n(&m->ended, true, __ATOMIC_RELEASE);
	pthread_kill(m->keeper, SIGTERM);
	pthread_join(m->keeper, NULL);
}
