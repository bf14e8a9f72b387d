// SPDX-License-Identifier: GPL-2.0
/* Columns: ids, attributes and dead bits by slot, against plain arrays. */
#include <stdlib.h>
#include "box.h"
#include "engine/internal.h"

#define N 20000
#define ATTRS 2

static struct {
	__u64 id;
	__s64 attr[ATTRS];
	bool dead;
} model[N];

static void compare(struct vexfs_columns *c, __u64 count)
{
	__u64 i, live = 0, slot;
	__u32 k;

	for (i = 0; i < count; i++) {
		live += !model[i].dead;
		assert_int_equal(vexfs_columns_id(c, i), model[i].id);
		assert_int_equal(vexfs_columns_dead(c, i), model[i].dead);
		for (k = 0; k < ATTRS; k++)
			assert_int_equal(vexfs_columns_attr(c, i, k), model[i].attr[k]);
		if (model[i].dead) {
			if (!vexfs_columns_find(c, model[i].id, &slot))
				assert_true(slot > i);		/* the id was given again */
		} else {
			assert_int_equal(vexfs_columns_find(c, model[i].id, &slot), 0);
			assert_int_equal(slot, i);
		}
	}
	assert_int_equal(vexfs_columns_live(c), live);
	assert_int_equal(vexfs_columns_count(c), count);
	for (i = 0; i < 1000; i++) {
		__u64 from = chance(count + 70), mask, want = 0;
		__u32 n = 1 + chance(64);

		if (i % 2)
			from &= ~63ULL;
		for (k = 0; k < n; k++)
			if (from + k < count && !model[from + k].dead)
				want |= 1ULL << k;
		mask = vexfs_columns_live_mask(c, from, n, count);
		assert_true(mask == want);
	}
}

static void test_model(void **state)
{
	struct vexfs_columns *c = vexfs_columns_new(ATTRS);
	__u64 i, slot, bytes = 0, n;

	(void)state;
	assert_non_null(c);
	assert_int_equal(vexfs_columns_find(c, 1, &slot), -ENOENT);
	assert_int_equal(vexfs_columns_put(c, 0, 1, NULL), -EINVAL);	/* not reserved */
	for (i = 0; i < N;) {
		n = 1 + chance(300);
		n = n < N - i ? n : N - i;
		assert_int_equal(vexfs_columns_reserve(c, i + n), 0);
		assert_true(vexfs_columns_bytes(c) >= bytes);
		bytes = vexfs_columns_bytes(c);
		while (n--) {
			model[i].id = chance(3) ? i * 0x9e3779b97f4a7c15ULL : i;
			/* the id of another one: taken, or free again */
			if (i && !chance(4)) {
				__u64 other = chance(i);

				if (!vexfs_columns_find(c, model[other].id, &slot))
					assert_int_equal(vexfs_columns_put(c, i, model[other].id,
									   NULL),
							 -EEXIST);
				else
					model[i].id = model[other].id;
			}
			model[i].attr[0] = -(__s64)i;
			model[i].attr[1] = INT64_MIN + i;
			assert_int_equal(vexfs_columns_put(c, i, model[i].id, model[i].attr), 0);
			if (!chance(10)) {		/* take it back, and put another one */
				vexfs_columns_unput(c, i, VEXFS_NO_SLOT);
				assert_int_equal(vexfs_columns_find(c, model[i].id, &slot),
						 -ENOENT);
				model[i].id = i | 1ULL << 63;
				assert_int_equal(
					vexfs_columns_put(c, i, model[i].id, model[i].attr), 0);
			}
			i++;
		}
		vexfs_columns_publish(c, i);
		for (n = chance(200); n; n--) {
			slot = chance(i);
			if (!model[slot].dead) {
				vexfs_columns_kill(c, slot);
				model[slot].dead = true;
			}
		}
	}
	compare(c, N);
	assert_true(bytes > N * (8 + 8 * ATTRS));
	vexfs_columns_free(c);
}

