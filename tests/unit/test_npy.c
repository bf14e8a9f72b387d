// SPDX-License-Identifier: GPL-2.0
/* Arrays as NumPy and others write them, and every way in which they can be wrong. */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "formats.h"

/* An array of more rows than are read at once, in Fortran order: row r, column c is r - c. */
static void test_fortran(void **state)
{
	enum { ROWS = 20000, DIMS = 3 };
	static const char header[] = FORTRAN(">i4", "(20000, 3)");
	struct vexfs_import im;
	FILE *f = tmpfile();
	__u32 i, round;

	(void)state;
	fwrite("\x93NUMPY\1\0", 1, 8, f);
	fputc(sizeof(header) - 1, f);
	fputc(0, f);
	fwrite(header, 1, sizeof(header) - 1, f);
	for (i = 0; i < ROWS * DIMS; i++) {
		__be32 v = htobe32(i % ROWS - i / ROWS);

		fwrite(&v, 1, sizeof(v), f);
	}
	rewind(f);
	assert_int_equal(vexfs_import_open(&im, f, VEXFS_FILE_GUESS, DIMS, false), 0);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < ROWS; i++) {
			assert_int_equal(vexfs_import_next(&im), 1);
			assert_true(im.row[0] == (float)i && im.row[1] == i - 1.0f &&
				    im.row[2] == i - 2.0f);
		}
		assert_int_equal(vexfs_import_next(&im), 0);
		assert_false(im.rounded);
		assert_int_equal(vexfs_import_rewind(&im), 0);
	}
	vexfs_import_close(&im);
	fclose(f);
}

