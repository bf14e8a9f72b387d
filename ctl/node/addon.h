/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the module for Node share: a call, and values of JavaScript as those of C. */
#ifndef _VEXFS_NODE_ADDON_H
#define _VEXFS_NODE_ADDON_H

#define NAPI_VERSION 8
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <node_api.h>
#include <vexfs/vexfs.h>

#define MAX_ARGUMENTS 10
#define MAX_PATH_BYTES 4096

struct call {
	const struct method *method;
	napi_async_work work;
	napi_deferred deferred;
	napi_ref kept; /* the arguments */
	napi_value arg[MAX_ARGUMENTS]; /* only while they are read */
	void *memory[6]; /* freed with it */
	unsigned int memories;

	/* for the call */
	int fd, err;
	__u32 n, flags, dims;
	__u64 number, bad;
	char *text, *other; /* paths and names */
	const void *bytes;
	const __u8 *lens;
	size_t length;
	void *row;
	struct vexfs_item item;
	struct vexfs_batch batch;
	struct vexfs_request request;
	struct vexfs_hit *hits;
	struct vexfs_query_answer *answers;
	struct vexfs_answer answer;
	struct vexfs_listing page;
	struct vexfs_ioc_info info;
	struct vexfs_word_list words;
	struct vexfs_schema schema;
	char key[VEXFS_MAX_KEY];
	char said[512]; /* what is wrong with a condition */
};

/* A function of the module. */
struct method {
	const char *name;
	enum vexfs_op op; /* for the texts of errors */
	/* In JavaScript's thread: arguments into the call.  False: an exception is on its way. */
	bool (*read)(napi_env env, struct call *c);
	/* In another thread: 0 or more, or a negative errno. */
	int (*run)(struct call *c);
	/* In JavaScript's thread: what the promise becomes; NULL: undefined. */
	napi_value (*result)(napi_env env, struct call *c);
};

/* --- value.c: readers throw, and say false then --- */

/* A TypeError that says this. */
bool wrong(napi_env env, const char *what);
/* undefined or null? */
bool is_nothing(napi_env env, napi_value v);
/* Zeroed, until the call ends; NULL.  At most 6 pieces. */
void *memory(struct call *c, size_t bytes);
bool no_memory(napi_env env);
/* A string without NUL, 1 byte to 1 MiB. */
bool read_text(napi_env env, struct call *c, napi_value v, char **out);
bool read_int(napi_env env, napi_value v, int *out);
bool read_u32(napi_env env, napi_value v, __u32 *out);
/* A BigInt of 64 bits. */
bool read_u64(napi_env env, napi_value v, __u64 *out);
/* The elements of a typed array; of null there are none. */
bool read_array(napi_env env, napi_value v, napi_typedarray_type wanted, const void **data,
		size_t *n);
/* Keys or words: their bytes, and a length each; the sum of these is how many bytes there are. */
bool read_strings(napi_env env, struct call *c, napi_value bytes, napi_value lens);
/* A Number where it is exact, else a BigInt. */
napi_value value_of(napi_env env, __u64 number);
napi_value double_of(napi_env env, double number);
napi_value text_of(napi_env env, const char *text, size_t n);
napi_value bool_of(napi_env env, bool yes);
/* A member of an object. */
void set(napi_env env, napi_value object, const char *name, napi_value v);
/* A new typed array with these elements. */
napi_value array_of(napi_env env, napi_typedarray_type type, const void *from, size_t n,
		    size_t bytes);
/* The first argument is a descriptor. */
bool read_fd(napi_env env, struct call *c);

/* --- record.c: see struct method --- */

bool read_insert(napi_env env, struct call *c);
int run_insert(struct call *c);
napi_value result_insert(napi_env env, struct call *c);
bool read_delete(napi_env env, struct call *c);
int run_delete(struct call *c);
bool read_get(napi_env env, struct call *c);
int run_get(struct call *c);
napi_value result_get(napi_env env, struct call *c);
bool read_list(napi_env env, struct call *c);
int run_list(struct call *c);
napi_value result_list(napi_env env, struct call *c);
bool read_search(napi_env env, struct call *c);
int run_search(struct call *c);
napi_value result_search(napi_env env, struct call *c);

#endif /* _VEXFS_NODE_ADDON_H */
