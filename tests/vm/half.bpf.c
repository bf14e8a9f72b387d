// SPDX-License-Identifier: GPL-2.0
/*
 * half: looks at every other batch, the even or the odd ones.
 *
 * For tests: two objects of the same name whose answers to one query are disjoint, so that an
 * answer which mixed both programs shows.  `odd` is set before loading.
 */
#include <vexfs/program.bpf.h>

#define EAGAIN	11
#define ENOSPC	28
#define ETIME	62

const volatile __u32 odd = 0;

SEC("struct_ops.s/search")
int BPF_PROG(half_search, struct vexfs_search *s)
{
	__u32 batches = (s->count + VEXFS_BATCH - 1) / VEXFS_BATCH, first = s->state[0], i;

	bpf_for(i, first, batches) {
		int err = 0;

		if ((i & 1) == odd) {
			err = vexfs_batch_range(s, (__u64)i * VEXFS_BATCH, VEXFS_BATCH);
			if (err > 0)
				err = vexfs_score(s);
			if (err > 0)
				err = vexfs_offer(s);
		}
		if (err == -EAGAIN) {
			s->state[0] = i;
			return VEXFS_MORE;
		}
		if (err == -ENOSPC || err == -ETIME)
			return 0;
		if (err < 0)
			return err;
	}
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops half = {
	.search = (void *)half_search,
	.name = "half",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
