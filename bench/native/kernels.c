// SPDX-License-Identifier: GPL-2.0
/*
 * kernels [WORD]: the inner loops of the engine on this machine, each of the tables that it can run, over memory
 * beyond the caches (128 MiB) and within them (256 KiB): nanoseconds a row, GB/s of what it has to read,
 * and how many times as long as a plain read of the same memory, by turns in the same run, it takes.
 * Medians of CPU time.  WORD: only those whose names have it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "engine/lists.h"

#define MEMORY	((size_t)128 << 20)
#define CACHED	((size_t)256 << 10)
#define TIMES	7

static __u8 *memory;
static __u64 sink;

/* what queries have in common */
static float query[4096], dots[64], norms[64];
static __s16 whole[4096];
static __s8 fine[4096];
static __u8 table[4 * 4096];
static __u64 planes[4 * 64];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

typedef __u64 vector __attribute__((vector_size(32), aligned(8)));

static inline __attribute__((always_inline)) void read_all(size_t bytes)
{
	const vector *v = (const vector *)memory, *end = v + bytes / sizeof(*v);
	vector a = { 0 }, b = a, c = a, d = a;

	for (; v + 8 <= end; v += 8) {
		a ^= v[0] ^ v[4];
		b ^= v[1] ^ v[5];
		c ^= v[2] ^ v[6];
		d ^= v[3] ^ v[7];
	}
	a ^= b ^ c ^ d;
	sink += a[0] ^ a[1] ^ a[2] ^ a[3];
}

static __attribute__((target("avx2"))) void read_avx2(size_t bytes)
{
	read_all(bytes);
}

static void plain_read(size_t bytes)
{
	if (vx_has_avx2())
		read_avx2(bytes);
	else
		read_all(bytes);
}

/* --- each: n rows (blocks of VEXFS_CODE_BLOCK) of `padded` or `dims`, one after the other --- */

#define BATCH	32

static void rows(const struct vexfs_kernels *k, __u32 dims, __u32 n, int how)
{
	static struct vexfs_row row[BATCH];
	static __u32 known[BATCH];
	__u32 i, b;

	for (i = 0; i < n; i += b) {
		b = n - i < BATCH ? n - i : BATCH;
		for (__u32 j = 0; j < b; j++) {
			row[j].segs = 1;
			row[j].seg[0].p = memory + (size_t)(i + j) * dims * 4;
			row[j].seg[0].bytes = dims * 4;
			known[j] = how == 1;
		}
		if (!how)
			k->l2(query, row, b, dots);
		else
			k->dot(query, row, b, known, dots, norms);
		sink += (__u64)dots[0];
	}
}

static void l2(const struct vexfs_kernels *k, __u32 dims, __u32 n)
{
	rows(k, dims, n, 0);
}

static void dot(const struct vexfs_kernels *k, __u32 dims, __u32 n)
{
	rows(k, dims, n, 1);
}

static void dot_norm(const struct vexfs_kernels *k, __u32 dims, __u32 n)
{
	rows(k, dims, n, 2);
}

static void bounds(const struct vexfs_kernels *k, __u32 padded, __u32 n)
{
	struct vexfs_estimator e = { .padded = padded, .dims = padded, .step = 0.01f, .times = 1,
				     .times_norm2 = 1, .middle = 7.5f * padded, .lost = 0.1f };
	__u32 lower[VEXFS_CODE_BLOCK], upper[VEXFS_CODE_BLOCK], refused = ~0u, i;
	size_t codes = (size_t)padded * 4, block = codes + VEXFS_CODE_BLOCK * sizeof(struct vexfs_factor);
	__u16 sum[VEXFS_CODE_BLOCK];
	const float sigma = 3;

	for (i = 0; i < n; i += VEXFS_CODE_BLOCK) {
		const __u8 *b = memory + i / VEXFS_CODE_BLOCK * block;

		k->sums60(b, table, padded, sum);
		sink += k->bounds(&e, sum, (const struct vexfs_factor *)(b + codes), &sigma,
				  1u << 31, lower, upper, &refused);
	}
}

static void ladder(const struct vexfs_kernels *k, __u32 padded, __u32 n)
{
	struct vexfs_ladder q = { .padded = padded, .times = 1, .step = 0.01f, .lost = 0.1f,
				  .middle = 30.0f * padded, .reach = 1 };
	size_t block = vexfs_list_block_bytes(padded);
	__u16 sum[VEXFS_CODE_BLOCK];
	const float sigma = 3, most = 0;
	__u32 i;

	for (i = 0; i < n; i += VEXFS_CODE_BLOCK) {
		__u8 *b = memory + i / VEXFS_CODE_BLOCK * block;

		k->sums(b, table, padded, sum);
		sink += k->lower(&q, sum, vexfs_list_rung1(b, padded), &sigma, &most);
	}
}

