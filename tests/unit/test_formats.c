// SPDX-License-Identifier: GPL-2.0
/*
 * The formats of files with records: bvecs, ivecs, npy and jsonl as others write them, every way in
 * which they can be wrong, and that what is exported is imported again bit by bit.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "box.h"
#include "libvexfs/export.h"

/* The last record that was read, and what was said. */
static float row[8];
static struct vexfs_file_record last;
static char error[256], key[300], word[300], file[300];

/* Read all of it; how many records, or the error. */
static int import(const void *data, size_t len, enum vexfs_file_format format, __u32 dims)
{
	FILE *f = len ? fmemopen((void *)data, len, "r") : fopen("/dev/null", "r");
	struct vexfs_import im;
	int n = 0, r, again = 0;

	assert_non_null(f);
	memset(&last, 0, sizeof(last));
	r = vexfs_import_open(&im, f, format, dims, false);
	while (!r && (r = vexfs_import_next(&im)) > 0) {
		r = 0;
		n++;
		last = im.r;
		memcpy(row, im.r.row, dims * sizeof(*row));
		snprintf(key, sizeof(key), "%s", im.r.key ? im.r.key : "");
		snprintf(file, sizeof(file), "%s", im.r.file ? im.r.file : "");
		snprintf(word, sizeof(word), "%s", im.r.attrs && im.r.attr[im.r.attrs - 1].word ?
			 im.r.attr[im.r.attrs - 1].word : "");
		assert_true(strlen(key) <= VEXFS_MAX_KEY && strlen(word) <= VEXFS_MAX_KEY);
		assert_int_equal(im.record, n);
		for (__u32 i = 0; i < dims; i++)
			assert_true(isfinite(row[i]));
	}
	snprintf(error, sizeof(error), "%s", im.error);
	assert_int_equal(r < 0, error[0] != 0);
	assert_null(strchr(error, '\n'));
	if (!r && n) {			/* the second time is like the first */
		assert_int_equal(vexfs_import_rewind(&im), 0);
		while (vexfs_import_next(&im) > 0)
			again++;
		assert_int_equal(again, n);
	}
	vexfs_import_close(&im);
	fclose(f);
	return r < 0 ? r : n;
}

static void refuse(int got, int err, const char *says)
{
	if (got != err || !strstr(error, says))
		fail_msg("%d (wanted %d) '%s' does not say '%s'", got, err, error, says);
}

/* --- bvecs, ivecs */

static void test_vecs(void **state)
{
	static const char b[] = "\2\0\0\0\0\xff" "\2\0\0\0\7\x80";
	static const __le32 i[] = { 2, 1, -1, 2, 16777217, -16777216 };
	size_t n;

	(void)state;
	assert_int_equal(import(b, 12, VEXFS_FILE_BVECS, 2), 2);
	assert_true(row[0] == 7 && row[1] == 128);
	assert_int_equal(import(i, 24, VEXFS_FILE_IVECS, 2), 2);
	assert_true(row[0] == 16777216 && row[1] == -16777216);	/* the nearest floats */
	for (n = 1; n < 12; n++)
		if (n != 6)
			refuse(import(b, n, VEXFS_FILE_BVECS, 2), -EBADMSG, "truncated");
	refuse(import(b, 12, VEXFS_FILE_BVECS, 3), -EMSGSIZE, "record 0 has 2 dimensions");
	refuse(import("\0\0\0\0\0\0", 6, VEXFS_FILE_BVECS, 2), -EBADMSG, "not bvecs");
}

static int ids(const void *data, size_t len, __u64 *out, __u32 max)
{
	FILE *f = fmemopen((void *)data, len, "r");
	int n, r = 0;

	error[0] = 0;
	for (n = 0; r >= 0; n++) {
		r = vexfs_import_ids(f, n, out, max, error, sizeof(error));
		if (!r)
			break;
		assert_int_equal(r < 0, error[0] != 0);
	}
	fclose(f);
	return r < 0 ? r : n;
}

