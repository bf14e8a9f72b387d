// SPDX-License-Identifier: GPL-2.0
/*
 * faults DEVICE READONLY MOUNTPOINT [FAULT]: what callers see when some of the disk cannot be
 * written or read, when it is full, and when memory is short; and what is there after it was mended
 * and mounted again.  DEVICE is made anew for each, and used through a device that can be broken;
 * READONLY has the same data.  FAULT: only those with this in their names;
 * "no memory" on a device that has none of the caller's.
 *
 * For every fault the same is done, by users who look at what they are told.  Then
 *
 *	- what fsync or syncfs acknowledged is there, whether before the fault or during it; while it
 *	  is broken, too, or cannot be read
 *	- it can be mounted, and fsck.vexfs finds nothing, or what it was told of
 *	- the one whose call cannot be done was told, and the log of the kernel has a line that says why
 *
 * Prints a table, a line per fault, each begins with "| "; and a line per failure.  Exit code 0, or
 * 1 after those.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <vexfs/format.h>
#include "rows.h"
#include "faulty.h"

#ifndef FIFREEZE /* linux/fs.h and sys/mount.h do not go together */
#define FIFREEZE _IOWR('X', 119, int)
#define FITHAW _IOWR('X', 120, int)
#endif
#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, __u32)
#endif
#define DIMS 32
#define ROWS 200u
#define MORE 10u
#define PIECES 40u /* extents of a file, more than an inode holds */
#define LARGE 8000u /* records in one call */
#define FILLER 12u /* files, for a block of inodes in between */

static struct faulty disk;
static const char *device, *dir;
static struct vexfs_super super;

/* --- what is there --- */

static uint64_t inode_block(uint64_t ino)
{
	uint64_t index = (ino - 1) % le32toh(super.s_inodes_per_group),
		 g = (ino - 1) / le32toh(super.s_inodes_per_group);

	return g * VEXFS_GROUP_BLOCKS + (g == 0 || g == 1 || g == 3) + 1 +
	       index / VEXFS_INODES_PER_BLOCK;
}

static int result(int r)
{
	return r < 0 ? errno : 0;
}

static void must(bool good, const char *what)
{
	if (!good)
		die(what);
}

static void put(const char *name, off_t at, size_t n, int fill, int flags)
{
	char text[8192];
	int fd = open(name, O_RDWR | O_CREAT | flags, 0644);

	memset(text, fill, sizeof(text));
	must(fd >= 0 && pwrite(fd, text, n, at) == (ssize_t)n, name);
	close(fd);
}

static int insert(int fd, uint64_t from, uint32_t n)
{
	static float rows[ROWS * DIMS];
	uint64_t ids[ROWS];
	uint32_t i;

	for (i = 0; i < n; i++) {
		ids[i] = from + i;
		make_row(rows + i * DIMS, DIMS, 1, ids[i]);
	}
	return vx_insert(fd, n, DIMS, rows, ids, NULL, NULL, NULL);
}

static int mount_it(const char *options)
{
	if (mount(disk.path, dir, "vexfs", 0, options))
		return errno;
	must(!chdir(dir), dir);
	return 0;
}

static int umount_it(void)
{
	return result(chdir("/")) ?: result(umount(dir));
}

