// SPDX-License-Identifier: GPL-2.0
/* What every reader of records promises, whatever the file holds. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>

#include "fuzz.h"
#include "libvexfs/export.h"
#include "libvexfs/truth.h"
#include "platform/vexfs-user.h"

FILE *file_of(const void *data, size_t size)
{
	/* fmemopen() takes no empty file */
	FILE *f = size ? fmemopen((void *)data, size, "r") : fopen("/dev/null", "r");

	must(f);
	return f;
}

__u32 some_dims(__u8 choice)
{
	static const __u32 dims[] = { 1, 2, 3, 4, 8, 17, 300, VEXFS_MAX_DIMS };

	return dims[choice % ARRAY_SIZE(dims)];
}

/* One line that says something, and commands no terminal. */
static void check_error(const char *error, int ret)
{
	must((ret < 0) == (error[0] != 0));
	for (; *error; error++)
		must((unsigned char)*error >= ' ' && *error != 0x7f);
}

static void check_string(const char *s, size_t min, size_t max)
{
	must(strlen(s) >= min && strlen(s) <= max);
}

static void check_record(const struct vexfs_import *im, bool nonzero)
{
	const struct vexfs_file_record *r = &im->r;
	bool zero = true;
	__u32 i;

	must(r->row);
	for (i = 0; i < im->dims; i++) {
		must(isfinite(r->row[i]));
		zero &= r->row[i] == 0;
	}
	must(!zero || !nonzero);
	must(r->has_id || !r->id);
	if (r->key)
		check_string(r->key, 1, VEXFS_MAX_KEY);
	must(r->attrs <= VEXFS_MAX_ATTRS);
	for (i = 0; i < r->attrs; i++) {
		must(r->attr[i].name[0]);
		if (r->attr[i].word) {
			check_string(r->attr[i].word, 0, VEXFS_MAX_KEY);
			must(!r->attr[i].number);
		}
	}
	if (r->file)
		check_string(r->file, 1, 4095);
	must(r->file || (!r->file_off && !r->file_len));
	must(r->file_off <= (__u64)INT64_MAX - r->file_len);
}

static __u32 add_string(__u32 sum, const char *s)
{
	return s ? crc32c(sum, s, strlen(s) + 1) : crc32c(sum, "\xff", 1);
}

/* A checksum of all that a record holds; rows only: of its row. */
static __u32 add_record(__u32 sum, const struct vexfs_file_record *r, __u32 dims, bool rows)
{
	__u32 i;

	sum = crc32c(sum, r->row, dims * sizeof(*r->row));
	if (rows)
		return sum;
	sum = crc32c(sum, &r->has_id, sizeof(r->has_id));
	sum = crc32c(sum, &r->id, sizeof(r->id));
	sum = add_string(sum, r->key);
	for (i = 0; i < r->attrs; i++) {
		sum = add_string(sum, r->attr[i].name);
		sum = add_string(sum, r->attr[i].word);
		sum = crc32c(sum, &r->attr[i].number, sizeof(r->attr[i].number));
	}
	sum = add_string(sum, r->file);
	sum = crc32c(sum, &r->file_off, sizeof(r->file_off));
	return crc32c(sum, &r->file_len, sizeof(r->file_len));
}

/* What was read of a file. */
struct reading {
	__u64 records;
	__u32 sum;			/* of all of them */
	int ended;			/* 0, or the error that ended it */
};

/* To its end.  ex: where the records go, too; NULL: nowhere.  *ex_err: the first error of that. */
static struct reading read_on(struct vexfs_import *im, bool nonzero, bool rows,
			      struct vexfs_export *ex, int *ex_err)
{
	struct reading r = { .sum = ~0u };
	char place[VEXFS_PLACE];
	__u64 before;
	int ret;

	for (;;) {
		before = im->record;
		im->error[0] = 0;
		ret = vexfs_import_next(im);
		check_error(im->error, ret);
		must(ret == 1 || ret == 0 || ret == -EBADMSG || vexfs_import_skips(ret));
		must(im->record - before == (ret > 0 || vexfs_import_skips(ret)));
		must(strlen(vexfs_import_place(im, place)) < sizeof(place));
		if (vexfs_import_skips(ret))
			continue;
		if (ret <= 0)
			break;
		check_record(im, nonzero);
		r.records++;
		r.sum = add_record(r.sum, &im->r, im->dims, rows);
		if (ex && !*ex_err)
			*ex_err = vexfs_export_record(ex, &im->r);
	}
	if (!ret)			/* at the end it stays */
		must(vexfs_import_next(im) == 0);
	r.ended = ret;
	return r;
}

