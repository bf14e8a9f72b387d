/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every store of `make bench-disk` shares that is written in C or C++; store.js is the same for JavaScript.  A
 * store is a program that keeps a set (../contender.h) on disk, in a directory that is its own:
 *
 *	store SET OUT.json DIR COMMAND [...]
 *
 *	create			an empty store in DIR
 *	insert FROM TO BATCH SECONDS
 *				rows FROM to TO - 1, BATCH at a time, each durable before the next, or what gets in within
 *				SECONDS; says `done ROW` when rows up to ROW are durable
 *	index			builds what makes searching fast
 *	first			asks one query and says `first`
 *	ask			asks all queries by each setting of its effort, and writes OUT.json and OUT.json.ids
 *	turn N			replaces rows 0 to N - 1 by themselves, 1,000 at a time, each durable
 *	found N			says `found` and how many of rows 0 to N - 1 are there, whole
 *	size			says `size` and the bytes that DIR takes
 *
 * insert and turn say `took` and the seconds between opening and closing; ask says `memory` and the bytes of the
 * process's own.  Each command is a process that opens what is there.
 */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

#include "../contender.h"

#define STORE_TURN	1000

/* What a store does; dir is open between open() and close(). */
struct store {
	const char *name, *version, *note;
	void (*create)(const struct race *r, const char *dir);
	void (*open)(const struct race *r, const char *dir);
	/* n rows from `from` on, durable when it returns; replace: there are rows of these ids */
	void (*put)(const struct race *r, uint32_t from, uint32_t n, bool replace);
	void (*index)(void);		/* NULL: there is none */
	/* Asks with one of efforts; NULL: it does not search */
	race_ask ask;
	void (*effort)(double effort);
	double efforts[12];		/* ends with a zero; none: it has no effort to choose */
	bool (*found)(const struct race *r, uint32_t row);
	pid_t (*server)(void);		/* whose memory it takes; NULL: this process's */
	void (*close)(void);
};

static inline uint32_t store_number(int argc, char **argv, int i)
{
	if (i >= argc)
		race_die("lacks a number", argv[4]);
	return (uint32_t)strtoul(argv[i], NULL, 10);
}

static inline void store_insert(const struct store *s, const struct race *r, uint32_t from, uint32_t to,
				uint32_t batch, double seconds, bool replace)
{
	double began = race_now(), t = 0;
	uint32_t n;

	while (from < to && (t = race_now() - began) < seconds) {
		n = to - from < batch ? to - from : batch;
		s->put(r, from, n, replace);
		from += n;
		printf("done %u\n", from);
	}
	printf("took %.6f\n", race_now() - began);
}

static inline void store_ask(const struct store *s, struct race *r)
{
	char effort[32] = "";
	int i = 0;

	race_begin(r, s->name, s->version, s->note);
	do {
		if (s->efforts[i]) {
			s->effort(s->efforts[i]);
			snprintf(effort, sizeof(effort), "%g", s->efforts[i]);
		}
		race_measure(r, "", effort, 0, s->ask, NULL);
	} while (s->efforts[i] && s->efforts[++i]);
	race_end(r);
	printf("memory %llu\n", (unsigned long long)(s->server ? race_memory_of(s->server()) : race_memory()));
}

static inline int store_main(const struct store *s, int argc, char **argv)
{
	const char *command = argc > 4 ? argv[4] : "", *dir = argc > 3 ? argv[3] : "";
	struct race r;
	uint32_t i, n;

	if (argc < 5) {
		fprintf(stderr, "usage: %s SET OUT.json DIR COMMAND [...]\n", argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(command, "ask"))
		r = race_open(3, argv);
	else
		r = race_load(argv[1]);
	if (!strcmp(command, "create")) {
		s->create(&r, dir);
		return 0;
	}
	s->open(&r, dir);
	if (!strcmp(command, "insert")) {
		store_insert(s, &r, store_number(argc, argv, 5), store_number(argc, argv, 6),
			     store_number(argc, argv, 7), argc > 8 ? atof(argv[8]) : 1e9, false);
	} else if (!strcmp(command, "turn")) {
		store_insert(s, &r, 0, store_number(argc, argv, 5), STORE_TURN, 1e9, true);
	} else if (!strcmp(command, "index")) {
		if (s->index)
			s->index();
	} else if (!strcmp(command, "first") || !strcmp(command, "ask")) {
		if (!s->ask) {
			printf("no search\n");
		} else if (!strcmp(command, "ask")) {
			store_ask(s, &r);
		} else {
			int32_t *ids = (int32_t *)calloc(r.k, sizeof(*ids));

			s->ask((void *)&r, r.query, ids);
			printf("first %d\n", ids ? ids[0] : -1);
			free(ids);
		}
	} else if (!strcmp(command, "found")) {
		for (i = n = 0; i < store_number(argc, argv, 5); i++)
			n += s->found(&r, i);
		printf("found %u\n", n);
	} else {
		race_die("is not a command of a store", command);
	}
	s->close();
	return 0;
}

#endif