static int sh(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What was written is written back to where it belongs, and forgotten. */
static void forget(void)
{
	int fd = open(disk.path, O_RDONLY | O_CLOEXEC),
	    drop = open("/proc/sys/vm/drop_caches", O_WRONLY);

	must(fd >= 0 && drop >= 0, disk.path);
	fsync(fd);
	must(write(drop, "3", 1) == 1, "drop_caches");
	close(drop);
	close(fd);
}

/* Inodes and blocks by what they hold, when it is unmounted. */
static struct {
	uint64_t group, old, directory, node, data, orphan;
} place;

static uint64_t stat_ino(const char *name)
{
	struct stat st;

	must(!stat(name, &st), name);
	return st.st_ino;
}

static void read_block(uint64_t nr, void *block)
{
	int fd = open(disk.below, O_RDONLY | O_CLOEXEC);

	must(fd >= 0 && pread(fd, block, 4096, nr * 4096) == 4096, disk.below);
	close(fd);
}

/* The first block, not of the log, that begins with this, or has it at a multiple of `align`. */
static uint64_t find(const void *what, size_t len, size_t align)
{
	static char buf[1 << 20];
	int fd = open(disk.below, O_RDONLY | O_CLOEXEC);
	uint64_t from = le64toh(super.s_journal_start) + le32toh(super.s_journal_blocks);
	off_t pos = from * 4096;
	ssize_t n, i;

	for (; (n = pread(fd, buf, sizeof(buf), pos)) > 0; pos += n)
		for (i = 0; i + (ssize_t)len <= n; i += align)
			if (!memcmp(buf + i, what, len)) {
				close(fd);
				return (pos + i) / 4096;
			}
	die("it is not on the disk");
}

static uint64_t first_extent(uint64_t ino, bool index)
{
	struct vexfs_inode raw[VEXFS_INODES_PER_BLOCK],
		*r = &raw[(ino - 1) % VEXFS_INODES_PER_BLOCK];

	read_block(inode_block(ino), raw);
	return index ? le64toh(r->i_index[0].x_block) : le64toh(r->i_extent[0].e_pblk);
}

/* An empty filesystem, and on it what is acknowledged before anything breaks; unmounted. */
static void fresh(bool orphan)
{
	uint64_t frag, old, d, gone = 0;
	char name[64];
	uint32_t i;
	int fd, col;

	if (disk.control)
		faulty_close(&disk);
	snprintf(name, sizeof(name), "mkfs.vexfs -q --force %s", device);
	must(!sh(name), name);
	faulty_open(&disk, device);
	fd = open(disk.below, O_RDONLY | O_CLOEXEC);
	must(fd >= 0 && pread(fd, &super, sizeof(super), 0) == sizeof(super), disk.below);
	close(fd);
	must(!mount_it("commit=300"), "mount");
	fd = open(".", O_RDONLY);
	must(!mkdir("d", 0755), "d");
	put("old", 0, 8192, 'o', 0);
	for (i = 0; i < FILLER; i++) {
		snprintf(name, sizeof(name), "filler%u", i);
		put(name, 0, 1, 'f', 0);
	}
	put("d/kept", 0, 8192, 'k', 0);
	for (i = 0; i < PIECES; i++)
		put("frag", i * 8192, 4096, 'p', 0);
	col = vx_collection(".", "c", DIMS, VEXFS_METRIC_L2, 0);
	must(!insert(col, 0, ROWS) && !fsync(col) && !syncfs(fd), "records");
	old = stat_ino("old");
	d = stat_ino("d");
	frag = stat_ino("frag");
	if (orphan) {
		__u32 how = 1;
		int lost;

		for (i = 0; i < 2 * VEXFS_INODES_PER_BLOCK || gone % VEXFS_INODES_PER_BLOCK != 4;
		     i++) {
			snprintf(name, sizeof(name), "more%u", i);
			put(name, 0, 4096, 'm', 0);
			gone = stat_ino(name);
		}
		lost = open(name, O_RDONLY);
		must(lost >= 0 && !unlink(name) && !syncfs(fd) && !ioctl(fd, FS_IOC_SHUTDOWN, &how),
		     "orphan");
		close(lost);
	}
	close(col);
	close(fd);
	must(!umount_it(), "umount");
	if (orphan) /* so that the log is not needed for it */
		must(!mount(disk.path, dir, "vexfs", MS_RDONLY, NULL) && !umount(dir), "replay");
	forget(); /* what is cached of the device below */
	place.orphan = orphan ? inode_block(gone) : 0;
	place.old = inode_block(old);
	place.group = (d - 1) / le32toh(super.s_inodes_per_group) * VEXFS_GROUP_BLOCKS;
	place.group += inode_block((d - 1) / le32toh(super.s_inodes_per_group) *
					   le32toh(super.s_inodes_per_group) +
				   1) -
		       1 - place.group;
	place.directory = first_extent(d, false);
	place.node = first_extent(frag, true);
	place.data = first_extent(old, false);
}

/* --- what is broken --- */

struct range {
	uint64_t from, to; /* blocks */
};

static struct range one(uint64_t block)
{
	return (struct range){ block, block + 1 };
}

static struct range in_log(void)
{
	uint64_t at = le64toh(super.s_journal_start);

	return (struct range){ at + 1, at + le32toh(super.s_journal_blocks) };
}

static struct range in_super(void)
{
	return one(0);
}
static struct range in_inodes(void)
{
	return one(place.old);
}
static struct range in_group(void)
{
	return one(place.group);
}
static struct range in_directory(void)
{
	return one(place.directory);
}
static struct range in_node(void)
{
	return one(place.node);
}
static struct range in_data(void)
{
	return one(place.data);
}
static struct range in_orphan(void)
{
	return one(place.orphan);
}

static struct range in_collection(void)
{
	const __le32 magic = htole32(VEXFS_COLLECTION_MAGIC);

	return one(find(&magic, sizeof(magic), 4096));
}

static struct range in_checkpoint(void)
{
	const __le32 magic = htole32(VEXFS_CHECKPOINT_MAGIC);

	return one(find(&magic, sizeof(magic), 4096) + 1);
}

static struct range of_row(uint32_t id)
{
	float row[DIMS];

	make_row(row, DIMS, 1, id);
	return one(find(row, sizeof(row), sizeof(row)));
}

/* where the next rows go, too */
static struct range in_plane(void)
{
	return of_row(ROWS - 1);
}
static struct range in_row(void)
{
	return of_row(ROWS / 2);
}

/* --- what users do, and are told --- */

enum {
	WRITE,
	FSYNC,
	CREATE,
	FSYNC_NEW,
	GROW,
	FSYNC_GROWN,
	INSERT,
	FSYNC_COL,
	SEARCH,
	READ,
	LIST,
	SYNCFS,
	FREEZE,
	UMOUNT,
	CALLERS,
	NOBODY
};
static const char *const caller[CALLERS] = { "write", "fsync",	"create", "fsync",  "append",
					     "fsync", "insert", "fsync",  "search", "read",
					     "list",  "syncfs", "freeze", "umount" };

struct told {
	int err[CALLERS];
	bool damaged; /* search said that something is missing */
	uint64_t first; /* id of the records that are inserted */
};

static int file_op(const char *name, int flags, off_t at, int fill, int *synced)
{
	char text[4096];
	int fd = open(name, O_RDWR | flags, 0644), err = result(fd);

	memset(text, fill, sizeof(text));
	if (!err)
		err = result(pwrite(fd, text, sizeof(text), at));
	*synced = fd < 0 ? err : result(fsync(fd));
	close(fd);
	return err;
}

static int read_all(const char *name)
{
	char text[4096];
	int fd = open(name, O_RDONLY), err = result(fd);
	ssize_t n = 1;

	while (!err && n > 0) {
		n = read(fd, text, sizeof(text));
		err = n < 0 ? errno : 0;
	}
	close(fd);
	return err;
}

static void use(struct told *t)
{
	struct vexfs_ioc_search s = {};
	struct vexfs_hit hit[3];
	float q[DIMS];
	int root = open(".", O_RDONLY), col = open("c", O_RDONLY);

	t->err[WRITE] = file_op("old", 0, 0, 'O', &t->err[FSYNC]);
	t->err[CREATE] = file_op("d/new", O_CREAT, 0, 'n', &t->err[FSYNC_NEW]);
	t->err[GROW] = file_op("frag", 0, PIECES * 8192, 'P', &t->err[FSYNC_GROWN]);
	t->err[INSERT] = col < 0 ? errno : insert(col, t->first, MORE);
	t->err[FSYNC_COL] = col < 0 ? errno : result(fsync(col));
	make_row(q, DIMS, 1, ROWS / 2);
	t->err[SEARCH] = col < 0 ? errno : vx_search(col, 3, DIMS, q, hit, &s);
	t->damaged = s.truncated & VEXFS_TRUNC_DAMAGED;
	t->err[READ] = read_all("frag");
	t->err[LIST] = access("d/kept", F_OK) ? errno : 0;
	t->err[SYNCFS] = result(syncfs(root));
	t->err[FREEZE] = result(ioctl(root, FIFREEZE, 0));
	if (!t->err[FREEZE])
		must(!ioctl(root, FITHAW, 0), "thaw");
	close(col);
	close(root);
}

/* --- what must be there --- */

static bool holds(const char *name, off_t at, int fill, int or_fill)
{
	unsigned char text[4096] = "";
	int fd = open(name, O_RDONLY), i;
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text), at);

	close(fd);
	for (i = 1; i < n && text[i] == text[0]; i++)
		;
	return n == 4096 && i == n && (text[0] == fill || text[0] == or_fill);
}

