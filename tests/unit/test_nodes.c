// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * Files by inode, ctl/platform/nodes.h: what paths in an image do not offer, faults in the middle of
 * it, and the count of lookups.  Through a kernel, it is tests/unit/fuse.py that tests them.
 */
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include <platform/nodes.h>
#include "mount.h"

static struct inode *root_of(struct mount *m)
{
	struct inode *root = vexfs_node_get(m->image, VEXFS_ROOT_INO);

	assert_false(IS_ERR(root));
	return root;
}

static struct vexfs_name in(struct inode *dir, const char *name)
{
	return (struct vexfs_name){ dir, name, strlen(name) };
}

static struct inode *make(struct inode *dir, const char *name, mode_t mode, dev_t rdev,
			  const char *target)
{
	const struct vexfs_make make = { .mode = mode, .uid = 7, .gid = 8, .rdev = rdev,
					 .target = target };
	struct vexfs_name at = in(dir, name);

	return vexfs_name_make(&at, &make);
}

static void made(struct inode *dir, const char *name, mode_t mode, dev_t rdev, const char *target)
{
	struct inode *inode = make(dir, name, mode, rdev, target);

	assert_false(IS_ERR(inode));
	vexfs_node_put(inode);
}

static struct stat stat_of(struct inode *dir, const char *name)
{
	struct vexfs_name at = in(dir, name);
	struct inode *inode = vexfs_name_lookup(&at);
	struct stat st = { };

	if (IS_ERR(inode)) {
		assert_int_equal(PTR_ERR(inode), -ENOENT);
		return st;
	}
	vexfs_node_stat(inode, &st);
	vexfs_node_put(inode);
	return st;
}

static int renamed(struct inode *dir, const char *from, const char *to, unsigned int flags)
{
	struct vexfs_name a = in(dir, from), b = in(dir, to);

	return vexfs_name_rename(&a, &b, flags, NULL);
}

static int linked(struct inode *dir, const char *from, const char *to)
{
	struct vexfs_name a = in(dir, from), b = in(dir, to);
	struct inode *inode = vexfs_name_lookup(&a);
	int err;

	assert_false(IS_ERR(inode));
	err = vexfs_name_link(&b, inode);
	vexfs_node_put(inode);
	return err;
}

static void check_target(struct inode *dir, const char *name, const char *want)
{
	struct vexfs_name at = in(dir, name);
	struct inode *inode = vexfs_name_lookup(&at);
	char got[VEXFS_BLOCK_SIZE];

	assert_false(IS_ERR(inode));
	assert_int_equal(vexfs_node_readlink(inode, got, sizeof(got)), strlen(want));
	assert_memory_equal(got, want, strlen(want));
	vexfs_node_put(inode);
}

static void names(void **state)
{
	static const size_t lens[] = { 1, 191, 192, 4095 };
	char target[4097], name[8];
	struct inode *root;
	struct stat st;
	struct mount m;
	size_t i;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	root = root_of(&m);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		memset(target, 'a' + i, lens[i]);
		target[lens[i]] = 0;
		snprintf(name, sizeof(name), "l%zu", i);
		made(root, name, S_IFLNK | 0777, 0, target);
	}
	memset(target, 'x', 4096);
	target[4096] = 0;
	assert_int_equal(PTR_ERR(make(root, "long", S_IFLNK | 0777, 0, target)), -ENAMETOOLONG);
	made(root, "dev", S_IFCHR | 0600, makedev(240, 70000), NULL);
	made(root, "f", S_IFREG | 0640, 0, NULL);
	made(root, "d", S_IFDIR | 0750, 0, NULL);
	assert_int_equal(PTR_ERR(make(root, "f", S_IFREG | 0640, 0, NULL)), -EEXIST);
	assert_int_equal(PTR_ERR(make(root, "..", S_IFREG | 0640, 0, NULL)), -EEXIST);
	assert_int_equal(linked(root, "f", "g"), 0);
	assert_int_equal(linked(root, "f", "g"), -EEXIST);
	assert_int_equal(linked(root, "d", "e"), -EPERM);
	assert_int_equal(renamed(root, "f", "g", 0), 0);	/* of one inode: nothing */
	assert_int_equal(renamed(root, "f", "d", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(renamed(root, "f", "d", RENAME_WHITEOUT), -EINVAL);
	assert_int_equal(renamed(root, "f", "none", RENAME_EXCHANGE), -ENOENT);
	assert_int_equal(renamed(root, "f", "d", RENAME_EXCHANGE), 0);
	vexfs_node_put(root);
	mount_again(&m);
	root = root_of(&m);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		memset(target, 'a' + i, lens[i]);
		target[lens[i]] = 0;
		snprintf(name, sizeof(name), "l%zu", i);
		check_target(root, name, target);
	}
	st = stat_of(root, "dev");
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(240, 70000));
	st = stat_of(root, "d");
	assert_true(S_ISREG(st.st_mode) && st.st_nlink == 2 && st.st_uid == 7 && st.st_gid == 8);
	assert_true(S_ISDIR(stat_of(root, "f").st_mode) && stat_of(root, "g").st_ino == st.st_ino);
	vexfs_node_put(root);
	mount_unmake(&m);
}

