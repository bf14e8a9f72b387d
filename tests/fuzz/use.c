// SPDX-License-Identifier: GPL-2.0
/* Whoever mounts an image of a fuzz target, reads all of it, and changes some of it; see use.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>
#include <vexfs/ioctl.h>

#include <platform/log.h>
#include <platform/verify.h>
#include "fuzz.h"
#include "use.h"

#define DEEP		4u		/* directories in each other; they may go in circles */
#define NAMES		128u		/* of a directory that are looked at */
#define PAGE		16u		/* records listed at once */
#define PAGES		64u

/* --- the check --- */

static __u32 found;

static void report(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	static const struct {
		int number;
		enum vexfs_severity severity;
	} table[] = {
#define X(number, id, severity, name, text) { number, VEXFS_##severity },
		VEXFS_FINDINGS(X)
#undef X
	};
	char line[1024];
	va_list ap;
	size_t i;

	(void)arg;
	for (i = 0; i < ARRAY_SIZE(table) && table[i].number != (int)nr; i++)
		;
	must(i < ARRAY_SIZE(table));
	found += table[i].severity == VEXFS_ERROR;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	must(line[0]);
	if (getenv("FUZZ_SHOW"))
		fprintf(stderr, "[%d] %s\n", nr, line);
}

__u32 use_verify_fs(struct vexfs_fs *fs)
{
	static const struct vexfs_verify_opts opts = { .report = report };

	found = 0;
	must(!vexfs_verify(fs, &opts, NULL));
	return found;
}

int use_verify(const struct vexfs_dev *dev)
{
	struct vexfs_super super;
	const char *why = NULL;
	struct vexfs_dev own;
	struct vexfs_fs fs;
	int n = -1;

	must(!vexfs_dev_init(&own, dup(dev->fd), dev->blocks));
	own.quiet = true;
	must(!vexfs_dev_read(&own, 0, &super));
	if (!vexfs_super_check(&super, own.blocks, &why) &&
	    !vexfs_log_replay(&own, &super, NULL, &why) &&
	    !vexfs_super_read(&fs, &own, own.blocks)) {
		n = use_verify_fs(&fs);
		vexfs_super_release(&fs);
	}
	vexfs_dev_close(&own);
	return n;
}

/* --- mounted --- */

int use_mount(const struct vexfs_dev *dev, unsigned int flags,
	      void (*record)(struct vexfs_dev *dev, __u64 block, const void *data),
	      struct vexfs_image **image)
{
	static struct vexfs_dev own;
	const char *why = NULL;
	int err;

	must(!vexfs_dev_init(&own, dup(dev->fd), dev->blocks));
	own.quiet = !getenv("FUZZ_SHOW");
	own.record = record;
	err = vexfs_image_mount(&own, flags, image, &why);
	must(err == 0 || err == -EINVAL || err == -EUCLEAN || err == -EROFS || err == -EOPNOTSUPP ||
	     err == -ENXIO);
	return err;
}

/* The first error counts.  Those of a full disk do not: an input may leave no room. */
#define note(first, err) note_at(first, err, #err, __LINE__)
static void note_at(int *first, long err, const char *what, int line)
{
	if (err >= 0 || err == -ENOSPC || *first)
		return;
	*first = err;
	if (getenv("FUZZ_SHOW"))
		fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, line, what, strerror(-err));
}

static long search(struct file *dir, const struct vexfs_ioc_info *info, const char *snapshot,
		   __u32 flags)
{
	struct vexfs_predicate_node where = { .op = VEXFS_PRED_EQ };
	struct vexfs_hit hits[10];
	struct vexfs_ioc_search s = {
		.size = sizeof(s),
		.flags = flags,
		.k = ARRAY_SIZE(hits),
		.vector_bytes = info->row_bytes,
		.hits = (uintptr_t)hits,
		.where = (uintptr_t)&where,
		.where_nodes = info->attrs && !flags,
	};
	float *v = calloc(VEXFS_MAX_DIMS, sizeof(*v));
	long err;
	__u32 i;

	must(v);
	v[0] = 1;
	s.vector = (uintptr_t)v;
	strcpy(s.snapshot, snapshot);
	err = vexfs_file_ioctl(dir, VEXFS_IOC_SEARCH, &s);
	free(v);
	if (!err) {
		must(s.n <= s.k && s.n <= info->count);
		for (i = 1; i < s.n; i++)
			must(hits[i - 1].distance < hits[i].distance ||
			     (hits[i - 1].distance == hits[i].distance &&
			      hits[i - 1].id < hits[i].id));
	}
	return err;
}

