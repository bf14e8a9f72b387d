// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
/*
 * A mount in this process that ends in the middle of things, or whose disk or memory fails: the
 * next mount finds a prefix of what was acknowledged, with all that was synced, and fsck finds
 * nothing.
 *
 * VEXFS_HISTORIES=N tries so many; VEXFS_SEED=N repeats a run.
 */
#include "mount.h"

#define OPS	300u
#define MAX_IDS	4096u

/* What happened: inserts of n records from id on, or (n 0) one deletion of id. */
struct op {
	__u32 id, n;
};

struct history {
	struct op op[OPS];
	__u32 ops;			/* acknowledged */
	__u32 synced;			/* of those, on stable storage for sure */
	__u32 next_id;
	bool alive[MAX_IDS];		/* now */
};

static void apply(bool *alive, const struct op *op)
{
	__u32 i;

	if (!op->n)
		alive[op->id] = false;
	for (i = 0; i < op->n; i++)
		alive[op->id + i] = true;
}

static void acknowledged(struct history *h, __u32 id, __u32 n)
{
	h->op[h->ops] = (struct op){ id, n };
	apply(h->alive, &h->op[h->ops++]);
}

/* One of the ids that are alive; 0: there is none. */
static __u32 some_id(const struct history *h)
{
	__u32 i, at = h->next_id ? chance(h->next_id) : 0;

	for (i = 0; i < h->next_id; i++)
		if (h->alive[(at + i) % h->next_id])
			return (at + i) % h->next_id;
	return 0;
}

/* An error of this kind is fine where something fails; the first one otherwise is the test's. */
static bool failed(long err, bool faults)
{
	if (err && !faults)
		fail_msg("an operation returned %ld", err);
	return err;
}

static void do_file(struct mount *m, __u32 what)
{
	char path[32], to[32], text[6000];
	struct file *file;

	snprintf(path, sizeof(path), "/c/file-%u", what % 7);
	snprintf(to, sizeof(to), "/c/file-%u", what / 7 % 7);
	if (what % 3 == 0) {
		vexfs_image_unlink(m->image, path);
		return;
	}
	if (what % 3 == 1) {
		vexfs_image_rename(m->image, path, to);
		return;
	}
	file = vexfs_file_open(m->image, path, O_RDWR | O_CREAT, 0600);
	if (IS_ERR(file))
		return;
	memset(text, what, sizeof(text));
	vexfs_file_pwrite(file, text, sizeof(text), what % 20000);
	vexfs_file_close(file);
}

/* Something; false: no more, the mount is of no use. */
static bool act(struct mount *m, struct history *h, bool faults)
{
	struct vexfs_ioc_compact compact = { .size = sizeof(compact) };
	__u32 what = chance(100), n, id;
	long err;

	if (what < 45) {
		n = 1 + chance(chance(5) ? 8 : 200);
		if (h->next_id + n > MAX_IDS)
			return true;
		err = insert_some(m, h->next_id, n, 0);
		if (!failed(err, faults)) {
			acknowledged(h, h->next_id, n);
			h->next_id += n;
		}
	} else if (what < 70) {
		id = some_id(h);
		if (!h->alive[id])
			return true;
		err = delete_id(m, id);
		if (!failed(err, faults))
			acknowledged(h, id, 0);
	} else if (what < 85) {
		do_file(m, chance(1000));
		err = 0;
	} else if (what < 95) {
		n = h->ops;
		err = what & 1 ? vexfs_file_sync(m->c) : vexfs_image_sync(m->image);
		if (!failed(err, faults))
			h->synced = n;
	} else {
		n = h->ops;
		err = vexfs_file_ioctl(m->c, VEXFS_IOC_COMPACT, &compact);
		/* what it swaps in is committed and waited for */
		if (!failed(err, faults) && compact.before != compact.after)
			h->synced = n;
	}
	return err != -EIO && h->ops < OPS;
}

/* Is what is there a prefix of the history, with all that was synced? */
static void check_prefix(struct mount *m, const struct history *h)
{
	static bool there[MAX_IDS], alive[MAX_IDS];
	static __u64 id[MAX_IDS];
	__u32 i, n = list_ids(m, id, MAX_IDS);

	memset(there, 0, sizeof(there));
	memset(alive, 0, sizeof(alive));
	for (i = 0; i < n; i++) {
		assert_true(id[i] < MAX_IDS);
		there[id[i]] = true;
	}
	for (i = 0; i < h->ops; i++) {
		if (i >= h->synced && !memcmp(there, alive, sizeof(alive)))
			break;
		apply(alive, h->op + i);
	}
	assert_memory_equal(there, alive, sizeof(alive));
	for (i = 0; i < n; i += 1 + n / 8)
		assert_true(is_found(m, id[i]));
}

static void kills(void **state)
{
	const char *env = getenv("VEXFS_HISTORIES");
	unsigned int histories = env ? strtoul(env, NULL, 0) : 60, i;
	static struct history h;
	struct mount m;

	(void)state;
	chance_seed(31);
	for (i = 0; i < histories; i++) {
		__u32 left = 1 + chance(150);

		memset(&h, 0, sizeof(h));
		mount_with_collection(&m);
		assert_int_equal(vexfs_file_sync(m.c), 0);
		while (left-- && act(&m, &h, false))
			;
		mount_kill(&m);
		mount_check(&m);
		m.quiet = true;
		mount_open(&m, 0);
		mount_open_c(&m);
		check_prefix(&m, &h);
		mount_unmake(&m);
	}
}

static void faults(void **state)
{
	static const struct {
		enum vexfs_fault what;
		__u32 first, step;	/* the how many-th call fails */
	} kinds[] = {
		{ VEXFS_FAULT_READ, 1, 3 },   { VEXFS_FAULT_WRITE, 1, 7 },
		{ VEXFS_FAULT_ALLOC, 1, 41 }, { VEXFS_FAULT_FLUSH, 1, 1 },
		{ VEXFS_FAULT_TXN, 1, 11 },
	};
	static struct history h;
	struct mount m;
	__u32 k, at, left, met = 0, tried = 0;
	bool close;

	(void)state;
	for (k = 0; k < ARRAY_SIZE(kinds); k++)
		for (at = kinds[k].first;; at += kinds[k].step, tried++) {
			chance_seed(77 + at);
			memset(&h, 0, sizeof(h));
			mount_make(&m);
			m.quiet = true;
			mount_open(&m, 0);
			assert_int_equal(vexfs_image_mkdir(m.image, "/c", 0755), 0);
			mount_open_c(&m);
			assert_int_equal(collection_create(m.c), 0);
			assert_int_equal(vexfs_file_sync(m.c), 0);
			vexfs_fault_set(kinds[k].what, at);
			for (left = 60; left && act(&m, &h, true); left--)
				;
			close = at & 1;
			if (close) {
				vexfs_file_close(m.c);
				m.c = NULL;
				if (!vexfs_image_close(m.image))
					h.synced = h.ops;
			} else {
				mount_kill(&m);
			}
			if (!vexfs_fault_met()) {
				unlink(m.path);
				break;
			}
			met++;
			mount_check(&m);
			mount_open(&m, 0);
			mount_open_c(&m);
			check_prefix(&m, &h);
			mount_unmake(&m);
		}
	printf("# %u faults met\n", met);
	assert_true(met > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kills),
		cmocka_unit_test(faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
