// SPDX-License-Identifier: GPL-2.0
/*
 * The codes of a collection by slot: storage, building, and bounds for queries.  No floating point
 * here.
 *
 * They are in chunks, which never move: see chunk.h for who may read what without a lock.  A chunk
 * holds each code twice, in FastScan blocks of 32 for scans and row-major for single slots: which
 * pays less per byte, but fetches one cache line or a few where a block is 32 rows long.  Writing a
 * code into a block changes half of a byte whose other half a reader may be looking at; that half
 * is stored as it was.
 */
#include "internal.h"

#define SAMPLE 1024 /* rows whose mean is the centre */
#define AHEAD 256 /* rows read ahead */
#define DRIFT_STEP 8 /* of so many rows one is looked at */

struct code_chunk {
	struct vexfs_factor factor[VEXFS_CHUNK_SLOTS];
	__u64 row[]; /* [VEXFS_CHUNK_SLOTS][padded / 64], then the blocks */
};

struct vexfs_codes {
	struct vexfs_coder coder;
	__u64 count; /* published; release and acquire */
	__u64 centred; /* rows that there were when the centre was taken */
	__u32 off; /* see vexfs_codes_off(); READ_ONCE() beside the writer */
	struct vexfs_chunks chunks; /* struct code_chunk */
};

static __u32 padded_of(__u32 dims)
{
	return (dims + 63) / 64 * 64;
}

static size_t chunk_bytes(__u32 padded)
{
	return sizeof(struct code_chunk) + 2 * (size_t)VEXFS_CHUNK_SLOTS * (padded / 8);
}

/* drift, mean and scratch */
static size_t floats_bytes(__u32 dims)
{
	return dims * sizeof(double) + (dims + padded_of(dims)) * sizeof(__u32);
}

__u64 vexfs_codes_cost(__u32 dims, __u64 slots)
{
	return sizeof(struct vexfs_codes) + floats_bytes(dims) +
	       vexfs_chunks_cost(slots, chunk_bytes(padded_of(dims)));
}

/* All but the rotation. */
static struct vexfs_codes *allocate(__u32 metric, __u32 dims)
{
	struct vexfs_codes *c = vx_ealloc_optional(sizeof(*c));

	if (!c)
		return NULL;
	c->coder.drift = vx_ealloc_optional(floats_bytes(dims));
	if (!c->coder.drift) {
		vx_efree(c);
		return NULL;
	}
	c->coder.mean = (float *)(c->coder.drift + dims);
	c->coder.scratch = c->coder.mean + dims;
	c->coder.dims = dims;
	c->coder.metric = metric;
	c->chunks.optional = true;
	return c;
}

struct vexfs_codes *vexfs_codes_new(__u32 metric, __u32 dims, __u64 seed)
{
	struct vexfs_codes *c = dims && dims <= VEXFS_MAX_DIMS ? allocate(metric, dims) : NULL;

	if (c) {
		vx_fpu_begin();
		vexfs_rotation_init(&c->coder.rotation, dims, seed);
		vx_fpu_end();
	}
	return c;
}

struct vexfs_codes *vexfs_codes_like(const struct vexfs_codes *from, __u64 centred)
{
	struct vexfs_codes *c = allocate(from->coder.metric, from->coder.dims);

	if (c) {
		memcpy(c->coder.mean, from->coder.mean, c->coder.dims * sizeof(*c->coder.mean));
		c->coder.rotation = from->coder.rotation;
		c->centred = centred;
	}
	return c;
}

void vexfs_codes_free(struct vexfs_codes *c)
{
	if (!c)
		return;
	vexfs_chunks_free(&c->chunks);
	vx_efree(c->coder.drift);
	vx_efree(c);
}

__u64 vexfs_codes_bytes(const struct vexfs_codes *c)
{
	return sizeof(*c) + floats_bytes(c->coder.dims) + READ_ONCE(c->chunks.bytes);
}

__u64 vexfs_codes_reserved(const struct vexfs_codes *c)
{
	return c->chunks.slots;
}

int vexfs_codes_reserve(struct vexfs_codes *c, __u64 slots)
{
	return vexfs_chunks_reserve(&c->chunks, slots, chunk_bytes(c->coder.rotation.padded));
}

