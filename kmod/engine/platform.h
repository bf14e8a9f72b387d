/* SPDX-License-Identifier: GPL-2.0 */
/* All that the vector engine knows of its host. */
#ifndef _VEXFS_ENGINE_PLATFORM_H
#define _VEXFS_ENGINE_PLATFORM_H

#ifdef __KERNEL__
#include <linux/btf.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/math64.h>
#include <asm/byteorder.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/cpufeature.h>
/* no sleeping, no faults, under 50 us; they do not nest */
#define vx_fpu_begin() kernel_fpu_begin()
#define vx_fpu_end() kernel_fpu_end()
#define vx_popcount(x) hweight64(x)
#define vx_has_avx2() (boot_cpu_has(X86_FEATURE_AVX2) && boot_cpu_has(X86_FEATURE_FMA))
#define vx_has_avx512()                                                                          \
	(boot_cpu_has(X86_FEATURE_AVX512F) && boot_cpu_has(X86_FEATURE_AVX512BW) &&              \
	 boot_cpu_has(X86_FEATURE_AVX512DQ) && boot_cpu_has(X86_FEATURE_AVX512VL) &&             \
	 cpu_has_xfeatures(XFEATURE_MASK_AVX512, NULL))
#define vx_has_vnni()                                                                            \
	(boot_cpu_has(X86_FEATURE_AVX512_VNNI) && boot_cpu_has(X86_FEATURE_AVX512_VPOPCNTDQ))
#else
/* ctl/platform/engine-user.h: the same names in user space */
#include <engine-user.h>
#endif

/* the vectors plane of one collection, opened by one query */
struct vx_rows;
#define VX_ROW_SEGS 6			/* a row of 16 KiB crosses at most 5 pages */
struct vx_seg {
	const void *p;
	__u32 bytes;			/* a multiple of 4 */
};

/* Implemented by kmod/fs/plane.c in the kernel, ctl/platform/engine-user.c in user space. */
void *vx_ealloc(size_t bytes);		/* zeroed, may sleep, any size; NULL */
/* The same for what one can do without: gives up early, and is charged to no caller. */
void *vx_ealloc_optional(size_t bytes);
void vx_efree(const void *p);
/* Pin the row of a slot: fills at most VX_ROW_SEGS segments, returns how many; -EAGAIN not in
 * memory.  Never sleeps.  Pins last until vx_rows_put(), for up to 64 rows. */
int vx_rows_get(struct vx_rows *r, __u64 slot, struct vx_seg *seg);
/* The same, reading the row when needed; sleeps. -EIO, -EINTR (a fatal signal). */
int vx_rows_wait(struct vx_rows *r, __u64 slot, struct vx_seg *seg);
/* Start reading these rows, all before any is waited for; no error: vx_rows_wait() meets it. */
void vx_rows_ahead(struct vx_rows *r, const __u64 *slot, __u32 n);
void vx_rows_put(struct vx_rows *r);
__u64 vx_clock_us(void);		/* monotonic */
__u64 vx_cpu_us(void);			/* that this thread has run, as of the last tick */
bool vx_ekilled(void);			/* a fatal signal is pending */
void vx_yield(void);			/* cond_resched(); only where sleeping is allowed */

#endif /* _VEXFS_ENGINE_PLATFORM_H */
