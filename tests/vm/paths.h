/* SPDX-License-Identifier: GPL-2.0 */
/* Paths below the directory that a test program of the guest works in, and calls on them. */
#ifndef _VEXFS_TESTS_PATHS_H
#define _VEXFS_TESTS_PATHS_H

#include "check.h"

/* The directory. */
static char base[256];

/* A path below it, good for the next three calls of a thread. */
__attribute__((format(printf, 1, 2))) static inline const char *path(const char *fmt, ...)
{
	static __thread char buf[4][4096];
	static __thread unsigned int i;
	char *p = buf[i++ % 4];
	size_t n = snprintf(p, 4096, "%s/", base);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p + n, 4096 - n, fmt, ap);
	va_end(ap);
	return p;
}

/* A system call must give this errno, or 0. */
#define DO(want, call, what) EXPECT(want, (call) ? errno : 0, what)

#endif /* _VEXFS_TESTS_PATHS_H */
