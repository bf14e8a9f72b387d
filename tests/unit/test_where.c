// SPDX-License-Identifier: GPL-2.0
/* The language of conditions: what it means, what it refuses and where, and noise. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <vexfs/vexfs.h>
#include "box.h"
#include "engine/engine.h"

#define ATTRS	4
#define LANG	3		/* the keyword */

static const struct vexfs_ioc_info info = {
	.attrs = ATTRS,
	.attr = { { "tenant", VEXFS_ATTR_INT, 0 },
		  { "made", VEXFS_ATTR_INT, 0 },
		  { "in", VEXFS_ATTR_INT, 0 },
		  { "lang", VEXFS_ATTR_KEYWORD, 0 } },
};
static const char *const names[] = { "tenant", "made", "\"in\"", "lang" };
static const char *const vocabulary[] = { "", "en", "it's", "de", "\xc3\xa9t\xc3\xa9" };

static __s64 code(void *arg, __u32 attr, const char *word)
{
	__u32 i;

	assert_ptr_equal(arg, vocabulary);
	assert_int_equal(attr, LANG);
	assert_string_not_equal(word, "");	/* is not looked up: its code is 0 */
	for (i = 0; i < 5; i++)
		if (!strcmp(word, vocabulary[i]))
			return i;
	return -1;
}

static const struct vexfs_words words = { code, (void *)vocabulary };
static struct vexfs_where where;
static char error[512];

static int parse(const char *text)
{
	int err = vexfs_where_parse(text, &info, &words, &where, error, sizeof(error));

	if (err) {
		assert_int_equal(err, -EINVAL);
		assert_int_equal(where.n, 0);
	} else {
		struct vexfs_condition c = { where.node, where.value, where.n, where.values };

		assert_string_equal(error, "");
		assert_int_equal(vexfs_condition_check(&c, ATTRS, 1 << LANG), 0);
	}
	return err;
}

