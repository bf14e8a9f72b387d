// SPDX-License-Identifier: GPL-2.0
/*
 * Lists in motion: those that have grown too much are split, those of which little is left are merged
 * into others (SPFresh: Xu et al., SOSP 2023, section 4), dead rows are dropped, and all go along when
 * slots get other numbers.
 *
 * Readers take no lock, and what they look at never changes but for rows that are appended: so another
 * generation of the lists is made, which takes the place of the old one when it is complete.  Lists that
 * stay as they are share their extents, which count the generations that have them; what is appended to
 * such a list in one generation lies beyond the rows that another one has.  A query goes through one
 * generation from its first list to the last, and so meets each row once.
 *
 * No floating point here.
 */
#include "lists.h"

#define AHEAD		128		/* rows read ahead */
#define MOST_PIECES	8u		/* of a list that is split at once */
#define MANY_EXTENTS	5u		/* of a list, which gets a single one then */
#define CHANGED		16		/* lists are looked through after one in so many rows came or died */
#define CROWDED		256		/* or of so many, if they crowd into some lists */

/* What becomes of a list. */
enum fate { KEEP, COPY, SPLIT, DISSOLVE };

struct move {
	struct vexfs_lists *to;
	const struct vexfs_lists *from;
	struct vexfs_columns *columns;
	struct vx_rows *rows;
	__u32 *live;			/* [from->lists]: rows */
	__u8 *fate;			/* [from->lists] */
	__u32 each;			/* rows that a list should have */
	__u64 rewritten;		/* rows, dead ones too, of lists that do not stay */
	__u32 *slot;			/* live slots of a list at hand */
	float *centre;			/* [MOST_PIECES][padded] */
	float *sum;			/* [MOST_PIECES]: of squared distances of rows to it */
	bool (*stop)(void *arg);
	void *arg;
};

static int may_go_on(const struct move *m)
{
	vx_yield();
	return vx_ekilled() || (m->stop && m->stop(m->arg)) ? -EINTR : 0;
}

static bool is_live(const struct move *m, __u64 slot)
{
	return vexfs_columns_visible(m->columns, slot, vexfs_columns_count(m->columns));
}

static __u32 pieces(const struct move *m, __u32 i)
{
	__u32 k = (m->live[i] + m->each / 2) / m->each;

	return k < 2 ? 2 : k < MOST_PIECES ? k : MOST_PIECES;
}

static struct vexfs_axes *copy_axes(const struct vexfs_axes *from)
{
	struct vexfs_axes *a = vexfs_axes_alloc(from->n, from->width);

	if (!a)
		return NULL;
	memcpy(a->axis, from->axis, (size_t)from->n * from->width * sizeof(*a->axis));
	memcpy(&a->most, &from->most, sizeof(a->most));
	memcpy(&a->mean, &from->mean, sizeof(a->mean));
	memcpy(&a->deviation, &from->deviation, sizeof(a->deviation));
	return a;
}

static int like_in(struct vexfs_lists *l, const struct vexfs_lists *from, __u32 lists,
		   __u64 linked)
{
	__u32 padded = from->coder.rotation.padded, groups = from->groups;
	struct vexfs_axes *axes = from->axes ? copy_axes(from->axes) : NULL;

	l->coder = from->coder;
	l->coder.mean = vx_ealloc(l->coder.dims * sizeof(*l->coder.mean));
	vexfs_lists_project(l, axes);
	l->list = vx_ealloc((size_t)lists * sizeof(*l->list));
	l->first = vx_ealloc((groups + 1) * sizeof(*l->first));
	if (!l->coder.mean || !l->list || !l->first || (from->axes && !axes) ||
	    vexfs_centres_new(l, &l->top, groups, padded) ||
	    vexfs_centres_new(l, &l->centre, lists, padded) || vexfs_lists_room(l, linked) ||
	    vexfs_lists_scratch(l, lists > groups ? lists : groups, padded))
		return -ENOMEM;
	l->groups = groups;
	l->top_spread = l->top.norm2 + groups;
	l->rank2 = l->centre.norm2 + lists;
	l->bytes += sizeof(*l) + l->coder.dims * sizeof(*l->coder.mean) +
		    (__u64)lists * sizeof(*l->list);
	memcpy(l->coder.mean, from->coder.mean, l->coder.dims * sizeof(*l->coder.mean));
	memcpy(l->top.c, from->top.c, (size_t)groups * padded);
	memcpy(l->top.scale, from->top.scale, groups * sizeof(*l->top.scale));
	memcpy(l->top.norm2, from->top.norm2, groups * sizeof(*l->top.norm2));
	memcpy(l->top_spread, from->top_spread, groups * sizeof(*l->top_spread));
	memcpy(l->near, from->near, sizeof(l->near));
	memcpy(l->far, from->far, sizeof(l->far));
	memcpy(l->slant, from->slant, sizeof(l->slant));
	l->measured = from->measured;
	l->moved = from->moved;
	l->rewritten = from->rewritten;
	l->seen_linked = from->seen_linked;
	l->seen_live = from->seen_live;
	return 0;
}

