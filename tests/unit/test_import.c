// SPDX-License-Identifier: GPL-2.0
/* Vector files that come from outside: whole ones, and every way in which they can be wrong. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "box.h"
#include "libvexfs/import.h"

/*
 * Read everything; how many records, or the error.  The last record's first number and label are
 * kept.
 */
static float first;
static char label[300], error[256];
static __u64 at;

static int import(const void *data, size_t len, enum vexfs_file_format format, __u32 dims,
		  bool nonzero)
{
	FILE *f = len ? fmemopen((void *)data, len, "r") : fopen("/dev/null", "r");
	struct vexfs_import im;
	int n = 0, r;

	assert_non_null(f);
	error[0] = 0;
	r = vexfs_import_open(&im, f, format, dims, nonzero);
	if (!r) {
		while ((r = vexfs_import_next(&im)) > 0) {
			n++;
			first = im.row[0];
			snprintf(label, sizeof(label), "%s", im.label ? im.label : "");
			assert_int_equal(im.record, n);
			for (__u32 i = 0; i < dims; i++)
				assert_true(isfinite(im.row[i]));
		}
		at = format == VEXFS_FILE_TEXT ? im.line : im.record;
		snprintf(error, sizeof(error), "%s", im.error);
		if (r < 0) {
			assert_true(error[0] && !strchr(error, '\n'));
			n = r;
		}
	} else {
		snprintf(error, sizeof(error), "%s", im.error);
		n = r;
	}
	vexfs_import_close(&im);
	fclose(f);
	return n;
}

static int text(const char *s, __u32 dims)
{
	return import(s, strlen(s), VEXFS_FILE_TEXT, dims, false);
}

static void test_fvecs(void **state)
{
	struct { __le32 dims; float v[3]; } r[2] = { { 3, { 1, 2, 3 } }, { 3, { 4, 5, 6 } } };
	static const __u32 wrong[] = { 0, 1, 2, 4, 4096, 4097, 0x7fffffff, 0x80000000, 0xffffffff };
	size_t i;

	(void)state;
	assert_int_equal(import(r, sizeof(r), VEXFS_FILE_FVECS, 3, false), 2);
	assert_true(first == 4);
	assert_int_equal(import(r, sizeof(r), VEXFS_FILE_GUESS, 3, false), 2);
	for (i = 1; i < sizeof(r); i++)
		assert_int_equal(import(r, i, VEXFS_FILE_FVECS, 3, false), i == 16 ? 1 : -EBADMSG);
	assert_int_equal(import(r, 0, VEXFS_FILE_FVECS, 3, false), 0);
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		r[1].dims = wrong[i];
		if (import(r, sizeof(r), VEXFS_FILE_FVECS, 3, false) >= 0)
			fail_msg("%u dims are taken", wrong[i]);
		assert_non_null(strstr(error, "1"));		/* the record */
	}
	r[1].dims = 3;
	r[1].v[2] = NAN;
	assert_int_equal(import(r, sizeof(r), VEXFS_FILE_FVECS, 3, false), -EINVAL);
	r[1].v[2] = -INFINITY;
	assert_int_equal(import(r, sizeof(r), VEXFS_FILE_FVECS, 3, false), -EINVAL);
	memset(r[1].v, 0, sizeof(r[1].v));
	assert_int_equal(import(r, sizeof(r), VEXFS_FILE_FVECS, 3, false), 2);
	assert_int_equal(import(r, sizeof(r), VEXFS_FILE_FVECS, 3, true), -EDOM);
	assert_int_equal(import(r, sizeof(r), VEXFS_FILE_FVECS, 2, false), -EMSGSIZE);
	assert_int_equal(import(r, sizeof(r), VEXFS_FILE_FVECS, 0, false), -EINVAL);
	assert_int_equal(import(r, sizeof(r), VEXFS_FILE_FVECS, VEXFS_MAX_DIMS + 1, false),
			 -EINVAL);
}