void vexfs_codes_publish(struct vexfs_codes *c, __u64 count)
{
	__u64 before = c->count;

	__atomic_store_n(&c->count, count, __ATOMIC_RELEASE);
	if (before / VEXFS_CHUNK_SLOTS == count / VEXFS_CHUNK_SLOTS)
		return;
	vx_fpu_begin();
	WRITE_ONCE(c->off, vexfs_rabitq_off(&c->coder));
	vx_fpu_end();
}

__u64 vexfs_codes_count(const struct vexfs_codes *c)
{
	return __atomic_load_n(&c->count, __ATOMIC_ACQUIRE);
}

static struct code_chunk *chunk_of(const struct vexfs_codes *c, __u64 slot)
{
	return vexfs_chunk(&c->chunks, slot);
}

static const struct vexfs_factor *factor_of(const struct vexfs_codes *c, __u64 slot)
{
	return &chunk_of(c, slot)->factor[slot & (VEXFS_CHUNK_SLOTS - 1)];
}

static __u64 *row_of(const struct vexfs_codes *c, __u64 slot)
{
	return chunk_of(c, slot)->row +
	       (slot & (VEXFS_CHUNK_SLOTS - 1)) * (c->coder.rotation.padded / 64);
}

/*
 * Blocks: per 4 dims 16 bytes, byte i holds those dims of code i in its low half, of code i + 16 in
 * its high one.
 */
static __u8 *block_of(const struct vexfs_codes *c, __u64 slot)
{
	__u32 words = c->coder.rotation.padded / 64, at = slot & (VEXFS_CHUNK_SLOTS - 1);

	return (__u8 *)(chunk_of(c, slot)->row + (size_t)VEXFS_CHUNK_SLOTS * words +
			(size_t)(at / VEXFS_CODE_BLOCK) * VEXFS_CODE_BLOCK * words);
}

const __u8 *vexfs_codes_block(const struct vexfs_codes *c, __u64 slot)
{
	return block_of(c, slot);
}

/* The code of a slot is there row-major: into its block, too. */
static void put_in_block(struct vexfs_codes *c, __u64 slot)
{
	__u32 at = slot & (VEXFS_CHUNK_SLOTS - 1), shift = at / 16 % 2 * 4, g;
	__u8 *byte = block_of(c, slot) + at % 16;
	const __u64 *row = row_of(c, slot);

	for (g = 0; g < c->coder.rotation.padded / 4; g++, byte += 16)
		WRITE_ONCE(*byte, (*byte & ~(15 << shift)) | (row[g / 16] >> g % 16 * 4 & 15)
								     << shift);
}

/* Where rows are now, for some of them. */
static void note_drift(struct vexfs_codes *c, __u64 slot, const struct vx_seg *seg, __u32 segs)
{
	if (slot % DRIFT_STEP)
		return;
	vx_fpu_begin();
	vexfs_rabitq_drift(&c->coder, seg, segs);
	vx_fpu_end();
}

void vexfs_codes_put(struct vexfs_codes *c, __u64 slot, const struct vx_seg *seg, __u32 segs)
{
	vx_fpu_begin();
	vexfs_rabitq_encode(&c->coder, seg, segs, row_of(c, slot),
			    &chunk_of(c, slot)->factor[slot & (VEXFS_CHUNK_SLOTS - 1)]);
	vx_fpu_end();
	put_in_block(c, slot);
	note_drift(c, slot, seg, segs);
}

void vexfs_codes_carry(struct vexfs_codes *c, __u64 slot, const struct vexfs_codes *from, __u64 old,
		       const struct vx_seg *seg, __u32 segs)
{
	if (old >= vexfs_codes_count(from)) {
		vexfs_codes_put(c, slot, seg, segs);
		return;
	}
	memcpy(row_of(c, slot), row_of(from, old), c->coder.rotation.padded / 8);
	memcpy(&chunk_of(c, slot)->factor[slot & (VEXFS_CHUNK_SLOTS - 1)], factor_of(from, old),
	       sizeof(struct vexfs_factor));
	put_in_block(c, slot);
	note_drift(c, slot, seg, segs);
}

