// SPDX-License-Identifier: GPL-2.0
/* Text from outside, as terminals and logs get it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json.h>
#include "box.h"
#include <platform/printable.h>

static void test_text(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "", "" },
		{ "plain ~ 'text'", "plain ~ 'text'" },
		{ "\xc3\xa9t\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80",
		  "\xc3\xa9t\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80" },
		{ "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m" },		/* C0 */
		{ "a\tb\nc\rd\x07", "a\\x09b\\x0ac\\x0dd\\x07" },
		{ "\x7f", "\\x7f" },						/* DEL */
		{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" },				/* C1: CSI */
		{ "\xc2\xa0", "\xc2\xa0" },
		/* C1 in eight bits */
		{ "\x9b" "31m", "\\x9b31m" },
		/* right-to-left override */
		{ "\xe2\x80\xae" "txt.exe", "\\xe2\\x80\\xaetxt.exe" },
		{ "\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c\xe2\x80\x8f",
		  "\\xe2\\x81\\xa6\\xe2\\x81\\xa9\\xd8\\x9c\\xe2\\x80\\x8f" },
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },				/* line separator */
		/* their neighbours */
		{ "\xe2\x80\xaf\xe2\x80\x8d", "\xe2\x80\xaf\xe2\x80\x8d" },
		/* no text looks like another */
		{ "a\\x1b", "a\\x5cx1b" },
		{ "\xff\xfe", "\\xff\\xfe" },					/* not UTF-8 */
		{ "\xc3", "\\xc3" },						/* cut off */
		{ "\xc0\x9b", "\\xc0\\x9b" },					/* overlong */
		{ "\xe0\x82\x9b", "\\xe0\\x82\\x9b" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },				/* a surrogate */
		/* beyond U+10FFFF */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
	};
	const char *shown[8];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(printable(cases[i].text), cases[i].shown);
	assert_string_equal(printable_n("a\0b", 3), "a\\x00b");
	assert_string_equal(printable(NULL), "?");
	for (i = 0; i < 8; i++) {		/* eight at a time */
		char text[2] = { (char)('a' + i), 0 };

		shown[i] = printable(text);
	}
	for (i = 0; i < 8; i++)
		assert_int_equal(*shown[i], 'a' + i);
}

/*
 * Whatever a string holds: the line is valid JSON, printable, and means the same where the string
 * was UTF-8.
 */
static void test_json(void **state)
{
	static const char *const texts[] = {
		"plain", "\"\\/", "\x1b[0m\n\t\x7f", "\xc2\x9b\xe2\x80\xae",
		"\xc3\xa9\xf0\x9f\x98\x80",
	};
	struct json_object *o, *back;
	char noise[64];
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *line;

		o = json_object_new_object();
		json_object_object_add(o, texts[i], json_object_new_string(texts[i]));
		line = printable_json(json_object_to_json_string(o));
		for (k = 0; line[k]; k++)
			assert_true((unsigned char)line[k] >= ' ' && line[k] != 127);
		assert_null(strstr(line, "\xc2\x9b"));
		back = json_tokener_parse(line);
		assert_non_null(back);
		assert_string_equal(json_object_get_string(json_object_object_get(back, texts[i])),
				    texts[i]);
		json_object_put(back);
		json_object_put(o);
	}
	assert_string_equal(printable_json("\"a\xff" "b\xc3\""), "\"a\\ufffdb\\ufffd\"");
	for (i = 0; i < 20000; i++) {
		struct json_tokener *tok = json_tokener_new();
		size_t len = chance(sizeof(noise));
		const char *line;

		for (k = 0; k < len; k++)
			noise[k] = (char)chance(256);
		o = json_object_new_string_len(noise, len);
		line = printable_json(json_object_to_json_string(o));
		json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		back = json_tokener_parse_ex(tok, line, strlen(line) + 1);
		if (!back)
			fail_msg("not JSON: %s", line);
		json_object_put(back);
		json_object_put(o);
		json_tokener_free(tok);
	}
}

/*
 * Any bytes: what is shown is UTF-8 without anything that steers, and a second look changes only
 * backslashes.
 */
static void test_noise(void **state)
{
	char noise[64], *text;
	size_t i, k, len;

	(void)state;
	for (i = 0; i < 50000; i++) {
		const char *shown, *again;

		len = chance(sizeof(noise));
		/* so that AddressSanitizer sees a step too far */
		text = malloc(len + 1);
		for (k = 0; k < len; k++)
			text[k] = (char)(chance(2) ? 0x80 + chance(128) : chance(256));
		shown = printable_n(text, len);
		free(text);
		again = printable(shown);
		for (k = 0; *shown; shown++) {
			if (*shown == '\\') {
				assert_memory_equal(again, "\\x5c", 4);
				again += 4;
			} else {
				assert_int_equal(*again++, *shown);
			}
		}
		assert_int_equal(*again, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_noise),
	};

	chance_seed(7);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
