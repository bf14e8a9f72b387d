// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl import: the records of a file into a collection.
 *
 * The whole file is read and checked before the first record goes in, and so are its ids, so that a
 * bad file changes nothing.  What can still fail after that (a full disk, somebody else's record of
 * the same id) ends the import between two batches: every batch is all or nothing, and the message
 * says how many records are in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vexctl/import.h"

static int open_input(struct job *j, enum vexfs_file_format format)
{
	if (input_open(&j->in, j->path))
		return VEXCTL_FAILED;
	if (format == VEXFS_FILE_GUESS)
		format = vexfs_file_format_of(j->path);
	j->path = j->in.path;
	if (format == VEXFS_FILE_GUESS && !j->in.size)
		return fail(j->path, "it holds no record; nothing was imported");
	if (vexfs_import_open(&j->im, j->in.file, format, j->info.dims,
			      j->info.metric == VEXFS_METRIC_COSINE))
		return fail(j->path, "%s; nothing was imported", j->im.error);
	if (j->labels_path && j->im.format != VEXFS_FILE_TEXT)
		return fail(j->path,
			    "it is %s, which has no words to save; leave out --save-labels",
			    vexfs_file_format_name(j->im.format));
	if (j->attr_path) {
		if (!j->info.attrs)
			return fail(j->dir,
				    "the collection has no attributes; leave out --attr-file");
		j->attr_file = fopen(j->attr_path, "re");
		if (!j->attr_file)
			return fail(j->attr_path, "%s", strerror(errno));
	}
	return 0;
}

/* NAME=lineno, NAME=NUMBER, or NAME=WORD, now that the schema is known. */
static int set_attr(struct job *j, char *arg)
{
	char *value = strchr(arg, '=');
	int i;

	if (!value)
		return usage(
			"--attr: '%s' lacks a value; it is NAME=NUMBER, NAME=WORD or NAME=lineno",
			arg);
	*value++ = 0;
	i = attr_by_name(&j->info, arg);
	if (i < 0)
		return fail(j->dir,
			    "the collection has no attribute '%s'; see `vexctl collection info`",
			    arg);
	j->attr[i].from = ATTR_CONST;
	if (j->info.attr[i].type == VEXFS_ATTR_KEYWORD) {
		j->attr[i].word = value;
		if (strlen(value) > VEXFS_MAX_KEY)
			return usage("--attr: the word of '%s' is longer than %d bytes", arg,
				     VEXFS_MAX_KEY);
		return 0;
	}
	if (!strcmp(value, "lineno")) {
		j->attr[i].from = ATTR_LINENO;
		return 0;
	}
	return want_s64("--attr", value, &j->attr[i].value);
}

/* The codes of the words of --attr, once it is clear that records will have them. */
static int attr_codes(struct job *j)
{
	__u32 a;
	int err;

	for (a = 0; a < j->info.attrs; a++) {
		const char *word = j->attr[a].word;
		__u8 len = word ? strlen(word) : 0;
		struct vexfs_word_list list = { .n = 1, .bytes = (char *)word, .lens = &len };

		err = len ? vexfs_intern(j->fd, a, &list, &j->attr[a].value, 0) : 0;
		if (err)
			return fail_op(j->dir, VEXFS_OP_INTERN, err);
	}
	return 0;
}

static int attr_line(struct job *j, __s64 *out)
{
	char error[128] = "";
	int ret = vexfs_import_numbers(j->attr_file, out, j->info.attrs, &j->attr_lines, error,
				       sizeof(error));

	if (!ret)
		return fail(j->attr_path, "it ends after %llu lines; every record needs one",
			    j->attr_lines);
	return ret < 0 ? fail(j->attr_path, "%s", error) : 0;
}