static void test_meaning(void **state)
{
	static const struct {
		const char *text;
		__s64 tenant, made, in, lang;
		bool holds;
	} cases[] = {
		{ "tenant = 5", 5, 0, 0, 0, true },
		{ "tenant = 5", 4, 0, 0, 0, false },
		{ "tenant!=5", 4, 0, 0, 0, true },
		{ "tenant != -5", -5, 0, 0, 0, false },
		{ " tenant<5\n", 4, 0, 0, 0, true },
		{ "tenant < 5", 5, 0, 0, 0, false },
		{ "tenant <= 5", 5, 0, 0, 0, true },
		{ "tenant <= 5", 6, 0, 0, 0, false },
		{ "tenant > 5", 5, 0, 0, 0, false },
		{ "tenant > 5", 6, 0, 0, 0, true },
		{ "tenant >= 5", 5, 0, 0, 0, true },
		{ "tenant >= 5", 4, 0, 0, 0, false },
		{ "tenant > 9223372036854775807", INT64_MAX, 0, 0, 0, false },
		{ "tenant <= 9223372036854775807", INT64_MAX, 0, 0, 0, true },
		{ "tenant >= 9223372036854775807", INT64_MAX, 0, 0, 0, true },
		{ "tenant < -9223372036854775808", INT64_MIN, 0, 0, 0, false },
		{ "tenant >= -0x8000000000000000", INT64_MIN, 0, 0, 0, true },
		{ "tenant <= -9223372036854775808", INT64_MIN, 0, 0, 0, true },
		{ "tenant <= -9223372036854775808", INT64_MIN + 1, 0, 0, 0, false },
		{ "tenant = 0x7fFFffffFFFFffff", INT64_MAX, 0, 0, 0, true },
		{ "tenant & 6", 2, 0, 0, 0, true },
		{ "tenant & 6", 9, 0, 0, 0, false },
		{ "tenant & 0", -1, 0, 0, 0, false },
		{ "tenant & -1", INT64_MIN, 0, 0, 0, true },
		{ "tenant in (3, 1,2,1)", 1, 0, 0, 0, true },
		{ "tenant in (3, 1,2,1)", 4, 0, 0, 0, false },
		{ "tenant NOT IN (3)", 4, 0, 0, 0, true },
		{ "tenant not in (3)", 3, 0, 0, 0, false },
		{ "not tenant = 5 and made = 1", 5, 1, 0, 0, false },	/* not binds tightest */
		{ "not tenant = 5 or made = 1", 5, 1, 0, 0, true },
		{ "not not tenant = 5", 5, 0, 0, 0, true },
		{ "not not not tenant = 5", 5, 0, 0, 0, false },
		{ "tenant = 1 or made = 1 and tenant = 2", 1, 0, 0, 0, true },	/* and before or */
		{ "(tenant = 1 or made = 1) and tenant = 2", 1, 1, 0, 0, false },
		{ "tenant = 2 and made = 1 Or tenant = 1", 1, 0, 0, 0, true },
		{ "((( tenant = 1 )))", 1, 0, 0, 0, true },
		{ "not(tenant = 1 or made = 1)", 1, 0, 0, 0, false },
		{ "\"in\" = 7", 0, 0, 7, 0, true },
		{ "\"in\" in (8, 7) and \"tenant\" = 0", 0, 0, 7, 0, true },
		{ "lang = 'en'", 0, 0, 0, 1, true },
		{ "lang = 'en'", 0, 0, 0, 0, false },
		{ "lang != 'en'", 0, 0, 0, 0, true },
		{ "lang = 'it''s'", 0, 0, 0, 2, true },
		{ "lang = ''", 0, 0, 0, 0, true },		/* no word */
		{ "lang = \"\"", 0, 0, 0, 1, false },
		{ "lang != ''", 0, 0, 0, 0, false },
		{ "lang in ('', 'en')", 0, 0, 0, 0, true },
		{ "lang is null", 0, 0, 0, 0, true },
		{ "lang IS NULL", 0, 0, 0, 3, false },
		{ "lang is not null", 0, 0, 0, 0, false },
		{ "lang Is Not Null and tenant = 0", 0, 0, 0, 3, true },
		{ "not lang is not null", 0, 0, 0, 0, true },
		{ "lang in ('de', 'xx')", 0, 0, 0, 3, true },
		{ "lang = \"de\"", 0, 0, 0, 3, true },		/* a word where a value is */
		{ "\"lang\" = \"de\"", 0, 0, 0, 3, true },
		{ "lang in (\"de\", 'en')", 0, 0, 0, 1, true },
		{ "lang = \"it's\"", 0, 0, 0, 2, true },
		{ "lang <> \"de\"", 0, 0, 0, 3, false },
		{ "tenant == 5", 5, 0, 0, 0, true },
		{ "tenant==5&&made==1", 5, 1, 0, 0, true },
		{ "tenant <> 5", 5, 0, 0, 0, false },
		{ "tenant & 4 && made & 1", 4, 2, 0, 0, false },
		{ "tenant & 4 || made & 1", 4, 2, 0, 0, true },
		{ "!tenant = 5 && made = 1", 5, 1, 0, 0, false },	/* as not does */
		{ "!(tenant = 5 || made = 1)", 4, 0, 0, 0, true },
		{ "! !tenant != 5", 4, 0, 0, 0, true },
		{ "tenant = 1 || made = 1 && tenant = 2", 1, 0, 0, 0, true },
		{ "lang in ('xx', 'yy')", 0, 0, 0, 0, false },
		{ "lang = 'xx'", 0, 0, 0, 0, false },		/* no record has an unknown word */
		{ "lang != 'xx'", 0, 0, 0, 0, true },
	};
	__u32 i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		__s64 attr[] = { cases[i].tenant, cases[i].made, cases[i].in, cases[i].lang };

		if (parse(cases[i].text) || vexfs_where_holds(&where, attr) != cases[i].holds)
			fail_msg("%s: %s", cases[i].text, *error ? error : "wrong");
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "column 1: an attribute, `not` or `(` is expected, not the end" },
		{ "   ", "column 4: an attribute, `not` or `(` is expected, not the end" },
		{ "tennant = 5",
		  "column 1: there is no attribute `tennant`; the collection has tenant, made, in, lang" },
		{ "tenant = 1 and Made = 2", "column 16: there is no attribute `Made`" },
		{ "tenant",
		  "column 7: a comparison (= != < <= > >= & in is) is expected, not the end" },
		{ "tenant 5",
		  "column 8: a comparison (= != < <= > >= & in is) is expected, not `5`" },
		{ "5 = tenant", "column 1: an attribute, `not` or `(` is expected, not `5`" },
		{ "tenant = ", "column 10: an integer is expected, not the end" },
		{ "tenant = made", "column 10: an integer is expected, not `made`" },
		{ "tenant === 5", "column 10: an integer is expected, not `=`" },
		{ "tenant =< 5", "column 9: an integer is expected, not `<`" },
		{ "tenant = \"5\"",
		  "column 10: `tenant` holds integers; give a number without quotes" },
		{ "tenant is null",
		  "column 1: `tenant` holds integers, which are never null: a record that was given none has 0" },
		{ "tenant is not null", "column 1: `tenant` holds integers, which are never null" },
		{ "tenant = null",
		  "column 10: nothing is equal to null, and `tenant` holds integers, which are never null" },
		{ "lang != null", "column 9: nothing is equal to null; write `lang is null`" },
		{ "lang is 'de'", "column 9: `null` or `not null` is expected, not `'de'`" },
		{ "lang is not 'de'", "column 13: `null` is expected, not `'de'`" },
		{ "lang is ! null", "column 9: `null` or `not null` is expected, not `!`" },
		{ "lang ! in ('de')",
		  "column 6: a comparison (= != < <= > >= & in is) is expected, not `!`" },
		{ "'lang' = 'de'",
		  "column 1: an attribute, `not` or `(` is expected, not `'lang'`" },
		{ "lang = 'de' | tenant = 1", "column 13: this is not understood" },
		{ "tenant = 'a'",
		  "column 10: `tenant` holds integers; give a number without quotes" },
		{ "tenant in (1, 'a')", "column 15: `tenant` holds integers" },
		{ "lang = 5", "column 8: `lang` holds words; put it in quotes: '5'" },
		{ "lang = en", "column 8: a word in 'quotes' is expected, not `en`" },
		{ "lang < 'en'",
		  "column 6: `lang` holds words, which have no order; it takes =, !=, in and is null" },
		{ "lang & 4", "column 6: `lang` holds words" },
		{ "lang = 'en", "column 8: the quote is not closed; end the word with '" },
		{ "lang = 'it''", "column 8: the quote is not closed" },
		{ "\"lang", "column 1: the quote is not closed" },
		{ "tenant = 1.5",
		  "column 10: an integer, decimal or 0x..., is expected, not `1.5`" },
		{ "tenant = 12abc",
		  "column 10: an integer, decimal or 0x..., is expected, not `12abc`" },
		{ "tenant = 0x", "column 10: an integer, decimal or 0x..., is expected, not `0x`" },
		{ "tenant = 9223372036854775808", "column 10: the number does not fit in 64 bits" },
		{ "tenant = -9223372036854775809",
		  "column 10: the number does not fit in 64 bits" },
		{ "tenant = 0xffffffffffffffff", "column 10: the number does not fit in 64 bits" },
		{ "tenant = 99999999999999999999999999",
		  "column 10: the number does not fit in 64 bits" },
		{ "tenant in 1", "column 11: `(` and a list is expected, not `1`" },
		{ "tenant in ()", "column 12: an integer is expected, not `)`" },
		{ "tenant in (1,)", "column 14: an integer is expected, not `)`" },
		{ "tenant in (1 2)", "column 14: `,` or `)` is expected, not `2`" },
		{ "tenant in (1", "column 13: `,` or `)` is expected, not the end" },
		{ "tenant not 5", "column 12: `in` is expected, not `5`" },
		{ "tenant = 1 made = 2",
		  "column 12: `and`, `or` or the end is expected, not `made`" },
		{ "tenant = 1 and",
		  "column 15: an attribute, `not` or `(` is expected, not the end" },
		{ "and tenant = 1", "column 1: an attribute, `not` or `(` is expected, not `and`" },
		{ "(tenant = 1", "column 12: `and`, `or` or `)` is expected, not the end" },
		{ "tenant = 1)", "column 11: `and`, `or` or the end is expected, not `)`" },
		{ "1 < tenant < 5", "column 1: an attribute" },
		{ "tenant < 5 < 6",
		  "column 12: comparisons cannot be chained; join two with `and`" },
		{ "tenant & 4 = 4", "column 12: `&` is a test by itself" },
		{ "tenant = 1; made = 1",
		  "column 11: this is not understood; write conditions as in" },
		{ "tenant = 1 && && made = 1",
		  "column 15: an attribute, `not` or `(` is expected, not `&&`" },
		{ "in = 7",
		  "column 1: `in` is a word of the language; write \"in\" for the attribute" },
		{ "is = 7", "column 1: an attribute, `not` or `(` is expected, not `is`" },
		/* nothing of what was typed steers a terminal, or is cut inside a character */
		{ "\"a\x1b[31m\" = 1", "column 1: there is no attribute `a?[31m`; " },
		{ "\"abcdefghijklmnopqrstuvw\xc3\xa9\" = 1",
		  "column 1: there is no attribute `abcdefghijklmnopqrstuvw`; " },
		/* columns count characters */
		{ "lang = '\xc3\xa9t\xc3\xa9' x",
		  "column 14: `and`, `or` or the end is expected, not `x`" },
		{ "tenant = \x01", "column 10: this is not understood" },
		{ "tenant =\xff 5", "column 9: this is not understood" },
		{ "abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz = 1",
		  "column 1: there is no attribute `abcdefghijklmnopqrstuvwx`; " },
	};
	static const struct vexfs_ioc_info bare = { .attrs = 0 };
	char small[8];
	__u32 i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!parse(cases[i].text))
			fail_msg("`%s` was understood", cases[i].text);
		if (strncmp(error, cases[i].says, strlen(cases[i].says)))
			fail_msg("`%s`\n%s\n%s", cases[i].text, error, cases[i].says);
	}
	assert_int_equal(vexfs_where_parse("a = 1", &bare, NULL, &where, error, sizeof(error)),
			 -EINVAL);
	assert_string_equal(error, "column 1: the collection has no attributes, so no `a`");
	assert_int_equal(vexfs_where_parse("lang = 'de'", &info, NULL, &where, error,
					   sizeof(error)),
			 -EINVAL);
	assert_string_equal(error, "column 8: words cannot be looked up here");
	/* little room, and none */
	assert_int_equal(vexfs_where_parse("x", &info, NULL, &where, small, sizeof(small)),
			 -EINVAL);
	assert_string_equal(small, "column ");
	assert_int_equal(vexfs_where_parse("x = 1", &info, NULL, &where, NULL, 0), -EINVAL);
}

