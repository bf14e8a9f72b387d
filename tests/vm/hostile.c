// SPDX-License-Identifier: GPL-2.0
/*
 * hostile make FILE			an image with something of everything, that of tests/fuzz
 * hostile images DEV DIR SECONDS [SEED]
 *	change it as a fuzzer does, checksums made right, write it to DEV, mount it at DIR, walk it,
 *	read, search, write, unmount; again and again.  Nothing dies, nothing takes long, and the
 *	kernel has nothing to complain of but the image.
 * hostile one DEV DIR SEED		the image of this seed alone, which a failure names
 * hostile ioctls DIR SECONDS [SEED]
 *	ioctls with bytes by chance on the directories below DIR
 *
 * Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "rows.h"
#include "fuzz/change.h"

#define LIMIT 2.0 /* seconds that a call may take ... */
#define EMULATED 5.0 /* ... times this where the processor is emulated */
#define MOST_BYTES 200 /* of an input */
#define DEEP 4
#define NAMES 100

static double limit;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static bool emulated(void)
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool yes = false;

	while (f && fgets(line, sizeof(line), f))
		yes |= !!strstr(line, "QEMU TCG");
	if (f)
		fclose(f);
	return yes;
}

/* --- what the child is doing, as the parent sees it --- */

static struct watched {
	atomic_ulong steps, errors;
	_Atomic(const char *) what; /* the same address in both */
	_Atomic double since;
	_Atomic double longest;
	_Atomic(const char *) longest_what;
} * watched;

static void settle(void)
{
	double took = now() - watched->since;

	if (watched->what && took > watched->longest) {
		watched->longest = took;
		watched->longest_what = watched->what;
	}
}

/* The next calls are these. */
static void step(const char *what)
{
	settle();
	watched->since = now();
	watched->what = what;
	watched->steps++;
}

/* A call gave this: an error is fine; those that tell of damage are counted. */
static void note(long ret)
{
	watched->errors += ret < 0 && (errno == EIO || errno == EUCLEAN);
}

/* --- the kernel's log --- */

static int kmsg = -1;

/* What it says of itself since the last call; a line that damage was found is none. */
static bool kernel_complains(char *line, size_t room)
{
	static const char *const alarms[] = { "WARNING:",
					      "BUG:",
					      "BUG ",
					      "Oops",
					      "Call Trace",
					      "general protection",
					      "refcount_t",
					      "corruption",
					      "Busy inodes",
					      "blocked for more than",
					      "soft lockup",
					      "detected stalls",
					      "page allocation failure" };
	char text[8192];
	bool found = false;
	ssize_t n;
	size_t i;

	while ((n = read(kmsg, text, sizeof(text) - 1)) > 0 || errno == EPIPE) {
		if (n < 0)
			continue; /* some were lost */
		text[n] = 0;
		for (i = 0; !found && i < sizeof(alarms) / sizeof(alarms[0]); i++)
			if (strstr(text, alarms[i])) {
				snprintf(line, room, "%.*s", (int)room - 1, text);
				found = true;
			}
	}
	return found;
}

/* --- using what is mounted --- */

static void search(int fd, const struct vexfs_ioc_info *info, uint32_t flags, const char *snapshot)
{
	static float v[VEXFS_MAX_DIMS];
	struct vexfs_hit hits[10] = {};
	struct vexfs_ioc_search s = {
		.size = sizeof(s),
		.flags = flags,
		.k = 10,
		.vector_bytes = info->row_bytes,
		.vector = PTR(v),
		.hits = PTR(hits),
		.id = 1003,
	};
	uint32_t i;
	int err;

	v[0] = 1;
	snprintf(s.snapshot, sizeof(s.snapshot), "%s", snapshot);
	step("search");
	err = vx_ioctl(fd, VEXFS_IOC_SEARCH, &s);
	note(-err);
	if (err)
		return;
	FAIL(s.n > s.k, "search: %u hits of %u", s.n, s.k);
	for (i = 1; i < s.n && i < s.k; i++)
		FAIL(hits[i - 1].distance > hits[i].distance || hits[i - 1].slot == hits[i].slot,
		     "search: hit %u is not in order", i);
}

