// SPDX-License-Identifier: GPL-2.0
/*
 * Power cuts, by the thousand: files and directories come and go on a filesystem with a log
 * (ctl/platform/log-user.c), and at every flush the disk may have kept any of the writes since the
 * one before.  Each such state is opened, its log replayed in memory, verified, and compared with
 * what there was at the last commit that was acknowledged, or at the one that was under way.  Data
 * of files are written past the log, before the commit that names them.
 *
 * Two disks that no log can be safe on, one that ignores flushes and one that loses data which was
 * flushed, must be noticed.  VEXFS_STATES=N tries so many states; VEXFS_SEED=N repeats a run.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include <platform/log.h>
#include "box.h"

#define BLOCKS	8192u
#define FILES	24u
#define PARTS	20u			/* extents of a file: more than fit into the inode */

/* What the root holds: of each name, 0 nothing, a directory, or a file with data of this number. */
#define DIRECTORY 1u
struct model {
	__u32 name[FILES];
	__u8 parts[FILES];
};

struct write {
	__u64 block;
	__u8 *data;
};

enum lie { HONEST, NO_FLUSH, NO_DATA };

struct disk {
	struct box live;		/* as the program sees it */
	struct vexfs_log *log;
	struct vexfs_super super;
	int durable;			/* memfd: what no power cut takes away */
	__u64 log_start, log_end;
	struct write *pending;		/* since the last flush */
	size_t n, room;
	enum lie lie;
	struct model now, acked, under_way;	/* of the files */
	bool committing;
	__u32 next_number;
	size_t states, wrong;
	bool watch;			/* make states at flushes */
};

static struct disk *disk;		/* the one whose writes are recorded */

/* --- the program: one directory full of names --- */

static void name_of(char name[16], __u32 i)
{
	snprintf(name, 16, "name-%u", i);
}

static void pattern(void *block, __u32 number, __u32 part)
{
	memset(block, number, VEXFS_BLOCK_SIZE);
	memcpy(block, &number, sizeof(number));
	memcpy((char *)block + 4, &part, sizeof(part));
}

static void store_root(struct disk *d, __s32 links)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	vx_txn t;

	assert_int_equal(vexfs_log_begin(d->log, &t, 2), 0);
	assert_int_equal(vexfs_inode_write(&t, &d->live.fs, VEXFS_ROOT_INO, &buf, &raw), 0);
	le32_add_cpu(&raw->i_nlink, links);
	vexfs_inode_store(&d->live.root, raw);
	assert_int_equal(vexfs_inode_dirty(&t, &d->live.fs, VEXFS_ROOT_INO, buf, raw), 0);
	assert_int_equal(vexfs_log_end(&t), 0);
}

static void make_file(struct disk *d, __u32 i)
{
	__u32 number = d->next_number++, parts = 1 + chance(PARTS), k;
	struct vexfs_inode_core c;
	__u8 data[VEXFS_BLOCK_SIZE];
	struct vexfs_map map;
	char name[16];
	vx_txn t;

	name_of(name, i);
	box_create(&d->live, &c, name, S_IFREG | 0644);
	for (k = 0; k < parts; k++) {
		assert_int_equal(vexfs_log_begin(d->log, &t, VEXFS_EXTENT_CREDITS), 0);
		assert_int_equal(vexfs_extent_alloc(&t, &c, k * 2, 1, false, &map), 0);
		assert_int_equal(vexfs_log_end(&t), 0);
		pattern(data, number, k);
		assert_int_equal(vexfs_dev_write(&d->live.dev, map.pblk, data), 0);
	}
	c.disk_size = (__u64)parts * 2 * VEXFS_BLOCK_SIZE;
	box_log(&d->live, &c, S_IFREG | 0644, 1);
	d->now.name[i] = number;
	d->now.parts[i] = parts;
}

static void make_directory(struct disk *d, __u32 i)
{
	struct vexfs_inode_core c;
	char name[16];

	name_of(name, i);
	box_create(&d->live, &c, name, S_IFDIR | 0755);
	d->now.name[i] = DIRECTORY;
}

