// SPDX-License-Identifier: GPL-2.0
/* vexctl: words that are not verbs, and the verb that they stand for. */
#include <string.h>
#include "vexctl/vexctl.h"

#define MAX_WORD	24		/* bytes of what is compared by its letters */

/* What other programs call it.  The second text is printed as it is. */
static const struct {
	const char *word, *meant;
} synonyms[] = {
	{ "add", "`vexctl import`" },
	{ "attach", "`vexctl --image FILE VERB` (an image) or `vexctl use` (a program)" },
	{ "backup", "`vexctl export`" },
	{ "bench", "`vexctl eval`" },
	{ "benchmark", "`vexctl eval`" },
	{ "bind", "`vexctl use`" },
	{ "build", "`vexctl index`" },
	{ "cat", "`vexctl get` or `vexctl list`" },
	{ "check", "`fsck.vexfs` (a filesystem) or `vexctl doctor` (this machine)" },
	{ "collections", "`vexctl collection info`" },
	{ "count", "`vexctl collection info`" },
	{ "defrag", "`vexctl compact`" },
	{ "describe", "`vexctl collection info`" },
	{ "detach", "`vexctl use --builtin`" },
	{ "df", "`vexctl status`" },
	{ "diagnose", "`vexctl doctor`" },
	{ "find", "`vexctl search`" },
	{ "flush", "`vexctl sync`" },
	{ "format", "`vexctl mkfs`" },
	{ "fsck", "`fsck.vexfs`" },
	{ "fsync", "`vexctl sync`" },
	{ "gc", "`vexctl compact`" },
	{ "insert", "`vexctl import`" },
	{ "knn", "`vexctl search`" },
	{ "log", "`vexctl events`" },
	{ "logs", "`vexctl events`" },
	{ "ls", "`vexctl list`" },
	{ "monitor", "`vexctl top` or `vexctl events`" },
	{ "optimize", "`vexctl compact`" },
	{ "programs", "`vexctl program list`" },
	{ "ps", "`vexctl program list`" },
	{ "put", "`vexctl import`" },
	{ "query", "`vexctl search`" },
	{ "recall", "`vexctl eval`" },
	{ "remove", "`vexctl delete` (records) or `vexctl collection drop`" },
	{ "restore", "`vexctl import`" },
	{ "rm", "`vexctl delete` (records) or `vexctl collection drop`" },
	{ "schema", "`vexctl collection info`" },
	{ "snapshots", "`vexctl snapshot list`" },
	{ "unbind", "`vexctl use --builtin`" },
	{ "unmount", "`vexctl umount`" },
	{ "update", "`vexctl import --upsert` (records) or `vexctl replace` (a program)" },
	{ "upsert", "`vexctl import --upsert`" },
	{ "vacuum", "`vexctl compact`" },
	{ "verify", "`fsck.vexfs`" },
	{ "watch", "`vexctl top` or `vexctl events`" },
	/* behind a noun */
	{ "collection add", "`vexctl collection create`" },
	{ "collection delete", "`vexctl collection drop`" },
	{ "collection list", "`vexctl collection info`" },
	{ "collection make", "`vexctl collection create`" },
	{ "collection new", "`vexctl collection create`" },
	{ "collection remove", "`vexctl collection drop`" },
	{ "collection rm", "`vexctl collection drop`" },
	{ "collection show", "`vexctl collection info`" },
	{ "program info", "`vexctl program show`" },
	{ "program load", "`vexctl load`" },
	{ "program replace", "`vexctl replace`" },
	{ "program unload", "`vexctl unload`" },
	{ "program use", "`vexctl use`" },
	{ "snapshot add", "`vexctl snapshot create`" },
	{ "snapshot drop", "`vexctl snapshot delete`" },
	{ "snapshot make", "`vexctl snapshot create`" },
	{ "snapshot new", "`vexctl snapshot create`" },
	{ "snapshot remove", "`vexctl snapshot delete`" },
	{ "snapshot restore", "`vexctl export --as-of`, then `vexctl import`" },
	{ "snapshot rm", "`vexctl snapshot delete`" },
};

