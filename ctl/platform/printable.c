// SPDX-License-Identifier: GPL-2.0
/* See printable.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <platform/printable.h>

#define TURNS		8
#define MAX_GROWTH	6		/* bytes for one: \ufffd */

/*
 * The character at s, of at most len bytes: its length in *n.  -1 and a length of 1: not UTF-8
 * (overlong forms and surrogates are not).
 */
static long decode(const unsigned char *s, size_t len, size_t *n)
{
	static const long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t want = *s < 0x80 ? 1 :
		      *s < 0xc2 ? 0 :
		      *s < 0xe0 ? 2 :
		      *s < 0xf0 ? 3 :
		      *s < 0xf5 ? 4 :
				  0;
	long c = want == 1 ? *s : *s & (0x7f >> want);
	size_t i;

	*n = 1;
	if (!want || want > len)
		return -1;
	for (i = 1; i < want; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[want] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	*n = want;
	return c;
}

bool is_utf8(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len = strlen(text), n;

	for (; len; s += n, len -= n)
		if (decode(s, len, &n) < 0)
			return false;
	return true;
}

static bool harmless(long c)
{
	return c >= ' ' && !(c >= 0x7f && c <= 0x9f) && c != 0x61c && c != 0x200e && c != 0x200f &&
	       !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

/* Room for what len bytes may become, in turn; NULL: no memory. */
static char *room(size_t len)
{
	static char *buf[TURNS];
	static unsigned int turn;
	char **p = &buf[turn++ % TURNS];

	free(*p);
	*p = len < (size_t)-1 / MAX_GROWTH ? malloc(len * MAX_GROWTH + 1) : NULL;
	return *p;
}

const char *printable_n(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	char *out = text ? room(len) : NULL, *p = out;
	size_t n;

	if (!out)
		return "?";
	for (; len; s += n, len -= n) {
		long c = decode(s, len, &n);

		if (harmless(c) && c != '\\') {
			memcpy(p, s, n);
			p += n;
		} else {
			size_t i;

			for (i = 0; i < n; i++)
				p += sprintf(p, "\\x%02x", s[i]);
		}
	}
	*p = 0;
	return out;
}

const char *printable(const char *text)
{
	return printable_n(text, text ? strlen(text) : 0);
}

const char *printable_json(const char *json)
{
	const unsigned char *s = (const unsigned char *)json;
	size_t len = json ? strlen(json) : 0, n;
	char *out = json ? room(len) : NULL, *p = out;

	if (!out)
		return "null";
	for (; len; s += n, len -= n) {
		long c = decode(s, len, &n);

		/*
		 * json-c has escaped what JSON wants escaped; newlines between values are its own
		 */
		if (harmless(c) || c == '\n' || c == '\t') {
			memcpy(p, s, n);
			p += n;
		} else {
			/* all of them are below 2^16 */
			p += sprintf(p, "\\u%04lx", c < 0 ? 0xfffd : c);
		}
	}
	*p = 0;
	return out;
}
