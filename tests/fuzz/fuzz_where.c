// SPDX-License-Identifier: GPL-2.0
/*
 * The language of conditions.  The input is the text.  An error has one line and a column that
 * there is; a condition is one that the kernel takes, holds for the same records by itself and in
 * the engine, and is the same in the other spelling.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <strings.h>
#include <vexfs/vexfs.h>

#include "engine/internal.h"
#include "fuzz.h"

#define ATTRS	4
#define LANG	3			/* the keyword */
#define RECORDS	64

static const struct vexfs_ioc_info info = {
	.attrs = ATTRS,
	.attr = { { "tenant", VEXFS_ATTR_INT, 0 },
		  { "made", VEXFS_ATTR_INT, 0 },
		  { "in", VEXFS_ATTR_INT, 0 },
		  { "lang", VEXFS_ATTR_KEYWORD, 0 } },
};

static __s64 attr[RECORDS][ATTRS];
static struct vexfs_columns *columns;

static __s64 code(void *arg, __u32 attr, const char *word)
{
	(void)arg;
	must(attr == LANG && *word && strlen(word) <= VEXFS_MAX_KEY);
	return strcmp(word, "none") ? 1 + (unsigned char)*word % 4 : -1;
}

static const struct vexfs_words words = { .code = code };

/* Records of all numbers that matter. */
static void make_records(void)
{
	static const __s64 edge[] = { INT64_MIN, INT64_MIN + 1, -1,	  0, 1,
				      5,	 INT64_MAX - 1, INT64_MAX };
	__u32 i, k;

	columns = vexfs_columns_new(ATTRS);
	must(columns && !vexfs_columns_reserve(columns, RECORDS));
	for (i = 0; i < RECORDS; i++) {
		for (k = 0; k < LANG; k++)
			attr[i][k] = edge[(i >> k ^ i >> 3) % 8];
		attr[i][LANG] = i % 5;
		must(!vexfs_columns_put(columns, i, i, attr[i]));
	}
	vexfs_columns_publish(columns, RECORDS);
}

static void check_error(const char *text, const char *error)
{
	unsigned int column = 0;
	int n = 0;

	must(sscanf(error, "column %u: %n", &column, &n) == 1 && n && error[n]);
	must(column >= 1 && column <= strlen(text) + 1);
	for (; *error; error++)
		must((unsigned char)*error >= ' ');
}

/* A record is found by the engine if and only if the condition holds for it. */
static void evaluate(const struct vexfs_where *w)
{
	struct vexfs_condition c = { w->node, w->value, w->n, w->values };
	struct vexfs_predicate *p;
	struct vexfs_match m;
	__u64 want = 0;
	__u32 i;

	must(!vexfs_condition_check(&c, ATTRS, 1 << LANG));
	p = vexfs_predicate_new(&c);
	must(p && vexfs_predicate_is(p, &c));
	must(!vexfs_predicate_match(p, columns, ~0ULL, &m));
	must(m.count == RECORDS && !m.cut);
	for (i = 0; i < RECORDS; i++)
		want |= (__u64)vexfs_where_holds(w, attr[i]) << i;
	must(vexfs_match_mask(&m, 0, RECORDS) == want &&
	     m.matches == (__u64)__builtin_popcountll(want));
	vexfs_predicate_free(p);
}

/* --- the other spelling --- */

static bool is_word(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && !strncasecmp(s, word, n);
}

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Quoted text from s on: bytes with both quotes; up to the end where it is not closed. */
static size_t quoted(const char *s)
{
	const char *at = s + 1;

	for (; *at; at++)
		if (*at == *s && *++at != *s)
			break;
	return at - s;
}

/* The same with the other quotes. */
static void put_quoted(FILE *to, const char *s, size_t n)
{
	char other = *s == '"' ? '\'' : '"';
	size_t i;

	putc(other, to);
	for (i = 1; i < n - 1; i++) {
		if (s[i] == other)
			putc(other, to);
		putc(s[i], to);
		i += s[i] == *s;
	}
	putc(other, to);
}

