/* SPDX-License-Identifier: GPL-2.0 */
/* Who may see the records of which file, see reader.c. */
#ifndef _VEXFS_COLLECTION_READER_H
#define _VEXFS_COLLECTION_READER_H

#include "collection/platform.h"

struct vexfs_body;

/* The caller of one system call, as far as files of a body are concerned. */
struct vexfs_reader {
	struct vexfs_caller caller;
	u32 classes;
	u8 *verdict;			/* on so many classes */
	bool refused;			/* was anything? */
};
/* b NULL: not more than one slot will be looked at. */
void vexfs_reader_init(struct vexfs_reader *r, const struct file *file,
		       const struct vexfs_body *b);
void vexfs_reader_drop(struct vexfs_reader *r);
/* vexfs_query_params.may: is it there, and may the caller (arg, a vexfs_reader) read it? */
bool vexfs_reader_may(void *arg, const struct vexfs_file *file);
/* The same for a slot, bound or not. */
bool vexfs_reader_sees(struct vexfs_reader *r, const struct vexfs_body *b, u64 slot);
/*
 * Are or were there records in b that the caller may not see, because of their file?  As far as is
 * known: of a file that was gone when the collection was loaded it is only known that it was.
 */
bool vexfs_reader_hides(struct vexfs_reader *r, const struct vexfs_body *b);

#endif /* _VEXFS_COLLECTION_READER_H */
