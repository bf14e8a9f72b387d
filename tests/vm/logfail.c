// SPDX-License-Identifier: GPL-2.0
/*
 * logfail DEVICE MOUNTPOINT ERRORS: what fsync and the rest say when the log cannot be written, and
 * what is left after a mount once it can be.  DEVICE has a VexFS, not mounted, and is used through
 * a device that can be broken.  ERRORS: the mount option errors=.
 *
 * Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <vexfs/format.h>
#include "rows.h"
#include "faulty.h"

#ifndef FIFREEZE			/* linux/fs.h and sys/mount.h do not go together */
#define FIFREEZE	_IOWR('X', 119, int)
#endif
#define DIMS	8
#define BLOCK	4096

static struct faulty disk;
static const char *dir, *errors;
static uint64_t log_start, log_end;	/* sectors, without the log's superblock */

static int result(int r)
{
	return r < 0 ? errno : 0;
}
/* A call that returns -1 and errno: EIO is what it must say, however often it is asked. */
#define IS_EIO(call) do {						\
	EXPECT(EIO, result(call), #call);				\
	EXPECT(EIO, result(call), "again: " #call);			\
} while (0)
#define MUST(call) EXPECT(0, result(call), #call)

static void mount_it(void)
{
	char options[64];

	/* our own syncs are the only ones */
	snprintf(options, sizeof(options), "commit=300,errors=%s", errors);
	if (mount(disk.path, dir, "vexfs", 0, options))
		die("mount");
	if (chdir(dir))
		die(dir);
}

static void umount_it(void)
{
	if (chdir("/") || umount(dir))
		die("umount");
}

static int new_file(const char *name, int flags, int fill)
{
	char block[BLOCK];
	int fd = open(name, O_RDWR | O_CREAT | flags, 0644);

	memset(block, fill, sizeof(block));
	if (fd < 0 || write(fd, block, sizeof(block)) != sizeof(block))
		die(name);
	return fd;
}

/* Is the file a block of that?  Its first byte may be anything. */
static bool holds(const char *name, int fill)
{
	unsigned char block[BLOCK] = "";
	int fd = open(name, O_RDONLY), i;
	ssize_t n = fd < 0 ? -1 : read(fd, block, sizeof(block));

	close(fd);
	for (i = 1; i < BLOCK && block[i] == fill; i++)
		;
	return n == BLOCK && i == BLOCK;
}

static int insert(int fd, uint64_t from, int n)
{
	float rows[64 * DIMS];
	uint64_t ids[64];
	int i;

	for (i = 0; i < n; i++) {
		ids[i] = from + i;
		make_row(rows + i * DIMS, DIMS, 1, ids[i]);
	}
	return vx_insert(fd, n, DIMS, rows, ids, NULL, NULL, NULL);
}

/* A process that calls fsync of fd; its errno is its exit code. */
static pid_t fsync_elsewhere(int fd)
{
	pid_t pid = fork();

	if (!pid)
		_exit(result(fsync(fd)));
	return pid;
}

static int exit_code(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* How often the kernel log has it, since the mark. */
static int said(const char *mark, const char *text)
{
	static char log[1 << 20];
	int n = klogctl(3, log, sizeof(log) - 1), count = 0;	/* SYSLOG_ACTION_READ_ALL */
	const char *p, *at = NULL;

	if (n < 0)
		die("klogctl");
	log[n] = 0;
	for (p = log; (p = strstr(p, mark)); p++)
		at = p;
	for (; at && (at = strstr(at, text)); at++)
		count++;
	return count;
}

static void leave_mark(const char *mark)
{
	int fd = open("/dev/kmsg", O_WRONLY);

	if (fd < 0 || write(fd, mark, strlen(mark)) < 0)
		die("/dev/kmsg");
	close(fd);
}

/* Everything that changes the filesystem is refused, not only what syncs it. */
static void no_changes(int fd, char *map)
{
	int sync_fd = open("kept", O_WRONLY | O_SYNC);

	IS_EIO(write(fd, "x", 1));
	IS_EIO(pwrite(fd, "x", 1, 0));
	IS_EIO(write(sync_fd, "x", 1));
	IS_EIO(ftruncate(fd, 10));
	IS_EIO(ftruncate(fd, 1 << 20));
	IS_EIO(fallocate(fd, 0, 1 << 20, 1 << 20));
	IS_EIO(fchmod(fd, 0600));
	IS_EIO(mkdir("more", 0755));
	IS_EIO(open("new", O_RDWR | O_CREAT, 0600));
	IS_EIO(rename("kept", "moved"));
	IS_EIO(link("kept", "linked"));
	IS_EIO(symlink("kept", "symlink"));
	IS_EIO(unlink("kept"));
	IS_EIO(rmdir("lost"));
	IS_EIO(msync(map, BLOCK, MS_SYNC));
	close(sync_fd);
}

/* The log fails, but not its superblock: the next mount hears of it. */
static void broken_log(void)
{
	int root, other, kept, col, lost, clean, written, old;
	char *map;
	pid_t a, b;

	mount_it();
	leave_mark("logfail: begin\n");
	root = open(".", O_RDONLY);
	other = open(".", O_RDONLY);
	kept = new_file("kept", O_TRUNC, 'k');
	col = vx_directory(".", "c");
	FAIL(vx_create(col, DIMS, VEXFS_METRIC_L2, 0), "create");
	EXPECT(0, insert(col, 1, 50), "insert");
	MUST(fsync(kept));
	MUST(fsync(col));
	MUST(syncfs(root));

	faulty_set(&disk, "error", log_start, log_end);
	/* one transaction: directories, data on the device and data that are not, records */
	MUST(mkdir("lost", 0755));
	lost = open("lost", O_RDONLY);
	written = new_file("written", 0, 'w');
	MUST(sync_file_range(written, 0, 0, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
	clean = open("empty", O_RDWR | O_CREAT, 0644);
	old = new_file("dirty", 0, 'd');
	EXPECT(0, insert(col, 100, 50), "insert that is not synced");
	map = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, kept, 0);
	if (map == MAP_FAILED)
		die("mmap");
	map[0] = 'K';

	/* two who wait for the commit that fails, then those who come later */
	a = fsync_elsewhere(lost);
	b = fsync_elsewhere(clean);
	EXPECT(EIO, exit_code(a), "fsync during the commit that fails");
	EXPECT(EIO, exit_code(b), "fsync of another during it");
	IS_EIO(fsync(lost));
	IS_EIO(fsync(clean));
	IS_EIO(fdatasync(written));
	IS_EIO(fsync(written));
	EXPECT(EIO,
	       result(sync_file_range(old, 0, 0,
				      SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER)),
	       "sync_file_range of dirty data");
	IS_EIO(fdatasync(old));
	IS_EIO(fsync(kept));
	IS_EIO(fsync(col));
	IS_EIO(syncfs(root));
	EXPECT(EIO, insert(col, 200, 1), "insert after it");
	no_changes(kept, map);
	IS_EIO(ioctl(root, FIFREEZE, 0));
	FAIL(said("logfail: begin", "the log has failed") != 1,
	     "the log of the kernel says it %d times",
	     said("logfail: begin", "the log has failed"));
	munmap(map, BLOCK);
	close(old);
	close(clean);
	close(written);
	close(lost);
	close(col);
	close(kept);
	FAIL(!holds("kept", 'k'), "it cannot be read any more");
	MUST(mount(disk.path, dir, "vexfs", MS_REMOUNT | MS_RDONLY, ""));
	IS_EIO(fsync(root));
	EXPECT(EIO, result(syncfs(other)),
	       "the first syncfs of a file when it is read-only already");
	FAIL(!mount(disk.path, dir, "vexfs", MS_REMOUNT, ""), "it can be written again");
	close(other);
	close(root);
	umount_it();
	faulty_mend(&disk);
}

/* All that was acknowledged is there, and the error is told. */
static void after_log(void)
{
	float row[DIMS], want[DIMS];
	uint64_t id;
	int col;

	leave_mark("logfail: after\n");
	mount_it();
	FAIL(said("logfail: after", "run fsck.vexfs") != 1, "the error is not in the log");
	FAIL(!holds("kept", 'k'), "the file is lost");
	col = open("c", O_RDONLY);
	for (id = 1; id <= 50; id++) {
		make_row(want, DIMS, 1, id);
		FAIL(vx_get(col, id, DIMS, row, NULL) || memcmp(row, want, sizeof(row)),
		     "record %d is lost", (int)id);
	}
	EXPECT(ENOENT, vx_get(col, 100, DIMS, row, NULL), "a record that was not acknowledged");
	EXPECT(0, insert(col, 300, 1), "insert");
	MUST(fsync(col));
	close(col);
	FAIL(!access("lost", F_OK), "the commit has not failed");
	umount_it();
}

/*
 * The disk's cache cannot be flushed.  No transaction is open: the first fdatasync has only its own
 * flush, and so has syncfs.
 */
static void broken_flush(bool whole)
{
	int root, fd;

	mount_it();
	root = open(".", O_RDONLY);
	fd = new_file("kept", O_TRUNC, 'k');
	MUST(fsync(fd));
	MUST(syncfs(root));
	faulty_set(&disk, "flakey", disk.sectors - 8, disk.sectors);
	if (whole) {
		IS_EIO(syncfs(root));
	} else {
		MUST(pwrite(fd, "kk", 2, 0));
		IS_EIO(fdatasync(fd));
	}
	faulty_mend(&disk);		/* what was lost stays lost */
	IS_EIO(fdatasync(fd));
	IS_EIO(syncfs(root));
	IS_EIO(pwrite(fd, "k", 1, 0));
	close(fd);
	close(root);
	umount_it();
	mount_it();
	FAIL(!holds("kept", 'k'), "what was synced before is lost");
	umount_it();
}

/* Nobody waits, and nobody asks: the file descriptor of a file that kjournald has lost. */
static void unattended(void)
{
	int fd, i;

	mount_it();
	leave_mark("logfail: unattended\n");
	fd = open("nobody", O_RDWR | O_CREAT, 0644);
	faulty_set(&disk, "error", log_start, log_end);
	MUST(fchmod(fd, 0600));
	for (i = 0; i < 150 && !said("logfail: unattended", "Aborting journal"); i++)
		usleep(100000);
	IS_EIO(fsync(fd));
	close(fd);
	umount_it();
	faulty_mend(&disk);
	mount_it();
	umount_it();
}

int main(int argc, char **argv)
{
	struct vexfs_super super;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 4) {
		fprintf(stderr, "usage: logfail DEVICE MOUNTPOINT ERRORS\n");
		return 2;
	}
	dir = argv[2];
	errors = argv[3];
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || pread(fd, &super, sizeof(super), 0) != sizeof(super))
		die(argv[1]);
	close(fd);
	log_start = (le64toh(super.s_journal_start) + 1) * 8;
	log_end = log_start + (le32toh(super.s_journal_blocks) - 1) * 8;
	faulty_open(&disk, argv[1]);
	broken_log();
	after_log();
	broken_flush(false);
	broken_flush(true);
	if (!strcmp(errors, "continue"))
		unattended();		/* takes the interval of kjournald */
	faulty_close(&disk);
	return failed();
}
