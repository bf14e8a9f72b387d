// SPDX-License-Identifier: GPL-2.0
/* Is a device or an image mounted by the kernel?  See proc_pid_mountinfo(5). */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include "mounted.h"

bool vexfs_is_backing(const char *path, const struct stat *st)
{
	FILE *f = fopen(path, "re");
	char file[PATH_MAX];
	struct stat backing;
	bool found = false;

	if (f && fgets(file, sizeof(file), f)) {
		file[strcspn(file, "\n")] = 0;
		found = !stat(file, &backing) && backing.st_dev == st->st_dev &&
			backing.st_ino == st->st_ino;
	}
	if (f)
		fclose(f);
	return found;
}

/* Does the device of a mount hold what st is: the same device, or a loop device over that file? */
static bool same(const struct stat *st, dev_t dev)
{
	char path[64];

	if (S_ISBLK(st->st_mode))
		return st->st_rdev == dev;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/loop/backing_file", major(dev),
		 minor(dev));
	return vexfs_is_backing(path, st);
}

/* Spaces and such are \ooo there. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = 0;
}

int vexfs_mounted(const struct stat *st, char *target, size_t size)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *where, *options;
	unsigned int major, minor;
	int state = 0, now, at;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		/* ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS ... - TYPE SOURCE SUPEROPTIONS */
		at = 0;
		if (sscanf(line, "%*u %*u %u:%u %*s %n", &major, &minor, &at) < 2 || !at)
			continue;
		options = strstr(line + at, " - ");
		options = options ? strrchr(options, ' ') : NULL;
		now = options && !strncmp(options, " ro", 3) && strchr(",\n", options[3]) ? 1 : 2;
		if (now <= state || !same(st, makedev(major, minor)))
			continue;
		state = now;
		where = line + at;
		where[strcspn(where, " ")] = 0;
		unescape(where);
		snprintf(target, size, "%s", where);
	}
	free(line);
	if (f)
		fclose(f);
	return state;
}
