/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chunks of VEXFS_CHUNK_SLOTS slots on a table of tables.  Nothing moves or is freed before the
 * end, so readers need no lock: they stay below a count that was published after the chunk was
 * filled.  One writer at a time.
 */
#ifndef _VEXFS_ENGINE_CHUNK_H
#define _VEXFS_ENGINE_CHUNK_H

#include "engine.h"

#define VEXFS_CHUNK_SLOTS	1024u	/* slots of a chunk */
#define VEXFS_CHUNK_TABLE	2048u	/* chunks of a table, and tables: 2^32 slots in all */

struct vexfs_chunks {
	__u64 slots;			/* that have chunks */
	__u64 bytes;			/* of chunks and tables; READ_ONCE() beside the writer */
	bool optional;			/* see vx_ealloc_optional(); set before the first chunk */
	void **table[VEXFS_CHUNK_TABLE];
};

/* The chunk of a slot that has one; the slot is at slot % VEXFS_CHUNK_SLOTS in it. */
static inline void *vexfs_chunk(const struct vexfs_chunks *t, __u64 slot)
{
	__u64 n = slot / VEXFS_CHUNK_SLOTS;

	return t->table[n / VEXFS_CHUNK_TABLE][n % VEXFS_CHUNK_TABLE];
}

/*
 * Chunks, of `size` bytes and zeroed, for the slots [0, slots).  -EFBIG more than VEXFS_MAX_SLOTS,
 * -ENOMEM: there may be more of them than before, all the same.
 */
int vexfs_chunks_reserve(struct vexfs_chunks *t, __u64 slots, size_t size);
/* The bytes that chunks of `size` bytes for so many slots take, with their tables. */
__u64 vexfs_chunks_cost(__u64 slots, size_t size);
/* Free them; nobody reads any more. */
void vexfs_chunks_free(struct vexfs_chunks *t);

#endif /* _VEXFS_ENGINE_CHUNK_H */
