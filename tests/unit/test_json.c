// SPDX-License-Identifier: GPL-2.0
/* Records as JSON, one a line or in one array, and every way in which they can be wrong. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "formats.h"

static void test_jsonl(void **state)
{
	(void)state;
	assert_int_equal(jsonl("{\"vector\": [1, -2.5e-1]}\n{\"vector\":[3,4]}\r\n", 2), 2);
	assert_true(row[0] == 3 && !last.has_id && !last.key && !last.attrs && !last.file);
	assert_int_equal(import("{\"vector\": [1]}", 15, VEXFS_FILE_GUESS, 1), 1);
	assert_int_equal(
		jsonl("{\"id\": 7, \"key\": \"doc-1\", \"vector\": [1], \"attrs\": {\"age\": -3, "
		      "\"lang\": \"d\\u00e9\"}, \"file\": \"a/b\", \"offset\": 5, \"length\": 100}",
		      1),
		1);
	assert_true(last.has_id && last.id == 7 && last.attrs == 2 && last.attr[0].number == -3);
	assert_true(!last.attr[0].word && last.file_off == 5 && last.file_len == 100);
	assert_string_equal(key, "doc-1");
	assert_string_equal(word, "d\xc3\xa9");
	assert_string_equal(file, "a/b");
	assert_int_equal(jsonl("{\"id\": 18446744073709551615, \"vector\": [1]}", 1), 1);
	assert_true(last.id == ~0ULL);
	assert_int_equal(jsonl("{\"vector\": [1], \"attrs\": {\"a\": -9223372036854775808}}", 1),
			 1);
	assert_true(last.attr[0].number == INT64_MIN);
	assert_int_equal(jsonl("{\"vector\": [1], \"attrs\": {\"a\": 9223372036854775807}}", 1), 1);
	assert_true(last.attr[0].number == INT64_MAX);
	assert_int_equal(jsonl("", 2), 0);
}

static void test_jsonl_bad(void **state)
{
	static const struct {
		int err;
		const char *says, *line;
	} bad[] = {
		{ -EBADMSG, "not one whole JSON object", "{" },
		{ -EBADMSG, "it ends", "{\"vector\": [1, 2" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [1, 2]} x" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [1, 2]} {}" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [1, 2,]}" },
		{ -EBADMSG, "not one whole JSON object", "{\"vector\": [[[[1]]]]}" },
		{ -EBADMSG, "not one whole JSON object",
		  "{\"vector\": [1, 2], \"key\": \"\xff\"}" },
		{ -EBADMSG, "neither an object nor an array", "\"vector\"" },
		{ -EMSGSIZE, "has 3 dimensions", "[1, 2, 3]" },
		{ -EINVAL, "has no \"vector\"", "{\"id\": 1}" },
		{ -EBADMSG, "\"vector\" is not an array", "{\"vector\": 1}" },
		{ -EINVAL, "has no \"vector\"", "{\"vector\": null}" },
		{ -EMSGSIZE, "has 1 dimension, the collection has 2", "{\"vector\": [1]}" },
		{ -EMSGSIZE, "has 3 dimensions", "{\"vector\": [1, 2, 3]}" },
		{ -EMSGSIZE, "has 0 dimensions", "{\"vector\": []}" },
		{ -EINVAL, "dimension 1 is not a number", "{\"vector\": [1, \"2\"]}" },
		{ -EINVAL, "dimension 1 is not a number", "{\"vector\": [1, null]}" },
		{ -EINVAL, "dimension 1 is NaN or infinity", "{\"vector\": [1, NaN]}" },
		{ -EINVAL, "dimension 0 is NaN or infinity", "{\"vector\": [-Infinity, 1]}" },
		{ -EINVAL, "dimension 0 is NaN or infinity", "{\"vector\": [1e39, 1]}" },
		{ -EBADMSG, "\"colour\" is unknown", "{\"colour\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": -1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": 1.5, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number",
		  "{\"id\": 9007199254740993.0, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": -1.0, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": true, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": NaN, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number", "{\"id\": \"1\", \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"id\" is not a whole number",
		  "{\"id\": 18446744073709551616, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" is not a string", "{\"key\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" is not a string", "{\"key\": true, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" has 0 bytes", "{\"key\": \"\", \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"key\" has a NUL", "{\"key\": \"a\\u0000b\", \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"attrs\" is not an object", "{\"attrs\": [1], \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither", "{\"attrs\": {\"a\": 1.5}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither", "{\"attrs\": {\"a\": 1e300}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither", "{\"attrs\": {\"a\": [1]}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither", "{\"attrs\": {\"a\": NaN}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither",
		  "{\"attrs\": {\"a\": 9223372036854775808}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" is neither",
		  "{\"attrs\": {\"a\": -9223372036854775809}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "an attribute has no name", "{\"attrs\": {\"\": 1}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "a name has a NUL",
		  "{\"attrs\": {\"a\\u0000b\": 1}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "a name has a NUL", "{\"id\\u0000\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"a\" has a NUL",
		  "{\"attrs\": {\"a\": \"\\u0000\"}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "more than 8 attributes",
		  "{\"attrs\": {\"a\": 1, \"b\": 1, \"c\": 1, \"d\": 1, "
		  "\"e\": 1, \"f\": 1, \"g\": 1, \"h\": 1, \"i\": 1}, \"vector\": [1, 2]}" },
		{ -EBADMSG, "without a \"file\"", "{\"offset\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "without a \"file\"", "{\"length\": 0, \"vector\": [1, 2]}" },
		{ -EBADMSG, "go beyond the largest file",
		  "{\"file\": \"a\", \"offset\": 9223372036854775807, \"length\": 1, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"length\" is not",
		  "{\"file\": \"a\", \"length\": 4294967296, \"vector\": [1, 2]}" },
		{ -EBADMSG, "\"offset\" is not",
		  "{\"file\": \"a\", \"offset\": 9223372036854775808, \"vector\": [1, 2]}" },
	};
	char text[1000], *line;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "{\"vector\": [1, 2]}\n%s\n", bad[i].line);
		refuse(jsonl(text, 2), bad[i].err, bad[i].says);
		assert_non_null(strstr(said, "line 2"));
	}
	/* a key of 255 bytes is taken, one of 256 is not */
	snprintf(text, sizeof(text), "{\"key\": \"%0255d\", \"vector\": [1]}", 1);
	assert_int_equal(jsonl(text, 1), 1);
	snprintf(text, sizeof(text), "{\"key\": \"%0256d\", \"vector\": [1]}", 1);
	refuse(jsonl(text, 1), -EBADMSG, "\"key\" has 256 bytes");
	line = malloc(VEXFS_IMPORT_LINE + 1);
	memset(line, ' ', VEXFS_IMPORT_LINE);
	line[VEXFS_IMPORT_LINE] = 0;
	refuse(jsonl(line, 1), -EBADMSG, "line 1 is longer");
	free(line);
	refuse(import("{\"vector\": [1]\0}", 16, VEXFS_FILE_JSONL, 1), -EBADMSG, "NUL");
}

