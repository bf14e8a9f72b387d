/* SPDX-License-Identifier: GPL-2.0 */
/* How files with records and with lists of ids are read, for the tests of their formats. */
#ifndef _VEXFS_TEST_FORMATS_H
#define _VEXFS_TEST_FORMATS_H

#include "box.h"
#include "libvexfs/file_format.h"
#include "libvexfs/truth.h"

/* The last record that was read, and what was said. */
extern float row[640];
extern struct vexfs_file_record last;
extern char said[256], key[300], word[300], file[300];

/* Read all of it, twice; how many records, or the error. */
int import(const void *data, size_t len, enum vexfs_file_format format, __u32 dims);
int jsonl(const char *s, __u32 dims);
int json(const char *s, __u32 dims);
/* What was got must be this error, and the message have these words. */
void refuse(int got, int err, const char *says);

/* Read all lists of at most max ids; how many, or the error.  The last one is kept. */
extern __u64 list[16];
extern __u32 listed;
int read_lists(const void *data, size_t len, enum vexfs_file_format format, __u32 max);

/* Make an array with this header in npy; how many bytes. */
extern unsigned char npy[70000];
size_t make_npy(int version, const char *header, const void *data, size_t len);
int read_npy(const char *header, const void *data, size_t len, __u32 dims);

#define HEADER(descr, shape) \
	"{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }   \n"

#define FORTRAN(descr, shape) \
	"{'descr': '" descr "', 'fortran_order': True, 'shape': " shape ", }   \n"

#endif /* _VEXFS_TEST_FORMATS_H */
