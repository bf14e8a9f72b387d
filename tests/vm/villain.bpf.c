// SPDX-License-Identifier: GPL-2.0
/*
 * villain: hostile programs, see villain.h, of which a map says which one it is now.
 *
 * For tests: each is stopped, refused by what it calls, or harmless.
 */
#include <vexfs/program.bpf.h>
#include "villain.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct villain_orders);
} orders SEC(".maps");

#define OWN	VEXFS_MAX_SCRATCH
#define MANY	(1 << 20)
#define DEAF	(1 << 16)		/* turns of who does not listen: nobody could stop it, see program.bpf.h */

static __always_inline __u64 chance(void)
{
	return (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
}

static __always_inline struct villain_orders *ordered(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&orders, &key);
}

/* Score and offer, whatever comes of it. */
static __noinline int use(struct vexfs_search *s)
{
	vexfs_score(s);
	return vexfs_offer(s);
}

/* --- without end: as long as the kfuncs let it, and then again */

static __noinline int endless_range(struct vexfs_search *s)
{
	int i;

	bpf_for(i, 0, DEAF) {
		vexfs_batch_range(s, 0, VEXFS_BATCH);
		vexfs_score(s);
	}
	return VEXFS_MORE;
}

static __noinline int endless_take(struct vexfs_search *s)
{
	int i, n;

	vexfs_estimate(s, 0, VEXFS_BATCH, 0);
	vexfs_defer(s);
	bpf_for(i, 0, MANY) {
		n = vexfs_take(s);
		use(s);
		if (n == -EAGAIN || n == -ETIME)
			break;
	}
	return VEXFS_MORE;
}

static __noinline int endless_choice(struct vexfs_search *s)
{
	int i, n;

	bpf_for(i, 0, MANY) {
		n = vexfs_estimate(s, 0, VEXFS_BATCH, VEXFS_MAX_SIGMA);
		vexfs_refine(s, 1 + (i & 1), 1);
		vexfs_keep(s, chance());
		vexfs_score_dims(s, 1 + (chance() & 3));
		vexfs_keep(s, chance());
		if (n == -EAGAIN || n == -ETIME)
			break;
	}
	return VEXFS_MORE;
}

static __noinline int endless_lists(struct vexfs_search *s)
{
	int i, n = 0;

	bpf_for(i, 0, DEAF) {
		vexfs_signature(s, 0);
		vexfs_next_lists(s);
		vexfs_batch_bucket(s, 0, 0, 0, 0);
		n = vexfs_batch_list(s, 0, 0);
		vexfs_defer(s);
		if (n == -EAGAIN || n == -ETIME || n == -ENOSPC)
			break;
	}
	return VEXFS_MORE;
}

static __noinline int endless_matches(struct vexfs_search *s)
{
	int i;

	bpf_for(i, 0, 1000) {
		vexfs_matches(s, 0);
		use(s);
	}
	return VEXFS_MORE;
}

/* --- wild */

static __noinline int wild_slots(struct vexfs_search *s)
{
	__u64 slots[16] = {};
	int i, k;

	bpf_for(i, 0, 50) {
		bpf_for(k, 0, 16)
			slots[k & 15] = chance() >> (chance() & 63);
		vexfs_batch_slots(s, slots, sizeof(slots));
		use(s);
		vexfs_rescore(s, slots, sizeof(slots));
		use(s);
		vexfs_rescore(s, slots, 13);
		vexfs_batch_slots(s, slots, 0);
		use(s);
	}
	return 0;
}

static __noinline int wild_lists(struct vexfs_search *s)
{
	int i;

	bpf_for(i, 0, 50) {
		vexfs_batch_list(s, chance() >> (chance() & 31), chance() & 0x3fff);
		vexfs_defer(s);
		vexfs_batch_bucket(s, chance() & 15, chance() & 0xfffff, chance() & 0xff, chance() & 0xfff);
		vexfs_refine(s, chance() & 3, chance() & 0xffff);
		use(s);
		vexfs_probe(s, chance());
		vexfs_defer(s);
		vexfs_signature(s, chance() & 15);
		vexfs_table_margins(s, chance() & 15);
		vexfs_take(s);
		use(s);
	}
	return 0;
}

static __noinline int wild_ranges(struct vexfs_search *s)
{
	int i;

	bpf_for(i, 0, 50) {
		vexfs_batch_range(s, chance() >> (chance() & 63), chance());
		use(s);
		vexfs_estimate(s, chance() >> (chance() & 63), chance() & 127, chance());
		vexfs_defer(s);
		vexfs_matches(s, chance() >> (chance() & 63));
		vexfs_score_dims(s, chance());
		use(s);
		vexfs_batch_range(s, s->count - 1, 2);
		use(s);
	}
	return 0;
}

static __noinline int same_slot(struct vexfs_search *s)
{
	__u64 slots[8] = { 5, 5, 5, 5, 5, 5, 5, 5 };
	int i;

	bpf_for(i, 0, 1250) {
		if (i & 1)
			vexfs_rescore(s, slots, sizeof(slots));
		else
			vexfs_batch_slots(s, slots, sizeof(slots));
		use(s);
	}
	return 0;
}

