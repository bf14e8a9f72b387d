// SPDX-License-Identifier: GPL-2.0
/*
 * Lists as a stream of bytes, for a checkpoint, and back; the format is in format.h.
 *
 * What comes back is checked as far as memory and answers depend on it: sizes against the bytes that
 * are left, before anything is allocated, slots against what is linked, and that each slot is in one
 * list, or dead.  No lock: saving is done by the writer of lists, and nobody else has those that are
 * being loaded.  No floating point here: numbers are little-endian where this runs, as on disk.
 */
#include "lists.h"

#define MOST_LISTS (2 * VEXFS_MAX_LISTS) /* a group may have one more than its share */

_Static_assert(VEXFS_GRADES == VEXFS_CHECKPOINT_GRADES, "the grades of a checkpoint");

static __u32 blocks_of(__u32 rows)
{
	return (rows + VEXFS_CODE_BLOCK - 1) / VEXFS_CODE_BLOCK;
}

static __u8 *block_at(const struct vexfs_list *list, __u32 padded, __u32 block)
{
	return vexfs_list_block(list, padded, vexfs_list_extent(list, VEXFS_BLOCKS, block), block);
}

/* Bytes of the rows of a list. */
static __u64 rows_bytes(const struct vexfs_lists *l, __u32 rows)
{
	return (__u64)blocks_of(rows) * vexfs_list_block_bytes(l->coder.rotation.padded) +
	       (__u64)rows * vexfs_list_row_bytes(l);
}

/* Bytes of all that comes before the lists themselves. */
static __u64 head_bytes(__u32 padded, __u32 lists, __u32 groups, __u32 strays)
{
	return sizeof(struct vexfs_checkpoint_lists) +
	       (__u64)(lists + groups) * (padded + 3 * sizeof(float)) +
	       ((__u64)groups + 1) * sizeof(__u32) + (__u64)strays * sizeof(__u64);
}

static size_t axes_bytes(__u32 n, __u32 width)
{
	return (size_t)n * width * sizeof(__s16);
}

__u64 vexfs_lists_saved(const struct vexfs_lists *l)
{
	__u32 padded = l->coder.rotation.padded, i;
	__u64 bytes = head_bytes(padded, l->lists, l->groups, l->strays);

	if (l->axes)
		bytes += axes_bytes(l->axes->n, l->axes->width);
	for (i = 0; i < l->lists; i++)
		bytes += sizeof(__le32) + rows_bytes(l, l->list[i].n);
	return bytes;
}

/* --- saving --- */

static int save_centres(const struct vexfs_centres *c, __u32 n, __u32 padded, struct vexfs_sink *to)
{
	return to->put(to, c->c, (size_t)n * padded) ?:
	       to->put(to, c->scale, n * sizeof(*c->scale)) ?:
	       to->put(to, c->norm2, n * sizeof(*c->norm2));
}

/* Bits of a f32, and back. */
static __le32 save_float(const float *f)
{
	__le32 bits;

	memcpy(&bits, f, sizeof(bits));
	return bits;
}

static void load_float(float *f, __le32 bits)
{
	memcpy(f, &bits, sizeof(*f));
}

static int save_list(const struct vexfs_lists *l, const struct vexfs_list *list,
		     struct vexfs_sink *to)
{
	__u32 padded = l->coder.rotation.padded;
	__le32 n = cpu_to_le32(list->n);
	int err = to->put(to, &n, sizeof(n));
	__u32 i;

	for (i = 0; !err && i < blocks_of(list->n); i++)
		err = to->put(to, block_at(list, padded, i), vexfs_list_block_bytes(padded));
	for (i = 0; !err && i < list->n; i++)
		err = to->put(to, vexfs_list_rung2(l, list, i), vexfs_list_row_bytes(l));
	return err;
}

int vexfs_lists_save(const struct vexfs_lists *l, struct vexfs_sink *to)
{
	struct vexfs_checkpoint_lists head = {
		.l_linked = cpu_to_le64(l->linked),
		.l_measured = cpu_to_le64(l->measured),
		.l_lists = cpu_to_le32(l->lists),
		.l_groups = cpu_to_le32(l->groups),
		.l_strays = cpu_to_le32(l->strays),
	};
	__u32 padded = l->coder.rotation.padded, i;
	int of, err;

	for (i = 0; i < VEXFS_GRADES; i++) {
		for (of = 0; of < VEXFS_NEAREST; of++)
			head.l_slant[of][i] = cpu_to_le32(l->slant[of][i]);
		head.l_near[i] = cpu_to_le64(l->near[i]);
		head.l_far[i] = cpu_to_le64(l->far[i]);
	}
	if (l->axes) {
		head.l_axes = cpu_to_le32(l->axes->n);
		head.l_most = save_float(&l->axes->most);
		head.l_mean = save_float(&l->axes->mean);
		head.l_deviation = save_float(&l->axes->deviation);
	}
	err = to->put(to, &head, sizeof(head));
	if (!err && l->axes)
		err = to->put(to, l->axes->axis, axes_bytes(l->axes->n, l->axes->width));
	err = err ?:
	      save_centres(&l->top, l->groups, padded, to) ?:
	      to->put(to, l->top_spread, l->groups * sizeof(*l->top_spread)) ?:
	      to->put(to, l->first, (l->groups + 1) * sizeof(*l->first)) ?:
	      save_centres(&l->centre, l->lists, padded, to) ?:
	      to->put(to, l->rank2, l->lists * sizeof(*l->rank2)) ?:
	      to->put(to, l->stray, l->strays * sizeof(*l->stray));
	for (i = 0; !err && i < l->lists; i++)
		err = save_list(l, &l->list[i], to);
	return err;
}