/* broken: it still is, so an error is an answer, too; but nothing old or wrong. */
static void check(const struct told *t, const char *fault, bool broken)
{
#define LOST(there, what)                                                             \
	do {                                                                          \
		errno = 0;                                                            \
		FAIL(!(there) && !(broken && errno), "%s: %s is lost%s", fault, what, \
		     broken ? " while it is broken" : "");                            \
	} while (0)
	bool all = !t->err[SYNCFS];
	int col = open("c", O_RDONLY);
	float row[DIMS], want[DIMS];
	uint32_t i;

	if (!t->err[WRITE] && (!t->err[FSYNC] || all))
		LOST(holds("old", 0, 'O', 'O'), "what fsync of a file acknowledged");
	else
		LOST(holds("old", 0, 'o', 'O'), "what was written to a file before");
	LOST(holds("old", 4096, 'o', 'o'), "the rest of a file");
	LOST(holds("d/kept", 4096, 'k', 'k'), "a file");
	if (!t->err[CREATE] && (!t->err[FSYNC_NEW] || all))
		LOST(holds("d/new", 0, 'n', 'n'), "a new file that was acknowledged");
	for (i = 0; i < PIECES; i++)
		LOST(holds("frag", i * 8192, 'p', 'p'), "a part of a file");
	if (!t->err[GROW] && (!t->err[FSYNC_GROWN] || all))
		LOST(holds("frag", PIECES * 8192, 'P', 'P'), "what was appended and acknowledged");
	for (i = 0; i < ROWS + MORE; i++) {
		uint64_t id = i < ROWS ? i : t->first + i - ROWS;
		int err;

		if (i >= ROWS && (t->err[INSERT] || (t->err[FSYNC_COL] && !all)))
			break;
		err = col < 0 ? EIO : vx_get(col, id, DIMS, row, NULL);
		make_row(want, DIMS, 1, id);
		FAIL(err ? !broken || err == ENOENT : memcmp(row, want, sizeof(row)) != 0,
		     "%s: record %llu is lost", fault, (unsigned long long)id);
	}
	close(col);
}

