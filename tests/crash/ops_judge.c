// SPDX-License-Identifier: GPL-2.0
/*
 * What a crash may leave of a generated workload (ops.h).
 *
 * There must be a number J of operations, at least as many as the last sync covered and at most as
 * many as were begun, so that
 *
 *	- names, modes, link counts and the sizes that truncate and fallocate set are those after J
 *	- a file has what it had when it was synced for the last time, or replaced another one, before
 *	  J; each byte may also be what was written to it since, and is zero where nothing was synced
 *
 * And for a collection, whatever J is, one number of operations after which it had just these
 * records, and all snapshots that were made until then and not deleted since.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vm/rows.h>
#include "ops.h"

static void *get_memory(size_t n)
{
	void *p = calloc(1, n);

	if (!p)
		ops_die("out of memory");
	return p;
}

/* --- what is there --- */

struct seen {
	bool there, dir;
	uint32_t mode, links, size;
	uint64_t ino;
	uint8_t *text; /* of a file */
};

/* No name but ours. */
static void check_names(int dir, const char *path)
{
	char buf[8192] __attribute__((aligned(8)));
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), p;
	ssize_t got, at;

	if (fd < 0)
		ops_die("%s: %s", path, strerror(errno));
	while ((got = getdents64(fd, buf, sizeof(buf))) > 0)
		for (at = 0; at < got; at += ((struct dirent64 *)(buf + at))->d_reclen) {
			const char *name = ((struct dirent64 *)(buf + at))->d_name;
			char full[300];

			if (!strcmp(name, ".") || !strcmp(name, ".."))
				continue;
			snprintf(full, sizeof(full), "%s%s%s", *path == '.' ? "" : path,
				 *path == '.' ? "" : "/", name);
			for (p = 0; p < PATHS && strcmp(full, ops_path[p]); p++)
				;
			if (p == PATHS)
				ops_die("nobody made %s", full);
		}
	if (got)
		ops_die("%s: %s", path, strerror(errno));
	close(fd);
}

static void look(int dir, struct seen seen[PATHS])
{
	struct stat st;
	int p, fd;

	check_names(dir, ".");
	for (p = 0; p < PATHS; p++) {
		struct seen *s = &seen[p];

		memset(s, 0, sizeof(*s));
		if (fstatat(dir, ops_path[p], &st, AT_SYMLINK_NOFOLLOW)) {
			if (errno != ENOENT)
				ops_die("%s: %s", ops_path[p], strerror(errno));
			continue;
		}
		*s = (struct seen){ .there = true,
				    .dir = S_ISDIR(st.st_mode),
				    .mode = st.st_mode & 0777,
				    .links = st.st_nlink,
				    .ino = st.st_ino };
		if (s->dir) {
			check_names(dir, ops_path[p]);
			continue;
		}
		if (st.st_size > OPS_FILE)
			ops_die("%s has %lld bytes", ops_path[p], (long long)st.st_size);
		s->size = st.st_size;
		s->text = get_memory(s->size + 1);
		fd = openat(dir, ops_path[p], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || pread(fd, s->text, s->size, 0) != (ssize_t)s->size)
			ops_die("%s: %s", ops_path[p], strerror(errno));
		close(fd);
	}
}

/* --- what may be --- */

/* A file as far as the model is: the operations whose bytes may be there, the others' is 0. */
struct file {
	uint32_t size, lo, hi;
	uint8_t now[OPS_FILE];
	uint64_t may[OPS_FILE]; /* bit I: operation I; bit 63: zero */
};
#define ZERO (1ULL << 63)

struct model {
	const struct workload *w;
	int object[PATHS];
	int links[OPS_MAX];
	struct file *file[OPS_MAX];
	/* a sync that was promised: until it, the file is as it was then */
	int exact_at[OPS_MAX];
	struct file *exact[OPS_MAX];
	int from, to; /* J is one of these */
};

static struct file *file_of(struct model *m, int object)
{
	if (!m->file[object])
		m->file[object] = get_memory(sizeof(struct file));
	return m->file[object];
}

static void make_exact(const struct workload *w, struct file *f)
{
	uint32_t i;

	for (i = 0; i < f->size; i++)
		f->may[i] = f->now[i] ? 1ULL << ops_writer(w, f->now[i]) : ZERO;
	f->lo = f->hi = f->size;
}

