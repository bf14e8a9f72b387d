// SPDX-License-Identifier: GPL-2.0
/*
 * orders LOG BASE OFFSET SEED ORDERS FIRST COUNT CONTROL IMAGE [DEVICE MOUNT]
 *
 * States of a disk (log.h) on which generated workloads were done (ops.h), one after the other in the
 * file IMAGE.  Each is mounted, judged and unmounted, and what that leaves is verified: in the guest
 * by the kernel, from DEVICE, behind which IMAGE is; here in this process.
 *
 * They are COUNT of those at flushes and FUA writes, and of ORDERS orders of what lies between two of
 * them, as far from each other as can be, from number FIRST on.  CONTROL: none, or flush, data,
 * early, for states that no disk leaves: it ends when some of them were noticed.
 *
 * Prints a line for each that is wrong, the first lines of what the judge said, and one with counts.
 * Exit code 0, or 1: some were wrong, or, of a control, fewer than NOTICED.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vexfs/format.h>
#include "log.h"
#include "orders.h"

#define TOLD 3		/* wrong states of which more than a line is shown */
#define NOTICED 2	/* of a control: of a few states each may be one that a disk leaves, too */

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "orders: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void tell(int out, const char *indent)
{
	FILE *f = fdopen(dup(out), "r");
	char line[300];
	int n;

	rewind(f);
	for (n = 0; n < 80 && fgets(line, sizeof(line), f); n++)
		printf("%s%s", indent, line);
	fclose(f);
}

static enum log_control parse_control(const char *text)
{
	static const char *const name[] = { "none", "flush", "data", "early" };
	int i;

	for (i = 0; i < 4; i++)
		if (!strcmp(text, name[i]))
			return i;
	errno = EINVAL;
	die(text);
}

static void find_log(const char *base, uint64_t *at, uint64_t *len)
{
	struct vexfs_super s;
	int fd = open(base, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, &s, sizeof(s), 0) != sizeof(s))
		die(base);
	close(fd);
	*at = le64toh(s.s_journal_start) * VEXFS_BLOCK_SIZE;
	*len = (uint64_t)le32toh(s.s_journal_blocks) * VEXFS_BLOCK_SIZE;
}

int main(int argc, char **argv)
{
	size_t total, first, count, wrong = 0, k;
	uint64_t journal, journal_len, seed, lost = 0;
	enum log_control control;
	struct log_state *state;
	const char *image;
	struct crash_log *l;
	int fd, out;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 10) {
		fprintf(stderr,
			"usage: orders LOG BASE OFFSET SEED ORDERS FIRST COUNT CONTROL IMAGE [WHERE]...\n");
		return 2;
	}
	seed = strtoull(argv[4], NULL, 0);
	first = strtoull(argv[6], NULL, 0);
	count = strtoull(argv[7], NULL, 0);
	control = parse_control(argv[8]);
	image = argv[9];
	orders_where(argv + 10);
	find_log(argv[2], &journal, &journal_len);
	l = log_open(argv[1], argv[2], strtoll(argv[3], NULL, 0), control, journal, journal_len);
	state = log_marks(l, atoi(argv[5]), seed, &total);
	fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	out = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0 || out < 0)
		die(image);
	if (first > total)
		first = total;
	if (count > total - first)
		count = total - first;
	for (k = 0; k < count && !(control && wrong == NOTICED); k++) {
		struct log_state *s = &state[first + k * (total - first) / count];
		struct log_made made;

		if (control)
			s->keep = control == LOG_EARLY ? 0 : LOG_KEEP_ALL / 2;
		log_make(l, s, fd, &made);
		lost += made.lost;
		if (ftruncate(out, 0) || lseek(out, 0, SEEK_SET))
			die("/tmp");
		if (orders_judge(image, seed, log_promise(&made), out))
			continue;
		wrong++;
		if (control && wrong > 1)
			continue;
		printf("cut after entry %zu of %zu, flushed up to %zu, lost %llu of %llu, promised %s\n",
		       s->cut, log_entries(l), s->durable, (unsigned long long)made.lost,
		       (unsigned long long)made.open, log_promise(&made));
		if (wrong <= TOLD)
			tell(out, "  ");
	}
	printf("%zu states of %zu (%zu flushes, %zu entries), %llu writes lost: %zu wrong\n", k,
	       total, log_flushes(l), log_entries(l), (unsigned long long)lost, wrong);
	free(state);
	log_close(l);
	return control ? wrong < NOTICED : wrong > 0;
}