static void repeat(char *text, const char *what, __u32 n)
{
	for (text += strlen(text); n--; text += strlen(what))
		strcpy(text, what);
}

static void test_limits(void **state)
{
	static char text[1 << 20];
	__u32 n;

	(void)state;
	for (n = 1; n < 80; n++) {			/* n comparisons, n - 1 times or */
		strcpy(text, "tenant=1");
		repeat(text, " or tenant=1", n - 1);
		assert_int_equal(parse(text), 2 * n - 1 <= VEXFS_MAX_PREDICATE ? 0 : -EINVAL);
	}
	assert_non_null(strstr(error, "the condition is too long; at most 64"));
	for (n = 1; n < 80; n++) {			/* nested to the right: all on the stack */
		strcpy(text, "");
		repeat(text, "made=1 or (", n - 1);
		strcat(text, "made=1");
		repeat(text, ")", n - 1);
		assert_int_equal(parse(text), n <= VEXFS_MAX_PREDICATE_DEPTH ? 0 : -EINVAL);
	}
	assert_non_null(strstr(error, "nested too deeply"));
	for (n = 1; n < 80; n++) {
		strcpy(text, "");
		repeat(text, "(", n);
		strcat(text, "made=1");
		repeat(text, ")", n);
		assert_int_equal(parse(text), n <= 32 ? 0 : -EINVAL);
	}
	strcpy(text, "");
	repeat(text, "(", sizeof(text) - 1);		/* no recursion without end */
	assert_int_equal(parse(text), -EINVAL);
	strcpy(text, "");
	repeat(text, "not ", 200001);
	strcat(text, "made=1");
	assert_int_equal(parse(text), 0);
	assert_int_equal(where.n, 2);

	for (n = VEXFS_MAX_PREDICATE_VALUES - 1; n < VEXFS_MAX_PREDICATE_VALUES + 2; n++) {
		__u32 i;
		char *at = text + sprintf(text, "made in (");

		for (i = 0; i < n; i++)
			at += sprintf(at, "%s%u", i ? "," : "", n - i);
		strcpy(at, ")");
		assert_int_equal(parse(text), n <= VEXFS_MAX_PREDICATE_VALUES ? 0 : -EINVAL);
		assert_int_equal(where.values, n <= VEXFS_MAX_PREDICATE_VALUES ? n : 0);
	}
	assert_non_null(strstr(error, "too many values; all lists together may have 1024"));

	strcpy(text, "lang = '");
	repeat(text, "a", 255);
	strcat(text, "'");
	assert_int_equal(parse(text), 0);
	strcpy(text, "lang = '");
	repeat(text, "a", 256);
	strcat(text, "'");
	assert_int_equal(parse(text), -EINVAL);
	assert_string_equal(error, "column 8: the word is too long; it may have 255 bytes");
}

