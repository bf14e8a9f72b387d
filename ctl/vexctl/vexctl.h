/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vexctl: one file per object (fs, collection, import, export, index, search, eval, record,
 * program), each with a table of verbs.
 *
 * A verb gets its own name as argv[0] and returns an exit code.  What goes wrong is one line on
 * stderr: `vexctl VERB: what: why; what to do`.
 *
 * Text that somebody else chose is printed by fail(), usage(), tell() and print_json(), which make
 * it printable, or through printable().
 */
#ifndef _VEXCTL_H
#define _VEXCTL_H

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <json.h>
#include <vexfs/program.bpf.h>
#include <platform/printable.h>
#include <vexfs/vexfs.h>
#include "libvexfs/dictionary.h"
#include "libvexfs/import.h"

enum {
	VEXCTL_OK = 0,
	/* it was understood, but could not be done: nothing changed, or the line says what */
	VEXCTL_FAILED = 1,
	VEXCTL_USAGE = 2,		/* the command line is wrong; nothing was tried */
};

struct verb {
	const char *name;		/* one or two words */
	int (*run)(int argc, char **argv);
	const char *args;		/* for the usage line */
	const char *summary;		/* half a line */
	const char *help;		/* lines, each with its newline; or "" */
	/* it has no data to print, tell() at most: --json is main()'s and no option of its own */
	bool plain;
	/* what it does in an image (--image), in the directory that is its first argument */
	enum { IMAGE_NONE, IMAGE_READ, IMAGE_CHANGE } image;
};

/* Each ends with an entry without a name. */
extern const struct verb fs_verbs[], collection_verbs[], import_verbs[], export_verbs[],
	index_verbs[], search_verbs[], eval_verbs[], record_verbs[], snapshot_verbs[], program_verbs[],
	top_verbs[], status_verbs[], doctor_verbs[], skeleton_verbs[], inspect_verbs[],
	debug_verbs[];

/* Say on stderr that `what` (may be NULL) failed and why.  Returns VEXCTL_FAILED. */
__attribute__((format(printf, 2, 3))) int fail(const char *what, const char *fmt, ...);
/*
 * Say on stdout that something was done; with --json the line becomes the member "message".  Verbs
 * that are `plain` say it so.
 */
__attribute__((format(printf, 1, 2))) void tell(const char *fmt, ...);
/* The same as fail() with what libvexfs says about the error of a call. */
int fail_op(const char *what, enum vexfs_op op, int err);
/* The command line is wrong.  Returns VEXCTL_USAGE. */
__attribute__((format(printf, 1, 2))) int usage(const char *fmt, ...);
/* The same where the line itself says what to do. */
__attribute__((format(printf, 1, 2))) int misused(const char *fmt, ...);
/* getopt_long() returned '?' or ':'. */
int bad_option(char **argv);
/* The options of a verb that has --json alone: *json is set if it is given.  Returns 0 or VEXCTL_USAGE. */
int only_json(int argc, char **argv, bool *json);
/*
 * Are there min to max arguments behind the options?  0, or VEXCTL_USAGE and a line that names what
 * is missing.
 */
int want_args(int argc, int min, int max, const char *what);

/* The value of an option as a number within bounds.  0, or VEXCTL_USAGE and a line. */
int want_u64(const char *option, const char *s, __u64 min, __u64 max, __u64 *out);
int want_s64(const char *option, const char *s, __s64 *out);
int want_double(const char *option, const char *s, double *out);
/* The value of --recall. */
int want_recall(const char *s, double *recall);
/* The value of --method; and its name, "?": unknown. */
int want_method(const char *s, __u32 *method);
const char *method_name(__u32 method);
/* --recall, --effort and another method do not go with --exact. */
int want_recall_or_exact(const struct vexfs_request *q);

/*
 * Open the collection dir and ask what it is; info may be NULL.  A descriptor, or -1 and a line.
 * The element must be f32, the only one that vexctl can print and read.
 */
int open_collection(const char *dir, struct vexfs_ioc_info *info);
/* Position of an attribute in the schema, -1: no such. */
int attr_by_name(const struct vexfs_ioc_info *info, const char *name);

/* --- image.c --- */

/* Take --image FILE and --load OBJECT out of the arguments.  0, or VEXCTL_USAGE and a line. */
int image_take(int *argc, char **argv);
/* Was it given? */
bool in_image(void);
/* DIR, the first argument behind the options, and in argv, too: with --image its path inside. */
const char *dir_arg(char **argv);
/* Before a verb: 0, or an exit code and a line. */
int image_attach(const struct verb *v);
/* After it: its exit code, or that of a detach that failed. */
int image_detach(int code);

/* The n-th verb of all, in the order of the help; NULL: there are fewer. */
const struct verb *verb_nr(size_t n);

/* --- guess.c --- */

/*
 * The arguments do not begin with a verb: say so, and which one may be meant.  Returns
 * VEXCTL_USAGE.
 */
int no_verb(int argc, char **argv);
/* `collection`, the first word of some verbs, and the help for it. */
bool is_noun(const char *word);
void help_noun(const char *noun);

