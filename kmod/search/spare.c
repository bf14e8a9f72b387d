// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of queries that are over, kept for those that come, one for each processor.
 *
 * A query takes some 40 KB, and to have them cleared, as all memory is that the kernel hands out
 * (init_on_alloc), is more work than many a query by lists is.  What becomes large is not kept, so
 * that a mount holds 8 MB at most; as a rule it is less than 1 MB.  It stays charged to whose query
 * first took it.
 *
 * No lock: each place is taken and filled by an exchange, so who is interrupted, or moved to another
 * processor, has what it took to itself; at worst somebody finds none, or one too many is freed.
 */
#include "search/search.h"

#define MAX_BYTES (512u << 10)

static struct vexfs_query **here(struct super_block *sb)
{
	return &VEXFS_SB(sb)->spares.of[vexfs_cpu() % VEXFS_SPARES].q;
}

struct vexfs_query *vexfs_spare_take(struct super_block *sb)
{
	return xchg(here(sb), NULL);
}

void vexfs_spare_put(struct super_block *sb, struct vexfs_query *q)
{
	if (q && vexfs_query_bytes(q) <= MAX_BYTES)
		q = xchg(here(sb), q);
	vexfs_query_free(q);
}

void vexfs_spares_free(struct super_block *sb)
{
	struct vexfs_spares *spares = &VEXFS_SB(sb)->spares;
	u32 i;

	for (i = 0; i < VEXFS_SPARES; i++)
		vexfs_query_free(xchg(&spares->of[i].q, NULL));
}