static void nibbles(const struct vexfs_kernels *k, __u32 padded, __u32 n)
{
	size_t row = padded / 2 + sizeof(struct vexfs_rung2);
	const __u8 *at[BATCH];
	__s32 sum[BATCH];
	__u32 i, j, b;

	for (i = 0; i < n; i += b) {
		b = n - i < BATCH ? n - i : BATCH;
		for (j = 0; j < b; j++)
			at[j] = memory + (i + j) * row + sizeof(struct vexfs_rung2);
		k->nibbles(at, b, fine, padded, sum);
		sink += sum[0];
	}
}

static void bit_planes(const struct vexfs_kernels *k, __u32 padded, __u32 n)
{
	__u32 i;

	for (i = 0; i < n; i++)
		sink += k->planes((const __u64 *)(memory + (size_t)i * padded / 8), planes,
				  padded / 64);
}

static void whole_dots(const struct vexfs_kernels *k, __u32 padded, __u32 n)
{
	__s32 sum[BATCH];
	__u32 i;

	for (i = 0; i < n; i += BATCH) {
		k->whole_dots(whole, (const __s8 *)memory + (size_t)i * padded,
			      n - i < BATCH ? n - i : BATCH, padded, sum);
		sink += sum[0];
	}
}

static void centre_far(const struct vexfs_kernels *k, __u32 padded, __u32 n)
{
	const float scale = 0.01f;
	float d2;
	__u32 i;

	for (i = 0; i < n; i++) {
		k->centre_far(query, (const __s8 *)memory + (size_t)i * padded, &scale, padded, dots,
			      &d2);
		sink += (__u64)d2;
	}
}

static void float_dots(const struct vexfs_kernels *k, __u32 padded, __u32 n)
{
	__u32 i;

	for (i = 0; i < n; i += BATCH) {
		k->dots(query, (const float *)memory + (size_t)i * padded, n - i < BATCH ? n - i : BATCH,
			padded, dots);
		sink += (__u64)dots[0];
	}
}

