// SPDX-License-Identifier: GPL-2.0
/* Generated workloads: made, and done.  Judged in ops_judge.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vm/rows.h>
#include "ops.h"

const char *const ops_path[PATHS] = { "a", "b", "A", "B", "C", "A/a", "A/b", "B/a", "B/b", "C/a" };
static const char *const kind_name[OP_KINDS] = {
	"create",     "mkdir",	  "link",      "rename", "exchange", "unlink", "rmdir",
	"collection", "truncate", "fallocate", "write",	 "rewrite",  "mmap",   "writeback",
	"insert",     "upsert",	  "delete",    "bind",	 "compact",  "index",  "unsnap",
	"snap",	      "fsync",	  "fdatasync", "syncfs"
};

void ops_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("ops: ");
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	exit(1);
}

const char *ops_describe(const struct op *op)
{
	static char text[96];
	int n = snprintf(text, sizeof(text), "%s %s", kind_name[op->kind], ops_path[op->path]);

	if (op->to >= 0)
		n += snprintf(text + n, sizeof(text) - n, " %s", ops_path[op->to]);
	if (op->len || op->from)
		snprintf(text + n, sizeof(text) - n, " %u+%u", op->from, op->len);
	return text;
}

/* --- generating --- */

/* What is there while a workload is being made. */
struct world {
	struct workload *w;
	uint64_t rng;
	int object[PATHS]; /* -1: no such name */
	uint32_t size[OPS_MAX]; /* of objects */
	bool live[OPS_IDS];
	uint32_t next_id, snaps, first_snap;
};

static bool is_dir(int path)
{
	return path >= P_A && path <= P_C;
}

/* Its directory, -1: the workload's. */
static int above(int path)
{
	return path == P_Ca ? P_C : path >= P_Ba ? P_B : path >= P_Aa ? P_A : -1;
}

static bool can_be(const struct world *s, int path)
{
	return above(path) < 0 || s->object[above(path)] >= 0;
}

static uint32_t below(struct world *s, uint32_t n)
{
	return random64(&s->rng) % n;
}

static bool empty(const struct world *s, int dir)
{
	int p;

	for (p = 0; p < PATHS; p++)
		if (above(p) == dir && s->object[p] >= 0)
			return false;
	return true;
}

static void move_children(struct world *s, int from, int to)
{
	int d = to == P_B ? P_Ba - P_Aa : P_Aa - P_Ba, p;

	for (p = PATHS - 1; p >= 0; p--)
		if (above(p) == from) {
			s->object[p + d] = s->object[p];
			s->object[p] = -1;
		}
}

/* Does it make sense now?  Then what it changes. */
static bool apply_names(struct world *s, const struct op *op, int i)
{
	int *o = s->object, was;

	switch (op->kind) {
	case OP_CREATE:
	case OP_MKDIR:
	case OP_COLLECTION:
		if (o[op->path] >= 0 || !can_be(s, op->path) ||
		    is_dir(op->path) != (op->kind != OP_CREATE) ||
		    (op->path == P_C) != (op->kind == OP_COLLECTION))
			return false;
		o[op->path] = i;
		return true;
	case OP_LINK:
		if (o[op->path] < 0 || o[op->to] >= 0 || !can_be(s, op->to) || is_dir(op->path) ||
		    is_dir(op->to) || op->path == P_Ca || op->to == P_Ca)
			return false;
		o[op->to] = o[op->path];
		return true;
	case OP_RENAME:
		if (o[op->path] < 0 || !can_be(s, op->to) || op->path == P_Ca || op->to == P_Ca ||
		    is_dir(op->path) != is_dir(op->to) || op->path == P_C || op->to == P_C ||
		    o[op->path] == o[op->to])
			return false;
		if (is_dir(op->path)) {
			if (!empty(s, op->to))
				return false;
			move_children(s, op->path, op->to);
		}
		o[op->to] = o[op->path];
		o[op->path] = -1;
		return true;
	case OP_EXCHANGE:
		if (o[op->path] < 0 || o[op->to] < 0 || is_dir(op->path) || is_dir(op->to) ||
		    op->path == P_Ca || op->to == P_Ca || o[op->path] == o[op->to])
			return false;
		was = o[op->to];
		o[op->to] = o[op->path];
		o[op->path] = was;
		return true;
	case OP_UNLINK:
		if (o[op->path] < 0 || is_dir(op->path) || op->path == P_Ca)
			return false;
		o[op->path] = -1;
		return true;
	case OP_RMDIR:
		if (o[op->path] < 0 || !is_dir(op->path) || op->path == P_C || !empty(s, op->path))
			return false;
		o[op->path] = -1;
		return true;
	default:
		return false;
	}
}