static void model_write(const struct workload *w, struct file *f, uint32_t from, uint32_t len,
			int i)
{
	uint32_t p;

	for (p = f->size; p < from; p++) {
		f->now[p] = 0;
		f->may[p] |= ZERO;
	}
	for (p = from; p < from + len; p++) {
		if (p >= f->lo)
			f->may[p] |= ZERO;
		f->may[p] |= 1ULL << i;
		f->now[p] = ops_byte(w, i);
	}
	if (from + len > f->size)
		f->size = from + len;
	if (f->size > f->hi)
		f->hi = f->size;
}

static void model_truncate(struct file *f, uint32_t size)
{
	uint32_t p;

	for (p = size < f->size ? size : f->size; p < OPS_FILE; p++) {
		f->may[p] = ZERO;
		f->now[p] = 0;
	}
	f->size = f->lo = f->hi = size;
}

static void model_names(struct model *m, const struct op *op, int i)
{
	int *o = m->object, was, p;

	switch (op->kind) {
	case OP_CREATE:
	case OP_MKDIR:
	case OP_COLLECTION:
		o[op->path] = i;
		m->links[i] = 1;
		return;
	case OP_LINK:
		o[op->to] = o[op->path];
		m->links[o[op->to]]++;
		return;
	case OP_EXCHANGE:
		make_exact(m->w, file_of(m, o[op->path]));
		make_exact(m->w, file_of(m, o[op->to]));
		was = o[op->to];
		o[op->to] = o[op->path];
		o[op->path] = was;
		return;
	case OP_RENAME:
		if (o[op->to] >= 0) {
			m->links[o[op->to]]--;
			if (op->path != P_A && op->path != P_B)
				make_exact(m->w, file_of(m, o[op->path]));
		}
		if (op->path == P_A || op->path == P_B) {
			int from = op->path == P_A ? P_Aa : P_Ba,
			    to = op->path == P_A ? P_Ba : P_Aa;

			for (p = 0; p < 2; p++) {
				o[to + p] = o[from + p];
				o[from + p] = -1;
			}
		}
		o[op->to] = o[op->path];
		o[op->path] = -1;
		return;
	default:
		m->links[o[op->path]]--;
		o[op->path] = -1;
	}
}

/* Operation i happened. */
static void model_step(struct model *m, int i)
{
	const struct op *op = &m->w->op[i];
	struct file *f = NULL;
	int k;

	if (op->kind <= OP_COLLECTION) {
		model_names(m, op, i);
		return;
	}
	if (op->kind == OP_SYNCFS) {
		for (k = 0; k < OPS_MAX; k++)
			if (m->file[k])
				make_exact(m->w, m->file[k]);
		return;
	}
	if (op->path >= P_A && op->path <= P_C)
		return;
	f = file_of(m, op->object);
	switch (op->kind) {
	case OP_TRUNCATE:
		model_truncate(f, op->from);
		break;
	case OP_FALLOCATE:
		if (!op->keep && op->from + op->len > f->size) {
			f->size = op->from + op->len;
			for (k = f->lo; k < (int)f->size; k++)
				f->may[k] |= ZERO;
			f->lo = f->hi = f->size;
		}
		break;
	case OP_REWRITE:
		model_truncate(f, 0);
		/* fall through */
	case OP_WRITE:
	case OP_MMAP:
		model_write(m->w, f, op->from, op->len, i);
		break;
	case OP_FSYNC:
	case OP_FDATASYNC:
		make_exact(m->w, f);
		break;
	default:
		break;
	}
}

/* May what a later operation does to its blocks be there already?  It was begun. */
static bool done_later(const struct model *m, int object, uint32_t at, uint8_t byte, int after)
{
	int writer = ops_writer(m->w, byte), i;

	for (i = after; i < m->to; i++) {
		const struct op *op = &m->w->op[i];

		if (op->object != object)
			continue;
		if (byte && i == writer && at >= op->from && at < op->from + op->len)
			return true;
		/* the rest of the block where it is cut */
		if (!byte && op->kind == OP_TRUNCATE && at >= op->from &&
		    at < (op->from + 4095) / 4096 * 4096)
			return true;
	}
	return false;
}

