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
			if (i && !chance(4)) {		/* the id of another one: taken, or free again */
				__u64 other = chance(i);

				if (!vexfs_columns_find(c, model[other].id, &slot))
					assert_int_equal(vexfs_columns_put(c, i, model[other].id, NULL), -EEXIST);
				else
					model[i].id = model[other].id;
			}
			model[i].attr[0] = -(__s64)i;
			model[i].attr[1] = INT64_MIN + i;
			assert_int_equal(vexfs_columns_put(c, i, model[i].id, model[i].attr), 0);
			if (!chance(10)) {		/* take it back, and put another one */
				vexfs_columns_unput(c, i);
				assert_int_equal(vexfs_columns_find(c, model[i].id, &slot), -ENOENT);
				model[i].id = i | 1ULL << 63;
				assert_int_equal(vexfs_columns_put(c, i, model[i].id, model[i].attr), 0);
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
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_no_memory),
	};

	chance_seed(3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
