// SPDX-License-Identifier: GPL-2.0
/* kmod/engine/platform.h in user space: rows in memory, a clock, and the way to rows of a plane. */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include "block.h"
#include "engine/platform.h"

long vx_ealloc_left = -1;
__u64 vx_clock_fast;

#define HUGE_BYTES	(4u << 20)	/* in which there is a huge page, wherever it begins */

/* Of tables that are looked at here and there: fewer pages are fewer faults and misses. */
static void advise_huge(void *p, size_t bytes)
{
	const uintptr_t page = 4096;
	uintptr_t first = ((uintptr_t)p + page - 1) & -page, last = ((uintptr_t)p + bytes) & -page;

	madvise((void *)first, last - first, MADV_HUGEPAGE);
}

void *vx_ealloc(size_t bytes)
{
	void *p;

	if (!vx_ealloc_left || vexfs_fault(VEXFS_FAULT_ALLOC))
		return NULL;
	if (vx_ealloc_left > 0)
		vx_ealloc_left--;
	p = calloc(1, bytes ? bytes : 1);
	if (p && bytes >= HUGE_BYTES)
		advise_huge(p, bytes);
	return p;
}

void *vx_ealloc_optional(size_t bytes)
{
	return vx_ealloc(bytes);
}

void vx_efree(const void *p)
{
	free((void *)p);
}

int vx_rows_wait(struct vx_rows *r, __u64 slot, struct vx_seg *seg)
{
	const char *row;
	__u32 at = 0, len;
	int n = 0;

	if (r->find)
		return r->find(r, slot, seg, true);
	if (slot >= r->n)
		return -EIO;
	if (r->error && slot == r->broken)
		return r->error;
	row = (const char *)r->data + slot * r->row_bytes;
	while (at < r->row_bytes) {
		len = r->row_bytes - at;
		if (r->cut && r->cut < len && n + 1 < VX_ROW_SEGS)
			len = r->cut;
		seg[n++] = (struct vx_seg){ row + at, len };
		at += len;
	}
	return n;
}

int vx_rows_get(struct vx_rows *r, __u64 slot, struct vx_seg *seg)
{
	if (r->find)
		return r->find(r, slot, seg, false);
	return r->absent && slot % r->absent == 0 ? -EAGAIN : vx_rows_wait(r, slot, seg);
}

void vx_rows_ahead(struct vx_rows *r, const __u64 *slot, __u32 n)
{
	if (r->ahead)
		r->ahead(r, slot, n);
}

void vx_rows_put(struct vx_rows *r)
{
	if (r->put)
		r->put(r);
}

__u64 vx_clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000 +
	       __atomic_load_n(&vx_clock_fast, __ATOMIC_RELAXED);
}

__u64 vx_cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

bool vx_ekilled(void)
{
	return vx_killed();
}

void vx_yield(void)
{
}