static __noinline int every_slot(struct vexfs_search *s)
{
	__u64 slots[16] = {};
	int i, k;

	bpf_for(i, 0, 800) {
		bpf_for(k, 0, 16)
			slots[k & 15] = s->state[0] + k;
		vexfs_rescore(s, slots, sizeof(slots));
		use(s);
		if (vexfs_batch_slots(s, slots, sizeof(slots)) == -EAGAIN)
			return VEXFS_MORE;
		use(s);
		s->state[0] += 16;
		if (s->state[0] >= s->count)
			return 0;
	}
	return VEXFS_MORE;
}

static __noinline int wrong_order(struct vexfs_search *s)
{
	int i;

	bpf_for(i, 0, 20) {
		vexfs_offer(s);
		vexfs_batch_range(s, i * VEXFS_BATCH, VEXFS_BATCH);
		vexfs_offer(s);
		vexfs_score(s);
		vexfs_score(s);
		vexfs_defer(s);
		vexfs_score_dims(s, 1);
		vexfs_refine(s, 1, 0);
		vexfs_offer(s);
		vexfs_offer(s);
		vexfs_take(s);
		vexfs_defer(s);
		vexfs_offer(s);
		vexfs_batch_range(s, i * VEXFS_BATCH, VEXFS_BATCH);
		vexfs_score_dims(s, 1);
		vexfs_offer(s);
		vexfs_keep(s, 1);
		vexfs_offer(s);
	}
	return 0;
}

/* --- ends */

static __noinline int errors(struct vexfs_search *s)
{
	vexfs_scan(s, 0, VEXFS_BATCH);
	switch (chance() & 7) {
	case 0:
		return -EINVAL;
	case 1:
		return -EIO;
	case 2:
		return 2;
	case 3:
		return -5000;
	case 4:
		return 0x7fffffff;
	case 5:
		return VEXFS_MORE;
	case 6:
		return -EAGAIN;
	}
	return -1;
}

static __noinline int drops(struct vexfs_search *s)
{
	vexfs_batch_range(s, 0, VEXFS_BATCH);
	vexfs_keep(s, 0);
	use(s);
	return 0;
}

/* --- stale */

static __noinline int stale_index(struct vexfs_search *s, struct villain_orders *o)
{
	__u64 slots[4] = {};
	int i;

	bpf_for(i, 0, 4)
		slots[i & 3] = o->left[i & 3];
	vexfs_batch_slots(s, slots, sizeof(slots));
	use(s);
	vexfs_batch_range(s, o->left[0], VEXFS_BATCH);
	use(s);
	vexfs_batch_list(s, o->left[1], 0);
	vexfs_defer(s);
	vexfs_matches(s, o->left[2]);
	use(s);
	o->left[0] = s->count - 1;
	o->left[1] = s->lists;
	o->left[2] = s->next;
	o->left[3] = s->worst;
	return 0;
}

static __noinline int stale_scratch(struct vexfs_search *s)
{
	__u64 *own = (__u64 *)vexfs_scratch(s, 4096);
	int i;

	if (!own)
		return 0;
	if (s->round && own[0])
		vexfs_scan(s, own[1], own[2] & 127);
	bpf_for(i, 0, 512)
		own[i & 511] = chance();
	s->state[0] = own[3];
	s->state[VEXFS_STATE_WORDS - 1] = own[4];
	vexfs_scratch(s, 8192);
	vexfs_scratch(s, 1);
	return s->round < 5 ? VEXFS_MORE : 0;
}

static __noinline int huge_scratch(struct vexfs_search *s)
{
	__u64 *own = (__u64 *)vexfs_scratch(s, OWN);
	int i;

	if (!own)
		return 0;
	if (own[OWN / 8 - 1] != s->round)
		return -EINVAL;		/* somebody else's */
	bpf_for(i, 0, OWN / 8)
		own[i & (OWN / 8 - 1)] = s->round + 1;
	vexfs_scan(s, s->round * VEXFS_BATCH, VEXFS_BATCH);
	return s->round < 20 ? VEXFS_MORE : 0;
}

static __noinline int shared_slots(struct vexfs_search *s, struct villain_orders *o)
{
	int i;

	bpf_for(i, 0, 50) {
		if (i & 1)
			vexfs_rescore(s, (__u64 *)o->shared, sizeof(o->shared));
		else
			vexfs_batch_slots(s, (__u64 *)o->shared, sizeof(o->shared));
		use(s);
		o->shared[i & (VILLAIN_SHARED - 1)] = chance() >> (chance() & 63);
	}
	return 0;
}

