// SPDX-License-Identifier: GPL-2.0
/*
 * states: rebuild what a disk may hold after a power cut.
 *
 * QEMU's blklogwrites driver records every write, flush and discard of a guest's disk (the format
 * is dm-log-writes'; tests/vm/run --logwrites).  From that log and the image as it was before
 * (--base) this program makes --count images: each is cut after a random entry, has all writes that
 * a flush or their FUA flag made durable until then, and a random subset of the others, in their
 * order.
 *
 * Promises: a guest program tells what must survive by writing a 4096-byte block at the byte
 * offset --promise-offset, beyond the filesystem on the same disk: the magic "PROMISE!" followed by
 * up to eight le64 numbers, the rest zero.  It writes the block *after* the call returned that
 * makes the promise (an fsync, say), so a state must keep whatever promise precedes its cut.  The
 * promise itself is never lost here, it is part of the record and not of the filesystem, and is not
 * written to the images.
 *
 * --control makes states that no disk may leave behind, to show that the judge would notice:
 *	flush		every write is kept or lost by chance, flushed or not: a disk that ignores
 *			flushes
 *	data:FROM:LEN	writes outside of the bytes [FROM, FROM + LEN), the journal, are kept or
 *			lost by chance, flushed or not, and those inside kept: data was not durable
 *			when the log said so
 *
 * Output, a line per state: the image's path, then the eight numbers of its last promise joined by
 * colons, or "none".  What was cut and lost is told on stderr.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "crash.h"
#include "log_writes.h"

#define PROMISE_NUMBERS	8

#define MAX_STATES	4096
#define MAX_LOG_ENTRIES	(64U << 20)

struct entry {
	uint64_t offset;	/* bytes, on the disk */
	uint64_t len;		/* bytes */
	uint64_t data;		/* bytes, in the log */
	uint64_t flags;
};

struct options {
	const char *dir, *log, *base;
	uint64_t count, seed, promise_offset;
	uint64_t journal, journal_len;
	enum { NO_CONTROL, CONTROL_FLUSH, CONTROL_DATA } control;
	bool promises;
};

struct state {
	size_t cut;		/* entries before this index happened */
	size_t durable;		/* entries before this index were flushed */
	uint32_t keep;		/* chance of the others to survive, in 1/65536 */
};

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("states: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t random_state;

static uint64_t random64(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Uniform in 0..n-1 as far as a test needs it; n > 0. */
static uint64_t random_below(uint64_t n)
{
	return random64() % n;
}

static void read_at(int fd, void *buf, size_t len, uint64_t off, const char *what)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("cannot read %zu bytes at %llu of %s: %s", len, (unsigned long long)off,
			    what, n ? strerror(errno) : "it ends there");
		buf = (char *)buf + n;
		len -= n;
		off += n;
	}
}

static void write_at(int fd, const void *buf, size_t len, uint64_t off, const char *what)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("cannot write to %s: %s", what, strerror(errno));
		buf = (const char *)buf + n;
		len -= n;
		off += n;
	}
}

static uint64_t file_size(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st))
		die("%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die("%s: not a regular file", path);
	return st.st_size;
}

/*
 * Read the heads of all entries.  The log of a killed QEMU ends in zeroes or in the middle of an
 * entry, which never completed and is left out.
 */
static struct entry *read_log(int fd, const struct options *o, uint64_t disk, size_t *count)
{
	uint64_t size = file_size(fd, o->log), pos, ss;
	size_t n = 0, room = 0;
	struct entry *e = NULL;
	struct log_super sb;

	if (size < sizeof(sb))
		die("%s: too short for a log", o->log);
	read_at(fd, &sb, sizeof(sb), 0, o->log);
	ss = le32toh(sb.sector_size);
	if (le64toh(sb.magic) != LOG_MAGIC || le64toh(sb.version) != LOG_VERSION)
		die("%s: not a dm-log-writes log of version %d", o->log, LOG_VERSION);
	if (ss < 512 || ss > 65536 || (ss & (ss - 1)))
		die("%s: bad sector size %llu", o->log, (unsigned long long)ss);