/* --- loading --- */

/* Lists that are being loaded, and a bit for each slot that is in them. */
struct loading {
	struct vexfs_lists *l;
	struct vexfs_source *from;
	__u64 *met;
};

/* False: there is no such slot, or it was met before. */
static bool meet(struct loading *k, __u64 slot)
{
	__u64 bit = 1ULL << slot % 64;

	if (slot >= k->l->linked || k->met[slot / 64] & bit)
		return false;
	k->met[slot / 64] |= bit;
	return true;
}

static int load_centres(struct vexfs_lists *l, struct vexfs_centres *c, __u32 n, __u32 padded,
			struct vexfs_source *from)
{
	return vexfs_centres_new(l, c, n, padded) ?:
	       from->get(from, c->c, (size_t)n * padded) ?:
	       from->get(from, c->scale, n * sizeof(*c->scale)) ?:
	       from->get(from, c->norm2, n * sizeof(*c->norm2));
}

/* The axes, if there are any, after the head. */
static int load_axes(struct vexfs_lists *l, const struct vexfs_checkpoint_lists *head,
		     struct vexfs_source *from)
{
	__u32 n = le32_to_cpu(head->l_axes), width = l->coder.rotation.padded;
	struct vexfs_axes *axes;
	int err;

	if (!n)
		return 0;
	if (n % 64 || n > VEXFS_MAX_AXES || n >= width || from->left < axes_bytes(n, width))
		return -EUCLEAN;
	axes = vexfs_axes_alloc(n, width);
	if (!axes)
		return -ENOMEM;
	load_float(&axes->most, head->l_most);
	load_float(&axes->mean, head->l_mean);
	load_float(&axes->deviation, head->l_deviation);
	err = from->get(from, axes->axis, axes_bytes(n, width));
	vexfs_lists_project(l, axes);
	return err;
}

static int load_head(struct vexfs_lists *l, __u64 count, struct vexfs_source *from)
{
	struct vexfs_checkpoint_lists head;
	__u32 i;
	int of, err;

	if (from->left < sizeof(head))
		return -EUCLEAN;
	err = from->get(from, &head, sizeof(head));
	if (err)
		return err;
	l->linked = le64_to_cpu(head.l_linked);
	l->measured = le64_to_cpu(head.l_measured);
	l->lists = le32_to_cpu(head.l_lists);
	l->groups = le32_to_cpu(head.l_groups);
	l->strays = le32_to_cpu(head.l_strays);
	for (i = 0; i < VEXFS_GRADES; i++) {
		l->near[i] = le64_to_cpu(head.l_near[i]);
		l->far[i] = le64_to_cpu(head.l_far[i]);
		if (i && (l->near[i] < l->near[i - 1] || l->far[i] < l->far[i - 1]))
			return -EUCLEAN;
		/* they are rows, or all of them say that nothing was measured */
		if ((l->near[i] - l->near[0]) >> 32 || (l->far[i] - l->far[0]) >> 32)
			return -EUCLEAN;
		for (of = 0; of < VEXFS_NEAREST; of++) {
			l->slant[of][i] = le32_to_cpu(head.l_slant[of][i]);
			if (i && l->slant[of][i] < l->slant[of][i - 1])
				return -EUCLEAN;
		}
	}
	if (l->linked > count || l->measured > l->linked || !l->lists || l->lists > MOST_LISTS ||
	    !l->groups || l->groups > MOST_LISTS || l->strays > VEXFS_MAX_STRAYS)
		return -EUCLEAN;
	err = load_axes(l, &head, from);
	if (err)
		return err;
	if (from->left < head_bytes(l->coder.rotation.padded, l->lists, l->groups, l->strays) - sizeof(head) +
				 l->lists * sizeof(__le32))
		return -EUCLEAN;
	return 0;
}