static void take_away(struct disk *d, __u32 i)
{
	bool dir = d->now.name[i] == DIRECTORY;
	struct vexfs_inode_core c;
	struct vexfs_inode *raw;
	char name[16];
	vx_buf *buf;
	__u64 ino;
	__u8 type;
	vx_txn t;

	name_of(name, i);
	assert_int_equal(vexfs_dir_lookup(&d->live.root, name, strlen(name), &ino, &type), 0);
	box_load(&d->live, &c, ino);
	assert_int_equal(vexfs_log_begin(d->log, &t, 100), 0);
	assert_int_equal(vexfs_dir_remove(&t, &d->live.root, name, strlen(name)), 0);
	assert_int_equal(vexfs_extent_truncate(&t, &c, 0), 0);
	assert_int_equal(vexfs_inode_write(&t, &d->live.fs, ino, &buf, &raw), 0);
	memset(raw, 0, sizeof(*raw));
	raw->i_generation = cpu_to_le32(c.generation);
	assert_int_equal(vexfs_inode_dirty(&t, &d->live.fs, ino, buf, raw), 0);
	assert_int_equal(vexfs_free_ino(&t, &d->live.fs, ino, dir), 0);
	assert_int_equal(vexfs_log_end(&t), 0);
	store_root(d, dir ? -1 : 0);
	d->now.name[i] = 0;
}

static void commit(struct disk *d)
{
	d->under_way = d->now;
	d->committing = true;
	store_root(d, 0);
	assert_int_equal(vexfs_log_commit(d->log), 0);
	d->acked = d->now;
	d->committing = false;
}

static void operation(struct disk *d)
{
	__u32 i = chance(FILES);

	if (d->now.name[i])
		take_away(d, i);
	else if (chance(4))
		make_file(d, i);
	else
		make_directory(d, i);
}

/* --- what a power cut leaves --- */

static void put(int fd, __u64 block, const void *data)
{
	assert_int_equal(pwrite(fd, data, VEXFS_BLOCK_SIZE, block << VEXFS_BLOCK_SHIFT),
			 VEXFS_BLOCK_SIZE);
}

static void get(int fd, __u64 block, void *data)
{
	assert_int_equal(pread(fd, data, VEXFS_BLOCK_SIZE, block << VEXFS_BLOCK_SHIFT),
			 VEXFS_BLOCK_SIZE);
}

static void count_finding(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	(void)nr;
	(void)fmt;
	++*(int *)arg;
}

struct found {
	struct vexfs_fs *fs;
	struct vexfs_dev *dev;
	struct model m;
	bool wrong;
};

static bool look(void *arg, const char *name, unsigned int len, __u64 ino, __u8 type, __u64 pos)
{
	struct found *f = arg;
	struct vexfs_inode_core c = { };
	__u8 data[VEXFS_BLOCK_SIZE], want[VEXFS_BLOCK_SIZE];
	struct vexfs_inode *raw;
	struct vexfs_map map;
	char text[16] = "";
	vx_buf *buf;
	__u32 i, k;

	(void)pos;
	f->wrong = true;
	memcpy(text, name, min_t(unsigned int, len, 15));
	if (sscanf(text, "name-%u", &i) != 1 || i >= FILES || f->m.name[i])
		return false;
	if (vexfs_inode_buf(f->fs, ino, &buf, &raw))
		return false;
	vx_rwsem_init(&c.lock);
	vexfs_inode_load(&c, f->fs, ino, raw);
	vx_brelse(buf);
	f->m.name[i] = DIRECTORY;
	if (type != DT_DIR) {
		f->m.parts[i] = c.disk_size / VEXFS_BLOCK_SIZE / 2;
		for (k = 0; k < f->m.parts[i]; k++) {
			if (vexfs_extent_lookup(&c, k * 2, &map) || !map.pblk || map.unwritten ||
			    vexfs_dev_read(f->dev, map.pblk, data))
				return false;
			if (!k)
				memcpy(&f->m.name[i], data, sizeof(f->m.name[i]));
			pattern(want, f->m.name[i], k);
			if (memcmp(want, data, sizeof(want)))
				return false;
		}
	}
	f->wrong = false;
	return true;
}

static bool same(const struct model *a, const struct model *b)
{
	__u32 i;

	for (i = 0; i < FILES; i++)
		if (a->name[i] != b->name[i] ||
		    (a->name[i] > DIRECTORY && a->parts[i] != b->parts[i]))
			return false;
	return true;
}