	for (pos = ss; pos <= size && size - pos >= ss; ) {
		uint64_t sector, sectors, flags, data_len, data_sectors;
		struct log_entry head;

		read_at(fd, &head, sizeof(head), pos, o->log);
		sector = le64toh(head.sector);
		sectors = le64toh(head.nr_sectors);
		flags = le64toh(head.flags);
		data_len = le64toh(head.data_len);
		if (!sector && !sectors && !flags && !data_len)
			break;
		if (flags & ~(uint64_t)LOG_ALL)
			die("%s: unknown flags %#llx at %llu", o->log, (unsigned long long)flags,
			    (unsigned long long)pos);
		pos += ss;
		data_sectors = flags & LOG_DISCARD ? 0 : sectors;
		if (flags & LOG_MARK) {
			data_sectors = data_len / ss + !!(data_len % ss);
			sectors = 0;
		}
		if (data_sectors > (size - pos) / ss)
			break;		/* torn off */
		if (sectors && (sector > disk / ss || sectors > disk / ss - sector))
			die("%s: entry %zu lies beyond the end of %s", o->log, n, o->base);
		if (n == room) {
			if (n >= MAX_LOG_ENTRIES)
				die("%s: more than %u entries", o->log, MAX_LOG_ENTRIES);
			room = room ? 2 * room : 1024;
			e = reallocarray(e, room, sizeof(*e));
			if (!e)
				die("out of memory");
		}
		e[n++] = (struct entry){ .offset = sector * ss, .len = sectors * ss, .data = pos,
					 .flags = flags };
		pos += data_sectors * ss;
	}
	*count = n;
	return e;
}

/*
 * The cut: anywhere past the first 2 % (mkfs and mount), often just before a flush: most to lose.
 */
static struct state choose_state(const struct options *o, const struct entry *e, size_t n)
{
	static const uint32_t keep[] = { 0, 6554, 32768, 58982, 65536 };
	struct state s = { .cut = n / 50 + random_below(n - n / 50) + 1 };
	size_t i;

	if (random_below(10) < 4) {
		for (i = s.cut; i < n && !(e[i].flags & LOG_FLUSH); i++)
			;
		if (i < n)
			s.cut = i;
	}
	/* a flush comes before the data of its own entry */
	for (s.durable = s.cut; s.durable > 0; s.durable--)
		if (e[s.durable - 1].flags & LOG_FLUSH)
			break;
	if (s.durable)
		s.durable--;
	s.keep = o->control ? 58982 : keep[random_below(sizeof(keep) / sizeof(keep[0]))];
	return s;
}

/* Copy the base image, keeping its holes. */
static void copy_image(int from, int to, uint64_t size, const char *path)
{
	static char buf[1 << 20];
	off_t data = 0, hole;

	if (ftruncate(to, size))
		die("%s: %s", path, strerror(errno));
	while ((data = lseek(from, data, SEEK_DATA)) >= 0) {
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			die("base image: %s", strerror(errno));
		while (data < hole) {
			size_t len = hole - data < (off_t)sizeof(buf) ? (size_t)(hole - data) :
									  sizeof(buf);

			read_at(from, buf, len, data, "the base image");
			write_at(to, buf, len, data, path);
			data += len;
		}
	}
	if (errno != ENXIO)
		die("base image: %s", strerror(errno));
}

static bool is_promise(const struct options *o, const struct entry *e)
{
	return o->promises && e->offset <= o->promise_offset && e->len >= CRASH_PROMISE_SIZE &&
	       o->promise_offset - e->offset <= e->len - CRASH_PROMISE_SIZE;
}

/* Does this write depend on chance? */
static bool open_write(const struct options *o, const struct entry *e, size_t i,
		       const struct state *s)
{
	switch (o->control) {
	case CONTROL_FLUSH:
		return true;
	case CONTROL_DATA:
		return e[i].offset < o->journal || e[i].offset - o->journal >= o->journal_len;
	default:
		return i >= s->durable && !(e[i].flags & LOG_FUA);
	}
}