/*
 * A generation like another one, with room for so many lists, of which it has none, and in its map
 * for the slots before `linked`.  NULL: no memory.
 */
static struct vexfs_lists *like(const struct vexfs_lists *from, __u32 lists, __u64 linked)
{
	struct vexfs_lists *l = vx_ealloc(sizeof(*l));

	if (l && like_in(l, from, lists, linked)) {
		vexfs_lists_free(l);
		l = NULL;
	}
	return l;
}

/* The next list of `to` has the centre that one of `from` has.  Returns which it is. */
static __u32 same_centre(struct vexfs_lists *to, const struct vexfs_lists *from, __u32 i)
{
	__u32 padded = to->coder.rotation.padded, at = to->lists++;

	memcpy(to->centre.c + (size_t)at * padded, from->centre.c + (size_t)i * padded, padded);
	memcpy(&to->centre.scale[at], &from->centre.scale[i], sizeof(*to->centre.scale));
	memcpy(&to->centre.norm2[at], &from->centre.norm2[i], sizeof(*to->centre.norm2));
	memcpy(&to->rank2[at], &from->rank2[i], sizeof(*to->rank2));
	return at;
}

/* --- rows --- */

/* Live rows of a list, one list after the other. */
static int count_live(struct move *m)
{
	const struct vexfs_lists *l = m->from;
	__u32 i, row;
	int err = 0;

	for (i = 0; !err && i < l->lists; i++) {
		for (row = 0; row < l->list[i].n; row++)
			m->live[i] += is_live(m, vexfs_list_slot(l, l->list + i, row));
		err = may_go_on(m);
	}
	return err;
}

static __u32 live_slots(struct move *m, __u32 i)
{
	const struct vexfs_list *list = m->from->list + i;
	__u32 row, n = 0, slot;

	for (row = 0; row < list->n; row++) {
		slot = vexfs_list_slot(m->from, list, row);
		if (n < m->live[i] && is_live(m, slot))
			m->slot[n++] = slot;
	}
	return n;
}

/* The row at hand goes to the nearest of k lists; how far it is from its centre adds to their sums. */
static int place_in(struct move *m, __u32 from, __u32 k, __u64 slot)
{
	struct vexfs_lists *to = m->to;
	__u32 at;
	int err;

	vx_fpu_begin();
	at = vexfs_lists_nearest_of(to, from, k);
	vx_fpu_end();
	err = vexfs_list_append(to, at, slot);
	vx_fpu_begin();			/* which left the centre at to->c */
	vexfs_centre_residual(to->x, to->c, to->coder.rotation.padded, &m->sum[at - from]);
	vx_fpu_end();
	return err;
}

