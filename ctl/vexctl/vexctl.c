// SPDX-License-Identifier: GPL-2.0
/* vexctl: find the verb and run it; what the verbs share. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "vexctl/vexctl.h"

static const struct {
	const char *title;
	const struct verb *verbs;
} objects[] = {
	{ "Filesystem", fs_verbs },
	{ "Collections", collection_verbs },
	{ NULL, import_verbs },
	{ NULL, export_verbs },
	{ NULL, index_verbs },
	{ "Search", search_verbs },
	{ NULL, eval_verbs },
	{ "Records", record_verbs },
	{ "Snapshots and space", snapshot_verbs },
	{ "Programs (eBPF: search, distance, filter)", program_verbs },
	{ NULL, skeleton_verbs },
	{ NULL, inspect_verbs },
	{ "Watching", status_verbs },
	{ NULL, top_verbs },
	{ NULL, doctor_verbs },
	{ NULL, debug_verbs },
};
#define OBJECTS	(sizeof(objects) / sizeof(objects[0]))

static const char *verb_name;		/* for messages; set once, before any thread */

static struct json_object *told;	/* of a plain verb with --json: its answer */

static void say(const char *what, const char *fmt, va_list ap, const char *tail)
{
	char msg[1024];

	vsnprintf(msg, sizeof(msg), fmt, ap);
	fprintf(stderr, "vexctl%s%s: %s%s%s%s\n", verb_name ? " " : "", verb_name ? verb_name : "",
		what ? printable(what) : "", what ? ": " : "", printable(msg), tail);
}

int fail(const char *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(what, fmt, ap, "");
	va_end(ap);
	return VEXCTL_FAILED;
}

void tell(const char *fmt, ...)
{
	char msg[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (told)
		add_str(told, "message", msg);
	else
		puts(printable(msg));
}

int fail_op(const char *what, enum vexfs_op op, int err)
{
	return fail(what, "%s", vexfs_strerror_for(op, err));
}

int usage(const char *fmt, ...)
{
	char tail[96];
	va_list ap;

	snprintf(tail, sizeof(tail), "; see `vexctl %s%s`", verb_name ? verb_name : "help",
		 verb_name ? " --help" : "");
	va_start(ap, fmt);
	say(NULL, fmt, ap, tail);
	va_end(ap);
	return VEXCTL_USAGE;
}

int misused(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(NULL, fmt, ap, "");
	va_end(ap);
	return VEXCTL_USAGE;
}

int bad_option(char **argv)
{
	const char *arg = argv[optind - 1];

	if (optopt && !(arg[0] == '-' && arg[1] == '-'))
		return usage("option -%c is unknown or lacks its value", optopt);
	return usage("option %s is unknown, ambiguous, lacks its value or takes none", arg);
}

int only_json(int argc, char **argv, bool *json)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, {} };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return bad_option(argv);
		*json = true;
	}
	return 0;
}

int want_args(int argc, int min, int max, const char *what)
{
	int n = argc - optind;

	if (n >= min && n <= max)
		return 0;
	return usage("%s arguments: wanted %s", n < min ? "missing" : "too many", what);
}

int want_u64(const char *option, const char *s, __u64 min, __u64 max, __u64 *out)
{
	__u64 v;
	int err = vexfs_parse_u64(s, &v);

	if (err == -EINVAL)
		return usage("%s: '%s' is not a whole number", option, s);
	if (err || v < min || v > max)
		return usage("%s: %s is out of range; it is %llu to %llu", option, s, min, max);
	*out = v;
	return 0;
}

int want_s64(const char *option, const char *s, __s64 *out)
{
	int err = vexfs_parse_s64(s, out);

	if (!err)
		return 0;
	return usage("%s: '%s' is not a %s", option, s,
		     err == -ERANGE ? "64-bit number" : "whole number");
}

int want_double(const char *option, const char *s, double *out)
{
	char *end;

	*out = strtod(s, &end);
	if (end == s || *end || *out != *out)
		return usage("%s: '%s' is not a number", option, s);
	return 0;
}

int want_recall(const char *s, double *recall)
{
	int ret = want_double("--recall", s, recall);

	if (!ret && !(*recall > 0 && *recall <= 1))
		ret = usage("--recall: %s is out of range; it is above 0, and 1 at most", s);
	return ret;
}

static const char *const methods[VEXFS_METHODS] = {
	[VEXFS_METHOD_AUTO] = "auto",
	[VEXFS_METHOD_EXACT] = "exact",
	[VEXFS_METHOD_CODED] = "coded",
	[VEXFS_METHOD_IVF] = "ivf",
	[VEXFS_METHOD_LSH] = "lsh",
};

const char *method_name(__u32 method)
{
	return method < VEXFS_METHODS ? methods[method] : "?";
}

