// SPDX-License-Identifier: GPL-2.0
/* The module for Node: values of JavaScript as those of C, and the other way round. */
#include "addon.h"

#define MAX_TEXT_BYTES (1u << 20)
#define MAX_SAFE ((1ULL << 53) - 1) /* integers up to here are Numbers */

bool wrong(napi_env env, const char *what)
{
	napi_throw_type_error(env, NULL, what);
	return false;
}

bool is_nothing(napi_env env, napi_value v)
{
	napi_valuetype type;

	return napi_typeof(env, v, &type) != napi_ok || type == napi_undefined || type == napi_null;
}

void *memory(struct call *c, size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);

	c->memory[c->memories++] = p;
	return p;
}

bool no_memory(napi_env env)
{
	napi_throw_error(env, "ENOMEM", "out of memory");
	return false;
}

bool read_text(napi_env env, struct call *c, napi_value v, char **out)
{
	char *text;
	size_t n;

	if (napi_get_value_string_utf8(env, v, NULL, 0, &n) != napi_ok)
		return wrong(env, "a string is wanted");
	if (n > MAX_TEXT_BYTES)
		return wrong(env, "the string is too long");
	text = memory(c, n + 1);
	if (!text)
		return no_memory(env);
	napi_get_value_string_utf8(env, v, text, n + 1, &n);
	if (!n || strlen(text) != n)
		return wrong(env, n ? "the string has a NUL in it" : "the string is empty");
	*out = text;
	return true;
}

bool read_int(napi_env env, napi_value v, int *out)
{
	return napi_get_value_int32(env, v, out) == napi_ok || wrong(env, "a number is wanted");
}

bool read_u32(napi_env env, napi_value v, __u32 *out)
{
	return napi_get_value_uint32(env, v, out) == napi_ok || wrong(env, "a number is wanted");
}

bool read_u64(napi_env env, napi_value v, __u64 *out)
{
	uint64_t value;
	bool exact;

	if (napi_get_value_bigint_uint64(env, v, &value, &exact) != napi_ok || !exact)
		return wrong(env, "a BigInt of 64 bits is wanted");
	*out = value;
	return true;
}

bool read_array(napi_env env, napi_value v, napi_typedarray_type wanted, const void **data,
		size_t *n)
{
	napi_typedarray_type type;
	void *p;

	*data = NULL;
	*n = 0;
	if (is_nothing(env, v))
		return true;
	if (napi_get_typedarray_info(env, v, &type, n, &p, NULL, NULL) != napi_ok || type != wanted)
		return wrong(env, "an array of another type is wanted");
	*data = p;
	return true;
}

bool read_strings(napi_env env, struct call *c, napi_value bytes, napi_value lens)
{
	size_t room, n, i, sum = 0;
	const void *l;

	if (!read_array(env, bytes, napi_uint8_array, &c->bytes, &room) ||
	    !read_array(env, lens, napi_uint8_array, &l, &n))
		return false;
	c->lens = l;
	for (i = 0; i < n; i++)
		sum += c->lens[i];
	if (sum != room || n > VEXFS_MAX_BATCH || sum > VEXFS_MAX_STRING_BYTES)
		return wrong(env, "lengths and bytes do not match");
	c->n = n;
	c->length = sum;
	return true;
}

napi_value value_of(napi_env env, __u64 number)
{
	napi_value v = NULL;

	if (number <= MAX_SAFE)
		napi_create_double(env, number, &v);
	else
		napi_create_bigint_uint64(env, number, &v);
	return v;
}

napi_value double_of(napi_env env, double number)
{
	napi_value v = NULL;

	napi_create_double(env, number, &v);
	return v;
}

napi_value text_of(napi_env env, const char *text, size_t n)
{
	napi_value v = NULL;

	napi_create_string_utf8(env, text, n, &v);
	return v;
}

napi_value bool_of(napi_env env, bool yes)
{
	napi_value v = NULL;

	napi_get_boolean(env, yes, &v);
	return v;
}

void set(napi_env env, napi_value object, const char *name, napi_value v)
{
	napi_set_named_property(env, object, name, v);
}

napi_value array_of(napi_env env, napi_typedarray_type type, const void *from, size_t n,
		    size_t bytes)
{
	napi_value buffer, v = NULL;
	void *to;

	if (napi_create_arraybuffer(env, n * bytes, &to, &buffer) != napi_ok)
		return NULL;
	if (n)
		memcpy(to, from, n * bytes);
	napi_create_typedarray(env, type, n, buffer, 0, &v);
	return v;
}

bool read_fd(napi_env env, struct call *c)
{
	return read_int(env, c->arg[0], &c->fd);
}