/* Append the rows of the n slots at m->slot: each to the nearest of k lists, or of all (k 0). */
static int place(struct move *m, __u32 n, __u32 from, __u32 k)
{
	struct vx_seg seg[VX_ROW_SEGS];
	__u64 ahead[AHEAD], slot;
	__u32 i, more;
	bool safe;
	int err = 0;

	for (i = 0; !err && i < n; i++) {
		if (i % AHEAD == 0) {
			for (more = 0; more < AHEAD && i + more < n; more++)
				ahead[more] = m->slot[i + more];
			vx_rows_ahead(m->rows, ahead, more);
		}
		slot = m->slot[i];
		err = vx_rows_wait(m->rows, slot, seg);
		if (err < 0) {
			err = vexfs_lists_leave_out(m->to, m->columns, slot, err);
			continue;
		}
		vx_fpu_begin();
		safe = vexfs_axes_rotate(&m->to->coder, m->to->axes, seg, err, true, m->to->scratch,
					 m->to->x, &m->to->rest);
		vx_fpu_end();
		vx_rows_put(m->rows);
		err = !safe ? vexfs_lists_stray(m->to, slot) :
		      k ? place_in(m, from, k, slot) : vexfs_lists_append(m->to, slot);
		if (!err && i % 64 == 63)
			err = may_go_on(m);
	}
	return err;
}

/* --- lists --- */

/* Its live rows, as they are. */
static int copy(struct move *m, __u32 i, __u32 whole)
{
	struct vexfs_list *to = m->to->list + same_centre(m->to, m->from, i);
	const struct vexfs_list *list = m->from->list + i;
	__u32 row, slot;
	int err = vexfs_list_reserve(m->to, to, m->live[i]);

	to->whole = whole;
	for (row = 0; !err && row < list->n; row++) {
		slot = vexfs_list_slot(m->from, list, row);
		if (is_live(m, slot))
			err = vexfs_list_copy(m->to, to, list, row, slot);
	}
	return err;
}

/* Into pieces around new centres.  Where that does not divide it, it stays as it is. */
static int split(struct move *m, __u32 i)
{
	struct vexfs_lists *to = m->to;
	__u32 k = pieces(m, i), padded = to->coder.rotation.padded, at = to->lists, most = 0, n, p;
	int err;

	n = live_slots(m, i);
	err = vexfs_centres_find(to, m->columns, m->rows, m->slot, n, k, m->centre, m->stop, m->arg);
	if (err == -ENODATA)
		return copy(m, i, n);
	if (err)
		return err;
	for (p = 0; p < k; p++) {
		vx_fpu_begin();
		vexfs_centre_pack(&to->centre, at + p, m->centre + (size_t)p * padded, padded);
		vx_fpu_end();
		err = err ?: vexfs_list_reserve(to, to->list + at + p, n / k);
	}
	to->lists += k;
	memset(m->sum, 0, MOST_PIECES * sizeof(*m->sum));
	err = err ?: place(m, n, at, k);
	for (p = 0; !err && p < k; p++)
		most = to->list[at + p].n > most ? to->list[at + p].n : most;
	if (!err && most > n - n / 16) {
		for (p = 0; p < k; p++)
			vexfs_list_clear(to, to->list + at + p);
		to->lists = at;
		return copy(m, i, n);
	}
	for (p = 0; !err && p < k; p++) {
		vx_fpu_begin();
		vexfs_centre_rank(to, at + p, &m->sum[p], to->list[at + p].n);
		vx_fpu_end();
		err = vexfs_list_fit(to, to->list + at + p);
	}
	return err;
}

/* The centre of a group is the mean of its lists'. */
static void centre_group(struct vexfs_lists *l, __u32 g)
{
	__u32 padded = l->coder.rotation.padded, n = l->lists - l->first[g], i;
	float *sum = l->x, none[1];

	if (!n)
		return;
	memset(sum, 0, padded * sizeof(*sum));
	for (i = l->first[g]; i < l->lists; i++) {
		vx_fpu_begin();
		vexfs_centre_unpack(&l->centre, i, l->c, padded);
		vexfs_centre_add(sum, l->c, padded);
		vx_fpu_end();
	}
	vx_fpu_begin();
	vexfs_centre_mean(sum, none, sum, n, padded);
	vexfs_centre_pack(&l->top, g, sum, padded);
	vx_fpu_end();
	memset(&l->top_spread[g], 0, sizeof(*l->top_spread));
	for (i = l->first[g]; i < l->lists; i++) {
		vx_fpu_begin();
		vexfs_centre_unpack(&l->centre, i, l->c, padded);
		vexfs_centre_residual(sum, l->c, padded, &l->top_spread[g]);
		vx_fpu_end();
	}
	vx_fpu_begin();
	vexfs_root_mean(&l->top_spread[g], n);
	vx_fpu_end();
}