static void data(void **state)
{
	const struct vexfs_set times = { .set = VEXFS_SET_MTIME | VEXFS_SET_MODE | VEXFS_SET_UID,
					 .mode = 0600, .uid = 70000,
					 .mtime = { .tv_sec = -5, .tv_nsec = 999999999 } };
	struct inode *root, *f;
	struct vexfs_name at;
	struct stat st;
	struct mount m;
	char c;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	root = root_of(&m);
	f = make(root, "f", S_IFREG | 0644, 0, NULL);
	assert_int_equal(vexfs_node_write(f, "text", 4, 1 << 20), 4);
	assert_int_equal(vexfs_node_seek(f, 0, SEEK_DATA), 1 << 20);
	assert_int_equal(vexfs_node_seek(f, 0, SEEK_HOLE), 0);
	assert_int_equal(vexfs_node_seek(f, 1 << 20, SEEK_HOLE), (1 << 20) + 4);
	assert_int_equal(vexfs_node_seek(f, (1 << 20) + 4, SEEK_DATA), -ENXIO);
	assert_int_equal(vexfs_node_seek(f, (1 << 20) + 4, SEEK_HOLE), -ENXIO);
	assert_int_equal(vexfs_node_fallocate(f, FALLOC_FL_KEEP_SIZE, 0, 4 << 20), 0);
	assert_int_equal(vexfs_node_fallocate(f, FALLOC_FL_PUNCH_HOLE, 0, 4096), -EOPNOTSUPP);
	assert_int_equal(vexfs_node_fallocate(f, 0, 1LL << 61, 4096), -EFBIG);
	assert_int_equal(vexfs_node_setattr(f, &times), 0);
	assert_int_equal(vexfs_node_read(f, &c, 1, 0), 1);
	assert_int_equal(c, 0);			/* unwritten */
	assert_int_equal(vexfs_node_seek(f, 0, SEEK_DATA), 1 << 20);
	vexfs_node_put(f);
	vexfs_node_put(root);
	mount_again(&m);
	root = root_of(&m);
	st = stat_of(root, "f");
	assert_true(st.st_size == (1 << 20) + 4 && st.st_blocks == 8192 && st.st_uid == 70000);
	assert_true((st.st_mode & 07777) == 0600 && st.st_mtim.tv_sec == -5);
	/* a truncate to the size that it has takes what is behind it, and changes no time */
	at = in(root, "f");
	f = vexfs_name_lookup(&at);
	assert_int_equal(vexfs_node_setattr(f, &(struct vexfs_set){ .set = VEXFS_SET_SIZE,
								     .size = st.st_size }), 0);
	vexfs_node_stat(f, &st);
	assert_true(st.st_blocks == 257 * 8 && st.st_mtim.tv_sec == -5);
	vexfs_node_put(f);
	vexfs_node_put(root);
	mount_unmake(&m);
}

/* A full filesystem takes what it has room for, and leaves nothing behind the end. */
static void short_write(void **state)
{
	const size_t n = 64 << 20;
	char *much = calloc(1, n);
	struct vexfs_image_info info;
	struct inode *root, *f;
	struct stat st;
	struct mount m;
	ssize_t done;

	(void)state;
	assert_non_null(much);
	mount_make_of(&m, VEXFS_MIN_BLOCKS);
	mount_open(&m, 0);
	root = root_of(&m);
	f = make(root, "f", S_IFREG | 0644, 0, NULL);
	done = vexfs_node_write(f, much, n, 100);
	assert_true(done > 0 && (size_t)done < n);
	vexfs_node_stat(f, &st);
	assert_int_equal(st.st_size, 100 + done);
	assert_in_range(st.st_blocks / 8 - (st.st_size + 4095) / 4096, 0, 1);
	vexfs_image_info(m.image, &info);
	assert_true(info.free <= info.reserved);
	assert_int_equal(vexfs_node_write(f, much, n, st.st_size), -ENOSPC);
	assert_int_equal(vexfs_node_write(f, much, 100, 0), 100);
	vexfs_node_put(f);
	vexfs_node_put(root);
	mount_unmake(&m);
	free(much);
}

