// SPDX-License-Identifier: GPL-2.0
/*
 * states: images of what a disk may hold after a power cut (log.h), from what QEMU's blklogwrites
 * driver recorded (tests/vm/run --logwrites) and the image as it was before (--base).  Each of the
 * --count images is cut after a random entry.
 *
 * --promise-offset: where promises are written.  --control makes states that no disk may leave
 * behind, to show that the judge would notice:
 *	flush		a disk that ignores flushes
 *	data:FROM:LEN	data was not durable when the log, in the bytes [FROM, FROM + LEN), said so
 *
 * Output, a line per state: the image's path, then the eight numbers of its last promise joined by
 * colons, or "none".  What was cut and lost is told on stderr.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "log.h"

#define MAX_STATES 4096

struct options {
	const char *dir, *log, *base;
	uint64_t count, seed, journal, journal_len;
	int64_t promise_offset;
	enum log_control control;
};

static uint64_t number(const char *name, const char *text, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || n > max)
		log_die("--%s wants a number up to %llu, not \"%s\"", name, (unsigned long long)max,
			text);
	return n;
}

static void parse_control(struct options *o, char *text)
{
	char *len;

	if (!strcmp(text, "flush")) {
		o->control = LOG_NO_FLUSH;
		return;
	}
	if (strncmp(text, "data:", 5) || !(len = strchr(text + 5, ':')))
		log_die("--control wants flush or data:FROM:LEN, not \"%s\"", text);
	*len++ = 0;
	o->control = LOG_NO_DATA;
	o->journal = number("control", text + 5, INT64_MAX);
	o->journal_len = number("control", len, INT64_MAX);
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longopts[] = { { "dir", required_argument, NULL, 'd' },
						  { "log", required_argument, NULL, 'l' },
						  { "base", required_argument, NULL, 'b' },
						  { "count", required_argument, NULL, 'n' },
						  { "seed", required_argument, NULL, 's' },
						  { "promise-offset", required_argument, NULL, 'p' },
						  { "control", required_argument, NULL, 'c' },
						  {} };
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

static void make_state(struct crash_log *l, struct options *o, uint64_t number)
{
	struct log_state s = log_random(l, &o->seed);
	struct log_made made;
	char *path;
	int fd;

	if (asprintf(&path, "%s/s%llu.img", o->dir, (unsigned long long)number) < 0)
		log_die("out of memory");
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		log_die("%s: %s", path, strerror(errno));
	log_make(l, &s, fd, &made);
	if (close(fd))
		log_die("%s: %s", path, strerror(errno));
	printf("%s %s\n", path, log_promise(&made));
	fprintf(stderr, "state %llu: cut after entry %zu, flushed up to %zu, lost %llu of %llu\n",
		(unsigned long long)number, s.cut, s.durable, (unsigned long long)made.lost,
		(unsigned long long)made.open);
	free(path);
}

int main(int argc, char **argv)
{
	struct options o = { .count = 8, .seed = 1, .promise_offset = -1 };
	struct crash_log *l;
	uint64_t k;

	parse(&o, argc, argv);
	l = log_open(o.log, o.base, o.promise_offset, o.control, o.journal, o.journal_len);
	fprintf(stderr, "log: %zu entries, %zu flushes\n", log_entries(l), log_flushes(l));
	for (k = 0; k < o.count; k++)
		make_state(l, &o, k);
	log_close(l);
	return fflush(stdout) || ferror(stdout);
}