static int move_group(struct move *m, __u32 g)
{
	const struct vexfs_lists *from = m->from;
	struct vexfs_lists *to = m->to;
	bool moved = false;
	int err = 0;
	__u32 i;

	to->first[g] = to->lists;
	for (i = from->first[g]; !err && i < from->first[g + 1]; i++) {
		moved |= m->fate[i] == SPLIT || m->fate[i] == DISSOLVE;
		if (m->fate[i] == KEEP)
			vexfs_list_share(to, to->list + same_centre(to, from, i), from->list + i);
		else if (m->fate[i] == COPY)
			err = copy(m, i, from->list[i].whole);
		else if (m->fate[i] == SPLIT)
			err = split(m, i);
		err = err ?: may_go_on(m);
	}
	if (!err && moved)
		centre_group(to, g);
	return err;
}

/* Has it, of n rows, so many more than each list should have that it is to be split, if that helps? */
static bool too_long(const struct vexfs_list *list, __u32 n, __u64 each)
{
	return n > 2 * each && n / 2 > list->whole;
}

/*
 * Decide what becomes of lists, of which no more than an eighth of the rows is moved.  Returns how many
 * lists there will be, or 0: all stay as they are.  *all: nothing was put off.
 */
static __u32 decide(struct move *m, bool *all)
{
	const struct vexfs_lists *l = m->from;
	__u64 live = 0, moved = 0, most;
	__u32 i, lists = 0, left = l->lists;
	bool any = false;

	for (i = 0; i < l->lists; i++)
		live += m->live[i];
	m->each = (__u32)(live / vexfs_lists_wanted(live));
	m->each = m->each ?: 1;
	most = l->linked / 8 + MOST_PIECES * m->each;
	*all = true;
	for (i = 0; i < l->lists; i++) {
		const struct vexfs_list *list = l->list + i;
		__u32 n = m->live[i], dead = list->n - n;
		enum fate fate = KEEP;

		if ((!n || n < m->each / 8) && left > 1)
			fate = DISSOLVE;
		else if (too_long(list, n, m->each))
			fate = SPLIT;
		else if (dead > list->n / 4 || list->extents[VEXFS_ROWS] >= MANY_EXTENTS)
			fate = COPY;
		if (fate != KEEP && moved + n > most) {
			*all = false;
			fate = KEEP;
		}
		if (fate != KEEP) {
			moved += n;
			m->rewritten += list->n;
		}
		any |= fate != KEEP;
		left -= fate == DISSOLVE;
		m->fate[i] = fate;
		lists += fate == DISSOLVE ? 0 : fate == SPLIT ? pieces(m, i) : 1;
	}
	return any && lists <= VEXFS_MAX_LISTS ? lists : 0;
}

/* Rows of lists that are no more, into others. */
static int dissolve(struct move *m)
{
	__u32 i, n;
	int err = 0;

	for (i = 0; !err && i < m->from->lists; i++) {
		if (m->fate[i] != DISSOLVE || !m->live[i])
			continue;
		n = live_slots(m, i);
		err = place(m, n, 0, 0);
	}
	return err;
}

/* What no list could take, and is live. */
static int copy_strays(struct move *m)
{
	__u32 i;
	int err = 0;

	for (i = 0; !err && i < m->from->strays; i++)
		if (is_live(m, m->from->stray[i]))
			err = vexfs_lists_stray(m->to, m->from->stray[i]);
	return err;
}