static void test_text(void **state)
{
	char *line;

	(void)state;
	assert_int_equal(text("a 1 2\nb 3 -4.5e3\n", 2), 2);
	assert_string_equal(label, "b");
	assert_int_equal(text("a 1 2\nb 3 4", 2), 2);			/* no newline at the end */
	assert_int_equal(text("a\t1  2 \r\nb 3 4\r\n", 2), 2);
	assert_int_equal(text("2 2\na 1 2\nb 3 4\n", 2), 2);		/* word2vec's first line */
	assert_int_equal(text("na\xc3\xafve 1 2\n", 2), 1);
	assert_string_equal(label, "na\xc3\xafve");
	assert_int_equal(text("7 1 2\n", 2), 1);			/* a word may be a number */
	assert_int_equal(text("", 2), 0);
	assert_int_equal(text("a 1e-45 0x10\n", 2), 1);

	/* blank lines and a byte order mark are skipped */
	assert_int_equal(text("\n \t\r\na 1 2\n\n\v\f\nb 3 4\n\n", 2), 2);
	assert_int_equal(text("\xef\xbb\xbf" "a 1 2\n", 2), 1);
	assert_string_equal(label, "a");
	assert_int_equal(text("\xef\xbb\xbf\n2 2\na 1 2\nb 3 4\n", 2), 2);
	assert_int_equal(text(" \n\n", 2), 0);
	/* words with spaces, as GloVe has them */
	assert_int_equal(text(". . . 4 5 6\n", 3), 1);
	assert_string_equal(label, ". . .");
	assert_true(first == 4);
	assert_int_equal(text("at name@domain.com 1 2 \t\n", 2), 1);
	assert_string_equal(label, "at name@domain.com");
	assert_int_equal(text("2 fast\t1 2\n", 2), 1);
	assert_string_equal(label, "2 fast");
	/* more numbers than dimensions are no word */
	assert_int_equal(text("a 1 2 3\n", 2), -EMSGSIZE);
	assert_non_null(strstr(error, "line 1 has 3 numbers after the word, the collection has 2"));
	assert_null(strstr(error, "looks like"));
	assert_int_equal(text("a b 1 2 3\n", 2), -EMSGSIZE);
	/* other formats by the name of text */
	assert_int_equal(text("{\"vector\": [1, 2]}\n", 2), -EINVAL);
	assert_non_null(strstr(error, "; it looks like JSON: say --format jsonl or json"));
	assert_int_equal(text("{\"vector\": [1, 2]}\n", 3), -EMSGSIZE);
	assert_non_null(strstr(error,
			       "line 1 has 0 numbers after the word, the collection has 3 dimensions; it looks like JSON"));
	assert_int_equal(text("[1, 2]\n", 2), -EMSGSIZE);
	assert_non_null(strstr(error, "looks like JSON"));
	assert_int_equal(text("a,1,2\n", 2), -EMSGSIZE);
	assert_non_null(strstr(error, "; it looks like CSV, which no --format reads"));
	assert_int_equal(text("a, 1, 2\n", 2), -EINVAL);
	assert_non_null(strstr(error, "looks like CSV"));
	assert_int_equal(text("[ 1 2\n{ 3 4\n1,000 5 6\n", 2), 3);	/* words */
	assert_int_equal(text("a 1 2\n1 2\n", 2), -EMSGSIZE);
	/* word2vec's first line, with one dimension, too: if so many records follow */
	assert_int_equal(text("2 1\na 5\nb 6\n", 1), 2);
	assert_true(first == 6);
	assert_int_equal(text("2\t1 \n\na 5\n\nb 6\n", 1), 2);
	assert_int_equal(text("3 1\na 5\nb 6\n", 1), 3);
	assert_int_equal(text("1 1\na 5\nb 6\n", 1), 3);
	assert_int_equal(text("1 2\na 5\n", 1), 2);
	assert_int_equal(text("0 1\n", 1), 0);
	assert_int_equal(text("400 300\na 1 2\n", 2), -EMSGSIZE);
	assert_non_null(strstr(error,
			       "claims 400 records of 300 dimensions, the collection has 2"));

	assert_int_equal(text("a 1 2\nb 3\n", 2), -EMSGSIZE);
	assert_int_equal(at, 2);
	assert_non_null(strstr(error, "2"));
	assert_int_equal(text("a 1 2 3\n", 2), -EMSGSIZE);
	assert_int_equal(text("a 1 x\n", 2), -EINVAL);
	assert_int_equal(text("a 1 2x\n", 2), -EINVAL);
	assert_int_equal(text("a 1 nan\n", 2), -EINVAL);
	assert_int_equal(text("a 1 inf\n", 2), -EINVAL);
	assert_int_equal(text("a 1 1e39\n", 2), -EINVAL);		/* no f32 */
	assert_int_equal(text("a 1 1e999\n", 2), -EINVAL);
	assert_true(text("a\n", 2) < 0);
	assert_int_equal(text(" a 1 2\n", 2), -EINVAL);
	assert_non_null(strstr(error, "the word is missing"));
	assert_int_equal(import("a 0 0\n", 6, VEXFS_FILE_TEXT, 2, true), -EDOM);
	assert_int_equal(import("a 1\0 2\n", 7, VEXFS_FILE_TEXT, 2, false) < 0, 1);

	line = malloc(VEXFS_IMPORT_LINE + 100);
	memset(line, 'w', VEXFS_IMPORT_LINE + 99);
	line[VEXFS_IMPORT_LINE + 99] = 0;
	assert_int_equal(text(line, 2), -EBADMSG);
	free(line);
}