static void test_ids(void **state)
{
	static const __le32 two[] = { 2, 7, 0, 3, 1, 2, __INT32_MAX__ }, negative[] = { 1, -1 };
	__u64 out[3] = { 9, 9, 9 }, large[2] = { 5, 1ULL << 31 };
	char *text = NULL;
	size_t size, i;
	FILE *f;

	(void)state;
	assert_int_equal(ids(two, sizeof(two), out, 2), 2);
	assert_true(out[0] == 1 && out[1] == 2 && out[2] == 9);
	for (i = 1; i < sizeof(two); i++)
		if (i != 12)
			refuse(ids(two, i, out, 3), -EBADMSG, "truncated");
	refuse(ids(negative, sizeof(negative), out, 3), -EBADMSG, "no id");
	refuse(ids("\0\0\0\0", 4, out, 3), -EBADMSG, "list 0 claims 0 ids");
	refuse(ids("\0\0\0\x80", 4, out, 3), -EBADMSG, "list 0 claims");

	f = open_memstream(&text, &size);
	out[0] = 7;
	out[1] = 0;
	assert_int_equal(vexfs_export_ids(f, out, 2), 0);
	out[0] = 1;
	out[1] = 2;
	out[2] = __INT32_MAX__;
	assert_int_equal(vexfs_export_ids(f, out, 3), 0);
	assert_int_equal(vexfs_export_ids(f, large, 2), -ERANGE);
	assert_int_equal(vexfs_export_ids(f, large, 0), -EINVAL);
	fclose(f);
	assert_int_equal(size, sizeof(two));
	assert_memory_equal(text, two, size);
	free(text);
}

/* --- npy */

static unsigned char npy[70000];

/* An array with this header; how many bytes. */
static size_t make_npy(int version, const char *header, const void *data, size_t len)
{
	size_t n = strlen(header), h = version == 1 ? 10 : 12;

	memcpy(npy, "\x93NUMPY", 6);
	npy[6] = version;
	npy[7] = 0;
	npy[8] = n;
	npy[9] = n >> 8;
	npy[10] = npy[11] = 0;
	memcpy(npy + h, header, n);
	memcpy(npy + h + n, data, len);
	return h + n + len;
}

static int read_npy(const char *header, const void *data, size_t len, __u32 dims)
{
	return import(npy, make_npy(1, header, data, len), VEXFS_FILE_NPY, dims);
}

#define HEADER(descr, shape) "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }   \n"