static bool same(const struct reading *a, const struct reading *b)
{
	return a->records == b->records && a->sum == b->sum && a->ended == b->ended;
}

/* Formats that say how many records there are. */
static bool says(enum vexfs_file_format f)
{
	return f >= VEXFS_FILE_FBIN && f <= VEXFS_FILE_NPY;
}

/*
 * Write the records that are in a file to another one, of a format that keeps all of them or rows
 * alone; read that.
 */
static void copy(const void *data, size_t size, enum vexfs_file_format format, __u32 dims,
		 enum vexfs_file_format to)
{
	bool rows = to != VEXFS_FILE_JSONL && to != VEXFS_FILE_JSON;
	FILE *in = file_of(data, size), *out;
	struct reading first, second;
	struct vexfs_import im;
	struct vexfs_export ex;
	char *text = NULL;
	size_t bytes = 0;
	int err;

	must(!vexfs_import_open(&im, in, format, dims, false));
	out = open_memstream(&text, &bytes);
	must(out);
	err = vexfs_export_open(&ex, out, to, dims);
	must(!err);
	first = read_on(&im, false, rows, &ex, &err);
	vexfs_import_close(&im);
	fclose(in);
	must(!err || err == -EILSEQ);
	must(!err || ex.error[0]);
	if (!err)
		must(!vexfs_export_finish(&ex));
	fclose(out);
	/*
	 * fbin and npy go back to write their header, and then a memory stream is as long as that
	 */
	if (!err && (to == VEXFS_FILE_JSONL || to == VEXFS_FILE_JSON || to == VEXFS_FILE_FVECS)) {
		in = file_of(text, bytes);
		must(!vexfs_import_open(&im, in, to, dims, false));
		second = read_on(&im, false, rows, NULL, NULL);
		must(!second.ended && second.records == first.records && second.sum == first.sum);
		vexfs_import_close(&im);
		fclose(in);
	}
	free(text);
}

void import_all(const void *data, size_t size, enum vexfs_file_format format, __u32 dims,
		bool nonzero)
{
	FILE *f = file_of(data, size);
	struct reading first, second;
	struct vexfs_import im;
	int err;

	err = vexfs_import_open(&im, f, format, dims, nonzero);
	check_error(im.error, err);
	must(!err || err == -ENOEXEC || err == -EBADMSG || err == -EMSGSIZE);
	if (err) {
		fclose(f);
		return;
	}
	must(im.format && (!format || im.format == format));
	format = im.format;
	first = read_on(&im, nonzero, false, NULL, NULL);
	must(!says(format) || first.records <= im.rows);
	must(first.records <= size);
	must(!vexfs_import_rewind(&im));
	second = read_on(&im, nonzero, false, NULL, NULL);
	must(same(&first, &second));
	vexfs_import_close(&im);
	fclose(f);
	if (first.records) {
		copy(data, size, format, dims, VEXFS_FILE_JSONL);
		copy(data, size, format, dims, VEXFS_FILE_JSON);
		copy(data, size, format, dims, VEXFS_FILE_FVECS);
	}
}

void truth_all(const void *data, size_t size, enum vexfs_file_format format)
{
	FILE *f = file_of(data, size);
	struct vexfs_truth t;
	__u64 ids[8];
	__u32 n, i;
	int ret;

	ret = vexfs_truth_open(&t, f, format);
	must((ret < 0) == (t.error[0] != 0));
	must(!ret || ret == -EBADMSG || ret == -ENOEXEC);
	if (ret) {
		fclose(f);
		return;
	}
	while ((ret = vexfs_truth_next(&t, ids, ARRAY_SIZE(ids), &n)) > 0) {
		must(n <= ARRAY_SIZE(ids) && n <= t.ids);
		for (i = 0; i < n; i++)
			must(ids[i] != ~0ULL);
		must(t.format == VEXFS_FILE_IVECS || t.list <= t.lists);
		must(t.list <= size);
	}
	must(!ret || ret == -EBADMSG);
	must((ret < 0) == (t.error[0] != 0));
	vexfs_truth_close(&t);
	fclose(f);
}
