// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/* See mended.h. */
#include <sys/mman.h>

#include <platform/repair.h>
#include "mended.h"
#include "mount.h"

struct rich rich;
char mended_said[1 << 16];
bool mended_show;

bool (*mended_unreadable)(struct vexfs_dev *dev, __u64 block);
static struct vexfs_unread unread;

static void open_rich(struct vexfs_dev *dev)
{
	rich_open(&rich, dev);
	dev->unreadable = mended_unreadable;
}

static void did(void *arg, const char *fmt, ...)
{
	size_t n = strlen(mended_said);
	va_list ap;

	(void)arg;
	if (n > sizeof(mended_said) - 1000)
		return;
	va_start(ap, fmt);
	vsnprintf(mended_said + n, sizeof(mended_said) - n - 2, fmt, ap);
	va_end(ap);
	strcat(mended_said, "\n");
}

static void finding(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	struct found *f = arg;
	va_list ap;

	f->nr[nr] = true;
	f->errors += vexfs_severity_of(nr) == VEXFS_ERROR;
	if (!mended_show)
		return;
	va_start(ap, fmt);
	printf("# [%d] ", nr);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
}

/* What the check finds; -EUCLEAN: there is no superblock, or no log. */
int mended_check(struct found *f)
{
	struct vexfs_verify_opts opts = { .report = finding, .arg = f };
	union {
		__u8 byte[VEXFS_BLOCK_SIZE];
		struct vexfs_super s;
	} b;
	struct vexfs_dev dev;
	struct vexfs_fs fs;
	const char *why;
	int err;

	memset(f, 0, sizeof(*f));
	open_rich(&dev);
	dev.quiet = true;
	err = vexfs_dev_read(&dev, 0, &b);
	if (!err)
		err = vexfs_super_check(&b.s, dev.blocks, &why);
	if (!err)
		err = vexfs_log_replay(&dev, &b.s, NULL, &why);
	if (!err)
		err = vexfs_super_read(&fs, &dev, dev.blocks);
	if (!err) {
		err = vexfs_verify(&fs, &opts, NULL);
		vexfs_super_release(&fs);
	}
	vexfs_dev_close(&dev);
	return err;
}

/* As fsck.vexfs -y --undo does it. */
int mended_repair(__u64 at, int undo)
{
	struct found f = {};
	struct vexfs_repair_opts opts = { .did = did, .arg = &f, .left = finding };
	struct vexfs_undo_plan plan;
	struct vexfs_super log;
	struct vexfs_dev dev;
	const char *why;
	size_t written;
	bool bad;
	int err;

	mended_said[0] = '\0';
	open_rich(&dev);
	dev.unread = mended_unreadable ? &unread : NULL;
	err = vexfs_repair_device(&dev, &opts, at, &plan, &log, &why);
	plan.undo = undo;
	if (!err)
		err = vexfs_undo_write(&dev, &plan, &written, &bad);
	free((void *)plan.replayed);
	vexfs_dev_close(&dev);
	return err;
}