/* Is what is on `durable` a state that was promised?  Nothing is written. */
static bool judge(struct disk *d)
{
	struct vexfs_dev dev;
	struct vexfs_fs fs;
	int problems = 0;
	struct vexfs_verify_opts opts = { .report = count_finding, .arg = &problems };
	struct found f = { .fs = &fs, .dev = &dev };
	struct vexfs_inode_core root = { };
	struct vexfs_inode *raw;
	const char *why;
	__u64 pos = 0;
	vx_buf *buf;
	bool good = false;

	d->states++;
	assert_int_equal(vexfs_dev_init(&dev, dup(d->durable), BLOCKS), 0);
	dev.quiet = true;
	if (vexfs_log_replay(&dev, &d->super, NULL, &why) || vexfs_super_read(&fs, &dev, BLOCKS))
		goto close;
	if (vexfs_verify(&fs, &opts, NULL) || problems ||
	    vexfs_inode_buf(&fs, VEXFS_ROOT_INO, &buf, &raw))
		goto release;
	vx_rwsem_init(&root.lock);
	vexfs_inode_load(&root, &fs, VEXFS_ROOT_INO, raw);
	vx_brelse(buf);
	good = !vexfs_dir_iterate(&root, &pos, look, &f) && !f.wrong &&
	       (same(&f.m, &d->acked) || (d->committing && same(&f.m, &d->under_way)));
release:
	vexfs_super_release(&fs);
close:
	vexfs_dev_close(&dev);
	return good;
}

static bool is_log(const struct disk *d, __u64 block)
{
	return block >= d->log_start && block < d->log_end;
}

/* The pending writes that `kept` says reach the disk, the others do not. */
static void cut(struct disk *d, const bool *kept)
{
	__u8 (*was)[VEXFS_BLOCK_SIZE] = malloc((d->n + 1) * VEXFS_BLOCK_SIZE);
	size_t i;

	assert_non_null(was);
	for (i = 0; i < d->n; i++) {
		get(d->durable, d->pending[i].block, was[i]);
		if (kept[i])
			put(d->durable, d->pending[i].block, d->pending[i].data);
	}
	if (!judge(d))
		d->wrong++;
	while (i--)
		put(d->durable, d->pending[i].block, was[i]);
	free(was);
}

/*
 * Any set of the pending writes: all sets when they are few, else some prefixes and some by chance.
 */
static void cuts(struct disk *d)
{
	bool *kept = calloc(d->n + 1, sizeof(*kept));
	size_t i, k, tries = d->n <= 4 ? 1u << d->n : 12;

	assert_non_null(kept);
	for (k = 0; k < tries; k++) {
		size_t prefix = chance(d->n + 1);
		__u32 share = chance(101);

		for (i = 0; i < d->n; i++)
			kept[i] = d->n <= 4 ? k >> i & 1 : k & 1 ? i < prefix : chance(100) < share;
		cut(d, kept);
	}
	free(kept);
}

/* What was written is there for good. */
static void settle(struct disk *d)
{
	size_t i;

	for (i = 0; i < d->n; i++) {
		put(d->durable, d->pending[i].block, d->pending[i].data);
		free(d->pending[i].data);
	}
	d->n = 0;
}

static bool is_data(const struct disk *d, const void *data, __u64 block)
{
	__u32 number;

	memcpy(&number, data, sizeof(number));
	return !is_log(d, block) && number >= 1000 && number < d->next_number;
}

static void record(struct vexfs_dev *dev, __u64 block, const void *data)
{
	struct disk *d = disk;

	(void)dev;
	if (!d->watch)
		return;
	if (!data) {
		cuts(d);
		if (d->lie != NO_FLUSH || !chance(6))
			settle(d);
		return;
	}
	if (d->lie == NO_DATA && is_data(d, data, block) && chance(2))
		return;
	if (d->n == d->room) {
		d->room = d->room ? d->room * 2 : 64;
		d->pending = realloc(d->pending, d->room * sizeof(*d->pending));
		assert_non_null(d->pending);
	}
	d->pending[d->n].block = block;
	d->pending[d->n].data = malloc(VEXFS_BLOCK_SIZE);
	assert_non_null(d->pending[d->n].data);
	memcpy(d->pending[d->n++].data, data, VEXFS_BLOCK_SIZE);
}

/* --- */