int import_attrs(struct job *j, __s64 *out)
{
	char place[VEXFS_PLACE];
	__u32 i;
	int a;

	memset(out, 0, j->info.attrs * sizeof(*out));
	if (j->attr_file && attr_line(j, out))
		return VEXCTL_FAILED;
	for (i = 0; j->im.r.row && i < j->im.r.attrs; i++) {
		const char *name = j->im.r.attr[i].name;

		a = attr_by_name(&j->info, name);
		if (a < 0)
			return fail(
				j->path,
				"%s: the collection has no attribute '%.64s'; see `vexctl collection info`",
				vexfs_import_place(&j->im, place), name);
		if ((j->info.attr[a].type == VEXFS_ATTR_KEYWORD) != (j->im.r.attr[i].word != NULL))
			return fail(j->path, "%s: the attribute '%.64s' takes %s",
				    vexfs_import_place(&j->im, place), name,
				    j->im.r.attr[i].word ? "whole numbers" : "words");
		out[a] = j->im.r.attr[i].number;
	}
	for (i = 0; i < j->info.attrs; i++) {
		if (j->attr[i].from == ATTR_CONST)
			out[i] = j->attr[i].value;
		else if (j->attr[i].from == ATTR_LINENO)
			out[i] = j->im.current;
	}
	return 0;
}

bool import_is_left_out(const struct job *j, __u64 n, size_t *at)
{
	while (*at < j->n_left_out && j->left_out[*at] < n)
		++*at;
	return *at < j->n_left_out && j->left_out[*at] == n;
}

/* The record just read is no vector; remember it. */
static int leave_out(struct job *j)
{
	__u64 *p;

	if (j->im.record <= j->skip)
		return 0;
	if (j->n_left_out == j->left_out_room) {
		j->left_out_room = j->left_out_room ? 2 * j->left_out_room : 64;
		p = realloc(j->left_out, j->left_out_room * sizeof(*p));
		if (!p)
			return fail(j->path, "out of memory");
		j->left_out = p;
	}
	if (j->n_left_out < LEFT_OUT_SAID) {
		j->left_out_why[j->n_left_out] = strdup(j->im.error);
		if (!j->left_out_why[j->n_left_out])
			return fail(j->path, "out of memory");
	}
	j->left_out[j->n_left_out++] = j->im.current;
	return 0;
}

/*
 * The record just read may have an id of its own, if all have one.  Keep it.  first: none was read
 * before.
 */
static int own_id(struct job *j, bool first)
{
	__u64 n = j->im.current, *ids;
	char place[VEXFS_PLACE];

	if (!first && j->im.r.has_id != (j->own_ids != NULL))
		return fail(j->path,
			    "%s: it has %s id, unlike those before it; give all an id or none",
			    vexfs_import_place(&j->im, place), j->im.r.has_id ? "an" : "no");
	if (!j->im.r.has_id)
		return 0;
	if (j->start_given || j->append)
		return fail(j->path, "it has ids of its own; leave out %s",
			    j->append ? "--append" : "--start-id");
	if (n >= j->room) {
		j->room = n < 2048 ? 4096 : 2 * n;
		ids = realloc(j->own_ids, j->room * sizeof(*ids));
		if (!ids)
			return fail(j->path, "out of memory");
		j->own_ids = ids;
	}
	j->own_ids[n] = j->im.r.id;
	return 0;
}

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/* No id may be there twice. */
static int check_own_ids(const struct job *j)
{
	__u64 *sorted = malloc(j->total * sizeof(*sorted)), i, n = 0;
	size_t at = 0;
	int ret = 0;

	if (!sorted)
		return fail(j->path, "out of memory");
	for (i = j->skip; i < j->total; i++)
		if (!import_is_left_out(j, i, &at))
			sorted[n++] = j->own_ids[i];
	qsort(sorted, n, sizeof(*sorted), compare);
	for (i = 1; i < n && !ret; i++)
		if (sorted[i] == sorted[i - 1])
			ret = fail(j->path,
				   "two of its records have the id %llu; nothing was imported",
				   sorted[i]);
	free(sorted);
	return ret;
}

/*
 * The record just read may have a key: it must be free.  Keep it, to find out whether it comes
 * twice.
 */