static void lookups(void **state)
{
	struct vexfs_image_info before, after;
	struct inode *root, *f;
	struct vexfs_name at;
	struct mount m;
	__u64 ino;

	(void)state;
	mount_make(&m);
	mount_open(&m, 0);
	root = root_of(&m);
	vexfs_image_info(m.image, &before);
	f = make(root, "f", S_IFREG | 0644, 0, NULL);
	ino = vexfs_node_ino(f);
	assert_null(vexfs_node_known(m.image, ino));
	assert_int_equal(vexfs_node_write(f, "text", 4, 0), 4);
	vexfs_node_looked_up(f);
	at = in(root, "f");
	vexfs_node_looked_up(vexfs_name_lookup(&at));
	assert_ptr_equal(vexfs_node_known(m.image, ino), f);
	vexfs_node_opened(f, true);
	assert_int_equal(vexfs_name_remove(&at, false), 0);
	assert_false(vexfs_node_any_unused(m.image));
	assert_int_equal(PTR_ERR(vexfs_node_get(m.image, ino)), -ESTALE);
	vexfs_node_opened(f, false);
	assert_true(vexfs_node_any_unused(m.image));
	vexfs_node_forget(m.image, ino, 1);
	assert_ptr_equal(vexfs_node_known(m.image, ino), f);
	vexfs_image_info(m.image, &after);
	assert_int_equal(after.free_inodes, before.free_inodes - 1);
	vexfs_node_forget(m.image, ino, 5);	/* more than there are */
	assert_null(vexfs_node_known(m.image, ino));
	vexfs_image_info(m.image, &after);
	assert_int_equal(after.free_inodes, before.free_inodes);
	/* the unmount ends what was not forgotten */
	f = make(root, "g", S_IFREG | 0644, 0, NULL);
	vexfs_node_looked_up(f);
	at = in(root, "g");
	assert_int_equal(vexfs_name_remove(&at, false), 0);
	vexfs_node_forget_all(m.image);
	vexfs_image_info(m.image, &after);
	assert_int_equal(after.free_inodes, before.free_inodes);
	vexfs_node_put(root);
	mount_unmake(&m);
}

/* One operation of each kind, in this order, on what setup() has made. */
static int operation(struct inode *root, int what)
{
	char target[1001];
	struct inode *inode;

	memset(target, 't', 1000);
	target[1000] = 0;
	switch (what) {
	case 0:
		return linked(root, "f", "new");
	case 1:
		return renamed(root, "f", "d", RENAME_EXCHANGE);
	case 2:
		inode = make(root, "new", S_IFLNK | 0777, 0, target);
		break;
	default:
		inode = make(root, "new", S_IFIFO | 0600, 0, NULL);
	}
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	vexfs_node_put(inode);
	return 0;
}

/* Each call that a transaction asks for fails once: all of the operation was done, or none of it. */
static void faults(void **state)
{
	struct inode *root;
	struct mount m;
	bool met, is_new, changed;
	unsigned int n;
	int what, err;

	(void)state;
	for (what = 0; what < 4; what++)
		for (met = true, n = 1; met; n++) {
			mount_make(&m);
			m.quiet = true;
			mount_open(&m, 0);
			root = root_of(&m);
			made(root, "f", S_IFREG | 0644, 0, NULL);
			made(root, "d", S_IFDIR | 0755, 0, NULL);
			vexfs_fault_set(VEXFS_FAULT_TXN, n);
			err = operation(root, what);
			met = vexfs_fault_met();
			assert_true(met || !err);	/* some are tried again */
			is_new = stat_of(root, "new").st_ino;
			changed = is_new || S_ISDIR(stat_of(root, "f").st_mode);
			assert_int_equal(changed, !err);
			vexfs_node_put(root);
			if (vexfs_image_sync(m.image))
				mount_kill(&m);
			else
				mount_close(&m);
			mount_check(&m);
			mount_open(&m, 0);
			mount_unmake(&m);
			assert_true(n < 100);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),       cmocka_unit_test(data),
		cmocka_unit_test(short_write), cmocka_unit_test(lookups),
		cmocka_unit_test(faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
