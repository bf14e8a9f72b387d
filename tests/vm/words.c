// SPDX-License-Identifier: GPL-2.0
/*
 * Keyword attributes and their words, against a model.
 *
 *	words history DIR SEED N	N random calls: intern, look up, insert, read back, sync;
 *					goes on where the last one in DIR ended, after a remount too
 *	words bad DIR			what must be refused, with nothing changed
 *	words damage DEVICE		break one byte of a word that `words bad` interned
 *	words damaged DIR		now the collection cannot be loaded, but dropped
 *	words enospc DIR		a disk that fills up with words
 *
 * DIR is a directory of VexFS.  Exit code 0, or 1 after a line per failure.
 */
#define _GNU_SOURCE
#include <unistd.h>
#include <sys/wait.h>
#include "check.h"
#include "rows.h"

#define DIMS	3
#define ATTRS	3			/* word, number, word */
#define WORDS	600			/* possible ones; most are met */
#define BATCH	64
#define MARK	"a word that will be damaged"

static const uint32_t keyword[] = { 0, 2 };

static struct {
	int64_t code[WORDS];		/* 0: none yet */
	uint32_t n;
	int word[WORDS + 1];		/* by code */
} model[ATTRS];
static uint64_t chance_state;

static uint32_t chance(uint32_t n)
{
	return random64(&chance_state) % n;
}

/* Word w of any attribute: 1 to 255 bytes, all values but 0; all different. */
static uint32_t word_of(int w, char *s)
{
	uint32_t len = w < 100 ? 1 : 2 + (uint32_t)w * 11 % (VEXFS_MAX_KEY - 1), i;

	for (i = 0; i < len; i++)
		s[i] = (char)(1 + (w / 64 * 17 + i) % 255);
	s[0] = (char)(1 + w % 255);
	if (len > 1)
		s[1] = (char)(1 + w / 255);
	return len;
}

static int create(const char *dir, const char *name)
{
	struct vexfs_ioc_create a = {
		.size = sizeof(a), .dims = DIMS, .element = VEXFS_ELEM_F32,
		.metric = VEXFS_METRIC_L2, .attrs = ATTRS,
		.attr = { { "lang", VEXFS_ATTR_KEYWORD, 0 }, { "n", VEXFS_ATTR_INT, 0 },
			  { "color", VEXFS_ATTR_KEYWORD, 0 } },
	};
	int fd = vx_directory(dir, name);

	errno = fd < 0 ? errno : vx_ioctl(fd, VEXFS_IOC_CREATE, &a);
	if (errno)
		die(name);
	return fd;
}

static int intern(int fd, uint32_t attr, uint32_t n, uint32_t flags, const char *bytes,
		  const uint8_t *lens, uint32_t total, int64_t *codes)
{
	struct vexfs_ioc_intern a = {
		.size = sizeof(a), .flags = flags, .attr = attr, .n = n, .words = PTR(bytes),
		.lens = PTR(lens), .codes = PTR(codes), .word_bytes = total,
	};

	return vx_ioctl(fd, VEXFS_IOC_INTERN, &a);
}

static int intern_one(int fd, uint32_t attr, const char *word, int64_t *code)
{
	uint8_t len = strlen(word);

	return intern(fd, attr, 1, 0, word, &len, len, code);
}

/* --- the history --- */

static void random_words(int fd, uint32_t attr)
{
	uint32_t n = 1 + chance(BATCH), flags = chance(3) ? 0 : VEXFS_INTERN_LOOKUP, total = 0, i;
	char bytes[BATCH * VEXFS_MAX_KEY];
	int64_t codes[BATCH], want;
	uint8_t lens[BATCH];
	int who[BATCH];

	for (i = 0; i < n; i++) {
		/* new ones all along, and old ones, also twice in a call */
		who[i] = chance(chance(2) ? WORDS : 1 + WORDS / 8);
		lens[i] = word_of(who[i], bytes + total);
		total += lens[i];
	}
	if (EXPECT(0, intern(fd, attr, n, flags, bytes, lens, total, codes), "intern"))
		return;
	for (i = 0; i < n; i++) {
		want = model[attr].code[who[i]];
		if (!want && !flags) {
			want = model[attr].code[who[i]] = ++model[attr].n;
			model[attr].word[want] = who[i];
		}
		FAIL(codes[i] != want, "attribute %u, word %d: code %lld, not %lld", attr, who[i],
		     (long long)codes[i], (long long)want);
	}
}

