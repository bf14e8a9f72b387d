// SPDX-License-Identifier: GPL-2.0
/*
 * The formats of files with records: bvecs, ivecs, npy and jsonl as others write them, every way in
 * which they can be wrong, and that what is exported is imported again bit for bit.
 */
#include <endian.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "box.h"
#include "libvexfs/file_format.h"
#include "libvexfs/gzip.h"
#include "libvexfs/truth.h"

/* The last record that was read, and what was said. */
static float row[640];
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

/* Read all lists; how many, or the error.  The last one is kept. */
static __u64 list[16];
static __u32 listed;

static int truth(const void *data, size_t len, enum vexfs_file_format format, __u32 max)
{
	FILE *f = fmemopen((void *)data, len, "r");
	struct vexfs_truth t;
	__u32 got;
	int n = 0, r;

	r = vexfs_truth_open(&t, f, format);
	while (!r && (r = vexfs_truth_next(&t, list, max, &got)) > 0) {
		assert_true(got <= max);
		listed = got;
		r = 0;
		n++;
	}
	snprintf(error, sizeof(error), "%s", t.error);
	assert_int_equal(r < 0, error[0] != 0);
	vexfs_truth_close(&t);
	fclose(f);
	return r < 0 ? r : n;
}

static void test_ids(void **state)
{
	static const __le32 two[] = { 2, 7, 0, 3, 1, 2, __INT32_MAX__ }, negative[] = { 1, -2 };
	static const __le32 filled[] = { 4, 7, 8, -1, -1, 4, 9, -1, -1, -1 },
			    none[] = { 2, -1, -1 };
	static const __le32 junk[] = { 3, 5, 6, -7 };
	__u64 out[3] = { 9, 9, 9 }, large[2] = { 5, 1ULL << 31 };
	char *text = NULL;
	size_t size, i;
	FILE *f;

	(void)state;
	list[2] = 9;
	assert_int_equal(truth(two, sizeof(two), VEXFS_FILE_IVECS, 2), 2);
	assert_true(listed == 2 && list[0] == 1 && list[1] == 2 && list[2] == 9);
	assert_int_equal(truth(two, sizeof(two), VEXFS_FILE_GUESS, 3), 2);
	assert_true(listed == 3 && list[2] == __INT32_MAX__);
	for (i = 1; i < sizeof(two); i++)
		if (i != 12)
			refuse(truth(two, i, VEXFS_FILE_IVECS, 3), -EBADMSG, "truncated");
	/* filled up with -1 */
	assert_int_equal(truth(filled, sizeof(filled), VEXFS_FILE_IVECS, 4), 2);
	assert_true(listed == 1 && list[0] == 9);
	assert_int_equal(truth(filled, 20, VEXFS_FILE_IVECS, 3), 1);
	assert_true(listed == 2 && list[0] == 7 && list[1] == 8);
	assert_int_equal(truth(none, sizeof(none), VEXFS_FILE_IVECS, 4), 1);
	assert_int_equal(listed, 0);
	/* what is behind the first k does not matter */
	assert_int_equal(truth(junk, sizeof(junk), VEXFS_FILE_IVECS, 2), 1);
	refuse(truth(junk, sizeof(junk), VEXFS_FILE_IVECS, 3), -EBADMSG,
	       "number 2 is negative and not -1");
	refuse(truth(negative, sizeof(negative), VEXFS_FILE_IVECS, 3), -EBADMSG,
	       "list 0, number 0 is negative");
	refuse(truth("\0\0\0\0", 4, VEXFS_FILE_IVECS, 3), -EBADMSG, "list 0 claims 0 ids");
	refuse(truth("\0\0\0\x80", 4, VEXFS_FILE_IVECS, 3), -EBADMSG, "list 0 claims");
	refuse(truth(two, sizeof(two), VEXFS_FILE_FVECS, 3), -ENOEXEC,
	       "it is fvecs, and lists of ids come as");

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

/* --- fbin and the like */

static void test_bin(void **state)
{
	struct { __le32 n, dims; float v[6]; } f = { 2, 3, { 1, 2, 3, 4, 5, 6 } };
	static const __le32 i[] = { 1, 2, -5, 16777217 };
	size_t n;

	(void)state;
	assert_int_equal(import(&f, sizeof(f), VEXFS_FILE_FBIN, 3), 2);
	assert_true(row[0] == 4 && row[2] == 6);
	assert_int_equal(import(&f, sizeof(f), VEXFS_FILE_GUESS, 3), 2);
	assert_true(row[0] == 4);
	for (n = 1; n < sizeof(f); n++)
		refuse(import(&f, n, VEXFS_FILE_FBIN, 3), -EBADMSG, "truncated");
	refuse(import(&f, sizeof(f), VEXFS_FILE_FBIN, 2), -EMSGSIZE,
	       "3 dimensions, the collection has 2");
	refuse(import(&f, sizeof(f), VEXFS_FILE_GUESS, 6), -EMSGSIZE,
	       "3 dimensions, the collection has 6");
	assert_int_equal(import("\2\0\0\0\2\0\0\0\1\2\xff\4", 12, VEXFS_FILE_U8BIN, 2), 2);
	assert_true(row[0] == 255 && row[1] == 4);
	refuse(import("\3\0\0\0\2\0\0\0\1\2\xff\4\0\0", 14, VEXFS_FILE_GUESS, 2), -ENOEXEC,
	       "u8bin or i8bin");
	assert_int_equal(import("\2\0\0\0\2\0\0\0\1\2\xff\4", 12, VEXFS_FILE_I8BIN, 2), 2);
	assert_true(row[0] == -1);
	assert_int_equal(import("\1\0\0\0\2\0\0\0\0\x3c\0\xc0", 12, VEXFS_FILE_F16BIN, 2), 1);
	assert_true(row[0] == 1 && row[1] == -2);
	assert_int_equal(import(i, sizeof(i), VEXFS_FILE_IBIN, 2), 1);
	assert_true(row[0] == -5 && row[1] == 16777216);
	assert_int_equal(import("\0\0\0\0\3\0\0\0", 8, VEXFS_FILE_FBIN, 3), 0);
	f.n = 1;
	refuse(import(&f, sizeof(f), VEXFS_FILE_FBIN, 3), -EBADMSG, "more bytes follow");
	f.n = ~0U;
	refuse(import(&f, sizeof(f), VEXFS_FILE_FBIN, 3), -EBADMSG,
	       "claims 4294967295 records, record 2");
	f.dims = 0;
	refuse(import(&f, sizeof(f), VEXFS_FILE_FBIN, 3), -EBADMSG,
	       "not fbin: its header claims 0");
	f.dims = ~0U;
	refuse(import(&f, sizeof(f), VEXFS_FILE_FBIN, 3), -EBADMSG, "claims 4294967295");

	/* truth, without and with distances */
	{
		static const __le32 gt[] = { 2, 2, 7, 8, 9, -1, 0, 0, 0, 0 };

		assert_int_equal(truth(gt, 24, VEXFS_FILE_GUESS, 2), 2);
		assert_true(listed == 1 && list[0] == 9);
		assert_int_equal(truth(gt, 40, VEXFS_FILE_GUESS, 2), 2);
		assert_int_equal(truth(gt, 40, VEXFS_FILE_IBIN, 2), 2);
		refuse(truth(gt, 36, VEXFS_FILE_IBIN, 2), -EBADMSG, "more bytes follow");
		refuse(truth(gt, 20, VEXFS_FILE_IBIN, 2), -EBADMSG, "list 1 is not whole");
		refuse(truth(gt, 6, VEXFS_FILE_IBIN, 2), -EBADMSG, "truncated in its header");
	}
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

#define HEADER(descr, shape) \
	"{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }   \n"

#define FORTRAN(descr, shape) \
	"{'descr': '" descr "', 'fortran_order': True, 'shape': " shape ", }   \n"

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
	assert_int_equal(
		jsonl("{\"id\": 7, \"key\": \"doc-1\", \"vector\": [1], \"attrs\": {\"age\": -3, "
		      "\"lang\": \"d\\u00e9\"}, \"file\": \"a/b\", \"offset\": 5, \"length\": 100}",
		      1),
		1);
	assert_true(last.has_id && last.id == 7 && last.attrs == 2 && last.attr[0].number == -3);
	assert_true(!last.attr[0].word && last.file_off == 5 && last.file_len == 100);
	assert_string_equal(key, "doc-1");
	assert_string_equal(word, "d\xc3\xa9");
	assert_string_equal(file, "a/b");
	assert_int_equal(jsonl("{\"id\": 18446744073709551615, \"vector\": [1]}", 1), 1);
	assert_true(last.id == ~0ULL);
	assert_int_equal(jsonl("{\"vector\": [1], \"attrs\": {\"a\": -9223372036854775808}}", 1),
			 1);
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
		{ -EBADMSG, "not one whole JSON object", "{" },
		{ -EBADMSG, "it ends", "{\"vector\": [1, 2" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [1, 2]} x" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [1, 2]} {}" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [1, 2,]}" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [[[[1]]]]}" },
		{ -EBADMSG, "not one whole JSON object",
		  "{\"vector\": [1, 2], \"key\": \"\xff\"}" },
		{ -EBADMSG, "neither an object nor an array", "\"vector\"" },
		{ -EMSGSIZE, "has 3 dimensions", "[1, 2, 3]" },
		{ -EINVAL, "has no \"vector\"", "{\"id\": 1}" },
		{ -EBADMSG, "\"vector\" is not an array", "{\"vector\": 1}" },
		{ -EINVAL, "has no \"vector\"", "{\"vector\": null}" },
		{ -EMSGSIZE, "has 1 dimension, the collection has 2", "{\"vector\": [1]}" },
		{ -EMSGSIZE, "has 3 dimensions", "{\"vector\": [1, 2, 3]}" },
		{ -EMSGSIZE, "has 0 dimensions", "{\"vector\": []}" },
		{ -EINVAL, "dimension 1 is not a number", "{\"vector\": [1, \"2\"]}" },
		{ -EINVAL, "dimension 1 is not a number", "{\"vector\": [1, null]}" },
		{ -EINVAL, "dimension 1 is NaN or infinity", "{\"vector\": [1, NaN]}" },
		{ -EINVAL, "dimension 0 is NaN or infinity", "{\"vector\": [-Infinity, 1]}" },
		{ -EINVAL, "dimension 0 is NaN or infinity", "{\"vector\": [1e39, 1]}" },
		{ -EBADMSG, "\"colour\" is unknown", "{\"colour\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": -1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": 1.5, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number",
		  "{\"id\": 9007199254740993.0, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": -1.0, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": true, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": NaN, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": \"1\", \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number",
		  "{\"id\": 18446744073709551616, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" is not a string", "{\"key\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" is not a string", "{\"key\": true, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" has 0 bytes", "{\"key\": \"\", \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" has a NUL", "{\"key\": \"a\\u0000b\", \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"attrs\" is not an object", "{\"attrs\": [1], \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither", "{\"attrs\": {\"a\": 1.5}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither", "{\"attrs\": {\"a\": 1e300}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither", "{\"attrs\": {\"a\": [1]}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither", "{\"attrs\": {\"a\": NaN}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither",
		  "{\"attrs\": {\"a\": 9223372036854775808}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither",
		  "{\"attrs\": {\"a\": -9223372036854775809}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "an attribute has no name", "{\"attrs\": {\"\": 1}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "a name has a NUL",
		  "{\"attrs\": {\"a\\u0000b\": 1}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "a name has a NUL", "{\"id\\u0000\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" has a NUL",
		  "{\"attrs\": {\"a\": \"\\u0000\"}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "more than 8 attributes",
		  "{\"attrs\": {\"a\": 1, \"b\": 1, \"c\": 1, \"d\": 1, "
		  "\"e\": 1, \"f\": 1, \"g\": 1, \"h\": 1, \"i\": 1}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "without a \"file\"", "{\"offset\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "without a \"file\"", "{\"length\": 0, \"vector\": [1, 2]}" },
		{ -EBADMSG, "go beyond the largest file",
		  "{\"file\": \"a\", \"offset\": 9223372036854775807, \"length\": 1, \"vector\": [1, 2]}" },
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

/* What other programs write where there is nothing, and numbers that are whole. */
static void test_jsonl_lenient(void **state)
{
	(void)state;
	assert_int_equal(
		jsonl("{\"id\": null, \"key\": null, \"attrs\": null, \"file\": null, \"offset\": null, "
		      "\"length\": null, \"vector\": [1]}",
		      1),
		1);
	assert_true(!last.has_id && !last.key && !last.attrs && !last.file && !last.file_off &&
		    !last.file_len);
	assert_int_equal(jsonl("{\"attrs\": {\"year\": null, \"lang\": \"\"}, \"vector\": [1]}", 1),
			 1);
	assert_true(last.attrs == 1 && last.attr[0].word && !word[0]);
	assert_int_equal(jsonl("{\"attrs\": {\"year\": 2024.0}, \"vector\": [1]}", 1), 1);
	assert_true(last.attrs == 1 && !last.attr[0].word && last.attr[0].number == 2024);
	assert_int_equal(jsonl("{\"attrs\": {\"year\": -9007199254740991.0}, \"vector\": [1]}", 1),
			 1);
	assert_true(last.attr[0].number == -9007199254740991);
	assert_int_equal(jsonl("{\"attrs\": {\"a\": true, \"b\": false}, \"vector\": [1]}", 1), 1);
	assert_true(last.attrs == 2 && last.attr[0].number == 1 && last.attr[1].number == 0);
	assert_int_equal(
		jsonl("{\"id\": 7.0, \"file\": \"f\", \"offset\": 2.0, \"length\": 3.0, \"vector\": [1]}",
		      1),
		1);
	assert_true(last.id == 7 && last.file_off == 2 && last.file_len == 3);
	/* nine attributes, two of which are not there */
	assert_int_equal(
		jsonl("{\"attrs\": {\"a\": null, \"b\": null, \"c\": 1, \"d\": 1, \"e\": 1, \"f\": 1, "
		      "\"g\": 1, \"h\": 1, \"i\": 1}, \"vector\": [1]}",
		      1),
		1);
	assert_int_equal(last.attrs, 7);
	/* blank lines, a byte order mark, arrays */
	assert_int_equal(jsonl("\n{\"vector\": [1]}\n \t \n\r\n{\"vector\": [2]}\n\n\n", 1), 2);
	assert_true(row[0] == 2);
	assert_int_equal(jsonl(VEXFS_BOM "{\"vector\": [1]}\n", 1), 1);
	assert_int_equal(jsonl(VEXFS_BOM "\n\n", 1), 0);
	assert_int_equal(import(VEXFS_BOM "{\"vector\": [1]}\n", 18, VEXFS_FILE_GUESS, 1), 1);
	assert_int_equal(jsonl("[1, 2]\n[3, 4.5]", 2), 2);
	assert_true(row[1] == 4.5f);
	assert_int_equal(import("[1, 2]\n[3, 4]\n", 14, VEXFS_FILE_GUESS, 2), 2);
	refuse(jsonl("{\"vector\": [1]}\n\n{\"vector\": 1}\n", 1), -EBADMSG, "line 3");
	refuse(jsonl("{\"vector\": [1]}\n" VEXFS_BOM "{\"vector\": [1]}\n", 1), -EBADMSG, "line 2");
}

/* --- json: one array */

static int json(const char *s, __u32 dims)
{
	return import(s, strlen(s), VEXFS_FILE_JSON, dims);
}

static void test_json(void **state)
{
	static const char *const same[] = {
		"[{\"id\": 7, \"vector\": [1, 2]}, {\"id\": 8, \"key\": \"a]}\\\"\\\\\", \"vector\": [3, 4]}]",
		" [ {\"vector\":[1,2]},\r\n{\n\"id\": 8,\n \"key\": \"a]}\\\"\\\\\", \"vector\"\n:[\n3,4]\n}\n]\n\n ",
		VEXFS_BOM "[[1, 2], {\"id\": 8, \"key\": \"a]}\\\"\\\\\", \"vector\": [3, 4]}]",
	};
	static const struct {
		int err;
		const char *says, *text;
	} bad[] = {
		{ -EBADMSG, "it is not an array", "" },
		{ -EBADMSG, "it is not an array", "{\"vector\": [1, 2]}" },
		{ -EBADMSG, "it ends in record 0", "[" },
		{ -EBADMSG, "it ends in record 0", "[[1, 2" },
		{ -EBADMSG, "it ends in record 1", "[[1, 2]" },
		{ -EBADMSG, "it ends in record 1", "[[1, 2]," },
		{ -EBADMSG, "it ends in record 0", "[{\"key\": \"}]" },
		{ -EBADMSG, "record 0 is neither", "[1, 2]" },
		{ -EBADMSG, "record 0 is neither", "[,]" },
		{ -EBADMSG, "record 1 is neither", "[[1, 2],]" },
		{ -EBADMSG, "record 1 is neither", "[[1, 2],,[1, 2]]" },
		{ -EBADMSG, "missing before record 1", "[[1, 2] [1, 2]]" },
		{ -EBADMSG, "something follows", "[[1, 2]] x" },
		{ -EBADMSG, "something follows", "[[1, 2]]]" },
		{ -EBADMSG, "record 1 is not one whole JSON object", "[[1, 2], [1, 2}]]" },
		{ -EBADMSG, "record 1 is not one whole JSON object", "[[1, 2], {vector: [1, 2]}]" },
		{ -EMSGSIZE, "record 1 has 1 dimension", "[[1, 2], [1]]" },
		{ -EINVAL, "record 1 has no \"vector\"", "[[1, 2], {}]" },
		{ -EINVAL, "record 1, dimension 0 is NaN", "[[1, 2], [1e39, 2]]" },
		{ -EBADMSG, "record 1: \"id\" is not",
		  "[[1, 2], {\"id\": -1, \"vector\": [1, 2]}]" },
	};
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(*same); i++) {
		assert_int_equal(json(same[i], 2), 2);
		assert_true(row[0] == 3 && row[1] == 4 && last.id == 8);
		assert_string_equal(key, "a]}\"\\");
		assert_int_equal(import(same[i], strlen(same[i]), VEXFS_FILE_GUESS, 2), 2);
	}
	assert_int_equal(json("[]", 2), 0);
	assert_int_equal(json(" [\n]\n", 2), 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuse(json(bad[i].text, 2), bad[i].err, bad[i].says);
	refuse(import("[[1,\0 2]]", 9, VEXFS_FILE_JSON, 2), -EBADMSG, "NUL");
	text = malloc(VEXFS_IMPORT_LINE + 100);
	memset(text, '[', VEXFS_IMPORT_LINE + 99);
	text[VEXFS_IMPORT_LINE + 99] = 0;
	refuse(json(text, 2), -EBADMSG, "record 0 is longer than");
	free(text);
}

/* --- records that are no vectors, and reading on */

static void skips(const char *data, size_t len, enum vexfs_file_format format, bool nonzero,
		  const char *want)
{
	FILE *f = fmemopen((void *)data, len, "r");
	struct vexfs_import im;
	char got[100] = "";
	int r, round;

	assert_int_equal(vexfs_import_open(&im, f, format, 2, nonzero), 0);
	for (round = 0; round < 2; round++) {
		got[0] = 0;
		while ((r = vexfs_import_next(&im)) > 0 || vexfs_import_skips(r)) {
			assert_int_equal(im.record, im.current + 1);
			if (r > 0)
				sprintf(got + strlen(got), "%g ", im.r.row[0]);
			else
				strcat(got, r == -EDOM ? "zero " :
					    r == -EINVAL ? "none " :
							   "dims ");
			assert_true(r > 0 || !im.r.row);
		}
		assert_int_equal(r, 0);
		if (strcmp(got, want))
			fail_msg("'%s', not '%s'", got, want);
		assert_int_equal(vexfs_import_rewind(&im), 0);
	}
	vexfs_import_close(&im);
	fclose(f);
}

static void test_skips(void **state)
{
	static const float zero[] = { 1, 2, 0, 0, 3, 4, NAN, 1, 5, 6 };
	static const __u32 vecs[] = { 2, 0x3f800000, 0, 3, 1, 1, 1,
				      2, 0x7f800000, 0, 2, 0x40000000, 0 };
	char lines[] = "a 1 2\nb 0 0\nc 3\nd 4 x\ne 5 nan\n f\ng 7 8\n";
	char objects[] =
		"[1, 2]\n{\"vector\": null}\n{}\n{\"vector\": [0, 0.0]}\n{\"vector\": [1]}\n"
		"{\"vector\": [NaN, 1]}\n[\"a\", 2]\n[2, 3]\n";
	char array[200], *p;
	size_t n;

	(void)state;
	n = make_npy(1, HEADER("<f4", "(5, 2)"), zero, sizeof(zero));
	skips((char *)npy, n, VEXFS_FILE_NPY, true, "1 zero 3 none 5 ");
	skips((char *)npy, n, VEXFS_FILE_NPY, false, "1 0 3 none 5 ");
	n = make_npy(1, FORTRAN("<f4", "(5, 2)"), zero, sizeof(zero));
	skips((char *)npy, n, VEXFS_FILE_NPY, true, "1 none 0 0 3 ");
	skips((char *)vecs, sizeof(vecs), VEXFS_FILE_FVECS, true, "1 dims none 2 ");
	skips(lines, strlen(lines), VEXFS_FILE_TEXT, true, "1 zero dims none none none 7 ");
	skips(objects, strlen(objects), VEXFS_FILE_JSONL, true,
	      "1 none none zero dims none none 2 ");
	snprintf(array, sizeof(array), "[%s", objects);
	for (p = array; (p = strchr(p, '\n')); )
		*p = ',';
	array[strlen(array) - 1] = ']';
	skips(array, strlen(array), VEXFS_FILE_JSON, true, "1 none none zero dims none none 2 ");
	refuse(import(vecs, 20, VEXFS_FILE_FVECS, 2), -EBADMSG,
	       "3 dimensions, the collection has 2, and the file ends");
}

/* --- gzip */

static void test_gzip(void **state)
{
	static const char text[] = "{\"vector\": [1, 2]}\n{\"vector\": [3, 4]}\n";
	struct vexfs_import im;
	FILE *f = tmpfile(), *gz;
	unsigned char packed[8192];
	size_t size, i;
	int r, round;

	(void)state;
	gz = vexfs_gzip_open(dup(fileno(f)), true);
	assert_non_null(gz);
	assert_int_equal(fseeko(gz, 0, SEEK_SET), -1);
	assert_int_equal(fwrite(text, 1, sizeof(text) - 1, gz), sizeof(text) - 1);
	assert_int_equal(fclose(gz), 0);
	rewind(f);
	assert_true(vexfs_is_gzip(f));
	size = fread(packed, 1, sizeof(packed), f);
	assert_true(size > 20 && size < sizeof(packed));

	gz = vexfs_gzip_open(dup(fileno(f)), false);
	assert_false(vexfs_is_gzip(gz));
	assert_int_equal(vexfs_import_open(&im, gz, VEXFS_FILE_GUESS, 2, false), 0);
	assert_int_equal(im.format, VEXFS_FILE_JSONL);
	for (round = 0; round < 3; round++) {
		assert_int_equal(vexfs_import_next(&im), 1);
		assert_int_equal(vexfs_import_next(&im), 1);
		assert_true(im.row[1] == 4);
		assert_int_equal(vexfs_import_next(&im), 0);
		assert_int_equal(vexfs_import_rewind(&im), 0);
	}
	vexfs_import_close(&im);
	assert_int_equal(fclose(gz), 0);
	fclose(f);

	/*
	 * cut off anywhere, or with any byte damaged: never other records, and mostly an error that
	 * says so
	 */
	for (i = 18; i < 2 * size; i++) {
		f = tmpfile();
		if (i >= size)
			packed[i - size] ^= 0x55;
		fwrite(packed, 1, i < size ? i : size, f);
		if (i >= size)
			packed[i - size] ^= 0x55;
		fflush(f);
		rewind(f);
		if (i >= size && !vexfs_is_gzip(f)) {
			fclose(f);
			continue;
		}
		gz = vexfs_gzip_open(dup(fileno(f)), false);
		r = vexfs_import_open(&im, gz, VEXFS_FILE_JSONL, 2, false);
		while (!r && (r = vexfs_import_next(&im)) > 0)
			r = 0;
		if (i < size || i - size > 9) {
			assert_true(r < 0);
			if (r == -EIO)
				assert_non_null(strstr(im.error,
						       "its gzip data are damaged or cut off"));
		}
		vexfs_import_close(&im);
		fclose(gz);
		fclose(f);
	}
}

/* --- kinds of files that are known, and not read */

static void test_kinds(void **state)
{
	static const struct {
		const char *says;
		size_t len;
		const char *data;
	} kinds[] = {
		{ "it is a Parquet file", 12, "PAR1\x15\0\x15\0\0\0\0\0" },
		{ "it is an Arrow or Feather file", 12, "ARROW1\0\0\xff\xff\xff\xff" },
		{ "it is an Arrow stream", 12, "\xff\xff\xff\xff\x80\0\0\0\0\0\0\0" },
		{ "it is an HDF5 file", 12, "\x89HDF\r\n\x1a\n\0\0\0\0" },
		{ "it is a Python pickle", 12, "\x80\4\x95\x10\0\0\0\0\0\0\0\x8c" },
		{ "it is a Python pickle", 8, "\x80\2}q\0(X\1" },
		{ "it is an npz archive", 20, "PK\3\4\x14\0\0\0\0\0\0\0a.npy\0\0\0" },
		{ "it is a PyTorch file", 24, "PK\3\4\x14\0\0\0\0\0\0\0a/data.pkl\0\0" },
		{ "it is a zip archive", 12, "PK\3\4\x14\0\0\0\0\0\0\0" },
		{ "it is a safetensors file", 20, "\x40\0\0\0\0\0\0\0{\"a\":{\"dty\"" },
		{ "it is a binary word2vec file", 20, "10 300\nword \0\0\x80\x3f\0\0\0\0" },
		{ "it is packed by zstd", 8, "\x28\xb5\x2f\xfd\0\0\0\0" },
		{ "it is packed by xz", 8, "\xfd" "7zXZ\0\0\0" },
		{ "it is packed by bzip2", 8, "BZh9\x31\x41\0\0" },
		{ "it is text in UTF-16", 8, "\xff\xfe{\0\"\0v\0" },
		{ "it is an SQLite database", 20, "SQLite format 3\0\x10\0\1\1" },
		{ "it is CSV", 15, "id,0,1\n7,0.5,1\n" },
		{ "is none of fvecs, fbin, npy", 8, "\x7f" "ELF\2\1\1\0" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		refuse(import(kinds[i].data, kinds[i].len, VEXFS_FILE_GUESS, 2), -ENOEXEC,
		       kinds[i].says);
		if (strstr(kinds[i].says, "CSV") || strstr(kinds[i].says, "none of"))
			continue;
		refuse(import(kinds[i].data, kinds[i].len, VEXFS_FILE_TEXT, 2), -ENOEXEC,
		       kinds[i].says);
		refuse(import(kinds[i].data, kinds[i].len, VEXFS_FILE_JSONL, 2), -ENOEXEC,
		       kinds[i].says);
		refuse(import(kinds[i].data, kinds[i].len, VEXFS_FILE_NPY, 2), -ENOEXEC,
		       kinds[i].says);
	}
	/* and what only looks like them */
	assert_int_equal(import("PAR1 1 2\n", 9, VEXFS_FILE_GUESS, 2), 1);
	assert_int_equal(import(", 1 2\n", 6, VEXFS_FILE_GUESS, 2), 1);
	assert_int_equal(import("{ 1 2\n", 6, VEXFS_FILE_GUESS, 2), 1);
	assert_int_equal(import("[ 1 2\n", 6, VEXFS_FILE_GUESS, 2), 1);
	/* fvecs of 640 dimensions start like a pickle */
	{
		static __le32 wide[641] = { 640 };

		assert_int_equal(import(wide, sizeof(wide), VEXFS_FILE_GUESS, 640), 1);
	}
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
	assert_int_equal(vexfs_file_format_of("q.json"), VEXFS_FILE_JSON);
	assert_int_equal(vexfs_file_format_of("q.jsonl.gz"), VEXFS_FILE_JSONL);
	assert_int_equal(vexfs_file_format_of("/tmp/q.u8bin"), VEXFS_FILE_U8BIN);
	assert_int_equal(vexfs_file_format_of("q.gz"), VEXFS_FILE_GUESS);
	assert_int_equal(vexfs_file_format_of(".npy"), VEXFS_FILE_GUESS);
	assert_int_equal(vexfs_file_format_of("a.npy/q"), VEXFS_FILE_GUESS);
	assert_int_equal(vexfs_file_format_of("npy"), VEXFS_FILE_GUESS);
}

/* --- there and back */

static float any_float(void)
{
	static const float odd[] = { 0, -0.0f, 1, -1, FLT_MAX,
				     -FLT_MIN, FLT_TRUE_MIN, 0.1f, 16777216, 1e10f };
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
	static const char *const parts[] = {
		"a", "\"", "\\", "/", "\n", "\t", "\x01", "\x7f", "\xc3\xa9",
		"\xc2\x9b", "\xe2\x80\xae", "\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf", " ", "{", "," };
	__u32 n = 1 + chance(chance(4) ? 8 : 63);

	for (*s = 0; n; n--)
		strcat(s, parts[chance(sizeof(parts) / sizeof(*parts))]);
	if (!chance(16)) {		/* the longest that there is */
		memset(s, 'l', VEXFS_MAX_KEY - 2);
		strcpy(s + VEXFS_MAX_KEY - 2, "\xc3\xa9");
	}
}

static __s64 any_number(void)
{
	static const __s64 odd[] = { 0, -1, 1, INT64_MIN, INT64_MAX, INT64_MIN + 1, 1LL << 53 };

	return chance(4) ? (__s64)((__u64)chance(1 << 20) << chance(45)) - chance(2) :
			   odd[chance(sizeof(odd) / sizeof(*odd))];
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
		if (format == VEXFS_FILE_JSONL || format == VEXFS_FILE_JSON) {
			for (j = 0; j < VEXFS_MAX_ATTRS + 2; j++)
				any_string(strings[i][j]);
			r[i].has_id = chance(4);
			r[i].id = r[i].has_id ? (__u64)any_number() : 0;
			r[i].key = chance(2) ? strings[i][0] : NULL;
			r[i].file = chance(2) ? strings[i][1] : NULL;
			r[i].file_off = r[i].file ? chance(1 << 30) : 0;
			r[i].file_len = r[i].file ? ~0U - chance(2) : 0;
			r[i].attrs = chance(VEXFS_MAX_ATTRS + 1);
			for (j = 0; j < r[i].attrs; j++) {
				snprintf(names[j], sizeof(names[j]), "attr%u", j);
				r[i].attr[j].name = names[j];
				r[i].attr[j].word = chance(2) ? strings[i][j + 2] : NULL;
				r[i].attr[j].number = r[i].attr[j].word ? 0 : any_number();
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
			assert_true(!r[i].attr[j].word ||
				    !strcmp(im.r.attr[j].word, r[i].attr[j].word));
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
		round_trip(VEXFS_FILE_FBIN, 3 + chance(6));
		round_trip(VEXFS_FILE_JSONL, 1 + chance(8));
		round_trip(VEXFS_FILE_JSON, 1 + chance(8));
	}
}

static void test_export_bad(void **state)
{
	static const char *const no_utf8[] = {
		"\xff", "\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
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
	/* what could steer a terminal is escaped, in each string of a record */
	for (i = 0; i < 2; i++) {
		static const char evil[] = "\x1b[1m \x7f \xc2\x9b" "2m \xe2\x80\xae \xc3\xa9";
		static const char escaped[] = "\"\\u001b[1m \\u007f \\u009b2m \\u202e \xc3\xa9\"";
		struct vexfs_file_record s = { .row = row, .key = evil, .file = evil, .attrs = 1,
					       .attr = { { .name = "w", .word = evil } } };
		char *text = NULL, *at;
		size_t size;

		f = open_memstream(&text, &size);
		assert_int_equal(
			vexfs_export_open(&ex, f, i ? VEXFS_FILE_JSON : VEXFS_FILE_JSONL, 3), 0);
		assert_int_equal(vexfs_export_record(&ex, &s), 0);
		assert_int_equal(vexfs_export_finish(&ex), 0);
		fclose(f);
		for (n = 0, at = text; (at = strstr(at, escaped)); at++)
			n++;
		if (n != 3)
			fail_msg("%s", text);
		free(text);
	}
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
	static const char *const pieces[] = { "{",
					      "}",
					      "[",
					      "]",
					      "(",
					      ")",
					      ",",
					      ":",
					      " ",
					      "'",
					      "\"",
					      "\\",
					      "\n",
					      "1",
					      "-",
					      "0.5",
					      "e9",
					      "NaN",
					      "null",
					      "true",
					      "False",
					      "True",
					      "<f4",
					      "|u1",
					      "'descr': '<f4'",
					      "'fortran_order': False",
					      "'shape': (1, 2)",
					      "\"vector\": [1, 2]",
					      "\"id\": 7",
					      "\"key\": \"a\"",
					      "\"attrs\": {\"a\": 1}",
					      "\"file\": \"f\"",
					      "\xff",
					      "\\u0000",
					      "\\ud800",
					      "9223372036854775808" };
	static const char good[] =
		"{\"id\": 7, \"key\": \"doc\", \"attrs\": {\"a\": 3, \"l\": \"de\"}, "
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
		read += json(text, 2) > 0;
		read += read_npy(text, "\0\0\0\0\0\0\0\0", chance(9), 2) > 0;
		/* what is right, but for a few bytes */
		strcpy(text, good);
		for (i = chance(3); i > 0; i--)
			text[chance(sizeof(good) - 1)] = chance(2) ? (char)chance(256) :
								     "\"{}[],:0"[chance(8)];
		read += import(text, sizeof(good) - 1, VEXFS_FILE_JSONL, 2) > 0;
		n = make_npy(1 + chance(3), HEADER("<f4", "(1, 2)"), "\0\0\0\0\0\0\0\0", 8);
		for (i = chance(3); i > 0; i--)
			npy[chance(n)] = chance(2) ? (char)chance(256) : "'{}(),:0"[chance(8)];
		read += import(npy, n, VEXFS_FILE_NPY, 2) > 0;
		n = make_npy(1 + chance(3), FORTRAN("<i4", "(2, 2)"), good, 16);
		for (i = chance(3); i > 0; i--)
			npy[chance(n)] = chance(2) ? (char)chance(256) : "'{}(),:0"[chance(8)];
		read += import(npy, n, VEXFS_FILE_GUESS, 2) > 0;
		read += truth(npy, n, VEXFS_FILE_GUESS, chance(16)) > 0;
		/* small numbers are plausible counts */
		for (i = 0; i < 40; i++)
			npy[i] = i % 4 ? 255 * !chance(20) : chance(4);
		read += truth(npy, chance(40) + 1, VEXFS_FILE_GUESS + chance(2) * VEXFS_FILE_IBIN,
			      chance(16)) > 0;
		read += import(npy, chance(40) + 1, VEXFS_FILE_FBIN + chance(5), 2) > 0;
		read += import(npy, chance(40) + 1, VEXFS_FILE_GUESS, 2) > 0;
	}
	assert_true(read > 5000);	/* noise that is all refused at once finds nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vecs),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_bin),
		cmocka_unit_test(test_npy),
		cmocka_unit_test(test_fortran),
		cmocka_unit_test(test_rounded),
		cmocka_unit_test(test_npy_header),
		cmocka_unit_test(test_jsonl),
		cmocka_unit_test(test_jsonl_bad),
		cmocka_unit_test(test_jsonl_lenient),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_skips),
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_export_bad),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