/* --- the kernel's words --- */

static void leave_mark(const char *mark)
{
	int fd = open("/dev/kmsg", O_WRONLY);

	must(fd >= 0 && write(fd, mark, strlen(mark)) > 0, "/dev/kmsg");
	close(fd);
}

/* The first line since the mark that has this text; "" none. */
static const char *kernel_says(const char *mark, const char *text)
{
	static char log[1 << 22], line[200];
	int n = klogctl(3, log, sizeof(log) - 1); /* SYSLOG_ACTION_READ_ALL */
	const char *p, *at = NULL;

	must(n > 0, "klogctl");
	log[n] = 0;
	for (p = log; (p = strstr(p, mark)); p++)
		at = p;
	p = at ? strstr(at + strlen(mark), text) : NULL;
	if (!p)
		return "";
	while (p > at && p[-1] != '\n' && p[-1] != ']')
		p--;
	p += strspn(p, " ");
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
	return line;
}

/* --- the table --- */

struct fault {
	const char *name;
	const char *type; /* of faulty_set() */
	struct range (*where)(void);
	int sees; /* the caller who must be told EIO */
	const char *line; /* what the log of the kernel must say */
	bool before; /* when it is unmounted, else while it is mounted */
	bool orphan; /* one is there */
	const char *fsck; /* a code that it may find, besides 102, a known error */
	void (*prepare)(void); /* when it is unmounted and whole */
	void (*also)(void); /* when it is mounted and broken */
};

