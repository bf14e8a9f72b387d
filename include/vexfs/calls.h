/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What a native program calls is a table that it is given when it is loaded, so that nothing of the
 * process need be known by name.  program.bpf.h, which includes this, says what each does.  A new one
 * is added at the end.
 */
#ifndef _VEXFS_CALLS_H
#define _VEXFS_CALLS_H

#include <vexfs/native.h>

#define VEXFS_EACH_CALL(X)			\
	X(batch_range) \
	X(batch_slots) \
	X(score) \
	X(offer) \
	X(estimate) \
	X(probe) \
	X(batch_list) \
	X(probes) \
	X(signature) \
	X(margins) \
	X(batch_bucket) \
	X(defer) \
	X(take) \
	X(scratch) \
	X(matches) \
	X(keep) \
	X(bounds) \
	X(refine) \
	X(rescore) \
	X(score_dims) \
	X(candidates) \
	X(attribute)

struct vexfs_calls {
#define VEXFS_CALL(name) __typeof__(vexfs_##name) *name;
	VEXFS_EACH_CALL(VEXFS_CALL)
#undef VEXFS_CALL
};

#ifdef VEXFS_NATIVE
static struct vexfs_native_program vexfs_native SEC(VEXFS_NATIVE_SECTION) = {
	.abi = VEXFS_OPS_ABI,
	.calls = sizeof(struct vexfs_calls),
};

#define vexfs_batch_range		vexfs_native.call->batch_range
#define vexfs_batch_slots		vexfs_native.call->batch_slots
#define vexfs_score			vexfs_native.call->score
#define vexfs_offer			vexfs_native.call->offer
#define vexfs_estimate			vexfs_native.call->estimate
#define vexfs_probe			vexfs_native.call->probe
#define vexfs_batch_list		vexfs_native.call->batch_list
#define vexfs_probes			vexfs_native.call->probes
#define vexfs_signature			vexfs_native.call->signature
#define vexfs_margins			vexfs_native.call->margins
#define vexfs_batch_bucket		vexfs_native.call->batch_bucket
#define vexfs_defer			vexfs_native.call->defer
#define vexfs_take			vexfs_native.call->take
#define vexfs_scratch			vexfs_native.call->scratch
#define vexfs_matches			vexfs_native.call->matches
#define vexfs_keep			vexfs_native.call->keep
#define vexfs_bounds			vexfs_native.call->bounds
#define vexfs_refine			vexfs_native.call->refine
#define vexfs_rescore			vexfs_native.call->rescore
#define vexfs_score_dims		vexfs_native.call->score_dims
#define vexfs_candidates		vexfs_native.call->candidates
#define vexfs_attribute			vexfs_native.call->attribute
#endif

#endif /* _VEXFS_CALLS_H */