/* Are numbers told of that are no 32-bit floats? */
static void test_rounded(void **state)
{
	static const struct {
		const char *header;
		size_t len;
		const char *data;
		bool rounded;
	} cases[] = {
		{ HEADER("<f8", "(1, 1)"), 8, "\0\0\0\0\0\0\xf0\x3f", false },
		{ HEADER("<f8", "(1, 1)"), 8, "\1\0\0\0\0\0\xf0\x3f", true },
		{ HEADER("<i4", "(1, 1)"), 4, "\0\0\0\1", false },
		{ HEADER("<i4", "(1, 1)"), 4, "\1\0\0\1", true },
		{ HEADER("<i4", "(1, 1)"), 4, "\1\0\0\x80", true },
		{ HEADER("<i8", "(1, 1)"), 8, "\xff\xff\xff\xff\xff\xff\xff\x7f", true },
		{ HEADER("<i8", "(1, 1)"), 8, "\0\0\0\0\0\0\0\x80", false },
		{ HEADER("<u8", "(1, 1)"), 8, "\xff\xff\xff\xff\xff\xff\xff\xff", true },
		{ HEADER("<u8", "(1, 1)"), 8, "\0\0\0\0\0\0\0\x80", false },
		{ HEADER("<f4", "(1, 1)"), 4, "\xcd\xcc\xcc\x3d", false },
		/* NaN, and 1e300: no vectors, which are left out */
		{ HEADER("<f8", "(1, 1)"), 8, "\0\0\0\0\0\0\xf8\x7f", false },
		{ HEADER("<f8", "(1, 1)"), 8, "\x9c\x75\0\x88\x3c\xe4\x37\x7e", false },
	};
	struct vexfs_import im;
	size_t i, n;
	int err;
	FILE *f;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		n = make_npy(1, cases[i].header, cases[i].data, cases[i].len);
		f = fmemopen(npy, n, "r");
		assert_int_equal(vexfs_import_open(&im, f, VEXFS_FILE_NPY, 1, false), 0);
		err = vexfs_import_next(&im);
		assert_int_equal(err, isfinite(im.row[0]) ? 1 : -EINVAL);
		if (im.rounded != cases[i].rounded)
			fail_msg("case %zu", i);
		vexfs_import_close(&im);
		fclose(f);
	}
}

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
	assert_int_equal(read_npy("{\"shape\":(2,3),\"descr\":\"<f4\",\"fortran_order\":False}", f4,
				  24, 3),
			 2);
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
	assert_true(row[0] == -9007199254740991.0f && row[1] == 3);

	refuse(read_npy(HEADER("<f8", "(1, 4)"), f8, 32, 4), -EINVAL,
	       "record 0, dimension 1 is NaN or inf");
	refuse(read_npy(HEADER("<f2", "(1, 2)"), "\0\0\0\x7c", 4, 2), -EINVAL,
	       "dimension 1 is NaN or inf");
	refuse(read_npy(HEADER("<f2", "(1, 2)"), "\1\x7c\0\0", 4, 2), -EINVAL,
	       "dimension 0 is NaN or inf");
	/* as NumPy 2 and Python 2 write numbers */
	assert_int_equal(read_npy(HEADER("<f4", "(np.int64(2), 3)"), f4, 24, 3), 2);
	assert_int_equal(read_npy(HEADER("<f4", "(numpy.int32( 2 ), np.int64(3))"), f4, 24, 3), 2);
	assert_int_equal(read_npy(HEADER("<f4", "(2L, 3L)"), f4, 24, 3), 2);
	/* big-endian; types without an order, or with that of the machine */
	assert_int_equal(read_npy(HEADER(">f4", "(1, 2)"), "\x3f\x80\0\0\xc0\0\0\0", 8, 2), 1);
	assert_true(row[0] == 1 && row[1] == -2);
	assert_int_equal(read_npy(HEADER(">f8", "(1, 1)"), "\xbf\xf8\0\0\0\0\0\0", 8, 1), 1);
	assert_true(row[0] == -1.5f);
	assert_int_equal(read_npy(HEADER(">f2", "(1, 2)"), "\x3c\0\xc0\0", 4, 2), 1);
	assert_true(row[0] == 1 && row[1] == -2);
	assert_int_equal(read_npy(HEADER(">i2", "(1, 2)"), "\xff\xfe\1\0", 4, 2), 1);
	assert_true(row[0] == -2 && row[1] == 256);
	assert_int_equal(read_npy(HEADER(">i8", "(1, 1)"), "\xff\xff\xff\xff\xff\xff\xff\xfe", 8,
				  1), 1);
	assert_true(row[0] == -2);
	assert_int_equal(read_npy(HEADER("=f4", "(2, 3)"), f4, 24, 3), 2);
	assert_int_equal(read_npy(HEADER("|f4", "(2, 3)"), f4, 24, 3), 2);
	assert_true(row[0] == 4);
	assert_int_equal(read_npy(HEADER("<i2", "(1, 2)"), "\xff\xff\0\x80", 4, 2), 1);
	assert_true(row[0] == -1 && row[1] == -32768);
	assert_int_equal(read_npy(HEADER("<u2", "(1, 2)"), "\xff\xff\0\x80", 4, 2), 1);
	assert_true(row[0] == 65535 && row[1] == 32768);
	assert_int_equal(read_npy(HEADER("<u4", "(1, 1)"), "\0\0\0\x80", 4, 1), 1);
	assert_true(row[0] == 0x1p31f);
	assert_int_equal(read_npy(HEADER("<u8", "(1, 1)"), "\xff\xff\xff\xff\xff\xff\xff\xff", 8,
				  1), 1);
	assert_true(row[0] == 0x1p64f);
	assert_int_equal(read_npy(HEADER("|b1", "(1, 3)"), "\0\1\1", 3, 3), 1);
	assert_true(row[0] == 0 && row[1] == 1 && row[2] == 1);
	/* one vector, no vectors */
	assert_int_equal(read_npy(HEADER("<f4", "(6,)"), f4, 24, 6), 1);
	assert_true(row[5] == 6);
	assert_int_equal(read_npy(HEADER("<f4", "(0,)"), f4, 0, 6), 0);
	assert_int_equal(read_npy(HEADER("<f4", "(0, 0)"), f4, 0, 6), 0);
	/* in Fortran order */
	assert_int_equal(read_npy(FORTRAN("<f4", "(2, 3)"), f4, 24, 3), 2);
	assert_true(row[0] == 2 && row[1] == 4 && row[2] == 6);
	assert_int_equal(read_npy(FORTRAN("<f4", "(3, 2)"), f4, 24, 2), 3);
	assert_true(row[0] == 3 && row[1] == 6);
	assert_int_equal(read_npy(FORTRAN("<f4", "(6,)"), f4, 24, 1), 6);
	assert_int_equal(read_npy(FORTRAN("<f4", "(1, 6)"), f4, 24, 6), 1);
	assert_true(row[0] == 1 && row[5] == 6);
	assert_int_equal(read_npy(FORTRAN("<f4", "(0, 3)"), f4, 0, 3), 0);
	refuse(read_npy(FORTRAN("<f4", "(3, 3)"), f4, 24, 3), -EBADMSG,
	       "truncated: its header claims 3");
	refuse(read_npy(FORTRAN("<f4", "(2, 2)"), f4, 24, 2), -EBADMSG, "more bytes follow");
	refuse(read_npy(FORTRAN("<f4", "(18446744073709551615, 3)"), f4, 24, 3), -EBADMSG,
	       "truncated");
	refuse(read_npy(FORTRAN("<f4", "(1537228672809129302, 3)"), f4, 24, 3), -EBADMSG,
	       "truncated");
	/* what numbers are not read */
	refuse(read_npy(HEADER("<U4", "(2, 3)"), f4, 24, 3), -EBADMSG, "of type '<U4' (strings)");
	refuse(read_npy(HEADER("<c8", "(2, 3)"), f4, 24, 3), -EBADMSG,
	       "of type '<c8' (complex numbers)");
	refuse(read_npy(HEADER("|O", "(2, 3)"), f4, 24, 3), -EBADMSG,
	       "of type '|O' (Python objects)");
	refuse(read_npy(HEADER("<V2", "(2, 3)"), f4, 24, 3), -EBADMSG,
	       "of type '<V2' (raw bytes; bfloat16");
	refuse(read_npy(HEADER("<f16", "(2, 3)"), f4, 24, 3), -EBADMSG,
	       "of type '<f16' (floats of another size)");
	refuse(read_npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,), }", f4,
			24, 1),
	       -EBADMSG, "of type '[...]' (a structured array)");
	refuse(read_npy(HEADER("<f4", "(2, 3)"), f4, 24, 2), -EMSGSIZE,
	       "3 dimensions, the collection has 2");
	refuse(read_npy(HEADER("<f4", "(6,)"), f4, 24, 5), -EBADMSG, "1 axis");
	refuse(read_npy(HEADER("<f4", "()"), f4, 24, 6), -EBADMSG, "0 axes");
	refuse(read_npy(HEADER("<f4", "(1, 2, 3)"), f4, 24, 3), -EBADMSG, "3 axes");
	/* shapes that lie */
	refuse(read_npy(HEADER("<f4", "(1, 3)"), f4, 24, 3), -EBADMSG, "more bytes follow");
	refuse(read_npy(HEADER("<f4", "(0, 3)"), f4, 24, 3), -EBADMSG, "more bytes follow");
	refuse(read_npy(HEADER("<f4", "(3, 3)"), f4, 24, 3), -EBADMSG,
	       "claims 3 records, record 2");
	refuse(read_npy(HEADER("<f4", "(18446744073709551615, 3)"), f4, 24, 3), -EBADMSG,
	       "record 2");
	refuse(read_npy(HEADER("<f4", "(2, 18446744073709551615)"), f4, 24, 3), -EMSGSIZE,
	       "dimensions");
}

