// SPDX-License-Identifier: GPL-2.0
/*
 * step: one call of a kfunc in each round, so that every limit is met between two rounds, and
 * rounds that only measure, offer or take.  Cares for no error.
 */
#include <vexfs/program.bpf.h>

enum { LOOK, SCORE, OFFER, TAKE };

SEC("struct_ops.s/search")
int BPF_PROG(step_search, struct vexfs_search *s)
{
	__u64 from = s->state[0];
	int n = 0;

	switch (s->state[1]) {
	case LOOK:
		if (from >= s->count) {
			s->state[1] = TAKE;
			break;
		}
		/* every other batch is put aside, as far as there are codes */
		n = from / VEXFS_BATCH % 2 ? vexfs_estimate(s, from, VEXFS_BATCH, 0) :
					     vexfs_batch_range(s, from, VEXFS_BATCH);
		if (n == -EAGAIN)
			return VEXFS_MORE;
		s->state[0] = from + VEXFS_BATCH;
		if (n > 0 && from / VEXFS_BATCH % 2)
			n = vexfs_defer(s);
		else
			s->state[1] = SCORE;
		return VEXFS_MORE;
	case SCORE:
		vexfs_score(s);
		s->state[1] = OFFER;
		return VEXFS_MORE;
	case OFFER:
		vexfs_offer(s);
		s->state[1] = LOOK;
		return VEXFS_MORE;
	}
	n = vexfs_take(s);
	if (n > 0)
		n = vexfs_score(s);
	if (n > 0)
		n = vexfs_offer(s);
	return n > 0 || n == -EAGAIN ? VEXFS_MORE : 0;
}

SEC(".struct_ops.link")
struct vexfs_ops step = {
	.search = (void *)step_search,
	.name = "step",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