/* A word may have several slots; each is found once, whatever came and went before. */
static void test_map(void **state)
{
	enum { WORDS = 7, SLOTS = 4000 };
	struct vexfs_map64 m = { 0 };
	__u64 at, slot, word[SLOTS];
	bool in[SLOTS] = { 0 }, seen[SLOTS];
	unsigned int round, i, w, n;

	(void)state;
	assert_false(vexfs_map_next(&m, 1, (at = 0, &at), &slot));
	for (round = 0; round < 30000; round++) {
		i = chance(SLOTS);
		if (!in[i]) {
			word[i] = chance(2) ? chance(WORDS) : i * 0x9e3779b97f4a7c15ULL;
			assert_int_equal(vexfs_map_reserve(&m, 1), 0);
			vexfs_map_put(&m, word[i], i);
		} else {
			vexfs_map_del(&m, word[i], i);
			vexfs_map_del(&m, word[i], i);		/* nothing */
		}
		in[i] = !in[i];
	}
	memset(seen, 0, sizeof(seen));
	for (w = 0, n = 0; w < WORDS; w++)
		for (at = 0; vexfs_map_next(&m, w, &at, &slot); n++) {
			assert_true(slot < SLOTS && in[slot] && !seen[slot] && word[slot] == w);
			seen[slot] = true;
		}
	for (i = 0; i < SLOTS; i++)
		if (in[i] && word[i] >= WORDS) {
			at = 0;
			assert_true(vexfs_map_next(&m, word[i], &at, &slot) && slot == i);
			assert_false(vexfs_map_next(&m, word[i], &at, &slot));
			n++;
			seen[i] = true;
		}
	for (i = 0; i < SLOTS; i++)
		assert_int_equal(in[i], seen[i]);
	assert_int_equal(m.live, n);
	vexfs_map_free(&m);
}

/* Whoever took a snapshot, at whatever time, sees exactly one version of each id. */
static void test_upsert(void **state)
{
	enum { IDS = 50, SLOTS = 3000 };
	struct vexfs_columns *c = vexfs_columns_new(0);
	__u64 id[SLOTS], old[IDS], slot, taken[SLOTS], count = 0, k;
	unsigned int i, n, snapshots = 0, s;

	(void)state;
	assert_int_equal(vexfs_columns_reserve(c, SLOTS), 0);
	for (i = 0; i < IDS; i++)
		assert_int_equal(vexfs_columns_put(c, count++, id[i] = i, NULL), 0);
	vexfs_columns_publish(c, count);
	taken[snapshots++] = count;
	while (count + IDS < SLOTS) {
		n = 1 + chance(IDS);
		for (i = 0; i < n; i++) {
			id[count + i] = chance(IDS);
			assert_int_equal(vexfs_columns_replace(c, count + i, id[count + i], NULL,
							       &old[i]),
					 0);
			/* perhaps one of this batch */
			assert_true(old[i] < count + i && id[old[i]] == id[count + i]);
		}
		if (!chance(4)) {		/* it fails */
			while (i--) {
				vexfs_columns_unput(c, count + i, old[i]);
				assert_int_equal(vexfs_columns_find(c, id[count + i], &slot), 0);
				assert_int_equal(slot, old[i]);
			}
		} else {
			while (i--)
				vexfs_columns_supersede(c, old[i], count + n);
			count += n;
			vexfs_columns_publish(c, count);
			taken[snapshots++] = count;
		}
		assert_int_equal(vexfs_columns_live(c), IDS);
		s = chance(snapshots);
		memset(old, 0, sizeof(old));		/* versions seen */
		for (slot = 0, k = 0; slot < taken[s]; slot++) {
			bool visible = vexfs_columns_visible(c, slot, taken[s]);

			if (slot % 64 == 0)
				k = vexfs_columns_live_mask(c, slot, 64, taken[s]);
			assert_int_equal(visible, k >> slot % 64 & 1);
			old[id[slot]] += visible;
		}
		for (i = 0; i < IDS; i++)
			assert_int_equal(old[i], 1);
	}
	assert_int_equal(vexfs_columns_find(c, 7, &slot), 0);
	vexfs_columns_kill(c, slot);			/* a deletion is seen at once */
	for (s = 0; s < snapshots; s++)
		assert_false(vexfs_columns_visible(c, slot, taken[s]));
	vexfs_columns_free(c);
}

/*
 * Slots of a file can be counted, and visited from the last one on, whatever died or was taken
 * back.
 */
