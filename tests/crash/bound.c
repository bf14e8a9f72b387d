// SPDX-License-Identifier: GPL-2.0
/*
 * Files and records bound to them, written until killed, and the judge of what is left.
 *
 * File N is made with content, and record N is bound to it; older ones are overwritten or removed.
 * What is done, and what is about to be done, stands in the file `ledger` of the collection, a line
 * each, fsynced:
 *
 *	bound N		the record was inserted and the collection fsynced
 *	changing N	it will be overwritten now ...
 *	changed N	... it was, and the file fsynced
 *	removing N	it will be removed now ...
 *	removed N	... it was, and the collection fsynced
 *
 * Every second change is not by writing to the file, but by renaming another one over it.
 *
 * So after a crash: what was bound and was not to be removed is there; what was removed is not; a
 * record whose file was changed is stale, and one whose file was not to be changed is not.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdbool.h>
#include <unistd.h>
#include <vm/rows.h>
#include "crash.h"

#define DIMS		4
#define MAX_FILES	100000
#define KEPT		4		/* files, before one is removed */
#define MAX_LEDGER	(8U << 20)	/* bytes */

enum { BOUND = 1, CHANGING = 2, CHANGED = 4, REMOVING = 8, REMOVED = 16 };
static const char *const verbs[] = { "bound", "changing", "changed", "removing", "removed" };
static uint8_t state[MAX_FILES];
static int coll, ledger;

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("boundload: ");
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	exit(1);
}

static const char *name_of(uint32_t n)
{
	static char name[16];

	snprintf(name, sizeof(name), "%u", n);
	return name;
}

/* --- load --- */

static void note(unsigned int what, uint32_t n)
{
	char line[32];
	int i = __builtin_ctz(what), len = snprintf(line, sizeof(line), "%s %u\n", verbs[i], n);

	if (write(ledger, line, len) != len || fsync(ledger))
		die("ledger: %s", strerror(errno));
	state[n] |= what;
}

static void write_to(int fd, uint32_t n)
{
	char text[2000];

	memset(text, 'a' + n % 26, sizeof(text));
	if (pwrite(fd, text, sizeof(text), 0) != sizeof(text))
		die("write: %s", strerror(errno));
}

static void make(uint32_t n)
{
	int fd = openat(coll, name_of(n), O_RDWR | O_CREAT | O_EXCL, 0644), err;
	struct vexfs_bind bind = { .fd = fd, .len = 2000 };
	uint64_t id = n;
	float row[DIMS];
	struct vexfs_ioc_insert a = { .size = sizeof(a), .n = 1, .row_bytes = DIMS * 4,
				      .rows = PTR(row), .ids = PTR(&id), .binds = PTR(&bind) };

	if (fd < 0)
		die("%u: %s", n, strerror(errno));
	write_to(fd, n);
	make_row(row, DIMS, 1, n);
	err = vx_ioctl(coll, VEXFS_IOC_INSERT, &a);
	if (err || fsync(coll))
		die("insert: %s", strerror(err ?: errno));
	close(fd);
	note(BOUND, n);
}

static void change(uint32_t n)
{
	bool replace = n % 2;
	int fd;

	note(CHANGING, n);
	fd = openat(coll, replace ? "new" : name_of(n), O_RDWR | (replace ? O_CREAT : 0), 0644);
	if (fd < 0)
		die("%u: %s", n, strerror(errno));
	write_to(fd, n + 1);
	if (replace && renameat(coll, "new", coll, name_of(n)))
		die("rename: %s", strerror(errno));
	if (fsync(fd) || (replace && fsync(coll)))
		die("fsync: %s", strerror(errno));
	close(fd);
	note(CHANGED, n);
}

static void take_away(uint32_t n)
{
	note(REMOVING, n);
	if (unlinkat(coll, name_of(n), 0) || fsync(coll))
		die("unlink: %s", strerror(errno));
	note(REMOVED, n);
}