/* All words of an attribute, in pieces of random size. */
static void read_words(int fd, uint32_t attr)
{
	static char bytes[WORDS * VEXFS_MAX_KEY];
	uint8_t lens[WORDS];
	int64_t next = 1;

	do {
		struct vexfs_ioc_words a = {
			.size = sizeof(a), .attr = attr, .n = 1 + chance(WORDS), .first = next,
			.words = PTR(bytes), .lens = PTR(lens),
			.word_bytes = VEXFS_MAX_KEY + chance(sizeof(bytes) - VEXFS_MAX_KEY),
		};
		uint32_t room = a.word_bytes, n = a.n, off = 0, i;

		if (EXPECT(0, vx_ioctl(fd, VEXFS_IOC_WORDS, &a), "words"))
			return;
		FAIL(a.total != model[attr].n, "%llu words, not %u", (unsigned long long)a.total,
		     model[attr].n);
		FAIL(a.n > n || a.word_bytes > room, "more words than room");
		if (!a.n)
			break;
		for (i = 0; i < a.n; i++) {
			char want[VEXFS_MAX_KEY];
			uint32_t len = word_of(model[attr].word[next + i], want);

			FAIL(lens[i] != len || memcmp(bytes + off, want, len),
			     "attribute %u: another word has the code %lld", attr,
			     (long long)next + i);
			off += lens[i];
		}
		FAIL(off != a.word_bytes, "%u bytes of words, not %u", off, a.word_bytes);
		next += a.n;
	} while (next <= WORDS);
	FAIL(next != (int64_t)model[attr].n + 1, "attribute %u: %lld words were read", attr,
	     (long long)next - 1);
}

static int64_t code_for(uint64_t id, uint32_t attr)
{
	uint64_t s = id * 3 + attr;

	return random64(&s) % (model[attr].n + 1);
}

/* A record with codes that there are, or one with a code too many. */
static void insert_words(int fd, uint64_t id)
{
	float rows[2 * DIMS] = { 1, 2, 3, 4, 5, 6 };
	uint64_t ids[2] = { id, 1ULL << 60 }, bad;
	int64_t attrs[2 * ATTRS] = { code_for(id, 0), -(int64_t)id, code_for(id, 2) };
	struct vexfs_ioc_get g;

	if (EXPECT(0, vx_insert(fd, 1, DIMS, rows, ids, attrs, NULL, NULL), "insert"))
		return;
	EXPECT(0, vx_get(fd, id, DIMS, rows, &g), "get");
	FAIL(memcmp(g.item.attr, attrs, sizeof(int64_t) * ATTRS), "other attributes");

	ids[0] = 1ULL << 61;
	attrs[ATTRS + 2] = chance(2) ? (int64_t)model[2].n + 1 : -1 - (int64_t)chance(9);
	EXPECT(EINVAL, vx_insert(fd, 2, DIMS, rows, ids, attrs, NULL, &bad),
	       "a code that no word has");
	FAIL(bad != 1, "bad is %llu", (unsigned long long)bad);
	EXPECT(ENOENT, vx_get(fd, ids[0], DIMS, rows, NULL), "its neighbour was inserted");
}

/* What the last history left is what there is. */
static uint64_t check(int fd)
{
	struct vexfs_ioc_info info;
	char bytes[VEXFS_MAX_KEY];
	uint32_t i, k;
	int64_t code;
	uint8_t len;

	for (k = 0; k < 2; k++) {
		read_words(fd, keyword[k]);
		for (i = 0; i < WORDS; i++) {
			len = word_of(i, bytes);
			EXPECT(0, intern(fd, keyword[k], 1, VEXFS_INTERN_LOOKUP, bytes, &len, len,
					 &code), "look up");
			FAIL(code != model[keyword[k]].code[i], "word %u: code %lld, not %lld", i,
			     (long long)code, (long long)model[keyword[k]].code[i]);
		}
	}
	EXPECT(0, vx_info(fd, &info), "info");
	return info.live;
}

static void history(const char *dir, uint32_t seed, uint32_t n)
{
	char path[4096];
	uint64_t live;
	uint32_t i;
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "%s/words.model", dir);
	f = fopen(path, "r");
	if (f && (fread(model, sizeof(model), 1, f) != 1 || fclose(f)))
		die(path);
	fd = f ? vx_directory(dir, "history") : create(dir, "history");
	live = check(fd);
	FAIL(f && !live, "no records are left");
	for (i = 0; i < n; i++) {
		uint32_t attr = keyword[chance(2)];

		switch (chance(8)) {
		case 0:
			insert_words(fd, (uint64_t)seed << 32 | i);
			break;
		case 1:
			read_words(fd, attr);
			break;
		case 2:
			EXPECT(0, fsync(fd) ? errno : 0, "fsync");
			break;
		default:
			random_words(fd, attr);
		}
	}
	check(fd);
	close(fd);
	f = fopen(path, "w");
	if (!f || fwrite(model, sizeof(model), 1, f) != 1 || fclose(f))
		die(path);
}

/* --- what must be refused --- */