/* a "row" is a value */
static void compare(const struct vexfs_kernels *k, __u32 n, __u32 how)
{
	static const __s64 values[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static __u64 out[64];
	__u32 i;

	for (i = 0; i + 4096 <= n; i += 4096) {
		const __s64 *col = (const __s64 *)memory + i;

		if (how == 0)
			k->less(col, 5, 64, out);
		else if (how == 1)
			k->mask(col, 5, 64, out);
		else
			k->in(col, values, 8, 64, out);
		sink += out[0];
	}
}

static void less(const struct vexfs_kernels *k, __u32 dims, __u32 n)
{
	(void)dims;
	compare(k, n, 0);
}

static void mask(const struct vexfs_kernels *k, __u32 dims, __u32 n)
{
	(void)dims;
	compare(k, n, 1);
}

static void in(const struct vexfs_kernels *k, __u32 dims, __u32 n)
{
	(void)dims;
	compare(k, n, 2);
}

static const struct {
	const char *name;
	void (*run)(const struct vexfs_kernels *k, __u32 dims, __u32 n);
	bool padded;
	/* bytes of a row: dims * times / 8 + plus */
	__u32 times, plus;
} kinds[] = {
	{ "l2", l2, false, 32, 0 },
	{ "dot", dot, false, 32, 0 },
	{ "dot and norm", dot_norm, false, 32, 0 },
	{ "codes: sums, bounds", bounds, true, 1, sizeof(struct vexfs_factor) },
	{ "rung 1: sums, lower", ladder, true, 1, sizeof(struct vexfs_rung1) / VEXFS_CODE_BLOCK },
	{ "rung 2: nibbles", nibbles, true, 4, sizeof(struct vexfs_rung2) },
	{ "codes: bit planes", bit_planes, true, 1, 0 },
	{ "centres: int8 dots", whole_dots, true, 8, 0 },
	{ "centre: dot and l2", centre_far, true, 8, 0 },
	{ "k-means: f32 dots", float_dots, true, 32, 0 },
	{ "where: <", less, false, 0, 8 },
	{ "where: &", mask, false, 0, 8 },
	{ "where: in 8", in, false, 0, 8 },
};

/* Nanoseconds of reading so much so often, by the kernel and plainly. */
static void clocked(__u32 kind, const struct vexfs_kernels *k, __u32 dims, __u32 n, size_t bytes,
		    __u32 again, double *ns, double *plain)
{
	double a[TIMES], b[TIMES], t;
	__u32 i, j;

	for (i = 0; i < TIMES; i++) {
		t = now();
		for (j = 0; j < again; j++)
			kinds[kind].run(k, dims, n);
		a[i] = now() - t;
		t = now();
		for (j = 0; j < again; j++)
			plain_read(bytes);
		b[i] = now() - t;
	}
	qsort(a, TIMES, sizeof(*a), cmp);
	qsort(b, TIMES, sizeof(*b), cmp);
	*ns = a[TIMES / 2] / again;
	*plain = b[TIMES / 2] / again;
}

static void show(__u32 kind, const struct vexfs_kernels *k, __u32 dims)
{
	__u32 d = kinds[kind].padded ? (dims + 63) / 64 * 64 : dims, n;
	size_t row = (size_t)d * kinds[kind].times / 8 + kinds[kind].plus, set[2] = { MEMORY, CACHED };
	double ns, plain;

	printf("  %-20s %-13s", kinds[kind].name, k->name);
	for (int i = 0; i < 2; i++) {
		n = set[i] / row / VEXFS_CODE_BLOCK * VEXFS_CODE_BLOCK;
		n = kinds[kind].times ? n : n / 4096 * 4096;
		clocked(kind, k, d, n, n * row, i ? 40 : 1, &ns, &plain);
		printf("  %9.2f ns/row %6.1f GB/s %5.2fx", ns / n, n * row / ns, ns / plain);
	}
	printf("\n");
}

/* A row whose norm is out of range is measured in double: 128 KiB of them are one FPU section. */
static void show_f64(void)
{
	static const char *const names[] = { "l2", "cosine", "dot" };
	struct vexfs_prep p = { .row = query, .dims = 4096 };
	struct vexfs_row row[8];
	__u32 norm[8], most = 0, i, t;
	double ns[TIMES];

	for (p.metric = VEXFS_METRIC_L2; p.metric <= VEXFS_METRIC_DOT; p.metric++) {
		vexfs_prepare(&p);
		p.exact = true;
		for (t = 0; t < TIMES; t++) {
			for (i = 0; i < 8; i++)
				row[i] = (struct vexfs_row){ .segs = 1, .norm = norm + i,
							     .seg[0] = { memory + i * 16384, 16384 } };
			memset(norm, 0, sizeof(norm));
			ns[t] = now();
			vexfs_measure(&p, row, 8, &most);
			ns[t] = now() - ns[t];
		}
		qsort(ns, TIMES, sizeof(*ns), cmp);
		printf("8 rows of 4,096 dims in double, %s: %.1f us\n",
		       names[p.metric - VEXFS_METRIC_L2], ns[TIMES / 2] / 1000);
	}
}

int main(int argc, char **argv)
{
	static const __u32 dims[] = { 100, 768, 1536 };
	const struct vexfs_kernels *here[VEXFS_KERNELS];
	__u32 n = vexfs_kernels_here(here), i, k, t;
	__u64 state = 1, x;

	memory = aligned_alloc(2 << 20, MEMORY);
	if (!memory)
		return fprintf(stderr, "kernels: out of memory\n"), 1;
	madvise(memory, MEMORY, MADV_HUGEPAGE);		/* as the kernel's memory is */
	for (i = 0; i < MEMORY / 4; i++) {
		x = vexfs_splitmix(&state);
		((float *)memory)[i] = (float)(x >> 40) / (1 << 23) - 1;
	}
	for (i = 0; i < 4096; i++) {
		x = vexfs_splitmix(&state);
		query[i] = (float)(x >> 40) / (1 << 23) - 1;
		whole[i] = (__s16)(x & 4095) - 2048;
		fine[i] = (__s8)(x >> 16 & 127);
	}
	for (i = 0; i < sizeof(table); i++)
		table[i] = vexfs_splitmix(&state) % 61;
	for (i = 0; i < 4 * 64; i++)
		planes[i] = vexfs_splitmix(&state);
	printf("%zu MiB, and %zu KiB; x: times a plain read of the same memory\n", MEMORY >> 20, CACHED >> 10);
	for (i = 0; i < 3; i++) {
		printf("%u dims\n", dims[i]);
		for (k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
			for (t = 0; t < n; t++)
				if ((kinds[k].times || !i) && (argc < 2 || strstr(kinds[k].name, argv[1])))
					show(k, here[t], dims[i]);
	}
	show_f64();
	free(memory);
	return sink == 1;
}
