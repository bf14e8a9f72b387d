// SPDX-License-Identifier: GPL-2.0
/*
 * The language of conditions, `tenant = 5 and not (made < 100 or kind in (1, 2))`, into the postfix
 * program of ioctl.h.
 *
 *	or:       and { OR and }				OR:  or  ||
 *	and:      not { AND not }				AND: and &&
 *	not:      { NOT } ( '(' or ')' | test )			NOT: not !
 *	test:     name ( '=' | '==' | '!=' | '<>' | '<' | '<=' | '>' | '>=' ) value
 *	        | name '&' number | name [ NOT ] IN '(' value { ',' value } ')'
 *	        | name IS [ NOT ] NULL
 *	name:     identifier | "any text"
 *	value:    number | 'word' | "word"
 *
 * What double quotes enclose is a name where a name has to be and a word where a value has to be;
 * no place takes both.
 *
 * By recursive descent, at most MAX_NESTING parentheses deep.  The kernel knows fewer comparisons:
 * the others are made of those.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <vexfs/vexfs.h>

#define MAX_NESTING	32
#define MAX_WORD	255		/* bytes of a keyword */
#define MAX_SHOWN	24		/* of a token, in an error */

enum token {
	END, NAME, NUMBER,
	WORD, QUOTED,			/* 'this' and "that" */
	AND, OR, NOT, IN, IS, NULL_,
	EQ, NE, LT, LE, GT, GE, MASK, OPEN, CLOSE, COMMA,
	BAD,				/* the error is said */
};

struct parser {
	const char *text;
	const struct vexfs_ioc_info *info;
	const struct vexfs_words *words;
	struct vexfs_where *out;
	char *error;
	size_t size;
	__u32 nesting, stack;		/* open parentheses; truth values on the stack */
	/* the token at hand */
	enum token token;
	const char *start, *end;
	__s64 number;
	char word[MAX_WORD + 1];	/* NAME, WORD and QUOTED, without quotes */
};

/* Say what is wrong at a place.  Returns -EINVAL. */
__attribute__((format(printf, 3, 4))) static int bad(struct parser *p, const char *at,
						     const char *fmt, ...)
{
	unsigned int column = 1;
	const char *c;
	va_list ap;
	int n;

	for (c = p->text; c < at; c++)
		column += ((unsigned char)*c & 0xc0) != 0x80;	/* not inside a UTF-8 character */
	n = snprintf(p->error, p->size, "column %u: ", column);
	if (n > 0 && (size_t)n < p->size) {
		va_start(ap, fmt);
		vsnprintf(p->error + n, p->size - n, fmt, ap);
		va_end(ap);
	}
	p->token = BAD;
	return -EINVAL;
}

/*
 * As much of a text as an error has room for, whole characters, in a static buffer that each thread
 * has.
 */
