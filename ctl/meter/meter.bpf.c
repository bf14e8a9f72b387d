// SPDX-License-Identifier: GPL-2.0
/*
 * The BPF side of the meter: runs at the module's tracepoints, as long as somebody holds the links.
 * Counting is by atomic additions, since a search may migrate between them.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <vexfs/ioctl.h>
#include "meter.h"

char LICENSE[] SEC("license") = "GPL";

/* As much of the kernel's types as is read; libbpf finds where the fields are. */
struct super_block {
	__u32 s_dev;
} __attribute__((preserve_access_index));
struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
	__u32 i_generation;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, METER_ROWS);
	__type(key, struct meter_key);
	__type(value, struct meter_counts);
} rows SEC(".maps");

/* The rings of a reader that wants none are never filled: the programs are not attached then. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} ring SEC(".maps");

/* When an error of a program was reported last, and how many were not since. */
struct quiet {
	__u64 until;			/* ns */
	__u64 muted;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 128);
	__type(key, char[VEXFS_PROG_NAME_LEN]);
	__type(value, struct quiet);
} errors SEC(".maps");

__u64 dropped;

/* A row of zeros: too large for the stack. */
static const struct meter_counts none;

static __always_inline __u32 bucket(__u64 us)
{
	__u32 octave = 0, b;
	__u64 v = us;

	if (us < 8)
		return us;
	if (us >> 32)
		return METER_BUCKETS - 1;
	/* log2(us) - 3, by halves */
	if (v >> 19)
		octave += 16, v >>= 16;
	if (v >> 11)
		octave += 8, v >>= 8;
	if (v >> 7)
		octave += 4, v >>= 4;
	if (v >> 5)
		octave += 2, v >>= 2;
	if (v >> 4)
		octave += 1, v >>= 1;
	b = 8 + octave * 8 + (v & 7);
	return b < METER_BUCKETS ? b : METER_BUCKETS - 1;
}

SEC("tp_btf/vexfs_search_end")
int BPF_PROG(search_end, const struct inode *dir, const struct vexfs_ioc_search *s, __u64 us,
	     int err)
{
	struct meter_key k = {};
	struct meter_counts *n;
	__u32 b;

	if (!dir || !s)				/* never; but the verifier cannot know */
		return 0;
	k.dev = dir->i_sb->s_dev;
	k.ino = dir->i_ino;
	k.generation = dir->i_generation;
	bpf_probe_read_kernel_str(k.strategy, sizeof(k.strategy), s->strategy);
	n = bpf_map_lookup_elem(&rows, &k);
	if (!n) {
		/* another CPU may be first */
		bpf_map_update_elem(&rows, &k, &none, BPF_NOEXIST);
		n = bpf_map_lookup_elem(&rows, &k);
	}
	if (!n) {
		__sync_fetch_and_add(&dropped, 1);
		return 0;
	}
	__sync_fetch_and_add(&n->calls, 1);
	__sync_fetch_and_add(&n->queries, s->queries ? s->queries : 1);
	if (err) {
		__sync_fetch_and_add(&n->errors, 1);
		return 0;
	}
	if (s->truncated)
		__sync_fetch_and_add(&n->truncated, 1);
	__sync_fetch_and_add(&n->restarts, s->restarts);
	__sync_fetch_and_add(&n->visited, s->visited);
	__sync_fetch_and_add(&n->scored, s->scored);
	__sync_fetch_and_add(&n->us, us);
	b = bucket(us);
	if (b < METER_BUCKETS)			/* for the verifier */
		__sync_fetch_and_add(&n->bucket[b], 1);
	return 0;
}

/* An empty event of the ring, or NULL and counted. */
static __always_inline struct meter_event *event(__u32 type, const char *program)
{
	struct meter_event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		__sync_fetch_and_add(&dropped, 1);
		return NULL;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->type = type;
	if (program)
		bpf_probe_read_kernel_str(e->program, sizeof(e->program), program);
	return e;
}

static __always_inline void where(struct meter_event *e, const struct inode *dir)
{
	e->dev = dir->i_sb->s_dev;
	e->ino = dir->i_ino;
	e->dir_generation = dir->i_generation;
}

SEC("tp_btf/vexfs_switch")
int BPF_PROG(on_switch, const char *program, __u64 generation, __u32 ops)
{
	struct meter_event *e = event(METER_SWITCH, program);

	if (!e)
		return 0;
	e->generation = generation;
	e->ops = ops;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tp_btf/vexfs_use")
int BPF_PROG(on_use, const struct inode *dir, __u32 slot, const char *program)
{
	struct meter_event *e = dir ? event(METER_USE, program) : NULL;

	if (!e)
		return 0;
	where(e, dir);
	e->slot = slot;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tp_btf/vexfs_program_error")
int BPF_PROG(on_program_error, const char *program, __u32 slot, __u64 generation, int err,
	     const struct inode *dir)
{
	char name[VEXFS_PROG_NAME_LEN] = {};
	__u64 now = bpf_ktime_get_ns(), muted = 0;
	struct quiet fresh = {}, *q;
	struct meter_event *e;

	bpf_probe_read_kernel_str(name, sizeof(name), program);
	q = bpf_map_lookup_elem(&errors, name);
	if (q && now < q->until) {
		__sync_fetch_and_add(&q->muted, 1);
		return 0;
	}
	if (q)
		muted = q->muted;
	fresh.until = now + 1000000000ull;
	bpf_map_update_elem(&errors, name, &fresh, BPF_ANY);
	e = dir ? event(METER_PROGRAM_ERROR, program) : NULL;
	if (!e)
		return 0;
	where(e, dir);
	e->slot = slot;
	e->generation = generation;
	e->err = err;
	e->muted = muted;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tp_btf/vexfs_eject")
int BPF_PROG(on_eject, const char *program, __u32 slot, __u64 generation, int err,
	     const struct inode *dir)
{
	struct meter_event *e = dir ? event(METER_EJECT, program) : NULL;

	if (!e)
		return 0;
	where(e, dir);
	e->slot = slot;
	e->generation = generation;
	e->err = err;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tp_btf/vexfs_compact")
int BPF_PROG(on_compact, const struct inode *dir, __u64 before, __u64 after, __u64 us, int err)
{
	struct meter_event *e = dir ? event(METER_COMPACT, NULL) : NULL;

	if (!e)
		return 0;
	where(e, dir);
	e->before = before;
	e->after = after;
	e->us = us;
	e->err = err;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tp_btf/vexfs_damage")
int BPF_PROG(on_damage, const struct inode *dir, __u64 slot, __u64 id, int err)
{
	struct meter_event *e = dir ? event(METER_DAMAGE, NULL) : NULL;

	if (!e)
		return 0;
	where(e, dir);
	e->record_slot = slot;
	e->id = id;
	e->err = err;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