static bool file_fits(struct model *m, int object, const struct seen *s, int j, char why[200])
{
	int since = j;
	struct file *f = file_of(m, object);
	uint32_t p;

	if (m->exact_at[object] > j) {
		since = m->exact_at[object];
		f = m->exact[object];
	}
	if (s->size < f->lo || s->size > f->hi) {
		snprintf(why, 200, "has %u bytes, not %u to %u", s->size, f->lo, f->hi);
		return false;
	}
	for (p = 0; p < s->size; p++) {
		int writer = ops_writer(m->w, s->text[p]);
		uint64_t bit = !s->text[p] ? ZERO : writer < 0 ? 0 : 1ULL << writer;

		if ((f->may[p] & bit) || done_later(m, object, p, s->text[p], since))
			continue;
		snprintf(why, 200, "byte %u of %u is that of operation %d", p, s->size,
			 s->text[p] ? writer : -2);
		return false;
	}
	return true;
}

static bool names_fit(const struct model *m, const struct seen seen[PATHS], char why[200])
{
	int p;

	for (p = 0; p < PATHS; p++) {
		int o = m->object[p];

		if (seen[p].there != (o >= 0)) {
			snprintf(why, 200, "%s is %sthere", ops_path[p], o < 0 ? "" : "not ");
			return false;
		}
		if (o < 0)
			continue;
		if (seen[p].mode != ops_mode(o)) {
			snprintf(why, 200, "%s is of mode %o, not %o", ops_path[p], seen[p].mode,
				 ops_mode(o));
			return false;
		}
		if (!seen[p].dir && (int)seen[p].links != m->links[o]) {
			snprintf(why, 200, "%s has %u links, not %d", ops_path[p], seen[p].links,
				 m->links[o]);
			return false;
		}
	}
	return true;
}

static bool fits(struct model *m, const struct seen seen[PATHS], int j, char why[200])
{
	char more[200];
	int p;

	if (!names_fit(m, seen, why))
		return false;
	for (p = 0; p < PATHS; p++)
		if (seen[p].there && !seen[p].dir &&
		    !file_fits(m, m->object[p], &seen[p], j, more)) {
			snprintf(why, 200, "%s %.150s", ops_path[p], more);
			return false;
		}
	return true;
}

/* --- records --- */

struct records {
	int version[OPS_IDS]; /* the operation that wrote it; 0: it was inserted; -1: not there */
	bool bound[OPS_IDS];
	int snap[OPS_MAX]; /* the operation that made it, 0: not there */
};

static void records_step(const struct workload *w, struct records *r, int i)
{
	const struct op *op = &w->op[i];
	uint32_t k;

	for (k = 0; k < op->len && op->kind >= OP_INSERT && op->kind <= OP_BIND; k++) {
		r->version[op->from + k] = op->kind == OP_DELETE ? -1 :
					   op->kind == OP_UPSERT ? i :
								   0;
		r->bound[op->from + k] = op->kind == OP_BIND;
	}
	if (op->kind == OP_SNAP)
		r->snap[op->from] = i;
	if (op->kind == OP_UNSNAP)
		r->snap[op->from] = 0;
}

static void records_at(const struct workload *w, struct records *r, int n)
{
	int i;

	memset(r, 0, sizeof(*r));
	memset(r->version, 0xff, sizeof(r->version));
	for (i = 0; i < n; i++)
		records_step(w, r, i);
}

struct listing {
	uint32_t n;
	struct vexfs_item item[OPS_IDS + 1];
	float row[OPS_IDS + 1][OPS_DIMS];
};

static void list(int fd, const char *snapshot, struct listing *l)
{
	struct vexfs_ioc_list a = { .size = sizeof(a),
				    .n = OPS_IDS + 1,
				    .row_bytes = sizeof(l->row[0]),
				    .items = PTR(l->item),
				    .rows = PTR(l->row) };
	int err;

	snprintf(a.snapshot, sizeof(a.snapshot), "%s", snapshot);
	err = vx_ioctl(fd, VEXFS_IOC_LIST, &a);
	if (err || a.cursor != ~0ULL)
		ops_die("records%s%s: %s", *snapshot ? " of " : "", snapshot, strerror(err));
	l->n = a.n;
}

