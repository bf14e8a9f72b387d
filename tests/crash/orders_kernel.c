// SPDX-License-Identifier: GPL-2.0
/* In the guest: states that the kernel mounts. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include "crash.h"
#include "orders.h"

static const char *device, *dir;

void orders_where(char *const *arg)
{
	device = arg[0];
	dir = device ? arg[1] : NULL;
	if (dir)
		return;
	fputs("orders: which device, and where to mount it?\n", stderr);
	exit(2);
}

static int wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("orders: fork");
		exit(1);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

bool orders_judge(const char *image, uint64_t seed, const char *promise, int out)
{
	pid_t pid;
	int rc;

	if (mount(device, dir, "vexfs", 0, NULL)) {
		dprintf(out, "mount: %s\n", strerror(errno));
		return false;
	}
	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(out, 1);
		crash_ops_judge(dir, seed, promise);
		fflush(NULL);
		_exit(0);
	}
	rc = wait_for(pid);
	if (umount(dir)) {
		perror("orders: umount");
		exit(1); /* nothing more can be mounted there */
	}
	if (rc)
		return false;
	pid = fork();
	if (!pid) {
		dup2(out, 1);
		dup2(out, 2);
		execlp("fsck.vexfs", "fsck.vexfs", image, NULL);
		_exit(127);
	}
	return !wait_for(pid);
}
