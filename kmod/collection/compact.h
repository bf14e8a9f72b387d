/* SPDX-License-Identifier: GPL-2.0 */
/* Dead space given back, see compact.c. */
#ifndef _VEXFS_COLLECTION_COMPACT_H
#define _VEXFS_COLLECTION_COMPACT_H

#include "collection/platform.h"

struct vexfs_collection_mem;

/*
 * See ioctl.h; the caller holds mnt_want_write.  *before, *after: slots; the same: there was
 * nothing to do.
 */
int vexfs_collection_compact(struct vexfs_collection_mem *c, u32 min_dead, u64 *before, u64 *after);
/* The same, by a worker, for one that has enough dead slots by the mount option compact=. */
int vexfs_compact_by_itself(struct vexfs_collection_mem *c);

#endif /* _VEXFS_COLLECTION_COMPACT_H */