int want_method(const char *s, __u32 *method)
{
	__u32 i;

	for (i = 0; i < VEXFS_METHODS; i++)
		if (!strcmp(s, methods[i])) {
			*method = i;
			return 0;
		}
	return usage("--method: '%.64s' is unknown; it is auto, exact, coded, ivf or lsh", s);
}

int want_recall_or_exact(const struct vexfs_request *q)
{
	bool flag = q->flags & VEXFS_SEARCH_EXACT;

	if (flag && q->method > VEXFS_METHOD_EXACT)
		return usage("give one of --exact and --method %s", method_name(q->method));
	if ((!flag && q->method != VEXFS_METHOD_EXACT) || (!q->recall && !q->effort))
		return 0;
	return usage("give one of %s and %s: an exact search finds all",
		     flag ? "--exact" : "--method exact", q->recall ? "--recall" : "--effort");
}

int open_collection(const char *dir, struct vexfs_ioc_info *info)
{
	struct vexfs_ioc_info local;
	int fd = vexfs_open(dir), err;

	if (fd < 0) {
		fail_op(dir, VEXFS_OP_OPEN, fd);
		return -1;
	}
	info = info ? info : &local;
	err = vexfs_info(fd, info);
	if (err)
		fail_op(dir, VEXFS_OP_INFO, err);
	else if (info->element != VEXFS_ELEM_F32 || info->attrs > VEXFS_MAX_ATTRS || !info->dims ||
		 info->dims > VEXFS_MAX_DIMS || info->row_bytes != info->dims * sizeof(float))
		fail(dir,
		     "its schema is unknown to this vexctl; use the one that came with the kernel module");
	else
		return fd;
	vexfs_close(fd);
	return -1;
}

int attr_by_name(const struct vexfs_ioc_info *info, const char *name)
{
	__u32 i;

	for (i = 0; i < info->attrs; i++)
		if (!strncmp(info->attr[i].name, name, sizeof(info->attr[i].name)))
			return i;
	return -1;
}

int labels_read(struct labels *l, const char *path)
{
	size_t room = 0, size = 0, n, i;
	FILE *f = fopen(path, "re");
	struct stat st;
	char *p;

	memset(l, 0, sizeof(*l));
	if (!f || fstat(fileno(f), &st))
		goto failed;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		goto failed;
	}
	do {				/* a pipe has no size, so read until the end */
		if (size + 1 >= room) {
			p = realloc(l->text, room = room ? room * 2 : 65536);
			if (!p)
				goto failed;
			l->text = p;
		}
		n = fread(l->text + size, 1, room - size - 1, f);
		size += n;
	} while (n);
	if (ferror(f))
		goto failed;
	fclose(f);
	f = NULL;
	if (memchr(l->text, 0, size)) {
		labels_free(l);
		return fail(path, "is not text; a labels file has one label in each line");
	}
	l->text[size] = 0;
	for (i = 0; i < size; i++)
		l->n += l->text[i] == '\n' || i + 1 == size;
	l->line = calloc(l->n + 1, sizeof(*l->line));
	if (!l->line)
		goto failed;
	p = l->text + (strncmp(l->text, "\xef\xbb\xbf", 3) ? 0 : 3);	/* a byte order mark */
	for (i = 0; i < l->n; i++) {
		l->line[i] = p;
		p += strcspn(p, "\n");
		if (p > l->line[i] && p[-1] == '\r')
			p[-1] = 0;
		*p++ = 0;
	}
	return 0;
failed:
	fail(path, "cannot read the labels: %s", strerror(errno));
	if (f)
		fclose(f);
	labels_free(l);
	return VEXCTL_FAILED;
}

void labels_free(struct labels *l)
{
	free(l->text);
	free(l->line);
	memset(l, 0, sizeof(*l));
}

void print_json(struct json_object *o)
{
	puts(printable_json(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)));
	json_object_put(o);
}

void add_str(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

void add_u64(struct json_object *o, const char *key, __u64 value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

void add_s64(struct json_object *o, const char *key, __s64 value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

void add_bool(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

struct json_object *json_number(double value)
{
	char s[32];
	int digits;

	for (digits = 6; digits <= 17; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, value);
		if (strtod(s, NULL) == value)
			break;
	}
	return json_object_new_double_s(value, s);
}

struct json_object *json_float(float value)
{
	char s[32];
	int digits;

	for (digits = 6; digits <= 9; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, value);
		if (strtof(s, NULL) == value)
			break;
	}
	return json_object_new_double_s(value, s);
}

const char *known(const char *name)
{
	return name ? name : "?";
}

/* How many words of argv the verb's name takes up, 0: not this one. */
static int matches(const struct verb *v, int argc, char **argv)
{
	const char *space = strchr(v->name, ' ');
	size_t first = space ? (size_t)(space - v->name) : strlen(v->name);

	if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], v->name, first))
		return 0;
	if (!space)
		return 1;
	return argc > 1 && !strcmp(argv[1], space + 1) ? 2 : 0;
}