static size_t spaces(const char *s)
{
	size_t n = 0;

	while (isspace((unsigned char)s[n]))
		n++;
	return n;
}

/* Is `not`, or !, before s a part of `not in` or `is not`?  Only the word can be. */
static bool only_word(const char *s, bool after_is)
{
	s += spaces(s);
	return after_is || (!strncasecmp(s, "in", 2) && !in_name(s[2]));
}

/*
 * Each token as it may be written, too: and &&, or ||, not !, = ==, != <>.  words: the text is a
 * condition, so what is quoted, but for names, which come before what compares them, is a word:
 * 'it' "it".  The caller frees it.
 */
static char *respell(const char *s, bool words)
{
	bool after_is = false, operand = false;
	char *out = NULL;
	size_t size, n;
	FILE *to = open_memstream(&out, &size);

	must(to);
	for (; *s; s += n) {
		bool is = false;

		n = 1;
		if (isspace((unsigned char)*s)) {
			putc(*s, to);
			continue;
		} else if (*s == '\'' || *s == '"') {
			n = quoted(s);
			if (words && operand)
				put_quoted(to, s, n);
			else
				fwrite(s, 1, n, to);
		} else if (in_name(*s)) {
			while (in_name(s[n]))
				n++;
			is = is_word(s, n, "is");
			if (is_word(s, n, "and"))
				fputs(" && ", to);
			else if (is_word(s, n, "or"))
				fputs(" || ", to);
			else if (is_word(s, n, "not") && !only_word(s + n, after_is))
				fputs(" ! ", to);
			else
				fwrite(s, 1, n, to);
			operand = is_word(s, n, "in");
		} else if (!strncmp(s, "!=", 2) || !strncmp(s, "<>", 2)) {
			n = 2;
			fputs(*s == '!' ? " <> " : " != ", to);
			operand = true;
		} else if (!strncmp(s, "==", 2) || *s == '=') {
			n = 1 + (s[1] == '=');
			fputs(n == 2 ? " = " : " == ", to);
			operand = true;
		} else if (!strncmp(s, "&&", 2) || !strncmp(s, "||", 2)) {
			n = 2;
			fputs(*s == '&' ? " and " : " or ", to);
			operand = false;
		} else if (!strncmp(s, "<=", 2) || !strncmp(s, ">=", 2)) {
			n = 2;
			fwrite(s, 1, n, to);
		} else if (*s == '!') {
			fputs(only_word(s + 1, after_is) ? "!" : " not ", to);
		} else {
			putc(*s, to);
			operand = operand && (*s == '(' || *s == ',');
		}
		after_is = is;
	}
	fclose(to);
	return out;
}

static int parse(const char *text, struct vexfs_where *w)
{
	char *copy = strdup(text), error[512],
	     small[9]; /* in its own memory, so that a step too far is seen */
	struct vexfs_where again;
	int err = vexfs_where_parse(copy, &info, &words, w, error, sizeof(error));

	must(err == 0 || err == -EINVAL);
	if (err) {
		check_error(text, error);
		must(!w->n && !w->values);
	} else {
		must(!error[0] && w->n);
	}
	must(vexfs_where_parse(copy, &info, &words, &again, small, sizeof(small)) == err);
	must(!memcmp(&again, w, sizeof(again)) && !strncmp(small, error, sizeof(small) - 1));
	free(copy);
	return err;
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	char *text = strndup((const char *)data, size), *other;
	struct vexfs_where w, o;
	int err;

	must(text);
	if (!columns)
		make_records();
	err = parse(text, &w);
	if (!err)
		evaluate(&w);
	other = respell(text, !err);
	must(parse(other, &o) == err && !memcmp(&w, &o, sizeof(w)));
	free(other);
	free(text);
	return 0;
}