void crash_bound_load(const char *path, uint64_t seed, struct crash_pace *p)
{
	uint32_t n, first = 0;
	int err;

	coll = mkdir(path, 0755) ? -1 : open(path, O_RDONLY | O_DIRECTORY);
	err = coll < 0 ? errno : vx_create(coll, DIMS, VEXFS_METRIC_L2, 0);
	if (err || fsync(coll))
		die("%s: %s", path, strerror(err ?: errno));
	ledger = openat(coll, "ledger", O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (ledger < 0 || fsync(ledger))
		die("ledger: %s", strerror(errno));
	for (n = 0; n < MAX_FILES && crash_goes_on(p, n, 1); n++) {
		uint32_t old = first + random64(&seed) % (n - first + 1);

		make(n);
		if (random64(&seed) % 2 && !(state[old] & CHANGING))
			change(old);
		if (n - first >= KEPT)
			take_away(first++);
	}
	close(ledger);
	close(coll);
}

/* --- verify --- */

static void read_ledger(uint32_t *end)
{
	static char text[MAX_LEDGER + 1];
	int fd = openat(coll, "ledger", O_RDONLY), used;
	const char *at = text;
	ssize_t bytes;
	char verb[16];
	uint32_t n, i;

	*end = 0;
	if (fd < 0 && errno == ENOENT)
		return;
	bytes = fd < 0 ? -1 : pread(fd, text, MAX_LEDGER, 0);
	if (bytes < 0)
		die("ledger: %s", strerror(errno));
	text[bytes] = '\0';
	/*
	 * bytes after the last fsync may be anything that was written or zeros: lines that are
	 * whole count
	 */
	for (; sscanf(at, "%15s %u%n", verb, &n, &used) == 2 && n < MAX_FILES; at += used) {
		for (i = 0; i < 5 && strcmp(verb, verbs[i]); i++)
			;
		if (i == 5 || at[used] != '\n')
			break;
		state[n] |= 1 << i;
		if (n >= *end)
			*end = n + 1;
	}
	close(fd);
}

static void judge(uint32_t n)
{
	struct vexfs_ioc_get get;
	float row[DIMS];
	int err = vx_get(coll, n, DIMS, row, &get);
	bool stale = !err && get.item.flags & VEXFS_ITEM_STALE;
	struct stat st;

	if (err && err != ENOENT)
		die("record %u: %s", n, strerror(err));
	if (state[n] & BOUND && !(state[n] & REMOVING) && err)
		die("record %u was acknowledged, and is lost", n);
	if (state[n] & REMOVED && !err)
		die("record %u of a file that was removed is there", n);
	if (err)
		return;
	if (fstatat(coll, name_of(n), &st, 0) || st.st_ino != get.item.file)
		die("record %u is bound to inode %llu, its file is not", n,
		    (unsigned long long)get.item.file);
	if (state[n] & CHANGED && !stale)
		die("the file of record %u was overwritten, and it is not stale", n);
	if (!(state[n] & CHANGING) && stale)
		die("record %u is stale, and its file was not touched", n);
}

void crash_bound_verify(const char *path)
{
	uint32_t end, n, there = 0, stale = 0;
	struct vexfs_ioc_info info;
	struct vexfs_ioc_get get;
	float row[DIMS];
	int err;

	coll = open(path, O_RDONLY | O_DIRECTORY);
	err = coll < 0 ? errno : vx_info(coll, &info);
	if (coll >= 0 && err == ENODATA) {
		printf("verified: no collection with files yet\n");
		close(coll);
		return;
	}
	if (err)
		die("%s: %s", path, strerror(err));
	read_ledger(&end);
	for (n = 0; n < end + 1; n++) {	/* the last one perhaps without a line */
		judge(n);
		if (vx_get(coll, n, DIMS, row, &get))
			continue;
		there++;
		stale += !!(get.item.flags & VEXFS_ITEM_STALE);
	}
	if (vx_info(coll, &info) || info.live != there)
		die("%llu records are live, %u are found", (unsigned long long)info.live, there);
	printf("verified: %u files were bound, %u records are there, %u stale\n", end, there,
	       stale);
	close(coll);
}