static void list(int fd, const struct vexfs_ioc_info *info, const char *snapshot)
{
	struct vexfs_item items[32];
	char keys[32 * VEXFS_MAX_KEY], path[256];
	struct vexfs_ioc_list l = { .size = sizeof(l),
				    .flags = VEXFS_LIST_DAMAGED,
				    .items = PTR(items),
				    .keys = PTR(keys),
				    .row_bytes = info->row_bytes };
	char *rows = malloc(32 * (size_t)info->row_bytes + 1);
	uint32_t pages, i;
	int err = 0;

	if (!rows)
		return;
	l.rows = PTR(rows);
	snprintf(l.snapshot, sizeof(l.snapshot), "%s", snapshot);
	for (pages = 0; !err && l.cursor != ~0ULL && pages < 4; pages++) {
		l.n = 32;
		l.key_bytes = sizeof(keys);
		step("list");
		err = vx_ioctl(fd, VEXFS_IOC_LIST, &l);
		note(-err);
		for (i = 0; !err && i < l.n; i++) {
			struct vexfs_ioc_path p = { .size = sizeof(p),
						    .file = items[i].file,
						    .path = PTR(path),
						    .room = sizeof(path) };

			FAIL(items[i].key_off + items[i].key_len > l.key_bytes, "list: keys");
			if (i % 5) /* each takes its time */
				continue;
			step("get");
			note(-vx_get(fd, items[i].id, info->dims, (float *)rows, NULL));
			if (!items[i].file)
				continue;
			step("path");
			note(-vx_ioctl(fd, VEXFS_IOC_PATH, &p));
		}
	}
	free(rows);
}

static void change_collection(int fd, const struct vexfs_ioc_info *info)
{
	uint64_t ids[3] = {};
	struct vexfs_ioc_insert in = { .size = sizeof(in),
				       .flags = VEXFS_INSERT_AUTO_ID,
				       .n = 3,
				       .row_bytes = info->row_bytes,
				       .ids = PTR(ids) };
	struct vexfs_ioc_snapshot snap = { .size = sizeof(snap),
					   .op = VEXFS_SNAPSHOT_CREATE,
					   .name = "hostile" };
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	float *rows = calloc(in.n, VEXFS_MAX_DIMS * sizeof(*rows));
	uint32_t i;

	for (i = 0; rows && i < in.n * info->row_bytes / sizeof(*rows); i++)
		rows[i] = i + 1;
	in.rows = PTR(rows);
	step("insert");
	note(-vx_ioctl(fd, VEXFS_IOC_INSERT, &in));
	step("delete");
	note(-vx_delete(fd, 1, ids, NULL));
	step("snapshot");
	note(-vx_ioctl(fd, VEXFS_IOC_SNAPSHOT, &snap));
	step("compact");
	note(-vx_ioctl(fd, VEXFS_IOC_COMPACT, &compact));
	free(rows);
}

static void use_collection(int fd, bool change)
{
	struct vexfs_snapshot_info snaps[VEXFS_MAX_SNAPSHOTS];
	struct vexfs_ioc_snapshots s = { .size = sizeof(s),
					 .n = VEXFS_MAX_SNAPSHOTS,
					 .snapshots = PTR(snaps) };
	char bytes[1024];
	__u8 lens[64];
	struct vexfs_ioc_words w = { .size = sizeof(w),
				     .n = sizeof(lens),
				     .first = 1,
				     .words = PTR(bytes),
				     .lens = PTR(lens),
				     .word_bytes = sizeof(bytes) };
	struct vexfs_ioc_index index = { .size = sizeof(index) };
	struct vexfs_ioc_info info;
	uint32_t i;
	int err;

	step("info");
	err = vx_info(fd, &info);
	if (err == ENODATA)
		return;
	note(-err);
	if (err)
		return;
	list(fd, &info, "");
	search(fd, &info, 0, "");
	search(fd, &info, VEXFS_SEARCH_EXACT, "");
	search(fd, &info, VEXFS_SEARCH_BY_ID, "");
	for (i = 0; i < VEXFS_MAX_ATTRS; i++) {
		w.attr = i;
		step("words");
		note(-vx_ioctl(fd, VEXFS_IOC_WORDS, &w));
	}
	step("snapshots");
	err = vx_ioctl(fd, VEXFS_IOC_SNAPSHOTS, &s);
	note(-err);
	for (i = 0; !err && i < s.n && i < VEXFS_MAX_SNAPSHOTS; i++) {
		list(fd, &info, snaps[i].name);
		search(fd, &info, 0, snaps[i].name);
	}
	if (change)
		change_collection(fd, &info);
	step("index");
	note(-vx_ioctl(fd, VEXFS_IOC_INDEX, &index));
}

