// SPDX-License-Identifier: GPL-2.0
/*
 * Codes of rows in memory: when they are built, and what they may take.
 *
 * They are derived data.  The first search of a collection builds them, for as long as its time
 * allows, and the next ones go on; an insert encodes its rows if all before them have codes.  A
 * slot without a code is measured, so a search takes what is there, while others add to it.
 *
 * The budget (the mount option resident=) is charged before memory is allocated, for the whole
 * collection: codes of a part are not worth their memory.  What does not fit later on has no codes;
 * lowering the budget by a remount takes none away.
 *
 * Lock: vexfs_body.codes_lock, which is only ever tried: nobody waits for codes.  Inside it, folio
 * locks.
 */
#include "collection/collection.h"

#define MIN_CODED	1024		/* records: below, a search measures all of them as fast */
#define BUILD_STEP	(16 * 1024)	/* slots allocated at a time */

/* Room for codes of the slots [0, slots) in the budget.  -ENOSPC. */
static int charge(struct vexfs_body *b, u32 dims, u64 slots)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(b->dir->i_sb);
	u64 cost = vexfs_codes_cost(dims, slots);

	if (cost <= b->codes_charged)
		return 0;
	if ((u64)atomic64_add_return(cost - b->codes_charged, &sbi->resident) >
	    READ_ONCE(sbi->opts.resident)) {
		atomic64_sub(cost - b->codes_charged, &sbi->resident);
		return -ENOSPC;
	}
	b->codes_charged = cost;
	return 0;
}

static void uncharge(struct vexfs_body *b)
{
	atomic64_sub(b->codes_charged, &VEXFS_SB(b->dir->i_sb)->resident);
	b->codes_charged = 0;
}

/* Codes without any slot, but centred.  codes_lock held, the budget charged. */
static int begin(const struct vexfs_collection_mem *c, struct vexfs_body *b, struct vx_rows *rows,
		 u64 count)
{
	struct vexfs_codes *codes = vexfs_codes_new(c->metric, c->dims, b->crc_seed);
	int err = codes ? vexfs_codes_centre(codes, rows, count) : -ENOMEM;

	if (err) {
		vexfs_codes_free(codes);
		return err;
	}
	smp_store_release(&b->codes, codes);
	return 0;
}

/* Encode what has no code.  codes_lock held. */
static void build(const struct vexfs_collection_mem *c, struct vexfs_body *b, u64 count,
		  u64 deadline)
{
	struct vx_rows *rows;
	u64 done, to;
	int err = 0;

	if (charge(b, c->dims, count))
		return;
	rows = vexfs_rows_open(b->vectors, b->row_bytes);
	if (!rows)
		err = -ENOMEM;
	if (!err && !b->codes) {
		err = begin(c, b, rows, count);
		if (err)
			uncharge(b);
	}
	while (!err && (done = vexfs_codes_count(b->codes)) < count) {
		to = min(count, done + BUILD_STEP);
		err = vexfs_codes_reserve(b->codes, to) ?:
		      vexfs_codes_extend(b->codes, rows, to, deadline);
		if (vx_killed() || vx_clock_us() >= deadline)
			break;
		cond_resched();
	}
	vexfs_rows_close(rows);
}

struct vexfs_codes *vexfs_body_codes(const struct vexfs_collection_mem *c, struct vexfs_body *b,
				     u32 us)
{
	struct vexfs_codes *codes = smp_load_acquire(&b->codes);
	u64 count = vexfs_columns_count(b->columns);

	if (codes ? vexfs_codes_count(codes) >= count : count < MIN_CODED)
		return codes;
	if (!mutex_trylock(&b->codes_lock))
		return codes;
	build(c, b, count, vx_clock_us() + us);
	mutex_unlock(&b->codes_lock);
	return smp_load_acquire(&b->codes);
}

u32 vexfs_body_codes_state(const struct vexfs_collection_mem *c, const struct vexfs_body *b,
			   const struct vexfs_codes *codes, u64 count)
{
	const struct vexfs_sb_info *sbi = VEXFS_SB(b->dir->i_sb);

	if (codes)
		return vexfs_codes_count(codes) < count ? VEXFS_CODES_PART : VEXFS_CODES_ALL;
	if (count < MIN_CODED)
		return VEXFS_CODES_FEW;
	return (u64)atomic64_read(&sbi->resident) + vexfs_codes_cost(c->dims, count) >
		READ_ONCE(sbi->opts.resident) ? VEXFS_CODES_BUDGET : VEXFS_CODES_NONE;
}

void vexfs_body_encode(const struct vexfs_collection_mem *c, u64 first, u32 n, const void *rows)
{
	struct vexfs_body *b = c->body;
	struct vexfs_codes *codes = smp_load_acquire(&b->codes);
	u32 i = 0;

	if (!codes || !mutex_trylock(&b->codes_lock))
		return;
	if (vexfs_codes_count(codes) == first && !charge(b, c->dims, first + n) &&
	    !vexfs_codes_reserve(codes, first + n)) {
		for (i = 0; i < n && !vx_killed(); i++) {
			struct vx_seg seg = { rows + (size_t)i * b->row_bytes, b->row_bytes };

			vexfs_codes_put(codes, first + i, &seg, 1);
			cond_resched();
		}
		vexfs_codes_publish(codes, first + i);
	}
	mutex_unlock(&b->codes_lock);
}

void vexfs_body_drop_codes(struct vexfs_body *b)
{
	vexfs_codes_free(b->codes);
	b->codes = NULL;
	uncharge(b);
}
