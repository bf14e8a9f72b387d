/* SPDX-License-Identifier: GPL-2.0 */
/* How a state is mounted and judged: by the kernel (orders_kernel.c), or in a process (orders_image.c). */
#ifndef _VEXFS_TESTS_ORDERS_H
#define _VEXFS_TESTS_ORDERS_H

#include <stdbool.h>
#include <stdint.h>

/* The rest of the command line. */
void orders_where(char *const *arg);
/*
 * Mount what the file `image` holds, judge it by the promise (crash_ops_judge()), unmount it, and
 * verify what that leaves.  Says what is wrong to the descriptor out.
 */
bool orders_judge(const char *image, uint64_t seed, const char *promise, int out);

#endif /* _VEXFS_TESTS_ORDERS_H */
