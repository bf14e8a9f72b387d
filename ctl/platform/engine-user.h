/* SPDX-License-Identifier: GPL-2.0 */
/* kmod/engine/platform.h in user space. */
#ifndef _VEXFS_ENGINE_USER_H
#define _VEXFS_ENGINE_USER_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <linux/types.h>

#ifndef READ_ONCE
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#endif
/* as in vexfs-user.h */
#define cpu_to_le32(v) ((__le32)htole32(v))
#define cpu_to_le64(v) ((__le64)htole64(v))
#define le32_to_cpu(v) ((__u32)le32toh(v))
#define le64_to_cpu(v) ((__u64)le64toh(v))
/* what programs call is nothing special here */
#define __bpf_kfunc
#define __bpf_kfunc_start_defs() _Static_assert(1, "")
#define __bpf_kfunc_end_defs() _Static_assert(1, "")
#define vx_fpu_begin() do { } while (0)
#define vx_fpu_end() do { } while (0)
#define vx_popcount(x) ((__u32)__builtin_popcountll(x))
#define vx_has_avx2() (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define vx_has_avx512()                                                                          \
	(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&              \
	 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
#define vx_has_vnni()                                                                            \
	(__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq"))

struct vx_seg;

/*
 * Rows.  Those of a plane (plane-user.c) are found by `find`, see vx_rows_get(), and the rest is
 * zero.
 *
 * Where that is NULL they are in memory, for tests: n rows of row_bytes.  cut: bytes after which a
 * row is split again and again, 0: never.  absent: every so many-th row is "not in memory" until it
 * was waited for, 0:
 * none.  broken: waiting for this row gives error.
 */
struct vx_rows {
	int (*find)(struct vx_rows *r, __u64 slot, struct vx_seg *seg, bool wait);
	void (*put)(struct vx_rows *r);
	void (*ahead)(struct vx_rows *r, const __u64 *slot, __u32 n);
	const void *data;
	__u64 n;
	__u32 row_bytes, cut, absent;
	__u64 broken;
	int error;			/* 0: nothing is broken */
};

/* Microseconds that vx_clock_us() is fast. */
extern __u64 vx_clock_fast;

/* After so many allocations they fail; negative: never. */
extern long vx_ealloc_left;

#endif /* _VEXFS_ENGINE_USER_H */