static void make_checkpoint(void)
{
	char command[100];

	must(!mount(disk.path, dir, "vexfs", 0, NULL), "mount");
	snprintf(command, sizeof(command),
		 "codes fill %s/l2 8300 8 l2 > /dev/null && vexctl index %s/l2 > /dev/null", dir,
		 dir);
	must(!sh(command) && !umount(dir), "checkpoint");
}

static void search_there(void)
{
	char command[100];

	snprintf(command, sizeof(command), "vexctl search %s/l2 --id 7 > /dev/null", dir);
	EXPECT(0, sh(command), "a search without its checkpoint");
}

#define LOG_FAILED "the log has failed"
#define UNREADABLE "cannot be read"
static const struct fault faults[] = {
	{ "write: the log", "error", in_log, FSYNC, LOG_FAILED },
	{ "write: a block of inodes", "readonly", in_inodes, FREEZE, LOG_FAILED },
	{ "write: a group block", "readonly", in_group, FREEZE, LOG_FAILED },
	{ "write: an extent node", "readonly", in_node, FREEZE, LOG_FAILED },
	{ "write: a directory block", "readonly", in_directory, FREEZE, LOG_FAILED },
	{ "write: a collection block", "readonly", in_collection, FREEZE, LOG_FAILED },
	{ "write: the superblock", "readonly", in_super, FREEZE, LOG_FAILED },
	{ "write: vectors", "readonly", in_plane, FSYNC_COL, "the last operations are lost" },
	{ "write: data of a file", "readonly", in_data, FSYNC, "writeback error" },
	{ "write: a flush of the whole device", "flakey", in_data, FSYNC, LOG_FAILED },
	{ "read: a group block", "error", in_group, CREATE, UNREADABLE, .before = true },
	{ "read: an orphan", "error", in_orphan, NOBODY, "orphan inode", .before = true,
	  .orphan = true, .fsck = "502" },
	{ "read: an extent node", "error", in_node, READ, UNREADABLE, .before = true },
	{ "read: a directory block", "error", in_directory, LIST, UNREADABLE, .before = true },
	{ "read: a collection block", "error", in_collection, INSERT, UNREADABLE, .before = true },
	{ "read: a row", "error", in_row, NOBODY, UNREADABLE, .before = true },
	{ "read: a checkpoint", "error", in_checkpoint, NOBODY, "its checkpoint is of no use",
	  .before = true, .prepare = make_checkpoint, .also = search_there },
};

/* The numbers of what fsck.vexfs finds, each once; "?" it said none and failed. */
static const char *fsck(void)
{
	static char codes[200];
	char command[200];
	FILE *f;
	int status;

	faulty_close(&disk);		/* what is cached of the device below goes with it */
	disk.control = 0;
	snprintf(
		command, sizeof(command),
		"fsck.vexfs %s 2>&1 > /tmp/faults.fsck; echo $? > /tmp/faults.rc; "
		"sed -n 's/.*\\[\\([0-9]*\\)\\].*/\\1/p' /tmp/faults.fsck | sort -u | tr '\\n' ' '",
		disk.below);
	f = popen(command, "r");
	must(f, "fsck.vexfs");
	*codes = 0;
	if (!fgets(codes, sizeof(codes), f))
		*codes = 0;
	pclose(f);
	f = fopen("/tmp/faults.rc", "r");
	must(f && fscanf(f, "%d", &status) == 1, "fsck.vexfs");
	fclose(f);
	if (!*codes && status)
		strcpy(codes, "?");
	return codes;
}