static void bad(const char *dir)
{
	static char many[3 << 20];
	static uint8_t lens[1 << 20];
	int fd = create(dir, "bad"), plain = vx_directory(dir, "plain");
	uint8_t len = 3, room = 0;
	uint32_t i;
	struct vexfs_ioc_words w;
	char bytes[VEXFS_MAX_KEY];
	int64_t code[2], *codes = calloc(1 << 20, sizeof(*codes));
	int status;

	EXPECT(ENODATA, intern(plain, 0, 1, 0, "abc", &len, 3, code), "a plain directory");
	EXPECT(EINVAL, intern(fd, 0, 1, 2, "abc", &len, 3, code), "flags");
	EXPECT(EINVAL, intern(fd, 0, 0, 0, "abc", &len, 3, code), "no word");
	EXPECT(EINVAL, intern(fd, 1, 1, 0, "abc", &len, 3, code), "a number");
	EXPECT(EINVAL, intern(fd, 3, 1, 0, "abc", &len, 3, code), "attribute 3");
	EXPECT(EINVAL, intern(fd, 8, 1, 0, "abc", &len, 3, code), "attribute 8");
	EXPECT(EINVAL, intern(fd, ~0u, 1, 0, "abc", &len, 3, code), "attribute ~0");
	EXPECT(EINVAL, intern(fd, 0, 1, 0, "a\0c", &len, 3, code), "a NUL");
	EXPECT(EINVAL, intern(fd, 0, 1, 0, "abc", &len, 2, code), "bytes are missing");
	EXPECT(EINVAL, intern(fd, 0, 1, 0, "abcd", &len, 4, code), "a byte too many");
	EXPECT(EINVAL, intern(fd, 0, 2, 0, "abc", (uint8_t[]){ 3, 0 }, 3, code), "an empty word");
	EXPECT(EINVAL, intern(fd, 0, 2, 0, "abc", (uint8_t[]){ 0, 3 }, 3, code), "an empty word");
	EXPECT(EINVAL, intern(fd, 0, 1, 0, "abc", &len, 0, code), "no bytes");
	EXPECT(E2BIG, intern(fd, 0, VEXFS_MAX_BATCH + 1, 0, "abc", &len, 3, code),
	       "too many words");
	EXPECT(E2BIG, intern(fd, 0, 1, 0, "abc", &len, VEXFS_MAX_STRING_BYTES + 1, code),
	       "too many bytes");
	EXPECT(EFAULT, intern(fd, 0, 1, 0, (char *)8, &len, 3, code), "bytes nowhere");
	EXPECT(EFAULT, intern(fd, 0, 1, 0, "abc", (uint8_t *)8, 3, code), "lengths nowhere");
	/* this one is too late to be refused: the word is there */
	EXPECT(EFAULT, intern(fd, 2, 1, 0, "abc", &len, 3, (int64_t *)8), "codes nowhere");
	w = (struct vexfs_ioc_words){ .size = sizeof(w), .n = 1, .first = 1, .words = PTR(bytes),
				      .lens = PTR(&room), .word_bytes = sizeof(bytes) };
#define WORDS_CALL(want, what, ...) do {							\
		struct vexfs_ioc_words a = w;							\
		__VA_ARGS__;									\
		EXPECT(want, vx_ioctl(fd, VEXFS_IOC_WORDS, &a), what);				\
		FAIL(!(want) && (a.n || a.total || a.word_bytes), "%s: there is a word", what);	\
	} while (0)
	WORDS_CALL(0, "none was made");
	WORDS_CALL(0, "far beyond the last one", a.first = INT64_MAX);
	WORDS_CALL(EINVAL, "flags of words", a.flags = 1);
	WORDS_CALL(EINVAL, "reserved of words", a.reserved[3] = 1);
	WORDS_CALL(EINVAL, "code 0", a.first = 0);
	WORDS_CALL(EINVAL, "code -1", a.first = -1);
	WORDS_CALL(EINVAL, "words of a number", a.attr = 1);
	WORDS_CALL(EINVAL, "words of nothing", a.attr = ~0u);
	WORDS_CALL(EINVAL, "no room for words", a.n = 0);
	WORDS_CALL(EINVAL, "no room for bytes", a.word_bytes = VEXFS_MAX_KEY - 1);
	WORDS_CALL(E2BIG, "room for too many words", a.n = VEXFS_MAX_BATCH + 1);
	WORDS_CALL(E2BIG, "room for too many bytes", a.word_bytes = VEXFS_MAX_STRING_BYTES + 1);
	WORDS_CALL(EINVAL, "size of words", a.size = 4);

	/* a million of the same: one code */
	memset(many, 'm', sizeof(many));
	memset(lens, 3, sizeof(lens));
	EXPECT(0, intern(fd, 2, 1 << 20, 0, many, lens, sizeof(many), codes), "a million");
	for (i = 0; i < 1 << 20; i++)
		FAIL(codes[i] != 2, "word %u has the code %lld", i, (long long)codes[i]);
	free(codes);
	EXPECT(0, intern_one(fd, 0, MARK, code), "the one to damage");
	FAIL(code[0] != 1, "it has the code %lld", (long long)code[0]);
	EXPECT(0, intern_one(fd, 0, "another", code), "another one");
	FAIL(code[0] != 2, "it has the code %lld", (long long)code[0]);
	if (!fork()) {
		if (setgid(1000) || setuid(1000))
			_exit(1);
		_exit(intern_one(fd, 0, "by nobody", code) != EACCES ||
		      intern(fd, 0, 1, VEXFS_INTERN_LOOKUP, "another", (uint8_t[]){ 7 }, 7, code) ||
		      code[0] != 2);
	}
	FAIL(wait(&status) < 0 || status, "another user: status %#x", status);
	EXPECT(0, fsync(fd) ? errno : 0, "fsync");
	close(plain);
	close(fd);
}

