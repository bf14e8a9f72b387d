// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "box.h"
#include "engine/kernels.h"

static __u64 chance_state;

void chance_seed(__u64 seed)
{
	const char *env = getenv("VEXFS_SEED");

	chance_state = env ? strtoull(env, NULL, 0) : seed;
	printf("# VEXFS_SEED=%llu\n", (unsigned long long)chance_state);
}

__u64 chance_now(void)
{
	return chance_state;
}

/* splitmix64, Steele, Lea and Flood, 2014. */
__u32 chance(__u32 below)
{
	__u64 z = chance_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) % below;
}

__u32 kernels(void)
{
	const struct vexfs_kernels *here[VEXFS_KERNELS];

	return vexfs_kernels_here(here);
}

void use_kernels(__u32 i)
{
	const struct vexfs_kernels *here[VEXFS_KERNELS];
	__u32 n = vexfs_kernels_here(here);

	assert_true(i < n || i == BEST);
	vexfs_kernels_chosen = i == BEST ? NULL : here[i];
}

static const __u8 test_uuid[16] = "box in memory ..";

void box_open(struct box *b)
{
	b->dev.strict = true;
	b->dev.quiet = true;
	assert_int_equal(vexfs_super_read(&b->fs, &b->dev, b->dev.blocks), 0);
	box_load(b, &b->root, VEXFS_ROOT_INO);
}

void box_make(struct box *b, __u64 blocks)
{
	struct vexfs_mkfs_opts opts = { };
	int fd = memfd_create("vexfs", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, blocks << VEXFS_BLOCK_SHIFT), 0);
	assert_int_equal(vexfs_dev_init(&b->dev, fd, blocks), 0);
	memcpy(opts.uuid, test_uuid, sizeof(opts.uuid));
	assert_int_equal(vexfs_mkfs(&b->dev, &opts, NULL), 0);
	box_open(b);
}

void box_close(struct box *b)
{
	vexfs_super_release(&b->fs);
	vexfs_dev_close(&b->dev);
}

void box_start(struct box *b, vx_txn *t, int credits)
{
	vexfs_txn_start(t, &b->dev, credits);
}

static void log_root(struct box *b)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	vx_txn t;

	box_start(b, &t, 2);
	assert_int_equal(vexfs_inode_write(&t, &b->fs, VEXFS_ROOT_INO, &buf, &raw), 0);
	vexfs_inode_store(&b->root, raw);
	assert_int_equal(vexfs_inode_dirty(&t, &b->fs, VEXFS_ROOT_INO, buf, raw), 0);
}

void box_reopen(struct box *b, bool clean)
{
	vx_txn t;

	log_root(b);
	box_start(b, &t, 1);
	assert_int_equal(vexfs_super_log(&t, &b->fs, clean ? VEXFS_STATE_CLEAN : 0), 0);
	vexfs_super_release(&b->fs);
	assert_int_equal(vexfs_dev_flush(&b->dev), 0);
	vexfs_dev_drop(&b->dev);
	box_open(b);
}

static void print_problem(void *arg, enum vexfs_finding nr, const char *fmt, ...)
{
	va_list ap;

	(*(int *)arg)++;
	va_start(ap, fmt);
	printf("# %d ", nr);
	vprintf(fmt, ap);
	fputc('\n', stdout);
	va_end(ap);
}

void box_verify(struct box *b)
{
	int problems = 0;
	struct vexfs_verify_opts opts = { .report = print_problem, .arg = &problems };

	log_root(b);
	assert_int_equal(vexfs_dev_flush(&b->dev), 0);
	assert_int_equal(vexfs_verify(&b->fs, &opts, NULL), 0);
	assert_int_equal(problems, 0);
}

void box_load(struct box *b, struct vexfs_inode_core *c, __u64 ino)
{
	struct vexfs_inode *raw;
	vx_buf *buf;

	memset(c, 0, sizeof(*c));
	vx_rwsem_init(&c->lock);
	assert_int_equal(vexfs_inode_buf(&b->fs, ino, &buf, &raw), 0);
	vexfs_inode_load(c, &b->fs, ino, raw);
	vx_brelse(buf);
}

void box_log(struct box *b, struct vexfs_inode_core *c, __u16 mode, __u32 nlink)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	vx_txn t;

	box_start(b, &t, 2);
	assert_int_equal(vexfs_inode_write(&t, &b->fs, c->ino, &buf, &raw), 0);
	vexfs_inode_store(c, raw);
	raw->i_mode = cpu_to_le16(mode);
	raw->i_nlink = cpu_to_le32(nlink);
	assert_int_equal(vexfs_inode_dirty(&t, &b->fs, c->ino, buf, raw), 0);
}

void box_create(struct box *b, struct vexfs_inode_core *c, const char *name, __u16 mode)
{
	struct vexfs_inode *raw;
	vx_buf *buf;
	vx_txn t;

	memset(c, 0, sizeof(*c));
	vx_rwsem_init(&c->lock);
	c->fs = &b->fs;
	box_start(b, &t, VEXFS_ALLOC_CREDITS + 2 + VEXFS_DIR_CREDITS);
	assert_int_equal(vexfs_alloc_ino(&t, &b->fs, VEXFS_ROOT_INO, S_ISDIR(mode), &c->ino,
					 &c->generation),
			 0);
	c->flags = S_ISDIR(mode) ? VEXFS_INODE_METADATA : 0;
	c->parent = VEXFS_ROOT_INO;
	c->parent_generation = b->root.generation;
	assert_int_equal(vexfs_inode_write(&t, &b->fs, c->ino, &buf, &raw), 0);
	memset(raw, 0, sizeof(*raw));
	vexfs_inode_store(c, raw);
	raw->i_mode = cpu_to_le16(mode);
	raw->i_nlink = cpu_to_le32(S_ISDIR(mode) ? 2 : 1);
	assert_int_equal(vexfs_inode_dirty(&t, &b->fs, c->ino, buf, raw), 0);
	assert_int_equal(
		vexfs_dir_add(&t, &b->root, name, strlen(name), c->ino, (mode & S_IFMT) >> 12), 0);
	assert_int_equal(vexfs_inode_write(&t, &b->fs, VEXFS_ROOT_INO, &buf, &raw), 0);
	le32_add_cpu(&raw->i_nlink, S_ISDIR(mode));
	vexfs_inode_store(&b->root, raw);
	assert_int_equal(vexfs_inode_dirty(&t, &b->fs, VEXFS_ROOT_INO, buf, raw), 0);
}

void box_poke(struct box *b, __u64 block, void (*fn)(struct box *b, void *data, void *arg),
	      void *arg)
{
	__u8 data[VEXFS_BLOCK_SIZE] __attribute__((aligned(16)));

	assert_int_equal(vexfs_dev_read(&b->dev, block, data), 0);
	fn(b, data, arg);
	assert_int_equal(vexfs_dev_write(&b->dev, block, data), 0);
}