/* --- item.c --- */

/* What numbers of a collection are called: words of keyword attributes, paths of files. */
struct names {
	int fd;				/* the caller's */
	struct vexfs_ioc_info info;
	struct vexfs_dictionary words;
	/* inode whose path is the one below, unless there is a reason why not */
	__u64 file;
	int why;
	char path[4096];
};
void names_open(struct names *n, int fd, const struct vexfs_ioc_info *info);
void names_close(struct names *n);

/* A record on one line, or as an object.  key: the key_len bytes of the item's key. */
void print_item(struct names *n, const struct vexfs_item *item, const char *key);
struct json_object *item_json(struct names *n, const struct vexfs_item *item, const char *key);
/* The end of a list with damaged records in it: so many, of `lost` of which the ids are not known. */
int fail_damaged(const char *dir, __u64 damaged, __u64 lost);
/* Of a record or hit: `  file PATH:OFFSET+LENGTH`, and ` stale`; nothing if it is not bound. */
void print_place(struct names *n, __u64 file, __u64 off, __u32 len, __u32 flags);
void add_place(struct json_object *o, struct names *n, __u64 file, __u64 off, __u32 len,
	       __u32 flags);
/* The value of --where, its words looked up.  0, or VEXCTL_FAILED and a line. */
int parse_where(const char *text, int fd, const struct vexfs_ioc_info *info,
		struct vexfs_where *where);

/* --- explain.c --- */

/* What a search did.  where: it had a condition. */
void explain_text(const struct vexfs_answer *a, const struct vexfs_search_trace *t, bool where);
struct json_object *explain_json(const struct vexfs_search_trace *t);

/* Read lines of a labels file: label n is line n, counted from 0. */
struct labels {
	char *text;			/* the file, its newlines replaced by NULs */
	char **line;
	size_t n;
};
int labels_read(struct labels *l, const char *path);	/* 0, or VEXCTL_FAILED and a line */
void labels_free(struct labels *l);

/* Ctrl-C and SIGTERM from now on only set a mark, which long loops look at. */
void catch_signals(void);
bool interrupted(void);
/* The same, and the calls into an image that are under way or yet to come end with -EINTR. */
void end_on_signals(void);
/* The exit code of a verb that was interrupted: 128 + signal instead of VEXCTL_FAILED. */
int interrupted_code(int code);
/* How far it is, on stderr; cheap enough for every turn of a loop.  what NULL: the end of it. */
void progress(const char *what, __u64 done, __u64 total, const char *unit);

/*
 * While a long call on a collection lasts, another thread shows how far it is, and lets Ctrl-C and
 * SIGTERM end it as they would, or as they do in an image.  dir, fd and show are the caller's to fill in.
 */
struct watch {
	const char *dir;
	int fd;
	void (*show)(const char *dir, const struct vexfs_ioc_info *info);	/* calls progress() */
	pthread_t thread;
	bool watching;
	sigset_t signals, before;
};
void watch_begin(struct watch *w);
void watch_end(struct watch *w);

/* A file to read, as often as need be.  What is in gzip is read as if it were not. */
struct input {
	const char *path;		/* for messages */
	FILE *file;
	FILE *packed;			/* the gzip file that it comes out of, or NULL */
	__u64 size;			/* bytes, as they are on the disk */
};
/* "-": standard input.  0, or VEXCTL_FAILED and a line; input_close() is fine after either. */
int input_open(struct input *in, const char *path);
/* How many of these bytes have been read, about. */
__u64 input_at(const struct input *in);
void input_close(struct input *in);
/* The value of --format.  0, or VEXCTL_USAGE and a line. */
int want_format(const char *s, enum vexfs_file_format *out);
/* The formats, or those that are written, too: "fvecs, npy or jsonl". */
const char *format_names(bool written);

/* A file to write; it has its name once it is complete. */
struct output {
	const char *path;		/* for messages */
	char *temp;			/* NULL: it is written to as it is */
	FILE *file;
	FILE *raw;			/* where the gzip data of file go, or NULL: it is no gzip */
};
/* "-": standard output.  0, or VEXCTL_FAILED and a line, and nothing is left of it. */
int output_open(struct output *out, const char *path, bool gzip);
int output_finish(struct output *out);
void output_abandon(struct output *out);	/* also fine after the others */

/* One JSON value on one line of stdout; takes the reference. */
void print_json(struct json_object *o);
/* Shorthands: add a member to an object. */
void add_str(struct json_object *o, const char *key, const char *value);
void add_u64(struct json_object *o, const char *key, __u64 value);
void add_s64(struct json_object *o, const char *key, __s64 value);
void add_bool(struct json_object *o, const char *key, bool value);
/* A finite number with as few digits as bring back the same double. */
struct json_object *json_number(double value);
/* ... the same float. */
struct json_object *json_float(float value);

/* "l2" or, for a number that this vexctl does not know, "?". */
const char *known(const char *name);

#endif /* _VEXCTL_H */
