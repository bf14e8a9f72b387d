/* SPDX-License-Identifier: GPL-2.0 */
/* What the fuzz targets share: each has one LLVMFuzzerTestOneInput(), see fuzz.mk. */
#ifndef _VEXFS_FUZZ_H
#define _VEXFS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

#include "libvexfs/import.h"

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size);

/* What holds for every input; where it does not, the input is a finding. */
#define must(what)                                                                        \
	do {                                                                              \
		if (!(what)) {                                                            \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #what); \
			abort();                                                          \
		}                                                                         \
	} while (0)

/* A piece of an input: numbers are taken off its front, zeros when there is nothing left. */
struct piece {
	const __u8 *at;
	size_t left;
};

static inline const __u8 *take(struct piece *p, size_t n)
{
	const __u8 *at = p->at;

	must(n <= p->left);
	p->at += n;
	p->left -= n;
	return at;
}

static inline __u64 take_number(struct piece *p, size_t bytes)
{
	size_t n = bytes < p->left ? bytes : p->left;
	__u64 v = 0;

	memcpy(&v, take(p, n), n);
	return v;
}

#define take_u8(p)	((__u8)take_number(p, 1))
#define take_u16(p)	((__u16)take_number(p, 2))
#define take_u32(p)	((__u32)take_number(p, 4))

/* A file with these bytes, to read from. */
FILE *file_of(const void *data, size_t size);

/*
 * Read all of it as a file to import (import.c): what the reader promises is looked at, a second
 * reading gives the same, and so does one of what the records were exported to: jsonl, json, fvecs,
 * fbin and npy.
 */
void import_all(const void *data, size_t size, enum vexfs_file_format format, __u32 dims,
		bool nonzero);

/* Read all of it as lists of true neighbours. */
void truth_all(const void *data, size_t size, enum vexfs_file_format format);

/* One of a few numbers of dimensions. */
__u32 some_dims(__u8 choice);

#endif /* _VEXFS_FUZZ_H */
