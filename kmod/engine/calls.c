// SPDX-License-Identifier: GPL-2.0
/*
 * What programs call.  Thin: the work, the bounds, the budget, the deadline and the check of the
 * running op are elsewhere (batch.c and its neighbours), and vexfs/program.bpf.h documents each
 * function.  In the kernel they are kfuncs, see hooks/kfuncs.c; in user space a program is given a
 * table of them, see ctl/platform/native-user.c.
 *
 * Those that move a scan on yield: a strategy runs for as long as its budget allows, on a kernel that
 * may not be preemptible.
 */
#include "engine.h"

__bpf_kfunc_start_defs();

__bpf_kfunc int vexfs_batch_range(struct vexfs_search *s, __u64 from, __u32 n)
{
	vx_yield();
	return vexfs_q_range(vexfs_search_query(s), from, n);
}

__bpf_kfunc int vexfs_batch_slots(struct vexfs_search *s, __u64 *slots, __u32 slots__sz)
{
	vx_yield();
	if (slots__sz % sizeof(*slots) || slots__sz / sizeof(*slots) > VEXFS_BATCH)
		return -EINVAL;
	return vexfs_q_slots(vexfs_search_query(s), slots, slots__sz / sizeof(*slots));
}

__bpf_kfunc int vexfs_estimate(struct vexfs_search *s, __u64 from, __u32 n, __u32 sigma)
{
	vx_yield();
	return vexfs_q_estimate(vexfs_search_query(s), from, n, sigma);
}

__bpf_kfunc int vexfs_probe(struct vexfs_search *s, __u32 sigma)
{
	vx_yield();
	return vexfs_q_probe(vexfs_search_query(s), sigma);
}

__bpf_kfunc int vexfs_batch_list(struct vexfs_search *s, __u32 list, __u32 sigma)
{
	vx_yield();
	return vexfs_q_list(vexfs_search_query(s), list, sigma);
}

__bpf_kfunc __u8 *vexfs_probes(struct vexfs_search *s, const int rdonly_buf_size)
{
	vx_yield();
	if (rdonly_buf_size != sizeof(struct vexfs_probed) * VEXFS_BATCH)
		return NULL;
	return (__u8 *)vexfs_q_probes(vexfs_search_query(s));
}

__bpf_kfunc int vexfs_signature(struct vexfs_search *s, __u32 table)
{
	return vexfs_q_signature(vexfs_search_query(s), table);
}

__bpf_kfunc __u8 *vexfs_margins(struct vexfs_search *s, __u32 table, const int rdonly_buf_size)
{
	if (rdonly_buf_size != sizeof(__u32) * VEXFS_MAX_TABLE_BITS)
		return NULL;
	return (__u8 *)vexfs_q_margins(vexfs_search_query(s), table);
}

__bpf_kfunc int vexfs_batch_bucket(struct vexfs_search *s, __u32 table, __u32 code, __u32 at,
				   __u32 sigma)
{
	vx_yield();
	return vexfs_q_bucket(vexfs_search_query(s), table, code, at, sigma);
}

__bpf_kfunc int vexfs_defer(struct vexfs_search *s)
{
	return vexfs_q_defer(vexfs_search_query(s));
}

__bpf_kfunc int vexfs_take(struct vexfs_search *s)
{
	vx_yield();
	return vexfs_q_take(vexfs_search_query(s));
}

__bpf_kfunc int vexfs_score(struct vexfs_search *s)
{
	return vexfs_q_score(vexfs_search_query(s));
}

__bpf_kfunc int vexfs_offer(struct vexfs_search *s)
{
	return vexfs_q_offer(vexfs_search_query(s));
}

__bpf_kfunc __u8 *vexfs_scratch(struct vexfs_search *s, const int rdwr_buf_size)
{
	return vexfs_q_scratch(vexfs_search_query(s), rdwr_buf_size);
}

__bpf_kfunc int vexfs_matches(struct vexfs_search *s, __u64 from)
{
	vx_yield();
	return vexfs_q_next(vexfs_search_query(s), from);
}

__bpf_kfunc int vexfs_keep(struct vexfs_search *s, __u64 mask)
{
	return vexfs_q_keep(vexfs_search_query(s), mask);
}

__bpf_kfunc __u8 *vexfs_bounds(struct vexfs_search *s, const int rdonly_buf_size)
{
	if (rdonly_buf_size != sizeof(struct vexfs_interval) * VEXFS_BATCH)
		return NULL;
	return (__u8 *)vexfs_q_bounds(vexfs_search_query(s));
}

__bpf_kfunc int vexfs_refine(struct vexfs_search *s, __u32 rung, __u32 sigma)
{
	vx_yield();
	return vexfs_q_refine(vexfs_search_query(s), rung, sigma);
}

__bpf_kfunc int vexfs_rescore(struct vexfs_search *s, __u64 *slots, __u32 slots__sz)
{
	vx_yield();
	if (slots__sz % sizeof(*slots) || slots__sz / sizeof(*slots) > VEXFS_BATCH)
		return -EINVAL;
	return vexfs_q_rescore(vexfs_search_query(s), slots, slots__sz / sizeof(*slots));
}

__bpf_kfunc int vexfs_score_dims(struct vexfs_search *s, __u32 dims)
{
	vx_yield();
	return vexfs_q_score_dims(vexfs_search_query(s), dims);
}

__bpf_kfunc __u8 *vexfs_candidates(struct vexfs_search *s, const int rdwr_buf_size)
{
	/* The size is what the verifier lets the program touch: it must be what the query has. */
	if (rdwr_buf_size != sizeof(struct vexfs_cand) * VEXFS_BATCH)
		return NULL;
	return (__u8 *)vexfs_q_candidates(vexfs_search_query(s));
}

__bpf_kfunc __u8 *vexfs_attribute(struct vexfs_search *s, __u32 attr, const int rdonly_buf_size)
{
	if (rdonly_buf_size != sizeof(__s64) * VEXFS_BATCH)
		return NULL;
	return (__u8 *)vexfs_q_attribute(vexfs_search_query(s), attr);
}

__bpf_kfunc_end_defs();