static int move_all(struct move *m, __u32 lists)
{
	__u32 padded = m->from->coder.rotation.padded, most = 0, i, g;
	int err;

	for (i = 0; i < m->from->lists; i++)
		most = m->fate[i] != KEEP && m->live[i] > most ? m->live[i] : most;
	m->slot = vx_ealloc((most + 1) * sizeof(*m->slot));
	m->centre = vx_ealloc(MOST_PIECES * (padded + 1) * sizeof(*m->centre));
	m->to = like(m->from, lists, m->from->linked);
	if (!m->slot || !m->centre || !m->to)
		return -ENOMEM;
	m->sum = m->centre + MOST_PIECES * padded;
	err = copy_strays(m);
	for (g = 0; !err && g < m->from->groups; g++)
		err = move_group(m, g);
	m->to->first[m->from->groups] = m->to->lists;
	return err ?: dissolve(m);
}

/* What came and what died since lists were looked through, less what did both. */
static __u64 changed(const struct vexfs_lists *l, const struct vexfs_columns *c)
{
	__u64 came = vexfs_lists_linked(l) - READ_ONCE(l->seen_linked);
	__u64 were = READ_ONCE(l->seen_live) + came, live = vexfs_columns_live(c);

	return came + (were > live ? were - live : 0);
}

__u64 vexfs_lists_rewritten(const struct vexfs_lists *l)
{
	return l->rewritten;
}

bool vexfs_lists_uneven(const struct vexfs_lists *l, const struct vexfs_columns *c)
{
	__u64 linked = vexfs_lists_linked(l), n = changed(l, c);
	__u32 i;

	if (n > linked / CHANGED || n <= linked / CROWDED)
		return n > linked / CHANGED;
	/* rows that are unlike those before are in a few lists of others, far from all centres */
	for (i = 0; i < l->lists; i++)
		if (too_long(l->list + i, __atomic_load_n(&l->list[i].n, __ATOMIC_ACQUIRE),
			     linked / l->lists + 1))
			return true;
	return false;
}

static void seen(struct vexfs_lists *l, const struct vexfs_lists *from, const struct move *m)
{
	l->moved = from->moved + changed(from, m->columns);
	WRITE_ONCE(l->seen_linked, l->linked);
	WRITE_ONCE(l->seen_live, vexfs_columns_live(m->columns));
}

struct vexfs_lists *vexfs_lists_balance(struct vexfs_lists *l, struct vexfs_columns *c,
					struct vx_rows *rows, int *err, bool (*stop)(void *arg),
					void *arg)
{
	struct move m = { .from = l, .columns = c, .rows = rows, .stop = stop, .arg = arg };
	__u32 lists = 0;
	bool all = true;

	m.live = vx_ealloc(l->lists * (sizeof(*m.live) + sizeof(*m.fate)));
	m.fate = (__u8 *)(m.live + l->lists);
	*err = m.live ? count_live(&m) : -ENOMEM;
	if (!*err)
		lists = decide(&m, &all);
	if (lists)
		*err = move_all(&m, lists);
	if (!*err && m.to) {
		m.to->linked = l->linked;
		m.to->tuned = l->tuned;
		m.to->rewritten += m.rewritten;
		if (all)
			seen(m.to, l, &m);
		/* how far to look is known of rows of which some are gone, or of a part of them */
		if (all && m.to->tuned && m.to->moved > l->measured / 8)
			*err = vexfs_lists_tune(m.to, c, rows, stop, arg);
	} else if (!*err) {
		seen(l, l, &m);
	}
	if (*err) {
		vexfs_lists_free(m.to);
		m.to = NULL;
	}
	vx_efree(m.live);
	vx_efree(m.slot);
	vx_efree(m.centre);
	return m.to;
}

/* --- slots that get other numbers --- */

/* Bits of slots that go along, and how many there are before each word. */
struct renumber {
	const __u64 *kept;
	__u64 slots, linked;		/* what comes from there on is not in lists */
	__u32 *before;
};

/* The new number of a slot; VEXFS_NO_SLOT: it does not go along. */
static __u64 number_of(const struct renumber *r, __u64 slot)
{
	__u64 bit = 1ULL << slot % 64;

	if (slot >= r->slots || slot >= r->linked || !(r->kept[slot / 64] & bit))
		return VEXFS_NO_SLOT;
	return r->before[slot / 64] + vx_popcount(r->kept[slot / 64] & (bit - 1));
}

