// SPDX-License-Identifier: GPL-2.0
/* States of a disk, from what it was told: see log.h. */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vm/rows.h>
#include "crash.h"
#include "log.h"
#include "log_writes.h"

#define MAX_LOG_ENTRIES (64U << 20)
#define CHUNK 65536u /* what is zero is not written */

struct entry {
	uint64_t offset; /* bytes, on the disk */
	uint64_t len; /* bytes */
	uint64_t data; /* bytes, in the log */
	uint64_t flags;
	bool promise; /* one is in it ... */
	bool only; /* ... and nothing else */
};

struct crash_log {
	int log, base;
	const char *log_path, *base_path;
	int64_t promise_offset;
	enum log_control control;
	uint64_t journal, journal_len;
	uint64_t disk; /* bytes */
	struct entry *e;
	size_t n, flushes;

	/* the disk with the first `applied` entries, and which chunks of it are not zero */
	char *image;
	bool *used;
	size_t applied;
};

void log_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("states: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

/* Uniform in 0..n-1 as far as a test needs it; n > 0. */
static uint64_t below(uint64_t *seed, uint64_t n)
{
	return random64(seed) % n;
}

static void read_at(int fd, void *buf, size_t len, uint64_t off, const char *what)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			log_die("cannot read %zu bytes at %llu of %s: %s", len,
				(unsigned long long)off, what,
				n ? strerror(errno) : "it ends there");
		buf = (char *)buf + n;
		len -= n;
		off += n;
	}
}

static void write_at(int fd, const void *buf, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			log_die("cannot write the image: %s", strerror(errno));
		buf = (const char *)buf + n;
		len -= n;
		off += n;
	}
}

/* Of a file or a block device. */
static int open_it(const char *path, uint64_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (end < 0)
		log_die("%s: %s", path, strerror(errno));
	*size = end;
	return fd;
}

static void find_promise(struct crash_log *l, struct entry *e)
{
	char magic[8];

	if (l->promise_offset < 0 || (e->flags & (LOG_DISCARD | LOG_MARK)) ||
	    e->offset > (uint64_t)l->promise_offset || e->len < CRASH_PROMISE_SIZE ||
	    l->promise_offset - e->offset > e->len - CRASH_PROMISE_SIZE)
		return;
	read_at(l->log, magic, 8, e->data + (l->promise_offset - e->offset), l->log_path);
	e->promise = !memcmp(magic, CRASH_PROMISE, 8);
	e->only = e->promise && e->len == CRASH_PROMISE_SIZE;
}

/*
 * Read the heads of all entries.  The log of a killed QEMU ends in zeroes or in the middle of an
 * entry, which never completed and is left out.
 */
static void read_log(struct crash_log *l, uint64_t size)
{
	const char *path = l->log_path;
	size_t room = 0;
	uint64_t pos, ss;
	struct log_super sb;

	if (size < sizeof(sb))
		log_die("%s: too short for a log", path);
	read_at(l->log, &sb, sizeof(sb), 0, path);
	ss = le32toh(sb.sector_size);
	if (le64toh(sb.magic) != LOG_MAGIC || le64toh(sb.version) != LOG_VERSION)
		log_die("%s: not a dm-log-writes log of version %d", path, LOG_VERSION);
	if (ss < 512 || ss > 65536 || (ss & (ss - 1)))
		log_die("%s: bad sector size %llu", path, (unsigned long long)ss);

	for (pos = ss; pos <= size && size - pos >= ss;) {
		uint64_t sector, sectors, flags, data_len, data_sectors;
		struct log_entry head;

		read_at(l->log, &head, sizeof(head), pos, path);
		sector = le64toh(head.sector);
		sectors = le64toh(head.nr_sectors);
		flags = le64toh(head.flags);
		data_len = le64toh(head.data_len);
		if (!sector && !sectors && !flags && !data_len)
			break;
		if (flags & ~(uint64_t)LOG_ALL)
			log_die("%s: unknown flags %#llx at %llu", path, (unsigned long long)flags,
				(unsigned long long)pos);
		pos += ss;
		data_sectors = flags & LOG_DISCARD ? 0 : sectors;
		if (flags & LOG_MARK) {
			data_sectors = data_len / ss + !!(data_len % ss);
			sectors = 0;
		}
		if (data_sectors > (size - pos) / ss)
			break; /* torn off */
		if (sectors && (sector > l->disk / ss || sectors > l->disk / ss - sector))
			log_die("%s: entry %zu lies beyond the end of %s", path, l->n,
				l->base_path);
		if (l->n == room) {
			if (l->n >= MAX_LOG_ENTRIES)
				log_die("%s: more than %u entries", path, MAX_LOG_ENTRIES);
			room = room ? 2 * room : 1024;
			l->e = reallocarray(l->e, room, sizeof(*l->e));
			if (!l->e)
				log_die("out of memory");
		}
		l->e[l->n] = (struct entry){
			.offset = sector * ss, .len = sectors * ss, .data = pos, .flags = flags
		};
		find_promise(l, &l->e[l->n]);
		l->flushes += !!(flags & LOG_FLUSH);
		l->n++;
		pos += data_sectors * ss;
	}
	if (!l->flushes)
		log_die("%s: no flush in the log, so nothing is durable", path);
}

