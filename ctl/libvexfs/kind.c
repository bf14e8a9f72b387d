// SPDX-License-Identifier: GPL-2.0
/*
 * What a file is by its content: one of the formats that are read, or another kind that is known.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include "libvexfs/file_format.h"

#define HEAD	4096

#define TO_NPY	"load it and numpy.save() its vectors as npy"
#define UNPACK	"unpack it first"

/* Kinds that are not read, by bytes at a place of the file. */
static const struct {
	__u16 at, len;
	const char *bytes, *name, *hint;
} kinds[] = {
	{ 0, 4, "PAR1", "a Parquet file",
	  "convert it to jsonl, as by pandas: to_json(orient='records', lines=True)" },
	{ 0, 6, "ARROW1", "an Arrow or Feather file", "convert it to jsonl or npy" },
	{ 0, 4, "\xff\xff\xff\xff", "an Arrow stream", "convert it to jsonl or npy" },
	{ 0, 4, "FEA1", "a Feather file", "convert it to jsonl or npy" },
	{ 0, 4, "Obj\1", "an Avro file", "convert it to jsonl" },
	{ 0, 3, "ORC", "an ORC file", "convert it to jsonl" },
	{ 0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file",
	  "load its data set with h5py and numpy.save() it as npy" },
	{ 0, 4, "GGUF", "a GGUF model", "a file of vectors is wanted" },
	{ 0, 16, "SQLite format 3\0", "an SQLite database", "write its vectors as jsonl" },
	{ 0, 6, "MATLAB", "a MATLAB file",
	  "load it with scipy.io.loadmat() and numpy.save() it as npy" },
	{ 0, 4, "IxF2", "a FAISS index", "reconstruct its vectors and numpy.save() them as npy" },
	{ 0, 4, "IxFI", "a FAISS index", "reconstruct its vectors and numpy.save() them as npy" },
	{ 0, 4, "IHNf", "a FAISS index", "reconstruct its vectors and numpy.save() them as npy" },
	{ 0, 6, "\xfd" "7zXZ\0", "packed by xz", UNPACK },
	{ 0, 4, "\x28\xb5\x2f\xfd", "packed by zstd", UNPACK },
	{ 0, 3, "BZh", "packed by bzip2", UNPACK },
	{ 0, 4, "\x04\x22\x4d\x18", "packed by lz4", UNPACK },
	{ 0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK },
	{ 257, 5, "ustar", "a tar archive", UNPACK },
	{ 0, 2, "\xff\xfe", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8" },
	{ 0, 2, "\xfe\xff", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8" },
};

struct head {
	unsigned char byte[HEAD + 1];	/* a NUL behind them */
	size_t n;
	bool binary;			/* control characters; UTF-8 in words is text */
};

static int other_kind(struct vexfs_import *im, const char *name, const char *hint)
{
	return vexfs_import_complain(im, -ENOEXEC, "it is %s, which is not read; %s", name, hint);
}

static bool contains(const struct head *h, const char *text)
{
	return memmem(h->byte, h->n, text, strlen(text));
}

/* zip is what npz and newer files of PyTorch are. */
static int zip(struct vexfs_import *im, const struct head *h)
{
	if (contains(h, "/data.pkl"))
		return other_kind(im, "a PyTorch file",
				  "torch.load() it and numpy.save() tensor.numpy() as npy");
	if (contains(h, ".npy"))
		return other_kind(im, "an npz archive",
				  "unzip it, and import the npy of it that holds the vectors");
	return other_kind(im, "a zip archive", UNPACK);
}

/* word2vec's binary files: the line `records dims`, then `word `, numbers, `word `, numbers ... */
static bool is_word2vec(const struct head *h)
{
	const unsigned char *p = h->byte;

	if (!isdigit(*p))
		return false;
	while (isdigit(*p))
		p++;
	if (*p++ != ' ' || !isdigit(*p))
		return false;
	while (isdigit(*p))
		p++;
	return *p == '\n';
}

/* Is it of another kind that is known?  0, or -ENOEXEC. */
static int check_kind(struct vexfs_import *im, const struct head *h)
{
	__le64 len = 0;
	size_t i;

	if (!h->binary)
		return 0;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (h->n >= (size_t)kinds[i].at + kinds[i].len &&
		    !memcmp(h->byte + kinds[i].at, kinds[i].bytes, kinds[i].len))
			return other_kind(im, kinds[i].name, kinds[i].hint);
	if (h->n >= 4 && !memcmp(h->byte, "PK\3\4", 4))
		return zip(im, h);
	/* the opcode of a version, then another one, or the number of bytes that follow */
	if (h->n >= 3 && h->byte[0] == 0x80 && h->byte[1] >= 2 && h->byte[1] <= 5 &&
	    h->byte[2] > ' ')
		return other_kind(im, "a Python pickle (.pkl, .pt)", TO_NPY);
	if (h->n > 10) {
		memcpy(&len, h->byte, sizeof(len));
		if (le64toh(len) >= 2 && le64toh(len) < 100000000 && h->byte[8] == '{' &&
		    (h->byte[9] == '"' || h->byte[9] == '}'))
			return other_kind(im, "a safetensors file",
					  "load it with safetensors.numpy.load_file() and numpy.save() its vectors as npy");
	}
	if (is_word2vec(h))
		return other_kind(im, "a binary word2vec file",
				  "gensim: KeyedVectors.load_word2vec_format(FILE, binary=True).save_word2vec_format(OUT)");
	return 0;
}

/* Read the head of the file, which is at its start afterwards. */
static int read_head(struct vexfs_import *im, struct head *h)
{
	size_t i;

	errno = 0;
	h->n = fread(h->byte, 1, HEAD, im->file);
	h->byte[h->n] = 0;
	if (ferror(im->file))
		return vexfs_import_unreadable(im, "its start");
	rewind(im->file);
	for (h->binary = false, i = 0; i < h->n; i++)
		h->binary |= h->byte[i] < ' ' && !memchr("\t\n\v\f\r", h->byte[i], 5);
	return 0;
}

int vexfs_import_check_kind(struct vexfs_import *im)
{
	struct head h;
	int err = read_head(im, &h);

	if (err)
		return err;
	if (h.n >= 6 && !memcmp(h.byte, "\x93NUMPY", 6))
		return 0;
	return check_kind(im, &h);
}

/* A word may be a lone brace or bracket. */
static enum vexfs_file_format text_format(const struct head *h)
{
	const char *s = (const char *)h->byte, *next;

	if (!strncmp(s, VEXFS_BOM, strlen(VEXFS_BOM)))
		s += strlen(VEXFS_BOM);
	s += strspn(s, VEXFS_BLANKS "\n");
	if (*s != '{' && *s != '[')
		return VEXFS_FILE_TEXT;
	next = s + 1 + strspn(s + 1, VEXFS_BLANKS "\n");
	if (*s == '{')
		return *next == '"' || *next == '}' ? VEXFS_FILE_JSONL : VEXFS_FILE_TEXT;
	if (*next && strchr("{[]", *next))
		return VEXFS_FILE_JSON;
	/* `[1, 2]`, or the word [ and numbers */
	return next == s + 1 ? VEXFS_FILE_JSONL : VEXFS_FILE_TEXT;
}

/* Numbers or words with commas, and fewer spaces, in the first line. */
static bool is_csv(const struct head *h)
{
	const unsigned char *p;
	size_t commas = 0, blanks = 0;

	for (p = h->byte; *p && *p != '\n'; p++) {
		commas += *p == ',' || *p == ';';
		blanks += *p == ' ' || *p == '\t';
	}
	return commas > blanks;
}

/*
 * Numbers without a magic number, as the size of the file tells it.  GUESS: it is none.  With fits
 * only if they are of the dims that are wanted, too.  u8bin may also be i8bin.
 */
static enum vexfs_file_format rows_format(struct vexfs_import *im, const struct head *h, bool fits)
{
	__le32 head[2] = {};
	__u64 first, second;
	off_t size;

	memcpy(head, h->byte, h->n < sizeof(head) ? h->n : sizeof(head));
	first = le32toh(head[0]);
	second = le32toh(head[1]);
	size = fseeko(im->file, 0, SEEK_END) ? 0 : ftello(im->file);
	rewind(im->file);
	if (first == im->dims && !(size % (4 + 4 * first)))
		return VEXFS_FILE_FVECS;
	if (second && second <= VEXFS_MAX_DIMS && (!fits || second == im->dims)) {
		if ((__u64)size == 8 + first * second * 4)
			return VEXFS_FILE_FBIN;
		if ((__u64)size == 8 + first * second)
			return VEXFS_FILE_U8BIN;
	}
	return !fits && first && first <= VEXFS_MAX_DIMS ? VEXFS_FILE_FVECS : VEXFS_FILE_GUESS;
}

int vexfs_import_guess(struct vexfs_import *im)
{
	struct head h;
	int err = read_head(im, &h);

	if (err)
		return err;
	if (h.n >= 6 && !memcmp(h.byte, "\x93NUMPY", 6)) {
		im->format = VEXFS_FILE_NPY;
		return 0;
	}
	if (h.binary) {
		im->format = rows_format(im, &h, true);
		if (!im->format) {
			err = check_kind(im, &h);
			if (err)
				return err;
			im->format = rows_format(im, &h, false);
		}
		if (im->format == VEXFS_FILE_U8BIN)
			return vexfs_import_complain(im, -ENOEXEC,
						     "is u8bin or i8bin; say which with --format");
		if (!im->format)
			return vexfs_import_complain(
				im, -ENOEXEC,
				"is none of fvecs, fbin, npy, jsonl, json and text; say which with --format");
		return 0;
	}
	im->format = text_format(&h);
	if (im->format == VEXFS_FILE_TEXT && is_csv(&h))
		return other_kind(im, "CSV",
				  "convert it to jsonl, as by pandas: to_json(orient='records', lines=True)");
	return 0;
}