int mended_file(void)
{
	int fd = memfd_create("undo", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* --- what must be there --- */

bool broken[RICH_BLOCKS];
__u64 broken_ino;

void nothing_broken(void)
{
	memset(broken, 0, sizeof(broken));
	broken_ino = 0;
}

static bool is_touched(const struct rich_file *f)
{
	size_t i;

	if (f->ino == broken_ino)
		return true;
	for (i = 0; i < rich.writes; i++)
		if (broken[rich.written[i]] && rich_has(&rich, f, rich.written[i]))
			return true;
	return false;
}

/* Is the inode anywhere below this directory? */
static bool walk_for(struct vexfs_image *image, const char *dir, __u64 ino, char *path, int depth);

struct walking {
	struct vexfs_image *image;
	const char *dir;
	__u64 ino;
	char *path;
	int depth;
	bool found;
};

static bool see(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type)
{
	struct walking *w = arg;
	char at[1000];

	snprintf(at, sizeof(at), "%s/%.*s", w->dir, (int)len, name);
	if (ino == w->ino) {
		strcpy(w->path, at);
		w->found = true;
	} else if (type == DT_DIR && w->depth < 8) {
		w->found = walk_for(w->image, at, w->ino, w->path, w->depth + 1);
	}
	return !w->found;
}

static bool walk_for(struct vexfs_image *image, const char *dir, __u64 ino, char *path, int depth)
{
	struct walking w = { image, dir, ino, path, depth, false };
	struct file *f = vexfs_file_open(image, *dir ? dir : "/", O_RDONLY | O_DIRECTORY, 0);

	if (IS_ERR(f))
		return false;
	vexfs_file_list(f, see, &w);
	vexfs_file_close(f);
	return w.found;
}

/* An inode by the path that it had, or wherever it is. */
static struct file *open_anywhere(struct vexfs_image *image, const char *path, __u64 ino, int flags)
{
	struct file *file = vexfs_file_open(image, path, flags, 0);
	char now[1000];
	struct stat st;

	if (!IS_ERR(file)) {
		vexfs_file_stat(file, &st);
		if (st.st_ino == ino)
			return file;
		vexfs_file_close(file);
	}
	if (!walk_for(image, "", ino, now, 0))
		return ERR_PTR(-ENOENT);
	return vexfs_file_open(image, now, flags, 0);
}

static bool same_file(struct vexfs_image *image, const struct rich_file *f)
{
	struct file *file = open_anywhere(image, f->path, f->ino, O_RDONLY);
	__u8 *data;
	struct stat st;
	bool same;

	if (IS_ERR(file))
		return false;
	vexfs_file_stat(file, &st);
	data = calloc(1, f->size + 1);
	same = (__u64)st.st_size == f->size && st.st_ino == f->ino &&
	       vexfs_file_pread(file, data, f->size, 0) == (ssize_t)f->size &&
	       !memcmp(data, f->data, f->size);
	free(data);
	vexfs_file_close(file);
	return same;
}

/* Was nothing hit without which there is no collection, nor the blocks of this record? */
static bool record_whole(__u64 id)
{
	__u64 slot = id - 1, record = rich.records + slot * 128 / VEXFS_BLOCK_SIZE,
	      row = rich.vectors + slot * DIMS * 4 / VEXFS_BLOCK_SIZE;
	__u32 i;

	for (i = 0; i < rich.vitals; i++)
		if (broken[rich.vital[i]])
			return false;
	return !broken[record] && !broken[row] &&
	       (id <= RICH_RECORDS - 100 || !broken[rich.keys]);
}

/* Records that are whole are got by their id, and found by their vector. */
static const char *records_wrong(struct vexfs_image *image)
{
	struct file *dir = open_anywhere(image, "/c", rich.collection, O_RDONLY | O_DIRECTORY);
	struct mount m = { .image = image, .c = IS_ERR(dir) ? NULL : dir };
	struct vexfs_item item;
	const char *why = NULL;
	__u64 id, dead = 0;

	for (id = 1; id <= RICH_RECORDS && !why; id += 1 + chance(50)) {
		if (!record_whole(id))
			continue;
		if (!m.c)
			why = "the collection is gone";
		else if (id > RICH_RECORDS - RICH_DEAD)
			dead += get_id(&m, id, &item) != -ENOENT;
		else if (get_id(&m, id, &item))
			why = "a record is gone";
		else if (!is_found(&m, id))
			why = "a record is not found";
	}
	if (m.c)
		vexfs_file_close(m.c);
	return dead ? "a deleted record is there" : why;
}

/* NULL, or what is wrong after a repair. */
const char *mended_wrong(bool hostile)
{
	static struct found f;
	struct vexfs_image *image;
	const char *why = NULL, *bad;
	struct vexfs_dev dev;
	unsigned int i;
	int err;

	if (mended_check(&f) || f.errors)
		return "the check finds errors after it";
	open_rich(&dev);
	dev.quiet = true;
	err = vexfs_image_mount(&dev, 0, &image, &bad);
	if (err)
		return "it does not mount";
	for (i = 0; i < rich.files && !why; i++)
		if (!is_touched(&rich.file[i]) && !same_file(image, &rich.file[i])) {
			if (mended_show)
				printf("# %s (inode %llu)\n", rich.file[i].path,
				       (unsigned long long)rich.file[i].ino);
			why = "a file that was not touched is not whole";
		}
	if (!why && !hostile)
		why = records_wrong(image);
	if (vexfs_image_close(image) && !why)
		why = "it cannot be unmounted";
	if (!why && (mended_check(&f) || f.errors))
		why = "the check finds errors after a mount";
	return why;
}

/* --- damage --- */

void mended_scribble(__u8 *at, __u32 n)
{
	for (; n; n--, at++)
		*at = chance(256);
}

void *mended_hit(__u64 block)
{
	broken[block] = true;
	return rich_damage(&rich, block);
}

void mended_noise(__u64 block)
{
	mended_scribble(mended_hit(block), VEXFS_BLOCK_SIZE);
}

struct vexfs_record *mended_record(__u64 slot)
{
	const __u64 in_block = VEXFS_BLOCK_SIZE / sizeof(struct vexfs_record);

	return (struct vexfs_record *)mended_hit(rich.records + slot / in_block) + slot % in_block;
}

void mended_seal(__u64 slot)
{
	const __u8 *row = rich.now + (rich.vectors << VEXFS_BLOCK_SHIFT) + slot * DIMS * 4;
	struct vexfs_record *r = mended_record(slot);
	__le64 le = cpu_to_le64(slot);
	__u32 crc;

	crc = crc32c(crc32c(~0u, mended_made()->c_uuid, 16), &le, sizeof(le));
	crc = crc32c(crc, (char *)r + 4, sizeof(*r) - 4);
	r->r_crc = cpu_to_le32(crc32c(crc, row, DIMS * 4));
}

const struct vexfs_collection *mended_made(void)
{
	return (void *)(rich.was + (rich.vital[0] << VEXFS_BLOCK_SHIFT));
}

/* --- */

int mended_make(void **state)
{
	(void)state;
	rich_make(&rich);
	return 0;
}

int mended_unmake(void **state)
{
	(void)state;
	rich_free(&rich);
	return 0;
}

const char *mended_now(void)
{
	int err = mended_repair(0, -1);

	return err ? strerror(-err) : mended_wrong(false);
}