static bool apply_data(struct world *s, struct op *op)
{
	uint32_t *size;

	if (s->object[op->path] < 0 || is_dir(op->path))
		return false;
	size = &s->size[s->object[op->path]];
	switch (op->kind) {
	case OP_TRUNCATE:
		*size = op->from;
		return true;
	case OP_FALLOCATE:
		if (!op->keep && op->from + op->len > *size)
			*size = op->from + op->len;
		return true;
	case OP_WRITE:
		if (below(s, 2)) /* often, append */
			op->from = *size;
		if (op->from + op->len > OPS_FILE)
			return false;
		if (op->from + op->len > *size)
			*size = op->from + op->len;
		return true;
	case OP_REWRITE:
		op->from = 0;
		*size = op->len;
		return true;
	case OP_MMAP:
		if (op->from + op->len > *size)
			return false;
		return true;
	default:
		return true;
	}
}

static bool apply_records(struct world *s, struct op *op)
{
	uint32_t i;

	op->path = P_C;
	op->to = -1;
	op->object = s->object[P_C];
	if (s->object[P_C] < 0)
		return false;
	op->len = 1 + op->len % 8;
	switch (op->kind) {
	case OP_BIND:
		if (s->object[P_Ca] < 0)
			return false;
		/* fall through */
	case OP_INSERT:
		if (s->next_id + op->len > OPS_IDS)
			return false;
		op->from = s->next_id;
		s->next_id += op->len;
		for (i = 0; i < op->len; i++)
			s->live[op->from + i] = true;
		return true;
	case OP_UPSERT:
	case OP_DELETE:
		op->from %= s->next_id + 1;
		for (i = 0; i < op->len; i++)
			if (op->from + i >= s->next_id || !s->live[op->from + i])
				return false;
		for (i = 0; i < op->len; i++)
			s->live[op->from + i] = op->kind == OP_UPSERT;
		return true;
	case OP_SNAP:
		op->len = 0;
		op->from = s->snaps++;
		return s->snaps - s->first_snap < 4;
	case OP_UNSNAP:
		op->len = 0;
		if (s->first_snap == s->snaps)
			return false;
		op->from = s->first_snap++;
		return true;
	default:
		op->from = op->len = 0;
		return true;
	}
}

/* What path names, and its directory. */
static uint64_t touched(const struct world *s, int path)
{
	uint64_t bits = 0;

	if (path >= 0 && s->object[path] >= 0)
		bits |= 1ULL << s->object[path];
	if (path >= 0 && above(path) >= 0 && s->object[above(path)] >= 0)
		bits |= 1ULL << s->object[above(path)];
	return bits;
}

static bool add(struct world *s, struct op op)
{
	struct world before = *s;
	int i = s->w->n;
	bool good;

	op.object = s->object[op.path];
	if (op.kind == OP_LINK) /* not the directory of the old name */
		op.touches = (op.object < 0 ? 0 : 1ULL << op.object) | touched(s, op.to);
	else if (op.kind <= OP_COLLECTION)
		op.touches = touched(s, op.path) | touched(s, op.to);
	else if (op.kind == OP_TRUNCATE || op.kind == OP_REWRITE)
		op.touches = op.object < 0 ? 0 : 1ULL << op.object;
	if (op.kind <= OP_COLLECTION)
		good = apply_names(s, &op, i);
	else if (op.kind <= OP_WRITEBACK)
		good = apply_data(s, &op);
	else if (op.kind <= OP_SNAP)
		good = apply_records(s, &op);
	else
		good = op.kind == OP_SYNCFS ||
		       (op.object >= 0 && (op.kind == OP_FSYNC || !is_dir(op.path)));
	if (!good) {
		before.rng = s->rng;
		*s = before;
		return false;
	}
	if (op.object < 0) { /* it is new */
		op.object = s->object[op.path];
		op.touches |= touched(s, op.path);
	}
	s->w->op[s->w->n++] = op;
	return true;
}

