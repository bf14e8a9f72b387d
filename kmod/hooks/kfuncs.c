// SPDX-License-Identifier: GPL-2.0
/*
 * What programs call (engine/calls.c), for the verifier.
 *
 * It lets no program come by a struct vexfs_search but its own argument (KF_TRUSTED_ARGS), so a
 * program of another struct_ops type, to which these functions are visible too, cannot call them.
 *
 * KF_SLEEPABLE keeps the functions that move a scan on out of filter and distance, and lets them
 * yield.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>
#include "hooks/hooks.h"

BTF_KFUNCS_START(vexfs_kfunc_ids)
BTF_ID_FLAGS(func, vexfs_batch_range, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_batch_slots, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_estimate, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_probe, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_batch_list, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_probes, KF_TRUSTED_ARGS | KF_SLEEPABLE | KF_RET_NULL)
BTF_ID_FLAGS(func, vexfs_signature, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_margins, KF_TRUSTED_ARGS | KF_SLEEPABLE | KF_RET_NULL)
BTF_ID_FLAGS(func, vexfs_batch_bucket, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_defer, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_take, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_score, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, vexfs_offer, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, vexfs_scratch, KF_TRUSTED_ARGS | KF_SLEEPABLE | KF_RET_NULL)
BTF_ID_FLAGS(func, vexfs_matches, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_keep, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, vexfs_bounds, KF_TRUSTED_ARGS | KF_RET_NULL)
BTF_ID_FLAGS(func, vexfs_refine, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_rescore, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_score_dims, KF_TRUSTED_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, vexfs_candidates, KF_TRUSTED_ARGS | KF_RET_NULL)
BTF_ID_FLAGS(func, vexfs_attribute, KF_TRUSTED_ARGS | KF_RET_NULL)
BTF_KFUNCS_END(vexfs_kfunc_ids)

static const struct btf_kfunc_id_set vexfs_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &vexfs_kfunc_ids,
};

int vexfs_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &vexfs_kfunc_set);
}