/* --- random expressions: their text is written while their truth is computed --- */

static char text[1 << 16];
static size_t len;
static __s64 attr[16][ATTRS];

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	len += vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
	assert_true(len < sizeof(text));
	if (!chance(3))
		text[len++] = " \t\n"[chance(3)];
	text[len] = 0;
}

static __s64 number(void)
{
	static const __s64 edge[] = { INT64_MIN, INT64_MAX, INT64_MIN + 1, INT64_MAX - 1, 0, -1 };

	return chance(4) ? (__s64)chance(12) - 6 : edge[chance(6)];
}

static __s64 put_value(__u32 a)
{
	__s64 v = number();

	if (a == LANG) {
		v = chance(6);
		put(v == 2 ? chance(2) ? "'it''s'" : "\"it's\"" : chance(2) ? "'%s'" : "\"%s\"",
		    v == 5 ? "unknown" : vocabulary[v]);
		return v == 5 ? -1 : v;
	}
	if (chance(3))
		put("%lld", v);
	else if (v < 0)
		put("-0x%llx", -(__u64)v);
	else
		put("0X%llX", v);
	return v;
}

/* A bit per record. */
static __u32 put_test(void)
{
	static const char *const ops[] = { "=", "!=", "in", "not in", "<", "<=", ">", ">=", "&" };
	static const char *const other[] = { "==", "<>" };
	__u32 a = chance(ATTRS), op = chance(a == LANG ? 4 : 9), bits = 0, i, n = 1;
	__s64 v;

	put("%s ", names[a]);
	put("%s", op < 2 && chance(2) ? other[op] : ops[op]);
	if (op == 2 || op == 3) {
		n = 1 + chance(4);
		put("(");
	}
	while (n--) {
		v = put_value(a);
		for (i = 0; i < 16; i++) {
			__s64 x = attr[i][a];
			bool is = op < 4 ? x == v :
				  op == 4 ? x < v :
				  op == 5 ? x <= v :
				  op == 6 ? x > v :
				  op == 7 ? x >= v :
					    (x & v) != 0;

			bits |= (__u32)is << i;
		}
		if (n)
			put(",");
	}
	if (op == 2 || op == 3)
		put(")");
	put(" ");
	return op == 1 || op == 3 ? ~bits & 0xffff : bits;
}