static void use_file(int dir, const char *name, bool change)
{
	int fd = openat(dir, name, (change ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
	char data[4096];
	struct stat st;

	note(fd);
	if (fd < 0)
		return;
	fstat(fd, &st);
	step("read");
	note(pread(fd, data, sizeof(data), 0));
	note(pread(fd, data, sizeof(data), st.st_size / 2));
	step("lseek");
	note(lseek(fd, 0, SEEK_HOLE) < 0 ? -1 : 0);
	note(lseek(fd, 0, SEEK_DATA) < 0 && errno != ENXIO ? -1 : 0);
	if (change) {
		step("write");
		note(pwrite(fd, "hostile", 7, st.st_size < 1 << 24 ? st.st_size : 0));
		note(pwrite(fd, "hostile", 7, 5 * 4096));
		step("fallocate");
		note(fallocate(fd, 0, 0, 65536));
		step("fsync");
		note(fsync(fd));
		step("truncate");
		note(ftruncate(fd, 5000));
		note(ftruncate(fd, 1));
	}
	step("close");
	close(fd);
}

static void use_names(int dir, bool change)
{
	if (!change)
		return;
	step("mkdir, rename, link, rmdir");
	note(mkdirat(dir, "hostile", 0755));
	note(renameat(dir, "hostile", dir, "elitsoh"));
	note(unlinkat(dir, "elitsoh", AT_REMOVEDIR));
	note(symlinkat("somewhere", dir, "link"));
	note(linkat(dir, "link", dir, "knil", 0));
	note(unlinkat(dir, "link", 0));
	note(mknodat(dir, "file", S_IFREG | 0644, 0) < 0 && errno != EEXIST ? -1 : 0);
	note(renameat(dir, "file", dir, "elif"));
	note(unlinkat(dir, "elif", 0));
}

/* The directory's descriptor becomes ours. */
static void use_dir(int fd, int depth, bool change)
{
	DIR *d = fdopendir(dup(fd));
	char target[4096];
	struct dirent *e;
	struct stat st;
	int n = 0;

	step("readdir");
	while (d && n++ < NAMES && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		step("stat");
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
			note(-1);
			continue;
		}
		if (S_ISLNK(st.st_mode)) {
			step("readlink");
			note(readlinkat(fd, e->d_name, target, sizeof(target)));
		} else if (S_ISREG(st.st_mode)) {
			use_file(fd, e->d_name, change && n < 8);
		} else if (S_ISDIR(st.st_mode) && depth) {
			int below;

			step("open");
			below = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			note(below);
			if (below >= 0)
				use_dir(below, depth - 1, change);
		}
		step("readdir");
	}
	if (d)
		closedir(d);
	use_collection(fd, change);
	use_names(fd, change);
	if (change) {
		step("fsync of a directory");
		note(fsync(fd));
	}
	close(fd);
}

/* In a process of its own.  The exit code: 0 it was mounted, 2 refused, 1 failures. */
static int mount_and_use(const char *dev, const char *dir, bool readonly, const char *options)
{
	int fd;

	step("mount");
	if (mount(dev, dir, "vexfs", readonly ? MS_RDONLY : 0, options))
		return failed() ? 1 : 2;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	note(fd);
	if (fd >= 0)
		use_dir(fd, DEEP, !readonly);
	step("syncfs");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		note(syncfs(fd));
		close(fd);
	}
	step("umount");
	FAIL(umount(dir), "umount: %s", strerror(errno));
	step(NULL);
	return failed();
}

/* --- images --- */

/* An input for change_take(), of chance. */
static size_t make_input(uint64_t seed, uint8_t *in)
{
	static const uint8_t odd[] = { 0, 0, 1, 0x7f, 0x80, 0xff, 0xff, 0xff };
	uint64_t s = seed * 0x9e3779b97f4a7c15ULL;
	unsigned int changes = 1 + random64(&s) % 4, i;
	size_t n = 0;

	while (changes--) {
		uint64_t r = random64(&s);
		uint8_t flags = r % 8 == 0 ? TAKE_COPY : r % 8 == 1 ? TAKE_OWNER : 0, len;
		unsigned int off;

		/* of the same kind, of another one, or with wrong checksums */
		flags |= r >> 8 & 7 ? 0 : (r >> 16) % 16;
		in[n++] = r >> 24;
		in[n++] = flags;
		if (flags & TAKE_COPY)
			in[n++] = r >> 32;
		if (flags & TAKE_OWNER) {
			in[n++] = r >> 40;
			in[n++] = r >> 48 & 3;
		}
		r = random64(&s);
		/* where most fields are; inodes are 512 bytes each */
		off = r % 3 ? (r >> 8) % 128 + (r >> 16) % 8 * 512 : (r >> 8) % 4096;
		in[n++] = off;
		in[n++] = off >> 8;
		len = 1 + (r >> 32) % (r >> 40 & 3 ? 8 : 24);
		in[n++] = len;
		for (i = 0; i < len; i++) {
			r = random64(&s);
			in[n++] = r & 1 ? odd[(r >> 8) % sizeof(odd)] : r >> 16;
		}
	}
	return n;
}