/* What other programs write where there is nothing, and numbers that are whole. */
static void test_jsonl_lenient(void **state)
{
	(void)state;
	assert_int_equal(
		jsonl("{\"id\": null, \"key\": null, \"attrs\": null, \"file\": null, \"offset\": null, "
		      "\"length\": null, \"vector\": [1]}",
		      1),
		1);
	assert_true(!last.has_id && !last.key && !last.attrs && !last.file && !last.file_off &&
		    !last.file_len);
	assert_int_equal(jsonl("{\"attrs\": {\"year\": null, \"lang\": \"\"}, \"vector\": [1]}", 1),
			 1);
	assert_true(last.attrs == 1 && last.attr[0].word && !word[0]);
	assert_int_equal(jsonl("{\"attrs\": {\"year\": 2024.0}, \"vector\": [1]}", 1), 1);
	assert_true(last.attrs == 1 && !last.attr[0].word && last.attr[0].number == 2024);
	assert_int_equal(jsonl("{\"attrs\": {\"year\": -9007199254740991.0}, \"vector\": [1]}", 1),
			 1);
	assert_true(last.attr[0].number == -9007199254740991);
	assert_int_equal(jsonl("{\"attrs\": {\"a\": true, \"b\": false}, \"vector\": [1]}", 1), 1);
	assert_true(last.attrs == 2 && last.attr[0].number == 1 && last.attr[1].number == 0);
	assert_int_equal(
		jsonl("{\"id\": 7.0, \"file\": \"f\", \"offset\": 2.0, \"length\": 3.0, \"vector\": [1]}",
		      1),
		1);
	assert_true(last.id == 7 && last.file_off == 2 && last.file_len == 3);
	/* nine attributes, two of which are not there */
	assert_int_equal(
		jsonl("{\"attrs\": {\"a\": null, \"b\": null, \"c\": 1, \"d\": 1, \"e\": 1, \"f\": 1, "
		      "\"g\": 1, \"h\": 1, \"i\": 1}, \"vector\": [1]}",
		      1),
		1);
	assert_int_equal(last.attrs, 7);
	/* blank lines, a byte order mark, arrays */
	assert_int_equal(jsonl("\n{\"vector\": [1]}\n \t \n\r\n{\"vector\": [2]}\n\n\n", 1), 2);
	assert_true(row[0] == 2);
	assert_int_equal(jsonl(VEXFS_BOM "{\"vector\": [1]}\n", 1), 1);
	assert_int_equal(jsonl(VEXFS_BOM "\n\n", 1), 0);
	assert_int_equal(import(VEXFS_BOM "{\"vector\": [1]}\n", 18, VEXFS_FILE_GUESS, 1), 1);
	assert_int_equal(jsonl("[1, 2]\n[3, 4.5]", 2), 2);
	assert_true(row[1] == 4.5f);
	assert_int_equal(import("[1, 2]\n[3, 4]\n", 14, VEXFS_FILE_GUESS, 2), 2);
	refuse(jsonl("{\"vector\": [1]}\n\n{\"vector\": 1}\n", 1), -EBADMSG, "line 3");
	refuse(jsonl("{\"vector\": [1]}\n" VEXFS_BOM "{\"vector\": [1]}\n", 1), -EBADMSG, "line 2");
}

