// SPDX-License-Identifier: GPL-2.0
/* How people write metrics, element types and vectors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <vexfs/vexfs.h>
#include "box.h"
#include "libvexfs/import.h"

static void test_metrics(void **state)
{
	static const struct {
		const char *name;
		int metric;
	} cases[] = {
		{ "l2", VEXFS_METRIC_L2 }, { "L2", VEXFS_METRIC_L2 },
		{ "euclidean", VEXFS_METRIC_L2 }, { "Euclidean", VEXFS_METRIC_L2 },
		{ "l2sq", VEXFS_METRIC_L2 }, { "squared_l2", VEXFS_METRIC_L2 },
		{ "L2-Squared", VEXFS_METRIC_L2 }, { "sqeuclidean", VEXFS_METRIC_L2 },
		{ "cosine", VEXFS_METRIC_COSINE }, { "COSINE", VEXFS_METRIC_COSINE },
		{ "cos", VEXFS_METRIC_COSINE }, { "angular", VEXFS_METRIC_COSINE },
		{ "dot", VEXFS_METRIC_DOT }, { "ip", VEXFS_METRIC_DOT }, { "IP", VEXFS_METRIC_DOT },
		{ "inner_product", VEXFS_METRIC_DOT }, { "inner product", VEXFS_METRIC_DOT },
		{ "InnerProduct", VEXFS_METRIC_DOT }, { "dot_product", VEXFS_METRIC_DOT },
		{ "dotproduct", VEXFS_METRIC_DOT }, { "hamming", VEXFS_METRIC_HAMMING },
		{ "", -EINVAL }, { "l3", -EINVAL }, { "l", -EINVAL }, { "manhattan", -EINVAL },
		{ "l22", -EINVAL }, { "\xc4\xb0p", -EINVAL },
		{ "inner_product_inner_product", -EINVAL },
		{ "________________________________l2", VEXFS_METRIC_L2 },
	};
	__u32 i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (vexfs_metric_by_name(cases[i].name) != cases[i].metric)
			fail_msg("%s: %d", cases[i].name, vexfs_metric_by_name(cases[i].name));
	for (i = 0; vexfs_metric_name(i) || i == 0; i++)	/* its own names above all */
		if (vexfs_metric_name(i))
			assert_int_equal(vexfs_metric_by_name(vexfs_metric_name(i)), i);
}

static void test_elements(void **state)
{
	static const char *const f32[] = { "f32", "F32", "float32", "Float32", "fp32", "float",
					   "single" };
	__u32 i;

	(void)state;
	for (i = 0; i < sizeof(f32) / sizeof(f32[0]); i++)
		assert_int_equal(vexfs_element_by_name(f32[i]), VEXFS_ELEM_F32);
	assert_int_equal(vexfs_element_by_name("float16"), VEXFS_ELEM_F16);
	assert_int_equal(vexfs_element_by_name("int8"), VEXFS_ELEM_I8);
	assert_int_equal(vexfs_element_by_name("f64"), -EINVAL);
	assert_int_equal(vexfs_element_by_name(""), -EINVAL);
	for (i = 0; vexfs_element_name(i) || i == 0; i++)
		if (vexfs_element_name(i))
			assert_int_equal(vexfs_element_by_name(vexfs_element_name(i)), i);
}

static void test_vectors(void **state)
{
	static const struct {
		const char *text;
		int n;			/* numbers, 1 2 3 ...; or */
		__u32 bad;
	} cases[] = {
		{ "1 2 3", 3, 0 }, { "1,2,3", 3, 0 }, { "[1, 2, 3]", 3, 0 },
		{ " [ 1\t2 , 3 ] \n", 3, 0 }, { "[1,2,3],", 3, 0 }, { "[1e0 +2 3.0]", 3, 0 },
		{ "", 0, 0 }, { "[]", 0, 0 }, { "[ ]", 0, 0 }, { "[1, 2, 3", -EINVAL, 3 },
		{ "1, 2, 3]", -EINVAL, 2 }, { "[[1, 2, 3]]", -EINVAL, 0 },
		{ "[1, 2], 3", -EINVAL, 2 }, { "[1, 2] [3]", -EINVAL, 2 }, { "[", -EINVAL, 0 },
		{ "]", -EINVAL, 0 }, { "[1 nan]", -EINVAL, 1 }, { "[1 2x]", -EINVAL, 1 },
		{ "(1 2)", -EINVAL, 0 },
	};
	__u32 i, k, bad;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* so that AddressSanitizer sees a step too far */
		char *copy = strdup(cases[i].text);
		float v[4];
		int n = vexfs_parse_vector(copy, v, 4, &bad);

		if (n != cases[i].n || (n < 0 && bad != cases[i].bad))
			fail_msg("`%s`: %d, %u", copy, n, bad);
		for (k = 0; n > 0 && k < (__u32)n; k++)
			assert_true(v[k] == k + 1.0f);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
