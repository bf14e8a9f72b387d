/* SPDX-License-Identifier: GPL-2.0 */
/* A query near a record, for whoever times queries in the guest: the same ones in C and C++. */
#ifndef _VEXFS_TESTS_MOVED_H
#define _VEXFS_TESTS_MOVED_H

#include <math.h>
#include <stdint.h>

/* The id of the record near which query i is, of `live` that have the ids from 0 on. */
static inline uint64_t moved_id(uint64_t i, uint64_t live)
{
	return i * 7919 % live;
}

/* Each number of that record is moved by up to a fifth of the row's deviation. */
static inline void move_row(float *row, uint32_t dims, uint64_t i)
{
	double s = 0;
	uint64_t x = i;
	uint32_t d;

	for (d = 0; d < dims; d++)
		s += (double)row[d] * row[d];
	for (d = 0; d < dims; d++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		row[d] += ((x >> 40) / (double)(1 << 23) - 1) * 0.2 * sqrt(s / dims);
	}
}

#endif /* _VEXFS_TESTS_MOVED_H */