static int own_key(struct job *j)
{
	const char *key = j->im.r.key;
	char place[VEXFS_PLACE], **keys;
	int err;

	if (!key || j->im.record <= j->skip)
		return 0;
	if (j->info.live && !j->upsert) {
		err = vexfs_get_by_key(j->fd, key, strlen(key), NULL, 0, NULL);
		if (!err)
			return fail(j->path,
				    "%s: the key '%s' is taken; replace its record with --upsert",
				    vexfs_import_place(&j->im, place), key);
		if (err != -ENOENT)
			return fail_op(j->dir, VEXFS_OP_GET, err);
	}
	if (j->n_keys == j->keys_room) {
		j->keys_room = j->keys_room ? 2 * j->keys_room : 4096;
		keys = realloc(j->own_keys, j->keys_room * sizeof(*keys));
		if (!keys)
			return fail(j->path, "out of memory");
		j->own_keys = keys;
	}
	j->own_keys[j->n_keys] = strdup(key);
	if (!j->own_keys[j->n_keys])
		return fail(j->path, "out of memory");
	j->n_keys++;
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int check_own_keys(struct job *j)
{
	size_t i;

	if (j->n_keys)
		qsort(j->own_keys, j->n_keys, sizeof(*j->own_keys), compare_keys);
	for (i = 1; i < j->n_keys; i++)
		if (!strcmp(j->own_keys[i], j->own_keys[i - 1]))
			return fail(j->path,
				    "two of its records have the key '%s'; nothing was imported",
				    j->own_keys[i]);
	return 0;
}

/*
 * The file that the record just read is bound to must be there, below the collection's directory.
 */
static int check_file(const struct job *j)
{
	const char *path = j->im.r.file;
	char place[VEXFS_PLACE];
	int fd;

	if (!path)
		return 0;
	if (in_image()) {
		fd = vexfs_open_file(j->fd, path, O_RDONLY);
		errno = fd < 0 ? -fd : 0;
		if (fd >= 0)
			return vexfs_close(fd);
	} else if (!faccessat(j->fd, path, R_OK, 0)) {
		return 0;
	}
	return fail(j->path, "%s: the file '%s' of the collection: %s",
		    vexfs_import_place(&j->im, place), path, strerror(errno));
}

/* What was read of the file fits together. */
static int check_all(struct job *j)
{
	j->total = j->im.record;
	if (!j->total)
		return 0;
	if (j->skip >= j->total)
		return fail(j->path, "it has %llu record%s, --skip leaves none of them", j->total,
			    j->total == 1 ? "" : "s");
	if (j->n_left_out == j->total - j->skip)
		return fail(j->path,
			    "none of its %llu records can be taken: %s; nothing was imported",
			    j->total - j->skip, j->left_out_why[0]);
	if ((j->own_ids && check_own_ids(j)) || check_own_keys(j))
		return VEXCTL_FAILED;
	/*
	 * an upsert without ids is by keys: by place, it would replace records that have nothing to
	 * do with it
	 */
	j->auto_ids = !j->own_ids && !j->start_given && (j->append || j->upsert);
	if (!j->own_ids && !j->auto_ids && j->start_id + (j->total - 1) < j->start_id)
		return fail(j->path,
			    "its ids would go beyond 64 bits; choose a smaller --start-id");
	return 0;
}

/* Read everything once, and count. */
static int validate(struct job *j)
{
	__s64 attrs[VEXFS_MAX_ATTRS];
	bool first = true;
	int ret;

	while ((ret = vexfs_import_next(&j->im)) > 0 ||
	       (j->skip_invalid && vexfs_import_skips(ret))) {
		if (ret < 0) {
			if (leave_out(j) || import_attrs(j, attrs))
				return VEXCTL_FAILED;
		} else {
			if (own_id(j, first) || own_key(j) || check_file(j) ||
			    import_attrs(j, attrs))
				return VEXCTL_FAILED;
			first = false;
		}
		if (interrupted())
			return fail(j->path, "interrupted; nothing was imported");
		if (!(j->im.record & 1023))
			progress("checking", input_at(&j->in), j->in.size, "bytes");
	}
	progress(NULL, 0, 0, NULL);
	if (ret < 0)
		return fail(j->path, "%s; nothing was imported%s", j->im.error,
			    vexfs_import_skips(ret) ? "; --skip-invalid leaves such records out" :
						      "");
	if (check_all(j))
		return VEXCTL_FAILED;
	if (vexfs_import_rewind(&j->im))
		return fail(j->path, "%s; nothing was imported", j->im.error);
	if (j->attr_file && fseeko(j->attr_file, 0, SEEK_SET))
		return fail(j->attr_path, "cannot be read twice: %s", strerror(errno));
	j->attr_lines = 0;
	return 0;
}

static int id_taken(const struct job *j, __u64 id)
{
	char free_ids[64] = "";

	if (j->info.next_id != ~0ULL)
		snprintf(free_ids, sizeof(free_ids), " (%s%llu)",
			 j->own_ids ? "ids are free from " : "ids from ", j->info.next_id);
	if (j->own_ids)
		return fail(j->path,
			    "id %llu is taken; choose another%s, or replace its record with --upsert; nothing was imported",
			    id, free_ids);
	return fail(j->path,
		    "id %llu is taken; choose another --start-id, or --append%s; nothing was imported",
		    id, free_ids);
}

/*
 * None of the ids may be taken.  Somebody may still take one while we import; then that batch fails
 * as a whole.
 */
static int check_ids(struct job *j)
{
	size_t at = 0;
	__u64 n;

	if (!j->info.live || j->upsert || j->auto_ids)
		return 0;
	for (n = j->skip; n < j->total; n++) {
		__u64 id = j->own_ids ? j->own_ids[n] : j->start_id + n;
		int err = import_is_left_out(j, n, &at) ? -ENOENT :
							  vexfs_get(j->fd, id, NULL, 0, NULL);

		if (!err)
			return id_taken(j, id);
		if (err != -ENOENT)
			return fail_op(j->dir, VEXFS_OP_GET, err);
		if (interrupted())
			return fail(j->path, "interrupted; nothing was imported");
	}
	return 0;
}

/* "ids 5 to 7", or what can be said of them. */
static const char *ids_text(const struct ids *ids, char text[64])
{
	snprintf(text, 64, ids->run ? "ids %llu to %llu" : "ids between %llu and %llu", ids->least,
		 ids->most);
	return text;
}

int import_ended(const struct job *j, const char *why)
{
	char text[64];
	int err;

	if (!j->done)
		return fail(j->path, "%s; nothing was imported", why);
	/* of an image nobody else makes it durable, and the filesystem that it is on may be full */
	err = in_image() ? vexfs_sync(j->fd) : 0;
	if (err && err != -EINTR)
		return fail(j->path,
			    "%s; nor could what was imported be written: see what `vexctl collection info` says, and import the rest again",
			    why);
	return fail(j->path, "%s; %llu of %llu records are in (%s), continue with --skip %llu", why,
		    j->done, j->total - j->skip - j->n_left_out, ids_text(&j->ids, text), j->next);
}

static void report_json(const struct job *j)
{
	struct json_object *o = json_object_new_object(), *why;
	size_t i;

	add_u64(o, "records", j->done);
	if (j->done) {
		add_u64(o, "first_id", j->ids.first);
		add_u64(o, "last_id", j->ids.last);
	}
	add_u64(o, "vector_bytes", j->done * j->info.row_bytes);
	if (j->im.rounded)
		add_str(o, "rounded", j->im.type);
	if (j->skip_invalid) {
		add_u64(o, "left_out", j->n_left_out);
		why = json_object_new_array();
		for (i = 0; i < j->n_left_out && i < LEFT_OUT_SAID; i++)
			json_object_array_add(why, json_object_new_string(j->left_out_why[i]));
		json_object_object_add(o, "left_out_first", why);
	}
	print_json(o);
}

static void report(const struct job *j)
{
	char text[64];
	size_t i;

	if (j->done)
		printf("imported %llu records into %s: %s, %u dimensions, on disk\n", j->done,
		       printable(j->dir), ids_text(&j->ids, text), j->info.dims);
	else
		printf("imported 0 records into %s: %s holds none\n", printable(j->dir),
		       printable(j->path));
	if (j->upsert && j->auto_ids && !j->n_keys && j->done)
		printf("they have no ids and no keys, so that nothing was replaced; --start-id N replaces from id N on\n");
	if (j->im.rounded)
		printf("numbers of type %s became the nearest 32-bit floats\n",
		       printable(j->im.type));
	if (j->n_left_out)
		printf("left out %zu records:\n", j->n_left_out);
	for (i = 0; i < j->n_left_out && i < LEFT_OUT_SAID; i++)
		printf("  %s\n", printable(j->left_out_why[i]));
	if (i < j->n_left_out)
		printf("  and %zu more\n", j->n_left_out - i);
}

/* Of the command line, against what the collection is. */
static int check_options(struct job *j, char **attrs, int n_attrs)
{
	__u32 most = VEXFS_MAX_BATCH_BYTES / j->info.row_bytes, a;
	int i, ret;

	for (i = 0; i < n_attrs; i++) {
		ret = set_attr(j, attrs[i]);
		if (ret)
			return ret;
	}
	for (a = 0; j->attr_path && a < j->info.attrs; a++)
		if (j->info.attr[a].type == VEXFS_ATTR_KEYWORD && j->attr[a].from != ATTR_CONST)
			return fail(j->attr_path,
				    "it has whole numbers, and the attribute '%s' takes words; give them in jsonl, or one for all by --attr",
				    j->info.attr[a].name);
	if (most > VEXFS_MAX_BATCH)
		most = VEXFS_MAX_BATCH;
	if (j->batch > most)
		return usage("--batch: %u is too many; at most %u records of %u bytes", j->batch,
			     most, j->info.row_bytes);
	return 0;
}

static int run_job(struct job *j, enum vexfs_file_format format, char **attrs, int n_attrs,
		   bool json)
{
	int ret, err;

	j->fd = open_collection(j->dir, &j->info);
	if (j->fd < 0)
		return VEXCTL_FAILED;
	ret = check_options(j, attrs, n_attrs);
	if (!ret)
		ret = open_input(j, format);
	if (!ret)
		ret = validate(j);
	if (!ret)
		ret = check_ids(j);
	if (!ret)
		ret = attr_codes(j);
	if (ret)
		return ret;
	if (j->labels_path) {
		j->labels = fopen(j->labels_path, "wxe");
		if (!j->labels)
			return fail(j->labels_path, "%s; nothing was imported", errno == EEXIST ?
				    "the file exists and is not overwritten" : strerror(errno));
	}
	j->next = j->skip;
	ret = j->total ? import_insert(j) : 0;
	progress(NULL, 0, 0, NULL);
	if (j->labels && !j->done)
		unlink(j->labels_path);
	err = j->done ? vexfs_sync(j->fd) : 0;
	if (err)
		return fail_op(j->dir, VEXFS_OP_SYNC, err);
	if (ret)
		return ret;
	if (json)
		report_json(j);
	else
		report(j);
	return VEXCTL_OK;
}

static int import(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "start-id", required_argument, NULL, 's' },
		{ "skip", required_argument, NULL, 'k' },
		{ "upsert", no_argument, NULL, 'u' },
		{ "append", no_argument, NULL, 'p' },
		{ "skip-invalid", no_argument, NULL, 'i' },
		{ "batch", required_argument, NULL, 'b' },
		{ "attr", required_argument, NULL, 'a' },
		{ "attr-file", required_argument, NULL, 'A' },
		{ "save-labels", required_argument, NULL, 'L' },
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	enum vexfs_file_format format = VEXFS_FILE_GUESS;
	char *attrs[VEXFS_MAX_ATTRS];
	struct job j = { .fd = -1 };
	bool json = false;
	int c, ret, n_attrs = 0;
	__u64 v;
	size_t i;

	while ((c = getopt_long(argc, argv, "f:s:b:a:", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (want_format(optarg, &format))
				return VEXCTL_USAGE;
			break;
		case 's':
			if (want_u64("--start-id", optarg, 0, ~0ULL, &j.start_id))
				return VEXCTL_USAGE;
			j.start_given = true;
			break;
		case 'u':
			j.upsert = true;
			break;
		case 'p':
			j.append = true;
			break;
		case 'i':
			j.skip_invalid = true;
			break;
		case 'k':
			if (want_u64("--skip", optarg, 0, ~0ULL, &j.skip))
				return VEXCTL_USAGE;
			break;
		case 'b':
			if (want_u64("--batch", optarg, 1, VEXFS_MAX_BATCH, &v))
				return VEXCTL_USAGE;
			j.batch = v;
			break;
		case 'a':
			if (n_attrs == VEXFS_MAX_ATTRS)
				return usage("--attr: at most %d", VEXFS_MAX_ATTRS);
			attrs[n_attrs++] = optarg;
			break;
		case 'A':
			j.attr_path = optarg;
			break;
		case 'L':
			j.labels_path = optarg;
			break;
		case 'j':
			json = true;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (want_args(argc, 2, 2, "DIR and FILE"))
		return VEXCTL_USAGE;
	if (j.append && j.start_given)
		return usage("give one of --append and --start-id");
	j.dir = dir_arg(argv);
	j.path = argv[optind + 1];
	catch_signals();
	ret = run_job(&j, format, attrs, n_attrs, json);
	if (j.labels)
		fclose(j.labels);
	if (j.attr_file)
		fclose(j.attr_file);
	vexfs_import_close(&j.im);
	input_close(&j.in);
	for (i = 0; i < j.n_keys; i++)
		free(j.own_keys[i]);
	for (i = 0; i < LEFT_OUT_SAID; i++)
		free(j.left_out_why[i]);
	free(j.left_out);
	free(j.own_keys);
	free(j.own_ids);
	if (j.fd >= 0)
		vexfs_close(j.fd);
	return interrupted_code(ret);
}

const struct verb import_verbs[] = {
	{ "import", import, "DIR FILE [OPTION]...", "insert the vectors of a file",
	  "FILE is, by its name, its content or --format:\n"
	  "  fvecs bvecs ivecs    per record a le32 with the number of dimensions, and as many le32 floats, bytes,\n"
	  "                       le32 integers\n"
	  "  fbin f16bin u8bin i8bin ibin\n"
	  "                       le32 records, le32 dimensions, then the numbers: floats, half floats, bytes, signed\n"
	  "                       bytes, le32 integers\n"
	  "  npy                  a NumPy array (records, dims) of f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1, in either byte\n"
	  "                       order, in C or Fortran order\n"
	  "  jsonl                per line {\"id\": 7, \"key\": \"a\", \"attrs\": {\"age\": 3, \"lang\": \"de\"}, \"file\": \"x.txt\",\n"
	  "                       \"offset\": 0, \"length\": 9, \"vector\": [1, 2.5]}, all but the vector optional; either all\n"
	  "                       records have an id or none; file is a path below the collection's directory.  null is\n"
	  "                       as if it were not there: an attribute that is not is 0, or no word, as \"\" is.  A line\n"
	  "                       may also be the array of a vector\n"
	  "  json                 one array of those, [{...}, {...}] or [[1, 2.5], [3, 4]]\n"
	  "  text                 per line `word v1 v2 ...`; the word may have spaces in it\n"
	  "Each of them may be packed by gzip.  Numbers become the nearest 32-bit floats.\n"
	  "- is standard input, which is copied to a temporary file first.\n"
	  "The whole file is checked before the first record goes in: a bad file changes nothing.  After that records go\n"
	  "in by batches, each all or nothing.  Ctrl-C ends after a batch, says how many records are in and\n"
	  "where to go on, and makes the exit code 130.\n"
	  "  -f, --format F       one of these; needed for all but fvecs, fbin, npy, jsonl, json and text if the name of\n"
	  "                       FILE does not say it\n"
	  "  -s, --start-id N     id of the first record of the file [0], if it brings no ids; the next is N+1, ...\n"
	  "      --append         give records that bring no ids new ones, behind all that there are\n"
	  "      --upsert         replace records of the same id or key.  Records that bring no id keep that of the record\n"
	  "                       of their key, or get a new one, unless --start-id says where their ids begin\n"
	  "      --skip-invalid   leave out records that are no vectors of the collection, and say which: zeros for cosine,\n"
	  "                       NaN, infinity, other dimensions.  Ids that count from --start-id count them, too\n"
	  "      --skip N         leave out the first N records (their ids stay theirs): to continue an import\n"
	  "  -b, --batch N        records per batch [4096, or 8 MiB of vectors]\n"
	  "  -a, --attr NAME=V    set an attribute of every record: to the number or the word V, or an integer with V\n"
	  "                       `lineno` to the record's place in the file, from 0\n"
	  "      --attr-file F    per record one line with all attributes, in the order of the schema\n"
	  "      --save-labels F  write the words of a text file to F, one per line (search --labels F shows them)\n"
	  "      --json\n",
	  false, IMAGE_CHANGE },
	{}
};