/* level: 0 or, 1 and, 2 not; what binds less tightly needs parentheses. */
static __u32 put_expression(__u32 size, __u32 level)
{
	__u32 bits, op = chance(4);

	if (size <= 1)
		return put_test();
	if (op == 2) {
		put("%s ", chance(2) ? "not" : chance(2) ? "NOT" : "!");
		return ~put_expression(size - 1, 2) & 0xffff;
	}
	if (op == 3 || op < level) {
		put("(");
		bits = put_expression(size, 0);
		put(")");
		return bits;
	}
	bits = put_expression(size / 2, op);
	put(op ? chance(2) ? " And " : "&&" : chance(2) ? " or " : "||");
	if (op)
		bits &= put_expression(size - size / 2, op + 1);
	else
		bits |= put_expression(size - size / 2, op + 1);
	return bits;
}

static void test_random(void **state)
{
	__u32 round, i, k, bits, good = 0;

	(void)state;
	for (round = 0; round < 20000; round++) {
		for (i = 0; i < 16; i++)
			for (k = 0; k < ATTRS; k++)
				attr[i][k] = k == LANG ? chance(5) : number();
		len = 0;
		bits = put_expression(1 + chance(12), 0);
		if (parse(text)) {
			assert_non_null(strstr(error, "too"));	/* deep, long */
			continue;
		}
		good++;
		for (i = 0; i < 16; i++)
			if (vexfs_where_holds(&where, attr[i]) != (bits >> i & 1))
				fail_msg("record %u: %s", i, text);
	}
	assert_true(good > 19000);
}

