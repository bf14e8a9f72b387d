// SPDX-License-Identifier: GPL-2.0
/* See formats.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "formats.h"

float row[640];
struct vexfs_file_record last;
char said[256], key[300], word[300], file[300];
__u64 list[16];
__u32 listed;
unsigned char npy[70000];

/* Read all of it; how many records, or the error. */
int import(const void *data, size_t len, enum vexfs_file_format format, __u32 dims)
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
	snprintf(said, sizeof(said), "%s", im.error);
	assert_int_equal(r < 0, said[0] != 0);
	assert_null(strchr(said, '\n'));
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

void refuse(int got, int err, const char *says)
{
	if (got != err || !strstr(said, says))
		fail_msg("%d (wanted %d) '%s' does not say '%s'", got, err, said, says);
}

int read_lists(const void *data, size_t len, enum vexfs_file_format format, __u32 max)
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
	snprintf(said, sizeof(said), "%s", t.error);
	assert_int_equal(r < 0, said[0] != 0);
	vexfs_truth_close(&t);
	fclose(f);
	return r < 0 ? r : n;
}

/* An array with this header; how many bytes. */
size_t make_npy(int version, const char *header, const void *data, size_t len)
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

int read_npy(const char *header, const void *data, size_t len, __u32 dims)
{
	return import(npy, make_npy(1, header, data, len), VEXFS_FILE_NPY, dims);
}

int jsonl(const char *s, __u32 dims)
{
	return import(s, strlen(s), VEXFS_FILE_JSONL, dims);
}

int json(const char *s, __u32 dims)
{
	return import(s, strlen(s), VEXFS_FILE_JSON, dims);
}