const struct verb *verb_nr(size_t n)
{
	const struct verb *v;
	size_t i;

	for (i = 0; i < OBJECTS; i++)
		for (v = objects[i].verbs; v->name; v++)
			if (!n--)
				return v;
	return NULL;
}

static const struct verb *find(int argc, char **argv, int *words)
{
	const struct verb *v;
	size_t i;

	for (i = 0; (v = verb_nr(i)); i++) {
		*words = matches(v, argc, argv);
		if (*words)
			return v;
	}
	return NULL;
}

static void print_verb(const struct verb *v)
{
	printf("usage: vexctl %s%s%s%s\n\n%s\n", v->name, *v->args ? " " : "", v->args,
	       v->plain ? " [--json]" : "", v->summary);
	if (*v->help)
		printf("\n%s", v->help);
	printf("\nExit code: 0 done, 1 failed (one line on stderr says why), 2 the command line is wrong.\n");
}

static int help(void)
{
	const struct verb *v;
	size_t i;

	printf("usage: vexctl [--image FILE [--load OBJECT]...] VERB [ARGUMENT|OPTION]...\n");
	for (i = 0; i < OBJECTS; i++) {
		if (objects[i].title)
			printf("\n%s\n", objects[i].title);
		for (v = objects[i].verbs; v->name; v++)
			printf("  %-18s %s\n", v->name, v->summary);
	}
	printf("\n`vexctl VERB --help` says more about a verb, `vexctl --version` which version this is.\n"
	       "Exit codes: 0 done, 1 failed (one line on stderr says why), 2 the command line is wrong.\n"
	       "Every verb takes --json: each answer is then one JSON value on one line; errors stay on stderr.\n"
	       "Every verb on a collection takes --image FILE: DIR is then in this image, without module, mount and root;\n"
	       "--load OBJECT before the verb: with this native program loaded, see `vexctl load --help`.\n");
	return VEXCTL_OK;
}

static int run_help(int argc, char **argv)
{
	const struct verb *v;
	int words;

	if (!argc)
		return help();
	v = find(argc, argv, &words);
	if (!v && (argc > 1 || !is_noun(argv[0])))
		return no_verb(argc, argv);
	if (v)
		print_verb(v);
	else
		help_noun(argv[0]);
	return VEXCTL_OK;
}

/* Take --json out of the arguments of a plain verb.  Their new number. */
static int take_json(int argc, char **argv)
{
	int i, n = 0;

	for (i = 0; i < argc && strcmp(argv[i], "--"); i++) {
		if (strcmp(argv[i], "--json")) {
			argv[n++] = argv[i];
			continue;
		}
		json_object_put(told);
		told = json_object_new_object();
		add_bool(told, "ok", true);
		add_str(told, "verb", verb_name);
	}
	for (; i < argc; i++)
		argv[n++] = argv[i];
	argv[n] = NULL;
	return n;
}

/* c may be NULL. */
static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return !strcmp(word, a) || !strcmp(word, b) || (c && !strcmp(word, c));
}

/* Output that did not get out is a failure too. */
static int flush(int code)
{
	if (fflush(stdout) || ferror(stdout))
		return code ? code : fail(NULL, "cannot write the output: %s", strerror(errno));
	return code;
}

int main(int argc, char **argv)
{
	const struct verb *v;
	int words, i;

	signal(SIGXFSZ, SIG_IGN);	/* the write fails, and that is said */
	opterr = 0;
	if (image_take(&argc, argv))
		return VEXCTL_USAGE;
	if (argc < 2)
		return usage("a verb is missing");
	if (is_one_of(argv[1], "help", "--help", "-h"))
		return flush(run_help(argc - 2, argv + 2));
	if (is_one_of(argv[1], "version", "--version", "-V")) {
		printf("vexctl %s, ops ABI %d\n", VEXFS_VERSION, VEXFS_OPS_ABI);
		return flush(VEXCTL_OK);
	}
	v = find(argc - 1, argv + 1, &words);
	if (!v && argc == 3 && is_noun(argv[1]) && is_one_of(argv[2], "help", "--help", "-h"))
		return flush(run_help(1, argv + 1));
	if (!v)
		return no_verb(argc - 1, argv + 1);
	verb_name = v->name;
	for (i = 1 + words; i < argc && strcmp(argv[i], "--"); i++)
		if (is_one_of(argv[i], "--help", "-h", NULL)) {
			print_verb(v);
			return flush(VEXCTL_OK);
		}
	argv[words] = (char *)v->name;
	argc -= words;
	argv += words;
	if (v->plain)
		argc = take_json(argc, argv);
	i = image_attach(v);
	if (i == VEXCTL_OK)
		i = image_detach(v->run(argc, argv));
	if (told && i == VEXCTL_OK)
		print_json(told);
	return flush(i);
}