static void disk_open(struct disk *d, enum lie lie)
{
	__u8 b[VEXFS_BLOCK_SIZE];
	const char *why;
	vx_txn t;
	__u64 i;

	memset(d, 0, sizeof(*d));
	disk = d;
	d->lie = lie;
	d->next_number = 1000;
	box_make(&d->live, BLOCKS);
	assert_int_equal(vexfs_dev_read(&d->live.dev, 0, b), 0);
	memcpy(&d->super, b, sizeof(d->super));
	d->log_start = le64_to_cpu(d->super.s_journal_start);
	d->log_end = d->log_start + le32_to_cpu(d->super.s_journal_blocks);
	d->durable = memfd_create("durable", MFD_CLOEXEC);
	assert_true(d->durable >= 0);
	assert_int_equal(ftruncate(d->durable, (off_t)BLOCKS << VEXFS_BLOCK_SHIFT), 0);
	for (i = 0; i < BLOCKS; i++) {
		get(d->live.dev.fd, i, b);
		if (memchr_inv(b, 0, sizeof(b)))
			put(d->durable, i, b);
	}
	d->live.dev.record = record;
	assert_int_equal(vexfs_log_open(&d->live.dev, &d->super, &d->log, &why), 0);
	d->watch = true;
	assert_int_equal(vexfs_log_begin(d->log, &t, 1), 0);
	/* as a mount does: its counters are not to be trusted */
	assert_int_equal(vexfs_super_log(&t, &d->live.fs, 0), 0);
	assert_int_equal(vexfs_log_end(&t), 0);
}

static void disk_close(struct disk *d)
{
	d->under_way = d->now;
	d->committing = true;
	store_root(d, 0);
	assert_int_equal(vexfs_log_close(d->log), 0);
	d->watch = false;
	settle(d);
	d->acked = d->now;
	if (d->lie == HONEST)
		assert_true(judge(d));
	box_close(&d->live);
	close(d->durable);
	free(d->pending);
}

static size_t wanted_states(void)
{
	const char *env = getenv("VEXFS_STATES");

	return env ? strtoull(env, NULL, 0) : 1500;
}

static void run(struct disk *d, size_t states)
{
	while (d->states < states) {
		__u32 i, n = 1 + chance(chance(4) ? 3 : 30);

		for (i = 0; i < n; i++)
			operation(d);
		commit(d);
	}
}

static void power_cuts(void **state)
{
	struct disk d;

	(void)state;
	disk_open(&d, HONEST);
	run(&d, wanted_states());
	printf("# %zu states, %u commits\n", d.states, vexfs_log_commits(d.log));
	assert_int_equal(d.wrong, 0);
	disk_close(&d);
}

static void a_disk_without_flushes_is_noticed(void **state)
{
	struct disk d;

	(void)state;
	disk_open(&d, NO_FLUSH);
	run(&d, 200);
	printf("# %zu of %zu states were noticed\n", d.wrong, d.states);
	assert_true(d.wrong > 10);
	disk_close(&d);
}

static void a_disk_that_loses_data_is_noticed(void **state)
{
	struct disk d;

	(void)state;
	disk_open(&d, NO_DATA);
	run(&d, 200);
	printf("# %zu of %zu states were noticed\n", d.wrong, d.states);
	assert_true(d.wrong > 10);
	disk_close(&d);
}

/* Nothing is written after a write or a flush that failed, and what was acknowledged is there. */
static void failing_disks(void **state)
{
	enum vexfs_fault what;
	unsigned int n, met = 0;
	struct disk d;
	bool end;
	int err;

	(void)state;
	for (what = VEXFS_FAULT_WRITE; what <= VEXFS_FAULT_FLUSH;
	     what += VEXFS_FAULT_FLUSH - VEXFS_FAULT_WRITE)
		for (n = 1, end = false; !end; n++) {
			__u32 i;
			vx_txn t;

			disk_open(&d, HONEST);
			for (i = 0; i < 6; i++)
				operation(&d);
			commit(&d);
			for (i = 0; i < 6; i++)
				operation(&d);
			store_root(&d, 0);
			d.under_way = d.now;
			d.committing = true;
			vexfs_fault_set(what, n);
			err = vexfs_log_commit(d.log);
			if (vexfs_fault_met()) {
				met++;
				assert_int_equal(err, -EIO);
				assert_int_equal(vexfs_log_begin(d.log, &t, 1), -EIO);
				assert_int_equal(vexfs_log_commit(d.log), -EIO);
				assert_int_equal(vexfs_log_close(d.log), -EIO);
				cuts(&d);
				assert_int_equal(d.wrong, 0);
				d.watch = false;
				settle(&d);
				assert_true(judge(&d));
				box_close(&d.live);
				close(d.durable);
				free(d.pending);
			} else {
				assert_int_equal(err, 0);
				disk_close(&d);
				end = true;
			}
		}
	assert_true(met > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_cuts),
		cmocka_unit_test(a_disk_without_flushes_is_noticed),
		cmocka_unit_test(a_disk_that_loses_data_is_noticed),
		cmocka_unit_test(failing_disks),
	};

	chance_seed(11);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
