// SPDX-License-Identifier: GPL-2.0
/*
 * Bodies: all that slots index, and how long it lives.
 *
 * A body is a set of planes and what is derived from them.  Compaction replaces it as a whole, and
 * whoever looks at slots without vexfs_collection_mem.lock holds a reference.
 *
 * Lock: prog_lock, to take one.
 */
#include "collection/collection.h"

struct vexfs_body *vexfs_body_new(struct vexfs_collection_mem *c)
{
	struct vexfs_body *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);

	if (b) {
		refcount_set(&b->refs, 1);
		spin_lock_init(&b->derived_lock);
		mutex_init(&b->derived_begin);
		mutex_init(&b->upkeep_lock);
		b->dir = c->dir;
		b->row_bytes = c->row_bytes;
		b->metric = c->metric;
		b->crc_seed = c->crc_seed;
		vexfs_predicates_init(&b->predicates);
		vexfs_files_init(c, &b->files);
	}
	return b;
}

void vexfs_body_close(struct vexfs_body *b)
{
	struct inode **plane[] = { &b->vectors, &b->records, &b->keys,	     &b->dead,
				   &b->heirs,	&b->deaths,  &b->checkpoint };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(plane); i++) {
		iput(*plane[i]);
		*plane[i] = NULL;
	}
	vexfs_snapshots_close(b);
}

struct vexfs_body *vexfs_body_get(struct vexfs_collection_mem *c)
{
	struct vexfs_body *b;

	spin_lock(&c->prog_lock);
	b = c->body;
	refcount_inc(&b->refs);
	spin_unlock(&c->prog_lock);
	return b;
}

void vexfs_body_put(struct vexfs_body *b)
{
	if (!b || !refcount_dec_and_test(&b->refs))
		return;
	vexfs_predicates_drop(&b->predicates);
	vexfs_derived_drop(b);
	vexfs_columns_free(b->columns);
	vexfs_map_free(&b->key_map);
	vexfs_files_drop(&b->files);
	vexfs_body_close(b);
	kfree(b);
}

int vexfs_body_open(struct vexfs_body *b, const struct vexfs_collection *raw)
{
	struct {
		struct inode **to;
		__le64 ino;
		u32 flags;
		const char *what;
	} plane[] = {
		{ &b->vectors, raw->c_vectors, 0, "vectors" },
		{ &b->records, raw->c_records, 0, "records" },
		{ &b->keys, raw->c_keys, 0, "keys" },
		{ &b->dead, raw->c_dead, VEXFS_INODE_METADATA, "dead" },
		/* these may not be there */
		{ &b->heirs, raw->c_heirs, VEXFS_INODE_METADATA, "heirs" },
		{ &b->deaths, raw->c_deaths, 0, "deaths" },
		{ &b->checkpoint, raw->c_checkpoint, 0, "checkpoint" },
	};
	struct inode *inode;
	u32 i, j;
	int err;

	for (i = 0; i < ARRAY_SIZE(plane); i++) {
		if (i > 3 && !plane[i].ino)
			continue;
		for (j = 0; j < i; j++)
			if (plane[i].ino == plane[j].ino) {
				vexfs_error(b->dir->i_sb,
					    "collection %lu: two planes in inode %llu",
					    b->dir->i_ino, le64_to_cpu(plane[i].ino));
				vexfs_body_close(b);
				return -EUCLEAN;
			}
		inode = vexfs_plane_open(b->dir, le64_to_cpu(plane[i].ino), plane[i].flags,
					 plane[i].what);
		if (IS_ERR(inode) && plane[i].to == &b->checkpoint &&
		    (PTR_ERR(inode) == -EUCLEAN || PTR_ERR(inode) == -EIO))
			continue;		/* that was told, and it is no loss */
		if (IS_ERR(inode)) {
			vexfs_body_close(b);
			return PTR_ERR(inode);
		}
		*plane[i].to = inode;
	}
	/* a block of it is enough for a thousand of the others: it finds one in the reserve */
	vexfs_plane_tight(b->dead, true);
	b->checkpoint_slots = b->checkpoint ? le64_to_cpu(raw->c_checkpoint_slots) : 0;
	err = vexfs_snapshots_open(b, raw);
	if (err)
		vexfs_body_close(b);
	return err;
}
