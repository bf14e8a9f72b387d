/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How test programs of the guest tell failures: FAIL() and EXPECT() print a line each and count;
 * main() returns failed().  Usable from several threads.
 */
#ifndef _VEXFS_TESTS_CHECK_H
#define _VEXFS_TESTS_CHECK_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#define CHECK_SHOWN	20		/* lines; the rest is only counted */

static atomic_uint failures;

static __attribute__((format(printf, 3, 4))) bool fail_at(int line, bool failed, const char *fmt,
							  ...)
{
	va_list ap;

	if (!failed)
		return false;
	if (atomic_fetch_add(&failures, 1) < CHECK_SHOWN) {
		va_start(ap, fmt);
		flockfile(stdout);
		printf("line %d: ", line);
		vprintf(fmt, ap);
		printf("\n");
		funlockfile(stdout);
		va_end(ap);
	}
	return true;
}
/* Count and tell a failure where `bad` is true; yields it. */
#define FAIL(bad, ...) fail_at(__LINE__, bad, __VA_ARGS__)

static inline const char *error_name(int err)
{
	return err ? strerrorname_np(err) : "success";
}
/* The same where an errno, 0 for success, is not the one wanted. */
#define EXPECT(want, got, what) ({ int w_ = (want), g_ = (got);				\
	FAIL(w_ != g_, "%s: %s, expected %s", what, error_name(g_), error_name(w_)); })

/* The test cannot go on. */
static inline __attribute__((noreturn)) void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* The exit code. */
static inline int failed(void)
{
	if (failures)
		printf("%u failures\n", failures);
	return failures != 0;
}

#endif /* _VEXFS_TESTS_CHECK_H */
