/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Text from outside on its way to a terminal or a log: names of files, keys, words, labels,
 * whatever a disk, a program object or another process chose.  The tools print all of it through
 * here.
 *
 * What could steer a terminal or fake a line is shown as its bytes, \xNN: control characters (C0,
 * DEL, C1), characters that turn or break lines of text (U+061C, U+200E, U+200F, U+2028 to U+202E,
 * U+2066 to U+2069), and bytes that are not UTF-8.  A backslash is shown as \x5c, so that every
 * text has a form of its own.
 */
#ifndef _VEXFS_PRINTABLE_H
#define _VEXFS_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The printable form of a text, good until eight more were asked for, so that a printf() may have
 * several.  NULL is shown as "?", also where there is no memory.  Not thread-safe.
 */
const char *printable(const char *text);
const char *printable_n(const char *text, size_t len);	/* of len bytes, NULs among them */

/*
 * JSON as json-c writes it, made valid and printable: inside its strings, bytes that are not UTF-8
 * become \ufffd, and what printable() does not show as it is becomes \uNNNN, which means the same.
 * As above.
 */
const char *printable_json(const char *json);

/* Is all of it well-formed UTF-8 (Unicode 15, table 3-7)? */
bool is_utf8(const char *text);

#endif /* _VEXFS_PRINTABLE_H */