/* Groups and their lists: where they begin. */
static int load_groups(struct vexfs_lists *l, struct vexfs_source *from)
{
	__u32 padded = l->coder.rotation.padded, i;
	int err = load_centres(l, &l->top, l->groups, padded, from);

	l->first = vx_ealloc((l->groups + 1) * sizeof(*l->first));
	if (!err && !l->first)
		err = -ENOMEM;
	if (err)
		return err;
	l->top_spread = l->top.norm2 + l->groups;
	err = from->get(from, l->top_spread, l->groups * sizeof(*l->top_spread)) ?:
	      from->get(from, l->first, (l->groups + 1) * sizeof(*l->first));
	if (err)
		return err;
	for (i = 0; i < l->groups; i++)
		if (l->first[i] > l->first[i + 1])
			return -EUCLEAN;
	return l->first[0] || l->first[l->groups] != l->lists ? -EUCLEAN : 0;
}

static int load_strays(struct loading *k)
{
	struct vexfs_lists *l = k->l;
	int err = k->from->get(k->from, l->stray, l->strays * sizeof(*l->stray));
	__u32 i;

	for (i = 0; !err && i < l->strays; i++)
		if (!meet(k, l->stray[i]))
			err = -EUCLEAN;
	return err;
}

static int load_row(struct loading *k, struct vexfs_list *list, __u32 i)
{
	struct vexfs_rung2 *two = vexfs_list_rung2(k->l, list, i);

	return k->from->get(k->from, two, vexfs_list_row_bytes(k->l)) ?:
	       (meet(k, two->slot) ? 0 : -EUCLEAN);
}

static int load_list(struct loading *k, struct vexfs_list *list, __u32 padded)
{
	__u32 rows, i;
	__le32 n;
	int err;

	if (k->from->left < sizeof(n))
		return -EUCLEAN;
	err = k->from->get(k->from, &n, sizeof(n));
	if (err)
		return err;
	rows = le32_to_cpu(n);
	if (rows > k->l->linked || rows_bytes(k->l, rows) > k->from->left)
		return -EUCLEAN;
	err = rows ? vexfs_list_reserve(k->l, list, rows) : 0;
	for (i = 0; !err && i < blocks_of(rows); i++)
		err = k->from->get(k->from, block_at(list, padded, i), vexfs_list_block_bytes(padded));
	for (i = 0; !err && i < rows; i++)
		err = load_row(k, list, i);
	if (!err) {
		list->n = rows;
		vexfs_list_place_all(k->l, list);
	}
	return err;
}

/* Is each slot that is linked, and not dead by now, in some list? */
static bool has_all(const struct loading *k, const struct vexfs_columns *c)
{
	__u64 base, linked = k->l->linked, live;

	for (base = 0; base < linked; base += 64) {
		live = vexfs_columns_live_mask(c, base, 64, VEXFS_MAX_SLOTS);
		if (linked - base < 64)
			live &= (1ULL << (linked - base)) - 1;
		if (live & ~k->met[base / 64])
			return false;
	}
	return true;
}

static int load(struct loading *k, __u64 count)
{
	struct vexfs_lists *l = k->l;
	int err = load_head(l, count, k->from);
	__u32 padded = l->coder.rotation.padded, i;

	if (err)
		return err;
	err = vexfs_lists_room(l, l->linked);
	if (err)
		return err;
	k->met = vx_ealloc((l->linked / 64 + 1) * sizeof(*k->met));
	l->list = vx_ealloc((size_t)l->lists * sizeof(*l->list));
	if (!k->met || !l->list)
		return -ENOMEM;
	l->bytes += (size_t)l->lists * sizeof(*l->list);
	err = vexfs_lists_scratch(l, l->lists + l->groups, padded) ?: load_groups(l, k->from) ?:
	      load_centres(l, &l->centre, l->lists, padded, k->from);
	if (err)
		return err;
	l->rank2 = l->centre.norm2 + l->lists;
	err = k->from->get(k->from, l->rank2, l->lists * sizeof(*l->rank2)) ?: load_strays(k);
	for (i = 0; !err && i < l->lists; i++) {
		err = load_list(k, &l->list[i], padded);
		vx_yield();
	}
	return err;
}

struct vexfs_lists *vexfs_lists_load(const struct vexfs_codes *codes,
				     const struct vexfs_columns *c, struct vexfs_source *from,
				     int *err)
{
	struct vexfs_lists *l = vx_ealloc(sizeof(*l));
	struct loading k = { .l = l, .from = from };

	*err = -ENOMEM;
	if (!l)
		return NULL;
	*err = vexfs_codes_coder(codes, &l->coder);
	l->bytes = sizeof(*l) + l->coder.dims * sizeof(*l->coder.mean);
	if (!*err)
		*err = load(&k, vexfs_codes_count(codes));
	if (!*err && (from->left || !has_all(&k, c)))
		*err = -EUCLEAN;
	vx_efree(k.met);
	if (*err) {
		vexfs_lists_free(l);
		return NULL;
	}
	l->tuned = true;
	l->seen_linked = l->linked;	/* as far as one knows */
	l->seen_live = vexfs_columns_live(c);
	return l;
}