static void test_files(void **state)
{
	enum { FILES = 9, SLOTS = 5000 };
	struct vexfs_columns *c = vexfs_columns_new(0);
	struct vexfs_file file[FILES] = { 0 };
	__u64 records[FILES] = { 0 }, i, k, slot;
	bool seen[SLOTS] = { 0 };
	int of[SLOTS], f;

	(void)state;
	assert_int_equal(vexfs_columns_reserve(c, SLOTS), 0);
	for (i = 0; i < SLOTS; i++) {
		assert_int_equal(vexfs_columns_put(c, i, i, NULL), 0);
		/* the second chunk has none that are bound */
		of[i] = i / 1024 == 1 || chance(3) ? -1 : (int)chance(FILES);
		if (of[i] >= 0)
			assert_int_equal(vexfs_columns_bind(c, i, &file[of[i]]), 0);
		if (!chance(10)) {		/* taken back */
			vexfs_columns_unput(c, i, VEXFS_NO_SLOT);
			assert_int_equal(vexfs_columns_put(c, i, i, NULL), 0);
			assert_null(vexfs_columns_file(c, i));
			of[i] = -1;
		}
		if (of[i] >= 0)
			records[of[i]]++;
		vexfs_columns_publish(c, i + 1);
		slot = chance(2) ? chance(i + 1) : i;	/* often the last one */
		if (!vexfs_columns_dead(c, slot) && !chance(2)) {
			vexfs_columns_kill(c, slot);
			if (of[slot] >= 0)
				records[of[slot]]--;
		}
		for (f = 0; f < FILES; f++)
			assert_int_equal(file[f].records, records[f]);
	}
	for (f = 0; f < FILES; f++)
		for (k = file[f].records, slot = file[f].last; k;
		     slot = vexfs_columns_bound_before(c, slot)) {
			assert_true(slot < SLOTS && of[slot] == f && !seen[slot]);
			seen[slot] = true;
			k -= !vexfs_columns_dead(c, slot);
		}
	for (i = 0; i < SLOTS; i++) {
		assert_true(vexfs_columns_file(c, i) == (of[i] < 0 ? NULL : &file[of[i]]));
		assert_true(seen[i] || of[i] < 0 || vexfs_columns_dead(c, i));
	}
	/* what has heirs is counted as before, and is the last one's */
	file[2].heir = &file[1];
	file[1].heir = &file[0];
	for (i = 0; i < SLOTS; i++) {
		if (of[i] < 0)
			continue;
		assert_ptr_equal(vexfs_columns_file(c, i), of[i] < 3 ? &file[0] : &file[of[i]]);
		if (!vexfs_columns_dead(c, i)) {
			vexfs_columns_kill(c, i);
			assert_int_equal(file[of[i]].records, --records[of[i]]);
		}
	}
	assert_true(vexfs_columns_unbound(c, 1024, 64, SLOTS) &&
		    vexfs_columns_unbound(c, SLOTS, 64, SLOTS));
	assert_true(vexfs_columns_unbound(c, 2040, 64, 2048));
	assert_false(vexfs_columns_unbound(c, 2040, 64, SLOTS) ||
		     vexfs_columns_unbound(c, 1000, 64, SLOTS));
	vexfs_columns_free(c);
}

static void test_limits(void **state)
{
	struct vexfs_columns *c = vexfs_columns_new(0);

	(void)state;
	assert_int_equal(vexfs_columns_reserve(c, VEXFS_MAX_SLOTS + 1), -EFBIG);
	assert_int_equal(vexfs_columns_reserve(c, ~0ULL), -EFBIG);
	assert_int_equal(vexfs_columns_reserve(c, 0), 0);
	vexfs_columns_free(c);
	vexfs_columns_free(NULL);
}

/* Whatever allocation fails, nothing has changed, and it works afterwards. */
static void test_no_memory(void **state)
{
	long fail;
	__u64 i, slot;

	(void)state;
	for (fail = 0; fail < 8; fail++) {
		struct vexfs_columns *c;
		int err = 0;

		vx_ealloc_left = fail;
		c = vexfs_columns_new(1);
		if (c) {
			err = vexfs_columns_reserve(c, 9000);
			vx_ealloc_left = -1;
			assert_int_equal(vexfs_columns_count(c), 0);
			assert_int_equal(vexfs_columns_find(c, 5, &slot), -ENOENT);
			assert_int_equal(vexfs_columns_reserve(c, 9000), 0);
			for (i = 0; i < 9000; i++)
				assert_int_equal(vexfs_columns_put(c, i, i, NULL), 0);
			assert_int_equal(vexfs_columns_find(c, 8999, &slot), 0);
		}
		vx_ealloc_left = -1;
		assert_true(!c || !err || err == -ENOMEM);
		assert_true(fail || !c);
		vexfs_columns_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_upsert),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_no_memory),
	};

	chance_seed(3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