__u64 vexfs_codes_centred(const struct vexfs_codes *c)
{
	return c->centred;
}

__u32 vexfs_codes_off(const struct vexfs_codes *c)
{
	return READ_ONCE(c->off);
}

int vexfs_codes_centre(struct vexfs_codes *c, struct vx_rows *rows, struct vexfs_columns *cols,
		       __u64 count)
{
	__u32 want = count < SAMPLE ? (__u32)count : SAMPLE, got = 0, i;
	struct vx_seg seg[VX_ROW_SEGS];
	__u64 *slot = vx_ealloc(SAMPLE * sizeof(*slot));
	double *sum = vx_ealloc(c->coder.dims * sizeof(*sum));
	int segs = slot && sum ? 0 : -ENOMEM;

	for (i = 0; !segs && i < want; i++)
		slot[i] = count / want * i;
	if (!segs)
		vx_rows_ahead(rows, slot, want);
	for (i = 0; segs >= 0 && i < want; i++) {
		segs = vx_rows_wait(rows, slot[i], seg);
		if (segs < 0) {
			segs = vexfs_columns_damage(cols, slot[i], segs);
			continue;
		}
		vx_fpu_begin();
		got += vexfs_rabitq_sum(&c->coder, seg, segs, sum);
		vx_fpu_end();
		vx_rows_put(rows);
		vx_yield();
	}
	if (segs >= 0) {
		vx_fpu_begin();
		vexfs_rabitq_mean(&c->coder, sum, got);
		vx_fpu_end();
		c->centred = count;
	}
	vx_efree(sum);
	vx_efree(slot);
	return segs < 0 ? segs : 0;
}

int vexfs_codes_extend(struct vexfs_codes *c, struct vx_rows *rows, struct vexfs_columns *cols,
		       __u64 to, __u64 deadline_us)
{
	__u64 *ahead = vx_ealloc(AHEAD * sizeof(*ahead)), at = c->count, read = at;
	struct vx_seg seg[VX_ROW_SEGS];
	__u32 n;
	int segs = ahead ? 0 : -ENOMEM;

	if (to > c->chunks.slots)
		to = c->chunks.slots;
	while (segs >= 0 && at < to) {
		if (at == read) {
			for (n = 0; n < AHEAD && read < to; n++)
				ahead[n] = read++;
			vx_rows_ahead(rows, ahead, n);
		}
		segs = vx_rows_wait(rows, at, seg);
		if (segs < 0)	/* of no segment: a slot without a code */
			segs = vexfs_columns_damage(cols, at, segs);
		if (segs < 0)
			break;
		vexfs_codes_put(c, at++, seg, segs);
		vx_rows_put(rows);
		if (at % VEXFS_BATCH && at < to)
			continue;
		vexfs_codes_publish(c, at);
		vx_yield();
		if (vx_clock_us() >= deadline_us)
			break;
	}
	vexfs_codes_publish(c, at);
	vx_efree(ahead);
	return segs < 0 ? segs : 0;
}

int vexfs_codes_coder(const struct vexfs_codes *c, struct vexfs_coder *copy)
{
	*copy = c->coder;
	copy->scratch = NULL;
	copy->mean = vx_ealloc(c->coder.dims * sizeof(*copy->mean));
	if (!copy->mean)
		return -ENOMEM;
	memcpy(copy->mean, c->coder.mean, c->coder.dims * sizeof(*copy->mean));
	return 0;
}

/* --- checkpoints --- */

__u64 vexfs_codes_saved(__u32 dims, __u64 count)
{
	__u32 words = padded_of(dims) / 64;

	return sizeof(struct vexfs_checkpoint_codes) + dims * sizeof(__u32) +
	       (VEXFS_ROTATION_ROUNDS + count) * words * sizeof(__u64) +
	       count * sizeof(struct vexfs_factor);
}

/* Slots of the chunk that begins at `at`. */
static __u32 chunk_slots(__u64 at, __u64 count)
{
	return count - at < VEXFS_CHUNK_SLOTS ? (__u32)(count - at) : VEXFS_CHUNK_SLOTS;
}