/* The wild ones, one call apart, so that the verifier looks at each by itself. */
static __noinline int wild(struct vexfs_search *s, __u64 mode)
{
	switch (mode) {
	case VILLAIN_SEARCH_WILD_SLOTS:
		return wild_slots(s);
	case VILLAIN_SEARCH_WILD_LISTS:
		return wild_lists(s);
	case VILLAIN_SEARCH_WILD_RANGES:
		return wild_ranges(s);
	case VILLAIN_SEARCH_SAME_SLOT:
		return same_slot(s);
	case VILLAIN_SEARCH_EVERY_SLOT:
		return every_slot(s);
	case VILLAIN_SEARCH_WRONG_ORDER:
		return wrong_order(s);
	}
	return 0;
}

static __noinline int endless(struct vexfs_search *s, __u64 mode)
{
	switch (mode) {
	case VILLAIN_SEARCH_ENDLESS_RANGE:
		return endless_range(s);
	case VILLAIN_SEARCH_ENDLESS_TAKE:
		return endless_take(s);
	case VILLAIN_SEARCH_ENDLESS_CHOICE:
		return endless_choice(s);
	case VILLAIN_SEARCH_ENDLESS_LISTS:
		return endless_lists(s);
	case VILLAIN_SEARCH_ENDLESS_MATCHES:
		return endless_matches(s);
	}
	return VEXFS_MORE;		/* ENDLESS_ROUNDS */
}

SEC("struct_ops.s/search")
int BPF_PROG(villain_search, struct vexfs_search *s)
{
	struct villain_orders *o = ordered();
	__u64 mode;

	if (!o)
		return -EINVAL;
	mode = o->mode;
	__sync_fetch_and_add(&o->calls, 1);
	if (mode <= VILLAIN_SEARCH_ENDLESS_ROUNDS)
		return endless(s, mode);
	if (mode <= VILLAIN_SEARCH_WRONG_ORDER)
		return wild(s, mode);
	switch (mode) {
	case VILLAIN_SEARCH_ERRORS:
		return errors(s);
	case VILLAIN_SEARCH_LATE_ERROR:
		vexfs_scan(s, s->count / 2, VEXFS_BATCH);
		return -EINVAL;
	case VILLAIN_SEARCH_DROPS:
		return drops(s);
	case VILLAIN_SEARCH_STALE_INDEX:
		return stale_index(s, o);
	case VILLAIN_SEARCH_STALE_SCRATCH:
		return stale_scratch(s);
	case VILLAIN_SEARCH_HUGE_SCRATCH:
		return huge_scratch(s);
	case VILLAIN_SEARCH_SHARED_SLOTS:
		return shared_slots(s, o);
	}
	return -EINVAL;
}

/* --- distance, filter */

static __noinline void burn(struct villain_orders *o)
{
	int i;

	bpf_for(i, 0, 100000)
		o->left[3] += i;
}

SEC("struct_ops/distance")
int BPF_PROG(villain_distance, struct vexfs_search *s)
{
	struct vexfs_cand *batch = vexfs_batch(s);
	struct villain_orders *o = ordered();
	__u64 mode;
	int i;

	if (!batch || !o)
		return -EINVAL;
	mode = o->mode;
	__sync_fetch_and_add(&o->calls, 1);
	switch (mode) {
	case VILLAIN_DISTANCE_PENALTIES:
		bpf_for(i, 0, VEXFS_BATCH)
			batch[i & (VEXFS_BATCH - 1)].penalty = chance() >> (chance() & 63);
		return 0;
	case VILLAIN_DISTANCE_FAILS:
		return chance() & 3 ? 0 : -(int)(chance() & 0xffff);
	case VILLAIN_DISTANCE_SLOW:
		burn(o);
		return 0;
	case VILLAIN_DISTANCE_OTHERS:
		bpf_for(i, 0, VEXFS_BATCH) {
			batch[i & (VEXFS_BATCH - 1)].slot = chance();
			batch[i & (VEXFS_BATCH - 1)].id = chance();
			batch[i & (VEXFS_BATCH - 1)].key = 0;
			batch[i & (VEXFS_BATCH - 1)].micro = -1;
		}
		return 0;
	case VILLAIN_DISTANCE_MOVES:
		vexfs_keep(s, 0);
		vexfs_score(s);
		vexfs_offer(s);
		return 0;
	}
	return 0;
}

SEC("struct_ops/filter")
int BPF_PROG(villain_filter, struct vexfs_search *s)
{
	struct villain_orders *o = ordered();

	if (!o)
		return -EINVAL;
	__sync_fetch_and_add(&o->calls, 1);
	switch (o->mode) {
	case VILLAIN_FILTER_CHANCE:
		s->keep &= chance();
		return 0;
	case VILLAIN_FILTER_ERRS:
		return chance() & 3 ? 0 : (int)chance();
	case VILLAIN_FILTER_ADDS:
		s->keep = ~0ULL;
		vexfs_keep(s, ~0ULL);
		return 0;
	case VILLAIN_FILTER_DAWDLES:
		burn(o);
		return 0;
	}
	return 0;
}

SEC(".struct_ops.link")
struct vexfs_ops villain = {
	.search = (void *)villain_search,
	.distance = (void *)villain_distance,
	.filter = (void *)villain_filter,
	.name = "villain",
	.abi = VEXFS_OPS_ABI,
};

char _license[] SEC("license") = "GPL";
