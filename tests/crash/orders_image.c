// SPDX-License-Identifier: GPL-2.0
/* States that are mounted in a process of their own, without a kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <platform/image.h>
#include "crash.h"
#include "image_calls.h"
#include "orders.h"

void orders_where(char *const *arg)
{
	if (!*arg)
		return;
	fputs("orders: what is this for?\n", stderr);
	exit(2);
}

static void judge(const char *path, uint64_t seed, const char *promise)
{
	struct vexfs_image *image;
	const char *why = NULL;
	int err = vexfs_image_open(path, 0, &image, &why);

	if (err) {
		printf("mount: %s\n", why ?: strerror(-err));
		exit(1);
	}
	image_calls(image);
	crash_ops_judge(IMAGE_TOP, seed, promise);
	image_calls(NULL);
	err = vexfs_image_close(image);
	if (err) {
		printf("unmount: %s\n", strerror(-err));
		exit(1);
	}
	fflush(NULL);
	execl("build/bin/fsck.vexfs", "fsck.vexfs", path, NULL);
	_exit(127);
}

bool orders_judge(const char *image, uint64_t seed, const char *promise, int out)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(out, 1);
		dup2(out, 2);
		judge(image, seed, promise);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("orders: fork");
		exit(1);
	}
	return WIFEXITED(status) && !WEXITSTATUS(status);
}