/* Words and numbers are little-endian where this runs, as they are on disk. */
int vexfs_codes_save(const struct vexfs_codes *c, __u64 count, struct vexfs_sink *to)
{
	struct vexfs_checkpoint_codes head = { .k_centred = cpu_to_le64(c->centred) };
	__u32 words = c->coder.rotation.padded / 64, i, n;
	const struct code_chunk *chunk;
	__u64 at;
	int err;

	err = to->put(to, &head, sizeof(head)) ?:
	      to->put(to, c->coder.mean, c->coder.dims * sizeof(*c->coder.mean));
	for (i = 0; !err && i < VEXFS_ROTATION_ROUNDS; i++)
		err = to->put(to, c->coder.rotation.sign[i], words * sizeof(__u64));
	for (at = 0; !err && at < count; at += n) {
		chunk = chunk_of(c, at);
		n = chunk_slots(at, count);
		err = to->put(to, chunk->row, (size_t)n * words * sizeof(*chunk->row)) ?:
		      to->put(to, chunk->factor, n * sizeof(*chunk->factor));
	}
	return err;
}

/* The block of a slot from its codes, which are there row-major; behind the last one are zeros. */
static void fill_block(struct vexfs_codes *c, __u64 slot)
{
	__u32 words = c->coder.rotation.padded / 64, w, g, i;
	const __u64 *row = row_of(c, slot);
	__u8 *byte = block_of(c, slot);
	__u64 low[16], high[16];

	for (w = 0; w < words; w++) {
		for (i = 0; i < 16; i++) {
			low[i] = row[i * words + w];
			high[i] = row[(i + 16) * words + w];
		}
		for (g = 0; g < 64; g += 4)
			for (i = 0; i < 16; i++)
				*byte++ = (low[i] >> g & 15) | (high[i] >> g & 15) << 4;
	}
}

/* The next codes of a stream, as chunks of their own. */
static int load_chunk(struct vexfs_codes *c, __u64 at, __u32 n, struct vexfs_source *from)
{
	__u32 words = c->coder.rotation.padded / 64, i;
	struct code_chunk *chunk;
	int err = vexfs_codes_reserve(c, at + n);

	if (err)
		return err;
	chunk = chunk_of(c, at);
	err = from->get(from, chunk->row, (size_t)n * words * sizeof(*chunk->row)) ?:
	      from->get(from, chunk->factor, n * sizeof(*chunk->factor));
	for (i = 0; !err && i < n; i += VEXFS_CODE_BLOCK)
		fill_block(c, at + i);
	return err;
}

struct vexfs_codes *vexfs_codes_load(__u32 metric, __u32 dims, __u64 count,
				     struct vexfs_source *from, int *err)
{
	struct vexfs_checkpoint_codes head;
	struct vexfs_codes *c;
	__u32 words, i, n;
	__u64 at;

	*err = -EUCLEAN;
	if (count > VEXFS_MAX_SLOTS || from->left != vexfs_codes_saved(dims, count))
		return NULL;
	c = vexfs_codes_new(metric, dims, 0);
	*err = c ? from->get(from, &head, sizeof(head)) : -ENOMEM;
	if (!*err)
		*err = from->get(from, c->coder.mean, dims * sizeof(*c->coder.mean));
	for (i = 0; !*err && i < VEXFS_ROTATION_ROUNDS; i++) {
		words = c->coder.rotation.padded / 64;
		*err = from->get(from, c->coder.rotation.sign[i], words * sizeof(__u64));
	}
	if (!*err) {
		c->centred = le64_to_cpu(head.k_centred);
		if (!c->centred || c->centred > VEXFS_MAX_SLOTS)
			*err = -EUCLEAN;
	}
	for (at = 0; !*err && at < count; at += n) {
		n = chunk_slots(at, count);
		*err = load_chunk(c, at, n, from);
		vx_yield();
	}
	if (*err) {
		vexfs_codes_free(c);
		return NULL;
	}
	vexfs_codes_publish(c, count);
	return c;
}

/* --- queries --- */