static void make_state(const struct options *o, int log, int base, uint64_t disk,
		       const struct entry *e, const struct state *s, uint64_t number)
{
	uint64_t promise[PROMISE_NUMBERS], lost = 0, open_writes = 0;
	static char buf[1 << 20];
	bool promised = false;
	char *path;
	size_t i;
	int fd;

	if (asprintf(&path, "%s/s%llu.img", o->dir, (unsigned long long)number) < 0)
		die("out of memory");
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	copy_image(base, fd, disk, path);

	for (i = 0; i < s->cut; i++) {
		uint64_t done;

		if ((e[i].flags & (LOG_DISCARD | LOG_MARK)) || !e[i].len)
			continue;
		if (is_promise(o, &e[i])) {
			char block[CRASH_PROMISE_SIZE];

			read_at(log, block, sizeof(block),
				e[i].data + (o->promise_offset - e[i].offset), o->log);
			if (!memcmp(block, CRASH_PROMISE, 8)) {
				memcpy(promise, block + 8, sizeof(promise));
				promised = true;
				if (e[i].len == CRASH_PROMISE_SIZE)
					continue;
			}
		}
		if (open_write(o, e, i, s)) {
			open_writes++;
			if (random_below(65536) >= s->keep) {
				lost++;
				continue;
			}
		}
		for (done = 0; done < e[i].len; ) {
			size_t len = e[i].len - done < sizeof(buf) ? e[i].len - done : sizeof(buf);

			read_at(log, buf, len, e[i].data + done, o->log);
			write_at(fd, buf, len, e[i].offset + done, path);
			done += len;
		}
	}
	if (close(fd))
		die("%s: %s", path, strerror(errno));

	printf("%s ", path);
	for (i = 0; promised && i < PROMISE_NUMBERS; i++)
		printf("%s%llu", i ? ":" : "", (unsigned long long)le64toh(promise[i]));
	printf("%s\n", promised ? "" : "none");
	fprintf(stderr, "state %llu: cut after entry %zu, flushed up to %zu, lost %llu of %llu\n",
		(unsigned long long)number, s->cut, s->durable, (unsigned long long)lost,
		(unsigned long long)open_writes);
	free(path);
}

static uint64_t number(const char *name, const char *text, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || n > max)
		die("--%s wants a number up to %llu, not \"%s\"", name, (unsigned long long)max,
		    text);
	return n;
}

static void parse_control(struct options *o, char *text)
{
	char *len;

	if (!strcmp(text, "flush")) {
		o->control = CONTROL_FLUSH;
		return;
	}
	if (strncmp(text, "data:", 5) || !(len = strchr(text + 5, ':')))
		die("--control wants flush or data:FROM:LEN, not \"%s\"", text);
	*len++ = 0;
	o->control = CONTROL_DATA;
	o->journal = number("control", text + 5, INT64_MAX);
	o->journal_len = number("control", len, INT64_MAX);
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "log", required_argument, NULL, 'l' },
		{ "base", required_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "promise-offset", required_argument, NULL, 'p' },
		{ "control", required_argument, NULL, 'c' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'd':
			o->dir = optarg;
			break;
		case 'l':
			o->log = optarg;
			break;
		case 'b':
			o->base = optarg;
			break;
		case 'n':
			o->count = number("count", optarg, MAX_STATES);
			break;
		case 's':
			o->seed = number("seed", optarg, UINT64_MAX);
			break;
		case 'p':
			o->promise_offset = number("promise-offset", optarg, INT64_MAX);
			o->promises = true;
			break;
		case 'c':
			parse_control(o, optarg);
			break;
		default:
			exit(2);
		}
	}
	if (!o->dir || !o->log || !o->base || optind != argc) {
		fputs("usage: states --dir DIR --log LOG --base IMAGE [--count N] [--seed N]\n"
		      "              [--promise-offset BYTES] [--control flush|data:FROM:LEN]\n",
		      stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct options o = { .count = 8, .seed = 1 };
	struct entry *entries;
	size_t n, i, flushes = 0;
	uint64_t disk, k;
	int log, base;

	parse(&o, argc, argv);
	log = open(o.log, O_RDONLY | O_CLOEXEC);
	if (log < 0)
		die("%s: %s", o.log, strerror(errno));
	base = open(o.base, O_RDONLY | O_CLOEXEC);
	if (base < 0)
		die("%s: %s", o.base, strerror(errno));
	disk = file_size(base, o.base);
	entries = read_log(log, &o, disk, &n);
	for (i = 0; i < n; i++)
		flushes += !!(entries[i].flags & LOG_FLUSH);
	fprintf(stderr, "log: %zu entries, %zu flushes\n", n, flushes);
	if (!flushes)
		die("%s: no flush in the log, so nothing is durable", o.log);

	random_state = o.seed;
	for (k = 0; k < o.count; k++) {
		struct state s = choose_state(&o, entries, n);

		make_state(&o, log, base, disk, entries, &s, k);
	}
	free(entries);
	return fflush(stdout) || ferror(stdout);
}