/* --- damage --- */

static void damage(const char *device)
{
	static char buf[1 << 20];
	int dev = open(device, O_RDWR), hits = 0;
	off_t pos;
	ssize_t n;
	char *p;

	for (pos = 0; (n = pread(dev, buf, sizeof(buf), pos)) > 0; pos += n)
		for (p = buf; (p = memmem(p, n - (p - buf), MARK, strlen(MARK))); p++) {
			hits++;
			if (pwrite(dev, "A", 1, pos + (p - buf)) != 1)
				die("write to the device");
		}
	FAIL(!hits, "the word is nowhere on the disk");
	if (dev < 0 || fsync(dev) || close(dev))
		die(device);
}

static void damaged(const char *dir)
{
	struct vexfs_ioc_drop d = { .size = sizeof(d) };
	int fd = vx_directory(dir, "bad"), i;
	struct vexfs_ioc_info info;

	for (i = 0; i < 2; i++)
		EXPECT(EUCLEAN, vx_info(fd, &info), "info of what is damaged");
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_DROP, &d), "drop it");
	EXPECT(ENODATA, vx_info(fd, &info), "info of what was dropped");
	EXPECT(ENODATA, vx_ioctl(fd, VEXFS_IOC_DROP, &d), "drop it twice");
	close(fd);
}

/* --- a full disk --- */

static void enospc(const char *dir)
{
	static char bytes[4096 * VEXFS_MAX_KEY];
	static uint8_t lens[4096];
	static int64_t codes[4096];
	int fd = create(dir, "enospc"), err = 0;
	struct vexfs_ioc_words w = { .size = sizeof(w), .n = 1, .first = 1, .words = PTR(bytes),
				     .lens = PTR(lens), .word_bytes = sizeof(bytes) };
	uint64_t total = 0;
	uint32_t i, n;

	memset(lens, VEXFS_MAX_KEY, sizeof(lens));
	memset(bytes, 'x', sizeof(bytes));
	for (n = 0; !err && n < 1000; n++) {
		for (i = 0; i < 4096; i++)
			memcpy(bytes + i * VEXFS_MAX_KEY + 7,
			       &(uint32_t){ 0x01010101 + (n * 4096 + i) * 0x100u }, 4);
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] += !bytes[i];
		err = intern(fd, 0, 4096, 0, bytes, lens, sizeof(bytes), codes);
		if (!err)
			total += 4096;
	}
	EXPECT(ENOSPC, err, "a disk full of words");
	EXPECT(0, vx_ioctl(fd, VEXFS_IOC_WORDS, &w), "words");
	FAIL(w.total < total / 2, "%llu words of %llu", (unsigned long long)w.total,
	     (unsigned long long)total);
	EXPECT(0, intern(fd, 0, 1, 0, bytes, lens, VEXFS_MAX_KEY, codes), "a word that is there");
	EXPECT(0, fsync(fd) ? errno : 0, "fsync");
	close(fd);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 5 && !strcmp(argv[1], "history")) {
		chance_state = atoi(argv[3]);
		history(argv[2], atoi(argv[3]), atoi(argv[4]));
	} else if (argc == 3 && !strcmp(argv[1], "bad")) {
		bad(argv[2]);
	} else if (argc == 3 && !strcmp(argv[1], "damage")) {
		damage(argv[2]);
	} else if (argc == 3 && !strcmp(argv[1], "damaged")) {
		damaged(argv[2]);
	} else if (argc == 3 && !strcmp(argv[1], "enospc")) {
		enospc(argv[2]);
	} else {
		fprintf(stderr, "usage: words history DIR SEED N | bad DIR | damage DEVICE |"
				" damaged DIR | enospc DIR\n");
		return 2;
	}
	return failed();
}