static void test_npy(void **state)
{
	static const float f4[] = { 1, 2, 3, 4, 5, 6 };
	static const double f8[] = { 0.1, -1e300, 1, 2 };
	static const __u16 f2[] = { 0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x3555 };
	static const __s64 i8[] = { -9007199254740993, 3 };
	static const __s32 i4[] = { -2147483648, 5 };
	int v;

	(void)state;
	for (v = 1; v <= 3; v++) {
		size_t n = make_npy(v, HEADER("<f4", "(3, 2)"), f4, sizeof(f4));

		assert_int_equal(import(npy, n, VEXFS_FILE_NPY, 2), 3);
		assert_true(row[0] == 5 && row[1] == 6);
		assert_int_equal(import(npy, n, VEXFS_FILE_GUESS, 2), 3);
		for (; n > 1; n--)	/* cut off anywhere */
			refuse(import(npy, n - 1, VEXFS_FILE_NPY, 2), -EBADMSG, "truncated");
	}
	/* as others may write it */
	assert_int_equal(read_npy("{\"shape\":(2,3),\"descr\":\"<f4\",\"fortran_order\":False}", f4, 24, 3), 2);
	assert_int_equal(read_npy(HEADER("<f4", "(2, 3,)"), f4, 24, 3), 2);
	assert_int_equal(read_npy(HEADER("<f4", "(6,)"), f4, 24, 1), 6);
	assert_int_equal(read_npy(HEADER("<f4", "(0, 3)"), f4, 0, 3), 0);
	/* the other types of numbers */
	assert_int_equal(read_npy(HEADER("<f2", "(1, 6)"), f2, sizeof(f2), 6), 1);
	assert_true(row[0] == 1 && row[1] == -2 && row[2] == 0x1p-24f && row[3] == 65504);
	assert_true(row[4] == 0 && signbit(row[4]) && row[5] == 0x1.554p-2f);
	assert_int_equal(read_npy(HEADER("<f8", "(1, 1)"), f8, 8, 1), 1);
	assert_true(row[0] == 0.1f);
	assert_int_equal(read_npy(HEADER("|u1", "(2, 2)"), "\1\xff\3\4", 4, 2), 2);
	assert_int_equal(read_npy(HEADER("|u1", "(1, 2)"), "\1\xff", 2, 2), 1);
	assert_true(row[1] == 255);
	assert_int_equal(read_npy(HEADER("|i1", "(1, 2)"), "\1\xff", 2, 2), 1);
	assert_true(row[1] == -1);
	assert_int_equal(read_npy(HEADER("<i4", "(1, 2)"), i4, 8, 2), 1);
	assert_true(row[0] == -2147483648.0f && row[1] == 5);
	assert_int_equal(read_npy(HEADER("<i8", "(1, 2)"), i8, 16, 2), 1);
	assert_true(row[0] == -9007199254740992.0f && row[1] == 3);

	refuse(read_npy(HEADER("<f8", "(1, 4)"), f8, 32, 4), -EINVAL, "record 0, dimension 1 is NaN or inf");
	refuse(read_npy(HEADER("<f2", "(1, 2)"), "\0\0\0\x7c", 4, 2), -EINVAL, "dimension 1 is NaN or inf");
	refuse(read_npy(HEADER("<f2", "(1, 2)"), "\1\x7c\0\0", 4, 2), -EINVAL, "dimension 0 is NaN or inf");
	refuse(read_npy(HEADER(">f4", "(2, 3)"), f4, 24, 3), -EBADMSG, "of type '>f4'");
	refuse(read_npy(HEADER("<U4", "(2, 3)"), f4, 24, 3), -EBADMSG, "of type '<U4'");
	refuse(read_npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,), }", f4, 24, 1),
	       -EBADMSG, "of type '[...]'");
	refuse(read_npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", f4, 24, 3),
	       -EBADMSG, "Fortran");
	refuse(read_npy(HEADER("<f4", "(2, 3)"), f4, 24, 2), -EMSGSIZE, "3 dimensions, the collection has 2");
	refuse(read_npy(HEADER("<f4", "(6,)"), f4, 24, 6), -EBADMSG, "1 axis");
	refuse(read_npy(HEADER("<f4", "()"), f4, 24, 6), -EBADMSG, "0 axes");
	refuse(read_npy(HEADER("<f4", "(1, 2, 3)"), f4, 24, 3), -EBADMSG, "3 axes");
	/* shapes that lie */
	refuse(read_npy(HEADER("<f4", "(1, 3)"), f4, 24, 3), -EBADMSG, "more bytes follow");
	refuse(read_npy(HEADER("<f4", "(0, 3)"), f4, 24, 3), -EBADMSG, "more bytes follow");
	refuse(read_npy(HEADER("<f4", "(3, 3)"), f4, 24, 3), -EBADMSG, "tells of 3 records, record 2");
	refuse(read_npy(HEADER("<f4", "(18446744073709551615, 3)"), f4, 24, 3), -EBADMSG, "record 2");
	refuse(read_npy(HEADER("<f4", "(2, 18446744073709551615)"), f4, 24, 3), -EMSGSIZE, "dimensions");
}

