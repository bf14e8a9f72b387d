/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * A program compiled natively, for who has no kernel module: an attached image, or a mount by
 * vexfs-fuse.
 *
 *	cc -O2 -fPIC -shared -fvisibility=hidden -DVEXFS_NATIVE NAME.bpf.c -o NAME.native.so
 *
 * The source is that of the BPF object; here is what its macros mean then.  Maps are arrays in the
 * memory of the program, of up to VEXFS_NATIVE_ENTRIES; what is compiled in is their value when it is
 * loaded, and nobody else looks at them.  Other kinds of maps, and helpers but those below, do not
 * compile.
 *
 * No verifier looks at it: it is code of the process that loads it, which it can crash or hold up.
 */
#ifndef _VEXFS_NATIVE_H
#define _VEXFS_NATIVE_H

#include <linux/types.h>

/*
 * What the loader looks for, in a section of this name; beside it the struct vexfs_ops in
 * SEC(".struct_ops.link").
 */
#define VEXFS_NATIVE_SECTION	".vexfs_native"
struct vexfs_calls;
struct vexfs_native_program {
	__u32 abi;			/* VEXFS_OPS_ABI */
	__u32 calls;			/* bytes of struct vexfs_calls */
	const struct vexfs_calls *call;	/* the loader's to fill in */
};

#ifdef VEXFS_NATIVE
#include <errno.h>
#include <stddef.h>
#include <time.h>
#include <linux/bpf.h>

#define VEXFS_NATIVE_ENTRIES	64

#define SEC(name)	__attribute__((section(name), used))
#define BPF_PROG(name, args...) name(args)

#undef __always_inline
#define __always_inline	inline __attribute__((always_inline))
#undef __noinline
#define __noinline	__attribute__((noinline))

/* Loops: `i` is a copy, as with BPF's iterators. */
#define bpf_for(i, start, end)								\
	for (int at_ = (start), end_ = (end); at_ < end_ && ((i) = at_, (void)(i), 1); at_++)
#define bpf_repeat(n)	for (int at_ = 0, end_ = (n); at_ < end_; at_++)

/* Maps: what is declared by __uint() and __type() are the parts of a struct. */
#define __uint(name, val)	vexfs_map_##name(val)
#define __type(name, val)	vexfs_map_##name(val)
#define vexfs_map_type(val)	_Static_assert((val) == BPF_MAP_TYPE_ARRAY, \
					       "natively there are only maps of BPF_MAP_TYPE_ARRAY")
#define vexfs_map_max_entries(val)						\
	_Static_assert((val) <= VEXFS_NATIVE_ENTRIES, "natively a map has few entries"); \
	char entries[val]
#define vexfs_map_map_flags(val) _Static_assert((val) || 1, "they are for bpf(2)")
#define vexfs_map_key(val)	_Static_assert(sizeof(val) == sizeof(__u32), "an array's key is a __u32")
#define vexfs_map_value(val)	__typeof__(val) value[VEXFS_NATIVE_ENTRIES]
#define bpf_map_lookup_elem(map, key) ({						\
	__u32 key_ = *(const __u32 *)(key);						\
	key_ < sizeof((map)->entries) ? (void *)&(map)->value[key_] : NULL; })

static inline __u64 bpf_ktime_get_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}
#endif /* VEXFS_NATIVE */

#endif /* _VEXFS_NATIVE_H */