static void tell(const struct fault *f, const struct told *t, int mounted, const char *found)
{
	char text[400] = "";
	int i, n = 0;

	for (i = 0; i < CALLERS; i++)
		if (t->err[i])
			n += snprintf(text + n, sizeof(text) - n, "%s%s %s", n ? ", " : "",
				      caller[i], error_name(t->err[i]));
	if (t->damaged)
		n += snprintf(text + n, sizeof(text) - n, "%ssearch says damaged", n ? ", " : "");
	printf("| %s | %s | %s | %s |", f->name, n ? text : "nothing",
	       mounted ? error_name(mounted) : "mounts", *found ? found : "clean");
}

static void try(const struct fault *f)
{
	struct told t = { .first = ROWS };
	struct range r;
	char mark[64];
	const char *says, *found, *p;
	int mounted;

	fresh(f->orphan);
	if (f->prepare)
		f->prepare();
	forget();			/* what is cached of the device below */
	r = f->where();
	snprintf(mark, sizeof(mark), "faults: %s\n", f->name);
	leave_mark(mark);
	if (f->before)
		faulty_set(&disk, f->type, r.from * 8, r.to * 8);
	mounted = mount_it("commit=300");
	if (!EXPECT(0, mounted, f->name)) {
		if (!f->before)
			faulty_set(&disk, f->type, r.from * 8, r.to * 8);
		use(&t);
		if (f->also)
			f->also();
		forget();
		check(&t, f->name, true);
		t.err[UMOUNT] = umount_it();
		EXPECT(0, t.err[UMOUNT], "umount");
	}
	faulty_mend(&disk);
	says = kernel_says(mark, f->line);
	FAIL(!*says, "%s: the log of the kernel does not say '%s'", f->name, f->line);
	FAIL(f->sees != NOBODY && t.err[f->sees] != EIO, "%s: %s: %s", f->name, caller[f->sees],
	     error_name(t.err[f->sees]));
	FAIL(f->where == in_row && !t.damaged, "%s: the search does not say so", f->name);

	mounted = mount_it(NULL);
	if (!EXPECT(0, mounted, f->name)) {
		check(&t, f->name, false);
		EXPECT(0, umount_it(), "umount");
	}
	found = fsck();
	for (p = found; *p; p += strspn(p, " ")) {
		char code[16];

		snprintf(code, sizeof(code), "%.*s", (int)strcspn(p, " "), p);
		FAIL(strcmp(code, "102") && (!f->fsck || strcmp(code, f->fsck)),
		     "%s: fsck.vexfs finds %s", f->name, code);
		p += strlen(code);
	}
	tell(f, &t, mounted, found);
	printf(" %s |\n", says);
}

/* --- no room, no memory --- */

/* Take all blocks but what is kept in reserve. */
static int fill(void)
{
	int fd = open("fill", O_RDWR | O_CREAT, 0644);
	off_t at = 0, len;

	for (len = 64 << 20; len >= 4096;) {
		if (fallocate(fd, 0, at, len))
			len /= 2;
		else
			at += len;
	}
	must(fd >= 0 && errno == ENOSPC && !fsync(fd), "fill");
	return fd;
}

/*
 * The same users when there is no block, then one more each round: what takes none must work, the
 * rest says ENOSPC, and what it did not say is there.
 */