static void test_npy_header(void **state)
{
	static const char *const bad[] = {
		"", " ", "{", "}", "{}", "[]", "{}{}", HEADER("<f4", "(2, 3)") "x",
		HEADER("<f4", "(18446744073709551616, 3)"), HEADER("<f4", "(-2, 3)"),
		HEADER("<f4", "(2L, 3L)"), HEADER("<f4", "(2 3)"), HEADER("<f4", "(6)"),
		HEADER("<f4", "(,)"), HEADER("<f4", "(2, 3"), HEADER("<f4", "2, 3"),
		HEADER("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"),
		HEADER("<f4", "(0000000000000000000000000000002, 3)"), HEADER("<f4\\'", "(2, 3)"),
		HEADER("<f4567890123456789012345678901234567890", "(2, 3)"),
		"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }",
		"{'descr': '<f4', 'fortran_order': Falsehood, 'shape': (2, 3), }",
		"{'descr': '<f4', 'fortran_order': False, }",
		"{'descr': '<f4', 'shape': (2, 3), }", "{'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}",
		"{'descr': '<f4' 'fortran_order': False, 'shape': (2, 3)}",
		"{'descr' '<f4', 'fortran_order': False, 'shape': (2, 3)}",
		"{'descr\": '<f4', 'fortran_order': False, 'shape': (2, 3)}",
		"{descr: '<f4', 'fortran_order': False, 'shape': (2, 3)}", "{'descr': '<f4", "{'descr",
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuse(read_npy(bad[i], "", 0, 3), -EBADMSG, "its header is malformed");
	n = make_npy(1, HEADER("<f4", "(0, 3)"), "", 0);
	assert_int_equal(import(npy, n, VEXFS_FILE_NPY, 3), 0);
	npy[20] = 0;
	refuse(import(npy, n, VEXFS_FILE_NPY, 3), -EBADMSG, "malformed");
	npy[6] = 4;
	refuse(import(npy, n, VEXFS_FILE_NPY, 3), -EBADMSG, "version 4.0");
	npy[6] = 1;
	npy[7] = 1;
	refuse(import(npy, n, VEXFS_FILE_NPY, 3), -EBADMSG, "version 1.1");
	npy[0] = 'x';
	refuse(import(npy, n, VEXFS_FILE_NPY, 3), -EBADMSG, "not npy");
	make_npy(2, "", "", 0);
	npy[10] = 1;			/* 64 KiB of header */
	refuse(import(npy, sizeof(npy), VEXFS_FILE_NPY, 3), -EBADMSG, "claims 65536 bytes");
	npy[11] = 0xff;
	refuse(import(npy, sizeof(npy), VEXFS_FILE_NPY, 3), -EBADMSG, "claims");
}

/* --- jsonl */

static int jsonl(const char *s, __u32 dims)
{
	return import(s, strlen(s), VEXFS_FILE_JSONL, dims);
}

static void test_jsonl(void **state)
{
	(void)state;
	assert_int_equal(jsonl("{\"vector\": [1, -2.5e-1]}\n{\"vector\":[3,4]}\r\n", 2), 2);
	assert_true(row[0] == 3 && !last.has_id && !last.key && !last.attrs && !last.file);
	assert_int_equal(import("{\"vector\": [1]}", 15, VEXFS_FILE_GUESS, 1), 1);
	assert_int_equal(jsonl("{\"id\": 7, \"key\": \"doc-1\", \"vector\": [1], \"attrs\": {\"age\": -3, "
			       "\"lang\": \"d\\u00e9\"}, \"file\": \"a/b\", \"offset\": 5, \"length\": 100}", 1), 1);
	assert_true(last.has_id && last.id == 7 && last.attrs == 2 && last.attr[0].number == -3);
	assert_true(!last.attr[0].word && last.file_off == 5 && last.file_len == 100);
	assert_string_equal(key, "doc-1");
	assert_string_equal(word, "d\xc3\xa9");
	assert_string_equal(file, "a/b");
	assert_int_equal(jsonl("{\"id\": 18446744073709551615, \"vector\": [1]}", 1), 1);
	assert_true(last.id == ~0ULL);
	assert_int_equal(jsonl("{\"vector\": [1], \"attrs\": {\"a\": -9223372036854775808}}", 1), 1);
	assert_true(last.attr[0].number == INT64_MIN);
	assert_int_equal(jsonl("{\"vector\": [1], \"attrs\": {\"a\": 9223372036854775807}}", 1), 1);
	assert_true(last.attr[0].number == INT64_MAX);
	assert_int_equal(jsonl("", 2), 0);
}

static void test_jsonl_bad(void **state)
{
	static const struct {
		int err;
		const char *says, *line;
	} bad[] = {
		{ -EBADMSG, "not one whole JSON object", "" },
		{ -EBADMSG, "not one whole JSON object", "{" },
		{ -EBADMSG, "it ends", "{\"vector\": [1, 2" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [1, 2]} x" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [1, 2]} {}" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [1, 2,]}" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [[[[1]]]]}" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [1, 2], \"key\": \"\xff\"}" },
		{ -EBADMSG, "but not an object", "[1, 2]" },
		{ -EBADMSG, "but not an object", "\"vector\"" },
		{ -EBADMSG, "has no \"vector\"", "{\"id\": 1}" },
		{ -EBADMSG, "\"vector\" is not an array", "{\"vector\": 1}" },
		{ -EBADMSG, "\"vector\" is not an array", "{\"vector\": null}" },
		{ -EMSGSIZE, "has 1 dimensions, the collection has 2", "{\"vector\": [1]}" },
		{ -EMSGSIZE, "has 3 dimensions", "{\"vector\": [1, 2, 3]}" },
		{ -EMSGSIZE, "has 0 dimensions", "{\"vector\": []}" },
		{ -EINVAL, "dimension 1 is not a number", "{\"vector\": [1, \"2\"]}" },
		{ -EINVAL, "dimension 1 is not a number", "{\"vector\": [1, null]}" },
		{ -EINVAL, "dimension 1 is NaN or infinity", "{\"vector\": [1, NaN]}" },
		{ -EINVAL, "dimension 0 is NaN or infinity", "{\"vector\": [-Infinity, 1]}" },
		{ -EINVAL, "dimension 0 is NaN or infinity", "{\"vector\": [1e39, 1]}" },
		{ -EBADMSG, "\"colour\" is unknown", "{\"colour\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": -1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": 1.0, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": \"1\", \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": 18446744073709551616, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" is not a string", "{\"key\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" is not a string", "{\"key\": null, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" has 0 bytes", "{\"key\": \"\", \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" has a NUL", "{\"key\": \"a\\u0000b\", \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"attrs\" is not an object", "{\"attrs\": [1], \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither", "{\"attrs\": {\"a\": 1.5}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither", "{\"attrs\": {\"a\": true}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither",
		  "{\"attrs\": {\"a\": 9223372036854775808}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither",
		  "{\"attrs\": {\"a\": -9223372036854775809}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" has a NUL", "{\"attrs\": {\"a\": \"\\u0000\"}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "more than 8 attributes", "{\"attrs\": {\"a\": 1, \"b\": 1, \"c\": 1, \"d\": 1, "
		  "\"e\": 1, \"f\": 1, \"g\": 1, \"h\": 1, \"i\": 1}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "without a \"file\"", "{\"offset\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "without a \"file\"", "{\"length\": 0, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"length\" is not",
		  "{\"file\": \"a\", \"length\": 4294967296, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"offset\" is not",
		  "{\"file\": \"a\", \"offset\": 9223372036854775808, \"vector\": [1, 2]}" },
	};
	char text[1000], *line;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "{\"vector\": [1, 2]}\n%s\n", bad[i].line);
		refuse(jsonl(text, 2), bad[i].err, bad[i].says);
		assert_non_null(strstr(error, "line 2"));
	}
	/* a key of 255 bytes is taken, one of 256 is not */
	snprintf(text, sizeof(text), "{\"key\": \"%0255d\", \"vector\": [1]}", 1);
	assert_int_equal(jsonl(text, 1), 1);
	snprintf(text, sizeof(text), "{\"key\": \"%0256d\", \"vector\": [1]}", 1);
	refuse(jsonl(text, 1), -EBADMSG, "\"key\" has 256 bytes");
	line = malloc(VEXFS_IMPORT_LINE + 1);
	memset(line, ' ', VEXFS_IMPORT_LINE);
	line[VEXFS_IMPORT_LINE] = 0;
	refuse(jsonl(line, 1), -EBADMSG, "line 1 is longer");
	free(line);
	refuse(import("{\"vector\": [1]\0}", 16, VEXFS_FILE_JSONL, 1), -EBADMSG, "NUL");
}

/* --- names */

static void test_names(void **state)
{
	int f;

	(void)state;
	for (f = VEXFS_FILE_GUESS + 1; f < VEXFS_FILE_FORMATS; f++)
		assert_int_equal(vexfs_file_format_by_name(vexfs_file_format_name(f)), f);
	assert_null(vexfs_file_format_name(VEXFS_FILE_GUESS));
	assert_null(vexfs_file_format_name(VEXFS_FILE_FORMATS));
	assert_int_equal(vexfs_file_format_by_name("xml"), -EINVAL);
	assert_int_equal(vexfs_file_format_of("/tmp/a.b/q.npy"), VEXFS_FILE_NPY);
	assert_int_equal(vexfs_file_format_of("q.ndjson"), VEXFS_FILE_JSONL);
	assert_int_equal(vexfs_file_format_of("a.npy/q"), VEXFS_FILE_GUESS);
	assert_int_equal(vexfs_file_format_of("npy"), VEXFS_FILE_GUESS);
}

/* --- there and back */

static float any_float(void)
{
	static const float odd[] = { 0, -0.0f, 1, -1, FLT_MAX, -FLT_MIN, FLT_TRUE_MIN, 0.1f, 16777216, 1e10f };
	__u32 bits;
	float v;

	if (!chance(8))
		return odd[chance(sizeof(odd) / sizeof(*odd))];
	do {
		bits = chance(1 << 16) | chance(1 << 16) << 16;
		memcpy(&v, &bits, sizeof(v));
	} while (!isfinite(v));
	return v;
}

/* A string of 1 to 255 bytes: some quoting trouble, some UTF-8. */
static void any_string(char *s)
{
	static const char *const parts[] = { "a", "\"", "\\", "/", "\n", "\t", "\x01", "\x7f", "\xc3\xa9",
		"\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", " ", "{", "," };
	__u32 n = 1 + chance(chance(4) ? 8 : 63);

	for (*s = 0; n; n--)
		strcat(s, parts[chance(sizeof(parts) / sizeof(*parts))]);
}

#define RECORDS	200

static void round_trip(enum vexfs_file_format format, __u32 dims)
{
	static float rows[RECORDS][8];
	static char strings[RECORDS][VEXFS_MAX_ATTRS + 2][256], names[VEXFS_MAX_ATTRS][16];
	static struct vexfs_file_record r[RECORDS];
	FILE *f = tmpfile();
	struct vexfs_export ex;
	struct vexfs_import im;
	__u32 i, j;

	memset(r, 0, sizeof(r));
	assert_int_equal(vexfs_export_open(&ex, f, format, dims), 0);
	for (i = 0; i < RECORDS; i++) {
		r[i].row = rows[i];
		for (j = 0; j < dims; j++)
			rows[i][j] = any_float();
		if (format == VEXFS_FILE_JSONL) {
			for (j = 0; j < VEXFS_MAX_ATTRS + 2; j++)
				any_string(strings[i][j]);
			r[i].has_id = chance(4);
			r[i].id = r[i].has_id ? (__u64)chance(1 << 16) << chance(49) : 0;
			r[i].key = chance(2) ? strings[i][0] : NULL;
			r[i].file = chance(2) ? strings[i][1] : NULL;
			r[i].file_off = r[i].file ? chance(1 << 30) : 0;
			r[i].file_len = r[i].file ? ~0U - chance(2) : 0;
			r[i].attrs = chance(VEXFS_MAX_ATTRS + 1);
			for (j = 0; j < r[i].attrs; j++) {
				snprintf(names[j], sizeof(names[j]), "attr%u", j);
				r[i].attr[j].name = names[j];
				r[i].attr[j].word = chance(2) ? strings[i][j + 2] : NULL;
				r[i].attr[j].number = r[i].attr[j].word ? 0 :
					(__s64)((__u64)chance(1 << 20) << chance(45)) - chance(2);
			}
		}
		assert_int_equal(vexfs_export_record(&ex, &r[i]), 0);
	}
	assert_int_equal(vexfs_export_finish(&ex), 0);
	assert_int_equal(ex.record, RECORDS);
	rewind(f);
	assert_int_equal(vexfs_import_open(&im, f, VEXFS_FILE_GUESS, dims, false), 0);
	assert_int_equal(im.format, format);
	for (i = 0; i < RECORDS; i++) {
		if (vexfs_import_next(&im) != 1)
			fail_msg("%s", im.error);
		assert_memory_equal(im.r.row, rows[i], dims * sizeof(float));
		assert_int_equal(im.r.has_id, r[i].has_id);
		assert_true(im.r.id == r[i].id && im.r.file_off == r[i].file_off);
		assert_int_equal(im.r.file_len, r[i].file_len);
		assert_int_equal(!im.r.key, !r[i].key);
		assert_int_equal(!im.r.file, !r[i].file);
		assert_true(!r[i].key || !strcmp(im.r.key, r[i].key));
		assert_true(!r[i].file || !strcmp(im.r.file, r[i].file));
		assert_int_equal(im.r.attrs, r[i].attrs);
		for (j = 0; j < r[i].attrs; j++) {
			assert_string_equal(im.r.attr[j].name, r[i].attr[j].name);
			assert_int_equal(!im.r.attr[j].word, !r[i].attr[j].word);
			assert_true(!r[i].attr[j].word || !strcmp(im.r.attr[j].word, r[i].attr[j].word));
			assert_true(im.r.attr[j].number == r[i].attr[j].number);
		}
	}
	assert_int_equal(vexfs_import_next(&im), 0);
	vexfs_import_close(&im);
	fclose(f);
}

static void test_round_trip(void **state)
{
	__u32 i;

	(void)state;
	chance_seed(7);
	for (i = 0; i < 10; i++) {
		round_trip(VEXFS_FILE_FVECS, 3 + chance(6));
		round_trip(VEXFS_FILE_NPY, 1 + chance(8));
		round_trip(VEXFS_FILE_JSONL, 1 + chance(8));
	}
}

static void test_export_bad(void **state)
{
	static const char *const no_utf8[] = { "\xff", "\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
		"\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xe2\x82" };
	struct vexfs_file_record r = { .row = row };
	struct vexfs_export ex;
	FILE *f = tmpfile(), *full = fopen("/dev/full", "w");
	size_t i;
	int n, err = 0;

	(void)state;
	memset(row, 0, sizeof(row));
	assert_int_equal(vexfs_export_open(&ex, f, VEXFS_FILE_TEXT, 3), -EOPNOTSUPP);
	assert_non_null(strstr(ex.error, "text is only read"));
	assert_int_equal(vexfs_export_open(&ex, f, VEXFS_FILE_GUESS, 3), -EOPNOTSUPP);
	assert_int_equal(vexfs_export_open(&ex, f, VEXFS_FILE_NPY, 0), -EINVAL);
	assert_int_equal(vexfs_export_open(&ex, f, VEXFS_FILE_NPY, VEXFS_MAX_DIMS + 1), -EINVAL);
	for (i = 0; i < sizeof(no_utf8) / sizeof(*no_utf8); i++) {
		r.key = no_utf8[i];
		assert_int_equal(vexfs_export_open(&ex, f, VEXFS_FILE_JSONL, 3), 0);
		assert_int_equal(vexfs_export_record(&ex, &r), -EILSEQ);
		assert_non_null(strstr(ex.error, "record 0"));
	}
	fclose(f);
	/* a full device is noticed, and said */
	r.key = NULL;
	assert_int_equal(vexfs_export_open(&ex, full, VEXFS_FILE_JSONL, 8), 0);
	for (n = 0; n < 1000 && !err; n++)
		err = vexfs_export_record(&ex, &r);
	err = err ? err : vexfs_export_finish(&ex);
	assert_int_equal(err, -ENOSPC);
	assert_non_null(strstr(ex.error, "No space"));
	fclose(full);
}

/* Every finite float comes back; a sample of all. */
static void test_floats(void **state)
{
	char s[VEXFS_FLOAT_TEXT];
	__u32 i;
	float v, w;

	(void)state;
	chance_seed(8);
	for (i = 0; i < 50000; i++) {
		v = any_float();
		assert_true(strlen(vexfs_float_text(v, s)) < sizeof(s) - 1);
		w = strtof(s, NULL);
		assert_memory_equal(&v, &w, sizeof(v));
		w = strtod(s, NULL);
		assert_memory_equal(&v, &w, sizeof(v));
	}
	assert_string_equal(vexfs_float_text(0.1f, s), "0.1");
	assert_string_equal(vexfs_float_text(-3, s), "-3");
	assert_string_equal(vexfs_float_text(FLT_MAX, s), "3.4028235e+38");
}

/* --- noise: whatever the bytes, the answer is records or an error that is said */

static void test_noise(void **state)
{
	static const char *const pieces[] = { "{", "}", "[", "]", "(", ")", ",", ":", " ", "'", "\"", "\\", "\n",
		"1", "-", "0.5", "e9", "NaN", "null", "true", "False", "True", "<f4", "|u1", "'descr': '<f4'",
		"'fortran_order': False", "'shape': (1, 2)", "\"vector\": [1, 2]", "\"id\": 7", "\"key\": \"a\"",
		"\"attrs\": {\"a\": 1}", "\"file\": \"f\"", "\xff", "\\u0000", "\\ud800", "9223372036854775808" };
	static const char good[] = "{\"id\": 7, \"key\": \"doc\", \"attrs\": {\"a\": 3, \"l\": \"de\"}, "
		"\"file\": \"f\", \"offset\": 0, \"length\": 1, \"vector\": [1, 2.5]}";
	char text[1200];
	int round, read = 0;

	(void)state;
	chance_seed(23);
	for (round = 0; round < 10000; round++) {
		__u32 n = chance(20), i;

		text[0] = 0;
		for (i = 0; i < n; i++)
			strcat(text, pieces[chance(sizeof(pieces) / sizeof(*pieces))]);
		read += jsonl(text, 2) > 0;
		read += read_npy(text, "\0\0\0\0\0\0\0\0", chance(9), 2) > 0;
		/* what is right, but for a few bytes */
		strcpy(text, good);
		for (i = chance(3); i > 0; i--)
			text[chance(sizeof(good) - 1)] = chance(2) ? (char)chance(256) : "\"{}[],:0"[chance(8)];
		read += import(text, sizeof(good) - 1, VEXFS_FILE_JSONL, 2) > 0;
		n = make_npy(1 + chance(3), HEADER("<f4", "(1, 2)"), "\0\0\0\0\0\0\0\0", 8);
		for (i = chance(3); i > 0; i--)
			npy[chance(n)] = chance(2) ? (char)chance(256) : "'{}(),:0"[chance(8)];
		read += import(npy, n, VEXFS_FILE_NPY, 2) > 0;
	}
	assert_true(read > 5000);	/* noise that is all refused at once finds nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vecs),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_npy),
		cmocka_unit_test(test_npy_header),
		cmocka_unit_test(test_jsonl),
		cmocka_unit_test(test_jsonl_bad),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_export_bad),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