static const char *shown(const char *text, size_t n)
{
	static _Thread_local char out[MAX_SHOWN + 1];
	size_t i;

	if (n > MAX_SHOWN)
		for (n = MAX_SHOWN; n && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			;
	for (i = 0; i < n; i++)
		out[i] = iscntrl((unsigned char)text[i]) ? '?' : text[i];
	out[i] = 0;
	return out;
}

/* The token at hand is not what must be there. */
static int expected(struct parser *p, const char *what)
{
	size_t n = p->end - p->start;

	if (p->token == BAD)
		return -EINVAL;
	if (p->token == END)
		return bad(p, p->start, "%s is expected, not the end", what);
	return bad(p, p->start, "%s is expected, not `%s%s`", what, shown(p->start, n),
		   n > MAX_SHOWN ? "..." : "");
}

/* --- tokens --- */

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static void read_number(struct parser *p)
{
	bool minus = *p->end == '-';
	__u64 limit = (__u64)INT64_MAX + minus, v = 0;
	unsigned int base = 10, digit;
	bool too_large = false;

	p->end += minus;
	if (p->end[0] == '0' && (p->end[1] == 'x' || p->end[1] == 'X') &&
	    isxdigit((unsigned char)p->end[2])) {
		base = 16;
		p->end += 2;
	}
	for (; base == 16 ? isxdigit((unsigned char)*p->end) : isdigit((unsigned char)*p->end);
	     p->end++) {
		digit = isdigit((unsigned char)*p->end) ? *p->end - '0' : (*p->end | 32) - 'a' + 10;
		too_large |= v > (limit - digit) / base;
		v = v * base + digit;
	}
	p->token = NUMBER;
	p->number = minus ? (__s64)-v : (__s64)v;
	if (in_name(*p->end) || *p->end == '.') {
		while (in_name(*p->end) || *p->end == '.')
			p->end++;
		expected(p, "an integer, decimal or 0x...,");
	} else if (too_large) {
		bad(p, p->start, "the number does not fit in 64 bits; the largest is %lld",
		    (long long)INT64_MAX);
	}
}

/* 'a word' or "a name or a word"; a quote inside is written twice. */
static void read_quoted(struct parser *p)
{
	char quote = *p->end++;
	size_t n = 0;

	for (;; p->end++) {
		if (!*p->end) {
			bad(p, p->start, "the quote is not closed; end the word with %c", quote);
			return;
		}
		if (*p->end == quote && *++p->end != quote)
			break;
		if (n == MAX_WORD) {
			bad(p, p->start, "the word is too long; it may have %d bytes", MAX_WORD);
			return;
		}
		p->word[n++] = *p->end;
	}
	p->word[n] = 0;
	p->token = quote == '"' ? QUOTED : WORD;
}

static void read_name(struct parser *p)
{
	static const struct {
		const char *text;
		enum token token;
	} reserved[] = { { "and", AND }, { "or", OR },	{ "not", NOT },
			 { "in", IN },	 { "is", IS },	{ "null", NULL_ } };
	size_t i, n;

	while (in_name(*p->end))
		p->end++;
	n = p->end - p->start;
	p->token = NAME;
	if (n > MAX_WORD)
		n = MAX_WORD;		/* no attribute has such a name */
	memcpy(p->word, p->start, n);
	p->word[n] = 0;
	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (!strcasecmp(p->word, reserved[i].text))
			p->token = reserved[i].token;
}

static void next(struct parser *p)
{
	static const struct {
		const char *text;
		enum token token;
	} sign[] = {	/* what begins like another before it */
		{ "==", EQ }, { "!=", NE }, { "<>", NE }, { "<=", LE }, { ">=", GE }, { "&&", AND },
		{ "||", OR }, { "=", EQ },  { "<", LT },  { ">", GT },  { "&", MASK }, { "!", NOT },
		{ "(", OPEN }, { ")", CLOSE }, { ",", COMMA },
	};
	size_t i;

	if (p->token == BAD)
		return;
	while (isspace((unsigned char)*p->end))
		p->end++;
	p->start = p->end;
	p->token = END;
	if (!*p->end)
		return;
	if (*p->end == '\'' || *p->end == '"') {
		read_quoted(p);
	} else if (isdigit((unsigned char)*p->end) ||
		   (*p->end == '-' && isdigit((unsigned char)p->end[1]))) {
		read_number(p);
	} else if (in_name(*p->end)) {
		read_name(p);
	} else {
		for (i = 0; i < sizeof(sign) / sizeof(sign[0]); i++)
			if (!strncmp(p->end, sign[i].text, strlen(sign[i].text))) {
				p->token = sign[i].token;
				p->end += strlen(sign[i].text);
				return;
			}
		bad(p, p->start, "this is not understood; write conditions as in "
		    "tenant = 5 and not (made < 100 or kind in (1, 2))");
	}
}

/* --- the program --- */

static int emit(struct parser *p, const char *at, struct vexfs_predicate_node node)
{
	if (p->out->n == VEXFS_MAX_PREDICATE)
		return bad(p, at,
			   "the condition is too long; at most %d comparisons, and, or, not: `in (...)` may save some",
			   VEXFS_MAX_PREDICATE);
	if (node.op < VEXFS_PRED_AND)
		p->stack++;
	else if (node.op != VEXFS_PRED_NOT)
		p->stack--;
	if (p->stack > VEXFS_MAX_PREDICATE_DEPTH)
		return bad(p, at, "the condition is nested too deeply; at most %d levels",
			   VEXFS_MAX_PREDICATE_DEPTH);
	p->out->node[p->out->n++] = node;
	return 0;
}

static int emit_op(struct parser *p, const char *at, __u16 op)
{
	return emit(p, at, (struct vexfs_predicate_node){ .op = op });
}

/* --- the grammar; each begins and ends with the token at hand unread --- */

static int unknown_attr(struct parser *p)
{
	char known[VEXFS_MAX_ATTRS * (VEXFS_ATTR_NAME_LEN + 2) + 1] = "";
	size_t n = 0;
	__u32 i;

	for (i = 0; i < p->info->attrs && i < VEXFS_MAX_ATTRS; i++)
		n += snprintf(known + n, sizeof(known) - n, "%s%.*s", i ? ", " : "",
			      VEXFS_ATTR_NAME_LEN - 1, p->info->attr[i].name);
	if (!n)
		return bad(p, p->start, "the collection has no attributes, so no `%s`",
			   shown(p->word, strlen(p->word)));
	return bad(p, p->start, "there is no attribute `%s`; the collection has %s",
		   shown(p->word, strlen(p->word)), known);
}

/* Position of the attribute that is called as the token at hand; -1: none is. */
static int named(const struct parser *p)
{
	__u32 i;

	for (i = 0; i < p->info->attrs && i < VEXFS_MAX_ATTRS; i++)
		if (strlen(p->word) < VEXFS_ATTR_NAME_LEN &&
		    !strncmp(p->word, p->info->attr[i].name, VEXFS_ATTR_NAME_LEN))
			return i;
	return -1;
}

/* Position of the attribute at hand, or -EINVAL. */
static int attribute(struct parser *p)
{
	int i;

	if (p->token >= AND && p->token <= NULL_ && in_name(*p->start) && named(p) >= 0)
		return bad(p, p->start,
			   "`%s` is a word of the language; write \"%s\" for the attribute",
			   p->word, p->word);
	if (p->token != NAME && p->token != QUOTED)
		return expected(p, "an attribute, `not` or `(`");
	i = named(p);
	if (i < 0)
		return unknown_attr(p);
	next(p);
	return i;
}

static bool is_keyword(const struct parser *p, __u32 attr)
{
	return p->info->attr[attr].type == VEXFS_ATTR_KEYWORD;
}

static int value(struct parser *p, __u32 attr, __s64 *v)
{
	const char *name = p->info->attr[attr].name;
	bool keyword = is_keyword(p, attr), word = p->token == WORD || p->token == QUOTED;

	if (p->token == NULL_)
		return bad(p, p->start, keyword ? "nothing is equal to null; write `%.*s is null`" :
			   "nothing is equal to null, and `%.*s` holds integers, which are never null",
			   VEXFS_ATTR_NAME_LEN - 1, name);
	if (keyword && p->token == NUMBER)
		return bad(p, p->start, "`%.*s` holds words; put it in quotes: '%.*s'",
			   VEXFS_ATTR_NAME_LEN - 1, name, (int)(p->end - p->start), p->start);
	if (!keyword && word)
		return bad(p, p->start, "`%.*s` holds integers; give a number without quotes",
			   VEXFS_ATTR_NAME_LEN - 1, name);
	if (keyword ? !word : p->token != NUMBER)
		return expected(p, keyword ? "a word in 'quotes'" : "an integer");
	if (!keyword)
		*v = p->number;
	else if (!*p->word)
		*v = 0;			/* records without a word */
	else if (p->words)
		*v = p->words->code(p->words->arg, attr, p->word);
	else
		return bad(p, p->start, "words cannot be looked up here");
	next(p);
	return 0;
}

static int ascending(const void *a, const void *b)
{
	__s64 x = *(const __s64 *)a, y = *(const __s64 *)b;

	return x < y ? -1 : x > y;
}

static int list(struct parser *p, __u32 attr, const char *at)
{
	struct vexfs_predicate_node in = { .op = VEXFS_PRED_IN, .attr = attr };
	struct vexfs_where *w = p->out;
	__u32 first = w->values, n, i;
	int err;

	if (p->token != OPEN)
		return expected(p, "`(` and a list");
	do {
		next(p);
		if (w->values == VEXFS_MAX_PREDICATE_VALUES)
			return bad(p, p->start, "too many values; all lists together may have %d",
				   VEXFS_MAX_PREDICATE_VALUES);
		err = value(p, attr, &w->value[w->values]);
		if (err)
			return err;
		w->values++;
	} while (p->token == COMMA);
	if (p->token != CLOSE)
		return expected(p, "`,` or `)`");
	next(p);
	/* in order, each once, as the kernel wants them */
	n = w->values - first;
	qsort(w->value + first, n, sizeof(w->value[0]), ascending);
	for (i = 0, w->values = first; i < n; i++)
		if (!i || w->value[first + i] != w->value[w->values - 1])
			w->value[w->values++] = w->value[first + i];
	in.first = first;
	in.n = w->values - first;
	return emit(p, at, in);
}

/* attr OP v, by the comparisons that there are. */
static int comparison(struct parser *p, const char *at, enum token op, __u32 attr, __s64 v)
{
	struct vexfs_predicate_node x = { .op = VEXFS_PRED_LT, .attr = attr, .value = v };
	bool negate = op == NE || op == GE || op == GT;
	int err;

	if (op == EQ || op == NE)
		x.op = VEXFS_PRED_EQ;
	if (op == MASK)
		x.op = VEXFS_PRED_MASK;
	if (op == LE || op == GT) {
		if (v < INT64_MAX) {
			x.value = v + 1;
		} else {		/* <= holds, > does not: nothing is below the smallest */
			x.value = INT64_MIN;
			negate = !negate;
		}
	}
	err = emit(p, at, x);
	return err || !negate ? err : emit_op(p, at, VEXFS_PRED_NOT);
}

/* The rest of `attr is [not] null`. */
static int null_test(struct parser *p, __u32 attr, const char *at)
{
	struct vexfs_predicate_node x = { .op = VEXFS_PRED_EQ, .attr = attr };
	bool negate = p->token == NOT && in_name(*p->start);
	int err;

	if (negate)
		next(p);
	if (p->token != NULL_)
		return expected(p, negate ? "`null`" : "`null` or `not null`");
	if (!is_keyword(p, attr))
		return bad(p, at,
			   "`%.*s` holds integers, which are never null: a record that was given none has 0",
			   VEXFS_ATTR_NAME_LEN - 1, p->info->attr[attr].name);
	next(p);
	err = emit(p, at, x);
	return err || !negate ? err : emit_op(p, at, VEXFS_PRED_NOT);
}

static bool compares(enum token t)
{
	return t >= EQ && t <= MASK;
}

static int test(struct parser *p)
{
	const char *at = p->start;
	int attr = attribute(p), err;
	enum token op = p->token;
	__s64 v;

	if (attr < 0)
		return attr;
	if (op == IS) {
		next(p);
		return null_test(p, attr, at);
	}
	if (op == IN || (op == NOT && in_name(*p->start))) {
		next(p);
		if (op == NOT && p->token != IN)
			return expected(p, "`in`");
		if (op == NOT)
			next(p);
		err = list(p, attr, at);
		return err || op == IN ? err : emit_op(p, at, VEXFS_PRED_NOT);
	}
	if (!compares(op))
		return expected(p, "a comparison (= != < <= > >= & in is)");
	if (is_keyword(p, attr) && op != EQ && op != NE)
		return bad(p, p->start,
			   "`%.*s` holds words, which have no order; it takes =, !=, in and is null",
			   VEXFS_ATTR_NAME_LEN - 1, p->info->attr[attr].name);
	next(p);
	err = value(p, attr, &v);
	if (err)
		return err;
	if (compares(p->token))
		return bad(p, p->start, op == MASK ?
			   "`&` is a test by itself, whether any of the bits is set; leave out what follows" :
			   "comparisons cannot be chained; join two with `and`");
	return comparison(p, at, op, attr, v);
}

static int or_(struct parser *p);

static int not_(struct parser *p)
{
	const char *at = p->start;
	bool negate = false;
	int err;

	for (; p->token == NOT; next(p))
		negate = !negate;
	if (p->token == OPEN) {
		if (p->nesting == MAX_NESTING)
			return bad(p, p->start,
				   "the condition is nested too deeply; at most %d levels",
				   MAX_NESTING);
		p->nesting++;
		next(p);
		err = or_(p);
		if (!err && p->token != CLOSE)
			err = expected(p, "`and`, `or` or `)`");
		p->nesting--;
		next(p);
	} else {
		err = test(p);
	}
	return err || !negate ? err : emit_op(p, at, VEXFS_PRED_NOT);
}

static int and_(struct parser *p)
{
	int err = not_(p);

	while (!err && p->token == AND) {
		const char *at = p->start;

		next(p);
		err = not_(p) ?: emit_op(p, at, VEXFS_PRED_AND);
	}
	return err;
}

static int or_(struct parser *p)
{
	int err = and_(p);

	while (!err && p->token == OR) {
		const char *at = p->start;

		next(p);
		err = and_(p) ?: emit_op(p, at, VEXFS_PRED_OR);
	}
	return err;
}

int vexfs_where_parse(const char *text, const struct vexfs_ioc_info *info,
		      const struct vexfs_words *words, struct vexfs_where *out, char *error,
		      size_t size)
{
	struct parser p = { .text = text, .info = info, .words = words, .out = out, .error = error,
			    .size = size, .end = text };
	int err;

	memset(out, 0, sizeof(*out));
	if (size)
		error[0] = 0;
	next(&p);
	err = or_(&p);
	if (!err && p.token != END)
		err = expected(&p, "`and`, `or` or the end");
	if (err)
		memset(out, 0, sizeof(*out));
	return err;
}

/* Is value among those, which are in ascending order? */
static bool among(const __s64 *among, __u32 n, __s64 value)
{
	__u32 from = 0;

	while (from < n) {
		__u32 middle = from + (n - from) / 2;

		if (among[middle] == value)
			return true;
		if (among[middle] < value)
			from = middle + 1;
		else
			n = middle;
	}
	return false;
}

bool vexfs_where_holds(const struct vexfs_where *where, const __s64 *attr)
{
	bool stack[VEXFS_MAX_PREDICATE];	/* no node pushes more than one */
	__u32 depth = 0, i;

	for (i = 0; i < where->n && i < VEXFS_MAX_PREDICATE; i++) {
		const struct vexfs_predicate_node *n = &where->node[i];
		__s64 v = attr[n->attr < VEXFS_MAX_ATTRS ? n->attr : 0];

		if (depth < (n->op == VEXFS_PRED_NOT ? 1 : n->op > VEXFS_PRED_IN ? 2 : 0))
			return false;	/* malformed */
		switch (n->op) {
		case VEXFS_PRED_EQ:
			stack[depth++] = v == n->value;
			break;
		case VEXFS_PRED_LT:
			stack[depth++] = v < n->value;
			break;
		case VEXFS_PRED_MASK:
			stack[depth++] = (v & n->value) != 0;
			break;
		case VEXFS_PRED_IN:
			if (n->first > where->values || n->n > where->values - n->first)
				return false;
			stack[depth++] = among(where->value + n->first, n->n, v);
			break;
		case VEXFS_PRED_AND:
			depth--;
			stack[depth - 1] &= stack[depth];
			break;
		case VEXFS_PRED_OR:
			depth--;
			stack[depth - 1] |= stack[depth];
			break;
		case VEXFS_PRED_NOT:
			stack[depth - 1] = !stack[depth - 1];
			break;
		default:
			return false;
		}
	}
	return !where->n || (depth == 1 && stack[0]);
}
