// SPDX-License-Identifier: GPL-2.0
/*
 * lie DEVICE WHAT [INO]: metadata that are wrong, with all checksums right.  DEVICE is not mounted.
 *
 *	panic		the superblock wants errors=panic
 *	reserve		no blocks are reserved
 *	links INO	a directory has two links, as if there were no directories in it
 *
 * Exit code 0, or 1 after a line.
 */
#include <fcntl.h>
#include <platform/verify.h>

static struct vexfs_dev dev;
static struct vexfs_fs fs;
static __u8 block[VEXFS_BLOCK_SIZE];

static __attribute__((noreturn)) void die(const char *what)
{
	printf("lie: %s\n", what);
	exit(1);
}

static __u64 super_lies(bool panics)
{
	struct vexfs_super *s = (void *)block;

	if (vexfs_dev_read(&dev, 0, block))
		die("superblock");
	if (panics)
		s->s_errors = cpu_to_le16(VEXFS_ERRORS_PANIC);
	else
		s->s_reserved_blocks = 0;
	vexfs_super_stamp(s);
	return 0;
}

static __u64 two_links(__u64 ino)
{
	__u32 g = (ino - 1) / fs.inodes_per_group, index = (ino - 1) % fs.inodes_per_group;
	__u64 nr = vexfs_group_itable(&fs, g) + index / VEXFS_INODES_PER_BLOCK;
	struct vexfs_inode *raw = (struct vexfs_inode *)block + index % VEXFS_INODES_PER_BLOCK;

	if (vexfs_dev_read(&dev, nr, block))
		die("inode table");
	raw->i_nlink = cpu_to_le32(2);
	raw->i_crc =
		cpu_to_le32(vexfs_csum(&fs, raw, sizeof(*raw), offsetof(struct vexfs_inode, i_crc),
				       ino, le32_to_cpu(raw->i_generation), 0));
	return nr;
}

int main(int argc, char **argv)
{
	__u64 nr;

	if (argc < 3 || vexfs_dev_open(&dev, argv[1], O_RDWR) ||
	    vexfs_super_read(&fs, &dev, dev.blocks))
		die("usage: lie DEVICE panic | reserve | links INO");
	if (argc == 3 && (!strcmp(argv[2], "panic") || !strcmp(argv[2], "reserve")))
		nr = super_lies(argv[2][0] == 'p');
	else if (argc == 4 && !strcmp(argv[2], "links"))
		nr = two_links(strtoull(argv[3], NULL, 0));
	else
		die("usage: lie DEVICE panic | reserve | links INO");
	if (vexfs_dev_write(&dev, nr, block))
		die("write");
	vexfs_super_release(&fs);
	vexfs_dev_close(&dev);
	return 0;
}