struct vexfs_estimator *vexfs_estimator_in(struct vexfs_room *room, const struct vexfs_codes *c)
{
	__u32 padded = c->coder.rotation.padded;
	struct vexfs_estimator *e = vexfs_room(room, sizeof(*e) + padded / 2 + 2 * padded * 4);

	if (e) {
		e->plane = (__u64 *)(e + 1);
		e->table = (__u8 *)e->plane + padded / 2;
		e->scratch = (float *)(e->table + padded * 4);
	}
	return e;
}

void vexfs_estimator_prepare(const struct vexfs_codes *c, struct vexfs_estimator *e,
			     const void *row)
{
	vx_fpu_begin();
	vexfs_rabitq_prepare(&c->coder, e, row);
	vx_fpu_end();
	if (!e->usable)
		return;
	vx_fpu_begin();			/* another one: together they may take more than 50 us */
	vexfs_rabitq_quantise(e);
	vx_fpu_end();
}

const __u64 *vexfs_codes_signs(const struct vexfs_codes *c, __u64 slot)
{
	__u32 scale;

	/* a float, and the sign of it tells */
	memcpy(&scale, &factor_of(c, slot)->scale, sizeof(scale));
	return scale >> 31 ? NULL : row_of(c, slot);
}

void vexfs_codes_fetch(const struct vexfs_codes *c, __u64 slot)
{
	if (slot >= vexfs_codes_count(c))
		return;
	__builtin_prefetch(factor_of(c, slot));
	__builtin_prefetch(row_of(c, slot));
}

__u32 vexfs_codes_dims(const struct vexfs_codes *c)
{
	return c->coder.dims;
}

/*
 * By bit planes: where the bit of the code is that of plane i, 2^i is in the sum (section 3.3.2,
 * without tables).
 */
__u32 vexfs_planes_scalar(const __u64 *row, const __u64 *plane, __u32 words)
{
	__u32 i, k, sum = 0;

	for (i = 0; i < 4; i++, plane += words)
		for (k = 0; k < words; k++)
			sum += (__u32)vx_popcount(~(row[k] ^ plane[k])) << i;
	return sum;
}

__u32 vexfs_codes_row_sum(const struct vexfs_codes *c, const struct vexfs_estimator *e, __u64 slot)
{
	return vexfs_kernels()->planes(row_of(c, slot), e->plane, e->padded / 64);
}

void vexfs_codes_slot(const struct vexfs_codes *c, const struct vexfs_estimator *e, __u64 slot,
		      __u32 sigma, __u32 *lower, __u32 *upper)
{
	*lower = VEXFS_UNKNOWN;
	*upper = ~0u;
	if (e->usable && slot < vexfs_codes_count(c))
		vexfs_rabitq_bound(e, vexfs_codes_row_sum(c, e, slot), factor_of(c, slot), sigma,
				   lower, upper);
}

__u64 vexfs_codes_range(const struct vexfs_codes *c, const struct vexfs_estimator *e, __u64 from,
			__u32 n, __u64 mask, __u32 sigma, __u32 gate, __u32 *lower, __u32 *upper,
			__u32 *shift, __u32 *refused)
{
	__u64 count = vexfs_codes_count(c), first = from & ~(__u64)(VEXFS_CODE_BLOCK - 1), slot,
	      in = 0;
	__u32 i, at = from - first, known;

	*shift = at;
	known = !e->usable || count <= from ? 0 : count - from < n ? (__u32)(count - from) : n;
	vx_fpu_begin();
	for (slot = first, i = 0; known && slot < from + known;
	     slot += VEXFS_CODE_BLOCK, i += VEXFS_CODE_BLOCK) {
		__u64 m = vexfs_rabitq_block(e, block_of(c, slot), factor_of(c, slot), sigma, gate,
					     lower + i, upper + i, refused);

		in |= i < at ? m >> (at - i) : m << (i - at);
	}
	vx_fpu_end();
	for (i = known; i < n; i++) {
		lower[i + at] = VEXFS_UNKNOWN;
		upper[i + at] = ~0u;
	}
	if (known < 64)
		in = (in & ((1ULL << known) - 1)) | ~0ULL << known;
	return in & mask;
}