/* Sizes and places as they are used, and as they hurt: odd, at the end of a block, over several. */
static uint32_t some_bytes(struct world *s, uint32_t max)
{
	static const uint32_t like[] = { 1, 100, 4095, 4096, 4097, 8192, 12288, 20000 };

	return (below(s, 3) ? like[below(s, 8)] : 1 + below(s, max)) % (max + 1);
}

static void add_some(struct world *s, bool records)
{
	struct op op;

	do {
		op = (struct op){ .kind = below(s, records ? OP_SNAP + 1 : OP_WRITEBACK + 1),
				  .path = below(s, PATHS),
				  .to = -1,
				  .keep = below(s, 2) };
		if (op.kind == OP_LINK || op.kind == OP_RENAME || op.kind == OP_EXCHANGE)
			op.to = below(s, PATHS);
		if (op.kind >= OP_TRUNCATE && op.kind != OP_WRITEBACK) {
			op.from = some_bytes(s, 28000);
			op.len = op.kind == OP_TRUNCATE ? 0 : 1 + some_bytes(s, 20000);
		}
	} while (!add(s, op));
}

static void add_sync(struct world *s, bool records)
{
	struct op op;

	do
		op = (struct op){ .kind = OP_FSYNC + below(s, 3),
				  .path = records && below(s, 3) == 0 ? P_C : (int)below(s, PATHS),
				  .to = -1 };
	while (!add(s, op));
}

static void begin(struct world *s, bool records)
{
	static const struct {
		enum op_kind kind;
		int path;
	} first[] = {
		{ OP_MKDIR, P_A },	{ OP_MKDIR, P_B },   { OP_CREATE, P_a },
		{ OP_WRITE, P_a },	{ OP_CREATE, P_Aa }, { OP_WRITE, P_Aa },
		{ OP_COLLECTION, P_C }, { OP_CREATE, P_Ca }, { OP_INSERT, P_C },
	};
	unsigned int i;

	for (i = 0; i < (records ? 9 : 6); i++) {
		struct op op = { .kind = first[i].kind, .path = first[i].path, .to = -1 };

		if (op.kind == OP_WRITE)
			op.len = 5000 + below(s, 6000);
		op.len = op.kind == OP_INSERT ? 7 : op.len;
		add(s, op);
	}
	add(s, (struct op){ .kind = OP_SYNCFS, .path = P_a, .to = -1 });
}

void ops_generate(struct workload *w, uint64_t seed, uint64_t number)
{
	struct world s = { .w = w, .rng = seed * 1000003 + number };
	bool is_long = number % 3 == 2, records = number % 2;
	int p, n, i;

	*w = (struct workload){ .seed = seed, .number = number };
	for (p = 0; p < PATHS; p++)
		s.object[p] = -1;
	begin(&s, records);
	n = is_long ? OPS_MAX - 2 - w->n : 1 + (int)below(&s, 3);
	for (i = 0; i < n; i++) {
		if (is_long && below(&s, 7) == 0)
			add_sync(&s, records);
		else
			add_some(&s, records);
	}
	add_sync(&s, records);
	add(&s, (struct op){ .kind = OP_SYNCFS, .path = P_a, .to = -1 });
}

void ops_row(const struct workload *w, uint32_t id, int version, float row[OPS_DIMS])
{
	make_row(row, OPS_DIMS, w->seed + w->number, (uint64_t)id * 100 + version);
}

/* --- doing --- */

static void must(bool good, const struct op *op, int err)
{
	if (!good)
		ops_die("%s: %s", ops_describe(op), strerror(err));
}