static bool goes_along(const struct renumber *r, const struct vexfs_columns *c, __u64 slot,
		       __u64 *now)
{
	*now = number_of(r, slot);
	return *now != VEXFS_NO_SLOT && !vexfs_columns_dead(c, *now);
}

static int carry_list(struct move *m, const struct renumber *r, const struct vexfs_columns *c,
		      __u32 i)
{
	struct vexfs_list *to = m->to->list + same_centre(m->to, m->from, i);
	const struct vexfs_list *list = m->from->list + i;
	__u32 n = __atomic_load_n(&list->n, __ATOMIC_ACQUIRE), row, live = 0;
	__u64 slot;
	int err;

	for (row = 0; row < n; row++)
		live += goes_along(r, c, vexfs_list_slot(m->from, list, row), &slot);
	err = vexfs_list_reserve(m->to, to, live);
	to->whole = list->whole;
	for (row = 0; !err && row < n; row++)
		if (goes_along(r, c, vexfs_list_slot(m->from, list, row), &slot))
			err = vexfs_list_copy(m->to, to, list, row, slot);
	return err;
}

static __u64 part_of(__u64 n, __u64 part, __u64 whole)
{
	return n >> 32 || !whole ? n : n * part / whole;	/* no slot needs more than 32 bits */
}

static __u64 rows_of(const struct vexfs_lists *l)
{
	__u64 n = 0;
	__u32 i;

	for (i = 0; i < l->lists; i++)
		n += __atomic_load_n(&l->list[i].n, __ATOMIC_ACQUIRE);
	return n;
}

/* As much less is to be looked at as there are less rows; and more, as vexfs_lists_enough() has it. */
static void measure_again(struct vexfs_lists *l, const struct vexfs_lists *from, __u64 linked)
{
	__u64 now = rows_of(l), were = rows_of(from), more = linked > l->measured ? linked : l->measured;
	__u32 i;

	for (i = 0; i < VEXFS_GRADES; i++) {
		l->near[i] = part_of(part_of(l->near[i], more, l->measured), now, were);
		l->far[i] = part_of(part_of(l->far[i], more, l->measured), now, were);
	}
	l->measured = l->linked;
}

struct vexfs_lists *vexfs_lists_carry(const struct vexfs_lists *from, const __u64 *kept,
				      __u64 slots, const struct vexfs_columns *c, int *err)
{
	__u64 linked = vexfs_lists_linked(from), slot, words = slots / 64 + 1, i, now;
	struct renumber r = { kept, slots, linked, vx_ealloc(words * sizeof(*r.before)) };
	__u32 g, at, strays = __atomic_load_n(&from->strays, __ATOMIC_ACQUIRE);
	struct move m = { .from = from };

	*err = r.before ? 0 : -ENOMEM;
	if (*err)
		return NULL;
	for (i = 1; i < words; i++)
		r.before[i] = r.before[i - 1] + vx_popcount(kept[i - 1]);
	/* those before it that were not linked do not count either */
	linked = linked < slots ? linked : slots;
	now = r.before[linked / 64];
	if (linked % 64)
		now += vx_popcount(kept[linked / 64] & ((1ULL << linked % 64) - 1));
	m.to = like(from, from->lists, now);
	*err = m.to ? 0 : -ENOMEM;
	for (i = 0; !*err && i < strays; i++)
		if (goes_along(&r, c, from->stray[i], &slot))
			*err = vexfs_lists_stray(m.to, slot);
	for (g = 0; !*err && g < from->groups; g++) {
		m.to->first[g] = m.to->lists;
		for (at = from->first[g]; !*err && at < from->first[g + 1]; at++) {
			*err = carry_list(&m, &r, c, at);
			*err = *err ?: may_go_on(&m);
		}
	}
	if (*err) {
		vexfs_lists_free(m.to);
		m.to = NULL;
	} else {
		m.to->first[from->groups] = m.to->lists;
		m.to->linked = now;
		measure_again(m.to, from, r.linked);
		m.to->tuned = from->tuned;
		m.to->seen_linked = m.to->linked;
		m.to->seen_live = vexfs_columns_live(c);
		m.to->moved += changed(from, c);
	}
	vx_efree(r.before);
	return m.to;
}