static void test_guess(void **state)
{
	(void)state;
	assert_int_equal(import("a 1 2\n", 6, VEXFS_FILE_GUESS, 2, false), 1);
	assert_int_equal(import("\x7f" "ELF\x02\x01\x01", 7, VEXFS_FILE_GUESS, 2, false), -ENOEXEC);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = { "", " ", "x", "1x", "1.5", "--1", "0x", "1 2" };
	__s64 s;
	__u64 u;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(vexfs_parse_u64(bad[i], &u), -EINVAL);
		assert_int_equal(vexfs_parse_s64(bad[i], &s), -EINVAL);
	}
	assert_int_equal(vexfs_parse_u64("-1", &u), -EINVAL);
	assert_int_equal(vexfs_parse_u64("18446744073709551615", &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(vexfs_parse_u64("18446744073709551616", &u), -ERANGE);
	assert_int_equal(vexfs_parse_u64("0xff", &u), 0);
	assert_int_equal(u, 255);
	assert_int_equal(vexfs_parse_s64("-9223372036854775808", &s), 0);
	assert_true(s == INT64_MIN);
	assert_int_equal(vexfs_parse_s64("9223372036854775808", &s), -ERANGE);
}

static void test_attr_lines(void **state)
{
	char text[] = "\xef\xbb\xbf" "1 -2\n\n \t\n3\t4\r\n5\n", said[128];
	FILE *f = fmemopen(text, sizeof(text) - 1, "r");
	__s64 n[2];
	__u64 lines = 0;

	(void)state;
	assert_int_equal(vexfs_import_numbers(f, n, 2, &lines, said, sizeof(said)), 1);
	assert_true(n[0] == 1 && n[1] == -2);
	assert_int_equal(vexfs_import_numbers(f, n, 2, &lines, said, sizeof(said)), 1);
	assert_true(n[0] == 3 && n[1] == 4);
	assert_int_equal(vexfs_import_numbers(f, n, 2, &lines, said, sizeof(said)), -EBADMSG);
	assert_non_null(strstr(said, "line 5 has 1 number, the collection has 2 attributes"));
	fclose(f);
}

/* Whatever the bytes, the answer is records or an error. */
static void test_noise(void **state)
{
	static const char some[] = "0123456789eE+-. \t\r\nnaifx\0\xff";
	unsigned char data[400];
	unsigned int round, i, n;

	(void)state;
	chance_seed(21);
	for (round = 0; round < 20000; round++) {
		n = chance(sizeof(data));
		for (i = 0; i < n; i++)
			data[i] = round % 2 ? (unsigned char)some[chance(sizeof(some) - 1)] :
					      chance(256);
		if (n >= 4 && round % 4 == 0)
			memcpy(data, "\2\0\0\0", 4);
		import(data, n, round % VEXFS_FILE_FORMATS, 2, round % 5 == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fvecs),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_guess),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_attr_lines),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