static void full(void)
{
	static const char *const name = "no room: 0, 1, 3, 6 ... blocks are free";
	struct told all = {}, t;
	const char *found;
	int round, fd, i, n = 0;
	struct stat st;

	fresh(false);
	must(!mount_it("commit=300"), "mount");
	fd = fill();
	for (round = 0; round < 12; round++) {
		t = (struct told){ .first = ROWS + round * MORE };
		use(&t);
		for (i = 0; i < CALLERS; i++) {
			bool takes = i == CREATE || i == GROW || i == INSERT;

			FAIL(t.err[i] && !(t.err[i] == ENOSPC && takes) &&
				     !(i == FSYNC_NEW && t.err[CREATE]),
			     "%s: round %d: %s: %s", name, round, caller[i], error_name(t.err[i]));
			n += t.err[i] == ENOSPC;
			all.err[i] = all.err[i] ?: t.err[i];
		}
		forget();
		check(&t, name, false);
		FAIL(unlink("d/new") && errno != ENOENT, "%s: unlink: %s", name, error_name(errno));
		must(!fstat(fd, &st) && !ftruncate(fd, st.st_size - round * 4096), "ftruncate");
	}
	FAIL(!n, "%s: nobody was told", name);
	FAIL(t.err[CREATE] || t.err[GROW] || t.err[INSERT], "%s: not even with 55 blocks", name);
	t.err[CREATE] = ENOENT; /* it is unlinked again */
	close(fd);
	EXPECT(0, umount_it(), "umount");
	EXPECT(0, mount_it(NULL), "mount");
	check(&t, name, false);
	EXPECT(0, umount_it(), "umount");
	found = fsck();
	tell(&(struct fault){ .name = name }, &all, 0, found);
	printf(" |\n");
	FAIL(*found, "%s: fsck.vexfs finds %s", name, found);
}

static void put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

/* Users in a control group that has almost nothing: they are told, or killed. */
static void poor(void)
{
	static const char *const name = "no memory: a control group of 1 MiB",
				 *const group = "/sys/fs/cgroup/poor";
	struct told *t = mmap(NULL, sizeof(*t) + LARGE * (DIMS * 4 + 8) + 64,
			      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1,
			      0);
	/* what he hands to the kernel is not his to pay for */
	float *rows = (float *)(t + 1);
	uint64_t *ids = (uint64_t *)(rows + LARGE * DIMS), k;
	int *large = (int *)(ids + LARGE);
	const char *found;
	bool killed;
	int i, status;
	pid_t pid;

	must(t != MAP_FAILED, "mmap");
	for (i = 0; i < CALLERS; i++)
		t->err[i] = EINTR; /* he did not come so far */
	t->first = ROWS;
	*large = EINTR;
	for (k = 0; k < LARGE; k++) {
		ids[k] = 1000 + k;
		make_row(rows + k * DIMS, DIMS, 1, ids[k]);
	}
	fresh(false);
	must(!mkdir(group, 0755), group);
	put_text("/sys/fs/cgroup/poor/memory.max", "1048576");
	must(!mount_it("commit=300"), "mount");
	pid = fork();
	if (!pid) {
		put_text("/sys/fs/cgroup/poor/cgroup.procs", "0");
		use(t);
		pid = open("c", O_RDONLY);
		*large = vx_insert(pid, LARGE, DIMS, rows, ids, NULL, NULL, NULL);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid, "wait");
	killed = WIFSIGNALED(status);
	for (i = 0; i < CALLERS - 1; i++)
		FAIL(t->err[i] && t->err[i] != ENOMEM && !killed, "%s: %s: %s", name, caller[i],
		     error_name(t->err[i]));
	check(t, name, false);
	t->err[UMOUNT] = umount_it();
	EXPECT(0, t->err[UMOUNT], "umount");
	EXPECT(0, mount_it(NULL), "mount");
	check(t, name, false);
	EXPECT(0, umount_it(), "umount");
	found = fsck();
	tell(&(struct fault){ .name = name }, t, 0, found);
	printf(" %s, a large insert: %s |\n", killed ? "killed" : "not killed", error_name(*large));
	FAIL(*found, "%s: fsck.vexfs finds %s", name, found);
	rmdir(group);
}

int main(int argc, char **argv)
{
	const char *only = argc == 5 ? argv[4] : "";
	unsigned int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: faults DEVICE READONLY MOUNTPOINT [FAULT]\n");
		return 2;
	}
	device = argv[1];
	disk.readonly = argv[2];
	dir = argv[3];
	printf("| fault | what callers saw | mended | fsck.vexfs | log of the kernel |\n");
	printf("| --- | --- | --- | --- | --- |\n");
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strstr(faults[i].name, only))
			try(&faults[i]);
	if (strstr("no room", only))
		full();
	if (!strcmp("no memory", only))
		poor();
	return failed();
}