/* Every record, by a page, by its id, and by its key; where its file is.  *n: how many. */
static long list(struct file *dir, const struct vexfs_ioc_info *info, const char *snapshot,
		 __u64 *n)
{
	struct vexfs_item items[PAGE];
	char keys[PAGE * VEXFS_MAX_KEY], path[64];
	struct vexfs_ioc_list l = { .size = sizeof(l),
				    .row_bytes = info->row_bytes,
				    .items = (uintptr_t)items,
				    .keys = (uintptr_t)keys };
	char *row = malloc(info->row_bytes + 1), *rows = malloc(PAGE * info->row_bytes + 1);
	__u64 last = 0;
	__u32 pages, i;
	int err = 0;

	must(row && rows);
	strcpy(l.snapshot, snapshot);
	l.rows = (uintptr_t)rows;
	for (*n = pages = 0; !err && l.cursor != ~0ULL && pages < PAGES; pages++) {
		l.n = PAGE;
		l.key_bytes = sizeof(keys);
		note(&err, vexfs_file_ioctl(dir, VEXFS_IOC_LIST, &l));
		must(err || (l.n <= PAGE && l.key_bytes <= sizeof(keys)));
		for (i = 0; !err && i < l.n; i++) {
			struct vexfs_ioc_get get = { .size = sizeof(get),
						     .id = items[i].id,
						     .row = (uintptr_t)row,
						     .row_bytes = info->row_bytes };
			struct vexfs_ioc_path p = { .size = sizeof(p),
						    .file = items[i].file,
						    .path = (uintptr_t)path,
						    .room = sizeof(path) };

			must(!*n || items[i].slot > last);
			last = items[i].slot;
			++*n;
			must(items[i].key_off + items[i].key_len <= l.key_bytes);
			if (*snapshot)
				continue;
			note(&err, vexfs_file_ioctl(dir, VEXFS_IOC_GET, &get));
			must(err || (get.item.slot == items[i].slot &&
				     !memcmp(row, rows + i * info->row_bytes, info->row_bytes)));
			if (items[i].file)
				note(&err, vexfs_file_ioctl(dir, VEXFS_IOC_PATH, &p));
		}
	}
	free(rows);
	free(row);
	return err;
}

static void change_collection(struct file *dir, const struct vexfs_ioc_info *info, int *err)
{
	__u64 ids[3] = { };
	struct vexfs_ioc_insert in = { .size = sizeof(in), .flags = VEXFS_INSERT_AUTO_ID, .n = 3,
				       .row_bytes = info->row_bytes, .ids = (uintptr_t)ids };
	struct vexfs_ioc_delete del = { .size = sizeof(del), .n = 1, .ids = (uintptr_t)ids };
	struct vexfs_ioc_snapshot snap = { .size = sizeof(snap),
					   .op = VEXFS_SNAPSHOT_CREATE,
					   .name = "fuzz" };
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	float *rows = calloc(in.n, VEXFS_MAX_DIMS * sizeof(*rows));
	__u32 i;
	long ret;

	must(rows);
	for (i = 0; i < in.n * info->row_bytes / sizeof(*rows); i++)
		rows[i] = i + 1;
	in.rows = (uintptr_t)rows;
	ret = vexfs_file_ioctl(dir, VEXFS_IOC_INSERT, &in);
	note(err, ret);
	if (!ret) {
		note(err, vexfs_file_ioctl(dir, VEXFS_IOC_DELETE, &del));
		note(err, vexfs_file_ioctl(dir, VEXFS_IOC_SNAPSHOT, &snap));
		note(err, vexfs_file_ioctl(dir, VEXFS_IOC_COMPACT, &compact));
	}
	note(err, vexfs_file_sync(dir));
	free(rows);
}

