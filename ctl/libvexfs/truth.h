/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ground truth: for every query of a data set, in their order, a list of the ids of its true
 * neighbours, nearest first.
 *
 *	ivecs	per list a le32 with the number of ids, then as many signed le32; lists may differ
 *		in length
 *	ibin	a le32 with the number of lists, one with the ids of each, the ids as signed le32;
 *		the distances, as many le32 floats, may follow and are not read
 *	npy	an array (lists, ids of each) in C order of i1, i2, i4, i8, u1, u2, u4 or u8
 *
 * A list of fewer neighbours than the others is filled with -1 at its end.
 */
#ifndef _VEXFS_TRUTH_H
#define _VEXFS_TRUTH_H

#include "libvexfs/import.h"

struct vexfs_truth {
	FILE	*file;			/* the caller's */
	enum vexfs_file_format format;
	__u64	list;			/* lists read so far */
	__u64	lists;			/* ibin, npy: in the file */
	__u32	ids;			/* ibin, npy: of each list */
	int	element;		/* enum vexfs_element */
	bool	swap;
	char	*buf;			/* a list as it is in the file */
	char	error[256];		/* one line about what is wrong */
};

/*
 * Begin to read a file at its start.  With GUESS, npy is known by its magic number, ibin by the
 * size of the file, all else is ivecs; the file has to be seekable then.  -ENOEXEC a format that
 * holds no lists, -EBADMSG, -ENOMEM, -EIO.
 */
int vexfs_truth_open(struct vexfs_truth *t, FILE *file, enum vexfs_file_format format);
void vexfs_truth_close(struct vexfs_truth *t);

/*
 * Read the next list, at most its first max ids; *n: how many they are, without what fills it up.
 * Returns 1, 0 at the end, -EBADMSG truncated, malformed, or a negative id other than -1, -EIO.
 */
int vexfs_truth_next(struct vexfs_truth *t, __u64 *ids, __u32 max, __u32 *n);

#endif /* _VEXFS_TRUTH_H */