/* All of what is in memory onto the device. */
static void write_image(const struct vexfs_dev *from, int to)
{
	static char buffer[1 << 20];
	off_t at, end = (off_t)from->blocks << VEXFS_BLOCK_SHIFT;

	for (at = 0; at < end; at += sizeof(buffer))
		if (pread(from->fd, buffer, sizeof(buffer), at) != sizeof(buffer) ||
		    pwrite(to, buffer, sizeof(buffer), at) != sizeof(buffer))
			die("write the image");
}

struct tally {
	unsigned long images, mounted, refused;
};

/* The image of a seed; 0: as it was made. */
static void one_image(const char *path, const char *dir, uint64_t seed, struct tally *t)
{
	struct base *base = change_base();
	uint8_t bytes[MOST_BYTES];
	struct piece in = { bytes, 0 };
	char line[1024];
	int dev, status;
	bool hung = false;
	pid_t pid;

	if (seed)
		in.left = make_input(seed, bytes);
	base->dev.record = base_record;
	change_take(&in, seed % 5 == 4);
	dev = open(path, O_WRONLY | O_CLOEXEC);
	if (dev < 0)
		die(path);
	write_image(&base->dev, dev);
	if (close(dev))
		die(path);
	change_undo();
	watched->what = NULL;
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(mount_and_use(path, dir, seed % 7 == 6,
				    seed % 2 ? "errors=continue" : "errors=remount-ro"));
	if (pid < 0)
		die("fork");
	while (!waitpid(pid, &status, WNOHANG)) {
		const char *what = watched->what;

		usleep(2000);
		if (hung || !what || now() - watched->since < limit)
			continue;
		hung = true;
		FAIL(true, "seed %llu: %s takes longer than %.0f s", (unsigned long long)seed, what,
		     limit);
		kill(pid, SIGKILL);
	}
	t->images++;
	t->mounted += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	t->refused += WIFEXITED(status) && WEXITSTATUS(status) == 2;
	FAIL(!hung && !(WIFEXITED(status) && WEXITSTATUS(status) != 1),
	     "seed %llu: exit status %#x, in %s", (unsigned long long)seed, status,
	     watched->what ?: "nothing");
	if (kernel_complains(line, sizeof(line)))
		FAIL(true, "seed %llu: the kernel says: %s", (unsigned long long)seed, line);
	umount2(dir, MNT_DETACH); /* where it was not */
}

static int images(const char *dev, const char *dir, double seconds, uint64_t seed)
{
	double end = now() + seconds;
	struct tally t = {};

	one_image(dev, dir, 0, &t);
	FAIL(t.mounted != 1, "the image is not mounted as it was made");
	FAIL(watched->errors, "%lu errors of damage in it", (unsigned long)watched->errors);
	while (now() < end && failures < 10)
		one_image(dev, dir, seed++, &t);
	printf("images=%lu mounted=%lu refused=%lu steps=%lu errors=%lu longest=%.2f s (%s) limit=%.0f s next_seed=%llu\n",
	       t.images, t.mounted, t.refused, (unsigned long)watched->steps,
	       (unsigned long)watched->errors, (double)watched->longest,
	       (const char *)watched->longest_what, limit, (unsigned long long)seed);
	FAIL(seconds >= 10 && (t.mounted < 3 || !t.refused), "too few of either");
	return failed();
}

/* --- ioctls --- */

#define ARENA (1u << 20)

static uint8_t *arena;

/*
 * With much around it that nobody has: what a call writes where it was told to, far behind a pointer
 * too, is in the arena or nowhere.
 */
