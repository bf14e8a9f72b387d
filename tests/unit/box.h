/* SPDX-License-Identifier: GPL-2.0 */
/* A filesystem in memory for the tests of the core: sparse, checked, with repeatable chance. */
#ifndef _VEXFS_TEST_BOX_H
#define _VEXFS_TEST_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <platform/mkfs.h>
#include <platform/verify.h>

struct box {
	struct vexfs_dev dev;
	struct vexfs_fs fs;
	struct vexfs_inode_core root;
};

/* A device of that many blocks in a sparse memfd, and mkfs on it; then box_open(). */
void box_make(struct box *b, __u64 blocks);
/* read the superblock and the root; strict and quiet */
void box_open(struct box *b);
/* write everything out and read it back; clean: as after umount */
void box_reopen(struct box *b, bool clean);
void box_close(struct box *b);
/* logs the root, writes out; any problem fails the test */
void box_verify(struct box *b);

/* Transactions with as many credits as the module would ask for; they abort when they take more. */
void box_start(struct box *b, vx_txn *t, int credits);
/* Write c to its raw inode, of this mode and link count. */
void box_log(struct box *b, struct vexfs_inode_core *c, __u16 mode, __u32 nlink);
/* A new inode with a name in the root.  METADATA is set for directories. */
void box_create(struct box *b, struct vexfs_inode_core *c, const char *name, __u16 mode);
void box_load(struct box *b, struct vexfs_inode_core *c, __u64 ino);

/* Change one block on the device behind the cache; its crc stays as fn leaves it. */
void box_poke(struct box *b, __u64 block, void (*fn)(struct box *b, void *data, void *arg),
	      void *arg);

/* Repeatable chance.  VEXFS_SEED=N in the environment overrides the seed, which is printed. */
void chance_seed(__u64 seed);
__u32 chance(__u32 below);
__u64 chance_now(void);				/* the seed that goes on from here */

/*
 * Kernels of the engine: how many tables this processor can run, and use that one, from 0, the plainest;
 * BEST: what nobody has to ask for.
 */
#define BEST ~0u
__u32 kernels(void);
void use_kernels(__u32 i);

#endif /* _VEXFS_TEST_BOX_H */