static void reset(struct crash_log *l)
{
	uint64_t at;

	l->applied = 0;
	for (at = 0; at < l->disk; at += CHUNK) {
		size_t len = l->disk - at < CHUNK ? l->disk - at : CHUNK;

		read_at(l->base, l->image + at, len, at, l->base_path);
		l->used[at / CHUNK] = l->image[at] ||
				      memcmp(l->image + at, l->image + at + 1, len - 1);
	}
}

struct crash_log *log_open(const char *log, const char *base, int64_t promise_offset,
			   enum log_control control, uint64_t journal, uint64_t journal_len)
{
	struct crash_log *l = calloc(1, sizeof(*l));
	uint64_t size;

	if (!l)
		log_die("out of memory");
	*l = (struct crash_log){ .log_path = log,
				 .base_path = base,
				 .promise_offset = promise_offset,
				 .control = control,
				 .journal = journal,
				 .journal_len = journal_len };
	l->log = open_it(log, &size);
	l->base = open_it(base, &l->disk);
	l->image = malloc(l->disk);
	l->used = calloc(l->disk / CHUNK + 1, sizeof(*l->used));
	if (!l->image || !l->used)
		log_die("out of memory");
	read_log(l, size);
	reset(l);
	return l;
}

void log_close(struct crash_log *l)
{
	close(l->log);
	close(l->base);
	free(l->image);
	free(l->used);
	free(l->e);
	free(l);
}

size_t log_entries(const struct crash_log *l)
{
	return l->n;
}

size_t log_flushes(const struct crash_log *l)
{
	return l->flushes;
}

/* --- states --- */

/* What was flushed at a cut: a flush comes before the data of its own entry. */
static size_t durable_at(const struct crash_log *l, size_t cut)
{
	size_t i;

	for (i = cut; i > 0; i--)
		if (l->e[i - 1].flags & LOG_FLUSH)
			return i - 1;
	return 0;
}

/*
 * The cut: anywhere past the first 2 % (mkfs and mount), often just before a flush: most to lose.
 */
struct log_state log_random(const struct crash_log *l, uint64_t *seed)
{
	static const uint32_t keep[] = { 0, 6554, 32768, 58982, LOG_KEEP_ALL };
	struct log_state s = { .cut = l->n / 50 + below(seed, l->n - l->n / 50) + 1 };
	size_t i;

	if (below(seed, 10) < 4) {
		for (i = s.cut; i < l->n && !(l->e[i].flags & LOG_FLUSH); i++)
			;
		if (i < l->n)
			s.cut = i;
	}
	s.durable = durable_at(l, s.cut);
	s.keep = l->control == LOG_EARLY ? 0 :
		 l->control		 ? 58982 :
					   keep[below(seed, sizeof(keep) / sizeof(keep[0]))];
	s.seed = random64(seed);
	return s;
}

static bool is_write(const struct entry *e)
{
	return !(e->flags & (LOG_DISCARD | LOG_MARK)) && e->len && !e->only;
}

/* Does this write depend on chance? */
static bool open_write(const struct crash_log *l, size_t i, const struct log_state *s)
{
	const struct entry *e = &l->e[i];

	switch (l->control) {
	case LOG_NO_FLUSH:
		return true;
	case LOG_NO_DATA:
		return e->offset < l->journal || e->offset - l->journal >= l->journal_len;
	default:
		return i >= s->durable && !(e->flags & LOG_FUA);
	}
}

static size_t open_writes(const struct crash_log *l, const struct log_state *s)
{
	size_t n = 0, i;

	for (i = s->durable; i < s->cut; i++)
		n += is_write(&l->e[i]) && open_write(l, i, s);
	return n;
}