static void test_json(void **state)
{
	static const char *const same[] = {
		"[{\"id\": 7, \"vector\": [1, 2]}, {\"id\": 8, \"key\": \"a]}\\\"\\\\\", \"vector\": [3, 4]}]",
		" [ {\"vector\":[1,2]},\r\n{\n\"id\": 8,\n \"key\": \"a]}\\\"\\\\\", \"vector\"\n:[\n3,4]\n}\n]\n\n ",
		VEXFS_BOM "[[1, 2], {\"id\": 8, \"key\": \"a]}\\\"\\\\\", \"vector\": [3, 4]}]",
	};
	static const struct {
		int err;
		const char *says, *text;
	} bad[] = {
		{ -EBADMSG, "it is not an array", "" },
		{ -EBADMSG, "it is not an array", "{\"vector\": [1, 2]}" },
		{ -EBADMSG, "it ends in record 0", "[" },
		{ -EBADMSG, "it ends in record 0", "[[1, 2" },
		{ -EBADMSG, "it ends in record 1", "[[1, 2]" },
		{ -EBADMSG, "it ends in record 1", "[[1, 2]," },
		{ -EBADMSG, "it ends in record 0", "[{\"key\": \"}]" },
		{ -EBADMSG, "record 0 is neither", "[1, 2]" },
		{ -EBADMSG, "record 0 is neither", "[,]" },
		{ -EBADMSG, "record 1 is neither", "[[1, 2],]" },
		{ -EBADMSG, "record 1 is neither", "[[1, 2],,[1, 2]]" },
		{ -EBADMSG, "missing before record 1", "[[1, 2] [1, 2]]" },
		{ -EBADMSG, "something follows", "[[1, 2]] x" },
		{ -EBADMSG, "something follows", "[[1, 2]]]" },
		{ -EBADMSG, "record 1 is not one whole JSON object", "[[1, 2], [1, 2}]]" },
		{ -EBADMSG, "record 1 is not one whole JSON object", "[[1, 2], {vector: [1, 2]}]" },
		{ -EMSGSIZE, "record 1 has 1 dimension", "[[1, 2], [1]]" },
		{ -EINVAL, "record 1 has no \"vector\"", "[[1, 2], {}]" },
		{ -EINVAL, "record 1, dimension 0 is NaN", "[[1, 2], [1e39, 2]]" },
		{ -EBADMSG, "record 1: \"id\" is not",
		  "[[1, 2], {\"id\": -1, \"vector\": [1, 2]}]" },
	};
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(*same); i++) {
		assert_int_equal(json(same[i], 2), 2);
		assert_true(row[0] == 3 && row[1] == 4 && last.id == 8);
		assert_string_equal(key, "a]}\"\\");
		assert_int_equal(import(same[i], strlen(same[i]), VEXFS_FILE_GUESS, 2), 2);
	}
	assert_int_equal(json("[]", 2), 0);
	assert_int_equal(json(" [\n]\n", 2), 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuse(json(bad[i].text, 2), bad[i].err, bad[i].says);
	refuse(import("[[1,\0 2]]", 9, VEXFS_FILE_JSON, 2), -EBADMSG, "NUL");
	text = malloc(VEXFS_IMPORT_LINE + 100);
	memset(text, '[', VEXFS_IMPORT_LINE + 99);
	text[VEXFS_IMPORT_LINE + 99] = 0;
	refuse(json(text, 2), -EBADMSG, "record 0 is longer than");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jsonl),
		cmocka_unit_test(test_jsonl_bad),
		cmocka_unit_test(test_jsonl_lenient),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