static bool records_fit(const struct workload *w, const struct records *r, const struct listing *l,
			uint64_t file, char why[200])
{
	uint32_t i, n = 0;

	for (i = 0; i < OPS_IDS; i++)
		n += r->version[i] >= 0;
	if (n != l->n) {
		snprintf(why, 200, "%u records, not %u", l->n, n);
		return false;
	}
	for (i = 0; i < l->n; i++) {
		const struct vexfs_item *item = &l->item[i];
		float row[OPS_DIMS];

		if (item->id >= OPS_IDS || r->version[item->id] < 0) {
			snprintf(why, 200, "record %llu is there", (unsigned long long)item->id);
			return false;
		}
		ops_row(w, item->id, r->version[item->id], row);
		if (memcmp(row, l->row[i], sizeof(row))) {
			snprintf(why, 200, "record %llu has another row",
				 (unsigned long long)item->id);
			return false;
		}
		if (item->file != (r->bound[item->id] ? file : 0)) {
			snprintf(why, 200, "record %llu is bound to inode %llu",
				 (unsigned long long)item->id, (unsigned long long)item->file);
			return false;
		}
	}
	return true;
}

/* At `from` all is there that was synced, at `to` all that was begun. */
static void judge_snapshots(const struct workload *w, int fd, int from, int to, uint64_t file)
{
	static struct vexfs_snapshot_info info[VEXFS_MAX_SNAPSHOTS];
	struct vexfs_ioc_snapshots a = { .size = sizeof(a),
					 .n = VEXFS_MAX_SNAPSHOTS,
					 .snapshots = PTR(info) };
	struct records least, most, then;
	bool found[OPS_MAX] = { false };
	static struct listing l;
	char why[200];
	uint32_t i;
	int err = vx_ioctl(fd, VEXFS_IOC_SNAPSHOTS, &a);

	if (err)
		ops_die("snapshots: %s", strerror(err));
	records_at(w, &least, from);
	records_at(w, &most, to);
	for (i = 0; i < a.n; i++) {
		uint32_t number = atoi(info[i].name + 1);
		int made = number < OPS_MAX ? least.snap[number] ?: most.snap[number] : 0;

		if (!made)
			ops_die("snapshot %s is there", info[i].name);
		found[number] = true;
		records_at(w, &then, made);
		list(fd, info[i].name, &l);
		if (!records_fit(w, &then, &l, file, why))
			ops_die("snapshot %s: %s", info[i].name, why);
	}
	for (i = 0; i < OPS_MAX; i++)
		if (least.snap[i] && most.snap[i] && !found[i])
			ops_die("snapshot s%u is lost", i);
}

static void judge_records(const struct model *m, int dir, const struct seen seen[PATHS],
			  int promised)
{
	const struct workload *w = m->w;
	int fd = openat(dir, ops_path[P_C], O_RDONLY | O_DIRECTORY | O_CLOEXEC), r, from = 0, err;
	char why[200] = "", first[200] = "";
	struct vexfs_ioc_info info;
	static struct listing l;
	struct records model;

	for (r = 0; r < promised; r++)
		if (w->op[r].kind == OP_SYNCFS ||
		    (w->op[r].path == P_C &&
		     (w->op[r].kind == OP_FSYNC || w->op[r].kind == OP_SNAP)))
			from = r + 1;
	err = fd < 0 ? errno : vx_info(fd, &info);
	if (err == ENODATA && !from) {
		close(fd);
		return;
	}
	if (err)
		ops_die("C: %s", strerror(err));
	list(fd, "", &l);
	for (r = from; r <= m->to; r++) {
		records_at(w, &model, r);
		if (records_fit(w, &model, &l, seen[P_Ca].ino, why))
			break;
		if (!*first)
			strcpy(first, why);
	}
	if (r > m->to)
		ops_die("C, promised %d: %s; or: %s", from, first, why);
	judge_snapshots(w, fd, from, m->to, seen[P_Ca].ino);
	close(fd);
}

/* --- all of it --- */

/*
 * From where on J may be: syncfs makes all before it durable, fsync the last change of its file or
 * directory and all before that, fdatasync what the data need.
 */