static void test_npy_header(void **state)
{
	static const char *const bad[] = {
		"", " ", "{", "}", "{}", "[]", "{}{}", HEADER("<f4", "(2, 3)") "x",
		HEADER("<f4", "(18446744073709551616, 3)"), HEADER("<f4", "(-2, 3)"),
		HEADER("<f4", "(2LL, 3)"), HEADER("<f4", "(np.int64(2, 3)"),
		HEADER("<f4", "(np.int64, 3)"), HEADER("<f4", "(np.int64(), 3)"),
		HEADER("<f4", "(2), 3)"), HEADER("<f4", "(2 3)"), HEADER("<f4", "(6)"),
		HEADER("<f4", "(,)"), HEADER("<f4", "(2, 3"), HEADER("<f4", "2, 3"),
		HEADER("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"),
		HEADER("<f4", "(0000000000000000000000000000002, 3)"), HEADER("<f4\\'", "(2, 3)"),
		HEADER("<f4567890123456789012345678901234567890", "(2, 3)"),
		"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }",
		"{'descr': '<f4', 'fortran_order': Falsehood, 'shape': (2, 3), }",
		"{'descr': '<f4', 'fortran_order': False, }", "{'descr': '<f4', 'shape': (2, 3), }",
		"{'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}",
		"{'descr': '<f4' 'fortran_order': False, 'shape': (2, 3)}",
		"{'descr' '<f4', 'fortran_order': False, 'shape': (2, 3)}",
		"{'descr\": '<f4', 'fortran_order': False, 'shape': (2, 3)}",
		"{descr: '<f4', 'fortran_order': False, 'shape': (2, 3)}", "{'descr': '<f4",
		"{'descr",
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_npy),
		cmocka_unit_test(test_fortran),
		cmocka_unit_test(test_rounded),
		cmocka_unit_test(test_npy_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
