// SPDX-License-Identifier: GPL-2.0
/*
 * unread DEVICE MOUNTPOINT: a page of vectors cannot be read: searches go on without its rows and
 * say so, exact and by codes, and nothing else happens to them.  DEVICE has a VexFS, not mounted,
 * and is used through a device that can be broken.
 *
 * Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <sys/wait.h>
#include "rows.h"
#include "faulty.h"

#define DIMS	32
#define ROWS	4000u
#define PER_PAGE (4096 / (DIMS * 4))
#define SLOT	2010u			/* in the page that breaks */

static struct faulty disk;
static const char *mountpoint;

static int mount_it(void)
{
	int fd;

	if (mount(disk.path, mountpoint, "vexfs", 0, "") || chdir(mountpoint))
		die("mount");
	fd = open("c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd;
}

static void unmount_it(int fd)
{
	close(fd);
	if (chdir("/") || umount(mountpoint))
		die("umount");
}

static void fill(void)
{
	static float rows[ROWS * DIMS];
	static uint64_t ids[ROWS];
	int fd;
	uint32_t i;

	if (mount(disk.path, mountpoint, "vexfs", 0, "") || chdir(mountpoint))
		die("mount");
	fd = vx_collection(".", "c", DIMS, VEXFS_METRIC_L2, 0);
	for (i = 0; i < ROWS; i++) {
		ids[i] = i;
		make_row(rows + i * DIMS, DIMS, 1, i);
	}
	EXPECT(0, vx_insert(fd, ROWS, DIMS, rows, ids, NULL, NULL, NULL), "insert");
	EXPECT(0, fsync(fd) ? errno : 0, "fsync");
	unmount_it(fd);
}

/* The sector where the page with the row of SLOT begins. */
static uint64_t find_page(void)
{
	static char buf[1 << 20];
	float row[DIMS];
	int fd = open(disk.below, O_RDONLY | O_CLOEXEC);
	off_t pos;
	ssize_t n, i;

	make_row(row, DIMS, 1, SLOT);
	for (pos = 0; (n = pread(fd, buf, sizeof(buf), pos)) > 0; pos += n)
		for (i = 0; i + (ssize_t)sizeof(row) <= n; i += sizeof(row))
			if (!memcmp(buf + i, row, sizeof(row))) {
				close(fd);
				return (pos + i) / 4096 * 8;
			}
	die("no row");
}

static void search(int fd, uint32_t flags, bool damaged, const char *what)
{
	struct vexfs_hit hit[5];
	struct vexfs_ioc_search s;
	float q[DIMS];
	uint32_t i;

	make_row(q, DIMS, 1, SLOT);
	EXPECT(0, vx_search_as(fd, flags, 5, DIMS, q, hit, &s), what);
	FAIL(s.n != 5, "%s: %u hits", what, s.n);
	FAIL(s.truncated != (damaged ? VEXFS_TRUNC_DAMAGED : 0), "%s: truncated %#x", what,
	     s.truncated);
	for (i = 0; i < s.n && damaged; i++)
		FAIL(hit[i].id / PER_PAGE == SLOT / PER_PAGE, "%s: hit %u is %llu", what, i,
		     hit[i].id);
	FAIL(!damaged && hit[0].id != SLOT, "%s: it is not found", what);
}

static int sh(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void broken(int fd, uint32_t flags)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	struct vexfs_ioc_info info;
	float row[DIMS];
	uint64_t id = 7;

	search(fd, flags, true, "a page cannot be read");
	search(fd, flags, true, "and again");
	EXPECT(0, vx_info(fd, &info), "info");
	FAIL(info.damaged != PER_PAGE, "%llu records are damaged", info.damaged);
	FAIL(info.live != ROWS, "%llu records", info.live);
	EXPECT(EIO, vx_get(fd, SLOT, DIMS, row, NULL), "get");
	EXPECT(0, vx_get(fd, SLOT + PER_PAGE, DIMS, row, NULL), "get of another one");
	FAIL(sh("vexctl export c -o /tmp/unread.fvecs 2>/tmp/unread.err") != 1, "export says nothing");
	FAIL(sh("grep -q 'record 2010 cannot be read: it is damaged, and left out' /tmp/unread.err"),
	     "export does not name a record");
	FAIL(sh("[ $(stat -c %s /tmp/unread.fvecs) = $(((4000 - 32) * 33 * 4)) ]"),
	     "export does not have the others");
	if (flags)
		return;
	EXPECT(0, vx_delete(fd, 1, &id, NULL), "delete");
	EXPECT(EUCLEAN, vx_ioctl(fd, VEXFS_IOC_COMPACT, &compact), "compact");
	make_row(row, DIMS, 1, id);
	EXPECT(0, vx_insert(fd, 1, DIMS, row, &id, NULL, NULL, NULL), "insert");
	EXPECT(0, fsync(fd) ? errno : 0, "fsync");
}

static int fsck(const char *options)
{
	char command[200];

	snprintf(command, sizeof(command), "fsck.vexfs %s %s >/tmp/unread.fsck 2>&1", options,
		 disk.path);
	return sh(command);
}

/* fsck.vexfs says what it cannot read; what cannot be written either is left for another try. */
static void checked(uint64_t at)
{
	char command[100];

	faulty_set(&disk, "error", at, at + 8);
	FAIL(fsck("") != 4, "a check of what cannot be read");
	snprintf(command, sizeof(command), "grep -q '\\[121\\] unreadable: block %llu, of ' /tmp/unread.fsck",
		 (unsigned long long)at / 8);
	FAIL(sh(command), "the check does not name the block");
	FAIL(fsck("-y") != 8, "a repair of what cannot be written");
	FAIL(sh("grep -q 'while it was written: ' /tmp/unread.fsck"), "it does not say so");
	faulty_mend(&disk);
	FAIL(fsck("-y") > 1, "the repair afterwards");
	FAIL(fsck(""), "the check after it");
}

int main(int argc, char **argv)
{
	uint64_t at;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: unread DEVICE MOUNTPOINT\n");
		return 2;
	}
	mountpoint = argv[2];
	faulty_open(&disk, argv[1]);
	fill();
	at = find_page();
	faulty_set(&disk, "error", at, at + 8);
	fd = mount_it();
	broken(fd, VEXFS_SEARCH_EXACT);
	unmount_it(fd);
	fd = mount_it();
	broken(fd, 0);
	faulty_mend(&disk);
	FAIL(sh("vexctl export c -o /tmp/unread.fvecs"), "export of what can be read again");
	search(fd, 0, false, "what was read whole again");
	unmount_it(fd);
	checked(at);
	faulty_close(&disk);
	return failed();
}
