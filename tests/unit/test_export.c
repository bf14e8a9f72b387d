// SPDX-License-Identifier: GPL-2.0
/* What is exported is imported again bit for bit; and what cannot be exported. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "formats.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_export_bad),
		cmocka_unit_test(test_floats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