static int open_path(int dir, const struct op *op, int flags, int i)
{
	int fd = openat(dir, ops_path[op->path], flags | O_CLOEXEC, ops_mode(i));

	must(fd >= 0, op, errno);
	return fd;
}

static void write_file(const struct workload *w, int dir, const struct op *op, int i)
{
	static char text[OPS_FILE];
	int fd = open_path(dir, op, O_RDWR | (op->kind == OP_REWRITE ? O_TRUNC : 0), 0);
	char *map;

	memset(text, ops_byte(w, i), op->len);
	if (op->kind == OP_MMAP) {
		map = mmap(NULL, OPS_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		must(map != MAP_FAILED, op, errno);
		memcpy(map + op->from, text, op->len);
		must(!munmap(map, OPS_FILE), op, errno);
	} else {
		must(pwrite(fd, text, op->len, op->from) == (ssize_t)op->len, op, errno);
	}
	close(fd);
}

static void change_records(const struct workload *w, int dir, const struct op *op, int i)
{
	int fd = open_path(dir, op, O_RDONLY | O_DIRECTORY, 0), err, file = -1;
	struct vexfs_bind bind[8];
	float row[8][OPS_DIMS];
	uint64_t id[8];
	struct vexfs_ioc_insert a = { .size = sizeof(a),
				      .n = op->len,
				      .row_bytes = sizeof(row[0]),
				      .rows = PTR(row),
				      .ids = PTR(id) };
	struct vexfs_ioc_snapshot s = { .size = sizeof(s), .op = VEXFS_SNAPSHOT_CREATE };
	struct vexfs_ioc_compact c = { .size = sizeof(c) };
	struct vexfs_ioc_index x = { .size = sizeof(x) };
	uint32_t n;

	for (n = 0; n < op->len; n++) {
		id[n] = op->from + n;
		ops_row(w, op->from + n, op->kind == OP_UPSERT ? i : 0, row[n]);
	}
	snprintf(s.name, sizeof(s.name), "s%u", op->from);
	switch (op->kind) {
	case OP_BIND:
		file = openat(dir, ops_path[P_Ca], O_RDONLY | O_CLOEXEC);
		for (n = 0; n < op->len; n++)
			bind[n] = (struct vexfs_bind){ .fd = file, .len = 1 };
		a.binds = PTR(bind);
		/* fall through */
	case OP_INSERT:
		err = vx_ioctl(fd, VEXFS_IOC_INSERT, &a);
		break;
	case OP_UPSERT:
		a.flags = VEXFS_INSERT_UPSERT;
		err = vx_ioctl(fd, VEXFS_IOC_INSERT, &a);
		break;
	case OP_DELETE:
		err = vx_delete(fd, op->len, id, NULL);
		break;
	case OP_COMPACT:
		err = vx_ioctl(fd, VEXFS_IOC_COMPACT, &c);
		break;
	case OP_INDEX:
		err = vx_ioctl(fd, VEXFS_IOC_INDEX, &x);
		break;
	case OP_UNSNAP:
		s.op = VEXFS_SNAPSHOT_DELETE;
		/* fall through */
	default:
		err = vx_ioctl(fd, VEXFS_IOC_SNAPSHOT, &s);
	}
	must(!err, op, err);
	if (file >= 0)
		close(file);
	close(fd);
}

static void change_names(int dir, const struct op *op, int i)
{
	const char *path = ops_path[op->path], *to = op->to < 0 ? NULL : ops_path[op->to];
	int fd, err = 0;

	switch (op->kind) {
	case OP_CREATE:
		close(open_path(dir, op, O_RDWR | O_CREAT | O_EXCL, i));
		break;
	case OP_MKDIR:
	case OP_COLLECTION:
		err = mkdirat(dir, path, ops_mode(i));
		if (err || op->kind == OP_MKDIR)
			break;
		fd = open_path(dir, op, O_RDONLY | O_DIRECTORY, 0);
		errno = vx_create(fd, OPS_DIMS, VEXFS_METRIC_L2, 0);
		err = -!!errno;
		close(fd);
		break;
	case OP_LINK:
		err = linkat(dir, path, dir, to, 0);
		break;
	case OP_RENAME:
		err = renameat(dir, path, dir, to);
		break;
	case OP_EXCHANGE:
		err = renameat2(dir, path, dir, to, RENAME_EXCHANGE);
		break;
	default:
		err = unlinkat(dir, path, op->kind == OP_RMDIR ? AT_REMOVEDIR : 0);
	}
	must(!err, op, errno);
}

static void sync_it(int dir, const struct op *op)
{
	int fd = op->kind == OP_SYNCFS ? dir : open_path(dir, op, O_RDONLY, 0);

	must(!(op->kind == OP_SYNCFS ? syncfs(fd) :
	       op->kind == OP_FSYNC  ? fsync(fd) :
				       fdatasync(fd)),
	     op, errno);
	if (fd != dir)
		close(fd);
}

static void do_op(const struct workload *w, int dir, int i)
{
	const struct op *op = &w->op[i];
	int fd;

	switch (op->kind) {
	case OP_TRUNCATE:
	case OP_FALLOCATE:
	case OP_WRITEBACK:
		fd = open_path(dir, op, O_RDWR, 0);
		if (op->kind == OP_TRUNCATE)
			must(!ftruncate(fd, op->from), op, errno);
		else if (op->kind == OP_FALLOCATE)
			must(!fallocate(fd, op->keep ? FALLOC_FL_KEEP_SIZE : 0, op->from, op->len),
			     op, errno);
		else
			must(!sync_file_range(fd, 0, 0,
					      SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER),
			     op, errno);
		close(fd);
		break;
	case OP_WRITE:
	case OP_REWRITE:
	case OP_MMAP:
		write_file(w, dir, op, i);
		break;
	case OP_FSYNC:
	case OP_FDATASYNC:
	case OP_SYNCFS:
		sync_it(dir, op);
		break;
	default:
		if (op->kind <= OP_COLLECTION)
			change_names(dir, op, i);
		else
			change_records(w, dir, op, i);
	}
}

static void remove_workload(int top, uint64_t number)
{
	char name[32];
	int dir, p;

	snprintf(name, sizeof(name), "w%llu", (unsigned long long)number);
	dir = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		ops_die("%s: %s", name, strerror(errno));
	for (p = PATHS - 1; p >= 0; p--) {
		struct vexfs_ioc_drop drop = { .size = sizeof(drop) };
		int fd = p == P_C ? openat(dir, ops_path[p], O_RDONLY | O_CLOEXEC) : -1;

		if (fd >= 0) {
			errno = vx_ioctl(fd, VEXFS_IOC_DROP, &drop);
			if (errno)
				ops_die("drop: %s", strerror(errno));
			close(fd);
		}
		if (unlinkat(dir, ops_path[p], is_dir(p) ? AT_REMOVEDIR : 0) && errno != ENOENT)
			ops_die("remove %s/%s: %s", name, ops_path[p], strerror(errno));
	}
	close(dir);
	if (unlinkat(top, name, AT_REMOVEDIR))
		ops_die("remove %s: %s", name, strerror(errno));
}

void crash_ops_write(const char *top, uint64_t seed, uint64_t workloads, crash_promise promise)
{
	int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dir, i;
	struct workload w;
	uint64_t n;

	if (fd < 0)
		ops_die("%s: %s", top, strerror(errno));
	umask(0);
	for (n = 0; n < workloads; n++) {
		char name[32];

		if (n >= 2)
			remove_workload(fd, n - 2);
		ops_generate(&w, seed, n);
		snprintf(name, sizeof(name), "w%llu", (unsigned long long)n);
		dir = mkdirat(fd, name, 0755) ?
			      -1 :
			      openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			ops_die("%s: %s", name, strerror(errno));
		for (i = 0; i < w.n; i++) {
			do_op(&w, dir, i);
			if (ops_promises(w.op[i].kind))
				promise((uint64_t[3]){ n, i + 1, seed });
		}
		close(dir);
	}
	close(fd);
	printf("%llu workloads were done\n", (unsigned long long)n);
}
