// SPDX-License-Identifier: GPL-2.0
/*
 * The formats of files with records: bvecs, ivecs and fbin as others write them, every way in which
 * they can be wrong, what is no vector, gzip, and files of other kinds.  See test_npy.c, test_json.c.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "formats.h"
#include "libvexfs/gzip.h"

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
	assert_int_equal(read_lists(two, sizeof(two), VEXFS_FILE_IVECS, 2), 2);
	assert_true(listed == 2 && list[0] == 1 && list[1] == 2 && list[2] == 9);
	assert_int_equal(read_lists(two, sizeof(two), VEXFS_FILE_GUESS, 3), 2);
	assert_true(listed == 3 && list[2] == __INT32_MAX__);
	for (i = 1; i < sizeof(two); i++)
		if (i != 12)
			refuse(read_lists(two, i, VEXFS_FILE_IVECS, 3), -EBADMSG, "truncated");
	/* filled up with -1 */
	assert_int_equal(read_lists(filled, sizeof(filled), VEXFS_FILE_IVECS, 4), 2);
	assert_true(listed == 1 && list[0] == 9);
	assert_int_equal(read_lists(filled, 20, VEXFS_FILE_IVECS, 3), 1);
	assert_true(listed == 2 && list[0] == 7 && list[1] == 8);
	assert_int_equal(read_lists(none, sizeof(none), VEXFS_FILE_IVECS, 4), 1);
	assert_int_equal(listed, 0);
	/* what is behind the first k does not matter */
	assert_int_equal(read_lists(junk, sizeof(junk), VEXFS_FILE_IVECS, 2), 1);
	refuse(read_lists(junk, sizeof(junk), VEXFS_FILE_IVECS, 3), -EBADMSG,
	       "number 2 is negative and not -1");
	refuse(read_lists(negative, sizeof(negative), VEXFS_FILE_IVECS, 3), -EBADMSG,
	       "list 0, number 0 is negative");
	refuse(read_lists("\0\0\0\0", 4, VEXFS_FILE_IVECS, 3), -EBADMSG, "list 0 claims 0 ids");
	refuse(read_lists("\0\0\0\x80", 4, VEXFS_FILE_IVECS, 3), -EBADMSG, "list 0 claims");
	refuse(read_lists(two, sizeof(two), VEXFS_FILE_FVECS, 3), -ENOEXEC,
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

		assert_int_equal(read_lists(gt, 24, VEXFS_FILE_GUESS, 2), 2);
		assert_true(listed == 1 && list[0] == 9);
		assert_int_equal(read_lists(gt, 40, VEXFS_FILE_GUESS, 2), 2);
		assert_int_equal(read_lists(gt, 40, VEXFS_FILE_IBIN, 2), 2);
		refuse(read_lists(gt, 36, VEXFS_FILE_IBIN, 2), -EBADMSG, "more bytes follow");
		refuse(read_lists(gt, 20, VEXFS_FILE_IBIN, 2), -EBADMSG, "list 1 is not whole");
		refuse(read_lists(gt, 6, VEXFS_FILE_IBIN, 2), -EBADMSG, "truncated in its header");
	}
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
		read += read_lists(npy, n, VEXFS_FILE_GUESS, chance(16)) > 0;
		/* small numbers are plausible counts */
		for (i = 0; i < 40; i++)
			npy[i] = i % 4 ? 255 * !chance(20) : chance(4);
		read += read_lists(npy, chance(40) + 1, VEXFS_FILE_GUESS + chance(2) * VEXFS_FILE_IBIN,
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
		cmocka_unit_test(test_skips),
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