/*
 * Letters to insert, delete, replace or swap with their neighbour until one word is the other;
 * MAX_WORD: too long.
 */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[3][MAX_WORD + 1], m = strlen(a), n = strlen(b), i, j;

	if (m > MAX_WORD || n > MAX_WORD)
		return MAX_WORD;
	for (j = 0; j <= n; j++)
		row[0][j] = j;
	for (i = 1; i <= m; i++) {
		unsigned int *now = row[i % 3], *last = row[(i + 2) % 3],
			     *before = row[(i + 1) % 3];

		now[0] = i;
		for (j = 1; j <= n; j++) {
			unsigned int v = last[j - 1] + (a[i - 1] != b[j - 1]);

			v = last[j] + 1 < v ? last[j] + 1 : v;
			v = now[j - 1] + 1 < v ? now[j - 1] + 1 : v;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < v)
				v = before[j - 2] + 1;
			now[j] = v;
		}
	}
	return row[m % 3][n];
}

static bool has_noun(const struct verb *v, const char *noun)
{
	size_t len = strlen(noun);

	return !strncmp(v->name, noun, len) && v->name[len] == ' ';
}

bool is_noun(const char *word)
{
	const struct verb *v;
	size_t i;

	for (i = 0; (v = verb_nr(i)); i++)
		if (has_noun(v, word))
			return true;
	return false;
}

static void append(char *list, size_t size, const char *separator, const char *fmt,
		   const char *what)
{
	size_t n = strlen(list);

	if (n)
		n += snprintf(list + n, size - n, "%s", separator);
	if (n < size)
		snprintf(list + n, size - n, fmt, what);
}

void help_noun(const char *noun)
{
	const struct verb *v;
	size_t i;

	printf("usage: vexctl %s VERB [ARGUMENT|OPTION]...\n\n", noun);
	for (i = 0; (v = verb_nr(i)); i++)
		if (has_noun(v, noun))
			printf("  %-18s %s\n", v->name, v->summary);
	printf("\n`vexctl %s VERB --help` says more about one of them.\n", noun);
}

/* What may be meant, "": nothing like it. */
static void guess(const char *said, char *out, size_t size)
{
	const struct verb *v, *nearest = NULL;
	/* fewer letters than that are wrong */
	unsigned int d, best = strlen(said) < 5 ? 2 : 3;
	size_t i;

	out[0] = 0;
	for (i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
		if (!strcmp(synonyms[i].word, said)) {
			append(out, size, "", "%s", synonyms[i].meant);
			return;
		}
	/* `create`: its noun was left out */
	for (i = 0; (v = verb_nr(i)); i++)
		if (strchr(v->name, ' ') && !strcmp(strchr(v->name, ' ') + 1, said))
			append(out, size, " or ", "`vexctl %s`", v->name);
	for (i = 0; !*out && (v = verb_nr(i)); i++) {
		d = distance(said, v->name);
		if (d < best && d < strlen(said)) {
			best = d;
			nearest = v;
		}
	}
	if (nearest)
		append(out, size, "", "`vexctl %s`", nearest->name);
}

int no_verb(int argc, char **argv)
{
	const char *first = argv[0], *second = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
	char said[2 * MAX_WORD + 2], meant[256], list[256] = "";
	const struct verb *v;
	bool noun = is_noun(first);
	size_t i;

	if (*first == '-')
		return usage("the verb comes first, and options behind it; '%s' is not a verb",
			     first);
	for (i = 0; noun && (v = verb_nr(i)); i++)
		if (has_noun(v, first))
			append(list, sizeof(list), ", ", "%s", strchr(v->name, ' ') + 1);
	if (noun && !second)
		return misused("%s needs a verb: %s; see `vexctl help %s`", first, list, first);
	snprintf(said, sizeof(said), "%.*s%s%.*s", MAX_WORD, first, noun ? " " : "", MAX_WORD,
		 noun ? second : "");
	guess(said, meant, sizeof(meant));
	if (!*meant && !noun && second) {
		char both[2 * MAX_WORD + 2];

		snprintf(both, sizeof(both), "%.*s %.*s", MAX_WORD, first, MAX_WORD, second);
		guess(both, meant, sizeof(meant));
	}
	if (*meant)
		return misused("there is no verb '%s'; did you mean %s?", said, meant);
	if (noun)
		return misused("there is no verb '%s'; %s has %s; see `vexctl help %s`", said,
			       first, list, first);
	return usage("there is no verb '%s'", said);
}
