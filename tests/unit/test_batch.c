// SPDX-License-Identifier: GPL-2.0
/* The second reading of `vexctl import`: a file that is no longer what was checked is refused. */
#include "vexctl/import.h"
#include <errno.h>

static __u64 inserted;

static int insert_stub(int fd, struct vexfs_batch *v)
{
	(void)fd;
	inserted += v->n;
	return 0;
}

static int intern_stub(int fd, __u32 attr, const struct vexfs_word_list *words, __s64 *codes,
		       __u32 flags)
{
	(void)fd, (void)attr, (void)words, (void)codes, (void)flags;
	return -EOPNOTSUPP;
}

#define vexfs_insert insert_stub
#define vexfs_intern intern_stub
#include "vexctl/batch.c"

/* --- what the rest of vexctl has */

static char said[512];		/* room for any line that it makes */

int import_ended(const struct job *j, const char *why)
{
	(void)j;
	snprintf(said, sizeof(said), "%s", why);
	return VEXCTL_FAILED;
}

int import_attrs(struct job *j, __s64 *out)
{
	(void)j, (void)out;
	return 0;
}

bool import_is_left_out(const struct job *j, __u64 n, size_t *at)
{
	while (*at < j->n_left_out && j->left_out[*at] < n)
		++*at;
	return *at < j->n_left_out && j->left_out[*at] == n;
}

int fail(const char *what, const char *fmt, ...)
{
	(void)what, (void)fmt;
	return VEXCTL_FAILED;
}

int attr_by_name(const struct vexfs_ioc_info *info, const char *name)
{
	(void)info, (void)name;
	return -1;
}

void progress(const char *what, __u64 done, __u64 total, const char *unit)
{
	(void)what, (void)done, (void)total, (void)unit;
}

bool interrupted(void)
{
	return false;
}

/* --- the tests */

#include "box.h"			/* here: cmocka has a macro fail() */

#define GOOD(id)	"{\"id\": " #id ", \"vector\": [1, 2]}\n"
#define SHORT(id)	"{\"id\": " #id ", \"vector\": [1]}\n"

/*
 * Import what was checked as a record with id 5, and two that were left out.  How many are in, or
 * -1.
 */
static int second_reading(const char *text)
{
	static __u64 left_out[] = { 1, 2 };
	struct job j = { .path = "x", .fd = -1, .total = 3, .skip_invalid = true,
			 .left_out = left_out, .n_left_out = 2 };
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	int ret;

	j.info.dims = 2;
	j.info.row_bytes = 8;
	j.own_ids = malloc(sizeof(__u64));	/* what is behind it the sanitizer sees */
	j.own_ids[0] = 5;
	inserted = 0;
	said[0] = 0;
	assert_int_equal(vexfs_import_open(&j.im, f, VEXFS_FILE_JSONL, 2, false), 0);
	ret = import_insert(&j);
	assert_int_equal(ret != 0, said[0] != 0);
	vexfs_import_close(&j.im);
	fclose(f);
	free(j.own_ids);
	return ret ? -1 : (int)inserted;
}

static void test_changed(void **state)
{
	static const char *const changed[] = {
		GOOD(5) GOOD(6) SHORT(7),		/* one that was left out is a vector now */
		GOOD(5) SHORT(6) GOOD(7),
		SHORT(5) SHORT(6) SHORT(7),		/* the other way round */
		GOOD(4) SHORT(6) SHORT(7),		/* another id, or none */
		"[1, 2]\n" SHORT(6) SHORT(7),
		GOOD(5) SHORT(6),			/* fewer records, and more */
		GOOD(5) SHORT(6) SHORT(7) SHORT(8),
	};
	size_t i;

	(void)state;
	assert_int_equal(second_reading(GOOD(5) SHORT(6) SHORT(7)), 1);
	for (i = 0; i < sizeof(changed) / sizeof(*changed); i++) {
		if (second_reading(changed[i]) != -1 || inserted ||
		    strcmp(said, "it changed while it was read"))
			fail_msg("case %zu: %llu are in, '%s'", i, inserted, said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
