/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changes of the image of base.c that an input asks for, with their checksums made right; for fuzz
 * targets, and for tests/vm/hostile.c.
 *
 * A change is the number of a block among those that matter (1), TAKE_* and AS_* (1); with
 * TAKE_COPY the number of another block that it first becomes a copy of (1); with TAKE_OWNER the
 * inode (1) and logical block (1) that it then claims to belong to; an offset (2), a length (1), so
 * many bytes.
 */
#ifndef _VEXFS_FUZZ_CHANGE_H
#define _VEXFS_FUZZ_CHANGE_H

#include "base.h"
#include "fuzz.h"

/* low bits: the block is of another kind than it was, see enum base_kind; 0: of the same */
#define AS_IT_IS	15
#define TAKE_COPY	0x10
#define TAKE_OWNER	0x20

/* The image, made when it is first asked for. */
struct base *change_base(void);
/*
 * All changes of an input, and into the image: then the checksums of all blocks that have changed
 * are made right, those of records and words too, unless AS_IT_IS.  log: as a transaction in the
 * log instead.
 */
void change_take(struct piece *in, bool log);
/* Everything as it was, what base_record() has seen too.  No block is in use. */
void change_undo(void);

#endif /* _VEXFS_FUZZ_CHANGE_H */