static void use_collection(struct file *dir, bool change, int *err)
{
	struct vexfs_snapshot_info snaps[VEXFS_MAX_SNAPSHOTS];
	struct vexfs_ioc_snapshots s = { .size = sizeof(s),
					 .n = VEXFS_MAX_SNAPSHOTS,
					 .snapshots = (uintptr_t)snaps };
	char bytes[1024];
	__u8 lens[64];
	struct vexfs_ioc_words w = { .size = sizeof(w),
				     .n = sizeof(lens),
				     .first = 1,
				     .words = (uintptr_t)bytes,
				     .lens = (uintptr_t)lens,
				     .word_bytes = sizeof(bytes) };
	struct vexfs_ioc_info info = { .size = sizeof(info) };
	long ret = vexfs_file_ioctl(dir, VEXFS_IOC_INFO, &info);
	__u64 n;
	__u32 i;

	if (ret == -ENODATA)
		return;
	note(err, ret);
	if (ret)
		return;
	must(info.dims && info.dims <= VEXFS_MAX_DIMS && info.row_bytes &&
	     info.attrs <= VEXFS_MAX_ATTRS);
	ret = list(dir, &info, "", &n);
	note(err, ret);
	if (!ret && info.count < PAGES * PAGE)
		must(n <= info.count);
	note(err, search(dir, &info, "", 0));
	note(err, search(dir, &info, "", VEXFS_SEARCH_EXACT));
	for (i = 0; i < info.attrs; i++) {
		w.attr = i;
		if (info.attr[i].type == VEXFS_ATTR_KEYWORD)
			note(err, vexfs_file_ioctl(dir, VEXFS_IOC_WORDS, &w));
	}
	ret = vexfs_file_ioctl(dir, VEXFS_IOC_SNAPSHOTS, &s);
	note(err, ret);
	for (i = 0; !ret && i < s.n; i++) {
		must(strnlen(snaps[i].name, sizeof(snaps[i].name)) < sizeof(snaps[i].name));
		note(err, list(dir, &info, snaps[i].name, &n));
		note(err, search(dir, &info, snaps[i].name, 0));
	}
	if (change)
		change_collection(dir, &info, err);
}

/* --- names --- */

struct names {
	char name[NAMES][VEXFS_NAME_LEN + 1];
	__u32 n;
};

static bool add_name(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type)
{
	struct names *names = arg;

	(void)ino;
	(void)type;
	must(len && len <= VEXFS_NAME_LEN);
	memcpy(names->name[names->n], name, len);
	names->name[names->n++][len] = 0;
	return names->n < NAMES;
}

static void use(struct vexfs_image *image, const char *path, __u32 depth, bool change, int *err)
{
	struct file *file = vexfs_file_open(image, path, O_RDONLY, 0);
	struct names *names;
	struct stat st;
	char data[64];
	__u32 i;

	if (IS_ERR(file)) {		/* a link, or a fifo */
		if (PTR_ERR(file) != -ELOOP && PTR_ERR(file) != -ENXIO &&
		    PTR_ERR(file) != -EOPNOTSUPP)
			note(err, PTR_ERR(file));
		return;
	}
	vexfs_file_stat(file, &st);
	if (S_ISREG(st.st_mode)) {
		note(err, vexfs_file_pread(file, data, sizeof(data), 0));
		note(err, vexfs_file_pread(file, data, sizeof(data), st.st_size / 2));
	}
	names = S_ISDIR(st.st_mode) ? calloc(1, sizeof(*names)) : NULL;
	if (names) {
		note(err, vexfs_file_list(file, add_name, names));
		use_collection(file, change, err);
	}
	vexfs_file_close(file);
	for (i = 0; names && depth && i < names->n; i++) {
		char *below = NULL;

		must(asprintf(&below, "%s/%s", path, names->name[i]) > 0);
		use(image, below, depth - 1, change, err);
		free(below);
	}
	free(names);
	if (change && S_ISREG(st.st_mode)) {
		file = vexfs_file_open(image, path, O_RDWR, 0);
		if (IS_ERR(file))
			return;
		note(err,
		     vexfs_file_pwrite(file, "fuzz", 4, st.st_size < 1 << 20 ? st.st_size : 0));
		note(err, vexfs_file_truncate(file, 1));
		vexfs_file_close(file);
	}
}

int use_all(struct vexfs_image *image, bool change)
{
	int err = 0;

	use(image, "/", DEEP, change, &err);
	if (change) {
		note(&err, vexfs_image_mkdir(image, "/fuzz", 0755));
		note(&err, vexfs_image_rename(image, "/fuzz", "/zzuf"));
		note(&err, vexfs_image_rmdir(image, "/zzuf"));
		note(&err, vexfs_image_sync(image));
	}
	return err;
}
