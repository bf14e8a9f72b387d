// SPDX-License-Identifier: GPL-2.0
/* The table of tables under what a collection has by slot; see chunk.h. */
#include "chunk.h"

#define TABLE_BYTES	(VEXFS_CHUNK_TABLE * sizeof(void *))

_Static_assert((__u64)VEXFS_CHUNK_TABLE * VEXFS_CHUNK_TABLE * VEXFS_CHUNK_SLOTS >= VEXFS_MAX_SLOTS,
	       "slots of a table of tables");

static void *allocate(const struct vexfs_chunks *t, size_t bytes)
{
	return t->optional ? vx_ealloc_optional(bytes) : vx_ealloc(bytes);
}

int vexfs_chunks_reserve(struct vexfs_chunks *t, __u64 slots, size_t size)
{
	if (slots > VEXFS_MAX_SLOTS)
		return -EFBIG;
	while (t->slots < slots) {
		__u64 n = t->slots / VEXFS_CHUNK_SLOTS;
		void ***table = &t->table[n / VEXFS_CHUNK_TABLE], *chunk;

		if (!*table) {
			*table = allocate(t, TABLE_BYTES);
			if (!*table)
				return -ENOMEM;
			WRITE_ONCE(t->bytes, t->bytes + TABLE_BYTES);
		}
		chunk = allocate(t, size);
		if (!chunk)
			return -ENOMEM;
		(*table)[n % VEXFS_CHUNK_TABLE] = chunk;
		WRITE_ONCE(t->bytes, t->bytes + size);
		t->slots += VEXFS_CHUNK_SLOTS;
	}
	return 0;
}

__u64 vexfs_chunks_cost(__u64 slots, size_t size)
{
	__u64 chunks = (slots + VEXFS_CHUNK_SLOTS - 1) / VEXFS_CHUNK_SLOTS;

	return chunks * size + (chunks + VEXFS_CHUNK_TABLE - 1) / VEXFS_CHUNK_TABLE * TABLE_BYTES;
}

void vexfs_chunks_free(struct vexfs_chunks *t)
{
	__u64 slot;
	__u32 i;

	for (slot = 0; slot < t->slots; slot += VEXFS_CHUNK_SLOTS)
		vx_efree(vexfs_chunk(t, slot));
	for (i = 0; i < VEXFS_CHUNK_TABLE; i++)
		vx_efree(t->table[i]);
}
