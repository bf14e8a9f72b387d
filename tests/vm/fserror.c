// SPDX-License-Identifier: GPL-2.0
/*
 * fserror DIR COMMAND...: run the command, and print which errors of the filesystem fanotify(7) has told of
 * meanwhile, as "errno count".  Exit code 0, or 1 after a line if there are none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/wait.h>
#include <unistd.h>

static __attribute__((noreturn)) void die(const char *what)
{
	printf("fserror: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void show(const struct fanotify_event_metadata *event)
{
	const char *at = (const char *)event + event->metadata_len;
	const char *end = (const char *)event + event->event_len;

	while (at < end) {
		const struct fanotify_event_info_error *info = (const void *)at;

		if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_ERROR)
			printf("%d %u\n", info->error, info->error_count);
		at += info->hdr.len;
	}
}

int main(int argc, char **argv)
{
	static char buf[4096] __attribute__((aligned(8)));
	const struct fanotify_event_metadata *event = (const void *)buf;
	struct pollfd poll_fd = { .events = POLLIN };
	ssize_t n;
	pid_t pid;

	if (argc < 3)
		die("usage: fserror DIR COMMAND...");
	poll_fd.fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY);
	if (poll_fd.fd < 0)
		die("fanotify_init");
	if (fanotify_mark(poll_fd.fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_FS_ERROR, AT_FDCWD, argv[1]))
		die("fanotify_mark");
	pid = fork();
	if (!pid) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die("fork");
	if (poll(&poll_fd, 1, 2000) != 1)
		die("nothing was told");
	n = read(poll_fd.fd, buf, sizeof(buf));
	for (; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n))
		show(event);
	return 0;
}