static void make_arena(void)
{
	const size_t around = 1ULL << 30;
	uint8_t *all = mmap(NULL, 2 * around, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	arena = all + around;
	if (all == MAP_FAILED || mmap(arena, ARENA, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != arena)
		die("mmap");
}

static uint64_t some_pointer(uint64_t *s)
{
	uint64_t r = random64(s);

	switch (r % 8) {
	case 0:
		return 0;
	case 1:
		return r; /* anywhere */
	case 2:
		return 0xffff888000000000ULL + (r >> 24);
	case 3:
		return PTR(arena) + ARENA - (r >> 8) % 64; /* its end, and what is not mapped */
	default:
		return PTR(arena) + (r >> 8) % ARENA / 8 * 8;
	}
}

static uint32_t some_number(uint64_t *s)
{
	uint64_t r = random64(s);

	switch (r % 4) {
	case 0:
		return (r >> 8) % 5;
	case 1:
		return (r >> 8) % 2000;
	case 2:
		return 1u << (r >> 8) % 32;
	default:
		return r >> 32;
	}
}

/* An argument of n bytes whose words are numbers, pointers or nothing, by chance. */
static void some_argument(uint64_t *s, uint8_t *a, size_t n)
{
	size_t i;

	memset(a, 0, n);
	for (i = 8; i + 8 <= n; i += 8) {
		uint64_t r = random64(s), v = some_pointer(s);
		uint32_t two[2] = { some_number(s), some_number(s) };

		if (r % 3 == 0)
			memcpy(a + i, &v, 8);
		else if (r % 3 == 1)
			memcpy(a + i, two, 8);
	}
	for (i = random64(s) % 4; i; i--)
		a[random64(s) % n] = random64(s);
}

/* The calls, and where what must be zero begins. */
static const struct {
	unsigned int cmd, reserved;
} calls[] = {
#define CALL(name, type)                                                      \
	{                                                                     \
		VEXFS_IOC_##name, offsetof(struct vexfs_ioc_##type, reserved) \
	}
	CALL(CREATE, create),	  { VEXFS_IOC_INFO, sizeof(struct vexfs_ioc_info) },
	CALL(INSERT, insert),	  CALL(GET, get),
	CALL(DELETE, delete),	  CALL(SEARCH, search),
	CALL(USE, use),		  CALL(LIST, list),
	CALL(INTERN, intern),	  CALL(WORDS, words),
	CALL(DROP, drop),	  CALL(PATH, path),
	CALL(SNAPSHOT, snapshot), CALL(SNAPSHOTS, snapshots),
	CALL(COMPACT, compact),	  CALL(RECALL, recall),
	CALL(MEMORY, memory),	  CALL(INDEX, index),
#undef CALL
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))
_Static_assert(CALLS == VEXFS_IOC_LAST, "every call");

/*
 * What a call needs to be more than refused: a part of the fields right, so that chance gets past
 * the first checks.
 */
static void half_right(uint64_t *s, unsigned int nr, uint8_t *a)
{
	struct vexfs_ioc_search *q = (void *)a;
	struct vexfs_ioc_insert *in = (void *)a;
	struct vexfs_ioc_list *l = (void *)a;
	struct vexfs_ioc_get *g = (void *)a;
	struct vexfs_ioc_delete *del = (void *)a;
	struct vexfs_ioc_snapshot *snap = (void *)a;
	uint32_t size = _IOC_SIZE(calls[nr - 1].cmd);

	memcpy(a, &size, sizeof(size));
	if (random64(s) % 8 == 0)
		return;
	memset(a + 4, 0, 4);
	memset(a + calls[nr - 1].reserved, 0, size - calls[nr - 1].reserved);
	switch (nr) {
	case 3:
		in->n = random64(s) % 20;
		in->row_bytes = 16;
		in->rows = PTR(arena);
		in->reserved32 = 0;
		in->flags = random64(s) % 4;
		break;
	case 4:
		g->row_bytes = 16;
		g->id = random64(s) % 100;
		break;
	case 5:
		del->n = 1 + random64(s) % 2;
		del->ids = PTR(arena);
		del->keys = del->key_lens = del->key_bytes = 0;
		break;
	case 6:
		q->k = 1 + random64(s) % 20;
		q->vector_bytes = 16;
		q->vector = PTR(arena);
		q->queries = random64(s) % 3;
		q->timeout_us = 100000;
		q->flags = random64(s) % 32;
		if (random64(s) % 2)
			memset(&q->recall, 0,
			       sizeof(*q) - offsetof(struct vexfs_ioc_search, recall));
		if (random64(s) % 2)
			memset(q->snapshot, 0, sizeof(q->snapshot));
		break;
	case 13:
		snap->op = 1 + random64(s) % 2;
		memset(snap->name, 0, sizeof(snap->name));
		snap->name[0] = 'a' + random64(s) % 40;
		snap->reserved32 = 0;
		break;
	case 8:
		l->row_bytes = 16;
		l->cursor = random64(s) % 2;
		l->epoch = 0;
		memset(l->snapshot, 0, sizeof(*l) - offsetof(struct vexfs_ioc_list, snapshot));
		break;
	}
}

static void fill_arena(uint64_t *s)
{
	uint32_t i;

	for (i = 0; i < ARENA / 8; i++)
		((uint64_t *)arena)[i] = random64(s) % 3 ? i % 50 : random64(s);
	/* rows that are numbers */
	for (i = 0; i < 4096; i++)
		((float *)arena)[i] = (float)(random64(s) % 1000) - 500;
}

static int ioctls(const char *dir, double seconds, uint64_t seed)
{
	double end = now() + seconds, longest = 0;
	unsigned long done[CALLS + 1] = {}, good[CALLS + 1] = {}, all = 0;
	unsigned int longest_nr = 0, kinds = 0, nr, i;
	uint64_t s = seed;
	int fd[16], n = 0;
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && n < 16 && (e = readdir(d)))
		if (e->d_name[0] != '.') {
			fd[n] = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY);
			n += fd[n] >= 0;
		}
	if (!n)
		die("no directory there");
	make_arena();
	while (now() < end) {
		uint8_t argument[2048]; /* more than any struct, of which the kernel writes all */
		double began;
		int at = fd[random64(&s) % n], err;

		if (all++ % 500 == 0)
			fill_arena(&s);
		nr = 1 + random64(&s) % CALLS;
		if ((nr == 11 || nr == 15) && random64(&s) % 50)
			continue; /* seldom: there would be nothing left, or nothing else done */
		some_argument(&s, argument, sizeof(argument));
		half_right(&s, nr, argument);
		began = now();
		err = vx_ioctl(at,
			       random64(&s) % 64 ? calls[nr - 1].cmd :
						   _IOWR(VEXFS_IOC_MAGIC, random64(&s), __u64),
			       argument);
		if (now() - began > longest) {
			longest = now() - began;
			longest_nr = nr;
		}
		done[nr]++;
		good[nr] += !err;
		FAIL(err == EIO || err == EUCLEAN || err == EROFS, "ioctl %u: %s", nr,
		     error_name(err));
		if (err == ENODATA && vx_create(at, 4, VEXFS_METRIC_L2, 2) == 0) {
			float row[4] = { 1, 2, 3, 4 };
			uint64_t id = 7;

			vx_insert(at, 1, 4, row, &id, NULL, NULL, NULL);
		}
	}
	FAIL(longest > limit, "ioctl %u took %.1f s", longest_nr, longest);
	printf("ioctls=%lu good:", all);
	for (i = 1; i <= CALLS; i++) {
		printf(" %u:%lu/%lu", i, good[i], done[i]);
		kinds += good[i] > 0;
	}
	printf(" longest=%.2f s (%u)\n", longest, longest_nr);
	/* chance gets past the first checks of most of them, in time */
	FAIL(seconds >= 10 && kinds < CALLS / 3, "only %u kinds of ioctls ever succeeded", kinds);
	return failed();
}