static int first_of(const struct workload *w, int promised)
{
	int i, k, from = 0;

	for (i = 0; i < promised; i++) {
		const struct op *sync = &w->op[i];

		if (sync->kind == OP_SYNCFS)
			from = i + 1;
		if (sync->kind != OP_FSYNC && sync->kind != OP_FDATASYNC)
			continue;
		for (k = i - 1; k >= from; k--) {
			const struct op *op = &w->op[k];

			if (sync->kind == OP_FSYNC ?
				    op->kind < OP_FSYNC && op->touches >> sync->object & 1 :
				    op->object == sync->object &&
					    (op->kind == OP_CREATE || op->kind == OP_TRUNCATE ||
					     op->kind == OP_FALLOCATE || op->kind == OP_REWRITE))
				break;
		}
		if (k >= from)
			from = k + 1;
	}
	return from;
}

static void reset(struct model *m)
{
	int i;

	for (i = 0; i < PATHS; i++)
		m->object[i] = -1;
	for (i = 0; i < OPS_MAX; i++) {
		m->links[i] = 0;
		free(m->file[i]);
		m->file[i] = NULL;
	}
}

static void remember_exact(struct model *m, int promised)
{
	int i;

	for (i = 0; i < promised; i++) {
		int object = m->w->op[i].object;

		model_step(m, i);
		if ((m->w->op[i].kind != OP_FDATASYNC && m->w->op[i].kind != OP_FSYNC) ||
		    !m->file[object])
			continue;
		free(m->exact[object]);
		m->exact[object] = get_memory(sizeof(struct file));
		*m->exact[object] = *m->file[object];
		m->exact_at[object] = i + 1;
	}
	reset(m);
}

static void judge_workload(int top, uint64_t seed, uint64_t number, int promised)
{
	static struct workload w;
	struct model m = { .w = &w };
	struct seen seen[PATHS];
	char name[32], why[200] = "", first[200] = "";
	int dir, j;

	ops_generate(&w, seed, number);
	if (promised < 0)
		promised = w.n;
	snprintf(name, sizeof(name), "w%llu", (unsigned long long)number);
	dir = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT && !promised)
		return;
	if (dir < 0)
		ops_die("%s: %s", name, strerror(errno));
	reset(&m);
	for (m.to = promised; m.to < w.n && !ops_promises(w.op[m.to].kind); m.to++)
		;
	if (m.to < w.n)
		m.to++;
	m.from = first_of(&w, promised);
	remember_exact(&m, promised);
	look(dir, seen);
	for (j = 0; j <= m.to; j++) {
		if (j)
			model_step(&m, j - 1);
		if (j < m.from)
			continue;
		if (fits(&m, seen, j, why))
			break;
		if (!*first)
			strcpy(first, why);
	}
	if (j > m.to) {
		printf("workload %llu, synced up to %d, begun up to %d:\n",
		       (unsigned long long)number, m.from, m.to);
		for (j = 0; j < m.to; j++)
			printf("%d: %s\n", j, ops_describe(&w.op[j]));
		ops_die("%s; or: %s", first, why);
	}
	if (seen[P_C].there)
		judge_records(&m, dir, seen, promised);
	printf("verified: workload %llu after %d of %d..%d operations\n",
	       (unsigned long long)number, j, m.from, m.to);
	for (j = 0; j < PATHS; j++)
		free(seen[j].text);
	for (j = 0; j < OPS_MAX; j++) {
		free(m.file[j]);
		free(m.exact[j]);
	}
	close(dir);
}

void crash_ops_judge(const char *top, uint64_t seed, const char *promised)
{
	int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC), done = 0;
	struct workload *w = get_memory(sizeof(*w));
	uint64_t number = 0;

	if (fd < 0)
		ops_die("%s: %s", top, strerror(errno));
	if (strcmp(promised, "none") && sscanf(promised, "%lu:%d", &number, &done) != 2)
		ops_die("what promise is %s?", promised);
	ops_generate(w, seed, number);
	if (done < w->n) {
		if (number)
			judge_workload(fd, seed, number - 1, -1);
		judge_workload(fd, seed, number, done);
	} else {
		judge_workload(fd, seed, number, -1);
		judge_workload(fd, seed, number + 1, 0);
	}
	free(w);
	close(fd);
}