struct log_state *log_marks(const struct crash_log *l, unsigned int orders, uint64_t seed,
			    size_t *count)
{
	static const uint32_t keep[] = { 6554, 32768, 58982 };
	struct log_state *all = reallocarray(NULL, l->n, (3 + orders) * sizeof(*all));
	size_t i, last = 0, n = 0, open;
	unsigned int k;

	if (!all)
		log_die("out of memory");
	for (i = 0; i < l->n; i++) {
		struct log_state s = { .cut = i,
				       .durable = durable_at(l, i),
				       .keep = LOG_KEEP_ALL };

		if (l->e[i].only || !(l->e[i].flags & (LOG_FLUSH | LOG_FUA)))
			continue;
		open = open_writes(l, &s);
		all[n++] = s;
		s.keep = 0;
		if (open)
			all[n++] = s;
		for (k = 0; k < orders && open > 1; k++) {
			s.cut = i - below(&seed, i - last + 1);
			if (s.cut < s.durable)
				s.cut = i;
			s.keep = keep[below(&seed, 3)];
			s.seed = random64(&seed);
			all[n++] = s;
		}
		all[n++] = (struct log_state){ .cut = i + 1, .durable = durable_at(l, i + 1) };
		last = i;
	}
	*count = n;
	return all;
}

static void read_promise(const struct crash_log *l, const struct log_state *s,
			 struct log_made *made)
{
	char block[CRASH_PROMISE_SIZE];
	size_t i = s->cut;
	const struct entry *e;
	int k;

	if (l->control == LOG_EARLY)
		for (; i < l->n && !l->e[i].promise; i++)
			;
	else
		for (i--; i < l->n && !l->e[i].promise; i--)
			;
	if (i >= l->n) /* or before the first one */
		return;
	e = &l->e[i];
	read_at(l->log, block, sizeof(block), e->data + (l->promise_offset - e->offset),
		l->log_path);
	made->promised = true;
	memcpy(made->promise, block + 8, sizeof(made->promise));
	for (k = 0; k < LOG_PROMISE_NUMBERS; k++)
		made->promise[k] = le64toh(made->promise[k]);
}

static void apply(struct crash_log *l, const struct entry *e)
{
	uint64_t at;

	if (!is_write(e))
		return;
	read_at(l->log, l->image + e->offset, e->len, e->data, l->log_path);
	for (at = e->offset / CHUNK; at <= (e->offset + e->len - 1) / CHUNK; at++)
		l->used[at] = true;
}

static void copy_write(const struct crash_log *l, const struct entry *e, int fd)
{
	static char buf[1 << 20];
	uint64_t done;

	for (done = 0; done < e->len;) {
		size_t len = e->len - done < sizeof(buf) ? e->len - done : sizeof(buf);

		read_at(l->log, buf, len, e->data + done, l->log_path);
		write_at(fd, buf, len, e->offset + done);
		done += len;
	}
}

void log_make(struct crash_log *l, const struct log_state *s, int fd, struct log_made *made)
{
	bool flushes = l->control == LOG_REAL || l->control == LOG_EARLY;
	uint64_t seed = s->seed, at;
	size_t i;

	*made = (struct log_made){ .promised = false };
	read_promise(l, s, made);
	if (flushes ? s->durable < l->applied : l->applied > 0)
		reset(l);
	for (; flushes && l->applied < s->durable; l->applied++)
		apply(l, &l->e[l->applied]);
	if (ftruncate(fd, 0) || ftruncate(fd, l->disk))
		log_die("cannot set the size of the image: %s", strerror(errno));
	for (at = 0; at < l->disk; at += CHUNK)
		if (l->used[at / CHUNK])
			write_at(fd, l->image + at, l->disk - at < CHUNK ? l->disk - at : CHUNK,
				 at);
	for (i = l->applied; i < s->cut; i++) {
		if (!is_write(&l->e[i]))
			continue;
		if (open_write(l, i, s)) {
			made->open++;
			if (random64(&seed) % LOG_KEEP_ALL >= s->keep) {
				made->lost++;
				continue;
			}
		}
		copy_write(l, &l->e[i], fd);
	}
}

const char *log_promise(const struct log_made *made)
{
	static char text[LOG_PROMISE_NUMBERS * 21];
	int i, n = 0;

	if (!made->promised)
		return "none";
	for (i = 0; i < LOG_PROMISE_NUMBERS; i++)
		n += sprintf(text + n, "%s%llu", i ? ":" : "",
			     (unsigned long long)made->promise[i]);
	return text;
}