/* --- */

static int make(const char *path)
{
	struct base *base = change_base();
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		die(path);
	write_image(&base->dev, fd);
	return close(fd) ? 1 : 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1;
	struct tally t = {};

	if (argc == 3 && !strcmp(argv[1], "make"))
		return make(argv[2]);
	limit = LIMIT * (emulated() ? EMULATED : 1);
	watched = mmap(NULL, sizeof(*watched), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (watched == MAP_FAILED)
		die("mmap");
	if (argc >= 4 && !strcmp(argv[1], "ioctls")) {
		seed = argc > 4 ? strtoull(argv[4], NULL, 0) : seed;
		return ioctls(argv[2], atof(argv[3]), seed);
	}
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		die("/dev/kmsg");
	lseek(kmsg, 0, SEEK_END);
	if (argc >= 5 && !strcmp(argv[1], "images")) {
		seed = argc > 5 ? strtoull(argv[5], NULL, 0) : seed;
		return images(argv[2], argv[3], atof(argv[4]), seed);
	}
	if (argc == 5 && !strcmp(argv[1], "one")) {
		one_image(argv[2], argv[3], strtoull(argv[4], NULL, 0), &t);
		return failed();
	}
	fprintf(stderr, "usage: hostile make|images|one|ioctls ...\n");
	return 2;
}