/* Tokens and characters in any order, and expressions with a character changed. */
static void test_noise(void **state)
{
	static const char *const token[] = {
		"tenant", "lang", "\"in\"", "in", "not", "and", "or", "(", ")", ",", "=", "!=", "<",
		"<=", ">", ">=", "&", "==", "<>", "!", "&&", "||", "is", "null", "\"de\"", "''",
		"5", "-1", "0x", "0x1f", "'de'", "'", "\"", "-", "9999999999999999999", "\xc3",
		"\x80", "%s%n", "a",
	};
	__u32 round, i, good = 0;
	unsigned int column;

	(void)state;
	for (round = 0; round < 200000; round++) {
		char *copy;

		len = 0;
		text[0] = 0;
		if (round % 2) {
			for (i = chance(12); i; i--)
				put("%s", token[chance(sizeof(token) / sizeof(token[0]))]);
		} else {
			put_expression(1 + chance(5), 0);
			for (i = 1 + chance(3); i; i--)
				text[chance(len)] = chance(2) ? (char)(1 + chance(255)) :
								"'\"()&<=,-x 1"[chance(12)];
		}
		copy = strdup(text);		/* so that AddressSanitizer sees a step too far */
		if (!parse(copy)) {
			good++;
		} else {
			assert_int_equal(sscanf(error, "column %u: ", &column), 1);
			assert_in_range(column, 1, strlen(copy) + 1);
		}
		free(copy);
	}
	print_message("%u of %u were conditions\n", good, round);
	assert_true(good > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meaning),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_noise),
	};

	chance_seed(12);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
